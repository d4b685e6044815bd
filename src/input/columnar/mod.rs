//! From the arrays of a file that has types of its own (Parquet, Avro) to a batch of the plan's types.
//!
//! # Contract
//! * A value reaches the plan's type exactly, or its row is a bad record. A column whose type can
//!   never do so is an error before any row is read.
//! * A timestamp without a zone is local time in the plan's zone.

mod convert;
mod converted;
mod event_time;
mod faults;
mod nested;
mod rare;
mod types;

pub(super) use self::converted::with_point;
pub(super) use convert::possible;
pub(super) use event_time::{TimeColumnName, check, prunable, times};
pub(super) use faults::{CellFault, CellFaults};
pub(super) use rare::time_of_day;

use super::bad::BadRecords;
use super::decoded::DecodedChunk;
use super::times::TimeRole;
use super::value::as_string;
use super::{BadRecord, ReadColumn, ReadPlan, ReadTime};
use crate::batch::{Batch, DataType, Position};
use crate::error::{Error, Result};
use crate::time::{TimeParser, Zone};
use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, BooleanArray, TimestampMicrosecondArray, UInt32Array, new_null_array};
use arrow_cast::display::{ArrayFormatter, FormatOptions};
use arrow_schema::DataType as ArrowType;
use faults::damaged;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
pub(super) use types::{ColumnOrigin, FileColumn, FileColumns, FileType, FromName};

/// The error for a `column` that the file at `path` has as `found`, which cannot be the plan's type.
pub(super) fn not_read_as(column: &ReadColumn, path: &Path, found: &FileType) -> Error {
    let error = Error::data(format!(
        "column `{}` of {} is {} and cannot be read exactly as {}",
        column.name,
        path.display(),
        found.name,
        column.ty
    ));
    // What another file made of it may not be what this one has.
    match column.inferred && possible(found, DataType::String) {
        true => error.hint(format!("declare a type that holds both: {}", as_string(&column.name))),
        false => error,
    }
}

/// The error for a `column` that the file at `path` has as a record, list or map.
pub(super) fn not_plain(column: &ReadColumn, path: &Path, found: &str) -> Error {
    let article = if found.starts_with(['a', 'e', 'i', 'o']) { "an" } else { "a" };
    Error::data(format!(
        "column `{}` of {} is {article} {found} and cannot be read as {}",
        column.name,
        path.display(),
        column.ty
    ))
    .hint(format!("read its JSON text: {}", as_string(&column.name)))
    .hint("or name one of its fields, as in `a.b`")
}

/// The error for a time column that the file at `path` does not have, or has as a record, list or map.
pub(super) fn no_time_column(
    path: &Path,
    name: &str,
    role: TimeRole,
    found: Option<&str>,
    names: &[String],
) -> Error {
    let (word, path) = (role.word(), path.display());
    match found {
        Some(ty) => {
            Error::data(format!("the {word} column `{name}` of {path} is a {ty}, which is not a time"))
        }
        None => Error::data(format!("{path} has no column `{name}`, the source's {word}"))
            .nearest(name, names.iter().map(String::as_str)),
    }
}

/// Reads the times by the rule of `read`.
pub(super) fn parser(plan: &ReadPlan, read: &ReadTime) -> TimeParser {
    TimeParser::new(read.rule.clone(), plan.zone.clone())
}

/// `value`, an array of one, as the type of `column`; or why it cannot be.
pub(super) fn constant(
    value: &ArrayRef,
    of: &FileType,
    column: &ReadColumn,
    zone: &Zone,
    path: &Path,
) -> Result<std::result::Result<ArrayRef, String>> {
    let mut faults = CellFaults::default();
    let array = convert::convert(value, of.uuid, column, zone, &mut faults, path)?;
    Ok(match faults.iter().next() {
        Some(fault) => Err(fault.reason.clone()),
        None => Ok(array),
    })
}

/// What turns arrays of a file into batches of the plan.
pub(super) struct Assembler {
    plan: Arc<ReadPlan>,
    path: PathBuf,
    ordinal: u32,
    columns: Vec<ColumnOrigin>,
    event_time: TimeParser,
    /// Where the arrival is not the event time.
    arrival: Option<TimeParser>,
}

/// The arrays of some rows of a file.
pub(super) struct Arrays {
    pub rows: usize,
    /// The number, in the file, of the first row.
    pub first_row: u64,
    /// The event time, where it is read.
    pub time: Option<ArrayRef>,
    /// The arrival, where it is read and not the event time.
    pub arrival: Option<ArrayRef>,
    /// Per column of the plan, what is there: the column itself, or, of one with a default, an array
    /// that is NULL where the record around it is.
    pub columns: Vec<Option<ArrayRef>>,
    /// What is known to be wrong.
    pub faults: CellFaults,
}

impl Assembler {
    /// For the file number `ordinal` at `path`; `columns` are the origins of the plan's columns.
    pub fn new(plan: &Arc<ReadPlan>, path: &Path, ordinal: u32, columns: Vec<ColumnOrigin>) -> Assembler {
        Assembler {
            plan: plan.clone(),
            path: path.to_path_buf(),
            ordinal,
            columns,
            event_time: parser(plan, &plan.time),
            arrival: plan.own_arrival().map(|read| parser(plan, read)),
        }
    }

    /// The rows of `arrays`, and those of them that are bad; `raw` shows a row to people, in at most
    /// [`BadRecord::MAX_RAW`] bytes.
    ///
    /// # Errors
    /// Data: arrays that are not what the file said of them.
    pub fn assemble(
        &mut self,
        arrays: Arrays,
        raw: impl Fn(usize) -> String,
        mut bad: BadRecords,
    ) -> Result<DecodedChunk> {
        let Arrays { rows, first_row, time, arrival, columns, mut faults } = arrays;
        let time = match time {
            None => vec![0; rows],
            Some(array) => {
                let of = TimeColumnName { name: &self.plan.time.column, role: TimeRole::EventTime };
                let read = times(&array, of, &mut self.event_time, &self.path)?;
                faults.append(read.faults);
                read.time
            }
        };
        let arrival = match (arrival, self.plan.own_arrival(), &mut self.arrival) {
            (Some(array), Some(read), Some(parser)) => {
                let of = TimeColumnName { name: &read.column, role: TimeRole::Arrival };
                let mut read = times(&array, of, parser, &self.path)?;
                if self.plan.arrival_optional {
                    // A dictionary may lead to a NULL, which only the logical nulls show.
                    let nulls = array.logical_nulls();
                    let is_null = |row: usize| nulls.as_ref().is_some_and(|nulls| nulls.is_null(row));
                    read.faults.retain(|row| !is_null(row));
                    (0..rows).filter(|&row| is_null(row)).for_each(|row| read.time[row] = time[row]);
                }
                faults.append(read.faults);
                read.time
            }
            _ => self.plan.arrivals(&time, vec![]),
        };
        if self.plan.max_ahead.is_some() {
            for (row, (&time, &arrival)) in time.iter().zip(&arrival).enumerate() {
                if let Some(reason) = self.plan.ahead(time, arrival) {
                    let column = self.plan.time.column.clone();
                    faults.push(CellFault { row, column, reason, hint: None, aside: true });
                }
            }
        }
        let mut out: Vec<ArrayRef> = Vec::with_capacity(self.columns.len());
        for ((origin, column), array) in self.columns.iter().zip(&self.plan.columns).zip(columns) {
            out.push(match (origin, array) {
                (ColumnOrigin::Time(role), _) => {
                    let times = if *role == TimeRole::EventTime { &time } else { &arrival };
                    Arc::new(TimestampMicrosecondArray::from(times.clone()).with_timezone("UTC"))
                }
                (ColumnOrigin::Column(file_type), Some(array)) => {
                    let uuid = file_type.uuid;
                    convert::convert(&array, uuid, column, &self.plan.zone, &mut faults, &self.path)?
                }
                (ColumnOrigin::Named(from), _) => {
                    let array = from.array(first_row, rows);
                    convert::convert(&array, false, column, &self.plan.zone, &mut faults, &self.path)?
                }
                (ColumnOrigin::Default(value), around) => {
                    repeated(value, rows, around.as_ref()).map_err(|e| damaged(&self.path, &e))?
                }
                _ => new_null_array(&column.ty.arrow(), rows),
            });
        }
        let place = |row: usize| Position::new(self.ordinal, first_row + row as u64);
        let positions = if self.plan.positions { (0..rows).map(place).collect() } else { vec![] };
        let twice = self.event_time.take_twice();
        let whole = Batch { columns: out, time, positions, arrival, rows, ..Batch::default() };
        if faults.is_empty() {
            return Ok(DecodedChunk {
                batch: whole,
                bad: bad.finish(),
                passed: vec![],
                twice,
                without_items: 0,
            });
        }
        let (faults, keep) = faults.into_rows(rows);
        for CellFault { row, column, reason, hint, aside } in faults {
            let position = place(row);
            if !bad.stops_before(position) {
                let (column, raw) = (Some(column), raw(row).into_bytes());
                bad.add(BadRecord { position, column, reason, hint, raw, aside });
            }
        }
        let batch = whole.filter(&BooleanArray::from(keep));
        Ok(DecodedChunk { batch, bad: bad.finish(), passed: vec![], twice, without_items: 0 })
    }
}

/// `value`, an array of one, in `rows` rows, but for those where `around` is NULL.
pub(super) fn repeated(
    value: &ArrayRef,
    rows: usize,
    around: Option<&ArrayRef>,
) -> std::result::Result<ArrayRef, arrow_schema::ArrowError> {
    let nulls = around.and_then(|array| array.logical_nulls());
    // The same index in each row repeats the value, and a NULL index makes a NULL.
    let first = UInt32Array::new(vec![0; rows].into(), nulls);
    arrow_select::take::take(value, &first, None)
}

/// Row `row` of some named arrays as a JSON object, to show to people: the first [`BadRecord::MAX_RAW`] bytes of it.
pub(super) fn row_as_json<'a>(columns: impl Iterator<Item = (&'a str, &'a ArrayRef)>, row: usize) -> String {
    let mut out = String::from("{");
    for (name, array) in columns {
        // The rest would be cut off below.
        if out.len() > BadRecord::MAX_RAW {
            break;
        }
        if out.len() > 1 {
            out.push(',');
        }
        let name = serde_json::Value::from(name);
        let bare = array.data_type().is_numeric() || *array.data_type() == ArrowType::Boolean;
        let _ = match shown(array, row) {
            None => write!(out, "{name}:null"),
            Some(text) if bare => write!(out, "{name}:{text}"),
            Some(text) => write!(out, "{name}:{}", serde_json::Value::from(text)),
        };
    }
    out.push('}');
    out.truncate(out.floor_char_boundary(BadRecord::MAX_RAW));
    out
}

/// A value to show to people, or its start; `None` for NULL.
fn shown(array: &ArrayRef, row: usize) -> Option<String> {
    if array.is_null(row) {
        return None;
    }
    // A text may be long, and some of them may not be UTF-8.
    let bytes = match array.data_type() {
        ArrowType::BinaryView => array.as_binary_view().value(row),
        ArrowType::Utf8View => array.as_string_view().value(row).as_bytes(),
        _ => {
            let options = FormatOptions::default();
            return ArrayFormatter::try_new(array, &options).ok()?.value(row).try_to_string().ok();
        }
    };
    // A cut that is not at the end of a character shows as one that is not UTF-8, behind what is shown.
    Some(String::from_utf8_lossy(&bytes[..bytes.len().min(BadRecord::MAX_RAW + 1)]).into_owned())
}
