//! What a command did, in the text format of Prometheus.
//!
//! # Contract
//! * All are gauges of the last run, in base units (seconds, bytes), each with `command` and `job_name`. The name is
//!   not `job`: Prometheus has a label of that name for what it scrapes, and would call ours `exported_job`.
//! * The file is replaced as a whole, by renaming: a collector that reads it meanwhile sees the old or the new one.
//! * A run that fails says so, with what is known of it, and keeps the time of the last that did not.

use super::facts::Facts;
use crate::engine::StageTime;
use crate::error::{Error, Result};
use crate::sink::owner::{self, Made};
use prometheus::{GaugeVec, Opts, Registry, TextEncoder};
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A command that has ended.
pub struct CommandMetrics<'a> {
    pub command: &'static str,
    pub job: &'a str,
    pub facts: &'a Facts,
    pub stages: &'a [StageTime],
    pub success: bool,
    pub took: Duration,
    /// The most memory, in bytes.
    pub memory: Option<u64>,
}

/// The metric that a run that fails keeps.
const LAST_SUCCESS: &str = "highwater_last_success_timestamp_seconds";

/// Says before the work that metrics cannot be written, or that no collector would read them.
pub fn check(path: &Path) -> Result<()> {
    let refused = || Error::job(format!("the metrics cannot be written to {}", path.display()));
    if path.extension().is_none_or(|extension| extension != "prom") {
        return Err(refused().hint("a node exporter's textfile collector reads only files that end in .prom"));
    }
    // A bare name has an empty parent, which is the current folder.
    match path.parent().filter(|folder| !folder.as_os_str().is_empty() && !folder.is_dir()) {
        Some(folder) => Err(refused().hint(format!("there is no folder {}", folder.display()))),
        None => owner::check(path, Made::Metrics),
    }
}

impl CommandMetrics<'_> {
    /// Puts the metrics at `path`.
    ///
    /// # Errors
    /// A machine error: the file cannot be written.
    pub fn write(&self, path: &Path) -> Result<()> {
        // Before the first run there is not a file yet.
        let old = std::fs::read_to_string(path).unwrap_or_default();
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let text = self
            .text(now, &old)
            .map_err(|cause| Error::machine("cannot make the metrics").caused_by(cause))?;
        owner::put(path, Made::Metrics, text.as_bytes()).map(drop)
    }

    /// The metrics at `now`, a time since 1970; `old` is the text of those before.
    fn text(&self, now: Duration, old: &str) -> prometheus::Result<String> {
        let mut gauges = Gauges { registry: Registry::new(), run: self };
        // Taken apart by name: a new fact cannot be left out of the metrics.
        let Facts { job, account, watermarks, inputs, outputs, compared } = self.facts;
        let hash = job.as_ref().map_or("", |(_, hash)| hash.as_str());
        let version = env!("CARGO_PKG_VERSION");
        gauges.add(
            "info",
            "What ran: the version of highwater, and the hash of the job.",
            &["version", "hash"],
            &[(&[version, hash], 1.0)],
        )?;
        // Prometheus knows numbers alone: 1 stands for yes.
        let success = f64::from(u8::from(self.success));
        gauges.add("last_run_success", "Whether the last run succeeded.", &[], &[(&[], success)])?;
        gauges.add(
            "last_run_timestamp_seconds",
            "When the last run ended.",
            &[],
            &[(&[], now.as_secs_f64())],
        )?;
        gauges.add(
            "last_run_duration_seconds",
            "How long the last run took.",
            &[],
            &[(&[], self.took.as_secs_f64())],
        )?;
        let succeeded = if self.success { Some(now.as_secs_f64()) } else { kept(old) };
        if let Some(time) = succeeded {
            gauges.add(
                "last_success_timestamp_seconds",
                "When a run last succeeded.",
                &[],
                &[(&[], time)],
            )?;
        }
        if let Some(a) = account {
            let outcomes: [(&[&str], u64); 5] = [
                (&["rejected"], a.rejected),
                (&["filtered"], a.filtered),
                (&["duplicate"], a.duplicate),
                (&["late"], a.late),
                (&["counted"], a.counted),
            ];
            let outcomes = outcomes.map(|(label, n)| (label, n as f64));
            gauges.add(
                "records",
                "Records by what became of them; their sum is what was read.",
                &["outcome"],
                &outcomes,
            )?;
        }
        if let Some((files, bytes)) = inputs {
            gauges.add("input_files", "Files that were read.", &[], &[(&[], *files as f64)])?;
            gauges.add(
                "input_bytes",
                "Bytes of the files that were read, as they lie on disk.",
                &[],
                &[(&[], *bytes as f64)],
            )?;
        }
        if !outputs.is_empty() {
            let rows: Vec<_> =
                outputs.iter().map(|(path, rows, _)| ([path.as_str()], *rows as f64)).collect();
            let files: Vec<_> =
                outputs.iter().map(|(path, _, files)| ([path.as_str()], *files as f64)).collect();
            gauges.add("output_rows", "Rows of an output.", &["output"], &slices(&rows))?;
            gauges.add(
                "output_files_written",
                "Files of an output that were new or changed.",
                &["output"],
                &slices(&files),
            )?;
        }
        if !compared.is_empty() {
            let results = ["same", "different", "only_here", "only_there"];
            let rows: Vec<_> = compared
                .iter()
                .flat_map(|(output, rows)| {
                    results.iter().zip(rows).map(|(result, n)| ([output.as_str(), *result], *n as f64))
                })
                .collect();
            gauges.add(
                "compared_rows",
                "Rows that verify compared, by result.",
                &["output", "result"],
                &slices(&rows),
            )?;
        }
        self.stages(&mut gauges)?;
        if let Some(bytes) = self.memory {
            gauges.add(
                "memory_peak_bytes",
                "The most memory that the run used.",
                &[],
                &[(&[], bytes as f64)],
            )?;
        }
        if let Some(w) = watermarks {
            let instant = |us: i64| us as f64 / 1e6;
            let (first, last) = (instant(w.min_event_time), instant(w.max_event_time));
            gauges.add(
                "event_time_min_timestamp_seconds",
                "The first event time counted.",
                &[],
                &[(&[], first)],
            )?;
            gauges.add(
                "event_time_max_timestamp_seconds",
                "The last event time counted.",
                &[],
                &[(&[], last)],
            )?;
            gauges.add(
                "lag_seconds",
                "The end of the run less the last event time.",
                &[],
                &[(&[], now.as_secs_f64() - last)],
            )?;
            if let Some(watermark) = w.watermark {
                gauges.add(
                    "watermark_timestamp_seconds",
                    "The watermark when the log ended.",
                    &[],
                    &[(&[], instant(watermark))],
                )?;
            }
        }
        TextEncoder::new().encode_to_string(&gauges.registry.gather())
    }

    fn stages(&self, gauges: &mut Gauges) -> prometheus::Result<()> {
        if self.stages.is_empty() {
            return Ok(());
        }
        let mut of = |name, help, value: &dyn Fn(&StageTime) -> f64| {
            let values: Vec<_> =
                self.stages.iter().map(|stage| ([stage.stage.name()], value(stage))).collect();
            gauges.add(name, help, &["stage"], &slices(&values))
        };
        of("stage_cpu_seconds", "CPU time of a stage, of all threads.", &|s| s.busy.as_secs_f64())?;
        of("stage_seconds", "Time from the start of a stage to its end; stages overlap.", &|s| {
            s.wall.as_secs_f64()
        })?;
        of(
            "stage_rows",
            "Rows that came to a stage, or that it gave; 0 where they are not counted.",
            &|s| s.rows as f64,
        )?;
        of("stage_bytes", "Bytes that a stage read or wrote; 0 where they are not counted.", &|s| {
            s.bytes as f64
        })
    }
}

fn slices<'a, const N: usize>(values: &'a [([&'a str; N], f64)]) -> Vec<(&'a [&'a str], f64)> {
    values.iter().map(|(labels, value)| (&labels[..], *value)).collect()
}

struct Gauges<'a> {
    registry: Registry,
    run: &'a CommandMetrics<'a>,
}

impl Gauges<'_> {
    /// A gauge with values by its own labels, after those that all have.
    fn add(
        &mut self,
        name: &str,
        help: &str,
        labels: &[&str],
        values: &[(&[&str], f64)],
    ) -> prometheus::Result<()> {
        let labels: Vec<&str> = ["command", "job_name"].iter().chain(labels).copied().collect();
        let gauge = GaugeVec::new(Opts::new(format!("highwater_{name}"), help), &labels)?;
        for (own, value) in values {
            // `GaugeVec` takes values by position: the order is that of the label names above.
            let own: Vec<&str> = [self.run.command, self.run.job].iter().chain(*own).copied().collect();
            gauge.get_metric_with_label_values(&own)?.set(*value);
        }
        self.registry.register(Box::new(gauge))
    }
}

/// When a run last succeeded, by the text of metrics.
fn kept(old: &str) -> Option<f64> {
    // HELP and TYPE lines begin with `#`, and a longer name may begin alike.
    let line =
        old.lines().find(|line| line.strip_prefix(LAST_SUCCESS).is_some_and(|rest| rest.starts_with('{')))?;
    // The value stands behind the last space, as the value of a label may have spaces.
    line.rsplit(' ').next()?.parse().ok()
}

#[cfg(test)]
mod tests;
