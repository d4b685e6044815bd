//! The bad records of one piece of work, on their way to the rejects.
//!
//! # Contract
//! Memory is bounded, however many of the records are bad: where they are kept aside they are handed over in
//! pieces, and where a scan stops at the first one, it is the only one that is kept.

use super::rejects::RejectStore;
use super::{BadRecord, OnBadRecord};
use crate::batch::Position;
use crate::error::Result;
use std::sync::{Mutex, PoisonError};

/// What is handed over at once, in bytes.
const PIECE: usize = 1 << 20;

/// Takes bad records, in any order.
pub(super) struct BadRecords<'a> {
    stops: bool,
    store: Option<&'a Mutex<RejectStore>>,
    /// The first at which the scan stops.
    first: Option<BadRecord>,
    kept: Vec<BadRecord>,
    kept_bytes: usize,
    handed: Result<u64>,
}

/// The bad records of a piece of work.
#[derive(Debug)]
pub(super) struct Bad {
    /// Those that were not handed over, in position order: all of them where there was nobody to take them. Where
    /// the scan stops at one, the first such one is here.
    pub records: Vec<BadRecord>,
    /// How many were handed over; or why they could not be.
    pub handed: Result<u64>,
}

impl<'a> BadRecords<'a> {
    /// Hands records over to `store`, where there is one.
    pub(super) fn new(on: OnBadRecord, store: Option<&'a Mutex<RejectStore>>) -> BadRecords<'a> {
        let stops = on == OnBadRecord::Fail;
        BadRecords { stops, store, first: None, kept: vec![], kept_bytes: 0, handed: Ok(0) }
    }

    /// Takes a record.
    pub(super) fn add(&mut self, bad: BadRecord) {
        if self.stops && !bad.aside {
            if !self.stops_before(bad.position) {
                self.first = Some(bad);
            }
            return;
        }
        self.kept_bytes += bad.bytes();
        self.kept.push(bad);
        // One lock for a whole piece: a lock for each record would hold up the other workers.
        if let Some(store) = self.store.filter(|_| self.kept_bytes > PIECE)
            && let Ok(handed) = &mut self.handed
        {
            *handed += self.kept.len() as u64;
            let kept = std::mem::take(&mut self.kept);
            self.kept_bytes = 0;
            if let Err(error) = store.lock().unwrap_or_else(PoisonError::into_inner).add(kept) {
                self.handed = Err(error);
            }
        }
    }

    /// Whether the scan stops at a record at `position` or before, so that what comes behind decides nothing.
    pub(super) fn stops_before(&self, position: Position) -> bool {
        self.first.as_ref().is_some_and(|first| first.position <= position)
    }

    /// Whether the scan stops at one of the records.
    pub(super) fn stops(&self) -> bool {
        self.first.is_some()
    }

    /// What was taken and not handed over.
    pub(super) fn finish(self) -> Bad {
        let mut records = self.kept;
        records.extend(self.first);
        // Columns are decoded one after the other, so a later row may have its fault noted first.
        records.sort_by_key(|bad| bad.position);
        Bad { records, handed: self.handed }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bad(place: u64, aside: bool) -> BadRecord {
        let position = Position::new(0, place);
        BadRecord { position, column: None, reason: "x".repeat(1000), hint: None, raw: vec![], aside }
    }

    #[test]
    fn where_a_scan_stops_the_first_by_position_is_kept() {
        let mut records = BadRecords::new(OnBadRecord::Fail, None);
        [7, 3, 9, 4].into_iter().for_each(|place| records.add(bad(place, false)));
        records.add(bad(1, true));
        assert!(records.stops() && records.stops_before(Position::new(0, 3)));
        assert!(!records.stops_before(Position::new(0, 2)));
        let places: Vec<u64> = records.finish().records.iter().map(|bad| bad.position.place()).collect();
        assert_eq!(places, [1, 3]);
    }

    #[test]
    fn what_is_kept_aside_is_handed_over_in_pieces() {
        let store = Mutex::new(RejectStore::new(64 << 20));
        let mut records = BadRecords::new(OnBadRecord::Reject, Some(&store));
        for place in 0..10_000 {
            records.add(bad(place, false));
            assert!(records.kept_bytes <= PIECE);
        }
        let Bad { records, handed } = records.finish();
        assert!(!records.is_empty() && records.len() as u64 + handed.unwrap() == 10_000);
    }
}
