//! `highwater verify`.

mod document;
mod events;
mod json;
mod words;
mod written;

#[cfg(test)]
mod tests;

use super::document::{FormatArgs, ReportDocument, data};
use super::job_args::MachineArgs;
use super::ui;
use super::watch::{Facts, MetricsArgs};
use crate::error::{Error, Result, exit};
use crate::job;
use crate::pg::ServerAddress;
use crate::report;
use crate::verify::{Against, Verified, VerifyRequest, VerifyVerdict, verify, verify_files};
use clap::Args;
use serde_json::json;
use std::path::{Path, PathBuf};
use written::WrittenArgs;

/// Compare the results of a job with those of SQL, a file or another program, and explain differences.
#[derive(Debug, Args)]
#[command(after_help = "Exit codes: 0 the same; 1 different.\n\nExamples:\n  \
    highwater verify data/jobs/big-spenders.toml\n  \
    highwater verify data/jobs/sales-per-seller.toml --output out/sales-per-seller.csv --markdown")]
pub struct VerifyArgs {
    /// The job file; or a result (Parquet, CSV, JSON Lines, a folder) to compare with the one of --against
    job: PathBuf,
    /// The other side of the comparison: a file with SQL (.sql), a result (.parquet, .csv, .jsonl, a folder), or `-` for
    /// CSV on stdin [default: the SQL of the job, which Polars runs over the raw files]
    #[arg(long, value_name = "FILE")]
    against: Option<PathBuf>,
    /// Run the SQL on this PostgreSQL server, over the raw files in temporary tables; the password comes from
    /// PGPASSWORD or the pgpass file
    #[arg(long, value_name = "URL")]
    postgres: Option<String>,
    /// Compare only this output, by its path
    #[arg(long, value_name = "PATH")]
    output: Option<String>,
    /// The columns that identify a row [default: window and keys of the output]
    #[arg(long, value_name = "COLUMNS", value_delimiter = ',')]
    key: Vec<String>,
    /// A column of the other side as an expression over those of the output: 'year=EXTRACT(year FROM window_start)'
    #[arg(long, value_name = "THERE=SQL", value_parser = assignment)]
    map: Vec<(String, String)>,
    /// Columns to leave out of the comparison
    #[arg(long, value_name = "COLUMNS", value_delimiter = ',')]
    ignore: Vec<String>,
    /// Ignore differences of this column up to ABS, or REL of the other side's value
    #[arg(long, value_name = "COLUMN=ABS,REL", value_parser = tolerance)]
    tolerance: Vec<(String, f64, f64)>,
    #[command(flatten)]
    written: WrittenArgs,
    /// Number of differing rows to show
    #[arg(long, value_name = "N", default_value_t = 20)]
    show: usize,
    /// List the input events, by file and line, of the first groups that differ
    #[arg(long)]
    explain: bool,
    #[command(flatten)]
    format: FormatArgs,
    /// Also write the report as an HTML page
    #[arg(long, value_name = "FILE.html")]
    html: Option<PathBuf>,
    /// Skip events before this time (in the job's time zone, or with an offset)
    #[arg(long, value_name = "TIME")]
    from: Option<String>,
    /// Skip events at or after this time
    #[arg(long, value_name = "TIME")]
    to: Option<String>,
    /// The mode of every output; overrides the job file
    #[arg(long, value_name = "MODE")]
    mode: Option<super::mode::ModeArg>,
    #[command(flatten)]
    machine: MachineArgs,
    #[command(flatten)]
    metrics: MetricsArgs,
}

fn assignment(text: &str) -> std::result::Result<(String, String), String> {
    // The first `=` ends the name, as an expression may have more of them.
    let (name, value) = text.split_once('=').ok_or("a name, `=` and an expression")?;
    Ok((name.trim().to_string(), value.trim().to_string()))
}

fn tolerance(text: &str) -> std::result::Result<(String, f64, f64), String> {
    // The last `=` ends the name: a name may have one, and numbers do not.
    let (name, bounds) = text.rsplit_once('=').ok_or("a column, `=`, and one or two numbers")?;
    let number = |text: &str| match text.trim().parse::<f64>() {
        // With an infinite tolerance every value would be the same.
        Ok(x) if x >= 0.0 && x.is_finite() => Ok(x),
        _ => Err(format!("`{text}` is not a number of at least 0")),
    };
    let (absolute, relative) = match bounds.split_once(',') {
        Some((absolute, relative)) => (number(absolute)?, number(relative)?),
        None => (number(bounds)?, 0.0),
    };
    Ok((name.trim().to_string(), absolute, relative))
}

impl VerifyArgs {
    pub fn run(&self) -> Result<u8> {
        // A page that cannot be written is refused before the comparison.
        if let Some(path) = &self.html {
            report::check(path)?;
        }
        let watch = self.metrics.begin("verify", &self.job, !self.format.is_text())?;
        watch.observe(|watch, facts| self.work(&watch.progress, facts))
    }

    fn work(&self, progress: &ui::ProgressLine, facts: &mut Facts) -> Result<u8> {
        let verdict = self.verdict(progress, facts);
        progress.finish();
        let verdict = verdict?;
        facts.compared = verdict.verified.iter().map(compared).collect();
        if let Some(page) = &self.html {
            self.write_html(page, &verdict)?;
        }
        self.format.print(|| as_json(&verdict), || all(&verdict))?;
        Ok(if verdict.same() { exit::DONE } else { exit::DIFFERENT })
    }

    /// Writes the page of what was found.
    fn write_html(&self, path: &Path, verdict: &VerifyVerdict) -> Result<()> {
        let subject = self.job.display();
        let title = format!("{subject}: {}", if verdict.same() { "the same" } else { "different" });
        let page =
            report::PageContent { title, verify: Some(as_json(verdict)), ..report::PageContent::default() };
        report::write(path, &page.html()?)?;
        ui::note(&format!("page in {}", path.display()));
        Ok(())
    }

    fn verdict(&self, progress: &ui::ProgressLine, facts: &mut Facts) -> Result<VerifyVerdict> {
        let server = self.postgres.as_deref().map(ServerAddress::parse).transpose()?;
        let against = self.against()?;
        if server.is_some() && !matches!(against, Against::Printed | Against::Query(_)) {
            return Err(Error::job("--postgres runs SQL, but --against is a result")
                .hint("leave --postgres out, or give --against a file that ends in .sql"));
        }
        let there = self.written.written(&against)?;
        // The options depend on the plan, and two results that are files do not have one.
        let request = |options| VerifyRequest {
            against: against.clone(),
            server: server.clone(),
            output: self.output.clone(),
            keys: self.key.clone(),
            map: self.map.clone(),
            ignore: self.ignore.clone(),
            tolerance: self.tolerance.clone(),
            there: there.clone(),
            show: self.show,
            trace: self.explain,
            options,
            progress,
        };
        if is_result(&self.job) {
            let options = self.machine.options(None);
            let verified = verify_files(&self.job, &request(&options))?;
            return Ok(VerifyVerdict { verified: vec![verified], skipped: vec![] });
        }
        let spec = job::read(&self.job)?;
        let overrides = job::Overrides {
            from: self.from.clone(),
            to: self.to.clone(),
            mode: self.mode.map(crate::plan::Mode::from),
            ..self.machine.overrides()
        };
        let plan = job::plan_job(&spec, &overrides)?;
        facts.plan(&plan);
        ui::notes(&plan.notes);
        // The page must not take the place of a file of the job.
        self.html.iter().try_for_each(|page| job::refuse_own(&plan, page))?;
        let options = self.machine.options(Some(&plan));
        verify(&spec, &overrides, plan, &request(&options))
    }

    fn against(&self) -> Result<Against> {
        let Some(path) = &self.against else { return Ok(Against::Printed) };
        if path.as_os_str() == "-" {
            return Ok(Against::Stdin);
        }
        if !path.exists() {
            return Err(Error::job(format!("{} does not exist", path.display())));
        }
        Ok(match path.extension().and_then(|e| e.to_str()) {
            Some("sql") => Against::Query(path.clone()),
            _ => Against::Result(path.clone()),
        })
    }
}

/// Rows of a comparison by result, for metrics.
fn compared(verified: &Verified) -> (String, [u64; 4]) {
    let c = &verified.comparison;
    (verified.output.clone(), [c.matched, c.differing, c.only_here, c.only_there])
}

/// All that was found, as `--json` prints it.
pub(super) fn as_json(verdict: &VerifyVerdict) -> serde_json::Value {
    let outputs: Vec<_> = verdict.verified.iter().map(json::value).collect();
    let skipped = verdict.skipped.iter().map(|s| json!({ "output": s.output, "why": s.why.to_string() }));
    json!({ "same": verdict.same(), "outputs": outputs, "skipped": skipped.collect::<Vec<_>>() })
}

/// Whether it is a result, and not a job file.
fn is_result(path: &Path) -> bool {
    path.is_dir() || path.extension().is_some_and(|e| e != "toml")
}

/// The outputs that were compared; then those that were not, and why.
fn all(verdict: &VerifyVerdict) -> ReportDocument {
    let mut out = ReportDocument::default();
    for (i, verified) in verdict.verified.iter().enumerate() {
        if i > 0 {
            out.gap();
        }
        out.append(document::document(verified));
    }
    for skipped in &verdict.skipped {
        out.line(format!("{} is not compared: {}", data(&skipped.output), skipped.why.message()));
    }
    out
}
