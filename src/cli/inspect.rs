//! `highwater inspect`: what a live job would hold at a time.

use super::document::{FormatArgs, ReportDocument, data};
use super::job_args::MachineArgs;
use super::ui;
use crate::deliver::recover;
use crate::engine::RunOptions;
use crate::error::{Error, Result, exit};
use crate::inspect::{HeldState, StateKind, StatePath, StateSection};
use crate::job::{self, Overrides};
use crate::plan::Mode;
use crate::sink::{OutputFormat, table};
use crate::time::Zone;
use clap::{Args, ValueEnum};
use std::path::PathBuf;

/// Show the state of a live job at a time: open windows with their values so far, the keys of dedup and first, and
/// the last row of each key of the tables.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    highwater inspect data/jobs/user-sessions.toml --at 2024-06-01T12:00\n  \
    highwater inspect data/jobs/sales-per-seller.toml --at 2024-06-01T00:10 \
    --output out/state.parquet")]
pub struct InspectArgs {
    /// The job file
    #[arg(value_hint = clap::ValueHint::FilePath)]
    job: PathBuf,
    /// The time (in the job's time zone, or with an offset); events at exactly this time are included
    #[arg(long, value_name = "TIME")]
    at: String,
    /// Show only entries with this value in this key column; repeat it to require several
    #[arg(long = "key", value_name = "COLUMN=VALUE")]
    keys: Vec<String>,
    /// Write the full state to a .parquet, .avro, .jsonl or .csv file; or to a folder, with a file for each step, table
    /// and output, which has a column for each key and value
    #[arg(long, value_name = "PATH")]
    output: Option<PathBuf>,
    /// Format of the files in a folder
    #[arg(long = "format", value_name = "FORMAT", value_enum, default_value_t, requires = "output")]
    files: StateFormat,
    #[command(flatten)]
    format: FormatArgs,
    /// Number of rows to show of each table on the terminal
    #[arg(long, value_name = "N", default_value_t = 20)]
    rows: usize,
    #[command(flatten)]
    machine: MachineArgs,
}

/// Formats that keep the type of every value.
#[derive(Debug, Clone, Copy, Default, ValueEnum)]
enum StateFormat {
    #[default]
    Parquet,
    Avro,
}

impl InspectArgs {
    pub fn run(&self) -> Result<u8> {
        let keys = self.keys.iter().map(|text| parse_key(text)).collect::<Result<Vec<_>>>()?;
        let spec = job::read(&self.job)?;
        let own = job::plan_job(&spec, &self.machine.overrides())?;
        // Streamed steps hold what had arrived. In any other job every event is held, whatever its windows have published.
        let plan = match own.pipeline.steps_are_streamed() {
            true => own,
            false => {
                let overrides = Overrides { mode: Some(Mode::Complete), ..self.machine.overrides() };
                job::plan_job(&spec, &overrides)?
            }
        };
        ui::notes(&plan.notes);
        recover(&plan)?;
        // A time without an offset is in the job's zone, so the plan comes first.
        let at = job::parse_time("--at", &self.at, &plan.zone)?;
        let options = RunOptions { table_rows: self.rows, ..self.machine.options(Some(&plan)) };
        // The plan moves into the inspection, and these are shown after it.
        let (name, zone) = (plan.name.clone(), plan.zone.clone());
        let progress = ui::ProgressLine::new(!self.format.is_text());
        let format = match self.files {
            StateFormat::Parquet => OutputFormat::Parquet,
            StateFormat::Avro => OutputFormat::Avro,
        };
        let output = self.output.as_deref().map(|path| StatePath { path, format });
        let state = crate::inspect::inspect(plan, at, &keys, output, &options, &progress);
        progress.finish();
        let state = state?;
        if self.format.is_json() {
            print_json(&name, &state, &zone)?;
            return Ok(exit::DONE);
        }
        if state.sections.is_empty() {
            ui::note(
                "the job has no state: it has no windows, no dedup or first, and no table that is joined backward",
            );
        }
        let mut out = ReportDocument::default();
        for (i, section) in state.sections.iter().enumerate() {
            if i > 0 {
                out.gap();
            }
            out.append(ReportDocument::titled(heading(section)));
            // An empty table would be a head without a row.
            if section.rows > 0 {
                let shown = section.table(self.rows)?;
                out.code("text", table::render(&shown, &zone, self.rows, section.rows)?);
            }
        }
        // JSON was printed above, entry by entry.
        self.format.print(|| (), || out)?;
        ui::note(&ui::account_line(&state.account));
        if let Some(path) = &self.output {
            let rows: usize = state.sections.iter().map(|section| section.rows).sum();
            let word = if rows == 1 { "row" } else { "rows" };
            ui::note(&format!("{}: {} {word}", path.display(), ui::grouped(rows as u64)));
        }
        Ok(exit::DONE)
    }
}

/// A column and its value.
fn parse_key(text: &str) -> Result<(String, String)> {
    match text.split_once('=') {
        Some((column, value)) if !column.is_empty() => Ok((column.to_string(), value.to_string())),
        _ => Err(Error::job(format!("--key `{text}` is not a column with a value"))
            .hint("such as --key userId=17")),
    }
}

fn heading(section: &StateSection) -> String {
    let count = |one: &str, many: &str| {
        format!("{} {}", ui::grouped(section.rows as u64), if section.rows == 1 { one } else { many })
    };
    let name = match section.name.as_str() {
        "-" => "the terminal".to_string(),
        name => data(name),
    };
    match section.kind {
        StateKind::Dedup => format!("{name}: {} held", count("key", "keys")),
        StateKind::First => format!("{name}: {} seen", count("key", "keys")),
        StateKind::Table => format!("table {name}: {} held", count("row", "rows")),
        StateKind::Waiting => format!("{name}: {} waiting", count("event", "events")),
        StateKind::Window => format!("windows of {name}: {} open", count("group", "groups")),
    }
}

/// Entry by entry: there may be more than fit twice.
fn print_json(job: &str, state: &HeldState, zone: &Zone) -> Result<()> {
    let at = crate::sink::value::TimeText::new(zone).text(state.at);
    let account = serde_json::to_string(&state.account)
        .map_err(|e| Error::machine("cannot print JSON").caused_by(e))?;
    ui::print(&format!(
        "{{\"job\":{},\"at\":\"{at}\",\"account\":{account},\"entries\":[",
        serde_json::Value::from(job)
    ))?;
    let (mut text, mut first) = (String::new(), true);
    state.entries(zone, |entry| {
        text.push_str(if first { "\n" } else { ",\n" });
        text.push_str(entry);
        first = false;
        // Each print flushes, so entries are written a megabyte at a time.
        if text.len() > 1 << 20 { ui::print(&std::mem::take(&mut text)) } else { Ok(()) }
    })?;
    text.push_str("\n]}\n");
    ui::print(&text)
}
