//! Constants: values of the job file as values of a column.

use super::enrich::NewColumn;
use super::planner::Planner;
use super::rows::open_columns;
use crate::batch::{DataType, NativeBuilder, null_array};
use crate::error::Error;
use crate::input::value;
use crate::job::document::{At, TomlKind, TomlLiteral};
use crate::plan::Try;
use crate::time::{TimeParser, TimeRule, Zone};
use arrow_array::{ArrayRef, StringViewArray};
use std::sync::Arc;

impl Planner<'_> {
    /// A constant for the columns of a step; those that are left out are NULL.
    pub(super) fn constant(
        &self,
        values: &[(At<String>, At<TomlLiteral>)],
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
                arrays.push(null_array(ty, 1));
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
fn array(literal: &TomlLiteral, ty: DataType, zone: &Zone) -> Option<ArrayRef> {
    use TomlKind::{Flag, Number, Text, Time};
    let Some(mut values) = NativeBuilder::new(ty, 1) else {
        let is_text = ty == DataType::String && literal.kind == Text;
        return is_text.then(|| Arc::new(StringViewArray::from(vec![literal.text.as_str()])) as ArrayRef);
    };
    let own = match &values {
        NativeBuilder::Bool(_) => Flag,
        NativeBuilder::Date(_) | NativeBuilder::Time(_) => Time,
        _ => Number,
    };
    if literal.kind != own && literal.kind != Text {
        return None;
    }
    let mut times = TimeParser::new(TimeRule::Iso, zone.clone());
    value::push(&mut values, literal.text.as_bytes(), &mut times).ok()?;
    Some(values.finish(None))
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
