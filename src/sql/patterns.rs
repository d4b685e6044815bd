//! The patterns of dialects for the fields of a time format, and the shape of its texts.
//!
//! # Contract
//! A pattern reads each text that the format reads as the same time, or fails aloud. Where a dialect has no words for a
//! field, or means something else by them, the answer is that field.

use super::Dialect;
use crate::time::{FormatField, FormatPiece, Pad, TimeFormat};

/// A field that a dialect has no words for, as a format has it.
pub(super) type NoWords = String;

/// The format with the decimals that may be left out, and without them: in the order in which they are tried.
pub(super) fn variants(format: &TimeFormat) -> Vec<Vec<FormatPiece>> {
    let pieces = format.pieces();
    let optional = |piece: &&FormatPiece| {
        matches!(piece, FormatPiece::Field(FormatField::Fraction { point: true, .. }, _))
    };
    if !pieces.iter().any(|piece| optional(&piece)) {
        return vec![pieces.to_vec()];
    }
    let fraction = FormatPiece::Field(FormatField::Fraction { point: false, digits: None }, Pad::Zero);
    let with = pieces.iter().flat_map(|piece| match optional(&piece) {
        true => vec![FormatPiece::Text(".".into()), fraction.clone()],
        false => vec![piece.clone()],
    });
    let without = pieces.iter().filter(|piece| !optional(piece)).cloned();
    vec![with.collect(), without.collect()]
}

/// Whether texts of the format are decimals of seconds since 1970.
pub(super) fn are_seconds(format: &TimeFormat) -> bool {
    format.fields().any(|field| field == FormatField::Epoch)
        && match format.pieces() {
            [_] => true,
            [_, FormatPiece::Field(..)] => true,
            [_, FormatPiece::Text(point), FormatPiece::Field(..)] => point == ".",
            _ => false,
        }
}

/// Whether the decimals may have more digits than a microsecond, which are to be cut.
pub(super) fn has_long_decimals(pieces: &[FormatPiece]) -> bool {
    let long = |piece: &FormatPiece| {
        matches!(piece, FormatPiece::Field(FormatField::Fraction { digits: None | Some(9), .. }, _))
    };
    pieces.iter().any(long)
}

/// The pattern of `pieces`, which are of one of [`variants`] but for Java's and BigQuery's, who have words for decimals
/// that may be left out.
pub(super) fn of(dialect: Dialect, pieces: &[FormatPiece]) -> Result<String, NoWords> {
    let mut out = String::new();
    for (i, piece) in pieces.iter().enumerate() {
        let before = i.checked_sub(1).map(|before| &pieces[before]);
        let next = pieces.get(i + 1);
        match piece {
            FormatPiece::Text(text) | FormatPiece::Blank(text) => match dialect {
                // The seconds of BigQuery have their point and decimals in them.
                Dialect::BigQuery if is_point(piece) && next.is_some_and(is_fraction) => {}
                _ => out += &literal(dialect, text),
            },
            FormatPiece::Field(field, pad) => {
                // Java's letters need it of the last of several numbers too, which else has all the digits.
                let java = matches!(dialect, Dialect::Spark | Dialect::Flink);
                let touches =
                    java && before.is_some_and(|before| begins_with_digit(before) && is_field(before));
                let full = touches || next.is_some_and(begins_with_digit);
                let word = word(dialect, *field, *pad, full, (before, next, pieces.get(i + 2)));
                out += &word.ok_or_else(|| field.letters())?;
            }
        }
    }
    Ok(out)
}

fn is_fraction(piece: &FormatPiece) -> bool {
    matches!(piece, FormatPiece::Field(FormatField::Fraction { .. }, _))
}

fn is_field(piece: &FormatPiece) -> bool {
    matches!(piece, FormatPiece::Field(..))
}

fn is_point(piece: &FormatPiece) -> bool {
    matches!(piece, FormatPiece::Text(text) if text == ".")
}

fn begins_with_digit(piece: &FormatPiece) -> bool {
    match piece {
        FormatPiece::Text(text) => text.starts_with(|c: char| c.is_ascii_digit()),
        FormatPiece::Blank(_) => false,
        FormatPiece::Field(field, _) => !matches!(
            field,
            FormatField::MonthName { .. }
                | FormatField::DayName { .. }
                | FormatField::HalfDay { .. }
                | FormatField::Offset { .. }
                | FormatField::ZoneName
                | FormatField::Fraction { point: true, .. }
        ),
    }
}

fn literal(dialect: Dialect, text: &str) -> String {
    match dialect {
        Dialect::DuckDb | Dialect::BigQuery | Dialect::Polars => text.replace('%', "%%"),
        // PostgreSQL takes letters of a template for patterns, unless they stand between double quotes.
        Dialect::Postgres if text.bytes().any(|c| c.is_ascii_alphanumeric() || matches!(c, b'"' | b'\\')) => {
            format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
        }
        Dialect::Postgres => text.to_string(),
        // Java reserves all letters and some signs; these signs stand for themselves.
        _ if text.bytes().all(|c| matches!(c, b' ' | b'-' | b':' | b'/' | b'.' | b',')) => text.to_string(),
        _ => format!("'{}'", text.replace('\'', "''")),
    }
}

type Around<'p> = (Option<&'p FormatPiece>, Option<&'p FormatPiece>, Option<&'p FormatPiece>);

/// The word of a field; `full` where it has all of its digits.
fn word(dialect: Dialect, field: FormatField, pad: Pad, full: bool, around: Around) -> Option<String> {
    match dialect {
        Dialect::DuckDb => duckdb(field, around),
        Dialect::Postgres => postgres(field, around),
        Dialect::BigQuery => bigquery(field, pad, around),
        Dialect::Spark | Dialect::Flink => java(dialect, field, full),
        Dialect::Polars => None,
    }
}

/// Whether decimals stand after a point or comma, so that those past the microsecond can be found and cut.
fn after_point(before: Option<&FormatPiece>) -> bool {
    matches!(before, Some(FormatPiece::Text(text)) if text.ends_with(['.', ',']))
}

fn duckdb(field: FormatField, (before, ..): Around) -> Option<String> {
    Some(
        match field {
            FormatField::Year => "%Y",
            FormatField::ShortYear => "%y",
            FormatField::Month => "%m",
            FormatField::MonthName { long: true } => "%B",
            FormatField::MonthName { long: false } => "%b",
            FormatField::Day => "%d",
            FormatField::DayOfYear => "%j",
            FormatField::Hour => "%H",
            FormatField::Hour12 => "%I",
            FormatField::HalfDay { .. } => "%p",
            FormatField::Minute => "%M",
            FormatField::Second => "%S",
            // `%g` is milliseconds, `%f` microseconds. Nanoseconds, `%n`, are rounded where they are cast.
            FormatField::Fraction { digits: Some(3), .. } => "%g",
            FormatField::Fraction { digits: Some(6), .. } => "%f",
            FormatField::Fraction { .. } if after_point(before) => "%f",
            FormatField::Offset { .. } => "%z",
            FormatField::DayName { long: true } => "%A",
            FormatField::DayName { long: false } => "%a",
            FormatField::IsoYear => "%G",
            FormatField::IsoWeek => "%V",
            FormatField::DayNumber { sunday: false } => "%u",
            // Its names of zones are those of ICU.
            FormatField::ZoneName
            | FormatField::Epoch
            | FormatField::Fraction { .. }
            | FormatField::DayNumber { .. } => return None,
        }
        .to_string(),
    )
}

fn postgres(field: FormatField, (before, ..): Around) -> Option<String> {
    Some(
        match field {
            FormatField::Year => "YYYY",
            FormatField::Month => "MM",
            // Without FM, PostgreSQL pads the name with blanks to nine characters.
            FormatField::MonthName { long: true } => "FMMonth",
            FormatField::MonthName { long: false } => "Mon",
            FormatField::Day => "DD",
            FormatField::DayOfYear => "DDD",
            FormatField::Hour => "HH24",
            FormatField::Hour12 => "HH12",
            FormatField::HalfDay { .. } => "AM",
            FormatField::Minute => "MI",
            FormatField::Second => "SS",
            FormatField::Fraction { digits: Some(3), .. } => "MS",
            FormatField::Fraction { digits: Some(6), .. } => "US",
            FormatField::Fraction { .. } if after_point(before) => "US",
            FormatField::Offset { colon: false } => "TZHTZM",
            FormatField::Offset { colon: true } => "TZH:TZM",
            FormatField::DayName { long: true } => "FMDay",
            FormatField::DayName { long: false } => "Dy",
            FormatField::IsoYear => "IYYY",
            FormatField::IsoWeek => "IW",
            FormatField::DayNumber { sunday: false } => "ID",
            // Its years of two digits are those next to 2020: 69 is 2069 there.
            FormatField::ShortYear
            | FormatField::ZoneName
            | FormatField::Epoch
            | FormatField::Fraction { .. }
            | FormatField::DayNumber { .. } => return None,
        }
        .to_string(),
    )
}

fn bigquery(field: FormatField, pad: Pad, (before, next, then): Around) -> Option<String> {
    let decimals = next.is_some_and(is_fraction) && begins_with_point(next)
        || next.is_some_and(is_point) && then.is_some_and(is_fraction);
    Some(
        match field {
            FormatField::Year => "%Y",
            FormatField::ShortYear => "%y",
            FormatField::Month => "%m",
            FormatField::MonthName { long: true } => "%B",
            FormatField::MonthName { long: false } => "%b",
            FormatField::Day if pad == Pad::Blank => "%e",
            FormatField::Day => "%d",
            FormatField::DayOfYear => "%j",
            FormatField::Hour => "%H",
            FormatField::Hour12 => "%I",
            FormatField::HalfDay { .. } => "%p",
            FormatField::Minute => "%M",
            FormatField::Second if decimals => "%E*S",
            FormatField::Second => "%S",
            // In `%E*S`.
            FormatField::Fraction { point: true, .. } => "",
            FormatField::Fraction { .. } if before.is_some_and(is_point) => "",
            FormatField::Offset { colon: false } => "%z",
            FormatField::Offset { colon: true } => "%Ez",
            FormatField::DayName { long: true } => "%A",
            FormatField::DayName { long: false } => "%a",
            FormatField::Fraction { .. }
            | FormatField::ZoneName
            | FormatField::Epoch
            | FormatField::DayNumber { .. }
            | FormatField::IsoYear
            | FormatField::IsoWeek => return None,
        }
        .to_string(),
    )
}

fn begins_with_point(piece: Option<&FormatPiece>) -> bool {
    matches!(piece, Some(FormatPiece::Field(FormatField::Fraction { point: true, .. }, _)))
}

/// Java's letters: one reads a number of any digits, several one of so many.
fn java(dialect: Dialect, field: FormatField, full: bool) -> Option<String> {
    let number = |letter: &str, digits: usize| letter.repeat(if full { digits } else { 1 });
    let flink = dialect == Dialect::Flink;
    Some(match field {
        FormatField::Year => "yyyy".into(),
        FormatField::Month => number("M", 2),
        FormatField::MonthName { long: true } => "MMMM".into(),
        FormatField::MonthName { long: false } => "MMM".into(),
        FormatField::Day => number("d", 2),
        FormatField::DayOfYear => number("D", 3),
        FormatField::Hour => number("H", 2),
        FormatField::Hour12 => number("h", 2),
        FormatField::HalfDay { .. } => "a".into(),
        FormatField::Minute => number("m", 2),
        FormatField::Second => number("s", 2),
        // TO_TIMESTAMP of Flink gives milliseconds, whatever the pattern has.
        FormatField::Fraction { digits: Some(digits), point: false } if !flink || digits <= 3 => {
            "S".repeat(digits.into())
        }
        // In Spark as many as nine.
        FormatField::Fraction { point: false, .. } if !flink => "S".repeat(9),
        FormatField::Fraction { point: true, .. } if !flink => format!("[.{}]", "S".repeat(9)),
        // Each number of X reads one form (`+05:30`, `+0530`, `+05`): optional sections try all three.
        FormatField::Offset { .. } if !flink => "[XXX][XX][X]".into(),
        FormatField::DayName { long: true } if flink => "EEEE".into(),
        FormatField::DayName { long: false } if flink => "EEE".into(),
        // Its years of two digits are all of this century.
        FormatField::ShortYear
        | FormatField::Fraction { .. }
        | FormatField::Offset { .. }
        | FormatField::ZoneName
        | FormatField::Epoch
        | FormatField::DayName { .. }
        | FormatField::DayNumber { .. }
        | FormatField::IsoYear
        | FormatField::IsoWeek => return None,
    })
}

/// The pattern by which a dialect writes what the format does, of a clock without a zone.
///
/// # Errors
/// The field that it has no words for.
pub(super) fn written(dialect: Dialect, format: &TimeFormat) -> Result<String, NoWords> {
    let word = |piece: &FormatPiece| match piece {
        FormatPiece::Text(text) | FormatPiece::Blank(text) => Ok(literal(dialect, text)),
        FormatPiece::Field(field, pad) => {
            let word = match dialect {
                Dialect::DuckDb | Dialect::BigQuery => written_strftime(dialect, *field, *pad),
                Dialect::Postgres => written_postgres(*field, *pad),
                Dialect::Flink if is_named(*field) => None,
                Dialect::Spark | Dialect::Flink => written_java(dialect, *field, *pad),
                Dialect::Polars => None,
            };
            word.ok_or_else(|| field.letters())
        }
    };
    format.pieces().iter().map(word).collect()
}

/// Whether a field is a word: Flink writes those in the language of its machine.
fn is_named(field: FormatField) -> bool {
    matches!(field, FormatField::MonthName { .. } | FormatField::DayName { .. } | FormatField::HalfDay { .. })
}

fn written_strftime(dialect: Dialect, field: FormatField, pad: Pad) -> Option<String> {
    let duckdb = dialect == Dialect::DuckDb;
    let letters = match field {
        FormatField::Fraction { point, digits } => {
            let letters = match digits {
                None if point => return None,
                None | Some(6) => "%f",
                Some(3) => "%g",
                _ => "%n",
            };
            return duckdb.then(|| format!("{}{letters}", if point { "." } else { "" }));
        }
        FormatField::Epoch | FormatField::Offset { .. } | FormatField::ZoneName => return None,
        FormatField::HalfDay { upper: false } if duckdb => return None,
        field => field.letter(),
    };
    let number = field.width().is_some()
        && !matches!(field, FormatField::Year | FormatField::IsoYear | FormatField::DayNumber { .. });
    Some(match (pad, number) {
        (Pad::Zero, _) | (Pad::None, false) => letters.to_string(),
        (Pad::None, true) if duckdb => letters.replace('%', "%-"),
        (Pad::Blank, _) if !duckdb => match field {
            FormatField::Day => "%e".into(),
            FormatField::Hour => "%k".into(),
            FormatField::Hour12 => "%l".into(),
            _ => return None,
        },
        _ => return None,
    })
}

fn written_postgres(field: FormatField, pad: Pad) -> Option<String> {
    let word = match field {
        FormatField::ShortYear => "YY".to_string(),
        FormatField::HalfDay { upper: false } => "am".to_string(),
        // `AM` writes PM as well.
        FormatField::Fraction { point, digits } => {
            let digits = match digits {
                None if point => return None,
                None | Some(6) => "US",
                Some(3) => "MS",
                _ => return None,
            };
            format!("{}{digits}", if point { "." } else { "" })
        }
        FormatField::Offset { .. } => return None,
        field => postgres(field, (None, None, None))?,
    };
    match pad {
        Pad::Zero => Some(word),
        // Its own for a number without zeros before it.
        Pad::None => Some(if field.width().is_some() { format!("FM{word}") } else { word }),
        Pad::Blank => None,
    }
}

fn written_java(dialect: Dialect, field: FormatField, pad: Pad) -> Option<String> {
    let full = match pad {
        Pad::Zero => true,
        Pad::None => false,
        Pad::Blank => return None,
    };
    match field {
        FormatField::ShortYear => Some("yy".into()),
        FormatField::HalfDay { upper: false } | FormatField::Offset { .. } => None,
        FormatField::DayName { long } => Some(if long { "EEEE" } else { "EEE" }.into()),
        FormatField::Fraction { point, digits } => {
            let digits = if point { digits? } else { digits.unwrap_or(6) };
            Some(format!("{}{}", if point { "." } else { "" }, "S".repeat(digits.into())))
        }
        field => java(dialect, field, full),
    }
}

/// A regular expression of the texts of a format, in what RE2, PostgreSQL and Java have in common: most engines take
/// texts of other shapes, too.
///
/// # Errors
/// The field that no shape tells: the day of a week has to be that of the date.
pub(super) fn shape(format: &TimeFormat) -> Result<String, NoWords> {
    shape_of(format.pieces())
}

/// The shape of the texts of a format that have the decimals which may be left out.
pub(super) fn shape_with_decimals(format: &TimeFormat) -> Result<String, NoWords> {
    shape_of(&variants(format)[0])
}

fn shape_of(pieces: &[FormatPiece]) -> Result<String, NoWords> {
    let mut out = "^\\s*".to_string();
    for (i, piece) in pieces.iter().enumerate() {
        match piece {
            FormatPiece::Text(text) => text.chars().for_each(|c| {
                if !c.is_alphanumeric() && c.is_ascii() {
                    out.push('\\');
                }
                out.push(c);
            }),
            FormatPiece::Blank(_) if i == 0 || i + 1 == pieces.len() => {}
            FormatPiece::Blank(_) => out += "\\s+",
            FormatPiece::Field(field, pad) => {
                let full = pieces.get(i + 1).is_some_and(begins_with_digit);
                out += &field_shape(*field, *pad, full).ok_or_else(|| field.letters())?;
            }
        }
    }
    Ok(out + "\\s*$")
}

fn field_shape(field: FormatField, pad: Pad, full: bool) -> Option<String> {
    let number = |digits: usize| {
        let shape = if full { format!("[0-9]{{{digits}}}") } else { format!("[0-9]{{1,{digits}}}") };
        if pad == Pad::Blank { format!("( [0-9]|{shape})") } else { shape }
    };
    Some(match field {
        FormatField::Year | FormatField::IsoYear => "[0-9]{4}".into(),
        FormatField::DayOfYear => number(3),
        FormatField::ShortYear
        | FormatField::Month
        | FormatField::Day
        | FormatField::Hour
        | FormatField::Hour12
        | FormatField::Minute
        | FormatField::Second
        | FormatField::IsoWeek => number(2),
        FormatField::MonthName { long: true } => any_case(&[
            "january",
            "february",
            "march",
            "april",
            "may",
            "june",
            "july",
            "august",
            "september",
            "october",
            "november",
            "december",
        ]),
        FormatField::MonthName { long: false } => {
            any_case(&["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"])
        }
        FormatField::HalfDay { .. } => any_case(&["am", "pm"]),
        FormatField::Fraction { point: true, .. } => "(\\.[0-9]+)?".into(),
        FormatField::Fraction { digits: Some(digits), .. } => format!("[0-9]{{{digits}}}"),
        FormatField::Fraction { .. } => "[0-9]+".into(),
        FormatField::Epoch => "[-+]?[0-9]+".into(),
        FormatField::Offset { .. } => OFFSET.into(),
        FormatField::DayNumber { sunday: false } => "[1-7]".into(),
        FormatField::ZoneName | FormatField::DayName { .. } | FormatField::DayNumber { .. } => return None,
    })
}

/// What an offset looks like: 14 hours at most.
pub(super) const OFFSET: &str = "([Zz]|[+-](0[0-9]|1[0-3])(:?[0-5][0-9])?|[+-]14(:?00)?)";

fn any_case(words: &[&str]) -> String {
    // PostgreSQL allows `(?i)` only where a pattern begins, so each letter is a class of both cases.
    let letter = |c: char| format!("[{}{c}]", c.to_ascii_uppercase());
    let words: Vec<String> = words.iter().map(|word| word.chars().map(letter).collect()).collect();
    format!("({})", words.join("|"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_by_the_words_of_each_dialect() {
        let said = |format: &str| {
            let format = TimeFormat::for_writing(format).unwrap();
            let dialects =
                [Dialect::DuckDb, Dialect::Postgres, Dialect::Spark, Dialect::Flink, Dialect::BigQuery];
            let pattern = |dialect| written(dialect, &format).unwrap_or_else(|field| format!("no {field}"));
            dialects.map(pattern).join(" | ")
        };
        let all = [
            "%d.%m.%Y",
            "%-d/%-m/%y %I:%M %p",
            "%e %B",
            "%H:%M:%S.%f",
            "%H:%M:%S%.3f",
            "%A %j %u",
            "%G-W%V",
            "%P",
            "%z",
            "100%%",
        ];
        insta::assert_snapshot!(all.map(said).join("\n"), @r#"
        %d.%m.%Y | DD.MM.YYYY | dd.MM.yyyy | dd.MM.yyyy | %d.%m.%Y
        %-d/%-m/%y %I:%M %p | FMDD/FMMM/YY HH12:MI AM | d/M/yy hh:mm a | no %p | no %d
        no %d | no %d | no %d | no %d | %e %B
        %H:%M:%S.%f | HH24:MI:SS.US | HH:mm:ss.SSSSSS | HH:mm:ss.SSSSSS | no %f
        %H:%M:%S.%g | HH24:MI:SS.MS | HH:mm:ss.SSS | HH:mm:ss.SSS | no %.3f
        %A %j %u | FMDay DDD ID | no %u | no %A | %A %j %u
        %G-W%V | IYYY"-W"IW | no %G | no %G | %G-W%V
        no %P | am | no %P | no %P | %P
        no %z | no %z | no %z | no %z | no %z
        100%% | "100%" | '100%' | '100%' | 100%%
        "#);
    }
}
