//! What is around the records of text files: an encoding, lines before the header and after the last record, comments, a
//! format of web servers. What is found is a key of the job, with its reason.
//!
//! # Contract
//! Nothing is left out of which it is not said. A line at the end that may be a record that was cut short is one.

use crate::error::{Error, Result};
use crate::input::infer::{Class, start};
use crate::input::shape::{Form, Rules, encoding, weblog};
use crate::input::value::shown;
use crate::input::{Format, SourceFile};

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
pub struct Found {
    /// What the keys say.
    pub rules: Rules,
    /// The format, where it is not CSV.
    pub format: Option<&'static str>,
    /// Lines of the job file, and why.
    pub lines: Vec<(String, String)>,
    /// What a person should look at.
    pub doubts: Vec<String>,
}

/// Finds the shape of text files, and notes it on them.
///
/// # Errors
/// They cannot be read, or are in an encoding that cannot be told.
pub fn find(files: &mut [SourceFile]) -> Result<Found> {
    let mut found = Found::default();
    for file in files.iter_mut() {
        if file.shape.encoding.is_none() && file.format.is_text() && found.rules.encoding.is_none() {
            let (head, _) = start(&file.opened, &file.shape, 4 * HEAD)?;
            of_encoding(file, &head, &mut found)?;
        }
    }
    take(files, &found)?;
    let csv = files.first().is_some_and(|file| file.format == Format::Csv);
    if !csv {
        return Ok(found);
    }
    for file in files.iter() {
        let (head, whole) = start(&file.opened, &file.shape, HEAD)?;
        if head.trim_ascii().is_empty() {
            continue;
        }
        if file.shape.form != Form::Plain && file.shape.form != Form::Sheet {
            break;
        }
        of_text(&head, whole, file.shape.sep, &mut found);
        break;
    }
    take(files, &found)?;
    Ok(found)
}

/// Takes another encoding, as a record could not be read for its bytes.
///
/// # Errors
/// None of the file's bytes tell one.
pub fn other_encoding(files: &mut [SourceFile], found: &mut Found, line: &str) -> Result<()> {
    western(found, &format!("not UTF-8: {line}"));
    take(files, found)
}

fn take(files: &mut [SourceFile], found: &Found) -> Result<()> {
    files.iter_mut().try_for_each(|file| file.shape.take(&found.rules, &file.path))
}

/// Notes the encoding of a text that is not UTF-8.
fn of_encoding(file: &SourceFile, head: &[u8], found: &mut Found) -> Result<()> {
    let nuls = |odd: usize| head.iter().skip(odd).step_by(2).filter(|c| **c == 0).count();
    let half = head.len() / 2;
    for (odd, label) in [(1, "utf-16le"), (0, "utf-16be")] {
        if half > 4 && nuls(odd) * 10 > half * 6 && nuls(1 - odd) * 10 < half {
            found.rules.encoding = encoding(label).ok();
            found.lines.push((format!("encoding = \"{label}\""), "every second byte is zero".into()));
            return Ok(());
        }
    }
    let Err(wrong) = std::str::from_utf8(head) else { return Ok(()) };
    if wrong.error_len().is_none() {
        // Cut in the middle of a letter.
        return Ok(());
    }
    let at = wrong.valid_up_to();
    let number = 1 + head[..at].iter().filter(|c| **c == b'\n').count();
    let longest = head.split(u8::is_ascii).map(<[u8]>::len).max().unwrap_or(0);
    let undefined = head.iter().any(|c| matches!(c, 0x81 | 0x8d | 0x8f | 0x90 | 0x9d));
    let place = format!("{}:{number}", file.path.display());
    if longest > 3 || undefined {
        return Err(Error::data(format!(
            "{place}: not UTF-8, and its bytes do not tell which encoding it is"
        ))
        .hint("name it in the job: encoding = \"windows-1251\", \"shift_jis\", \"gbk\", …")
        .hint(format!("or convert it: iconv -f GBK -t UTF-8 {} > converted.csv", file.path.display())));
    }
    let begin = head[..at].iter().rposition(|c| *c == b'\n').map_or(0, |end| end + 1);
    let end = head[at..].iter().position(|c| *c == b'\n').map_or(head.len(), |end| at + end);
    let line = encoding_rs::WINDOWS_1252.decode_without_bom_handling(&head[begin..end]).0;
    western(
        found,
        &format!("line {number} of {} is `{}`", file.path.display(), shown(line.trim().as_bytes())),
    );
    Ok(())
}

fn western(found: &mut Found, why: &str) {
    found.rules.encoding = encoding("windows-1252").ok();
    found
        .lines
        .push(("encoding = \"windows-1252\"".into(), "not UTF-8; look at letters with accents".into()));
    found.doubts.push(format!("the text is not UTF-8 and is read as Windows-1252: {why}"));
}

/// Finds what is around the records of a text.
fn of_text(head: &[u8], whole: bool, sep: Option<u8>, found: &mut Found) {
    let mut lines: Vec<&[u8]> = head.split(|c| *c == b'\n').map(<[u8]>::trim_ascii_end).collect();
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
    before(&lines, &layout, found);
    if whole {
        after(&lines, &layout, found);
    }
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
struct Layout {
    delimiter: u8,
    /// Of each line, how many fields it has.
    fields: Vec<usize>,
    /// How many a record has.
    width: usize,
    /// The number of the first line that is one, from 0.
    first: usize,
}

fn layout(lines: &[&[u8]], sep: Option<u8>) -> Option<Layout> {
    let of = |delimiter: u8| {
        let fields: Vec<usize> = lines.iter().map(|line| fields(line, delimiter)).collect();
        let mut counted: Vec<(usize, usize)> = vec![];
        for n in fields.iter().filter(|n| **n > 1) {
            match counted.iter_mut().find(|(width, _)| width == n) {
                Some((_, lines)) => *lines += 1,
                None => counted.push((*n, 1)),
            }
        }
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
        Some((alike, Layout { delimiter, fields, width, first }))
    };
    let candidates = sep.map_or(DELIMITERS.to_vec(), |sep| vec![sep]);
    let all: Vec<(usize, Layout)> = candidates.into_iter().filter_map(of).collect();
    let full = lines.iter().filter(|line| !line.is_empty()).count();
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

/// The number of fields of a line; 0 of an empty one.
fn fields(line: &[u8], delimiter: u8) -> usize {
    let mut reader =
        csv::ReaderBuilder::new().delimiter(delimiter).has_headers(false).flexible(true).from_reader(line);
    reader.byte_records().next().and_then(std::result::Result::ok).map_or(0, |record| record.len())
}

/// Finds the lines before the header.
fn before(lines: &[&[u8]], layout: &Layout, found: &mut Found) {
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
fn after(lines: &[&[u8]], layout: &Layout, found: &mut Found) {
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
    let ends: Vec<usize> = full.iter().rev().take(20).copied().take_while(|i| is_end(*i)).collect();
    let Some(&begin) = ends.last() else { return };
    if ends.len() == full.len() {
        return;
    }
    let text = first_field(lines[begin]);
    let unique = !text.is_empty()
        && lines[begin].starts_with(text.as_bytes())
        && lines[..begin].iter().all(|line| !line.starts_with(text.as_bytes()));
    let line = shown(lines[begin]);
    if unique {
        found.lines.push((
            format!("until = {}", super::write::basic(&text)),
            format!("the records end before {line}"),
        ));
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

/// Whether fields stand between any number of spaces: where no delimiter cuts the lines.
pub fn spaced(files: &mut [SourceFile], found: &mut Found) -> Result<bool> {
    let Some(file) = files.first() else { return Ok(false) };
    let (head, _) = start(&file.opened, &file.shape, HEAD)?;
    let lines: Vec<&[u8]> =
        head.split(|c| *c == b'\n').filter(|line| !line.trim_ascii().is_empty()).take(50).collect();
    let words = |line: &[u8]| line.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty()).count();
    let width = lines.first().map_or(0, |line| words(line));
    // The last may be cut.
    let whole = &lines[..lines.len().saturating_sub(usize::from(lines.len() > 2))];
    if width < 2 || !whole.iter().all(|line| words(line) == width) || lines.len() < 2 {
        return Ok(false);
    }
    found.rules.form = Some(Form::Spaces);
    found
        .lines
        .push(("delimiter = \"spaces\"".into(), "any number of spaces and tabs between fields".into()));
    take(files, found)?;
    Ok(true)
}
