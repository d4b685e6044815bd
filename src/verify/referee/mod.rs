//! The embedded referee: Polars runs SQL over the raw records.
//!
//! # Contract
//! * Nothing of it is shared with the engine: files are read by [`super::raw`], values by std and `chrono`, and all
//!   that computes is Polars.
//! * The statement sees the relations of [`crate::sql::relations`]. An instant is a `Datetime` in microseconds, shown in
//!   the job's time zone: `EXTRACT(month FROM …)` is the month there.
//! * The result has the types of [`DataType`]: integers of all widths are int64 (wider ones decimal), a `Datetime`
//!   without a zone is UTC.
//! * [`run`] holds all records at once. [`run_output`] gives the same rows from parts of them where there are many.

mod bridge;
mod clock;
mod clocks;
mod cut;
mod days;
mod derived;
#[cfg(test)]
mod expressions;
mod formats;
mod in_parts;
mod instants;
mod parts;
mod stages;
mod typed;

use crate::batch::{DataType, Field, Schema};
use crate::error::{Error, Result};
use crate::plan::Plan;
use crate::process;
use crate::sql::{self, Relation};
use crate::time::FirstAndLast;
use crate::verify::{raw, wide};
use arrow_array::{Array, ArrayRef, RecordBatch, RecordBatchOptions};
use clock::Clock;
pub use in_parts::{past_memory, run_output};
use polars::prelude as pl;
use polars::prelude::{IntoLazy, NamedFrom};
use polars::sql::SQLContext;
use std::sync::{Arc, OnceLock};
use typed::Typed;

/// The result of `query`, a statement in the dialect of Polars, over the relations of `plan`. Its columns are of
/// the types that [`crate::batch::DataType`] has.
///
/// # Errors
/// A job error: wrong SQL. A data error: input that cannot be read, an overflow.
pub fn run(plan: &Plan, query: &str) -> Result<RecordBatch> {
    referee(plan, query, false)
}

/// As [`run`], for a statement of a user's: the relations also have the columns of the files that the job does not
/// read, if the statement names them.
///
/// # Errors
/// As of [`run`].
pub fn run_own(plan: &Plan, query: &str) -> Result<RecordBatch> {
    referee(plan, query, true)
}

fn referee(plan: &Plan, query: &str, own: bool) -> Result<RecordBatch> {
    start()?;
    let mut frames = vec![];
    let mut times: Option<FirstAndLast> = None;
    for relation in sql::relations(plan)? {
        let more = if own { wide::columns(plan, &relation.name, query) } else { vec![] };
        let mut read = relation.read.clone();
        read.columns.extend(more.iter().cloned());
        let mut fields: Vec<Field> = more.iter().map(|column| Field::new(&column.name, column.ty)).collect();
        // The columns of the statement alone come last: their number tells `rows` which they are.
        fields.splice(0..0, relation.fields.iter().cloned());
        let wide = Relation { name: relation.name.clone(), read: &read, fields };
        let typed = rows(plan, &wide, &raw::read(&wide)?, more.len())?;
        // Calendar windows lie around events of the source; the times of tables may reach further.
        if relation.name == "source" {
            times = typed.times.or(times);
        }
        frames.push((relation.name.clone(), frame(plan, &typed)?));
    }
    answer(plan, query, &frames, times)
}

/// The rows of `relation`, of which `raw` are the records. Its last `more` columns are none of the job's.
fn rows(plan: &Plan, relation: &Relation, raw: &raw::RawTable, more: usize) -> Result<Typed> {
    if relation.read.derived.is_empty() {
        return typed::rows(relation, raw, more);
    }
    let mut context = empty(plan);
    derived::rows(relation, raw, more, &mut |name, typed, statement| {
        context.register(name, frame(plan, typed)?.lazy());
        result(collect(plan, &mut context, statement)?)
    })
}

/// A context that has the functions of ours, and no relation.
fn empty(plan: &Plan) -> SQLContext {
    let registry = Arc::new(clocks::ClockFunctions::of(plan.zone.name()));
    SQLContext::new().with_function_registry(registry)
}

/// The rows of a statement over relations; `times` are those of the source.
fn answer(
    plan: &Plan,
    query: &str,
    relations: &[(String, pl::DataFrame)],
    times: Option<FirstAndLast>,
) -> Result<RecordBatch> {
    let mut context = empty(plan);
    for (name, frame) in relations {
        context.register(name, frame.clone().lazy());
    }
    let zone = plan.zone.name();
    for (name, offset) in sql::day_relations(plan) {
        let days = days::days(
            &Clock::of(zone),
            times.unwrap_or(FirstAndLast::new(0, 0)),
            days::around(plan),
            offset,
        );
        let column =
            |(name, ty, array): &(&str, DataType, ArrayRef)| bridge::to_polars(name, *ty, array, zone);
        let rows = days[0].2.len();
        let frame = days.iter().map(column).collect::<pl::PolarsResult<Vec<_>>>();
        let frame = frame.and_then(|columns| pl::DataFrame::new(rows, columns));
        context.register(&name, frame.map_err(|e| refused(plan, &e))?.lazy());
    }
    let stages = stages::of(query);
    for (name, statement) in &stages.first {
        let frame = collect(plan, &mut context, statement)?;
        context.register(name, frame.lazy());
    }
    result(collect(plan, &mut context, &stages.last)?)
}

/// Rows as Polars has them.
fn frame(plan: &Plan, rows: &Typed) -> Result<pl::DataFrame> {
    let zone = plan.zone.name();
    let columns = rows.columns.iter();
    let columns = columns.map(|(field, array)| bridge::to_polars(&field.name, field.ty, array, zone));
    let frame = columns.collect::<pl::PolarsResult<Vec<_>>>();
    frame.and_then(|columns| pl::DataFrame::new(rows.rows, columns)).map_err(|e| refused(plan, &e))
}

/// Starts the threads of Polars, once: it panics in any call where they cannot be started.
///
/// # Errors
/// They cannot be started.
fn start() -> Result<()> {
    static STARTED: OnceLock<std::result::Result<(), String>> = OnceLock::new();
    let started = STARTED.get_or_init(|| {
        // Polars warns, on stderr, of what will change in its own API: nothing that who writes a job could act on.
        polars::error::set_warning_function(|_, _| {});
        let column = pl::Series::new("x".into(), &[1i64, 2]).into();
        // Two parts that are no literals are computed on its threads.
        let sum = (pl::col("x") + pl::lit(1)) * (pl::col("x") + pl::lit(2));
        let sum = || pl::DataFrame::new(2, vec![column])?.lazy().select([sum]).collect();
        process::caught(sum).map(drop).map_err(|panic| panic.message)
    });
    started.clone().map_err(process::no_threads)
}

/// The rows of a statement, for tests.
#[cfg(test)]
fn collect_frame(context: &mut SQLContext, statement: &str) -> std::result::Result<pl::DataFrame, String> {
    match process::caught(|| context.execute(statement).and_then(|frame| frame.collect())) {
        Ok(frame) => frame.map_err(|e| e.to_string()),
        Err(panic) => Err(panic.message),
    }
}

/// The rows of a statement.
fn collect(plan: &Plan, context: &mut SQLContext, statement: &str) -> Result<pl::DataFrame> {
    // Polars panics at what it was built without, as groups by one decimal.
    let run = || context.execute(statement).and_then(|frame| frame.collect());
    match process::caught(run) {
        Ok(frame) => frame.map_err(|e| refused(plan, &e)),
        Err(panic) => Err(Error::job("Polars cannot run the statement")
            .caused_by(panic.message)
            .hint("Polars cannot group by a single decimal: cast the decimal to VARCHAR, or group by more")),
    }
}

/// The rows of a frame as a batch of our types.
fn result(frame: pl::DataFrame) -> Result<RecordBatch> {
    let rows = frame.height();
    let mut fields = vec![];
    let mut arrays = vec![];
    for column in frame.columns() {
        let name = column.name().to_string();
        let (column, ty) = plain(column, &name)?;
        let failed = |e: pl::PolarsError| {
            Error::data(format!("the column `{name}` of Polars' result does not fit {ty}"))
                .caused_by(first_line(&e))
        };
        let nulls = column.null_count();
        let array = bridge::to_arrow(column, ty).map_err(failed)?;
        // Polars makes NULL of a value that does not fit, so a NULL more is such a value.
        if array.null_count() != nulls {
            return Err(Error::data(format!(
                "a value of the column `{name}` of Polars' result does not fit {ty}"
            )));
        }
        fields.push(Field::new(name, ty));
        arrays.push(array);
    }
    let options = RecordBatchOptions::new().with_row_count(Some(rows));
    RecordBatch::try_new_with_options(Schema::new(fields).arrow(), arrays, &options)
        .map_err(|e| Error::data("Polars' result cannot be read").caused_by(e))
}

/// A column in a type that one of ours holds.
fn plain(column: &pl::Column, name: &str) -> Result<(pl::Column, DataType)> {
    let found = column.dtype().clone();
    let cast = |to: pl::DataType| {
        column.strict_cast(&to).map_err(|e| {
            Error::data(format!("the column `{name}` of Polars' result, {found}, cannot be read"))
                .caused_by(first_line(&e))
        })
    };
    match &found {
        pl::DataType::Int128 | pl::DataType::UInt128 => {
            Ok((cast(pl::DataType::Decimal(38, 0))?, DataType::Decimal { precision: 38, scale: 0 }))
        }
        pl::DataType::UInt64 => match cast(pl::DataType::Int64) {
            Ok(column) => Ok((column, DataType::Int64)),
            Err(_) => {
                Ok((cast(pl::DataType::Decimal(20, 0))?, DataType::Decimal { precision: 20, scale: 0 }))
            }
        },
        _ => match bridge::data_type(&found) {
            Some(ty) => Ok((column.clone(), ty)),
            None => Err(Error::job(format!(
                "the column `{name}` of Polars' result is {found}, which a column cannot hold"
            ))
            .hint(format!("cast it in the statement, as in CAST({name} AS VARCHAR)"))),
        },
    }
}

/// The error for a statement that Polars does not run, in its words.
fn refused(plan: &Plan, cause: &pl::PolarsError) -> Error {
    let words = first_line(cause);
    match cause {
        pl::PolarsError::ComputeError(_) | pl::PolarsError::OutOfBounds(_) | pl::PolarsError::NoData(_) => {
            Error::data("Polars cannot compute the statement").caused_by(words)
        }
        _ => {
            let error = Error::job("Polars refuses the statement").caused_by(&words);
            if words.contains("group_by keys contained duplicate output name") {
                return error.hint("Polars gives expressions over one column the same name: group by position, as in GROUP BY 1, 2");
            }
            // A name that is not found stands in quotes.
            let Some(name) = words.split(['"', '\'']).nth(1).filter(|_| words.contains("found")) else {
                return error;
            };
            let relations = sql::relations(plan).unwrap_or_default();
            let columns =
                relations.iter().flat_map(|relation| relation.fields.iter().map(|f| f.name.as_str()));
            error.nearest(name, relations.iter().map(|relation| relation.name.as_str()).chain(columns))
        }
    }
}

fn first_line(cause: &pl::PolarsError) -> String {
    cause.to_string().lines().next().unwrap_or("").to_string()
}
