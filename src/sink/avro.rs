//! Avro object container files: a header with the schema, and blocks of records.
//!
//! # Contract
//! * Every column is a union of `null` and its type: `timestamp-micros`, `date` and `decimal` (of bytes) are logical types
//!   of the standard, and JSON is a string. A name that is a path of a record makes records, as in JSON Lines.
//! * A block has `ROWS_PER_BLOCK` rows of its piece, or what is left of them, compressed by `deflate`, which every reader
//!   knows. The sync marker is a hash of the schema: equal rows are equal bytes.
//!
//! # Why not arrow-avro
//! It draws a sync marker by chance, so equal runs would give other bytes, and it has no records of dotted names. What is
//! written here is one schema and seven types.

use super::encode::{Encoded, EncodedContent, Encoder};
pub(crate) use crate::batch::avro_bytes::MAGIC;
use crate::batch::avro_bytes::{push_bytes, push_long};
use crate::batch::{ColumnView, DataType, Field, Schema};
use crate::error::{Error, Result};
use arrow_array::RecordBatch;
use flate2::Compression;
use flate2::write::DeflateEncoder;
use serde_json::{Value, json};
use std::io::Write;

/// Rows of a block: some hundred kilobytes, which readers hold in memory.
const ROWS_PER_BLOCK: usize = 1 << 12;

/// Encodes pieces as blocks.
#[derive(Debug)]
pub struct AvroEncoder {
    /// The columns, in the order in which a record has them.
    order: Vec<usize>,
    sync: [u8; 16],
}

impl AvroEncoder {
    /// An encoder of rows of `schema`.
    pub fn new(schema: &Schema) -> AvroEncoder {
        AvroEncoder { order: order(schema), sync: sync(&schema_text(schema)) }
    }
}

impl Encoder for AvroEncoder {
    fn encode(&self, batch: &RecordBatch) -> Result<Encoded> {
        let columns = batch.columns().iter().map(ColumnView::of).collect::<Result<Vec<_>>>()?;
        let mut out = vec![];
        for from in (0..batch.num_rows()).step_by(ROWS_PER_BLOCK) {
            let to = batch.num_rows().min(from + ROWS_PER_BLOCK);
            let mut records = vec![];
            for row in from..to {
                self.order.iter().for_each(|&column| push_value(&mut records, &columns[column], row));
            }
            let mut deflated = DeflateEncoder::new(vec![], Compression::default());
            let failed = |e| Error::fault("a block of Avro cannot be compressed").caused_by(e);
            deflated.write_all(&records).map_err(failed)?;
            let block = deflated.finish().map_err(failed)?;
            push_long(&mut out, (to - from) as i64);
            push_long(&mut out, block.len() as i64);
            out.extend_from_slice(&block);
            out.extend_from_slice(&self.sync);
        }
        Ok(Encoded { rows: batch.num_rows() as u64, content: EncodedContent::Text(out) })
    }
}

/// What a file of rows of `schema` begins with.
pub(crate) fn header(schema: &Schema) -> Vec<u8> {
    let text = schema_text(schema);
    let mut out = MAGIC.to_vec();
    push_long(&mut out, 2);
    for part in ["avro.codec", "deflate", "avro.schema", &text] {
        push_bytes(&mut out, part.as_bytes());
    }
    push_long(&mut out, 0);
    out.extend_from_slice(&sync(&text));
    out
}

/// The first column of `schema` whose name Avro does not have: letters, digits and `_` alone, and no digit first; in names
/// of paths each part of them.
pub(crate) fn wrong_name(schema: &Schema) -> Option<&str> {
    let is_name = |name: &str| {
        name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
            && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
    };
    let paths = schema.fields.iter().map(|field| (field, path(field)));
    let taken = |field: &Field| {
        // A value and a record cannot have one name.
        schema.fields.iter().any(|other| other.nested && other.name.starts_with(&format!("{}.", field.name)))
    };
    let mut wrong = paths.filter(|(field, path)| !path.iter().all(|name| is_name(name)) || taken(field));
    wrong.next().map(|(field, _)| field.name.as_str())
}

/// The columns of `schema` in the order in which a record has them: what is of one record is together.
pub(crate) fn order(schema: &Schema) -> Vec<usize> {
    let mut order = vec![];
    nodes(schema).iter().for_each(|node| node.columns(&mut order));
    order
}

fn path(field: &Field) -> Vec<&str> {
    if field.nested { field.name.split('.').collect() } else { vec![&field.name] }
}

/// A field of a record.
enum AvroNode<'a> {
    Column(&'a str, usize, DataType),
    Record(&'a str, Vec<AvroNode<'a>>),
}

/// The fields of the record of a row.
fn nodes(schema: &Schema) -> Vec<AvroNode<'_>> {
    let mut all = vec![];
    for (column, field) in schema.fields.iter().enumerate() {
        insert(&mut all, &path(field), column, field.ty);
    }
    all
}

fn insert<'a>(nodes: &mut Vec<AvroNode<'a>>, path: &[&'a str], column: usize, ty: DataType) {
    match path {
        [] => {}
        [name] => nodes.push(AvroNode::Column(name, column, ty)),
        [name, rest @ ..] => {
            let known = nodes.iter_mut().find_map(|node| match node {
                AvroNode::Record(own, inner) if own == name => Some(inner),
                _ => None,
            });
            if let Some(inner) = known {
                return insert(inner, rest, column, ty);
            }
            let mut inner = vec![];
            insert(&mut inner, rest, column, ty);
            nodes.push(AvroNode::Record(name, inner));
        }
    }
}

impl AvroNode<'_> {
    fn columns(&self, order: &mut Vec<usize>) {
        match self {
            AvroNode::Column(_, column, _) => order.push(*column),
            AvroNode::Record(_, inner) => inner.iter().for_each(|node| node.columns(order)),
        }
    }

    /// The field as a schema has it; `space` is the namespace of a record.
    fn json(&self, space: &str) -> Value {
        match self {
            AvroNode::Column(name, _, ty) => {
                json!({ "name": name, "type": ["null", type_json(*ty)], "default": null })
            }
            AvroNode::Record(name, inner) => {
                json!({ "name": name, "type": record(name, Some(space), inner) })
            }
        }
    }
}

fn record(name: &str, space: Option<&str>, nodes: &[AvroNode]) -> Value {
    let inner = space.map_or_else(|| name.to_string(), |space| format!("{space}.{name}"));
    let fields: Vec<Value> = nodes.iter().map(|node| node.json(&inner)).collect();
    match space {
        None => json!({ "type": "record", "name": name, "fields": fields }),
        // Names of types are unique in a schema, and two records may have fields of one name.
        Some(space) => json!({ "type": "record", "name": name, "namespace": space, "fields": fields }),
    }
}

fn type_json(ty: DataType) -> Value {
    match ty {
        DataType::String | DataType::Json => json!("string"),
        DataType::Bool => json!("boolean"),
        DataType::Int64 => json!("long"),
        DataType::Float64 => json!("double"),
        DataType::Decimal { precision, scale } => {
            json!({ "type": "bytes", "logicalType": "decimal", "precision": precision, "scale": scale })
        }
        DataType::Date => json!({ "type": "int", "logicalType": "date" }),
        DataType::Timestamp => json!({ "type": "long", "logicalType": "timestamp-micros" }),
    }
}

fn schema_text(schema: &Schema) -> String {
    record("row", None, &nodes(schema)).to_string()
}

fn sync(text: &str) -> [u8; 16] {
    xxhash_rust::xxh3::xxh3_128(text.as_bytes()).to_be_bytes()
}

fn push_value(out: &mut Vec<u8>, column: &ColumnView, row: usize) {
    if column.is_null(row) {
        return push_long(out, 0);
    }
    push_long(out, 1);
    match column {
        ColumnView::Text(texts) => push_bytes(out, texts.get(row).unwrap_or_default().as_bytes()),
        ColumnView::Bool(values) => out.push(values.value(row).into()),
        ColumnView::Int(values) | ColumnView::Time(values) => push_long(out, values.value(row)),
        ColumnView::Float(values) => out.extend_from_slice(&values.value(row).to_le_bytes()),
        ColumnView::Date(values) => push_long(out, values.value(row).into()),
        ColumnView::Decimal(values, _) => {
            let bytes = values.value(row).to_be_bytes();
            // The fewest bytes that keep the sign.
            let spare =
                |i: usize| bytes[i] == 0 && bytes[i + 1] < 0x80 || bytes[i] == 0xff && bytes[i + 1] >= 0x80;
            let start = (0..bytes.len() - 1).find(|&i| !spare(i)).unwrap_or(bytes.len() - 1);
            push_bytes(out, &bytes[start..]);
        }
    }
}
