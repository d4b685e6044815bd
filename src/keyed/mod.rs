//! What depends on the order of a key's events: who came first, and who came again.
//!
//! # Contract
//! * A key is a tuple of columns, known by a hash of 128 bits: two keys of a billion have the same with a
//!   chance of 10⁻²¹.
//! * A step sees the rows of a key in replay order: (event time, position). A streamed step sees them in arrival order:
//!   by their places in the merged order of all logs.
//! * Workers note only key, time and position of each row, under the number that the worker gave it; what
//!   comes back is a set of such numbers. How rows fall to workers, and whether keys were spilled, does
//!   not show.
//! * Keys compare as SQL's GROUP BY has it: NULL is a value like others, −0 is 0, and every NaN is one.

mod bits;
mod hash;
mod log;
mod resolve;
#[cfg(test)]
mod tests;

pub use bits::RowBits;
pub use hash::{KeyHashes, hash_keys};
pub use log::KeyLog;
pub use resolve::{KeyedRows, resolve};
