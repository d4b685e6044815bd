//! Whether what lies at a place was written by Highwater, so that it may be written over.
//!
//! # Contract
//! Nothing that Highwater did not write is replaced, but on a flag that says so. An output is known by the manifest
//! beside it ([`super::Target`]). A file without one is known by how it begins: each kind of it has a beginning that no
//! other file has by accident. An empty file holds nothing, and is anybody's.

use crate::error::{Error, Result};
use crate::store::{PutCondition, files, is_on_store};
use std::fs::{self, File};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Component, Path, PathBuf};

/// A kind of file without a manifest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Made {
    /// A page of `report`, of `verify --html`, or among the outputs of a job.
    Page,
    /// The metrics of a command.
    Metrics,
    /// Records that could not be read.
    Rejects,
    /// What services have answered.
    Answers,
    /// A page of the manual.
    Manual,
    /// Test results, as JUnit writes them.
    Junit,
    /// Faults of jobs, in the format SARIF.
    Sarif,
    /// Events of OpenLineage, a line of JSON each. They may be those of other programs: lines are added, not replaced.
    Lineage,
}

/// How pages say what wrote them: pages begin with this, near enough.
pub const GENERATOR: &str = "<meta name=\"generator\" content=\"highwater";

/// Bytes of a file that are looked at.
const HEAD: u64 = 1 << 16;

impl Made {
    /// What it is called.
    fn name(self) -> &'static str {
        match self {
            Made::Page => "a page of Highwater",
            Made::Metrics => "a file of Highwater's metrics",
            Made::Rejects => "a file of rejected records",
            Made::Answers => "a file of recorded answers",
            Made::Manual => "a page of Highwater's manual",
            Made::Junit => "a file of Highwater's test results in JUnit XML",
            Made::Sarif => "a SARIF file of Highwater",
            Made::Lineage => "a file of OpenLineage events",
        }
    }

    /// Whether a file that begins so is one.
    fn begins(self, head: &str) -> bool {
        match self {
            // Pages of before say it in their title alone.
            Made::Page => head.contains(GENERATOR) || head.contains(" · Highwater report</title>"),
            Made::Metrics => head.starts_with("# HELP highwater_"),
            Made::Rejects => {
                head.starts_with("file,line,byte,column,reason,raw\n") || object(head, "file", "line")
            }
            // One that was cut off may end anywhere.
            Made::Answers => {
                object(head, "url", "status") || !head.contains('\n') && head.starts_with("{\"url\":")
            }
            Made::Manual => head.contains("\n.TH ") && head.contains("\"highwater "),
            Made::Junit => head.starts_with("<?xml ") && head.contains("<testsuites name=\"highwater "),
            Made::Sarif => head.contains("/sarif-2.1.0.json\"") && head.contains("\"name\": \"highwater\""),
            Made::Lineage => {
                let first = head.lines().next().unwrap_or_default();
                first.starts_with('{') && first.contains("\"eventTime\"") && first.contains("\"producer\"")
            }
        }
    }
}

/// Whether a text begins with an object whose first key has a text, and whose second has a number.
fn object(head: &str, first: &str, second: &str) -> bool {
    let Some(rest) = head.strip_prefix(&format!("{{\"{first}\":")) else { return false };
    // The first text can hold any character, so a reader of JSON finds its end.
    let mut texts = serde_json::Deserializer::from_str(rest).into_iter::<String>();
    let is_text = texts.next().is_some_and(|text| text.is_ok());
    let rest = &rest[texts.byte_offset().min(rest.len())..];
    let number = rest.strip_prefix(&format!(",\"{second}\":"));
    is_text && number.is_some_and(|number| number.starts_with(|c: char| c.is_ascii_digit()))
}

/// Refuses a place where something lies that is not `made`. Reads only.
///
/// # Errors
/// A job error: something lies there that Highwater did not write as such; a machine error: it cannot be read.
pub fn may_replace(path: &Path, made: Made) -> Result<()> {
    if is_on_store(path) {
        let there = files::read(path)?.unwrap_or_default();
        let head = &there[..there.len().min(HEAD as usize)];
        return refuse_other(path, made, head);
    }
    let there = match path.metadata() {
        Ok(there) => there,
        Err(e) if matches!(e.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => return Ok(()),
        Err(e) => return Err(Error::io("read", path, e)),
    };
    if !there.is_file() {
        let what = if there.is_dir() { "a folder" } else { "not a regular file" };
        return Err(
            Error::job(format!("cannot write {}: it is {what}", path.display())).hint("choose another path")
        );
    }
    let mut head = vec![];
    let read = File::open(path).and_then(|file| file.take(HEAD).read_to_end(&mut head));
    read.map_err(|e| Error::io("read", path, e))?;
    refuse_other(path, made, &head)
}

/// Refuses a file that begins so, if it is not `made`.
fn refuse_other(path: &Path, made: Made, head: &[u8]) -> Result<()> {
    // An empty file does not hold anything that could be lost.
    if head.is_empty() || made.begins(&String::from_utf8_lossy(head)) {
        return Ok(());
    }
    Err(Error::job(format!(
        "refusing to replace {}, which Highwater did not write: it is not {}",
        path.display(),
        made.name()
    ))
    .hint("choose another path, or move that file away"))
}

/// Finds out whether a file `made` can be written to `path`, before hours of work. Its folder is made.
///
/// # Errors
/// As [`may_replace`]; a machine error: a folder cannot be made, or no file in it.
pub fn check(path: &Path, made: Made) -> Result<()> {
    may_replace(path, made)?;
    match is_on_store(path) {
        true => Ok(()),
        false => beside(path).map(drop),
    }
}

/// Puts a whole file in its place; gives whether it was not the same before.
///
/// # Errors
/// As [`check`]; the disk is full or fails.
pub fn put(path: &Path, made: Made, content: &[u8]) -> Result<bool> {
    may_replace(path, made)?;
    // An equal file is not touched, so a second run changes nothing.
    if files::read(path)?.is_some_and(|before| before == content) {
        return Ok(false);
    }
    if is_on_store(path) {
        return files::put(path, content.to_vec(), PutCondition::Always).map(|_| true);
    }
    let mut file = beside(path)?;
    let failed = |e| Error::io("write", path, e);
    file.write_all(content).map_err(failed)?;
    // A temporary file is its owner's alone; this one is for all who may read the folder's files.
    file.as_file().set_permissions(fs::Permissions::from_mode(0o644)).map_err(failed)?;
    file.as_file().sync_all().map_err(failed)?;
    file.persist(path).map_err(|e| failed(e.error))?;
    Ok(true)
}

/// A new file beside `path`, which vanishes if nothing comes of it.
fn beside(path: &Path) -> Result<tempfile::NamedTempFile> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs::create_dir_all(folder).map_err(|e| Error::io("create the folder", folder, e))?;
    // In the same folder, since a rename is atomic only within one file system.
    let file = tempfile::Builder::new().prefix(".highwater-").suffix(".new").tempfile_in(folder);
    file.map_err(|e| Error::io("write", path, e))
}

/// Where a path leads: absolute, without `.` and `..`, and with links followed, as far as anything is there.
pub fn place(path: &Path) -> PathBuf {
    // A store has no links, and no folder that a path could be relative to.
    if is_on_store(path) {
        return files::real_folder(path).unwrap_or_else(|| path.to_path_buf());
    }
    let whole = std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf());
    let mut missing = vec![];
    let mut at = whole.as_path();
    let mut place = loop {
        if let Ok(there) = at.canonicalize() {
            break there;
        }
        match (at.parent(), at.components().next_back()) {
            (Some(above), Some(last)) => {
                missing.push(last);
                at = above;
            }
            _ => break at.to_path_buf(),
        }
    };
    for name in missing.into_iter().rev() {
        match name {
            Component::ParentDir => drop(place.pop()),
            Component::Normal(name) => place.push(name),
            _ => {}
        }
    }
    place
}

/// What tells a file that is there from every other, whatever it is called.
pub fn identity(path: &Path) -> Option<(u64, u64)> {
    let there = path.metadata().ok()?;
    Some((there.dev(), there.ino()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    const ALL: [Made; 8] = [
        Made::Page,
        Made::Metrics,
        Made::Rejects,
        Made::Answers,
        Made::Manual,
        Made::Junit,
        Made::Sarif,
        Made::Lineage,
    ];

    #[test]
    fn each_kind_is_known_by_how_it_begins_and_is_no_other() {
        let files = [
            "<!doctype html>\n<meta name=\"generator\" content=\"highwater 0.1.0\">\n",
            "# HELP highwater_info What ran\n",
            "{\"file\":\"a\\\"b.csv\",\"line\":3,\"byte\":null,\"column\":null,\"reason\":\"x\",\"raw\":\"y\"}\n",
            "{\"url\":\"http://x/1\",\"status\":404}\n",
            ".ie \\n(.g .ds Aq \\(aq\n.el .ds Aq '\n.TH HIGHWATER 1  \"highwater 0.1.0\" Highwater\n",
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"highwater check\" tests=\"1\">\n",
            "{\n  \"$schema\": \"https://x/sarif-2.1.0.json\",\n  \"runs\": [{ \"name\": \"highwater\"",
            "{\"eventTime\":\"2026-11-30T08:00:00Z\",\"producer\":\"highwater\",\"run\":{}}\n",
        ];
        for (made, file) in ALL.iter().zip(files) {
            let of = ALL.iter().filter(|made| made.begins(file)).collect::<Vec<_>>();
            assert_eq!(of, [made], "{file}");
        }
        assert!(Made::Rejects.begins("file,line,byte,column,reason,raw\na.csv,1,,,x,y\n"));
        assert!(Made::Page.begins("<!doctype html>\n<title>sales · Highwater report</title>"));
        let of_the_user = [
            "{\"file\":\"a.csv\",\"size\":3}",
            "{\"file\":1,\"line\":2}",
            "a,b\n1,2\n",
            "<svg>",
            "{\"url\":1}\n",
        ];
        for text in of_the_user {
            assert!(!ALL.iter().any(|made| made.begins(text)), "{text}");
        }
    }

    #[test]
    fn nothing_of_the_users_is_replaced() {
        let tmp = tempfile::tempdir().unwrap();
        let path = |name: &str| tmp.path().join(name);
        fs::write(path("mine"), "precious").unwrap();
        symlink(path("mine"), path("link")).unwrap();
        fs::create_dir(path("folder")).unwrap();
        for name in ["mine", "link", "folder"] {
            let error = put(&path(name), Made::Page, b"<html>").unwrap_err();
            assert_eq!(error.kind(), crate::error::Kind::Job, "{error}");
        }
        assert!(put(Path::new("/dev/null"), Made::Rejects, b"").unwrap_err().message().contains("regular"));
        assert_eq!(fs::read_to_string(path("mine")).unwrap(), "precious");
        fs::write(path("empty"), "").unwrap();
        let page = format!("<!doctype html>{GENERATOR} 1\">");
        for name in ["empty", "new/page"] {
            assert!(put(&path(name), Made::Page, page.as_bytes()).unwrap());
            assert!(!put(&path(name), Made::Page, page.as_bytes()).unwrap(), "it is the same");
            assert!(put(&path(name), Made::Page, format!("{page}2").as_bytes()).unwrap());
        }
        assert_eq!(fs::read_dir(path("new")).unwrap().count(), 1, "nothing is left beside it");
    }

    #[test]
    fn a_place_is_one_however_it_is_written() {
        let tmp = tempfile::tempdir().unwrap();
        let root = tmp.path().canonicalize().unwrap();
        fs::create_dir_all(root.join("a/b")).unwrap();
        fs::write(root.join("a/f"), "").unwrap();
        symlink(root.join("a"), root.join("l")).unwrap();
        symlink(root.join("a/f"), root.join("g")).unwrap();
        for same in ["a/f", "a/./f", "a/b/../f", "l/f", "g", "new/../a/f"] {
            assert_eq!(place(&root.join(same)), root.join("a/f"), "{same}");
        }
        assert_eq!(place(&root.join("l/new/x/../y")), root.join("a/new/y"));
    }
}
