//! Job file + data → plan. Every fault is noted with its place, and all are reported together.

use super::document::{At, Document};
use super::identity;
use super::spec::{JobSpec, StepSpec};
use crate::batch::DataType;
use crate::error::{Error, Reason, Result};
use crate::input::carried::LogColumn;
use crate::input::files::Expanded;
use crate::input::{Format, Inputs, OnBadRecord};
use crate::lookup::{OnFailure, ServicePlan};
use crate::plan::{
    Grouping, LatePlan, Mode, OffsetColumns, OutputPlan, OutputTo, Plan, Publication, Step, WatermarkPlan,
};
use crate::sink::Named;
use crate::time::{DAY, Duration, TimeParser, TimeRule, Zone};
pub use form::{Form, check_form};
use log::Log;
use rows::Rows;
use std::path::PathBuf;
use table::{Ask, Table};

mod archive;
mod arguments;
mod around;
mod constant;
mod deletes;
mod derived;
mod documents;
mod enrich;
mod finish;
mod form;
mod groups;
mod instants;
mod log;
mod open;
mod otherwise;
mod output;
mod pages;
mod places;
mod published;
mod rows;
mod service;
mod shape;
mod stream;
mod table;
#[cfg(test)]
mod tests;
mod texts;
mod times;
mod window;
mod written;

/// What the command line says beside the job file.
#[derive(Debug, Clone)]
pub struct Overrides {
    /// The first event time wanted.
    pub from: Option<String>,
    /// The first event time not wanted.
    pub to: Option<String>,
    /// Bytes of text to a chunk.
    pub chunk_bytes: usize,
    /// The mode of every output that has one, whatever the job file says.
    pub mode: Option<Mode>,
    /// The files of the source, in place of those that its `path` stands for.
    pub source: Option<SourceFiles>,
}

/// The files of a source, said one by one.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SourceFiles {
    /// Their paths, in any order: they are read in natural order, each once, and keep their spelling.
    pub files: Vec<PathBuf>,
    /// Columns that files have had which are not among these, in their order: of these types, as if
    /// inferred, where the job does not declare another.
    pub types: Vec<(String, DataType)>,
    /// The order of columns: those named here first, and others after them. A file that comes later may have them
    /// in another order.
    pub order: Vec<String>,
}

impl Default for Overrides {
    fn default() -> Overrides {
        Overrides { from: None, to: None, chunk_bytes: 1 << 20, mode: None, source: None }
    }
}

/// Resolves a job: finds its files, looks at samples of them, checks every name and type.
///
/// # Errors
/// A job error that reports all faults; a data or machine error where the samples cannot be read.
pub fn plan_job(spec: &JobSpec, overrides: &Overrides) -> Result<Plan> {
    open::plan(spec, overrides)
}

/// Resolves a job in which columns without a value are taken for these types.
fn plan_with(spec: &JobSpec, overrides: &Overrides, assumed: &open::Assumed) -> Result<Plan> {
    let document = &spec.document;
    let zone = zone(spec).unwrap_or_else(Zone::utc);
    let log = &spec.source.log;
    let found = match &overrides.source {
        Some(files) => log::given(spec, log, files)?,
        None => log::find(spec, log),
    };
    let tables = table::find(spec);
    let Some(found) = found else {
        // Nothing can be said of columns.
        form::form_faults(spec, overrides, &zone);
        return Err(faults(spec));
    };
    let log = Log::of(document, log, found, "the source", (&zone, assumed))?;
    let tables = tables.into_iter().map(|t| t.table(document, &zone, assumed));
    let tables = tables.collect::<Result<Vec<Table>>>()?;
    let arrival = stream::arrival(spec, &log.inferred, &zone, log.time.as_ref());
    let max_ahead = stream::max_ahead(spec, log.own_arrival().is_some());
    let mut notes = log.notes.clone();
    notes.extend(tables.iter().flat_map(|table| table.log.notes.clone()));
    let mut planner = Planner::new(spec, &zone, log, tables);
    planner.mode_override = overrides.mode;
    if let Some(word) = &spec.mode {
        // After a wrong word the laxer of the two, so that no fault follows from it.
        planner.mode = window::mode(document, word).unwrap_or(Mode::Streamed);
    }
    planner.delay();
    planner.steps();
    planner.tables_are_used();
    planner.outputs();
    planner.stream();
    notes.extend(deletes::note(&planner.log, &planner.rows));
    let pages = pages::planned(spec);
    planner.places();
    let memory = memory(spec);
    if document.faults().is_some() {
        let logs = std::iter::once(&planner.log).chain(planner.tables.iter().map(|table| &table.log));
        logs.for_each(|log| log.hints(document));
        planner.log.derived_time(document, spec);
    }
    if let Some(error) = document.faults() {
        return Err(error);
    }
    let range = range(overrides, &zone)?;
    let Some(mut read) = planner.log.read(&zone, overrides.chunk_bytes) else {
        return Err(Error::job("the job is not valid"));
    };
    (read.arrival, read.max_ahead) = (arrival, max_ahead);
    if read.arrival.is_none() && (planner.streamed() || max_ahead.is_some()) {
        read.arrival = planner.log.own_arrival();
        read.arrival_optional = read.arrival.is_some();
    }
    if !planner.streamed() {
        // Otherwise an event outside the range moves the watermark, so it has to be read.
        (read.from, read.to) = range;
    }
    let beside = beside(spec);
    // What is too far ahead of its arrival is rejected in any case.
    let rejecting = read.on_bad_record == OnBadRecord::Reject
        || max_ahead.is_some()
        || planner.services.iter().any(|service| service.on_failure == OnFailure::Reject);
    let rejects = rejecting.then(|| match &spec.source.log.rejects {
        Some(path) => PathBuf::from(&path.value),
        None => PathBuf::from(format!("{beside}.rejects.jsonl")),
    });
    let mut plan = planner.finish(job_name(spec), &beside, read, range, rejects);
    plan.threads = spec.threads.as_ref().map(|t| t.value);
    plan.memory = memory;
    plan.pages = pages;
    plan.identities = identity::of(spec, &plan);
    plan.hash = identity::hash_of(&plan.identities);
    for note in plan.groupings.iter().filter_map(|grouping| window::slips(&grouping.plan.window)) {
        if !notes.contains(&note) {
            notes.push(note);
        }
    }
    plan.notes = notes;
    plan.inputs = spec.inputs.clone();
    plan.named = named(spec);
    Ok(plan)
}

/// The files that the source's `path` stands for by now, in natural order.
///
/// # Errors
/// A job error: there are none, or a name tells no format.
pub fn source_files(spec: &JobSpec) -> Result<Expanded> {
    log::find_files(spec, &spec.source.log).ok_or_else(|| faults(spec))
}

/// The paths that the source's `path` stands for by now, in any order. No file is looked at, and no pipe is read.
///
/// # Errors
/// A job error: there are none.
pub fn source_paths(spec: &JobSpec) -> Result<Vec<PathBuf>> {
    let patterns: Vec<String> = spec.source.log.path.iter().map(|path| path.value.clone()).collect();
    crate::input::files::paths(&patterns, source_format(spec), &spec.inputs)
}

/// The job, whose inputs are not what it writes itself.
pub(super) fn with_inputs(spec: JobSpec) -> JobSpec {
    let beside = beside(&spec);
    let files = |to: OutputTo| match to {
        OutputTo::Folder(path) | OutputTo::File(path) => Some(path),
        OutputTo::Terminal => None,
    };
    let mut own: Vec<PathBuf> = destinations(&spec).into_iter().filter_map(files).collect();
    own.extend(late_path(&spec).into_iter().chain(pages(&spec)));
    own.extend(["rejects", "lookups"].map(|what| PathBuf::from(format!("{beside}.{what}.jsonl"))));
    let of_tables = spec.tables.iter().map(|table| (&table.log, &table.name.value));
    own.extend(of_tables.clone().map(|(_, name)| PathBuf::from(format!("{beside}.{name}.rejects.jsonl"))));
    let logs = std::iter::once(&spec.source.log).chain(of_tables.map(|(log, _)| log));
    own.extend(logs.filter_map(|log| Some(PathBuf::from(&log.rejects.as_ref()?.value))));
    let inputs = Inputs::beside(own);
    spec.reading(&inputs)
}

/// The files of the job's tables by now, with the names of the tables, and those of lookups in files, whose
/// name is their `lookup` as it is written. Each table's are in natural order.
///
/// # Errors
/// A job error: a table has none, or a name tells no format.
pub fn table_files(spec: &JobSpec) -> Result<Vec<(String, PathBuf)>> {
    let files: Option<Vec<_>> = table::find(spec).iter().map(table::FoundTable::files).collect();
    files.map(|files| files.concat()).ok_or_else(|| faults(spec))
}

/// The format of the source's files, if the job gives one that there is.
pub fn source_format(spec: &JobSpec) -> Option<Format> {
    let format = log::format(&spec.document, &spec.source.log);
    spec.document.forget_faults();
    format.flatten()
}

/// The columns of the source whose types the job declares.
pub fn declared_columns(spec: &JobSpec) -> Vec<String> {
    spec.source.log.types.iter().map(|(name, _)| name.value.clone()).collect()
}

/// Where the outputs of a job go, in its order.
pub fn destinations(spec: &JobSpec) -> Vec<OutputTo> {
    spec.outputs.iter().filter_map(output::goes_to).collect()
}

/// All places that commits of a job may touch, whatever its mode.
pub fn named(spec: &JobSpec) -> Named {
    places::named(spec)
}

/// Where the answers of a job's services are recorded.
fn answers(spec: &JobSpec) -> PathBuf {
    PathBuf::from(format!("{}.lookups.jsonl", beside(spec)))
}

/// Where the pages of a job go, in its order.
pub fn pages(spec: &JobSpec) -> Vec<PathBuf> {
    spec.pages.iter().map(|page| PathBuf::from(&page.path.value)).collect()
}

/// The file of late events, if the job has one.
pub fn late_path(spec: &JobSpec) -> Option<PathBuf> {
    spec.late.as_ref().map(|path| PathBuf::from(&path.value))
}

/// The faults noted so far, after one; they are told, and forgotten.
fn faults(spec: &JobSpec) -> Error {
    let faults = spec.document.faults();
    spec.document.forget_faults();
    faults.unwrap_or_else(|| Error::job("the job is not valid"))
}

fn job_name(spec: &JobSpec) -> String {
    let of_file = || {
        let stem = PathBuf::from(&spec.document.file).file_stem().map(|s| s.to_string_lossy().into_owned());
        stem.unwrap_or_else(|| "job".into())
    };
    spec.name.as_ref().map_or_else(of_file, |name| name.value.clone())
}

/// What the names of files begin with that lie beside the first output: its path, or the job's name.
fn beside(spec: &JobSpec) -> String {
    let first = spec.outputs.iter().find(|o| o.path.as_ref().is_some_and(|path| path.value != "-"));
    let path = first.and_then(|output| match published::mirror(output) {
        Some(OutputTo::Folder(mirror)) => Some(mirror.display().to_string()),
        _ => output.path.as_ref().map(|path| path.value.clone()),
    });
    path.map_or_else(|| job_name(spec), |path| path.trim_end_matches('/').to_string())
}

fn zone(spec: &JobSpec) -> Option<Zone> {
    let Some(name) = &spec.timezone else { return Some(Zone::utc()) };
    let zone = Zone::named(&name.value);
    if zone.is_none() {
        let error = Error::job(format!("unknown time zone `{}`", name.value));
        let near = crate::error::nearest(&name.value, Zone::names());
        let error = match near {
            Some(near) => error.hint(format!("did you mean `{near}`?")),
            None => error.hint("give an IANA name such as Europe/London or Asia/Jakarta"),
        };
        spec.document.fault(error, &name.span);
    }
    zone
}

/// The longest stretch of time that a job may name: 1,000 years, so that no sum of a few overflows.
const LONGEST: i64 = 365_250 * DAY;

fn too_long(text: &str) -> Error {
    Error::job(format!("`{text}` is too long")).hint("at most 1000 years are allowed")
}

/// Reads a length of time: a day is 24 hours, and a month has none.
fn length(document: &Document, text: &At<String>) -> Option<i64> {
    parse_length(&text.value).map_err(|error| document.fault(error, &text.span)).ok()
}

/// Reads a length of time, in microseconds: a day is 24 hours, and a month has none.
///
/// # Errors
/// A job error without a place: the text is no length, has none that is fixed, or is beyond 1000 years.
pub fn parse_length(text: &str) -> Result<i64> {
    Err(match Duration::parse(text).map(Duration::as_length) {
        Some(Some(length)) if length <= LONGEST => return Ok(length),
        Some(Some(_)) => too_long(text),
        Some(None) => {
            let error = Error::job(format!("`{text}` has no fixed length"));
            error.hint("the length of a month, quarter or year varies: give days, such as 30 days")
        }
        None => Error::job(format!("`{text}` is not a duration")).hint("such as 20s, 15m, 6h or 1 day"),
    })
}

fn memory(spec: &JobSpec) -> Option<u64> {
    let memory = spec.memory.as_ref()?;
    let bytes = parse_bytes(&memory.value);
    if bytes.is_none() {
        let error = Error::job(format!("`memory` cannot be read: `{}`", memory.value));
        spec.document.fault(error.hint("such as \"512MB\" or \"4GB\""), &memory.span);
    }
    bytes
}

/// Reads a number of bytes: `512MB`, `4GB`, `1GiB`.
pub fn parse_bytes(text: &str) -> Option<u64> {
    let text = text.trim();
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let number: u64 = text[..digits].parse().ok()?;
    let unit = match text[digits..].trim().to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "k" | "kb" => 1000,
        "m" | "mb" => 1_000_000,
        "g" | "gb" => 1_000_000_000,
        "kib" => 1 << 10,
        "mib" => 1 << 20,
        "gib" => 1 << 30,
        _ => return None,
    };
    number.checked_mul(unit).filter(|&n| n > 0)
}

fn range(overrides: &Overrides, zone: &Zone) -> Result<(i64, i64)> {
    let bound = |flag: &str, text: &Option<String>, default: i64| {
        text.as_ref().map_or(Ok(default), |text| parse_time(flag, text, zone))
    };
    let from = bound("--from", &overrides.from, i64::MIN)?;
    let to = bound("--to", &overrides.to, i64::MAX)?;
    if from >= to {
        return Err(Error::job("--from is not before --to, so no event lies between them"));
    }
    Ok((from, to))
}

/// The instant that the command line gives for `flag`: in `zone`, or with an offset.
///
/// # Errors
/// A job error where it is no time.
pub fn parse_time(flag: &str, text: &str, zone: &Zone) -> Result<i64> {
    let instant = TimeParser::new(TimeRule::Iso, zone.clone()).text(text.as_bytes());
    instant.map_err(|_| {
        Error::job(format!("{flag} `{text}` is not a time that can be read"))
            .hint("such as 2024-02-29, 2024-02-29T13:00 or 2024-02-29T13:00:00Z")
    })
}

fn unknown_column<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Error {
    Error::job(format!("no file has a column `{name}`"))
        .because(Reason::UnknownColumn(name.to_string()))
        .nearest_or("the columns are", name, known)
}

/// The state of planning: the schema grows with each step.
struct Planner<'a> {
    spec: &'a JobSpec,
    zone: Zone,
    /// The source, and its rows with what steps add to them.
    log: Log,
    rows: Rows<'a>,
    tables: Vec<Table<'a>>,
    /// What steps ask of tables.
    asks: Vec<Ask>,
    services: Vec<ServicePlan>,
    groupings: Vec<Grouping>,
    outputs: Vec<OutputPlan>,
    publications: Vec<Publication>,
    positions: bool,
    /// The mode of outputs that give none.
    mode: Mode,
    /// The mode of all outputs, if the command line gives one.
    mode_override: Option<Mode>,
    watermark: WatermarkPlan,
    late: Option<LatePlan>,
    /// Numbers of the schema.
    offsets: Option<OffsetColumns>,
}

impl<'a> Planner<'a> {
    fn new(spec: &'a JobSpec, zone: &Zone, log: Log, tables: Vec<Table<'a>>) -> Planner<'a> {
        Planner {
            spec,
            zone: zone.clone(),
            rows: Rows::new(&spec.document, zone, &log),
            log,
            tables,
            asks: vec![],
            services: vec![],
            groupings: vec![],
            outputs: vec![],
            publications: vec![],
            positions: false,
            mode: Mode::default(),
            mode_override: None,
            watermark: WatermarkPlan::default(),
            late: None,
            offsets: None,
        }
    }

    fn fault(&self, error: Error, span: &std::ops::Range<usize>) {
        self.spec.document.fault(error, span);
    }

    fn steps(&mut self) {
        let spec = self.spec;
        self.offsets();
        for step in &spec.steps {
            match step {
                StepSpec::Filter(sql) => self.rows.filter(sql),
                StepSpec::Derive(columns) => self.rows.derive_all(columns),
                StepSpec::Dedup { keys, within } => self.dedup(keys, within.as_ref()),
                StepSpec::First { keys, name } => self.first(keys, name),
                StepSpec::Enrich(enrich) => self.enrich(enrich),
                StepSpec::Lookup { lookup, otherwise } => self.lookup(lookup, otherwise),
                StepSpec::Unreadable => self.rows.open = true,
            }
        }
    }

    /// Drops what was read already, where the log tells the offsets of its records.
    fn offsets(&mut self) {
        let of = |column| self.log.own(column);
        let (Some(partition), Some(offset)) = (of(LogColumn::Partition), of(LogColumn::Offset)) else {
            return;
        };
        let topic = of(LogColumn::Topic);
        let keys: Vec<usize> = topic.into_iter().chain([partition, offset]).collect();
        self.rows.read(keys.iter().copied());
        self.positions = true;
        self.rows.steps.push(Step::Dedup { keys, within: None });
        self.offsets = Some(OffsetColumns { topic, partition, offset });
    }

    /// Whether a file of the source is Parquet or Avro, which have types of their own.
    fn typed_files(&self) -> bool {
        self.log.files.iter().any(|file| !file.format.is_text())
    }
}
