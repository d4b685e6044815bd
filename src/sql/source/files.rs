//! What stands in the files: the header lines of CSV, the schemas of Parquet. None of it by the readers of jobs.

use super::lines::{self, CsvLines};
use super::{decompressed, file_order};
use crate::error::{Error, Result};
use crate::input::{Compression, InputFormat, ReadPlan, SourceFile};
use arrow_schema::{DataType as ArrowType, FieldRef, TimeUnit};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::basic::Type as Physical;

/// The zone of the times that INT96 has: they are of UTC, and engines read them as times without a zone or with one.
pub(super) const INT96: &str = "UTC, of INT96";

/// How the records of a file are laid out.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum RecordLayout {
    /// CSV with these fields.
    Csv(Vec<String>),
    /// An object a line.
    Json,
    /// Parquet: of the columns that are wanted, those that are there, with their types.
    Parquet(Vec<(String, arrow_schema::DataType)>),
    /// Avro.
    Avro,
}

/// Files of one layout and compression, one after the other in position order.
#[derive(Debug)]
pub(super) struct FileSet {
    pub layout: RecordLayout,
    pub compression: Compression,
    /// The paths, as the job's pattern gave them.
    pub paths: Vec<String>,
    /// Of CSV for an engine that splits files.
    pub lines: Option<CsvLines>,
}

/// The files of `read` as parts.
pub(super) fn parts(read: &ReadPlan, wanted: &[String]) -> Result<Vec<FileSet>> {
    let mut parts: Vec<FileSet> = vec![];
    for file in &read.files {
        let layout = layout(file, read, wanted)?;
        let path = file.opened.shell_path().display().to_string();
        // Only neighbours form a part: to join files that lie apart would change the position order.
        match parts.last_mut() {
            Some(part) if part.layout == layout && part.compression == file.shape.compression => {
                part.paths.push(path)
            }
            _ => parts.push(FileSet {
                layout,
                compression: file.shape.compression,
                paths: vec![path],
                lines: None,
            }),
        }
    }
    Ok(parts)
}

/// The files of `read` as parts for an engine that splits files and knows compression by their names: of one layout and
/// one line end each, in the order of the first of them. Where paths do not show the order of files, only neighbours that
/// are in the order of their paths are of one part.
///
/// # Errors
/// As of [`parts`].
pub(super) fn parts_by_layout(read: &ReadPlan, wanted: &[String]) -> Result<Vec<FileSet>> {
    let kept = file_order::is_kept(&read.files);
    // What cannot be read at all is refused before lines are looked at.
    let layouts = read.files.iter().map(|file| layout(file, read, wanted)).collect::<Result<Vec<_>>>()?;
    let csv: Vec<&SourceFile> = read.files.iter().filter(|f| f.format == InputFormat::Csv).collect();
    let mut looks = lines::survey(&csv, read.delimiter)?.into_iter();
    let mut parts: Vec<FileSet> = vec![];
    for (at, (file, layout)) in read.files.iter().zip(layouts).enumerate() {
        let look = if file.format == InputFormat::Csv { looks.next() } else { None };
        let plain = read.names.is_some() || file.format != InputFormat::Csv || has_plain_header(file, read)?;
        let lines = look.map(|look| look.lines(plain));
        let path = file.opened.shell_path().display().to_string();
        let alike = |part: &&mut FileSet| {
            part.layout == layout && part.lines.map(|lines| lines.end) == lines.map(|lines| lines.end)
        };
        let follows = || at > 0 && file_order::is_after(&read.files[at - 1], file);
        let known = match kept {
            true => parts.iter_mut().find(alike),
            false => parts.last_mut().filter(alike).filter(|_| follows()),
        };
        match known {
            Some(part) => {
                part.lines = part.lines.zip(lines).map(|(known, more)| known.and(more));
                part.paths.push(path);
            }
            None => {
                parts.push(FileSet { layout, compression: file.shape.compression, paths: vec![path], lines })
            }
        }
    }
    Ok(parts)
}

fn layout(file: &SourceFile, read: &ReadPlan, wanted: &[String]) -> Result<RecordLayout> {
    if !file.framing.is_plain() {
        let path = file.path.display();
        return Err(Error::job(format!(
            "SQL cannot read {path} as it is: its records are in an envelope (`log`, `envelope`)"
        ))
        .hint("`verify` without a server checks such a job with its own second reader")
        .hint("or write them as plain records: an [[output]] without a window, a .parquet file"));
    }
    if file.shape.documents.is_some() || file.unnest.is_some() {
        let path = file.path.display();
        let what = if file.unnest.is_some() {
            "its events are the items of a list (`unnest`)"
        } else {
            "its records are not on a line each"
        };
        return Err(Error::job(format!("SQL cannot read {path} as it is: {what}"))
            .hint("`verify` without a server checks such a job with its own second reader")
            .hint("or write the records out: an [[output]] without a window, a .parquet file"));
    }
    if let Some(name) = file.partition_columns.first() {
        return Err(Error::job(format!(
            "`{name}` is in the folder names of the files, which SQL cannot read"
        ))
        .hint("`verify` without a server checks such a job with its own second reader")
        .hint("or write the records out: an [[output]] without a window, a .parquet file"));
    }
    if !file.shape.is_text() {
        let path = file.path.display();
        return Err(Error::job(format!("SQL cannot read {path} as it is: its bytes are not plain text"))
            .hint("this applies to an encoding, an archive, a sheet, a web server's log, and lines that are left out")
            .hint("`verify` without a server checks such a job with its own second reader")
            .hint("or write the records out: an [[output]] without a window, a .parquet file"));
    }
    if matches!(file.shape.compression, Compression::Bzip2 | Compression::Xz | Compression::Deflate) {
        let (path, how) = (file.path.display(), file.shape.compression.name());
        return Err(Error::job(format!("SQL cannot read {path}, which is compressed by {how}"))
            .hint("compress it with gzip or Zstandard; `verify` without a server reads it as it is"));
    }
    Ok(match file.format {
        InputFormat::JsonLines => RecordLayout::Json,
        InputFormat::Avro => RecordLayout::Avro,
        InputFormat::Csv => match &read.names {
            Some(names) => RecordLayout::Csv(names.clone()),
            None => RecordLayout::Csv(header(file, read.delimiter)?),
        },
        InputFormat::Parquet => {
            let handle = file.opened.read()?;
            let damaged = |e: parquet::errors::ParquetError| {
                Error::data(format!("cannot read {}", file.path.display())).caused_by(e)
            };
            let builder = ParquetRecordBatchReaderBuilder::try_new(handle).map_err(damaged)?;
            let fields = builder.schema().fields().iter();
            // The Arrow schema shows INT96 as a plain timestamp; the Parquet schema tells them apart.
            let int96 = |name: &str| {
                let mut columns = builder.parquet_schema().columns().iter();
                columns.any(|c| c.path().string() == name && c.physical_type() == Physical::INT96)
            };
            let ty = |f: &FieldRef| match int96(f.name()) {
                true => ArrowType::Timestamp(TimeUnit::Nanosecond, Some(INT96.into())),
                false => f.data_type().clone(),
            };
            RecordLayout::Parquet(
                fields.filter(|f| wanted.contains(f.name())).map(|f| (f.name().clone(), ty(f))).collect(),
            )
        }
    })
}

/// The names in the first line of a CSV file.
fn header(file: &SourceFile, delimiter: u8) -> Result<Vec<String>> {
    let (names, first) = first_lines(file, delimiter)?;
    if names.is_empty() {
        return Err(Error::data(format!("{} has no header line", file.path.display())));
    }
    Ok(unique_names(names, first))
}

/// Whether the names in the first line of a CSV file are those of its columns, letter by letter.
fn has_plain_header(file: &SourceFile, read: &ReadPlan) -> Result<bool> {
    let (names, first) = first_lines(file, read.delimiter)?;
    Ok(unique_names(names.clone(), first) == names)
}

/// Of the first record: the number of its fields, and whether the last is empty.
type ShapeOfFirst = Option<(usize, bool)>;

/// The fields of the first line, and what is known of the first record.
fn first_lines(file: &SourceFile, delimiter: u8) -> Result<(Vec<String>, ShapeOfFirst)> {
    let mut reader = csv::ReaderBuilder::new()
        .delimiter(delimiter)
        .has_headers(false)
        .flexible(true)
        .from_reader(decompressed::text(file)?);
    let mut record = csv::StringRecord::new();
    let found = reader.read_record(&mut record).map_err(|e| {
        Error::data(format!("cannot read the header line of {}", file.path.display())).caused_by(e)
    })?;
    let names: Vec<String> =
        record.iter().enumerate().map(|(i, name)| strip_mark(i, name).to_string()).collect();
    let first = (found && reader.read_record(&mut record).unwrap_or(false)).then_some(&record);
    Ok((names, first.map(|first| (first.len(), first.iter().next_back() == Some("")))))
}

/// The names as they are told apart: without spaces, `column_N` for none, `NAME_2` for the second of one name. `first` has
/// the number of fields of the first record, and whether the last is empty.
pub fn unique_names(header: Vec<String>, first: Option<(usize, bool)>) -> Vec<String> {
    let mut header: Vec<String> = header
        .into_iter()
        .map(|name| {
            let inner = name.trim();
            match inner.len() > 1
                && inner.len() < name.len()
                && inner.starts_with('"')
                && inner.ends_with('"')
            {
                true => inner[1..inner.len() - 1].replace("\"\"", "\"").trim().to_string(),
                false => inner.to_string(),
            }
        })
        .collect();
    let fields = header.len();
    // Some programs end only the records, or only the header line, in a delimiter: the first record tells
    // which.
    match first {
        Some((n, true)) if n == fields + 1 => header.push(String::new()),
        Some((n, _)) if n + 1 == fields && n > 0 && header.last().is_some_and(String::is_empty) => {
            header.pop();
        }
        _ => {}
    }
    let mut out: Vec<String> = Vec::with_capacity(header.len());
    for (i, name) in header.iter().enumerate() {
        let empty = name.is_empty() && header.len() > 1;
        let stem = if empty { format!("column_{}", i + 1) } else { name.clone() };
        // A made-up name must not be the name that another column has in the file.
        let free = |wanted: &String, out: &[String]| !out.contains(wanted) && !(header.contains(wanted));
        let mut made = stem.clone();
        let mut number = 2;
        let fits = |made: &String, out: &[String]| match made == &stem && !empty {
            true => !out.contains(made),
            false => free(made, out),
        };
        while !fits(&made, &out) {
            made = format!("{stem}_{number}");
            number += 1;
        }
        out.push(made);
    }
    out
}

/// The first name without the byte order mark that some programs write.
fn strip_mark(field: usize, name: &str) -> &str {
    if field == 0 { name.trim_start_matches('\u{feff}') } else { name }
}
