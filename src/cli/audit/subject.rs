//! What was audited, and the audit as programs read it.

use crate::audit::AuditReport;
use crate::cli::job_args::JobId;
use crate::plan::Plan;
use crate::time::Zone;
use serde::Serialize;

/// What was audited, kept while the plan goes to its audit.
#[derive(Debug, Clone)]
pub struct Subject {
    pub name: String,
    pub hash: String,
    pub zone: Zone,
    pub files: usize,
    pub bytes: u64,
    /// The job's `idle`.
    pub idle: Option<i64>,
}

/// An audit for programs.
///
/// # Contract
/// Names and order stay. Lengths are whole microseconds in names that end in `_us`; times are RFC 3339 in UTC; errors
/// of columns are decimal numbers as text, exact.
#[derive(Debug, Serialize)]
pub struct AuditInJson<'a> {
    job: JobId<'a>,
    files: usize,
    bytes: u64,
    #[serde(flatten)]
    report: &'a AuditReport,
}

impl Subject {
    pub fn of(plan: &Plan) -> Subject {
        Subject {
            name: plan.name.clone(),
            hash: plan.hash.clone(),
            zone: plan.zone.clone(),
            files: plan.pipeline.read.files.len(),
            bytes: plan.pipeline.read.files.iter().map(|file| file.bytes).sum(),
            idle: plan.pipeline.watermark.idle,
        }
    }

    /// For programs: what was audited, and what was found.
    pub fn with<'a>(&'a self, report: &'a AuditReport) -> AuditInJson<'a> {
        let job = JobId { name: &self.name, hash: &self.hash };
        AuditInJson { job, files: self.files, bytes: self.bytes, report }
    }
}
