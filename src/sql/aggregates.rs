//! Aggregates: what a group's rows come to, exactly where an engine can.

use super::statement::Statement;
use super::{Dialect, POSITION, TIME, placed, regression, words};
use crate::aggregate::{Aggregate, Bits, Function};
use crate::batch::DataType;
use crate::error::Result;

/// An aggregate as SQL.
#[derive(Default)]
pub(super) struct Aggregated {
    /// Columns that the rows need first, `expression AS name`.
    pub prepared: Vec<String>,
    /// Columns over those: windows over the rows of a group.
    pub counted: Vec<String>,
    /// Columns over those.
    pub ranked: Vec<String>,
    /// The value, where rows are grouped.
    pub value: String,
}

impl Aggregated {
    pub fn plain(value: String) -> Aggregated {
        Aggregated { value, ..Aggregated::default() }
    }
}

/// Aggregate number `i` of a grouping whose rows are told apart by `group`.
///
/// # Errors
/// A job error that names what the dialect cannot express.
pub(super) fn aggregate(
    s: &mut Statement,
    i: usize,
    (aggregate, args): (&Aggregate, &[usize]),
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

/// An aggregate of the one argument `x` that needs no column of its own.
fn simple(s: &mut Statement, function: &Function, ty: DataType, x: &str) -> Result<String> {
    let dialect = s.dialect;
    Ok(match function {
        Function::Count => counted(dialect, x),
        Function::CountIf => counted(dialect, &format!("CASE WHEN {x} THEN 1 END")),
        Function::CountDistinct => counted(dialect, &format!("DISTINCT {x}")),
        Function::ApproxCountDistinct => {
            s.note("approx_count_distinct is counted exactly: past 768 values ours is within a few per cent of it");
            counted(dialect, &format!("DISTINCT {x}"))
        }
        Function::Sum => {
            floats(s, ty, "sums");
            sum(dialect, ty, x)
        }
        Function::Avg => {
            floats(s, ty, "averages");
            average(dialect, ty, x)
        }
        Function::Min => {
            nan(s, ty);
            least(dialect, ty, x)
        }
        Function::Max => {
            nan(s, ty);
            greatest(dialect, ty, x)
        }
        Function::BoolAnd => least(dialect, DataType::Bool, x),
        Function::BoolOr => greatest(dialect, DataType::Bool, x),
        Function::Bit(operation) => bits(s, *operation, x)?,
        other => unreachable!("{other:?} needs its own columns"),
    })
}

/// The sum, the mean or the spread of `x`, a name.
pub(super) fn of_numbers(s: &mut Statement, function: &Function, ty: DataType, x: &str) -> Result<String> {
    match function {
        Function::Spread { sample, root } => {
            floats(s, ty, "variances");
            Ok(spread(s.dialect, ty, x, *sample, *root))
        }
        function => simple(s, function, ty, x),
    }
}

/// `x` less the least of its group.
pub(super) fn above_least(x: &str, group: &[String]) -> String {
    format!("{x} - MIN({x}) OVER ({})", super::steps::partition_by(group).trim_end())
}

/// The operation on bits; in Polars bit by bit.
fn bits(s: &Statement, operation: Bits, x: &str) -> Result<String> {
    let (name, each) = match operation {
        Bits::And => ("BIT_AND", "MIN"),
        Bits::Or => ("BIT_OR", "MAX"),
        Bits::Xor => ("BIT_XOR", "SUM"),
    };
    match s.dialect {
        Dialect::Flink => return Err(s.refuse(format!("`{}`", name.to_lowercase()))),
        Dialect::Polars => {}
        _ => return Ok(format!("{name}({x})")),
    }
    let bit = |k: u32| {
        let bit = 1i64 << k;
        match operation {
            Bits::Xor => {
                let odd = format!("SUM(CASE WHEN BIT_AND({x}, {bit}) <> 0 THEN 1 ELSE 0 END) % 2");
                format!("CAST({odd} AS BIGINT) * {bit}")
            }
            _ => format!("{each}(BIT_AND({x}, {bit}))"),
        }
    };
    let low: Vec<String> = (0..63).map(bit).collect();
    // The sign is the last bit.
    let negative = match operation {
        Bits::And => format!("MAX({x}) < 0"),
        Bits::Or => format!("MIN({x}) < 0"),
        Bits::Xor => format!("SUM(CASE WHEN {x} < 0 THEN 1 ELSE 0 END) % 2 = 1"),
    };
    let value =
        format!("{} + CASE WHEN {negative} THEN -9223372036854775807 - 1 ELSE 0 END", low.join(" + "));
    Ok(format!("CASE WHEN COUNT({x}) > 0 THEN {value} END"))
}

/// `COUNT(…)` as a 64-bit integer.
pub(super) fn counted(dialect: Dialect, what: &str) -> String {
    match dialect {
        // Without a sign there, of 32 bits.
        Dialect::Polars => format!("CAST(COUNT({what}) AS BIGINT)"),
        _ => format!("COUNT({what})"),
    }
}

pub(super) fn floats(s: &mut Statement, ty: DataType, what: &str) {
    if ty == DataType::Float64 {
        s.note(format!(
            "{what} of float64 may differ in the last digits: engines add floats in some order and round each time"
        ));
    }
}

pub(super) fn nan(s: &mut Statement, ty: DataType) {
    if ty == DataType::Float64 && !matches!(s.dialect, Dialect::DuckDb | Dialect::Postgres | Dialect::Spark) {
        s.note(format!(
            "min and max of float64 treat NaN as the greatest value; {} does not",
            s.dialect.name()
        ));
    }
}

/// The wide type in which integers are added without overflow.
pub(super) fn wide(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::Polars | Dialect::DuckDb => "HUGEINT",
        Dialect::Postgres => "NUMERIC",
        Dialect::Spark | Dialect::Flink => "DECIMAL(38, 0)",
        Dialect::BigQuery => "BIGNUMERIC",
    }
}

/// The exact sum of integers or decimals, in a type that holds it.
fn exact_sum(dialect: Dialect, ty: DataType, x: &str) -> String {
    match (dialect, ty) {
        // Their sums are wide by themselves.
        (Dialect::DuckDb | Dialect::Postgres, _) => format!("SUM({x})"),
        (_, DataType::Int64) => format!("SUM(CAST({x} AS {}))", wide(dialect)),
        (Dialect::Spark | Dialect::Flink, DataType::Decimal { scale, .. }) => {
            format!("SUM(CAST({x} AS DECIMAL(38, {scale})))")
        }
        _ => format!("SUM({x})"),
    }
}

fn sum(dialect: Dialect, ty: DataType, x: &str) -> String {
    match (dialect, ty) {
        (Dialect::Polars | Dialect::BigQuery, DataType::Int64) => format!("SUM({x})"),
        (_, DataType::Int64) => {
            format!("CAST({} AS {})", exact_sum(dialect, ty, x), words::type_name(dialect, DataType::Int64))
        }
        (_, DataType::Float64) => format!("SUM({x})"),
        _ => exact_sum(dialect, ty, x),
    }
}

/// The exact sum by the count, rounded once: units of the last digit are whole numbers, and doubles hold those.
pub(super) fn average(dialect: Dialect, ty: DataType, x: &str) -> String {
    if ty == DataType::Float64 {
        return format!("AVG({x})");
    }
    let (sum, count) = (exact_sum(dialect, ty, x), counted(dialect, x));
    match unit(ty) {
        1 => format!("{} / {count}", words::to_double(dialect, &sum)),
        unit => format!("{} / ({unit} * {count})", words::to_double(dialect, &format!("{sum} * {unit}"))),
    }
}

/// How many units of the last digit make 1; 1 where that is too long a number.
pub(super) fn unit(ty: DataType) -> i64 {
    match ty {
        DataType::Decimal { scale: scale @ 1..=15, .. } => 10i64.pow(scale.into()),
        _ => 1,
    }
}

fn least(dialect: Dialect, ty: DataType, x: &str) -> String {
    match (dialect, ty) {
        (Dialect::DuckDb | Dialect::Postgres | Dialect::Spark, DataType::Bool) => format!("BOOL_AND({x})"),
        (Dialect::BigQuery, DataType::Bool) => format!("LOGICAL_AND({x})"),
        (Dialect::Flink, DataType::Bool) => format!("MIN(CASE WHEN {x} THEN 1 WHEN NOT {x} THEN 0 END) = 1"),
        (Dialect::Postgres, DataType::String) => format!("MIN({x} COLLATE \"C\")"),
        _ => format!("MIN({x})"),
    }
}

/// The greatest value of `x`; also the only one, where there is one.
pub(super) fn greatest(dialect: Dialect, ty: DataType, x: &str) -> String {
    match (dialect, ty) {
        (Dialect::DuckDb | Dialect::Postgres | Dialect::Spark, DataType::Bool) => format!("BOOL_OR({x})"),
        (Dialect::BigQuery, DataType::Bool) => format!("LOGICAL_OR({x})"),
        (Dialect::Flink, DataType::Bool) => format!("MAX(CASE WHEN {x} THEN 1 WHEN NOT {x} THEN 0 END) = 1"),
        (Dialect::Postgres, DataType::String) => format!("MAX({x} COLLATE \"C\")"),
        _ => format!("MAX({x})"),
    }
}

/// Variance or standard deviation, from n·Σx² − (Σx)², which is exact of integers and decimals, and divided once.
fn spread(dialect: Dialect, ty: DataType, x: &str, sample: bool, root: bool) -> String {
    let count = counted(dialect, x);
    let unit = unit(ty);
    let whole = match (ty, unit) {
        (DataType::Float64, _) => x.to_string(),
        (_, 1) => format!("CAST({x} AS {})", wide(dialect)),
        (_, unit) => format!("CAST({x} * {unit} AS {})", wide(dialect)),
    };
    let above = format!("{count} * SUM({whole} * {whole}) - SUM({whole}) * SUM({whole})");
    let below = if sample { format!("{count} * ({count} - 1)") } else { format!("{count} * {count}") };
    let above = match ty {
        DataType::Float64 => format!("({above})"),
        _ => words::to_double(dialect, &above),
    };
    let below = format!("NULLIF({}, 0)", words::to_double(dialect, &below));
    let variance = match unit {
        1 => format!("{above} / {below}"),
        unit => format!("{above} / ({below} * {:?})", unit as f64 * unit as f64),
    };
    if root { format!("SQRT({variance})") } else { variance }
}

/// The value at rank q · (n − 1), or so far on the way to the next. Where the engine has a function for it that
/// rounds otherwise, or none, the values are numbered.
fn quantile(s: &Statement, i: usize, x: &str, q: f64, group: &[String]) -> Aggregated {
    let number = words::to_double(s.dialect, x);
    if s.dialect == Dialect::Postgres {
        return Aggregated::plain(format!("PERCENTILE_CONT({q:?}) WITHIN GROUP (ORDER BY {number})"));
    }
    let by = super::steps::partition_by(group);
    let count = match s.dialect {
        Dialect::Polars => format!("CAST(COUNT(_by_{i}) OVER ({}) AS BIGINT)", by.trim_end()),
        _ => format!("COUNT(_by_{i}) OVER ({})", by.trim_end()),
    };
    let q = words::to_double(s.dialect, &format!("{q:?}"));
    let at = |plus: i64| format!("MAX(CASE WHEN _place_{i} = FLOOR(_rank_{i}) + {plus} THEN _by_{i} END)");
    let way = format!("(MAX(_rank_{i}) - FLOOR(MAX(_rank_{i})))");
    Aggregated {
        prepared: vec![
            format!("CASE WHEN {x} IS NULL THEN 1 ELSE 0 END AS _none_{i}"),
            format!("{number} AS _by_{i}"),
        ],
        ranked: vec![
            format!("ROW_NUMBER() OVER ({by}ORDER BY _none_{i}, _by_{i}) AS _place_{i}"),
            format!("{q} * ({count} - 1) AS _rank_{i}"),
        ],
        value: format!("{0} + COALESCE(({1} - {0}) * {way}, 0)", at(1), at(2)),
        ..Aggregated::default()
    }
}

/// `first`, `last`, `arg_min`, `arg_max`: of the rows that count the first by an order, numbered.
fn by_order(
    s: &mut Statement,
    i: usize,
    (aggregate, args): (&Aggregate, &[usize]),
    group: &[String],
) -> Result<Aggregated> {
    let x = s.operand(args[0])?;
    let mut prepared = vec![];
    let mut order = vec![format!("_has_{i} DESC")];
    // All orders descend: Polars knows no other where directions are mixed.
    let earliest = [format!("{} * -1 DESC", s.micros(TIME)), format!("{POSITION} * -1 DESC")];
    let latest = [format!("{TIME} DESC"), format!("{POSITION} DESC")];
    let has = match aggregate.function {
        Function::First | Function::Last => {
            order.extend(if aggregate.function == Function::First { earliest } else { latest });
            format!("{x} IS NULL")
        }
        _ => {
            let (y, ty) = (s.column(args[1])?, aggregate.args[1]);
            nan(s, ty);
            prepared.push(format!("{y} AS _by_{i}"));
            let by = format!("_by_{i}{}", words::collation(s.dialect, ty));
            if aggregate.function == Function::ArgMax {
                order.push(format!("{by} DESC"));
                order.extend(earliest);
            } else {
                order = vec![format!("_has_{i} * -1"), by, TIME.to_string(), POSITION.to_string()];
            }
            format!("{x} IS NULL OR {} IS NULL", s.operand(args[1])?)
        }
    };
    prepared.insert(0, format!("CASE WHEN {has} THEN 0 ELSE 1 END AS _has_{i}"));
    let ranked = format!(
        "ROW_NUMBER() OVER ({}ORDER BY {}) AS _place_{i}",
        super::steps::partition_by(group),
        order.join(", ")
    );
    let chosen = format!("CASE WHEN _place_{i} = 1 AND _has_{i} = 1 THEN {x} END");
    let value = greatest(s.dialect, aggregate.args[0], &chosen);
    Ok(Aggregated { prepared, ranked: vec![ranked], value, ..Aggregated::default() })
}
