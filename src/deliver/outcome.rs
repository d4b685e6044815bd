//! What a run did, and what became of each output.

use super::server_tables::Published;
use crate::engine::PartitionOffsets;
use crate::error::{Error, Result};
use crate::input::InputReport;
use crate::lookup::LookupReport;
use crate::plan::OutputTo;
use crate::sink::{Account, CommitReport, Watermarks, fields};
use serde::Serialize;
use std::path::PathBuf;

/// What a run did.
#[derive(Debug)]
pub struct Outcome {
    /// Where every record went.
    pub account: Account,
    /// Of a job with outputs of both modes that steps tell apart, where every record went in `complete` mode; `account`
    /// is that of the streamed outputs then.
    pub of_complete: Option<Account>,
    /// The first and last event time counted.
    pub watermarks: Option<Watermarks>,
    /// The files that were read.
    pub inputs: Vec<InputReport>,
    /// The outputs, in the job's order.
    pub outputs: Vec<OutputOutcome>,
    /// Where rejected records were written, and how many.
    pub rejects: Option<(PathBuf, u64)>,
    /// What services were asked, if any is.
    pub lookups: Option<LookupReport>,
    /// Whether partial results went to disk.
    pub spilled: bool,
    /// What became of the tables of servers, in the order of the outputs.
    pub published: Vec<Published>,
    /// Files that the outputs had counted, and that are no files of the source by now: a backfill gave them,
    /// or they are gone. Their events are no longer in the outputs.
    pub left_out: Vec<String>,
    /// Files that the outputs have counted and that are gone from the source: an archive keeps their events in the outputs.
    pub gone: Vec<String>,
    /// Records of the source whose event time is a local one that exists twice: clocks were put back.
    pub twice: u64,
    /// Records of the source without an item in the list that is unnested.
    pub without_items: u64,
    /// Why all was computed again that lay in place, where that is worth a word.
    pub all_again: Option<String>,
    /// Files in the folders of outputs that Highwater did not write: what reads such a folder reads them too.
    pub strangers: Vec<PathBuf>,
    /// Of a log that tells offsets, those of each partition; empty where not all of it was read.
    pub offsets: Vec<PartitionOffsets>,
}

/// What became of one output.
#[derive(Debug, Serialize)]
pub struct OutputOutcome {
    /// Where it went.
    #[serde(rename = "path")]
    pub to: OutputTo,
    /// Its rows.
    pub rows: u64,
    /// Parts written, left as they were, and removed; zeros for the terminal.
    pub written: usize,
    /// Parts that had the same content already.
    pub unchanged: usize,
    /// Parts of an earlier run that are no longer.
    pub removed: usize,
    /// Parts among those written, and parts of the state, that were in place before and are written again: their
    /// files were gone, or had been changed from outside.
    #[serde(skip_serializing_if = "fields::is_zero")]
    pub restored: usize,
    /// The table, for the terminal.
    #[serde(skip)]
    pub table: Option<String>,
}

impl OutputOutcome {
    /// An output of so many rows; the commit says what became of its parts.
    pub fn new(to: &OutputTo, rows: u64, table: Option<String>) -> OutputOutcome {
        OutputOutcome { to: to.clone(), rows, written: 0, unchanged: 0, removed: 0, restored: 0, table }
    }
}

/// Notes in `outputs` what the commit did.
pub fn fill_in(outputs: &mut [OutputOutcome], report: &CommitReport) {
    // The terminal is not a target of the transaction, so the report does not have an entry for it.
    let committed = outputs.iter_mut().filter(|o| o.to != OutputTo::Terminal);
    for (output, report) in committed.zip(&report.outputs) {
        output.written = report.written.len();
        output.unchanged = report.unchanged;
        output.removed = report.removed.len();
        output.restored = report.restored;
    }
}

/// # Errors
/// The law of the account does not hold, which is a bug.
pub fn balances(account: &Account) -> Result<()> {
    let Account { read, rejected, filtered, duplicate, late, counted } = account;
    if *read == rejected + filtered + duplicate + late + counted {
        return Ok(());
    }
    Err(Error::fault(format!("the account does not balance: {account:?}")))
}
