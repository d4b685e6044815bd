//! The file of rejected records after a correction: as a run over all files would write it.

use super::given::{BackfillInput, FileRole, InPlace};
use crate::engine::rejected::rejects_at;
use crate::error::{Error, Result};
use crate::input::ScanReport;
use crate::plan::Plan;
use crate::sink::owner::place;
use crate::sink::{RejectedRecord, RejectsWriter, Transaction};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// A file of rejects that is written, and not in place yet.
pub struct Rejected {
    writers: Vec<RejectsWriter>,
    /// Where those of the source will lie; none if there are none.
    pub path: Option<PathBuf>,
    /// Where those of an earlier run lie, and none are now.
    gone: Vec<PathBuf>,
}

impl Rejected {
    /// Lets the commit of `transaction` put it in place.
    ///
    /// # Errors
    /// The disk fails.
    pub fn put_beside(self, transaction: &mut Transaction) -> Result<()> {
        self.gone.iter().for_each(|path| transaction.take_away(path));
        self.writers.into_iter().try_for_each(|writer| transaction.put_beside(writer))
    }

    /// Those of a run.
    pub fn of_run(writers: Vec<RejectsWriter>, gone: Vec<PathBuf>) -> Rejected {
        Rejected { writers, path: None, gone }
    }
}

/// A rejected record as the file has it.
#[derive(Deserialize)]
struct RejectLine {
    file: String,
    line: u64,
    byte: Option<u64>,
    column: Option<String>,
    reason: String,
    raw: String,
}

/// The rejects of old files and of new ones, in the order of all files; `None` where nothing changes.
///
/// # Errors
/// The old file cannot be read; the disk fails.
pub fn merged_rejects(
    plan: &Plan,
    in_place: &InPlace,
    given: &BackfillInput,
    reports: Vec<ScanReport>,
) -> Result<Option<Rejected>> {
    let Some(path) = &plan.deliveries.rejects else { return Ok(None) };
    let adds = given.has(FileRole::New)
        && reports.iter().any(|report| rejects_at(Some(path), &report.rejects).is_some());
    if !adds && !given.has(FileRole::Retracted) {
        return Ok(None);
    }
    let mut by_file: BTreeMap<String, Vec<RejectLine>> = BTreeMap::new();
    if let Some(old) = &in_place.before().rejects {
        // A manifest is data from outside: its paths must not make the job read or replace other files.
        is_named(plan, Path::new(old))?;
        for line in read(Path::new(old))? {
            by_file.entry(line.file.clone()).or_default().push(line);
        }
    }
    // Rejects of files that are taken out must go, so those of a retraction are not added.
    for reject in reports.into_iter().filter(|_| given.has(FileRole::New)).flat_map(|report| report.rejects) {
        let crate::input::StoredReject { path, line, byte, column, reason, raw } = reject?;
        let (file, raw) = (path.display().to_string(), String::from_utf8_lossy(&raw).into_owned());
        by_file.entry(file.clone()).or_default().push(RejectLine { file, line, byte, column, reason, raw });
    }
    let mut writer = RejectsWriter::create(path)?;
    let mut any = false;
    // The order of the source and of the records in a file is what a run over all files writes.
    for entry in given.source.iter().filter(|entry| entry.role != FileRole::Retracted) {
        for line in by_file.remove(&entry.path).unwrap_or_default() {
            any = true;
            writer.write(&RejectedRecord {
                file: &line.file,
                line: line.line,
                byte: line.byte,
                column: line.column.as_deref(),
                reason: &line.reason,
                raw: line.raw.as_bytes(),
            })?;
        }
    }
    let writers = any.then_some(writer).into_iter().collect();
    let (there, gone) = if any { (Some(path.clone()), vec![]) } else { (None, vec![path.clone()]) };
    Ok(Some(Rejected { writers, path: there, gone }))
}

/// Whether the job has its rejected records where the manifest says that they are.
fn is_named(plan: &Plan, old: &Path) -> Result<()> {
    if plan.deliveries.named.beside.iter().any(|path| place(path) == place(old)) {
        return Ok(());
    }
    Err(Error::machine(format!(
        "the manifest names {} as the file of rejected records, but the job does not",
        old.display()
    ))
    .hint("name it as `rejects` in the job, or run the job again"))
}

fn read(path: &Path) -> Result<Vec<RejectLine>> {
    let broken = |e: String| {
        Error::machine(format!("{} cannot be read as a file of rejects", path.display()))
            .caused_by(e)
            .hint("it was changed from outside; run the job again")
    };
    let text = std::fs::read_to_string(path).map_err(|e| Error::io("read", path, e))?;
    if path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("csv")) {
        let mut reader = csv::Reader::from_reader(text.as_bytes());
        return reader.deserialize().map(|line| line.map_err(|e| broken(e.to_string()))).collect();
    }
    text.lines().map(|line| serde_json::from_str(line).map_err(|e| broken(e.to_string()))).collect()
}
