//! What the workers of an audit note of events as they read them.

use super::lags::Lags;
use crate::batch::Batch;
use crate::plan::{GroupingId, PerId, Plan};
use crate::window::{Assigner, Window};

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
}

/// The notes on one grouping.
pub struct OfGrouping {
    /// Events that fall in its windows.
    pub events: u64,
    /// Per delay, the events that are late for every window at it.
    pub late: Vec<u64>,
    /// For events that are late for every window at a delay of 0, the greatest delay at which they are.
    pub needs: Lags,
    delays: Vec<i64>,
    /// Gap and allowed lateness of sessions together.
    kept: i64,
    /// Tells which events fall in no window, where that can be.
    gaps: Option<Assigner>,
}

impl Observed {
    pub fn new(plan: &Plan) -> Observed {
        let groupings = plan.pipeline.groupings.iter().map(|g| {
            let lateness = g.plan.lateness.as_ref();
            let delays = lateness.map_or(vec![], |l| l.delays.clone());
            let allowed = lateness.map_or(0, |l| l.allowed);
            let kept = match g.plan.window {
                Window::Session { gap } => gap.saturating_add(allowed),
                _ => 0,
            };
            let gaps = g.plan.window.has_gaps().then(|| Assigner::new(g.plan.window, g.plan.zone.clone()));
            OfGrouping { events: 0, late: vec![0; delays.len()], needs: Lags::default(), delays, kept, gaps }
        });
        Observed { events: 0, lags: Lags::default(), ahead: Lags::default(), groupings: groupings.collect() }
    }

    /// Notes the rows of a batch as they were read.
    pub fn events(&mut self, batch: &Batch) {
        self.events += batch.rows as u64;
        for (&time, &max_timestamp) in batch.time.iter().zip(&batch.max_timestamp) {
            if max_timestamp > time {
                self.lags.add(max_timestamp - time);
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
        of.events += match &mut of.gaps {
            None => batch.rows as u64,
            Some(assigner) => {
                let mut windows = vec![];
                let mut within = |time: &i64| {
                    assigner.windows(*time, &mut windows);
                    !windows.is_empty()
                };
                batch.time.iter().filter(|time| within(time)).count() as u64
            }
        };
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
