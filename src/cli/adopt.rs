//! `highwater adopt`: results that another program published become outputs that `backfill` corrects.

use super::document::{FormatArgs, ReportDocument, data};
use super::job_args::{JobArgs, JobId};
use super::mode::ModeArg;
use super::ui::{self, count};
use super::verify;
use super::watch::{CommandWatch, Facts, WatchArgs};
use crate::adopt::{AdoptOutcome, AdoptRequest, AdoptResult, AdoptedOutput, adopt};
use crate::error::{Result, exit};
use crate::job;
use crate::plan::Mode;
use clap::Args;
use serde_json::{Value, json};

/// Take results that another program published as the outputs of a job, so that `backfill` can correct them. They are
/// compared with a replay first; nothing but a manifest is written.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    highwater adopt data/jobs/pageviews-per-postcode.toml --plan\n  \
    highwater adopt data/jobs/pageviews-per-postcode.toml --repair")]
pub struct AdoptArgs {
    #[command(flatten)]
    job: JobArgs,
    /// Compare, but write nothing
    #[arg(long)]
    plan: bool,
    /// Replace the files of an output whose rows are not those of the replay
    #[arg(long)]
    repair: bool,
    /// Number of differing rows to show for each output
    #[arg(long, value_name = "N", default_value_t = 20)]
    show: usize,
    #[command(flatten)]
    format: FormatArgs,
    /// Print only what differs, and errors
    #[arg(long, short)]
    quiet: bool,
    /// The mode of every output; overrides the job file
    #[arg(long, value_name = "MODE")]
    mode: Option<ModeArg>,
    #[command(flatten)]
    watch: WatchArgs,
}

impl AdoptArgs {
    pub fn run(&self) -> Result<u8> {
        let watch = self.watch.begin("adopt", &self.job.job, self.quiet || !self.format.is_text())?;
        watch.observe(|watch, facts| self.work(watch, facts))
    }

    fn work(&self, watch: &CommandWatch, facts: &mut Facts) -> Result<u8> {
        let spec = job::read(&self.job.job)?;
        let overrides = job::Overrides { mode: self.mode.map(Mode::from), ..self.job.overrides() };
        let options = self.job.options(&job::plan_job(&spec, &overrides)?);
        let request = AdoptRequest { repair: self.repair, plan_only: self.plan, show: self.show };
        let outcome = adopt(&spec, &overrides, &request, &options, &watch.progress);
        watch.progress.finish();
        let outcome = outcome?;
        facts.plan(&outcome.plan);
        facts.account = Some(outcome.account);
        facts.outputs = outcome.outputs.iter().map(|o| (o.path.clone(), o.rows, o.files as u64)).collect();
        if !self.quiet {
            ui::notes(&outcome.plan.notes);
        }
        self.format.print(|| self.in_json(&outcome), || self.document(&outcome))?;
        if self.format.is_text() && !self.quiet {
            ui::note(&ui::account_line(&outcome.account));
        }
        Ok(if outcome.differs() { exit::DIFFERENT } else { exit::DONE })
    }

    fn document(&self, outcome: &AdoptOutcome) -> ReportDocument {
        let mut out = ReportDocument::default();
        for output in &outcome.outputs {
            self.output(&mut out, output, outcome.applied);
        }
        if outcome.differs() {
            out.line("nothing was changed: `--repair` replaces the files that differ");
        } else if self.plan {
            out.line("this is a plan: nothing was changed");
        }
        out
    }

    fn output(&self, out: &mut ReportDocument, output: &AdoptedOutput, applied: bool) {
        let AdoptedOutput { path, files, rows, result, .. } = output;
        let is_table = crate::pg::is_url(path);
        let path = data(path);
        let (rows, files) = (count(*rows, "row", "rows"), count(*files as u64, "file", "files"));
        let files = if is_table { "the table".to_string() } else { files };
        let would = |done: &str, plan: &str| if applied { done.to_string() } else { plan.to_string() };
        match result {
            AdoptResult::Different(why, found) => {
                out.line(format!("{path}: different from the replay, {why}"));
                if let Some(found) = found {
                    out.append(verify::one_document(found));
                }
            }
            _ if self.quiet => {}
            AdoptResult::Adopted => {
                let done = would("adopted", "to adopt");
                out.line(format!("{path}: {done}, {rows} in {files}"));
            }
            AdoptResult::Already => {
                out.line(format!("{path}: an output of this job already, {rows} in {files}"));
            }
            AdoptResult::Repaired(why) => {
                let done = would("replaced", "to replace");
                out.line(format!("{path}: {done} by {rows} of the replay, because {why}"));
            }
            AdoptResult::Written => {
                let done = would("written", "to write");
                out.line(format!("{path}: nothing was in place; {rows} {done}"));
            }
        }
    }

    fn in_json(&self, outcome: &AdoptOutcome) -> Value {
        let outputs = outcome.outputs.iter().map(|output| {
            let (result, why) = match &output.result {
                AdoptResult::Adopted => ("adopted", None),
                AdoptResult::Already => ("already", None),
                AdoptResult::Repaired(why) => ("repaired", Some(why)),
                AdoptResult::Written => ("written", None),
                AdoptResult::Different(why, _) => ("different", Some(why)),
            };
            let comparison = match &output.result {
                AdoptResult::Different(_, Some(found)) => Some(verify::one_in_json(found)),
                _ => None,
            };
            json!({
                "path": output.path,
                "result": result,
                "files": output.files,
                "rows": output.rows,
                "why": why,
                "comparison": comparison,
            })
        });
        json!({
            "job": JobId::of(&outcome.plan),
            "plan": self.plan,
            "applied": outcome.applied,
            "account": outcome.account,
            "outputs": outputs.collect::<Vec<_>>(),
        })
    }
}
