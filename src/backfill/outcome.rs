//! What a backfill is asked for, and what it did.

use crate::deliver::{OutputOutcome, Published};
use crate::plan::{OutputPlan, OutputTo, Plan};
use crate::sink::value::TimeText;
use crate::sink::{Account, Manifest, Part, fields};
use crate::time::TimeRange;
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};
use std::path::PathBuf;

/// What a backfill is asked for.
#[derive(Debug, Clone, Default)]
pub struct BackfillRequest {
    /// The files, in any order; without any, those that the source has and no run has counted.
    pub files: Vec<PathBuf>,
    /// Whether the files' events are taken out, not added.
    pub retract: bool,
    /// The archive that history is read from, if it is not an output of the job.
    pub from_archive: Option<PathBuf>,
    /// Whether to say what would change, and to change nothing.
    pub plan_only: bool,
    /// How many changes are given in full; all of them go to the change log.
    pub shown: usize,
    /// Whether a run asks: then tables of servers get all rows, and not only those that changed, and where a run over
    /// the source gives all that was counted, it is left to that.
    pub of_run: bool,
}

/// What a backfill did, or would do.
#[derive(Debug)]
pub struct BackfillOutcome {
    /// The plan of the job with the files.
    pub plan: Plan,
    /// The files given, and what they are.
    pub files: Vec<GivenFile>,
    /// Why everything was computed again, if it was.
    pub all_again: Option<String>,
    /// The account after it: the old one with the new events in it. Of a plan the old one.
    pub account: Account,
    /// Of a job with outputs of both modes that steps tell apart, the account of `complete` mode; `account` is that of the
    /// streamed outputs then.
    pub of_complete: Option<Account>,
    /// The outputs that are files, in the job's order.
    pub outputs: Vec<Corrected>,
    /// The late output, where it is written again with the others: the steps of the job are streamed.
    pub late: Option<OutputOutcome>,
    /// Bytes and files of history that were (or would be) read, beside the parts of the outputs themselves.
    pub history: HistoryRead,
    /// Whether it was applied: not for a plan, nor where nothing changes.
    pub applied: bool,
    /// What became of the tables of servers, in the order of the outputs.
    pub published: Vec<Published>,
    /// Of a run, files in the folders of outputs that Highwater did not write.
    pub strangers: Vec<PathBuf>,
    /// Files that were counted and are gone from the source, if it was listed: their events stay.
    pub gone: Vec<String>,
}

impl BackfillOutcome {
    /// Of a backfill that read no history and changed nothing.
    pub fn unchanged(
        plan: Plan,
        files: Vec<GivenFile>,
        account: Account,
        outputs: Vec<Corrected>,
    ) -> BackfillOutcome {
        BackfillOutcome {
            plan,
            files,
            all_again: None,
            account,
            of_complete: None,
            outputs,
            late: None,
            history: HistoryRead::default(),
            applied: false,
            published: vec![],
            strangers: vec![],
            gone: vec![],
        }
    }
}

/// A file that was given.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct GivenFile {
    /// Its path.
    #[serde(serialize_with = "fields::path")]
    pub path: PathBuf,
    /// What it is.
    #[serde(flatten)]
    pub kind: GivenKind,
    /// Records read from it.
    pub records: u64,
}

/// What a given file is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GivenKind {
    /// Events that no run has counted.
    New,
    /// Events that were counted before, from the file of this path: nothing is done.
    Known(PathBuf),
    /// Late events of the job itself.
    Late,
    /// Events that are taken out.
    Retracted,
    /// Rows of this table.
    Table(String),
}

impl Serialize for GivenKind {
    fn serialize<S: Serializer>(&self, to: S) -> std::result::Result<S::Ok, S::Error> {
        let (kind, known_as, table) = match self {
            GivenKind::New => ("new", None, None),
            GivenKind::Known(path) => ("known", Some(path.display().to_string()), None),
            GivenKind::Late => ("late", None, None),
            GivenKind::Retracted => ("retracted", None, None),
            GivenKind::Table(name) => ("table", None, Some(name)),
        };
        let mut map = to.serialize_map(Some(3))?;
        map.serialize_entry("kind", kind)?;
        map.serialize_entry("known_as", &known_as)?;
        map.serialize_entry("table", &table)?;
        map.end()
    }
}

/// What happened to one output.
#[derive(Debug, Serialize)]
pub struct Corrected {
    /// Where it lies.
    #[serde(rename = "path")]
    pub to: OutputTo,
    /// How it was corrected.
    pub method: Method,
    /// Windows that the events fall in, or, where everything was computed again, that changed; 0 for outputs of events.
    pub windows: u64,
    /// Groups (window and keys) that the events fall in, or that changed; of outputs of events rows added or taken out.
    pub rows_touched: u64,
    /// Rows that it has now; of a plan those that it had.
    pub rows: u64,
    /// The parts that are written, by path: those that are replaced and those that are new.
    pub parts: Vec<String>,
    /// Parts read: rows and bytes of the old ones.
    pub read: Volume,
    /// Parts written; of a plan the size of those that would be replaced.
    pub written: Volume,
    /// Parts that stay as they are.
    pub unchanged: usize,
    /// Parts that are gone.
    pub removed: usize,
    /// Parts that were not there before.
    pub added: usize,
    /// How many values changed, in all.
    pub changed: u64,
    /// The first changes, in order of window and key.
    pub changes: Vec<ValueChange>,
    /// The file of all changes; none of a plan, nor where nothing changed.
    #[serde(serialize_with = "fields::path_or_null")]
    pub change_log: Option<PathBuf>,
    /// Why what it was and what it is were not compared value by value, if they were not.
    pub not_compared: Option<String>,
    /// Parts, and parts of the state, that were there before and are written again: their files were gone, or had been
    /// changed from outside.
    #[serde(skip_serializing_if = "fields::is_zero")]
    pub restored: usize,
}

/// Rows and bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Volume {
    /// Rows.
    pub rows: u64,
    /// Bytes on disk.
    pub bytes: u64,
}

/// Files of history read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct HistoryRead {
    /// Files, of an archive its parts.
    pub files: usize,
    /// Bytes on disk.
    pub bytes: u64,
}

/// How an output is corrected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// It is not touched.
    Untouched,
    /// New events are merged into what is stored: values of groups, rows of an archive.
    Merged,
    /// The windows (or partitions) touched are computed again from their events.
    Recomputed,
    /// All of it is computed again, and parts that differ are replaced.
    AllAgain,
}

/// One value that is not what it was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ValueChange {
    /// The window, microseconds UTC; none for a global window.
    #[serde(flatten, serialize_with = "start_and_end")]
    pub window: Option<TimeRange>,
    /// The keys, by name, as text; NULL is none.
    #[serde(serialize_with = "fields::object")]
    pub keys: Vec<(String, Option<String>)>,
    /// The column.
    pub column: String,
    /// What it was, as text; none for NULL, and where the row is new.
    pub before: Option<String>,
    /// What it is, as text; none for NULL, and where the row is gone.
    pub after: Option<String>,
    /// Whether the row is new, is gone, or stays.
    pub row: RowChange,
}

/// The bounds of a window, for programs; both are null of a global window.
fn start_and_end<S: Serializer>(window: &Option<TimeRange>, to: S) -> std::result::Result<S::Ok, S::Error> {
    let text = |instant| TimeText::utc().text(instant);
    to.collect_map([
        ("window_start", window.map(|window| text(window.start))),
        ("window_end", window.map(|window| text(window.end))),
    ])
}

/// What happened to a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RowChange {
    /// It was not there.
    Added,
    /// It is no longer.
    Removed,
    /// It has other values.
    Changed,
}

impl Corrected {
    /// An output that stays as it is.
    pub fn untouched(output: &OutputPlan, manifest: &Manifest) -> Corrected {
        Corrected {
            to: output.to.clone(),
            method: Method::Untouched,
            windows: 0,
            rows_touched: 0,
            rows: manifest.parts.iter().map(|part| part.rows).sum(),
            parts: vec![],
            read: Volume::default(),
            written: Volume::default(),
            unchanged: manifest.parts.len(),
            removed: 0,
            added: 0,
            restored: 0,
            changes: vec![],
            changed: 0,
            change_log: None,
            not_compared: None,
        }
    }
}

impl Volume {
    /// Adds a part.
    pub fn add(&mut self, part: &Part) {
        self.rows += part.rows;
        self.bytes += part.bytes;
    }
}
