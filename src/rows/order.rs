//! Replay order of the rows of a partition: (event time, position).

/// Stably sorts `ids` by `times`, a microsecond instant for each, by radix; linear in the number of rows.
///
/// Instants in whole seconds or milliseconds, which is what most logs have, need fewer passes.
pub fn sort_by_time(ids: Vec<u32>, times: &[i64]) -> Vec<u32> {
    let Some((&least, &greatest)) = times.iter().min().zip(times.iter().max()) else { return ids };
    // Each unit has code of its own: to divide by what is known to the compiler is to multiply.
    if are_whole::<1_000_000>(times, least) {
        sort_in_units::<1_000_000>(ids, times, least, greatest)
    } else if are_whole::<1_000>(times, least) {
        sort_in_units::<1_000>(ids, times, least, greatest)
    } else {
        sort_in_units::<1>(ids, times, least, greatest)
    }
}

/// Whether `times` are a whole number of units behind the least.
fn are_whole<const UNIT: u64>(times: &[i64], least: i64) -> bool {
    times.iter().all(|t| (t.wrapping_sub(least) as u64).is_multiple_of(UNIT))
}

fn sort_in_units<const UNIT: u64>(ids: Vec<u32>, times: &[i64], least: i64, greatest: i64) -> Vec<u32> {
    // The distance may be more than an i64 holds, and as a u64 it is right.
    let units = |t: i64| t.wrapping_sub(least) as u64 / UNIT;
    let bits = u64::BITS - units(greatest).leading_zeros();
    // Times and numbers move together, so that a pass reads memory in order.
    let rows = ids.into_iter().zip(times);
    if bits <= 32 {
        let rows = rows.map(|(id, &t)| units(t) << 32 | u64::from(id)).collect();
        sorted(rows, bits, |row: u64| row >> 32).into_iter().map(|row| row as u32).collect()
    } else {
        let rows = rows.map(|(id, &t)| (units(t), id)).collect();
        sorted(rows, bits, |row: (u64, u32)| row.0).into_iter().map(|(_, id)| id).collect()
    }
}

/// An hour in seconds, or four seconds in milliseconds, takes one pass.
const DIGIT: u32 = 12;

/// Stably sorts `rows` by a key of so many bits.
fn sorted<R: Copy + Default>(mut rows: Vec<R>, bits: u32, key: impl Fn(R) -> u64) -> Vec<R> {
    let mut from = vec![R::default(); rows.len()];
    // Only passes for bits that the range has.
    for shift in (0..bits).step_by(DIGIT as usize) {
        std::mem::swap(&mut rows, &mut from);
        pass(&from, &mut rows, |row| (key(row) >> shift) as usize & ((1 << DIGIT) - 1));
    }
    rows
}

fn pass<R: Copy>(from: &[R], to: &mut [R], digit: impl Fn(R) -> usize) {
    // 4096 counters of 4 bytes fit a first-level cache; ids have 32 bits, so there are no more rows.
    let mut starts = vec![0u32; 1 << DIGIT];
    from.iter().for_each(|&row| starts[digit(row)] += 1);
    let mut sum = 0;
    for start in &mut starts {
        (*start, sum) = (sum, sum + *start);
    }
    // In the order of the pass before: that makes the sort stable.
    for &row in from {
        let at = &mut starts[digit(row)];
        to[*at as usize] = row;
        *at += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn it_is_a_stable_sort(times in proptest::collection::vec(
            prop_oneof![-5..5i64, (0..100i64).prop_map(|t| t * 1_000_000), -6_000_000_000_000_000..6_000_000_000_000_000i64], 0..60)) {
            let ids: Vec<u32> = (0..times.len() as u32).collect();
            let mut want = ids.clone();
            want.sort_by_key(|&id| times[id as usize]);
            prop_assert_eq!(sort_by_time(ids, &times), want);
        }
    }
}
