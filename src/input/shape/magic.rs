//! What a file is by its first bytes, whatever its name says.
//!
//! # Contract
//! What is known and not read is named, with what to do. What is not known is text.

use super::super::files::Format;
use super::super::opened::Opened;
use super::{Compression, Form, Shape, archive, failed, text};
use crate::error::{Error, Result};
use std::io::Read;

/// How much of a file is looked at.
const HEAD: usize = 4096;

/// What some bytes begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::input) enum Content {
    /// What is compressed.
    Compressed(Compression),
    /// A zip, or a workbook, which is one.
    Zip,
    /// Records with types.
    Typed(Format),
    /// What is not read: what it is, and what to do.
    Foreign(&'static str, &'static str),
    /// Anything else.
    Text,
}

/// Marks of files, where they stand, what the files are, and what to do.
const FOREIGN: [(usize, &[u8], &str, &str); 18] = [
    (
        0,
        b"%PDF-",
        "a PDF document",
        "get the data as a .csv file: most sites that offer a PDF also offer one",
    ),
    (
        0,
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",
        "an Excel 1997-2003 file (.xls), or a workbook with a password",
        "save it as .xlsx without a password, or as .csv",
    ),
    (0, b"ORC", "an ORC file", "write it as Parquet: pyarrow and Spark do"),
    (
        0,
        b"SQLite format 3\0",
        "an SQLite database",
        "write the table as .csv: sqlite3 -header -csv FILE 'SELECT * FROM …'",
    ),
    (0, b"7z\xbc\xaf\x27\x1c", "a 7z archive", "unpack it first, or pack it as .zip"),
    (0, b"Rar!\x1a\x07", "a RAR archive", "unpack it first, or pack it as .zip"),
    (257, b"ustar", "a tar archive", "unpack it first: tar -xf"),
    (0, b"ARROW1", "an Arrow file (Feather)", "write it as Parquet: pyarrow.parquet.write_table"),
    (0, b"FEA1", "a Feather file of version 1", "write it as Parquet: pyarrow.parquet.write_table"),
    (0, b"\x89HDF\r\n\x1a\n", "an HDF5 file", "write it as Parquet or .csv: pandas does"),
    (0, b"PARE", "an encrypted Parquet file", "write it without encryption"),
    (0, b"\x04\x22\x4d\x18", "compressed by LZ4", "unpack it first, or compress it with gzip or Zstandard"),
    (
        0,
        b"\xff\x06\x00\x00sNaPpY",
        "compressed by Snappy",
        "unpack it first, or compress it with gzip or Zstandard",
    ),
    (0, b"\x1f\x9d", "compressed by compress (.Z)", "unpack it first, or compress it with gzip"),
    (0, b"LZIP", "compressed by lzip", "unpack it first, or compress it with xz"),
    (0, b"\x89PNG", "a picture", "records are read from files of text, Parquet, Avro and .xlsx"),
    (0, b"\x7fELF", "a program", "records are read from files of text, Parquet, Avro and .xlsx"),
    (4, b"Standard ACE DB", "an Access database", "write the table as .csv"),
];

/// What a file is that begins with `head`.
pub(in crate::input) fn content(head: &[u8]) -> Content {
    let compressed = [
        (b"\x1f\x8b".as_slice(), Compression::Gzip),
        (b"\x28\xb5\x2f\xfd", Compression::Zstd),
        (b"\xfd7zXZ\0", Compression::Xz),
    ];
    if let Some((_, compression)) = compressed.iter().find(|(mark, _)| head.starts_with(mark)) {
        return Content::Compressed(*compression);
    }
    // `BZh` alone may be a word: a block or an end follows the level.
    let bzip2 = head.starts_with(b"BZh") && head.get(3).is_some_and(u8::is_ascii_digit);
    if bzip2 && (head[4..].starts_with(b"1AY&SY") || head[4..].starts_with(b"\x17\x72\x45\x38\x50\x90")) {
        return Content::Compressed(Compression::Bzip2);
    }
    if head.starts_with(b"PK\x03\x04") || head.starts_with(b"PK\x05\x06") || head.starts_with(b"PK\x07\x08") {
        return Content::Zip;
    }
    if head.starts_with(b"PAR1") {
        return Content::Typed(Format::Parquet);
    }
    if head.starts_with(b"Obj\x01") {
        return Content::Typed(Format::Avro);
    }
    let pickle = head.len() > 2 && head[0] == 0x80 && (2..=5).contains(&head[1]);
    if pickle {
        return Content::Foreign("a Python pickle", "write it as Parquet or .csv: pandas does");
    }
    let known =
        FOREIGN.iter().find(|(at, mark, ..)| head.get(*at..).is_some_and(|from| from.starts_with(mark)));
    // Words that a header may begin with are none where a line of text follows.
    let is_text =
        |head: &[u8]| head.iter().take(64).all(|c| *c >= b' ' || matches!(c, b'\t' | b'\r' | b'\n'));
    match known {
        Some((_, mark, what, hint)) if !(mark.is_ascii() && *mark != b"%PDF-" && is_text(head)) => {
            Content::Foreign(what, hint)
        }
        _ => Content::Text,
    }
}

/// The first bytes of a file as it lies on the disk.
pub(super) fn head_of(file: &Opened) -> Result<Vec<u8>> {
    file.peek(HEAD)
}

/// The shape that the first bytes of a file show, and a format, if they tell one. `named` is the compression that its
/// name tells.
///
/// # Errors
/// A data error: it is something that is not read. A machine error: it cannot be read.
pub(in crate::input) fn found(file: &Opened, named: Compression) -> Result<(Shape, Option<Format>)> {
    let mut shape = match file.member() {
        Some(member) => Shape { crc: Some(member.crc), ..Shape::of(member.compression) },
        None => Shape::of(named),
    };
    let mut head = head_of(file)?;
    if !shape.is_member() {
        match content(&head) {
            Content::Compressed(compression) => shape.compression = compression,
            Content::Zip => {
                // A zip that is an archive is known by its members before.
                archive::workbook(file)?;
                return Ok((Shape { form: Form::Sheet, ..Shape::default() }, Some(Format::Csv)));
            }
            // A name or job that says another format is for its reader to complain of.
            Content::Typed(format) => return Ok((shape, Some(format))),
            Content::Foreign(what, hint) => return Err(foreign(file, what, hint)),
            Content::Text => {}
        }
    }
    if shape.compression != Compression::None && !head.is_empty() {
        let Some(inner) = unpacked(file, &shape) else { return Ok((shape, None)) };
        head = inner;
        match content(&head) {
            Content::Foreign(what, hint) => {
                let shown = file.path().display();
                return Err(
                    Error::data(format!("{shown} contains {what}, which is not supported")).hint(hint)
                );
            }
            Content::Compressed(_) | Content::Zip => {
                let shown = file.path().display();
                return Err(Error::data(format!("{shown} is compressed twice, which is not supported"))
                    .hint("unpack it once"));
            }
            Content::Typed(format) => return Ok((shape, Some(format))),
            Content::Text => {}
        }
    }
    shape.encoding = match head.as_slice() {
        [0xff, 0xfe, ..] => Some(encoding_rs::UTF_16LE),
        [0xfe, 0xff, ..] => Some(encoding_rs::UTF_16BE),
        _ => None,
    };
    if shape.encoding.is_some() {
        head = unpacked(file, &shape).unwrap_or_default();
    }
    let head = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&head);
    shape.sep = separator(head);
    if is_extended(head) {
        shape.form = Form::W3c;
        return Ok((shape, Some(Format::Csv)));
    }
    Ok((shape, None))
}

/// The error for a file that is something that is not read.
fn foreign(file: &Opened, what: &str, hint: &str) -> Error {
    Error::data(format!("{} is {what}, which is not supported", file.path().display())).hint(hint)
}

/// The first bytes of a text; none where it cannot be unpacked, which whoever reads it will report.
fn unpacked(file: &Opened, shape: &Shape) -> Option<Vec<u8>> {
    let text = text(Box::new(file.glance().ok()?), shape, file.path());
    let mut text = text.map_err(|cause| failed(file.path(), "", cause)).ok()?;
    let mut head = vec![0; HEAD];
    let mut filled = 0;
    while filled < HEAD {
        match text.read(&mut head[filled..]) {
            Ok(0) => break,
            Ok(n) => filled += n,
            Err(e) if e.kind() == std::io::ErrorKind::Interrupted => {}
            Err(_) if filled > 0 => break,
            Err(_) => return None,
        }
    }
    head.truncate(filled);
    Some(head)
}

/// The delimiter of a first line `sep=;`, as Excel writes and reads it.
fn separator(head: &[u8]) -> Option<u8> {
    let line = head.split(|c| *c == b'\n').next()?;
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let line = line.strip_prefix(b"\"").and_then(|line| line.strip_suffix(b"\"")).unwrap_or(line);
    match line {
        [a, b, c, b'=', sep] if [*a, *b, *c].eq_ignore_ascii_case(b"sep") => Some(*sep),
        _ => None,
    }
}

/// Whether it is a log in the extended format of the W3C: directives, and one that tells the columns.
fn is_extended(head: &[u8]) -> bool {
    let lines = head.split(|c| *c == b'\n');
    let mut directives = lines.take_while(|line| line.starts_with(b"#"));
    directives.any(|line| line.starts_with(b"#Fields:"))
}
