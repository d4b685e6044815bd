//! The filter of a table of change events, and deletes.
//!
//! # Contract
//! A delete ends the row of its key whatever the row was: what a filter asks of the row's own columns does not leave it out.
//! What a filter asks of the log's own columns (`_op`, `_topic`, …) does.

use super::log::CheckedLog;
use super::rows::RowSource;
use crate::batch::ColumnId;
use crate::error::Error;
use crate::expr::{Expr, parse};
use crate::input::wire_format::LogColumn;
use crate::job::document::{At, Document};
use crate::plan::Step;
use sqlparser::ast::{BinaryOperator, Expr as Ast};

/// Lets deletes pass the filter `sql`, the last step of `rows`; `op` is the column of what an event does.
pub(super) fn pass(document: &Document, rows: &mut RowSource, op: ColumnId, sql: &At<String>) {
    // After a fault it is none.
    let (Some(Step::Filter(_)), Ok(ast)) = (rows.steps.last(), parse(&sql.value)) else { return };
    let own = own_columns(rows);
    let (mut log, mut row) = (vec![], vec![]);
    for condition in conditions(&ast) {
        match about(rows, condition, &own) {
            Some(About::Log) => log.push(condition.to_string()),
            Some(About::Row) => row.push(condition.to_string()),
            Some(About::Both) => {
                let error = Error::job(format!(
                    "`{condition}` mixes columns of the log and of the row, so it does not say whether a delete is left out"
                ));
                document.fault(error.hint("write them as two conditions, joined by AND"), &sql.span);
            }
            // A condition that does not compile is a fault already.
            None => return,
        }
    }
    if row.is_empty() {
        return;
    }
    let op = &rows.schema.fields[op].name;
    log.push(format!("CASE WHEN {op} = 'd' THEN true ELSE {} END", row.join(" AND ")));
    if let Ok(expr) = rows.compiled(&log.join(" AND ")) {
        rows.read(expr.inputs().iter().copied().map(ColumnId::new));
        // The step that was made of the filter alone gives way to the new one.
        rows.steps.pop();
        rows.steps.push(Step::Filter(expr));
    }
}

/// What there is to tell of a source of change events, where the job does not ask what they are.
pub(super) fn note(log: &CheckedLog, rows: &RowSource) -> Option<String> {
    let columns = [log.own(LogColumn::Op)?, log.own(LogColumn::Deleted)?];
    // A job that reads these columns knows of deletes.
    let asks = columns.iter().any(|column| rows.used.contains(&column.place()));
    (!asks).then(|| {
        "each change event counts as an event, and a delete has the old row: changelog = \"debezium\" counts the last of each key"
            .to_string()
    })
}

/// What there is to tell of a table whose columns are those of change events that are not unwrapped, as in Avro and Parquet, unless
/// its filter asks what they are.
pub(super) fn not_unwrapped(log: &CheckedLog, title: &str, filter: Option<&At<String>>) -> Option<String> {
    let has = |prefix: &str| log.inferred.names().any(|name| name.starts_with(prefix));
    let is = log.own(LogColumn::Op).is_none()
        && log.inferred.column("op").is_some()
        && has("before.")
        && has("after.");
    // A rough look is enough, as only a note depends on it.
    let asks = filter.is_some_and(|sql| sql.value.contains("op"));
    (is && !asks).then(|| {
        format!(
            "{title} has change events that are not unwrapped, so a delete cannot end a row. Only JSON is unwrapped; filter = \"op <> 'd'\" keeps rows valid after a delete"
        )
    })
}

/// What a condition asks about.
#[derive(PartialEq, Eq)]
enum About {
    Log,
    Row,
    Both,
}

/// By column of the schema, whether it is the log's own, or computed of such alone.
fn own_columns(rows: &RowSource) -> Vec<bool> {
    let fields = rows.schema.fields.iter().take(rows.source_columns);
    let mut own: Vec<bool> = fields.map(|field| LogColumn::named(&field.name).is_some()).collect();
    for step in &rows.steps {
        if let Step::Derive(_, expr) = step {
            own.push(expr.inputs().iter().all(|input| own.get(*input).copied().unwrap_or(false)));
        }
    }
    own
}

fn about(rows: &RowSource, condition: &Ast, own: &[bool]) -> Option<About> {
    let expr: Expr = rows.compiled(&condition.to_string()).ok()?;
    let is_own = |input: &usize| own.get(*input).copied().unwrap_or(false);
    Some(match (expr.inputs().iter().all(is_own), expr.inputs().iter().any(is_own)) {
        (true, _) => About::Log,
        (false, true) => About::Both,
        (false, false) => About::Row,
    })
}

/// The conditions that AND joins.
fn conditions(ast: &Ast) -> Vec<&Ast> {
    match ast {
        // Brackets around an AND do not change it; those around an OR make it one condition.
        Ast::Nested(inside) => match conditions(inside) {
            one if one.len() == 1 => vec![ast],
            many => many,
        },
        Ast::BinaryOp { left, op: BinaryOperator::And, right } => {
            [conditions(left), conditions(right)].concat()
        }
        other => vec![other],
    }
}
