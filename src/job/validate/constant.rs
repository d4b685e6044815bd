//! Constants: values of the job file as values of a column.

use super::Planner;
use super::enrich::NewColumn;
use super::rows::open_columns;
use crate::batch::DataType;
use crate::error::Error;
use crate::input::value::{parse_bool, parse_date, parse_decimal, parse_float, parse_int};
use crate::job::document::{At, Literal, LiteralKind};
use crate::plan::Try;
use crate::time::{TimeParser, TimeRule, Zone};
use arrow_array::{
    ArrayRef, BooleanArray, Date32Array, Decimal128Array, Float64Array, Int64Array, StringViewArray,
    TimestampMicrosecondArray, new_null_array,
};
use std::sync::Arc;

impl Planner<'_> {
    /// A constant for the columns of a step; those that are left out are NULL.
    pub(super) fn constant(
        &self,
        values: &[(At<String>, At<Literal>)],
        columns: &[NewColumn],
    ) -> Option<Try> {
        let mut right = self.taken_by_step(values.iter().map(|(name, _)| name), columns);
        let mut arrays = vec![];
        for column in columns {
            let Some(ty) = column.ty else {
                right = false;
                continue;
            };
            let Some((name, value)) = values.iter().find(|(name, _)| name.value == column.name.value) else {
                arrays.push(new_null_array(&ty.arrow(), 1));
                continue;
            };
            match array(&value.value, ty, &self.zone) {
                Some(array) => arrays.push(array),
                None => {
                    let text = &value.value.text;
                    let error =
                        Error::job(format!("`{text}` is not a valid value for `{}`, a {ty}", name.value));
                    let error = open_columns(error, self.rows.valueless(&name.value));
                    self.fault(error.hint(example(ty)), &value.span);
                    right = false;
                }
            }
        }
        right.then_some(Try::Constant(arrays))
    }
}

/// An array of one value of type `ty`: as TOML has it, or in text as a file has it.
fn array(literal: &Literal, ty: DataType, zone: &Zone) -> Option<ArrayRef> {
    use LiteralKind::{Flag, Number, Text, Time};
    let text = literal.text.as_bytes();
    Some(match (ty, literal.kind) {
        (DataType::String, Text) => Arc::new(StringViewArray::from(vec![literal.text.as_str()])),
        (DataType::Bool, Flag | Text) => Arc::new(BooleanArray::from(vec![parse_bool(text).ok()?])),
        (DataType::Int64, Number | Text) => Arc::new(Int64Array::from(vec![parse_int(text).ok()?])),
        (DataType::Float64, Number | Text) => Arc::new(Float64Array::from(vec![parse_float(text).ok()?])),
        (DataType::Decimal { precision, scale }, Number | Text) => {
            let value = parse_decimal(text, precision, scale).ok()?;
            let array = Decimal128Array::from(vec![value]);
            Arc::new(array.with_precision_and_scale(precision, scale as i8).ok()?)
        }
        (DataType::Date, Time | Text) => Arc::new(Date32Array::from(vec![parse_date(text).ok()?])),
        (DataType::Timestamp, Time | Text) => {
            let instant = TimeParser::new(TimeRule::Iso, zone.clone()).text(text).ok()?;
            Arc::new(TimestampMicrosecondArray::from(vec![instant]).with_timezone("UTC"))
        }
        _ => return None,
    })
}

fn example(ty: DataType) -> String {
    let value = match ty {
        DataType::String | DataType::Json => "\"XX\"",
        DataType::Bool => "true",
        DataType::Int64 => "12",
        DataType::Float64 => "1.5",
        DataType::Decimal { .. } => "\"12.50\", with at most as many digits after the point",
        DataType::Date => "\"2024-02-29\"",
        DataType::Timestamp => "\"2024-02-29T13:00:00Z\"",
    };
    format!("such as {value}")
}
