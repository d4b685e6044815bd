//! `highwater audit`: how late events come, and what each delay of the watermark would have cost.

mod document;
mod subject;
#[cfg(test)]
mod tests;

pub(super) use subject::Subject;

use super::document::FormatArgs;
use super::job_args::JobArgs;
use super::watch::{CommandWatch, Facts, WatchArgs};
use super::{lengths, ui};
use crate::deliver::recover;
use crate::error::{self, Error, Result, exit};
use crate::job::{self, Overrides};
use crate::plan::Mode;
use crate::sink::Watermarks;
use crate::time::Duration;
use clap::Args;

/// Measure how late events come, and how many events other watermark delays would have dropped.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  highwater audit data/jobs/pageviews-per-postcode.toml\n  \
    highwater run data/jobs/sales-per-seller.toml --quiet\n  \
    highwater audit data/jobs/sales-per-seller.toml --delays 0s,20s,5m")]
pub struct AuditArgs {
    #[command(flatten)]
    job: JobArgs,
    /// The delays to compare, such as 0s,20s,5m,1d; the job's own delay is always included [default:
    /// chosen from the data]
    #[arg(long, value_name = "LENGTHS")]
    delays: Option<String>,
    #[command(flatten)]
    format: FormatArgs,
    #[command(flatten)]
    watch: WatchArgs,
}

impl AuditArgs {
    pub fn run(&self) -> Result<u8> {
        let watch = self.watch.begin("audit", &self.job.job, !self.format.is_text())?;
        watch.observe(|watch, facts| self.work(watch, facts))
    }

    fn work(&self, watch: &CommandWatch, facts: &mut Facts) -> Result<u8> {
        let delays = self.delays.as_deref().map(parse_delays).transpose()?;
        let spec = job::read(&self.job.job)?;
        // Events are late in `streamed` only: in `complete` every event counts.
        let overrides = Overrides { mode: Some(Mode::Streamed), ..self.job.overrides() };
        let plan = job::plan_job(&spec, &overrides)?;
        // Told before the work, so that the metrics of a run that fails have the job's name and hash.
        facts.plan(&plan);
        ui::notes(&plan.notes);
        recover(&plan)?;
        let options = self.job.options(&plan);
        let subject = Subject::of(&plan);
        let own = job::plan_job(&spec, &self.job.overrides())?;
        let report = crate::audit::audit_job(plan, own, &options, delays, &watch.progress);
        // The progress line goes first, or an error would be written behind it.
        watch.progress.finish();
        let report = report?;
        facts.account = Some(report.account);
        facts.inputs = Some((subject.files as u64, subject.bytes));
        // An audit tries several delays, so it does not have one watermark.
        facts.watermarks = report.event_times.map(|times| Watermarks {
            min_event_time: times.first,
            max_event_time: times.last,
            watermark: None,
        });
        self.format.print(|| subject.with(&report), || document::document(&subject, &report))?;
        Ok(exit::DONE)
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
        // The longest of each unit, as a delay that is a day too long loses nothing.
        let days = match unit {
            crate::time::CalendarUnit::Month => 31,
            crate::time::CalendarUnit::Quarter => 92,
            crate::time::CalendarUnit::Year => 366,
            _ => return None,
        };
        return Some(format!("{}d", u64::from(count) * days)).filter(|text| job::parse_length(text).is_ok());
    }
    // A delay does not have a sign, so a sign is a slip.
    let text = text.trim_start_matches(['+', '-']).trim();
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, word) = (&text[..end], text[end..].trim().to_lowercase());
    let unit = match word.as_str() {
        // A bare number is most likely one of seconds.
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
        // A job file has whole units only: 1.5h is written as 90m.
        true => lengths::written(length.round() as i64),
        false => format!("{number}{unit}"),
    };
    // A hint has to be a value that the option takes.
    job::parse_length(&text).ok().map(|_| text)
}
