//! An audit for programs.
//!
//! # Contract
//! Names and order stay. Lengths are whole microseconds in names that end in `_us`; times are RFC 3339 in
//! UTC; errors of columns are decimal numbers as text, exact.

use super::Subject;
use crate::audit::{
    AuditReport, ColumnError, Completeness, DelayAudit, Future, Jump, OutputAudit, PartitionAudit, Profile,
};
use crate::sink::value::TimeText;
use serde_json::{Value, json};

/// The report of an audit. Structs are taken apart by name, so a new field cannot be forgotten here.
pub fn json(subject: &Subject, report: &AuditReport) -> Value {
    let AuditReport { account, event_times, lateness, partitions, future, jumps, delay, outputs, offsets } =
        report;
    json!({
        "job": { "name": subject.name, "hash": subject.hash },
        "files": subject.files,
        "bytes": subject.bytes,
        "account": account,
        "event_times": event_times.map(|(first, last)| json!({ "min": time(first), "max": time(last) })),
        "lateness": profile(lateness),
        "partitions": partitions.iter().map(partition).collect::<Vec<_>>(),
        "future": future.as_ref().map(ahead),
        "jumps": jumps.iter().map(jump).collect::<Vec<_>>(),
        "out_of_orderness_us": delay,
        "outputs": outputs.iter().map(output).collect::<Vec<_>>(),
        "offsets": offsets,
    })
}

fn time(instant: i64) -> String {
    TimeText::utc().text(instant)
}

fn profile(profile: &Profile) -> Value {
    let Profile { events, behind, p50, p90, p95, p99, p99_9, p99_99, max } = profile;
    json!({
        "events": events,
        "behind": behind,
        "p50_us": p50,
        "p90_us": p90,
        "p95_us": p95,
        "p99_us": p99,
        "p99_9_us": p99_9,
        "p99_99_us": p99_99,
        "max_us": max,
    })
}

fn partition(partition: &PartitionAudit) -> Value {
    let PartitionAudit { name, lateness, last_event_time, behind, last_arrival, longest_pause, idle } =
        partition;
    json!({
        "name": name,
        "lateness": profile(lateness),
        "last_event_time": time(*last_event_time),
        "behind_us": behind,
        "last_arrival": last_arrival.map(time),
        "longest_pause_us": longest_pause,
        "idle": idle,
    })
}

fn ahead(future: &Future) -> Value {
    let Future { events, max, advised_max_ahead, rejected } = future;
    json!({
        "events": events,
        "max_us": max,
        "advised_max_ahead_us": advised_max_ahead,
        "rejected": rejected,
    })
}

fn jump(jump: &Jump) -> Value {
    let Jump { file, line, event_time, step } = jump;
    json!({ "file": file, "line": line, "event_time": time(*event_time), "step_us": step })
}

fn output(output: &OutputAudit) -> Value {
    let OutputAudit { output, window, allowed_lateness, events, windows, rows, delays, completeness } =
        output;
    json!({
        "output": output,
        "window": window,
        "allowed_lateness_us": allowed_lateness,
        "events": events,
        "windows": windows,
        "rows": rows,
        "delays": delays.iter().map(delay).collect::<Vec<_>>(),
        "completeness": completeness.iter().map(complete).collect::<Vec<_>>(),
    })
}

fn delay(audit: &DelayAudit) -> Value {
    let DelayAudit { delay, of_job, late, wrong_windows, wrong_rows, missing_rows, open_windows, columns } =
        audit;
    json!({
        "out_of_orderness_us": delay,
        "of_job": of_job,
        "late": late,
        "wrong_windows": wrong_windows,
        "wrong_rows": wrong_rows,
        "missing_rows": missing_rows,
        "open_windows": open_windows,
        "columns": columns.iter().map(column).collect::<Vec<_>>(),
    })
}

fn column(error: &ColumnError) -> Value {
    let ColumnError { column, wrong, largest, total } = error;
    json!({ "column": column, "wrong": wrong, "largest": largest, "total": total })
}

fn complete(wanted: &Completeness) -> Value {
    let Completeness { share, delay } = wanted;
    json!({ "share": share, "out_of_orderness_us": delay })
}
