//! CSV.
pub(super) mod index;
pub(super) mod record;
mod simd;
