//! The state as a folder of files that a reader can load: one for each step, table and output, with a column for each key
//! and value.
//!
//! # Contract
//! The columns of each kind are those of the guide's table (late-data.md), in that order; names that begin with `_` are
//! ours. All files are of one commit, and files of an earlier state go.

use super::state::{HeldState, StateKind, StateSection};
use crate::batch::{DataType, Field, Schema, record_batch};
use crate::error::Result;
use crate::plan::Plan;
use crate::sink::encode::ROWS_PER_GROUP;
use crate::sink::{OutputFormat, PartWriter, Transaction, encoder};
use arrow_array::{ArrayRef, StringViewArray};
use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

/// Stages a file for each section: `dedup-1.parquet`, `dedup-2.parquet`, `table-1.parquet`.
///
/// # Errors
/// The disk fails.
pub(super) fn stage(
    state: &HeldState,
    plan: &Plan,
    format: OutputFormat,
    transaction: &Transaction,
) -> Result<()> {
    let mut numbers: HashMap<&str, usize> = HashMap::new();
    for section in &state.sections {
        let number = numbers.entry(section.kind.name()).or_default();
        *number += 1;
        let name = format!("{}-{number}.{}", section.kind.name(), format.extension());
        let columns = columns(section);
        let schema = Schema::new(columns.iter().map(|(field, _)| field.clone()).collect());
        let (arrow, encoder) = (schema.arrow(), encoder(format, &schema, &plan.zone)?);
        let mut writer = PartWriter::new(transaction.stage(0, Path::new(&name))?, format, &schema)?;
        for from in (0..section.rows).step_by(ROWS_PER_GROUP) {
            let rows = ROWS_PER_GROUP.min(section.rows - from);
            let cut = columns.iter().map(|(_, column)| column.slice(from, rows)).collect();
            writer.append(encoder.encode(&record_batch(&arrow, cut)?)?)?;
        }
        writer.finish(None)?;
    }
    Ok(())
}

/// The columns of a section.
fn columns(section: &StateSection) -> Vec<(Field, ArrayRef)> {
    let [time, start, end] = section.instants(0, section.rows);
    let instant = |name: &str, column: ArrayRef| (Field::new(name, DataType::Timestamp), column);
    let names = std::iter::repeat_n(section.name.as_str(), section.rows);
    let name: ArrayRef = Arc::new(StringViewArray::from_iter_values(names));
    let mut columns = vec![(Field::new("_name", DataType::String), name)];
    match section.kind {
        StateKind::Window => {
            columns.extend([instant("_window_start", start), instant("_window_end", end)]);
        }
        _ if section.by_arrival => columns.push(instant("_arrival", time)),
        _ => columns.push(instant("_time", time)),
    }
    let of = |(fields, arrays): &(Vec<Field>, Vec<ArrayRef>)| {
        fields.iter().cloned().zip(arrays.iter().cloned()).collect::<Vec<_>>()
    };
    let keys = of(&section.keys);
    // What a table gives may be a column of its key too, which has the same values.
    let is_key = |field: &Field| section.keys.0.iter().any(|key| key.name == field.name);
    let values = of(&section.values).into_iter().filter(|(field, _)| !is_key(field));
    match section.kind {
        // The one value of an event that waits is ours.
        StateKind::Waiting => {
            columns.extend(values.map(|(_, until)| instant("_until", until)));
            columns.extend(keys);
        }
        _ => columns.extend(keys.into_iter().chain(values)),
    }
    columns
}
