//! Random jobs with steps that depend on order, and random logs and tables for them: few keys and few
//! instants, so that ties, duplicates, NULLs and distances of exactly `within` are frequent.
//!
//! What is random is numbers, which [`settle`] reads against the columns that there are: so every case is a job
//! that may be run, and shrinks to fewer steps, rows and tables.

use crate::enrich_jobs::{
    Case, Enrich, Made, Step, TABLE, TABLE_DERIVES, TABLE_FILTERS, Table, Test, Try, time,
};
use crate::event_time_jobs::{self, Window};
use crate::jobs::{self, Job};
use crate::log::{Cell, Kind, Log};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

/// Names of new columns.
const NEW: [&str; 30] = [
    "c0", "c1", "c2", "c3", "c4", "c5", "c6", "c7", "c8", "c9", "c10", "c11", "c12", "c13", "c14", "c15",
    "c16", "c17", "c18", "c19", "c20", "c21", "c22", "c23", "c24", "c25", "c26", "c27", "c28", "c29",
];
const DIRECTIONS: [&str; 4] = ["backward", "forward", "nearest", "nearest"];

/// Numbers, read one after the other; where there are no more, zeros.
struct Picks<'a>(std::slice::Iter<'a, usize>);

impl Picks<'_> {
    fn of(numbers: &[usize]) -> Picks<'_> {
        Picks(numbers.iter())
    }
    /// One of so many.
    fn below(&mut self, n: usize) -> usize {
        self.0.next().map_or(0, |pick| pick % n)
    }
    fn one<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len())]
    }
    /// True in one of `n`.
    fn rarely(&mut self, n: usize) -> bool {
        self.below(n) == n - 1
    }
}

type RawRow = (usize, i64, usize);
type RawTable = (Vec<RawRow>, [usize; 8]);
type Raw = (Vec<RawTable>, Vec<[usize; 24]>, [usize; 16]);

const TABLES: usize = 3;
const FILES: usize = 2;

fn raw(rows: usize, steps: usize) -> impl Strategy<Value = Raw> {
    let row = (0..1000usize, prop_oneof![1 => Just(0i64), 2 => -4..=4i64], 0..64usize);
    let table = (vec(row, 0..=rows), proptest::array::uniform8(0..1000usize));
    (
        vec(table, TABLES + FILES),
        vec(proptest::array::uniform24(0..1000usize), 1..=steps),
        proptest::array::uniform16(0..1000usize),
    )
}

/// A case in which no output is streamed.
pub fn complete(most: usize) -> impl Strategy<Value = Case> {
    let bases = select(jobs::BASES.to_vec());
    let grains = select(vec![1i64, 1_000, 1_000_000, 977_000_000, 3_600_000_000]);
    let log = (bases, grains).prop_flat_map(move |(base, grain)| {
        let base = base * 1_000_000;
        let row = (jobs::row(base, grain), -9..9i64, select(vec!["a", "a", "b", "ü", ""]));
        vec(row, 1..=most).prop_map(move |rows| {
            let row = |(mut row, step, key): (Vec<Cell>, i64, &str)| {
                row[0] = Cell::Int(base + step * grain);
                row[1] = if key.is_empty() { Cell::Null } else { Cell::Text(key.into()) };
                row
            };
            Log::new(&jobs::COLUMNS, rows.into_iter().map(row).collect())
        })
    });
    (jobs::job(), log, raw(most / 2 + 4, 6)).prop_map(|(job, log, raw)| settle(job, log, &raw))
}

/// A case in which all outputs are streamed, and so its steps too. Where an output depends on the order of arrival, no step
/// lets events wait.
pub fn streamed(most: usize) -> impl Strategy<Value = Case> {
    (event_time_jobs::streamed(most), raw(most / 2 + 4, 5)).prop_map(|((mut job, log), raw)| {
        job.timing.mode = "streamed";
        let groups = job.outputs.iter_mut().filter_map(|output| output.groups.as_mut());
        let ordered = groups.map(|groups| {
            groups.mode = "";
            groups.firings || matches!(groups.window, Window::Session { .. })
        });
        let ordered = ordered.fold(false, |any, one| any | one);
        let mut case = settle(job, log, &raw);
        for step in case.steps.iter_mut().filter(|_| ordered) {
            let Step::Enrich(enrich) = step else { continue };
            for attempt in &mut enrich.tries {
                if let Try::AsOf { direction, .. } = attempt {
                    *direction = "backward";
                }
            }
        }
        case
    })
}

/// A case of the job: numbers become tables, steps, and columns of outputs.
fn settle(mut job: Job, log: Log, (tables, steps, outputs): &Raw) -> Case {
    let grain = grain(&log);
    let tables: Vec<Table> = tables.iter().enumerate().map(|(i, raw)| table(i, raw, &log, grain)).collect();
    let mut columns: Vec<(&'static str, Kind)> = jobs::COLUMNS.to_vec();
    columns.extend(job.derive.map(|d| ("x", jobs::DERIVES[d].1)));
    let own = columns.len();
    let mut settled = vec![];
    for raw in steps {
        let picks = &mut Picks::of(raw);
        let new = &columns[own..];
        let name = NEW[new.len()];
        settled.push(match picks.below(10) {
            0..3 => {
                let enrich = enrich(picks, &tables, &columns, new.len(), grain);
                let kinds = |(name, of): &(&'static str, &str)| (*name, enrich.kind(&tables, of));
                columns.extend(enrich.take.iter().map(kinds));
                Step::Enrich(enrich)
            }
            3..6 => {
                let within = [Some(grain), None, Some(2 * grain), Some(3 * grain), Some(6 * grain)];
                Step::Dedup { within: picks.one(&within), by: keys(picks, new) }
            }
            6..8 => {
                let by = keys(picks, new);
                columns.push((name, Kind::Bool));
                Step::First { by, name }
            }
            8 => Step::Filter(test(picks, new)),
            _ => {
                let (made, kind) = made(picks, new);
                columns.push((name, kind));
                Step::Derive(name, made)
            }
        });
    }
    show(&mut job, &columns[own..], &mut Picks::of(outputs));
    Case { job, log, tables, steps: settled }
}

/// What all distances between events are multiples of.
fn grain(log: &Log) -> i64 {
    let times: Vec<i64> = log.rows.iter().map(|row| time(row)).collect();
    let of_two = |a: i64, b: i64| {
        let (mut a, mut b) = (a.abs(), b.abs());
        while b > 0 {
            (a, b) = (b, a % b);
        }
        a
    };
    let grain = times.iter().fold(0, |grain, at| of_two(grain, at - times[0]));
    if grain == 0 { 1_000_000 } else { grain }
}

/// A table near the events: its rows have keys of events, and times near theirs.
fn table(number: usize, (rows, picks): &RawTable, log: &Log, grain: i64) -> Table {
    let picks = &mut Picks::of(picks);
    let file = number >= TABLES;
    let timed = !file && !picks.rarely(4);
    let derive = if file || picks.below(2) == 0 { None } else { Some(picks.below(TABLE_DERIVES.len())) };
    let filter = if file || picks.below(2) == 0 { None } else { Some(picks.below(TABLE_FILTERS.len())) };
    let filter = filter.filter(|&f| f != 3 || derive.is_some());
    let format = picks.one(&["csv", "jsonl", "parquet"]);
    let rows = rows.iter().enumerate().map(|(i, (of, step, nulls))| {
        let of = &log.rows[of % log.rows.len()];
        let i = i as i64;
        let unless = |null: bool, cell: Cell| if null { Cell::Null } else { cell };
        vec![
            Cell::Int(time(of) + step * grain),
            unless(nulls / 8 == 7, of[1].clone()),
            of[2].clone(),
            of[3].clone(),
            of[5].clone(),
            of[6].clone(),
            unless(nulls & 1 > 0, Cell::Text(format!("r{i}"))),
            unless(nulls & 2 > 0, Cell::Int(i)),
            unless(nulls & 4 > 0, Cell::Decimal(i.into(), 2)),
        ]
    });
    let mut log = Log::new(&TABLE, rows.collect());
    if log.rows.is_empty() && format == "jsonl" {
        // A file of nothing has no columns.
        log.rows.push(vec![Cell::Int(grain); 1].into_iter().chain(vec![Cell::Null; 8]).collect());
    }
    let cuts = vec![picks.below(20), picks.below(20)];
    let cuts = if picks.below(2) == 0 { vec![] } else { cuts };
    let name = if file { format!("l{}", number - TABLES) } else { format!("t{number}") };
    Table { name, log, timed, derive, filter, format, cuts }
}

/// One to three keys, of few values each but some.
fn keys(picks: &mut Picks, new: &[(&'static str, Kind)]) -> Vec<&'static str> {
    let mut pool = vec!["k", "b", "p", "n"];
    pool.extend(new.iter().map(|(name, _)| *name));
    pool.extend(["k", "k", "b", "d", "m", "f", "at"]);
    let mut keys: Vec<&str> = (0..1 + picks.below(5) / 2).map(|_| picks.one(&pool)).collect();
    let mut seen = vec![];
    keys.retain(|key| {
        !seen.contains(key) && {
            seen.push(key);
            true
        }
    });
    keys
}

fn of_kind(columns: &[(&'static str, Kind)], kind: Kind) -> Vec<&'static str> {
    columns.iter().filter(|(_, k)| *k == kind).map(|(name, _)| *name).collect()
}

fn test(picks: &mut Picks, new: &[(&'static str, Kind)]) -> Test {
    let mut bools = of_kind(new, Kind::Bool);
    bools.push("b");
    let mut any: Vec<&str> = new.iter().map(|(name, _)| *name).collect();
    any.push("k");
    match picks.below(8) {
        0 | 1 => Test::NotNull(picks.one(&any)),
        2..4 => Test::True(picks.one(&bools)),
        4 | 5 => Test::NotTrue(picks.one(&bools)),
        6 => Test::Positive("n"),
        _ => Test::Null(picks.one(&any)),
    }
}

fn made(picks: &mut Picks, new: &[(&'static str, Kind)]) -> (Made, Kind) {
    let with = |kind, also| [of_kind(new, kind), vec![also]].concat();
    let (bools, texts, ints) = (with(Kind::Bool, "b"), with(Kind::Text, "k"), with(Kind::Int, "n"));
    match picks.below(4) {
        0 => (Made::Unless(picks.one(&bools), picks.one(&texts)), Kind::Text),
        1 => (Made::Unless(picks.one(&bools), picks.one(&ints)), Kind::Int),
        2 => (Made::OrNone(picks.one(&texts)), Kind::Text),
        _ => (Made::More(picks.one(&ints)), Kind::Int),
    }
}

fn enrich(
    picks: &mut Picks,
    tables: &[Table],
    columns: &[(&'static str, Kind)],
    named: usize,
    grain: i64,
) -> Enrich {
    let table = if picks.rarely(6) { TABLES + picks.below(FILES) } else { picks.below(TABLES) };
    let mut pool = vec!["v", "w", "u", "at"];
    pool.extend(tables[table].derive.map(|_| "x"));
    let mut take: Vec<&str> = (0..1 + picks.below(3)).map(|_| picks.one(&pool)).collect();
    let mut seen = vec![];
    take.retain(|column| {
        !seen.contains(column) && {
            seen.push(column);
            true
        }
    });
    let take: Vec<_> = take.into_iter().enumerate().map(|(i, column)| (NEW[named + i], column)).collect();
    let fill = table < TABLES && picks.below(3) == 1;

    let timed = tables[table].timed;
    let within = |picks: &mut Picks| match picks.below(6) {
        0 | 1 => None,
        n => Some([1, 2, 3, 5][n - 2] * grain),
    };
    let (direction, reach, inclusive) = match timed {
        true => (picks.one(&DIRECTIONS), within(picks), !picks.rarely(3)),
        false => ("backward", None, true),
    };
    let mut tries =
        vec![Try::AsOf { table, on: on(picks, tables, table, columns), direction, within: reach, inclusive }];
    for _ in 0..picks.below(3) {
        let next = match picks.below(4) {
            0 | 3 if timed => Try::AsOf {
                table,
                on: tries[0].on().to_vec(),
                direction: picks.one(&DIRECTIONS),
                within: within(picks).or(reach),
                inclusive: if picks.below(2) == 0 { inclusive } else { picks.below(2) == 0 },
            },
            // Whether `fill` goes for the file of a lookup, nobody has said; nor has it a column `x`.
            1 if !fill && take.iter().all(|(_, column)| *column != "x") => {
                let table = TABLES + picks.below(FILES);
                let on = on(picks, tables, table, columns);
                Try::AsOf { table, on, direction: "backward", within: None, inclusive: true }
            }
            _ => {
                let constant = |&(name, column): &(&'static str, &str)| match column {
                    "v" => Some((name, Cell::Text("XX".into()))),
                    "w" => Some((name, Cell::Int(-7))),
                    _ => None,
                };
                let values: Vec<_> = take.iter().filter_map(constant).collect();
                if values.is_empty() {
                    break;
                }
                tries.push(Try::Constant(values));
                break;
            }
        };
        tries.push(next);
    }
    Enrich { take, fill, tries }
}

/// Columns of events and a table that are matched: mostly of one name, always of one type.
fn on(
    picks: &mut Picks,
    tables: &[Table],
    table: usize,
    columns: &[(&'static str, Kind)],
) -> Vec<(&'static str, &'static str)> {
    let mut keys = vec![("k", Kind::Text), ("k", Kind::Text), ("k", Kind::Text)];
    keys.extend(&TABLE[1..6]);
    keys.extend(tables[table].derive.map(|d| ("x", TABLE_DERIVES[d].1)));
    let mut on: Vec<(&str, &str)> = vec![];
    for _ in 0..1 + usize::from(picks.rarely(4)) {
        let (key, kind) = picks.one(&keys);
        let of_kind = of_kind(columns, kind);
        let same = of_kind.iter().find(|name| **name == key).copied();
        let event = same.filter(|_| !picks.rarely(4)).unwrap_or_else(|| picks.one(&of_kind));
        if on.iter().all(|(e, t)| *e != event && *t != key) {
            on.push((event, key));
        }
    }
    on
}

/// Puts new columns into outputs: as keys, in aggregates, and as partitions of events.
fn show(job: &mut Job, new: &[(&'static str, Kind)], picks: &mut Picks) {
    if new.is_empty() {
        return;
    }
    for output in &mut job.outputs {
        let (name, kind) = picks.one(new);
        let plain = matches!(kind, Kind::Text | Kind::Int | Kind::Bool);
        match &mut output.groups {
            None if !output.partition_by.is_empty() && plain && picks.below(2) == 1 => {
                output.partition_by.push(name);
            }
            None => {}
            Some(groups) => {
                if picks.below(2) == 1 {
                    groups.by.push(name);
                }
                let (name, kind) = picks.one(new);
                let mut functions = vec!["count", "first", "last", "min", "max", "count distinct"];
                functions.extend(matches!(kind, Kind::Int | Kind::Decimal(_)).then_some("sum"));
                groups.aggregates.push((picks.one(&functions), vec![name]));
            }
        }
    }
}
