//! Random jobs with steps that depend on order, and random logs and tables for them: few keys and few
//! instants, so that ties, duplicates, NULLs and distances of exactly `within` are frequent.
//!
//! What is random is numbers, which [`settle`] reads against the columns that there are: so every case is a job
//! that may be run, and shrinks to fewer steps, rows and tables.

use crate::event_time_jobs;
use crate::jobs::{self, Job};
use crate::laws;
use crate::log::{Cell, Kind, Log, json};
use crate::support::Lab;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

/// A job with further steps, after those of `job`, its log and its tables.
#[derive(Clone)]
pub struct Case {
    pub job: Job,
    pub log: Log,
    /// Those that no step asks are neither written nor named.
    pub tables: Vec<Table>,
    pub steps: Vec<Step>,
}

/// A table of the job, or the file of a lookup.
#[derive(Debug, Clone)]
pub struct Table {
    /// `t0` and so on, or `l0` for the file of a lookup.
    pub name: String,
    pub log: Log,
    pub timed: bool,
    /// Numbers of [`TABLE_DERIVES`] and [`TABLE_FILTERS`].
    pub derive: Option<usize>,
    pub filter: Option<usize>,
    format: &'static str,
    cuts: Vec<usize>,
}

/// A step. Columns are named; durations are microseconds.
#[derive(Debug, Clone)]
pub enum Step {
    Filter(Test),
    Derive(&'static str, Made),
    Dedup { by: Vec<&'static str>, within: Option<i64> },
    First { by: Vec<&'static str>, name: &'static str },
    Enrich(Enrich),
}

#[derive(Debug, Clone)]
pub enum Test {
    NotNull(&'static str),
    Null(&'static str),
    True(&'static str),
    NotTrue(&'static str),
    Positive(&'static str),
}

#[derive(Debug, Clone)]
pub enum Made {
    /// NULL where the first is true, else the second.
    Unless(&'static str, &'static str),
    /// The text, or `none`.
    OrNone(&'static str),
    /// One more.
    More(&'static str),
}

#[derive(Debug, Clone)]
pub struct Enrich {
    /// New column and column of the table.
    pub take: Vec<(&'static str, &'static str)>,
    pub fill: bool,
    /// The first is the step's own, the others stand in `otherwise`.
    pub tries: Vec<Try>,
}

#[derive(Debug, Clone)]
pub enum Try {
    AsOf {
        table: usize,
        /// Column of the event and column of the table.
        on: Vec<(&'static str, &'static str)>,
        direction: &'static str,
        within: Option<i64>,
        inclusive: bool,
    },
    /// Values of the new columns; those left out are NULL.
    Constant(Vec<(&'static str, Cell)>),
}

/// The columns of tables. The last three are mostly taken, and name the row.
const TABLE: [(&str, Kind); 9] = [
    ("at", Kind::Int),
    ("k", Kind::Text),
    ("n", Kind::Int),
    ("m", Kind::Decimal(2)),
    ("b", Kind::Bool),
    ("d", Kind::Date),
    ("v", Kind::Text),
    ("w", Kind::Int),
    ("u", Kind::Decimal(2)),
];
pub const TABLE_DERIVES: [(&str, Kind); 3] = [
    ("n + 1", Kind::Int),
    ("CASE WHEN b THEN NULL ELSE k END", Kind::Text),
    ("coalesce(v, 'none')", Kind::Text),
];
/// The last one only of tables that derive `x`.
pub const TABLE_FILTERS: [&str; 4] = ["n > 0", "k IS NOT NULL", "w % 2 = 0", "x IS NOT NULL"];

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

/// A case in which an output is streamed.
pub fn streamed(most: usize) -> impl Strategy<Value = Case> {
    (event_time_jobs::streamed(most), raw(most / 2 + 4, 5))
        .prop_map(|((job, log), raw)| settle(job, log, &raw))
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

fn time(row: &[Cell]) -> i64 {
    let Cell::Int(at) = row[0] else { panic!("the first column is the time") };
    at
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

impl Enrich {
    /// The type of a column of the step's own table.
    fn kind(&self, tables: &[Table], column: &str) -> Kind {
        let Try::AsOf { table, .. } = &self.tries[0] else { panic!("a constant comes last") };
        match column {
            "x" => TABLE_DERIVES[tables[*table].derive.unwrap()].1,
            column => TABLE.iter().find(|(name, _)| *name == column).unwrap().1,
        }
    }

    fn toml(&self, tables: &[Table]) -> String {
        let Try::AsOf { table, on, direction, within, inclusive } = &self.tries[0] else {
            panic!("a constant comes last")
        };
        let of = &tables[*table];
        let mut toml = match of.is_file() {
            true => format!("lookup = \"@/{}*\"\n{}\n", of.name, of.log.types()),
            false => format!("enrich = \"{}\"\n", of.name),
        };
        toml.push_str(&format!("on = {}\ntake = {}\n", inline(on), inline(&self.take)));
        if *direction != "backward" {
            toml.push_str(&format!("match = \"{direction}\"\n"));
        }
        if !inclusive {
            toml.push_str("inclusive = false\n");
        }
        if let Some(within) = within {
            toml.push_str(&format!("within = \"{within}us\"\n"));
        }
        if self.fill {
            toml.push_str("fill = \"last_value\"\n");
        }
        let own = (*table, *within, *inclusive);
        let others: Vec<String> = self.tries[1..].iter().map(|t| self.otherwise(t, own, tables)).collect();
        if !others.is_empty() {
            toml.push_str(&format!("otherwise = [{}]\n", others.join(", ")));
        }
        toml
    }

    /// An item of `otherwise`, where the step itself has this table, `within` and `inclusive`.
    fn otherwise(&self, other: &Try, own: (usize, Option<i64>, bool), tables: &[Table]) -> String {
        match other {
            Try::AsOf { table, direction, within, inclusive, .. }
                if *table == own.0 && !tables[*table].is_file() =>
            {
                let mut item = vec![format!("match = \"{direction}\"")];
                item.extend(within.filter(|_| *within != own.1).map(|w| format!("within = \"{w}us\"")));
                item.extend((*inclusive != own.2).then(|| format!("inclusive = {inclusive}")));
                format!("{{ {} }}", item.join(", "))
            }
            Try::AsOf { table, on, .. } => {
                let of = &tables[*table];
                let (on, take, types) = (inline(on), inline(&self.take), of.log.types());
                format!("{{ lookup = \"@/{}*\", on = {on}, take = {take}, {types} }}", of.name)
            }
            Try::Constant(values) => {
                let value = |(name, cell): &(&str, Cell)| format!("{name} = {}", cell.json());
                format!("{{ constant = {{ {} }} }}", values.iter().map(value).collect::<Vec<_>>().join(", "))
            }
        }
    }
}

/// A table of TOML.
fn inline(pairs: &[(&str, &str)]) -> String {
    let pairs: Vec<String> = pairs.iter().map(|(name, of)| format!("{name} = \"{of}\"")).collect();
    format!("{{ {} }}", pairs.join(", "))
}

impl Try {
    fn on(&self) -> &[(&'static str, &'static str)] {
        match self {
            Try::AsOf { on, .. } => on,
            Try::Constant(_) => &[],
        }
    }
}

impl Test {
    fn sql(&self) -> String {
        match self {
            Test::NotNull(column) => format!("{column} IS NOT NULL"),
            Test::Null(column) => format!("{column} IS NULL"),
            Test::True(column) => column.to_string(),
            Test::NotTrue(column) => format!("NOT {column}"),
            Test::Positive(column) => format!("{column} > 0"),
        }
    }
}

impl Made {
    fn sql(&self) -> String {
        match self {
            Made::Unless(flag, column) => format!("CASE WHEN {flag} THEN NULL ELSE {column} END"),
            Made::OrNone(column) => format!("coalesce({column}, 'none')"),
            Made::More(column) => format!("{column} + 1"),
        }
    }
}

impl Step {
    fn toml(&self, tables: &[Table]) -> String {
        let step = match self {
            Step::Filter(test) => format!("filter = {}\n", json(&test.sql())),
            Step::Derive(name, made) => format!("derive = {{ {name} = {} }}\n", json(&made.sql())),
            Step::Dedup { by, within: None } => format!("dedup = {by:?}\n"),
            Step::Dedup { by, within: Some(within) } => format!("dedup = {by:?}\nwithin = \"{within}us\"\n"),
            Step::First { by, name } => format!("first = {by:?}\nas = \"{name}\"\n"),
            Step::Enrich(enrich) => enrich.toml(tables),
        };
        format!("[[step]]\n{step}")
    }

    fn asks(&self, number: usize) -> bool {
        let asks = |t: &Try| matches!(t, Try::AsOf { table, .. } if *table == number);
        matches!(self, Step::Enrich(enrich) if enrich.tries.iter().any(asks))
    }
}

impl Table {
    fn is_file(&self) -> bool {
        self.name.starts_with('l')
    }

    fn toml(&self) -> String {
        let mut toml = format!("[table.{}]\npath = \"@/{}*\"\n{}\n", self.name, self.name, self.log.types());
        if self.timed {
            toml.push_str("time = \"at\"\ntime_unit = \"us\"\n");
        }
        if let Some(derive) = self.derive {
            toml.push_str(&format!("derive = {{ x = {} }}\n", json(TABLE_DERIVES[derive].0)));
        }
        if let Some(filter) = self.filter {
            toml.push_str(&format!("filter = {}\n", json(TABLE_FILTERS[filter])));
        }
        toml
    }

    fn write(&self, lab: &Lab) {
        let mut cuts: Vec<usize> = self.cuts.iter().map(|cut| *cut.min(&self.log.rows.len())).collect();
        cuts.extend([0, self.log.rows.len()]);
        cuts.sort_unstable();
        cuts.dedup();
        if cuts.len() == 1 {
            cuts.push(0);
        }
        for (i, cut) in cuts.windows(2).enumerate() {
            laws::write(lab, &format!("{}-{i}.{}", self.name, self.format), &self.log.slice(cut[0]..cut[1]));
        }
    }
}

impl Case {
    /// The job file, over the files `log*` of a lab.
    pub fn toml(&self, source: &str) -> String {
        let mut toml = self.job.toml("\"@/log*\"", source);
        for (_, table) in self.used().filter(|(_, table)| !table.is_file()) {
            toml.push_str(&table.toml());
        }
        self.steps.iter().for_each(|step| toml.push_str(&step.toml(&self.tables)));
        toml
    }

    /// The tables that steps ask.
    pub fn used(&self) -> impl Iterator<Item = (usize, &Table)> {
        self.tables.iter().enumerate().filter(|(i, _)| self.steps.iter().any(|step| step.asks(*i)))
    }

    pub fn write_tables(&self, lab: &Lab) {
        self.used().for_each(|(_, table)| table.write(lab));
    }

    /// The same case with other cuts and formats of its tables.
    pub fn split_otherwise(&self) -> Case {
        let mut other = self.clone();
        for table in &mut other.tables {
            table.cuts = table.cuts.iter().map(|cut| cut + 3).chain([1, 7]).collect();
            table.format = if table.format == "csv" { "csv.gz" } else { "csv" };
        }
        other
    }

    /// The same case where log and tables arrive in another order, but rows of one instant in theirs.
    pub fn shuffled(&self, seed: u64) -> Case {
        let mut other = self.clone();
        other.log = shuffled(&self.log, seed);
        for table in other.tables.iter_mut().filter(|table| table.timed) {
            table.log = shuffled(&table.log, seed ^ 0x5bd1);
        }
        other
    }
}

/// Cases are shown as their job files.
impl std::fmt::Debug for Case {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "{}", self.toml(""))?;
        let text = |log: &Log| String::from_utf8_lossy(&log.csv()).into_owned();
        writeln!(f, "log\n{}", text(&self.log))?;
        for (_, table) in self.used() {
            writeln!(f, "{} as {} cut at {:?}\n{}", table.name, table.format, table.cuts, text(&table.log))?;
        }
        Ok(())
    }
}

/// `log` in another order of arrival; rows of one instant stay in theirs.
pub fn shuffled(log: &Log, seed: u64) -> Log {
    let mut order: Vec<usize> = (0..log.rows.len()).collect();
    shuffle(&mut order, seed);
    let mut rows = vec![];
    for &i in &order {
        // The places of an instant's rows are shuffled; what comes to them is in order.
        let same: Vec<usize> =
            (0..log.rows.len()).filter(|&j| time(&log.rows[j]) == time(&log.rows[i])).collect();
        let before = rows.iter().filter(|row: &&Vec<Cell>| time(row) == time(&log.rows[i])).count();
        rows.push(log.rows[same[before]].clone());
    }
    Log { columns: log.columns.clone(), rows }
}

/// Fisher and Yates, with the numbers of an xorshift.
pub fn shuffle<T>(items: &mut [T], seed: u64) {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    for i in (1..items.len()).rev() {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        items.swap(i, (state % (i as u64 + 1)) as usize);
    }
}
