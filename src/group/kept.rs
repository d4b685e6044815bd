//! What groups are made of, kept in columns: encoded states out of groups, and groups out of encoded states.
//!
//! # Contract
//! A state is kept as text, two hex digits a byte, so that it is a column like any other. Of the aggregates that
//! an output may keep it is a function of the events alone, and merging kept states is merging the events.

use super::plan::GroupPlan;
use super::states::{States, accumulators, results};
use crate::aggregate::StateReader;
use crate::error::{Error, Result};
use arrow_array::builder::StringViewBuilder;
use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef};
use std::sync::Arc;

/// Groups that are put together of kept states.
pub struct KeptGroups {
    states: States,
    rows: usize,
}

impl KeptGroups {
    /// So many groups without an event.
    pub fn new(plan: &GroupPlan, rows: usize) -> KeptGroups {
        let mut states = accumulators(plan);
        states.iter_mut().for_each(|state| state.resize(rows));
        KeptGroups { states, rows }
    }

    /// Merges kept states into the groups: for each pair of a group and a row, those in that row of `columns`, one
    /// for each aggregate.
    ///
    /// # Errors
    /// A data error on overflow; a machine error where a text is no state.
    pub fn merge(
        &mut self,
        columns: &[ArrayRef],
        pairs: impl Iterator<Item = (u32, u32)> + Clone,
    ) -> Result<()> {
        let mut bytes = vec![];
        for (state, column) in self.states.iter_mut().zip(columns) {
            let texts = column.as_string_view_opt().ok_or_else(no_state)?;
            for (group, row) in pairs.clone() {
                // Each group has a state, also one that met only NULLs, so a NULL here is a fault of the
                // file.
                if texts.is_null(row as usize) {
                    return Err(no_state());
                }
                from_hex(texts.value(row as usize), &mut bytes).ok_or_else(no_state)?;
                let mut reader = StateReader::of_kept(&bytes);
                let merged = state.merge_encoded(group, &mut reader);
                // A state that was cut is named as such, whatever its zeros led to.
                if reader.is_short() {
                    return Err(no_state());
                }
                merged?;
                // Bytes that are left over are of another version's state, and a part of it would give a
                // wrong result.
                if !reader.is_empty() {
                    return Err(no_state());
                }
            }
        }
        Ok(())
    }

    /// The result of each aggregate.
    ///
    /// # Errors
    /// A data error where a result does not fit its type.
    pub fn values(&self) -> Result<Vec<ArrayRef>> {
        results(&self.states, self.rows)
    }

    /// The states, a column for each aggregate.
    pub fn states(&self) -> Vec<ArrayRef> {
        kept(&self.states, self.rows)
    }
}

/// The states of the first `rows` slots, a column for each aggregate.
pub fn kept(states: &States, rows: usize) -> Vec<ArrayRef> {
    let (mut bytes, mut text) = (vec![], String::new());
    let mut columns = vec![];
    for state in states {
        let mut column = StringViewBuilder::with_capacity(rows);
        for slot in 0..rows as u32 {
            bytes.clear();
            // The first piece is the whole state: a plan keeps the states of such functions only.
            state.encode(slot, &mut bytes);
            to_hex(&bytes, &mut text);
            column.append_value(&text);
        }
        columns.push(Arc::new(column.finish()) as ArrayRef);
    }
    columns
}

fn no_state() -> Error {
    Error::machine("a stored state cannot be read")
        .hint("another version of highwater wrote it: run the job again")
}

const DIGITS: &[u8; 16] = b"0123456789abcdef";

fn to_hex(bytes: &[u8], text: &mut String) {
    text.clear();
    for byte in bytes {
        text.push(DIGITS[usize::from(byte >> 4)].into());
        text.push(DIGITS[usize::from(byte & 15)].into());
    }
}

fn from_hex(text: &str, bytes: &mut Vec<u8>) -> Option<()> {
    let digit = |digit: u8| match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    };
    bytes.clear();
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    for [high, low] in pairs {
        bytes.push(digit(*high)? << 4 | digit(*low)?);
    }
    rest.is_empty().then_some(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aggregate::Aggregate;
    use crate::batch::{ColumnId, DataType};
    use crate::error::Kind;
    use crate::time::Zone;
    use crate::window::Window;
    use arrow_array::StringViewArray;

    #[test]
    fn a_state_that_was_cut_is_an_error() {
        let sum = Aggregate::resolve("sum", false, vec![DataType::Int64], None).unwrap();
        let plan = GroupPlan {
            window: Window::Global,
            zone: Zone::utc(),
            keys: vec![],
            aggregates: vec![(sum, vec![ColumnId::new(0)])],
            whole_windows: false,
            lateness: None,
            firings: false,
            audited: false,
            keep_states: true,
        };
        let merge = |text: &str| {
            let column: ArrayRef = Arc::new(StringViewArray::from(vec![text]));
            KeptGroups::new(&plan, 1).merge(&[column], [(0, 0)].into_iter())
        };
        merge(&"00".repeat(16)).unwrap();
        for text in ["", "0102", &"00".repeat(15), &"00".repeat(17)] {
            assert_eq!(merge(text).unwrap_err().kind(), Kind::Machine, "{text}");
        }
    }

    #[test]
    fn hex_is_read_as_it_was_written() {
        let bytes: Vec<u8> = (0..=255).collect();
        let (mut text, mut back) = (String::new(), vec![1, 2]);
        to_hex(&bytes, &mut text);
        assert_eq!(from_hex(&text, &mut back), Some(()));
        assert_eq!(back, bytes);
        for wrong in ["0", "0g", "0A", "é0"] {
            assert_eq!(from_hex(wrong, &mut back), None, "{wrong}");
        }
    }
}
