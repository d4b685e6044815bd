//! Random tables and events, taken apart among workers, cut and shuffled, in memory and on disk.

use super::*;
use arrow_array::{
    BooleanArray, Date32Array, Decimal128Array, Float64Array, TimestampMicrosecondArray, UInt32Array,
};
use arrow_select::take::take;
use proptest::prelude::*;
use std::cmp::Reverse;

const DECIMAL: DataType = DataType::Decimal { precision: 38, scale: 2 };
const TYPES: [DataType; 7] = [
    DataType::String,
    DataType::Bool,
    DataType::Int64,
    DataType::Float64,
    DECIMAL,
    DataType::Date,
    DataType::Timestamp,
];

/// Two key columns, the event time, and what the values come from.
type TableRow = (Option<u8>, Option<u8>, i64, u64);

fn key_columns(rows: &[TableRow]) -> [ArrayRef; 2] {
    let text = |n: u8| if n.is_multiple_of(2) { format!("k{n}") } else { format!("a key that is long: {n}") };
    [
        Arc::new(rows.iter().map(|r| r.0.map(text)).collect::<StringViewArray>()),
        Arc::new(rows.iter().map(|r| r.1.map(f64::from)).collect::<Float64Array>()),
    ]
}

/// One column of each type.
fn value_columns(rows: &[TableRow]) -> Vec<ArrayRef> {
    fn of<'a, T>(
        rows: &'a [TableRow],
        c: u32,
        make: impl Fn(i64) -> T + 'a,
    ) -> impl Iterator<Item = Option<T>> + 'a {
        let seed = move |r: &TableRow| r.3.wrapping_add(c.into()).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 20;
        rows.iter().map(move |r| Some(seed(r)).filter(|s| s % 5 > 1).map(|s| make((s % 1_000) as i64 - 500)))
    }
    let text = |n: i64| if n % 2 == 0 { n.to_string() } else { format!("a value that is long: {n}") };
    let wide = |n: i64| if n < 400 { i128::from(n) } else { i128::from(n) << 80 };
    vec![
        Arc::new(of(rows, 0, text).collect::<StringViewArray>()),
        Arc::new(of(rows, 1, |n| n > 0).collect::<BooleanArray>()),
        Arc::new(of(rows, 2, |n| n).collect::<Int64Array>()),
        Arc::new(of(rows, 3, |n| n as f64 / 7.0).collect::<Float64Array>()),
        Arc::new(of(rows, 4, wide).collect::<Decimal128Array>().with_data_type(DECIMAL.arrow())),
        Arc::new(of(rows, 5, |n| n as i32).collect::<Date32Array>()),
        Arc::new(of(rows, 6, |n| n << 40).collect::<TimestampMicrosecondArray>().with_timezone("UTC")),
    ]
}

/// For an event: whether it has a match, and the row that each column is taken of.
fn expected(
    rows: &[TableRow],
    values: &[ArrayRef],
    event: &TableRow,
    reach: &Reach,
    fill: bool,
) -> (bool, Vec<Option<u32>>) {
    let time = i128::from(event.2);
    let in_reach = |row: &&TableRow| {
        let ahead = i128::from(row.2) - time;
        row.0.is_some()
            && row.1.is_some()
            && (row.0, row.1) == (event.0, event.1)
            && (reach.inclusive || ahead != 0)
            && (reach.direction != Direction::Backward || ahead <= 0)
            && (reach.direction != Direction::Forward || ahead >= 0)
            && reach.within.is_none_or(|within| ahead.abs() <= i128::from(within))
    };
    let mut found: Vec<usize> = (0..rows.len()).filter(|&i| in_reach(&&rows[i])).collect();
    found.sort_by_key(|&i| ((i128::from(rows[i].2) - time).abs(), rows[i].2, Reverse(i)));
    let column =
        |array: &ArrayRef| found.iter().copied().find(|&i| !fill || array.is_valid(i)).map(|i| i as u32);
    (!found.is_empty(), values.iter().map(column).collect())
}

/// What each row does, in a table of changes: one in four is a delete.
fn ops(rows: &[TableRow]) -> Vec<&'static str> {
    rows.iter().map(|row| if row.3 % 4 == 0 { "d" } else { "u" }).collect()
}

/// As [`expected`], in a table of changes.
fn expected_of_changes(
    rows: &[TableRow],
    values: &[ArrayRef],
    event: &TableRow,
    reach: &Reach,
    fill: bool,
) -> (bool, Vec<Option<u32>>) {
    let ops = ops(rows);
    let apart = |i: usize| (i128::from(rows[i].2) - i128::from(event.2)).abs();
    let near = |i: &usize| reach.within.is_none_or(|within| apart(*i) <= i128::from(within));
    let is_own = |i: &usize| {
        let row = &rows[*i];
        row.0.is_some() && row.1.is_some() && (row.0, row.1) == (event.0, event.1)
    };
    let mut own: Vec<usize> = (0..rows.len()).filter(is_own).collect();
    own.sort_by_key(|&i| (rows[i].2, i));
    // Changes in order, each with its life: a delete ends one.
    let mut life = 0;
    let lives = own.iter().map(|&i| {
        life += usize::from(ops[i] == "d");
        (i, life)
    });
    let lives: Vec<(usize, usize)> = lives.collect();
    let before = |i: usize| rows[i].2 < event.2 || reach.inclusive && rows[i].2 == event.2;
    let after = |i: usize| rows[i].2 > event.2 || reach.inclusive && rows[i].2 == event.2;
    let backward = lives.iter().copied().rfind(|(i, _)| before(*i)).filter(|(i, _)| ops[*i] != "d");
    let is_last = |at: usize| lives.get(at + 1).is_none_or(|next| rows[next.0].2 != rows[lives[at].0].2);
    let forward = (0..lives.len()).find(|&at| after(lives[at].0) && is_last(at) && ops[lives[at].0] != "d");
    let forward = forward.map(|at| lives[at]);
    let choose = |backward: Option<usize>, forward: Option<usize>| {
        let (backward, forward) = (backward.filter(near), forward.filter(near));
        match reach.direction {
            Direction::Backward => backward,
            Direction::Forward => forward,
            Direction::Nearest => match (backward, forward) {
                (Some(b), Some(f)) => Some(if apart(b) <= apart(f) { b } else { f }),
                (b, f) => b.or(f),
            },
        }
    };
    let found = choose(backward.map(|b| b.0), forward.map(|f| f.0));
    let column = |array: &ArrayRef| {
        if !fill {
            return found.map(|i| i as u32);
        }
        let with = |life: usize| {
            let alive = lives.iter().filter(move |change| change.1 == life).map(|change| change.0);
            // A row that goes at the instant at which it came is never there.
            let gone = |i: usize| own.iter().any(|&o| o > i && ops[o] == "d" && rows[o].2 == rows[i].2);
            alive.filter(|&i| array.is_valid(i) && ops[i] != "d" && !gone(i)).collect::<Vec<usize>>()
        };
        let b = backward.and_then(|(_, life)| with(life).into_iter().rfind(|&i| before(i)));
        let f = forward.and_then(|(_, life)| {
            with(life).into_iter().filter(|&i| after(i)).min_by_key(|&i| (rows[i].2, Reverse(i)))
        });
        choose(b, f).map(|i| i as u32)
    };
    (found.is_some(), values.iter().map(column).collect())
}

/// How a table comes about; none of it shows.
#[derive(Debug, Clone)]
struct BuildWay {
    workers: usize,
    cut: usize,
    backwards: bool,
    spilled_early: bool,
    memory: usize,
}

fn build(plan: &AsOfPlan, rows: &[TableRow], way: &BuildWay) -> AsOfTable {
    let mut stores: Vec<AsOfRows> = (0..way.workers).map(|_| AsOfRows::new(plan, space())).collect();
    let mut cuts: Vec<(usize, &[TableRow])> = rows.chunks(way.cut).enumerate().collect();
    if way.backwards {
        cuts.reverse();
    }
    for (i, part) in cuts {
        let mut columns = value_columns(part);
        columns.extend(key_columns(part));
        columns.push(Arc::new(StringViewArray::from(ops(part))));
        let times = part.iter().map(|r| r.2).collect();
        let store = &mut stores[(i * 7 / 3) % way.workers];
        store.push(&batch(columns, times, (i * way.cut) as u64)).unwrap();
        if way.spilled_early && i % 3 == 0 {
            store.spill().unwrap();
        }
    }
    AsOfTable::build(plan, stores, way.memory).unwrap()
}

fn check(rows: &[TableRow], events: &[TableRow], way: &BuildWay, withins: &[i64], changes: &[bool]) {
    let values = value_columns(rows);
    let [a, b] = key_columns(events);
    let hashes = hash_keys(&[&a, &b], events.len());
    let times: Vec<i64> = events.iter().map(|e| e.2).collect();
    // Not all rows of the batch, and in no order of their own.
    let asked: Vec<u32> = (0..events.len() as u32).rev().filter(|i| i % 5 != 3).collect();
    for (fill, changes) in [false, true].into_iter().flat_map(|fill| changes.iter().map(move |c| (fill, *c)))
    {
        let expected = if changes { expected_of_changes } else { expected };
        let keys = vec![(ColumnId::new(7), DataType::String), (ColumnId::new(8), DataType::Float64)];
        let columns = ColumnId::first(TYPES.len()).zip(TYPES).collect();
        let plan = AsOfPlan { keys, columns, fill, op: changes.then_some(ColumnId::new(9)), keep_keys: true };
        let table = build(&plan, rows, way);
        let take_columns = [6, 0, 1, 2, 3, 4, 5, 0];
        for direction in [Direction::Backward, Direction::Forward, Direction::Nearest] {
            for inclusive in [true, false] {
                for within in withins.iter().map(|&w| Some(w)).chain([None]) {
                    let reach = Reach { direction, within, inclusive };
                    let got = table.probe(&hashes, &times, &asked, &reach, &take_columns).unwrap();
                    let want: Vec<(bool, Vec<Option<u32>>)> = asked
                        .iter()
                        .map(|&i| expected(rows, &values, &events[i as usize], &reach, fill))
                        .collect();
                    let matched: Vec<bool> = want.iter().map(|w| w.0).collect();
                    assert_eq!(got.matched, matched, "{reach:?} {way:?}");
                    for (&c, got) in take_columns.iter().zip(&got.columns) {
                        let from: UInt32Array = want.iter().map(|w| w.1[c]).collect();
                        let want = take(&values[c], &from, None).unwrap();
                        assert_eq!(got.data_type(), &TYPES[c].arrow());
                        assert_eq!(got, &want, "column {c} {reach:?} fill {fill} {way:?}");
                    }
                }
            }
        }
        if !changes {
            check_held(&table, rows, &values, withins);
        }
    }
}

/// What a table holds is what events of all keys would take.
fn check_held(table: &AsOfTable, rows: &[TableRow], values: &[ArrayRef], withins: &[i64]) {
    for (at, within) in [(0, None), (3, withins.first().copied())] {
        let held = table.held_at(at, within).unwrap();
        let reach = Reach { direction: Direction::Backward, within, inclusive: true };
        let mut keys: Vec<(String, TableRow)> = rows
            .iter()
            .filter(|r| r.0.is_some() && r.1.is_some())
            .map(|r| (format!("{:?}", (r.0, r.1)), *r))
            .collect();
        let text = |r: &TableRow| key_columns(&[*r])[0].as_string_view().value(0).to_string();
        keys.sort_by_key(|(_, r)| (text(r), r.1));
        keys.dedup_by_key(|k| k.0.clone());
        let want: Vec<(TableRow, Vec<Option<u32>>)> = keys
            .into_iter()
            .map(|(_, r)| (r, expected(rows, values, &(r.0, r.1, at, 0), &reach, table.plan.fill)))
            .filter(|(_, (matched, _))| *matched)
            .map(|(r, (_, from))| (r, from))
            .collect();
        let kept: Vec<TableRow> = want.iter().map(|w| w.0).collect();
        assert_eq!(held.keys, key_columns(&kept));
        for (c, got) in held.columns.iter().enumerate() {
            let from: UInt32Array = want.iter().map(|w| w.1[c]).collect();
            assert_eq!(got, &take(&values[c], &from, None).unwrap());
        }
        let last = |key: &TableRow| {
            let own = rows.iter().filter(|r| (r.0, r.1) == (key.0, key.1) && r.2 <= at);
            own.map(|r| r.2).max().unwrap()
        };
        assert_eq!(held.times, kept.iter().map(last).collect::<Vec<_>>());
    }
}

fn row(keys: u8, times: impl Strategy<Value = i64>) -> impl Strategy<Value = TableRow> {
    let key = move |n: u8| prop_oneof![9 => (0..n).prop_map(Some), 1 => Just(None)];
    (key(keys), key(2), times, any::<u64>())
}

fn ways() -> impl Strategy<Value = BuildWay> {
    let memory = prop_oneof![Just(0), Just(2_000), Just(20_000), Just(usize::MAX)];
    (1..4usize, 1..40usize, any::<bool>(), any::<bool>(), memory).prop_map(
        |(workers, cut, backwards, spilled_early, memory)| BuildWay {
            workers,
            cut,
            backwards,
            spilled_early,
            memory,
        },
    )
}

fn times() -> impl Strategy<Value = i64> {
    prop_oneof![20 => -6..6i64, 1 => Just(i64::MIN), 1 => Just(i64::MAX), 1 => any::<i64>()]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]
    #[test]
    fn events_take_what_the_oracle_takes(
        rows in proptest::collection::vec(row(3, times()), 0..80),
        events in proptest::collection::vec(row(4, times()), 1..40),
        way in ways(),
    ) {
        check(&rows, &events, &way, &[2, 0, i64::MAX], &[false, true]);
    }
}

/// Many blocks to a key, and many keys to a block.
#[test]
fn large_tables_give_what_the_oracle_gives() {
    use rand_pcg::{
        Pcg64,
        rand_core::{Rng, SeedableRng},
    };
    for (seed, keys, count) in [(1, 1, 2_000), (2, 4, 4_000), (3, 250, 4_000)] {
        let mut random = Pcg64::seed_from_u64(seed);
        let mut rows = |count: usize| -> Vec<TableRow> {
            let mut next = |n: u64| random.next_u64() % n;
            let row = |_| {
                let key = |n: u64| Some(n as u8).filter(|_| n != 77);
                (key(next(keys)), Some(next(2) as u8), next(3_000) as i64 - 1_500, next(u64::MAX))
            };
            (0..count).map(row).collect()
        };
        let (rows, events) = (rows(count), rows(200));
        for (workers, memory, spilled_early) in [(1, usize::MAX, false), (2, 0, true), (3, 60_000, false)] {
            let way = BuildWay { workers, cut: 333, backwards: workers == 2, spilled_early, memory };
            check(&rows, &events, &way, &[5], &[workers == 2]);
        }
    }
}
