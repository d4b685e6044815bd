//! `highwater audit`: how late events come, and what each delay of the watermark would have cost.

mod json;
#[cfg(test)]
mod tests;
mod text;

pub(super) use json::json as as_json;
pub(super) use text::alike;

use super::watch::{Facts, Watch, WatchArgs};
use super::{JobArgs, chart, lengths, ui};
use crate::deliver::recover;
use crate::error::{self, Error, Result, exit};
use crate::job::{self, Overrides};
use crate::plan::{Mode, Plan};
use crate::sink::Watermarks;
use crate::sink::owner::{self, Made};
use crate::time::{Duration, Zone};
use clap::Args;
use std::path::{Path, PathBuf};

/// Measure lateness, and what other watermark delays would have dropped.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  highwater audit data/jobs/pageviews-per-postcode.toml\n  \
    highwater run data/jobs/sales-per-seller.toml --quiet\n  \
    highwater audit data/jobs/sales-per-seller.toml --delays 0s,20s,5m --chart out/lateness.svg")]
pub struct AuditArgs {
    #[command(flatten)]
    job: JobArgs,
    /// The delays to compare, such as 0s,20s,5m,1d; the job's own delay is always included [default:
    /// chosen from the data]
    #[arg(long, value_name = "LENGTHS")]
    delays: Option<String>,
    /// Print the report as JSON on stdout: durations in microseconds (names end in _us), times in UTC
    #[arg(long)]
    json: bool,
    /// Draw late events and wrong rows against the delay
    #[arg(long, value_name = "FILE.svg")]
    chart: Option<PathBuf>,
    #[command(flatten)]
    watch: WatchArgs,
}

/// What was audited, kept while the plan goes to its audit.
#[derive(Debug, Clone)]
pub(super) struct Subject {
    name: String,
    hash: String,
    zone: Zone,
    files: usize,
    bytes: u64,
    /// The job's `idle`.
    idle: Option<i64>,
}

impl Subject {
    pub fn of(plan: &Plan) -> Subject {
        Subject {
            name: plan.name.clone(),
            hash: plan.hash.clone(),
            zone: plan.zone.clone(),
            files: plan.pipeline.read.files.len(),
            bytes: plan.pipeline.read.files.iter().map(|file| file.bytes).sum(),
            idle: plan.pipeline.watermark.idle,
        }
    }
}

impl AuditArgs {
    pub fn run(&self) -> Result<u8> {
        let watch = self.watch.begin("audit", &self.job.job, self.json)?;
        watch.observe(|watch, facts| self.work(watch, facts))
    }

    fn work(&self, watch: &Watch, facts: &mut Facts) -> Result<u8> {
        let delays = self.delays.as_deref().map(parse_delays).transpose()?;
        if let Some(path) = &self.chart {
            check_chart(path)?;
        }
        let spec = job::read(&self.job.job)?;
        let overrides = Overrides { mode: Some(Mode::Streamed), ..self.job.overrides() };
        let plan = job::plan_job(&spec, &overrides)?;
        facts.plan(&plan);
        ui::notes(&plan.notes);
        self.chart.iter().try_for_each(|path| job::refuse_own(&plan, path))?;
        recover(&plan)?;
        let options = self.job.options(&plan);
        let subject = Subject::of(&plan);
        let report = crate::audit::audit(plan, &options, delays, &watch.progress);
        watch.progress.finish();
        let report = report?;
        facts.account = Some(report.account);
        facts.inputs = Some((subject.files as u64, subject.bytes));
        facts.watermarks = report.event_times.map(|(min_event_time, max_event_time)| Watermarks {
            min_event_time,
            max_event_time,
            watermark: None,
        });
        if let Some(path) = &self.chart {
            owner::put(path, Made::Chart, chart::svg(&report).as_bytes())?;
            ui::note(&format!("chart in {}", path.display()));
        }
        if self.json {
            ui::print_value(&as_json(&subject, &report))?;
        } else {
            ui::print(&text::text(&subject, &report))?;
        }
        Ok(exit::DONE)
    }
}

/// Says before the work that a chart cannot be written.
fn check_chart(path: &Path) -> Result<()> {
    if path.extension().is_none_or(|e| !e.eq_ignore_ascii_case("svg")) {
        let error = Error::job(format!("the chart cannot be written to {}", path.display()));
        return Err(error.hint("it is an SVG picture: use a .svg file"));
    }
    match path.parent().filter(|folder| !folder.as_os_str().is_empty() && !folder.is_dir()) {
        Some(folder) => Err(Error::job(format!("the chart cannot be written to {}", path.display()))
            .hint(format!("there is no folder {}", folder.display()))),
        None => owner::check(path, Made::Chart),
    }
}

/// The lengths of `--delays`, ascending, each once.
fn parse_delays(text: &str) -> Result<Vec<i64>> {
    let mut delays = vec![];
    for (i, part) in text.split(',').enumerate() {
        let part = part.trim();
        if part.is_empty() {
            let error = Error::job(format!("--delays: element {} is empty", i + 1));
            return Err(error.hint("use durations with commas between them, such as 0s,20s,5m"));
        }
        delays.push(job::parse_length(part).map_err(|error| match meant(part) {
            Some(meant) => error.hint(format!("did you mean `--delays {meant}`?")),
            None => error,
        })?);
    }
    delays.sort_unstable();
    delays.dedup();
    Ok(delays)
}

/// Units as they may be written, and in full.
const UNITS: [(&str, &[&str]); 7] = [
    ("us", &["us", "µs", "microseconds"]),
    ("ms", &["ms", "msec", "millis", "milliseconds"]),
    ("s", &["s", "sec", "secs", "second", "seconds"]),
    ("m", &["m", "min", "mins", "minute", "minutes"]),
    ("h", &["h", "hr", "hrs", "hour", "hours"]),
    ("d", &["d", "day", "days"]),
    ("w", &["w", "week", "weeks"]),
];

/// The right form that is nearest to a text that is no length: `20sce` → `20s`, `1.5h` → `90m`, `1 month`
/// → `31d`, `20` → `20s`.
fn meant(text: &str) -> Option<String> {
    if let Some(Duration::Calendar { count, unit }) = Duration::parse(text) {
        let days = match unit {
            crate::time::CalendarUnit::Month => 31,
            crate::time::CalendarUnit::Quarter => 92,
            crate::time::CalendarUnit::Year => 366,
            _ => return None,
        };
        return Some(format!("{}d", u64::from(count) * days)).filter(|text| job::parse_length(text).is_ok());
    }
    let text = text.trim_start_matches(['+', '-']).trim();
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, word) = (&text[..end], text[end..].trim().to_lowercase());
    let unit = match word.as_str() {
        "" => "s",
        word => {
            let known = UNITS.iter().flat_map(|(_, names)| names.iter().copied());
            let near = error::nearest(word, known)?;
            UNITS.iter().find(|(_, names)| names.contains(&near))?.0
        }
    };
    let whole = job::parse_length(&format!("1{unit}")).ok()?;
    let length = number.parse::<f64>().ok()? * whole as f64;
    let text = match number.contains('.') {
        true => lengths::written(length.round() as i64),
        false => format!("{number}{unit}"),
    };
    job::parse_length(&text).ok().map(|_| text)
}
