//! What the workers of an audit note of events as they read them.

use super::lags::Lags;
use crate::batch::Batch;
use crate::plan::{GroupingId, PerId, Plan};
use crate::window::Window;

/// The notes of one worker, or of all.
pub struct Observed {
    /// Events that were read.
    pub events: u64,
    /// How far those that came behind the watermark generator were behind.
    pub lags: Lags,
    /// How far those with a time after their arrival were ahead.
    pub ahead: Lags,
    /// Per grouping of the plan.
    pub groupings: PerId<GroupingId, OfGrouping>,
    /// How far the rule of the watermark is ahead of the greatest event time.
    rule_ahead: i64,
}

/// The notes on one grouping.
pub struct OfGrouping {
    /// Its events, those in gaps between windows among them: these can be late too.
    pub events: u64,
    /// Per delay, the events that are late for every window at it.
    pub late: Vec<u64>,
    /// For events that are late for every window at a delay of 0, the greatest delay at which they are.
    pub needs: Lags,
    delays: Vec<i64>,
    /// Gap and allowed lateness of sessions together.
    kept: i64,
}

impl Observed {
    pub fn new(plan: &Plan) -> Observed {
        let groupings = plan.pipeline.groupings.iter().map(|g| {
            let lateness = g.plan.lateness.as_ref();
            let delays = lateness.map_or(vec![], |l| l.delays.clone());
            let allowed = lateness.map_or(0, |l| l.allowed_of(&g.plan.window));
            let kept = match g.plan.window {
                Window::Session { gap } => gap.saturating_add(allowed),
                _ => 0,
            };
            OfGrouping { events: 0, late: vec![0; delays.len()], needs: Lags::default(), delays, kept }
        });
        Observed {
            events: 0,
            lags: Lags::default(),
            ahead: Lags::default(),
            groupings: groupings.collect(),
            rule_ahead: plan.pipeline.watermark.rule.ahead(),
        }
    }

    /// Notes the rows of a batch as they were read.
    pub fn events(&mut self, batch: &Batch) {
        self.events += batch.rows as u64;
        for (&time, &max_timestamp) in batch.time.iter().zip(&batch.max_timestamp) {
            // Before the first event there is no greatest time.
            let greatest = max_timestamp.saturating_sub(self.rule_ahead);
            if greatest > time {
                self.lags.add(greatest - time);
            }
        }
        for (&time, &arrival) in batch.time.iter().zip(&batch.arrival) {
            if time > arrival {
                self.ahead.add(time - arrival);
            }
        }
    }

    /// Notes the rows that were folded into grouping `g`.
    pub fn grouping(&mut self, g: GroupingId, batch: &Batch, needs: &[i64]) {
        let of = &mut self.groupings[g];
        of.events += batch.rows as u64;
        for &need in needs {
            of.needs.add(need);
            // Delays ascend, and an event that is late at one delay is late at all smaller ones.
            let late = of.delays.partition_point(|delay| *delay <= need);
            of.late[..late].iter_mut().for_each(|count| *count += 1);
        }
    }

    /// Notes the rows of a grouping of sessions, of which replays will tell how many are late.
    pub fn sessions(&mut self, g: GroupingId, batch: &Batch) {
        let of = &mut self.groupings[g];
        of.events += batch.rows as u64;
        for (&time, &max_timestamp) in batch.time.iter().zip(&batch.max_timestamp) {
            // This counts the event as a session of its own; replays know which others it joins.
            if time.saturating_add(of.kept) <= max_timestamp {
                of.needs.add(max_timestamp - time - of.kept);
            }
        }
    }

    /// Takes in the notes of another worker.
    pub fn merge(&mut self, other: &Observed) {
        self.events += other.events;
        self.lags.merge(&other.lags);
        self.ahead.merge(&other.ahead);
        for (of, other) in self.groupings.iter_mut().zip(&other.groupings) {
            of.events += other.events;
            of.late.iter_mut().zip(&other.late).for_each(|(a, b)| *a += b);
            of.needs.merge(&other.needs);
        }
    }
}
