//! Results compared with those of others, and why they differ.

pub mod compare;
pub mod raw;
pub mod referee;
pub mod server;
pub mod wide;
