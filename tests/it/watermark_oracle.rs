//! The watermark that each event meets, by the rule of each engine; slow and obvious, and of no code of the engine.

use crate::event_time_jobs::Timing;
use crate::oracle::idle;
use crate::oracle_windows::length;
use crate::stream_oracle::{Arrival, watermarks};
use std::collections::BTreeMap;

/// `watermark = { … }` of a job; empty texts are not written.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct EngineRule {
    pub like: &'static str,
    pub every: String,
    pub batch: String,
}

impl EngineRule {
    pub fn toml(&self) -> String {
        let keys = [("like", self.like), ("every", self.every.as_str()), ("batch", self.batch.as_str())];
        let keys = keys.iter().filter(|(_, value)| !value.is_empty());
        let keys: Vec<String> = keys.map(|(name, value)| format!("{name} = \"{value}\"")).collect();
        if keys.is_empty() { String::new() } else { format!("watermark = {{ {} }}\n", keys.join(", ")) }
    }
}

/// The watermark before each event, with a delay of `out_of_orderness`; the events are in arrival order.
pub fn marks(timing: &Timing, events: &[Arrival], out_of_orderness: i64) -> Vec<Option<i64>> {
    let (rule, idle, known) = (&timing.rule, idle(&timing.idle), timing.known);
    let before = match rule.like {
        "kafka-streams" => by_partition(events, out_of_orderness),
        "spark" => by_batches(&rule.batch, events, out_of_orderness),
        _ if !rule.every.is_empty() => periodic(events, out_of_orderness, idle, known, length(&rule.every)),
        _ => watermarks(events, out_of_orderness, idle, known),
    };
    // An instant is the end of a window here, and its last millisecond in Flink. The DataStream API takes that off the
    // watermark, and Flink SQL does not.
    let ahead = if rule.like == "flink-sql" { 1000 } else { 0 };
    before.into_iter().map(|mark| mark.map(|mark| mark + ahead)).collect()
}

/// Kafka Streams: the greatest time of the event's own partition.
fn by_partition(events: &[Arrival], out_of_orderness: i64) -> Vec<Option<i64>> {
    let before = events.iter().enumerate().map(|(i, event)| {
        let own = events[..i].iter().filter(|other| other.partition == event.partition);
        own.map(|other| other.time - out_of_orderness).max()
    });
    before.collect()
}

/// Spark: the greatest time of the batches but the own and the one before, and never before 1970.
fn by_batches(batch: &str, events: &[Arrival], out_of_orderness: i64) -> Vec<Option<i64>> {
    let number = |i: usize| match batch.split_once(' ').unwrap() {
        (count, "records") => i as i64 / count.parse::<i64>().unwrap(),
        (time, _) => events[i].arrival.div_euclid(length(time)),
    };
    let before = (0..events.len()).map(|i| {
        let earlier = (0..i).filter(|j| number(*j) + 2 <= number(i));
        Some(earlier.map(|j| events[j].time - out_of_orderness).max().unwrap_or(0).max(0))
    });
    before.collect()
}

/// What Flink keeps of a partition between two probes of its timer.
#[derive(Default)]
struct Probed {
    greatest: Option<i64>,
    has_news: bool,
    silent_since: Option<i64>,
}

/// Flink: a timer comes every so often, and each time takes the least of the partitions that are not idle. A
/// partition is idle when it was silent at a probe, and still is more than `idle` later. Where all are idle, it takes
/// the greatest.
fn periodic(
    events: &[Arrival],
    out_of_orderness: i64,
    idle: Option<i64>,
    known: bool,
    every: i64,
) -> Vec<Option<i64>> {
    let mut partitions: BTreeMap<&str, Probed> = BTreeMap::new();
    if known {
        partitions.extend(events.iter().map(|event| (event.partition.as_str(), Probed::default())));
    }
    let mut mark: Option<i64> = None;
    let mut before = vec![];
    let mut last = events.first().map_or(0, |event| event.arrival.div_euclid(every));
    for event in events {
        let now = event.arrival.div_euclid(every);
        for probe in last + 1..=now {
            let mut awake = vec![];
            for partition in partitions.values_mut() {
                let is_idle = match partition.silent_since {
                    _ if partition.has_news => {
                        partition.silent_since = None;
                        false
                    }
                    None => {
                        partition.silent_since = Some(probe * every);
                        false
                    }
                    Some(since) => idle.is_some_and(|idle| probe * every - since > idle),
                };
                partition.has_news = false;
                if !is_idle {
                    awake.push(partition.greatest);
                }
            }
            let all_idle = || partitions.values().map(|partition| partition.greatest).max();
            mark = mark.max(awake.into_iter().min().or_else(all_idle).flatten());
        }
        last = now;
        before.push(mark.map(|mark| mark - out_of_orderness));
        let partition = partitions.entry(&event.partition).or_default();
        partition.greatest = partition.greatest.max(Some(event.time));
        partition.has_news = true;
    }
    before
}

/// The rules by hand.
#[test]
fn rules_by_hand() {
    let event = |&(arrival, time, partition): &(i64, i64, &str)| Arrival {
        time,
        arrival,
        partition: partition.to_string(),
    };
    let events: Vec<Arrival> =
        [(0, 5, "a"), (1, 30, "a"), (10, 2, "b"), (11, 12, "b"), (20, 4, "b"), (51, 40, "a")]
            .iter()
            .map(event)
            .collect();
    let rule = |like, every: &str, batch: &str| EngineRule { like, every: every.into(), batch: batch.into() };
    let of = |rule: EngineRule, known| marks(&Timing { rule, known, ..Timing::default() }, &events, 0);
    assert_eq!(
        of(rule("", "", ""), false),
        [None, Some(5), Some(30), Some(30), Some(30), Some(30)],
        "a partition that is seen later does not lower it"
    );
    assert_eq!(of(rule("", "", ""), true), [None, None, None, Some(2), Some(12), Some(12)]);
    assert_eq!(of(rule("flink-sql", "", ""), true), [None, None, None, Some(1002), Some(1012), Some(1012)]);
    assert_eq!(of(rule("", "10us", ""), false), [None, None, Some(30), Some(30), Some(30), Some(30)]);
    assert_eq!(of(rule("kafka-streams", "", ""), false), [None, Some(5), None, Some(2), Some(12), Some(30)]);
    let spark =
        |batch| of(rule("spark", "", batch), false).into_iter().map(Option::unwrap).collect::<Vec<_>>();
    assert_eq!(spark("1 records"), [0, 0, 5, 30, 30, 30]);
    assert_eq!(spark("2 records"), [0, 0, 0, 0, 30, 30]);
    assert_eq!(spark("10us of arrival"), [0, 0, 0, 0, 30, 30]);
}
