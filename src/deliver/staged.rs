//! Outputs that are staged, and the commit that puts them in place.

use super::outcome::{Outcome, OutputOutcome, fill_in};
use super::passed::{FinishedPass, Results};
use super::places::{target, target_number, targets};
use super::server_tables::{self, Extent, OpenTables};
use super::{events, groups, late};
use crate::clock::Stopwatch;
use crate::engine::rejected::{rejects_at, write_rejects};
use crate::engine::stage_log::Resolution;
use crate::engine::tables::Tables;
use crate::engine::{Pass, Scope, SpentWork, TimedStage};
use crate::error::Result;
use crate::group::{Lateness, Merged};
use crate::input::InputReport;
use crate::lookup::Services;
use crate::plan::{Grouping, LatePlan, Mode, OutputId, OutputKind, Plan};
use crate::sink::{
    Account, Identity, InputEntry, JobInfo, ManifestDraft, OutputInfo, RejectsWriter, SourceColumn,
    Transaction, Watermarks,
};
use crate::time::Duration::Length;
use crate::time::FirstAndLast;
use std::path::PathBuf;
use std::sync::Arc;

/// A run whose outputs are staged, and what is left to do.
pub struct Staged {
    pub outcome: Outcome,
    pub drafts: Vec<ManifestDraft>,
    /// The files of rejects, which are put in place by the same commit.
    pub rejects: Vec<RejectsWriter>,
    /// Where rejects would lie of which there are none.
    pub none_rejected: Vec<PathBuf>,
}

impl Staged {
    /// Commits the outputs, and what was rejected.
    /// # Errors
    /// A disk that fails, or a table of a server. The outputs are then as before.
    pub fn commit(mut self, plan: &Plan, mut transaction: Transaction) -> Result<Outcome> {
        let tables = self.open(plan, &mut transaction)?;
        self.finish(tables, transaction)
    }

    /// Brings the tables of servers up to date, all but the commit.
    ///
    /// # Errors
    /// As of [`Staged::commit`].
    pub fn open<'a>(&mut self, plan: &'a Plan, transaction: &mut Transaction) -> Result<OpenTables<'a>> {
        // Rejects of an earlier run must not lie beside results without rejects.
        self.none_rejected.iter().for_each(|path| transaction.take_away(path));
        let rejects = std::mem::take(&mut self.rejects);
        rejects.into_iter().try_for_each(|rejects| transaction.put_beside(rejects))?;
        server_tables::open(plan, transaction, Extent::All)
    }

    /// Commits what [`Staged::open`] has brought up to date, and the outputs.
    ///
    /// # Errors
    /// As of [`Staged::commit`].
    pub fn finish(mut self, tables: OpenTables, transaction: Transaction) -> Result<Outcome> {
        let (report, published) = tables.commit(transaction, Some(self.drafts))?;
        self.outcome.published = published;
        fill_in(&mut self.outcome.outputs, &report);
        Ok(self.outcome)
    }
}

/// Reads the source, and stages all outputs.
///
/// Where outputs of both modes need steps of both, the source is read twice: for the streamed outputs, then for those that
/// are `complete`.
pub fn stage(pass: &Pass, transaction: &Transaction, rejects: Option<RejectsWriter>) -> Result<Staged> {
    let mut services = pass.services()?;
    let complete = pass.plan.for_complete_outputs();
    let scope = match complete {
        Some(_) => Scope::of_mode(pass.plan, Mode::Streamed),
        None => Scope::all(pass.plan),
    };
    let (mut passed, found) = FinishedPass::of_scope(pass, &scope, &mut services)?;
    let rejected = rejects_at(pass.plan.deliveries.rejects.as_deref(), &found);
    let rejects = write_rejects(found, rejects)?;
    let files = passed.files(pass.plan);
    let mut watch = Stopwatch::of_process();
    let results = passed.results(pass.plan, &files);
    let resolution = passed.read.resolution.as_ref();
    let WrittenOutputs { outputs: mut written, times } =
        write(pass, &scope, transaction, results, resolution)?;
    let late = pass.plan.deliveries.late.as_ref();
    let late = late.map(|late| {
        // The late output stands behind all others in the transaction, as `places` lists them.
        let target = targets(pass.plan).count();
        let stores = std::mem::take(&mut passed.read.late);
        late::write(pass, late, target, transaction, stores, passed.read.late_only.as_ref())
    });
    let late = late.transpose()?;
    let mut second = match &complete {
        Some(plan) => Some(stage_complete(&Pass { plan, ..*pass }, transaction, &mut services)?),
        None => None,
    };
    passed.lookups = services.map(Services::finish).transpose()?;
    written.extend(second.iter_mut().flat_map(|second| std::mem::take(&mut second.outputs)));
    // Results come pass by pass, and are told in the job's order.
    written.sort_by_key(|(id, _)| id.place());
    let mut outputs: Vec<OutputOutcome> = written.into_iter().map(|(_, outcome)| outcome).collect();
    outputs.extend(late);
    let rows = outputs.iter().map(|output| output.rows).sum();
    let work = SpentWork { rows, bytes: transaction.bytes_staged(), lap: watch.lap() };
    pass.progress.worked(TimedStage::Write, work);
    let watermarks = passed.watermarks(pass.plan, times);
    let inputs = input_entries(&passed.inputs, &passed.tables);
    let mut drafts = drafts(pass.plan, inputs, passed.account, watermarks, &rejected);
    if let Some(second) = &second {
        second.tell(pass.plan, &mut drafts);
    }
    let own = rejects.filter(|_| rejected.is_some());
    let of_tables = std::mem::take(&mut passed.tables.rejects);
    let of_tables = of_tables.into_iter().filter(|(_, rejected)| rejected.is_some());
    let rejects: Vec<RejectsWriter> = own.into_iter().chain(of_tables.map(|(writer, _)| writer)).collect();
    let all = pass.plan.deliveries.named.beside.iter();
    let is_written = |path: &&PathBuf| rejects.iter().any(|rejects| rejects.path() == path.as_path());
    let none_rejected = all.filter(|path| !is_written(path)).cloned().collect();
    let of_complete = second.map(|second| second.account);
    let outcome = Outcome { rejects: rejected, of_complete, ..passed.outcome(outputs, watermarks) };
    Ok(Staged { outcome, drafts, rejects, none_rejected })
}

/// What the pass for `complete` outputs gave, beside the streamed ones.
struct CompleteOutputs {
    outputs: Vec<(OutputId, OutputOutcome)>,
    account: Account,
    watermarks: Option<Watermarks>,
}

impl CompleteOutputs {
    /// Puts the account into the manifests of its outputs.
    fn tell(&self, plan: &Plan, drafts: &mut [ManifestDraft]) {
        for (draft, output) in drafts.iter_mut().zip(targets(plan)) {
            if output.mode == Some(Mode::Complete) {
                (draft.account, draft.watermarks) = (self.account, self.watermarks);
            }
        }
    }
}

/// Reads the source once more, and stages the `complete` outputs.
fn stage_complete(
    pass: &Pass,
    transaction: &Transaction,
    services: &mut Option<Services>,
) -> Result<CompleteOutputs> {
    let scope = Scope::of_mode(pass.plan, Mode::Complete);
    // The first pass has told what was rejected.
    let (mut passed, _) = FinishedPass::of_scope(pass, &scope, services)?;
    let files = passed.files(pass.plan);
    let results = passed.results(pass.plan, &files);
    let resolution = passed.read.resolution.as_ref();
    let WrittenOutputs { outputs, times } = write(pass, &scope, transaction, results, resolution)?;
    let watermarks = passed.watermarks(pass.plan, times);
    Ok(CompleteOutputs { outputs, account: passed.account, watermarks })
}

/// Outputs that are staged.
pub struct WrittenOutputs {
    /// In the plan's order.
    outputs: Vec<(OutputId, OutputOutcome)>,
    /// Where it was not known before which rows come again, the first and the last event time of those that stay.
    pub times: Option<FirstAndLast>,
}

/// Writes the outputs in `scope`.
pub fn write(
    pass: &Pass,
    scope: &Scope,
    transaction: &Transaction,
    results: Results,
    resolution: Option<&Resolution>,
) -> Result<WrittenOutputs> {
    let Results { groups, rows, archives, files, watermark } = results;
    let mut outputs = vec![];
    let (mut rows, mut archives) = (rows.into_iter(), archives.into_iter());
    let mut times = None;
    for (id, output) in pass.plan.deliveries.with_ids().filter(|(id, _)| scope.outputs[*id]) {
        let (stores, known) = match output.kind {
            OutputKind::Rows(_) => (rows.next(), events::EventContext::Resolution(resolution)),
            OutputKind::Archive(_) => (archives.next(), events::EventContext::Files(files)),
            OutputKind::Groups { .. } => continue,
        };
        let stores = stores.expect("stores for each output of events");
        let number = target_number(pass.plan, id);
        let (outcome, of_rows) = events::write(pass, id, number, transaction, stores, known, &|_| true)?;
        outputs.push((id, outcome));
        // An archive also holds events that do not count, so its times are left out.
        if matches!(output.kind, OutputKind::Rows(_)) {
            times = of_rows;
        }
    }
    for (g, (tables, space)) in groups.into_with_ids().filter(|(g, _)| scope.groupings[*g]) {
        let grouping = &pass.plan.pipeline.groupings[g];
        let merged = Merged::new(Arc::new(grouping.plan.clone()), tables, space)?;
        outputs.extend(groups::write(pass, g, merged, transaction, watermark)?);
    }
    outputs.sort_by_key(|(id, _)| id.place());
    Ok(WrittenOutputs { outputs, times })
}

pub fn drafts(
    of: &Plan,
    inputs: Vec<InputEntry>,
    account: Account,
    watermarks: Option<Watermarks>,
    rejects: &Option<(PathBuf, u64)>,
) -> Vec<ManifestDraft> {
    let columns = of.inferred.columns.iter().filter(|column| !column.derived);
    let source: Vec<SourceColumn> = columns.map(|c| SourceColumn::new(&c.name, c.ty)).collect();
    let draft = |output: OutputInfo, identity: &Identity| ManifestDraft {
        job: JobInfo { name: of.name.clone(), hash: of.hash.clone() },
        output,
        identity: Some(identity.clone()),
        source: source.clone(),
        inputs: inputs.clone(),
        account,
        watermarks,
        rejects: rejects.as_ref().map(|(path, _)| path.display().to_string()),
    };
    let outputs = of.deliveries.with_ids().filter(|(_, output)| target(&output.to).is_some());
    let outputs = outputs.map(|(id, output)| {
        let format = output.format.name().into();
        let info = match &output.kind {
            OutputKind::Rows(_) => OutputInfo { format, ..OutputInfo::default() },
            OutputKind::Archive(_) => OutputInfo { format, archive: true, ..OutputInfo::default() },
            OutputKind::Groups { grouping, .. } => {
                let Grouping { plan, keys } = &of.pipeline.groupings[*grouping];
                let allowed = |l: &Lateness| format!("allowed lateness {}", Length(l.allowed));
                let streamed = plan.lateness.as_ref().map(allowed);
                let window = Some(plan.window.to_string());
                let table = server_tables::table(of, id);
                OutputInfo { format, window, keys: keys.clone(), streamed, archive: false, table }
            }
        };
        draft(info, &of.deliveries.identities.outputs[id])
    });
    let format = |late: &LatePlan| late.format.name().into();
    let late = of.deliveries.late.iter().zip(&of.deliveries.identities.late);
    let late = late.map(|(late, identity)| {
        draft(OutputInfo { format: format(late), ..OutputInfo::default() }, identity)
    });
    outputs.chain(late).collect()
}

/// The files of the source and of the tables as a manifest names them.
pub fn input_entries(source: &[InputReport], tables: &Tables) -> Vec<InputEntry> {
    let entry = |table: Option<&String>, input: &InputReport| InputEntry {
        path: input.path.display().to_string(),
        bytes: input.bytes,
        hash: input.hash.clone(),
        etag: input.etag.clone(),
        records: input.records,
        table: table.cloned(),
    };
    let source = source.iter().map(|input| entry(None, input));
    source.chain(tables.inputs.iter().map(|(table, input)| entry(Some(table), input))).collect()
}
