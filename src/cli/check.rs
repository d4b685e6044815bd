//! `highwater check`: job files without their data.

use super::ci::{CaseResult, JunitArgs, SarifArgs, TestCase, TestSuite};
use super::document::{FormatArgs, ReportDocument, data};
use super::ui;
use crate::error::{Error, Result, exit};
use crate::job::{self, JobSummary, Overrides};
use crate::plan::Plan;
use crate::sink::owner;
use clap::{Args, ValueHint};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::time::Instant;

/// Check job files without reading their data: keys and their types, times, durations and windows, the paths of
/// outputs, the syntax and functions of expressions. Reports all errors at once.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  highwater check data/jobs/*.toml
  highwater check data/jobs/pageviews.toml --data
  highwater check data/jobs/*.toml --quiet --junit out/check.xml --sarif out/check.sarif
  highwater check data/jobs/*.toml --quiet --log github")]
pub struct CheckArgs {
    /// The job files
    #[arg(required = true, value_name = "JOB", value_hint = ValueHint::FilePath)]
    jobs: Vec<PathBuf>,
    /// Also read samples of the data, as `explain` does: check that files and columns exist and types fit
    #[arg(long)]
    data: bool,
    #[command(flatten)]
    format: FormatArgs,
    #[command(flatten)]
    junit: JunitArgs,
    #[command(flatten)]
    sarif: SarifArgs,
    /// Print only errors
    #[arg(long, short)]
    quiet: bool,
}

impl CheckArgs {
    pub fn run(&self) -> Result<u8> {
        let began = Instant::now();
        // Files that cannot be written are refused before the work.
        let files: Vec<&PathBuf> = self.junit.path().into_iter().chain(self.sarif.path()).collect();
        files.iter().try_for_each(|file| self.refuse_job(file))?;
        self.junit.check()?;
        self.sarif.check()?;
        // Errors are collected, so that one wrong file does not hide those of the next.
        let (mut valid, mut wrong) = (vec![], vec![]);
        for path in &self.jobs {
            match job::check(path, &Overrides::default(), self.data) {
                Ok((form, plan)) => valid.push((path.as_path(), form, plan)),
                Err(error) => wrong.push((path.as_path(), error)),
            }
        }
        self.junit.write(|| self.suite(&wrong, began))?;
        self.sarif.write(wrong.iter().map(|(path, error)| (*path, error)))?;
        let wrong: Vec<Error> = wrong.into_iter().map(|(_, error)| error).collect();
        if !self.quiet {
            let json = || {
                let jobs = valid.iter().map(|(path, form, plan)| in_json(path, form, plan.as_ref()));
                json!({ "valid": jobs.collect::<Vec<_>>(), "invalid": wrong.len() })
            };
            self.format.print(json, || {
                let mut out = ReportDocument::default();
                valid.iter().for_each(|(path, form, plan)| checked(&mut out, path, form, plan.as_ref()));
                out
            })?;
        }
        Error::all(wrong).map_or(Ok(exit::DONE), Err)
    }

    /// Refuses to write a report in the place of a job file that is checked.
    fn refuse_job(&self, file: &Path) -> Result<()> {
        let same = |job: &&PathBuf| owner::place(job) == owner::place(file);
        match self.jobs.iter().find(same) {
            None => Ok(()),
            Some(_) => Err(Error::job(format!("{} cannot be written: it is a job file", file.display()))
                .hint("choose another path")),
        }
    }

    /// A test case for each job, in the order of the command line.
    fn suite(&self, wrong: &[(&Path, Error)], began: Instant) -> TestSuite {
        let mut wrong = wrong.iter().peekable();
        let case = |path: &PathBuf| {
            // A file may be named twice, so the errors are taken in turn and not looked up.
            let error = wrong.next_if(|(of, _)| of == path);
            let result = error.map_or(CaseResult::Passed, |(_, error)| CaseResult::of(error));
            TestCase { name: path.display().to_string(), result, output: String::new() }
        };
        let cases = self.jobs.iter().map(case).collect();
        let subject = ui::count(self.jobs.len() as u64, "job file", "job files");
        TestSuite { command: "check", subject, took: began.elapsed(), cases }
    }
}

/// Adds what there is to say of a job that is right.
fn checked(out: &mut ReportDocument, path: &Path, form: &JobSummary, plan: Option<&Plan>) {
    let counts = [
        ui::count(form.tables as u64, "table", "tables"),
        ui::count(form.steps as u64, "step", "steps"),
        ui::count(form.outputs as u64, "output", "outputs"),
        ui::count(form.expressions as u64, "expression", "expressions"),
    ];
    let shown = data(&path.display().to_string());
    let has = format!("time zone {}, {}", form.zone.name(), counts.join(", "));
    match plan {
        None => {
            out.line(format!("{shown}: valid (data not checked): {has}"));
            out.item(
                "not checked: that files and their columns exist, and the types of expressions; --data checks samples",
            );
        }
        Some(plan) => {
            let files = ui::count(plan.pipeline.read.files.len() as u64, "file", "files");
            let columns = ui::count(plan.inferred.columns.len() as u64, "column", "columns");
            out.line(format!("{shown}: valid (checked with samples of {files} with {columns}): {has}"));
        }
    }
    if !form.not_set.is_empty() {
        out.item(format!("not set in the environment, but needed for lookups: {}", form.not_set.join(", ")));
    }
    for (line, change) in &form.changes {
        let part = data(&change.part);
        out.item(format!("line {line}: `{part}` has a new meaning: {}", change.what));
    }
    if !form.changes.is_empty() {
        out.item("the guide's page of changes lists them all");
    }
}

/// The same for programs.
fn in_json(path: &Path, form: &JobSummary, plan: Option<&Plan>) -> Value {
    let changes = form.changes.iter();
    let changes =
        changes.map(|(line, c)| json!({ "line": line, "part": c.part, "what": c.what.to_string() }));
    json!({
        "path": path.display().to_string(),
        "name": form.name,
        "time_zone": form.zone.name(),
        "tables": form.tables,
        "steps": form.steps,
        "outputs": form.outputs,
        "expressions": form.expressions,
        "not_set": form.not_set,
        "changes": changes.collect::<Vec<_>>(),
        "files": plan.map(|plan| plan.pipeline.read.files.len()),
        "columns": plan.map(|plan| plan.inferred.columns.len()),
    })
}
