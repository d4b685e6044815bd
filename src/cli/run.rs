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
    /// Which events the windows count, whatever the job file says: all of them, or those that a live
    /// job would have counted
    #[arg(long, value_name = "MODE")]
    mode: Option<Mode>,
    /// Print the account and the outputs as JSON on stdout, and no tables
    #[arg(long)]
    json: bool,
    /// Print nothing but tables and errors
    #[arg(long, short)]
    quiet: bool,
    /// Rows that a table on the terminal shows
    #[arg(long, value_name = "N", default_value_t = 20)]
    rows: usize,
    /// Ask services again for what they answered in a run before
    #[arg(long)]
    refresh_lookups: bool,
    /// What to do where a job with an archive finds a file with another content than it was read with
    #[arg(long, value_name = "HOW", value_enum, default_value_t)]
    changed: Changed,
    #[command(flatten)]
    watch: WatchArgs,
}

/// What becomes of an archive when a file that is in it has changed.
#[derive(Debug, Clone, Copy, Default, ValueEnum)]
enum Changed {
    /// Say so, and change nothing
    #[default]
    Fail,
    /// Read all files anew
    Reload,
}

/// [`crate::plan::Mode`], as the command line names it.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(super) enum Mode {
    /// Every event, however late it came
    Complete,
    /// What a live job would have counted; the rest is late
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
        plan.pages.iter().try_for_each(|page| report::check(&page.path))?;
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
