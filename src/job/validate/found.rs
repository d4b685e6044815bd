//! The files of a log and how the job says they are read, before any is opened.

use super::shape::{FoundLayout, formats, is_form, shape};
use super::times::time_rule;
use super::{documents, written};
use crate::batch::DataType;
use crate::error::{Error, Result};
use crate::input::files::{self, Expanded};
use crate::input::wire_format::{DeclaredFormat, Envelope};
use crate::input::written::WrittenColumns;
use crate::input::{InputFormat, OnBadRecord, SourceFile};
use crate::job::document::Document;
use crate::job::keys::log as keys;
use crate::job::overrides::SourceFiles;
use crate::job::spec::{JobSpec, LogSpec, NamedTexts};
use crate::table::SnapshotChoice;
use std::collections::BTreeMap;

/// The files of a log and how they are laid out, before any is opened.
pub(super) struct FoundFiles {
    pub(super) files: Vec<SourceFile>,
    /// What they were found by; nothing where they were given.
    pub(super) patterns: Vec<String>,
    pub(super) notes: Vec<String>,
    pub(super) delimiter: u8,
    pub(super) names: Option<Vec<String>>,
    pub(super) written: WrittenColumns,
    pub(super) declared: BTreeMap<String, DataType>,
    /// Columns known from files that are not among these.
    pub(super) known: Vec<(String, DataType)>,
    /// The order of columns, as far as it is given.
    pub(super) order: Vec<String>,
    pub(super) on_bad_record: Option<OnBadRecord>,
    pub(super) envelope: Option<Envelope>,
}

/// Finds the files of a log. Faults are noted, and without files there is no answer.
pub(super) fn find(job: &JobSpec, spec: &LogSpec) -> Option<FoundFiles> {
    found(&job.document, spec, find_files(job, spec), &SourceFiles::default())
}

/// A log of these files. Faults are noted, and after some there is no answer.
///
/// # Errors
/// A file is missing, or its name tells no format.
pub(super) fn given(job: &JobSpec, spec: &LogSpec, given: &SourceFiles) -> Result<Option<FoundFiles>> {
    let format = format(&job.document, spec);
    let files = format.map(|format| files::listed(&given.files, format, &job.inputs)).transpose()?;
    let files = files.map(|files| Expanded { files, ..Expanded::default() });
    Ok(found(&job.document, spec, files, given))
}

fn found(
    document: &Document,
    spec: &LogSpec,
    files: Option<Expanded>,
    given: &SourceFiles,
) -> Option<FoundFiles> {
    let mut files = files;
    let csv = shape(document, spec, files.as_mut().map_or(&mut [], |found| &mut found.files));
    let declared = declared_types(document, &spec.types);
    let written = written::columns(document, spec);
    let on_bad_record = on_bad_record(document, spec);
    let envelope = wrapped(document, spec)?;
    let records = documents::records(document, spec);
    // All parts have been looked at by now, so each fault is told before one of them ends it.
    let (files, FoundLayout { delimiter, names }, written) = (files?, csv?, written?);
    let (known, order) = (given.types.clone(), given.order.clone());
    let Expanded { mut files, patterns, notes, .. } = files;
    documents::lay_out(document, spec, records?.as_ref(), &mut files)?;
    Some(FoundFiles {
        files,
        patterns,
        notes,
        delimiter,
        names,
        written,
        declared,
        known,
        order,
        on_bad_record,
        envelope,
    })
}

/// Checks what a log says of itself, without its files.
pub(super) fn form(document: &Document, spec: &LogSpec) {
    format(document, spec);
    snapshot(document, spec);
    if let Some(catalog) = &spec.catalog {
        // What it names is looked for when the job is planned.
        let _ = catalog.named().map_err(|(error, span)| document.fault(error, &span));
    }
    shape(document, spec, &mut []);
    declared_types(document, &spec.types);
    written::columns(document, spec);
    on_bad_record(document, spec);
    wrapped(document, spec);
    documents::records(document, spec);
    time_rule(document, spec);
}

/// The format that a log gives, if any; `None` after a fault.
pub(super) fn format(document: &Document, spec: &LogSpec) -> Option<Option<InputFormat>> {
    let Some(name) = &spec.format else { return Some(None) };
    Some(Some(match name.value.as_str() {
        "csv" => InputFormat::Csv,
        "jsonl" | "ndjson" | "json" => InputFormat::JsonLines,
        "parquet" => InputFormat::Parquet,
        "avro" => InputFormat::Avro,
        form if is_form(form) => InputFormat::Csv,
        other => {
            let error = Error::job(format!("unknown format `{other}`")).nearest(other, formats());
            document.fault(error.hint(format!("the formats are {}", formats().join(", "))), &name.span);
            return None;
        }
    }))
}

/// The snapshot of a table that a log gives; `None` after a fault.
pub(super) fn snapshot(document: &Document, spec: &LogSpec) -> Option<SnapshotChoice> {
    let Some(text) = &spec.snapshot else { return Some(SnapshotChoice::Current) };
    SnapshotChoice::parse(&text.value).map_err(|error| document.fault(error, &text.span)).ok()
}

/// What the files of a log are found by: its paths, or the file of metadata that a catalog names; `None` after a fault.
pub(super) fn patterns(job: &JobSpec, spec: &LogSpec) -> Option<Vec<String>> {
    let document = &job.document;
    let Some(catalog) = &spec.catalog else {
        // Where there is none, that is told already.
        let patterns: Vec<String> = spec.path.iter().map(|path| path.value.clone()).collect();
        return (!patterns.is_empty()).then_some(patterns);
    };
    let table = catalog.named().map_err(|(error, span)| document.fault(error, &span)).ok()?;
    let file = job
        .inputs
        .metadata_file(&table)
        .and_then(|file| file.ok_or_else(|| Error::job(format!("there is no table {table}"))));
    file.map(|file| vec![file]).map_err(|error| document.fault(error, &catalog.span)).ok()
}

/// The files that the patterns of a log stand for; `None` after a fault.
pub(super) fn find_files(job: &JobSpec, spec: &LogSpec) -> Option<Expanded> {
    let document = &job.document;
    let format = format(document, spec)?;
    let at = snapshot(document, spec)?;
    let patterns = patterns(job, spec)?;
    match files::expand_at(&patterns, format, at, &job.inputs) {
        Ok(found) => Some(found),
        Err(error) => {
            let span = spec.path.first().map_or(spec.span.clone(), |p| p.span.clone());
            document.fault(error, &span);
            None
        }
    }
}

/// The types that a job declares; faults those that there are not.
pub(super) fn declared_types(document: &Document, types: &NamedTexts) -> BTreeMap<String, DataType> {
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

/// The envelope that a log gives, if any; `None` after a fault, also one of its `log`.
fn wrapped(document: &Document, spec: &LogSpec) -> Option<Option<Envelope>> {
    if let Some(word) = &spec.wire_format
        && !DeclaredFormat::CARRIERS.contains(&word.value.as_str())
    {
        let error = Error::job(format!("unknown log `{}`", word.value))
            .nearest(&word.value, DeclaredFormat::CARRIERS);
        document
            .fault(error.hint(format!("the logs are {}", DeclaredFormat::CARRIERS.join(", "))), &word.span);
        return None;
    }
    let Some(word) = &spec.envelope else { return Some(None) };
    let envelope = match word.value.as_str() {
        "none" => Envelope::None,
        "schema" => Envelope::Schema,
        "debezium" => Envelope::Debezium,
        other => {
            let error = Error::job(format!("unknown envelope `{other}`"))
                .nearest(other, keys::ENVELOPE.about.words.iter().copied());
            document.fault(error.hint("the envelopes are schema, debezium and none"), &word.span);
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
