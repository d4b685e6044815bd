//! What a command tells of itself at its end: the times of its stages with `--verbose`, and `--metrics`.

mod facts;
mod lineage_args;
mod prometheus;

pub use facts::Facts;
pub use lineage_args::LineageArgs;

use super::ui;
use super::ui::{LogEvent, human_bytes, seconds};
use crate::engine::StageTime;
use crate::error::{Error, Result};
use crate::lineage::Lineage;
use clap::{Args, ValueHint};
use serde_json::json;
use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// What `run`, `audit` and `backfill` tell of themselves.
#[derive(Debug, Args)]
pub struct WatchArgs {
    /// Print the time of each stage and the peak memory at the end
    #[arg(long, short)]
    verbose: bool,
    #[command(flatten)]
    metrics: MetricsArgs,
}

/// Metrics of a command.
#[derive(Debug, Args)]
pub struct MetricsArgs {
    /// Write metrics of the command as a .prom file for the textfile collector of node_exporter, also when the
    /// command fails
    #[arg(long, value_name = "FILE.prom", value_hint = ValueHint::FilePath)]
    metrics: Option<PathBuf>,
}

/// A command at work.
pub struct CommandWatch<'a> {
    command: &'static str,
    job: &'a Path,
    verbose: bool,
    metrics: Option<&'a Path>,
    began: Instant,
    lineage: RefCell<Option<Lineage>>,
    /// What the work tells.
    pub progress: ui::ProgressLine,
}

impl WatchArgs {
    /// Begins a command on `job`.
    ///
    /// # Errors
    /// As of [`MetricsArgs::begin`].
    pub fn begin<'a>(
        &'a self,
        command: &'static str,
        job: &'a Path,
        quiet: bool,
    ) -> Result<CommandWatch<'a>> {
        Ok(CommandWatch { verbose: self.verbose, ..self.metrics.begin(command, job, quiet)? })
    }
}

impl MetricsArgs {
    /// Begins a command on `job`.
    ///
    /// # Errors
    /// A job error: no node exporter would read the file of metrics.
    pub fn begin<'a>(
        &'a self,
        command: &'static str,
        job: &'a Path,
        quiet: bool,
    ) -> Result<CommandWatch<'a>> {
        let metrics = self.metrics.as_deref();
        // A file that a collector would not read is refused before the work.
        metrics.map_or(Ok(()), prometheus::check)?;
        let (began, progress) = (Instant::now(), ui::ProgressLine::new(quiet));
        let lineage = RefCell::new(None);
        Ok(CommandWatch { command, job, verbose: false, metrics, began, lineage, progress })
    }
}

impl CommandWatch<'_> {
    /// The same command, which sends events of lineage where that is asked for.
    ///
    /// # Errors
    /// As of [`Lineage::open`].
    pub fn with(self, lineage: &LineageArgs) -> Result<Self> {
        self.lineage.replace(lineage.open(self.command)?);
        Ok(self)
    }

    /// Sends no event of lineage from now on.
    pub fn forget_lineage(&self) {
        self.lineage.take();
    }

    /// Tells the events of lineage something, where there are any.
    pub fn lineage(&self, tell: impl FnOnce(&mut Lineage)) {
        if let Some(lineage) = self.lineage.borrow_mut().as_mut() {
            tell(lineage);
        }
    }

    /// How long it has taken so far.
    pub fn took(&self) -> Duration {
        self.began.elapsed()
    }

    /// Does the `work` of the command; what it tells of itself is said and written at its end, whatever came of it.
    ///
    /// # Errors
    /// That of the work; that the metrics cannot be written.
    pub fn observe(&self, work: impl FnOnce(&CommandWatch, &mut Facts) -> Result<u8>) -> Result<u8> {
        let mut facts = Facts::default();
        // An error waits, as the metrics are written for a run that fails too.
        let result = work(self, &mut facts);
        self.progress.finish();
        // Taken before the metrics are made, which need memory too.
        let (stages, memory) = (self.progress.times.report(), peak_memory());
        if self.verbose {
            ui::say(&stage_events(&stages, memory));
        }
        // The name of the job is not known where its file cannot be read: the name of the file stands for it.
        let name = self.job.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        if let Some(lineage) = self.lineage.take() {
            let warnings = lineage.end(&name, result.as_ref().err());
            let event = |text: String| LogEvent::warning("lineage", format!("warning: {text}"), json!({}));
            ui::say(&warnings.into_iter().map(event).collect::<Vec<_>>());
        }
        let Some(path) = self.metrics else { return result };
        let job = facts.job.as_ref().map_or(name, |(name, _)| name.clone());
        let run = prometheus::CommandMetrics {
            command: self.command,
            job: &job,
            facts: &facts,
            stages: &stages,
            success: result.is_ok(),
            took: self.took(),
            memory,
        };
        // The error of the work comes first, as it is the one to act on.
        match (run.write(path), result) {
            (Err(error), Err(first)) => Err(Error::all(vec![first, error.clone()]).unwrap_or(error)),
            (Err(error), Ok(_)) => Err(error),
            (Ok(()), result) => result,
        }
    }
}

/// The most memory that the process has had, in bytes, where the system says.
fn peak_memory() -> Option<u64> {
    // The peak of resident memory, in kB. Only Linux tells it here.
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    // The kernel writes kB and means 1,024 bytes.
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok().map(|kb| kb * 1024)
}

/// The table of stages, a line and an event for each.
fn stage_events(stages: &[StageTime], memory: Option<u64>) -> Vec<LogEvent> {
    let heading =
        format!("{:8} {:>15} {:>10} {:>9} {:>9} {:>10}", "stage", "rows", "bytes", "cpu", "wall", "MB/s");
    let mut events = vec![];
    for (i, stage) in stages.iter().enumerate() {
        let StageTime { stage, rows, bytes, busy, wall } = *stage;
        // 0 says that a stage does not count them.
        let known = |n: u64, text: String| if n == 0 { "-".to_string() } else { text };
        // A stage may take less than a tick of the clock.
        let rate = bytes as f64 / 1e6 / wall.as_secs_f64().max(1e-9);
        let line = format!(
            "{:8} {:>15} {:>10} {:>7.3} s {:>7.3} s {:>10}",
            stage.name(),
            known(rows, ui::grouped(rows)),
            known(bytes, human_bytes(bytes)),
            busy.as_secs_f64(),
            wall.as_secs_f64(),
            known(bytes, format!("{rate:.0}")),
        );
        // The heading belongs to the first line, so that a log in JSON does not get an event for it.
        let text = if i == 0 && !ui::is_json() { format!("{heading}\n{line}") } else { line };
        let fields = json!({
            "stage": stage.name(), "rows": rows, "bytes": bytes, "cpu_seconds": seconds(busy),
            "wall_seconds": seconds(wall),
        });
        events.push(LogEvent::info("stage", text, fields));
    }
    if let Some(bytes) = memory {
        let text = format!("the most memory: {}", human_bytes(bytes));
        events.push(LogEvent::info("memory", text, json!({ "peak_bytes": bytes })));
    }
    events
}
