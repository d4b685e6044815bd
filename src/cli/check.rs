//! `highwater check`: job files without their data.

use super::ui;
use crate::error::{Error, Result, exit};
use crate::job::{self, Overrides};
use clap::{Args, ValueHint};
use std::path::{Path, PathBuf};

/// Check job files without reading their data: keys and their types, times, durations and windows, the paths of
/// outputs, the syntax and functions of expressions. Reports all errors at once.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  highwater check data/jobs/*.toml
  highwater check data/jobs/pageviews.toml --data")]
pub struct CheckArgs {
    /// The job files
    #[arg(required = true, value_name = "JOB", value_hint = ValueHint::FilePath)]
    jobs: Vec<PathBuf>,
    /// Also read samples of the data, as `explain` does: check that files and columns exist and types fit
    #[arg(long)]
    data: bool,
    /// Print only errors
    #[arg(long, short)]
    quiet: bool,
}

impl CheckArgs {
    pub fn run(&self) -> Result<u8> {
        let mut wrong = vec![];
        for path in &self.jobs {
            match self.check(path) {
                Ok(text) if self.quiet => drop(text),
                Ok(text) => ui::print(&text)?,
                Err(error) => wrong.push(error),
            }
        }
        Error::all(wrong).map_or(Ok(exit::DONE), Err)
    }

    /// What there is to say of a job that is right.
    fn check(&self, path: &Path) -> Result<String> {
        let (form, plan) = job::check(path, &Overrides::default(), self.data)?;
        let counts = [
            ui::count(form.tables as u64, "table", "tables"),
            ui::count(form.steps as u64, "step", "steps"),
            ui::count(form.outputs as u64, "output", "outputs"),
            ui::count(form.expressions as u64, "expression", "expressions"),
        ];
        let shown = ui::plain(&path.display().to_string());
        let has = format!("time zone {}, {}", form.zone.name(), counts.join(", "));
        let not_set = match &form.not_set[..] {
            [] => String::new(),
            names => format!("  not set in the environment, but needed for lookups: {}\n", names.join(", ")),
        };
        let changed: String = form
            .changes
            .iter()
            .map(|(line, change)| {
                format!("  line {line}: `{}` has a new meaning: {}\n", ui::plain(&change.part), change.what)
            })
            .collect();
        let changed = match changed.is_empty() {
            true => changed,
            false => format!("{changed}  the guide's page of changes lists them all\n"),
        };
        let Some(plan) = plan else {
            return Ok(format!(
                "{shown}: valid (data not checked): {has}\n  not checked: that files and their columns exist, and the types of expressions; --data checks samples\n{not_set}{changed}"
            ));
        };
        let files = ui::count(plan.pipeline.read.files.len() as u64, "file", "files");
        let columns = ui::count(plan.inferred.columns.len() as u64, "column", "columns");
        Ok(format!(
            "{shown}: valid (checked with samples of {files} with {columns}): {has}\n{not_set}{changed}"
        ))
    }
}
