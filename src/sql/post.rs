//! From groups to the rows of an output: expressions, `having`, `top`, and the order of rows.

use super::statement::{Select, Statement};
use super::words::collation;
use super::{Dialect, SqlScript, TIME, WINDOW_END, WINDOW_START, aggregates, windows};
use crate::batch::{ColumnId, Field};
use crate::error::Result;
use crate::expr::Expr;
use crate::plan::{Grouping, OutputPlan, PlannedColumn, Post, window_fields};
use std::collections::BTreeMap;

/// The statement of an output of events.
pub(super) fn rows(s: Statement, output: &OutputPlan, columns: &[ColumnId]) -> Result<SqlScript> {
    let select = select_rows(&s, output, columns)?;
    let order: Vec<String> = s.in_replay_order().iter().map(ToString::to_string).collect();
    Ok(s.finish(select.order(order)))
}

/// The events of an output, in no order.
pub(super) fn select_rows(s: &Statement, output: &OutputPlan, columns: &[ColumnId]) -> Result<Select> {
    let mut select = Select::new(Vec::<String>::new(), &s.last);
    for (field, &column) in output.columns.fields.iter().zip(columns) {
        select.columns.push(named(&s.column(column)?, &s.ident(&field.name)));
    }
    if s.timed {
        select.columns.push(TIME.into());
    }
    Ok(select)
}

/// `sql AS name`, or the name alone where it is that.
fn named(sql: &str, name: &str) -> String {
    if sql == name { name.to_string() } else { format!("{sql} AS {name}") }
}

/// Fails where no statement gives the rows of an output of groups.
///
/// # Errors
/// A job error that names it.
pub(super) fn check(s: &Statement, closed: bool, post: &Post) -> Result<()> {
    if closed {
        return Err(s.refuse("`emit = \"closed\"`, as the watermark at the end of the log decides it,"));
    }
    if post.columns.iter().any(|column| matches!(column, PlannedColumn::Firing)) {
        return Err(s.refuse("an output of every firing, whose rows depend on the events between firings,"));
    }
    Ok(())
}

/// The statement of an output of groups.
///
/// # Errors
/// A job error that names what the dialect cannot express.
pub(super) fn groups(
    mut s: Statement,
    output: &OutputPlan,
    grouping: &Grouping,
    post: &Post,
) -> Result<SqlScript> {
    let named = GroupNames::new(&s, output, grouping, post);
    let placed = windows::place(&mut s, grouping, named.zoned)?;
    let (select, order) = select_groups(&mut s, (output, grouping, post), &named, &placed)?;
    Ok(s.finish(select.order(order)))
}

/// The groups of an output of a stream, in no order.
///
/// # Errors
/// A job error that names what a stream has not.
pub(super) fn live_groups(
    s: &mut Statement,
    output: &OutputPlan,
    grouping: &Grouping,
    post: &Post,
    placed: &windows::Placed,
) -> Result<Select> {
    check(s, output.closed, post)?;
    if post.top.is_some() {
        return Err(s.refuse("`top` in a stream"));
    }
    let named = GroupNames::new(s, output, grouping, post);
    Ok(select_groups(s, (output, grouping, post), &named, placed)?.0)
}

/// The groups of an output, and what their rows are ordered by.
fn select_groups(
    s: &mut Statement,
    (output, grouping, post): (&OutputPlan, &Grouping, &Post),
    named: &GroupNames,
    placed: &windows::Placed,
) -> Result<(Select, Vec<String>)> {
    let grouped = group(s, grouping, named, placed)?;
    s.last = s.with("grouped", grouped);

    // What `having` and `top` look at are columns of the output, so they are computed first.
    let computed = |s: &Statement| {
        let column = |(number, column): (usize, &PlannedColumn)| {
            let PlannedColumn::Computed(expr) = column else { return Ok(None) };
            Ok(Some((number, named.expr(s, expr, &[])?)))
        };
        let all = post.columns.iter().enumerate().map(column);
        all.filter_map(Result::transpose).collect::<Result<BTreeMap<usize, String>>>()
    };
    let computed = computed(s)?;
    let early = (post.having.is_some() || post.top.is_some()) && !computed.is_empty();
    if early {
        let columns = computed.iter().map(|(&i, sql)| format!("{sql} AS {}", s.ident(&named.columns[i])));
        s.append("computed", columns.collect::<Vec<_>>());
    }
    if let Some(having) = &post.having {
        let select = Select::new(["*"], &s.last).filter(named.expr(s, having, &output.columns.fields)?);
        s.last = s.with("kept", select);
    }
    let keys: Vec<String> = grouping.keys.iter().map(|key| ascending(s, grouping, key)).collect();
    let bounds: Vec<String> = placed.bounds.iter().flat_map(|_| window_fields()).map(|f| f.name).collect();
    let mut order = bounds.clone();
    if let Some(top) = &post.top {
        let mut by = vec![];
        for &(column, descending) in &top.by {
            let field = &output.columns.fields[column];
            let collate = collation(s.dialect, field.ty);
            let direction = if descending { " DESC" } else { "" };
            // NULLS LAST is written out, as the dialects have different defaults.
            by.push(format!("{}{collate}{direction} NULLS LAST", s.ident(&named.columns[column])));
        }
        // Keys break ties, so that every engine keeps the same top rows.
        by.extend(keys.clone());
        ranked(s, &bounds, &by);
        let select = Select::new(["*"], &s.last).filter(format!("_rank <= {}", top.n));
        s.last = s.with("top_rows", select);
        order.push("_rank".into());
    } else {
        order.extend(keys);
    }
    if named.hides_order(output) {
        // ORDER BY takes the names of the SELECT first, so what rows are ordered by gets names that no column has.
        let own = |number: usize| format!("_row_{}", number + 1);
        let copies = order.iter().enumerate().map(|(i, by)| {
            let by = by.split_once(" NULLS").map_or(by.as_str(), |(by, _)| by);
            format!("{} AS {}", by.split_once(" COLLATE").map_or(by, |(by, _)| by), own(i))
        });
        let copies: Vec<String> = copies.collect();
        s.append("placed", copies);
        order = order
            .iter()
            .enumerate()
            .map(|(i, by)| {
                let words = by.find(" COLLATE").or_else(|| by.find(" NULLS")).map_or("", |at| &by[at..]);
                format!("{}{words}", own(i))
            })
            .collect();
    }
    let mut select = Select::new(Vec::<String>::new(), &s.last);
    for (number, (field, column)) in output.columns.fields.iter().zip(&post.columns).enumerate() {
        let name = s.ident(&field.name);
        select.columns.push(match (column, computed.get(&number)) {
            // Where `having` or `top` needed the columns, they are computed already: the name is enough then.
            (_, Some(sql)) if !early => format!("{sql} AS {name}"),
            // The windows' own names need no quotes.
            (PlannedColumn::WindowStart | PlannedColumn::WindowEnd, _)
                if named.columns[number] == field.name =>
            {
                field.name.clone()
            }
            _ => self::named(&s.ident(&named.columns[number]), &name),
        });
    }
    if s.timed && !bounds.is_empty() {
        let hidden = window_fields().into_iter().zip([WINDOW_START, WINDOW_END]);
        select.columns.extend(hidden.map(|(bound, hidden)| format!("{} AS {hidden}", bound.name)));
    }
    Ok((select, order))
}

/// Appends `_rank`: the number of a row in its window, in the order `by`.
fn ranked(s: &mut Statement, bounds: &[String], by: &[String]) {
    let window = super::statement::partition_by(bounds);
    if s.dialect == Dialect::Polars {
        // It orders a window in one direction alone; so the rows are brought into order before.
        let order = bounds.iter().chain(by).cloned();
        let ordered = Select::new(["*"], &s.last).order(order);
        s.last = s.with("ordered", ordered);
        return s.append("ranked", [format!("ROW_NUMBER() OVER ({}) AS _rank", window.trim_end())]);
    }
    s.append("ranked", [format!("ROW_NUMBER() OVER ({window}ORDER BY {}) AS _rank", by.join(", "))]);
}

/// A key in the order of rows: text by its bytes, NULL last.
fn ascending(s: &Statement, grouping: &Grouping, key: &str) -> String {
    let number = grouping.keys.iter().position(|k| k == key).expect("a key of the grouping");
    format!("{}{} NULLS LAST", s.ident(key), collation(s.dialect, grouping.plan.keys[number].1))
}

/// The names that columns of groups have.
struct GroupNames<'a> {
    /// Of each aggregate: that of the first column of the output that it is.
    values: Vec<String>,
    /// Of each column of the output: the one that it has until it is written.
    columns: Vec<String>,
    /// Which aggregates the output reads.
    used: Vec<bool>,
    keys: &'a [String],
    /// What expressions see.
    frame: Vec<PlannedColumn>,
    /// Whether an expression reads the bounds.
    zoned: bool,
}

impl<'a> GroupNames<'a> {
    fn new(s: &Statement, output: &OutputPlan, grouping: &'a Grouping, post: &Post) -> GroupNames<'a> {
        let read = post.read(grouping);
        let (mut values, mut used) = (vec![], vec![]);
        let renames = renames(output, grouping, post);
        for i in 0..grouping.plan.aggregates.len() {
            let is = |column: &PlannedColumn| matches!(column, PlannedColumn::Value(v) if *v == i);
            let own = post.columns.iter().position(is);
            values.push(match own {
                Some(column) if !renames => output.columns.fields[column].name.clone(),
                _ => format!("_value_{}", i + 1),
            });
            used.push(own.is_some() || read.iter().any(is));
        }
        let is_bound =
            |column: &PlannedColumn| matches!(column, PlannedColumn::WindowStart | PlannedColumn::WindowEnd);
        let zoned = s.dialect == Dialect::Polars && read.iter().any(is_bound);
        let [start, end] = window_fields().map(|field| field.name);
        let columns = output.columns.fields.iter().zip(&post.columns).enumerate();
        let columns = columns.map(|(i, (field, column))| match column {
            // Two columns may be one aggregate, which is computed once.
            PlannedColumn::Value(v) => values[*v].clone(),
            _ if !renames => field.name.clone(),
            PlannedColumn::WindowStart => start.clone(),
            PlannedColumn::WindowEnd => end.clone(),
            PlannedColumn::Key(k) => grouping.keys[*k].clone(),
            PlannedColumn::Firing | PlannedColumn::Computed(_) => {
                format!("_value_{}", grouping.plan.aggregates.len() + i + 1)
            }
        });
        let columns = columns.collect();
        GroupNames { values, columns, used, keys: &grouping.keys, frame: grouping.frame(), zoned }
    }

    /// Whether a column of the output has the name of a bound or a key and is something else.
    fn hides_order(&self, output: &OutputPlan) -> bool {
        let [start, end] = window_fields().map(|field| field.name);
        let is_ours = |name: &String| *name == start || *name == end || self.keys.contains(name);
        let fields = output.columns.fields.iter().zip(&self.columns);
        fields.into_iter().any(|(field, own)| field.name != *own && is_ours(&field.name))
    }

    /// An expression over groups, which sees `own`, columns of the output, before them.
    fn expr(&self, s: &Statement, expr: &Expr, own: &[Field]) -> Result<String> {
        let [start, end] = window_fields();
        let column = |number: usize| {
            let name = match own.get(number) {
                Some(field) => &field.name,
                None => match &self.frame[number - own.len()] {
                    PlannedColumn::WindowStart => &start.name,
                    PlannedColumn::WindowEnd => &end.name,
                    PlannedColumn::Key(k) => &self.keys[*k],
                    PlannedColumn::Value(v) => &self.values[*v],
                    PlannedColumn::Firing | PlannedColumn::Computed(_) => unreachable!("refused before"),
                },
            };
            s.ident(name)
        };
        super::expr::translate(s.dialect, expr, &column)
    }
}

/// Whether an output gives bounds and keys other names, or their names to other columns.
fn renames(output: &OutputPlan, grouping: &Grouping, post: &Post) -> bool {
    let [start, end] = window_fields().map(|field| field.name);
    output.columns.fields.iter().zip(&post.columns).any(|(field, column)| match column {
        PlannedColumn::WindowStart => field.name != start,
        PlannedColumn::WindowEnd => field.name != end,
        PlannedColumn::Key(k) => field.name != grouping.keys[*k],
        PlannedColumn::Value(_) | PlannedColumn::Computed(_) | PlannedColumn::Firing => {
            field.name == start || field.name == end || grouping.keys.contains(&field.name)
        }
    })
}

/// The rows of each window and key as one.
fn group(
    s: &mut Statement,
    grouping: &Grouping,
    named: &GroupNames,
    placed: &windows::Placed,
) -> Result<Select> {
    let used = grouping.plan.aggregates.iter().zip(&named.used).filter(|(_, used)| **used);
    s.settle(used.flat_map(|((_, args), _)| args.iter().copied()))?;
    let (mut prepared, mut counted, mut ranked, mut values) = (vec![], vec![], vec![], vec![]);
    for (i, (aggregate, args)) in grouping.plan.aggregates.iter().enumerate() {
        if !named.used[i] {
            continue;
        }
        let made = aggregates::aggregate(s, i + 1, (aggregate, args), &placed.group)?;
        prepared.extend(made.prepared);
        counted.extend(made.counted);
        ranked.extend(made.ranked);
        values.push(format!("{} AS {}", made.value, s.ident(&named.values[i])));
    }
    for (name, columns) in [("prepared", prepared), ("counted", counted), ("numbered", ranked)] {
        if !columns.is_empty() {
            if s.live {
                return Err(
                    s.refuse("an aggregate that needs the rows of a window in an order, in a stream,")
                );
            }
            s.append(name, columns);
        }
    }
    let mut columns = vec![];
    for (bound, field) in placed.bounds.iter().flatten().zip(window_fields()) {
        columns.push(self::named(bound, &field.name));
    }
    for (key, &(column, _)) in grouping.keys.iter().zip(&grouping.plan.keys) {
        columns.push(self::named(&s.column(column)?, &s.ident(key)));
    }
    columns.extend(values);
    Ok(Select::new(columns, &s.last).group(placed.group.clone()))
}
