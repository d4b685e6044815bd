//! Samples of a log's files: which columns there are, of which types, and how the event time is read.

use super::derived::derives_time;
use super::faults::unknown_column;
use super::found::FoundFiles;
use super::log::CheckedLog;
use super::open::Assumed;
use super::times::event_time;
use super::{around, documents, instants, written};
use crate::batch::DataType;
use crate::error::{Error, Result};
use crate::input::infer::{Inferred, InferredColumn, SampleLayout, infer_after, start};
use crate::input::wire_format::{self, DeclaredFormat};
use crate::input::{InputFormat, OnBadRecord, Scan, SourceFile, partition_columns};
use crate::job::document::Document;
use crate::job::spec::LogSpec;
use crate::time::Zone;
use std::collections::BTreeMap;

impl CheckedLog {
    /// Looks at samples of the files; `what` has them, in words.
    ///
    /// # Errors
    /// Files that cannot be read as what they are; all faults of the job so far, or a data error, where
    /// no file has a column.
    pub(super) fn of(
        document: &Document,
        spec: &LogSpec,
        found: FoundFiles,
        what: &str,
        (zone, assumed): (&Zone, &Assumed),
    ) -> Result<CheckedLog> {
        let FoundFiles {
            mut files,
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
        } = found;
        let wire_format = spec.wire_format.as_ref().map(|word| word.value.as_str());
        let detected = wire_format::recognise(&mut files, DeclaredFormat { wire_format, envelope })?;
        documents::check_wire_format(document, spec, &files);
        let csv = SampleLayout { delimiter, names: names.as_deref(), written: &written };
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
            inferred = infer_after(&mentioned_columns(spec, &declared), &files, csv, &declared)?;
        }
        (inferred.wire_format, inferred.layout) = (detected, documents::words(&files));
        if on_bad_record == Some(OnBadRecord::Fail)
            && let Some(misfit) = inferred.misfit.take()
        {
            let hints = around::hints(&files, delimiter, None);
            return Err(document.faults().unwrap_or_else(|| no_record_fits(&misfit, hints)));
        }
        let notes = [notes, std::mem::take(&mut inferred.notes)].concat();
        let order: BTreeMap<&str, usize> = order.iter().map(String::as_str).zip(0..).collect();
        // The sort is stable, so columns without a given place keep the order of the files.
        inferred.columns.sort_by_key(|column| order.get(column.name.as_str()).copied().unwrap_or(usize::MAX));
        assume(&mut inferred, assumed);
        let mut open = false;
        let known: Vec<&str> = inferred.names().collect();
        let of_files = inferred.columns.is_empty() || !derives_time(spec, &known);
        let found = (&files[..], delimiter, &mut open);
        let time = if of_files { event_time(document, spec, &inferred, found, zone) } else { None };
        // Files without columns have told nothing, so the names in `types` cannot be checked.
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
        let time_missing = spec.time.iter().filter(|_| time.is_none() && of_files);
        let faulty =
            undeclared.map(|(name, _)| name).chain(time_missing).map(|name| name.value.clone()).collect();
        written::check_names(document, spec, &inferred);
        instants::check_types(document, spec, &inferred);
        let (derives, derived, hidden) = (false, vec![], vec![]);
        let mut log = CheckedLog {
            files,
            patterns,
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
}

/// Gives columns without a value in the sample the types that the job takes them for.
fn assume(inferred: &mut Inferred, assumed: &Assumed) {
    for column in inferred.columns.iter_mut().filter(|column| column.open) {
        if let Some(ty) = assumed.get(&column.name) {
            (column.ty, column.why) =
                (*ty, format!("{ty}: no value in the sample, but the job uses it as one"));
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
    let of_folders = partition_columns::names(files);
    if !of_folders.iter().any(|folder| folder == name) {
        // Files that were there before may have had it.
        let known = inferred.names().chain(of_folders.iter().map(String::as_str));
        return if found.is_some() { Ok(()) } else { Err(unknown_column(name, known)) };
    }
    // The column is there also where a file lacks it: one fault is enough.
    let missing = partition_columns::note(files, name).map(|path| partition_columns::missing(path, name));
    let column = InferredColumn {
        name: name.to_string(),
        ty,
        declared: true,
        why: "declared, and read from folder names".to_string(),
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
    missing.map_or(Ok(()), Err)
}

/// The columns that a log itself speaks of: those whose types it declares, and the event time.
fn mentioned_columns(spec: &LogSpec, declared: &BTreeMap<String, DataType>) -> Vec<(String, DataType)> {
    let mut columns: Vec<(String, DataType)> =
        declared.iter().map(|(name, ty)| (name.clone(), *ty)).collect();
    if let Some(time) = spec.time.as_ref().filter(|time| !declared.contains_key(&time.value)) {
        // Only numbers have a unit, so any other time is a text.
        let ty = if spec.time_unit.is_some() { DataType::Int64 } else { DataType::String };
        columns.push((time.value.clone(), ty));
    }
    columns
}

/// Where no record of the sample has the fields of its header.
fn no_record_fits(what: &str, hints: Vec<String>) -> Error {
    let none = "in the sample, the number of fields never equals the number of names in the header line";
    let error = Error::data(what);
    if !hints.is_empty() {
        return hints.into_iter().fold(error, Error::hint).hint(none);
    }
    error.hint(none).hint(
        "is the delimiter different: delimiter = \";\"? Or are there lines before the header: skip = 3?",
    )
}

/// The error for files without a header line or a record: there is no column to speak of.
///
/// # Errors
/// A file that cannot be read.
fn no_columns(files: &[SourceFile], of: &str) -> Result<Error> {
    let mut empty = true;
    for file in files {
        // The first 4 kB are enough for a message.
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
        _ if files.iter().any(|file| file.format == InputFormat::Csv) => {
            error.hint("its columns are not known; a CSV file without records still has its header line")
        }
        _ => error.hint("its columns are not known: an object of JSON has them"),
    })
}
