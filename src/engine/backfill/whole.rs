//! Whether the outputs of a job with an archive are as they were left, and what a run does where they are not.
//!
//! # Contract
//! A run that counts new files alone keeps everything else that is in place, so all of that is compared by its content
//! first. Where a file is gone or was changed from outside, everything is computed again, from the files that were
//! counted or from the archive. An archive that is damaged itself, of files that are no longer there, cannot be: that
//! is refused, by name.

use super::given::Given;
use crate::error::{Error, Result};
use crate::job::{OutputKind, Plan};
use crate::sink::{Manifest, Part, altered, first_altered};
use std::path::PathBuf;

/// A file in place that is not as it was left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Altered {
    /// The file.
    pub path: PathBuf,
    /// Whether it is a part of an archive.
    pub archived: bool,
}

/// The first file of the outputs of `plan` that is not as it was left, one of an archive before all others. `manifests`
/// are those of the outputs that are files, in their order.
pub fn first(plan: &Plan, manifests: &[Manifest]) -> Option<Altered> {
    let outputs = plan.outputs.iter().filter_map(|output| Some((output, crate::engine::target(&output.to)?)));
    let outputs: Vec<_> = outputs.zip(manifests).collect();
    let of = |archived: bool| {
        outputs.iter().find_map(|((output, target), manifest)| {
            if matches!(output.kind, OutputKind::Archive(_)) != archived {
                return None;
            }
            let find = |folder: PathBuf, parts: &[Part]| {
                first_altered(&folder, parts.iter().collect()).map(|part| folder.join(&part.path))
            };
            find(target.root(), &manifest.parts).or_else(|| find(target.state(), &manifest.state))
        })
    };
    let found = |archived| of(archived).map(|path| Altered { path, archived });
    found(true).or_else(|| found(false))
}

impl Altered {
    /// Whether everything can be computed again, where the source no longer names all that was counted.
    ///
    /// # Errors
    /// It cannot: the archive is damaged, and a file that it was made of is not there; or what a live job would have
    /// counted is asked for, which is known from its log alone, in the order in which it came.
    pub fn can_be_made_anew(&self, plan: &Plan, given: &Given) -> Result<()> {
        let streamed = plan.groupings.iter().any(|grouping| grouping.plan.lateness.is_some());
        let gone = given.left().find(|entry| !entry.is_in_place(&plan.inputs) || streamed && !entry.named);
        match gone.filter(|_| self.archived || streamed) {
            None => Ok(()),
            Some(gone) => Err(self.beyond_repair(&gone.path)),
        }
    }

    /// The error where it cannot be written again, as the file `gone` is not what it was, or not there.
    fn beyond_repair(&self, gone: &str) -> Error {
        altered(&self.path)
            .only_hint(format!(
                "it cannot be written again: {gone}, which was counted, is not there as it was"
            ))
            .hint("bring back that file, or the part itself from a copy, and run again")
            .hint(
                "or give up what is gone: `highwater run JOB --changed reload` counts the files that the source has \
                 now, and no others",
            )
    }
}
