//! Files, layout, columns and event time of a log: the source, a table, or the files of a lookup.

use super::derived::derives_time;
use super::open::Assumed;
use super::shape::{Layout, formats, is_form, shape};
use super::times::{event_time, time_rule};
use super::{SourceFiles, around, documents, instants, unknown_column, written};
use crate::batch::{DataType, Field, Schema};
use crate::error::{Error, Result};
use crate::input::carried::{self, Envelope, LogColumn, Said};
use crate::input::derived::Source;
use crate::input::files::{self, Expanded};
use crate::input::infer::{CsvLayout, Inferred, InferredColumn, infer_after, start};
use crate::input::written::WrittenColumns;
use crate::input::{Format, OnBadRecord, ReadColumn, ReadPlan, ReadTime, Scan, SourceFile, told};
use crate::job::document::Document;
use crate::job::spec::{JobSpec, LogSpec, Names};
use crate::time::{TimeRule, TimeUnit, Zone};
use std::collections::BTreeMap;

/// The files of a log and how they are laid out, before any is opened.
pub(super) struct Found {
    pub(super) files: Vec<SourceFile>,
    notes: Vec<String>,
    delimiter: u8,
    names: Option<Vec<String>>,
    written: WrittenColumns,
    declared: BTreeMap<String, DataType>,
    /// Columns known from files that are not among these.
    known: Vec<(String, DataType)>,
    /// The order of columns, as far as it is given.
    order: Vec<String>,
    on_bad_record: Option<OnBadRecord>,
    envelope: Option<Envelope>,
}

/// A log whose columns are known.
pub(super) struct Log {
    pub(super) files: Vec<SourceFile>,
    /// What there is to tell of them.
    pub(super) notes: Vec<String>,
    delimiter: u8,
    names: Option<Vec<String>>,
    written: WrittenColumns,
    pub(super) inferred: Inferred,
    /// The event time; `None` after a fault.
    pub(super) time: Option<ReadTime>,
    /// `None` after a fault.
    pub(super) on_bad_record: Option<OnBadRecord>,
    /// Columns whose type a fault leaves open.
    pub(super) faulty: Vec<String>,
    /// Whether what `derive` says is computed as records are read.
    pub(super) derives: bool,
    /// The columns that no file has, in the order in which they are computed: numbers of `inferred`.
    pub(super) derived: Vec<(usize, Source)>,
    /// Those of them that no name finds.
    pub(super) hidden: Vec<String>,
    /// Whether a fault leaves open which columns there are.
    pub(super) open: bool,
}

/// Finds the files of a log. Faults are noted, and without files there is no answer.
pub(super) fn find(job: &JobSpec, spec: &LogSpec) -> Option<Found> {
    found(&job.document, spec, find_files(job, spec), &SourceFiles::default())
}

/// A log of these files. Faults are noted, and after some there is no answer.
///
/// # Errors
/// A file is missing, or its name tells no format.
pub(super) fn given(job: &JobSpec, spec: &LogSpec, given: &SourceFiles) -> Result<Option<Found>> {
    let format = format(&job.document, spec);
    let files = format.map(|format| files::listed(&given.files, format, &job.inputs)).transpose()?;
    let files = files.map(|files| Expanded { files, notes: vec![] });
    Ok(found(&job.document, spec, files, given))
}

fn found(document: &Document, spec: &LogSpec, files: Option<Expanded>, given: &SourceFiles) -> Option<Found> {
    let mut files = files;
    let csv = shape(document, spec, files.as_mut().map_or(&mut [], |found| &mut found.files));
    let declared = declared_types(document, &spec.types);
    let written = written::columns(document, spec);
    let on_bad_record = on_bad_record(document, spec);
    let envelope = wrapped(document, spec)?;
    let records = documents::records(document, spec);
    let (files, Layout { delimiter, names }, written) = (files?, csv?, written?);
    let (known, order) = (given.types.clone(), given.order.clone());
    let Expanded { mut files, notes } = files;
    documents::lay_out(document, spec, records?.as_ref(), &mut files)?;
    Some(Found { files, notes, delimiter, names, written, declared, known, order, on_bad_record, envelope })
}

/// Checks what a log says of itself, without its files.
pub(super) fn form(document: &Document, spec: &LogSpec) {
    format(document, spec);
    shape(document, spec, &mut []);
    declared_types(document, &spec.types);
    written::columns(document, spec);
    on_bad_record(document, spec);
    wrapped(document, spec);
    documents::records(document, spec);
    time_rule(document, spec);
}

impl Log {
    /// A log of which nothing is known.
    pub(super) fn unseen() -> Log {
        let inferred = Inferred::default();
        Log {
            files: vec![],
            notes: vec![],
            delimiter: b',',
            names: None,
            written: WrittenColumns::default(),
            inferred,
            time: None,
            on_bad_record: None,
            faulty: vec![],
            derives: false,
            derived: vec![],
            hidden: vec![],
            open: false,
        }
    }

    /// Looks at samples of the files; `what` has them, in words.
    ///
    /// # Errors
    /// Files that cannot be read as what they are; all faults of the job so far, or a data error, where
    /// no file has a column.
    pub(super) fn of(
        document: &Document,
        spec: &LogSpec,
        found: Found,
        what: &str,
        (zone, assumed): (&Zone, &Assumed),
    ) -> Result<Log> {
        let Found {
            mut files,
            notes,
            delimiter,
            names,
            written,
            declared,
            known,
            order,
            on_bad_record,
            envelope,
        } = found;
        let carrier = spec.carrier.as_ref().map(|word| word.value.as_str());
        let carried = carried::recognise(&mut files, Said { carrier, envelope })?;
        documents::carried(document, spec, &files);
        let csv = CsvLayout { delimiter, names: names.as_deref(), written: &written };
        let mut inferred = infer_after(&known, &files, csv, &declared)?;
        if inferred.columns.is_empty() && inferred.unsupported.is_empty() {
            let has_records = Scan::has_records(&files, csv, on_bad_record.unwrap_or(OnBadRecord::Fail));
            // What is wrong with the job goes before what is wrong with its data.
            if let Some(faults) = document.faults() {
                return Err(faults);
            }
            if !has_records? {
                return Err(no_columns(&files, what)?);
            }
            // All are rejected, so that of columns it is known alone what the job says.
            inferred = infer_after(&said(spec, &declared), &files, csv, &declared)?;
        }
        (inferred.carried, inferred.layout) = (carried, documents::words(&files));
        if on_bad_record == Some(OnBadRecord::Fail)
            && let Some(misfit) = inferred.misfit.take()
        {
            let hints = around::hints(&files, delimiter, None);
            return Err(document.faults().unwrap_or_else(|| no_record_fits(&misfit, hints)));
        }
        let notes = [notes, std::mem::take(&mut inferred.notes)].concat();
        let order: BTreeMap<&str, usize> = order.iter().map(String::as_str).zip(0..).collect();
        inferred.columns.sort_by_key(|column| order.get(column.name.as_str()).copied().unwrap_or(usize::MAX));
        assume(&mut inferred, assumed);
        let mut open = false;
        let known: Vec<&str> = inferred.names().collect();
        let of_files = inferred.columns.is_empty() || !derives_time(spec, &known);
        let found = (&files[..], delimiter, &mut open);
        let time = if of_files { event_time(document, spec, &inferred, found, zone) } else { None };
        if !inferred.columns.is_empty() {
            for (name, _) in &spec.types {
                if let Some(ty) = declared.get(&name.value)
                    && let Err(error) = from_folders(&mut files, &mut inferred, &name.value, *ty)
                {
                    document.fault(error, &name.span);
                }
            }
        }
        let undeclared = spec.types.iter().filter(|(name, _)| !declared.contains_key(&name.value));
        let untold = spec.time.iter().filter(|_| time.is_none() && of_files);
        let faulty = undeclared.map(|(name, _)| name).chain(untold).map(|name| name.value.clone()).collect();
        written::check_names(document, spec, &inferred);
        instants::check_types(document, spec, &inferred);
        let (derives, derived, hidden) = (false, vec![], vec![]);
        let mut log = Log {
            files,
            notes,
            delimiter,
            names,
            written,
            inferred,
            time,
            on_bad_record,
            faulty,
            open,
            derives,
            derived,
            hidden,
        };
        log.derive(document, spec, zone);
        Ok(log)
    }

    /// The columns of a batch of all columns.
    pub(super) fn schema(&self) -> Schema {
        let field = |c: &InferredColumn| {
            let instant = self.time.as_ref().is_some_and(|time| time.is_instant(c));
            match self.faulty.contains(&c.name) {
                _ if c.derived && self.hidden.contains(&c.name) => Field::own(&c.name, c.ty),
                true => Field::faulty(&c.name),
                false => {
                    let ty = if instant { DataType::Timestamp } else { c.ty };
                    Field { nested: c.nested, ..Field::new(&c.name, ty) }
                }
            }
        };
        Schema::new(self.inferred.columns.iter().map(field).collect())
    }

    /// The number of a column that the log has of its own, if every record has it.
    pub(super) fn own(&self, column: LogColumn) -> Option<usize> {
        self.inferred.carried.as_ref().filter(|found| found.framing.has(column))?;
        self.inferred.columns.iter().position(|c| c.name == column.name())
    }

    /// When records arrived, as the log tells it; not where that is their event time.
    pub(super) fn own_arrival(&self) -> Option<ReadTime> {
        self.own(LogColumn::Timestamp)?;
        let column = LogColumn::Timestamp.name();
        let is_time = self.time.as_ref().is_some_and(|time| time.column == column);
        let rule = TimeRule::Epoch(TimeUnit::Milli);
        (!is_time).then(|| ReadTime { column: column.to_string(), rule })
    }

    /// Column number `i` of the files, read as `ty`.
    pub(super) fn column(&self, i: usize, ty: DataType) -> ReadColumn {
        let column = &self.inferred.columns[i];
        ReadColumn { name: column.name.clone(), ty, inferred: !column.declared }
    }

    /// How the log is read, as far as it is known before the columns are; `None` after a fault.
    pub(super) fn read(&self, zone: &Zone, chunk_bytes: usize) -> Option<ReadPlan> {
        Some(ReadPlan {
            files: self.files.clone(),
            columns: vec![],
            derived: vec![],
            time: self.time.clone()?,
            arrival: None,
            max_ahead: None,
            arrival_optional: false,
            deletes: false,
            zone: zone.clone(),
            delimiter: self.delimiter,
            names: self.names.clone(),
            written: self.written.clone(),
            on_bad_record: self.on_bad_record?,
            positions: false,
            from: i64::MIN,
            to: i64::MAX,
            chunk_bytes,
        })
    }
}

/// Gives columns without a value in the sample the types that the job takes them for.
fn assume(inferred: &mut Inferred, assumed: &Assumed) {
    for column in inferred.columns.iter_mut().filter(|column| column.open) {
        if let Some(ty) = assumed.get(&column.name) {
            (column.ty, column.why) =
                (*ty, format!("{ty}: no value in the sample, and the job takes it for one"));
        }
    }
}

/// Reads the column `name` from the folders of the files, where no file has it.
///
/// # Errors
/// Nor do the folders tell it.
fn from_folders(files: &mut [SourceFile], inferred: &mut Inferred, name: &str, ty: DataType) -> Result<()> {
    let found = inferred.columns.iter().position(|column| column.name == name);
    if found.is_some_and(|i| inferred.columns[i].missing_in < inferred.files) {
        return Ok(());
    }
    let of_folders = told::names(files);
    if !of_folders.iter().any(|told| told == name) {
        // Files that were there before may have had it.
        let known = inferred.names().chain(of_folders.iter().map(String::as_str));
        return if found.is_some() { Ok(()) } else { Err(unknown_column(name, known)) };
    }
    // The column is there also where a file lacks it: one fault is enough.
    let untold = told::note(files, name).map(|path| told::untold(path, name));
    let column = InferredColumn {
        name: name.to_string(),
        ty,
        declared: true,
        why: "declared, and told by the folders".to_string(),
        missing_in: 0,
        default: false,
        nulls: false,
        derived: false,
        unit: None,
        open: false,
        nested: false,
        example: None,
        examples: vec![],
    };
    match found {
        Some(i) => inferred.columns[i] = column,
        None => inferred.columns.push(column),
    }
    untold.map_or(Ok(()), Err)
}

/// The format that a log gives, if any; `None` after a fault.
pub(super) fn format(document: &Document, spec: &LogSpec) -> Option<Option<Format>> {
    let Some(name) = &spec.format else { return Some(None) };
    Some(Some(match name.value.as_str() {
        "csv" => Format::Csv,
        "jsonl" | "ndjson" | "json" => Format::JsonLines,
        "parquet" => Format::Parquet,
        "avro" => Format::Avro,
        form if is_form(form) => Format::Csv,
        other => {
            let error = Error::job(format!("unknown format `{other}`")).nearest(other, formats());
            document.fault(error.hint(format!("the formats are {}", formats().join(", "))), &name.span);
            return None;
        }
    }))
}

/// The files that the patterns of a log stand for; `None` after a fault.
pub(super) fn find_files(job: &JobSpec, spec: &LogSpec) -> Option<Expanded> {
    let document = &job.document;
    let format = format(document, spec)?;
    let patterns: Vec<String> = spec.path.iter().map(|p| p.value.clone()).collect();
    if patterns.is_empty() {
        // Which is told already.
        return None;
    }
    match files::expand(&patterns, format, &job.inputs) {
        Ok(found) => Some(found),
        Err(error) => {
            let span = spec.path.first().map_or(spec.span.clone(), |p| p.span.clone());
            document.fault(error, &span);
            None
        }
    }
}

/// The types that a job declares; faults those that there are not.
pub(super) fn declared_types(document: &Document, types: &Names) -> BTreeMap<String, DataType> {
    let mut declared = BTreeMap::new();
    for (name, ty) in types {
        match DataType::parse(&ty.value) {
            Some(ty) => {
                declared.insert(name.value.clone(), ty);
            }
            None => {
                let known =
                    ["string", "json", "bool", "int64", "float64", "decimal(18,2)", "date", "timestamp"];
                let error = Error::job(format!("unknown type `{}`", ty.value)).nearest(&ty.value, known);
                document.fault(
                    error.hint(
                        "the types are string, json, bool, int64, float64, decimal(p,s), date and timestamp",
                    ),
                    &ty.span,
                );
            }
        }
    }
    declared
}

/// The columns that a log itself speaks of: those whose types it declares, and the event time.
fn said(spec: &LogSpec, declared: &BTreeMap<String, DataType>) -> Vec<(String, DataType)> {
    let mut said: Vec<(String, DataType)> = declared.iter().map(|(name, ty)| (name.clone(), *ty)).collect();
    if let Some(time) = spec.time.as_ref().filter(|time| !declared.contains_key(&time.value)) {
        let ty = if spec.time_unit.is_some() { DataType::Int64 } else { DataType::String };
        said.push((time.value.clone(), ty));
    }
    said
}

/// Where no record of the sample has the fields of its header.
fn no_record_fits(what: &str, hints: Vec<String>) -> Error {
    let none = "no record that was looked at has as many fields as the header line has names";
    let error = Error::data(what);
    if !hints.is_empty() {
        return hints.into_iter().fold(error, Error::hint).hint(none);
    }
    error.hint(none).hint(
        "is the delimiter another one: delimiter = \";\"? Or do lines come before the header: skip = 3?",
    )
}

/// The error for files without a header line or a record: there is no column to speak of.
///
/// # Errors
/// A file that cannot be read.
fn no_columns(files: &[SourceFile], of: &str) -> Result<Error> {
    let mut empty = true;
    for file in files {
        empty &= start(&file.opened, &file.shape.with_documents(None), 4096)?.0.trim_ascii().is_empty();
    }
    let what = match (files, empty) {
        ([file], true) => format!("{} is empty", file.path.display()),
        (files, true) => format!("all {} files of {of} are empty", files.len()),
        ([file], false) => format!("{} has no record", file.path.display()),
        (files, false) => format!("none of the {} files of {of} has a record", files.len()),
    };
    let error = Error::data(what);
    Ok(match files.iter().find_map(|file| file.unnest.as_ref()) {
        Some(list) if !empty => {
            error.hint(format!("no record has an item in `{list}`, which `unnest` names"))
        }
        _ if files.iter().any(|file| file.format == Format::Csv) => {
            error.hint("its columns are not known; a CSV file without records still has its header line")
        }
        _ => error.hint("its columns are not known: an object of JSON has them"),
    })
}

/// The envelope that a log gives, if any; `None` after a fault, also one of its `log`.
fn wrapped(document: &Document, spec: &LogSpec) -> Option<Option<Envelope>> {
    if let Some(word) = &spec.carrier
        && !Said::CARRIERS.contains(&word.value.as_str())
    {
        let error = Error::job(format!("unknown log `{}`", word.value)).nearest(&word.value, Said::CARRIERS);
        document.fault(error.hint(format!("the logs are {}", Said::CARRIERS.join(", "))), &word.span);
        return None;
    }
    let Some(word) = &spec.envelope else { return Some(None) };
    let envelope = match word.value.as_str() {
        "none" => Envelope::None,
        "schema" => Envelope::Schema,
        "debezium" => Envelope::Debezium,
        other => {
            let error = Error::job(format!("unknown envelope `{other}`"))
                .nearest(other, ["none", "schema", "debezium"]);
            document.fault(error.hint("the envelopes are none, schema and debezium"), &word.span);
            return None;
        }
    };
    Some(Some(envelope))
}

fn on_bad_record(document: &Document, spec: &LogSpec) -> Option<OnBadRecord> {
    let Some(word) = &spec.on_bad_record else { return Some(OnBadRecord::Fail) };
    match word.value.as_str() {
        "fail" => Some(OnBadRecord::Fail),
        "reject" => Some(OnBadRecord::Reject),
        other => {
            let error = Error::job(format!("`on_bad_record` is \"fail\" or \"reject\", not \"{other}\""));
            document.fault(error, &word.span);
            None
        }
    }
}
