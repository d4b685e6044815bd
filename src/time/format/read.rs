//! Reads a text by a format: one pass over its bytes, without going back.

use super::{DAYS, FormatField, FormatPiece, MONTHS, Pad, TimeFormat};
use crate::time::zone::days_in_month;
use crate::time::{DAY, HOUR, MINUTE, SECOND, TimeError, Zone, days_from_civil, iso_week, monday, weekday};

/// What the fields of a text said.
#[derive(Default)]
struct ParsedFields<'t> {
    year: i64,
    month: u32,
    day: u32,
    day_of_year: i64,
    hour: i64,
    afternoon: Option<bool>,
    minute: i64,
    second: i64,
    micros: i64,
    /// Whether digits past the microsecond were not zero.
    more: bool,
    epoch: Option<i64>,
    negative: bool,
    offset: i64,
    zone: Option<&'t [u8]>,
    weekday: Option<i64>,
    week: i64,
}

impl TimeFormat {
    /// The instant that a text says, in microseconds; in `zone` where it says no other.
    ///
    /// # Errors
    /// It is not of this format, or names a zone that is not known.
    pub fn read(&self, text: &[u8], zone: &mut Zone) -> Result<i64, TimeError> {
        let parsed = self.parsed(text.trim_ascii()).ok_or(TimeError::Unreadable)?;
        if let Some(seconds) = parsed.epoch {
            return parsed.since_1970(seconds).ok_or(TimeError::OutOfRange);
        }
        // Years have four digits at most, so the product cannot overflow.
        let local = self.days(&parsed).ok_or(TimeError::Unreadable)? * DAY + parsed.time_of_day();
        #[cfg(test)]
        if let Some(fault) = self.fault {
            use crate::planted::InjectedFault;
            match fault {
                InjectedFault::Midnight => return Ok(zone.instant(local - local.rem_euclid(DAY))),
                InjectedFault::FractionOfNanos => {
                    return Ok(zone.instant(local - parsed.micros + parsed.micros / 1000));
                }
                InjectedFault::UtcIgnored | InjectedFault::ZoneSkipped => return Ok(zone.instant(local)),
                _ => {}
            }
        }
        if let Some(name) = parsed.zone {
            return in_named(name, local, zone);
        }
        Ok(if self.utc || self.is_zoned() { local - parsed.offset } else { zone.instant(local) })
    }

    fn parsed<'t>(&self, mut rest: &'t [u8]) -> Option<ParsedFields<'t>> {
        // A month or a day that the format does not have is the first.
        let mut parsed = ParsedFields { month: 1, day: 1, ..ParsedFields::default() };
        // An empty format does not have a last piece: the index wraps, and equals none.
        let last = self.pieces.len().wrapping_sub(1);
        for (i, piece) in self.pieces.iter().enumerate() {
            match piece {
                FormatPiece::Text(text) => rest = rest.strip_prefix(text.as_bytes())?,
                // Those of the text are gone.
                FormatPiece::Blank(_) if i == 0 || i == last => {}
                FormatPiece::Blank(_) => {
                    let blanks = rest.iter().take_while(|c| c.is_ascii_whitespace()).count();
                    rest = &rest[blanks..];
                    if blanks == 0 {
                        return None;
                    }
                }
                FormatPiece::Field(field, pad) => {
                    // In front of a digit a number must have all of its digits, or a text could be read in
                    // two ways.
                    let full = self.pieces.get(i + 1).is_some_and(begins_with_digit);
                    parsed.field(*field, *pad, full, &mut rest)?;
                }
            }
        }
        rest.is_empty().then_some(parsed)
    }

    /// The days since 1970 of the date, if there is such a date.
    fn days(&self, parsed: &ParsedFields) -> Option<i64> {
        let days = if parsed.week > 0 {
            // ISO 8601: 4 January always lies in the first week.
            let january = days_from_civil(parsed.year, 1, 4);
            let days = monday(january) + (parsed.week - 1) * 7 + parsed.weekday?;
            // Only some years have a week 53: in the others the day found is of the next ISO year.
            (iso_week(days) == (parsed.year, parsed.week)).then_some(days)?
        } else if parsed.day_of_year > 0 {
            let first = days_from_civil(parsed.year, 1, 1);
            let length = days_from_civil(parsed.year + 1, 1, 1) - first;
            (parsed.day_of_year <= length).then_some(first + parsed.day_of_year - 1)?
        } else {
            let last = days_in_month(parsed.year as u32, parsed.month);
            (1..=last)
                .contains(&parsed.day)
                .then(|| days_from_civil(parsed.year, parsed.month, parsed.day))?
        };
        // A day of the week that is not that of the date says that the date is read wrong.
        parsed.weekday.is_none_or(|day| day + 1 == weekday(days)).then_some(days)
    }
}

/// Whether texts of the piece begin with a digit (or with the blank in its place).
fn begins_with_digit(piece: &FormatPiece) -> bool {
    match piece {
        FormatPiece::Text(text) => text.as_bytes()[0].is_ascii_digit(),
        FormatPiece::Blank(_) => false,
        FormatPiece::Field(field, _) => {
            field.width().is_some()
                || matches!(field, FormatField::Epoch | FormatField::Fraction { point: false, .. })
        }
    }
}

impl<'t> ParsedFields<'t> {
    /// Reads one field off the front of `rest`.
    #[inline]
    fn field(&mut self, field: FormatField, pad: Pad, full: bool, rest: &mut &'t [u8]) -> Option<()> {
        let mut number = |from: i64, to: i64| {
            let n = number(rest, field.width()?, pad, full)?;
            (from..=to).contains(&n).then_some(n)
        };
        match field {
            FormatField::Year | FormatField::IsoYear => {
                self.year = number_of_four(rest)?;
            }
            FormatField::ShortYear => {
                let short = number(0, 99)?;
                // The pivot of POSIX: 69 to 99 are years of the 20th century.
                self.year = short + if short < 69 { 2000 } else { 1900 };
            }
            FormatField::Month => self.month = number(1, 12)? as u32,
            FormatField::MonthName { long } => self.month = name(rest, &MONTHS, long)? as u32 + 1,
            FormatField::Day => self.day = number(1, 31)? as u32,
            FormatField::DayOfYear => self.day_of_year = number(1, 366)?,
            FormatField::Hour => self.hour = number(0, 23)?,
            FormatField::Hour12 => self.hour = number(1, 12)?,
            FormatField::HalfDay { .. } => {
                let (half, after) = rest.split_at_checked(2)?;
                self.afternoon = Some(half.eq_ignore_ascii_case(b"pm"));
                (self.afternoon == Some(true) || half.eq_ignore_ascii_case(b"am")).then_some(())?;
                *rest = after;
            }
            FormatField::Minute => self.minute = number(0, 59)?,
            FormatField::Second => self.second = number(0, 60)?,
            FormatField::Fraction { point, digits } => self.fraction(point, digits, rest)?,
            FormatField::Epoch => self.epoch(rest)?,
            FormatField::Offset { .. } => {
                let (offset, length) = offset(rest)?;
                self.offset = offset;
                *rest = &rest[length..];
            }
            FormatField::ZoneName => {
                let length = rest.iter().take_while(|c| super::parse::is_of_name(char::from(**c))).count();
                self.zone = Some(&rest[..length]).filter(|name| !name.is_empty());
                self.zone?;
                *rest = &rest[length..];
            }
            FormatField::DayName { long } => self.weekday = Some(name(rest, &DAYS, long)? as i64),
            FormatField::DayNumber { sunday: false } => self.weekday = Some(number(1, 7)? - 1),
            FormatField::DayNumber { sunday: true } => self.weekday = Some((number(0, 6)? + 6) % 7),
            FormatField::IsoWeek => self.week = number(1, 53)?,
        }
        Some(())
    }

    fn fraction(&mut self, point: bool, digits: Option<u8>, rest: &mut &[u8]) -> Option<()> {
        if point {
            match rest {
                [b'.', after @ ..] => *rest = after,
                _ => return Some(()),
            }
        }
        let there = rest.iter().take_while(|c| c.is_ascii_digit()).count();
        // Behind a point the number of digits is for writing alone: all that are there are read.
        let count = match digits.filter(|_| !point) {
            None => there,
            Some(digits) => usize::from(digits),
        };
        if count == 0 || count > there {
            return None;
        }
        let (fraction, after) = rest.split_at(count);
        (self.micros, self.more) = micros(fraction);
        *rest = after;
        Some(())
    }

    fn epoch(&mut self, rest: &mut &[u8]) -> Option<()> {
        if let [sign @ (b'-' | b'+'), after @ ..] = *rest {
            self.negative = *sign == b'-';
            *rest = after;
        }
        let count = rest.iter().take_while(|c| c.is_ascii_digit()).count();
        let (digits, after) = rest.split_at(count);
        self.epoch = Some(std::str::from_utf8(digits).ok()?.parse().ok()?);
        *rest = after;
        Some(())
    }

    /// The instant of so many seconds, and the fraction: away from zero, and cut towards the past.
    fn since_1970(&self, seconds: i64) -> Option<i64> {
        let micros = seconds.checked_mul(SECOND)?.checked_add(self.micros)?;
        Some(if self.negative { -micros - i64::from(self.more) } else { micros })
    }

    fn time_of_day(&self) -> i64 {
        let hour = match self.afternoon {
            None => self.hour,
            // 12 AM is midnight, and 12 PM is noon.
            Some(afternoon) => self.hour % 12 + if afternoon { 12 } else { 0 },
        };
        hour * HOUR + self.minute * MINUTE + self.second * SECOND + self.micros
    }
}

/// The microseconds of the decimals of a second, and whether more was cut.
pub(in crate::time) fn micros(digits: &[u8]) -> (i64, bool) {
    let mut micros = 0;
    for digit in digits.iter().chain(b"000000").take(6) {
        micros = micros * 10 + i64::from(digit - b'0');
    }
    (micros, digits.iter().skip(6).any(|digit| *digit != b'0'))
}

/// A number of up to `width` digits, or of all of them.
#[inline]
fn number(rest: &mut &[u8], width: usize, pad: Pad, full: bool) -> Option<i64> {
    let mut text = *rest;
    let mut width = width;
    if let (Pad::Blank, [b' ', after @ ..]) = (pad, text) {
        (text, width) = (after, width - 1);
    }
    let mut value = 0;
    let mut count = 0;
    while count < width
        && let Some(digit) = text.get(count).map(|c| c.wrapping_sub(b'0')).filter(|d| *d < 10)
    {
        value = value * 10 + i64::from(digit);
        count += 1;
    }
    *rest = &text[count..];
    (count > 0 && (count == width || !full)).then_some(value)
}

fn number_of_four(rest: &mut &[u8]) -> Option<i64> {
    number(rest, 4, Pad::Zero, true)
}

/// Which of the names `rest` begins with, in any case.
fn name(rest: &mut &[u8], names: &[&str], long: bool) -> Option<usize> {
    let begins = |name: &str| {
        // The names are ASCII and have three letters or more, so the cut cannot panic.
        let name = if long { name } else { &name[..3] };
        let (begin, after) = rest.split_at_checked(name.len())?;
        begin.eq_ignore_ascii_case(name.as_bytes()).then_some(after)
    };
    let (i, after) = names.iter().enumerate().find_map(|(i, name)| Some((i, begins(name)?)))?;
    *rest = after;
    Some(i)
}

/// The offset that a text begins with, in microseconds, and its length: `Z`, `+01`, `+0100` or `+01:00`. No clock is
/// more than 14 hours from UTC.
pub(in crate::time) fn offset(text: &[u8]) -> Option<(i64, usize)> {
    let two = |at: usize| match text.get(at..at + 2) {
        Some(&[a @ b'0'..=b'9', b @ b'0'..=b'9']) => Some(i64::from(a - b'0') * 10 + i64::from(b - b'0')),
        _ => None,
    };
    let sign = match text.first()? {
        b'Z' | b'z' => return Some((0, 1)),
        b'+' => 1,
        b'-' => -1,
        _ => return None,
    };
    let hours = two(1)?;
    let (minutes, length) = match text.get(3) {
        Some(b':') => (two(4)?, 6),
        Some(b'0'..=b'9') => (two(3)?, 5),
        _ => (0, 3),
    };
    let offset = hours * HOUR + minutes * MINUTE;
    (minutes < 60 && offset <= 14 * HOUR).then_some((sign * offset, length))
}

/// The instant of a local time of the zone that `name` stands for beside the time.
fn in_named(name: &[u8], local: i64, zone: &mut Zone) -> Result<i64, TimeError> {
    let name = std::str::from_utf8(name).map_err(|_| TimeError::Unreadable)?;
    if name == "UT" || ["Z", "UTC", "GMT"].iter().any(|utc| utc.eq_ignore_ascii_case(name)) {
        return Ok(local);
    }
    // What the clocks of the job's zone show beside the time also tells the two hours of autumn apart.
    if let Some(instant) = zone.instant_as(local, name) {
        return Ok(instant);
    }
    let mut named = Zone::named(name).ok_or(TimeError::UnknownZone)?;
    match ABBREVIATIONS.contains(&name) {
        // In summer the zone of this name shows another one: which of the two is meant is open.
        true => named.instant_as(local, name).ok_or(TimeError::UnknownZone),
        false => Ok(named.instant(local)),
    }
}

/// IANA's names of zones that are also what clocks show beside the time.
const ABBREVIATIONS: [&str; 7] = ["EST", "MST", "HST", "CET", "EET", "MET", "WET"];
