//! Values of partitions and bounds, as formats of tables write them.

use crate::batch::DataType;
use chrono::{DateTime, NaiveDate};
use std::cmp::Ordering;

/// A value that is not NULL.
#[derive(Debug, Clone, PartialEq)]
pub enum TableValue {
    /// A boolean.
    Bool(bool),
    /// A whole number of 32 bits, such as the result of a transform.
    Int(i32),
    /// A whole number.
    Long(i64),
    /// A float.
    Double(f64),
    /// The digits of a decimal, which has so many digits.
    Decimal(i128, u8),
    /// Days since 1970.
    Date(i32),
    /// Microseconds since 1970 UTC.
    Time(i64),
    /// Text.
    Text(String),
}

impl TableValue {
    /// The value of a folder of a partition by a column of type `ty`; `None` if the text is not of that type.
    pub fn of_folder(text: &str, ty: DataType) -> Option<TableValue> {
        Some(match ty {
            DataType::Bool => TableValue::Bool(text.parse().ok()?),
            DataType::Int64 => TableValue::Long(text.parse().ok()?),
            DataType::Float64 => TableValue::Double(text.parse().ok()?),
            DataType::Decimal { precision, scale } => {
                TableValue::Decimal(digits(text, scale as usize)?, precision)
            }
            DataType::Date => TableValue::Date(days(text)?),
            DataType::Timestamp => {
                TableValue::Time(DateTime::parse_from_rfc3339(text).ok()?.timestamp_micros())
            }
            DataType::String | DataType::Json => TableValue::Text(text.to_string()),
        })
    }

    /// The bytes of the value where a format has it as binary (Iceberg: "single-value serialization").
    pub fn bytes(&self) -> Vec<u8> {
        match self {
            TableValue::Bool(value) => vec![u8::from(*value)],
            TableValue::Int(value) | TableValue::Date(value) => value.to_le_bytes().to_vec(),
            TableValue::Long(value) | TableValue::Time(value) => value.to_le_bytes().to_vec(),
            TableValue::Double(value) => value.to_le_bytes().to_vec(),
            TableValue::Decimal(value, _) => {
                let bytes = value.to_be_bytes();
                // The fewest bytes that keep the sign.
                let spare = |i: usize| {
                    bytes[i] == 0 && bytes[i + 1] < 0x80 || bytes[i] == 0xff && bytes[i + 1] >= 0x80
                };
                let start = (0..bytes.len() - 1).find(|&i| !spare(i)).unwrap_or(bytes.len() - 1);
                bytes[start..].to_vec()
            }
            TableValue::Text(text) => text.as_bytes().to_vec(),
        }
    }

    /// The value whose bytes these are, which is of the type of this one; `None` where that cannot be told.
    pub fn like(&self, bytes: &[u8]) -> Option<TableValue> {
        Some(match self {
            TableValue::Int(_) => TableValue::Int(i32::from_le_bytes(bytes.try_into().ok()?)),
            TableValue::Date(_) => TableValue::Date(i32::from_le_bytes(bytes.try_into().ok()?)),
            TableValue::Long(_) => TableValue::Long(i64::from_le_bytes(bytes.try_into().ok()?)),
            TableValue::Time(_) => TableValue::Time(i64::from_le_bytes(bytes.try_into().ok()?)),
            TableValue::Text(_) => TableValue::Text(String::from_utf8(bytes.to_vec()).ok()?),
            TableValue::Bool(_) | TableValue::Double(_) | TableValue::Decimal(..) => return None,
        })
    }

    /// It as a lower bound: a text is cut behind so many characters.
    pub fn lower(self, most: usize) -> TableValue {
        match self {
            TableValue::Text(text) => TableValue::Text(text.chars().take(most).collect()),
            value => value,
        }
    }

    /// It as an upper bound of at most so many characters; `None` where there is not one.
    pub fn upper(self, most: usize) -> Option<TableValue> {
        let TableValue::Text(text) = self else { return Some(self) };
        let mut chars: Vec<char> = text.chars().take(most + 1).collect();
        if chars.len() <= most {
            return Some(TableValue::Text(text));
        }
        chars.truncate(most);
        // What begins with these characters sorts before the text whose last one is the next character.
        while let Some(last) = chars.pop() {
            if let Some(next) = next_char(last) {
                chars.push(next);
                return Some(TableValue::Text(chars.into_iter().collect()));
            }
        }
        None
    }

    /// How two values of one type are ordered.
    pub fn order(&self, other: &TableValue) -> Ordering {
        use TableValue::*;
        match (self, other) {
            (Bool(a), Bool(b)) => a.cmp(b),
            (Int(a), Int(b)) | (Date(a), Date(b)) => a.cmp(b),
            (Long(a), Long(b)) | (Time(a), Time(b)) => a.cmp(b),
            (Double(a), Double(b)) => a.total_cmp(b),
            (Decimal(a, _), Decimal(b, _)) => a.cmp(b),
            (Text(a), Text(b)) => a.cmp(b),
            _ => Ordering::Equal,
        }
    }
}

/// The character behind `c` in the order of code points; surrogates are not characters.
fn next_char(c: char) -> Option<char> {
    match u32::from(c) + 1 {
        0xd800 => Some('\u{e000}'),
        next => char::from_u32(next),
    }
}

/// The days since 1970 of a date as folders name it.
pub fn days(text: &str) -> Option<i32> {
    let date: NaiveDate = text.parse().ok()?;
    i32::try_from(date.signed_duration_since(NaiveDate::default()).num_days()).ok()
}

fn digits(text: &str, scale: usize) -> Option<i128> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    if fraction.len() > scale {
        return None;
    }
    format!("{whole}{fraction:0<scale$}").parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_give_values_of_their_column() {
        let decimal = DataType::Decimal { precision: 9, scale: 2 };
        assert_eq!(TableValue::of_folder("-0.50", decimal), Some(TableValue::Decimal(-50, 9)));
        assert_eq!(TableValue::of_folder("7", decimal), Some(TableValue::Decimal(700, 9)));
        assert_eq!(TableValue::of_folder("0.123", decimal), None);
        assert_eq!(TableValue::of_folder("1969-12-31", DataType::Date), Some(TableValue::Date(-1)));
        assert_eq!(
            TableValue::of_folder("1970-01-01T00:00:01Z", DataType::Timestamp),
            Some(TableValue::Time(1_000_000))
        );
        assert_eq!(TableValue::of_folder("x", DataType::Int64), None);
    }

    #[test]
    fn bytes_are_those_of_the_specification() {
        assert_eq!(TableValue::Decimal(-1, 9).bytes(), [0xff]);
        assert_eq!(TableValue::Decimal(128, 9).bytes(), [0, 0x80]);
        assert_eq!(TableValue::Decimal(0, 9).bytes(), [0]);
        assert_eq!(TableValue::Long(258).bytes(), [2, 1, 0, 0, 0, 0, 0, 0]);
        assert_eq!(TableValue::Date(-1).bytes(), [0xff; 4]);
        for value in [TableValue::Int(-7), TableValue::Time(1 << 40), TableValue::Text("ä".into())] {
            assert_eq!(value.like(&value.bytes()), Some(value.clone()));
        }
        assert_eq!(TableValue::Int(0).like(&[1]), None);
    }

    #[test]
    fn long_texts_have_bounds_that_hold_them() {
        let long = TableValue::Text("ä".repeat(20));
        let (lower, upper) = (long.clone().lower(16), long.clone().upper(16).unwrap());
        assert_eq!(lower, TableValue::Text("ä".repeat(16)));
        assert_eq!((lower.order(&long), long.order(&upper)), (Ordering::Less, Ordering::Less));
        // The greatest character has none behind it.
        assert_eq!(TableValue::Text("\u{10ffff}".repeat(17)).upper(16), None);
        assert_eq!(
            TableValue::Text("\u{d7ff}".repeat(17)).upper(16),
            Some(TableValue::Text("\u{d7ff}".repeat(15) + "\u{e000}"))
        );
        assert_eq!(TableValue::Text("short".into()).upper(16), Some(TableValue::Text("short".into())));
    }
}
