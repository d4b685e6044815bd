//! Reports: what a run gave, as one page to look at.
//!
//! ```text
//! manifest, parts ──▶ table (first rows)  ─┐
//!                 ──▶ survey ──▶ charts    ├─▶ JSON ──▶ page (template, style, scripts) ──▶ one file
//! audit, verify (as their commands say) ───┘
//! ```
//!
//! # Contract
//! * **One file.** It opens from a disk; nothing is fetched, and its policy forbids it: only the two scripts that
//!   are in it by their hashes run.
//! * **Data stays data.** Whatever comes from the user stands in the page as JSON in which no character can end
//!   the script element, and the scripts put it into the document as text.
//! * **Bytes.** A page is a function of the outputs in place (their manifests and rows), the plan and the text of
//!   the job: no clock, no name of the machine. So it is the same for any number of threads, and after a backfill that
//!   which a run over all files gives.
//! * **Size.** A page carries the first rows of an output and charts of all of them; what is not carried is linked.

mod axis;
mod fold;
mod frame;
mod page;
mod rows;
mod saved;
mod section;
mod served;
mod table;

pub use page::{check, write};
pub use saved::{Saved, SavedReport};
pub use served::{Served, job_page, list_page};

use crate::deliver::late_schema;
use crate::error::Result;
use crate::job::JobSpec;
use crate::plan::{OutputKind, OutputPlan, PagePlan, Plan};
use crate::secret::without_secrets;
use crate::sink::{InputEntry, Manifest, TOOL};
use crate::time::{FirstAndLast, Zone};
pub use section::OutputLink;
use section::PageSection;
pub use section::ReportedOutput;
use serde_json::{Value, json};
use std::path::PathBuf;

/// Rows of each output that a page carries, if nobody says otherwise.
pub const ROWS: usize = 10_000;
/// Bytes of rows that a page carries.
const ROOM: usize = 3_000_000;
/// Files of the input that are listed.
const FILES: usize = 500;

/// What a page is made of.
#[derive(Default)]
pub struct PageContent<'a> {
    /// Its title.
    pub title: String,
    /// The job, if there is one.
    pub job: Option<JobText<'a>>,
    /// The outputs that it shows.
    pub shown: Vec<ReportedOutput<'a>>,
    /// The most rows that it carries of each.
    pub rows: usize,
    /// What `audit` says, in its JSON.
    pub audit: Option<Value>,
    /// What `verify` says, in its JSON.
    pub verify: Option<Value>,
}

/// The job of a report.
#[derive(Clone, Copy)]
pub struct JobText<'a> {
    /// As it is written.
    pub spec: &'a JobSpec,
    /// As it is resolved.
    pub plan: &'a Plan,
}

/// Writes the page `of` a job whose outputs are in place; gives whether it was not the same before.
///
/// # Errors
/// An output cannot be read back, the page cannot be written.
pub fn write_page(spec: &JobSpec, plan: &Plan, of: &PagePlan) -> Result<bool> {
    let late = plan.deliveries.late.as_ref().map(late_output);
    let mut shown: Vec<ReportedOutput> = of
        .of
        .iter()
        .map(|&i| {
            let output = &plan.deliveries.outputs[i];
            let mut places = vec![OutputLink::of(&output.to, &of.path)];
            let tables = plan.deliveries.publications.iter().filter(|publication| publication.output == i);
            places.extend(tables.map(|table| OutputLink { name: table.address.url(), link: None }));
            ReportedOutput { plan, output, places, late: false }
        })
        .collect();
    shown.extend(late.iter().map(|output| ReportedOutput {
        plan,
        output,
        places: vec![OutputLink::of(&output.to, &of.path)],
        late: true,
    }));
    let report = PageContent {
        title: of.title.clone().unwrap_or_else(|| plan.name.clone()),
        job: Some(JobText { spec, plan }),
        shown,
        rows: ROWS,
        audit: None,
        verify: None,
    };
    write(&of.path, &report.html()?)
}

/// The output of late events.
pub fn late_output(late: &crate::plan::LatePlan) -> OutputPlan {
    OutputPlan {
        to: late.to(),
        format: late.format,
        kind: OutputKind::Rows(vec![]),
        columns: late_schema(late),
        partition_by: vec![],
        state: false,
        closed: false,
        mode: None,
    }
}

impl PageContent<'_> {
    /// The page.
    ///
    /// # Errors
    /// An output is not in place, or cannot be read back.
    pub fn html(&self) -> Result<String> {
        Ok(page::fill(&self.title, &self.json()?, &page::FILE).0)
    }

    /// All that the page shows.
    ///
    /// # Errors
    /// As [`PageContent::html`].
    pub fn json(&self) -> Result<Value> {
        let mut zone = self.job.map_or_else(Zone::utc, |job| job.plan.zone.clone());
        let mut sections = vec![];
        let mut first: Option<Manifest> = None;
        let mut account_of: Option<String> = None;
        // All outputs share the bytes that a page carries.
        let room = ROOM / self.shown.len().max(1);
        for shown in &self.shown {
            let section = PageSection::of(shown, self.rows, room)?;
            sections.push(section.json);
            // All outputs of a run have the same inputs, and but for steps of both modes the same account: so the first
            // manifest tells them, and whose account it is where there are two.
            let first = first.get_or_insert(section.manifest.clone());
            if first.inputs == section.manifest.inputs && first.account != section.manifest.account {
                account_of = self.shown.first().map(|shown| shown.output.to.to_string());
            }
        }
        let offsets = offsets(&mut zone, span(first.as_ref()));
        Ok(json!({
            "tool": TOOL,
            "title": self.title,
            "zone": { "name": zone.name(), "offsets": offsets },
            "job": self.job.map(job),
            "run": first.as_ref().map(run),
            "account_of": account_of,
            "outputs": sections,
            "audit": self.audit,
            "verify": self.verify,
        }))
    }
}

/// The first and the last instant that the page may show: event times, and windows around them.
fn span(manifest: Option<&Manifest>) -> FirstAndLast {
    let mut span = FirstAndLast::new(0, 0);
    if let Some(seen) = manifest.and_then(|manifest| manifest.watermarks) {
        span = FirstAndLast::new(seen.min_event_time, seen.max_event_time);
    }
    for part in manifest.iter().flat_map(|manifest| &manifest.parts) {
        let FirstAndLast { first, last } = span;
        span = span.and(FirstAndLast::new(part.first.unwrap_or(first), part.last.unwrap_or(last)));
    }
    // A window of some years reaches so far beyond its events, and the page shows its bounds.
    const AROUND: i64 = 3 * 366 * crate::time::DAY;
    FirstAndLast::new(span.first.saturating_sub(AROUND), span.last.saturating_add(AROUND))
}

/// The offsets of a zone from UTC: instants (ms) from which on it has each (ms). What comes before the first has its
/// offset too.
fn offsets(zone: &mut Zone, FirstAndLast { first, last }: FirstAndLast) -> Vec<[i64; 2]> {
    let changes: Vec<i64> = zone.changes(first, last).collect();
    let mut from = |instant: i64| [instant.div_euclid(1000), zone.offset(instant).div_euclid(1000)];
    [first].into_iter().chain(changes).map(&mut from).collect()
}

fn job(job: JobText) -> Value {
    let JobText { spec, plan } = job;
    let streamed = |o: &OutputPlan| matches!(&o.kind, OutputKind::Groups { grouping, .. } if plan.pipeline.groupings[*grouping].plan.lateness.is_some());
    let windows = plan.deliveries.outputs.iter().filter(|o| matches!(o.kind, OutputKind::Groups { .. }));
    let (live, all): (Vec<_>, Vec<_>) = windows.partition(|o| streamed(o));
    let mode = match (live.is_empty(), all.is_empty()) {
        (true, _) => "complete",
        (false, true) => "streamed",
        (false, false) => "streamed and complete",
    };
    json!({
        "name": plan.name,
        "file": spec.file(),
        "text": without_secrets(spec.text()),
        "mode": mode,
        "out_of_orderness_us": (!live.is_empty()).then_some(plan.pipeline.watermark.out_of_orderness),
    })
}

/// What was read, and what became of it.
fn run(manifest: &Manifest) -> Value {
    let of_source = |input: &&InputEntry| input.table.is_none();
    let list = |inputs: Vec<&InputEntry>| {
        let bytes: u64 = inputs.iter().map(|input| input.bytes).sum();
        let records: u64 = inputs.iter().map(|input| input.records).sum();
        let files: Vec<Value> = (inputs.iter().take(FILES))
            .map(|i| json!({ "path": i.path, "bytes": i.bytes, "records": i.records, "hash": i.hash, "table": i.table }))
            .collect();
        json!({ "count": inputs.len(), "bytes": bytes, "records": records, "files": files })
    };
    let (source, tables): (Vec<&InputEntry>, Vec<&InputEntry>) = manifest.inputs.iter().partition(of_source);
    let milli = |us: i64| us.div_euclid(1000);
    json!({
        "account": manifest.account,
        "times": manifest.watermarks.map(|seen| [milli(seen.min_event_time), milli(seen.max_event_time)]),
        "watermark": manifest.watermarks.and_then(|seen| seen.watermark).map(milli),
        "source": list(source),
        "tables": list(tables),
        "rejects": manifest.rejects,
        "hash": manifest.job.hash,
    })
}

/// Where the page of a job lies, if nobody says: `out/NAME.html`.
pub fn default_path(name: &str) -> PathBuf {
    // A name may have slashes, or dots that lead out of the folder.
    let safe = |c: char| if c.is_alphanumeric() || matches!(c, '-' | '_' | '.' | ' ') { c } else { '_' };
    let name: String = name.chars().map(safe).collect();
    let name = name.trim_start_matches('.');
    PathBuf::from("out").join(format!("{}.html", if name.is_empty() { "report" } else { name }))
}
