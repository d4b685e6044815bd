//! A comparison as JSON, for programs.

use crate::engine::{GroupOf, Traced};
use crate::sink::value::TimeText;
use crate::time::Zone;
use crate::verify::compare::{Duplicate, RowDifference, SchemaDifference, Side};
use crate::verify::{Verdict, Verified};
use serde_json::{Map, Value, json};

/// All outputs.
pub fn value(verdict: &Verdict) -> Value {
    let skipped: Vec<Value> =
        verdict.skipped.iter().map(|s| json!({ "output": s.output, "why": s.why.to_string() })).collect();
    json!({
        "same": verdict.same(),
        "outputs": verdict.verified.iter().map(one).collect::<Vec<_>>(),
        "skipped": skipped,
    })
}

fn one(verified: &Verified) -> Value {
    let c = &verified.comparison;
    let columns: Vec<Value> = c
        .columns
        .iter()
        .map(|c| {
            json!({ "name": c.name, "matched": c.matched, "null_here": c.null_here, "null_there": c.null_there,
                "different": c.different })
        })
        .collect();
    json!({
        "output": verified.output,
        "against": verified.against,
        "same": c.same(),
        "rows": { "here": c.here, "there": c.there, "matched": c.matched, "only_here": c.only_here,
            "only_there": c.only_there, "differing": c.differing },
        "schema": c.schema.iter().map(schema).collect::<Vec<_>>(),
        "columns": columns,
        "differing": c.rows.iter().map(row).collect::<Vec<_>>(),
        "duplicate_keys": c.duplicate_keys,
        "duplicates": c.duplicates.iter().map(duplicate).collect::<Vec<_>>(),
        "explanation": verified.explanation,
        "notes": verified.notes,
        "events": verified.traces.iter().map(|(group, traced)| events(group, traced)).collect::<Vec<_>>(),
    })
}

fn schema(difference: &SchemaDifference) -> Value {
    match difference {
        SchemaDifference::Only(only, name) => json!({ "column": name, "only": side(*only) }),
        SchemaDifference::Types(name, here, there) => json!({ "column": name, "here": here, "there": there }),
    }
}

fn side(side: Side) -> &'static str {
    match side {
        Side::Here => "here",
        Side::There => "there",
    }
}

fn key(key: &[(String, Option<String>)]) -> Value {
    Value::Object(key.iter().map(|(name, value)| (name.clone(), json!(value))).collect::<Map<_, _>>())
}

fn row(row: &RowDifference) -> Value {
    let cells: Vec<Value> = row
        .cells
        .iter()
        .map(|(name, here, there)| json!({ "column": name, "here": here, "there": there }))
        .collect();
    json!({ "key": key(&row.key), "only": row.only.map(side), "cells": cells })
}

fn duplicate(duplicate: &Duplicate) -> Value {
    json!({ "key": key(&duplicate.key), "side": side(duplicate.side), "rows": duplicate.rows })
}

fn events(group: &GroupOf, traced: &Traced) -> Value {
    let mut times = TimeText::new(&Zone::utc());
    let mut instant = |micros| {
        let mut out = vec![];
        times.push(&mut out, micros);
        String::from_utf8_lossy(&out).into_owned()
    };
    let rows: Vec<Value> = traced
        .rows
        .iter()
        .map(|row| {
            let values = traced.columns.iter().cloned().zip(row.values.iter().map(|v| json!(v)));
            json!({ "file": row.file.display().to_string(), "line": row.line, "time": instant(row.time),
                "values": values.collect::<Map<_, _>>() })
        })
        .collect();
    let window = group.window.map(|(start, end)| [instant(start), instant(end)]);
    json!({ "window": window, "keys": key(&group.keys), "events": traced.events, "first": rows })
}
