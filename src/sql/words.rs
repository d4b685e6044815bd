//! The words of each dialect: names, types, literals, and the arithmetic of instants.
//!
//! # Contract
//! * An instant is a value of the dialect's [`type_name`] of [`DataType::Timestamp`]: in DuckDB and Flink a timestamp
//!   without a zone that shows UTC, in the others one that is an instant by itself. In Polars the columns of
//!   relations are in the job's zone, and what these functions make of numbers is in none; the two do not compare,
//!   so compare numbers ([`to_micros`]), and go back by [`from_micros_like`].
//! * Numbers of microseconds are exact over the years 1900 to 2200.
//! * Flink cuts times before 1970 towards 1970 where it casts or takes parts of them, so its parts come of text.
//! * An argument that is SQL may be anything: it is put in parentheses where that matters.

use super::Dialect;
use crate::batch::DataType;
use crate::time::{DAY, HOUR, MINUTE, SECOND, civil_from_days};

/// A name as an identifier: always between quotes, so it keeps its case and may be any word.
pub fn ident(dialect: Dialect, name: &str) -> String {
    match dialect {
        Dialect::Polars | Dialect::DuckDb | Dialect::Postgres => format!("\"{}\"", name.replace('"', "\"\"")),
        Dialect::Spark | Dialect::Flink => format!("`{}`", name.replace('`', "``")),
        Dialect::BigQuery => format!("`{}`", name.replace('\\', "\\\\").replace('`', "\\`")),
    }
}

/// The name of a type, for CAST and definitions of columns.
pub fn type_name(dialect: Dialect, ty: DataType) -> String {
    match ty {
        DataType::String | DataType::Json => match dialect {
            Dialect::Polars | Dialect::DuckDb => "VARCHAR".into(),
            Dialect::Postgres => "TEXT".into(),
            Dialect::Spark | Dialect::Flink | Dialect::BigQuery => "STRING".into(),
        },
        DataType::Bool if dialect == Dialect::BigQuery => "BOOL".into(),
        DataType::Bool => "BOOLEAN".into(),
        DataType::Int64 if dialect == Dialect::BigQuery => "INT64".into(),
        DataType::Int64 => "BIGINT".into(),
        DataType::Float64 => match dialect {
            Dialect::Postgres => "DOUBLE PRECISION".into(),
            Dialect::BigQuery => "FLOAT64".into(),
            _ => "DOUBLE".into(),
        },
        DataType::Decimal { precision, scale } => match dialect {
            Dialect::Postgres => format!("NUMERIC({precision}, {scale})"),
            // BigQuery's NUMERIC has 29 digits before the point and 9 after it.
            Dialect::BigQuery if scale <= 9 && precision - scale <= 29 => {
                format!("NUMERIC({precision}, {scale})")
            }
            Dialect::BigQuery => format!("BIGNUMERIC({precision}, {scale})"),
            _ => format!("DECIMAL({precision}, {scale})"),
        },
        DataType::Date => "DATE".into(),
        DataType::Timestamp => match dialect {
            Dialect::Postgres => "TIMESTAMPTZ".into(),
            Dialect::Flink => "TIMESTAMP(6)".into(),
            _ => "TIMESTAMP".into(),
        },
    }
}

/// What follows a value of this type where it is ordered: text goes by its bytes.
pub fn collation(dialect: Dialect, ty: DataType) -> &'static str {
    if dialect == Dialect::Postgres && ty == DataType::String { " COLLATE \"C\"" } else { "" }
}

/// A literal of text.
pub fn text(dialect: Dialect, value: &str) -> String {
    match dialect {
        Dialect::Polars | Dialect::DuckDb | Dialect::Postgres | Dialect::Flink => {
            format!("'{}'", value.replace('\'', "''"))
        }
        Dialect::Spark | Dialect::BigQuery => {
            // Spark and BigQuery read backslash escapes, and a literal of BigQuery cannot span lines.
            let mut out = String::from("'");
            for (at, c) in value.char_indices() {
                match c {
                    // Spark puts settings and variables of the environment in the place of `${…}`, also in literals.
                    '{' if dialect == Dialect::Spark && value[..at].ends_with('$') => out.push_str("\\u007B"),
                    '\'' => out.push_str("\\'"),
                    '\\' => out.push_str("\\\\"),
                    '\n' => out.push_str("\\n"),
                    '\r' => out.push_str("\\r"),
                    c => out.push(c),
                }
            }
            out + "'"
        }
    }
}

/// The literal of an instant, by its microseconds since 1970. In Polars it is in no zone (see the contract).
pub fn timestamp(dialect: Dialect, micros: i64) -> String {
    let clock = wall_clock(micros);
    match dialect {
        Dialect::Polars | Dialect::DuckDb | Dialect::Flink => format!("TIMESTAMP '{clock}'"),
        // With an offset, the literal does not depend on the zone of the session.
        Dialect::Postgres => format!("TIMESTAMPTZ '{clock}+00'"),
        Dialect::Spark => format!("TIMESTAMP '{clock}Z'"),
        Dialect::BigQuery => format!("TIMESTAMP '{clock}+00'"),
    }
}

/// `2024-02-29 17:30:00`, with a fraction where it is not zero.
pub(super) fn wall_clock(micros: i64) -> String {
    // Euclidean division, so that a time before 1970 has a day below and a positive time of day.
    let (year, month, day) = civil_from_days(micros.div_euclid(DAY));
    let time = micros.rem_euclid(DAY);
    let (hour, minute, second) = (time / HOUR, time % HOUR / MINUTE, time % MINUTE / SECOND);
    let clock = format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}");
    match time % SECOND {
        0 => clock,
        part => format!("{clock}.{part:06}"),
    }
}

/// Microseconds since 1970 of an instant, as a 64-bit integer.
pub fn to_micros(dialect: Dialect, instant: &str) -> String {
    match dialect {
        Dialect::Polars => format!("CAST({instant} AS BIGINT)"),
        Dialect::DuckDb => format!("EPOCH_US({instant})"),
        // EXTRACT gives a numeric, of six digits after the point, from version 14.
        Dialect::Postgres => format!("CAST(EXTRACT(EPOCH FROM {instant}) * 1000000 AS BIGINT)"),
        Dialect::Spark => format!("UNIX_MICROS({instant})"),
        // UNIX_TIMESTAMP reads its text in the zone of the session, which is UTC.
        Dialect::Flink => format!(
            "(UNIX_TIMESTAMP(DATE_FORMAT({instant}, '{FLINK_SECONDS}')) * CAST(1000000 AS BIGINT) \
             + CAST(DATE_FORMAT({instant}, 'SSSSSS') AS BIGINT))"
        ),
        Dialect::BigQuery => format!("UNIX_MICROS({instant})"),
    }
}

/// The instant of a number of microseconds since 1970. In Polars it is in no zone (see the contract).
pub fn from_micros(dialect: Dialect, micros: &str) -> String {
    match dialect {
        Dialect::Polars => format!("CAST({micros} AS TIMESTAMP)"),
        Dialect::DuckDb => format!("MAKE_TIMESTAMP({micros})"),
        // The number becomes a double here, which holds it exactly from 1685 to 2255.
        Dialect::Postgres => format!("(TIMESTAMPTZ 'epoch' + ({micros}) * INTERVAL '1 microsecond')"),
        Dialect::Spark => format!("TIMESTAMP_MICROS({micros})"),
        // Microseconds are known there from version 2.3 on; the session is in UTC.
        Dialect::Flink => format!("CAST(TO_TIMESTAMP_LTZ({micros}, 6) AS TIMESTAMP(6))"),
        Dialect::BigQuery => format!("TIMESTAMP_MICROS({micros})"),
    }
}

/// The instant of a number of microseconds since 1970, in Polars in the zone of `like`, an instant that is not
/// NULL: so EXTRACT reads the job's wall clock in it. In the other dialects it is [`from_micros`].
pub fn from_micros_like(dialect: Dialect, micros: &str, like: &str) -> String {
    match dialect {
        Dialect::Polars => format!("({like} - CAST(CAST({like} AS BIGINT) - ({micros}) AS INTERVAL))"),
        _ => from_micros(dialect, micros),
    }
}

/// What a clock in `zone` (an IANA name) shows at an instant: a timestamp without a zone.
pub fn local(dialect: Dialect, instant: &str, zone: &str) -> String {
    match dialect {
        // Columns are in the job's zone already.
        Dialect::Polars => instant.to_string(),
        Dialect::DuckDb | Dialect::Spark | Dialect::Flink if zone == "UTC" => instant.to_string(),
        Dialect::DuckDb => format!("(({instant} AT TIME ZONE 'UTC') AT TIME ZONE '{zone}')"),
        Dialect::Postgres => format!("({instant} AT TIME ZONE '{zone}')"),
        // The session is in UTC.
        Dialect::Spark => format!("FROM_UTC_TIMESTAMP({instant}, '{zone}')"),
        // CONVERT_TZ knows whole seconds alone, which offsets have too.
        Dialect::Flink => format!(
            "CAST(CONVERT_TZ(DATE_FORMAT({instant}, '{FLINK_SECONDS}'), 'UTC', '{zone}') \
             || DATE_FORMAT({instant}, '.SSSSSS') AS TIMESTAMP(6))"
        ),
        Dialect::BigQuery => format!("DATETIME({instant}, '{zone}')"),
    }
}

/// The day of a timestamp without a zone, as a date.
pub fn day_of(dialect: Dialect, clock: &str) -> String {
    match dialect {
        Dialect::Flink => format!("CAST(DATE_FORMAT({clock}, 'yyyy-MM-dd') AS DATE)"),
        _ => format!("CAST({clock} AS DATE)"),
    }
}

/// The pattern of Flink's functions of time for the wall clock to the second, which they read without a pattern.
pub const FLINK_SECONDS: &str = "yyyy-MM-dd HH:mm:ss";

/// A length of time in Flink: of whole milliseconds, which it has no finer.
pub fn flink_interval(micros: i64) -> Option<String> {
    if micros % 1000 != 0 {
        return None;
    }
    let (sign, length) = (if micros < 0 { "-" } else { "" }, micros.abs());
    let (days, hours, minutes) = (length / DAY, length % DAY / HOUR, length % HOUR / MINUTE);
    let (seconds, millis) = (length % MINUTE / SECOND, length % SECOND / 1000);
    // A literal has two digits of days, unless it says how many.
    let digits = days.to_string().len().max(2);
    Some(format!(
        "INTERVAL '{sign}{days} {hours:02}:{minutes:02}:{seconds:02}.{millis:03}' DAY({digits}) TO SECOND(3)"
    ))
}

/// A number as a 64-bit float.
pub fn to_double(dialect: Dialect, number: &str) -> String {
    format!("CAST({number} AS {})", type_name(dialect, DataType::Float64))
}

/// The greatest integer that is not above `a / b`, of a 64-bit integer `a` and a positive `b`.
pub fn floor_div(dialect: Dialect, a: &str, b: i64) -> String {
    // Most engines cut quotients towards zero: there a multiple of `b` is divided.
    let whole = floor_to(dialect, a, b);
    match dialect {
        Dialect::Polars => format!("({} // {b})", closed(a)),
        Dialect::DuckDb => format!("(({whole}) // {b})"),
        Dialect::Postgres | Dialect::Flink => format!("(({whole}) / {b})"),
        Dialect::Spark => format!("(({whole}) DIV {b})"),
        Dialect::BigQuery => format!("DIV({whole}, {b})"),
    }
}

/// The greatest multiple of a positive `b` that is not above a 64-bit integer `a`.
pub fn floor_to(dialect: Dialect, a: &str, b: i64) -> String {
    // MOD has the sign of `a` in most engines. A time before 1970 has to go down too.
    let a = closed(a);
    match dialect {
        Dialect::Polars => format!("({a} // {b}) * {b}"),
        Dialect::Spark => format!("{a} - PMOD({a}, {b})"),
        // The remainder of a 64-bit integer by one of 32 bits has 32 bits there, which overflow.
        Dialect::Flink => {
            let b = format!("CAST({b} AS BIGINT)");
            format!("{a} - MOD(MOD({a}, {b}) + {b}, {b})")
        }
        _ => format!("{a} - MOD(MOD({a}, {b}) + {b}, {b})"),
    }
}

/// `sql`, between parentheses where it is more than one word: a name, a number, a call.
pub fn closed(sql: &str) -> String {
    if is_closed(sql) { sql.to_string() } else { format!("({sql})") }
}

/// Whether `sql` reads as one word: a name, a number, a call, or something between parentheses.
fn is_closed(sql: &str) -> bool {
    let mut depth = 0i32;
    let mut quote = None;
    for (at, c) in sql.char_indices() {
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (Some(_), _) => {}
            (None, '\'' | '"' | '`') => quote = Some(c),
            (None, '(') => depth += 1,
            (None, ')') => {
                depth -= 1;
                // `(a) + (b)` closes before its end.
                if depth == 0 && sql.starts_with('(') && at + 1 != sql.len() {
                    return false;
                }
            }
            (None, c) if depth == 0 && !(c.is_alphanumeric() || matches!(c, '_' | '.')) => return false,
            _ => {}
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_texts_are_quoted_as_each_dialect_wants() {
        let idents = Dialect::ALL.map(|d| ident(d, "a\"b`c"));
        assert_eq!(
            idents,
            ["\"a\"\"b`c\"", "\"a\"\"b`c\"", "\"a\"\"b`c\"", "`a\"b``c`", "`a\"b``c`", "`a\"b\\`c`"]
        );
        let texts = Dialect::ALL.map(|d| text(d, "it's \\"));
        let (plain, escaped) = ("'it''s \\'", "'it\\'s \\\\'");
        assert_eq!(texts, [plain, plain, plain, escaped, plain, escaped]);
        // Spark would put a variable in its place.
        let texts = Dialect::ALL.map(|d| text(d, "${x} $ {"));
        let plain = "'${x} $ {'";
        assert_eq!(texts, [plain, plain, plain, "'$\\u007Bx} $ {'", plain, plain]);
    }

    #[test]
    fn instants_are_written_to_the_microsecond() {
        assert_eq!(timestamp(Dialect::DuckDb, 1_709_227_800_000_000), "TIMESTAMP '2024-02-29 17:30:00'");
        assert_eq!(timestamp(Dialect::Postgres, -1), "TIMESTAMPTZ '1969-12-31 23:59:59.999999+00'");
        assert_eq!(timestamp(Dialect::Flink, 1_000), "TIMESTAMP '1970-01-01 00:00:00.001000'");
        assert_eq!(timestamp(Dialect::Spark, 1), "TIMESTAMP '1970-01-01 00:00:00.000001Z'");
    }

    #[test]
    fn lengths_of_flink_are_of_milliseconds() {
        assert_eq!(flink_interval(90_061_001_000).unwrap(), "INTERVAL '1 01:01:01.001' DAY(2) TO SECOND(3)");
        assert_eq!(flink_interval(-DAY * 100).unwrap(), "INTERVAL '-100 00:00:00.000' DAY(3) TO SECOND(3)");
        assert_eq!(flink_interval(1), None);
    }

    #[test]
    fn what_is_more_than_one_word_gets_parentheses() {
        for word in ["a", "\"a b\"", "t.\"x\"", "12", "f(a, (b)) ", "(a + b)", "(')')"] {
            let word = word.trim();
            assert_eq!(closed(word), word);
        }
        for more in ["a + b", "(a) + (b)", "-1", "'a' || b", "CAST(a AS INT) + 1", "NOT b"] {
            assert_eq!(closed(more), format!("({more})"));
        }
    }

    #[test]
    fn decimals_of_bigquery_are_as_wide_as_needed() {
        let named = |precision, scale| type_name(Dialect::BigQuery, DataType::Decimal { precision, scale });
        assert_eq!(named(38, 9), "NUMERIC(38, 9)");
        assert_eq!(named(38, 10), "BIGNUMERIC(38, 10)");
        assert_eq!(named(38, 2), "BIGNUMERIC(38, 2)");
    }
}
