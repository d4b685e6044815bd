//! `string_agg`: all texts are kept, sorted at the end and joined. Merge law: union of multisets of rows.
//!
//! Rows are ordered by their keys, then in replay order, which no two rows share: so the text is one.

use super::accumulator::{Accumulator, PIECE, Rows, same};
use super::codec::StateReader;
use super::function::Listing;
use crate::batch::{DataType, Position, canonical};
use crate::error::{Error, Result};
use arrow_array::cast::AsArray;
use arrow_array::types::Float64Type;
use arrow_array::{Array, ArrayRef, StringViewArray};
use arrow_row::{RowConverter, SortField};
use arrow_schema::SortOptions;
use std::any::Any;
use std::collections::HashSet;
use std::sync::Arc;

/// One row of a listing.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct ListedRow {
    /// Bytes in the order of the keys.
    keys: Box<[u8]>,
    time: i64,
    position: Position,
    text: Box<str>,
}

impl ListedRow {
    /// Bytes of memory: itself, and both texts as malloc has them.
    fn bytes(&self) -> usize {
        let heap = |len: usize| if len == 0 { 0 } else { (len + 8).next_multiple_of(16).max(32) };
        std::mem::size_of::<ListedRow>() + heap(self.keys.len()) + heap(self.text.len())
    }
}

/// The rows of each slot.
pub struct Listed {
    listing: Listing,
    /// The types of the keys.
    keys: Vec<DataType>,
    /// Of the keys; none in replay order.
    converter: Option<RowConverter>,
    rows: Vec<Vec<ListedRow>>,
    bytes: usize,
}

impl Listed {
    /// The accumulator over texts that are ordered by columns of these types.
    pub fn new(listing: &Listing, keys: &[DataType]) -> Listed {
        let fields = keys.iter().zip(&listing.order).map(|(ty, direction)| {
            let options =
                SortOptions { descending: direction.descending, nulls_first: direction.nulls_first };
            SortField::new_with_options(ty.arrow(), options)
        });
        let fields: Vec<SortField> = fields.collect();
        let converter = (!fields.is_empty())
            .then(|| RowConverter::new(fields).expect("the types of columns have an order"));
        Listed { listing: listing.clone(), keys: keys.to_vec(), converter, rows: vec![], bytes: 0 }
    }

    fn push(&mut self, slot: u32, row: ListedRow) {
        self.bytes += row.bytes();
        self.rows[slot as usize].push(row);
    }

    /// The text of some rows; none of no rows.
    fn text(&self, rows: &[ListedRow]) -> Result<Option<String>> {
        let mut rows: Vec<&ListedRow> = rows.iter().collect();
        if self.listing.distinct {
            rows.sort_unstable_by_key(|row| (row.time, row.position));
            let mut seen = HashSet::new();
            rows.retain(|row| seen.insert(&row.text));
        }
        // Two rows never share a position, so an unstable sort gives one order.
        rows.sort_unstable();
        let separator = &self.listing.separator;
        let length = rows.iter().map(|row| row.text.len() + separator.len()).sum::<usize>();
        // Before the memory is taken: a text of 2^31 bytes would not fit an Arrow view.
        if length > MOST {
            return Err(Error::data(format!("a string_agg of {length} bytes is longer than a text can be"))
                .hint("leave rows out with FILTER (WHERE …), or group by smaller windows"));
        }
        // In SQL a group without a text gives NULL and not an empty text.
        let Some((first, rest)) = rows.split_first() else { return Ok(None) };
        let mut text = String::with_capacity(length);
        text.push_str(&first.text);
        for row in rest {
            text.push_str(separator);
            text.push_str(&row.text);
        }
        Ok(Some(text))
    }
}

/// The most bytes of a text.
const MOST: usize = 1 << 30;

/// A column of keys, in which floats that count as equal are one.
fn key(array: &ArrayRef, ty: DataType) -> ArrayRef {
    match ty {
        DataType::Float64 => {
            // arrow-row orders −0 before 0, and NaN by its bits; in SQL these are ties, which replay order
            // decides.
            let floats = array.as_primitive::<Float64Type>();
            Arc::new(floats.unary::<_, Float64Type>(canonical)) as ArrayRef
        }
        _ => array.clone(),
    }
}

/// Appends rows as a state of at most about [`PIECE`] bytes.
fn put_piece<'a>(rows: &mut impl Iterator<Item = &'a ListedRow>, out: &mut Vec<u8>) {
    let at = out.len();
    out.extend_from_slice(&[0; 8]);
    let mut count = 0u64;
    while out.len() - at < PIECE
        && let Some(row) = rows.next()
    {
        // The keys go along as bytes, so that a state can be merged without the columns that it was ordered
        // by.
        super::codec::put_bytes(out, &row.keys);
        out.extend_from_slice(&row.time.to_le_bytes());
        out.extend_from_slice(&row.position.as_u64().to_le_bytes());
        super::codec::put_bytes(out, row.text.as_bytes());
        count += 1;
    }
    out[at..at + 8].copy_from_slice(&count.to_le_bytes());
}

impl Accumulator for Listed {
    fn resize(&mut self, slots: usize) {
        self.rows.resize(slots, vec![]);
    }

    fn update(&mut self, slots: &[u32], rows: &Rows) -> Result<()> {
        let texts = rows.args[0].as_string_view();
        let keys = match &self.converter {
            None => None,
            Some(converter) => {
                let columns: Vec<ArrayRef> =
                    rows.args[1..].iter().zip(&self.keys).map(|(array, ty)| key(array, *ty)).collect();
                let failed = |e| Error::machine("cannot order the rows of string_agg").caused_by(e);
                Some(converter.convert_columns(&columns).map_err(failed)?)
            }
        };
        for i in (0..texts.len()).filter(|&i| texts.is_valid(i)) {
            let keys = keys.as_ref().map_or_else(Box::default, |keys| keys.row(i).as_ref().into());
            let (time, position) = (rows.time[i], rows.positions[i]);
            self.push(slots[i], ListedRow { keys, time, position, text: texts.value(i).into() });
        }
        Ok(())
    }

    fn merge(&mut self, pairs: &[(u32, u32)], other: &dyn Accumulator) -> Result<()> {
        let other: &Listed = same(other);
        for &(mine, theirs) in pairs {
            other.rows[theirs as usize].iter().for_each(|row| self.push(mine, row.clone()));
        }
        Ok(())
    }

    fn encode(&self, slot: u32, out: &mut Vec<u8>) {
        put_piece(&mut self.rows[slot as usize].iter(), out);
    }

    fn encode_rest(
        &self,
        slot: u32,
        write: &mut dyn FnMut(&[u8]) -> std::io::Result<()>,
    ) -> std::io::Result<()> {
        let mut rows = self.rows[slot as usize].iter();
        let mut piece = vec![];
        // The first piece was written by `encode`.
        put_piece(&mut rows, &mut piece);
        while rows.len() > 0 {
            piece.clear();
            put_piece(&mut rows, &mut piece);
            write(&piece)?;
        }
        Ok(())
    }

    fn merge_encoded(&mut self, slot: u32, state: &mut StateReader) -> Result<()> {
        for _ in 0..state.u64() {
            let keys = state.bytes().into();
            let (time, position) = (state.i64(), Position::from_u64(state.u64()));
            let text = String::from_utf8_lossy(state.bytes()).into();
            self.push(slot, ListedRow { keys, time, position, text });
        }
        Ok(())
    }

    fn finish(&self, slots: usize) -> Result<ArrayRef> {
        let texts = self.rows[..slots].iter().map(|rows| self.text(rows));
        Ok(Arc::new(texts.collect::<Result<StringViewArray>>()?))
    }

    fn bytes(&self) -> usize {
        self.bytes + self.rows.capacity() * std::mem::size_of::<Vec<ListedRow>>()
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}
