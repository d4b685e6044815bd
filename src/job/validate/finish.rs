//! The end of planning: columns that nothing reads go, and the rest get the numbers that they have in
//! a batch.

use super::planner::Planner;
use crate::batch::{ColumnId, DataType, Field, Schema};
use crate::input::{Inputs, OnBadRecord, ReadColumn, ReadPlan};
use crate::job::destinations::answers;
use crate::plan::{
    Deliveries, Identities, LogPartition, OffsetColumns, OutputKind, Pipeline, Plan, Step, TablePlan, Try,
};
use crate::sink::NamedPaths;
use crate::time::TimeRange;
use std::path::PathBuf;

impl Planner<'_> {
    /// Drops the source columns that nothing reads, and renumbers the rest.
    pub(super) fn finish(
        mut self,
        name: String,
        beside: &str,
        mut read: ReadPlan,
        range: TimeRange,
        rejects: Option<PathBuf>,
    ) -> Plan {
        // A second column of the event time, as it is written: after the others that are read, so that
        // a name finds the first, and only the late output has this one.
        let as_written = self.late.as_ref().and_then(|_| self.time_as_written());
        // Before columns are dropped: what a derived column reads has to stay.
        self.log.use_inputs(&mut self.rows.used, read.arrival.as_ref());
        let kept: Vec<usize> = (0..self.rows.schema.fields.len())
            .filter(|i| *i >= self.rows.source_columns || self.rows.used.contains(i))
            .collect();
        let (sources, derived) = kept.split_at(kept.partition_point(|&i| i < self.rows.source_columns));
        let renumber = |old: usize| {
            let new = kept.iter().position(|&k| k == old).expect("a used column is kept");
            // The column as it is written lies between those of the files and those of steps.
            new + usize::from(as_written.is_some() && old >= self.rows.source_columns)
        };
        let id = |old: ColumnId| ColumnId::new(renumber(old.place()));
        read.columns = self.read_columns(sources, as_written);
        read.derived = self.log.derived(sources, renumber);
        read.positions = self.positions || !read.derived.is_empty();
        for step in &mut self.rows.steps {
            match step {
                Step::Filter(expr) | Step::Derive(_, expr) => expr.renumber(renumber),
                Step::Dedup { keys, .. } | Step::Latest { keys, .. } | Step::First { keys, .. } => {
                    keys.iter_mut().for_each(|column| *column = id(*column));
                }
                Step::Enrich(enrich) => {
                    let columns = enrich.tries.iter_mut().flat_map(|attempt| match attempt {
                        Try::AsOf { on, .. } => on.as_mut_slice(),
                        Try::Service(_) | Try::Constant(_) => &mut [],
                    });
                    columns.for_each(|column| *column = id(*column));
                }
            }
        }
        for service in &mut self.services {
            service.columns.iter_mut().for_each(|column| *column = id(*column));
        }
        for grouping in &mut self.groupings {
            grouping.plan.keys.iter_mut().for_each(|(column, _)| *column = id(*column));
            for (_, args) in &mut grouping.plan.aggregates {
                args.iter_mut().for_each(|column| *column = id(*column));
            }
        }
        for output in &mut self.outputs {
            if let OutputKind::Rows(columns) | OutputKind::Archive(columns) = &mut output.kind {
                columns.iter_mut().for_each(|column| *column = id(*column));
            }
        }
        match &mut self.watermark.partition {
            None | Some(LogPartition::File) => {}
            Some(LogPartition::Column(column)) => *column = id(*column),
            Some(LogPartition::Topics { topic, partition }) => {
                (*topic, *partition) = (id(*topic), id(*partition));
            }
        }
        let offsets = self.offsets.map(|of| OffsetColumns {
            topic: of.topic.map(id),
            partition: id(of.partition),
            offset: id(of.offset),
        });
        for (column, field) in self.late.iter_mut().flat_map(|late| &mut late.columns) {
            match as_written {
                Some((time, ty)) if time == column.place() => {
                    (*column, field.ty) = (ColumnId::new(sources.len()), ty);
                }
                _ => *column = id(*column),
            }
        }
        // A batch has the columns of the files first, and then those of steps.
        let mut rows: Vec<Field> = read.columns.iter().map(|c| Field::new(&c.name, c.ty)).collect();
        rows.extend(derived.iter().map(|&i| self.rows.schema.fields[i].clone()));
        let tables = self.table_plans(beside, read.chunk_bytes);
        let answers = (!self.services.is_empty()).then(|| answers(self.spec));
        Plan {
            name,
            // These are set at the end, as they are computed from the whole plan.
            hash: String::new(),
            zone: self.zone,
            threads: None,
            memory: None,
            inputs: Inputs::default(),
            notes: vec![],
            inferred: self.log.inferred,
            pipeline: Pipeline {
                log_steps: self.log_steps,
                range,
                read,
                rows: Schema::new(rows),
                steps: self.rows.steps,
                offsets,
                tables,
                services: self.services,
                answers,
                groupings: self.groupings,
                watermark: self.watermark,
                keep_places: false,
                until: None,
                step_mode: self.step_mode,
                absolute_paths: false,
            },
            deliveries: Deliveries {
                identities: Identities::default(),
                outputs: self.outputs,
                late: self.late,
                rejects,
                publications: self.publications,
                pages: vec![],
                named: NamedPaths::default(),
            },
        }
    }

    fn read_columns(&self, sources: &[usize], as_written: Option<(usize, DataType)>) -> Vec<ReadColumn> {
        let column = |i: usize, ty, inferred| ReadColumn { inferred, ..self.log.column(i, ty) };
        let mut columns: Vec<ReadColumn> =
            sources.iter().map(|&i| self.log.column(i, self.rows.schema.fields[i].ty)).collect();
        columns.extend(as_written.map(|(i, ty)| column(i, ty, false)));
        columns
    }

    /// The tables that steps ask for. What one table rejects is told once, by the first of its plans:
    /// they all read the same columns.
    fn table_plans(&self, beside: &str, chunk_bytes: usize) -> Vec<TablePlan> {
        let plans = self.asks.iter().enumerate().filter_map(|(i, ask)| {
            let table = &self.tables[ask.table];
            let mut plan = table.plan(ask, &self.zone, chunk_bytes)?;
            let first = self.asks[..i].iter().all(|other| other.table != ask.table);
            if first && plan.read.on_bad_record == OnBadRecord::Reject {
                let default = || format!("{beside}.{}.rejects.jsonl", plan.name);
                plan.rejects =
                    Some(PathBuf::from(table.rejects().map_or_else(default, |path| path.value.clone())));
            }
            Some(plan)
        });
        plans.collect()
    }
}
