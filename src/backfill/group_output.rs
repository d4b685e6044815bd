//! Outputs of groups: the rows of touched windows, merged or computed again, take the place of the old ones.
//!
//! # Contract
//! A part is written from all of its rows in order, as a run writes it, so its bytes are those that a run
//! over all events would give. A part that no touched window lies in is neither read nor written.

use super::changes::{Differ, Differences};
use super::combine::merge_rows;
use super::corrected::PartChange;
use super::given::InPlace;
use super::methods::Merging;
use super::outcome::{Corrected, Method};
use super::part_rows::{KeyBytes, in_order, only, part_keys, unlike, write_part};
use super::part_rows::{NewRows, WindowColumns};
use super::partition::partition;
use super::parts::PartReader;
use super::splice::{in_windows, matched, matches, splice};
use super::touched::{Clusters, Touched};
use crate::batch::{PartitionPath, plain_strings, record_batch};
use crate::deliver::shape::PartitionRows;
use crate::engine::Pass;
use crate::error::Result;
use crate::plan::{GroupPlaces, Grouping, GroupingId, OutputId, OutputKind, OutputPlan, Plan, Post};
use crate::sink::{AdoptedFile, Manifest, Part, Target, Transaction};
use crate::time::TimeRange;
use crate::window::Window;
use arrow_array::{ArrayRef, RecordBatch};
use arrow_buffer::BooleanBuffer;
use arrow_select::concat::concat_batches;
use rayon::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

/// A grouped output that is corrected.
pub struct GroupOutput<'a> {
    /// Its number among the targets.
    pub number: usize,
    pub output: &'a OutputPlan,
    pub post: &'a Post,
    pub grouping: &'a Grouping,
    reader: PartReader,
    /// Where its files have bounds and keys.
    places: GroupPlaces,
    /// How the windows of their rows are found; none where there is one for all of time.
    windows: Option<WindowColumns>,
    pub manifest: &'a Manifest,
    /// Its state folder.
    pub state: PathBuf,
}

/// How the rows of an output take the place of old ones.
pub enum Replace<'a> {
    /// Each is merged with the old row of its window and keys.
    Merging(&'a Merging),
    /// They are all that these windows have.
    Windows(&'a Touched),
    /// They are all that these windows have in these partitions.
    Partitions(&'a Touched, &'a BTreeSet<PartitionPath>),
}

impl<'a> GroupOutput<'a> {
    /// The output `id` of the plan, if it is one of groups.
    pub fn new(
        plan: &'a Plan,
        id: OutputId,
        (number, target): (usize, &Target),
        in_place: &'a InPlace,
    ) -> Option<GroupOutput<'a>> {
        let output = &plan.deliveries.outputs[id];
        let OutputKind::Groups { grouping, post } = &output.kind else { return None };
        let reader = PartReader { root: target.root(), format: output.format, schema: output.file_schema() };
        let (grouping, manifest) = (&plan.pipeline.groupings[*grouping], &in_place.manifests[number]);
        let places = output.group_places(grouping)?;
        let windows = WindowColumns::of(grouping, places.start, places.end);
        let state = target.state();
        Some(GroupOutput { number, output, post, grouping, reader, places, windows, manifest, state })
    }

    /// Its grouping.
    pub fn grouping(&self) -> GroupingId {
        match &self.output.kind {
            OutputKind::Groups { grouping, .. } => *grouping,
            // `new` gives `None` for every other kind.
            _ => unreachable!("an output of groups"),
        }
    }

    fn is_global(&self) -> bool {
        self.grouping.plan.window == Window::Global
    }

    /// The columns of its files that rows are sorted by: bounds, and with `keys` the keys.
    fn order(&self, keys: bool) -> Vec<usize> {
        let GroupPlaces { start, end, keys: of_keys } = &self.places;
        let of_keys = of_keys.iter().flatten().filter(|_| keys);
        start.iter().chain(end).chain(of_keys).copied().collect()
    }

    /// The bounds of the window of each row of one of its files; nothing where there is one window for all of time.
    fn spans(&self, rows: &RecordBatch) -> Result<Vec<TimeRange>> {
        self.windows.as_ref().map_or_else(|| Ok(vec![]), |windows| windows.spans(rows))
    }

    /// The keys of the rows of one of its files, where they all stand in the file.
    fn keys(&self, rows: &RecordBatch) -> Result<KeyBytes> {
        let keys: Vec<ArrayRef> =
            self.places.keys.iter().flatten().map(|&c| rows.column(c).clone()).collect();
        KeyBytes::new(&keys)
    }

    /// The rows that lie in a cluster of their key. Only of outputs that tell their sessions: their keys stand
    /// in the files.
    fn in_clusters(&self, rows: &RecordBatch, clusters: &Clusters) -> Result<BooleanBuffer> {
        let keys = self.keys(rows)?;
        let inside = self.spans(rows)?.into_iter().enumerate();
        Ok(inside.map(|(row, span)| clusters.holds(keys.row(row), span)).collect())
    }

    /// Lets clusters grow by the sessions that the output holds, until they hold all that touch them.
    ///
    /// # Errors
    /// A part cannot be read.
    pub fn grow(&self, clusters: &mut Clusters) -> Result<()> {
        let mut left: Vec<&Part> = self.manifest.parts.iter().collect();
        loop {
            // A cluster that has grown can reach parts that lay apart from it before, so the rest is asked
            // again.
            let extents = clusters.extents();
            let (near, rest): (Vec<&Part>, Vec<&Part>) =
                left.into_iter().partition(|part| extents.may_lie_in(part.first, part.last));
            if near.is_empty() {
                return Ok(());
            }
            left = rest;
            for part in near {
                let rows = self.reader.read(part)?;
                let keys = self.keys(&rows)?;
                let spans = self.spans(&rows)?;
                // Streamed sessions of a key may overlap: what has grown may touch one that came before.
                loop {
                    let grown = (0..rows.num_rows()).filter(|&row| clusters.grow(keys.row(row), spans[row]));
                    if grown.count() == 0 {
                        break;
                    }
                }
            }
        }
    }

    /// Of shaped rows those of touched windows, by partition.
    pub fn select(&self, shaped: PartitionRows, touched: Option<&Touched>, into: &mut NewRows) -> Result<()> {
        let schema = self.reader.schema.arrow();
        // Parts hold plain texts and shaped columns dictionaries: rows of both are put together later.
        let columns = self.output.written().into_iter().map(|c| plain_strings(&shaped.columns[c])).collect();
        let rows = record_batch(&schema, columns)?;
        for (path, from, len) in shaped.stretches {
            let mut rows = rows.slice(from, len);
            let inside = match touched {
                Some(Touched::Windows(windows)) if !self.is_global() => {
                    Some(in_windows(&self.spans(&rows)?, windows))
                }
                Some(Touched::Sessions(clusters)) => Some(self.in_clusters(&rows, clusters)?),
                _ => None,
            };
            if let Some(inside) = inside {
                rows = only(&rows, inside)?;
            }
            if rows.num_rows() > 0 {
                into.entry(path).or_default().push(rows);
            }
        }
        Ok(())
    }

    /// Writes the parts that `new` rows go to, or that the windows that they replace lie in. Changes are written to `log`.
    ///
    /// # Errors
    /// A part is not what the manifest says; an overflow; the disk fails.
    pub fn correct(
        &self,
        pass: &Pass,
        transaction: &Transaction,
        mut new: NewRows,
        replace: &Replace,
        shown: usize,
        log: &mut dyn std::io::Write,
    ) -> Result<Corrected> {
        // A partition has one part, but for those of other programs that were adopted.
        let mut old: BTreeMap<PartitionPath, Vec<&Part>> = BTreeMap::new();
        for part in &self.manifest.parts {
            old.entry(partition(part)).or_default().push(part);
        }
        let mut paths = self.near(replace);
        paths.extend(new.keys().cloned());
        for (path, parts) in &old {
            if !paths.contains(path) {
                parts.iter().try_for_each(|part| transaction.keep(self.number, &part.path).map(drop))?;
            }
        }
        let work: Vec<(PartitionPath, Vec<RecordBatch>)> =
            paths.into_iter().map(|path| (path.clone(), new.remove(&path).unwrap_or_default())).collect();
        let keys = self.grouping.keys.iter().cloned().zip(self.places.keys.iter().copied()).collect();
        let differ = Differ::new(&self.reader.schema, self.windows.clone(), keys, &pass.plan.zone, shown);
        let written: Vec<(PartChange, Vec<u8>)> = work
            .into_par_iter()
            .map(|(path, new)| {
                let parts = old.get(&path).map_or(&[][..], Vec::as_slice);
                // Each part has its own lines, which are joined in order: the log does not depend on the
                // threads.
                let mut lines = vec![];
                let change = self.part(pass, transaction, &path, parts, new, replace, &differ, &mut lines)?;
                Ok((change, lines))
            })
            .collect::<Result<_>>()?;
        let mut corrected = Corrected::untouched(self.output, self.manifest);
        corrected.method = match replace {
            Replace::Merging(_) | Replace::Partitions(..) => Method::Merged,
            Replace::Windows(_) => Method::Recomputed,
        };
        let mut found = Differences::default();
        for (change, lines) in written {
            log.write_all(&lines).map_err(crate::backfill::log::failed)?;
            corrected.note(&change);
            found.absorb(change.found, shown);
        }
        corrected.changes = found.changes;
        corrected.changed = found.values;
        // As a plan has them: by the whole path, not by the partition's.
        corrected.parts.sort();
        Ok(corrected)
    }

    /// The rows of a partition, in order.
    fn old(&self, parts: &[&Part]) -> Result<RecordBatch> {
        let schema = self.reader.schema.arrow();
        let read = parts.iter().map(|part| self.reader.read(part)).collect::<Result<Vec<_>>>()?;
        let rows = concat_batches(&schema, &read).map_err(unlike)?;
        // Another program may have written rows in any order.
        match parts.iter().any(|part| part.adopted.is_some()) {
            true => in_order(&rows, &self.order(true)),
            false => Ok(rows),
        }
    }

    /// The partitions in place that windows which are replaced may lie in.
    pub fn near(&self, replace: &Replace) -> BTreeSet<PartitionPath> {
        let (touched, within) = match replace {
            // A merge changes only the partitions that its new rows name.
            Replace::Merging(_) => return BTreeSet::new(),
            Replace::Windows(touched) => (touched, None),
            Replace::Partitions(touched, within) => (touched, Some(within)),
        };
        let extents = touched.extents();
        // Parts without bounds may hold any window, but there is nothing to look for without a touched one.
        let any = touched.windows() > 0;
        let near = |part: &&Part| {
            any && part.rows > 0
                && extents.may_lie_in(part.first, part.last)
                && within.is_none_or(|within| within.contains(&partition(part)))
        };
        self.manifest.parts.iter().filter(near).map(partition).collect()
    }

    #[allow(clippy::too_many_arguments)]
    fn part(
        &self,
        pass: &Pass,
        transaction: &Transaction,
        path: &PartitionPath,
        parts: &[&Part],
        new: Vec<RecordBatch>,
        replace: &Replace,
        differ: &Differ,
        lines: &mut Vec<u8>,
    ) -> Result<PartChange> {
        let schema = self.reader.schema.arrow();
        let old = self.old(parts)?;
        let mut new = concat_batches(&schema, &new).map_err(unlike)?;
        // Whole windows need their bounds alone, since `top` orders rows by rank. Sessions of two keys can
        // share bounds.
        let by_keys = matches!(replace, Replace::Merging(_) | Replace::Windows(Touched::Sessions(_)));
        let order = self.order(by_keys);
        let gone = match replace {
            Replace::Merging(merging) => {
                let merging: Vec<_> = self.output.written().into_iter().map(|c| merging[c].clone()).collect();
                let matches = matches(&old, &new, &order)?;
                new = merge_rows(&old, &new, &matches, &merging)?;
                matched(&matches, old.num_rows())
            }
            Replace::Windows(touched) | Replace::Partitions(touched, _) => match touched {
                Touched::Sessions(clusters) => self.in_clusters(&old, clusters)?,
                // A global window does not have columns of bounds, and it is always replaced as a whole.
                Touched::Windows(_) if self.is_global() => BooleanBuffer::new_set(old.num_rows()),
                Touched::Windows(windows) => in_windows(&self.spans(&old)?, windows),
            },
        };
        let found = differ.diff(
            &part_keys(self.output, self.grouping, path),
            &only(&old, gone.clone())?,
            &new,
            lines,
        )?;
        let rows = splice(&old, Some(&gone), &new, &order)?;
        let written = self.write(pass, transaction, path, &rows)?;
        let mut parts = parts.iter().map(|part| (*part).clone());
        Ok(PartChange { old: parts.next(), more: parts.collect(), new: written, found })
    }

    /// How files of CSV without a header are read, where those of another program are: a reader of the folder would take a
    /// header for a row.
    fn without_header(&self) -> Option<&AdoptedFile> {
        let adopted = self.manifest.parts.iter().filter_map(|part| part.adopted.as_ref());
        adopted.into_iter().find(|adopted| adopted.without_header)
    }

    /// Stages the part of a partition; none without rows, unless the output is all one part.
    fn write(
        &self,
        pass: &Pass,
        transaction: &Transaction,
        path: &PartitionPath,
        rows: &RecordBatch,
    ) -> Result<Option<Part>> {
        if rows.num_rows() == 0 && !self.output.partition_by.is_empty() {
            return Ok(None);
        }
        let name = format!("data.{}", self.output.format.extension());
        let staged = transaction.stage(self.number, &path.file(&name))?;
        let schema = transaction.numbered(self.number, &self.reader.schema);
        write_part(pass, (staged, &schema), &self.reader, rows, &self.spans(rows)?, self.without_header())
            .map(Some)
    }
}
