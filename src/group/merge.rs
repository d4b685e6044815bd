//! The partial aggregates of all workers → the groups of the output, in order, block by block.

use super::keys::ColumnCodes;
use super::spill::{Run, SpillSpace, key_rows};
use super::table::{GroupPlan, GroupTable};
use crate::aggregate::Accumulator;
use crate::batch::DataType;
use crate::error::Result;
use crate::window::WindowSpan;
use arrow_array::cast::AsArray;
use arrow_array::types::UInt32Type;
use arrow_array::{Array, ArrayRef, DictionaryArray, UInt32Array};
use rayon::prelude::*;
use std::cmp::{Ordering, Reverse};
use std::collections::{BTreeMap, BinaryHeap};
use std::path::PathBuf;
use std::sync::Arc;

/// About how many groups a block has. Blocks are units of work; their cuts never show.
const BLOCK_GROUPS: usize = 1 << 16;

/// Some consecutive groups of the output.
pub struct GroupBlock {
    /// The window of each group.
    pub spans: Vec<WindowSpan>,
    /// The key columns; strings may be dictionaries.
    pub keys: Vec<ArrayRef>,
    /// The result of each aggregate.
    pub values: Vec<ArrayRef>,
}

/// All groups of an output, ready to be read in order.
pub struct Merged {
    plan: Arc<GroupPlan>,
    source: Source,
}

enum Source {
    Memory(Memory),
    /// Runs, and what their merge may hold: the folder for what is more, and bytes.
    Runs(Vec<Run>, (PathBuf, usize)),
}

/// One window: its span, and the pane of each worker that has one.
struct MergedWindow {
    span: WindowSpan,
    /// (table, pane)
    panes: Vec<(usize, usize)>,
    /// At most so many groups.
    bound: usize,
}

struct Memory {
    tables: Vec<GroupTable>,
    windows: Vec<MergedWindow>,
    /// The key columns of all keys, in order; a key's rank is its row here.
    keys: Vec<KeyColumn>,
    key_count: usize,
    /// Per table: key code → rank, and rank → key code.
    ranks: Vec<(Vec<u32>, Vec<u32>)>,
}

/// One key column of all keys.
enum KeyColumn {
    Plain(ArrayRef),
    /// Strings that are not too many: their distinct values, and per key the code of its own. They
    /// leave as dictionaries, which the encoders take as they are.
    Coded(UInt32Array, ArrayRef),
}

/// The most distinct strings of a key column that leave as a dictionary.
const MAX_DICTIONARY: usize = 1 << 18;

impl KeyColumn {
    fn new(column: ArrayRef) -> KeyColumn {
        if *column.data_type() != DataType::String.arrow() {
            return KeyColumn::Plain(column);
        }
        let mut distinct = ColumnCodes::new(DataType::String);
        let mut codes = vec![];
        distinct.encode(&column, &mut codes);
        if distinct.count() > MAX_DICTIONARY {
            return KeyColumn::Plain(column);
        }
        let values = distinct.decode_all();
        let codes = codes.into_iter().map(|code| values.is_valid(code as usize).then_some(code));
        KeyColumn::Coded(codes.collect(), values)
    }

    /// The values of the keys of these ranks.
    fn take(&self, ranks: &UInt32Array) -> ArrayRef {
        let take = |array: &dyn Array| {
            arrow_select::take::take(array, ranks, None).expect("ranks are rows of the keys")
        };
        match self {
            KeyColumn::Plain(column) => take(column),
            KeyColumn::Coded(codes, values) => {
                let codes = take(codes).as_primitive::<UInt32Type>().clone();
                Arc::new(DictionaryArray::new(codes, values.clone()))
            }
        }
    }
}

/// A block of work: windows `[from, to)`, and of each the keys of ranks `[low, high)`.
struct Unit {
    from: usize,
    to: usize,
    low: u32,
    high: u32,
}

impl Merged {
    /// Merges the tables of all workers, and what they spilled.
    ///
    /// # Errors
    /// A machine error of the spill files.
    pub fn new(plan: Arc<GroupPlan>, mut tables: Vec<GroupTable>, space: SpillSpace) -> Result<Merged> {
        if space.is_used() {
            tables.iter_mut().try_for_each(|table| space.spill(table))?;
            let bound = space.bound();
            return Ok(Merged { plan, source: Source::Runs(space.into_runs()?, bound) });
        }
        tables.retain(|t| !t.is_empty());
        Ok(Merged { source: Source::Memory(Memory::new(&plan, tables)), plan })
    }

    /// Calls `map` on every block, in parallel, and `sink` with the results, in order.
    ///
    /// # Errors
    /// What `map` or `sink` return, an overflow in merging, a machine error of the spill files.
    pub fn drive<T: Send>(
        self,
        map: impl Fn(GroupBlock) -> Result<T> + Sync,
        mut sink: impl FnMut(T) -> Result<()>,
    ) -> Result<()> {
        match self.source {
            Source::Memory(memory) => {
                let units = memory.units(self.plan.whole_windows);
                let wave = 2 * rayon::current_num_threads();
                for units in units.chunks(wave) {
                    let blocks: Vec<Result<T>> =
                        units.par_iter().map(|unit| map(memory.block(&self.plan, unit)?)).collect();
                    blocks.into_iter().try_for_each(|block| sink(block?))?;
                }
                Ok(())
            }
            Source::Runs(runs, bound) => merge_runs(&self.plan, runs, bound, |block| sink(map(block)?)),
        }
    }
}

fn accumulators(plan: &GroupPlan) -> Vec<Box<dyn Accumulator>> {
    plan.aggregates.iter().map(|(a, _)| a.accumulator()).collect()
}

impl Memory {
    fn new(plan: &GroupPlan, tables: Vec<GroupTable>) -> Memory {
        let mut windows: BTreeMap<WindowSpan, Vec<(usize, usize)>> = BTreeMap::new();
        for (t, table) in tables.iter().enumerate() {
            for (p, (span, _)) in table.panes.iter().enumerate() {
                windows.entry(*span).or_default().push((t, p));
            }
        }
        let bound = |panes: &[(usize, usize)]| panes.iter().map(|&(t, p)| tables[t].panes[p].1.len()).sum();
        let windows = windows
            .into_iter()
            .map(|(span, panes)| MergedWindow { span, bound: bound(&panes), panes })
            .collect();
        let (keys, key_count, ranks) = rank_keys(plan, &tables);
        let keys = keys.into_par_iter().map(KeyColumn::new).collect();
        Memory { tables, windows, keys, key_count, ranks }
    }

    fn units(&self, whole_windows: bool) -> Vec<Unit> {
        let all = self.key_count as u32;
        let mut units: Vec<Unit> = vec![];
        let (mut from, mut groups) = (0, 0);
        for (at, window) in self.windows.iter().enumerate() {
            if groups > 0 && groups + window.bound > BLOCK_GROUPS {
                units.push(Unit { from, to: at, low: 0, high: all });
                (from, groups) = (at, 0);
            }
            if window.bound > 4 * BLOCK_GROUPS && !whole_windows {
                let parts = (window.bound / (2 * BLOCK_GROUPS)) as u64;
                let cut = |i: u64| (u64::from(all) * i / parts) as u32;
                units.extend((0..parts).map(|i| Unit {
                    from: at,
                    to: at + 1,
                    low: cut(i),
                    high: cut(i + 1),
                }));
                (from, groups) = (at + 1, 0);
            } else {
                groups += window.bound;
            }
        }
        if from < self.windows.len() {
            units.push(Unit { from, to: self.windows.len(), low: 0, high: all });
        }
        units
    }

    fn block(&self, plan: &GroupPlan, unit: &Unit) -> Result<GroupBlock> {
        let mut spans = vec![];
        let mut ranks: Vec<u32> = vec![];
        let mut pairs: Vec<Vec<(u32, u32)>> = vec![vec![]; self.tables.len()];
        let mut groups: Vec<(u32, u32, u32)> = vec![];
        for window in &self.windows[unit.from..unit.to] {
            groups.clear();
            for &(t, p) in &window.panes {
                let (rank_of, code_of) = &self.ranks[t];
                self.tables[t].panes[p].1.each_by_rank(rank_of, code_of, |rank, slot| {
                    if (unit.low..unit.high).contains(&rank) {
                        groups.push((rank, t as u32, slot));
                    }
                });
            }
            // Each pane's groups come in order: a merge of a few sorted stretches.
            groups.sort();
            for &(rank, table, slot) in &groups {
                if ranks.last() != Some(&rank) || spans.last() != Some(&window.span) {
                    ranks.push(rank);
                    spans.push(window.span);
                }
                pairs[table as usize].push((ranks.len() as u32 - 1, slot));
            }
        }
        let mut states = accumulators(plan);
        for (a, state) in states.iter_mut().enumerate() {
            state.resize(ranks.len());
            for (table, pairs) in self.tables.iter().zip(&pairs) {
                state.merge(pairs, table.states[a].as_ref())?;
            }
        }
        let rows = ranks.len();
        let ranks = UInt32Array::from(ranks);
        Ok(GroupBlock {
            spans,
            keys: self.keys.iter().map(|key| key.take(&ranks)).collect(),
            values: states.iter().map(|s| s.finish(rows)).collect::<Result<_>>()?,
        })
    }
}

type Ranks = Vec<(Vec<u32>, Vec<u32>)>;

/// Sorts the keys of all tables: the key columns in order, their number, and the ranks per table.
fn rank_keys(plan: &GroupPlan, tables: &[GroupTable]) -> (Vec<ArrayRef>, usize, Ranks) {
    if plan.keys.is_empty() {
        return (vec![], 1, tables.iter().map(|_| (vec![0], vec![0])).collect());
    }
    let converter = key_rows(plan.keys.iter().map(|(_, ty)| ty.arrow()));
    let rows: Vec<arrow_row::Rows> = tables
        .par_iter()
        .map(|t| converter.convert_columns(&t.keys.decode()).expect("keys of the plan's types"))
        .collect();
    let mut order: Vec<(u32, u32)> = (0u32..)
        .zip(&rows)
        .flat_map(|(t, rows)| (0..rows.num_rows() as u32).map(move |code| (t, code)))
        .collect();
    let row = |&(t, code): &(u32, u32)| rows[t as usize].row(code as usize);
    order.par_sort_unstable_by(|a, b| row(a).cmp(&row(b)));
    let mut ranks: Ranks = rows.iter().map(|r| (vec![0; r.num_rows()], vec![])).collect();
    let mut distinct: Vec<(u32, u32)> = vec![];
    for entry in &order {
        if distinct.last().is_none_or(|last| row(last) != row(entry)) {
            distinct.push(*entry);
        }
        ranks[entry.0 as usize].0[entry.1 as usize] = distinct.len() as u32 - 1;
    }
    for (rank_of, code_of) in &mut ranks {
        code_of.resize(distinct.len(), u32::MAX);
        rank_of.iter().enumerate().for_each(|(code, &rank)| code_of[rank as usize] = code as u32);
    }
    let keys = converter.convert_rows(distinct.iter().map(row)).expect("rows of this converter");
    (keys, distinct.len(), ranks)
}

/// The next entry of a run, in a heap.
struct Head {
    span: WindowSpan,
    key: Box<[u8]>,
    run: usize,
}

impl Head {
    fn of(run: usize, runs: &[Run]) -> Reverse<Head> {
        let entry = runs[run].entry();
        Reverse(Head { span: entry.span, key: entry.key.into(), run })
    }
}

impl PartialEq for Head {
    fn eq(&self, other: &Head) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Head {}

impl PartialOrd for Head {
    fn partial_cmp(&self, other: &Head) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Head {
    fn cmp(&self, other: &Head) -> Ordering {
        (self.span, &self.key, self.run).cmp(&(other.span, &other.key, other.run))
    }
}

fn merge_runs(
    plan: &GroupPlan,
    mut runs: Vec<Run>,
    (folder, bytes): (PathBuf, usize),
    mut sink: impl FnMut(GroupBlock) -> Result<()>,
) -> Result<()> {
    let converter = key_rows(plan.keys.iter().map(|(_, ty)| ty.arrow()));
    let parser = converter.parser();
    let mut heap = BinaryHeap::new();
    for run in 0..runs.len() {
        if runs[run].advance()? {
            heap.push(Head::of(run, &runs));
        }
    }
    let (mut spans, mut keys): (Vec<WindowSpan>, Vec<Box<[u8]>>) = (vec![], vec![]);
    let mut states = accumulators(plan);
    let emit = |spans: Vec<WindowSpan>,
                keys: Vec<Box<[u8]>>,
                states: Vec<Box<dyn Accumulator>>|
     -> Result<GroupBlock> {
        let columns = match plan.keys.is_empty() {
            true => vec![],
            false => {
                converter.convert_rows(keys.iter().map(|k| parser.parse(k))).expect("rows of this converter")
            }
        };
        let values = states.iter().map(|s| s.finish(spans.len())).collect::<Result<_>>()?;
        Ok(GroupBlock { spans, keys: columns, values })
    };
    while let Some(Reverse(head)) = heap.pop() {
        if spans.last() != Some(&head.span) || keys.last() != Some(&head.key) {
            let cut = !plan.whole_windows || spans.last() != Some(&head.span);
            if spans.len() >= BLOCK_GROUPS && cut {
                let full = std::mem::replace(&mut states, accumulators(plan));
                sink(emit(std::mem::take(&mut spans), std::mem::take(&mut keys), full)?)?;
            }
            spans.push(head.span);
            keys.push(head.key);
            states.iter_mut().for_each(|s| s.resize(spans.len()));
        }
        let mut reader = runs[head.run].entry().states;
        let slot = spans.len() as u32 - 1;
        for state in &mut states {
            state.merge_encoded(slot, &mut reader)?;
            state.bound(bytes / plan.aggregates.len(), &folder)?;
        }
        if runs[head.run].advance()? {
            heap.push(Head::of(head.run, &runs));
        }
    }
    if spans.is_empty() { Ok(()) } else { sink(emit(spans, keys, states)?) }
}

impl GroupBlock {
    /// The number of groups.
    pub fn len(&self) -> usize {
        self.spans.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.spans.is_empty()
    }
}
