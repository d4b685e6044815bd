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

use super::committed::{CommitReport, OutputReport, StateFile};
use super::guard::{NamedPaths, PathsOnDisk, Ways};
use super::journal::{self, Beside, OutputOperations, Recovery};
use super::journal_parts::Rename;
use super::lock::Lock;
use super::manifest::{Manifest, ManifestDraft, Part};
use super::owner::{self, Made};
use super::place::{JOURNAL, RecoveredOutput, STAGING, Target, TargetKind};
use super::remote::{self, RemotePlan, RemoteWork};
use super::remote_names::RemoteNames;
use super::snapshot::{self, SnapshotOperations};
use super::stage::{StagedFile, StagedPart, Staging};
use super::{RejectsWriter, failpoint, fsutil, ledger, manifest, versions};
use crate::batch::Schema;
use crate::error::{Error, Result};
use crate::store::files;
use crate::table::{self, TableInPlace, TableShape};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

/// Outputs that are being written together. Dropped without [`Transaction::commit`], it leaves them as
/// they were, and nothing of what was staged.
#[derive(Debug)]
pub struct Transaction {
    outputs: Vec<Output>,
    beside: Vec<RejectsWriter>,
    /// Files of rejects that go.
    gone: Vec<PathBuf>,
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
    place: RecoveredOutput,
    staging: Arc<Staging>,
    old: Option<Manifest>,
    /// Of a table what lies in place.
    base: Option<TableInPlace>,
    /// Of a table what the job makes of it, and the ids of its columns.
    shape: OnceLock<(TableShape, BTreeMap<String, i32>)>,
    /// Of an output on a store.
    remote: Option<RemoteWork>,
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
        Transaction::begin_of(targets, &NamedPaths::default())
    }

    /// The same for outputs of a job that names `named`: a commit that a dead run left in `targets` may be one of
    /// these too.
    ///
    /// # Errors
    /// As [`Transaction::begin`]; a journal that leads to other places (a machine error).
    pub fn begin_of(targets: &[Target], named: &NamedPaths) -> Result<Transaction> {
        // Every target is looked at, so that one attempt shows all faults.
        let foreign: Vec<Error> = targets.iter().filter_map(|t| t.refuse_foreign().err()).collect();
        if let Some(errors) = Error::all(foreign) {
            return Err(errors);
        }
        Transaction::opened(targets, named)
    }

    /// The same for outputs in which files of another program may lie: they stay as they are but for those that
    /// [`Transaction::replace_foreign`] names.
    ///
    /// # Errors
    /// As [`Transaction::begin_of`], but for those files.
    pub fn begin_adopting(targets: &[Target], named: &NamedPaths) -> Result<Transaction> {
        if let Some(target) = targets.iter().find(|target| target.is_on_store()) {
            return Err(Error::job(format!("{} cannot be adopted: it is on a store", target.path.display()))
                .hint("copy the files to a folder, and adopt that"));
        }
        Transaction::opened(targets, named)
    }

    fn opened(targets: &[Target], named: &NamedPaths) -> Result<Transaction> {
        // The outputs opened so far are closed by the drop of `tx` when a later one fails.
        let mut tx = Transaction { outputs: vec![], beside: vec![], gone: vec![], phase: Phase::Open };
        for target in targets {
            let output = Output::open(target, &tx.outputs)?;
            tx.outputs.push(output);
            let output = tx.outputs.last_mut().expect("just pushed");
            if output.remote.is_none() {
                output.lock = Some(Lock::take(&output.place.state)?);
            }
        }
        // Recovery of one output can complete a commit over several, so all locks are taken before it.
        let held: Vec<PathBuf> = tx.outputs.iter().map(|o| o.place.state.clone()).collect();
        let known = PathsOnDisk::of(named, tx.outputs.iter().map(|output| output.place.clone()));
        // The journal of a commit may lie in any output on a store.
        journal::recover_on_stores(&known, true)?;
        for output in &mut tx.outputs {
            if output.remote.is_none()
                && let Recovery::Busy(taken) = journal::recover(&output.place, &held, &known)?
            {
                return Err(taken);
            }
            // Recovery may have put another manifest in place, so it is read only now.
            output.load()?;
        }
        tx.read_one_state(&known)?;
        Ok(tx)
    }

    /// Reads outputs on stores again while they seem to be of several runs: no lock keeps a writer from committing between two
    /// reads.
    fn read_one_state(&mut self, known: &PathsOnDisk) -> Result<()> {
        for _ in 0..READS {
            let remote = self.outputs.iter().any(|output| output.remote.is_some());
            let mut inputs = self.outputs.iter().map(|output| output.old.as_ref().map(|old| &old.inputs));
            let first = inputs.next();
            if !remote || inputs.all(|inputs| Some(inputs) == first) {
                return Ok(());
            }
            journal::recover_on_stores(known, false)?;
            for output in self.outputs.iter_mut().filter(|output| output.remote.is_some()) {
                output.load()?;
            }
        }
        Ok(())
    }

    /// Bytes of all parts that are finished by now, those among them that are in place as they are.
    pub fn bytes_staged(&self) -> u64 {
        self.outputs.iter().map(|output| output.staging.bytes()).sum()
    }

    /// Opens a part of output number `output` (as in `begin`) for writing. `relative` is its path below
    /// the output's folder; a single file has one part, and `relative` is not looked at.
    pub fn stage(&self, output: usize, relative: &Path) -> Result<StagedFile> {
        let output = &self.outputs[output];
        match output.target.kind {
            TargetKind::Folder | TargetKind::Table(_) => output.staging.stage(relative),
            TargetKind::File => {
                output.staging.stage(Path::new(output.target.path.file_name().unwrap_or_default()))
            }
        }
    }

    /// How many outputs there are.
    pub fn outputs(&self) -> usize {
        self.outputs.len()
    }

    /// Says what the table is that is output number `output`: before any part of it is written.
    ///
    /// # Errors
    /// A job error: a column changes its type in a way that the format does not allow.
    pub fn describe(&self, output: usize, shape: TableShape) -> Result<()> {
        let output = &self.outputs[output];
        let ids = table::column_ids(&output.target.path, output.base.as_ref(), &shape)?;
        // An output has one shape in a job, so a second one would be the same.
        let _ = output.shape.set((shape, ids));
        Ok(())
    }

    /// The schema of parts of output number `output`: of a table, its columns have their ids.
    pub fn numbered(&self, output: usize, schema: &Schema) -> Schema {
        let mut schema = schema.clone();
        if let Some((_, ids)) = self.outputs[output].shape.get() {
            schema.fields.iter_mut().for_each(|field| field.table_id = ids.get(&field.name).copied());
        }
        schema
    }

    /// Keeps a part of the manifest in place, by its path, without writing it again: a part that is
    /// neither staged nor kept is removed by the commit.
    pub fn keep(&self, output: usize, path: &str) -> Result<Part> {
        self.outputs[output].staging.keep(path)
    }

    /// Makes files of another program, by their paths below the output, the parts of output number `output`, in the place
    /// of what was staged for it. The commit writes the manifest, and leaves the files alone.
    ///
    /// # Errors
    /// A file is not what its part says.
    pub fn adopt(&self, output: usize, parts: Vec<Part>) -> Result<()> {
        self.outputs[output].staging.adopt(parts)
    }

    /// Lets the commit remove a file of another program in output number `output`, or put a part in its place.
    ///
    /// # Errors
    /// The path leads out of the output.
    pub fn replace_foreign(&self, output: usize, path: &str) -> Result<()> {
        self.outputs[output].staging.replace_foreign(path)
    }

    /// Opens a file of the state of output number `output`: it is put in place below the state folder by the same
    /// commit as the parts, and is none of them. `name` is its path there, as in `changes/000001.log`; the folders
    /// above it are made. A commit leaves the files of the state that it is not given as they are.
    ///
    /// # Errors
    /// The name leads out of the folder; the file system refuses.
    pub fn stage_state(&self, output: usize, name: &str) -> Result<StateFile> {
        let output = &self.outputs[output];
        Ok(StateFile(output.staging.stage_state(name)?))
    }

    /// Opens a part of the state of output number `output`: one of the files that say what its groups are made of.
    /// `relative` is its path below the state folder. The manifest names them, and they come, stay and go with the
    /// parts.
    ///
    /// # Errors
    /// The path leads out of the folder, or was given before.
    pub fn stage_state_part(&self, output: usize, relative: &Path) -> Result<StagedFile> {
        self.outputs[output].staging.stage_kept(relative)
    }

    /// Keeps a part of the state that is in place, by its path in the manifest, as [`Transaction::keep`] does.
    ///
    /// # Errors
    /// It is gone, or is not what the manifest says.
    pub fn keep_state_part(&self, output: usize, path: &str) -> Result<Part> {
        self.outputs[output].staging.keep_state(path)
    }

    /// The state folder of output number `output`.
    pub fn state_folder(&self, output: usize) -> &Path {
        &self.outputs[output].place.state
    }

    /// The parts of output number `output` that were finished so far and are not as they lie in place, sorted by
    /// path, each with the file that it lies in until the commit.
    pub fn staged(&self, output: usize) -> Vec<(Part, PathBuf)> {
        self.outputs[output].staging.staged()
    }

    /// The parts that output number `output` has so far: those that are finished or kept.
    ///
    /// # Errors
    /// One is not finished.
    pub fn parts(&self, output: usize) -> Result<Vec<Part>> {
        Ok(self.outputs[output].staging.all_parts()?.into_iter().map(|staged| staged.part).collect())
    }

    /// Files that lie in output number `output` and are not its own, by path; a folder of parts is to hold nothing else.
    ///
    /// # Errors
    /// A folder cannot be listed.
    pub fn strangers(&self, output: usize) -> Result<Vec<PathBuf>> {
        let output = &self.outputs[output];
        output.target.strangers(&output.staging.known())
    }

    /// Takes a file of rejects that is written to its end: the commit puts it in place with the outputs.
    ///
    /// # Errors
    /// The disk is full or fails.
    pub fn put_beside(&mut self, mut rejects: RejectsWriter) -> Result<()> {
        rejects.sync()?;
        self.beside.push(rejects);
        Ok(())
    }

    /// Lets the commit remove a file of rejects that an earlier run left: nothing is rejected now. What Highwater did not
    /// write as such stays.
    pub fn take_away(&mut self, rejects: &Path) {
        let is_ours = rejects.symlink_metadata().is_ok_and(|there| there.is_file())
            && owner::may_replace(rejects, Made::Rejects).is_ok();
        self.gone.extend(is_ours.then(|| owner::place(rejects)));
    }

    /// The manifest that is in place, if there is one, and such an output.
    pub fn manifest(&self, output: usize) -> Option<&Manifest> {
        self.outputs.get(output)?.old.as_ref()
    }

    /// Makes the staged parts the content of the outputs, all together. One draft per output.
    ///
    /// # Errors
    /// A part is unfinished, or would replace a file that Highwater did not write; the file system
    /// refuses. An error before the commit point leaves the outputs as they were.
    ///
    /// # Panics
    /// If there are not as many drafts as outputs.
    pub fn commit(self, drafts: Vec<ManifestDraft>) -> Result<CommitReport> {
        self.commit_after(drafts, || Ok(()))
    }

    /// As [`Transaction::commit`], with `last` before the commit point: when everything is done that may fail for want
    /// of space, and nothing can be seen yet.
    ///
    /// # Errors
    /// That of `last`: the outputs are as they were. Else as [`Transaction::commit`].
    ///
    /// # Panics
    /// As [`Transaction::commit`].
    pub fn commit_after(
        mut self,
        drafts: Vec<ManifestDraft>,
        last: impl FnOnce() -> Result<()>,
    ) -> Result<CommitReport> {
        assert_eq!(drafts.len(), self.outputs.len(), "one manifest per output");
        let mut report = CommitReport::default();
        let mut planned = vec![];
        for (output, draft) in self.outputs.iter().zip(drafts) {
            failpoint::step("plan output")?;
            let (operations, outcome) = output.plan(draft)?;
            report.outputs.push(outcome);
            planned.push((output.place.clone(), operations));
        }
        last()?;
        // An output that stays as it is takes no part in the commit, and none is made if all do.
        planned.retain(|(_, operations)| !operations.is_empty());
        // A journal lies on the disk where it can: it leads to paths of this machine.
        planned.sort_by_key(|(place, _)| place.is_on_store());
        if let Some((primary, _)) = planned.first().cloned() {
            let (places, operations): (Vec<RecoveredOutput>, Vec<OutputOperations>) =
                planned.into_iter().unzip();
            // Paths from the primary let a tree of outputs be moved as a whole.
            let mut operations = relative_to(&primary.root, &places, operations);
            // A journal on a store does not lead to files of this machine: they come when the commit is done.
            if !primary.is_on_store() {
                operations[0].beside =
                    self.beside.iter().map(|rejects| rejects.beside(&primary.root)).collect::<Result<_>>()?;
                let gone = self.gone.drain(..).map(|path| fsutil::relative_path(&primary.root, &path));
                operations[0].beside.extend(gone.map(|to| Beside { staged: None, to }));
            }
            let mut committed = false;
            let outcome = journal::commit(&places, operations, &mut committed);
            // From here on the journal needs these files, so a drop must not remove them.
            if committed {
                self.phase = Phase::Committed;
                if !primary.is_on_store() {
                    self.beside.drain(..).for_each(RejectsWriter::hand_over);
                }
            }
            let conflict = outcome.map_err(|e| if committed { e.only_hint(UNFINISHED) } else { e })?;
            conflict.map_or(Ok(()), Err)?;
        }
        // Where all outputs stay as they are there is not a journal, and these files are put in place alone.
        self.beside.drain(..).try_for_each(RejectsWriter::finish)?;
        self.gone.drain(..).try_for_each(|path| fsutil::remove_file(&path))?;
        for output in self.outputs.iter().filter(|output| output.remote.is_none()) {
            fsutil::remove_folder(&output.place.state.join(STAGING))?;
        }
        self.phase = Phase::Committed;
        Ok(report)
    }
}

/// How often outputs on stores are read again.
const READS: usize = 2;

const UNFINISHED: &str =
    "the commit is recorded: remove the cause of this error and run the command again, which completes it.";

fn relative_to(
    base: &Path,
    places: &[RecoveredOutput],
    operations: Vec<OutputOperations>,
) -> Vec<OutputOperations> {
    let paths = |place: &RecoveredOutput| {
        (fsutil::relative_path(base, &place.root), fsutil::relative_path(base, &place.state))
    };
    let with = |(place, o): (&RecoveredOutput, OutputOperations)| {
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
        // Their folders may be ones that were made for outputs.
        self.beside.clear();
        // Secondary outputs before the primary, so that a pointer never misses its journal.
        for output in self.outputs.iter_mut().rev() {
            output.take_back();
        }
    }
}

impl Output {
    /// Creates the folders of `target`, which must not be one of `others`.
    fn open(target: &Target, others: &[Output]) -> Result<Output> {
        target.refuse_linked_state()?;
        let remote = target.is_on_store().then(RemoteWork::begin).transpose()?;
        let created = if remote.is_some() { vec![] } else { fsutil::create_folders(&target.state())? };
        let place = target.place()?;
        let folder = place.state.join(STAGING);
        let none = place.state.join(manifest::FILE);
        let by_content = target.is_table();
        let below = target.state_below_root()?;
        let staging = Staging::new(folder, place.root.clone(), below, (None, &none), by_content, None);
        let (target, staging) = (target.clone(), Arc::new(staging));
        let (old, base, shape, lock, ready) = (None, None, OnceLock::new(), None, false);
        let output = Output { target, place, staging, remote, old, base, shape, ready, created, lock };
        // Places are compared as they lie on the disk: two paths can lead to one folder.
        if others.iter().any(|other| other.place.state == output.place.state) {
            return Err(Error::job(format!("two outputs are written to {}", output.target.path.display())));
        }
        Ok(output)
    }

    /// Reads the manifest in place, after recovery.
    fn load(&mut self) -> Result<()> {
        let mut file = self.place.state.join(manifest::FILE);
        let mut folder = self.place.state.join(STAGING);
        if let Some(remote) = self.remote.as_mut().filter(|_| !self.target.is_table()) {
            // Before the manifest is read, so that one that comes in between is noticed by the commit.
            remote.version = files::version(&file)?;
        }
        if self.target.is_table() {
            // One look gives both: another writer may come between two.
            self.base = self.target.loaded_table()?;
            let ledger = self.base.as_ref().map_or(Ok(None), ledger::load)?;
            self.old = ledger.map(|ledger| self.target.looked_at(ledger)).transpose()?;
            if self.remote.is_none() {
                file = self.base.as_ref().and_then(ledger::file).unwrap_or(file);
            }
        } else {
            self.old = self.target.manifest()?;
        }
        let root = self.place.root.clone();
        let mut names = None;
        if let Some(remote) = &self.remote {
            folder = remote.folder.path().to_path_buf();
            let tag = remote::tag(&self.target, self.base.as_ref(), self.old.as_ref());
            names = Some(RemoteNames::new(tag, root.clone(), self.old.as_ref()));
        }
        self.base.as_ref().map_or(Ok(()), versions::repair_hint)?;
        let state = self.target.state_below_root()?;
        let (old, by_content) = ((self.old.as_ref(), file.as_path()), self.target.is_table());
        self.staging = Arc::new(Staging::new(folder, root, state, old, by_content, names));
        self.ready = true;
        Ok(())
    }

    /// What a commit will do to this output. Everything that may fail for want of space is done here:
    /// the manifest is staged, and the partition folders are made.
    fn plan(&self, draft: ManifestDraft) -> Result<(OutputOperations, OutputReport)> {
        if let Some(work) = &self.remote {
            let Output { target, place, staging, .. } = self;
            let (old, base) = (self.old.as_ref(), self.base.as_ref());
            let shape = self.shape.get().map(|(shape, _)| shape);
            let (parts, kept) = (staging.all_parts()?, staging.all_kept()?);
            let written = parts.iter().filter(|part| part.staged.is_some());
            let written = written.map(|part| part.part.path.clone()).collect();
            let store = RemotePlan { target, place, work, staging, old, base, shape }.put(draft)?;
            return Ok((OutputOperations::on_store(store), self.report(written, &parts, &kept)));
        }
        let parts = self.staging.all_parts()?;
        // The file of a part of an older snapshot has the content that its name says.
        let of_older =
            |path: &str| self.target.is_table() && snapshot::is_named_by_content(&self.place.root, path);
        let mut renames = self.renames(&parts, |path| self.staging.was_part(path) || of_older(path))?;
        // What lies in the state folder is ours.
        let mut of_state = self.renames(&self.staging.all_states()?, |_| true)?;
        let kept = self.staging.all_kept()?;
        let below_root = |kept: &StagedPart| {
            let path = self.staging.of_state(&kept.part.path);
            StagedPart { part: Part { path, ..kept.part.clone() }, ..kept.clone() }
        };
        of_state.extend(self.renames(&kept.iter().map(below_root).collect::<Vec<_>>(), |_| true)?);
        let report = self.report(renames.iter().map(|r| r.part.clone()).collect(), &parts, &kept);
        let of = |files: &[StagedPart]| files.iter().map(|file| file.part.clone()).collect();
        let manifest = Manifest::new(draft, of(&parts), of(&kept));
        let (mut table, mut staged) = (None, None);
        if self.target.is_table() {
            let of_parts = std::mem::take(&mut renames);
            table = self.plan_table(&manifest, &parts, of_parts)?;
        } else {
            staged = self.stage_manifest(manifest)?;
        }
        let manifest = staged;
        renames.append(&mut of_state);
        // The names of staged files must be durable before a journal tells of them.
        if manifest.is_some() || table.is_some() || !renames.is_empty() {
            fsutil::sync_folder(&self.place.state.join(STAGING))?;
            fsutil::sync_folder(&self.place.state)?;
        }
        // A new folder is an entry of the one above it, which must be durable too.
        for above in self.created.iter().filter_map(|folder| folder.parent()) {
            fsutil::sync_folder(if above.as_os_str().is_empty() { Path::new(".") } else { above })?;
        }
        // The parts of older snapshots stay until these expire.
        let mut deletions = if self.target.is_table() { vec![] } else { report.removed.clone() };
        deletions.extend(self.staging.removed_kept().iter().map(|path| self.staging.of_state(path)));
        let (root, state) = (PathBuf::new(), PathBuf::new());
        let (store, beside) = (None, vec![]);
        Ok((OutputOperations { root, state, renames, deletions, manifest, table, store, beside }, report))
    }

    /// What a commit does to this output, whose parts `written` are new.
    fn report(&self, written: Vec<String>, parts: &[StagedPart], kept: &[StagedPart]) -> OutputReport {
        OutputReport {
            unchanged: parts.len() - written.len(),
            written,
            removed: self.staging.removed(),
            restored: parts.iter().chain(kept).filter(|part| part.restored).count(),
        }
    }

    /// What a commit does to this table, which gets the ledger `manifest`; nothing where it is as it was.
    fn plan_table(
        &self,
        manifest: &Manifest,
        parts: &[StagedPart],
        renames: Vec<Rename>,
    ) -> Result<Option<SnapshotOperations>> {
        let described = self.shape.get();
        let (shape, _) =
            described.ok_or_else(|| Error::fault("a table is committed that was not described"))?;
        let format = shape.format;
        if self.old.as_ref() == Some(manifest) {
            let again = SnapshotOperations { format, parts: renames, snapshot: None };
            return Ok((!again.parts.is_empty()).then_some(again));
        }
        let staging = self.place.state.join(STAGING);
        let ledgers = (self.old.as_ref(), manifest);
        Ways::default().look(&self.target.path, &snapshot::metadata_below(format))?;
        let files = snapshot::stage(&self.place, &staging, self.base.as_ref(), shape, ledgers, parts)?;
        Ok(Some(SnapshotOperations { format, parts: renames, snapshot: Some(files) }))
    }

    /// The renames of the staged ones of `files`, for which the folders are made. Refuses to replace a file that is
    /// not ours, by its path.
    fn renames(&self, files: &[StagedPart], ours: impl Fn(&str) -> bool) -> Result<Vec<Rename>> {
        let staged = files.iter().filter_map(|file| Some((&file.part, file.staged.clone()?)));
        let mut ways = Ways::default();
        let mut rename = |(part, staged): (&Part, String)| {
            ways.look(&self.place.root, &part.path)?;
            self.make_way(&part.path, ours(&part.path))?;
            Ok(Rename { staged, part: part.path.clone(), bytes: part.bytes })
        };
        staged.map(&mut rename).collect()
    }

    fn make_way(&self, part: &str, ours: bool) -> Result<()> {
        let to = self.place.root.join(part);
        // A link counts as a file, even where it leads nowhere.
        if !ours && to.symlink_metadata().is_ok() {
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
        // A commit that changes nothing writes nothing, not even the time of a file.
        if self.old.as_ref() == Some(&manifest) {
            return Ok(None);
        }
        let name = "manifest.staged";
        let folder = self.place.state.join(STAGING);
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
        if let Some(remote) = &self.remote {
            return remote.take_back(&self.place.state);
        }
        // In the order of recovery: no pointer may outlive what was staged.
        let _ = fsutil::remove_file(&self.place.state.join(JOURNAL));
        let _ = fsutil::remove_file(&self.place.state.join("journal.tmp"));
        let staging = self.place.state.join(STAGING);
        if staging.exists() {
            let _ = fsutil::remove_folder(&staging);
            fsutil::remove_empty_below(&self.place.root);
            fsutil::remove_empty_below(&self.place.state);
        }
        if let TargetKind::Table(kind) = &self.target.kind {
            // Fails where it holds anything, as it should.
            let _ = fs::remove_dir(self.target.path.join(kind.format.metadata()));
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

/// Brings outputs to the state before or after the commit that a dead run left, for a command that only reads
/// them. What is not there is not made; outputs that a living process writes are left to it. `named` is as for
/// [`Transaction::begin_of`].
///
/// # Errors
/// A commit cannot be brought to its end: the file system refuses, another of its outputs is gone, or it leads to
/// places that the job does not name.
pub fn recover(targets: &[Target], named: &NamedPaths) -> Result<()> {
    let known = || PathsOnDisk::of(named, targets.iter().filter_map(|target| target.place().ok()));
    journal::recover_on_stores(&known(), false)?;
    for target in targets.iter().filter(|target| !target.is_on_store()) {
        target.refuse_linked_state()?;
        let state = target.state();
        let there = |name: &str| state.join(name).symlink_metadata().is_ok();
        let journal = there(JOURNAL);
        if !journal && !there(STAGING) && !there("journal.tmp") {
            continue;
        }
        let recovered = target.place().and_then(|place| {
            // A living process that writes to the output brings it to order itself.
            let Ok(_lock) = Lock::try_take(&place.state)? else { return Ok(()) };
            journal::recover(&place, std::slice::from_ref(&place.state), &known()).map(drop)
        });
        // Without a journal the output is whole, and what was staged may wait for the next that writes.
        if journal {
            recovered?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
