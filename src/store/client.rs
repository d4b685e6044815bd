//! What each kind of store can be asked, and told.

use super::listing::{Depth, ObjectState, StoreListing};
use crate::error::{Error, Result};
use bytes::Bytes;
use std::fs::File;
use std::ops::Range;
use std::path::Path;

/// Files up to this size are written in one request; larger ones in requests of this size.
pub(super) const PART: u64 = 8 << 20;

/// What has to be true of an object for it to be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PutCondition<'a> {
    /// Nothing: what is there is replaced.
    Always,
    /// There is no object of this name.
    Absent,
    /// The object is in this state, as its store tells it.
    Unchanged(&'a str),
}

/// What came of a write with a condition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PutOutcome {
    /// The object has these bytes: they were written now, or by an earlier attempt.
    Done,
    /// The condition is not true: another writer was faster.
    Lost,
}

/// What can be asked of a store.
pub(super) trait ObjectClient: std::fmt::Debug + Send + Sync {
    /// What it holds whose names begin with `prefix`.
    fn list(&self, prefix: &str, depth: Depth) -> Result<StoreListing>;

    /// What it tells of the object `key`; none if there is none.
    fn state(&self, key: &str) -> Result<Option<ObjectState>>;

    /// Bytes of the object `key`, which has to be in this state.
    fn get(&self, key: &str, range: Range<u64>, state: &ObjectState) -> Result<Bytes>;

    /// Writes a whole object where `condition` is true. An answer that was lost is not a conflict: what is there is compared.
    fn put(&self, key: &str, _bytes: &Bytes, _condition: PutCondition) -> Result<PutOutcome> {
        Err(not_written(key))
    }

    /// Writes a whole object from a file of `bytes` bytes, in several requests at a time if it is large. Until the last of
    /// them no reader sees anything of it.
    fn upload(&self, key: &str, _file: &File, _bytes: u64) -> Result<()> {
        Err(not_written(key))
    }

    /// What tells the state of the object `key`, for [`PutCondition::Unchanged`]; none if there is none.
    fn version(&self, key: &str) -> Result<Option<String>> {
        Err(not_written(key))
    }

    /// Has the store copy an object, over what is there. False if there is none.
    fn copy(&self, _from: &str, to: &str) -> Result<bool> {
        Err(not_written(to))
    }

    /// Removes an object; one that is not there is removed already.
    fn delete(&self, key: &str) -> Result<()> {
        Err(not_written(key))
    }
}

fn not_written(key: &str) -> Error {
    Error::job(format!("{key} cannot be written: files of web servers are only read"))
}

/// The error for an object that is not what it was.
pub(super) fn changed(path: &Path) -> Error {
    Error::data(format!("{} changed while it was read", path.display()))
        .hint("run again when no program writes to it, or read a copy; the outputs are unchanged")
}
