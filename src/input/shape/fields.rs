//! Lines of fields without a delimiter of their own, as lines of CSV with commas.

use super::lines::{EachLine, without_end};
use crate::error::Result;

/// Adds a field.
pub(super) fn push(out: &mut Vec<u8>, field: &[u8]) {
    // RFC 4180 asks for quotes around such a field; around all others they would make the scan slower.
    if !field.iter().any(|c| matches!(c, b',' | b'"' | b'\n' | b'\r')) {
        out.extend_from_slice(field);
        return;
    }
    out.push(b'"');
    for &c in field {
        if c == b'"' {
            out.push(b'"');
        }
        out.push(c);
    }
    out.push(b'"');
}

/// Adds fields, and the end of the line.
pub(super) fn push_all<'a>(out: &mut Vec<u8>, fields: impl IntoIterator<Item = &'a [u8]>) {
    for (i, field) in fields.into_iter().enumerate() {
        if i > 0 {
            out.push(b',');
        }
        push(out, field);
    }
    out.push(b'\n');
}

/// Adds a line that is not what lines should be, as one field: it is a record of too few.
pub(super) fn push_whole(out: &mut Vec<u8>, line: &[u8]) {
    push(out, line);
    out.push(b'\n');
}

/// Fields with spaces or tabs between them; one in quotes may have some in it.
pub(super) struct Spaces;

impl EachLine for Spaces {
    fn line(&mut self, line: &[u8], out: &mut Vec<u8>) -> Result<()> {
        let mut fields: Vec<Vec<u8>> = vec![];
        let mut rest = without_end(line).trim_ascii();
        while !rest.is_empty() {
            let mut field = vec![];
            if rest[0] == b'"' {
                let Some(after) = quoted(&rest[1..], &mut field) else {
                    push_whole(out, without_end(line));
                    return Ok(());
                };
                rest = after;
            } else {
                let end = rest.iter().position(|c| matches!(c, b' ' | b'\t')).unwrap_or(rest.len());
                field.extend_from_slice(&rest[..end]);
                rest = &rest[end..];
            }
            fields.push(field);
            rest = rest.trim_ascii_start();
        }
        push_all(out, fields.iter().map(Vec::as_slice));
        Ok(())
    }
}

/// What follows a field whose quote is open; none where it is not closed before a space.
fn quoted<'a>(mut rest: &'a [u8], field: &mut Vec<u8>) -> Option<&'a [u8]> {
    loop {
        let end = memchr::memchr(b'"', rest)?;
        field.extend_from_slice(&rest[..end]);
        rest = &rest[end + 1..];
        match rest.first() {
            Some(b'"') => {
                field.push(b'"');
                rest = &rest[1..];
            }
            None | Some(b' ' | b'\t') => return Some(rest),
            Some(_) => return None,
        }
    }
}

/// Fields of so many characters each; spaces around them are none of theirs.
pub(super) struct Widths(pub(super) Vec<usize>);

impl EachLine for Widths {
    fn line(&mut self, line: &[u8], out: &mut Vec<u8>) -> Result<()> {
        let line = without_end(line);
        // An empty line stays one, and does not become a record of empty fields.
        if line.trim_ascii().is_empty() {
            out.push(b'\n');
            return Ok(());
        }
        // Widths count characters, which a text that is not UTF-8 does not tell.
        let Ok(text) = std::str::from_utf8(line) else {
            push_whole(out, line);
            return Ok(());
        };
        let mut rest = text;
        let mut fields = vec![];
        for width in &self.0 {
            let end = rest.char_indices().nth(*width).map_or(rest.len(), |(at, _)| at);
            fields.push(rest[..end].trim().as_bytes());
            rest = &rest[end..];
        }
        // What is behind the last field is one more, so that it is told.
        if !rest.trim().is_empty() {
            fields.push(rest.trim().as_bytes());
        }
        push_all(out, fields);
        Ok(())
    }
}
