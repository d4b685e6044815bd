//! The only printer: results on stdout, everything else on stderr (`log`).

mod github;
mod log;
mod piped;
mod progress;

pub use log::{
    LogEvent, LogFormat, annotate, end, is_json, note, print_error, print_usage, say, seconds, set_log, start,
};
pub use piped::{Piped, piped_events};
pub use progress::ProgressLine;

use super::job_args::JobId;
use crate::deliver::{Outcome, OutputOutcome, Published};
use crate::engine::PartitionOffsets;
use crate::error::{Error, Result};
pub use crate::input::value::grouped;
use crate::lookup::LookupReport;
use crate::plan::{OutputTo, Plan};
use crate::sink::Account;
use crate::store;
use serde_json::{Value, json};
use std::io::{ErrorKind, Write};
use std::path::PathBuf;
use std::time::Duration;

/// Writes to stdout. A reader that has gone has seen enough, and is no failure.
pub fn print(text: &str) -> Result<()> {
    let mut out = std::io::stdout().lock();
    // Flushed at once, as words on stderr may follow.
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(cause) if cause.kind() != ErrorKind::BrokenPipe => {
            Err(Error::machine("cannot write to stdout").caused_by(cause))
        }
        _ => Ok(()),
    }
}

/// Says what there is to tell of the files of a job: what is left out, what may not be whole.
pub fn notes(notes: &[String]) {
    notes.iter().for_each(|text| note(&format!("note: {}", plain(text))));
}

/// What is said where requests to stores had to be made again.
fn retries_event() -> Option<LogEvent> {
    let (count, why) = store::retries()?;
    let requests =
        if count == 1 { "1 request to a store was" } else { &format!("{count} requests to stores were") };
    let text = format!("{requests} made again; the last one met: {}", plain(&why));
    Some(LogEvent::warning("retries", text, json!({ "requests": count, "last": why })))
}

/// The account line.
pub fn account_line(account: &Account) -> String {
    // Taken apart by name: a new fate of records cannot be left out of the sum.
    let Account { read, rejected, filtered, duplicate, late, counted } = *account;
    let names = [
        (rejected, "rejected"),
        (filtered, "filtered"),
        (duplicate, "duplicate"),
        (late, "late"),
        (counted, "counted"),
    ];
    let parts: Vec<String> = names.iter().map(|(n, name)| format!("{} {name}", grouped(*n))).collect();
    format!("read {} = {}", grouped(read), parts.join(" + "))
}

/// The account lines of a job: two where its outputs are of both modes, and steps tell them apart.
pub fn account_lines(account: &Account, of_complete: Option<&Account>) -> Vec<String> {
    match of_complete {
        None => vec![account_line(account)],
        Some(complete) => vec![
            format!("streamed outputs: {}", account_line(account)),
            format!("complete outputs: {}", account_line(complete)),
        ],
    }
}

/// The account of `complete` outputs beside that of streamed ones, for programs.
fn of_complete_json(account: Account) -> Value {
    let mut fields = json!(account);
    fields["mode"] = json!("complete");
    fields
}

/// What a run did, beside its tables.
pub fn account_events(plan: &Plan, outcome: &Outcome, took: Duration) -> Vec<LogEvent> {
    let lines = account_lines(&outcome.account, outcome.of_complete.as_ref());
    let fields = [Some(json!(outcome.account)), outcome.of_complete.map(of_complete_json)];
    let mut events: Vec<LogEvent> = lines
        .into_iter()
        .zip(fields.into_iter().flatten())
        .map(|(line, fields)| LogEvent::info("account", line, fields))
        .collect();
    if let Some((path, count)) = &outcome.rejects {
        let text = format!("{} rejected records in {}", grouped(*count), path.display());
        let fields = json!({ "path": path.display().to_string(), "records": count });
        events.push(LogEvent::warning("rejects", text, fields));
    }
    let lines = offsets(&outcome.offsets, outcome.account.rejected);
    events.extend(lines.into_iter().map(|line| LogEvent::warning("offsets", line, json!({}))));
    events.extend(outcome.outputs.iter().map(output_event));
    events.extend(
        outcome.published.iter().map(|table| LogEvent::info("published", published(table), json!(table))),
    );
    let late = outcome.account.late;
    if late > 0 && plan.deliveries.late.is_none() {
        let text = "the late events are not kept; add [late] path = \"late.jsonl\" to the job to keep them";
        events.push(LogEvent::warning("late", text, json!({ "events": late, "kept": false })));
    }
    if let Some(lookups) = &outcome.lookups {
        events.push(lookups_event(plan, lookups));
    }
    if let Some(why) = &outcome.all_again {
        let text = format!("everything was computed again: {}", plain(why));
        events.push(LogEvent::info("all_again", text, json!({ "why": why })));
    }
    for path in &outcome.left_out {
        let text = format!(
            "{} was counted before, but is not a file of the source now: its events are no longer in the outputs",
            plain(path)
        );
        events.push(LogEvent::warning("left_out", text, json!({ "path": path })));
    }
    events.extend(
        gone(&outcome.gone).map(|text| LogEvent::info("gone", text, json!({ "paths": outcome.gone }))),
    );
    events.extend(twice_event(plan, outcome.twice));
    events.extend(without_items_event(plan, outcome.without_items));
    events.extend(strangers_event(&outcome.strangers));
    events.extend(spilled_event(outcome.spilled));
    events.extend(retries_event());
    events.push(read_event(outcome, took));
    events
}

/// Files that were counted and are gone.
pub fn gone(paths: &[String]) -> Option<String> {
    let first = plain(paths.first()?);
    let more = match paths.len() - 1 {
        0 => "was counted and is".to_string(),
        n => format!("and {} were counted and are", count(n as u64, "more file", "more files")),
    };
    Some(format!("{first} {more} gone: the outputs keep their events"))
}

/// Partial results that did not fit in memory.
fn spilled_event(spilled: bool) -> Option<LogEvent> {
    let text = "memory was short, so partial results went to disk; --memory allows more";
    spilled.then(|| LogEvent::warning("spilled", text, json!({})))
}

/// What was read, and how fast.
fn read_event(outcome: &Outcome, took: Duration) -> LogEvent {
    let bytes: u64 = outcome.inputs.iter().map(|i| i.bytes).sum();
    let text = format!(
        "{} in {} {}, {:.2} s, {} MB/s",
        human_bytes(bytes),
        outcome.inputs.len(),
        if outcome.inputs.len() == 1 { "file" } else { "files" },
        took.as_secs_f64(),
        // An empty log may take zero time on a coarse clock.
        (bytes as f64 / 1e6 / took.as_secs_f64().max(1e-9)) as u64
    );
    let fields = json!({ "bytes": bytes, "files": outcome.inputs.len(), "seconds": seconds(took) });
    LogEvent::info("read", text, fields)
}

/// Local times of which one cannot tell the instant.
fn twice_event(plan: &Plan, records: u64) -> Option<LogEvent> {
    let (zone, number) = (plan.zone.name(), count(records, "time exists", "times exist"));
    let text = format!(
        "{number} twice in {zone}, where clocks are put back; the earlier is taken; an offset or %Z in the times makes them clear"
    );
    (records > 0).then(|| LogEvent::warning("times_twice", text, json!({ "records": records })))
}

/// Records that gave no event, as their list has no item.
fn without_items_event(plan: &Plan, records: u64) -> Option<LogEvent> {
    // Only a log that makes events of the items of a list can lack items.
    let list = plan.pipeline.read.files.iter().find_map(|file| file.unnest.as_deref())?;
    let text = format!(
        "{} no item in {}: they gave no event",
        count(records, "record has", "records have"),
        plain(list)
    );
    (records > 0).then(|| LogEvent::warning("without_items", text, json!({ "records": records })))
}

/// Files in the folders of outputs that are not theirs.
fn strangers_event(strangers: &[PathBuf]) -> Option<LogEvent> {
    let first = plain(&strangers.first()?.display().to_string());
    let more = match strangers.len() - 1 {
        0 => "is".to_string(),
        n => format!("and {} more files are", grouped(n as u64)),
    };
    let text = format!(
        "{first} {more} in the folder of an output, but not written by Highwater: programs that read the folder read it too"
    );
    let paths: Vec<String> = strangers.iter().map(|path| path.display().to_string()).collect();
    Some(LogEvent::warning("strangers", text, json!({ "paths": paths })))
}

/// What became of an output. A table on the terminal is its own word.
fn output_event(output: &OutputOutcome) -> LogEvent {
    let OutputOutcome { rows, written, unchanged, removed, restored, .. } = output;
    let counted = count(*rows, "row", "rows");
    let mut text = match &output.to {
        OutputTo::Terminal => String::new(),
        OutputTo::File(path) if *written > 0 => format!("{}: {counted}", path.display()),
        OutputTo::File(path) => format!("{}: {counted}, unchanged", path.display()),
        OutputTo::Folder(path) | OutputTo::Table(path, _) => {
            let parts = written + unchanged;
            let word = if parts == 1 { "file" } else { "files" };
            let mut text = format!("{}: {counted} in {parts} {word}", path.display());
            for (files, what) in [(unchanged, "unchanged"), (removed, "removed")] {
                if *files > 0 {
                    text.push_str(&format!(", {files} {what}"));
                }
            }
            text
        }
    };
    text.push_str(&restored_words(*restored));
    let mut fields = json!({
        "path": output.to.to_string(), "rows": rows, "written": written, "unchanged": unchanged,
        "removed": removed,
    });
    // Parts that were changed from outside make a warning of it.
    if *restored == 0 {
        return LogEvent::info("output", text, fields);
    }
    fields["restored"] = json!(restored);
    LogEvent::warning("output", text, fields)
}

/// What is said of parts that were not as they were left.
pub fn restored_words(restored: usize) -> String {
    match restored {
        0 => String::new(),
        1 => "; 1 part written again: it had been changed or removed from outside".to_string(),
        n => format!(
            "; {} parts written again: they had been changed or removed from outside",
            grouped(n as u64)
        ),
    }
}

fn lookups_event(plan: &Plan, lookups: &LookupReport) -> LogEvent {
    let LookupReport { asked, recorded, retried, failed } = *lookups;
    let mut text =
        format!("lookups: {} requested from services, {} on record", grouped(asked), grouped(recorded));
    for (count, what) in [(retried, "requested again"), (failed, "failed")] {
        if count > 0 {
            text.push_str(&format!(", {} {what}", grouped(count)));
        }
    }
    if let Some(path) = &plan.pipeline.answers {
        text.push_str(&format!("; answers in {}", path.display()));
    }
    LogEvent::info("lookups", text, json!(lookups))
}

/// The lines about offsets that are shown.
const OFFSET_LINES: usize = 8;

/// What is missing of a log that tells offsets, and what it has twice.
pub fn offsets(partitions: &[PartitionOffsets], rejected: u64) -> Vec<String> {
    let mut lines: Vec<String> = vec![];
    let mut missing = 0;
    for partition in partitions {
        let name = plain(&partition.name());
        // Both ends of a gap are missing.
        let known: u64 = partition.gaps.iter().map(|(from, to)| (to - from + 1) as u64).sum();
        for (from, to) in &partition.gaps {
            let range =
                if from == to { format!("offset {from} is") } else { format!("offsets {from}..{to} are") };
            lines.push(format!("{name}: {range} missing ({})", grouped((to - from + 1) as u64)));
        }
        // Only the first gaps are kept, so more offsets may be missing than they tell.
        if partition.missing > known {
            let more = grouped(partition.missing - known);
            lines.push(format!("{name}: {more} more offsets are missing, up to {}", partition.last));
        }
        if partition.repeated > 0 {
            let records = count(partition.repeated, "record was", "records were");
            lines.push(format!("{name}: {records} read again by offset, and left out"));
        }
        missing += partition.missing;
    }
    // A log with many gaps would fill the screen.
    let more = lines.len().saturating_sub(OFFSET_LINES);
    if more > 0 {
        lines.truncate(OFFSET_LINES);
        lines.push(format!("… {more} more"));
    }
    if missing > 0 {
        // A rejected record has an offset that is not counted, so it looks like a gap.
        let among = if rejected > 0 { "; rejected records are among them" } else { "" };
        lines.push(format!("topics with compaction or transactions always have such gaps{among}"));
    }
    lines
}

/// What became of the table of a server.
pub fn published(table: &Published) -> String {
    let Published { table, inserted, updated, unchanged, deleted } = table;
    let counts =
        [(inserted, "inserted"), (updated, "updated"), (deleted, "deleted"), (unchanged, "unchanged")];
    let counts = counts.iter().filter(|(n, _)| **n > 0).map(|(n, what)| format!("{} {what}", grouped(**n)));
    let counts: Vec<String> = counts.collect();
    match counts.is_empty() {
        true => format!("{table}: no row"),
        false => format!("{table}: {}", counts.join(", ")),
    }
}

/// `1 row`, `1,234 rows`.
pub fn count(n: u64, one: &str, many: &str) -> String {
    format!("{} {}", grouped(n), if n == 1 { one } else { many })
}

/// `n` of `of` in percent, with two decimals; a tie is rounded up. Only nothing is `0`, and only all is `100`.
pub fn percent(n: u64, of: u64) -> String {
    if n == 0 || n == of {
        return if n == 0 { "0".to_string() } else { "100".to_string() };
    }
    let (n, of) = (u128::from(n), u128::from(of));
    // In 128 bits, as `n` times 10,000 may pass 64.
    match (n * 10_000 + of / 2).checked_div(of).unwrap_or(0) {
        0 => "<0.01".to_string(),
        10_000 if n < of => ">99.99".to_string(),
        hundredths => format!("{}.{:02}", hundredths / 100, hundredths % 100),
    }
}

/// Bytes as people read them.
pub fn human_bytes(bytes: u64) -> String {
    // Units of 1,000, as disks and networks have them.
    match bytes {
        0..1_000 => format!("{bytes} B"),
        1_000..1_000_000 => format!("{:.1} kB", bytes as f64 / 1e3),
        1_000_000..1_000_000_000 => format!("{:.1} MB", bytes as f64 / 1e6),
        _ => format!("{:.2} GB", bytes as f64 / 1e9),
    }
}

/// A run for programs.
pub fn run_json(plan: &Plan, outcome: &Outcome) -> Value {
    let inputs = outcome.inputs.iter().map(|i| {
        json!({ "path": i.path.display().to_string(), "bytes": i.bytes, "hash": i.hash, "records": i.records })
    });
    let mut value = json!({
        "job": JobId::of(plan),
        "account": outcome.account,
        "watermarks": outcome.watermarks,
        "inputs": inputs.collect::<Vec<_>>(),
        "outputs": outcome.outputs,
    });
    let texts = |paths: &mut dyn Iterator<Item = &PathBuf>| -> Vec<String> {
        paths.map(|path| path.display().to_string()).collect()
    };
    // What most runs do not have is left out there.
    let rare = [
        ("account_of_complete_outputs", json!(outcome.of_complete)),
        ("pages", json!(texts(&mut plan.deliveries.pages.iter().map(|page| &page.path)))),
        ("all_again", json!(outcome.all_again)),
        ("times_twice", json!(outcome.twice)),
        ("without_items", json!(outcome.without_items)),
        ("left_out", json!(outcome.left_out)),
        ("gone", json!(outcome.gone)),
        ("strangers", json!(texts(&mut outcome.strangers.iter()))),
        ("published", json!(outcome.published)),
        ("lookups", json!(outcome.lookups)),
        ("offsets", json!(outcome.offsets)),
    ];
    for (name, rare) in rare {
        if !matches!(&rare, Value::Null) && rare != json!(0) && rare != json!([]) {
            value[name] = rare;
        }
    }
    value
}

/// A text that cannot move the cursor.
pub fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}
