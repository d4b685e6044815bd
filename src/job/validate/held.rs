//! What an output holds, as far as it is known while the output is planned.

use crate::aggregate::Aggregate;
use crate::batch::{ColumnId, Schema};
use crate::error::{Error, Reason};
use crate::plan::{OutputKind, PlannedColumn};
use crate::window::Window;

/// What an output holds, as far as it is known.
pub(super) struct OutputColumns {
    /// Its columns; faulty ones among them.
    pub(super) columns: Schema,
    /// Of an output of groups what they are.
    pub(super) groups: Option<Groups>,
    /// `None` after a fault.
    pub(super) kind: Option<OutputKind>,
    /// Whether a fault has left open what columns there are.
    pub(super) open: bool,
}

/// The groups of an output, as far as they are known.
pub(super) struct Groups {
    /// `None` after a fault; then it is no [`Window::Global`].
    pub(super) window: Option<Window>,
    pub(super) aggregates: Vec<ResolvedAggregate>,
    /// Where the columns of the output come from.
    pub(super) columns: Vec<Option<PlannedColumn>>,
}

/// An aggregate and its arguments; `None` after a fault.
pub(super) type ResolvedAggregate = Option<(Aggregate, Vec<ColumnId>)>;

/// The fault that an output has no column of a name.
pub(super) fn no_column(name: &str, schema: &Schema) -> Error {
    Error::job(format!("the output has no column `{name}`"))
        .because(Reason::UnknownColumn(name.to_string()))
        .nearest(name, schema.names())
}

/// The fault that an output would have two columns of one name.
pub(super) fn two_columns(name: &str) -> Error {
    Error::job(format!("the output has two columns `{name}`"))
}
