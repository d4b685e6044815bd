//! Rows at the edges of what columns hold.

use crate::batch::{DataType, Field, Schema};
use arrow_array::builder::StringViewBuilder;
use arrow_array::*;
use std::sync::Arc;

/// The columns.
pub fn rows() -> (Schema, Vec<ArrayRef>) {
    let decimal = |precision, scale| DataType::Decimal { precision, scale };
    let fields = [
        ("n", DataType::Int64),
        ("m", DataType::Int64),
        ("d", decimal(18, 3)),
        ("e", decimal(10, 2)),
        ("x", DataType::Float64),
        ("y", DataType::Float64),
        ("s", DataType::String),
        ("u", DataType::String),
        ("t", DataType::Timestamp),
        ("v", DataType::Timestamp),
        ("day", DataType::Date),
        ("b", DataType::Bool),
    ];
    let schema = Schema::new(fields.iter().map(|(name, ty)| Field::new(*name, *ty)).collect());
    let decimals = |values: [Option<i128>; 12], precision, scale| -> ArrayRef {
        Arc::new(Decimal128Array::from(values.to_vec()).with_precision_and_scale(precision, scale).unwrap())
    };
    let texts = |values: [Option<&str>; 12]| -> ArrayRef {
        let mut builder = StringViewBuilder::new();
        values.iter().for_each(|value| builder.append_option(*value));
        Arc::new(builder.finish())
    };
    let at = |text: &str| Some(text.parse::<chrono::DateTime<chrono::Utc>>().unwrap().timestamp_micros());
    let times = |values: [Option<i64>; 12]| -> ArrayRef {
        Arc::new(TimestampMicrosecondArray::from(values.to_vec()).with_timezone("UTC"))
    };
    let t = [
        at("2024-02-29T17:30:00Z"),
        at("1900-01-01T00:00:00Z"),
        at("2199-12-31T23:59:59.999999Z"),
        at("2024-03-10T06:59:59Z"),
        at("2024-03-10T07:00:00Z"),
        at("2024-11-03T05:30:00Z"),
        at("2024-11-03T06:30:00Z"),
        at("2024-04-06T15:00:00Z"),
        at("1969-12-31T23:59:59.5Z"),
        None,
        at("2024-10-06T16:20:00Z"),
        at("2020-01-01T00:00:00.000001Z"),
    ];
    let mut v = t;
    v.rotate_left(5);
    let days = [
        Some(19_782),
        Some(-25_567),
        Some(84_005),
        Some(0),
        Some(-1),
        None,
        Some(19_800),
        Some(20_000),
        Some(19_792),
        Some(16_000),
        Some(11_016),
        Some(59),
    ];
    let columns: Vec<ArrayRef> = vec![
        Arc::new(Int64Array::from(vec![
            Some(7),
            Some(-7),
            Some(0),
            None,
            Some(3),
            Some(-3),
            Some(1_000_000),
            Some(2),
            Some(-1),
            Some(100),
            Some(5),
            Some(6),
        ])),
        Arc::new(Int64Array::from(vec![
            Some(2),
            Some(2),
            Some(-3),
            Some(1),
            Some(-2),
            Some(-2),
            Some(7),
            None,
            Some(9),
            Some(-100),
            Some(5),
            Some(4),
        ])),
        decimals(
            [
                Some(2_500),
                Some(-2_500),
                Some(1_500),
                Some(500),
                Some(-1),
                None,
                Some(0),
                Some(999_999_999_999),
                Some(-999_500),
                Some(2_445),
                Some(2_455),
                Some(7),
            ],
            18,
            3,
        ),
        decimals(
            [
                Some(25),
                Some(-25),
                Some(300),
                Some(100),
                Some(7),
                Some(-7),
                None,
                Some(100_000),
                Some(200),
                Some(15),
                Some(-400),
                Some(3),
            ],
            10,
            2,
        ),
        Arc::new(Float64Array::from(vec![
            Some(2.5),
            Some(-2.5),
            Some(3.5),
            Some(0.1),
            None,
            Some(-0.0),
            Some(1e15),
            Some(1.5),
            Some(-7.25),
            Some(0.5),
            Some(1e-7),
            Some(100.0),
        ])),
        Arc::new(Float64Array::from(vec![
            Some(2.0),
            Some(3.0),
            Some(-2.0),
            Some(0.3),
            Some(1.0),
            Some(4.0),
            Some(7.0),
            None,
            Some(2.0),
            Some(0.25),
            Some(1e-7),
            Some(3.0),
        ])),
        texts([
            Some(""),
            Some("abc"),
            Some("Äö ß€"),
            Some("a_b%c"),
            Some("  x "),
            None,
            Some("12"),
            Some("a,b,,c"),
            Some("line\nbreak"),
            Some("-3.5"),
            Some("Ünï"),
            Some("ABC"),
        ]),
        texts([
            Some("a"),
            Some("abc"),
            Some("€"),
            Some("_"),
            None,
            Some("x"),
            Some("2"),
            Some(","),
            Some("\n"),
            Some("."),
            Some(""),
            Some("C"),
        ]),
        times(t),
        times(v),
        Arc::new(Date32Array::from(days.to_vec())),
        Arc::new(BooleanArray::from(vec![
            Some(true),
            Some(false),
            None,
            Some(true),
            Some(false),
            None,
            Some(true),
            Some(false),
            None,
            Some(true),
            Some(true),
            Some(false),
        ])),
    ];
    (schema, columns)
}
