//! The aggregates that there are, in one table: names, arguments, results, a line of help for each.
//!
//! Whoever looks a name up, counts arguments, names the nearest or lists aggregates for people reads it here.

use super::bits::Bits;
use super::function::{Function, Listing, TypedCall};
use super::pairs::Pairwise;
use crate::batch::DataType;

/// What may stand for an argument.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Takes {
    /// A value of any type.
    Any,
    /// An int64, a decimal or a float64.
    Number,
    /// An int64.
    Int,
    /// A bool.
    Bool,
    /// A string.
    Text,
}

impl Takes {
    /// Whether a value of this type may.
    pub fn takes(self, ty: DataType) -> bool {
        match self {
            Takes::Any => true,
            Takes::Number => ty.is_number(),
            Takes::Int => ty == DataType::Int64,
            Takes::Bool => ty == DataType::Bool,
            Takes::Text => ty == DataType::String,
        }
    }

    /// In words.
    pub fn words(self) -> &'static str {
        match self {
            Takes::Any => "a value",
            Takes::Number => "a number",
            Takes::Int => "an int64",
            Takes::Bool => "a bool",
            Takes::Text => "a string",
        }
    }
}

/// What DISTINCT does to an aggregate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DistinctRule {
    /// It has no place there.
    Never,
    /// Nothing: a value that comes again changes nothing.
    Same,
    /// It takes each value once.
    Once,
}

/// What stands behind the arguments and is not computed for each row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LiteralKind {
    /// A number from 0 to 1.
    Quantile,
    /// A text.
    Separator,
}

/// What an aggregate is made of.
#[derive(Debug, Clone, Copy)]
pub enum AggregateMaking {
    /// A function with a state of its own; DISTINCT is added to it later.
    State(fn(&TypedCall) -> Function),
    /// An expression over other aggregates, with `$1` and `$2` for its arguments, such as `max($1) - min($1)`. It is put in
    /// the place of the call when a `select` is read, so types, states, dialects, the referee and backfills need no word
    /// of it.
    Sql(&'static str),
}

/// One form of an aggregate.
#[derive(Debug)]
pub struct Signature {
    /// Its name, in lower case, then others for the same.
    pub names: &'static [&'static str],
    /// How it is written.
    pub call: &'static str,
    /// What its arguments are; of `string_agg` those before the order.
    pub takes: &'static [Takes],
    /// The literal after the arguments.
    pub literal: Option<LiteralKind>,
    /// What DISTINCT does.
    pub distinct: DistinctRule,
    /// Whether it takes an ORDER BY.
    pub ordered: bool,
    /// The type of its result, in words.
    pub gives: &'static str,
    /// What it is, in a line.
    pub help: &'static str,
    /// What it is made of.
    pub make: AggregateMaking,
}

const ONE: &[Takes] = &[Takes::Any];
const NUMBER: &[Takes] = &[Takes::Number];
const NUMBERS: &[Takes] = &[Takes::Number, Takes::Number];
const BITS: &[Takes] = &[Takes::Int];
const CONDITION: &[Takes] = &[Takes::Bool];
const TEXT: &[Takes] = &[Takes::Text];

const TWO: &[Takes] = &[Takes::Any, Takes::Any];

/// A signature without a literal, DISTINCT and ORDER BY.
const fn of(
    names: &'static [&'static str],
    call: &'static str,
    takes: &'static [Takes],
    gives: &'static str,
    help: &'static str,
    make: fn(&TypedCall) -> Function,
) -> Signature {
    plain(names, call, takes, gives, help, AggregateMaking::State(make))
}

/// A signature of what is made of other aggregates: [`AggregateMaking::Sql`].
const fn composed(
    names: &'static [&'static str],
    call: &'static str,
    takes: &'static [Takes],
    gives: &'static str,
    help: &'static str,
    sql: &'static str,
) -> Signature {
    plain(names, call, takes, gives, help, AggregateMaking::Sql(sql))
}

/// A signature without literal, DISTINCT and order.
const fn plain(
    names: &'static [&'static str],
    call: &'static str,
    takes: &'static [Takes],
    gives: &'static str,
    help: &'static str,
    make: AggregateMaking,
) -> Signature {
    let distinct = DistinctRule::Never;
    Signature { names, call, takes, literal: None, distinct, ordered: false, gives, help, make }
}

/// The same, where DISTINCT changes nothing.
const fn same(signature: Signature) -> Signature {
    Signature { distinct: DistinctRule::Same, ..signature }
}

/// The same, where DISTINCT leaves each value once.
const fn once(signature: Signature) -> Signature {
    Signature { distinct: DistinctRule::Once, ..signature }
}

/// The same, with a literal after the arguments.
const fn with(literal: LiteralKind, signature: Signature) -> Signature {
    Signature { literal: Some(literal), ..signature }
}

/// A quantile, of the rank that stands in the call.
fn quantile(call: &TypedCall) -> Function {
    Function::Quantile(call.quantile.unwrap_or(0.5))
}

/// A list of texts, as the call has its separator and its order.
fn listing(call: &TypedCall) -> Function {
    let separator = call.separator.clone().unwrap_or_default();
    Function::StringAgg(Box::new(Listing { separator, distinct: false, order: call.order.clone() }))
}

/// All of them, in the order in which they are listed.
#[rustfmt::skip]
pub const ALL: &[Signature] = &[
    of(&["count"], "count(*)", &[], "int64", "how many events there are", |_| Function::CountRows),
    once(of(&["count"], "count(x)", ONE, "int64", "how many values there are; with DISTINCT, how many distinct ones", |_| Function::Count)),
    of(&["count_if", "countif"], "count_if(condition)", CONDITION, "int64", "how many events have a true condition", |_| Function::CountIf),
    of(&["approx_count_distinct"], "approx_count_distinct(x)", ONE, "int64",
        "about how many distinct values there are: exact up to 768, then with a standard error of 1.15 %", |_| Function::ApproxCountDistinct),
    once(of(&["sum"], "sum(x)", NUMBER, "as `x`; of decimals, 38 digits", "the exact sum", |_| Function::Sum)),
    once(of(&["avg", "mean"], "avg(x)", NUMBER, "float64", "the exact mean, rounded once", |_| Function::Avg)),
    same(of(&["min"], "min(x)", ONE, "as `x`", "the least value; NaN is greater than all numbers", |_| Function::Min)),
    same(of(&["max"], "max(x)", ONE, "as `x`", "the greatest value; NaN is greater than all numbers", |_| Function::Max)),
    composed(&["spread"], "spread(x)", NUMBER, "as `max(x) - min(x)`", "the greatest value minus the least, as in InfluxDB", "max($1) - min($1)"),
    of(&["first", "any_value"], "first(x)", ONE, "as `x`", "the first value in replay order", |_| Function::First),
    of(&["last"], "last(x)", ONE, "as `x`", "the last value in replay order", |_| Function::Last),
    of(&["arg_min", "min_by"], "arg_min(x, y)", TWO, "as `x`", "`x` of the event with the least `y`; of several, of the first in replay order", |_| Function::ArgMin),
    of(&["arg_max", "max_by"], "arg_max(x, y)", TWO, "as `x`", "`x` of the event with the greatest `y`; of several, of the first in replay order", |_| Function::ArgMax),
    of(&["mode"], "mode(x)", ONE, "as `x`", "the most frequent value; of several, the least. Also `mode() WITHIN GROUP (ORDER BY x)`", |_| Function::Mode),
    Signature {
        ordered: true,
        ..once(with(LiteralKind::Separator, of(&["string_agg", "listagg", "group_concat"], "string_agg(x, ', ' ORDER BY y)", TEXT, "string",
            "the texts, with the separator between them, by `y`; without an order, and where it leaves one open, in replay order", listing)))
    },
    once(of(&["var_pop"], "var_pop(x)", NUMBER, "float64", "the variance over n, exact, rounded once", |_| Function::Spread { sample: false, root: false })),
    once(of(&["var_samp", "variance"], "var_samp(x)", NUMBER, "float64", "the variance over n − 1; NULL of one value", |_| Function::Spread { sample: true, root: false })),
    once(of(&["stddev_pop"], "stddev_pop(x)", NUMBER, "float64", "the root of `var_pop`", |_| Function::Spread { sample: false, root: true })),
    once(of(&["stddev_samp", "stddev"], "stddev_samp(x)", NUMBER, "float64", "the root of `var_samp`", |_| Function::Spread { sample: true, root: true })),
    of(&["median"], "median(x)", NUMBER, "float64", "the value in the middle, or half way between two", |_| Function::Quantile(0.5)),
    with(LiteralKind::Quantile, of(&["quantile", "quantile_cont"], "quantile(x, 0.9)", NUMBER, "float64",
        "the value at this share of the way from the least to the greatest, interpolated", quantile)),
    with(LiteralKind::Quantile, of(&["percentile_cont"], "percentile_cont(0.9) WITHIN GROUP (ORDER BY x)", NUMBER, "float64",
        "the same", quantile)),
    same(of(&["bool_and", "every"], "bool_and(x)", CONDITION, "bool", "whether all are true", |_| Function::BoolAnd)),
    same(of(&["bool_or"], "bool_or(x)", CONDITION, "bool", "whether any is true", |_| Function::BoolOr)),
    same(of(&["bit_and"], "bit_and(x)", BITS, "int64", "the bits that all have", |_| Function::Bit(Bits::And))),
    same(of(&["bit_or"], "bit_or(x)", BITS, "int64", "the bits that any has", |_| Function::Bit(Bits::Or))),
    of(&["bit_xor"], "bit_xor(x)", BITS, "int64", "the bits that an odd number of them have", |_| Function::Bit(Bits::Xor)),
    of(&["corr"], "corr(y, x)", NUMBERS, "float64", "the correlation; NULL where `y` or `x` is constant", |_| Function::Pairwise(Pairwise::Corr)),
    of(&["covar_pop"], "covar_pop(y, x)", NUMBERS, "float64", "the covariance over n", |_| Function::Pairwise(Pairwise::CovarPop)),
    of(&["covar_samp"], "covar_samp(y, x)", NUMBERS, "float64", "the covariance over n − 1; NULL of one pair", |_| Function::Pairwise(Pairwise::CovarSamp)),
    of(&["regr_count"], "regr_count(y, x)", NUMBERS, "int64", "how many pairs there are of which neither is NULL, as for all `regr_…`, `corr` and `covar_…`", |_| Function::Pairwise(Pairwise::Count)),
    of(&["regr_avgx"], "regr_avgx(y, x)", NUMBERS, "float64", "the mean of `x`", |_| Function::Pairwise(Pairwise::AvgX)),
    of(&["regr_avgy"], "regr_avgy(y, x)", NUMBERS, "float64", "the mean of `y`", |_| Function::Pairwise(Pairwise::AvgY)),
    of(&["regr_sxx"], "regr_sxx(y, x)", NUMBERS, "float64", "the sum of squares of the distances of `x` from its mean", |_| Function::Pairwise(Pairwise::Sxx)),
    of(&["regr_syy"], "regr_syy(y, x)", NUMBERS, "float64", "the same of `y`", |_| Function::Pairwise(Pairwise::Syy)),
    of(&["regr_sxy"], "regr_sxy(y, x)", NUMBERS, "float64", "the sum of products of both distances", |_| Function::Pairwise(Pairwise::Sxy)),
    of(&["regr_slope"], "regr_slope(y, x)", NUMBERS, "float64", "the slope of the line of least squares; NULL where `x` is constant", |_| Function::Pairwise(Pairwise::Slope)),
    of(&["regr_intercept"], "regr_intercept(y, x)", NUMBERS, "float64", "`y` of that line at 0; NULL where `x` is constant", |_| Function::Pairwise(Pairwise::Intercept)),
    of(&["regr_r2"], "regr_r2(y, x)", NUMBERS, "float64", "the square of the correlation; NULL where `x` is constant, 1 where only `y` is", |_| Function::Pairwise(Pairwise::R2)),
];

/// The forms of the aggregate of this name, in lower case; none where there is no such aggregate.
pub fn forms(name: &str) -> impl Iterator<Item = &'static Signature> {
    ALL.iter().filter(move |signature| signature.names.contains(&name))
}

/// All names.
pub fn names() -> impl Iterator<Item = &'static str> {
    ALL.iter().flat_map(|signature| signature.names).copied()
}
