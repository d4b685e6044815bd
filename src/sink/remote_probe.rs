//! Whether a store heeds conditions of puts: without them two writers overwrite each other, and neither hears of it.

use crate::error::{Error, Result};
use crate::store::{PutCondition, PutOutcome, files};
use std::path::Path;

/// Tries the conditions on an object at `path`, which is removed then: some servers that speak the protocol of S3 ignore them.
/// A file is replaced where it is as it was read, and a table does without that.
///
/// # Errors
/// A machine error: the store ignores a condition, or refuses.
pub(super) fn heeds_conditions(path: &Path, is_file: bool) -> Result<()> {
    let heeded = tried(path, is_file);
    files::delete(&[path.to_path_buf()])?;
    match heeded? {
        true => Ok(()),
        false => Err(Error::machine(format!(
            "the store of {} ignores conditions of puts, so two commands could overwrite each other there",
            path.display()
        ))
        .hint("nothing was written. Outputs need a store that heeds `If-None-Match` and `If-Match`, such as S3 itself")
        .hint("or write to the disk and copy the result; a table can have a REST catalog: `catalog = { … }`")),
    }
}

fn tried(path: &Path, is_file: bool) -> Result<bool> {
    let put = |text: &str, condition| files::put(path, text.as_bytes().to_vec(), condition);
    put("first", PutCondition::Absent)?;
    if put("second", PutCondition::Absent)? == PutOutcome::Done {
        return Ok(false);
    }
    if !is_file {
        return Ok(true);
    }
    let Some(first) = files::version(path)? else { return Ok(false) };
    put("third", PutCondition::Always)?;
    Ok(put("fourth", PutCondition::Unchanged(&first))? == PutOutcome::Lost)
}
