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

mod container;
mod decode;
mod defaults;
mod describe;
mod schema;
#[cfg(test)]
mod tests;
#[cfg(test)]
pub(super) mod writer;

pub use container::AvroChunk;
pub use describe::{about_records, describe};

use super::columnar::{
    Arrays, Assembler, FromName, Origin, check, no_time_column, not_plain, not_read_as, possible, row_as_json,
};
use super::raw::Meter;
use super::times::Role;
use super::{DecodedChunk, ReadColumn, ReadPlan, ReadTime, SourceFile};
use crate::batch::Position;
use crate::error::{Error, Result};
use arrow_array::ArrayRef;
use container::{Codec, Container};
use decode::{Cursor, Program, Slots};
use defaults::Defaults;
use schema::{Found, Schema};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The most bytes of blocks, decompressed, that are decoded at once: a view says where a text is in 31
/// bits.
const MOST_BYTES: usize = i32::MAX as usize;

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
    schema: Schema,
    codec: Codec,
    program: Program,
    /// Slots of the times, where they are read.
    time: Option<usize>,
    arrival: Option<usize>,
    columns: Vec<(Origin, Option<usize>)>,
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
        let schema = Schema::parse(&container.schema, &file.path)?;
        let file = Arc::new(self.match_columns(plan, file, schema, container.codec)?);
        Ok(AvroReader { container, file })
    }

    fn match_columns(
        &mut self,
        plan: &Arc<ReadPlan>,
        file: &SourceFile,
        schema: Schema,
        codec: Codec,
    ) -> Result<AvroFile> {
        let path = &file.path;
        let times =
            [plan.own_time().map(|t| (t, Role::EventTime)), plan.own_arrival().map(|t| (t, Role::Arrival))];
        let (mut wanted, mut around) = (vec![], vec![]);
        for (read, role) in times.into_iter().flatten() {
            check_time(&schema, read, role, path)?;
            wanted.push(read.column.clone());
        }
        let mut columns = Vec::with_capacity(plan.columns.len());
        for column in &plan.columns {
            if let (None, Some(named)) = (plan.copied(column), FromName::of(file, &column.name)) {
                columns.push(Origin::Named(named));
                continue;
            }
            let origin = match (plan.copied(column), schema.find(&column.name)) {
                (Some(role), _) => Origin::Time(role),
                (None, Found::Leaf(of)) if possible(&of, column.ty) => {
                    wanted.push(column.name.clone());
                    Origin::Column(of)
                }
                (None, Found::Leaf(of)) => return Err(not_read_as(column, path, &of)),
                (None, Found::Group(ty)) => return Err(not_plain(column, path, ty)),
                (None, Found::Plain(depth, ty)) => return Err(no_record(column, depth, path, &ty)),
                (None, Found::Missing(depth)) => {
                    let defaults = self.defaults.get_or_insert_with(|| Defaults::of(plan));
                    match defaults.value(column, depth, plan)? {
                        None => Origin::Missing,
                        Some(value) => {
                            if depth > 1 {
                                around.push(prefix(&column.name, depth - 1).to_string());
                            }
                            Origin::Default(value)
                        }
                    }
                }
            };
            columns.push(origin);
        }
        let (program, slots) = Program::new(&schema, &wanted, &around);
        let slot = |name: &str| slots.iter().find(|(n, _)| n == name).map(|(_, slot)| *slot);
        let columns = columns.into_iter().zip(&plan.columns).map(|(origin, column)| {
            let slot = match &origin {
                Origin::Column(_) => slot(&column.name),
                Origin::Default(_) => match schema.find(&column.name) {
                    Found::Missing(depth) => slot(prefix(&column.name, depth - 1)),
                    _ => None,
                },
                Origin::Missing | Origin::Time(_) | Origin::Named(_) => None,
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
    match path.match_indices('.').nth(names.wrapping_sub(1)) {
        Some((end, _)) if names > 0 => &path[..end],
        _ if names > 0 => path,
        _ => "",
    }
}

fn check_time(schema: &Schema, read: &ReadTime, role: Role, path: &Path) -> Result<()> {
    let found = match schema.find(&read.column) {
        Found::Leaf(of) => return check(&of, read, role, path),
        Found::Group(ty) => Some(ty),
        Found::Missing(_) | Found::Plain(..) => None,
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

/// Why a chunk was not decoded to its end, and at which record.
pub type Failure = (Position, Error);

impl AvroFile {
    /// Its place among the files of the source.
    pub fn ordinal(&self) -> u32 {
        self.ordinal
    }

    /// The names of all of its columns, and of the records that some of them lie in.
    pub fn columns(&self) -> Vec<String> {
        self.schema.names()
    }

    /// The records of a chunk: all of them, or those before the first that cannot be read.
    ///
    /// # Errors
    /// Data: what is in the file is not what it says of itself.
    pub fn decode(&self, chunk: AvroChunk) -> Result<(DecodedChunk, Option<Failure>)> {
        let first_row = chunk.first_record;
        let (slots, bytes, failure) = self.read(chunk);
        let rows = slots.rows;
        let failure = failure.map(|what| {
            let position = Position::new(self.ordinal, first_row + rows as u64);
            (position, self.broken(position, &what))
        });
        let (arrays, faults) = slots.finish(bytes);
        let array = |slot: Option<usize>| slot.map(|slot| arrays[slot].clone());
        let columns = self.columns.iter().map(|(origin, slot)| match origin {
            Origin::Time(_) | Origin::Missing | Origin::Named(_) => None,
            Origin::Column(_) | Origin::Default(_) => array(*slot),
        });
        let whole = Arrays {
            rows,
            first_row,
            time: array(self.time),
            arrival: array(self.arrival),
            columns: columns.collect(),
            faults,
        };
        let origins = self.columns.iter().map(|(origin, _)| origin.clone()).collect();
        let mut assembler = Assembler::new(&self.plan, &self.path, self.ordinal, origins);
        let named = || self.names.iter().map(String::as_str).zip(&arrays as &[ArrayRef]);
        let decoded = assembler.assemble(whole, |row| row_as_json(named(), row))?;
        Ok((decoded, failure))
    }

    /// Reads the records of a chunk, as far as that goes; gives what they were read from.
    fn read(&self, chunk: AvroChunk) -> (Slots, Vec<u8>, Option<String>) {
        let AvroChunk { bytes, blocks, .. } = chunk;
        let records: u64 = blocks.iter().map(|b| b.records).sum();
        // Whatever a file says: of more records than bytes there are few.
        let room = usize::try_from(records).map_or(bytes.len(), |n| n.min(bytes.len()));
        let mut slots = self.program.slots(room);
        let in_block = |at: u64, why: &str| format!("in the block at byte {at}: {why}");
        let (bytes, places, failure) = match self.codec {
            Codec::Null => (bytes, blocks.iter().map(|b| b.start..b.end).collect::<Vec<_>>(), None),
            codec => {
                let (mut out, mut places, mut failure) = (vec![], vec![], None);
                for block in &blocks {
                    let start = out.len();
                    if let Err(why) = codec.decompress(&bytes[block.start..block.end], &mut out) {
                        out.truncate(start);
                        failure = Some(in_block(block.at, &format!("it cannot be decompressed: {why}")));
                        break;
                    }
                    places.push(start..out.len());
                }
                (out, places, failure)
            }
        };
        if bytes.len() > MOST_BYTES {
            return (slots, vec![], Some("more than 2 GiB in a few blocks".into()));
        }
        for (block, place) in blocks.iter().zip(places) {
            let mut cursor = Cursor { bytes: &bytes[..place.end], at: place.start };
            for _ in 0..block.records {
                if let Err(why) = self.program.read(&self.schema, &mut cursor, &mut slots) {
                    return (slots, bytes, Some(in_block(block.at, why)));
                }
            }
            if cursor.at != place.end {
                let left = place.end - cursor.at;
                let why = format!("{left} bytes are left behind its last record");
                return (slots, bytes, Some(in_block(block.at, &why)));
            }
        }
        (slots, bytes, failure)
    }

    fn broken(&self, position: Position, what: &str) -> Error {
        let (path, record) = (self.path.display(), position.place() + 1);
        Error::data(format!("{path}, record {record}: it cannot be read, nor what follows it"))
            .caused_by(what)
            .hint("the file is damaged, or its schema is not that of its records")
    }
}
