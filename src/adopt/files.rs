//! The files of another program where an output goes, beside the parts that a run has staged.

use crate::backfill::{PartReader, WindowColumns, in_order};
use crate::batch::{PartitionPath, equal_rows, views};
use crate::deliver::target;
use crate::engine::Pass;
use crate::error::{Error, Kind, Result};
use crate::plan::{OutputId, OutputKind};
use crate::sink::{AdoptedFile, Part, Target, TargetKind, Transaction, foreign_files};
use crate::time::{FirstAndLast, TimeRange};
use arrow_array::RecordBatch;
use arrow_select::concat::concat_batches;
use std::collections::{BTreeMap, BTreeSet};
use xxhash_rust::xxh3::xxh3_128;

/// The files of another program in an output.
pub(super) struct FilesInPlace {
    target: Target,
    /// Their paths below the output, with `/` between names, sorted.
    pub paths: Vec<String>,
}

/// Whether files in place are those of the replay.
pub(super) enum Layout {
    /// They are, as these parts.
    Same(Vec<Part>),
    /// They are not: why.
    Different(String),
}

impl FilesInPlace {
    /// Those at `target` that readers of folders take.
    ///
    /// # Errors
    /// A folder cannot be listed, or a name is not UTF-8.
    pub fn find(target: &Target) -> Result<FilesInPlace> {
        let paths = match target.kind {
            TargetKind::Folder | TargetKind::Table(_) => foreign_files(target)?,
            TargetKind::File if target.path.symlink_metadata().is_ok() => {
                vec![target.path.file_name().unwrap_or_default().to_string_lossy().into_owned()]
            }
            TargetKind::File => vec![],
        };
        Ok(FilesInPlace { target: target.clone(), paths })
    }
}

/// Compares the files in place with what is staged for output number `number`, partition by partition.
///
/// # Errors
/// A file cannot be read from the disk; what was staged cannot be read back.
pub(super) fn layout(
    pass: &Pass,
    transaction: &Transaction,
    (id, number): (OutputId, usize),
    in_place: &FilesInPlace,
) -> Result<Layout> {
    let ours = staged(pass, transaction, (id, number))?;
    let (utc, own) = ("UTC", pass.plan.zone.name());
    let first = theirs(pass, id, in_place, utc, &ours)?;
    match first {
        // Times without a zone are those of UTC with most programs, and else those of the job.
        Layout::Different(why) if own != utc => match theirs(pass, id, in_place, own, &ours)? {
            Layout::Same(parts) => Ok(Layout::Same(parts)),
            Layout::Different(_) => Ok(Layout::Different(why)),
        },
        layout => Ok(layout),
    }
}

/// The rows of the replay, in order, by partition.
fn staged(
    pass: &Pass,
    transaction: &Transaction,
    (id, number): (OutputId, usize),
) -> Result<BTreeMap<PartitionPath, RecordBatch>> {
    let reader = reader(pass, id);
    let parts = transaction.staged(number).into_iter().filter(|(part, _)| part.rows > 0);
    parts.map(|(part, at)| Ok((PartitionPath::of_file(&part.path), reader.staged(&part, &at)?))).collect()
}

fn reader(pass: &Pass, id: OutputId) -> PartReader {
    let output = &pass.plan.deliveries.outputs[id];
    let root = target(&output.to).map(|target| target.root()).unwrap_or_default();
    PartReader { root, format: output.format, schema: output.file_schema() }
}

/// The files in place, with times without a zone in `zone`, beside `ours`.
fn theirs(
    pass: &Pass,
    id: OutputId,
    in_place: &FilesInPlace,
    zone: &str,
    ours: &BTreeMap<PartitionPath, RecordBatch>,
) -> Result<Layout> {
    let output = &pass.plan.deliveries.outputs[id];
    let OutputKind::Groups { grouping, .. } = &output.kind else {
        return Ok(Layout::Different("its rows are events".to_string()));
    };
    let grouping = &pass.plan.pipeline.groupings[*grouping];
    let Some(places) = output.group_places(grouping) else {
        return Ok(Layout::Different("its rows are events".to_string()));
    };
    let windows = WindowColumns::of(grouping, places.start, places.end);
    let order: Vec<usize> =
        places.start.iter().chain(&places.end).chain(places.keys.iter().flatten()).copied().collect();
    let reader = reader(pass, id);
    let mut found: BTreeMap<PartitionPath, Vec<RecordBatch>> = BTreeMap::new();
    let mut parts = vec![];
    for path in &in_place.paths {
        let at = in_place.target.root().join(path);
        // A link could lead to a file that another program writes again.
        if !at.symlink_metadata().is_ok_and(|there| there.is_file()) {
            return Ok(Layout::Different(format!("{} is not a regular file", at.display())));
        }
        let bytes = std::fs::read(&at).map_err(|e| Error::io("read", &at, e))?;
        let (size, hash) = (bytes.len() as u64, format!("{:032x}", xxh3_128(&bytes)));
        let (rows, without_header) = match reader.adopted(bytes, zone, &at) {
            Ok(rows) => rows,
            Err(error) if error.kind() == Kind::Data => {
                return Ok(Layout::Different(error.message().to_string()));
            }
            Err(error) => return Err(error),
        };
        let spans: Vec<TimeRange> = match &windows {
            Some(windows) if output.tells_groups(grouping) => match windows.spans(&rows) {
                Ok(spans) => spans,
                Err(_) => {
                    return Ok(Layout::Different(format!(
                        "{} has a row that is of no window of the job",
                        at.display()
                    )));
                }
            },
            _ => vec![],
        };
        let span = spans.into_iter().map(FirstAndLast::from).reduce(FirstAndLast::and);
        parts.push(Part {
            path: path.clone(),
            rows: rows.num_rows() as u64,
            bytes: size,
            hash,
            first: span.map(|span| span.first),
            last: span.map(|span| span.last),
            adopted: Some(AdoptedFile { zone: zone.to_string(), without_header }),
        });
        // A file without rows is in no partition.
        if rows.num_rows() > 0 {
            found.entry(PartitionPath::of_file(path)).or_default().push(rows);
        }
    }
    let all: BTreeSet<&PartitionPath> = ours.keys().chain(found.keys()).collect();
    for path in all {
        let shown = path.file("").display().to_string();
        let folder = if shown.is_empty() { "the folder".to_string() } else { shown };
        let (Some(here), Some(there)) = (ours.get(path), found.get(path)) else {
            let why = match found.contains_key(path) {
                true => "has rows, and the replay writes none there",
                false => "has no rows, and the replay writes some there",
            };
            return Ok(Layout::Different(format!("{folder} {why}")));
        };
        let fault = |e| Error::fault("rows of files do not fit together").caused_by(e);
        let there = in_order(&concat_batches(&here.schema(), there).map_err(fault)?, &order)?;
        let (here, rows) = (in_order(here, &order)?, here.num_rows());
        let all = || 0..here.num_columns();
        let (a, b) = (views(here.columns(), all())?, views(there.columns(), all())?);
        let same = rows == there.num_rows() && equal_rows(&a, 0, &b, 0, rows) == rows;
        if !same {
            return Ok(Layout::Different(format!("the rows in {folder} are not those of the replay")));
        }
    }
    Ok(Layout::Same(parts))
}
