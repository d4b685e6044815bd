//! A backfill as documents: what it touched, the values that changed, and how it stands after it. Of a plan
//! the same, as it would be.

use crate::backfill::{
    BackfillOutcome, BackfillRequest, Corrected, GivenFile, GivenKind, Method, RowChange, ValueChange, Volume,
};
use crate::batch::PartitionPath;
use crate::cli::document::{ReportDocument, TableColumn, data};
use crate::cli::ui::{self, count, grouped};
use crate::plan::{OutputKind, OutputTo};
use crate::sink::value::TimeText;
use crate::time::TimeRange;
use std::path::Path;

/// So many of the files that were replaced are named; a plan names as many as it shows changes.
const NAMED: usize = 3;

/// What was given, and what it touched.
pub fn report(request: &BackfillRequest, outcome: &BackfillOutcome) -> ReportDocument {
    let mut out = ReportDocument::default();
    for file in &outcome.files {
        out.line(given(file, request.plan_only));
    }
    if idle(request, outcome) {
        return out;
    }
    for output in &outcome.outputs {
        corrected(&mut out, request, outcome, output);
    }
    let read = outcome.history;
    let files = count(read.files as u64, "file", "files");
    out.line(match (read.files, request.plan_only) {
        (0, true) => "no history would be read".to_string(),
        (0, false) => "no history was read".to_string(),
        (_, true) => format!("{files} of history would be read, {}", ui::human_bytes(read.bytes)),
        (_, false) => format!("{files} of history read, {}", ui::human_bytes(read.bytes)),
    });
    out
}

/// Whether nothing came of it, and nothing was to come.
fn idle(request: &BackfillRequest, outcome: &BackfillOutcome) -> bool {
    !request.plan_only && !outcome.applied
}

fn given(file: &GivenFile, plan: bool) -> String {
    let GivenFile { path, kind, records } = file;
    let records = count(*records, "record", "records");
    let path = shown(path);
    match kind {
        GivenKind::New => format!("{path}: {records}"),
        GivenKind::Known(before) if before == &file.path => format!("{path}: counted before, left out"),
        GivenKind::Known(before) => format!("{path}: counted before as {}, left out", shown(before)),
        GivenKind::Late => {
            format!("{path}: {records}, late events of the job: they count where they were late")
        }
        GivenKind::Retracted if plan => format!("{path}: {records} to take out"),
        GivenKind::Retracted => format!("{path}: {records} taken out"),
        GivenKind::Table(name) => format!("{path}: {records} of table {}", data(name)),
    }
}

fn shown(path: &Path) -> String {
    data(&path.display().to_string())
}

fn corrected(
    out: &mut ReportDocument,
    request: &BackfillRequest,
    outcome: &BackfillOutcome,
    output: &Corrected,
) {
    out.line(format!("{}: {}", data(&output.to.to_string()), method(request, outcome, output)));
    if output.method == Method::Untouched {
        return;
    }
    let plan = request.plan_only;
    let mut parts = parts(output, plan);
    // How many rows there will be is known only after the correction.
    if !plan {
        parts.push(format!("{} now", count(output.rows, "row", "rows")));
    }
    if !parts.is_empty() {
        out.item(parts.join(", "));
    }
    let (read, written) = (volume(output.read), volume(output.written));
    out.item(match plan {
        true => format!("to read {read}, to write about {written}"),
        false => format!("read {read}, wrote {written}"),
    });
    named(out, output, if plan { request.shown } else { NAMED });
}

/// What becomes of the files of an output: `2 files replaced`, `1 new`.
fn parts(output: &Corrected, plan: bool) -> Vec<String> {
    let counts = [
        (output.parts.len().saturating_sub(output.added), "replaced", "to replace"),
        (output.added, "new", "to add"),
        (output.removed, "removed", "to remove"),
        (output.unchanged, "unchanged", "unchanged"),
    ];
    let some = counts.into_iter().filter(|(n, ..)| *n > 0).enumerate();
    some.map(|(i, (n, done, wanted))| {
        let word = if plan { wanted } else { done };
        match i {
            0 => format!("{} {word}", count(n as u64, "file", "files")),
            _ => format!("{} {word}", grouped(n as u64)),
        }
    })
    .collect()
}

/// The names of the partitions whose files are written.
fn named(out: &mut ReportDocument, output: &Corrected, most: usize) {
    let partitions = output.parts.iter().map(|part| PartitionPath::of_file(part));
    // An output without partitions has one part, and no folder to name.
    let partitions = partitions.filter(|partition| *partition != PartitionPath::default());
    let mut names: Vec<String> = partitions.map(|partition| data(&partition.to_string())).collect();
    names.dedup();
    let more = names.len().saturating_sub(most);
    names.truncate(most);
    if names.is_empty() {
        return;
    }
    let more = if more > 0 { format!(" and {} more", grouped(more as u64)) } else { String::new() };
    out.item(format!("{}{more}", names.join(", ")));
}

fn volume(volume: Volume) -> String {
    format!("{} ({})", count(volume.rows, "row", "rows"), ui::human_bytes(volume.bytes))
}

/// How an output is corrected, and how much of it.
fn method(request: &BackfillRequest, outcome: &BackfillOutcome, output: &Corrected) -> String {
    let would = if request.plan_only { "would be " } else { "" };
    let touched = match touched(request, outcome, output) {
        touched if touched.is_empty() => touched,
        touched => format!(": {touched}"),
    };
    match output.method {
        Method::Untouched => "not touched".to_string(),
        Method::Merged => format!("{would}merged into what is stored{touched}"),
        Method::Recomputed => format!("{would}computed again from {}{touched}", history(request, outcome)),
        Method::AllAgain => {
            let why = outcome.all_again.as_ref().map(|why| format!(", because {why}")).unwrap_or_default();
            // What comes of it is known when it is done.
            match request.plan_only {
                true => format!("everything would be computed again{why}"),
                false => match &output.not_compared {
                    None => format!("everything computed again{why}{touched} changed"),
                    Some(reason) => format!("everything computed again{why}; not compared: {reason}"),
                },
            }
        }
    }
}

/// Where the events of the windows touched are read from.
fn history(request: &BackfillRequest, outcome: &BackfillOutcome) -> String {
    let own =
        outcome.plan.deliveries.outputs.iter().any(|output| matches!(output.kind, OutputKind::Archive(_)));
    match &request.from_archive {
        _ if own => "the archive".to_string(),
        Some(folder) => format!("the archive {}", shown(folder)),
        None => "the source".to_string(),
    }
}

fn touched(request: &BackfillRequest, outcome: &BackfillOutcome, output: &Corrected) -> String {
    let planned = outcome.plan.deliveries.outputs.iter().find(|planned| planned.to == output.to);
    let grouped = planned.is_some_and(|planned| matches!(planned.kind, OutputKind::Groups { .. }));
    if grouped {
        let groups = count(output.rows_touched, "group", "groups");
        return match output.windows {
            0 => groups,
            windows => format!("{}, {groups}", count(windows, "window", "windows")),
        };
    }
    let rows = count(output.rows_touched, "row", "rows");
    match (output.method, request.plan_only, request.retract) {
        (Method::AllAgain, ..) => rows,
        // A plan may not count them.
        (_, true, _) if output.rows_touched == 0 => String::new(),
        (_, true, false) => format!("{rows} to add"),
        (_, true, true) => format!("{rows} to take out"),
        (_, false, false) => format!("{rows} added"),
        (_, false, true) => format!("{rows} taken out"),
    }
}

/// The tables of the values that changed, each with where all of them are.
pub fn changes(request: &BackfillRequest, outcome: &BackfillOutcome) -> ReportDocument {
    let mut out = ReportDocument::default();
    let mut times = TimeText::new(&outcome.plan.zone);
    for output in outcome.outputs.iter().filter(|output| output.changed > 0) {
        let values = count(output.changed, "value", "values");
        let change = if request.plan_only { "would change" } else { "changed" };
        out.section(format!("{}: {values} {change}", data(&output.to.to_string())));
        if !output.changes.is_empty() {
            out.table(table(&output.changes, &mut times));
        }
        let more = output.changed.saturating_sub(output.changes.len() as u64);
        let log = output.change_log.as_deref().map(shown);
        out.line(match (more, log) {
            (0, None) => continue,
            (0, Some(log)) => format!("also in {log}"),
            (more, None) => format!("… and {} more", grouped(more)),
            (_, Some(log)) if output.changes.is_empty() => format!("all in {log}"),
            (more, Some(log)) => format!("… and {} more; all in {log}", grouped(more)),
        });
    }
    out
}

fn table(changes: &[ValueChange], times: &mut TimeText) -> Vec<TableColumn> {
    let mut columns = vec![];
    if changes.iter().any(|change| change.window.is_some()) {
        let mut bound = |head: &str, of: fn(TimeRange) -> i64| {
            let text =
                |change: &ValueChange| change.window.map_or(String::new(), |window| times.text(of(window)));
            columns.push(TableColumn::words(head, changes.iter().map(text).collect::<Vec<_>>()));
        };
        bound("window_start", |window| window.start);
        bound("window_end", |window| window.end);
    }
    let names = changes.first().map(|change| &change.keys[..]).unwrap_or_default();
    for (i, (name, _)) in names.iter().enumerate() {
        let text =
            |change: &ValueChange| change.keys.get(i).and_then(|key| key.1.clone()).unwrap_or_default();
        columns.push(TableColumn::values(&data(name), changes.iter().map(text)));
    }
    let values =
        |of: fn(&ValueChange) -> &Option<String>| changes.iter().map(move |change| of(change).clone());
    columns.push(TableColumn::values("column", changes.iter().map(|change| change.column.clone())));
    columns
        .push(TableColumn::mixed("before", values(|change| &change.before).map(Option::unwrap_or_default)));
    columns.push(TableColumn::mixed("after", values(|change| &change.after).map(Option::unwrap_or_default)));
    if changes.iter().any(|change| change.row != RowChange::Changed) {
        let mark = |change: &ValueChange| match change.row {
            RowChange::Added => "new row",
            RowChange::Removed => "row gone",
            RowChange::Changed => "",
        };
        columns.push(TableColumn::words("", changes.iter().map(|change| mark(change).to_string())));
    }
    columns
}

/// How it stands: the account, and what was left out.
pub fn end(request: &BackfillRequest, outcome: &BackfillOutcome) -> String {
    let mut lines = vec![];
    if idle(request, outcome) {
        lines.push(match (outcome.files.is_empty(), outcome.files.iter().all(known)) {
            (true, _) => "nothing to do: the source has no file that was not counted",
            (false, true) => "nothing to do: the files were counted before",
            (false, false) => "nothing changes",
        });
    }
    let accounts = ui::account_lines(&outcome.account, outcome.of_complete.as_ref());
    lines.extend(accounts.iter().map(String::as_str));
    let late = outcome.late.iter().map(|late| format!("{}: {}", late.to, count(late.rows, "row", "rows")));
    let late: Vec<String> = late.collect();
    lines.extend(late.iter().map(String::as_str));
    let published: Vec<String> = outcome.published.iter().map(ui::published).collect();
    lines.extend(published.iter().map(String::as_str));
    if outcome.plan.deliveries.outputs.iter().any(|output| output.to == OutputTo::Terminal) {
        lines.push("a backfill does not show the tables for the terminal; `highwater run` does");
    }
    if request.plan_only {
        lines.push("this is a plan: nothing was changed");
    }
    lines.join("\n")
}

fn known(file: &GivenFile) -> bool {
    matches!(file.kind, GivenKind::Known(_))
}
