//! What can be read only once: pipes and standard input. It is copied to a temporary file, whole, and read from there.
//!
//! # Contract
//! * A stream that is named is read to its end: `-` and `/dev/stdin`, `/dev/fd/63` of a shell's `<(…)`, a FIFO. One
//!   that a folder or glob holds is not: it may wait for a writer for ever.
//! * Its name in results has its content in it, so that what came yesterday and what came today are two files.
//! * A stream that gives nothing is an error: most often the program before it has failed.
//! * Sockets, devices and terminals are refused by name.

use super::meter::Meter;
use super::places;
use crate::error::{Error, Result};
use crate::store::StoreAddress;
use std::fs::{File, FileType, Metadata};
use std::io::{ErrorKind, IsTerminal, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};

/// How standard input is written as a path.
const STDIN: [&str; 4] = ["-", "/dev/stdin", "/dev/fd/0", "/proc/self/fd/0"];

/// Read at once.
const BLOCK: usize = 256 << 10;

/// Whether the path is that of standard input.
pub(super) fn is_stdin(path: &Path) -> bool {
    STDIN.iter().any(|name| path.as_os_str() == *name)
}

/// Whether the path is that of an open file of this process: what it leads to is another file each time.
pub(super) fn is_descriptor(path: &Path) -> bool {
    is_stdin(path) || path.starts_with("/dev/fd") || path.starts_with("/proc/self/fd")
}

/// A stream that was opened.
pub(super) struct OpenStream {
    pub file: File,
    pub metadata: Metadata,
}

/// Opens a stream.
///
/// # Errors
/// Job: it is a terminal or a device. Machine: it cannot be opened.
pub(super) fn source(path: &Path) -> Result<OpenStream> {
    let failed = |e| Error::io("open", path, e);
    let file = match is_stdin(path) {
        true => {
            let stdin = std::io::stdin();
            if stdin.is_terminal() {
                return Err(Error::job(format!("{} is the terminal", path.display()))
                    .hint("pipe the records in: zcat log.csv.gz | highwater run job.toml"));
            }
            // A duplicate of the descriptor: dropping this file must not close standard input itself.
            File::from(stdin.as_fd().try_clone_to_owned().map_err(failed)?)
        }
        false => File::open(path).map_err(failed)?,
    };
    let metadata = file.metadata().map_err(failed)?;
    // A program that starts others may give them sockets as their standard input.
    if !(is_stdin(path) && metadata.file_type().is_socket()) {
        check(path, &metadata)?;
    }
    Ok(OpenStream { file, metadata })
}

/// Refuses what is neither a file nor a pipe.
///
/// # Errors
/// A job error that says what it is.
pub(super) fn check(path: &Path, there: &Metadata) -> Result<()> {
    let Some(kind) = kind(&there.file_type()) else { return Ok(()) };
    if kind == "a pipe" {
        return Ok(());
    }
    Err(Error::job(format!("{} is {kind}, not a file", path.display())))
}

/// What it is, if it is not a file.
pub(super) fn kind(of: &FileType) -> Option<&'static str> {
    Some(match of {
        of if of.is_file() => return None,
        of if of.is_fifo() => "a pipe",
        of if of.is_socket() => "a socket",
        of if of.is_dir() => "a folder",
        of if of.is_char_device() || of.is_block_device() => "a device",
        _ => "not a file",
    })
}

/// The error for a path that leads to nothing.
pub(super) fn not_there(path: &Path, cause: std::io::Error) -> Error {
    let shown = path.display();
    match (cause.kind(), path.read_link()) {
        (ErrorKind::NotFound, Ok(to)) => {
            Error::job(format!("{shown} is a link to {}, which does not exist", to.display()))
        }
        (_, Ok(_)) if cause.raw_os_error() == Some(libc::ELOOP) => {
            Error::job(format!("{shown} is a link to itself"))
        }
        (ErrorKind::NotFound | ErrorKind::NotADirectory, Err(_)) => nothing_matches(&shown.to_string()),
        _ => Error::io("read", path, cause),
    }
}

/// Copies what comes through a stream to a temporary file, which has no name on the disk. Gives it, the name of the
/// stream with its content, and its size.
///
/// # Errors
/// Data: nothing comes. Machine: it cannot be read, or the copy cannot be written.
pub(super) fn copied(path: &Path, mut from: File) -> Result<(File, PathBuf, u64)> {
    let folder = std::env::temp_dir();
    let unwritten = |e| Error::io("copy a stream to a file in", &folder, e);
    let mut to = tempfile::tempfile_in(&folder).map_err(unwritten)?;
    let (mut meter, mut block) = (Meter::hashing(None), vec![0; BLOCK]);
    loop {
        match from.read(&mut block) {
            Ok(0) => break,
            Ok(read) => {
                meter.take(&block[..read]);
                to.write_all(&block[..read]).map_err(unwritten)?;
            }
            Err(e) if e.kind() == ErrorKind::Interrupted => {}
            Err(e) => return Err(Error::io("read", path, e)),
        }
    }
    let (bytes, hash) = meter.finish();
    if bytes == 0 {
        return Err(Error::data(format!("no data came through {}", path.display()))
            .hint("did the program that writes to it fail? The outputs are unchanged")
            .hint("each command reads a pipe once: fill it again for each command"));
    }
    let base = if path.as_os_str() == "-" { "stdin".into() } else { path.display().to_string() };
    Ok((to, PathBuf::from(format!("{base}#{}", name_of(&hash))), bytes))
}

/// The part of a hash that tells streams apart.
fn name_of(hash: &str) -> &str {
    // 64 bits of the hash tell streams apart, and keep the name short.
    let digits = hash.trim_start_matches("xxh3:");
    &digits[..digits.len().min(16)]
}

/// The error with a hint, if the path is relative: a job that works in one folder may be run in another.
fn relative(pattern: &str, error: Error) -> Error {
    match Path::new(pattern).is_absolute() {
        true => error,
        false => {
            error.hint("a relative path starts in the folder where highwater runs, not in that of the job")
        }
    }
}

/// The error for a pattern that stands for no file.
pub(super) fn nothing_matches(pattern: &str) -> Error {
    let path = Path::new(pattern);
    if let Some(address) = StoreAddress::of(path) {
        return places::nothing_on_store(pattern, &address);
    }
    if let Some((scheme, _)) = pattern.split_once("://") {
        return Error::job(format!(
            "there is no file {pattern}, and `{scheme}` is not a store that is known"
        ))
        .hint("stores are s3://, gs://, az://, abfss://, https:// and http://");
    }
    if path.is_dir() {
        return Error::job(format!("no data files in the folder {pattern}")).hint(
            "files and folders with a name that starts with `_` or `.`, and files with an unknown extension, are ignored",
        );
    }
    if pattern.contains(['*', '?', '[']) {
        return relative(pattern, Error::job(format!("no file matches {pattern}")));
    }
    let error = Error::job(format!("there is no file or folder {pattern}"));
    // Name what is near in the deepest folder of the path that exists.
    let mut missing = path;
    loop {
        let Some(parent) = missing.parent() else { return error };
        let folder = if parent.as_os_str().is_empty() { Path::new(".") } else { parent };
        if let Ok(entries) = std::fs::read_dir(folder) {
            let names: Vec<String> =
                entries.flatten().map(|e| parent.join(e.file_name()).display().to_string()).collect();
            let wrong = missing.display().to_string();
            return error.nearest(&wrong, names.iter().map(String::as_str));
        }
        missing = parent;
    }
}
