//! What each kind of store can be asked.

use super::listing::{Depth, ObjectState, StoreListing};
use crate::error::{Error, Result};
use bytes::Bytes;
use std::ops::Range;
use std::path::Path;

/// What can be asked of a store.
pub(super) trait ObjectClient: std::fmt::Debug + Send + Sync {
    /// What it holds whose names begin with `prefix`.
    fn list(&self, prefix: &str, depth: Depth) -> Result<StoreListing>;

    /// What it tells of the object `key`; none if there is none.
    fn state(&self, key: &str) -> Result<Option<ObjectState>>;

    /// Bytes of the object `key`, which has to be in this state.
    fn get(&self, key: &str, range: Range<u64>, state: &ObjectState) -> Result<Bytes>;
}

/// The error for an object that is not what it was.
pub(super) fn changed(path: &Path) -> Error {
    Error::data(format!("{} changed while it was read", path.display()))
        .hint("run again when no program writes to it, or read a copy; the outputs are unchanged")
}
