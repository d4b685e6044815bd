//! The audit: how late events come, and what each delay of the watermark would have cost.
//!
//! # Contract
//! The log is read once (twice if its arrival order is a column), whatever the number of delays. Events
//! are folded by slice and class of lateness; what a window would have been at a delay is the union of
//! the classes that it counts, and merging is exact. So an audit's figures for a delay are those of a
//! streamed run with it beside a complete one, to the last digit, but for `top`, which is not applied.

mod compare;
mod report;
mod sessions;
mod sides;
mod steps;
mod streamed;

use crate::batch::value_text;
pub use crate::engine::lags::Profile;
use crate::engine::observed::Observed;
pub use report::*;

use crate::batch::Position;
use crate::deliver::shape::output_rows;
use crate::engine::arrivals::ArrivalNeed;
use crate::engine::observed::OfGrouping;
use crate::engine::offsets::Offsets;
use crate::engine::replay::StoredRows;
use crate::engine::watermark::WatermarkGenerator;
use crate::engine::{Pass, Progress, RunOptions, tables};
use crate::error::Result;
use crate::group::{AuditBlock, GroupBlock, GroupTable, Merged, SpillSpace};
use crate::input::lines::line_numbers;
use crate::lookup::Services;
use crate::plan::{Grouping, GroupingId, LogPartition, OutputPlan, Plan};
use crate::process::pool;
use crate::time::{DAY, FirstAndLast, HOUR, MINUTE, SECOND};
use crate::window::Window;
use compare::{AuditedColumn, AuditedRows, Wrong, compared, kept};
use sessions::OfOutput;
use sides::{ComparedOutput, SHARES, named, post_of};
use std::sync::Arc;
use steps::audit_steps;
use streamed::audit_streamed_windows;

/// Audits a job: the windows of `plan`, which was made with every output streamed, and the steps of `own`, which has the
/// job's own modes, where these are streamed; windows are then those of streamed steps too.
///
/// # Errors
/// As of [`audit`].
pub fn audit_job(
    plan: Plan,
    own: Plan,
    options: &RunOptions,
    delays: Option<Vec<i64>>,
    progress: &dyn Progress,
) -> Result<AuditReport> {
    // In `complete` mode steps see everything, so only a job that asks for streamed steps has two sides of them.
    if !own.pipeline.steps_are_streamed() {
        return audit(plan, options, delays, progress);
    }
    let report = audit(plan.clone(), options, delays, progress)?;
    let report = audit_streamed_windows(plan, report, options, progress)?;
    let steps = audit_steps(own.clone(), own, options, progress)?;
    Ok(AuditReport { steps: Some(steps), ..report })
}

/// Audits the windows of `plan`, which was made with every output streamed, with steps that see everything. Without `delays` they are
/// chosen from what is common, as far as the log goes.
///
/// # Errors
/// Bad data, or a machine that fails. Nothing is written.
pub fn audit(
    plan: Plan,
    options: &RunOptions,
    delays: Option<Vec<i64>>,
    progress: &dyn Progress,
) -> Result<AuditReport> {
    plan.pipeline.no_change_log("records are not late: the last of a key counts whenever it comes")?;
    let own = plan.pipeline.watermark.out_of_orderness;
    let chosen = delays.is_none();
    let mut wanted = delays.unwrap_or_else(common_delays);
    // The delay of the job is always shown, so that the others can be compared with it.
    wanted.push(own);
    wanted.sort_unstable();
    wanted.dedup();
    // 0 is always looked at: it tells of every event that may be late at any delay.
    let mut all = wanted.clone();
    all.push(0);
    all.sort_unstable();
    all.dedup();
    // Several delays are looked at in one pass, and a streamed step sees other events at each: `audit_streamed_windows`
    // looks at these one by one.
    let (plan, outputs) = plan.with_complete_steps().audited(&all);
    let pass = Pass { plan: &plan, options, progress };
    pool(options.threads)?.install(|| {
        let mut tables = tables::read(&pass)?;
        let sources = tables.sources(&pass)?;
        let read = pass.read(ArrivalNeed::Audit, &sources)?;
        sources.services.map(Services::finish).transpose()?;
        progress.writing();
        let generator = read.generator.expect("an audit has a front");
        let observed = read.observed.expect("an audit notes events");
        let mut reports: Vec<Option<OutputAudit>> = outputs.iter().map(|_| None).collect();
        let parts = read.groups.into_iter().zip(read.sessions);
        for (g, (groups, stores)) in plan.pipeline.grouping_ids().zip(parts) {
            let of_this: Vec<(usize, &OutputPlan)> =
                outputs.iter().enumerate().filter(|(_, o)| o.grouping() == Some(g)).collect();
            let audit = OfOutputs { plan: &plan, g, delays: &all, outputs: &of_this };
            let figures = match plan.pipeline.groupings[g].plan.window {
                Window::Session { .. } => audit.sessions(&StoredRows::new(stores), options)?,
                _ => audit.windows(groups)?,
            };
            for ((index, output), figures) in of_this.iter().zip(figures) {
                let noted = &observed.groupings[g];
                let mut report = audit.report(output, figures, noted, generator.max_timestamp());
                // The delay of 0 was looked at for its notes, and is shown only where it was asked for.
                keep_delays(&mut report, &wanted, own, chosen);
                reports[*index] = Some(report);
            }
        }
        Ok(AuditReport {
            account: read.tally.account(),
            event_times: read
                .tally
                .watermarks()
                .map(|w| FirstAndLast::new(w.min_event_time, w.max_event_time)),
            lateness: observed.lags.profile(observed.events),
            partitions: partitions(&plan, &generator),
            future: plan.pipeline.read.arrival.is_some().then(|| future(&observed)),
            jumps: jumps(&plan, &generator)?,
            delay: own,
            outputs: reports.into_iter().flatten().collect(),
            offsets: read.offsets.map_or(vec![], Offsets::report),
            steps: None,
        })
    })
}

/// Delays that are common in jobs.
fn common_delays() -> Vec<i64> {
    let of = |unit: i64, counts: &[i64]| counts.iter().map(|n| n * unit).collect::<Vec<_>>();
    [
        of(SECOND, &[0, 1, 2, 5, 10, 20, 30]),
        of(MINUTE, &[1, 2, 5, 10, 20, 30]),
        of(HOUR, &[1, 2, 6, 12]),
        of(DAY, &[1, 2, 7]),
    ]
    .concat()
}

/// The figures of one output.
#[derive(Default)]
struct Figures {
    rows: u64,
    /// Per delay.
    wrong: Vec<Wrong>,
    /// The ends of all windows.
    ends: Vec<i64>,
    /// Per delay, late events, where only replays tell.
    late: Option<Vec<u64>>,
}

/// The outputs of one grouping.
struct OfOutputs<'a> {
    plan: &'a Plan,
    g: GroupingId,
    delays: &'a [i64],
    outputs: &'a [(usize, &'a OutputPlan)],
}

impl OfOutputs<'_> {
    fn grouping(&self) -> &Grouping {
        &self.plan.pipeline.groupings[self.g]
    }

    fn compared(&self, output: &OutputPlan) -> Vec<AuditedColumn> {
        compared(output, post_of(output), self.grouping())
    }

    fn windows(&self, groups: (Vec<GroupTable>, SpillSpace)) -> Result<Vec<Figures>> {
        let merged = Merged::new(Arc::new(self.grouping().plan.clone()), groups.0, groups.1)?;
        // With `having` the rows can only be counted from all groups, also from those that are right.
        let whole = self.outputs.iter().any(|(_, o)| post_of(o).having.is_some());
        let mut all: Vec<Figures> = self.outputs.iter().map(|_| Figures::default()).collect();
        let mut ends = vec![];
        merged.drive_audit(
            whole,
            |block| {
                let figures = self.outputs.iter().map(|(_, output)| self.of_block(output, &block));
                let ends: Vec<i64> = block.windows.iter().map(|w| w.end).collect();
                Ok((figures.collect::<Result<Vec<_>>>()?, ends))
            },
            |(figures, of_block)| {
                ends.extend(of_block);
                for (all, next) in all.iter_mut().zip(figures) {
                    all.rows += next.rows;
                    all.wrong.resize_with(next.wrong.len(), Wrong::default);
                    all.wrong.iter_mut().zip(next.wrong).for_each(|(all, next)| all.append(next));
                }
                Ok(())
            },
        )?;
        for figures in &mut all {
            figures.ends = ends.clone();
            // Without a block the list is empty, and the report asks for every delay.
            figures.wrong.resize_with(self.delays.len(), Wrong::default);
        }
        Ok(all)
    }

    /// What is wrong in one block, at each delay.
    fn of_block(&self, output: &OutputPlan, block: &AuditBlock) -> Result<Figures> {
        let (grouping, post, columns) = (self.grouping(), post_of(output), self.compared(output));
        let rows = match &block.truth {
            Some(truth) if post.having.is_some() => {
                let rows = output_rows(grouping, post, truth)?;
                rows.kept.as_ref().map_or(truth.len(), Vec::len) as u64
            }
            _ => block.groups,
        };
        let mut figures = Figures { rows, ..Figures::default() };
        let stage = |i: usize| {
            let groups = GroupBlock {
                spans: block.spans.clone(),
                keys: block.keys.clone(),
                values: block.stages[i].values.clone(),
                states: None,
                firings: None,
            };
            let rows = output_rows(grouping, post, &groups)?;
            let there = kept(&rows, Some(&block.stages[i].present), groups.len());
            Ok((rows, there))
        };
        // Behind the stages of the delays stands one with every event counted.
        let (truth, there) = stage(self.delays.len())?;
        let truth = AuditedRows::new(&columns, &truth);
        for i in 0..self.delays.len() {
            let (would, also) = stage(i)?;
            let mut wrong = Wrong::default();
            let pairs = (0..block.spans.len()).filter(|&row| also[row] || there[row]);
            let pairs =
                pairs.map(|row| ((also[row].then_some(row), there[row].then_some(row)), block.spans[row]));
            wrong.compare(&columns, &AuditedRows::new(&columns, &would), &truth, pairs)?;
            figures.wrong.push(wrong);
        }
        Ok(figures)
    }

    fn sessions(&self, rows: &StoredRows, options: &RunOptions) -> Result<Vec<Figures>> {
        let spill = (options.spill_folder.as_path(), options.memory);
        let shaped = |output| ComparedOutput { post: post_of(output), columns: self.compared(output) };
        let outputs: Vec<ComparedOutput> = self.outputs.iter().map(|(_, output)| shaped(output)).collect();
        let found = sessions::audit(self.grouping(), &outputs, rows, spill)?;
        let ends: Vec<i64> = found.windows.iter().map(|window| window.end).collect();
        let figures = |of: OfOutput| Figures {
            rows: of.rows,
            wrong: of.wrong,
            ends: ends.clone(),
            late: Some(found.late.clone()),
        };
        Ok(found.outputs.into_iter().map(figures).collect())
    }

    fn report(
        &self,
        output: &OutputPlan,
        figures: Figures,
        noted: &OfGrouping,
        max_timestamp: i64,
    ) -> OutputAudit {
        let columns = self.compared(output);
        let late = figures.late.as_ref().unwrap_or(&noted.late);
        let delays = self.delays.iter().enumerate().map(|(i, &delay)| {
            let wrong = &figures.wrong[i];
            // The log ended here: windows that end later had not fired.
            let watermark = max_timestamp.saturating_sub(delay);
            DelayAudit {
                delay,
                of_job: delay == self.plan.pipeline.watermark.out_of_orderness,
                late: late[i],
                wrong_windows: wrong.windows(),
                wrong_rows: wrong.rows,
                missing_rows: wrong.missing,
                open_windows: figures.ends.iter().filter(|end| **end > watermark).count() as u64,
                columns: wrong.columns(&columns),
            }
        });
        // Of sessions the notes tell only of events that join none; a replay may tell that less is enough.
        let enough = |most: u64| {
            let late = figures.late.as_ref()?;
            // A longer delay does not always help a session, so the last delay that loses too much decides.
            let first = late.iter().rposition(|late| *late > most).map_or(0, |last| last + 1);
            self.delays.get(first).copied()
        };
        let smallest = |one_in: u64| {
            let most = noted.events / one_in;
            let found = noted.needs.beyond(most);
            enough(most).map_or(found, |enough| enough.min(found))
        };
        let plan = &self.grouping().plan;
        OutputAudit {
            output: named(output),
            window: plan.window.to_string(),
            allowed_lateness: plan.lateness.as_ref().map_or(0, |l| l.allowed),
            events: noted.events,
            windows: figures.ends.len() as u64,
            rows: figures.rows,
            delays: delays.collect(),
            completeness: SHARES
                .map(|(share, one_in)| Completeness { share, delay: smallest(one_in) })
                .to_vec(),
        }
    }
}

/// Leaves the delays that are asked for; of those chosen by us none past the first that is enough.
fn keep_delays(report: &mut OutputAudit, wanted: &[i64], own: i64, chosen: bool) {
    report.delays.retain(|d| wanted.contains(&d.delay));
    if chosen {
        let enough = report.delays.iter().position(|d| d.late == 0 && d.wrong_rows == 0);
        let last = enough.map_or(i64::MAX, |i| report.delays[i].delay);
        report.delays.retain(|d| d.delay <= last || d.delay == own);
    }
}

fn partitions(plan: &Plan, generator: &WatermarkGenerator) -> Vec<PartitionAudit> {
    let Some(partition) = plan.pipeline.watermark.partition else { return vec![] };
    let Some(watch) = generator.watch() else { return vec![] };
    let names = generator.names();
    let timed = plan.pipeline.read.arrival.is_some();
    let furthest = generator.partitions().map(|(_, max_timestamp, _)| max_timestamp).max().unwrap_or(0);
    let end = generator.partitions().map(|(_, _, arrived)| arrived).max().unwrap_or(0);
    // A job without `idle` is told of silent partitions too.
    let idle = plan.pipeline.watermark.idle.unwrap_or(MINUTE);
    let name = |number: usize| match (partition, &names) {
        (LogPartition::Column(_) | LogPartition::Topics { .. }, Some(names)) => value_text(names, number),
        _ => plan.pipeline.read.files[number].path.display().to_string(),
    };
    let of = |(number, max_timestamp, arrived): (usize, i64, i64)| {
        let watched = watch.partitions.get(number).cloned().unwrap_or_default();
        // A partition that fell silent pauses until the end of the log.
        let silent = end.saturating_sub(arrived);
        PartitionAudit {
            name: name(number),
            lateness: watched.lags.profile(watched.events),
            last_event_time: max_timestamp,
            behind: furthest.saturating_sub(max_timestamp),
            last_arrival: timed.then_some(arrived),
            longest_pause: timed.then(|| watched.longest_pause.max(silent)),
            idle: timed.then_some(silent > idle),
        }
    };
    let mut all: Vec<PartitionAudit> = generator.partitions().map(of).collect();
    all.sort_by(|a, b| a.name.cmp(&b.name));
    all
}

fn future(observed: &Observed) -> Future {
    let ahead = &observed.ahead;
    // Far is more than an hour, and ten times further than the others; more than one in a hundred is no
    // accident.
    let advised = ahead.outliers(HOUR, 10, observed.events / 100).and_then(|(usual, far)| {
        let round = [MINUTE, 5 * MINUTE, HOUR, 6 * HOUR, DAY, 7 * DAY, 30 * DAY];
        round.into_iter().find(|length| (usual..far).contains(length))
    });
    Future {
        events: ahead.count(),
        max: ahead.max(),
        advised_max_ahead: advised,
        rejected: advised.map_or(0, |length| ahead.above(length)),
    }
}

fn jumps(plan: &Plan, generator: &WatermarkGenerator) -> Result<Vec<Jump>> {
    let Some(watch) = generator.watch() else { return Ok(vec![]) };
    let positions: Vec<Position> = watch.jumps.iter().map(|jump| jump.1).collect();
    let lines = line_numbers(&plan.pipeline.read, &positions)?;
    let jumps = watch.jumps.iter().zip(lines).map(|(&(step, position, event_time), line)| {
        let file = plan.pipeline.read.files[position.file() as usize].path.display().to_string();
        Jump { file, line, event_time, step }
    });
    Ok(jumps.collect())
}
