//! Outputs that are tables: their columns, partitions and order, from the plan.
//!
//! # Contract
//! * Where files are divided by the time of a column that they have, in UTC, a table of Iceberg divides by a transform of that column,
//!   the finest that `partition_by` names: a reader that asks for a time then skips files, and knows no extra column.
//! * Else the parts of the time are columns of the table, and so is each column that names partitions. Their values stand in
//!   the metadata of each file, and not in the file.

use super::late::schema as late_schema;
use super::target;
use crate::batch::{ColumnId, DataType, Field};
use crate::error::Result;
use crate::plan::{OutputId, OutputKind, OutputPlan, OutputTo, Plan, PlannedColumn};
use crate::rows::PartitionPart;
use crate::sink::Transaction;
use crate::table::{FolderValue, TableField, TableFormat, TablePartition, TableShape, Transform};
use crate::time::Zone;

/// Tells `transaction` what the tables of `plan` are; `of` are the numbers of its targets.
///
/// # Errors
/// A job error: a column of a table changes its type in a way that the format does not allow.
pub(crate) fn describe(plan: &Plan, transaction: &Transaction) -> Result<()> {
    let outputs = plan.deliveries.with_ids().filter(|(_, output)| target(&output.to).is_some());
    let outputs: Vec<OutputId> = outputs.map(|(id, _)| id).collect();
    if let Some(late) = &plan.deliveries.late
        && let Some(kind) = &late.table
        // A backfill does not write late events, and has no target for them.
        && transaction.outputs() > outputs.len()
    {
        let schema = late_schema(late);
        let names: Vec<&str> = schema.names().collect();
        let column = |field: &Field| TableField::new(kind.format, &field.name, field.ty, &names);
        let columns = schema.fields.iter().map(column).collect();
        let shape = TableShape {
            format: kind.format,
            job: plan.name.clone(),
            columns,
            partition: vec![],
            sort: vec![],
        };
        transaction.describe(outputs.len(), shape)?;
    }
    for (number, id) in outputs.into_iter().enumerate() {
        if let Some(shape) = shape(plan, id) {
            transaction.describe(number, shape)?;
        }
    }
    Ok(())
}

/// The table that the output `id` is; `None` where it is none.
pub(crate) fn shape(plan: &Plan, id: OutputId) -> Option<TableShape> {
    let output = &plan.deliveries.outputs[id];
    let OutputTo::Table(_, kind) = &output.to else { return None };
    let format = kind.format;
    let names: Vec<&str> = output.columns.names().collect();
    let column = |at: usize| {
        let field = &output.columns.fields[at];
        TableField::new(kind.format, &field.name, field.ty, &names)
    };
    let mut columns: Vec<TableField> = output.written().into_iter().map(column).collect();
    // Partitions of Delta Lake are columns, always.
    let hidden = if format == TableFormat::Iceberg { hidden(plan, output) } else { None };
    let mut partition = vec![];
    for (folder, part) in output.partition_by.iter().enumerate() {
        let (name, ty) = match part {
            PartitionPart::Column(at) => {
                let field = &output.columns.fields[*at];
                (field.name.clone(), field.ty)
            }
            _ if hidden.is_some() => continue,
            PartitionPart::Year => ("year".to_string(), DataType::Int64),
            PartitionPart::Month => ("month".to_string(), DataType::Int64),
            PartitionPart::Date => ("date".to_string(), DataType::Date),
            PartitionPart::Hour => ("hour".to_string(), DataType::Int64),
            // Never a folder.
            PartitionPart::Stretch(_) => continue,
        };
        columns.push(TableField::new(format, &name, ty, &names));
        let from = FolderValue::Text(folder);
        partition.push(TablePartition {
            name: name.clone(),
            column: name,
            transform: Transform::Identity,
            from,
        });
    }
    if let Some((column, transform, word)) = hidden {
        let mut name = format!("{column}_{word}");
        // A field of a partition must not have the name of a column.
        while columns.iter().any(|column| column.name == name) {
            name.push('_');
        }
        let folder = |part| output.partition_by.iter().position(|other| *other == part);
        let from = FolderValue::Time {
            year: folder(PartitionPart::Year),
            month: folder(PartitionPart::Month),
            date: folder(PartitionPart::Date),
            hour: folder(PartitionPart::Hour),
        };
        partition.insert(0, TablePartition { name, column, transform, from });
    }
    Some(TableShape { format, job: plan.name.clone(), sort: sort(plan, output), columns, partition })
}

/// The column by whose time files are divided, and how, if the files have it and the units say it whole.
fn hidden(plan: &Plan, output: &OutputPlan) -> Option<(String, Transform, &'static str)> {
    use PartitionPart::{Date, Hour, Month, Year};
    // Transforms are of UTC, and folders of the job's zone.
    if plan.zone.name() != Zone::utc().name() {
        return None;
    }
    let has = |part| output.partition_by.contains(&part);
    let (transform, word) = match [has(Year), has(Month), has(Date), has(Hour)] {
        [_, _, true, true] => (Transform::Hour, "hour"),
        [_, _, true, false] => (Transform::Day, "day"),
        [true, true, false, false] => (Transform::Month, "month"),
        [true, false, false, false] => (Transform::Year, "year"),
        // A month of any year, and an hour of any day, are values of their own.
        _ => return None,
    };
    let at = time_column(plan, output)?;
    Some((output.columns.fields[at].name.clone(), transform, word))
}

/// The written column that is the time by which rows are divided: the start of the window, or the event time.
fn time_column(plan: &Plan, output: &OutputPlan) -> Option<usize> {
    let is_time = |at: usize| match &output.kind {
        OutputKind::Groups { post, .. } => matches!(post.columns[at], PlannedColumn::WindowStart),
        OutputKind::Rows(columns) => is_event_time(plan, columns[at]),
        // An archive keeps the column as it is read, which may be another instant than the event time.
        OutputKind::Archive(_) => false,
    };
    output
        .written()
        .into_iter()
        .find(|&at| output.columns.fields[at].ty == DataType::Timestamp && is_time(at))
}

/// Whether a column of the rows is the event time, as it is read.
fn is_event_time(plan: &Plan, column: ColumnId) -> bool {
    let read = &plan.pipeline.read;
    let id = |at: usize| ColumnId::first(at + 1).last();
    (0..read.columns.len()).any(|at| id(at) == Some(column) && read.columns[at].name == read.time.column)
}

/// The columns that rows of a file are sorted by, as far as the files have them.
fn sort(plan: &Plan, output: &OutputPlan) -> Vec<String> {
    let written = output.written();
    let name = |at: usize| output.columns.fields[at].name.clone();
    let OutputKind::Groups { grouping, post } = &output.kind else {
        // Replay order: by event time, and within one instant by position, which is not a column.
        return time_column(plan, output).map(name).into_iter().collect();
    };
    let keys = plan.pipeline.groupings[*grouping].keys.len();
    let wanted = [None].into_iter().chain((0..keys).map(Some));
    let mut sort = vec![];
    for key in wanted {
        let is = |column: &PlannedColumn| match (column, key) {
            (PlannedColumn::WindowStart, None) => true,
            (PlannedColumn::Key(number), Some(key)) => *number == key,
            _ => false,
        };
        let Some(at) = post.columns.iter().position(is) else { break };
        // All rows of a file have one value of a column that stands in the path.
        if written.contains(&at) {
            sort.push(name(at));
        }
    }
    sort
}
