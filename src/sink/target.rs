//! What lies where an output goes, and whether it is ours.

use super::guard::{Ways, is_kept, is_part};
use super::place::{JOURNAL, Target, TargetKind};
use super::{Manifest, STATE_FOLDER, ledger, manifest, remote_foreign};
use crate::error::{Error, Result};
use crate::table::{self, CatalogTable, TableFormat, TableKind};
use std::collections::HashSet;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;

impl Target {
    /// The manifest that is in place, if there is one.
    ///
    /// # Errors
    /// A machine error: it cannot be read, is of a version that is not known, or names files outside of the output; or
    /// the state folder, or a folder of parts, is a link.
    pub fn manifest(&self) -> Result<Option<Manifest>> {
        self.refuse_linked_state()?;
        let manifest = match self.kind {
            TargetKind::Table(_) => self.loaded_table()?.as_ref().map_or(Ok(None), ledger::load)?,
            TargetKind::Folder | TargetKind::File => Manifest::load(&self.state())?,
        };
        manifest.map(|manifest| self.looked_at(manifest)).transpose()
    }

    /// The manifest, of which no path leads out of the output.
    ///
    /// # Errors
    /// A machine error: one does.
    pub(super) fn looked_at(&self, manifest: Manifest) -> Result<Manifest> {
        let (root, state) = (self.root(), self.state());
        let name = self.path.file_name().unwrap_or_default().to_string_lossy();
        let below = self.state_below_root()?;
        let parts =
            manifest.parts.iter().map(|part| (is_part(&self.kind, &name, &part.path), part.path.clone()));
        let kept = manifest.state.iter().map(|part| (is_kept(&part.path), format!("{below}/{}", part.path)));
        let mut ways = Ways::default();
        for (is_inside, path) in parts.chain(kept) {
            if !is_inside {
                return Err(Error::machine(format!(
                    "{} is damaged: it names the part `{path}`, which does not lie in the output",
                    state.join(manifest::FILE).display()
                ))
                .hint("nothing was changed. The manifest is not as Highwater wrote it: restore the original")
                .hint(format!("or move {} away, and run the job again", self.path.display())));
            }
            ways.look(&root, &path)?;
        }
        Ok(manifest)
    }

    /// Refuses a state folder that is a link, or lies in one.
    pub(super) fn refuse_linked_state(&self) -> Result<()> {
        Ways::default().look(&self.root(), &format!("{}/{}", self.state_below_root()?, manifest::FILE))
    }

    /// Refuses what Highwater did not write. Reads only.
    pub(super) fn refuse_foreign(&self) -> Result<()> {
        self.refuse_linked_state()?;
        let path = &self.path;
        if self.is_on_store() {
            return remote_foreign::refuse(self);
        }
        let Ok(there) = path.metadata() else { return Ok(()) };
        match &self.kind {
            TargetKind::Folder | TargetKind::Table(_) if !there.is_dir() => {
                Err(Error::job(format!("the output {} is a file, not a folder", path.display())))
            }
            TargetKind::File if there.is_dir() => {
                Err(Error::job(format!("the output {} is a folder, not a file", path.display())))
            }
            TargetKind::Folder | TargetKind::Table(_) if self.is_ours() => Ok(()),
            TargetKind::Table(kind) => self.refuse_foreign_table(kind),
            // Whether it is ours is asked again after the listing: a first run that is under way makes it so before
            // it puts the first part in place.
            TargetKind::Folder => match foreign_entry(path)? {
                Some(entry) if !self.is_ours() => Err(Error::job(format!(
                    "refusing to write into {}, which contains files that Highwater did not write ({})",
                    path.display(),
                    entry.display()
                ))
                .hint("choose another path for the output, or empty that folder")
                .hint("results that another program published are taken over by `highwater adopt JOB`")),
                _ => Ok(()),
            },
            TargetKind::File if !self.is_ours() => Err(Error::job(format!(
                "refusing to replace {}, which Highwater did not write",
                path.display()
            ))
            .hint("choose another path for the output, or remove that file")
            .hint("results that another program published are taken over by `highwater adopt JOB`")),
            TargetKind::File => Ok(()),
        }
    }

    /// Refuses a table that another catalog has, as one of the files `names` of the metadata tells.
    pub(super) fn refuse_note_of_another<'a>(&self, names: impl Iterator<Item = &'a Path>) -> Result<()> {
        let own = self.catalog().map(|catalog| catalog.note().0);
        let is_of_another = |path: &&Path| {
            let name = path.file_name().and_then(|name| name.to_str());
            name.filter(|name| Some(*name) != own.as_deref()).is_some_and(CatalogTable::is_note)
        };
        match names.filter(is_of_another).min() {
            None => Ok(()),
            Some(note) => Err(Error::job(format!(
                "refusing to write into {}, which is a table of another catalog: {} names it",
                self.path.display(),
                note.display()
            ))
            .hint("choose another path for the output, or remove that folder")
            .hint("if that catalog has another address now, remove that file")),
        }
    }

    /// Refuses a folder in which a table is to be made and other files lie.
    fn refuse_foreign_table(&self, kind: &TableKind) -> Result<()> {
        let path = &self.path;
        let other = "choose another path for the output, or remove that folder";
        if path.join(STATE_FOLDER).join(manifest::FILE).is_file() {
            return Err(Error::job(format!("{} is an output of Highwater, but not a table", path.display()))
                .hint(other));
        }
        let found = TableFormat::of_folder(path);
        let names = names_in(&path.join(table::METADATA)).unwrap_or_default();
        let notes: Vec<PathBuf> = names.iter().map(|name| path.join(table::METADATA).join(name)).collect();
        self.refuse_note_of_another(notes.iter().map(PathBuf::as_path))?;
        if let (Some(catalog), Some(_)) = (self.catalog(), found) {
            return Err(Error::job(format!(
                "refusing to write the table {catalog} into {}, which is a table whose catalog is that folder",
                path.display()
            ))
            .hint(other));
        }
        if let (Some(catalog), Some(_)) = (self.catalog(), self.loaded_table()?) {
            return Err(Error::job(format!("refusing to write to {catalog}, which Highwater did not write"))
                .hint("choose another table for the output"));
        }
        if let Some(found) = found {
            let what = match found == kind.format {
                true => "a table that Highwater did not write".to_string(),
                false => format!("a table of another format ({})", found.name()),
            };
            return Err(
                Error::job(format!("refusing to write into {}, which is {what}", path.display())).hint(other)
            );
        }
        // A first run that was killed may have left the folder of parts, with nothing but its own state in it.
        let data = kind.format.root(path);
        let is_data = |entry: &PathBuf| path.join(entry) == data;
        let is_below = data != *path && data.is_dir();
        let in_data = if is_below { foreign_entry(&data)?.map(|entry| data.join(entry)) } else { None };
        let beside = foreign_entries(path)?.into_iter().find(|entry| !is_data(entry) || !data.is_dir());
        match beside.or(in_data) {
            Some(entry) if !self.is_ours() => Err(Error::job(format!(
                "refusing to write into {}, which contains files that Highwater did not write ({})",
                path.display(),
                entry.display()
            ))
            .hint("choose another path for the output, or empty that folder")),
            _ => Ok(()),
        }
    }

    /// The files below a folder of parts that are none of `known`, by path: what reads the folder would read them too.
    /// Not those that no reader of folders takes, whose names begin with `_` or `.`.
    pub(super) fn strangers(&self, known: &HashSet<String>) -> Result<Vec<PathBuf>> {
        let mut found = vec![];
        if self.kind == TargetKind::Folder {
            strangers_below(&self.root(), "", known, &mut found)?;
        }
        found.sort();
        Ok(found)
    }

    /// Whether Highwater wrote what lies here: it left a manifest, or a journal of a commit that is
    /// under way. The journal first: it goes when the manifest has come.
    fn is_ours(&self) -> bool {
        let is_file = |name: &str| match self.state().join(name).metadata() {
            Ok(there) => there.is_file(),
            // A folder that cannot be looked at counts as ours, so that its own error is shown later.
            Err(e) => e.kind() == ErrorKind::PermissionDenied,
        };
        // Of a table that its catalog does not have, a first commit may have been refused.
        let is_noted = |catalog: &Arc<CatalogTable>| {
            let note = self.path.join(table::METADATA).join(catalog.note().0);
            note.symlink_metadata().is_ok_and(|there| there.is_file())
        };
        let is_table = || match self.loaded_table() {
            Ok(Some(loaded)) => loaded.has_ledger(),
            Ok(None) => self.catalog().is_some_and(is_noted),
            // What cannot be read shows its own error later.
            Err(_) => true,
        };
        is_file(JOURNAL)
            || match self.kind {
                TargetKind::Table(_) => is_table(),
                TargetKind::Folder | TargetKind::File => is_file(manifest::FILE),
            }
    }
}

/// The files below the folder of an output that readers of folders take, by their paths below it, sorted.
///
/// # Errors
/// A folder cannot be listed.
pub fn foreign_files(target: &Target) -> Result<Vec<String>> {
    let root = target.root();
    if !root.is_dir() {
        return Ok(vec![]);
    }
    let mut found = target.strangers(&HashSet::new())?;
    found.sort();
    let below = |path: PathBuf| {
        let names = path.strip_prefix(&root).ok().and_then(|path| path.to_str().map(str::to_string));
        names.ok_or_else(|| Error::job(format!("the path {} is not UTF-8", path.display())))
    };
    found.into_iter().map(below).collect()
}

/// The first entry by name that is neither state nor hidden, and holds a file. Empty folders are nobody's: a
/// first run that was killed before its commit point may have left some.
fn foreign_entry(folder: &Path) -> Result<Option<PathBuf>> {
    // The order of a listing differs between file systems, and the error must not.
    Ok(foreign_entries(folder)?.into_iter().min())
}

fn foreign_entries(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut foreign = vec![];
    for name in names_in(folder)? {
        // Files like `.DS_Store` and `.gitkeep` are not data.
        let hidden = name.to_string_lossy().starts_with('.');
        if !hidden && name.as_os_str() != STATE_FOLDER && holds_a_file(&folder.join(&name))? {
            foreign.push(name);
        }
    }
    Ok(foreign)
}

fn strangers_below(
    folder: &Path,
    below: &str,
    known: &HashSet<String>,
    found: &mut Vec<PathBuf>,
) -> Result<()> {
    let failed = |e| Error::io("list", folder, e);
    for entry in fs::read_dir(folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        let is_folder = entry.file_type().map_err(failed)?.is_dir();
        // Readers skip names that begin with `_`, but not folders like `_day=1`, which are partitions.
        if name.starts_with('.') || name.starts_with('_') && !(is_folder && name.contains('=')) {
            continue;
        }
        let path = if below.is_empty() { name.to_string() } else { format!("{below}/{name}") };
        if is_folder {
            strangers_below(&entry.path(), &path, known, found)?;
        } else if !known.contains(&path) {
            found.push(entry.path());
        }
    }
    Ok(())
}

fn names_in(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(folder).and_then(|entries| entries.collect::<std::io::Result<Vec<_>>>());
    let entries = entries.map_err(|e| Error::io("list", folder, e))?;
    Ok(entries.into_iter().map(|entry| PathBuf::from(entry.file_name())).collect())
}

fn holds_a_file(path: &Path) -> Result<bool> {
    // A link is not followed, so a loop of links cannot trap this.
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
