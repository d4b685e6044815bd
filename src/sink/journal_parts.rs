//! What journals of all kinds of outputs are made of.

use serde::{Deserialize, Serialize};

/// A name that no other commit has had: it only has to differ from those of dead runs, and of runs on other machines.
pub(super) fn commit_id() -> String {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    format!("{:x}-{:x}", now.as_nanos(), std::process::id())
}

/// A staged file and its place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Rename {
    /// The name in the staging folder.
    pub staged: String,
    /// The path below the output's folder.
    pub part: String,
    /// The size of the file, by which a replay knows that it was renamed already.
    pub bytes: u64,
}
