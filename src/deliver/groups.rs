//! A grouping's outputs: from merged groups through `having` and `top` to files and tables.

use super::outcome::OutputOutcome;
use super::partitioned::PartitionedWriter;
use super::places::{target, target_number};
use super::shape::{PartitionRows, shape};
use super::state::{state_rows, state_schema};
use crate::batch::{Schema, record_batch};
use crate::engine::Pass;
use crate::error::{Error, Result};
use crate::group::Merged;
use crate::plan::{GroupingId, OutputId, OutputKind, OutputPlan, Post};
use crate::sink::{Transaction, table};
use arrow_array::RecordBatch;
use arrow_select::concat::concat_batches;

enum GroupSink<'a> {
    Files(Box<PartitionedWriter<'a>>, Option<(Box<PartitionedWriter<'a>>, Schema)>),
    Terminal { head: Vec<RecordBatch>, rows: usize },
}

/// Writes all outputs of grouping `g`; gives what became of them by their ids.
pub fn write(
    pass: &Pass,
    g: GroupingId,
    merged: Merged,
    transaction: &Transaction,
    watermark: Option<i64>,
) -> Result<Vec<(OutputId, OutputOutcome)>> {
    let grouping = &pass.plan.pipeline.groupings[g];
    let outputs: Vec<(OutputId, &OutputPlan, &Post)> = pass
        .plan
        .deliveries
        .with_ids()
        .filter_map(|(i, output)| match &output.kind {
            OutputKind::Groups { grouping, post } if *grouping == g => Some((i, output, &**post)),
            _ => None,
        })
        .collect();
    let mut sinks = outputs
        .iter()
        .map(|(i, output, _)| match target(&output.to) {
            None => Ok(GroupSink::Terminal { head: vec![], rows: 0 }),
            Some(_) => {
                let memory = pass.options.memory;
                let number = target_number(pass.plan, *i);
                let writer = PartitionedWriter::new(pass.plan, output, number, transaction)?.within(memory);
                let state = || {
                    let writer =
                        PartitionedWriter::of_state(pass.plan, grouping, output, number, transaction)?
                            .within(memory);
                    Ok::<_, Error>((Box::new(writer), state_schema(grouping)))
                };
                let state = output.state.then(state).transpose()?;
                Ok(GroupSink::Files(Box::new(writer), state))
            }
        })
        .collect::<Result<Vec<_>>>()?;
    merged.drive(
        |block| {
            outputs
                .iter()
                .map(|(_, output, post)| {
                    let groups = output.state.then(|| state_rows(pass, grouping, output, post, &block));
                    Ok((shape(pass, grouping, output, post, &block, watermark)?, groups.transpose()?))
                })
                .collect::<Result<Vec<_>>>()
        },
        |shaped: Vec<(PartitionRows, Option<PartitionRows>)>| {
            for ((sink, (_, output, _)), (rows, groups)) in sinks.iter_mut().zip(&outputs).zip(shaped) {
                sink.take(pass, output, rows)?;
                if let (GroupSink::Files(_, Some((writer, schema))), Some(groups)) = (sink, groups) {
                    writer.push_shaped(&groups, &record_batch(&schema.arrow(), groups.columns.clone())?)?;
                }
            }
            Ok(())
        },
    )?;
    outputs.iter().zip(sinks).map(|((i, output, _), sink)| Ok((*i, sink.finish(pass, output)?))).collect()
}

impl GroupSink<'_> {
    fn take(&mut self, pass: &Pass, output: &OutputPlan, rows: PartitionRows) -> Result<()> {
        match self {
            GroupSink::Files(writer, _) => {
                let batch = writer.file_batch(&rows.columns)?;
                writer.push_shaped(&rows, &batch)
            }
            GroupSink::Terminal { head, rows: total } => {
                let batch = record_batch(&output.columns.arrow(), rows.columns)?;
                // Only the rows that are shown are kept; the others are counted.
                if *total < pass.options.table_rows {
                    head.push(batch.slice(0, batch.num_rows().min(pass.options.table_rows - *total)));
                }
                *total += batch.num_rows();
                Ok(())
            }
        }
    }

    fn finish(self, pass: &Pass, output: &OutputPlan) -> Result<OutputOutcome> {
        match self {
            GroupSink::Files(writer, state) => {
                state.map(|(writer, _)| writer.finish()).transpose()?;
                Ok(OutputOutcome::new(&output.to, writer.finish()?, None))
            }
            GroupSink::Terminal { head, rows } => {
                let schema = head.first().map_or_else(|| output.columns.arrow(), RecordBatch::schema);
                let head = concat_batches(&schema, &head).unwrap_or_else(|_| RecordBatch::new_empty(schema));
                let text = table::render(&head, &pass.plan.zone, pass.options.table_rows, rows)?;
                Ok(OutputOutcome::new(&output.to, rows as u64, Some(text)))
            }
        }
    }
}
