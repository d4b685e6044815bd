//! The aggregates of a grouping: their arguments as columns of the rows, and what they are of such types.
//!
//! # Contract
//! A FILTER is no part of an aggregate: its first argument is NULL where the condition is not true, and all aggregates
//! leave out events in which that is NULL.

use super::Planner;
use super::groups::{Resolved, transpose};
use crate::aggregate::catalog::{self, LiteralKind};
use crate::aggregate::{Aggregate, Call, Direction};
use crate::batch::DataType;
use crate::error::{Error, Result};
use crate::expr::{AggregateCall, OrderBy, text_literal};
use crate::input::infer::InferredColumn;
use crate::input::value::{declared, number_type};
use crate::job::document::At;
use sqlparser::ast::helpers::attached_token::AttachedToken;
use sqlparser::ast::{CaseWhen, Expr as Ast};

impl Planner<'_> {
    /// The aggregate of a call, and the columns of its arguments; `None` after a fault.
    pub(super) fn aggregate(&mut self, call: &AggregateCall, sql: &At<String>) -> Resolved {
        let literal = literal(call).map_err(|error| self.fault(error, &sql.span)).ok();
        let mut args = call.args.clone();
        let filter = call.filter.as_ref().map(|filter| self.condition(filter, sql));
        if let (Some(filter), None) = (&call.filter, args.first()) {
            // `count(*)` takes no value: it counts those that the condition leaves.
            args.push(filter.clone());
        }
        if let Some(filter) = &call.filter {
            args[0] = filtered(filter, &args[0]);
        }
        let order = call.order.iter().map(|order| order.by.clone());
        let columns: Vec<Option<usize>> = args
            .into_iter()
            .chain(order)
            .map(|arg| {
                let expr = self.rows.expr_of(arg, &sql.span)?;
                Some(self.rows.column_with(expr))
            })
            .collect();
        let columns: Vec<usize> = columns.into_iter().collect::<Option<_>>()?;
        let (literal, _) = (literal?, transpose(filter)?);
        let direction =
            |order: &OrderBy| Direction { descending: order.descending, nulls_first: order.nulls_first };
        let made = Aggregate::of(Call {
            name: &call.name,
            distinct: call.distinct,
            args: columns.iter().map(|&c| self.rows.schema.fields[c].ty).collect(),
            order: call.order.iter().map(direction).collect(),
            ..literal
        });
        match made {
            Ok(aggregate) => Some((aggregate, columns)),
            Err(error) => {
                let error = self.told_why(error, &columns);
                self.fault(error, &sql.span);
                None
            }
        }
    }

    /// The error, with the reason for which columns of the source were taken for texts, and how they become numbers.
    fn told_why(&self, error: Error, columns: &[usize]) -> Error {
        let of_source = columns.iter().filter(|&&column| column < self.rows.source_columns);
        let texts = of_source.map(|&column| &self.rows.schema.fields[column]);
        texts.filter(|field| field.ty == DataType::String).fold(error, |error, field| {
            let name = &field.name;
            let inferred = self.log.inferred.column(name).filter(|column| !column.declared);
            let Some(InferredColumn { why, examples, .. }) = inferred else { return error };
            let number = examples.iter().find_map(|example| number_type(example));
            let ty = number.unwrap_or(DataType::Decimal { precision: 18, scale: 2 });
            let error = error.caused_by(format!("`{name}` is taken for a {why}"));
            let error = error.hint(format!("{} declares it a number", declared(name, ty)));
            // A word that stands for NULL.
            match why.strip_suffix(" is no number").and_then(|why| why.split('`').nth(1)) {
                Some(word) => {
                    let null =
                        format!("CAST(NULLIF({name}, '{}') AS {})", word.replace('\'', "''"), sql_name(ty));
                    error.hint(format!("{null} reads it where `{word}` stands for NULL"))
                }
                None => error,
            }
        })
    }

    /// Looks at the condition of a FILTER; `None` after a fault.
    fn condition(&mut self, filter: &Ast, sql: &At<String>) -> Option<()> {
        let expr = self.rows.expr_of(filter.clone(), &sql.span)?;
        if expr.ty() != DataType::Bool {
            let error = format!("the condition of FILTER needs to be a bool, and its type is {}", expr.ty());
            self.fault(Error::job(error), &sql.span);
            return None;
        }
        Some(())
    }
}

/// A type in a CAST.
fn sql_name(ty: DataType) -> String {
    match ty {
        DataType::Int64 => "BIGINT".into(),
        other => other.to_string().to_uppercase(),
    }
}

/// `arg` where `filter` is true, and NULL elsewhere: aggregates leave NULL out.
fn filtered(filter: &Ast, arg: &Ast) -> Ast {
    let conditions = vec![CaseWhen { condition: filter.clone(), result: arg.clone() }];
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
fn literal(call: &AggregateCall) -> Result<Call<'_>> {
    let literal = call.literal.as_ref();
    let kind = catalog::forms(&call.name).find_map(|form| form.literal);
    let (Some(literal), Some(kind)) = (literal, kind) else { return Ok(Call::default()) };
    match kind {
        LiteralKind::Quantile => {
            let q = literal.to_string().parse().ok().filter(|q| (0.0..=1.0).contains(q));
            let quantile = Some(q.ok_or_else(|| {
                let which = if call.name == "percentile_cont" { "the" } else { "the second" };
                let name = &call.name;
                Error::job(format!("{which} argument of `{name}` is a number from 0 to 1, not `{literal}`"))
            })?);
            Ok(Call { quantile, ..Call::default() })
        }
        LiteralKind::Separator => match text_literal(literal) {
            Some(separator) => Ok(Call { separator: Some(separator), ..Call::default() }),
            None => {
                let name = &call.name;
                let error =
                    format!("the second argument of `{name}` is a text such as ', ', not `{literal}`");
                Err(Error::job(error))
            }
        },
    }
}
