//! Faults that several parts of planning note or report.

use crate::error::{Error, Reason};
use crate::job::spec::JobSpec;

/// The faults noted so far, of which there is at least one; the document forgets them.
pub(super) fn faults(spec: &JobSpec) -> Error {
    let faults = spec.document.faults();
    spec.document.forget_faults();
    faults.unwrap_or_else(|| Error::job("the job is not valid").because(Reason::Follows))
}

/// The error for a column that no file has, with the nearest of the `known` names.
pub(super) fn unknown_column<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Error {
    Error::job(format!("no file has a column `{name}`"))
        .because(Reason::UnknownColumn(name.to_string()))
        .nearest_or("the columns are", name, known)
}
