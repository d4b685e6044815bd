//! The rows of an output from an engine to the sink.
//!
//! # Contract
//! Rows come in the order of the output. Rows that come in another order of time are an error: parts would not be those of
//! a run.

use super::sample::Sampler;
use crate::adbc;
use crate::batch::{DataType, Field, Schema, record_batch};
use crate::deliver::partitioned::PartitionedWriter;
use crate::deliver::shape::{PartitionRows, stretches};
use crate::deliver::{OutputOutcome, target_number};
use crate::engine::Pass;
use crate::error::{Error, Result};
use crate::plan::{OutputId, OutputPlan, OutputTo};
use crate::sink::{Transaction, table};
use crate::sql;
use crate::time::TimeRange;
use crate::verify::on_engine::EngineTables;
use arrow_array::cast::AsArray;
use arrow_array::types::TimestampMicrosecondType;
use arrow_array::{Array, ArrayRef, RecordBatch};
use arrow_select::concat::concat_batches;

/// Stages the output `id`, and shows its rows to `sampler`.
pub(super) fn write(
    pass: &Pass,
    id: OutputId,
    transaction: &Transaction,
    tables: &mut EngineTables,
    sampler: &mut Sampler,
) -> Result<OutputOutcome> {
    let output = &pass.plan.deliveries.outputs[id];
    let script = sql::script_with_times(pass.plan, id, tables.dialect())?;
    let behind = sql::times_behind(pass.plan, output);
    let all = behind.iter().map(|name| Field::new(*name, DataType::Timestamp));
    let schema = Schema::new(output.columns.fields.iter().cloned().chain(all).collect());
    let mut sink = RowSink::new(pass, id, transaction)?;
    let mut last = i64::MIN;
    for batch in tables.rows(&script)? {
        let mut columns = adbc::fitted(&batch?, &schema)?;
        let times = columns.split_off(output.columns.fields.len());
        let rows = columns.first().map_or(0, |column| column.len());
        let windows = windows(&times, output)?;
        in_order(&windows, &mut last, output)?;
        sampler.see(&columns, rows)?;
        sink.push(pass, output, columns, windows)?;
    }
    sink.finish(pass, output)
}

/// Where rows go.
enum RowSink<'a> {
    Files(Box<PartitionedWriter<'a>>),
    /// The terminal: the rows that are shown, and how many there are.
    Terminal(Vec<RecordBatch>, usize),
}

impl<'a> RowSink<'a> {
    fn new(pass: &Pass<'a>, id: OutputId, transaction: &'a Transaction) -> Result<RowSink<'a>> {
        let output = &pass.plan.deliveries.outputs[id];
        if output.to == OutputTo::Terminal {
            return Ok(RowSink::Terminal(vec![], 0));
        }
        let writer = PartitionedWriter::new(pass.plan, output, target_number(pass.plan, id), transaction)?;
        Ok(RowSink::Files(Box::new(writer.within(pass.options.memory))))
    }

    fn push(
        &mut self,
        pass: &Pass,
        output: &OutputPlan,
        columns: Vec<ArrayRef>,
        windows: Vec<TimeRange>,
    ) -> Result<()> {
        let rows = columns.first().map_or(0, |column| column.len());
        match self {
            RowSink::Files(writer) => {
                let starts: Vec<i64> = match windows.is_empty() {
                    true => vec![0; rows],
                    false => windows.iter().map(|window| window.start).collect(),
                };
                let stretches = stretches(pass, output, &columns, &starts)?;
                let batch = writer.file_batch(&columns)?;
                writer.push_shaped(&PartitionRows { columns, windows, stretches }, &batch)
            }
            RowSink::Terminal(head, total) => {
                let more = pass.options.table_rows.saturating_sub(*total).min(rows);
                head.push(record_batch(&output.columns.arrow(), columns)?.slice(0, more));
                *total += rows;
                Ok(())
            }
        }
    }

    fn finish(self, pass: &Pass, output: &OutputPlan) -> Result<OutputOutcome> {
        match self {
            RowSink::Files(writer) => Ok(OutputOutcome::new(&output.to, writer.finish()?, None)),
            RowSink::Terminal(head, total) => {
                let head = concat_batches(&output.columns.arrow(), &head)
                    .map_err(|e| Error::fault("rows of a table do not fit together").caused_by(e))?;
                let text = table::render(&head, &pass.plan.zone, pass.options.table_rows, total)?;
                Ok(OutputOutcome::new(&output.to, total as u64, Some(text)))
            }
        }
    }
}

/// The stretch of time of each row: its window, or the instant of an event; none where there is one window.
fn windows(times: &[ArrayRef], output: &OutputPlan) -> Result<Vec<TimeRange>> {
    let values = |array: &ArrayRef| match array.null_count() {
        0 => Ok(array.as_primitive::<TimestampMicrosecondType>().values().clone()),
        _ => Err(Error::data(format!("the engine gives a row of {} without a time", output.to))),
    };
    Ok(match times {
        [] => vec![],
        [time] => values(time)?.iter().map(|&time| TimeRange::new(time, time)).collect(),
        [start, end, ..] => {
            let (starts, ends) = (values(start)?, values(end)?);
            starts.iter().zip(ends.iter()).map(|(&start, &end)| TimeRange::new(start, end)).collect()
        }
    })
}

fn in_order(windows: &[TimeRange], last: &mut i64, output: &OutputPlan) -> Result<()> {
    for window in windows {
        if window.start < *last {
            return Err(Error::data(format!("the engine gives the rows of {} in another order", output.to)));
        }
        *last = window.start;
    }
    Ok(())
}
