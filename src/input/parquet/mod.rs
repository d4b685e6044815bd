//! Parquet files: footer, row groups that are needed, batches of the plan's types.
//!
//! # Contract
//! * A unit is a row group; the rows of all units of a file are in row order, and a row's place is
//!   its number in the file. Batch sizes decide nothing.
//! * A row group is left out only if its statistics prove that every event time in it can be read
//!   and lies outside of `[from, to)`, and every arrival too. So what is rejected for its times does
//!   not depend on what is left out.
//! * How values reach the plan's types: see [`super::columnar`]. A timestamp that is not adjusted to
//!   UTC has no zone; INT96 is taken as UTC, which is what its writers store.

mod describe;
mod pages;
mod schema;
#[cfg(test)]
mod tests;

pub use describe::describe;
pub(crate) use schema::{damaged, load};

use super::bad::BadRecords;
use super::columnar::{
    Arrays, Assembler, CellFaults, ColumnOrigin, FromName, TimeColumnName, check, no_time_column, not_plain,
    not_read_as, parser, possible, prunable, row_as_json, times,
};
use super::decoded::DecodedChunk;
use super::meter;
use super::times::TimeRole;
use super::{FileReader, ReadColumn, ReadPlan, ReadTime, SourceFile};
use crate::error::{Error, Result};
use crate::process;
use arrow_array::{ArrayRef, RecordBatch};
use pages::{PageWatch, Pages, rows_of_texts};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::statistics::StatisticsConverter;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder,
};
use schema::{Leaf, Lookup};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A Parquet file whose footer has been read and whose columns are matched to the plan's.
#[derive(Debug)]
pub struct ParquetFile {
    plan: Arc<ReadPlan>,
    path: PathBuf,
    ordinal: u32,
    /// All row groups are read by it, each at places of its own.
    handle: FileReader,
    metadata: ArrowReaderMetadata,
    /// Where each of the plan's columns comes from; none of what the file does not have, and of copies
    /// of the times.
    columns: Vec<Option<Leaf>>,
    /// Which of them the name of the file tells.
    named: Vec<Option<FromName>>,
    /// None where every row is of the instant 0.
    time: Option<Leaf>,
    /// Where the arrival is not the event time.
    arrival: Option<Leaf>,
    units: Vec<RowGroupUnit>,
    rows_skipped: u64,
}

/// A row group that is to be read.
#[derive(Debug, Clone, Copy)]
struct RowGroupUnit {
    row_group: usize,
    first_row: u64,
    rows: u64,
}

impl ParquetFile {
    /// Reads the footer of `file` and matches its columns to the plan's.
    ///
    /// # Errors
    /// Data: no Parquet file, a damaged one, one without the time column, or a column whose type
    /// cannot become the plan's. Machine: the file cannot be opened.
    pub fn open(plan: &Arc<ReadPlan>, file: &SourceFile) -> Result<ParquetFile> {
        let handle = file.opened.read()?;
        let opened = || Self::match_columns(plan, file, schema::load(&file.path, &handle)?, &handle);
        of_store(&handle, guarded(&file.path, opened))
    }

    fn match_columns(
        plan: &Arc<ReadPlan>,
        file: &SourceFile,
        metadata: ArrowReaderMetadata,
        handle: &FileReader,
    ) -> Result<ParquetFile> {
        schema::check_names(&metadata, &file.path)?;
        let time_leaf = |read: &ReadTime, role| match schema::find(&metadata, &read.column) {
            Lookup::Leaf(leaf) => check(&leaf.of, read, role, &file.path).map(|()| leaf),
            found => {
                let group = if let Lookup::Group(ty) = found { Some(ty) } else { None };
                Err(no_time_column(&file.path, &read.column, role, group, &schema::names(&metadata)))
            }
        };
        let time = plan.own_time().map(|read| time_leaf(read, TimeRole::EventTime)).transpose()?;
        let arrival = plan.own_arrival().map(|read| time_leaf(read, TimeRole::Arrival)).transpose()?;
        let named: Vec<_> = plan.columns.iter().map(|c| FromName::of(file, &c.name)).collect();
        let leaf = |(column, named): (&ReadColumn, &Option<FromName>)| match named {
            Some(_) => Ok(None),
            None => leaf_of(column, plan, &file.path, &metadata),
        };
        let columns = plan.columns.iter().zip(&named).map(leaf).collect::<Result<Vec<_>>>()?;
        // Pages of columns that are not read do not matter, however they are compressed.
        let mut leaves = columns.iter().flatten().chain(&time).chain(&arrival);
        let pages = Arc::new(handle.clone());
        leaves.try_for_each(|leaf| schema::check_pages(&metadata, leaf, &pages, &file.path))?;
        let (units, rows_skipped) = units(plan, &file.path, &metadata, time.as_ref(), arrival.as_ref())?;
        Ok(ParquetFile {
            plan: plan.clone(),
            path: file.path.clone(),
            ordinal: file.ordinal,
            handle: handle.clone(),
            metadata,
            columns,
            named,
            time,
            arrival,
            units,
            rows_skipped,
        })
    }

    /// The size of the file and the hash of its bytes, as manifests write it.
    ///
    /// # Errors
    /// It cannot be read.
    pub(super) fn hashed(&self) -> Result<(u64, String)> {
        meter::hashed(self.handle.clone(), &self.path)
    }

    /// How many row groups are to be read.
    pub fn units(&self) -> usize {
        self.units.len()
    }

    /// How many rows lie in row groups outside of the plan's range of event times.
    pub fn rows_skipped(&self) -> u64 {
        self.rows_skipped
    }

    /// Whether the file has a column of this name (a dotted path into nested fields).
    pub fn has_column(&self, name: &str) -> bool {
        self.named
            .iter()
            .zip(&self.plan.columns)
            .any(|(named, column)| named.is_some() && column.name == name)
            || !matches!(schema::find(&self.metadata, name), Lookup::Missing)
    }

    /// The number, in the file, of the first row of a unit; see [`ParquetFile::read`].
    pub fn first_row(&self, unit: usize) -> u64 {
        self.units[unit].first_row
    }

    /// Starts to read the row group number `unit` of those to be read, from 0.
    ///
    /// # Errors
    /// Data: the row group is damaged.
    ///
    /// # Panics
    /// Where `unit` is not below [`ParquetFile::units`].
    pub fn read(self: &Arc<Self>, unit: usize) -> Result<ParquetUnit> {
        let unit = self.units[unit];
        let opened = guarded(&self.path, || {
            let group = self.metadata.metadata().row_group(unit.row_group);
            let leaves = || self.leaves().flat_map(Leaf::indices);
            for leaf in leaves() {
                let (start, length) = group.column(leaf).byte_range();
                self.handle.expect(start..start.saturating_add(length));
            }
            let watch = Arc::new(PageWatch::new(group, leaves()));
            // Widths of numbers are known from the plan; the sizes of texts only from the footer.
            let rows = self.plan.rows_in(self.plan.chunk_bytes).min(rows_of_texts(group, leaves()));
            Ok((self.reader(unit, 0, rows, &watch)?, watch, rows))
        });
        let (reader, watch, batch_rows) = of_store(&self.handle, opened)?;
        Ok(ParquetUnit {
            file: self.clone(),
            unit,
            reader,
            watch,
            batch_rows,
            decoder: BatchDecoder {
                columns: self.columns.clone(),
                time: self.time.clone(),
                arrival: self.arrival.clone(),
                assembler: Assembler::new(&self.plan, &self.path, self.ordinal, self.origins()),
            },
            next_row: unit.first_row,
            end_row: unit.first_row + unit.rows,
            failed: false,
        })
    }

    /// The columns of the file that are read.
    fn leaves(&self) -> impl Iterator<Item = &Leaf> {
        self.columns.iter().flatten().chain(&self.time).chain(&self.arrival)
    }

    /// Reads the rows of `unit` less the first `skip`, `batch_rows` at a time.
    fn reader(
        &self,
        unit: RowGroupUnit,
        skip: usize,
        batch_rows: usize,
        watch: &Arc<PageWatch>,
    ) -> Result<ParquetRecordBatchReader> {
        let leaves = self.leaves().flat_map(Leaf::indices);
        let mask = ProjectionMask::leaves(self.metadata.parquet_schema(), leaves);
        let pages = Pages::new(self.handle.clone(), watch.clone());
        ParquetRecordBatchReaderBuilder::new_with_metadata(pages, self.metadata.clone())
            .with_row_groups(vec![unit.row_group])
            .with_projection(mask)
            .with_batch_size(batch_rows)
            .with_offset(skip)
            .build()
            .map_err(|e| schema::damaged(&self.path, &e))
    }

    fn origins(&self) -> Vec<ColumnOrigin> {
        let origin = |((column, leaf), named): ((&ReadColumn, &Option<Leaf>), &Option<FromName>)| match (
            self.plan.copied(column),
            named,
            leaf,
        ) {
            (Some(role), _, _) => ColumnOrigin::Time(role),
            (None, Some(named), _) => ColumnOrigin::Named(named.clone()),
            (None, None, Some(leaf)) => ColumnOrigin::Column(leaf.of.clone()),
            (None, None, None) => ColumnOrigin::Missing,
        };
        self.plan.columns.iter().zip(&self.columns).zip(&self.named).map(origin).collect()
    }
}

/// The rows of one row group, a batch at a time.
pub struct ParquetUnit {
    file: Arc<ParquetFile>,
    unit: RowGroupUnit,
    reader: ParquetRecordBatchReader,
    watch: Arc<PageWatch>,
    batch_rows: usize,
    decoder: BatchDecoder,
    next_row: u64,
    end_row: u64,
    failed: bool,
}

impl ParquetUnit {
    /// Whether all rows were given.
    pub fn is_done(&self) -> bool {
        self.next_row == self.end_row
    }

    /// The next rows; `None` after the last and after an error.
    #[allow(clippy::should_implement_trait)] // it is one, but callers need no more than this
    pub(super) fn next(&mut self, bad: BadRecords) -> Option<Result<DecodedChunk>> {
        if self.failed || self.is_done() {
            return None;
        }
        let file = self.file.clone();
        let outcome = of_store(&file.handle, guarded(&file.path, || self.step(&file.path, bad)));
        self.failed = outcome.is_err();
        Some(outcome)
    }

    fn step(&mut self, path: &Path, bad: BadRecords) -> Result<DecodedChunk> {
        let batch = loop {
            // A batch of one row cannot become smaller.
            self.watch.begin(self.batch_rows > 1);
            match self.reader.next() {
                Some(Ok(batch)) => break batch,
                Some(Err(_)) if self.watch.is_wide() => {
                    // So again from here on, with fewer rows.
                    self.batch_rows = self.batch_rows.div_ceil(8);
                    let skip = (self.next_row - self.unit.first_row) as usize;
                    self.reader = self.file.reader(self.unit, skip, self.batch_rows, &self.watch)?;
                }
                Some(Err(e)) => return Err(self.failure(&e)),
                None => {
                    return Err(schema::damaged(path, &"a row group has fewer rows than the footer says"));
                }
            }
        };
        let rows = batch.num_rows() as u64;
        // Positions follow from the counts of the footer, so what is read must agree with them.
        if rows == 0 || rows > self.end_row - self.next_row {
            return Err(schema::damaged(path, &"a row group does not have the rows that the footer says"));
        }
        let first_row = self.next_row;
        self.next_row += rows;
        self.decoder.decode(&batch, first_row, path, bad)
    }
}

impl ParquetUnit {
    fn failure(&self, cause: &dyn std::fmt::Display) -> Error {
        let path = &self.file.path;
        match self.watch.refused() {
            Some(why) => Error::data(format!("{}: {why}", path.display()))
                .hint("a page is read whole: write the file with smaller pages, or leave that column out"),
            None => schema::damaged(path, cause),
        }
    }
}

/// What turns a record batch of the file into one of the plan.
struct BatchDecoder {
    columns: Vec<Option<Leaf>>,
    time: Option<Leaf>,
    arrival: Option<Leaf>,
    assembler: Assembler,
}

impl BatchDecoder {
    fn decode(
        &mut self,
        batch: &RecordBatch,
        first_row: u64,
        path: &Path,
        bad: BadRecords,
    ) -> Result<DecodedChunk> {
        let array = |leaf: &Option<Leaf>| leaf.as_ref().map(|leaf| leaf.array(batch, path)).transpose();
        let arrays = Arrays {
            rows: batch.num_rows(),
            first_row,
            time: array(&self.time)?,
            arrival: array(&self.arrival)?,
            columns: self.columns.iter().map(array).collect::<Result<_>>()?,
            faults: CellFaults::default(),
        };
        let schema = batch.schema();
        let names = || schema.fields().iter().map(|field| field.name().as_str());
        self.assembler.assemble(arrays, |row| row_as_json(names().zip(batch.columns()), row), bad)
    }
}

/// The leaf that the plan's `column` comes from in this file, if it has it.
fn leaf_of(
    column: &ReadColumn,
    plan: &ReadPlan,
    path: &Path,
    metadata: &ArrowReaderMetadata,
) -> Result<Option<Leaf>> {
    if plan.copied(column).is_some() {
        return Ok(None);
    }
    match schema::find(metadata, &column.name) {
        Lookup::Missing => Ok(None),
        Lookup::Leaf(leaf) if possible(&leaf.of, column.ty) => Ok(Some(leaf)),
        Lookup::Leaf(leaf) => Err(not_read_as(column, path, &leaf.of)),
        Lookup::Group(ty) => match schema::group(metadata, &column.name) {
            Some(leaf) if possible(&leaf.of, column.ty) => Ok(Some(leaf)),
            _ => Err(not_plain(column, path, ty)),
        },
    }
}

/// The row groups to be read, and how many rows lie in the others.
fn units(
    plan: &ReadPlan,
    path: &Path,
    metadata: &ArrowReaderMetadata,
    time: Option<&Leaf>,
    arrival: Option<&Leaf>,
) -> Result<(Vec<RowGroupUnit>, u64)> {
    let skip = outside(plan, path, metadata, time, arrival).unwrap_or_default();
    let (mut units, mut skipped, mut first_row) = (vec![], 0, 0u64);
    for (row_group, group) in metadata.metadata().row_groups().iter().enumerate() {
        let rows = u64::try_from(group.num_rows()).map_err(|e| schema::damaged(path, &e))?;
        if skip.get(row_group) == Some(&true) {
            skipped += rows;
        } else if rows > 0 {
            units.push(RowGroupUnit { row_group, first_row, rows });
        }
        first_row = first_row.saturating_add(rows);
    }
    Ok((units, skipped))
}

/// Which row groups are proven to have no event time of the plan's range, and no time or arrival for
/// which a row is rejected; `None` where the file says nothing of it.
fn outside(
    plan: &ReadPlan,
    path: &Path,
    metadata: &ArrowReaderMetadata,
    time: Option<&Leaf>,
    arrival: Option<&Leaf>,
) -> Option<Vec<bool>> {
    if (plan.from, plan.to) == (i64::MIN, i64::MAX) {
        return None;
    }
    let times = bounds(plan, &plan.time, path, metadata, time?)?;
    let arrivals = match (arrival, plan.own_arrival()) {
        (Some(leaf), Some(read)) => Some(bounds(plan, read, path, metadata, leaf)?),
        _ => None,
    };
    let proven = |group: usize| {
        let (least, most) = times[group]?;
        let arrived = match &arrivals {
            None => true,
            // The latest event may have come with the earliest arrival.
            Some(arrivals) => plan.ahead(most, arrivals[group]?.0).is_none(),
        };
        Some(arrived && (most < plan.from || least >= plan.to))
    };
    Some((0..times.len()).map(|group| proven(group).unwrap_or(false)).collect())
}

/// The least and the greatest time in each row group, where all its times are known to be readable;
/// `None` where the file says nothing of it.
#[allow(clippy::type_complexity)]
fn bounds(
    plan: &ReadPlan,
    read: &ReadTime,
    path: &Path,
    metadata: &ArrowReaderMetadata,
    leaf: &Leaf,
) -> Option<Vec<Option<(i64, i64)>>> {
    if !prunable(&leaf.of, &read.rule) {
        return None;
    }
    let field = arrow_schema::Field::new(&read.column, leaf.of.ty.clone(), true);
    let file_schema = metadata.parquet_schema();
    let statistics = StatisticsConverter::from_column_index(leaf.index, &field, file_schema).ok()?;
    let groups = metadata.metadata().row_groups();
    let mut parser = parser(plan, read);
    // Nobody reads the messages of these faults.
    let of = TimeColumnName { name: &read.column, role: TimeRole::EventTime };
    let mut instants = |bounds: &ArrayRef| times(bounds, of, &mut parser, path).ok();
    let least = instants(&statistics.row_group_mins(groups).ok()?)?;
    let most = instants(&statistics.row_group_maxes(groups).ok()?)?;
    // A NULL time is a bad record, so a row group that has one must be read.
    let optional = file_schema.column(leaf.index).max_def_level() > 0;
    let mut bounds: Vec<Option<(i64, i64)>> = (0..groups.len())
        .map(|i| {
            let nulls = groups[i].column(leaf.index).statistics().and_then(|s| s.null_count_opt());
            let no_nulls = !optional || nulls == Some(0);
            no_nulls.then(|| (least.time[i], most.time[i]))
        })
        .collect();
    // Bounds that are unknown or no times prove nothing.
    least.faults.iter().chain(most.faults.iter()).for_each(|f| bounds[f.row] = None);
    Some(bounds)
}

/// Gives the error of the store in place of that of a reader, who takes missing bytes for damage.
pub(crate) fn of_store<T>(file: &FileReader, outcome: Result<T>) -> Result<T> {
    outcome.map_err(|error| file.failure().unwrap_or(error))
}

/// Runs what reads `path`, and turns a panic over damaged bytes into an error.
pub(crate) fn guarded<T>(path: &Path, read: impl FnOnce() -> Result<T>) -> Result<T> {
    process::caught(read).unwrap_or_else(|_| Err(damaged(path, &"its bytes are not valid")))
}
