//! Files in place that are not as their manifest says.

use super::manifest::Part;
use super::{fsutil, remote_names};
use crate::error::{Error, Result};
use crate::store::{files, is_on_store};
use rayon::prelude::*;
use std::path::Path;

/// Whether the file at `path` has the bytes of `part`.
pub(super) fn is_as(path: &Path, part: &Part) -> bool {
    // A wrong size tells enough, and spares the read of the file.
    let size = || path.symlink_metadata().is_ok_and(|there| there.len() == part.bytes);
    size() && fsutil::content(path).is_ok_and(|(bytes, hash)| bytes == part.bytes && hash == part.hash)
}

/// The first of `parts`, whose paths are below `folder`, that does not have the bytes that it was written with: it is
/// gone, or was changed from outside. The files are read, on all threads.
///
/// # Errors
/// A store does not say.
pub fn first_altered<'p, P>(folder: &Path, parts: P) -> Result<Option<&'p Part>>
where
    P: IntoParallelIterator<Item = &'p Part, Iter: IndexedParallelIterator>,
{
    if is_on_store(folder) {
        return remote_names::first_altered(folder, parts.into_par_iter().collect());
    }
    // `find_first` names the same part in every run, unlike `find_any`.
    Ok(parts.into_par_iter().find_first(|part| !is_as(&folder.join(&part.path), part)))
}

/// The error for a file in place that is not as its manifest says.
pub fn altered(path: &Path) -> Error {
    let is_there = match is_on_store(path) {
        // Where the store does not say it, the file is there as far as is known.
        true => files::is_file(path).unwrap_or(true),
        false => path.symlink_metadata().is_ok(),
    };
    let what = if is_there { "was changed from outside" } else { "is gone" };
    let error = Error::machine(format!("{} {what}: it does not match its manifest", path.display()));
    match is_on_store(path) {
        // No lock keeps a file and its manifest together while a commit puts them.
        true => {
            error.hint("another command may have committed to it just now: run this one again").hint(ANEW)
        }
        false => error.hint(ANEW),
    }
}

/// What repairs a file in place that is not as its manifest says.
pub const ANEW: &str = "run the job again: it rewrites files that were changed";
