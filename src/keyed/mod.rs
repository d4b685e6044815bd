//! What depends on the order of a key's events: who came first, and who came again.
//!
//! # Contract
//! * A key is a tuple of columns, known by a hash of 128 bits: two keys of a billion have the same with a
//!   chance of 10⁻²¹.
//! * Keys compare as SQL's GROUP BY has it: NULL is a value like others, −0 is 0, and every NaN is one.

mod hash;

pub use hash::{KeyHashes, hash_keys};
