//! A file of a log: its format, its shape, its place in the order of arrival.

use super::opened::Opened;
use super::shape::{Compression, Shape};
use super::wire_format::Framing;
use crate::store::{StoreAddress, StoreKind};
use std::path::{Path, PathBuf};

/// The format of a file's records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum InputFormat {
    /// Comma-separated values (RFC 4180, any one-byte delimiter).
    Csv,
    /// One JSON object a line.
    JsonLines,
    /// Apache Parquet.
    Parquet,
    /// Apache Avro object container files.
    Avro,
}

impl InputFormat {
    /// Whether records are lines of text: then their place is a byte, else a number.
    pub fn is_text(self) -> bool {
        matches!(self, InputFormat::Csv | InputFormat::JsonLines)
    }

    /// Its name, for people.
    pub fn name(self) -> &'static str {
        match self {
            InputFormat::Csv => "CSV",
            InputFormat::JsonLines => "JSON Lines",
            InputFormat::Parquet => "Parquet",
            InputFormat::Avro => "Avro",
        }
    }
}

/// One file of a source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceFile {
    /// Its path, as the user's pattern gave it; of a stream its name ([`Opened::path`]).
    pub path: PathBuf,
    /// Its place among the source's files in natural path order, from 0.
    pub ordinal: u32,
    /// The format of its records.
    pub format: InputFormat,
    /// How its text is got from its bytes.
    pub shape: Shape,
    /// Its size on disk in bytes.
    pub bytes: u64,
    /// How its records are wrapped; not known before somebody looks into it.
    pub framing: Framing,
    /// The columns that are read from the names of its folders.
    pub partition_columns: Vec<String>,
    /// The list of each record whose items are its events; not known before the job says so.
    pub unnest: Option<String>,
    /// The handle that it is read by.
    pub opened: Opened,
}

/// What a file's name says about its format and compression.
pub(super) fn kind_of(path: &Path) -> (Option<InputFormat>, Compression) {
    // Endings are compared without case, as some programs export `.CSV`.
    let name = path.file_name().map(|n| n.to_string_lossy().to_ascii_lowercase()).unwrap_or_default();
    // In the address of a file of a server, what is asked for follows.
    let is_of_server = || StoreAddress::of(path).is_some_and(|address| address.kind() == StoreKind::Web);
    let name = match name.split_once('?') {
        Some((name, _)) if is_of_server() => name.to_string(),
        _ => name,
    };
    let endings = [
        (".gz", Compression::Gzip),
        (".zst", Compression::Zstd),
        (".bz2", Compression::Bzip2),
        (".xz", Compression::Xz),
    ];
    let packed = endings.iter().find_map(|(ending, how)| Some((name.strip_suffix(ending)?, *how)));
    let (stem, compression) = packed.unwrap_or((name.as_str(), Compression::None));
    let format = match stem.rsplit_once('.').map(|(_, extension)| extension) {
        Some("csv" | "tsv") => Some(InputFormat::Csv),
        Some("jsonl" | "ndjson" | "json") => Some(InputFormat::JsonLines),
        Some("parquet") => Some(InputFormat::Parquet),
        Some("avro") => Some(InputFormat::Avro),
        _ => None,
    };
    (format, compression)
}
