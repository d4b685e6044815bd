//! Outputs of groups: keys, aggregates, expressions over them, and which groups are kept.
//!
//! # Contract
//! What is wrong is told where it is, and nothing that follows from it: a key, an aggregate or a column that is wrong stays
//! in the schemas as a [faulty](Field::faulty) field, so that whatever names it is looked at all the same.

use super::held::{Groups, OutputColumns, ResolvedAggregate, no_column, two_columns};
use super::planner::Planner;
use super::rows;
use super::window::Timing;
use crate::batch::{ColumnId, DataType, Field, Origin, Schema};
use crate::error::{Error, Reason};
use crate::expr::{AggregateCall, Expr, Selection, parse_selection};
use crate::group::GroupPlan;
use crate::job::document::At;
use crate::job::spec::{OutputSpec, is_true};
use crate::plan::{Grouping, GroupingId, OutputKind, PlannedColumn, Post, Top, window_fields};
use crate::window::Window;

impl Planner<'_> {
    /// An output of groups.
    pub(super) fn groups(
        &mut self,
        spec: &OutputSpec,
        window: Option<Window>,
        timing: Option<Timing>,
        selections: &[Option<Selection>],
    ) -> OutputColumns {
        let keys = self.keys(spec);
        // A `select` that could not be read is told already.
        let selects = spec.unread || self.selects_something(spec);
        let having = spec.having.as_ref().map(|sql| (sql, self.parsed(sql)));
        let sources = spec.select.iter().map(|(_, sql)| sql).zip(selections);
        let calls = calls(sources.chain(having.iter().map(|(sql, selection)| (*sql, selection))));
        let aggregates: Vec<ResolvedAggregate> =
            calls.iter().map(|(call, sql)| self.aggregate(call, sql)).collect();
        let calls: Vec<AggregateCall> = calls.into_iter().map(|(call, _)| call).collect();

        // After a fault of the window there is one.
        let windowed = window != Some(Window::Global);
        let firings = timing.as_ref().is_some_and(|timing| timing.firings);
        let mut shaped = GroupColumns::new(self, spec, windowed, firings, (&calls, &aggregates));
        let mut right = self.keys_stand_alone(spec, windowed, firings);
        for ((name, sql), selection) in spec.select.iter().zip(selections) {
            // `&=` looks at every column, where `&&` would stop at the first that is wrong.
            right &= shaped.add(name, sql, selection.as_ref(), &calls, self);
        }
        let written = self.listed(spec, selections, &calls, &shaped);
        let having = having.map(|(sql, selection)| {
            let selection = selection?;
            let having = self.having(sql, &selection, &calls, &shaped)?;
            match &written {
                None => Some(having),
                Some(written) => written.condition(&selection, &shaped, &calls, &self.zone),
            }
        });
        let top = spec.top.as_ref().map(|top| {
            let mut by = self.top_order(&top.by, &shaped)?;
            if let Some(written) = &written {
                by = written.order(self, &top.by, by, &shaped)?;
            }
            Some(Top { n: top.n.value, by })
        });
        let GroupColumns { schema, columns, open, .. } = shaped;
        let (schema, columns) = match written {
            None => (schema, columns),
            Some(written) => {
                right &= written.right;
                (written.schema, written.columns)
            }
        };
        let groups = Groups { window, aggregates, columns };
        let keys = keys.filter(|_| right && selects);
        let kind = self.planned(spec, &groups, timing, keys, (transpose(having), transpose(top)));
        OutputColumns { columns: schema, groups: Some(groups), kind, open }
    }

    /// The grouping and what happens to its groups; `None` after a fault of any part.
    fn planned(
        &mut self,
        spec: &OutputSpec,
        groups: &Groups,
        timing: Option<Timing>,
        keys: Option<Vec<ColumnId>>,
        (having, top): (Option<Option<Expr>>, Option<Option<Top>>),
    ) -> Option<OutputKind> {
        let (window, timing, keys) = (groups.window?, timing?, keys?);
        let (having, top) = (having?, top?);
        let columns = groups.columns.iter().cloned().collect::<Option<_>>()?;
        let aggregates: Vec<_> = groups.aggregates.iter().cloned().collect::<Option<_>>()?;
        self.positions |= aggregates.iter().any(|(a, _)| a.needs_positions());
        let plan = GroupPlan {
            window,
            zone: self.zone.clone(),
            keys: keys.iter().map(|&k| (k, self.rows.schema.fields[k].ty.computed())).collect(),
            aggregates,
            // Which groups are the first of a window is known only with all groups of it.
            whole_windows: top.is_some(),
            lateness: timing.lateness,
            firings: timing.firings,
            audited: false,
            keep_states: is_true(&spec.state),
        };
        let names = keys.iter().map(|&k| self.rows.schema.fields[k].name.clone()).collect();
        let grouping = self.grouping(Grouping { plan, keys: names });
        Some(OutputKind::Groups { grouping, post: Box::new(Post { columns, having, top }) })
    }

    /// Whether an output of groups has anything to compute of them.
    pub(super) fn selects_something(&self, spec: &OutputSpec) -> bool {
        if spec.select.is_empty() {
            let error = Error::job("this output groups events, but selects nothing");
            self.fault(error.hint("add select = { n = \"count(*)\" }"), &spec.span);
        }
        !spec.select.is_empty()
    }

    /// The aggregates of an expression over groups, and what is around them; `None` after a fault.
    pub(super) fn parsed(&self, sql: &At<String>) -> Option<Selection> {
        parse_selection(&sql.value).map_err(|error| self.fault(error, &sql.span)).ok()
    }

    /// The columns of the keys; `None` after a fault.
    fn keys(&mut self, spec: &OutputSpec) -> Option<Vec<ColumnId>> {
        let keys: Vec<Option<ColumnId>> = spec.by.iter().map(|name| self.event_column(name)).collect();
        keys.into_iter().collect()
    }

    /// Whether no key has the name of another column that the output begins with.
    fn keys_stand_alone(&self, spec: &OutputSpec, windowed: bool, firings: bool) -> bool {
        let mut taken: Vec<&str> = if windowed { vec!["window_start", "window_end"] } else { vec![] };
        taken.extend(firings.then_some("firing"));
        let faults = spec.by.iter().enumerate().filter(|(i, key)| {
            let clash =
                taken.contains(&key.value.as_str()) || spec.by[..*i].iter().any(|k| k.value == key.value);
            if clash {
                self.fault(two_columns(&key.value), &key.span);
            }
            clash
        });
        // `count` takes every element, so that each clash is told; `any` would stop at the first.
        faults.count() == 0
    }

    fn having(
        &self,
        sql: &At<String>,
        selection: &Selection,
        calls: &[AggregateCall],
        shaped: &GroupColumns,
    ) -> Option<Expr> {
        // A name is that of a column of the output first.
        let mut schema = shaped.schema.clone();
        schema.fields.extend(shaped.frame.fields.iter().cloned());
        let error = match Expr::of_groups(selection, &schema, calls, &self.zone) {
            Ok(expr) if expr.ty() == DataType::Bool => return Some(expr),
            Ok(expr) => Error::job(format!("`having` must be a bool, but its type is {}", expr.ty())),
            Err(error) => error,
        };
        rows::fault(&self.spec.document, shaped.open, error, &sql.span);
        None
    }

    fn top_order(&self, by: &At<String>, shaped: &GroupColumns) -> Option<Vec<(usize, bool)>> {
        let schema = &shaped.schema;
        let terms = by.value.split(',').map(|term| {
            let mut words = term.split_whitespace();
            let name = words.next().unwrap_or("");
            let descending = match words.next().map(str::to_ascii_lowercase).as_deref() {
                None | Some("asc") => Some(false),
                Some("desc") => Some(true),
                Some(other) => {
                    self.fault(Error::job(format!("`{other}` in `top` is neither asc nor desc")), &by.span);
                    None
                }
            };
            let column = schema.index_of(name);
            if column.is_none() {
                rows::fault(&self.spec.document, shaped.open, no_column(name, schema), &by.span);
            }
            Some((column?, descending?))
        });
        // Each is looked at before one is found wrong.
        terms.collect::<Vec<_>>().into_iter().collect()
    }

    /// The number of an equal grouping, or of this new one.
    fn grouping(&mut self, wanted: Grouping) -> GroupingId {
        // Outputs over equal groups share one fold, so the events are grouped once.
        let same = self.groupings.iter_mut().position(|g| {
            g.keys == wanted.keys
                && g.plan.window == wanted.plan.window
                && g.plan.aggregates == wanted.plan.aggregates
                && g.plan.lateness == wanted.plan.lateness
                && g.plan.firings == wanted.plan.firings
        });
        GroupingId::new(match same {
            Some(index) => {
                // One output may need more than another: the shared grouping has what any of them needs.
                let plan = &mut self.groupings[index].plan;
                plan.whole_windows |= wanted.plan.whole_windows;
                plan.keep_states |= wanted.plan.keep_states;
                index
            }
            None => {
                self.groupings.push(wanted);
                self.groupings.len() - 1
            }
        })
    }
}

/// The aggregates of some expressions, each once, and where they stand.
fn calls<'a>(
    selections: impl Iterator<Item = (&'a At<String>, &'a Option<Selection>)>,
) -> Vec<(AggregateCall, At<String>)> {
    let mut calls: Vec<(AggregateCall, At<String>)> = vec![];
    for (sql, selection) in selections {
        for call in selection.iter().flat_map(|selection| &selection.calls) {
            if !calls.iter().any(|(known, _)| known == call) {
                calls.push((call.clone(), sql.clone()));
            }
        }
    }
    calls
}

/// The columns of a grouped output as they are added.
pub(super) struct GroupColumns {
    pub(super) schema: Schema,
    /// Where they come from; `None` after a fault.
    pub(super) columns: Vec<Option<PlannedColumn>>,
    /// What expressions see, as [`Grouping::frame`] has it: window bounds, keys, firing; then the aggregates, which no
    /// name finds.
    pub(super) frame: Schema,
    /// Whether a fault has left open what columns there are.
    pub(super) open: bool,
}

impl GroupColumns {
    fn new(
        planner: &Planner,
        spec: &OutputSpec,
        windowed: bool,
        firings: bool,
        (calls, aggregates): (&[AggregateCall], &[ResolvedAggregate]),
    ) -> GroupColumns {
        let rows = &planner.rows.schema;
        let key = |name: &At<String>| match rows.index_of(&name.value) {
            Some(column) => rows.fields[column].clone(),
            None => Field::faulty(&name.value),
        };
        // What is not in the output has a number all the same, and no name finds it.
        let named = |field: Field, named: bool| if named { field } else { Field::own(field.name, field.ty) };
        let mut frame: Vec<Field> = window_fields().map(|bound| named(bound, windowed)).into();
        let mut columns = vec![PlannedColumn::WindowStart, PlannedColumn::WindowEnd];
        frame.extend(spec.by.iter().map(key));
        columns.extend((0..spec.by.len()).map(PlannedColumn::Key));
        frame.push(named(Field::new("firing", DataType::Int64), firings));
        columns.push(PlannedColumn::Firing);
        let shown = frame.iter().cloned().zip(columns).filter(|(field, _)| field.origin == Origin::Job);
        let (fields, columns): (Vec<Field>, Vec<PlannedColumn>) = shown.unzip();
        // Aggregates come last: `column` counts them from the end of the frame.
        frame.extend(calls.iter().zip(aggregates).map(|(call, resolved)| match resolved {
            Some((aggregate, _)) => Field::own(call.to_string(), aggregate.ty()),
            None => Field { faulty: true, ..Field::own(call.to_string(), DataType::String) },
        }));
        let columns = columns.into_iter().map(Some).collect();
        let open = spec.unread || planner.rows.open;
        GroupColumns { schema: Schema::new(fields), columns, frame: Schema::new(frame), open }
    }

    /// Adds the column of one `select`; whether it is right.
    fn add(
        &mut self,
        name: &At<String>,
        sql: &At<String>,
        selection: Option<&Selection>,
        calls: &[AggregateCall],
        planner: &Planner,
    ) -> bool {
        if self.schema.index_of(&name.value).is_some() {
            planner.fault(two_columns(&name.value), &name.span);
            return false;
        }
        let made = selection.and_then(|selection| self.column(sql, selection, calls, planner));
        let right = made.is_some();
        let (field, column) = match made {
            Some((ty, column)) => (Field::new(&name.value, ty), Some(column)),
            None => (Field::faulty(&name.value), None),
        };
        self.schema.fields.push(field);
        self.columns.push(column);
        right
    }

    fn column(
        &self,
        sql: &At<String>,
        selection: &Selection,
        calls: &[AggregateCall],
        planner: &Planner,
    ) -> Option<(DataType, PlannedColumn)> {
        if let Some(call) = selection.single() {
            let value = calls.iter().position(|c| c == call).expect("a call of the output");
            let field = &self.frame.fields[self.frame.fields.len() - calls.len() + value];
            return (!field.faulty).then_some((field.ty, PlannedColumn::Value(value)));
        }
        match Expr::of_groups(selection, &self.frame, calls, &planner.zone) {
            Ok(expr) => Some((expr.ty(), PlannedColumn::Computed(Box::new(expr)))),
            Err(error) => {
                for error in error.each() {
                    let error = match error.reason() {
                        Some(Reason::UnknownColumn(_)) => {
                            error.hint("a column that is not a key must be inside an aggregate")
                        }
                        _ => error,
                    };
                    rows::fault(&planner.spec.document, self.open, error, &sql.span);
                }
                None
            }
        }
    }
}

/// What may be left out but must be right if it is there.
pub(super) fn transpose<T>(value: Option<Option<T>>) -> Option<Option<T>> {
    match value {
        None => Some(None),
        Some(None) => None,
        Some(some) => Some(some),
    }
}
