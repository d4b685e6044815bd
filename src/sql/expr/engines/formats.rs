//! Formats in which dialects write times, from the fields of a job's format.

use crate::sql::Dialect;
use crate::time::{Field, Pad, Piece, TimeFormat};

/// The pattern of `dialect` that writes what `format` writes; `None` where a field has no words there.
pub(super) fn written(dialect: Dialect, format: &TimeFormat) -> Option<String> {
    let mut out = String::new();
    for piece in format.pieces() {
        match piece {
            Piece::Text(text) | Piece::Blank(text) => out += &literal(dialect, text),
            Piece::Field(field, Pad::Zero) => out += &word(dialect, *field)?,
            Piece::Field(..) => return None,
        }
    }
    Some(out)
}

fn literal(dialect: Dialect, text: &str) -> String {
    match dialect {
        Dialect::Postgres if text.bytes().any(|c| c.is_ascii_alphabetic() || c == b'"') => {
            format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
        }
        Dialect::Postgres => text.to_string(),
        Dialect::Spark | Dialect::Flink
            if !text.bytes().all(|c| matches!(c, b' ' | b'-' | b':' | b'/' | b'.' | b',')) =>
        {
            format!("'{}'", text.replace('\'', "''"))
        }
        Dialect::Spark | Dialect::Flink => text.to_string(),
        _ => text.replace('%', "%%"),
    }
}

fn word(dialect: Dialect, field: Field) -> Option<String> {
    // strftime's, PostgreSQL's and Java's.
    let (strftime, postgres, java) = match field {
        Field::Year => ("%Y", "YYYY", "yyyy"),
        Field::ShortYear => ("%y", "YY", "yy"),
        Field::Month => ("%m", "MM", "MM"),
        Field::MonthName { long: true } => ("%B", "FMMonth", "MMMM"),
        Field::MonthName { long: false } => ("%b", "Mon", "MMM"),
        Field::Day => ("%d", "DD", "dd"),
        Field::DayOfYear => ("%j", "DDD", "DDD"),
        Field::Hour => ("%H", "HH24", "HH"),
        Field::Hour12 => ("%I", "HH12", "hh"),
        Field::HalfDay { upper: true } => ("%p", "AM", "a"),
        Field::Minute => ("%M", "MI", "mm"),
        Field::Second => ("%S", "SS", "ss"),
        Field::DayName { long: true } => ("%A", "FMDay", "EEEE"),
        Field::DayName { long: false } => ("%a", "Dy", "EEE"),
        Field::IsoYear => ("%G", "IYYY", ""),
        Field::IsoWeek => ("%V", "IW", ""),
        Field::DayNumber { sunday: false } => ("%u", "ID", ""),
        Field::DayNumber { sunday: true } => ("%w", "", ""),
        Field::Fraction { point, digits } => return fraction(dialect, point, digits),
        Field::HalfDay { upper: false } | Field::Epoch | Field::Offset { .. } | Field::ZoneName => {
            return None;
        }
    };
    let found = match dialect {
        Dialect::Postgres => postgres,
        Dialect::Spark | Dialect::Flink => java,
        _ => strftime,
    };
    (!found.is_empty()).then(|| found.to_string())
}

fn fraction(dialect: Dialect, point: bool, digits: Option<u8>) -> Option<String> {
    let found = match (dialect, digits) {
        (Dialect::DuckDb, Some(3)) => "%g",
        (Dialect::DuckDb, Some(6)) => "%f",
        (Dialect::Postgres, Some(3)) => "MS",
        (Dialect::Postgres, Some(6)) => "US",
        (Dialect::Spark, Some(3)) => "SSS",
        (Dialect::Spark, Some(6)) => "SSSSSS",
        _ => return None,
    };
    Some(format!("{}{found}", if point { "." } else { "" }))
}
