//! Lengths of time that are added, and days.

use super::DialectPrinter;
use crate::error::Result;
use crate::expr::tree::{Call, Literal, Node, NodeKind, Op};
use crate::expr::{Interval, Type};
use crate::sql::Dialect::{BigQuery, DuckDb, Flink, Postgres, Spark};
use crate::sql::words;
use crate::time::{HOUR, MINUTE, SECOND};

/// A length of time that is added: so often, where a number of times is said.
struct EngineInterval {
    interval: Interval,
    times: Option<String>,
}

impl DialectPrinter<'_> {
    /// A moment and a length of time.
    pub(super) fn moved(&self, call: &Call) -> Result<String> {
        let of = &call.args[0];
        let length = self.length(&call.args[1], call.op == Op::Earlier).ok_or_else(|| self.no_op(call.op))?;
        let Interval { months, days, micros } = length.interval;
        let sql = self.tight(of)?;
        let on_clock = of.ty == Type::Clock;
        // A length without days is the same in every zone, so the instant does not have to become a clock.
        if months == 0 && days == 0 {
            return self.shifted(call, &sql, &length, on_clock);
        }
        if self.dialect == Flink && self.zone.name() != "UTC" {
            return Err(self.no_op(call.op).hint("write it in hours"));
        }
        let mut clock = words::closed(&self.clock(of)?);
        // PostgreSQL adds months before days; the other order gives another day at the end of a month.
        for (count, unit) in [(i64::from(months), "MONTH"), (i64::from(days), "DAY")] {
            if count != 0 {
                clock = self.clock_moved(&clock, count, unit, &length.times);
            }
        }
        let moved = match (&length.times, on_clock) {
            (_, true) => clock,
            (None, _) => self.instant_of(&clock)?,
            // What is no day later is the instant itself, though the clock shows it twice.
            (Some(times), _) => {
                let moved = self.instant_of(&clock)?;
                format!("CASE WHEN {times} = 0 THEN {sql} ELSE {moved} END")
            }
        };
        // Hours move the instant and not the clock: over a change of clocks an hour stays an hour.
        match micros {
            0 => Ok(moved),
            _ => self.shifted(call, &words::closed(&moved), &length, on_clock),
        }
    }

    /// A length of time, if it is a literal or a number of times one; backwards where it is taken away.
    fn length(&self, node: &Node, backwards: bool) -> Option<EngineInterval> {
        let sign = if backwards { -1 } else { 1 };
        match &node.kind {
            NodeKind::Literal(Literal::Interval(interval)) => {
                Some(EngineInterval { interval: interval.times(sign)?, times: None })
            }
            NodeKind::Call(Call { op: Op::IntervalTimes, args, .. }) => match args[0].as_literal()? {
                Literal::Interval(interval) => {
                    let times = self.long(&args[1]).ok()?;
                    Some(EngineInterval { interval: interval.times(sign)?, times: Some(times) })
                }
                _ => None,
            },
            _ => None,
        }
    }

    /// A moment so many microseconds later.
    fn shifted(&self, call: &Call, sql: &str, length: &EngineInterval, on_clock: bool) -> Result<String> {
        let micros = length.interval.micros;
        let plain = matches!(self.dialect, DuckDb | Postgres) && length.times.is_none();
        if plain {
            let units = [(HOUR, "hours"), (MINUTE, "minutes"), (SECOND, "seconds"), (1, "microseconds")];
            let (unit, name) =
                units.into_iter().find(|(unit, _)| micros % unit == 0).unwrap_or((1, "microseconds"));
            let sign = if micros < 0 { '-' } else { '+' };
            return Ok(format!("{sql} {sign} INTERVAL '{} {name}'", (micros / unit).unsigned_abs()));
        }
        let count = match &length.times {
            None => micros.to_string(),
            Some(times) => format!("{times} * {micros}"),
        };
        match (self.dialect, on_clock) {
            (BigQuery, true) => Ok(format!("DATETIME_ADD({sql}, INTERVAL ({count}) MICROSECOND)")),
            (Postgres, true) => Err(self.no_op(call.op)),
            _ => {
                let sum = format!("{} + {}", words::to_micros(self.dialect, sql), words::closed(&count));
                Ok(words::from_micros(self.dialect, &sum))
            }
        }
    }

    /// What a clock shows so many months or days later.
    fn clock_moved(&self, clock: &str, count: i64, unit: &str, times: &Option<String>) -> String {
        let count = match times {
            None => count.to_string(),
            Some(times) => format!("({times} * {count})"),
        };
        match (self.dialect, times) {
            (DuckDb | Postgres, None) => format!("({clock} + INTERVAL '{count} {unit}')"),
            (DuckDb, _) => format!("({clock} + INTERVAL '1 {unit}' * CAST({count} AS INTEGER))"),
            (Postgres, _) => format!("({clock} + {count} * INTERVAL '1 {unit}')"),
            (BigQuery, _) => format!("DATETIME_ADD({clock}, INTERVAL {count} {unit})"),
            _ => format!("TIMESTAMPADD({unit}, CAST({count} AS INT), {clock})"),
        }
    }

    /// Days, and numbers of them.
    pub(super) fn days(&self, call: &Call) -> Result<String> {
        let sql = self.tight(&call.args[0])?;
        match call.op {
            Op::DaysBetween => Ok(self.days_between(&sql, &self.tight(&call.args[1])?)),
            Op::DaysLater | Op::DaysEarlier => self.day_moved(call, &sql),
            Op::LastDay => match self.dialect {
                DuckDb | Spark | BigQuery => Ok(format!("LAST_DAY({sql})")),
                // DATE_TRUNC would take a date as TIMESTAMPTZ, by the zone of the session.
                Postgres => Ok(format!(
                    "CAST(DATE_TRUNC('month', CAST({sql} AS TIMESTAMP)) + INTERVAL '1 month' - INTERVAL '1 day' AS DATE)"
                )),
                _ => Err(self.no_op(call.op)),
            },
            _ => {
                let parts = call.args.iter().map(|arg| match self.dialect {
                    Postgres | Spark => Ok(format!("CAST({} AS INT)", self.sql(arg)?)),
                    _ => self.sql(arg),
                });
                let parts = parts.collect::<Result<Vec<_>>>()?.join(", ");
                match self.dialect {
                    BigQuery => Ok(format!("DATE({parts})")),
                    Flink => Err(self.no_op(call.op)),
                    _ => Ok(format!("MAKE_DATE({parts})")),
                }
            }
        }
    }

    fn day_moved(&self, call: &Call, day: &str) -> Result<String> {
        let count = self.sql(&call.args[1])?;
        let (sign, word) = if call.op == Op::DaysLater { ("+", "ADD") } else { ("-", "SUB") };
        let literal = call.args[1].as_int();
        Ok(match self.dialect {
            DuckDb | Postgres if literal.is_some_and(|count| i32::try_from(count).is_ok()) => {
                format!("{day} {sign} {}", words::closed(&count))
            }
            // A date takes an INTEGER here, but not a BIGINT.
            DuckDb | Postgres => format!("{day} {sign} CAST({count} AS INTEGER)"),
            Spark => format!("DATE_{word}({day}, CAST({count} AS INT))"),
            BigQuery => format!("DATE_{word}({day}, INTERVAL {} DAY)", words::closed(&count)),
            _ => match literal {
                Some(count) => format!("{day} {sign} INTERVAL '{count}' DAY"),
                None => return Err(self.no_op(call.op)),
            },
        })
    }

    /// Lengths of time by themselves.
    pub(super) fn lengths(&self, call: &Call) -> Result<String> {
        let (a, b) = (self.tight(&call.args[0])?, self.tight(&call.args[1])?);
        if !matches!(self.dialect, DuckDb | Postgres) {
            return Err(self.no_op(call.op));
        }
        Ok(match call.op {
            Op::IntervalTimes => format!("{a} * {b}"),
            Op::IntervalPlus => format!("{a} + {b}"),
            _ => format!("{a} - {b}"),
        })
    }
}
