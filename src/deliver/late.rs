//! The late output: events that a streamed run did not count, in arrival order, with the windows that they missed.

use super::outcome::OutputOutcome;
use crate::batch::{DataType, Field, Native, Position, Schema, record_batch};
use crate::engine::Pass;
use crate::engine::late::{LatePositions, LateStore, int64};
use crate::error::Result;
use crate::group::own_millisecond;
use crate::input::lines::line_numbers;
use crate::ordered::in_order;
use crate::plan::{LatePlan, Plan};
use crate::rows::{OrderedRows, gather_partitions};
use crate::sink::encode::ROWS_PER_GROUP;
use crate::sink::value::TimeText;
use crate::sink::{PartWriter, Transaction, encoder};
use crate::time::TimeRange;
use crate::window::{Assigner, Window};
use arrow_array::{ArrayRef, Int64Array, StringViewArray, TimestampMicrosecondArray, UInt32Array};
use arrow_select::take::take;
use std::path::Path;
use std::sync::Arc;

const SECONDS: DataType = DataType::Decimal { precision: 20, scale: 6 };

/// The columns of the late output.
pub fn schema(late: &LatePlan) -> Schema {
    with_own(late.columns.iter().map(|(_, field)| field.clone()).collect())
}

/// Columns of the log with those that say of a late event where it stood and what it missed.
pub fn with_own(mut fields: Vec<Field>) -> Schema {
    fields.extend([
        Field::new("_file", DataType::String),
        Field::new("_line", DataType::Int64),
        Field::new("_event_time", DataType::Timestamp),
        Field::new("_watermark", DataType::Timestamp),
        Field::new("_missed", DataType::String),
        Field::new("_late_by", SECONDS),
    ]);
    Schema::new(fields)
}

/// Writes the late output, which is number `target` of the transaction; of the rows kept those that
/// are in `late`, if it is given.
pub fn write(
    pass: &Pass,
    late: &LatePlan,
    target: usize,
    transaction: &Transaction,
    stores: Vec<LateStore>,
    only: Option<&LatePositions>,
) -> Result<OutputOutcome> {
    let schema = transaction.numbered(target, &schema(late));
    let encoder = encoder(late.format, &schema, &pass.plan.zone)?;
    // A file has one part, whose path is not looked at; one of a table gets the name of its content.
    let name = if late.table.is_some() { Path::new("late.parquet") } else { &late.path };
    let staged = transaction.stage(target, name)?;
    let mut writer = PartWriter::new(staged, late.format, &schema)?;
    let arrow = schema.arrow();
    let mut rows = 0;
    // The store is not partitioned, so there is one partition or an empty list.
    if let Some(partition) = gather_partitions(stores.into_iter().map(LateStore::into_rows).collect()).first()
    {
        let ordered = partition.order()?;
        let mut positions = ordered.positions(0, ordered.len());
        let mut chosen: Vec<usize> = (0..ordered.len()).collect();
        // Of sessions only the replay could tell which of these events are late.
        if let Some(only) = only {
            chosen.retain(|&row| only.contains(&positions[row]));
            positions.retain(|position| only.contains(position));
        }
        rows = chosen.len() as u64;
        // All lines at once: the files are read again for them.
        let lines = line_numbers(&pass.plan.pipeline.read, &positions)?;
        let shape = LateRowBuilder { plan: pass.plan, late, ordered: &ordered, windows: windows(pass.plan) };
        let cuts: Vec<usize> = (0..chosen.len()).step_by(ROWS_PER_GROUP).collect();
        let piece = |&from: &usize| {
            let cut = from..chosen.len().min(from + ROWS_PER_GROUP);
            let columns = shape.columns(&chosen[cut.clone()], &positions[cut.clone()], &lines[cut])?;
            encoder.encode(&record_batch(&arrow, columns)?)
        };
        in_order(&cuts, piece, |piece| writer.append(piece))?;
    }
    writer.finish(None)?;
    Ok(OutputOutcome::new(&late.to(), rows, None))
}

/// The windows of one streamed output.
#[derive(Clone)]
struct Windows {
    assigner: Assigner,
    window: Window,
    /// The delay and the allowed lateness together.
    kept: i64,
}

fn windows(plan: &Plan) -> Vec<Windows> {
    let streamed = plan.pipeline.groupings.iter().filter_map(|g| Some((&g.plan, g.plan.lateness.as_ref()?)));
    streamed
        .map(|(plan, lateness)| Windows {
            assigner: Assigner::new(plan.window, plan.zone.clone()),
            window: plan.window,
            kept: lateness.kept(&plan.window),
        })
        .collect()
}

struct LateRowBuilder<'a> {
    plan: &'a Plan,
    late: &'a LatePlan,
    ordered: &'a OrderedRows,
    windows: Vec<Windows>,
}

impl LateRowBuilder<'_> {
    /// The columns of some rows: their numbers in the store, which ascend, their positions and lines.
    fn columns(&self, chosen: &[usize], positions: &[Position], lines: &[u64]) -> Result<Vec<ArrayRef>> {
        // A store gives ranges of rows, so the range around all chosen rows is read once.
        let (from, to) = (chosen[0], chosen[chosen.len() - 1] + 1);
        let within = UInt32Array::from_iter_values(chosen.iter().map(|row| (row - from) as u32));
        let mut columns: Vec<ArrayRef> = self
            .ordered
            .columns(from, to)
            .iter()
            .map(|c| take(c, &within, None).expect("rows of the store"))
            .collect();
        // `LateStore` puts the event time and then what had been reached behind the columns.
        let max_timestamp = int64(&columns.pop().expect("what had been reached"));
        let time = int64(&columns.pop().expect("the event time"));
        debug_assert_eq!(columns.len(), self.late.columns.len());
        let files = &self.plan.pipeline.read.files;
        let file = |p: &Position| files[p.file() as usize].path.display().to_string();
        columns.push(Arc::new(positions.iter().map(|p| Some(file(p))).collect::<StringViewArray>()));
        columns.push(Arc::new(Int64Array::from_iter_values(lines.iter().map(|&line| line as i64))));
        // The watermark generator has the greatest event time; the watermark is that less the delay.
        let delay = self.plan.pipeline.watermark.out_of_orderness;
        let watermarks = max_timestamp.iter().map(|r| r.saturating_sub(delay));
        columns.push(instants(time.iter().copied()));
        columns.push(instants(watermarks));
        // An assigner changes while it is asked, so each piece of work has its own.
        let mut missed =
            Missed { windows: self.windows.clone(), text: TimeText::new(&self.plan.zone), spans: vec![] };
        let (mut texts, mut late_by) = (vec![], vec![]);
        for (&time, &max_timestamp) in time.iter().zip(&max_timestamp) {
            let (text, by) = missed.of(time, max_timestamp);
            texts.push(text);
            late_by.push(i128::from(by));
        }
        columns.push(Arc::new(texts.into_iter().map(Some).collect::<StringViewArray>()));
        columns.push(Native::array(SECONDS, late_by, None));
        Ok(columns)
    }
}

fn instants(values: impl Iterator<Item = i64>) -> ArrayRef {
    Arc::new(TimestampMicrosecondArray::from_iter_values(values).with_timezone("UTC"))
}

struct Missed {
    windows: Vec<Windows>,
    text: TimeText,
    spans: Vec<TimeRange>,
}

impl Missed {
    /// The windows that an event missed, as ISO 8601 intervals, and by how many microseconds it missed
    /// the one that stayed open longest.
    fn of(&mut self, time: i64, max_timestamp: i64) -> (String, i64) {
        let mut all = vec![];
        let mut late_by = i64::MAX;
        for Windows { assigner, window, kept } in &mut self.windows {
            match window {
                Window::Session { gap } => {
                    // A late event joined none of the sessions, so it would have made one of its own.
                    self.spans.clear();
                    self.spans.push(TimeRange { start: time, end: time + *gap });
                }
                _ => assigner.windows(time, &mut self.spans),
            }
            for span in &self.spans {
                late_by = late_by.min(max_timestamp - *kept - span.end);
            }
            all.extend_from_slice(&self.spans);
        }
        // An event in a gap missed no window, and is late by the output that was the first to say so.
        if all.is_empty() {
            let kept = self.windows.iter().map(|windows| windows.kept).min().unwrap_or(0);
            late_by = max_timestamp - kept - own_millisecond(time).end;
        }
        // Outputs with equal windows miss the same ones, and each is told once.
        all.sort_unstable();
        all.dedup();
        let text = &mut self.text;
        let texts: Vec<String> =
            all.iter().map(|w| format!("{}/{}", text.text(w.start), text.text(w.end))).collect();
        (texts.join(" "), late_by)
    }
}
