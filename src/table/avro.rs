//! Avro object container files of a few records, as the metadata of tables has them.
//!
//! # Contract
//! * What is read is decoded by the schema in the file, so files of other writers are read too. Bytes from outside never
//!   panic: a damaged file is an error in words.
//! * What is written is one block, compressed by `deflate`; the sync marker is a hash of the schema, so equal records are
//!   equal bytes.

use crate::batch::avro_bytes::{MAGIC, push_bytes, push_long};
use flate2::Compression;
use flate2::read::DeflateDecoder;
use flate2::write::DeflateEncoder;
use serde_json::Value;
use std::collections::HashMap;
use std::io::{Read, Write};

/// How deep a schema and its values may lie in one another.
const DEEPEST: usize = 32;
/// The most bytes of a block.
const LARGEST: u64 = 1 << 30;

/// A decoded value.
#[derive(Debug, Clone, PartialEq)]
pub enum AvroDatum {
    /// NULL.
    Null,
    /// A boolean.
    Bool(bool),
    /// An int or a long.
    Long(i64),
    /// A float or a double.
    Double(f64),
    /// Bytes.
    Bytes(Vec<u8>),
    /// Bytes whose number the schema says.
    Fixed(Vec<u8>),
    /// Text.
    Text(String),
    /// A list.
    List(Vec<AvroDatum>),
    /// The fields of a record, in the order of its schema; their names stand there.
    Record(Vec<AvroDatum>),
}

/// A file that is decoded.
pub struct AvroRecords {
    /// The names of the fields of its records.
    pub names: Vec<String>,
    /// The schema.
    pub schema: Value,
    /// The records.
    pub records: Vec<Vec<AvroDatum>>,
}

/// Why bytes are not such a file.
type Damage = String;

impl AvroDatum {
    /// The number, if it is one.
    pub fn long(&self) -> Option<i64> {
        match self {
            AvroDatum::Long(value) => Some(*value),
            _ => None,
        }
    }

    /// The text, if it is one.
    pub fn text(&self) -> Option<&str> {
        match self {
            AvroDatum::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The fields of a record.
    pub fn fields(&self) -> &[AvroDatum] {
        match self {
            AvroDatum::Record(fields) => fields,
            _ => &[],
        }
    }

    /// Appends it as a value whose type is known.
    pub fn push(&self, out: &mut Vec<u8>) {
        match self {
            AvroDatum::Null => {}
            AvroDatum::Bool(value) => out.push(u8::from(*value)),
            AvroDatum::Long(value) => push_long(out, *value),
            AvroDatum::Double(value) => out.extend_from_slice(&value.to_le_bytes()),
            AvroDatum::Bytes(bytes) => push_bytes(out, bytes),
            AvroDatum::Fixed(bytes) => out.extend_from_slice(bytes),
            AvroDatum::Text(text) => push_bytes(out, text.as_bytes()),
            AvroDatum::Record(fields) => fields.iter().for_each(|field| field.push(out)),
            AvroDatum::List(items) => {
                if !items.is_empty() {
                    push_long(out, items.len() as i64);
                    items.iter().for_each(|item| item.push(out));
                }
                push_long(out, 0);
            }
        }
    }

    /// Appends it as a value of a union of NULL and its type.
    pub fn push_optional(&self, out: &mut Vec<u8>) {
        push_long(out, i64::from(*self != AvroDatum::Null));
        self.push(out);
    }
}

/// A file with this schema, these further entries of the header, and `count` records, encoded as `records`.
pub fn file(schema: &Value, entries: &[(&str, String)], count: usize, records: &[u8]) -> Vec<u8> {
    let text = schema.to_string();
    let sync = xxhash_rust::xxh3::xxh3_128(text.as_bytes()).to_be_bytes();
    let mut out = MAGIC.to_vec();
    push_long(&mut out, 2 + entries.len() as i64);
    let own = [("avro.codec", "deflate"), ("avro.schema", text.as_str())];
    for (key, value) in own.into_iter().chain(entries.iter().map(|(key, value)| (*key, value.as_str()))) {
        push_bytes(&mut out, key.as_bytes());
        push_bytes(&mut out, value.as_bytes());
    }
    push_long(&mut out, 0);
    out.extend_from_slice(&sync);
    if count > 0 {
        let mut deflated = DeflateEncoder::new(vec![], Compression::default());
        // A vector in memory takes every byte.
        let block = deflated.write_all(records).and_then(|()| deflated.finish()).unwrap_or_default();
        push_long(&mut out, count as i64);
        push_bytes(&mut out, &block);
        out.extend_from_slice(&sync);
    }
    out
}

/// Decodes a whole file.
///
/// # Errors
/// Why it cannot be read, in words.
pub fn read(bytes: &[u8]) -> Result<AvroRecords, Damage> {
    let mut at = AvroBlockBytes(bytes);
    if at.take(MAGIC.len())? != MAGIC {
        return Err("it is not an Avro object container file".to_string());
    }
    let mut header: HashMap<String, Vec<u8>> = HashMap::new();
    loop {
        let count = at.block_count()?;
        if count == 0 {
            break;
        }
        for _ in 0..count {
            let key = at.text()?;
            header.insert(key, at.bytes()?.to_vec());
        }
    }
    let sync = at.take(16)?;
    let schema = header.get("avro.schema").ok_or("its header has no schema")?;
    let schema: Value = serde_json::from_slice(schema).map_err(|e| format!("its schema is not JSON: {e}"))?;
    let codec = header.get("avro.codec").map_or("null".into(), |codec| String::from_utf8_lossy(codec));
    let mut types = HashMap::new();
    let record = AvroShape::parse(&schema, &mut types, 0)?;
    let names = match schema["fields"].as_array() {
        Some(fields) => {
            fields.iter().map(|field| field["name"].as_str().unwrap_or_default().into()).collect()
        }
        None => vec![],
    };
    let mut records = vec![];
    while !at.0.is_empty() {
        let count = at.long()?;
        let block = at.bytes()?;
        let block = match &*codec {
            "null" => block.to_vec(),
            "deflate" => unpacked(DeflateDecoder::new(block))?,
            "zstandard" => unpacked(zstd::Decoder::new(block).map_err(|e| e.to_string())?)?,
            "snappy" => {
                // Four bytes of a checksum follow the block.
                let end = block.len().checked_sub(4).ok_or("a block ends too early")?;
                snap::raw::Decoder::new().decompress_vec(&block[..end]).map_err(|e| e.to_string())?
            }
            other => return Err(format!("it is compressed by `{other}`, which is not supported")),
        };
        if at.take(16)? != sync {
            return Err("a block does not end in the sync marker".to_string());
        }
        let mut inside = AvroBlockBytes(&block);
        for _ in 0..count {
            match record.read(&mut inside, &types, 0)? {
                AvroDatum::Record(fields) => records.push(fields),
                _ => return Err("its schema is not a record".to_string()),
            }
        }
    }
    Ok(AvroRecords { names, schema, records })
}

fn unpacked(from: impl Read) -> Result<Vec<u8>, Damage> {
    let mut out = vec![];
    from.take(LARGEST).read_to_end(&mut out).map_err(|e| e.to_string())?;
    Ok(out)
}

/// A type of a schema.
#[derive(Debug, Clone)]
enum AvroShape {
    Null,
    Bool,
    Long,
    Float,
    Double,
    Bytes,
    Text,
    Fixed(usize),
    List(Box<AvroShape>),
    Map(Box<AvroShape>),
    Union(Vec<AvroShape>),
    Record(Vec<AvroShape>),
    /// A type that is defined before, by its name.
    Named(String),
}

impl AvroShape {
    fn parse(
        json: &Value,
        types: &mut HashMap<String, AvroShape>,
        depth: usize,
    ) -> Result<AvroShape, Damage> {
        if depth > DEEPEST {
            return Err("its schema is nested too deep".to_string());
        }
        let wrong = || format!("its schema has the type {json}, which is not known");
        if let Some(all) = json.as_array() {
            return Ok(AvroShape::Union(
                all.iter().map(|ty| AvroShape::parse(ty, types, depth + 1)).collect::<Result<_, _>>()?,
            ));
        }
        let inner = |key: &str, types: &mut HashMap<String, AvroShape>| {
            Ok::<_, Damage>(Box::new(AvroShape::parse(&json[key], types, depth + 1)?))
        };
        let name = json.as_str().or_else(|| json["type"].as_str());
        let Some(name) = name else {
            return AvroShape::parse(json.get("type").ok_or_else(wrong)?, types, depth + 1);
        };
        let ty = match name {
            "null" => AvroShape::Null,
            "boolean" => AvroShape::Bool,
            "int" | "long" => AvroShape::Long,
            "float" => AvroShape::Float,
            "double" => AvroShape::Double,
            "bytes" => AvroShape::Bytes,
            "string" => AvroShape::Text,
            "enum" => AvroShape::Long,
            "fixed" => AvroShape::Fixed(json["size"].as_u64().ok_or_else(wrong)? as usize),
            "array" => AvroShape::List(inner("items", types)?),
            "map" => AvroShape::Map(inner("values", types)?),
            "record" => {
                let fields = json["fields"].as_array().ok_or_else(wrong)?;
                AvroShape::Record(
                    fields
                        .iter()
                        .map(|f| AvroShape::parse(&f["type"], types, depth + 1))
                        .collect::<Result<_, _>>()?,
                )
            }
            other => AvroShape::Named(other.to_string()),
        };
        if let (Some(own), "record" | "fixed" | "enum") = (json["name"].as_str(), name) {
            types.insert(own.to_string(), ty.clone());
        }
        Ok(ty)
    }

    fn read(
        &self,
        at: &mut AvroBlockBytes,
        types: &HashMap<String, AvroShape>,
        depth: usize,
    ) -> Result<AvroDatum, Damage> {
        if depth > DEEPEST {
            return Err("it is nested too deep".to_string());
        }
        Ok(match self {
            AvroShape::Null => AvroDatum::Null,
            AvroShape::Bool => AvroDatum::Bool(at.take(1)? != [0]),
            AvroShape::Long => AvroDatum::Long(at.long()?),
            AvroShape::Float => AvroDatum::Double(f32::from_le_bytes(at.array()?).into()),
            AvroShape::Double => AvroDatum::Double(f64::from_le_bytes(at.array()?)),
            AvroShape::Bytes => AvroDatum::Bytes(at.bytes()?.to_vec()),
            AvroShape::Text => AvroDatum::Text(at.text()?),
            AvroShape::Fixed(size) => AvroDatum::Fixed(at.take(*size)?.to_vec()),
            AvroShape::Union(all) => {
                let branch = usize::try_from(at.long()?).ok().and_then(|branch| all.get(branch));
                branch.ok_or("it has a branch that its schema does not have")?.read(at, types, depth + 1)?
            }
            AvroShape::Record(fields) => AvroDatum::Record(
                fields.iter().map(|f| f.read(at, types, depth + 1)).collect::<Result<_, _>>()?,
            ),
            AvroShape::List(of) | AvroShape::Map(of) => {
                let mut items = vec![];
                loop {
                    let count = at.block_count()?;
                    if count == 0 {
                        break;
                    }
                    for _ in 0..count {
                        if matches!(self, AvroShape::Map(_)) {
                            items.push(AvroDatum::Text(at.text()?));
                        }
                        items.push(of.read(at, types, depth + 1)?);
                        // Values of no bytes could be as many as a number says.
                        if items.len() > at.0.len() + (1 << 20) {
                            return Err("a list in it is too long".to_string());
                        }
                    }
                }
                AvroDatum::List(items)
            }
            AvroShape::Named(name) => types
                .get(name)
                .ok_or_else(|| format!("its schema does not define `{name}`"))?
                .read(at, types, depth + 1)?,
        })
    }
}

/// Bytes that are left to read.
struct AvroBlockBytes<'a>(&'a [u8]);

impl<'a> AvroBlockBytes<'a> {
    fn take(&mut self, count: usize) -> Result<&'a [u8], Damage> {
        let (taken, rest) = self.0.split_at_checked(count).ok_or("it ends too early")?;
        self.0 = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Damage> {
        self.take(N)?.try_into().map_err(|_| "it ends too early".to_string())
    }

    fn long(&mut self) -> Result<i64, Damage> {
        let mut value = 0u64;
        for shift in (0..64).step_by(7) {
            let byte = self.take(1)?[0];
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok((value >> 1) as i64 ^ -((value & 1) as i64));
            }
        }
        Err("a number in it does not end".to_string())
    }

    /// How many items follow, of a list or of entries of the header.
    fn block_count(&mut self) -> Result<u64, Damage> {
        let count = self.long()?;
        if count < 0 {
            // Then the size of these items follows.
            self.long()?;
        }
        Ok(count.unsigned_abs())
    }

    fn bytes(&mut self) -> Result<&'a [u8], Damage> {
        let length = usize::try_from(self.long()?).map_err(|_| "a length in it is below zero")?;
        self.take(length)
    }

    fn text(&mut self) -> Result<String, Damage> {
        String::from_utf8(self.bytes()?.to_vec()).map_err(|_| "a text in it is not UTF-8".to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn sample() -> Vec<u8> {
        let schema = json!({ "type": "record", "name": "r", "fields": [
            { "name": "a", "type": ["null", "long"] },
            { "name": "b", "type": { "type": "array", "items": { "type": "record", "name": "k", "fields": [
                { "name": "key", "type": "int" }, { "name": "value", "type": "bytes" }] } } },
            { "name": "c", "type": { "type": "fixed", "name": "f", "size": 2 } },
        ]});
        let mut records = vec![];
        AvroDatum::Long(-3).push_optional(&mut records);
        let item = AvroDatum::Record(vec![AvroDatum::Long(7), AvroDatum::Bytes(vec![1, 2])]);
        AvroDatum::List(vec![item.clone(), item]).push(&mut records);
        AvroDatum::Fixed(vec![8, 9]).push(&mut records);
        file(&schema, &[("x", "y".into())], 1, &records)
    }

    #[test]
    fn what_is_written_is_read() {
        let read = read(&sample()).unwrap();
        assert_eq!(read.names, ["a", "b", "c"]);
        assert_eq!(read.records[0][0], AvroDatum::Long(-3));
        let item = AvroDatum::Record(vec![AvroDatum::Long(7), AvroDatum::Bytes(vec![1, 2])]);
        assert_eq!(read.records[0][1], AvroDatum::List(vec![item.clone(), item]));
        assert_eq!(read.records[0][2], AvroDatum::Fixed(vec![8, 9]));
    }

    #[test]
    fn damaged_bytes_are_errors() {
        let whole = sample();
        for end in 0..whole.len() {
            // A file may end behind its header, or behind a block.
            if let Ok(read) = read(&whole[..end]) {
                assert!(read.records.is_empty(), "{end}");
            }
        }
        for at in 0..whole.len() {
            let mut changed = whole.clone();
            changed[at] ^= 0x55;
            // It may be read as something else, and must not panic.
            let _ = read(&changed);
        }
    }
}
