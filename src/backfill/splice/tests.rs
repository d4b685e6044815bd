//! Splicing against sorting everything.

use super::*;
use crate::backfill::part_rows::WindowColumns;
use crate::backfill::testing::{TypedRow, batch, few_values, keys, sorted, views};
use arrow_array::*;
use arrow_select::concat::concat_batches;
use arrow_select::filter::filter_record_batch;
use proptest::collection::vec;
use proptest::prelude::*;
use std::sync::Arc;
use std::time::Instant;

fn columns() -> impl Strategy<Value = Vec<usize>> {
    proptest::sample::subsequence((0..7).collect::<Vec<usize>>(), 0..4).prop_shuffle()
}

fn by_columns(rows: &[TypedRow], by: &[usize]) -> RecordBatch {
    let rows = batch(rows);
    sorted(&rows, &keys(&rows, by))
}

/// The rows for which `keep` is true.
fn kept(rows: &RecordBatch, keep: impl Fn(usize) -> bool) -> RecordBatch {
    filter_record_batch(rows, &(0..rows.num_rows()).map(|i| Some(keep(i))).collect()).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn it_is_a_stable_sort_of_what_is_kept(
        old in vec(few_values(), 0..40), new in prop_oneof![vec(few_values(), 0..3), vec(few_values(), 0..40)], by in columns(), gone in vec(any::<bool>(), 40),
    ) {
        let (old, new) = (by_columns(&old, &by), by_columns(&new, &by));
        let order = by.clone();
        let gone = BooleanBuffer::collect_bool(old.num_rows(), |i| gone[i]);
        for gone in [None, Some(&gone)] {
            let kept = kept(&old, |i| gone.is_none_or(|gone| !gone.value(i)));
            let all = concat_batches(&old.schema(), [&kept, &new]).unwrap();
            let want = sorted(&all, &keys(&all, &by));
            prop_assert_eq!(splice(&old, gone, &new, &order).unwrap(), want);
        }
    }

    #[test]
    fn each_new_row_finds_its_old_row(
        old in vec(few_values(), 0..40), new in vec(few_values(), 0..40), by in columns(),
    ) {
        let (old, new) = (by_columns(&old, &by), by_columns(&new, &by));
        let all = keys(&old, &by);
        let old = kept(&old, |i| i == 0 || all[i] != all[i - 1]);
        let (a, b) = (keys(&old, &by), keys(&new, &by));
        let want: Vec<Option<u32>> =
            b.iter().map(|key| a.iter().position(|other| other == key).map(|i| i as u32)).collect();
        prop_assert_eq!(matches(&old, &new, &by).unwrap(), want);
    }

    #[test]
    fn rows_of_windows_are_found(
        rows in vec((-3..3i64, 0..3i64), 0..60), windows in proptest::collection::btree_set((-4..4i64, -1..4i64), 0..9),
    ) {
        let mut rows = rows;
        rows.sort();
        let times = |pick: fn(&(i64, i64)) -> i64| -> ArrayRef {
            Arc::new(TimestampMicrosecondArray::from_iter_values(rows.iter().map(pick)).with_timezone("UTC"))
        };
        let old = RecordBatch::try_from_iter([("end", times(|r| r.1)), ("start", times(|r| r.0))]).unwrap();
        let spans: Vec<_> = windows.iter().map(|&(start, end)| TimeRange { start, end }).collect();
        let inside = in_windows(&WindowColumns::both(1, 0).spans(&old).unwrap(), &spans);
        prop_assert_eq!(inside.iter().collect::<Vec<_>>(), rows.iter().map(|r| windows.contains(r)).collect::<Vec<_>>());
    }
}

#[test]
fn rows_of_other_types_are_refused() {
    let column = |array: ArrayRef| RecordBatch::try_from_iter([("x", array)]).unwrap();
    let (old, new) =
        (column(Arc::new(Int64Array::from(vec![1]))), column(Arc::new(Date32Array::from(vec![1]))));
    let error = splice(&old, None, &new, &[0]).unwrap_err();
    assert!(error.to_string().contains("types"), "{error}");
    assert!(matches(&old, &new, &[0]).is_err());
}

/// `cargo test --release splice::tests::timings -- --ignored --nocapture`
#[test]
#[ignore = "measures"]
fn timings() {
    let order = [0, 1, 2];
    for (old, new) in [
        (views(1_000_000, 2, 0), views(1000, 2000, 1)),
        (views(1_000_000, 2, 0), views(100_000, 20, 1)),
        (views(1_000_000, 2, 0), views(1_000_000, 2, 1)),
        (views(1_000_000, 2, 0), views(1_000_000, 2, 0)),
        (views(1_000_000, 8, 0), views(250_000, 32, 1)),
        (views(1_000_000, 8, 0), views(125_000, 64, 1)),
    ] {
        let clock = Instant::now();
        let found = matches(&old, &new, &order).unwrap();
        let matching = clock.elapsed();
        let mut gone = BooleanBufferBuilder::new(0);
        gone.append_n(old.num_rows(), false);
        found.iter().flatten().for_each(|&row| gone.set_bit(row as usize, true));
        let gone = gone.finish();
        let clock = Instant::now();
        splice(&old, Some(&gone), &new, &order).unwrap();
        let splicing = clock.elapsed();
        let stretches = Stretches::of(&old, Some(&gone), &new, &order).unwrap();
        let columns = || old.columns().iter().zip(new.columns());
        let clock = Instant::now();
        columns().for_each(|(old, new)| drop(stretches.copy(old, new).unwrap()));
        let copying = clock.elapsed();
        let clock = Instant::now();
        let rows = stretches.one_by_one();
        columns().for_each(|(old, new)| drop(interleave(&[old, new], &rows).unwrap()));
        let interleaving = clock.elapsed();
        println!(
            "{} old, {} new, {} matched: matches {matching:.1?}, splice {splicing:.1?} ({} stretches: copying {copying:.1?}, interleaving {interleaving:.1?})",
            old.num_rows(),
            new.num_rows(),
            found.iter().flatten().count(),
            stretches.list.len(),
        );
    }
}
