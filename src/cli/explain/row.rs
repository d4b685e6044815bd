//! `explain --at ROW`: the row, the events that made it, and those that were left out.

use crate::cli::document::{ReportDocument, TableColumn, data};
use crate::cli::lengths::written;
use crate::cli::ui;
use crate::error::{Error, Result};
use crate::explain::{Cause, RowExplained, RowFate, TracedRow};
use crate::sink::value::TimeText;
use crate::time::{TimeRange, Zone};
use serde_json::{Map, Value, json};

/// Columns and their values: `window_start=2021-02-01, account_no=099765000015`, values as CSV has them.
pub fn parse(text: &str) -> Result<Vec<(String, Option<String>)>> {
    let wrong = |part: &str| {
        Error::job(format!("--at: `{}` is not a column with a value", part.trim())).hint(
            "such as --at 'window_start=2024-06-01, user_id=17'; put a value with a comma in double quotes",
        )
    };
    let mut out: Vec<(String, Option<String>)> = vec![];
    for part in parts(text) {
        // The first `=` ends the name, as a value may have more of them.
        let (name, value) = part.split_once('=').ok_or_else(|| wrong(&part))?;
        let (name, value) = (unquoted(name.trim()).0, unquoted(value.trim()));
        if name.is_empty() {
            return Err(wrong(&part));
        }
        if out.iter().any(|(known, _)| *known == name) {
            return Err(Error::job(format!("--at has `{name}` twice")));
        }
        // As in CSV: nothing is NULL, and `""` is the empty text.
        out.push((name, (!value.0.is_empty() || value.1).then_some(value.0)));
    }
    Ok(out)
}

/// The text between commas that are not in quotes.
fn parts(text: &str) -> Vec<String> {
    let mut out = vec![String::new()];
    let mut quoted = false;
    for c in text.chars() {
        // A doubled quote toggles twice, so it does not need a case of its own.
        quoted ^= c == '"';
        match c {
            ',' if !quoted => out.push(String::new()),
            c => out.last_mut().expect("one at least").push(c),
        }
    }
    out
}

/// A value without its quotes, and whether it had any.
fn unquoted(text: &str) -> (String, bool) {
    match text.strip_prefix('"').and_then(|text| text.strip_suffix('"')) {
        Some(inner) => (inner.replace("\"\"", "\""), true),
        None => (text.to_string(), false),
    }
}

/// As a document.
pub fn document(explained: &RowExplained, zone: &Zone) -> ReportDocument {
    let mut out = ReportDocument::titled(format!("{}: {}", data(&explained.output), name(explained, zone)));
    if let Some(row) = &explained.row {
        let columns = explained.columns.iter().zip(row);
        let column = |(name, value): (&String, &Option<String>)| {
            TableColumn::values(&data(name), [value.clone().unwrap_or_default()])
        };
        out.table(columns.map(column).collect());
    }
    match &explained.fate {
        RowFate::Written if explained.more > 0 => {
            out.line(format!(
                "and {} with these columns",
                ui::count(explained.more, "more row", "more rows")
            ));
        }
        RowFate::Written => {}
        RowFate::Having(having) => out.line(format!("not in the output: having {}", data(having))),
        RowFate::Top(place, n) => {
            out.line(format!("not in the output: number {place} of its window, and the first {n} are kept"));
        }
        RowFate::NoEvents => out.line("not in the output: no event of it was counted"),
    }
    let counted = &explained.counted;
    out.section(format!(
        "{} counted{}{}",
        ui::count(counted.events, "event", "events"),
        first(counted.rows.len(), counted.events),
        if counted.rows.is_empty() { "" } else { ", in replay order:" }
    ));
    if !counted.rows.is_empty() {
        out.table(events(counted.rows.iter(), &counted.columns, zone));
    }
    if explained.left_out_events > 0 {
        let shown = first(explained.left_out.len(), explained.left_out_events);
        out.section(format!("{} left out{shown}:", ui::count(explained.left_out_events, "event", "events")));
        let left_out = explained.left_out.iter();
        if !explained.left_out.is_empty() {
            let mut columns = events(left_out.clone().map(|left| &left.event), &counted.columns, zone);
            columns.push(TableColumn::sentences("why", left_out.map(|left| cause(&left.why, zone))));
            out.table(columns);
        }
    }
    if !explained.rejected.is_empty() {
        let n = explained.rejected.len() as u64;
        let verb = if n == 1 { "names" } else { "name" };
        out.section(format!("{} that cannot be read {verb} the keys:", ui::count(n, "record", "records")));
        // Rejected records may be very many, so not more of them are shown than of events, or 20.
        for reject in explained.rejected.iter().take(counted.rows.len().max(20)) {
            out.item(data(&format!("{}:{}: {}", reject.path.display(), reject.line, reject.reason)));
        }
    }
    out
}

fn first(shown: usize, all: u64) -> String {
    if (shown as u64) < all { format!(", the first {shown}") } else { String::new() }
}

/// The window and the keys, in words.
fn name(explained: &RowExplained, zone: &Zone) -> String {
    let mut parts = vec![];
    if let Some(TimeRange { start, end }) = explained.group.window {
        let mut times = TimeText::new(zone);
        parts.push(format!("from {} to {}", times.text(start), times.text(end)));
    }
    for (name, value) in &explained.group.keys {
        parts.push(format!("{name} = {}", value.as_deref().unwrap_or("NULL")));
    }
    if parts.is_empty() { "all events".to_string() } else { data(&parts.join(", ")) }
}

fn events<'a>(
    rows: impl Iterator<Item = &'a TracedRow> + Clone,
    names: &[String],
    zone: &Zone,
) -> Vec<TableColumn> {
    let mut times = TimeText::new(zone);
    let mut columns = vec![
        TableColumn::whole(
            "file:line",
            rows.clone().map(|row| format!("{}:{}", row.file.display(), row.line)),
        ),
        TableColumn::words("event time", rows.clone().map(|row| times.text(row.time))),
    ];
    for (i, name) in names.iter().enumerate() {
        let values = rows.clone().map(|row| row.values[i].clone().unwrap_or_default());
        columns.push(TableColumn::values(&data(name), values));
    }
    columns
}

fn cause(why: &Cause, zone: &Zone) -> String {
    match why {
        Cause::Range => "outside of --from and --to".to_string(),
        Cause::Filter(step, sql) => format!("step {step}: filter {sql}"),
        Cause::Duplicate(step, keys, of) => {
            let of = match of {
                Some((file, line)) => format!("of {}:{line}", file.display()),
                None => "of an event that is not of this row".to_string(),
            };
            let step = if *step == 0 { String::new() } else { format!("step {step}: ") };
            format!("{step}a duplicate by {} {of}", keys.join(", "))
        }
        Cause::Deleted => "it deletes its key in the change log".to_string(),
        Cause::Replaced(keys) => {
            format!("a later record of the change log replaces it, by {}", keys.join(", "))
        }
        Cause::Late(watermark, by) => {
            let watermark = TimeText::new(zone).text(*watermark).to_string();
            match by {
                Some(by) => format!("late by {}: the watermark was {watermark}", written(*by)),
                None => format!("late for every session: the watermark was {watermark}"),
            }
        }
        Cause::Session(TimeRange { start, end }) => {
            let mut times = TimeText::new(zone);
            format!("counted in another session, from {} to {}", times.text(*start), times.text(*end))
        }
    }
}

/// For programs.
pub fn in_json(explained: &RowExplained, zone: &Zone) -> Value {
    let mut times = TimeText::new(zone);
    let mut instant = |at: i64| times.text(at).to_string();
    let names = &explained.counted.columns;
    let keys: Map<String, Value> = explained.group.keys.iter().map(|(k, v)| (k.clone(), json!(v))).collect();
    let window = explained
        .group
        .window
        .map(|TimeRange { start, end }| json!({ "start": instant(start), "end": instant(end) }));
    let mut event = |row: &TracedRow| {
        let values: Map<String, Value> =
            names.iter().cloned().zip(row.values.iter().map(|v| json!(v))).collect();
        json!({ "file": row.file.display().to_string(), "line": row.line, "event_time": instant(row.time), "columns": values })
    };
    let counted: Vec<Value> = explained.counted.rows.iter().map(&mut event).collect();
    let left: Vec<Value> = explained
        .left_out
        .iter()
        .map(|left| {
            let mut value = event(&left.event);
            // Programs get a word beside the sentence, so that they need not parse it.
            value["cause"] = json!(match left.why {
                Cause::Range => "range",
                Cause::Filter(..) => "filter",
                Cause::Duplicate(..) => "duplicate",
                Cause::Deleted => "deleted",
                Cause::Replaced(..) => "replaced",
                Cause::Late(..) => "late",
                Cause::Session(..) => "session",
            });
            value["why"] = json!(cause(&left.why, zone));
            value
        })
        .collect();
    let row = explained.row.as_ref().map(|row| {
        explained.columns.iter().cloned().zip(row.iter().map(|v| json!(v))).collect::<Map<String, Value>>()
    });
    let rejected: Vec<Value> = explained
        .rejected
        .iter()
        .map(|r| json!({ "file": r.path.display().to_string(), "line": r.line, "reason": r.reason }))
        .collect();
    json!({
        "output": explained.output,
        "window": window,
        "keys": keys,
        "row": row,
        "in_output": explained.fate == RowFate::Written,
        "having": if let RowFate::Having(having) = &explained.fate { Some(having) } else { None },
        "place": if let RowFate::Top(place, _) = explained.fate { Some(place) } else { None },
        "counted": explained.counted.events,
        "counted_events": counted,
        "left_out": explained.left_out_events,
        "left_out_events": left,
        "rejected": rejected,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_as_csv_has_them() {
        let parsed = parse("window_start=2021-02-01, name=\"Smith, \"\"J\"\"\",empty=\"\", null=").unwrap();
        let some = |text: &str| Some(text.to_string());
        let want = [
            ("window_start", some("2021-02-01")),
            ("name", some("Smith, \"J\"")),
            ("empty", some("")),
            ("null", None),
        ];
        assert_eq!(parsed, want.map(|(name, value)| (name.to_string(), value)));
        for wrong in ["", "a", "a=1, b", "=1", "a=1,a=2"] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }
}
