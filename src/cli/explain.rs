//! `highwater explain`: the plan, from samples alone.

use super::document::{FormatArgs, ReportDocument};
use super::job_args::{JobArgs, JobId};
use super::lengths::written;
use super::ui;
use crate::batch::Field;
use crate::deliver::{recall_stamps, recover};
use crate::engine::{MachineMemory, estimate};
use crate::error::{Result, exit};
use crate::explain::{RowRequest, explain_row};
use crate::group::GroupPlan;
use crate::input::infer::Inferred;
use crate::input::wire_format::LogColumn;
use crate::job::{self, JobSpec};
use crate::plan::{LogPartition, MicroBatch, OutputKind, OutputTo, Plan, WatermarkPlan, WatermarkRule};
use crate::rows::PartitionPart;
use crate::time::TimeRule;
use crate::window::Window;
use clap::Args;
use serde_json::{Value, json};
use std::fmt::Write;

use source::{columns, files};

mod row;
mod source;
mod steps;

/// Show the plan, schema and memory of a job, from samples of its files; or, with --at, the events behind one row.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  highwater explain data/jobs/big-spenders.toml\n  \
    highwater explain data/jobs/big-spenders.toml --at window_start=2021-02-01,account_no=099765000015")]
pub struct ExplainArgs {
    #[command(flatten)]
    job: JobArgs,
    /// Explain this row: list the events that made it, by file and line, and the events of its window and keys that
    /// were excluded, with the reason. Write columns with values as in CSV: 'window_start=2024-06-01, user_id=17'. For
    /// a window, give its start or any time inside it
    #[arg(long, value_name = "ROW")]
    at: Option<String>,
    /// The output that has the row, by its path [default: the first with these columns]
    #[arg(long, value_name = "PATH", requires = "at")]
    output: Option<String>,
    /// Number of events to list, both of those counted and of those excluded
    #[arg(long, value_name = "N", default_value_t = 20, requires = "at")]
    rows: usize,
    #[command(flatten)]
    format: FormatArgs,
}

impl ExplainArgs {
    pub fn run(&self) -> Result<u8> {
        // The row is parsed before any file is opened, so that a typing error costs nothing.
        let columns = self.at.as_deref().map(row::parse).transpose()?;
        let spec = job::read(&self.job.job)?;
        recall_stamps(&spec);
        let plan = job::plan_job(&spec, &self.job.overrides())?;
        // A run that was killed may have left a commit half done: it is rolled forward or back first.
        recover(&plan)?;
        if let Some(columns) = columns {
            return self.row(columns, &spec, &plan);
        }
        ui::notes(&plan.notes);
        let options = self.job.options(&plan);
        // Only the default budget depends on the machine, so only then the machine is looked at.
        let of_machine = self.job.machine.memory.or(plan.memory).is_none().then(MachineMemory::find);
        let (threads, memory) = (options.threads, options.memory);
        self.format
            .print(|| in_json(&plan, threads, memory), || explain(&plan, threads, (memory, of_machine)))?;
        Ok(exit::DONE)
    }

    /// Explains a row of an output.
    fn row(&self, columns: Vec<(String, Option<String>)>, spec: &JobSpec, plan: &Plan) -> Result<u8> {
        let options = self.job.options(plan);
        let request = RowRequest { output: self.output.clone(), columns, most: self.rows };
        let progress = ui::ProgressLine::new(!self.format.is_text());
        // Each pass over the log takes a plan of its own.
        let again = || job::plan_job(spec, &self.job.overrides());
        let explained = explain_row(&request, &options, &progress, &again);
        progress.finish();
        let explained = explained?;
        let zone = &plan.zone;
        self.format.print(|| row::in_json(&explained, zone), || row::document(&explained, zone))?;
        Ok(exit::DONE)
    }
}

/// The explanation of a plan.
/// The memory is the budget, and what it is half of where nobody gave it.
fn explain(plan: &Plan, threads: usize, memory: (u64, Option<MachineMemory>)) -> ReportDocument {
    let mut out = ReportDocument::titled(format!("job {}, time zone {}", plan.name, plan.zone.name()));
    let sections = [
        format!("\n{}\n{}", files(&plan.pipeline.read), columns(&plan.pipeline.read, &plan.inferred)),
        changes(&plan.inferred),
        watermark(plan),
        steps::tables(plan),
        steps::services(plan),
        steps::steps(plan),
        outputs(plan),
        needs(plan, threads, memory),
    ];
    out.outline(&sections.concat());
    out
}

/// The explanation of a plan, for programs. Lengths are in microseconds, in names that end in `_us`.
fn in_json(plan: &Plan, threads: usize, memory: u64) -> Value {
    let read = &plan.pipeline.read;
    let fields = |fields: &[Field]| -> Vec<Value> {
        fields.iter().map(|field| json!({ "name": field.name, "type": field.ty.to_string() })).collect()
    };
    let columns = plan.inferred.columns.iter().map(|column| {
        let read = read.time.column == column.name || read.columns.iter().any(|c| c.name == column.name);
        json!({ "name": column.name, "type": column.ty.to_string(), "read": read, "why": column.why })
    });
    let outputs = plan.deliveries.outputs.iter().map(|output| {
        let group = match output.kind {
            OutputKind::Groups { grouping, .. } => Some(&plan.pipeline.groupings[grouping]),
            _ => None,
        };
        let lateness = group.and_then(|group| group.plan.lateness.as_ref());
        json!({
            "path": output.to,
            "format": (output.to != OutputTo::Terminal).then(|| output.format.name()),
            "archive": matches!(output.kind, OutputKind::Archive(_)),
            "window": group.map(|group| group.plan.window.to_string()),
            "keys": group.map(|group| &group.keys),
            "streamed": lateness.is_some(),
            "allowed_lateness_us": lateness.map(|lateness| lateness.allowed),
            "columns": fields(&output.columns.fields),
        })
    });
    let estimate = estimate(plan, threads);
    let steps = steps::steps(plan);
    json!({
        "job": JobId::of(plan),
        "time_zone": plan.zone.name(),
        "files": read.files.len(),
        "bytes": read.files.iter().map(|file| file.bytes).sum::<u64>(),
        "columns": columns.collect::<Vec<_>>(),
        "event_time": (read.time.rule != TimeRule::Untimed).then_some(&read.time.column),
        "out_of_orderness_us": plan.pipeline.watermark.out_of_orderness,
        "tables": plan.pipeline.tables.iter().map(|table| &table.name).collect::<Vec<_>>(),
        "steps": steps.lines().skip(2).map(str::trim).collect::<Vec<_>>(),
        "outputs": outputs.collect::<Vec<_>>(),
        "threads": threads,
        "memory_bytes": memory,
        "estimate": {
            "records": estimate.records,
            "chunk_bytes": estimate.fixed,
            "bytes_per_group": estimate.per_group,
            "bytes_per_row": estimate.per_row,
        },
    })
}

/// What becomes of deletes in a source of change events.
fn changes(inferred: &Inferred) -> String {
    // Only a log of change events has the column `_op`.
    let is = inferred.wire_format.as_ref().is_some_and(|found| found.framing.has(LogColumn::Op));
    let words = "deletes: each is an event, with the row as it was before; `_deleted` is true for them\n";
    if is { words.to_string() } else { String::new() }
}

/// How the watermark goes, where it decides something.
fn watermark(plan: &Plan) -> String {
    // In `complete` nothing is late, so the watermark decides nothing.
    if plan.pipeline.groupings.iter().all(|g| g.plan.lateness.is_none()) {
        return String::new();
    }
    let watermark = &plan.pipeline.watermark;
    let mut out = format!(
        "\nwatermark: {} behind the greatest event time so far, in order of {}\n",
        written(watermark.out_of_orderness),
        if plan.pipeline.read.arrival.is_some() { "arrival" } else { "position" }
    );
    out.push_str(&rule(watermark));
    if let Some(partition) = watermark.partition {
        let of = match partition {
            LogPartition::File => "files",
            LogPartition::Column(column) => {
                &format!("partitions by {}", plan.pipeline.rows.fields[column].name)
            }
            LogPartition::Topics { .. } => "topics and partitions of the log",
        };
        let idle = watermark.idle.map(|idle| format!(", but for those idle for more than {}", written(idle)));
        let from =
            if watermark.known { ", each from the start of the log" } else { ", each from its first event" };
        let _ = match watermark.rule {
            WatermarkRule::KafkaStreams => writeln!(out, "  for each of the {of} apart"),
            _ => writeln!(out, "  the least of those of the {of}{from}{}", idle.unwrap_or_default()),
        };
    }
    if let Some(late) = &plan.deliveries.late {
        let _ = writeln!(out, "  late events: {} ({})", late.path.display(), late.format.name());
    }
    out
}

/// Whose rule the watermark follows, where it is not that of Flink's DataStream API after every record.
fn rule(watermark: &WatermarkPlan) -> String {
    let mut out = match watermark.rule {
        WatermarkRule::Flink => String::new(),
        WatermarkRule::FlinkSql => {
            "  as in Flink SQL, one millisecond ahead of the DataStream API\n".to_string()
        }
        WatermarkRule::Spark(batch) => {
            let batch = match batch {
                MicroBatch::Records(records) => format!("{records} records"),
                MicroBatch::Arrival(length) => format!("what arrives in {}", written(length)),
            };
            format!(
                "  as in Spark, between micro-batches of {batch}; an event is late by the watermark of the batch before\n"
            )
        }
        WatermarkRule::KafkaStreams => "  as in Kafka Streams, where it is the stream time\n".to_string(),
    };
    if let Some(every) = watermark.every {
        let _ = writeln!(out, "  it moves every {}, by arrival", written(every));
    }
    out
}

fn outputs(plan: &Plan) -> String {
    let mut out = "\noutputs:\n".to_string();
    for (id, output) in plan.deliveries.with_ids() {
        let to = match &output.to {
            OutputTo::Folder(path) | OutputTo::File(path) | OutputTo::Table(path, _) => match &output.to {
                OutputTo::Table(_, kind) => {
                    let catalog = kind.catalog.as_ref().map(|table| format!(", {table}")).unwrap_or_default();
                    format!("{} (a table: {}{catalog})", path.display(), kind.format.name())
                }
                _ => format!("{} ({})", path.display(), output.format.name()),
            },
            OutputTo::Terminal => "the terminal".to_string(),
        };
        let what = match &output.kind {
            OutputKind::Rows(_) => "events in replay order".to_string(),
            OutputKind::Archive(_) => "archive: the records as they are read, in replay order".to_string(),
            OutputKind::Groups { grouping, .. } => {
                let g = &plan.pipeline.groupings[*grouping];
                let by =
                    if g.keys.is_empty() { String::new() } else { format!(", by {}", g.keys.join(", ")) };
                format!("grouping {}: window {}{by}", grouping.place() + 1, g.plan.window)
            }
        };
        let _ = writeln!(out, "  {to}: {what}");
        let columns: Vec<String> =
            output.columns.fields.iter().map(|f| format!("{} {}", f.name, f.ty)).collect();
        let _ = writeln!(out, "    columns {}", columns.join(", "));
        if let OutputKind::Groups { grouping, .. } = output.kind {
            out.push_str(&mode(&plan.pipeline.groupings[grouping].plan));
        }
        for publication in plan.deliveries.publications.iter().filter(|publication| publication.output == id)
        {
            let keys: Vec<&str> = publication.key.iter().map(|&k| &*output.columns.fields[k].name).collect();
            let _ = writeln!(out, "    published to {}, key {}", publication.address.url(), keys.join(", "));
        }
        if output.state {
            out.push_str("    state is kept: late events are merged without reading history\n");
        }
        if !output.partition_by.is_empty() {
            let parts: Vec<String> = output
                .partition_by
                .iter()
                .map(|part| match part {
                    PartitionPart::Column(c) => output.columns.fields[*c].name.clone(),
                    // The names of these variants are the words of the job file.
                    part => format!("{part:?}").to_lowercase(),
                })
                .collect();
            let _ = writeln!(out, "    partitioned by {}", parts.join(", "));
        }
    }
    for page in &plan.deliveries.pages {
        let of: Vec<String> =
            page.of.iter().map(|&output| plan.deliveries.outputs[output].to.to_string()).collect();
        let _ = writeln!(out, "  {} (html): a page of {}", page.path.display(), of.join(", "));
    }
    out
}

/// Which events the windows count.
fn mode(plan: &GroupPlan) -> String {
    let firings = if plan.firings { "; a row for each firing" } else { "" };
    match &plan.lateness {
        None if plan.window == Window::Global => String::new(),
        None => "    complete: counts every event, however late\n".to_string(),
        Some(lateness) => format!("    streamed: allowed lateness {}{firings}\n", written(lateness.allowed)),
    }
}

/// What the budget is half of.
fn half_of(memory: &MachineMemory) -> String {
    let bytes = ui::human_bytes(memory.bytes);
    match &memory.group {
        Some(file) => format!("half of the {bytes} of its control group ({})", file.display()),
        None => format!("half of the {bytes} of the machine"),
    }
}

fn needs(plan: &Plan, threads: usize, (budget, of_machine): (u64, Option<MachineMemory>)) -> String {
    let estimate = estimate(plan, threads);
    let mut out = format!(
        "\nmemory: a budget of {} for {threads} threads{}; past it, partial results go to disk\n",
        ui::human_bytes(budget),
        of_machine.map(|memory| format!(", {}", half_of(&memory))).unwrap_or_default()
    );
    let _ = writeln!(out, "  about {} records", ui::grouped(estimate.records));
    let _ = writeln!(out, "  chunks: about {}", ui::human_bytes(estimate.fixed));
    for (i, bytes) in estimate.per_group.iter().enumerate() {
        let most = ui::human_bytes(bytes * estimate.records);
        let _ = writeln!(
            out,
            "  grouping {}: about {bytes} bytes per group and thread that meets it; {most} if every record were a group",
            i + 1
        );
    }
    for bytes in &estimate.per_row {
        let _ = writeln!(
            out,
            "  events: about {bytes} bytes per row, {}",
            ui::human_bytes(bytes * estimate.records)
        );
    }
    out
}
