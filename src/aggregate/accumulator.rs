//! What every aggregate is to those that fold: partial states, one a group.

use super::codec::StateReader;
use crate::batch::Position;
use crate::error::{Error, Result};
use arrow_array::ArrayRef;
use std::any::Any;
use std::path::Path;

/// About the most bytes of one piece of an encoded state.
pub(super) const PIECE: usize = 256 << 10;

/// The rows that an accumulator folds in one call.
pub struct Rows<'a> {
    /// The arguments, each an array with an entry per row.
    pub args: &'a [ArrayRef],
    /// Event times.
    pub time: &'a [i64],
    /// Positions; empty where no aggregate needs them.
    pub positions: &'a [Position],
}

/// The partial states of one aggregate, one per slot (group). All methods may be called in any order
/// and any number of times; see the contract of [`super`] for what merging promises.
pub trait Accumulator: Send + Sync {
    /// Makes room for slots below `slots`; new ones are empty.
    fn resize(&mut self, slots: usize);

    /// Folds row `i` into slot `slots[i]`.
    ///
    /// # Errors
    /// A data error on overflow.
    fn update(&mut self, slots: &[u32], rows: &Rows) -> Result<()>;

    /// Merges slot `theirs` of `other`, an accumulator of the same aggregate, into slot `mine`, for
    /// each pair `(mine, theirs)`.
    ///
    /// # Errors
    /// A data error on overflow.
    fn merge(&mut self, pairs: &[(u32, u32)], other: &dyn Accumulator) -> Result<()>;

    /// Appends the state of `slot` to `out`; of a state that grows without bound the first piece, of at
    /// most about 256 KiB. Of other aggregates but `first`, `last`, `arg_min`, `arg_max` and `string_agg`, whose
    /// rows have positions, it is a function of the set of values alone: whatever was folded and merged in which order, equal
    /// values have equal bytes.
    fn encode(&self, slot: u32, out: &mut Vec<u8>);

    /// Calls `write` with each further piece of the state of `slot`, if it has more than the first. Each
    /// piece is an encoded state; merged together, in any order, they are the whole.
    ///
    /// # Errors
    /// What `write` returns.
    fn encode_rest(
        &self,
        _slot: u32,
        _write: &mut dyn FnMut(&[u8]) -> std::io::Result<()>,
    ) -> std::io::Result<()> {
        Ok(())
    }

    /// Moves values to temporary files in `folder` if more than about `bytes` of memory are held, where a
    /// state grows without bound. From then on the accumulator may be updated, merged into and finished,
    /// but not encoded or merged into another.
    ///
    /// # Errors
    /// A machine error when the disk fails.
    fn bound(&mut self, _bytes: usize, _folder: &Path) -> Result<()> {
        Ok(())
    }

    /// Merges one encoded state, or a piece of one, into `slot`.
    ///
    /// # Errors
    /// A data error on overflow.
    fn merge_encoded(&mut self, slot: u32, state: &mut StateReader) -> Result<()>;

    /// The results of slots `0..slots`, as an array of the aggregate's type.
    ///
    /// # Errors
    /// A data error where a result does not fit its type; a machine error of the files of
    /// [`Accumulator::bound`].
    fn finish(&self, slots: usize) -> Result<ArrayRef>;

    /// Bytes of memory held.
    fn bytes(&self) -> usize;

    /// For [`Accumulator::merge`]: the concrete accumulator.
    fn as_any(&self) -> &dyn Any;
}

/// `other` as the concrete type `A`.
pub(super) fn same<A: 'static>(other: &dyn Accumulator) -> &A {
    other.as_any().downcast_ref().expect("accumulators of one aggregate have one type")
}

pub(super) fn overflow(what: &str) -> Error {
    Error::data(format!("the {what} of a group does not fit 128 bits"))
        .hint("the values are too large to be added exactly; declare the column as float64 if an approximation will do")
}
