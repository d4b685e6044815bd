//! What is around the records of a text: lines before the header and after the last record, comments, a format of web
//! servers. What is found is a key of the job, with its reason.
//!
//! # Contract
//! Nothing is left out of which it is not said. A line at the end that may be a record that was cut short is one.

use super::infer::{Class, start};
use super::shape::{Form, LineRules, weblog};
use super::value::{basic, shown};
use super::{InputFormat, SourceFile};

/// How much of a file is looked at.
const HEAD: usize = 256 << 10;

/// Delimiters, the likely ones first.
const DELIMITERS: [u8; 4] = [b',', b'\t', b';', b'|'];

/// What a line after the last record begins with, in small letters.
const ENDS: [&str; 12] = [
    "total",
    "grand total",
    "subtotal",
    "sum",
    "summe",
    "gesamt",
    "totaal",
    "totale",
    "итого",
    "rows:",
    "end of",
    "-- ",
];

/// Keys of the job, with the reason of each.
#[derive(Debug, Default)]
pub struct SuggestedKeys {
    /// What the keys say.
    pub rules: LineRules,
    /// The format, where it is not CSV.
    pub format: Option<&'static str>,
    /// The number of the line that is the header, or the first record, from 1; and its fields.
    pub header: Option<(usize, Vec<String>)>,
    /// Lines of the job file, and why.
    pub lines: Vec<(String, String)>,
    /// What a person should look at.
    pub doubts: Vec<String>,
}

/// What is around the records of the first of `files` that has any text, as it is read now; `None` where it is not of CSV.
pub fn of(files: &[SourceFile]) -> Option<(&SourceFile, SuggestedKeys)> {
    for file in files.iter().filter(|file| file.format == InputFormat::Csv) {
        let (head, whole) = start(&file.opened, &file.shape, HEAD).ok()?;
        if head.trim_ascii().is_empty() || !matches!(file.shape.form, Form::Plain | Form::Sheet) {
            continue;
        }
        let mut found = SuggestedKeys::default();
        found.text(&head, whole, file.shape.sep);
        return Some((file, found));
    }
    None
}

impl SuggestedKeys {
    /// Finds what is around the records of a text that begins with `head`, which may be all of it. `sep` is the delimiter
    /// that its first line tells.
    pub fn text(&mut self, head: &[u8], whole: bool, sep: Option<u8>) {
        of_text(head, whole, sep, self);
    }
}

/// Finds what is around the records of a text.
fn of_text(head: &[u8], whole: bool, sep: Option<u8>, found: &mut SuggestedKeys) {
    let mut lines: Vec<&[u8]> = head.split(|c| *c == b'\n').map(<[u8]>::trim_ascii_end).collect();
    // The last line of a part of a file may be cut short.
    if !whole {
        lines.pop();
    }
    if let Some((form, word)) = weblog(lines.iter().copied().filter(|line| !line.is_empty()).take(20)) {
        found.rules.form = Some(form);
        found.format = Some(word);
        return;
    }
    if let Some(escape) = escaped(head) {
        found.rules.escape = Some(escape);
        found.lines.push(("escape = \"\\\\\"".into(), "quotes in fields are written `\\\"`".into()));
        return;
    }
    if has_long_fields(head) {
        // Lines are not records there, and counting fields of lines says nothing.
        return;
    }
    let Some(layout) = layout(&lines, sep) else { return };
    found.rules.delimiter = Some(layout.delimiter);
    let header = lines[layout.first];
    found.header = Some((layout.first + 1, split(header, layout.delimiter)));
    before(&lines, &layout, found);
    // What comes after the last record is known only where all of the file was looked at.
    if whole {
        after(&lines, &layout, found);
    }
}

/// What the user may write where a record begins with `text` that is no value of its column, such as `Total`.
pub fn end_hint(text: &[u8]) -> Option<String> {
    let word = std::str::from_utf8(text).ok()?;
    let is_end = ENDS.iter().any(|end| word.to_lowercase().starts_with(end));
    is_end.then(|| format!("if the records end there: until = {} in [source]", basic(word)))
}

/// Whether a quoted field goes over several lines.
fn has_long_fields(text: &[u8]) -> bool {
    text.split(|c| *c == b'\n').any(|line| line.iter().filter(|c| **c == b'"').count() % 2 == 1)
}

/// The character before quotes in quoted fields, if records are alike with it alone.
fn escaped(text: &[u8]) -> Option<u8> {
    memchr::memmem::find(text, b"\\\"")?;
    let alike = |escape: Option<u8>| {
        DELIMITERS.iter().any(|delimiter| {
            let mut reader = csv::ReaderBuilder::new();
            reader.delimiter(*delimiter).has_headers(false).flexible(true).escape(escape);
            let records: Vec<usize> = reader
                .from_reader(text)
                .byte_records()
                .map_while(|r| r.ok())
                .take(200)
                .map(|r| r.len())
                .collect();
            records.len() > 1 && records[0] > 1 && records.iter().all(|fields| *fields == records[0])
        })
    };
    (!alike(None) && alike(Some(b'\\'))).then_some(b'\\')
}

/// The lines that are alike.
struct LineRun {
    delimiter: u8,
    /// Of each line, how many fields it has.
    fields: Vec<usize>,
    /// How many a record has.
    width: usize,
    /// The number of the first line that is one, from 0.
    first: usize,
}

fn layout(lines: &[&[u8]], sep: Option<u8>) -> Option<LineRun> {
    let of = |delimiter: u8| {
        let fields: Vec<usize> = lines.iter().map(|line| fields(line, delimiter)).collect();
        let mut counted: Vec<(usize, usize)> = vec![];
        for n in fields.iter().filter(|n| **n > 1) {
            match counted.iter_mut().find(|(width, _)| width == n) {
                Some((_, lines)) => *lines += 1,
                None => counted.push((*n, 1)),
            }
        }
        // Of two widths that are as frequent the larger: titles have fewer fields than records.
        let (width, alike) = counted.into_iter().max_by_key(|(width, lines)| (*lines, *width))?;
        // A title that a sheet or an export fills up with empty fields is not a header.
        let filled =
            |i: usize| lines[i].split(|c| *c == delimiter).filter(|f| !f.trim_ascii().is_empty()).count();
        let is_record = |i: &usize| {
            fields[*i] == width && !is_comment(lines[*i]) && (width < 3 || 2 * filled(*i) > width)
        };
        let first = (0..fields.len()).find(is_record)?;
        // Records may end in a delimiter that the header does not end in, and the other way round.
        let ends = |i: usize| lines[i].ends_with(&[delimiter]);
        let is_header = |i: usize| {
            let longer = fields[i] == width + 1 && ends(i);
            !is_comment(lines[i]) && (longer || fields[i] + 1 == width && ends(first))
        };
        let first = first.checked_sub(1).filter(|before| is_header(*before)).unwrap_or(first);
        Some((alike, LineRun { delimiter, fields, width, first }))
    };
    let candidates = sep.map_or(DELIMITERS.to_vec(), |sep| vec![sep]);
    let all: Vec<(usize, LineRun)> = candidates.into_iter().filter_map(of).collect();
    let full = lines.iter().filter(|line| !line.is_empty()).count();
    // Commas inside of numbers also cut lines in two, so three fields or more count for more; ties go to the
    // likelier.
    let best = all
        .into_iter()
        .enumerate()
        .max_by_key(|(i, (alike, layout))| (*alike * layout.width.min(3), usize::MAX - i));
    best.map(|(_, (alike, layout))| (alike, layout))
        .filter(|(alike, _)| alike * 2 >= full.min(6))
        .map(|(_, l)| l)
}

fn is_comment(line: &[u8]) -> bool {
    line.starts_with(b"#")
}

/// The fields of a line.
fn split(line: &[u8], delimiter: u8) -> Vec<String> {
    let mut reader =
        csv::ReaderBuilder::new().delimiter(delimiter).has_headers(false).flexible(true).from_reader(line);
    let record = reader.byte_records().next().and_then(std::result::Result::ok).unwrap_or_default();
    record.iter().map(|field| String::from_utf8_lossy(field).trim().to_string()).collect()
}

/// The number of fields of a line; 0 of an empty one.
fn fields(line: &[u8], delimiter: u8) -> usize {
    // A quoted field may hold the delimiter, so a reader of CSV counts the fields and not a plain split.
    let mut reader =
        csv::ReaderBuilder::new().delimiter(delimiter).has_headers(false).flexible(true).from_reader(line);
    reader.byte_records().next().and_then(std::result::Result::ok).map_or(0, |record| record.len())
}

/// Finds the lines before the header.
fn before(lines: &[&[u8]], layout: &LineRun, found: &mut SuggestedKeys) {
    let full: Vec<&&[u8]> = lines[..layout.first].iter().filter(|line| !line.is_empty()).collect();
    let later = lines[layout.first..].iter().filter(|line| is_comment(line)).count();
    let comments = full.iter().filter(|line| is_comment(line)).count();
    if comments == full.len() && comments + later > 0 {
        found.rules.comment = Some("#".into());
        let n = comments + later;
        found.lines.push((
            "comment = \"#\"".into(),
            format!("{n} line{} begin{} so", s(n), if n == 1 { "s" } else { "" }),
        ));
        return;
    }
    if full.is_empty() {
        return;
    }
    found.rules.skip = layout.first;
    let first = shown(full[0]);
    found
        .lines
        .push((format!("skip = {}", layout.first), format!("lines before the header, such as {first}")));
    found.doubts.push(format!(
        "{} line{} before the header are not read, such as `{first}`",
        layout.first,
        s(layout.first)
    ));
}

/// Finds the lines after the last record.
fn after(lines: &[&[u8]], layout: &LineRun, found: &mut SuggestedKeys) {
    let first_field = |line: &[u8]| {
        let field = line.split(|c| *c == layout.delimiter).next().unwrap_or_default();
        String::from_utf8_lossy(field).trim_matches(['"', ' ']).to_string()
    };
    let records: Vec<usize> =
        (layout.first + 1..lines.len()).filter(|i| layout.fields[*i] == layout.width).collect();
    // `Total` is a text as `05-Feb-24` is, and begins with no digit.
    let kind = |line: &[u8]| {
        let field = first_field(line);
        (Class::of_text(field.as_bytes()), field.starts_with(|c: char| c.is_ascii_digit()))
    };
    let usual = records.first().map(|i| kind(lines[*i]));
    let is_end = |i: usize| {
        let text = first_field(lines[i]).to_lowercase();
        let named = ENDS.iter().any(|end| text.starts_with(end));
        let other = usual.is_some_and(|usual| usual != kind(lines[i]));
        other && (named || layout.fields[i] != layout.width)
    };
    let full: Vec<usize> = (layout.first + 1..lines.len()).filter(|i| !lines[*i].is_empty()).collect();
    // A footer is short: more lines than this are records of another kind.
    let ends: Vec<usize> = full.iter().rev().take(20).copied().take_while(|i| is_end(*i)).collect();
    let Some(&begin) = ends.last() else { return };
    // If each line seems to come after the records, the guess is wrong.
    if ends.len() == full.len() {
        return;
    }
    let text = first_field(lines[begin]);
    // `until` ends the reading at the first line that begins so, which must not be a record.
    let unique = !text.is_empty()
        && lines[begin].starts_with(text.as_bytes())
        && lines[..begin].iter().all(|line| !line.starts_with(text.as_bytes()));
    let line = shown(lines[begin]);
    if unique {
        found.lines.push((format!("until = {}", basic(&text)), format!("the records end before {line}")));
        found.rules.until = Some(text);
    } else {
        found.rules.footer = ends.len();
        found
            .lines
            .push((format!("footer = {}", ends.len()), format!("lines after the records, such as {line}")));
    }
    found.doubts.push(format!(
        "{} line{} after the records {} not read, such as `{line}`",
        ends.len(),
        s(ends.len()),
        if ends.len() == 1 { "is" } else { "are" }
    ));
}

fn s(n: usize) -> &'static str {
    if n == 1 { "" } else { "s" }
}
