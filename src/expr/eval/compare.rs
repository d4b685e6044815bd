//! Comparisons.
//!
//! # Contract
//! * Text is compared by its bytes. Of floats NaN equals itself and is the greatest, and -0 equals 0, as in PostgreSQL.
//! * Exact numbers are compared exactly, whatever their digits after the point.

use super::Context;
use super::values::{Fault, Faults, Values, bools, rows};
use crate::batch::DataType;
use crate::expr::ready::Ready;
use crate::expr::tree::Op;
use crate::expr::types::Type;
use arrow_array::types::{Date32Type, Float64Type, TimestampMicrosecondType};
use arrow_array::{Array, BooleanArray, Datum, Scalar};
use arrow_buffer::i256;
use arrow_ord::cmp;
use std::cmp::Ordering;
use std::sync::Arc;

/// Compares values of two rows.
type Compare<'a> = Box<dyn Fn(usize, usize) -> Option<Ordering> + 'a>;

/// The order of two floats.
pub fn floats(a: f64, b: f64) -> Ordering {
    // `total_cmp` would tell -0 from 0, and one NaN from another, where PostgreSQL does not.
    a.partial_cmp(&b).unwrap_or_else(|| a.is_nan().cmp(&b.is_nan()))
}

/// The order of two exact numbers of so many digits after the point.
fn exact(a: i128, a_scale: u8, b: i128, b_scale: u8) -> Ordering {
    // At the scale of the other, a number may need more than 128 bits.
    match a_scale.cmp(&b_scale) {
        Ordering::Equal => a.cmp(&b),
        Ordering::Less => scaled(a, b_scale - a_scale).cmp(&i256::from_i128(b)),
        Ordering::Greater => i256::from_i128(a).cmp(&scaled(b, a_scale - b_scale)),
    }
}

fn scaled(value: i128, zeros: u8) -> i256 {
    // 38 digits and 38 zeros are less than 2^255.
    i256::from_i128(value).wrapping_mul(i256::from_i128(10i128.pow(zeros.into())))
}

/// How values of `a` and `b` compare; `None` where one is NULL.
fn comparing<'a>(a: &'a Values, a_type: Type, b: &'a Values, b_type: Type) -> Compare<'a> {
    fn by<'a, T>(
        a: impl Fn(usize) -> Option<T> + 'a,
        b: impl Fn(usize) -> Option<T> + 'a,
        order: impl Fn(T, T) -> Ordering + 'a,
    ) -> Compare<'a> {
        Box::new(move |x, y| Some(order(a(x)?, b(y)?)))
    }
    // The types are matched once for a batch, not once for each row.
    match (a_type, b_type) {
        (
            Type::Of(DataType::Int64 | DataType::Decimal { .. }),
            Type::Of(DataType::Int64 | DataType::Decimal { .. }),
        ) => {
            let (x, y) = (a_type.scale().unwrap_or(0), b_type.scale().unwrap_or(0));
            let (a, b) = (a.exact(), b.exact());
            by(move |row| a.get(row), move |row| b.get(row), move |a, b| exact(a, x, b, y))
        }
        (Type::Of(DataType::Bool), _) => {
            let (a, b) = (a.bools(), b.bools());
            by(move |row| a.get(row), move |row| b.get(row), |a: bool, b| a.cmp(&b))
        }
        (Type::Of(DataType::Float64), _) => {
            let (a, b) = (a.primitives::<Float64Type>(), b.primitives::<Float64Type>());
            by(move |row| a.get(row), move |row| b.get(row), floats)
        }
        (Type::Of(DataType::Date), _) => {
            let (a, b) = (a.primitives::<Date32Type>(), b.primitives::<Date32Type>());
            by(move |row| a.get(row), move |row| b.get(row), |a: i32, b| a.cmp(&b))
        }
        (Type::Of(DataType::Timestamp) | Type::Clock, _) => {
            let (a, b) =
                (a.primitives::<TimestampMicrosecondType>(), b.primitives::<TimestampMicrosecondType>());
            by(move |row| a.get(row), move |row| b.get(row), |a: i64, b| a.cmp(&b))
        }
        _ => {
            let (a, b) = (a.texts(), b.texts());
            Box::new(move |x, y| Some(a.get(x)?.cmp(b.get(y)?)))
        }
    }
}

/// `a op b`.
pub fn two(op: Op, args: &[Values], types: &[Type], cx: &Context) -> Values {
    let (a, b) = (&args[0], &args[1]);
    // A kernel gives NULL where a side is NULL, and DISTINCT FROM is never NULL.
    if op != Op::Distinct
        && let Some(values) = kernel(op, a, b, types)
    {
        return values;
    }
    let compare = comparing(a, types[0], b, types[1]);
    bools(cx, &[a, b], |row| {
        let order = compare(row, row);
        Ok(match op {
            Op::Distinct => match order {
                Some(order) => Some(order != Ordering::Equal),
                None => Some(a.is_null(row) != b.is_null(row)),
            },
            _ => order.map(|order| holds(op, order)),
        })
    })
}

fn holds(op: Op, order: Ordering) -> bool {
    match op {
        Op::Eq => order == Ordering::Equal,
        Op::NotEq => order != Ordering::Equal,
        Op::Lt => order == Ordering::Less,
        Op::LtEq => order != Ordering::Greater,
        Op::Gt => order == Ordering::Greater,
        _ => order != Ordering::Less,
    }
}

/// By Arrow's kernels, where the order is the same.
fn kernel(op: Op, a: &Values, b: &Values, types: &[Type]) -> Option<Values> {
    let same = types[0] == types[1]
        || types[0].is_decimal() && types[0].scale() == types[1].scale() && types[1].is_decimal();
    // Arrow orders floats by IEEE's total order, in which -0 is below 0.
    let simple = same && types[0] != Type::FLOAT && a.array.data_type() == b.array.data_type();
    // A kernel does not know faults, and of two constants one row is enough, which is computed by the caller.
    if !simple || a.one && b.one || !a.faults.is_empty() || !b.faults.is_empty() {
        return None;
    }
    let datum = |values: &Values| -> Box<dyn Datum> {
        match values.one {
            true => Box::new(Scalar::new(values.array.clone())),
            false => Box::new(values.array.clone()),
        }
    };
    let (a, b) = (datum(a), datum(b));
    let compare = match op {
        Op::Eq => cmp::eq,
        Op::NotEq => cmp::neq,
        Op::Lt => cmp::lt,
        Op::LtEq => cmp::lt_eq,
        Op::Gt => cmp::gt,
        _ => cmp::gt_eq,
    };
    compare(&*a, &*b).ok().map(|array| Values::of(Arc::new(array)))
}

/// The first value in the list of the others.
pub fn list(ready: &Ready, args: &[Values], types: &[Type], cx: &Context) -> Values {
    let value = &args[0];
    match ready {
        Ready::Ints(known) if types[0] == Type::INT => {
            let ints = value.primitives::<arrow_array::types::Int64Type>();
            return bools(cx, &[value], |row| Ok(ints.get(row).map(|value| known.contains(&value))));
        }
        Ready::Texts(known) => {
            let texts = value.texts();
            return bools(cx, &[value], |row| Ok(texts.get(row).map(|value| known.contains(value))));
        }
        _ => {}
    }
    let items: Vec<Compare> =
        args.iter().zip(types).skip(1).map(|(item, ty)| comparing(value, types[0], item, *ty)).collect();
    let one = args.iter().all(|arg| arg.one);
    let (mut found, mut faults) = (vec![], Faults::new());
    for row in 0..if one { 1 } else { cx.rows } {
        let value = searched(row, value, &args[1..], &items);
        found.push(value.unwrap_or_else(|fault| {
            faults.insert(row, fault);
            None
        }));
    }
    Values { array: Arc::new(BooleanArray::from(found)), one, faults }
}

/// Whether the value of a row is equal to one of the items. As in PostgreSQL, constants are looked at first, and those
/// behind the first that is equal may be faulty.
fn searched(row: usize, value: &Values, items: &[Values], equal: &[Compare]) -> Result<Option<bool>, Fault> {
    if let Some(fault) = value.fault(row) {
        return Err(fault.clone());
    }
    // In SQL, `x IN (1, NULL)` is NULL and not false where x is not 1.
    let mut unknown = false;
    let constant = items.iter().zip(equal).filter(|(item, _)| item.one);
    for (item, compare) in constant.chain(items.iter().zip(equal).filter(|(item, _)| !item.one)) {
        if let Some(fault) = item.fault(row) {
            return Err(fault.clone());
        }
        match compare(row, row) {
            Some(Ordering::Equal) => return Ok(Some(true)),
            Some(_) => {}
            None => unknown = true,
        }
    }
    Ok((!unknown).then_some(false))
}

/// The first value from the second to the third, which may be faulty where the first is below the second.
pub fn between(args: &[Values], types: &[Type], cx: &Context) -> Values {
    let low = two(Op::GtEq, &[args[0].clone(), args[1].clone()], &[types[0], types[1]], cx);
    let high = two(Op::LtEq, &[args[0].clone(), args[2].clone()], &[types[0], types[2]], cx);
    super::logic::two(low, high, false, cx)
}

/// NULLIF, GREATEST and LEAST: one of the values, which are of one type but for NULLIF.
pub fn choice(op: Op, args: &[Values], types: &[Type], ty: Type, cx: &Context) -> Values {
    let inputs: Vec<&Values> = args.iter().collect();
    let compare: Vec<Vec<Compare>> = args
        .iter()
        .zip(types)
        .map(|(a, a_type)| {
            args.iter().zip(types).map(|(b, b_type)| comparing(a, *a_type, b, *b_type)).collect()
        })
        .collect();
    let (places, one, faults) = rows(cx, &inputs, |row| {
        if op == Op::NullIf {
            let equal = compare[0][1](row, row) == Some(Ordering::Equal);
            return Ok((!equal).then_some((0, row)));
        }
        let wanted = if op == Op::Greatest { Ordering::Greater } else { Ordering::Less };
        let mut best: Option<usize> = None;
        for (at, value) in args.iter().enumerate() {
            let better = best.is_none_or(|best| compare[at][best](row, row) == Some(wanted));
            if !value.is_null(row) && better {
                best = Some(at);
            }
        }
        Ok(best.map(|at| (at, row)))
    });
    let null = arrow_array::new_null_array(args[0].array.data_type(), 1);
    let mut arrays: Vec<&dyn Array> = args.iter().map(|values| values.array.as_ref()).collect();
    if op == Op::NullIf {
        // NULLIF never gives its second value, which may be of another Arrow type than the first.
        arrays.truncate(1);
    }
    // `interleave` needs a place for each row: NULL is the only row of an array of its own.
    let nowhere = arrays.len();
    arrays.push(&null);
    let places: Vec<(usize, usize)> = places
        .into_iter()
        .map(|place| place.map_or((nowhere, 0), |(at, row)| (at, args[at].place(row))))
        .collect();
    let array = match places.is_empty() {
        true => arrow_array::new_empty_array(&super::arrow(ty)),
        false => arrow_select::interleave::interleave(&arrays, &places).expect("values of one type"),
    };
    Values { array, one, faults }
}
