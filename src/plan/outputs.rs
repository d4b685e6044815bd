//! What is grouped, what outputs hold, and where they go.

use super::Mode;
use super::ids::{GroupingId, OutputId};
use crate::batch::{ColumnId, DataType, Field, Schema};
use crate::error::{Error, Result};
use crate::expr::Expr;
use crate::group::GroupPlan;
use crate::pg::TableAddress;
use crate::rows::PartitionPart;
use crate::sink::{OutputFormat, Target};
use crate::table::TableKind;
use crate::window::Window;
use serde::{Serialize, Serializer};
use std::path::PathBuf;

/// The output of late events: the columns of the source, what they missed, and by how much.
#[derive(Clone, PartialEq, Eq)]
pub struct LatePlan {
    /// The file, or the folder of the table.
    pub path: PathBuf,
    /// What it is as a table, where it is one.
    pub table: Option<TableKind>,
    /// JSON Lines or Parquet.
    pub format: OutputFormat,
    /// Columns of the batch, with the names and types that they have in the file. Where the event time
    /// is read by a unit or format of its own, its column is here a copy as it stands in the log, so
    /// that the same job can read the file.
    pub columns: Vec<(ColumnId, Field)>,
}

impl std::fmt::Debug for LatePlan {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // As of an output, older manifests have a hash of this text.
        let LatePlan { path, table, format, columns } = self;
        let mut text = f.debug_struct("LatePlan");
        text.field("path", path).field("format", format).field("columns", columns);
        if table.is_some() {
            text.field("table", table);
        }
        text.finish()
    }
}

impl LatePlan {
    /// Where it goes.
    pub fn to(&self) -> OutputTo {
        match &self.table {
            Some(kind) => OutputTo::Table(self.path.clone(), kind.clone()),
            None => OutputTo::File(self.path.clone()),
        }
    }

    /// The same, as a commit has it.
    pub fn target(&self) -> Target {
        match &self.table {
            Some(kind) => Target::table(&self.path, kind.clone()),
            None => Target::file(&self.path),
        }
    }
}

/// A grouping, with the names of its keys.
#[derive(Debug, Clone)]
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
    /// A table of other engines, in a folder.
    Table(PathBuf, TableKind),
    /// A table on the terminal.
    Terminal,
}

impl std::fmt::Display for OutputTo {
    /// The path, as the job has it.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            OutputTo::Folder(path) | OutputTo::File(path) | OutputTo::Table(path, _) => path.display().fmt(f),
            OutputTo::Terminal => f.write_str("-"),
        }
    }
}

impl Serialize for OutputTo {
    /// As [`Display`](std::fmt::Display) has it.
    fn serialize<S: Serializer>(&self, to: S) -> std::result::Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

/// One output.
#[derive(Clone)]
pub struct OutputPlan {
    /// Where it goes.
    pub to: OutputTo,
    /// Its format; of no account on the terminal.
    pub format: OutputFormat,
    /// What it holds.
    pub kind: OutputKind,
    /// All of its columns, those that name partitions among them.
    pub columns: Schema,
    /// The folders that a row goes to, from the outermost.
    pub partition_by: Vec<PartitionPart>,
    /// Whether what its groups are made of is kept beside them, so that late events are merged into it and
    /// history is not read. Of grouped outputs alone.
    pub state: bool,
    /// Whether it has the windows alone that the watermark has closed at the end of the log.
    pub closed: bool,
    /// Which events its steps see; none of an archive, which has records before any step.
    pub mode: Option<Mode>,
}

impl std::fmt::Debug for OutputPlan {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Manifests of older versions have a hash of this text (`job::identity`), so a further field is in it only where
        // it says something.
        let OutputPlan { to, format, kind, columns, partition_by, state, closed, mode: _ } = self;
        let mut text = f.debug_struct("OutputPlan");
        text.field("to", to).field("format", format).field("kind", kind).field("columns", columns);
        text.field("partition_by", partition_by).field("state", state);
        if *closed {
            text.field("closed", closed);
        }
        text.finish()
    }
}

impl OutputPlan {
    /// The number of its grouping; none of events.
    pub fn grouping(&self) -> Option<GroupingId> {
        match self.kind {
            OutputKind::Groups { grouping, .. } => Some(grouping),
            OutputKind::Rows(_) | OutputKind::Archive(_) => None,
        }
    }

    /// Where its files have what says which group a row is of; `None` of an output that is not one of groups.
    pub fn group_places(&self, grouping: &Grouping) -> Option<GroupPlaces> {
        let OutputKind::Groups { post, .. } = &self.kind else { return None };
        let written = self.written();
        let at = |is: &dyn Fn(&PlannedColumn) -> bool| written.iter().position(|&c| is(&post.columns[c]));
        let key = |k: usize| at(&|column| matches!(column, PlannedColumn::Key(key) if *key == k));
        Some(GroupPlaces {
            start: at(&|column| matches!(column, PlannedColumn::WindowStart)),
            end: at(&|column| matches!(column, PlannedColumn::WindowEnd)),
            keys: (0..grouping.keys.len()).map(key).collect(),
        })
    }

    /// Whether its files and their paths tell of each row which group it is.
    pub fn tells_groups(&self, grouping: &Grouping) -> bool {
        let OutputKind::Groups { post, .. } = &self.kind else { return false };
        let Some(places) = self.group_places(grouping) else { return false };
        let bounds = match grouping.plan.window {
            Window::Global => true,
            // The start and the length of such a window say its end, and the other way round.
            Window::Tumbling { .. } | Window::Hopping { .. } => places.start.or(places.end).is_some(),
            Window::Cumulative { .. } | Window::Session { .. } => places.start.and(places.end).is_some(),
        };
        let in_path = |k: usize| {
            self.partition_columns().any(|c| matches!(post.columns[c], PlannedColumn::Key(key) if key == k))
        };
        bounds && places.keys.iter().enumerate().all(|(k, place)| place.is_some() || in_path(k))
    }

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

/// Where the files of an output of groups have what says which group a row is of: numbers of columns of the files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupPlaces {
    /// The start of the window.
    pub start: Option<usize>,
    /// The end of the window.
    pub end: Option<usize>,
    /// The keys, in their order.
    pub keys: Vec<Option<usize>>,
}

/// An output that is published: what its folder holds goes to a table of a server too.
#[derive(Debug, Clone)]
pub struct Publication {
    /// A folder of Parquet with groups.
    pub output: OutputId,
    /// The table.
    pub address: TableAddress,
    /// The columns of the output that tell its rows apart: the start of the window, its end where windows start
    /// together, the keys, the firing.
    pub key: Vec<usize>,
    /// The zone of local times in a table that exists, where the job declares it.
    pub zone: Option<String>,
}

/// A page: a report of outputs that are in place, written after them. It decides nothing of the result, so the hash
/// of a plan does not know of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PagePlan {
    /// The file.
    pub path: PathBuf,
    /// Its title, if it is not the job's name.
    pub title: Option<String>,
    /// Outputs that are files or folders.
    pub of: Vec<OutputId>,
}

/// What an output holds.
#[derive(Debug, Clone)]
pub enum OutputKind {
    /// The events themselves, in replay order; per column of the output, its column in the batch.
    Rows(Vec<ColumnId>),
    /// The records of the source as they are read, before any step, in replay order: all columns of the
    /// source, by their numbers in the batch. The output's columns are these, then [`archive_fields`].
    Archive(Vec<ColumnId>),
    /// The groups of a grouping.
    Groups {
        /// Which grouping.
        grouping: GroupingId,
        /// What happens to its groups.
        post: Box<Post>,
    },
}

/// From groups to rows of an output.
#[derive(Debug, Clone)]
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
        // Expressions of `having` count the columns of the output first.
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
#[derive(Debug, Clone)]
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

/// The numbers of the outputs at the path `only`, of the outputs at `paths`.
///
/// # Errors
/// A job error: there is none.
pub(crate) fn outputs_at(paths: &[&str], only: &str) -> Result<Vec<OutputId>> {
    // A shell completes a folder with a slash at the end, which the path in the job can lack.
    let bare = |path: &str| path.trim_end_matches('/').to_string();
    let found = (0..paths.len()).filter(|&i| bare(paths[i]) == bare(only));
    let found: Vec<OutputId> = found.map(OutputId::new).collect();
    if !found.is_empty() {
        return Ok(found);
    }
    let error = Error::job(format!("the job has no output `{only}`"));
    Err(error.nearest_or("its outputs are", only, paths.iter().copied()))
}
