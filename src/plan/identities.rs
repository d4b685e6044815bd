//! What decides the rows of each output, beside the data.

use super::{OutputId, PerId};
use crate::sink::Identity;

/// The identities of the outputs of a plan.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Identities {
    /// In the order of the plan's outputs.
    pub outputs: PerId<OutputId, Identity>,
    /// Of the late output, if there is one.
    pub late: Option<Identity>,
}

impl Identities {
    /// All of them: equal jobs have equal hashes.
    pub fn hashes(&self) -> impl Iterator<Item = &str> {
        self.outputs.iter().chain(&self.late).map(|one| one.hash.as_str())
    }
}
