//! The text of a file, by other means than jobs have.

use crate::error::{Error, Result};
use crate::input::{Compression, SourceFile};
use std::io::Read;

/// The text of a file, decompressed.
///
/// # Errors
/// A machine error: it cannot be read.
pub(super) fn text(file: &SourceFile) -> Result<Box<dyn Read>> {
    let handle = file.opened.read()?;
    Ok(match file.shape.compression {
        Compression::None => Box::new(handle),
        // A gzip file may have several members; `GzDecoder` stops after the first.
        Compression::Gzip => Box::new(flate2::read::MultiGzDecoder::new(handle)),
        _ => Box::new(zstd::Decoder::new(handle).map_err(|e| Error::io("read", &file.path, e))?),
    })
}
