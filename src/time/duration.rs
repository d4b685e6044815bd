//! Durations of a job file: lengths (`90s`) and calendar units (`1 month`).

use super::{DAY, HOUR, MINUTE, SECOND};
use std::fmt;

/// A unit of the calendar, whose length depends on when it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CalendarUnit {
    /// A day, midnight to midnight.
    Day,
    /// A week, from Monday.
    Week,
    /// A month.
    Month,
    /// A quarter, from January, April, July or October.
    Quarter,
    /// A year.
    Year,
}

/// A stretch of time as written: a length, or a number of calendar units.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Duration {
    /// Microseconds.
    Length(i64),
    /// `count` units of the calendar, at least one.
    Calendar {
        /// How many.
        count: u32,
        /// Of what.
        unit: CalendarUnit,
    },
}

impl Duration {
    /// Reads `250ms`, `90s`, `1m`, `2h` (lengths) or `1 day`, `2 weeks`, `1 month`, `1 quarter`,
    /// `1 year` (calendar units; `1d` is a day, `1w` a week).
    pub fn parse(text: &str) -> Option<Duration> {
        let text = text.trim();
        let digits = text.find(|c: char| !c.is_ascii_digit())?;
        let count: i64 = text[..digits].parse().ok()?;
        let length = |unit: i64| count.checked_mul(unit).map(Duration::Length);
        let calendar = |unit| u32::try_from(count).ok().map(|count| Duration::Calendar { count, unit });
        match text[digits..].trim().trim_end_matches('s') {
            "u" => length(1),
            "m" if text.ends_with("ms") => length(1000),
            // `s` and `seconds` lose their last letter above.
            "" if text.ends_with('s') => length(SECOND),
            "sec" | "second" => length(SECOND),
            "m" | "min" | "minute" => length(MINUTE),
            "h" | "hour" => length(HOUR),
            "d" | "day" => calendar(CalendarUnit::Day),
            "w" | "week" => calendar(CalendarUnit::Week),
            "month" => calendar(CalendarUnit::Month),
            "quarter" => calendar(CalendarUnit::Quarter),
            "y" | "year" => calendar(CalendarUnit::Year),
            _ => None,
        }
    }

    /// The length in microseconds where a length is wanted: a day is 24 hours, a week 7 days;
    /// months and longer have none. More than there are microseconds is [`i64::MAX`].
    pub fn as_length(self) -> Option<i64> {
        match self {
            Duration::Length(us) => Some(us),
            Duration::Calendar { count, unit: CalendarUnit::Day } => {
                Some(i64::from(count).saturating_mul(DAY))
            }
            Duration::Calendar { count, unit: CalendarUnit::Week } => {
                Some(i64::from(count).saturating_mul(7 * DAY))
            }
            Duration::Calendar { .. } => None,
        }
    }
}

impl fmt::Display for Duration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Duration::Length(us) => {
                // The largest unit that divides the length: so the printed text reads back as exactly this
                // length.
                let units = [(HOUR, "h"), (MINUTE, "m"), (SECOND, "s"), (1000, "ms"), (1, "us")];
                let (unit, name) = units.into_iter().find(|(unit, _)| us % unit == 0).unwrap_or((1, "us"));
                write!(f, "{}{name}", us / unit)
            }
            Duration::Calendar { count, unit } => {
                let name = format!("{unit:?}").to_lowercase();
                write!(f, "{count} {name}{}", if count == 1 { "" } else { "s" })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_and_calendar_units_are_read() {
        let cases = [
            ("250ms", Duration::Length(250_000)),
            ("7us", Duration::Length(7)),
            ("90s", Duration::Length(90 * SECOND)),
            ("2 seconds", Duration::Length(2 * SECOND)),
            ("1m", Duration::Length(MINUTE)),
            ("5 minutes", Duration::Length(5 * MINUTE)),
            ("2h", Duration::Length(2 * HOUR)),
            ("1d", Duration::Calendar { count: 1, unit: CalendarUnit::Day }),
            ("1 month", Duration::Calendar { count: 1, unit: CalendarUnit::Month }),
            ("2 quarters", Duration::Calendar { count: 2, unit: CalendarUnit::Quarter }),
        ];
        for (text, want) in cases {
            assert_eq!(Duration::parse(text), Some(want), "{text}");
        }
        for text in ["", "m", "1", "1 fortnight", "-1s", "1.5h", "99999999999999999h"] {
            assert_eq!(Duration::parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_month_is_no_length() {
        assert_eq!(Duration::parse("1 day").unwrap().as_length(), Some(DAY));
        assert_eq!(Duration::parse("1 month").unwrap().as_length(), None);
        for text in ["4294967295 days", "4294967295 weeks"] {
            assert_eq!(Duration::parse(text).unwrap().as_length(), Some(i64::MAX), "{text}");
        }
    }
}
