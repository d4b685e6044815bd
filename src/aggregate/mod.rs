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
mod small;
mod spread;
mod sum;

pub use accumulator::{Accumulator, Rows};
pub use bits::Bits;
pub use codec::StateReader;
pub use exact::FloatSum;
pub use function::{Aggregate, Function, Listing, SortDirection, TypedCall};
pub use pairs::Pairwise;

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
        let function = match form.make {
            catalog::AggregateMaking::State(make) => make(&call),
            // Such a call is replaced before its parts are resolved.
            catalog::AggregateMaking::Sql(_) => return Err(unknown()),
        };
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

#[cfg(test)]
mod tests;
