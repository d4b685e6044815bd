//! `highwater backfill`: late events, and files that were wrong, in outputs that are in place.

mod document;
#[cfg(test)]
mod tests;

use super::document::{FormatArgs, ReportDocument};
use super::engine::{EngineArgs, OnEngine};
use super::job_args::{JobArgs, JobId};
use super::lineage;
use super::mode::ModeArg;
use super::watch::{CommandWatch, Facts, LineageArgs, WatchArgs};
use super::{report, ui};
use crate::backfill;
use crate::backfill::{BackfillOutcome, BackfillRequest};
use crate::error::{Error, Result, exit};
use crate::job::{self, JobSpec};
use crate::on::{EngineOutcome, EngineRequest, backfill_on};
use crate::plan::Plan;
use clap::Args;
use serde_json::{Value, json};
use std::path::PathBuf;

/// Add late or corrected files to existing outputs, and show what changes. The outputs are then the same as
/// after one run over all files.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    highwater run data/jobs/pageviews-archive.toml --quiet\n  \
    highwater backfill data/jobs/pageviews-archive.toml data/pageviews-late/late.csv --plan\n  \
    highwater backfill data/jobs/pageviews-archive.toml data/pageviews-late/late.csv\n  \
    highwater run data/jobs/pageviews-per-postcode.toml --quiet\n  \
    highwater backfill data/jobs/pageviews-per-postcode.toml out/pageviews-late.jsonl")]
pub struct BackfillArgs {
    #[command(flatten)]
    job: JobArgs,
    /// The files: new ones, changed tables, or the late output of the job [default: the files of the source
    /// that are not counted yet]
    files: Vec<PathBuf>,
    /// Show what would change, but change nothing
    #[arg(long)]
    plan: bool,
    /// Remove the events of these files from the outputs
    #[arg(long, requires = "files")]
    retract: bool,
    /// Read history from this archive, which another job over the same source wrote
    #[arg(long, value_name = "DIR")]
    from_archive: Option<PathBuf>,
    #[command(flatten)]
    engine: EngineArgs,
    /// Number of changes to show for each output
    #[arg(long, value_name = "N", default_value_t = 20)]
    show: usize,
    #[command(flatten)]
    format: FormatArgs,
    /// Print only the tables of changes, and errors
    #[arg(long, short)]
    quiet: bool,
    /// The mode of the earlier run, if it was not that of the job file
    #[arg(long, value_name = "MODE")]
    mode: Option<ModeArg>,
    #[command(flatten)]
    watch: WatchArgs,
    #[command(flatten)]
    lineage: LineageArgs,
}

impl BackfillArgs {
    pub fn run(&self) -> Result<u8> {
        let watch = self.watch.begin("backfill", &self.job.job, self.quiet || !self.format.is_text())?;
        let watch = watch.with(&self.lineage)?;
        watch.observe(|watch, facts| self.work(watch, facts))
    }

    fn work(&self, watch: &CommandWatch, facts: &mut Facts) -> Result<u8> {
        let spec = job::read(&self.job.job)?;
        lineage::read(watch, &spec, !self.plan)?;
        let overrides =
            job::Overrides { mode: self.mode.map(crate::plan::Mode::from), ..self.job.overrides() };
        // The backfill makes the plan itself, and threads and memory may stand in it.
        let machine = |plan: &Plan| self.job.options(plan);
        // A page that cannot be written is refused before the outputs change. A plan does not write pages.
        if !self.plan {
            job::pages(&spec).iter().try_for_each(|page| crate::report::check(page))?;
        }
        let request = self.request();
        if self.engine.is_given() {
            return self.on_engine((&spec, &overrides), &request, watch, facts);
        }
        let outcome = backfill::backfill(&spec, &overrides, &request, &machine, &watch.progress);
        watch.progress.finish();
        let mut outcome = outcome?;
        // Where nothing was applied, the pages in place are still right.
        let pages = if outcome.applied { self.pages(&spec, &overrides, &mut outcome)? } else { vec![] };
        facts.plan(&outcome.plan);
        lineage::backfilled(watch, &spec, &outcome, self.plan);
        if !self.quiet {
            ui::notes(&outcome.plan.notes);
            ui::notes(ui::gone(&outcome.gone).as_slice());
        }
        facts.account = Some(outcome.account);
        let outputs = outcome.outputs.iter();
        facts.outputs = outputs.map(|o| (o.to.to_string(), o.rows, o.parts.len() as u64)).collect();
        let end = document::end(&request, &outcome);
        self.format.print(
            || in_json(&request, &outcome),
            || {
                let mut out = ReportDocument::default();
                if !self.quiet {
                    out.append(document::report(&request, &outcome));
                }
                out.append(document::changes(&request, &outcome));
                if !self.quiet && !self.format.is_text() {
                    end.lines().chain(pages.iter().map(String::as_str)).for_each(|line| out.line(line));
                }
                out
            },
        )?;
        if !self.quiet && self.format.is_text() {
            ui::note(&end);
            pages.iter().for_each(|line| ui::note(line));
        }
        Ok(exit::DONE)
    }

    /// Lets another engine compute the outputs over all files that count then.
    fn on_engine(
        &self,
        (spec, overrides): (&JobSpec, &job::Overrides),
        given: &BackfillRequest,
        watch: &CommandWatch,
        facts: &mut Facts,
    ) -> Result<u8> {
        if self.plan || self.from_archive.is_some() {
            let what = if self.plan { "--plan" } else { "--from-archive" };
            return Err(Error::job(format!(
                "{what} does not go with --on: an engine computes all outputs again"
            ))
            .hint(format!("leave {what} out, or run the backfill without --on")));
        }
        let engine = self.engine.address()?;
        let options = self.job.machine.options(None);
        let (check, progress) = (self.engine.extent(), &watch.progress);
        let request = EngineRequest { spec, overrides, engine: &engine, check, options: &options, progress };
        let done = backfill_on(given, &request);
        watch.progress.finish();
        let (plan, files, done) = done?;
        facts.plan(&plan);
        let Some(EngineOutcome { outcome, engine, checked, stretch }) = done else {
            let value = json!({ "job": JobId::of(&plan), "applied": false, "files": files });
            let text = "nothing changes: the outputs have counted these files";
            self.format.print(|| value, || ReportDocument::titled(text))?;
            return Ok(exit::DONE);
        };
        facts.outcome(&outcome);
        let on = OnEngine { engine, checked, stretch };
        let mut events = ui::account_events(&plan, &outcome, watch.took());
        events.extend(on.events());
        let pages = report::pages(spec, &plan)?;
        let in_json = || {
            let mut value = ui::run_json(&plan, &outcome);
            (value["engine"], value["applied"], value["files"]) = (on.in_json(), json!(true), json!(files));
            value
        };
        self.format.print(in_json, || {
            let mut out = ReportDocument::default();
            let texts = events.iter().map(ui::LogEvent::text);
            texts.filter(|text| !text.is_empty() && !self.quiet).for_each(|text| out.line(text));
            out
        })?;
        pages.iter().filter(|_| !self.quiet).for_each(|line| ui::note(line));
        Ok(exit::DONE)
    }

    /// Writes the pages of the job anew.
    fn pages(
        &self,
        spec: &JobSpec,
        overrides: &job::Overrides,
        outcome: &mut BackfillOutcome,
    ) -> Result<Vec<String>> {
        if outcome.plan.deliveries.pages.is_empty() {
            return Ok(vec![]);
        }
        // A backfill counts whatever it is given, so its plan has no watermark; the page is that of the job.
        let of_job = job::plan_job(spec, overrides)?;
        (outcome.plan.deliveries.late, outcome.plan.pipeline.watermark) =
            (of_job.deliveries.late, of_job.pipeline.watermark);
        report::pages(spec, &outcome.plan)
    }

    fn request(&self) -> BackfillRequest {
        BackfillRequest {
            files: self.files.clone(),
            retract: self.retract,
            from_archive: self.from_archive.clone(),
            plan_only: self.plan,
            of_run: false,
            shown: self.show,
        }
    }
}

/// What a backfill did, or would do, for programs.
///
/// # Contract
/// Names and order stay. Times are RFC 3339 in UTC; values are texts, and NULL is null.
fn in_json(request: &BackfillRequest, outcome: &BackfillOutcome) -> Value {
    let BackfillOutcome { plan, files, all_again, account, outputs, history, applied, published, .. } =
        outcome;
    let mut value = json!({
        "job": JobId::of(plan),
        "plan": request.plan_only,
        "applied": applied,
        "files": files,
        "all_again": all_again,
        "account": account,
        "history": history,
        "outputs": outputs,
    });
    if let Some(account) = &outcome.of_complete {
        value["account_of_complete_outputs"] = json!(account);
    }
    if let Some(late) = &outcome.late {
        value["late"] = json!(late);
    }
    if !published.is_empty() {
        value["published"] = json!(published);
    }
    value
}
