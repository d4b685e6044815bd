//! Rows of a grouped output on their way to files: cut into partitions and row groups.
//!
//! # Contract
//! Blocks come in order, of any size. The rows of a partition are cut after every
//! [`ROWS_PER_GROUP`], so the bytes of a file do not depend on how blocks were cut.

use super::shape::PartitionRows;
use super::state::{state_path, state_schema};
use crate::batch::record_batch;
use crate::batch::{PartitionPath, Schema};
use crate::error::{Error, Result};
use crate::plan::{Grouping, OutputPlan, Plan};
use crate::rows::PartitionPart;
use crate::sink::encode::ROWS_PER_GROUP;
use crate::sink::{Encoder, OutputFormat, PartWriter, Transaction, encoder};
use crate::time::{FirstAndLast, TimeRange};
use arrow_array::{Array, ArrayRef, RecordBatch};
use arrow_schema::SchemaRef;
use rayon::prelude::*;
use std::collections::{BTreeMap, VecDeque};

/// Writes one grouped output, or the state of one.
pub struct PartitionedWriter<'a> {
    output: &'a OutputPlan,
    files: Files<'a>,
    encoder: Box<dyn Encoder>,
    schema: SchemaRef,
    open: BTreeMap<PartitionPath, OpenPart>,
    /// Full pieces, waiting to be encoded together.
    queue: Vec<(PartitionPath, RecordBatch)>,
    queued_bytes: usize,
    /// How many bytes of them may wait.
    room: usize,
    /// Whether partitions follow one another, so that one is done soon after the next begins.
    in_order: bool,
    /// Where they do, the open ones, the oldest first.
    latest: VecDeque<PartitionPath>,
    rows: u64,
}

/// How many partitions that follow one another stay open. Where clocks go back over midnight, rows return
/// to the one before.
const LINGERING: usize = 3;

/// Where rows go.
struct Files<'a> {
    target: usize,
    transaction: &'a Transaction,
    format: OutputFormat,
    schema: Schema,
    /// Whether they are those of the state.
    of_state: bool,
}

#[derive(Default)]
struct OpenPart {
    pending: Vec<RecordBatch>,
    pending_rows: usize,
    writer: Option<PartWriter>,
    /// The least start and the greatest end of the rows' windows.
    span: Option<FirstAndLast>,
}

impl<'a> PartitionedWriter<'a> {
    pub fn new(
        plan: &Plan,
        output: &'a OutputPlan,
        target: usize,
        transaction: &'a Transaction,
    ) -> Result<Self> {
        let schema = transaction.numbered(target, &output.file_schema());
        let (format, of_state) = (output.format, false);
        PartitionedWriter::to(plan, output, Files { target, transaction, format, schema, of_state })
    }

    /// Writes the state of `output`: groups of `grouping`, as [`crate::deliver::state`] has them.
    pub fn of_state(
        plan: &Plan,
        grouping: &Grouping,
        output: &'a OutputPlan,
        target: usize,
        transaction: &'a Transaction,
    ) -> Result<Self> {
        let (format, schema, of_state) = (OutputFormat::Parquet, state_schema(grouping), true);
        PartitionedWriter::to(plan, output, Files { target, transaction, format, schema, of_state })
    }

    fn to(plan: &Plan, output: &'a OutputPlan, files: Files<'a>) -> Result<Self> {
        Ok(PartitionedWriter {
            output,
            encoder: encoder(files.format, &files.schema, &plan.zone)?,
            schema: files.schema.arrow(),
            files,
            open: BTreeMap::new(),
            queue: vec![],
            queued_bytes: 0,
            room: usize::MAX,
            in_order: follow_one_another(&output.partition_by),
            latest: VecDeque::new(),
            rows: 0,
        })
    }

    /// Keeps what waits to be encoded within an eighth of a budget of `memory` bytes, or one piece.
    pub fn within(self, memory: u64) -> Self {
        PartitionedWriter { room: usize::try_from(memory / 8).unwrap_or(usize::MAX), ..self }
    }

    /// Takes the next rows, of any partitions: those of `shaped`, as `rows`.
    ///
    /// # Errors
    /// A machine error when the disk fails.
    pub fn push_shaped(&mut self, shaped: &PartitionRows, rows: &RecordBatch) -> Result<()> {
        shaped.stretches.iter().try_for_each(|(path, from, len)| {
            let windows = shaped.windows.get(*from..from + len).unwrap_or_default();
            self.push(path, rows.slice(*from, *len), windows)
        })
    }

    /// Takes the next rows of a partition, which are of these windows; none are given where rows have no window
    /// of their own.
    ///
    /// # Errors
    /// A machine error when the disk fails.
    pub fn push(
        &mut self,
        partition: &PartitionPath,
        rows: RecordBatch,
        windows: &[TimeRange],
    ) -> Result<()> {
        if rows.num_rows() == 0 {
            return Ok(());
        }
        self.rows += rows.num_rows() as u64;
        if self.in_order && !self.open.contains_key(partition) {
            self.latest.push_back(partition.clone());
            if self.latest.len() > LINGERING {
                let oldest = self.latest.pop_front();
                self.finish_parts(|open| {
                    oldest.and_then(|path| open.remove_entry(&path)).into_iter().collect()
                })?;
            }
        }
        let open = self.open.entry(partition.clone()).or_default();
        let spans = windows.iter().copied().map(FirstAndLast::from);
        open.span = open.span.into_iter().chain(spans).reduce(FirstAndLast::and);
        let mut rest = rows;
        while open.pending_rows + rest.num_rows() >= ROWS_PER_GROUP {
            let take = ROWS_PER_GROUP - open.pending_rows;
            open.pending.push(rest.slice(0, take));
            rest = rest.slice(take, rest.num_rows() - take);
            open.pending_rows = 0;
            let piece = join(&std::mem::take(&mut open.pending))?;
            self.queued_bytes += piece.get_array_memory_size();
            self.queue.push((partition.clone(), piece));
        }
        open.pending_rows += rest.num_rows();
        if rest.num_rows() > 0 {
            open.pending.push(rest);
        }
        let full = self.queue.len() >= 2 * rayon::current_num_threads() || self.queued_bytes >= self.room;
        if full { self.flush() } else { Ok(()) }
    }

    /// Encodes the queue in parallel and appends it in order.
    fn flush(&mut self) -> Result<()> {
        let queue = std::mem::take(&mut self.queue);
        self.queued_bytes = 0;
        let encoder = &self.encoder;
        // A piece goes when it is encoded.
        let encode = |(partition, piece): (PartitionPath, RecordBatch)| (partition, encoder.encode(&piece));
        let pieces: Vec<_> = queue.into_par_iter().map(encode).collect();
        for (partition, piece) in pieces {
            let open = self.open.get_mut(&partition).expect("a queued piece has an open part");
            // `get_or_insert_with` cannot pass on the error of a file that is not created.
            let writer = match open.writer.take() {
                Some(writer) => open.writer.insert(writer),
                None => open.writer.insert(self.files.create(&partition)?),
            };
            writer.append(piece?)?;
        }
        Ok(())
    }

    /// Finishes the open parts that `take` takes out, several at a time.
    fn finish_parts(
        &mut self,
        take: impl FnOnce(&mut BTreeMap<PartitionPath, OpenPart>) -> Vec<(PartitionPath, OpenPart)>,
    ) -> Result<()> {
        // Pieces in the queue come before the rows that are pending.
        self.flush()?;
        let (files, encoder) = (&self.files, &self.encoder);
        take(&mut self.open).into_par_iter().try_for_each(|(partition, mut part)| {
            let mut writer = match part.writer.take() {
                Some(writer) => writer,
                None => files.create(&partition)?,
            };
            if part.pending_rows > 0 {
                writer.append(encoder.encode(&join(&part.pending)?)?)?;
            }
            writer.finish(part.span).map(drop)
        })
    }

    /// Finishes the output, and gives its number of rows.
    ///
    /// # Errors
    /// A machine error when the disk fails.
    pub fn finish(mut self) -> Result<u64> {
        self.finish_parts(|open| std::mem::take(open).into_iter().collect())?;
        // A file without rows still exists, so that its readers find the columns.
        if self.rows == 0 && self.output.partition_by.is_empty() && !self.files.of_state {
            self.files.create(&PartitionPath::default())?.finish(None)?;
        }
        Ok(self.rows)
    }

    /// The batch of these columns of the output, without those that the path holds.
    pub fn file_batch(&self, columns: &[ArrayRef]) -> Result<RecordBatch> {
        record_batch(&self.schema, self.output.written().into_iter().map(|c| columns[c].clone()).collect())
    }
}

/// Whether rows in the order of time never come back to a partition that they left long ago, as they do to
/// `hour` alone, which names an hour of every day.
fn follow_one_another(parts: &[PartitionPart]) -> bool {
    use PartitionPart::{Column, Date, Hour, Month, Year};
    let has = |part| parts.contains(&part);
    let dated = |part, by: &[PartitionPart]| !has(part) || by.iter().any(|&p| has(p));
    !parts.iter().any(|p| matches!(p, Column(_))) && dated(Hour, &[Date]) && dated(Month, &[Date, Year])
}

impl Files<'_> {
    fn create(&self, partition: &PartitionPath) -> Result<PartWriter> {
        let staged = if self.of_state {
            self.transaction.stage_state_part(self.target, &state_path(partition))?
        } else {
            let name = format!("data.{}", self.format.extension());
            self.transaction.stage(self.target, &partition.file(&name))?
        };
        PartWriter::new(staged, self.format, &self.schema)
    }
}

/// One batch of several with the same columns; dictionaries that differ become plain strings.
pub(super) fn join(pieces: &[RecordBatch]) -> Result<RecordBatch> {
    // One piece is shared and not copied.
    if let [one] = pieces {
        return Ok(one.clone());
    }
    let columns = (0..pieces[0].num_columns()).map(|c| {
        let parts: Vec<&dyn Array> = pieces.iter().map(|p| p.column(c).as_ref()).collect();
        arrow_select::concat::concat(&parts)
    });
    columns
        .collect::<std::result::Result<Vec<_>, _>>()
        .and_then(|columns| RecordBatch::try_new(pieces[0].schema(), columns))
        .map_err(|e| Error::machine("pieces of a result do not fit together").caused_by(e))
}
