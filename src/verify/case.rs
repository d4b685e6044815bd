//! One output beside the results that it is compared with.

use super::compare::{Comparison, ComparisonRules, ResultTable};
use super::request::VerifyRequest;
use super::{compare, mapping};
use crate::aggregate::{Function, Pairwise};
use crate::batch::{DataType, Schema};
use crate::error::Result;
use crate::explain::{GroupOf, Traced, trace};
use crate::job;
use crate::job::{JobSpec, Overrides};
use crate::plan::{OutputId, OutputKind, OutputPlan, Plan, PlannedColumn, window_fields};
use crate::time::TimeRange;
use crate::window::Window;

/// Groups whose events are listed, and events of each.
pub(super) const TRACED_GROUPS: usize = 3;

pub(super) const TRACED_EVENTS: usize = 20;

/// One output, and what is there.
pub(super) struct OutputCheck<'a> {
    pub(super) spec: &'a JobSpec,
    pub(super) overrides: &'a Overrides,
    pub(super) request: &'a VerifyRequest<'a>,
    pub(super) plan: &'a Plan,
    /// The output's number.
    pub(super) index: OutputId,
    pub(super) theirs: &'a ResultTable,
}

impl OutputCheck<'_> {
    pub(super) fn output(&self) -> &OutputPlan {
        &self.plan.deliveries.outputs[self.index]
    }

    /// Compares `here` with what is there.
    pub(super) fn compare(&self, here: &ResultTable, show: usize) -> Result<Comparison> {
        self.compare_by(here, &ComparisonRules { show, ..self.rules()? })
    }

    pub(super) fn compare_by(&self, here: &ResultTable, rules: &ComparisonRules) -> Result<Comparison> {
        let request = self.request;
        if request.map.is_empty() {
            return compare::compare(here, self.theirs, rules);
        }
        let mapped = mapping::mapped(here, &self.output().columns, &self.plan.zone, &request.map)?;
        compare::compare(&mapped.table, self.theirs, rules)
    }

    /// What counts as the same.
    pub(super) fn rules(&self) -> Result<ComparisonRules> {
        let request = self.request;
        let columns = &self.output().columns;
        let names = naming(self.plan, self.output());
        let mut rules = request.rules(request.keys.clone());
        if rules.keys.is_empty() {
            let renamed = mapping::keys(columns, &self.plan.zone, &request.map, &names)?;
            rules.keys = names.into_iter().filter(|_| request.map.is_empty()).chain(renamed).collect();
        }
        // A tolerance that the user gives goes before ours.
        for (name, share) in near(self.plan, self.output()) {
            if !rules.tolerance.iter().any(|(column, ..)| *column == name) {
                rules.tolerance.push((name, 0.0, share));
            }
        }
        if !request.map.is_empty() {
            // Whoever says what is compared need not say what is not.
            let there = self.columns_there()?;
            let is_there = |name: &str| there.iter().any(|(column, _)| column == name);
            rules.ignore.extend(columns.names().filter(|name| !is_there(name)).map(str::to_string));
            // A key that the user named has to fail where it is missing; a key that we chose may go.
            rules.keys.retain(|key| is_there(key) || request.keys.contains(key));
        }
        Ok(rules)
    }

    /// The columns of the other side.
    pub(super) fn columns_there(&self) -> Result<Vec<(String, Option<crate::batch::DataType>)>> {
        let names: Vec<String> = self.output().columns.names().map(str::to_string).collect();
        compare::columns(self.theirs, &self.request.there, &names, self.request.options.threads)
    }

    /// The events of the first groups that differ.
    pub(super) fn trace(&self, comparison: &Comparison) -> Result<Vec<(GroupOf, Traced)>> {
        let OutputKind::Groups { .. } = self.output().kind else { return Ok(vec![]) };
        // An output whose columns do not tell its groups has no group to show the events of.
        let Some(named) = group_names(self.plan, self.output()) else { return Ok(vec![]) };
        let keys: Vec<String> = named.iter().map(|(_, own)| own.clone()).collect();
        let own = |(name, value): &(String, Option<String>)| {
            let own = named.iter().find(|(column, _)| column == name).map(|(_, own)| own.clone());
            (own.unwrap_or_else(|| name.clone()), value.clone())
        };
        let groups = comparison.rows.iter().filter_map(|row| {
            let key: Vec<_> = row.key.iter().map(own).collect();
            group_of(&key, &keys)
        });
        let groups: Vec<GroupOf> = groups.take(TRACED_GROUPS).collect();
        if groups.is_empty() {
            return Ok(vec![]);
        }
        let plan = job::plan_job(self.spec, self.overrides)?.with_steps_of(self.index);
        let traced = trace(plan, &groups, TRACED_EVENTS, self.request.options, self.request.progress)?;
        Ok(groups.into_iter().zip(traced).collect())
    }
}

/// Five standard errors of `approx_count_distinct`, of what is counted exactly.
pub(super) const APPROXIMATE: f64 = 5.0 * 0.0115;

/// The last digits of what engines make of pairs of numbers: ours is rounded once, theirs in each step.
pub(super) const LAST_DIGITS: f64 = 1e-9;

/// The columns of an output that nobody else computes as exactly, each with the share that they may be off.
pub(super) fn near(plan: &Plan, output: &OutputPlan) -> Vec<(String, f64)> {
    let OutputKind::Groups { grouping, post } = &output.kind else { return vec![] };
    let share = |column: &PlannedColumn| {
        let PlannedColumn::Value(i) = column else { return None };
        // Of whole rows no column is near another.
        let grouping = &plan.pipeline.groupings[*grouping];
        let (aggregate, _) = output.tells_groups(grouping).then(|| &grouping.plan.aggregates[*i])?;
        let of_floats = aggregate.args.contains(&DataType::Float64);
        match aggregate.function {
            Function::ApproxCountDistinct => Some(APPROXIMATE),
            // A count is exact on every engine.
            Function::Pairwise(Pairwise::Count) => None,
            Function::Pairwise(what) => {
                (of_floats || matches!(what, Pairwise::Corr | Pairwise::R2)).then_some(LAST_DIGITS)
            }
            _ => None,
        }
    };
    let columns = output.columns.fields.iter().zip(&post.columns);
    columns.filter_map(|(field, column)| Some((field.name.clone(), share(column)?))).collect()
}

/// The columns of an output that say which group a row is of; none of outputs of events, and where `columns` leaves out
/// what tells groups apart: then whole rows are compared.
pub(super) fn naming(plan: &Plan, output: &OutputPlan) -> Vec<String> {
    let OutputKind::Groups { grouping, post } = &output.kind else { return vec![] };
    if !output.tells_groups(&plan.pipeline.groupings[*grouping]) {
        return vec![];
    }
    let names = output.columns.fields.iter().zip(&post.columns);
    names.filter(|(_, column)| column.names_group()).map(|(field, _)| field.name.clone()).collect()
}

/// The columns of an output that name a group, each with the name that the bound or key has in groups; `None` where they do
/// not name it.
fn group_names(plan: &Plan, output: &OutputPlan) -> Option<Vec<(String, String)>> {
    let OutputKind::Groups { grouping, post } = &output.kind else { return None };
    let grouping = &plan.pipeline.groupings[*grouping];
    let [start, end] = window_fields().map(|field| field.name);
    let names = output.columns.fields.iter().zip(&post.columns).filter_map(|(field, column)| {
        let own = match column {
            PlannedColumn::WindowStart => &start,
            PlannedColumn::WindowEnd => &end,
            PlannedColumn::Key(k) => &grouping.keys[*k],
            _ => return None,
        };
        Some((field.name.clone(), own.clone()))
    });
    let places = output.group_places(grouping)?;
    let whole = grouping.plan.window == Window::Global || places.start.and(places.end).is_some();
    (whole && output.tells_groups(grouping)).then(|| names.collect())
}

/// The group that a differing row is of, if its key says all that names one.
pub(super) fn group_of(key: &[(String, Option<String>)], naming: &[String]) -> Option<GroupOf> {
    let value = |name: &str| key.iter().find(|(column, _)| column == name).map(|(_, value)| value.clone());
    let bound = |name: &str| instant(&value(name)??);
    let windowed = naming.iter().any(|name| name == "window_start");
    let bounds = || Some(TimeRange::new(bound("window_start")?, bound("window_end")?));
    let window = if windowed { Some(bounds()?) } else { None };
    let keys = naming.iter().filter(|name| *name != "window_start" && *name != "window_end");
    let keys: Option<Vec<_>> = keys.map(|name| Some((name.clone(), value(name)?))).collect();
    Some(GroupOf { window, keys: keys? })
}

/// An instant as results have it, microseconds UTC: with an offset or without, then UTC.
pub(super) fn instant(text: &str) -> Option<i64> {
    let with_offset = chrono::DateTime::parse_from_rfc3339(text).map(|t| t.timestamp_micros());
    let without =
        |format| chrono::NaiveDateTime::parse_from_str(text, format).map(|t| t.and_utc().timestamp_micros());
    with_offset.or_else(|_| without("%Y-%m-%dT%H:%M:%S%.f")).or_else(|_| without("%Y-%m-%d %H:%M:%S%.f")).ok()
}

/// The columns of an output that are instants.
pub(super) fn instants(schema: &Schema) -> impl Iterator<Item = &str> {
    schema.fields.iter().filter(|f| f.ty == crate::batch::DataType::Timestamp).map(|f| f.name.as_str())
}
