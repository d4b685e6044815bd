//! The watermark of a step, as a function of the merged order of all logs.

use crate::batch::Moment;

/// The watermark of one log from a moment on; [`i64::MAX`] where the log is idle and holds nothing.
pub type WatermarkChange = (Moment, i64);

/// The watermark of a step: the moments at which it moves on, and what it is from there on. Both ascend.
#[derive(Debug, Default)]
pub struct Timeline {
    moments: Vec<Moment>,
    watermarks: Vec<i64>,
}

impl Timeline {
    /// The least watermark of what comes in and of a table, each given by its changes in order; it never goes back. What has
    /// not changed so far holds it at the lowest value. Changes after `end` are not seen.
    pub fn least(
        incoming: Option<impl Iterator<Item = WatermarkChange>>,
        table: &[WatermarkChange],
        end: i64,
    ) -> Timeline {
        let mut timeline = Timeline::default();
        // Without what comes in, it does not hold anything.
        let mut now = (if incoming.is_some() { i64::MIN } else { i64::MAX }, i64::MIN);
        let mut incoming = incoming.into_iter().flatten().peekable();
        let mut table = table.iter().copied().peekable();
        let mut least = i64::MIN;
        loop {
            let heads = incoming.peek().into_iter().chain(table.peek());
            let Some(moment) = heads.map(|change| change.0).min().filter(|moment| moment.clock <= end) else {
                return timeline;
            };
            // Both may move at one moment, and the step sees both at once.
            while let Some(change) = incoming.next_if(|change| change.0 == moment) {
                now.0 = change.1;
            }
            while let Some(change) = table.next_if(|change| change.0 == moment) {
                now.1 = change.1;
            }
            let both = now.0.min(now.1);
            // Where all is idle the watermark stays, and where a table is awake again it does not go back.
            if both > least && both != i64::MAX {
                least = both;
                timeline.moments.push(moment);
                timeline.watermarks.push(both);
            }
        }
    }

    /// The moments at which it moves, and what it is from there on.
    pub fn changes(&self) -> impl Iterator<Item = WatermarkChange> {
        self.moments.iter().copied().zip(self.watermarks.iter().copied())
    }

    /// What the watermark was just before `moment`; [`i64::MIN`] before it had a value.
    pub fn before(&self, moment: &Moment) -> i64 {
        let after = self.moments.partition_point(|change| change < moment);
        after.checked_sub(1).map_or(i64::MIN, |at| self.watermarks[at])
    }

    /// When the watermark passes `time`, if it does.
    pub fn passes(&self, time: i64) -> Option<Moment> {
        self.moments.get(self.watermarks.partition_point(|watermark| *watermark <= time)).copied()
    }

    /// Bytes of memory held.
    pub fn bytes(&self) -> usize {
        self.moments.len() * size_of::<Moment>() + self.watermarks.len() * 8
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::batch::Position;

    fn at(clock: i64, log: u16) -> Moment {
        Moment::of(clock, log, Position::new(0, 7))
    }

    #[test]
    fn the_least_of_two_logs_never_goes_back_and_an_idle_log_holds_nothing() {
        let table = [(at(2, 0), 10), (Moment::first_at(6), i64::MAX), (at(9, 0), 11)];
        let source = [(at(1, 5), 1), (at(3, 5), 30), (at(7, 5), 40), (at(20, 5), 90)];
        let step = Timeline::least(Some(source.into_iter()), &table, 19);
        let expected = [(at(2, 0), 1), (at(3, 5), 10), (Moment::first_at(6), 30), (at(7, 5), 40)];
        assert_eq!(step.changes().collect::<Vec<_>>(), expected);
        assert_eq!(step.before(&at(2, 0)), i64::MIN);
        assert_eq!((step.before(&at(2, 1)), step.before(&at(50, 0))), (1, 40));
        assert_eq!((step.passes(9), step.passes(10)), (Some(at(3, 5)), Some(Moment::first_at(6))));
        assert_eq!(step.passes(40), None);
    }
}
