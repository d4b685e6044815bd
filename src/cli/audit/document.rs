//! An audit as a document, at most 110 characters wide as text.

use super::subject::Subject;
use crate::audit::{AuditReport, Completeness, DelayAudit, OutputAudit, PartitionAudit, Profile, StepsAudit};
use crate::cli::document::{ReportDocument, TableColumn, data, width};
use crate::cli::lengths::{brief, enough, exact, written};
use crate::cli::ui::{self, count, grouped};
use crate::input::value::grouped_digits;
use crate::sink::value::TimeText;
use crate::time::{FirstAndLast, HOUR, MINUTE};

/// The most characters of a line.
const WIDTH: usize = 110;
/// So many partitions are shown, the worst of them.
const PARTITIONS: usize = 10;
/// A partition that is further behind the furthest holds the watermark back, and is shown.
const HELD_BACK: i64 = MINUTE;
/// A larger step of the front by one event is shown, if it also stands out: it is more than [`OUTLIER`]
/// times the least of the largest steps, or more than a hundredth of the log.
const SUSPICIOUS: i64 = HOUR;
const OUTLIER: i64 = 4;

/// The report of an audit.
pub fn document(subject: &Subject, report: &AuditReport) -> ReportDocument {
    let mut times = TimeText::new(&subject.zone);
    let mut out = ReportDocument::titled(format!("audit of job {}", data(&subject.name)));
    let files = count(subject.files as u64, "file", "files");
    out.line(format!("{files}, {}", ui::human_bytes(subject.bytes)));
    out.line(ui::account_line(&report.account));
    for line in ui::offsets(&report.offsets, report.account.rejected) {
        out.line(line);
    }
    if let Some(audit) = &report.steps {
        steps(&mut out, audit, !report.outputs.is_empty());
    }
    let Some(FirstAndLast { first, last }) = report.event_times else {
        out.line("there is no event to audit");
        return out;
    };
    out.line(format!("event times {} to {} ({})", times.text(first), times.text(last), subject.zone.name()));
    lateness(&mut out, report);
    held_back(&mut out, subject, report, &mut times);
    ahead(&mut out, report);
    jumps(&mut out, report, &mut times);
    outputs(&mut out, report);
    out
}

/// What streamed steps give otherwise than in `complete` mode.
fn steps(out: &mut ReportDocument, audit: &StepsAudit, windows: bool) {
    out.section("steps: events as they had arrived, beside the same steps in `complete` mode");
    out.item(format!(
        "{} of {} have another value in a column",
        count(audit.otherwise, "event", "events"),
        grouped(audit.events)
    ));
    for (events, mode) in [(audit.only_streamed, "streamed"), (audit.only_complete, "complete")] {
        if events > 0 {
            out.item(format!("{} come through in `{mode}` mode alone", count(events, "event", "events")));
        }
    }
    if !audit.columns.is_empty() {
        out.table(vec![
            TableColumn::values("column", audit.columns.iter().map(|column| column.column.clone())),
            TableColumn::numbers(
                "other values",
                audit.columns.iter().map(|column| grouped(column.events)).collect::<Vec<_>>(),
            ),
            TableColumn::numbers(
                "%",
                audit
                    .columns
                    .iter()
                    .map(|column| ui::percent(column.events, audit.events))
                    .collect::<Vec<_>>(),
            ),
        ]);
    }
    if windows {
        out.item("windows below are those of streamed steps at each delay, beside every event in its place");
    }
}

fn lateness(out: &mut ReportDocument, report: &AuditReport) {
    let mut partitions: Vec<&PartitionAudit> = report.partitions.iter().collect();
    let key = |p: &PartitionAudit| (p.lateness.p99, p.lateness.max, p.lateness.behind);
    // Ties go by name, so that the report is the same each time.
    partitions.sort_by(|a, b| key(b).cmp(&key(a)).then_with(|| a.name.cmp(&b.name)));
    let more = partitions.len().saturating_sub(PARTITIONS);
    partitions.truncate(PARTITIONS);
    out.section("lateness: how far events came behind the greatest event time before them");
    if !partitions.is_empty() {
        out.item("all events: of partitions the least of theirs; a partition: its own");
    }
    let profiles: Vec<&Profile> =
        std::iter::once(&report.lateness).chain(partitions.iter().map(|p| &p.lateness)).collect();
    let names =
        std::iter::once("all events".to_string()).chain(partitions.iter().map(|p| short(&p.name, 24)));
    let numbers = |head: &str, of: &dyn Fn(&Profile) -> String| {
        TableColumn::numbers(head, profiles.iter().map(|p| of(p)).collect::<Vec<_>>())
    };
    let lengths = |head: &str, of: fn(&Profile) -> i64| numbers(head, &|p| brief(of(p)));
    out.table(vec![
        TableColumn::values("", names),
        numbers("events", &|p| grouped(p.events)),
        numbers("behind %", &|p| ui::percent(p.behind, p.events)),
        lengths("p50", |p| p.p50),
        lengths("p90", |p| p.p90),
        lengths("p95", |p| p.p95),
        lengths("p99", |p| p.p99),
        lengths("p99.9", |p| p.p99_9),
        lengths("p99.99", |p| p.p99_99),
        lengths("max", |p| p.max),
    ]);
    and_more(out, more, "partition");
}

/// Partitions that are idle, or far behind the others.
fn held_back(out: &mut ReportDocument, subject: &Subject, report: &AuditReport, times: &mut TimeText) {
    let idle = |p: &PartitionAudit| p.idle == Some(true);
    let mut held: Vec<&PartitionAudit> =
        report.partitions.iter().filter(|p| p.behind > HELD_BACK || idle(p)).collect();
    // A single partition cannot hold the watermark back for others.
    if held.is_empty() || report.partitions.len() < 2 {
        return;
    }
    held.sort_by(|a, b| b.behind.cmp(&a.behind).then_with(|| a.name.cmp(&b.name)));
    let any_idle = held.iter().any(|p| idle(p));
    let more = held.len().saturating_sub(PARTITIONS);
    held.truncate(PARTITIONS);
    out.section(format!(
        "partitions that are idle at the end of the log, or more than {} behind the furthest:",
        exact(HELD_BACK)
    ));
    let mut shown = vec![
        TableColumn::values("", held.iter().map(|p| short(&p.name, 24))),
        TableColumn::numbers("behind", held.iter().map(|p| brief(p.behind))),
        TableColumn::words("last event time", held.iter().map(|p| times.text(p.last_event_time))),
    ];
    if held.iter().any(|p| p.last_arrival.is_some()) {
        let pause = |p: &&PartitionAudit| p.longest_pause.map(brief).unwrap_or_default();
        let idle = |p: &&PartitionAudit| if idle(p) { "idle" } else { "" }.to_string();
        let arrival = |p: &&PartitionAudit| p.last_arrival.map(|at| times.text(at)).unwrap_or_default();
        shown.push(TableColumn::words("last arrival", held.iter().map(arrival)));
        shown.push(TableColumn::numbers("longest pause", held.iter().map(pause)));
        shown.push(TableColumn::words("", held.iter().map(idle)));
    }
    out.table(shown);
    and_more(out, more, "partition");
    match subject.idle {
        Some(idle) => {
            out.line(format!("by the job's idle = \"{}\" the watermark passes idle ones", written(idle)));
        }
        None if any_idle => {
            out.line("the watermark waits for idle ones; this line in [source] lets it pass:");
            out.code("toml", "  idle = \"1m\"");
        }
        None => {}
    }
}

/// Events with a time ahead of their arrival.
fn ahead(out: &mut ReportDocument, report: &AuditReport) {
    let Some(future) = &report.future else { return };
    let furthest = brief(future.max);
    let found = match future.events {
        0 => "none has a time ahead of its arrival".to_string(),
        1 => format!("1 has a time ahead of its arrival, by {furthest}"),
        n => format!("{} have a time ahead of their arrival, the furthest by {furthest}", grouped(n)),
    };
    out.section(format!("events in the future: {found}"));
    if let Some(advised) = future.advised_max_ahead.filter(|_| future.events > 0) {
        out.line(format!("this line in [source] rejects the far ones ({}):", grouped(future.rejected)));
        out.code("toml", format!("  max_ahead = \"{}\"", written(advised)));
    }
}

/// Single events that moved the front suspiciously far.
fn jumps(out: &mut ReportDocument, report: &AuditReport, times: &mut TimeText) {
    let least = report.jumps.iter().map(|jump| jump.step).min().unwrap_or(0);
    let span = report.event_times.map_or(0, |times| times.last.saturating_sub(times.first));
    let outlier = |step: i64| step / OUTLIER > least || step > span / 100;
    let jumps: Vec<_> =
        report.jumps.iter().filter(|jump| jump.step > SUSPICIOUS && outlier(jump.step)).collect();
    if jumps.is_empty() {
        return;
    }
    out.section(format!(
        "events that moved the front unusually far (more than {}): the log paused, or a clock went wild",
        exact(SUSPICIOUS)
    ));
    out.table(vec![
        TableColumn::numbers("step", jumps.iter().map(|jump| brief(jump.step))),
        TableColumn::words("to event time", jumps.iter().map(|jump| times.text(jump.event_time))),
        TableColumn::values("file", jumps.iter().map(|jump| tail(&jump.file, 40))),
        TableColumn::numbers("line", jumps.iter().map(|jump| grouped(jump.line))),
    ]);
}

fn outputs(out: &mut ReportDocument, report: &AuditReport) {
    if report.outputs.is_empty() {
        out.section("no output has windows that end, so no event can be late");
        return;
    }
    for (names, output) in alike(&report.outputs) {
        let apart = names.join(", ").chars().count() > WIDTH;
        let names = names.iter().map(|name| data(name)).collect::<Vec<_>>();
        match (apart, names.split_last()) {
            (true, Some((last, before))) => {
                out.gap();
                before.iter().for_each(|name| out.line(format!("{name},")));
                out.line(last);
            }
            _ => out.section(names.join(", ")),
        }
        out.line(format!(
            "window {}, allowed lateness {}: {} events, {} windows, {} rows",
            output.window,
            exact(output.allowed_lateness),
            grouped(output.events),
            grouped(output.windows),
            grouped(output.rows)
        ));
        delays(out, output);
        completeness(out, output);
        of_job(out, output, report.delay);
    }
    out.gap();
    out.line("wrong: other than with every event counted, or too many; missing: of those, rows that are not there;");
    out.line("open: windows that had not fired when the log ended");
}

/// The outputs, those that differ in nothing but their names together.
fn alike(outputs: &[OutputAudit]) -> Vec<(Vec<String>, &OutputAudit)> {
    let mut found: Vec<(Vec<String>, &OutputAudit)> = vec![];
    for output in outputs {
        let name = match output.output.as_str() {
            "-" => "the terminal".to_string(),
            path => ui::plain(path),
        };
        let same = |other: &OutputAudit| {
            OutputAudit { output: String::new(), ..output.clone() }
                == OutputAudit { output: String::new(), ..other.clone() }
        };
        match found.iter_mut().find(|(_, other)| same(other)) {
            Some((names, _)) => names.push(name),
            None => found.push((vec![name], output)),
        }
    }
    found
}

/// One line per delay; delays between which nothing changes share one. The job's begins one, unless
/// nothing changes at all.
fn delays(out: &mut ReportDocument, output: &OutputAudit) {
    let same =
        |a: &DelayAudit, b: &DelayAudit| DelayAudit { delay: a.delay, of_job: a.of_job, ..b.clone() } == *a;
    let calm = output.delays.windows(2).all(|pair| same(&pair[0], &pair[1]));
    let runs: Vec<&[DelayAudit]> = output.delays.chunk_by(|a, b| same(a, b) && (calm || !b.of_job)).collect();
    let Some(first) = output.delays.first() else { return };
    let numbers = |head: &str, of: &dyn Fn(&DelayAudit) -> String| {
        TableColumn::numbers(head, runs.iter().map(|run| of(&run[0])).collect::<Vec<_>>())
    };
    let name = |d: &DelayAudit| exact(d.delay) + if d.of_job { " (job)" } else { "" };
    let names = runs.iter().map(|run| match run {
        [one] => name(one),
        [first, .., last] => format!("{} … {}", name(first), name(last)),
        [] => String::new(),
    });
    let mut shown = vec![
        TableColumn::words("delay", names),
        numbers("late\nevents", &|d| grouped(d.late)),
        numbers("%", &|d| ui::percent(d.late, output.events)),
        numbers("wrong\nwindows", &|d| grouped(d.wrong_windows)),
        numbers("wrong\nrows", &|d| grouped(d.wrong_rows)),
        numbers("%", &|d| ui::percent(d.wrong_rows, output.rows)),
        numbers("missing\nrows", &|d| grouped(d.missing_rows)),
        numbers("open\nwindows", &|d| grouped(d.open_windows)),
    ];
    let mut left = vec![];
    for (i, column) in first.columns.iter().enumerate() {
        let error = |of: fn(&crate::audit::ColumnError) -> &Option<String>| {
            let texts = runs.iter().map(move |run| run[0].columns.get(i).and_then(|c| of(c).clone()));
            texts.collect::<Vec<Option<String>>>()
        };
        let (largest, total) = (error(|c| &c.largest), error(|c| &c.total));
        // A value without a size, such as a text, has errors but not a sum of them: its columns would be
        // empty.
        if largest.iter().chain(&total).all(Option::is_none) {
            continue;
        }
        let texts = |texts: Vec<Option<String>>| {
            texts.into_iter().map(|text| text.map_or(String::new(), |text| decimal(&text)))
        };
        let name = data(&short(&column.column, 16));
        let pair = [
            TableColumn::numbers(&format!("{name}\noff by"), texts(largest)),
            TableColumn::numbers("in\ntotal", texts(total)),
        ];
        // A table that is wider than the terminal breaks every line; --json has all columns.
        if width(&shown) + width(&pair) + 2 > WIDTH {
            left.push(data(&column.column));
        } else {
            shown.extend(pair);
        }
    }
    out.table(shown);
    if !left.is_empty() {
        out.line(format!("there is no room for {}; --json has all columns", listed(&left)));
    }
}

/// What the delay has to be.
fn completeness(out: &mut ReportDocument, output: &OutputAudit) {
    // Of shares with the same delay the largest says it all.
    let same = |a: &Completeness, b: &Completeness| enough(a.delay) == enough(b.delay);
    for run in output.completeness.chunk_by(same) {
        let Some(wanted) = run.last() else { continue };
        let delay = enough(wanted.delay);
        let (job, people) = (written(delay), exact(delay));
        let whose = match wanted.share >= 1.0 {
            true => "all events are".to_string(),
            false => format!("{} % of the events are", share(wanted.share)),
        };
        let people = if job == people { String::new() } else { format!(" ({people})") };
        out.line(format!("{whose} counted with out_of_orderness = \"{job}\"{people}"));
    }
    if output.window.starts_with("session") && !output.completeness.is_empty() {
        out.line(
            "of sessions these are upper bounds: a late event may still join one, so a shorter delay may do",
        );
    }
}

/// What the job's own delay gives.
fn of_job(out: &mut ReportDocument, output: &OutputAudit, delay: i64) {
    let Some(own) = output.delays.iter().find(|d| d.of_job) else { return };
    let late = match own.late {
        0 => "no event is late".to_string(),
        1 => "1 event is late".to_string(),
        n => format!("{} events are late", grouped(n)),
    };
    let wrong = match own.wrong_rows {
        0 => "no row is wrong".to_string(),
        1 => format!("1 of {} rows is wrong", grouped(output.rows)),
        n => format!("{} of {} rows are wrong", grouped(n), grouped(output.rows)),
    };
    let counted = ui::percent(output.events.saturating_sub(own.late), output.events);
    out.line(format!(
        "the job's out_of_orderness = \"{}\" counts {counted} %: {late}, {wrong}",
        written(delay)
    ));
}

fn and_more(out: &mut ReportDocument, more: usize, what: &str) {
    if more > 0 {
        out.line(format!("… {} more {what}{}", grouped(more as u64), if more == 1 { "" } else { "s" }));
    }
}

/// A share in percent: `99`, `99.9`.
fn share(share: f64) -> String {
    let text = format!("{:.6}", 100.0 * share);
    text.trim_end_matches('0').trim_end_matches('.').to_string()
}

/// A decimal number with its integer digits in groups of three.
fn decimal(text: &str) -> String {
    let (sign, digits) = text.strip_prefix('-').map_or(("", text), |rest| ("-", rest));
    let (whole, rest) = digits.split_at(digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len()));
    format!("{sign}{}{rest}", grouped_digits(whole))
}

/// The first characters of a text.
fn short(text: &str, width: usize) -> String {
    match text.chars().count() > width {
        true => text.chars().take(width - 1).chain(['…']).collect(),
        false => text.to_string(),
    }
}

/// The last characters of a path, which tell files apart.
fn tail(text: &str, width: usize) -> String {
    match text.chars().count().checked_sub(width) {
        Some(more) if more > 0 => "…".chars().chain(text.chars().skip(more + 1)).collect(),
        _ => text.to_string(),
    }
}

fn listed(names: &[String]) -> String {
    let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    match names.len() {
        0..=4 => names.join(", "),
        n => format!("{} and {} more", names[..3].join(", "), n - 3),
    }
}
