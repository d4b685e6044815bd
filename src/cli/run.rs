//! `highwater run`.

use super::watch::{Facts, Watch, WatchArgs};
use super::{JobArgs, ui};
use crate::engine::RunOptions;
use crate::error::{Result, exit};
use crate::job;
use crate::report;
use crate::run;
use clap::{Args, ValueEnum};

/// Run a job.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  highwater run data/jobs/big-spenders.toml\n  \
    highwater run data/jobs/pageviews.toml --from 2024-06-01 --to 2024-06-02 --threads 2")]
pub struct RunArgs {
    #[command(flatten)]
    job: JobArgs,
    /// Which events the windows count: all events, or those that a live job would have counted;
    /// overrides the job file
    #[arg(long, value_name = "MODE")]
    mode: Option<Mode>,
    /// Print the record counts and the outputs as JSON on stdout instead of tables
    #[arg(long)]
    json: bool,
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
    changed: Changed,
    #[command(flatten)]
    watch: WatchArgs,
}

/// What becomes of an archive when a file that is in it has changed.
#[derive(Debug, Clone, Copy, Default, ValueEnum)]
enum Changed {
    /// Report an error, and change nothing
    #[default]
    Fail,
    /// Read all files again
    Reload,
}

/// [`crate::plan::Mode`], as the command line names it.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(super) enum Mode {
    /// All events, however late
    Complete,
    /// Only the events that a live job would have counted; the others are late
    Streamed,
}

impl From<Mode> for crate::plan::Mode {
    fn from(mode: Mode) -> crate::plan::Mode {
        match mode {
            Mode::Complete => crate::plan::Mode::Complete,
            Mode::Streamed => crate::plan::Mode::Streamed,
        }
    }
}

impl RunArgs {
    pub fn run(&self) -> Result<u8> {
        let watch = self.watch.begin("run", &self.job.job, self.quiet || self.json)?;
        watch.observe(|watch, facts| self.work(watch, facts))
    }

    fn work(&self, watch: &Watch, facts: &mut Facts) -> Result<u8> {
        let spec = job::read(&self.job.job)?;
        let overrides =
            job::Overrides { mode: self.mode.map(crate::plan::Mode::from), ..self.job.overrides() };
        let plan = job::plan_job(&spec, &overrides)?;
        facts.plan(&plan);
        if !self.quiet {
            ui::notes(&plan.notes);
        }
        let options = RunOptions {
            table_rows: self.rows,
            refresh_lookups: self.refresh_lookups,
            ..self.job.options(&plan)
        };
        plan.deliveries.pages.iter().try_for_each(|page| report::check(&page.path))?;
        let progress = &watch.progress;
        let outcome = match self.changed {
            Changed::Fail => run::catch_up(&plan, &spec, &overrides, &options, progress),
            Changed::Reload => run::run(&plan, &options, progress),
        };
        progress.finish();
        let outcome = outcome?;
        facts.outcome(&outcome);
        let pages = super::report::pages(&spec, &plan)?;
        if self.json {
            ui::print_json(&plan, &outcome)?;
        } else {
            ui::print_outcome(&plan, &outcome, self.quiet, watch.took())?;
            if !self.quiet {
                pages.iter().for_each(|line| ui::note(line));
            }
        }
        Ok(exit::DONE)
    }
}
