//! Fields of result files, CSV and JSON Lines, where they lie in the text.
//!
//! The readers of sources follow a stricter definition (`csv`, `jsonl`). This is for tables that are results already:
//! our own parts, read back, and results of others, to compare.

use memchr::{memchr, memchr2};

/// A field in a text. Of a quoted one, the places are those of what is between the quotes.
#[derive(Debug, Clone, Copy)]
pub struct FieldRange {
    /// How it is written.
    pub kind: FieldKind,
    /// Where it begins.
    pub start: usize,
    /// Where it ends.
    pub end: usize,
}

/// How a field is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FieldKind {
    /// As NULL.
    Null,
    /// Without quotes.
    Bare,
    /// In quotes, as it is.
    Quoted,
    /// In quotes, and not as it is: quotes are doubled, or characters escaped.
    Escaped,
}

impl FieldRange {
    /// Whether it stands in quotes.
    pub fn is_quoted(&self) -> bool {
        matches!(self.kind, FieldKind::Quoted | FieldKind::Escaped)
    }

    /// The place behind it and its closing quote.
    pub fn after(&self) -> usize {
        self.end + usize::from(self.is_quoted())
    }
}

/// The CSV field that starts at `at`; without quotes, it ends at one of `ends` or with the text. `None` where a quote is
/// never closed.
#[inline]
pub fn csv_field(text: &[u8], at: usize, ends: [u8; 2]) -> Option<FieldRange> {
    let rest = &text[at..];
    if rest.first() != Some(&b'"') {
        let length = rest.iter().position(|c| ends.contains(c)).unwrap_or(rest.len());
        let kind = if length == 0 { FieldKind::Null } else { FieldKind::Bare };
        return Some(FieldRange { kind, start: at, end: at + length });
    }
    let (mut kind, start) = (FieldKind::Quoted, at + 1);
    let mut end = start;
    loop {
        end += memchr(b'"', &text[end..])?;
        if text.get(end + 1) != Some(&b'"') {
            return Some(FieldRange { kind, start, end });
        }
        kind = FieldKind::Escaped;
        end += 2;
    }
}

/// Appends what the inside of a quoted CSV field stands for.
pub fn undouble(inside: &[u8], out: &mut Vec<u8>) -> Option<()> {
    let mut rest = inside;
    while let Some(quote) = memchr(b'"', rest) {
        out.extend_from_slice(&rest[..=quote]);
        rest = rest.get(quote + 2..)?;
    }
    out.extend_from_slice(rest);
    Some(())
}

/// The plain JSON value that starts at `at`. `None` where the text ends before it does.
#[inline]
pub fn json_field(text: &[u8], at: usize) -> Option<FieldRange> {
    if *text.get(at)? != b'"' {
        let length = text[at..].iter().position(|&c| c == b',' || c == b'}')?;
        let kind = if text[at] == b'n' { FieldKind::Null } else { FieldKind::Bare };
        return Some(FieldRange { kind, start: at, end: at + length });
    }
    let (mut kind, start) = (FieldKind::Quoted, at + 1);
    let mut end = start;
    loop {
        end += memchr2(b'"', b'\\', text.get(end..)?)?;
        if text[end] == b'"' {
            return Some(FieldRange { kind, start, end });
        }
        kind = FieldKind::Escaped;
        end += 2;
    }
}

/// The JSON of any kind that starts at `at`, as it stands. `None` where the text ends before it does.
pub fn whole_json(text: &[u8], at: usize) -> Option<FieldRange> {
    let (mut end, mut depth) = (at, 0_usize);
    loop {
        match *text.get(end)? {
            b'"' => end = json_field(text, end)?.end,
            b'[' | b'{' => depth += 1,
            b',' | b'}' if depth == 0 => break,
            b']' | b'}' => depth = depth.checked_sub(1)?,
            _ => {}
        }
        end += 1;
    }
    let kind = if &text[at..end] == b"null" { FieldKind::Null } else { FieldKind::Bare };
    Some(FieldRange { kind, start: at, end })
}

/// Appends what the inside of a JSON string stands for. `None` where it is not JSON.
pub fn unescape(inside: &[u8], out: &mut Vec<u8>) -> Option<()> {
    let quoted = [b"\"", inside, b"\""].concat();
    out.extend_from_slice(serde_json::from_slice::<String>(&quoted).ok()?.as_bytes());
    Some(())
}
