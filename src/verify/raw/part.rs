//! A file as it is read, the columns that are wanted of it, and what was read.

use super::spelled::Spelled;
use crate::error::{Error, Result};
use crate::input::derived::DerivedFrom;
use crate::input::{OnBadRecord, ReadPlan};
use crate::time::TimeRule;
use arrow_array::ArrayRef;
use std::borrow::Cow;
use std::path::Path;

/// A column that is read.
#[derive(Debug, Clone)]
pub(super) struct RawColumn {
    pub(super) name: String,
    /// Whether an integer is to be made of it.
    pub(super) integer: bool,
    /// Whether a text is.
    pub(super) text: bool,
    /// Whether it is kept as JSON, also a string.
    pub(super) json: bool,
    /// How its texts are written, where it is not the plain way.
    pub(super) spelled: Option<Spelled>,
}

impl RawColumn {
    /// The plain form of a text; none where it is NULL.
    pub(super) fn plain<'a>(&self, text: &'a str) -> Option<Cow<'a, str>> {
        self.spelled.as_ref().map_or(Some(Cow::Borrowed(text)), |spelled| spelled.plain(text))
    }
}

/// The rows of one file.
pub(super) struct RawFile {
    /// Per wanted column, its values; none where the file lacks it.
    pub(super) columns: Vec<Option<ArrayRef>>,
    /// Of each row, the number of its record.
    pub(super) numbers: Vec<u64>,
    /// Records, rows or not.
    pub(super) records: u64,
}

/// The file that is read, and how.
pub(super) struct File<'a> {
    pub(super) path: &'a Path,
    pub(super) plan: &'a ReadPlan,
    /// How many of its records come before those that are read.
    pub(super) before: u64,
}

impl File<'_> {
    /// A record that is none: an error, unless the plan rejects those.
    pub(super) fn bad(&self, number: u64, what: &str) -> Result<()> {
        match self.plan.on_bad_record {
            OnBadRecord::Reject => Ok(()),
            OnBadRecord::Fail => Err(bad_record(self.path, self.before + number, what)),
        }
    }

    /// Fails where a time's column is not among the file's.
    pub(super) fn check_times(&self, has: impl Fn(&str) -> bool) -> Result<()> {
        for time in [Some(&self.plan.time), self.plan.arrival.as_ref()].into_iter().flatten() {
            if time.rule != TimeRule::Untimed && !is_computed(self.plan, &time.column) && !has(&time.column) {
                return Err(Error::data(format!("{} has no column `{}`", self.path.display(), time.column)));
            }
        }
        Ok(())
    }
}

/// The error for record number `number`, from 0, of a file.
pub(in crate::verify) fn bad_record(path: &Path, number: u64, what: &str) -> Error {
    Error::data(format!("{}: record {}: {what}", path.display(), number + 1))
}

/// The byte order mark that some programs put before UTF-8.
pub(super) const BOM: &[u8] = b"\xef\xbb\xbf";

pub(super) fn without_bom(text: &[u8]) -> &[u8] {
    text.strip_prefix(BOM).unwrap_or(text)
}

/// Whether an expression gives the column, and no file has it.
pub(in crate::verify) fn is_computed(plan: &ReadPlan, name: &str) -> bool {
    let of_sql = plan.derived.iter().filter(|derived| matches!(derived.from, DerivedFrom::Sql(_)));
    of_sql.map(|derived| &plan.columns[derived.column].name).any(|computed| computed == name)
}
