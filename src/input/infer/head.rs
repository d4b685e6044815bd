//! The first bytes of a file, decompressed: enough to tell what is in it.

use crate::error::{Error, Result};
use crate::input::shape::{Compression, Shape};
use crate::input::text::check_encoding;
use crate::input::value::shown;
use crate::input::{Opened, shape};
use std::io::{ErrorKind, Read};

/// How much of each file is looked at.
#[derive(Debug, Clone, Copy)]
pub(in crate::input) struct Budget {
    pub(super) records: usize,
    pub(super) bytes: usize,
}

impl Budget {
    /// The budget of each of `files` files.
    pub fn of(files: usize) -> Budget {
        let bytes = if files <= 64 { 64 << 10 } else { 16 << 10 };
        Budget { records: (6_100 / files.max(1)).clamp(6, 200), bytes }
    }
}

/// The most that is read of a file whose first record does not end sooner.
pub(super) const LONGEST_HEAD: usize = 4 << 20;

/// The first `bytes` bytes of a file's text, and whether that is all of it. A byte order mark of UTF-8 is left out.
///
/// # Errors
/// Data: what is compressed is damaged from its start on; it is UTF-16. Machine: the file cannot be read.
pub fn start(file: &Opened, shape: &Shape, bytes: usize) -> Result<(Vec<u8>, bool)> {
    let from = file.read()?;
    let mut reader = {
        let text = shape::text(Box::new(from), shape, file.path());
        text.map_err(|cause| shape::failed(file.path(), "", cause))?
    };
    let mut out = vec![0; bytes];
    let mut filled = 0;
    while filled < bytes {
        match reader.read(&mut out[filled..]) {
            Ok(0) => break,
            Ok(n) => filled += n,
            Err(e) if e.kind() == ErrorKind::Interrupted => {}
            // What comes after the damage is not looked at; the run will report it.
            Err(_) if filled > 0 => {
                out.truncate(filled);
                return Ok((without_bom(out), false));
            }
            Err(e) if shape.compression == Compression::None => {
                return Err(shape::failed(file.path(), "", e));
            }
            Err(e) => {
                if let Some(error) = e.get_ref().and_then(|inner| inner.downcast_ref::<Error>()) {
                    return Err(error.clone());
                }
                return Err(not_compressed(file, shape, e));
            }
        }
    }
    let whole = filled < bytes;
    out.truncate(filled);
    check_encoding(&out, file.path())?;
    Ok((without_bom(out), whole))
}

/// The error for a file that cannot be unpacked from its start on: plain text, or damaged.
pub(super) fn not_compressed(file: &Opened, shape: &Shape, cause: std::io::Error) -> Error {
    let path = file.path().display();
    let mut begin = vec![];
    let read = file.read().map(|from| from.take(200).read_to_end(&mut begin).is_ok());
    let printable = |c: char| !c.is_control() || c.is_ascii_whitespace();
    let line = begin.split(|c| *c == b'\n').next().unwrap_or_default();
    let plain =
        std::str::from_utf8(line).is_ok_and(|line| line.chars().all(printable) && !line.trim().is_empty());
    if !(matches!(read, Ok(true)) && plain) {
        let what = format!("cannot decompress {path}: damaged or cut short");
        return Error::data(what).caused_by(cause);
    }
    let kind = shape.compression.name();
    Error::data(format!("{path} is not a {kind} file: it begins with the text {}", shown(line)))
        .hint("rename it: without that ending it is read as plain text")
}

pub(super) fn without_bom(mut text: Vec<u8>) -> Vec<u8> {
    if text.starts_with(b"\xef\xbb\xbf") {
        text.drain(..3);
    }
    text
}

/// Calls `look` with longer and longer heads until it finds a whole record.
pub(in crate::input) fn heads(
    file: &Opened,
    shape: &Shape,
    budget: Budget,
    mut look: impl FnMut(&[u8], bool) -> bool,
) -> Result<()> {
    let mut bytes = budget.bytes;
    loop {
        let (text, whole) = start(file, shape, bytes)?;
        if look(&text, whole) || whole || text.len() + 3 < bytes || bytes >= LONGEST_HEAD {
            return Ok(());
        }
        bytes *= 8;
    }
}
