//! The plan: a job resolved against its data. Typed, immutable, and free of TOML.

use super::identity::Identities;
use crate::asof::{AsOfPlan, Reach};
use crate::batch::{DataType, Field, Schema};
use crate::error::{Error, Result};
use crate::expr::Expr;
use crate::group::GroupPlan;
use crate::input::infer::Inferred;
use crate::input::{Inputs, ReadPlan};
use crate::lookup::ServicePlan;
use crate::pg::TableAddress;
use crate::rows::PartitionPart;
use crate::sink::{Format, Named};
use crate::time::Zone;
use arrow_array::ArrayRef;
use std::path::PathBuf;

/// A job, ready to run.
#[derive(Debug)]
pub struct Plan {
    /// The job's name.
    pub name: String,
    /// A hash of everything that decides the result, beside the data: of `identities`.
    pub hash: String,
    /// What decides the rows of each output, beside the data.
    pub identities: Identities,
    /// The job's time zone.
    pub zone: Zone,
    /// Worker threads, if the job says.
    pub threads: Option<usize>,
    /// The memory budget in bytes, if the job says.
    pub memory: Option<u64>,
    /// Event times wanted, `[from, to)`, in microseconds. Where an output is streamed, events outside
    /// still move the watermark: then `read` leaves none of them out.
    pub range: (i64, i64),
    /// What is read.
    pub read: ReadPlan,
    /// The files of the source and of tables, as they were first seen: what is read again is the same.
    pub inputs: Inputs,
    /// What there is to tell of those files, a sentence each: what is left out, what may not be whole.
    pub notes: Vec<String>,
    /// What the sample of the files showed.
    pub inferred: Inferred,
    /// The columns of a batch after all steps: those that are read, then those that are derived.
    pub rows: Schema,
    /// The steps, in order.
    pub steps: Vec<Step>,
    /// Of a log that tells offsets its columns of them. Then the first step drops the records that were read
    /// already, and is of no account where no offset comes twice.
    pub offsets: Option<OffsetColumns>,
    /// The tables that steps look into, each once for every set of keys that it is asked by.
    pub tables: Vec<TablePlan>,
    /// The services that steps ask.
    pub services: Vec<ServicePlan>,
    /// Where the answers of services are recorded, if any is asked.
    pub answers: Option<PathBuf>,
    /// What is grouped; outputs that group alike share one.
    pub groupings: Vec<Grouping>,
    /// The outputs, in the job's order.
    pub outputs: Vec<OutputPlan>,
    /// The outputs that are published to tables of servers, in their order.
    pub publications: Vec<Publication>,
    /// The pages that show outputs, in their order.
    pub pages: Vec<PagePlan>,
    /// All places that commits of the job may touch, also those that it does not write in its mode.
    pub named: Named,
    /// Where rejected records are written.
    pub rejects: Option<PathBuf>,
    /// How the watermark follows the events; the default where no output is streamed, unless the command
    /// line asks for `streamed`.
    pub watermark: WatermarkPlan,
    /// Where late events go, if the job says and an output of it is streamed.
    pub late: Option<LatePlan>,
}

impl Plan {
    /// The numbers of the outputs at the path `only`, or of all where there is none.
    ///
    /// # Errors
    /// A job error: no output has that path.
    pub fn chosen(&self, only: Option<&str>) -> Result<Vec<usize>> {
        let Some(only) = only else { return Ok((0..self.outputs.len()).collect()) };
        let paths: Vec<String> = self.outputs.iter().map(|output| output.to.to_string()).collect();
        outputs_at(&paths.iter().map(String::as_str).collect::<Vec<_>>(), only)
    }
}

/// The numbers of the outputs at the path `only`, of the outputs at `paths`.
///
/// # Errors
/// A job error: there is none.
pub(super) fn outputs_at(paths: &[&str], only: &str) -> Result<Vec<usize>> {
    let bare = |path: &str| path.trim_end_matches('/').to_string();
    let found: Vec<usize> = (0..paths.len()).filter(|&i| bare(paths[i]) == bare(only)).collect();
    if !found.is_empty() {
        return Ok(found);
    }
    let error = Error::job(format!("the job has no output `{only}`"));
    Err(error.nearest_or("its outputs are", only, paths.iter().copied()))
}

/// Which events count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Mode {
    /// All of them, however late they came.
    #[default]
    Complete,
    /// Those that a live job would have counted; the others are late.
    Streamed,
}

/// The watermark: the greatest event time so far, in arrival order, less the out-of-orderness.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct WatermarkPlan {
    /// How far event times are taken to be out of order, microseconds.
    pub out_of_orderness: i64,
    /// What splits the log; the watermark is then the least of those of the partitions.
    pub partition: Option<LogPartition>,
    /// After how many microseconds without an event, by arrival time, a partition no longer counts.
    pub idle: Option<i64>,
}

/// What splits a log into partitions, each with a watermark of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogPartition {
    /// Each file is one.
    File,
    /// The values of this column of the batch.
    Column(usize),
    /// The topics and partitions of Kafka, in these columns of the batch.
    Topics {
        /// The topic.
        topic: usize,
        /// The number of the partition.
        partition: usize,
    },
}

impl LogPartition {
    /// The columns of the batch whose values tell partitions apart.
    pub fn columns(self) -> Vec<usize> {
        match self {
            LogPartition::File => vec![],
            LogPartition::Column(column) => vec![column],
            LogPartition::Topics { topic, partition } => vec![topic, partition],
        }
    }
}

/// Columns of the batch that tell where a record stands in Kafka.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OffsetColumns {
    /// The topic, if the log tells it.
    pub topic: Option<usize>,
    /// The number of the partition.
    pub partition: usize,
    /// The offset.
    pub offset: usize,
}

/// The output of late events: the columns of the source, what they missed, and by how much.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LatePlan {
    /// The file.
    pub path: PathBuf,
    /// JSON Lines or Parquet.
    pub format: Format,
    /// Columns of the batch, with the names and types that they have in the file. Where the event time
    /// is read by a unit or format of its own, its column is here a copy as it stands in the log, so
    /// that the same job can read the file.
    pub columns: Vec<(usize, Field)>,
}

/// One step on a batch.
#[derive(Debug, Clone)]
pub enum Step {
    /// Keeps the rows for which the expression is true; not those where it is false or NULL.
    Filter(Expr),
    /// Appends a column.
    Derive(String, Expr),
    /// Keeps the first row of each key in replay order, and each that comes more than `within` after the
    /// one of its key that was kept last.
    Dedup {
        /// The key columns.
        keys: Vec<usize>,
        /// Microseconds; any time without.
        within: Option<i64>,
    },
    /// Appends a bool column: whether the row is the first of its key in replay order.
    First {
        /// The key columns.
        keys: Vec<usize>,
        /// The column's name.
        name: String,
    },
    /// Appends columns, taken from elsewhere.
    Enrich(EnrichPlan),
}

impl Step {
    /// The key columns of a step that depends on order.
    pub fn keys(&self) -> Option<&[usize]> {
        match self {
            Step::Dedup { keys, .. } | Step::First { keys, .. } => Some(keys),
            Step::Filter(_) | Step::Derive(..) | Step::Enrich(_) => None,
        }
    }
}

/// Columns that events take from tables and services.
#[derive(Debug, Clone)]
pub struct EnrichPlan {
    /// What is looked into first, for words: a table's name, a path or a URL.
    pub from: String,
    /// The columns that are appended, in order.
    pub take: Vec<Field>,
    /// What is tried in turn, until a row has a match; without one the columns are NULL.
    pub tries: Vec<Try>,
}

/// One try of an enrichment.
#[derive(Debug, Clone)]
pub enum Try {
    /// The row of a table as of the event's time.
    AsOf {
        /// Number in [`Plan::tables`].
        table: usize,
        /// The columns of the batch that are matched with the table's keys.
        on: Vec<usize>,
        /// Which rows may match.
        reach: Reach,
        /// Per column that is appended, its number in [`AsOfPlan::columns`].
        take: Vec<usize>,
    },
    /// The answer of a service: number in [`Plan::services`], whose columns are those that are appended.
    Service(usize),
    /// These values, one array of one value per column: every row has this match.
    Constant(Vec<ArrayRef>),
}

/// A table: events of another log, or rows without a time, by key.
#[derive(Debug)]
pub struct TablePlan {
    /// Its name in the job file, or the path of a lookup's file.
    pub name: String,
    /// What is read. Rows of a table without a time have [`crate::time::TimeRule::Untimed`].
    pub read: ReadPlan,
    /// What the sample of its files showed.
    pub inferred: Inferred,
    /// The columns of a batch after the steps.
    pub rows: Schema,
    /// Its filter and derived columns.
    pub steps: Vec<Step>,
    /// Which columns are its keys, and which are taken.
    pub index: AsOfPlan,
    /// Where its rejected records are written.
    pub rejects: Option<PathBuf>,
}

/// A grouping, with the names of its keys.
#[derive(Debug)]
pub struct Grouping {
    /// What is grouped.
    pub plan: GroupPlan,
    /// The names of the key columns.
    pub keys: Vec<String>,
}

impl Grouping {
    /// What expressions over its groups see, in the order of their numbers: the bounds of the window, keys, firing,
    /// aggregates. All of these have a number in every grouping, also where there is no window and no firing to name.
    /// Expressions of [`Post::having`] see the columns of the output before these.
    pub fn frame(&self) -> Vec<PlannedColumn> {
        let mut frame = vec![PlannedColumn::WindowStart, PlannedColumn::WindowEnd];
        frame.extend((0..self.keys.len()).map(PlannedColumn::Key));
        frame.push(PlannedColumn::Firing);
        frame.extend((0..self.plan.aggregates.len()).map(PlannedColumn::Value));
        frame
    }
}

/// Where an output goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OutputTo {
    /// A folder, of partitions or of one part.
    Folder(PathBuf),
    /// One file.
    File(PathBuf),
    /// A table on the terminal.
    Terminal,
}

impl std::fmt::Display for OutputTo {
    /// The path, as the job has it.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            OutputTo::Folder(path) | OutputTo::File(path) => path.display().fmt(f),
            OutputTo::Terminal => f.write_str("-"),
        }
    }
}

/// One output.
#[derive(Debug)]
pub struct OutputPlan {
    /// Where it goes.
    pub to: OutputTo,
    /// Its format; of no account on the terminal.
    pub format: Format,
    /// What it holds.
    pub kind: OutputKind,
    /// All of its columns, those that name partitions among them.
    pub columns: Schema,
    /// The folders that a row goes to, from the outermost.
    pub partition_by: Vec<PartitionPart>,
    /// Whether what its groups are made of is kept beside them, so that late events are merged into it and
    /// history is not read. Of grouped outputs alone.
    pub state: bool,
}

impl OutputPlan {
    /// The columns that are written to its files: those that name partitions stand in the path alone.
    pub fn written(&self) -> Vec<usize> {
        (0..self.columns.fields.len())
            .filter(|&i| !self.partition_by.contains(&PartitionPart::Column(i)))
            .collect()
    }

    /// The columns that name partitions.
    pub fn partition_columns(&self) -> impl Iterator<Item = usize> {
        self.partition_by.iter().filter_map(|part| match part {
            PartitionPart::Column(column) => Some(*column),
            _ => None,
        })
    }

    /// The schema of its files.
    pub fn file_schema(&self) -> Schema {
        Schema::new(self.written().into_iter().map(|i| self.columns.fields[i].clone()).collect())
    }
}

/// An output that is published: what its folder holds goes to a table of a server too.
#[derive(Debug)]
pub struct Publication {
    /// Number in [`Plan::outputs`], of a folder of Parquet with groups.
    pub output: usize,
    /// The table.
    pub address: TableAddress,
    /// The columns of the output that tell its rows apart: the start of the window, its end where windows start
    /// together, the keys, the firing.
    pub key: Vec<usize>,
}

/// A page: a report of outputs that are in place, written after them. It decides nothing of the result, so the hash
/// of a plan does not know of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PagePlan {
    /// The file.
    pub path: PathBuf,
    /// Its title, if it is not the job's name.
    pub title: Option<String>,
    /// Numbers in [`Plan::outputs`], of outputs that are files or folders.
    pub of: Vec<usize>,
}

/// What an output holds.
#[derive(Debug)]
pub enum OutputKind {
    /// The events themselves, in replay order; per column of the output, its column in the batch.
    Rows(Vec<usize>),
    /// The records of the source as they are read, before any step, in replay order: all columns of the
    /// source, by their numbers in the batch. The output's columns are these, then [`archive_fields`].
    Archive(Vec<usize>),
    /// The groups of `groupings[grouping]`.
    Groups {
        /// Which grouping.
        grouping: usize,
        /// What happens to its groups.
        post: Box<Post>,
    },
}

/// From groups to rows of an output.
#[derive(Debug)]
pub struct Post {
    /// Per column of the output, where it comes from.
    pub columns: Vec<PlannedColumn>,
    /// Keeps the groups for which it is true.
    pub having: Option<Expr>,
    /// Keeps the first groups of each window.
    pub top: Option<Top>,
}

impl Post {
    /// What the expressions of the output read, each column as often as it is read.
    pub fn read(&self, grouping: &Grouping) -> Vec<PlannedColumn> {
        let frame = grouping.frame();
        let computed = self.columns.iter().filter_map(|column| match column {
            PlannedColumn::Computed(expr) => Some(expr),
            _ => None,
        });
        let mut read: Vec<PlannedColumn> =
            computed.flat_map(|expr| expr.inputs().iter().map(|&number| frame[number].clone())).collect();
        let of_having = |number: usize| match self.columns.get(number) {
            Some(column) => column.clone(),
            None => frame[number - self.columns.len()].clone(),
        };
        read.extend(
            self.having.iter().flat_map(|expr| expr.inputs().iter().map(|&number| of_having(number))),
        );
        read
    }
}

/// Where a column of a grouped output comes from.
#[derive(Debug, Clone)]
pub enum PlannedColumn {
    /// The first instant of the window.
    WindowStart,
    /// The first instant after the window.
    WindowEnd,
    /// A key column.
    Key(usize),
    /// The number of the firing of the window and keys, from 1.
    Firing,
    /// An aggregate.
    Value(usize),
    /// An expression over keys and aggregates.
    Computed(Box<Expr>),
}

impl PlannedColumn {
    /// Whether it says which group a row is of: a bound of the window, or a key.
    pub fn names_group(&self) -> bool {
        matches!(self, PlannedColumn::WindowStart | PlannedColumn::WindowEnd | PlannedColumn::Key(_))
    }
}

/// The first `n` groups of each window by some columns of the output; ties by key.
#[derive(Debug)]
pub struct Top {
    /// How many.
    pub n: usize,
    /// Columns of the output, and whether descending.
    pub by: Vec<(usize, bool)>,
}

/// The columns that an archive ends with: the file that a record is from, and its place in it
/// ([`crate::batch::Position::place`]).
pub fn archive_fields() -> [Field; 2] {
    [Field::new("_file", DataType::String), Field::new("_place", DataType::Int64)]
}

/// The columns that a windowed output begins with.
pub fn window_fields() -> [Field; 2] {
    [Field::new("window_start", DataType::Timestamp), Field::new("window_end", DataType::Timestamp)]
}
