//! Places in JSON texts.

use serde_json::Value;

/// The way to a place: keys of objects and places in arrays.
#[derive(Debug, PartialEq, Eq)]
pub struct Path(Vec<Step>);

#[derive(Debug, PartialEq, Eq)]
enum Step {
    Key(String),
    /// From 0, or from the end by a negative number.
    Place(i64),
}

impl Path {
    /// Reads `$.a[0]."b c"`, and PostgreSQL's `{a,0,b}`.
    pub fn parse(text: &str) -> Result<Path, String> {
        let wrong = || format!("'{text}' is no path such as `$.a[0].b`");
        if let Some(inner) = text.strip_prefix('{') {
            let inner = inner.strip_suffix('}').ok_or_else(wrong)?;
            let step = |word: &str| word.parse().map_or_else(|_| Step::Key(word.to_string()), Step::Place);
            return Ok(Path(inner.split(',').filter(|word| !word.is_empty()).map(step).collect()));
        }
        let mut rest = text.strip_prefix('$').ok_or_else(wrong)?;
        let mut steps = vec![];
        while !rest.is_empty() {
            if let Some(inner) = rest.strip_prefix('[') {
                let (place, after) = inner.split_once(']').ok_or_else(wrong)?;
                let place = place.trim_matches('\'');
                steps.push(place.parse().map_or_else(|_| Step::Key(place.to_string()), Step::Place));
                rest = after;
            } else if let Some(inner) = rest.strip_prefix('.') {
                if inner.starts_with('"') {
                    let mut values = serde_json::Deserializer::from_str(inner).into_iter::<String>();
                    let key = values.next().and_then(Result::ok).ok_or_else(wrong)?;
                    rest = &inner[values.byte_offset()..];
                    steps.push(Step::Key(key));
                } else {
                    let end = inner.find(['.', '[']).unwrap_or(inner.len());
                    if end == 0 {
                        return Err(wrong());
                    }
                    steps.push(Step::Key(inner[..end].to_string()));
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
            Step::Key(key) => Ok(key.as_str()),
            Step::Place(place) => Err(*place),
        })
    }

    /// What stands there in `text`; `None` where nothing does. The error says that the text is no JSON.
    pub fn find(&self, text: &str) -> Result<Option<Value>, String> {
        let whole: Value =
            serde_json::from_str(text).map_err(|_| format!("`{}` is no JSON", super::shown(text)))?;
        let found = self.0.iter().try_fold(&whole, |value, step| match (step, value) {
            (Step::Key(key), Value::Object(fields)) => fields.get(key),
            (Step::Place(place), Value::Array(items)) => {
                let at = if *place < 0 { place + items.len() as i64 } else { *place };
                usize::try_from(at).ok().and_then(|at| items.get(at))
            }
            // A number is a key too, of an object.
            (Step::Place(place), Value::Object(fields)) => fields.get(&place.to_string()),
            _ => None,
        });
        Ok(found.cloned())
    }

    /// What stands there, as text: a text without its quotes, `null` as NULL.
    pub fn text(&self, text: &str) -> Result<Option<String>, String> {
        Ok(match self.find(text)? {
            None | Some(Value::Null) => None,
            Some(Value::String(text)) => Some(text),
            Some(value) => Some(value.to_string()),
        })
    }
}
