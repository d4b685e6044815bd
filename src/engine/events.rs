//! An output of the events themselves: rows in replay order, partition by partition.

use super::{OutputOutcome, Run};
use crate::batch::DataType;
use crate::error::{Error, Result};
use crate::job::OutputTo;
use crate::rows::{RowStore, StoredPartition, gather_partitions};
use crate::sink::encode::ROWS_PER_GROUP;
use crate::sink::{PartWriter, Transaction, encoder, table};
use arrow_array::{ArrayRef, RecordBatch};
use rayon::prelude::*;
use std::path::Path;

/// Writes output number `index` of the plan, which is number `target` of the transaction.
pub fn write(
    run: &Run,
    index: usize,
    target: usize,
    transaction: &Transaction,
    stores: Vec<RowStore>,
) -> Result<OutputOutcome> {
    let output = &run.plan.outputs[index];
    let partitions = gather_partitions(stores);
    let schema = output.file_schema();
    if output.to == OutputTo::Terminal {
        return show(run, index, &partitions);
    }
    let encoder = encoder(output.format, &schema, &run.plan.zone)?;
    let arrow = schema.arrow();
    let rows: Vec<u64> = partitions
        .par_iter()
        .map(|partition| {
            let ordered = partition.order()?;
            let name = format!("data.{}", output.format.extension());
            let staged = transaction.stage(target, &Path::new(&partition.path).join(name))?;
            let mut writer = PartWriter::new(staged, output.format, &schema)?;
            // A few row groups at a time are encoded on all threads, and appended in order.
            let cuts: Vec<usize> = (0..ordered.len()).step_by(ROWS_PER_GROUP).collect();
            for wave in cuts.chunks(2 * rayon::current_num_threads()) {
                let pieces: Vec<_> = wave
                    .par_iter()
                    .map(|&from| {
                        let to = ordered.len().min(from + ROWS_PER_GROUP);
                        encoder.encode(&batch(&arrow, ordered.columns(from, to))?)
                    })
                    .collect();
                pieces.into_iter().try_for_each(|piece| writer.append(piece?))?;
            }
            writer.finish()?;
            Ok(ordered.len() as u64)
        })
        .collect::<Result<_>>()?;
    if partitions.is_empty() && output.partition_by.is_empty() {
        // A file without rows still has its columns.
        let staged = transaction.stage(target, Path::new(&format!("data.{}", output.format.extension())))?;
        PartWriter::new(staged, output.format, &schema)?.finish()?;
    }
    Ok(OutputOutcome::new(&output.to, rows.iter().sum(), None))
}

fn show(run: &Run, index: usize, partitions: &[StoredPartition]) -> Result<OutputOutcome> {
    let output = &run.plan.outputs[index];
    let arrow = output.columns.arrow();
    let Some(partition) = partitions.first() else {
        let empty = RecordBatch::new_empty(arrow);
        let text = table::render(&empty, &run.plan.zone, run.options.table_rows, 0)?;
        return Ok(OutputOutcome::new(&output.to, 0, Some(text)));
    };
    let ordered = partition.order()?;
    let shown = ordered.len().min(run.options.table_rows);
    let head = batch(&arrow, ordered.columns(0, shown))?;
    let text = table::render(&head, &run.plan.zone, run.options.table_rows, ordered.len())?;
    Ok(OutputOutcome::new(&output.to, ordered.len() as u64, Some(text)))
}

/// A record batch whose strings may be dictionaries.
pub fn batch(schema: &arrow_schema::SchemaRef, columns: Vec<ArrayRef>) -> Result<RecordBatch> {
    let fields: Vec<arrow_schema::Field> = schema
        .fields()
        .iter()
        .zip(&columns)
        .map(|(f, c)| arrow_schema::Field::new(f.name(), c.data_type().clone(), true))
        .collect();
    let schema = std::sync::Arc::new(arrow_schema::Schema::new(fields));
    RecordBatch::try_new(schema, columns).map_err(|e| {
        Error::machine("a batch has the wrong shape").caused_by(e).hint("this is a bug in highwater")
    })
}

/// A dictionary of strings as plain strings, which is what expressions read.
pub fn plain_strings(array: &ArrayRef) -> ArrayRef {
    match array.data_type() {
        arrow_schema::DataType::Dictionary(..) => {
            arrow_cast::cast(array, &DataType::String.arrow()).expect("a dictionary of strings")
        }
        _ => array.clone(),
    }
}
