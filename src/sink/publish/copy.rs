//! Rows as the text that COPY reads: tabs between values, `\N` for NULL.

use crate::batch::ColumnView;
use crate::error::{Error, Result};
use crate::sink::csv;
use crate::sink::value::TimeText;
use arrow_array::RecordBatch;

/// Turns batches into text, one after the other.
#[derive(Debug)]
pub(super) struct CopyText {
    names: Vec<String>,
    times: TimeText,
    out: Vec<u8>,
}

impl CopyText {
    /// For batches whose columns have these names.
    pub fn new<'a>(names: impl Iterator<Item = &'a str>) -> CopyText {
        CopyText { names: names.map(str::to_string).collect(), times: TimeText::utc(), out: vec![] }
    }

    /// The rows of `batch`.
    ///
    /// # Errors
    /// A data error: a text with a NUL, which PostgreSQL has no way to hold.
    pub fn of(&mut self, batch: &RecordBatch) -> Result<&[u8]> {
        self.out.clear();
        let columns = batch.columns().iter().map(ColumnView::of).collect::<Result<Vec<_>>>()?;
        for row in 0..batch.num_rows() {
            for (i, column) in columns.iter().enumerate() {
                if i > 0 {
                    self.out.push(b'\t');
                }
                match column {
                    // COPY reads `\N` as NULL; the same two characters in a text come with the backslash
                    // doubled.
                    _ if column.is_null(row) => self.out.extend_from_slice(b"\\N"),
                    ColumnView::Text(text) => {
                        if !push_text(&mut self.out, text.get(row).unwrap_or_default()) {
                            return Err(Error::data(format!(
                                "a text of `{}` contains a NUL byte, which PostgreSQL cannot store",
                                self.names[i]
                            ))
                            .hint("remove it in a [[step]]: derive = { … }"));
                        }
                    }
                    // None of these has a character that means something to COPY.
                    other => csv::push_value(&mut self.out, other, row, &mut self.times, false),
                }
            }
            self.out.push(b'\n');
        }
        Ok(&self.out)
    }
}

/// Appends a text with its special characters behind backslashes; false where it has a NUL.
fn push_text(out: &mut Vec<u8>, text: &str) -> bool {
    for byte in text.bytes() {
        match byte {
            0 => return false,
            b'\\' => out.extend_from_slice(b"\\\\"),
            b'\t' => out.extend_from_slice(b"\\t"),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            other => out.push(other),
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow_array::{ArrayRef, Float64Array, StringViewArray};
    use std::sync::Arc;

    #[test]
    fn what_copy_would_read_otherwise_is_escaped() {
        let texts = StringViewArray::from(vec![Some("a\tb\\c\r\n"), Some(""), None, Some("\\N")]);
        let floats = Float64Array::from(vec![Some(0.1), Some(f64::NAN), None, Some(f64::NEG_INFINITY)]);
        let columns: Vec<(&str, ArrayRef)> = vec![("t", Arc::new(texts)), ("f", Arc::new(floats))];
        let batch = RecordBatch::try_from_iter(columns).unwrap();
        let mut text = CopyText::new(["t", "f"].into_iter());
        let expected = "a\\tb\\\\c\\r\\n\t0.1\n\tNaN\n\\N\t\\N\n\\\\N\t-inf\n";
        assert_eq!(String::from_utf8_lossy(text.of(&batch).unwrap()), expected);
        let nul: Vec<(&str, ArrayRef)> = vec![("t", Arc::new(StringViewArray::from(vec!["a\0"])))];
        assert!(text.of(&RecordBatch::try_from_iter(nul).unwrap()).is_err());
    }
}
