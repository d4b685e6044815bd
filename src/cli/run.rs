//! `highwater run`.

use super::document::{FormatArgs, ReportDocument, data};
use super::engine::{EngineArgs, OnEngine};
use super::job_args::JobArgs;
use super::lineage;
use super::mode::ModeArg;
use super::pipe::PipeArgs;
use super::ui;
use super::watch::{CommandWatch, Facts, LineageArgs, WatchArgs};
use crate::deliver::{Outcome, recall_stamps};
use crate::engine::RunOptions;
use crate::error::{Result, exit};
use crate::job;
use crate::on::{EngineOutcome, EngineRequest, run_on};
use crate::report;
use crate::run;
use clap::{Args, ValueEnum};
use serde_json::Value;

/// Run a job.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  highwater run data/jobs/big-spenders.toml\n  \
    highwater run data/jobs/pageviews.toml --from 2024-06-01 --to 2024-06-02 --threads 2\n  \
    highwater run data/jobs/big-spenders.toml --output - --only out/big-spenders --format csv\n  \
    highwater run data/jobs/pageviews.toml --quiet --lineage out/lineage.jsonl\n  \
    highwater run data/jobs/big-spenders.toml --on duckdb")]
pub struct RunArgs {
    #[command(flatten)]
    job: JobArgs,
    /// Which events the windows count: all events, or those that a live job would have counted;
    /// overrides the job file
    #[arg(long, value_name = "MODE")]
    mode: Option<ModeArg>,
    #[command(flatten)]
    format: FormatArgs,
    /// Print only tables and errors
    #[arg(long, short)]
    quiet: bool,
    /// Number of rows to show of each table on the terminal
    #[arg(long, value_name = "N", default_value_t = 20)]
    rows: usize,
    /// Query services again instead of using their recorded answers
    #[arg(long)]
    refresh_lookups: bool,
    /// What to do if a file has changed since the archive counted it
    #[arg(long, value_name = "HOW", value_enum, default_value_t)]
    changed: OnChangedFile,
    #[command(flatten)]
    engine: EngineArgs,
    #[command(flatten)]
    pipe: PipeArgs,
    #[command(flatten)]
    watch: WatchArgs,
    #[command(flatten)]
    lineage: LineageArgs,
}

/// What becomes of an archive when a file that is in it has changed.
#[derive(Debug, Clone, Copy, Default, ValueEnum)]
enum OnChangedFile {
    /// Report an error, and change nothing
    #[default]
    Fail,
    /// Read all files again
    Reload,
}

impl RunArgs {
    pub fn run(&self) -> Result<u8> {
        let watch = self.watch.begin("run", &self.job.job, self.quiet || !self.format.is_text())?;
        let watch = watch.with(&self.lineage)?;
        watch.observe(|watch, facts| self.work(watch, facts))
    }

    fn work(&self, watch: &CommandWatch, facts: &mut Facts) -> Result<u8> {
        let spec = job::read(&self.job.job)?;
        // Other engines read the files themselves, and who reloads does not trust what is known.
        if matches!(self.changed, OnChangedFile::Fail) && !self.engine.is_given() {
            recall_stamps(&spec);
        }
        lineage::read(watch, &spec, true)?;
        let overrides =
            job::Overrides { mode: self.mode.map(crate::plan::Mode::from), ..self.job.overrides() };
        let mut plan = job::plan_job(&spec, &overrides)?;
        if self.engine.is_given() {
            plan = plan.with_absolute_paths();
        }
        facts.plan(&plan);
        if !self.quiet {
            ui::notes(&plan.notes);
        }
        let options = RunOptions {
            table_rows: self.rows,
            refresh_lookups: self.refresh_lookups,
            ..self.job.options(&plan)
        };
        if let Some(stream) = self.pipe.wanted(&plan)? {
            return stream.write(plan, &options, watch, facts, self.quiet);
        }
        // A page that cannot be written is refused before the run.
        plan.deliveries.pages.iter().try_for_each(|page| report::check(&page.path))?;
        let progress = &watch.progress;
        let mut on = None;
        let outcome = match self.changed {
            _ if self.engine.is_given() => {
                let engine = self.engine.address()?;
                let check = self.engine.extent();
                let (spec, overrides, options) = (&spec, &overrides, &options);
                let request = EngineRequest { spec, overrides, engine: &engine, check, options, progress };
                run_on(&plan, &request).map(|done| {
                    let EngineOutcome { outcome, engine, checked, stretch } = done;
                    on = Some(OnEngine { engine, checked, stretch });
                    outcome
                })
            }
            OnChangedFile::Fail => run::catch_up(&plan, &spec, &overrides, &options, progress),
            OnChangedFile::Reload => run::reload(&plan, &spec, &options, progress),
        };
        progress.finish();
        let outcome = outcome?;
        facts.outcome(&outcome);
        lineage::ran(watch, &spec, &plan, &outcome);
        // Pages read the outputs back, so they come after the commit.
        let pages = super::report::pages(&spec, &plan)?;
        // On a terminal stdout has the tables alone, and the rest goes to stderr.
        let mut events = ui::account_events(&plan, &outcome, watch.took());
        events.extend(on.iter().flat_map(OnEngine::events));
        events.extend(pages.into_iter().map(|line| ui::LogEvent::info("note", line, Value::Null)));
        let is_text = self.format.is_text();
        let document = || match is_text {
            true => tables(&outcome),
            false => {
                let mut out = ReportDocument::titled(format!("run of job {}", data(&plan.name)));
                out.append(tables(&outcome));
                let texts = events.iter().map(ui::LogEvent::text);
                texts.filter(|text| !text.is_empty()).for_each(|text| out.line(text));
                out
            }
        };
        let in_json = || {
            let mut value = ui::run_json(&plan, &outcome);
            if let Some(on) = &on {
                value["engine"] = on.in_json();
            }
            value
        };
        self.format.print(in_json, document)?;
        if is_text && !self.quiet {
            ui::say(&events);
        }
        Ok(exit::DONE)
    }
}

/// The tables of the terminal.
fn tables(outcome: &Outcome) -> ReportDocument {
    let mut out = ReportDocument::default();
    let tables = outcome.outputs.iter().filter_map(|output| output.table.as_ref());
    tables.for_each(|table| out.code("text", table));
    out
}
