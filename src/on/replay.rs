//! The pass here beside an engine's: what was read, the account, and the rows of the samples.

use super::request::{CheckedOutput, EngineRequest};
use super::sample::{SampleRange, Sampler};
use crate::deliver::{Outcome, balances};
use crate::error::{Error, Result};
use crate::input::value::grouped;
use crate::plan::Plan;
use crate::run;
use crate::sink::{Account, InputEntry, Target};
use crate::verify::compare::{Comparison, RowDifference};
use crate::verify::{alike, files};
use tempfile::TempDir;

/// A pass that is done. Its outputs are in a folder that goes with it.
pub(super) struct Replay {
    folder: TempDir,
    pub outcome: Outcome,
    /// The files of the source and of tables.
    pub inputs: Vec<InputEntry>,
    /// Whether it left out what is not in the samples.
    partial: bool,
}

impl Replay {
    /// Reads the files of `plan` once, for what the samples want.
    pub fn run(plan: Plan, samplers: &[Sampler], request: &EngineRequest) -> Result<Replay> {
        let spill = &request.options.spill_folder;
        let folder = tempfile::Builder::new().prefix("highwater-on-").tempdir_in(spill);
        let folder = folder.map_err(|e| Error::io("make a folder in", spill, e))?;
        let wanted: Option<Vec<String>> = samplers
            .iter()
            .map(|sampler| match sampler.range() {
                SampleRange::Where(condition) => Some(format!("({condition})")),
                SampleRange::All => None,
            })
            .collect();
        let partial = wanted.is_some();
        let plan = match wanted {
            // After all steps: what they give of an event depends on the events before it.
            Some(wanted) => plan.filtered(&wanted.join(" OR "))?,
            None => plan,
        };
        let plan = plan.in_folder(folder.path()).without_late_output();
        let outcome = run::run(&plan, request.options, request.progress)?;
        let manifest = Target::folder(folder.path().join("0")).manifest()?;
        let inputs = manifest.map_or_else(Vec::new, |manifest| manifest.inputs);
        Ok(Replay { folder, outcome, inputs, partial })
    }

    /// The account of the run, where that of the engine is the same.
    ///
    /// # Errors
    /// A data error: it is another.
    pub fn account(&self, there: &Account, engine: &str) -> Result<Account> {
        let here = &self.outcome.account;
        let account = Account { read: here.read, rejected: here.rejected, ..*there };
        let unlike = |what: &str, here: u64, there: u64| {
            let (here, there) = (grouped(here), grouped(there));
            Err(Error::data(format!(
                "the engine `{engine}` counts {there} {what} records, but there are {here}"
            ))
            .hint("nothing was written; files may have changed while the engine read them: run again")
            .hint("or run the job without --on, which shows the records that cannot be read"))
        };
        let good = here.read - here.rejected;
        if there.read != good {
            return unlike("readable", good, there.read);
        }
        if there.duplicate != here.duplicate {
            return unlike("duplicate", here.duplicate, there.duplicate);
        }
        // A pass for samples filters more, and counts less.
        if !self.partial && there.filtered != here.filtered {
            return unlike("filtered", here.filtered, there.filtered);
        }
        if !self.partial && there.late != here.late {
            return unlike("late", here.late, there.late);
        }
        balances(&account)?;
        Ok(account)
    }

    /// Compares the rows of each sample.
    ///
    /// # Errors
    /// A data error: they are not the same.
    pub fn compare(
        &self,
        plan: &Plan,
        samplers: Vec<Sampler>,
        request: &EngineRequest,
    ) -> Result<Vec<CheckedOutput>> {
        let mut checked = vec![];
        for (id, sampler) in plan.deliveries.ids().zip(samplers) {
            let here = sampler.own(files(&self.folder.path().join(id.place().to_string()))?)?;
            let there = sampler.finish()?;
            let comparison = alike(plan, id, [&here, &there.table], request.options)?;
            let path = plan.deliveries.outputs[id].to.to_string();
            if !comparison.same() {
                return Err(different(&path, &comparison, &request.engine.name));
            }
            checked.push(CheckedOutput { path, rows: comparison.matched, all: there.all });
        }
        Ok(checked)
    }
}

/// The error for rows that are not the same.
fn different(path: &str, comparison: &Comparison, engine: &str) -> Error {
    let error = Error::data(format!(
        "the engine `{engine}` gives other rows for {path} than a run: {} of {} checked rows differ",
        grouped(comparison.different() + comparison.duplicate_keys),
        grouped(comparison.compared())
    ));
    let error = comparison.rows.iter().fold(error, |error, row| error.caused_by(shown(row)));
    error
        .hint("nothing was written, and the outputs are as before")
        .hint(format!("`highwater verify JOB --on {engine}` shows all differences"))
}

fn shown(row: &RowDifference) -> String {
    let value = |value: &Option<String>| value.clone().unwrap_or_else(|| "NULL".into());
    let key: Vec<String> = row.key.iter().map(|(name, key)| format!("{name} = {}", value(key))).collect();
    let cells: Vec<String> = row
        .cells
        .iter()
        .map(|(name, here, there)| format!("{name}: {} here, {} there", value(here), value(there)))
        .collect();
    let side = match row.only {
        Some(crate::verify::compare::WhichSide::Here) => " (a run alone has it)",
        Some(crate::verify::compare::WhichSide::There) => " (the engine alone has it)",
        None => "",
    };
    format!("{}{side}; {}", key.join(", "), cells.join("; "))
}
