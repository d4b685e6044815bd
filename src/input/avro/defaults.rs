//! What stands for a column in the files that lack it.
//!
//! # Contract
//! All files of a source are read as if by one schema, the union of theirs by name. What a file lacks
//! is the default that the *last* file, in path order, declares of those that declare one; else NULL.
//! Of nested columns it is the outermost field that is missing whose default counts, and where a
//! record around it is NULL there is no default.

use super::container::Container;
use super::decode::one_value;
use super::schema::{AvroLogical, AvroSchema, AvroType, Id};
use crate::error::{Error, Result};
use crate::input::columnar::{constant, not_read_as, possible};
use crate::input::meter::Meter;
use crate::input::{InputFormat, ReadColumn, ReadPlan};
use arrow_array::ArrayRef;
use serde_json::Value;
use std::collections::HashSet;
use std::path::PathBuf;

/// The different schemas of a source, from that of the last file to that of the first, and a file that
/// has it.
#[derive(Debug)]
pub(super) struct Defaults(Vec<(PathBuf, AvroSchema)>);

impl Defaults {
    /// Reads the headers of all Avro files of the plan. A file whose header cannot be read says nothing
    /// here; the error comes when it is its turn.
    pub fn of(plan: &ReadPlan) -> Defaults {
        let mut seen = HashSet::new();
        let mut schemas = vec![];
        for file in plan.files.iter().rev().filter(|file| file.format == InputFormat::Avro) {
            let Ok(container) = Container::open(file, Meter::idle()) else { continue };
            if let Ok(schema) = AvroSchema::parse(&container.schema, &file.path)
                && seen.insert(container.schema)
            {
                schemas.push((file.path.clone(), schema));
            }
        }
        Defaults(schemas)
    }

    /// What stands for `column` where the field at the end of the first `depth` names of its path is
    /// missing: an array of one value of its type; `None` for NULL.
    ///
    /// # Errors
    /// Data: a default that is no value of its type, or cannot be the column's type.
    pub fn value(&self, column: &ReadColumn, depth: usize, plan: &ReadPlan) -> Result<Option<ArrayRef>> {
        let path: Vec<&str> = column.name.split('.').collect();
        let declared = self.0.iter().find_map(|(file, schema)| {
            let field = schema.field(&path[..depth])?;
            Some((file, schema, field.ty, field.default.as_ref()?))
        });
        let Some((file, schema, id, default)) = declared else { return Ok(None) };
        let Some((id, value)) = inside(schema, id, default, &path[depth..]) else { return Ok(None) };
        let (id, _) = schema.less_null(id);
        let Some(of) = schema.file_type(id) else { return Ok(None) };
        if !possible(&of, column.ty) {
            return Err(not_read_as(column, file, &of));
        }
        let wrong = |why: String| {
            let (name, file) = (&column.name, file.display());
            Error::data(format!("the default of `{name}` in {file}, `{value}`, cannot be used"))
                .caused_by(why)
        };
        // A default takes the way of a value in a file, so that the same rules hold for both.
        let mut bytes = vec![];
        encode(schema, id, value, &mut bytes)
            .ok_or_else(|| wrong(format!("it is not a valid {}", of.name)))?;
        let array = one_value(schema, id, bytes).map_err(wrong)?;
        constant(&array, &of, column, &plan.zone, file)?.map(Some).map_err(wrong)
    }
}

/// The part of a default at a path; `None` for NULL.
fn inside<'a>(
    schema: &'a AvroSchema,
    mut id: Id,
    mut value: &'a Value,
    path: &[&str],
) -> Option<(Id, &'a Value)> {
    for name in path {
        let field = schema.fields(id)?.iter().find(|f| f.name == *name)?;
        value = value.as_object()?.get(*name).or(field.default.as_ref())?;
        id = field.ty;
    }
    (!value.is_null()).then_some((id, value))
}

/// Appends the binary form of `value`, which is of the plain type `id`; `None` if it is not.
fn encode(schema: &AvroSchema, id: Id, value: &Value, out: &mut Vec<u8>) -> Option<()> {
    match schema.node(id) {
        AvroType::Boolean => out.push(value.as_bool()?.into()),
        AvroType::Int(_) => long(i32::try_from(value.as_i64()?).ok()?.into(), out),
        AvroType::Long(_) => long(value.as_i64()?, out),
        AvroType::Float => out.extend((value.as_f64()? as f32).to_le_bytes()),
        AvroType::Double => out.extend(value.as_f64()?.to_le_bytes()),
        AvroType::String => text(value.as_str()?.as_bytes(), out),
        AvroType::Enum(symbols) => {
            let symbol = value.as_str()?;
            long(symbols.iter().position(|s| s == symbol)? as i64, out);
        }
        AvroType::Bytes(_) => text(&bytes(value)?, out),
        AvroType::Fixed(size, logical) => {
            let bytes = match (bytes(value), logical) {
                // As text, which is how people write them.
                (Some(text), AvroLogical::Uuid) if text.len() == 36 => from_hex(&text)?,
                (bytes, _) => bytes?,
            };
            (bytes.len() == *size).then(|| out.extend(bytes))?;
        }
        _ => return None,
    }
    Some(())
}

fn long(value: i64, out: &mut Vec<u8>) {
    // Zigzag: small numbers below zero are short too.
    let mut rest = (value << 1 ^ value >> 63) as u64;
    while rest >= 0x80 {
        out.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    out.push(rest as u8);
}

fn text(bytes: &[u8], out: &mut Vec<u8>) {
    long(bytes.len() as i64, out);
    out.extend_from_slice(bytes);
}

/// Bytes as JSON has them: each a character of its number.
fn bytes(value: &Value) -> Option<Vec<u8>> {
    value.as_str()?.chars().map(|c| u8::try_from(u32::from(c)).ok()).collect()
}

fn from_hex(text: &[u8]) -> Option<Vec<u8>> {
    let digits: Vec<u32> =
        text.iter().filter(|c| **c != b'-').map(|c| char::from(*c).to_digit(16)).collect::<Option<_>>()?;
    Some(digits.chunks(2).map(|pair| pair.iter().fold(0, |n, d| n << 4 | *d as u8)).collect())
}
