//! `run --on`: another engine computes the outputs of a job, and they are committed as those of a run.
//!
//! # Contract
//! * **Refused or right.** What the engine cannot say exactly is refused by name before anything is read.
//! * **Rows.** The rows of each output come in its order, as Arrow, and the sink of a run writes them. So parts and
//!   partitions are those of a run, and where the rows are the same, so are the bytes.
//! * **Checked.** One pass over the same files here gives their hashes, counts their records, and computes a sample of
//!   the groups (all rows, where that is asked for or nothing smaller can be chosen). The engine's account and the rows
//!   of the sample have to be the same, or nothing is committed.
//! * **Commit.** By the transaction of a run: locks first, journal last. A reader sees the old outputs or the new ones,
//!   and a run that is killed leaves nothing.

mod again;
mod refused;
mod replay;
mod request;
mod rows;
mod sample;
mod stamps;

use crate::backfill::{self, BackfillRequest, FilesAfter, GivenFile};
use crate::deliver::{self, Outcome, OutputOutcome, Staged, server_tables, target};
use crate::engine::Pass;
use crate::error::{Error, Result};
use crate::input::InputReport;
use crate::job;
use crate::plan::Plan;
use crate::process::pool;
use crate::run;
use crate::sink::{Account, Target, Transaction, Watermarks};
use crate::sql;
use crate::time::{FirstAndLast, TimeRange};
use crate::verify::on_engine::{self, EngineTables};
use again::AgainStretch;
use arrow_array::Array;
use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use replay::Replay;
use sample::Sampler;
use stamps::Stamps;

pub use request::{CheckExtent, CheckedOutput, EngineRequest};

/// What a run on an engine did.
#[derive(Debug)]
pub struct EngineOutcome {
    /// As of a run.
    pub outcome: Outcome,
    /// The engine's name.
    pub engine: String,
    /// What was checked, by output.
    pub checked: Vec<CheckedOutput>,
    /// Of a backfill the stretch of event time that was computed again, where that is not all of it.
    pub stretch: Option<TimeRange>,
}

/// Computes the outputs of `plan` on an engine, and commits them together. The plan is that of the job, with absolute paths.
///
/// # Errors
/// What the engine cannot do, by name; the engine refuses a statement or does not answer; its result is not that of a
/// replay; and those of [`crate::run::run`]. The outputs are then as before.
pub fn run_on(plan: &Plan, request: &EngineRequest) -> Result<EngineOutcome> {
    let dialect = on_engine::dialect(request.engine)?;
    refused::refuse(plan, dialect)?;
    let targets = deliver::places(plan);
    // The outputs are locked before hours of work, not after.
    let transaction = Transaction::begin_of(&targets, &plan.deliveries.named)?;
    run_in(transaction, plan, request, &|_| Ok(()))
}

/// Adds files to the outputs in place, or takes them out: the engine computes the partitions that new files touch, where
/// these can be told from the files (`again`), else the outputs over all files that count then; and the parts that are not
/// as they were are replaced. Gives the plan over these files too; no outcome where nothing changes.
///
/// # Errors
/// As [`run_on`]; as a backfill here, of the files.
pub fn backfill_on(
    given: &BackfillRequest,
    request: &EngineRequest,
) -> Result<(Plan, Vec<GivenFile>, Option<EngineOutcome>)> {
    let EngineRequest { spec, overrides, .. } = *request;
    let dialect = on_engine::dialect(request.engine)?;
    let targets: Vec<Target> = job::destinations(spec).iter().filter_map(target).collect();
    let transaction = Transaction::begin_of(&targets, &job::named(spec))?;
    let mut after = backfill::files_after(spec, overrides, given, &transaction, &targets)?;
    let plan = job::plan_job(spec, &after.overrides)?.with_absolute_paths();
    refused::refuse(&plan, dialect)?;
    refused::refuse_streamed(&plan)?;
    if !after.changes {
        return Ok((plan, after.files, None));
    }
    let request = EngineRequest { overrides: &after.overrides, ..*request };
    let outcome =
        pool(request.options.threads)?.install(|| backfill_in(transaction, &plan, &request, &after))?;
    Ok((plan, std::mem::take(&mut after.files), Some(outcome)))
}

fn backfill_in(
    transaction: Transaction,
    plan: &Plan,
    request: &EngineRequest,
    after: &FilesAfter,
) -> Result<EngineOutcome> {
    let right: &RightFiles = &|read| after.are_as_counted(read);
    let Some(again) = AgainStretch::of(plan, after, &transaction, request)? else {
        return run_in(transaction, plan, request, right);
    };
    let part = job::plan_job(request.spec, request.overrides)?.with_absolute_paths().within(again.range);
    computed(transaction, (plan, &part), request, right, Some(&again))
}

/// Fails where files that were read are not the right ones.
type RightFiles<'a> = dyn Fn(&[InputReport]) -> Result<()> + Sync + 'a;

/// Computes the outputs on the engine, checks and commits them.
fn run_in(
    transaction: Transaction,
    plan: &Plan,
    request: &EngineRequest,
    right: &RightFiles,
) -> Result<EngineOutcome> {
    computed(transaction, (plan, plan), request, right, None)
}

/// The same of `part`, which is `plan` or, where a stretch is computed `again`, that stretch of it.
fn computed(
    transaction: Transaction,
    (plan, part): (&Plan, &Plan),
    request: &EngineRequest,
    right: &RightFiles,
    again: Option<&AgainStretch>,
) -> Result<EngineOutcome> {
    deliver::tables::describe(plan, &transaction)?;
    server_tables::check(plan)?;
    pool(request.options.threads)?.install(|| {
        let stamps = Stamps::of(plan);
        let mut computed = ComputedOutputs::of(part, request, &transaction)?;
        if let Some(again) = again {
            again.keep(&transaction, &mut computed.outputs)?;
        }
        let (staged, checked) = computed.checked((plan, part), request, &transaction, again)?;
        right(&staged.outcome.inputs)?;
        stamps.check()?;
        request.progress.writing();
        let outcome = staged.commit(plan, transaction)?;
        let stretch = again.map(|again| again.range);
        Ok(EngineOutcome { outcome, engine: request.engine.name.clone(), checked, stretch })
    })
}

/// What an engine has computed, staged.
struct ComputedOutputs {
    outputs: Vec<OutputOutcome>,
    account: Account,
    times: Option<FirstAndLast>,
    samplers: Vec<Sampler>,
}

impl ComputedOutputs {
    fn of(plan: &Plan, request: &EngineRequest, transaction: &Transaction) -> Result<ComputedOutputs> {
        let EngineRequest { engine, options, progress, .. } = *request;
        let mut tables = EngineTables::open(plan, engine, options)?;
        let pass = Pass { plan, options, progress };
        let (mut outputs, mut samplers) = (vec![], vec![]);
        for id in plan.deliveries.ids() {
            let mut sampler = Sampler::of(plan, id, request.check, options)?;
            outputs.push(rows::write(&pass, id, transaction, &mut tables, &mut sampler)?);
            samplers.push(sampler);
        }
        let (account, times) = counted(plan, &mut tables)?;
        Ok(ComputedOutputs { outputs, account, times, samplers })
    }

    /// Holds the result to a replay here; gives what is to be committed.
    fn checked(
        self,
        (plan, part): (&Plan, &Plan),
        request: &EngineRequest,
        transaction: &Transaction,
        again: Option<&AgainStretch>,
    ) -> Result<(Staged, Vec<CheckedOutput>)> {
        let repeated = job::plan_job(request.spec, request.overrides)?;
        let repeated = if again.is_some() { repeated.within(part.pipeline.range) } else { repeated };
        let replay = Replay::run(repeated, &self.samplers, request)?;
        let mut account = replay.account(&self.account, &request.engine.name)?;
        let checked = replay.compare(part, self.samplers, request)?;
        let mut watermarks = self.times.map(|times| Watermarks {
            min_event_time: times.first,
            max_event_time: times.last,
            watermark: replay.outcome.watermarks.and_then(|watermarks| watermarks.watermark),
        });
        if let Some(again) = again {
            (account, watermarks) = (again.account, again.watermarks);
        }
        let drafts = deliver::drafts(plan, replay.inputs.clone(), account, watermarks, &None);
        let mut outcome = Outcome { account, watermarks, outputs: self.outputs, ..replay.outcome };
        outcome.left_out = run::left_out(transaction, &outcome.inputs);
        let targets = deliver::targets(plan).count();
        for output in 0..targets {
            outcome.strangers.extend(transaction.strangers(output)?);
        }
        let none_rejected = plan.deliveries.named.beside.clone();
        Ok((Staged { outcome, drafts, rejects: vec![], none_rejected }, checked))
    }
}

/// The engine's account, and the first and last event time that counts.
fn counted(plan: &Plan, tables: &mut EngineTables) -> Result<(Account, Option<FirstAndLast>)> {
    let account = sql::account(plan, tables.dialect())?;
    let mut row: Vec<Option<i64>> = vec![];
    for batch in tables.rows(&account.script)? {
        let batch = crate::adbc::natural(&batch?)?;
        for column in batch.columns().iter().filter(|column| !column.is_empty()) {
            let value = column.as_primitive_opt::<Int64Type>();
            row.push(value.and_then(|value| value.is_valid(0).then(|| value.value(0))));
        }
    }
    if row.len() != account.columns() {
        return Err(Error::data("the engine's account does not have one row of counts"));
    }
    Ok(account.read(&row))
}
