//! Documents of JSON as lines of plain JSON, by `serde_json`: the second reader of lists of records, of records over several
//! lines, and of lists inside of records.

use crate::error::{Error, Result};
use crate::input::SourceFile;
use serde_json::value::RawValue;
use std::collections::BTreeMap;

/// The values of an object as they stand, in their order; of a key that comes twice the last.
type RawObject<'a> = BTreeMap<String, &'a RawValue>;

/// The records of a file of documents, one to a line.
///
/// # Errors
/// What is no JSON, or has no list where the records should be.
pub(super) fn lines(file: &SourceFile, text: &[u8]) -> Result<Vec<u8>> {
    let Some(layout) = &file.shape.documents else { return Ok(text.to_vec()) };
    let failed = |what: String| Error::data(format!("{}: {what}", file.path.display()));
    let keys = layout.records.as_ref().map(|pointer| pointer.text());
    let mut out = vec![];
    for document in
        serde_json::Deserializer::from_slice(super::part::without_bom(text)).into_iter::<Box<RawValue>>()
    {
        let document = document.map_err(|e| failed(format!("it is not JSON to its end ({e})")))?;
        let found = match keys {
            // A list holds records, and anything else is one.
            None if !document.get().starts_with('[') => {
                record(document.get(), &mut out);
                continue;
            }
            None => document.get(),
            Some(pointer) => inside(document.get(), pointer)
                .ok_or_else(|| failed(format!("a document has no value at `{pointer}`")))?,
        };
        let items: Vec<&RawValue> =
            serde_json::from_str(found).map_err(|e| failed(format!("its records are not a list ({e})")))?;
        items.iter().for_each(|item| record(item.get(), &mut out));
    }
    Ok(out)
}

/// A record without its line ends, which stand between its tokens alone.
fn record(text: &str, out: &mut Vec<u8>) {
    out.extend(text.bytes().map(|c| if matches!(c, b'\n' | b'\r') { b' ' } else { c }));
    out.push(b'\n');
}

/// The value at a JSON Pointer.
fn inside<'a>(text: &'a str, pointer: &str) -> Option<&'a str> {
    let Some((_, rest)) = pointer.split_once('/') else { return Some(text) };
    let (key, more) = rest.find('/').map_or((rest, ""), |at| rest.split_at(at));
    // RFC 6901 wants `~1` replaced before `~0`, so that `~01` becomes `~1`.
    let key = key.replace("~1", "/").replace("~0", "~");
    let value = if text.starts_with('[') {
        let items: Vec<&'a RawValue> = serde_json::from_str(text).ok()?;
        items.get(key.parse::<usize>().ok()?)?.get()
    } else {
        let fields: RawObject<'a> = serde_json::from_str(text).ok()?;
        fields.get(&key)?.get()
    };
    inside(value, more)
}

/// A line for each item of the list at the path `list` of each record: the item in place of the list, and its number as
/// `_item`. A line that is no record stays as it is, and one whose list is none is made one that is no record.
pub(super) fn unnested(list: &str, text: &[u8]) -> Vec<u8> {
    let mut out = vec![];
    for line in
        super::part::without_bom(text).split(|&c| c == b'\n').filter(|line| !line.trim_ascii().is_empty())
    {
        // `!` is not JSON: the line becomes a bad record and keeps its number.
        let line = std::str::from_utf8(line).unwrap_or("!");
        let Ok(fields) = serde_json::from_str::<RawObject>(line) else {
            record(line, &mut out);
            continue;
        };
        let path: Vec<&str> = if fields.contains_key(list) { vec![list] } else { list.split('.').collect() };
        let found = at(line, &path);
        if found.is_none_or(|found| found == "null") {
            continue;
        }
        let Some(Ok(items)) = found.map(serde_json::from_str::<Vec<&RawValue>>) else {
            record("!", &mut out);
            continue;
        };
        for (number, item) in items.iter().enumerate() {
            let Some(row) = with(line, &path, item.get()) else { continue };
            // Items count from 1, as WITH ORDINALITY does in SQL.
            let numbered = with(&row, &["_item"], &(number + 1).to_string());
            record(numbered.as_deref().unwrap_or(&row), &mut out);
        }
    }
    out
}

/// The value at the end of a path of keys.
fn at<'a>(text: &'a str, path: &[&str]) -> Option<&'a str> {
    let [key, rest @ ..] = path else { return Some(text) };
    let fields: RawObject<'a> = serde_json::from_str(text).ok()?;
    at(fields.get(*key)?.get(), rest)
}

/// The object `text` with another value at the end of a path of keys.
fn with(text: &str, path: &[&str], value: &str) -> Option<String> {
    let [key, rest @ ..] = path else { return Some(value.to_string()) };
    let fields: RawObject = serde_json::from_str(text).ok()?;
    let inner = match rest {
        [] => value.to_string(),
        _ => with(fields.get(*key)?.get(), rest, value)?,
    };
    let mut all: BTreeMap<&str, &str> = fields.iter().map(|(name, raw)| (name.as_str(), raw.get())).collect();
    all.insert(key, &inner);
    let quoted = |name: &str| serde_json::Value::from(name).to_string();
    let fields: Vec<String> = all.iter().map(|(name, value)| format!("{}:{value}", quoted(name))).collect();
    Some(format!("{{{}}}", fields.join(",")))
}
