//! Conditions of three values, and choices between values.

use super::values::{Faults, Values, bools};
use super::{Context, evaluate};
use crate::expr::tree::{Call, Node, Op};
use crate::expr::types::Type;
use arrow_array::cast::AsArray;
use arrow_array::{Array, BooleanArray};
use std::sync::Arc;

/// AND or OR of all arguments. The arguments behind one that decides may be faulty.
pub fn chain(call: &Call, cx: &Context) -> Values {
    let decides = call.op == Op::Or;
    let mut args = call.args.iter();
    let Some(first) = args.next() else { return Values::one(Arc::new(BooleanArray::from(vec![!decides]))) };
    let mut so_far = evaluate(first, cx);
    for arg in args {
        so_far = two(so_far, evaluate(arg, cx), decides, cx);
    }
    so_far
}

/// AND of both, or OR where TRUE decides.
pub fn two(left: Values, right: Values, decides: bool, cx: &Context) -> Values {
    let one = left.one && right.one;
    let rows = if one { 1 } else { cx.rows };
    let (a, b) = (left.array(rows), right.array(rows));
    let (a, b) = (a.as_boolean(), b.as_boolean());
    // Kleene's logic, since in SQL NULL AND FALSE is FALSE; Arrow's plain `and` gives NULL.
    let met =
        if decides { arrow_arith::boolean::or_kleene(a, b) } else { arrow_arith::boolean::and_kleene(a, b) };
    let array = Arc::new(met.expect("columns of one length"));
    let mut faults = Faults::new();
    // Faults are rare: rows are walked one by one only where there are some.
    if !left.faults.is_empty() || !right.faults.is_empty() {
        for row in 0..rows {
            let decided = a.is_valid(row) && a.value(row) == decides;
            let fault = left.fault(row).or_else(|| right.fault(row).filter(|_| !decided));
            faults.extend(fault.map(|fault| (row, fault.clone())));
        }
    }
    Values { array, one, faults }
}

/// NOT, and the tests of NULL, TRUE and FALSE.
pub fn test(op: Op, arg: &Values, cx: &Context) -> Values {
    // IS NULL takes values of any type; the tests below read conditions only.
    if op == Op::IsNull {
        let array = Arc::new(arrow_arith::boolean::is_null(&arg.array).expect("it is computed of any array"));
        return Values { array, one: arg.one, faults: arg.faults.clone() };
    }
    let of = arg.bools();
    bools(cx, &[arg], |row| {
        let value = of.get(row);
        Ok(match op {
            Op::Not => value.map(|value| !value),
            Op::IsTrue => Some(value == Some(true)),
            _ => Some(value == Some(false)),
        })
    })
}

/// The value of the first branch whose condition is true.
pub fn case(branches: &[(Node, Node)], otherwise: &Node, ty: Type, cx: &Context) -> Values {
    // Every branch is computed for all rows, column by column. `chosen` drops the faults of branches that a
    // row does not take.
    let conditions: Vec<Values> = branches.iter().map(|(when, _)| evaluate(when, cx)).collect();
    let mut values: Vec<Values> = branches.iter().map(|(_, then)| evaluate(then, cx)).collect();
    values.push(evaluate(otherwise, cx));
    let of: Vec<_> = conditions.iter().map(Values::bools).collect();
    chosen(&conditions, &values, ty, cx, |branch, row| of[branch].get(row) == Some(true))
}

/// The first value that is not NULL.
pub fn coalesce(args: &[Node], ty: Type, cx: &Context) -> Values {
    let values: Vec<Values> = args.iter().map(|arg| evaluate(arg, cx)).collect();
    // The last value is taken whatever it is, so it is not tried.
    let Some((_, tried)) = values.split_last() else {
        return Values::one(arrow_array::new_null_array(&super::arrow(ty), 1));
    };
    chosen(tried, &values, ty, cx, |branch, row| !tried[branch].is_null(row))
}

/// Of `values`, of which there is one more than `conditions`, the one of the first condition that `holds`.
fn chosen(
    conditions: &[Values],
    values: &[Values],
    ty: Type,
    cx: &Context,
    holds: impl Fn(usize, usize) -> bool,
) -> Values {
    let one = conditions.iter().chain(values).all(|values| values.one);
    let rows = if one { 1 } else { cx.rows };
    let mut faults = Faults::new();
    let places: Vec<(usize, usize)> = (0..rows)
        .map(|row| {
            for (branch, condition) in conditions.iter().enumerate() {
                // Without this condition it is not known which branch the row takes, so the whole row has the
                // fault.
                if let Some(fault) = condition.fault(row) {
                    faults.insert(row, fault.clone());
                    break;
                }
                if holds(branch, row) {
                    return (branch, row);
                }
            }
            (values.len() - 1, row)
        })
        .collect();
    for (branch, row) in &places {
        if let Some(fault) = values[*branch].fault(*row) {
            // A fault of the row's condition came first, and stays.
            faults.entry(*row).or_insert_with(|| fault.clone());
        }
    }
    let arrays: Vec<&dyn Array> = values.iter().map(|values| values.array.as_ref()).collect();
    let places: Vec<(usize, usize)> =
        places.into_iter().map(|(branch, row)| (branch, values[branch].place(row))).collect();
    let array = match places.is_empty() {
        true => arrow_array::new_empty_array(&super::arrow(ty)),
        false => arrow_select::interleave::interleave(&arrays, &places).expect("values of one type"),
    };
    Values { array, one, faults }
}
