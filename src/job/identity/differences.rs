//! What differs between two forms, in words.

use serde_json::Value;

/// Whether two forms are written alike: the order of keys, which `==` leaves out, is that of columns.
pub fn same(a: &Value, b: &Value) -> bool {
    let [a, b] = [a, b].map(Value::to_string);
    a == b
}

/// The differences between the form that was and the form that is, such as
/// ``step 1 `filter` is `n > 1`, but was `n > 0` ``; the first `most`, in the order of the form.
pub fn differences(was: &Value, is: &Value, most: usize) -> Vec<String> {
    let mut found = vec![];
    compare(&mut vec![], Some(was), Some(is), &mut found);
    let more = found.len().saturating_sub(most);
    found.truncate(most);
    if more > 0 {
        found.push(format!("{more} more"));
    }
    found
}

/// Values by key, in order.
type Members<'v> = Vec<(&'v str, &'v Value)>;

fn compare(path: &mut Vec<String>, was: Option<&Value>, is: Option<&Value>, found: &mut Vec<String>) {
    match (was, is) {
        (Some(a), Some(b)) if same(a, b) => {}
        (Some(Value::Object(a)), Some(Value::Object(b))) => {
            let [a, b] = [a, b].map(|all| all.iter().map(|(key, value)| (key.as_str(), value)).collect());
            members(path, &a, &b, found);
        }
        // Elements with names are compared by name: one that is new must not shift all behind it.
        (Some(Value::Array(a)), Some(Value::Array(b))) => match (named(a), named(b)) {
            (Some(a), Some(b)) => members(path, &a, &b, found),
            _ => {
                for i in 0..a.len().max(b.len()) {
                    path.push((i + 1).to_string());
                    compare(path, a.get(i), b.get(i), found);
                    path.pop();
                }
            }
        },
        (was, is) => found.push(match (was, is) {
            (Some(was), Some(is)) => format!("{} is {}, but was {}", place(path), text(is), text(was)),
            (None, Some(is)) => format!("{} is new: {}", place(path), text(is)),
            (Some(was), _) => format!("{} is gone: {}", place(path), text(was)),
            (None, None) => return,
        }),
    }
}

/// Compares members by their keys; where none differs, their order does.
fn members(path: &mut Vec<String>, was: &Members, is: &Members, found: &mut Vec<String>) {
    let before = found.len();
    let gone = was.iter().filter(|(key, _)| of(is, key).is_none());
    for (key, _) in is.iter().chain(gone) {
        path.push(key.to_string());
        compare(path, of(was, key), of(is, key), found);
        path.pop();
    }
    // The two are not the same, so where none of their members differs it is their order.
    if found.len() == before {
        found.push(format!("the order of {} has changed", place(path)));
    }
}

fn of<'v>(all: &Members<'v>, key: &str) -> Option<&'v Value> {
    all.iter().find(|(known, _)| *known == key).map(|(_, value)| *value)
}

/// Elements that have a name each, by it.
fn named(all: &[Value]) -> Option<Members<'_>> {
    all.iter().map(|value| Some((value.get("name")?.as_str()?, value))).collect()
}

/// A place in the form, as the job file has it: `step 1 filter`.
fn place(path: &[String]) -> String {
    let words = path.iter().map(|word| match word.as_str() {
        "steps" => "step",
        "read" => "the source's",
        "output" => "the output's",
        word => word,
    });
    words.collect::<Vec<_>>().join(" ")
}

/// A value, cut where it is long.
fn text(value: &Value) -> String {
    const LONG: usize = 80;
    let text = match value {
        Value::String(text) => text.clone(),
        value => value.to_string(),
    };
    // Cut between characters, as bytes may lie inside of one.
    match text.char_indices().nth(LONG) {
        Some((end, _)) => format!("`{}…`", &text[..end]),
        None => format!("`{text}`"),
    }
}
