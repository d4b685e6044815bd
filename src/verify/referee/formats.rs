//! Times by a strftime format, read by `chrono`'s items, a regular expression and `chrono`'s own date arithmetic.
//!
//! # Contract
//! The job's own reader of formats is another, and knows nothing of this one: they share the text of the format. What
//! this one has no words for is an error, and no guess.

use super::instants::Clock;
use crate::error::{Error, Result};
use chrono::format::{Fixed, Item, Numeric, Pad, Parsed, StrftimeItems};
use chrono::{MappedLocalTime, NaiveDateTime, NaiveTime, TimeZone, Weekday};
use chrono_tz::{OffsetName, Tz};
use regex::{Captures, Regex};

/// A format.
#[derive(Debug)]
pub struct Form {
    shape: Regex,
    /// Of each group of the expression, what it holds.
    groups: Vec<Group>,
    /// Whether a word of the format says UTC.
    utc: bool,
}

/// What a group of the expression holds.
#[derive(Debug, Clone, Copy)]
enum Group {
    Number(fn(&mut Parsed, i64) -> Option<()>),
    Month,
    Weekday,
    Half,
    Fraction,
    Epoch,
    Offset,
    Zone,
}

impl Form {
    /// A reader of texts of `format`.
    ///
    /// # Errors
    /// A job error: the format has a part that this reader does not know.
    pub fn of(format: &str) -> Result<Form> {
        let unknown = || {
            Error::job(format!("the referee cannot read times of the format `{format}`"))
                .hint("verify with a SQL engine of your own: its result as a file, or on stdin")
        };
        let items: Vec<Item> = StrftimeItems::new(format).collect();
        let mut parts = vec![];
        for item in &items {
            parts.push(part(item).ok_or_else(unknown)?);
        }
        let (mut shape, mut groups) = (String::new(), vec![]);
        for (i, part) in parts.iter().enumerate() {
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
        Ok(Form { shape, groups, utc: says_utc(format) })
    }

    /// The instant that a text says, in microseconds.
    pub fn read(&self, text: &str, clock: &Clock) -> Option<i64> {
        let text = text.trim_matches([' ', '\t', '\n', '\r', '\x0c']);
        let found = self.shape.captures(text)?;
        let mut said = Parsed::new();
        let (mut micros, mut cut, mut epoch, mut offset, mut zone) = (0, false, None, None, None);
        for (i, group) in self.groups.iter().enumerate() {
            let Some(text) = found.get(i + 1).map(|group| group.as_str()) else { continue };
            match group {
                Group::Number(set) => set(&mut said, text.trim_start().parse().ok()?)?,
                Group::Month => said.set_month(i64::from(month(text)?)).ok().map(|_| ())?,
                Group::Weekday => said.set_weekday(text.parse().ok()?).ok().map(|_| ())?,
                Group::Half => said.set_ampm(text.eq_ignore_ascii_case("pm")).ok().map(|_| ())?,
                Group::Fraction => {
                    micros = format!("{text:0<6}")[..6].parse().ok()?;
                    cut = text.bytes().skip(6).any(|digit| digit != b'0');
                }
                Group::Epoch => epoch = Some(text),
                Group::Offset => offset = Some(seconds_of(text)?),
                Group::Zone => zone = Some(text),
            }
        }
        if let Some(epoch) = epoch {
            let whole = epoch.parse::<i64>().ok()?.checked_mul(1_000_000)?;
            return Some(if epoch.starts_with('-') {
                whole - micros - i64::from(cut)
            } else {
                whole + micros
            });
        }
        let local = date_time(&said)?;
        let instant = match (zone, offset) {
            (Some(zone), _) => in_zone(zone, local, clock)?,
            (_, Some(seconds)) => local.and_utc().timestamp_micros() - seconds * 1_000_000,
            _ if self.utc => local.and_utc().timestamp_micros(),
            _ => clock.local_time(local)?,
        };
        Some(instant + micros)
    }
}

/// The time of whole seconds that was said; midnight where no hour was.
fn date_time(said: &Parsed) -> Option<NaiveDateTime> {
    let date = said.to_naive_date().ok()?;
    let time = if said.minute().is_some() { said.to_naive_time().ok()? } else { NaiveTime::MIN };
    Some(date.and_time(time))
}

/// A part of a format as a regular expression.
struct Part {
    shape: String,
    /// The expression where a digit follows.
    full: Option<String>,
    group: Option<Group>,
    /// Whether it begins with a digit, and whether it is of blanks.
    digit: bool,
    blank: bool,
}

fn part(item: &Item) -> Option<Part> {
    let blanks = |text: &str| text.bytes().all(|c| matches!(c, b' ' | b'\t' | b'\n' | b'\r' | b'\x0c'));
    let of = |shape: String, group| Part { shape, full: None, group, digit: false, blank: false };
    let digits = |shape: &str, group| Part { digit: true, ..of(shape.to_string(), Some(group)) };
    Some(match item {
        Item::Space(text) if blanks(text) => {
            Part { blank: true, ..of("[ \\t\\n\\r\\x0c]+".to_string(), None) }
        }
        Item::OwnedSpace(text) if blanks(text) => part(&Item::Space(text))?,
        Item::Literal(text) | Item::Space(text) => {
            Part { digit: text.starts_with(|c: char| c.is_ascii_digit()), ..of(regex::escape(text), None) }
        }
        Item::OwnedLiteral(text) | Item::OwnedSpace(text) => part(&Item::Literal(text))?,
        Item::Numeric(Numeric::Nanosecond, _) => digits("([0-9]+)", Group::Fraction),
        Item::Numeric(Numeric::Timestamp, _) => digits("([-+]?[0-9]+)", Group::Epoch),
        Item::Numeric(number, pad) => numeric(number, *pad)?,
        Item::Fixed(fixed) => match fixed {
            Fixed::ShortMonthName => {
                of("((?i)jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)".into(), Some(Group::Month))
            }
            Fixed::LongMonthName => of(
                "((?i)january|february|march|april|may|june|july|august|september|october|november|december)"
                    .into(),
                Some(Group::Month),
            ),
            Fixed::ShortWeekdayName => of("((?i)mon|tue|wed|thu|fri|sat|sun)".into(), Some(Group::Weekday)),
            Fixed::LongWeekdayName => of(
                "((?i)monday|tuesday|wednesday|thursday|friday|saturday|sunday)".into(),
                Some(Group::Weekday),
            ),
            Fixed::LowerAmPm | Fixed::UpperAmPm => of("((?i)am|pm)".into(), Some(Group::Half)),
            Fixed::Nanosecond | Fixed::Nanosecond3 | Fixed::Nanosecond6 | Fixed::Nanosecond9 => {
                of("(?:\\.([0-9]+))?".into(), Some(Group::Fraction))
            }
            Fixed::TimezoneOffset | Fixed::TimezoneOffsetColon => {
                of("([Zz]|[-+][0-9]{2}(?::?[0-9]{2})?)".into(), Some(Group::Offset))
            }
            Fixed::TimezoneName => of("([A-Za-z0-9_+/-]+)".into(), Some(Group::Zone)),
            // Of the decimals without a point chrono tells no more than that they are its own.
            _ => {
                let lengths = [(3, "%3f"), (6, "%6f"), (9, "%9f")];
                let is = |letters: &str| StrftimeItems::new(letters).next().as_ref() == Some(item);
                let (length, _) = lengths.into_iter().find(|(_, letters)| is(letters))?;
                digits(&format!("([0-9]{{{length}}})"), Group::Fraction)
            }
        },
        Item::Error => return None,
    })
}

/// A number of a few digits. As many as it may have where another digit follows it.
fn numeric(number: &Numeric, pad: Pad) -> Option<Part> {
    let (width, set): (usize, fn(&mut Parsed, i64) -> Option<()>) = match number {
        Numeric::Year => (4, |said, n| said.set_year(n).ok().map(|_| ())),
        // As POSIX and Python have it: 69 is of the last century.
        Numeric::YearMod100 => {
            (2, |said, n| said.set_year(if n < 69 { 2000 + n } else { 1900 + n }).ok().map(|_| ()))
        }
        Numeric::Month => (2, |said, n| said.set_month(n).ok().map(|_| ())),
        Numeric::Day => (2, |said, n| said.set_day(n).ok().map(|_| ())),
        Numeric::Ordinal => (3, |said, n| said.set_ordinal(n).ok().map(|_| ())),
        Numeric::Hour => (2, |said, n| said.set_hour(n).ok().map(|_| ())),
        Numeric::Hour12 => (2, |said, n| said.set_hour12(n).ok().map(|_| ())),
        Numeric::Minute => (2, |said, n| said.set_minute(n).ok().map(|_| ())),
        Numeric::Second => (2, |said, n| said.set_second(n).ok().map(|_| ())),
        Numeric::IsoYear => (4, |said, n| said.set_isoyear(n).ok().map(|_| ())),
        Numeric::IsoWeek => (2, |said, n| said.set_isoweek(n).ok().map(|_| ())),
        Numeric::WeekdayFromMon => (1, |said, n| {
            let day = Weekday::try_from(u8::try_from(n - 1).ok()?).ok()?;
            said.set_weekday(day).ok().map(|_| ())
        }),
        Numeric::NumDaysFromSun => (1, |said, n| {
            (0..7).contains(&n).then_some(())?;
            let day = Weekday::try_from(u8::try_from((n + 6) % 7).ok()?).ok()?;
            said.set_weekday(day).ok().map(|_| ())
        }),
        _ => return None,
    };
    let all = if width == 4 { 4 } else { 1 };
    let mut shape = format!("[0-9]{{{all},{width}}}");
    let mut full = format!("[0-9]{{{width}}}");
    if pad == Pad::Space {
        shape = format!("(?: [0-9]|{shape})");
        full = format!("(?: [0-9]|{full})");
    }
    let (shape, full) = (format!("({shape})"), Some(format!("({full})")));
    Some(Part { shape, full, group: Some(Group::Number(set)), digit: true, blank: false })
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
    if zone.is_match(&format.replace("%%", "")) {
        return false;
    }
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
