//! Groups of the output, some at a time.

use super::compose::GroupsAtDelay;
use crate::time::TimeRange;
use arrow_array::ArrayRef;

/// Some consecutive groups of the output.
pub struct GroupBlock {
    /// The window of each group.
    pub spans: Vec<TimeRange>,
    /// The key columns; strings may be dictionaries.
    pub keys: Vec<ArrayRef>,
    /// The result of each aggregate.
    pub values: Vec<ArrayRef>,
    /// Of a plan that keeps states, that of each aggregate, for [`super::KeptGroups`].
    pub states: Option<Vec<ArrayRef>>,
    /// Of a plan with firings, the number of each within its window and key, from 1.
    pub firings: Option<Vec<i64>>,
}

/// Some consecutive windows, as they would be at several delays.
pub struct AuditBlock {
    /// The windows, also those that are the same at all delays; each in one block alone, even if its
    /// groups are in several.
    pub windows: Vec<TimeRange>,
    /// All groups of the block.
    pub groups: u64,
    /// The same with every event counted, if they were asked for.
    pub truth: Option<GroupBlock>,
    /// The window of each group that is not the same at all delays.
    pub spans: Vec<TimeRange>,
    /// The keys of those groups.
    pub keys: Vec<ArrayRef>,
    /// What they are at each delay, and at last with every event counted.
    pub stages: Vec<GroupsAtDelay>,
}
