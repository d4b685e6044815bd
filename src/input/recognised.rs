//! The format of a file by its first bytes.

use super::infer::start;
use super::inputs::Inputs;
use super::opened::Opened;
use super::shape::{Compression, Shape};
use super::source_file::InputFormat;
use super::{documents, shape, wire_format};
use std::path::Path;

/// The format of what a file begins with, if it can be told: the marks of Parquet and Avro, an object of JSON, a line of
/// Kafka's tools, a line of several fields.
pub fn recognised(file: &Opened, shape: &Shape) -> Option<InputFormat> {
    if wire_format::unmistakable(file, shape) {
        return Some(InputFormat::JsonLines);
    }
    let (head, _) = start(file, shape, 4096).ok()?;
    if head.starts_with(b"PAR1") {
        return Some(InputFormat::Parquet);
    }
    if head.starts_with(b"Obj\x01") {
        return Some(InputFormat::Avro);
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
        return listed()?.trim_ascii_start().starts_with(b"{").then_some(InputFormat::JsonLines);
    }
    if first.starts_with(b"{") {
        if documents::recognise(file, shape).is_some() {
            return Some(InputFormat::JsonLines);
        }
        // A line that is longer than the head cannot show its closing brace.
        let object = first.ends_with(b"}") || (lines.len() == 1 && !whole);
        return object.then_some(InputFormat::JsonLines);
    }
    // User agents in web logs contain `;` and `,`, so such lines would pass for CSV below.
    if shape::weblog(lines.iter().copied()).is_some() {
        return Some(InputFormat::Csv);
    }
    let fields = |line: &[u8], by: u8| line.iter().filter(|c| **c == by).count();
    let cut = |by: u8| {
        let first = fields(first, by);
        first > 0 && lines.get(1).is_none_or(|second| fields(second, by) > 0)
    };
    [b',', b'\t', b';', b'|'].into_iter().any(cut).then_some(InputFormat::Csv)
}

/// Whether its name is that of an archive or a workbook.
pub(super) fn is_packed(path: &Path) -> bool {
    let ending = path.extension().map(|ending| ending.to_string_lossy().to_ascii_lowercase());
    ending.is_some_and(|ending| ending == "zip" || ending == "xlsx")
}

/// The format of a file whose name has no ending. Two lines with commas may be anything: they are data in part files.
pub(super) fn by_content(path: &Path, inputs: &Inputs) -> Option<InputFormat> {
    let name = path.file_name()?.to_string_lossy();
    // An ending that is not known says that the file is something else.
    if name.contains('.') {
        return None;
    }
    recognised(&inputs.file(path).ok()?, &Shape::of(Compression::None))
        .filter(|format| *format != InputFormat::Csv || name.starts_with("part-"))
}
