//! Wrong values, of a fault that a test plants.

use super::values::{Values, bools, decimals, ints};
use super::{Context, cast, evaluate};
use crate::batch::DataType;
use crate::expr::moment::TimeField;
use crate::expr::tree::{Node, NodeKind, Op};
use crate::expr::types::Type;
use crate::planted::InjectedFault;
use crate::time::Zone;
use arrow_array::types::Int64Type;
use std::cell::RefCell;

/// What a node is where it is wrong.
pub fn wrong(node: &Node, cx: &Context) -> Option<Values> {
    let fault = cx.fault?;
    let utc = || Context { zone: RefCell::new(Zone::utc()), columns: cx.columns.clone(), ..*cx };
    match (fault, &node.kind) {
        (InjectedFault::DayInUtc, NodeKind::Cast(inner, casting))
            if (inner.ty, node.ty) == (Type::TIME, Type::DATE) =>
        {
            Some(cast::cast(&evaluate(inner, cx), inner.ty, node.ty, *casting, &utc()))
        }
        (InjectedFault::LiteralInUtc, NodeKind::Cast(inner, casting))
            if node.ty == Type::TIME && inner.as_literal().is_some() =>
        {
            Some(cast::cast(&evaluate(inner, cx), inner.ty, node.ty, *casting, &utc()))
        }
        (_, NodeKind::Call(call)) => {
            let args = || call.args.iter().map(|arg| evaluate(arg, cx)).collect::<Vec<_>>();
            match (fault, call.op, node.ty) {
                (InjectedFault::HourInUtc, Op::Extract(TimeField::Hour), _) => {
                    Some(super::moment::moments(call, &args(), &[call.args[0].ty], node.ty, &utc()))
                }
                (InjectedFault::TruthOfNull, Op::IsTrue, _) => {
                    let arg = evaluate(&call.args[0], cx);
                    let of = arg.bools();
                    Some(bools(cx, &[&arg], |row| Ok(of.get(row))))
                }
                (InjectedFault::RoundToEven, Op::Round, Type::Of(DataType::Decimal { scale, .. })) => {
                    Some(to_even(&args()[0], call.args[0].ty.scale()?, scale, node.ty, cx))
                }
                (InjectedFault::Wraps | InjectedFault::SignOfDivisor, op, Type::INT) => {
                    let compute = whole(fault, op)?;
                    let args = args();
                    let (a, b) = (args[0].primitives::<Int64Type>(), args[1].primitives::<Int64Type>());
                    Some(ints(cx, &[&args[0], &args[1]], |row| {
                        Ok(a.get(row).zip(b.get(row)).map(|(a, b)| compute(a, b)))
                    }))
                }
                _ => None,
            }
        }
        _ => None,
    }
}

fn whole(fault: InjectedFault, op: Op) -> Option<fn(i64, i64) -> i64> {
    match (fault, op) {
        (InjectedFault::Wraps, Op::Plus) => Some(i64::wrapping_add),
        (InjectedFault::Wraps, Op::Times) => Some(i64::wrapping_mul),
        (InjectedFault::SignOfDivisor, Op::Modulo) => Some(|a, b| ((a % b) + b) % b),
        _ => None,
    }
}

fn to_even(values: &Values, from: u8, to: u8, ty: Type, cx: &Context) -> Values {
    let of = values.exact();
    let unit = 10i128.pow((from - to).into());
    decimals(cx, &[values], &super::arrow(ty), |row| {
        Ok(of.get(row).map(|value| {
            let (whole, rest) = (value.div_euclid(unit), value.rem_euclid(unit));
            let up = rest * 2 > unit || rest * 2 == unit && whole % 2 != 0;
            whole + i128::from(up)
        }))
    })
}
