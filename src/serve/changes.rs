//! The change logs of backfills, which lie in the state of an output.

use super::stamp::FileStamp;
use crate::sink::Target;
use serde_json::Value;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

/// Backfills of an output that are shown, the last ones.
const BACKFILLS: usize = 5;
/// Changes of a backfill that are shown.
const LINES: usize = 20;
/// Bytes of a log that are read.
const BYTES: u64 = 32 << 20;

/// One backfill of one output.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Changed {
    /// The output.
    pub output: String,
    /// Its number among the backfills of the output, from 1.
    pub number: u64,
    /// How the rows were computed.
    pub method: String,
    /// The files that were given, each with what it is.
    pub files: Vec<(String, String)>,
    /// The first changes.
    pub lines: Vec<Line>,
    /// How many there are.
    pub count: u64,
    /// Whether more follow than were counted.
    pub more: bool,
    /// Why the log cannot be read.
    pub error: Option<String>,
}

/// One value that changed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Line {
    /// The window, as the log has it.
    pub window: Option<[String; 2]>,
    /// The keys of the row.
    pub keys: Vec<(String, String)>,
    /// The column; of events the file.
    pub column: String,
    /// Whether it is of a file.
    pub is_part: bool,
    /// The value before; empty where the row was not there.
    pub before: String,
    /// The value after; empty where the row is gone.
    pub after: String,
    /// `changed`, `added` or `removed`.
    pub row: String,
}

/// The last backfills of an output, the newest first; and how many there are.
pub fn changes(target: &Target, output: &str) -> (Vec<Changed>, usize) {
    let folder = target.state().join("changes");
    // A link could lead anywhere.
    if !folder.symlink_metadata().is_ok_and(|there| there.is_dir()) {
        return (vec![], 0);
    }
    let entries = std::fs::read_dir(&folder).into_iter().flatten().flatten();
    let number = |name: &str| name.strip_suffix(".log").and_then(|number| number.parse().ok());
    let mut logs: Vec<(u64, std::path::PathBuf)> =
        entries.filter_map(|entry| Some((number(entry.file_name().to_str()?)?, entry.path()))).collect();
    logs.sort();
    let count = logs.len();
    let last = logs.into_iter().rev().take(BACKFILLS);
    let read = last.map(|(number, path)| match read(&path) {
        Ok(changed) => Changed { output: output.to_string(), number, ..changed },
        Err(error) => {
            Changed { output: output.to_string(), number, error: Some(error), ..Changed::default() }
        }
    });
    (read.collect(), count)
}

fn read(path: &Path) -> Result<Changed, String> {
    let stamp = FileStamp::of(path).ok_or("it is not a file")?;
    let file = File::open(path).map_err(|e| e.to_string())?;
    let mut lines = BufReader::new(file.take(BYTES)).split(b'\n');
    let head = lines.next().transpose().map_err(|e| e.to_string())?.unwrap_or_default();
    let head: Value = serde_json::from_slice(&head).map_err(|e| e.to_string())?;
    let head = &head["backfill"];
    let text = |value: &Value| value.as_str().unwrap_or_default().to_string();
    let files = head["files"].as_array().into_iter().flatten();
    let mut changed = Changed {
        method: text(&head["method"]),
        files: files.map(|file| (text(&file["path"]), text(&file["kind"]))).collect(),
        more: stamp.bytes() > BYTES,
        ..Changed::default()
    };
    for line in lines {
        let line = line.map_err(|e| e.to_string())?;
        if changed.lines.len() < LINES {
            let value: Value = serde_json::from_slice(&line).map_err(|e| e.to_string())?;
            changed.lines.push(Line::of(&value));
        }
        changed.count += 1;
    }
    Ok(changed)
}

impl Line {
    fn of(value: &Value) -> Line {
        if let Some(part) = value["part"].as_str() {
            let rows = |name: &str| format!("{} rows", value[name].as_u64().unwrap_or_default());
            let (before, after) = (rows("rows_before"), rows("rows_after"));
            return Line {
                column: part.to_string(),
                before,
                after,
                row: "changed".into(),
                is_part: true,
                ..Line::default()
            };
        }
        let bound = |name: &str| value[name].as_str().map(str::to_string);
        let row = value["row"].as_str().unwrap_or("changed").to_string();
        // A row that was not there before, or is not there after, has no value then, also not NULL.
        let side = |name: &str, none: &str| {
            if row == none { String::new() } else { value.get(name).map_or_else(String::new, shown) }
        };
        let keys = value["keys"].as_object().into_iter().flatten();
        Line {
            window: bound("window_start").zip(bound("window_end")).map(|(start, end)| [start, end]),
            keys: keys.map(|(name, value)| (name.clone(), shown(value))).collect(),
            column: value["column"].as_str().unwrap_or_default().to_string(),
            is_part: false,
            before: side("before", "added"),
            after: side("after", "removed"),
            row: row.clone(),
        }
    }
}

/// A value as a table has it.
fn shown(value: &Value) -> String {
    match value {
        Value::Null => "NULL".to_string(),
        Value::String(text) => text.clone(),
        value => value.to_string(),
    }
}
