//! For tests: object container files, byte by byte, from JSON values and a schema.

use super::cursor::AvroCursor;
use serde_json::Value;
use std::io::Write;

pub(in crate::input) const SYNC: [u8; 16] = *b"0123456789abcdef";

/// The binary form of a number.
pub(in crate::input) fn long(value: i64) -> Vec<u8> {
    let mut rest = (value << 1 ^ value >> 63) as u64;
    let mut out = vec![];
    while rest >= 0x80 {
        out.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    out.push(rest as u8);
    out
}

pub(in crate::input) fn text(text: impl AsRef<[u8]>) -> Vec<u8> {
    [&long(text.as_ref().len() as i64), text.as_ref()].concat()
}

/// A file of blocks of records that are binary already.
pub(in crate::input) fn file(schema: &str, codec: &str, blocks: &[Vec<Vec<u8>>]) -> Vec<u8> {
    let mut out = b"Obj\x01".to_vec();
    out.extend([long(2), text("avro.schema"), text(schema), text("avro.codec"), text(codec)].concat());
    out.extend(long(0));
    out.extend(SYNC);
    for block in blocks {
        let data = compressed(codec, &block.concat());
        out.extend([long(block.len() as i64), text(data), SYNC.to_vec()].concat());
    }
    out
}

fn compressed(codec: &str, data: &[u8]) -> Vec<u8> {
    match codec {
        "deflate" => {
            let mut encoder = flate2::write::DeflateEncoder::new(vec![], flate2::Compression::fast());
            encoder.write_all(data).unwrap();
            encoder.finish().unwrap()
        }
        "zstandard" => zstd::encode_all(data, 1).unwrap(),
        "snappy" => {
            let mut crc = flate2::Crc::new();
            crc.update(data);
            [snap::raw::Encoder::new().compress_vec(data).unwrap(), crc.sum().to_be_bytes().to_vec()].concat()
        }
        _ => data.to_vec(),
    }
}

/// A file of records that are JSON objects as `schema` has them, which knows no names of types: of a
/// union the first branch that fits is taken. Two records to a block.
pub(in crate::input) fn of_json(schema: &str, records: &[Value]) -> Vec<u8> {
    let parsed: Value = serde_json::from_str(schema).unwrap();
    let records: Vec<Vec<u8>> = records
        .iter()
        .map(|record| binary(&parsed, record).unwrap_or_else(|| panic!("{record} is not of {schema}")))
        .collect();
    let blocks: Vec<Vec<Vec<u8>>> = records.chunks(2).map(<[_]>::to_vec).collect();
    file(schema, "null", &blocks)
}

fn binary(schema: &Value, value: &Value) -> Option<Vec<u8>> {
    if let Some(branches) = schema.as_array() {
        return branches
            .iter()
            .enumerate()
            .find_map(|(i, branch)| Some([long(i as i64), binary(branch, value)?].concat()));
    }
    let ty = schema.get("type").unwrap_or(schema);
    Some(match ty.as_str().unwrap_or("") {
        "" => binary(ty, value)?,
        "null" => value.is_null().then(Vec::new)?,
        "boolean" => vec![value.as_bool()?.into()],
        "int" | "long" => long(value.as_i64()?),
        "float" => (value.as_f64()? as f32).to_le_bytes().to_vec(),
        "double" => value.as_f64()?.to_le_bytes().to_vec(),
        "string" => text(value.as_str()?),
        // Each character is a byte.
        "bytes" => text(value.as_str()?.chars().map(|c| c as u8).collect::<Vec<_>>()),
        "fixed" => value.as_str()?.chars().map(|c| c as u8).collect(),
        "enum" => long(schema["symbols"].as_array()?.iter().position(|s| s == value)? as i64),
        "array" => {
            let items = value.as_array()?;
            let items: Vec<Vec<u8>> =
                items.iter().map(|v| binary(&schema["items"], v)).collect::<Option<_>>()?;
            let count = if items.is_empty() { vec![] } else { long(items.len() as i64) };
            [count, items.concat(), long(0)].concat()
        }
        "map" => {
            // In a block that says its size.
            let entries = value.as_object()?.iter();
            let entries = entries.map(|(k, v)| Some([text(k), binary(&schema["values"], v)?].concat()));
            let entries = entries.collect::<Option<Vec<_>>>()?;
            let bytes = entries.concat();
            let count = if entries.is_empty() { vec![] } else { long(-(entries.len() as i64)) };
            let size = if entries.is_empty() { vec![] } else { long(bytes.len() as i64) };
            [count, size, bytes, long(0)].concat()
        }
        "record" => {
            let object = value.as_object()?;
            let field =
                |f: &Value| binary(&f["type"], object.get(f["name"].as_str()?).unwrap_or(&Value::Null));
            schema["fields"].as_array()?.iter().map(field).collect::<Option<Vec<_>>>()?.concat()
        }
        other => panic!("a type {other}"),
    })
}

/// A schema of a record of these fields, each as `"name": type`.
pub(in crate::input) fn record(fields: &[(&str, &str)]) -> String {
    let field = |(name, rest): &(&str, &str)| format!(r#"{{"name":"{name}","type":{rest}}}"#);
    let fields: Vec<String> = fields.iter().map(field).collect();
    format!(r#"{{"type":"record","name":"R","fields":[{}]}}"#, fields.join(","))
}

#[test]
fn numbers_go_there_and_back() {
    for value in [0, -1, 1, 63, -64, 64, i64::MAX, i64::MIN] {
        let bytes = long(value);
        assert_eq!(AvroCursor { bytes: &bytes, at: 0 }.long(), Ok(value));
    }
    assert!(AvroCursor { bytes: &[0xff; 11], at: 0 }.long().is_err());
    assert!(AvroCursor { bytes: &[0x80], at: 0 }.long().is_err());
}
