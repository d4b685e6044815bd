//! Instants of texts and numbers, by `chrono` and `chrono-tz` alone.
//!
//! # Contract
//! As a job reads times: ISO-8601 with or without an offset (a blank may stand for the `T`), a number of seconds or
//! parts of one, or a strftime format. A local time that exists twice is the earlier, one that does not exist the
//! end of the gap. Times outside the years 1900 to 2200 are none.

use crate::time::{TimeRule, TimeUnit};
use chrono::format::{Parsed, StrftimeItems};
use chrono::{DateTime, MappedLocalTime, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, TimeZone};
use chrono_tz::{GapInfo, Tz};

/// Reads times in one zone.
#[derive(Debug, Clone)]
pub struct Clock {
    zone: Tz,
}

impl Clock {
    /// A clock of the zone with this IANA name.
    pub fn of(zone: &str) -> Clock {
        Clock { zone: zone.parse().unwrap_or(Tz::UTC) }
    }

    /// The instant of a text under a rule, in microseconds.
    pub fn text(&self, text: &str, rule: &TimeRule) -> Option<i64> {
        let instant = match rule {
            TimeRule::Epoch(_) => return self.number(text.parse().ok()?, rule),
            TimeRule::Iso => self.iso(text)?,
            TimeRule::Format(format) => self.format(text, format)?,
            TimeRule::Untimed => return Some(0),
        };
        believed(instant)
    }

    /// The instant of an integer under a rule.
    pub fn number(&self, value: i64, rule: &TimeRule) -> Option<i64> {
        match rule {
            TimeRule::Epoch(TimeUnit::Second) => believed(value.checked_mul(1_000_000)?),
            TimeRule::Epoch(TimeUnit::Milli) => believed(value.checked_mul(1000)?),
            TimeRule::Epoch(TimeUnit::Micro) => believed(value),
            TimeRule::Epoch(TimeUnit::Nano) => believed(value.div_euclid(1000)),
            _ => self.text(&value.to_string(), rule),
        }
    }

    /// The instant of a local time, both in microseconds since 1970.
    pub fn local(&self, local: i64) -> Option<i64> {
        self.instant(DateTime::from_timestamp_micros(local)?.naive_utc())
    }

    /// `instant` as an event time may be.
    pub fn event_time(&self, instant: i64) -> Option<i64> {
        believed(instant)
    }

    fn instant(&self, local: NaiveDateTime) -> Option<i64> {
        Some(match self.zone.from_local_datetime(&local) {
            MappedLocalTime::Single(at) => at.timestamp_micros(),
            MappedLocalTime::Ambiguous(one, other) => one.min(other).timestamp_micros(),
            MappedLocalTime::None => GapInfo::new(&local, &self.zone)?.end?.timestamp_micros(),
        })
    }

    fn iso(&self, text: &str) -> Option<i64> {
        let (date, rest) = (text.get(..10)?, text.get(10..)?);
        let date = iso_date(date)?;
        if rest.is_empty() {
            return self.instant(date.and_time(NaiveTime::MIN));
        }
        let rest = rest.strip_prefix(['T', 't', ' '])?;
        let end = rest.find(['Z', 'z', '+', '-']).unwrap_or(rest.len());
        let (time, offset) = (iso_time(&rest[..end])?, &rest[end..]);
        let local = date.and_time(NaiveTime::MIN).checked_add_signed(time)?;
        let seconds = match offset {
            "" => return self.instant(local),
            "Z" | "z" => 0,
            _ => {
                let hours = number(offset.get(1..3)?)?;
                let minutes = match offset.get(3..)? {
                    "" => 0,
                    minutes => {
                        number(minutes.strip_prefix(':').unwrap_or(minutes)).filter(|_| minutes.len() <= 3)?
                    }
                };
                let seconds = hours * 3600 + minutes * 60;
                if offset.starts_with('-') { -seconds } else { seconds }
            }
        };
        local.and_utc().timestamp_micros().checked_sub(seconds * 1_000_000)
    }

    fn format(&self, text: &str, format: &str) -> Option<i64> {
        let mut parsed = Parsed::new();
        chrono::format::parse(&mut parsed, text, StrftimeItems::new(format)).ok()?;
        if let Some(seconds) = parsed.timestamp() {
            let micros = i64::from(parsed.nanosecond().unwrap_or(0) / 1000);
            return seconds.checked_mul(1_000_000)?.checked_add(micros);
        }
        let time = parsed.to_naive_time().unwrap_or(NaiveTime::MIN);
        let local = parsed.to_naive_date().ok()?.and_time(time);
        match parsed.offset() {
            None => self.instant(local),
            Some(seconds) => local.and_utc().timestamp_micros().checked_sub(i64::from(seconds) * 1_000_000),
        }
    }
}

/// `instant` if it lies in the years 1900 to 2200.
fn believed(instant: i64) -> Option<i64> {
    let year = |year| NaiveDate::from_ymd_opt(year, 1, 1).map(|day| day.and_time(NaiveTime::MIN).and_utc());
    let (first, end) = (year(1900)?.timestamp_micros(), year(2201)?.timestamp_micros());
    (first..end).contains(&instant).then_some(instant)
}

/// `YYYY-MM-DD`.
pub fn iso_date(text: &str) -> Option<NaiveDate> {
    let [year, month, day] = parts(text, '-')?;
    let shaped = text.len() == 10 && year.len() == 4 && month.len() == 2;
    let of = |text| number(text).and_then(|n| u32::try_from(n).ok());
    NaiveDate::from_ymd_opt(i32::try_from(number(year)?).ok()?, of(month)?, of(day)?).filter(|_| shaped)
}

/// `HH:MM`, `HH:MM:SS` or `HH:MM:SS.fraction`, since midnight; second 60 is a leap second.
fn iso_time(text: &str) -> Option<TimeDelta> {
    let (hour, rest) = (two(text, 0)?, text.get(2..)?.strip_prefix(':')?);
    let (minute, rest) = (two(rest, 0)?, &rest[2..]);
    let (second, micros) = match rest {
        "" => (0, 0),
        _ => {
            let rest = rest.strip_prefix(':')?;
            let second = two(rest, 0)?;
            let micros = match &rest[2..] {
                "" => 0,
                fraction => {
                    let digits = fraction.strip_prefix(['.', ','])?;
                    number(digits)?;
                    // Digits past the microsecond are cut.
                    number(&format!("{:0<6}", &digits[..digits.len().min(6)]))?
                }
            };
            (second, micros)
        }
    };
    let right = hour < 24 && minute < 60 && second <= 60;
    right.then(|| TimeDelta::microseconds(((hour * 60 + minute) * 60 + second) * 1_000_000 + micros))
}

/// Digits, and nothing else. More than 18 are cut, of which nobody asks for the value.
fn number(digits: &str) -> Option<i64> {
    let right = !digits.is_empty() && digits.bytes().all(|c| c.is_ascii_digit());
    right.then(|| digits[..digits.len().min(18)].parse().ok()).flatten()
}

fn two(text: &str, at: usize) -> Option<i64> {
    number(text.get(at..at + 2)?)
}

fn parts(text: &str, by: char) -> Option<[&str; 3]> {
    let mut parts = text.split(by);
    let all = [parts.next()?, parts.next()?, parts.next()?];
    parts.next().is_none().then_some(all)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::{TimeParser, Zone};
    use proptest::prelude::*;
    use proptest::sample::select;

    #[test]
    fn times_are_read_in_the_zone() {
        let london = Clock::of("Europe/London");
        let iso = |text: &str| london.text(text, &TimeRule::Iso);
        let utc = |text: &str| Some(DateTime::parse_from_rfc3339(text).unwrap().timestamp_micros());
        // Twice: the earlier. Never: the end of the gap.
        assert_eq!(iso("2024-10-27 01:30"), utc("2024-10-27T00:30:00Z"));
        assert_eq!(iso("2024-03-31T01:30:00"), utc("2024-03-31T01:00:00Z"));
        assert_eq!(iso("2024-06-01"), utc("2024-05-31T23:00:00Z"));
        assert_eq!(iso("2024-06-01T10:00:00,1234567-0530"), utc("2024-06-01T15:30:00.123456Z"));
        assert_eq!(iso("2016-12-31T23:59:60Z"), utc("2017-01-01T00:00:00Z"));
        for bad in [
            "",
            "2024-6-01",
            "2024-06-31",
            "2024-06-01T",
            "2024-06-01T1:00",
            "2024-06-01T10:00:00.",
            "2024-06-01T10:00+1",
            "2024-06-01T10:00+01:0:0",
            "2024-06-01T24:00",
            "+024-06-01",
            "1899-12-31",
        ] {
            assert_eq!(iso(bad), None, "{bad}");
        }
        let rule = TimeRule::Format("%d/%m/%Y %H:%M".to_string());
        assert_eq!(london.text("01/06/2024 12:00", &rule), utc("2024-06-01T11:00:00Z"));
        assert_eq!(london.text("-1", &TimeRule::Epoch(TimeUnit::Nano)), Some(-1));
        assert_eq!(london.text("99999999999", &TimeRule::Epoch(TimeUnit::Second)), None);
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(3000) })]

        /// The job's own reader is another; both say the same.
        #[test]
        fn times_agree_with_those_of_a_job(
            text in "(19|20)[0-9]{2}-[01][0-9]-[0-3][0-9]([T ][0-2][0-9]:[0-5][0-9](:[0-6][0-9]([.,][0-9]{0,9})?)?(Z|[+-][0-9]{2}(:?[0-9]{2})?)?)?",
            zone in select(vec!["UTC", "Europe/London", "Australia/Lord_Howe", "America/St_Johns"]),
        ) {
            let mut parser = TimeParser::new(TimeRule::Iso, Zone::named(zone).unwrap());
            prop_assert_eq!(Clock::of(zone).text(&text, &TimeRule::Iso), parser.text(text.as_bytes()).ok(), "{}", text);
        }
    }
}
