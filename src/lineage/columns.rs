//! From which columns of the source the columns of an output come.
//!
//! # Contract
//! Only columns whose whole way is known are there: columns of the source, expressions over them, keys, aggregates and
//! bounds of windows. What a table, a service or an earlier row has a part in is left out, and so is a column that the
//! job computes as it reads.

use crate::plan::{OutputKind, OutputPlan, Plan, PlannedColumn, Step};
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;

use super::dataset::Dataset;

/// Columns of the source, by name.
type SourceColumns = BTreeSet<String>;

/// Derivation a column comes from others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Derivation {
    Identity,
    Transformation,
    Aggregation,
}

/// The fields of the facet of an output: for each column that is known, the columns of `sources`, which are all
/// datasets of the source.
pub fn column_lineage(plan: &Plan, output: &OutputPlan, sources: &[Dataset]) -> Map<String, Value> {
    // With several datasets it is not known which of them has the value of a column.
    let [source] = sources else { return Map::new() };
    let columns = batch(plan);
    let mut fields = Map::new();
    for (number, field) in output.columns.fields.iter().enumerate() {
        let Some((names, how)) = of_output(plan, output, number, &columns) else { continue };
        if names.is_empty() {
            continue;
        }
        let subtype = match how {
            Derivation::Identity => "IDENTITY",
            Derivation::Transformation => "TRANSFORMATION",
            Derivation::Aggregation => "AGGREGATION",
        };
        let from = |name: &String| {
            json!({
                "namespace": source.namespace, "name": source.name, "field": name,
                "transformations": [{
                    "type": "DIRECT", "subtype": subtype, "description": "", "masking": false,
                }],
            })
        };
        fields
            .insert(field.name.clone(), json!({ "inputFields": names.iter().map(from).collect::<Vec<_>>() }));
    }
    fields
}

/// For each column of a batch after all steps, where it comes from, if that is known.
fn batch(plan: &Plan) -> Vec<Option<(SourceColumns, Derivation)>> {
    let read = &plan.pipeline.read;
    let is_derived = |number: usize| read.derived.iter().any(|derived| derived.column == number);
    let of_source = |(number, name): (usize, &String)| {
        (!is_derived(number)).then(|| (SourceColumns::from([name.clone()]), Derivation::Identity))
    };
    let mut columns: Vec<Option<(SourceColumns, Derivation)>> =
        read.columns.iter().map(|column| &column.name).enumerate().map(of_source).collect();
    for step in &plan.pipeline.steps {
        match step {
            Step::Derive(_, expr) => {
                let how =
                    if expr.column().is_some() { Derivation::Identity } else { Derivation::Transformation };
                let from = joined(expr.inputs().iter().copied(), &columns, how);
                columns.push(from);
            }
            step => columns.extend(std::iter::repeat_n(None, step.appended())),
        }
    }
    columns
}

/// What several columns come from; nothing is known if it is not of one of them.
fn joined(
    numbers: impl Iterator<Item = usize>,
    columns: &[Option<(SourceColumns, Derivation)>],
    how: Derivation,
) -> Option<(SourceColumns, Derivation)> {
    let mut names = SourceColumns::new();
    let mut whole = how;
    for number in numbers {
        let (from, before) = columns.get(number)?.as_ref()?;
        names.extend(from.iter().cloned());
        // A copy of a computed column is computed.
        whole = if whole == Derivation::Identity { *before } else { whole };
    }
    Some((names, whole))
}

fn of_output(
    plan: &Plan,
    output: &OutputPlan,
    number: usize,
    columns: &[Option<(SourceColumns, Derivation)>],
) -> Option<(SourceColumns, Derivation)> {
    let (grouping, post) = match &output.kind {
        OutputKind::Rows(from) | OutputKind::Archive(from) => {
            return columns.get(from.get(number)?.place())?.clone();
        }
        OutputKind::Groups { grouping, post } => (&plan.pipeline.groupings[*grouping], post),
    };
    planned(plan, post.columns.get(number)?, &grouping.plan, &grouping.frame(), columns)
}

/// Where a column of a grouped output comes from; `frame` is what its expressions see.
fn planned(
    plan: &Plan,
    column: &PlannedColumn,
    group: &crate::group::GroupPlan,
    frame: &[PlannedColumn],
    columns: &[Option<(SourceColumns, Derivation)>],
) -> Option<(SourceColumns, Derivation)> {
    match column {
        PlannedColumn::WindowStart | PlannedColumn::WindowEnd => {
            let read = &plan.pipeline.read;
            let is_derived = |name: &str| {
                read.derived
                    .iter()
                    .any(|derived| read.columns.get(derived.column).is_some_and(|c| c.name == name))
            };
            let time = &read.time.column;
            (!time.is_empty() && !is_derived(time))
                .then(|| (SourceColumns::from([time.clone()]), Derivation::Transformation))
        }
        PlannedColumn::Key(key) => columns.get(group.keys.get(*key)?.0.place())?.clone(),
        PlannedColumn::Firing => None,
        PlannedColumn::Value(value) => {
            let inputs = group.aggregates.get(*value)?.1.iter().map(|column| column.place());
            joined(inputs, columns, Derivation::Aggregation)
        }
        PlannedColumn::Computed(expr) => {
            let mut names = SourceColumns::new();
            let mut whole = Derivation::Transformation;
            for &number in expr.inputs() {
                // Expressions see the frame alone, so this is no deeper than one call.
                let part = frame.get(number).filter(|part| !matches!(part, PlannedColumn::Computed(_)))?;
                let (from, how) = planned(plan, part, group, frame, columns)?;
                names.extend(from);
                whole = if how == Derivation::Aggregation { how } else { whole };
            }
            Some((names, whole))
        }
    }
}
