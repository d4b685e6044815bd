//! The job: as written (`spec`), checked against the data and resolved into a plan (`validate`), known again (`identity`).

mod destinations;
mod document;
pub mod identity;
pub mod keys;
mod lengths;
mod overrides;
mod own;
mod reader;
mod spec;
mod validate;

pub use destinations::{destinations, late_path, late_target, named, origins, pages};
pub use lengths::{parse_bytes, parse_length};
pub use overrides::{Overrides, SourceFiles, parse_time};
pub use own::refuse_own;
pub use spec::JobSpec;
pub use validate::{
    JobSummary, check_form, declared_columns, plan_job, source_files, source_format, source_paths,
    table_files,
};

use crate::error::{Error, Kind, Reason, Result};
use crate::plan::Plan;
use std::path::Path;

/// Reads and checks the job file at `path`.
///
/// # Errors
/// A job error that reports every fault of the file's form, each with its place.
pub fn read(path: &Path) -> Result<JobSpec> {
    JobSpec::parse(&path.display().to_string(), &text(path)?)
}

/// Checks the job file at `path`; with `data` by samples of its files too, and gives the plan.
///
/// # Errors
/// A job error that reports all faults, each with its place; a data or machine error where the form is right and
/// samples cannot be read.
pub fn check(path: &Path, overrides: &Overrides, data: bool) -> Result<(JobSummary, Option<Plan>)> {
    let (file, text) = (path.display().to_string(), text(path)?);
    let form = check_form(&faulty(&file, &text)?, overrides);
    if !data {
        return Ok((form?, None));
    }
    // Faults are noted in the spec, so each check has a spec of its own.
    match (form, plan_job(&faulty(&file, &text)?, overrides)) {
        (Ok(form), plan) => Ok((form, Some(plan?))),
        (Err(form), Err(plan)) if plan.kind() == Kind::Job => Err(joined(form, plan)),
        (Err(error), _) => Err(error),
    }
}

/// The faults of a plan, and those of the form at places where the plan has none: planning may stop before them.
fn joined(form: Error, plan: Error) -> Error {
    let place = |error: &Error| error.place().map(|at| (at.file.clone(), at.line, at.column));
    let of_plan: Vec<Error> = plan.clone().each();
    let is_new = |fault: &Error| match place(fault) {
        None => !of_plan.iter().any(|known| known.message() == fault.message()),
        at => !of_plan.iter().any(|known| place(known) == at),
    };
    let more: Vec<Error> = form.each().into_iter().filter(is_new).collect();
    if more.is_empty() {
        return plan;
    }
    // That a job is not valid follows from the faults that are said now.
    let mut all: Vec<Error> =
        of_plan.into_iter().filter(|fault| fault.reason() != Some(&Reason::Follows)).chain(more).collect();
    all.sort_by_key(place);
    Error::all(all).unwrap_or(plan)
}

impl JobSpec {
    /// Parses the text of a job file; `file` is its name in errors.
    ///
    /// # Errors
    /// A job error that reports every fault of form (syntax, unknown keys, wrong types) and, where there is one, all that
    /// else is wrong as far as it can be told without the data.
    pub fn parse(file: &str, text: &str) -> Result<JobSpec> {
        let spec = faulty(file, text)?;
        // A fault of form must not hide what else is wrong: all of it is told in one go.
        if spec.document.faults().is_some() {
            check_form(&spec, &Overrides::default())?;
        }
        Ok(spec)
    }
}

/// The job of this text. As [`JobSpec::parse`], but faults of form other than of syntax are only noted.
///
/// # Errors
/// A job error that reports every fault of syntax.
fn faulty(file: &str, text: &str) -> Result<JobSpec> {
    Ok(destinations::with_inputs(JobSpec::read(file, text)?))
}

/// The text of the job file at `path`.
fn text(path: &Path) -> Result<String> {
    not_a_job(path)?;
    std::fs::read_to_string(path).map_err(|cause| {
        let error = Error::job(format!("cannot read the job file {}", path.display())).caused_by(&cause);
        if cause.kind() != std::io::ErrorKind::NotFound {
            return error;
        }
        let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let names: Vec<String> = std::fs::read_dir(folder)
            .into_iter()
            .flatten()
            .filter_map(|e| e.ok()?.file_name().into_string().ok())
            .collect();
        let wrong = path.file_name().and_then(|n| n.to_str()).unwrap_or("");
        let error = error.nearest(wrong, names.iter().map(String::as_str));
        match error.hints().is_empty() {
            true => error.hint("`highwater init FILES` writes a first job for your files, `highwater sample DIR` example jobs"),
            false => error,
        }
    })
}

/// Refuses a folder, or a file of data, in the place of a job: read as TOML, each of its lines would be a fault.
fn not_a_job(path: &Path) -> Result<()> {
    const DATA: [&str; 10] =
        ["csv", "tsv", "json", "jsonl", "ndjson", "parquet", "avro", "gz", "zst", "xlsx"];
    let extension = path.extension().and_then(|ending| ending.to_str()).unwrap_or_default();
    let what = match (path.is_dir(), path.is_file()) {
        (true, _) => "a folder",
        (_, true) if DATA.contains(&extension.to_ascii_lowercase().as_str()) => "a data file by its name",
        _ => return Ok(()),
    };
    let shown = path.display();
    Err(Error::job(format!("{shown} is {what}, and not a job file"))
        .hint(format!("`highwater init {shown}` writes a first job for it")))
}
