//! What an Avro file says of its columns, for type inference: its schema, and values of its first
//! block as examples.

use super::container::Container;
use super::cursor::AvroCursor;
use super::decode::Program;
use super::json;
use super::schema::{AvroSchema, ResolvedPath};
use crate::error::Result;
use crate::input::columnar::{FileColumn, FileColumns};
use crate::input::meter::Meter;
use crate::input::{LONGEST_RECORD, SourceFile};
use arrow_array::Array;
use arrow_buffer::Buffer;
use arrow_cast::display::{ArrayFormatter, FormatOptions};

/// How many records are looked at for examples.
const RECORDS: u64 = 100;

/// The columns of an Avro file, by its header.
///
/// # Errors
/// Data: no Avro file, or one with a damaged header. Machine: it cannot be opened.
pub fn describe(file: &SourceFile) -> Result<FileColumns> {
    let mut container = Container::open(file, Meter::idle())?;
    let schema = AvroSchema::parse(&container.schema, &file.path)?;
    let mut columns: Vec<FileColumn> = schema.names().into_iter().map(|n| column(&schema, n)).collect();
    // What is wrong with the first block is told when it is read.
    if let Ok(Some(chunk)) = container.next_chunk(1) {
        let readable = columns.iter().filter(|c| c.ty.is_some()).map(|c| c.name.clone()).collect::<Vec<_>>();
        let (program, slots) = Program::new(&schema, &readable, &[]);
        let (mut bytes, mut read) = (vec![], program.slots(RECORDS as usize));
        if let Some(block) = chunk.blocks.first()
            && container
                .codec
                .decompress(&chunk.bytes[block.start..block.end], LONGEST_RECORD, &mut bytes)
                .is_ok()
        {
            let mut cursor = AvroCursor { bytes: &bytes, at: 0 };
            for _ in 0..block.records.min(RECORDS) {
                if program.read(&schema, &mut cursor, &mut read).is_err() {
                    break;
                }
            }
        }
        let (arrays, _) = read.finish(&Buffer::from_vec(bytes));
        for (name, slot) in slots {
            if let Some(column) = columns.iter_mut().find(|c| c.name == name) {
                column.nulls |= arrays[slot].logical_null_count() > 0;
                column.example = first(&arrays[slot]);
            }
        }
    }
    Ok(FileColumns { columns, records: schema.records() })
}

/// A column. Its nulls and its example are those of its first values.
fn column(schema: &AvroSchema, name: String) -> FileColumn {
    let (ty, type_name) = match schema.find(&name) {
        ResolvedPath::Leaf(of) => (of.inferred(), of.name),
        ResolvedPath::Group(ty, _) => (None, ty.to_string()),
        ResolvedPath::Missing(_) | ResolvedPath::Plain(..) => (None, "unknown".into()),
    };
    let path: Vec<&str> = name.split('.').collect();
    let set = |depth| {
        let default = schema.field(&path[..depth]).and_then(|f| f.default.as_ref());
        default.is_some_and(|default| !default.is_null())
    };
    let nested = matches!(schema.find(&name), ResolvedPath::Group(_, id) if json::has_text(schema, id));
    FileColumn {
        default: (1..=path.len()).any(set),
        name,
        ty,
        type_name,
        nulls: false,
        example: None,
        nested,
    }
}

fn first(array: &arrow_array::ArrayRef) -> Option<String> {
    let row = (0..array.len()).find(|row| array.is_valid(*row))?;
    let options = FormatOptions::default();
    ArrayFormatter::try_new(array, &options).ok()?.value(row).try_to_string().ok()
}

/// How many records the file has, about: as many as its first blocks make likely.
pub fn about_records(file: &SourceFile) -> Option<u64> {
    let mut container = Container::open(file, Meter::idle()).ok()?;
    let chunk = container.next_chunk(64 << 10).ok()??;
    let records: u64 = chunk.blocks.iter().map(|b| b.records).sum();
    // It is an estimate, so a float is exact enough.
    Some((records as f64 * file.bytes as f64 / (chunk.bytes.len().max(1)) as f64) as u64)
}
