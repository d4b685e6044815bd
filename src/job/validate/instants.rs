//! Columns of times whose units the schemas in the records tell.

use crate::batch::DataType;
use crate::error::Error;
use crate::input::infer::Inferred;
use crate::job::document::Document;
use crate::job::spec::LogSpec;
use crate::time::{TimeRule, TimeUnit};

/// How a column is read as a time, of which the schemas say that it has numbers of the unit `schema_unit`: these are written out
/// as what they are, and the job may name the same unit.
///
/// # Errors
/// The job names another one, or a format.
pub(super) fn rule(schema_unit: TimeUnit, rule: &TimeRule, column: &str) -> Result<TimeRule, Error> {
    let error = match rule {
        TimeRule::Iso | TimeRule::Untimed => return Ok(TimeRule::Iso),
        TimeRule::Epoch(unit) if *unit == schema_unit => return Ok(TimeRule::Iso),
        TimeRule::Epoch(unit) => Error::job(format!(
            "`{column}` has {} by the schema in its records, not {}",
            schema_unit.words(),
            unit.words()
        )),
        TimeRule::Format(_) | TimeRule::AnyOf(_) => Error::job(format!(
            "`{column}` has {} by the schema in its records, not text with a format",
            schema_unit.words()
        )),
    };
    Err(error.hint("leave `time_unit` and `time_format` out: the schema defines how the column is read"))
}

/// Faults types that do not hold the times that the schemas tell.
pub(super) fn check_types(document: &Document, spec: &LogSpec, inferred: &Inferred) {
    for (name, ty) in &spec.types {
        let Some(column) = inferred.column(&name.value) else { continue };
        let Some(unit) = column.unit.filter(|_| column.declared) else { continue };
        if matches!(column.ty, DataType::String | DataType::Date | DataType::Timestamp) {
            continue;
        }
        let is = if unit == TimeUnit::Day { "a date" } else { "a timestamp" };
        let error = Error::job(format!(
            "`{}` is {is} by the schema in its records, but {} cannot hold it",
            name.value, ty.value
        ));
        let hint = format!("leave it out of `types`; EXTRACT(epoch FROM {}) makes it a number", name.value);
        document.fault(error.hint(hint), &ty.span);
    }
}
