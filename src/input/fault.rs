//! A bad record as the error that ends a run: file, line, byte, column, and the text at fault.

use super::csv::record::{Scanned, scan_record};
use super::derived::DerivedFrom;
use super::lines::line_of;
use super::meter::Meter;
use super::source_file::{InputFormat, SourceFile};
use super::text::TextFile;
use super::value::declared;
use super::{BadRecord, ReadPlan};
use crate::batch::DataType;
use crate::error::{Error, Result, Snippet};
use memchr::{memchr, memchr_iter, memmem, memrchr};
use std::ops::Range;

/// The most characters of a line that are shown, and how many of them before the fault.
const SHOWN: usize = 150;
const SHOWN_BEFORE: usize = 80;

/// The error for `bad`. Reads the file again to count its lines.
///
/// # Errors
/// Where the file cannot be read again.
pub(super) fn bad_record_error(plan: &ReadPlan, bad: &BadRecord) -> Result<Error> {
    let file = &plan.files[bad.position.file() as usize];
    let (path, place) = (file.path.display(), bad.position.place());
    let column = bad.column.as_ref().map(|c| format!("column `{c}`: ")).unwrap_or_default();
    let reason = &bad.reason;
    let error = if !file.format.is_text() {
        let what = if file.format == InputFormat::Avro { "record" } else { "row" };
        Error::data(format!("{path}, {what} {}: {column}{reason}", place + 1))
    } else {
        let line = line_of(file, place)?;
        let error = Error::data(format!("{path}, line {line}, byte {place}: {column}{reason}"));
        if let Some(column) = bad.column.as_ref().filter(|column| plan.derives(column)) {
            // What is in the file is shown as it was computed from.
            let of = format!("`{column}` is computed from {}", String::from_utf8_lossy(&bad.raw));
            let times = taken_for_times(plan, column);
            let declared: Vec<String> = times.iter().map(|name| declared(name, DataType::String)).collect();
            let error = declared.iter().fold(error.caused_by(of), |error, declared| {
                error.hint(format!("if its text is meant as it is, declare it: {declared}"))
            });
            return Ok(hinted(error, bad));
        }
        let span = match file.format {
            InputFormat::Csv => csv_span(plan, file, bad),
            _ => json_span(bad),
        };
        match bad.raw.is_empty() {
            // It was refused after it was read.
            true => error,
            false => error.at(snippet(&path.to_string(), line, &bad.raw, span.unwrap_or(0..0))),
        }
    };
    Ok(hinted(error, bad))
}

/// The columns of files that a derived text is computed from, and that are times because their texts look like such.
fn taken_for_times<'p>(plan: &'p ReadPlan, name: &str) -> Vec<&'p str> {
    let found = plan.derived.iter().find(|derived| plan.columns[derived.column].name == name);
    let Some(DerivedFrom::Sql(expr)) = found.map(|derived| &derived.from) else { return vec![] };
    let inputs = expr.inputs().iter().filter(|_| expr.ty() == DataType::String).map(|i| &plan.columns[*i]);
    let times = inputs.filter(|column| column.inferred && column.ty == DataType::Timestamp);
    times.map(|column| column.name.as_str()).collect()
}

/// The error with the hints of a bad record.
fn hinted(error: Error, bad: &BadRecord) -> Error {
    let error = match &bad.hint {
        Some(hint) => error.hint(hint.clone()),
        None => error,
    };
    error.hint("on_bad_record = \"reject\" sets such records aside and continues")
}

/// Where the fault lies in the record's text.
fn csv_span(plan: &ReadPlan, file: &SourceFile, bad: &BadRecord) -> Option<Range<usize>> {
    let column = bad.column.as_ref()?;
    let names = match &plan.names {
        Some(names) => names.clone(),
        // The error ends the run, so the header is read again for it and not kept for each file.
        None => TextFile::open(file, plan.delimiter, Meter::idle()).ok()?.read_header().ok()??,
    };
    let field = names.iter().position(|name| name == column)?;
    let mut text = bad.raw.clone();
    // The scanner asks a text that is whole to end in a line end.
    text.push(b'\n');
    let mut ends = Vec::new();
    match scan_record(&text, 0, plan.delimiter, true, &mut ends) {
        Scanned::Malformed { quote, .. } => Some(quote..quote + 1),
        Scanned::Record { .. } => {
            let start = field.checked_sub(1).map_or(Some(0), |f| ends.get(f).map(|&end| end as usize + 1))?;
            Some(start..*ends.get(field)? as usize)
        }
        _ => None,
    }
}

fn json_span(bad: &BadRecord) -> Option<Range<usize>> {
    // The text has the innermost name alone: the path with dots is Highwater's.
    let key = format!("\"{}\"", bad.column.as_ref()?.rsplit('.').next()?);
    let start = memmem::find(&bad.raw, key.as_bytes())?;
    Some(start..start + key.len())
}

/// The line of the record on which `span` starts; `line` is that on which the record starts.
fn snippet(file: &str, line: u64, record: &[u8], span: Range<usize>) -> Snippet {
    // The kept text may end before the fault, as it is cut.
    let start = span.start.min(record.len());
    let line_start = memrchr(b'\n', &record[..start]).map_or(0, |at| at + 1);
    let line_end = memchr(b'\n', &record[line_start..]).map_or(record.len(), |at| line_start + at);
    let shown = |bytes: &[u8]| -> Vec<char> {
        // A control character in a log could write anything to the terminal.
        let plain = |c: char| if c.is_control() && c != '\t' { char::REPLACEMENT_CHARACTER } else { c };
        String::from_utf8_lossy(bytes).chars().map(plain).collect()
    };
    let before = shown(&record[line_start..start]);
    let fault = shown(&record[start..span.end.clamp(start, line_end.max(start))]);
    let skipped = before.len().saturating_sub(SHOWN_BEFORE);
    let mut text: String = if skipped > 0 { "…".into() } else { String::new() };
    let column = before.len() - skipped + text.chars().count() + 1;
    let after = shown(&record[start..line_end.max(start)]);
    let rest: Vec<char> = before[skipped..].iter().chain(&after).copied().collect();
    text.extend(rest.iter().take(SHOWN));
    if rest.len() > SHOWN {
        text.push('…');
    }
    let room = text.chars().count().saturating_sub(column - 1);
    let lines_before = memchr_iter(b'\n', &record[..line_start]).count();
    Snippet {
        file: file.to_string(),
        line: usize::try_from(line).unwrap_or(usize::MAX) + lines_before,
        column,
        text: text.trim_end_matches('\r').to_string(),
        width: fault.len().min(room).max(1),
    }
}
