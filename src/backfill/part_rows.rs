//! The rows of a part: read, chosen, and written as a run writes them.

use super::parts::PartReader;
use crate::batch::{PartitionPath, Schema, compare_rows, plain_strings, views};
use crate::engine::Pass;
use crate::error::{Error, Result};
use crate::group::key_rows;
use crate::plan::{Grouping, OutputKind, OutputPlan, PlannedColumn};
use crate::rows::PartitionPart;
use crate::sink::encode::ROWS_PER_GROUP;
use crate::sink::{ANEW, AdoptedFile, Part, PartWriter, StagedFile, encoder};
use crate::time::{FirstAndLast, TimeRange};
use crate::window::{Assigner, Window};
use arrow_array::cast::AsArray;
use arrow_array::types::TimestampMicrosecondType;
use arrow_array::{ArrayRef, BooleanArray, RecordBatch, UInt32Array};
use arrow_buffer::BooleanBuffer;
use arrow_select::filter::filter_record_batch;
use arrow_select::take::take_record_batch;
use std::collections::BTreeMap;

/// Rows that an output is to have, by the path of their partition, with the columns of its files.
pub type NewRows = BTreeMap<PartitionPath, Vec<RecordBatch>>;

/// Keys of rows as bytes that are equal where the keys are.
pub struct KeyBytes(Option<arrow_row::Rows>);

impl KeyBytes {
    /// # Errors
    /// Columns of types that keys do not have: a fault of the program.
    pub fn new(keys: &[ArrayRef]) -> Result<KeyBytes> {
        // Without a column the converter cannot tell how many rows there are.
        if keys.is_empty() {
            return Ok(KeyBytes(None));
        }
        // Files have plain texts and blocks have dictionaries: equal keys of both must have equal bytes.
        let plain: Vec<ArrayRef> = keys.iter().map(plain_strings).collect();
        let converter = key_rows(plain.iter().map(|key| key.data_type().clone()));
        converter.convert_columns(&plain).map(|rows| KeyBytes(Some(rows))).map_err(unlike)
    }

    pub fn row(&self, row: usize) -> &[u8] {
        self.0.as_ref().map_or(&[], |rows| rows.row(row).data())
    }
}

/// The keys that stand in the path of a partition and not in its file.
pub fn part_keys(
    output: &OutputPlan,
    grouping: &Grouping,
    path: &PartitionPath,
) -> Vec<(String, Option<String>)> {
    let OutputKind::Groups { post, .. } = &output.kind else { return vec![] };
    let folders = path.values().zip(&output.partition_by);
    let keys = folders.filter_map(|(value, part)| {
        let PartitionPart::Column(c) = part else { return None };
        // `columns` may have given the key another name.
        let name = match &post.columns[*c] {
            PlannedColumn::Key(key) => &grouping.keys[*key],
            _ => &output.columns.fields[*c].name,
        };
        Some((name.clone(), value))
    });
    keys.collect()
}

/// The window of each row of a file whose first two columns are its bounds.
pub fn spans(rows: &RecordBatch) -> Vec<TimeRange> {
    let bound = |c: usize| rows.column(c).as_primitive::<TimestampMicrosecondType>().values();
    bound(0).iter().zip(bound(1)).map(|(&start, &end)| TimeRange { start, end }).collect()
}

/// Where the bounds of windows stand in rows of an output, and how one says the other.
#[derive(Debug, Clone)]
pub struct WindowColumns {
    start: Option<usize>,
    end: Option<usize>,
    assigner: Assigner,
}

impl WindowColumns {
    /// Of rows of `grouping` with their bounds in these columns; `None` where there is one window for all of time.
    pub fn of(grouping: &Grouping, start: Option<usize>, end: Option<usize>) -> Option<WindowColumns> {
        let assigner = Assigner::new(grouping.plan.window, grouping.plan.zone.clone());
        (grouping.plan.window != Window::Global).then_some(WindowColumns { start, end, assigner })
    }

    /// With both bounds in columns.
    #[cfg(test)]
    pub fn both(start: usize, end: usize) -> WindowColumns {
        let assigner = Assigner::new(Window::Global, crate::time::Zone::utc());
        WindowColumns { start: Some(start), end: Some(end), assigner }
    }

    /// Whether the column `column` is a bound.
    pub fn has(&self, column: usize) -> bool {
        self.start == Some(column) || self.end == Some(column)
    }

    /// The window of each row.
    ///
    /// # Errors
    /// A machine error: a bound is that of no window, so the job did not write it.
    pub fn spans(&self, rows: &RecordBatch) -> Result<Vec<TimeRange>> {
        let bound = |c: usize| rows.column(c).as_primitive::<TimestampMicrosecondType>().values();
        let mut assigner = self.assigner.clone();
        let window = |found: Option<TimeRange>| {
            found.ok_or_else(|| Error::machine("a row in place is of no window of the job").hint(ANEW))
        };
        match (self.start, self.end) {
            (Some(start), Some(end)) => {
                let bounds = bound(start).iter().zip(bound(end));
                Ok(bounds.map(|(&start, &end)| TimeRange { start, end }).collect())
            }
            (Some(start), None) => {
                bound(start).iter().map(|&start| window(assigner.starting_at(start))).collect()
            }
            (None, Some(end)) => bound(end).iter().map(|&end| window(assigner.ending_at(end))).collect(),
            (None, None) => Err(Error::fault("rows of an output do not tell their windows")),
        }
    }
}

/// Writes all rows of a part of `schema`, cut as a run cuts them; `spans` are their windows, if they have any. The part is
/// one that `reader` can read; it has no header line where it is `like` files that have none.
///
/// # Errors
/// The disk fails.
pub fn write_part(
    pass: &Pass,
    (staged, schema): (StagedFile, &Schema),
    reader: &PartReader,
    rows: &RecordBatch,
    spans: &[TimeRange],
    like: Option<&AdoptedFile>,
) -> Result<Part> {
    let encoder = encoder(reader.format, schema, &pass.plan.zone)?;
    let mut writer = match like {
        Some(like) => PartWriter::without_header(staged, like.clone()),
        None => PartWriter::new(staged, reader.format, schema)?,
    };
    // A row group ends where that of a run ends, or the files would not have the same bytes.
    for from in (0..rows.num_rows()).step_by(ROWS_PER_GROUP) {
        let piece = rows.slice(from, ROWS_PER_GROUP.min(rows.num_rows() - from));
        writer.append(encoder.encode(&piece)?)?;
    }
    writer.finish(spans.iter().copied().map(FirstAndLast::from).reduce(FirstAndLast::and))
}

/// The rows sorted by these columns.
pub fn in_order(rows: &RecordBatch, by: &[usize]) -> Result<RecordBatch> {
    let columns = views(rows.columns(), by.iter().copied())?;
    let mut order: Vec<u32> = (0..rows.num_rows() as u32).collect();
    order.sort_by(|&a, &b| compare_rows(&columns, a as usize, &columns, b as usize));
    take_record_batch(rows, &UInt32Array::from(order)).map_err(unlike)
}

/// The rows that are wanted.
pub fn only(rows: &RecordBatch, wanted: BooleanBuffer) -> Result<RecordBatch> {
    filter_record_batch(rows, &BooleanArray::new(wanted, None)).map_err(unlike)
}

/// The error of rows that do not have the same columns.
pub fn unlike(cause: arrow_schema::ArrowError) -> Error {
    Error::fault("rows of an output do not fit together").caused_by(cause)
}
