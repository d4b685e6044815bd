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

mod accumulator;
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
mod function;
mod listing;
mod mode;
mod pairs;
mod products;
mod quantile;
mod runs;
mod spread;
mod sum;

pub use accumulator::{Accumulator, Rows};
pub use codec::StateReader;
pub use exact::FloatSum;
pub use function::{Aggregate, BitOperator, Function, Listing, Pairwise, SortDirection, TypedCall};

use crate::batch::DataType;
use crate::error::{Error, Result};

impl Aggregate {
    /// The aggregate of a call.
    ///
    /// # Errors
    /// A job error: an argument type that the aggregate cannot take.
    pub fn of(call: TypedCall) -> Result<Aggregate> {
        let name = call.name;
        // `expr` compares the number of arguments with the forms, so here only the name can be wrong.
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
        // `min(distinct x)` is `min(x)`: a set of its values would only take memory.
        let once = form.distinct == catalog::DistinctRule::Once && call.distinct;
        let function = match function {
            // A count needs the size of the set and not its values.
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
        Aggregate::of(TypedCall { name, distinct, args, quantile, ..TypedCall::default() })
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
        // A position takes 8 bytes a row, so positions are kept only where order decides.
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
fn function(form: &catalog::Signature, call: &TypedCall) -> Function {
    // Other names of an aggregate are in the same signature, so only its first name stands here.
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
        "bit_and" => Function::Bit(BitOperator::And),
        "bit_or" => Function::Bit(BitOperator::Or),
        "bit_xor" => Function::Bit(BitOperator::Xor),
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

#[cfg(test)]
mod tests;
