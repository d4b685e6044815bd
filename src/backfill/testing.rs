//! For tests: random rows of all types, and their order by another way than ours.

use crate::batch::{DataType, Field, Schema, canonical};
use crate::group::key_rows;
use arrow_array::cast::AsArray;
use arrow_array::types::Float64Type;
use arrow_array::*;
use arrow_select::take::take_record_batch;
use proptest::option;
use proptest::prelude::*;
use std::sync::Arc;

/// A value of every type.
#[derive(Debug, Clone)]
pub struct TypedRow(
    Option<String>,
    Option<bool>,
    Option<i64>,
    Option<f64>,
    Option<i128>,
    Option<i32>,
    Option<i64>,
);

/// The columns of [`TypedRow`], with names that no format takes lightly.
pub fn schema() -> Schema {
    Schema::new(vec![
        Field::new("a", DataType::String),
        Field::new("a.b", DataType::Bool),
        Field::new("say \"n\",\n\\", DataType::Int64),
        Field::new("ü", DataType::Float64),
        Field::new("", DataType::Decimal { precision: 38, scale: 3 }),
        Field::new("a.b.c", DataType::Date),
        Field::new("at", DataType::Timestamp),
    ])
}

/// Rows of few values, so that many are equal.
pub fn few_values() -> BoxedStrategy<TypedRow> {
    use prop::sample::select;
    let texts = ["", "a", "a\0", "ab", "abcd", "abcdefghijkl", "abcdefghijklm", "abcdefghijkln"];
    let floats = vec![0.0, -0.0, 1.5, -1.5, f64::NAN, f64::INFINITY, f64::NEG_INFINITY];
    (
        option::of(select(texts.map(str::to_string).to_vec())),
        option::of(any::<bool>()),
        option::of(select(vec![i64::MIN, -1, 0, 1])),
        option::of(select(floats)),
        option::of(select(vec![-(10i128.pow(38) - 1), -1, 0, 10i128.pow(37)])),
        option::of(-1..1i32),
        option::of(-1..1i64),
    )
        .prop_map(|(a, b, c, d, e, f, g)| TypedRow(a, b, c, d, e, f, g))
        .boxed()
}

/// Rows of any values.
pub fn any_values() -> BoxedStrategy<TypedRow> {
    let text = prop_oneof![".{0,20}", "[a,\"\\\\\n\r\0\u{1}é]{0,20}", Just(String::new())];
    let near = -2_000_000_000_000_000i64..6_000_000_000_000_000;
    let time =
        prop_oneof![near.clone(), near.prop_map(|t| t / 1_000_000 * 1_000_000), any::<i64>(), Just(i64::MIN)];
    let decimal = prop_oneof![-(10i128.pow(38) - 1)..10i128.pow(38), -10_000..10_000i128];
    let date = prop_oneof![-800_000..3_000_000i32, any::<i32>()];
    let float = prop_oneof![prop::num::f64::ANY, Just(-0.0), Just(0.1)];
    (
        option::of(text),
        option::of(any::<bool>()),
        option::of(any::<i64>()),
        option::of(float.prop_map(|x| if x.is_nan() { f64::NAN } else { x })),
        option::of(decimal),
        option::of(date),
        option::of(time),
    )
        .prop_map(|(a, b, c, d, e, f, g)| TypedRow(a, b, c, d, e, f, g))
        .boxed()
}

/// The rows as a batch of [`schema`].
pub fn batch(rows: &[TypedRow]) -> RecordBatch {
    let types: Vec<_> = schema().fields.iter().map(|f| f.ty.arrow()).collect();
    let columns: Vec<ArrayRef> = vec![
        Arc::new(rows.iter().map(|r| r.0.clone()).collect::<StringViewArray>()),
        Arc::new(rows.iter().map(|r| r.1).collect::<BooleanArray>()),
        Arc::new(rows.iter().map(|r| r.2).collect::<Int64Array>()),
        Arc::new(rows.iter().map(|r| r.3).collect::<Float64Array>()),
        Arc::new(rows.iter().map(|r| r.4).collect::<Decimal128Array>().with_data_type(types[4].clone())),
        Arc::new(rows.iter().map(|r| r.5).collect::<Date32Array>()),
        Arc::new(rows.iter().map(|r| r.6).collect::<TimestampMicrosecondArray>().with_timezone("UTC")),
    ];
    RecordBatch::try_new(schema().arrow(), columns).unwrap()
}

/// For each row bytes that are ordered as groups are by the columns `by`.
pub fn keys(batch: &RecordBatch, by: &[usize]) -> Vec<Vec<u8>> {
    if by.is_empty() {
        return vec![vec![]; batch.num_rows()];
    }
    let column = |&i: &usize| -> ArrayRef {
        match batch.column(i).as_primitive_opt::<Float64Type>() {
            Some(floats) => Arc::new(floats.unary::<_, Float64Type>(canonical)),
            None => batch.column(i).clone(),
        }
    };
    let columns: Vec<ArrayRef> = by.iter().map(column).collect();
    let rows = key_rows(columns.iter().map(|c| c.data_type().clone())).convert_columns(&columns).unwrap();
    rows.iter().map(|row| row.data().to_vec()).collect()
}

/// The rows in the order of `keys`; of equal ones the first stays first.
pub fn sorted(batch: &RecordBatch, keys: &[Vec<u8>]) -> RecordBatch {
    let mut rows: Vec<u32> = (0..batch.num_rows() as u32).collect();
    rows.sort_by_key(|&row| &keys[row as usize]);
    take_record_batch(batch, &UInt32Array::from(rows)).unwrap()
}

/// Rows of page views per minute and postcode: `rows` of them, with every `step`-th of all that there could be.
pub fn views(rows: i64, step: i64, shift: i64) -> RecordBatch {
    let ids = || (0..rows).map(|i| i * step + shift);
    let minute = |id: i64| id / 2000 * 60_000_000;
    let times = |values: Vec<i64>| -> ArrayRef {
        Arc::new(TimestampMicrosecondArray::from(values).with_timezone("UTC"))
    };
    let postcodes = ids().map(|id| Some(format!("AB{:04} postcode", id % 2000)));
    let decimals = ids().map(|id| Some(i128::from(id) * 100)).collect::<Decimal128Array>();
    RecordBatch::try_from_iter([
        ("window_start", times(ids().map(minute).collect())),
        ("window_end", times(ids().map(|id| minute(id) + 60_000_000).collect())),
        ("postcode", Arc::new(postcodes.collect::<StringViewArray>())),
        ("views", Arc::new(ids().collect::<Int64Array>())),
        ("total", Arc::new(decimals.with_precision_and_scale(38, 2).unwrap())),
        ("most", Arc::new(ids().map(|id| (id % 7 > 0).then_some(id as f64)).collect::<Float64Array>())),
    ])
    .unwrap()
}
