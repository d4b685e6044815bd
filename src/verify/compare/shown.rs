//! The rows that are shown: the first by their keys, read once more in full.

use super::key_pair::{KeyPair, Repeated, same};
use super::value::Value;
use super::work::ComparisonWork;
use super::{Duplicate, RowDifference, WhichSide};
use crate::error::Result;
use std::cmp::Ordering;
use std::collections::HashMap;
use std::sync::Mutex;

/// Where a row is: the number of its side, and its place there.
type RowAddress = (usize, u64);

/// The first of many rows, by key.
pub(super) struct First<'a, T> {
    work: &'a ComparisonWork,
    /// At most as many as are shown.
    rows: Vec<(Vec<Value>, RowAddress, T)>,
}

impl<'a, T: Copy> First<'a, T> {
    pub fn new(work: &'a ComparisonWork) -> First<'a, T> {
        First { work, rows: vec![] }
    }

    /// Takes more rows, of which `place` tells where the key is.
    pub fn add(&mut self, rows: Vec<T>, place: impl Fn(&T) -> RowAddress) -> Result<()> {
        // The tries of `explain` compare without showing rows, and are not to read them again.
        if self.work.show == 0 || rows.is_empty() {
            return Ok(());
        }
        let mut rows: Vec<(RowAddress, T)> = rows.into_iter().map(|row| (place(&row), row)).collect();
        rows.sort_unstable_by_key(|(place, _)| *place);
        let there = rows.partition_point(|((side, _), _)| *side == 0);
        for (side, of_side) in [&rows[..there], &rows[there..]].into_iter().enumerate() {
            let places: Vec<u64> = of_side.iter().map(|((_, place), _)| *place).collect();
            for (key, place) in smallest(self.work, side, &places)? {
                // Each place that comes back is one of those that were asked for, so the search finds it.
                let row = of_side.partition_point(|((_, other), _)| *other < place);
                self.rows.push((key, (side, place), of_side[row].1));
            }
        }
        // Threads give rows in any order. Key, side and place make the report the same each time.
        self.rows.sort_by(|a, b| (&a.0, a.1).cmp(&(&b.0, b.1)));
        self.rows.truncate(self.work.show);
        Ok(())
    }

    pub fn rows(self) -> Vec<T> {
        self.rows.into_iter().map(|(.., row)| row).collect()
    }
}

/// The smallest keys among the rows at `places`, as many as are shown.
fn smallest(work: &ComparisonWork, side: usize, places: &[u64]) -> Result<Vec<(Vec<Value>, u64)>> {
    let most = work.show;
    let found: Mutex<Vec<(Vec<Value>, u64)>> = Mutex::default();
    let columns = &work.columns.all[..work.columns.keys];
    work.sides[side].pick(places, &work.columns.names(work.columns.keys), &|piece, rows| {
        // Nothing that is not before it can be among the smallest.
        let bound = {
            let found = found.lock().unwrap_or_else(|e| e.into_inner());
            (found.len() >= most).then(|| found[most - 1].clone())
        };
        let mut keys = vec![];
        for (row, place) in rows {
            let value = |i: usize| piece.cells[i].value(columns[i].meaning, *row);
            if let Some((bound, bound_place)) = &bound {
                let mut order = Ordering::Equal;
                for (i, bound) in bound.iter().enumerate() {
                    order = value(i).cmp(bound);
                    if order != Ordering::Equal {
                        break;
                    }
                }
                if order.then(place.cmp(bound_place)) != Ordering::Less {
                    continue;
                }
            }
            keys.push(((0..columns.len()).map(value).collect(), *place));
        }
        // Keys are sorted and cut before the lock, so other threads wait for a short merge alone.
        keys.sort();
        keys.truncate(most);
        let mut found = found.lock().unwrap_or_else(|e| e.into_inner());
        found.extend(keys);
        found.sort();
        found.truncate(most);
        Ok(())
    })?;
    Ok(found.into_inner().unwrap_or_else(|e| e.into_inner()))
}

/// A row in full: the texts of its columns, and their values.
type FullRow = (Vec<Option<String>>, Vec<Value>);

/// The rows of a side at `places`, in any order.
fn fetch(
    work: &ComparisonWork,
    side: usize,
    places: impl Iterator<Item = u64>,
) -> Result<HashMap<u64, FullRow>> {
    let mut places: Vec<u64> = places.collect();
    places.sort_unstable();
    places.dedup();
    let found: Mutex<HashMap<u64, FullRow>> = Mutex::default();
    let columns = &work.columns.all;
    work.sides[side].pick(&places, &work.columns.names(columns.len()), &|piece, rows| {
        let full = |row: usize| {
            let values = piece.cells.iter().zip(columns).map(|(cells, c)| cells.value(c.meaning, row));
            (piece.cells.iter().map(|cells| cells.text(row)).collect(), values.collect())
        };
        let rows: Vec<(u64, FullRow)> = rows.iter().map(|(row, place)| (*place, full(*row))).collect();
        found.lock().unwrap_or_else(|e| e.into_inner()).extend(rows);
        Ok(())
    })?;
    Ok(found.into_inner().unwrap_or_else(|e| e.into_inner()))
}

fn key(work: &ComparisonWork, row: &FullRow) -> Vec<(String, Option<String>)> {
    let columns = work.columns.all[..work.columns.keys].iter();
    columns.zip(&row.0).map(|(column, text)| (column.name.clone(), text.clone())).collect()
}

/// What the rows of `pairs` have in them.
pub(super) fn rows(work: &ComparisonWork, pairs: Vec<KeyPair>) -> Result<Vec<RowDifference>> {
    let here = fetch(work, 0, pairs.iter().filter_map(|pair| pair.here()))?;
    let there = fetch(work, 1, pairs.iter().filter_map(|pair| pair.there()))?;
    let keys = work.columns.keys;
    let shown = pairs.into_iter().filter_map(|pair| {
        let here = pair.here().and_then(|place| here.get(&place));
        let there = pair.there().and_then(|place| there.get(&place));
        let only = match (here, there) {
            (Some(_), Some(_)) => None,
            (Some(_), None) => Some(WhichSide::Here),
            _ => Some(WhichSide::There),
        };
        let mut cells = vec![];
        for (i, column) in work.columns.all.iter().enumerate().skip(keys) {
            if let (Some(here), Some(there)) = (here, there)
                && same(column, &here.1[i], &there.1[i])
            {
                continue;
            }
            let text = |row: Option<&FullRow>| row.and_then(|row| row.0[i].clone());
            cells.push((column.name.clone(), text(here), text(there)));
        }
        Some(RowDifference { key: key(work, here.or(there)?), only, cells })
    });
    Ok(shown.collect())
}

/// What the keys of `repeated` are.
pub(super) fn duplicates(work: &ComparisonWork, repeated: Vec<Repeated>) -> Result<Vec<Duplicate>> {
    let of = |there: bool| repeated.iter().filter(move |again| again.there == there).map(|again| again.place);
    let sides = [fetch(work, 0, of(false))?, fetch(work, 1, of(true))?];
    let named = repeated.iter().filter_map(|again| {
        let row = sides[usize::from(again.there)].get(&again.place)?;
        let side = if again.there { WhichSide::There } else { WhichSide::Here };
        Some(Duplicate { side, key: key(work, row), rows: again.rows })
    });
    Ok(named.collect())
}
