//! Files that were counted and are gone from the source, while new ones came: whether those have the same events again.
//!
//! # Contract
//! * Files that are gone stay counted: logs rotate, and an archive keeps their rows.
//! * Files that somebody merged, split or converted have other hashes, and would be counted twice. An archive tells their rows
//!   apart, so those of the touched partitions are compared ([`RowsAgain`]) before anything is committed.
//! * Files that were given by name are counted whatever they hold, and a note says what was found.

use super::given::{BackfillInput, FileRole, InPlace, SourceEntry};
use crate::deliver::{FileState, FoundRows, RowsAgain};
use crate::error::{Error, Result};
use crate::input::Inputs;
use crate::plan::{OutputKind, Plan};

impl BackfillInput {
    /// Whether a file was counted, and is not among the files of the source now.
    fn is_out(&self, entry: &SourceEntry, inputs: &Inputs) -> bool {
        // Where files were given by name, the source was not listed.
        let there = if self.of_source { entry.named } else { entry.is_in_place(inputs) };
        entry.role == FileRole::Old && !entry.empty && !there
    }

    /// The files that were counted and are gone, if the source was listed.
    pub fn gone(&self, inputs: &Inputs) -> Vec<String> {
        // A file that was given by name once may lie outside of the source.
        let gone = |entry: &&SourceEntry| self.is_out(entry, inputs) && !entry.is_in_place(inputs);
        let gone = self.source.iter().filter(|_| self.of_source).filter(gone);
        gone.map(|entry| entry.path.clone()).collect()
    }

    /// The search for rows of such files among those of new ones; none where there are not both.
    pub fn rows_again(&self, inputs: &Inputs) -> Option<RowsAgain> {
        let state = |entry: &SourceEntry| match entry.role {
            FileRole::New => FileState::New,
            _ if self.is_out(entry, inputs) => FileState::Gone,
            _ => FileState::Stays,
        };
        RowsAgain::among(self.source.iter().map(state).collect())
    }

    /// Fails where new files may hold the events of gone ones, and no archive of the job tells.
    ///
    /// # Errors
    /// It is so.
    pub fn can_tell_rows(&self, plan: &Plan) -> Result<()> {
        let is_archive = |kind: &OutputKind| matches!(kind, OutputKind::Archive(_));
        if plan.deliveries.outputs.iter().any(|output| is_archive(&output.kind)) {
            return Ok(());
        }
        let gone = self.gone(&plan.inputs);
        let (Some(gone), Some((_, new))) = (gone.first(), self.with(FileRole::New).next()) else {
            return Ok(());
        };
        let new = &new.path;
        Err(Error::data(format!(
            "{new} is new, and {gone}, which was counted, is gone: the job has no archive that shows whether {new} has the same events"
        ))
        .hint("if it has: `highwater run JOB` counts the files that the source has now")
        .hint(format!("if all its events are new: `highwater backfill JOB {new}`")))
    }

    /// What the search found: notes, where files were given by name.
    ///
    /// # Errors
    /// A new file of the source has the events of a gone one.
    pub fn judge(
        &self,
        search: Option<&RowsAgain>,
        in_place: &InPlace,
        inputs: &Inputs,
    ) -> Result<Vec<String>> {
        let found = search.map(RowsAgain::found).unwrap_or_default();
        let again = found.into_iter().filter_map(|(place, found)| {
            let old = &self.source[place as usize].path;
            let counted = in_place.inputs.iter().find(|input| input.path == *old);
            let same = is_the_same(found, counted.map_or(0, |input| input.records));
            Some((old.as_str(), found.rows, found.new.filter(|_| same)?))
        });
        let again: Vec<(&str, u64, u32)> = again.collect();
        let Some((first, rows, new)) = again.first() else { return Ok(vec![]) };
        let new = &self.source[*new as usize].path;
        let more = match again.len() - 1 {
            0 => String::new(),
            more => format!("; so it is with {more} more"),
        };
        let what = format!(
            "{new} has the events of {first}, which was counted and is not a file of the source now: all {rows} rows that were compared are the same{more}"
        );
        let old: Vec<&str> = again.iter().map(|(old, ..)| *old).take(SHOWN).collect();
        let old = format!("{}{}", old.join(" "), if again.len() > SHOWN { " …" } else { "" });
        let retract = format!("`highwater backfill JOB {old} --retract`");
        if !self.of_source {
            return Ok(vec![format!(
                "{what}; they are counted twice now: {retract} takes the older ones out"
            )]);
        }
        let error = Error::data(what)
            .hint("to count only the files that the source has now: `highwater run JOB --changed reload`");
        // Without any file that stays there would be nothing to tell the columns.
        let stays = |entry: &SourceEntry| entry.role == FileRole::Old && entry.is_in_place(inputs);
        let error = match self.source.iter().any(stays) {
            true => error.hint(format!("or take the older ones out: {retract}, then run again")),
            false => error,
        };
        Err(error
            .hint(format!("if they are other events that look the same: `highwater backfill JOB {new}`")))
    }
}

/// So many files are named in a command.
const SHOWN: usize = 5;

/// Whether a file is there again, by the rows that were looked at. Single rows can be equal by chance, where a log has few columns
/// and coarse times: most of a file cannot.
fn is_the_same(found: FoundRows, records: u64) -> bool {
    found.again == found.rows && found.again.saturating_mul(2) >= records
}
