//! What a file is by its first bytes, whatever its name says.
//!
//! # Contract
//! What is known and not read is named, with what to do. What is not known is text.

use super::super::opened::Opened;
use super::content::{Content, HEAD, content, head_of};
use super::{Compression, Form, Shape, archive, failed, text};
use crate::error::{Error, Result};
use crate::input::source_file::InputFormat;
use std::io::Read;

/// The shape that the first bytes of a file show, and a format, if they tell one. `named` is the compression that its
/// name tells.
///
/// # Errors
/// A data error: it is something that is not read. A machine error: it cannot be read.
pub(in crate::input) fn found(file: &Opened, named: Compression) -> Result<(Shape, Option<InputFormat>)> {
    let mut shape = match file.member() {
        Some(member) => Shape { crc: Some(member.crc), ..Shape::of(member.compression) },
        None => Shape::of(named),
    };
    let mut head = head_of(file)?;
    // The directory of the zip says how a member is compressed, so its bytes need not be guessed at.
    if !shape.is_member() {
        match content(&head) {
            Content::Compressed(compression) => shape.compression = compression,
            Content::Zip => {
                // A zip that is an archive is known by its members before.
                archive::workbook(file)?;
                return Ok((Shape { form: Form::Sheet, ..Shape::default() }, Some(InputFormat::Csv)));
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
    // What follows looks for ASCII, which in UTF-16 has a zero byte beside each character.
    if shape.encoding.is_some() {
        head = unpacked(file, &shape).unwrap_or_default();
    }
    let head = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&head);
    shape.sep = separator(head);
    if is_extended(head) {
        shape.form = Form::W3c;
        return Ok((shape, Some(InputFormat::Csv)));
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
