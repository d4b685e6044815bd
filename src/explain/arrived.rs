//! The order in which events came to a streamed step.

use super::case::RowContext;
use crate::batch::{Position, StreamPlace, plain_strings};
use crate::engine::late::int64;
use crate::engine::{ArrivalNeed, Pass, tables};
use crate::error::Result;
use crate::plan::StepId;
use crate::rows::gather_partitions;
use std::collections::{HashMap, HashSet};

/// Rows that are looked at in one go.
const CUT: usize = 1 << 14;

impl RowContext<'_> {
    /// Where the events at these positions stood in the order in which `step` saw events.
    ///
    /// # Errors
    /// As of a run.
    pub fn places(&self, step: StepId, wanted: &HashSet<Position>) -> Result<HashMap<Position, StreamPlace>> {
        let plan = (self.again)()?.coming_to(step);
        let pass = Pass { plan: &plan, options: self.options, progress: self.progress };
        let mut read = tables::read_with_source(&pass, ArrivalNeed::Nothing)?;
        let mut found = HashMap::new();
        for partition in gather_partitions(read.rows.pop().unwrap_or_default()) {
            let ordered = partition.order()?;
            for from in (0..ordered.len()).step_by(CUT) {
                let to = ordered.len().min(from + CUT);
                let columns = ordered.columns(from, to);
                // The words of the places are the last columns of the store.
                let words = columns[columns.len() - StreamPlace::WORDS..].iter().map(plain_strings);
                let words: Vec<Vec<i64>> = words.map(|column| int64(&column)).collect();
                for (row, position) in ordered.positions(from, to).into_iter().enumerate() {
                    if wanted.contains(&position) {
                        let word = |word: usize| words[word][row];
                        found.insert(position, StreamPlace::from_words(std::array::from_fn(word)));
                    }
                }
            }
        }
        Ok(found)
    }
}
