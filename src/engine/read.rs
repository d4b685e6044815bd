//! What a pass gives.

use super::held::HeldKeys;
use super::late::{LatePositions, LateStore};
use super::observed::Observed;
use super::offsets::Offsets;
use super::replay::SessionStore;
use super::stage_log::Resolution;
use super::streams::WaitingEvents;
use super::tally::Tally;
use super::watermark::WatermarkGenerator;
use crate::group::{GroupTable, SpillSpace};
use crate::input::{InputReport, ScanReport};
use crate::plan::{GroupingId, PerId, Plan, Step};
use crate::rows::RowStore;

/// What reading gives: partial groups per grouping, rows per output of events.
pub struct PassResult {
    /// Of each intake.
    pub reports: Vec<ScanReport>,
    pub tally: Tally,
    pub groups: PerId<GroupingId, (Vec<GroupTable>, SpillSpace)>,
    pub rows: Vec<Vec<RowStore>>,
    /// The rows of archives.
    pub archives: Vec<Vec<RowStore>>,
    /// Which of those rows come again, and flags of them, where that was not known before.
    pub resolution: Option<Resolution>,
    /// The keys that steps hold, where they are asked for.
    pub held: Vec<HeldKeys>,
    /// The events that wait at streamed steps, where they are asked for.
    pub waiting: Vec<WaitingEvents>,
    /// The watermark of the last step after all that was seen, where steps are streamed.
    pub watermark: Option<i64>,
    pub late: Vec<LateStore>,
    /// Of the rows in `late` those that are late in the end, where only a replay could tell.
    pub late_only: Option<LatePositions>,
    /// The watermark generator at the end of the log, if the plan has a watermark.
    pub generator: Option<WatermarkGenerator>,
    /// Of an audit: the rows of each grouping of sessions, and what the workers noted.
    pub sessions: Vec<Vec<SessionStore>>,
    pub observed: Option<Observed>,
    /// The offsets of a log that tells them.
    pub offsets: Option<Offsets>,
    pub spilled: bool,
}

impl PassResult {
    /// The watermark that windows go by, after the last record; none where it had no value.
    pub fn watermark_at_end(&self, plan: &Plan) -> Option<i64> {
        // Before the first event the watermark generator has the lowest value, which is not a time.
        let max_timestamp = self.generator.as_ref().map(WatermarkGenerator::max_timestamp);
        let max_timestamp = max_timestamp.filter(|max_timestamp| *max_timestamp != i64::MIN);
        let source = max_timestamp?.saturating_sub(plan.pipeline.watermark.out_of_orderness);
        let through_tables = plan.pipeline.steps.iter().any(|step| match step {
            Step::Enrich(enrich) => plan.pipeline.arriving(enrich).is_some(),
            _ => false,
        });
        // Of a step with a table it is the least of both logs; what the steps know may leave out the source.
        let last = self.watermark.filter(|_| through_tables);
        last.map_or(Some(source), |last| (last != i64::MIN).then(|| source.min(last)))
    }

    /// The files that were read, intake by intake.
    pub fn inputs(&mut self) -> Vec<InputReport> {
        self.reports.iter_mut().flat_map(|report| std::mem::take(&mut report.inputs)).collect()
    }
}
