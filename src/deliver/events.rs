//! An output of the events themselves: rows in replay order, partition by partition.

use super::outcome::OutputOutcome;
use super::rows_again::RowsAgain;
use crate::batch::{ColumnId, PartitionPath, record_batch};
use crate::engine::Pass;
use crate::engine::stage_log::Resolution;
use crate::error::Result;
use crate::keyed::RowBits;
use crate::ordered::most_under_way;
use crate::plan::{OutputId, OutputKind, OutputPlan, OutputTo};
use crate::rows::{OrderedRows, RowStore, StoredPartition, gather_partitions};
use crate::sink::encode::ROWS_PER_GROUP;
use crate::sink::{PartWriter, Transaction, encoder, table};
use crate::time::FirstAndLast;
use arrow_array::{ArrayRef, DictionaryArray, Int64Array, RecordBatch, StringViewArray, UInt32Array};
use rayon::prelude::*;
use std::sync::Arc;

/// What is known beside the rows of an output.
#[derive(Clone, Copy)]
pub enum EventContext<'a> {
    /// Of events that came through the steps: which of them come again, and their flags.
    Resolution(Option<&'a Resolution>),
    /// Of an archive: the files that positions are in.
    Files(ArchiveFiles<'a>),
}

/// The files that the positions of an archive's rows are in.
#[derive(Clone, Copy)]
pub struct ArchiveFiles<'a> {
    /// Their paths, as archives name them.
    pub paths: &'a [String],
    /// What looks for rows of files that are gone among those of new ones.
    pub again: Option<&'a RowsAgain>,
}

impl<'a> ArchiveFiles<'a> {
    /// Files of which none is looked for again.
    pub fn new(paths: &'a [String]) -> ArchiveFiles<'a> {
        ArchiveFiles { paths, again: None }
    }
}

/// Writes the output `id` of the plan, which is number `target` of the transaction: of its partitions
/// those that are `wanted`, by path.
pub fn write(
    pass: &Pass,
    id: OutputId,
    target: usize,
    transaction: &Transaction,
    stores: Vec<RowStore>,
    known: EventContext,
    wanted: &(dyn Fn(&PartitionPath) -> bool + Sync),
) -> Result<(OutputOutcome, Option<FirstAndLast>)> {
    let output = &pass.plan.deliveries.outputs[id];
    let mut partitions = gather_partitions(stores);
    partitions.retain(|partition| wanted(&partition.path));
    let settled = SettledRows::new(output, known);
    if output.to == OutputTo::Terminal {
        return show(pass, output, &partitions, &settled);
    }
    let schema = transaction.numbered(target, &output.file_schema());
    let encoder = encoder(output.format, &schema, &pass.plan.zone)?;
    let arrow = schema.arrow();
    let written: Vec<WrittenRows> = partitions
        .into_par_iter()
        .map(|partition| {
            let ordered = settled.order(&partition)?;
            // All rows of a partition can turn out to be duplicates, and then there is not a file to write.
            if ordered.is_empty() {
                return Ok(WrittenRows::default());
            }
            if let EventContext::Files(ArchiveFiles { again: Some(again), .. }) = known {
                again.see(&ordered, settled.stored)?;
            }
            let name = format!("data.{}", output.format.extension());
            let staged = transaction.stage(target, &partition.path.file(&name))?;
            let mut writer = PartWriter::new(staged, output.format, &schema)?;
            // A few row groups at a time are encoded on all threads, and appended in order.
            let cuts: Vec<usize> = (0..ordered.len()).step_by(ROWS_PER_GROUP).collect();
            for wave in cuts.chunks(most_under_way()) {
                let pieces: Vec<_> = wave
                    .par_iter()
                    .map(|&from| {
                        let to = ordered.len().min(from + ROWS_PER_GROUP);
                        encoder.encode(&record_batch(&arrow, settled.columns(&ordered, from, to))?)
                    })
                    .collect();
                pieces.into_iter().try_for_each(|piece| writer.append(piece?))?;
            }
            let written = WrittenRows::of(&ordered);
            writer.finish(written.times)?;
            Ok(written)
        })
        .collect::<Result<_>>()?;
    let written = WrittenRows::all(&written);
    if written.rows == 0 && output.partition_by.is_empty() {
        // A file without rows still has its columns.
        let staged = transaction
            .stage(target, &PartitionPath::default().file(&format!("data.{}", output.format.extension())))?;
        PartWriter::new(staged, output.format, &schema)?.finish(None)?;
    }
    Ok((OutputOutcome::new(&output.to, written.rows, None), written.times))
}

fn show(
    pass: &Pass,
    output: &OutputPlan,
    partitions: &[StoredPartition],
    settled: &SettledRows,
) -> Result<(OutputOutcome, Option<FirstAndLast>)> {
    let arrow = output.columns.arrow();
    let Some(partition) = partitions.first() else {
        let empty = RecordBatch::new_empty(arrow);
        let text = table::render(&empty, &pass.plan.zone, pass.options.table_rows, 0)?;
        return Ok((OutputOutcome::new(&output.to, 0, Some(text)), None));
    };
    let ordered = settled.order(partition)?;
    let shown = ordered.len().min(pass.options.table_rows);
    let head = record_batch(&arrow, settled.columns(&ordered, 0, shown))?;
    let text = table::render(&head, &pass.plan.zone, pass.options.table_rows, ordered.len())?;
    let written = WrittenRows::of(&ordered);
    Ok((OutputOutcome::new(&output.to, written.rows, Some(text)), written.times))
}

/// Rows written, and their first and last event time.
#[derive(Default, Clone, Copy)]
struct WrittenRows {
    rows: u64,
    times: Option<FirstAndLast>,
}

impl WrittenRows {
    fn of(ordered: &OrderedRows) -> WrittenRows {
        let rows = ordered.len();
        // Rows are in replay order, so the first and the last one bound the times.
        let times =
            (rows > 0).then(|| FirstAndLast::new(ordered.times(0, 1)[0], ordered.times(rows - 1, rows)[0]));
        WrittenRows { rows: rows as u64, times }
    }

    fn all(parts: &[WrittenRows]) -> WrittenRows {
        let times = parts.iter().filter_map(|part| part.times);
        let times = times.reduce(FirstAndLast::and);
        WrittenRows { rows: parts.iter().map(|part| part.rows).sum(), times }
    }
}

/// What is known by now of the rows in the stores of an output.
pub struct SettledRows<'a> {
    resolution: Option<&'a Resolution>,
    /// Columns that the stores have, before that of the rows' numbers.
    stored: usize,
    /// Per written column that is a flag its place, ascending, and what the flags are.
    flags: Vec<(usize, &'a RowBits)>,
    /// Of an archive the paths of files, as a dictionary.
    files: Option<ArrayRef>,
}

impl<'a> SettledRows<'a> {
    pub fn new(output: &OutputPlan, known: EventContext<'a>) -> SettledRows<'a> {
        let written = output.written();
        let (resolution, files) = match known {
            EventContext::Resolution(resolution) => (resolution, None),
            EventContext::Files(files) => (None, Some(files.paths)),
        };
        let columns: &[ColumnId] = match &output.kind {
            OutputKind::Rows(columns) => columns,
            _ => &[],
        };
        let flag = |(place, &c): (usize, &usize)| Some((place, resolution?.flags.get(columns.get(c)?)?));
        let flags: Vec<_> = written.iter().enumerate().filter_map(flag).collect();
        // The store of an archive lacks the file and the place: they are made from the positions below.
        let stored = written.len() - flags.len() - if files.is_some() { 2 } else { 0 };
        let files = files.map(|files| Arc::new(StringViewArray::from_iter_values(files)) as ArrayRef);
        SettledRows { resolution, stored, flags, files }
    }

    /// The rows of a partition in replay order, without those that come again.
    pub fn order(&self, partition: &StoredPartition) -> Result<OrderedRows> {
        let mut ordered = partition.order()?;
        if let Some(resolution) = self.resolution {
            ordered.retain(self.stored, |worker, number| !resolution.dropped.contains(worker, number as u64));
        }
        Ok(ordered)
    }

    /// The written columns of rows `from..to`.
    pub fn columns(&self, ordered: &OrderedRows, from: usize, to: usize) -> Vec<ArrayRef> {
        let mut columns = ordered.columns(from, to);
        columns.truncate(self.stored);
        // Places ascend, so the columns before a flag are already there when it is put in.
        for (place, bits) in &self.flags {
            let flag = |worker, number| bits.contains(worker, number as u64);
            columns.insert(*place, ordered.flags(self.stored, from, to, flag));
        }
        if let Some(files) = &self.files {
            let positions = ordered.positions(from, to);
            // A path stands in very many rows, so each row has the number of it.
            let codes = UInt32Array::from_iter_values(positions.iter().map(|p| p.file()));
            columns.push(Arc::new(DictionaryArray::new(codes, files.clone())));
            columns.push(Arc::new(Int64Array::from_iter_values(positions.iter().map(|p| p.place() as i64))));
        }
        columns
    }
}
