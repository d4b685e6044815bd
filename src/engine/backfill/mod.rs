//! Late events, and files that were wrong: outputs that are in place are corrected, and nothing else.
//!
//! # Contract
//! * After `backfill(run(A), B)` the outputs have the bytes of `run(A ∪ B)`; after a retraction of C those of a
//!   run without C. Files are known by content: one that was counted before changes nothing.
//! * Late events of a streamed run, given as its late output, are counted in the streamed outputs alone: the
//!   others have them already. Windows that they touch come out as `complete` gives them.
//! * What a window was and is comes from one of these, the first that will do (see [`Method`]): the stored values
//!   and the new events; the events of the windows touched, from an archive or the source; everything.
//! * Outputs are staged and committed together, as in a run.

mod account;
mod again;
mod all_again;
mod changes;
mod combine;
mod edited;
mod fresh;
mod given;
mod groups;
mod history;
mod log;
mod methods;
mod narrow;
pub(super) mod order;
mod parts;
mod rejects;
mod splice;
mod states;
#[cfg(test)]
mod testing;
mod touched;

use super::publish::{self, Extent, Published};
use super::{Outcome, OutputOutcome, Progress, Run, RunOptions, Stage, Work, pool, target};
use crate::clock::Stopwatch;
use crate::error::{Error, Result};
use crate::input::InputReport;
use crate::job::{self, JobSpec, Overrides, SourceFiles};
use crate::plan::{OutputKind, OutputTo, Plan};
use crate::sink::value::TimeText;
use crate::sink::{Account, InputEntry, Manifest, Target, Transaction, fields};
use given::{Given, InPlace};
use hashbrown::{HashMap, HashSet};
use history::History;
use narrow::{Done, Narrow};
pub use parts::PartReader;
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};
use std::path::PathBuf;

/// What a backfill is asked for.
#[derive(Debug, Clone, Default)]
pub struct Request {
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
    /// The outputs that are files, in the job's order.
    pub outputs: Vec<Corrected>,
    /// Bytes and files of history that were (or would be) read, beside the parts of the outputs themselves.
    pub history: HistoryRead,
    /// Whether it was applied: not for a plan, nor where nothing changes.
    pub applied: bool,
    /// What became of the tables of servers, in the order of the outputs.
    pub published: Vec<Published>,
    /// Of a run, files in the folders of outputs that Highwater did not write.
    pub strangers: Vec<PathBuf>,
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
    pub changes: Vec<Change>,
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
pub struct Change {
    /// The window, microseconds UTC; none for a global window.
    #[serde(flatten, serialize_with = "start_and_end")]
    pub window: Option<(i64, i64)>,
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
fn start_and_end<S: Serializer>(window: &Option<(i64, i64)>, to: S) -> std::result::Result<S::Ok, S::Error> {
    let text = |instant| TimeText::utc().text(instant);
    to.collect_map([
        ("window_start", window.map(|window| text(window.0))),
        ("window_end", window.map(|window| text(window.1))),
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

/// Corrects the outputs of a job. `machine` says how a plan may use the machine.
///
/// # Errors
/// The job was never run, or files of history are gone that are needed (job errors); bad data; a machine that
/// fails. The outputs are then as before.
pub fn backfill(
    spec: &JobSpec,
    overrides: &Overrides,
    request: &Request,
    machine: &dyn Fn(&Plan) -> RunOptions,
    progress: &dyn Progress,
) -> Result<BackfillOutcome> {
    match correct(spec, overrides, request, machine, progress)? {
        Corrections::Made(outcome) => Ok(*outcome),
        Corrections::LeftToRun(why) => Err(Error::job(why).hint("run the job again")),
    }
}

/// What came of a correction.
enum Corrections {
    /// It was made.
    Made(Box<BackfillOutcome>),
    /// A run over the source makes it, and why.
    LeftToRun(String),
}

fn correct(
    spec: &JobSpec,
    overrides: &Overrides,
    request: &Request,
    machine: &dyn Fn(&Plan) -> RunOptions,
    progress: &dyn Progress,
) -> Result<Corrections> {
    // Outputs are locked and brought to one state before anything is read of them.
    let targets: Vec<Target> = job::destinations(spec).iter().filter_map(target).collect();
    let mut transaction = Transaction::begin_of(&targets, &job::named(spec))?;
    let in_place = InPlace::new(&transaction, &targets)?;
    if let (Some(error), false) = (&in_place.apart, request.of_run) {
        return Err(error.clone());
    }
    let given = Given::new(spec, request, &in_place)?;
    let mut plan = planned(spec, overrides, &in_place, &given)?;
    plan.notes.extend(given.notes.iter().cloned());
    let options = machine(&plan);
    let numbered =
        plan.outputs.iter().enumerate().filter_map(|(index, output)| Some((index, target(&output.to)?)));
    let targets: Vec<(usize, Target)> = numbered.collect();
    let altered = match request.of_run {
        true => pool(options.threads)?.install(|| in_place.altered(&targets)),
        false => None,
    };
    let reason = in_place.apart.as_ref().map(|error| error.message().to_string());
    let reason = reason.or_else(|| edited::reason(&plan, &targets, &in_place));
    let reason = reason.or_else(|| Some(format!("{} is not as it was left", altered.as_ref()?.display())));
    let edited = match reason {
        None if request.of_run => edited::late(&plan)?,
        reason => reason,
    };
    if let (Some(edited), true) = (&edited, request.of_run) {
        if given.is_all_named() {
            return Ok(Corrections::LeftToRun(edited.clone()));
        }
        history::is_whole(&plan, &history::own_archives(&plan, &targets, &in_place), &given)?;
        history::can_tell(&plan, &targets, &in_place, &given)?;
    }
    let untouched = || {
        let outputs = targets.iter().zip(&in_place.manifests);
        outputs.map(|((index, _), manifest)| Corrected::untouched(&plan.outputs[*index], manifest)).collect()
    };
    if !request.plan_only {
        publish::check(&plan)?;
    }
    let mut strangers = vec![];
    if request.of_run {
        for output in 0..targets.len() {
            strangers.extend(transaction.strangers(output)?);
        }
    }
    // A backfill of files that were counted is no run: what was edited waits for one.
    if given.changes_nothing() && (edited.is_none() || !request.of_run) {
        let (account, outputs) = (in_place.before().account, untouched());
        let history = HistoryRead::default();
        let restated = edited::restated(&plan, &targets, &in_place);
        let restated = restated.filter(|_| edited.is_none() && !request.plan_only);
        if restated.is_some() {
            (0..targets.len()).try_for_each(|number| in_place.keep(&transaction, number))?;
        }
        let published = match (request.of_run, restated) {
            (true, drafts) => {
                publish::open(&plan, &transaction, Extent::InPlace)?.commit(transaction, drafts)?.1
            }
            (false, Some(drafts)) => transaction.commit(drafts).map(|_| vec![])?,
            (false, None) => vec![],
        };
        let (files, all_again, applied) = (given.files, None, false);
        return Ok(Corrections::Made(Box::new(BackfillOutcome {
            plan,
            files,
            all_again,
            account,
            outputs,
            history,
            applied,
            published,
            strangers,
        })));
    }
    let all_again = methods::all_again(&plan, &given, edited.as_deref())?;
    // Whatever is given counts, however late it came.
    let plan = plan.counting_all();
    let archives = history::own_archives(&plan, &targets, &in_place);
    let history = History::choose(&plan, &in_place, &archives, request.from_archive.as_deref(), &given)?;
    let done = pool(options.threads)?.install(|| {
        let run = Run { plan: &plan, options: &options, progress };
        let (transaction, targets, in_place) = (&transaction, &targets[..], &in_place);
        let (given, history, shown) = (&given, &history, request.shown);
        let narrow =
            Narrow { run, transaction, targets, in_place, given, history, archives: &archives, shown };
        match (&all_again, request.plan_only) {
            (None, true) => narrow.plan(),
            (None, false) => narrow.stage(),
            (Some(_), true) => narrow.plan_all_again(),
            (Some(_), false) => narrow.stage_all_again(),
        }
    })?;
    let Done { drafts, mut outputs, account, history, rejects, records } = done;
    let mut published = vec![];
    if !request.plan_only {
        rejects.map_or(Ok(()), |rejects| rejects.put_beside(&mut transaction))?;
        let extent = if request.of_run { Extent::All } else { Extent::Changed };
        let mut watch = Stopwatch::of_process();
        let report;
        (report, published) =
            publish::open(&plan, &transaction, extent)?.commit(transaction, Some(drafts))?;
        for (output, report) in outputs.iter_mut().zip(report.outputs) {
            output.restored = report.restored;
        }
        progress.worked(Stage::Commit, Work { rows: 0, bytes: 0, lap: watch.lap() });
    }
    let mut files = given.files;
    let records: HashMap<String, u64> = records.into_iter().rev().collect();
    for file in &mut files {
        file.records = records.get(&file.path.display().to_string()).copied().unwrap_or(0);
    }
    let applied = !request.plan_only;
    Ok(Corrections::Made(Box::new(BackfillOutcome {
        plan,
        files,
        all_again,
        account,
        outputs,
        history,
        applied,
        published,
        strangers,
    })))
}

/// Runs a job whose outputs may be in place. One that keeps an archive counts the files that no run has counted;
/// where it was edited, or an output is gone or was changed, everything is computed again: by a run over the source,
/// unless files that were counted are gone from it; then from the archive.
///
/// # Errors
/// As [`super::run`] and [`backfill`]; a file that was counted is not what it was; files that were counted are gone,
/// and the archive cannot stand for them.
pub fn catch_up(
    plan: &Plan,
    spec: &JobSpec,
    overrides: &Overrides,
    options: &RunOptions,
    progress: &dyn Progress,
) -> Result<Outcome> {
    let archive = plan.outputs.iter().find(|output| matches!(output.kind, OutputKind::Archive(_)));
    let archive = archive.and_then(|output| target(&output.to));
    let before = archive.map(|archive| archive.manifest()).transpose()?.flatten();
    let partial = plan.range != (i64::MIN, i64::MAX) || overrides.mode.is_some();
    let before = match before {
        Some(before) if !partial => before,
        before => {
            before.map_or(Ok(()), |before| history::nothing_gone(&before))?;
            return super::run(plan, options, progress);
        }
    };
    let request = Request { of_run: true, ..Request::default() };
    match correct(spec, overrides, &request, &|_| options.clone(), progress)? {
        Corrections::Made(done) => outcome(plan, *done, &before),
        Corrections::LeftToRun(why) => {
            let outcome = super::run(plan, options, progress)?;
            Ok(Outcome { all_again: Some(why), ..outcome })
        }
    }
}

/// What a backfill did, as of a run; `before` is the manifest that it found.
fn outcome(plan: &Plan, done: BackfillOutcome, before: &Manifest) -> Result<Outcome> {
    let first = plan.outputs.iter().find_map(|output| target(&output.to));
    let manifest = first.map(|target| target.manifest()).transpose()?.flatten();
    let known: HashSet<&str> = before.inputs.iter().map(|input| input.path.as_str()).collect();
    let read = |input: &&InputEntry| done.all_again.is_some() || !known.contains(input.path.as_str());
    let counted = manifest.iter().flat_map(|manifest| &manifest.inputs);
    let inputs = counted.filter(|input| input.table.is_none()).filter(read).map(|input| InputReport {
        path: PathBuf::from(&input.path),
        ordinal: 0,
        bytes: input.bytes,
        hash: input.hash.clone(),
        records: input.records,
        skipped: 0,
    });
    let inputs = inputs.collect();
    let outputs = done.outputs.iter().map(|output| OutputOutcome {
        to: output.to.clone(),
        rows: output.rows,
        written: output.parts.len(),
        unchanged: output.unchanged,
        removed: output.removed,
        restored: output.restored,
        table: None,
    });
    Ok(Outcome {
        offsets: vec![],
        account: done.account,
        watermarks: manifest.and_then(|manifest| manifest.watermarks),
        inputs,
        outputs: outputs.collect(),
        rejects: None,
        lookups: None,
        spilled: false,
        published: done.published,
        strangers: done.strangers,
        left_out: vec![],
        twice: 0,
        without_items: 0,
        all_again: done.all_again,
    })
}

/// The plan of the job over all files that count after the backfill. Those that are gone are known by the
/// columns that they had; columns keep the order that they have in place, and new ones come after them.
fn planned(spec: &JobSpec, overrides: &Overrides, in_place: &InPlace, given: &Given) -> Result<Plan> {
    let there = given.left().map(|entry| entry.at.clone()).filter(|path| spec.inputs().has(path));
    let files: Vec<PathBuf> = there.collect();
    let columns = || in_place.before().source.iter();
    let types = match files.len() == given.left().count() {
        true => vec![],
        false => columns().filter_map(|column| Some((column.name.clone(), column.ty()?))).collect(),
    };
    if files.is_empty() {
        let error = Error::job("no file of the source is left on the disk, so its columns cannot be told");
        return Err(error.hint("give one of them back, or remove the outputs"));
    }
    let order = columns().map(|column| column.name.clone()).collect();
    let source = Some(SourceFiles { files, types, order });
    job::plan_job(spec, &Overrides { source, ..overrides.clone() })
}
