//! Plan → what its outputs are made of: one pass over the events. It knows no transaction, and no command.
//!
//! ```text
//! files → chunks → batches → steps → windows → outputs
//!          input    front    worker   group     deliver
//!                                     rows
//! ```
//! Where an output is streamed, batches pass the watermark generator in arrival order on their way to the
//! steps, so that every row knows what the watermark was before it; what is late goes to the late output.
//!
//! # Contract
//! * Every worker takes chunks as they come, runs the steps on them, and folds them into partial
//!   groups and row stores of its own. Merging is exact, so neither the number of workers nor the
//!   size of chunks shows in a result.
//! * `read = rejected + filtered + duplicate + late + counted`, or the run is an error.

pub(crate) mod arrivals;
mod budget;
mod fold;
pub(crate) mod held;
pub(crate) mod intake;
pub(crate) mod lags;
pub(crate) mod late;
pub(crate) mod machine;
mod moves;
pub(crate) mod observed;
pub(crate) mod offsets;
mod options;
mod pass;
mod pipe;
mod read;
mod record_times;
pub(crate) mod rejected;
pub(crate) mod replay;
mod scope;
pub(crate) mod stage_log;
mod stages;
pub(crate) mod steps;
mod streams;
pub(crate) mod tables;
mod tally;
mod times;
pub(crate) mod watermark;
mod worker;

pub(crate) use arrivals::ArrivalNeed;
pub use budget::estimate;
pub use machine::MachineMemory;
pub use offsets::PartitionOffsets;
pub use options::RunOptions;
pub(crate) use pass::Pass;
pub(crate) use read::PassResult;
pub(crate) use scope::Scope;
pub(crate) use streams::{ArrivingTable, WaitingEvents};
pub use times::{Progress, SpentWork, StageTime, StageTimes, TimedStage};
