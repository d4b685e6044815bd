//! Results of pairs of floats against whole numbers of any size: no float is nearer.

use super::*;
use num_bigint::BigInt;

fn result(name: &str, pairs: &[(f64, f64)], seed: u64) -> Option<f64> {
    let aggregate = Aggregate::resolve(name, false, vec![DataType::Float64; 2], None).unwrap();
    let fold = |pairs: &[(f64, f64)]| {
        let mut acc = aggregate.accumulator();
        acc.resize(3);
        let (y, x): (Vec<f64>, Vec<f64>) = pairs.iter().copied().unzip();
        let args = [Arc::new(Float64Array::from(y)) as ArrayRef, Arc::new(Float64Array::from(x)) as ArrayRef];
        let slots = vec![0; pairs.len()];
        acc.update(&slots, &Rows { args: &args, time: &[], positions: &[] }).unwrap();
        acc
    };
    let value = |acc: &dyn Accumulator| {
        let array = acc.finish(1).unwrap();
        let floats = array.as_primitive::<Float64Type>();
        floats.iter().next().unwrap()
    };
    let cut = seed as usize % (pairs.len() + 1);
    let mut parts = fold(&pairs[cut..]);
    transfer(fold(&pairs[..cut]).as_ref(), parts.as_mut());
    let (whole, parts) = (value(fold(pairs).as_ref()), value(parts.as_ref()));
    assert_eq!(whole.map(f64::to_bits), parts.map(f64::to_bits), "{name} {pairs:?}");
    whole
}

/// Whether no float is nearer to `above / below` than `x`, or, with `root`, to the root of that.
fn is_nearest(x: f64, above: &BigInt, below: &BigInt, root: bool) -> bool {
    let zero = BigInt::from(0);
    let (above, below) = if *below < zero { (-above, -below) } else { (above.clone(), below.clone()) };
    // Twice (four times) the value, in units (squared), for the middles between floats are halves.
    let bound = |other: f64| match other.is_infinite() {
        true => units(x) + units(x) - units(if other > 0.0 { x.next_down() } else { x.next_up() }),
        false => units(other),
    };
    let middle = |other: f64| {
        let sum = units(x) + bound(other);
        if root { &sum * &sum } else { sum << 1074u32 }
    };
    let exact = if root { above << 2150u32 } else { above << 2149u32 };
    let least = if root && x == 0.0 { zero } else { middle(x.next_down()) };
    least * &below <= exact && exact <= middle(x.next_up()) * &below
}

/// n times the sum of products of distances from the means, in units squared.
fn spread(a: &[BigInt], b: &[BigInt]) -> BigInt {
    let products: BigInt = a.iter().zip(b).map(|(a, b)| a * b).sum();
    products * a.len() - a.iter().sum::<BigInt>() * b.iter().sum::<BigInt>()
}

fn floats() -> impl Strategy<Value = f64> {
    let scales = proptest::sample::select(vec![1.0, 1.0, 1e-9, 1e150, 1e-160, 1e-310, 1e300, 0.0]);
    let means = proptest::sample::select(vec![0.0, 0.0, 1e9, -1e14, 1e-300]);
    (means, -1.0..1.0f64, scales).prop_map(|(mean, x, scale)| mean + x * scale)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn results_of_pairs_are_rounded_once(
        pairs in proptest::collection::vec((floats(), floats()), 1..8), seed in any::<u64>(),
    ) {
        let side = |of: fn(&(f64, f64)) -> f64| pairs.iter().map(|pair| units(of(pair))).collect::<Vec<BigInt>>();
        let (y, x) = (side(|pair| pair.0), side(|pair| pair.1));
        let (yy, xx, yx) = (spread(&y, &y), spread(&x, &x), spread(&y, &x));
        let (n, zero) = (BigInt::from(pairs.len()), BigInt::from(0));
        // Squares of units are units times this.
        let unit = BigInt::from(1) << 1074u32;
        let intercept = y.iter().sum::<BigInt>() * &xx - x.iter().sum::<BigInt>() * &yx;
        let sample = if pairs.len() > 1 { &n * (&n - 1) } else { zero.clone() };
        let results = [
            ("covar_pop", yx.clone(), &n * &n * &unit * &unit),
            ("covar_samp", yx.clone(), sample * &unit * &unit),
            ("regr_sxx", xx.clone(), &n * &unit * &unit),
            ("regr_syy", yy.clone(), &n * &unit * &unit),
            ("regr_sxy", yx.clone(), &n * &unit * &unit),
            ("regr_avgx", x.iter().sum(), &n * &unit),
            ("regr_slope", yx.clone(), xx.clone()),
            ("regr_intercept", intercept, &n * &xx * &unit),
            ("regr_r2", &yx * &yx, &xx * &yy),
        ];
        for (name, above, below) in results {
            match result(name, &pairs, seed) {
                None => prop_assert!(below == zero, "{name} {pairs:?}"),
                Some(1.0) if name == "regr_r2" && yy == zero => prop_assert!(xx != zero),
                // Too large for a float.
                Some(found) if found.is_infinite() => prop_assert!(
                    is_nearest(f64::MAX * found.signum(), &above, &below, false) || (&above << 1074u32) / &below != zero,
                ),
                Some(found) => {
                    prop_assert!(below != zero && is_nearest(found, &above, &below, false), "{name} {found} {pairs:?}");
                }
            }
        }
        match result("corr", &pairs, seed) {
            None => prop_assert!(xx == zero || yy == zero),
            Some(found) => {
                prop_assert!(is_nearest(found.abs(), &(&yx * &yx), &(&xx * &yy), true), "{found} {pairs:?}");
                prop_assert!(found == 0.0 || (found < 0.0) == (yx < zero));
            }
        }
    }
}

#[test]
fn what_is_not_finite_shows_where_it_has_a_part() {
    let (nan, inf) = (f64::NAN, f64::INFINITY);
    let pairs = [(1.0, 2.0), (inf, 3.0), (4.0, 7.0)];
    let of = |name: &str, pairs: &[(f64, f64)]| result(name, pairs, 1);
    assert!(of("covar_pop", &pairs).unwrap().is_nan());
    assert!(of("corr", &pairs).unwrap().is_nan());
    assert!(of("regr_slope", &pairs).unwrap().is_nan());
    assert_eq!(of("regr_avgy", &pairs), Some(inf));
    assert_eq!((of("regr_avgx", &pairs), of("regr_sxx", &pairs)), (Some(4.0), Some(14.0)));
    assert!(of("regr_avgx", &[(1.0, nan), (1.0, 2.0)]).unwrap().is_nan());
    // A constant side makes it NULL, whatever the other holds.
    assert_eq!(of("corr", &[(nan, 2.0), (1.0, 2.0)]), None);
    assert_eq!(of("regr_r2", &[(nan, 2.0), (1.0, 2.0)]), None);
    assert_eq!(of("regr_r2", &[(1.0, 2.0), (1.0, 3.0)]), Some(1.0));
    for name in ["corr", "covar_pop", "regr_avgx", "regr_sxx", "regr_slope", "regr_intercept", "regr_r2"] {
        assert_eq!(of(name, &[]), None, "{name}");
    }
    assert_eq!((of("covar_pop", &[(1.0, 2.0)]), of("covar_samp", &[(1.0, 2.0)])), (Some(0.0), None));
}

#[test]
fn decimals_and_floats_of_one_value_give_the_same() {
    let decimal = Decimal128Array::from(vec![150i128, -275, 1000]).with_data_type(DEC.arrow());
    let float = Float64Array::from(vec![1.5, -2.75, 10.0]);
    let other = Int64Array::from(vec![3, 5, -7]);
    let of = |name: &str, y: ArrayRef, ty| {
        let mut acc = Aggregate::resolve(name, false, vec![ty, DataType::Int64], None).unwrap().accumulator();
        acc.resize(1);
        let args = [y, Arc::new(other.clone()) as ArrayRef];
        acc.update(&[0; 3], &Rows { args: &args, time: &[], positions: &[] }).unwrap();
        acc.finish(1).unwrap()
    };
    for form in
        catalog::ALL.iter().filter(|form| form.takes.len() == 2 && form.takes[0] == catalog::Takes::Number)
    {
        let exact = of(form.names[0], Arc::new(decimal.clone()), DEC);
        assert_eq!(&exact, &of(form.names[0], Arc::new(float.clone()), DataType::Float64), "{}", form.call);
    }
}
