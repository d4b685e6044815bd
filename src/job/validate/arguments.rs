//! The aggregates of a grouping: their arguments as columns of the rows, and what they are of such types.
//!
//! # Contract
//! A FILTER is no part of an aggregate: its first argument is NULL where the condition is not true, and all aggregates
//! leave out events in which that is NULL.

use super::groups::transpose;
use super::held::ResolvedAggregate;
use super::planner::Planner;
use crate::aggregate::catalog::{self, LiteralKind, Takes};
use crate::aggregate::{Aggregate, SortDirection, TypedCall};
use crate::batch::{ColumnId, DataType};
use crate::error::{Error, Result};
use crate::expr::{AggregateCall, OrderBy, text_literal};
use crate::job::document::At;
use sqlparser::ast::helpers::attached_token::AttachedToken;
use sqlparser::ast::{CaseWhen, Expr as Ast};

impl Planner<'_> {
    /// The aggregate of a call, and the columns of its arguments; `None` after a fault.
    pub(super) fn aggregate(&mut self, call: &AggregateCall, sql: &At<String>) -> ResolvedAggregate {
        // A fault ends it only at the end, so that the arguments are looked at too.
        let literal = literal(call).map_err(|error| self.fault(error, &sql.span)).ok();
        let mut args = call.args.clone();
        let filter = call.filter.as_ref().map(|filter| self.condition(filter, sql));
        if let (Some(condition), Some(Some(()))) = (&call.filter, &filter) {
            // `count(*)` takes no value: it counts those that the condition leaves.
            let first = args.first().unwrap_or(condition).clone();
            args.splice(..args.len().min(1), [filtered(condition, first)]);
        }
        let order = call.order.iter().map(|order| order.by.clone());
        let columns: Vec<Option<ColumnId>> = args
            .into_iter()
            .chain(order)
            .map(|arg| {
                let expr = self.rows.expr_of(arg, &sql.span)?;
                Some(self.rows.column_with(expr))
            })
            .collect();
        let columns: Vec<ColumnId> = columns.into_iter().collect::<Option<_>>()?;
        let (literal, _) = (literal?, transpose(filter)?);
        let direction =
            |order: &OrderBy| SortDirection { descending: order.descending, nulls_first: order.nulls_first };
        let takes_numbers = catalog::forms(&call.name).any(|form| form.takes.contains(&Takes::Number));
        let made = Aggregate::of(TypedCall {
            name: &call.name,
            distinct: call.distinct,
            args: columns.iter().map(|&c| self.rows.schema.fields[c].ty.computed()).collect(),
            order: call.order.iter().map(direction).collect(),
            ..literal
        });
        match made {
            Ok(aggregate) => Some((aggregate, columns)),
            Err(error) => {
                // Only a column of the files may be text by a wrong guess.
                let names = columns.iter().filter(|c| takes_numbers && c.place() < self.rows.source_columns);
                let names = names.map(|&column| self.rows.schema.fields[column].name.as_str());
                let error = self.rows.texts.with_reasons_of(error, names);
                self.fault(self.rows.open_in(error, call.args.iter()), &sql.span);
                None
            }
        }
    }

    /// Looks at the condition of a FILTER; `None` after a fault.
    fn condition(&mut self, filter: &Ast, sql: &At<String>) -> Option<()> {
        let expr = self.rows.expr_of(filter.clone(), &sql.span)?;
        if expr.ty() != DataType::Bool {
            let error = format!("the condition of FILTER must be a bool, but its type is {}", expr.ty());
            self.fault(self.rows.open_in(Error::job(error), std::iter::once(filter)), &sql.span);
            return None;
        }
        Some(())
    }
}

/// `arg` where `filter` is true, and NULL elsewhere: aggregates leave NULL out.
fn filtered(filter: &Ast, arg: Ast) -> Ast {
    let conditions = vec![CaseWhen { condition: filter.clone(), result: arg }];
    Ast::Case {
        case_token: AttachedToken::empty(),
        end_token: AttachedToken::empty(),
        operand: None,
        conditions,
        else_result: None,
    }
}

/// What the literal of a call says.
///
/// # Errors
/// A job error without a place: no such literal.
fn literal(call: &AggregateCall) -> Result<TypedCall<'_>> {
    let literal = call.literal.as_ref();
    let kind = catalog::forms(&call.name).find_map(|form| form.literal);
    let (Some(literal), Some(kind)) = (literal, kind) else { return Ok(TypedCall::default()) };
    match kind {
        LiteralKind::Quantile => {
            // A range does not contain NaN, so it is refused as well.
            let q = literal.to_string().parse().ok().filter(|q| (0.0..=1.0).contains(q));
            let quantile = Some(q.ok_or_else(|| {
                let which = if call.name == "percentile_cont" { "the" } else { "the second" };
                let name = &call.name;
                Error::job(format!("{which} argument of `{name}` is a number from 0 to 1, not `{literal}`"))
            })?);
            Ok(TypedCall { quantile, ..TypedCall::default() })
        }
        LiteralKind::Separator => match text_literal(literal) {
            Some(separator) => Ok(TypedCall { separator: Some(separator), ..TypedCall::default() }),
            None => {
                let name = &call.name;
                let error =
                    format!("the second argument of `{name}` is a text such as ', ', not `{literal}`");
                Err(Error::job(error))
            }
        },
    }
}
