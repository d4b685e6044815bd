//! The events that wait at streamed steps, as sections of the state.

use super::state::{StateKind, StateSection};
use crate::batch::{DataType, Field};
use crate::engine::WaitingEvents;
use crate::engine::held::joined;
use crate::group::key_rows;
use crate::plan::{Plan, Step, StepId};
use arrow_array::{ArrayRef, TimestampMicrosecondArray, UInt32Array};
use arrow_select::take::take;
use std::collections::BTreeMap;
use std::sync::Arc;

/// A section for each step at which events wait: by the columns that they look up, until which watermark.
pub(super) fn sections(plan: &Plan, waiting: Vec<WaitingEvents>) -> Vec<StateSection> {
    let mut steps: BTreeMap<StepId, Vec<WaitingEvents>> = BTreeMap::new();
    for events in waiting.into_iter().filter(|events| !events.times.is_empty()) {
        steps.entry(events.step).or_default().push(events);
    }
    steps.into_iter().map(|(step, events)| section(plan, step, &events)).collect()
}

fn section(plan: &Plan, step: StepId, events: &[WaitingEvents]) -> StateSection {
    // All of a step look into one table by the same columns.
    let keys: Vec<Field> = events[0].columns.iter().map(|&c| plan.pipeline.rows.fields[c].clone()).collect();
    let column = |(c, field): (usize, &Field)| joined(&field.ty.arrow(), events.iter().map(|e| &e.keys[c]));
    let columns: Vec<ArrayRef> = keys.iter().enumerate().map(column).collect();
    let times: Vec<i64> = events.iter().flat_map(|events| &events.times).copied().collect();
    let until: Vec<Option<i64>> = events.iter().flat_map(|events| &events.until).copied().collect();
    // Which worker held an event does not show.
    let converter = key_rows(keys.iter().map(|field| field.ty.arrow()));
    let rows = converter.convert_columns(&columns).expect("keys of the plan's types");
    let mut order: Vec<u32> = (0..times.len() as u32).collect();
    order.sort_by(|&a, &b| {
        let (a, b) = (a as usize, b as usize);
        rows.row(a).cmp(&rows.row(b)).then_with(|| (times[a], until[a]).cmp(&(times[b], until[b])))
    });
    let indices = UInt32Array::from(order.clone());
    let sorted = columns.iter().map(|column| take(column, &indices, None).expect("rows of the column"));
    let until: TimestampMicrosecondArray = order.iter().map(|&row| until[row as usize]).collect();
    let from = match &plan.pipeline.steps[step] {
        Step::Enrich(enrich) => enrich.from.as_str(),
        _ => "",
    };
    StateSection {
        kind: StateKind::Waiting,
        name: format!("enrich({from})"),
        rows: times.len(),
        times: order.iter().map(|&row| times[row as usize]).collect(),
        by_arrival: false,
        spans: vec![],
        keys: (keys, sorted.collect()),
        values: (vec![Field::new("until", DataType::Timestamp)], vec![Arc::new(until.with_timezone("UTC"))]),
    }
}
