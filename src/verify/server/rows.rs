//! Rows of PostgreSQL as a batch, from its binary format, exactly.

use crate::batch::{DataType, Field, NativeBuilder, Schema, collect_array};
use crate::error::{Error, Result};
use crate::verify::raw::text;
use arrow_array::builder::StringViewBuilder;
use arrow_array::{ArrayRef, Int64Array, RecordBatch, RecordBatchOptions, StringViewArray};
use arrow_buffer::NullBufferBuilder;
use postgres::types::{FromSql, Type};
use postgres::{Column, Row};
use std::sync::Arc;

/// Days and microseconds from 1970 to 2000, from where PostgreSQL counts.
const EPOCH_DAYS: i32 = 10_957;
const EPOCH_MICROS: i64 = 10_957 * 86_400_000_000;

/// Rows, column by column.
pub struct ServerRows {
    columns: Vec<(String, ServerValues)>,
    rows: usize,
}

/// The values of a column.
enum ServerValues {
    Native(NativeBuilder, NullBufferBuilder),
    /// Integers of four bytes, without a sign.
    Oid(Vec<Option<i64>>),
    /// And the precision and scale that the column is declared with.
    Numeric(Vec<Option<ServerNumeric>>, Option<(u8, u8)>),
    Text(StringViewBuilder),
}

/// A numeric.
enum ServerNumeric {
    /// An integer and its places after the point.
    Exact(i128, u8),
    /// One of more than 38 digits, or no number.
    Long(String),
}

/// The bytes of a value.
struct ValueBytes<'a>(&'a [u8]);

impl<'a> FromSql<'a> for ValueBytes<'a> {
    fn from_sql(
        _: &Type,
        raw: &'a [u8],
    ) -> std::result::Result<ValueBytes<'a>, Box<dyn std::error::Error + Sync + Send>> {
        Ok(ValueBytes(raw))
    }

    fn accepts(_: &Type) -> bool {
        // The bytes are decoded here, so the driver need not know the type.
        true
    }
}

impl ServerRows {
    /// No rows of these columns.
    ///
    /// # Errors
    /// A job error: a column of a type that none of ours holds.
    pub fn of(columns: &[Column]) -> Result<ServerRows> {
        let of = |column: &Column| -> Result<(String, ServerValues)> {
            let (name, ty) = (column.name(), column.type_());
            let values = match *ty {
                Type::BOOL => ServerValues::of(DataType::Bool),
                Type::INT2 | Type::INT4 | Type::INT8 => ServerValues::of(DataType::Int64),
                Type::OID => ServerValues::Oid(vec![]),
                Type::FLOAT4 | Type::FLOAT8 => ServerValues::of(DataType::Float64),
                Type::NUMERIC => ServerValues::Numeric(vec![], declared(column.type_modifier())),
                Type::TEXT | Type::VARCHAR | Type::BPCHAR | Type::NAME | Type::UNKNOWN => {
                    ServerValues::of(DataType::String)
                }
                Type::DATE => ServerValues::of(DataType::Date),
                Type::TIMESTAMP | Type::TIMESTAMPTZ => ServerValues::of(DataType::Timestamp),
                _ => {
                    let what = format!(
                        "the column `{name}` of the result has the type {ty}, which a column cannot hold"
                    );
                    return Err(Error::job(what).hint(format!("cast it in the statement: {name}::text")));
                }
            };
            Ok((name.to_string(), values))
        };
        Ok(ServerRows { columns: columns.iter().map(of).collect::<Result<_>>()?, rows: 0 })
    }

    /// Appends a row.
    ///
    /// # Errors
    /// A data error: an infinite date or time, which no column can hold.
    pub fn push(&mut self, row: &Row) -> Result<()> {
        for (i, (name, values)) in self.columns.iter_mut().enumerate() {
            let raw: Option<ValueBytes> =
                row.try_get(i).map_err(|e| crate::pg::failed("cannot read a row", &e))?;
            values.push(raw.map(|raw| raw.0)).ok_or_else(|| {
                Error::data(format!(
                    "the column `{name}` of the result has a value that a column cannot hold"
                ))
                .hint("dates and times may not be infinite")
            })?;
        }
        self.rows += 1;
        Ok(())
    }

    /// The batch of all rows.
    ///
    /// # Errors
    /// None that is known.
    pub fn finish(self) -> Result<RecordBatch> {
        let (mut fields, mut arrays) = (vec![], vec![]);
        for (name, values) in self.columns {
            let (ty, array) = values.finish();
            fields.push(Field::new(name, ty));
            arrays.push(array);
        }
        // A statement may select zero columns, and then the arrays do not tell the number of rows.
        let options = RecordBatchOptions::new().with_row_count(Some(self.rows));
        RecordBatch::try_new_with_options(Schema::new(fields).arrow(), arrays, &options)
            .map_err(|e| Error::data("the server's result cannot be read").caused_by(e))
    }
}

/// Precision and scale of a modifier, where both are ours.
fn declared(modifier: i32) -> Option<(u8, u8)> {
    // The modifier is precision and scale plus 4, the length of a header; -1 means not declared.
    let bits = modifier.checked_sub(4).filter(|bits| *bits >= 0)?;
    let (precision, scale) = (bits >> 16 & 0xffff, bits & 0x7ff);
    // A scale may be negative since PostgreSQL 15. In these bits it is then larger than any precision here.
    let right = (1..=38).contains(&precision) && scale <= precision;
    right.then_some((precision as u8, scale as u8))
}

/// A big-endian integer of two, four or eight bytes.
fn integer(raw: &[u8]) -> Option<i64> {
    match raw.len() {
        2 => Some(i16::from_be_bytes(raw.try_into().ok()?).into()),
        4 => Some(i32::from_be_bytes(raw.try_into().ok()?).into()),
        8 => Some(i64::from_be_bytes(raw.try_into().ok()?)),
        _ => None,
    }
}

/// A day or an instant of PostgreSQL, counted from 1970; none of an infinite one.
fn since_1970<T: PartialEq>(value: T, infinite: [T; 2], shifted: impl Fn(&T) -> Option<T>) -> Option<T> {
    shifted(&value).filter(|_| !infinite.contains(&value))
}

impl ServerValues {
    fn of(ty: DataType) -> ServerValues {
        match NativeBuilder::new(ty, 0) {
            Some(values) => ServerValues::Native(values, NullBufferBuilder::new(0)),
            None => ServerValues::Text(StringViewBuilder::new()),
        }
    }

    /// Appends a value; none where no column can hold it.
    fn push(&mut self, raw: Option<&[u8]>) -> Option<()> {
        match (self, raw) {
            (ServerValues::Native(values, nulls), None) => {
                values.push_default();
                nulls.append_null();
            }
            (ServerValues::Native(values, nulls), Some(raw)) => {
                push_native(values, raw)?;
                nulls.append_non_null();
            }
            (ServerValues::Oid(values), _) => {
                let oid = |raw: &[u8]| Some(Some(u32::from_be_bytes(raw.try_into().ok()?).into()));
                values.push(raw.map_or(Some(None), oid)?);
            }
            (ServerValues::Numeric(values, _), _) => {
                values.push(raw.map_or(Some(None), |raw| ServerNumeric::of(raw).map(Some))?);
            }
            (ServerValues::Text(values), _) => {
                values.append_option(raw.map_or(Some(None), |raw| std::str::from_utf8(raw).ok().map(Some))?);
            }
        }
        Some(())
    }

    fn finish(self) -> (DataType, ArrayRef) {
        match self {
            ServerValues::Native(mut values, mut nulls) => (values.ty(), values.finish(nulls.finish())),
            ServerValues::Oid(values) => (DataType::Int64, Arc::new(Int64Array::from(values))),
            ServerValues::Numeric(values, declared) => numerics(values, declared),
            ServerValues::Text(mut values) => (DataType::String, Arc::new(values.finish())),
        }
    }
}

/// Appends a value of one of the types whose bytes say it all; none where no column can hold it.
fn push_native(values: &mut NativeBuilder, raw: &[u8]) -> Option<()> {
    match values {
        NativeBuilder::Bool(bits) => bits.append(raw.first() == Some(&1)),
        NativeBuilder::Int(ints) => ints.push(integer(raw)?),
        NativeBuilder::Float(floats) => floats.push(match raw.len() {
            4 => f32::from_be_bytes(raw.try_into().ok()?).into(),
            _ => f64::from_be_bytes(raw.try_into().ok()?),
        }),
        NativeBuilder::Date(days) => {
            let day = i32::from_be_bytes(raw.try_into().ok()?);
            days.push(since_1970(day, [i32::MIN, i32::MAX], |day| day.checked_add(EPOCH_DAYS))?);
        }
        NativeBuilder::Time(instants) => {
            let instant = i64::from_be_bytes(raw.try_into().ok()?);
            instants.push(since_1970(instant, [i64::MIN, i64::MAX], |at| at.checked_add(EPOCH_MICROS))?);
        }
        NativeBuilder::Decimal(..) => unreachable!("numerics are kept with their digits"),
    }
    Some(())
}

impl ServerNumeric {
    /// Of PostgreSQL's digits to the base 10,000: their number, the power of the first, sign, places, digits.
    fn of(raw: &[u8]) -> Option<ServerNumeric> {
        let word = |i: usize| Some(u16::from_be_bytes(raw.get(2 * i..2 * i + 2)?.try_into().ok()?));
        let (count, weight, sign, places) = (word(0)?, word(1)? as i16, word(2)?, word(3)?);
        let special = |text: &str| Some(ServerNumeric::Long(text.to_string()));
        // The word for the sign: plus, minus, NaN, and the infinities that PostgreSQL 14 added.
        match sign {
            0x0000 | 0x4000 => {}
            0xC000 => return special("NaN"),
            0xD000 => return special("Infinity"),
            0xF000 => return special("-Infinity"),
            _ => return None,
        }
        // All digits before the point, then as many after it as are shown.
        let digit = |power: i32| -> Option<u16> {
            match usize::try_from(i32::from(weight) - power) {
                Ok(i) if i < usize::from(count) => word(4 + i),
                _ => Some(0),
            }
        };
        let mut digits = String::new();
        for power in (0..=i32::from(weight.max(0))).rev() {
            digits.push_str(&format!("{:04}", digit(power)?));
        }
        let mut part = String::new();
        for power in 1..=i32::from(places.div_ceil(4)) {
            part.push_str(&format!("{:04}", digit(-power)?));
        }
        // Digits come in fours, so the last group may reach past the places that are shown.
        digits.push_str(part.get(..usize::from(places))?);
        let significant = digits.trim_start_matches('0');
        let minus = if sign == 0x4000 { "-" } else { "" };
        if significant.len() <= 38 && places <= 38 {
            let value: i128 = if significant.is_empty() { 0 } else { significant.parse().ok()? };
            return Some(ServerNumeric::Exact(if sign == 0x4000 { -value } else { value }, places as u8));
        }
        let point = digits.len() - usize::from(places);
        let whole = match digits[..point].trim_start_matches('0') {
            "" => "0",
            whole => whole,
        };
        let point_part = if places > 0 { format!(".{}", &digits[point..]) } else { String::new() };
        Some(ServerNumeric::Long(format!("{minus}{whole}{point_part}")))
    }
}

/// As decimals, or as text where one is no decimal.
fn numerics(values: Vec<Option<ServerNumeric>>, declared: Option<(u8, u8)>) -> (DataType, ArrayRef) {
    let places = values.iter().flatten().map(|value| match value {
        ServerNumeric::Exact(_, places) => *places,
        ServerNumeric::Long(_) => 0,
    });
    let (precision, scale) = declared.unwrap_or((38, places.max().unwrap_or(0)));
    let scaled = |value: &Option<ServerNumeric>| match value {
        None => Some(None),
        Some(ServerNumeric::Exact(value, places)) => {
            let more = 10i128.checked_pow(u32::from(scale.checked_sub(*places)?))?;
            let value = value.checked_mul(more)?;
            (value.unsigned_abs() < 10u128.pow(u32::from(precision))).then_some(Some(value))
        }
        Some(ServerNumeric::Long(_)) => None,
    };
    if let Some(all) = values.iter().map(scaled).collect::<Option<Vec<Option<i128>>>>() {
        let ty = DataType::Decimal { precision, scale };
        return (ty, collect_array(ty, all.into_iter()));
    }
    let shown = |value: &ServerNumeric| match value {
        ServerNumeric::Exact(value, places) => text::decimal(*value, *places as i8),
        ServerNumeric::Long(text) => text.clone(),
    };
    let all: StringViewArray = values.iter().map(|value| value.as_ref().map(shown)).collect();
    (DataType::String, Arc::new(all))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(words: &[u16]) -> Option<ServerNumeric> {
        ServerNumeric::of(&words.iter().flat_map(|word| word.to_be_bytes()).collect::<Vec<u8>>())
    }

    fn shown(words: &[u16]) -> String {
        match number(words) {
            None => "none".into(),
            Some(ServerNumeric::Exact(value, places)) => text::decimal(value, places as i8),
            Some(ServerNumeric::Long(text)) => format!("long {text}"),
        }
    }

    #[test]
    fn numerics_are_read_digit_by_digit() {
        // As numeric_send writes them.
        assert_eq!(shown(&[0, 0, 0, 0]), "0");
        assert_eq!(shown(&[0, 0, 0, 2]), "0.00");
        assert_eq!(shown(&[2, 0, 0, 2, 12, 3400]), "12.34");
        assert_eq!(shown(&[2, 1, 0x4000, 0, 1, 2345]), "-12345");
        assert_eq!(shown(&[1, 2, 0, 1, 7]), "700000000.0");
        assert_eq!(shown(&[1, -1i16 as u16, 0x4000, 3, 50]), "-0.005");
        assert_eq!(shown(&[1, -2i16 as u16, 0, 8, 1]), "0.00000001");
        assert_eq!(shown(&[1, 10, 0, 1, 1]), format!("long 1{}.0", "0".repeat(40)));
        assert_eq!(shown(&[0, 0, 0xC000, 0]), "long NaN");
        assert_eq!(shown(&[3, 0, 0, 0, 1]), "1");
        assert_eq!(shown(&[2, 1, 0, 0, 1]), "none");
    }

    #[test]
    fn numerics_of_more_than_38_digits_are_text() {
        let of = |values, declared| numerics(values, declared);
        let (ty, _) =
            of(vec![Some(ServerNumeric::Exact(1, 2)), None, Some(ServerNumeric::Exact(5, 0))], None);
        assert_eq!(ty, DataType::Decimal { precision: 38, scale: 2 });
        let (ty, _) = of(vec![Some(ServerNumeric::Exact(1, 2))], Some((18, 2)));
        assert_eq!(ty, DataType::Decimal { precision: 18, scale: 2 });
        let (ty, array) =
            of(vec![Some(ServerNumeric::Exact(i128::MAX / 10, 0)), Some(ServerNumeric::Exact(5, 2))], None);
        assert_eq!((ty, array.len()), (DataType::String, 2));
    }
}
