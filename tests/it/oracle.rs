//! What a job over a log must give, the slow and obvious way: record by record, group by group, with
//! chrono's calendar and exact numbers. It shares no code with the engine.

use crate::event_time_jobs::Window;
use crate::jobs::{DERIVES, FILTERS, Groups, HAVINGS, Job, Output, and_filter, is_near};
use crate::log::{Cell, Log};
use crate::oracle_aggregates::aggregate;
use crate::oracle_windows::{Span, length, time_text};
use crate::stream_oracle::{Arrival, Live, Pane, complete, published};
use crate::watermark_oracle::marks;
use chrono::TimeZone;
use chrono_tz::Tz;
use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

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
    pub rejected: u64,
    pub filtered: u64,
    pub duplicate: u64,
    pub outputs: Vec<Rows>,
    /// The rows of the late file, whether the job has one or not.
    pub late: Vec<Vec<Value>>,
}

impl Expected {
    /// Read, rejected, filtered, duplicate, late, counted.
    pub fn account(&self) -> [u64; 6] {
        let late = self.late.len() as u64;
        let gone = self.rejected + self.filtered + self.duplicate + late;
        [self.read, self.rejected, self.filtered, self.duplicate, late, self.read - gone]
    }
}

/// A record of the log.
#[derive(Clone)]
pub struct Event {
    /// Its number in the log.
    pub id: usize,
    pub time: i64,
    pub cells: BTreeMap<String, Cell>,
    /// What it met.
    pub watermark: Option<i64>,
}

impl Event {
    pub fn get(&self, name: &str) -> &Cell {
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

/// What `job` gives over `log`, which lies in one file of this name.
pub fn expected(job: &Job, log: &Log, file: &str) -> Expected {
    expected_of(job, log, &[(file.to_string(), log.rows.len())])
}

/// Events on their way through further steps, with the names of their columns in order.
pub struct Stepped {
    pub events: Vec<Event>,
    pub names: Vec<String>,
    pub duplicate: u64,
}

/// What `job` gives over `log`, which lies in these files, so many rows in each.
pub fn expected_of(job: &Job, log: &Log, files: &[(String, usize)]) -> Expected {
    expected_after(job, log, files, |stepped| stepped)
}

/// As [`expected_of`], where further steps come after those of `job`. Whom they leave out and do not count as
/// a duplicate is filtered.
pub fn expected_after(
    job: &Job,
    log: &Log,
    files: &[(String, usize)],
    steps: impl FnOnce(Stepped) -> Stepped,
) -> Expected {
    let tz: Tz = job.zone.parse().unwrap();
    let places = log.places(files);
    let arrived = arrived(job, log, &places);
    let (read, left) = (log.rows.len() as u64, arrived.len() as u64);
    let mut names: Vec<String> = log.columns.iter().map(|(name, _)| name.clone()).collect();
    names.extend(job.derive.map(|_| "x".to_string()));
    let Stepped { events, names, duplicate } =
        steps(Stepped { events: stepped(job, arrived), names, duplicate: 0 });
    let (rejected, filtered) = (read - left, left - duplicate - events.len() as u64);
    let mut missed = Missed::default();
    let outputs = job.outputs.iter().map(|output| match &output.groups {
        None => rows(output, &events, &names, tz),
        Some(groups) => grouped(job, output, groups, &events, &mut missed),
    });
    let outputs = outputs.collect();
    let late = events.iter().filter_map(|e| missed.row(job, log, &places, e)).collect();
    Expected { read, rejected, filtered, duplicate, outputs, late }
}

/// The events of a log that are not rejected, in arrival order, each with the watermark that it meets.
pub fn arrived(job: &Job, log: &Log, places: &[(String, usize)]) -> Vec<Event> {
    let names: Vec<String> = log.columns.iter().map(|(name, _)| name.clone()).collect();
    let mut events: Vec<Event> = log.rows.iter().enumerate().map(|(i, row)| event(&names, i, row)).collect();
    events.retain(|e| !is_ahead(job, e));
    if job.timing.arrival {
        // Stable: ties stay in order of position.
        events.sort_by_key(arrival);
    }
    let timing = &job.timing;
    let before = marks(timing, &arrivals(job, &events, places), length(&timing.out_of_orderness));
    events.iter_mut().zip(before).for_each(|(e, mark)| e.watermark = mark);
    events
}

/// What the steps leave of the events, and add to them.
pub fn stepped(job: &Job, mut events: Vec<Event>) -> Vec<Event> {
    if let Some(derive) = job.derive {
        events.iter_mut().for_each(|e| {
            let x = derived(derive, e);
            e.cells.insert("x".into(), x);
        });
    }
    if let Some(filter) = job.filter {
        events.retain(|e| kept(FILTERS[filter], e) == Some(true));
    }
    events
}

fn event(names: &[String], id: usize, row: &[Cell]) -> Event {
    let Cell::Int(time) = row[0] else { panic!("the first column is the time") };
    Event { id, time, cells: names.iter().cloned().zip(row.iter().cloned()).collect(), watermark: None }
}

fn arrival(e: &Event) -> i64 {
    let Cell::Int(arrival) = e.cells["arr"] else { panic!("no arrival") };
    arrival
}

/// Whether `max_ahead` rejects the event.
fn is_ahead(job: &Job, e: &Event) -> bool {
    !job.timing.max_ahead.is_empty() && e.time - arrival(e) > length(&job.timing.max_ahead)
}

/// What the watermark sees of events in arrival order.
pub fn arrivals(job: &Job, events: &[Event], places: &[(String, usize)]) -> Vec<Arrival> {
    let timing = &job.timing;
    let seen = events.iter().map(|e| Arrival {
        time: e.time,
        arrival: if timing.arrival { arrival(e) } else { 0 },
        partition: match timing.partition {
            "" => String::new(),
            "file" => places[e.id].0.clone(),
            column => e.text(column).unwrap_or_default().to_string(),
        },
    });
    seen.collect()
}

/// The job's `idle`, if it has one.
pub fn idle(text: &str) -> Option<i64> {
    Some(text).filter(|text| !text.is_empty()).map(length)
}

/// What streamed outputs did with the events.
#[derive(Default)]
struct Missed {
    counted: BTreeSet<usize>,
    /// Windows that were closed, with the instant at which each was.
    windows: BTreeMap<usize, BTreeSet<(Span, i64)>>,
    /// Of events between windows, the first instant at which an output called them late.
    gaps: BTreeMap<usize, i64>,
}

impl Missed {
    /// The row of the late file, if the event is late for all of its windows, or has none and is late.
    fn row(&self, job: &Job, log: &Log, places: &[(String, usize)], e: &Event) -> Option<Vec<Value>> {
        if self.counted.contains(&e.id) {
            return None;
        }
        let none = BTreeSet::new();
        let in_gap = self.gaps.get(&e.id).copied();
        let missed = self.windows.get(&e.id).or(in_gap.map(|_| &none))?;
        let mut row: Vec<Value> =
            log.columns.iter().map(|(name, _)| exact(name, e.get(name).clone())).collect();
        let spans: BTreeSet<Span> = missed.iter().map(|(span, _)| *span).collect();
        let text = |span: &Span| format!("{}/{}", time_text(span.0, job.zone), time_text(span.1, job.zone));
        let texts: Vec<String> = spans.iter().map(text).collect();
        let closed = missed.iter().map(|(_, closed)| *closed).max().or(in_gap).unwrap();
        let mark = e.watermark.unwrap();
        row.push(exact("_file", Cell::Text(places[e.id].0.clone())));
        row.push(exact("_line", Cell::Int(places[e.id].1 as i64)));
        row.push(exact("_event_time", Cell::Time(e.time)));
        row.push(exact("_watermark", Cell::Time(mark)));
        row.push(exact("_missed", Cell::Text(texts.join(" "))));
        row.push(exact("_late_by", Cell::Decimal((mark - closed).into(), 6)));
        Some(row)
    }
}

/// SQL's OR and AND of three values.
fn or(a: Option<bool>, b: Option<bool>) -> Option<bool> {
    if a == Some(true) || b == Some(true) { Some(true) } else { a.and(b) }
}
fn and(a: Option<bool>, b: Option<bool>) -> Option<bool> {
    or(a.map(|v| !v), b.map(|v| !v)).map(|v| !v)
}

fn kept(filter: &str, e: &Event) -> Option<bool> {
    match filter {
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
    for e in in_replay_order(events.iter().collect()) {
        let row = names.iter().map(|name| exact(name, e.get(name).clone())).collect();
        put(&mut rows, output, e.time, row, tz);
    }
    rows
}

pub fn in_replay_order(mut events: Vec<&Event>) -> Vec<&Event> {
    events.sort_by_key(|e| (e.time, e.id));
    events
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
#[derive(Debug, Clone, PartialEq)]
pub struct Key(Vec<Cell>);

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

/// Events on their way to an output.
pub fn live(groups: &Groups, events: &[Event]) -> Vec<Live<Key>> {
    let key = |e: &Event| Key(groups.by.iter().map(|name| e.get(name).clone()).collect());
    events.iter().map(|e| Live { id: e.id, time: e.time, watermark: e.watermark, key: key(e) }).collect()
}

fn grouped(job: &Job, output: &Output, groups: &Groups, events: &[Event], missed: &mut Missed) -> Rows {
    let tz: Tz = job.zone.parse().unwrap();
    let live = live(groups, events);
    let panes = if job.streams(groups) {
        let lateness = length(&groups.allowed_lateness);
        let published =
            published(&groups.window, lateness, groups.firings, &live, (tz, job.timing.rule.like));
        for (id, fate) in published.fates {
            missed.counted.extend(fate.counted.then_some(id));
            if let Some(closed) = fate.in_gap {
                let first = missed.gaps.entry(id).or_insert(closed);
                *first = closed.min(*first);
            }
            if !fate.missed.is_empty() {
                missed.windows.entry(id).or_default().extend(fate.missed);
            }
        }
        published.panes
    } else {
        complete(&groups.window, &live, tz)
    };
    let mut windows: BTreeMap<Span, Vec<Vec<Value>>> = BTreeMap::new();
    for (pane, row) in pane_rows(groups, panes, events) {
        windows.entry(pane.span).or_default().push(row);
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

/// The panes that `having` keeps, each with its row.
pub fn pane_rows(groups: &Groups, panes: Vec<Pane<Key>>, events: &[Event]) -> Vec<(Pane<Key>, Vec<Value>)> {
    let by_id: BTreeMap<usize, &Event> = events.iter().map(|e| (e.id, e)).collect();
    let rows = panes.into_iter().filter_map(|pane| {
        let events = in_replay_order(pane.events.iter().map(|id| by_id[id]).collect());
        let row = group_row(groups, &pane, &events);
        groups.having.is_none_or(|h| has(h, &row, &events)).then_some((pane, row))
    });
    rows.collect()
}

fn group_row(groups: &Groups, pane: &Pane<Key>, events: &[&Event]) -> Vec<Value> {
    let mut row = vec![];
    if groups.window != Window::Global {
        row.push(exact("window_start", Cell::Time(pane.span.0)));
        row.push(exact("window_end", Cell::Time(pane.span.1)));
    }
    row.extend(groups.by.iter().zip(&pane.key.0).map(|(name, cell)| exact(name, cell.clone())));
    row.extend(pane.firing.map(|number| exact("firing", Cell::Int(number))));
    row.push(exact("c", Cell::Int(events.len() as i64)));
    for (i, (function, args)) in groups.aggregates.iter().enumerate() {
        let (args, filter) = and_filter(args);
        let passes = |e: &&&Event| filter.is_none_or(|filter| kept(filter, e) == Some(true));
        let events: Vec<&&Event> = events.iter().filter(passes).collect();
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
