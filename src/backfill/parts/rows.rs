//! Rows of a part as a batch, and the error where a part cannot be read.

use crate::batch::Schema;
use crate::error::Error;
use crate::sink::ANEW;
use arrow_array::{RecordBatch, RecordBatchOptions};
use std::path::Path;

/// The error of a part that is not as it was written.
pub fn unreadable(path: &Path) -> Error {
    Error::machine(format!("{} cannot be read back", path.display())).hint(ANEW)
}

/// A batch of these columns, also where there are none.
pub fn batch(
    schema: &Schema,
    columns: Vec<arrow_array::ArrayRef>,
    rows: usize,
) -> std::result::Result<RecordBatch, arrow_schema::ArrowError> {
    // A batch without columns cannot tell its number of rows, so the number is given.
    let options = RecordBatchOptions::new().with_row_count(Some(rows));
    RecordBatch::try_new_with_options(schema.arrow(), columns, &options)
}
