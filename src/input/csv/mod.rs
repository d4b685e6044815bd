//! CSV: what a record is, where its fields are, and what their values are.

mod cells;
mod columns;
mod decode;
pub(super) mod index;
mod layout;
pub(super) mod names;
mod numbers;
pub(super) mod record;
mod simd;
mod spelled;
mod table;
#[cfg(test)]
mod tests;

pub(super) use cells::{MAX_INLINE, view};
pub(super) use decode::CsvDecoder;
pub(super) use layout::{CsvLayout, missing};
