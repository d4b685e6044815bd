//! Parts read a piece at a time: for those who look at all rows and keep few of them.
//!
//! # Contract
//! The rows of a part come in its order, and memory holds some thousands of them (of text some megabytes), however
//! large the part is; of Avro the whole part. That its bytes are those that the manifest names is not checked; that it has as many rows is.

use super::rows::{batch, unreadable};
use super::{PartReader, text};
use crate::error::{Error, Result};
use crate::sink::{OutputFormat, Part, csv};
use crate::store::files;
use arrow_array::RecordBatch;
use std::io::Read;
use std::path::Path;

/// Rows of Parquet at a time.
const ROWS: usize = 1 << 13;
/// Bytes of text at a time.
const BYTES: usize = 1 << 22;

impl PartReader {
    /// Shows all rows of `part` to `see`, piece by piece.
    ///
    /// # Errors
    /// Those of `see`; a machine error: the file cannot be read, or is none that a run wrote.
    pub fn pieces(&self, part: &Part, see: &mut dyn FnMut(&RecordBatch) -> Result<()>) -> Result<()> {
        let path = self.root.join(&part.path);
        let mut rows = 0;
        let mut counted = |batch: &RecordBatch| {
            rows += batch.num_rows() as u64;
            see(batch)
        };
        // Columns that all stand in the path leave nothing to read from the file.
        if self.schema.fields.is_empty() {
            let empty = batch(&self.schema, vec![], part.rows as usize);
            counted(&empty.map_err(|e| unreadable(&path).caused_by(e))?)?;
        } else if self.format == OutputFormat::Avro || part.adopted.is_some() {
            // A block of compressed records is found by the one before it alone.
            counted(&self.read(part)?)?;
        } else if self.format == OutputFormat::Parquet {
            self.batches(&path, &mut counted)?;
        } else {
            self.blocks(&path, BYTES, &mut counted)?;
        }
        if rows != part.rows {
            return Err(unreadable(&path).caused_by(format!("{rows} rows, of {}", part.rows)));
        }
        Ok(())
    }

    fn batches(&self, path: &Path, see: &mut dyn FnMut(&RecordBatch) -> Result<()>) -> Result<()> {
        let file = files::open_file(path)?;
        let reader = crate::sink::parquet::reader(file, &self.schema)
            .and_then(|builder| builder.with_batch_size(ROWS).build())
            .map_err(|e| unreadable(path).caused_by(e))?;
        for batch in reader {
            see(&batch.map_err(|e| unreadable(path).caused_by(e))?)?;
        }
        Ok(())
    }

    /// Text in blocks of whole records of about `size` bytes.
    pub fn blocks(
        &self,
        path: &Path,
        size: usize,
        see: &mut dyn FnMut(&RecordBatch) -> Result<()>,
    ) -> Result<()> {
        let failed = |e| Error::io("read", path, e);
        let mut file = files::open_file(path)?;
        let header = if self.format == OutputFormat::Csv { csv::header(&self.schema) } else { vec![] };
        let mut block = vec![];
        loop {
            let read = file.by_ref().take(size as u64).read_to_end(&mut block).map_err(failed)?;
            // At the end of the file the rest is read too: a record that was cut off is then an error.
            let end = if read == 0 { block.len() } else { whole(&block, self.format) };
            if end > header.len() || (read == 0 && end > 0) {
                let rest = block.split_off(end);
                let rows = text::read(self.format, &self.schema, block, 0)
                    .map_err(|_| unreadable(path).caused_by("its text is not as highwater writes it"))?;
                see(&rows)?;
                // Each block is read like a file of its own, so the header comes before the rest.
                block = [&header[..], &rest].concat();
            }
            if read == 0 {
                return Ok(());
            }
        }
    }
}

/// Where the last whole record of `block` ends, which starts with one; 0 where none does.
fn whole(block: &[u8], format: OutputFormat) -> usize {
    if format != OutputFormat::Csv {
        // In JSON a line end inside of a text is escaped.
        return memchr::memrchr(b'\n', block).map_or(0, |at| at + 1);
    }
    let (mut quoted, mut end) = (false, 0);
    for at in memchr::memchr2_iter(b'"', b'\n', block) {
        match block[at] {
            // A doubled quote switches twice, so it leaves the state as it was.
            b'"' => quoted = !quoted,
            _ if !quoted => end = at + 1,
            _ => {}
        }
    }
    end
}
