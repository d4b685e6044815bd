//! Pieces of a result become bytes: what an encoder is, and what it gives.

use super::parquet::chunk::ColumnChunk;
use crate::error::Result;
use arrow_array::RecordBatch;
use std::path::Path;

/// The format of a part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum OutputFormat {
    /// Parquet.
    Parquet,
    /// Comma-separated values with a header line.
    Csv,
    /// One JSON object a line.
    JsonLines,
    /// An Avro object container file.
    Avro,
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

impl OutputFormat {
    /// The format that a file name says, by its extension.
    pub fn of_path(path: &Path) -> Option<OutputFormat> {
        match path.extension()?.to_str()?.to_ascii_lowercase().as_str() {
            "parquet" => Some(OutputFormat::Parquet),
            "csv" => Some(OutputFormat::Csv),
            "jsonl" | "ndjson" => Some(OutputFormat::JsonLines),
            "avro" => Some(OutputFormat::Avro),
            // The name of a file does not tell the columns of the key: the job does.
            "kcat" => Some(OutputFormat::Keyed(LineKey::default())),
            _ => None,
        }
    }

    /// The extension of a part of this format, without the point.
    pub fn extension(self) -> &'static str {
        match self {
            OutputFormat::Parquet => "parquet",
            OutputFormat::Csv => "csv",
            OutputFormat::JsonLines => "jsonl",
            OutputFormat::Avro => "avro",
            OutputFormat::Keyed(_) => "kcat",
        }
    }

    /// The format that job files and manifests call `name`; of keyed lines, without their key.
    pub fn named(name: &str) -> Option<OutputFormat> {
        let all = [
            OutputFormat::Parquet,
            OutputFormat::Csv,
            OutputFormat::JsonLines,
            OutputFormat::Avro,
            OutputFormat::Keyed(LineKey::default()),
        ];
        all.into_iter().find(|format| format.name() == name)
    }

    /// Whether a name that is a path makes records in it.
    pub fn has_records(self) -> bool {
        matches!(self, OutputFormat::JsonLines | OutputFormat::Avro | OutputFormat::Keyed(_))
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
    pub(super) content: EncodedContent,
}

#[derive(Debug)]
pub(super) enum EncodedContent {
    Text(Vec<u8>),
    /// Messages of Arrow IPC.
    Messages(Vec<Vec<u8>>),
    RowGroup(Vec<ColumnChunk>),
}

impl Encoded {
    /// The rows in the piece.
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// The memory that the piece takes, about.
    pub fn bytes(&self) -> usize {
        match &self.content {
            EncodedContent::Text(text) => text.len(),
            EncodedContent::Messages(messages) => messages.iter().map(Vec::len).sum(),
            EncodedContent::RowGroup(chunks) => chunks.iter().map(ColumnChunk::bytes).sum(),
        }
    }
}

/// Turns pieces into bytes. Pure: the result depends on the rows alone.
pub trait Encoder: Send + Sync {
    /// Encodes one piece. Its columns are those of the schema, in order; a text column may be a
    /// dictionary (of `UInt32` or `Int32` codes).
    fn encode(&self, batch: &RecordBatch) -> Result<Encoded>;
}
