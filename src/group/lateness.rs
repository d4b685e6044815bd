//! Which of its windows an event is late for.
//!
//! # Contract
//! Let `max_timestamp` be the greatest event time that came before the event (of several partitions the
//! least of theirs). The event is late for window `w` at a delay when
//! `w.end + allowed + delay ≤ reached`; the window has fired when `w.end + delay ≤ reached`.
//! All events of a slice lie in the same windows, so what matters of `max_timestamp` is how many of the
//! slice's thresholds it has passed: its **class**. Class 0 is late for nothing, at no delay.
//! An event in a gap between windows is judged by [`own_millisecond`], and is in no class.

use super::plan::Lateness;
use crate::time::{MILLISECOND, TimeRange};
use crate::window::{Assigner, Window};
use hashbrown::HashMap;

/// The instants at which `max_timestamp` makes a difference to the events of one slice.
#[derive(Debug, Clone)]
pub struct Thresholds {
    /// Ascending.
    at: Vec<i64>,
    /// Where `max_timestamp` makes events late for every window at a delay of 0.
    last: i64,
    /// The last: past it an event is late for every window at every delay. None without windows.
    all: Option<i64>,
}

impl Thresholds {
    /// The thresholds of a slice that lies in `windows`.
    pub fn new(lateness: &Lateness, firings: bool, windows: &[TimeRange]) -> Thresholds {
        let mut at = vec![];
        for window in windows {
            for delay in &lateness.delays {
                at.push(lateness.late(window, *delay));
                if firings {
                    at.push(lateness.fires(window, *delay));
                }
            }
        }
        at.sort_unstable();
        let last = windows.iter().map(|w| lateness.late(w, 0)).max().unwrap_or(i64::MAX);
        Thresholds { all: at.last().copied(), last, at }
    }

    /// The class of an event that came when `max_timestamp` was the greatest event time.
    pub fn class(&self, max_timestamp: i64) -> u32 {
        // A tie counts as passed: a window fires when the watermark reaches its end, as in Flink.
        self.at.partition_point(|&t| t <= max_timestamp) as u32
    }

    /// Whether events of `class` came when `max_timestamp` was at `threshold`, one of these, or past it.
    pub fn passed(&self, threshold: i64, class: u32) -> bool {
        class >= self.class(threshold)
    }
}

/// What an event in a gap between windows is late for: the millisecond that it lies in. Flink sends an event that no
/// window takes to the late output when its time and the allowed lateness are not after the watermark, and it has no
/// times between two milliseconds.
pub fn own_millisecond(time: i64) -> TimeRange {
    let start = time.div_euclid(MILLISECOND).saturating_mul(MILLISECOND);
    TimeRange { start, end: start.saturating_add(MILLISECOND) }
}

impl Lateness {
    /// How long after its end a window takes events, counted on the greatest event time; of an audit at its least delay.
    pub fn kept(&self, window: &Window) -> i64 {
        self.allowed_of(window).saturating_add(self.delays.first().copied().unwrap_or(0))
    }

    /// The allowed lateness of a window of this kind.
    pub fn allowed_of(&self, window: &Window) -> i64 {
        let is_session = matches!(window, Window::Session { .. });
        self.allowed.saturating_add(if is_session { self.sessions.longer() } else { 0 })
    }

    /// The greatest event time from which on events are late for `window`.
    pub fn late(&self, window: &TimeRange, delay: i64) -> i64 {
        // The end of a global window is the end of time: a plain sum would wrap.
        window.end.saturating_add(self.allowed).saturating_add(delay)
    }

    /// The greatest event time at which `window` fires.
    pub fn fires(&self, window: &TimeRange, delay: i64) -> i64 {
        window.end.saturating_add(delay)
    }
}

/// What became of the rows of a batch that came behind the watermark.
#[derive(Debug, Default)]
pub struct Behind {
    /// Row and class, of those whose class is not 0.
    pub classes: Vec<(u32, u32)>,
    /// Rows that are late for every window that they fall in; in a gap, for their own millisecond.
    pub late: Vec<u32>,
    /// Rows that come behind the watermark, fall in no window and are not late.
    pub outside: Vec<u32>,
    /// For an audit: the greatest delay at which a row is late for every window, of those that are at 0.
    pub needs: Vec<i64>,
}

/// Finds the classes of rows.
pub struct Judge {
    lateness: Lateness,
    firings: bool,
    /// Whether events may fall in no window.
    gaps: bool,
    assigner: Assigner,
    /// By the start of the slice.
    known: HashMap<i64, Thresholds, foldhash::fast::FixedState>,
    windows: Vec<TimeRange>,
}

impl Judge {
    pub fn new(lateness: Lateness, firings: bool, gaps: bool, assigner: Assigner) -> Judge {
        Judge { lateness, firings, gaps, assigner, known: HashMap::default(), windows: vec![] }
    }

    /// Puts the rows that came behind the watermark into `behind`.
    pub fn judge(&mut self, time: &[i64], max_timestamp: &[i64], behind: &mut Behind) {
        behind.classes.clear();
        behind.late.clear();
        behind.outside.clear();
        behind.needs.clear();
        // The end of a window is after the event: nearer to the watermark generator than this no event is behind.
        let allowed = if self.firings { 0 } else { self.lateness.allowed };
        let least = allowed.saturating_add(self.lateness.delays.first().copied().unwrap_or(0));
        // Another output may ask of any event behind the watermark generator whether this one counts it.
        let least = if self.gaps { 0 } else { least };
        for (row, (&time, &max_timestamp)) in (0u32..).zip(time.iter().zip(max_timestamp)) {
            // Before the first event `max_timestamp` is the least i64, and a plain difference would wrap.
            if max_timestamp.saturating_sub(time) <= least {
                continue;
            }
            let thresholds = self.thresholds(time);
            let class = thresholds.class(max_timestamp);
            let (all, last) = (thresholds.all, thresholds.last);
            let (all, last) = match all {
                Some(all) => (all, last),
                None => {
                    let own = own_millisecond(time);
                    let longest = self.lateness.delays.last().copied().unwrap_or(0);
                    let all = self.lateness.late(&own, longest);
                    if all > max_timestamp {
                        behind.outside.push(row);
                    }
                    (all, self.lateness.late(&own, 0))
                }
            };
            if all <= max_timestamp {
                behind.late.push(row);
            }
            if last <= max_timestamp {
                behind.needs.push(max_timestamp - last);
            }
            if class > 0 {
                behind.classes.push((row, class));
            }
        }
    }

    fn thresholds(&mut self, time: i64) -> &Thresholds {
        let slice = self.assigner.slice(time);
        let Judge { lateness, firings, assigner, known, windows, .. } = self;
        known.entry(slice.start).or_insert_with(|| {
            assigner.windows(time, windows);
            Thresholds::new(lateness, *firings, windows)
        })
    }
}
