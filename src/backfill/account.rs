//! The account, the event times and the inputs after a correction.

use super::correction::Correction;
use super::given::{FileRole, InPlace};
use crate::engine::arrivals::ArrivalNeed;
use crate::engine::intake::IntakeRows;
use crate::engine::steps::Sources;
use crate::engine::{PassResult, Scope};
use crate::error::{Error, Result};
use crate::input::{InputReport, ScanReport};
use crate::plan::{Mode, OutputId, Plan};
use crate::sink::{Account, InputEntry, Target, Watermarks};
use std::collections::HashMap;
use std::path::Path;

/// The accounts of the outputs in place: that of the job, and, where steps of both modes tell them apart, that of its
/// `complete` outputs.
pub fn accounts(
    plan: &Plan,
    targets: &[(OutputId, Target)],
    in_place: &InPlace,
) -> (Account, Option<Account>) {
    if !plan.needs_both_modes() {
        return (in_place.before().account, None);
    }
    let of = |mode| {
        let mut each = targets.iter().zip(&in_place.manifests);
        let found = each.find(|((id, _), _)| plan.deliveries.outputs[*id].mode == Some(mode));
        found.map(|(_, manifest)| manifest.account)
    };
    (of(Mode::Streamed).unwrap_or(in_place.before().account), of(Mode::Complete))
}

impl Correction<'_> {
    /// The account and the event times after the correction.
    pub fn account(&self, read: &PassResult, sources: &Sources) -> Result<(Account, Option<Watermarks>)> {
        let before = &self.in_place.before();
        let (new, mut account) = (read.tally.account(), before.account);
        let (old, seen) = (before.watermarks, read.tally.watermarks());
        if self.given.late.is_some() {
            // The account moves all late events to `counted`, so a part of the late output would not balance.
            if new.read != account.late {
                let (given, late) = (new.read, account.late);
                return Err(Error::data(format!("{given} late events are given, but {late} were left out"))
                    .hint("give the whole late output, as the last run wrote it"));
            }
            account.counted += std::mem::take(&mut account.late);
            return Ok((account, old));
        }
        if self.given.has(FileRole::New) {
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
        let gone =
            |input: &&InputEntry| self.given.with(FileRole::Retracted).any(|(_, e)| e.path == input.path);
        let records = self.in_place.inputs.iter().filter(gone).map(|input| input.records).sum();
        account.take(&Account { read: records, rejected: records.saturating_sub(counted), ..new });
        let edge = |old: Watermarks, gone: Watermarks| {
            gone.min_event_time <= old.min_event_time || gone.max_event_time >= old.max_event_time
        };
        if !old.zip(seen).is_some_and(|(old, gone)| edge(old, gone)) {
            return Ok((account, old));
        }
        // The first or the last event goes: what is left says which come now.
        let (intake, _) = self.history.intake(self.pass.plan, self.given, IntakeRows::All)?;
        let left = self.pass.read_all(
            ArrivalNeed::Nothing,
            sources,
            intake.as_slice(),
            &Scope::none(self.pass.plan),
        )?;
        let watermark = old.and_then(|old| old.watermark);
        Ok((account, left.tally.watermarks().map(|left| Watermarks { watermark, ..left })))
    }

    /// The files that count now, in position order, then those of tables.
    pub fn inputs_with(&self, reports: &[ScanReport]) -> Vec<InputEntry> {
        let reports = reports.iter().flat_map(|report| &report.inputs);
        let read: HashMap<&Path, &InputReport> =
            reports.map(|report| (report.path.as_path(), report)).collect();
        let old: HashMap<&str, &InputEntry> =
            self.in_place.inputs.iter().map(|input| (input.path.as_str(), input)).collect();
        let source = self.given.source.iter().filter_map(|entry| match entry.role {
            FileRole::Retracted => None,
            // An old file is often read in part here, or not at all: its counts stand in the manifest.
            FileRole::Old => old.get(entry.path.as_str()).map(|input| (*input).clone()),
            FileRole::New => {
                let report = read.get(Path::new(&entry.path))?;
                let (path, hash) = (entry.path.clone(), report.hash.clone());
                let etag = report.etag.clone();
                Some(InputEntry {
                    path,
                    bytes: report.bytes,
                    hash,
                    etag,
                    records: report.records,
                    table: None,
                })
            }
        });
        source.chain(self.in_place.tables.iter().cloned()).collect()
    }
}
