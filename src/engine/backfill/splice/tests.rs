//! Splicing against sorting everything.

use super::super::testing::{Row, batch, few_values, keys, sorted};
use super::*;
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

fn by_columns(rows: &[Row], by: &[usize]) -> RecordBatch {
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
        old in vec(few_values(), 0..40), new in vec(few_values(), 0..40), by in columns(), gone in vec(any::<bool>(), 40),
    ) {
        let (old, new) = (by_columns(&old, &by), by_columns(&new, &by));
        let order = Order::Columns(by.clone());
        let gone = BooleanBuffer::collect_bool(old.num_rows(), |i| gone[i]);
        for gone in [None, Some(&gone)] {
            let kept = kept(&old, |i| gone.is_none_or(|gone| !gone.value(i)));
            let all = concat_batches(&old.schema(), [&kept, &new]).unwrap();
            let want = sorted(&all, &keys(&all, &by));
            prop_assert_eq!(splice(&old, gone, &new, &order).unwrap(), want);
        }
    }

    #[test]
    fn rows_in_replay_order_are_spliced_by_what_is_beside_them(
        mut old in vec((0..4i64, any::<u64>()), 0..30), mut new in vec((-1..5i64, any::<u64>()), 0..30),
    ) {
        old.sort();
        new.sort();
        // The rows hold nothing but where they come from.
        let rows = |from: i64, n: usize| {
            let numbers: ArrayRef = Arc::new(Int64Array::from_iter_values((0..n as i64).map(|i| from + i)));
            RecordBatch::try_from_iter([("n", numbers)]).unwrap()
        };
        let (a, b) = (rows(0, old.len()), rows(1000, new.len()));
        let (old_time, old_position): (Vec<i64>, Vec<u64>) = old.iter().copied().unzip();
        let (new_time, new_position): (Vec<i64>, Vec<u64>) = new.iter().copied().unzip();
        let order = Order::Replay {
            old: Replay { time: &old_time, position: &old_position },
            new: Replay { time: &new_time, position: &new_position },
        };
        let mut want: Vec<_> = old.iter().zip(0i64..).chain(new.iter().zip(1000..)).collect();
        want.sort();
        let want: ArrayRef = Arc::new(Int64Array::from_iter_values(want.iter().map(|w| w.1)));
        let spliced = splice(&a, None, &b, &order).unwrap();
        prop_assert_eq!(spliced.column(0), &want);
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
        prop_assert_eq!(matches(&old, &new, &Order::Columns(by)).unwrap(), want);
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
        let spans: Vec<_> = windows.iter().map(|&(start, end)| WindowSpan { start, end }).collect();
        let inside = in_windows(&old, 1, 0, &spans);
        prop_assert_eq!(inside.iter().collect::<Vec<_>>(), rows.iter().map(|r| windows.contains(r)).collect::<Vec<_>>());
    }
}

#[test]
fn rows_of_other_types_are_refused() {
    let column = |array: ArrayRef| RecordBatch::try_from_iter([("x", array)]).unwrap();
    let (old, new) =
        (column(Arc::new(Int64Array::from(vec![1]))), column(Arc::new(Date32Array::from(vec![1]))));
    let error = splice(&old, None, &new, &Order::Columns(vec![0])).unwrap_err();
    assert!(error.to_string().contains("types"), "{error}");
    assert!(matches(&old, &new, &Order::Columns(vec![0])).is_err());
}

/// Rows of page views per minute and postcode: `rows` of them, with every `step`-th of all that there could be.
fn views(rows: i64, step: i64, shift: i64) -> RecordBatch {
    let ids = || (0..rows).map(|i| i * step + shift);
    let minute = |id: i64| id / 2000 * 60_000_000;
    let times = |values: Vec<i64>| -> ArrayRef {
        Arc::new(TimestampMicrosecondArray::from(values).with_timezone("UTC"))
    };
    let postcodes = ids().map(|id| Some(format!("AB{:04} postcode", id % 2000)));
    let decimals = ids().map(|id| Some(i128::from(id) * 100)).collect::<Decimal128Array>();
    RecordBatch::try_from_iter([
        ("window_start", times(ids().map(minute).collect())),
        ("window_end", times(ids().map(|id| minute(id) + 60_000_000).collect())),
        ("postcode", Arc::new(postcodes.collect::<StringViewArray>())),
        ("views", Arc::new(ids().collect::<Int64Array>())),
        ("total", Arc::new(decimals.with_precision_and_scale(38, 2).unwrap())),
        ("most", Arc::new(ids().map(|id| (id % 7 > 0).then_some(id as f64)).collect::<Float64Array>())),
    ])
    .unwrap()
}

/// `cargo test --release splice::tests::timings -- --ignored --nocapture`
#[test]
#[ignore = "measures"]
fn timings() {
    let order = Order::Columns(vec![0, 1, 2]);
    for (old, new) in [
        (views(1_000_000, 2, 0), views(1000, 2000, 1)),
        (views(1_000_000, 2, 0), views(100_000, 20, 1)),
        (views(1_000_000, 2, 0), views(1_000_000, 2, 1)),
        (views(1_000_000, 2, 0), views(1_000_000, 2, 0)),
    ] {
        let clock = Instant::now();
        let found = matches(&old, &new, &order).unwrap();
        let matching = clock.elapsed();
        let mut gone = BooleanBufferBuilder::new(0);
        gone.append_n(old.num_rows(), false);
        found.iter().flatten().for_each(|&row| gone.set_bit(row as usize, true));
        let gone = gone.finish();
        let clock = Instant::now();
        let spliced = splice(&old, Some(&gone), &new, &order).unwrap();
        let splicing = clock.elapsed();
        let a = order.sides(&old, &new).unwrap();
        let clock = Instant::now();
        let merge = (0..new.num_rows()).fold(0, |at, row| {
            first_past(at, old.num_rows(), |i| compare_rows(&a.0, i, &a.1, row) == Ordering::Greater)
        });
        let searching = clock.elapsed();
        assert!(merge > 0);
        let (a, b): (Vec<&dyn Array>, Vec<(usize, usize)>) = (
            vec![old.column(2), new.column(2)],
            (0..spliced.num_rows()).map(|i| (i % 2, i / 2 % new.num_rows())).collect(),
        );
        let clock = Instant::now();
        arrow_select::interleave::interleave(&a, &b).unwrap();
        println!(
            "{} old, {} new, {} matched: matches {matching:.1?}, splice {splicing:.1?} of which searching {searching:.1?}; interleave of one text {:.1?}",
            old.num_rows(),
            new.num_rows(),
            found.iter().flatten().count(),
            clock.elapsed(),
        );
    }
}
