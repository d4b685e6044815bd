//! Event times as they stand in files: numbers with a unit, ISO-8601 / RFC 3339, strftime formats.

use super::format::offset;
use super::time_error::TimeError;
use super::zone::days_in_month;
use super::{DAY, EARLIEST, HOUR, LATEST, MINUTE, SECOND, TimeFormat, TimeUnit, Zone, days_from_civil};
use crate::error::Result as Checked;
use std::sync::Arc;

/// How the text or number of a time column is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TimeRule {
    /// A number of this unit since 1970-01-01T00:00:00Z.
    Epoch(TimeUnit),
    /// ISO-8601 or RFC 3339, with or without an offset, or a date alone.
    Iso,
    /// A strftime format.
    Format(Arc<TimeFormat>),
    /// ISO-8601 and formats, or units: the first of these rules that reads a text as a time in the years 1900 to 2200.
    AnyOf(Arc<[TimeRule]>),
    /// There is no time column: every row is of the instant 0.
    Untimed,
}

impl TimeRule {
    /// The rule of one format.
    ///
    /// # Errors
    /// A job error: the format is none by which times are read.
    pub fn format(text: &str) -> Checked<TimeRule> {
        Ok(TimeRule::Format(Arc::new(TimeFormat::parse(text)?)))
    }

    /// The rule of formats that are tried in order; `iso` among them is ISO-8601.
    ///
    /// # Errors
    /// A job error: one is none by which times are read.
    pub fn any_of<'t>(texts: impl Iterator<Item = &'t str>) -> Checked<TimeRule> {
        let rules = texts.map(|text| if text == ISO { Ok(TimeRule::Iso) } else { TimeRule::format(text) });
        let rules = rules.collect::<Checked<Vec<TimeRule>>>()?;
        Ok(if let [rule] = rules.as_slice() { rule.clone() } else { TimeRule::AnyOf(rules.into()) })
    }

    /// The rule of units that are tried in order.
    pub fn units(units: &[TimeUnit]) -> TimeRule {
        match units {
            [unit] => TimeRule::Epoch(*unit),
            units => TimeRule::AnyOf(units.iter().copied().map(TimeRule::Epoch).collect()),
        }
    }

    /// The units that are tried, where times are numbers; else none.
    pub fn tried_units(&self) -> Vec<TimeUnit> {
        match self {
            TimeRule::Epoch(unit) => vec![*unit],
            TimeRule::AnyOf(rules) => rules.iter().flat_map(TimeRule::tried_units).collect(),
            TimeRule::Iso | TimeRule::Format(_) | TimeRule::Untimed => vec![],
        }
    }

    /// The rules that are tried, as a job writes them; none where there is no time.
    pub fn words(&self) -> Vec<&str> {
        match self {
            TimeRule::Iso => vec![ISO],
            TimeRule::Format(format) => vec![format.text()],
            TimeRule::AnyOf(rules) => rules.iter().flat_map(TimeRule::words).collect(),
            TimeRule::Epoch(unit) => vec![unit.name()],
            TimeRule::Untimed => vec![],
        }
    }

    /// Whether times are texts of formats that a job gives, or numbers of several units: what stands in the log says less
    /// than the instant.
    pub fn is_format(&self) -> bool {
        matches!(self, TimeRule::Format(_) | TimeRule::AnyOf(_))
    }
}

/// ISO-8601 among formats.
const ISO: &str = "iso";

/// Reads times by one rule in one zone.
#[derive(Debug, Clone)]
pub struct TimeParser {
    rule: TimeRule,
    zone: Zone,
    /// The last date read, as text and in days: logs are nearly in order.
    date: ([u8; 10], i64),
}

impl TimeParser {
    /// A parser; `zone` is where times without an offset are read.
    pub fn new(rule: TimeRule, zone: Zone) -> TimeParser {
        // The memory starts with a true pair of date and day, so "empty" does not need a mark.
        TimeParser { rule, zone, date: (*b"1970-01-01", 0) }
    }

    /// The rule.
    pub fn rule(&self) -> &TimeRule {
        &self.rule
    }

    /// The instant of an integer under an `Epoch` rule.
    #[inline]
    pub fn integer(&mut self, value: i64) -> Result<i64, TimeError> {
        match self.rule {
            TimeRule::Epoch(unit) => {
                let micros = unit.instant(value).ok_or(TimeError::OutOfRange)?;
                in_range(placed(unit, micros, &mut self.zone)?)
            }
            _ => Err(TimeError::Unreadable),
        }
    }

    /// Makes of integers their instants, if they are numbers of a unit that is no day, and each of them is a time; else
    /// nothing is changed, and the answer is `false`.
    pub fn integers(&self, values: &mut [i64]) -> bool {
        let TimeRule::Epoch(unit) = self.rule else { return false };
        if unit.is_local() {
            return false;
        }
        let (times, by) = unit.micros();
        // The least integer whose instant is `micros` or later.
        let first = |micros: i64| {
            let parts = i128::from(micros) * by;
            (parts.div_euclid(times) + i128::from(parts.rem_euclid(times) > 0)) as i64
        };
        let range = first(EARLIEST)..first(LATEST);
        // Each of them is looked at, without a branch.
        if !values.iter().fold(true, |all, value| all & range.contains(value)) {
            return false;
        }
        // A unit has microseconds, or is a part of one.
        let (times, by) = (times as i64, by as i64);
        match by {
            1 => values.iter_mut().for_each(|value| *value *= times),
            _ => values.iter_mut().for_each(|value| *value = value.div_euclid(by)),
        }
        true
    }

    /// The instant of a text under any rule (a number in text under `Epoch`).
    #[inline]
    pub fn text(&mut self, text: &[u8]) -> Result<i64, TimeError> {
        match &self.rule {
            TimeRule::Epoch(unit) => in_range(number(*unit, text, &mut self.zone)?),
            TimeRule::Iso => {
                // Most logs write this form: the short way reads it without the checks of all others.
                let instant = match self.plain(text) {
                    Some(local) => Some(self.zone.instant(local)),
                    None => parse_iso(text, &mut self.zone),
                };
                in_range(instant.ok_or(TimeError::Unreadable)?)
            }
            TimeRule::Untimed => Ok(0),
            TimeRule::Format(format) => in_range(format.read(text, &mut self.zone)?),
            TimeRule::AnyOf(rules) => {
                let rules = rules.clone();
                any_of(&rules, text, &mut self.zone)
            }
        }
    }

    /// The instant of a text of the most common form, `YYYY-MM-DD?HH:MM:SS`, under the rule `Iso`; `None` says nothing.
    #[inline(always)]
    pub fn plain_instant(&mut self, text: &[u8]) -> Option<i64> {
        let local = self.plain(text)?;
        in_range(self.zone.instant(local)).ok()
    }

    /// The local time of `YYYY-MM-DD?HH:MM:SS` without anything after it.
    #[inline(always)]
    fn plain(&mut self, text: &[u8]) -> Option<i64> {
        let text: &[u8; 19] = text.try_into().ok()?;
        if !matches!(text[10], b'T' | b' ') {
            return None;
        }
        let second = second_of_day(text[11..19].try_into().ok()?)?;
        if text[..10] != self.date.0 {
            self.go_to_date(text)?;
        }
        Some(self.date.1 * DAY + i64::from(second) * SECOND)
    }

    #[inline(never)]
    fn go_to_date(&mut self, text: &[u8; 19]) -> Option<()> {
        let days = parse_date(&text[..10])?;
        self.date = (text[..10].try_into().ok()?, i64::from(days));
        Some(())
    }

    /// How many of the times that were read are local ones that exist twice, since this was asked before.
    pub fn take_twice(&mut self) -> u64 {
        self.zone.take_twice()
    }

    /// The instant of a local time (microseconds since a local 1970) in the parser's zone.
    pub fn local(&mut self, local: i64) -> Result<i64, TimeError> {
        in_range(self.zone.instant(local))
    }
}

/// `instant` if it lies in the years 1900 to 2200.
#[inline]
fn in_range(instant: i64) -> Result<i64, TimeError> {
    if (EARLIEST..LATEST).contains(&instant) { Ok(instant) } else { Err(TimeError::OutOfRange) }
}

#[inline]
fn integer(text: &[u8]) -> Option<i64> {
    let (negative, digits) = match text {
        [b'-', rest @ ..] => (true, rest),
        _ => (false, text),
    };
    // Nineteen digits fit a `u64`, so the sums below cannot overflow; `i64` is checked after them.
    if digits.is_empty() || digits.len() > 19 {
        return None;
    }
    let mut value = 0u64;
    for &c in digits {
        let d = c.wrapping_sub(b'0');
        if d > 9 {
            return None;
        }
        value = value * 10 + u64::from(d);
    }
    let value = i64::try_from(value).ok()?;
    Some(if negative { -value } else { value })
}

#[inline]
fn digits2(text: &[u8], at: usize) -> Option<u32> {
    let (a, b) = (text[at].wrapping_sub(b'0'), text[at + 1].wrapping_sub(b'0'));
    if a > 9 || b > 9 { None } else { Some(u32::from(a) * 10 + u32::from(b)) }
}

/// The second of the day of `HH:MM:SS`, all eight bytes at once.
#[inline]
fn second_of_day(text: [u8; 8]) -> Option<u32> {
    // Digits become 0 to 9 and colons 0; adding makes the top bit of any other byte 1.
    let bytes = u64::from_le_bytes(text) ^ u64::from_le_bytes(*b"00:00:00");
    let over = bytes.wrapping_add(u64::from_le_bytes([0x76, 0x76, 0x7F, 0x76, 0x76, 0x7F, 0x76, 0x76]));
    if (bytes | over) & 0x8080_8080_8080_8080 != 0 {
        return None;
    }
    // Each digit ten times with the one behind it: hours are byte 0, minutes byte 3, seconds byte 6. No sum has a carry.
    let parts = (bytes * 10).wrapping_add(bytes >> 8) & 0x00ff_0000_ff00_00ff;
    // Second 60 is left to `parse_iso`, which takes it as a leap second.
    const OVER: u64 = (0x80 - 24) | (0x80 - 60) << 24 | (0x80 - 60) << 48;
    let (hour, minute, second) = (parts as u8, (parts >> 24) as u8, (parts >> 48) as u8);
    let fits = (parts + OVER) & 0x0080_0000_8000_0080 == 0;
    fits.then_some(u32::from(hour) * 3600 + u32::from(minute) * 60 + u32::from(second))
}

/// Days since 1970-01-01 of `YYYY-MM-DD`.
#[inline]
pub fn parse_date(text: &[u8]) -> Option<i32> {
    if text.len() != 10 || text[4] != b'-' || text[7] != b'-' {
        return None;
    }
    let year = digits2(text, 0)? * 100 + digits2(text, 2)?;
    let (month, day) = (digits2(text, 5)?, digits2(text, 8)?);
    if !(1..=12).contains(&month) || day < 1 || day > days_in_month(year, month) {
        return None;
    }
    Some(days_from_civil(i64::from(year), month, day) as i32)
}

/// `YYYY-MM-DD`, then optionally `T` or a space, `HH:MM[:SS[.fraction]]` and `Z` or `±HH[:]MM`.
fn parse_iso(text: &[u8], zone: &mut Zone) -> Option<i64> {
    let days = i64::from(parse_date(text.get(..10)?)?);
    if text.len() == 10 {
        return Some(zone.instant(days * DAY));
    }
    if !matches!(text[10], b'T' | b't' | b' ') || text.len() < 16 || text[13] != b':' {
        return None;
    }
    let (hour, minute) = (digits2(text, 11)?, digits2(text, 14)?);
    let mut time = i64::from(hour) * HOUR + i64::from(minute) * MINUTE;
    let mut rest = &text[16..];
    let mut second = 0;
    if let [b':', seconds @ ..] = rest {
        if seconds.len() < 2 {
            return None;
        }
        second = digits2(seconds, 0)?;
        rest = &seconds[2..];
        time += i64::from(second) * SECOND;
        if let [b'.' | b',', fraction @ ..] = rest {
            let count = fraction.iter().take_while(|c| c.is_ascii_digit()).count();
            if count == 0 {
                return None;
            }
            // Digits past the microsecond are cut.
            let (micros, _) = super::format::micros(&fraction[..count]);
            time += micros;
            rest = &fraction[count..];
        }
    }
    // 60 is a leap second, which UTC in microseconds shares with the next second.
    if hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let local = days * DAY + time;
    match rest {
        [] => Some(zone.instant(local)),
        _ => {
            let (offset, length) = offset(rest)?;
            // What stands after the offset could change its meaning, such as `[Europe/Paris]`, so it is not
            // skipped.
            (length == rest.len()).then_some(local - offset)
        }
    }
}

/// The instant of a number in text, with decimals or without.
fn number(unit: TimeUnit, text: &[u8], zone: &mut Zone) -> Result<i64, TimeError> {
    // Integers are the most common, and quick to read; `decimal` also reads a plus, decimals and exponents.
    let micros = match integer(text) {
        Some(value) => unit.instant(value).ok_or(TimeError::OutOfRange)?,
        None => unit.decimal(text)?,
    };
    placed(unit, micros, zone)
}

/// The instant of the microseconds of a number of `unit`s: days of the calendar begin at midnight in the zone.
#[inline]
fn placed(unit: TimeUnit, micros: i64, zone: &mut Zone) -> Result<i64, TimeError> {
    // A day more on each side than `in_range` allows, as an offset moves the local time by less than a day.
    let near = EARLIEST - DAY..LATEST + DAY;
    match unit.is_local() {
        false => Ok(micros),
        true if near.contains(&micros) => Ok(zone.instant(micros)),
        true => Err(TimeError::OutOfRange),
    }
}

/// The instant by the first of `rules` that reads `text`; if none does, why the last that came near it did not.
fn any_of(rules: &[TimeRule], text: &[u8], zone: &mut Zone) -> Result<i64, TimeError> {
    let mut why = TimeError::Unreadable;
    for rule in rules {
        let read = match rule {
            TimeRule::Iso => parse_iso(text, zone).ok_or(TimeError::Unreadable),
            TimeRule::Format(format) => format.read(text, zone),
            TimeRule::Epoch(unit) => number(*unit, text, zone),
            // A list has no others.
            TimeRule::AnyOf(_) | TimeRule::Untimed => Err(TimeError::Unreadable),
        };
        // A number is readable in all units: the years 1900 to 2200 tell which of them is meant.
        match read.and_then(in_range) {
            Ok(instant) => return Ok(instant),
            // "Unreadable" says the least, so the reason of another rule stays.
            Err(TimeError::Unreadable) => {}
            Err(nearer) => why = nearer,
        }
    }
    Err(why)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn iso(text: &str) -> Result<i64, TimeError> {
        TimeParser::new(TimeRule::Iso, Zone::utc()).text(text.as_bytes())
    }

    #[test]
    fn iso_times_agree_with_chrono() {
        for text in [
            "2024-02-29T12:34:56Z",
            "2024-02-29T12:34:56.789+05:30",
            "1969-12-31T23:59:59.999999Z",
            "2010-12-01T08:26:00-08:00",
        ] {
            let want = chrono::DateTime::parse_from_rfc3339(text).unwrap().timestamp_micros();
            assert_eq!(iso(text), Ok(want), "{text}");
        }
        assert_eq!(iso("2010-12-01 08:26:00"), iso("2010-12-01T08:26:00Z"));
        assert_eq!(iso("2010-12-01T08:26"), iso("2010-12-01T08:26:00Z"));
        assert_eq!(iso("2010-12-01"), iso("2010-12-01T00:00:00Z"));
        assert_eq!(iso("2010-12-01T08:26:00+0100"), iso("2010-12-01T07:26:00Z"));
        assert_eq!(iso("2010-12-01T08:26:00-00:00"), iso("2010-12-01T08:26:00Z"));
        assert_eq!(iso("2010-12-01T08:26:00+14"), iso("2010-11-30T18:26:00Z"));
    }

    #[test]
    fn the_second_of_the_day_is_read_at_once() {
        for n in 0..86_400u32 {
            let text = format!("{:02}:{:02}:{:02}", n / 3600, n / 60 % 60, n % 60);
            assert_eq!(second_of_day(text.as_bytes().try_into().unwrap()), Some(n));
        }
        for at in 0..8 {
            for byte in 0..=255u8 {
                let mut text = *b"12:34:56";
                text[at] = byte;
                let whole = [b"2024-02-29T".as_slice(), &text].concat();
                // What is not this form (`12:34+56` has an offset) is left to the slow way.
                if let Some(second) = second_of_day(text) {
                    let fast = 19_782 * DAY + i64::from(second) * SECOND;
                    assert_eq!(Some(fast), parse_iso(&whole, &mut Zone::utc()), "{text:?}");
                } else {
                    assert!(
                        at == 2
                            || at == 5
                            || !byte.is_ascii_digit()
                            || parse_iso(&whole, &mut Zone::utc()).is_none()
                    );
                }
            }
        }
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for text in [
            "",
            "x",
            "2024-13-01",
            "2023-02-29",
            "2024-01-01T25:00:00",
            "2024-01-01T10:00:00+1",
            "2024-01-01T10:00:00.",
            "2024-01-01T10:00:00Zx",
            "2024-01-01T10:00:00+99:99",
            "2024-01-01T10:00:00+14:01",
            "2024-01-01T10:00:00-15",
            "2024-01-01T10:00:00+01:60",
            "2024-01-01T10:00:00+01:0",
            "2024-01-01T10:00:00+01:00:00",
            "2024-01-01T10:00:00UTC",
            "20240101",
        ] {
            assert_eq!(iso(text), Err(TimeError::Unreadable), "{text}");
        }
        assert_eq!(iso("1899-12-31T23:59:59Z"), Err(TimeError::OutOfRange));
        assert_eq!(iso("2201-01-01T00:00:00Z"), Err(TimeError::OutOfRange));
        assert!(iso("2200-12-31T23:59:59Z").is_ok());
    }

    #[test]
    fn integers_have_a_unit() {
        let parser = |unit| TimeParser::new(TimeRule::Epoch(unit), Zone::utc());
        let want = Ok(1_717_200_000 * SECOND);
        assert_eq!(parser(TimeUnit::Second).text(b"1717200000"), want);
        assert_eq!(parser(TimeUnit::Milli).text(b"1717200000000"), want);
        assert_eq!(parser(TimeUnit::Nano).text(b"1717200000000000999"), want);
        assert_eq!(parser(TimeUnit::Second).text(b"1717200000000"), Err(TimeError::OutOfRange));
        let days = |zone, text: &str| {
            TimeParser::new(TimeRule::Epoch(TimeUnit::Day), Zone::named(zone).unwrap()).text(text.as_bytes())
        };
        // A day begins at midnight in the zone, as one of a column of dates does.
        assert_eq!(days("UTC", "19876"), iso("2024-06-02"));
        assert_eq!(days("Asia/Jakarta", "19876"), iso("2024-06-02T00:00:00+07:00"));
        assert_eq!(days("America/New_York", "19876.5"), iso("2024-06-02T12:00:00-04:00"));
        assert_eq!(days("UTC", "99999999999999"), Err(TimeError::OutOfRange));
        assert_eq!(TimeUnit::likely(1_717_200_000_000), Some(TimeUnit::Milli));
    }

    #[test]
    fn formats_are_read_in_the_zone() {
        let jakarta = Zone::named("Asia/Jakarta").unwrap();
        let mut parser = TimeParser::new(TimeRule::format("%d-%m-%Y %H:%M").unwrap(), jakarta.clone());
        assert_eq!(parser.text(b"01-12-2010 08:26").ok(), iso("2010-12-01T01:26:00Z").ok());
        let mut parser = TimeParser::new(TimeRule::format("%d/%b/%Y:%H:%M:%S %z").unwrap(), jakarta);
        assert_eq!(parser.text(b"10/Oct/2000:13:55:36 -0700").ok(), iso("2000-10-10T20:55:36Z").ok());
    }
}
