//! A backfill for programs.
//!
//! # Contract
//! Names and order stay. Times are RFC 3339 in UTC; values are texts, and NULL is null.

use crate::backfill::{
    BackfillOutcome, Change, Corrected, GivenFile, GivenKind, HistoryRead, Method, Request, RowChange, Volume,
};
use crate::cli::ui;
use crate::plan::OutputTo;
use crate::sink::value::TimeText;
use serde_json::{Map, Value, json};
use std::path::Path;

/// What a backfill did, or would do. Structs are taken apart by name, so a new field cannot be forgotten here.
pub fn json(request: &Request, outcome: &BackfillOutcome) -> Value {
    let BackfillOutcome { plan, files, all_again, account, outputs, history, applied, published, .. } =
        outcome;
    let mut value = json!({
        "job": { "name": plan.name, "hash": plan.hash },
        "plan": request.plan_only,
        "applied": applied,
        "files": files.iter().map(given).collect::<Vec<_>>(),
        "all_again": all_again,
        "account": account,
        "history": read(*history),
        "outputs": outputs.iter().map(corrected).collect::<Vec<_>>(),
    });
    if !published.is_empty() {
        value["published"] = published.iter().map(ui::published_json).collect();
    }
    value
}

fn text(path: &Path) -> String {
    path.display().to_string()
}

fn given(file: &GivenFile) -> Value {
    let GivenFile { path, kind, records } = file;
    let (kind, known_as, table) = match kind {
        GivenKind::New => ("new", None, None),
        GivenKind::Known(path) => ("known", Some(text(path)), None),
        GivenKind::Late => ("late", None, None),
        GivenKind::Retracted => ("retracted", None, None),
        GivenKind::Table(name) => ("table", None, Some(name)),
    };
    json!({ "path": text(path), "kind": kind, "known_as": known_as, "table": table, "records": records })
}

fn read(history: HistoryRead) -> Value {
    let HistoryRead { files, bytes } = history;
    json!({ "files": files, "bytes": bytes })
}

fn volume(volume: Volume) -> Value {
    let Volume { rows, bytes } = volume;
    json!({ "rows": rows, "bytes": bytes })
}

fn corrected(output: &Corrected) -> Value {
    let Corrected {
        to,
        method,
        windows,
        rows_touched,
        rows,
        parts,
        read,
        written,
        unchanged,
        removed,
        added,
        changes,
        changed,
        change_log,
        restored,
        not_compared,
    } = output;
    let path = match to {
        OutputTo::Folder(path) | OutputTo::File(path) => text(path),
        OutputTo::Terminal => "-".to_string(),
    };
    let method = match method {
        Method::Untouched => "untouched",
        Method::Merged => "merged",
        Method::Recomputed => "recomputed",
        Method::AllAgain => "all_again",
    };
    let mut value = json!({
        "path": path,
        "method": method,
        "windows": windows,
        "rows_touched": rows_touched,
        "rows": rows,
        "parts": parts,
        "read": volume(*read),
        "written": volume(*written),
        "unchanged": unchanged,
        "removed": removed,
        "added": added,
        "changed": changed,
        "changes": changes.iter().map(change).collect::<Vec<_>>(),
        "change_log": change_log.as_deref().map(text),
        "not_compared": not_compared,
    });
    if *restored > 0 {
        value["restored"] = json!(restored);
    }
    value
}

fn change(change: &Change) -> Value {
    let Change { window, keys, column, before, after, row } = change;
    let time = |instant| TimeText::utc().text(instant);
    let keys: Map<String, Value> = keys.iter().map(|(name, value)| (name.clone(), json!(value))).collect();
    let row = match row {
        RowChange::Added => "added",
        RowChange::Removed => "removed",
        RowChange::Changed => "changed",
    };
    json!({
        "window_start": window.map(|window| time(window.0)),
        "window_end": window.map(|window| time(window.1)),
        "keys": keys,
        "column": column,
        "before": before,
        "after": after,
        "row": row,
    })
}
