//! Which offsets of a log of Kafka were read: what is missing, and what came twice.
//!
//! # Contract
//! Every record that is read is noted once, whatever becomes of it, and so is every tombstone. What is told
//! depends on the records alone, not on who read them in which order.

use crate::batch::{Batch, ColumnId};
use crate::input::wire_format::LogPlace;
use crate::plan::OffsetColumns;
use arrow_array::Array;
use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use hashbrown::HashMap;
use serde::Serialize;

/// The offsets of one partition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PartitionOffsets {
    /// The topic, if the log tells it.
    pub topic: Option<String>,
    /// The number of the partition.
    pub partition: i64,
    /// The least offset that was read.
    pub first: i64,
    /// The greatest.
    pub last: i64,
    /// How many records had an offset that was read already.
    pub repeated: u64,
    /// How many offsets between the first and the last were not read.
    pub missing: u64,
    /// The first of the gaps that they make, each with its first and last offset.
    pub gaps: Vec<(i64, i64)>,
}

impl PartitionOffsets {
    /// The name of the partition, as Kafka has it.
    pub fn name(&self) -> String {
        match &self.topic {
            Some(topic) => format!("{topic}-{}", self.partition),
            None => format!("partition {}", self.partition),
        }
    }
}

/// The gaps that are told of a partition.
const MOST_GAPS: usize = 10;

/// Offsets of a block: one bit each.
const BLOCK: i64 = 4096;

/// The most blocks that are kept, 512 bytes each; past them nothing is known.
const MOST_BLOCKS: usize = 1 << 19;

type OffsetBits = [u64; BLOCK as usize / 64];

/// The offsets that were read so far.
pub struct Offsets {
    columns: OffsetColumns,
    partitions: Vec<OffsetSet>,
    /// Their numbers by topic and partition; where no topic is told, it is empty.
    numbers: HashMap<String, HashMap<i64, usize>>,
    blocks: usize,
    /// Set where a record does not say its offset, or there are too many blocks.
    blind: bool,
}

#[derive(Default)]
struct OffsetSet {
    topic: Option<String>,
    partition: i64,
    repeated: u64,
    blocks: Vec<(i64, Box<OffsetBits>)>,
    by_number: HashMap<i64, usize>,
    /// The block that was met last.
    last: Option<(i64, usize)>,
}

impl Offsets {
    /// Nothing was read yet.
    pub fn new(columns: OffsetColumns) -> Offsets {
        Offsets { columns, partitions: vec![], numbers: HashMap::new(), blocks: 0, blind: false }
    }

    /// Whether an offset came twice, or may have.
    pub fn repeat(&self) -> bool {
        self.blind || self.partitions.iter().any(|partition| partition.repeated > 0)
    }

    /// Notes the rows of a batch.
    pub fn note(&mut self, batch: &Batch) {
        let OffsetColumns { topic, partition, offset } = self.columns;
        let topics = topic.map(|column| batch.columns[column].as_string_view_opt());
        let numbers = |column: ColumnId| batch.columns[column].as_primitive_opt::<Int64Type>();
        // Without offsets nothing is proved about repeats, so `repeat` then answers yes.
        let (Some(partitions), Some(offsets)) = (numbers(partition), numbers(offset)) else {
            self.blind = true;
            return;
        };
        if topics == Some(None) || partitions.null_count() + offsets.null_count() > 0 {
            self.blind = true;
            return;
        }
        let topics = topics.flatten();
        let mut last: Option<(&str, i64, usize)> = None;
        for (row, (&partition, &offset)) in partitions.values().iter().zip(offsets.values()).enumerate() {
            if self.blind {
                return;
            }
            let topic = topics.map_or("", |topics| topics.value(row));
            let number = match last {
                Some((of, known, number)) if known == partition && of == topic => number,
                _ => self.number(topic, partition),
            };
            last = Some((topic, partition, number));
            self.set(number, offset);
        }
    }

    /// Notes records that gave no rows.
    pub fn passed(&mut self, places: &[LogPlace]) {
        for LogPlace { topic, partition, offset } in places {
            let number = self.number(topic.as_deref().unwrap_or(""), *partition);
            self.set(number, *offset);
        }
    }

    fn number(&mut self, topic: &str, partition: i64) -> usize {
        if let Some(&number) = self.numbers.get(topic).and_then(|known| known.get(&partition)) {
            return number;
        }
        let number = self.partitions.len();
        self.numbers.entry(topic.to_string()).or_default().insert(partition, number);
        let topic = self.columns.topic.map(|_| topic.to_string());
        self.partitions.push(OffsetSet { topic, partition, ..OffsetSet::default() });
        number
    }

    #[inline]
    fn set(&mut self, number: usize, offset: i64) {
        let partition = &mut self.partitions[number];
        // The Euclidean remainder is a valid bit for negative offsets too.
        let (block, bit) = (offset.div_euclid(BLOCK), offset.rem_euclid(BLOCK) as usize);
        let index = match partition.last {
            Some((known, index)) if known == block => index,
            _ => {
                let next = partition.blocks.len();
                let index = *partition.by_number.entry(block).or_insert(next);
                if index == next {
                    partition.blocks.push((block, Box::new([0; BLOCK as usize / 64])));
                    self.blocks += 1;
                    // Offsets that lie far apart would fill the memory with blocks of one bit.
                    self.blind |= self.blocks > MOST_BLOCKS;
                }
                partition.last = Some((block, index));
                index
            }
        };
        let word = &mut partition.blocks[index].1[bit / 64];
        let mask = 1u64 << (bit % 64);
        partition.repeated += u64::from(*word & mask != 0);
        *word |= mask;
    }

    /// What was read of each partition, by topic and partition; nothing where it is not known.
    pub fn report(mut self) -> Vec<PartitionOffsets> {
        if self.blind {
            return vec![];
        }
        // Workers meet partitions in any order, and the report must not show it.
        self.partitions.sort_by(|a, b| (&a.topic, a.partition).cmp(&(&b.topic, b.partition)));
        self.partitions.into_iter().filter_map(OffsetSet::report).collect()
    }
}

impl OffsetSet {
    fn report(mut self) -> Option<PartitionOffsets> {
        self.blocks.sort_unstable_by_key(|(number, _)| *number);
        let (mut first, mut next) = (None, 0i64);
        let (mut missing, mut gaps) = (0u64, vec![]);
        for (number, block) in &self.blocks {
            for (i, &word) in block.iter().enumerate() {
                let start = number * BLOCK + i as i64 * 64;
                let mut left = word;
                // Runs of ones.
                while left != 0 {
                    let at = left.trailing_zeros();
                    let ones = (left >> at).trailing_ones();
                    let from = start + i64::from(at);
                    if first.is_none() {
                        (first, next) = (Some(from), from);
                    }
                    if from > next {
                        missing += (from - next) as u64;
                        if gaps.len() < MOST_GAPS {
                            gaps.push((next, from - 1));
                        }
                    }
                    next = from + i64::from(ones);
                    // A shift by 64 bits would overflow.
                    left = if at + ones >= 64 { 0 } else { left >> (at + ones) << (at + ones) };
                }
            }
        }
        let OffsetSet { topic, partition, repeated, .. } = self;
        Some(PartitionOffsets { topic, partition, first: first?, last: next - 1, repeated, missing, gaps })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    fn noted(offsets: &[i64]) -> Offsets {
        let mut all = Offsets::new(OffsetColumns {
            topic: Some(ColumnId::new(0)),
            partition: ColumnId::new(1),
            offset: ColumnId::new(2),
        });
        let place = |&offset: &i64| LogPlace { topic: Some("t".into()), partition: 3, offset };
        all.passed(&offsets.iter().map(place).collect::<Vec<_>>());
        all
    }

    proptest! {
        #[test]
        fn what_is_told_is_what_a_set_tells(
            offsets in prop::collection::vec(prop_oneof![0i64..300, 4000i64..4200, Just(1i64 << 40), -5i64..5], 1..400),
        ) {
            let set: BTreeSet<i64> = offsets.iter().copied().collect();
            let all = noted(&offsets);
            prop_assert_eq!(all.repeat(), set.len() < offsets.len());
            let report = &all.report()[0];
            let sorted: Vec<i64> = set.iter().copied().collect();
            let gaps: Vec<(i64, i64)> =
                sorted.windows(2).filter(|w| w[1] > w[0] + 1).map(|w| (w[0] + 1, w[1] - 1)).collect();
            prop_assert_eq!(report.missing, gaps.iter().map(|(a, b)| (b - a + 1) as u64).sum::<u64>());
            prop_assert_eq!(&report.gaps[..], &gaps[..gaps.len().min(MOST_GAPS)]);
            prop_assert_eq!((report.first, report.last), (sorted[0], sorted[sorted.len() - 1]));
            prop_assert_eq!(report.repeated, (offsets.len() - set.len()) as u64);
        }
    }
}
