//! The events of groups that differ: as text, as Markdown, as JSON.

use crate::cli::columns::{Column, render};
use crate::cli::ui;
use crate::explain::{GroupOf, Traced};
use crate::sink::value::TimeText;
use crate::verify::Verified;
use serde_json::{Map, Value, json};

/// The events of each traced group, in replay order, with file and line.
pub fn text(verified: &Verified) -> String {
    verified.traces.iter().map(|(group, traced)| one(group, traced)).collect()
}

fn one(group: &GroupOf, traced: &Traced) -> String {
    let mut out = format!("\n{} of {}", ui::count(traced.events, "event", "events"), name(group));
    if (traced.rows.len() as u64) < traced.events {
        out.push_str(&format!(", the first {}", traced.rows.len()));
    }
    out.push_str(":\n");
    if traced.rows.is_empty() {
        return out;
    }
    let place = traced.rows.iter().map(|row| format!("{}:{}", row.file.display(), row.line));
    let mut columns = vec![Column::whole("file:line", place)];
    for (i, name) in traced.columns.iter().enumerate() {
        columns.push(Column::words(
            name,
            traced.rows.iter().map(|row| row.values[i].clone().unwrap_or_default()),
        ));
    }
    out.push_str(&render(&columns));
    out
}

/// The same as tables of Markdown.
pub fn markdown(verified: &Verified) -> String {
    let one = |(group, traced): &(GroupOf, Traced)| {
        let events = ui::count(traced.events, "event", "events");
        let heads: Vec<&str> =
            std::iter::once("file:line").chain(traced.columns.iter().map(String::as_str)).collect();
        let rows = traced.rows.iter().map(|row| {
            let values = row
                .values
                .iter()
                .map(|value| value.as_deref().map(super::markdown::code).unwrap_or_default());
            let place = super::markdown::code(&format!("{}:{}", row.file.display(), row.line));
            std::iter::once(place).chain(values).collect()
        });
        let table = super::markdown::table(&heads, rows);
        format!("\n{events} of {}:\n{table}", super::markdown::code(&name(group)))
    };
    verified.traces.iter().map(one).collect()
}

/// The same as JSON.
pub fn json(verified: &Verified) -> Value {
    let one = |(group, traced): &(GroupOf, Traced)| {
        let rows: Vec<Value> = traced
            .rows
            .iter()
            .map(|row| {
                let values = traced.columns.iter().cloned().zip(row.values.iter().map(|value| json!(value)));
                json!({ "file": row.file.display().to_string(), "line": row.line, "time": instant(row.time),
                    "values": values.collect::<Map<_, _>>() })
            })
            .collect();
        let keys = group.keys.iter().map(|(name, value)| (name.clone(), json!(value)));
        json!({
            "window": group.window.map(|(start, end)| [instant(start), instant(end)]),
            "keys": keys.collect::<Map<_, _>>(),
            "events": traced.events,
            "first": rows,
        })
    };
    Value::Array(verified.traces.iter().map(one).collect())
}

/// A group as people name it: `2024-02-01T00:00:00Z, account_no 17`.
pub fn name(group: &GroupOf) -> String {
    let start = group.window.map(|(start, _)| instant(start));
    let keys =
        group.keys.iter().map(|(name, value)| format!("{name} {}", value.as_deref().unwrap_or("NULL")));
    let parts: Vec<String> = start.into_iter().chain(keys).collect();
    if parts.is_empty() { "all of time".to_string() } else { ui::plain(&parts.join(", ")) }
}

fn instant(micros: i64) -> String {
    TimeText::utc().text(micros)
}
