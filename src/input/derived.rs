//! Columns that are computed from those of a record as it is read, before it has a time: `derive` of a source or table,
//! and a `time` that is an expression.
//!
//! # Contract
//! * A derived column is an expression over columns of the same record, and those derived before it; so it is the same
//!   whatever records are read beside it.
//! * Where it is the event time or the arrival, its value is read by the rule of that time, and the column holds the
//!   instant.
//! * A record of which one cannot be computed, or gives no time, is a bad record.

use crate::expr::Expr;

/// The column that names the file of a record, for expressions that are computed as it is read.
pub const FILE: &str = "_file";

/// A column that no file has.
#[derive(Debug, Clone)]
pub struct Derived {
    /// Its number in [`ReadPlan::columns`](crate::input::ReadPlan::columns).
    pub column: usize,
    /// Where it comes from.
    pub from: DerivedFrom,
}

/// Where a derived column comes from.
#[derive(Debug, Clone)]
pub enum DerivedFrom {
    /// The path of the file, unless the file has a column of this name: an archive says where its records are from.
    File,
    /// An expression over columns of the plan.
    Sql(Box<Expr>),
}
