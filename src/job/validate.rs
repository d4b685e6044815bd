//! Job file + data → plan. Every fault is noted with its place, and all are reported together.

use super::document::{At, Document};
use super::plan::{LatePlan, Mode, Plan, Step, WatermarkPlan};
use super::spec::{JobSpec, StepSpec};
use crate::batch::{DataType, Field, Schema};
use crate::error::{Error, Result};
use crate::expr::Expr;
use crate::input::infer::{CsvLayout, Inferred, infer, time_hint};
use crate::input::{Format, OnBadRecord, ReadPlan, ReadTime, SourceFile, files};
use crate::time::{DAY, Duration, TimeParser, TimeRule, TimeUnit, Zone};
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

mod finish;
mod output;
mod stream;
#[cfg(test)]
mod tests;
mod window;

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
}

impl Default for Overrides {
    fn default() -> Overrides {
        Overrides { from: None, to: None, chunk_bytes: 1 << 20, mode: None }
    }
}

/// Resolves a job: finds its files, looks at samples of them, checks every name and type.
///
/// # Errors
/// A job error that reports all faults; a data or machine error where the samples cannot be read.
pub fn plan_job(spec: &JobSpec, overrides: &Overrides) -> Result<Plan> {
    let zone = zone(spec);
    let files = find_files(spec);
    let csv = csv_layout(spec, files.as_deref().unwrap_or_default());
    let declared = declared_types(spec);
    // Without files and a zone, nothing more can be said.
    let (Some(zone), Some((delimiter, names)), Some(files)) = (zone, csv, files) else {
        return Err(spec.document.faults().unwrap_or_else(|| Error::job("the job is wrong")));
    };
    let layout = CsvLayout { delimiter, names: names.as_deref() };
    let inferred = infer(&files, layout, &declared)?;
    if inferred.columns.is_empty() && inferred.unsupported.is_empty() {
        return Err(spec.document.faults().unwrap_or_else(|| no_columns(&files)));
    }
    let time = event_time(spec, &inferred, &zone);
    let arrival = stream::arrival(spec, &inferred, &zone, time.as_ref());
    let max_ahead = stream::max_ahead(spec);
    let mut planner = Planner::new(spec, &zone, inferred, time, &files);
    planner.mode_override = overrides.mode;
    if let Some(word) = &spec.mode {
        // After a wrong word the laxer of the two, so that no fault follows from it.
        planner.mode = window::mode(&spec.document, word).unwrap_or(Mode::Streamed);
    }
    planner.check_types(&declared);
    planner.delay();
    planner.steps();
    planner.outputs();
    planner.stream();
    let on_bad_record = on_bad_record(spec);
    let range = range(overrides, &zone)?;
    let memory = memory(spec);
    if let Some(error) = spec.document.faults() {
        return Err(error);
    }
    let (Some(time), Some(on_bad_record)) = (planner.time.clone(), on_bad_record) else {
        return Err(Error::job("the job is wrong"));
    };
    let name = spec.name.as_ref().map_or_else(|| default_name(&spec.document.file), |n| n.value.clone());
    // An event outside the range moves the watermark, so it has to be read.
    let (from, to) = if planner.streamed() { (i64::MIN, i64::MAX) } else { range };
    let read = ReadPlan {
        files,
        columns: vec![],
        time,
        arrival,
        max_ahead,
        zone: zone.clone(),
        delimiter,
        names,
        on_bad_record,
        positions: false,
        from,
        to,
        chunk_bytes: overrides.chunk_bytes,
    };
    // What is too far ahead of its arrival is rejected in any case.
    let rejecting = on_bad_record == OnBadRecord::Reject || max_ahead.is_some();
    let rejects = rejecting.then(|| rejects_path(spec, &name));
    let mut plan = planner.finish(name, read, range, rejects);
    plan.threads = spec.threads.as_ref().map(|t| t.value);
    plan.memory = memory;
    Ok(plan)
}

fn default_name(file: &str) -> String {
    PathBuf::from(file).file_stem().map_or_else(|| "job".into(), |s| s.to_string_lossy().into_owned())
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

fn csv_layout(spec: &JobSpec, files: &[SourceFile]) -> Option<(u8, Option<Vec<String>>)> {
    let names = spec.source.columns.as_ref().map(|c| c.iter().map(|n| n.value.clone()).collect());
    let Some(delimiter) = &spec.source.delimiter else {
        let tabs = |f: &SourceFile| f.path.to_string_lossy().to_lowercase().contains(".tsv");
        let default = if !files.is_empty() && files.iter().all(tabs) { b'\t' } else { b',' };
        return Some((default, names));
    };
    match delimiter.value.as_bytes() {
        [byte] if byte.is_ascii() && !matches!(byte, b'"' | b'\n' | b'\r' | 0) => Some((*byte, names)),
        _ => {
            let error = Error::job("`delimiter` must be one ASCII character, and no quote or line end");
            spec.document.fault(error, &delimiter.span);
            None
        }
    }
}

fn find_files(spec: &JobSpec) -> Option<Vec<SourceFile>> {
    let format = match &spec.source.format {
        None => None,
        Some(name) => match name.value.as_str() {
            "csv" => Some(Format::Csv),
            "jsonl" | "ndjson" | "json" => Some(Format::JsonLines),
            "parquet" => Some(Format::Parquet),
            "avro" => Some(Format::Avro),
            other => {
                let error = Error::job(format!("unknown format `{other}`"))
                    .nearest(other, ["csv", "jsonl", "parquet", "avro"]);
                spec.document.fault(error.hint("the formats are csv, jsonl, parquet and avro"), &name.span);
                return None;
            }
        },
    };
    let patterns: Vec<String> = spec.source.path.iter().map(|p| p.value.clone()).collect();
    match files::expand(&patterns, format) {
        Ok(files) => Some(files),
        Err(error) => {
            let span = spec.source.path.first().map_or(spec.source.span.clone(), |p| p.span.clone());
            spec.document.fault(error, &span);
            None
        }
    }
}

fn declared_types(spec: &JobSpec) -> BTreeMap<String, DataType> {
    let mut declared = BTreeMap::new();
    for (name, ty) in &spec.source.types {
        match DataType::parse(&ty.value) {
            Some(ty) => {
                declared.insert(name.value.clone(), ty);
            }
            None => {
                let known = ["string", "bool", "int64", "float64", "decimal(18,2)", "date", "timestamp"];
                let error = Error::job(format!("unknown type `{}`", ty.value)).nearest(&ty.value, known);
                spec.document.fault(
                    error
                        .hint("the types are string, bool, int64, float64, decimal(p,s), date and timestamp"),
                    &ty.span,
                );
            }
        }
    }
    declared
}

/// Without a header line or a record there is no column to speak of.
fn no_columns(files: &[SourceFile]) -> Error {
    let what = match files {
        [file] => format!("{} is empty", file.path.display()),
        files => format!("all {} files of the source are empty", files.len()),
    };
    Error::data(what).hint("its columns are not known; a CSV file without records still has its header line")
}

fn on_bad_record(spec: &JobSpec) -> Option<OnBadRecord> {
    let Some(word) = &spec.source.on_bad_record else { return Some(OnBadRecord::Fail) };
    match word.value.as_str() {
        "fail" => Some(OnBadRecord::Fail),
        "reject" => Some(OnBadRecord::Reject),
        other => {
            let error = Error::job(format!("`on_bad_record` is \"fail\" or \"reject\", not \"{other}\""));
            spec.document.fault(error, &word.span);
            None
        }
    }
}

/// Where rejects go: as the job says, or beside its first output.
fn rejects_path(spec: &JobSpec, name: &str) -> PathBuf {
    if let Some(path) = &spec.source.rejects {
        return PathBuf::from(&path.value);
    }
    let first = spec.outputs.iter().filter_map(|o| o.path.as_ref()).find(|p| p.value != "-");
    let beside = first.map_or(name, |path| path.value.trim_end_matches('/'));
    PathBuf::from(format!("{beside}.rejects.jsonl"))
}

/// The longest stretch of time that a job may name: 1,000 years, so that no sum of a few overflows.
const LONGEST: i64 = 365_250 * DAY;

fn too_long(text: &str) -> Error {
    Error::job(format!("`{text}` is too long")).hint("the longest is 1000 years")
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
            error.hint("a month, quarter or year is now longer, now shorter: give days, such as 30 days")
        }
        None => Error::job(format!("`{text}` is no length of time")).hint("such as 20s, 15m, 6h or 1 day"),
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
    let bound = |flag: &str, text: &Option<String>, default: i64| match text {
        None => Ok(default),
        Some(text) => {
            let instant = TimeParser::new(TimeRule::Iso, zone.clone()).text(text.as_bytes());
            instant.map_err(|_| {
                Error::job(format!("{flag} `{text}` is not a time that can be read"))
                    .hint("such as 2024-02-29, 2024-02-29T13:00 or 2024-02-29T13:00:00Z")
            })
        }
    };
    let from = bound("--from", &overrides.from, i64::MIN)?;
    let to = bound("--to", &overrides.to, i64::MAX)?;
    if from >= to {
        return Err(Error::job("--from is not before --to, so no event lies between them"));
    }
    Ok((from, to))
}

fn event_time(spec: &JobSpec, inferred: &Inferred, zone: &Zone) -> Option<ReadTime> {
    let document = &spec.document;
    let column = spec.source.time.as_ref()?;
    if let (Some(_), Some(format)) = (&spec.source.time_unit, &spec.source.time_format) {
        let error = Error::job("`time_unit` and `time_format` exclude each other");
        document.fault(error, &format.span);
        return None;
    }
    let found = inferred.column(&column.value);
    if found.is_none() && inferred.columns.is_empty() {
        // Empty files have no columns; a run over them has no rows.
        return Some(ReadTime { column: column.value.clone(), rule: TimeRule::Iso });
    }
    let Some(found) = found else {
        document.fault(unknown_column(&column.value, inferred.names()), &column.span);
        return None;
    };
    let rule = if let Some(unit) = &spec.source.time_unit {
        let Some(unit) = TimeUnit::parse(&unit.value) else {
            let error = Error::job(format!("unknown time unit `{}`", unit.value));
            document.fault(error.hint("the units are s, ms, us and ns"), &unit.span);
            return None;
        };
        TimeRule::Epoch(unit)
    } else if let Some(format) = &spec.source.time_format {
        let bad = chrono::format::StrftimeItems::new(&format.value)
            .any(|item| matches!(item, chrono::format::Item::Error));
        if bad {
            let error = Error::job(format!("`{}` is no time format", format.value));
            document
                .fault(error.hint("chrono's strftime specifiers, such as %d-%m-%Y %H:%M:%S"), &format.span);
            return None;
        }
        TimeRule::Format(format.value.clone())
    } else {
        TimeRule::Iso
    };
    let example = found.example.clone().unwrap_or_default();
    if let (TimeRule::Iso, DataType::Int64) = (&rule, found.ty) {
        let error =
            Error::job(format!("`{}` holds integers, such as {example}, and no unit is given", column.value));
        let unit = example.parse().ok().and_then(TimeUnit::likely).map_or("s", TimeUnit::name);
        document.fault(error.hint(format!("add time_unit = \"{unit}\"")), &column.span);
        return None;
    }
    // One bad value is a bad record; when no value can be read, it is the rule that is wrong.
    let mut parser = TimeParser::new(rule.clone(), zone.clone());
    let mut read = found.examples.iter().map(|text| parser.text(text.as_bytes()));
    let readable = found.examples.is_empty() || read.any(|time| time.is_ok());
    let textual = matches!(found.ty, DataType::String | DataType::Int64 | DataType::Float64);
    if let (Err(reason), false, true) =
        (TimeParser::new(rule.clone(), zone.clone()).text(example.as_bytes()), readable, textual)
    {
        let error = Error::job(format!("`{}` holds `{example}`, which is {reason}", column.value));
        let error = match time_hint(example.as_bytes(), &rule) {
            Some(hint) => error.hint(hint),
            None => error.hint("give the format, such as time_format = \"%d-%m-%Y %H:%M\""),
        };
        document.fault(error, &column.span);
        return None;
    }
    Some(ReadTime { column: column.value.clone(), rule })
}

fn unknown_column<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Error {
    let known: Vec<&str> = known.collect();
    let error = Error::job(format!("no file has a column `{name}`"));
    match crate::error::nearest(name, known.iter().copied()) {
        Some(near) => error.hint(format!("did you mean `{near}`?")),
        None => error.hint(format!("the columns are {}", known.join(", "))),
    }
}

/// The state of planning: the schema grows with each step.
struct Planner<'a> {
    spec: &'a JobSpec,
    zone: Zone,
    inferred: Inferred,
    time: Option<ReadTime>,
    /// Source columns and derived ones, all of them.
    schema: Schema,
    source_columns: usize,
    /// Source columns that something reads.
    used: BTreeSet<usize>,
    steps: Vec<Step>,
    groupings: Vec<super::plan::Grouping>,
    outputs: Vec<super::plan::OutputPlan>,
    positions: bool,
    /// The mode of outputs that give none.
    mode: Mode,
    /// The mode of all outputs, if the command line gives one.
    mode_override: Option<Mode>,
    watermark: WatermarkPlan,
    late: Option<LatePlan>,
    /// The source's files, and whether one of them is Parquet or Avro, which have types of their own.
    files: Vec<PathBuf>,
    parquet: bool,
}

impl<'a> Planner<'a> {
    fn new(
        spec: &'a JobSpec,
        zone: &Zone,
        inferred: Inferred,
        time: Option<ReadTime>,
        files: &[SourceFile],
    ) -> Planner<'a> {
        let field = |c: &crate::input::infer::InferredColumn| {
            // A time column that is no integer is the event time itself.
            let instant = time
                .as_ref()
                .is_some_and(|t| t.column == c.name && !c.declared && matches!(t.rule, TimeRule::Format(_)));
            Field::new(&c.name, if instant { DataType::Timestamp } else { c.ty })
        };
        let schema = Schema::new(inferred.columns.iter().map(field).collect());
        Planner {
            spec,
            zone: zone.clone(),
            source_columns: schema.fields.len(),
            schema,
            inferred,
            time,
            used: BTreeSet::new(),
            steps: vec![],
            groupings: vec![],
            outputs: vec![],
            positions: false,
            mode: Mode::default(),
            mode_override: None,
            watermark: WatermarkPlan::default(),
            late: None,
            files: files.iter().map(|f| f.path.clone()).collect(),
            parquet: files.iter().any(|f| !f.format.is_text()),
        }
    }

    fn fault(&self, error: Error, span: &std::ops::Range<usize>) {
        self.spec.document.fault(error, span);
    }

    fn check_types(&self, declared: &BTreeMap<String, DataType>) {
        for (name, _) in &self.spec.source.types {
            if declared.contains_key(&name.value)
                && self.inferred.column(&name.value).is_none()
                && !self.inferred.columns.is_empty()
            {
                self.fault(unknown_column(&name.value, self.inferred.names()), &name.span);
            }
        }
    }

    fn use_columns(&mut self, names: impl Iterator<Item = String>) {
        for index in names.filter_map(|n| self.schema.index_of(&n)).collect::<Vec<_>>() {
            if index < self.source_columns {
                self.used.insert(index);
            }
        }
    }

    /// Compiles an expression over the rows.
    fn row_expr(&mut self, sql: &At<String>) -> Option<Expr> {
        match Expr::compile(&sql.value, &self.schema, &self.zone) {
            Ok(expr) => {
                let names: Vec<String> = expr.inputs().map(String::from).collect();
                self.use_columns(names.into_iter());
                Some(expr)
            }
            Err(error) => {
                self.fault(error, &sql.span);
                None
            }
        }
    }

    fn steps(&mut self) {
        let spec = self.spec;
        for step in &spec.steps {
            match step {
                StepSpec::Filter(sql) => {
                    let Some(expr) = self.row_expr(sql) else { continue };
                    if expr.ty() != DataType::Bool {
                        let error =
                            Error::job(format!("`filter` needs a bool, and its type is {}", expr.ty()));
                        self.fault(error, &sql.span);
                        continue;
                    }
                    self.steps.push(Step::Filter(expr));
                }
                StepSpec::Derive(columns) => {
                    for (name, sql) in columns {
                        let Some(expr) = self.row_expr(sql) else { continue };
                        if self.schema.index_of(&name.value).is_some() {
                            let error = Error::job(format!("there is a column `{}` already", name.value));
                            self.fault(error.hint("a derived column needs a name of its own"), &name.span);
                            continue;
                        }
                        self.derive(&name.value, expr);
                    }
                }
            }
        }
    }

    /// Adds a step that computes a column, and gives its index.
    fn derive(&mut self, name: &str, expr: Expr) -> usize {
        self.schema.fields.push(Field::new(name, expr.ty()));
        self.steps.push(Step::Derive(name.to_string(), expr));
        self.schema.fields.len() - 1
    }

    /// The column of an expression over the rows: itself, or a new derived one.
    fn column_of(&mut self, sql: &At<String>) -> Option<usize> {
        let expr = self.row_expr(sql)?;
        let plain = expr.sql().trim_matches('"');
        if let Some(index) = self.schema.index_of(plain) {
            return Some(index);
        }
        // The same expression in two aggregates is computed once.
        let same = self.steps.iter().find_map(|step| match step {
            Step::Derive(name, known) if known.sql() == expr.sql() && name.starts_with("__arg_") => {
                self.schema.index_of(name)
            }
            _ => None,
        });
        Some(same.unwrap_or_else(|| self.derive(&format!("__arg_{}", self.schema.fields.len()), expr)))
    }
}
