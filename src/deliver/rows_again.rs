//! Rows of files that are gone, found again in new files: somebody has merged, split or converted files that were counted.
//!
//! # Contract
//! Rows are the same if all their columns are, the event time among them. Each row of a gone file takes one row of a new file,
//! and no row is taken twice. Only rows of one instant are compared, so rows in replay order are looked at once.

use crate::error::{Error, Result};
use crate::rows::OrderedRows;
use arrow_array::{ArrayRef, UInt32Array};
use arrow_row::{RowConverter, SortField};
use arrow_schema::ArrowError;
use arrow_select::take::take;
use hashbrown::HashMap;
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

/// What a file is to this search.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileState {
    /// It was counted, and is not among the files of the source any more.
    Gone,
    /// It is counted now.
    New,
    /// Any other.
    Stays,
}

/// The search for rows of files that are gone among those of new files, in the partitions that an archive writes.
pub struct RowsAgain {
    /// Per file, by its place in the list that positions are in.
    states: Vec<FileState>,
    /// Per gone file, by its place.
    found: Mutex<BTreeMap<u32, FoundRows>>,
}

/// The rows of a gone file that were looked at.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct FoundRows {
    /// How many.
    pub rows: u64,
    /// How many of them a new file has again.
    pub again: u64,
    /// The place of such a new file.
    pub new: Option<u32>,
}

/// So many rows are looked at together, and the rest of those of one instant.
const STEP: usize = 1 << 13;

impl RowsAgain {
    /// A search among files of these states; none where no file is gone, or none is new.
    pub fn among(states: Vec<FileState>) -> Option<RowsAgain> {
        let wanted = [FileState::Gone, FileState::New];
        wanted
            .iter()
            .all(|state| states.contains(state))
            .then(|| RowsAgain { states, found: Mutex::default() })
    }

    /// Looks at the rows of a partition: their first `columns` columns are compared.
    pub(super) fn see(&self, ordered: &OrderedRows, columns: usize) -> Result<()> {
        let mut from = 0;
        while from < ordered.len() {
            let to = end_of_instant(ordered, (from + STEP).min(ordered.len()));
            self.see_rows(ordered, from, to, columns)?;
            from = to;
        }
        Ok(())
    }

    fn see_rows(&self, ordered: &OrderedRows, from: usize, to: usize, columns: usize) -> Result<()> {
        let (times, positions) = (ordered.times(from, to), ordered.positions(from, to));
        let state = |row: usize| self.states[positions[row].file() as usize];
        let mut gone: BTreeMap<u32, FoundRows> = BTreeMap::new();
        for row in (0..times.len()).filter(|&row| state(row) == FileState::Gone) {
            gone.entry(positions[row].file()).or_default().rows += 1;
        }
        // Most instants have rows of one side alone.
        let mut both: Vec<u32> = vec![];
        let mut start = 0;
        for instant in times.chunk_by(|a, b| a == b) {
            let rows = start..start + instant.len();
            let has = |wanted: FileState| rows.clone().any(|row| state(row) == wanted);
            if has(FileState::Gone) && has(FileState::New) {
                both.extend(rows.clone().filter(|&row| state(row) != FileState::Stays).map(|row| row as u32));
            }
            start = rows.end;
        }
        if !both.is_empty() {
            let failed = |e: ArrowError| Error::machine("cannot compare the rows of files").caused_by(e);
            let picked = UInt32Array::from(both.clone());
            let all = ordered.columns(from, to).into_iter().take(columns);
            let values: Vec<ArrayRef> = all
                .map(|column| take(&column, &picked, None))
                .collect::<std::result::Result<_, _>>()
                .map_err(failed)?;
            let fields = values.iter().map(|column| SortField::new(column.data_type().clone())).collect();
            let converter = RowConverter::new(fields).map_err(failed)?;
            let bytes = converter.convert_columns(&values).map_err(failed)?;
            // New rows that no gone row has taken yet, by instant and content.
            let mut free: HashMap<(i64, &[u8]), Vec<u32>> = HashMap::new();
            let side = |wanted: FileState| {
                let rows = both.iter().enumerate().map(|(place, row)| (place, *row as usize));
                rows.filter(move |(_, row)| state(*row) == wanted)
            };
            for (place, row) in side(FileState::New) {
                free.entry((times[row], bytes.row(place).data())).or_default().push(positions[row].file());
            }
            for (place, row) in side(FileState::Gone) {
                let new = free.get_mut(&(times[row], bytes.row(place).data())).and_then(Vec::pop);
                let found = gone.entry(positions[row].file()).or_default();
                found.again += u64::from(new.is_some());
                found.new = found.new.or(new);
            }
        }
        let mut found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        for (file, of_step) in gone {
            let all = found.entry(file).or_default();
            all.rows += of_step.rows;
            all.again += of_step.again;
            // The same file is named whatever the order in which partitions were looked at.
            all.new = all.new.into_iter().chain(of_step.new).min();
        }
        Ok(())
    }

    /// What was found of each gone file that had rows, by its place.
    pub fn found(&self) -> BTreeMap<u32, FoundRows> {
        self.found.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// The first row from `at` on that is of another instant than the row before it.
fn end_of_instant(ordered: &OrderedRows, at: usize) -> usize {
    let time = |row: usize| ordered.times(row, row + 1)[0];
    let mut end = at;
    while end < ordered.len() && end > 0 && time(end) == time(end - 1) {
        end += 1;
    }
    end
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::batch::{Batch, DataType, Position};
    use crate::rows::{RowSpace, RowStore, gather_partitions};
    use arrow_array::Int64Array;
    use proptest::prelude::*;
    use std::sync::Arc;

    /// Rows as file, time and value, in any order.
    fn search(states: &[FileState], rows: &[(u32, i64, i64)]) -> BTreeMap<u32, FoundRows> {
        let mut rows = rows.to_vec();
        rows.sort_by_key(|row| row.0);
        let mut store = RowStore::unpartitioned(vec![DataType::Int64], RowSpace(std::env::temp_dir()));
        let column: ArrayRef = Arc::new(rows.iter().map(|row| Some(row.2)).collect::<Int64Array>());
        let positions = (0..).zip(&rows).map(|(place, row)| Position::new(row.0, place)).collect();
        let time = rows.iter().map(|row| row.1).collect();
        let batch = Batch { columns: vec![column], time, positions, rows: rows.len(), ..Batch::default() };
        store.push(&batch).unwrap();
        let search = RowsAgain::among(states.to_vec()).unwrap();
        for partition in gather_partitions(vec![store]) {
            search.see(&partition.order().unwrap(), 1).unwrap();
        }
        search.found()
    }

    const STATES: [FileState; 4] = [FileState::Gone, FileState::Gone, FileState::New, FileState::Stays];

    proptest! {
        #[test]
        fn each_gone_row_takes_one_new_row(rows in prop::collection::vec((0u32..4, 0i64..3, 0i64..3), 0..60)) {
            let mut new: Vec<(i64, i64)> = rows.iter().filter(|r| r.0 == 2).map(|r| (r.1, r.2)).collect();
            let (mut gone, mut again) = (0, 0);
            for row in rows.iter().filter(|r| r.0 < 2) {
                gone += 1;
                if let Some(at) = new.iter().position(|other| *other == (row.1, row.2)) {
                    new.remove(at);
                    again += 1;
                }
            }
            let found = search(&STATES, &rows);
            prop_assert_eq!(found.values().map(|f| f.rows).sum::<u64>(), gone);
            prop_assert_eq!(found.values().map(|f| f.again).sum::<u64>(), again);
            prop_assert!(found.values().all(|f| f.new.is_some() == (f.again > 0)));
        }
    }

    #[test]
    fn rows_of_one_instant_stay_together_across_steps() {
        let rows = |file: u32| (0..STEP as i64).map(move |value| (file, 7, value));
        let found = search(&STATES, &rows(0).chain(rows(2)).collect::<Vec<_>>());
        assert_eq!(found[&0], FoundRows { rows: STEP as u64, again: STEP as u64, new: Some(2) });
    }
}
