//! The row itself: which groups are asked for, what they are, and whether they are in the output.

use super::outcome::RowFate;
use super::trace::TextCells;
use crate::batch::{ColumnId, plain_strings};
use crate::deliver::shape::output_rows;
use crate::deliver::shape::top_rows;
use crate::error::Result;
use crate::group::{GroupBlock, GroupPlan};
use crate::plan::{Grouping, GroupingId, OutputKind, OutputPlan, Plan, PlannedColumn, Post, Step, Top};
use crate::time::TimeRange;
use crate::window::{Assigner, Window};
use std::collections::BTreeSet;

/// A row as it is computed, and where it stands.
pub struct Computed {
    pub cells: Vec<Option<String>>,
    pub keys: Vec<Option<String>>,
    pub window: Option<TimeRange>,
    pub fate: RowFate,
}

/// What is asked of the keys and the window of an output.
pub struct RowQuery {
    pub keys: Vec<Option<String>>,
    pub start: Option<i64>,
    pub end: Option<i64>,
}

/// The rows of a block that are asked for.
pub fn rows_of_block(
    plan: &Plan,
    grouping: &Grouping,
    post: &Post,
    wanted: &RowQuery,
    block: &GroupBlock,
) -> Result<Vec<Computed>> {
    let plain = |arrays: &[arrow_array::ArrayRef]| -> Vec<_> { arrays.iter().map(plain_strings).collect() };
    let keys = plain(&block.keys);
    let mut key_cells = TextCells::new(&keys, &plan.zone)?;
    let windowed = grouping.plan.window != Window::Global;
    let mut rows = vec![];
    for row in 0..block.len() {
        let span = block.spans[row];
        let starts = wanted.start.is_none_or(|at| span.start == at || span.contains(at));
        let ends = wanted.end.is_none_or(|end| span.end == end);
        let same = |(key, value): (usize, &Option<String>)| key_cells.text(key, row) == *value;
        if (!windowed || starts && ends) && wanted.keys.iter().enumerate().all(same) {
            rows.push(row);
        }
    }
    // Most blocks do not hold the row, and then the expressions are not computed.
    if rows.is_empty() {
        return Ok(vec![]);
    }
    let out = output_rows(grouping, post, block)?;
    let columns = plain(&out.columns);
    let mut cells = TextCells::new(&columns, &plan.zone)?;
    let mut computed = vec![];
    for row in rows {
        let span = block.spans[row];
        let kept =
            |row: usize| out.kept.as_ref().is_none_or(|kept| kept.binary_search(&(row as u32)).is_ok());
        let fate = match (&post.having, &post.top) {
            (Some(having), _) if !kept(row) => RowFate::Having(having.sql().to_string()),
            (_, Some(top)) => {
                let of_window = (0..block.len()).filter(|&other| block.spans[other] == span && kept(other));
                let all: Vec<u32> = of_window.map(|other| other as u32).collect();
                // All rows are ranked, so that the place of one that `top` drops can be told.
                let many = Top { n: usize::MAX, by: top.by.clone() };
                let order = top_rows(&many, &out.columns, &block.spans, all);
                match order.iter().position(|&other| other as usize == row) {
                    Some(place) if place >= top.n => RowFate::Top(place + 1, top.n),
                    _ => RowFate::Written,
                }
            }
            _ => RowFate::Written,
        };
        computed.push(Computed {
            cells: (0..columns.len()).map(|column| cells.text(column, row)).collect(),
            keys: (0..keys.len()).map(|key| key_cells.text(key, row)).collect(),
            window: windowed.then_some(span),
            fate,
        });
    }
    Ok(computed)
}

/// The window that a row without events would have.
pub fn empty_window(plan: &GroupPlan, wanted: &RowQuery) -> Option<TimeRange> {
    // Windows are half-open, so the last instant of one that ends here is just before.
    let at = wanted.start.or(wanted.end.map(|end| end - 1))?;
    match plan.window {
        Window::Global => None,
        Window::Session { gap } => Some(TimeRange::new(at, wanted.end.unwrap_or(at.saturating_add(gap)))),
        window => {
            let mut spans = vec![];
            Assigner::new(window, plan.zone.clone()).windows(at, &mut spans);
            let fits = |end: i64| wanted.end.is_none_or(|wanted| wanted == end);
            let exact = spans.iter().find(|span| span.start == at && fits(span.end));
            let span = exact.or_else(|| spans.iter().find(|span| fits(span.end)));
            // A time in a gap between windows has an empty window.
            Some(span.copied().unwrap_or(TimeRange::new(at, at)))
        }
    }
}

/// The columns that an output of groups is computed from, and those that steps look at on the way.
pub fn used(plan: &Plan, output: &OutputPlan, grouping: GroupingId) -> BTreeSet<ColumnId> {
    let group = &plan.pipeline.groupings[grouping].plan;
    let mut out: BTreeSet<ColumnId> = group.keys.iter().map(|(column, _)| *column).collect();
    let OutputKind::Groups { post, .. } = &output.kind else { return out };
    // Outputs that group alike share a grouping: of its aggregates those of this output.
    let read = post.read(&plan.pipeline.groupings[grouping]);
    for (i, (_, args)) in group.aggregates.iter().enumerate() {
        let is = |column: &PlannedColumn| matches!(column, PlannedColumn::Value(v) if *v == i);
        if post.columns.iter().chain(&read).any(is) {
            out.extend(args);
        }
    }
    let mut width = plan.pipeline.rows.fields.len();
    // From the last step back, so that what a needed column is made of is looked at too.
    for step in plan.pipeline.steps.iter().rev() {
        let appended = match step {
            Step::Filter(_) | Step::Dedup { .. } | Step::Latest { .. } => 0,
            Step::Derive(..) | Step::First { .. } => 1,
            Step::Enrich(enrich) => enrich.take.len(),
        };
        let own = ColumnId::new(width - appended)..ColumnId::new(width);
        width -= appended;
        // Filters and `dedup` decide which rows there are, so the columns that they read always matter.
        if appended == 0 || out.range(own).next().is_some() {
            out.extend(plan.pipeline.reads(step));
        }
    }
    out
}
