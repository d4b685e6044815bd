//! Lines for kcat: a key, a tab, and the row as JSON; `kcat -P -K '\t'` publishes them.
//!
//! # Contract
//! * The row is what [`super::jsonl`] writes: all columns, those of the key among them.
//! * A key of one column is its value as CSV has it, without quotes; NULL is the empty key, as the empty text is.
//!   A key of several columns is a JSON array of their values.
//! * No key has a tab or a line end in it: a text that has is an error, never a line that is read as another.

use super::csv;
use super::encode::{Encoded, EncodedContent, Encoder, LineKey};
use super::jsonl::{RowObject, push_object, push_value};
use super::value::TimeText;
use crate::batch::{ColumnView, Schema};
use crate::error::{Error, Result};
use crate::time::Zone;
use arrow_array::RecordBatch;

/// Encodes pieces as keyed lines.
#[derive(Debug)]
pub struct KeyedEncoder {
    zone: Zone,
    names: Vec<String>,
    /// As in JSON Lines.
    keys: RowObject,
    key: LineKey,
}

impl KeyedEncoder {
    /// An encoder of rows of `schema` with `key` that writes times in `zone`.
    pub fn new(schema: &Schema, zone: &Zone, key: LineKey) -> KeyedEncoder {
        let names = schema.names().map(str::to_string).collect();
        KeyedEncoder { zone: zone.clone(), names, keys: RowObject::of(schema), key }
    }
}

impl Encoder for KeyedEncoder {
    fn encode(&self, batch: &RecordBatch) -> Result<Encoded> {
        let columns = batch.columns().iter().map(ColumnView::of).collect::<Result<Vec<_>>>()?;
        let mut times = TimeText::new(&self.zone);
        let of_key: Vec<usize> = self.key.columns().collect();
        let mut out = vec![];
        for row in 0..batch.num_rows() {
            match of_key[..] {
                [key] => {
                    let start = out.len();
                    csv::push_value(&mut out, &columns[key], row, &mut times, false);
                    // kcat ends the key at the first tab and the message at the line end.
                    if out[start..].iter().any(|b| matches!(b, b'\t' | b'\n' | b'\r')) {
                        let name = &self.names[key];
                        return Err(Error::data(format!(
                            "a value of `{name}` contains a tab or a line end, which a key cannot"
                        ))
                        .hint(
                            "remove them in a [[step]], or add a second column to the key, which makes it JSON",
                        ));
                    }
                }
                _ => {
                    for (i, &key) in of_key.iter().enumerate() {
                        out.push(if i == 0 { b'[' } else { b',' });
                        push_value(&mut out, &columns[key], row, &mut times);
                    }
                    out.push(b']');
                }
            }
            out.push(b'\t');
            push_object(&mut out, &self.keys, &columns, row, &mut times);
            out.push(b'\n');
        }
        Ok(Encoded { rows: batch.num_rows() as u64, content: EncodedContent::Text(out) })
    }
}
