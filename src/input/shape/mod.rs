//! The shape of a text file: how the text of its records is got from the bytes on the disk.
//!
//! # Contract
//! * There is one way from bytes to text ([`text`]), and all who read a text go it: samples, runs, and who counts lines.
//! * The text is a stream: no file is held in memory whole.

use crate::error::Error;
use std::io::{BufReader, ErrorKind, Read};
use std::path::Path;

/// Read at once from the disk.
const BLOCK: usize = 256 << 10;

/// How a file is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Compression {
    /// Not at all.
    None,
    /// gzip, also of several members.
    Gzip,
    /// Zstandard, also of several frames.
    Zstd,
}

impl Compression {
    /// Its name, for people.
    pub fn name(self) -> &'static str {
        match self {
            Compression::None => "",
            Compression::Gzip => "gzip",
            Compression::Zstd => "Zstandard",
        }
    }
}

/// How the text of a file is got from its bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shape {
    /// How it is compressed.
    pub compression: Compression,
}

impl Shape {
    /// Text that is compressed, and nothing else.
    pub fn of(compression: Compression) -> Shape {
        Shape { compression }
    }

    /// Whether the bytes on the disk are the text.
    pub fn is_plain(&self) -> bool {
        self.compression == Compression::None
    }

    /// Whether the bytes on the disk are the text, or only have to be unpacked by what unpacks and hashes in one pass.
    pub(super) fn is_unpacked_only(&self) -> bool {
        matches!(self.compression, Compression::None | Compression::Gzip | Compression::Zstd)
    }
}

/// The text of a file whose bytes `from` gives.
///
/// # Errors
/// The bytes are not what the shape asks for.
pub(super) fn text(from: Box<dyn Read + Send>, shape: &Shape) -> std::io::Result<Box<dyn Read + Send>> {
    decompressed(from, shape.compression)
}

/// The error for a text that cannot be read, of a file that is compressed by `kind`, if by anything. Adapters put errors
/// of ours into theirs.
pub(super) fn failed(path: &Path, kind: &str, cause: std::io::Error) -> Error {
    let ours = cause.get_ref().and_then(|inner| inner.downcast_ref::<Error>());
    if let Some(error) = ours {
        return error.clone();
    }
    let shown = path.display();
    match cause.kind() {
        _ if kind.is_empty() => Error::io("read", path, cause),
        ErrorKind::UnexpectedEof => {
            Error::data(format!("{shown} is cut short: its {kind} data ends in the middle"))
                .hint("the file was not copied or written to its end; get it again")
        }
        _ => Error::data(format!("{shown} is no valid {kind} file")).caused_by(cause),
    }
}

/// The bytes of `from`, unpacked.
fn decompressed(
    from: Box<dyn Read + Send>,
    compression: Compression,
) -> std::io::Result<Box<dyn Read + Send>> {
    let buffered = |from| BufReader::with_capacity(BLOCK, from);
    Ok(match compression {
        Compression::None => from,
        Compression::Gzip => Box::new(flate2::bufread::MultiGzDecoder::new(buffered(from))),
        Compression::Zstd => Box::new(zstd::stream::read::Decoder::with_buffer(buffered(from))?),
    })
}
