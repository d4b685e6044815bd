//! A grouping's outputs: from merged groups through `having` and `top` to files and tables.

use super::kept;
use super::kept::{kept, kept_schema};
use super::partitioned::PartitionedWriter;
use super::shape::{OutputRows, output_rows};
use super::{OutputOutcome, target};
use crate::batch::Schema;
use crate::batch::plain_strings;
use crate::engine::Pass;
use crate::error::{Error, Result};
use crate::group::{GroupBlock, Merged};
use crate::plan::{Grouping, OutputKind, OutputPlan, Post, Top};
use crate::rows::{PartitionPart, Partitioner};
use crate::sink::{Transaction, table};
use crate::window::{Window, WindowSpan};
use arrow_array::{ArrayRef, RecordBatch, UInt32Array};
use arrow_row::SortField;
use arrow_schema::SortOptions;
use arrow_select::concat::concat_batches;

/// Rows of one output that came of a block: consecutive stretches, each of one partition.
pub struct Shaped {
    pub columns: Vec<ArrayRef>,
    /// The window of each row; nothing where there is one for all of time.
    pub windows: Vec<WindowSpan>,
    /// Partition path, first row, rows.
    pub stretches: Vec<(String, usize, usize)>,
}

enum Sink<'a> {
    Files(Box<PartitionedWriter<'a>>, Option<(Box<PartitionedWriter<'a>>, Schema)>),
    Terminal { head: Vec<RecordBatch>, rows: usize },
}

/// Writes all outputs of grouping `g`; gives what became of them by their index in the plan.
pub fn write(
    pass: &Pass,
    g: usize,
    merged: Merged,
    transaction: &Transaction,
    number: &dyn Fn(usize) -> usize,
) -> Result<Vec<(usize, OutputOutcome)>> {
    let grouping = &pass.plan.groupings[g];
    let outputs: Vec<(usize, &OutputPlan, &Post)> = pass
        .plan
        .outputs
        .iter()
        .enumerate()
        .filter_map(|(i, output)| match &output.kind {
            OutputKind::Groups { grouping, post } if *grouping == g => Some((i, output, &**post)),
            _ => None,
        })
        .collect();
    let mut sinks = outputs
        .iter()
        .map(|(i, output, _)| match target(&output.to) {
            None => Ok(Sink::Terminal { head: vec![], rows: 0 }),
            Some(_) => {
                let memory = pass.options.memory;
                let writer =
                    PartitionedWriter::new(pass.plan, output, number(*i), transaction)?.within(memory);
                let state = || {
                    let number = number(*i);
                    let writer =
                        PartitionedWriter::of_state(pass.plan, grouping, output, number, transaction)?
                            .within(memory);
                    Ok::<_, Error>((Box::new(writer), kept_schema(grouping)))
                };
                let state = output.state.then(state).transpose()?;
                Ok(Sink::Files(Box::new(writer), state))
            }
        })
        .collect::<Result<Vec<_>>>()?;
    merged.drive(
        |block| {
            outputs
                .iter()
                .map(|(_, output, post)| {
                    let groups = output.state.then(|| kept(pass, grouping, output, post, &block));
                    Ok((shape(pass, grouping, output, post, &block)?, groups.transpose()?))
                })
                .collect::<Result<Vec<_>>>()
        },
        |shaped: Vec<(Shaped, Option<Shaped>)>| {
            for ((sink, (_, output, _)), (rows, groups)) in sinks.iter_mut().zip(&outputs).zip(shaped) {
                sink.take(pass, output, rows)?;
                if let (Sink::Files(_, Some((writer, schema))), Some(groups)) = (sink, groups) {
                    kept::push(writer, &groups, schema)?;
                }
            }
            Ok(())
        },
    )?;
    outputs.iter().zip(sinks).map(|((i, output, _), sink)| Ok((*i, sink.finish(pass, output)?))).collect()
}

impl Sink<'_> {
    fn take(&mut self, pass: &Pass, output: &OutputPlan, rows: Shaped) -> Result<()> {
        match self {
            Sink::Files(writer, _) => {
                let batch = writer.file_batch(&rows.columns)?;
                rows.stretches.iter().try_for_each(|(path, from, len)| {
                    let windows = rows.windows.get(*from..from + len).unwrap_or_default();
                    writer.push(path, batch.slice(*from, *len), windows)
                })
            }
            Sink::Terminal { head, rows: total } => {
                let batch = crate::batch::record_batch(&output.columns.arrow(), rows.columns)?;
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
            Sink::Files(writer, state) => {
                state.map(|(writer, _)| writer.finish()).transpose()?;
                Ok(OutputOutcome::new(&output.to, writer.finish()?, None))
            }
            Sink::Terminal { head, rows } => {
                let schema = head.first().map_or_else(|| output.columns.arrow(), RecordBatch::schema);
                let head = concat_batches(&schema, &head).unwrap_or_else(|_| RecordBatch::new_empty(schema));
                let text = table::render(&head, &pass.plan.zone, pass.options.table_rows, rows)?;
                Ok(OutputOutcome::new(&output.to, rows as u64, Some(text)))
            }
        }
    }
}

/// The rows of `output` that come of `block`.
pub fn shape(
    pass: &Pass,
    grouping: &Grouping,
    output: &OutputPlan,
    post: &Post,
    block: &GroupBlock,
) -> Result<Shaped> {
    let OutputRows { mut columns, mut kept } = output_rows(grouping, post, block)?;
    if let Some(top) = &post.top {
        let all = kept.take().unwrap_or_else(|| (0..block.len() as u32).collect());
        kept = Some(top_rows(top, &columns, &block.spans, all));
    }
    let mut windows = block.spans.clone();
    if let Some(kept) = kept {
        windows = kept.iter().map(|&i| windows[i as usize]).collect();
        let kept = UInt32Array::from(kept);
        columns = columns
            .iter()
            .map(|c| arrow_select::take::take(c, &kept, None).expect("rows of the block"))
            .collect();
    }
    let starts: Vec<i64> = windows.iter().map(|window| window.start).collect();
    let stretches = stretches(pass, output, &columns, &starts)?;
    if grouping.plan.window == Window::Global {
        windows.clear();
    }
    Ok(Shaped { columns, windows, stretches })
}

/// Of `rows`, the first `n` of each window by the order of `top`, and in that order.
pub fn top_rows(top: &Top, columns: &[ArrayRef], spans: &[WindowSpan], rows: Vec<u32>) -> Vec<u32> {
    let wanted: Vec<ArrayRef> = top.by.iter().map(|(c, _)| plain_strings(&columns[*c])).collect();
    let fields = wanted.iter().zip(&top.by).map(|(array, (_, descending))| {
        let options = SortOptions { descending: *descending, nulls_first: false };
        SortField::new_with_options(array.data_type().clone(), options)
    });
    let converter = arrow_row::RowConverter::new(fields.collect()).expect("output types have an order");
    let keys = converter.convert_columns(&wanted).expect("columns of the converter's types");
    let mut kept = vec![];
    for window in rows.chunk_by(|&a, &b| spans[a as usize] == spans[b as usize]) {
        let mut order = window.to_vec();
        // Rows of a block are sorted by key, so the row number breaks ties by key.
        order.sort_by(|&a, &b| keys.row(a as usize).cmp(&keys.row(b as usize)).then(a.cmp(&b)));
        order.truncate(top.n);
        kept.extend(order);
    }
    kept
}

/// Where each row goes: stretches of rows with one partition.
pub fn stretches(
    pass: &Pass,
    output: &OutputPlan,
    columns: &[ArrayRef],
    starts: &[i64],
) -> Result<Vec<(String, usize, usize)>> {
    if output.partition_by.is_empty() {
        return Ok(vec![(String::new(), 0, starts.len())]);
    }
    let mut names = vec![];
    let mut values: Vec<ArrayRef> = vec![];
    for part in &output.partition_by {
        if let PartitionPart::Column(c) = part {
            let field = &output.columns.fields[*c];
            names.push((field.name.clone(), field.ty));
            values.push(plain_strings(&columns[*c]));
        }
    }
    let mut partitioner = Partitioner::new(&output.partition_by, &names, &pass.plan.zone);
    let mut of = vec![];
    partitioner.assign(starts, &values.iter().collect::<Vec<_>>(), &mut of)?;
    let mut stretches = vec![];
    let mut from = 0;
    for stretch in of.chunk_by(|a, b| a == b) {
        stretches.push((partitioner.path_of(stretch[0]).to_string(), from, stretch.len()));
        from += stretch.len();
    }
    Ok(stretches)
}
