//! Instants of texts and numbers, by `chrono`, `chrono-tz` and regular expressions alone.
//!
//! # Contract
//! As a job reads times: ISO-8601 with or without an offset (a blank may stand for the `T`), a number of days, seconds
//! or parts of one, or strftime formats. A local time that exists twice is the earlier, one that does not exist the
//! end of the gap. Times outside the years 1900 to 2200 are none.

use super::clock::Clock;
use super::formats::{TimePattern, seconds_of};
use crate::batch::DataType;
use crate::error::Result;
use crate::time::{TimeRule, TimeUnit};
use crate::verify::raw::values::not_a;
use chrono::{NaiveDate, NaiveTime, TimeDelta};

/// How times are read: the rule of a job, made ready.
#[derive(Debug)]
pub enum Rule {
    /// Numbers.
    Epoch(TimeUnit),
    /// ISO-8601.
    Iso,
    /// A strftime format.
    Form(Box<TimePattern>),
    /// The first of them that reads a text.
    AnyOf(Vec<Rule>),
    /// All are of the instant 0.
    Untimed,
}

impl Rule {
    /// The rule of a job.
    ///
    /// # Errors
    /// A job error: a format that is not known here.
    pub fn of(rule: &TimeRule) -> Result<Rule> {
        Ok(match rule {
            TimeRule::Epoch(unit) => Rule::Epoch(*unit),
            TimeRule::Iso => Rule::Iso,
            TimeRule::Format(format) => Rule::Form(Box::new(TimePattern::of(format.text())?)),
            TimeRule::AnyOf(rules) => Rule::AnyOf(rules.iter().map(Rule::of).collect::<Result<_>>()?),
            TimeRule::Untimed => Rule::Untimed,
        })
    }
}

impl Clock {
    /// The instant of a text under a rule, in microseconds.
    pub fn text(&self, text: &str, rule: &Rule) -> Option<i64> {
        let instant = match rule {
            // A number of days is a date on the wall clock, so it is read in the job's zone.
            Rule::Epoch(TimeUnit::Day) => self.local(decimal(text, 86_400, 6)?)?,
            Rule::Epoch(TimeUnit::Excel) => self.local(of_excel(decimal(text, 86_400, 6)?)?)?,
            Rule::Epoch(TimeUnit::Second) => decimal(text, 1, 6)?,
            Rule::Epoch(TimeUnit::Milli) => decimal(text, 1, 3)?,
            Rule::Epoch(TimeUnit::Micro) => decimal(text, 1, 0)?,
            Rule::Epoch(TimeUnit::Nano) => decimal(text, 1, -3)?,
            Rule::Iso => self.iso(text)?,
            Rule::Form(form) => form.read(text, self)?,
            // Each rule has judged its own instant, so this one is believed already.
            Rule::AnyOf(rules) => return rules.iter().find_map(|rule| self.text(text, rule)),
            Rule::Untimed => return Some(0),
        };
        super::clock::believed(instant)
    }

    fn iso(&self, text: &str) -> Option<i64> {
        let (date, rest) = (text.get(..10)?, text.get(10..)?);
        let date = iso_date(date)?;
        if rest.is_empty() {
            return self.local_time(date.and_time(NaiveTime::MIN));
        }
        let rest = rest.strip_prefix(['T', 't', ' '])?;
        // The hyphens of the date lie before, so a minus here is that of an offset.
        let end = rest.find(['Z', 'z', '+', '-']).unwrap_or(rest.len());
        let (time, offset) = (iso_time(&rest[..end])?, &rest[end..]);
        let local = date.and_time(NaiveTime::MIN).checked_add_signed(time)?;
        let seconds = match offset {
            "" => return self.local_time(local),
            _ => {
                let bytes = offset.as_bytes();
                let colon = bytes.get(3) == Some(&b':');
                let digits = bytes[1..].iter().filter(|c| c.is_ascii_digit()).count();
                let shaped =
                    matches!((bytes.len(), colon, digits), (3, false, 2) | (5, false, 4) | (6, true, 4));
                (shaped || bytes.len() == 1).then(|| seconds_of(offset))??
            }
        };
        local.and_utc().timestamp_micros().checked_sub(seconds * 1_000_000)
    }
}

/// Local microseconds since 1970 of days since the 30th of December 1899, in microseconds: to the millisecond, and from
/// March 1900 on.
fn of_excel(micros: i64) -> Option<i64> {
    let epoch = NaiveDate::from_ymd_opt(1899, 12, 30)?.and_time(NaiveTime::MIN);
    // Before March 1900 Excel counts a day that did not exist, the 29th of February 1900.
    let first = NaiveDate::from_ymd_opt(1900, 3, 1)?.and_time(NaiveTime::MIN);
    // A serial is a float of days, so its noise is rounded off at the millisecond.
    let millis = micros.saturating_add(500).div_euclid(1000);
    let local = epoch.checked_add_signed(TimeDelta::try_milliseconds(millis)?)?;
    (local >= first).then(|| local.and_utc().timestamp_micros())
}

/// The number that `text` says, times `times` and ten to the power of `zeros`: its whole part, towards less. By its
/// digits, of which the point is moved.
fn decimal(text: &str, times: i128, zeros: i64) -> Option<i64> {
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    let (mantissa, exponent) = unsigned.split_once(['e', 'E']).unwrap_or((unsigned, "0"));
    let (whole, part) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let power = exponent.strip_prefix(['-', '+']).unwrap_or(exponent);
    if power.is_empty() || !power.bytes().all(|c| c.is_ascii_digit()) {
        return None;
    }
    // One of more digits is as good as this one.
    let power: i64 = if power.len() > 10 { i64::from(i32::MAX) } else { power.parse().ok()? };
    let power = if exponent.starts_with('-') { -power } else { power };
    let digits = format!("{whole}{part}");
    if digits.is_empty() || !digits.bytes().all(|c| c.is_ascii_digit()) {
        return None;
    }
    let significant = digits.trim_start_matches('0');
    // The point stands so many digits from the right.
    let right = i64::try_from(part.len()).ok()? - power - zeros;
    let negative = text.starts_with('-');
    if significant.is_empty() {
        return Some(0);
    }
    let length = i64::try_from(significant.len()).ok()?;
    // More than 20 digits before the point never fit 64 bits.
    if length - right > 20 {
        return None;
    }
    // Times 86,400 adds five digits before the point at most.
    if length - right < -5 {
        return Some(if negative { -1 } else { 0 });
    }
    let (value, rest) = if right <= 0 {
        let value: i128 =
            format!("{significant}{}", "0".repeat(usize::try_from(-right).ok()?)).parse().ok()?;
        (value * times, false)
    } else {
        // Digits behind the point that the product still shows in its whole part, and some more.
        let kept = right.min(15);
        let cut = significant.len().saturating_sub(usize::try_from(right - kept).ok()?);
        let value: i128 = if cut == 0 { 0 } else { significant[..cut].parse().ok()? };
        let over = 10i128.pow(u32::try_from(kept).ok()?);
        let more = significant[cut..].bytes().any(|digit| digit != b'0');
        // Apart, as the product of a long number may not fit 128 bits.
        let (whole, part) = (value / over, value % over * times);
        (whole * times + part / over, part % over != 0 || more)
    };
    i64::try_from(if negative { -value - i128::from(rest) } else { value }).ok()
}

/// Days since 1970 of `YYYY-MM-DD`.
pub fn date(text: &str) -> std::result::Result<i32, String> {
    iso_date(text).map(|day| day.to_epoch_days()).ok_or_else(|| not_a(text, DataType::Date))
}

/// `YYYY-MM-DD`.
fn iso_date(text: &str) -> Option<NaiveDate> {
    let [year, month, day] = parts(text, '-')?;
    let shaped = text.len() == 10 && year.len() == 4 && month.len() == 2;
    let of = |text| number(text).and_then(|n| u32::try_from(n).ok());
    NaiveDate::from_ymd_opt(i32::try_from(number(year)?).ok()?, of(month)?, of(day)?).filter(|_| shaped)
}

/// `HH:MM`, `HH:MM:SS` or `HH:MM:SS.fraction`, since midnight; second 60 is a leap second.
fn iso_time(text: &str) -> Option<TimeDelta> {
    let (hour, rest) = (two(text, 0)?, text.get(2..)?.strip_prefix(':')?);
    // Two digits were there, so the slice cannot cut a character.
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
                    // The digits that are cut have to be digits as well.
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
    use chrono::DateTime;
    use proptest::prelude::*;
    use proptest::sample::select;

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(3000) })]

        /// The job's own reader is another; both say the same.
        #[test]
        fn dates_agree_with_those_of_a_job(text in "[0-9]{4}-[0-9]{2}-[0-9]{2}|[-+0-9]{0,11}") {
            prop_assert_eq!(date(&text).ok(), crate::input::value::parse_date(text.as_bytes()).ok());
        }
    }

    #[test]
    fn a_long_number_of_days_is_exact() {
        let long = format!("19876.{}", "123456789".repeat(5));
        assert_eq!(decimal(&long, 86_400, 6), Some(1_717_297_066_666_580));
        assert_eq!(decimal(&format!("-{long}"), 86_400, 6), Some(-1_717_297_066_666_581));
    }

    #[test]
    fn times_are_read_in_the_zone() {
        let london = Clock::of("Europe/London");
        let iso = |text: &str| london.text(text, &Rule::Iso);
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
        let rule = Rule::of(&TimeRule::format("%d/%m/%Y %H:%M").unwrap()).unwrap();
        assert_eq!(london.text("01/06/2024 12:00", &rule), utc("2024-06-01T11:00:00Z"));
        assert_eq!(london.text("-1", &Rule::Epoch(TimeUnit::Nano)), Some(-1));
        assert_eq!(london.text("99999999999", &Rule::Epoch(TimeUnit::Second)), None);
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(3000) })]

        /// The job's own reader is another; both say the same.
        #[test]
        fn times_agree_with_those_of_a_job(
            text in "(19|20)[0-9]{2}-[01][0-9]-[0-3][0-9]([T ][0-2][0-9]:[0-5][0-9](:[0-6][0-9]([.,][0-9]{0,9})?)?(Z|[+-][0-9]{2}(:?[0-9]{2})?|[+-]1[0-4](:?[0-6][0-9])?|[+-][:0-9]{0,6})?)?",
            zone in select(vec!["UTC", "Europe/London", "Australia/Lord_Howe", "America/St_Johns"]),
        ) {
            let mut parser = TimeParser::new(TimeRule::Iso, Zone::named(zone).unwrap());
            prop_assert_eq!(Clock::of(zone).text(&text, &Rule::Iso), parser.text(text.as_bytes()).ok(), "{}", text);
        }
    }
}
