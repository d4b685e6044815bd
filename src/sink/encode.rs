//! Pieces of a result become bytes in parallel, and bytes become a part in order.

use super::manifest::Part;
use super::stage::StagedFile;
use super::{csv, jsonl, keyed, parquet};
use crate::batch::Schema;
use crate::error::Result;
use crate::time::Zone;
use arrow_array::RecordBatch;
use std::io::Write;
use std::path::Path;

/// The format of a part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    /// Parquet.
    Parquet,
    /// Comma-separated values with a header line.
    Csv,
    /// One JSON object a line.
    JsonLines,
    /// A key, a tab, and a JSON object a line.
    Keyed(LineKey),
}

/// The columns of a line's key, by their numbers in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct LineKey {
    columns: [u16; LineKey::MOST],
    len: u8,
}

impl LineKey {
    /// So many columns at most.
    pub const MOST: usize = 4;

    /// A key of these columns; `None` if they are too many.
    pub fn new(columns: &[usize]) -> Option<LineKey> {
        let mut key = LineKey::default();
        for column in columns {
            *key.columns.get_mut(usize::from(key.len))? = u16::try_from(*column).ok()?;
            key.len += 1;
        }
        Some(key)
    }

    /// The columns.
    pub fn columns(&self) -> impl Iterator<Item = usize> {
        self.columns[..usize::from(self.len)].iter().map(|&column| usize::from(column))
    }
}

impl Format {
    /// The format that a file name says, by its extension.
    pub fn of_path(path: &Path) -> Option<Format> {
        match path.extension()?.to_str()?.to_ascii_lowercase().as_str() {
            "parquet" => Some(Format::Parquet),
            "csv" => Some(Format::Csv),
            "jsonl" | "ndjson" => Some(Format::JsonLines),
            "kcat" => Some(Format::Keyed(LineKey::default())),
            _ => None,
        }
    }

    /// The extension of a part of this format, without the point.
    pub fn extension(self) -> &'static str {
        match self {
            Format::Parquet => "parquet",
            Format::Csv => "csv",
            Format::JsonLines => "jsonl",
            Format::Keyed(_) => "kcat",
        }
    }

    /// The format that job files and manifests call `name`; of keyed lines, without their key.
    pub fn named(name: &str) -> Option<Format> {
        let all = [Format::Parquet, Format::Csv, Format::JsonLines, Format::Keyed(LineKey::default())];
        all.into_iter().find(|format| format.name() == name)
    }

    /// The name that job files and manifests use.
    pub fn name(self) -> &'static str {
        self.extension()
    }
}

/// Rows in a piece, which is a row group in Parquet. A piece's rows decide its bytes, so the engine cuts
/// results here and nowhere else.
pub const ROWS_PER_GROUP: usize = 1 << 18;

/// One piece of a part, ready to be appended.
#[derive(Debug)]
pub struct Encoded {
    pub(super) rows: u64,
    pub(super) content: Content,
}

#[derive(Debug)]
pub(super) enum Content {
    Text(Vec<u8>),
    RowGroup(Vec<parquet::Chunk>),
}

impl Encoded {
    /// The rows in the piece.
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// The memory that the piece takes, about.
    pub fn bytes(&self) -> usize {
        match &self.content {
            Content::Text(text) => text.len(),
            Content::RowGroup(chunks) => chunks.iter().map(parquet::Chunk::bytes).sum(),
        }
    }
}

/// Turns pieces into bytes. Pure: the result depends on the rows alone.
pub trait Encoder: Send + Sync {
    /// Encodes one piece. Its columns are those of the schema, in order; a text column may be a
    /// dictionary (of `UInt32` or `Int32` codes).
    fn encode(&self, batch: &RecordBatch) -> Result<Encoded>;
}

/// The encoder of a format. Times in text formats are written in `zone`.
pub fn encoder(format: Format, schema: &Schema, zone: &Zone) -> Result<Box<dyn Encoder>> {
    Ok(match format {
        Format::Parquet => Box::new(parquet::ParquetEncoder::new(schema)?),
        Format::Csv => Box::new(csv::CsvEncoder::new(zone)),
        Format::JsonLines => Box::new(jsonl::JsonLinesEncoder::new(schema, zone)),
        Format::Keyed(key) => Box::new(keyed::KeyedEncoder::new(schema, zone, key)),
    })
}

/// One part being put together from its pieces, in their order.
pub struct PartWriter {
    rows: u64,
    file: Open,
}

enum Open {
    Text(StagedFile),
    Parquet(Box<parquet::ParquetFile>),
}

impl std::fmt::Debug for PartWriter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PartWriter").field("rows", &self.rows).finish_non_exhaustive()
    }
}

impl PartWriter {
    /// Begins a part in a staged file.
    pub fn new(mut staged: StagedFile, format: Format, schema: &Schema) -> Result<PartWriter> {
        let file = match format {
            Format::Parquet => Open::Parquet(Box::new(parquet::ParquetFile::new(staged, schema)?)),
            Format::JsonLines | Format::Keyed(_) => Open::Text(staged),
            Format::Csv => {
                staged.write_all(&csv::header(schema)).map_err(|e| staged.failed(e))?;
                Open::Text(staged)
            }
        };
        Ok(PartWriter { rows: 0, file })
    }

    /// Appends a piece, which must come from the encoder of the same format and schema.
    ///
    /// # Panics
    /// If it comes from another format's encoder.
    pub fn append(&mut self, piece: Encoded) -> Result<()> {
        self.rows += piece.rows;
        match (&mut self.file, piece.content) {
            (Open::Text(file), Content::Text(text)) => file.write_all(&text).map_err(|e| file.failed(e)),
            (Open::Parquet(_), Content::RowGroup(_)) if piece.rows == 0 => Ok(()),
            (Open::Parquet(file), Content::RowGroup(chunks)) => file.append(chunks),
            _ => panic!("a piece of another format"),
        }
    }

    /// Ends the part, whose rows have these first and last instants (see [`Part::first`]).
    pub fn finish(self, span: Option<(i64, i64)>) -> Result<Part> {
        match self.file {
            Open::Text(file) => file.finish(self.rows, span),
            Open::Parquet(file) => file.finish()?.finish(self.rows, span),
        }
    }
}

#[cfg(test)]
mod tests;
