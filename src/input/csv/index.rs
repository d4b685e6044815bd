//! Fast answers about whole chunks, from masks of 64 bytes at a time: where fields end, and whether
//! every quote stands where one may.
//!
//! Both agree with the exact scanner ([`super::record`]) on text of which [`check_quotes`] says that
//! it is clean; for other text they are not asked, or their answer is not used.

use super::simd::{BlockWalk, ByteBlock, Lanes, dispatch, prefix_xor, walk_blocks};

/// What [`check_quotes`] finds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::input) struct Quotes {
    /// Every quote opens a field, ends one, or is doubled in one.
    pub(in crate::input) clean: bool,
    /// Behind the last `\n` that is outside quotes; 0 if there is none. Holds if `clean`.
    pub(in crate::input) end: usize,
}

dispatch! {
    /// Whether the quotes of `text`, which starts at a record, stand where they may; and where its
    /// last whole record ends.
    fn check_quotes(text: &[u8], delimiter: u8) -> Quotes = check_quotes_with
}

#[inline(always)]
fn check_quotes_with<L: Lanes>(lanes: L, text: &[u8], delimiter: u8) -> Quotes {
    // A field starts at the start of the text.
    let mut check = QuoteCheck { delimiter, clean: true, break_before: 1, ..Default::default() };
    walk_blocks(lanes, text, &mut check);
    Quotes { clean: check.clean, end: check.end }
}

/// The state of [`check_quotes`]. What holds at the byte before a block is bit 0 of a mask.
#[derive(Default)]
struct QuoteCheck {
    delimiter: u8,
    inside_before: u64,
    quote_before: u64,
    break_before: u64,
    close_before: u64,
    close_return_before: u64,
    clean: bool,
    end: usize,
}

impl<L: Lanes> BlockWalk<L> for QuoteCheck {
    #[inline(always)]
    fn visit(&mut self, lanes: L, offset: usize, bytes: &ByteBlock, valid: u64) -> bool {
        let block = lanes.load(bytes);
        let quotes = lanes.equal(block, b'"') & valid;
        let lines = lanes.equal(block, b'\n') & valid;
        let mut inside = self.inside_before.wrapping_neg();
        // Most blocks have neither a quote nor the end of one: only what the next block asks for is kept.
        if quotes | self.close_before | self.close_return_before == 0 {
            self.quote_before = 0;
            self.break_before = u64::from(bytes[63] == self.delimiter || bytes[63] == b'\n');
        } else {
            let breaks = lines | lanes.equal(block, self.delimiter) & valid;
            let returns = lanes.equal(block, b'\r') & valid;
            // From each opening quote to before the quote that closes.
            inside ^= prefix_xor(quotes);
            let (opening, closing) = (quotes & inside, quotes & !inside);
            // A quote that opens right after one that closes is a doubled quote.
            let may_open = (breaks | quotes) << 1 | self.break_before | self.quote_before;
            let after_close = closing << 1 | self.close_before;
            let close_return = after_close & returns;
            let after_close_return = close_return << 1 | self.close_return_before;
            // Behind the end of the text nothing is known, and nothing is wrong.
            let wrong = opening & !may_open
                | after_close & valid & !(breaks | quotes | returns)
                | after_close_return & valid & !lines;
            if wrong != 0 {
                self.clean = false;
                return false;
            }
            self.close_before = closing >> 63;
            self.close_return_before = close_return >> 63;
            self.inside_before = inside >> 63;
            self.quote_before = quotes >> 63;
            self.break_before = breaks >> 63;
        }
        let ends = lines & !inside;
        if ends != 0 {
            self.end = offset + 64 - ends.leading_zeros() as usize;
        }
        true
    }
}

/// What [`find_fields`] finds besides the fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::input) struct IndexedFields {
    /// How many field ends.
    pub(super) fields: usize,
    /// How many of them are line ends.
    pub(super) lines: usize,
    /// There are bytes above 127.
    pub(super) above_ascii: bool,
    /// There is a zero byte.
    pub(super) zero: bool,
}

dispatch! {
    /// The delimiters and `\n` of clean `text` that are outside quotes, in order, from `ends[1]` on;
    /// `ends[0]` is left as it is. `ends` grows as needed and never shrinks.
    fn find_fields(text: &[u8], delimiter: u8, quotes: bool, ends: &mut Vec<u32>) -> IndexedFields = find_fields_with
}

#[inline(always)]
fn find_fields_with<L: Lanes>(
    lanes: L,
    text: &[u8],
    delimiter: u8,
    quotes: bool,
    ends: &mut Vec<u32>,
) -> IndexedFields {
    // `ends[0]` is the caller's: it stands for the end of a record right before the text.
    if ends.is_empty() {
        ends.push(0);
    }
    let mut search = FieldSearch {
        delimiter,
        quotes,
        ends,
        inside_before: 0,
        count: 1,
        lines: 0,
        above_ascii: 0,
        zero: 0,
    };
    walk_blocks(lanes, text, &mut search);
    let FieldSearch { count, lines, above_ascii, zero, .. } = search;
    IndexedFields { fields: count - 1, lines, above_ascii: above_ascii != 0, zero: zero != 0 }
}

/// The state of [`find_fields`].
struct FieldSearch<'a> {
    delimiter: u8,
    quotes: bool,
    ends: &'a mut Vec<u32>,
    /// How many of `ends` are used.
    count: usize,
    inside_before: u64,
    lines: usize,
    above_ascii: u64,
    zero: u64,
}

impl<L: Lanes> BlockWalk<L> for FieldSearch<'_> {
    #[inline(always)]
    fn visit(&mut self, lanes: L, offset: usize, block: &ByteBlock, valid: u64) -> bool {
        let block = lanes.load(block);
        self.above_ascii |= lanes.above_ascii(block);
        self.zero |= lanes.equal(block, 0) & valid;
        let mut line_ends = lanes.equal(block, b'\n') & valid;
        let mut breaks = line_ends | lanes.equal(block, self.delimiter) & valid;
        if self.quotes {
            let mut inside = self.inside_before.wrapping_neg();
            let quotes = lanes.equal(block, b'"') & valid;
            if quotes != 0 {
                inside ^= prefix_xor(quotes);
                self.inside_before = inside >> 63;
            }
            line_ends &= !inside;
            breaks &= !inside;
        }
        self.lines += line_ends.count_ones() as usize;
        // `flatten` writes all 64 slots, whatever number of them counts.
        if self.ends.len() < self.count + 64 {
            self.ends.resize((self.count + 64) * 2, 0);
        }
        let (room, _) = self.ends[self.count..].as_chunks_mut();
        lanes.flatten(breaks, offset as u32, &mut room[0]);
        self.count += breaks.count_ones() as usize;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::super::record::{Scanned, scan_record};
    use super::super::simd::Portable;
    use super::*;
    use proptest::prelude::*;

    /// The fields of `text` by the exact scanner, and whether a quote is where none may be.
    fn exact(text: &[u8]) -> (Vec<u32>, usize, bool) {
        let (mut all, mut ends, mut at, mut clean) = (vec![], vec![], 0, true);
        loop {
            match scan_record(text, at, b',', false, &mut ends) {
                Scanned::Record { end } => {
                    let mut start = at;
                    for &e in &ends {
                        let field = &text[start..e as usize];
                        clean &= field.first() == Some(&b'"') || !field.contains(&b'"');
                        start = e as usize + 1;
                    }
                    all.extend_from_slice(&ends);
                    at = end;
                }
                Scanned::Blank { end } => {
                    all.push(end as u32 - 1);
                    at = end;
                }
                Scanned::Malformed { end, .. } => (clean, at) = (false, end),
                Scanned::Incomplete => return (all, at, clean),
            }
        }
    }

    fn check(text: &[u8]) {
        let quotes = check_quotes(text, b',');
        assert_eq!(quotes, check_quotes_with(Portable, text, b','));
        let (all, end, clean) = exact(text);
        if !quotes.clean {
            return;
        }
        assert!(clean, "clean text has no stray quote");
        assert_eq!(quotes.end, end);
        let whole = &text[..end];
        let mut ends = vec![7];
        let found = find_fields(whole, b',', whole.contains(&b'"'), &mut ends);
        assert_eq!(ends[0], 7);
        assert_eq!(ends[1..][..found.fields], all);
        let mut portable = vec![];
        assert_eq!(find_fields_with(Portable, whole, b',', true, &mut portable), found);
        assert_eq!(portable[1..][..found.fields], all);
        assert_eq!(found.zero, whole.contains(&0));
        assert_eq!(found.above_ascii, !whole.is_ascii());
    }

    #[test]
    fn well_quoted_text_is_clean() {
        let text = "\"a\",b\r\n\"x, y\",\"\"\"\"\r\n,\"\"\n".repeat(50);
        for n in 0..text.len() {
            assert!(check_quotes(&text.as_bytes()[..n], b',').clean, "{n}");
            check(&text.as_bytes()[..n]);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]
        #[test]
        fn masks_agree_with_the_exact_scanner(
            parts in prop::collection::vec(prop::sample::select(vec![
                "a", ",", "\"", "\n", "\r", "\r\n", "é", "\"a\"", "\"\"", ",\"a\n\",", "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb", "\0",
            ]), 0..60)
        ) {
            check(parts.concat().as_bytes());
        }

        #[test]
        fn masks_agree_on_quoted_tables(
            fields in prop::collection::vec(prop::sample::select(vec![
                "a,", "\"\",", "\"x\"\n", "\"\n\",", "\"\"\"\",", "\"a\"\"b\"\r\n", "bbbbbbbbbbbbbbbbbbbbbbbbbb\n", ",", "\n",
            ]), 0..80)
        ) {
            let text = fields.concat();
            prop_assert!(check_quotes(text.as_bytes(), b',').clean);
            check(text.as_bytes());
        }
    }
}
