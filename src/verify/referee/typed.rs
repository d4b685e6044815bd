//! Raw records as columns of the job's types.
//!
//! # Contract
//! A record of which a value cannot be read exactly as its column's type, or whose time is missing or cannot be read,
//! is a bad record: left out where the plan rejects those, else an error that names it. One whose event time lies
//! further ahead of its arrival than `max_ahead` is left out in any case.

use super::clock::Clock;
use super::instants::{self, Rule};
use crate::batch::{DataType, Field};
use crate::error::{Error, Result};
use crate::input::{OnBadRecord, ReadColumn, ReadPlan, ReadTime};
use crate::sql::{ARRIVAL, OF_FILE, POSITION, Relation, TIME};
use crate::time::{FirstAndLast, TimeRule};
use crate::verify::raw::{self, RawTable, text, values};
use arrow_array::cast::AsArray;
use arrow_array::types::*;
use arrow_array::{
    Array, ArrayRef, ArrowPrimitiveType, BooleanArray, PrimitiveArray, StringViewArray, new_null_array,
};
use arrow_schema::DataType as ArrowType;
use rayon::prelude::*;
use std::sync::Arc;

/// The rows of a relation.
#[derive(Debug)]
pub struct Typed {
    /// Its columns, of the types of its fields.
    pub columns: Vec<(Field, ArrayRef)>,
    /// How many rows.
    pub rows: usize,
    /// The first and the last event time, where there is one.
    pub times: Option<FirstAndLast>,
}

impl Typed {
    /// The columns alone that `is_wanted` names, or one where it names none: the rows are to be counted all the same.
    pub fn with_columns(mut self, is_wanted: impl Fn(&str) -> bool) -> Typed {
        let one = self.columns.iter().find(|(field, _)| field.name == POSITION).cloned();
        self.columns.retain(|(field, _)| is_wanted(&field.name));
        if self.columns.is_empty() {
            self.columns.extend(one);
        }
        self
    }

    /// Adds a column, of the rows that are kept alone.
    ///
    /// # Errors
    /// A data error: there are not as many values as rows.
    pub fn push(&mut self, field: Field, array: ArrayRef, keep: Option<&BooleanArray>) -> Result<()> {
        let array = match keep {
            None => array,
            Some(keep) => arrow_select::filter::filter(&array, keep)
                .map_err(|e| Error::data(format!("the column `{}`", field.name)).caused_by(e))?,
        };
        if field.name == TIME {
            let times = array.as_primitive::<TimestampMicrosecondType>().values();
            self.times = FirstAndLast::of(times);
        }
        self.rows = array.len();
        self.columns.push((field, array));
        Ok(())
    }
}

/// The rows of `relation`, of which `raw` are the records. Its last `more` columns are none of the job's: they make no record a bad one, but are text
/// where one of their values cannot be read.
///
/// # Errors
/// A data error: bad records where the plan does not reject them.
pub fn rows(relation: &Relation, raw: &RawTable, more: usize) -> Result<Typed> {
    let plan = relation.read;
    let clock = Clock::of(plan.zone.name());
    let event_time = match raw::time_column(plan) {
        Some(_) => Some(times(raw, &plan.time, &clock)?),
        None => None,
    };
    // An arrival that is the event time itself is not read twice.
    let arrival = plan.arrival.as_ref().filter(|arrival| **arrival != plan.time);
    let mut arrival = arrival.map(|arrival| times(raw, arrival, &clock)).transpose()?;
    if let (true, Some(arrival), Some(time)) = (plan.arrival_optional, &mut arrival, &event_time) {
        arrive_with(arrival, time, raw, plan);
    }

    let read = |column: &ReadColumn| -> Result<TypedColumn> {
        let copy_of = |time: &ReadTime| column.ty == DataType::Timestamp && time.column == column.name;
        if let Some(time) = event_time.as_ref().filter(|_| copy_of(&plan.time)) {
            return Ok(TypedColumn { array: time.array.clone(), bad: vec![] });
        }
        if let Some(arrival) = arrival.as_ref().filter(|_| plan.arrival.as_ref().is_some_and(copy_of)) {
            return Ok(TypedColumn { array: arrival.array.clone(), bad: vec![] });
        }
        let array =
            raw.column(&column.name).ok_or_else(|| Error::data(format!("no column `{}`", column.name)))?;
        cast(array, column, &clock)
    };
    let columns: Vec<Result<TypedColumn>> = plan.columns.par_iter().map(read).collect();
    let mut columns = columns.into_iter().collect::<Result<Vec<TypedColumn>>>()?;
    let own = columns.len() - more;
    let mut fields = relation.fields.clone();
    for (column, read) in plan.columns.iter().zip(&mut columns).skip(own) {
        let unread = !std::mem::take(&mut read.bad).is_empty();
        if let Some(array) = raw.column(&column.name).filter(|_| unread) {
            read.array = text::of(array)?;
            let field = fields.iter_mut().find(|field| field.name == column.name);
            field.into_iter().for_each(|field| field.ty = DataType::String);
        }
    }

    let named = plan.columns.iter().map(|column| column.name.as_str()).zip(&columns);
    let own = event_time.iter().map(|time| (plan.time.column.as_str(), time));
    let own = own.chain(plan.arrival.iter().map(|time| time.column.as_str()).zip(&arrival));
    let keep = kept(plan, raw, own.chain(named), event_time.as_ref(), arrival.as_ref())?;

    let mut out = Typed { columns: vec![], rows: raw.rows, times: None };
    for field in fields {
        let array = match field.name.as_str() {
            POSITION => raw.column(POSITION).cloned(),
            TIME => event_time.as_ref().map(|time| time.array.clone()),
            ARRIVAL => arrival.as_ref().or(event_time.as_ref()).map(|time| time.array.clone()),
            OF_FILE => raw.column(OF_FILE).cloned(),
            // Of a name that comes twice, the first.
            name => plan.columns.iter().position(|c| c.name == name).map(|i| columns[i].array.clone()),
        };
        let array = array.ok_or_else(|| Error::data(format!("no column `{}`", field.name)))?;
        out.push(field, array, keep.as_ref())?;
    }
    Ok(out)
}

/// Records without an arrival arrive at their event time, and are no bad ones.
fn arrive_with(arrival: &mut TypedColumn, time: &TypedColumn, raw: &RawTable, plan: &ReadPlan) {
    let column = plan.arrival.as_ref().and_then(|arrival| raw.column(&arrival.column));
    arrival.bad.retain(|(row, _)| column.is_none_or(|column| column.is_valid(*row)));
    let instants = |read: &TypedColumn| read.array.as_primitive::<TimestampMicrosecondType>().clone();
    let filled: PrimitiveArray<TimestampMicrosecondType> =
        instants(arrival).iter().zip(&instants(time)).map(|(arrival, time)| arrival.or(time)).collect();
    arrival.array = Arc::new(filled.with_data_type(DataType::Timestamp.arrow()));
}

/// The rows that are no bad records, if there are such; or the error for the first one.
fn kept<'a>(
    plan: &ReadPlan,
    raw: &RawTable,
    columns: impl Iterator<Item = (&'a str, &'a TypedColumn)>,
    event_time: Option<&TypedColumn>,
    arrival: Option<&TypedColumn>,
) -> Result<Option<BooleanArray>> {
    let mut keep = vec![true; raw.rows];
    // Records that are ahead of their arrival are no faults, whatever else is wrong with them.
    if let (Some(most), Some(time)) = (plan.max_ahead, event_time) {
        let instants = |read: &TypedColumn| read.array.as_primitive::<TimestampMicrosecondType>().clone();
        // A record without an arrival of its own arrives at its event time, and so it is never ahead.
        let (times, arrivals) = (instants(time), instants(arrival.unwrap_or(time)));
        for (row, keep) in keep.iter_mut().enumerate() {
            *keep = times.is_null(row)
                || arrivals.is_null(row)
                || times.value(row) <= arrivals.value(row).saturating_add(most);
        }
    }
    let mut first: Option<(usize, &str, &str)> = None;
    for (name, read) in columns {
        for (row, what) in &read.bad {
            // The error names the first bad record by position, in whichever column it was found first.
            if plan.on_bad_record == OnBadRecord::Fail
                && keep[*row]
                && first.is_none_or(|(known, ..)| *row < known)
            {
                first = Some((*row, name, what));
            }
        }
        if plan.on_bad_record == OnBadRecord::Reject {
            read.bad.iter().for_each(|(row, _)| keep[*row] = false);
        }
    }
    if let Some((row, name, what)) = first {
        let position = raw.column(POSITION).map_or(0, |p| p.as_primitive::<Int64Type>().value(row));
        let (file, number) = raw.place(position as u64);
        let path = plan.files.get(file).map(|file| file.path.clone()).unwrap_or_default();
        return Err(raw::bad_record(&path, number, &format!("column `{name}`: {what}")));
    }
    Ok((!keep.iter().all(|keep| *keep)).then(|| BooleanArray::from(keep)))
}

/// A column, and the rows whose value could not be read.
pub(super) struct TypedColumn {
    pub array: ArrayRef,
    pub bad: Vec<(usize, String)>,
}

/// The values that are there, each read by `read`.
fn each<V, T: ArrowPrimitiveType>(
    values: impl Iterator<Item = Option<V>>,
    ty: ArrowType,
    mut read: impl FnMut(V) -> std::result::Result<T::Native, String>,
) -> TypedColumn {
    let mut bad = vec![];
    let read = values.enumerate().map(|(row, value)| match read(value?) {
        Ok(value) => Some(value),
        Err(what) => {
            bad.push((row, what));
            None
        }
    });
    let array: PrimitiveArray<T> = read.collect();
    TypedColumn { array: Arc::new(array.with_data_type(ty)), bad }
}

/// An event time or arrival: as each, and NULL is bad.
fn times(raw: &RawTable, time: &ReadTime, clock: &Clock) -> Result<TypedColumn> {
    let array =
        raw.column(&time.column).ok_or_else(|| Error::data(format!("no column `{}`", time.column)))?;
    times_of(array, time, clock)
}

/// As [`times`], of these values.
pub(super) fn times_of(array: &ArrayRef, time: &ReadTime, clock: &Clock) -> Result<TypedColumn> {
    let rule = Rule::of(&time.rule)?;
    let no_time = |text: &dyn std::fmt::Display| format!("`{text}` is not a time that can be read");
    let ty = DataType::Timestamp.arrow();
    let mut read = match array.data_type() {
        ArrowType::Utf8View => {
            let read = |t: &str| clock.text(t, &rule).ok_or_else(|| no_time(&t));
            each::<_, TimestampMicrosecondType>(array.as_string_view().iter(), ty, read)
        }
        // A format may read digits alone, as `%Y%m%d` does.
        found
            if found.is_integer() && time.rule != TimeRule::Iso
                || found.is_numeric() && matches!(rule, Rule::Epoch(_)) =>
        {
            let wide = text::of(array)?;
            let read = |t: &str| clock.text(t, &rule).ok_or_else(|| no_time(&t));
            each::<_, TimestampMicrosecondType>(wide.as_string_view().iter(), ty, read)
        }
        ArrowType::Null | ArrowType::Date32 | ArrowType::Date64 | ArrowType::Timestamp(..) => {
            let mut read = instants(array, clock)?;
            let known = read.array.as_primitive::<TimestampMicrosecondType>().clone();
            // Parquet can hold instants outside 1900 to 2200; they are bad records as texts of them are.
            let believed = |t: i64| clock.event_time(t).ok_or_else(|| no_time(&t));
            let mut again = each::<_, TimestampMicrosecondType>(known.iter(), ty, believed);
            again.bad.append(&mut read.bad);
            again
        }
        other => {
            return Err(Error::data(format!(
                "the time column `{}` is {other}, which is not a time",
                time.column
            )));
        }
    };
    let known: std::collections::HashSet<usize> = read.bad.iter().map(|(row, _)| *row).collect();
    let missing = (0..read.array.len()).filter(|row| read.array.is_null(*row) && !known.contains(row));
    let missing: Vec<_> = missing.map(|row| (row, "the time is missing".to_string())).collect();
    read.bad.extend(missing);
    Ok(read)
}

/// The instants of a column of dates or timestamps: local ones in the clock's zone.
fn instants(array: &ArrayRef, clock: &Clock) -> Result<TypedColumn> {
    let failed = |e| Error::data("a column of times").caused_by(e);
    let ty = DataType::Timestamp.arrow();
    let in_zone = |t: i64| clock.local(t).ok_or_else(|| values::not_a(&t.to_string(), "timestamp"));
    Ok(match array.data_type() {
        ArrowType::Timestamp(unit, zone) => {
            let micros = text::micros(array, *unit)?;
            let values = micros.as_primitive::<TimestampMicrosecondType>();
            match zone {
                Some(_) => each::<_, TimestampMicrosecondType>(values.iter(), ty, Ok),
                None => each::<_, TimestampMicrosecondType>(values.iter(), ty, in_zone),
            }
        }
        ArrowType::Null => TypedColumn { array: new_null_array(&ty, array.len()), bad: vec![] },
        _ => {
            let days = arrow_cast::cast(array, &ArrowType::Date32).map_err(failed)?;
            let midnight = |day: i32| in_zone(i64::from(day) * 86_400_000_000);
            each::<_, TimestampMicrosecondType>(days.as_primitive::<Date32Type>().iter(), ty, midnight)
        }
    })
}

/// A column as the plan wants it.
fn cast(array: &ArrayRef, column: &ReadColumn, clock: &Clock) -> Result<TypedColumn> {
    let ty = column.ty;
    let found = array.data_type();
    let same = *found == ty.arrow() && !matches!(ty, DataType::Timestamp | DataType::Json);
    if same {
        return Ok(TypedColumn { array: array.clone(), bad: vec![] });
    }
    if *found == ArrowType::Null {
        return Ok(TypedColumn { array: new_null_array(&ty.arrow(), array.len()), bad: vec![] });
    }
    if ty == DataType::Timestamp && *found != ArrowType::Utf8View {
        return match found {
            ArrowType::Date32 | ArrowType::Date64 | ArrowType::Timestamp(..) => instants(array, clock),
            _ => Err(impossible(found, column)),
        };
    }
    let number = found.is_integer() || found.is_floating() || found.is_decimal();
    let possible = match ty {
        DataType::String | DataType::Json => true,
        DataType::Int64 => number,
        DataType::Float64 => number,
        // A float is not an exact decimal, and a cast would have to guess its digits.
        DataType::Decimal { .. } => number && !found.is_floating(),
        _ => false,
    };
    if *found != ArrowType::Utf8View && !possible && !(ty == DataType::Date && *found == ArrowType::Date64) {
        return Err(impossible(found, column));
    }
    if found.is_floating() && ty == DataType::Float64 {
        let wide = arrow_cast::cast(array, &ArrowType::Float64).map_err(|_| impossible(found, column))?;
        return Ok(TypedColumn { array: wide, bad: vec![] });
    }
    let texts = text::of(array)?;
    let exact = found.is_integer();
    Ok(of_text(texts.as_string_view(), column, clock, exact))
}

fn impossible(found: &ArrowType, column: &ReadColumn) -> Error {
    Error::data(format!("column `{}` is {found} and cannot be read as {}", column.name, column.ty))
}

/// A column of texts as the plan wants it; `exact` says that a float may not round them.
fn of_text(texts: &StringViewArray, column: &ReadColumn, clock: &Clock, exact: bool) -> TypedColumn {
    let ty = column.ty.arrow();
    let values = texts.iter();
    match column.ty {
        DataType::String => TypedColumn { array: Arc::new(texts.clone()), bad: vec![] },
        DataType::Json => {
            let no_json = |text: &str| serde_json::from_str::<serde_json::Value>(text).is_err();
            let bad = values.enumerate().filter_map(|(row, text)| {
                let text = text.filter(|text| !text.is_empty() && no_json(text))?;
                Some((row, values::not_a(text, column.ty)))
            });
            TypedColumn { bad: bad.collect(), array: Arc::new(texts.clone()) }
        }
        DataType::Int64 => each::<_, Int64Type>(values, ty, |t| values::integer(t, column.inferred)),
        DataType::Float64 if exact => each::<_, Float64Type>(values, ty, |t| {
            let float = values::float(t)?;
            // Above 2^53 not every integer is a float. One that would be rounded is a bad value.
            (t.parse() == Ok(float as i128)).then_some(float).ok_or_else(|| values::not_a(t, column.ty))
        }),
        DataType::Float64 => each::<_, Float64Type>(values, ty, values::float),
        DataType::Date => each::<_, Date32Type>(values, ty, instants::date),
        DataType::Decimal { precision, scale } => {
            each::<_, Decimal128Type>(values, ty, |t| values::decimal(t, precision, scale))
        }
        DataType::Timestamp => each::<_, TimestampMicrosecondType>(values, ty, |t| {
            clock.text(t, &Rule::Iso).ok_or_else(|| values::not_a(t, column.ty))
        }),
        DataType::Bool => {
            let mut bad = vec![];
            let read = values.enumerate().map(|(row, t)| match values::boolean(t?) {
                Ok(value) => Some(value),
                Err(what) => {
                    bad.push((row, what));
                    None
                }
            });
            let array: BooleanArray = read.collect();
            TypedColumn { array: Arc::new(array), bad }
        }
    }
}
