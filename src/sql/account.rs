//! The account of a job in SQL: how many records each step leaves out.
//!
//! # Contract
//! * Read rows are those of the relation `source`, so rejected records are not among them. Every row is left out once, by
//!   the first step that does so, as a late event after all steps, or counted.
//! * The statement gives one row. Beside the counts it has the first and the last event time of what is counted.

use super::statement::{LeftOut, Select, Statement};
use super::{Dialect, SqlScript, TIME, late, source, steps, watermark};
use crate::error::Result;
use crate::plan::Plan;
use crate::sink::Account;
use crate::time::FirstAndLast;

/// A statement that counts, and what its columns say.
#[derive(Debug)]
pub struct AccountScript {
    /// The statement. Its columns are 64-bit integers, and NULL where there is no time.
    pub script: SqlScript,
    /// Per step that leaves rows out, in order: what becomes of them. Late events are the last.
    left_out: Vec<LeftOut>,
}

/// The account of `plan` in this dialect.
///
/// # Errors
/// A job error that names what the dialect cannot express.
pub fn account(plan: &Plan, dialect: Dialect) -> Result<AccountScript> {
    let groupings = || plan.pipeline.groupings.iter().map(|grouping| &grouping.plan);
    let streamed = groupings().any(watermark::is_streamed);
    // All of time is never over: where a streamed output counts every event, none is late.
    let never = groupings().any(|plan| plan.lateness.is_some() && !watermark::is_streamed(plan));
    of(plan, dialect, streamed && !never)
}

/// The account of the job in complete mode: no event is late.
///
/// # Errors
/// As of [`account`].
pub(super) fn account_of_all(plan: &Plan, dialect: Dialect) -> Result<AccountScript> {
    of(plan, dialect, false)
}

fn of(plan: &Plan, dialect: Dialect, streamed: bool) -> Result<AccountScript> {
    let mut s = Statement::new(plan, dialect);
    let all = s.last.clone();
    steps::steps(&mut s, streamed)?;
    let last = s.last.clone();
    let mut passed = std::mem::take(&mut s.passed);
    if streamed {
        late::events(&mut s, vec![])?;
        passed.push((LeftOut::Late, s.last.clone()));
    }
    let int = s.type_name(crate::batch::DataType::Int64);
    let relations: Vec<&String> =
        std::iter::once(&all).chain(passed.iter().map(|(_, relation)| relation)).collect();
    // A table of one row each, joined: not all engines have queries as values.
    let count = |(i, relation): (usize, &&String)| {
        s.with(
            &format!("counted_{i}"),
            Select::new([format!("CAST(COUNT(*) AS {int}) AS n_{i}")], relation.as_str()),
        )
    };
    let mut counted: Vec<String> = relations.iter().enumerate().map(count).collect();
    let micros = s.micros(TIME);
    let ends = [("MIN", "first_time"), ("MAX", "last_time")];
    let ends = ends.map(|(end, name)| format!("{end}({micros}) AS {name}"));
    counted.push(s.with("times", Select::new(ends, last)));
    let mut select = Select::new(["*"], &counted[0]);
    for one in &counted[1..] {
        select = select.join(format!("CROSS JOIN {one}"));
    }
    let mut script = s.finish(select);
    script.setup.extend(source::setup(dialect, plan)?);
    Ok(AccountScript { script, left_out: passed.into_iter().map(|(left_out, _)| left_out).collect() })
}

impl AccountScript {
    /// Per step that leaves rows out: what becomes of them.
    pub(super) fn left_out(&self) -> &[LeftOut] {
        &self.left_out
    }

    /// How many columns the statement gives.
    pub fn columns(&self) -> usize {
        self.left_out.len() + 3
    }

    /// What the values of the statement's row say: the account, and the first and last event time that counts.
    pub fn read(&self, row: &[Option<i64>]) -> (Account, Option<FirstAndLast>) {
        let count = |i: usize| row.get(i).copied().flatten().and_then(|n| u64::try_from(n).ok()).unwrap_or(0);
        let mut account = Account { read: count(0), counted: count(0), ..Account::default() };
        for (i, left_out) in self.left_out.iter().enumerate() {
            // Of a step what it leaves is counted, and of late events these.
            let rows = match left_out {
                LeftOut::Late => count(i + 1),
                _ => account.counted.saturating_sub(count(i + 1)),
            };
            account.counted = account.counted.saturating_sub(rows);
            match left_out {
                LeftOut::Filtered => account.filtered += rows,
                LeftOut::Duplicate => account.duplicate += rows,
                LeftOut::Late => account.late += rows,
            }
        }
        let time = |i: usize| row.get(i).copied().flatten();
        let times = time(self.left_out.len() + 1).zip(time(self.left_out.len() + 2));
        (account, times.map(|(first, last)| FirstAndLast::new(first, last)))
    }
}
