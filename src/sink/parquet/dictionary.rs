//! Columns as codes of their distinct values, where that is worth it.
//!
//! # Contract
//! Codes are given in the order in which values first occur, and whether a column is coded depends on its
//! values alone: a column that comes as a dictionary and the same column plain give the same codes.

use crate::batch::{TextValues, TextView};
use ::parquet::data_type::ByteArray;
use ::parquet::file::statistics::{Statistics, ValueStatistics};
use arrow_array::{Array, StringViewArray};
use arrow_buffer::NullBuffer;
use foldhash::fast::FixedState;
use hashbrown::HashTable;
use std::hash::BuildHasher;

/// The most distinct values of a column that is coded.
const MOST_VALUES: usize = 1 << 16;
/// The largest dictionary, in bytes.
const MOST_BYTES: usize = 1 << 20;
/// From so many distinct values on, a column in which 7 of 8 rows had a new value is given up.
const DOUBT: usize = 7 << 10;
/// The widest range of integers whose codes are looked up by the value itself.
const DIRECT: u64 = 1 << 16;
/// No code yet.
const NONE: u32 = u32::MAX;
/// Longer texts are cut for the statistics.
const LONGEST_BOUND: usize = 64;

/// A column as codes.
pub(super) struct Coded {
    /// One for each row that is not NULL.
    pub codes: Vec<u32>,
    /// The distinct values in PLAIN encoding, in the order of their codes.
    pub values: Vec<u8>,
    /// How many there are; at least one.
    pub distinct: usize,
    /// Least and greatest value and the number of NULLs.
    pub statistics: Statistics,
}

fn worth_it(distinct: usize, rows: usize) -> bool {
    // A value must occur twice on average, or its codes and the dictionary take more than the values.
    distinct > 0 && (distinct * 2 <= rows || distinct == 1)
}

fn hopeless(distinct: usize, rows_so_far: usize) -> bool {
    distinct > MOST_VALUES || distinct > DOUBT && distinct > rows_so_far / 8 * 7
}

/// The rows that are not NULL.
fn valid_rows(rows: usize, nulls: Option<&NullBuffer>) -> impl Iterator<Item = usize> {
    (0..rows).filter(move |&row| nulls.is_none_or(|n| n.is_valid(row)))
}

/// A text column of `rows` rows as codes; `None` where it has too many distinct values.
pub(super) fn code_text(text: TextView<'_>, rows: usize, nulls: Option<&NullBuffer>) -> Option<Coded> {
    let mut interner = TextInterner::default();
    let mut codes = Vec::with_capacity(rows);
    match text {
        TextView::View(views) => code_views(views, nulls, &mut interner, &mut codes)?,
        TextView::Utf8(plain) => {
            for row in valid_rows(rows, nulls) {
                codes.push(interner.code(plain.value(row), codes.len())?);
            }
        }
        TextView::Codes32(keys, values) => {
            let keys = keys.values();
            recode(valid_rows(rows, nulls).map(|r| keys[r] as usize), values, &mut interner, &mut codes)?;
        }
        TextView::CodesI32(keys, values) => {
            let keys = keys.values();
            recode(valid_rows(rows, nulls).map(|r| keys[r] as usize), values, &mut interner, &mut codes)?;
        }
    }
    if !worth_it(interner.ends.len(), codes.len()) {
        return None;
    }
    let bounds = interner.bounds();
    let statistics = text_statistics(bounds, rows - codes.len());
    Some(Coded { codes, distinct: interner.ends.len(), values: interner.page, statistics })
}

/// Codes of a dictionary column: each code of the input is looked at as text once.
fn recode(
    keys: impl Iterator<Item = usize>,
    values: TextValues<'_>,
    interner: &mut TextInterner,
    codes: &mut Vec<u32>,
) -> Option<()> {
    let mut code_of = vec![NONE; values.len()];
    for key in keys {
        let mut code = code_of[key];
        if code == NONE {
            code = interner.code(values.get(key).unwrap_or_default(), codes.len())?;
            code_of[key] = code;
        }
        codes.push(code);
    }
    Some(())
}

/// Codes of plain views. A text of up to 12 bytes is its view, which is cheap to look up.
fn code_views(
    array: &StringViewArray,
    nulls: Option<&NullBuffer>,
    interner: &mut TextInterner,
    codes: &mut Vec<u32>,
) -> Option<()> {
    let mut short: HashTable<(u128, u32)> = HashTable::new();
    let mut last = (0u128, NONE);
    for row in valid_rows(array.len(), nulls) {
        let view = array.views()[row];
        // Equal views of one array are equal texts; long texts may be equal under different views.
        if view != last.0 || last.1 == NONE {
            last = (view, view_code(array, row, view, &mut short, interner, codes.len())?);
        }
        codes.push(last.1);
    }
    Some(())
}

fn view_code(
    array: &StringViewArray,
    row: usize,
    view: u128,
    short: &mut HashTable<(u128, u32)>,
    interner: &mut TextInterner,
    rows_so_far: usize,
) -> Option<u32> {
    // Equal long texts can have different views, so these are looked up as text.
    if view as u32 > arrow_data::MAX_INLINE_VIEW_LEN {
        return interner.code(array.value(row), rows_so_far);
    }
    let hash = hash_view(view);
    if let Some((_, code)) = short.find(hash, |(known, _)| *known == view) {
        return Some(*code);
    }
    let code = interner.code(array.value(row), rows_so_far)?;
    short.insert_unique(hash, (view, code), |(known, _)| hash_view(*known));
    Some(code)
}

fn hash_view(view: u128) -> u64 {
    fold(view as u64 ^ 0x243f_6a88_85a3_08d3, (view >> 64) as u64 ^ 0x1319_8a2e_0370_7344)
}

fn fold(a: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(b);
    product as u64 ^ (product >> 64) as u64
}

/// Distinct texts, laid out as a PLAIN dictionary page.
#[derive(Default)]
struct TextInterner {
    known: HashTable<u32>,
    page: Vec<u8>,
    /// Where each text ends in `page`; it begins 4 bytes (its length) after the one before.
    ends: Vec<usize>,
    hasher: FixedState,
}

impl TextInterner {
    fn text<'a>(page: &'a [u8], ends: &[usize], code: u32) -> &'a [u8] {
        let code = code as usize;
        let start = if code == 0 { 0 } else { ends[code - 1] } + 4;
        &page[start..ends[code]]
    }

    /// The code of a text; `None` where there are too many.
    fn code(&mut self, text: &str, rows_so_far: usize) -> Option<u32> {
        let text = text.as_bytes();
        let (page, ends, hasher) = (&self.page, &self.ends, &self.hasher);
        let hash = hasher.hash_one(text);
        if let Some(code) = self.known.find(hash, |&code| TextInterner::text(page, ends, code) == text) {
            return Some(*code);
        }
        let code = ends.len() as u32;
        self.known.insert_unique(hash, code, |&c| hasher.hash_one(TextInterner::text(page, ends, c)));
        self.page.extend_from_slice(&(text.len() as u32).to_le_bytes());
        self.page.extend_from_slice(text);
        self.ends.push(self.page.len());
        let too_many = self.page.len() > MOST_BYTES || hopeless(self.ends.len(), rows_so_far);
        (!too_many).then_some(code)
    }

    fn bounds(&self) -> Option<(&[u8], &[u8])> {
        let texts = || (0..self.ends.len() as u32).map(|c| TextInterner::text(&self.page, &self.ends, c));
        Some((texts().min()?, texts().max()?))
    }
}

/// Statistics of a text column. Long bounds are cut, which readers are told.
pub(super) fn text_statistics(bounds: Option<(&[u8], &[u8])>, nulls: usize) -> Statistics {
    let (min, max) = bounds.unzip();
    let (min, max) = (min.map(lower_bound), max.map(upper_bound));
    let exact = |bound: &Option<(Vec<u8>, bool)>| bound.as_ref().is_none_or(|(_, exact)| *exact);
    let (min_exact, max_exact) = (exact(&min), exact(&max));
    let bytes = |bound: Option<(Vec<u8>, bool)>| {
        // A bound that is empty because it was cut does not bound anything; an exact one is the empty text.
        bound.and_then(|(b, exact)| (exact || !b.is_empty()).then(|| ByteArray::from(b)))
    };
    let values = ValueStatistics::new(bytes(min), bytes(max), None, Some(nulls as u64), false);
    Statistics::ByteArray(values.with_min_is_exact(min_exact).with_max_is_exact(max_exact))
}

fn cut(text: &[u8]) -> &str {
    let mut end = LONGEST_BOUND;
    // A cut inside of a character would not be UTF-8.
    while end > 0 && (text[end] & 0xc0) == 0x80 {
        end -= 1;
    }
    std::str::from_utf8(&text[..end]).unwrap_or_default()
}

fn lower_bound(text: &[u8]) -> (Vec<u8>, bool) {
    if text.len() <= LONGEST_BOUND { (text.to_vec(), true) } else { (cut(text).as_bytes().to_vec(), false) }
}

/// A text at or above `text`: cut, with its last character that can be raised raised. Empty where there is
/// none, and then there is no bound.
fn upper_bound(text: &[u8]) -> (Vec<u8>, bool) {
    if text.len() <= LONGEST_BOUND {
        return (text.to_vec(), true);
    }
    let mut chars: Vec<char> = cut(text).chars().collect();
    while let Some(last) = chars.pop() {
        // The one after the surrogates' lower neighbour is not a character: leave that one as it is.
        if let Some(next) = char::from_u32(last as u32 + 1) {
            chars.push(next);
            break;
        }
    }
    (chars.into_iter().collect::<String>().into_bytes(), false)
}

/// A column of 64-bit integers as codes; `None` where it has too many distinct values.
pub(super) fn code_integers(values: &[i64], nulls: Option<&NullBuffer>) -> Option<Coded> {
    let (min, max) = match nulls {
        None => (values.iter().min().copied()?, values.iter().max().copied()?),
        Some(n) => (n.valid_indices().map(|i| values[i]).min()?, n.valid_indices().map(|i| values[i]).max()?),
    };
    let mut codes = Vec::with_capacity(values.len());
    let mut known = Integers::new(min, max);
    if known.direct.is_empty() {
        let mut last = (0, NONE);
        for row in valid_rows(values.len(), nulls) {
            let value = values[row];
            if value != last.0 || last.1 == NONE {
                last = (value, known.code(value, codes.len())?);
            }
            codes.push(last.1);
        }
    } else {
        // Without a look at the value before: whether small counts are the same as the one before is anybody's guess.
        for row in valid_rows(values.len(), nulls) {
            codes.push(known.code(values[row], codes.len())?);
        }
    }
    if !worth_it(known.distinct.len(), codes.len()) {
        return None;
    }
    let missing = (values.len() - codes.len()) as u64;
    let statistics =
        Statistics::Int64(ValueStatistics::new(Some(min), Some(max), None, Some(missing), false));
    let page = known.distinct.iter().flat_map(|v| v.to_le_bytes()).collect();
    Some(Coded { codes, values: page, distinct: known.distinct.len(), statistics })
}

/// Distinct integers.
struct Integers {
    distinct: Vec<i64>,
    min: i64,
    /// By value less `min`, where the range is narrow.
    direct: Vec<u32>,
    hashed: HashTable<u32>,
}

impl Integers {
    fn new(min: i64, max: i64) -> Integers {
        // As an unsigned number the difference is right even where it leaves the range of `i64`.
        let range = max.wrapping_sub(min) as u64;
        let direct = if range < DIRECT { vec![NONE; range as usize + 1] } else { vec![] };
        Integers { distinct: vec![], min, direct, hashed: HashTable::new() }
    }

    #[inline]
    fn code(&mut self, value: i64, rows_so_far: usize) -> Option<u32> {
        let next = self.distinct.len() as u32;
        if self.direct.is_empty() {
            let distinct = &self.distinct;
            let hash = hash_integer(value);
            if let Some(code) = self.hashed.find(hash, |&c| distinct[c as usize] == value) {
                return Some(*code);
            }
            self.hashed.insert_unique(hash, next, |&c| hash_integer(distinct[c as usize]));
        } else {
            // Every value lies between `min` and `max`, so its slot is there.
            let slot = &mut self.direct[value.wrapping_sub(self.min) as usize];
            if *slot != NONE {
                return Some(*slot);
            }
            *slot = next;
        }
        self.distinct.push(value);
        (!hopeless(self.distinct.len(), rows_so_far)).then_some(next)
    }
}

fn hash_integer(value: i64) -> u64 {
    fold(value as u64 ^ 0x243f_6a88_85a3_08d3, 0x9e37_79b9_7f4a_7c15)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_hold_what_they_bound() {
        let long = "é".repeat(40);
        for text in [
            long.as_str(),
            &"z".repeat(80),
            &"\u{10ffff}".repeat(20),
            &format!("{}\u{d7ff}xyz", "a".repeat(61)),
        ] {
            let (low, exact) = lower_bound(text.as_bytes());
            assert!(!exact && low.as_slice() <= text.as_bytes() && low.len() <= LONGEST_BOUND);
            let (high, exact) = upper_bound(text.as_bytes());
            assert!(!exact && (high.is_empty() || high.as_slice() >= text.as_bytes()), "{text}");
            assert!(std::str::from_utf8(&high).is_ok());
        }
        assert!(upper_bound("\u{10ffff}".repeat(20).as_bytes()).0.is_empty());
    }

    #[test]
    fn integers_are_coded_where_they_repeat() {
        assert!(code_integers(&[1, 2, 3, 4], None).is_none());
        let coded = code_integers(&[i64::MAX, i64::MIN, i64::MAX, i64::MIN, i64::MAX], None).unwrap();
        assert_eq!(coded.codes, [0, 1, 0, 1, 0]);
        assert!(code_integers(&(0..100_000).collect::<Vec<_>>(), None).is_none());
    }
}
