//! A correction of what is touched alone.
//!
//! # Contract
//! 1. The given files are read: they name the windows and partitions that are touched, and give the rows that
//!    archives and merged outputs get.
//! 2. If archives get rows, or windows have to be computed again, history is read once more, no further than
//!    those need.
//! 3. The parts concerned are staged; all others stay as they are.

use super::given::{Given, InPlace, Role};
use super::groups::{Gathered, GroupOutput, KeyBytes, Replace, gather};
use super::history::{Archive, History, Ranges, of_files};
use super::log::ChangeLog;
use super::methods::{method, stored_merging, tells_sessions};
use super::rejects::{Rejected, merged_rejects};
use super::states::{Made, StateParts};
use super::touched::{Clusters, Touched, disjoint};
use super::{Corrected, HistoryRead, Method, Volume, changes};
use crate::engine::arrivals::Need;
use crate::engine::intake::{Archived, Counted, Intake, Positions};
use crate::engine::steps::Sources;
use crate::engine::worker::Scope;
use crate::engine::{Read, Run, events, tables};
use crate::error::{Error, Result};
use crate::group::Merged;
use crate::input::{ReadPlan, ScanReport, files};
use crate::job::OutputKind;
use crate::lookup::Services;
use crate::rows::{RowStore, gather_partitions};
use crate::sink::{Account, InputEntry, ManifestDraft, Part, Target, Transaction, Watermarks};
use crate::window::Window;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

/// A correction under way.
pub struct Narrow<'a> {
    pub run: Run<'a>,
    pub transaction: &'a Transaction,
    /// Per target its output's number in the plan.
    pub targets: &'a [(usize, Target)],
    pub in_place: &'a InPlace,
    pub given: &'a Given,
    pub history: &'a History,
    /// The archives of the job.
    pub archives: &'a [Archive],
    pub shown: usize,
}

/// A correction that is staged, or planned.
pub struct Done {
    pub drafts: Vec<ManifestDraft>,
    pub outputs: Vec<Corrected>,
    pub account: Account,
    pub history: HistoryRead,
    pub rejects: Option<Rejected>,
    /// Records of each given file, by path.
    pub records: Vec<(String, u64)>,
}

/// What the given files say.
struct Fresh<'a> {
    read: Read,
    /// The rows and the states of merged outputs, by target.
    merged: BTreeMap<usize, Gathered>,
    /// Per grouping.
    touched: Vec<Option<Touched>>,
    /// Per grouping how many groups the events fall in.
    groups: Vec<u64>,
    outputs: Vec<GroupOutput<'a>>,
    /// The partitions of each archive and output of events that are touched, by target, with the event times of
    /// the new rows.
    partitions: BTreeMap<usize, BTreeMap<String, Option<(i64, i64)>>>,
}

impl<'a> Narrow<'a> {
    fn method(&self, number: usize) -> Method {
        method(self.run.plan, self.targets[number].0, self.given)
    }

    /// Says what would be done; reads the given files and no history.
    ///
    /// # Errors
    /// As [`Narrow::stage`].
    pub fn plan(&self) -> Result<Done> {
        let sources = self.sources()?;
        let fresh = self.fresh(&sources)?;
        sources.services.map(Services::finish).transpose()?;
        let (_, history) = self.intakes(&fresh)?;
        let planned = (0..self.targets.len()).map(|number| {
            let manifest = &self.in_place.manifests[number];
            let output = &self.run.plan.outputs[self.targets[number].0];
            let mut planned = Corrected::untouched(output, manifest);
            planned.method = self.method(number);
            let mut paths: BTreeSet<String> = BTreeSet::new();
            if let Some(partitions) = fresh.partitions.get(&number) {
                let Account { read, rejected, .. } = fresh.read.tally.account();
                planned.rows_touched = read - rejected;
                paths.extend(partitions.keys().cloned());
            }
            if let Some(Gathered { rows, .. }) = fresh.merged.get(&number) {
                paths.extend(rows.keys().cloned());
            }
            if let Some(output) = fresh.outputs.iter().find(|output| output.number == number) {
                let touched = fresh.touched[output.grouping()].as_ref();
                planned.windows = touched.map_or(0, Touched::windows);
                planned.rows_touched = fresh.groups[output.grouping()];
                if let (Some(touched), Method::Recomputed) = (touched, planned.method) {
                    paths.extend(output.near(&Replace::Windows(touched)));
                }
                if let (Some(touched), Some(state)) = (touched, StateParts::of(output)) {
                    let read = match fresh.merged.get(&number) {
                        Some(new) => {
                            let partitions = state.partitions(&new.states, touched);
                            paths.extend(partitions.iter().cloned());
                            partitions
                        }
                        None => state.near(touched),
                    };
                    planned.read.bytes += state.bytes(&read);
                    planned.written.bytes += state.bytes(&read);
                }
            }
            for part in &manifest.parts {
                if paths.remove(partition(part)) {
                    planned.read.add(part);
                    planned.written.add(part);
                    planned.unchanged -= 1;
                    planned.parts.push(part.path.clone());
                }
            }
            planned.added = paths.len();
            let name = format!("data.{}", output.format.extension());
            planned.parts.extend(paths.iter().map(|path| Path::new(path).join(&name).display().to_string()));
            planned.parts.sort();
            planned
        });
        let outputs = planned.collect();
        let account = self.in_place.manifests[0].account;
        Ok(Done { drafts: vec![], outputs, account, history, rejects: None, records: records(&fresh.read) })
    }

    /// Stages the correction.
    ///
    /// # Errors
    /// Bad data, history that is needed and gone, a part that is not what its manifest says, a machine that fails.
    pub fn stage(&self) -> Result<Done> {
        let plan = self.run.plan;
        let sources = self.sources()?;
        let mut fresh = self.fresh(&sources)?;
        let (intakes, history) = self.intakes(&fresh)?;
        let mut again = match intakes {
            Some((intakes, scope)) => {
                let read = self.run.read_all(Need::Nothing, &sources, &intakes, &scope)?;
                if matches!(self.history, History::Source) {
                    self.given.are_as_counted(read.reports.iter().flat_map(|report| &report.inputs))?;
                }
                Some((read, scope))
            }
            None => None,
        };
        let (account, watermarks) = self.account(&fresh.read, &sources)?;
        sources.services.map(Services::finish).transpose()?;
        self.run.progress.writing();

        // Windows that were computed again, by grouping and then by output.
        let mut recomputed: BTreeMap<usize, Gathered> = BTreeMap::new();
        if let Some((read, scope)) = &mut again {
            for (g, (tables, space)) in std::mem::take(&mut read.groups).into_iter().enumerate() {
                if !scope.groupings[g] {
                    continue;
                }
                let merged = Merged::new(Arc::new(plan.groupings[g].plan.clone()), tables, space)?;
                let own = |o: &&GroupOutput| o.grouping() == g && self.method(o.number) == Method::Recomputed;
                let own: Vec<&GroupOutput> = fresh.outputs.iter().filter(own).collect();
                let rows = gather(&self.run, merged, &own, &|_| true, fresh.touched[g].as_ref(), |_| Ok(()))?;
                recomputed.extend(own.iter().map(|output| output.number).zip(rows));
            }
        }
        let (mut rows, mut archived) = match again {
            Some((read, _)) => (read.rows.into_iter(), read.archives.into_iter()),
            None => (vec![].into_iter(), vec![].into_iter()),
        };
        let mut added = std::mem::take(&mut fresh.read.archives).into_iter();
        let mut outputs = vec![];
        for (number, (index, _)) in self.targets.iter().enumerate() {
            let (output, method) = (&plan.outputs[*index], self.method(number));
            let manifest = &self.in_place.manifests[number];
            let touched = fresh.partitions.remove(&number).unwrap_or_default();
            let stores = match (&output.kind, method) {
                (_, Method::Untouched) => None,
                (OutputKind::Archive(_), _) => {
                    let mut stores = added.next().unwrap_or_default();
                    if self.given.has(Role::Retracted) {
                        stores.clear();
                    }
                    stores.extend(archived.next().unwrap_or_default());
                    Some(stores).filter(|_| !touched.is_empty())
                }
                (OutputKind::Rows(_), _) => rows.next().filter(|_| !touched.is_empty()),
                (OutputKind::Groups { .. }, _) => None,
            };
            let groups = fresh.outputs.iter().find(|output| output.number == number);
            outputs.push(match (stores, groups) {
                (Some(stores), _) => self.events(number, stores, &touched)?,
                (None, Some(groups)) => {
                    let touched = fresh.touched[groups.grouping()].as_ref();
                    let touched = touched.expect("a grouping in scope has windows");
                    let found = match method {
                        Method::Merged => fresh.merged.remove(&number),
                        _ => recomputed.remove(&number),
                    };
                    let corrected = self.groups(groups, found.unwrap_or_default(), touched)?;
                    Corrected {
                        windows: touched.windows(),
                        rows_touched: fresh.groups[groups.grouping()],
                        ..corrected
                    }
                }
                (None, None) => {
                    for part in &manifest.parts {
                        self.transaction.keep(number, &part.path)?;
                    }
                    for part in &manifest.state {
                        self.transaction.keep_state_part(number, &part.path)?;
                    }
                    Corrected { method, ..Corrected::untouched(output, manifest) }
                }
            });
        }
        let records = records(&fresh.read);
        let inputs = self.inputs_with(&fresh.read.reports);
        let reports = std::mem::take(&mut fresh.read.reports);
        let rejects = merged_rejects(plan, self.in_place, self.given, reports)?;
        let drafts = self.drafts(inputs, account, watermarks, rejects.as_ref());
        Ok(Done { drafts, outputs, account, history, rejects, records })
    }

    /// Writes what is new of an output of groups.
    fn groups(&self, groups: &GroupOutput, found: Gathered, touched: &Touched) -> Result<Corrected> {
        let (run, transaction, method) = (&self.run, self.transaction, self.method(groups.number));
        let Gathered { rows, states } = found;
        let state = StateParts::of(groups);
        let merged = method == Method::Merged;
        let merging = stored_merging(run.plan, groups.output).filter(|_| merged);
        let (mut made, mut volumes) = (None, Default::default());
        if let Some(state) = &state {
            if merged {
                let (rows, of_state) = state.merge(run, transaction, states, touched, merging.is_none())?;
                (made, volumes) = (Some(rows), of_state);
            } else {
                volumes = state.replace(run, transaction, states, touched)?;
            }
        }
        let (rows, partitions) = match made {
            Some(Made { rows, partitions }) if merging.is_none() => (rows, Some(partitions)),
            _ => (rows, None),
        };
        let replace = match (&merging, &partitions) {
            (Some(merging), _) => Replace::Merging(merging),
            (None, Some(partitions)) => Replace::Partitions(touched, partitions),
            (None, None) => Replace::Windows(touched),
        };
        let mut log = self.log(groups.number, method)?;
        let mut corrected = groups.correct(run, transaction, rows, &replace, self.shown, log.lines())?;
        let [read, written]: [Volume; 2] = volumes;
        corrected.read.bytes += read.bytes;
        corrected.written.bytes += written.bytes;
        Ok(Corrected { change_log: Some(log.finish()?), ..corrected })
    }

    fn sources(&self) -> Result<Sources> {
        let tables = tables::read(&self.run)?;
        self.run.sources(tables.tables)
    }

    /// Begins the change log of an output.
    pub fn log(&self, number: usize, method: Method) -> Result<ChangeLog> {
        ChangeLog::begin(self.transaction, (number, &self.targets[number].1), &self.given.files, method)
    }

    /// What is read of the given files.
    fn given_intakes(&self) -> Result<Vec<Intake>> {
        let plan = self.run.plan;
        if let Some(late) = &self.given.late {
            let read = ReadPlan {
                files: files::listed(std::slice::from_ref(late), None)?,
                positions: true,
                ..plan.read.clone()
            };
            let (positions, archived, counted) = (Positions::Own, Archived::No, Counted::All);
            return Ok(vec![Intake { read: Arc::new(read), positions, archived, counted }]);
        }
        if self.given.has(Role::New) {
            let intake = of_files(plan, self.given, Role::New, Archived::All, Counted::All)?;
            return Ok(intake.into_iter().collect());
        }
        // What is taken out may be gone from the disk, but for an archive.
        let there = self.given.with(Role::Retracted).all(|(_, entry)| entry.is_in_place());
        match self.history {
            History::Archive(archive) if !there => {
                let parts: Vec<&Part> = archive.parts.iter().collect();
                let roles = [Role::Retracted];
                let (archived, counted) = (Archived::All, Counted::All);
                Ok(vec![archive.intake(plan, &parts, self.given, &roles, archived, counted)?])
            }
            _ if !there => {
                let gone = self.given.with(Role::Retracted).find(|(_, entry)| !entry.is_in_place());
                let path = gone.map(|(_, entry)| entry.path.clone()).unwrap_or_default();
                Err(Error::job(format!(
                    "what is taken out has to be read once more, and {path} is not there"
                ))
                .hint("give it back, or name an archive that holds it with --from-archive"))
            }
            _ => {
                let intake = of_files(plan, self.given, Role::Retracted, Archived::All, Counted::All)?;
                Ok(intake.into_iter().collect())
            }
        }
    }

    fn fresh(&'a self, sources: &Sources) -> Result<Fresh<'a>> {
        let plan = self.run.plan;
        let mut scope = Scope::none(plan);
        let mut outputs = vec![];
        for (number, (index, target)) in self.targets.iter().enumerate() {
            if self.method(number) == Method::Untouched {
                continue;
            }
            scope.outputs[*index] = true;
            if let Some(output) = GroupOutput::new(plan, *index, (number, target), self.in_place) {
                scope.groupings[output.grouping()] = true;
                outputs.push(output);
            }
        }
        let mut read = self.run.read_all(Need::Nothing, sources, &self.given_intakes()?, &scope)?;
        let mut partitions = BTreeMap::new();
        let (mut rows, mut archives) = (std::mem::take(&mut read.rows).into_iter(), read.archives.iter());
        for (number, (index, _)) in
            self.targets.iter().enumerate().filter(|(_, (index, _))| scope.outputs[*index])
        {
            let touched = match &plan.outputs[*index].kind {
                OutputKind::Rows(_) => times(rows.next().unwrap_or_default())?,
                OutputKind::Archive(_) => {
                    let stores = archives.next().into_iter().flatten();
                    stores.flat_map(RowStore::paths).map(|path| (path.to_string(), None)).collect()
                }
                OutputKind::Groups { .. } => continue,
            };
            partitions.insert(number, touched);
        }
        let (mut merged_rows, mut touched) = (BTreeMap::new(), vec![]);
        let mut groups = vec![0; plan.groupings.len()];
        for (g, (tables, space)) in std::mem::take(&mut read.groups).into_iter().enumerate() {
            if !scope.groupings[g] {
                touched.push(None);
                continue;
            }
            let grouping = &plan.groupings[g];
            let merged = Merged::new(Arc::new(grouping.plan.clone()), tables, space)?;
            let own = |o: &&GroupOutput| o.grouping() == g && self.method(o.number) == Method::Merged;
            let own: Vec<&GroupOutput> = outputs.iter().filter(own).collect();
            let mut clusters = match grouping.plan.window {
                Window::Session { gap } => Some(Clusters::new(gap)),
                _ => None,
            };
            let mut windows = vec![];
            // Where states are merged, results of the new events alone say nothing.
            let rows_wanted = |o: &GroupOutput| stored_merging(plan, o.output).is_some();
            let rows = gather(&self.run, merged, &own, &rows_wanted, None, |block| {
                groups[g] += block.len() as u64;
                match &mut clusters {
                    None => {
                        windows.extend_from_slice(&block.spans);
                        windows.dedup();
                    }
                    Some(clusters) => {
                        let keys = KeyBytes::new(&block.keys)?;
                        let sessions = block.spans.iter().enumerate();
                        sessions.for_each(|(row, span)| clusters.add(keys.row(row), *span));
                    }
                }
                Ok(())
            })?;
            merged_rows.extend(own.iter().map(|output| output.number).zip(rows));
            touched.push(Some(match clusters {
                None => {
                    windows.sort_unstable();
                    windows.dedup();
                    Touched::Windows(windows)
                }
                Some(mut clusters) => {
                    clusters.join();
                    let tells = |o: &&GroupOutput| o.grouping() == g && tells_sessions(plan, o.output);
                    if let Some(output) = outputs.iter().find(tells) {
                        output.grow(&mut clusters)?;
                    }
                    Touched::Sessions(clusters)
                }
            }));
        }
        Ok(Fresh { read, merged: merged_rows, touched, groups, outputs, partitions })
    }

    /// What has to be read again, for which results, and how much of it is history; nothing where nothing has.
    #[allow(clippy::type_complexity)]
    fn intakes(&self, fresh: &Fresh) -> Result<(Option<(Vec<Intake>, Scope)>, HistoryRead)> {
        let plan = self.run.plan;
        let mut scope = Scope::none(plan);
        let mut ranges: Ranges = vec![];
        for output in fresh.outputs.iter().filter(|o| self.method(o.number) == Method::Recomputed) {
            scope.groupings[output.grouping()] = true;
            ranges.extend(fresh.touched[output.grouping()].iter().flat_map(Touched::ranges));
        }
        // The parts of each archive that get or lose rows.
        let mut joined: Vec<BTreeSet<&str>> = vec![];
        for (number, touched) in &fresh.partitions {
            let index = self.targets[*number].0;
            scope.outputs[index] = true;
            let manifest = &self.in_place.manifests[*number];
            let parts = manifest.parts.iter().filter(|part| touched.contains_key(partition(part)));
            match plan.outputs[index].kind {
                OutputKind::Archive(_) => joined.push(parts.map(|part| part.path.as_str()).collect()),
                _ => {
                    ranges.extend(parts.filter_map(|part| Some((part.first?, part.last?.saturating_add(1)))));
                    let new = touched.values().flatten();
                    ranges.extend(new.map(|(first, last)| (*first, last.saturating_add(1))));
                }
            }
        }
        disjoint(&mut ranges);
        let none = ranges.is_empty();
        if none && joined.iter().all(BTreeSet::is_empty) {
            return Ok((None, HistoryRead::default()));
        }
        // Which events come again, or are the first, is known when all are read.
        let ordered = plan.steps.iter().any(|step| step.keys().is_some());
        let counted = match (none, ordered) {
            (true, _) => Counted::No,
            (false, true) => Counted::All,
            (false, false) => Counted::Within(Arc::new(ranges.clone())),
        };
        let mut intakes = vec![];
        let mut volume = HistoryRead::default();
        let own = match self.history {
            History::Archive(archive) => archive.own,
            _ => None,
        };
        for (k, joined) in joined.iter().enumerate() {
            let archive = &self.archives[k];
            let counts =
                |part: &&Part| own == Some(k) && !none && (ordered || archive.is_within(part, &ranges));
            let joins = archive.parts.iter().filter(|part| joined.contains(part.path.as_str()));
            let (both, only): (Vec<&Part>, Vec<&Part>) = joins.partition(counts);
            for (parts, counted) in [(both, counted.clone()), (only, Counted::No)] {
                if !parts.is_empty() {
                    let roles = [Role::Old];
                    intakes.push(archive.intake(
                        plan,
                        &parts,
                        self.given,
                        &roles,
                        Archived::Only(k),
                        counted,
                    )?);
                }
            }
            if own == Some(k) && !none {
                let near = archive.parts.iter().filter(|part| counts(part));
                let near: Vec<&Part> = near.collect();
                volume = HistoryRead { files: near.len(), bytes: near.iter().map(|part| part.bytes).sum() };
                let rest: Vec<&Part> =
                    near.into_iter().filter(|part| !joined.contains(part.path.as_str())).collect();
                if !rest.is_empty() {
                    let (roles, archived) = ([Role::Old], Archived::No);
                    intakes.push(archive.intake(
                        plan,
                        &rest,
                        self.given,
                        &roles,
                        archived,
                        counted.clone(),
                    )?);
                }
            }
        }
        if own.is_none_or(|k| k >= joined.len()) && !none {
            let (of_history, read) = self.history.intakes(plan, self.given, &[Role::Old], counted)?;
            intakes.extend(of_history);
            volume = read;
        }
        if !none {
            intakes.extend(of_files(plan, self.given, Role::New, Archived::No, Counted::All)?);
        }
        Ok((Some((intakes, scope)), volume))
    }

    /// Writes the touched partitions of an archive, or of an output of events.
    fn events(
        &self,
        number: usize,
        stores: Vec<RowStore>,
        touched: &BTreeMap<String, Option<(i64, i64)>>,
    ) -> Result<Corrected> {
        let (index, method) = (self.targets[number].0, self.method(number));
        let output = &self.run.plan.outputs[index];
        let manifest = &self.in_place.manifests[number];
        let paths = self.given.paths();
        let known = match output.kind {
            OutputKind::Archive(_) => events::Known::Files(&paths),
            _ => events::Known::Verdicts(None),
        };
        let wanted = |path: &str| touched.contains_key(path);
        events::write(&self.run, index, number, self.transaction, stores, known, &wanted)?;
        let written = self.transaction.parts(number)?;
        let mut corrected = Corrected { method, ..Corrected::untouched(output, manifest) };
        let mut log = self.log(number, method)?;
        for path in touched.keys() {
            let of = |parts: &[Part]| parts.iter().find(|part| partition(part) == path).cloned();
            let change = super::groups::PartChange {
                old: of(&manifest.parts),
                new: of(&written),
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
        for part in manifest.parts.iter().filter(|part| !touched.contains_key(partition(part))) {
            self.transaction.keep(number, &part.path)?;
        }
        Ok(corrected)
    }

    /// The account and the event times after the correction.
    fn account(&self, read: &Read, sources: &Sources) -> Result<(Account, Option<Watermarks>)> {
        let before = &self.in_place.manifests[0];
        let (new, mut account) = (read.tally.account(), before.account);
        let (old, seen) = (before.watermarks, read.tally.watermarks());
        if self.given.late.is_some() {
            account.late -= new.read;
            account.counted += new.read;
            return Ok((account, old));
        }
        if self.given.has(Role::New) {
            account.add(&new);
            let both = match (old, seen) {
                (Some(old), Some(new)) => Some(Watermarks {
                    min_event_time: old.min_event_time.min(new.min_event_time),
                    max_event_time: old.max_event_time.max(new.max_event_time),
                    ..old
                }),
                (old, new) => old.or(new),
            };
            return Ok((account, both));
        }
        // An archive has no record that could not be read, and records of other files beside these.
        let counted = new.filtered + new.duplicate + new.late + new.counted;
        let gone = |input: &&InputEntry| self.given.with(Role::Retracted).any(|(_, e)| e.path == input.path);
        let records = self.in_place.inputs.iter().filter(gone).map(|input| input.records).sum();
        account.take(&Account { read: records, rejected: records.saturating_sub(counted), ..new });
        let edge = |old: Watermarks, gone: Watermarks| {
            gone.min_event_time <= old.min_event_time || gone.max_event_time >= old.max_event_time
        };
        if !old.zip(seen).is_some_and(|(old, gone)| edge(old, gone)) {
            return Ok((account, old));
        }
        // The first or the last event goes: what is left says which come now.
        let (intakes, _) = self.history.intakes(self.run.plan, self.given, &[Role::Old], Counted::All)?;
        let left = self.run.read_all(Need::Nothing, sources, &intakes, &Scope::none(self.run.plan))?;
        let watermark = old.and_then(|old| old.watermark);
        Ok((account, left.tally.watermarks().map(|left| Watermarks { watermark, ..left })))
    }

    /// The files that count now, in position order, then those of tables.
    pub fn inputs_with(&self, reports: &[ScanReport]) -> Vec<InputEntry> {
        let reports = || reports.iter().flat_map(|report| &report.inputs);
        let source = self.given.source.iter().filter_map(|entry| match entry.role {
            Role::Retracted => None,
            Role::Old => self.in_place.inputs.iter().find(|input| input.path == entry.path).cloned(),
            Role::New => {
                let report = reports().find(|report| report.path == Path::new(&entry.path))?;
                let (path, hash) = (entry.path.clone(), report.hash.clone());
                Some(InputEntry { path, bytes: report.bytes, hash, records: report.records, table: None })
            }
        });
        source.chain(self.in_place.tables.iter().cloned()).collect()
    }

    fn drafts(
        &self,
        inputs: Vec<InputEntry>,
        account: Account,
        watermarks: Option<Watermarks>,
        rejects: Option<&Rejected>,
    ) -> Vec<ManifestDraft> {
        let rejected = rejects.map_or_else(
            || self.in_place.manifests[0].rejects.clone(),
            |rejects| rejects.path.as_ref().map(|path| path.display().to_string()),
        );
        let drafts = self.run.drafts(inputs, account, watermarks, &None);
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

/// The path of the partition that a part is.
pub fn partition(part: &Part) -> &str {
    folder(&part.path)
}

/// The folder of a path.
pub fn folder(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(folder, _)| folder)
}

/// The partitions of some rows, with their first and last event time.
fn times(stores: Vec<RowStore>) -> Result<BTreeMap<String, Option<(i64, i64)>>> {
    let mut all = BTreeMap::new();
    for partition in gather_partitions(stores) {
        let ordered = partition.order()?;
        if let Some(last) = ordered.len().checked_sub(1) {
            let times = (ordered.times(0, 1)[0], ordered.times(last, last + 1)[0]);
            all.insert(partition.path.clone(), Some(times));
        }
    }
    Ok(all)
}

/// Records of each file that was read.
pub fn records(read: &Read) -> Vec<(String, u64)> {
    let inputs = read.reports.iter().flat_map(|report| &report.inputs);
    inputs.map(|input| (input.path.display().to_string(), input.records)).collect()
}
