//! JSON Lines by `serde_json`: one object a line, of which the wanted keys are kept as they stand.

use super::part::{File, RawColumn, RawFile, without_bom};
use crate::error::Result;
use arrow_array::ArrayRef;
use arrow_array::builder::StringViewBuilder;
use serde::Deserializer;
use serde::de::{DeserializeSeed, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

/// The rows of a file.
pub(super) fn read(file: &File, text: &[u8], wanted: &[RawColumn]) -> Result<RawFile> {
    rows(file, without_bom(text), wanted)
}

/// How many bytes at the start of `text` are whole lines, and how many records these have; `last` says that nothing follows
/// it.
pub(super) fn whole_records(text: &[u8], last: bool) -> (usize, u64) {
    let bytes = if last { text.len() } else { memchr::memrchr(b'\n', text).map_or(0, |at| at + 1) };
    let lines = text[..bytes].split(|&c| c == b'\n');
    (bytes, lines.filter(|line| !line.trim_ascii().is_empty()).count() as u64)
}

/// The rows of a text of whole lines.
pub(super) fn rows(file: &File, text: &[u8], wanted: &[RawColumn]) -> Result<RawFile> {
    let paths: Vec<Vec<&str>> = wanted.iter().map(|column| column.name.split('.').collect()).collect();
    let keys = SoughtKeys::of(wanted, &paths);
    let mut columns: Vec<StringViewBuilder> = wanted.iter().map(|_| StringViewBuilder::new()).collect();
    let (mut numbers, mut number) = (vec![], 0);
    for line in text.split(|&c| c == b'\n') {
        let line = line.trim_ascii();
        if line.is_empty() {
            continue;
        }
        let row = number;
        number += 1;
        match std::str::from_utf8(line)
            .map_err(|e| e.to_string())
            .and_then(|l| values(l, wanted, &paths, &keys))
        {
            Ok(values) => {
                columns.iter_mut().zip(values).for_each(|(column, value)| column.append_option(value));
                numbers.push(row);
            }
            Err(what) => file.bad(row, &format!("it is not a JSON object that can be read ({what})"))?,
        }
    }
    let columns = columns.iter_mut().map(|column| Some(Arc::new(column.finish()) as ArrayRef));
    Ok(RawFile { columns: columns.collect(), numbers, records: number })
}

/// The values of a line, per wanted column; or why it is no record.
fn values(
    line: &str,
    wanted: &[RawColumn],
    paths: &[Vec<&str>],
    keys: &SoughtKeys,
) -> std::result::Result<Vec<Option<String>>, String> {
    let found = ObjectSeed::read(line, &keys.0)?;
    let of = |key: &str| keys.0.iter().position(|known| *known == key).and_then(|i| found[i]);
    wanted
        .iter()
        .zip(paths)
        .map(|(column, path)| {
            // A key that has the dots in it goes before the path.
            let raw = match of(&column.name) {
                Some(raw) => Some(raw),
                None if path.len() > 1 => inside(of(path[0]), &path[1..])?,
                None => None,
            };
            if let Some(raw) = raw.filter(|_| column.json) {
                return Ok((raw.get() != "null").then(|| raw.get().to_string()));
            }
            let value = raw.map_or(Ok(None), |raw| value(raw.get(), column.integer))?;
            let text = raw.is_some_and(|raw| raw.get().starts_with('"'));
            Ok(match value {
                Some(value) if text => column.plain(&value).map(Cow::into_owned),
                value => value,
            })
        })
        .collect()
}

/// The value at the end of a path of keys.
fn inside<'a>(raw: Option<&'a RawValue>, path: &[&str]) -> std::result::Result<Option<&'a RawValue>, String> {
    match (raw, path) {
        (None, _) | (_, []) => Ok(raw),
        (Some(raw), [key, rest @ ..]) if raw.get().starts_with('{') => {
            inside(ObjectSeed::read(raw.get(), &[key])?[0], rest)
        }
        _ => Ok(None),
    }
}

/// The text of a value; none of null.
fn value(raw: &str, integer: bool) -> std::result::Result<Option<String>, String> {
    match raw.as_bytes().first() {
        // The text is valid JSON, so a value that starts with `n` is null.
        Some(b'n') => Ok(None),
        Some(b'"') => serde_json::from_str(raw).map(Some).map_err(|e| e.to_string()),
        Some(b'-' | b'0'..=b'9') if integer => Ok(Some(whole(raw).unwrap_or_else(|| raw.to_string()))),
        _ => Ok(Some(raw.to_string())),
    }
}

/// The digits of a whole number that is written with a fraction or an exponent.
fn whole(number: &str) -> Option<String> {
    if !number.contains(['.', 'e', 'E']) {
        return None;
    }
    super::values::decimal(number, 38, 0).ok().map(|value| value.to_string())
}

/// The keys of a record that are looked for.
struct SoughtKeys<'a>(Vec<&'a str>);

impl<'a> SoughtKeys<'a> {
    fn of(wanted: &'a [RawColumn], paths: &[Vec<&'a str>]) -> SoughtKeys<'a> {
        let mut keys: Vec<&str> = wanted.iter().map(|column| column.name.as_str()).collect();
        keys.extend(paths.iter().map(|path| path[0]));
        keys.sort_unstable();
        keys.dedup();
        SoughtKeys(keys)
    }
}

/// Takes the values of some keys out of an object. Of a key that comes twice the last value stays.
struct ObjectSeed<'k>(&'k [&'k str]);

impl<'k> ObjectSeed<'k> {
    fn read<'de>(
        text: &'de str,
        keys: &'k [&'k str],
    ) -> std::result::Result<Vec<Option<&'de RawValue>>, String> {
        let mut from = serde_json::Deserializer::from_str(text);
        let found = from.deserialize_map(ObjectSeed(keys)).map_err(|e| e.to_string())?;
        // Without this check `{} x` would pass for an object.
        from.end().map_err(|e| e.to_string())?;
        Ok(found)
    }
}

impl<'de> Visitor<'de> for ObjectSeed<'_> {
    type Value = Vec<Option<&'de RawValue>>;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> std::result::Result<Self::Value, A::Error> {
        let mut found = vec![None; self.0.len()];
        while let Some(key) = map.next_key_seed(KeySeed(self.0))? {
            match key {
                Some(key) => found[key] = Some(map.next_value()?),
                None => {
                    // A value that is not wanted is skipped without being built.
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(found)
    }
}

/// The number of a key among those that are looked for.
struct KeySeed<'k>(&'k [&'k str]);

impl<'de> DeserializeSeed<'de> for KeySeed<'_> {
    type Value = Option<usize>;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> std::result::Result<Self::Value, D::Error> {
        from.deserialize_str(self)
    }
}

impl Visitor<'_> for KeySeed<'_> {
    type Value = Option<usize>;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E>(self, key: &str) -> std::result::Result<Self::Value, E> {
        Ok(self.0.iter().position(|known| *known == key))
    }
}
