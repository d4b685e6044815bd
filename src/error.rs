//! What goes wrong: a kind (which decides the exit code), a message, the place, causes and hints.
//!
//! Every error of the program is one of these and is printed in one place, `cli::ui`.

use crate::secret::without_secrets;
use std::fmt;
use std::path::Path;

/// The outcome of everything that can fail.
pub type Result<T> = std::result::Result<T, Error>;

/// Who has to act, which is what the exit code says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The command line or the job file is wrong.
    Job,
    /// The input data is wrong.
    Data,
    /// The machine failed: disk, memory, permissions, network.
    Machine,
    /// Highwater itself failed: a panic, or what can never be.
    Fault,
}

impl Kind {
    /// The process's exit code for an error of this kind.
    pub fn exit_code(self) -> u8 {
        match self {
            Kind::Job => exit::JOB,
            Kind::Data => exit::DATA,
            Kind::Machine | Kind::Fault => exit::MACHINE,
        }
    }

    /// Its name for programs.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Job => "job",
            Kind::Data => "data",
            Kind::Machine => "machine",
            Kind::Fault => "fault",
        }
    }
}

/// What is wrong, where somebody decides by it: the words of an error are for people alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reason {
    /// There is no column of this name.
    UnknownColumn(String),
    /// There is no function of the name that is called.
    UnknownFunction,
    /// Columns of these names have no value that tells their types, and were taken for others.
    OpenColumns(Vec<String>),
    /// Another fault, which is told where it is: this one goes away with it.
    Follows,
    /// The program that reads our output has ended: `head` has seen enough.
    ReaderGone,
    /// The file is not TOML.
    Syntax,
    /// A table of the job file does not have this key.
    UnknownKey,
    /// A table of the job file lacks a key.
    MissingKey,
    /// The value of a key has another type.
    WrongType,
    /// A part of an expression is wrong.
    Expression,
}

/// The exit codes of the program.
pub mod exit {
    /// Done.
    pub const DONE: u8 = 0;
    /// Compared, and different.
    pub const DIFFERENT: u8 = 1;
    /// Wrong use of the command line, or a wrong job file.
    pub const JOB: u8 = 2;
    /// Bad input data.
    pub const DATA: u8 = 3;
    /// The machine: disk, memory, permissions, network; or a fault of Highwater.
    pub const MACHINE: u8 = 4;
    /// The program that reads stdout ended before all was written. It is what a shell reports of a program that ends by
    /// SIGPIPE (128 + 13), as `cat` and `sort` do.
    pub const READER_GONE: u8 = 141;
}

/// A place in a text that the user wrote, shown with a caret line under it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snippet {
    /// The file's name as the user gave it.
    pub file: String,
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// The text of that line.
    pub text: String,
    /// How many characters to underline, at least one.
    pub width: usize,
}

impl Snippet {
    /// The place of the bytes `span` in `source`.
    pub fn of(file: &str, source: &str, span: std::ops::Range<usize>) -> Snippet {
        let start = span.start.min(source.len());
        let line_start = source[..start].rfind('\n').map_or(0, |at| at + 1);
        let text = source[line_start..].lines().next().unwrap_or("");
        let end = span.end.clamp(start, line_start + text.len().max(start - line_start));
        Snippet {
            file: file.to_string(),
            line: source[..start].matches('\n').count() + 1,
            column: source[line_start..start].chars().count() + 1,
            text: text.to_string(),
            width: source.get(start..end).map_or(1, |s| s.chars().count()).max(1),
        }
    }
}

/// An error: what, where, and what to do about it.
#[derive(Debug, Clone)]
pub struct Error(Box<ErrorInner>);

#[derive(Debug, Clone)]
struct ErrorInner {
    kind: Kind,
    reason: Option<Reason>,
    message: String,
    snippet: Option<Snippet>,
    causes: Vec<String>,
    hints: Vec<String>,
    others: Vec<Error>,
}

impl Error {
    fn new(kind: Kind, message: impl Into<String>) -> Error {
        let message = message.into();
        let (reason, snippet) = (None, None);
        Error(Box::new(ErrorInner {
            kind,
            reason,
            message,
            snippet,
            causes: vec![],
            hints: vec![],
            others: vec![],
        }))
    }

    /// A wrong command line or job file.
    pub fn job(message: impl Into<String>) -> Error {
        Error::new(Kind::Job, message)
    }

    /// Bad input data.
    pub fn data(message: impl Into<String>) -> Error {
        Error::new(Kind::Data, message)
    }

    /// The machine failed.
    pub fn machine(message: impl Into<String>) -> Error {
        Error::new(Kind::Machine, message)
    }

    /// A fault of Highwater, with what to report.
    pub fn fault(message: impl Into<String>) -> Error {
        let words = std::env::args_os().map(|word| word.to_string_lossy().into_owned());
        let command = words.collect::<Vec<_>>().join(" ");
        let version = env!("CARGO_PKG_VERSION");
        Error::new(Kind::Fault, message).hint(format!(
            "this is a bug of Highwater, not a fault of the job or the data. Please report the lines above, the version ({version}) and the command: {command}"
        ))
    }

    /// A failed operation on a file: `what` is the verb phrase ("read", "create the folder").
    pub fn io(what: &str, path: &Path, cause: std::io::Error) -> Error {
        // What reads from a store puts its error, which says more, into one of the system.
        if let Some(ours) = cause.get_ref().and_then(|inner| inner.downcast_ref::<Error>()) {
            return ours.clone();
        }
        let error = Error::machine(format!("cannot {what} {}", path.display())).caused_by(&cause);
        match cause.kind() {
            std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => {
                error.hint("the disk is full; existing files are unchanged. Free some space and run again.")
            }
            _ => error,
        }
    }

    /// The same error with one more thing that the user may do.
    pub fn hint(mut self, hint: impl Into<String>) -> Error {
        self.0.hints.push(hint.into());
        self
    }

    /// The same error with this hint, in the place of those that were right until something changed.
    pub fn only_hint(mut self, hint: impl Into<String>) -> Error {
        self.0.hints = vec![hint.into()];
        self
    }

    /// The error of the same kind and place that says this in its place, without its hints.
    pub fn instead(mut self, message: impl Into<String>) -> Error {
        self.0.message = message.into();
        self.0.hints.clear();
        self
    }

    /// The same error with a hint that names the nearest of `known` to `wrong`, if one is near.
    pub fn nearest<'a>(self, wrong: &str, known: impl IntoIterator<Item = &'a str>) -> Error {
        match nearest(wrong, known) {
            Some(name) => self.hint(format!("did you mean `{name}`?")),
            None => self,
        }
    }

    /// The same error with a hint that names the nearest of `known` to `wrong`, or all of them where none is near:
    /// `all` and their names.
    pub fn nearest_or<'a>(self, all: &str, wrong: &str, known: impl IntoIterator<Item = &'a str>) -> Error {
        let known: Vec<&str> = known.into_iter().collect();
        match nearest(wrong, known.iter().copied()) {
            Some(name) => self.hint(format!("did you mean `{name}`?")),
            None => self.hint(format!("{all} {}", known.join(", "))),
        }
    }

    /// The same error with its cause.
    pub fn caused_by(mut self, cause: impl fmt::Display) -> Error {
        self.0.causes.push(cause.to_string());
        self
    }

    /// The same error with its reason.
    pub fn because(mut self, reason: Reason) -> Error {
        self.0.reason = Some(reason);
        self
    }

    /// Whether no more is known of the cause than, at most, that an expression is wrong: a closer reason may be added.
    pub fn lacks_reason(&self) -> bool {
        matches!(self.reason(), None | Some(Reason::Expression))
    }

    /// The same error at a place in a text of the user's.
    pub fn at(mut self, snippet: Snippet) -> Error {
        self.0.snippet = Some(snippet);
        self
    }

    /// One error that reports all of `errors`; `None` if there are none.
    pub fn all(errors: Vec<Error>) -> Option<Error> {
        let mut errors = errors.into_iter();
        let mut first = errors.next()?;
        first.0.others.extend(errors);
        Some(first)
    }

    /// Each of the errors that this one reports, by itself.
    pub fn each(mut self) -> Vec<Error> {
        let others = std::mem::take(&mut self.0.others);
        std::iter::once(self).chain(others.into_iter().flat_map(Error::each)).collect()
    }

    /// What is wrong, where somebody decides by it.
    pub fn reason(&self) -> Option<&Reason> {
        self.0.reason.as_ref()
    }

    /// Who has to act.
    pub fn kind(&self) -> Kind {
        self.0.kind
    }

    /// What went wrong, in one line.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// Where in a text of the user's, if it is there.
    pub fn place(&self) -> Option<&Snippet> {
        self.0.snippet.as_ref()
    }

    /// The exit code of a command that ends with it.
    pub fn exit_code(&self) -> u8 {
        match self.reason() {
            Some(Reason::ReaderGone) => exit::READER_GONE,
            _ => self.kind().exit_code(),
        }
    }

    /// What it came of, from the nearest.
    pub fn causes(&self) -> &[String] {
        &self.0.causes
    }

    /// What the user may do.
    pub fn hints(&self) -> &[String] {
        &self.0.hints
    }

    /// This fault, and those that are reported with it.
    pub fn faults(&self) -> Vec<&Error> {
        std::iter::once(self).chain(self.0.others.iter().flat_map(Error::faults)).collect()
    }
}

/// Prints the error as the user sees it: message, snippet, causes, hints; then the others.
impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "error: {}", without_secrets(&self.0.message))?;
        if let Some(s) = &self.0.snippet {
            let number = s.line.to_string();
            let gutter = " ".repeat(number.len());
            let (text, before) = excerpt(&without_secrets(&s.text), s.column - 1);
            write!(f, "\n{gutter}--> {}:{}:{}\n{gutter} |\n{number} | {text}", s.file, s.line, s.column)?;
            let indent: String =
                text.chars().take(before).map(|c| if c == '\t' { '\t' } else { ' ' }).collect();
            let width = s.width.min(text.chars().count().saturating_sub(before)).max(1);
            write!(f, "\n{gutter} | {indent}{}", "^".repeat(width))?;
        }
        for cause in &self.0.causes {
            write!(f, "\n  cause: {}", without_secrets(cause))?;
        }
        for hint in &self.0.hints {
            write!(f, "\n  hint: {}", without_secrets(hint))?;
        }
        for other in &self.0.others {
            write!(f, "\n\n{other}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Error {}

/// The most characters of a line that are shown, and how many of them before the place that is pointed at.
const SHOWN: usize = 160;
const SHOWN_BEFORE: usize = 60;

/// The part of a long line around what comes after its first `before` characters, and how many are before that in it.
fn excerpt(line: &str, before: usize) -> (String, usize) {
    let length = line.chars().count();
    if length <= SHOWN {
        return (line.to_string(), before);
    }
    let from = before.saturating_sub(SHOWN_BEFORE);
    let (left, right) = (if from > 0 { "…" } else { "" }, if from + SHOWN < length { "…" } else { "" });
    let part: String = line.chars().skip(from).take(SHOWN).collect();
    (format!("{left}{part}{right}"), before - from + left.chars().count())
}

/// The name among `known` that is nearest to `wrong`, if it is near enough to be meant.
pub fn nearest<'a>(wrong: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let lower = wrong.to_lowercase();
    known
        .into_iter()
        .map(|name| (strsim::damerau_levenshtein(&lower, &name.to_lowercase()), name))
        .filter(|(distance, name)| *distance <= 1 + wrong.chars().count().max(name.chars().count()) / 4)
        .min()
        .map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_snippet_points_at_its_span() {
        let source = "name = \"x\"\n[source]\n  pth = \"a\"\n";
        let at = source.find("pth").unwrap();
        let error = Error::job("unknown key `pth`").at(Snippet::of("job.toml", source, at..at + 3));
        let error = error.nearest("pth", ["path", "time"]);
        assert_eq!(
            error.to_string(),
            "error: unknown key `pth`\n --> job.toml:3:3\n  |\n3 |   pth = \"a\"\n  |   ^^^\n  hint: did you mean `path`?"
        );
    }

    #[test]
    fn of_a_long_line_the_part_is_shown_that_is_pointed_at() {
        let source = format!("filter = \"{} pirce > 1\"", "price > 1 AND".repeat(100));
        let at = source.find("pirce").unwrap();
        let error = Error::job("unknown column").at(Snippet::of("job.toml", &source, at..at + 5)).to_string();
        let lines: Vec<&str> = error.lines().collect();
        assert!(lines[3].chars().count() < 200 && lines[3].starts_with("1 | …"), "{error}");
        let caret = lines[4].chars().position(|c| c == '^').unwrap();
        assert!(lines[3].chars().skip(caret).collect::<String>().starts_with("pirce"), "{error}");
    }

    #[test]
    fn passwords_of_urls_are_not_shown() {
        let source = "path = \"postgres://me:s3cret@h/d/t\" # here";
        let error = Error::job("no").at(Snippet::of("job.toml", source, 7..source.len() - 7));
        let expected =
            "error: no\n --> job.toml:1:8\n  |\n1 | path = \"postgres://me:***@h/d/t\" # here\n  |        ";
        assert!(error.to_string().starts_with(expected), "{error}");
    }

    #[test]
    fn far_names_are_not_suggested() {
        assert_eq!(nearest("amuont", ["amount", "date"]), Some("amount"));
        assert_eq!(nearest("xyz", ["amount", "date"]), None);
    }
}
