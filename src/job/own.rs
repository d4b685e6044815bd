//! Whether a file that a command is to write lies where something of the job does.

use crate::error::{Error, Result};
use crate::plan::Plan;
use crate::sink::TargetKind;
use crate::sink::owner::{identity, place};
use std::path::Path;

/// Refuses to write a file of a command to where the job has one that it reads or writes, pages left out: a page may
/// take the place of a page.
///
/// # Errors
/// A job error that says what is there.
pub fn refuse_own(plan: &Plan, path: &Path) -> Result<()> {
    let Some(taken) = taken(plan, path) else { return Ok(()) };
    Err(Error::job(format!("{} cannot be written: {taken}", path.display())).hint("choose another path"))
}

fn taken(plan: &Plan, path: &Path) -> Option<&'static str> {
    // Compared as they lie on the disk, so that a link or `..` does not make two places of one.
    let here = place(path);
    for target in &plan.deliveries.named.outputs {
        let there = place(&target.path);
        if there == here {
            return Some("it is an output of the job");
        }
        if target.kind != TargetKind::File && here.starts_with(&there) {
            return Some("it is in the folder of an output, which must contain nothing else");
        }
    }
    if plan.deliveries.named.beside.iter().any(|beside| place(beside) == here) {
        return Some("it is the job's file of rejected records");
    }
    if plan.pipeline.answers.as_ref().is_some_and(|answers| place(answers) == here) {
        return Some("it contains the answers of the job's services");
    }
    // What is not there is no input.
    let id = identity(path)?;
    let tables = plan.pipeline.tables.iter().flat_map(|table| &table.read.files);
    let mut inputs = plan.pipeline.read.files.iter().chain(tables);
    inputs.any(|file| identity(&file.path) == Some(id)).then_some("it is a file that the job reads")
}
