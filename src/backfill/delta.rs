//! What the given files say: which windows and partitions they touch, and the rows that merged outputs get.

use super::correction::Correction;
use super::gather::{OutputGroups, gather};
use super::given::FileRole;
use super::group_output::GroupOutput;
use super::history::{History, of_files};
use super::methods::{stored_merging, tells_sessions};
use super::outcome::Method;
use super::part_rows::KeyBytes;
use super::touched::{Clusters, Touched};
use crate::batch::PartitionPath;
use crate::deliver::state::{self, are_partitioned_by_group};
use crate::engine::arrivals::ArrivalNeed;
use crate::engine::intake::{Archived, Intake, IntakeRows, Positions};
use crate::engine::steps::Sources;
use crate::engine::{PassResult, Scope};
use crate::error::{Error, Result};
use crate::group::Merged;
use crate::input::{ReadPlan, files};
use crate::plan::{GroupingId, OutputKind, PerId};
use crate::rows::{RowStore, gather_partitions};
use crate::sink::Part;
use crate::time::FirstAndLast;
use crate::window::Window;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// What the given files say.
pub struct Delta<'a> {
    pub read: PassResult,
    /// The rows and the states of merged outputs, by target.
    pub merged: BTreeMap<usize, OutputGroups>,
    /// Per grouping.
    pub touched: PerId<GroupingId, Option<Touched>>,
    /// Per grouping how many groups the events fall in.
    pub groups: PerId<GroupingId, u64>,
    pub outputs: Vec<GroupOutput<'a>>,
    /// The partitions of each archive and output of events that are touched, by target, with the event times of
    /// the new rows.
    pub partitions: BTreeMap<usize, BTreeMap<PartitionPath, Option<FirstAndLast>>>,
    /// The partitions that the new groups lie in, by target, of outputs whose windows are computed again; as far as
    /// windows and keys tell. Of sessions also those of new ones that join one before.
    pub named: BTreeMap<usize, BTreeSet<PartitionPath>>,
}

impl<'a> Correction<'a> {
    /// Reads the given files.
    ///
    /// # Errors
    /// Bad data; of a retraction, what is taken out can no longer be read.
    pub fn delta(&'a self, sources: &Sources) -> Result<Delta<'a>> {
        let plan = self.pass.plan;
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
        let mut read = self.pass.read_all(ArrivalNeed::Nothing, sources, &self.given_intakes()?, &scope)?;
        let mut partitions = BTreeMap::new();
        let (mut rows, mut archives) = (std::mem::take(&mut read.rows).into_iter(), read.archives.iter());
        for (number, (index, _)) in
            self.targets.iter().enumerate().filter(|(_, (index, _))| scope.outputs[*index])
        {
            // These event times say which stretch of history has to be read again for the partitions.
            let touched = match &plan.deliveries.outputs[*index].kind {
                OutputKind::Rows(_) => times(rows.next().unwrap_or_default())?,
                OutputKind::Archive(_) => {
                    let stores = archives.next().into_iter().flatten();
                    stores.flat_map(RowStore::paths).map(|path| (path.clone(), None)).collect()
                }
                OutputKind::Groups { .. } => continue,
            };
            partitions.insert(number, touched);
        }
        let (mut merged_rows, mut touched) = (BTreeMap::new(), PerId::default());
        let mut groups: PerId<GroupingId, u64> = plan.pipeline.grouping_ids().map(|_| 0).collect();
        let mut named = BTreeMap::new();
        for (g, (tables, space)) in std::mem::take(&mut read.groups).into_with_ids() {
            if !scope.groupings[g] {
                // One entry for each grouping keeps the numbers of this list those of the plan.
                touched.push(None);
                continue;
            }
            let grouping = &plan.pipeline.groupings[g];
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
            let again = |o: &&GroupOutput| {
                let by_group = are_partitioned_by_group(o.output, o.post);
                o.grouping() == g && by_group && self.method(o.number) == Method::Recomputed
            };
            let again: Vec<&GroupOutput> = outputs.iter().filter(again).collect();
            let rows = gather(&self.pass, merged, &own, &rows_wanted, None, |block| {
                groups[g] += block.len() as u64;
                for output in &again {
                    let of_block = state::partitions(&self.pass, output.output, output.post, block)?;
                    let named: &mut BTreeSet<PartitionPath> = named.entry(output.number).or_default();
                    named.extend(of_block.into_iter().map(|(path, ..)| path));
                }
                match &mut clusters {
                    None => {
                        windows.extend_from_slice(&block.spans);
                        // A window has many groups: without repeats the list stays as short as the windows.
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
                    // Outputs of one grouping share its sessions, so one that holds all of them is enough.
                    if let Some(output) = outputs.iter().find(tells) {
                        output.grow(&mut clusters)?;
                    }
                    Touched::Sessions(clusters)
                }
            }));
        }
        Ok(Delta { read, merged: merged_rows, touched, groups, outputs, partitions, named })
    }

    /// What is read of the given files.
    fn given_intakes(&self) -> Result<Vec<Intake>> {
        let plan = self.pass.plan;
        if let Some(late) = &self.given.late {
            let read = ReadPlan {
                files: files::listed(std::slice::from_ref(late), None, &plan.inputs)?,
                positions: true,
                ..plan.pipeline.read.clone()
            };
            let (positions, archived, counted) = (Positions::Own, Archived::No, IntakeRows::All);
            return Ok(vec![Intake { read: Arc::new(read), positions, archived, counted }]);
        }
        if self.given.has(FileRole::New) {
            let intake = of_files(plan, self.given, FileRole::New, Archived::All, IntakeRows::All)?;
            return Ok(intake.into_iter().collect());
        }
        // What is taken out may be gone from the disk, but for an archive.
        let there = self.given.with(FileRole::Retracted).all(|(_, entry)| entry.is_in_place(&plan.inputs));
        match self.history {
            History::Archive(archive) if !there => {
                let parts: Vec<&Part> = archive.parts.iter().collect();
                let (archived, counted) = (Archived::All, IntakeRows::All);
                Ok(vec![archive.intake(plan, &parts, self.given, FileRole::Retracted, archived, counted)?])
            }
            _ if !there => {
                let gone =
                    self.given.with(FileRole::Retracted).find(|(_, entry)| !entry.is_in_place(&plan.inputs));
                let path = gone.map(|(_, entry)| entry.path.clone()).unwrap_or_default();
                Err(Error::job(format!("removing events reads them once more, but {path} is missing"))
                    .hint("restore it, or name an archive that contains it with --from-archive"))
            }
            _ => {
                let intake = of_files(plan, self.given, FileRole::Retracted, Archived::All, IntakeRows::All)?;
                Ok(intake.into_iter().collect())
            }
        }
    }
}

/// The partitions of some rows, with their first and last event time.
fn times(stores: Vec<RowStore>) -> Result<BTreeMap<PartitionPath, Option<FirstAndLast>>> {
    let mut all = BTreeMap::new();
    for partition in gather_partitions(stores) {
        let ordered = partition.order()?;
        if let Some(last) = ordered.len().checked_sub(1) {
            let times = FirstAndLast::new(ordered.times(0, 1)[0], ordered.times(last, last + 1)[0]);
            all.insert(partition.path.clone(), Some(times));
        }
    }
    Ok(all)
}
