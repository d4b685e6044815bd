//! The aggregates of the oracle: over all values of a group, in replay order.

use crate::log::Cell;
use crate::oracle::order;
use std::cmp::Ordering;

/// Floats are added as multiples of 2^-80, which all floats of the random logs are.
const UNIT: i32 = 80;

/// The value of one aggregate; `at(column, i)` is a value of event `i` of `events`.
pub fn aggregate(function: &str, args: &[&str], at: &dyn Fn(&str, usize) -> Cell, events: usize) -> Cell {
    let column = |name: &str| -> Vec<Cell> { (0..events).map(|i| at(name, i)).collect() };
    let mut values = column(args[0]);
    if function.starts_with("arg_") {
        return arg(function, &values, &column(args[1]));
    }
    values.retain(|v| *v != Cell::Null);
    match function {
        "count" => Cell::Int(values.len() as i64),
        // The estimate is exact up to 768 values, and no log has more rows.
        "count distinct" | "approx_count_distinct" => {
            values.sort_by(order);
            values.dedup();
            Cell::Int(values.len() as i64)
        }
        _ if values.is_empty() => Cell::Null,
        "first" => values[0].clone(),
        "last" => values[values.len() - 1].clone(),
        "min" => values.into_iter().min_by(order).unwrap(),
        "max" => values.into_iter().max_by(order).unwrap(),
        "bool_and" => Cell::Bool(values.iter().all(|v| *v == Cell::Bool(true))),
        "bool_or" => Cell::Bool(values.contains(&Cell::Bool(true))),
        "sum" => sum(&values),
        "avg" => Cell::Float(mean(&floats(&values))),
        "median" => quantile(&values, 0.5),
        "quantile" => quantile(&values, args[1].parse().unwrap()),
        _ => spread(function, &floats(&values)),
    }
}

/// The first event in replay order whose second argument is least or greatest; events where either is NULL are
/// left out.
fn arg(function: &str, values: &[Cell], by: &[Cell]) -> Cell {
    let mut best: Option<usize> = None;
    for i in (0..by.len()).filter(|&i| by[i] != Cell::Null && values[i] != Cell::Null) {
        let better = |b: usize| {
            let order = order(&by[i], &by[b]);
            matches!((function, order), ("arg_min", Ordering::Less) | ("arg_max", Ordering::Greater))
        };
        if best.is_none_or(better) {
            best = Some(i);
        }
    }
    best.map_or(Cell::Null, |i| values[i].clone())
}

fn sum(values: &[Cell]) -> Cell {
    let exact = |v: &Cell| match v {
        Cell::Int(v) => i128::from(*v),
        Cell::Decimal(v, _) => *v,
        Cell::Float(v) => (v * 2f64.powi(UNIT)) as i128,
        other => panic!("{other:?}"),
    };
    let sum: i128 = values.iter().map(exact).sum();
    match values[0] {
        Cell::Int(_) => Cell::Int(sum as i64),
        Cell::Decimal(_, scale) => Cell::Decimal(sum, scale),
        _ => Cell::Float(sum as f64 * 2f64.powi(-UNIT)),
    }
}

fn floats(values: &[Cell]) -> Vec<f64> {
    let float = |v: &Cell| match v {
        Cell::Int(v) => *v as f64,
        Cell::Decimal(v, scale) => *v as f64 / 10f64.powi((*scale).into()),
        Cell::Float(v) => *v,
        other => panic!("{other:?}"),
    };
    values.iter().map(float).collect()
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// SQL's PERCENTILE_CONT.
fn quantile(values: &[Cell], q: f64) -> Cell {
    let mut values = floats(values);
    values.sort_by(f64::total_cmp);
    let rank = q * (values.len() - 1) as f64;
    let (low, high) = (values[rank.floor() as usize], values[rank.ceil() as usize]);
    Cell::Float(low + (high - low) * rank.fract())
}

fn spread(function: &str, values: &[f64]) -> Cell {
    let divisor = values.len() as f64 - if function.ends_with("samp") { 1.0 } else { 0.0 };
    if divisor == 0.0 {
        return Cell::Null;
    }
    let mean = mean(values);
    let variance = values.iter().map(|v| (v - mean) * (v - mean)).sum::<f64>() / divisor;
    Cell::Float(if function.starts_with("stddev") { variance.sqrt() } else { variance })
}
