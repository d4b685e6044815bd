//! A result as one stream of bytes, such as stdout: CSV, JSON Lines, or Arrow IPC.
//!
//! # Contract
//! * CSV and JSON Lines have the bytes of a file with the same rows.
//! * Nothing is written before the first rows, or the end: a fault before them leaves the stream empty.
//! * An Arrow stream that was not finished never looks whole. Arrow lets a stream end without its end marker, so a reader
//!   could not see that one stops between two messages. Therefore the first bytes of the next message, which are the
//!   same for every message and for the end marker, are written with the message before it: what stops there is a
//!   message that is cut, wherever and however the writer ended.

use super::arrow::{self, ArrowEncoder, CONTINUATION, END};
use super::encode::{Encoded, EncodedContent, Encoder};
use super::{csv, jsonl};
use crate::batch::Schema;
use crate::error::{Error, Reason, Result};
use crate::time::Zone;
use std::io::{self, ErrorKind, Write};

/// No more bytes than POSIX promises that a pipe takes whole (`PIPE_BUF`).
const SHORT_WRITE: usize = 512;

/// The format of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StreamFormat {
    /// Arrow IPC, the stream format.
    Arrow,
    /// Comma-separated values with a header line.
    Csv,
    /// One JSON object a line.
    JsonLines,
}

/// The encoder of a format. Times in text formats are written in `zone`.
pub fn stream_encoder(format: StreamFormat, schema: &Schema, zone: &Zone) -> Box<dyn Encoder> {
    match format {
        StreamFormat::Arrow => Box::new(ArrowEncoder::new(schema)),
        StreamFormat::Csv => Box::new(csv::CsvEncoder::new(zone)),
        StreamFormat::JsonLines => Box::new(jsonl::JsonLinesEncoder::new(schema, zone)),
    }
}

/// One stream being put together from its pieces, in their order.
pub struct StreamWriter<'a> {
    out: &'a mut (dyn Write + Send),
    format: StreamFormat,
    schema: Schema,
    begun: bool,
    rows: u64,
}

impl<'a> StreamWriter<'a> {
    /// A stream of rows of `schema` to `out`, which should not have a buffer: pieces are large.
    pub fn new(out: &'a mut (dyn Write + Send), format: StreamFormat, schema: Schema) -> StreamWriter<'a> {
        StreamWriter { out, format, schema, begun: false, rows: 0 }
    }

    /// Appends a piece, which must come from the encoder of the same format and schema.
    ///
    /// # Errors
    /// The stream cannot be written; its reader is gone ([`Reason::ReaderGone`]).
    pub fn append(&mut self, piece: Encoded) -> Result<()> {
        self.begin()?;
        self.rows += piece.rows;
        match piece.content {
            EncodedContent::Text(text) => self.out.write_all(&text).map_err(failed),
            EncodedContent::Messages(messages) => {
                messages.into_iter().try_for_each(|message| self.message(message))
            }
            EncodedContent::RowGroup(_) => panic!("a piece of another format"),
        }
    }

    /// Writes a message, of which the first bytes are there already, and the first bytes of the one that follows it.
    fn message(&mut self, mut message: Vec<u8>) -> Result<()> {
        message.extend_from_slice(&CONTINUATION);
        let body = &message[CONTINUATION.len()..];
        // A process that is killed may have written a part of this. A pipe takes a short write whole or not at all, so
        // the place where the message ends is in a write of its own.
        let (long, short) = body.split_at(body.len().saturating_sub(SHORT_WRITE));
        self.out.write_all(long).and_then(|()| self.out.write_all(short)).map_err(failed)
    }

    /// Ends the stream; gives its number of rows.
    ///
    /// # Errors
    /// As [`StreamWriter::append`].
    pub fn finish(mut self) -> Result<u64> {
        self.begin()?;
        if self.format == StreamFormat::Arrow {
            self.out.write_all(&END).map_err(failed)?;
        }
        self.out.flush().map_err(failed)?;
        Ok(self.rows)
    }

    fn begin(&mut self) -> Result<()> {
        if std::mem::replace(&mut self.begun, true) {
            return Ok(());
        }
        match self.format {
            StreamFormat::Arrow => {
                let schema = arrow::header(&self.schema)?;
                self.out.write_all(&CONTINUATION).map_err(failed)?;
                self.message(schema)
            }
            StreamFormat::Csv => self.out.write_all(&csv::header(&self.schema)).map_err(failed),
            StreamFormat::JsonLines => Ok(()),
        }
    }
}

fn failed(cause: io::Error) -> Error {
    let error = Error::machine("cannot write to stdout").caused_by(&cause);
    match cause.kind() {
        ErrorKind::BrokenPipe => error.because(Reason::ReaderGone),
        _ => error,
    }
}
