//! A live job, simulated: one event after the other in arrival order, with a watermark after every record.
//! Slow and obvious, and of no code of the engine.
//!
//! The watermark that an event meets is that of the events before it. A window fires when the watermark
//! reaches its end; it takes further events, each with a firing of its own, until the watermark reaches its
//! end and `allowed_lateness`; what comes then is late for it.

use crate::event_time_jobs::Window;
use crate::oracle_windows::{Span, length, windows_of};
use chrono_tz::Tz;
use std::collections::BTreeMap;

/// What the watermark sees of an event.
#[derive(Debug, Clone)]
pub struct Arrival {
    pub time: i64,
    pub arrival: i64,
    pub partition: String,
}

/// An event that reaches the windows of an output.
pub struct Live<K> {
    /// Names the event in panes and fates.
    pub id: usize,
    pub time: i64,
    /// What it met; none before the first event.
    pub watermark: Option<i64>,
    pub key: K,
}

/// The events of a window and a key, by firing if these are told apart.
#[derive(Debug, Clone, PartialEq)]
pub struct Pane<K> {
    pub span: Span,
    pub key: K,
    pub firing: Option<i64>,
    /// In order of arrival.
    pub events: Vec<usize>,
}

/// What an output did with an event.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Fate {
    pub counted: bool,
    /// The windows that were closed, and the instant (end and allowed lateness) at which each was.
    pub missed: Vec<(Span, i64)>,
    /// Of an event between two windows, the instant from which on it was late, if it was.
    pub in_gap: Option<i64>,
}

impl Fate {
    pub fn is_late(&self) -> bool {
        !self.counted && (!self.missed.is_empty() || self.in_gap.is_some())
    }
}

/// What an output shows of a log.
pub struct Published<K> {
    /// Sorted by window, key and firing.
    pub panes: Vec<Pane<K>>,
    /// By the ids of events.
    pub fates: BTreeMap<usize, Fate>,
}

/// The watermark before each event; they are in arrival order. Without partitions all have one name.
/// Partitions that are `known` hold it from the start, with no event yet.
pub fn watermarks(
    events: &[Arrival],
    out_of_orderness: i64,
    idle: Option<i64>,
    known: bool,
) -> Vec<Option<i64>> {
    // Of each partition, its greatest event time and the arrival of its last event, or of the first of the log.
    let mut partitions: BTreeMap<&str, (Option<i64>, i64)> = BTreeMap::new();
    if known {
        partitions.extend(events.iter().map(|event| (event.partition.as_str(), (None, events[0].arrival))));
    }
    let mut mark: Option<i64> = None;
    let mut before = vec![];
    for event in events {
        // Time has gone on, and partitions may have gone idle.
        mark = mark.max(least(&partitions, event.arrival, idle));
        before.push(mark.map(|mark| mark - out_of_orderness));
        let partition = partitions.entry(&event.partition).or_insert((None, event.arrival));
        *partition = (partition.0.max(Some(event.time)), event.arrival);
        // The watermark that this event leaves behind.
        mark = mark.max(least(&partitions, event.arrival, idle));
    }
    before
}

/// The least of the partitions that are not idle.
fn least(partitions: &BTreeMap<&str, (Option<i64>, i64)>, now: i64, idle: Option<i64>) -> Option<i64> {
    let awake = |last: i64| idle.is_none_or(|idle| now - last <= idle);
    partitions.values().filter(|(_, last)| awake(*last)).map(|(greatest, _)| *greatest).min().flatten()
}

/// What a streamed output shows of `events`, which are in arrival order.
pub fn published<K: Ord + Clone>(
    window: &Window,
    allowed_lateness: i64,
    firings: bool,
    events: &[Live<K>],
    (tz, like): (Tz, &str),
) -> Published<K> {
    let mut published = match window {
        Window::Session { gap } => sessions(length(gap), allowed_lateness, events, like),
        window => fixed(window, allowed_lateness, firings, events, tz),
    };
    published.panes.sort_by(|a, b| (a.span, &a.key, a.firing).cmp(&(b.span, &b.key, b.firing)));
    published
}

/// The state of a window and a key.
struct State {
    events: Vec<usize>,
    /// What was seen at each firing.
    firings: Vec<Vec<usize>>,
}

impl State {
    fn fire(&mut self) {
        self.firings.push(self.events.clone());
    }
}

fn fixed<K: Ord + Clone>(
    window: &Window,
    allowed_lateness: i64,
    firings: bool,
    events: &[Live<K>],
    tz: Tz,
) -> Published<K> {
    let mut states: BTreeMap<(Span, K), State> = BTreeMap::new();
    let mut fates = BTreeMap::new();
    for event in events {
        let reached = |instant: i64| event.watermark.is_some_and(|mark| instant <= mark);
        // The watermark comes before the event, and fires what it has reached.
        for ((span, _), state) in &mut states {
            if reached(span.1) && state.firings.is_empty() {
                state.fire();
            }
        }
        let mut fate = Fate::default();
        let spans = windows_of(window, event.time, tz);
        if spans.is_empty() {
            // Flink sends what no window takes to the late output, by its time in whole milliseconds.
            let closes = event.time.div_euclid(1000) * 1000 + 1000 + allowed_lateness;
            fate.in_gap = reached(closes).then_some(closes);
        }
        for span in spans {
            let closes = span.1 + allowed_lateness;
            if reached(closes) {
                fate.missed.push((span, closes));
                continue;
            }
            fate.counted = true;
            let new = || State { events: vec![], firings: vec![] };
            let state = states.entry((span, event.key.clone())).or_insert_with(new);
            state.events.push(event.id);
            if reached(span.1) {
                state.fire();
            }
        }
        fates.insert(event.id, fate);
    }
    let mut panes = vec![];
    for ((span, key), mut state) in states {
        // The log has ended, and with it comes the last watermark.
        if state.firings.is_empty() {
            state.fire();
        }
        let pane = |firing, events| Pane { span, key: key.clone(), firing, events };
        if firings {
            let numbered = (1..).zip(state.firings);
            panes.extend(numbered.map(|(number, events)| pane(Some(number), events)));
        } else {
            panes.push(pane(None, state.events));
        }
    }
    Published { panes, fates }
}

fn sessions<K: Ord + Clone>(gap: i64, allowed_lateness: i64, events: &[Live<K>], like: &str) -> Published<K> {
    // In Kafka Streams a session has its last millisecond still.
    let allowed_lateness = allowed_lateness + if like == "kafka-streams" { 1000 } else { 0 };
    let mut live: Vec<Pane<K>> = vec![];
    let mut closed: Vec<Pane<K>> = vec![];
    let mut fates = BTreeMap::new();
    for event in events {
        let over = |end: i64| event.watermark.is_some_and(|mark| end + allowed_lateness <= mark);
        // Another key may be in a partition with a time of its own.
        let (over_now, still_live) =
            live.into_iter().partition(|session| session.key == event.key && over(session.span.1));
        live = still_live;
        closed.extend::<Vec<_>>(over_now);

        let alone = (event.time, event.time + gap);
        let touches = |session: &Pane<K>| {
            session.key == event.key && session.span.0 <= alone.1 && alone.0 <= session.span.1
        };
        let (joined, apart): (Vec<_>, Vec<_>) = live.into_iter().partition(touches);
        live = apart;
        let mut fate = Fate::default();
        // Spark leaves out late events before it looks for sessions.
        if (joined.is_empty() || like == "spark") && over(alone.1) {
            live.extend(joined);
            fate.missed.push((alone, alone.1 + allowed_lateness));
        } else {
            fate.counted = true;
            let mut whole = Pane { span: alone, key: event.key.clone(), firing: None, events: vec![] };
            for session in joined {
                whole.span = (whole.span.0.min(session.span.0), whole.span.1.max(session.span.1));
                whole.events.extend(session.events);
            }
            whole.events.push(event.id);
            live.push(whole);
        }
        fates.insert(event.id, fate);
    }
    live.extend(closed);
    Published { panes: live, fates }
}

/// What an output in complete mode shows: every event is counted, whenever it came.
pub fn complete<K: Ord + Clone>(window: &Window, events: &[Live<K>], tz: Tz) -> Vec<Pane<K>> {
    let mut panes: BTreeMap<(Span, K), Vec<usize>> = BTreeMap::new();
    if let Window::Session { gap } = window {
        let mut keys: BTreeMap<&K, Vec<(i64, usize)>> = BTreeMap::new();
        for event in events {
            keys.entry(&event.key).or_default().push((event.time, event.id));
        }
        for (key, mut times) in keys {
            times.sort_unstable();
            for session in times.chunk_by(|a, b| b.0 - a.0 <= length(gap)) {
                let span = (session[0].0, session[session.len() - 1].0 + length(gap));
                panes.insert((span, key.clone()), session.iter().map(|(_, id)| *id).collect());
            }
        }
    } else {
        for event in events {
            for span in windows_of(window, event.time, tz) {
                panes.entry((span, event.key.clone())).or_default().push(event.id);
            }
        }
    }
    let panes = panes.into_iter();
    panes.map(|((span, key), events)| Pane { span, key, firing: None, events }).collect()
}

/// The cases of `streamed` that turn on the watermark, without an engine.
#[test]
fn watermarks_by_hand() {
    let marks = |idle, known, events: &[(i64, i64, &str)]| {
        let arrival = |&(arrival, time, partition): &(i64, i64, &str)| Arrival {
            time,
            arrival,
            partition: partition.to_string(),
        };
        watermarks(&events.iter().map(arrival).collect::<Vec<_>>(), 0, idle, known)
    };
    let of_partitions =
        [(0, 5, "a"), (0, 2, "b"), (0, 30, "a"), (0, 3, "a"), (0, 12, "b"), (0, 4, "c"), (0, 11, "c")];
    assert_eq!(
        marks(None, false, &of_partitions),
        [None, Some(5), Some(5), Some(5), Some(5), Some(12), Some(12)]
    );
    let idle =
        [(60, 5, "a"), (60, 2, "b"), (65, 30, "a"), (65, 3, "a"), (66, 4, "a"), (66, 6, "b"), (66, 40, "b")];
    assert_eq!(marks(Some(5), false, &idle), [None, Some(5), Some(5), Some(5), Some(30), Some(30), Some(30)]);
    let all_idle = [(60, 5, "a"), (60, 30, "a"), (120, 6, "a")];
    assert_eq!(marks(Some(5), false, &all_idle), [None, Some(5), Some(30)]);
    // Known partitions hold it, until each has come or was silent for too long.
    assert_eq!(marks(None, true, &of_partitions), [None, None, None, None, None, None, Some(4)]);
    let one_never = [(60, 5, "a"), (64, 30, "a"), (66, 31, "a"), (70, 1, "b")];
    assert_eq!(marks(Some(5), true, &one_never), [None, None, Some(30), Some(31)]);
}
