//! Names and ids that our commits give: by content, so that equal histories have equal ones.

use crate::error::{Error, Result};
use flate2::Compression;
use flate2::write::GzEncoder;
use std::io::Write;

/// The file of the ledger that comes with `version` of a table: its name, its bytes, and their hash. Its name never comes back,
/// so an expiry does not take it for an older one of the same content.
///
/// # Errors
/// A fault: it cannot be compressed.
pub(super) fn packed(ledger: &str, version: u64) -> Result<(String, Vec<u8>, String)> {
    let failed = |e| Error::fault("a ledger cannot be compressed").caused_by(e);
    let mut packed = GzEncoder::new(vec![], Compression::fast());
    packed.write_all(ledger.as_bytes()).map_err(failed)?;
    let bytes = packed.finish().map_err(failed)?;
    let hash = format!("{:032x}", xxhash_rust::xxh3::xxh3_128(&bytes));
    let name = xxhash_rust::xxh3::xxh3_128(format!("{version} {hash}").as_bytes());
    Ok((format!("ledger-{name:032x}.json.gz"), bytes, hash))
}

/// Whether a file of the metadata has the name of a ledger.
pub fn is_ledger(name: &str) -> bool {
    let hash = name.strip_prefix("ledger-").and_then(|rest| rest.strip_suffix(".json.gz"));
    hash.is_some_and(|hash| !hash.is_empty() && hash.bytes().all(|b| b.is_ascii_hexdigit()))
}

/// Whether a file of the folder of parts has the name of its content; on a store the version of its commit stands behind it.
pub(super) fn is_part_name(name: &str) -> bool {
    let Some(stem) = name.strip_suffix(".parquet") else { return false };
    let (hash, tag) = stem.split_once('-').unwrap_or((stem, "1"));
    let digits = !tag.is_empty() && tag.bytes().all(|b| b.is_ascii_digit());
    digits && hash.len() == 32 && hash.bytes().all(|b| b.is_ascii_hexdigit())
}

/// The UUID that stands for `seed`.
pub(super) fn uuid(seed: &str) -> String {
    let mut id = xxhash_rust::xxh3::xxh3_128(seed.as_bytes());
    // The bits that say that it is of the version for hashes of any kind (RFC 9562).
    id = id & !(0xf << 76) | 8 << 76;
    id = id & !(0b11 << 62) | 0b10 << 62;
    let hex = format!("{id:032x}");
    [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-")
}
