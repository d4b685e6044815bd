//! Counts and exact sums of many slots, of which most are small: they are to stay in the cache.
//!
//! # Contract
//! What a slot holds is exact whatever its size: what does not fit the few bytes that each slot has lies beside them, by slot.

use super::accumulator::overflow;
use crate::error::Result;
use hashbrown::HashMap;

type BySlot<T> = HashMap<u32, T, foldhash::fast::FixedState>;

/// The bytes of an entry of [`BySlot`], about.
fn bytes_of<T>(held: &BySlot<T>) -> usize {
    held.capacity() * (size_of::<(u32, T)>() + 1)
}

/// A count for each slot.
#[derive(Default)]
pub struct SlotCounts {
    low: Vec<u8>,
    /// What is above the lowest byte, of counts that are larger.
    high: BySlot<u64>,
}

impl SlotCounts {
    pub fn resize(&mut self, slots: usize) {
        self.low.resize(slots, 0);
    }

    /// Adds one.
    #[inline]
    pub fn count(&mut self, slot: u32) {
        let low = &mut self.low[slot as usize];
        *low = low.wrapping_add(1);
        if *low == 0 {
            *self.high.entry(slot).or_default() += 1;
        }
    }

    #[inline]
    pub fn add(&mut self, slot: u32, count: u64) {
        let low = &mut self.low[slot as usize];
        let sum = u64::from(*low) + (count & 0xff);
        *low = sum as u8;
        // A count fits: 2^63 events are more than any disk holds.
        let more = (sum >> 8) + (count >> 8);
        if more > 0 {
            *self.high.entry(slot).or_default() += more;
        }
    }

    #[inline]
    pub fn get(&self, slot: u32) -> u64 {
        let low = u64::from(self.low[slot as usize]);
        // Where no count is large there is nothing to look for.
        if self.high.is_empty() { low } else { self.high.get(&slot).map_or(0, |high| high << 8) + low }
    }

    /// Of the first `slots` slots, in order.
    pub fn first(&self, slots: usize) -> impl Iterator<Item = u64> {
        (0..slots as u32).map(|slot| self.get(slot))
    }

    pub fn bytes(&self) -> usize {
        self.low.capacity() + bytes_of(&self.high)
    }
}

/// A sum of 128 bits for each slot, or none where nothing was added.
#[derive(Default)]
pub struct SlotSums {
    /// The sum, [`NONE`] or [`WIDE`].
    small: Vec<i64>,
    wide: BySlot<i128>,
}

/// Stands for "no value".
const NONE: i64 = i64::MIN;

/// Stands for "in the map".
const WIDE: i64 = i64::MIN + 1;

impl SlotSums {
    pub fn resize(&mut self, slots: usize) {
        self.small.resize(slots, NONE);
    }

    /// Adds to the sum of `slot`.
    ///
    /// # Errors
    /// A data error where the sum does not fit 128 bits, or is the least number that does, which stands for none where states are
    /// encoded: it is beyond 38 digits anyway.
    #[inline]
    pub fn add(&mut self, slot: u32, value: i128) -> Result<()> {
        let held = &mut self.small[slot as usize];
        let base = if *held == NONE { 0 } else { *held };
        // `WIDE` and numbers near the least one go the long way.
        if let Some(sum) = i64::try_from(value).ok().and_then(|value| base.checked_add(value))
            && sum > WIDE
            && base > WIDE
        {
            *held = sum;
            return Ok(());
        }
        self.add_wide(slot, value)
    }

    #[inline(never)]
    fn add_wide(&mut self, slot: u32, value: i128) -> Result<()> {
        let sum = match self.get(slot) {
            None => Some(value),
            Some(sum) => sum.checked_add(value),
        };
        let sum = sum.filter(|sum| *sum != i128::MIN).ok_or_else(|| overflow("sum"))?;
        self.small[slot as usize] = WIDE;
        self.wide.insert(slot, sum);
        Ok(())
    }

    #[inline]
    pub fn get(&self, slot: u32) -> Option<i128> {
        match self.small[slot as usize] {
            NONE => None,
            WIDE => self.wide.get(&slot).copied(),
            small => Some(small.into()),
        }
    }

    /// Of the first `slots` slots, in order.
    pub fn first(&self, slots: usize) -> impl Iterator<Item = Option<i128>> {
        (0..slots as u32).map(|slot| self.get(slot))
    }

    pub fn bytes(&self) -> usize {
        self.small.capacity() * size_of::<i64>() + bytes_of(&self.wide)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn counts_are_those_of_wide_integers(
            steps in prop::collection::vec((0..3u32, prop::sample::select(vec![0, 1, 1, 100, 255, 256, 257, 1 << 40])), 0..300)
        ) {
            let (mut counts, mut slow) = (SlotCounts::default(), [0u64; 3]);
            counts.resize(3);
            for (slot, count) in steps {
                if count == 1 { counts.count(slot) } else { counts.add(slot, count) }
                slow[slot as usize] += count;
            }
            prop_assert!(counts.first(3).eq(slow));
        }

        #[test]
        fn sums_are_those_of_wide_integers(
            steps in prop::collection::vec((0..3u32, prop::sample::select(vec![
                0, 1, -1, i128::from(i64::MAX), i128::from(i64::MIN), i128::from(i64::MIN) + 1, i128::from(i64::MIN) + 2,
                i128::MAX, -i128::MAX, i128::MIN, 1 << 100, -(1 << 100),
            ])), 0..40)
        ) {
            let (mut sums, mut slow) = (SlotSums::default(), [None::<i128>; 3]);
            sums.resize(3);
            for (slot, value) in steps {
                let sum = slow[slot as usize].unwrap_or(0).checked_add(value).filter(|sum| *sum != i128::MIN);
                let added = sums.add(slot, value);
                prop_assert_eq!(added.is_ok(), sum.is_some());
                if sum.is_some() {
                    slow[slot as usize] = sum;
                }
            }
            prop_assert!(sums.first(3).eq(slow));
        }
    }
}
