//! Aggregates: what a group's rows come to, exactly where an engine can.

use super::aggregate_parts::{Aggregated, above_least, counted, floats, greatest, nan, simple, spread};
use super::statement::Statement;
use super::{Dialect, POSITION, TIME, placed, regression, words};
use crate::aggregate::{Aggregate, Function};
use crate::batch::{ColumnId, DataType};
use crate::error::Result;

/// Aggregate number `i` of a grouping whose rows are told apart by `group`.
///
/// # Errors
/// A job error that names what the dialect cannot express.
pub(super) fn aggregate(
    s: &mut Statement,
    i: usize,
    (aggregate, args): (&Aggregate, &[ColumnId]),
    group: &[String],
) -> Result<Aggregated> {
    let Some(&first) = args.first() else { return Ok(Aggregated::plain(counted(s.dialect, "*"))) };
    let ty = aggregate.args[0];
    match &aggregate.function {
        Function::Spread { sample, root } => {
            floats(s, ty, "variances");
            let (sample, root, x) = (*sample, *root, s.operand(first)?);
            if ty == DataType::Float64 {
                // From the least value on: the squares of large numbers that lie near to one another have too many
                // digits for a float.
                let ranked = vec![format!("{} AS _above_{i}", above_least(&x, group))];
                let value = spread(s.dialect, ty, &format!("_above_{i}"), sample, root);
                return Ok(Aggregated { ranked, value, ..Aggregated::default() });
            }
            Ok(Aggregated::plain(spread(s.dialect, ty, &x, sample, root)))
        }
        Function::Quantile(q) => Ok(quantile(s, i, &s.operand(first)?, *q, group)),
        Function::First | Function::Last | Function::ArgMin | Function::ArgMax => {
            by_order(s, i, (aggregate, args), group)
        }
        Function::Mode => placed::mode(s, i, (ty, first), group),
        Function::StringAgg(listing) => placed::listing(s, i, (listing, aggregate, args), group),
        Function::Distinct(of) => placed::distinct(s, i, (of, ty, first), group),
        Function::Pairwise(what) => regression::pairwise(s, i, *what, (aggregate, args), group),
        function => {
            let x = s.column(first)?;
            Ok(Aggregated::plain(simple(s, function, ty, &x)?))
        }
    }
}

/// The value at rank q · (n − 1), or so far on the way to the next. Where the engine has a function for it that
/// rounds otherwise, or none, the values are numbered.
fn quantile(s: &Statement, i: usize, x: &str, q: f64, group: &[String]) -> Aggregated {
    let number = words::to_double(s.dialect, x);
    if s.dialect == Dialect::Postgres {
        return Aggregated::plain(format!("PERCENTILE_CONT({q:?}) WITHIN GROUP (ORDER BY {number})"));
    }
    let by = super::statement::partition_by(group);
    let count = match s.dialect {
        Dialect::Polars => format!("CAST(COUNT(_by_{i}) OVER ({}) AS BIGINT)", by.trim_end()),
        _ => format!("COUNT(_by_{i}) OVER ({})", by.trim_end()),
    };
    let q = words::to_double(s.dialect, &format!("{q:?}"));
    let at = |plus: i64| format!("MAX(CASE WHEN _place_{i} = FLOOR(_rank_{i}) + {plus} THEN _by_{i} END)");
    let way = format!("(MAX(_rank_{i}) - FLOOR(MAX(_rank_{i})))");
    Aggregated {
        prepared: vec![
            // A column of its own puts NULLs behind the values: dialects differ in where NULL is sorted.
            format!("CASE WHEN {x} IS NULL THEN 1 ELSE 0 END AS _none_{i}"),
            format!("{number} AS _by_{i}"),
        ],
        ranked: vec![
            format!("ROW_NUMBER() OVER ({by}ORDER BY _none_{i}, _by_{i}) AS _place_{i}"),
            format!("{q} * ({count} - 1) AS _rank_{i}"),
        ],
        // At the greatest value there is not a next one: the difference is NULL, and 0 is added.
        value: format!("{0} + COALESCE(({1} - {0}) * {way}, 0)", at(1), at(2)),
        ..Aggregated::default()
    }
}

/// `first`, `last`, `arg_min`, `arg_max`: of the rows that count the first by an order, numbered.
fn by_order(
    s: &mut Statement,
    i: usize,
    (aggregate, args): (&Aggregate, &[ColumnId]),
    group: &[String],
) -> Result<Aggregated> {
    s.needs_order("the value of the first or last row (`first`, `last`, `arg_min`, `arg_max`)")?;
    let x = s.operand(args[0])?;
    let mut prepared = vec![];
    let (time, position) = (TIME.to_string(), POSITION.to_string());
    let has = format!("_has_{i} DESC");
    let (rank, is_null) = match aggregate.function {
        Function::First => (by_replay(s, vec![has]), format!("{x} IS NULL")),
        Function::Last => {
            (vec![has, format!("{time} DESC"), format!("{position} DESC")], format!("{x} IS NULL"))
        }
        _ => {
            let (y, ty) = (s.column(args[1])?, aggregate.args[1]);
            nan(s, ty);
            prepared.push(format!("{y} AS _by_{i}"));
            let by = format!("_by_{i}{}", words::collation(s.dialect, ty));
            let rank = match aggregate.function {
                Function::ArgMax => by_replay(s, vec![has, format!("{by} DESC")]),
                // All ascend here: `_by` may be text or a date, which cannot be negated for Polars.
                _ => vec![format!("_has_{i} * -1"), by, time, position],
            };
            (rank, format!("{x} IS NULL OR {} IS NULL", s.operand(args[1])?))
        }
    };
    prepared.insert(0, format!("CASE WHEN {is_null} THEN 0 ELSE 1 END AS _has_{i}"));
    let ranked = format!(
        "ROW_NUMBER() OVER ({}ORDER BY {}) AS _place_{i}",
        super::statement::partition_by(group),
        rank.join(", ")
    );
    // A group in which every row is NULL has a row of place 1 too; `_has` keeps its value out.
    let chosen = format!("CASE WHEN _place_{i} = 1 AND _has_{i} = 1 THEN {x} END");
    let value = greatest(s.dialect, aggregate.args[0], &chosen);
    Ok(Aggregated { prepared, ranked: vec![ranked], value, ..Aggregated::default() })
}

/// An order that descends, and among equals goes by replay order.
fn by_replay(s: &Statement, mut order: Vec<String>) -> Vec<String> {
    order.extend(match s.dialect {
        // All directions are one there.
        Dialect::Polars => [format!("{} * -1 DESC", s.micros(TIME)), format!("{POSITION} * -1 DESC")],
        _ => [TIME, POSITION].map(String::from),
    });
    order
}
