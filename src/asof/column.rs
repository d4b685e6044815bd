//! The values of one column of some rows: fixed width where there is one, strings as codes or end to end.

use super::bits::BitIndex;
use super::lives::Life;
use crate::batch::{ColumnView, Native, NativeView};
use arrow_array::cast::AsArray;
use arrow_array::types::UInt32Type;
use arrow_array::{Array, ArrayRef};
use arrow_schema::DataType;

/// Values, in the least width that all of them fit: by width and not by type, as tables are held in memory.
#[derive(Debug)]
pub enum PackedValues {
    /// Bools, and codes of strings.
    Bytes(Vec<u8>),
    /// Codes of strings.
    Shorts(Vec<u16>),
    /// Dates, and codes of strings.
    Ints(Vec<i32>),
    /// Integers, instants, the bits of floats, and decimals that fit.
    Words(Vec<i64>),
    /// Decimals.
    Wide(Vec<i128>),
    /// Strings end to end, after where each ends.
    Text(Vec<u64>, Vec<u8>),
}

/// Calls the same on whatever vector of numbers there is; or on the text.
macro_rules! numbers {
    ($values:expr, $numbers:ident => $each:expr, ($ends:ident, $text:ident) => $other:expr) => {
        match $values {
            PackedValues::Bytes($numbers) => $each,
            PackedValues::Shorts($numbers) => $each,
            PackedValues::Ints($numbers) => $each,
            PackedValues::Words($numbers) => $each,
            PackedValues::Wide($numbers) => $each,
            PackedValues::Text($ends, $text) => $other,
        }
    };
}

impl PackedValues {
    /// The words of `rows`, in that order.
    fn words<T: Native>(values: &NativeView<T>, rows: &[u32]) -> PackedValues {
        PackedValues::Words(rows.iter().map(|&row| values.value(row as usize).word()).collect())
    }

    /// The codes of `rows` of a dictionary, in that order.
    fn codes(array: &ArrayRef, rows: &[u32]) -> PackedValues {
        let dictionary = array.as_dictionary::<UInt32Type>();
        let codes = dictionary.keys().values();
        let codes = rows.iter().map(|&row| codes[row as usize]);
        match dictionary.values().len() {
            0..=0x100 => PackedValues::Bytes(codes.map(|c| c as u8).collect()),
            0x101..=0x1_0000 => PackedValues::Shorts(codes.map(|c| c as u16).collect()),
            _ => PackedValues::Ints(codes.map(|c| c as i32).collect()),
        }
    }

    /// None yet, of the same kind.
    pub fn empty(&self) -> PackedValues {
        match self {
            PackedValues::Bytes(_) => PackedValues::Bytes(vec![]),
            PackedValues::Shorts(_) => PackedValues::Shorts(vec![]),
            PackedValues::Ints(_) => PackedValues::Ints(vec![]),
            PackedValues::Words(_) => PackedValues::Words(vec![]),
            PackedValues::Wide(_) => PackedValues::Wide(vec![]),
            PackedValues::Text(..) => PackedValues::Text(vec![], vec![]),
        }
    }

    /// The number in `row`; of strings the code.
    #[inline(always)]
    pub fn word(&self, row: u32) -> i64 {
        let row = row as usize;
        match self {
            PackedValues::Bytes(values) => values[row].into(),
            PackedValues::Shorts(values) => values[row].into(),
            PackedValues::Ints(values) => values[row].into(),
            PackedValues::Words(values) => values[row],
            PackedValues::Wide(_) | PackedValues::Text(..) => {
                unreachable!("neither decimals nor text are words")
            }
        }
    }

    /// The decimal in `row`.
    #[inline]
    pub fn wide(&self, row: u32) -> i128 {
        match self {
            PackedValues::Wide(values) => values[row as usize],
            _ => self.word(row).into(),
        }
    }

    /// The string in `row`, where there are no codes.
    pub fn text(&self, row: u32) -> Option<&[u8]> {
        let PackedValues::Text(ends, text) = self else { return None };
        let start = if row == 0 { 0 } else { ends[row as usize - 1] };
        Some(&text[start as usize..ends[row as usize] as usize])
    }

    /// Appends the value in `row` of values of the same kind, or without a row what stands for NULL.
    pub fn push(&mut self, from: &PackedValues, row: Option<u32>) {
        macro_rules! push {
            ($to:expr, $kind:path) => {
                if let $kind(values) = from {
                    $to.push(row.map_or(0, |row| values[row as usize]));
                }
            };
        }
        match self {
            PackedValues::Bytes(to) => push!(to, PackedValues::Bytes),
            PackedValues::Shorts(to) => push!(to, PackedValues::Shorts),
            PackedValues::Ints(to) => push!(to, PackedValues::Ints),
            PackedValues::Words(to) => push!(to, PackedValues::Words),
            PackedValues::Wide(to) => push!(to, PackedValues::Wide),
            PackedValues::Text(ends, text) => {
                text.extend_from_slice(row.and_then(|row| from.text(row)).unwrap_or_default());
                ends.push(text.len() as u64);
            }
        }
    }

    /// Bytes that the values of some rows take.
    pub fn bytes_of(&self, rows: std::ops::Range<usize>) -> usize {
        fn width<T>(_: &[T]) -> usize {
            size_of::<T>()
        }
        numbers!(self, values => width(values) * rows.len(), (ends, _text) => {
            let at = |end: usize| if end == 0 { 0 } else { ends[end - 1] as usize };
            at(rows.end) - at(rows.start) + 8 * rows.len()
        })
    }

    fn len(&self) -> usize {
        numbers!(self, values => values.len(), (ends, _text) => ends.len())
    }

    /// Appends the bytes of the values of some rows.
    pub fn write(&self, rows: std::ops::Range<usize>, out: &mut Vec<u8>) {
        numbers!(self,
            values => values[rows].iter().for_each(|v| out.extend_from_slice(&v.to_le_bytes())),
            (ends, text) => {
                let start = if rows.start == 0 { 0 } else { ends[rows.start - 1] };
                let end = ends[rows.end - 1];
                // Ends count from the text of the block, so that a block can be read alone.
                ends[rows].iter().for_each(|e| out.extend_from_slice(&(e - start).to_le_bytes()));
                out.extend_from_slice(&text[start as usize..end as usize]);
            }
        );
    }

    /// Replaces the values by `rows` of those that `input` begins with, and goes past them.
    pub fn read(&mut self, rows: usize, input: &mut &[u8]) {
        macro_rules! read {
            ($to:expr, $ty:ty) => {{
                let (here, rest) = input.split_at(rows * size_of::<$ty>());
                *input = rest;
                let values = here.chunks_exact(size_of::<$ty>());
                $to.clear();
                $to.extend(values.map(|v| <$ty>::from_le_bytes(v.try_into().expect("a value's bytes"))));
            }};
        }
        match self {
            PackedValues::Bytes(to) => read!(to, u8),
            PackedValues::Shorts(to) => read!(to, u16),
            PackedValues::Ints(to) => read!(to, i32),
            PackedValues::Words(to) => read!(to, i64),
            PackedValues::Wide(to) => read!(to, i128),
            PackedValues::Text(ends, text) => {
                read!(ends, u64);
                let (here, rest) = input.split_at(ends.last().map_or(0, |&end| end as usize));
                *input = rest;
                text.clear();
                text.extend_from_slice(here);
            }
        }
    }
}

/// Values, and which of them there are (all where it does not say).
#[derive(Debug)]
pub struct Column {
    pub values: PackedValues,
    pub valid: Option<BitIndex>,
}

impl Column {
    /// The values of `array` in `rows`, in that order.
    pub fn new(array: &ArrayRef, rows: &[u32]) -> Column {
        // `nulls` of a dictionary tells only of its codes, and a text behind a code may be NULL too.
        let nulls = array.logical_nulls().filter(|n| n.null_count() > 0);
        let valid = nulls.map(|n| BitIndex::new(rows.iter().map(|&row| n.is_valid(row as usize))));
        if let DataType::Dictionary(..) = array.data_type() {
            return Column { values: PackedValues::codes(array, rows), valid };
        }
        let values = match ColumnView::of(array).expect("a column of our types") {
            ColumnView::Text(texts) => {
                let (mut ends, mut text) = (Vec::with_capacity(rows.len()), vec![]);
                for &row in rows {
                    text.extend_from_slice(texts.get(row as usize).unwrap_or_default().as_bytes());
                    ends.push(text.len() as u64);
                }
                text.shrink_to_fit();
                PackedValues::Text(ends, text)
            }
            ColumnView::Bool(values) => {
                PackedValues::Bytes(rows.iter().map(|&row| values.value(row as usize).into()).collect())
            }
            ColumnView::Date(values) => {
                PackedValues::Ints(rows.iter().map(|&row| values.value(row as usize)).collect())
            }
            ColumnView::Int(values) | ColumnView::Time(values) => PackedValues::words(&values, rows),
            ColumnView::Float(values) => PackedValues::words(&values, rows),
            ColumnView::Decimal(values, _) => {
                let narrow = rows.iter().map(|&row| i64::try_from(values.value(row as usize)).ok());
                match narrow.collect() {
                    Some(narrow) => PackedValues::Words(narrow),
                    None => PackedValues::Wide(rows.iter().map(|&row| values.value(row as usize)).collect()),
                }
            }
        };
        Column { values, valid }
    }

    /// The column without the values of rows that have ended.
    pub fn without(mut self, lives: &[Life]) -> Column {
        if lives.contains(&Life::Ended) {
            let valid = (0..).zip(lives).map(|(row, life)| *life != Life::Ended && self.is_valid(row));
            self.valid = Some(BitIndex::new(valid));
        }
        self
    }

    /// Without rows, of the same kind.
    pub fn empty(&self) -> Column {
        Column { values: self.values.empty(), valid: None }
    }

    /// Whether `row` has a value.
    #[inline]
    pub fn is_valid(&self, row: u32) -> bool {
        self.valid.as_ref().is_none_or(|bits| bits.get(row))
    }

    /// Bytes of memory held.
    pub fn bytes(&self) -> usize {
        self.values.bytes_of(0..self.values.len()) + self.valid.as_ref().map_or(0, BitIndex::bytes)
    }

    /// Appends the bytes of some rows.
    pub fn write(&self, rows: std::ops::Range<usize>, out: &mut Vec<u8>) {
        out.push(self.valid.is_some().into());
        if let Some(bits) = &self.valid {
            // The bits of a block begin with its first row, which need not be the first bit of a word.
            let own = BitIndex::new(rows.clone().map(|row| bits.get(row as u32)));
            own.words().iter().for_each(|word| out.extend_from_slice(&word.to_le_bytes()));
        }
        self.values.write(rows, out);
    }

    /// Replaces the column by `rows` rows of the same kind that `input` begins with, and goes past them.
    pub fn read(&mut self, rows: usize, input: &mut &[u8]) {
        let has_nulls = input[0] != 0;
        *input = &input[1..];
        self.valid = has_nulls.then(|| {
            let (here, rest) = input.split_at(rows.div_ceil(64) * 8);
            *input = rest;
            let words = here.chunks_exact(8).map(|w| u64::from_le_bytes(w.try_into().expect("8 bytes")));
            BitIndex::of_words(words.collect())
        });
        self.values.read(rows, input);
    }
}
