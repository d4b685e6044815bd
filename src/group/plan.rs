//! What is grouped and how: the plan of one grouping.

use crate::aggregate::Aggregate;
use crate::batch::{ColumnId, DataType};
use crate::time::Zone;
use crate::window::Window;

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
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lateness {
    /// The allowed lateness, microseconds.
    pub allowed: i64,
    /// The delay of the watermark (`out_of_orderness`), microseconds; an audit asks for several, and
    /// they ascend.
    pub delays: Vec<i64>,
}
