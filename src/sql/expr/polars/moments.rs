//! Times.

use super::calendar::part;
use super::numbers::product;
use super::{INSTANT, ISO, LOCAL, PolarsPrinter, STRPTIME, TIME, decimal, int};
use crate::error::Result;
use crate::expr::tree::{Call, Literal, Node, NodeKind, Op};
use crate::expr::{TimeField, Type};
use crate::sql::{Dialect, words};
use crate::time::DAY;

impl PolarsPrinter<'_> {
    /// The microseconds of an instant, of what a clock shows, and of a day.
    pub(super) fn micros(&self, node: &Node) -> Result<String> {
        match (&node.kind, node.ty) {
            (NodeKind::Literal(Literal::Micros(micros)), _) => Ok(int(*micros)),
            (_, Type::DATE) => Ok(format!("(CAST({} AS BIGINT) * {DAY})", self.sql(node)?)),
            (NodeKind::Call(call), Type::TIME | Type::Clock) if super::is_moment(call.op) => {
                self.instant(call)
            }
            (NodeKind::Cast(inner, _), Type::TIME | Type::Clock) => self.cast_micros(inner, node.ty),
            (_, Type::TIME) => Ok(format!("CAST({} AS BIGINT)", self.sql(node)?)),
            _ => Err(self.no_words("a time without a zone")),
        }
    }

    /// What the clock of a moment shows, in microseconds.
    pub(super) fn clock(&self, node: &Node) -> Result<String> {
        let micros = self.micros(node)?;
        Ok(if node.ty == Type::TIME { self.local(&micros) } else { micros })
    }

    /// What the clock of the job's zone shows.
    pub(super) fn local(&self, micros: &str) -> String {
        match self.zone.name() {
            // A clock in UTC shows the instant itself: a call of the function for each row is saved.
            "UTC" => micros.to_string(),
            zone => format!("{LOCAL}({micros}, '{zone}')"),
        }
    }

    /// The instant of what the clock of the job's zone shows.
    pub(super) fn of_local(&self, clock: &str) -> String {
        match self.zone.name() {
            "UTC" => clock.to_string(),
            zone => format!("{INSTANT}({clock}, '{zone}')"),
        }
    }

    pub(super) fn moment_cast(&self, inner: &Node, to: Type) -> Result<String> {
        match to {
            Type::TIME => Ok(format!("{TIME}({})", self.cast_micros(inner, to)?)),
            _ => Err(self.no_words("a time without a zone")),
        }
    }

    fn cast_micros(&self, inner: &Node, to: Type) -> Result<String> {
        match (inner.ty, to) {
            (Type::DATE, Type::TIME) => Ok(self.of_local(&self.micros(inner)?)),
            (Type::DATE, _) => self.micros(inner),
            (Type::TEXT, Type::TIME) => Ok(format!("{ISO}({})", self.sql(inner)?)),
            _ => Err(self.no_words("CAST to a time")),
        }
    }

    /// An instant as text, as PostgreSQL shows it.
    pub(super) fn shown(&self, node: &Node) -> Result<String> {
        let time = self.sql(node)?;
        let clock = format!("STRFTIME({time}, '%Y-%m-%d %H:%M:%S%.6f')");
        // PostgreSQL writes only the digits of a fraction that are there: `12:00:00.5`.
        let clock = format!("TRIM(TRAILING '.' FROM TRIM(TRAILING '0' FROM {clock}))");
        let offset = format!("STRFTIME({time}, '%:z')");
        // Before zones there was local mean time, to the second.
        let micros = self.micros(node)?;
        let second = format!("(ABS({} - {micros}) // 1000000 % 60)", self.local(&micros));
        let seconds = format!(
            "CASE WHEN {second} = 0 THEN '' WHEN {second} < 10 THEN ':0' || {second} ELSE ':' || {second} END"
        );
        let whole = format!("RIGHT({offset}, 3) = ':00' AND {second} = 0");
        Ok(format!("({clock} || CASE WHEN {whole} THEN LEFT({offset}, 3) ELSE {offset} END || {seconds})"))
    }

    /// An operation of times.
    pub(super) fn moment(&self, call: &Call, node: &Node) -> Result<String> {
        let args = &call.args;
        match call.op {
            Op::Extract(field) => self.extract(field, &args[0], node),
            Op::Strftime => self.strftime(&args[0], &args[1]),
            Op::DateDiff(field) => self.boundaries(field, &args[0], &args[1]),
            Op::DateSub(field) => match field.length() {
                Some(unit) => {
                    // Polars' `//` goes down; whole units are cut towards zero, so the sign is taken out
                    // first.
                    let length = format!("({} - {})", self.micros(&args[1])?, self.micros(&args[0])?);
                    Ok(format!("(SIGN({length}) * (ABS({length}) // {unit}))"))
                }
                None => self.whole_units(field, &args[0], &args[1]),
            },
            Op::ToEpochMillis => Ok(format!("({} // 1000)", self.micros(&args[0])?)),
            Op::ToEpochMicros => self.micros(&args[0]),
            Op::DaysBetween => Ok(format!(
                "(CAST({} AS BIGINT) - CAST({} AS BIGINT))",
                self.sql(&args[0])?,
                self.sql(&args[1])?
            )),
            Op::DaysLater | Op::DaysEarlier => {
                let op = if call.op == Op::DaysLater { '+' } else { '-' };
                let days = format!("CAST({} AS BIGINT) {op} {}", self.sql(&args[0])?, self.sql(&args[1])?);
                Ok(format!("CAST(CAST({days} AS INTEGER) AS DATE)"))
            }
            Op::MakeDate => self.make_date(args),
            Op::LastDay => self.last_day(&args[0]),
            Op::StrpDate => {
                let clock = self.local(&self.strptime(call)?);
                Ok(format!("CAST(CAST({clock} // {DAY} AS INTEGER) AS DATE)"))
            }
            _ if node.ty == Type::TIME => Ok(format!("{TIME}({})", self.instant(call)?)),
            _ => Err(self.no_words("a time without a zone")),
        }
    }

    fn extract(&self, field: TimeField, time: &Node, node: &Node) -> Result<String> {
        let parts = |micros: String| -> String {
            let scale = node.ty.scale().unwrap_or(0);
            product(&format!("TRY_CAST({micros} AS DECIMAL(38, 0))"), 0, &decimal(1, scale), scale, scale)
        };
        if time.ty == Type::Interval {
            let NodeKind::Call(Call { op: Op::TimeBetween, args, .. }) = &time.kind else {
                return Err(self.no_words("EXTRACT from an interval"));
            };
            return Ok(parts(format!("({} - {})", self.micros(&args[0])?, self.micros(&args[1])?)));
        }
        Ok(match field {
            TimeField::Epoch => parts(self.micros(time)?),
            TimeField::Second | TimeField::Millisecond => {
                parts(format!("({} % 60000000)", self.clock(time)?))
            }
            TimeField::Microsecond => format!("({} % 60000000)", self.clock(time)?),
            _ => {
                let time = match time.ty {
                    Type::Clock => format!("CAST({} AS TIMESTAMP)", self.micros(time)?),
                    _ => self.sql(time)?,
                };
                format!("CAST(EXTRACT({} FROM {time}) AS BIGINT)", field.name())
            }
        })
    }

    fn strftime(&self, time: &Node, format: &Node) -> Result<String> {
        let format = format.as_text().unwrap_or_default();
        let known = letters(format).ok_or_else(|| self.no_words(&format!("the format {format}")))?;
        let time = match time.ty {
            Type::Clock => format!("CAST({} AS TIMESTAMP)", self.micros(time)?),
            _ => self.sql(time)?,
        };
        Ok(format!("STRFTIME({time}, {})", words::text(Dialect::Polars, &known)))
    }

    fn strptime(&self, call: &Call) -> Result<String> {
        Ok(format!("{STRPTIME}({}, {})", self.sql(&call.args[0])?, self.sql(&call.args[1])?))
    }

    fn boundaries(&self, field: TimeField, from: &Node, to: &Node) -> Result<String> {
        if let Some(unit) = field.length() {
            let begin = |node: &Node| Ok::<_, crate::error::Error>(self.begin(&self.micros(node)?, unit));
            return Ok(format!("(({} - {}) // {unit})", begin(to)?, begin(from)?));
        }
        let number = |node: &Node| -> Result<String> {
            let clock = self.clock(node)?;
            let day = format!("({clock} // {DAY})");
            let part = |field: &str| part(field, &clock);
            Ok(match field {
                TimeField::Day => day,
                // The first Monday after 1969-12-29 is its own number.
                TimeField::Week => format!("(({day} + 3) // 7)"),
                TimeField::Month => format!("({} * 12 + {})", part("year"), part("month")),
                TimeField::Quarter => format!("({} * 4 + {})", part("year"), part("quarter")),
                TimeField::Year => part("year"),
                TimeField::Decade => format!("({} // 10)", part("year")),
                TimeField::Century => format!("(({} - 1) // 100)", part("year")),
                TimeField::IsoYear => part("isoyear"),
                _ => return Err(self.no_words("date_diff")),
            })
        };
        Ok(format!("({} - {})", number(to)?, number(from)?))
    }

    /// The instant at which the unit of a fixed length begins that `micros` is in.
    fn begin(&self, micros: &str, unit: i64) -> String {
        format!("({micros} - ({} % {unit}))", self.local(micros))
    }

    /// The microseconds of an operation that gives an instant, or what a clock shows.
    fn instant(&self, call: &Call) -> Result<String> {
        let args = &call.args;
        Ok(match call.op {
            Op::Later => self.later(&args[0], &args[1], 1)?,
            Op::Earlier => self.later(&args[0], &args[1], -1)?,
            Op::DateTrunc(field) => self.truncated(field, &args[0])?,
            Op::Strptime | Op::TryStrptime => self.strptime(call)?,
            Op::FromEpoch => {
                format!("TRY_CAST(ROUND({} * CAST('1e6' AS DOUBLE)) AS BIGINT)", self.sql(&args[0])?)
            }
            Op::FromEpochMillis => format!("({} * 1000)", self.sql(&args[0])?),
            Op::FromEpochMicros => self.sql(&args[0])?,
            Op::AtZone => format!("{LOCAL}({}, {})", self.micros(&args[0])?, self.sql(&args[1])?),
            Op::OfZone => format!("{INSTANT}({}, {})", self.micros(&args[0])?, self.sql(&args[1])?),
            _ => return Err(self.no_words("this time")),
        })
    }

    fn truncated(&self, field: TimeField, time: &Node) -> Result<String> {
        let is_instant = time.ty == Type::TIME;
        let micros = self.micros(time)?;
        let clock = if is_instant { self.local(&micros) } else { micros.clone() };
        if let Some(unit) = field.length() {
            return Ok(format!("({micros} - ({clock} % {unit}))"));
        }
        let first = self.first_day(field, &clock)?;
        let begin = format!("({first} * {DAY})");
        Ok(if is_instant { self.of_local(&begin) } else { begin })
    }
}

/// A format in the letters that Polars writes with, which are those of `chrono`; none where one is another thing there.
fn letters(format: &str) -> Option<String> {
    let mut out = String::new();
    let mut rest = format.chars();
    while let Some(c) = rest.next() {
        out.push(c);
        if c != '%' {
            continue;
        }
        match rest.next()? {
            // `%f` is nanoseconds to chrono, and microseconds in our formats.
            'f' => out += "6f",
            c @ ('%' | 'Y' | 'm' | 'd' | 'H' | 'M' | 'S' | 'j' | 'y' | 'I' | 'p' | 'A' | 'a' | 'B' | 'b'
            | 'F' | 'T' | 'e' | 'k' | 'l' | 'u' | 'w' | 'V' | 'G' | 'z' | 'P' | 'R' | 'D') => out.push(c),
            c @ ('3' | '6') => {
                out.push(c);
                out.push(rest.next().filter(|c| *c == 'f')?);
            }
            ':' => {
                out.push(':');
                out.push(rest.next().filter(|c| *c == 'z')?);
            }
            _ => return None,
        }
    }
    Some(out)
}
