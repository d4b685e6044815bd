//! Arithmetic.
//!
//! # Contract
//! * int64s and decimals are exact: what does not fit is a fault, and so is a division by zero, also of floats.
//! * A quotient of decimals is rounded once, a half away from zero. `//` cuts towards zero, and `%` has the sign of the dividend.

use super::Context;
use super::values::{Fault, Values, decimals, ints, primitives};
use crate::batch::DataType;
use crate::expr::tree::Op;
use crate::expr::types::{MOST_DIGITS, Type};
use arrow_array::types::{Float64Type, Int64Type};
use arrow_buffer::i256;

/// The operators and what is near them, of numbers of any type.
pub fn arithmetic(op: Op, args: &[Values], types: &[Type], ty: Type, cx: &Context) -> Values {
    match ty {
        Type::Of(DataType::Float64) => floats(op, args, cx),
        Type::Of(DataType::Int64) if types.iter().all(|ty| *ty == Type::INT) => whole(op, args, cx),
        _ => exact(op, args, types, ty, cx),
    }
}

/// One followed by so many zeros.
pub fn power(zeros: u8) -> i128 {
    10i128.pow(zeros.into())
}

fn by_zero() -> Fault {
    Fault::new("division by zero")
}

fn floats(op: Op, args: &[Values], cx: &Context) -> Values {
    let inputs: Vec<&Values> = args.iter().collect();
    let a = args[0].primitives::<Float64Type>();
    let ty = arrow_schema::DataType::Float64;
    if matches!(op, Op::Round | Op::Trunc) {
        let digits = args.get(1).map(Values::primitives::<Int64Type>);
        return primitives::<Float64Type>(cx, &inputs, &ty, |row| {
            let digits = match &digits {
                None => Some(0),
                Some(digits) => digits.get(row),
            };
            Ok(a.get(row).zip(digits).map(|(value, digits)| float_to_digits(value, digits, op == Op::Round)))
        });
    }
    let Some(b) = args.get(1).map(Values::primitives::<Float64Type>) else {
        return primitives::<Float64Type>(cx, &inputs, &ty, |row| {
            Ok(a.get(row).map(|a| match op {
                Op::Negate => -a,
                Op::Abs => a.abs(),
                Op::Floor => a.floor(),
                Op::Ceil => a.ceil(),
                // Of NaN and of both zeros 0.
                _ if a.is_nan() || a == 0.0 => 0.0,
                _ => a.signum(),
            }))
        });
    };
    primitives::<Float64Type>(cx, &inputs, &ty, |row| {
        let Some((a, b)) = a.get(row).zip(b.get(row)) else { return Ok(None) };
        let value = match op {
            Op::Plus => a + b,
            Op::Minus => a - b,
            Op::Times => a * b,
            Op::Divide | Op::Modulo if b == 0.0 && !a.is_nan() => return Err(by_zero()),
            Op::Divide => a / b,
            _ => a % b,
        };
        bounded(value, a.is_finite() && b.is_finite()).map(Some)
    })
}

/// A float that finite ones gave.
fn bounded(value: f64, finite: bool) -> Result<f64, Fault> {
    if finite && value.is_infinite() { Err(Fault::overflow("a float64")) } else { Ok(value) }
}

/// A float of so many digits after the point: a half, if it is one exactly, goes to the even digit.
fn float_to_digits(value: f64, digits: i64, round: bool) -> f64 {
    if !value.is_finite() {
        return value;
    }
    match (digits, round) {
        (0, true) => return value.round_ties_even(),
        (0, false) => return value.trunc(),
        // A float has at most 1,074 digits after the point.
        (1075.., _) => return value,
        _ => {}
    }
    let text = match round {
        true if digits > 0 => format!("{value:.*}", digits as usize),
        true => {
            // The digits before the point, of the exact value.
            let zeros = 10f64.powi(digits.unsigned_abs().min(400) as i32);
            return (value / zeros).round_ties_even() * zeros;
        }
        false if digits > 0 => {
            let exact = format!("{value:.1075}");
            let point = exact.find('.').unwrap_or(exact.len());
            exact[..point + 1 + digits as usize].to_string()
        }
        false => {
            let zeros = 10f64.powi(digits.unsigned_abs().min(400) as i32);
            return (value / zeros).trunc() * zeros;
        }
    };
    text.parse().unwrap_or(value)
}

fn whole(op: Op, args: &[Values], cx: &Context) -> Values {
    let inputs: Vec<&Values> = args.iter().collect();
    let a = args[0].primitives::<Int64Type>();
    let over = || Fault::overflow("an int64");
    let Some(b) = args.get(1).map(Values::primitives::<Int64Type>) else {
        return ints(cx, &inputs, |row| {
            let Some(a) = a.get(row) else { return Ok(None) };
            Ok(Some(match op {
                Op::Negate => a.checked_neg().ok_or_else(over)?,
                Op::Abs => a.checked_abs().ok_or_else(over)?,
                Op::Sign => a.signum(),
                _ => a,
            }))
        });
    };
    ints(cx, &inputs, |row| {
        let Some((a, b)) = a.get(row).zip(b.get(row)) else { return Ok(None) };
        let value = match op {
            Op::Plus => a.checked_add(b),
            Op::Minus => a.checked_sub(b),
            Op::Times => a.checked_mul(b),
            Op::WholeDivide | Op::Modulo if b == 0 => return Err(by_zero()),
            Op::WholeDivide => a.checked_div(b),
            Op::Modulo => Some(a.checked_rem(b).unwrap_or(0)),
            _ => to_digits(a.into(), 0, b, op == Op::Round).and_then(|value| i64::try_from(value).ok()),
        };
        value.map(Some).ok_or_else(over)
    })
}

/// The digits that a decimal has room for.
const ROOM: i128 = 10i128.pow(MOST_DIGITS as u32);

/// Of int64s and decimals, of which one is a decimal.
fn exact(op: Op, args: &[Values], types: &[Type], ty: Type, cx: &Context) -> Values {
    let inputs: Vec<&Values> = args.iter().collect();
    let a = args[0].exact();
    let a_scale = types[0].scale().unwrap_or(0);
    let scale = ty.scale().unwrap_or(0);
    let arrow = super::arrow(ty);
    let precision = match ty {
        Type::Of(DataType::Decimal { precision, .. }) => precision,
        _ => 19,
    };
    let limit = power(precision);
    let fits = |value: Option<i128>| match value {
        Some(value) if value.unsigned_abs() < limit.unsigned_abs() => Ok(Some(value)),
        _ => Err(Fault::overflow(ty)),
    };
    if args.len() == 1 || matches!(op, Op::Round | Op::Trunc) {
        let digits = args.get(1).map(Values::primitives::<Int64Type>);
        return decimals(cx, &inputs, &arrow, |row| {
            let digits = match &digits {
                None => Some(0),
                Some(digits) => digits.get(row),
            };
            let Some((a, digits)) = a.get(row).zip(digits) else { return Ok(None) };
            fits(match op {
                Op::Negate => Some(-a),
                Op::Abs => Some(a.abs()),
                Op::Sign => Some(a.signum() * power(a_scale)),
                Op::Floor => Some(a.div_euclid(power(a_scale))),
                Op::Ceil => Some(-(-a).div_euclid(power(a_scale))),
                _ => to_digits(a, a_scale, digits, op == Op::Round)
                    .and_then(|value| rescaled(value, a_scale, scale)),
            })
        });
    }
    let b = args[1].exact();
    let b_scale = types[1].scale().unwrap_or(0);
    // Factors that bring both to one scale.
    let common = a_scale.max(b_scale);
    let (up_a, up_b) = (power(common - a_scale), power(common - b_scale));
    decimals(cx, &inputs, &arrow, |row| {
        let Some((a, b)) = a.get(row).zip(b.get(row)) else { return Ok(None) };
        let aligned = || a.checked_mul(up_a).zip(b.checked_mul(up_b));
        fits(match op {
            Op::Plus => aligned().and_then(|(a, b)| a.checked_add(b)),
            Op::Minus => aligned().and_then(|(a, b)| a.checked_sub(b)),
            Op::Times => a.checked_mul(b),
            _ if b == 0 => return Err(by_zero()),
            Op::Divide => quotient(a, b, i32::from(scale) + i32::from(b_scale) - i32::from(a_scale)),
            // The quotient of both at one scale is that of the units.
            Op::WholeDivide => match aligned() {
                Some((a, b)) => Some(a / b),
                None => wide(a, up_a).wrapping_div(wide(b, up_b)).to_i128(),
            },
            _ => match aligned() {
                Some((a, b)) => Some(a % b),
                None => wide(a, up_a).wrapping_rem(wide(b, up_b)).to_i128(),
            },
        })
    })
}

fn wide(value: i128, factor: i128) -> i256 {
    i256::from_i128(value).wrapping_mul(i256::from_i128(factor))
}

/// `a * 10^zeros / b`, rounded; a half goes away from zero. `None` where it has too many digits.
fn quotient(a: i128, b: i128, zeros: i32) -> Option<i128> {
    let small = u8::try_from(zeros).ok().filter(|zeros| *zeros <= MOST_DIGITS).map(power);
    if let Some(over) = small.and_then(|factor| a.checked_mul(factor))
        && let Some(twice) = (over % b).checked_mul(2)
    {
        let away = i128::from(twice.unsigned_abs() >= b.unsigned_abs());
        return (over / b).checked_add(away * over.signum() * b.signum());
    }
    let ten = i256::from_i128(10);
    let factor = (0..zeros.unsigned_abs()).try_fold(i256::ONE, |factor, _| factor.checked_mul(ten))?;
    let (a, b) = (i256::from_i128(a), i256::from_i128(b));
    let (over, under) = if zeros >= 0 { (a.checked_mul(factor)?, b) } else { (a, b.checked_mul(factor)?) };
    let (whole, rest) = (over.checked_div(under)?, over.checked_rem(under)?);
    let twice = rest.checked_abs()?.checked_mul(i256::from_i128(2))?;
    let sign = a.signum().checked_mul(b.signum())?;
    let away = if twice >= under.checked_abs()? { sign } else { i256::ZERO };
    whole.checked_add(away)?.to_i128()
}

/// A number of `scale` digits after the point, of which all behind `digits` are zero.
fn to_digits(value: i128, scale: u8, digits: i64, round: bool) -> Option<i128> {
    let lost = i64::from(scale) - digits;
    if lost <= 0 {
        return Some(value);
    }
    if lost > i64::from(MOST_DIGITS) {
        return Some(0);
    }
    let unit = power(lost as u8);
    let rest = value % unit;
    let cut = value - rest;
    // A unit of 38 zeros is more than half of what 128 bits hold.
    let away = round && rest.unsigned_abs() >= unit.unsigned_abs() / 2;
    if away { cut.checked_add(unit * value.signum()) } else { Some(cut) }
}

/// A number of `from` digits after the point with `to`; digits that are lost round, a half away from zero. `None` where it
/// has more than 38.
pub fn rescaled(value: i128, from: u8, to: u8) -> Option<i128> {
    let value = match from.cmp(&to) {
        std::cmp::Ordering::Equal => Some(value),
        std::cmp::Ordering::Less => value.checked_mul(power(to - from)),
        std::cmp::Ordering::Greater => to_digits(value, from, to.into(), true).map(|v| v / power(from - to)),
    };
    value.filter(|value| value.unsigned_abs() < ROOM.unsigned_abs())
}

/// Functions of floats.
pub fn real(op: Op, args: &[Values], cx: &Context) -> Values {
    let ty = arrow_schema::DataType::Float64;
    let inputs: Vec<&Values> = args.iter().collect();
    let of: Vec<_> = args.iter().map(Values::primitives::<Float64Type>).collect();
    if op == Op::Pi {
        return Values::one(std::sync::Arc::new(arrow_array::Float64Array::from(vec![std::f64::consts::PI])));
    }
    primitives::<Float64Type>(cx, &inputs, &ty, |row| {
        let Some(x) = of[0].get(row) else { return Ok(None) };
        let y = match of.get(1).map(|of| of.get(row)) {
            Some(None) => return Ok(None),
            Some(Some(y)) => y,
            None => 0.0,
        };
        function(op, x, y).map(Some)
    })
}

fn function(op: Op, x: f64, y: f64) -> Result<f64, Fault> {
    let outside = |what: &str| Err(Fault::new(format!("{what} is not defined")));
    let value = match op {
        Op::Sqrt if x < 0.0 => return outside("the square root of a negative number"),
        Op::Sqrt => x.sqrt(),
        Op::Cbrt => x.cbrt(),
        Op::Power if x == 0.0 && y < 0.0 => return outside("zero to a negative power"),
        Op::Power if x < 0.0 && y.is_finite() && y.fract() != 0.0 => {
            return outside("a negative number to the power of a fraction");
        }
        Op::Power => x.powf(y),
        Op::Exp => x.exp(),
        Op::Ln | Op::Log10 | Op::Log2 if x <= 0.0 => return outside("the logarithm of zero or less"),
        Op::Ln => x.ln(),
        Op::Log10 => x.log10(),
        Op::Log2 => x.log2(),
        Op::Sin | Op::Cos | Op::Tan if x.is_infinite() => return outside("an infinite angle"),
        Op::Sin => x.sin(),
        Op::Cos => x.cos(),
        Op::Tan => x.tan(),
        Op::Asin | Op::Acos if x.abs() > 1.0 => return outside("a sine or cosine above 1"),
        Op::Asin => x.asin(),
        Op::Acos => x.acos(),
        Op::Atan => x.atan(),
        Op::Atan2 => x.atan2(y),
        Op::Degrees => x / (std::f64::consts::PI / 180.0),
        _ => x.to_radians(),
    };
    bounded(value, x.is_finite() && y.is_finite())
}

/// The bits of int64s.
pub fn bits(op: Op, args: &[Values], cx: &Context) -> Values {
    let inputs: Vec<&Values> = args.iter().collect();
    let of: Vec<_> = args.iter().map(Values::primitives::<Int64Type>).collect();
    ints(cx, &inputs, |row| {
        let Some(a) = of[0].get(row) else { return Ok(None) };
        let Some(b) = of.get(1).map_or(Some(0), |of| of.get(row)) else { return Ok(None) };
        let shift = || u32::try_from(b).ok().filter(|b| *b < 64);
        Ok(Some(match op {
            Op::BitAnd => a & b,
            Op::BitOr => a | b,
            Op::BitXor => a ^ b,
            Op::BitNot => !a,
            Op::ShiftLeft => {
                a << shift().ok_or_else(|| Fault::new("bits can be shifted by 0 to 63 places"))?
            }
            _ => a >> shift().ok_or_else(|| Fault::new("bits can be shifted by 0 to 63 places"))?,
        }))
    })
}
