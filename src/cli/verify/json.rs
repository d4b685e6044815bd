//! A comparison for programs.
//!
//! # Contract
//! Names and order stay. Values are texts as CSV has them, times in UTC, and NULL is null.

use super::Names;
use crate::verify::compare::{ColumnCount, Comparison, Duplicate, RowDifference, SchemaDifference, Side};
use serde_json::{Map, Value, json};

/// All that a comparison knows. Structs are taken apart by name, so a new field cannot be forgotten here.
pub fn value(comparison: &Comparison, names: &Names, explanations: &[String]) -> Value {
    let same = comparison.same();
    let Comparison {
        schema,
        here,
        there,
        matched,
        only_here,
        only_there,
        differing,
        columns,
        rows,
        duplicates,
        duplicate_keys,
        // They stand among those of the report.
        notes: _,
    } = comparison;
    json!({
        "output": names.output,
        "same": same,
        "here": { "name": names.here, "rows": here },
        "there": { "name": names.there, "rows": there },
        "rows": {
            "matched": matched,
            "only_here": only_here,
            "only_there": only_there,
            "differing": differing,
        },
        "schema": schema.iter().map(schema_difference).collect::<Vec<_>>(),
        "columns": columns.iter().map(column).collect::<Vec<_>>(),
        "explanations": explanations,
        "differences": rows.iter().map(row).collect::<Vec<_>>(),
        "duplicate_keys": duplicate_keys,
        "duplicates": duplicates.iter().map(duplicate).collect::<Vec<_>>(),
    })
}

fn side(side: Side) -> &'static str {
    match side {
        Side::Here => "here",
        Side::There => "there",
    }
}

fn schema_difference(difference: &SchemaDifference) -> Value {
    match difference {
        SchemaDifference::Only(only, name) => json!({ "column": name, "only": side(*only) }),
        SchemaDifference::Types(name, here, there) => {
            json!({ "column": name, "type_here": here, "type_there": there })
        }
    }
}

fn column(column: &ColumnCount) -> Value {
    let ColumnCount { name, matched, null_here, null_there, different } = column;
    json!({
        "column": name,
        "matched": matched,
        "null_here": null_here,
        "null_there": null_there,
        "different": different,
    })
}

fn key(key: &[(String, Option<String>)]) -> Value {
    Value::Object(key.iter().map(|(name, value)| (name.clone(), json!(value))).collect::<Map<_, _>>())
}

fn row(row: &RowDifference) -> Value {
    let RowDifference { key: keys, only, cells } = row;
    // Of a row of one side there is nothing to say about the other.
    let cell = |(name, here, there): &(String, Option<String>, Option<String>)| match only {
        None => json!({ "column": name, "here": here, "there": there }),
        Some(Side::Here) => json!({ "column": name, "here": here }),
        Some(Side::There) => json!({ "column": name, "there": there }),
    };
    json!({ "key": key(keys), "only": only.map(side), "cells": cells.iter().map(cell).collect::<Vec<_>>() })
}

fn duplicate(duplicate: &Duplicate) -> Value {
    let Duplicate { side: which, key: keys, rows } = duplicate;
    json!({ "side": side(*which), "key": key(keys), "rows": rows })
}
