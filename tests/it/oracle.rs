//! What a job over a log must give, the slow and obvious way: record by record, group by group, with
//! chrono's calendar and exact numbers. It shares no code with the engine.

use crate::jobs::{DERIVES, FILTERS, Groups, HAVINGS, Job, Output, is_near};
use crate::log::{Cell, Log};
use crate::oracle_aggregates::aggregate;
use chrono::{DateTime, Datelike, Days, Months, NaiveDate, NaiveDateTime, TimeDelta, TimeZone, Timelike};
use chrono_tz::Tz;
use std::cmp::Ordering;
use std::collections::BTreeMap;

/// A value of a result; `near` allows for a rounding.
#[derive(Debug, Clone)]
pub struct Value {
    pub name: String,
    pub cell: Cell,
    pub near: bool,
}

/// An output: the rows of each partition, in order.
pub type Rows = BTreeMap<String, Vec<Vec<Value>>>;

/// All that a job must give.
pub struct Expected {
    pub read: u64,
    pub filtered: u64,
    pub outputs: Vec<Rows>,
}

#[derive(Clone)]
struct Event {
    time: i64,
    cells: BTreeMap<String, Cell>,
}

impl Event {
    fn get(&self, name: &str) -> &Cell {
        &self.cells[name]
    }
    fn int(&self, name: &str) -> Option<i128> {
        match self.get(name) {
            Cell::Int(v) => Some((*v).into()),
            Cell::Decimal(v, _) => Some(*v),
            _ => None,
        }
    }
    fn text(&self, name: &str) -> Option<&str> {
        match self.get(name) {
            Cell::Text(text) => Some(text),
            _ => None,
        }
    }
    fn bool(&self, name: &str) -> Option<bool> {
        match self.get(name) {
            Cell::Bool(v) => Some(*v),
            _ => None,
        }
    }
    fn float(&self, name: &str) -> Option<f64> {
        match self.get(name) {
            Cell::Float(v) => Some(*v),
            _ => None,
        }
    }
}

/// What `job` gives over `log`.
pub fn expected(job: &Job, log: &Log) -> Expected {
    let tz: Tz = job.zone.parse().unwrap();
    let mut names: Vec<String> = log.columns.iter().map(|(name, _)| name.clone()).collect();
    let mut events: Vec<Event> = log.rows.iter().map(|row| event(&names, row)).collect();
    if let Some(derive) = job.derive {
        names.push("x".into());
        events.iter_mut().for_each(|e| {
            let x = derived(derive, e);
            e.cells.insert("x".into(), x);
        });
    }
    let read = events.len() as u64;
    if let Some(filter) = job.filter {
        events.retain(|e| kept(filter, e) == Some(true));
    }
    let filtered = read - events.len() as u64;
    // Replay order: the sort is stable, and they are in order of position.
    events.sort_by_key(|e| e.time);
    let outputs = job.outputs.iter().map(|output| match &output.groups {
        None => rows(output, &events, &names, tz),
        Some(groups) => grouped(output, groups, &events, tz),
    });
    Expected { read, filtered, outputs: outputs.collect() }
}

fn event(names: &[String], row: &[Cell]) -> Event {
    let Cell::Int(time) = row[0] else { panic!("the first column is the time") };
    Event { time, cells: names.iter().cloned().zip(row.iter().cloned()).collect() }
}

/// SQL's OR and AND of three values.
fn or(a: Option<bool>, b: Option<bool>) -> Option<bool> {
    if a == Some(true) || b == Some(true) { Some(true) } else { a.and(b) }
}
fn and(a: Option<bool>, b: Option<bool>) -> Option<bool> {
    or(a.map(|v| !v), b.map(|v| !v)).map(|v| !v)
}

fn kept(filter: usize, e: &Event) -> Option<bool> {
    match FILTERS[filter] {
        "n > 0" => e.int("n").map(|n| n > 0),
        "k IS NOT NULL" => Some(e.text("k").is_some()),
        "b OR n < 3" => or(e.bool("b"), e.int("n").map(|n| n < 3)),
        "m BETWEEN -5.00 AND 20" => e.int("m").map(|m| (-500..=2000).contains(&m)),
        "k IN ('a', 'ü') OR f >= 0.5" => {
            or(e.text("k").map(|k| ["a", "ü"].contains(&k)), e.float("f").map(|f| f >= 0.5))
        }
        other => panic!("{other}"),
    }
}

fn derived(derive: usize, e: &Event) -> Cell {
    let some = |cell: Option<Cell>| cell.unwrap_or(Cell::Null);
    let (n, m) = (e.int("n"), e.int("m"));
    match DERIVES[derive].0 {
        "n * 2 + 1" => some(n.map(|n| Cell::Int((n * 2 + 1) as i64))),
        "m * 0.19" => some(m.map(|m| Cell::Decimal(m * 19, 4))),
        "m + n" => some(n.zip(m).map(|(n, m)| Cell::Decimal(m + n * 100, 2))),
        "coalesce(k, 'none')" => Cell::Text(e.text("k").unwrap_or("none").into()),
        "n > 2 AND b" => some(and(n.map(|n| n > 2), e.bool("b")).map(Cell::Bool)),
        _ => match n.map(|n| n.signum()) {
            Some(1) => Cell::Text("pos".into()),
            Some(-1) => Cell::Text("neg".into()),
            _ => Cell::Null,
        },
    }
}

fn rows(output: &Output, events: &[Event], names: &[String], tz: Tz) -> Rows {
    let mut rows = Rows::new();
    for e in events {
        let row = names.iter().map(|name| exact(name, e.get(name).clone())).collect();
        put(&mut rows, output, e.time, row, tz);
    }
    rows
}

fn exact(name: &str, cell: Cell) -> Value {
    Value { name: name.into(), cell, near: false }
}

/// Adds a row to its partition, without the columns that name partitions.
fn put(rows: &mut Rows, output: &Output, time: i64, row: Vec<Value>, tz: Tz) {
    let local = tz.timestamp_micros(time).unwrap();
    let folder = |part: &&str| match *part {
        "year" => local.format("year=%Y").to_string(),
        "month" => local.format("month=%m").to_string(),
        "date" => local.format("date=%Y-%m-%d").to_string(),
        "hour" => local.format("hour=%H").to_string(),
        name => format!("{name}={}", folder_name(&row.iter().find(|v| v.name == name).unwrap().cell)),
    };
    let path = output.partition_by.iter().map(folder).collect::<Vec<_>>().join("/");
    let mut row = row;
    row.retain(|value| !output.partition_by.contains(&value.name.as_str()));
    rows.entry(path).or_default().push(row);
}

fn folder_name(cell: &Cell) -> String {
    match cell {
        Cell::Null => "__HIVE_DEFAULT_PARTITION__".into(),
        cell if cell.plain().is_empty() => "%00".into(),
        cell => {
            let hidden = |c: char| c.is_control() || "\"#%'*/:=?\\{}[]^<>|".contains(c);
            let one = |c: char| if hidden(c) { format!("%{:02X}", c as u32) } else { c.to_string() };
            cell.plain().chars().map(one).collect()
        }
    }
}

/// Keys as they are sorted: NULL last.
#[derive(Clone, PartialEq)]
struct Key(Vec<Cell>);

impl Eq for Key {}
impl Ord for Key {
    fn cmp(&self, other: &Key) -> Ordering {
        self.0.iter().zip(&other.0).map(|(a, b)| order(a, b)).find(|o| o.is_ne()).unwrap_or(Ordering::Equal)
    }
}
impl PartialOrd for Key {
    fn partial_cmp(&self, other: &Key) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// The order of two values of a column, NULL last.
pub fn order(a: &Cell, b: &Cell) -> Ordering {
    match (a, b) {
        (Cell::Null, Cell::Null) => Ordering::Equal,
        (Cell::Null, _) => Ordering::Greater,
        (_, Cell::Null) => Ordering::Less,
        (Cell::Text(a), Cell::Text(b)) => a.as_bytes().cmp(b.as_bytes()),
        (Cell::Int(a), Cell::Int(b)) => a.cmp(b),
        (Cell::Float(a), Cell::Float(b)) => a.partial_cmp(b).unwrap(),
        (Cell::Decimal(a, _), Cell::Decimal(b, _)) => a.cmp(b),
        (Cell::Bool(a), Cell::Bool(b)) => a.cmp(b),
        (Cell::Date(a), Cell::Date(b)) => a.cmp(b),
        other => panic!("{other:?}"),
    }
}

fn grouped(output: &Output, groups: &Groups, events: &[Event], tz: Tz) -> Rows {
    let mut found: BTreeMap<((i64, i64), Key), Vec<&Event>> = BTreeMap::new();
    for e in events {
        let key = Key(groups.by.iter().map(|name| e.get(name).clone()).collect());
        let span = groups.window.map_or((0, 0), |(size, offset)| window(size, offset, e.time, tz));
        found.entry((span, key)).or_default().push(e);
    }
    let mut windows: BTreeMap<(i64, i64), Vec<Vec<Value>>> = BTreeMap::new();
    for ((span, key), events) in found {
        let row = group_row(groups, span, &key, &events);
        if groups.having.is_none_or(|h| has(h, &row, &events)) {
            windows.entry(span).or_default().push(row);
        }
    }
    let mut rows = Rows::new();
    for (span, mut of_window) in windows {
        if let Some((n, by)) = groups.top {
            // Stable: ties stay in the order of keys.
            of_window.sort_by(|a, b| top_order(by, a, b));
            of_window.truncate(n);
        }
        of_window.into_iter().for_each(|row| put(&mut rows, output, span.0, row, tz));
    }
    rows
}

fn group_row(groups: &Groups, span: (i64, i64), key: &Key, events: &[&Event]) -> Vec<Value> {
    let mut row = vec![];
    if groups.window.is_some() {
        row.push(exact("window_start", Cell::Time(span.0)));
        row.push(exact("window_end", Cell::Time(span.1)));
    }
    row.extend(groups.by.iter().zip(&key.0).map(|(name, cell)| exact(name, cell.clone())));
    row.push(exact("c", Cell::Int(events.len() as i64)));
    for (i, (function, args)) in groups.aggregates.iter().enumerate() {
        let cell = aggregate(function, args, &|name, i| events[i].get(name).clone(), events.len());
        row.push(Value { name: format!("a{i}"), cell, near: is_near(function) });
    }
    if groups.computed {
        row.push(exact("r", Cell::Int((count(events, "n") * 10 + events.len()) as i64)));
    }
    row
}

fn count(events: &[&Event], name: &str) -> usize {
    events.iter().filter(|e| *e.get(name) != Cell::Null).count()
}

fn has(having: usize, row: &[Value], events: &[&Event]) -> bool {
    let a0_is_null = || row.iter().find(|v| v.name == "a0").unwrap().cell == Cell::Null;
    match HAVINGS[having] {
        "c > 1" => events.len() > 1,
        "c % 2 = 1" => events.len() % 2 == 1,
        "count(n) > 0" => count(events, "n") > 0,
        _ => !a0_is_null() && events.len() < 9,
    }
}

/// The order of `top`: NULL last, ascending or descending.
fn top_order(by: &str, a: &[Value], b: &[Value]) -> Ordering {
    for term in by.split(", ") {
        let (name, descending) = term.strip_suffix(" desc").map_or((term, false), |name| (name, true));
        let find = |row: &[Value]| row.iter().find(|v| v.name == name).unwrap().cell.clone();
        let (a, b) = (find(a), find(b));
        let nulls = a == Cell::Null || b == Cell::Null;
        let found = order(&a, &b);
        let found = if descending && !nulls { found.reverse() } else { found };
        if found.is_ne() {
            return found;
        }
    }
    Ordering::Equal
}

fn micros(offset: &str) -> i64 {
    match offset {
        "" => 0,
        "15m" => 15 * 60_000_000,
        "-6h" => -6 * 3_600_000_000,
        "1 day" => 86_400_000_000,
        other => panic!("{other}"),
    }
}

/// The window of `time`: for calendar units, between two local midnights (and the offset on the wall clock).
pub fn window(size: &str, offset: &str, time: i64, tz: Tz) -> (i64, i64) {
    let offset = micros(offset);
    let length = match size {
        "250ms" => 250_000,
        "90s" => 90_000_000,
        "7m" => 7 * 60_000_000,
        "1h" => 3_600_000_000,
        "24h" => 86_400_000_000,
        _ => 0,
    };
    if length > 0 {
        let start = (time - offset).div_euclid(length) * length + offset;
        return (start, start + length);
    }
    let (count, unit) = size.split_once(' ').unwrap();
    let (count, unit): (i64, &str) = (count.parse().unwrap(), unit.trim_end_matches('s'));
    let boundary =
        |index: i64| first_instant(unit_start(unit, index * count) + TimeDelta::microseconds(offset), tz);
    let about = unit_index(unit, tz.timestamp_micros(time).unwrap().date_naive()).div_euclid(count);
    let index = (about - 4..about + 4).rev().find(|&i| boundary(i) <= time).unwrap();
    (boundary(index), boundary(index + 1))
}

/// The number of the day, week (from Monday), month, quarter or year since 1970.
fn unit_index(unit: &str, date: NaiveDate) -> i64 {
    let epoch = NaiveDate::from_ymd_opt(1970, 1, 1).unwrap();
    let months = i64::from(date.year() - 1970) * 12 + i64::from(date.month0());
    match unit {
        "day" => (date - epoch).num_days(),
        "week" => ((date - epoch).num_days() - 4).div_euclid(7),
        "month" => months,
        "quarter" => months.div_euclid(3),
        _ => i64::from(date.year() - 1970),
    }
}

/// The midnight at which a unit of the calendar begins.
fn unit_start(unit: &str, index: i64) -> NaiveDateTime {
    let months = |n: i64| {
        let first = NaiveDate::from_ymd_opt(1900, 1, 1).unwrap();
        first.checked_add_months(Months::new((n + 70 * 12) as u32)).unwrap()
    };
    let days = |n: i64| NaiveDate::from_ymd_opt(1900, 1, 1).unwrap() + Days::new((n + 25_567) as u64);
    let date = match unit {
        "day" => days(index),
        "week" => days(index * 7 + 4),
        "month" => months(index),
        "quarter" => months(index * 3),
        _ => months(index * 12),
    };
    date.and_hms_opt(0, 0, 0).unwrap()
}

/// The instant of a local time: of two the earlier; of none the first after the gap.
fn first_instant(mut local: NaiveDateTime, tz: Tz) -> i64 {
    loop {
        if let Some(instant) = tz.from_local_datetime(&local).earliest() {
            return instant.timestamp_micros();
        }
        local += TimeDelta::minutes(1);
    }
}

/// An instant as text files have it: local time with its offset, no more digits than there are.
pub fn time_text(instant: i64, zone: &str) -> String {
    let local: DateTime<Tz> = zone.parse::<Tz>().unwrap().timestamp_micros(instant).unwrap();
    let micros = local.nanosecond() / 1000;
    let digits = format!(".{micros:06}");
    let fraction = if micros == 0 { "" } else { digits.trim_end_matches('0') };
    let offset = if zone == "UTC" { "Z".to_string() } else { local.format("%:z").to_string() };
    format!("{}{fraction}{offset}", local.format("%Y-%m-%dT%H:%M:%S"))
}
