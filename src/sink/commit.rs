//! The transaction: several outputs, staged and then committed together.
//!
//! # Contract
//! * [`Transaction::begin`] refuses what Highwater did not write, takes the lock of every output, and
//!   brings each to the state before or after the commit that a dead run left.
//! * Until the commit point nothing under an output changes but its state folder. An error or a drop
//!   before it removes what was staged, and the folders that were made for it.
//! * From the commit point on, everything happens: here, or at the next start (see `journal`).
//! * A part with the bytes of the one in place leaves that file untouched; a commit that changes
//!   nothing writes nothing.

use super::journal::{self, OutputOperations, Place, Rename};
use super::lock::Lock;
use super::manifest::{self, Manifest, ManifestDraft, Part};
use super::stage::{StagedFile, StagedPart, Staging};
use super::{STATE_FOLDER, failpoint, fsutil};
use crate::error::{Error, Result};
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Where an output goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// The folder or the file.
    pub path: PathBuf,
    /// Which of the two it is.
    pub kind: TargetKind,
}

/// Whether an output is one file or a folder of parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TargetKind {
    /// A folder of parts. Its state lies in `PATH/_highwater`.
    Folder,
    /// One file. Its state lies in `_highwater/NAME` beside it.
    File,
}

impl Target {
    /// A folder of parts.
    pub fn folder(path: impl Into<PathBuf>) -> Target {
        Target { path: path.into(), kind: TargetKind::Folder }
    }

    /// A single file.
    pub fn file(path: impl Into<PathBuf>) -> Target {
        Target { path: path.into(), kind: TargetKind::File }
    }

    /// The folder that the output's parts lie in.
    pub fn root(&self) -> PathBuf {
        let root = match self.kind {
            TargetKind::Folder => Some(self.path.as_path()),
            TargetKind::File => self.path.parent(),
        };
        root.filter(|r| !r.as_os_str().is_empty()).unwrap_or(Path::new(".")).to_path_buf()
    }

    /// The output's state folder, where [`Manifest::load`] finds its manifest.
    pub fn state(&self) -> PathBuf {
        let state = self.root().join(STATE_FOLDER);
        match self.kind {
            TargetKind::Folder => state,
            TargetKind::File => state.join(self.path.file_name().unwrap_or_default()),
        }
    }
}

/// What a commit did, output by output.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CommitReport {
    /// In the order of the targets.
    pub outputs: Vec<OutputReport>,
}

/// What a commit did to one output. Paths are relative to it, and sorted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OutputReport {
    /// Parts that are new or have new content.
    pub written: Vec<String>,
    /// Parts that were left as they were.
    pub unchanged: usize,
    /// Parts that were removed.
    pub removed: Vec<String>,
}

/// Outputs that are being written together. Dropped without [`Transaction::commit`], it leaves them as
/// they were.
#[derive(Debug)]
pub struct Transaction {
    outputs: Vec<Output>,
    phase: Phase,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Not committed: a drop takes everything back.
    Open,
    /// Past the commit point: a drop leaves the rest to the next start.
    Committed,
}

#[derive(Debug)]
struct Output {
    target: Target,
    place: Place,
    staging: Arc<Staging>,
    old: Option<Manifest>,
    /// Whether recovery is done: until then what lies in the state folder is a dead run's, not ours.
    ready: bool,
    /// Folders that were not there before, outermost first.
    created: Vec<PathBuf>,
    /// Last, so that it is released when everything else is done.
    lock: Option<Lock>,
}

impl Transaction {
    /// Opens the outputs for writing.
    ///
    /// # Errors
    /// A target holds files that Highwater did not write, or is named twice (job errors); another
    /// process writes to it, or the file system refuses (machine errors).
    pub fn begin(targets: &[Target]) -> Result<Transaction> {
        let foreign: Vec<Error> = targets.iter().filter_map(|t| refuse_foreign(t).err()).collect();
        if let Some(errors) = Error::all(foreign) {
            return Err(errors);
        }
        // The outputs opened so far are closed by the drop of `tx` when a later one fails.
        let mut tx = Transaction { outputs: vec![], phase: Phase::Open };
        for target in targets {
            let output = Output::open(target, &tx.outputs)?;
            tx.outputs.push(output);
            let output = tx.outputs.last_mut().expect("just pushed");
            output.lock = Some(Lock::take(&output.place.state)?);
        }
        let held: Vec<PathBuf> = tx.outputs.iter().map(|o| o.place.state.clone()).collect();
        for output in &mut tx.outputs {
            journal::recover(&output.place, &held)?;
            output.load()?;
        }
        Ok(tx)
    }

    /// Opens a part of output number `output` (as in `begin`) for writing. `relative` is its path below
    /// the output's folder; a single file has one part, and `relative` is not looked at.
    pub fn stage(&self, output: usize, relative: &Path) -> Result<StagedFile> {
        let output = &self.outputs[output];
        match output.target.kind {
            TargetKind::Folder => output.staging.stage(relative),
            TargetKind::File => {
                output.staging.stage(Path::new(output.target.path.file_name().unwrap_or_default()))
            }
        }
    }

    /// Keeps a part of the manifest in place, by its path, without writing it again: a part that is
    /// neither staged nor kept is removed by the commit.
    pub fn keep(&self, output: usize, path: &str) -> Result<Part> {
        self.outputs[output].staging.keep(path)
    }

    /// The manifest that is in place, if there is one.
    pub fn manifest(&self, output: usize) -> Option<&Manifest> {
        self.outputs[output].old.as_ref()
    }

    /// Makes the staged parts the content of the outputs, all together. One draft per output.
    ///
    /// # Errors
    /// A part is unfinished, or would replace a file that Highwater did not write; the file system
    /// refuses. An error before the commit point leaves the outputs as they were.
    ///
    /// # Panics
    /// If there are not as many drafts as outputs.
    pub fn commit(mut self, drafts: Vec<ManifestDraft>) -> Result<CommitReport> {
        assert_eq!(drafts.len(), self.outputs.len(), "one manifest per output");
        let mut report = CommitReport::default();
        let mut planned = vec![];
        for (output, draft) in self.outputs.iter().zip(drafts) {
            failpoint::step("plan output")?;
            let (operations, outcome) = output.plan(draft)?;
            report.outputs.push(outcome);
            planned.push((output.place.clone(), operations));
        }
        // An output that stays as it is takes no part in the commit, and none is made if all do.
        planned.retain(|(_, o)| !o.renames.is_empty() || !o.deletions.is_empty() || o.manifest.is_some());
        if let Some((primary, _)) = planned.first().cloned() {
            let (places, operations): (Vec<Place>, Vec<OutputOperations>) = planned.into_iter().unzip();
            let operations = relative_to(&primary.root, &places, operations);
            let mut committed = false;
            let outcome = journal::commit(&places, operations, &mut committed);
            if committed {
                self.phase = Phase::Committed;
            }
            outcome.map_err(|e| if committed { e.hint(UNFINISHED) } else { e })?;
        }
        for output in &self.outputs {
            fsutil::remove_folder(&output.place.state.join(journal::STAGING))?;
        }
        self.phase = Phase::Committed;
        Ok(report)
    }
}

const UNFINISHED: &str = "the commit is recorded, and the next run completes it.";

fn relative_to(base: &Path, places: &[Place], operations: Vec<OutputOperations>) -> Vec<OutputOperations> {
    let paths =
        |place: &Place| (fsutil::relative_path(base, &place.root), fsutil::relative_path(base, &place.state));
    let with = |(place, o): (&Place, OutputOperations)| {
        let (root, state) = paths(place);
        OutputOperations { root, state, ..o }
    };
    places.iter().zip(operations).map(with).collect()
}

impl Drop for Transaction {
    fn drop(&mut self) {
        if failpoint::crashed() || self.phase == Phase::Committed {
            return;
        }
        // Secondary outputs before the primary, so that a pointer never misses its journal.
        for output in self.outputs.iter_mut().rev() {
            output.take_back();
        }
    }
}

impl Output {
    /// Creates the folders of `target`, which must not be one of `others`.
    fn open(target: &Target, others: &[Output]) -> Result<Output> {
        let created = fsutil::create_folders(&target.state())?;
        let absolute = |path: PathBuf| {
            let path = fs::canonicalize(&path).map_err(|e| Error::io("open", &path, e))?;
            match path.to_str() {
                Some(_) => Ok(path),
                None => Err(Error::job(format!("the output path {} is not UTF-8", path.display()))),
            }
        };
        let place = Place { root: absolute(target.root())?, state: absolute(target.state())? };
        let staging = Staging::new(place.state.join(journal::STAGING), place.root.clone(), []);
        let (target, staging) = (target.clone(), Arc::new(staging));
        let output = Output { target, place, staging, old: None, ready: false, created, lock: None };
        if others.iter().any(|other| other.place.state == output.place.state) {
            return Err(Error::job(format!("two outputs are written to {}", output.target.path.display())));
        }
        Ok(output)
    }

    /// Reads the manifest in place, after recovery.
    fn load(&mut self) -> Result<()> {
        self.old = Manifest::load(&self.place.state)?;
        let parts = self.old.iter().flat_map(|m| m.parts.iter().cloned());
        let folder = self.place.state.join(journal::STAGING);
        self.staging = Arc::new(Staging::new(folder, self.place.root.clone(), parts));
        self.ready = true;
        Ok(())
    }

    /// What a commit will do to this output. Everything that may fail for want of space is done here:
    /// the manifest is staged, and the partition folders are made.
    fn plan(&self, draft: ManifestDraft) -> Result<(OutputOperations, OutputReport)> {
        let parts = self.staging.all_parts()?;
        let mut renames = vec![];
        for StagedPart { part, staged } in &parts {
            let Some(staged) = staged.clone() else { continue };
            self.make_way(&part.path)?;
            renames.push(Rename { staged, part: part.path.clone(), bytes: part.bytes });
        }
        let report = OutputReport {
            written: renames.iter().map(|r| r.part.clone()).collect(),
            unchanged: parts.len() - renames.len(),
            removed: self.staging.removed(),
        };
        let manifest =
            self.stage_manifest(Manifest::new(draft, parts.into_iter().map(|p| p.part).collect()))?;
        if manifest.is_some() || !renames.is_empty() {
            fsutil::sync_folder(&self.place.state.join(journal::STAGING))?;
            fsutil::sync_folder(&self.place.state)?;
        }
        for above in self.created.iter().filter_map(|folder| folder.parent()) {
            fsutil::sync_folder(if above.as_os_str().is_empty() { Path::new(".") } else { above })?;
        }
        let deletions = report.removed.clone();
        let (root, state) = (PathBuf::new(), PathBuf::new());
        Ok((OutputOperations { root, state, renames, deletions, manifest }, report))
    }

    /// Makes the folder of a part, and refuses to replace a file that is not ours.
    fn make_way(&self, part: &str) -> Result<()> {
        let to = self.place.root.join(part);
        let known = self.staging.was_part(part);
        if !known && to.symlink_metadata().is_ok() {
            return Err(Error::job(format!(
                "refusing to replace {}, which Highwater did not write",
                to.display()
            ))
            .hint("choose another path for the output, or move that file away."));
        }
        let folder = to.parent().unwrap_or(&self.place.root);
        fs::create_dir_all(folder).map_err(|e| Error::io("create the folder", folder, e))
    }

    /// Stages the manifest and gives its name, unless the one in place is the same.
    fn stage_manifest(&self, manifest: Manifest) -> Result<Option<String>> {
        if self.old.as_ref() == Some(&manifest) {
            return Ok(None);
        }
        let name = "manifest.staged";
        let folder = self.place.state.join(journal::STAGING);
        fs::create_dir_all(&folder).map_err(|e| Error::io("create the folder", &folder, e))?;
        fsutil::write_atomically(&folder.join(name), manifest.to_json().as_bytes())?;
        Ok(Some(name.to_string()))
    }

    /// Undoes everything that was done to this output since `begin`.
    fn take_back(&mut self) {
        if !self.ready {
            // Another writer's, or a dead run's that could not be brought to an end: not ours to touch.
            self.lock = None;
            return self.remove_created();
        }
        // In the order of recovery: no pointer may outlive what was staged.
        let _ = fsutil::remove_file(&self.place.state.join(journal::FILE));
        let _ = fsutil::remove_file(&self.place.state.join("journal.tmp"));
        let staging = self.place.state.join(journal::STAGING);
        if staging.exists() {
            let _ = fsutil::remove_folder(&staging);
            fsutil::remove_empty_below(&self.place.root);
        }
        self.lock = None;
        self.remove_created();
    }

    fn remove_created(&self) {
        for folder in self.created.iter().rev() {
            let _ = fs::remove_dir(folder);
        }
    }
}

/// Refuses a target that holds what Highwater did not write. Reads only.
fn refuse_foreign(target: &Target) -> Result<()> {
    let path = &target.path;
    let Ok(there) = path.metadata() else { return Ok(()) };
    match target.kind {
        TargetKind::Folder if !there.is_dir() => {
            Err(Error::job(format!("the output {} is a file, not a folder", path.display())))
        }
        TargetKind::File if there.is_dir() => {
            Err(Error::job(format!("the output {} is a folder, not a file", path.display())))
        }
        TargetKind::Folder if is_ours(target) => Ok(()),
        // Whether it is ours is asked again after the listing: a first run that is under way makes it so before
        // it puts the first part in place.
        TargetKind::Folder => match foreign_entry(path)? {
            Some(entry) if !is_ours(target) => Err(Error::job(format!(
                "refusing to write into {}, which holds files that Highwater did not write ({})",
                path.display(),
                entry.display()
            ))
            .hint("choose another path for the output, or empty that folder.")),
            _ => Ok(()),
        },
        TargetKind::File if !is_ours(target) => {
            Err(Error::job(format!("refusing to replace {}, which Highwater did not write", path.display()))
                .hint("choose another path for the output, or remove that file."))
        }
        TargetKind::File => Ok(()),
    }
}

/// The first entry by name that is neither state nor hidden, and holds a file. Empty folders are nobody's: a
/// first run that was killed before its commit point may have left some.
fn foreign_entry(folder: &Path) -> Result<Option<PathBuf>> {
    let mut foreign = vec![];
    for name in names_in(folder)? {
        let hidden = name.to_string_lossy().starts_with('.');
        if !hidden && name.as_os_str() != STATE_FOLDER && holds_a_file(&folder.join(&name))? {
            foreign.push(name);
        }
    }
    Ok(foreign.into_iter().min())
}

fn names_in(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(folder).and_then(|entries| entries.collect::<std::io::Result<Vec<_>>>());
    let entries = entries.map_err(|e| Error::io("list", folder, e))?;
    Ok(entries.into_iter().map(|entry| PathBuf::from(entry.file_name())).collect())
}

fn holds_a_file(path: &Path) -> Result<bool> {
    if !path.symlink_metadata().is_ok_and(|there| there.is_dir()) {
        return Ok(true);
    }
    for name in names_in(path)? {
        if holds_a_file(&path.join(name))? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Whether Highwater wrote what lies at `target`: it left a manifest, or a journal of a commit that is
/// under way. The journal first: it goes when the manifest has come.
fn is_ours(target: &Target) -> bool {
    let is_file = |name: &str| match target.state().join(name).metadata() {
        Ok(there) => there.is_file(),
        Err(e) => e.kind() == ErrorKind::PermissionDenied,
    };
    is_file(journal::FILE) || is_file(manifest::FILE)
}

#[cfg(test)]
mod tests;
