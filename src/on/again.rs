//! The stretch of event time that a backfill on an engine computes again: the partitions that new files touch, whole.
//!
//! # Contract
//! * It is told where it follows from the new files alone: steps look at one record, windows and partitions go by time, and
//!   the outputs in place are those of the job as it is now. Otherwise all is computed again.
//! * It begins and ends where windows and partitions of each output do. So every row lies in it or outside, and so does every
//!   part in place: what lies outside stays as it is.

use super::request::EngineRequest;
use crate::backfill::FilesAfter;
use crate::deliver::{self, OutputOutcome, target};
use crate::error::{Error, Result};
use crate::input::InputFormat;
use crate::job;
use crate::plan::{OutputKind, OutputPlan, OutputTo, Plan, Step};
use crate::rows::PartitionPart;
use crate::run;
use crate::sink::{Account, Manifest, Part, Transaction, Watermarks, first_altered};
use crate::time::{CalendarUnit, Duration, TimeRange};
use crate::window::{Assigner, Offset, Window};

/// A stretch that is computed again, and what is known of the rest.
pub(super) struct AgainStretch {
    /// The stretch.
    pub range: TimeRange,
    /// By output, what lies outside of it: paths and rows of parts.
    kept: Vec<Vec<(String, u64)>>,
    /// Of all files that count after the backfill.
    pub account: Account,
    /// Likewise.
    pub watermarks: Option<Watermarks>,
}

impl AgainStretch {
    /// The stretch that the new files touch; none where it cannot be told.
    ///
    /// # Errors
    /// A new file that cannot be read.
    pub fn of(
        plan: &Plan,
        after: &FilesAfter,
        transaction: &Transaction,
        request: &EngineRequest,
    ) -> Result<Option<AgainStretch>> {
        let Some(new) = after.new_files().filter(|_| by_record(plan)) else { return Ok(None) };
        // Each output is a folder, so outputs and targets have the same numbers.
        let manifests: Option<Vec<&Manifest>> =
            plan.deliveries.ids().map(|id| transaction.manifest(id.place())).collect();
        let Some(manifests) = manifests else { return Ok(None) };
        if !in_place(plan, &manifests) {
            return Ok(None);
        }
        // The new files alone, by the same plan: when their events are, and what becomes of them.
        let spill = &request.options.spill_folder;
        let folder = tempfile::Builder::new().prefix("highwater-on-").tempdir_in(spill);
        let folder = folder.map_err(|e| Error::io("make a folder in", spill, e))?;
        let alone = job::plan_job(request.spec, request.overrides)?;
        let alone = alone.reading_only(&new).in_folder(folder.path()).without_late_output();
        let read = run::run(&alone, request.options, request.progress)?;
        let Some(events) = read.watermarks else { return Ok(None) };
        let first = TimeRange::new(events.min_event_time, events.max_event_time.saturating_add(1));
        let Some(range) = whole(plan, first) else { return Ok(None) };
        let mut kept = vec![];
        for (output, manifest) in plan.deliveries.outputs.iter().zip(&manifests) {
            let Some(outside) = outside(output, &manifest.parts, range) else { return Ok(None) };
            kept.push(outside);
        }
        let Some(before) = manifests.first() else { return Ok(None) };
        let watermarks = before.watermarks.map_or(events, |before| Watermarks {
            min_event_time: before.min_event_time.min(events.min_event_time),
            max_event_time: before.max_event_time.max(events.max_event_time),
            watermark: None,
        });
        let account = sum(&before.account, &read.account);
        Ok(Some(AgainStretch { range, kept, account, watermarks: Some(watermarks) }))
    }

    /// Keeps the parts outside, and counts their rows.
    ///
    /// # Errors
    /// A part is not what its manifest says.
    pub fn keep(&self, transaction: &Transaction, outputs: &mut [OutputOutcome]) -> Result<()> {
        for (number, (parts, output)) in self.kept.iter().zip(outputs).enumerate() {
            for (path, rows) in parts {
                transaction.keep(number, path)?;
                output.rows += rows;
            }
        }
        Ok(())
    }
}

/// Whether what the plan makes of a record depends on that record alone, and goes to windows and folders by its time.
fn by_record(plan: &Plan) -> bool {
    let pipeline = &plan.pipeline;
    let plain = |step: &Step| matches!(step, Step::Filter(_) | Step::Derive(..));
    // A format that can skip records tells fewer read ones.
    let is_text = |format| matches!(format, InputFormat::Csv | InputFormat::JsonLines);
    pipeline.range == TimeRange::ALL
        && pipeline.steps.iter().all(plain)
        && pipeline.tables.is_empty()
        && pipeline.read.files.iter().all(|file| is_text(file.format))
        && plan.deliveries.publications.is_empty()
        && plan.deliveries.outputs.iter().all(|output| {
            matches!(output.to, OutputTo::Folder(_))
                && unit(output).is_some()
                && windows(plan, output).is_some()
        })
}

/// Whether the outputs in place are those of the plan, and as they were written.
fn in_place(plan: &Plan, manifests: &[&Manifest]) -> bool {
    let drafts = deliver::drafts(plan, vec![], Account::default(), None, &None);
    let targets = plan.deliveries.outputs.iter().filter_map(|output| target(&output.to));
    drafts.len() == manifests.len()
        && drafts.iter().zip(targets).zip(manifests).all(|((draft, target), manifest)| {
            manifest.job.hash == draft.job.hash
                && manifest.identity == draft.identity
                && manifest.output == draft.output
                && manifest.source == draft.source
                && manifest.parts.iter().all(|part| part.adopted.is_none())
                && matches!(first_altered(&target.root(), manifest.parts.as_slice()), Ok(None))
        })
}

/// The stretches of the calendar that the folders of an output stand for; none where folders hold rows of several.
fn unit(output: &OutputPlan) -> Option<Window> {
    let has = |part| output.partition_by.contains(&part);
    let dated = has(PartitionPart::Date);
    let unit = match () {
        _ if dated => CalendarUnit::Day,
        _ if has(PartitionPart::Year) && has(PartitionPart::Month) => CalendarUnit::Month,
        _ if has(PartitionPart::Year) => CalendarUnit::Year,
        () => return None,
    };
    let apart = |part: &PartitionPart| match part {
        PartitionPart::Hour => dated,
        PartitionPart::Month => dated || has(PartitionPart::Year),
        PartitionPart::Stretch(_) => false,
        _ => true,
    };
    let tumbling =
        Window::Tumbling { size: Duration::Calendar { count: 1, unit }, offset: Offset::default() };
    output.partition_by.iter().all(apart).then_some(tumbling)
}

/// Windows that follow one another and hold those of an output, or all of time for one of events; none for other windows.
fn windows(plan: &Plan, output: &OutputPlan) -> Option<Option<Window>> {
    let OutputKind::Groups { grouping, .. } = &output.kind else {
        return matches!(output.kind, OutputKind::Rows(_)).then_some(None);
    };
    match plan.pipeline.groupings[*grouping].plan.window {
        Window::Tumbling { size, offset } | Window::Cumulative { size, offset, .. } => {
            Some(Some(Window::Tumbling { size, offset }))
        }
        _ => None,
    }
}

/// The least stretch around `range` that begins and ends where windows and folders of all outputs do.
fn whole(plan: &Plan, mut range: TimeRange) -> Option<TimeRange> {
    let outputs = || plan.deliveries.outputs.iter();
    let all = outputs().filter_map(unit).chain(outputs().filter_map(|output| windows(plan, output)?));
    let mut all: Vec<Assigner> = all.map(|window| Assigner::new(window, plan.zone.clone())).collect();
    // Days and windows of 7 hours meet once a week; where bounds never meet it is given up.
    for _ in 0..64 {
        let before = range;
        for windows in &mut all {
            range.start = range.start.min(windows.slice(range.start).start);
            range.end = range.end.max(windows.slice(range.end.checked_sub(1)?).end);
        }
        if range == before {
            return Some(range);
        }
    }
    None
}

/// The parts outside of `range`; none where one lies on a bound of it, or does not say where it lies.
fn outside(output: &OutputPlan, parts: &[Part], range: TimeRange) -> Option<Vec<(String, u64)>> {
    let mut all = vec![];
    for part in parts {
        // The last event lies in a part, and the end of its last window is behind it.
        let end = match output.kind {
            OutputKind::Rows(_) => part.last?.checked_add(1)?,
            _ => part.last?,
        };
        let first = part.first?;
        if end <= range.start || first >= range.end {
            all.push((part.path.clone(), part.rows));
        } else if first < range.start || end > range.end {
            return None;
        }
    }
    Some(all)
}

fn sum(a: &Account, b: &Account) -> Account {
    Account {
        read: a.read + b.read,
        rejected: a.rejected + b.rejected,
        filtered: a.filtered + b.filtered,
        duplicate: a.duplicate + b.duplicate,
        late: a.late + b.late,
        counted: a.counted + b.counted,
    }
}
