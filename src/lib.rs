//! Highwater: replays recorded events through event-time windows, over plain files.
pub mod aggregate;
pub mod batch;
pub mod cli;
pub mod engine;
pub mod error;
pub mod expr;
pub mod generate;
pub mod group;
pub mod input;
pub mod job;
pub mod rows;
pub mod sink;
pub mod time;
pub mod window;
