//! Aggregates: what a window keeps of its events.
//!
//! # Contract
//! * Partial states merge exactly: merging is commutative and associative to the last bit, so the
//!   order in which chunks are folded and workers merged never shows.
//! * Integers and decimals are added in 128 bits and an overflow is an error; floats are added
//!   without rounding and rounded once at the end.
//! * NULL arguments are ignored, as in SQL; without any value the result is NULL, and 0 for counts.
//! * Where order decides (`first`, `last`, ties of `arg_min`/`arg_max` and of `string_agg`), it is replay order:
//!   (event time, position).

mod approx;
mod bits;
mod boolean;
pub mod catalog;
mod codec;
mod count;
mod digits;
mod distinct;
mod domain;
mod exact;
mod extreme;
mod fraction;
mod listing;
mod mode;
mod pairs;
mod products;
mod quantile;
mod runs;
mod spread;
mod sum;

pub use codec::Reader;
pub use exact::FloatSum;

use crate::batch::{DataType, Position};
use crate::error::{Error, Result};
use arrow_array::ArrayRef;
use std::any::Any;
use std::path::Path;

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

/// What bits are joined by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bits {
    /// Those that all have.
    And,
    /// Those that any has.
    Or,
    /// Those that an odd number have.
    Xor,
}

/// What is made of pairs of numbers, (y, x), where neither is NULL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pairwise {
    /// The correlation.
    Corr,
    /// The covariance over n.
    CovarPop,
    /// The covariance over n − 1.
    CovarSamp,
    /// How many pairs there are.
    Count,
    /// The mean of x.
    AvgX,
    /// The mean of y.
    AvgY,
    /// The sum of squares of distances of x from its mean.
    Sxx,
    /// The sum of squares of distances of y from its mean.
    Syy,
    /// The sum of products of both distances.
    Sxy,
    /// The slope of the line of least squares.
    Slope,
    /// y of that line at x = 0.
    Intercept,
    /// The square of the correlation; 1 where y is constant, and x is not.
    R2,
}

/// How texts are joined.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Listing {
    /// What stands between two texts.
    pub separator: String,
    /// Each text once, where it comes first in replay order.
    pub distinct: bool,
    /// The direction of each key; ties, and all without a key, are in replay order.
    pub order: Vec<Direction>,
}

/// The direction of a key of an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Direction {
    /// Greater values first.
    pub descending: bool,
    /// NULL before all values.
    pub nulls_first: bool,
}

/// A call of an aggregate, of which the arguments have types.
#[derive(Debug, Clone, Default)]
pub struct Call<'a> {
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
    pub order: Vec<Direction>,
}

/// An aggregate with the types of its arguments.
#[derive(Debug, Clone, PartialEq)]
pub struct Aggregate {
    /// Which.
    pub function: Function,
    /// The types of its arguments; none for `count(*)`.
    pub args: Vec<DataType>,
}

impl Aggregate {
    /// The aggregate of a call.
    ///
    /// # Errors
    /// A job error: an argument type that the aggregate cannot take.
    pub fn of(call: Call) -> Result<Aggregate> {
        let name = call.name;
        let unknown = || Error::job(format!("unknown aggregate `{name}`")).nearest(name, catalog::names());
        let values = call.args.len() - call.order.len();
        let form = catalog::forms(name).find(|form| form.takes.len() == values).ok_or_else(unknown)?;
        for (i, (wanted, &ty)) in form.takes.iter().zip(&call.args).enumerate() {
            if !wanted.takes(ty) {
                let which = if values == 1 { "" } else { ["first ", "second "][i] };
                let words = wanted.words();
                let error = format!("`{name}` takes {words}, and its {which}argument is of type {ty}");
                return Err(Error::job(error));
            }
        }
        let function = function(form, &call);
        let once = form.distinct == catalog::Distinct::Once && call.distinct;
        let function = match function {
            Function::Count if once => Function::CountDistinct,
            Function::StringAgg(listing) => {
                Function::StringAgg(Box::new(Listing { distinct: once, ..*listing }))
            }
            function if once => Function::Distinct(Box::new(function)),
            function => function,
        };
        Ok(Aggregate { function, args: call.args })
    }

    /// The aggregate of a call by name; `quantile` is the second argument of a quantile.
    #[cfg(test)]
    pub(crate) fn resolve(
        name: &str,
        distinct: bool,
        args: Vec<DataType>,
        quantile: Option<f64>,
    ) -> Result<Aggregate> {
        Aggregate::of(Call { name, distinct, args, quantile, ..Call::default() })
    }

    /// The type of the result.
    pub fn ty(&self) -> DataType {
        self.ty_of(&self.function)
    }

    fn ty_of(&self, function: &Function) -> DataType {
        match function {
            Function::CountRows
            | Function::Count
            | Function::CountIf
            | Function::CountDistinct
            | Function::ApproxCountDistinct
            | Function::Bit(_)
            | Function::Pairwise(Pairwise::Count) => DataType::Int64,
            Function::Sum => self.args[0].summed(),
            Function::Avg | Function::Spread { .. } | Function::Quantile(_) | Function::Pairwise(_) => {
                DataType::Float64
            }
            Function::Min | Function::Max | Function::First | Function::Last | Function::Mode => self.args[0],
            Function::ArgMin | Function::ArgMax => self.args[0],
            Function::BoolAnd | Function::BoolOr => DataType::Bool,
            Function::StringAgg(_) => DataType::String,
            Function::Distinct(of) => self.ty_of(of),
        }
    }

    /// Whether the result depends on positions.
    pub fn needs_positions(&self) -> bool {
        use Function::{ArgMax, ArgMin, First, Last, StringAgg};
        matches!(self.function, First | Last | ArgMin | ArgMax | StringAgg(_))
    }

    /// An empty accumulator.
    pub fn accumulator(&self) -> Box<dyn Accumulator> {
        match &self.function {
            Function::CountRows | Function::Count => Box::new(count::Count::default()),
            Function::CountIf => Box::new(count::Count::of_true()),
            Function::CountDistinct => distinct::new(self.args[0], None),
            Function::Distinct(of) => {
                let of = Aggregate { function: (**of).clone(), args: self.args.clone() };
                distinct::new(self.args[0], Some(of))
            }
            Function::ApproxCountDistinct => Box::new(approx::ApproxDistinct::new(self.args[0])),
            Function::Sum => sum::new(self.args[0]),
            Function::Avg => sum::new_avg(self.args[0]),
            Function::Min => extreme::new(self.args[0], extreme::Which::Min),
            Function::Max => extreme::new(self.args[0], extreme::Which::Max),
            Function::First => extreme::new(self.args[0], extreme::Which::First),
            Function::Last => extreme::new(self.args[0], extreme::Which::Last),
            Function::ArgMin => extreme::new_arg(self.args[0], self.args[1], extreme::Which::Min),
            Function::ArgMax => extreme::new_arg(self.args[0], self.args[1], extreme::Which::Max),
            Function::Spread { sample, root } => spread::new(self.args[0], *sample, *root),
            Function::Quantile(q) => Box::new(quantile::Quantile::new(self.args[0], *q)),
            Function::BoolAnd => Box::new(boolean::Bool::new(true)),
            Function::BoolOr => Box::new(boolean::Bool::new(false)),
            Function::Bit(operation) => Box::new(bits::OfBits::new(*operation)),
            Function::Mode => mode::new(self.args[0]),
            Function::Pairwise(what) => pairs::new(*what, self.args[0], self.args[1]),
            Function::StringAgg(listing) => Box::new(listing::Listed::new(listing, &self.args[1..])),
        }
    }
}

/// The function of a form, without DISTINCT.
fn function(form: &catalog::Signature, call: &Call) -> Function {
    match form.names[0] {
        "count" if form.takes.is_empty() => Function::CountRows,
        "count" => Function::Count,
        "count_if" => Function::CountIf,
        "approx_count_distinct" => Function::ApproxCountDistinct,
        "sum" => Function::Sum,
        "avg" => Function::Avg,
        "min" => Function::Min,
        "max" => Function::Max,
        "first" => Function::First,
        "last" => Function::Last,
        "arg_min" => Function::ArgMin,
        "arg_max" => Function::ArgMax,
        "mode" => Function::Mode,
        "var_pop" => Function::Spread { sample: false, root: false },
        "var_samp" => Function::Spread { sample: true, root: false },
        "stddev_pop" => Function::Spread { sample: false, root: true },
        "stddev_samp" => Function::Spread { sample: true, root: true },
        "median" => Function::Quantile(0.5),
        "quantile" | "percentile_cont" => Function::Quantile(call.quantile.unwrap_or(0.5)),
        "bool_and" => Function::BoolAnd,
        "bool_or" => Function::BoolOr,
        "bit_and" => Function::Bit(Bits::And),
        "bit_or" => Function::Bit(Bits::Or),
        "bit_xor" => Function::Bit(Bits::Xor),
        "corr" => Function::Pairwise(Pairwise::Corr),
        "covar_pop" => Function::Pairwise(Pairwise::CovarPop),
        "covar_samp" => Function::Pairwise(Pairwise::CovarSamp),
        "regr_count" => Function::Pairwise(Pairwise::Count),
        "regr_avgx" => Function::Pairwise(Pairwise::AvgX),
        "regr_avgy" => Function::Pairwise(Pairwise::AvgY),
        "regr_sxx" => Function::Pairwise(Pairwise::Sxx),
        "regr_syy" => Function::Pairwise(Pairwise::Syy),
        "regr_sxy" => Function::Pairwise(Pairwise::Sxy),
        "regr_slope" => Function::Pairwise(Pairwise::Slope),
        "regr_intercept" => Function::Pairwise(Pairwise::Intercept),
        "regr_r2" => Function::Pairwise(Pairwise::R2),
        "string_agg" => {
            let separator = call.separator.clone().unwrap_or_default();
            Function::StringAgg(Box::new(Listing { separator, distinct: false, order: call.order.clone() }))
        }
        other => unreachable!("`{other}` is in the catalog, and here not"),
    }
}

/// About the most bytes of one piece of an encoded state.
const PIECE: usize = 256 << 10;

/// The rows that an accumulator folds in one call.
pub struct Rows<'a> {
    /// The arguments, each an array with an entry per row.
    pub args: &'a [ArrayRef],
    /// Event times.
    pub time: &'a [i64],
    /// Positions; empty where no aggregate needs them.
    pub positions: &'a [Position],
}

/// The partial states of one aggregate, one per slot (group). All methods may be called in any order
/// and any number of times; see the module's contract for what merging promises.
pub trait Accumulator: Send + Sync {
    /// Makes room for slots below `slots`; new ones are empty.
    fn resize(&mut self, slots: usize);

    /// Folds row `i` into slot `slots[i]`.
    ///
    /// # Errors
    /// A data error on overflow.
    fn update(&mut self, slots: &[u32], rows: &Rows) -> Result<()>;

    /// Merges slot `theirs` of `other`, an accumulator of the same aggregate, into slot `mine`, for
    /// each pair `(mine, theirs)`.
    ///
    /// # Errors
    /// A data error on overflow.
    fn merge(&mut self, pairs: &[(u32, u32)], other: &dyn Accumulator) -> Result<()>;

    /// Appends the state of `slot` to `out`; of a state that grows without bound the first piece, of at
    /// most about 256 KiB. Of other aggregates but `first`, `last`, `arg_min`, `arg_max` and `string_agg`, whose
    /// rows have positions, it is a function of the set of values alone: whatever was folded and merged in which order, equal
    /// values have equal bytes.
    fn encode(&self, slot: u32, out: &mut Vec<u8>);

    /// Calls `write` with each further piece of the state of `slot`, if it has more than the first. Each
    /// piece is an encoded state; merged together, in any order, they are the whole.
    ///
    /// # Errors
    /// What `write` returns.
    fn encode_rest(
        &self,
        _slot: u32,
        _write: &mut dyn FnMut(&[u8]) -> std::io::Result<()>,
    ) -> std::io::Result<()> {
        Ok(())
    }

    /// Moves values to temporary files in `folder` if more than about `bytes` of memory are held, where a
    /// state grows without bound. From then on the accumulator may be updated, merged into and finished,
    /// but not encoded or merged into another.
    ///
    /// # Errors
    /// A machine error when the disk fails.
    fn bound(&mut self, _bytes: usize, _folder: &Path) -> Result<()> {
        Ok(())
    }

    /// Merges one encoded state, or a piece of one, into `slot`.
    ///
    /// # Errors
    /// A data error on overflow.
    fn merge_encoded(&mut self, slot: u32, state: &mut Reader) -> Result<()>;

    /// The results of slots `0..slots`, as an array of the aggregate's type.
    ///
    /// # Errors
    /// A data error where a result does not fit its type; a machine error of the files of
    /// [`Accumulator::bound`].
    fn finish(&self, slots: usize) -> Result<ArrayRef>;

    /// Bytes of memory held.
    fn bytes(&self) -> usize;

    /// For [`Accumulator::merge`]: the concrete accumulator.
    fn as_any(&self) -> &dyn Any;
}

/// `other` as the concrete type `A`.
fn same<A: 'static>(other: &dyn Accumulator) -> &A {
    other.as_any().downcast_ref().expect("accumulators of one aggregate have one type")
}

fn overflow(what: &str) -> Error {
    Error::data(format!("the {what} of a group does not fit 128 bits"))
        .hint("the values are too large to be added exactly; declare the column as float64 if an approximation will do")
}

#[cfg(test)]
mod tests;
