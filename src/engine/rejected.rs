//! Rejected records on their way to the file of rejects.

use crate::error::Result;
use crate::input::{Rejects, StoredReject};
use crate::sink::RejectsWriter;
use std::path::{Path, PathBuf};

/// Where the rejects go, and how many there are; `None` if there are none.
pub fn rejects_at(path: Option<&Path>, rejects: &Rejects) -> Option<(PathBuf, u64)> {
    path.filter(|_| !rejects.is_empty()).map(|path| (path.to_path_buf(), rejects.len()))
}

/// Writes the rejects under another name; the commit puts them in place.
pub fn write_rejects(rejects: Rejects, writer: Option<RejectsWriter>) -> Result<Option<RejectsWriter>> {
    let Some(mut writer) = writer else { return Ok(None) };
    for reject in rejects {
        let StoredReject { path, line, byte, column, reason, raw } = reject?;
        let file = path.display().to_string();
        writer.write(&crate::sink::RejectedRecord {
            file: &file,
            line,
            byte,
            column: column.as_deref(),
            reason: &reason,
            raw: &raw,
        })?;
    }
    Ok(Some(writer))
}
