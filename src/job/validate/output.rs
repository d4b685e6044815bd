//! The outputs of a job: windows, keys, aggregates, and where the rows go.

use super::window::Timing;
use super::{Planner, published};
use crate::aggregate::Aggregate;
use crate::batch::{DataType, Field, Schema};
use crate::error::{Error, Result};
use crate::expr::{AggregateCall, Expr, Selection, parse_selection};
use crate::group::GroupPlan;
use crate::job::document::At;
use crate::job::plan::{
    Grouping, OutputKind, OutputPlan, OutputTo, PlannedColumn, Post, Top, aggregate_name, window_fields,
};
use crate::job::spec::{OutputSpec, is_true};
use crate::rows::PartitionPart;
use crate::sink::Format;
use crate::window::Window;
use std::path::{Path, PathBuf};

impl Planner<'_> {
    pub(super) fn outputs(&mut self) {
        let spec = self.spec;
        for output in &spec.outputs {
            if let Some(plan) = self.output(output) {
                self.outputs.push(plan);
            }
        }
    }

    fn output(&mut self, spec: &OutputSpec) -> Option<OutputPlan> {
        let destination = self.destination(spec);
        let window = self.window(spec);
        let timing = self.timing(spec);
        let selections = self.selections(spec);
        let Some(selections) = selections else {
            // Whatever else is wrong is told in the same go.
            self.keys(spec);
            return None;
        };
        let grouped = spec.window.is_some()
            || !spec.by.is_empty()
            || selections.iter().any(|selection| !selection.calls.is_empty());
        let (columns, kind) = if is_true(&spec.archive) {
            self.archive(spec)?
        } else if grouped {
            self.groups(spec, window, timing, selections)?
        } else {
            self.events(spec).filter(|_| timing.is_some())?
        };
        let (to, format) = destination?;
        let address = self.address(spec)?;
        let partition_by = self.partition_by(spec, &to, &columns, &kind)?;
        let format = self.line_key(spec, format, &columns, &partition_by)?;
        if let Some(address) = address {
            let publication = self.publication(spec, address, (&columns, &kind), &partition_by)?;
            self.publications.push(publication);
        }
        let plan = OutputPlan { to, format, kind, columns, partition_by, state: is_true(&spec.state) };
        (!plan.state || self.state(spec, &plan)).then_some(plan)
    }

    /// Whether an output of groups has anything to compute of them.
    pub(super) fn selects_something(&self, spec: &OutputSpec) -> bool {
        if spec.select.is_empty() {
            let error = Error::job("this output groups events and selects nothing");
            self.fault(error.hint("add select = { n = \"count(*)\" }"), &spec.span);
        }
        !spec.select.is_empty()
    }

    pub(super) fn destination(&self, spec: &OutputSpec) -> Option<(OutputTo, Format)> {
        let path = spec.path.as_ref()?;
        let named = match &spec.format {
            None => None,
            Some(name) => match Format::named(&name.value) {
                Some(format) => Some(format),
                None => {
                    let error = Error::job(format!("unknown output format `{}`", name.value))
                        .nearest(&name.value, ["parquet", "csv", "jsonl", "kcat"]);
                    self.fault(error.hint("the formats are parquet, csv, jsonl and kcat"), &name.span);
                    return None;
                }
            },
        };
        let to = goes_to(spec)?;
        if crate::pg::is_url(&path.value) {
            if let (Some(name), false) = (&spec.format, matches!(named, None | Some(Format::Parquet))) {
                let error = Error::job("the mirror of a table is of Parquet");
                self.fault(error.hint("leave out `format`"), &name.span);
                return None;
            }
            return self.belongs(spec, Format::Parquet).then_some((to, Format::Parquet));
        }
        if to == OutputTo::Terminal {
            return Some((to, Format::Csv));
        }
        if path.value.contains("://") {
            let error = Error::job(format!("`{}` cannot be written yet", path.value));
            let hint =
                "a folder, a .parquet, .csv, .jsonl, .kcat or .html file, postgres://…/table, or \"-\"";
            self.fault(error.hint(hint), &path.span);
            return None;
        }
        let target = Path::new(&path.value);
        let is_unclear = !path.value.ends_with('/') && looks_like_file(target);
        if named.is_none() && is_unclear && Format::of_path(target).is_none() {
            let error = Error::job(format!("the extension of `{}` says no format", path.value));
            self.fault(
                error.hint("use .parquet, .csv, .jsonl, .kcat or .html; or a folder: end the path in /"),
                &path.span,
            );
            return None;
        }
        let own = Format::of_path(target).filter(|_| matches!(to, OutputTo::File(_)));
        let format = named.or(own).unwrap_or(Format::Parquet);
        self.belongs(spec, format).then_some((to, format))
    }

    pub(super) fn selections(&self, spec: &OutputSpec) -> Option<Vec<Selection>> {
        let parsed: Vec<Option<Selection>> = spec
            .select
            .iter()
            .map(|(_, sql)| match parse_selection(&sql.value, 0) {
                Ok(selection) => Some(selection),
                Err(error) => {
                    self.fault(error, &sql.span);
                    None
                }
            })
            .collect();
        parsed.into_iter().collect()
    }

    /// Whether an output of events has nothing that is for groups.
    pub(super) fn has_no_groups(&self, spec: &OutputSpec) -> bool {
        for (what, span) in [
            ("having", spec.having.as_ref().map(|h| &h.span)),
            ("top", spec.top.as_ref().map(|t| &t.by.span)),
        ] {
            if let Some(span) = span {
                self.fault(
                    Error::job(format!("`{what}` is for groups, and this output has no window and no keys"))
                        .hint("add `window` or `by`, or filter events with a [[step]]"),
                    span,
                );
                return false;
            }
        }
        true
    }

    /// An output of the events themselves.
    fn events(&mut self, spec: &OutputSpec) -> Option<(Schema, OutputKind)> {
        if !self.has_no_groups(spec) {
            return None;
        }
        self.positions = true;
        if spec.select.is_empty() {
            let visible: Vec<usize> = (0..self.rows.schema.fields.len())
                .filter(|&i| !self.rows.schema.fields[i].name.starts_with("__arg_"))
                .collect();
            self.rows.read(visible.iter().copied());
            let fields = visible.iter().map(|&i| self.rows.schema.fields[i].clone()).collect();
            return Some((Schema::new(fields), OutputKind::Rows(visible)));
        }
        let mut fields = vec![];
        let mut columns = vec![];
        for (name, sql) in &spec.select {
            let column = self.rows.column_of(sql)?;
            fields.push(Field::new(&name.value, self.rows.schema.fields[column].ty));
            columns.push(column);
        }
        Some((Schema::new(fields), OutputKind::Rows(columns)))
    }

    /// An output of groups.
    fn groups(
        &mut self,
        spec: &OutputSpec,
        window: Option<Window>,
        timing: Option<Timing>,
        selections: Vec<Selection>,
    ) -> Option<(Schema, OutputKind)> {
        // Faults are noted as far as they can be seen, and the first `?` comes after them.
        let keys = self.keys(spec);
        if !self.selects_something(spec) {
            return None;
        }
        let parsed = spec.having.as_ref().map(|sql| (sql, parse_selection(&sql.value, 0)));
        let having = match parsed {
            Some((sql, Err(error))) => {
                self.fault(error, &sql.span);
                None
            }
            Some((sql, Ok(parsed))) => Some(Some((sql, parsed))),
            None => Some(None),
        };
        // All calls of the output, each once, and where they stand.
        let mut calls: Vec<(AggregateCall, At<String>)> = vec![];
        let sources = spec.select.iter().map(|(_, sql)| sql).zip(&selections);
        for (sql, selection) in sources.chain(having.iter().flatten().map(|(sql, s)| (*sql, s))) {
            for call in &selection.calls {
                if !calls.iter().any(|(known, _)| known == call) {
                    calls.push((call.clone(), sql.clone()));
                }
            }
        }
        let resolved: Vec<Option<(Aggregate, Vec<usize>)>> =
            calls.iter().map(|(call, sql)| self.aggregate(call, sql)).collect();
        let aggregates: Option<Vec<(Aggregate, Vec<usize>)>> = resolved.into_iter().collect();
        let (window, timing, keys, having, aggregates) = (window?, timing?, keys?, having?, aggregates?);
        let calls: Vec<AggregateCall> = calls.into_iter().map(|(call, _)| call).collect();

        let mut shaped = Shaped::new(window, &keys, timing.firings, &self.rows.schema, &aggregates);
        let mut all_selected = self.keys_stand_alone(spec, window, &timing);
        for ((name, sql), selection) in spec.select.iter().zip(&selections) {
            if shaped.schema.index_of(&name.value).is_some() {
                self.fault(Error::job(format!("the output has two columns `{}`", name.value)), &name.span);
                all_selected = false;
                continue;
            }
            if let Err(error) = shaped.add(&name.value, sql, selection, &calls, self) {
                let hint = "a column that is no key must stand inside an aggregate";
                let error =
                    if error.message().starts_with("unknown column") { error.hint(hint) } else { error };
                self.fault(error, &sql.span);
                all_selected = false;
            }
        }
        if !all_selected {
            return None;
        }
        let having = having.map(|(sql, selection)| self.having(sql, &selection, &calls, &shaped));
        let top = spec.top.as_ref().map(|top| {
            let by = self.top_order(&top.by, &shaped.schema)?;
            Some(Top { n: top.n.value, by })
        });
        let (having, top) = (transpose(having)?, transpose(top)?);
        self.positions |= aggregates.iter().any(|(a, _)| a.needs_positions());
        let plan = GroupPlan {
            window,
            zone: self.zone.clone(),
            keys: keys.iter().map(|&k| (k, self.rows.schema.fields[k].ty)).collect(),
            aggregates,
            whole_windows: top.is_some(),
            lateness: timing.lateness,
            firings: timing.firings,
            audited: false,
            keep_states: is_true(&spec.state),
        };
        let names = keys.iter().map(|&k| self.rows.schema.fields[k].name.clone()).collect();
        let grouping = self.grouping(Grouping { plan, keys: names });
        Some((
            shaped.schema,
            OutputKind::Groups { grouping, post: Box::new(Post { columns: shaped.columns, having, top }) },
        ))
    }

    fn keys(&mut self, spec: &OutputSpec) -> Option<Vec<usize>> {
        let mut keys = vec![];
        for name in &spec.by {
            match self.rows.schema.index_of(&name.value) {
                Some(index) => keys.push(index),
                None => {
                    let known = self.rows.schema.names().filter(|n| !n.starts_with("__arg_"));
                    self.fault(super::unknown_column(&name.value, known), &name.span);
                }
            }
        }
        if keys.len() < spec.by.len() {
            return None;
        }
        self.rows.read(keys.iter().copied());
        Some(keys)
    }

    /// Whether no key has the name of another column that the output begins with.
    fn keys_stand_alone(&self, spec: &OutputSpec, window: Window, timing: &Timing) -> bool {
        let mut taken: Vec<&str> = match window {
            Window::Global => vec![],
            _ => vec!["window_start", "window_end"],
        };
        taken.extend(timing.firings.then_some("firing"));
        let faults = spec.by.iter().enumerate().filter(|(i, key)| {
            let clash =
                taken.contains(&key.value.as_str()) || spec.by[..*i].iter().any(|k| k.value == key.value);
            if clash {
                self.fault(Error::job(format!("the output has two columns `{}`", key.value)), &key.span);
            }
            clash
        });
        faults.count() == 0
    }

    fn aggregate(&mut self, call: &AggregateCall, sql: &At<String>) -> Option<(Aggregate, Vec<usize>)> {
        let mut args = call.args.clone();
        let mut quantile = None;
        if call.name == "quantile" {
            let q = args.pop()?;
            quantile = q.parse().ok().filter(|q| (0.0..=1.0).contains(q));
            if quantile.is_none() {
                let error = Error::job(format!(
                    "the second argument of `quantile` is a number from 0 to 1, not `{q}`"
                ));
                self.fault(error, &sql.span);
                return None;
            }
        }
        let columns: Vec<usize> = args
            .into_iter()
            .map(|arg| self.rows.column_of(&At { value: arg, span: sql.span.clone() }))
            .collect::<Option<_>>()?;
        let types: Vec<DataType> = columns.iter().map(|&c| self.rows.schema.fields[c].ty).collect();
        match Aggregate::resolve(&call.name, call.distinct, types, quantile) {
            Ok(aggregate) => Some((aggregate, columns)),
            Err(error) => {
                self.fault(error, &sql.span);
                None
            }
        }
    }

    fn having(
        &self,
        sql: &At<String>,
        selection: &Selection,
        calls: &[AggregateCall],
        shaped: &Shaped,
    ) -> Option<Expr> {
        let mut schema = shaped.schema.clone();
        schema.fields.extend(
            shaped
                .frame
                .fields
                .iter()
                .filter(|f| schema.index_of(&f.name).is_none())
                .cloned()
                .collect::<Vec<_>>(),
        );
        let text = around(&sql.value, selection, calls);
        let error = match Expr::compile(&text, &schema, &self.zone) {
            Ok(expr) if expr.ty() == DataType::Bool => return Some(expr),
            Ok(expr) => Error::job(format!("`having` needs a bool, and its type is {}", expr.ty())),
            Err(error) => error,
        };
        self.fault(error, &sql.span);
        None
    }

    fn top_order(&self, by: &At<String>, schema: &Schema) -> Option<Vec<(usize, bool)>> {
        let mut order = vec![];
        for term in by.value.split(',') {
            let mut words = term.split_whitespace();
            let name = words.next().unwrap_or("");
            let descending = match words.next().map(str::to_ascii_lowercase).as_deref() {
                None | Some("asc") => false,
                Some("desc") => true,
                Some(other) => {
                    self.fault(Error::job(format!("`{other}` in `top` is neither asc nor desc")), &by.span);
                    return None;
                }
            };
            let Some(index) = schema.index_of(name) else {
                let error =
                    Error::job(format!("the output has no column `{name}`")).nearest(name, schema.names());
                self.fault(error, &by.span);
                return None;
            };
            order.push((index, descending));
        }
        Some(order)
    }

    /// The number of an equal grouping, or of this new one.
    fn grouping(&mut self, wanted: Grouping) -> usize {
        let same = self.groupings.iter_mut().position(|g| {
            g.keys == wanted.keys
                && g.plan.window == wanted.plan.window
                && g.plan.aggregates == wanted.plan.aggregates
                && g.plan.lateness == wanted.plan.lateness
                && g.plan.firings == wanted.plan.firings
        });
        match same {
            Some(index) => {
                let plan = &mut self.groupings[index].plan;
                plan.whole_windows |= wanted.plan.whole_windows;
                plan.keep_states |= wanted.plan.keep_states;
                index
            }
            None => {
                self.groupings.push(wanted);
                self.groupings.len() - 1
            }
        }
    }

    fn partition_by(
        &self,
        spec: &OutputSpec,
        to: &OutputTo,
        columns: &Schema,
        kind: &OutputKind,
    ) -> Option<Vec<PartitionPart>> {
        let timeless = match kind {
            OutputKind::Rows(_) | OutputKind::Archive(_) => false,
            OutputKind::Groups { grouping, .. } => self.groupings[*grouping].plan.window == Window::Global,
        };
        let archive = matches!(kind, OutputKind::Archive(_));
        let mut parts = vec![];
        for name in &spec.partition_by {
            let time = PartitionPart::of_time(&name.value);
            let own = columns.index_of(&name.value);
            let error = match (time, own) {
                _ if !matches!(to, OutputTo::Folder(_)) => {
                    Error::job("only a folder can have partitions").hint("give a path without an extension")
                }
                (Some(_), Some(_)) => Error::job(format!(
                    "the partition `{0}` would have the name of the output's column `{0}`",
                    name.value
                ))
                .hint(match archive {
                    true => {
                        "an archive keeps the source's names: choose others of year, month, date and hour"
                    }
                    false => "give the column another name in `select`",
                }),
                (Some(_), None) if timeless => {
                    Error::job(format!("`{}` needs a window with a start", name.value))
                }
                (Some(part), None) => {
                    parts.push(part);
                    continue;
                }
                (None, _) if archive => {
                    Error::job(format!("an archive cannot be partitioned by `{}`", name.value))
                        .hint("only by the event time: year, month, date or hour")
                }
                (None, Some(column)) => {
                    parts.push(PartitionPart::Column(column));
                    continue;
                }
                (None, None) => {
                    let known = ["year", "month", "date", "hour"].into_iter().chain(columns.names());
                    Error::job(format!("cannot partition by `{}`", name.value)).nearest(&name.value, known)
                }
            };
            self.fault(error, &name.span);
            return None;
        }
        if parts.iter().filter(|p| matches!(p, PartitionPart::Column(_))).count() == columns.fields.len() {
            self.fault(Error::job("all columns name partitions, and none is left for the files"), &spec.span);
            return None;
        }
        Some(parts)
    }
}

/// The columns of a grouped output as they are added.
struct Shaped {
    schema: Schema,
    columns: Vec<PlannedColumn>,
    /// What expressions see: window bounds, keys, firing, aggregates by number.
    frame: Schema,
}

impl Shaped {
    fn new(
        window: Window,
        keys: &[usize],
        firings: bool,
        rows: &Schema,
        aggregates: &[(Aggregate, Vec<usize>)],
    ) -> Shaped {
        let (mut fields, mut columns) = (vec![], vec![]);
        if window != Window::Global {
            fields.extend(window_fields());
            columns.extend([PlannedColumn::WindowStart, PlannedColumn::WindowEnd]);
        }
        fields.extend(keys.iter().map(|&k| rows.fields[k].clone()));
        columns.extend((0..keys.len()).map(PlannedColumn::Key));
        if firings {
            fields.push(Field::new("firing", DataType::Int64));
            columns.push(PlannedColumn::Firing);
        }
        let mut frame = fields.clone();
        frame.extend(aggregates.iter().enumerate().map(|(i, (a, _))| Field::new(aggregate_name(i), a.ty())));
        Shaped { schema: Schema::new(fields), columns, frame: Schema::new(frame) }
    }

    fn add(
        &mut self,
        name: &str,
        sql: &At<String>,
        selection: &Selection,
        calls: &[AggregateCall],
        planner: &Planner,
    ) -> Result<()> {
        let (ty, column) = match (&selection.around, &selection.calls[..]) {
            (None, [call]) => {
                let value = calls.iter().position(|c| c == call).unwrap_or(0);
                let field = &self.frame.fields[self.frame.fields.len() - calls.len() + value];
                (field.ty, PlannedColumn::Value(value))
            }
            _ => {
                let expr = Expr::compile(&around(&sql.value, selection, calls), &self.frame, &planner.zone)?;
                (expr.ty(), PlannedColumn::Computed(expr))
            }
        };
        self.schema.fields.push(Field::new(name, ty));
        self.columns.push(column);
        Ok(())
    }
}

/// The SQL around the calls of a selection, with the output's numbers for them.
fn around(sql: &str, selection: &Selection, calls: &[AggregateCall]) -> String {
    let number = |call: &AggregateCall| calls.iter().position(|c| c == call).unwrap_or(0);
    let Some(text) = &selection.around else {
        return selection.calls.first().map_or_else(|| sql.to_string(), |c| aggregate_name(number(c)));
    };
    // Own numbers count from 0 in the selection; go through names that cannot clash.
    let mut text = text.clone();
    for i in (0..selection.calls.len()).rev() {
        text = text.replace(&aggregate_name(i), &format!("__call_{i}_"));
    }
    for (i, call) in selection.calls.iter().enumerate() {
        text = text.replace(&format!("__call_{i}_"), &aggregate_name(number(call)));
    }
    text
}

/// What may be left out but must be right if it is there.
fn transpose<T>(value: Option<Option<T>>) -> Option<Option<T>> {
    match value {
        None => Some(None),
        Some(None) => None,
        Some(some) => Some(some),
    }
}

/// Where an output goes by its path: the terminal, a file by its extension, else a folder; of a table of a server the
/// folder of its mirror.
pub(super) fn goes_to(spec: &OutputSpec) -> Option<OutputTo> {
    let path = &spec.path.as_ref()?.value;
    if let Some(mirror) = published::mirror(spec) {
        return Some(mirror);
    }
    if path == "-" {
        return Some(OutputTo::Terminal);
    }
    let target = PathBuf::from(path);
    Some(match Format::of_path(&target) {
        Some(_) if !path.ends_with('/') => OutputTo::File(target),
        _ => OutputTo::Folder(target),
    })
}

/// Whether the last part of a path looks like a file name: a short extension of letters.
fn looks_like_file(path: &Path) -> bool {
    path.extension()
        .and_then(|e| e.to_str())
        .is_some_and(|e| e.len() <= 5 && e.chars().all(|c| c.is_ascii_alphabetic()))
}
