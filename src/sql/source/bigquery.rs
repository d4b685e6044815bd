//! BigQuery: external tables of a bucket, and a view over them.
//!
//! # Contract
//! Nobody here has run it. What is printed are constructs that its documentation defines; what it leaves open is refused. It
//! knows no order of records within files, so there is no `_position`.

use super::View;
use super::files::RecordLayout;
use crate::error::Result;
use crate::input::Compression;

impl View<'_> {
    /// An external table for each layout, of a bucket that the reader puts in, and a view over them.
    pub(super) fn bigquery(&self) -> Result<Vec<String>> {
        self.no_rejects()?;
        self.no_empty_texts()?;
        let mut out = vec![];
        let mut selects = vec![];
        for part in self.parts {
            if part.compression == Compression::Zstd {
                return Err(self.cannot("files of Zstandard"));
            }
            let columns = self.outline_columns(part)?;
            let uris: Vec<String> =
                part.paths.iter().map(|path| self.text(&format!("gs://YOUR_BUCKET/{path}"))).collect();
            let uris = uris.join(", ");
            let options = match &part.layout {
                RecordLayout::Csv(_) => format!(
                    "format = 'CSV', uris = [{uris}], field_delimiter = {}, skip_leading_rows = {}, \
                     allow_quoted_newlines = true",
                    self.text(&(self.read().delimiter as char).to_string()),
                    u8::from(self.read().names.is_none())
                ),
                // How a number becomes a text, and a text a number, is not said.
                RecordLayout::Json => return Err(self.cannot("JSON Lines")),
                RecordLayout::Parquet(_) => format!("format = 'PARQUET', uris = [{uris}]"),
                RecordLayout::Avro => return Err(self.cannot("Avro files")),
            };
            let schema = match &part.layout {
                RecordLayout::Parquet(_) => String::new(),
                _ => format!(" (\n  {}\n)", columns.join(",\n  ")),
            };
            let table = self.part_name(selects.len());
            out.push(format!("CREATE OR REPLACE EXTERNAL TABLE {table}{schema}\nOPTIONS ({options})"));
            selects.push(format!("  SELECT {} FROM {table}", self.outline_raw(part).join(", ")));
        }
        out.push(format!("CREATE OR REPLACE VIEW {}", self.over(&selects)?));
        Ok(out)
    }
}
