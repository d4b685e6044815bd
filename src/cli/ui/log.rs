//! What goes to stderr: words for people, or with `--log json` one object per line for programs; with `--log github`
//! the words, and for each warning and error an annotation.
//!
//! # Contract
//! Nothing else of the program writes to stderr. With `--log json` every line is a JSON object with `time`
//! (RFC 3339, UTC), `level` (`info`, `warning` or `error`) and `event`; what it has beside them depends on the
//! event. The first is `start` and the last is `end`, and there is no progress line.

use super::github::Annotation;
use crate::cli::rule::{FaultRule, words};
use crate::error::{Error, exit};
use crate::secret::without_secrets;
use chrono::{SecondsFormat, Utc};
use clap::ValueEnum;
use serde_json::{Map, Value, json};
use std::ffi::OsString;
use std::io::Write;
use std::sync::OnceLock;
use std::time::Duration;

/// How stderr is written.
// clap prints doc comments of variants, which would make the help of every command longer.
#[allow(missing_docs)]
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    // For people.
    #[default]
    Text,
    // One object per line.
    Json,
    // For people, and annotations for GitHub's runner.
    Github,
}

static FORMAT: OnceLock<LogFormat> = OnceLock::new();

/// Decides how stderr is written from now on; the first word counts.
pub fn set_log(format: LogFormat) {
    let _ = FORMAT.set(format);
    if is_json() {
        // A bug should not break the log that somebody's collector reads.
        std::panic::set_hook(Box::new(|panic| {
            let place = panic.location().map(ToString::to_string);
            say(&[LogEvent::error("panic", panic.to_string(), json!({ "place": place }))]);
        }));
    }
}

/// Whether stderr is for programs.
pub fn is_json() -> bool {
    FORMAT.get() == Some(&LogFormat::Json)
}

/// Whether the runner of GitHub reads stderr.
fn is_github() -> bool {
    FORMAT.get() == Some(&LogFormat::Github)
}

/// How serious it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Level {
    Info,
    Warning,
    Error,
}

impl Level {
    fn name(self) -> &'static str {
        match self {
            Level::Info => "info",
            Level::Warning => "warning",
            Level::Error => "error",
        }
    }
}

/// One thing that happened: its words for people, which may be none, and its fields for programs.
#[derive(Debug, Clone)]
pub struct LogEvent {
    level: Level,
    name: &'static str,
    text: String,
    fields: Value,
}

impl LogEvent {
    /// What belongs to a run.
    pub fn info(name: &'static str, text: impl Into<String>, fields: Value) -> LogEvent {
        LogEvent { level: Level::Info, name, text: text.into(), fields }
    }

    /// What somebody should look at.
    pub fn warning(name: &'static str, text: impl Into<String>, fields: Value) -> LogEvent {
        LogEvent { level: Level::Warning, name, text: text.into(), fields }
    }

    /// What ends a run.
    pub fn error(name: &'static str, text: impl Into<String>, fields: Value) -> LogEvent {
        LogEvent { level: Level::Error, name, text: text.into(), fields }
    }

    /// Its words for people.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The annotation of a warning, where GitHub's runner reads. Errors have their own, with places.
    fn annotation(&self) -> String {
        if !is_github() || self.level != Level::Warning {
            return String::new();
        }
        let title = format!("highwater: {}", self.name);
        Annotation { level: "warning", place: None, title: &title, message: &self.text }.line()
    }

    /// One line of JSON. The words are there as `message`, unless the event has a message of its own.
    fn line(&self) -> String {
        let mut line = Map::new();
        // One length and always UTC, so that lines sort by time as text.
        let time = Utc::now().to_rfc3339_opts(SecondsFormat::Millis, true);
        line.insert("time".into(), time.into());
        line.insert("level".into(), self.level.name().into());
        line.insert("event".into(), self.name.into());
        if !self.text.is_empty() {
            line.insert("message".into(), self.text.clone().into());
        }
        // Last, so that a `message` among the fields takes the place of the words.
        if let Value::Object(fields) = &self.fields {
            line.extend(fields.clone());
        }
        format!("{}\n", Value::Object(line))
    }
}

/// Writes events to stderr, in one go.
pub fn say(events: &[LogEvent]) {
    let text: String = match is_json() {
        true => events.iter().map(LogEvent::line).collect(),
        false => {
            // Some events are for programs alone.
            let words = events.iter().filter(|event| !event.text.is_empty());
            words.map(|event| format!("{}\n{}", event.text, event.annotation())).collect()
        }
    };
    write(&text);
}

fn write(text: &str) {
    if !text.is_empty() {
        // stderr may be closed, and there is not another place to say so.
        let _ = std::io::stderr().write_all(text.as_bytes());
    }
}

/// Says something that is no result.
pub fn note(text: &str) {
    say(&[LogEvent::info("note", text, Value::Null)]);
}

/// Says, for programs, that a command starts.
pub fn start(command: &str) {
    // The first argument is the program itself.
    let arguments = std::env::args_os().skip(1);
    // A URL among the arguments may have a password.
    let arguments = arguments.map(|word| without_secrets(&word.to_string_lossy()).into_owned());
    let arguments: Vec<String> = arguments.collect();
    let fields = json!({ "command": command, "version": env!("CARGO_PKG_VERSION"), "arguments": arguments });
    say(&[LogEvent::info("start", "", fields)]);
}

/// Says, for programs, how a command ended and how long it took.
pub fn end(code: u8, took: Duration) {
    let fields = json!({ "exit_code": code, "seconds": seconds(took) });
    say(&[LogEvent::info("end", "", fields)]);
}

/// Seconds to the microsecond.
pub fn seconds(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1e6).round() / 1e6
}

/// Prints an error, and nothing more. For programs every fault is a line of its own.
pub fn print_error(error: &Error) {
    if !is_json() {
        say(&[LogEvent::error("error", error.to_string(), Value::Null)]);
        let faults = error.faults();
        return write(&faults.into_iter().filter(|_| is_github()).map(annotation).collect::<String>());
    }
    let events: Vec<LogEvent> =
        error.faults().into_iter().map(|fault| LogEvent::error("error", "", fields(fault))).collect();
    say(&events);
}

/// The annotation of a fault.
fn annotation(fault: &Error) -> String {
    let title = format!("highwater: {}", FaultRule::of(fault).id);
    let place = fault.place().map(|at| (at.file.as_str(), at.line, at.column, at.width));
    Annotation { level: "error", place, title: &title, message: &words(fault) }.line()
}

/// Annotates a result, where GitHub's runner reads: an error, or a warning where it is accepted.
pub fn annotate(is_error: bool, title: &str, message: &str) {
    if is_github() {
        let level = if is_error { "error" } else { "warning" };
        write(&Annotation { level, place: None, title, message }.line());
    }
}

fn fields(error: &Error) -> Value {
    // A message may quote a URL of the job with its password.
    let clean = |texts: &[String]| json!(texts.iter().map(|t| without_secrets(t)).collect::<Vec<_>>());
    let mut fields = json!({
        "message": without_secrets(error.message()),
        "kind": error.kind().name(),
        "causes": clean(error.causes()),
        "hints": clean(error.hints()),
        "exit_code": error.kind().exit_code(),
    });
    if let Some(place) = error.place() {
        fields["place"] = json!({
            "file": place.file, "line": place.line, "column": place.column,
            "text": without_secrets(&place.text),
        });
    }
    fields
}

/// Prints what clap has to say of a command line that it cannot read, or was asked for; gives the exit code.
pub fn print_usage(error: &clap::Error, arguments: impl Iterator<Item = OsString>) -> u8 {
    if !error.use_stderr() {
        // Help and version are answers, and go to stdout; a reader that has gone is no failure.
        let _ = error.print();
        return exit::DONE;
    }
    // clap could not read the command line, so `--log json` is looked for by hand.
    if wants_json(arguments) {
        set_log(LogFormat::Json);
    }
    let text = error.render().to_string();
    if !is_json() {
        // An argument may be a URL with a password.
        match without_secrets(&text) {
            shown if shown == text => _ = error.print(),
            shown => eprint!("{shown}"),
        }
        return exit::JOB;
    }
    // clap has its message in the first paragraph, with usage and tips behind it.
    let told = text.split("\n\n").next().unwrap_or_default();
    let of = |word: &str| -> Vec<String> {
        text.lines().filter_map(|l| l.trim().strip_prefix(word)).map(|l| l.trim().to_string()).collect()
    };
    let message = told.trim_start_matches("error: ").split_whitespace().collect::<Vec<_>>().join(" ");
    say(&[LogEvent::error(
        "error",
        "",
        json!({
            "message": without_secrets(&message), "kind": "usage", "causes": [], "hints": of("tip:"),
            "usage": of("Usage:").join(" "), "exit_code": exit::JOB,
        }),
    )]);
    exit::JOB
}

/// Whether `--log json` is among the arguments of a command line that cannot be read.
fn wants_json(arguments: impl Iterator<Item = OsString>) -> bool {
    // What follows `--` is not an option.
    let words: Vec<OsString> = arguments.take_while(|word| word != "--").collect();
    words.iter().any(|word| word == "--log=json")
        || words.windows(2).any(|pair| pair[0] == "--log" && pair[1] == "json")
}
