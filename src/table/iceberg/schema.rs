//! Columns, partitions and order, as the metadata of a table has them.

use super::metadata::LoadedTable;
use crate::batch::DataType;
use crate::error::{Error, Result};
use crate::table::shape::{TablePartition, TableShape, Transform};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// The least id of a field of a partition.
const FIRST_PARTITION: i64 = 1000;

/// The type of a column.
pub fn type_name(ty: DataType) -> String {
    match ty {
        DataType::String | DataType::Json => "string".into(),
        DataType::Bool => "boolean".into(),
        DataType::Int64 => "long".into(),
        DataType::Float64 => "double".into(),
        DataType::Decimal { precision, scale } => format!("decimal({precision}, {scale})"),
        DataType::Date => "date".into(),
        DataType::Timestamp => "timestamptz".into(),
    }
}

/// The ids of the columns of `shape`: those that the table has, and new ones for columns that it has not.
///
/// # Errors
/// A job error: a column changes its type in a way that Iceberg does not allow.
pub fn numbered(base: Option<&LoadedTable>, shape: &TableShape) -> Result<BTreeMap<String, i32>> {
    let mut ids = BTreeMap::new();
    let mut last = base.map_or(0, |base| base.metadata["last-column-id"].as_i64().unwrap_or(0));
    let known = base.map(|base| base.fields()).unwrap_or_default();
    let mut wrong = vec![];
    for column in &shape.columns {
        let there = known.iter().find(|field| field["name"].as_str() == Some(&column.shown));
        let id = match there {
            Some(field) => {
                let is = type_name(column.ty);
                if !may_become(&field["type"], &is) {
                    let was =
                        field["type"].as_str().map_or_else(|| field["type"].to_string(), str::to_string);
                    let table = base.map_or_else(String::new, |base| base.folder.display().to_string());
                    let error = Error::job(format!(
                        "the column `{}` of the table {table} is {was}, and the job now gives {is}, which Iceberg does not allow",
                        column.name
                    ));
                    wrong.push(error.hint("give the column another name, or the output another path"));
                }
                field["id"].as_i64().unwrap_or_default()
            }
            None => {
                last += 1;
                last
            }
        };
        ids.insert(column.name.clone(), i32::try_from(id).unwrap_or(i32::MAX));
    }
    Error::all(wrong).map_or(Ok(ids), Err)
}

/// Whether a column of the type `was` may become one of the type `is`.
fn may_become(was: &Value, is: &str) -> bool {
    let Some(was) = was.as_str() else { return false };
    // Writers differ in the space behind the comma.
    let bare = |text: &str| text.replace(' ', "");
    let (was, is) = (bare(was), bare(is));
    let decimal = |text: &str| {
        let (precision, scale) = text.strip_prefix("decimal(")?.strip_suffix(')')?.split_once(',')?;
        Some((precision.parse::<u8>().ok()?, scale.parse::<u8>().ok()?))
    };
    match (decimal(&was), decimal(&is)) {
        (Some((from, scale)), Some((to, same))) => scale == same && from <= to,
        _ => was == is || (was == "int" && is == "long") || (was == "float" && is == "double"),
    }
}

/// The fields of the schema.
pub fn fields(shape: &TableShape, ids: &BTreeMap<String, i32>) -> Value {
    let field = |column: &crate::table::shape::TableField| json!({ "id": ids[&column.name], "name": column.shown, "required": false, "type": type_name(column.ty) });
    Value::Array(shape.columns.iter().map(field).collect())
}

/// The fields of the partition; `old` are all specs of the table, of which equal fields keep their ids.
pub fn partition_fields(
    shape: &TableShape,
    ids: &BTreeMap<String, i32>,
    old: &[Value],
    last: &mut i64,
) -> Vec<Value> {
    let known: Vec<&Value> =
        old.iter().flat_map(|spec| spec["fields"].as_array().into_iter().flatten()).collect();
    let field = |partition: &TablePartition| {
        let (source, transform) = (ids[&partition.column], transform_name(partition.transform));
        let same = known.iter().find(|field| {
            field["source-id"] == json!(source)
                && field["transform"] == json!(transform)
                && field["name"] == json!(partition.name)
        });
        let id = same.and_then(|field| field["field-id"].as_i64()).unwrap_or_else(|| {
            *last = (*last + 1).max(FIRST_PARTITION);
            *last
        });
        json!({ "name": partition.name, "transform": transform, "source-id": source, "field-id": id })
    };
    shape.partition.iter().map(field).collect()
}

fn transform_name(transform: Transform) -> &'static str {
    match transform {
        Transform::Identity => "identity",
        Transform::Year => "year",
        Transform::Month => "month",
        Transform::Day => "day",
        Transform::Hour => "hour",
    }
}

/// The fields of the order of rows.
pub fn sort_fields(shape: &TableShape, ids: &BTreeMap<String, i32>) -> Vec<Value> {
    let field = |name: &String| json!({ "transform": "identity", "source-id": ids[name], "direction": "asc", "null-order": "nulls-last" });
    shape.sort.iter().map(field).collect()
}

/// The types of the values of a partition, as Avro has them.
pub fn partition_avro(shape: &TableShape, fields: &[Value]) -> Vec<Value> {
    let field = |(partition, field): (&TablePartition, &Value)| {
        let ty = match partition.transform {
            Transform::Day => json!({ "type": "int", "logicalType": "date" }),
            Transform::Year | Transform::Month | Transform::Hour => json!("int"),
            Transform::Identity => match shape.type_of(&partition.column).unwrap_or(DataType::String) {
                DataType::String | DataType::Json => json!("string"),
                DataType::Bool => json!("boolean"),
                DataType::Int64 => json!("long"),
                DataType::Float64 => json!("double"),
                DataType::Date => json!({ "type": "int", "logicalType": "date" }),
                DataType::Timestamp => {
                    json!({ "type": "long", "logicalType": "timestamp-micros", "adjust-to-utc": true })
                }
                DataType::Decimal { precision, scale } => {
                    json!({ "type": "fixed", "name": format!("decimal_{precision}_{scale}"),
                        "size": decimal_bytes(precision), "logicalType": "decimal",
                        "precision": precision, "scale": scale })
                }
            },
        };
        json!({ "name": avro_name(&partition.name), "type": ["null", ty], "default": null,
            "field-id": field["field-id"] })
    };
    shape.partition.iter().zip(fields).map(field).collect()
}

/// The bytes that a decimal of so many digits needs.
pub fn decimal_bytes(precision: u8) -> usize {
    let most = 10i128.pow(precision.into()) - 1;
    (1..16).find(|&bytes| most < 1i128 << (8 * bytes - 1)).unwrap_or(16)
}

/// A name that Avro takes, as Iceberg's own writers make it.
fn avro_name(name: &str) -> String {
    let mut out = String::new();
    for (place, c) in name.chars().enumerate() {
        match c {
            c if c.is_ascii_alphabetic() || c == '_' || (c.is_ascii_digit() && place > 0) => out.push(c),
            c if c.is_ascii_digit() => {
                out.push('_');
                out.push(c);
            }
            c => out.push_str(&format!("_x{:X}", u32::from(c))),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_change_as_iceberg_allows() {
        for (was, is, may) in [
            ("long", "long", true),
            ("int", "long", true),
            ("long", "string", false),
            ("long", "double", false),
            ("decimal(9,2)", "decimal(18, 2)", true),
            ("decimal(18, 2)", "decimal(9, 2)", false),
            ("decimal(9, 2)", "decimal(18, 3)", false),
            ("decimal(9, 2)", "double", false),
        ] {
            assert_eq!(may_become(&json!(was), is), may, "{was} {is}");
        }
        assert!(!may_become(&json!({ "type": "struct" }), "long"));
    }

    #[test]
    fn decimals_take_the_bytes_of_the_specification() {
        let bytes: Vec<usize> = [1, 2, 3, 9, 18, 38].into_iter().map(decimal_bytes).collect();
        assert_eq!(bytes, [1, 1, 2, 4, 8, 16]);
    }
}
