//! A comparison for people: the verdict, how many rows, which columns, the first rows that differ side by side.

use super::events;
use crate::cli::columns::{Column, render};
use crate::cli::ui::{self, count, grouped};
use crate::verify::Verified;
use crate::verify::compare::{Comparison, RowDifference, SchemaDifference, Side};
use std::fmt::Write;

/// One output, and what it was compared with.
pub fn report(verified: &Verified) -> String {
    let Verified { output, against, comparison, explanation, notes, .. } = verified;
    let mut out = String::new();
    let verdict = if comparison.same() { "the same as" } else { "different from" };
    let _ = writeln!(out, "{}: {verdict} {}", ui::plain(output), ui::plain(against));
    if comparison.same() {
        let _ = writeln!(out, "  {}", all_matched(comparison));
    } else {
        schema(&mut out, comparison);
        counts(&mut out, comparison);
        columns(&mut out, comparison);
        rows(&mut out, comparison);
        duplicates(&mut out, comparison);
    }
    for note in notes {
        let _ = writeln!(out, "  note: {}", ui::plain(note));
    }
    if let Some(why) = explanation {
        let _ = writeln!(out, "explained by {}", ui::plain(why));
    }
    out + &events::text(verified)
}

fn all_matched(comparison: &Comparison) -> String {
    let names: Vec<String> = comparison.columns.iter().map(|c| ui::plain(&c.name)).collect();
    let columns = match names.len() {
        0 => String::new(),
        _ => format!(", in {}", names.join(", ")),
    };
    format!("{} matched{columns}", count(comparison.matched, "row", "rows"))
}

fn schema(out: &mut String, comparison: &Comparison) {
    for difference in &comparison.schema {
        let _ = writeln!(out, "  {}", schema_line(difference));
    }
    if comparison.schema.iter().any(|d| matches!(d, SchemaDifference::Only(..))) {
        let _ = writeln!(
            out,
            "  hint: --ignore leaves columns out; --map 'theirs=SQL' says what a column there is here"
        );
    }
}

/// What a difference of the schema is, in words.
pub fn schema_line(difference: &SchemaDifference) -> String {
    match difference {
        SchemaDifference::Only(Side::Here, name) => format!("the column `{}` is here alone", ui::plain(name)),
        SchemaDifference::Only(Side::There, name) => {
            format!("the column `{}` is there alone", ui::plain(name))
        }
        SchemaDifference::Types(name, here, there) => {
            format!(
                "the column `{}` is {here} here and {there} there, which have no value in common",
                ui::plain(name)
            )
        }
    }
}

/// The classes of rows, with their numbers and percent of all.
pub fn classes(comparison: &Comparison) -> [(&'static str, u64, String); 4] {
    let Comparison { matched, only_here, only_there, differing, .. } = *comparison;
    let all = matched + only_here + only_there + differing;
    let percent = |n: u64| match (n, all) {
        (0, _) => "0".to_string(),
        (n, all) if n == all => "100".to_string(),
        // What is not all and not nothing is not said to be.
        (n, all) => format!("{:.2}", (100.0 * n as f64 / all as f64).clamp(0.01, 99.99)),
    };
    [("matched", matched), ("only here", only_here), ("only there", only_there), ("differing", differing)]
        .map(|(name, n)| (name, n, percent(n)))
}

fn counts(out: &mut String, comparison: &Comparison) {
    let (here, there) = (count(comparison.here, "row", "rows"), grouped(comparison.there));
    let _ = writeln!(out, "  {here} here, {there} there\n");
    let classes = classes(comparison);
    let table = [
        Column::words("", classes.iter().map(|(name, ..)| name.to_string())),
        Column::numbers("rows", classes.iter().map(|(_, n, _)| grouped(*n))),
        Column::numbers("%", classes.iter().map(|(.., percent)| percent.clone())),
    ];
    out.push_str(&render(&table));
}

fn columns(out: &mut String, comparison: &Comparison) {
    let (some, none): (Vec<_>, Vec<_>) =
        comparison.columns.iter().partition(|c| c.null_here + c.null_there + c.different > 0);
    if !some.is_empty() {
        let numbers = |head, f: fn(&crate::verify::compare::ColumnCount) -> u64| {
            Column::numbers(head, some.iter().map(|c| grouped(f(c))))
        };
        let table = [
            Column::words("column", some.iter().map(|c| c.name.clone())),
            numbers("matched", |c| c.matched),
            numbers("null here", |c| c.null_here),
            numbers("null there", |c| c.null_there),
            numbers("different", |c| c.different),
        ];
        let _ = write!(out, "\n{}", render(&table));
    }
    if !none.is_empty() && comparison.matched + comparison.differing > 0 {
        let names: Vec<String> = none.iter().map(|c| ui::plain(&c.name)).collect();
        let _ = writeln!(out, "\nno difference in {}", names.join(", "));
    }
}

/// What stands for NULL, and for a row that is not there.
const NULL: &str = "NULL";
const NO_ROW: &str = "(no row)";

fn rows(out: &mut String, comparison: &Comparison) {
    let Some(first) = comparison.rows.first() else { return };
    let mut table: Vec<(String, Vec<String>)> =
        first.key.iter().map(|(name, _)| (name.clone(), vec![])).collect();
    let keys = table.len();
    table.extend(["column", "here", "there"].map(|name| (name.to_string(), vec![])));
    for row in &comparison.rows {
        for (column, here, there) in lines(row) {
            for (i, (_, value)) in row.key.iter().enumerate() {
                table[i].1.push(value.clone().unwrap_or_else(|| NULL.into()));
            }
            for (i, value) in [column, here, there].into_iter().enumerate() {
                table[keys + i].1.push(value);
            }
        }
    }
    let table: Vec<Column> = table.into_iter().map(|(head, cells)| Column::words(&head, cells)).collect();
    let _ = write!(out, "\n{}", render(&table));
    let all = comparison.only_here + comparison.only_there + comparison.differing;
    let more = all.saturating_sub(comparison.rows.len() as u64);
    if more > 0 {
        let _ = writeln!(out, "… and {} more; --show N shows more", count(more, "row", "rows"));
    }
}

/// The lines of a differing row: column, value here, value there.
pub fn lines(row: &RowDifference) -> Vec<(String, String, String)> {
    let side = |only: Side, value: &Option<String>| match row.only {
        Some(side) if side != only => NO_ROW.to_string(),
        _ => value.clone().unwrap_or_else(|| NULL.into()),
    };
    let line = |(name, here, there): &(String, Option<String>, Option<String>)| {
        (name.clone(), side(Side::Here, here), side(Side::There, there))
    };
    if row.cells.is_empty() {
        // A row that is all key.
        let mark = |only| if row.only == Some(only) { "a row" } else { NO_ROW };
        return vec![(String::new(), mark(Side::Here).into(), mark(Side::There).into())];
    }
    row.cells.iter().map(line).collect()
}

fn duplicates(out: &mut String, comparison: &Comparison) {
    if comparison.duplicate_keys == 0 {
        return;
    }
    let _ = writeln!(out, "\n{} more than once:", count(comparison.duplicate_keys, "key comes", "keys come"));
    for duplicate in &comparison.duplicates {
        let _ = writeln!(out, "  {}", duplicate_line(duplicate));
    }
}

/// A key that comes more than once, in words.
pub fn duplicate_line(duplicate: &crate::verify::compare::Duplicate) -> String {
    let key: Vec<String> = duplicate
        .key
        .iter()
        .map(|(name, value)| format!("{name} {}", value.as_deref().unwrap_or(NULL)))
        .collect();
    let side = if duplicate.side == Side::Here { "here" } else { "there" };
    ui::plain(&format!("{}: {} times {side}", key.join(", "), grouped(duplicate.rows)))
}
