//! The job: as written (`spec`), checked against the data (`validate`), resolved (`plan`).

mod document;
pub mod identity;
mod own;
mod plan;
mod spec;
mod validate;

pub use own::refuse_own;
pub use plan::{
    EnrichPlan, Grouping, LatePlan, LogPartition, Mode, OffsetColumns, OutputKind, OutputPlan, OutputTo,
    PagePlan, Plan, PlannedColumn, Post, Publication, Step, TablePlan, Top, Try, WatermarkPlan,
    aggregate_name, archive_fields, window_fields,
};
pub use spec::JobSpec;
pub use validate::{
    Form, Overrides, SourceFiles, check_form, declared_columns, destinations, late_path, named, pages,
    parse_bytes, parse_length, parse_time, plan_job, source_files, source_format, source_paths, table_files,
};

use crate::error::{Error, Result};
use std::path::Path;

/// Reads and checks the job file at `path`.
///
/// # Errors
/// A job error that reports every fault of the file's form, each with its place.
pub fn read(path: &Path) -> Result<JobSpec> {
    let text = std::fs::read_to_string(path).map_err(|cause| {
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
        error.nearest(wrong, names.iter().map(String::as_str))
    })?;
    JobSpec::parse(&path.display().to_string(), &text)
}
