//! What lies where an output on a store goes, and whether it is ours.

use super::place::{Target, TargetKind};
use super::remote_names::is_part_name;
use super::{STATE_FOLDER, manifest};
use crate::error::{Error, Result};
use crate::store::files;
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
            let hint = "choose another path for the output, or remove what lies there";
            let notes = files::files_beginning(&path.join(METADATA).join(CatalogTable::NOTE))?;
            target.refuse_note_of_another(notes.iter().map(|note| note.path.as_path()))?;
            match target.loaded_table()? {
                Some(table) if table.has_ledger() => Ok(()),
                Some(_) => Err(Error::job(format!(
                    "refusing to write into {}, which is a table that Highwater did not write",
                    path.display()
                ))
                .hint(hint)),
                // A first commit may have been refused.
                None if !notes.is_empty() => Ok(()),
                None => match files::files_below(path)?.iter().find(|file| !may_be_ours(path, &file.path)) {
                    None => Ok(()),
                    Some(file) => Err(Error::job(format!(
                        "refusing to write into {}, which contains files that Highwater did not write ({})",
                        path.display(),
                        file.path.strip_prefix(path).unwrap_or(&file.path).display()
                    ))
                    .hint(hint)),
                },
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
