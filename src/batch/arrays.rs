//! Arrow arrays as columns of batches: plain texts, record batches, one value as text.

use super::DataType;
use crate::error::{Error, Result};
use arrow_array::{ArrayRef, RecordBatch};

/// A record batch whose strings may be dictionaries.
pub fn record_batch(schema: &arrow_schema::SchemaRef, columns: Vec<ArrayRef>) -> Result<RecordBatch> {
    let fields: Vec<arrow_schema::Field> = schema
        .fields()
        .iter()
        .zip(&columns)
        .map(|(f, c)| arrow_schema::Field::new(f.name(), c.data_type().clone(), true))
        .collect();
    let schema = std::sync::Arc::new(arrow_schema::Schema::new(fields));
    RecordBatch::try_new(schema, columns)
        .map_err(|e| Error::fault("a batch has the wrong shape").caused_by(e))
}

/// A dictionary of strings as plain strings, which is what expressions read.
pub fn plain_strings(array: &ArrayRef) -> ArrayRef {
    match array.data_type() {
        arrow_schema::DataType::Dictionary(..) => {
            arrow_cast::cast(array, &DataType::String.arrow()).expect("a dictionary of strings")
        }
        _ => array.clone(),
    }
}

/// The text of a value that names a partition.
pub fn value_text(values: &arrow_array::ArrayRef, row: usize) -> String {
    let options = arrow_cast::display::FormatOptions::new().with_null("NULL");
    arrow_cast::display::ArrayFormatter::try_new(values, &options)
        .map_or_else(|_| row.to_string(), |formatter| formatter.value(row).to_string())
}
