//! Dedup and first against a version that goes through the rows one by one.

use super::*;
use crate::batch::Position;
use arrow_array::{ArrayRef, Int64Array};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Key and time of a row; its place is its position.
type KeyAndTime = (i64, i64);

/// The rows of each worker, which takes them in chunks of three in turn.
fn dealt(rows: &[KeyAndTime], workers: usize) -> Vec<Vec<usize>> {
    let mut dealt = vec![vec![]; workers];
    (0..rows.len()).for_each(|i| dealt[i / 3 % workers].push(i));
    dealt
}

fn found(
    rows: &[KeyAndTime],
    workers: usize,
    wanted: KeyedRows,
    without: &BTreeSet<usize>,
    spill: bool,
) -> BTreeSet<usize> {
    let dealt = dealt(rows, workers);
    let folder = std::env::temp_dir();
    let counts: Vec<u64> = dealt.iter().map(|d| d.len() as u64).collect();
    let dropped = RowBits::new(&counts);
    let mut logs = vec![];
    for (w, own) in dealt.iter().enumerate() {
        let mut log = KeyLog::new(&folder);
        for (c, chunk) in own.chunks(4).enumerate() {
            let column: ArrayRef = Arc::new(Int64Array::from_iter_values(chunk.iter().map(|&i| rows[i].0)));
            let times: Vec<i64> = chunk.iter().map(|&i| rows[i].1).collect();
            let positions: Vec<Position> = chunk.iter().map(|&i| Position::new(1, i as u64 * 7)).collect();
            let numbers: Vec<u64> = (0..chunk.len() as u64).map(|n| c as u64 * 4 + n).collect();
            log.push(&hash_keys(&[&column], chunk.len()), &times, &positions, &numbers);
            if spill && c % 2 == 0 {
                log.spill().unwrap();
                assert_eq!(log.bytes(), 0);
            }
        }
        let numbered = own.iter().enumerate().filter(|(_, i)| without.contains(i));
        numbered.for_each(|(n, _)| dropped.insert(w, n as u64));
        logs.push(log);
    }
    let bits = resolve(&logs, wanted, &dropped, &counts, 1 << 20).unwrap();
    let mut found = BTreeSet::new();
    for (w, own) in dealt.iter().enumerate() {
        found.extend(own.iter().enumerate().filter(|(n, _)| bits.contains(w, *n as u64)).map(|(_, &i)| i));
    }
    assert_eq!(bits.count(), found.len() as u64);
    found
}

/// The same, row by row in replay order.
fn expected(rows: &[KeyAndTime], wanted: KeyedRows, without: &BTreeSet<usize>) -> BTreeSet<usize> {
    let mut order: Vec<usize> = (0..rows.len()).filter(|i| !without.contains(i)).collect();
    order.sort_by_key(|&i| (rows[i].1, i));
    let mut kept: BTreeMap<i64, usize> = BTreeMap::new();
    let (mut dropped, mut firsts) = (BTreeSet::new(), BTreeSet::new());
    let within = match wanted {
        KeyedRows::Duplicates(within) | KeyedRows::LastKept(within) | KeyedRows::Firsts(within) => within,
        KeyedRows::Replaced => None,
    };
    let last: BTreeMap<i64, usize> = order.iter().map(|&i| (rows[i].0, i)).collect();
    let replaced = order.iter().copied().filter(|i| last[&rows[*i].0] != *i).collect();
    for i in order {
        let (key, time) = rows[i];
        match kept.get(&key) {
            None => {
                firsts.insert(i);
                kept.insert(key, i);
            }
            Some(&last) if within.is_some_and(|within| time - rows[last].1 > within) => {
                firsts.insert(i);
                kept.insert(key, i);
            }
            Some(_) => {
                dropped.insert(i);
            }
        }
    }
    match wanted {
        KeyedRows::Duplicates(_) => dropped,
        KeyedRows::Firsts(_) => firsts,
        KeyedRows::Replaced => replaced,
        KeyedRows::LastKept(_) => kept.into_values().collect(),
    }
}

proptest! {
    #[test]
    fn rows_are_found_as_if_one_by_one(
        rows in prop::collection::vec((0i64..5, -20i64..20), 0..80),
        without in prop::collection::btree_set(0usize..80, 0..10),
        within in prop::option::of(0i64..8),
        workers in 1usize..4,
        spill: bool,
    ) {
        for wanted in [
            KeyedRows::Duplicates(within),
            KeyedRows::Firsts(within),
            KeyedRows::Firsts(None),
            KeyedRows::Replaced,
            KeyedRows::LastKept(within),
        ] {
            let found = found(&rows, workers, wanted, &without, spill);
            prop_assert_eq!(found, expected(&rows, wanted, &without), "{:?}", wanted);
        }
    }
}

#[test]
fn times_at_the_ends_of_all_time() {
    let rows = [(1, i64::MIN), (1, i64::MAX), (1, 0), (2, i64::MAX)];
    let none = BTreeSet::new();
    assert_eq!(found(&rows, 2, KeyedRows::Duplicates(Some(0)), &none, false), BTreeSet::new());
    assert_eq!(found(&rows, 2, KeyedRows::Duplicates(Some(i64::MAX)), &none, true), BTreeSet::from([2, 1]));
    assert_eq!(found(&rows, 1, KeyedRows::Firsts(None), &none, false), BTreeSet::from([0, 3]));
}

#[test]
fn buckets_larger_than_memory_are_read_in_parts() {
    let rows: Vec<KeyAndTime> = (0..500_000).map(|i| (i / 2 % 50_000, i)).collect();
    let none = BTreeSet::new();
    let folder = std::env::temp_dir();
    let mut log = KeyLog::new(&folder);
    let column: ArrayRef = Arc::new(Int64Array::from_iter_values(rows.iter().map(|r| r.0)));
    let times: Vec<i64> = rows.iter().map(|r| r.1).collect();
    let positions: Vec<Position> = (0..rows.len() as u64).map(|i| Position::new(0, i)).collect();
    let numbers: Vec<u64> = (0..rows.len() as u64).collect();
    log.push(&hash_keys(&[&column], rows.len()), &times, &positions, &numbers);
    let counts = [rows.len() as u64];
    let dropped = RowBits::new(&counts);
    let bits = resolve(&[log], KeyedRows::Firsts(None), &dropped, &counts, 1).unwrap();
    let firsts = expected(&rows, KeyedRows::Firsts(None), &none);
    assert_eq!(bits.count(), 50_000);
    assert!(firsts.iter().all(|&i| bits.contains(0, i as u64)));
}
