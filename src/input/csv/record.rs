//! The exact scanner: what a CSV record is.
//!
//! # Contract
//! This scanner is the definition; whatever else finds records or fields must agree with it.
//! * Lines end in `\n` or `\r\n`, also mixed; the end of a file counts as a line end. A `\r` that no
//!   `\n` follows is data.
//! * A field that starts with `"` ends at the next `"` that is not doubled, and the delimiter or a
//!   line end must follow; in it, delimiters and line ends are data and `""` is one `"`.
//! * In any other field quotes are data.
//! * An empty line is no record.
//! * Where a quoted field ends in anything else, or not within [`LONGEST_QUOTED`] bytes, the record
//!   is malformed. It then is the line on which it starts, whatever that holds, and reading goes on
//!   at the next line. So an unclosed quote costs one line and not the rest of the file.

use memchr::{memchr, memchr2};

/// The longest quoted field in bytes, quotes included.
pub(in crate::input) const LONGEST_QUOTED: usize = 16 << 20;

/// What stands at a place where a record may start. `end` is where the next may start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::input) enum Scanned {
    /// A record.
    Record {
        /// After its line end.
        end: usize,
    },
    /// An empty line.
    Blank {
        /// After its line end.
        end: usize,
    },
    /// A line that is one bad record.
    Malformed {
        /// After its line end.
        end: usize,
        /// The quote at fault.
        quote: usize,
        /// The field that it opens, from 0.
        field: usize,
    },
    /// More text is needed to tell.
    Incomplete,
}

/// Why a quoted field has no end yet.
enum Unclosed {
    Malformed,
    Incomplete,
}

/// Scans what starts at `start` in `text`. `whole` says that nothing follows `text`, which then
/// ends in `\n`.
///
/// Into `ends` goes where each field of a record ends: at a delimiter, or at the record's `\n` (so
/// the `\r` of a `\r\n` is not taken off). It holds nothing of use after any other outcome.
pub(in crate::input) fn scan_record(
    text: &[u8],
    start: usize,
    delimiter: u8,
    whole: bool,
    ends: &mut Vec<u32>,
) -> Scanned {
    debug_assert!(!whole || text.last().is_none_or(|&c| c == b'\n'));
    match text[start..] {
        // A `\r` at the end of the text may be the first half of a `\r\n`.
        [] | [b'\r'] => return Scanned::Incomplete,
        [b'\n', ..] => return Scanned::Blank { end: start + 1 },
        [b'\r', b'\n', ..] => return Scanned::Blank { end: start + 2 },
        _ => {}
    }
    ends.clear();
    let mut at = start;
    loop {
        let end = match text.get(at) {
            None => return Scanned::Incomplete,
            Some(b'"') => match quoted_end(text, at, delimiter, whole) {
                Ok(end) => end,
                Err(Unclosed::Incomplete) => return Scanned::Incomplete,
                Err(Unclosed::Malformed) => return malformed(text, start, at, ends.len()),
            },
            Some(_) => match memchr2(delimiter, b'\n', &text[at..]) {
                Some(length) => at + length,
                None => return Scanned::Incomplete,
            },
        };
        ends.push(end as u32);
        if text[end] == b'\n' {
            return Scanned::Record { end: end + 1 };
        }
        at = end + 1;
    }
}

/// The delimiter or `\n` after the quoted field that opens at `open`.
fn quoted_end(text: &[u8], open: usize, delimiter: u8, whole: bool) -> Result<usize, Unclosed> {
    // Nothing follows a text that is whole, so a quote that is open in it stays open.
    let more = if whole { Unclosed::Malformed } else { Unclosed::Incomplete };
    let limit = open + LONGEST_QUOTED;
    let mut from = open + 1;
    loop {
        // The bound keeps an unclosed quote from scanning all of the rest for each record.
        let window = &text[from.min(text.len())..text.len().min(limit)];
        let Some(length) = memchr(b'"', window) else {
            return Err(if text.len() >= limit { Unclosed::Malformed } else { more });
        };
        let close = from + length;
        return match text[close + 1..] {
            [b'"', ..] => {
                from = close + 2;
                continue;
            }
            [c, ..] if c == delimiter || c == b'\n' => Ok(close + 1),
            [b'\r', b'\n', ..] => Ok(close + 2),
            // The next byte decides whether the quote is doubled or ends the field.
            [] | [b'\r'] => Err(more),
            _ => Err(Unclosed::Malformed),
        };
    }
}

fn malformed(text: &[u8], start: usize, quote: usize, field: usize) -> Scanned {
    match memchr(b'\n', &text[start..]) {
        Some(length) => Scanned::Malformed { end: start + length + 1, quote, field },
        None => Scanned::Incomplete,
    }
}

/// Where `text` can be cut: after the first record that ends at `enough` or later, or else after the last one that is
/// told for sure. `whole` says that nothing follows `text`.
pub(in crate::input) fn end_of_records(text: &[u8], delimiter: u8, whole: bool, enough: usize) -> usize {
    let mut ends = Vec::new();
    let mut at = 0;
    while at < enough {
        match scan_record(text, at, delimiter, whole, &mut ends) {
            Scanned::Record { end } | Scanned::Blank { end } | Scanned::Malformed { end, .. } => at = end,
            Scanned::Incomplete => break,
        }
    }
    at
}

/// What a field between two ends says: without quotes around it, `""` still doubled; and whether it
/// was quoted.
#[inline(always)]
pub(in crate::input) fn unquoted(field: &[u8]) -> (&[u8], bool) {
    match field {
        [b'"', inner @ .., b'"'] => (inner, true),
        _ => (field, false),
    }
}

/// Appends the content of a quoted field to `out`, each `""` as one `"`.
pub(in crate::input) fn unescape(inner: &[u8], out: &mut Vec<u8>) {
    let mut rest = inner;
    while let Some(quote) = memchr(b'"', rest) {
        out.extend_from_slice(&rest[..=quote]);
        rest = &rest[(quote + 2).min(rest.len())..];
    }
    out.extend_from_slice(rest);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scan(text: &str, whole: bool) -> (Scanned, Vec<u32>) {
        let mut ends = vec![];
        (scan_record(text.as_bytes(), 0, b',', whole, &mut ends), ends)
    }

    #[test]
    fn records_end_where_the_rules_say() {
        assert_eq!(scan("a,b\nc", false), (Scanned::Record { end: 4 }, vec![1, 3]));
        assert_eq!(scan("a,\"b\nc\"\r\n", false), (Scanned::Record { end: 9 }, vec![1, 8]));
        assert_eq!(scan("a\"b\",\"\"\n", false), (Scanned::Record { end: 8 }, vec![4, 7]));
        assert_eq!(scan("\"a\"\"\",x\n", false), (Scanned::Record { end: 8 }, vec![5, 7]));
        assert_eq!(scan("a\rb\n", false), (Scanned::Record { end: 4 }, vec![3]));
        assert_eq!(scan("\r\nx", false).0, Scanned::Blank { end: 2 });
        assert_eq!(scan("\rx\n", false).0, Scanned::Record { end: 3 });
    }

    #[test]
    fn unclosed_quotes_cost_one_line() {
        assert_eq!(scan("a,\"b\nc\n", true).0, Scanned::Malformed { end: 5, quote: 2, field: 1 });
        assert_eq!(scan("a,\"b\nc\n", false).0, Scanned::Incomplete);
        assert_eq!(scan("\"a\"b\n", false).0, Scanned::Malformed { end: 5, quote: 0, field: 0 });
        assert_eq!(scan("\"a\"\rb\n", false).0, Scanned::Malformed { end: 6, quote: 0, field: 0 });
        assert_eq!(scan("\"a\"", false).0, Scanned::Incomplete);
        let long = format!("\"{}\n\"\n", "x".repeat(LONGEST_QUOTED));
        assert!(matches!(scan(&long, false).0, Scanned::Malformed { quote: 0, .. }));
        let fits = format!("\"{}\"\n", "x".repeat(LONGEST_QUOTED - 2));
        assert!(matches!(scan(&fits, false).0, Scanned::Record { .. }));
    }

    #[test]
    fn doubled_quotes_become_one() {
        let mut out = vec![];
        unescape(b"a\"\"b\"\"\"\"", &mut out);
        assert_eq!(out, b"a\"b\"\"");
    }
}
