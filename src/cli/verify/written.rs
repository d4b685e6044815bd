//! How the other side of a comparison is written, as the command line says it.

use crate::error::{Error, Result};
use crate::time::Zone;
use crate::verify::{Against, ColumnNames, ResultFormat};
use clap::Args;

/// What the file of the other side does not say itself.
#[derive(Debug, Args)]
#[command(next_help_heading = "How the result of --against is written")]
pub struct WrittenArgs {
    /// The field separator [default: detected among `,` `;` `|` and the tab]
    #[arg(long, value_name = "CHARACTER", value_parser = delimiter)]
    delimiter: Option<u8>,
    /// The file has no header line; its columns are those of this side, in the same order
    #[arg(long, conflicts_with = "columns")]
    no_header: bool,
    /// The file has no header line; its columns are these
    #[arg(long, value_name = "COLUMNS", value_delimiter = ',')]
    columns: Vec<String>,
    /// A word that means NULL, also in text columns; may be repeated [default: NULL, \N, NA, None and the like, but not
    /// in text columns]
    #[arg(long, value_name = "WORD")]
    null: Vec<String>,
    /// The time zone of times without an offset [default: UTC]
    #[arg(long, value_name = "ZONE", value_parser = zone)]
    zone: Option<Zone>,
    /// Numbers have a decimal comma: 1.234,5
    #[arg(long)]
    decimal_comma: bool,
}

fn delimiter(text: &str) -> std::result::Result<u8, String> {
    match text.as_bytes() {
        [b'"' | b'\n' | b'\r'] => Err("not a quote or the end of a line".into()),
        [one] if one.is_ascii() => Ok(*one),
        // A shell passes `\t` as two characters.
        b"\\t" | b"tab" => Ok(b'\t'),
        _ => Err("one ASCII character, or `tab`".into()),
    }
}

fn zone(text: &str) -> std::result::Result<Zone, String> {
    Zone::named(text).ok_or_else(|| "not a zone of the IANA database, such as Asia/Jakarta".into())
}

impl WrittenArgs {
    /// What is said.
    ///
    /// # Errors
    /// A job error: something is said, and the other side is no result that is read.
    pub fn written(&self, against: &Against) -> Result<ResultFormat> {
        let names = match (self.no_header, self.columns.is_empty()) {
            (true, _) => ColumnNames::Same,
            (false, true) => ColumnNames::Header,
            (false, false) => ColumnNames::Are(self.columns.clone()),
        };
        let (nulls, zone) = (self.null.clone(), self.zone.clone());
        let written =
            ResultFormat { delimiter: self.delimiter, names, nulls, zone, decimal_comma: self.decimal_comma };
        match written.is_plain() || matches!(against, Against::Result(_) | Against::Stdin) {
            true => Ok(written),
            false => Err(Error::job("these options describe a result, but --against is not a result")
                .hint("--delimiter, --no-header, --columns, --null, --zone and --decimal-comma are for files and stdin")),
        }
    }
}
