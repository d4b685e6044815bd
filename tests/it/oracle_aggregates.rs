//! The aggregates of the oracle: over all values of a group, in replay order.

use crate::jobs::PAIRWISE;
use crate::log::Cell;
use crate::oracle::order;
use num_bigint::BigInt;
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
    if PAIRWISE.contains(&function) {
        return pairwise(function, &values, &column(args[1]));
    }
    if let Some((text, rest)) = function.strip_prefix("string_agg").map(|rest| (values.clone(), rest)) {
        let keys: Vec<(&str, Vec<Cell>)> =
            args[2..].iter().map(|term| (*term, column(term.split(' ').next().unwrap()))).collect();
        return listing(&text, args[1], &keys, rest == " distinct");
    }
    values.retain(|v| *v != Cell::Null);
    if let Some(function) = function.strip_suffix(" distinct").filter(|function| *function != "count") {
        values.sort_by(order);
        values.dedup();
        return of_values(function, values, args);
    }
    of_values(function, values, args)
}

/// The value of an aggregate of values that are not NULL, in replay order.
fn of_values(function: &str, mut values: Vec<Cell>, args: &[&str]) -> Cell {
    match function {
        "count" => Cell::Int(values.len() as i64),
        // The estimate is exact up to 768 values, and no log has more rows.
        "count distinct" | "approx_count_distinct" => {
            values.sort_by(order);
            values.dedup();
            Cell::Int(values.len() as i64)
        }
        "count_if" => Cell::Int(values.iter().filter(|v| **v == Cell::Bool(true)).count() as i64),
        _ if values.is_empty() => Cell::Null,
        "mode" => mode(&values),
        "bit_and" => Cell::Int(ints(&values).fold(-1, |a, b| a & b)),
        "bit_or" => Cell::Int(ints(&values).fold(0, |a, b| a | b)),
        "bit_xor" => Cell::Int(ints(&values).fold(0, |a, b| a ^ b)),
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

/// Of each value, how many are like it.
fn mode(values: &[Cell]) -> Cell {
    let times = |value: &Cell| values.iter().filter(|other| *other == value).count();
    let better = |a: &&Cell, b: &&Cell| times(a).cmp(&times(b)).then(order(b, a));
    values.iter().max_by(better).unwrap().clone()
}

fn ints(values: &[Cell]) -> impl Iterator<Item = i64> {
    values.iter().map(|value| match value {
        Cell::Int(value) => *value,
        other => panic!("{other:?}"),
    })
}

/// Texts with a separator between them, by keys such as `n desc nulls last`, of which ties stay as they are.
fn listing(texts: &[Cell], separator: &str, keys: &[(&str, Vec<Cell>)], distinct: bool) -> Cell {
    let text = |i: usize| match &texts[i] {
        Cell::Text(text) => text.as_str(),
        other => panic!("{other:?}"),
    };
    let mut rows: Vec<usize> = (0..texts.len()).filter(|&i| texts[i] != Cell::Null).collect();
    let before =
        |row: usize, rows: &[usize]| rows.iter().any(|&other| other < row && text(other) == text(row));
    let all = rows.clone();
    rows.retain(|&row| !distinct || !before(row, &all));
    for (term, values) in keys.iter().rev() {
        let descending = term.contains(" desc");
        let nulls_first = if term.contains("nulls") { term.ends_with("first") } else { descending };
        rows.sort_by(|&a, &b| match (&values[a], &values[b]) {
            (Cell::Null, Cell::Null) => Ordering::Equal,
            (Cell::Null, _) => {
                if nulls_first {
                    Ordering::Less
                } else {
                    Ordering::Greater
                }
            }
            (_, Cell::Null) => {
                if nulls_first {
                    Ordering::Greater
                } else {
                    Ordering::Less
                }
            }
            (a, b) => {
                if descending {
                    order(b, a)
                } else {
                    order(a, b)
                }
            }
        });
    }
    let texts: Vec<&str> = rows.into_iter().map(text).collect();
    if texts.is_empty() { Cell::Null } else { Cell::Text(texts.join(separator)) }
}

/// A number as a whole number of units of 10^-4 · 2^-80, which all numbers of the random logs are.
fn units(cell: &Cell) -> BigInt {
    let one = BigInt::from(10_000) << UNIT;
    match cell {
        Cell::Int(v) => one * v,
        Cell::Decimal(v, scale) => one * v / BigInt::from(10).pow((*scale).into()),
        Cell::Float(v) => BigInt::from((v * 2f64.powi(UNIT)) as i128) * 10_000,
        other => panic!("{other:?}"),
    }
}

/// A quotient of whole numbers, to more than the digits of a float.
fn quotient(above: &BigInt, below: &BigInt) -> f64 {
    let shift = (below.bits() + 100).saturating_sub(above.bits());
    let digits: f64 = ((above << shift) / below).to_string().parse().unwrap();
    // In halves, so that neither power is too small for a float.
    digits * 0.5f64.powi((shift / 2) as i32) * 0.5f64.powi((shift - shift / 2) as i32)
}

/// By the textbook, over whole numbers: n times each sum of products of distances from the means.
fn pairwise(function: &str, y: &[Cell], x: &[Cell]) -> Cell {
    let pairs = y.iter().zip(x).filter(|(y, x)| **y != Cell::Null && **x != Cell::Null);
    let pairs: Vec<(BigInt, BigInt)> = pairs.map(|(y, x)| (units(y), units(x))).collect();
    let n = BigInt::from(pairs.len());
    let (y, x): (Vec<&BigInt>, Vec<&BigInt>) = pairs.iter().map(|(y, x)| (y, x)).unzip();
    let total = |values: &[&BigInt]| values.iter().copied().sum::<BigInt>();
    let spread = |a: &[&BigInt], b: &[&BigInt]| {
        let products: BigInt = a.iter().zip(b).map(|(a, b)| *a * *b).sum();
        &n * products - total(a) * total(b)
    };
    let (yy, xx, yx) = (spread(&y, &y), spread(&x, &x), spread(&y, &x));
    let unit = BigInt::from(10_000) << UNIT;
    let zero = BigInt::from(0);
    let squares = &unit * &unit;
    let constant = |value: &BigInt| *value == zero;
    Cell::Float(match function {
        "regr_count" => return Cell::Int(pairs.len() as i64),
        _ if pairs.is_empty() => return Cell::Null,
        "regr_avgx" => quotient(&total(&x), &(n * unit)),
        "regr_avgy" => quotient(&total(&y), &(n * unit)),
        "regr_sxx" => quotient(&xx, &(n * squares)),
        "regr_syy" => quotient(&yy, &(n * squares)),
        "regr_sxy" => quotient(&yx, &(n * squares)),
        "covar_pop" => quotient(&yx, &(&n * &n * squares)),
        "covar_samp" if pairs.len() == 1 => return Cell::Null,
        "covar_samp" => quotient(&yx, &(&n * (&n - 1) * squares)),
        _ if constant(&xx) || function == "corr" && constant(&yy) => return Cell::Null,
        "regr_slope" => quotient(&yx, &xx),
        "regr_intercept" => quotient(&(total(&y) * &xx - total(&x) * &yx), &(n * unit * &xx)),
        "regr_r2" if constant(&yy) => 1.0,
        "regr_r2" => quotient(&(&yx * &yx), &(xx * yy)),
        _ => quotient(&(&yx * &yx), &(xx * yy)).sqrt() * if yx < zero { -1.0 } else { 1.0 },
    })
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
