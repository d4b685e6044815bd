//! The events of groups that differ.

use crate::cli::document::{ReportDocument, TableColumn, data};
use crate::cli::ui;
use crate::explain::{GroupOf, Traced};
use crate::sink::value::TimeText;

/// Adds the events of a traced group, in replay order, with file and line.
pub fn push(out: &mut ReportDocument, group: &GroupOf, traced: &Traced) {
    let first = match traced.rows.len() {
        shown if (shown as u64) < traced.events => format!(", the first {shown}"),
        _ => String::new(),
    };
    out.gap();
    out.line(format!("{} of {}{first}:", ui::count(traced.events, "event", "events"), data(&name(group))));
    if traced.rows.is_empty() {
        return;
    }
    let place = traced.rows.iter().map(|row| format!("{}:{}", row.file.display(), row.line));
    // Places are not cut short, as people copy them.
    let mut columns = vec![TableColumn::whole("file:line", place)];
    for (i, name) in traced.columns.iter().enumerate() {
        let values = traced.rows.iter().map(|row| row.values[i].clone().unwrap_or_default());
        columns.push(TableColumn::values(&data(name), values));
    }
    out.table(columns);
}

/// A group as people name it: `2024-02-01T00:00:00Z, account_no 17`.
fn name(group: &GroupOf) -> String {
    let start = group.window.map(|window| TimeText::utc().text(window.start));
    let keys =
        group.keys.iter().map(|(name, value)| format!("{name} {}", value.as_deref().unwrap_or("NULL")));
    let parts: Vec<String> = start.into_iter().chain(keys).collect();
    if parts.is_empty() { "all of time".to_string() } else { parts.join(", ") }
}
