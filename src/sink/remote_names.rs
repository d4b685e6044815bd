//! The names of parts of an output on a store, and whether they are there.

use super::manifest::{Manifest, Part};
use crate::error::Result;
use crate::store::files;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use xxhash_rust::xxh3::Xxh3;

/// Up to so many objects are asked for one by one; of more, all are listed.
const ONE_BY_ONE: usize = 8;

/// How parts of an output on a store are called, and which of them are there.
#[derive(Debug)]
pub(super) struct RemoteNames {
    /// What new names end in: it was never used before.
    tag: String,
    /// The folder of the output.
    root: PathBuf,
    /// How many parts the manifest in place has.
    parts: usize,
    /// Their paths, and those of the state, by folder and hash.
    known: HashMap<String, String>,
    /// All objects, with their sizes.
    there: OnceLock<HashMap<PathBuf, u64>>,
}

impl RemoteNames {
    /// Names that end in `tag`, of an output at `root` whose manifest in place is `old`.
    pub fn new(tag: String, root: PathBuf, old: Option<&Manifest>) -> RemoteNames {
        let all = || old.iter().flat_map(|old| old.parts.iter().chain(&old.state));
        let folder = |path: &str| path.rsplit_once('/').map_or("", |(folder, _)| folder).to_string();
        let known = all().map(|part| (format!("{}/{}", folder(&part.path), part.hash), part.path.clone()));
        RemoteNames { tag, root, parts: all().count(), known: known.collect(), there: OnceLock::new() }
    }

    /// The path of a part in `folder`, which is empty or ends in a slash: that of the same content in place, or a new one.
    pub fn path(&self, folder: &str, hash: &str, extension: &str) -> String {
        let known = self.known.get(&format!("{}/{hash}", folder.trim_end_matches('/')));
        known.cloned().unwrap_or_else(|| format!("{folder}{hash}-{}.{extension}", self.tag))
    }

    /// Whether the object at `path` is as `part` says. The name of most tells their content, so that their size is enough.
    ///
    /// # Errors
    /// The store does not say.
    pub fn has(&self, path: &Path, part: &Part) -> Result<bool> {
        if !is_named_by_content(part) {
            return is_as(path, part);
        }
        if self.parts <= ONE_BY_ONE {
            return Ok(files::size(path)? == Some(part.bytes));
        }
        let there = match self.there.get() {
            Some(there) => there,
            None => {
                let found = files::files_below(&self.root)?;
                let found = found.into_iter().map(|file| (file.path, file.bytes)).collect();
                // Of two threads that come here at once, either listing will do.
                self.there.get_or_init(|| found)
            }
        };
        Ok(there.get(path) == Some(&part.bytes))
    }
}

/// Whether the name of a part begins with the hash of its bytes.
fn is_named_by_content(part: &Part) -> bool {
    let name = part.path.rsplit('/').next().unwrap_or_default();
    !part.hash.is_empty() && name.starts_with(&part.hash)
}

/// Whether a file has the name that a commit of a table on a store gives to a part.
pub(super) fn is_part_name(name: &str) -> bool {
    let stem = name.strip_suffix(".parquet").and_then(|stem| stem.split_once('-'));
    stem.is_some_and(|(hash, tag)| {
        let hex = hash.len() == 32 && hash.bytes().all(|b| b.is_ascii_hexdigit());
        hex && !tag.is_empty() && tag.bytes().all(|b| b.is_ascii_digit())
    })
}

fn is_as(path: &Path, part: &Part) -> Result<bool> {
    if files::size(path)? != Some(part.bytes) {
        return Ok(false);
    }
    let mut hasher = Xxh3::new();
    let is_there = files::scan(path, &mut |piece| hasher.update(piece))?;
    Ok(is_there && format!("{:032x}", hasher.digest128()) == part.hash)
}

/// The first of `parts`, below the folder of an output on a store, that is not as it says.
///
/// # Errors
/// The store does not say.
pub(super) fn first_altered<'p>(folder: &Path, parts: Vec<&'p Part>) -> Result<Option<&'p Part>> {
    let (tag, root, known) = (String::new(), folder.to_path_buf(), HashMap::new());
    let names = RemoteNames { tag, root, parts: parts.len(), known, there: OnceLock::new() };
    for part in parts {
        if !names.has(&folder.join(&part.path), part)? {
            return Ok(Some(part));
        }
    }
    Ok(None)
}
