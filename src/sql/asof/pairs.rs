//! Enrichments as joins of all pairs, where the dialect does not carry a value along a window: the rows in reach of each
//! event are numbered from the nearest, and the first is taken.

use super::tables::{constant, deletes_can_be_said, no_service, rows, short};
use crate::asof::{Direction, Reach};
use crate::batch::{ColumnId, DataType};
use crate::error::Result;
use crate::plan::{EnrichPlan, TablePlan, Try};
use crate::sql::statement::{Select, Statement};
use crate::sql::{Dialect, POSITION, TIME, aggregate_parts, words};
use crate::time::TimeRule;

/// Appends an enrichment, step `number` of the job.
pub(super) fn enrich<'a>(s: &mut Statement<'a>, number: usize, enrich: &'a EnrichPlan) -> Result<()> {
    let mut joined = Select::new(["e.*"], format!("{} AS e", s.last));
    // Per column that is appended, the arms of a CASE.
    let mut arms: Vec<String> = vec![String::new(); enrich.take.len()];
    let mut otherwise: Vec<String> =
        enrich.take.iter().map(|field| format!("CAST(NULL AS {})", s.type_name(field.ty))).collect();
    for (t, attempt) in (1..).zip(&enrich.tries) {
        match attempt {
            Try::AsOf { table, on, reach, take } => {
                let found = &s.plan.pipeline.tables[*table];
                let matches = matches(s, (number, t), found, on, reach, take)?;
                // `matches` has at most one row of each event, so the join cannot multiply events.
                joined = joined.join(format!("LEFT JOIN {matches} AS m{t} ON m{t}._of_{t} = e.{POSITION}"));
                for (c, arm) in arms.iter_mut().enumerate() {
                    // The test is on `_of`: a matched row may have NULL in every column that is taken.
                    arm.push_str(&format!(" WHEN m{t}._of_{t} IS NOT NULL THEN m{t}._taken_{t}_{}", c + 1));
                }
            }
            Try::Constant(values) => {
                for ((value, field), otherwise) in values.iter().zip(&enrich.take).zip(&mut otherwise) {
                    *otherwise = constant(s.dialect, value, field.ty);
                }
                break;
            }
            Try::Service(_) => {
                return Err(no_service(s, enrich));
            }
        }
    }
    let alone = enrich.tries.len() == 1;
    for (c, ((field, arms), otherwise)) in enrich.take.iter().zip(&arms).zip(&otherwise).enumerate() {
        let name = s.ident(&field.name);
        joined.columns.push(match alone && !arms.is_empty() {
            // A row without a match has NULL, as a row of an outer join does.
            true => format!("m1._taken_1_{} AS {name}", c + 1),
            false if arms.is_empty() => format!("{otherwise} AS {name}"),
            false => format!("CASE{arms} ELSE {otherwise} END AS {name}"),
        });
    }
    s.last = s.with(&format!("enrich_{}_{number}", short(&enrich.from)), joined);
    enrich.take.iter().for_each(|field| s.push_column(&field.name));
    Ok(())
}

/// The rows that events take in one try: `_of_T`, the position of the event, and `_taken_T_1` and so on.
fn matches(
    s: &mut Statement,
    (number, t): (usize, usize),
    table: &TablePlan,
    on: &[ColumnId],
    reach: &Reach,
    take: &[usize],
) -> Result<String> {
    deletes_can_be_said(s, table, reach)?;
    let rows = rows(s, (number, t), table)?;
    let timed = table.read.time.rule != TimeRule::Untimed;
    let field = |c: ColumnId| words::ident(s.dialect, &table.rows.fields[c].name);
    let mut conditions = vec![];
    for (&event, (key, _)) in on.iter().zip(&table.index.keys) {
        let (of_row, of_event) = (table.rows.fields[*key].ty, s.plan.pipeline.rows.fields[event].ty);
        let (mut row, mut event) = (format!("r.{}", field(*key)), format!("e.{}", s.column(event)?));
        if let (DataType::Decimal { scale: a, .. }, DataType::Decimal { scale: b, .. }) = (of_row, of_event)
            && of_row != of_event
            && s.dialect == Dialect::Polars
        {
            // It compares decimals of one precision and scale alone.
            let ty = s.type_name(DataType::Decimal { precision: 38, scale: a.max(b) });
            [row, event] = [row, event].map(|side| format!("CAST({side} AS {ty})"));
        }
        // Both sides have one scale here, so equal decimals have equal texts.
        conditions.push(match s.is_lone_decimal(on) {
            true => format!("{} = {}", s.as_text(&row), s.as_text(&event)),
            false => format!("{row} = {event}"),
        });
    }
    let mut select = Select::new([format!("e.{POSITION} AS _of_{t}")], format!("{} AS e", s.last));
    for (c, &column) in (1..).zip(take) {
        select.columns.push(format!("r.{} AS _taken_{t}_{c}", field(table.index.columns[column].0)));
    }
    select.columns.push(format!("r.{POSITION} AS _row_{t}"));
    if let Some(op) = table.index.op {
        // A delete stays a candidate: it has to win over older rows before it is dropped.
        select.columns.push(format!("r.{} AS _gone_{t}", field(op)));
    }
    if timed {
        select.columns.push(format!("r.{TIME} AS _at_{t}"));
        select.filters = in_reach(s, reach);
        if reach.direction == Direction::Nearest {
            let (event, row) = (s.micros(&format!("e.{TIME}")), s.micros(&format!("r.{TIME}")));
            select.columns.push(format!("ABS({event} - {row}) AS _apart_{t}"));
        }
    }
    if let Some(op) = table.index.op {
        // A message or a truncate has no row.
        let op = format!("r.{}", field(op));
        select.filters.push(format!("{op} <> 'm' AND {op} <> 't'"));
    }
    select = select.join(match conditions.is_empty() {
        true => format!("CROSS JOIN {rows} AS r"),
        false => format!("JOIN {rows} AS r ON {}", conditions.join(" AND ")),
    });
    let again = if t > 1 { format!("_{t}") } else { String::new() };
    let suffix = format!("{}_{number}{again}", short(&table.name));
    let candidates = s.with(&format!("candidates_{suffix}"), select);

    let order = nearest_first(t, reach, timed);
    let mut numbered = Select::new(["*"], candidates);
    if !table.index.fill {
        numbered
            .columns
            .push(format!("ROW_NUMBER() OVER (PARTITION BY _of_{t} ORDER BY {order}) AS _nth_{t}"));
        let numbered = s.with(&format!("numbered_{suffix}"), numbered);
        let ended = if table.index.op.is_some() { format!(" AND _gone_{t} <> 'd'") } else { String::new() };
        let nearest = Select::new(["*"], numbered).filter(format!("_nth_{t} = 1{ended}"));
        return Ok(s.with(&format!("matches_{suffix}"), nearest));
    }
    // Each column is taken of the nearest row where it is not NULL. All in one direction: Polars knows no other.
    let none = if order.ends_with("DESC") { "THEN 0 ELSE 1 END DESC" } else { "THEN 1 ELSE 0 END" };
    for c in 1..=take.len() {
        numbered.columns.push(format!(
            "ROW_NUMBER() OVER (PARTITION BY _of_{t} ORDER BY CASE WHEN _taken_{t}_{c} IS NULL {none}, {order}) AS _nth_{t}_{c}"
        ));
    }
    let numbered = s.with(&format!("numbered_{suffix}"), numbered);
    let mut filled = Select::new([format!("_of_{t}")], numbered).group([format!("_of_{t}")]);
    for (c, &column) in (1..).zip(take) {
        let value = format!("CASE WHEN _nth_{t}_{c} = 1 THEN _taken_{t}_{c} END");
        let ty = table.index.columns[column].1;
        filled
            .columns
            .push(format!("{} AS _taken_{t}_{c}", aggregate_parts::greatest(s.dialect, ty, &value)));
    }
    Ok(s.with(&format!("matches_{suffix}"), filled))
}

/// The conditions that a row of the table, `r`, is in reach of an event, `e`.
fn in_reach(s: &Statement, reach: &Reach) -> Vec<String> {
    let (row, event) = (format!("r.{TIME}"), format!("e.{TIME}"));
    let sign = match (reach.direction, reach.inclusive) {
        (Direction::Backward, true) => Some("<="),
        (Direction::Backward, false) => Some("<"),
        (Direction::Forward, true) => Some(">="),
        (Direction::Forward, false) => Some(">"),
        // Rows on both sides of the event are in reach: `within` alone bounds them.
        (Direction::Nearest, true) => None,
        (Direction::Nearest, false) => Some("<>"),
    };
    let mut conditions: Vec<String> = sign.map(|sign| format!("{row} {sign} {event}")).into_iter().collect();
    if let Some(within) = reach.within {
        let (row, event) = (s.micros(&row), s.micros(&event));
        conditions.push(match reach.direction {
            Direction::Backward => format!("{event} - {row} <= {within}"),
            Direction::Forward => format!("{row} - {event} <= {within}"),
            Direction::Nearest => format!("ABS({row} - {event}) <= {within}"),
        });
    }
    conditions
}

/// The order of candidates, the nearest first; of rows at one instant the last by position.
fn nearest_first(t: usize, reach: &Reach, timed: bool) -> String {
    match reach.direction {
        _ if !timed => format!("_row_{t} DESC"),
        Direction::Backward => format!("_at_{t} DESC, _row_{t} DESC"),
        // Polars sorts a window in one direction alone, so the position is negated instead of DESC.
        Direction::Forward => format!("_at_{t}, _row_{t} * -1"),
        // At equal distance the earlier.
        Direction::Nearest => format!("_apart_{t}, _at_{t}, _row_{t} * -1"),
    }
}
