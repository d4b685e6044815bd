//! What a live job of this job file would hold at an instant: open windows, the keys of steps, rows of tables.
//!
//! # Contract
//! * The state at T is what a run over the events up to and including T holds at its end, every event
//!   counted however late it came: an event exactly at T counts, and a window that ends at T is closed.
//! * **window**: of each output the windows that end after T (a session's end is its last event + gap;
//!   `global` never ends) and that have events, with the output's columns as of now. `having` and `top`
//!   are not applied: they are for windows that are done.
//! * **dedup**: the row of each key that stayed last, while T is at most `within` after it; always without
//!   `within`. **first**: the first event of each key.
//! * **table**: the last row at or before T of each key of a table that is looked into backward or nearest,
//!   at most the widest `within` old; with `fill` each column's last value. A table without a time is no
//!   state: its rows hold always.
//! * An answer of a service is no state, and services are not asked, unless something later depends on
//!   what they say: then they are asked as `run` asks them.
//! * Who read what does not show. Entries are sorted by kind, name, window and key.

mod state;
mod typed;
mod waiting;
mod written;

use crate::engine::held::{HeldKeys, joined};

pub use state::{HeldState, StateKind, StateSection};

use crate::asof::{AsOfTable, Direction};
use crate::batch::plain_strings;
use crate::batch::{ColumnId, DataType, Field, Moment};
use crate::deliver::shape::output_rows;
use crate::deliver::{input_entries, target};
use crate::engine::arrivals::ArrivalNeed;
use crate::engine::{ArrivingTable, Pass, Progress, RunOptions, tables};
use crate::error::Result;
use crate::group::Merged;
use crate::lookup::Services;
use crate::plan::{GroupingId, OutputKind, OutputPlan, OutputTo, Plan, PlannedColumn, Step, TableId, Try};
use crate::process::pool;
use crate::sink::{OutputFormat, Transaction};
use crate::time::{TimeRange, TimeRule};
use crate::window::Window;
use arrow_array::{ArrayRef, BooleanArray};
use arrow_select::filter::filter;
use state::{chosen, number_names};
use std::path::Path;
use std::sync::Arc;

/// Where a state is written to.
#[derive(Debug, Clone, Copy)]
pub struct StatePath<'a> {
    /// The file, or the folder.
    pub path: &'a Path,
    /// The format of the files in a folder; of a file its name says it.
    pub format: OutputFormat,
}

/// The state of `plan`, which was made with every output complete and no range, at the instant `at`. Of it
/// the entries whose key has each of the `wanted` columns with its value, as a terminal shows it. With
/// `output`, it is written to that file too.
///
/// # Errors
/// As for a run; a job error where no key has a wanted column, or where `output` is one of the job's.
pub fn inspect(
    plan: Plan,
    at: i64,
    wanted: &[(String, String)],
    output: Option<StatePath>,
    options: &RunOptions,
    progress: &dyn Progress,
) -> Result<HeldState> {
    plan.pipeline.no_change_log(
        "the state at an event time is not known: its records are ordered as they were written",
    )?;
    let output = output.map(|to| written::file(&plan, to.path, to.format)).transpose()?;
    // The output is locked before hours of work, not after.
    let transaction =
        output.as_ref().and_then(|o| target(&o.to)).map(|t| Transaction::begin(&[t])).transpose()?;
    let plan = plan.of_state(at, |plan, table| reach(plan, table).is_some());
    let pass = Pass { plan: &plan, options, progress };
    pool(options.threads)?.install(|| {
        let mut tables = tables::read(&pass)?;
        let mut sections = vec![];
        for (id, table) in tables.tables.with_ids() {
            let arriving = tables.arriving.get(id).and_then(Option::as_ref);
            sections.extend(of_table(&plan, id, (table, arriving), at)?);
        }
        let sources = tables.sources(&pass)?;
        let mut read = pass.read(ArrivalNeed::State(at), &sources)?;
        let inputs = read.inputs();
        sources.services.map(Services::finish).transpose()?;
        progress.writing();
        // What was read twice by offset is no state of a live job.
        let held =
            read.held.into_iter().filter(|held| held.step.place() > 0 || plan.pipeline.offsets.is_none());
        sections.extend(held.map(|held| held.section(&plan)));
        sections.extend(waiting::sections(&plan, read.waiting));
        for (g, (groups, space)) in read.groups.into_with_ids() {
            let merged = Merged::new(Arc::new(plan.pipeline.groupings[g].plan.clone()), groups, space)?;
            // A streamed window is held until the watermark has passed its end and the allowed lateness.
            let lateness = plan.pipeline.groupings[g].plan.lateness.as_ref().map_or(0, |l| l.allowed);
            let closed = read.watermark.map_or(at, |watermark| watermark.saturating_sub(lateness));
            sections.extend(windows(&plan, g, merged, closed)?);
        }
        sections.sort_by(|a, b| (a.kind, &a.name).cmp(&(b.kind, &b.name)));
        number_names(&mut sections);
        let sections = chosen(sections, wanted, &plan.zone)?;
        let spilled = read.spilled || tables.spilled;
        let state = HeldState { at, account: read.tally.account(), sections, spilled };
        if let (Some(transaction), Some(output)) = (transaction, &output) {
            written::write(&state, &plan, output, transaction, input_entries(&inputs, &tables))?;
        }
        Ok(state)
    })
}

/// How far back rows of a table are held: the widest `within` of the steps that look back into it. `None`
/// where none does, or where its rows have no time.
fn reach(plan: &Plan, id: TableId) -> Option<Option<i64>> {
    if plan.pipeline.tables[id].read.time.rule == TimeRule::Untimed {
        return None;
    }
    let tries = plan.pipeline.steps.iter().flat_map(|step| match step {
        Step::Enrich(enrich) => &enrich.tries[..],
        _ => &[],
    });
    let back = tries.filter_map(|t| match t {
        // A forward match waits for later rows and does not look back.
        Try::AsOf { table, reach, .. } if *table == id && reach.direction != Direction::Forward => {
            Some(reach.within)
        }
        _ => None,
    });
    // Without `within` any age is in reach.
    back.reduce(|a, b| a.zip(b).map(|(a, b)| a.max(b)))
}

fn of_table(
    plan: &Plan,
    id: TableId,
    (table, arriving): (&AsOfTable, Option<&ArrivingTable>),
    at: i64,
) -> Result<Option<StateSection>> {
    let Some(within) = reach(plan, id) else { return Ok(None) };
    let of = &plan.pipeline.tables[id];
    let held = match arriving {
        // What had arrived by then, whatever its time.
        Some(arriving) => arriving.table.held_by(&of.index, &Moment::end(at)),
        None => table.held_at(at, within)?,
    };
    let fields = |columns: &[(ColumnId, DataType)]| -> Vec<Field> {
        columns.iter().map(|(c, _)| of.rows.fields[*c].clone()).collect()
    };
    Ok(Some(StateSection {
        kind: StateKind::Table,
        name: of.name.clone(),
        rows: held.times.len(),
        times: held.times,
        by_arrival: false,
        spans: vec![],
        keys: (fields(&of.index.keys), held.keys),
        values: (fields(&of.index.columns), held.columns),
    }))
}

/// Some open windows of an output.
struct OpenWindows {
    spans: Vec<TimeRange>,
    keys: Vec<ArrayRef>,
    values: Vec<ArrayRef>,
}

/// The windows of the outputs of grouping `g` that end after `at`.
fn windows(plan: &Plan, g: GroupingId, merged: Merged, at: i64) -> Result<Vec<StateSection>> {
    let grouping = &plan.pipeline.groupings[g];
    let outputs: Vec<(&OutputPlan, _)> = plan
        .deliveries
        .outputs
        .iter()
        .filter_map(|output| match &output.kind {
            OutputKind::Groups { grouping, post } if *grouping == g => Some((output, post)),
            _ => None,
        })
        .collect();
    let is_value =
        |column: &PlannedColumn| matches!(column, PlannedColumn::Value(_) | PlannedColumn::Computed(_));
    let mut open: Vec<Vec<OpenWindows>> = outputs.iter().map(|_| vec![]).collect();
    merged.drive(
        |block| {
            // A window fires when the watermark reaches its end, so one that ends here is closed.
            let is_open: BooleanArray = block.spans.iter().map(|span| Some(span.end > at)).collect();
            // In a long log most windows are closed: their expressions are not computed.
            if is_open.true_count() == 0 {
                return Ok(vec![]);
            }
            let of = |column: &ArrayRef| plain_strings(&filter(column, &is_open).expect("a mask as long"));
            let spans: Vec<TimeRange> = is_open.values().set_indices().map(|i| block.spans[i]).collect();
            let keys: Vec<ArrayRef> = block.keys.iter().map(of).collect();
            let open = outputs.iter().map(|(_, post)| {
                let rows = output_rows(grouping, post, &block)?;
                let values = post.columns.iter().zip(&rows.columns).filter(|(column, _)| is_value(column));
                let values = values.map(|(_, column)| of(column)).collect();
                Ok(OpenWindows { spans: spans.clone(), keys: keys.clone(), values })
            });
            open.collect::<Result<Vec<_>>>()
        },
        |found| {
            open.iter_mut().zip(found).for_each(|(open, found)| open.push(found));
            Ok(())
        },
    )?;
    let sections = outputs.iter().zip(open).map(|((output, post), open)| {
        let key = |(name, (_, ty)): (&String, &(ColumnId, DataType))| Field::new(name.clone(), *ty);
        let keys: Vec<Field> = grouping.keys.iter().zip(&grouping.plan.keys).map(key).collect();
        let values = post.columns.iter().zip(&output.columns.fields).filter(|(column, _)| is_value(column));
        let values: Vec<Field> = values.map(|(_, field)| field.clone()).collect();
        let all = |fields: &[Field], of: fn(&OpenWindows) -> &[ArrayRef]| -> Vec<ArrayRef> {
            let column =
                |(c, field): (usize, &Field)| joined(&field.ty.arrow(), open.iter().map(|o| &of(o)[c]));
            fields.iter().enumerate().map(column).collect()
        };
        let spans: Vec<TimeRange> = open.iter().flat_map(|open| &open.spans).copied().collect();
        StateSection {
            kind: StateKind::Window,
            name: match &output.to {
                OutputTo::Folder(path) | OutputTo::File(path) | OutputTo::Table(path, _) => {
                    path.display().to_string()
                }
                OutputTo::Terminal => "-".into(),
            },
            rows: spans.len(),
            times: vec![],
            by_arrival: false,
            spans: if grouping.plan.window == Window::Global { vec![] } else { spans },
            keys: (keys.clone(), all(&keys, |open| &open.keys)),
            values: (values.clone(), all(&values, |open| &open.values)),
        }
    });
    Ok(sections.collect())
}

impl HeldKeys {
    fn section(self, plan: &Plan) -> StateSection {
        let step = &plan.pipeline.steps[self.step];
        let keys = step.keys().expect("a step of keys").iter();
        let fields: Vec<Field> = keys.map(|&c| plan.pipeline.rows.fields[c].clone()).collect();
        let names: Vec<&str> = fields.iter().map(|field| field.name.as_str()).collect();
        let kind = if let Step::Dedup { .. } = step { StateKind::Dedup } else { StateKind::First };
        StateSection {
            kind,
            name: format!("{}({})", kind.name(), names.join(", ")),
            rows: self.times.len(),
            times: self.times,
            by_arrival: plan.pipeline.is_by_arrival(self.step),
            spans: vec![],
            keys: (fields, self.keys),
            values: (vec![], vec![]),
        }
    }
}
