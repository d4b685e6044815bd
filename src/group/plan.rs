//! What is grouped and how: the plan of one grouping.

use crate::aggregate::Aggregate;
use crate::batch::{ColumnId, DataType};
use crate::time::{MILLISECOND, Zone};
use crate::window::Window;
use std::fmt;

/// What is grouped: window, keys and aggregates, by the indices of their columns in the batch.
#[derive(Debug, Clone)]
pub struct GroupPlan {
    /// The window.
    pub window: Window,
    /// The zone of calendar windows.
    pub zone: Zone,
    /// Key columns and their types.
    pub keys: Vec<(ColumnId, DataType)>,
    /// Aggregates, each with the columns of its arguments.
    pub aggregates: Vec<(Aggregate, Vec<ColumnId>)>,
    /// Whether a window must come out in one block (for `top`).
    pub whole_windows: bool,
    /// What of the events a live job would have dropped; `None` counts every event.
    pub lateness: Option<Lateness>,
    /// Whether each firing of a window is a group of its own, and not only the last; wants `lateness`.
    pub firings: bool,
    /// Whether late events are kept, apart by class, for an audit.
    pub audited: bool,
    /// Whether groups come with their states, which are merged with later events; of functions whose states are
    /// in one piece.
    pub keep_states: bool,
}

/// When an event is late for a window: when the window's end + `allowed` + delay ≤ the greatest event
/// time that came before it.
#[derive(Clone, PartialEq, Eq)]
pub struct Lateness {
    /// The allowed lateness, microseconds.
    pub allowed: i64,
    /// The delay of the watermark (`out_of_orderness`), microseconds; an audit asks for several, and
    /// they ascend.
    pub delays: Vec<i64>,
    /// How sessions take late events.
    pub sessions: SessionRule,
}

// Manifests of version 0.1.0 know their job by this text, and that version had one rule for sessions.
impl fmt::Debug for Lateness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = f.debug_struct("Lateness");
        text.field("allowed", &self.allowed).field("delays", &self.delays);
        if self.sessions != SessionRule::default() {
            text.field("sessions", &self.sessions);
        }
        text.finish()
    }
}

/// How an engine takes late events into sessions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SessionRule {
    /// Flink: an event that joins an open session is not late. A session is closed when the watermark reaches its end.
    #[default]
    Flink,
    /// Kafka Streams: the same, and a session is open one millisecond longer.
    KafkaStreams,
    /// Spark: an event is late by itself, whatever it would have joined.
    Spark,
}

impl SessionRule {
    /// How much longer a session is open than in Flink, microseconds.
    pub fn longer(self) -> i64 {
        if self == SessionRule::KafkaStreams { MILLISECOND } else { 0 }
    }
}
