//! Values of key columns as words of 100 bits, and the codes of words.
//!
//! A lookup loads one cache line and has no branch on what it finds there: of a table that is larger than the second-level cache
//! many lookups wait for the memory at once. (hashbrown, and entries of 24 bytes in a table with linear probing, took up to
//! twice the time.)

use arrow_data::MAX_INLINE_VIEW_LEN;
use std::hint::select_unpredictable;

#[inline]
pub(super) fn hash_word(word: u128) -> u64 {
    // A folded 64×64 multiplication, as in wyhash and foldhash.
    let low = (word as u64) ^ 0x9E37_79B9_7F4A_7C15;
    let high = ((word >> 64) as u64) ^ 0xD6E8_FEB8_6659_FD93;
    let product = u128::from(low) * u128::from(high);
    (product as u64) ^ ((product >> 64) as u64)
}

/// Stands for "no code".
pub(super) const NONE: u32 = u32::MAX;

/// A value: a number whose sign reaches over the bits that are missing, or the bytes and the length of a string of at most 12
/// bytes. The low 28 bits are zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct KeyWord(pub(super) u128);

impl KeyWord {
    /// How many low bits are zero: a table has the code there.
    pub(super) const SHIFT: u32 = 28;
    /// Those bits.
    pub(super) const LOW: u32 = (1 << KeyWord::SHIFT) - 1;

    /// The word of a number's key, if it is not too large.
    #[inline(always)]
    pub(super) fn of_number(key: u128) -> Option<KeyWord> {
        let word = KeyWord(key << KeyWord::SHIFT);
        (word.number() == key).then_some(word)
    }

    /// The key of a number's word.
    #[inline(always)]
    pub(super) fn number(self) -> u128 {
        (self.0 as i128 >> KeyWord::SHIFT) as u128
    }

    /// The word of a string, if its view has all of it.
    #[inline(always)]
    pub(super) fn of_view(view: u128) -> Option<KeyWord> {
        (view as u32 <= MAX_INLINE_VIEW_LEN).then(|| KeyWord::of_short_view(view))
    }

    /// The same of a view that has.
    #[inline(always)]
    pub(super) fn of_short_view(view: u128) -> KeyWord {
        // Arrow pads such a view with zeros, so equal strings have equal views; the length stands in their low 32 bits.
        KeyWord(view >> 32 << 32 | (view & 0xf) << KeyWord::SHIFT)
    }

    /// The string of its word, put into `room`.
    pub(super) fn text(self, room: &mut [u8; 16]) -> &[u8] {
        *room = self.0.to_le_bytes();
        &room[4..4 + (self.0 as u32 >> KeyWord::SHIFT) as usize]
    }
}

/// Larger tables are not in the second-level cache of a core.
const FAR: usize = 512 << 10;

/// Words and their codes.
#[derive(Default)]
pub(super) struct WordTable {
    /// A power of two of them, or none. At most half full; a word is in the first bucket from its own on that had room for it.
    buckets: Vec<WordBucket>,
    len: usize,
}

/// A cache line: words, with their code and one in the low bits; zero where there is none.
#[derive(Clone, Copy, Default)]
#[repr(align(64))]
struct WordBucket([u128; 4]);

impl WordBucket {
    /// The code of `word`; [`NONE`] if it is not here.
    #[inline(always)]
    fn code(&self, word: KeyWord) -> u32 {
        let (low, high) = (word.0 as u64, (word.0 >> 64) as u64);
        // From the end, as what is free looks like the word of zero: where that has an entry, the free ones are behind it.
        let found = self.0.iter().rev().fold(0, |found, &entry| {
            let differ = (entry as u64 ^ low, (entry >> 64) as u64 ^ high);
            // A branch would wait for the memory.
            let same = ((differ.0 >> KeyWord::SHIFT) | differ.1) == 0;
            select_unpredictable(same, differ.0 as u32, found)
        });
        found.wrapping_sub(1)
    }
}

impl WordTable {
    /// Whether it is too large for the cache of a core, so that it helps to [fetch](WordTable::fetch) what is looked up later.
    pub(super) fn is_far(&self) -> bool {
        self.bytes() > FAR
    }

    /// Begins to fetch the bucket of `word`: a thousand of them can be under way, where of lookups a dozen are.
    #[inline(always)]
    pub(super) fn fetch(&self, word: KeyWord) {
        let Some(mask) = self.buckets.len().checked_sub(1) else { return };
        let bucket = &self.buckets[hash_word(word.0) as usize & mask];
        #[cfg(target_arch = "x86_64")]
        // SAFETY: SSE is part of x86-64; a hint reads nothing.
        unsafe {
            use std::arch::x86_64::*;
            _mm_prefetch::<_MM_HINT_T0>(std::ptr::from_ref(bucket).cast());
        }
        #[cfg(not(target_arch = "x86_64"))]
        let _ = bucket;
    }

    /// What looks up words: the code of one that lies in its own bucket; else [`NONE`], which says nothing.
    pub(super) fn glances(&self) -> impl Fn(KeyWord) -> u32 {
        let buckets = self.buckets.as_slice();
        move |word| {
            // A table without buckets does not have a mask.
            let Some(mask) = buckets.len().checked_sub(1) else { return NONE };
            buckets[hash_word(word.0) as usize & mask].code(word)
        }
    }

    /// The code of `word`, which is `next` if it is new; `None` if it is and there is no room for that code.
    pub(super) fn code(&mut self, word: KeyWord, next: u32) -> Option<u32> {
        if self.len * 2 >= self.buckets.len() * 4 {
            self.grow();
        }
        let mask = self.buckets.len() - 1;
        let mut at = hash_word(word.0) as usize & mask;
        // At least half of the table is free, so the loop ends.
        loop {
            let bucket = &mut self.buckets[at];
            let code = bucket.code(word);
            if code != NONE {
                return Some(code);
            }
            if let Some(free) = bucket.0.iter_mut().find(|entry| **entry == 0) {
                if next >= KeyWord::LOW {
                    return None;
                }
                *free = word.0 | u128::from(next + 1);
                self.len += 1;
                return Some(next);
            }
            at = (at + 1) & mask;
        }
    }

    fn grow(&mut self) {
        let size = (self.buckets.len() * 2).max(16);
        let old = std::mem::replace(&mut self.buckets, vec![WordBucket::default(); size]);
        for entry in old.iter().flat_map(|bucket| bucket.0).filter(|entry| *entry != 0) {
            let mut at = hash_word(entry & !u128::from(KeyWord::LOW)) as usize & (size - 1);
            loop {
                if let Some(free) = self.buckets[at].0.iter_mut().find(|entry| **entry == 0) {
                    *free = entry;
                    break;
                }
                at = (at + 1) & (size - 1);
            }
        }
    }

    pub(super) fn bytes(&self) -> usize {
        self.buckets.capacity() * size_of::<WordBucket>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_has_no_room_for_codes_that_are_too_large() {
        let (mut table, word) = (WordTable::default(), |n: u128| KeyWord::of_number(n).unwrap());
        assert_eq!(table.code(word(1), KeyWord::LOW - 1), Some(KeyWord::LOW - 1));
        assert_eq!(table.code(word(2), KeyWord::LOW), None);
        let glance = table.glances();
        assert_eq!((glance(word(1)), glance(word(2))), (KeyWord::LOW - 1, NONE));
    }

    #[test]
    fn zero_is_a_word_as_others_are() {
        for before in 0..20 {
            let (mut table, word) = (WordTable::default(), |n: u128| KeyWord::of_number(n).unwrap());
            for n in 1..=before {
                assert_eq!(table.code(word(n), n as u32), Some(n as u32));
            }
            assert_eq!(table.glances()(word(0)), NONE);
            assert_eq!(table.code(word(0), 99), Some(99));
            assert_eq!(table.code(word(0), 100), Some(99));
        }
    }

    #[test]
    fn numbers_of_a_hundred_bits_are_words() {
        for bits in 0..127 {
            for number in [1i128 << bits, -(1i128 << bits), (1i128 << bits) - 1] {
                let fits = (-(1i128 << 99)..1 << 99).contains(&number);
                assert_eq!(
                    KeyWord::of_number(number as u128).map(KeyWord::number),
                    fits.then_some(number as u128)
                );
            }
        }
    }
}
