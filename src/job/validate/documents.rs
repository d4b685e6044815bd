//! `records` and `unnest`: which records a log of JSON has.

use crate::error::Error;
use crate::input::documents::{self, Pointer};
use crate::input::{InputFormat, SourceFile};
use crate::job::document::Document;
use crate::job::spec::LogSpec;

/// The pointer that a log gives, if any; `None` after a fault, also one of its `unnest`.
pub(super) fn records(document: &Document, spec: &LogSpec) -> Option<Option<Pointer>> {
    let mut right = true;
    if let Some(list) = spec.unnest.as_ref().filter(|list| list.value.split('.').any(str::is_empty)) {
        let error = Error::job(format!("`{}` is not the path of a list", list.value));
        document.fault(
            error.hint("unnest = \"items\", or \"order.items\" where the list is in an object"),
            &list.span,
        );
        right = false;
    }
    let Some(text) = &spec.records else { return right.then_some(None) };
    match Pointer::parse(&text.value) {
        Ok(pointer) => right.then_some(Some(pointer)),
        Err((why, hint)) => {
            document.fault(Error::job(why).hint(hint), &text.span);
            None
        }
    }
}

/// Notes on each of `files` which records it has. Faults files of other formats.
pub(super) fn lay_out(
    document: &Document,
    spec: &LogSpec,
    pointer: Option<&Pointer>,
    files: &mut [SourceFile],
) -> Option<()> {
    let keys = [("records", &spec.records), ("unnest", &spec.unnest)];
    let other = files.iter().find(|file| file.format != InputFormat::JsonLines);
    if let (Some(other), Some((key, word))) =
        (other, keys.into_iter().find_map(|(key, word)| Some((key, word.as_ref()?))))
    {
        let error = Error::job(format!("`{key}` is for JSON, but {} is not", other.path.display()));
        document.fault(
            error.hint("for Parquet and Avro, write the items as rows first, such as with DuckDB's unnest"),
            &word.span,
        );
        return None;
    }
    if let Some(pointer) = pointer {
        documents::at(files, pointer);
    }
    for file in files.iter_mut() {
        file.unnest = spec.unnest.as_ref().map(|list| list.value.clone());
    }
    Some(())
}

/// Faults keys that do not go with the wire format of the records.
pub(super) fn check_wire_format(document: &Document, spec: &LogSpec, files: &[SourceFile]) {
    let Some(file) = files.iter().find(|file| !file.framing.wire_format.is_plain()) else { return };
    let path = file.path.display();
    // Offsets tell which records came twice: the items of one record have one offset.
    if let Some(list) = &spec.unnest {
        let error = Error::job(format!("`unnest` does not go with a log of Kafka, and {path} is one"));
        document.fault(
            error.hint("its offsets number records, not items; extract the values from the log first"),
            &list.span,
        );
    }
    if let Some(records) = &spec.records {
        let error = Error::job(format!("`records` does not go with a log of Kafka, and {path} is one"));
        document.fault(error.hint("each of its lines is one record"), &records.span);
    }
}

/// What would give a log of `files` other columns, where they may be those of the records inside of a document.
pub(super) fn inside(files: &[SourceFile]) -> Vec<String> {
    let found = files.first().and_then(documents::list_inside);
    let Some((pointer, _)) = found.filter(|_| files.iter().all(|file| file.unnest.is_none())) else {
        return vec![];
    };
    let text = pointer.text();
    let dotted = pointer.keys().join(".");
    // There is a first file, as the list was found in it.
    let path = files[0].path.display();
    vec![
        format!("{path} is one object with a list in it: records = \"{text}\" reads that list"),
        format!(
            "or each object of it is a record with a list: unnest = \"{dotted}\" makes an event of each item"
        ),
    ]
}

/// How the files are laid out, for people: a line each.
pub(super) fn words(files: &[SourceFile]) -> Vec<String> {
    let mut out = vec![];
    let name = |file: &SourceFile| {
        file.path.file_name().unwrap_or(file.path.as_os_str()).to_string_lossy().into_owned()
    };
    let found = files.iter().filter_map(|file| Some((file, file.shape.documents.as_ref()?)));
    let (number, first) = (found.clone().count(), found.clone().next());
    if let Some((file, layout)) = first {
        let of = if number == files.len() {
            String::new()
        } else {
            format!(" in {number} of {} files", files.len())
        };
        out.push(match &layout.records {
            Some(pointer) => format!(
                "JSON documents{of}, whose records are the list at `{}`, as the job says",
                pointer.text()
            ),
            None => format!(
                "JSON documents{of}, by how {} begins: a list, or objects that are not on a line each",
                name(file)
            ),
        });
    }
    if let Some(list) = files.iter().find_map(|file| file.unnest.as_ref()) {
        out.push(format!(
            "each item of `{list}` is an event; its number is the column {}",
            crate::input::ITEM
        ));
    }
    out
}
