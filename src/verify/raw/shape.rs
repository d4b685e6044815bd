//! The text of a file, got from its bytes in a second way: whole in memory, byte by byte and by regular expressions, with
//! no code of the readers of jobs. What unpacks, decodes and opens workbooks are libraries that both use.

use crate::error::{Error, Result};
use crate::input::shape::{Form, LineRules};
use crate::input::{Compression, SourceFile};
use regex::bytes::{Captures, Regex};
use std::io::Read;

/// The text of a file.
///
/// # Errors
/// A data error: its bytes are not what its shape asks for. A machine error: it cannot be read.
pub(in crate::verify) fn content(file: &SourceFile) -> Result<Vec<u8>> {
    let shape = &file.shape;
    let mut text = unpacked(file, file.opened.all()?)?;
    if shape.is_text() {
        return Ok(text);
    }
    if shape.form == Form::Sheet {
        text = super::sheet::text(text, file)?;
    } else if let Some(encoding) = shape.encoding {
        text = decoded(&text, encoding);
    } else if text.starts_with(b"\xef\xbb\xbf") {
        text.drain(..3);
    }
    let rules = &shape.rules;
    if rules.any() || shape.sep.is_some() {
        // The line `sep=;` that Excel understands is not a record.
        let skip = rules.skip.max(usize::from(shape.sep.is_some()));
        text = records_only(&text, skip, rules, rules.delimiter.or(shape.sep).unwrap_or(b','), file)?;
    }
    let lines = text.split(|c| *c == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line));
    let lines: Vec<&[u8]> = lines.collect();
    match &shape.form {
        Form::Plain | Form::Sheet => Ok(text),
        Form::Spaces => written(
            lines,
            &by(r#"\A[ \t]*(?:"(?P<q>(?:[^"]|"")*)"|(?P<p>[^ \t"][^ \t]*))(?:[ \t]+|\z)"#)?,
            file,
        ),
        Form::Widths(widths) => written(lines, &|line| cut(line, widths), file),
        Form::Common => written(lines, &requests(7)?, file),
        Form::Combined => written(lines, &requests(9)?, file),
        Form::LoadBalancer => {
            let tokens = by(SPACED)?;
            let padded = move |line: &[u8]| {
                let mut fields = tokens(line).filter(|fields| fields.len() >= 25)?;
                // Newer load balancers have more fields at the end of a line; older lines lack them.
                fields.resize(fields.len().max(33), vec![]);
                Some(fields)
            };
            written(lines, &padded, file)
        }
        Form::W3c => extended(&lines, file),
    }
}

/// A field between spaces, or in quotes.
const SPACED: &str = r#"\A *(?:"(?P<q>(?:[^"\\]|\\.)*)"|(?P<p>[^ "][^ ]*))(?: +|\z)"#;

/// What makes the fields of a line; none where it is none of its kind.
type LineFields = Box<dyn Fn(&[u8]) -> Option<FieldBytes>>;

/// The fields of a record.
type FieldBytes = Vec<Vec<u8>>;

fn regex(pattern: &str) -> Result<Regex> {
    // Logs may have bytes that are not UTF-8, and these have to match too.
    let made = regex::bytes::RegexBuilder::new(pattern).unicode(false).dot_matches_new_line(true).build();
    made.map_err(|e| Error::machine("the patterns of the referee are valid").caused_by(e))
}

/// Fields one by one, each by a pattern.
fn by(pattern: &str) -> Result<LineFields> {
    let pattern = regex(pattern)?;
    Ok(Box::new(move |line: &[u8]| {
        let mut rest = line.trim_ascii();
        let mut out = vec![];
        while !rest.is_empty() {
            let found = pattern.captures(rest)?;
            let field = match found.name("q") {
                Some(quoted) => unescaped(quoted.as_bytes()),
                None => found.name("p")?.as_bytes().to_vec(),
            };
            // A dash is a missing value in these logs.
            out.push(if field == b"-" { vec![] } else { field });
            rest = &rest[found.get(0)?.end()..];
        }
        Some(out)
    }))
}

/// Without the escapes of quotes: `""`, `\"` and `\\`.
fn unescaped(text: &[u8]) -> Vec<u8> {
    let mut out: Vec<u8> = vec![];
    let mut bytes = text.iter().peekable();
    while let Some(&c) = bytes.next() {
        let escapes = matches!((c, bytes.peek()), (b'"', Some(b'"')) | (b'\\', Some(b'"' | b'\\')));
        if escapes {
            out.extend(bytes.next());
        } else {
            out.push(c);
        }
    }
    out
}

/// Lines of the common (seven fields) or combined format (nine).
fn requests(fields: usize) -> Result<LineFields> {
    let quoted = r#""((?:[^"\\]|\\.)*)""#;
    let more = if fields == 9 { format!(" +{quoted} +{quoted}") } else { String::new() };
    let time = r"\[(\d\d)/([A-Z][a-z][a-z])/(\d{4}):(\d\d:\d\d:\d\d) ([+-]\d\d)(\d\d)\]";
    let line = regex(&format!(r"\A(\S+) +(\S+) +(\S+) +{time} +{quoted} +(\S+) +(\S+){more}\s*\z"))?;
    let parts = regex(r"\A(\S*) (\S*) (HTTP/\S*)\z")?;
    Ok(Box::new(move |text: &[u8]| {
        let found = line.captures(text)?;
        let at = |i: usize| found.get(i).map_or(&b""[..], |m| m.as_bytes());
        let plain = |i: usize| if at(i) == b"-" { vec![] } else { unescaped(at(i)) };
        let month = "JanFebMarAprMayJunJulAugSepOctNovDec".as_bytes().chunks(3).position(|m| m == at(5))? + 1;
        let time = format!(
            "{}-{month:02}-{}T{}{}:{}",
            String::from_utf8_lossy(at(6)),
            String::from_utf8_lossy(at(4)),
            String::from_utf8_lossy(at(7)),
            String::from_utf8_lossy(at(8)),
            String::from_utf8_lossy(at(9))
        );
        let request = plain(10);
        let part = |i: usize| {
            let found: Option<Captures> = parts.captures(&request);
            found.and_then(|found| Some(found.get(i)?.as_bytes().to_vec())).unwrap_or_default()
        };
        let mut out =
            vec![plain(1), plain(2), plain(3), time.into_bytes(), request.clone(), part(1), part(2), part(3)];
        out.extend((11..=fields + 5).map(plain));
        Some(out)
    }))
}

/// The extended format of the W3C.
fn extended(lines: &[&[u8]], file: &SourceFile) -> Result<Vec<u8>> {
    let tokens = by(SPACED)?;
    let (mut names, mut rows): (Option<FieldBytes>, Vec<FieldBytes>) = (None, vec![]);
    let wrong = |what: &str| Error::data(format!("{}: {what}", file.path.display()));
    for line in lines {
        if let Some(header) = line.strip_prefix(b"#Fields:") {
            let header: Vec<Vec<u8>> = String::from_utf8_lossy(header)
                .split_whitespace()
                .map(|name| name.as_bytes().to_vec())
                .collect();
            match &names {
                None => names = Some(header),
                Some(known) if *known == header => {}
                Some(_) => return Err(wrong("its `#Fields:` change")),
            }
        } else if !line.starts_with(b"#") && !line.trim_ascii().is_empty() {
            let Some(names) = &names else { return Err(wrong("records come before `#Fields:`")) };
            let tabs = line.contains(&b'\t');
            let split =
                || line.split(|c| *c == b'\t').map(|f| if f == b"-" { vec![] } else { f.to_vec() }).collect();
            let fields = if tabs { Some(split()) } else { tokens(line) };
            let Some(mut fields) = fields else {
                rows.push(vec![line.to_vec()]);
                continue;
            };
            let of = |wanted: &[u8]| names.iter().position(|name| name == wanted);
            if let (Some(date), Some(time)) = (of(b"date"), of(b"time")) {
                let get = |i: usize| fields.get(i).cloned().unwrap_or_default();
                let (date, time) = (get(date), get(time));
                let both = !date.is_empty() && !time.is_empty();
                fields.push(if both { [&date[..], b"T", &time[..], b"Z"].concat() } else { vec![] });
            }
            rows.push(fields);
        }
    }
    let mut header = names.unwrap_or_default();
    if header.iter().any(|name| name == b"date") && header.iter().any(|name| name == b"time") {
        header.push(b"datetime".to_vec());
    }
    rows.insert(0, header);
    super::sheet::csv(rows.into_iter().filter(|row| !row.is_empty()), file)
}

/// Fields of fixed widths.
fn cut(line: &[u8], widths: &[usize]) -> Option<Vec<Vec<u8>>> {
    let mut chars = std::str::from_utf8(line).ok()?.chars();
    let mut out: Vec<Vec<u8>> = vec![];
    for width in widths {
        let field: String = chars.by_ref().take(*width).collect();
        out.push(field.trim().as_bytes().to_vec());
    }
    let rest: String = chars.collect();
    if !rest.trim().is_empty() {
        out.push(rest.into_bytes());
    }
    Some(out)
}

/// Lines as CSV; one that is none of its kind is a record of one field.
fn written(
    lines: Vec<&[u8]>,
    fields: &dyn Fn(&[u8]) -> Option<FieldBytes>,
    file: &SourceFile,
) -> Result<Vec<u8>> {
    let lines = lines.into_iter().filter(|line| !line.trim_ascii().is_empty());
    super::sheet::csv(lines.map(|line| fields(line).unwrap_or_else(|| vec![line.to_vec()])), file)
}

fn unpacked(file: &SourceFile, raw: Vec<u8>) -> Result<Vec<u8>> {
    // An empty file is not valid gzip, but it has zero records rather than damage.
    if raw.is_empty() {
        return Ok(raw);
    }
    let mut text = vec![];
    match file.shape.compression {
        Compression::None => return Ok(raw),
        Compression::Gzip => flate2::read::MultiGzDecoder::new(&raw[..]).read_to_end(&mut text),
        Compression::Bzip2 => bzip2::read::MultiBzDecoder::new(&raw[..]).read_to_end(&mut text),
        Compression::Xz => lzma_rust2::XzReader::new(&raw[..], true).read_to_end(&mut text),
        Compression::Deflate => flate2::read::DeflateDecoder::new(&raw[..]).read_to_end(&mut text),
        Compression::Zstd => {
            zstd::stream::read::Decoder::new(&raw[..]).and_then(|mut all| all.read_to_end(&mut text))
        }
    }
    .map_err(|e| Error::data(format!("{} cannot be decompressed", file.path.display())).caused_by(e))?;
    Ok(text)
}

/// UTF-8 of another encoding; what it does not have is a byte that is in no UTF-8.
fn decoded(text: &[u8], encoding: &'static encoding_rs::Encoding) -> Vec<u8> {
    let wide = match encoding.name() {
        "UTF-16LE" => Some(u16::from_le_bytes as fn([u8; 2]) -> u16),
        "UTF-16BE" => Some(u16::from_be_bytes as fn([u8; 2]) -> u16),
        _ => None,
    };
    let mut out = vec![];
    if let Some(of) = wide {
        // The byte order mark is not a part of the text.
        let units =
            text.chunks_exact(2).map(|pair| of([pair[0], pair[1]])).skip_while(|unit| *unit == 0xfeff);
        for c in char::decode_utf16(units) {
            match c {
                Ok(c) => out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
                Err(_) => out.push(0xff),
            }
        }
        // Half a unit at the end is not text: the byte 0xff is never in UTF-8, so its line is a bad record.
        if text.len() % 2 == 1 {
            out.push(0xff);
        }
        return out;
    }
    // Line by line, so that a wrong byte makes one bad record and not a bad file.
    for line in text.split_inclusive(|c| *c == b'\n') {
        match encoding.decode_without_bom_handling_and_without_replacement(line) {
            Some(line) => out.extend_from_slice(line.as_bytes()),
            None => out.extend_from_slice(b"\xff\n"),
        }
    }
    out
}

/// The text with empty lines for those that are no records.
fn records_only(
    text: &[u8],
    skip: usize,
    rules: &LineRules,
    delimiter: u8,
    file: &SourceFile,
) -> Result<Vec<u8>> {
    let mut out: Vec<u8> = vec![];
    let mut at = 0;
    for _ in 0..skip {
        at += text[at..].iter().position(|c| *c == b'\n').map_or(text.len() - at, |end| end + 1);
    }
    let starts = |at: usize, mark: &Option<String>| {
        mark.as_ref().is_some_and(|mark| text[at..].starts_with(mark.as_bytes()))
    };
    // Skipped lines stay as empty ones, so that errors have the line numbers of the file.
    out.resize(skip, b'\n');
    while at < text.len() {
        if starts(at, &rules.until) {
            let after = text[at..].split(|c| *c == b'\n').filter(|line| !line.trim_ascii().is_empty());
            // The line of the mark is one of them, so 100 lines may follow it.
            if after.count() > 101 {
                return Err(Error::data(format!(
                    "{}: records follow what `until` names",
                    file.path.display()
                )));
            }
            break;
        }
        if starts(at, &rules.comment) {
            at += text[at..].iter().position(|c| *c == b'\n').map_or(text.len() - at, |end| end + 1);
            out.push(b'\n');
            continue;
        }
        at = record(text, at, rules.escape, delimiter, &mut out);
    }
    if rules.footer > 0 {
        let mut lines: Vec<&[u8]> = out.split_inclusive(|c| *c == b'\n').collect();
        let mut left = rules.footer;
        for line in lines.iter_mut().rev() {
            if left > 0 && !line.trim_ascii().is_empty() {
                *line = b"\n";
                left -= 1;
            }
        }
        if left > 0 {
            return Err(Error::data(format!("{} is shorter than its footer", file.path.display())));
        }
        out = lines.concat();
    }
    Ok(out)
}

/// Copies a record, its escapes as doubled quotes; where the next begins.
fn record(text: &[u8], mut at: usize, escape: Option<u8>, delimiter: u8, out: &mut Vec<u8>) -> usize {
    let (mut start, mut quoted, mut broken) = (true, false, false);
    while let Some(&c) = text.get(at) {
        let next = text.get(at + 1).copied();
        at += 1;
        if quoted && Some(c) == escape && matches!(next, Some(n) if n == b'"' || n == c) {
            out.extend(if next == Some(b'"') { vec![b'"', b'"'] } else { vec![c] });
            at += 1;
        } else if quoted && c == b'"' && next == Some(b'"') {
            out.extend(b"\"\"");
            at += 1;
        } else if quoted {
            out.push(c);
            if c == b'"' {
                quoted = false;
                broken = next != Some(delimiter);
            }
        } else {
            out.push(c);
            if c == b'\n' {
                return at;
            }
            quoted = start && c == b'"' && !broken;
            start = c == delimiter;
        }
    }
    at
}
