//! Everything is computed again, over all files, and what differs takes the place of what was.
//!
//! # Contract
//! This is the run that would give the outputs, with the old parts kept where they are the same. It reads the
//! files of the source; where one is gone, an archive and the new files.

use super::account::accounts;
use super::changes::{Differ, Differences, log_part};
use super::corrected::PartChange;
use super::correction::{Correction, StagedCorrection};
use super::edited;
use super::edited::SharedColumns;
use super::given::FileRole;
use super::history::of_files;
use super::outcome::{Corrected, HistoryRead, Method};
use super::part_rows::{WindowColumns, part_keys};
use super::partition::{partition, records};
use super::parts::PartReader;
use super::rejects::{Rejected, merged_rejects};
use crate::batch::{PartitionPath, Schema};
use crate::deliver::{ArchiveFiles, Results, Staged, balances, drafts, stage, write};
use crate::engine::Scope;
use crate::engine::arrivals::ArrivalNeed;
use crate::engine::intake::{Archived, Intake, IntakeRows};
use crate::engine::steps::Sources;
use crate::error::{Error, Result};
use crate::lookup::Services;
use crate::plan::{GroupPlaces, Grouping, OutputKind};
use crate::sink::{Part, RejectsWriter, first_altered};
use arrow_array::RecordBatch;
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::path::Path;

impl Correction<'_> {
    /// Says what would be read; what would change is known when it is computed.
    pub fn plan_all_again(&self) -> Result<StagedCorrection> {
        let all = self.targets.iter().zip(&self.in_place.manifests).map(|((index, _), manifest)| {
            let mut planned = Corrected::untouched(&self.pass.plan.deliveries.outputs[*index], manifest);
            planned.method = Method::AllAgain;
            // A plan counts all parts as written: which ones come out equal is known only after the
            // computation.
            planned.unchanged = 0;
            manifest.parts.iter().for_each(|part| planned.written.add(part));
            planned.parts = manifest.parts.iter().map(|part| part.path.clone()).collect();
            planned
        });
        let outputs = all.collect();
        let plan = self.pass.plan;
        let (_, history) = self.history.intake(plan, self.given, IntakeRows::All)?;
        // New files are read for the number of their records alone; nothing of them is folded.
        let new = of_files(plan, self.given, FileRole::New, Archived::No, IntakeRows::No)?;
        let (sources, scope) = (Sources::default(), Scope::none(plan));
        let read = self.pass.read_all(ArrivalNeed::Nothing, &sources, new.as_slice(), &scope)?;
        let (account, of_complete) = accounts(plan, self.targets, self.in_place);
        let (rejects, late, records) = (None, None, records(&read.reports));
        Ok(StagedCorrection {
            drafts: vec![],
            outputs,
            account,
            of_complete,
            late,
            history,
            rejects,
            records,
            notes: vec![],
        })
    }

    /// Stages the outputs of all events.
    ///
    /// # Errors
    /// As [`Correction::stage`].
    pub fn stage_all_again(&self) -> Result<StagedCorrection> {
        // The files are preferred to an archive: an archive does not hold the records that could not be read.
        let of_source = self.given.left().all(|entry| entry.is_in_place(&self.pass.plan.inputs));
        if !of_source && self.pass.plan.pipeline.steps_are_streamed() {
            return Err(self.gone_arrivals());
        }
        let mut done = if of_source { self.over_source()? } else { self.over_archive()? };
        for number in 0..self.targets.len() {
            done.outputs.push(self.compared(number)?);
        }
        Ok(done)
    }

    /// Why the outputs of streamed steps cannot be computed again where a file of the source is gone.
    fn gone_arrivals(&self) -> Error {
        let gone = self.given.left().find(|entry| !entry.is_in_place(&self.pass.plan.inputs));
        let path = gone.map_or("a file of the source", |entry| entry.path.as_str());
        Error::job(format!(
            "{path} is gone or has changed: streamed steps need all records in the order of their arrival, which an archive does not have"
        ))
        .hint("restore the file")
    }

    /// A run over the files of the source.
    fn over_source(&self) -> Result<StagedCorrection> {
        let rejects = self.pass.plan.deliveries.rejects.as_deref().map(RejectsWriter::create).transpose()?;
        let Staged { mut outcome, drafts, rejects, none_rejected } =
            stage(&self.pass, self.transaction, rejects)?;
        // Only a plan with streamed steps has it here: any other counts all events.
        let late = self.pass.plan.deliveries.late.as_ref().and_then(|_| outcome.outputs.pop());
        // Until now only the sizes were compared; the content is hashed while it is read.
        self.given.are_as_counted(outcome.inputs.iter())?;
        let old: Vec<u64> = self.given.with(FileRole::Old).map(|(_, entry)| entry.bytes).collect();
        let records = outcome.inputs.iter().map(|input| (input.path.display().to_string(), input.records));
        Ok(StagedCorrection {
            drafts,
            outputs: vec![],
            account: outcome.account,
            of_complete: outcome.of_complete,
            late,
            history: HistoryRead { files: old.len(), bytes: old.iter().sum() },
            rejects: Some(Rejected::of_run(rejects, none_rejected)),
            records: records.collect(),
            notes: vec![],
        })
    }

    /// The same over an archive and the new files.
    fn over_archive(&self) -> Result<StagedCorrection> {
        let plan = self.pass.plan;
        let sources = self.sources()?;
        let (old, history) = self.history.intake(plan, self.given, IntakeRows::All)?;
        let old = old.map(|intake| Intake { archived: Archived::All, ..intake });
        let mut intakes: Vec<Intake> = old.into_iter().collect();
        let archived = intakes.len();
        intakes.extend(of_files(plan, self.given, FileRole::New, Archived::All, IntakeRows::All)?);
        let scope = Scope::all(plan);
        let mut read = self.pass.read_all(ArrivalNeed::Nothing, &sources, &intakes, &scope)?;
        sources.services.map(Services::finish).transpose()?;
        self.pass.progress.writing();
        // What could not be read of old files is not in the archive.
        let new_reports = read.reports.split_off(archived);
        let new: u64 = new_reports.iter().flat_map(|report| &report.inputs).map(|input| input.records).sum();
        let mut account = read.tally.account();
        let unread = self.unread(account.read - new);
        account.read += unread;
        account.rejected += unread;
        // The counts come from the archive and from the old manifest, so the sum is checked once more.
        balances(&account)?;
        let records = records(&new_reports);
        let inputs = self.inputs_with(&new_reports);
        let files = self.given.paths();
        let again = self.given.rows_again(&plan.inputs);
        let results = Results {
            groups: read.groups,
            rows: read.rows,
            archives: read.archives,
            files: ArchiveFiles { paths: &files, again: again.as_ref() },
            watermark: None,
        };
        let written = write(&self.pass, &scope, self.transaction, results, read.resolution.as_ref())?;
        let notes = self.given.judge(again.as_ref(), self.in_place, &plan.inputs)?;
        let mut tally = read.tally;
        tally.see(written.times);
        let rejects = merged_rejects(plan, self.in_place, self.given, new_reports)?;
        // Without a change the old file of rejects stays in place, and the manifest must still name it.
        let path = match &rejects {
            Some(rejects) => rejects.path.clone().map(|path| (path, 0)),
            None => self.in_place.before().rejects.as_ref().map(|path| (path.into(), 0)),
        };
        let drafts = drafts(self.pass.plan, inputs, account, tally.watermarks(), &path);
        let (outputs, of_complete, late) = (vec![], None, None);
        Ok(StagedCorrection { drafts, outputs, account, of_complete, late, history, rejects, records, notes })
    }

    /// Records of old files that an archive, which has `archived` of them, does not have.
    fn unread(&self, archived: u64) -> u64 {
        let old: HashSet<&str> =
            self.given.with(FileRole::Old).map(|(_, entry)| entry.path.as_str()).collect();
        let old = self.in_place.inputs.iter().filter(|input| old.contains(input.path.as_str()));
        old.map(|input| input.records).sum::<u64>().saturating_sub(archived)
    }

    /// What has become of an output: its old parts beside those that are staged.
    fn compared(&self, number: usize) -> Result<Corrected> {
        let (index, target) = &self.targets[number];
        let output = &self.pass.plan.deliveries.outputs[*index];
        let manifest = &self.in_place.manifests[number];
        let mut corrected = Corrected { method: Method::AllAgain, ..Corrected::untouched(output, manifest) };
        // A part of a table is named by its content, so it is its partition that tells what it takes the place of.
        let place = |part: &Part| match target.is_table() {
            true => partition(part).file("data.parquet").display().to_string(),
            false => part.path.clone(),
        };
        let old: BTreeMap<String, &Part> = manifest.parts.iter().map(|part| (place(part), part)).collect();
        let staged: BTreeMap<String, _> = self
            .transaction
            .staged(number)
            .into_iter()
            .map(|(part, at)| (place(&part), (part, at)))
            .collect();
        let now: BTreeMap<String, Part> =
            self.transaction.parts(number)?.into_iter().map(|part| (place(&part), part)).collect();
        let gone = old.keys().filter(|path| !now.contains_key(*path)).cloned();
        let paths: BTreeSet<String> = staged.keys().cloned().chain(gone).collect();
        // A part that is written again as it was is no change.
        let as_it_was = |path: &&String| {
            is_same(old.get(path.as_str()).copied(), staged.get(*path).map(|(part, _)| part))
        };
        let (again, paths): (Vec<&String>, Vec<&String>) = paths.iter().partition(as_it_was);
        for (part, _) in again.iter().filter_map(|path| staged.get(*path)) {
            corrected.unchanged -= 1;
            corrected.written.add(part);
            corrected.parts.push(part.path.clone());
        }
        // An output that stays as it was does not get a change log, not even an empty one.
        if paths.is_empty() {
            return Ok(corrected);
        }
        let mut log = self.log(number, Method::AllAgain)?;
        let reader = PartReader { root: target.root(), format: output.format, schema: output.file_schema() };
        let comparison = self.comparison(number, &reader);
        let compare = comparison.as_ref().ok();
        let mut found = Differences::default();
        for path in paths {
            let old = old.get(path.as_str()).copied();
            let new = staged.get(path);
            let mut change = PartChange {
                old: old.cloned(),
                more: vec![],
                new: new.map(|(part, _)| part.clone()),
                found: Differences::default(),
            };
            match compare {
                Some(RowComparison { differ, old: old_reader, columns, grouping }) => {
                    let none = || RecordBatch::new_empty(columns.arrow());
                    let only = |rows: RecordBatch| project(&rows, columns);
                    let before = old.map_or_else(|| Ok(none()), |part| only(old_reader.read(part)?))?;
                    let after = match new {
                        Some((part, at)) => only(reader.staged(part, at)?)?,
                        None => none(),
                    };
                    let keys = part_keys(output, grouping, &PartitionPath::of_file(path));
                    change.found = differ.diff(&keys, &before, &after, log.lines())?;
                }
                None => {
                    let [before, after] =
                        [&change.old, &change.new].map(|part| part.as_ref().map_or(0, |part| part.rows));
                    log_part(log.lines(), Path::new(path), before, after)?;
                    corrected.rows_touched += before.abs_diff(after);
                }
            }
            corrected.note(&change);
            found.absorb(change.found, self.shown);
        }
        corrected.change_log = Some(log.finish()?);
        corrected.changes = found.changes;
        corrected.changed = found.values;
        corrected.rows_touched += found.rows;
        corrected.windows = found.windows.len() as u64;
        corrected.not_compared = comparison.err();
        Ok(corrected)
    }

    /// How the rows of target number `number`, which `reader` reads, are compared with those that lie there.
    ///
    /// # Errors
    /// Why they are not, in words.
    fn comparison(
        &self,
        number: usize,
        reader: &PartReader,
    ) -> std::result::Result<RowComparison<'_>, String> {
        let (index, target) = &self.targets[number];
        let (plan, manifest) = (self.pass.plan, &self.in_place.manifests[number]);
        let output = &plan.deliveries.outputs[*index];
        let OutputKind::Groups { grouping, .. } = &output.kind else {
            return Err("its rows are events".to_string());
        };
        let SharedColumns { old, columns } =
            edited::shared(manifest, &plan.deliveries.identities.outputs[*index], output)?;
        let altered = [(target.root(), &manifest.parts), (target.state(), &manifest.state)];
        // Values that were changed from outside were never published, so a comparison with them would
        // mislead.
        for (folder, parts) in &altered {
            if first_altered(folder, parts.as_slice()).map_err(|error| error.to_string())?.is_some() {
                return Err("its files were changed from outside".to_string());
            }
        }
        if manifest.parts.iter().any(|part| part.adopted.is_some()) {
            return Err("another program wrote some of its files".to_string());
        }
        let grouping = &plan.pipeline.groupings[*grouping];
        let own = output.file_schema();
        let places = output.group_places(grouping).filter(|_| output.tells_groups(grouping));
        let Some(GroupPlaces { start, end, keys }) = places else {
            return Err("its columns do not tell which groups its rows are".to_string());
        };
        // What both have may be less than what the files have.
        let shared = |place: Option<usize>| columns.index_of(&own.fields[place?].name);
        let window = WindowColumns::of(grouping, shared(start), shared(end));
        let keys = grouping.keys.iter().cloned().zip(keys.into_iter().map(shared)).collect();
        let differ = Differ::new(&columns, window, keys, &plan.zone, self.shown);
        Ok(RowComparison { differ, old: PartReader { schema: old, ..reader.clone() }, columns, grouping })
    }
}

/// How old and new rows of an output are compared.
struct RowComparison<'a> {
    differ: Differ,
    grouping: &'a Grouping,
    /// Reads the old parts.
    old: PartReader,
    /// The columns that both have.
    columns: Schema,
}

/// The columns `columns` of `rows`.
fn project(rows: &RecordBatch, columns: &Schema) -> Result<RecordBatch> {
    let own = rows.schema();
    // The old files may have the columns in another order, or more of them, so they are found by name.
    let at = columns.names().filter_map(|name| own.index_of(name).ok()).collect::<Vec<_>>();
    rows.project(&at).map_err(|e| Error::machine("columns of a part cannot be compared").caused_by(e))
}

/// Whether a part has the bytes that it had.
fn is_same(old: Option<&Part>, new: Option<&Part>) -> bool {
    matches!((old, new), (Some(old), Some(new)) if old.hash == new.hash)
}
