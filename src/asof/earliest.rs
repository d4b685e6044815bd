//! Which rows had arrived by a moment, with the nearest one found in the logarithm of their number.

/// When a row arrived: the arrival clock, and its position in its log.
pub type RowArrival = (i64, u64);

/// Rows under one entry of the next level.
const FAN: usize = 32;

/// When rows arrived, and above every 32 of them the earliest, and so on up.
#[derive(Debug)]
pub struct ArrivalIndex {
    levels: Vec<Vec<RowArrival>>,
}

impl ArrivalIndex {
    /// The index of rows that arrived so.
    pub fn new(rows: Vec<RowArrival>) -> ArrivalIndex {
        let mut levels = vec![rows];
        while let Some(below) = levels.last().filter(|below| below.len() > FAN) {
            let least = |rows: &[RowArrival]| rows.iter().min().copied().unwrap_or((i64::MAX, u64::MAX));
            let above = below.chunks(FAN).map(least).collect();
            levels.push(above);
        }
        ArrivalIndex { levels }
    }

    /// Whether `row` arrived at `bound` or before.
    #[inline]
    pub fn has_arrived(&self, row: u32, bound: RowArrival) -> bool {
        self.levels[0][row as usize] <= bound
    }

    /// The last row at or before `row` that arrived at `bound` or before.
    pub fn last_up_to(&self, row: u32, bound: RowArrival) -> Option<u32> {
        let mut end = row as usize + 1;
        for (level, arrivals) in self.levels.iter().enumerate() {
            // Up to here only whole blocks of the level below are left, and each is one entry of this level.
            let start = (end - 1) / FAN * FAN;
            if let Some(found) = (start..end).rev().find(|&at| arrivals[at] <= bound) {
                let down = |at: usize, below: &Vec<RowArrival>| {
                    let last = below.len().min((at + 1) * FAN);
                    (at * FAN..last).rev().find(|&at| below[at] <= bound).expect("the earliest of a block")
                };
                return Some(self.levels[..level].iter().rev().fold(found, down) as u32);
            }
            end = start / FAN;
            if end == 0 {
                return None;
            }
        }
        None
    }

    /// The first row at or after `row` that arrived at `bound` or before.
    pub fn first_from(&self, row: u32, bound: RowArrival) -> Option<u32> {
        let mut from = row as usize;
        for (level, arrivals) in self.levels.iter().enumerate() {
            if from >= arrivals.len() {
                return None;
            }
            let end = arrivals.len().min((from / FAN + 1) * FAN);
            if let Some(found) = (from..end).find(|&at| arrivals[at] <= bound) {
                let down = |at: usize, below: &Vec<RowArrival>| {
                    let last = below.len().min((at + 1) * FAN);
                    (at * FAN..last).find(|&at| below[at] <= bound).expect("the earliest of a block")
                };
                return Some(self.levels[..level].iter().rev().fold(found, down) as u32);
            }
            from = from / FAN + 1;
        }
        None
    }

    /// Bytes of memory held.
    pub fn bytes(&self) -> usize {
        self.levels.iter().map(|level| level.len() * size_of::<RowArrival>()).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_row_that_arrived_is_found_over_long_runs() {
        for len in [1, 31, 32, 33, 1_024, 1_025, 40_000u64] {
            // Arrivals go up and down, so that each bound leaves gaps of many lengths.
            let arrivals: Vec<RowArrival> = (0..len).map(|i| ((i * 7_919 % 1_000) as i64, i)).collect();
            let index = ArrivalIndex::new(arrivals.clone());
            for bound in [(-1, 0), (0, u64::MAX), (3, 10), (999, u64::MAX)] {
                for row in (0..len as u32).filter(|i| i % 61 == 0 || u64::from(i + 2) > len) {
                    let come = |i: &u32| arrivals[*i as usize] <= bound;
                    let last = (0..=row).rev().find(come);
                    let first = (row..len as u32).find(come);
                    assert_eq!(
                        (
                            index.has_arrived(row, bound),
                            index.last_up_to(row, bound),
                            index.first_from(row, bound)
                        ),
                        (come(&row), last, first),
                        "{len} {bound:?} {row}"
                    );
                }
            }
        }
    }
}
