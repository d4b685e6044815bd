//! Where rows of a key end: places that are deletes.
//!
//! # Contract
//! * A place that is a delete has no row. Backward, an event after it finds nothing; forward, the next row is looked for.
//! * With `fill`, no value is taken from before a delete for a row after it, nor the other way round.

use super::bits::BitIndex;
use super::place::NONE;

/// Where rows of keys end.
#[derive(Debug)]
pub struct Lives {
    /// The places that have a row.
    live: BitIndex,
    /// Deletes, and rows that come after a delete of the same instant.
    ends: BitIndex,
}

/// What a place is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Life {
    /// A row.
    Row,
    /// A row that comes after a delete of the same instant.
    Again,
    /// A delete.
    Ended,
}

impl Lives {
    /// What `places` are; nothing where no row ends.
    pub fn new(places: &[Life]) -> Option<Lives> {
        let live = BitIndex::new(places.iter().map(|place| *place != Life::Ended));
        let ends = BitIndex::new(places.iter().map(|place| *place != Life::Row));
        places.iter().any(|place| *place != Life::Row).then_some(Lives { live, ends })
    }

    /// Of the places before and after a needle those with a row: none before where the row has ended.
    #[inline]
    pub fn around(&self, (before, after): (u32, u32)) -> (u32, u32) {
        let ended = before != NONE && !self.live.get(before);
        (if ended { NONE } else { before }, self.live.first_from(after).unwrap_or(NONE))
    }

    /// Of the rows `found`, which have a value, those that are of one life with the rows `around` the needle.
    #[inline]
    pub fn of_one_life(&self, around: (u32, u32), found: (u32, u32)) -> (u32, u32) {
        let (mut before, mut after) = found;
        // A value from before the last delete belongs to an earlier life of the key.
        if around.0 == NONE
            || self.ends.last_up_to(around.0).is_some_and(|end| before != NONE && end > before)
        {
            before = NONE;
        }
        // `after` was found from `around.1` on, so that is not `NONE`, and the sum does not overflow.
        if after != NONE && self.ends.first_from(around.1 + 1).is_some_and(|end| end <= after) {
            after = NONE;
        }
        (before, after)
    }

    /// Bytes of memory held.
    pub fn bytes(&self) -> usize {
        self.live.bytes() + self.ends.bytes()
    }
}
