//! Times. An instant is seen on the clock of the job's zone.

use super::DialectPrinter;
use crate::batch::DataType;
use crate::error::Result;
use crate::expr::tree::{Call, Node, NodeKind, Op};
use crate::expr::{TimeField, Type};
use crate::sql::Dialect::{self, BigQuery, DuckDb, Flink, Postgres, Spark};
use crate::sql::source::{has_changes, instant_of_local};
use crate::sql::{patterns, words};
use crate::time::{DAY, TimeFormat};

impl DialectPrinter<'_> {
    /// What the clock shows at a moment: a time in no zone, or the day itself.
    pub(super) fn clock(&self, node: &Node) -> Result<String> {
        let sql = self.sql(node)?;
        Ok(match node.ty {
            Type::TIME => words::local(self.dialect, &sql, self.zone.name()),
            _ => sql,
        })
    }

    /// The same, of a day the time at which it begins.
    fn full_clock(&self, node: &Node) -> Result<String> {
        let clock = self.clock(node)?;
        Ok(if node.ty == Type::DATE { self.clock_of_day(&clock) } else { clock })
    }

    /// What the clock shows where a day begins.
    pub(super) fn clock_of_day(&self, day: &str) -> String {
        format!("CAST({day} AS {})", self.clock_type())
    }

    /// The instant of what the clock of the job's zone shows.
    pub(super) fn instant_of(&self, clock: &str) -> Result<String> {
        match self.dialect {
            // Of a time that clocks skip or show twice it has a way of its own; the source's times are in a layer of
            // their own, where that is put right.
            Flink if self.zone.name() != "UTC" => Err(self.no_words("a time of the clock made an instant")),
            // What it does with such times is not documented.
            BigQuery if has_changes(self.zone) => Err(self.no_words("a time of the clock made an instant")),
            _ => Ok(instant_of_local(self.dialect, self.zone, clock)),
        }
    }

    /// Microseconds since 1970 of a moment; of a day and of a clock those that it would have in UTC.
    fn micros(&self, node: &Node) -> Result<String> {
        let sql = self.sql(node)?;
        let sql = match (self.dialect, node.ty) {
            (BigQuery, Type::DATE | Type::Clock) => format!("TIMESTAMP({sql})"),
            (Spark | Flink, Type::DATE) => self.clock_of_day(&sql),
            _ => sql,
        };
        Ok(words::to_micros(self.dialect, &sql))
    }

    /// An integer in units of digit number `scale` after the point, as a decimal.
    fn in_units(&self, integer: &str, node: &Node) -> String {
        let Type::Of(ty @ DataType::Decimal { scale, .. }) = node.ty else { return integer.to_string() };
        let whole = self.cast_to(integer, DataType::Decimal { precision: 20, scale: 0 });
        let unit = match self.dialect {
            BigQuery => format!("(NUMERIC '{}')", super::unit(1, scale)),
            _ => super::unit(1, scale),
        };
        self.cast_to(&format!("{whole} * {unit}"), ty)
    }

    /// `EXTRACT(field FROM …)`.
    pub(super) fn extract(&self, node: &Node, call: &Call, field: TimeField) -> Result<String> {
        let of = &call.args[0];
        match (field, of.ty) {
            (TimeField::Epoch, Type::Interval) => return self.seconds(node, of),
            (TimeField::Epoch, _) => return Ok(self.in_units(&self.micros(of)?, node)),
            (TimeField::Second | TimeField::Millisecond | TimeField::Microsecond, _) => {
                return self.fraction(node, of, field);
            }
            _ => {}
        }
        let clock = match field {
            TimeField::Hour | TimeField::Minute => self.full_clock(of)?,
            _ => self.clock(of)?,
        };
        self.part(field, &clock).ok_or_else(|| self.no_op(call.op))
    }

    /// A part of what a clock shows, as a 64-bit integer.
    fn part(&self, field: TimeField, clock: &str) -> Option<String> {
        let part = match (field, self.dialect) {
            (TimeField::Century | TimeField::Decade, Spark | Flink | BigQuery) => return None,
            (TimeField::Week | TimeField::IsoYear | TimeField::IsoDayOfWeek, Flink) => return None,
            (TimeField::IsoYear, Spark) => "YEAROFWEEK".into(),
            (TimeField::IsoDayOfWeek, Spark) => "DAYOFWEEK_ISO".into(),
            // Sunday is 1 in these.
            (TimeField::DayOfWeek, Spark | BigQuery) => "DAYOFWEEK".into(),
            (TimeField::IsoDayOfWeek, BigQuery) => "DAYOFWEEK".into(),
            (TimeField::Week, BigQuery) => "ISOWEEK".into(),
            (TimeField::DayOfYear, BigQuery) => "DAYOFYEAR".into(),
            (field, _) => field.name().to_uppercase(),
        };
        if self.dialect == Flink {
            return Some(self.part_in_flink(field, clock));
        }
        let sql = format!("EXTRACT({part} FROM {clock})");
        let sql = match (field, self.dialect) {
            (TimeField::DayOfWeek, Spark | BigQuery) => format!("({sql} - 1)"),
            (TimeField::IsoDayOfWeek, BigQuery) => format!("(MOD({sql} + 5, 7) + 1)"),
            _ => sql,
        };
        Some(match self.dialect {
            DuckDb | BigQuery => sql,
            _ => self.cast_to(&sql, DataType::Int64),
        })
    }

    /// A part of what a clock shows, or of a day: EXTRACT takes those of a time before 1970 from another second.
    fn part_in_flink(&self, field: TimeField, clock: &str) -> String {
        let long = |sql: String| self.cast_to(&sql, DataType::Int64);
        match field {
            TimeField::Hour => long(format!("DATE_FORMAT({clock}, 'HH')")),
            TimeField::Minute => long(format!("DATE_FORMAT({clock}, 'mm')")),
            field => {
                let name =
                    if field == TimeField::DayOfWeek { "DOW".into() } else { field.name().to_uppercase() };
                let day = words::day_of(self.dialect, &self.cast_to(clock, DataType::Timestamp));
                let part = long(format!("EXTRACT({name} FROM {day})"));
                // Sunday is 1 there.
                if field == TimeField::DayOfWeek { format!("({part} - 1)") } else { part }
            }
        }
    }

    /// The seconds of the minute, in parts of them.
    fn fraction(&self, node: &Node, of: &Node, field: TimeField) -> Result<String> {
        let clock = self.full_clock(of)?;
        let micros = match self.dialect {
            DuckDb | Postgres => format!("EXTRACT(MICROSECONDS FROM {clock})"),
            Spark => format!("EXTRACT(SECOND FROM {clock}) * 1000000"),
            BigQuery => format!("EXTRACT(SECOND FROM {clock}) * 1000000 + EXTRACT(MICROSECOND FROM {clock})"),
            _ => format!("CAST(DATE_FORMAT({clock}, 'ssSSSSSS') AS BIGINT)"),
        };
        match (field, self.dialect) {
            (TimeField::Microsecond, DuckDb | BigQuery) => Ok(micros),
            (TimeField::Microsecond, _) => Ok(self.cast_to(&micros, DataType::Int64)),
            _ => Ok(self.in_units(&micros, node)),
        }
    }

    /// The seconds of a length of time.
    fn seconds(&self, node: &Node, of: &Node) -> Result<String> {
        if let NodeKind::Call(call) = &of.kind
            && call.op == Op::TimeBetween
        {
            let (a, b) = (self.micros(&call.args[0])?, self.micros(&call.args[1])?);
            return Ok(self.in_units(&format!("{a} - {}", words::closed(&b)), node));
        }
        match (self.dialect, node.ty) {
            (Postgres, Type::Of(ty)) => {
                Ok(self.cast_to(&format!("EXTRACT(EPOCH FROM {})", self.sql(of)?), ty))
            }
            _ => Err(self.no_words("the seconds of an interval")),
        }
    }

    /// The beginning of a unit.
    pub(super) fn truncated(&self, call: &Call, field: TimeField) -> Result<String> {
        let of = &call.args[0];
        let sql = self.sql(of)?;
        if field == TimeField::Microsecond {
            return Ok(sql);
        }
        let clock = words::closed(&self.clock(of)?);
        let begin = self.begin(field, &clock).ok_or_else(|| self.no_op(call.op))?;
        if of.ty == Type::Clock {
            return Ok(begin);
        }
        let zoned = self.zone.name() != "UTC";
        match (field.length(), self.dialect) {
            // The offset is that of the instant: an hour that the clock shows twice is two hours.
            (Some(_), DuckDb | Postgres) if zoned => {
                Ok(format!("({} - ({clock} - {begin}))", words::closed(&sql)))
            }
            (Some(_), _) if zoned => {
                let micros = |sql: &str| words::to_micros(self.dialect, sql);
                let since = match self.dialect {
                    BigQuery => format!("DATETIME_DIFF({clock}, {begin}, MICROSECOND)"),
                    _ => format!("({} - {})", micros(&clock), micros(&begin)),
                };
                Ok(words::from_micros(self.dialect, &format!("{} - {since}", micros(&sql))))
            }
            _ => self.instant_of(&begin),
        }
    }

    /// What a clock shows where the unit begins that it is in.
    fn begin(&self, field: TimeField, clock: &str) -> Option<String> {
        let name = field.name().to_uppercase();
        Some(match (self.dialect, field) {
            (Postgres, TimeField::IsoYear) | (DuckDb, TimeField::Century) => return None,
            (DuckDb | Postgres, _) => format!("DATE_TRUNC('{}', {clock})", field.name()),
            (_, TimeField::Century | TimeField::Decade) | (Spark | Flink, TimeField::IsoYear) => return None,
            (Spark, TimeField::Millisecond) => format!("DATE_TRUNC('MILLISECOND', {clock})"),
            (Spark, _) => format!("DATE_TRUNC('{name}', {clock})"),
            (BigQuery, TimeField::Week) => format!("DATETIME_TRUNC({clock}, ISOWEEK)"),
            (BigQuery, TimeField::Millisecond) => format!("DATETIME_TRUNC({clock}, MILLISECOND)"),
            (BigQuery, _) => format!("DATETIME_TRUNC({clock}, {name})"),
            // Its weeks begin on Sunday, and FLOOR cuts a time before 1970 towards 1970.
            (_, field) => {
                let pattern = match field {
                    TimeField::Millisecond => "yyyy-MM-dd HH:mm:ss.SSS",
                    TimeField::Second => words::FLINK_SECONDS,
                    TimeField::Minute => "yyyy-MM-dd HH:mm:00",
                    TimeField::Hour => "yyyy-MM-dd HH:00:00",
                    TimeField::Day => "yyyy-MM-dd 00:00:00",
                    TimeField::Month => "yyyy-MM-01 00:00:00",
                    TimeField::Year => "yyyy-01-01 00:00:00",
                    _ => return None,
                };
                self.cast_to(&format!("DATE_FORMAT({clock}, '{pattern}')"), DataType::Timestamp)
            }
        })
    }

    /// How often a unit begins between two moments.
    pub(super) fn boundaries(&self, call: &Call, field: TimeField) -> Result<String> {
        let none = || self.no_op(call.op);
        if let Some(length) = field.length() {
            let begin = |node: &Node| -> Result<String> {
                let micros = self.micros(node)?;
                if self.zone.name() == "UTC" || node.ty == Type::Clock {
                    return Ok(words::floor_div(self.dialect, &micros, length));
                }
                Err(none().hint("count in days, or take the difference of date_trunc"))
            };
            return Ok(format!("{} - {}", begin(&call.args[1])?, begin(&call.args[0])?));
        }
        let number = |node: &Node| self.number(field, &self.clock(node)?).ok_or_else(none);
        Ok(format!("{} - {}", number(&call.args[1])?, number(&call.args[0])?))
    }

    /// A number that grows by one where a unit begins again, of what a clock shows.
    fn number(&self, field: TimeField, clock: &str) -> Option<String> {
        let part = |field: TimeField| self.part(field, clock);
        Some(match field {
            TimeField::Quarter => format!("({} * 4 + {})", part(TimeField::Year)?, part(field)?),
            TimeField::Month => format!("({} * 12 + {})", part(TimeField::Year)?, part(field)?),
            TimeField::Day => self.day_number(clock),
            // Weeks begin on Monday; 1970 began on a Thursday.
            TimeField::Week => {
                words::floor_div(self.dialect, &format!("({} + 3)", self.day_number(clock)), 7)
            }
            _ => part(field)?,
        })
    }

    /// Days since 1970 of what a clock shows.
    fn day_number(&self, clock: &str) -> String {
        self.days_between(&words::day_of(self.dialect, clock), "DATE '1970-01-01'")
    }

    pub(super) fn days_between(&self, a: &str, b: &str) -> String {
        let long = |sql: String| self.cast_to(&sql, DataType::Int64);
        match self.dialect {
            DuckDb => format!("({a} - {b})"),
            BigQuery => format!("DATE_DIFF({a}, {b}, DAY)"),
            Spark => long(format!("DATEDIFF({a}, {b})")),
            Flink => long(format!("TIMESTAMPDIFF(DAY, {b}, {a})")),
            _ => long(format!("{a} - {b}")),
        }
    }

    /// How many whole units there are between two moments: those that are always of one length, and days on the clock.
    pub(super) fn whole_units(&self, call: &Call, field: TimeField) -> Result<String> {
        let (from, to) = (&call.args[0], &call.args[1]);
        let (unit, on_clock) = match (field, field.length()) {
            (_, Some(length)) => (length, false),
            (TimeField::Week, _) => (7 * DAY, true),
            (TimeField::Day, _) => (DAY, true),
            _ => return Err(self.no_op(call.op)),
        };
        let micros = |node: &Node| -> Result<String> {
            if !on_clock || node.ty == Type::Clock || self.zone.name() == "UTC" {
                return self.micros(node);
            }
            let clock = self.clock(node)?;
            match self.dialect {
                Flink => Err(self.no_op(call.op)),
                BigQuery => Ok(format!("UNIX_MICROS(TIMESTAMP({clock}))")),
                _ => Ok(words::to_micros(self.dialect, &clock)),
            }
        };
        let length = format!("({} - {})", micros(to)?, micros(from)?);
        Ok(match self.dialect {
            DuckDb => format!("{length} // {unit}"),
            Spark => format!("{length} DIV {unit}"),
            BigQuery => format!("DIV({length}, {unit})"),
            _ => format!("{length} / {unit}"),
        })
    }

    /// `STRFTIME(time, format)`.
    pub(super) fn strftime(&self, call: &Call) -> Result<String> {
        let format = call.args[1].as_text().unwrap_or_default();
        // What the clock shows has no offset any more.
        let pattern = patterns::written(self.dialect, &TimeFormat::for_writing(format)?)
            .map_err(|_| self.no_format(format))?;
        let pattern = self.text(&pattern);
        let clock = self.clock(&call.args[0])?;
        let is_day = call.args[0].ty == Type::DATE;
        Ok(match self.dialect {
            DuckDb => format!("STRFTIME({clock}, {pattern})"),
            BigQuery if is_day => format!("FORMAT_DATE({pattern}, {clock})"),
            BigQuery => format!("FORMAT_DATETIME({pattern}, {clock})"),
            Postgres => {
                let clock = if is_day { self.clock_of_day(&clock) } else { clock };
                format!("TO_CHAR({clock}, {pattern})")
            }
            _ => {
                let clock = if is_day { format!("CAST({clock} AS TIMESTAMP)") } else { clock };
                format!("DATE_FORMAT({clock}, {pattern})")
            }
        })
    }

    fn no_format(&self, format: &str) -> crate::error::Error {
        self.no_words(format!("the format '{format}'"))
    }

    /// Times out of texts by a format.
    pub(super) fn strptime(&self, call: &Call) -> Result<String> {
        Err(self.no_op(call.op).hint("declare the column's time in the source: `time_format`"))
    }

    /// Instants and numbers.
    pub(super) fn epoch(&self, call: &Call) -> Result<String> {
        let of = &call.args[0];
        match call.op {
            Op::ToEpochMicros => self.micros(of),
            Op::ToEpochMillis => Ok(words::floor_div(self.dialect, &self.micros(of)?, 1000)),
            Op::FromEpochMicros => Ok(words::from_micros(self.dialect, &self.long(of)?)),
            Op::FromEpochMillis => {
                Ok(words::from_micros(self.dialect, &format!("{} * 1000", self.long(of)?)))
            }
            _ => {
                let micros = self.half_even(&format!("{} * 1000000", self.tight(of)?));
                let micros = micros.ok_or_else(|| self.no_op(call.op))?;
                Ok(words::from_micros(self.dialect, &self.cast_to(&micros, DataType::Int64)))
            }
        }
    }

    /// AT TIME ZONE.
    pub(super) fn zoned(&self, call: &Call) -> Result<String> {
        let (sql, name) = (self.tight(&call.args[0])?, call.args[1].as_text().unwrap_or_default());
        let zone = crate::time::Zone::named(name).ok_or_else(|| self.no_op(call.op))?;
        match call.op {
            Op::OfZone if self.dialect == Flink && name != "UTC" => Err(self.no_op(call.op)),
            // As [`words::local`] has it, also of an instant that is shown as UTC already.
            Op::AtZone => Ok(match self.dialect {
                Dialect::DuckDb | Dialect::Spark if name == "UTC" => sql,
                _ => words::local(self.dialect, &sql, zone.name()),
            }),
            // The function of the clock is that of the job's zone.
            _ if name == self.zone.name() => self.instant_of(&sql),
            _ if name == "UTC" => Ok(instant_of_local(self.dialect, &zone, &sql)),
            _ => Err(self.no_op(call.op)),
        }
    }
}
