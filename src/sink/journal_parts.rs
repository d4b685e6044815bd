//! What journals of all kinds of outputs are made of.

use serde::{Deserialize, Serialize};

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
