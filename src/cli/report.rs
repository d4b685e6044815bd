//! `highwater report`, and the pages that a job has among its outputs.

use super::audit::Subject;
use super::document::{FormatArgs, ReportDocument};
use super::job_args::JobArgs;
use super::mode::ModeArg;
use super::{ui, verify};
use crate::deliver::recover;
use crate::engine::RunOptions;
use crate::error::{Error, Result, exit};
use crate::job::{self, JobSpec, Overrides};
use crate::plan::{OutputId, OutputKind, OutputPlan, OutputTo, Plan};
use crate::report::{self, JobText, OutputLink, PageContent, ReportedOutput};
use crate::store::files;
use crate::verify::VerifyRequest;
use clap::Args;
use serde_json::json;
use std::path::{Path, PathBuf};

/// Write an HTML page of a job's results: charts, tables, record counts, late data and differences. It is one file that
/// opens without a network. The outputs of the job are not changed.
#[derive(Debug, Args)]
#[command(after_help = "Exit codes: 0 done; 1 with --verify, if results differ.\n\nExamples:\n  \
    highwater report data/jobs/pageviews-per-postcode.toml\n  \
    highwater report data/jobs/big-spenders.toml --verify -o out/spenders.html")]
pub struct ReportArgs {
    #[command(flatten)]
    job: JobArgs,
    /// The page to write [default: out/NAME.html, after the name of the job]
    #[arg(long, short, value_name = "FILE.html")]
    output: Option<PathBuf>,
    /// Add the audit of lateness, even if no output is streamed
    #[arg(long)]
    audit: bool,
    /// Compare the results with those of the job's SQL, which Polars runs over the raw files
    #[arg(long)]
    verify: bool,
    /// Maximum number of rows of each output in the page; charts always use all rows
    #[arg(long, value_name = "N", default_value_t = report::ROWS)]
    rows: usize,
    /// Which events the windows count; overrides the job file
    #[arg(long, value_name = "MODE")]
    mode: Option<ModeArg>,
    /// Print only errors
    #[arg(long, short)]
    quiet: bool,
    #[command(flatten)]
    format: FormatArgs,
}

impl ReportArgs {
    pub fn run(&self) -> Result<u8> {
        let spec = job::read(&self.job.job)?;
        let overrides = Overrides { mode: self.mode.map(crate::plan::Mode::from), ..self.job.overrides() };
        let plan = job::plan_job(&spec, &overrides)?;
        let path = self.output.clone().unwrap_or_else(|| report::default_path(&plan.name));
        job::refuse_own(&plan, &path)?;
        report::check(&path)?;
        if !self.quiet {
            ui::notes(&plan.notes);
        }
        // Links are to outputs in place, so these are brought to one state first.
        recover(&plan)?;
        let options = self.job.options(&plan);
        let progress = ui::ProgressLine::new(self.quiet || !self.format.is_text());
        let done = self.write(&spec, &overrides, plan, &path, &options, &progress);
        progress.finish();
        let same = done?;
        if !self.format.is_text() {
            let bytes = files::size(&path).ok().flatten().unwrap_or(0);
            let json = json!({ "path": path.display().to_string(), "bytes": bytes, "same": same });
            self.format.print(|| json, || ReportDocument::titled(written(&path)))?;
        } else if !self.quiet {
            ui::note(&written(&path));
        }
        Ok(if same == Some(false) { exit::DIFFERENT } else { exit::DONE })
    }

    /// Computes everything and writes the page; gives whether nothing differs, if that was asked for.
    fn write(
        &self,
        spec: &JobSpec,
        overrides: &Overrides,
        plan: Plan,
        path: &Path,
        options: &RunOptions,
        progress: &ui::ProgressLine,
    ) -> Result<Option<bool>> {
        // The page shows what the job gives now: outputs in place may be older, and they stay as they are.
        let folder = tempfile::Builder::new()
            .prefix("highwater-report-")
            .tempdir_in(&options.spill_folder)
            .map_err(|e| Error::io("make a folder in", &options.spill_folder, e))?;
        // Its plan has other paths, and the page has to name those of the job.
        let apart = Apart::new(job::plan_job(spec, overrides)?, folder.path());
        crate::run::run(&apart.plan, options, progress)?;
        // The page of a streamed job without its lateness would hide which events are missing.
        let streamed = plan.pipeline.groupings.iter().any(|grouping| grouping.plan.lateness.is_some());
        let audit =
            (streamed || self.audit).then(|| audit(spec, overrides, options, progress)).transpose()?;
        let verdict = self.verify.then(|| compare(spec, overrides, options, progress)).transpose()?;
        let page = PageContent {
            title: plan.name.clone(),
            job: Some(JobText { spec, plan: &plan }),
            shown: apart.shown(&plan, path),
            rows: self.rows,
            audit,
            verify: verdict.as_ref().map(verify::as_json),
        };
        report::write(path, &page.html()?)?;
        Ok(verdict.map(|verdict| verdict.same()))
    }
}

/// Audits the job, as `audit` does.
fn audit(
    spec: &JobSpec,
    overrides: &Overrides,
    options: &RunOptions,
    progress: &ui::ProgressLine,
) -> Result<serde_json::Value> {
    // An audit is of streamed outputs, in whichever mode the job is.
    let streamed = Overrides { mode: Some(crate::plan::Mode::Streamed), ..overrides.clone() };
    let plan = job::plan_job(spec, &streamed)?;
    let subject = Subject::of(&plan);
    let own = job::plan_job(spec, overrides)?;
    let report = crate::audit::audit_job(plan, own, options, None, progress)?;
    serde_json::to_value(subject.with(&report)).map_err(|e| Error::machine("cannot make JSON").caused_by(e))
}

/// Compares the job with its SQL, as `verify` does.
fn compare(
    spec: &JobSpec,
    overrides: &Overrides,
    options: &RunOptions,
    progress: &ui::ProgressLine,
) -> Result<crate::verify::VerifyVerdict> {
    // A page has room for more rows than a terminal.
    let request = VerifyRequest { show: 100, trace: true, ..VerifyRequest::printed(options, progress) };
    crate::verify::verify(spec, overrides, job::plan_job(spec, overrides)?, &request)
}

/// The job with outputs of its own, apart from those in place.
struct Apart {
    plan: Plan,
    /// Late events, if the job keeps them.
    late: Option<OutputPlan>,
}

impl Apart {
    /// All outputs of `plan` in `folder`, one Parquet file each, and nothing else that a run writes; but what services
    /// answer is recorded, so that the next run asks nobody.
    fn new(plan: Plan, folder: &Path) -> Apart {
        let plan = plan.in_folder(folder);
        let late = plan.deliveries.late.as_ref().map(report::late_output);
        Apart { plan, late }
    }

    /// What the page at `page` shows: outputs that hold the same are one.
    fn shown<'a>(&'a self, of: &'a Plan, page: &Path) -> Vec<ReportedOutput<'a>> {
        let mut shown: Vec<(String, ReportedOutput)> = vec![];
        for (i, (output, own)) in self.plan.deliveries.outputs.iter().zip(&of.deliveries.outputs).enumerate()
        {
            let mut places = vec![OutputLink::of(&own.to, page)];
            let tables = of
                .deliveries
                .publications
                .iter()
                .filter(|publication| publication.output == OutputId::new(i));
            places.extend(tables.map(|table| OutputLink { name: table.address.url(), link: None }));
            // `Debug` of what an output holds says all that decides its rows.
            let content = match output.kind {
                OutputKind::Archive(_) => format!("{i}"),
                _ => format!("{:?} {:?}", output.kind, output.columns),
            };
            match shown.iter_mut().find(|(known, _)| *known == content) {
                Some((_, same)) => same.places.extend(places),
                None => {
                    shown.push((content, ReportedOutput { plan: &self.plan, output, places, late: false }))
                }
            }
        }
        let mut shown: Vec<ReportedOutput> = shown.into_iter().map(|(_, shown)| shown).collect();
        if let (Some(output), Some(own)) = (&self.late, &of.deliveries.late) {
            let places = vec![OutputLink::of(&OutputTo::File(own.path.clone()), page)];
            shown.push(ReportedOutput { plan: &self.plan, output, places, late: true });
        }
        shown
    }
}

/// Writes the pages of a job whose outputs are in place; a line for each.
pub(super) fn pages(spec: &JobSpec, plan: &Plan) -> Result<Vec<String>> {
    let pages = plan.deliveries.pages.iter().map(|page| {
        let new = report::write_page(spec, plan, page)?;
        Ok(if new { written(&page.path) } else { format!("{}: a page, unchanged", page.path.display()) })
    });
    pages.collect()
}

fn written(path: &Path) -> String {
    // The page has been written, so a failure here is not worth an error.
    let bytes = files::size(path).ok().flatten().unwrap_or(0);
    format!("{}: a page, {}", path.display(), ui::human_bytes(bytes))
}
