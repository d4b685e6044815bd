//! A format out of its text, and whether it says an instant.

use super::{Field, Pad, Piece, TimeFormat};
use crate::error::{Error, Result};
use crate::time::Zone;
use std::iter::Peekable;
use std::str::Chars;

impl TimeFormat {
    /// A format that times are read by.
    ///
    /// # Errors
    /// A job error: a letter that is not known, a part that comes twice, or one that is missing.
    pub fn parse(text: &str) -> Result<TimeFormat> {
        let format = TimeFormat::for_writing(text)?;
        check(&format)?;
        Ok(format)
    }

    /// A format that times are written by, which may show any part of them.
    ///
    /// # Errors
    /// A job error: a letter that is not known.
    pub fn for_writing(text: &str) -> Result<TimeFormat> {
        let pieces = pieces(text)?;
        let utc = says_utc(&pieces);
        Ok(TimeFormat {
            text: text.to_string(),
            pieces,
            utc,
            #[cfg(test)]
            fault: crate::planted::now(),
        })
    }
}

/// The pieces of a format.
fn pieces(format: &str) -> Result<Vec<Piece>> {
    let mut out = Pieces(vec![]);
    let mut rest = format.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            '%' => specifier(format, &mut rest, &mut out)?,
            c => out.text(c),
        }
    }
    Ok(out.0)
}

struct Pieces(Vec<Piece>);

impl Pieces {
    fn text(&mut self, c: char) {
        let blank = matches!(c, ' ' | '\t' | '\n' | '\r' | '\x0c');
        match (self.0.last_mut(), blank) {
            (Some(Piece::Text(text)), false) | (Some(Piece::Blank(text)), true) => text.push(c),
            (_, false) => self.0.push(Piece::Text(c.into())),
            (_, true) => self.0.push(Piece::Blank(c.into())),
        }
    }

    fn field(&mut self, field: Field, pad: Pad) {
        self.0.push(Piece::Field(field, pad));
    }

    /// What `%F` and others stand for.
    fn all(&mut self, fields: &[(Field, Option<char>)]) {
        for (field, after) in fields {
            self.field(*field, Pad::Zero);
            after.iter().for_each(|c| self.text(*c));
        }
    }
}

/// What follows a `%`.
fn specifier(format: &str, rest: &mut Peekable<Chars>, out: &mut Pieces) -> Result<()> {
    let ends = || Error::job(format!("the time format `{format}` ends in %")).hint("%% is the sign itself");
    let first = rest.next().ok_or_else(ends)?;
    let pad = match first {
        '-' => Some(Pad::None),
        '_' => Some(Pad::Blank),
        '0' => Some(Pad::Zero),
        _ => None,
    };
    let letter = match pad {
        Some(_) => rest.next().ok_or_else(ends)?,
        None => first,
    };
    let zero = pad.unwrap_or(Pad::Zero);
    match letter {
        '%' => out.text('%'),
        'n' => out.text('\n'),
        't' => out.text('\t'),
        'F' => {
            out.all(&[(Field::Year, Some('-')), (Field::Month, Some('-')), (Field::Day, None)]);
        }
        'D' => {
            out.all(&[(Field::Month, Some('/')), (Field::Day, Some('/')), (Field::ShortYear, None)]);
        }
        'T' => {
            out.all(&[(Field::Hour, Some(':')), (Field::Minute, Some(':')), (Field::Second, None)]);
        }
        'R' => out.all(&[(Field::Hour, Some(':')), (Field::Minute, None)]),
        'r' => out.all(&[
            (Field::Hour12, Some(':')),
            (Field::Minute, Some(':')),
            (Field::Second, Some(' ')),
            (Field::HalfDay { upper: true }, None),
        ]),
        'e' => out.field(Field::Day, pad.unwrap_or(Pad::Blank)),
        'k' => out.field(Field::Hour, pad.unwrap_or(Pad::Blank)),
        'l' => out.field(Field::Hour12, pad.unwrap_or(Pad::Blank)),
        '.' => out.field(fraction(format, true, None, rest)?, Pad::Zero),
        '3' | '6' | '9' => out.field(fraction(format, false, Some(letter), rest)?, Pad::Zero),
        ':' if rest.next_if_eq(&'z').is_some() => out.field(Field::Offset { colon: true }, Pad::Zero),
        letter => out.field(plain(letter).ok_or_else(|| unknown(format, letter, rest))?, zero),
    }
    Ok(())
}

fn plain(letter: char) -> Option<Field> {
    Some(match letter {
        'Y' => Field::Year,
        'y' => Field::ShortYear,
        'm' => Field::Month,
        'B' => Field::MonthName { long: true },
        'b' | 'h' => Field::MonthName { long: false },
        'd' => Field::Day,
        'j' => Field::DayOfYear,
        'H' => Field::Hour,
        'I' => Field::Hour12,
        'p' => Field::HalfDay { upper: true },
        'P' => Field::HalfDay { upper: false },
        'M' => Field::Minute,
        'S' => Field::Second,
        'f' => Field::Fraction { point: false, digits: None },
        's' => Field::Epoch,
        'z' => Field::Offset { colon: false },
        'Z' => Field::ZoneName,
        'A' => Field::DayName { long: true },
        'a' => Field::DayName { long: false },
        'u' => Field::DayNumber { sunday: false },
        'w' => Field::DayNumber { sunday: true },
        'G' => Field::IsoYear,
        'V' => Field::IsoWeek,
        _ => return None,
    })
}

/// `%.f`, `%.3f` or `%3f`, of which `digit` was read already.
fn fraction(format: &str, point: bool, digit: Option<char>, rest: &mut Peekable<Chars>) -> Result<Field> {
    let digit = digit.or_else(|| rest.next_if(|c| matches!(c, '3' | '6' | '9')));
    if rest.next_if_eq(&'f').is_none() {
        let begun: String = point.then_some('.').into_iter().chain(digit).collect();
        return Err(Error::job(format!("`%{begun}` in the time format `{format}` is unknown"))
            .hint("the fraction of a second is %f, %3f, %6f or %9f, and with its point %.f or %.3f"));
    }
    Ok(Field::Fraction { point, digits: digit.and_then(|c| c.to_digit(10)).map(|n| n as u8) })
}

#[cold]
fn unknown(format: &str, letter: char, rest: &mut Peekable<Chars>) -> Error {
    let error = Error::job(format!("`%{letter}` in the time format `{format}` is unknown"));
    error.hint(match letter {
        'c' | 'x' | 'X' | 'v' | 'E' | 'O' if letter == 'E' && rest.peek() == Some(&'*') => {
            "seconds with a fraction are %S%.f"
        }
        'c' | 'x' | 'X' | 'E' | 'O' => {
            "its meaning depends on the language: write out the parts, such as %d/%m/%Y"
        }
        'v' => "write %e-%b-%Y",
        'L' | 'N' | 'i' => "the fraction of a second is %f, and with its point %.f",
        'g' => "the year of an ISO week is %G, in four digits",
        'U' | 'W' => "weeks are ISO weeks: %G-W%V-%u",
        'C' => "a year is %Y, in four digits, or %y, in two",
        'Q' | 'q' => "for milliseconds since 1970 use time_unit = \"ms\"; quarters cannot be read",
        '+' => "leave the format out: ISO-8601 needs none",
        _ => "use the letters of strftime, such as %d-%m-%Y %H:%M:%S",
    })
}

/// A part of a time that a format has once at most.
fn part(field: Field) -> &'static str {
    match field {
        Field::Year | Field::ShortYear | Field::IsoYear => "year",
        Field::Month | Field::MonthName { .. } => "month",
        Field::Day | Field::DayOfYear => "day",
        Field::Hour | Field::Hour12 => "hour",
        Field::HalfDay { .. } => "half of the day",
        Field::Minute => "minute",
        Field::Second => "second",
        Field::Fraction { .. } => "decimals",
        Field::Epoch => "seconds since 1970",
        Field::Offset { .. } | Field::ZoneName => "zone",
        Field::DayName { .. } | Field::DayNumber { .. } => "day of the week",
        Field::IsoWeek => "week",
    }
}

/// Whether texts of the format can be read, and say an instant or a local time.
fn check(format: &TimeFormat) -> Result<()> {
    let fields: Vec<Field> = format.fields().collect();
    for (i, field) in fields.iter().enumerate() {
        if let Some(other) = fields[..i].iter().find(|other| part(**other) == part(*field)) {
            let (one, two) = (other.letters(), field.letters());
            return Err(wrong(format, &format!("has the {} twice: {one} and {two}", part(*field)))
                .hint("keep one of them, and write the other as fixed text"));
        }
    }
    numbers_end(format)?;
    zone_words(format)?;
    let has = |name: &str| fields.iter().copied().find(|field| part(*field) == name);
    if fields.contains(&Field::Epoch) {
        let other = fields.iter().find(|f| !matches!(f, Field::Epoch | Field::Fraction { .. }));
        return match other {
            Some(other) => {
                Err(wrong(format, &format!("has {} together with %s, which is an instant", other.letters()))
                    .hint("keep only %s, or %s%.f with a fraction"))
            }
            None => Ok(()),
        };
    }
    let missing = |what: &str, hint: &str| Err(wrong(format, what).hint(hint));
    date(format, &has)?;
    match (has("hour"), has("half of the day")) {
        (Some(Field::Hour12), None) => {
            missing("has the hour as %I, but not AM or PM", "add %p, or write %H for 24 hours")
        }
        (Some(Field::Hour), Some(_)) => {
            missing("has AM or PM together with a 24-hour hour", "write %I for %H, or leave it out")
        }
        (None, Some(_)) => missing("has AM or PM without an hour", "add %I"),
        (Some(_), _) if has("minute").is_none() => missing(
            "has the hour without the minute",
            "add %M; if the texts end with the hour, add minutes to them in [source]: time = \"COLUMN || ':00'\"",
        ),
        (None, _) if has("minute").is_some() => missing("has the minute without the hour", "add %H"),
        _ if has("second").is_some() && has("minute").is_none() => {
            missing("has the second without the hour and minute", "add %H and %M")
        }
        _ if has("decimals").is_some() && has("second").is_none() => {
            missing("has a fraction without the second", "add %S before it")
        }
        _ => Ok(()),
    }
}

/// Whether the format says a day.
fn date(format: &TimeFormat, has: &dyn Fn(&str) -> Option<Field>) -> Result<()> {
    let missing = |what: &str, hint: &str| Err(wrong(format, what).hint(hint));
    let of_week = has("year") == Some(Field::IsoYear) || has("week").is_some();
    if of_week {
        let whole = has("year") == Some(Field::IsoYear) && has("week").is_some();
        return match (has("month").or(has("day")), whole && has("day of the week").is_some()) {
            (Some(other), _) => missing(
                &format!("has {} together with an ISO week", other.letters()),
                "write %Y-%m-%d, or %G-W%V-%u",
            ),
            (None, false) => missing("has a part of an ISO week", "write all of it: %G-W%V-%u"),
            (None, true) => Ok(()),
        };
    }
    match (has("year"), has("month"), has("day")) {
        (None, ..) => missing("has no year", "add %Y; a time without a year cannot be read"),
        (_, Some(month), Some(Field::DayOfYear)) => missing(
            &format!("has {} together with the day of the year, %j", month.letters()),
            "keep one of them",
        ),
        (_, _, Some(Field::DayOfYear)) | (_, Some(_), Some(_)) => Ok(()),
        (_, None, Some(_)) => missing("has the day without the month", "add %m or %b"),
        // The first day of the month, or of the year: unless the rest of the format says that a day is meant.
        (_, _, None) => match has("hour").or(has("minute")).or(has("day of the week")) {
            Some(other) => missing(
                &format!("has {} without a day", other.letters()),
                "add %d; a format with neither a day nor a time of day reads the first of the month",
            ),
            None => Ok(()),
        },
    }
}

#[cold]
fn wrong(format: &TimeFormat, what: &str) -> Error {
    Error::job(format!("the time format `{}` {what}", format.text()))
}

/// Whether each number ends where the next piece begins.
fn numbers_end(format: &TimeFormat) -> Result<()> {
    for pair in format.pieces().windows(2) {
        let Piece::Field(field, pad) = &pair[0] else { continue };
        let ends = match field {
            Field::ZoneName => !matches!(&pair[1], Piece::Field(..)) && !begins(&pair[1], is_of_name),
            Field::Offset { .. } => !begins(&pair[1], |c| c.is_ascii_digit() || c == ':'),
            Field::Epoch | Field::Fraction { .. } if field.width().is_none() => {
                !begins(&pair[1], |c| c.is_ascii_digit())
            }
            _ => *pad != Pad::None || !begins(&pair[1], |c| c.is_ascii_digit()),
        };
        if !ends {
            let letters = field.letters();
            return Err(wrong(format, &format!("does not show where {letters} ends"))
                .hint(format!("write a separator after {letters}")));
        }
    }
    Ok(())
}

/// Whether a text of the piece may begin with such a character, or with a digit.
fn begins(piece: &Piece, is: fn(char) -> bool) -> bool {
    match piece {
        Piece::Text(text) => text.starts_with(is),
        Piece::Blank(_) => false,
        Piece::Field(field, _) => {
            field.width().is_some() || matches!(field, Field::Epoch | Field::Fraction { point: false, .. })
        }
    }
}

/// Whether the names of zones have it.
pub(super) fn is_of_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '_' | '+' | '-' | '/')
}

/// The runs of letters of a text, which may be names of zones.
fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !(c.is_alphanumeric() || matches!(c, '_' | '/'))).filter(|word| !word.is_empty())
}

/// Whether a word of the format says that times are of UTC; not where the texts say it themselves.
fn says_utc(pieces: &[Piece]) -> bool {
    let mut after = false;
    let mut says = false;
    for piece in pieces {
        match piece {
            Piece::Field(Field::Epoch | Field::Offset { .. } | Field::ZoneName, _) => return false,
            Piece::Field(..) => after = true,
            Piece::Blank(_) => {}
            Piece::Text(text) => {
                let utc =
                    |word: &str| word == "UT" || ["UTC", "GMT"].iter().any(|w| w.eq_ignore_ascii_case(word));
                says |= words(text).any(|word| utc(word) || after && word.eq_ignore_ascii_case("z"));
            }
        }
    }
    says
}

/// Fails for a zone or an offset that stands in the format itself: it would be passed over.
fn zone_words(format: &TimeFormat) -> Result<()> {
    if format.is_zoned() {
        return Ok(());
    }
    let mut hour = false;
    for piece in format.pieces() {
        match piece {
            Piece::Field(Field::Hour | Field::Hour12, _) => hour = true,
            Piece::Text(text) => {
                if let Some(word) = words(text).find(|word| names_zone(word)) {
                    return Err(wrong(
                        format,
                        &format!("has the zone `{word}` as fixed text, which does not set the zone"),
                    )
                    .hint("write %Z, which reads zone names, or set the job's `timezone`"));
                }
                if let Some(offset) = fixed_offset(text).filter(|_| hour) {
                    return Err(wrong(
                        format,
                        &format!("has the offset `{offset}` as fixed text, which does not set the offset"),
                    )
                    .hint("write %z, which reads offsets"));
                }
            }
            _ => {}
        }
    }
    Ok(())
}

/// Whether a word is a zone's name, or what its clocks show beside the time: UTC aside, which is understood.
fn names_zone(word: &str) -> bool {
    if word.contains('/') {
        return Zone::named(word).is_some();
    }
    let short = (3..=5).contains(&word.len()) && word.bytes().all(|c| c.is_ascii_uppercase());
    short && !matches!(word, "UTC" | "GMT") && Zone::is_abbreviation(word)
}

/// An offset such as `+00:00` or `-05` in a text.
fn fixed_offset(text: &str) -> Option<&str> {
    let start = text.find(['+', '-'])?;
    let digits = &text[start + 1..];
    let length = digits.find(|c: char| !(c.is_ascii_digit() || c == ':')).unwrap_or(digits.len());
    let shaped = digits[..length].len() >= 2 && digits.as_bytes()[..2].iter().all(u8::is_ascii_digit);
    shaped.then(|| &text[start..start + 1 + length])
}
