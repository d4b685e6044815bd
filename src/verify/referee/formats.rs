//! Times by a strftime format, read by `chrono`'s items, a regular expression and `chrono`'s own date arithmetic.
//!
//! # Contract
//! The job's own reader of formats is another, and knows nothing of this one: they share the text of the format. What
//! this one has no words for is an error, and no guess.

use super::clock::Clock;
use crate::error::{Error, Result};
use chrono::format::{Fixed, Item, Numeric, Pad, Parsed, StrftimeItems};
use chrono::{MappedLocalTime, NaiveDateTime, NaiveTime, TimeDelta, TimeZone, Weekday};
use chrono_tz::{OffsetName, Tz};
use regex::{Captures, Regex};

/// A format.
#[derive(Debug)]
pub struct TimePattern {
    shape: Regex,
    /// Of each group of the expression, what it holds.
    groups: Vec<GroupMeaning>,
    /// Whether a word of the format says UTC.
    utc: bool,
}

/// Takes a number as a part of a time, if it can be one.
type SetTimePart = fn(&mut Parsed, i64) -> Option<()>;

/// What a group of the expression holds.
#[derive(Debug, Clone, Copy)]
enum GroupMeaning {
    Number(SetTimePart),
    Month,
    Weekday,
    Half,
    Fraction,
    Epoch,
    Offset,
    Zone,
}

impl TimePattern {
    /// A reader of texts of `format`.
    ///
    /// # Errors
    /// A job error: the format has a part that this reader does not know.
    pub fn of(format: &str) -> Result<TimePattern> {
        let unknown = || {
            Error::job(format!("the referee cannot read times of the format `{format}`"))
                .hint("verify with another SQL engine: give its result as a file, or on stdin")
        };
        let items: Vec<Item> = StrftimeItems::new(format).collect();
        let mut parts: Vec<RegexPart> = vec![];
        for item in &items {
            let part = part(item).ok_or_else(unknown)?;
            // Blanks after blanks are the same blanks.
            if !(part.blank && parts.last().is_some_and(|before| before.blank)) {
                parts.push(part);
            }
        }
        let (mut shape, mut groups) = (String::new(), vec![]);
        for (i, part) in parts.iter().enumerate() {
            // `%m%d` reads `0102`: before another digit a number has its full width, as its end cannot be
            // seen.
            let touches = parts.get(i + 1).is_some_and(|next| next.digit);
            let edge = i == 0 || i + 1 == parts.len();
            shape += match (&part.full, touches, part.blank && edge) {
                // Blanks around a text are taken off.
                (_, _, true) => "",
                (Some(full), true, _) => full,
                _ => &part.shape,
            };
            groups.extend(part.group);
        }
        let shape = Regex::new(&format!("^(?:{shape})$")).map_err(|_| unknown())?;
        Ok(TimePattern { shape, groups, utc: says_utc(format) })
    }

    /// The instant that a text says, in microseconds.
    pub fn read(&self, text: &str, clock: &Clock) -> Option<i64> {
        let text = text.trim_matches([' ', '\t', '\n', '\r', '\x0c']);
        let found = self.shape.captures(text)?;
        let mut parsed = Parsed::new();
        let (mut micros, mut cut, mut epoch, mut offset, mut zone) = (0, false, None, None, None);
        for (i, group) in self.groups.iter().enumerate() {
            let Some(text) = found.get(i + 1).map(|group| group.as_str()) else { continue };
            match group {
                GroupMeaning::Number(set) => set(&mut parsed, text.trim_start().parse().ok()?)?,
                GroupMeaning::Month => parsed.set_month(i64::from(month(text)?)).ok().map(|_| ())?,
                GroupMeaning::Weekday => parsed.set_weekday(text.parse().ok()?).ok().map(|_| ())?,
                GroupMeaning::Half => parsed.set_ampm(text.eq_ignore_ascii_case("pm")).ok().map(|_| ())?,
                GroupMeaning::Fraction => {
                    micros = format!("{text:0<6}")[..6].parse().ok()?;
                    cut = text.bytes().skip(6).any(|digit| digit != b'0');
                }
                GroupMeaning::Epoch => epoch = Some(text),
                GroupMeaning::Offset => offset = Some(seconds_of(text)?),
                GroupMeaning::Zone => zone = Some(text),
            }
        }
        if let Some(epoch) = epoch {
            let whole = epoch.parse::<i64>().ok()?.checked_mul(1_000_000)?;
            // Before 1970 a fraction makes the number less, and cut digits round towards the past.
            return Some(if epoch.starts_with('-') {
                whole - micros - i64::from(cut)
            } else {
                whole + micros
            });
        }
        let local = date_time(parsed)?.checked_add_signed(TimeDelta::microseconds(micros))?;
        let instant = match (zone, offset) {
            (Some(zone), _) => in_zone(zone, local, clock)?,
            (_, Some(seconds)) => local.and_utc().timestamp_micros() - seconds * 1_000_000,
            _ if self.utc => local.and_utc().timestamp_micros(),
            _ => clock.local_time(local)?,
        };
        Some(instant)
    }
}

/// The time of whole seconds that was said; midnight where no hour was, the first of a month or year where no day was.
fn date_time(mut parsed: Parsed) -> Option<NaiveDateTime> {
    if parsed.ordinal().is_none() && parsed.isoweek().is_none() && parsed.day().is_none() {
        parsed.set_day(1).ok()?;
        if parsed.month().is_none() {
            parsed.set_month(1).ok()?;
        }
    }
    let date = parsed.to_naive_date().ok()?;
    let time = if parsed.minute().is_some() { parsed.to_naive_time().ok()? } else { NaiveTime::MIN };
    Some(date.and_time(time))
}

/// A part of a format as a regular expression.
struct RegexPart {
    shape: String,
    /// The expression where a digit follows.
    full: Option<String>,
    group: Option<GroupMeaning>,
    /// Whether it begins with a digit, and whether it is of blanks.
    digit: bool,
    blank: bool,
}

fn part(item: &Item) -> Option<RegexPart> {
    let blanks = |text: &str| text.bytes().all(|c| matches!(c, b' ' | b'\t' | b'\n' | b'\r' | b'\x0c'));
    let of = |shape: String, group| RegexPart { shape, full: None, group, digit: false, blank: false };
    let digits = |shape: &str, group| RegexPart { digit: true, ..of(shape.to_string(), Some(group)) };
    Some(match item {
        Item::Space(text) if blanks(text) => {
            RegexPart { blank: true, ..of("[ \\t\\n\\r\\x0c]+".to_string(), None) }
        }
        Item::OwnedSpace(text) if blanks(text) => part(&Item::Space(text))?,
        Item::Literal(text) | Item::Space(text) => RegexPart {
            digit: text.starts_with(|c: char| c.is_ascii_digit()),
            ..of(regex::escape(text), None)
        },
        Item::OwnedLiteral(text) | Item::OwnedSpace(text) => part(&Item::Literal(text))?,
        Item::Numeric(Numeric::Nanosecond, _) => digits("([0-9]+)", GroupMeaning::Fraction),
        Item::Numeric(Numeric::Timestamp, _) => digits("([-+]?[0-9]+)", GroupMeaning::Epoch),
        Item::Numeric(number, pad) => numeric(number, *pad)?,
        Item::Fixed(fixed) => match fixed {
            Fixed::ShortMonthName => {
                of("((?i)jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)".into(), Some(GroupMeaning::Month))
            }
            Fixed::LongMonthName => of(
                "((?i)january|february|march|april|may|june|july|august|september|october|november|december)"
                    .into(),
                Some(GroupMeaning::Month),
            ),
            Fixed::ShortWeekdayName => {
                of("((?i)mon|tue|wed|thu|fri|sat|sun)".into(), Some(GroupMeaning::Weekday))
            }
            Fixed::LongWeekdayName => of(
                "((?i)monday|tuesday|wednesday|thursday|friday|saturday|sunday)".into(),
                Some(GroupMeaning::Weekday),
            ),
            Fixed::LowerAmPm | Fixed::UpperAmPm => of("((?i)am|pm)".into(), Some(GroupMeaning::Half)),
            // `%.f` is a fraction of any length, or nothing at all.
            Fixed::Nanosecond | Fixed::Nanosecond3 | Fixed::Nanosecond6 | Fixed::Nanosecond9 => {
                of("(?:\\.([0-9]+))?".into(), Some(GroupMeaning::Fraction))
            }
            Fixed::TimezoneOffset | Fixed::TimezoneOffsetColon => {
                of("([Zz]|[-+][0-9]{2}(?::?[0-9]{2})?)".into(), Some(GroupMeaning::Offset))
            }
            Fixed::TimezoneName => of("([A-Za-z0-9_+/-]+)".into(), Some(GroupMeaning::Zone)),
            // Of the decimals without a point chrono tells no more than that they are its own.
            _ => {
                let lengths = [(3, "%3f"), (6, "%6f"), (9, "%9f")];
                let is = |letters: &str| StrftimeItems::new(letters).next().as_ref() == Some(item);
                let (length, _) = lengths.into_iter().find(|(_, letters)| is(letters))?;
                digits(&format!("([0-9]{{{length}}})"), GroupMeaning::Fraction)
            }
        },
        Item::Error => return None,
    })
}

/// A number of a few digits. As many as it may have where another digit follows it.
fn numeric(number: &Numeric, pad: Pad) -> Option<RegexPart> {
    let (width, set): (usize, SetTimePart) = match number {
        Numeric::Year => (4, |parsed, n| parsed.set_year(n).ok().map(|_| ())),
        // As POSIX and Python have it: 69 is of the last century.
        Numeric::YearMod100 => {
            (2, |parsed, n| parsed.set_year(if n < 69 { 2000 + n } else { 1900 + n }).ok().map(|_| ()))
        }
        Numeric::Month => (2, |parsed, n| parsed.set_month(n).ok().map(|_| ())),
        Numeric::Day => (2, |parsed, n| parsed.set_day(n).ok().map(|_| ())),
        Numeric::Ordinal => (3, |parsed, n| parsed.set_ordinal(n).ok().map(|_| ())),
        Numeric::Hour => (2, |parsed, n| parsed.set_hour(n).ok().map(|_| ())),
        Numeric::Hour12 => (2, |parsed, n| parsed.set_hour12(n).ok().map(|_| ())),
        Numeric::Minute => (2, |parsed, n| parsed.set_minute(n).ok().map(|_| ())),
        Numeric::Second => (2, |parsed, n| parsed.set_second(n).ok().map(|_| ())),
        Numeric::IsoYear => (4, |parsed, n| parsed.set_isoyear(n).ok().map(|_| ())),
        Numeric::IsoWeek => (2, |parsed, n| parsed.set_isoweek(n).ok().map(|_| ())),
        Numeric::WeekdayFromMon => (1, |parsed, n| {
            let day = Weekday::try_from(u8::try_from(n - 1).ok()?).ok()?;
            parsed.set_weekday(day).ok().map(|_| ())
        }),
        Numeric::NumDaysFromSun => (1, |parsed, n| {
            (0..7).contains(&n).then_some(())?;
            let day = Weekday::try_from(u8::try_from((n + 6) % 7).ok()?).ok()?;
            parsed.set_weekday(day).ok().map(|_| ())
        }),
        _ => return None,
    };
    // A year has all four digits. Other numbers may lack their leading zero.
    let all = if width == 4 { 4 } else { 1 };
    let mut shape = format!("[0-9]{{{all},{width}}}");
    let mut full = format!("[0-9]{{{width}}}");
    // `%e` and `%k` have a space in place of the leading zero.
    if pad == Pad::Space {
        shape = format!("(?: [0-9]|{shape})");
        full = format!("(?: [0-9]|{full})");
    }
    let (shape, full) = (format!("({shape})"), Some(format!("({full})")));
    Some(RegexPart { shape, full, group: Some(GroupMeaning::Number(set)), digit: true, blank: false })
}

fn month(name: &str) -> Option<u32> {
    name.parse::<chrono::Month>().ok().map(|month| month.number_from_month())
}

/// `Z`, `+01`, `+0100` or `+01:00` in seconds; no clock is more than 14 hours from UTC.
pub fn seconds_of(offset: &str) -> Option<i64> {
    if offset.eq_ignore_ascii_case("z") {
        return Some(0);
    }
    let digits: String = offset.chars().filter(char::is_ascii_digit).collect();
    let (hours, minutes) = digits.split_at_checked(2)?;
    let minutes = if minutes.is_empty() { 0 } else { minutes.parse::<i64>().ok()? };
    let seconds = hours.parse::<i64>().ok()? * 3600 + minutes * 60;
    let right = minutes < 60 && seconds <= 14 * 3600;
    right.then_some(if offset.starts_with('-') { -seconds } else { seconds })
}

/// The instant of a local time beside the name of a zone: UTC, what the clock's own zone shows then, or IANA's name.
fn in_zone(name: &str, local: NaiveDateTime, clock: &Clock) -> Option<i64> {
    let utc = ["z", "utc", "gmt"].contains(&name.to_ascii_lowercase().as_str()) || name == "UT";
    if utc {
        return Some(local.and_utc().timestamp_micros());
    }
    let shown = |zone: Tz| {
        let times = match zone.from_local_datetime(&local) {
            MappedLocalTime::None => vec![],
            MappedLocalTime::Single(one) => vec![one],
            MappedLocalTime::Ambiguous(one, two) => vec![one, two],
        };
        let alike = times.into_iter().filter(|at| at.offset().abbreviation() == Some(name));
        // Of a local time that exists twice a job takes the earlier.
        alike.map(|at| at.timestamp_micros()).min()
    };
    let of_iana = || {
        let zone: Tz = name.parse().ok()?;
        // Names that are also what clocks show in winter; in summer they say nothing certain.
        match name {
            "EST" | "MST" | "HST" | "CET" | "EET" | "MET" | "WET" => shown(zone),
            _ => Clock::in_zone(zone).local_time(local),
        }
    };
    shown(clock.zone()).or_else(of_iana)
}

/// Whether the words of a format say UTC.
fn says_utc(format: &str) -> bool {
    let expression = |text: &str| Regex::new(text).ok();
    let (Some(letters), Some(zone)) =
        (expression("%[-_0]?(?:\\.?[369]?f|:?[A-Za-z%])"), expression("%[-_0]?(?::?z|Z|s)"))
    else {
        return false;
    };
    // A zone, an offset or an epoch in the text goes before a word of the format.
    if zone.is_match(&format.replace("%%", "")) {
        return false;
    }
    // `\0` marks the place of a field: a `Z` after a field is UTC, and a `Z` in a word is not.
    let words = letters.replace_all(
        format,
        |found: &Captures| {
            if matches!(&found[0], "%%" | "%n" | "%t") { " " } else { "\0" }
        },
    );
    const END: &str = "(?:$|[^\\p{Alphabetic}\\p{N}_/])";
    const BEGIN: &str = "(?:^|[^\\p{Alphabetic}\\p{N}_/])";
    let has = |word: &str| expression(word).is_some_and(|word| word.is_match(&words));
    has(&format!("{BEGIN}(?:(?i:utc|gmt)|UT){END}"))
        || has(&format!("(?s)\\x00(?:.*[^\\p{{Alphabetic}}\\p{{N}}_/])?[Zz]{END}"))
}

#[cfg(test)]
mod tests {
    use super::super::instants::Rule;
    use super::*;
    use crate::time::{TimeFormat, TimeParser, TimeRule, TimeUnit, Zone};
    use proptest::prelude::*;
    use proptest::sample::select;

    const FORMATS: [&str; 34] = [
        "%Y-%m-%d %H:%M:%S.%f",
        "%Y-%m-%d %H:%M:%S%.f",
        "%d/%m/%Y %H:%M",
        "%m/%d/%y %I:%M %p",
        "%Y%m%d%H%M%S%3f",
        "%Y%m%d",
        "%d%m%y",
        "%F %T %Z",
        "%F %T%z",
        "%FT%TZ",
        "%a, %d %b %Y %T GMT",
        "%A %e %B %Y %l:%M:%S %P%:z",
        "%G-W%V-%u",
        "%w %V %G %R",
        "%Y/%j %k:%M",
        "%j%Y",
        "%s",
        "%s%.f",
        "%s.%f",
        "%D %r",
        "%F%n%t%R",
        "%-d.%-m.%Y",
        "%Y%%%m%%%d",
        "Z %F %R (UTC)",
        "%F %R Zulu",
        "%F %R GMT%z",
        "%Y-%m",
        "%Y",
        "%Y%m",
        "%b %Y",
        "%B-%y",
        "%m/%y",
        "%y",
        "%Y-%m %z",
    ];

    /// Texts that follow a format, nearly follow it, or do not.
    fn texts(format: &'static str) -> impl Strategy<Value = String> {
        // Some of them near the clock changes of 2024.
        let instants = prop_oneof![
            -2_300_000_000_000_000i64..7_300_000_000_000_000,
            select(vec![1_711_846_800i64, 1_710_054_000, 1_728_142_200, 1_730_611_800, 1_729_990_800])
                .prop_flat_map(|at| (at - 4 * 3600) * 1_000_000..(at + 14 * 3600) * 1_000_000),
        ];
        let written =
            (instants, select(vec!["UTC", "Europe/London", "Australia/Lord_Howe", "America/New_York"]))
                .prop_map(move |(instant, zone)| {
                    let mut text = String::new();
                    let mut zone = Zone::named(zone).unwrap();
                    TimeFormat::parse(format).unwrap().write_instant(instant, &mut zone, &mut text);
                    text
                });
        let insert = select(vec!["", "0", "1", "9", " ", ":", "-", "+", "Z", ".", "5 ", "60", "é"]);
        let changed = (written.clone(), any::<prop::sample::Index>(), insert, 0usize..3).prop_map(
            |(text, index, insert, gone)| {
                let at = index.index(text.len() + 1);
                let rest = text[at..].chars().skip(gone).collect::<String>();
                format!("{}{insert}{rest}", &text[..at])
            },
        );
        prop_oneof![written, changed]
    }

    fn cases() -> impl Strategy<Value = (&'static str, String)> {
        select(FORMATS.to_vec()).prop_flat_map(|format| texts(format).prop_map(move |text| (format, text)))
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(4000) })]

        /// The job's own reader is another; both say the same.
        #[test]
        fn formats_agree_with_those_of_a_job(
            (format, text) in cases(),
            zone in select(vec!["UTC", "Europe/London", "Australia/Lord_Howe", "America/New_York"]),
        ) {
            let rule = TimeRule::format(format).unwrap();
            let mut parser = TimeParser::new(rule.clone(), Zone::named(zone).unwrap());
            let here = Clock::of(zone).text(&text, &Rule::of(&rule).unwrap());
            prop_assert_eq!(here, parser.text(text.as_bytes()).ok(), "{}: {:?} in {}", format, text, zone);
        }

        #[test]
        fn numbers_agree_with_those_of_a_job(
            text in "[-+]?[0-9]{0,12}(\\.[0-9]{0,14})?([eE][-+]?[0-9]{1,2})?|-?1[0-9]{9,18}(\\.[0-9]{1,9})?|[-+.0-9eE]{0,9}",
            unit in select(TimeUnit::ALL.to_vec()),
            zone in select(vec!["UTC", "Europe/London", "Pacific/Apia"]),
        ) {
            let rule = TimeRule::Epoch(unit);
            let mut parser = TimeParser::new(rule.clone(), Zone::named(zone).unwrap());
            let here = Clock::of(zone).text(&text, &Rule::of(&rule).unwrap());
            prop_assert_eq!(here, parser.text(text.as_bytes()).ok(), "{} {}", text, unit.name());
        }
    }

    #[test]
    fn the_first_that_reads_a_text_is_taken_here_too() {
        let rule = TimeRule::any_of(["iso", "%d/%m/%Y", "%m/%d/%Y", "%d/%m/%y"].into_iter()).unwrap();
        let mut parser = TimeParser::new(rule.clone(), Zone::named("Europe/London").unwrap());
        let here = Rule::of(&rule).unwrap();
        for (text, want) in [
            ("2024-07-01", Some(1_719_788_400_000_000)),
            ("01/07/2024", Some(1_719_788_400_000_000)),
            ("07/13/2024", Some(1_720_825_200_000_000)),
            ("01/07/24", Some(1_719_788_400_000_000)),
            ("13/13/2024", None),
            // Of the year 24 by none of them.
            ("01/07/0024", None),
        ] {
            assert_eq!(parser.text(text.as_bytes()).ok(), want, "{text}");
            assert_eq!(Clock::of("Europe/London").text(text, &here), want, "{text}");
        }
    }

    #[test]
    fn words_of_utc_are_found_in_formats_as_a_job_finds_them() {
        for format in FORMATS.into_iter().chain([
            "%F %T z",
            "%FT%T utc",
            "UTC%F",
            "%Y-%m-%d%%Z",
            "%F UT",
            "Z%F",
            "%F xZ",
        ]) {
            let of_job = TimeFormat::parse(format).unwrap();
            assert_eq!(says_utc(format), of_job.is_utc(), "{format}");
        }
    }
}
