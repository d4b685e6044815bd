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
mod all_again;
mod changes;
mod combine;
mod corrected;
mod correction;
mod delta;
mod edited;
mod gather;
mod given;
mod gone;
mod group_output;
mod history;
mod log;
mod methods;
mod outcome;
mod part_rows;
mod partition;
mod parts;
mod rejects;
mod reread;
mod splice;
mod stage;
mod standing;
mod states;
#[cfg(test)]
mod testing;
mod touched;

use crate::clock::Stopwatch;
use crate::deliver::server_tables;
use crate::deliver::server_tables::Extent;
use crate::deliver::{keep_stamps, places, recall_stamps, tables, target};
use crate::engine::{Pass, Progress, RunOptions, SpentWork, TimedStage};
use crate::error::{Error, Result};
use crate::input::InputReport;
use crate::job;
use crate::job::{JobSpec, Overrides, SourceFiles};
use crate::plan::{OutputId, Plan};
use crate::process::pool;
use crate::sink::{Target, Transaction};
use correction::{Correction, StagedCorrection};
use given::{BackfillInput, FileRole, InPlace};
use hashbrown::HashMap;
use history::History;
pub(crate) use history::nothing_gone;
pub use outcome::{
    BackfillOutcome, BackfillRequest, Corrected, GivenFile, GivenKind, HistoryRead, Method, RowChange,
    ValueChange, Volume,
};
pub use part_rows::{WindowColumns, in_order};
pub use parts::PartReader;
pub(crate) use standing::standing;
use std::path::PathBuf;

/// Corrects the outputs of a job. `machine` says how a plan may use the machine.
///
/// # Errors
/// The job was never run, or files of history are gone that are needed (job errors); bad data; a machine that
/// fails. The outputs are then as before.
pub fn backfill(
    spec: &JobSpec,
    overrides: &Overrides,
    request: &BackfillRequest,
    machine: &dyn Fn(&Plan) -> RunOptions,
    progress: &dyn Progress,
) -> Result<BackfillOutcome> {
    recall_stamps(spec);
    match correct(spec, overrides, request, machine, progress)? {
        Corrections::Made(outcome) => {
            if !request.plan_only {
                keep_stamps(spec, spec.inputs().told().filter(|_| !outcome.applied));
            }
            Ok(*outcome)
        }
        Corrections::LeftToRun(why) => Err(Error::job(why).hint("run the job again")),
    }
}

/// What came of a correction.
pub(crate) enum Corrections {
    /// It was made.
    Made(Box<BackfillOutcome>),
    /// A run over the source makes it, and why.
    LeftToRun(String),
}

/// Corrects the outputs, or says why that is left to a run.
///
/// # Errors
/// As [`backfill`].
pub(crate) fn correct(
    spec: &JobSpec,
    overrides: &Overrides,
    request: &BackfillRequest,
    machine: &dyn Fn(&Plan) -> RunOptions,
    progress: &dyn Progress,
) -> Result<Corrections> {
    // Outputs are locked and brought to one state before anything is read of them.
    let targets: Vec<Target> = job::destinations(spec).iter().filter_map(target).collect();
    let mut transaction = Transaction::begin_of(&targets, &job::named(spec))?;
    let mut in_place = InPlace::new(&transaction, &targets)?;
    // A run may bring outputs of different states together; a backfill needs one state to correct.
    if let (Some(error), false) = (&in_place.apart, request.of_run) {
        return Err(error.clone());
    }
    let mut given = BackfillInput::new(spec, request, &in_place)?;
    let mut plan = planned(spec, overrides, &in_place, &given)?;
    if plan.pipeline.steps_are_streamed() && plan.deliveries.late.is_some() {
        // The late output is written with the others then. Which outputs there are was known only from the plan, so the
        // locks are taken anew, and what was seen without that of the late output is looked at again.
        drop(transaction);
        transaction = Transaction::begin_of(&places(&plan), &job::named(spec))?;
        in_place = InPlace::new(&transaction, &targets)?;
        if let (Some(error), false) = (&in_place.apart, request.of_run) {
            return Err(error.clone());
        }
        given = BackfillInput::new(spec, request, &in_place)?;
        plan = planned(spec, overrides, &in_place, &given)?;
    }
    plan.notes.extend(given.notes.iter().cloned());
    let gone = given.gone(&plan.inputs);
    let options = machine(&plan);
    let numbered = plan.deliveries.with_ids().filter_map(|(id, output)| Some((id, target(&output.to)?)));
    let targets: Vec<(OutputId, Target)> = numbered.collect();
    let altered = match request.of_run {
        true => pool(options.threads)?.install(|| in_place.altered(&targets))?,
        false => None,
    };
    let reason = in_place.apart.as_ref().map(|error| error.message().to_string());
    let reason = reason.or_else(|| edited::reason(&plan, &targets, &in_place));
    let reason =
        reason.or_else(|| Some(format!("{} was changed since it was written", altered.as_ref()?.display())));
    let edited = match reason {
        None if request.of_run => edited::late(&plan)?.or_else(|| methods::closes(&plan, &given)),
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
        outputs
            .map(|((index, _), manifest)| Corrected::untouched(&plan.deliveries.outputs[*index], manifest))
            .collect()
    };
    tables::describe(&plan, &transaction)?;
    if !request.plan_only {
        server_tables::check(&plan)?;
    }
    let mut strangers = vec![];
    if request.of_run {
        for output in 0..targets.len() {
            strangers.extend(transaction.strangers(output)?);
        }
    }
    // A backfill of files that were counted is no run: what was edited waits for one.
    if given.changes_nothing() && (edited.is_none() || !request.of_run) {
        let ((account, of_complete), outputs) = (account::accounts(&plan, &targets, &in_place), untouched());
        let restated = edited::restated(&plan, &targets, &in_place);
        let restated = restated.filter(|_| edited.is_none() && !request.plan_only);
        if restated.is_some() {
            (0..targets.len()).try_for_each(|number| in_place.keep(&transaction, number))?;
        }
        let published = match (request.of_run, restated) {
            (true, drafts) => {
                server_tables::open(&plan, &transaction, Extent::InPlace)?.commit(transaction, drafts)?.1
            }
            (false, Some(drafts)) => transaction.commit(drafts).map(|_| vec![])?,
            (false, None) => vec![],
        };
        let unchanged = BackfillOutcome::unchanged(plan, given.files, account, outputs);
        return Ok(Corrections::Made(Box::new(BackfillOutcome {
            of_complete,
            published,
            strangers,
            gone,
            ..unchanged
        })));
    }
    given.can_tell_rows(&plan)?;
    let all_again = methods::all_again(&plan, &given, edited.as_deref())?;
    // Whatever is given counts, however late it came; not where steps go by arrival, as a late event does in the job.
    let mut plan = if plan.pipeline.steps_are_streamed() { plan } else { plan.counting_all() };
    let archives = history::own_archives(&plan, &targets, &in_place);
    let history = History::choose(&plan, &in_place, &archives, request.from_archive.as_deref(), &given)?;
    let done = pool(options.threads)?.install(|| {
        let pass = Pass { plan: &plan, options: &options, progress };
        let (transaction, targets, in_place) = (&transaction, &targets[..], &in_place);
        let (given, history, shown) = (&given, &history, request.shown);
        let narrow =
            Correction { pass, transaction, targets, in_place, given, history, archives: &archives, shown };
        match (&all_again, request.plan_only) {
            (None, true) => narrow.plan(),
            (None, false) => narrow.stage(),
            (Some(_), true) => narrow.plan_all_again(),
            (Some(_), false) => narrow.stage_all_again(),
        }
    })?;
    let StagedCorrection {
        drafts,
        mut outputs,
        account,
        of_complete,
        mut late,
        history,
        rejects,
        records,
        notes,
    } = done;
    plan.notes.extend(notes);
    let mut published = vec![];
    if !request.plan_only {
        rejects.map_or(Ok(()), |rejects| rejects.put_beside(&mut transaction))?;
        let extent = if request.of_run { Extent::All } else { Extent::Changed };
        let mut watch = Stopwatch::of_process();
        let report;
        (report, published) =
            server_tables::open(&plan, &transaction, extent)?.commit(transaction, Some(drafts))?;
        let (reports, of_late) = report.outputs.split_at(outputs.len());
        for (output, report) in outputs.iter_mut().zip(reports) {
            output.restored = report.restored;
        }
        for (late, report) in late.iter_mut().zip(of_late) {
            (late.written, late.unchanged) = (report.written.len(), report.unchanged);
        }
        progress.worked(TimedStage::Commit, SpentWork { rows: 0, bytes: 0, lap: watch.lap() });
    }
    let mut files = given.files;
    // A later entry of the map replaces an earlier one: reversed, the first report of a path wins.
    let records: HashMap<String, u64> = records.into_iter().rev().collect();
    for file in &mut files {
        file.records = records.get(&file.path.display().to_string()).copied().unwrap_or(0);
    }
    Ok(Corrections::Made(Box::new(BackfillOutcome {
        all_again,
        of_complete,
        late,
        history,
        applied: !request.plan_only,
        published,
        strangers,
        gone,
        ..BackfillOutcome::unchanged(plan, files, account, outputs)
    })))
}

/// What a backfill that recomputes everything has to know.
pub(crate) struct FilesAfter {
    /// With the files that count after it.
    pub overrides: Overrides,
    /// The files that were given, and what they are.
    pub files: Vec<GivenFile>,
    /// Whether any of them changes what counts.
    pub changes: bool,
    given: BackfillInput,
}

impl FilesAfter {
    /// The given files, where each is a new one of the source or was counted before.
    pub fn new_files(&self) -> Option<Vec<PathBuf>> {
        let added = |file: &GivenFile| matches!(file.kind, GivenKind::New | GivenKind::Known(_));
        let all = self.files.iter().all(added);
        let new = || self.given.with(FileRole::New).map(|(_, entry)| entry.at.clone()).collect();
        (all && self.given.with(FileRole::Retracted).next().is_none()).then(new)
    }

    /// Fails where a file that was counted is not what it was, by what was read now.
    ///
    /// # Errors
    /// A data error that names it.
    pub fn are_as_counted(&self, read: &[InputReport]) -> Result<()> {
        self.given.are_as_counted(read.iter())
    }
}

/// The files that count after a backfill of the outputs in `transaction`, for one that recomputes everything from them.
///
/// # Errors
/// As [`backfill`]; late events are given, or a file that was counted is gone.
pub(crate) fn files_after(
    spec: &JobSpec,
    overrides: &Overrides,
    request: &BackfillRequest,
    transaction: &Transaction,
    targets: &[Target],
) -> Result<FilesAfter> {
    let in_place = InPlace::new(transaction, targets)?;
    if let Some(error) = &in_place.apart {
        return Err(error.clone());
    }
    let mut given = BackfillInput::new(spec, request, &in_place)?;
    if given.late.is_some() {
        return Err(Error::job(
            "late events of the job are counted in streamed outputs alone, which an engine does not give",
        )
        .hint("run the backfill without --on"));
    }
    if let Some(gone) = given.left().find(|entry| !spec.inputs().has(&entry.at)) {
        return Err(Error::job(format!(
            "{} was counted and is gone, so an engine cannot read it",
            gone.path
        ))
        .hint("restore it; or run the backfill without --on, which can read history from an archive"));
    }
    let overrides = over_all(spec, overrides, &in_place, &given)?;
    let changes = !given.changes_nothing();
    Ok(FilesAfter { overrides, files: std::mem::take(&mut given.files), changes, given })
}

/// The plan of the job over all files that count after the backfill.
fn planned(spec: &JobSpec, overrides: &Overrides, in_place: &InPlace, given: &BackfillInput) -> Result<Plan> {
    job::plan_job(spec, &over_all(spec, overrides, in_place, given)?)
}

/// `overrides` with the files that count after the backfill. Those that are gone are known by the columns that they
/// had; columns keep the order that they have in place, and new ones come after them.
fn over_all(
    spec: &JobSpec,
    overrides: &Overrides,
    in_place: &InPlace,
    given: &BackfillInput,
) -> Result<Overrides> {
    let there = given.left().map(|entry| entry.at.clone()).filter(|path| spec.inputs().has(path));
    let files: Vec<PathBuf> = there.collect();
    let columns = || in_place.before().source.iter();
    let types = match files.len() == given.left().count() {
        // With all files there the types are inferred as in a run.
        true => vec![],
        // Types that were inferred from files which are gone stand in the manifest alone.
        false => columns().filter_map(|column| Some((column.name.clone(), column.ty()?))).collect(),
    };
    if files.is_empty() {
        let error = Error::job("no file of the source is left on the disk, so its columns are not known");
        return Err(error.hint("restore one of them, or remove the outputs"));
    }
    let order = columns().map(|column| column.name.clone()).collect();
    let source = Some(SourceFiles { files, types, order });
    Ok(Overrides { source, ..overrides.clone() })
}
