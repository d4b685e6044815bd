//! Tables against a slow oracle: one loop over all rows for each event.

mod bench;
mod oracle;

use super::*;
use crate::batch::{Batch, DataType, Position};
use crate::keyed::hash_keys;
use crate::rows::RowSpace;
use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_array::{Array, ArrayRef, Int64Array, StringViewArray};
use std::sync::Arc;

/// A plan of one key, column 0, and one column that is taken, column 1.
fn plan(key: DataType, column: DataType, fill: bool) -> AsOfPlan {
    AsOfPlan {
        keys: vec![(ColumnId::new(0), key)],
        columns: vec![(ColumnId::new(1), column)],
        fill,
        op: None,
        keep_keys: true,
    }
}

fn space() -> RowSpace {
    RowSpace(std::env::temp_dir())
}

fn batch(columns: Vec<ArrayRef>, time: Vec<i64>, first: u64) -> Batch {
    let rows = time.len();
    let positions = (0..rows as u64).map(|row| Position::from_u64(first + row)).collect();
    Batch { columns, time, positions, rows, ..Batch::default() }
}

/// A table of (key, time, value), in memory and spilled.
fn tables(rows: &[(i64, i64, Option<i64>)], fill: bool) -> [AsOfTable; 2] {
    let plan = plan(DataType::Int64, DataType::Int64, fill);
    [usize::MAX, 0].map(|memory| {
        let mut kept = AsOfRows::new(&plan, space());
        let keys: Int64Array = rows.iter().map(|r| Some(r.0)).collect();
        let values: Int64Array = rows.iter().map(|r| r.2).collect();
        let columns: Vec<ArrayRef> = vec![Arc::new(keys), Arc::new(values)];
        kept.push(&batch(columns, rows.iter().map(|r| r.1).collect(), 0)).unwrap();
        let table = AsOfTable::build(&plan, vec![kept], memory).unwrap();
        assert_eq!(table.is_spilled(), memory == 0 && !rows.is_empty());
        table
    })
}

/// What an event of key 1 at `time` takes; nothing without a match, which two tables agree on.
fn taken(tables: &[AsOfTable; 2], time: i64, reach: Reach) -> Option<Option<i64>> {
    let keys: ArrayRef = Arc::new(Int64Array::from(vec![1]));
    let hashes = hash_keys(&[&keys], 1);
    let [memory, disk] = tables.each_ref().map(|table| {
        let got = table.probe(&hashes, &[time], &[0], &reach, &[0]).unwrap();
        let values = got.columns[0].as_primitive::<Int64Type>();
        assert!(got.matched[0] || values.is_null(0));
        got.matched[0].then(|| values.is_valid(0).then(|| values.value(0)))
    });
    assert_eq!(memory, disk);
    memory
}

const BACKWARD: Reach = Reach { direction: Direction::Backward, within: None, inclusive: true };
const FORWARD: Reach = Reach { direction: Direction::Forward, ..BACKWARD };
const NEAREST: Reach = Reach { direction: Direction::Nearest, ..BACKWARD };

#[test]
fn boundaries_are_in_reach() {
    let tables = tables(&[(1, 100, Some(1)), (2, 150, Some(2)), (1, 200, Some(3))], false);
    let within = |reach: Reach, within| Reach { within: Some(within), ..reach };
    let beside = |reach: Reach| Reach { inclusive: false, ..reach };
    let at = |time, reach| taken(&tables, time, reach).flatten();
    assert_eq!([99, 100, 199, 200, 201].map(|t| at(t, BACKWARD)), [None, Some(1), Some(1), Some(3), Some(3)]);
    assert_eq!([99, 100, 101, 200, 201].map(|t| at(t, FORWARD)), [Some(1), Some(1), Some(3), Some(3), None]);
    assert_eq!([0, 150, 151, 999].map(|t| at(t, NEAREST)), [Some(1), Some(1), Some(3), Some(3)]);
    assert_eq!([100, 200].map(|t| at(t, beside(BACKWARD))), [None, Some(1)]);
    assert_eq!([100, 200].map(|t| at(t, beside(FORWARD))), [Some(3), None]);
    assert_eq!([100, 200].map(|t| at(t, beside(NEAREST))), [Some(3), Some(1)]);
    assert_eq!([210, 211].map(|t| at(t, within(BACKWARD, 10))), [Some(3), None]);
    assert_eq!([90, 89].map(|t| at(t, within(FORWARD, 10))), [Some(1), None]);
    assert_eq!([110, 111, 189, 190].map(|t| at(t, within(NEAREST, 10))), [Some(1), None, None, Some(3)]);
    assert_eq!([100, 101].map(|t| at(t, within(BACKWARD, 0))), [Some(1), None]);
    assert_eq!(at(100, beside(within(NEAREST, 0))), None);
    assert_eq!(at(100, within(BACKWARD, -1)), None);
}

#[test]
fn the_ends_of_time_are_far_apart() {
    let tables = tables(&[(1, i64::MIN, Some(1)), (1, i64::MAX, Some(2))], false);
    let far = |reach: Reach| Reach { within: Some(i64::MAX), ..reach };
    assert_eq!(taken(&tables, i64::MAX - 1, BACKWARD), Some(Some(1)));
    assert_eq!(taken(&tables, i64::MAX - 1, far(BACKWARD)), None);
    assert_eq!(taken(&tables, -1, far(BACKWARD)), Some(Some(1)));
    assert_eq!(taken(&tables, 0, far(BACKWARD)), None);
    assert_eq!(taken(&tables, i64::MIN + 1, FORWARD), Some(Some(2)));
    assert_eq!(taken(&tables, 0, far(FORWARD)), Some(Some(2)));
    assert_eq!(taken(&tables, -1, far(FORWARD)), None);
    assert_eq!([-1, 0].map(|t| taken(&tables, t, NEAREST)), [Some(Some(1)), Some(Some(2))]);
    let beside = |reach: Reach| Reach { inclusive: false, ..reach };
    assert_eq!(taken(&tables, i64::MIN, beside(BACKWARD)), None);
    assert_eq!(taken(&tables, i64::MAX, beside(FORWARD)), None);
    assert_eq!(taken(&tables, i64::MAX, beside(NEAREST)), Some(Some(1)));
}

#[test]
fn at_one_instant_the_last_by_position_wins() {
    let rows = [(1, 5, Some(1)), (1, 5, Some(2)), (1, 5, None), (1, 4, Some(4))];
    for reach in [BACKWARD, FORWARD, NEAREST] {
        assert_eq!(taken(&tables(&rows, false), 5, reach), Some(None));
        assert_eq!(taken(&tables(&rows, true), 5, reach), Some(Some(2)));
    }
    // At equal distance the earlier.
    let rows = [(1, 6, Some(1)), (1, 4, Some(2)), (1, 4, None)];
    assert_eq!(taken(&tables(&rows, false), 5, NEAREST), Some(None));
    assert_eq!(taken(&tables(&rows, true), 5, NEAREST), Some(Some(2)));
}

#[test]
fn values_are_filled_within_reach_alone() {
    let tables = tables(&[(1, 0, Some(1)), (1, 10, None), (1, 11, None), (1, 30, Some(2))], true);
    assert_eq!(taken(&tables, 15, BACKWARD), Some(Some(1)));
    assert_eq!(taken(&tables, 15, Reach { within: Some(15), ..BACKWARD }), Some(Some(1)));
    assert_eq!(taken(&tables, 15, Reach { within: Some(14), ..BACKWARD }), Some(None));
    assert_eq!(taken(&tables, 15, Reach { within: Some(3), ..BACKWARD }), None);
    assert_eq!(taken(&tables, 15, NEAREST), Some(Some(1)));
    assert_eq!(taken(&tables, 16, NEAREST), Some(Some(2)));
    assert_eq!(taken(&tables, 5, FORWARD), Some(Some(2)));
}

#[test]
fn an_empty_table_matches_nothing() {
    assert_eq!(taken(&tables(&[], false), 0, NEAREST), None);
    let plan = plan(DataType::Int64, DataType::Int64, false);
    let table = AsOfTable::build(&plan, vec![], 0).unwrap();
    assert_eq!((table.rows(), table.held_at(0, None).unwrap().times.len()), (0, 0));
}

#[test]
fn a_key_of_many_rows_and_long_runs_of_null_take_no_time() {
    let rows: Vec<(i64, i64, Option<i64>)> =
        (0..1_000_000).map(|i| (1, i, (i == 0 || i == 999_999).then_some(i))).collect();
    let tables = tables(&rows, true);
    let keys: ArrayRef = Arc::new(Int64Array::from(vec![1; 4096]));
    let hashes = hash_keys(&[&keys], 4096);
    let times: Vec<i64> = (0..4096).map(|i| i * 244).collect();
    let all: Vec<u32> = (0..4096).collect();
    for table in &tables {
        let started = std::time::Instant::now();
        let got = table.probe(&hashes, &times, &all, &NEAREST, &[0]).unwrap();
        let got = got.columns[0].as_primitive::<Int64Type>().values();
        assert!(times.iter().zip(got).all(|(&t, &v)| v == if t < 500_000 { 0 } else { 999_999 }));
        // A loop over the run would take minutes.
        assert!(started.elapsed().as_secs() < 5, "{:?}", started.elapsed());
    }
}

#[test]
fn strings_of_any_number_and_length_come_back() {
    let plan = plan(DataType::String, DataType::String, false);
    let count = 150_000;
    let key = |i: usize| format!("key-{i}");
    let value = |i: usize| "x".repeat(i % 40) + &i.to_string();
    for (memory, early) in [(usize::MAX, false), (3 << 20, true), (0, false)] {
        let stores = (0..2).map(|worker| {
            let mut rows = AsOfRows::new(&plan, space());
            for from in (worker * 5_000..count).step_by(10_000) {
                let of = |f: &dyn Fn(usize) -> String| -> ArrayRef {
                    Arc::new((from..from + 5_000).map(|i| Some(f(i))).collect::<StringViewArray>())
                };
                rows.push(&batch(vec![of(&key), of(&value)], vec![7; 5_000], from as u64)).unwrap();
                if early && from % 40_000 < 10_000 {
                    rows.spill().unwrap();
                    assert!(rows.bytes() < 40 << 20);
                }
            }
            rows
        });
        let table = AsOfTable::build(&plan, stores.collect(), memory).unwrap();
        assert_eq!((table.rows(), table.is_spilled()), (count as u64, memory < usize::MAX));
        if early {
            assert!(table.bytes() <= memory + (10 << 20), "{}", table.bytes());
        }
        let wanted: Vec<usize> = (0..count + 100).step_by(7).collect();
        let keys: ArrayRef = Arc::new(wanted.iter().map(|&i| Some(key(i))).collect::<StringViewArray>());
        let all: Vec<u32> = (0..wanted.len() as u32).collect();
        let hashes = hash_keys(&[&keys], wanted.len());
        let got = table.probe(&hashes, &vec![7; wanted.len()], &all, &BACKWARD, &[0, 0]).unwrap();
        let want: StringViewArray = wanted.iter().map(|&i| (i < count).then(|| value(i))).collect();
        assert!(got.columns.iter().all(|c| c.as_string_view() == &want));
    }
}

#[test]
fn keys_are_held_in_order_of_their_values() {
    let rows = [(-3, 1, Some(1)), (2, 5, Some(2)), (2, 9, None), (10, 2, None), (2, 20, Some(3))];
    for table in tables(&rows, false) {
        let held = table.held_at(9, None).unwrap();
        assert_eq!(held.keys[0].as_primitive::<Int64Type>().values()[..], [-3, 2, 10]);
        assert_eq!(held.times, [1, 9, 2]);
        assert_eq!(held.columns[0].as_ref(), &Int64Array::from(vec![Some(1), None, None]) as &dyn Array);
        assert_eq!(table.held_at(9, Some(7)).unwrap().times, [9, 2]);
    }
    for table in tables(&rows, true) {
        let held = table.held_at(9, None).unwrap();
        assert_eq!(held.times, [1, 9, 2]);
        assert_eq!(held.columns[0].as_ref(), &Int64Array::from(vec![Some(1), Some(2), None]) as &dyn Array);
    }
}
