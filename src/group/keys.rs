//! Key columns → one small code per row.

use super::key_words::{KeyWord, NONE, WordTable, hash_word};
use crate::batch::{ColumnView, DataType, Native, by_native, collect_array, each_view};
use arrow_array::builder::StringViewBuilder;
use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, StringViewArray};
use hashbrown::HashTable;
use std::sync::Arc;

/// Distinct values of one key column, each with a code from 0 in order of appearance.
///
/// Most values are [`KeyWord`]s. Longer strings are kept in an arena, and numbers that are too large beside them.
pub struct ColumnCodes {
    ty: DataType,
    words: WordTable,
    /// The codes of all others.
    others: HashTable<u32>,
    null: Option<u32>,
    values: Vec<KeyPart>,
    arena: Vec<u8>,
    wide: Vec<u128>,
}

/// The value of a code, as a word whose low bits tell of which kind it is.
#[derive(Clone, Copy, PartialEq, Eq)]
struct KeyPart(u128);

/// What a [`KeyPart`] says.
enum Key {
    Null,
    Word(KeyWord),
    /// Start and length in the arena.
    Long(usize, u32),
    /// Which of the wide numbers.
    Wide(usize),
}

impl KeyPart {
    const NULL: u128 = 1;
    const LONG: u128 = 2;
    const WIDE: u128 = 3;

    fn new(key: Key) -> KeyPart {
        KeyPart(match key {
            Key::Null => KeyPart::NULL,
            Key::Word(word) => word.0,
            Key::Long(start, length) => {
                (start as u128) << 64 | u128::from(length) << KeyWord::SHIFT | KeyPart::LONG
            }
            Key::Wide(at) => (at as u128) << 64 | KeyPart::WIDE,
        })
    }

    #[inline]
    fn key(self) -> Key {
        let at = (self.0 >> 64) as usize;
        match self.0 & u128::from(KeyWord::LOW) {
            KeyPart::NULL => Key::Null,
            KeyPart::LONG => Key::Long(at, (self.0 >> KeyWord::SHIFT) as u32),
            KeyPart::WIDE => Key::Wide(at),
            _ => Key::Word(KeyWord(self.0)),
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

#[inline]
fn hash_bytes(bytes: &[u8]) -> u64 {
    match words_of(bytes) {
        Some(words) => {
            words.iter().fold(bytes.len() as u64, |hash, &word| hash.rotate_left(23) ^ hash_word(word))
        }
        None => xxhash_rust::xxh3::xxh3_64(bytes),
    }
}

/// Whether two texts are the same: without a call for those that are not long.
#[inline]
fn same_bytes(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len()
        && match (words_of(a), words_of(b)) {
            // Not `a == b`, which would store both and call a function.
            (Some(a), Some(b)) => a.iter().zip(&b).fold(0, |differ, (a, b)| differ | (a ^ b)) == 0,
            _ => a == b,
        }
}

impl ColumnCodes {
    /// No codes yet, for a column of this type.
    pub fn new(ty: DataType) -> ColumnCodes {
        ColumnCodes {
            ty,
            words: WordTable::default(),
            others: HashTable::new(),
            null: None,
            values: vec![],
            arena: vec![],
            wide: vec![],
        }
    }

    /// The number of codes given.
    pub fn count(&self) -> usize {
        self.values.len()
    }

    /// About the bytes of memory that it takes.
    pub fn bytes(&self) -> usize {
        let values = (self.values.capacity() + self.wide.capacity()) * size_of::<KeyPart>();
        self.words.bytes() + self.others.capacity() * 5 + values + self.arena.capacity()
    }

    /// The code of a word; `None` if it is new and has to be one of the others.
    fn word(&mut self, word: KeyWord) -> Option<u32> {
        let next = self.values.len() as u32;
        let code = self.words.code(word, next)?;
        if code == next {
            self.values.push(KeyPart::new(Key::Word(word)));
        }
        Some(code)
    }

    /// Appends the codes of `words` to `out`; those that are none, and new ones that have to be others, by `other`. Words that are
    /// known are looked up first, without a branch on what is loaded, so that many cache misses are under way at once.
    fn words<T: Copy>(
        &mut self,
        values: impl Iterator<Item = T> + Clone,
        word: impl Fn(T) -> Option<KeyWord> + Copy,
        other: impl Fn(&mut ColumnCodes, T) -> u32,
        out: &mut Vec<u32>,
    ) {
        let from = out.len();
        let words = &self.words;
        if words.is_far() {
            values.clone().filter_map(word).for_each(|word| words.fetch(word));
        }
        let glance = words.glances();
        out.extend(values.clone().map(move |value| word(value).map_or(NONE, &glance)));
        // A new word may come twice in one batch, so this pass looks it up again.
        for (code, value) in out[from..].iter_mut().zip(values) {
            if *code == NONE {
                *code = word(value).and_then(|word| self.word(word)).unwrap_or_else(|| other(self, value));
            }
        }
    }

    /// The code of one of the others, by its hash and what it is.
    fn other(
        &mut self,
        hash: u64,
        is: impl Fn(&ColumnCodes, KeyPart) -> bool,
        push: impl FnOnce(&mut ColumnCodes) -> KeyPart,
    ) -> u32 {
        if let Some(code) = self.others.find(hash, |code| is(self, self.values[*code as usize])) {
            return *code;
        }
        let part = push(self);
        let next = self.values.len() as u32;
        self.values.push(part);
        let (values, arena, wide) = (&self.values, &self.arena, &self.wide);
        // The table holds codes and not values, so it hashes a value again when it grows.
        self.others.insert_unique(hash, next, |code| match values[*code as usize].key() {
            Key::Long(start, length) => hash_bytes(&arena[start..start + length as usize]),
            Key::Wide(at) => hash_word(wide[at]),
            Key::Word(_) | Key::Null => unreachable!("the table holds other values"),
        });
        next
    }

    fn long(&mut self, bytes: &[u8]) -> u32 {
        let is = |codes: &ColumnCodes, part: KeyPart| match part.key() {
            Key::Long(start, length) => same_bytes(&codes.arena[start..start + length as usize], bytes),
            _ => false,
        };
        self.other(hash_bytes(bytes), is, |codes| {
            let start = codes.arena.len();
            codes.arena.extend_from_slice(bytes);
            KeyPart::new(Key::Long(start, bytes.len() as u32))
        })
    }

    fn wide(&mut self, key: u128) -> u32 {
        let is =
            |codes: &ColumnCodes, part: KeyPart| matches!(part.key(), Key::Wide(at) if codes.wide[at] == key);
        self.other(hash_word(key), is, |codes| {
            codes.wide.push(key);
            KeyPart::new(Key::Wide(codes.wide.len() - 1))
        })
    }

    fn number(&mut self, key: u128) -> u32 {
        KeyWord::of_number(key).and_then(|word| self.word(word)).unwrap_or_else(|| self.wide(key))
    }

    fn null(&mut self) -> u32 {
        let next = self.values.len() as u32;
        *self.null.get_or_insert_with(|| {
            self.values.push(KeyPart::new(Key::Null));
            next
        })
    }

    /// Appends the code of each row of `array` to `out`.
    pub fn encode(&mut self, array: &ArrayRef, out: &mut Vec<u32>) {
        out.reserve(array.len());
        let column = ColumnView::of(array).expect("a column of our types");
        each_view!(column, values => match values.nulls() {
            None => self.words(values.iter().map(Native::key), KeyWord::of_number, ColumnCodes::wide, out),
            Some(nulls) => out.extend(
                nulls
                    .iter()
                    .zip(values.iter())
                    .map(|(valid, v)| if valid { self.number(v.key()) } else { self.null() }),
            ),
        }, _texts => self.encode_strings(array.as_string_view(), out));
    }

    fn encode_strings(&mut self, array: &StringViewArray, out: &mut Vec<u32>) {
        let nulls = array.nulls().filter(|n| n.null_count() > 0);
        // What a NULL has for a view is open.
        if nulls.is_none() && array.views().iter().all(|&view| KeyWord::of_view(view).is_some()) {
            let short = |view: u128| Some(KeyWord::of_short_view(view));
            // New words once there are too many.
            let other = |codes: &mut ColumnCodes, view: u128| {
                codes.long(&view.to_le_bytes()[4..4 + view as u32 as usize])
            };
            return self.words(array.views().iter().copied(), short, other, out);
        }
        for (i, &view) in array.views().iter().enumerate() {
            let code = if nulls.is_some_and(|n| n.is_null(i)) {
                self.null()
            } else {
                let word = KeyWord::of_view(view).and_then(|word| self.word(word));
                word.unwrap_or_else(|| self.long(array.value(i).as_bytes()))
            };
            out.push(code);
        }
    }

    /// The values of `codes`, as an array of the column's type.
    pub fn decode(&self, codes: impl Iterator<Item = u32>) -> ArrayRef {
        by_native!(self.ty, T => {
            let value = |code: u32| match self.values[code as usize].key() {
                Key::Word(word) => Some(T::of_key(word.number())),
                Key::Wide(at) => Some(T::of_key(self.wide[at])),
                Key::Null | Key::Long(..) => None,
            };
            collect_array(self.ty, codes.map(value))
        }, text => self.decode_strings(codes))
    }

    /// The values of all codes, in order.
    pub fn decode_all(&self) -> ArrayRef {
        self.decode(0..self.count() as u32)
    }

    fn decode_strings(&self, codes: impl Iterator<Item = u32>) -> ArrayRef {
        let mut texts = StringViewBuilder::with_capacity(codes.size_hint().0);
        for code in codes {
            match self.values[code as usize].key() {
                Key::Null | Key::Wide(_) => texts.append_null(),
                Key::Word(word) => texts.append_value(String::from_utf8_lossy(word.text(&mut [0; 16]))),
                Key::Long(start, len) => {
                    let text = &self.arena[start..start + len as usize];
                    texts.append_value(String::from_utf8_lossy(text));
                }
            }
        }
        Arc::new(texts.finish())
    }
}

/// Key tuples, each with a code from 0 in order of appearance. Without key columns there is the one
/// empty tuple, code 0.
pub struct KeyCodes {
    columns: Vec<ColumnCodes>,
    /// `pairs[k]` joins the code of the first k + 1 columns with the code of column k + 1.
    pairs: Vec<PairCodes>,
    scratch: Vec<u32>,
}

#[derive(Default)]
struct PairCodes {
    table: HashTable<(u64, u32)>,
    values: Vec<u64>,
}

impl PairCodes {
    #[inline]
    fn code(&mut self, a: u32, b: u32) -> u32 {
        let word = u64::from(a) << 32 | u64::from(b);
        let hash = |w: u64| hash_word(w.into());
        let next = self.values.len() as u32;
        match self.table.entry(hash(word), |e| e.0 == word, |e| hash(e.0)) {
            hashbrown::hash_table::Entry::Occupied(held) => held.get().1,
            hashbrown::hash_table::Entry::Vacant(free) => {
                free.insert((word, next));
                self.values.push(word);
                next
            }
        }
    }
}

impl KeyCodes {
    /// No codes yet, for key columns of these types.
    pub fn new(types: &[DataType]) -> KeyCodes {
        KeyCodes {
            columns: types.iter().map(|&ty| ColumnCodes::new(ty)).collect(),
            pairs: (1..types.len()).map(|_| PairCodes::default()).collect(),
            scratch: vec![],
        }
    }

    /// The number of distinct tuples.
    pub fn count(&self) -> usize {
        match (&self.columns[..], self.pairs.last()) {
            ([], _) => 1,
            ([only], _) => only.count(),
            (_, Some(last)) => last.values.len(),
            (_, None) => unreachable!("two columns have a pair"),
        }
    }

    /// About the bytes of memory that it takes.
    pub fn bytes(&self) -> usize {
        let pairs: usize = self.pairs.iter().map(|p| p.table.capacity() * 18 + p.values.capacity() * 8).sum();
        self.columns.iter().map(ColumnCodes::bytes).sum::<usize>() + pairs
    }

    /// The code of each row's tuple.
    pub fn encode(&mut self, columns: &[&ArrayRef], rows: usize, out: &mut Vec<u32>) {
        out.clear();
        let Some(first) = columns.first() else {
            out.resize(rows, 0);
            return;
        };
        self.columns[0].encode(first, out);
        let others = columns[1..].iter().zip(&mut self.columns[1..]).zip(&mut self.pairs);
        for ((array, column), pairs) in others {
            self.scratch.clear();
            column.encode(array, &mut self.scratch);
            out.iter_mut().zip(&self.scratch).for_each(|(code, &b)| *code = pairs.code(*code, b));
        }
    }

    /// The key columns of all tuples, in order of their codes.
    pub fn decode(&self) -> Vec<ArrayRef> {
        let mut codes: Vec<u32> = (0..self.count() as u32).collect();
        let mut arrays = vec![];
        // The code of a tuple is a chain of pairs, so the last column comes out first.
        for k in (0..self.columns.len()).rev() {
            let own: Vec<u32> = match k.checked_sub(1) {
                None => std::mem::take(&mut codes),
                Some(pair) => {
                    let joined: Vec<u64> =
                        codes.iter().map(|&c| self.pairs[pair].values[c as usize]).collect();
                    codes = joined.iter().map(|w| (w >> 32) as u32).collect();
                    joined.iter().map(|&w| w as u32).collect()
                }
            };
            arrays.push(self.columns[k].decode(own.into_iter()));
        }
        arrays.reverse();
        arrays
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow_array::{Decimal128Array, Int64Array};
    use proptest::prelude::*;
    use std::collections::HashMap;

    /// The codes of batches of values are those of a map, and give the values again.
    fn check<T: Clone + std::hash::Hash + Eq + std::fmt::Debug>(
        ty: DataType,
        values: &[T],
        batch: usize,
        array: impl Fn(&[T]) -> ArrayRef,
    ) {
        let (mut codes, mut map, mut all) = (ColumnCodes::new(ty), HashMap::new(), vec![]);
        for values in values.chunks(batch) {
            let mut out = vec![];
            codes.encode(&array(values), &mut out);
            let want: Vec<u32> = values
                .iter()
                .map(|value| {
                    let next = map.len() as u32;
                    *map.entry(value.clone()).or_insert_with(|| {
                        all.push(value.clone());
                        next
                    })
                })
                .collect();
            assert_eq!(out, want);
        }
        assert_eq!(codes.count(), all.len());
        assert_eq!(&codes.decode_all(), &array(&all));
    }

    proptest! {
        #[test]
        fn codes_of_strings_are_those_of_a_map(
            texts in prop::collection::vec(prop::option::weighted(0.9, "[ab\0é]{0,8}|[a-c]{10,14}|[ab]{62,66}"), 0..300),
            nulls: bool,
            batch in 1..100usize,
        ) {
            let texts: Vec<_> = texts.into_iter().filter(|text| nulls || text.is_some()).collect();
            check(DataType::String, &texts, batch, |texts| Arc::new(StringViewArray::from_iter(texts)));
        }

        #[test]
        fn codes_of_integers_are_those_of_a_map(
            values in prop::collection::vec(prop::option::weighted(0.9, prop_oneof![
                -20..20i64, any::<i64>(), prop::sample::select(vec![i64::MIN, i64::MAX, 1 << 40, -(1 << 40)]),
            ]), 0..300),
            nulls: bool,
            batch in 1..100usize,
        ) {
            let values: Vec<_> = values.into_iter().filter(|value| nulls || value.is_some()).collect();
            check(DataType::Int64, &values, batch, |values| Arc::new(Int64Array::from_iter(values.iter().copied())));
        }

        /// Also those that are no words.
        #[test]
        fn codes_of_decimals_are_those_of_a_map(
            values in prop::collection::vec((0..126u32, any::<bool>(), -1..2i128), 0..300),
            batch in 1..100usize,
        ) {
            let value = |(bits, negative, more): (u32, bool, i128)| (1i128 << bits) * if negative { -1 } else { 1 } + more;
            let values: Vec<_> = values.into_iter().map(value).filter(|value| value.abs() < 10i128.pow(38)).collect();
            let ty = DataType::Decimal { precision: 38, scale: 0 };
            check(ty, &values, batch, |values| {
                let array = Decimal128Array::from_iter_values(values.iter().copied());
                Arc::new(array.with_precision_and_scale(38, 0).unwrap())
            });
        }
    }
}
