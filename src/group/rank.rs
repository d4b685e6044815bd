//! The order of all keys: which rank each key of each worker has.
//!
//! # Contract
//! * Keys are ordered by their columns, NULLs last; equal keys of several tables have one rank.
//! * Ranks go from 0 without a gap, and a key's rank is its row in the columns of all keys.

use super::keys::ColumnCodes;
use super::plan::GroupPlan;
use super::table::GroupTable;
use crate::batch::DataType;
use arrow_array::cast::AsArray;
use arrow_array::types::UInt32Type;
use arrow_array::{Array, ArrayRef, DictionaryArray, UInt32Array};
use arrow_row::{Row, RowConverter, Rows, SortField};
use arrow_schema::SortOptions;
use rayon::prelude::*;
use std::cmp::Ordering;
use std::sync::Arc;

/// Per table: key code → rank, and rank → key code, which is [`u32::MAX`] where the table lacks the key.
pub type Ranks = Vec<(Vec<u32>, Vec<u32>)>;

/// The order of key columns everywhere: ascending, NULLs last.
pub fn key_rows(types: impl Iterator<Item = arrow_schema::DataType>) -> RowConverter {
    let options = SortOptions { descending: false, nulls_first: false };
    let fields = types.map(|ty| SortField::new_with_options(ty, options)).collect();
    RowConverter::new(fields).expect("key types have an order")
}

/// The keys of all tables, in order.
pub struct RankedKeys {
    columns: Vec<KeyColumn>,
    pub count: usize,
    pub ranks: Ranks,
}

/// One key column of all keys.
enum KeyColumn {
    Plain(ArrayRef),
    /// Strings that are not too many: their distinct values, and per key the code of its own. They
    /// leave as dictionaries, which the encoders take as they are.
    Coded(UInt32Array, ArrayRef),
}

/// The most distinct strings of a key column that leave as a dictionary.
const MAX_DICTIONARY: usize = 1 << 18;

/// A key of a table on its way to its rank.
#[derive(Clone, Copy)]
pub struct KeyEntry {
    /// The first bytes of its row, of which the first weighs most: they tell most keys apart, and need no look at the row,
    /// which would be a cache miss for each comparison.
    start: u128,
    /// Whether that is all of the row.
    whole: bool,
    table: u32,
    pub code: u32,
    rank: u32,
}

impl KeyEntry {
    fn new(table: u32, code: u32, row: Row) -> KeyEntry {
        let bytes = row.data();
        let mut start = [0; size_of::<u128>()];
        let length = bytes.len().min(start.len());
        start[..length].copy_from_slice(&bytes[..length]);
        let whole = bytes.len() == length;
        KeyEntry { start: u128::from_be_bytes(start), whole, table, code, rank: 0 }
    }

    /// All keys of tables, by table and code; `rows` are those of each table.
    pub fn all(rows: &[Rows]) -> Vec<KeyEntry> {
        let of_table = |(table, rows): (u32, &Rows)| -> Vec<KeyEntry> {
            let codes = 0..rows.num_rows() as u32;
            codes.map(|code| KeyEntry::new(table, code, rows.row(code as usize))).collect()
        };
        (0u32..).zip(rows).flat_map(of_table).collect()
    }

    fn row<'a>(&self, rows: &'a [Rows]) -> Row<'a> {
        rows[self.table as usize].row(self.code as usize)
    }

    /// The order of the keys; `rows` are those of each table.
    pub fn compare(&self, other: &KeyEntry, rows: &[Rows]) -> Ordering {
        self.start.cmp(&other.start).then_with(|| match self.whole && other.whole {
            // No row is the beginning of another one, so the zeros behind a short row say nothing.
            true => Ordering::Equal,
            false => self.row(rows).cmp(&other.row(rows)),
        })
    }
}

impl RankedKeys {
    /// Sorts the keys of all tables.
    pub fn new(plan: &GroupPlan, tables: &[GroupTable]) -> RankedKeys {
        if plan.keys.is_empty() {
            let ranks = tables.iter().map(|_| (vec![0], vec![0])).collect();
            return RankedKeys { columns: vec![], count: 1, ranks };
        }
        let converter = key_rows(plan.keys.iter().map(|(_, ty)| ty.arrow()));
        // A tuple has another code in each table: only its bytes tell that it is the same one.
        let convert = |t: &GroupTable| converter.convert_columns(&t.keys.decode()).expect("the plan's types");
        let rows: Vec<Rows> = tables.par_iter().map(convert).collect();
        let (entries, distinct) = sorted(&rows);
        let ranks = (0..rows.len()).into_par_iter().map(|table| {
            let (mut rank_of, mut code_of) =
                (vec![0; rows[table].num_rows()], vec![u32::MAX; distinct.len()]);
            for entry in entries.iter().filter(|entry| entry.table == table as u32) {
                rank_of[entry.code as usize] = entry.rank;
                code_of[entry.rank as usize] = entry.code;
            }
            (rank_of, code_of)
        });
        let ranks = ranks.collect();
        let order = distinct.iter().map(|&(table, code)| rows[table as usize].row(code as usize));
        let columns = converter.convert_rows(order).expect("rows of this converter");
        let alone = columns.len() == 1;
        let columns = columns.into_par_iter().map(|column| KeyColumn::new(column, alone)).collect();
        RankedKeys { columns, count: distinct.len(), ranks }
    }

    /// The key columns of the keys of these ranks.
    pub fn take(&self, ranks: Vec<u32>) -> Vec<ArrayRef> {
        let ranks = UInt32Array::from(ranks);
        self.columns.iter().map(|key| key.take(&ranks)).collect()
    }
}

/// The keys of all tables in order, each with its rank; and of each rank a table and the code of its key there.
fn sorted(rows: &[Rows]) -> (Vec<KeyEntry>, Vec<(u32, u32)>) {
    let mut entries = KeyEntry::all(rows);
    // Rows of equal bytes get one rank, so their order does not matter.
    entries.par_sort_unstable_by(|a, b| a.compare(b, rows));
    let mut distinct: Vec<(u32, u32)> = vec![];
    let mut last: Option<KeyEntry> = None;
    for entry in &mut entries {
        if last.is_none_or(|last| last.compare(entry, rows) != Ordering::Equal) {
            distinct.push((entry.table, entry.code));
        }
        entry.rank = distinct.len() as u32 - 1;
        last = Some(*entry);
    }
    (entries, distinct)
}

impl KeyColumn {
    /// `alone` is told of the only key column, of which no two values are equal.
    fn new(column: ArrayRef, alone: bool) -> KeyColumn {
        if *column.data_type() != DataType::String.arrow() || alone && column.len() > MAX_DICTIONARY {
            return KeyColumn::Plain(column);
        }
        // `nulls()` of a dictionary array tells only those of its codes, so a NULL is moved there.
        if alone {
            let codes = (0..column.len()).map(|row| column.is_valid(row).then_some(row as u32));
            return KeyColumn::Coded(codes.collect(), column);
        }
        let mut distinct = ColumnCodes::new(DataType::String);
        let mut codes = vec![];
        distinct.encode(&column, &mut codes);
        if distinct.count() > MAX_DICTIONARY {
            return KeyColumn::Plain(column);
        }
        let values = distinct.decode_all();
        let codes = codes.into_iter().map(|code| values.is_valid(code as usize).then_some(code));
        KeyColumn::Coded(codes.collect(), values)
    }

    /// The values of the keys of these ranks.
    fn take(&self, ranks: &UInt32Array) -> ArrayRef {
        let take = |array: &dyn Array| {
            arrow_select::take::take(array, ranks, None).expect("ranks are rows of the keys")
        };
        match self {
            KeyColumn::Plain(column) => take(column),
            KeyColumn::Coded(codes, values) => {
                let codes = take(codes).as_primitive::<UInt32Type>().clone();
                Arc::new(DictionaryArray::new(codes, values.clone()))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow_array::{Int64Array, StringViewArray};
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    /// A key, so that the derived order is that of the contract: NULLs last.
    type Key = ((bool, Option<String>), i64);

    /// Texts that are alike in their first bytes, and that end in zeros.
    fn text() -> impl Strategy<Value = Option<String>> {
        let part =
            prop::sample::select(vec!["", "a", "\0", "\0\0", "k1640914", "0123456789abcdef", "é", "zzzzzzz"]);
        prop::option::weighted(0.9, prop::collection::vec(part, 0..4).prop_map(|parts| parts.concat()))
    }

    proptest! {
        #[test]
        fn ranks_are_places_among_all_keys_in_order(
            tables in prop::collection::vec(prop::collection::btree_set((text(), -2i64..3), 0..40), 1..4)
        ) {
            let key = |(text, number): &(Option<String>, i64)| -> Key { ((text.is_none(), text.clone()), *number) };
            let all: BTreeSet<Key> = tables.iter().flatten().map(key).collect();
            let types = [arrow_schema::DataType::Utf8View, arrow_schema::DataType::Int64];
            let converter = key_rows(types.into_iter());
            let rows: Vec<Rows> = tables.iter().map(|keys| {
                let texts: StringViewArray = keys.iter().map(|(text, _)| text.as_deref()).collect();
                let numbers: Int64Array = keys.iter().map(|(_, number)| Some(*number)).collect();
                converter.convert_columns(&[Arc::new(texts), Arc::new(numbers)]).unwrap()
            }).collect();
            let (entries, distinct) = sorted(&rows);
            prop_assert_eq!(distinct.len(), all.len());
            let of = |table: u32, code: u32| key(tables[table as usize].iter().nth(code as usize).unwrap());
            for (place, wanted) in all.iter().enumerate() {
                prop_assert_eq!(&of(distinct[place].0, distinct[place].1), wanted);
            }
            prop_assert_eq!(entries.len(), tables.iter().map(BTreeSet::len).sum::<usize>());
            for entry in entries {
                prop_assert_eq!(all.iter().position(|k| *k == of(entry.table, entry.code)), Some(entry.rank as usize));
            }
        }
    }
}
