//! One output of a page: what it is, its charts, its first rows.

use super::fold::Survey;
use super::frame::ChartFrame;
use super::page;
use super::rows::OutputInPlace;
use super::table::SampleRows;
use crate::batch::DataType;
use crate::error::{Error, Result};
use crate::plan::{OutputKind, OutputPlan, OutputTo, Plan, PlannedColumn};
use crate::sink::Manifest;
use crate::time::Zone;
use crate::window::Window;
use serde_json::{Value, json};
use std::path::Path;

/// A section of a page.
pub(super) struct PageSection {
    pub json: Value,
    pub manifest: Manifest,
}

impl PageSection {
    /// The section of an output, with at most `most` rows in about `room` bytes.
    ///
    /// # Errors
    /// The output is not in place, or cannot be read back.
    pub fn of(shown: &ReportedOutput, most: usize, room: usize) -> Result<PageSection> {
        let ReportedOutput { plan, output, places, late } = shown;
        let rows = OutputInPlace::open(output)?;
        let frame = if *late { ChartFrame::late(&output.columns) } else { ChartFrame::of(plan, output) };
        let words = Words {
            places,
            kind: if *late { "late" } else { kind(shown) },
            about: about(shown),
            roles: (0..output.columns.fields.len()).map(|i| role(shown, i)).collect(),
        };
        let json = json(&rows, frame, &plan.zone, words, (most, room))?;
        Ok(PageSection { json, manifest: rows.manifest })
    }
}

/// What a section says of its output.
pub(super) struct Words<'a> {
    pub places: &'a [OutputLink],
    pub kind: &'static str,
    pub about: Value,
    /// Of each column: a bound of the window, a key, a value.
    pub roles: Vec<&'static str>,
}

/// The section of the rows of an output, with at most `most` of them in about `room` bytes. Without anything to chart
/// no more rows are read than it carries.
///
/// # Errors
/// A part cannot be read back.
pub(super) fn json(
    rows: &OutputInPlace,
    frame: ChartFrame,
    zone: &Zone,
    words: Words,
    (most, room): (usize, usize),
) -> Result<Value> {
    let schema = rows.columns();
    let mut survey = Survey::new(frame, zone);
    let mut sample = SampleRows::new(schema, most, room);
    let charted = !survey.is_idle();
    // The sample and the survey come of one pass, so the parts are read twice and not three times.
    rows.each(&mut |piece| {
        sample.take(piece)?;
        if charted { survey.see(piece) } else { Ok(()) }
    })?;
    let mut charts = survey.finish();
    // The axes and the first keys are known only after the first pass.
    if charted {
        rows.each(&mut |piece| charts.see(piece))?;
    }
    Ok(section(rows, sample, charts.json(), words))
}

/// The section of an output that is too large for charts: its first rows alone are read.
///
/// # Errors
/// As of [`json`].
pub(super) fn first_rows(rows: &OutputInPlace, words: Words, (most, room): (usize, usize)) -> Result<Value> {
    let mut sample = SampleRows::new(rows.columns(), most, room);
    // A reader of parts stops at an error alone.
    let read = rows.each(&mut |piece| {
        sample.take(piece)?;
        if sample.is_full() { Err(Error::fault("enough rows")) } else { Ok(()) }
    });
    if !sample.is_full() {
        read?;
    }
    Ok(section(rows, sample, Value::Null, words))
}

fn section(rows: &OutputInPlace, sample: SampleRows, charts: Value, words: Words) -> Value {
    let Words { places, kind, about, roles } = words;
    let places: Vec<Value> =
        places.iter().map(|place| json!({ "name": place.name, "link": place.link })).collect();
    json!({
        "places": places,
        "kind": kind,
        "about": about,
        "rows": rows.count(),
        "carried": sample.rows,
        "columns": sample.json(rows.columns(), |i| roles[i]),
        "charts": charts,
    })
}

fn kind(shown: &ReportedOutput) -> &'static str {
    match shown.output.kind {
        OutputKind::Rows(_) => "events",
        OutputKind::Archive(_) => "archive",
        OutputKind::Groups { .. } => "groups",
    }
}

/// What a column is: a bound of the window, a key, a value.
fn role(shown: &ReportedOutput, column: usize) -> &'static str {
    let OutputKind::Groups { post, .. } = &shown.output.kind else {
        // Integers of events are mostly names of things, which have no thousands.
        let integer = shown.output.columns.fields[column].ty == DataType::Int64;
        return if integer { "key" } else { "value" };
    };
    match post.columns[column] {
        PlannedColumn::WindowStart | PlannedColumn::WindowEnd => "window",
        PlannedColumn::Key(_) => "key",
        _ => "value",
    }
}

/// What an output is, as pairs of words.
fn about(shown: &ReportedOutput) -> Value {
    let ReportedOutput { plan, output, late, .. } = shown;
    let mut about: Vec<(&str, String)> = vec![];
    match &output.kind {
        _ if *late => {
            about.push(("holds", "events that were late for every window, in order of arrival".into()))
        }
        OutputKind::Rows(_) => about.push(("holds", "events in replay order".into())),
        OutputKind::Archive(_) => {
            about.push(("holds", "the records as they were read, in replay order".into()))
        }
        OutputKind::Groups { grouping, post } => {
            let grouping = &plan.pipeline.groupings[*grouping];
            if grouping.plan.window != Window::Global {
                about.push(("window", grouping.plan.window.to_string()));
            }
            if !grouping.keys.is_empty() {
                about.push(("by", grouping.keys.join(", ")));
            }
            match &grouping.plan.lateness {
                Some(lateness) => {
                    let allowed = crate::time::Duration::Length(lateness.allowed);
                    let allowed = if lateness.allowed == 0 {
                        String::new()
                    } else {
                        format!(", allowed lateness {allowed}")
                    };
                    about.push(("mode", format!("streamed{allowed}")));
                }
                // Without an end nothing is late, so the mode means nothing.
                None if grouping.plan.window == Window::Global => {}
                None => about.push(("mode", "complete".to_string())),
            }
            if let Some(having) = &post.having {
                about.push(("having", having.sql().to_string()));
            }
            if let Some(top) = &post.top {
                let by = top.by.iter().map(|(column, descending)| {
                    format!(
                        "{}{}",
                        output.columns.fields[*column].name,
                        if *descending { " desc" } else { "" }
                    )
                });
                about.push(("top", format!("{} by {}", top.n, by.collect::<Vec<_>>().join(", "))));
            }
        }
    }
    json!(about)
}

/// An output of a report.
#[derive(Debug)]
pub struct ReportedOutput<'a> {
    /// The plan whose groupings it is of.
    pub plan: &'a Plan,
    /// The output, where its rows lie.
    pub output: &'a OutputPlan,
    /// What it is called, and where it can be found; more than one for outputs that hold the same.
    pub places: Vec<OutputLink>,
    /// Whether it is that of late events.
    pub late: bool,
}

/// Where an output is found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutputLink {
    /// Its path, as the job has it; or a table.
    pub name: String,
    /// A link from the page to its file or folder, if it is in place.
    pub link: Option<String>,
}

impl OutputLink {
    /// The output at `to`, for a page at `page`.
    pub fn of(to: &OutputTo, page: &Path) -> OutputLink {
        let link = match to {
            OutputTo::Terminal => None,
            OutputTo::Folder(path) | OutputTo::File(path) | OutputTo::Table(path, _) => {
                path.exists().then(|| page::link(page, path)).flatten()
            }
        };
        let name = if *to == OutputTo::Terminal { "the terminal".to_string() } else { to.to_string() };
        OutputLink { name, link }
    }
}
