//! What a run on an engine refuses, by name and before anything is read.

use crate::aggregate::{Function, Pairwise};
use crate::batch::DataType;
use crate::error::{Error, Result};
use crate::expr::Expr;
use crate::plan::{Grouping, OutputId, OutputKind, OutputPlan, Plan, PlannedColumn, Post};
use crate::sql::{self, Dialect};

/// Refuses what an engine that reads `dialect` cannot do exactly, all of it at once.
///
/// # Errors
/// A job error that names each.
pub(super) fn refuse(plan: &Plan, dialect: Dialect) -> Result<()> {
    let mut errors = vec![];
    for (id, output) in plan.deliveries.with_ids() {
        let before = errors.len();
        errors.extend(of_output(plan, output));
        // One fault of an output is enough, and its statement may fail for the same reason.
        if errors.len() == before {
            errors.extend(statement(plan, id, dialect));
        }
    }
    if plan.for_complete_outputs().is_some() {
        errors.push(
            Error::job("outputs of both modes stand behind steps that depend on order, and an engine counts one account")
                .hint("run the job without --on, or with --mode complete"),
        );
    }
    if plan.deliveries.late.is_some() {
        errors.push(
            Error::job("an engine does not give late events, so [late] is not written on it").hint(HERE),
        );
    }
    let tables = plan.pipeline.tables.iter().any(|table| table.rejects.is_some());
    if plan.deliveries.rejects.is_some() || tables {
        errors.push(
            Error::job("an engine does not show which records it rejects, so `rejects` is not written on it")
                .hint(HERE),
        );
    }
    let of_rows = plan.row_expressions().into_iter();
    errors.extend(of_rows.filter(|expr| expr.may_divide_by_zero(&|_| false)).map(by_zero));
    if errors.is_empty() {
        errors.extend(sql::account(plan, dialect).err());
    }
    Error::all(errors).map_or(Ok(()), Err)
}

/// Refuses a backfill of streamed results: it counts late events, and the statements leave them out.
///
/// # Errors
/// A job error.
pub(super) fn refuse_streamed(plan: &Plan) -> Result<()> {
    let streamed = plan.pipeline.groupings.iter().any(|grouping| grouping.plan.lateness.is_some());
    match streamed || plan.pipeline.steps_are_streamed() {
        true => Err(Error::job(
            "the job is streamed: a backfill counts its late events, and the statements for an engine leave them out",
        )
        .hint("run the backfill without --on, or with --mode complete")),
        false => Ok(()),
    }
}

/// What to do instead.
const HERE: &str = "run the job without --on";

/// The statement of an output cannot be said in the dialect.
fn statement(plan: &Plan, id: OutputId, dialect: Dialect) -> Option<Error> {
    sql::script_with_times(plan, id, dialect).err()
}

fn of_output(plan: &Plan, output: &OutputPlan) -> Option<Error> {
    let to = &output.to;
    let OutputKind::Groups { grouping, post } = &output.kind else {
        let archive = matches!(output.kind, OutputKind::Archive(_));
        return archive.then(|| {
            Error::job(format!(
                "{to} is an archive: an engine does not show the file and the place of each record"
            ))
            .hint(HERE)
        });
    };
    let groups = &plan.pipeline.groupings[*grouping].plan;
    if output.state {
        return Some(
            Error::job(format!(
                "{to} keeps the state of its groups (`state`), which an engine does not give"
            ))
            .hint("take `state` away, or run the job without --on"),
        );
    }
    let inexact = |column: &PlannedColumn| {
        let PlannedColumn::Value(i) = column else { return None };
        let (aggregate, _) = &groups.aggregates[*i];
        inexact(&aggregate.function, &aggregate.args)
    };
    if let Some(expr) = dividing(post, &plan.pipeline.groupings[*grouping]) {
        return Some(by_zero(expr));
    }
    let mut read = post.columns.iter().cloned().chain(post.read(&plan.pipeline.groupings[*grouping]));
    let (what, hint) = read.find_map(|column| inexact(&column))?;
    Some(Error::job(format!("{to} has {what}: an engine gives other digits than a run")).hint(hint))
}

/// The expression of an output that may divide by zero. A group has records, so `count(*)` is above zero.
fn dividing<'a>(post: &'a Post, grouping: &Grouping) -> Option<&'a Expr> {
    let frame = grouping.frame();
    let counts = |column: Option<&PlannedColumn>| {
        let Some(PlannedColumn::Value(i)) = column else { return false };
        grouping.plan.aggregates[*i].0.function == Function::CountRows
    };
    let of_frame = |number: usize| counts(frame.get(number));
    // Expressions of `having` count the columns of the output first.
    let own = post.columns.len();
    let of_having = |number: usize| match number.checked_sub(own) {
        None => counts(post.columns.get(number)),
        Some(number) => of_frame(number),
    };
    let computed = post.columns.iter().filter_map(|column| match column {
        PlannedColumn::Computed(expr) => Some(&**expr),
        _ => None,
    });
    let mut computed = computed.filter(|expr| expr.may_divide_by_zero(&of_frame));
    let having = post.having.as_ref().filter(|expr| expr.may_divide_by_zero(&of_having));
    computed.next().or(having)
}

/// The fault of an expression that divides by what may be zero.
fn by_zero(expr: &Expr) -> Error {
    let sql = expr.sql();
    Error::job(format!("`{sql}` divides by what may be zero: a run stops there, and an engine gives NULL"))
        .hint("say what is meant: x / NULLIF(y, 0) is NULL in both; or run the job without --on")
}

/// Aggregates of which engines give other values than a run, in words, and what to do.
fn inexact(function: &Function, of: &[DataType]) -> Option<(&'static str, &'static str)> {
    let floats = of.contains(&DataType::Float64);
    const DECIMAL: &str =
        "read the column as a decimal: types = { COLUMN = \"decimal(18,2)\" }; or run the job without --on";
    match function {
        Function::ApproxCountDistinct => {
            Some(("an approx_count_distinct", "count(distinct …) is exact; or run the job without --on"))
        }
        Function::Pairwise(Pairwise::Count) => None,
        Function::Pairwise(what) if floats || matches!(what, Pairwise::Corr | Pairwise::R2) => {
            Some(("a regression or a correlation", HERE))
        }
        Function::Sum if floats => Some(("a sum of float64", DECIMAL)),
        Function::Avg if floats => Some(("an average of float64", DECIMAL)),
        Function::Spread { .. } if floats => Some(("a variance of float64", DECIMAL)),
        _ => None,
    }
}
