//! What aggregates of numbers are made of: wide types, exact sums, averages, least and greatest.

use super::statement::Statement;
use super::{Dialect, words};
use crate::aggregate::{Bits, Function};
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

/// An aggregate of the one argument `x` that needs no column of its own.
pub(super) fn simple(s: &mut Statement, function: &Function, ty: DataType, x: &str) -> Result<String> {
    let dialect = s.dialect;
    Ok(match function {
        Function::Count => counted(dialect, x),
        // COUNT leaves NULL out. FILTER and COUNTIF would be shorter, but each is missing in some dialect.
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
    format!("{x} - MIN({x}) OVER ({})", super::statement::partition_by(group).trim_end())
}

/// The operation on bits; in Polars bit by bit.
pub(super) fn bits(s: &Statement, operation: Bits, x: &str) -> Result<String> {
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
    // Polars lacks aggregates of bits. Over one bit, AND is the least, OR the greatest, XOR the parity of the
    // sum.
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
    // The least int64 is a difference: its digits alone are one more than the greatest int64.
    let value =
        format!("{} + CASE WHEN {negative} THEN -9223372036854775807 - 1 ELSE 0 END", low.join(" + "));
    // Over NULLs alone the parity is 0, where SQL wants NULL.
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
pub(super) fn exact_sum(dialect: Dialect, ty: DataType, x: &str) -> String {
    match (dialect, ty) {
        // Their sums are wide by themselves.
        (Dialect::DuckDb | Dialect::Postgres, _) => format!("SUM({x})"),
        // A sum of 64-bit integers may pass 64 bits while their average is still right; a run adds in 128
        // bits.
        (_, DataType::Int64) => format!("SUM(CAST({x} AS {}))", wide(dialect)),
        (Dialect::Spark | Dialect::Flink, DataType::Decimal { scale, .. }) => {
            format!("SUM(CAST({x} AS DECIMAL(38, {scale})))")
        }
        _ => format!("SUM({x})"),
    }
}

pub(super) fn sum(dialect: Dialect, ty: DataType, x: &str) -> String {
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
        // Up to 10^15 a unit is below 2^53, so a double holds it exactly, and the power fits 64 bits.
        DataType::Decimal { scale: scale @ 1..=15, .. } => 10i64.pow(scale.into()),
        _ => 1,
    }
}

pub(super) fn least(dialect: Dialect, ty: DataType, x: &str) -> String {
    match (dialect, ty) {
        (Dialect::DuckDb | Dialect::Postgres | Dialect::Spark, DataType::Bool) => format!("BOOL_AND({x})"),
        (Dialect::BigQuery, DataType::Bool) => format!("LOGICAL_AND({x})"),
        // Neither arm holds for NULL, so NULL is left out, as BOOL_AND leaves it out.
        (Dialect::Flink, DataType::Bool) => format!("MIN(CASE WHEN {x} THEN 1 WHEN NOT {x} THEN 0 END) = 1"),
        // A run orders text by its bytes; a database may have the collation of a language.
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
pub(super) fn spread(dialect: Dialect, ty: DataType, x: &str, sample: bool, root: bool) -> String {
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
    // A sample variance of one value is NULL in SQL, not a division by zero.
    let below = format!("NULLIF({}, 0)", words::to_double(dialect, &below));
    let variance = match unit {
        1 => format!("{above} / {below}"),
        unit => format!("{above} / ({below} * {:?})", unit as f64 * unit as f64),
    };
    if root { format!("SQRT({variance})") } else { variance }
}
