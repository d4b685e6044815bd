//! Files → chunks → batches.
//!
//! A [`Scan`] hands out the chunks of all files of a source in position order; any number of
//! workers decode them in parallel. What a chunk holds never depends on who decodes it.
//!
//! # Contract
//! * A record is read once, whole, and belongs to exactly one batch, whatever the chunk size.
//! * The rows of a batch are in position order, and of two batches of one worker the later has the
//!   later positions.
//! * Every record is either a row of a batch or a rejected record: `read = rows + rejected`.

// Finding files: `walk` goes through `folders`, `patterns` and their `entries`; `on_store` answers for disk and stores
// alike, by what is known of `places`;
// `left_out` says what is not read. `inputs` has the files of a command, `opened` the handle of one, `stream` copies pipes, `source_file` is a file with its format, which
// `recognised` tells by its first bytes.
// Files with types: `columnar` casts their arrays to the plan's types; `parquet` and `avro` read them.
// Text: `shape` says how it is got from the bytes; `raw` reads them, `meter` counts and hashes; `text` cuts chunks,
// `wire_format` unwraps records, `csv` and `jsonl` decode them, `written` takes values to their plain form, `value` reads
// single ones.
// `read_plan` says what is read; `feed` hands out the work, `scan` does it, `decoded` is what a chunk gives.
// What cannot be read: `bad_record`, `bad`, `rejects`, `fault`; `lines` finds its line number.
// Columns: `times` is about event time and arrival, `partition_columns` about columns of folder names, `derived` and
// `derived_columns` about columns that are computed before a record has a time.
pub mod around;
mod avro;
mod bad;
mod bad_record;
mod blocks;
mod chunk;
mod columnar;
mod csv;
mod cut;
mod decoded;
pub mod derived;
mod derived_columns;
pub mod documents;
mod entries;
#[cfg(test)]
mod evolution;
mod fault;
mod feed;
pub mod fields;
pub mod files;
mod folders;
pub mod infer;
mod inputs;
mod json_text;
mod jsonl;
mod left_out;
pub mod lines;
mod looks;
mod meter;
mod on_store;
mod opened;
mod parquet;
pub mod partition_columns;
mod patterns;
mod places;
mod raw;
mod read_plan;
mod reading;
pub(crate) mod recognised;
mod rejects;
mod report;
mod scan;
mod seen;
pub mod shape;
mod source_file;
mod stream;
mod table_files;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
mod text;
mod times;
pub mod value;
mod walk;
pub mod wire_format;
pub mod written;

pub use self::inputs::{CountedContent, Inputs};
pub(crate) use self::reading::FileReader;
pub use self::report::InputReport;
pub use self::source_file::{InputFormat, SourceFile};
pub use avro::about_records;
pub use opened::Opened;
pub(crate) use parquet::{
    damaged as damaged_parquet, guarded as guarded_parquet, load as load_parquet,
    of_store as of_store_parquet,
};
pub use rejects::{Rejects, StoredReject};
pub use scan::{DecodedBatch, Scan, ScanReport, ScanWorker, Spent};
pub use shape::{Compression, Form, LineRules, Shape};

pub use bad_record::BadRecord;
pub use read_plan::{OnBadRecord, ReadColumn, ReadPlan, ReadTime};

/// The longest record in bytes, and so the longest value: what a file may ask to be in memory at once. It holds for a
/// record of text, a block of Avro and a page of values of Parquet, decompressed.
const LONGEST_RECORD: usize = 64 << 20;

/// The column that numbers the items of a list that is unnested, from 1.
pub const ITEM: &str = "_item";

/// The most rows that a batch of a file with types has.
const BATCH_ROWS: usize = 1 << 16;
