//! The input files of one command, each as it was first seen.

use super::opened::{KeptHandle, Opened, Stamp};
use super::places::{KnownPlaces, PlaceKind};
use super::seen::SeenFiles;
use super::shape::ArchiveMember;
use super::{shape, stream};
use crate::error::{Error, Result};
use crate::store;
use crate::store::{ObjectState, StoreAddress, StoreFile, is_on_store};
use crate::table::{
    CatalogTable, METADATA, SnapshotChoice, TableSnapshot, metadata_file, missing_file, read_snapshot,
};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Snapshots by the path of their table and the choice.
type KnownTables = HashMap<(PathBuf, SnapshotChoice), Option<TableSnapshot>>;

/// The input files of one command, each as it was first seen. Clones share what they know.
#[derive(Debug, Clone, Default)]
pub struct Inputs {
    pub(super) known: Arc<Mutex<HashMap<PathBuf, Opened>>>,
    /// What the job itself writes: no folder or glob stands for that.
    pub(super) own: Arc<Vec<PathBuf>>,
    /// What is known of stores.
    places: Arc<Mutex<KnownPlaces>>,
    /// What manifests tell of files that have an ETag, by path.
    counted: Arc<Mutex<HashMap<PathBuf, CountedContent>>>,
    /// What earlier commands saw of files of the disk.
    seen: Arc<Mutex<SeenFiles>>,
    /// The snapshots of tables that are read; none where a path is not that of a table.
    tables: Arc<Mutex<KnownTables>>,
    /// The files of metadata that catalogs named; none where there is no such table.
    catalogs: Arc<Mutex<HashMap<CatalogTable, Option<String>>>>,
}

/// The content of a file of a store, as a manifest tells it.
#[derive(Debug, Clone)]
pub struct CountedContent {
    /// The ETag that it had.
    pub etag: String,
    /// Its size.
    pub bytes: u64,
    /// The hash of its bytes.
    pub hash: String,
}

impl Inputs {
    /// The inputs of a job that writes to `own`: files, and folders with all that is in them.
    pub fn beside(own: Vec<PathBuf>) -> Inputs {
        Inputs { own: Arc::new(own), ..Inputs::default() }
    }

    /// Learns what was counted of a file of a store: where its ETag and size are the same, its bytes are, and need not be
    /// read again to be known.
    pub fn take_counted(&self, path: &Path, content: CountedContent) {
        if let Some(opened) = self.known().get(path) {
            content.tell(opened);
        }
        locked(&self.counted).insert(path.to_path_buf(), content);
    }

    /// Learns the stamps that an earlier command kept, before any file is looked at.
    pub fn learn_stamps(&self, kept: &[u8]) {
        locked(&self.seen).learn(kept);
    }

    /// What the command that kept the stamps said to the next one; none where nothing was learned.
    pub fn told(&self) -> Option<u128> {
        locked(&self.seen).told()
    }

    /// What a later command may learn of the files that were looked at here, with a word for it; `None` where it is what
    /// was learned, or there is nothing to keep.
    pub fn stamps(&self, told: Option<u128>) -> Option<Vec<u8>> {
        let opened: Vec<Opened> = self.known().values().cloned().collect();
        locked(&self.seen).stamps(&opened, told)
    }

    /// Tells an opened file what is known of it by its stamp.
    pub(super) fn recall(&self, opened: &Opened) {
        locked(&self.seen).recall(opened);
    }

    /// An opened file that is now known by its path.
    fn entered(&self, path: &Path, opened: Opened) -> Opened {
        if let Some(content) = locked(&self.counted).get(opened.path()) {
            content.tell(&opened);
        }
        self.known().entry(path.to_path_buf()).or_insert(opened).clone()
    }

    /// The snapshot of the table at `path`, as it was first seen: a commit in the meantime is for the next command. None
    /// if no table is there.
    ///
    /// # Errors
    /// As of [`read_snapshot`].
    pub(super) fn table(&self, path: &Path, at: SnapshotChoice) -> Result<Option<TableSnapshot>> {
        let mut tables = locked(&self.tables);
        let key = (path.to_path_buf(), at);
        if let Some(known) = tables.get(&key) {
            return Ok(known.clone());
        }
        // Where none of their folders is there, no more has to be asked of a store.
        let may_be = !is_on_store(path)
            || path.extension().is_some_and(|ending| ending == "json")
            || ["_delta_log", METADATA].iter().any(|name| self.is_folder(&path.join(name)));
        let read = if may_be { read_snapshot(path, at)? } else { None };
        if let Some(snapshot) = read.as_ref().filter(|snapshot| is_on_store(&snapshot.folder)) {
            self.all_there(path, snapshot)?;
        }
        tables.insert(key, read.clone());
        Ok(read)
    }

    /// The file of the metadata of a table in a catalog, as it was first named: a commit in the meantime is for the next
    /// command. None if there is no such table.
    ///
    /// # Errors
    /// As of [`metadata_file`].
    pub fn metadata_file(&self, table: &CatalogTable) -> Result<Option<String>> {
        let mut catalogs = locked(&self.catalogs);
        if let Some(known) = catalogs.get(table) {
            return Ok(known.clone());
        }
        let file = metadata_file(table)?;
        catalogs.insert(table.clone(), file.clone());
        Ok(file)
    }

    /// Learns what lies in the folder of a table on a store, and checks that the files of a snapshot are there.
    fn all_there(&self, path: &Path, snapshot: &TableSnapshot) -> Result<()> {
        self.learn(&snapshot.folder)?;
        let inside = snapshot.files.iter().filter(|file| file.starts_with(&snapshot.folder));
        match inside.filter(|file| self.listed_state(file).is_none()).min() {
            Some(missing) => Err(missing_file(path, missing)),
            None => Ok(()),
        }
    }

    /// What the job writes.
    pub(super) fn own(&self) -> &[PathBuf] {
        &self.own
    }

    /// The file at `path`, as it was first seen. A stream is read to its end here, and is from then on known by the
    /// name that its content gives it too ([`Opened::path`]).
    ///
    /// # Errors
    /// Job: nothing is there, or it is not a file. Data: a stream gives nothing. Machine: it cannot be read.
    pub fn file(&self, path: &Path) -> Result<Opened> {
        if let Some(known) = self.known().get(path) {
            return Ok(known.clone());
        }
        // `-` is not a path, so it must not be looked up on disk.
        if stream::is_stdin(path) {
            return self.stream(path);
        }
        if is_on_store(path) {
            let found = match self.object(path)? {
                None => self.member_at(path)?,
                found => found,
            };
            return found.ok_or_else(|| stream::nothing_matches(&path.display().to_string()));
        }
        let there = match std::fs::metadata(path) {
            Ok(there) => there,
            Err(cause) => {
                // What is not on disk may be the path of a member inside a zip.
                let member = self.member_at(path)?;
                return member.ok_or_else(|| stream::not_there(path, cause));
            }
        };
        if there.file_type().is_file() && !stream::is_descriptor(path) {
            let opened = Opened::new(path, path, Stamp::of(&there), there.len());
            self.recall(&opened);
            self.known().insert(path.to_path_buf(), opened.clone());
            return Ok(opened);
        }
        stream::check(path, &there)?;
        self.stream(path)
    }

    /// The file at an address of a store, if there is one.
    ///
    /// # Errors
    /// The store cannot be reached, or refuses.
    pub(super) fn object(&self, path: &Path) -> Result<Option<Opened>> {
        if let Some(known) = self.known().get(path) {
            return Ok(Some(known.clone()));
        }
        let Some(address) = StoreAddress::of(path) else { return Ok(None) };
        if let Some(state) = self.listed_state(path) {
            let opened = Opened::of_object(store::listed(&address, state)?);
            return Ok(Some(self.entered(path, opened)));
        }
        let Some(found) = store::open(&address)? else { return Ok(None) };
        let opened = match found {
            StoreFile::Object(object) => Opened::of_object(object),
            StoreFile::Copied(file, bytes) => {
                let name = address.path();
                let stamp = Stamp::of_object(&name, &ObjectState { bytes, ..ObjectState::default() });
                let opened = Opened::new(&name, &name, stamp, bytes);
                opened.keep(KeptHandle { file: Arc::new(file), counted: false });
                opened
            }
        };
        if opened.path() != path {
            // Results name a file without its credentials, so that name has to lead to it, and to no other file.
            let name = opened.path().to_path_buf();
            if let Some(other) = self.places().addresses.insert(name.clone(), address.clone())
                && other != address
            {
                return Err(Error::job(format!(
                    "two addresses differ only in credentials: {}",
                    name.display()
                ))
                .hint(
                    "results could not tell their files apart: name one of them, or copy them to a folder",
                ));
            }
            self.entered(&name, opened.clone());
        }
        Ok(Some(self.entered(path, opened)))
    }

    /// Has the first bytes of a file of a store fetched that a listing has shown.
    pub(super) fn expect_start(&self, path: &Path) {
        if self.listed_state(path).is_some()
            && let Ok(Some(opened)) = self.object(path)
        {
            opened.expect_start();
        }
    }

    /// Whether `path` is that of a file, or the name of a stream that was read.
    pub fn has(&self, path: &Path) -> bool {
        if is_on_store(path) {
            return self.object(path).is_ok_and(|found| found.is_some())
                || self.member_at(path).is_ok_and(|member| member.is_some());
        }
        self.known().contains_key(path)
            || stream::is_stdin(path)
            || path.exists()
            || self.member_at(path).is_ok_and(|member| member.is_some())
    }

    /// The files that `path` stands for, with what there is to tell of them: a zip stands for its members. Those whose
    /// names do not tell a format are among them if `any` are.
    ///
    /// # Errors
    /// As of [`Inputs::file`], and of archives.
    pub(crate) fn files(&self, path: &Path, any: bool) -> Result<(Vec<Opened>, Vec<String>)> {
        let file = self.file(path)?;
        Ok(match shape::members(&file, any)? {
            Some((members, notes)) => (members.into_iter().map(|m| self.member(&file, m)).collect(), notes),
            None => (vec![file], vec![]),
        })
    }

    /// The member of a zip at this path, if it is one.
    pub(super) fn member_at(&self, path: &Path) -> Result<Option<Opened>> {
        let is_file = |above: &&Path| match is_on_store(above) {
            // Each question is a request, and archives of stores have their ending.
            true => {
                let name = above.file_name().map(|name| name.to_string_lossy().to_ascii_lowercase());
                name.is_some_and(|name| name.ends_with(".zip"))
                    && self.kind_of(above).is_ok_and(|kind| kind == PlaceKind::File)
            }
            false => above.is_file(),
        };
        let Some(archive) = path.ancestors().skip(1).find(is_file) else { return Ok(None) };
        let file = self.file(archive)?;
        let Some((members, _)) = shape::members(&file, true)? else { return Ok(None) };
        Ok(members.into_iter().find(|member| member.path == path).map(|member| self.member(&file, member)))
    }

    pub(super) fn member(&self, archive: &Opened, member: ArchiveMember) -> Opened {
        if let Some(known) = self.known().get(&member.path) {
            return known.clone();
        }
        let path = member.path.clone();
        self.entered(&path, Opened::of_member(archive, member))
    }

    pub(super) fn stream(&self, path: &Path) -> Result<Opened> {
        let of = stream::source(path)?;
        // One pipe may have several names, and gives its bytes once.
        let same = |known: &&Opened| known.0.stamp.is_of(&of.metadata);
        let read = self.known().values().find(same).cloned();
        let opened = match read {
            Some(opened) => opened,
            None => {
                let (file, name, bytes) = stream::copied(path, of.file)?;
                let opened = Opened::new(path, &name, Stamp::of(&of.metadata), bytes);
                opened.keep(KeptHandle { file: Arc::new(file), counted: false });
                opened
            }
        };
        let mut known = self.known();
        known.insert(path.to_path_buf(), opened.clone());
        // Results and manifests name a stream by its content, so both names have to lead to it.
        known.insert(opened.path().to_path_buf(), opened.clone());
        Ok(opened)
    }

    pub(super) fn known(&self) -> MutexGuard<'_, HashMap<PathBuf, Opened>> {
        locked(&self.known)
    }

    pub(super) fn places(&self) -> MutexGuard<'_, KnownPlaces> {
        locked(&self.places)
    }
}

impl CountedContent {
    /// Tells a file the hash of its bytes, if they are these.
    fn tell(&self, opened: &Opened) {
        if opened.etag() == Some(self.etag.as_str()) && opened.bytes() == self.bytes {
            opened.take_hash(&self.hash);
        }
    }
}

fn locked<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    // Entries are only added, so a panic in another thread leaves the map whole.
    of.lock().unwrap_or_else(PoisonError::into_inner)
}
