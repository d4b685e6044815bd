//! `highwater init`: a first job for a log.

use super::document::{FormatArgs, ReportDocument, TableColumn};
use super::ui;
use crate::error::{Error, Result, exit};
use crate::init::{FirstJob, first_job};
use crate::input::{Inputs, files};
use crate::sink::owner;
use crate::table::SnapshotChoice;
use clap::Args;
use serde_json::{Value, json};
use std::fs::OpenOptions;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

/// Write a first job for some files. It inspects them, guesses the columns and formats, and explains each guess in a
/// comment.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  highwater init data/sales -o out/sales-first.toml --force\n  \
    highwater init data/pageviews/*.csv -o -")]
pub struct InitArgs {
    /// The files, folders or globs of one log
    #[arg(value_name = "FILES", required = true)]
    files: Vec<String>,
    /// The job file to write; `-` prints it [default: NAME.toml, after the file or folder]
    #[arg(short, long, value_name = "JOB")]
    output: Option<PathBuf>,
    /// Write a job even if more than 1 % of the records cannot be read; the job writes those to a reject file
    #[arg(long)]
    reject: bool,
    /// Overwrite an existing file
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    format: FormatArgs,
}

impl InitArgs {
    pub fn run(&self) -> Result<u8> {
        // What cannot be written is known before a large log is read.
        if let Some(path) = self.output.as_deref().filter(|path| path.as_os_str() != "-") {
            self.may_write(path)?;
        }
        let job = first_job(&self.files, self.reject)?;
        if self.output.as_deref() == Some(Path::new("-")) {
            if self.format.is_text() {
                ui::note(&summary(&job).text());
            }
            self.format.print(
                || in_json(&job, None),
                || match self.format.is_text() {
                    true => ReportDocument::of_code("toml", &job.text),
                    false => {
                        let mut out = summary(&job);
                        out.code("toml", &job.text);
                        out
                    }
                },
            )?;
            return Ok(exit::DONE);
        }
        let path = self.output.clone().unwrap_or_else(|| PathBuf::from(format!("{}.toml", job.name)));
        // The name is known only now, and the file may have come in the meantime.
        self.may_write(&path)?;
        self.write(&path, &job.text)?;
        self.format.print(
            || in_json(&job, Some(&path)),
            || {
                let mut out = summary(&job);
                next(&mut out, &path, &job.name);
                out
            },
        )?;
        Ok(exit::DONE)
    }

    fn may_write(&self, path: &Path) -> Result<()> {
        if !self.force && path.exists() {
            return Err(already_there(path));
        }
        // Not by force either: what is looked at is not written over.
        let id = owner::identity(path);
        // Files that are not there are told when the log is read.
        let given =
            files::paths(&self.files, None, SnapshotChoice::Current, &Inputs::default()).unwrap_or_default();
        if id.is_some() && given.iter().any(|path| owner::identity(path) == id) {
            return Err(Error::job(format!("{} is an input file of the job", path.display()))
                .hint("-o names another file, and `-o -` prints the job"));
        }
        Ok(())
    }

    fn write(&self, path: &Path, text: &str) -> Result<()> {
        if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            std::fs::create_dir_all(folder).map_err(|e| Error::io("create the folder", folder, e))?;
        }
        let mut options = OpenOptions::new();
        options.write(true).truncate(true);
        // `create_new` fails if another program made the file since the check.
        let opened =
            if self.force { options.create(true).open(path) } else { options.create_new(true).open(path) };
        let mut file = opened.map_err(|cause| match cause.kind() {
            ErrorKind::AlreadyExists => already_there(path),
            _ => Error::io("write", path, cause),
        })?;
        file.write_all(text.as_bytes()).map_err(|e| Error::io("write", path, e))
    }
}

fn already_there(path: &Path) -> Error {
    Error::job(format!("{} already exists", path.display()))
        .hint("-o names another file, `-o -` prints the job, and --force writes over it")
}

/// What was guessed, as a table, and what is in doubt.
fn summary(job: &FirstJob) -> ReportDocument {
    let mut out = ReportDocument::default();
    let column = |i: usize| job.guesses.iter().map(move |row| row[i].clone());
    out.table(vec![
        TableColumn::words("", column(0)),
        TableColumn::whole("", column(1)),
        TableColumn::sentences("", column(2)),
    ]);
    job.doubts.iter().for_each(|doubt| out.line(format!("note: {doubt}")));
    out
}

/// The same for programs, with the text of the job.
fn in_json(job: &FirstJob, path: Option<&Path>) -> Value {
    let guesses = job.guesses.iter();
    let guesses = guesses.map(|[what, guess, why]| json!({ "what": what, "guess": guess, "why": why }));
    json!({
        "name": job.name,
        "path": path.map(|path| path.display().to_string()),
        "guesses": guesses.collect::<Vec<_>>(),
        "doubts": job.doubts,
        "text": job.text,
    })
}

/// Adds what to type now.
fn next(out: &mut ReportDocument, path: &Path, name: &str) {
    let path = word(&path.display().to_string());
    out.gap();
    out.line(format!("wrote {path}; its comments say why. Now:"));
    let report = format!("highwater report {path} -o out/{name}.html");
    out.code("sh", format!("  highwater run {path}\n  {report}\n  highwater verify {path}"));
}

/// A word of a shell.
pub(super) fn word(text: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "_-./+,:@".contains(c);
    // In a shell a quote ends the word: it is closed, the quote is escaped, and the word goes on.
    if text.chars().all(plain) { text.to_string() } else { format!("'{}'", text.replace('\'', "'\\''")) }
}
