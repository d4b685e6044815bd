//! The plan: a job resolved against its data.
//!
//! # Contract
//! * It knows no TOML and no command. What is read, the steps, the groupings and the outputs name each other by number.
//! * No other file assigns to its fields once it is made: what runs another way than the job says runs a variant of the
//!   plan, and each kind of variant is a method ([`variants`]).

mod expressions;
mod identities;
mod ids;
mod outputs;
mod steps;
mod streamed;
pub mod variants;
mod watermark;

pub use identities::Identities;
pub use ids::{GroupingId, OutputId, PerId, StepId, TableId};
pub(crate) use outputs::outputs_at;
pub use outputs::{
    GroupPlaces, Grouping, LatePlan, OutputKind, OutputPlan, OutputTo, PagePlan, PlannedColumn, Post,
    Publication, Top, archive_fields, window_fields,
};
pub use steps::{EnrichPlan, OffsetColumns, Step, TablePlan, Try};
pub use streamed::expiry;
pub use watermark::{LogPartition, MicroBatch, Mode, WatermarkPlan, WatermarkRule};

use crate::batch::{ColumnId, Schema};
use crate::error::{Error, Result};
use crate::input::infer::Inferred;
use crate::input::{Inputs, ReadPlan};
use crate::lookup::ServicePlan;
use crate::sink::NamedPaths;
use crate::time::{TimeRange, Zone};
use std::path::PathBuf;

/// A job, ready to run: what is computed, and where it goes.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The job's name.
    pub name: String,
    /// A hash of everything that decides the result, beside the data: of the identities of its outputs.
    pub hash: String,
    /// The job's time zone.
    pub zone: Zone,
    /// Worker threads, if the job says.
    pub threads: Option<usize>,
    /// The memory budget in bytes, if the job says.
    pub memory: Option<u64>,
    /// The files of the source and of tables, as they were first seen: what is read again is the same.
    pub inputs: Inputs,
    /// Notes on those files, a sentence each: what is left out, what may not be whole.
    pub notes: Vec<String>,
    /// What the sample of the files showed.
    pub inferred: Inferred,
    /// What is computed.
    pub pipeline: Pipeline,
    /// Where it goes.
    pub deliveries: Deliveries,
}

/// What is computed: from the records of the source to groups.
#[derive(Debug, Clone)]
pub struct Pipeline {
    /// Event times wanted. Where an output is streamed, events outside still move the watermark: then `read`
    /// leaves none of them out.
    pub range: TimeRange,
    /// What is read.
    pub read: ReadPlan,
    /// The columns of a batch after all steps: those that are read, then those that are derived.
    pub rows: Schema,
    /// The steps, in order.
    pub steps: Vec<Step>,
    /// How many of them, the first ones, are not in the job file: the log asks for them.
    pub log_steps: usize,
    /// Of a log with offsets its columns of them. Then the first step drops the records that were read
    /// already, and is ignored where each offset comes once.
    pub offsets: Option<OffsetColumns>,
    /// The tables that steps look into, each once for every set of keys that it is asked by.
    pub tables: Vec<TablePlan>,
    /// The services that steps ask.
    pub services: Vec<ServicePlan>,
    /// Where the answers of services are recorded, if any is asked.
    pub answers: Option<PathBuf>,
    /// What is grouped; outputs that group alike share one.
    pub groupings: Vec<Grouping>,
    /// How the watermark follows the events; the default where no output is streamed, unless the command
    /// line asks for `streamed`.
    pub watermark: WatermarkPlan,
    /// Whether outputs of events keep where each event stood in the order of arrival, behind their columns: to be looked
    /// at, and not written.
    pub keep_places: bool,
    /// Of the state of streamed steps at an instant: what arrives after it is not seen.
    pub until: Option<i64>,
    /// Whether steps that depend on order see what had arrived, in arrival order; `complete` where there are none. Of a
    /// job with outputs of both modes `streamed`: [`Plan::for_complete_outputs`] has the other one.
    pub step_mode: Mode,
    /// Whether statements name files by absolute paths: an engine in another process has another current folder.
    pub absolute_paths: bool,
}

/// Where the results go.
#[derive(Debug, Clone)]
pub struct Deliveries {
    /// What decides the rows of each output, beside the data.
    pub identities: Identities,
    /// The outputs, in the job's order.
    pub outputs: Vec<OutputPlan>,
    /// Where late events go, if the job says and an output of it is streamed.
    pub late: Option<LatePlan>,
    /// Where rejected records are written.
    pub rejects: Option<PathBuf>,
    /// The outputs that are published to tables of servers, in their order.
    pub publications: Vec<Publication>,
    /// The pages that show outputs, in their order.
    pub pages: Vec<PagePlan>,
    /// All places that commits of the job may touch, also those that it does not write in its mode.
    pub named: NamedPaths,
}

impl Plan {
    /// The numbers of the outputs at the path `only`, or of all where there is none.
    ///
    /// # Errors
    /// A job error: no output has that path.
    pub fn chosen(&self, only: Option<&str>) -> Result<Vec<OutputId>> {
        let Some(only) = only else { return Ok(self.deliveries.ids().collect()) };
        let paths: Vec<String> = self.deliveries.outputs.iter().map(|output| output.to.to_string()).collect();
        outputs_at(&paths.iter().map(String::as_str).collect::<Vec<_>>(), only)
    }

    /// As [`Plan::chosen`], with the late output where it is at that path, or where there is no path.
    ///
    /// # Errors
    /// As of [`Plan::chosen`].
    pub fn chosen_or_late(&self, only: Option<&str>) -> Result<ChosenResults<'_>> {
        let late = self.deliveries.late.as_ref();
        let late = late.filter(|late| only.is_none_or(|only| late.path.as_os_str() == only));
        let outputs = match (late, only) {
            (Some(_), Some(_)) => vec![],
            _ => self.chosen(only)?,
        };
        Ok(ChosenResults { outputs, late })
    }
}

/// Results of a plan that are chosen by their path.
#[derive(Debug)]
pub struct ChosenResults<'a> {
    /// The outputs.
    pub outputs: Vec<OutputId>,
    /// The late output.
    pub late: Option<&'a LatePlan>,
}

impl Deliveries {
    /// The ids of all outputs, in order.
    pub fn ids(&self) -> impl Iterator<Item = OutputId> + use<> {
        (0..self.outputs.len()).map(OutputId::new)
    }

    /// All outputs with their ids, in order.
    pub fn with_ids(&self) -> impl Iterator<Item = (OutputId, &OutputPlan)> {
        self.ids().zip(&self.outputs)
    }
}

impl Pipeline {
    /// The ids of all steps, in order.
    pub fn step_ids(&self) -> impl Iterator<Item = StepId> + use<> {
        (0..self.steps.len()).map(StepId::new)
    }

    /// The ids of all tables, in order.
    pub fn table_ids(&self) -> impl Iterator<Item = TableId> + use<> {
        (0..self.tables.len()).map(TableId::new)
    }

    /// The ids of all groupings, in order.
    pub fn grouping_ids(&self) -> impl Iterator<Item = GroupingId> + use<> {
        (0..self.groupings.len()).map(GroupingId::new)
    }

    /// How many columns a batch has before `step`.
    pub fn width(&self, step: StepId) -> usize {
        // Steps only append columns, so a column keeps its number from its step on.
        self.read.columns.len() + self.steps[..step.place()].iter().map(Step::appended).sum::<usize>()
    }

    /// Of a change log its keys, and whether it is in the order of arrivals.
    pub fn latest(&self) -> Option<(&[ColumnId], bool)> {
        self.steps.iter().find_map(|step| match step {
            Step::Latest { keys, by_arrival } => Some((&keys[..], *by_arrival)),
            _ => None,
        })
    }

    /// Fails where the source is a change log, of which `what` would mean something else.
    ///
    /// # Errors
    /// A job error that says what.
    pub fn no_change_log(&self, what: &str) -> Result<()> {
        if self.latest().is_none() {
            return Ok(());
        }
        Err(Error::job(format!("the source is a change log (`changelog`), of which {what}"))
            .hint("take `changelog` away to look at its records one by one"))
    }

    /// The columns of the batch that `step` reads.
    pub fn reads(&self, step: &Step) -> Vec<ColumnId> {
        match step {
            Step::Filter(expr) | Step::Derive(_, expr) => {
                expr.inputs().iter().copied().map(ColumnId::new).collect()
            }
            Step::Dedup { keys, .. } | Step::Latest { keys, .. } | Step::First { keys, .. } => keys.clone(),
            Step::Enrich(enrich) => {
                let read = |t: &Try| match t {
                    Try::AsOf { on, .. } => on.clone(),
                    Try::Service(service) => self.services[*service].columns.clone(),
                    Try::Constant(_) => vec![],
                };
                // A column may be listed twice: callers only ask which ones are there.
                enrich.tries.iter().flat_map(read).collect()
            }
        }
    }
}
