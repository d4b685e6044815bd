//! A correction under way.

use super::given::{BackfillInput, InPlace};
use super::history::{Archive, History};
use super::log::ChangeLog;
use super::methods::method;
use super::outcome::{Corrected, HistoryRead, Method};
use super::rejects::Rejected;
use crate::deliver::OutputOutcome;
use crate::engine::steps::Sources;
use crate::engine::{Pass, tables};
use crate::error::Result;
use crate::plan::OutputId;
use crate::sink::{Account, ManifestDraft, Target, Transaction};

/// A correction under way.
pub struct Correction<'a> {
    pub pass: Pass<'a>,
    pub transaction: &'a Transaction,
    /// Per target its output.
    pub targets: &'a [(OutputId, Target)],
    pub in_place: &'a InPlace,
    pub given: &'a BackfillInput,
    pub history: &'a History,
    /// The archives of the job.
    pub archives: &'a [Archive],
    pub shown: usize,
}

/// A correction that is staged, or planned.
pub struct StagedCorrection {
    pub drafts: Vec<ManifestDraft>,
    pub outputs: Vec<Corrected>,
    pub account: Account,
    /// Of `complete` outputs, where steps of both modes tell them apart.
    pub of_complete: Option<Account>,
    /// Of a job with streamed steps the late output, which is written with the others.
    pub late: Option<OutputOutcome>,
    pub history: HistoryRead,
    pub rejects: Option<Rejected>,
    /// Records of each given file, by path.
    pub records: Vec<(String, u64)>,
    /// What there is to tell of it.
    pub notes: Vec<String>,
}

impl Correction<'_> {
    /// How target number `number` is corrected.
    pub fn method(&self, number: usize) -> Method {
        method(self.pass.plan, self.targets[number].0, self.given)
    }

    /// The tables and services that steps look into.
    ///
    /// # Errors
    /// A table that cannot be read.
    pub fn sources(&self) -> Result<Sources> {
        let mut tables = tables::read(&self.pass)?;
        tables.sources(&self.pass)
    }

    /// Begins the change log of an output.
    pub fn log(&self, number: usize, method: Method) -> Result<ChangeLog> {
        ChangeLog::begin(self.transaction, (number, &self.targets[number].1), &self.given.files, method)
    }
}
