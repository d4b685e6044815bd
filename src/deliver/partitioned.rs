//! Rows of a grouped output on their way to files: cut into partitions and row groups.
//!
//! # Contract
//! Blocks come in order, of any size. The rows of a partition are cut after every
//! [`crate::sink::encode::ROWS_PER_GROUP`], so the bytes of a file do not depend on how blocks were cut.

use super::encoding::{EncodingQueue, PieceCutter};
use super::shape::PartitionRows;
use super::state::{state_path, state_schema};
use crate::batch::record_batch;
use crate::batch::{PartitionPath, Schema};
use crate::error::Result;
use crate::plan::{Grouping, OutputPlan, Plan};
use crate::rows::PartitionPart;
use crate::sink::encode::Encoded;
use crate::sink::{Encoder, OutputFormat, PartWriter, Transaction, encoder};
use crate::time::{FirstAndLast, TimeRange};
use arrow_array::{ArrayRef, RecordBatch};
use arrow_schema::SchemaRef;
use rayon::prelude::*;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

/// Writes one grouped output, or the state of one.
pub struct PartitionedWriter<'a> {
    output: &'a OutputPlan,
    files: Files<'a>,
    encoder: Arc<dyn Encoder>,
    schema: SchemaRef,
    open: BTreeMap<PartitionPath, OpenPart>,
    /// Full pieces.
    queue: EncodingQueue<PartitionPath>,
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
    rows: PieceCutter,
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
        let encoder: Arc<dyn Encoder> = encoder(files.format, &files.schema, &plan.zone)?.into();
        Ok(PartitionedWriter {
            output,
            queue: EncodingQueue::new(encoder.clone(), usize::MAX),
            encoder,
            schema: files.schema.arrow(),
            files,
            open: BTreeMap::new(),
            in_order: follow_one_another(&output.partition_by),
            latest: VecDeque::new(),
            rows: 0,
        })
    }

    /// Keeps what waits to be encoded within an eighth of a budget of `memory` bytes, or one piece.
    pub fn within(self, memory: u64) -> Self {
        let room = usize::try_from(memory / 8).unwrap_or(usize::MAX);
        PartitionedWriter { queue: self.queue.within(room), ..self }
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
        let full = open.rows.push(rows)?;
        let (queue, files, open) = (&mut self.queue, &self.files, &mut self.open);
        full.into_iter().try_for_each(|piece| {
            queue.push(partition.clone(), piece, |partition, piece| append(files, open, &partition, piece))
        })
    }

    /// Finishes the open parts that `take` takes out, several at a time.
    fn finish_parts(
        &mut self,
        take: impl FnOnce(&mut BTreeMap<PartitionPath, OpenPart>) -> Vec<(PartitionPath, OpenPart)>,
    ) -> Result<()> {
        // Pieces in the queue come before the rows that are pending.
        let (files, encoder, open) = (&self.files, &self.encoder, &mut self.open);
        self.queue.drain(|partition, piece| append(files, open, &partition, piece))?;
        take(open).into_par_iter().try_for_each(|(partition, mut part)| {
            let mut writer = match part.writer.take() {
                Some(writer) => writer,
                None => files.create(&partition)?,
            };
            if let Some(rest) = part.rows.rest()? {
                writer.append(encoder.encode(&rest)?)?;
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

/// Appends a piece to its open part.
fn append(
    files: &Files,
    open: &mut BTreeMap<PartitionPath, OpenPart>,
    partition: &PartitionPath,
    piece: Encoded,
) -> Result<()> {
    let part = open.get_mut(partition).expect("a queued piece has an open part");
    // `get_or_insert_with` cannot pass on the error of a file that is not created.
    let writer = match part.writer.take() {
        Some(writer) => part.writer.insert(writer),
        None => part.writer.insert(files.create(partition)?),
    };
    writer.append(piece)
}
