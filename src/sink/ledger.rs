//! The ledger of a table: the manifest that its current snapshot names.

use super::Manifest;
use super::manifest::{VERSION, parse_versioned};
use crate::error::{Error, Result};
use crate::store::files;
use crate::table::TableInPlace;
use flate2::read::GzDecoder;
use std::io::Read;
use std::path::PathBuf;

/// No ledger is larger than this: a damaged file must not fill the memory.
const LARGEST: u64 = 4 << 30;

/// The manifest of `table`; `None` where no commit of Highwater wrote one there.
///
/// # Errors
/// A machine error: the table was moved, or another program has changed it since; its ledger cannot be read.
pub(super) fn load(table: &TableInPlace) -> Result<Option<Manifest>> {
    if !table.has_ledger() {
        return Ok(None);
    }
    let (path, hash) = table.ledger()?;
    let bytes = files::read_whole(&path).map_err(|error| match files::is_file(&path) {
        Ok(false) => error
            .hint(
                "a program that removes orphan files may have taken it: the format does not know the ledger",
            )
            .hint("restore it from a copy, or remove the table and run the job again"),
        _ => error,
    })?;
    if format!("{:032x}", xxhash_rust::xxh3::xxh3_128(&bytes)) != hash {
        return Err(Error::machine(format!("{} was changed from outside", path.display()))
            .hint("restore it from a copy, or remove the table and run the job again"));
    }
    let mut text = String::new();
    GzDecoder::new(&bytes[..])
        .take(LARGEST)
        .read_to_string(&mut text)
        .map_err(|e| Error::io("read the ledger", &path, e))?;
    parse_versioned(&text, VERSION, "ledger", &path).map(Some)
}

/// The file of the ledger of a table, if it has one.
pub(super) fn file(table: &TableInPlace) -> Option<PathBuf> {
    table.ledger().ok().map(|(path, _)| path)
}
