//! The only printer: results on stdout, everything else on stderr.

use crate::engine::{self, Outcome, PartitionOffsets, Published};
use crate::error::{Error, Result, exit};
use crate::generate::Summary;
pub use crate::input::value::grouped;
use crate::job::{OutputTo, Plan};
use crate::lookup::LookupReport;
use crate::sink::Account;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::json;
use std::io::{ErrorKind, IsTerminal, Write};
use std::sync::OnceLock;
use std::time::Duration;

/// Prints an error, and nothing more.
pub fn print_error(error: &Error) {
    let _ = writeln!(std::io::stderr(), "{error}");
}

/// Writes to stdout. A reader that has gone has seen enough, and is no failure.
pub fn print(text: &str) -> Result<()> {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(cause) if cause.kind() != ErrorKind::BrokenPipe => {
            Err(Error::machine("cannot write to stdout").caused_by(cause))
        }
        _ => Ok(()),
    }
}

/// Says something that is no result.
pub fn note(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}

/// The progress line: on a terminal bytes, rate and time left; in a pipe nothing.
pub struct Progress {
    shown: bool,
    bar: OnceLock<ProgressBar>,
}

impl Progress {
    /// A progress line, unless it is not wanted or nobody would see it.
    pub fn new(quiet: bool) -> Progress {
        Progress { shown: !quiet && std::io::stderr().is_terminal(), bar: OnceLock::new() }
    }

    /// Takes the line away.
    pub fn finish(&self) {
        if let Some(bar) = self.bar.get() {
            bar.finish_and_clear();
        }
    }
}

impl engine::Progress for Progress {
    fn reading(&self, done: u64, total: u64) {
        if !self.shown {
            return;
        }
        let bar = self.bar.get_or_init(|| {
            let style = "reading {bar:30} {bytes}/{total_bytes} {bytes_per_sec} {eta} left";
            let bar = ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::stderr());
            bar.set_style(
                ProgressStyle::with_template(style).unwrap_or_else(|_| ProgressStyle::default_bar()),
            );
            bar
        });
        bar.set_position(done);
    }

    fn writing(&self) {
        if let Some(bar) = self.bar.get() {
            bar.set_style(
                ProgressStyle::with_template("writing {spinner}")
                    .unwrap_or_else(|_| ProgressStyle::default_spinner()),
            );
            bar.tick();
        }
    }
}

/// The account line.
pub fn account_line(account: &Account) -> String {
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

/// Ends a run for people: tables on stdout; the account and where the outputs lie on stderr.
pub fn print_outcome(plan: &Plan, outcome: &Outcome, quiet: bool, took: Duration) -> Result<()> {
    for table in outcome.outputs.iter().filter_map(|o| o.table.as_ref()) {
        print(&format!("{}\n", table.trim_end()))?;
    }
    if quiet {
        return Ok(());
    }
    let mut text = account_line(&outcome.account);
    if let Some((path, count)) = &outcome.rejects {
        text.push_str(&format!("\n{} rejected records in {}", grouped(*count), path.display()));
    }
    for line in offsets(&outcome.offsets, outcome.account.rejected) {
        text.push_str(&format!("\n{line}"));
    }
    for output in &outcome.outputs {
        let rows = count(output.rows, "row", "rows");
        match &output.to {
            OutputTo::Terminal => {}
            OutputTo::File(path) if output.written > 0 => {
                text.push_str(&format!("\n{}: {rows}", path.display()))
            }
            OutputTo::File(path) => text.push_str(&format!("\n{}: {rows}, unchanged", path.display())),
            OutputTo::Folder(path) => {
                let parts = output.written + output.unchanged;
                let word = if parts == 1 { "file" } else { "files" };
                text.push_str(&format!("\n{}: {rows} in {parts} {word}", path.display()));
                if output.unchanged > 0 {
                    text.push_str(&format!(", {} unchanged", output.unchanged));
                }
                if output.removed > 0 {
                    text.push_str(&format!(", {} removed", output.removed));
                }
            }
        }
    }
    for line in outcome.published.iter().map(published) {
        text.push_str(&format!("\n{line}"));
    }
    if outcome.account.late > 0 && plan.late.is_none() {
        text.push_str(
            "\nthe late events are not kept; add [late] path = \"late.jsonl\" to the job to keep them",
        );
    }
    if let Some(LookupReport { asked, recorded, retried, failed }) = outcome.lookups {
        let [asked, recorded] = [asked, recorded].map(grouped);
        text.push_str(&format!("\nlookups: {asked} asked of services, {recorded} on record"));
        for (count, what) in [(retried, "asked again"), (failed, "failed")] {
            if count > 0 {
                text.push_str(&format!(", {} {what}", grouped(count)));
            }
        }
        if let Some(path) = &plan.answers {
            text.push_str(&format!("; answers in {}", path.display()));
        }
    }
    for path in &outcome.left_out {
        text.push_str(&format!(
            "\n{} was counted before and is no file of the source: its events are no longer in the outputs",
            plain(path)
        ));
    }
    if outcome.spilled {
        text.push_str("\nmemory was short, and partial results went to disk; --memory allows more");
    }
    let bytes: u64 = outcome.inputs.iter().map(|i| i.bytes).sum();
    let seconds = took.as_secs_f64();
    text.push_str(&format!(
        "\n{} in {} {}, {seconds:.2} s, {} MB/s",
        human_bytes(bytes),
        outcome.inputs.len(),
        if outcome.inputs.len() == 1 { "file" } else { "files" },
        (bytes as f64 / 1e6 / seconds.max(1e-9)) as u64
    ));
    let _ = writeln!(std::io::stderr(), "{text}");
    Ok(())
}

/// The lines about offsets that are shown.
const OFFSET_LINES: usize = 8;

/// What is missing of a log that tells offsets, and what it has twice.
pub fn offsets(partitions: &[PartitionOffsets], rejected: u64) -> Vec<String> {
    let mut lines: Vec<String> = vec![];
    let mut missing = 0;
    for partition in partitions {
        let name = plain(&partition.name());
        let known: u64 = partition.gaps.iter().map(|(from, to)| (to - from + 1) as u64).sum();
        for (from, to) in &partition.gaps {
            let range =
                if from == to { format!("offset {from} is") } else { format!("offsets {from}..{to} are") };
            lines.push(format!("{name}: {range} missing ({})", grouped((to - from + 1) as u64)));
        }
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
    let more = lines.len().saturating_sub(OFFSET_LINES);
    if more > 0 {
        lines.truncate(OFFSET_LINES);
        lines.push(format!("… {more} more"));
    }
    if missing > 0 {
        let among = if rejected > 0 { "; rejected records are among them" } else { "" };
        lines.push(format!(
            "topics that are compacted or written by transactions have such gaps by nature{among}"
        ));
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

/// The same for programs.
pub fn published_json(tables: &[Published]) -> Vec<serde_json::Value> {
    let one = |Published { table, inserted, updated, unchanged, deleted }: &Published| json!({ "table": table, "inserted": inserted, "updated": updated, "unchanged": unchanged, "deleted": deleted });
    tables.iter().map(one).collect()
}

/// `1 row`, `1,234 rows`.
pub fn count(n: u64, one: &str, many: &str) -> String {
    format!("{} {}", grouped(n), if n == 1 { one } else { many })
}

/// Bytes as people read them.
pub fn human_bytes(bytes: u64) -> String {
    match bytes {
        0..1_000 => format!("{bytes} B"),
        1_000..1_000_000 => format!("{:.1} kB", bytes as f64 / 1e3),
        1_000_000..1_000_000_000 => format!("{:.1} MB", bytes as f64 / 1e6),
        _ => format!("{:.2} GB", bytes as f64 / 1e9),
    }
}

/// Ends a run for programs.
pub fn print_json(plan: &Plan, outcome: &Outcome) -> Result<()> {
    let outputs: Vec<_> = outcome
        .outputs
        .iter()
        .map(|o| {
            let path = match &o.to {
                OutputTo::Terminal => "-".to_string(),
                OutputTo::File(path) | OutputTo::Folder(path) => path.display().to_string(),
            };
            json!({ "path": path, "rows": o.rows, "written": o.written, "unchanged": o.unchanged, "removed": o.removed })
        })
        .collect();
    let inputs: Vec<_> = outcome
        .inputs
        .iter()
        .map(|i| json!({ "path": i.path.display().to_string(), "bytes": i.bytes, "hash": i.hash, "records": i.records }))
        .collect();
    let mut value = json!({
        "job": { "name": plan.name, "hash": plan.hash },
        "account": outcome.account,
        "watermarks": outcome.watermarks,
        "inputs": inputs,
        "outputs": outputs,
    });
    if !outcome.left_out.is_empty() {
        value["left_out"] = json!(outcome.left_out);
    }
    if !outcome.published.is_empty() {
        value["published"] = json!(published_json(&outcome.published));
    }
    if let Some(lookups) = outcome.lookups {
        value["lookups"] = json!(lookups);
    }
    if !outcome.offsets.is_empty() {
        value["offsets"] = json!(outcome.offsets);
    }
    print_value(&value)
}

/// Prints JSON.
pub fn print_value(value: &serde_json::Value) -> Result<()> {
    let text =
        serde_json::to_string_pretty(value).map_err(|e| Error::machine("cannot print JSON").caused_by(e))?;
    print(&format!("{text}\n"))
}

/// Ends `generate`.
pub fn generated(summary: &Summary) -> Result<u8> {
    let lines: Vec<String> = summary
        .files
        .iter()
        .map(|f| format!("{}: {} rows, {}\n", f.path.display(), grouped(f.rows), human_bytes(f.bytes)))
        .collect();
    print(&lines.concat())?;
    Ok(exit::DONE)
}

/// A text that cannot move the cursor.
pub fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}
