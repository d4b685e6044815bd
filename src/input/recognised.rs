//! The format of a file by its first bytes.

use super::infer::start;
use super::inputs::Inputs;
use super::opened::Opened;
use super::shape::{Compression, Shape};
use super::source_file::Format;
use super::{carried, documents, shape};
use std::path::Path;

/// The format of what a file begins with, if it can be told: the marks of Parquet and Avro, an object of JSON, a line of
/// Kafka's tools, a line of several fields.
pub fn recognised(file: &Opened, shape: &Shape) -> Option<Format> {
    if carried::unmistakable(file, shape) {
        return Some(Format::JsonLines);
    }
    let (head, _) = start(file, shape, 4096).ok()?;
    if head.starts_with(b"PAR1") {
        return Some(Format::Parquet);
    }
    if head.starts_with(b"Obj\x01") {
        return Some(Format::Avro);
    }
    let text = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&head);
    let whole = head.len() < 4096;
    let lines: Vec<&[u8]> =
        text.split(|c| *c == b'\n').filter(|line| !line.trim_ascii().is_empty()).take(2).collect();
    let first = lines.first()?.trim_ascii();
    // Bytes below a space are no text, but for tabs and line ends.
    if first.iter().any(|c| *c < b' ' && *c != b'\t') {
        return None;
    }
    let listed = || first.strip_prefix(b"[").map(<[u8]>::trim_ascii_start).or(lines.get(1).copied());
    if first == b"[" || first.starts_with(b"[{") {
        return listed()?.trim_ascii_start().starts_with(b"{").then_some(Format::JsonLines);
    }
    if first.starts_with(b"{") {
        if documents::recognise(file, shape).is_some() {
            return Some(Format::JsonLines);
        }
        let object = first.ends_with(b"}") || (lines.len() == 1 && !whole);
        return object.then_some(Format::JsonLines);
    }
    if shape::weblog(lines.iter().copied()).is_some() {
        return Some(Format::Csv);
    }
    let fields = |line: &[u8], by: u8| line.iter().filter(|c| **c == by).count();
    let cut = |by: u8| {
        let first = fields(first, by);
        first > 0 && lines.get(1).is_none_or(|second| fields(second, by) > 0)
    };
    [b',', b'\t', b';', b'|'].into_iter().any(cut).then_some(Format::Csv)
}

/// Whether its name is that of an archive or a workbook.
pub(super) fn is_packed(path: &Path) -> bool {
    let ending = path.extension().map(|ending| ending.to_string_lossy().to_ascii_lowercase());
    ending.is_some_and(|ending| ending == "zip" || ending == "xlsx")
}

/// The format of a file whose name has no ending. Two lines with commas may be anything: they are data in part files.
pub(super) fn by_content(path: &Path, inputs: &Inputs) -> Option<Format> {
    let name = path.file_name()?.to_string_lossy();
    if name.contains('.') {
        return None;
    }
    recognised(&inputs.file(path).ok()?, &Shape::of(Compression::None))
        .filter(|format| *format != Format::Csv || name.starts_with("part-"))
}
