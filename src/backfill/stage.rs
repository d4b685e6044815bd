//! A correction of what is touched alone.
//!
//! # Contract
//! 1. The given files are read: they name the windows and partitions that are touched, and give the rows that
//!    archives and merged outputs get.
//! 2. If archives get rows, or windows have to be computed again, history is read once more, no further than
//!    those need.
//! 3. The parts concerned are staged; all others stay as they are.

use super::changes;
use super::corrected::PartChange;
use super::correction::{Correction, StagedCorrection};
use super::gather::{OutputGroups, gather};
use super::given::FileRole;
use super::group_output::{GroupOutput, Replace};
use super::history::History;
use super::methods::stored_merging;
use super::outcome::{Corrected, Method, Volume};
use super::partition::{partition, records};
use super::rejects::{Rejected, merged_rejects};
use super::reread::Reread;
use super::states::{RowsOfStates, StateParts};
use super::touched::Touched;
use crate::batch::PartitionPath;
use crate::deliver::{ArchiveFiles, RowsAgain, drafts, events};
use crate::engine::arrivals::ArrivalNeed;
use crate::error::Result;
use crate::group::Merged;
use crate::lookup::Services;
use crate::plan::OutputKind;
use crate::rows::RowStore;
use crate::sink::{Account, InputEntry, ManifestDraft, Part, Watermarks};
use crate::time::FirstAndLast;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::Path;
use std::sync::Arc;

impl<'a> Correction<'a> {
    /// Says what would be done; reads the given files and no history.
    ///
    /// # Errors
    /// As [`Correction::stage`].
    pub fn plan(&self) -> Result<StagedCorrection> {
        let sources = self.sources()?;
        let delta = self.delta(&sources)?;
        sources.services.map(Services::finish).transpose()?;
        let history = self.again(&delta)?.history;
        let planned = (0..self.targets.len()).map(|number| {
            let manifest = &self.in_place.manifests[number];
            let output = &self.pass.plan.deliveries.outputs[self.targets[number].0];
            let mut planned = Corrected::untouched(output, manifest);
            planned.method = self.method(number);
            let mut paths: BTreeSet<PartitionPath> = BTreeSet::new();
            if let Some(partitions) = delta.partitions.get(&number) {
                let Account { read, rejected, .. } = delta.read.tally.account();
                planned.rows_touched = read - rejected;
                paths.extend(partitions.keys().cloned());
            }
            if let Some(OutputGroups { rows, .. }) = delta.merged.get(&number) {
                paths.extend(rows.keys().cloned());
            }
            if let Some(output) = delta.outputs.iter().find(|output| output.number == number) {
                let touched = delta.touched[output.grouping()].as_ref();
                planned.windows = touched.map_or(0, Touched::windows);
                planned.rows_touched = delta.groups[output.grouping()];
                if let (Some(touched), Method::Recomputed) = (touched, planned.method) {
                    paths.extend(output.near(&Replace::Windows(touched)));
                    paths.extend(delta.named.get(&number).into_iter().flatten().cloned());
                }
                if let (Some(touched), Some(state)) = (touched, StateParts::of(output)) {
                    let read = match delta.merged.get(&number) {
                        Some(new) => {
                            let partitions = state.partitions(&new.states, touched);
                            paths.extend(new.states.keys().cloned());
                            paths.extend(output.near(&Replace::Partitions(touched, &partitions)));
                            partitions
                        }
                        None => state.near(touched),
                    };
                    if state.spreads() {
                        // The rows that `top` picks then may be of any group of the window.
                        let there = manifest.parts.iter().map(partition).filter(|path| read.contains(path));
                        paths.extend(there);
                    }
                    planned.read.bytes += state.bytes(&read);
                    planned.written.bytes += state.bytes(&read);
                }
            }
            // Another program may have written several files of a partition, which were adopted.
            let mut found = BTreeSet::new();
            for part in &manifest.parts {
                if paths.contains(&partition(part)) {
                    found.insert(partition(part));
                    planned.read.add(part);
                    planned.written.add(part);
                    planned.unchanged -= 1;
                    planned.parts.push(part.path.clone());
                }
            }
            paths.retain(|path| !found.contains(path));
            planned.added = paths.len();
            // The content of a part of a table, which is not known yet, will be its name.
            let stem = if self.targets[number].1.is_table() { "*" } else { "data" };
            let name = format!("{stem}.{}", output.format.extension());
            planned.parts.extend(paths.iter().map(|path| path.file(&name).display().to_string()));
            planned.parts.sort();
            planned
        });
        let outputs = planned.collect();
        let account = self.in_place.before().account;
        Ok(StagedCorrection {
            drafts: vec![],
            outputs,
            account,
            of_complete: None,
            late: None,
            history,
            rejects: None,
            records: records(&delta.read.reports),
            notes: vec![],
        })
    }

    /// Stages the correction.
    ///
    /// # Errors
    /// Bad data, history that is needed and gone, a part that is not what its manifest says, a machine that fails.
    pub fn stage(&self) -> Result<StagedCorrection> {
        let plan = self.pass.plan;
        let sources = self.sources()?;
        let mut delta = self.delta(&sources)?;
        let Reread { is_needed, intakes, scope, history } = self.again(&delta)?;
        let mut again = match is_needed {
            false => None,
            true => Some(self.pass.read_all(ArrivalNeed::Nothing, &sources, &intakes, &scope)?),
        };
        // Files of the source were known by size alone; parts of an archive are checked before they are read.
        if let (Some(read), History::Source) = (&again, self.history) {
            self.given.are_as_counted(read.reports.iter().flat_map(|report| &report.inputs))?;
        }
        let (account, watermarks) = self.account(&delta.read, &sources)?;
        sources.services.map(Services::finish).transpose()?;
        self.pass.progress.writing();

        // Windows that were computed again, by grouping and then by output.
        let mut recomputed: BTreeMap<usize, OutputGroups> = BTreeMap::new();
        if let Some(read) = &mut again {
            for (g, (tables, space)) in std::mem::take(&mut read.groups).into_with_ids() {
                if !scope.groupings[g] {
                    continue;
                }
                let merged = Merged::new(Arc::new(plan.pipeline.groupings[g].plan.clone()), tables, space)?;
                let own = |o: &&GroupOutput| o.grouping() == g && self.method(o.number) == Method::Recomputed;
                let own: Vec<&GroupOutput> = delta.outputs.iter().filter(own).collect();
                let rows =
                    gather(&self.pass, merged, &own, &|_| true, delta.touched[g].as_ref(), |_| Ok(()))?;
                recomputed.extend(own.iter().map(|output| output.number).zip(rows));
            }
        }
        let (mut rows, mut archived) = match again {
            Some(read) => (read.rows.into_iter(), read.archives.into_iter()),
            None => (vec![].into_iter(), vec![].into_iter()),
        };
        let mut added = std::mem::take(&mut delta.read.archives).into_iter();
        let search = self.given.rows_again(&plan.inputs);
        let mut outputs = vec![];
        for (number, (index, _)) in self.targets.iter().enumerate() {
            let (output, method) = (&plan.deliveries.outputs[*index], self.method(number));
            let manifest = &self.in_place.manifests[number];
            let touched = delta.partitions.remove(&number).unwrap_or_default();
            let stores = match (&output.kind, method) {
                (_, Method::Untouched) => None,
                (OutputKind::Archive(_), _) => {
                    let mut stores = added.next().unwrap_or_default();
                    // Events that are taken out were read to find their windows; they must not stay in the
                    // archive.
                    if self.given.has(FileRole::Retracted) {
                        stores.clear();
                    }
                    stores.extend(archived.next().unwrap_or_default());
                    // Without a touched partition the output takes the branch that keeps all its parts.
                    Some(stores).filter(|_| !touched.is_empty())
                }
                (OutputKind::Rows(_), _) => rows.next().filter(|_| !touched.is_empty()),
                (OutputKind::Groups { .. }, _) => None,
            };
            let groups = delta.outputs.iter().find(|output| output.number == number);
            outputs.push(match (stores, groups) {
                (Some(stores), _) => self.events(number, stores, &touched, search.as_ref())?,
                (None, Some(groups)) => {
                    let touched = delta.touched[groups.grouping()].as_ref();
                    let touched = touched.expect("a grouping in scope has windows");
                    let found = match method {
                        Method::Merged => delta.merged.remove(&number),
                        _ => recomputed.remove(&number),
                    };
                    let corrected = self.groups(groups, found.unwrap_or_default(), touched)?;
                    Corrected {
                        windows: touched.windows(),
                        rows_touched: delta.groups[groups.grouping()],
                        ..corrected
                    }
                }
                (None, None) => {
                    self.in_place.keep(self.transaction, number)?;
                    Corrected { method, ..Corrected::untouched(output, manifest) }
                }
            });
        }
        let notes = self.given.judge(search.as_ref(), self.in_place, &plan.inputs)?;
        let records = records(&delta.read.reports);
        let inputs = self.inputs_with(&delta.read.reports);
        let reports = std::mem::take(&mut delta.read.reports);
        let rejects = merged_rejects(plan, self.in_place, self.given, reports)?;
        let drafts = self.drafts(inputs, account, watermarks, rejects.as_ref());
        let (of_complete, late) = (None, None);
        Ok(StagedCorrection { drafts, outputs, account, of_complete, late, history, rejects, records, notes })
    }

    /// Writes what is new of an output of groups.
    fn groups(&self, groups: &GroupOutput, found: OutputGroups, touched: &Touched) -> Result<Corrected> {
        let (pass, transaction, method) = (&self.pass, self.transaction, self.method(groups.number));
        let OutputGroups { rows, states } = found;
        let state = StateParts::of(groups);
        let merged = method == Method::Merged;
        // Stored values are merged where they say enough; otherwise rows are made from the merged states.
        let merging = stored_merging(pass.plan, groups.output).filter(|_| merged);
        let (mut made, mut volumes) = (None, Default::default());
        if let Some(state) = &state {
            if merged {
                let (rows, of_state) = state.merge(pass, transaction, states, touched, merging.is_none())?;
                (made, volumes) = (Some(rows), of_state);
            } else {
                volumes = state.replace(pass, transaction, states, touched)?;
            }
        }
        let (rows, partitions) = match made {
            Some(RowsOfStates { rows, partitions }) if merging.is_none() => (rows, Some(partitions)),
            _ => (rows, None),
        };
        let replace = match (&merging, &partitions) {
            (Some(merging), _) => Replace::Merging(merging),
            (None, Some(partitions)) => Replace::Partitions(touched, partitions),
            (None, None) => Replace::Windows(touched),
        };
        let mut log = self.log(groups.number, method)?;
        let mut corrected = groups.correct(pass, transaction, rows, &replace, self.shown, log.lines())?;
        let [read, written]: [Volume; 2] = volumes;
        corrected.read.bytes += read.bytes;
        corrected.written.bytes += written.bytes;
        Ok(Corrected { change_log: Some(log.finish()?), ..corrected })
    }

    /// Writes the touched partitions of an archive, or of an output of events.
    fn events(
        &self,
        number: usize,
        stores: Vec<RowStore>,
        touched: &BTreeMap<PartitionPath, Option<FirstAndLast>>,
        again: Option<&RowsAgain>,
    ) -> Result<Corrected> {
        let (index, method) = (self.targets[number].0, self.method(number));
        let output = &self.pass.plan.deliveries.outputs[index];
        let manifest = &self.in_place.manifests[number];
        let paths = self.given.paths();
        let known = match output.kind {
            OutputKind::Archive(_) => events::EventContext::Files(ArchiveFiles { paths: &paths, again }),
            _ => events::EventContext::Resolution(None),
        };
        let wanted = |path: &PartitionPath| touched.contains_key(path);
        events::write(&self.pass, index, number, self.transaction, stores, known, &wanted)?;
        let written = self.transaction.parts(number)?;
        let mut corrected = Corrected { method, ..Corrected::untouched(output, manifest) };
        let mut log = self.log(number, method)?;
        let by_partition = |parts: &[Part]| -> HashMap<PartitionPath, Part> {
            parts.iter().rev().map(|part| (partition(part), part.clone())).collect()
        };
        let (mut old, mut new) = (by_partition(&manifest.parts), by_partition(&written));
        for path in touched.keys() {
            let change = PartChange {
                old: old.remove(path),
                more: vec![],
                new: new.remove(path),
                found: changes::Differences::default(),
            };
            let [before, after] =
                [&change.old, &change.new].map(|part| part.as_ref().map_or(0, |part| part.rows));
            corrected.rows_touched += before.abs_diff(after);
            corrected.note(&change);
            if let Some(part) = change.new.as_ref().or(change.old.as_ref()) {
                changes::log_part(log.lines(), Path::new(&part.path), before, after)?;
            }
        }
        corrected.change_log = Some(log.finish()?);
        for part in manifest.parts.iter().filter(|part| !touched.contains_key(&partition(part))) {
            self.transaction.keep(number, &part.path)?;
        }
        Ok(corrected)
    }

    fn drafts(
        &self,
        inputs: Vec<InputEntry>,
        account: Account,
        watermarks: Option<Watermarks>,
        rejects: Option<&Rejected>,
    ) -> Vec<ManifestDraft> {
        let rejected = rejects.map_or_else(
            || self.in_place.before().rejects.clone(),
            |rejects| rejects.path.as_ref().map(|path| path.display().to_string()),
        );
        let drafts = drafts(self.pass.plan, inputs, account, watermarks, &None);
        let each = drafts.into_iter().zip(&self.in_place.manifests);
        // What an output is has not changed; what it is called where it is streamed is no longer in the plan.
        each.map(|(draft, before)| ManifestDraft {
            output: before.output.clone(),
            rejects: rejected.clone(),
            ..draft
        })
        .collect()
    }
}
