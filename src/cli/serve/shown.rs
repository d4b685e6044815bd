//! What the page of a job shows beside a report, as documents in HTML.

use crate::cli::document::{ReportDocument, TableColumn, data};
use crate::cli::ui::{count, grouped};
use crate::serve::{Changed, Compared, JobNotes, Line, Recorded};

/// What stands before the sections of a report, and what behind its outputs.
pub fn html(shown: &JobNotes) -> [String; 2] {
    let mut before = String::new();
    let note = |class: &str, document: &ReportDocument| {
        format!("<div class=\"card {class}\">{}</div>", document.html(2))
    };
    if let Some(error) = &shown.error {
        let mut document = ReportDocument::titled("The job file has an error");
        document.code("text", error.clone());
        before.push_str(&note("fault", &document));
    }
    for (output, error) in &shown.faults {
        let mut document = ReportDocument::titled(format!("{} cannot be shown", data(output)));
        document.code("text", error.clone());
        before.push_str(&note("fault", &document));
    }
    if !shown.notes.is_empty() {
        let mut document = ReportDocument::default();
        shown.notes.iter().for_each(|note| document.line(data_free(note)));
        before.push_str(&note("notice", &document));
    }
    let mut behind = String::new();
    if let Some(recorded) = &shown.recorded {
        behind.push_str(&section("Verification", &verification(recorded)));
    }
    if !shown.changes.is_empty() {
        behind.push_str(&section("Changes by backfills", &backfills(shown)));
    }
    [before, behind]
}

/// A note may have names of outputs in it: a backtick there must not make code of the words around it.
fn data_free(note: &str) -> String {
    note.replace('`', "'")
}

fn section(title: &str, documents: &[ReportDocument]) -> String {
    // Our own words: they need no escape.
    let cards: String = documents
        .iter()
        .map(|document| format!("<div class=\"card\">{}</div>\n", document.html(3)))
        .collect();
    format!("<section><h2 tabindex=\"-1\">{title}</h2>{cards}</section>\n")
}

fn verification(recorded: &Result<Recorded, String>) -> Vec<ReportDocument> {
    let recorded = match recorded {
        Ok(recorded) => recorded,
        Err(error) => {
            let mut document = ReportDocument::titled("The recorded verification cannot be read");
            document.code("text", error.clone());
            return vec![document];
        }
    };
    let mut document = ReportDocument::verdict(
        recorded.same,
        count(recorded.outputs.len() as u64, "output was compared", "outputs were compared"),
    );
    if recorded.before {
        document.line(
            "This was recorded before the last commit. It does not apply to the outputs that are in place now: run \
             `highwater verify` again.",
        );
    }
    for (output, compared, in_place) in &recorded.other {
        document.line(format!(
            "{} has {} in place, but {} were compared: `highwater verify` computes the job from its source, without the \
             files that only a backfill has added.",
            data(output),
            count(*in_place, "row", "rows"),
            grouped(*compared)
        ));
    }
    document.table(outputs(recorded));
    for one in &recorded.outputs {
        one.explanations.iter().for_each(|why| document.item(format!("{}: {why}", data(&one.output))));
    }
    for (output, why) in &recorded.skipped {
        document.item(format!("{} was not compared: {why}", data(output)));
    }
    vec![document]
}

/// What was compared, a row for each output.
fn outputs(recorded: &Recorded) -> Vec<TableColumn> {
    let all = || recorded.outputs.iter();
    let result = |one: &Compared| if one.same { "✓ the same" } else { "✗ different" }.to_string();
    let mut columns = vec![
        TableColumn::values("output", all().map(|one| one.output.clone())),
        TableColumn::words("result", all().map(result)),
    ];
    let heads = ["same rows", "different", "only here", "only there"];
    columns.extend(
        heads
            .into_iter()
            .enumerate()
            .map(|(i, head)| TableColumn::numbers(head, all().map(|one| grouped(one.rows[i])))),
    );
    columns.extend(
        ["here", "there"]
            .into_iter()
            .enumerate()
            .map(|(i, head)| TableColumn::values(head, all().map(|one| one.sides[i].clone()))),
    );
    columns
}

fn backfills(shown: &JobNotes) -> Vec<ReportDocument> {
    let mut out: Vec<ReportDocument> = shown.changes.iter().map(backfill).collect();
    if !shown.older.is_empty() {
        let mut document = ReportDocument::default();
        for (output, count) in &shown.older {
            document.item(format!(
                "{} was changed by {} backfills; the last are shown, and the others are in the folder {} of its state",
                data(output),
                grouped(*count as u64),
                data("changes")
            ));
        }
        out.push(document);
    }
    out
}

fn backfill(changed: &Changed) -> ReportDocument {
    let title = format!("{}: backfill {}", data(&changed.output), grouped(changed.number));
    let mut document = ReportDocument::titled(title);
    if let Some(error) = &changed.error {
        document.line("The change log cannot be read:");
        document.code("text", error.clone());
        return document;
    }
    let least = if changed.more { "at least " } else { "" };
    // Of an output of events a line is a file, of groups a value.
    let what = match changed.lines.first() {
        Some(line) if line.is_part => count(changed.count, "file", "files"),
        _ => count(changed.count, "value", "values"),
    };
    document.line(format!("{least}{what} changed; method: {}", changed.method));
    for (path, kind) in changed.files.iter().take(FILES) {
        document.item(format!("{} ({kind})", data(path)));
    }
    if let Some(more) = changed.files.len().checked_sub(FILES).filter(|more| *more > 0) {
        document.item(format!("and {} more files", grouped(more as u64)));
    }
    if !changed.lines.is_empty() {
        document.table(table(&changed.lines));
    }
    if changed.count > changed.lines.len() as u64 {
        document.line(format!(
            "The first {} of {least}{} changes; all are in {}.",
            grouped(changed.lines.len() as u64),
            grouped(changed.count),
            data(&format!("_highwater/…/changes/{:06}.log", changed.number))
        ));
    }
    document
}

/// Files of a backfill that are named.
const FILES: usize = 5;

fn table(lines: &[Line]) -> Vec<TableColumn> {
    let mut columns = vec![];
    if lines.iter().any(|line| line.window.is_some()) {
        for (i, head) in ["window_start", "window_end"].into_iter().enumerate() {
            let bound =
                |line: &Line| line.window.as_ref().map_or_else(String::new, |window| window[i].clone());
            columns.push(TableColumn::values(head, lines.iter().map(bound)));
        }
    }
    let names = lines.first().map(|line| &line.keys[..]).unwrap_or_default();
    for (i, (name, _)) in names.iter().enumerate() {
        let key = |line: &Line| line.keys.get(i).map_or_else(String::new, |(_, value)| value.clone());
        columns.push(TableColumn::values(&data(name), lines.iter().map(key)));
    }
    let part = lines.iter().all(|line| line.is_part);
    let head = if part { "file" } else { "column" };
    columns.push(TableColumn::values(head, lines.iter().map(|line| line.column.clone())));
    columns.push(TableColumn::mixed("before", lines.iter().map(|line| line.before.clone())));
    columns.push(TableColumn::mixed("after", lines.iter().map(|line| line.after.clone())));
    if lines.iter().any(|line| line.row != "changed") {
        let mark = |line: &Line| match line.row.as_str() {
            "added" => "new row".to_string(),
            "removed" => "row gone".to_string(),
            _ => String::new(),
        };
        columns.push(TableColumn::words("", lines.iter().map(mark)));
    }
    columns
}
