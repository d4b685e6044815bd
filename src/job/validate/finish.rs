//! The end of planning: columns that nothing reads go, and the rest get the numbers that they have in
//! a batch.

use super::Planner;
use crate::batch::{DataType, Field, Schema};
use crate::input::{ReadColumn, ReadPlan};
use crate::job::plan::{LogPartition, OutputKind, Plan};
use std::path::PathBuf;

impl Planner<'_> {
    /// Drops the source columns that nothing reads, and renumbers the rest.
    pub(super) fn finish(
        mut self,
        name: String,
        mut read: ReadPlan,
        range: (i64, i64),
        rejects: Option<PathBuf>,
    ) -> Plan {
        // A second column of the event time, as it is written: after the others that are read, so that
        // a name finds the first, and only the late output has this one.
        let as_written = self.late.as_ref().and_then(|_| self.time_as_written());
        let kept: Vec<usize> = (0..self.schema.fields.len())
            .filter(|i| *i >= self.source_columns || self.used.contains(i))
            .collect();
        let (sources, derived) = kept.split_at(kept.partition_point(|&i| i < self.source_columns));
        let renumber = |old: usize| {
            let new = kept.iter().position(|&k| k == old).expect("a used column is kept");
            new + usize::from(as_written.is_some() && old >= self.source_columns)
        };
        read.columns = self.read_columns(sources, as_written);
        read.positions = self.positions;
        for grouping in &mut self.groupings {
            grouping.plan.keys.iter_mut().for_each(|(column, _)| *column = renumber(*column));
            for (_, args) in &mut grouping.plan.aggregates {
                args.iter_mut().for_each(|column| *column = renumber(*column));
            }
        }
        for output in &mut self.outputs {
            if let OutputKind::Rows(columns) = &mut output.kind {
                columns.iter_mut().for_each(|column| *column = renumber(*column));
            }
        }
        if let Some(LogPartition::Column(column)) = &mut self.watermark.partition {
            *column = renumber(*column);
        }
        for (column, field) in self.late.iter_mut().flat_map(|late| &mut late.columns) {
            match as_written {
                Some((time, ty)) if time == *column => (*column, field.ty) = (sources.len(), ty),
                _ => *column = renumber(*column),
            }
        }
        let mut rows: Vec<Field> = read.columns.iter().map(|c| Field::new(&c.name, c.ty)).collect();
        rows.extend(derived.iter().map(|&i| self.schema.fields[i].clone()));
        let hash = self.hash(&name, &read, range);
        Plan {
            name,
            hash,
            zone: self.zone,
            threads: None,
            memory: None,
            range,
            read,
            inferred: self.inferred,
            rows: Schema::new(rows),
            steps: self.steps,
            tables: vec![],
            services: vec![],
            answers: None,
            groupings: self.groupings,
            outputs: self.outputs,
            rejects,
            watermark: self.watermark,
            late: self.late,
        }
    }

    fn read_columns(&self, sources: &[usize], as_written: Option<(usize, DataType)>) -> Vec<ReadColumn> {
        let column =
            |i: usize, ty, inferred| ReadColumn { name: self.schema.fields[i].name.clone(), ty, inferred };
        let mut columns: Vec<ReadColumn> = sources
            .iter()
            .map(|&i| column(i, self.schema.fields[i].ty, !self.inferred.columns[i].declared))
            .collect();
        columns.extend(as_written.map(|(i, ty)| column(i, ty, false)));
        columns
    }

    /// A hash of everything that decides the result, beside the data.
    fn hash(&self, name: &str, read: &ReadPlan, range: (i64, i64)) -> String {
        let essence = format!(
            "{name} {:?} {:?} {} {range:?} {:?} {:?} {:?} {:?} {:?} {:?} {:?}",
            read.columns,
            read.time,
            self.zone.name(),
            self.steps,
            self.groupings,
            self.outputs,
            read.arrival,
            read.max_ahead,
            self.watermark,
            self.late,
        );
        format!("xxh3:{:032x}", xxhash_rust::xxh3::xxh3_128(essence.as_bytes()))
    }
}
