//! Checkpoints: Parquet files with all actions up to a version.

use super::actions::{AddedFile, TableState};
use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, RecordBatch, StructArray};
use bytes::Bytes;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// Adds what one file of a checkpoint has to `state`.
///
/// # Errors
/// Why it cannot be read, in words.
pub(super) fn read(bytes: Bytes, state: &mut TableState) -> Result<(), String> {
    let words = |e: &dyn std::fmt::Display| e.to_string();
    let builder = ParquetRecordBatchReaderBuilder::try_new(bytes).map_err(|e| words(&e))?;
    let parquet = builder.parquet_schema();
    let roots = parquet.root_schema().get_fields().iter().enumerate();
    let wanted =
        roots.filter(|(_, field)| matches!(field.name(), "add" | "protocol" | "metaData" | "sidecar"));
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
    let values = add.column_by_name("partitionValues")?.as_map_opt()?.value(row);
    let (names, values) = (values.column(0), values.column(1));
    let partition: Option<BTreeMap<_, _>> =
        (0..names.len()).map(|at| Some((text(names, at)?, text(values, at)))).collect();
    // Some writers leave an object without values where there is none.
    let vector = add.column_by_name("deletionVector").and_then(|vector| vector.as_struct_opt());
    let storage =
        vector.filter(|vector| vector.is_valid(row)).and_then(|vector| vector.column_by_name("storageType"));
    let has_deletions = storage.is_some_and(|storage| storage.is_valid(row));
    Some(AddedFile { path, partition: partition?, has_deletions })
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
    if let Some(numbers) = values.as_primitive_opt::<arrow_array::types::Int32Type>() {
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
