//! Moments and lengths of time in expressions: the parts of a clock, truncation, and what is so much later.
//!
//! # Contract
//! * A clock shows microseconds since a 1970-01-01T00:00:00 of its own, in the proleptic Gregorian calendar.
//! * What is later by months or days is so on the clock of the zone: a month later is the same day of the next month, or
//!   its last, and a day later the same hour. What is later by hours is so in time. PostgreSQL, 9.9 "Date/Time Functions
//!   and Operators", has it so.

use crate::time::{
    DAY, HOUR, MINUTE, SECOND, Zone, civil_from_days, days_from_civil, iso_week, monday, weekday,
};

/// A part of what a clock shows, and a unit to count and truncate in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TimeField {
    /// The century, from 1 for the years 1 to 100.
    Century,
    /// The year divided by ten.
    Decade,
    /// The calendar year.
    Year,
    /// The year of the ISO week.
    IsoYear,
    /// 1 to 4.
    Quarter,
    /// 1 to 12.
    Month,
    /// The ISO week, of Monday to Sunday.
    Week,
    /// 1 to 31.
    Day,
    /// 1 to 366.
    DayOfYear,
    /// Sunday is 0.
    DayOfWeek,
    /// Monday is 1, Sunday 7.
    IsoDayOfWeek,
    /// 0 to 23.
    Hour,
    /// 0 to 59.
    Minute,
    /// With its fraction.
    Second,
    /// Those of the minute, with the fraction.
    Millisecond,
    /// Those of the minute.
    Microsecond,
    /// Seconds since 1970, with the fraction.
    Epoch,
}

impl TimeField {
    /// All, by the name that is printed, and the other names that are read.
    pub const NAMES: [(TimeField, &'static str, &'static [&'static str]); 17] = [
        (TimeField::Century, "century", &["centuries", "c"]),
        (TimeField::Decade, "decade", &["decades"]),
        (TimeField::Year, "year", &["years", "y", "yr", "yrs"]),
        (TimeField::IsoYear, "isoyear", &[]),
        (TimeField::Quarter, "quarter", &["quarters"]),
        (TimeField::Month, "month", &["months", "mon", "mons"]),
        (TimeField::Week, "week", &["weeks", "w", "isoweek"]),
        (TimeField::Day, "day", &["days", "d", "dayofmonth"]),
        (TimeField::DayOfYear, "doy", &["dayofyear"]),
        (TimeField::DayOfWeek, "dow", &["dayofweek", "weekday"]),
        (TimeField::IsoDayOfWeek, "isodow", &[]),
        (TimeField::Hour, "hour", &["hours", "h", "hr", "hrs"]),
        (TimeField::Minute, "minute", &["minutes", "m", "min", "mins"]),
        (TimeField::Second, "second", &["seconds", "s", "sec", "secs"]),
        (TimeField::Millisecond, "milliseconds", &["millisecond", "ms", "msec", "msecs"]),
        (TimeField::Microsecond, "microseconds", &["microsecond", "us", "usec", "usecs"]),
        (TimeField::Epoch, "epoch", &[]),
    ];

    /// The field of a name, whatever its case.
    pub fn named(name: &str) -> Option<TimeField> {
        let name = name.to_ascii_lowercase();
        let found =
            TimeField::NAMES.iter().find(|(_, own, more)| *own == name || more.contains(&name.as_str()));
        found.map(|(field, ..)| *field)
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        TimeField::NAMES.iter().find(|(field, ..)| *field == self).map_or("", |(_, name, _)| name)
    }

    /// Whether it is a unit that time can be cut at.
    pub fn is_unit(self) -> bool {
        !matches!(
            self,
            TimeField::DayOfYear | TimeField::DayOfWeek | TimeField::IsoDayOfWeek | TimeField::Epoch
        )
    }

    /// How long it is, of units that are always of one length.
    pub fn length(self) -> Option<i64> {
        Some(match self {
            TimeField::Hour => HOUR,
            TimeField::Minute => MINUTE,
            TimeField::Second => SECOND,
            TimeField::Millisecond => 1000,
            TimeField::Microsecond => 1,
            _ => return None,
        })
    }

    /// Digits after the point of what EXTRACT gives: none of whole numbers.
    pub fn scale(self) -> Option<u8> {
        match self {
            TimeField::Second | TimeField::Epoch => Some(6),
            TimeField::Millisecond => Some(3),
            _ => None,
        }
    }

    /// What a clock shows of it, in units of the last of [`TimeField::scale`] digits. Of [`TimeField::Epoch`] that is the clock
    /// itself.
    pub fn of(self, clock: i64) -> i64 {
        let (days, time) = (clock.div_euclid(DAY), clock.rem_euclid(DAY));
        let (year, month, day) = civil_from_days(days);
        match self {
            TimeField::Century => {
                // There is no century 0.
                let number = (year - 1).div_euclid(100) + 1;
                if year > 0 { number } else { number - 1 }
            }
            TimeField::Decade => year.div_euclid(10),
            TimeField::Year => year,
            TimeField::IsoYear => iso_week(days).0,
            TimeField::Quarter => i64::from(month.div_ceil(3)),
            TimeField::Month => i64::from(month),
            TimeField::Week => iso_week(days).1,
            TimeField::Day => i64::from(day),
            TimeField::DayOfYear => days - days_from_civil(year, 1, 1) + 1,
            // Sunday is 7 by ISO 8601, and 0 in PostgreSQL's `dow`.
            TimeField::DayOfWeek => weekday(days) % 7,
            TimeField::IsoDayOfWeek => weekday(days),
            TimeField::Hour => time / HOUR,
            TimeField::Minute => time % HOUR / MINUTE,
            TimeField::Second | TimeField::Millisecond | TimeField::Microsecond => time % MINUTE,
            TimeField::Epoch => clock,
        }
    }

    /// The clock at the beginning of the unit that `clock` is in.
    pub fn truncated(self, clock: i64) -> i64 {
        if let Some(length) = self.length() {
            return clock - clock.rem_euclid(length);
        }
        let days = clock.div_euclid(DAY);
        let (year, month, _) = civil_from_days(days);
        let first = match self {
            // The years 1 to 100 are the first century.
            TimeField::Century => days_from_civil((year - 1).div_euclid(100) * 100 + 1, 1, 1),
            TimeField::Decade => days_from_civil(year.div_euclid(10) * 10, 1, 1),
            TimeField::Year => days_from_civil(year, 1, 1),
            // 4 January lies in the first ISO week of its year, always.
            TimeField::IsoYear => monday(days_from_civil(iso_week(days).0, 1, 4)),
            TimeField::Quarter => days_from_civil(year, (month - 1) / 3 * 3 + 1, 1),
            TimeField::Month => days_from_civil(year, month, 1),
            TimeField::Week => monday(days),
            _ => days,
        };
        first * DAY
    }

    /// A number that grows by one where the unit begins again; none of units of a fixed length.
    fn number(self, clock: i64) -> i64 {
        let days = clock.div_euclid(DAY);
        let (year, month, _) = civil_from_days(days);
        let months = year * 12 + i64::from(month) - 1;
        match self {
            TimeField::Century => (year - 1).div_euclid(100),
            TimeField::Decade => year.div_euclid(10),
            TimeField::Year => year,
            TimeField::IsoYear => iso_week(days).0,
            TimeField::Quarter => months.div_euclid(3),
            TimeField::Month => months,
            TimeField::Week => monday(days).div_euclid(7),
            _ => days,
        }
    }

    /// The months that it has, of units that are made of them.
    fn months(self) -> Option<i64> {
        Some(match self {
            TimeField::Century => 1200,
            TimeField::Decade => 120,
            TimeField::Year => 12,
            TimeField::Quarter => 3,
            TimeField::Month => 1,
            _ => return None,
        })
    }

    /// How often the unit begins between two instants, on the clock of `zone`; negative where `to` is the earlier.
    pub fn boundaries(self, from: i64, to: i64, zone: &mut Zone) -> i64 {
        match self.length() {
            Some(length) => {
                // The beginnings are instants: an hour that the clock shows twice counts twice.
                let begin = |zone: &mut Zone, at: i64| at - zone.local(at).rem_euclid(length);
                (begin(zone, to) - begin(zone, from)).div_euclid(length)
            }
            None => self.number(zone.local(to)) - self.number(zone.local(from)),
        }
    }

    /// How many whole units there are between two instants, on the clock of `zone`; negative where `to` is the earlier.
    pub fn whole(self, from: i64, to: i64, zone: &mut Zone) -> i64 {
        if let Some(length) = self.length() {
            return (to - from) / length;
        }
        // Whole units are cut towards zero, so that a length and its opposite differ in the sign alone.
        if to < from {
            return -self.whole(to, from, zone);
        }
        let (from, to) = (zone.local(from), zone.local(to));
        // An ISO year has 52 or 53 weeks, so DuckDB counts whole years of the calendar in its place.
        let unit = if self == TimeField::IsoYear { TimeField::Year } else { self };
        match unit.months() {
            Some(unit) => {
                let (a, b) = (TimeField::Month.number(from), TimeField::Month.number(to));
                // `moved_months` stops at the last day, so the end of a shorter month completes a month from
                // the 31st.
                let short = moved_months(from, b - a).is_none_or(|moved| moved > to);
                (b - a - i64::from(short)) / unit
            }
            None if unit == TimeField::Week => (to - from) / (7 * DAY),
            None => (to - from) / DAY,
        }
    }
}

/// The last day of the month of a day.
pub fn last_day(days: i64) -> i64 {
    let (year, month, _) = civil_from_days(days);
    let (year, month) = if month == 12 { (year + 1, 1) } else { (year, month + 1) };
    days_from_civil(year, month, 1) - 1
}

/// What the clock shows `months` later: the same day of the month, or its last.
fn moved_months(clock: i64, months: i64) -> Option<i64> {
    let (days, time) = (clock.div_euclid(DAY), clock.rem_euclid(DAY));
    let (year, month, day) = civil_from_days(days);
    let months = (year * 12 + i64::from(month) - 1).checked_add(months)?;
    let (year, month) = (months.div_euclid(12), months.rem_euclid(12) as u32 + 1);
    // The days of the year 300,000 are far from what 64 bits of microseconds hold.
    if year.abs() > 290_000 {
        return None;
    }
    let first = days_from_civil(year, month, 1);
    let moved = first + i64::from(day - 1).min(last_day(first) - first);
    moved.checked_mul(DAY)?.checked_add(time)
}

/// A length of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Interval {
    /// Months; a year has twelve.
    pub months: i32,
    /// Days, of as many hours as they have.
    pub days: i32,
    /// Microseconds.
    pub micros: i64,
}

impl Interval {
    /// Reads `1 day 2 hours`, `1 year -3 months`, `02:30:00.5`, `1 day 12:00`; a number without a unit is of `unit`.
    pub fn parse(text: &str, unit: Option<TimeField>) -> Option<Interval> {
        let mut words = split(text).into_iter().peekable();
        let mut out = Interval::default();
        let mut any = false;
        while let Some(word) = words.next() {
            any = true;
            if word.contains(':') {
                out.micros = out.micros.checked_add(clock(&word)?)?;
                continue;
            }
            let field = match words.peek() {
                Some(next) if next.starts_with(|c: char| c.is_ascii_alphabetic()) => TimeField::named(next)?,
                Some(_) => return None,
                None => {
                    out = out.plus(Interval::of(&word, unit?)?)?;
                    break;
                }
            };
            words.next();
            out = out.plus(Interval::of(&word, field)?)?;
        }
        any.then_some(out)
    }

    /// `number` units, a decimal number of those that have a fixed length.
    fn of(number: &str, unit: TimeField) -> Option<Interval> {
        let whole = |number: &str| number.parse::<i64>().ok();
        let narrow = |value: i64| i32::try_from(value).ok();
        Some(match unit {
            TimeField::Week | TimeField::Day => {
                // As in PostgreSQL, half a day is 12 hours, and stays hours over a change of clocks.
                let micros = scaled(number, if unit == TimeField::Week { 7 * DAY } else { DAY })?;
                Interval { months: 0, days: narrow(micros / DAY)?, micros: micros % DAY }
            }
            _ => match (unit.months(), unit.length()) {
                (Some(months), _) => {
                    Interval { months: narrow(whole(number)?.checked_mul(months)?)?, days: 0, micros: 0 }
                }
                (_, Some(length)) => Interval { months: 0, days: 0, micros: scaled(number, length)? },
                _ => return None,
            },
        })
    }

    /// The sum, each part for itself.
    pub fn plus(self, other: Interval) -> Option<Interval> {
        Some(Interval {
            months: self.months.checked_add(other.months)?,
            days: self.days.checked_add(other.days)?,
            micros: self.micros.checked_add(other.micros)?,
        })
    }

    /// So many of it.
    pub fn times(self, count: i64) -> Option<Interval> {
        let narrow = |part: i32| i64::from(part).checked_mul(count).and_then(|part| i32::try_from(part).ok());
        Some(Interval {
            months: narrow(self.months)?,
            days: narrow(self.days)?,
            micros: self.micros.checked_mul(count)?,
        })
    }

    /// What a clock shows so much later.
    pub fn after_clock(self, clock: i64) -> Option<i64> {
        let moved = if self.months == 0 { clock } else { moved_months(clock, self.months.into())? };
        moved.checked_add(i64::from(self.days).checked_mul(DAY)?)?.checked_add(self.micros)
    }

    /// The instant so much later, where months and days are those of the clock of `zone`.
    pub fn after(self, instant: i64, zone: &mut Zone) -> Option<i64> {
        // Without months and days the clock is not asked: an instant in an hour that it shows twice would
        // become the earlier one.
        let whole = Interval { micros: 0, ..self };
        let moved = match whole == Interval::default() {
            true => instant,
            false => {
                let clock = whole.after_clock(zone.local(instant))?;
                zone.instant(clock)
            }
        };
        moved.checked_add(self.micros)
    }

    /// Seconds in units of a microsecond; a month counts 30 days and a year 365.25, as PostgreSQL counts them.
    pub fn epoch(self) -> Option<i64> {
        let (years, months) = (i64::from(self.months) / 12, i64::from(self.months) % 12);
        let days = years.checked_mul(DAY * 1461 / 4)?.checked_add(months * 30 * DAY)?;
        days.checked_add(i64::from(self.days).checked_mul(DAY)?)?.checked_add(self.micros)
    }
}

/// The words of an interval; a number and its unit may be one (`2h`).
fn split(text: &str) -> Vec<String> {
    let mut words: Vec<String> = vec![];
    for word in text.split(|c: char| c.is_whitespace() || c == ',').filter(|word| !word.is_empty()) {
        match word.find(|c: char| c.is_ascii_alphabetic()) {
            Some(at) if at > 0 => words.extend([word[..at].to_string(), word[at..].to_string()]),
            _ => words.push(word.to_string()),
        }
    }
    words
}

/// `number`, a decimal number, times `unit`, cut towards zero.
fn scaled(number: &str, unit: i64) -> Option<i64> {
    let (negative, digits) = match number.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, number.strip_prefix('+').unwrap_or(number)),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let all_digits = |text: &str| text.bytes().all(|c| c.is_ascii_digit());
    // With at most 12 digits after the point, the products below are far from the limits of 128 bits.
    if whole.len() + fraction.len() == 0 || fraction.len() > 12 || !all_digits(whole) || !all_digits(fraction)
    {
        return None;
    }
    let whole: i128 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
    let part: i128 = if fraction.is_empty() { 0 } else { fraction.parse().ok()? };
    let size = whole.checked_mul(unit.into())? + part * i128::from(unit) / 10i128.pow(fraction.len() as u32);
    i64::try_from(if negative { -size } else { size }).ok()
}

/// `[-]H:MM[:SS[.fraction]]`.
fn clock(text: &str) -> Option<i64> {
    let (negative, text) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let mut parts = text.split(':');
    let (hours, minutes) = (parts.next()?, parts.next()?);
    let seconds = parts.next().unwrap_or("0");
    let below = |text: &str| text.len() <= 2 && text.parse::<u32>().is_ok_and(|n| n < 60);
    if parts.next().is_some() || !below(minutes) || !seconds.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let micros =
        scaled(hours, HOUR)?.checked_add(scaled(minutes, MINUTE)?)?.checked_add(scaled(seconds, SECOND)?)?;
    Some(if negative { -micros } else { micros })
}

#[cfg(test)]
mod tests;
