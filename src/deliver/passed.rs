//! A pass over the source that is done: its account, what it read, and what its outputs are made of.

use super::events::ArchiveFiles;
use super::outcome::{Outcome, OutputOutcome, balances};
use crate::engine::intake::Intake;
use crate::engine::offsets::Offsets;
use crate::engine::tables::{self, Tables};
use crate::engine::{ArrivalNeed, PartitionOffsets, Pass, PassResult, Scope, machine};
use crate::error::Result;
use crate::group::{GroupTable, SpillSpace};
use crate::input::{InputReport, Rejects};
use crate::lookup::{LookupReport, Services};
use crate::plan::{GroupingId, PerId, Plan};
use crate::rows::RowStore;
use crate::sink::{Account, Watermarks};
use crate::time::FirstAndLast;

/// What reading gave for the outputs of a plan.
pub struct Results<'a> {
    pub groups: PerId<GroupingId, (Vec<GroupTable>, SpillSpace)>,
    /// Of outputs of events, in the plan's order.
    pub rows: Vec<Vec<RowStore>>,
    /// Of archives, in the plan's order.
    pub archives: Vec<Vec<RowStore>>,
    /// The source's files by ordinal.
    pub files: ArchiveFiles<'a>,
    /// The watermark at the end of the log, if an output is streamed.
    pub watermark: Option<i64>,
}

/// What a pass gave, before any of it is delivered.
pub struct FinishedPass {
    pub read: PassResult,
    pub tables: Tables,
    pub account: Account,
    /// The files of the source.
    pub inputs: Vec<InputReport>,
    offsets: Vec<PartitionOffsets>,
    /// What services were asked; none while they are open.
    pub lookups: Option<LookupReport>,
    twice: u64,
    without_items: u64,
}

impl FinishedPass {
    /// Reads the tables and the source; also gives the records that were rejected.
    ///
    /// # Errors
    /// Bad data, or a machine that fails.
    pub fn of(pass: &Pass) -> Result<(FinishedPass, Rejects)> {
        let mut services = pass.services()?;
        let (mut passed, rejects) = FinishedPass::of_scope(pass, &Scope::all(pass.plan), &mut services)?;
        passed.lookups = services.map(Services::finish).transpose()?;
        Ok((passed, rejects))
    }

    /// As [`FinishedPass::of`], for the results in `scope` alone; `services` stay open for another pass.
    ///
    /// # Errors
    /// As of [`FinishedPass::of`].
    pub fn of_scope(
        pass: &Pass,
        scope: &Scope,
        services: &mut Option<Services>,
    ) -> Result<(FinishedPass, Rejects)> {
        let groupings = pass.plan.pipeline.groupings.iter().zip(&scope.groupings);
        let streamed = groupings.filter(|(_, wanted)| **wanted).any(|(g, _)| g.plan.lateness.is_some());
        let need = if streamed { ArrivalNeed::Lateness } else { ArrivalNeed::Nothing };
        let mut tables = tables::read(pass)?;
        let mut sources = tables.sources_with(services.take());
        let intakes = [Intake::source(&pass.plan.pipeline.read)];
        let mut read = pass.read_all(need, &sources, &intakes, scope)?;
        *services = sources.services.take();
        // Tables can be large, and from here on nothing asks them.
        drop(sources.tables);
        if read.spilled {
            machine::give_back();
        }
        pass.progress.writing();
        let account = read.tally.account();
        balances(&account)?;
        let inputs = read.inputs();
        // Offsets of a log that was read in part would show gaps that it does not have.
        let whole =
            inputs.len() == pass.plan.pipeline.read.files.len() && inputs.iter().all(|i| i.skipped == 0);
        let offsets = read.offsets.take().filter(|_| whole).map_or(vec![], Offsets::report);
        let source = read.reports.pop().expect("a report of the source");
        let (twice, without_items) = (source.twice, source.without_items);
        let passed =
            FinishedPass { read, tables, account, inputs, offsets, lookups: None, twice, without_items };
        Ok((passed, source.rejects))
    }

    /// The paths of the source's files by ordinal, as archives name them.
    pub fn files(&self, plan: &Plan) -> Vec<String> {
        plan.pipeline.read.files.iter().map(|file| file.path.display().to_string()).collect()
    }

    /// Takes out what the outputs are made of.
    pub fn results<'a>(&mut self, plan: &Plan, paths: &'a [String]) -> Results<'a> {
        let watermark = self.watermark(plan);
        Results {
            groups: std::mem::take(&mut self.read.groups),
            rows: std::mem::take(&mut self.read.rows),
            archives: std::mem::take(&mut self.read.archives),
            files: ArchiveFiles::new(paths),
            watermark,
        }
    }

    /// The watermark at the end of the log.
    fn watermark(&self, plan: &Plan) -> Option<i64> {
        self.read.watermark_at_end(plan)
    }

    /// How far event time reached; `written` are the first and last times of rows that only now are known to stay.
    pub fn watermarks(&mut self, plan: &Plan, written: Option<FirstAndLast>) -> Option<Watermarks> {
        let watermark = self.watermark(plan);
        self.read.tally.see(written);
        self.read.tally.watermarks().map(|w| Watermarks { watermark, ..w })
    }

    /// The outcome with these outputs, without rejects.
    pub fn outcome(self, outputs: Vec<OutputOutcome>, watermarks: Option<Watermarks>) -> Outcome {
        let mut inputs = self.inputs;
        inputs.extend(self.tables.inputs.into_iter().map(|(_, input)| input));
        Outcome {
            account: self.account,
            of_complete: None,
            watermarks,
            inputs,
            outputs,
            rejects: None,
            lookups: self.lookups,
            spilled: self.read.spilled || self.tables.spilled,
            published: vec![],
            left_out: vec![],
            twice: self.twice,
            without_items: self.without_items,
            all_again: None,
            strangers: vec![],
            gone: vec![],
            offsets: self.offsets,
        }
    }
}
