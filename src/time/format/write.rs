//! Writes a time by a format.

use super::{DAYS, FormatField, FormatPiece, MONTHS, Pad, TimeFormat};
use crate::time::{DAY, HOUR, MINUTE, SECOND, Zone, civil_from_days, days_from_civil, iso_week, weekday};
use std::fmt::Write;

impl TimeFormat {
    /// Writes an instant as a clock of `zone` shows it.
    pub fn write_instant(&self, instant: i64, zone: &mut Zone, out: &mut String) {
        let offset = zone.offset(instant);
        // The name is looked up only where it is written.
        let name = match self.fields().any(|field| field == FormatField::ZoneName) {
            true => zone.abbreviation(instant),
            false => String::new(),
        };
        self.write(instant + offset, offset, &name, out);
    }

    /// Writes a local time, of an offset from UTC (both in microseconds) and a name of the zone.
    pub fn write(&self, local: i64, offset: i64, zone: &str, out: &mut String) {
        // Seconds since 1970 and their decimals are one number, also where it is below zero.
        let has = |is: fn(FormatField) -> bool| self.fields().any(is);
        let number = has(|f| f == FormatField::Epoch) && has(|f| matches!(f, FormatField::Fraction { .. }));
        let at = WriteTime { local, offset, number };
        for piece in &self.pieces {
            match piece {
                FormatPiece::Text(text) | FormatPiece::Blank(text) => out.push_str(text),
                FormatPiece::Field(FormatField::ZoneName, _) => out.push_str(zone),
                FormatPiece::Field(field, pad) => {
                    // Writing to a text does not fail.
                    let _ = write_field(*field, *pad, at, out);
                }
            }
        }
    }
}

/// What is written.
#[derive(Clone, Copy)]
struct WriteTime {
    local: i64,
    offset: i64,
    /// Whether decimals are those of seconds since 1970.
    number: bool,
}

impl WriteTime {
    /// The microseconds of its second.
    fn micros(self) -> i64 {
        if self.number { (self.local - self.offset).abs() % SECOND } else { self.local.rem_euclid(SECOND) }
    }
}

fn write_field(field: FormatField, pad: Pad, at: WriteTime, out: &mut String) -> std::fmt::Result {
    let WriteTime { local, offset, number: as_number } = at;
    let (days, time) = (local.div_euclid(DAY), local.rem_euclid(DAY));
    let (year, month, day) = civil_from_days(days);
    let hour = time / HOUR;
    let half = ["AM", "PM"][usize::from(hour >= 12)];
    let mut number = |n: i64, width: usize| match pad {
        Pad::Zero => write!(out, "{n:0width$}"),
        Pad::Blank => write!(out, "{n:width$}"),
        Pad::None => write!(out, "{n}"),
    };
    match field {
        FormatField::Year => number(year, 4),
        FormatField::ShortYear => number(year.rem_euclid(100), 2),
        FormatField::Month => number(month.into(), 2),
        FormatField::MonthName { long } => write_name(MONTHS[month as usize - 1], long, out),
        FormatField::Day => number(day.into(), 2),
        FormatField::DayOfYear => number(days - days_from_civil(year, 1, 1) + 1, 3),
        FormatField::Hour => number(hour, 2),
        // Hours 0 and 12 are both written as 12.
        FormatField::Hour12 => number((hour + 11) % 12 + 1, 2),
        FormatField::HalfDay { upper: true } => write!(out, "{half}"),
        FormatField::HalfDay { upper: false } => write!(out, "{}", half.to_ascii_lowercase()),
        FormatField::Minute => number(time % HOUR / MINUTE, 2),
        FormatField::Second => number(time % MINUTE / SECOND, 2),
        FormatField::Fraction { point, digits } => write_fraction(at.micros(), point, digits, out),
        FormatField::Epoch => {
            let since = local - offset;
            let sign = if since < 0 { "-" } else { "" };
            let seconds = if as_number { since.abs() / SECOND } else { since.div_euclid(SECOND).abs() };
            write!(out, "{sign}{seconds}")
        }
        FormatField::Offset { colon } => {
            // `%z` has hours and minutes alone, so the seconds of old local mean times are cut.
            let (sign, minutes) = (if offset < 0 { '-' } else { '+' }, offset.abs() / MINUTE);
            let colon = if colon { ":" } else { "" };
            write!(out, "{sign}{:02}{colon}{:02}", minutes / 60, minutes % 60)
        }
        FormatField::ZoneName => Ok(()),
        FormatField::DayName { long } => write_name(DAYS[weekday(days) as usize - 1], long, out),
        FormatField::DayNumber { sunday: false } => number(weekday(days), 1),
        FormatField::DayNumber { sunday: true } => number(weekday(days) % 7, 1),
        FormatField::IsoYear => number(iso_week(days).0, 4),
        FormatField::IsoWeek => number(iso_week(days).1, 2),
    }
}

fn write_name(name: &str, long: bool, out: &mut String) -> std::fmt::Result {
    out.write_str(if long { name } else { &name[..3] })
}

/// Six digits where their number is not given; `%.f` writes as many threes of them as it needs.
fn write_fraction(micros: i64, point: bool, digits: Option<u8>, out: &mut String) -> std::fmt::Result {
    // Instants have microseconds, so the last three of nine digits are always zero.
    let all = format!("{micros:06}000");
    let digits = match digits {
        Some(digits) => digits.into(),
        None if !point => 6,
        None if micros == 0 => return Ok(()),
        None if micros % 1000 == 0 => 3,
        None => 6,
    };
    write!(out, "{}{}", if point { "." } else { "" }, &all[..digits])
}
