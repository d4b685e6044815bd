//! Outputs that keep what their groups are made of: new groups are merged into that, and rows are made of it, so
//! that neither history nor an archive is read.
//!
//! # Contract
//! * After a correction the state is that of a run over all events, byte for byte: of partitions that new groups
//!   fall in, or touched windows lie in, it is written from all of its groups in order; the others keep theirs.
//! * What `having` and `top` say of a group hangs on its window alone. Where `top` picks from a window that keys
//!   spread over partitions, all of the partitions that the window may lie in are read, and rows of each may change.

use super::group_output::GroupOutput;
use super::outcome::Volume;
use super::part_rows::{NewRows, only, spans, unlike, write_part};
use super::parts::PartReader;
use super::splice::{in_windows, matched, matches, splice};
use super::touched::Touched;
use crate::batch::{PartitionPath, compare_rows, plain_strings, record_batch, views};
use crate::deliver::shape::{PartitionRows, shape};
use crate::deliver::state::{partition_of_state, state_order, state_path, state_schema};
use crate::engine::Pass;
use crate::error::Result;
use crate::group::{GroupBlock, KeptGroups};
use crate::plan::{Grouping, PlannedColumn};
use crate::sink::{OutputFormat, Part, Transaction};
use crate::time::TimeRange;
use crate::window::{Assigner, Window};
use arrow_array::{RecordBatch, UInt32Array};
use arrow_buffer::BooleanBuffer;
use arrow_schema::SchemaRef;
use arrow_select::concat::concat_batches;
use arrow_select::take::take_record_batch;
use rayon::prelude::*;
use std::collections::{BTreeSet, HashMap};

/// The state of an output: parts in the state folder, one for each partition that groups fall in.
pub struct StateParts<'a> {
    output: &'a GroupOutput<'a>,
    reader: PartReader,
    schema: SchemaRef,
    /// The columns that groups are sorted by: all but the states.
    order: Vec<usize>,
    /// The parts in place, by their partitions.
    old: HashMap<PartitionPath, &'a Part>,
}

/// Rows that are made of merged states.
pub struct RowsOfStates {
    /// All rows that the windows touched have in these partitions.
    pub rows: NewRows,
    /// The partitions.
    pub partitions: BTreeSet<PartitionPath>,
}

/// A part of the state, before and after.
struct StateChange {
    path: PartitionPath,
    old: Option<Part>,
    new: Option<Part>,
    /// Its groups of the windows touched, where rows are made of them.
    live: Option<RecordBatch>,
}

impl<'a> StateParts<'a> {
    /// The state of `output`, if it keeps it.
    pub fn of(output: &'a GroupOutput<'a>) -> Option<StateParts<'a>> {
        if !output.output.state {
            return None;
        }
        let schema = state_schema(output.grouping);
        let order = (0..state_order(output.grouping)).collect();
        let arrow = schema.arrow();
        let reader = PartReader { root: output.state.clone(), format: OutputFormat::Parquet, schema };
        let old = output.manifest.state.iter().rev().map(|part| (partition(part), part)).collect();
        Some(StateParts { output, reader, schema: arrow, order, old })
    }

    fn is_global(&self) -> bool {
        self.output.grouping.plan.window == Window::Global
    }

    /// Of groups with their states those of touched windows, by partition.
    pub fn select(&self, groups: PartitionRows, touched: Option<&Touched>, into: &mut NewRows) -> Result<()> {
        let rows = record_batch(&self.schema, groups.columns.iter().map(plain_strings).collect())?;
        for (path, from, len) in groups.stretches {
            let mut rows = rows.slice(from, len);
            if let Some(touched) = touched {
                rows = only(&rows, self.within(&rows, touched))?;
            }
            if rows.num_rows() > 0 {
                into.entry(path).or_default().push(rows);
            }
        }
        Ok(())
    }

    /// Which groups are of the windows touched.
    fn within(&self, groups: &RecordBatch, touched: &Touched) -> BooleanBuffer {
        match touched {
            Touched::Windows(windows) if !self.is_global() => in_windows(&spans(groups), windows),
            _ => BooleanBuffer::new_set(groups.num_rows()),
        }
    }

    /// The partitions whose state may have groups of the windows touched.
    pub fn near(&self, touched: &Touched) -> BTreeSet<PartitionPath> {
        let (extents, any) = (touched.extents(), touched.windows() > 0);
        let near = |part: &&Part| any && extents.may_lie_in(part.first, part.last);
        self.output.manifest.state.iter().filter(near).map(partition).collect()
    }

    /// The partitions in which rows may change, where groups of those in `new` are merged.
    pub fn partitions(&self, new: &NewRows, touched: &Touched) -> BTreeSet<PartitionPath> {
        let mut paths: BTreeSet<PartitionPath> = new.keys().cloned().collect();
        if self.spreads() {
            paths.extend(self.near(touched));
        }
        paths
    }

    /// Whether `top` picks from windows whose groups may lie in several partitions.
    pub fn spreads(&self) -> bool {
        let GroupOutput { output, post, .. } = self.output;
        let by_key = |c: usize| matches!(post.columns[c], PlannedColumn::Key(_));
        post.top.is_some() && output.partition_columns().any(by_key)
    }

    /// Bytes of the parts of these partitions.
    pub fn bytes(&self, partitions: &BTreeSet<PartitionPath>) -> u64 {
        let parts = self.output.manifest.state.iter();
        parts.filter(|part| partitions.contains(&partition(part))).map(|part| part.bytes).sum()
    }

    /// Merges `new` groups into the state, and makes the rows of the windows touched of it, if they are wanted.
    ///
    /// # Errors
    /// A part is not what the manifest says; an overflow; an expression that cannot be computed; the disk fails.
    pub fn merge(
        &self,
        pass: &Pass,
        transaction: &Transaction,
        mut new: NewRows,
        touched: &Touched,
        wanted: bool,
    ) -> Result<(RowsOfStates, [Volume; 2])> {
        // Rows may change in all partitions that `top` picks from; the states change only where groups are
        // new.
        let partitions = if wanted { self.partitions(&new, touched) } else { new.keys().cloned().collect() };
        let parts = |path: PartitionPath| {
            let new = new.remove(&path);
            (path, new)
        };
        let work: Vec<(PartitionPath, Option<Vec<RecordBatch>>)> =
            partitions.iter().cloned().map(parts).collect();
        let changes: Vec<StateChange> = work
            .into_par_iter()
            .map(|(path, new)| {
                let old = self.old(&path);
                let before = self.read(old)?;
                let (groups, new) = match new {
                    Some(new) => {
                        let groups = self.merged(&before, &new)?;
                        let part = self.write(pass, transaction, &path, &groups)?;
                        (groups, part)
                    }
                    None => {
                        let part =
                            old.map(|part| transaction.keep_state_part(self.output.number, &part.path));
                        (before, part.transpose()?)
                    }
                };
                let live = if wanted { Some(only(&groups, self.within(&groups, touched))?) } else { None };
                Ok(StateChange { path, old: old.cloned(), new, live })
            })
            .collect::<Result<_>>()?;
        self.keep_others(transaction, &changes)?;
        let volumes = volumes(&changes);
        let live: Vec<RecordBatch> = changes.into_iter().filter_map(|change| change.live).collect();
        // `top` picks from a whole window, so the groups of its partitions must stand in one block.
        let blocks = if self.spreads() { vec![self.sorted(&live)?] } else { live };
        let made =
            blocks.par_iter().map(|groups| self.rows(pass, groups)).collect::<Result<Vec<NewRows>>>()?;
        let mut rows = NewRows::new();
        for (path, more) in made.into_iter().flatten() {
            rows.entry(path).or_default().extend(more);
        }
        Ok((RowsOfStates { rows, partitions }, volumes))
    }

    /// Puts `new` groups in the place of those that the windows touched have.
    ///
    /// # Errors
    /// A part is not what the manifest says; the disk fails.
    pub fn replace(
        &self,
        pass: &Pass,
        transaction: &Transaction,
        mut new: NewRows,
        touched: &Touched,
    ) -> Result<[Volume; 2]> {
        let mut paths = self.near(touched);
        paths.extend(new.keys().cloned());
        let parts = |path: PartitionPath| {
            let new = new.remove(&path).unwrap_or_default();
            (path, new)
        };
        let work: Vec<(PartitionPath, Vec<RecordBatch>)> = paths.into_iter().map(parts).collect();
        let changes: Vec<StateChange> = work
            .into_par_iter()
            .map(|(path, new)| {
                let old = self.old(&path);
                let before = self.read(old)?;
                let new = concat_batches(&self.schema, &new).map_err(unlike)?;
                let gone = self.within(&before, touched);
                let groups = splice(&before, Some(&gone), &new, &self.order)?;
                let new = self.write(pass, transaction, &path, &groups)?;
                Ok(StateChange { path, old: old.cloned(), new, live: None })
            })
            .collect::<Result<_>>()?;
        self.keep_others(transaction, &changes)?;
        Ok(volumes(&changes))
    }

    fn old(&self, path: &PartitionPath) -> Option<&'a Part> {
        self.old.get(path).copied()
    }

    fn read(&self, part: Option<&Part>) -> Result<RecordBatch> {
        part.map_or_else(|| Ok(RecordBatch::new_empty(self.schema.clone())), |part| self.reader.read(part))
    }

    /// Keeps the parts of partitions that are not among `changes`.
    fn keep_others(&self, transaction: &Transaction, changes: &[StateChange]) -> Result<()> {
        let changed: BTreeSet<&PartitionPath> = changes.iter().map(|change| &change.path).collect();
        for part in self.output.manifest.state.iter().filter(|part| !changed.contains(&partition(part))) {
            transaction.keep_state_part(self.output.number, &part.path)?;
        }
        Ok(())
    }

    /// All groups of a partition: the old ones and the new ones, those that are both merged.
    fn merged(&self, old: &RecordBatch, new: &[RecordBatch]) -> Result<RecordBatch> {
        let new = concat_batches(&self.schema, new).map_err(unlike)?;
        let (heads, rows) = (self.order.len(), new.num_rows());
        let matches = matches(old, &new, &self.order)?;
        let mut groups = KeptGroups::new(&self.output.grouping.plan, rows);
        groups.merge(&new.columns()[heads..], (0..rows as u32).map(|row| (row, row)))?;
        let both = (0u32..).zip(&matches).filter_map(|(row, old)| Some((row, (*old)?)));
        groups.merge(&old.columns()[heads..], both)?;
        let mut columns = new.columns()[..heads].to_vec();
        columns.extend(groups.states());
        let new = RecordBatch::try_new(self.schema.clone(), columns).map_err(unlike)?;
        splice(old, Some(&matched(&matches, old.num_rows())), &new, &self.order)
    }

    /// Groups of several partitions, in order.
    fn sorted(&self, parts: &[RecordBatch]) -> Result<RecordBatch> {
        let all = concat_batches(&self.schema, parts).map_err(unlike)?;
        let by = views(all.columns(), self.order.iter().copied())?;
        let mut rows: Vec<u32> = (0..all.num_rows() as u32).collect();
        rows.sort_by(|&a, &b| compare_rows(&by, a as usize, &by, b as usize));
        take_record_batch(&all, &UInt32Array::from(rows)).map_err(unlike)
    }

    /// The rows that come of whole windows of groups, by partition.
    fn rows(&self, pass: &Pass, groups: &RecordBatch) -> Result<NewRows> {
        let GroupOutput { output, post, grouping, .. } = self.output;
        let (count, heads) = (groups.num_rows(), self.order.len());
        let mut kept = KeptGroups::new(&grouping.plan, count);
        // Each group has a slot of its own: the states only become values here.
        kept.merge(&groups.columns()[heads..], (0..count as u32).map(|row| (row, row)))?;
        let spans = if self.is_global() { vec![always(grouping); count] } else { self.spans(groups) };
        let keys = groups.columns()[heads - grouping.keys.len()..heads].to_vec();
        let block = GroupBlock { spans, keys, values: kept.values()?, states: None, firings: None };
        let mut rows = NewRows::new();
        self.output.select(shape(pass, grouping, output, post, &block, None)?, None, &mut rows)?;
        Ok(rows)
    }

    /// The window of each group; none where there is one for all of time.
    fn spans(&self, groups: &RecordBatch) -> Vec<TimeRange> {
        if self.is_global() { vec![] } else { spans(groups) }
    }

    /// Stages the part of a partition; none without groups.
    fn write(
        &self,
        pass: &Pass,
        transaction: &Transaction,
        path: &PartitionPath,
        groups: &RecordBatch,
    ) -> Result<Option<Part>> {
        if groups.num_rows() == 0 {
            return Ok(None);
        }
        let staged = transaction.stage_state_part(self.output.number, &state_path(path))?;
        write_part(pass, (staged, &self.reader.schema), &self.reader, groups, &self.spans(groups), None)
            .map(Some)
    }
}

/// The partition whose groups a part of a state has.
fn partition(part: &Part) -> PartitionPath {
    partition_of_state(&part.path)
}

/// The one window of all of time.
fn always(grouping: &Grouping) -> TimeRange {
    let mut windows = vec![];
    Assigner::new(grouping.plan.window, grouping.plan.zone.clone()).windows(0, &mut windows);
    windows[0]
}

/// Bytes read and written.
fn volumes(changes: &[StateChange]) -> [Volume; 2] {
    // Only the bytes are added to the volumes of the output; its rows are counted at its own parts.
    let of = |parts: &mut dyn Iterator<Item = &Part>| Volume { rows: 0, bytes: parts.map(|p| p.bytes).sum() };
    let read = of(&mut changes.iter().filter_map(|change| change.old.as_ref()));
    let changed = changes.iter().filter(|change| change.old != change.new);
    [read, of(&mut changed.filter_map(|change| change.new.as_ref()))]
}
