//! Which columns tell when an event happened, and how they are read.

use super::column::ColumnProfile;
use super::look::Looked;
use super::split_times::{SplitTime, of_numbers, with_clock};
use super::words;
use crate::batch::DataType;
use crate::error::{Error, Result};
use crate::input::value::shown;
use crate::time::{DAY, FirstAndLast, TimeRule, civil_from_days, days_from_civil};

/// The event time of a log.
#[derive(Debug)]
pub struct When {
    /// The column that has it, or the day of it.
    pub time: usize,
    /// How it is read.
    pub rule: TimeRule,
    /// Another format that reads it.
    pub either: Option<String>,
    /// The least and the greatest, microseconds UTC.
    pub range: FirstAndLast,
    /// Between most of them, microseconds.
    pub span: i64,
    /// What all are whole numbers of, microseconds.
    pub resolution: i64,
    /// How it was found, in words.
    pub why: String,
    /// Other columns with times.
    pub others: Vec<String>,
    /// Where it is computed: of what.
    pub parts: Option<SplitTime>,
    /// Records that have none that can be read.
    pub unread: u64,
}

/// Finds the event time.
///
/// # Errors
/// A data error: no column has times, or too many records have none.
pub fn when(looked: &mut Looked) -> Result<When> {
    let times = times(&looked.columns);
    let tells_days = |i: usize| looked.columns[i].time.as_ref().is_some_and(|time| time.resolution() <= DAY);
    let Some(&(time, _)) = times.first() else { return of_parts(looked) };
    if !tells_days(time) && of_numbers(&looked.columns, None).is_some() {
        return of_parts(looked);
    }
    let others = times.iter().skip(1).map(|(i, _)| looked.columns[*i].name.clone()).collect();
    let Some(candidate) = looked.columns[time].time.take() else { return Err(no_time(looked)) };
    let column = &looked.columns[time];
    let mut rule = candidate.rule().clone();
    let parts = match candidate.resolution() {
        DAY if column.inferred != DataType::Timestamp => with_clock(&looked.columns, time, &rule)
            .or_else(|| of_numbers(&looked.columns, Some((time, &rule)))),
        _ => None,
    };
    let mut why = format!(
        "{}, {} to {}",
        match &rule {
            TimeRule::Epoch(unit) => format!("numbers in {} since 1970", unit.words()),
            TimeRule::Format(format) => format!("the format {format}"),
            TimeRule::AnyOf(_) => format!("numbers in {} since 1970", rule.words().join(" or ")),
            _ => "ISO-8601".to_string(),
        },
        day(candidate.range.first),
        day(candidate.range.last)
    );
    if words::time(&column.name) <= 0.0 {
        why += "; its name does not suggest a time";
    }
    let (mut resolution, mut either) = (candidate.resolution(), candidate.other.clone());
    let mut unread = candidate.missed + column.nulls;
    if let Some(parts) = &parts {
        (rule, resolution, why) = (parts.rule.clone(), parts.resolution, format!("{}; {why}", parts.why));
        unread += parts.columns.iter().map(|i| looked.columns[*i].nulls).sum::<u64>();
        let clock = parts.columns.first().and_then(|i| looked.columns[*i].clock);
        // The rule is of day and clock together by now, so the other one has to be of both too.
        either = either.zip(clock).map(|(day, clock)| format!("{day} {clock}"));
    }
    let unread_words = format!("have no `{}` that can be read", looked.columns[time].name);
    let first = candidate.first_missed.as_deref().map(|text| format!("`{text}`"));
    looked.few(unread, &unread_words, first.as_deref())?;
    let (mut range, mut span) = (candidate.range, candidate.span());
    if parts.is_some() {
        // The last day has hours too.
        (range.last, span) = (range.last + DAY - 1, span + DAY);
    }
    Ok(When { time, rule, either, range, span, resolution, why, others, parts, unread })
}

/// An event time of columns for year, month and day.
fn of_parts(looked: &Looked) -> Result<When> {
    let Some(parts) = of_numbers(&looked.columns, None) else { return Err(no_time(looked)) };
    // `of_numbers` puts the year first, then month and day.
    let years = parts.columns.first().and_then(|year| looked.columns[*year].range);
    let (first, last) = years.unwrap_or((1970, 1970));
    let range = FirstAndLast::new(days_from_civil(first, 1, 1) * DAY, days_from_civil(last, 12, 31) * DAY);
    let why = format!("{}, of {first} to {last}", parts.why);
    let (time, rule, resolution) = (parts.columns[2], parts.rule.clone(), parts.resolution);
    let span = range.last - range.first;
    Ok(When {
        time,
        rule,
        either: None,
        range,
        span,
        resolution,
        why,
        others: vec![],
        parts: Some(parts),
        unread: 0,
    })
}

fn no_time(looked: &Looked) -> Error {
    let files = looked.paths.join(", ");
    let mut error =
        Error::data(format!("no column of {files} contains times, but a job needs the time of each event"));
    for column in looked.columns.iter().take(20) {
        let example = column.example.as_deref().map_or_else(
            || "no value".to_string(),
            |example| format!("such as {}", shown(example.as_bytes())),
        );
        error = error.hint(format!("`{}` is {}, {example}", shown(column.name.as_bytes()), column.ty));
    }
    if looked.columns.len() > 20 {
        error = error.hint(format!("and {} more columns", looked.columns.len() - 20));
    }
    error.hint(
        "times are ISO-8601 (2024-02-29T13:00:00Z), integers since 1970 (s, ms, us, ns), or of a format such as \
         29/02/2024 13:00",
    )
}

/// The day of an instant, in UTC.
pub fn day(instant: i64) -> String {
    let (year, month, day) = civil_from_days(instant.div_euclid(DAY));
    format!("{year:04}-{month:02}-{day:02}")
}

/// The columns with times, the likeliest first.
fn times(columns: &[ColumnProfile]) -> Vec<(usize, f64)> {
    let mut found: Vec<(usize, f64)> = vec![];
    for (i, column) in columns.iter().enumerate() {
        let Some(time) = &column.time else { continue };
        let mut score = words::time(&column.name) - i as f64;
        score += if time.time_of_day { 20.0 } else { 0.0 };
        score -= 100.0 * column.null_share();
        // A month tells less than a day.
        score -= if time.resolution() > DAY { 20.0 } else { 0.0 };
        if time.is_number() {
            // Any number of ten digits may be a time; without a name that says so few are.
            score -= if words::time(&column.name) > 0.0 { 0.0 } else { 40.0 };
        }
        // One time for all records is that of the export, and not of the events.
        if column.distinct == 1 && column.values > 1 {
            score -= 30.0;
        }
        // Logs are written nearly in the order of their events.
        if time.backward * 10 < time.read {
            score += 10.0;
        }
        if score > -60.0 {
            found.push((i, score));
        }
    }
    found.sort_by(|a, b| b.1.total_cmp(&a.1));
    found
}
