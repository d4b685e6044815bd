//! Which pane an instant lies in, for most instants without a search.
//!
//! Events come roughly in order, but those that come late lie anywhere in the hours before: whether an event lies in the slice of
//! the one before it cannot be guessed, and to ask a table of slices takes the start of the slice first. So time is cut
//! into places, of microseconds by a power of two, that are no longer than slices: each has parts of at most two of them.

use super::pane::NONE;
use crate::time::TimeRange;
use std::hint::select_unpredictable;

/// How many places are known: of those that share one the latest. A bit more than a day of windows of a minute.
const PLACES: usize = 4096;

/// What is known of the panes of slices.
pub struct NearbyPanes {
    /// How many low bits of an instant do not tell its place.
    shift: u32,
    places: Box<[Place]>,
}

/// The pane of the instants of a place before `cut`, and that of the others; [`NONE`] where it is not known.
#[derive(Clone, Copy)]
struct Place {
    /// What its instants have in common.
    high: i64,
    cut: i64,
    before: u32,
    after: u32,
}

impl NearbyPanes {
    /// Nothing is known.
    pub fn new() -> NearbyPanes {
        let place = Place { high: 0, cut: 0, before: NONE, after: NONE };
        NearbyPanes { shift: i64::BITS - 1, places: vec![place; PLACES].into() }
    }

    /// The pane of the slice that `instant` lies in; [`NONE`] says nothing.
    #[inline(always)]
    pub fn get(&self, instant: i64) -> u32 {
        let high = instant >> self.shift;
        let place = &self.places[high as usize % PLACES];
        let pane = select_unpredictable(instant < place.cut, place.before, place.after);
        if place.high == high { pane } else { NONE }
    }

    /// Notes the pane of a slice, in which `instant` lies. Slices do not overlap.
    pub fn put(&mut self, instant: i64, slice: TimeRange, pane: u32) {
        let shift = slice.end.saturating_sub(slice.start).max(1).ilog2();
        if shift < self.shift {
            *self = NearbyPanes { shift, ..NearbyPanes::new() };
        }
        let high = instant >> self.shift;
        let first = high << self.shift;
        let last = first + ((1 << self.shift) - 1);
        let place = &mut self.places[high as usize % PLACES];
        // No slice lies inside of a place with others on both sides, as none is shorter.
        let is_first = slice.start <= first;
        let cut = match is_first {
            true if slice.end > last => i64::MAX,
            true => slice.end,
            false => slice.start,
        };
        if (place.high, place.cut) != (high, cut) {
            *place = Place { high, cut, before: NONE, after: NONE };
        }
        *(if is_first { &mut place.before } else { &mut place.after }) = pane;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// Slices of any lengths, found in any order: what is said is right, and what was noted last is known.
        #[test]
        fn panes_are_those_of_their_slices(
            lengths in prop::collection::vec(1..200i64, 1..40),
            scale in prop::sample::select(vec![1i64, 7, 1 << 30]),
            first in -4000..1000i64,
            instants in prop::collection::vec((0..5000i64, any::<bool>()), 1..400),
        ) {
            let mut starts = vec![first * scale];
            for length in lengths {
                starts.push(starts[starts.len() - 1] + length * scale);
            }
            let mut nearby = NearbyPanes::new();
            let (from, end) = (starts[0], starts[starts.len() - 1]);
            for (at, noted) in instants {
                let instant = from + (at * scale + at % scale) % (end - from);
                let pane = starts.partition_point(|&start| start <= instant) - 1;
                let said = nearby.get(instant);
                prop_assert!(said == NONE || said == pane as u32);
                if noted {
                    nearby.put(instant, TimeRange { start: starts[pane], end: starts[pane + 1] }, pane as u32);
                    prop_assert_eq!(nearby.get(instant), pane as u32);
                }
            }
        }
    }

    #[test]
    fn all_of_time_may_be_one_slice() {
        let mut nearby = NearbyPanes::new();
        nearby.put(-5, TimeRange::ALL, 3);
        assert_eq!((nearby.get(-5), nearby.get(-6)), (3, 3));
    }

    #[test]
    fn late_events_of_a_day_are_found_without_a_search() {
        let minute = 60_000_000;
        let slice = |n: i64| TimeRange { start: n * minute, end: (n + 1) * minute };
        let mut nearby = NearbyPanes::new();
        let seconds = |n: i64| (0..60).map(move |second| n * minute + second * 1_000_000);
        for n in 0..1440 {
            seconds(n).for_each(|instant| nearby.put(instant, slice(n), n as u32));
        }
        for n in 0..1440 {
            assert!(seconds(n).all(|instant| nearby.get(instant) == n as u32));
        }
    }
}
