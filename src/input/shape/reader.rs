//! Reads the text of a file through its shape.

use super::form::{Compression, Form, Shape};
use super::{archive, drop, encoding, fields, lines, sheet, weblog};
use crate::error::Error;
use crate::input::documents;
use crate::input::documents::{RecordMarks, Stopped};
use std::io::{BufReader, ErrorKind, Read};
use std::path::Path;

/// Read at once from the disk.
pub(in crate::input) const BLOCK: usize = 256 << 10;

/// The text of the file at `path`, whose bytes `from` gives.
///
/// # Errors
/// The bytes are not what the shape asks for.
pub(in crate::input) fn text(
    from: Box<dyn Read + Send>,
    shape: &Shape,
    path: &Path,
) -> std::io::Result<Box<dyn Read + Send>> {
    marked_text(from, shape, path, None)
}

/// As [`text`]; where the records of documents begin is told to `marks`.
///
/// # Errors
/// As of [`text`].
pub(in crate::input) fn marked_text(
    from: Box<dyn Read + Send>,
    shape: &Shape,
    path: &Path,
    marks: Option<RecordMarks>,
) -> std::io::Result<Box<dyn Read + Send>> {
    let mut text = decompressed(from, shape.compression)?;
    // The checksum is that of the unpacked bytes, before they are decoded.
    if let Some(crc) = shape.crc {
        text = Box::new(archive::CheckedMember::new(text, crc, path));
    }
    if shape.form == Form::Sheet {
        text = Box::new(sheet::text(text, &shape.rules, path)?);
    } else if let Some(encoding) = shape.encoding {
        text = Box::new(encoding::Transcoded::new(text, encoding));
    } else if !shape.is_text() && shape.documents.is_none() {
        // A line that is taken apart must not begin with the mark; plain text and documents pass it
        // themselves.
        text = Box::new(encoding::WithoutMark::new(text));
    }
    if shape.rules.any() || shape.sep.is_some() {
        text = Box::new(lines::ByLine::new(text, drop::Drop::new(shape, path), path));
    }
    if let Some(layout) = &shape.documents {
        return Ok(Box::new(documents::Lines::of(text, layout, marks)));
    }
    Ok(match &shape.form {
        Form::Plain | Form::Sheet => text,
        Form::Spaces => Box::new(lines::ByLine::new(text, fields::Spaces, path)),
        Form::Widths(widths) => Box::new(lines::ByLine::new(text, fields::Widths(widths.clone()), path)),
        form => weblog::lines(text, form, path),
    })
}

/// The error for a text that cannot be read, of a file that is compressed by `kind`, if by anything. Adapters put errors
/// of ours into theirs.
pub(in crate::input) fn failed(path: &Path, kind: &str, cause: std::io::Error) -> Error {
    let ours = cause.get_ref().and_then(|inner| inner.downcast_ref::<Error>());
    if let Some(error) = ours {
        return error.clone();
    }
    let shown = path.display();
    if let Some(Stopped { line, byte, what }) = cause.get_ref().and_then(|inner| inner.downcast_ref()) {
        return Error::data(format!("{shown}, line {line}, byte {byte}: {what}"))
            .hint("a JSON document is read as a whole: nothing after this place can be read");
    }
    match cause.kind() {
        _ if kind.is_empty() => Error::io("read", path, cause),
        ErrorKind::UnexpectedEof => {
            Error::data(format!("{shown} is cut short: its {kind} data ends in the middle"))
                .hint("the file was not copied or written completely; get it again")
        }
        _ => Error::data(format!("{shown} is not a valid {kind} file")).caused_by(cause),
    }
}

/// The bytes of `from`, unpacked.
pub(in crate::input) fn decompressed(
    from: Box<dyn Read + Send>,
    compression: Compression,
) -> std::io::Result<Box<dyn Read + Send>> {
    let buffered = |from| BufReader::with_capacity(BLOCK, from);
    // All but Deflate read several members or streams one behind the other, as `cat` joins them.
    Ok(match compression {
        Compression::None => from,
        Compression::Gzip => Box::new(flate2::bufread::MultiGzDecoder::new(buffered(from))),
        Compression::Zstd => Box::new(zstd::stream::read::Decoder::with_buffer(buffered(from))?),
        Compression::Bzip2 => Box::new(bzip2::bufread::MultiBzDecoder::new(buffered(from))),
        Compression::Xz => Box::new(lzma_rust2::XzReader::new(buffered(from), true)),
        Compression::Deflate => Box::new(flate2::bufread::DeflateDecoder::new(buffered(from))),
    })
}
