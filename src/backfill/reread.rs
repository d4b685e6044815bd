//! What has to be read again for a correction: parts of archives that get or lose rows, and the events of windows
//! that are computed again.

use super::correction::Correction;
use super::delta::Delta;
use super::given::FileRole;
use super::history::{Archive, History, Ranges, of_files};
use super::outcome::{HistoryRead, Method};
use super::partition::partition;
use super::touched::{Touched, disjoint};
use crate::engine::Scope;
use crate::engine::intake::{Archived, Intake, IntakeRows};
use crate::error::Result;
use crate::plan::OutputKind;
use crate::sink::Part;
use crate::time::FirstAndLast;
use std::collections::BTreeSet;
use std::sync::Arc;

/// What is read again, for which results, and how much of it is history.
pub struct Reread {
    /// Whether anything is to be read: it may turn out to be nothing.
    pub is_needed: bool,
    pub intakes: Vec<Intake>,
    pub scope: Scope,
    pub history: HistoryRead,
}

/// What a correction needs of what was counted before.
struct Needs {
    scope: Scope,
    /// The event times of windows and partitions that are computed again.
    ranges: Ranges,
    /// Of each archive the parts that get or lose rows, by path.
    joined: Vec<BTreeSet<String>>,
}

impl Correction<'_> {
    /// What has to be read again; nothing to read where nothing has.
    ///
    /// # Errors
    /// History that is needed is gone.
    pub fn again(&self, delta: &Delta) -> Result<Reread> {
        let plan = self.pass.plan;
        let Needs { scope, ranges, joined } = self.needs(delta);
        let (mut intakes, mut history) = (vec![], HistoryRead::default());
        // Which events come again, or are the first, is known when all are read.
        let ordered = plan.pipeline.steps.iter().any(|step| step.keys().is_some());
        let counted = match (ranges.is_empty(), ordered) {
            (true, _) => IntakeRows::No,
            (false, true) => IntakeRows::All,
            (false, false) => IntakeRows::Within(Arc::new(ranges.clone())),
        };
        let own = match self.history {
            History::Archive(archive) => archive.own.filter(|own| *own < joined.len()),
            _ => None,
        };
        for (archive, joined) in self.archives.iter().zip(&joined) {
            let counts = |part: &Part| {
                // Events count from one archive alone, or they would count once for each archive.
                archive.own == own && !ranges.is_empty() && (ordered || archive.is_within(part, &ranges))
            };
            let joins = |part: &Part| joined.contains(&part.path);
            let of = |joined: bool, counted: bool| -> Vec<&Part> {
                archive.parts.iter().filter(|part| joins(part) == joined && counts(part) == counted).collect()
            };
            let number = archive.own.map_or(Archived::No, Archived::Only);
            // A part that gets rows and whose events count again is read once for both.
            for (parts, archived, counted) in [
                (of(true, true), number, counted.clone()),
                (of(true, false), number, IntakeRows::No),
                (of(false, true), Archived::No, counted.clone()),
            ] {
                intakes.extend(self.of_archive(archive, &parts, archived, counted)?);
            }
            let read = archive.parts.iter().filter(|part| counts(part));
            read.for_each(|part| history.add(part));
        }
        if !ranges.is_empty() {
            if own.is_none() {
                let (of_history, read) = self.history.intake(plan, self.given, counted)?;
                intakes.extend(of_history);
                history = read;
            }
            intakes.extend(of_files(plan, self.given, FileRole::New, Archived::No, IntakeRows::All)?);
        }
        let is_needed = !ranges.is_empty() || joined.iter().any(|joined| !joined.is_empty());
        Ok(Reread { is_needed, intakes, scope, history })
    }

    fn of_archive(
        &self,
        archive: &Archive,
        parts: &[&Part],
        archived: Archived,
        counted: IntakeRows,
    ) -> Result<Option<Intake>> {
        if parts.is_empty() {
            return Ok(None);
        }
        archive.intake(self.pass.plan, parts, self.given, FileRole::Old, archived, counted).map(Some)
    }

    fn needs(&self, delta: &Delta) -> Needs {
        let plan = self.pass.plan;
        let mut needs = Needs { scope: Scope::none(plan), ranges: vec![], joined: vec![] };
        for output in delta.outputs.iter().filter(|o| self.method(o.number) == Method::Recomputed) {
            needs.scope.groupings[output.grouping()] = true;
            needs.ranges.extend(delta.touched[output.grouping()].iter().flat_map(Touched::ranges));
        }
        for (number, touched) in &delta.partitions {
            let index = self.targets[*number].0;
            needs.scope.outputs[index] = true;
            let manifest = &self.in_place.manifests[*number];
            let parts = manifest.parts.iter().filter(|part| touched.contains_key(&partition(part)));
            match plan.deliveries.outputs[index].kind {
                OutputKind::Archive(_) => needs.joined.push(parts.map(|part| part.path.clone()).collect()),
                _ => {
                    let old = parts.filter_map(|part| Some(FirstAndLast::new(part.first?, part.last?)));
                    let all = old.chain(touched.values().flatten().copied());
                    needs.ranges.extend(all.map(FirstAndLast::range));
                }
            }
        }
        disjoint(&mut needs.ranges);
        needs
    }
}

impl HistoryRead {
    fn add(&mut self, part: &Part) {
        self.files += 1;
        self.bytes += part.bytes;
    }
}
