//! Rows into files: CSV and JSON Lines, plain or compressed; Parquet.
//!
//! # Contract
//! A file appears under its name when it is whole: it is written beside it and renamed. Nothing in
//! it depends on when, where or by how many it was written.

mod parquet;

use super::row::{GeneratedCell, GeneratedColumn, Row};
use crate::error::{Error, Result};
use crate::input::{Compression, InputFormat};
use crate::sink::fsutil;
use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// The bytes that are gathered before they go to the file or the compressor.
const BUFFER: usize = 256 * 1024;

/// A file in the making.
pub struct FileWriter {
    path: PathBuf,
    partial: PathBuf,
    rows: RowWriter,
}

enum RowWriter {
    Text(Box<TextWriter>),
    Parquet(Box<parquet::ParquetWriter>),
}

impl FileWriter {
    /// Starts the file `path` with these columns.
    ///
    /// # Errors
    /// Of kind machine, if it cannot be created.
    pub fn create(
        path: PathBuf,
        columns: &[GeneratedColumn],
        format: InputFormat,
        compression: Compression,
    ) -> Result<FileWriter> {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        // A hidden name: a job that reads the folder in the meantime passes over the half of a file.
        let partial = path.with_file_name(format!(".{name}.partial"));
        let file = fsutil::create_new(&partial).map_err(|e| Error::io("create", &partial, e))?;
        let rows = match format {
            InputFormat::Parquet => {
                parquet::ParquetWriter::new(file, columns).map(Box::new).map(RowWriter::Parquet)
            }
            _ => TextWriter::new(file, columns, format, compression).map(Box::new).map(RowWriter::Text),
        };
        let rows = rows.map_err(|e| Error::io("write", &path, e))?;
        Ok(FileWriter { path, partial, rows })
    }

    /// Adds a row, whose cells are as the columns are.
    pub fn write(&mut self, row: &Row) -> Result<()> {
        let done = match &mut self.rows {
            RowWriter::Text(w) => w.write(row),
            RowWriter::Parquet(w) => w.write(row),
        };
        done.map_err(|e| Error::io("write", &self.path, e))
    }

    /// Ends the file and gives it its name; returns its path and its size in bytes. What is there is replaced where
    /// `force` says so; one with the same bytes stays.
    ///
    /// # Errors
    /// A job error: another file is there. A machine error: the file cannot be written.
    pub fn finish(self, force: bool) -> Result<(PathBuf, u64)> {
        let FileWriter { path, partial, rows } = self;
        let file = match rows {
            RowWriter::Text(w) => w.finish(),
            RowWriter::Parquet(w) => w.finish(),
        };
        let bytes = file.and_then(|f| f.metadata()).map_err(|e| Error::io("write", &path, e))?.len();
        // Not `exists`, which does not see a link whose target is missing; the rename would replace it.
        if !force && path.symlink_metadata().is_ok() {
            // To generate the same files twice is not an error, but other content may be data of the user.
            let same = fsutil::content(&path).ok()
                == Some(fsutil::content(&partial).map_err(|e| Error::io("read", &partial, e))?);
            let _ = std::fs::remove_file(&partial);
            if same {
                return Ok((path, bytes));
            }
            let error = Error::job(format!("{} exists, with other content", path.display()));
            return Err(error.hint("choose another folder with `--out`, or write over it with `--force`"));
        }
        // A rename is atomic: under the name stands the old file or the whole new one.
        std::fs::rename(&partial, &path).map_err(|e| Error::io("create", &path, e))?;
        Ok((path, bytes))
    }
}

/// The ending of a file's name.
pub fn extension(format: InputFormat, compression: Compression) -> String {
    let format = match format {
        InputFormat::Csv => "csv",
        InputFormat::JsonLines => "jsonl",
        InputFormat::Parquet => "parquet",
        // Not one that `generate` offers.
        InputFormat::Avro => "avro",
    };
    let compression = match compression {
        Compression::None => "",
        Compression::Gzip => ".gz",
        _ => ".zst",
    };
    format!("{format}{compression}")
}

/// True if the name of `path` ends in the extension of any format of ours.
pub fn is_log(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let name = name.trim_end_matches(".gz").trim_end_matches(".zst");
    [".csv", ".jsonl", ".parquet"].iter().any(|ending| name.ends_with(ending))
}

/// Writes CSV or JSON Lines.
struct TextWriter {
    columns: Vec<GeneratedColumn>,
    json: bool,
    buffer: Vec<u8>,
    out: LogSink,
}

impl TextWriter {
    fn new(
        file: File,
        columns: &[GeneratedColumn],
        format: InputFormat,
        compression: Compression,
    ) -> io::Result<TextWriter> {
        // The buffer is written after the row that fills it, so it needs room for one row more.
        let mut buffer = Vec::with_capacity(BUFFER + 4096);
        let json = format == InputFormat::JsonLines;
        if !json {
            for (at, column) in columns.iter().enumerate() {
                if at > 0 {
                    buffer.push(b',');
                }
                push_csv_text(&mut buffer, column.name.as_bytes());
            }
            buffer.push(b'\n');
        }
        Ok(TextWriter { columns: columns.to_vec(), json, buffer, out: LogSink::new(file, compression)? })
    }

    fn write(&mut self, row: &Row) -> io::Result<()> {
        if self.json {
            json_line(&mut self.buffer, &self.columns, row);
        } else {
            csv_line(&mut self.buffer, row);
        }
        if self.buffer.len() >= BUFFER {
            self.out.write_all(&self.buffer)?;
            self.buffer.clear();
        }
        Ok(())
    }

    fn finish(mut self) -> io::Result<File> {
        self.out.write_all(&self.buffer)?;
        self.out.finish()
    }
}

fn csv_line(out: &mut Vec<u8>, row: &Row) {
    for (at, cell) in row.cells().iter().enumerate() {
        if at > 0 {
            out.push(b',');
        }
        match cell {
            GeneratedCell::Null => {}
            GeneratedCell::Int(value) => push_int(out, *value),
            GeneratedCell::Amount(hundredths) => push_amount(out, *hundredths),
            GeneratedCell::Bool(value) => push_bool(out, *value),
            GeneratedCell::Text(range) => push_csv_text(out, row.text_of(range).as_bytes()),
        }
    }
    out.push(b'\n');
}

fn push_csv_text(out: &mut Vec<u8>, text: &[u8]) {
    // RFC 4180: only fields with a comma, a quote or an end of line have to stand between quotes.
    if !text.iter().any(|b| matches!(b, b',' | b'"' | b'\n' | b'\r')) {
        return out.extend_from_slice(text);
    }
    out.push(b'"');
    for &byte in text {
        if byte == b'"' {
            out.push(b'"');
        }
        out.push(byte);
    }
    out.push(b'"');
}

fn json_line(out: &mut Vec<u8>, columns: &[GeneratedColumn], row: &Row) {
    let mut separator = b'{';
    for (column, cell) in columns.iter().zip(row.cells()) {
        if *cell == GeneratedCell::Null {
            continue;
        }
        out.push(separator);
        separator = b',';
        push_json_text(out, column.name.as_bytes());
        out.push(b':');
        match cell {
            GeneratedCell::Null => {}
            GeneratedCell::Int(value) => push_int(out, *value),
            GeneratedCell::Amount(hundredths) => push_amount(out, *hundredths),
            GeneratedCell::Bool(value) => push_bool(out, *value),
            GeneratedCell::Text(range) => push_json_text(out, row.text_of(range).as_bytes()),
        }
    }
    out.extend_from_slice(if separator == b'{' { b"{}\n" } else { b"}\n" });
}

/// Generated text holds no control characters, so quotes and backslashes are all to escape.
fn push_json_text(out: &mut Vec<u8>, text: &[u8]) {
    out.push(b'"');
    for &byte in text {
        if matches!(byte, b'"' | b'\\') {
            out.push(b'\\');
        }
        out.push(byte);
    }
    out.push(b'"');
}

fn push_bool(out: &mut Vec<u8>, value: bool) {
    out.extend_from_slice(if value { b"true" } else { b"false" });
}

fn push_int(out: &mut Vec<u8>, value: i64) {
    // 64 bits have up to 20 digits. `unsigned_abs`, since the least int64 does not have a positive twin.
    let mut digits = [0; 20];
    let (mut rest, mut at) = (value.unsigned_abs(), digits.len());
    loop {
        at -= 1;
        digits[at] = b'0' + (rest % 10) as u8;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    if value < 0 {
        out.push(b'-');
    }
    out.extend_from_slice(&digits[at..]);
}

fn push_amount(out: &mut Vec<u8>, hundredths: i64) {
    if hundredths < 0 {
        out.push(b'-');
    }
    // The sign is written by now: the whole part of -0.05 is 0, which would lose it.
    let size = hundredths.unsigned_abs();
    push_int(out, (size / 100) as i64);
    let part = (size % 100) as u8;
    out.extend_from_slice(&[b'.', b'0' + part / 10, b'0' + part % 10]);
}

/// A file, or a compressor before it.
enum LogSink {
    Plain(File),
    Gzip(Box<flate2::write::GzEncoder<File>>),
    Zstd(Box<zstd::Encoder<'static, File>>),
}

impl LogSink {
    fn new(file: File, compression: Compression) -> io::Result<LogSink> {
        Ok(match compression {
            Compression::None => LogSink::Plain(file),
            // The header of flate2 carries no name and no time.
            Compression::Gzip => {
                LogSink::Gzip(Box::new(flate2::write::GzEncoder::new(file, flate2::Compression::default())))
            }
            // Level 0 stands for zstd's own default.
            _ => LogSink::Zstd(Box::new(zstd::Encoder::new(file, 0)?)),
        })
    }

    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            LogSink::Plain(w) => w.write_all(bytes),
            LogSink::Gzip(w) => w.write_all(bytes),
            LogSink::Zstd(w) => w.write_all(bytes),
        }
    }

    fn finish(self) -> io::Result<File> {
        match self {
            LogSink::Plain(file) => Ok(file),
            LogSink::Gzip(w) => w.finish(),
            LogSink::Zstd(w) => w.finish(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::row::ColumnType;
    use super::*;

    #[test]
    fn lines_are_quoted_and_escaped() {
        const COLUMNS: [GeneratedColumn; 5] = [
            GeneratedColumn::new("n", ColumnType::Int),
            GeneratedColumn::new("nothing", ColumnType::Text),
            GeneratedColumn::new("words", ColumnType::Text),
            GeneratedColumn::new("amount", ColumnType::Amount),
            GeneratedColumn::new("old", ColumnType::Bool),
        ];
        let mut row = Row::default();
        row.int(i64::MIN);
        row.null();
        row.text("Acme, \"the\" shop");
        row.amount(-105);
        row.bool(true);
        let (mut csv, mut json) = (vec![], vec![]);
        csv_line(&mut csv, &row);
        json_line(&mut json, &COLUMNS, &row);
        assert_eq!(csv, b"-9223372036854775808,,\"Acme, \"\"the\"\" shop\",-1.05,true\n");
        assert_eq!(
            json,
            br#"{"n":-9223372036854775808,"words":"Acme, \"the\" shop","amount":-1.05,"old":true}"#
                .to_vec()
                .into_iter()
                .chain([b'\n'])
                .collect::<Vec<u8>>()
        );
    }
}
