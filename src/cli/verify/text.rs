//! A comparison for people.

use super::{Names, words};
use crate::cli::columns::{self, Column};
use crate::cli::ui::{count, grouped, plain};
use crate::verify::compare::{ColumnCount, Comparison, Duplicate, RowDifference, Side};

/// The verdict in the first line; then what differs, and why.
pub fn report(comparison: &Comparison, names: &Names, explanations: &[String]) -> String {
    let mut out = format!("{}\n", words::verdict(comparison, names.output));
    for (side, name, rows) in
        [("here", names.here, comparison.here), ("there", names.there, comparison.there)]
    {
        out.push_str(&format!("  {side:<5}  {}, {}\n", plain(name), count(rows, "row", "rows")));
    }
    if comparison.same() {
        return out;
    }
    for line in words::schema(comparison, |name| format!("`{}`", plain(name))) {
        out.push_str(&format!("  {line}\n"));
    }
    for explanation in explanations {
        out.push_str(&format!("why: {}\n", plain(explanation)));
    }
    out.push('\n');
    let counts = words::counts(comparison);
    out.push_str(&columns::render(&[
        Column::words("rows", counts.iter().map(|(name, ..)| name.to_string())),
        Column::numbers("", counts.iter().map(|(_, n, _)| grouped(*n))),
        Column::numbers("", counts.iter().map(|(.., share)| share.clone())),
    ]));
    out.push_str(&columns_told(comparison));
    out.push_str(&rows(comparison));
    out.push_str(&duplicates(comparison));
    out
}

fn columns_told(comparison: &Comparison) -> String {
    let both = comparison.matched + comparison.differing;
    let (same, odd): (Vec<&ColumnCount>, Vec<&ColumnCount>) =
        comparison.columns.iter().partition(|column| column.matched == both);
    if odd.is_empty() || both == 0 {
        return String::new();
    }
    let numbers = |head: &str, of: fn(&ColumnCount) -> u64| {
        Column::numbers(head, odd.iter().map(|column| grouped(of(column))).collect::<Vec<_>>())
    };
    let table = columns::render(&[
        Column::words("column", odd.iter().map(|column| column.name.clone())),
        numbers("same", |column| column.matched),
        numbers("NULL\nhere", |column| column.null_here),
        numbers("NULL\nthere", |column| column.null_there),
        numbers("different", |column| column.different),
    ]);
    let same: Vec<String> = same.iter().map(|column| plain(&column.name)).collect();
    let rest =
        if same.is_empty() { String::new() } else { format!("the same in all: {}\n", words::listed(&same)) };
    format!("\n{table}{rest}")
}

fn rows(comparison: &Comparison) -> String {
    let shown = &comparison.rows;
    if shown.is_empty() {
        return String::new();
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
                Some(Side::Here) => (words::value(here.as_deref()), String::new()),
                Some(Side::There) => (String::new(), words::value(there.as_deref())),
            };
            lines.push((row, name, here, there));
        }
    }
    let mut table = keys(lines.iter().map(|line| &line.0.key).collect());
    if lines.iter().any(|line| !line.1.is_empty()) {
        table.push(Column::words("column", lines.iter().map(|line| line.1.to_string())));
        table.push(side("here", lines.iter().map(|line| &line.2)));
        table.push(side("there", lines.iter().map(|line| &line.3)));
    }
    if lines.iter().any(|line| line.0.only.is_some()) {
        table.push(Column::words("", lines.iter().map(|line| mark(line.0.only).to_string())));
    }
    let all = comparison.differing + comparison.only_here + comparison.only_there;
    let more = all.saturating_sub(shown.len() as u64);
    let more =
        if more > 0 { format!("… and {} more\n", count(more, "row", "rows")) } else { String::new() };
    format!("\n{}{more}", columns::render(&table))
}

fn mark(only: Option<Side>) -> &'static str {
    match only {
        None => "",
        Some(Side::Here) => "only here",
        Some(Side::There) => "only there",
    }
}

/// A column for each column of the key.
fn keys(rows: Vec<&Vec<(String, Option<String>)>>) -> Vec<Column> {
    let names = rows.first().map(|key| key.iter().map(|(name, _)| name)).into_iter().flatten();
    names
        .enumerate()
        .map(|(i, name)| {
            let text = |key: &&Vec<(String, Option<String>)>| {
                words::value(key.get(i).and_then(|(_, value)| value.as_deref()))
            };
            Column::words(name, rows.iter().map(text).collect::<Vec<_>>())
        })
        .collect()
}

/// Values of several columns: on the right where all are numbers.
fn side<'a>(head: &str, texts: impl Iterator<Item = &'a String>) -> Column {
    let texts: Vec<String> = texts.cloned().collect();
    let number = |text: &String| text.is_empty() || text == "NULL" || text.parse::<f64>().is_ok();
    match texts.iter().all(number) {
        true => Column::numbers(head, texts),
        false => Column::words(head, texts),
    }
}

fn duplicates(comparison: &Comparison) -> String {
    let Comparison { duplicates, duplicate_keys, .. } = comparison;
    if *duplicate_keys == 0 {
        return String::new();
    }
    let verb = if *duplicate_keys == 1 { "comes" } else { "come" };
    let line = format!("\n{} {verb} more than once\n", count(*duplicate_keys, "key", "keys"));
    if duplicates.is_empty() {
        return line;
    }
    let mut table = keys(duplicates.iter().map(|again| &again.key).collect());
    let place = |again: &Duplicate| if again.side == Side::Here { "here" } else { "there" }.to_string();
    table.push(Column::words("side", duplicates.iter().map(place)));
    table.push(Column::numbers("rows", duplicates.iter().map(|again| grouped(again.rows))));
    let more = words::keys_not_named(comparison);
    let more =
        if more > 0 { format!("… and {} more\n", count(more, "key", "keys")) } else { String::new() };
    format!("{line}{}{more}", columns::render(&table))
}
