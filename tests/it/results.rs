//! Outputs read back, and laid beside what the oracle says.

use crate::jobs::Job;
use crate::log::{Cell, json};
use crate::oracle::{Expected, Rows, Value};
use crate::oracle_windows::time_text;
use crate::support::Lab;
use arrow_array::cast::AsArray;
use arrow_array::types::{Date32Type, Decimal128Type, Float64Type, Int64Type, TimestampMicrosecondType};
use arrow_array::{Array, ArrayRef};
use arrow_schema::DataType;
use std::collections::BTreeMap;

/// A row as names and texts.
pub type Row = Vec<(String, String)>;

/// Says where the outputs of `job` are not what the oracle expects.
pub fn differences(lab: &Lab, job: &Job, expected: &Expected) -> Result<(), String> {
    let mut files = lab.data("out");
    for (i, (output, want)) in job.outputs.iter().zip(&expected.outputs).enumerate() {
        let path = output.path(i);
        let mut found: BTreeMap<String, Vec<Row>> = BTreeMap::new();
        for (name, bytes) in &files {
            let Some(part) = name.strip_prefix(&path) else { continue };
            let partition = part.rsplit_once('/').map_or("", |(folder, _)| folder).trim_start_matches('/');
            let old = found.insert(partition.to_string(), read(output.format, bytes, job.zone));
            if old.is_some() {
                return Err(format!("two files in {path}/{partition}"));
            }
        }
        files.retain(|name, _| !name.starts_with(&path));
        compare(output.format, want, &found, job.zone).map_err(|e| format!("output {i}: {e}"))?;
    }
    if files.is_empty() { Ok(()) } else { Err(format!("files that nobody asked for: {:?}", files.keys())) }
}

/// Says where the late file of `job` is not what the oracle expects. Of `_file` only the name counts.
pub fn late_differences(lab: &Lab, job: &Job, expected: &Expected) -> Result<(), String> {
    let format = job.timing.late;
    let mut found = read(
        format,
        &std::fs::read(lab.path(&format!("late.{format}"))).map_err(|e| e.to_string())?,
        job.zone,
    );
    for (_, value) in found.iter_mut().flatten().filter(|(name, _)| name == "_file") {
        if let Some((_, name)) = value.rsplit_once('/') {
            *value = format!("\"{name}");
        }
    }
    let want = Rows::from([(String::new(), expected.late.clone())]);
    compare(format, &want, &BTreeMap::from([(String::new(), found)]), job.zone)
        .map_err(|e| format!("late events: {e}"))
}

fn compare(format: &str, want: &Rows, found: &BTreeMap<String, Vec<Row>>, zone: &str) -> Result<(), String> {
    let none = vec![];
    for partition in found.keys().chain(want.keys()) {
        let rows = found.get(partition).ok_or_else(|| format!("no partition {partition:?}"))?;
        let want = want.get(partition).unwrap_or(&none);
        for (i, (row, want)) in rows.iter().zip(want).enumerate() {
            let differs =
                row.len() != want.len() || row.iter().zip(want).any(|(v, want)| !same(format, v, want, zone));
            if differs {
                let want: Vec<_> = want.iter().map(|v| (&v.name, text(format, &v.cell, zone))).collect();
                return Err(format!("row {i} of {partition:?} is\n  {row:?}\nand not\n  {want:?}"));
            }
        }
        if rows.len() != want.len() {
            return Err(format!("{partition:?} has {} rows and not {}", rows.len(), want.len()));
        }
    }
    Ok(())
}

fn same(format: &str, (name, found): &(String, String), want: &Value, zone: &str) -> bool {
    if *name != want.name {
        return false;
    }
    match (&want.cell, found.parse::<f64>()) {
        (Cell::Float(a), Ok(b)) if want.near => (a - b).abs() <= 1e-9 * a.abs().max(b.abs()).max(1.0),
        _ => *found == text(format, &want.cell, zone),
    }
}

fn text(format: &str, cell: &Cell, zone: &str) -> String {
    match (format, cell) {
        ("csv", Cell::Time(instant)) => time_text(*instant, zone),
        ("csv", cell) => cell.plain(),
        (_, Cell::Time(instant)) => json(&time_text(*instant, zone)),
        (_, cell) => cell.json(),
    }
}

pub fn read(format: &str, bytes: &[u8], zone: &str) -> Vec<Row> {
    match format {
        "jsonl" => {
            let object = |line: &str| -> serde_json::Map<String, serde_json::Value> {
                serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"))
            };
            let row = |line: &str| object(line).into_iter().map(|(name, v)| (name, v.to_string())).collect();
            std::str::from_utf8(bytes).unwrap().lines().map(row).collect()
        }
        "csv" => {
            let mut reader = csv::Reader::from_reader(bytes);
            let names = reader.headers().unwrap().clone();
            let pairs = |record: csv::StringRecord| {
                names.iter().zip(&record).map(|(name, field)| (name.into(), field.into())).collect()
            };
            reader.records().map(|record| pairs(record.unwrap())).collect()
        }
        _ => parquet(bytes, zone),
    }
}

fn parquet(bytes: &[u8], zone: &str) -> Vec<Row> {
    let bytes = bytes::Bytes::copy_from_slice(bytes);
    let builder = parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder::try_new(bytes).unwrap();
    let mut rows = vec![];
    for batch in builder.build().unwrap() {
        let batch = batch.unwrap();
        let schema = batch.schema();
        for row in 0..batch.num_rows() {
            let columns = schema.fields().iter().zip(batch.columns());
            rows.push(columns.map(|(f, a)| (f.name().clone(), text("jsonl", &cell(a, row), zone))).collect());
        }
    }
    rows
}

fn cell(array: &ArrayRef, row: usize) -> Cell {
    if array.is_null(row) {
        return Cell::Null;
    }
    match array.data_type() {
        DataType::Int64 => Cell::Int(array.as_primitive::<Int64Type>().value(row)),
        DataType::Float64 => Cell::Float(array.as_primitive::<Float64Type>().value(row)),
        DataType::Boolean => Cell::Bool(array.as_boolean().value(row)),
        DataType::Date32 => Cell::Date(array.as_primitive::<Date32Type>().value(row)),
        DataType::Decimal128(_, scale) => {
            Cell::Decimal(array.as_primitive::<Decimal128Type>().value(row), *scale as u8)
        }
        DataType::Timestamp(..) => Cell::Time(array.as_primitive::<TimestampMicrosecondType>().value(row)),
        _ => {
            let strings = arrow_cast::cast(array, &DataType::Utf8).unwrap();
            Cell::Text(strings.as_string::<i32>().value(row).into())
        }
    }
}
