//! What only a time zone can tell, as functions of Polars' SQL: [`words`] names them, and `chrono` computes them.

use super::clock::Clock;
use super::formats::TimePattern;
use super::instants::Rule;
use crate::sql::expr::polars as words;
use chrono::{DateTime, Offset, TimeZone};
use polars::prelude as pl;
use polars::prelude::{IntoColumn, NewChunkedArray};
use polars_sql::function_registry::FunctionRegistry;

/// The functions, for the job's zone.
pub struct ClockFunctions {
    zone: String,
}

impl ClockFunctions {
    /// The functions for a job in the zone of this IANA name.
    pub fn of(zone: &str) -> ClockFunctions {
        ClockFunctions { zone: zone.to_string() }
    }

    /// The function of a name.
    fn function(&self, name: &str) -> Option<pl::Expr> {
        let zone = self.zone.clone();
        let ints = |_: &pl::Schema, fields: &[pl::Field]| {
            Ok(pl::Field::new(fields[0].name().clone(), pl::DataType::Int64))
        };
        let none: [pl::Expr; 0] = [];
        Some(match name {
            words::LOCAL => pl::map_multiple(
                |args| {
                    let zone = Clock::of(word(args)?).zone();
                    int_of_int(&args[0], |at| {
                        let at = DateTime::from_timestamp_micros(at)?.naive_utc();
                        let offset = zone.offset_from_utc_datetime(&at).fix().local_minus_utc();
                        at.and_utc().timestamp_micros().checked_add(i64::from(offset) * 1_000_000)
                    })
                },
                none,
                ints,
            ),
            words::INSTANT => pl::map_multiple(
                |args| {
                    let clock = Clock::of(word(args)?);
                    int_of_int(&args[0], |local| {
                        clock.local_time(DateTime::from_timestamp_micros(local)?.naive_utc())
                    })
                },
                none,
                ints,
            ),
            words::TIME => {
                let ty = move || {
                    let zone = pl::TimeZone::opt_try_new(Some(zone.as_str()))?;
                    Ok::<_, pl::PolarsError>(pl::DataType::Datetime(pl::TimeUnit::Microseconds, zone))
                };
                let of = ty.clone();
                pl::map_multiple(
                    move |args| args[0].cast(&pl::DataType::Int64)?.cast(&of()?),
                    none,
                    move |_, fields| Ok(pl::Field::new(fields[0].name().clone(), ty()?)),
                )
            }
            words::ISO => {
                let clock = Clock::of(&zone);
                pl::map_multiple(
                    move |args| int_of_text(&args[0], |text| clock.text(text.trim(), &Rule::Iso)),
                    none,
                    ints,
                )
            }
            words::STRPTIME => {
                let clock = Clock::of(&zone);
                pl::map_multiple(
                    move |args| {
                        let form = TimePattern::of(word(args)?).map_err(|e| failed(&e.to_string()))?;
                        let rule = Rule::Form(Box::new(form));
                        int_of_text(&args[0], |text| clock.text(text, &rule))
                    },
                    none,
                    ints,
                )
            }
            words::DECIMAL => pl::map_multiple(
                |args| {
                    let scale = word(args)?.parse().map_err(|_| failed("expected a number of digits"))?;
                    let floats = args[0].cast(&pl::DataType::Float64)?;
                    let texts =
                        floats.f64()?.iter().map(|value| value.and_then(|value| rounded(value, scale)));
                    Ok(pl::StringChunked::from_iter_options(args[0].name().clone(), texts).into_column())
                },
                none,
                |_, fields| Ok(pl::Field::new(fields[0].name().clone(), pl::DataType::String)),
            ),
            _ => return None,
        })
    }
}

/// The first 15 digits of a float, rounded to so many after the point, a half away from zero: a number in text.
fn rounded(value: f64, scale: i32) -> Option<String> {
    // PostgreSQL casts a float8 to numeric by its first 15 digits.
    let text = format!("{:.14e}", value.abs());
    let (mantissa, exponent) = text.split_once('e')?;
    let digits: i128 = mantissa.replace('.', "").parse().ok()?;
    let moved = exponent.parse::<i32>().ok()? - 14 + scale;
    let power = 10i128.checked_pow(moved.unsigned_abs());
    let units = match (moved, power) {
        (0.., Some(power)) => digits.checked_mul(power)?,
        (0.., None) => return None,
        (_, Some(power)) => (digits + power / 2) / power,
        // All digits are shifted out and more, so less than half a unit is left.
        (_, None) => 0,
    };
    // A value that rounds to zero is 0 rather than -0.
    let sign = if value < 0.0 && units > 0 { "-" } else { "" };
    let width = usize::try_from(scale).ok()?;
    let digits = format!("{units:0>least$}", least = width + 1);
    let (whole, fraction) = digits.split_at(digits.len() - width);
    Some(format!("{sign}{whole}.{fraction}"))
}

impl FunctionRegistry for ClockFunctions {
    fn register(&mut self, name: &str, _: pl::UserDefinedFunction) -> pl::PolarsResult<()> {
        Err(failed(&format!("`{name}` cannot be registered here")))
    }

    fn get_udf(&self, name: &str) -> pl::PolarsResult<Option<pl::UserDefinedFunction>> {
        Ok(self.function(name).and_then(|function| match function {
            pl::Expr::AnonymousFunction { function, options, .. } => {
                Some(pl::UserDefinedFunction { name: name.into(), fun: function, options })
            }
            _ => None,
        }))
    }

    fn contains(&self, name: &str) -> bool {
        self.function(name).is_some()
    }
}

fn failed(words: &str) -> pl::PolarsError {
    pl::PolarsError::ComputeError(words.to_string().into())
}

/// The second argument, a text that is the same for all rows.
fn word(args: &[pl::Column]) -> pl::PolarsResult<&str> {
    let texts = args.get(1).ok_or_else(|| failed("expected a second argument"))?.str()?;
    Ok(texts.get(0).unwrap_or(""))
}

fn int_of_int(column: &pl::Column, f: impl Fn(i64) -> Option<i64>) -> pl::PolarsResult<pl::Column> {
    let ints = column.cast(&pl::DataType::Int64)?;
    let ints = ints.i64()?;
    let made = pl::Int64Chunked::from_iter_options(
        column.name().clone(),
        ints.iter().map(|value| value.and_then(&f)),
    );
    Ok(made.into_column())
}

fn int_of_text(column: &pl::Column, f: impl Fn(&str) -> Option<i64>) -> pl::PolarsResult<pl::Column> {
    let texts = column.cast(&pl::DataType::String)?;
    let texts = texts.str()?;
    let made = pl::Int64Chunked::from_iter_options(
        column.name().clone(),
        texts.iter().map(|text| text.and_then(&f)),
    );
    Ok(made.into_column())
}
