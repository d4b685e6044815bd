//! Which aggregates there are, and what a call of one says.

use super::bits::Bits;
use super::pairs::Pairwise;
use crate::batch::DataType;

/// Which aggregate, with what it needs to know beside its arguments.
#[derive(Debug, Clone, PartialEq)]
pub enum Function {
    /// `count(*)`: rows.
    CountRows,
    /// `count(x)`: rows where x is not NULL.
    Count,
    /// `count_if(x)`: rows where x is true.
    CountIf,
    /// `count(distinct x)`.
    CountDistinct,
    /// `approx_count_distinct(x)`: exact up to 768 values, then with a standard error of 1.15 %.
    ApproxCountDistinct,
    /// `sum(x)`.
    Sum,
    /// `avg(x)`, as a float64 rounded once.
    Avg,
    /// `min(x)`; NaN counts as the largest float.
    Min,
    /// `max(x)`; NaN counts as the largest float.
    Max,
    /// `first(x)`: the first value that is not NULL, in replay order.
    First,
    /// `last(x)`: the last value that is not NULL, in replay order.
    Last,
    /// `arg_min(x, y)`: x of the row with the least y, of the rows where neither is NULL; the
    /// earliest in replay order if several.
    ArgMin,
    /// `arg_max(x, y)`: x of the row with the greatest y, of the rows where neither is NULL; the
    /// earliest in replay order if several.
    ArgMax,
    /// Variance or standard deviation.
    Spread {
        /// Divide by n − 1 in place of n.
        sample: bool,
        /// Take the square root.
        root: bool,
    },
    /// `quantile(x, q)` with linear interpolation (SQL's PERCENTILE_CONT); `median` is q = 0.5.
    Quantile(f64),
    /// `bool_and(x)`.
    BoolAnd,
    /// `bool_or(x)`.
    BoolOr,
    /// `bit_and(x)` and its like.
    Bit(Bits),
    /// `mode(x)`: the value that comes most often, of several the least.
    Mode,
    /// `corr(y, x)` and its like.
    Pairwise(Pairwise),
    /// `string_agg(x, separator)`; what it is ordered by are further arguments.
    StringAgg(Box<Listing>),
    /// Another one, over each value once: `sum(distinct x)`.
    Distinct(Box<Function>),
}

impl Function {
    /// Its name, where its states are not kept beside an output: they grow with the events, or depend on their order.
    pub fn without_state(&self) -> Option<&'static str> {
        // Without a default arm, so that a new aggregate has to say whether its state is kept.
        match self {
            Function::CountRows
            | Function::Count
            | Function::CountIf
            | Function::Sum
            | Function::Avg
            | Function::Min
            | Function::Max
            | Function::Spread { .. }
            | Function::BoolAnd
            | Function::BoolOr
            | Function::Bit(_)
            | Function::Pairwise(_) => None,
            Function::CountDistinct => Some("count(distinct)"),
            Function::Distinct(_) => Some("distinct values"),
            Function::Mode => Some("mode"),
            Function::StringAgg(_) => Some("string_agg"),
            Function::ApproxCountDistinct => Some("approx_count_distinct"),
            Function::First => Some("first"),
            Function::Last => Some("last"),
            Function::ArgMin => Some("arg_min"),
            Function::ArgMax => Some("arg_max"),
            Function::Quantile(q) => Some(if *q == 0.5 { "median" } else { "quantile" }),
        }
    }

    /// About how many bytes the state of a group takes, for the estimate of a plan.
    pub fn state_bytes(&self) -> u64 {
        match self {
            Function::CountRows | Function::Count | Function::CountIf => 8,
            Function::Sum | Function::Bit(_) => 16,
            Function::Avg | Function::Min | Function::Max => 32,
            Function::First | Function::Last | Function::ArgMin | Function::ArgMax => 64,
            Function::Spread { .. } => 80,
            Function::CountDistinct | Function::ApproxCountDistinct | Function::Quantile(_) => 64,
            Function::Distinct(_) | Function::Mode | Function::StringAgg(_) => 64,
            Function::Pairwise(_) => 240,
            Function::BoolAnd | Function::BoolOr => 1,
        }
    }

    /// The function that makes one result of two, which are of the type `result`; `None` where results do not hold
    /// what a merge needs.
    pub fn merging(&self, result: DataType) -> Option<Function> {
        Some(match self {
            Function::CountRows | Function::Count | Function::CountIf => Function::Sum,
            Function::Pairwise(Pairwise::Count) => Function::Sum,
            // Sums of floats are rounded: what was cut off is not stored.
            Function::Sum if result != DataType::Float64 => Function::Sum,
            // Each of these, applied to the results of two parts, gives the result of the whole.
            same @ (Function::Min
            | Function::Max
            | Function::BoolAnd
            | Function::BoolOr
            | Function::Bit(_)) => same.clone(),
            // Results of `avg`, `count(distinct)`, `first` and the like do not hold what a merge needs.
            _ => return None,
        })
    }
}

/// How texts are joined.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Listing {
    /// What stands between two texts.
    pub separator: String,
    /// Each text once, where it comes first in replay order.
    pub distinct: bool,
    /// The direction of each key; ties, and all without a key, are in replay order.
    pub order: Vec<SortDirection>,
}

/// The direction of a key of an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SortDirection {
    /// Greater values first.
    pub descending: bool,
    /// NULL before all values.
    pub nulls_first: bool,
}

/// A call of an aggregate, of which the arguments have types.
#[derive(Debug, Clone, Default)]
pub struct TypedCall<'a> {
    /// Its name in lower case.
    pub name: &'a str,
    /// DISTINCT.
    pub distinct: bool,
    /// The types of its arguments, then those of its order.
    pub args: Vec<DataType>,
    /// The rank of a quantile.
    pub quantile: Option<f64>,
    /// What stands between texts.
    pub separator: Option<String>,
    /// The direction of each key of the order.
    pub order: Vec<SortDirection>,
}

/// An aggregate with the types of its arguments.
#[derive(Debug, Clone, PartialEq)]
pub struct Aggregate {
    /// Which.
    pub function: Function,
    /// The types of its arguments; none for `count(*)`.
    pub args: Vec<DataType>,
}
