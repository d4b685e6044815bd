//! Plan → outcome: the one place where all stages meet.
//!
//! ```text
//! files → chunks → batches → steps → windows → outputs
//!          input    front    worker   group     sink
//!                                     rows
//! ```
//! Where an output is streamed, batches pass the front of event time in arrival order on their way to the
//! steps, so that every row knows what the watermark was before it; what is late goes to the late output.
//! An [`audit()`] is the same run without outputs, with late events kept apart by class; [`inspect()`] is one
//! that ends at an instant, and shows what it holds.
//!
//! # Contract
//! * Every worker takes chunks as they come, runs the steps on them, and folds them into partial
//!   groups and row stores of its own. Merging is exact, so neither the number of workers nor the
//!   size of chunks shows in a result.
//! * `read = rejected + filtered + duplicate + late + counted`, or the run is an error.
//! * Outputs are staged, and committed together at the end.

mod arrivals;
mod audit;
mod backfill;
mod budget;
mod events;
mod fold;
mod front;
mod groups;
mod inspect;
mod intake;
mod kept;
mod late;
mod machine;
mod offsets;
mod partitioned;
mod publish;
mod replay;
mod shape;
mod stages;
mod steps;
mod tables;
mod times;
mod trace;
mod turnstile;
mod why;
mod worker;

pub use audit::{
    AuditReport, ColumnError, Completeness, DelayAudit, Future, Jump, OutputAudit, PartitionAudit, Profile,
    audit,
};
pub use backfill::{
    BackfillOutcome, Change, Corrected, GivenFile, GivenKind, HistoryRead, Method, PartReader, Request,
    RowChange, Volume, backfill, catch_up,
};
pub use budget::estimate;
pub use inspect::{Section, State, StateKind, inspect};
pub use late::schema as late_schema;
pub use machine::MachineMemory;
pub use offsets::PartitionOffsets;
pub use publish::Published;
pub use times::{Stage, StageTime, StageTimes, Work};
pub use trace::{GroupOf, Traced, TracedRow, trace};
pub use why::{Cause, Fate, LeftOut, RowAsked, RowExplained, explain_row};

use crate::asof::AsOfTable;
use crate::batch::Position;
use crate::clock::Stopwatch;
use crate::error::{Error, Result};
use crate::group::{GroupTable, Lateness, Merged, SpillSpace};
use crate::input::{BadRecord, InputReport, Reject, Rejects, Scan, ScanReport};
use crate::lookup::{LookupReport, Services};
use crate::plan::{Grouping, LatePlan, OutputKind, OutputPlan, OutputTo, Plan};
use crate::process::pool;
use crate::rows::RowStore;
use crate::sink::{
    Account, CommitReport, Identity, InputEntry, JobInfo, ManifestDraft, OutputInfo, RejectsWriter,
    SourceColumn, Target, Transaction, Watermarks, fields,
};
use crate::time::Duration::Length;
use arrivals::{Arrivals, Need};
use audit::Observed;
use front::Front;
use hashbrown::HashSet;
use inspect::HeldKeys;
use intake::Intake;
use late::{Late, LateStore};
use offsets::Offsets;
use publish::Extent;
use replay::SessionStore;
use serde::Serialize;
use stages::Verdicts;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use steps::Sources;
use tables::Tables;
use worker::{Scope, Shared, Tally, Worker};

/// How a run uses the machine. None of it shows in a result.
#[derive(Debug, Clone)]
pub struct RunOptions {
    /// Worker threads.
    pub threads: usize,
    /// The memory budget for partial results, in bytes; past it they go to `spill_folder`.
    pub memory: u64,
    /// Where partial results are spilled.
    pub spill_folder: PathBuf,
    /// How many rows a table on the terminal shows.
    pub table_rows: usize,
    /// Whether services are asked again for what they answered in a run before.
    pub refresh_lookups: bool,
}

/// Hears how far a run is.
pub trait Progress: Sync {
    /// The input is being read: `done` of `total` bytes on disk.
    fn reading(&self, done: u64, total: u64);
    /// The input is read and the outputs are being written.
    fn writing(&self);
    /// A piece of work of a stage is done. Called by many threads, by the chunk.
    fn worked(&self, _stage: Stage, _work: Work) {}
}

/// What a run did.
#[derive(Debug)]
pub struct Outcome {
    /// Where every record went.
    pub account: Account,
    /// The first and last event time counted.
    pub watermarks: Option<Watermarks>,
    /// The files that were read.
    pub inputs: Vec<InputReport>,
    /// The outputs, in the job's order.
    pub outputs: Vec<OutputOutcome>,
    /// Where rejected records were written, and how many.
    pub rejects: Option<(PathBuf, u64)>,
    /// What services were asked, if any is.
    pub lookups: Option<LookupReport>,
    /// Whether partial results went to disk.
    pub spilled: bool,
    /// What became of the tables of servers, in the order of the outputs.
    pub published: Vec<Published>,
    /// Files that the outputs had counted, and that are no files of the source by now: a backfill gave them,
    /// or they are gone. Their events are no longer in the outputs.
    pub left_out: Vec<String>,
    /// Records of the source whose event time is a local one that exists twice: clocks were put back.
    pub twice: u64,
    /// Records of the source without an item in the list that is unnested.
    pub without_items: u64,
    /// Why all was computed again that lay in place, where that is worth a word.
    pub all_again: Option<String>,
    /// Files in the folders of outputs that Highwater did not write: what reads such a folder reads them too.
    pub strangers: Vec<PathBuf>,
    /// Of a log that tells offsets, those of each partition; empty where not all of it was read.
    pub offsets: Vec<PartitionOffsets>,
}

/// What became of one output.
#[derive(Debug, Serialize)]
pub struct OutputOutcome {
    /// Where it went.
    #[serde(rename = "path")]
    pub to: OutputTo,
    /// Its rows.
    pub rows: u64,
    /// Parts written, left as they were, and removed; zeros for the terminal.
    pub written: usize,
    /// Parts that had the same content already.
    pub unchanged: usize,
    /// Parts of an earlier run that are no longer.
    pub removed: usize,
    /// Parts among those written, and parts of the state, that were in place before and are written again: their
    /// files were gone, or had been changed from outside.
    #[serde(skip_serializing_if = "fields::is_zero")]
    pub restored: usize,
    /// The table, for the terminal.
    #[serde(skip)]
    pub table: Option<String>,
}

/// Runs `plan`.
///
/// # Errors
/// Bad data, a machine that fails, an output that cannot be written; the outputs are then as before.
pub fn run(plan: &Plan, options: &RunOptions, progress: &dyn Progress) -> Result<Outcome> {
    let targets = places(plan);
    // The outputs are locked before hours of work, not after.
    let transaction = Transaction::begin_of(&targets, &plan.named)?;
    publish::check(plan)?;
    let rejects = plan.rejects.as_deref().map(RejectsWriter::create).transpose()?;
    pool(options.threads)?.install(|| {
        let run = Run { plan, options, progress };
        let mut staged = run.stage(&transaction, rejects)?;
        staged.outcome.left_out = left_out(&transaction, &staged.outcome.inputs);
        for output in 0..targets.len() {
            staged.outcome.strangers.extend(transaction.strangers(output)?);
        }
        let mut watch = Stopwatch::of_process();
        let outcome = staged.commit(plan, transaction)?;
        progress.worked(Stage::Commit, Work { rows: 0, bytes: 0, lap: watch.lap() });
        Ok(outcome)
    })
}

/// The files of the source that the outputs in place have counted and that were not read now.
fn left_out(transaction: &Transaction, read: &[InputReport]) -> Vec<String> {
    let before = transaction.manifest(0).map_or(&[][..], |manifest| &manifest.inputs);
    let hashes: HashSet<&str> = read.iter().map(|now| now.hash.as_str()).collect();
    let paths: HashSet<&Path> = read.iter().map(|now| now.path.as_path()).collect();
    let is_read =
        |input: &&InputEntry| hashes.contains(input.hash.as_str()) || paths.contains(Path::new(&input.path));
    let gone = before.iter().filter(|input| input.table.is_none() && input.records > 0 && !is_read(input));
    gone.map(|input| input.path.clone()).collect()
}

/// Brings the outputs of `plan` to the state before or after a commit that a dead run left: for commands that
/// only read, as `run` does so itself.
///
/// # Errors
/// As of [`crate::sink::recover`].
pub fn recover(plan: &Plan) -> Result<()> {
    crate::sink::recover(&places(plan), &plan.named)
}

/// The places that a run of `plan` writes to: the outputs that are files, then the late output.
fn places(plan: &Plan) -> Vec<Target> {
    let outputs = plan.outputs.iter().filter_map(|output| target(&output.to));
    outputs.chain(plan.late.as_ref().map(|late| Target::file(&late.path))).collect()
}

/// The outputs that are files, in the order of the transaction's targets.
fn targets(plan: &Plan) -> impl Iterator<Item = &OutputPlan> {
    plan.outputs.iter().filter(|o| target(&o.to).is_some())
}

fn target(to: &OutputTo) -> Option<Target> {
    match to {
        OutputTo::Folder(path) => Some(Target::folder(path)),
        OutputTo::File(path) => Some(Target::file(path)),
        OutputTo::Terminal => None,
    }
}

/// The first and the last event time of some rows.
type FirstAndLast = (i64, i64);

/// What reading gave for the outputs of a plan.
struct Results<'a> {
    groups: Vec<(Vec<GroupTable>, SpillSpace)>,
    /// Of outputs of events, in the plan's order.
    rows: Vec<Vec<RowStore>>,
    /// Of archives, in the plan's order.
    archives: Vec<Vec<RowStore>>,
    /// The paths of the source's files by ordinal, as archives name them.
    files: &'a [String],
}

struct Run<'a> {
    plan: &'a Plan,
    options: &'a RunOptions,
    progress: &'a dyn Progress,
}

/// Ends the progress line also where the work ends in a panic: the scope waits for its thread.
struct EndsLine<'a>(&'a AtomicBool, Option<&'a std::thread::Thread>);

impl Drop for EndsLine<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
        if let Some(thread) = self.1 {
            thread.unpark();
        }
    }
}

/// What reading gives: partial groups per grouping, rows per output of events.
struct Read {
    /// Of each intake.
    reports: Vec<ScanReport>,
    tally: Tally,
    groups: Vec<(Vec<GroupTable>, SpillSpace)>,
    rows: Vec<Vec<RowStore>>,
    /// The rows of archives.
    archives: Vec<Vec<RowStore>>,
    /// Which of those rows come again, and flags of them, where that was not known before.
    verdicts: Option<Verdicts>,
    /// The keys that steps hold, where they are asked for.
    held: Vec<HeldKeys>,
    late: Vec<LateStore>,
    /// Of the rows in `late` those that are late in the end, where only a replay could tell.
    late_only: Option<Late>,
    /// The front of event time at the end of the log, if the plan has a watermark.
    front: Option<Front>,
    /// Of an audit: the rows of each grouping of sessions, and what the workers noted.
    sessions: Vec<Vec<SessionStore>>,
    observed: Option<Observed>,
    /// The offsets of a log that tells them.
    offsets: Option<Offsets>,
    spilled: bool,
}

impl Read {
    /// The files that were read, intake by intake.
    fn inputs(&mut self) -> Vec<InputReport> {
        self.reports.iter_mut().flat_map(|report| std::mem::take(&mut report.inputs)).collect()
    }
}

/// A run whose outputs are staged, and what is left to do.
struct Staged {
    outcome: Outcome,
    drafts: Vec<ManifestDraft>,
    /// The files of rejects, which are put in place by the same commit.
    rejects: Vec<RejectsWriter>,
    /// Where rejects would lie of which there are none.
    none_rejected: Vec<PathBuf>,
}

impl Staged {
    /// Commits the outputs, and what was rejected.
    fn commit(mut self, plan: &Plan, mut transaction: Transaction) -> Result<Outcome> {
        self.none_rejected.iter().for_each(|path| transaction.take_away(path));
        self.rejects.into_iter().try_for_each(|rejects| transaction.put_beside(rejects))?;
        let tables = publish::open(plan, &transaction, Extent::All)?;
        let (report, published) = tables.commit(transaction, Some(self.drafts))?;
        self.outcome.published = published;
        fill_in(&mut self.outcome.outputs, &report);
        Ok(self.outcome)
    }
}

impl Run<'_> {
    /// Reads the source, and stages all outputs.
    fn stage(&self, transaction: &Transaction, rejects: Option<RejectsWriter>) -> Result<Staged> {
        let streamed = self.plan.groupings.iter().any(|g| g.plan.lateness.is_some());
        let mut tables = tables::read(self)?;
        let sources = self.sources(std::mem::take(&mut tables.tables))?;
        let mut read = self.read(if streamed { Need::Lateness } else { Need::Nothing }, &sources)?;
        let lookups = sources.services.map(Services::finish).transpose()?;
        drop(sources.tables);
        if read.spilled {
            machine::give_back();
        }
        self.progress.writing();
        let account = read.tally.account();
        balances(&account)?;
        let mut inputs = read.inputs();
        let whole = inputs.len() == self.plan.read.files.len() && inputs.iter().all(|i| i.skipped == 0);
        let offsets = read.offsets.take().filter(|_| whole).map_or(vec![], Offsets::report);
        let source = read.reports.pop().expect("a report of the source");
        let (found, twice, without_items) = (source.rejects, source.twice, source.without_items);
        let rejected = rejects_at(self.plan.rejects.as_deref(), &found);
        let rejects = write_rejects(found, rejects)?;
        let files: Vec<String> = self.plan.read.files.iter().map(|f| f.path.display().to_string()).collect();
        let mut watch = Stopwatch::of_process();
        let (mut outputs, written) = self.write(
            transaction,
            Results { groups: read.groups, rows: read.rows, archives: read.archives, files: &files },
            read.verdicts.as_ref(),
        )?;
        let late = self.plan.late.as_ref();
        let late = late.map(|late| {
            let target = targets(self.plan).count();
            late::write(self, late, target, transaction, read.late, read.late_only.as_ref())
        });
        outputs.extend(late.transpose()?);
        let rows = outputs.iter().map(|output| output.rows).sum();
        let work = Work { rows, bytes: transaction.bytes_staged(), lap: watch.lap() };
        self.progress.worked(Stage::Write, work);
        let reached = read.front.map(|front| front.reached()).filter(|reached| *reached != i64::MIN);
        let delay = self.plan.watermark.out_of_orderness;
        let mut tally = read.tally;
        tally.see(written);
        let watermarks = tally
            .watermarks()
            .map(|w| Watermarks { watermark: reached.map(|reached| reached.saturating_sub(delay)), ..w });
        let drafts = self.drafts(input_entries(&inputs, &tables), account, watermarks, &rejected);
        inputs.extend(tables.inputs.into_iter().map(|(_, input)| input));
        let own = rejects.filter(|_| rejected.is_some());
        let of_tables = tables.rejects.into_iter().filter(|(_, rejected)| rejected.is_some());
        let rejects: Vec<RejectsWriter> =
            own.into_iter().chain(of_tables.map(|(writer, _)| writer)).collect();
        let all = self.plan.named.beside.iter();
        let is_written = |path: &&PathBuf| rejects.iter().any(|rejects| rejects.path() == path.as_path());
        let none_rejected = all.filter(|path| !is_written(path)).cloned().collect();
        let spilled = read.spilled || tables.spilled;
        let (published, left_out) = (vec![], vec![]);
        let outcome = Outcome {
            account,
            watermarks,
            inputs,
            outputs,
            rejects: rejected,
            lookups,
            spilled,
            published,
            left_out,
            twice,
            without_items,
            all_again: None,
            strangers: vec![],
            offsets,
        };
        Ok(Staged { outcome, drafts, rejects, none_rejected })
    }

    /// Reads the source for all results.
    fn read(&self, need: Need, sources: &Sources) -> Result<Read> {
        self.read_all(need, sources, &[Intake::source(&self.plan.read)], &Scope::all(self.plan))
    }

    /// Reads the tables, and then the source for all results.
    fn read_tables_and_source(&self, need: Need) -> Result<Read> {
        let sources = self.sources(tables::read(self)?.tables)?;
        self.read(need, &sources)
    }

    /// Reads everything, on all threads. The first intake tells what arrivals are, where that is needed.
    ///
    /// Of a log that tells offsets it is taken that none comes twice, for then no row has to wait; where one
    /// does, everything is read once more.
    fn read_all(&self, need: Need, sources: &Sources, intakes: &[Intake], scope: &Scope) -> Result<Read> {
        if self.plan.offsets.is_some() {
            let read = self.read_once(need, sources, intakes, (scope, 1))?;
            if !read.offsets.as_ref().is_some_and(Offsets::repeat) {
                return Ok(read);
            }
        }
        self.read_once(need, sources, intakes, (scope, 0))
    }

    /// Reads everything, and passes it through the steps from number `first` on.
    fn read_once(
        &self,
        need: Need,
        sources: &Sources,
        intakes: &[Intake],
        (scope, first): (&Scope, usize),
    ) -> Result<Read> {
        let (memory, folder) = (self.options.memory, &self.options.spill_folder);
        let arrivals = Arrivals::new(self.plan, need, memory, folder)?;
        let scope = (self.plan, scope, first);
        let shared = Shared::new(scope, self.options, sources, arrivals, need, self.progress);
        let hands: Vec<Mutex<Option<Worker>>> = (0..self.options.threads).map(|_| Mutex::default()).collect();
        let mut scans = vec![];
        for intake in intakes {
            let scan = Scan::new(intake.read.clone())?;
            let done = self.watch(&scan, || {
                rayon::broadcast(|context| {
                    let mut hand = hands[context.index()].lock().unwrap_or_else(PoisonError::into_inner);
                    let worker = hand.take();
                    *hand = Some(shared.work(intake, &scan, worker)?);
                    Ok(())
                })
            });
            // The scan's first fault, by position, goes before what the workers met.
            scan.check()?;
            done.into_iter().collect::<Result<()>>()?;
            scans.push(scan);
        }
        // Without anything to read there is still somebody to say so.
        let hand = |hand: Mutex<Option<Worker>>| hand.into_inner().unwrap_or_else(PoisonError::into_inner);
        let workers = hands.into_iter().map(|one| hand(one).unwrap_or_else(|| shared.worker()));
        let mut watch = Stopwatch::of_process();
        let (mut workers, found) = shared.later_stages(workers.collect())?;
        if shared.settles() {
            self.progress.worked(Stage::Settle, Work { rows: 0, bytes: 0, lap: watch.lap() });
        }
        let refused = Shared::refused(&mut workers);
        let reports = scans.into_iter().zip(intakes).map(|(scan, intake)| {
            scan.set_aside(
                intake.of_this(&refused).map(|(position, reason)| bad_record(position, reason)).collect(),
            )?;
            scan.finish()
        });
        let reports = reports.collect::<Result<Vec<_>>>()?;
        shared.collect(reports, workers, found)
    }

    /// Shows how far `scan` is while `work` works on it.
    fn watch<T>(&self, scan: &Scan, work: impl FnOnce() -> T) -> T {
        let done = AtomicBool::new(false);
        let (mut watch, before) = (Stopwatch::of_thread(), scan.bytes_done());
        let result = std::thread::scope(|scope| {
            // The progress line has a thread of its own, so that it moves while all workers work. Where no more
            // threads may start, it stands still.
            let line = std::thread::Builder::new().name("progress".into()).spawn_scoped(scope, || {
                while !done.load(Ordering::Acquire) {
                    self.progress.reading(scan.bytes_done(), scan.bytes_total());
                    std::thread::park_timeout(Duration::from_millis(100));
                }
            });
            let ends = EndsLine(&done, line.as_ref().ok().map(|line| line.thread()));
            let result = work();
            drop(ends);
            if let Ok(line) = line {
                line.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            }
            result
        });
        self.progress.reading(scan.bytes_total(), scan.bytes_total());
        let bytes = scan.bytes_done() - before;
        self.progress.worked(Stage::Read, Work { rows: 0, bytes, lap: watch.lap() });
        result
    }

    fn sources(&self, tables: Vec<AsOfTable>) -> Result<Sources> {
        let Plan { services, answers, .. } = self.plan;
        let open = || Services::open(services, answers.as_deref(), self.options.refresh_lookups);
        let services = (!services.is_empty()).then(open).transpose()?;
        Ok(Sources { tables, services })
    }

    /// Writes all outputs. Where it was not known before which rows come again, gives the first and the
    /// last event time of those that stay.
    fn write(
        &self,
        transaction: &Transaction,
        results: Results,
        verdicts: Option<&Verdicts>,
    ) -> Result<(Vec<OutputOutcome>, Option<FirstAndLast>)> {
        let Results { groups, rows, archives, files } = results;
        let mut outcomes: Vec<Option<OutputOutcome>> = self.plan.outputs.iter().map(|_| None).collect();
        let number =
            |output: usize| self.plan.outputs[..output].iter().filter(|o| target(&o.to).is_some()).count();
        let (mut rows, mut archives) = (rows.into_iter(), archives.into_iter());
        let mut times = None;
        for (index, output) in self.plan.outputs.iter().enumerate() {
            let (stores, known) = match output.kind {
                OutputKind::Rows(_) => (rows.next(), events::Known::Verdicts(verdicts)),
                OutputKind::Archive(_) => (archives.next(), events::Known::Files(files)),
                OutputKind::Groups { .. } => continue,
            };
            let stores = stores.expect("stores for each output of events");
            let (outcome, of_rows) =
                events::write(self, index, number(index), transaction, stores, known, &|_| true)?;
            outcomes[index] = Some(outcome);
            if matches!(output.kind, OutputKind::Rows(_)) {
                times = of_rows;
            }
        }
        for (g, (tables, space)) in groups.into_iter().enumerate() {
            let grouping = &self.plan.groupings[g];
            let merged = Merged::new(Arc::new(grouping.plan.clone()), tables, space)?;
            for (index, outcome) in groups::write(self, g, merged, transaction, &number)? {
                outcomes[index] = Some(outcome);
            }
        }
        Ok((outcomes.into_iter().flatten().collect(), times))
    }

    fn drafts(
        &self,
        inputs: Vec<InputEntry>,
        account: Account,
        watermarks: Option<Watermarks>,
        rejects: &Option<(PathBuf, u64)>,
    ) -> Vec<ManifestDraft> {
        let columns = self.plan.inferred.columns.iter().filter(|column| !column.derived);
        let source: Vec<SourceColumn> = columns.map(|c| SourceColumn::new(&c.name, c.ty)).collect();
        let draft = |output: OutputInfo, identity: &Identity| ManifestDraft {
            job: JobInfo { name: self.plan.name.clone(), hash: self.plan.hash.clone() },
            output,
            identity: Some(identity.clone()),
            source: source.clone(),
            inputs: inputs.clone(),
            account,
            watermarks,
            rejects: rejects.as_ref().map(|(path, _)| path.display().to_string()),
        };
        let outputs = self.plan.outputs.iter().enumerate().filter(|(_, output)| target(&output.to).is_some());
        let outputs = outputs.map(|(index, output)| {
            let format = output.format.name().into();
            let info = match &output.kind {
                OutputKind::Rows(_) => OutputInfo { format, ..OutputInfo::default() },
                OutputKind::Archive(_) => OutputInfo { format, archive: true, ..OutputInfo::default() },
                OutputKind::Groups { grouping, .. } => {
                    let Grouping { plan, keys } = &self.plan.groupings[*grouping];
                    let allowed = |l: &Lateness| format!("allowed lateness {}", Length(l.allowed));
                    let streamed = plan.lateness.as_ref().map(allowed);
                    let window = Some(plan.window.to_string());
                    let table = publish::table(self.plan, index);
                    OutputInfo { format, window, keys: keys.clone(), streamed, archive: false, table }
                }
            };
            draft(info, &self.plan.identities.outputs[index])
        });
        let format = |late: &LatePlan| late.format.name().into();
        let late = self.plan.late.iter().zip(&self.plan.identities.late);
        let late = late.map(|(late, identity)| {
            draft(OutputInfo { format: format(late), ..OutputInfo::default() }, identity)
        });
        outputs.chain(late).collect()
    }
}

/// The files of the source and of the tables as a manifest names them.
fn input_entries(source: &[InputReport], tables: &Tables) -> Vec<InputEntry> {
    let entry = |table: Option<&String>, input: &InputReport| InputEntry {
        path: input.path.display().to_string(),
        bytes: input.bytes,
        hash: input.hash.clone(),
        records: input.records,
        table: table.cloned(),
    };
    let source = source.iter().map(|input| entry(None, input));
    source.chain(tables.inputs.iter().map(|(table, input)| entry(Some(table), input))).collect()
}

/// A record that a service did not answer for; its text is read again.
fn bad_record(position: Position, reason: String) -> BadRecord {
    BadRecord { position, column: None, reason, hint: None, raw: vec![], aside: true }
}

/// # Errors
/// The law of the account does not hold, which is a bug.
fn balances(account: &Account) -> Result<()> {
    let Account { read, rejected, filtered, duplicate, late, counted } = account;
    if *read == rejected + filtered + duplicate + late + counted {
        return Ok(());
    }
    Err(Error::fault(format!("the account does not balance: {account:?}")))
}

fn fill_in(outputs: &mut [OutputOutcome], report: &CommitReport) {
    let committed = outputs.iter_mut().filter(|o| o.to != OutputTo::Terminal);
    for (output, report) in committed.zip(&report.outputs) {
        output.written = report.written.len();
        output.unchanged = report.unchanged;
        output.removed = report.removed.len();
        output.restored = report.restored;
    }
}

/// Where the rejects go, and how many there are; `None` if there are none.
fn rejects_at(path: Option<&Path>, rejects: &Rejects) -> Option<(PathBuf, u64)> {
    path.filter(|_| !rejects.is_empty()).map(|path| (path.to_path_buf(), rejects.len()))
}

/// Writes the rejects under another name; the commit puts them in place.
fn write_rejects(rejects: Rejects, writer: Option<RejectsWriter>) -> Result<Option<RejectsWriter>> {
    let Some(mut writer) = writer else { return Ok(None) };
    for reject in rejects {
        let Reject { path, line, byte, column, reason, raw } = reject?;
        let file = path.display().to_string();
        writer.write(&crate::sink::Reject {
            file: &file,
            line,
            byte,
            column: column.as_deref(),
            reason: &reason,
            raw: &raw,
        })?;
    }
    Ok(Some(writer))
}
