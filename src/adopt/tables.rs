//! Tables of servers that another program filled: the rows of the replay beside those that a table has.
//!
//! # Contract
//! A table is brought up to date in a transaction of its server, which writes only rows that are not as they should be. Where
//! it writes none and the table has no other rows, it holds the replay: the mirror is written, and the table stays as it is.

use super::outcome::{AdoptRequest, AdoptResult, AdoptedOutput};
use crate::deliver::server_tables::TableBefore;
use crate::error::{Error, Result};
use crate::pg::quoted;
use crate::plan::{Plan, Publication};
use std::io::Write;
use tempfile::NamedTempFile;

/// Says of each output that is a table what it held.
pub(super) fn compared(
    plan: &Plan,
    before: &[TableBefore],
    request: &AdoptRequest,
    outputs: &mut [AdoptedOutput],
) {
    for (publication, table) in plan.deliveries.publications.iter().zip(before) {
        let Some(output) = outputs.iter_mut().find(|output| output.id == publication.output) else {
            continue;
        };
        output.path = publication.address.url();
        // Files in its mirror were told already, and a table that was not there is written.
        if !matches!(output.result, AdoptResult::Written) || !table.was_there {
            continue;
        }
        output.files = 1;
        output.result = match difference(table) {
            None => AdoptResult::Adopted,
            Some(why) if request.repair => AdoptResult::Repaired(why),
            Some(why) => AdoptResult::Different(why, None),
        };
    }
}

/// How a table differs from the replay, in words.
fn difference(table: &TableBefore) -> Option<String> {
    let TableBefore { published, others, .. } = table;
    let mut parts = vec![];
    for (count, what) in [
        (published.inserted, "it lacks"),
        (published.updated, "with other values it has"),
        (*others, "not of the replay (they stay) it has"),
    ] {
        if count > 0 {
            let rows = if count == 1 { "row" } else { "rows" };
            parts.push(format!("{what} {count} {rows}"));
        }
    }
    (!parts.is_empty()).then(|| parts.join(", "))
}

/// A file with the query that gives the rows of a table.
///
/// # Errors
/// The file cannot be written.
pub(super) fn query(plan: &Plan, publication: &Publication) -> Result<NamedTempFile> {
    let columns = &plan.deliveries.outputs[publication.output].columns;
    let names: Vec<String> = columns.names().map(quoted).collect();
    let folder = std::env::temp_dir();
    let failed = |e| Error::io("write to", &folder, e);
    let mut file = tempfile::Builder::new().suffix(".sql").tempfile().map_err(failed)?;
    let query = format!("SELECT {} FROM {}", names.join(", "), publication.address.quoted());
    file.write_all(query.as_bytes()).map_err(failed)?;
    Ok(file)
}
