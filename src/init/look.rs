//! The files that a job is written for, and what all of their values are, or those of a sample.
//!
//! # Contract
//! Up to [`WHOLE`] bytes are read whole. Of more, the beginning, the middle and the end of up to
//! [`SAMPLED`] files, evenly spread: a format may change along the way. Records are read as the engine reads them.

use super::column::{ColumnProfile, ColumnSource, ValueEvidence};
use super::{delimiter, shape};
use crate::batch::{ColumnView, DataType};
use crate::error::{Error, Result};
use crate::input::documents::{self, Pointer};
use crate::input::files::expand;
use crate::input::infer::{Class, Inferred, InferredColumn, SampleLayout, infer};
use crate::input::recognised::recognised;
use crate::input::value::{grouped, shown};
use crate::input::wire_format::{self, DeclaredFormat};
use crate::input::written::{ValueFormat, WrittenColumns};
use crate::input::{
    Form, InputFormat, Inputs, OnBadRecord, ReadColumn, ReadPlan, Scan, SourceFile, partition_columns,
};
use crate::sink::csv::push_value;
use crate::sink::value::TimeText;
use crate::time::TimeUnit;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tempfile::TempDir;

/// Bytes of files that are read whole.
const WHOLE: u64 = 128 << 20;
/// Of more, so many files.
const SAMPLED: usize = 24;
/// Bytes of each piece of a file.
const PIECE: u64 = 1 << 20;
/// Records after which the reading ends: compressed files may hold any number.
const MOST_RECORDS: u64 = 3_000_000;

/// A source, looked at.
#[derive(Debug)]
pub struct Looked {
    /// What `path` is in the job file.
    pub paths: Vec<String>,
    /// Its files.
    pub files: Vec<PathBuf>,
    /// Their format.
    pub format: InputFormat,
    /// Whether the names of the files do not tell it.
    pub unnamed: bool,
    /// The delimiter, if it is not the one that their names stand for.
    pub delimiter: Option<u8>,
    /// The names of the columns, where there is no header line.
    pub names: Option<Vec<String>>,
    /// How the text of the files is got from their bytes, where that is to be said.
    pub shape: shape::SuggestedKeys,
    /// Where the records are, in files that are one object with a list of them.
    pub records_at: Option<String>,
    /// The columns, in the order in which they are first seen.
    pub columns: Vec<ColumnProfile>,
    /// Columns that the folders tell and no file has, and a value of each.
    pub partition_columns: Vec<(String, String)>,
    /// Bytes of all files.
    pub bytes: u64,
    /// Records that were read.
    pub records: u64,
    /// Those of them that cannot be read, and where and why the first is bad.
    pub bad: (u64, Option<String>),
    /// Whether a job may leave out more records than one of a hundred.
    pub may_reject: bool,
    /// Whether there are more records than were read.
    pub sampled: bool,
}

impl Looked {
    /// Fails where so many records are more than one of a hundred, unless they may be: a job that leaves them out would
    /// give other numbers than the files do. `first` is what is wrong with the first.
    ///
    /// # Errors
    /// A data error that says how to go on.
    pub fn few(&self, bad: u64, what: &str, first: Option<&str>) -> Result<()> {
        if self.may_reject || bad * 100 <= self.records {
            return Ok(());
        }
        let of = self.paths.join(", ");
        let mut error = Error::data(format!(
            "{} of {} records of {of} {what}, so a job is not written: it would leave them out",
            grouped(bad),
            grouped(self.records)
        ));
        if let Some(first) = first {
            error = error.hint(format!("the first: {}", shown(first.as_bytes())));
        }
        Err(error.hint("if they are not events, --reject writes a job that sets them aside"))
    }

    /// About how many records there are.
    pub fn about_records(&self) -> u64 {
        if self.sampled { self.records.max(self.bytes / 8) } else { self.records }
    }
}

/// Looks at the files that `patterns` stand for.
///
/// # Errors
/// Files that are not there or cannot be read, of more than one format, or without records.
pub fn look(patterns: &[String], may_reject: bool, inputs: &Inputs) -> Result<Looked> {
    let (mut files, unnamed) = files(patterns, inputs)?;
    let format = files[0].format;
    if let Some(other) = files.iter().find(|file| file.format != format) {
        let [a, b] = [&files[0], other].map(|file| (file.path.display(), name(file.format)));
        return Err(Error::job(format!("{} is {}, and {} is {}", a.0, a.1, b.0, b.1))
            .hint("`init` writes a job for the files of one log: name those, or a folder or glob of them"));
    }
    let (mut delimiter, mut names) = (None, None);
    // A run reads `.tsv` with tabs by itself, so the job does not have to say that.
    let tabs = files.iter().all(|file| file.path.to_string_lossy().to_lowercase().contains(".tsv"));
    let named = if tabs { b'\t' } else { b',' };
    let mut around = shape::find(&mut files)?;
    let form = |files: &[SourceFile]| {
        files.iter().map(|file| file.shape.form.clone()).find(|form| *form != Form::Plain)
    };
    let mut named = if form(&files).is_some() { b',' } else { named };
    if let Some(columns) = form(&files).and_then(|form| form.columns()) {
        names = Some(columns.iter().map(ToString::to_string).collect());
    } else if format == InputFormat::Csv && form(&files).is_none() {
        let mut layout = delimiter::of(&files)?;
        if layout.fields < 2 && shape::spaced(&mut files, &mut around)? {
            layout = delimiter::of(&files)?;
            named = b',';
        }
        // What the first line of the file tells need not be said.
        let separator = files.iter().find_map(|file| file.shape.sep);
        named = separator.unwrap_or(named);
        let taken = separator.unwrap_or(layout.delimiter);
        delimiter = Some(taken).filter(|delimiter| *delimiter != named);
        names = layout.names;
    }
    let csv = SampleLayout {
        delimiter: delimiter.unwrap_or(named),
        names: names.as_deref(),
        written: &WrittenColumns::PLAIN,
    };
    wire_format::recognise(&mut files, DeclaredFormat::default())?;
    let records_at = records_at(&files);
    if let Some(pointer) = &records_at {
        documents::at(&mut files, pointer);
    }
    let inferred = infer(&files, csv, &BTreeMap::new())?;
    if inferred.columns.is_empty() {
        Scan::has_records(&files, csv, OnBadRecord::Fail)?;
        let shown = patterns.join(", ");
        return Err(Error::data(format!("{shown} has no record"))
            .hint("`init` needs records to write a job: name files with records"));
    }
    let bytes = files.iter().map(|file| file.bytes).sum();
    let (read_files, pieces) =
        if bytes <= WHOLE { (files.clone(), None) } else { pieces(&files, names.is_none())? };
    let mut looked = Looked {
        paths: patterns.to_vec(),
        files: files.iter().map(|file| file.path.clone()).collect(),
        format,
        unnamed,
        delimiter,
        names: names.clone(),
        shape: around,
        records_at: records_at.map(|pointer| pointer.text().to_string()),
        columns: vec![],
        partition_columns: partition_columns::first(&files)
            .into_iter()
            .filter(|(name, _)| inferred.column(name).is_none())
            .collect(),
        bytes,
        records: 0,
        bad: (0, None),
        may_reject,
        sampled: pieces.is_some(),
    };
    read(&mut looked, read_files.clone(), csv, &inferred)?;
    let encoding = |looked: &Looked| looked.bad.1.clone().filter(|why| why.contains("not UTF-8"));
    if looked.shape.rules.encoding.is_none()
        && let Some(line) = encoding(&looked)
    {
        let mut again = read_files;
        shape::other_encoding(&mut again, &mut looked.shape, &line)?;
        (looked.records, looked.bad, looked.sampled) = (0, (0, None), pieces.is_some());
        read(&mut looked, again, csv, &inferred)?;
    }
    // A piece of a large file may begin inside of a record.
    let begun = if looked.sampled { 3 * SAMPLED as u64 } else { 0 };
    if looked.bad.0 > begun {
        looked.few(looked.bad.0, "cannot be read", looked.bad.1.as_deref())?;
    }
    if looked.sampled {
        // What is bad in a piece says nothing.
        looked.bad = (0, None);
    }
    // The folder of the pieces goes with this; they are read by now.
    drop(pieces);
    if looked.columns.iter().all(|column| column.values == 0) {
        let columns: Vec<&str> = inferred.names().collect();
        return Err(Error::data(format!("{} has no record that can be read", patterns.join(", ")))
            .hint(format!("its columns are {}", columns.join(", ")))
            .hint("`init` needs records to write a job: name files with records"));
    }
    looked.paths = shorter(patterns, &looked.files, inputs);
    Ok(looked)
}

/// Where the records are, if each file is one object with one list of objects in it, and these have a time.
fn records_at(files: &[SourceFile]) -> Option<Pointer> {
    let (pointer, records) = documents::list_inside(files.first()?)?;
    let same = |file: &SourceFile| documents::list_inside(file).is_some_and(|(other, _)| other == pointer);
    (records.iter().any(has_time) && files[1..].iter().all(same)).then_some(pointer)
}

/// Whether a value of a record may be a time.
fn has_time(record: &Value) -> bool {
    record.as_object().into_iter().flatten().any(|(_, value)| match value {
        Value::String(text) => Class::of_time(text.as_bytes()) != Class::Text,
        Value::Number(number) => number.as_i64().is_some_and(|number| TimeUnit::likely(number).is_some()),
        Value::Object(_) => has_time(value),
        _ => false,
    })
}

/// The files, and whether their format was told by what they hold.
fn files(patterns: &[String], inputs: &Inputs) -> Result<(Vec<SourceFile>, bool)> {
    let unknown_format = match expand(patterns, None, inputs) {
        Ok(found) => {
            // A stream has no name that stays, so its format is told by what came.
            let unnamed = found.files.iter().any(|file| file.opened.is_stream());
            return Ok((found.files, unnamed));
        }
        Err(error) => error,
    };
    // The names do not tell; what the first holds may.
    let Ok(found) = expand(patterns, Some(InputFormat::Csv), inputs) else { return Err(unknown_format) };
    let mut formats = found.files.iter().map(|file| recognised(&file.opened, &file.shape));
    let Some(Some(format)) = formats.next() else { return Err(unknown_format) };
    match expand(patterns, Some(format), inputs) {
        Ok(all) if formats.all(|other| other.is_none_or(|other| other == format)) => Ok((all.files, true)),
        _ => Err(unknown_format),
    }
}

/// The name of a format, for people.
pub fn name(format: InputFormat) -> &'static str {
    match format {
        InputFormat::Csv => "CSV",
        InputFormat::JsonLines => "JSON Lines",
        InputFormat::Parquet => "Parquet",
        InputFormat::Avro => "Avro",
    }
}

/// A glob in place of many names that a shell made of one.
fn shorter(patterns: &[String], files: &[PathBuf], inputs: &Inputs) -> Vec<String> {
    let plain = || patterns.to_vec();
    let (Some(first), true) = (files.first(), files.len() > 3 && patterns.len() == files.len()) else {
        return plain();
    };
    let (Some(folder), Some(name)) = (first.parent(), first.file_name().and_then(|n| n.to_str())) else {
        return plain();
    };
    let Some((_, ending)) = name.split_once('.') else { return plain() };
    let glob = folder.join(format!("*.{ending}")).display().to_string();
    match expand(std::slice::from_ref(&glob), None, inputs) {
        // The glob has to stand for these files and not for more, in the same order.
        Ok(found) if found.files.iter().map(|f| &f.path).eq(files.iter()) => vec![glob],
        _ => plain(),
    }
}

/// Files that hold pieces of these, and the folder that goes with them.
fn pieces(files: &[SourceFile], header: bool) -> Result<(Vec<SourceFile>, Option<TempDir>)> {
    let chosen: Vec<&SourceFile> = match files.len() {
        0..=SAMPLED => files.iter().collect(),
        // Evenly spread, with the first and the last file among them.
        n => (0..SAMPLED).map(|i| &files[i * (n - 1) / (SAMPLED - 1)]).collect(),
    };
    let folder = tempfile::tempdir().map_err(|e| Error::io("make a folder in", &std::env::temp_dir(), e))?;
    let mut out: Vec<SourceFile> = vec![];
    for file in chosen {
        // What is compressed, or Parquet, cannot be read from its middle.
        let cut = file.format.is_text() && file.shape.is_plain() && file.bytes > 4 * PIECE;
        let places = if cut { vec![0, file.bytes / 2, file.bytes - PIECE] } else { vec![0] };
        for place in places {
            let mut next = SourceFile { ordinal: out.len() as u32, ..file.clone() };
            if cut {
                next.path = folder.path().join(out.len().to_string());
                next.bytes = piece(file, place, header, &next.path)?;
                next.opened = Inputs::default().file(&next.path)?;
            }
            out.push(next);
        }
    }
    Ok((out, Some(folder)))
}

/// Writes the lines of a piece of `file`, after the header line where it has one.
fn piece(file: &SourceFile, place: u64, header: bool, to: &Path) -> Result<u64> {
    let failed = |e| Error::io("read", &file.path, e);
    let from = file.opened.read()?;
    let read = |at: u64| {
        let mut text = vec![0; PIECE as usize];
        let mut filled = 0;
        while filled < text.len() {
            // A read may give less than it is asked for, also before the end of the file.
            match from.read_at(&mut text[filled..], at + filled as u64).map_err(failed)? {
                0 => break,
                n => filled += n,
            }
        }
        text.truncate(filled);
        Ok::<_, Error>(text)
    };
    let mut out = vec![];
    let text = read(place)?;
    let line_end = |text: &[u8]| text.iter().position(|&c| c == b'\n').map_or(text.len(), |at| at + 1);
    // A piece begins somewhere in a line, whose rest is not a record.
    let begin = if place == 0 { 0 } else { line_end(&text) };
    if place > 0 && header && file.format == InputFormat::Csv {
        let head = read(0)?;
        out.extend_from_slice(&head[..line_end(&head)]);
    }
    let end = text.iter().rposition(|&c| c == b'\n').map_or(begin, |at| at + 1);
    out.extend_from_slice(&text[begin.min(end)..end]);
    let mut file = File::create(to).map_err(|e| Error::io("write", to, e))?;
    file.write_all(&out).map_err(|e| Error::io("write", to, e))?;
    Ok(out.len() as u64)
}

/// Reads `files`, all of their columns: those of text as it stands there.
fn read(looked: &mut Looked, files: Vec<SourceFile>, csv: SampleLayout, inferred: &Inferred) -> Result<()> {
    let typed = !looked.format.is_text();
    let columns = inferred.columns.iter().map(|column| ReadColumn {
        name: column.name.clone(),
        // As texts, all values are seen as they are written; `inferred` has seen only the heads of the files.
        ty: if typed { column.ty } else { DataType::String },
        inferred: false,
    });
    // A bad record is counted here, so that the look goes on.
    let read = ReadPlan::of_no_column(files, csv, OnBadRecord::Reject);
    let plan = ReadPlan { columns: columns.collect(), ..read };
    let mut evidence: Vec<ValueEvidence> =
        inferred.columns.iter().map(|_| ValueEvidence::default()).collect();
    let mut times = TimeText::utc();
    let mut text = vec![];
    let scan = Scan::new(Arc::new(plan))?;
    let mut worker = scan.worker()?;
    let mut cut_short = false;
    while let Some(decoded) = worker.next()? {
        looked.records += decoded.read;
        looked.bad.0 += decoded.rejected;
        for (evidence, array) in evidence.iter_mut().zip(&decoded.batch.columns) {
            let values = ColumnView::of(array)?;
            for row in 0..decoded.batch.rows {
                if values.is_null(row) {
                    evidence.value(None);
                } else if let ColumnView::Text(texts) = values {
                    evidence.value(texts.get(row));
                } else {
                    text.clear();
                    push_value(&mut text, &values, row, &mut times, false);
                    evidence.value(std::str::from_utf8(&text).ok());
                }
            }
        }
        if looked.records >= MOST_RECORDS {
            cut_short = true;
            break;
        }
    }
    drop(worker);
    let first = match looked.bad.0 {
        0 => None,
        _ => {
            scan.check()?;
            scan.finish()?.rejects.next().transpose()?
        }
    };
    let first = first.map(|bad| format!("{}:{}: {}", bad.path.display(), bad.line, bad.reason));
    looked.bad.1 = first;
    looked.sampled |= cut_short;
    let source = match looked.format {
        InputFormat::Csv => ColumnSource::Csv,
        InputFormat::JsonLines => ColumnSource::Json,
        InputFormat::Parquet | InputFormat::Avro => ColumnSource::Typed,
    };
    let like: Vec<ValueFormat> = evidence.iter().filter_map(ValueEvidence::telling).collect();
    let columns = evidence.into_iter().zip(&inferred.columns);
    let conclude = |(evidence, column): (ValueEvidence, &InferredColumn)| {
        evidence.conclude(column.name.clone(), column.ty, source, &like)
    };
    looked.columns = columns.map(conclude).collect();
    Ok(())
}
