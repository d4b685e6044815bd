//! CSV and JSON Lines that another program wrote → the columns of an output.
//!
//! # Contract
//! * CSV has a comma between fields, and a header or none: without one the columns are those of the output, in its order.
//!   A field without quotes and characters is NULL. JSON Lines have an object a line; a key that is not there is NULL.
//! * Values are spelled as readers of sources take them: times by ISO 8601, with an offset or as local times.

use super::rows::batch;
use crate::batch::{DataType, NativeBuilder, Schema};
use crate::input::fields::{FieldKind, csv_field, undouble};
use crate::input::value::push;
use crate::sink::OutputFormat;
use crate::time::{TimeParser, TimeRule, Zone};
use arrow_array::builder::StringViewBuilder;
use arrow_array::{ArrayRef, RecordBatch};
use arrow_buffer::NullBufferBuilder;
use serde_json::Value;
use std::collections::BTreeSet;
use std::sync::Arc;

type Fallible<T> = std::result::Result<T, String>;

/// The rows of a text, with the columns of `schema`; and whether it is CSV without a header line.
pub(super) fn read(
    format: OutputFormat,
    schema: &Schema,
    zone: &Zone,
    text: &[u8],
) -> Fallible<(RecordBatch, bool)> {
    std::str::from_utf8(text).map_err(|e| format!("it is not UTF-8 at byte {}", e.valid_up_to()))?;
    let mut table = AdoptedColumns::new(schema, zone);
    let without_header = match format {
        OutputFormat::Csv => csv(schema, text, &mut table)?,
        _ => {
            json(schema, text, &mut table)?;
            false
        }
    };
    Ok((table.finish(schema)?, without_header))
}

/// The columns of a file of text, as they are filled.
struct AdoptedColumns {
    columns: Vec<AdoptedColumn>,
    times: TimeParser,
    rows: usize,
}

struct AdoptedColumn {
    name: String,
    ty: DataType,
    nulls: NullBufferBuilder,
    texts: StringViewBuilder,
    natives: Option<NativeBuilder>,
}

impl AdoptedColumns {
    fn new(schema: &Schema, zone: &Zone) -> AdoptedColumns {
        let column = |field: &crate::batch::Field| AdoptedColumn {
            name: field.name.clone(),
            ty: field.ty,
            nulls: NullBufferBuilder::new(0),
            texts: StringViewBuilder::new(),
            natives: NativeBuilder::new(field.ty, 0),
        };
        let times = TimeParser::new(TimeRule::Iso, zone.clone());
        AdoptedColumns { columns: schema.fields.iter().map(column).collect(), times, rows: 0 }
    }

    /// Appends a value of a column; `None` is NULL.
    fn push(&mut self, column: usize, value: Option<&[u8]>) -> Fallible<()> {
        let row = self.rows + 1;
        let column = &mut self.columns[column];
        match value {
            Some(_) => column.nulls.append_non_null(),
            None => column.nulls.append_null(),
        }
        match (&mut column.natives, value) {
            (Some(natives), None) => natives.push_default(),
            (Some(natives), Some(text)) => push(natives, text, &mut self.times).map_err(|_| {
                let text = String::from_utf8_lossy(text);
                format!("`{text}` in row {row} is not a {}, the type of `{}`", column.ty, column.name)
            })?,
            (None, None) => column.texts.append_null(),
            // The whole text was checked, and fields are cut at ASCII bytes.
            (None, Some(text)) => column.texts.append_value(String::from_utf8_lossy(text)),
        }
        Ok(())
    }

    fn finish(self, schema: &Schema) -> Fallible<RecordBatch> {
        let rows = self.rows;
        let columns = self.columns.into_iter().map(|mut column| -> ArrayRef {
            match column.natives {
                Some(mut natives) => natives.finish(column.nulls.finish()),
                None => Arc::new(column.texts.finish()),
            }
        });
        batch(schema, columns.collect(), rows).map_err(|e| e.to_string())
    }
}

/// Reads the records; gives whether no header comes before them.
fn csv(schema: &Schema, text: &[u8], table: &mut AdoptedColumns) -> Fallible<bool> {
    let (mut at, mut without_header) = (0, false);
    let mut order: Option<Vec<usize>> = None;
    while at < text.len() {
        let mut fields: Vec<Option<Vec<u8>>> = vec![];
        loop {
            let field = csv_field(text, at, [b',', b'\n']).ok_or("a quote is never closed")?;
            let mut inside = &text[field.start..field.end];
            at = field.after();
            // A line may end as on Windows.
            if !field.is_quoted() && text.get(at) != Some(&b',') {
                inside = inside.strip_suffix(b"\r").unwrap_or(inside);
            }
            fields.push(match field.kind {
                _ if !field.is_quoted() && inside.is_empty() => None,
                FieldKind::Escaped => {
                    let mut out = vec![];
                    undouble(inside, &mut out).ok_or("a field with quotes cannot be read")?;
                    Some(out)
                }
                _ => Some(inside.to_vec()),
            });
            if text.get(at) == Some(&b'\r') && text.get(at + 1) == Some(&b'\n') {
                at += 1;
            }
            match text.get(at) {
                Some(b',') => at += 1,
                Some(b'\n') => {
                    at += 1;
                    break;
                }
                None => break,
                Some(_) => return Err(format!("row {} has characters behind a quote", table.rows + 1)),
            }
        }
        if order.is_none() {
            let names: Vec<String> =
                fields.iter().flatten().map(|name| String::from_utf8_lossy(name).into_owned()).collect();
            let all = names.len() == fields.len() && names.len() == schema.fields.len();
            let places: Option<Vec<usize>> = names.iter().map(|name| schema.index_of(name)).collect();
            // A first line that has the names of all columns is a header.
            match places.filter(|_| all) {
                Some(places) => {
                    order = Some(places);
                    continue;
                }
                None => {
                    without_header = true;
                    order = Some((0..schema.fields.len()).collect());
                }
            }
        }
        let order = order.as_deref().unwrap_or_default();
        if fields.len() != order.len() {
            let (has, wanted) = (fields.len(), order.len());
            return Err(format!(
                "row {} has {has} fields, and the output has {wanted} columns",
                table.rows + 1
            ));
        }
        for (field, &column) in fields.iter().zip(order) {
            table.push(column, field.as_deref())?;
        }
        table.rows += 1;
    }
    Ok(without_header)
}

fn json(schema: &Schema, text: &[u8], table: &mut AdoptedColumns) -> Fallible<()> {
    for line in text.split(|&c| c == b'\n').filter(|line| !line.trim_ascii().is_empty()) {
        let row = table.rows + 1;
        let object: Value =
            serde_json::from_slice(line).map_err(|e| format!("row {row} is not JSON: {e}"))?;
        let Value::Object(members) = &object else { return Err(format!("row {row} is not an object")) };
        let mut leaves = vec![];
        members.iter().for_each(|(name, value)| flatten(schema, name.clone(), value, &mut leaves));
        check_names(schema, leaves.iter().map(|(name, _)| name.as_str()))?;
        for (column, field) in schema.fields.iter().enumerate() {
            let value = leaves.iter().find(|(name, _)| *name == field.name).map(|(_, value)| *value);
            let text = match value {
                None | Some(Value::Null) => None,
                Some(Value::String(text)) if field.ty != DataType::Json => Some(text.clone()),
                Some(Value::Number(_)) if field.ty == DataType::String => {
                    return Err(format!("`{}` in row {row} is a number, and not a text", field.name));
                }
                Some(value) => Some(value.to_string()),
            };
            table.push(column, text.as_deref().map(str::as_bytes))?;
        }
        table.rows += 1;
    }
    Ok(())
}

/// The values of an object by their paths; a column of JSON has the value whole.
fn flatten<'a>(schema: &Schema, name: String, value: &'a Value, leaves: &mut Vec<(String, &'a Value)>) {
    match value {
        Value::Object(members) if schema.index_of(&name).is_none() => {
            members
                .iter()
                .for_each(|(inner, value)| flatten(schema, format!("{name}.{inner}"), value, leaves));
        }
        value => leaves.push((name, value)),
    }
}

/// Whether a file has no column that the output does not have.
pub(super) fn check_names<'a>(
    schema: &Schema,
    names: impl Iterator<Item = &'a str>,
) -> std::result::Result<(), String> {
    let known: BTreeSet<&str> = schema.names().collect();
    let unknown: Vec<String> =
        names.filter(|name| !known.contains(name)).map(|name| format!("`{name}`")).collect();
    match unknown.is_empty() {
        true => Ok(()),
        false => Err(format!("it has columns that the output does not have: {}", unknown.join(", "))),
    }
}
