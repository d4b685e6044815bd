//! What both ways to join a table share: its rows, its name in CTEs, and what cannot be said of it.

use crate::asof::{Direction, Reach};
use crate::batch::DataType;
use crate::error::{Error, Result};
use crate::expr::Expr;
use crate::plan::{EnrichPlan, Step, TablePlan};
use crate::sql::statement::{Select, Statement};
use crate::sql::{Dialect, TIME, words};
use arrow_array::cast::AsArray;
use arrow_array::types::{Date32Type, Decimal128Type, Float64Type, Int64Type, TimestampMicrosecondType};
use arrow_array::{Array, ArrayRef};

/// The error of a try that asks a service.
pub(super) fn no_service(s: &Statement, enrich: &EnrichPlan) -> Error {
    let what = format!("the answers of a service (`{}`), which are not in a file,", enrich.from);
    s.refuse(what).hint("verify the steps before it, or use a lookup in a file")
}

/// A table's name, or of a path the name of the file.
pub(super) fn short(from: &str) -> &str {
    let name = from.rsplit(['/', '\\']).next().unwrap_or(from);
    name.split('.').next().unwrap_or(name)
}

/// Fails where rows of a change log end in a way that is not put into SQL: the nearest row before an event tells alone whether
/// there is one.
pub(super) fn deletes_can_be_said(s: &Statement, table: &TablePlan, reach: &Reach) -> Result<()> {
    if table.index.op.is_none() {
        return Ok(());
    }
    let what = match (table.index.fill, reach.direction) {
        (true, _) => "`fill`",
        (false, Direction::Forward | Direction::Nearest) => "`match = \"forward\"` and \"nearest\"",
        _ if table.read.deletes => "an event time that is not the log's own (`_timestamp`, `_source_ts`)",
        _ => return Ok(()),
    };
    let what = format!("{what} over a table of change events, of which deletes end rows,");
    let filter = format!("filter = \"_op <> 'd'\" in [table.{}]", table.name);
    Err(s
        .refuse(what)
        .hint("verify the steps before it")
        .hint(format!("or, if rows stay valid after a delete: {filter}")))
}

/// The rows of a table after its steps.
pub(super) fn rows(s: &mut Statement, (number, t): (usize, usize), table: &TablePlan) -> Result<String> {
    let mut last = s.ident(&table.name);
    for (i, step) in (1..).zip(&table.steps) {
        let column = |number: usize| words::ident(s.dialect, &table.rows.fields[number].name);
        let translate = |expr: &Expr| crate::sql::expr::translate(s.dialect, expr, &column);
        let (what, select) = match step {
            Step::Filter(expr) => ("filter", Select::new(["*"], &last).filter(translate(expr)?)),
            Step::Derive(name, expr) => {
                let derived = format!("{} AS {}", translate(expr)?, words::ident(s.dialect, name));
                ("derive", Select::new(["*".to_string(), derived], &last))
            }
            _ => continue,
        };
        let again = if t > 1 { format!("_{t}") } else { String::new() };
        last = s.with(&format!("{}_{what}_{number}_{i}{again}", short(&table.name)), select);
    }
    Ok(last)
}

/// The only value of `array` as a literal.
pub(super) fn constant(dialect: Dialect, array: &ArrayRef, ty: DataType) -> String {
    let name = words::type_name(dialect, ty);
    if array.is_null(0) {
        return format!("CAST(NULL AS {name})");
    }
    match ty {
        DataType::String | DataType::Json => words::text(dialect, array.as_string_view().value(0)),
        DataType::Bool => (if array.as_boolean().value(0) { "TRUE" } else { "FALSE" }).into(),
        DataType::Int64 => format!("CAST({} AS {name})", array.as_primitive::<Int64Type>().value(0)),
        DataType::Float64 => {
            // Debug prints the shortest digits that read back as this double. As text they also hold NaN and
            // infinity.
            let value = array.as_primitive::<Float64Type>().value(0);
            format!("CAST('{value:?}' AS {name})")
        }
        DataType::Decimal { .. } => {
            format!("CAST('{}' AS {name})", array.as_primitive::<Decimal128Type>().value_as_string(0))
        }
        DataType::Date => {
            let day = i64::from(array.as_primitive::<Date32Type>().value(0));
            let (year, month, day) = crate::time::civil_from_days(day);
            format!("DATE '{year:04}-{month:02}-{day:02}'")
        }
        DataType::Timestamp => {
            let micros = array.as_primitive::<TimestampMicrosecondType>().value(0);
            words::from_micros_like(dialect, &micros.to_string(), &format!("e.{TIME}"))
        }
    }
}
