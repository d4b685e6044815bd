//! Bytes of a file as they are read from disk: counted and hashed.

use super::reading::FileReader;
use crate::error::{Error, Result};
use std::io::{ErrorKind, Read};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use twox_hash::XxHash3_128;

/// Read at once: small enough that a block is still in the cache when it is hashed and scanned.
pub(super) const BLOCK: usize = 256 << 10;

/// What becomes of the bytes of a file as they are read from disk.
pub(super) struct Meter {
    pub(super) hash: Option<Box<XxHash3_128>>,
    pub(super) bytes: u64,
    pub(super) progress: Option<Arc<AtomicU64>>,
    pub(super) failed: bool,
}

impl Meter {
    /// Hashes the bytes, and adds their number to `progress`.
    pub(super) fn hashing(progress: Option<Arc<AtomicU64>>) -> Meter {
        Meter { hash: Some(Box::default()), bytes: 0, progress, failed: false }
    }

    /// Does nothing with the bytes.
    pub(super) fn idle() -> Meter {
        Meter { hash: None, bytes: 0, progress: None, failed: false }
    }

    /// Takes the next bytes.
    pub(super) fn take(&mut self, bytes: &[u8]) {
        if let Some(hash) = &mut self.hash {
            hash.write(bytes);
        }
        self.bytes += bytes.len() as u64;
        if let Some(progress) = &self.progress {
            progress.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        }
    }

    /// How many bytes it took, and their hash as manifests write it; that of nothing where it does not hash.
    pub(super) fn finish(self) -> (u64, String) {
        (self.bytes, format!("xxh3:{:032x}", self.hash.map_or(0, |hash| hash.finish_128())))
    }
}

/// A file as it lies on disk.
pub(super) struct Disk {
    pub(super) file: FileReader,
    pub(super) meter: Meter,
}

impl Read for Disk {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        let read = self.file.read(out);
        match &read {
            Ok(n) => self.meter.take(&out[..*n]),
            // An interrupted call is repeated. `failed` later tells a broken disk (exit 4) from damaged data
            // (exit 3).
            Err(e) => self.meter.failed |= e.kind() != ErrorKind::Interrupted,
        }
        read
    }
}

impl Disk {
    /// Appends what one `read` of at most `most` bytes gives.
    pub(super) fn append(&mut self, out: &mut Vec<u8>, most: usize) -> std::io::Result<usize> {
        let old = out.len();
        let read = self.file.append(out, most);
        self.meter.failed |= read.is_err();
        read?;
        self.meter.take(&out[old..]);
        Ok(out.len() - old)
    }
}

/// The size of a file and the hash of its bytes, as manifests write it.
///
/// # Errors
/// A machine error where it cannot be read.
pub(super) fn hashed(file: FileReader, path: &Path) -> Result<(u64, String)> {
    let mut disk = Disk { file, meter: Meter::hashing(None) };
    let mut block = Vec::new();
    while disk.append(&mut block, BLOCK).map_err(|e| Error::io("read", path, e))? > 0 {
        block.clear();
    }
    Ok(disk.meter.finish())
}
