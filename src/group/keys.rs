//! Key columns → one small code per row.

use super::key_texts::KeyTexts;
use super::key_words::{KeyWord, NONE, WordTable, hash_word};
use super::text_lanes::{LaneWork, TextLanes, with_lanes};
use crate::batch::{ColumnView, DataType, Native, by_native, collect_array, each_view};
use arrow_array::builder::StringViewBuilder;
use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, StringViewArray};
use hashbrown::HashTable;
use std::sync::Arc;

/// Distinct values of one key column, each with a code from 0 in order of appearance.
///
/// Most values are words of a table. Longer strings are in an arena, and so are the bytes of numbers that are too large.
pub struct ColumnCodes {
    ty: DataType,
    words: WordTable,
    texts: KeyTexts,
    null: Option<u32>,
    values: Vec<KeyPart>,
}

/// The value of a code, as a word whose low bits tell of which kind it is.
#[derive(Clone, Copy)]
struct KeyPart(u128);

/// What a [`KeyPart`] says.
enum CodedKey {
    Null,
    Word(KeyWord),
    /// Which of the texts.
    Text(usize),
}

impl KeyPart {
    const NULL: u128 = 1;
    const TEXT: u128 = 2;

    fn new(key: CodedKey) -> KeyPart {
        KeyPart(match key {
            CodedKey::Null => KeyPart::NULL,
            CodedKey::Word(word) => word.0,
            CodedKey::Text(at) => (at as u128) << 64 | KeyPart::TEXT,
        })
    }

    #[inline]
    fn key(self) -> CodedKey {
        match self.0 & u128::from(KeyWord::LOW) {
            KeyPart::NULL => CodedKey::Null,
            KeyPart::TEXT => CodedKey::Text((self.0 >> 64) as usize),
            _ => CodedKey::Word(KeyWord(self.0)),
        }
    }
}

impl ColumnCodes {
    /// No codes yet, for a column of this type.
    pub fn new(ty: DataType) -> ColumnCodes {
        ColumnCodes { ty, words: WordTable::default(), texts: KeyTexts::new(), null: None, values: vec![] }
    }

    /// The number of codes given.
    pub fn count(&self) -> usize {
        self.values.len()
    }

    /// About the bytes of memory that it takes.
    pub fn bytes(&self) -> usize {
        self.words.bytes() + self.texts.bytes() + self.values.capacity() * size_of::<KeyPart>()
    }

    /// The code of a word; `None` if it is new and has to be a text.
    fn word(&mut self, word: KeyWord) -> Option<u32> {
        let next = self.values.len() as u32;
        let code = self.words.code(word, next)?;
        if code == next {
            self.values.push(KeyPart::new(CodedKey::Word(word)));
        }
        Some(code)
    }

    /// Appends the codes of `values` to `out`; of those that are no words, or have to be texts, by `text`. Words that are known are
    /// looked up first, without a branch on what is loaded, so that many cache misses are under way at once.
    fn words<T: Copy>(
        &mut self,
        values: impl Iterator<Item = T> + Clone,
        word: impl Fn(T) -> Option<KeyWord> + Copy,
        text: impl Fn(&mut ColumnCodes, T) -> u32,
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
                *code = word(value).and_then(|word| self.word(word)).unwrap_or_else(|| text(self, value));
            }
        }
    }

    fn text(&mut self, bytes: &[u8]) -> u32 {
        with_lanes(OneText { codes: self, bytes })
    }

    #[inline(always)]
    fn text_with<L: TextLanes>(&mut self, lanes: L, bytes: &[u8]) -> u32 {
        let next = self.values.len() as u32;
        let code = self.texts.code(lanes, bytes, next);
        if code == next {
            self.values.push(KeyPart::new(CodedKey::Text(self.texts.len() - 1)));
        }
        code
    }

    fn wide(&mut self, key: u128) -> u32 {
        self.text(&key.to_le_bytes())
    }

    fn number(&mut self, key: u128) -> u32 {
        KeyWord::of_number(key).and_then(|word| self.word(word)).unwrap_or_else(|| self.wide(key))
    }

    fn null(&mut self) -> u32 {
        let next = self.values.len() as u32;
        *self.null.get_or_insert_with(|| {
            self.values.push(KeyPart::new(CodedKey::Null));
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
            let text = |codes: &mut ColumnCodes, view: u128| {
                codes.text(&view.to_le_bytes()[4..4 + view as u32 as usize])
            };
            return self.words(array.views().iter().copied(), short, text, out);
        }
        with_lanes(TextRows { codes: self, array, out });
    }

    /// The values of `codes`, as an array of the column's type.
    pub fn decode(&self, codes: impl Iterator<Item = u32>) -> ArrayRef {
        by_native!(self.ty, T => {
            let value = |code: u32| match self.values[code as usize].key() {
                CodedKey::Word(word) => Some(T::of_key(word.number())),
                CodedKey::Text(at) => {
                    let wide = self.texts.get(at).try_into().map(u128::from_le_bytes);
                    Some(T::of_key(wide.expect("a number that is not a word has sixteen bytes")))
                }
                CodedKey::Null => None,
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
                CodedKey::Null => texts.append_null(),
                CodedKey::Word(word) => texts.append_value(String::from_utf8_lossy(word.text(&mut [0; 16]))),
                CodedKey::Text(at) => texts.append_value(String::from_utf8_lossy(self.texts.get(at))),
            }
        }
        Arc::new(texts.finish())
    }
}

/// A text whose code is asked for.
struct OneText<'a> {
    codes: &'a mut ColumnCodes,
    bytes: &'a [u8],
}

impl LaneWork for OneText<'_> {
    type Output = u32;

    #[inline(always)]
    fn run<L: TextLanes>(self, lanes: L) -> u32 {
        self.codes.text_with(lanes, self.bytes)
    }
}

/// Rows of strings, NULLs among them, whose codes are appended.
struct TextRows<'a> {
    codes: &'a mut ColumnCodes,
    array: &'a StringViewArray,
    out: &'a mut Vec<u32>,
}

impl LaneWork for TextRows<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: TextLanes>(self, lanes: L) {
        let TextRows { codes, array, out } = self;
        let nulls = array.nulls().filter(|n| n.null_count() > 0);
        for (row, &view) in array.views().iter().enumerate() {
            let code = if nulls.is_some_and(|n| n.is_null(row)) {
                codes.null()
            } else {
                let word = KeyWord::of_view(view).and_then(|word| codes.word(word));
                word.unwrap_or_else(|| codes.text_with(lanes, array.value(row).as_bytes()))
            };
            out.push(code);
        }
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
