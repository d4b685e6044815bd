//! A comparison as a document.

use super::{events, words};
use crate::cli::document::{ReportDocument, TableColumn, data};
use crate::cli::ui::{count, grouped};
use crate::verify::compare::{ColumnCount, Comparison, Duplicate, RowDifference, WhichSide};
use crate::verify::{MaxDifferent, Verified};

/// The verdict in the first line; then what differs, and why; then notes, and the events of groups that differ.
pub fn document(verified: &Verified, allowed: Option<MaxDifferent>) -> ReportDocument {
    let Verified { output, here, against, comparison, explanation, traces, notes } = verified;
    let title = words::verdict(comparison, output);
    let accepted = allowed.filter(|allowed| allowed.refuses(comparison).is_none());
    let mut out = match accepted {
        // Neither the sign of a success nor that of a failure is true of it.
        Some(_) if !comparison.same() => ReportDocument::titled(title),
        _ => ReportDocument::verdict(comparison.same(), title),
    };
    for (side, name, rows) in [("here", here, comparison.here), ("there", against, comparison.there)] {
        out.item(format!("{side:<5}  {}, {}", data(name), count(rows, "row", "rows")));
    }
    if let Some(allowed) = allowed.filter(|_| !comparison.same()) {
        out.item(words::accepted(allowed, comparison));
    }
    if !comparison.same() {
        differences(&mut out, comparison, explanation.as_deref());
    }
    notes.iter().for_each(|note| out.item(format!("note: {note}")));
    traces.iter().for_each(|(group, traced)| events::push(&mut out, group, traced));
    out
}

fn differences(out: &mut ReportDocument, comparison: &Comparison, explanation: Option<&str>) {
    words::schema(comparison).into_iter().for_each(|line| out.item(line));
    if let Some(explanation) = explanation {
        out.line(format!("why: {explanation}"));
    }
    out.gap();
    let counts = words::counts(comparison);
    out.table(vec![
        TableColumn::words("rows", counts.iter().map(|(name, ..)| name.to_string())),
        TableColumn::numbers("", counts.iter().map(|(_, n, _)| grouped(*n))),
        TableColumn::numbers("", counts.iter().map(|(.., share)| share.clone())),
    ]);
    columns(out, comparison);
    rows(out, comparison);
    duplicates(out, comparison);
}

fn columns(out: &mut ReportDocument, comparison: &Comparison) {
    let both = comparison.matched + comparison.differing;
    let (same, odd): (Vec<&ColumnCount>, Vec<&ColumnCount>) =
        comparison.columns.iter().partition(|column| column.matched == both);
    // Where the sides have not a row in common, all of these numbers are 0.
    if odd.is_empty() || both == 0 {
        return;
    }
    let numbers = |head: &str, of: fn(&ColumnCount) -> u64| {
        TableColumn::numbers(head, odd.iter().map(|column| grouped(of(column))).collect::<Vec<_>>())
    };
    out.gap();
    out.table(vec![
        TableColumn::values("column", odd.iter().map(|column| column.name.clone())),
        numbers("same", |column| column.matched),
        numbers("NULL\nhere", |column| column.null_here),
        numbers("NULL\nthere", |column| column.null_there),
        numbers("different", |column| column.different),
    ]);
    let same: Vec<String> = same.iter().map(|column| data(&column.name)).collect();
    if !same.is_empty() {
        out.line(format!("the same in all: {}", words::listed(&same)));
    }
}

fn rows(out: &mut ReportDocument, comparison: &Comparison) {
    let shown = &comparison.rows;
    if shown.is_empty() {
        return;
    }
    // A line for each cell; a row of keys alone has one too.
    let mut lines: Vec<(&RowDifference, &str, String, String)> = vec![];
    for row in shown {
        if row.cells.is_empty() {
            lines.push((row, "", String::new(), String::new()));
        }
        for (name, here, there) in &row.cells {
            let (here, there) = match row.only {
                None => words::pair(here.as_deref(), there.as_deref()),
                Some(WhichSide::Here) => (words::value(here.as_deref()), String::new()),
                Some(WhichSide::There) => (String::new(), words::value(there.as_deref())),
            };
            lines.push((row, name, here, there));
        }
    }
    let mut table = keys(lines.iter().map(|line| &line.0.key).collect());
    if lines.iter().any(|line| !line.1.is_empty()) {
        table.push(TableColumn::values("column", lines.iter().map(|line| line.1.to_string())));
        table.push(TableColumn::mixed("here", lines.iter().map(|line| line.2.clone())));
        table.push(TableColumn::mixed("there", lines.iter().map(|line| line.3.clone())));
    }
    if lines.iter().any(|line| line.0.only.is_some()) {
        table.push(TableColumn::words("", lines.iter().map(|line| mark(line.0.only).to_string())));
    }
    let all = comparison.differing + comparison.only_here + comparison.only_there;
    let more = all.saturating_sub(shown.len() as u64);
    out.gap();
    out.table(table);
    if more > 0 {
        out.line(format!("… and {} more", count(more, "row", "rows")));
    }
}

fn mark(only: Option<WhichSide>) -> &'static str {
    match only {
        None => "",
        Some(WhichSide::Here) => "only here",
        Some(WhichSide::There) => "only there",
    }
}

/// A column for each column of the key.
fn keys(rows: Vec<&Vec<(String, Option<String>)>>) -> Vec<TableColumn> {
    let names = rows.first().map(|key| key.iter().map(|(name, _)| name)).into_iter().flatten();
    names
        .enumerate()
        .map(|(i, name)| {
            let text = |key: &&Vec<(String, Option<String>)>| {
                words::value(key.get(i).and_then(|(_, value)| value.as_deref()))
            };
            TableColumn::values(&data(name), rows.iter().map(text).collect::<Vec<_>>())
        })
        .collect()
}

fn duplicates(out: &mut ReportDocument, comparison: &Comparison) {
    let Comparison { duplicates, duplicate_keys, .. } = comparison;
    if *duplicate_keys == 0 {
        return;
    }
    let verb = if *duplicate_keys == 1 { "comes" } else { "come" };
    out.gap();
    out.line(format!("{} {verb} more than once", count(*duplicate_keys, "key", "keys")));
    if duplicates.is_empty() {
        return;
    }
    let mut table = keys(duplicates.iter().map(|again| &again.key).collect());
    let place = |again: &Duplicate| if again.side == WhichSide::Here { "here" } else { "there" }.to_string();
    table.push(TableColumn::words("side", duplicates.iter().map(place)));
    table.push(TableColumn::numbers("rows", duplicates.iter().map(|again| grouped(again.rows))));
    out.table(table);
    let more = words::keys_not_named(comparison);
    if more > 0 {
        out.line(format!("… and {} more", count(more, "key", "keys")));
    }
}
