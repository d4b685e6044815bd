//! Formats of times as text, in strftime's letters: parsed once into fields, checked, read and written.
//!
//! # Contract
//! * A letter means what chrono, Python and DuckDB agree on; one of which they say different things is an error of the
//!   job that names the right one. `%f` is a fraction of a second.
//! * A format that is read ([`TimeFormat::parse`]) says an instant, or a local time of the job's zone: one that leaves
//!   the year, the minute or the half of the day open is an error of the job. Without a time of day it is midnight; if
//!   it has no day either, it is the first of the month, and without a month of January, as in Python and DuckDB.
//! * The words `UTC`, `GMT`, `UT` and, after a field, `Z` in a format are an offset of zero. `%Z` reads names of zones:
//!   those that the zone of the job has at that time, and IANA's. Other names are no time.
//! * A number that is followed by a digit has all of its digits, so a text is read in one way or in none. Blanks of a
//!   format stand for one blank or more.

mod parse;
mod read;
#[cfg(test)]
mod tests;
mod write;

pub(in crate::time) use read::{micros, offset};
use std::fmt;

/// A format, as it is written in a job, and its pieces.
#[derive(Clone)]
pub struct TimeFormat {
    text: String,
    pieces: Vec<FormatPiece>,
    /// Whether a word of it says UTC.
    utc: bool,
    /// What a test has planted.
    #[cfg(test)]
    fault: Option<crate::planted::InjectedFault>,
}

/// A piece of a format.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FormatPiece {
    /// What stands in the text as it is here.
    Text(String),
    /// Blanks, tabs or line ends: one or more of them, whichever.
    Blank(String),
    /// A part of the time.
    Field(FormatField, Pad),
}

/// A part of a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FormatField {
    /// `%Y`: four digits.
    Year,
    /// `%y`: two digits, of 1969 to 2068.
    ShortYear,
    /// `%m`.
    Month,
    /// `%B`, or `%b`: the English name, or its first three letters.
    MonthName {
        /// Whether it is the whole name.
        long: bool,
    },
    /// `%d`, `%e`.
    Day,
    /// `%j`: from 1 to 366.
    DayOfYear,
    /// `%H`, `%k`: from 0 to 23.
    Hour,
    /// `%I`, `%l`: from 1 to 12.
    Hour12,
    /// `%p`, or `%P`: AM or PM, read in any case.
    HalfDay {
        /// Whether it is written in capitals.
        upper: bool,
    },
    /// `%M`.
    Minute,
    /// `%S`: up to 60, a leap second, which is the first of the next minute.
    Second,
    /// `%f`, `%.f`, `%3f`, `%.3f` and so on: the decimals of the second.
    Fraction {
        /// Whether a point stands before it; it is read without the point and the decimals, too.
        point: bool,
        /// How many digits; `None` for as many as there are.
        digits: Option<u8>,
    },
    /// `%s`: seconds since 1970.
    Epoch,
    /// `%z`, or `%:z`: `Z`, `+01`, `+0100` or `+01:00`, whichever of the two is given.
    Offset {
        /// Whether it is written with a colon.
        colon: bool,
    },
    /// `%Z`.
    ZoneName,
    /// `%A`, or `%a`.
    DayName {
        /// Whether it is the whole name.
        long: bool,
    },
    /// `%u`, 1 (Monday) to 7, or `%w`, 0 (Sunday) to 6.
    DayNumber {
        /// Whether weeks begin with a Sunday, which is 0.
        sunday: bool,
    },
    /// `%G`: the year of the ISO week.
    IsoYear,
    /// `%V`: the ISO week, from 1 to 53.
    IsoWeek,
}

/// What stands before a number of fewer digits than its field may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pad {
    /// Zeros, or nothing.
    Zero,
    /// A blank, a zero, or nothing.
    Blank,
    /// Nothing is written, and nothing has to be read.
    None,
}

impl TimeFormat {
    /// The format as it is written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// What it consists of, without `%F` and others that stand for several.
    pub fn pieces(&self) -> &[FormatPiece] {
        &self.pieces
    }

    /// Its parts of a time, in order.
    pub fn fields(&self) -> impl Iterator<Item = FormatField> {
        self.pieces.iter().filter_map(|piece| match piece {
            FormatPiece::Field(field, _) => Some(*field),
            _ => None,
        })
    }

    /// Whether a text says its offset, its zone, or seconds since 1970 by itself.
    pub fn is_zoned(&self) -> bool {
        self.fields()
            .any(|f| matches!(f, FormatField::Epoch | FormatField::Offset { .. } | FormatField::ZoneName))
    }

    /// Whether all texts are in UTC, as a word of the format says.
    pub fn is_utc(&self) -> bool {
        self.utc
    }
}

/// Formats are the same if they are written the same.
impl PartialEq for TimeFormat {
    fn eq(&self, other: &TimeFormat) -> bool {
        self.text == other.text
    }
}

impl Eq for TimeFormat {}

/// As its text: manifests hold hashes of jobs that print so (`job::identity::before`).
impl fmt::Debug for TimeFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.text, f)
    }
}

impl fmt::Display for TimeFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl FormatField {
    /// The letters that it is written with.
    pub fn letters(self) -> String {
        match self {
            FormatField::Fraction { point, digits } => {
                let digits = digits.map_or_else(String::new, |n| n.to_string());
                format!("%{}{digits}f", if point { "." } else { "" })
            }
            other => other.letter().to_string(),
        }
    }

    /// The letters of a field, but for those of decimals, which have more than these.
    pub fn letter(self) -> &'static str {
        match self {
            FormatField::Year => "%Y",
            FormatField::ShortYear => "%y",
            FormatField::Month => "%m",
            FormatField::MonthName { long: true } => "%B",
            FormatField::MonthName { long: false } => "%b",
            FormatField::Day => "%d",
            FormatField::DayOfYear => "%j",
            FormatField::Hour => "%H",
            FormatField::Hour12 => "%I",
            FormatField::HalfDay { upper: true } => "%p",
            FormatField::HalfDay { upper: false } => "%P",
            FormatField::Minute => "%M",
            FormatField::Second => "%S",
            FormatField::Fraction { .. } => "%f",
            FormatField::Epoch => "%s",
            FormatField::Offset { colon: false } => "%z",
            FormatField::Offset { colon: true } => "%:z",
            FormatField::ZoneName => "%Z",
            FormatField::DayName { long: true } => "%A",
            FormatField::DayName { long: false } => "%a",
            FormatField::DayNumber { sunday: false } => "%u",
            FormatField::DayNumber { sunday: true } => "%w",
            FormatField::IsoYear => "%G",
            FormatField::IsoWeek => "%V",
        }
    }

    /// How many digits a number has at most, and at least where a digit follows; `None` for what is no number, or is
    /// one of any length.
    pub fn width(self) -> Option<usize> {
        Some(match self {
            FormatField::Year | FormatField::IsoYear => 4,
            FormatField::DayOfYear => 3,
            FormatField::ShortYear
            | FormatField::Month
            | FormatField::Day
            | FormatField::Hour
            | FormatField::Hour12
            | FormatField::Minute
            | FormatField::Second
            | FormatField::IsoWeek => 2,
            FormatField::DayNumber { .. } => 1,
            FormatField::Fraction { point: false, digits } => usize::from(digits?),
            _ => return None,
        })
    }
}

/// The English names of the months.
const MONTHS: [&str; 12] = [
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

/// The English names of the days, from Monday on.
const DAYS: [&str; 7] = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];
