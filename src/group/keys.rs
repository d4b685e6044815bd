//! Key columns → one small code per row.

use crate::batch::{ColumnView, DataType, Native, by_native, collect_array, each_view};
use arrow_array::builder::StringViewBuilder;
use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, StringViewArray};
use hashbrown::HashTable;
use std::hint::select_unpredictable;
use std::sync::Arc;

/// The longest string that an Arrow view holds in itself.
const INLINE: usize = 12;

/// Distinct values of one key column, each with a code from 0 in order of appearance.
///
/// A value is a 128-bit word: the number itself, or for a string of at most 12 bytes its Arrow view,
/// which is the string and its length. Longer strings are kept in an arena.
pub struct ColumnCodes {
    ty: DataType,
    words: WordTable,
    long: HashTable<u32>,
    null: Option<u32>,
    values: Vec<KeyPart>,
    arena: Vec<u8>,
}

#[derive(Clone, Copy)]
enum KeyPart {
    Null,
    Word(u128),
    /// Start and length in the arena.
    Long(usize, u32),
}

#[inline]
fn hash_word(word: u128) -> u64 {
    // A folded 64×64 multiplication, as in wyhash and foldhash.
    let low = (word as u64) ^ 0x9E37_79B9_7F4A_7C15;
    let high = ((word >> 64) as u64) ^ 0xD6E8_FEB8_6659_FD93;
    let product = u128::from(low) * u128::from(high);
    (product as u64) ^ ((product >> 64) as u64)
}

/// Stands for "no code".
const NONE: u32 = u32::MAX;

/// Low half and high half of a word, and its code.
type Slot = (u64, u64, u32);

/// Words and their codes: open addressing with linear probing, at most half full.
///
/// Written for [`glance`], a lookup without a branch on memory; hashbrown, which this
/// replaced, took twice the time where the table is larger than the second-level cache.
#[derive(Default)]
struct WordTable {
    /// A power of two of them.
    slots: Vec<Slot>,
    len: usize,
}

/// The code of `word` if it lies in the first or the second of `slots` that it may lie in; else [`NONE`], which says
/// nothing.
#[inline(always)]
fn glance(slots: &[Slot], word: u128) -> u32 {
    // A table without slots does not have a mask.
    let Some(mask) = slots.len().checked_sub(1) else { return NONE };
    let at = hash_word(word) as usize & mask;
    // A branch would wait for the memory, and lookups could not overlap. The compiler makes one of `if`, and of `&` too.
    let code = |slot: &Slot, other| {
        let same = ((slot.0 ^ word as u64) | (slot.1 ^ (word >> 64) as u64)) == 0;
        select_unpredictable(same, slot.2, other)
    };
    code(&slots[at], code(&slots[(at + 1) & mask], NONE))
}

impl WordTable {
    /// The code of `word`, which is `next` if it is new.
    fn code(&mut self, word: u128, next: u32) -> u32 {
        // At most half full, so that most words lie in their first two slots, where `glance` looks.
        if self.len * 2 >= self.slots.len() {
            self.grow();
        }
        let at = self.find(word);
        let slot = &mut self.slots[at];
        if slot.2 == NONE {
            *slot = (word as u64, (word >> 64) as u64, next);
            self.len += 1;
        }
        slot.2
    }

    /// The slot of `word`, or the free one where it belongs.
    fn find(&self, word: u128) -> usize {
        let mask = self.slots.len() - 1;
        let mut at = hash_word(word) as usize & mask;
        // At least half of the slots are free, so the loop ends.
        loop {
            let slot = &self.slots[at];
            if slot.2 == NONE || (slot.0 == word as u64 && slot.1 == (word >> 64) as u64) {
                return at;
            }
            at = (at + 1) & mask;
        }
    }

    fn grow(&mut self) {
        let size = (self.slots.len() * 2).max(64);
        let old = std::mem::replace(&mut self.slots, vec![(0, 0, NONE); size]);
        for slot in old.into_iter().filter(|slot| slot.2 != NONE) {
            let at = self.find(u128::from(slot.1) << 64 | u128::from(slot.0));
            self.slots[at] = slot;
        }
    }

    fn bytes(&self) -> usize {
        self.slots.capacity() * size_of::<Slot>()
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
            long: HashTable::new(),
            null: None,
            values: vec![],
            arena: vec![],
        }
    }

    /// The number of codes given.
    pub fn count(&self) -> usize {
        self.values.len()
    }

    /// About the bytes of memory that it takes.
    pub fn bytes(&self) -> usize {
        self.words.bytes() + self.long.capacity() * 5 + self.values.capacity() * 32 + self.arena.capacity()
    }

    fn word(&mut self, word: u128) -> u32 {
        let next = self.values.len() as u32;
        let code = self.words.code(word, next);
        if code == next {
            self.values.push(KeyPart::Word(word));
        }
        code
    }

    /// Appends the codes of `words` to `out`. Words that are known are looked up first, without a
    /// branch on what is loaded, so that many cache misses are under way at once.
    fn words(&mut self, words: impl Iterator<Item = u128> + Clone, out: &mut Vec<u32>) {
        let from = out.len();
        let slots = self.words.slots.as_slice();
        out.extend(words.clone().map(move |word| glance(slots, word)));
        // A new word may come twice in one batch, so this pass looks it up again.
        for (code, word) in out[from..].iter_mut().zip(words) {
            if *code == NONE {
                *code = self.word(word);
            }
        }
    }

    fn long(&mut self, bytes: &[u8]) -> u32 {
        let (values, arena) = (&self.values, &self.arena);
        let text = |code: &u32| match values[*code as usize] {
            KeyPart::Long(start, len) => &arena[start..start + len as usize],
            _ => unreachable!("the table holds long strings"),
        };
        let hash = hash_bytes(bytes);
        if let Some(code) = self.long.find(hash, |code| same_bytes(text(code), bytes)) {
            return *code;
        }
        let next = values.len() as u32;
        // The table holds codes and not texts, so it hashes a text again when it grows.
        self.long.insert_unique(hash, next, |code| hash_bytes(text(code)));
        self.values.push(KeyPart::Long(arena.len(), bytes.len() as u32));
        self.arena.extend_from_slice(bytes);
        next
    }

    fn null(&mut self) -> u32 {
        let next = self.values.len() as u32;
        *self.null.get_or_insert_with(|| {
            self.values.push(KeyPart::Null);
            next
        })
    }

    /// Appends the code of each row of `array` to `out`.
    pub fn encode(&mut self, array: &ArrayRef, out: &mut Vec<u32>) {
        out.reserve(array.len());
        let column = ColumnView::of(array).expect("a column of our types");
        each_view!(column, values => match values.nulls() {
            None => self.words(values.iter().map(Native::key), out),
            Some(nulls) => out.extend(
                nulls
                    .iter()
                    .zip(values.iter())
                    .map(|(valid, v)| if valid { self.word(v.key()) } else { self.null() }),
            ),
        }, _texts => self.encode_strings(array.as_string_view(), out));
    }

    fn encode_strings(&mut self, array: &StringViewArray, out: &mut Vec<u32>) {
        let views = array.views();
        let nulls = array.nulls().filter(|n| n.null_count() > 0);
        // Arrow pads a view of at most 12 bytes with zeros, so equal strings have equal views. What a NULL
        // has there is open.
        if nulls.is_none() && views.iter().all(|&view| view as u32 as usize <= INLINE) {
            return self.words(views.iter().copied(), out);
        }
        for (i, &view) in views.iter().enumerate() {
            let code = if nulls.is_some_and(|n| n.is_null(i)) {
                self.null()
            } else if view as u32 as usize <= INLINE {
                self.word(view)
            } else {
                self.long(array.value(i).as_bytes())
            };
            out.push(code);
        }
    }

    /// The values of `codes`, as an array of the column's type.
    pub fn decode(&self, codes: impl Iterator<Item = u32>) -> ArrayRef {
        by_native!(self.ty, T => {
            let value = |code: u32| match self.values[code as usize] {
                KeyPart::Word(word) => Some(T::of_key(word)),
                _ => None,
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
            match &self.values[code as usize] {
                KeyPart::Null => texts.append_null(),
                KeyPart::Word(word) => {
                    let len = *word as u32 as usize;
                    texts.append_value(String::from_utf8_lossy(&word.to_le_bytes()[4..4 + len]));
                }
                KeyPart::Long(start, len) => {
                    let text = &self.arena[*start..*start + *len as usize];
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
