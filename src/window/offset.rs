//! How far windows start after the natural starts.

use crate::time::{CalendarUnit, DAY, Duration, civil_from_days, days_from_civil};
use std::fmt;

/// How far the starts of windows lie after the natural ones.
///
/// Months are counted on the calendar first, from the first of a month; then the rest is added on the wall clock. So
/// `3 months 5 days` after 1 January is 6 April in every year, which no number of days is.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct Offset {
    /// Months; only of windows that start every so many months.
    pub months: i64,
    /// Microseconds after them: on the wall clock, where windows start by the calendar.
    pub micros: i64,
}

impl Offset {
    /// An offset of so many microseconds.
    pub const fn micros(micros: i64) -> Offset {
        Offset { months: 0, micros }
    }

    /// The offset that lies so many microseconds after this one.
    pub fn plus(self, micros: i64) -> Offset {
        Offset { micros: self.micros + micros, ..self }
    }

    /// Reads `15m`, `-6h`, `3 months 5 days`: durations one after the other, and a minus for all of them.
    pub fn parse(text: &str) -> Option<Offset> {
        let text = text.trim();
        let (sign, rest) = match text.strip_prefix('-') {
            Some(rest) => (-1, rest),
            None => (1, text),
        };
        let mut offset = Offset::default();
        for part in parts(rest)? {
            match Duration::parse(part)? {
                Duration::Calendar { count, unit } if months(unit).is_some() => {
                    offset.months += sign * i64::from(count) * months(unit)?;
                }
                length => offset.micros = offset.micros.checked_add(sign * length.as_length()?)?,
            }
        }
        Some(offset)
    }

    /// Two starts of windows of so many months whose offset, in days, is another day of the month: each the date and,
    /// in months and days, what leads to it.
    pub fn slips(self, every: i64) -> Option<[(String, String); 2]> {
        let days = self.micros.div_euclid(DAY);
        let start = |number: i64| {
            let month = number * every + self.months;
            let (year, of_year) = (1970 + month.div_euclid(12), month.rem_euclid(12));
            let (to_year, to_month, day) =
                civil_from_days(days_from_civil(year, of_year as u32 + 1, 1) + days);
            let months = (to_year - 1970) * 12 + i64::from(to_month) - 1 - number * every;
            let offset = Offset {
                months: months.rem_euclid(every),
                micros: i64::from(day - 1) * DAY + self.micros.rem_euclid(DAY),
            };
            (format!("{day} {} {to_year}", NAMES[to_month as usize - 1]), offset)
        };
        // From 2023 on, for four years and more: one of them is a leap year.
        let first = (53 * 12 + every - 1).div_euclid(every);
        let one = start(first);
        let mut others = (first + 1..=first + 48 / every + 4).map(start);
        let other = others.find(|(_, offset)| *offset != one.1)?;
        Some([one, other].map(|(date, offset)| (date, offset.words())))
    }

    /// In months, days and a length.
    fn words(self) -> String {
        let units = |n: i64, unit: &str| format!("{n} {unit}{}", if n.abs() == 1 { "" } else { "s" });
        let (days, rest) = (self.micros / DAY, self.micros % DAY);
        let mut parts = vec![];
        parts.extend((self.months != 0).then(|| units(self.months, "month")));
        parts.extend((days != 0).then(|| units(days, "day")));
        parts.extend((rest != 0).then(|| Duration::Length(rest).to_string()));
        if parts.is_empty() { "0 days".into() } else { parts.join(" ") }
    }
}

const NAMES: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

/// How many months a unit has, if it is counted in months and not in days.
pub(super) fn months(unit: CalendarUnit) -> Option<i64> {
    match unit {
        CalendarUnit::Day | CalendarUnit::Week => None,
        CalendarUnit::Month => Some(1),
        CalendarUnit::Quarter => Some(3),
        CalendarUnit::Year => Some(12),
    }
}

/// The durations that a text has one after the other: `3 months 5 days 6h`.
fn parts(text: &str) -> Option<Vec<&str>> {
    let mut out = vec![];
    let mut rest = text.trim();
    while !rest.is_empty() {
        let unit = rest.find(|c: char| !c.is_ascii_digit())?;
        let end = rest[unit..].find(|c: char| c.is_ascii_digit()).map_or(rest.len(), |at| unit + at);
        out.push(rest[..end].trim_end());
        rest = &rest[end..];
    }
    (!out.is_empty()).then_some(out)
}

/// A length alone as a length, `6h` or `2304h`; manifests have the identity of a job in these words.
impl fmt::Display for Offset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.months {
            0 => write!(f, "{}", Duration::Length(self.micros)),
            // As it is read: one minus for all.
            months if months < 0 && self.micros <= 0 => {
                write!(f, "-{}", Offset { months: -months, micros: -self.micros }.words())
            }
            _ => f.write_str(&self.words()),
        }
    }
}

/// As the number that it was before offsets had months: manifests hold hashes of jobs that print so
/// (`job::identity::before`).
impl fmt::Debug for Offset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.months {
            0 => fmt::Debug::fmt(&self.micros, f),
            months => write!(f, "Offset {{ months: {months}, micros: {} }}", self.micros),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::HOUR;

    #[test]
    fn offsets_are_read_and_shown() {
        for (text, months, micros, shown) in [
            ("15m", 0, 900_000_000, "15m"),
            ("-6h", 0, -6 * HOUR, "-6h"),
            ("96 days", 0, 96 * DAY, "2304h"),
            ("3 months", 3, 0, "3 months"),
            ("3 months 5 days", 3, 5 * DAY, "3 months 5 days"),
            ("1 quarter 1 week 6h", 3, 7 * DAY + 6 * HOUR, "3 months 7 days 6h"),
            ("-1 month 1 day", -1, -DAY, "-1 month 1 day"),
            ("1 year 1month", 13, 0, "13 months"),
            ("1 day 6h", 0, 30 * HOUR, "30h"),
        ] {
            let offset = Offset::parse(text).unwrap();
            assert_eq!((offset.months, offset.micros), (months, micros), "{text}");
            assert_eq!(offset.to_string(), shown);
            assert_eq!(Offset::parse(shown), Some(offset));
        }
        for text in ["", "-", "3", "months", "3 months and 5 days", "3 months -5 days", "5x", "1.5h"] {
            assert_eq!(Offset::parse(text), None, "{text}");
        }
        assert_eq!(format!("{:?} {:?}", Offset::micros(-5), Offset::default()), "-5 0");
    }

    #[test]
    fn days_that_slip_are_found() {
        let days = |days: i64| Offset::micros(days * DAY);
        let slips = |offset: Offset, every| {
            let [one, other] = offset.slips(every)?;
            Some(format!("{}: {}; {}: {}", one.0, one.1, other.0, other.1))
        };
        let april = "7 April 2023: 3 months 6 days; 6 April 2024: 3 months 5 days";
        assert_eq!(slips(days(96), 12).as_deref(), Some(april));
        assert_eq!(
            slips(days(40), 3).as_deref(),
            Some("10 February 2023: 1 month 9 days; 11 May 2023: 1 month 10 days")
        );
        let february = "30 January 2023: 29 days; 2 March 2023: 1 day";
        assert_eq!(slips(days(29), 1).as_deref(), Some(february));
        // The same day each time.
        for (offset, every) in [(days(40), 12), (days(10), 1), (days(-20), 12), (days(27), 3)] {
            assert_eq!(slips(offset, every), None, "{offset}");
        }
        assert_eq!(slips(Offset::parse("3 months 5 days").unwrap(), 12), None);
        assert_eq!(slips(Offset::parse("3 months 5 days 6h").unwrap(), 12), None);
    }
}
