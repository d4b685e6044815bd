//! Results as texts, to be laid beside one another: those of the engine, of Polars and of PostgreSQL.

use crate::support::Lab;
use arrow_array::cast::AsArray;
use arrow_array::types::{Date32Type, Decimal128Type, Float64Type, Int64Type, TimestampMicrosecondType};
use arrow_array::{Array, ArrayRef, RecordBatch};
use arrow_schema::DataType;

/// Names and types of columns, and rows of texts.
#[derive(Debug, Clone, PartialEq)]
pub struct Table {
    pub columns: Vec<(String, String)>,
    pub rows: Vec<Vec<String>>,
}

impl Table {
    pub fn of(batches: &[RecordBatch]) -> Table {
        let ty = |ty: &DataType| match ty {
            DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => "string".to_string(),
            DataType::Timestamp(..) => "timestamp".to_string(),
            other => other.to_string(),
        };
        let schema = batches.first().map(|batch| batch.schema());
        let columns = schema.iter().flat_map(|s| s.fields().iter());
        let columns = columns.map(|f| (f.name().clone(), ty(f.data_type()))).collect();
        let mut rows = vec![];
        for batch in batches {
            let of = |row| batch.columns().iter().map(|array| cell(array, row)).collect();
            rows.extend((0..batch.num_rows()).map(of));
        }
        Table { columns, rows }
    }

    /// A Parquet file of a lab.
    pub fn parquet(lab: &Lab, name: &str) -> Table {
        let bytes =
            bytes::Bytes::from(std::fs::read(lab.path(name)).unwrap_or_else(|e| panic!("{name}: {e}")));
        let builder = parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder::try_new(bytes).unwrap();
        let schema = builder.schema().clone();
        let mut batches: Vec<RecordBatch> = builder.build().unwrap().map(Result::unwrap).collect();
        batches.insert(0, RecordBatch::new_empty(schema));
        Table::of(&batches)
    }

    /// The same without the types.
    pub fn untyped(&self) -> Table {
        let columns = self.columns.iter().map(|(name, _)| (name.clone(), String::new())).collect();
        Table { columns, rows: self.rows.clone() }
    }

    /// The same with these columns alone, in this order.
    pub fn only(&self, names: &[&str]) -> Table {
        let place = |name: &&str| self.columns.iter().position(|(known, _)| known == name).unwrap();
        let places: Vec<usize> = names.iter().map(place).collect();
        let columns = places.iter().map(|&i| self.columns[i].clone()).collect();
        let row = |row: &Vec<String>| places.iter().map(|&i| row[i].clone()).collect();
        Table { columns, rows: self.rows.iter().map(row).collect() }
    }

    /// The same with its rows in an order that does not depend on where they came from.
    pub fn sorted(mut self) -> Table {
        self.rows.sort();
        self
    }

    /// The first thing in which `other` is not the same.
    pub fn difference(&self, other: &Table) -> Option<String> {
        self.difference_but(other, &[])
    }

    /// As [`Table::difference`]; in the columns `near`, floats may differ in the last digits.
    pub fn difference_but(&self, other: &Table, near: &[String]) -> Option<String> {
        if self.columns != other.columns {
            return Some(format!("columns\n  {:?}\nand\n  {:?}", self.columns, other.columns));
        }
        for (i, (one, two)) in self.rows.iter().zip(&other.rows).enumerate() {
            let names = self.columns.iter().map(|(name, _)| name.as_str());
            let differ = names.zip(one.iter().zip(two)).filter(|(name, (one, two))| {
                one != two && !(near.iter().any(|near| near == name) && close(one, two))
            });
            let differ: Vec<_> = differ.collect();
            if !differ.is_empty() {
                return Some(format!("row {i}: {differ:?} of\n  {one:?}\nand\n  {two:?}"));
            }
        }
        let (one, two) = (self.rows.len(), other.rows.len());
        let more = self.rows.get(two).or(other.rows.get(one));
        more.map(|more| format!("{one} rows and {two}: the first that is more is {more:?}"))
    }
}

/// Whether two floats differ in the last digits at most.
fn close(one: &str, two: &str) -> bool {
    match (one.parse::<f64>(), two.parse::<f64>()) {
        (Ok(one), Ok(two)) => (one - two).abs() <= 1e-9 * one.abs().max(two.abs()).max(1.0),
        _ => false,
    }
}

/// A value as text: of decimals without zeros at the end, of floats all digits; zero has no sign.
fn cell(array: &ArrayRef, row: usize) -> String {
    if array.is_null(row) {
        return "NULL".into();
    }
    match array.data_type() {
        DataType::Int64 => array.as_primitive::<Int64Type>().value(row).to_string(),
        DataType::Float64 => format!("{:?}", array.as_primitive::<Float64Type>().value(row) + 0.0),
        DataType::Boolean => array.as_boolean().value(row).to_string(),
        DataType::Date32 => crate::log::date_text(array.as_primitive::<Date32Type>().value(row)),
        DataType::Decimal128(_, scale) => {
            let value = array.as_primitive::<Decimal128Type>().value(row);
            let text = crate::log::decimal_text(value, u8::try_from(*scale).unwrap());
            match text.contains('.') {
                true => text.trim_end_matches('0').trim_end_matches('.').to_string(),
                false => text,
            }
        }
        DataType::Timestamp(..) => {
            let micros = array.as_primitive::<TimestampMicrosecondType>().value(row);
            chrono::DateTime::from_timestamp_micros(micros).unwrap().format("%F %T%.6fZ").to_string()
        }
        _ => {
            let strings = arrow_cast::cast(array, &DataType::Utf8).unwrap();
            format!("{:?}", strings.as_string::<i32>().value(row))
        }
    }
}
