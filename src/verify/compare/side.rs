//! One of the two results: its columns, and its rows in parts that can be read at the same time.

use super::column::{Cells, kind};
use super::meaning::ColumnKind;
use super::text::ResultText;
use super::written::ResultFormat;
use super::{ResultTable, WhichSide};
use crate::batch::partition_values;
use crate::error::{Error, Result};
use crate::input::{
    InputFormat, Inputs, Opened, SourceFile, damaged_parquet as damaged, files, guarded_parquet as guarded,
    load_parquet as load, of_store_parquet as of_store,
};
use arrow_array::{ArrayRef, RecordBatch};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ParquetRecordBatchReaderBuilder, RowSelection, RowSelector,
};
use rayon::prelude::*;
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

/// Rows that are read at once.
const BATCH: usize = 8192;
/// Row groups that are larger are read in slices, so that several workers have something to do.
const SLICE: usize = 1 << 20;

/// A column of a side.
#[derive(Debug, Clone)]
pub(super) struct SideColumn {
    pub name: String,
    /// Of each of the files that have it, each kind once.
    pub kinds: Vec<ColumnKind>,
    /// It stands in paths alone.
    pub in_path: bool,
}

/// A result that has been opened.
#[derive(Debug)]
pub(super) struct Side {
    pub columns: Vec<SideColumn>,
    pub parts: Vec<SidePart>,
    /// How it is written.
    written: Arc<ResultFormat>,
    /// The names here of columns that are called otherwise in the files.
    called: HashMap<String, String>,
}

/// Some of the rows of a side, in their order.
#[derive(Debug)]
pub(super) enum SidePart {
    Batch(RecordBatch),
    Parquet { file: Arc<ParquetResult>, row_group: usize, from: usize, rows: usize },
    Text { file: Box<ResultText>, constants: Constants },
}

/// Columns in the path of a file, and their values.
type Constants = Vec<(String, Option<String>)>;

#[derive(Debug)]
pub(super) struct ParquetResult {
    path: PathBuf,
    opened: Opened,
    metadata: ArrowReaderMetadata,
    constants: Constants,
}

/// Rows that have been read.
pub(super) struct CellRows {
    pub cells: Vec<Cells>,
    pub rows: usize,
    /// Where the rows are in their side; they follow each other.
    pub first: u64,
}

/// Where a row is in its side: the part above, the row in it below. In the order of the rows.
pub(super) fn place(part: usize, row: u64) -> u64 {
    // A part has fewer than 2^40 rows, and the first bit stays free: `pairs` marks the side with it.
    ((part as u64) << 40) | row
}

impl Side {
    /// Opens a result.
    ///
    /// # Errors
    /// A file that is not there or cannot be read; a column twice.
    pub fn open(
        table: &ResultTable,
        which: WhichSide,
        written: &Arc<ResultFormat>,
        others: &[String],
    ) -> Result<Side> {
        let (written, called) = (written.clone(), HashMap::new());
        let mut side = Side { columns: vec![], parts: vec![], written, called };
        match table {
            ResultTable::Rows { schema, batches } => {
                // A result without batches has columns all the same.
                for field in schema.arrow().fields() {
                    side.column(field.name(), kind(field.data_type()), false);
                }
                for batch in batches {
                    side.batch(batch, which)?;
                }
            }
            ResultTable::Files(_) | ResultTable::Opened(_) => {
                let files = match table {
                    ResultTable::Opened(files) => files.clone(),
                    ResultTable::Files(paths) => files::listed(paths, None, &Inputs::default())?,
                    ResultTable::Rows { .. } => vec![],
                };
                for file in files {
                    let constants = partition_values(&file.path);
                    if file.format == InputFormat::Parquet {
                        side.parquet(&file, constants, which)?;
                        continue;
                    }
                    if file.format == InputFormat::Avro {
                        return Err(Error::job(format!(
                            "{} is Avro, which cannot be compared",
                            file.path.display()
                        ))
                        .hint("results may be Parquet, CSV or JSON Lines"));
                    }
                    let file = ResultText::open(file, &side.written, others)?;
                    once(file.names.iter(), which, &file.path().display().to_string())?;
                    for name in &file.names {
                        side.column(name, ColumnKind::Untyped, false);
                    }
                    side.constants(&constants);
                    side.parts.push(SidePart::Text { file: Box::new(file), constants });
                }
            }
        }
        Ok(side)
    }

    /// Whether it is JSON Lines without a record, which have the columns that they should have.
    pub fn is_blank(&self) -> bool {
        self.columns.is_empty()
            && self.parts.iter().all(|part| matches!(part, SidePart::Text { .. }))
            && !self.parts.is_empty()
    }

    /// Takes the columns of `other` for its own.
    pub fn columns_of(&mut self, other: &Side) {
        let none = |column: &SideColumn| SideColumn { kinds: vec![ColumnKind::Nothing], ..column.clone() };
        self.columns = other.columns.iter().map(none).collect();
    }

    /// The names of its columns, in order.
    pub fn names(&self) -> Vec<String> {
        self.columns.iter().map(|column| column.name.clone()).collect()
    }

    /// Calls a column as `other` does where they differ by upper and lower case or spaces around them alone, and no
    /// other column could be meant; says which.
    pub fn call_as(&mut self, other: &Side) -> Vec<String> {
        let alike = |a: &str, b: &str| a.trim().to_lowercase() == b.trim().to_lowercase();
        let own = self.names();
        let mut notes = vec![];
        for column in &mut self.columns {
            let mut like = other.columns.iter().filter(|there| alike(&there.name, &column.name));
            let one = like.next().filter(|_| like.next().is_none());
            let Some(name) = one.map(|there| &there.name).filter(|name| **name != column.name) else {
                continue;
            };
            if own.iter().filter(|own| alike(own, name)).count() > 1 {
                continue;
            }
            notes.push(format!("`{}` there is compared with `{name}` here", column.name));
            self.called.insert(name.clone(), column.name.clone());
            column.name.clone_from(name);
        }
        notes
    }

    /// The names in the files of columns.
    fn in_files<'a>(&'a self, names: &[&'a str]) -> Vec<&'a str> {
        names.iter().map(|name| self.called.get(*name).map_or(*name, String::as_str)).collect()
    }

    /// What was found by itself, in words; by column, the words for NULL of its text, and where the first of each is.
    pub fn found(&self) -> (Vec<String>, Vec<(String, String, String)>) {
        let (mut notes, mut words) = (vec![], vec![]);
        for part in &self.parts {
            let SidePart::Text { file, .. } = part else { continue };
            notes.extend(file.notes.clone());
            for ((column, word), line) in file.null_words() {
                let name =
                    self.called.iter().find(|(_, own)| **own == column).map_or(&column, |(name, _)| name);
                words.push((name.clone(), word, format!("{}, line {line}", file.path().display())));
            }
        }
        (notes, words)
    }

    fn column(&mut self, name: &str, kind: ColumnKind, in_path: bool) {
        match self.columns.iter_mut().find(|column| column.name == name) {
            Some(column) => {
                // One file that holds the column itself makes it a column of the result.
                column.in_path &= in_path;
                if !column.kinds.contains(&kind) {
                    column.kinds.push(kind);
                }
            }
            None => self.columns.push(SideColumn { name: name.to_string(), kinds: vec![kind], in_path }),
        }
    }

    fn constants(&mut self, constants: &Constants) {
        for (name, _) in constants {
            self.column(name, ColumnKind::Untyped, true);
        }
    }

    fn batch(&mut self, batch: &RecordBatch, which: WhichSide) -> Result<()> {
        let schema = batch.schema();
        once(schema.fields().iter().map(|field| field.name()), which, "a table")?;
        for field in schema.fields() {
            self.column(field.name(), kind(field.data_type()), false);
        }
        // Slices are several tasks; they share the values.
        for from in (0..batch.num_rows()).step_by(SLICE) {
            self.parts.push(SidePart::Batch(batch.slice(from, SLICE.min(batch.num_rows() - from))));
        }
        Ok(())
    }

    fn parquet(&mut self, file: &SourceFile, constants: Constants, which: WhichSide) -> Result<()> {
        let (path, handle) = (&file.path, file.opened.read()?);
        // The reader may panic over damaged bytes; `guarded` makes an error of that.
        let metadata = of_store(&handle, guarded(path, || load(path, &handle)))?;
        let fields = metadata.schema().fields();
        once(fields.iter().map(|field| field.name()), which, &path.display().to_string())?;
        for field in fields {
            self.column(field.name(), kind(field.data_type()), false);
        }
        // What the file says itself goes before its path.
        let constants: Constants = constants
            .into_iter()
            .filter(|(name, _)| fields.iter().all(|field| field.name() != name))
            .collect();
        self.constants(&constants);
        let groups: Vec<usize> =
            // Row counts have a sign in Parquet, and a damaged file may have a negative one.
            metadata.metadata().row_groups().iter().map(|group| group.num_rows().max(0) as usize).collect();
        let file =
            Arc::new(ParquetResult { path: path.clone(), opened: file.opened.clone(), metadata, constants });
        for (row_group, all) in groups.into_iter().enumerate() {
            for from in (0..all).step_by(SLICE) {
                let rows = SLICE.min(all - from);
                self.parts.push(SidePart::Parquet { file: file.clone(), row_group, from, rows });
            }
        }
        Ok(())
    }

    /// The number of the part that a piece is of, and whether one worker reads it, whose rows it then has all of.
    pub fn part_of(&self, piece: &CellRows) -> (usize, bool) {
        let part = (piece.first >> 40) as usize;
        (part, !matches!(self.parts[part], SidePart::Text { .. }))
    }

    /// How many rows there are; none where only reading tells.
    pub fn rows(&self) -> Option<u64> {
        self.parts
            .iter()
            .map(|part| match part {
                SidePart::Batch(batch) => Some(batch.num_rows() as u64),
                SidePart::Parquet { rows, .. } => Some(*rows as u64),
                SidePart::Text { .. } => None,
            })
            .sum()
    }

    /// Reads the columns `names` of part number `part`; pieces come in any order, in several threads.
    pub fn read(
        &self,
        part: usize,
        names: &[&str],
        see: &(impl Fn(&CellRows) -> Result<()> + Sync),
    ) -> Result<()> {
        self.read_own(part, &self.in_files(names), see)
    }

    /// As [`Self::read`], by the names in the files.
    fn read_own(
        &self,
        part: usize,
        names: &[&str],
        see: &(impl Fn(&CellRows) -> Result<()> + Sync),
    ) -> Result<()> {
        let piece = |batch: &RecordBatch, constants: &Constants, first| {
            piece(batch, names, constants, first, &self.written)
        };
        match &self.parts[part] {
            SidePart::Batch(batch) => {
                for from in (0..batch.num_rows()).step_by(BATCH) {
                    let slice = batch.slice(from, BATCH.min(batch.num_rows() - from));
                    see(&piece(&slice, &vec![], place(part, from as u64))?)?;
                }
                Ok(())
            }
            SidePart::Parquet { file, row_group, from, rows } => {
                let all = file.metadata.metadata().row_group(*row_group).num_rows().max(0) as usize;
                let selection = (*rows < all).then(|| {
                    let rest = all - from - rows;
                    let parts =
                        [RowSelector::skip(*from), RowSelector::select(*rows), RowSelector::skip(rest)];
                    RowSelection::from_iter(parts)
                });
                let mut first = place(part, 0);
                file.read(*row_group, selection, names, &mut |batch| {
                    see(&piece(batch, &file.constants, first)?)?;
                    first += batch.num_rows() as u64;
                    Ok(())
                })
            }
            // Records can be cut off a text in order only, so one thread cuts and the others parse.
            SidePart::Text { file, constants } => file.chunks()?.par_bridge().try_for_each(|chunk| {
                let chunk = chunk?;
                let (mut cells, rows) = file.columns(&chunk, names)?;
                for (cells, name) in cells.iter_mut().zip(names) {
                    if let Some((_, value)) = constants.iter().find(|(constant, _)| constant == name)
                        && !file.names.iter().any(|own| own == name)
                    {
                        *cells = Cells::Constant(value.clone());
                    }
                }
                see(&CellRows { cells, rows, first: place(part, chunk.first) })
            }),
        }
    }

    /// Reads the columns `names` of the rows at `places`, which ascend: [`CellRows::first`] is not to be used, as the
    /// rows' places are given apart.
    pub fn pick(
        &self,
        places: &[u64],
        names: &[&str],
        see: &(impl Fn(&CellRows, &[(usize, u64)]) -> Result<()> + Sync),
    ) -> Result<()> {
        let names = &self.in_files(names);
        places.par_chunk_by(|a, b| a >> 40 == b >> 40).try_for_each(|places| {
            let part = (places[0] >> 40) as usize;
            // A read of single rows costs more per row, so it pays only where few rows are wanted.
            let sparse = |rows: usize| places.len() * 16 < rows;
            match &self.parts[part] {
                SidePart::Parquet { file, row_group, from, rows } if sparse(*rows) => {
                    let all = file.metadata.metadata().row_group(*row_group).num_rows().max(0) as usize;
                    let row = |place: u64| (place & ((1 << 40) - 1)) as usize + from;
                    let ranges = places.iter().map(|place| row(*place)..row(*place) + 1);
                    let selection = RowSelection::from_consecutive_ranges(ranges, all);
                    let mut rest = places;
                    file.read(*row_group, Some(selection), names, &mut |batch| {
                        let (these, after) = rest.split_at(batch.num_rows().min(rest.len()));
                        rest = after;
                        let rows: Vec<(usize, u64)> =
                            these.iter().enumerate().map(|(i, place)| (i, *place)).collect();
                        see(&piece(batch, names, &file.constants, 0, &self.written)?, &rows)
                    })
                }
                _ => self.read_own(part, names, &|piece| {
                    let end = piece.first + piece.rows as u64;
                    let from = places.partition_point(|place| *place < piece.first);
                    let to = places.partition_point(|place| *place < end);
                    let row = |place: &u64| ((place - piece.first) as usize, *place);
                    let rows: Vec<(usize, u64)> = places[from..to].iter().map(row).collect();
                    if rows.is_empty() { Ok(()) } else { see(piece, &rows) }
                }),
            }
        })
    }
}

impl ParquetResult {
    fn read(
        &self,
        row_group: usize,
        selection: Option<RowSelection>,
        names: &[&str],
        see: &mut dyn FnMut(&RecordBatch) -> Result<()>,
    ) -> Result<()> {
        let path = &self.path;
        let handle = self.opened.read()?;
        let fields = self.metadata.schema().fields();
        let roots = fields.iter().enumerate().filter(|(_, field)| names.contains(&field.name().as_str()));
        // By roots, not leaves, so that a nested column stays whole.
        let mask = ProjectionMask::roots(self.metadata.parquet_schema(), roots.map(|(i, _)| i));
        let opened = guarded(path, || {
            let from = handle.clone();
            let builder = ParquetRecordBatchReaderBuilder::new_with_metadata(from, self.metadata.clone())
                .with_row_groups(vec![row_group])
                .with_projection(mask)
                .with_batch_size(BATCH);
            let builder = match selection {
                Some(selection) => builder.with_row_selection(selection),
                None => builder,
            };
            builder.build().map_err(|e| damaged(path, &e))
        });
        let mut reader = of_store(&handle, opened)?;
        loop {
            let next = guarded(path, || reader.next().transpose().map_err(|e| damaged(path, &e)));
            let next = of_store(&handle, next)?;
            match next {
                Some(batch) => see(&batch)?,
                None => return Ok(()),
            }
        }
    }
}

fn piece(
    batch: &RecordBatch,
    names: &[&str],
    constants: &Constants,
    first: u64,
    written: &ResultFormat,
) -> Result<CellRows> {
    let cells = names.iter().map(|name| {
        let own = |array: &ArrayRef| Cells::of_side(array, written);
        let constant = || constants.iter().find(|(constant, _)| constant == name);
        match batch.column_by_name(name) {
            Some(array) => own(array),
            // Files of one result may have different columns: a column that a file lacks is NULL there.
            None => Ok(constant().map_or(Cells::Nothing, |(_, value)| Cells::Constant(value.clone()))),
        }
    });
    Ok(CellRows { cells: cells.collect::<Result<_>>()?, rows: batch.num_rows(), first })
}

/// Refuses a name that comes twice: nobody could say which of the two is meant.
fn once<'a>(names: impl Iterator<Item = &'a String>, which: WhichSide, place: &str) -> Result<()> {
    let names: Vec<&String> = names.collect();
    match (1..names.len()).find(|i| names[..*i].contains(&names[*i])) {
        None => Ok(()),
        Some(i) => {
            let side = if which == WhichSide::Here { "here" } else { "there" };
            Err(Error::data(format!("{side}, {place} has two columns `{}`", names[i])))
        }
    }
}
