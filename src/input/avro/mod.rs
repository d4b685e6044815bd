//! Avro object container files: header, blocks, batches of the plan's types.
//!
//! # Contract
//! * A unit of work is some blocks, as they lie in the file; the serial part only reads them and checks
//!   their sync markers. A row's place is its record number in the file.
//! * How values reach the plan's types: see [`super::columnar`]. A `local-timestamp` has no zone. Of
//!   unions only those of NULL and one other type are read; arrays, maps and `time` are not.
//! * What a file lacks: see [`defaults`].
//! * A record that its schema cannot read ends the scan, as nothing tells where the next one starts;
//!   what lies before it was given.
//!
//! Why not a library: arrow-avro reads a file from its first to its last block in one thread, takes a
//! file that is cut short for one that ends there, and cannot tell which record is broken.

mod blocks;
mod container;
mod cursor;
mod decode;
mod defaults;
mod describe;
mod json;
mod schema;
#[cfg(test)]
mod tests;
#[cfg(test)]
pub(super) mod writer;

pub(super) use blocks::AvroBlocks;
pub use container::AvroChunk;
pub use describe::{about_records, describe};

use super::columnar::{
    ColumnOrigin, FileType, FromName, check, no_time_column, not_plain, not_read_as, possible,
};
use super::meter::Meter;
use super::times::TimeRole;
use super::{ReadColumn, ReadPlan, ReadTime, SourceFile};
use crate::batch::Position;
use crate::error::{Error, Result};
use arrow_schema::DataType as ArrowType;
use container::{Codec, Container};
use decode::Program;
use defaults::Defaults;
use schema::{AvroSchema, ResolvedPath};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// How much smaller than a chunk of text one of compressed blocks is.
const COMPRESSION: usize = 4;

/// The Avro files of a plan, as far as they know of one another.
#[derive(Default)]
pub struct AvroFiles {
    defaults: Option<Defaults>,
}

/// An Avro file on its way into chunks.
pub struct AvroReader {
    container: Container,
    /// What decodes its chunks.
    pub file: Arc<AvroFile>,
}

/// An Avro file whose columns are matched to the plan's.
pub struct AvroFile {
    plan: Arc<ReadPlan>,
    path: PathBuf,
    ordinal: u32,
    schema: AvroSchema,
    codec: Codec,
    program: Program,
    /// Slots of the times, where they are read.
    time: Option<usize>,
    arrival: Option<usize>,
    columns: Vec<(ColumnOrigin, Option<usize>)>,
    /// The names of the slots.
    names: Vec<String>,
}

impl AvroFiles {
    /// Opens `file` and matches its columns to the plan's.
    ///
    /// # Errors
    /// Data: no Avro file, a damaged one, one without the time column, or a column whose type cannot
    /// become the plan's. Machine: the file cannot be opened.
    pub fn open(&mut self, plan: &Arc<ReadPlan>, file: &SourceFile, meter: Meter) -> Result<AvroReader> {
        let container = Container::open(file, meter)?;
        let schema = AvroSchema::parse(&container.schema, &file.path)?;
        let file = Arc::new(self.match_columns(plan, file, schema, container.codec)?);
        Ok(AvroReader { container, file })
    }

    fn match_columns(
        &mut self,
        plan: &Arc<ReadPlan>,
        file: &SourceFile,
        schema: AvroSchema,
        codec: Codec,
    ) -> Result<AvroFile> {
        let path = &file.path;
        let times = [
            plan.own_time().map(|t| (t, TimeRole::EventTime)),
            plan.own_arrival().map(|t| (t, TimeRole::Arrival)),
        ];
        let (mut wanted, mut around) = (vec![], vec![]);
        for (read, role) in times.into_iter().flatten() {
            check_time(&schema, read, role, path)?;
            wanted.push(read.column.clone());
        }
        let mut columns = Vec::with_capacity(plan.columns.len());
        for column in &plan.columns {
            if let (None, Some(named)) = (plan.copied(column), FromName::of(file, &column.name)) {
                columns.push(ColumnOrigin::Named(named));
                continue;
            }
            let origin = match (plan.copied(column), schema.find(&column.name)) {
                (Some(role), _) => ColumnOrigin::Time(role),
                (None, ResolvedPath::Leaf(of)) if possible(&of, column.ty) => {
                    wanted.push(column.name.clone());
                    ColumnOrigin::Column(of)
                }
                (None, ResolvedPath::Leaf(of)) => return Err(not_read_as(column, path, &of)),
                (None, ResolvedPath::Group(ty, id)) if column.ty.is_text() && json::has_text(&schema, id) => {
                    wanted.push(column.name.clone());
                    ColumnOrigin::Column(FileType {
                        ty: ArrowType::Utf8View,
                        uuid: false,
                        name: ty.to_string(),
                    })
                }
                (None, ResolvedPath::Group(ty, _)) => return Err(not_plain(column, path, ty)),
                (None, ResolvedPath::Plain(depth, ty)) => return Err(no_record(column, depth, path, &ty)),
                (None, ResolvedPath::Missing(depth)) => {
                    // It reads the headers of all files, so only where a column is missing.
                    let defaults = self.defaults.get_or_insert_with(|| Defaults::of(plan));
                    match defaults.value(column, depth, plan)? {
                        None => ColumnOrigin::Missing,
                        Some(value) => {
                            // The default counts only where the record around the field is there.
                            if depth > 1 {
                                around.push(prefix(&column.name, depth - 1).to_string());
                            }
                            ColumnOrigin::Default(value)
                        }
                    }
                }
            };
            columns.push(origin);
        }
        let (program, slots) = Program::new(&schema, &wanted, &around);
        // The first of a name counts.
        let by_name: HashMap<&str, usize> = slots.iter().rev().map(|(name, slot)| (&**name, *slot)).collect();
        let slot = |name: &str| by_name.get(name).copied();
        let columns = columns.into_iter().zip(&plan.columns).map(|(origin, column)| {
            let slot = match &origin {
                ColumnOrigin::Column(_) => slot(&column.name),
                ColumnOrigin::Default(_) => match schema.find(&column.name) {
                    ResolvedPath::Missing(depth) => slot(prefix(&column.name, depth - 1)),
                    _ => None,
                },
                ColumnOrigin::Missing | ColumnOrigin::Time(_) | ColumnOrigin::Named(_) => None,
            };
            (origin, slot)
        });
        Ok(AvroFile {
            plan: plan.clone(),
            path: path.clone(),
            ordinal: file.ordinal,
            codec,
            time: times[0].and_then(|(read, _)| slot(&read.column)),
            arrival: times[1].and_then(|(read, _)| slot(&read.column)),
            columns: columns.collect(),
            names: slots.iter().map(|(name, _)| name.clone()).collect(),
            program,
            schema,
        })
    }
}

/// The first `names` names of a dotted path.
fn prefix(path: &str, names: usize) -> &str {
    // For zero names the number wraps, and is never found.
    match path.match_indices('.').nth(names.wrapping_sub(1)) {
        Some((end, _)) if names > 0 => &path[..end],
        _ if names > 0 => path,
        _ => "",
    }
}

fn check_time(schema: &AvroSchema, read: &ReadTime, role: TimeRole, path: &Path) -> Result<()> {
    let found = match schema.find(&read.column) {
        ResolvedPath::Leaf(of) => return check(&of, read, role, path),
        ResolvedPath::Group(ty, _) => Some(ty),
        ResolvedPath::Missing(_) | ResolvedPath::Plain(..) => None,
    };
    Err(no_time_column(path, &read.column, role, found, &schema.names()))
}

/// The error for a `column` inside of what is no record in the file at `path`.
fn no_record(column: &ReadColumn, depth: usize, path: &Path, ty: &str) -> Error {
    let (name, around) = (&column.name, prefix(&column.name, depth));
    Error::data(format!("there is no column `{name}` in {}: `{around}` is {ty} there", path.display()))
        .hint("files in which it is a record and files in which it is not cannot be read as one source")
}

impl AvroReader {
    /// The next blocks to decode; `None` at the end.
    ///
    /// # Errors
    /// Data: the file is damaged or cut short. Machine: it cannot be read.
    pub fn next_chunk(&mut self, chunk_bytes: usize) -> Result<Option<AvroChunk>> {
        let compression = if self.container.codec == Codec::Null { 1 } else { COMPRESSION };
        self.container.next_chunk(chunk_bytes / compression)
    }

    /// The number of the record that comes next.
    pub fn next_record(&self) -> u64 {
        self.container.next_record()
    }

    /// Size on disk and hash of the file, after its last chunk.
    pub fn finish(self) -> Result<(u64, String)> {
        self.container.finish()
    }
}

impl AvroFile {
    /// Its place among the files of the source.
    pub fn ordinal(&self) -> u32 {
        self.ordinal
    }

    /// The names of all of its columns, and of the records that some of them lie in.
    pub fn columns(&self) -> Vec<String> {
        [self.schema.names(), self.schema.records()].concat()
    }

    fn broken(&self, position: Position, what: &str) -> Error {
        let (path, record) = (self.path.display(), position.place() + 1);
        Error::data(format!("{path}, record {record}: it and what follows it cannot be read"))
            .caused_by(what)
            .hint("the file is damaged, or its schema does not match its records")
    }
}
