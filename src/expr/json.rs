//! Places in JSON texts.

use serde_json::value::RawValue;
use std::collections::HashMap;

/// The way to a place: keys of objects and places in arrays.
#[derive(Debug, PartialEq, Eq)]
pub struct Path(Vec<JsonStep>);

#[derive(Debug, PartialEq, Eq)]
enum JsonStep {
    Key(String),
    /// From 0, or from the end by a negative number.
    Place(i64),
    /// A place in an array, and in an object the key that is written so.
    Either(i64, String),
}

impl Path {
    /// Reads `$.a[0]."b c"`, and PostgreSQL's `{a,0,b}`.
    pub fn parse(text: &str) -> Result<Path, String> {
        let wrong = || format!("'{text}' is not a path such as `$.a[0].b`");
        if let Some(inner) = text.strip_prefix('{') {
            let inner = inner.strip_suffix('}').ok_or_else(wrong)?;
            let step = |word: &str| match word.parse() {
                Ok(place) => JsonStep::Either(place, word.to_string()),
                Err(_) => JsonStep::Key(word.to_string()),
            };
            return Ok(Path(inner.split(',').filter(|word| !word.is_empty()).map(step).collect()));
        }
        let mut rest = text.strip_prefix('$').ok_or_else(wrong)?;
        let mut steps = vec![];
        while !rest.is_empty() {
            if let Some(inner) = rest.strip_prefix('[') {
                let (place, after) = inner.split_once(']').ok_or_else(wrong)?;
                let place = place.trim_matches('\'');
                steps.push(place.parse().map_or_else(|_| JsonStep::Key(place.to_string()), JsonStep::Place));
                rest = after;
            } else if let Some(inner) = rest.strip_prefix('.') {
                if inner.starts_with('"') {
                    // A key in quotes may hold points, brackets and escapes: the reader of JSON finds its
                    // end.
                    let mut values = serde_json::Deserializer::from_str(inner).into_iter::<String>();
                    let key = values.next().and_then(Result::ok).ok_or_else(wrong)?;
                    rest = &inner[values.byte_offset()..];
                    steps.push(JsonStep::Key(key));
                } else {
                    let end = inner.find(['.', '[']).unwrap_or(inner.len());
                    if end == 0 {
                        return Err(wrong());
                    }
                    steps.push(JsonStep::Key(inner[..end].to_string()));
                    rest = &inner[end..];
                }
            } else {
                return Err(wrong());
            }
        }
        Ok(Path(steps))
    }

    /// Its steps: a key, or a place in an array.
    pub fn steps(&self) -> impl Iterator<Item = std::result::Result<&str, i64>> {
        self.0.iter().map(|step| match step {
            JsonStep::Key(key) => Ok(key.as_str()),
            JsonStep::Place(place) | JsonStep::Either(place, _) => Err(*place),
        })
    }

    /// What stands there in `text`, as it is written; `None` where nothing does. The error says that the text is no JSON.
    pub fn find<'a>(&self, text: &'a str) -> Result<Option<&'a str>, String> {
        // A raw value keeps the text as it is written; a parsed number could lose digits.
        let whole: &RawValue =
            serde_json::from_str(text).map_err(|_| format!("`{}` is not JSON", super::words::shown(text)))?;
        Ok(self.0.iter().try_fold(whole.get(), |value, step| step.of(value)))
    }

    /// What stands there, as text: a text without its quotes, `null` as NULL.
    pub fn text(&self, text: &str) -> Result<Option<String>, String> {
        let found = self.find(text)?;
        Ok(match found {
            None | Some("null") => None,
            Some(value) if value.starts_with('"') => {
                // An escape such as `\ud800` is JSON, but it is not a character.
                let text = serde_json::from_str(value);
                Some(text.map_err(|_| {
                    format!("`{}` is not a text that can be read", super::words::shown(value))
                })?)
            }
            Some(value) => Some(value.to_string()),
        })
    }
}

impl JsonStep {
    /// What stands at it in a value. Of several fields of one name the last is taken.
    fn of<'a>(&self, value: &'a str) -> Option<&'a str> {
        let key = |key: &str| {
            // A map keeps the last of several fields of one name, as PostgreSQL's jsonb does.
            let mut fields: HashMap<String, &RawValue> = serde_json::from_str(value).ok()?;
            fields.remove(key).map(RawValue::get)
        };
        let place = |place: i64| {
            let items: Vec<&RawValue> = serde_json::from_str(value).ok()?;
            let at = if place < 0 { place + items.len() as i64 } else { place };
            // A place before the first item is still negative here, and gives NULL.
            usize::try_from(at).ok().and_then(|at| items.get(at)).map(|item| item.get())
        };
        match (self, value.as_bytes().first()) {
            (JsonStep::Key(name) | JsonStep::Either(_, name), Some(b'{')) => key(name),
            (JsonStep::Place(at) | JsonStep::Either(at, _), Some(b'[')) => place(*at),
            _ => None,
        }
    }
}
