//! Evaluates trees on Arrow arrays.
//!
//! # Contract
//! * A value depends on its row alone: not on the rows beside it, not on how many there are.
//! * What cannot be computed for a row is a fault of that row, and an error only where the row needs it: a branch of a CASE that is
//!   not taken, a value behind the one that COALESCE takes, what stands behind a FALSE in an AND, behind a TRUE in an OR or
//!   behind the item that IN finds, and the upper bound of BETWEEN where the value is below the lower, may be faulty.

mod cast;
mod code;
mod compare;
mod context;
mod logic;
mod moment;
mod number;
#[cfg(test)]
mod planted;
mod shown;
mod text;
mod values;

pub use values::Values;

use super::tree::{Call, Literal, Node, NodeKind, Op};
use super::types::Type;
use crate::batch::DataType;
use crate::time::Zone;
use arrow_array::cast::AsArray;
use arrow_array::types::{
    Date32Type, Decimal128Type, Float64Type, Int64Type, IntervalMonthDayNanoType, TimestampMicrosecondType,
};
use arrow_array::{Array, ArrayRef, BooleanArray, PrimitiveArray, StringViewArray, new_null_array};
pub use context::Context;
pub use context::arrow;
use std::sync::Arc;

/// The values of `node`.
pub fn evaluate(node: &Node, cx: &Context) -> Values {
    #[cfg(test)]
    if let Some(values) = planted::wrong(node, cx) {
        return values;
    }
    match &node.kind {
        NodeKind::Column(place) => Values::of(cx.columns[*place].clone()),
        // A constant stays one row; it is spread over the rows of a batch only where that is needed.
        NodeKind::Literal(literal) => Values::one(array(literal, node.ty)),
        NodeKind::Cast(inner, casting) => cast::cast(&evaluate(inner, cx), inner.ty, node.ty, *casting, cx),
        NodeKind::Case(branches, otherwise) => logic::case(branches, otherwise, node.ty, cx),
        NodeKind::Call(call) => self::call(call, node.ty, cx),
    }
}

/// The values of an operation.
fn call(call: &Call, ty: Type, cx: &Context) -> Values {
    match call.op {
        // These evaluate their arguments themselves, since not every fault of an argument is a fault of
        // theirs.
        Op::And | Op::Or => return logic::chain(call, cx),
        Op::Coalesce => return logic::coalesce(&call.args, ty, cx),
        _ => {}
    }
    let args: Vec<Values> = call.args.iter().map(|arg| evaluate(arg, cx)).collect();
    let types: Vec<Type> = call.args.iter().map(|arg| arg.ty).collect();
    use Op::*;
    match call.op {
        Not | IsNull | IsTrue | IsFalse => logic::test(call.op, &args[0], cx),
        Eq | NotEq | Lt | LtEq | Gt | GtEq | Distinct => compare::two(call.op, &args, &types, cx),
        In => compare::list(&call.ready, &args, &types, cx),
        Between => compare::between(&args, &types, cx),
        NullIf | Greatest | Least => compare::choice(call.op, &args, &types, ty, cx),
        Plus | Minus | Times | Divide | WholeDivide | Modulo | Negate | Abs | Sign | Floor | Ceil | Round
        | Trunc => number::arithmetic(call.op, &args, &types, ty, cx),
        Sqrt | Cbrt | Power | Exp | Ln | Log10 | Log2 | Sin | Cos | Tan | Asin | Acos | Atan | Atan2
        | Degrees | Radians | Pi => number::real(call.op, &args, cx),
        BitAnd | BitOr | BitXor | BitNot | ShiftLeft | ShiftRight => number::bits(call.op, &args, cx),
        Concat | ConcatAll | ConcatWith | Upper | Lower | Initcap | Left | Right | Substring | Trim
        | TrimStart | TrimEnd | Replace | Reverse | Repeat | PadStart | PadEnd | SplitPart | Translate
        | Overlay | Chr => text::texts(call.op, &args, cx),
        Length | OctetLength | Position | Ascii => text::counts(call.op, &args, cx),
        StartsWith | EndsWith | Contains => text::tests(call.op, &args, cx),
        Like | ILike | RegexLike | RegexExtract | RegexFind | RegexReplace => text::patterns(call, &args, cx),
        Md5 | Sha256 | Hex | FromHex | ToHex | ToBase64 | FromBase64 | JsonText | JsonPart => {
            code::texts(call, &args, cx)
        }
        Extract(_) | DateTrunc(_) | DateDiff(_) | DateSub(_) | Later | Earlier | DaysLater | DaysEarlier
        | DaysBetween | TimeBetween | IntervalTimes | IntervalPlus | IntervalMinus | Strftime | Strptime
        | TryStrptime | StrpDate | FromEpoch | FromEpochMillis | FromEpochMicros | ToEpochMillis
        | ToEpochMicros | MakeDate | LastDay | AtZone | OfZone => {
            moment::moments(call, &args, &types, ty, cx)
        }
        And | Or | Coalesce => unreachable!("they are computed above"),
    }
}

/// The array of one row that holds a constant.
fn array(literal: &Literal, ty: Type) -> ArrayRef {
    match literal {
        Literal::Null => new_null_array(&arrow(ty), 1),
        Literal::Bool(value) => Arc::new(BooleanArray::from(vec![*value])),
        Literal::Int(value) => Arc::new(PrimitiveArray::<Int64Type>::from(vec![*value])),
        Literal::Float(value) => Arc::new(PrimitiveArray::<Float64Type>::from(vec![*value])),
        // Without a type of its own an array of decimals has Arrow's default, ten digits after the point.
        Literal::Decimal(value) => {
            Arc::new(PrimitiveArray::<Decimal128Type>::from(vec![*value]).with_data_type(arrow(ty)))
        }
        Literal::Text(text) => Arc::new(StringViewArray::from(vec![text.as_str()])),
        Literal::Date(days) => Arc::new(PrimitiveArray::<Date32Type>::from(vec![*days])),
        Literal::Micros(micros) => Arc::new(
            PrimitiveArray::<TimestampMicrosecondType>::from(vec![*micros]).with_data_type(arrow(ty)),
        ),
        Literal::Interval(interval) => {
            Arc::new(PrimitiveArray::<IntervalMonthDayNanoType>::from(vec![moment::packed(*interval)]))
        }
    }
}

/// The constant that `node`, which reads no column, gives. The error says why there is none.
pub fn constant(node: &Node, zone: &Zone) -> Result<Literal, String> {
    let values = evaluate(node, &Context::of_constants(zone));
    if let Some((_, fault)) = values.faults.iter().next() {
        return Err(fault.to_string());
    }
    let array = &values.array;
    if array.is_null(0) {
        return Ok(Literal::Null);
    }
    Ok(match node.ty {
        Type::Of(DataType::Bool) => Literal::Bool(array.as_boolean().value(0)),
        Type::Of(DataType::Int64) => Literal::Int(array.as_primitive::<Int64Type>().value(0)),
        Type::Of(DataType::Float64) => Literal::Float(array.as_primitive::<Float64Type>().value(0)),
        Type::Of(DataType::Decimal { .. }) => {
            Literal::Decimal(array.as_primitive::<Decimal128Type>().value(0))
        }
        Type::Of(DataType::Date) => Literal::Date(array.as_primitive::<Date32Type>().value(0)),
        Type::Of(DataType::Timestamp) | Type::Clock => {
            Literal::Micros(array.as_primitive::<TimestampMicrosecondType>().value(0))
        }
        Type::Interval => {
            Literal::Interval(moment::unpacked(array.as_primitive::<IntervalMonthDayNanoType>().value(0)))
        }
        Type::Of(DataType::String | DataType::Json) | Type::Null | Type::Unknown => {
            Literal::Text(array.as_string_view().value(0).to_string())
        }
    })
}
