//! Where events that were counted before are read again: an archive, or the files of the source.

use super::given::{BackfillInput, FileRole, InPlace};
use super::outcome::HistoryRead;
use crate::batch::DataType;
use crate::engine::intake::{Archived, Intake, IntakeRows, Positions};
use crate::error::{Error, Result};
use crate::input::written::WrittenColumns;
use crate::input::{InputFormat, Inputs, OnBadRecord, ReadColumn, ReadPlan, files, wire_format};
use crate::job::identity;
use crate::plan::{OutputId, OutputKind, Plan, archive_fields};
use crate::sink;
use crate::sink::{Identity, InputEntry, Manifest, Part, Target};
use crate::store;
use crate::time::{TimeRange, TimeRule};
use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Disjoint ranges of event time, ascending.
pub type Ranges = Vec<TimeRange>;

/// An archive that can be read again.
#[derive(Clone)]
pub struct Archive {
    /// The folder that its parts lie in.
    root: PathBuf,
    format: sink::OutputFormat,
    /// Its parts.
    pub parts: Vec<Part>,
    /// Among the archives of the job, which it is, if it is one of them.
    pub own: Option<usize>,
}

/// What was counted before.
pub enum History {
    /// Records of an archive.
    Archive(Archive),
    /// The files themselves.
    Source,
    /// Nothing can be read: why.
    Gone(Error),
}

/// The archives of a job, in its order, each with its target's number.
pub fn own_archives(plan: &Plan, targets: &[(OutputId, Target)], in_place: &InPlace) -> Vec<Archive> {
    let archives = targets.iter().enumerate().filter_map(|(number, (index, target))| {
        let output = &plan.deliveries.outputs[*index];
        let archive = matches!(output.kind, OutputKind::Archive(_));
        archive.then(|| (target.root(), output.format, in_place.manifests[number].parts.clone()))
    });
    let archives = archives.enumerate();
    archives.map(|(own, (root, format, parts))| Archive { root, format, parts, own: Some(own) }).collect()
}

impl Archive {
    /// The archive in the folder or file `path`, written by another job.
    ///
    /// # Errors
    /// It is no archive, or holds other files than those that the job has counted, or has not the columns
    /// that the job reads.
    fn other(path: &Path, plan: &Plan, in_place: &InPlace) -> Result<Archive> {
        let target = if store::files::is_folder(path)? { Target::found(path) } else { Target::file(path) };
        let no_archive = || {
            Error::job(format!("{} is not an archive", path.display()))
                .hint("an archive is an output with `archive = true`, written by `highwater run`")
        };
        let manifest = target.manifest()?.ok_or_else(no_archive)?;
        if !manifest.output.archive {
            return Err(no_archive());
        }
        // Files are known by content: the other job may have counted them under other paths.
        let held: HashSet<&str> = manifest.inputs.iter().map(|input| input.hash.as_str()).collect();
        if let Some(missing) = in_place.inputs.iter().find(|input| !held.contains(input.hash.as_str())) {
            let error =
                Error::job(format!("the archive {} does not contain {}", path.display(), missing.path));
            return Err(error.hint("run the archive's job over it first"));
        }
        let has = |column: &ReadColumn| manifest.source.iter().any(|known| known.name == column.name);
        if let Some(missing) = plan.pipeline.read.columns.iter().find(|column| !has(column)) {
            let error =
                Error::job(format!("the archive {} has no column `{}`", path.display(), missing.name));
            let names = manifest.source.iter().map(|known| known.name.as_str());
            return Err(error.nearest(&missing.name, names));
        }
        let format = sink::OutputFormat::named(&manifest.output.format).ok_or_else(no_archive)?;
        Ok(Archive { root: target.root(), format, parts: manifest.parts, own: None })
    }

    /// The parts that may hold events of these times.
    pub fn within(&self, ranges: &Ranges) -> Vec<&Part> {
        self.parts.iter().filter(|part| self.is_within(part, ranges)).collect()
    }

    /// Whether a part may hold events of these times.
    pub fn is_within(&self, part: &Part, ranges: &Ranges) -> bool {
        let (Some(first), Some(last)) = (part.first, part.last) else { return part.rows > 0 };
        let after = ranges.partition_point(|range| range.end <= first);
        ranges.get(after).is_some_and(|range| range.start <= last)
    }

    /// Reads these parts; rows of files that have another role are left out.
    ///
    /// # Errors
    /// A part is missing, or is not as it was left.
    pub fn intake(
        &self,
        plan: &Plan,
        parts: &[&Part],
        given: &BackfillInput,
        role: FileRole,
        archived: Archived,
        counted: IntakeRows,
    ) -> Result<Intake> {
        let format = match self.format {
            sink::OutputFormat::Parquet => InputFormat::Parquet,
            sink::OutputFormat::Avro => InputFormat::Avro,
            sink::OutputFormat::Csv => InputFormat::Csv,
            sink::OutputFormat::JsonLines | sink::OutputFormat::Keyed(_) => InputFormat::JsonLines,
        };
        // History that was changed from outside would give wrong windows without an error.
        if let Some(part) = sink::first_altered(&self.root, parts.to_vec())? {
            return Err(sink::altered(&self.root.join(&part.path)));
        }
        let paths: Vec<PathBuf> = parts.iter().map(|part| self.root.join(&part.path)).collect();
        // Parts of outputs are no inputs of the job: the commit that follows replaces them.
        let files = files::listed(&paths, Some(format), &Inputs::default())?;
        let mut read = ReadPlan { files, ..plan.pipeline.read.clone() };
        // What an archive holds was admitted once, and is written as outputs are.
        (read.max_ahead, read.on_bad_record) = (None, OnBadRecord::Fail);
        (read.delimiter, read.names, read.positions) = (b',', None, true);
        read.written = WrittenColumns::PLAIN;
        (read.from, read.to) = (i64::MIN, i64::MAX);
        for time in std::iter::once(&mut read.time).chain(&mut read.arrival) {
            // An archive writes instants as ISO text, whatever the format of the source is.
            let instant = |c: &ReadColumn| c.name == time.column && c.ty == DataType::Timestamp;
            if !plan.pipeline.read.derives(&time.column) && plan.pipeline.read.columns.iter().any(instant) {
                time.rule = TimeRule::Iso;
            }
        }
        // These columns tell the file and record of each row, so that a row keeps its position.
        let fields = archive_fields().into_iter();
        read.columns.extend(fields.map(|f| ReadColumn { name: f.name, ty: f.ty, inferred: false }));
        let positions = Positions::Columns(given.ordinals(role));
        Ok(Intake { read: Arc::new(read), positions, archived, counted })
    }
}

impl History {
    /// The first that will do of: an archive of the job, the one that is named, the source's files.
    ///
    /// # Errors
    /// The archive that is named cannot be used.
    pub fn choose(
        plan: &Plan,
        in_place: &InPlace,
        own: &[Archive],
        named: Option<&Path>,
        given: &BackfillInput,
    ) -> Result<History> {
        if let Some(path) = named {
            return Archive::other(path, plan, in_place).map(History::Archive);
        }
        if let Some(archive) = own.first() {
            return Ok(History::Archive(archive.clone()));
        }
        let gone =
            given.source.iter().find(|entry| entry.role != FileRole::New && !entry.is_in_place(&plan.inputs));
        Ok(match gone {
            None => History::Source,
            Some(entry) => {
                let what = if plan.inputs.has(Path::new(&entry.path)) { "has changed" } else { "is gone" };
                let error =
                    Error::job(format!("counted events must be read again, but {} {what}", entry.path));
                let hint =
                    "name an archive that contains it with --from-archive, or keep one: `archive = true`";
                History::Gone(error.hint(hint))
            }
        })
    }

    /// Reads what was counted before and stays, of these times.
    ///
    /// # Errors
    /// There is nothing to read it from.
    pub fn intake(
        &self,
        plan: &Plan,
        given: &BackfillInput,
        counted: IntakeRows,
    ) -> Result<(Option<Intake>, HistoryRead)> {
        match self {
            History::Gone(error) => Err(error.clone()),
            History::Archive(archive) => {
                let parts = match &counted {
                    IntakeRows::Within(ranges) => archive.within(ranges),
                    _ => archive.parts.iter().collect(),
                };
                let bytes = parts.iter().map(|part| part.bytes).sum();
                let volume = HistoryRead { files: parts.len(), bytes };
                if parts.is_empty() {
                    return Ok((None, volume));
                }
                let intake = archive.intake(plan, &parts, given, FileRole::Old, Archived::No, counted)?;
                Ok((Some(intake), volume))
            }
            History::Source => {
                let intake = of_files(plan, given, FileRole::Old, Archived::No, counted)?;
                let files = || intake.iter().flat_map(|intake| &intake.read.files);
                let volume =
                    HistoryRead { files: files().count(), bytes: files().map(|file| file.bytes).sum() };
                Ok((intake, volume))
            }
        }
    }
}

/// Whether a run over part of the events may take the place of an archive, which its manifest describes.
///
/// # Errors
/// A file that it holds is gone, so that its other events could never come back.
pub fn nothing_gone(archive: &Manifest, inputs: &Inputs) -> Result<()> {
    let is_there = |input: &InputEntry| inputs.has(Path::new(&input.path));
    let gone = |input: &&InputEntry| input.table.is_none() && input.records > 0 && !is_there(input);
    let Some(gone) = archive.inputs.iter().find(gone) else { return Ok(()) };
    Err(Error::job(format!(
        "the job's archive contains {}, which is gone, and a run over part of the events would drop it",
        gone.path
    ))
    .hint("run the job without --from, --to and --mode; or copy the job, with other paths for its outputs"))
}

/// Whether the archives of the job are whole, where files that were counted are gone: then nothing else tells of
/// their events.
///
/// # Errors
/// A part of an archive is gone, or was changed from outside.
pub fn is_whole(plan: &Plan, archives: &[Archive], given: &BackfillInput) -> Result<()> {
    let Some(gone) = given.left().find(|entry| !entry.is_in_place(&plan.inputs) && !entry.empty) else {
        return Ok(());
    };
    for archive in archives {
        if let Some(part) = sink::first_altered(&archive.root, archive.parts.as_slice())? {
            return Err(sink::altered(&archive.root.join(&part.path))
                .only_hint(format!("it cannot be written again: {}, which was counted, is missing", gone.path))
                .hint("restore that file, or the part itself from a copy, and run again")
                .hint(
                    "or give up the missing file: `highwater run JOB --changed reload` counts only the files that the source has now",
                ));
        }
    }
    Ok(())
}

/// Whether an archive of the job can stand for files that were counted and are gone: it reads the source as the job
/// does now.
///
/// # Errors
/// It does not.
pub fn can_tell(
    plan: &Plan,
    targets: &[(OutputId, Target)],
    in_place: &InPlace,
    given: &BackfillInput,
) -> Result<()> {
    let Some(gone) = given.left().find(|entry| !entry.is_in_place(&plan.inputs) && !entry.empty) else {
        return Ok(());
    };
    let archive = targets.iter().zip(&in_place.manifests).find(|((index, _), manifest)| {
        matches!(plan.deliveries.outputs[*index].kind, OutputKind::Archive(_)) && manifest.output.archive
    });
    let alike = archive.is_some_and(|((index, _), manifest)| {
        // A time without an offset is read in the job's zone.
        let is = &plan.deliveries.identities.outputs[*index].form;
        let same = |key: &str, was: &Identity| identity::same(&was.form[key], &is[key]);
        manifest.identity.as_ref().is_some_and(|was| same("read", was) && same("timezone", was))
    });
    if alike {
        return Ok(());
    }
    Err(Error::job(format!(
        "the job now reads its source differently, but {}, which it has counted, is gone",
        gone.path
    ))
    .hint("restore that file, so that the job can read it again; or undo the edit of the job")
    .hint("to count only the files that exist: `highwater run JOB --changed reload`"))
}

/// Reads the files of the source that have this role; none if there are none.
///
/// # Errors
/// One is missing.
pub fn of_files(
    plan: &Plan,
    given: &BackfillInput,
    role: FileRole,
    archived: Archived,
    counted: IntakeRows,
) -> Result<Option<Intake>> {
    let (ordinals, paths): (Vec<u32>, Vec<PathBuf>) =
        given.with(role).map(|(ordinal, entry)| (ordinal, entry.at.clone())).unzip();
    if paths.is_empty() {
        return Ok(None);
    }
    let mut files = files::listed(&paths, given.format, &plan.inputs)?;
    wire_format::like(&mut files, &plan.pipeline.read.files)?;
    let mut read = ReadPlan { files, positions: true, ..plan.pipeline.read.clone() };
    // A narrow range spares the decoding of other events. Rows for an archive are wanted at every time.
    if let IntakeRows::Within(ranges) = &counted
        && archived == Archived::No
        && let (Some(first), Some(last)) = (ranges.first(), ranges.last())
    {
        (read.from, read.to) = (read.from.max(first.start), read.to.min(last.end));
    }
    Ok(Some(Intake { read: Arc::new(read), positions: Positions::Of(ordinals), archived, counted }))
}
