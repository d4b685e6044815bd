//! How a file of JSON is laid out, told by its beginning.

use super::{Pointer, RecordPath};
use crate::input::infer::start;
use crate::input::opened::Opened;
use crate::input::shape::Shape;
use crate::input::source_file::{InputFormat, SourceFile};
use serde::de::IgnoredAny;
use serde_json::Value;

/// What is read of a file first, and the most that is.
const FIRST: usize = 4 << 10;
const MOST: usize = 4 << 20;

/// The layout of a file of JSON, where it is not an object a line: what begins with a list, has an object over several
/// lines, or several objects on one. A file that cannot be read shows none: who reads it will say why.
pub(in crate::input) fn recognise(file: &Opened, shape: &Shape) -> Option<RecordPath> {
    let mut bytes = FIRST;
    loop {
        let (head, whole) = start(file, shape, bytes).ok()?;
        match is_document(&head, whole) {
            Some(is) => return is.then(RecordPath::default),
            None if bytes >= MOST => return None,
            // The first few kilobytes tell most files; of a long first line more has to be seen, in few
            // steps.
            None => bytes *= 8,
        }
    }
}

/// Whether a text that begins so is no JSON Lines; none where more of it has to be seen.
pub(super) fn is_document(head: &[u8], whole: bool) -> Option<bool> {
    let text = head.trim_ascii_start();
    match text.first() {
        Some(b'[') => return Some(true),
        Some(b'{') => {}
        _ => return Some(false),
    }
    let end = memchr::memchr(b'\n', text);
    let line = &text[..end.unwrap_or(text.len())];
    let mut values = serde_json::Deserializer::from_slice(line).into_iter::<IgnoredAny>();
    match values.next() {
        Some(Ok(_)) => {
            let rest = line[values.byte_offset()..].trim_ascii_start();
            Some(matches!(rest.first(), Some(b'{' | b'[')))
        }
        // An object that does not end on its line goes on in the next one, or is cut off.
        Some(Err(error)) if error.is_eof() => {
            let Some(end) = end else { return if whole { Some(false) } else { None } };
            // If this line is the last, its object is cut short: that is a bad record and not a document.
            let more = !text[end..].trim_ascii().is_empty();
            let mut values = serde_json::Deserializer::from_slice(text).into_iter::<IgnoredAny>();
            Some(more && values.next().is_some_and(|value| value.map_or_else(|e| e.is_eof(), |_| true)))
        }
        _ => Some(false),
    }
}

/// Lays out the text files of JSON among `files` by a pointer that the job gives.
pub fn at(files: &mut [SourceFile], pointer: &Pointer) {
    for file in files.iter_mut().filter(|file| file.format == InputFormat::JsonLines) {
        file.shape.documents = Some(RecordPath { records: Some(pointer.clone()) });
    }
}

/// Where the records are, if the file is one object with one list of objects inside of it: the pointer, and the first of
/// the records that were seen.
pub fn list_inside(file: &SourceFile) -> Option<(Pointer, Vec<Value>)> {
    let records = file.shape.documents.as_ref().and_then(|layout| layout.records.as_ref());
    if file.format != InputFormat::JsonLines || records.is_some() || !file.framing.is_plain() {
        return None;
    }
    // The text as it lies in the file: of the lines that are made of it the way to the list is gone.
    let shape = file.shape.with_documents(None);
    let (head, whole) = start(&file.opened, &shape, 64 << 10).ok()?;
    // A head that is cut is closed as well as can be.
    let (value, rest) = object(&head, whole)?;
    if !rest.trim_ascii().is_empty() {
        return None;
    }
    let mut found = vec![];
    lists(&value, &mut vec![], &mut found);
    match found.as_slice() {
        // Of several lists each could be the records, so then the user has to say.
        [(keys, items)] => Some((Pointer::of(keys), items.clone())),
        _ => None,
    }
}

/// The first object of a text, and what follows it. Of a text that goes on, as much of the object as is there.
fn object(head: &[u8], whole: bool) -> Option<(Value, &[u8])> {
    let mut values = serde_json::Deserializer::from_slice(head).into_iter::<Value>();
    match values.next()? {
        Ok(value) => Some((value, &head[values.byte_offset()..])),
        Err(error) if error.is_eof() && !whole => closed(head).map(|value| (value, &head[head.len()..])),
        Err(_) => None,
    }
    .filter(|(value, _)| value.is_object())
}

/// The value that a cut text begins, up to the last item of a list or object that is whole.
fn closed(head: &[u8]) -> Option<Value> {
    let (mut open, mut text, mut escaped) = (vec![], false, false);
    let mut last = None;
    for (i, &c) in head.iter().enumerate() {
        match c {
            _ if escaped => escaped = false,
            b'\\' if text => escaped = true,
            b'"' => text = !text,
            _ if text => {}
            b'{' => open.push(b'}'),
            b'[' => open.push(b']'),
            b'}' | b']' => {
                open.pop()?;
                last = Some((i + 1, open.clone()));
            }
            b',' => last = Some((i, open.clone())),
            _ => {}
        }
    }
    let (end, open) = last?;
    let mut text = head[..end].to_vec();
    text.extend(open.iter().rev());
    serde_json::from_slice(&text).ok()
}

/// The lists of objects inside of `value`, in objects alone.
fn lists(value: &Value, keys: &mut Vec<String>, found: &mut Vec<(Vec<String>, Vec<Value>)>) {
    for (key, value) in value.as_object().into_iter().flatten() {
        keys.push(key.clone());
        match value {
            Value::Array(items) if items.first().is_some_and(Value::is_object) => {
                found.push((keys.clone(), items.clone()));
            }
            Value::Object(_) => lists(value, keys, found),
            _ => {}
        }
        keys.pop();
    }
}
