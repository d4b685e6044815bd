//! Steps of `mode = "streamed"`: each event sees what had arrived before it, in the merged order of all logs.
//!
//! # Contract
//! * The merged order is that of [`Moment`](crate::batch::Moment). Each log has a watermark by its own keys; that of a step
//!   is the least of those of the logs before it and of its table, and never goes back.
//! * An event that looks forward waits until the watermark of the step passes its time and `within`. It goes on just
//!   after the record that moved the watermark, by (that time, position), and later steps see the watermark from before
//!   that move: timers fire before a watermark is passed on. After the last record of all logs, everything goes on.
//! * An event is behind the watermark where its time is before it; then it has the `late` item of its step alone.
//! * Windows are judged by the watermark of the last step, at the place to which the event has come.
//! * What an event takes depends on the rows of a table with their arrivals and on watermarks as functions of the merged
//!   order, and on no other event. So batches pass in any order, on all threads; only keys are put in order.
//!
//! ```text
//! tables ─▶ log_clock: clock and watermark of a log ─▶ timeline: watermark of a step ─▶ step_clocks: places of rows
//! source ─▶ record_times: read once before, where events wait
//! ```

mod log_clock;
pub mod places;
mod step_clocks;
mod timeline;
mod waiting;

pub use log_clock::LogClock;
pub use step_clocks::{ArrivingTable, StepClocks};
pub use waiting::WaitingEvents;
