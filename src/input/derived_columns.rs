//! Computes derived columns, batch by batch.

use super::bad::{Bad, BadRecords};
use super::columnar::{CellFault, CellFaults, TimeColumnName, parser, row_as_json, times};
use super::decoded::DecodedChunk;
use super::derived::DerivedFrom;
use super::times::TimeRole;
use super::{BadRecord, ReadPlan, ReadTime};
use crate::batch::Batch;
use crate::error::Result;
use crate::expr::Expr;
use crate::time::TimeParser;
use arrow_array::{
    Array, ArrayRef, BooleanArray, StringViewArray, TimestampMicrosecondArray, new_null_array,
};
use std::path::Path;
use std::sync::Arc;

/// Computes the derived columns of batches.
pub(super) struct DerivedColumns {
    pub(super) plan: Arc<ReadPlan>,
    pub(super) event_time: Option<(usize, TimeParser)>,
    pub(super) arrival: Option<(usize, TimeParser)>,
}

impl DerivedColumns {
    /// Those of `plan`.
    pub fn of(plan: &Arc<ReadPlan>) -> DerivedColumns {
        let time = |read: &ReadTime| {
            let mut of_time = plan.derived.iter().map(|derived| derived.column);
            let column = of_time.find(|column| plan.columns[*column].name == read.column)?;
            Some((column, parser(plan, read)))
        };
        let arrival = plan.arrival.as_ref().filter(|arrival| **arrival != plan.time);
        DerivedColumns { event_time: time(&plan.time), arrival: arrival.and_then(time), plan: plan.clone() }
    }

    /// Computes those of the records of a chunk of file number `file`; those that are bad leave its batch.
    ///
    /// # Errors
    /// Values that are not of the types that the plan says.
    pub fn fill(&mut self, file: u32, chunk: DecodedChunk, mut bad: BadRecords) -> Result<DecodedChunk> {
        if self.plan.derived.is_empty() {
            return Ok(chunk);
        }
        let path = self.plan.files[file as usize].path.clone();
        let DecodedChunk { mut batch, bad: known, passed, mut twice, without_items } = chunk;
        let mut faults = CellFaults::default();
        for derived in &self.plan.derived {
            let array = match &derived.from {
                DerivedFrom::File if self.has_file(derived.column) => continue,
                DerivedFrom::File => {
                    let path = path.display().to_string();
                    Arc::new(StringViewArray::from(vec![path.as_str(); batch.rows])) as ArrayRef
                }
                DerivedFrom::Sql(expr) => {
                    computed(expr, &batch, &self.plan.columns[derived.column].name, &mut faults)
                }
            };
            batch.columns[derived.column] = array;
        }
        let plan = self.plan.clone();
        if let Some((column, parser)) = &mut self.event_time {
            let of = TimeColumnName { name: &plan.time.column, role: TimeRole::EventTime };
            batch.time = instants(&mut batch.columns[*column], of, parser, &mut faults, &path)?;
            twice += parser.take_twice();
            if plan.arrival_optional {
                // What came without an arrival, which the decoders left at the time that they did not know.
                let times = batch.arrival.iter_mut().zip(&batch.time);
                times.filter(|(arrival, _)| **arrival == 0).for_each(|(arrival, time)| *arrival = *time);
            }
        }
        if let Some((column, parser)) = &mut self.arrival {
            let name = plan.arrival.as_ref().map_or("", |arrival| &arrival.column);
            let of = TimeColumnName { name, role: TimeRole::Arrival };
            batch.arrival = instants(&mut batch.columns[*column], of, parser, &mut faults, &path)?;
        }
        // One column is both times, and its instants were computed only now.
        if plan.arrival.as_ref() == Some(&plan.time) {
            batch.arrival.clone_from(&batch.time);
        }
        for (row, (time, arrival)) in batch.time.iter().zip(&batch.arrival).enumerate() {
            // A record is bad once: the first reason stays.
            if let Some(reason) = plan.ahead(*time, *arrival).filter(|_| !faults.has(row)) {
                let column = plan.time.column.clone();
                faults.push(CellFault { row, column, reason, hint: None, aside: true });
            }
        }
        if faults.is_empty() {
            return Ok(DecodedChunk { batch, bad: known, passed, twice, without_items });
        }
        let (faults, keep) = faults.into_rows(batch.rows);
        for CellFault { row, column, reason, hint, aside } in faults {
            let position = batch.positions[row];
            if !bad.stops_before(position) {
                // The kept text shows what the file has, and not what was computed from it.
                let of_file =
                    (0..plan.columns.len()).filter(|i| !plan.derived.iter().any(|d| d.column == *i));
                let shown = of_file.map(|i| (plan.columns[i].name.as_str(), &batch.columns[i]));
                let raw = row_as_json(shown, row).into_bytes();
                bad.add(BadRecord { position, column: Some(column), reason, hint, raw, aside });
            }
        }
        let (batch, bad) = (batch.filter(&BooleanArray::from(keep)), joined(known, bad.finish()));
        Ok(DecodedChunk { batch, bad, passed, twice, without_items })
    }

    /// Whether files that say themselves where their records are from are read into this column.
    pub(super) fn has_file(&self, column: usize) -> bool {
        let columns = &self.plan.columns;
        columns.iter().enumerate().any(|(i, other)| i != column && other.name == columns[column].name)
    }
}

/// The values of an expression; where a row has none, that is a fault.
pub(super) fn computed(expr: &Expr, batch: &Batch, name: &str, faults: &mut CellFaults) -> ArrayRef {
    if let Ok(array) = expr.evaluate(batch.rows, |i| &batch.columns[i]) {
        return array;
    }
    // The error of a batch does not tell the row, so after one its rows are computed one by one.
    let mut values: Vec<ArrayRef> = Vec::with_capacity(batch.rows);
    for row in 0..batch.rows {
        let columns: Vec<ArrayRef> = batch.columns.iter().map(|column| column.slice(row, 1)).collect();
        values.push(expr.evaluate(1, |i| &columns[i]).unwrap_or_else(|error| {
            let reason = error.to_string();
            let reason = reason.trim_start_matches("error: ").to_string();
            faults.push(CellFault { row, column: name.to_string(), reason, hint: None, aside: false });
            // The row leaves the batch later: a NULL keeps the other rows at their places.
            new_null_array(&expr.ty().arrow(), 1)
        }));
    }
    let values: Vec<&dyn Array> = values.iter().map(|value| &**value).collect();
    arrow_select::concat::concat(&values).expect("an expression has one type")
}

/// The times that a derived column gives; the column becomes their instants.
pub(super) fn instants(
    column: &mut ArrayRef,
    of: TimeColumnName,
    parser: &mut TimeParser,
    faults: &mut CellFaults,
    path: &Path,
) -> Result<Vec<i64>> {
    let read = times(column, of, parser, path)?;
    // A row that could not be computed is no row without a time.
    faults.append(read.faults);
    *column = Arc::new(TimestampMicrosecondArray::from(read.time.clone()).with_timezone("UTC"));
    Ok(read.time)
}

/// The bad records of a chunk: those known from decoding it, and those since.
pub(super) fn joined(known: Bad, since: Bad) -> Bad {
    let mut records = known.records;
    records.extend(since.records);
    // Each of the two is in order of positions, but both together must be so too.
    records.sort_by_key(|bad| bad.position);
    let handed = known.handed.and_then(|known| since.handed.map(|since| known + since));
    Bad { records, handed }
}
