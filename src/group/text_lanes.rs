//! Hashes and comparisons of texts for the tables of keys, in the widest registers of the machine.
//!
//! # Contract
//! A hash says where a text lies in a table and nothing else: it is another one on another machine, and no result has it.

use super::key_words::hash_word;

/// A way to look at texts, the same for all of a run.
pub(super) trait TextLanes: Copy {
    fn hash(self, text: &[u8]) -> u64;
    fn same(self, a: &[u8], b: &[u8]) -> bool;
}

/// What is done with lanes. All of it must be `#[inline(always)]`: only what is inlined is compiled for them.
pub(super) trait LaneWork {
    type Output;
    fn run<L: TextLanes>(self, lanes: L) -> Self::Output;
}

/// Does the work with the widest lanes of the machine.
pub(super) fn with_lanes<W: LaneWork>(work: W) -> W::Output {
    #[cfg(target_arch = "x86_64")]
    {
        #[target_feature(enable = "avx512f,avx512bw,vaes,aes")]
        fn whole<W: LaneWork>(work: W, lanes: x86::WholeLanes) -> W::Output {
            work.run(lanes)
        }
        if let Some(lanes) = x86::WholeLanes::new() {
            // SAFETY: who has a `WholeLanes` has these features.
            return unsafe { whole(work, lanes) };
        }
    }
    work.run(WordLanes)
}

/// Words of sixteen bytes, for any machine.
#[derive(Clone, Copy)]
pub(super) struct WordLanes;

impl TextLanes for WordLanes {
    #[inline(always)]
    fn hash(self, text: &[u8]) -> u64 {
        match words_of(text) {
            Some(words) => {
                words.iter().fold(text.len() as u64, |hash, &word| hash.rotate_left(23) ^ hash_word(word))
            }
            None => xxhash_rust::xxh3::xxh3_64(text),
        }
    }

    #[inline(always)]
    fn same(self, a: &[u8], b: &[u8]) -> bool {
        a.len() == b.len()
            && match (words_of(a), words_of(b)) {
                // Not `a == b`, which would store both and call a function.
                (Some(a), Some(b)) => a.iter().zip(&b).fold(0, |differ, (a, b)| differ | (a ^ b)) == 0,
                _ => a == b,
            }
    }
}

/// A text of 16 to 64 bytes as four words, which overlap where it is shorter than they are; `None` of other lengths.
#[inline(always)]
fn words_of(bytes: &[u8]) -> Option<[u128; 4]> {
    let n = bytes.len();
    if !(16..=64).contains(&n) {
        return None;
    }
    // Up to 32 bytes the two in the middle are those at the ends again.
    let middle = if n <= 32 { 0 } else { 16 };
    let word = |at: usize| bytes[at..].first_chunk().map(|word| u128::from_le_bytes(*word));
    Some([word(0)?, word(middle)?, word(n - 16 - middle)?, word(n - 16)?])
}

#[cfg(target_arch = "x86_64")]
pub(super) mod x86 {
    use super::{TextLanes, WordLanes};
    use std::arch::x86_64::*;

    /// Texts of at most 64 bytes in one register.
    #[derive(Clone, Copy)]
    pub(in super::super) struct WholeLanes(());

    impl WholeLanes {
        /// These lanes, if the machine has AVX-512BW, VAES and AES.
        pub(in super::super) fn new() -> Option<WholeLanes> {
            let is_there = is_x86_feature_detected!("avx512f")
                && is_x86_feature_detected!("avx512bw")
                && is_x86_feature_detected!("vaes")
                && is_x86_feature_detected!("aes");
            is_there.then_some(WholeLanes(()))
        }

        /// The text with zeros behind it; of at most 64 bytes.
        #[inline(always)]
        fn load(self, text: &[u8]) -> __m512i {
            let bytes = u64::MAX.checked_shr(64 - text.len() as u32).unwrap_or(0);
            // SAFETY: no byte outside of the text is loaded; who has a `WholeLanes` has AVX-512BW.
            unsafe { _mm512_maskz_loadu_epi8(bytes, text.as_ptr().cast()) }
        }
    }

    impl TextLanes for WholeLanes {
        #[inline(always)]
        fn hash(self, text: &[u8]) -> u64 {
            if text.len() > 64 {
                return WordLanes.hash(text);
            }
            // SAFETY: who has a `WholeLanes` has AVX-512F, VAES and AES.
            unsafe {
                // A quarter is mixed with a key of its own, so that two that change places are another text; the length tells
                // texts apart that end with zeros. Digits of pi.
                let keys = _mm512_set_epi64(
                    0x243F_6A88_85A3_08D3,
                    0x1319_8A2E_0370_7344,
                    0xA409_3822_299F_31D0_u64 as i64,
                    0x082E_FA98_EC4E_6C89,
                    0x4528_21E6_38D0_1377,
                    0xBE54_66CF_34E9_0C6C_u64 as i64,
                    0xC0AC_29B7_C97C_50DD_u64 as i64,
                    0x3F84_D5B5_B547_0917,
                );
                let mixed = _mm512_aesenc_epi128(_mm512_xor_si512(self.load(text), keys), keys);
                let half =
                    _mm256_xor_si256(_mm512_castsi512_si256(mixed), _mm512_extracti64x4_epi64::<1>(mixed));
                let quarter =
                    _mm_xor_si128(_mm256_castsi256_si128(half), _mm256_extracti128_si256::<1>(half));
                let length = _mm_set1_epi64x(text.len() as i64);
                // Two rounds: each bit reaches all others.
                let once = _mm_aesenc_si128(_mm_xor_si128(quarter, length), length);
                _mm_cvtsi128_si64(_mm_aesenc_si128(once, length)) as u64
            }
        }

        #[inline(always)]
        fn same(self, a: &[u8], b: &[u8]) -> bool {
            if a.len() > 64 {
                return a == b;
            }
            // SAFETY: who has a `WholeLanes` has AVX-512BW.
            a.len() == b.len() && unsafe { _mm512_cmpneq_epi8_mask(self.load(a), self.load(b)) == 0 }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    fn check(lanes: impl TextLanes) {
        let text: Vec<u8> = (0..200u8).map(|i| if i % 7 == 0 { 0 } else { i }).collect();
        let mut hashes = HashSet::new();
        for n in 0..text.len() {
            let mut other = text[..n].to_vec();
            assert!(lanes.same(&text[..n], &other));
            assert_eq!(lanes.hash(&text[..n]), lanes.hash(&other));
            assert!(hashes.insert(lanes.hash(&other)), "{n}");
            for at in 0..n {
                other[at] ^= 1;
                assert!(!lanes.same(&text[..n], &other));
                assert!(hashes.insert(lanes.hash(&other)), "{n} {at}");
                other[at] ^= 1;
            }
            other.push(0);
            assert!(!lanes.same(&text[..n], &other));
        }
        // Both ends of a hash are used: there are about as many of each value.
        for shift in [0, 32, 56] {
            let mut counts = [0; 256];
            hashes.iter().for_each(|hash| counts[(hash >> shift) as usize % 256] += 1);
            let mean = hashes.len() / 256;
            assert!(counts.iter().all(|count| (mean / 2..mean * 2).contains(count)), "{shift} {counts:?}");
        }
    }

    #[test]
    fn lanes_tell_texts_apart() {
        check(WordLanes);
        #[cfg(target_arch = "x86_64")]
        if let Some(lanes) = x86::WholeLanes::new() {
            check(lanes);
        }
    }
}
