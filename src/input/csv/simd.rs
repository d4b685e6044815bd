//! Which of 64 bytes equal a byte, as the bits of an integer: AVX-512, AVX2, SSE2 or plain integers.
//!
//! The loops over blocks are generic over [`Lanes`] and compiled once for each kind; what they
//! give does not depend on the kind. [`dispatch!`](super::simd::dispatch) picks one at run time.

/// 64 bytes of text.
pub(super) type ByteBlock = [u8; 64];

/// A way to compare 64 bytes at once. Bit `i` of a mask stands for byte `i`.
pub(super) trait Lanes: Copy {
    /// 64 bytes in registers.
    type Loaded: Copy;
    /// Loads a block.
    fn load(self, block: &ByteBlock) -> Self::Loaded;
    /// The bytes that equal `byte`.
    fn equal(self, block: Self::Loaded, byte: u8) -> u64;
    /// The bytes above 127.
    fn above_ascii(self, block: Self::Loaded) -> u64;
    /// Writes `base` + the place of each set bit into `out`, which has room for 64, and anything behind them.
    #[inline(always)]
    fn flatten(self, mut bits: u64, base: u32, out: &mut [u32; 64]) {
        // Always eight at a time: a branch that is mostly right beats one for every bit.
        for eight in out.as_chunks_mut::<8>().0 {
            for slot in eight {
                *slot = base.wrapping_add(bits.trailing_zeros());
                bits &= bits.wrapping_sub(1);
            }
            if bits == 0 {
                break;
            }
        }
    }
    /// The value of the last `count` bytes of `text`, 1 to 16, written as `form` says; `None` of anything else, and where
    /// these lanes cannot tell.
    #[inline(always)]
    fn number(self, _text: &[u8; 16], _count: usize, _form: &NumberForm) -> Option<u64> {
        None
    }
}

/// How a number of at most 16 bytes is written: digits, with a point before the last `scale` of them if that is not zero.
#[derive(Debug, Clone, Copy)]
pub(super) struct NumberForm {
    /// 255 where the point is, else 0.
    point: [u8; 16],
    /// Where each digit comes from, as all stand once the point is gone: 255 is a zero.
    order: [u8; 16],
}

impl NumberForm {
    /// Numbers with `scale` digits, at most 14, behind a point; without a point if that is 0.
    pub(super) fn new(scale: usize) -> NumberForm {
        let point = 15 - scale;
        let from = |i: usize| match i {
            _ if scale == 0 || i > point => i as u8,
            0 => u8::MAX,
            _ => i as u8 - 1,
        };
        let is_point = |i: usize| if scale > 0 && i == point { u8::MAX } else { 0 };
        NumberForm { point: std::array::from_fn(is_point), order: std::array::from_fn(from) }
    }
}

/// Eight bytes at a time in plain integers, for any machine.
#[cfg(any(test, not(target_arch = "x86_64")))]
#[derive(Clone, Copy)]
pub(super) struct Portable;

#[cfg(any(test, not(target_arch = "x86_64")))]
const LOW_BITS: u64 = 0x7f7f_7f7f_7f7f_7f7f;
#[cfg(any(test, not(target_arch = "x86_64")))]
const HIGH_BITS: u64 = !LOW_BITS;

#[cfg(any(test, not(target_arch = "x86_64")))]
impl Portable {
    /// The high bits of eight words as one mask.
    #[inline(always)]
    fn gather(words: [u64; 8], of_word: impl Fn(u64) -> u64) -> u64 {
        let mut mask = 0;
        for (i, word) in words.into_iter().enumerate() {
            // Moves bit 7 of byte k to bit 56 + k; the products do not overlap.
            let bits = ((of_word(word) & HIGH_BITS) >> 7).wrapping_mul(0x0102_0408_1020_4080) >> 56;
            mask |= bits << (8 * i);
        }
        mask
    }
}

#[cfg(any(test, not(target_arch = "x86_64")))]
impl Lanes for Portable {
    type Loaded = [u64; 8];

    #[inline(always)]
    fn load(self, block: &ByteBlock) -> [u64; 8] {
        std::array::from_fn(|i| {
            let b = &block[8 * i..8 * i + 8];
            u64::from_le_bytes([b[0], b[1], b[2], b[3], b[4], b[5], b[6], b[7]])
        })
    }

    #[inline(always)]
    fn equal(self, block: [u64; 8], byte: u8) -> u64 {
        let all = u64::from(byte) * 0x0101_0101_0101_0101;
        // A byte of `x` is zero where equal; then, and only then, its high bit ends up clear.
        Portable::gather(block, |word| {
            let x = word ^ all;
            !(((x & LOW_BITS) + LOW_BITS) | x)
        })
    }

    #[inline(always)]
    fn above_ascii(self, block: [u64; 8]) -> u64 {
        Portable::gather(block, |word| word)
    }
}

#[cfg(target_arch = "x86_64")]
pub(super) mod x86 {
    use super::{ByteBlock, Lanes, NumberForm};
    use std::arch::x86_64::*;

    /// 16 bytes at a time; every x86-64 has it.
    #[derive(Clone, Copy)]
    pub(in super::super) struct Sse2;

    impl Lanes for Sse2 {
        type Loaded = [__m128i; 4];

        #[inline(always)]
        fn load(self, block: &ByteBlock) -> [__m128i; 4] {
            // SAFETY: the four unaligned loads of 16 bytes lie in the block of 64.
            std::array::from_fn(|i| unsafe { _mm_loadu_si128(block.as_ptr().add(16 * i).cast()) })
        }

        #[inline(always)]
        fn equal(self, block: [__m128i; 4], byte: u8) -> u64 {
            // SAFETY: SSE2 is part of x86-64.
            unsafe {
                let all = _mm_set1_epi8(byte as i8);
                let bits = |i: usize| u64::from(_mm_movemask_epi8(_mm_cmpeq_epi8(block[i], all)) as u16);
                bits(0) | bits(1) << 16 | bits(2) << 32 | bits(3) << 48
            }
        }

        #[inline(always)]
        fn above_ascii(self, block: [__m128i; 4]) -> u64 {
            // SAFETY: SSE2 is part of x86-64.
            let bits = |i: usize| u64::from(unsafe { _mm_movemask_epi8(block[i]) } as u16);
            bits(0) | bits(1) << 16 | bits(2) << 32 | bits(3) << 48
        }
    }

    /// From byte `n` on, 16 bytes of which the last `n` are set.
    static LAST: [u8; 32] = {
        let mut last = [0; 32];
        let mut i = 16;
        while i < 32 {
            last[i] = u8::MAX;
            i += 1;
        }
        last
    };

    /// 32 bytes at a time.
    #[derive(Clone, Copy)]
    pub(in super::super) struct Avx2(());

    impl Avx2 {
        /// AVX2, with the bit counts that [`dispatch!`] compiles for.
        ///
        /// # Safety
        /// The machine has AVX2, BMI1 and POPCNT.
        pub(in super::super) unsafe fn new() -> Avx2 {
            Avx2(())
        }

        /// Whether the machine has what [`Avx2::new`] asks for.
        pub(in super::super) fn is_there() -> bool {
            is_x86_feature_detected!("avx2")
                && is_x86_feature_detected!("bmi1")
                && is_x86_feature_detected!("popcnt")
        }
    }

    /// All 64 bytes at a time.
    #[derive(Clone, Copy)]
    pub(in super::super) struct Avx512(Avx2);

    impl Avx512 {
        /// AVX-512 with its bytes, and what [`Avx2`] has.
        ///
        /// # Safety
        /// The machine has AVX-512F, AVX-512BW and AVX-512VBMI2, and what [`Avx2::new`] asks for.
        pub(in super::super) unsafe fn new() -> Avx512 {
            Avx512(Avx2(()))
        }

        /// Whether the machine has what [`Avx512::new`] asks for.
        pub(in super::super) fn is_there() -> bool {
            Avx2::is_there()
                && is_x86_feature_detected!("avx512f")
                && is_x86_feature_detected!("avx512bw")
                && is_x86_feature_detected!("avx512vbmi2")
        }
    }

    /// The numbers from 0 on.
    static PLACES: [u8; 64] = {
        let mut places = [0; 64];
        let mut i = 0;
        while i < 64 {
            places[i] = i as u8;
            i += 1;
        }
        places
    };

    impl Lanes for Avx512 {
        type Loaded = __m512i;

        #[inline(always)]
        fn load(self, block: &ByteBlock) -> __m512i {
            // SAFETY: the unaligned load is of the block; who has an `Avx512` has AVX-512F.
            unsafe { _mm512_loadu_si512(block.as_ptr().cast()) }
        }

        #[inline(always)]
        fn equal(self, block: __m512i, byte: u8) -> u64 {
            // SAFETY: who has an `Avx512` has AVX-512BW.
            unsafe { _mm512_cmpeq_epi8_mask(block, _mm512_set1_epi8(byte as i8)) }
        }

        #[inline(always)]
        fn above_ascii(self, block: __m512i) -> u64 {
            // SAFETY: who has an `Avx512` has AVX-512BW.
            unsafe { _mm512_movepi8_mask(block) }
        }

        #[inline(always)]
        fn flatten(self, bits: u64, base: u32, out: &mut [u32; 64]) {
            // SAFETY: loads are of 64 bytes and stores of 16 integers each; who has an `Avx512` has AVX-512F and AVX-512VBMI2.
            unsafe {
                let base = _mm512_set1_epi32(base as i32);
                let mut places = _mm512_maskz_compress_epi8(bits, _mm512_loadu_si512(PLACES.as_ptr().cast()));
                let mut left = bits.count_ones();
                for sixteen in out.as_chunks_mut::<16>().0 {
                    let wide = _mm512_cvtepu8_epi32(_mm512_castsi512_si128(places));
                    _mm512_storeu_si512(sixteen.as_mut_ptr().cast(), _mm512_add_epi32(wide, base));
                    // Most blocks do not have more.
                    if left <= 16 {
                        break;
                    }
                    left -= 16;
                    places = _mm512_shuffle_i64x2::<0b00_11_10_01>(places, places);
                }
            }
        }

        #[inline(always)]
        fn number(self, text: &[u8; 16], count: usize, form: &NumberForm) -> Option<u64> {
            self.0.number(text, count, form)
        }
    }

    impl Lanes for Avx2 {
        type Loaded = [__m256i; 2];

        #[inline(always)]
        fn load(self, block: &ByteBlock) -> [__m256i; 2] {
            // SAFETY: both unaligned loads of 32 bytes lie in the block of 64; who has an `Avx2` has AVX2.
            unsafe {
                let at = block.as_ptr().cast::<__m256i>();
                [_mm256_loadu_si256(at), _mm256_loadu_si256(at.add(1))]
            }
        }

        #[inline(always)]
        fn equal(self, block: [__m256i; 2], byte: u8) -> u64 {
            // SAFETY: who has an `Avx2` has AVX2.
            unsafe {
                let all = _mm256_set1_epi8(byte as i8);
                let low = _mm256_movemask_epi8(_mm256_cmpeq_epi8(block[0], all)) as u32;
                let high = _mm256_movemask_epi8(_mm256_cmpeq_epi8(block[1], all)) as u32;
                u64::from(low) | u64::from(high) << 32
            }
        }

        #[inline(always)]
        fn above_ascii(self, block: [__m256i; 2]) -> u64 {
            // SAFETY: who has an `Avx2` has AVX2.
            let (low, high) = unsafe { (_mm256_movemask_epi8(block[0]), _mm256_movemask_epi8(block[1])) };
            u64::from(low as u32) | u64::from(high as u32) << 32
        }

        #[inline(always)]
        fn number(self, text: &[u8; 16], count: usize, form: &NumberForm) -> Option<u64> {
            // SAFETY: all loads are of 16 bytes, also that from at most the 16th of 32 on; who has an `Avx2` has AVX2, which brings SSE4.1 and older ones.
            unsafe {
                // A window on the table and no comparison with `15 - count`: that was computed in the low byte of a register,
                // and waited for the number before, at three times the time.
                let counts = _mm_loadu_si128(LAST[count.min(16)..].as_ptr().cast());
                let point = _mm_loadu_si128(form.point.as_ptr().cast());
                let text = _mm_loadu_si128(text.as_ptr().cast());
                let digits = _mm_sub_epi8(text, _mm_set1_epi8(b'0' as i8));
                let is_digit = _mm_cmpeq_epi8(_mm_min_epu8(digits, _mm_set1_epi8(9)), digits);
                let is_point = _mm_cmpeq_epi8(text, _mm_set1_epi8(b'.' as i8));
                let right = _mm_blendv_epi8(is_digit, is_point, point);
                // `testc`: no bit of what counts is missing in what is right.
                if _mm_testc_si128(right, counts) == 0 {
                    return None;
                }
                let order = _mm_loadu_si128(form.order.as_ptr().cast());
                let digits = _mm_shuffle_epi8(_mm_and_si128(digits, counts), order);
                // Neighbours are joined three times: two, four and eight digits.
                let twos = _mm_maddubs_epi16(digits, _mm_set1_epi16(0x010a));
                let fours = _mm_madd_epi16(twos, _mm_set1_epi32(0x0001_0064));
                let fours = _mm_packus_epi32(fours, fours);
                let eights = _mm_madd_epi16(fours, _mm_set1_epi32(0x0001_2710));
                let eights = _mm_cvtsi128_si64(eights) as u64;
                Some((eights & 0xffff_ffff) * 100_000_000 + (eights >> 32))
            }
        }
    }
}

/// Defines `fn $name($args) -> $out`, which calls the `#[inline(always)]` generic function
/// `$generic(lanes, $args)` with the best lanes of the machine.
macro_rules! dispatch {
    ($(#[$doc:meta])* fn $name:ident($($arg:ident: $ty:ty),*) -> $out:ty = $generic:ident) => {
        $(#[$doc])*
        #[cfg(target_arch = "x86_64")]
        pub(in crate::input) fn $name($($arg: $ty),*) -> $out {
            #[target_feature(enable = "avx2,bmi1,popcnt")]
            fn with_avx2(lanes: $crate::input::csv::simd::x86::Avx2, $($arg: $ty),*) -> $out {
                $generic(lanes, $($arg),*)
            }
            #[target_feature(enable = "avx512f,avx512bw,avx512vbmi2,avx2,bmi1,popcnt")]
            fn with_avx512(lanes: $crate::input::csv::simd::x86::Avx512, $($arg: $ty),*) -> $out {
                $generic(lanes, $($arg),*)
            }
            if $crate::input::csv::simd::x86::Avx512::is_there() {
                // SAFETY: the features were detected in the line above.
                unsafe { with_avx512($crate::input::csv::simd::x86::Avx512::new(), $($arg),*) }
            } else if $crate::input::csv::simd::x86::Avx2::is_there() {
                // SAFETY: the features were detected in the line above.
                unsafe { with_avx2($crate::input::csv::simd::x86::Avx2::new(), $($arg),*) }
            } else {
                $generic($crate::input::csv::simd::x86::Sse2, $($arg),*)
            }
        }

        $(#[$doc])*
        #[cfg(not(target_arch = "x86_64"))]
        pub(in crate::input) fn $name($($arg: $ty),*) -> $out {
            $generic($crate::input::csv::simd::Portable, $($arg),*)
        }
    };
}
pub(super) use dispatch;

/// A walk over the blocks of a text. All of it must be `#[inline(always)]` and without closures:
/// only what is inlined into the function that [`dispatch!`] makes is compiled for its lanes.
pub(super) trait BlockWalk<L: Lanes> {
    /// Looks at the block at `offset`, of which the bits of `valid` count; false stops the walk.
    fn visit(&mut self, lanes: L, offset: usize, block: &ByteBlock, valid: u64) -> bool;
}

/// Calls `walk` for each 64 bytes of `text`; the last block is filled up with zeros.
#[inline(always)]
pub(super) fn walk_blocks<L: Lanes>(lanes: L, text: &[u8], walk: &mut impl BlockWalk<L>) {
    let (whole, rest) = text.as_chunks::<64>();
    for (i, block) in whole.iter().enumerate() {
        if !walk.visit(lanes, 64 * i, block, u64::MAX) {
            return;
        }
    }
    if !rest.is_empty() {
        // A load of 64 bytes would read past the end of the text.
        let mut last = [0; 64];
        last[..rest.len()].copy_from_slice(rest);
        // At most 63 bytes are left, so the shift cannot overflow.
        walk.visit(lanes, 64 * whole.len(), &last, (1 << rest.len()) - 1);
    }
}

/// Bit `i` of the result is the parity of bits 0 to `i`: set from each odd bit to before the next.
#[inline(always)]
pub(super) fn prefix_xor(mut bits: u64) -> u64 {
    for shift in [1, 2, 4, 8, 16, 32] {
        bits ^= bits << shift;
    }
    bits
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn slow(block: &ByteBlock, is: impl Fn(u8) -> bool) -> u64 {
        block.iter().enumerate().fold(0, |mask, (i, &b)| mask | u64::from(is(b)) << i)
    }

    fn check(lanes: impl Lanes, block: &ByteBlock) {
        let loaded = lanes.load(block);
        for byte in [b',', b'\n', b'"', 0, 0x80, 0xff, 0x7f, 1] {
            assert_eq!(lanes.equal(loaded, byte), slow(block, |b| b == byte), "{byte}");
        }
        assert_eq!(lanes.above_ascii(loaded), slow(block, |b| b > 127));
        for bits in
            [lanes.equal(loaded, b','), lanes.above_ascii(loaded), !lanes.equal(loaded, 0), 0, u64::MAX]
        {
            let mut out = [7; 64];
            lanes.flatten(bits, u32::MAX - 10, &mut out);
            let want: Vec<u32> =
                (0..64).filter(|i| bits >> i & 1 != 0).map(|i| (u32::MAX - 10).wrapping_add(i)).collect();
            assert_eq!(out[..want.len()], want);
        }
    }

    /// What `number` says, digit by digit.
    fn slow_number(text: &[u8], scale: usize) -> Option<u64> {
        let mut digits = text.to_vec();
        if scale > 0 {
            let point = digits.len().checked_sub(1 + scale)?;
            (digits.remove(point) == b'.').then_some(())?;
        }
        let digits = digits.iter().map(|c| c.is_ascii_digit().then(|| u64::from(c - b'0')));
        digits.sum::<Option<u64>>()?;
        String::from_utf8_lossy(text).replace('.', "").parse().ok()
    }

    proptest! {
        #[test]
        #[cfg(target_arch = "x86_64")]
        fn numbers_are_those_of_a_slow_reader(
            before in prop::collection::vec(any::<u8>(), 16),
            digits in prop::collection::vec(prop::sample::select(&b"0123456789"[..]), 1..=16),
            other in prop::option::of((0..16usize, any::<u8>())),
            scale in 0..=14usize,
        ) {
            let mut text = digits;
            let length = text.len();
            if scale > 0 && length > scale + 1 {
                text[length - scale - 1] = b'.';
            }
            if let Some((at, byte)) = other {
                text[at % length] = byte;
            }
            let block: Vec<u8> = before.into_iter().chain(text.iter().copied()).collect();
            if x86::Avx2::is_there() && length > scale {
                // SAFETY: it is there.
                let lanes = unsafe { x86::Avx2::new() };
                let got = lanes.number(block.last_chunk().unwrap(), length, &NumberForm::new(scale));
                prop_assert_eq!(got, slow_number(&text, scale).or(if length == scale + 1 && scale > 0 { got } else { None }));
            }
        }

        #[test]
        fn all_lanes_agree_with_a_byte_loop(
            bytes in prop::collection::vec(prop::sample::select(vec![b',', b'\n', b'"', 0, 1, 0x7f, 0x80, 0x81, 0xff, b'-']), 64)
        ) {
            let block: ByteBlock = bytes.try_into().unwrap();
            check(Portable, &block);
            #[cfg(target_arch = "x86_64")]
            {
                check(x86::Sse2, &block);
                if x86::Avx2::is_there() {
                    // SAFETY: it is there.
                    check(unsafe { x86::Avx2::new() }, &block);
                }
                if x86::Avx512::is_there() {
                    // SAFETY: it is there.
                    check(unsafe { x86::Avx512::new() }, &block);
                }
            }
        }

        #[test]
        fn prefix_xor_is_the_running_parity(bits: u64) {
            let mut parity = 0;
            let slow = (0..64).fold(0, |out, i| { parity ^= bits >> i & 1; out | parity << i });
            prop_assert_eq!(prefix_xor(bits), slow);
        }
    }
}
