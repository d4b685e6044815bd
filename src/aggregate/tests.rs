//! The merge law of every aggregate against a slow oracle: fold in one go, fold in parts and merge
//! in any order, through encoded states; the results are the same bits.

use super::accumulator::PIECE;
use super::*;
use crate::batch::Position;
use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int64Type};
use arrow_array::{ArrayRef, BooleanArray, Decimal128Array, Float64Array, Int64Array, StringViewArray};
use proptest::prelude::*;
use std::sync::Arc;

const DEC: DataType = DataType::Decimal { precision: 18, scale: 2 };

/// One random row: slot and a value of every type.
#[derive(Debug, Clone)]
struct RandomRow(u32, Option<i64>, Option<f64>, Option<bool>, Option<String>, i64);

fn rows() -> impl Strategy<Value = Vec<RandomRow>> {
    let float = prop_oneof![
        -1e6..1e6f64,
        Just(1e300),
        Just(-1e300),
        Just(f64::MAX),
        Just(-0.0),
        Just(1e-310),
        Just(0.1)
    ];
    let row = (
        0u32..3,
        proptest::option::of(-50i64..50),
        proptest::option::of(float),
        proptest::option::of(any::<bool>()),
        proptest::option::of("[abÿ]{0,14}"),
        0i64..5,
    );
    proptest::collection::vec(row.prop_map(|(s, i, f, b, t, at)| RandomRow(s, i, f, b, t, at)), 0..40)
}

/// Every form of the catalog, over every type that it takes.
fn all() -> Vec<Aggregate> {
    use catalog::{DistinctRule, LiteralKind};
    let types = [DataType::Int64, DataType::Float64, DEC, DataType::String, DataType::Bool];
    let mut all = vec![];
    let states = catalog::ALL.iter().filter(|form| matches!(form.make, catalog::AggregateMaking::State(_)));
    for form in states {
        let args: Vec<Vec<DataType>> = match form.takes {
            [] => vec![vec![]],
            [_] => types.iter().map(|&ty| vec![ty]).collect(),
            // The types of two arguments are the same, or not.
            _ => {
                let others = [DataType::Int64, DataType::Float64, DataType::String, DEC];
                types.iter().flat_map(|&ty| others.map(|other| vec![ty, other])).collect()
            }
        };
        let right =
            |args: &&Vec<DataType>| form.takes.iter().zip(*args).all(|(wanted, ty)| wanted.takes(*ty));
        for args in args.iter().filter(right) {
            let call = |distinct| TypedCall {
                name: form.names[0],
                distinct,
                args: args.clone(),
                quantile: (form.literal == Some(LiteralKind::Quantile)).then_some(0.9),
                separator: (form.literal == Some(LiteralKind::Separator)).then(|| ", ".to_string()),
                order: vec![],
            };
            all.push(Aggregate::of(call(false)).unwrap());
            if form.distinct == DistinctRule::Once {
                all.push(Aggregate::of(call(true)).unwrap());
            }
            if form.ordered {
                for (descending, nulls_first) in [(false, false), (true, true), (true, false)] {
                    let direction = SortDirection { descending, nulls_first };
                    for by in [DataType::Int64, DataType::Float64, DataType::String] {
                        let args = vec![args[0], by, DEC];
                        let order = vec![direction, SortDirection { descending: true, nulls_first: false }];
                        all.push(Aggregate::of(TypedCall { args, order, ..call(descending) }).unwrap());
                    }
                }
            }
        }
    }
    all
}

fn column(rows: &[RandomRow], ty: DataType) -> ArrayRef {
    let ints = rows.iter().map(|r| r.1);
    match ty {
        DataType::Int64 => Arc::new(ints.collect::<Int64Array>()),
        DataType::Float64 => Arc::new(rows.iter().map(|r| r.2).collect::<Float64Array>()),
        DataType::Bool => Arc::new(rows.iter().map(|r| r.3).collect::<BooleanArray>()),
        DataType::String => Arc::new(rows.iter().map(|r| r.4.clone()).collect::<StringViewArray>()),
        _ => Arc::new(
            ints.map(|v| v.map(|v| i128::from(v) * 37))
                .collect::<Decimal128Array>()
                .with_data_type(DEC.arrow()),
        ),
    }
}

fn fold(aggregate: &Aggregate, rows: &[RandomRow], first: u64) -> Box<dyn Accumulator> {
    let mut acc = aggregate.accumulator();
    acc.resize(3);
    let slots: Vec<u32> = rows.iter().map(|r| r.0).collect();
    let args: Vec<ArrayRef> = aggregate.args.iter().map(|&ty| column(rows, ty)).collect();
    let time: Vec<i64> = rows.iter().map(|r| r.5).collect();
    let positions: Vec<Position> = (first..).take(rows.len()).map(|p| Position::new(0, p)).collect();
    acc.update(&slots, &Rows { args: &args, time: &time, positions: &positions }).unwrap();
    acc
}

/// Folds `rows` in parts of random length and merges the parts in a random order, as a random tree and
/// partly through encoded states.
fn scattered(aggregate: &Aggregate, rows: &[RandomRow], seed: u64) -> Box<dyn Accumulator> {
    let mut random = seed | 1;
    let mut below = |n: usize| {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (random >> 33) as usize % n
    };
    let (mut parts, mut from) = (vec![fold(aggregate, &[], 0)], 0);
    while from < rows.len() {
        let to = (from + 1 + below(rows.len() / 3 + 1)).min(rows.len());
        parts.push(fold(aggregate, &rows[from..to], from as u64));
        from = to;
    }
    while parts.len() > 1 {
        let part = parts.swap_remove(below(parts.len()));
        let at = below(parts.len());
        if below(2) == 0 {
            parts[at].merge(&[(2, 2), (0, 0), (1, 1)], part.as_ref()).unwrap();
        } else {
            transfer(part.as_ref(), parts[at].as_mut());
        }
    }
    parts.remove(0)
}

/// Merges the three slots of `from` into `to` through encoded states.
fn transfer(from: &dyn Accumulator, to: &mut dyn Accumulator) {
    for slot in 0..3 {
        let mut state = vec![];
        from.encode(slot, &mut state);
        let mut reader = StateReader::new(&state);
        to.merge_encoded(slot, &mut reader).unwrap();
        assert!(reader.is_empty());
        let rest = from.encode_rest(slot, &mut |piece| {
            to.merge_encoded(slot, &mut StateReader::new(piece)).unwrap();
            Ok(())
        });
        rest.unwrap();
    }
}

/// Rows of slot 0 to 2 whose integers repeat; some are NULL.
fn many_rows() -> impl Strategy<Value = Vec<RandomRow>> {
    (1i64..20_000, 0usize..6000, any::<u64>()).prop_map(|(range, rows, seed)| {
        let value = |i: usize| (i as u64 + 1).wrapping_mul(seed | 1).rotate_left(29) as i64;
        (0..rows)
            .map(|i| {
                let (value, slot) = (value(i) % range, (value(i) as u64 >> 60) as u32 / 6);
                let text = Some(format!("{value:016}"));
                match i % 50 {
                    0 => RandomRow(slot, None, None, None, None, 0),
                    _ => RandomRow(slot, Some(value), Some(value as f64 / 3.0), Some(value > 0), text, 0),
                }
            })
            .collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn distinct_values_are_counted_whatever_the_order_and_the_merges(rows in many_rows(), seed in any::<u64>()) {
        let mut backwards = rows.clone();
        backwards.reverse();
        for ty in [DataType::Int64, DataType::Float64, DEC, DataType::String, DataType::Bool] {
            let exact = Aggregate::resolve("count", true, vec![ty], None).unwrap();
            let about = Aggregate::resolve("approx_count_distinct", false, vec![ty], None).unwrap();
            let counts = |acc: Box<dyn Accumulator>| {
                acc.finish(3).unwrap().as_primitive::<Int64Type>().values().to_vec()
            };
            let wanted: Vec<i64> = (0..3)
                .map(|slot| {
                    let of_slot = rows.iter().filter(|r| r.0 == slot);
                    let values = of_slot.filter_map(|r| r.1.map(|v| if ty == DataType::Bool { i64::from(v > 0) } else { v }));
                    values.collect::<std::collections::HashSet<i64>>().len() as i64
                })
                .collect();
            let whole = counts(fold(&about, &rows, 0));
            for (&about, &exact) in whole.iter().zip(&wanted) {
                // Five times the standard error.
                prop_assert!((about - exact).abs() as f64 <= 0.0575 * exact as f64, "{ty}: {about} for {exact}");
                prop_assert!(exact > 768 || about == exact, "{ty}: {about} for {exact}");
            }
            prop_assert_eq!(&counts(fold(&exact, &rows, 0)), &wanted);
            for rows in [&rows, &backwards] {
                prop_assert_eq!(&counts(scattered(&exact, rows, seed)), &wanted, "{}", ty);
                prop_assert_eq!(&counts(scattered(&about, rows, seed)), &whole, "{}", ty);
            }
        }
    }
}

/// The functions of which an output may keep its state.
fn kept() -> Vec<Aggregate> {
    use Function::*;
    let grows = [CountDistinct, ApproxCountDistinct, First, Last, ArgMin, ArgMax, Mode];
    let mut kept = all();
    kept.retain(|a| !grows.contains(&a.function));
    kept.retain(|a| !matches!(a.function, Quantile(_) | Distinct(_) | StringAgg(_)));
    kept
}

proptest! {
    #[test]
    fn a_state_is_a_function_of_the_values_alone(rows in rows(), seeds in any::<[u64; 2]>()) {
        let mut backwards = rows.clone();
        backwards.reverse();
        for aggregate in kept() {
            let states = |acc: &dyn Accumulator| {
                let mut states = vec![vec![]; 3];
                (0..).zip(&mut states).for_each(|(slot, out)| acc.encode(slot, out));
                states
            };
            let whole = states(fold(&aggregate, &rows, 0).as_ref());
            for (rows, seed) in [(&rows, seeds[0]), (&backwards, seeds[1])] {
                let scattered = scattered(&aggregate, rows, seed);
                prop_assert_eq!(&states(scattered.as_ref()), &whole, "{:?}", aggregate);
                // And nothing is left for another piece.
                scattered.encode_rest(0, &mut |_| panic!("{aggregate:?} has pieces")).unwrap();
            }
        }
    }

    #[test]
    fn merging_is_exact_and_free_of_order(rows in rows(), cut in 0usize..40) {
        let cut = cut.min(rows.len());
        for aggregate in all() {
            let whole = fold(&aggregate, &rows, 0).finish(3).unwrap();
            prop_assert_eq!(whole.data_type(), &aggregate.ty().arrow());
            let a = fold(&aggregate, &rows[..cut], 0);
            let b = fold(&aggregate, &rows[cut..], cut as u64);
            let pairs = [(0, 0), (1, 1), (2, 2)];
            for (x, y) in [(&a, &b), (&b, &a)] {
                let mut merged = aggregate.accumulator();
                merged.resize(3);
                merged.merge(&pairs, x.as_ref()).unwrap();
                merged.merge(&pairs, y.as_ref()).unwrap();
                prop_assert_eq!(&merged.finish(3).unwrap(), &whole, "{:?}", aggregate);
                let mut decoded = aggregate.accumulator();
                decoded.resize(3);
                for part in [x, y] {
                    let mut bytes = vec![];
                    (0..3).for_each(|slot| part.encode(slot, &mut bytes));
                    let mut reader = StateReader::new(&bytes);
                    (0..3).for_each(|slot| decoded.merge_encoded(slot, &mut reader).unwrap());
                    prop_assert!(reader.is_empty());
                }
                prop_assert_eq!(&decoded.finish(3).unwrap(), &whole, "{:?}", aggregate);
            }
        }
    }

    #[test]
    fn results_are_those_of_the_textbook(values in proptest::collection::vec(-1000i64..1000, 1..30)) {
        let rows: Vec<RandomRow> = values.iter().map(|&v| RandomRow(0, Some(v), None, None, None, 0)).collect();
        let get = |name: &str, q| {
            let aggregate = Aggregate::resolve(name, false, vec![DataType::Int64], q).unwrap();
            fold(&aggregate, &rows, 0).finish(1).unwrap()
        };
        let float = |name, q| get(name, q).as_primitive::<Float64Type>().value(0);
        let n = values.len() as f64;
        let sum: i64 = values.iter().sum();
        let mean = sum as f64 / n;
        prop_assert_eq!(get("sum", None).as_primitive::<Int64Type>().value(0), sum);
        prop_assert_eq!(float("avg", None), mean);
        let squares: f64 = values.iter().map(|&v| (v as f64 - mean).powi(2)).sum();
        prop_assert!((float("var_pop", None) - squares / n).abs() <= 1e-9 * (1.0 + squares));
        let mut sorted = values.clone();
        sorted.sort();
        let middle = (sorted[(sorted.len() - 1) / 2] + sorted[sorted.len() / 2]) as f64 / 2.0;
        prop_assert_eq!(float("median", None), middle);
        prop_assert_eq!(float("quantile", Some(1.0)), *sorted.last().unwrap() as f64);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn a_bound_never_shows(rows in many_rows(), parts in 1usize..8, bytes in 0usize..200_000) {
        let folder = tempfile::tempdir().unwrap();
        let mut aggregates: Vec<Aggregate> = [DataType::Int64, DataType::Float64, DEC, DataType::String]
            .map(|ty| Aggregate::resolve("count", true, vec![ty], None).unwrap())
            .into();
        for (q, ty) in [(0.0, DataType::Int64), (0.3, DataType::Float64), (0.5, DEC), (1.0, DataType::Int64)] {
            aggregates.push(Aggregate::resolve("quantile", false, vec![ty], Some(q)).unwrap());
            aggregates.push(Aggregate::resolve("sum", true, vec![ty], None).unwrap());
            aggregates.push(Aggregate::resolve("stddev_pop", true, vec![ty], None).unwrap());
            aggregates.push(Aggregate::resolve("mode", false, vec![ty], None).unwrap());
        }
        aggregates.push(Aggregate::resolve("mode", false, vec![DataType::String], None).unwrap());
        for aggregate in aggregates {
            let mut bounded = aggregate.accumulator();
            bounded.resize(3);
            for part in rows.chunks(rows.len() / parts + 1) {
                transfer(fold(&aggregate, part, 0).as_ref(), bounded.as_mut());
                bounded.bound(bytes, folder.path()).unwrap();
                prop_assert!(bounded.bytes() <= bytes + 1000, "{aggregate:?}: {}", bounded.bytes());
            }
            let whole = fold(&aggregate, &rows, 0);
            for slots in [3, 2] {
                prop_assert_eq!(&bounded.finish(slots).unwrap(), &whole.finish(slots).unwrap(), "{:?}", aggregate);
            }
        }
    }
}

#[test]
fn large_states_come_in_pieces() {
    let rows: Vec<RandomRow> = (0..60_000)
        .map(|i| RandomRow(1, Some(i), Some(i as f64), None, Some(format!("{i:016}")), 0))
        .collect();
    for ty in [DataType::Int64, DataType::String, DEC] {
        let mut aggregates = vec![Aggregate::resolve("count", true, vec![ty], None).unwrap()];
        aggregates.extend(Aggregate::resolve("median", false, vec![ty], None));
        aggregates.push(Aggregate::resolve("mode", false, vec![ty], None).unwrap());
        let call = TypedCall { name: "string_agg", args: vec![DataType::String], ..TypedCall::default() };
        aggregates.push(Aggregate::of(call).unwrap());
        for aggregate in aggregates {
            let whole = fold(&aggregate, &rows, 0);
            let mut pieces = vec![vec![]];
            whole.encode(1, &mut pieces[0]);
            let rest = whole.encode_rest(1, &mut |piece| {
                pieces.push(piece.to_vec());
                Ok(())
            });
            rest.unwrap();
            assert!(pieces.len() > 1 && pieces.iter().all(|p| p.len() < PIECE + 64), "{aggregate:?}");
            let mut merged = aggregate.accumulator();
            merged.resize(3);
            pieces
                .iter()
                .rev()
                .for_each(|piece| merged.merge_encoded(1, &mut StateReader::new(piece)).unwrap());
            assert_eq!(&merged.finish(3).unwrap(), &whole.finish(3).unwrap(), "{aggregate:?}");
        }
    }
}

#[test]
fn overflow_is_an_error_and_not_a_wrap() {
    let aggregate = Aggregate::resolve("sum", false, vec![DataType::Int64], None).unwrap();
    let rows =
        [RandomRow(0, Some(i64::MAX), None, None, None, 0), RandomRow(0, Some(1), None, None, None, 0)];
    let error = fold(&aggregate, &rows, 0).finish(1).unwrap_err();
    assert!(error.to_string().contains("does not fit int64"), "{error}");
    let decimal = DataType::Decimal { precision: 38, scale: 0 };
    let aggregate = Aggregate::resolve("sum", false, vec![decimal], None).unwrap();
    let mut acc = aggregate.accumulator();
    acc.resize(1);
    let huge = Decimal128Array::from(vec![10i128.pow(38) - 1; 3]).with_data_type(decimal.arrow());
    let args = [Arc::new(huge) as ArrayRef];
    let result = acc.update(&[0; 3], &Rows { args: &args, time: &[0; 3], positions: &[] });
    assert!(result.is_err());
}

/// A finite float as a whole number of 2^-1074.
fn units(x: f64) -> num_bigint::BigInt {
    let (bits, fraction) = (x.to_bits(), x.to_bits() & ((1 << 52) - 1));
    let (whole, up) =
        if bits >> 52 & 0x7ff == 0 { (fraction, 0) } else { (fraction | 1 << 52, (bits >> 52 & 0x7ff) - 1) };
    let size = num_bigint::BigInt::from(whole) << up;
    if x < 0.0 { -size } else { size }
}

/// The spread of floats in parts that are merged.
fn spread(name: &str, values: &[f64], seed: u64) -> f64 {
    let aggregate = Aggregate::resolve(name, false, vec![DataType::Float64], None).unwrap();
    let rows: Vec<RandomRow> = values.iter().map(|&v| RandomRow(0, None, Some(v), None, None, 0)).collect();
    let whole = fold(&aggregate, &rows, 0).finish(1).unwrap().as_primitive::<Float64Type>().value(0);
    let parts = scattered(&aggregate, &rows, seed).finish(1).unwrap().as_primitive::<Float64Type>().value(0);
    assert_eq!(whole.to_bits(), parts.to_bits(), "{name} {values:?}");
    whole
}

/// Whether no float is nearer to the variance of `values` (to its root) than `x`.
fn is_spread(x: f64, values: &[f64], sample: bool, root: bool) -> bool {
    use num_bigint::BigInt;
    let n = BigInt::from(values.len());
    let sum: BigInt = values.iter().map(|&v| units(v)).sum();
    let squares: BigInt = values.iter().map(|&v| units(v) * units(v)).sum();
    let above = &n * squares - &sum * &sum;
    let below = &n * (&n - u32::from(sample));
    // Twice (four times) both, in units (squared), for the middles between floats are halves.
    let middle = |other: f64| {
        let sum = units(x)
            + if other.is_infinite() { units(x) + units(x) - units(x.next_down()) } else { units(other) };
        if root { &sum * &sum } else { sum << 1074u32 }
    };
    let exact = if root { above * 4 } else { above * 2 };
    let least = if x == 0.0 { BigInt::from(0) } else { middle(x.next_down()) };
    least * &below <= exact && exact <= middle(x.next_up()) * &below
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    /// Against whole numbers of any size: no float is nearer, far from 0 and at the ends of what floats can hold.
    #[test]
    fn variances_of_floats_are_rounded_once(
        mean in prop_oneof![
            3 => proptest::sample::select(vec![0.0, 1e9, 1.7e12, 1e14, 1.7e15, -1e300, 1e-300, 1e-160, 3e150]),
            1 => any::<f64>().prop_filter("finite", |f| f.abs() < 1e300),
        ],
        spreads in proptest::collection::vec((-1.0..1.0f64, proptest::sample::select(vec![0.0, 1.0, 1e-9, 1e9, 1e150, 1e-310])), 2..20),
        seed in any::<u64>(),
    ) {
        let values: Vec<f64> = spreads.iter().map(|(x, scale)| mean + x * scale).collect();
        for (name, sample, root) in
            [("var_pop", false, false), ("var_samp", true, false), ("stddev_pop", false, true), ("stddev_samp", true, true)]
        {
            let found = spread(name, &values, seed);
            if found.is_infinite() {
                prop_assert!(!root && values.iter().any(|v| v.abs() > 1e150), "{name} {values:?}");
            } else {
                prop_assert!(is_spread(found, &values, sample, root), "{name} {found} {values:?}");
            }
        }
    }
}

#[test]
fn variances_far_from_zero_keep_all_digits() {
    for mean in [1e9, 1.7e12, 1e14, 1.7e15] {
        // 0, 0.5, 1 and 1.5 have the variance 0.3125; so they have beside each of these means, all of which hold quarters.
        let values = [0.0, 0.5, 1.0, 1.5].map(|x| mean + x);
        assert_eq!(spread("var_pop", &values, 1), 0.3125, "{mean}");
        assert_eq!(spread("stddev_pop", &values, 1), 0.3125f64.sqrt(), "{mean}");
    }
    assert_eq!(spread("var_pop", &[f64::MAX, -f64::MAX], 1), f64::INFINITY);
    assert_eq!(spread("stddev_pop", &[f64::MAX, -f64::MAX], 1), f64::MAX);
    assert_eq!(spread("stddev_pop", &[1e-200, 3e-200], 1), 1e-200);
    assert_eq!(spread("stddev_pop", &[0.0, 1e-323], 1), 5e-324);
    assert_eq!(spread("var_samp", &[0.1; 7], 1).to_bits(), 0);
    for not_finite in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        assert!(spread("var_pop", &[1.0, not_finite], 1).is_nan());
        assert!(spread("stddev_samp", &[not_finite, 1e200, 1.0], 1).is_nan());
    }
}

/// Of a kept state that was cut, each length is noticed, and none of them panics.
#[test]
fn states_that_were_cut_are_short() {
    let rows = [(1, 1e300), (-7, f64::NAN), (1 << 40, 0.1)].map(|(whole, float)| {
        RandomRow(0, Some(whole), Some(float), Some(whole > 0), Some(format!("text {whole}")), 0)
    });
    for aggregate in all().into_iter().filter(|aggregate| aggregate.function.without_state().is_none()) {
        let mut state = vec![];
        fold(&aggregate, &rows, 0).encode(0, &mut state);
        for len in 0..=state.len() {
            let mut merged = aggregate.accumulator();
            merged.resize(1);
            let mut reader = StateReader::of_kept(&state[..len]);
            // What zeros lead to is of no interest: the caller refuses a short state.
            let _ = merged.merge_encoded(0, &mut reader);
            assert_eq!(reader.is_short(), len < state.len(), "{aggregate:?}: {len} of {}", state.len());
        }
    }
}

/// A state that was written before squares had scaled sums: count, sum, sum of squares.
#[test]
fn older_states_of_variances_are_read() {
    let (mut state, mut sum, mut squares) =
        (3u64.to_le_bytes().to_vec(), FloatSum::default(), FloatSum::default());
    for x in [1e9, 1e9 + 1.0, 1e9 + 3.0] {
        sum.add(x);
        squares.add_product(x, x);
    }
    sum.encode(&mut state);
    squares.encode(&mut state);
    let aggregate = Aggregate::resolve("var_pop", false, vec![DataType::Float64], None).unwrap();
    let mut read = aggregate.accumulator();
    read.resize(1);
    read.merge_encoded(0, &mut StateReader::new(&state)).unwrap();
    let rows: Vec<RandomRow> =
        [1e9, 1e9 + 1.0, 1e9 + 3.0].iter().map(|&v| RandomRow(0, None, Some(v), None, None, 0)).collect();
    let whole = fold(&aggregate, &rows, 0);
    assert_eq!(&read.finish(1).unwrap(), &whole.finish(1).unwrap());
    let mut now = vec![];
    whole.encode(0, &mut now);
    assert_eq!(now, state);
}

/// Of 0.1 and 0.2 the variance is 0.0025: of decimals it is that, rounded once.
#[test]
fn variances_of_decimals_are_rounded_once() {
    for (scale, values, variance) in
        [(1, vec![1, 2], 0.0025), (2, vec![10, 20], 0.0025), (30, vec![1, 4], 2.25e-60)]
    {
        let ty = DataType::Decimal { precision: 38, scale };
        let array = Decimal128Array::from(values).with_data_type(ty.arrow());
        let mut acc = Aggregate::resolve("var_pop", false, vec![ty], None).unwrap().accumulator();
        acc.resize(1);
        acc.update(&[0; 2], &Rows { args: &[Arc::new(array) as ArrayRef], time: &[0; 2], positions: &[] })
            .unwrap();
        assert_eq!(acc.finish(1).unwrap().as_primitive::<Float64Type>().value(0), variance);
    }
}

#[test]
fn the_median_of_the_least_and_the_greatest_float_is_between_them() {
    let of = |q, values: &[f64]| {
        let aggregate = Aggregate::resolve("quantile", false, vec![DataType::Float64], Some(q)).unwrap();
        let rows: Vec<RandomRow> =
            values.iter().map(|&v| RandomRow(0, None, Some(v), None, None, 0)).collect();
        fold(&aggregate, &rows, 0).finish(1).unwrap().as_primitive::<Float64Type>().value(0)
    };
    assert_eq!(of(0.5, &[f64::MAX, -f64::MAX]), 0.0);
    assert_eq!(of(0.75, &[2f64.powi(1023), -2f64.powi(1023)]), 2f64.powi(1022));
    assert_eq!(of(0.5, &[f64::INFINITY, 1.0]), f64::INFINITY);
}

mod pairs;
