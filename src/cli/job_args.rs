//! The arguments that commands share: the job, the range of time, how to use the machine.

use crate::engine::{MachineMemory, RunOptions};
use crate::job;
use crate::plan::Plan;
use crate::store;
use clap::{Args, ValueHint};
use serde::Serialize;
use std::path::PathBuf;

/// The job that a report is about, for programs.
#[derive(Debug, Serialize)]
pub struct JobId<'a> {
    pub name: &'a str,
    pub hash: &'a str,
}

impl<'a> JobId<'a> {
    /// That of `plan`.
    pub fn of(plan: &'a Plan) -> JobId<'a> {
        JobId { name: &plan.name, hash: &plan.hash }
    }
}

/// What `run`, `explain`, `audit` and `backfill` share.
#[derive(Debug, Args)]
pub struct JobArgs {
    /// The job file
    #[arg(value_hint = ValueHint::FilePath)]
    pub job: PathBuf,
    /// Skip events before this time (in the job's time zone, or with an offset)
    #[arg(long, value_name = "TIME")]
    from: Option<String>,
    /// Skip events at or after this time
    #[arg(long, value_name = "TIME")]
    to: Option<String>,
    #[command(flatten)]
    pub machine: MachineArgs,
}

/// How a command uses the machine.
#[derive(Debug, Args)]
pub struct MachineArgs {
    /// Number of worker threads [default: the job's, or one per core]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: Option<u16>,
    /// Memory limit for partial results, such as 512MB; above it they spill to disk [default: the
    /// job's, or half of the memory of the machine or its control group]
    #[arg(long, value_name = "SIZE", value_parser = bytes)]
    pub memory: Option<u64>,
    /// Size of a chunk of input text; does not change the results
    #[arg(long, value_name = "SIZE", value_parser = bytes, hide_short_help = true)]
    chunk_size: Option<u64>,
}

fn bytes(text: &str) -> std::result::Result<u64, String> {
    job::parse_bytes(text).ok_or_else(|| "a size such as 512MB or 4GB".to_string())
}

impl JobArgs {
    pub fn overrides(&self) -> job::Overrides {
        job::Overrides { from: self.from.clone(), to: self.to.clone(), ..self.machine.overrides() }
    }

    pub fn options(&self, plan: &Plan) -> RunOptions {
        self.machine.options(Some(plan))
    }
}

impl MachineArgs {
    pub fn overrides(&self) -> job::Overrides {
        let default = job::Overrides::default();
        job::Overrides {
            chunk_bytes: self.chunk_size.map_or(default.chunk_bytes, |n| n.clamp(1, 1 << 30) as usize),
            ..default
        }
    }

    /// What is said here, or else by the job, if there is one and it says. No tables go to the terminal.
    pub fn options(&self, plan: Option<&Plan>) -> RunOptions {
        let threads = self.threads.map(usize::from).or(plan.and_then(|plan| plan.threads));
        let memory = self.memory.or(plan.and_then(|plan| plan.memory));
        let memory = memory.unwrap_or_else(|| MachineMemory::find().budget());
        let remote = plan.is_some_and(|plan| plan.pipeline.read.files.iter().any(|f| f.opened.is_remote()));
        // What is fetched of stores before it is read is a part of the budget.
        let fetched = if remote { store::set_capacity(memory / 8) } else { 0 };
        RunOptions {
            threads: threads.unwrap_or_else(cores),
            memory: memory.saturating_sub(fetched),
            spill_folder: std::env::temp_dir(),
            table_rows: 0,
            refresh_lookups: false,
        }
    }
}

pub fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}
