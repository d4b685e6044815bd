//! Pieces of a result become a part: the encoder of each format, and the file that takes the pieces in order.

use super::encode::{Content, Encoded, Encoder, Format};
use super::manifest::Part;
use super::stage::StagedFile;
use super::{csv, jsonl, keyed, parquet};
use crate::batch::Schema;
use crate::error::Result;
use crate::time::Zone;
use std::io::Write;

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
            // How a result is cut must not show in the file, so an empty piece does not leave a row group.
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
