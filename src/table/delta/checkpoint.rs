//! Checkpoints: Parquet files with all actions up to a version.

use super::actions::{AddedFile, PartitionTexts, ProgramVersion, RemovedFile, TableState};
use arrow_array::cast::AsArray;
use arrow_array::types::{Int32Type, Int64Type};
use arrow_array::{Array, ArrayRef, RecordBatch, StructArray};
use bytes::Bytes;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde_json::{Map, Value};

/// The kinds of actions that are read.
const READ: [&str; 6] = ["add", "remove", "protocol", "metaData", "txn", "sidecar"];

/// Adds what one file of a checkpoint has to `state`.
///
/// # Errors
/// Why it cannot be read, in words.
pub(super) fn read(bytes: Bytes, state: &mut TableState) -> Result<(), String> {
    let words = |e: &dyn std::fmt::Display| e.to_string();
    let builder = ParquetRecordBatchReaderBuilder::try_new(bytes).map_err(|e| words(&e))?;
    let parquet = builder.parquet_schema();
    let roots = parquet.root_schema().get_fields().iter().enumerate();
    let wanted = roots.filter(|(_, field)| READ.contains(&field.name()));
    let mask = ProjectionMask::roots(parquet, wanted.map(|(at, _)| at).collect::<Vec<_>>());
    for batch in builder.with_projection(mask).build().map_err(|e| words(&e))? {
        take(&batch.map_err(|e| words(&e))?, state)?;
    }
    Ok(())
}

fn take(batch: &RecordBatch, state: &mut TableState) -> Result<(), String> {
    let action = |name: &str| batch.column_by_name(name).and_then(|column| column.as_struct_opt());
    for row in 0..batch.num_rows() {
        let of = |name: &str| action(name).filter(|values| values.is_valid(row));
        if of("sidecar").is_some() {
            return Err("its files are named in sidecars (v2Checkpoint), which are not read".to_string());
        }
        if let Some(add) = of("add") {
            state.add(added(add, row).ok_or("an action `add` in it lacks a field")?);
        }
        if let Some(remove) = of("remove") {
            state.remove(removed(remove, row).ok_or("an action `remove` in it lacks a field")?);
        }
        if let Some(txn) = of("txn") {
            let (name, program) = program(txn, row).ok_or("an action `txn` in it lacks a field")?;
            state.programs.insert(name, program);
        }
        if let Some(protocol) = of("protocol") {
            state.protocol = Some(json(protocol, row));
        }
        if let Some(metadata) = of("metaData") {
            state.metadata = Some(json(metadata, row));
        }
    }
    Ok(())
}

fn added(add: &StructArray, row: usize) -> Option<AddedFile> {
    let path = text(add.column_by_name("path")?, row)?;
    // Some writers leave an object without values where there is none.
    let vector = add.column_by_name("deletionVector").and_then(|vector| vector.as_struct_opt());
    let storage =
        vector.filter(|vector| vector.is_valid(row)).and_then(|vector| vector.column_by_name("storageType"));
    let has_deletions = storage.is_some_and(|storage| storage.is_valid(row));
    Some(AddedFile {
        path,
        partition: partition(add, row)?,
        has_deletions,
        size: long(add, "size", row).unwrap_or_default(),
        modified: long(add, "modificationTime", row).unwrap_or_default(),
        stats: add.column_by_name("stats").and_then(|stats| text(stats, row)),
    })
}

fn removed(remove: &StructArray, row: usize) -> Option<RemovedFile> {
    Some(RemovedFile {
        path: text(remove.column_by_name("path")?, row)?,
        time: long(remove, "deletionTimestamp", row),
        partition: partition(remove, row),
        size: long(remove, "size", row),
    })
}

fn program(txn: &StructArray, row: usize) -> Option<(String, ProgramVersion)> {
    let name = text(txn.column_by_name("appId")?, row)?;
    let program = ProgramVersion { version: long(txn, "version", row)?, time: long(txn, "lastUpdated", row) };
    Some((name, program))
}

/// The values of a partition, if the action has them.
fn partition(action: &StructArray, row: usize) -> Option<PartitionTexts> {
    let map = action.column_by_name("partitionValues")?.as_map_opt()?;
    let values = map.is_valid(row).then(|| map.value(row))?;
    let (names, values) = (values.column(0), values.column(1));
    (0..names.len()).map(|at| Some((text(names, at)?, text(values, at)))).collect()
}

fn long(action: &StructArray, name: &str, row: usize) -> Option<i64> {
    let values = action.column_by_name(name)?.as_primitive_opt::<Int64Type>()?;
    values.is_valid(row).then(|| values.value(row))
}

/// A value as JSON has it in commits, as far as protocol and metadata have such values.
fn value(values: &ArrayRef, row: usize) -> Value {
    if values.is_null(row) {
        return Value::Null;
    }
    if let Some(fields) = values.as_struct_opt() {
        return json(fields, row);
    }
    if let Some(list) = values.as_list_opt::<i32>() {
        let items = list.value(row);
        return (0..items.len()).map(|at| value(&items, at)).collect();
    }
    if let Some(map) = values.as_map_opt() {
        let entries = map.value(row);
        let entry = |at: usize| Some((text(entries.column(0), at)?, value(entries.column(1), at)));
        return Value::Object((0..entries.len()).filter_map(entry).collect());
    }
    if let Some(numbers) = values.as_primitive_opt::<Int32Type>() {
        return numbers.value(row).into();
    }
    if let Some(numbers) = values.as_primitive_opt::<Int64Type>() {
        return numbers.value(row).into();
    }
    text(values, row).map_or(Value::Null, Value::String)
}

fn json(fields: &StructArray, row: usize) -> Value {
    let field = |(name, values): (&str, &ArrayRef)| (name.to_string(), value(values, row));
    let fields: Map<String, Value> =
        fields.column_names().into_iter().zip(fields.columns()).map(field).collect();
    Value::Object(fields)
}

fn text(values: &ArrayRef, row: usize) -> Option<String> {
    if values.is_null(row) {
        return None;
    }
    let text = values.as_string_opt::<i32>().map(|texts| texts.value(row));
    let text = text.or_else(|| values.as_string_opt::<i64>().map(|texts| texts.value(row)));
    text.or_else(|| values.as_string_view_opt().map(|texts| texts.value(row))).map(str::to_string)
}
