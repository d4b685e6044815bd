//! Files and columns of a source or a table, in words.

use crate::cli::lengths::written;
use crate::cli::ui;
use crate::input::ReadPlan;
use crate::input::infer::Inferred;
use crate::input::partition_columns;
use crate::time::TimeRule;
use std::fmt::Write;

/// The files.
pub fn files(read: &ReadPlan) -> String {
    let files = &read.files;
    let bytes: u64 = files.iter().map(|f| f.bytes).sum();
    let mut out = format!("files: {}, {}\n", files.len(), ui::human_bytes(bytes));
    for (i, file) in files.iter().enumerate() {
        if files.len() > 6 && i == 3 {
            let _ = writeln!(out, "  … {} more", files.len() - 4);
        }
        // The last file is shown too: its name tells how far the log reaches.
        if files.len() <= 6 || i < 3 || i + 1 == files.len() {
            let _ = writeln!(out, "  {}  {}", file.path.display(), ui::human_bytes(file.bytes));
        }
    }
    out
}

pub fn columns(read: &ReadPlan, inferred: &Inferred) -> String {
    let lines = inferred.wire_format.iter().flat_map(|found| &found.words);
    let layout = inferred.layout.iter().map(|line| format!("layout: {line}\n"));
    let mut out: String = layout.chain(lines.map(|line| format!("log: {line}\n"))).collect();
    let _ = writeln!(
        out,
        "columns, from a sample of {} records in {} files:",
        ui::grouped(inferred.records),
        ui::grouped(inferred.files as u64)
    );
    let width = inferred.columns.iter().map(|c| c.name.chars().count()).max().unwrap_or(0);
    for column in &inferred.columns {
        let is_read = read.columns.iter().any(|c| c.name == column.name);
        let mark = match (read.time.column == column.name, is_read) {
            (true, _) => "time",
            (_, true) => "read",
            _ => "    ",
        };
        let ty = column.ty.to_string();
        let missing = match column.missing_in {
            0 => String::new(),
            n => {
                let there = if column.default { "its default" } else { "NULL" };
                format!("; missing in {n} files, {there} there")
            }
        };
        let written = match read.written.of(&column.name) {
            Some(written) => format!("; written with {written}"),
            None => String::new(),
        };
        let _ = writeln!(out, "  {mark}  {:width$}  {ty:14}  {}{missing}{written}", column.name, column.why);
    }
    // Without their reason, columns of types that are not read would look lost.
    for (name, why) in &inferred.unsupported {
        let _ = writeln!(out, "        {name}  {why}");
    }
    let folders =
        partition_columns::names(&read.files).into_iter().filter(|name| inferred.column(name).is_none());
    let folders: Vec<String> = folders.map(|name| ui::plain(&name)).collect();
    if !folders.is_empty() {
        let _ =
            writeln!(out, "        from folder names, and read where `types` has it: {}", folders.join(", "));
    }
    let _ = match &read.time.rule {
        TimeRule::Untimed => writeln!(out, "event time: none; its rows hold at any time"),
        rule => writeln!(out, "event time: {}, {}", read.time.column, self::rule(rule)),
    };
    if let Some(arrival) = &read.arrival {
        let without = if read.arrival_optional { "; without one, the event time" } else { "" };
        let _ = writeln!(out, "arrival: {}, {}{without}", arrival.column, rule(&arrival.rule));
    }
    if let Some(ahead) = read.max_ahead {
        let _ = writeln!(out, "rejected: events more than {} ahead of their arrival", written(ahead));
    }
    out
}

fn rule(rule: &TimeRule) -> String {
    match rule {
        TimeRule::Epoch(unit) => format!("numbers in {}", unit.since()),
        TimeRule::Iso => "ISO-8601".to_string(),
        TimeRule::Format(format) => format!("format {format}"),
        rule @ TimeRule::AnyOf(_) => format!("the first that fits of {}", rule.words().join(", ")),
        TimeRule::Untimed => "none".to_string(),
    }
}
