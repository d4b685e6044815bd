//! The state on disk: one file of entries, or a folder of typed files.

use super::state::{COLUMNS, HeldState};
use super::typed;
use crate::batch::{Field, PartitionPath, Schema};
use crate::deliver::partitioned::PartitionedWriter;
use crate::error::{Error, Result};
use crate::plan::{OutputKind, OutputPlan, OutputTo, Plan};
use crate::sink::{InputEntry, JobInfo, ManifestDraft, OutputFormat, OutputInfo, Transaction};
use std::path::Path;

/// The file of state as an output, or a folder of files of the format `files`, where the path has no extension.
pub fn file(plan: &Plan, path: &Path, files: OutputFormat) -> Result<OutputPlan> {
    let (to, format) = match (OutputFormat::of_path(path), path.extension()) {
        (Some(format), _) if !matches!(format, OutputFormat::Keyed(_)) => {
            (OutputTo::File(path.to_path_buf()), format)
        }
        (None, None) => (OutputTo::Folder(path.to_path_buf()), files),
        _ => {
            let wrong = Error::job(format!("the state cannot be written to {}", path.display()));
            return Err(wrong.hint("give a .parquet, .avro, .jsonl or .csv file, or a folder"));
        }
    };
    // The state must not replace a file of the job.
    crate::job::refuse_own(plan, path)?;
    let fields = COLUMNS.map(|(name, ty)| Field::new(name, ty)).to_vec();
    Ok(OutputPlan {
        to,
        format,
        kind: OutputKind::Rows(vec![]),
        state: false,
        closed: false,
        mode: None,
        columns: Schema::new(fields),
        partition_by: vec![],
    })
}

/// Writes the entries of a state to `output`, which is staged and committed by itself.
///
/// # Errors
/// The disk fails, or another process holds the output.
pub fn write(
    state: &HeldState,
    plan: &Plan,
    output: &OutputPlan,
    transaction: Transaction,
    inputs: Vec<InputEntry>,
) -> Result<()> {
    match output.to {
        OutputTo::Folder(_) | OutputTo::Table(..) => typed::stage(state, plan, output.format, &transaction)?,
        OutputTo::File(_) | OutputTo::Terminal => stage(state, plan, output, &transaction)?,
    }
    let draft = ManifestDraft {
        job: JobInfo { name: plan.name.clone(), hash: plan.hash.clone() },
        output: OutputInfo { format: output.format.name().into(), ..OutputInfo::default() },
        inputs,
        account: state.account,
        ..ManifestDraft::default()
    };
    transaction.commit(vec![draft]).map(drop)
}

/// Stages all entries as one file.
fn stage(state: &HeldState, plan: &Plan, output: &OutputPlan, transaction: &Transaction) -> Result<()> {
    let mut writer = PartitionedWriter::new(plan, output, 0, transaction)?;
    for (section, from, to) in state.pieces() {
        writer.push(
            &PartitionPath::default(),
            writer.file_batch(&section.rows(from, to, &plan.zone)?)?,
            &[],
        )?;
    }
    writer.finish().map(drop)
}
