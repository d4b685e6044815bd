//! `highwater verify`.

mod document;
mod events;
mod json;
mod words;
mod written;

#[cfg(test)]
mod tests;

use super::ci::{CaseResult, JunitArgs, TestCase, TestSuite};
use super::document::{FormatArgs, ReportDocument, data};
use super::job_args::MachineArgs;
use super::lineage;
use super::ui;
use super::watch::{CommandWatch, Facts, LineageArgs, MetricsArgs};
use crate::adbc;
use crate::error::{Error, Kind, Result, exit};
use crate::job;
use crate::pg::ServerAddress;
use crate::report;
use crate::secret::without_secrets;
use crate::sink::{NamedPaths, Target, owner};
use crate::store::is_on_store;
use crate::table::{CatalogTable, SnapshotChoice};
use crate::verify::{
    Against, GivenResult, MaxDifferent, Skipped, Verified, VerifyRequest, VerifyVerdict, verify, verify_files,
};
use clap::Args;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};
use written::WrittenArgs;

/// Compare the results of a job with those of SQL, a file or another program, and explain differences.
#[derive(Debug, Args)]
#[command(after_help = "Exit codes: 0 the same, or different in at most --max-different rows; 1 different; \
    2 usage or job-file error; 3 bad input data; 4 machine error.\n\nExamples:\n  \
    highwater verify data/jobs/big-spenders.toml\n  \
    highwater verify data/jobs/sales-per-seller.toml --output out/sales-per-seller.csv --markdown\n  \
    highwater verify data/jobs/big-spenders.toml --on duckdb\n  \
    highwater verify data/jobs/big-spenders.toml --counts-only --junit out/verify.xml\n  \
    highwater verify data/jobs/pageviews-per-postcode.toml --output out/pageviews-per-postcode --max-different 5%")]
pub struct VerifyArgs {
    /// The job file; or a result (Parquet, CSV, JSON Lines, a folder) to compare with the one of --against
    job: PathBuf,
    /// The other side of the comparison: a file with SQL (.sql), a result (.parquet, .csv, .jsonl, a folder), or `-` for
    /// CSV on stdin [default: the SQL of the job, which Polars runs over the raw files]
    #[arg(long, value_name = "FILE")]
    against: Option<PathBuf>,
    /// The snapshot of the table of --against: a number, or a time such as 2024-06-01T00:00:00Z [default: the current one]
    #[arg(long, value_name = "SNAPSHOT", requires = "against")]
    snapshot: Option<String>,
    /// Run the SQL on this PostgreSQL server, over the raw files in temporary tables; the password comes from
    /// PGPASSWORD or the pgpass file
    #[arg(long, value_name = "URL")]
    postgres: Option<String>,
    /// Run the SQL of the job on this engine: a name from engines.toml, or duckdb, duckdb:FILE, postgresql://HOST/DB, sc://HOST:PORT
    #[arg(long, value_name = "ENGINE", conflicts_with_all = ["postgres", "against"])]
    on: Option<String>,
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
    /// Exit with 0 if at most this number of rows of each output differ, or this share of the compared rows, rounded
    /// down to whole rows; they are still reported [default: 0]
    #[arg(long, value_name = "N|N%")]
    max_different: Option<MaxDifferent>,
    /// Number of differing rows to show
    #[arg(long, value_name = "N", default_value_t = 20)]
    show: usize,
    /// Report only counts, columns and outputs, and no values of rows, for data that must not be shown
    #[arg(long, conflicts_with = "explain")]
    counts_only: bool,
    /// List the input events, by file and line, of the first groups that differ
    #[arg(long)]
    explain: bool,
    #[command(flatten)]
    format: FormatArgs,
    #[command(flatten)]
    junit: JunitArgs,
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
    #[command(flatten)]
    lineage: LineageArgs,
}

/// The catalog of the table at `path`, if that is an output of the job which has one.
fn catalog_of(path: &Path, named: &NamedPaths) -> Option<Arc<CatalogTable>> {
    let place = owner::place(path);
    let is_there = |target: &&Target| owner::place(&target.path) == place;
    named.outputs.iter().find(is_there).and_then(|target| target.catalog().cloned())
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
        if self.junit.path().is_some_and(|file| owner::place(file) == owner::place(&self.job)) {
            return Err(Error::job("--junit names the job file").hint("choose another path"));
        }
        self.junit.check()?;
        let began = Instant::now();
        let watch = self.metrics.begin("verify", &self.job, !self.format.is_text())?.with(&self.lineage)?;
        // Hidden here, so that lineage and metrics do not get the values of an error either.
        let hidden = |error| if self.counts_only { without_values(error) } else { error };
        let result = watch.observe(|watch, facts| self.work(watch, facts).map_err(hidden));
        // A test report without a case for a failed command would look like a success.
        if let Err(error) = &result {
            self.junit.write(|| self.suite(vec![failed(&self.job, error)], began.elapsed()))?;
        }
        result
    }

    fn work(&self, watch: &CommandWatch, facts: &mut Facts) -> Result<u8> {
        let began = Instant::now();
        let verdict = self.verdict(watch, facts);
        watch.progress.finish();
        let mut verdict = verdict?;
        if self.counts_only {
            let skipped = std::mem::take(&mut verdict.skipped).into_iter();
            verdict.skipped = skipped.map(|s| Skipped { why: without_values(s.why), ..s }).collect();
        }
        facts.compared = verdict.verified.iter().map(compared).collect();
        lineage::verified(watch, &verdict, &self.against()?, is_result(&self.job), self.max_different);
        if let Some(page) = &self.html {
            self.write_html(page, &verdict)?;
        }
        self.junit.write(|| self.suite(self.cases(&verdict), began.elapsed()))?;
        self.format.print(|| self.as_json(&verdict), || self.all(&verdict))?;
        self.annotate(&verdict);
        let allowed = self.max_different.unwrap_or_default();
        Ok(if verdict.accepted(&allowed) { exit::DONE } else { exit::DIFFERENT })
    }

    /// Annotates each output that differs, where the runner of GitHub reads.
    fn annotate(&self, verdict: &VerifyVerdict) {
        let allowed = self.max_different.unwrap_or_default();
        for Verified { output, comparison, .. } in &verdict.verified {
            if !comparison.same() {
                let title = format!("highwater verify {}", self.job.display());
                let text = ReportDocument::titled(words::verdict(comparison, output)).text();
                ui::annotate(allowed.refuses(comparison).is_some(), &title, text.trim_end());
            }
        }
    }

    fn suite(&self, cases: Vec<TestCase>, took: Duration) -> TestSuite {
        TestSuite { command: "verify", subject: self.job.display().to_string(), took, cases }
    }

    /// A test case for each output.
    fn cases(&self, verdict: &VerifyVerdict) -> Vec<TestCase> {
        let allowed = self.max_different.unwrap_or_default();
        let compared = verdict.verified.iter().map(|verified| {
            let title = ReportDocument::titled(words::verdict(&verified.comparison, &verified.output)).text();
            let text = self.document(verified).text();
            let (result, output) = match allowed.refuses(&verified.comparison) {
                Some(_) => {
                    let line = title.trim_end().to_string();
                    (CaseResult::Failed("different".to_string(), line, text), String::new())
                }
                None => (CaseResult::Passed, text),
            };
            TestCase { name: verified.output.clone(), result, output }
        });
        let skipped = verdict.skipped.iter().map(|skipped| {
            let result =
                CaseResult::Skipped(format!("not compared: {}", without_secrets(skipped.why.message())));
            TestCase { name: skipped.output.clone(), result, output: String::new() }
        });
        compared.chain(skipped).collect()
    }

    /// Writes the page of what was found.
    fn write_html(&self, path: &Path, verdict: &VerifyVerdict) -> Result<()> {
        let subject = self.job.display();
        let title = format!("{subject}: {}", if verdict.same() { "the same" } else { "different" });
        let page = report::PageContent {
            title,
            verify: Some(self.as_json(verdict)),
            ..report::PageContent::default()
        };
        report::write(path, &page.html()?)?;
        ui::note(&format!("page in {}", path.display()));
        Ok(())
    }

    fn verdict(&self, watch: &CommandWatch, facts: &mut Facts) -> Result<VerifyVerdict> {
        let server = self.postgres.as_deref().map(ServerAddress::parse).transpose()?;
        let engine = self.on.as_deref().map(adbc::engine).transpose()?;
        let mut against = self.against()?;
        if server.is_some() && !matches!(against, Against::Printed | Against::Query(_)) {
            return Err(Error::job("--postgres runs SQL, but --against is a result")
                .hint("leave --postgres out, or give --against a file that ends in .sql"));
        }
        let there = self.written.written(&against)?;
        // The options depend on the plan, and two results that are files do not have one.
        let request = |options, against: &Against| VerifyRequest {
            against: against.clone(),
            server: server.clone(),
            engine: engine.clone(),
            output: self.output.clone(),
            keys: self.key.clone(),
            map: self.map.clone(),
            ignore: self.ignore.clone(),
            tolerance: self.tolerance.clone(),
            there: there.clone(),
            show: self.show,
            trace: self.explain,
            hide_values: self.counts_only,
            options,
            progress: &watch.progress,
        };
        if is_result(&self.job) {
            lineage::files(watch, &self.job);
            let options = self.machine.options(None);
            let verified = verify_files(&self.job, &request(&options, &against))?;
            return Ok(VerifyVerdict { verified: vec![verified], skipped: vec![] });
        }
        let spec = job::read(&self.job)?;
        if let Against::Result(there) = &mut against {
            there.catalog = catalog_of(&there.path, &job::named(&spec));
        }
        lineage::read(watch, &spec, false)?;
        let overrides = job::Overrides {
            from: self.from.clone(),
            to: self.to.clone(),
            mode: self.mode.map(crate::plan::Mode::from),
            ..self.machine.overrides()
        };
        let plan = job::plan_job(&spec, &overrides)?;
        facts.plan(&plan);
        lineage::planned(watch, &spec, &plan);
        ui::notes(&plan.notes);
        // The page must not take the place of a file of the job.
        self.html.iter().try_for_each(|page| job::refuse_own(&plan, page))?;
        self.junit.refuse_own(&plan)?;
        let options = self.machine.options(Some(&plan));
        verify(&spec, &overrides, plan, &request(&options, &against))
    }

    fn against(&self) -> Result<Against> {
        let Some(path) = &self.against else { return Ok(Against::Printed) };
        let snapshot = self.snapshot.as_deref().map_or(Ok(SnapshotChoice::Current), SnapshotChoice::parse)?;
        let is_sql = path.extension().is_some_and(|ending| ending == "sql");
        if self.snapshot.is_some() && (is_sql || path.as_os_str() == "-") {
            return Err(Error::job(format!(
                "--snapshot is of a table, and --against is {}",
                if is_sql { "a query" } else { "stdin" }
            )));
        }
        if path.as_os_str() == "-" {
            return Ok(Against::Stdin);
        }
        // What is on a store, whoever opens it asks for.
        if !is_on_store(path) && !path.exists() {
            return Err(Error::job(format!("{} does not exist", path.display())));
        }
        Ok(match is_sql {
            true => Against::Query(path.clone()),
            false => Against::Result(GivenResult { snapshot, ..path.clone().into() }),
        })
    }

    /// All that was found, as `--json` prints it: with the keys of flags that are given.
    fn as_json(&self, verdict: &VerifyVerdict) -> Value {
        let mut value = as_json(verdict);
        if self.counts_only {
            value["counts_only"] = json!(true);
        }
        if let Some(allowed) = self.max_different {
            value["accepted"] = json!(verdict.accepted(&allowed));
            let outputs = value["outputs"].as_array_mut().into_iter().flatten();
            for (output, verified) in outputs.zip(&verdict.verified) {
                output["max_different"] = json!({
                    "given": allowed.to_string(),
                    "rows": allowed.rows(verified.comparison.compared()),
                    "different": verified.comparison.different(),
                    "accepted": allowed.refuses(&verified.comparison).is_none(),
                    "why": allowed.refuses(&verified.comparison),
                });
            }
        }
        value
    }

    /// The outputs that were compared; then those that were not, and why.
    fn all(&self, verdict: &VerifyVerdict) -> ReportDocument {
        let mut out = ReportDocument::default();
        for (i, verified) in verdict.verified.iter().enumerate() {
            if i > 0 {
                out.gap();
            }
            out.append(self.document(verified));
        }
        for skipped in &verdict.skipped {
            out.line(format!("{} is not compared: {}", data(&skipped.output), skipped.why.message()));
        }
        out
    }

    fn document(&self, verified: &Verified) -> ReportDocument {
        let mut out = document::document(verified, self.max_different);
        if self.counts_only && !verified.comparison.same() {
            out.line("the values are not shown, because of --counts-only");
        }
        out
    }
}

/// The test case of a comparison that could not be made.
fn failed(job: &Path, error: &Error) -> TestCase {
    // Nothing was compared, so it is an error also where the job file is wrong.
    let result = match CaseResult::of(error) {
        CaseResult::Failed(kind, line, text) => CaseResult::Error(kind, line, text),
        result => result,
    };
    TestCase { name: job.display().to_string(), result, output: String::new() }
}

/// The error for eyes that must not see the data. A job error quotes the job, the other ones may quote a record.
fn without_values(error: Error) -> Error {
    let hidden = |error: Error| match error.kind() {
        Kind::Job | Kind::Fault => error,
        Kind::Data => Error::data(
            "the data of one side cannot be read; its values are not shown, because of --counts-only",
        )
        .hint("run again without --counts-only where the data may be shown"),
        Kind::Machine => {
            Error::machine(error.message()).hint("the causes are not shown, because of --counts-only")
        }
    };
    let errors = error.each().into_iter().map(hidden).collect();
    Error::all(errors).unwrap_or_else(|| Error::data("the values are not shown"))
}

/// Rows of a comparison by result, for metrics.
fn compared(verified: &Verified) -> (String, [u64; 4]) {
    let c = &verified.comparison;
    (verified.output.clone(), [c.matched, c.differing, c.only_here, c.only_there])
}

/// One comparison as a document.
pub(super) fn one_document(verified: &Verified) -> ReportDocument {
    document::document(verified, None)
}

/// One comparison for programs.
pub(super) fn one_in_json(verified: &Verified) -> Value {
    json::value(verified)
}

/// All that was found, as `--json` prints it.
pub(super) fn as_json(verdict: &VerifyVerdict) -> Value {
    let outputs: Vec<_> = verdict.verified.iter().map(json::value).collect();
    let skipped = verdict.skipped.iter().map(|s| json!({ "output": s.output, "why": s.why.to_string() }));
    json!({ "same": verdict.same(), "outputs": outputs, "skipped": skipped.collect::<Vec<_>>() })
}

/// Whether it is a result, and not a job file.
fn is_result(path: &Path) -> bool {
    path.is_dir() || is_on_store(path) || path.extension().is_some_and(|e| e != "toml")
}
