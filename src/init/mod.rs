//! A first job for a log: what its files look like, what its columns are for, and the job file that says so.
//!
//! # Contract
//! * The job that is written runs as it is, and SQL gives the same rows: it is planned, and its SQL printed, before
//!   it is given back.
//! * The same files give the same job.
//! * Nothing is written here.

mod clocks;
mod column;
mod delimiter;
mod guess;
mod look;
mod number_width;
mod shape;
mod split_times;
mod styles;
mod times;
mod when;
mod words;
mod write;

use crate::error::Result;
use crate::input::Inputs;
use crate::input::value::{grouped, shown};
use crate::job::{JobSpec, Overrides, plan_job};
use crate::sql::{Dialect, script};
use crate::time::TimeRule;
use guess::JobGuess;
use look::Looked;

/// A job, and how it came about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FirstJob {
    /// Its name, for the name of its file too.
    pub name: String,
    /// The text of the job file.
    pub text: String,
    /// What was guessed: of what, the guess, and why.
    pub guesses: Vec<[String; 3]>,
    /// What a person should look at, a sentence each.
    pub doubts: Vec<String>,
}

/// Writes a job for the files, folders and globs `patterns`. With `may_reject` it may leave out any number of records that
/// cannot be read, else one of a hundred.
///
/// # Errors
/// Files that are not there, cannot be read, have no records or are of more than one format; a log without a time.
pub fn first_job(patterns: &[String], may_reject: bool) -> Result<FirstJob> {
    let inputs = Inputs::default();
    let mut looked = look::look(patterns, may_reject, &inputs)?;
    let guess = guess::guess(&mut looked)?;
    let name = write::job_name(&looked);
    let text = write::job(&name, &looked, &guess);
    checked(&text, &inputs)?;
    Ok(FirstJob { guesses: guesses(&looked, &guess), doubts: doubts(&looked, &guess), name, text })
}

/// Fails where the job does not hold against its files.
fn checked(text: &str, inputs: &Inputs) -> Result<()> {
    // The files as they were looked at: a stream cannot be opened a second time.
    let spec = JobSpec::parse("the job", text)?.reading(inputs);
    let plan = plan_job(&spec, &Overrides::default())?;
    plan.deliveries.ids().try_for_each(|output| script(&plan, output, Dialect::Polars).map(|_| ()))
}

fn guesses(looked: &Looked, guess: &JobGuess) -> Vec<[String; 3]> {
    // Names come from the file: control characters in them must not reach the terminal.
    let name = |i: usize| shown(looked.columns[i].name.as_bytes());
    let row = |what: &str, guess: String, why: String| [what.to_string(), guess, why];
    let (files, records) = (looked.files.len() as u64, looked.records);
    let files = format!("{} file{}", grouped(files), if files == 1 { "" } else { "s" });
    let records = match looked.sampled {
        true => format!("a sample of {} records", grouped(records)),
        false => format!("all of {} records", grouped(records)),
    };
    let mut format = look::name(looked.format).to_string();
    if let Some(delimiter) = looked.delimiter {
        format += &format!(
            ", {} between fields",
            if delimiter == b'\t' { "tabs".into() } else { format!("`{}`", delimiter as char) }
        );
    }
    if let Some(word) = looked.shape.format {
        format = format!("a web server's, {word}");
    }
    if let Some(pointer) = &looked.records_at {
        format += &format!(", the list at {}", shown(pointer.as_bytes()));
    }
    if looked.names.is_some() && looked.shape.format.is_none() {
        format += ", no header line";
    }
    let mut out = vec![
        row("log", format, format!("{files}, {records}")),
        row("event time", time(looked, guess), guess.time_why.clone()),
        row(
            "window",
            guess.window.to_string(),
            format!("the log spans {}", guess::length(guess.range.last - guess.range.first)),
        ),
        row("by", guess.key.map_or_else(|| "nothing".into(), name), guess.key_why.clone()),
    ];
    for amount in &guess.amounts {
        let what = if amount.sum { "added up" } else { "least and greatest" };
        let declared = guess.types.iter().find(|(i, _, _)| *i == amount.column).map(|(_, ty, _)| *ty);
        let ty = amount.cast.or(declared).unwrap_or(looked.columns[amount.column].ty);
        let example = looked.columns[amount.column].example.as_deref().unwrap_or_default();
        out.push(row(what, name(amount.column), format!("{ty}, such as {}", shown(example.as_bytes()))));
    }
    if let Some(product) = &guess.product {
        out.push(row("added up", product.name.clone(), product.sql.clone()));
    }
    if let Some(i) = guess.counted {
        out.push(row("counted", name(i), looked.columns[i].distinct_words()));
    }
    if !guess.other_keys.is_empty() {
        let others: Vec<String> = guess.other_keys.iter().map(|(i, _)| name(*i)).collect();
        out.push(row("or by", others.join(", "), "its values repeat".into()));
    }
    if !guess.other_times.is_empty() {
        let others: Vec<String> = guess.other_times.iter().map(|name| shown(name.as_bytes())).collect();
        out.push(row("other times", others.join(", "), String::new()));
    }
    out.extend(left(looked, guess));
    out
}

/// The event time: its column, or how it is computed.
fn time(looked: &Looked, guess: &JobGuess) -> String {
    match &guess.parts {
        Some(parts) => shown(parts.sql.as_bytes()),
        None => shown(looked.columns[guess.time].name.as_bytes()),
    }
}

/// Columns that the job does not use and that are not named as what they may be, and why.
fn left(looked: &Looked, guess: &JobGuess) -> Vec<[String; 3]> {
    let named = |i: usize| {
        guess.uses(i)
            || guess.other_keys.iter().any(|(key, _)| *key == i)
            || guess.other_times.contains(&looked.columns[i].name)
    };
    let all: Vec<usize> = (0..looked.columns.len()).filter(|i| !named(*i)).collect();
    let row = |i: &usize| {
        let column = &looked.columns[*i];
        let example = || shown(column.example.as_deref().unwrap_or_default().as_bytes());
        let why = match (&column.nearly, column.is_number()) {
            _ if column.values == 0 => "no value".to_string(),
            (Some(nearly), _) => nearly.clone(),
            (None, true) => format!("numbers, such as {}", example()),
            (None, false) => format!("{}, {}, such as {}", column.ty, column.distinct_words(), example()),
        };
        ["not used".to_string(), shown(column.name.as_bytes()), why]
    };
    let mut out: Vec<[String; 3]> = all.iter().take(MOST_LEFT).map(row).collect();
    if all.len() > MOST_LEFT {
        out.push(["not used".into(), format!("{} more columns", all.len() - MOST_LEFT), String::new()]);
    }
    out
}

/// The most columns of which it is said why they are left.
const MOST_LEFT: usize = 20;

fn doubts(looked: &Looked, guess: &JobGuess) -> Vec<String> {
    let mut out = looked.shape.doubts.clone();
    if let (Some(other), TimeRule::Format(format)) = (&guess.either, &guess.rule) {
        out.push(format!(
            "times are read as {format}; the values do not show which is the day and which the month: it may be {other}"
        ));
    }
    if let Some(why) = &guess.reject {
        out.push(format!("bad records are rejected, so they do not end a run: {}", shown(why.as_bytes())));
    }
    for column in &looked.columns {
        // Such a list is read as one JSON text, while its items are often the events.
        if column.example.as_deref().is_some_and(|text| text.starts_with("[{")) {
            let name = shown(column.name.as_bytes());
            out.push(format!(
                "{name} is a list of objects: unnest = \"{name}\" in [source] makes an event of each item"
            ));
        }
    }
    for column in looked.columns.iter().filter(|column| !column.open.is_empty()) {
        let name = shown(column.name.as_bytes());
        let example = shown(column.example.as_deref().unwrap_or_default().as_bytes());
        let other = write::settings(&column.open[0]);
        let other = if other.is_empty() { "a plain value".into() } else { format!("{{ {other} }}") };
        out.push(format!("`{name}`: {example} can be read in two ways; it may be {other}: set `written`"));
    }
    out
}
