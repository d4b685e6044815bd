//! What an audit must say, the slow and obvious way: for each delay one live job, simulated record by record, and
//! its rows laid beside those of all events. Of no code of the engine.
//!
//! Where the words of the report leave a choice, this is the reading:
//! * Lateness is that of every event that was read and not rejected, whether a step leaves it out or not: those
//!   are what the watermark sees. So are partitions and the future; the first and the last event time are of the
//!   events that are counted, as those of a run.
//! * A window is one of the output if an event falls in it, whatever `having` then says.
//! * A row that is there and should not be has a wrong value in every column. The count or the sum of a row that
//!   is not there is 0 on either side; a NULL has no difference to anything.
//! * A jump is of the front of the event's own partition.
//! * `firings` and `top` do not show.

use crate::event_time_jobs::Window;
use crate::jobs::{COLUMNS, DERIVES, Groups, Job};
use crate::log::{Cell, Kind, Log};
use crate::oracle::{Event, Key, Value, arrivals, arrived, live, pane_rows, stepped};
use crate::oracle_windows::{Span, length, windows_of};
use crate::stream_oracle::{Arrival, Live, Pane, complete, published};
use crate::watermark_oracle::marks;
use chrono_tz::Tz;
use std::collections::{BTreeMap, BTreeSet};

/// The shares of completeness, as parts of 10,000.
pub const SHARES: [u64; 4] = [9_900, 9_990, 9_999, 10_000];

/// A log, as an audit of it begins.
pub struct Audited<'a> {
    job: &'a Job,
    pub read: u64,
    /// Not rejected, in arrival order; the watermarks are those of no delay.
    pub events: Vec<Event>,
    /// What steps leave of them.
    stepped: Vec<Event>,
    /// As the watermark sees `events`.
    pub seen: Vec<Arrival>,
    /// The watermark of no delay when the log has ended.
    reached: Option<i64>,
}

/// By window and key the events of a row, and the row.
type Rows = BTreeMap<(Span, Key), (Vec<usize>, Vec<Value>)>;

/// What one output says of one delay.
#[derive(Debug, Default)]
pub struct Cost {
    pub late: u64,
    pub wrong_windows: u64,
    pub wrong_rows: u64,
    pub missing_rows: u64,
    pub open_windows: u64,
    pub columns: Vec<Column>,
    /// Two values differ by so little that rounding decides whether they are the same.
    pub unsure: bool,
}

/// How wrong a column is.
#[derive(Debug)]
pub struct Column {
    pub name: String,
    pub wrong: u64,
    pub error: Error,
}

/// Largest and total.
#[derive(Debug, Clone, PartialEq)]
pub enum Error {
    /// Of what is no number.
    None,
    /// Over 10 to the power of the scale.
    Exact(i128, i128, u8),
    Float(f64, f64),
}

/// The events of an output in which nothing is late.
#[derive(Debug, PartialEq)]
pub struct Whole {
    pub events: u64,
    pub windows: u64,
    pub rows: u64,
}

/// How an event moves the front of its partition.
pub struct Move {
    /// The event's number in the log.
    pub id: usize,
    pub step: i64,
}

impl<'a> Audited<'a> {
    /// `log`, which lies in these files, so many rows in each.
    pub fn new(job: &'a Job, log: &Log, files: &[(String, usize)]) -> Audited<'a> {
        let mut plain = job.clone();
        plain.timing.out_of_orderness = String::new();
        let places = log.places(files);
        let events = arrived(&plain, log, &places);
        let seen = arrivals(job, &events, &places);
        let stepped = stepped(job, events.clone());
        let reached = at_the_end(job, &seen);
        Audited { job, read: log.rows.len() as u64, events, stepped, seen, reached }
    }

    /// Read, rejected, filtered, duplicate, late, counted.
    pub fn account(&self) -> [u64; 6] {
        let (left, counted) = (self.events.len() as u64, self.stepped.len() as u64);
        [self.read, self.read - left, left - counted, 0, 0, counted]
    }

    /// Of the events that are counted, the first and the last.
    pub fn event_times(&self) -> Option<(i64, i64)> {
        let times = self.stepped.iter().map(|e| e.time);
        times.clone().min().zip(times.max())
    }

    /// How far each event came behind the front.
    pub fn lateness(&self) -> Vec<i64> {
        self.events.iter().map(|e| e.watermark.map_or(0, |mark| (mark - e.time).max(0))).collect()
    }

    /// Numbers in `events` of the events of each partition.
    pub fn partitions(&self) -> BTreeMap<&str, Vec<usize>> {
        let mut partitions: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
        for (i, seen) in self.seen.iter().enumerate() {
            partitions.entry(&seen.partition).or_default().push(i);
        }
        partitions
    }

    /// How far the events of a partition came behind its own greatest time.
    pub fn own_lateness(&self, partition: &[usize]) -> Vec<i64> {
        let mut greatest = i64::MIN;
        let own = partition.iter().map(|&i| {
            greatest = greatest.max(self.seen[i].time);
            greatest - self.seen[i].time
        });
        own.collect()
    }

    /// The events that moved the front of their partition on, the furthest first.
    pub fn moves(&self) -> Vec<Move> {
        let mut fronts: BTreeMap<&str, i64> = BTreeMap::new();
        let mut moves = vec![];
        for (seen, event) in self.seen.iter().zip(&self.events) {
            // The first of a partition moves nothing.
            let front = fronts.entry(&seen.partition).or_insert(seen.time);
            moves.push(Move { id: event.id, step: seen.time - *front });
            *front = seen.time.max(*front);
        }
        moves.retain(|m| m.step > 0);
        moves.sort_by_key(|m| -m.step);
        moves
    }

    fn zone(&self) -> Tz {
        self.job.zone.parse().unwrap()
    }

    fn live(&self, groups: &Groups, delay: i64) -> Vec<Live<Key>> {
        let mut live = live(groups, &self.stepped);
        live.iter_mut().for_each(|e| e.watermark = e.watermark.map(|mark| mark - delay));
        live
    }

    fn rows(
        &self,
        groups: &Groups,
        panes: Vec<Pane<Key>>,
    ) -> BTreeMap<(Span, Key), (Vec<usize>, Vec<Value>)> {
        let rows = pane_rows(groups, panes, &self.stepped).into_iter();
        let rows = rows.map(|(mut pane, row)| {
            pane.events.sort_unstable();
            ((pane.span, pane.key), (pane.events, row))
        });
        rows.collect()
    }

    /// An output of which every event is counted.
    pub fn whole(&self, groups: &Groups) -> Whole {
        let panes = complete(&groups.window, &self.live(groups, 0), self.zone());
        let windows: BTreeSet<Span> = panes.iter().map(|pane| pane.span).collect();
        let rows = self.rows(groups, panes).len() as u64;
        // Those between two windows can be late too.
        Whole { events: self.stepped.len() as u64, windows: windows.len() as u64, rows }
    }

    /// What a delay costs an output.
    pub fn cost(&self, groups: &Groups, delay: i64) -> Cost {
        let (tz, live) = (self.zone(), self.live(groups, delay));
        let lateness = length(&groups.allowed_lateness);
        let found = published(&groups.window, lateness, false, &live, (tz, self.job.timing.rule.like));
        let all = complete(&groups.window, &live, tz);
        let spans: BTreeSet<Span> = all.iter().map(|pane| pane.span).collect();
        let fired = |span: &&Span| self.reached.is_some_and(|mark| span.1 <= mark - delay);
        let late = found.fates.values().filter(|fate| fate.is_late());
        let mut cost = Cost {
            late: late.count() as u64,
            open_windows: (spans.len() - spans.iter().filter(fired).count()) as u64,
            columns: columns(self.job, groups),
            ..Cost::default()
        };
        cost.lay(groups, &self.rows(groups, all), &self.rows(groups, found.panes));
        cost
    }

    /// For each event of an output the smallest delay at which it is not late; for sessions, if it joined none.
    pub fn needed(&self, groups: &Groups) -> Vec<i64> {
        let needed = self.stepped.iter().map(|e| {
            let end = match session_gap(groups) {
                Some(gap) => Some(e.time + gap),
                None => windows_of(&groups.window, e.time, self.zone()).iter().map(|span| span.1).max(),
            };
            // Between two windows an event is late by its own millisecond.
            let end = end.unwrap_or(e.time.div_euclid(1000) * 1000 + 1000);
            // It is late while end + allowed lateness ≤ watermark − delay.
            let closes = end + length(&groups.allowed_lateness);
            e.watermark.map_or(0, |mark| (mark - closes + 1).max(0))
        });
        needed.collect()
    }
}

/// The watermark of no delay at the end of the log: what another event would meet that came with the last.
fn at_the_end(job: &Job, seen: &[Arrival]) -> Option<i64> {
    let mut more = seen.to_vec();
    more.push(seen.last()?.clone());
    *marks(&job.timing, &more, 0).last()?
}

fn session_gap(groups: &Groups) -> Option<i64> {
    match &groups.window {
        Window::Session { gap } => Some(length(gap)),
        _ => None,
    }
}

/// The smallest of these such that `part` of `whole` are that or less.
pub fn quantile(values: &mut [i64], part: u64, whole: u64) -> i64 {
    values.sort_unstable();
    let enough = |least: &&i64| {
        let so = values.iter().filter(|v| v <= least).count() as u64;
        so * whole >= part * values.len() as u64
    };
    *values.iter().find(enough).unwrap()
}

/// The columns of an output that are no keys, without errors.
fn columns(job: &Job, groups: &Groups) -> Vec<Column> {
    let kind = |name: &str| match (name, job.derive) {
        ("x", Some(derive)) => DERIVES[derive].1,
        _ => COLUMNS.iter().find(|(n, _)| *n == name).unwrap().1,
    };
    let error = |kind: Kind| match kind {
        Kind::Int => Error::Exact(0, 0, 0),
        Kind::Decimal(scale) => Error::Exact(0, 0, scale),
        Kind::Float => Error::Float(0.0, 0.0),
        Kind::Text | Kind::Bool | Kind::Date => Error::None,
    };
    let result = |function: &str, args: &[&str]| match function {
        f if f.contains("count") || f.starts_with("bit_") => Kind::Int,
        "bool_and" | "bool_or" => Kind::Bool,
        "string_agg" | "string_agg distinct" => Kind::Text,
        "sum" | "min" | "max" | "first" | "last" | "arg_min" | "arg_max" | "mode" | "sum distinct" => {
            kind(args[0])
        }
        _ => Kind::Float,
    };
    let mut columns = vec![("c".to_string(), Kind::Int)];
    let calls = groups.aggregates.iter().enumerate();
    columns.extend(calls.map(|(i, (function, args))| (format!("a{i}"), result(function, args))));
    columns.extend(groups.computed.then(|| ("r".to_string(), Kind::Int)));
    columns.into_iter().map(|(name, kind)| Column { name, wrong: 0, error: error(kind) }).collect()
}

/// Whether a column is a count or a sum, so that nothing is 0.
fn adds_up(groups: &Groups, column: &str) -> bool {
    let call = column.strip_prefix('a').map(|i| groups.aggregates[i.parse::<usize>().unwrap()].0);
    column == "c" || call.is_some_and(|function| function.contains("count") || function == "sum")
}

impl Cost {
    /// Lays the rows of a live job beside those of all events.
    fn lay(&mut self, groups: &Groups, truth: &Rows, found: &Rows) {
        let mut windows = BTreeSet::new();
        let rows: BTreeSet<&(Span, Key)> = truth.keys().chain(found.keys()).collect();
        for row in rows {
            let (truth, found) = (truth.get(row), found.get(row));
            if truth.zip(found).is_some_and(|(truth, found)| truth.0 == found.0) {
                continue;
            }
            let mut wrong = truth.is_none() || found.is_none();
            self.missing_rows += u64::from(found.is_none());
            for column in &mut self.columns {
                let value = |row: Option<&(Vec<usize>, Vec<Value>)>| {
                    row.map(|(_, row)| row.iter().find(|v| v.name == column.name).unwrap().clone())
                };
                let (a, b) = (value(truth), value(found));
                if let (Some(a), Some(b)) = (&a, &b) {
                    self.unsure |= a.near && is_close(&a.cell, &b.cell);
                    if a.cell == b.cell {
                        continue;
                    }
                }
                wrong = true;
                column.wrong += 1;
                let zero = adds_up(groups, &column.name);
                column.error.add(a.map(|v| v.cell), b.map(|v| v.cell), zero);
            }
            self.wrong_rows += u64::from(wrong);
            windows.extend(wrong.then_some(row.0));
        }
        self.wrong_windows = windows.len() as u64;
    }
}

/// Different, but by no more than rounding.
fn is_close(a: &Cell, b: &Cell) -> bool {
    match (a, b) {
        (Cell::Float(a), Cell::Float(b)) => a != b && (a - b).abs() <= 1e-9 * a.abs().max(b.abs()).max(1.0),
        _ => false,
    }
}

impl Error {
    /// Adds the difference of two values; that of a row that is not there is 0 if `zero` says so, and else has none.
    fn add(&mut self, a: Option<Cell>, b: Option<Cell>, zero: bool) {
        if a == Some(Cell::Null) || b == Some(Cell::Null) {
            return;
        }
        match self {
            Error::None => {}
            Error::Exact(largest, total, _) => {
                let number = |cell: Option<Cell>| match cell {
                    Some(Cell::Int(v)) => Some(v.into()),
                    Some(Cell::Decimal(v, _)) => Some(v),
                    Some(other) => panic!("{other:?}"),
                    None => zero.then_some(0i128),
                };
                let Some((a, b)) = number(a).zip(number(b)) else { return };
                *largest = (a - b).abs().max(*largest);
                *total += (a - b).abs();
            }
            Error::Float(largest, total) => {
                let number = |cell: Option<Cell>| match cell {
                    Some(Cell::Float(v)) => Some(v),
                    Some(other) => panic!("{other:?}"),
                    None => zero.then_some(0.0),
                };
                let Some((a, b)) = number(a).zip(number(b)) else { return };
                *largest = (a - b).abs().max(*largest);
                *total += (a - b).abs();
            }
        }
    }

    /// Whether a report says so.
    pub fn is(&self, largest: Option<&str>, total: Option<&str>) -> bool {
        let Some((largest, total)) = largest.zip(total) else {
            return *self == Error::None && largest.is_none() && total.is_none();
        };
        let close = |a: f64, text: &str| {
            text.parse::<f64>().is_ok_and(|b| (a - b).abs() <= 1e-9 * a.abs().max(b.abs()).max(1.0))
        };
        match self {
            Error::None => false,
            Error::Exact(a, b, scale) => {
                scaled(largest, *scale) == Some(*a) && scaled(total, *scale) == Some(*b)
            }
            Error::Float(a, b) => close(*a, largest) && close(*b, total),
        }
    }
}

/// A decimal number over 10 to the power of `scale`.
fn scaled(text: &str, scale: u8) -> Option<i128> {
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    let part = part.trim_end_matches('0');
    let zeros = usize::from(scale).checked_sub(part.len())?;
    format!("{whole}{part}{}", "0".repeat(zeros)).parse().ok()
}
