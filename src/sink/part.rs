//! Pieces of a result become a part: the encoder of each format, and the file that takes the pieces in order.

use super::encode::{Encoded, EncodedContent, Encoder, OutputFormat};
use super::manifest::{AdoptedFile, Part};
use super::stage::StagedFile;
use super::{avro, csv, jsonl, keyed, parquet};
use crate::batch::Schema;
use crate::error::Result;
use crate::time::{FirstAndLast, Zone};
use std::io::Write;

/// The encoder of a format. Times in text formats are written in `zone`.
pub fn encoder(format: OutputFormat, schema: &Schema, zone: &Zone) -> Result<Box<dyn Encoder>> {
    Ok(match format {
        OutputFormat::Parquet => Box::new(parquet::ParquetEncoder::new(schema)?),
        OutputFormat::Csv => Box::new(csv::CsvEncoder::new(zone)),
        OutputFormat::JsonLines => Box::new(jsonl::JsonLinesEncoder::new(schema, zone)),
        OutputFormat::Avro => Box::new(avro::AvroEncoder::new(schema)),
        OutputFormat::Keyed(key) => Box::new(keyed::KeyedEncoder::new(schema, zone, key)),
    })
}

/// One part being put together from its pieces, in their order.
pub struct PartWriter {
    rows: u64,
    file: PartFile,
}

enum PartFile {
    Text(StagedFile),
    Parquet(Box<parquet::ParquetPart>),
}

impl std::fmt::Debug for PartWriter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PartWriter").field("rows", &self.rows).finish_non_exhaustive()
    }
}

impl PartWriter {
    /// Begins a part in a staged file.
    pub fn new(mut staged: StagedFile, format: OutputFormat, schema: &Schema) -> Result<PartWriter> {
        let file = match format {
            OutputFormat::Parquet => PartFile::Parquet(Box::new(parquet::ParquetPart::new(staged, schema)?)),
            OutputFormat::JsonLines | OutputFormat::Keyed(_) => PartFile::Text(staged),
            OutputFormat::Avro => {
                staged.write_all(&avro::header(schema)).map_err(|e| staged.failed(e))?;
                PartFile::Text(staged)
            }
            OutputFormat::Csv => {
                staged.write_all(&csv::header(schema)).map_err(|e| staged.failed(e))?;
                PartFile::Text(staged)
            }
        };
        Ok(PartWriter { rows: 0, file })
    }

    /// Begins a part of CSV without a header line, as the files beside it have none; `like` says how it is read.
    pub fn without_header(mut staged: StagedFile, like: AdoptedFile) -> PartWriter {
        staged.reads_as(like);
        PartWriter { rows: 0, file: PartFile::Text(staged) }
    }

    /// Appends a piece, which must come from the encoder of the same format and schema.
    ///
    /// # Panics
    /// If it comes from another format's encoder.
    pub fn append(&mut self, piece: Encoded) -> Result<()> {
        self.rows += piece.rows;
        match (&mut self.file, piece.content) {
            (PartFile::Text(file), EncodedContent::Text(text)) => {
                file.write_all(&text).map_err(|e| file.failed(e))
            }
            // How a result is cut must not show in the file, so an empty piece does not leave a row group.
            (PartFile::Parquet(_), EncodedContent::RowGroup(_)) if piece.rows == 0 => Ok(()),
            (PartFile::Parquet(file), EncodedContent::RowGroup(chunks)) => file.append(chunks),
            _ => panic!("a piece of another format"),
        }
    }

    /// Ends the part, whose rows have these first and last instants (see [`Part::first`]).
    pub fn finish(self, span: Option<FirstAndLast>) -> Result<Part> {
        match self.file {
            PartFile::Text(file) => file.finish(self.rows, span),
            PartFile::Parquet(file) => file.finish()?.finish(self.rows, span),
        }
    }
}

#[cfg(test)]
mod tests;
