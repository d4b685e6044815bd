//! The file of rejected records: JSON Lines, or CSV where the path ends in `.csv`.
//!
//! It is written under another name and put in place whole when the run is done, by the commit of the run's
//! outputs where there is one (see `Transaction::put_beside`).

use super::encode::OutputFormat;
use super::journal::Beside;
use super::owner::{self, Made};
use super::{csv, failpoint, fsutil, jsonl};
use crate::error::{Error, Result};
use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

/// A record that could not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RejectedRecord<'a> {
    /// The file, as the source names it.
    pub file: &'a str,
    /// The line that it begins on, from 1; of a Parquet file the row.
    pub line: u64,
    /// The byte (of the uncompressed text) that it begins at, from 0; `None` in a Parquet file.
    pub byte: Option<u64>,
    /// The column at fault, where there is one.
    pub column: Option<&'a str>,
    /// What is wrong.
    pub reason: &'a str,
    /// The record's text; bytes that are no UTF-8 are shown as U+FFFD.
    pub raw: &'a [u8],
}

/// Writes rejected records. Dropped without being put in place, it leaves what was there.
#[derive(Debug)]
pub struct RejectsWriter {
    path: PathBuf,
    temporary: PathBuf,
    csv: bool,
    file: Option<BufWriter<File>>,
    line: Vec<u8>,
    /// Folders that were not there before, outermost first.
    created: Vec<PathBuf>,
    /// Whether the temporary file is a journal's, which puts it in place.
    handed_over: bool,
}

impl RejectsWriter {
    /// Begins the file that will be at `path`. Creates its folder.
    ///
    /// # Errors
    /// A job error: something else lies there. A machine error: the file system refuses.
    pub fn create(path: &Path) -> Result<RejectsWriter> {
        let name = path
            .file_name()
            .ok_or_else(|| Error::job(format!("the rejects path {} does not name a file", path.display())))?;
        owner::may_replace(path, Made::Rejects)?;
        // In the same folder, since a rename is atomic only within one file system.
        let temporary = path.with_file_name(format!(".{}.staged", name.to_string_lossy()));
        let mut writer = RejectsWriter {
            path: path.to_path_buf(),
            temporary,
            csv: OutputFormat::of_path(path) == Some(OutputFormat::Csv),
            file: None,
            line: vec![],
            created: vec![],
            handed_over: false,
        };
        writer.created = fsutil::create_folders(writer.folder())?;
        let file =
            fsutil::create_new(&writer.temporary).map_err(|e| Error::io("create", &writer.temporary, e))?;
        writer.file = Some(BufWriter::with_capacity(1 << 16, file));
        if writer.csv {
            writer.line.extend_from_slice(b"file,line,byte,column,reason,raw\n");
            writer.put_line()?;
        }
        Ok(writer)
    }

    /// The file that it will be.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Appends a record.
    pub fn write(&mut self, reject: &RejectedRecord<'_>) -> Result<()> {
        let raw = String::from_utf8_lossy(reject.raw);
        let line = reject.line.to_string();
        let byte = reject.byte.map(|n| n.to_string());
        let text = |s| (Some(s), true);
        let fields = [
            ("file", text(reject.file)),
            ("line", (Some(line.as_str()), false)),
            ("byte", (byte.as_deref(), false)),
            ("column", (reject.column, true)),
            ("reason", text(reject.reason)),
            ("raw", text(raw.as_ref())),
        ];
        for (i, (name, (value, is_text))) in fields.into_iter().enumerate() {
            if self.csv { self.push_csv(i, value, is_text) } else { self.push_json(i, name, value, is_text) }
        }
        self.line.extend_from_slice(if self.csv { b"\n" } else { b"}\n" });
        self.put_line()
    }

    fn push_csv(&mut self, i: usize, value: Option<&str>, is_text: bool) {
        if i > 0 {
            self.line.push(b',');
        }
        match value {
            Some(value) if is_text => csv::push_text(&mut self.line, value),
            value => self.line.extend_from_slice(value.unwrap_or_default().as_bytes()),
        }
    }

    fn push_json(&mut self, i: usize, name: &str, value: Option<&str>, is_text: bool) {
        self.line.push(if i == 0 { b'{' } else { b',' });
        jsonl::push_string(&mut self.line, name);
        self.line.push(b':');
        match value {
            Some(value) if is_text => jsonl::push_string(&mut self.line, value),
            value => self.line.extend_from_slice(value.unwrap_or("null").as_bytes()),
        }
    }

    fn put_line(&mut self) -> Result<()> {
        let file = self.file.as_mut().expect("open until finished");
        let written = file.write_all(&self.line);
        self.line.clear();
        written.map_err(|e| Error::io("write", &self.temporary, e))
    }

    /// Makes what was written durable, so that little can go wrong when it is put in place.
    pub fn sync(&mut self) -> Result<()> {
        let Some(file) = &mut self.file else { return Ok(()) };
        let synced = file.flush().and_then(|()| file.get_ref().sync_all());
        synced.map_err(|e| Error::io("write", &self.temporary, e))
    }

    /// Puts the file in place.
    pub fn finish(mut self) -> Result<()> {
        self.sync()?;
        self.file = None;
        fs::rename(&self.temporary, &self.path).map_err(|e| Error::io("replace", &self.path, e))?;
        // The folders hold the file now, so the drop must not remove them.
        self.created.clear();
        fsutil::sync_folder(self.folder())
    }

    fn folder(&self) -> &Path {
        self.path.parent().filter(|f| !f.as_os_str().is_empty()).unwrap_or(Path::new("."))
    }

    /// The rename that puts the file in place, with paths from the folder `base`, which is absolute.
    pub(super) fn beside(&self, base: &Path) -> Result<Beside> {
        let folder = fs::canonicalize(self.folder()).map_err(|e| Error::io("open", self.folder(), e))?;
        // The staged name must be durable before a journal leads to it.
        fsutil::sync_folder(&folder)?;
        let folder = fsutil::relative_path(base, &folder);
        let path = |of: &Path| folder.join(of.file_name().unwrap_or_default());
        let beside = Beside { staged: Some(path(&self.temporary)), to: path(&self.path) };
        // The staged name is made of the other.
        match beside.to.to_str() {
            Some(_) => Ok(beside),
            None => Err(Error::job(format!("the rejects path {} is not UTF-8", self.path.display()))),
        }
    }

    /// Leaves what was written to the journal that has its [`Beside`].
    pub(super) fn hand_over(mut self) {
        self.handed_over = true;
    }
}

impl Drop for RejectsWriter {
    fn drop(&mut self) {
        if self.handed_over || failpoint::crashed() {
            return;
        }
        // Gone already where it was put in place.
        let _ = fs::remove_file(&self.temporary);
        for folder in self.created.iter().rev() {
            let _ = fs::remove_dir(folder);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rejects() -> [RejectedRecord<'static>; 2] {
        let bad = RejectedRecord {
            file: "a.csv",
            line: 3,
            byte: Some(51),
            column: Some("n"),
            reason: "`x` is not an int64",
            raw: b"x,\"y\xff",
        };
        [bad.clone(), RejectedRecord { byte: None, column: None, ..bad }]
    }

    fn written(name: &str) -> String {
        let tmp = tempfile::tempdir().unwrap();
        let path = tmp.path().join("new").join(name);
        let mut writer = RejectsWriter::create(&path).unwrap();
        for reject in rejects() {
            writer.write(&reject).unwrap();
        }
        assert!(!path.exists());
        writer.finish().unwrap();
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
        fs::read_to_string(&path).unwrap()
    }

    #[test]
    fn rejects_in_both_formats() {
        insta::assert_snapshot!(written("bad.csv"), @r#"
        file,line,byte,column,reason,raw
        a.csv,3,51,n,`x` is not an int64,"x,""y�"
        a.csv,3,,,`x` is not an int64,"x,""y�"
        "#);
        insta::assert_snapshot!(written("bad.jsonl"), @r#"
        {"file":"a.csv","line":3,"byte":51,"column":"n","reason":"`x` is not an int64","raw":"x,\"y�"}
        {"file":"a.csv","line":3,"byte":null,"column":null,"reason":"`x` is not an int64","raw":"x,\"y�"}
        "#);
    }

    #[test]
    fn a_dropped_writer_leaves_what_was_there() {
        let tmp = tempfile::tempdir().unwrap();
        let path = tmp.path().join("bad.jsonl");
        let old = "{\"file\":\"old.csv\",\"line\":1}\n";
        fs::write(&path, old).unwrap();
        RejectsWriter::create(&path).unwrap().write(&rejects()[0]).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), old);
        assert_eq!(fs::read_dir(tmp.path()).unwrap().count(), 1);
        fs::write(&path, "{\"mine\":1}\n").unwrap();
        assert!(RejectsWriter::create(&path).unwrap_err().message().contains("did not write"));
    }
}
