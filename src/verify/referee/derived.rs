//! Columns that a log derives as its records are read: Polars computes them from the columns of the files, and the event
//! time may be one of them.
//!
//! # Contract
//! As of [`super::typed`]: a record whose time is missing or cannot be read is left out where the plan rejects bad
//! records, else it is an error. A value that Polars cannot compute is an error in any case.

use super::clock::Clock;
use super::typed::{self, Typed, times_of};
use crate::batch::{DataType, Field};
use crate::error::{Error, Result};
use crate::input::derived::{Derived, DerivedFrom};
use crate::input::{OnBadRecord, ReadPlan};
use crate::sql::{self, Dialect, POSITION, Relation, TIME};
use crate::time::TimeRule;
use crate::verify::raw::{RawTable, is_computed};
use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_array::{Array, ArrayRef, BooleanArray, RecordBatch};

/// The name under which the rows of the files are known while others are computed.
const RECORDS: &str = "_records";

/// Gives the rows of a statement over relations of these names and columns.
pub type RunStatement<'a> = &'a mut dyn FnMut(&str, &Typed, &str) -> Result<RecordBatch>;

/// The rows of `relation`, as [`typed::rows`]: `run` computes a statement over one relation.
///
/// # Errors
/// As of [`typed::rows`]; what Polars cannot compute.
pub fn rows(relation: &Relation, raw: &RawTable, more: usize, run: RunStatement) -> Result<Typed> {
    let plan = relation.read;
    if plan.arrival.as_ref().is_some_and(|arrival| plan.derives(&arrival.column)) || plan.max_ahead.is_some()
    {
        return Err(Error::job("the referee cannot read arrivals together with derived columns")
            .hint("verify with another SQL engine: give its result as a file, or on stdin"));
    }
    let bare = bare(plan);
    let of_files = |field: &&Field| field.name != TIME && !is_computed(plan, &field.name);
    let mut fields: Vec<Field> = relation.fields.iter().filter(of_files).cloned().collect();
    // A name that no statement sees is one of the records all the same.
    for column in &bare.columns {
        if !fields.iter().any(|field| field.name == column.name) {
            fields.push(Field::new(&column.name, column.ty));
        }
    }
    if bare.time.rule != TimeRule::Untimed {
        fields.push(Field::new(TIME, DataType::Timestamp));
    }
    let bare_relation = Relation { name: relation.name.clone(), read: &bare, fields };
    let mut rows = typed::rows(&bare_relation, raw, more)?;
    for derived in &plan.derived {
        let DerivedFrom::Sql(expr) = &derived.from else { continue };
        let name = &plan.columns[derived.column].name;
        let ident = |name: &str| sql::words::ident(Dialect::Polars, name);
        let value = sql::expr::translate(Dialect::Polars, expr, &|i| ident(&plan.columns[i].name))?;
        let statement = format!("SELECT {value} AS {} FROM {RECORDS}", ident(name));
        let result = run(RECORDS, &rows, &statement)?;
        // Polars gives one row for an expression of constants alone; such an answer is not a column.
        let array = result.columns().first().filter(|array| array.len() == rows.rows);
        let array = array.ok_or_else(|| Error::data(format!("no column `{name}`")))?;
        rows.columns.push((Field::new(name, expr.ty()), array.clone()));
    }
    timed(relation, rows)
}

/// The plan of what is read of the files alone, and of their names.
fn bare(plan: &ReadPlan) -> ReadPlan {
    let mut bare = plan.clone();
    bare.columns.retain(|column| !is_computed(plan, &column.name));
    let files = plan.derived.iter().filter(|derived| matches!(derived.from, DerivedFrom::File));
    let files = files.map(|derived| {
        let name = &plan.columns[derived.column].name;
        let column = bare.columns.iter().position(|column| column.name == *name);
        Derived { column: column.unwrap_or(0), from: DerivedFrom::File }
    });
    bare.derived = files.collect();
    // The event time is read later, from the column that is computed.
    if is_computed(plan, &plan.time.column) {
        bare.time.rule = TimeRule::Untimed;
    }
    bare
}

/// The columns of the relation, with the event time where it is a derived column.
fn timed(relation: &Relation, rows: Typed) -> Result<Typed> {
    let plan = relation.read;
    let found = |name: &str| rows.columns.iter().find(|(field, _)| field.name == name);
    let column = |name: &str| found(name).map(|(_, array)| array);
    let missing = |name: &str| Error::data(format!("no column `{name}`"));
    let mut time: Option<ArrayRef> = column(TIME).cloned();
    if is_computed(plan, &plan.time.column) {
        let clock = Clock::of(plan.zone.name());
        let array = column(&plan.time.column).ok_or_else(|| missing(&plan.time.column))?;
        let read = times_of(array, &plan.time, &clock)?;
        if let (OnBadRecord::Fail, Some((row, what))) = (plan.on_bad_record, read.bad.first()) {
            let position = column(POSITION).map_or(0, |array| array.as_primitive::<Int64Type>().value(*row));
            return Err(Error::data(format!(
                "record {} of `{}`: column `{}`: {what}",
                position + 1,
                relation.name,
                plan.time.column
            )));
        }
        time = Some(read.array);
    }
    // Where bad records fail, the run has ended before: a NULL time is here a rejected record.
    let keep = time.as_ref().filter(|time| time.null_count() > 0).map(|time| {
        let keep: Vec<bool> = (0..time.len()).map(|row| time.is_valid(row)).collect();
        BooleanArray::from(keep)
    });
    let mut out = Typed { columns: vec![], rows: rows.rows, times: rows.times };
    for field in &relation.fields {
        let is_time = is_computed(plan, &plan.time.column) && field.name == plan.time.column;
        // A column that only a statement names may have become text.
        let (field, array) = match (&time, found(&field.name)) {
            (Some(time), _) if field.name == TIME || is_time => (field, time),
            (_, Some((field, array))) => (field, array),
            _ => return Err(missing(&field.name)),
        };
        out.push(field.clone(), array.clone(), keep.as_ref())?;
    }
    Ok(out)
}
