//! What a file is by its first bytes.

use super::Compression;
use crate::error::Result;
use crate::input::opened::Opened;
use crate::input::source_file::InputFormat;

/// How much of a file is looked at.
pub(super) const HEAD: usize = 4096;

/// What some bytes begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::input) enum Content {
    /// What is compressed.
    Compressed(Compression),
    /// A zip, or a workbook, which is one.
    Zip,
    /// Records with types.
    Typed(InputFormat),
    /// What is not read: what it is, and what to do.
    Foreign(&'static str, &'static str),
    /// Anything else.
    Text,
}

/// Marks of files, where they stand, what the files are, and what to do.
pub(super) const FOREIGN: [(usize, &[u8], &str, &str); 18] = [
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
        return Content::Typed(InputFormat::Parquet);
    }
    if head.starts_with(b"Obj\x01") {
        return Content::Typed(InputFormat::Avro);
    }
    // Protocols 2 to 5 of pickle begin with 0x80 and their number.
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
