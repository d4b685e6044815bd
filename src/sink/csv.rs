//! CSV: a header line, `,` between fields, `\n` after records, quotes where a field needs them.
//!
//! NULL is an empty field and the empty text is `""`, so that they can be told apart.

use super::encode::{Encoded, EncodedContent, Encoder};
use super::value::{self, TimeText};
use crate::batch::{ColumnView, Schema};
use crate::error::Result;
use crate::time::Zone;
use arrow_array::RecordBatch;

/// Encodes pieces as CSV records.
#[derive(Debug)]
pub struct CsvEncoder {
    zone: Zone,
}

impl CsvEncoder {
    /// An encoder that writes times in `zone`.
    pub fn new(zone: &Zone) -> CsvEncoder {
        CsvEncoder { zone: zone.clone() }
    }
}

impl Encoder for CsvEncoder {
    fn encode(&self, batch: &RecordBatch) -> Result<Encoded> {
        let columns = batch.columns().iter().map(ColumnView::of).collect::<Result<Vec<_>>>()?;
        let mut times = TimeText::new(&self.zone);
        // Twelve bytes for a value is a guess that saves most growth of the buffer.
        let mut out = Vec::with_capacity(batch.num_rows() * columns.len() * 12);
        for row in 0..batch.num_rows() {
            for (i, column) in columns.iter().enumerate() {
                if i > 0 {
                    out.push(b',');
                }
                push_value(&mut out, column, row, &mut times, true);
            }
            // A record that is one empty field would be an empty line, which readers skip.
            if columns.len() == 1 && columns[0].is_null(row) {
                out.extend_from_slice(b"\"\"");
            }
            out.push(b'\n');
        }
        Ok(Encoded { rows: batch.num_rows() as u64, content: EncodedContent::Text(out) })
    }
}

/// The header line.
pub(crate) fn header(schema: &Schema) -> Vec<u8> {
    let mut out = vec![];
    for (i, name) in schema.names().enumerate() {
        if i > 0 {
            out.push(b',');
        }
        push_text(&mut out, name);
    }
    out.push(b'\n');
    out
}

/// Appends the value of one row as CSV has it, or, with `quote` off, as a person reads it. NULL is nothing.
pub(crate) fn push_value(
    out: &mut Vec<u8>,
    column: &ColumnView<'_>,
    row: usize,
    times: &mut TimeText,
    quote: bool,
) {
    match column {
        ColumnView::Text(a) => match a.get(row) {
            Some(text) if quote => push_text(out, text),
            Some(text) => out.extend_from_slice(text.as_bytes()),
            None => {}
        },
        _ if column.is_null(row) => {}
        ColumnView::Bool(a) => value::push_bool(out, a.value(row)),
        ColumnView::Int(a) => value::push_int(out, a.value(row)),
        ColumnView::Float(a) => value::push_float(out, a.value(row)),
        ColumnView::Decimal(a, scale) => value::push_decimal(out, a.value(row), *scale),
        ColumnView::Date(a) => value::push_date(out, i64::from(a.value(row))),
        ColumnView::Time(a) => times.push(out, a.value(row)),
    }
}

/// Appends a text field, quoted where it must be.
pub(super) fn push_text(out: &mut Vec<u8>, text: &str) {
    // The empty text is quoted, since an empty field is NULL.
    if !text.is_empty() && !text.bytes().any(|b| NEEDS_QUOTES[usize::from(b)]) {
        return out.extend_from_slice(text.as_bytes());
    }
    out.push(b'"');
    for &b in text.as_bytes() {
        // RFC 4180 doubles a quote inside of a quoted field.
        if b == b'"' {
            out.push(b'"');
        }
        out.push(b);
    }
    out.push(b'"');
}

const NEEDS_QUOTES: [bool; 256] = {
    let mut needs = [false; 256];
    needs[b'"' as usize] = true;
    needs[b',' as usize] = true;
    needs[b'\n' as usize] = true;
    needs[b'\r' as usize] = true;
    needs
};
