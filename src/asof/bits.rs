//! Which rows have a value, with the nearest one that has found in the logarithm of their number.

/// Bits, and above every 64 of them one that says whether any is set, and so on up.
#[derive(Debug, Default)]
pub struct BitIndex {
    levels: Vec<Vec<u64>>,
}

impl BitIndex {
    /// As many bits as `set` gives.
    pub fn new(set: impl Iterator<Item = bool>) -> BitIndex {
        let mut words = vec![];
        for (i, set) in set.enumerate() {
            if i % 64 == 0 {
                words.push(0);
            }
            words[i / 64] |= u64::from(set) << (i % 64);
        }
        BitIndex::of_words(words)
    }

    /// The bits of some words.
    pub fn of_words(words: Vec<u64>) -> BitIndex {
        let mut levels = vec![words];
        while let Some(below) = levels.last().filter(|below| below.len() > 1) {
            let above = below.chunks(64).map(|words| {
                words.iter().enumerate().fold(0, |all, (i, &word)| all | u64::from(word != 0) << i)
            });
            levels.push(above.collect());
        }
        BitIndex { levels }
    }

    /// The bits, 64 to a word.
    pub fn words(&self) -> &[u64] {
        &self.levels[0]
    }

    /// Whether bit `i` is set.
    #[inline]
    pub fn get(&self, i: u32) -> bool {
        self.levels[0][i as usize / 64] >> (i % 64) & 1 != 0
    }

    /// The last set bit at or before `i`.
    #[inline]
    pub fn last_up_to(&self, i: u32) -> Option<u32> {
        // A level has 64 times fewer words than the one below, so a long gap of NULLs costs a few words.
        let mut at = i as usize;
        for (level, words) in self.levels.iter().enumerate() {
            // The shift is at most 63: one by 64 bits would overflow.
            let below = words[at / 64] & (u64::MAX >> (63 - at % 64));
            if below != 0 {
                let found = at / 64 * 64 + 63 - below.leading_zeros() as usize;
                return Some(self.descend(level, found, |word| 63 - word.leading_zeros()));
            }
            // The word itself has been looked at, so above it only the words before it count.
            at = (at / 64).checked_sub(1)?;
        }
        None
    }

    /// The first set bit at or after `i`.
    #[inline]
    pub fn first_from(&self, i: u32) -> Option<u32> {
        let mut at = i as usize;
        for (level, words) in self.levels.iter().enumerate() {
            let above = words.get(at / 64)? & (u64::MAX << (at % 64));
            if above != 0 {
                let found = at / 64 * 64 + above.trailing_zeros() as usize;
                return Some(self.descend(level, found, u64::trailing_zeros));
            }
            at = at / 64 + 1;
        }
        None
    }

    /// From a set bit of a level down to one of the bits that it stands for.
    fn descend(&self, level: usize, found: usize, choose: impl Fn(u64) -> u32) -> u32 {
        let down = |at: usize, words: &Vec<u64>| at * 64 + choose(words[at]) as usize;
        self.levels[..level].iter().rev().fold(found, down) as u32
    }

    /// Bytes of memory held.
    pub fn bytes(&self) -> usize {
        self.levels.iter().map(|words| words.len() * 8).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_set_bit_is_found_over_long_runs() {
        for len in [1, 63, 64, 65, 4_096, 4_097, 300_000u32] {
            for step in [1, 3, 64, 5_000, 1_000_000] {
                let set = |i: u32| i % step == step / 2;
                let bits = BitIndex::new((0..len).map(set));
                for i in (0..len).filter(|i| i % 97 == 0 || i + 2 > len) {
                    let last = (0..=i).rev().find(|&i| set(i));
                    let first = (i..len).find(|&i| set(i));
                    assert_eq!(
                        (bits.get(i), bits.last_up_to(i), bits.first_from(i)),
                        (set(i), last, first),
                        "{len} {step} {i}"
                    );
                }
                assert_eq!(
                    BitIndex::of_words(bits.words().to_vec()).last_up_to(len - 1),
                    bits.last_up_to(len - 1)
                );
                assert_eq!(bits.first_from(len), None);
            }
        }
    }
}
