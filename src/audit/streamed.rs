//! The windows of a job whose steps are streamed: at each delay they are those of a streamed run with it.
//!
//! # Contract
//! * A streamed step sees other events at each delay, so the log is read once for each of them and each grouping. The
//!   truth beside them has every event, and steps that see everything.
//! * The delay is that of the source. Tables keep their own.
//! * The groups of both sides are in memory.

use super::compare::{RowPair, Wrong, compared};
use super::report::{AuditReport, Completeness, DelayAudit, OutputAudit};
use super::sides::{ComparedOutput, SHARES, named, order_of, pairs, post_of, whole_block};
use crate::engine::intake::Intake;
use crate::engine::steps::Sources;
use crate::engine::{ArrivalNeed, Pass, Progress, RunOptions, Scope, tables};
use crate::error::Result;
use crate::group::GroupBlock;
use crate::lookup::Services;
use crate::plan::{Grouping, GroupingId, OutputPlan, Plan};
use crate::process::pool;
use crate::time::TimeRange;
use std::collections::BTreeSet;
use std::sync::Arc;

/// Puts into `report`, an audit of `plan` with the steps of `complete` mode, what its windows are with streamed steps, at
/// the delays that it has.
///
/// # Errors
/// Bad data, or a machine that fails. Nothing is written.
pub fn audit_streamed_windows(
    plan: Plan,
    report: AuditReport,
    options: &RunOptions,
    progress: &dyn Progress,
) -> Result<AuditReport> {
    let (whole, outputs) = plan.clone().with_complete_steps().windows_that_end();
    let whole = whole.without_lateness();
    let (live, _) = plan.windows_that_end();
    pool(options.threads)?.install(|| {
        let mut report = report;
        for g in live.pipeline.grouping_ids() {
            let pass = Pass { plan: &whole, options, progress };
            let sources = tables::read(&pass)?.sources(&pass)?;
            let truth = DelaySide::of(&pass, g, &sources)?;
            sources.services.map(Services::finish).transpose()?;
            let pass = Pass { plan: &live, options, progress };
            // What had arrived of a table does not depend on the delay of the source.
            let sources = tables::read(&pass)?.sources(&pass)?;
            let of_this: Vec<&OutputPlan> = outputs.iter().filter(|o| o.grouping() == Some(g)).collect();
            let mut audits: Vec<&mut OutputAudit> = vec![];
            let shown = outputs.iter().zip(&mut report.outputs);
            audits.extend(shown.filter(|(o, _)| o.grouping() == Some(g)).map(|(_, audit)| audit));
            let delays: BTreeSet<i64> =
                audits.iter().flat_map(|audit| audit.delays.iter().map(|d| d.delay)).collect();
            for delay in delays {
                let plan = live.clone().with_delay(delay);
                let would = DelaySide::of(&Pass { plan: &plan, options, progress }, g, &sources)?;
                let grouping = &plan.pipeline.groupings[g];
                for (output, audit) in of_this.iter().zip(&mut audits) {
                    debug_assert_eq!(audit.output, named(output));
                    let Some(at) = audit.delays.iter_mut().find(|at| at.delay == delay) else { continue };
                    *at = compared_at(at, grouping, output, &would, &truth)?;
                }
            }
            audits.into_iter().for_each(|audit| audit.completeness = completeness(audit));
            sources.services.map(Services::finish).transpose()?;
        }
        Ok(report)
    })
}

/// The groups of one grouping, by one plan.
struct DelaySide {
    block: GroupBlock,
    late: u64,
    /// The watermark at the end of the log.
    watermark: Option<i64>,
}

impl DelaySide {
    fn of(pass: &Pass, g: GroupingId, sources: &Sources) -> Result<DelaySide> {
        let streamed = pass.plan.pipeline.groupings[g].plan.lateness.is_some();
        let need = if streamed { ArrivalNeed::Lateness } else { ArrivalNeed::Nothing };
        let mut scope = Scope::none(pass.plan);
        // Late events are counted for the grouping alone, so each has a pass.
        scope.groupings[g] = true;
        let read = pass.read_all(need, sources, &[Intake::source(&pass.plan.pipeline.read)], &scope)?;
        let (late, watermark) = (read.tally.account().late, read.watermark_at_end(pass.plan));
        let found = read.groups.into_with_ids().find(|(id, _)| *id == g);
        let (_, (tables, space)) = found.expect("the groups of the grouping");
        let plan = Arc::new(pass.plan.pipeline.groupings[g].plan.clone());
        Ok(DelaySide { block: whole_block(&plan, tables, space)?, late, watermark })
    }
}

/// What an output is at a delay.
fn compared_at(
    at: &DelayAudit,
    grouping: &Grouping,
    output: &OutputPlan,
    would: &DelaySide,
    truth: &DelaySide,
) -> Result<DelayAudit> {
    let post = post_of(output);
    let shaped = ComparedOutput { post, columns: compared(output, post, grouping) };
    let (would_rows, also) = shaped.rows(grouping, &would.block)?;
    let (true_rows, there) = shaped.rows(grouping, &truth.block)?;
    let (would_order, true_order) = (order_of(grouping, &would.block), order_of(grouping, &truth.block));
    let span = |pair: &RowPair| match *pair {
        (_, Some(t)) => truth.block.spans[t],
        (Some(w), _) => would.block.spans[w],
        // `pairs` gives each pair at least one row.
        (None, None) => TimeRange { start: 0, end: 0 },
    };
    let pairs = pairs(&would_order, &true_order, &also, &there).into_iter().map(|pair| (pair, span(&pair)));
    let mut wrong = Wrong::default();
    wrong.compare(&shaped.columns, &would_rows, &true_rows, pairs)?;
    let windows: BTreeSet<TimeRange> = truth.block.spans.iter().copied().collect();
    let open = |window: &&TimeRange| would.watermark.is_none_or(|watermark| window.end > watermark);
    Ok(DelayAudit {
        late: would.late,
        wrong_windows: wrong.windows(),
        wrong_rows: wrong.rows,
        missing_rows: wrong.missing,
        open_windows: windows.iter().filter(open).count() as u64,
        columns: wrong.columns(&shaped.columns),
        ..at.clone()
    })
}

/// Of the delays that were looked at, the smallest that gives each share; a share that none of them gives is left out.
fn completeness(audit: &OutputAudit) -> Vec<Completeness> {
    let enough = |one_in: u64| {
        let most = audit.events / one_in;
        // A longer delay does not always help, so the last delay that loses too much decides.
        let first = audit.delays.iter().rposition(|at| at.late > most).map_or(0, |last| last + 1);
        audit.delays.get(first).map(|at| at.delay)
    };
    let all = SHARES.into_iter();
    all.filter_map(|(share, one_in)| Some(Completeness { share, delay: enough(one_in)? })).collect()
}
