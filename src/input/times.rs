//! The two times of a record: when it happened, and, where the log says so, when it arrived.

use super::{ReadColumn, ReadPlan, ReadTime};
use crate::batch::DataType;
use crate::time::{Duration, TimeRule};
use std::fmt;

/// What a time of a record is to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TimeRole {
    /// When it happened.
    EventTime,
    /// When it arrived.
    Arrival,
}

impl TimeRole {
    /// The word before `column`.
    pub(super) fn word(self) -> &'static str {
        match self {
            TimeRole::EventTime => "time",
            TimeRole::Arrival => "arrival",
        }
    }
}

impl fmt::Display for TimeRole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            TimeRole::EventTime => "the event time",
            TimeRole::Arrival => "the arrival",
        })
    }
}

impl ReadPlan {
    /// The arrival where it is read of the files; none where it is the event time itself.
    pub(super) fn own_arrival(&self) -> Option<&ReadTime> {
        let own = |arrival: &&ReadTime| **arrival != self.time && !self.derives(&arrival.column);
        self.arrival.as_ref().filter(own)
    }

    /// The event time where it is read of the files; none where every row is of the instant 0, until a derived time is
    /// computed.
    pub(super) fn own_time(&self) -> Option<&ReadTime> {
        // A derived time is computed after decoding, so the decoders must not look for its column.
        let own = |time: &&ReadTime| time.rule != TimeRule::Untimed && !self.derives(&time.column);
        Some(&self.time).filter(own)
    }

    /// The times of a record that are read.
    pub(super) fn times(&self) -> impl Iterator<Item = &ReadTime> {
        self.own_time().into_iter().chain(self.own_arrival())
    }

    /// The arrivals of rows with these event times; `own` are those that [`Self::own_arrival`] gave.
    pub(super) fn arrivals(&self, time: &[i64], own: Vec<i64>) -> Vec<i64> {
        // Also where the arrival is derived: event times hold its place until it is computed.
        if self.arrival.is_some() && self.own_arrival().is_none() { time.to_vec() } else { own }
    }

    /// The time of the record that `column` is a copy of.
    pub(super) fn copied(&self, column: &ReadColumn) -> Option<TimeRole> {
        let is = |time: &ReadTime| column.ty == DataType::Timestamp && time.column == column.name;
        if self.own_time().is_some_and(is) {
            Some(TimeRole::EventTime)
        } else {
            self.arrival.as_ref().filter(|arrival| is(arrival)).map(|_| TimeRole::Arrival)
        }
    }

    /// Why a record is refused for its event time, if that is too far ahead of its arrival.
    #[inline(always)]
    pub(super) fn ahead(&self, time: i64, arrival: i64) -> Option<String> {
        let most = self.max_ahead?;
        (time > arrival.saturating_add(most)).then(|| self.ahead_in_words(time, arrival, most))
    }

    #[cold]
    fn ahead_in_words(&self, time: i64, arrival: i64, most: i64) -> String {
        let (ahead, most) = (Duration::Length(time.saturating_sub(arrival)), Duration::Length(most));
        format!("`{}` is {ahead} ahead of the arrival, but max_ahead is {most}", self.time.column)
    }
}
