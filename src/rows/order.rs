//! Replay order of the rows of a partition: (event time, position).

/// Stably sorts `ids` by `key(id)`, a microsecond instant, by radix; linear in the number of rows.
///
/// Instants in whole seconds or milliseconds, which is what most logs have, need fewer passes.
pub fn sort_by_time(ids: Vec<u32>, times: &[i64]) -> Vec<u32> {
    let Some((&least, &greatest)) = times.iter().min().zip(times.iter().max()) else { return ids };
    let unit =
        [1_000_000, 1_000].into_iter().find(|u| times.iter().all(|t| (t - least) % u == 0)).unwrap_or(1);
    let range = ((greatest as i128 - least as i128) / unit as i128) as u64;
    let mut rows: Vec<(u64, u32)> =
        // Times and numbers move together, so that a pass reads memory in order.
        ids.into_iter().zip(times).map(|(id, &t)| (((t - least) / unit) as u64, id)).collect();
    let mut from = rows.clone();
    let bits = 64 - range.leading_zeros();
    let mut shift = 0;
    // Only passes for bits that the range has: a day in milliseconds takes three.
    while shift < bits {
        std::mem::swap(&mut rows, &mut from);
        pass(&from, &mut rows, shift);
        shift += DIGIT;
    }
    rows.into_iter().map(|(_, id)| id).collect()
}

const DIGIT: u32 = 11;

fn pass(from: &[(u64, u32)], to: &mut [(u64, u32)], shift: u32) {
    let digit = |key: u64| (key >> shift) as usize & ((1 << DIGIT) - 1);
    // 2048 counters of 8 bytes fit a first-level cache.
    let mut starts = vec![0usize; 1 << DIGIT];
    from.iter().for_each(|row| starts[digit(row.0)] += 1);
    let mut sum = 0;
    for start in &mut starts {
        (*start, sum) = (sum, sum + *start);
    }
    // In the order of the pass before: that makes the sort stable.
    for row in from {
        let at = &mut starts[digit(row.0)];
        to[*at] = *row;
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
