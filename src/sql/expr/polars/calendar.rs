//! Months and what is made of them, days by their numbers, and lengths of time that are computed.

use super::{PolarsPrinter, int};
use crate::error::Result;
use crate::expr::tree::{Call, Literal, Node, NodeKind, Op};
use crate::expr::{TimeField, Type};
use crate::time::DAY;

/// A length of time: months that are the same for all rows, days and microseconds as SQL.
pub(super) struct PolarsInterval {
    pub months: i32,
    pub days: Option<String>,
    pub micros: Option<String>,
}

/// A part of a clock of which `clock` gives the microseconds, an int64.
pub(super) fn part(field: &str, clock: &str) -> String {
    format!("CAST(EXTRACT({field} FROM CAST({clock} AS TIMESTAMP)) AS BIGINT)")
}

/// The day of that number.
pub(super) fn day(days: &str) -> String {
    format!("CAST(CAST({days} AS INTEGER) AS DATE)")
}

/// The day of a year, a month and a day of it; NULL where there is none.
fn made(year: &str, month: &str, of_month: &str) -> String {
    // The cast reads ISO-8601, which has four digits of a year and two of the others.
    let padded = |number: &str, digits: u8| format!("LPAD(CAST({number} AS VARCHAR), {digits}, '0')");
    format!(
        "TRY_CAST({} || '-' || {} || '-' || {} AS DATE)",
        padded(year, 4),
        padded(month, 2),
        padded(of_month, 2)
    )
}

impl PolarsPrinter<'_> {
    pub(super) fn make_date(&self, args: &[Node]) -> Result<String> {
        Ok(made(&self.sql(&args[0])?, &self.sql(&args[1])?, &self.sql(&args[2])?))
    }

    pub(super) fn last_day(&self, node: &Node) -> Result<String> {
        let date = self.sql(node)?;
        let first = day(&format!("CAST({date} AS BIGINT) - CAST(EXTRACT(day FROM {date}) AS BIGINT) + 1"));
        Ok(day(&format!("CAST(({first} + INTERVAL '1 month') AS BIGINT) - 1")))
    }

    /// The number of the day on which the unit begins that `clock` is in.
    pub(super) fn first_day(&self, field: TimeField, clock: &str) -> Result<String> {
        let number = format!("({clock} // {DAY})");
        let year = || part("year", clock);
        let january = |year: String| format!("CAST({} AS BIGINT)", made(&year, "1", "1"));
        Ok(match field {
            TimeField::Day => number,
            TimeField::Week => format!("({number} - (({number} + 3) % 7))"),
            TimeField::Month => format!("({number} - {} + 1)", part("day", clock)),
            TimeField::Quarter => {
                let month = format!("({} * 3 - 2)", part("quarter", clock));
                format!("CAST({} AS BIGINT)", made(&year(), &month, "1"))
            }
            TimeField::Year => format!("({number} - {} + 1)", part("doy", clock)),
            TimeField::Decade => january(format!("({} // 10 * 10)", year())),
            TimeField::Century => january(format!("(({} - 1) // 100 * 100 + 1)", year())),
            _ => return Err(self.no_words(&format!("date_trunc('{}')", field.name()))),
        })
    }

    /// How many whole units of days or months there are between two moments.
    pub(super) fn whole_units(&self, field: TimeField, from: &Node, to: &Node) -> Result<String> {
        let (from, to) = (self.micros(from)?, self.micros(to)?);
        // Counted from the earlier moment on, so the number is cut towards zero in both directions.
        let sign = format!("(CASE WHEN {to} < {from} THEN -1 WHEN {to} >= {from} THEN 1 END)");
        let first = self.local(&format!("LEAST({from}, {to})"));
        let last = self.local(&format!("GREATEST({from}, {to})"));
        let months = match field {
            TimeField::Day => return Ok(format!("({sign} * (({last} - {first}) // {DAY}))")),
            TimeField::Week => return Ok(format!("({sign} * (({last} - {first}) // {}))", 7 * DAY)),
            TimeField::Month => 1,
            TimeField::Quarter => 3,
            TimeField::Year => 12,
            TimeField::Decade => 120,
            TimeField::Century => 1200,
            _ => return Err(self.no_words(&format!("date_sub('{}')", field.name()))),
        };
        let (a, b) = (part("day", &first), part("day", &last));
        // The 31st is the last day of a month that has none.
        let is_end = format!("{} = 1", part("day", &format!("({last} + {DAY})")));
        let later = format!("{first} % {DAY} > {last} % {DAY}");
        let short = format!(
            "CASE WHEN {a} < {b} THEN 0 WHEN {a} = {b} OR {is_end} THEN CASE WHEN {later} THEN 1 ELSE 0 END ELSE 1 END"
        );
        let month = |clock: &str| format!("{} * 12 + {}", part("year", clock), part("month", clock));
        let between = format!("({} - ({}) - {short})", month(&last), month(&first));
        Ok(format!("({sign} * ({between} // {months}))"))
    }

    /// A length of time, so many times.
    pub(super) fn length(&self, node: &Node, times: i64) -> Result<PolarsInterval> {
        let no_words = || self.no_words("an interval that is computed so");
        match &node.kind {
            NodeKind::Literal(Literal::Interval(interval)) => {
                let interval = interval.times(times).ok_or_else(no_words)?;
                let some = |value: i64| (value != 0).then(|| int(value));
                Ok(PolarsInterval {
                    months: interval.months,
                    days: some(interval.days.into()),
                    micros: some(interval.micros),
                })
            }
            NodeKind::Call(Call { op: Op::IntervalTimes, args, .. }) => {
                let one = self.length(&args[0], times)?;
                let count = self.sql(&args[1])?;
                // Polars moves by months that are the same for all rows.
                if one.months != 0 {
                    return Err(no_words());
                }
                // An interval is NULL where its number is, also of no length.
                let multiplied = |part: Option<String>| part.map(|part| format!("({part} * {count})"));
                let micros = multiplied(one.micros).unwrap_or_else(|| format!("(0 * {count})"));
                Ok(PolarsInterval { months: 0, days: multiplied(one.days), micros: Some(micros) })
            }
            NodeKind::Call(Call { op: op @ (Op::IntervalPlus | Op::IntervalMinus), args, .. }) => {
                let one = self.length(&args[0], times)?;
                let two = self.length(&args[1], if *op == Op::IntervalPlus { times } else { -times })?;
                let sum = |a: Option<String>, b: Option<String>| match (a, b) {
                    (Some(a), Some(b)) => Some(format!("({a} + {b})")),
                    (a, b) => a.or(b),
                };
                Ok(PolarsInterval {
                    months: one.months.checked_add(two.months).ok_or_else(no_words)?,
                    days: sum(one.days, two.days),
                    micros: sum(one.micros, two.micros),
                })
            }
            _ => Err(no_words()),
        }
    }

    pub(super) fn later(&self, time: &Node, length: &Node, times: i64) -> Result<String> {
        let PolarsInterval { months, days, micros } = self.length(length, times)?;
        let mut at = self.micros(time)?;
        if months != 0 || days.is_some() {
            let is_instant = time.ty == Type::TIME;
            let mut clock = if is_instant { self.local(&at) } else { at.clone() };
            if months != 0 {
                let sign = if months < 0 { '-' } else { '+' };
                clock = format!(
                    "CAST((CAST({clock} AS TIMESTAMP) {sign} INTERVAL '{} month') AS BIGINT)",
                    months.unsigned_abs()
                );
            }
            if let Some(days) = days {
                clock = format!("({clock} + {days} * {DAY})");
            }
            at = if is_instant { self.of_local(&clock) } else { clock };
        }
        // Hours move the instant, and so come after the days, which move the clock.
        Ok(micros.map_or(at.clone(), |micros| format!("({at} + {micros})")))
    }
}
