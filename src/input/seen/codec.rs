//! Stamps as bytes.
//!
//! # Contract
//! The bytes begin with a mark, the version and the build of the program, and end with a hash of all before it. Bytes of
//! another version or build, and those that were damaged or cut, are none: a program with a fault mended must not stand by what
//! it did before.

use crate::input::looks::Looks;
use crate::input::opened::Stamp;
use std::collections::HashMap;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::sync::OnceLock;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use xxhash_rust::xxh3::xxh3_64;

/// What the bytes begin with. The number is that of this format.
const MARK: &str = concat!("highwater stamps 1 ", env!("CARGO_PKG_VERSION"), "\n");

/// A file as an earlier command saw it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct StampedFile {
    pub(super) stamp: Stamp,
    /// XXH3-128 of its bytes.
    pub(super) hash: u128,
    pub(super) looks: Looks,
}

/// What earlier commands saw.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct KnownStamps {
    /// By the bytes of their paths: paths are compared name by name, which is slow.
    pub(super) files: HashMap<OsString, StampedFile>,
    /// A word of the command that kept it; see [`crate::input::Inputs::told`].
    pub(super) told: Option<u128>,
}

/// What tells this build of the program from others of its version: size and time of its file, hashed. `None` where the file
/// cannot be found.
fn build() -> Option<u64> {
    static BUILD: OnceLock<Option<u64>> = OnceLock::new();
    *BUILD.get_or_init(|| {
        let file = std::env::current_exe().and_then(std::fs::metadata).ok()?;
        Some(xxh3_64(format!("{} {} {}", file.len(), file.mtime(), file.mtime_nsec()).as_bytes()))
    })
}

/// `seen`, of a command that began at `began`.
pub(super) fn written(began: SystemTime, seen: &KnownStamps) -> Vec<u8> {
    let mut out = MARK.as_bytes().to_vec();
    out.extend(build().unwrap_or_default().to_le_bytes());
    let began = began.duration_since(UNIX_EPOCH).unwrap_or_default();
    out.extend(began.as_secs().to_le_bytes());
    out.extend(began.subsec_nanos().to_le_bytes());
    out.push(u8::from(seen.told.is_some()));
    out.extend(seen.told.unwrap_or_default().to_le_bytes());
    // In order, so that equal stamps are equal bytes.
    let mut files: Vec<(&OsString, &StampedFile)> = seen.files.iter().collect();
    files.sort_by_key(|(path, _)| *path);
    out.extend((files.len() as u64).to_le_bytes());
    for (path, file) in files {
        let path = path.as_bytes();
        out.extend((path.len() as u64).to_le_bytes());
        out.extend(path);
        file.stamp.numbers().iter().for_each(|number| out.extend(number.to_le_bytes()));
        out.extend(file.hash.to_le_bytes());
        out.push(file.looks.0);
    }
    let hash = xxh3_64(&out);
    out.extend(hash.to_le_bytes());
    out
}

/// What [`written`] wrote, and when that command began; `None` of other bytes.
pub(super) fn read(bytes: &[u8]) -> Option<(SystemTime, KnownStamps)> {
    let (rest, hash) = bytes.split_last_chunk::<8>()?;
    let whole = xxh3_64(rest) == u64::from_le_bytes(*hash);
    let mut bytes = StampBytes(rest.strip_prefix(MARK.as_bytes()).filter(|_| whole)?);
    let known = build()? == u64::from_le_bytes(bytes.next()?);
    known.then_some(())?;
    let (secs, nanos) = (u64::from_le_bytes(bytes.next()?), u32::from_le_bytes(bytes.next()?));
    let began = UNIX_EPOCH.checked_add(Duration::from_secs(secs))?;
    let began = began.checked_add(Duration::from_nanos(nanos.into()))?;
    let [has_told] = bytes.next()?;
    let told = u128::from_le_bytes(bytes.next()?);
    let mut files = HashMap::new();
    for _ in 0..u64::from_le_bytes(bytes.next()?) {
        let length = usize::try_from(u64::from_le_bytes(bytes.next()?)).ok()?;
        let path = OsStr::from_bytes(bytes.take(length)?).to_os_string();
        let mut numbers = [0; 7];
        for number in &mut numbers {
            *number = u64::from_le_bytes(bytes.next()?);
        }
        let hash = u128::from_le_bytes(bytes.next()?);
        let [looks] = bytes.next()?;
        files.insert(path, StampedFile { stamp: Stamp::of_numbers(numbers), hash, looks: Looks(looks) });
    }
    bytes.0.is_empty().then_some((began, KnownStamps { files, told: (has_told != 0).then_some(told) }))
}

/// What is left to read.
struct StampBytes<'a>(&'a [u8]);

impl<'a> StampBytes<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    fn next<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take(N)?.try_into().ok()
    }
}
