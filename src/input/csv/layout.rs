//! Where the wanted columns stand in the records of one file.

use super::super::{ReadPlan, ReadTime};
use crate::error::{Error, Result};
use std::collections::HashSet;
use std::path::Path;

/// The columns of one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::input) struct CsvLayout {
    /// The names of the fields of a record.
    pub(in crate::input) names: Vec<String>,
    /// For each column of the plan its field, if the file has it.
    pub(in crate::input) columns: Vec<Option<usize>>,
    /// The field of the event time, where there is one.
    pub(in crate::input) time: Option<usize>,
    /// The field of the arrival, where that is not the event time.
    pub(in crate::input) arrival: Option<usize>,
}

impl CsvLayout {
    /// The layout of the file at `path`, whose records have the fields `names`.
    ///
    /// # Errors
    /// `Data` for a name that is there twice, and where the time or arrival column is missing.
    pub(in crate::input) fn of(names: Vec<String>, path: &Path, plan: &ReadPlan) -> Result<CsvLayout> {
        let mut seen = HashSet::new();
        if let Some(twice) = names.iter().find(|name| !seen.insert(name.as_str())) {
            return Err(Error::data(format!("{}: two columns are named `{twice}`", path.display()))
                .hint("give each column its own name in the header line"));
        }
        let field_of = |wanted: &str| names.iter().position(|name| name == wanted);
        let needed = |time: &ReadTime| {
            let field = field_of(&time.column);
            field.ok_or_else(|| missing(&time.column, &format!("{} has", path.display()), &names))
        };
        let time = plan.own_time().map(needed).transpose()?;
        let arrival = plan.own_arrival().map(needed).transpose()?;
        let columns = plan.columns.iter().map(|column| field_of(&column.name)).collect();
        Ok(CsvLayout { columns, time, arrival, names })
    }
}

/// The error for a wanted column that is not among `known`; `who` has them.
pub(in crate::input) fn missing(wanted: &str, who: &str, known: &[String]) -> Error {
    let names = || known.iter().map(String::as_str);
    let mut list = names().take(20).collect::<Vec<_>>().join(", ");
    if known.len() > 20 {
        list.push_str(", …");
    }
    Error::data(format!("{who} no column `{wanted}`"))
        .nearest(wanted, names())
        .hint(format!("its columns: {list}"))
}
