//! A comparison for programs.
//!
//! # Contract
//! Names and order stay. Values are texts as CSV has them, times in UTC, and NULL is null.

use crate::explain::{GroupOf, Traced};
use crate::sink::value::TimeText;
use crate::verify::Verified;
use crate::verify::compare::{Comparison, RowDifference, SchemaDifference, WhichSide};
use serde_json::{Map, Value, json};

/// All that a comparison knows. Structs are taken apart by name, so a new field cannot be forgotten here.
pub fn value(verified: &Verified) -> Value {
    let Verified { output, here: here_name, against, comparison, explanation, traces, notes } = verified;
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
        "output": output,
        "same": same,
        "here": { "name": here_name, "rows": here },
        "there": { "name": against, "rows": there },
        "rows": {
            "matched": matched,
            "only_here": only_here,
            "only_there": only_there,
            "differing": differing,
        },
        "schema": schema.iter().map(schema_difference).collect::<Vec<_>>(),
        "columns": columns,
        "explanations": explanation.as_slice(),
        "differences": rows.iter().map(row).collect::<Vec<_>>(),
        "duplicate_keys": duplicate_keys,
        "duplicates": duplicates,
        "notes": notes,
        "events": traces.iter().map(events).collect::<Vec<_>>(),
    })
}

fn schema_difference(difference: &SchemaDifference) -> Value {
    match difference {
        SchemaDifference::Only(only, name) => json!({ "column": name, "only": only }),
        SchemaDifference::Types(name, here, there) => {
            json!({ "column": name, "type_here": here, "type_there": there })
        }
    }
}

fn object<'a>(pairs: impl Iterator<Item = (&'a String, &'a Option<String>)>) -> Map<String, Value> {
    pairs.map(|(name, value)| (name.clone(), json!(value))).collect()
}

fn row(row: &RowDifference) -> Value {
    let RowDifference { key, only, cells } = row;
    // Of a row of one side there is nothing to say about the other.
    let cell = |(name, here, there): &(String, Option<String>, Option<String>)| match only {
        None => json!({ "column": name, "here": here, "there": there }),
        Some(WhichSide::Here) => json!({ "column": name, "here": here }),
        Some(WhichSide::There) => json!({ "column": name, "there": there }),
    };
    let key = object(key.iter().map(|(name, value)| (name, value)));
    json!({ "key": key, "only": only, "cells": cells.iter().map(cell).collect::<Vec<_>>() })
}

/// The events of a group.
fn events((group, traced): &(GroupOf, Traced)) -> Value {
    let instant = |at| TimeText::utc().text(at);
    let rows = traced.rows.iter().map(|row| {
        json!({
            "file": row.file.display().to_string(),
            "line": row.line,
            "time": instant(row.time),
            "values": object(traced.columns.iter().zip(&row.values)),
        })
    });
    json!({
        "window": group.window.map(|window| [instant(window.start), instant(window.end)]),
        "keys": object(group.keys.iter().map(|(name, value)| (name, value))),
        "events": traced.events,
        "first": rows.collect::<Vec<_>>(),
    })
}
