//! A format out of its text, and whether it says an instant.

use super::{FormatField, FormatPiece, Pad, TimeFormat};
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
fn pieces(format: &str) -> Result<Vec<FormatPiece>> {
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

struct Pieces(Vec<FormatPiece>);

impl Pieces {
    fn text(&mut self, c: char) {
        // Blanks are pieces of their own, as one blank of the format reads any number of them.
        let blank = matches!(c, ' ' | '\t' | '\n' | '\r' | '\x0c');
        match (self.0.last_mut(), blank) {
            (Some(FormatPiece::Text(text)), false) | (Some(FormatPiece::Blank(text)), true) => text.push(c),
            (_, false) => self.0.push(FormatPiece::Text(c.into())),
            (_, true) => self.0.push(FormatPiece::Blank(c.into())),
        }
    }

    fn field(&mut self, field: FormatField, pad: Pad) {
        self.0.push(FormatPiece::Field(field, pad));
    }

    /// What `%F` and others stand for.
    fn all(&mut self, fields: &[(FormatField, Option<char>)]) {
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
            out.all(&[
                (FormatField::Year, Some('-')),
                (FormatField::Month, Some('-')),
                (FormatField::Day, None),
            ]);
        }
        'D' => {
            out.all(&[
                (FormatField::Month, Some('/')),
                (FormatField::Day, Some('/')),
                (FormatField::ShortYear, None),
            ]);
        }
        'T' => {
            out.all(&[
                (FormatField::Hour, Some(':')),
                (FormatField::Minute, Some(':')),
                (FormatField::Second, None),
            ]);
        }
        'R' => out.all(&[(FormatField::Hour, Some(':')), (FormatField::Minute, None)]),
        'r' => out.all(&[
            (FormatField::Hour12, Some(':')),
            (FormatField::Minute, Some(':')),
            (FormatField::Second, Some(' ')),
            (FormatField::HalfDay { upper: true }, None),
        ]),
        // strftime pads these three letters with a blank where the format does not say otherwise.
        'e' => out.field(FormatField::Day, pad.unwrap_or(Pad::Blank)),
        'k' => out.field(FormatField::Hour, pad.unwrap_or(Pad::Blank)),
        'l' => out.field(FormatField::Hour12, pad.unwrap_or(Pad::Blank)),
        '.' => out.field(fraction(format, true, None, rest)?, Pad::Zero),
        '3' | '6' | '9' => out.field(fraction(format, false, Some(letter), rest)?, Pad::Zero),
        ':' if rest.next_if_eq(&'z').is_some() => out.field(FormatField::Offset { colon: true }, Pad::Zero),
        letter => out.field(plain(letter).ok_or_else(|| unknown(format, letter, rest))?, zero),
    }
    Ok(())
}

fn plain(letter: char) -> Option<FormatField> {
    Some(match letter {
        'Y' => FormatField::Year,
        'y' => FormatField::ShortYear,
        'm' => FormatField::Month,
        'B' => FormatField::MonthName { long: true },
        'b' | 'h' => FormatField::MonthName { long: false },
        'd' => FormatField::Day,
        'j' => FormatField::DayOfYear,
        'H' => FormatField::Hour,
        'I' => FormatField::Hour12,
        'p' => FormatField::HalfDay { upper: true },
        'P' => FormatField::HalfDay { upper: false },
        'M' => FormatField::Minute,
        'S' => FormatField::Second,
        // chrono reads `%f` as nanoseconds, Python as decimals of a second: here it is always decimals.
        'f' => FormatField::Fraction { point: false, digits: None },
        's' => FormatField::Epoch,
        'z' => FormatField::Offset { colon: false },
        'Z' => FormatField::ZoneName,
        'A' => FormatField::DayName { long: true },
        'a' => FormatField::DayName { long: false },
        'u' => FormatField::DayNumber { sunday: false },
        'w' => FormatField::DayNumber { sunday: true },
        'G' => FormatField::IsoYear,
        'V' => FormatField::IsoWeek,
        _ => return None,
    })
}

/// `%.f`, `%.3f` or `%3f`, of which `digit` was read already.
fn fraction(
    format: &str,
    point: bool,
    digit: Option<char>,
    rest: &mut Peekable<Chars>,
) -> Result<FormatField> {
    let digit = digit.or_else(|| rest.next_if(|c| matches!(c, '3' | '6' | '9')));
    if rest.next_if_eq(&'f').is_none() {
        let begun: String = point.then_some('.').into_iter().chain(digit).collect();
        return Err(Error::job(format!("`%{begun}` in the time format `{format}` is unknown"))
            .hint("the fraction of a second is %f, %3f, %6f or %9f, and with its point %.f or %.3f"));
    }
    Ok(FormatField::Fraction { point, digits: digit.and_then(|c| c.to_digit(10)).map(|n| n as u8) })
}

#[cold]
fn unknown(format: &str, letter: char, rest: &mut Peekable<Chars>) -> Error {
    let error = Error::job(format!("`%{letter}` in the time format `{format}` is unknown"));
    error.hint(match letter {
        // `%E*S` is how Abseil and BigQuery write seconds with decimals.
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
fn part(field: FormatField) -> &'static str {
    match field {
        FormatField::Year | FormatField::ShortYear | FormatField::IsoYear => "year",
        FormatField::Month | FormatField::MonthName { .. } => "month",
        FormatField::Day | FormatField::DayOfYear => "day",
        FormatField::Hour | FormatField::Hour12 => "hour",
        FormatField::HalfDay { .. } => "half of the day",
        FormatField::Minute => "minute",
        FormatField::Second => "second",
        FormatField::Fraction { .. } => "decimals",
        FormatField::Epoch => "seconds since 1970",
        FormatField::Offset { .. } | FormatField::ZoneName => "zone",
        FormatField::DayName { .. } | FormatField::DayNumber { .. } => "day of the week",
        FormatField::IsoWeek => "week",
    }
}

/// Whether texts of the format can be read, and say an instant or a local time.
fn check(format: &TimeFormat) -> Result<()> {
    let fields: Vec<FormatField> = format.fields().collect();
    for (i, field) in fields.iter().enumerate() {
        // Two fields of one part may contradict each other, and which of them is right is open.
        if let Some(other) = fields[..i].iter().find(|other| part(**other) == part(*field)) {
            let (one, two) = (other.letters(), field.letters());
            return Err(wrong(format, &format!("has the {} twice: {one} and {two}", part(*field)))
                .hint("keep one of them, and write the other as fixed text"));
        }
    }
    numbers_end(format)?;
    zone_words(format)?;
    let has = |name: &str| fields.iter().copied().find(|field| part(*field) == name);
    if fields.contains(&FormatField::Epoch) {
        let other = fields.iter().find(|f| !matches!(f, FormatField::Epoch | FormatField::Fraction { .. }));
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
        (Some(FormatField::Hour12), None) => {
            missing("has the hour as %I, but not AM or PM", "add %p, or write %H for 24 hours")
        }
        (Some(FormatField::Hour), Some(_)) => {
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
fn date(format: &TimeFormat, has: &dyn Fn(&str) -> Option<FormatField>) -> Result<()> {
    let missing = |what: &str, hint: &str| Err(wrong(format, what).hint(hint));
    let of_week = has("year") == Some(FormatField::IsoYear) || has("week").is_some();
    if of_week {
        let whole = has("year") == Some(FormatField::IsoYear) && has("week").is_some();
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
        (_, Some(month), Some(FormatField::DayOfYear)) => missing(
            &format!("has {} together with the day of the year, %j", month.letters()),
            "keep one of them",
        ),
        (_, _, Some(FormatField::DayOfYear)) | (_, Some(_), Some(_)) => Ok(()),
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
    // The reader never goes back, so the format alone must tell where each number ends.
    for pair in format.pieces().windows(2) {
        let FormatPiece::Field(field, pad) = &pair[0] else { continue };
        let ends = match field {
            // A zone's name takes all characters that names may have: a field after it would be swallowed.
            FormatField::ZoneName => {
                !matches!(&pair[1], FormatPiece::Field(..)) && !begins(&pair[1], is_of_name)
            }
            FormatField::Offset { .. } => !begins(&pair[1], |c| c.is_ascii_digit() || c == ':'),
            FormatField::Epoch | FormatField::Fraction { .. } if field.width().is_none() => {
                !begins(&pair[1], |c| c.is_ascii_digit())
            }
            // Padded numbers have all of their digits, so only numbers without padding need an end.
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
fn begins(piece: &FormatPiece, is: fn(char) -> bool) -> bool {
    match piece {
        FormatPiece::Text(text) => text.starts_with(is),
        FormatPiece::Blank(_) => false,
        FormatPiece::Field(field, _) => {
            field.width().is_some()
                || matches!(field, FormatField::Epoch | FormatField::Fraction { point: false, .. })
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
fn says_utc(pieces: &[FormatPiece]) -> bool {
    let mut after = false;
    let mut says = false;
    for piece in pieces {
        match piece {
            FormatPiece::Field(
                FormatField::Epoch | FormatField::Offset { .. } | FormatField::ZoneName,
                _,
            ) => return false,
            FormatPiece::Field(..) => after = true,
            FormatPiece::Blank(_) => {}
            FormatPiece::Text(text) => {
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
            FormatPiece::Field(FormatField::Hour | FormatField::Hour12, _) => hour = true,
            FormatPiece::Text(text) => {
                if let Some(word) = words(text).find(|word| names_zone(word)) {
                    return Err(wrong(
                        format,
                        &format!("has the zone `{word}` as fixed text, which does not set the zone"),
                    )
                    .hint("write %Z, which reads zone names, or set the job's `timezone`"));
                }
                // Before the hour a sign and digits may be a part of the date, such as `-05`.
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
    // `is_abbreviation` asks all zones at several instants: only words of the right shape are worth that.
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
