//! Answers on disk, from one run to the next.
//!
//! The file is JSON Lines sorted by URL: `{"url":…,"status":200,"body":…}`, without a body where the
//! service has no answer. During a run the new ones go to the end of `<file>.partial`, each with one
//! write, and go before those of the file. At the end all become the file, and the partial one is gone.
//! Of a line that was cut off by a kill nothing is kept.

use crate::error::{Error, Result};
use crate::sink::fsutil;
use crate::sink::owner::{self, Made};
use serde::de::IgnoredAny;
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{BufRead, BufReader, BufWriter, ErrorKind, Seek, SeekFrom, Write};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, OnceLock};

/// Where the line of an answer lies. Packed, since there is one for each URL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(C, packed(4))]
pub(super) struct LineAddress {
    /// The byte at which it starts, and in the highest bit whether that is in the partial file.
    at: u64,
    /// Its bytes, without the end of the line.
    len: u32,
}

const PARTIAL: u64 = 1 << 63;

impl LineAddress {
    /// Whether the answer came after the file was written last.
    pub fn is_partial(self) -> bool {
        self.at & PARTIAL != 0
    }
}

/// What an answer of an earlier run is to this one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Old {
    /// It is taken.
    Valid,
    /// It is kept until there is a new one.
    Stale,
}

/// The answers of this run and of earlier ones.
#[derive(Debug)]
pub(super) struct AnswerRecord {
    /// The file; without one, answers go to a file without a name.
    path: Option<PathBuf>,
    refresh: bool,
    answers: Option<File>,
    partial: OnceLock<File>,
    /// Where the next line of the partial file goes. Whoever writes or opens it holds this.
    end: Mutex<u64>,
}

/// A line, without its body.
#[derive(Deserialize)]
struct AnswerLine<'a> {
    #[serde(borrow)]
    url: Cow<'a, str>,
    status: u16,
    #[serde(default, deserialize_with = "is_there")]
    body: bool,
}

/// The body of a line.
#[derive(Deserialize)]
struct WithBody {
    body: Value,
}

/// A line, with its body as it is written.
#[derive(Deserialize)]
struct AnswerWithBody<'a> {
    #[serde(borrow)]
    url: Cow<'a, str>,
    status: u16,
    #[serde(borrow)]
    body: Option<&'a RawValue>,
}

/// A line and its end.
fn line_of(url: &str, status: u16, body: Option<&str>) -> String {
    let url = Value::from(url);
    match body {
        Some(body) => format!("{{\"url\":{url},\"status\":{status},\"body\":{body}}}\n"),
        None => format!("{{\"url\":{url},\"status\":{status}}}\n"),
    }
}

fn is_there<'de, D: Deserializer<'de>>(body: D) -> std::result::Result<bool, D::Error> {
    IgnoredAny::deserialize(body).map(|_| true)
}

impl AnswerRecord {
    /// Opens the record in the file `path`, and gives every answer that is there: its URL, its place,
    /// whether it says that there is none, and what it is to this run. Of several for a URL the last counts.
    /// With `refresh`, what cannot be read is forgotten, and so is what a failed run left.
    pub fn open(
        path: Option<&Path>,
        refresh: bool,
        mut give: impl FnMut(&str, LineAddress, bool, Old),
    ) -> Result<AnswerRecord> {
        let mut record = AnswerRecord {
            path: path.map(Path::to_path_buf),
            refresh,
            answers: None,
            partial: OnceLock::new(),
            end: Mutex::new(0),
        };
        let Some(path) = path else { return Ok(record) };
        if refresh {
            // What cannot be read is forgotten then, and must be ours.
            owner::may_replace(path, Made::Answers)?;
        }
        owner::may_replace(&partial_path(path), Made::Answers)?;
        match File::open(path) {
            Ok(file) => {
                let old = if refresh { Old::Stale } else { Old::Valid };
                each_line(&file, path, |at, line| {
                    let known = match read_line(line) {
                        Ok(known) => known,
                        Err(_) if refresh => return Ok(()),
                        Err(fault) => return Err(unreadable(path, line.number, &fault)),
                    };
                    give(&known.url, LineAddress { at, len: line.text.len() as u32 }, !known.body, old);
                    Ok(())
                })?;
                record.answers = Some(file);
            }
            Err(e) if e.kind() == ErrorKind::NotFound => {}
            Err(e) => return Err(Error::io("read", path, e)),
        }
        let partial = partial_path(path);
        if partial.exists() {
            let file = open_partial(&partial)?;
            let mut end = 0;
            if !refresh {
                each_line(&file, &partial, |at, line| {
                    // A kill cut this line off: its URL is asked again.
                    if line.torn {
                        return Ok(());
                    }
                    let known = read_line(line).map_err(|fault| unreadable(&partial, line.number, &fault))?;
                    let place = LineAddress { at: at | PARTIAL, len: line.text.len() as u32 };
                    give(&known.url, place, !known.body, Old::Valid);
                    end = at + line.text.len() as u64 + 1;
                    Ok(())
                })?;
            }
            // What is torn is cut off, or the next answer would be glued to it.
            file.set_len(end).map_err(|e| Error::io("write", &partial, e))?;
            record.end = Mutex::new(end);
            record.partial = OnceLock::from(file);
        }
        Ok(record)
    }

    /// Where the answers of this run are until its end.
    fn partial(&self) -> Option<PathBuf> {
        self.path.as_deref().map(partial_path)
    }

    /// Where a run that fails leaves its answers for the next, which goes on from there. One that refreshes
    /// begins anew.
    pub fn kept(&self) -> Option<PathBuf> {
        self.partial().filter(|_| !self.refresh)
    }

    /// Puts an answer on record. `body` is JSON without line ends.
    pub fn append(&self, url: &str, status: u16, body: Option<&str>) -> Result<LineAddress> {
        let line = line_of(url, status, body);
        // One write under one lock: the lines of two threads must not mix.
        let mut end = self.end.lock().unwrap_or_else(|e| e.into_inner());
        let file = self.partial_file(&end)?;
        file.write_all_at(line.as_bytes(), *end).map_err(|e| match self.partial() {
            Some(path) => Error::io("write", &path, e),
            None => Error::machine("cannot write a temporary file").caused_by(e),
        })?;
        let place = LineAddress { at: *end | PARTIAL, len: line.len() as u32 - 1 };
        *end += line.len() as u64;
        Ok(place)
    }

    fn partial_file(&self, _writer: &MutexGuard<'_, u64>) -> Result<&File> {
        if let Some(file) = self.partial.get() {
            return Ok(file);
        }
        let file = match self.partial() {
            Some(path) => {
                // The folder is made with the first answer: a run that asks nothing leaves nothing behind.
                if let Some(folder) = path.parent().filter(|f| !f.as_os_str().is_empty()) {
                    fs::create_dir_all(folder).map_err(|e| Error::io("create the folder", folder, e))?;
                }
                let file = open_partial(&path)?;
                file.set_len(0).map_err(|e| Error::io("write", &path, e))?;
                file
            }
            None => tempfile::tempfile()
                .map_err(|e| Error::machine("cannot create a temporary file").caused_by(e))?,
        };
        Ok(self.partial.get_or_init(|| file))
    }

    /// The body of an answer.
    pub fn body(&self, place: LineAddress) -> Result<Value> {
        let mut line = vec![];
        let path = if place.is_partial() { self.partial() } else { self.path.clone() };
        let path = path.unwrap_or_else(|| "a temporary file".into());
        self.line(place, &mut line).map_err(|e| Error::io("read", &path, e))?;
        let text = std::str::from_utf8(&line).map_err(|e| e.to_string());
        let body = text.and_then(|text| serde_json::from_str::<WithBody>(text).map_err(|e| e.to_string()));
        // What `AnswerLine` skips without a look may still be at fault: half a surrogate pair.
        body.map(|line| line.body).map_err(|fault| {
            let number = self.line_number(place).unwrap_or(0);
            unreadable(&path, number, &fault)
        })
    }

    /// Reads a line into `out`, without its end.
    fn line(&self, place: LineAddress, out: &mut Vec<u8>) -> std::io::Result<()> {
        out.resize(place.len as usize, 0);
        self.file(place)?.read_exact_at(out, place.at & !PARTIAL)
    }

    fn file(&self, place: LineAddress) -> std::io::Result<&File> {
        let file = if place.is_partial() { self.partial.get() } else { self.answers.as_ref() };
        file.ok_or_else(|| ErrorKind::NotFound.into())
    }

    fn line_number(&self, place: LineAddress) -> std::io::Result<usize> {
        // Only an error wants the number of a line, so it may cost a read of all lines before.
        let mut before = vec![0; (place.at & !PARTIAL) as usize];
        self.file(place)?.read_exact_at(&mut before, 0)?;
        Ok(memchr::memchr_iter(b'\n', &before).count() + 1)
    }

    /// Makes the answers at `places`, in this order, the file; then there is no partial one any more.
    /// Until the file is whole on the disk, the old ones stay. `key` is what the URL of an older record is now.
    pub fn write(&self, places: &[LineAddress], key: &dyn Fn(&str) -> String) -> Result<()> {
        let Some(path) = &self.path else { return Ok(()) };
        let failed = |e| Error::io("write", path, e);
        if !places.is_empty() || self.answers.is_some() {
            // A rename, so that a reader finds the old file or the new one, and never a half.
            let temporary = with_suffix(path, ".tmp");
            let written = self.write_to(&temporary, places, key).and_then(|()| fs::rename(&temporary, path));
            if let Err(e) = written {
                let _ = fs::remove_file(&temporary);
                return Err(failed(e));
            }
            // The partial file goes next, and a rename is safe from a crash only when its folder is on disk.
            let folder = path.parent().filter(|f| !f.as_os_str().is_empty()).unwrap_or(Path::new("."));
            File::open(folder).and_then(|folder| folder.sync_all()).map_err(failed)?;
        }
        match fs::remove_file(partial_path(path)) {
            Err(e) if e.kind() != ErrorKind::NotFound => Err(Error::io("remove", &partial_path(path), e)),
            _ => Ok(()),
        }
    }

    fn write_to(
        &self,
        path: &Path,
        places: &[LineAddress],
        key: &dyn Fn(&str) -> String,
    ) -> std::io::Result<()> {
        let mut out = BufWriter::with_capacity(1 << 18, fsutil::create_new(path)?);
        let mut line = vec![];
        for &place in places {
            self.line(place, &mut line)?;
            // An older record may have secrets in its keys, and they must not come back into the file.
            let moved = serde_json::from_slice::<AnswerWithBody>(&line)
                .ok()
                .filter(|known| key(&known.url) != known.url);
            if let Some(known) = moved {
                line = line_of(&key(&known.url), known.status, known.body.map(RawValue::get)).into_bytes();
            } else {
                line.push(b'\n');
            }
            out.write_all(&line)?;
        }
        out.into_inner().map_err(std::io::IntoInnerError::into_error)?.sync_all()
    }
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_os_string();
    name.push(suffix);
    name.into()
}

fn partial_path(path: &Path) -> PathBuf {
    with_suffix(path, ".partial")
}

/// Opens the partial file, which one run at a time may have.
fn open_partial(path: &Path) -> Result<File> {
    let mut open = OpenOptions::new();
    // Not truncated: before the lock is ours, the answers in the file may be another run's.
    open.read(true).write(true).create(true).truncate(false).custom_flags(libc::O_NOFOLLOW);
    let file = open.open(path).map_err(|e| Error::io("open", path, fsutil::of_link(e)))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => {
            Err(Error::machine(format!("another run writes its answers to {}", path.display()))
                .hint("wait until it ends, or end it"))
        }
        Err(TryLockError::Error(e)) => Err(Error::io("lock", path, e)),
    }
}

/// A line of a file of answers.
struct RawLine<'a> {
    /// From 1.
    number: usize,
    text: &'a [u8],
    /// Whether its end is missing.
    torn: bool,
}

/// Gives every line that is not empty, with the byte at which it starts.
fn each_line(
    mut file: &File,
    path: &Path,
    mut give: impl FnMut(u64, &RawLine<'_>) -> Result<()>,
) -> Result<()> {
    file.seek(SeekFrom::Start(0)).map_err(|e| Error::io("read", path, e))?;
    let mut reader = BufReader::with_capacity(1 << 18, file);
    let (mut line, mut at) = (vec![], 0);
    for number in 1.. {
        line.clear();
        let read = reader.read_until(b'\n', &mut line).map_err(|e| Error::io("read", path, e))?;
        if read == 0 {
            break;
        }
        let text = line.strip_suffix(b"\n").unwrap_or(&line);
        if !text.trim_ascii().is_empty() {
            give(at, &RawLine { number, text, torn: text.len() == line.len() })?;
        }
        at += read as u64;
    }
    Ok(())
}

/// The line as far as it must be known; or why it is no answer.
fn read_line<'a>(line: &RawLine<'a>) -> std::result::Result<AnswerLine<'a>, String> {
    let text = std::str::from_utf8(line.text).map_err(|e| e.to_string())?;
    let known: AnswerLine<'_> = serde_json::from_str(text).map_err(|e| e.to_string())?;
    match (known.status, known.body) {
        (404 | 410, false) | (200..300, true) => Ok(known),
        (404 | 410, true) => Err("a not-found answer must not have a body".into()),
        (200..300, false) => Err("the body is missing".into()),
        (status, _) => Err(format!("the status {status} is not one of an answer")),
    }
}

fn unreadable(path: &Path, line: usize, fault: &str) -> Error {
    Error::data(format!("line {line} of {} is not a recorded answer", path.display()))
        .caused_by(fault)
        .hint("run with --refresh-lookups to query the services again, or remove the line")
}
