//! One output as a stream: its rows in order, and no file.
//!
//! # Contract
//! * Groups come by window and keys, events in replay order: the order of a file of the same output without
//!   `partition_by`.
//! * Pieces are cut after every [`ROWS_PER_GROUP`] rows, so that neither threads nor blocks show in the bytes.

use super::encoding::{EncodingQueue, PieceCutter};
use super::events::{ArchiveFiles, EventContext, SettledRows};
use super::outcome::{Outcome, OutputOutcome};
use super::passed::FinishedPass;
use super::shape::shape;
use crate::batch::record_batch;
use crate::clock::Stopwatch;
use crate::engine::{Pass, SpentWork, TimedStage};
use crate::error::Result;
use crate::group::Merged;
use crate::ordered::in_order;
use crate::plan::{OutputKind, OutputPlan};
use crate::rows::{OrderedRows, RowStore, gather_partitions};
use crate::sink::encode::ROWS_PER_GROUP;
use crate::sink::{StreamFormat, StreamWriter, stream_encoder};
use crate::time::FirstAndLast;
use arrow_array::RecordBatch;
use std::io::Write;
use std::sync::Arc;

/// Reads the source, and writes the only output of the plan, which [`crate::plan::Plan::as_stream`] gave, to `out`.
/// Of the outcome, `rejected` counts the records that are written nowhere.
///
/// # Errors
/// Bad data, a machine that fails; `out` cannot be written. The error says so if rows were written before.
pub fn pipe(pass: &Pass, format: StreamFormat, out: &mut (dyn Write + Send)) -> Result<Outcome> {
    let mut counted = Counted { out, bytes: 0 };
    let outcome = stream(pass, format, &mut counted);
    match counted.bytes {
        0 => outcome,
        _ => outcome.map_err(|error| error.hint("the rows on stdout are not complete: do not use them")),
    }
}

fn stream(pass: &Pass, format: StreamFormat, counted: &mut Counted) -> Result<Outcome> {
    let output = pass.plan.deliveries.outputs.first().expect("the output of a stream");
    let (mut passed, _) = FinishedPass::of(pass)?;
    let files = passed.files(pass.plan);
    let mut watch = Stopwatch::of_process();
    let schema = output.file_schema();
    let mut rows = StreamedRows {
        queue: EncodingQueue::new(
            stream_encoder(format, &schema, &pass.plan.zone).into(),
            usize::try_from(pass.options.memory / 8).unwrap_or(usize::MAX),
        ),
        writer: StreamWriter::new(counted, format, schema),
        rows: PieceCutter::default(),
    };
    let mut times = None;
    let results = passed.results(pass.plan, &files);
    match &output.kind {
        OutputKind::Groups { grouping, post } => {
            let grouping = &pass.plan.pipeline.groupings[*grouping];
            let (tables, space) = results.groups.into_iter().next().expect("groups of the output");
            let merged = Merged::new(Arc::new(grouping.plan.clone()), tables, space)?;
            let (arrow, watermark) = (output.file_schema().arrow(), results.watermark);
            merged.drive(
                |block| record_batch(&arrow, shape(pass, grouping, output, post, &block, watermark)?.columns),
                |batch| rows.push(batch),
            )?;
        }
        OutputKind::Rows(_) => {
            let stores = results.rows.into_iter().next().expect("rows of the output");
            times =
                events(output, stores, EventContext::Resolution(passed.read.resolution.as_ref()), &mut rows)?;
        }
        OutputKind::Archive(_) => {
            let stores = results.archives.into_iter().next().expect("rows of the archive");
            // An archive also holds events that do not count, so its times are left out.
            events(output, stores, EventContext::Files(ArchiveFiles::new(&files)), &mut rows)?;
        }
    }
    let written = rows.finish()?;
    let work = SpentWork { rows: written, bytes: counted.bytes, lap: watch.lap() };
    pass.progress.worked(TimedStage::Write, work);
    let watermarks = passed.watermarks(pass.plan, times);
    Ok(passed.outcome(vec![OutputOutcome::new(&output.to, written, None)], watermarks))
}

/// Streams the events of `stores`; gives their first and last time.
fn events(
    output: &OutputPlan,
    stores: Vec<RowStore>,
    known: EventContext,
    rows: &mut StreamedRows,
) -> Result<Option<FirstAndLast>> {
    let settled = SettledRows::new(output, known);
    let arrow = output.file_schema().arrow();
    let mut times: Option<FirstAndLast> = None;
    // One partition at a time is in memory; their paths sort as time does.
    for partition in gather_partitions(stores) {
        let ordered: OrderedRows = settled.order(&partition)?;
        let all = ordered.len();
        if all == 0 {
            continue;
        }
        let here = FirstAndLast::new(ordered.times(0, 1)[0], ordered.times(all - 1, all)[0]);
        times = Some(times.map_or(here, |times| times.and(here)));
        // A few pieces at a time are made on all threads, and pushed in order.
        let cuts: Vec<usize> = (0..all).step_by(ROWS_PER_GROUP).collect();
        let piece = |&from: &usize| {
            let to = all.min(from + ROWS_PER_GROUP);
            record_batch(&arrow, settled.columns(&ordered, from, to))
        };
        in_order(&cuts, piece, |piece| rows.push(piece))?;
    }
    Ok(times)
}

/// Rows on their way to the stream.
struct StreamedRows<'a> {
    queue: EncodingQueue<()>,
    writer: StreamWriter<'a>,
    rows: PieceCutter,
}

impl StreamedRows<'_> {
    fn push(&mut self, rows: RecordBatch) -> Result<()> {
        let full = self.rows.push(rows)?;
        full.into_iter().try_for_each(|piece| self.queue_piece(piece))
    }

    fn queue_piece(&mut self, piece: RecordBatch) -> Result<()> {
        self.queue.push((), piece, |(), piece| self.writer.append(piece))
    }

    /// Ends the stream; gives the number of rows.
    fn finish(mut self) -> Result<u64> {
        let rest = self.rows.rest()?;
        rest.map(|piece| self.queue_piece(piece)).transpose()?;
        self.queue.drain(|(), piece| self.writer.append(piece))?;
        self.writer.finish()
    }
}

/// Counts the bytes that it passes on.
struct Counted<'a> {
    out: &'a mut (dyn Write + Send),
    bytes: u64,
}

impl Write for Counted<'_> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let written = self.out.write(bytes)?;
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.out.flush()
    }
}
