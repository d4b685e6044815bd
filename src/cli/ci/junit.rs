//! Results as JUnit XML, in the form that Jenkins, GitLab and GitHub actions read.
//!
//! # Contract
//! * One suite for a command, one case for each job or output. A difference is a failure; a fault of data or machine is
//!   an error; what cannot be compared is skipped.
//! * Every character that XML 1.0 does not allow becomes U+FFFD, so that a value of a row cannot break the file.

use crate::cli::rule::{FaultRule, words};
use crate::error::{Error, Kind, Result};
use crate::job;
use crate::plan::Plan;
use crate::sink::owner::{self, Made};
use chrono::Utc;
use clap::{Args, ValueHint};
use std::cell::Cell;
use std::path::PathBuf;
use std::time::Duration;

/// Where test results go.
#[derive(Debug, Args)]
pub struct JunitArgs {
    /// Also write the result as JUnit XML, for the test report of a CI system
    #[arg(long, value_name = "FILE.xml", value_hint = ValueHint::FilePath)]
    junit: Option<PathBuf>,
    /// Whether the job has something at that place, so that nothing may be written there.
    #[arg(skip)]
    refused: Cell<bool>,
}

impl JunitArgs {
    /// The file, if one is wanted.
    pub fn path(&self) -> Option<&PathBuf> {
        self.junit.as_ref()
    }

    /// Says before the work that the file cannot be written.
    ///
    /// # Errors
    /// As of [`owner::check`].
    pub fn check(&self) -> Result<()> {
        self.junit.iter().try_for_each(|path| owner::check(path, Made::Junit))
    }

    /// Refuses a place where the job has a file or an output: not even the error may be written there.
    ///
    /// # Errors
    /// As of [`job::refuse_own`].
    pub fn refuse_own(&self, plan: &Plan) -> Result<()> {
        let result = self.junit.iter().try_for_each(|path| job::refuse_own(plan, path));
        self.refused.set(result.is_err());
        result
    }

    /// Writes the suite, if one is wanted.
    ///
    /// # Errors
    /// As of [`owner::put`].
    pub fn write(&self, suite: impl FnOnce() -> TestSuite) -> Result<()> {
        let Some(path) = self.junit.as_ref().filter(|_| !self.refused.get()) else { return Ok(()) };
        owner::put(path, Made::Junit, suite().xml().as_bytes()).map(drop)
    }
}

/// The results of a command.
pub struct TestSuite {
    /// The command: `verify`.
    pub command: &'static str,
    /// What it was about.
    pub subject: String,
    pub took: Duration,
    pub cases: Vec<TestCase>,
}

/// One job or output.
pub struct TestCase {
    /// Its path.
    pub name: String,
    pub result: CaseResult,
    /// More words, such as the report.
    pub output: String,
}

/// What came of a case.
#[derive(Debug, PartialEq, Eq)]
pub enum CaseResult {
    Passed,
    /// A kind, a line, and the text.
    Failed(String, String, String),
    /// As [`CaseResult::Failed`], where the check itself could not be done.
    Error(String, String, String),
    /// Why.
    Skipped(String),
}

impl CaseResult {
    /// The result of a fault, and of those that are reported with it.
    pub fn of(error: &Error) -> CaseResult {
        let faults = error.faults();
        let more = match faults.len() - 1 {
            0 => String::new(),
            1 => " (and 1 more error)".to_string(),
            n => format!(" (and {n} more errors)"),
        };
        let first = words(error);
        let line = format!("{}{more}", first.lines().next().unwrap_or_default());
        let (kind, text) = (FaultRule::of(error).id.to_string(), error.to_string());
        match faults.iter().all(|fault| fault.kind() == Kind::Job) {
            true => CaseResult::Failed(kind, line, text),
            false => CaseResult::Error(kind, line, text),
        }
    }
}

impl TestSuite {
    /// The file.
    pub fn xml(&self) -> String {
        let TestSuite { command, subject, took, cases } = self;
        let count = |is: fn(&CaseResult) -> bool| cases.iter().filter(|case| is(&case.result)).count();
        let failures = count(|result| matches!(result, CaseResult::Failed(..)));
        let errors = count(|result| matches!(result, CaseResult::Error(..)));
        let skipped = count(|result| matches!(result, CaseResult::Skipped(_)));
        let seconds = format!("{:.3}", took.as_secs_f64());
        let counts = format!("tests=\"{}\" failures=\"{failures}\" errors=\"{errors}\"", cases.len());
        // The schema has times without a zone; this one is in UTC.
        let now = Utc::now().format("%Y-%m-%dT%H:%M:%S");
        let mut out = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
        out.push_str(&format!("<testsuites name=\"highwater {command}\" {counts} time=\"{seconds}\">\n"));
        out.push_str(&format!(
            "  <testsuite name=\"{}\" {counts} skipped=\"{skipped}\" time=\"{seconds}\" timestamp=\"{now}\">\n",
            attribute(&format!("{command} {subject}"))
        ));
        for case in cases {
            let class = attribute(&format!("highwater.{command}"));
            out.push_str(&format!(
                "    <testcase name=\"{}\" classname=\"{class}\">\n",
                attribute(&case.name)
            ));
            let kind = |tag: &str, kind: &str, line: &str, body: &str| {
                let (kind, line) = (attribute(kind), attribute(line));
                format!("      <{tag} type=\"{kind}\" message=\"{line}\">{}</{tag}>\n", text(body))
            };
            match &case.result {
                CaseResult::Passed => {}
                CaseResult::Failed(what, line, body) => out.push_str(&kind("failure", what, line, body)),
                CaseResult::Error(what, line, body) => out.push_str(&kind("error", what, line, body)),
                CaseResult::Skipped(why) => {
                    out.push_str(&format!("      <skipped message=\"{}\"/>\n", attribute(why)));
                }
            }
            if !case.output.is_empty() {
                out.push_str(&format!("      <system-out>{}</system-out>\n", text(&case.output)));
            }
            out.push_str("    </testcase>\n");
        }
        out.push_str("  </testsuite>\n</testsuites>\n");
        out
    }
}

/// A text between tags.
fn text(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            // `]]>` is not allowed in a text.
            '>' => out.push_str("&gt;"),
            // A reader makes a line feed of it.
            '\r' => out.push_str("&#13;"),
            '\n' | '\t' => out.push(c),
            // What XML 1.0 does not allow, even as a reference; and C1 controls, which terminals obey.
            '\0'..' ' | '\u{7f}'..='\u{9f}' | '\u{fffe}' | '\u{ffff}' => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

/// The value of an attribute, between double quotes.
fn attribute(value: &str) -> String {
    // A reader makes spaces of line ends and tabs in attributes, unless they are references.
    text(value).replace('"', "&quot;").replace('\n', "&#10;").replace('\t', "&#9;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_value_can_break_the_file() {
        let hostile = "a\"b'<c>&]]>\u{0}\u{1b}[31m\r\n\t\u{fffe}\u{85}ü\u{1f600}";
        assert_eq!(
            text(hostile),
            "a\"b'&lt;c&gt;&amp;]]&gt;\u{fffd}\u{fffd}[31m&#13;\n\t\u{fffd}\u{fffd}ü\u{1f600}"
        );
        assert_eq!(attribute("\"\n\t"), "&quot;&#10;&#9;");
    }

    #[test]
    fn results_are_counted_by_kind() {
        let case = |name: &str, result| TestCase { name: name.into(), result, output: String::new() };
        let three = |text: &str| (text.to_string(), text.to_string(), text.to_string());
        let (a, b, c) = three("x");
        let suite = TestSuite {
            command: "verify",
            subject: "job.toml".into(),
            took: Duration::from_millis(1500),
            cases: vec![
                case("a", CaseResult::Passed),
                case("b", CaseResult::Failed(a.clone(), b.clone(), c.clone())),
                case("c", CaseResult::Error(a, b, c)),
                case("d", CaseResult::Skipped("why".into())),
            ],
        };
        let xml = suite.xml();
        assert!(
            xml.contains("tests=\"4\" failures=\"1\" errors=\"1\" skipped=\"1\" time=\"1.500\""),
            "{xml}"
        );
    }
}
