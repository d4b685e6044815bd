//! `columns` of an output: its columns in the order in which they are written, under new names, and without those that are
//! left out.
//!
//! # Contract
//! * `select`, `having` and `top` speak of the columns of the output as `select` names them, partitions of those that are
//!   written.
//! * A plan knows the columns that are written alone: each is a bound of the window, a key, an aggregate, or an expression
//!   over these. So whatever follows needs no second list of columns.

use super::groups::GroupColumns;
use super::held::{no_column, two_columns};
use super::planner::Planner;
use super::rows;
use crate::batch::{Field, Schema};
use crate::error::Error;
use crate::expr::{AggregateCall, Expr, Selection};
use crate::job::document::At;
use crate::job::spec::OutputSpec;
use crate::plan::PlannedColumn;
use crate::time::Zone;

/// The columns of an output as they are written.
pub(super) struct ListedColumns<'a> {
    pub(super) schema: Schema,
    /// Where they come from; `None` after a fault.
    pub(super) columns: Vec<Option<PlannedColumn>>,
    /// Whether all of them are right.
    pub(super) right: bool,
    /// Of each the column of the output that it is, where nothing is computed.
    of: Vec<Option<usize>>,
    /// The columns of `select`, which expressions may name.
    selected: Vec<(&'a str, &'a Selection)>,
}

impl Planner<'_> {
    /// The columns that an output of groups is written with, where the job lists them.
    pub(super) fn listed<'a>(
        &self,
        spec: &'a OutputSpec,
        selections: &'a [Option<Selection>],
        calls: &[AggregateCall],
        shaped: &GroupColumns,
    ) -> Option<ListedColumns<'a>> {
        if spec.columns.is_empty() {
            return None;
        }
        let names = spec.select.iter().map(|(name, _)| name.value.as_str());
        let selected =
            names.zip(selections).filter_map(|(name, selection)| Some((name, selection.as_ref()?)));
        let mut written = ListedColumns {
            schema: Schema::default(),
            columns: vec![],
            right: true,
            of: vec![],
            selected: selected.collect(),
        };
        for (name, sql) in &spec.columns {
            if written.schema.index_of(&name.value).is_some() {
                self.fault(two_columns(&name.value), &name.span);
                written.right = false;
                continue;
            }
            let made = self.written_column(sql, calls, shaped, &written.selected);
            written.right &= made.is_some();
            let (field, column, of) = match made {
                Some((field, column, of)) => (named(field, &name.value), Some(column), of),
                None => (Field::faulty(&name.value), None, None),
            };
            written.schema.fields.push(field);
            written.columns.push(column);
            written.of.push(of);
        }
        Some(written)
    }

    /// One column: its field under any name, where it comes from, and the column of the output that it is.
    fn written_column(
        &self,
        sql: &At<String>,
        calls: &[AggregateCall],
        shaped: &GroupColumns,
        selected: &[(&str, &Selection)],
    ) -> Option<(Field, PlannedColumn, Option<usize>)> {
        let selection = self.parsed(sql)?;
        if let Some(call) = selection.calls.first() {
            let error = Error::job(format!("`{call}` is an aggregate, which is not allowed in `columns`"));
            self.fault(error.hint("name it in `select`, and its name here"), &sql.span);
            return None;
        }
        if let Some(name) = selection.name() {
            let Some(column) = shaped.schema.index_of(&name) else {
                rows::fault(&self.spec.document, shaped.open, no_column(&name, &shaped.schema), &sql.span);
                return None;
            };
            // After a fault of the column itself there is nothing more to say.
            return Some((
                shaped.schema.fields[column].clone(),
                shaped.columns[column].clone()?,
                Some(column),
            ));
        }
        match Expr::of_groups(&selection.over(selected), &shaped.frame, calls, &self.zone) {
            Ok(expr) => {
                Some((Field::new(expr.sql(), expr.ty()), PlannedColumn::Computed(Box::new(expr)), None))
            }
            Err(error) => {
                for error in error.each() {
                    rows::fault(&self.spec.document, shaped.open, error, &sql.span);
                }
                None
            }
        }
    }
}

impl ListedColumns<'_> {
    /// `having`, which has been compiled over the columns of `select`, over what a plan has: the columns that are written,
    /// of which it reads none, and then the groups.
    pub(super) fn condition(
        &self,
        having: &Selection,
        shaped: &GroupColumns,
        calls: &[AggregateCall],
        zone: &Zone,
    ) -> Option<Expr> {
        let mut expr = Expr::of_groups(&having.over(&self.selected), &shaped.frame, calls, zone).ok()?;
        let written = self.columns.len();
        expr.renumber(|number| number + written);
        Some(expr)
    }

    /// The order of `top`, which has columns of `select`, by the columns that are written.
    pub(super) fn order(
        &self,
        planner: &Planner,
        top: &At<String>,
        by: Vec<(usize, bool)>,
        shaped: &GroupColumns,
    ) -> Option<Vec<(usize, bool)>> {
        let place = |(column, descending): (usize, bool)| {
            let place = self.of.iter().position(|of| *of == Some(column));
            if place.is_none() {
                let name = &shaped.schema.fields[column].name;
                let error = Error::job(format!("`top` orders by `{name}`, which `columns` leaves out"));
                planner.fault(error.hint("add it to `columns`"), &top.span);
            }
            Some((place?, descending))
        };
        by.into_iter().map(place).collect()
    }
}

/// The field under the name `name`; one with a point is a path in a record.
pub(super) fn named(field: Field, name: &str) -> Field {
    Field { nested: name.contains('.'), ..Field::new(name, field.ty) }
}
