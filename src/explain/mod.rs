//! Why a row of an output is what it is: the events that made it, and those of its key and window that did not.
//!
//! # Contract
//! * The row is what a run writes, or would write but for `having` and `top`.
//! * Counted and left out together are all events of the source, however late, whose key and time are those of the row;
//!   a key that later steps compute is what they compute. Records that could not be read have neither: of them those are
//!   told whose text names all of the keys.
//! * An event that more than one step would leave out is left out by the first. What steps leave out is found by runs
//!   without them, one for each step, so it is true of any order of them.
//! * An event is late where the watermark before it had passed the end of the window and its allowed lateness; of
//!   sessions, where no session took it. Of a live job, sessions of one key may lie over one another: a late event may open
//!   one that joins the next.

mod arrived;
mod case;
mod late;
mod outcome;
mod row;
mod trace;

use crate::batch::{ColumnId, DataType, Field, Position, Schema};
use crate::engine::{ArrivalNeed, Pass, Progress, RunOptions, tables};
use crate::error::{Error, Result};
use crate::group::{GroupPlan, Merged};
use crate::input::StoredReject;
use crate::input::value::parse_decimal;
use crate::job::parse_time;
use crate::plan::{Grouping, GroupingId, OutputId, OutputKind, OutputPlan, Plan, Post, Step, StepId};
use crate::process::pool;
use crate::sink::value::{TimeText, decimal_text};
use crate::time::{TimeRange, Zone};
use crate::window::Window;
use case::{RowContext, take_rows};
use late::Lates;
pub use outcome::{Cause, LeftOutEvent, RowExplained, RowFate, RowRequest};
use row::{Computed, RowQuery, empty_window, rows_of_block, used};
use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;
use trace::{Events, events, narrow, with_lines};
pub use trace::{GroupOf, Traced, TracedRow, trace};

/// Explains a row; `again` makes the plan of the job.
///
/// # Errors
/// As of a run; an output, column or value that there is not.
pub fn explain_row(
    request: &RowRequest,
    options: &RunOptions,
    progress: &dyn Progress,
    again: &(dyn Fn() -> Result<Plan> + Sync),
) -> Result<RowExplained> {
    let plan = again()?;
    let index = chosen(&plan, request)?;
    // Each row is explained by the steps that made it.
    let (plan, again) = (plan.with_steps_of(index), || Ok(again()?.with_steps_of(index)));
    let again: &(dyn Fn() -> Result<Plan> + Sync) = &again;
    pool(options.threads)?.install(|| {
        let case = RowContext { request, options, progress, again, index };
        let output = &plan.deliveries.outputs[index];
        if output.closed {
            return Err(Error::job(format!(
                "{} has `emit = \"closed\"`, whose rows are not explained yet",
                output.to
            ))
            .hint("leave out `emit` to see the row of a window that is open"));
        }
        match &output.kind {
            OutputKind::Groups { grouping, post } => case.of_groups(&plan, *grouping, post),
            OutputKind::Rows(columns) => case.of_events(&plan, columns),
            OutputKind::Archive(_) => Err(Error::job("an archive contains every record as it is read")
                .hint("name another output: --output PATH")),
        }
    })
}

/// The columns of an output that name a row of it.
fn row_keys(plan: &Plan, output: &OutputPlan) -> Vec<String> {
    match &output.kind {
        OutputKind::Groups { grouping, .. } => {
            let Grouping { plan, keys } = &plan.pipeline.groupings[*grouping];
            let bounds =
                if plan.window == Window::Global { &[][..] } else { &["window_start", "window_end"] };
            bounds.iter().map(|name| name.to_string()).chain(keys.iter().cloned()).collect()
        }
        _ => output.columns.names().map(str::to_string).collect(),
    }
}

/// The output that is asked for, by number.
fn chosen(plan: &Plan, request: &RowRequest) -> Result<OutputId> {
    let of = plan.chosen(request.output.as_deref())?;
    let lacks = |index: OutputId| {
        let names = row_keys(plan, &plan.deliveries.outputs[index]);
        request.columns.iter().find(|(name, _)| !names.contains(name)).map(|(name, _)| (name.clone(), names))
    };
    if let Some(&index) = of.iter().find(|&&index| lacks(index).is_none()) {
        return Ok(index);
    }
    let (wrong, names) = lacks(of[0]).expect("it lacks one");
    let to = plan.deliveries.outputs[of[0]].to.to_string();
    let error = match plan.deliveries.outputs[of[0]].columns.index_of(&wrong) {
        Some(_) => Error::job(format!("`{wrong}` is not a key of {to}")),
        None => Error::job(format!("{to} has no key column `{wrong}`")),
    };
    Err(error.nearest_or("its keys are", &wrong, names.iter().map(String::as_str)))
}

impl RowContext<'_> {
    fn of_groups(&self, plan: &Plan, grouping: GroupingId, post: &Post) -> Result<RowExplained> {
        let output = &plan.deliveries.outputs[self.index];
        let Grouping { plan: group_plan, keys } = &plan.pipeline.groupings[grouping];
        let wanted = self.row_query(plan, group_plan, keys)?;
        let mut found = self.rows(post.top.is_some(), &wanted)?;
        let more = found.len().saturating_sub(1) as u64;
        // The window that starts there goes before those that only hold the time.
        let starts = |row: &Computed| row.window.map(|window| window.start) == wanted.start;
        found.sort_by_key(|row| !starts(row));
        let found = found.into_iter().next();
        let window = found.as_ref().map_or_else(|| empty_window(group_plan, &wanted), |row| row.window);
        let values = found.as_ref().map_or_else(|| wanted.keys.clone(), |row| row.keys.clone());
        let group = GroupOf { window, keys: keys.iter().cloned().zip(values).collect() };
        let late = match &group_plan.lateness {
            Some(lateness) => Some(self.lateness(group_plan, lateness, &group)?),
            None => None,
        };
        let used = used(plan, output, grouping);
        let explained = self.events(plan, group, used, late)?;
        Ok(match found {
            Some(row) => RowExplained { more, fate: row.fate, row: Some(row.cells), ..explained },
            None => explained,
        })
    }

    fn of_events(&self, plan: &Plan, columns: &[ColumnId]) -> Result<RowExplained> {
        let output = &plan.deliveries.outputs[self.index];
        let keys = self.request.columns.iter().map(|(name, value)| {
            let column = columns[output.columns.index_of(name).expect("a column of the output")];
            let field = &plan.pipeline.rows.fields[column];
            // Events have their times in UTC; keys of groups have them in the zone of the job.
            Ok((field.name.clone(), self.value(plan, field, value, &Zone::utc())?))
        });
        let group = GroupOf { window: None, keys: keys.collect::<Result<_>>()? };
        let used = columns.iter().copied().collect();
        let explained = self.events(plan, group, used, None)?;
        let shown = |row: &TracedRow| {
            let place = |&c: &ColumnId| {
                let name = &plan.pipeline.rows.fields[c].name;
                explained.counted.columns.iter().position(|column| column == name)
            };
            columns.iter().map(|c| place(c).and_then(|i| row.values[i].clone())).collect::<Vec<_>>()
        };
        let row = explained.counted.rows.first().map(shown);
        let fate = if row.is_some() { RowFate::Written } else { RowFate::NoEvents };
        let more = explained.counted.events.saturating_sub(1);
        Ok(RowExplained { row, fate, more, ..explained })
    }

    /// What the question says of the keys and the window of an output.
    fn row_query(&self, plan: &Plan, group_plan: &GroupPlan, keys: &[String]) -> Result<RowQuery> {
        let value_of =
            |name: &str| self.request.columns.iter().find(|(column, _)| column == name).map(|(_, v)| v);
        let missing = |name: &str| {
            let names = row_keys(plan, &plan.deliveries.outputs[self.index]);
            // The start alone names most windows, so the end is not asked for.
            let names: Vec<&str> = names.iter().map(String::as_str).filter(|n| *n != "window_end").collect();
            Error::job(format!("--at has no value for `{name}`")).hint(format!(
                "a row of {} is identified by {}",
                plan.deliveries.outputs[self.index].to,
                names.join(", ")
            ))
        };
        let values = keys.iter().zip(&group_plan.keys).map(|(name, (column, _))| {
            let value = value_of(name).ok_or_else(|| missing(name))?;
            self.value(plan, &plan.pipeline.rows.fields[*column], value, &plan.zone)
        });
        let bound = |name: &str| match value_of(name) {
            Some(Some(text)) => parse_time(&format!("--at {name}"), text, &plan.zone).map(Some),
            Some(None) => Err(missing(name)),
            None => Ok(None),
        };
        let wanted = RowQuery {
            keys: values.collect::<Result<_>>()?,
            start: bound("window_start")?,
            end: bound("window_end")?,
        };
        // Without a bound the row could be of any window of its keys.
        if group_plan.window != Window::Global && wanted.start.is_none() && wanted.end.is_none() {
            return Err(missing("window_start"));
        }
        Ok(wanted)
    }

    /// A value as CSV has it, times in `zone`.
    fn value(
        &self,
        plan: &Plan,
        field: &Field,
        value: &Option<String>,
        zone: &Zone,
    ) -> Result<Option<String>> {
        let Some(text) = value else { return Ok(None) };
        let wrong = || {
            Error::job(format!("--at: `{text}` is not a valid {}, the type of `{}`", field.ty, field.name))
        };
        Ok(Some(match field.ty {
            DataType::Timestamp => instant_text(plan, &field.name, text, zone)?,
            DataType::Int64 => text.parse::<i64>().map_err(|_| wrong())?.to_string(),
            DataType::Bool => text.to_lowercase().parse::<bool>().map_err(|_| wrong())?.to_string(),
            DataType::Decimal { precision, scale } => {
                // `1.5` and `1.50` are the same value, and the rows hold it with all digits of the scale.
                let value = parse_decimal(text.as_bytes(), precision, scale).map_err(|_| wrong())?;
                decimal_text(value, scale)
            }
            _ => text.clone(),
        }))
    }

    /// The rows of the output with this window and these keys. `whole` says that the others of the window matter.
    fn rows(&self, whole: bool, wanted: &RowQuery) -> Result<Vec<Computed>> {
        let (plan, output) = self.alone()?;
        let mut plan = plan.without_late_output();
        let OutputKind::Groups { ref post, .. } = output.kind else { return Ok(vec![]) };
        // `top` ranks a row against the other groups of its window, so these must stay.
        if !whole {
            let keys = plan.pipeline.groupings[0].keys.iter().cloned().zip(wanted.keys.clone()).collect();
            plan = narrow(plan, &[GroupOf { window: None, keys }])?;
        }
        let need = if plan.pipeline.groupings[0].plan.lateness.is_some() {
            ArrivalNeed::Lateness
        } else {
            ArrivalNeed::Nothing
        };
        let pass = Pass { plan: &plan, options: self.options, progress: self.progress };
        let mut read = tables::read_with_source(&pass, need)?;
        let grouping = &plan.pipeline.groupings[0];
        let (tables, space) =
            std::mem::take(&mut read.groups).into_iter().next().expect("the groups of the output");
        let merged = Merged::new(Arc::new(grouping.plan.clone()), tables, space)?;
        let mut out = vec![];
        let of_block = |block| rows_of_block(&plan, grouping, post, wanted, &block);
        merged.drive(of_block, |rows| {
            out.extend(rows);
            Ok(())
        })?;
        Ok(out)
    }

    /// The output, and the plan with nothing but its grouping.
    fn alone(&self) -> Result<(Plan, OutputPlan)> {
        Ok((self.again)()?.grouping_alone(self.index))
    }

    /// The events of `group` that were counted, and those that were not.
    fn events(
        &self,
        plan: &Plan,
        group: GroupOf,
        used: BTreeSet<ColumnId>,
        late: Option<Lates>,
    ) -> Result<RowExplained> {
        let most = self.request.most;
        // Events of times outside the range, then those that each step in turn leaves out.
        let dropping: Vec<StepId> = plan
            .pipeline
            .step_ids()
            .filter(|&i| {
                matches!(plan.pipeline.steps[i], Step::Filter(_) | Step::Dedup { .. } | Step::Latest { .. })
            })
            .collect();
        let ranged = plan.pipeline.range != TimeRange::ALL;
        let mut kept = self.run(&group, &dropping, false)?;
        let mut left: Vec<(Position, TracedRow, Cause)> = vec![];
        let mut all: Vec<(Position, TracedRow)> = take_rows(&mut kept);
        let rejected = named(kept.rejects, &group)?;
        let mut duplicates = vec![];
        let variants = (0..dropping.len()).map(|n| (&dropping[n + 1..], true));
        let variants = ranged.then_some((&dropping[..], true)).into_iter().chain(variants);
        for (n, (without, in_range)) in variants.enumerate() {
            let mut next = self.run(&group, without, in_range)?;
            let stay = take_rows(&mut next);
            let places: HashSet<Position> = stay.iter().map(|(position, _)| *position).collect();
            let cause = match (ranged, n) {
                (true, 0) => Cause::Range,
                _ => {
                    let step = dropping[n - usize::from(ranged)];
                    // As the job file counts its steps; those of the log come before them.
                    let number = (step.place() + 1).saturating_sub(plan.pipeline.log_steps);
                    match &plan.pipeline.steps[step] {
                        Step::Filter(_) if number == 0 => Cause::Deleted,
                        Step::Filter(expr) => Cause::Filter(number, expr.sql().to_string()),
                        Step::Dedup { keys, .. } => {
                            let names =
                                keys.iter().map(|&c| plan.pipeline.rows.fields[c].name.clone()).collect();
                            Cause::Duplicate(number, names, None)
                        }
                        Step::Latest { keys, .. } => Cause::Replaced(
                            keys.iter().map(|&c| plan.pipeline.rows.fields[c].name.clone()).collect(),
                        ),
                        _ => unreachable!("a step that leaves rows out"),
                    }
                }
            };
            let arrived = match &cause {
                Cause::Duplicate(..) if plan.pipeline.is_by_arrival(dropping[n - usize::from(ranged)]) => {
                    let of_both = all.iter().map(|(position, _)| *position).collect();
                    Some(self.places(dropping[n - usize::from(ranged)], &of_both)?)
                }
                _ => None,
            };
            // The order in which the step saw events: that of replay, or of arrival.
            let order = |position: &Position, row: &TracedRow| match &arrived {
                Some(arrived) => (arrived.get(position).copied(), 0, *position),
                None => (None, row.time, *position),
            };
            for (position, row) in all {
                if places.contains(&position) {
                    continue;
                }
                let first = match &cause {
                    Cause::Duplicate(_, names, _) => {
                        before(&plan.pipeline.rows, names, &stay, (position, &row), &order)
                    }
                    _ => None,
                };
                if let Some(first) = first {
                    duplicates.push((left.len(), first));
                }
                left.push((position, row, cause.clone()));
            }
            all = stay;
        }
        if let Some(late) = late {
            let (counted, missed): (Vec<_>, Vec<_>) =
                all.into_iter().partition(|(p, _)| late.cause(*p).is_none());
            all = counted;
            left.extend(missed.into_iter().filter_map(|(p, row)| late.cause(p).map(|cause| (p, row, cause))));
        }
        // Lines are counted by a read of the files, so this is done for all events at once.
        let first_lines = with_lines(plan, duplicates.iter().map(|(_, first)| first.clone()).collect())?;
        for ((i, _), first) in duplicates.iter().zip(first_lines) {
            if let Cause::Duplicate(_, _, of) = &mut left[*i].2 {
                *of = Some((first.file, first.line));
            }
        }
        left.sort_by_key(|(position, row, _)| (row.time, *position));
        let left_out_events = left.len() as u64;
        // Only events that are shown need their lines.
        left.truncate(most);
        let (rows, causes): (Vec<_>, Vec<_>) =
            left.into_iter().map(|(p, row, cause)| ((p, row), cause)).unzip();
        let left_out = with_lines(plan, rows)?.into_iter().zip(causes);
        let shown: Vec<ColumnId> = used.into_iter().collect();
        let only = |row: TracedRow| TracedRow {
            values: shown.iter().map(|&c| row.values[c.place()].clone()).collect(),
            ..row
        };
        let events = all.len() as u64;
        all.truncate(most);
        let counted = Traced {
            events,
            columns: shown.iter().map(|&c| plan.pipeline.rows.fields[c].name.clone()).collect(),
            rows: with_lines(plan, all)?.into_iter().map(only).collect(),
        };
        Ok(RowExplained {
            output: plan.deliveries.outputs[self.index].to.to_string(),
            columns: plan.deliveries.outputs[self.index].columns.names().map(str::to_string).collect(),
            row: None,
            more: 0,
            fate: RowFate::NoEvents,
            group,
            counted,
            left_out: left_out.map(|(event, why)| LeftOutEvent { event: only(event), why }).collect(),
            left_out_events,
            rejected,
        })
    }

    /// The events of `group`, when the steps `without` leave nothing out.
    fn run(&self, group: &GroupOf, without: &[StepId], in_range: bool) -> Result<Events> {
        let mut plan = (self.again)()?.without_steps(without);
        if !in_range {
            plan = plan.within(TimeRange::ALL);
        }
        let group = GroupOf { keys: in_utc(&plan, &group.keys)?, ..group.clone() };
        events(plan, &[group], usize::MAX, self.options, self.progress)
    }
}

/// The instant that `--at` gives for a column, as a result has it in `zone`.
fn instant_text(plan: &Plan, name: &str, text: &str, zone: &Zone) -> Result<String> {
    let instant = parse_time(&format!("--at {name}"), text, &plan.zone)?;
    Ok(TimeText::new(zone).text(instant))
}

/// Keys that are times, in UTC as events have them.
fn in_utc(plan: &Plan, keys: &[(String, Option<String>)]) -> Result<Vec<(String, Option<String>)>> {
    let one = |(name, value): &(String, Option<String>)| {
        let value = match value {
            Some(text) if plan.pipeline.rows.type_of(name) == Some(DataType::Timestamp) => {
                Some(instant_text(plan, name, text, &Zone::utc())?)
            }
            value => value.clone(),
        };
        Ok((name.clone(), value))
    };
    keys.iter().map(one).collect()
}

/// Of the events of the group that stayed, the last before `event` that has the same keys, in the order that `order` gives.
fn before<O: Ord>(
    rows: &Schema,
    names: &[String],
    stay: &[(Position, TracedRow)],
    (position, event): (Position, &TracedRow),
    order: &dyn Fn(&Position, &TracedRow) -> O,
) -> Option<(Position, TracedRow)> {
    let keys: Vec<usize> = names.iter().filter_map(|name| rows.index_of(name)).collect();
    let earlier = |other: &&(Position, TracedRow)| {
        order(&other.0, &other.1) < order(&position, event)
            && keys.iter().all(|&key| other.1.values[key] == event.values[key])
    };
    stay.iter().filter(earlier).max_by_key(|(position, row)| order(position, row)).cloned()
}

/// The rejected records whose text has the values of all keys.
fn named(rejects: crate::input::Rejects, group: &GroupOf) -> Result<Vec<StoredReject>> {
    let values: Vec<&[u8]> = group
        .keys
        .iter()
        .filter_map(|(_, value)| value.as_deref())
        .filter(|v| !v.is_empty())
        .map(str::as_bytes)
        .collect();
    // Without a value every rejected record would match.
    if values.is_empty() {
        return Ok(vec![]);
    }
    let names =
        |reject: &StoredReject| values.iter().all(|value| memchr::memmem::find(&reject.raw, value).is_some());
    rejects.filter(|reject| reject.as_ref().map_or(true, names)).collect()
}
