//! What lies where an output on a store goes, and whether it is ours.

use super::place::{Target, TargetKind};
use super::remote_names::is_part_name;
use super::{STATE_FOLDER, manifest};
use crate::error::{Error, Result};
use crate::store::files::{self, FoundFile};
use crate::table::{self, CatalogTable, METADATA, TableFileNames};
use std::path::Path;

/// Refuses what Highwater did not write. Reads only.
///
/// # Errors
/// A job error: something else lies there. A machine error: the store does not say.
pub(super) fn refuse(target: &Target) -> Result<()> {
    let path = &target.path;
    match target.kind {
        TargetKind::Folder => Err(Error::fault("a folder of parts cannot lie on a store")),
        TargetKind::File => {
            if files::is_file(&target.state().join(manifest::FILE))? || !files::is_file(path)? {
                return Ok(());
            }
            Err(Error::job(format!("refusing to replace {}, which Highwater did not write", path.display()))
                .hint("choose another path for the output, or remove that file"))
        }
        TargetKind::Table(_) => {
            let hint = "choose another path for the output, or remove what is there";
            match target.loaded_table()? {
                Some(table) if table.has_ledger() => Ok(()),
                Some(_) => Err(Error::job(format!(
                    "refusing to write into {}, which is a table that Highwater did not write",
                    path.display()
                ))
                .hint(hint)),
                None => {
                    let found = files::files_below(path)?;
                    target.refuse_note_of_another(found.iter().map(|file| file.path.as_path()))?;
                    let is_note = |file: &FoundFile| {
                        let name = file.path.file_name().and_then(|name| name.to_str());
                        name.is_some_and(CatalogTable::is_note)
                    };
                    // Where the catalog has refused a first commit, its files are there.
                    let foreign = found.iter().find(|file| !may_be_ours(path, &file.path));
                    match foreign.filter(|_| !found.iter().any(is_note)) {
                        None => Ok(()),
                        Some(file) => Err(Error::job(format!(
                            "refusing to write into {}, which contains files that Highwater did not write ({})",
                            path.display(),
                            file.path.strip_prefix(path).unwrap_or(&file.path).display()
                        ))
                        .hint(hint)),
                    }
                }
            }
        }
    }
}

/// Whether a first run that was killed may have left this file.
fn may_be_ours(table: &Path, file: &Path) -> bool {
    let below = |folder: &str| file.strip_prefix(table.join(folder)).ok();
    let name = file.file_name().map(|name| name.to_string_lossy()).unwrap_or_default();
    match (below(table::DATA), below(METADATA)) {
        (Some(below), _) => below.starts_with(STATE_FOLDER) || is_part_name(&name),
        (None, Some(_)) => TableFileNames::is_ours(&name),
        (None, None) => false,
    }
}
