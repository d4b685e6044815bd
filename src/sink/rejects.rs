//! The file of rejected records: JSON Lines, or CSV where the path ends in `.csv`.
//!
//! It is written under another name and put in place whole when the run is done.

use super::encode::Format;
use super::{csv, fsutil, jsonl};
use crate::error::{Error, Result};
use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

/// A record that could not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reject<'a> {
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

/// Writes rejected records. Dropped without [`RejectsWriter::finish`], it leaves what was there.
#[derive(Debug)]
pub struct RejectsWriter {
    path: PathBuf,
    temporary: PathBuf,
    csv: bool,
    file: Option<BufWriter<File>>,
    line: Vec<u8>,
}

impl RejectsWriter {
    /// Begins the file that will be at `path`. Creates its folder.
    pub fn create(path: &Path) -> Result<RejectsWriter> {
        let name = path
            .file_name()
            .ok_or_else(|| Error::job(format!("the rejects path {} does not name a file", path.display())))?;
        if let Some(folder) = path.parent().filter(|f| !f.as_os_str().is_empty()) {
            fs::create_dir_all(folder).map_err(|e| Error::io("create the folder", folder, e))?;
        }
        let temporary = path.with_file_name(format!(".{}.staged", name.to_string_lossy()));
        let file = File::create(&temporary).map_err(|e| Error::io("create", &temporary, e))?;
        let csv = Format::of_path(path) == Some(Format::Csv);
        let file = Some(BufWriter::with_capacity(1 << 16, file));
        let mut writer = RejectsWriter { path: path.to_path_buf(), temporary, csv, file, line: vec![] };
        if csv {
            writer.line.extend_from_slice(b"file,line,byte,column,reason,raw\n");
            writer.put_line()?;
        }
        Ok(writer)
    }

    /// Appends a record.
    pub fn write(&mut self, reject: &Reject<'_>) -> Result<()> {
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
        let folder = self.path.parent().filter(|f| !f.as_os_str().is_empty()).unwrap_or(Path::new("."));
        fsutil::sync_folder(folder)
    }
}

impl Drop for RejectsWriter {
    fn drop(&mut self) {
        // Gone already where it was put in place.
        let _ = fs::remove_file(&self.temporary);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rejects() -> [Reject<'static>; 2] {
        let bad = Reject {
            file: "a.csv",
            line: 3,
            byte: Some(51),
            column: Some("n"),
            reason: "`x` is no int64",
            raw: b"x,\"y\xff",
        };
        [bad.clone(), Reject { byte: None, column: None, ..bad }]
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
        a.csv,3,51,n,`x` is no int64,"x,""y�"
        a.csv,3,,,`x` is no int64,"x,""y�"
        "#);
        insta::assert_snapshot!(written("bad.jsonl"), @r#"
        {"file":"a.csv","line":3,"byte":51,"column":"n","reason":"`x` is no int64","raw":"x,\"y�"}
        {"file":"a.csv","line":3,"byte":null,"column":null,"reason":"`x` is no int64","raw":"x,\"y�"}
        "#);
    }

    #[test]
    fn a_dropped_writer_leaves_what_was_there() {
        let tmp = tempfile::tempdir().unwrap();
        let path = tmp.path().join("bad.jsonl");
        fs::write(&path, "old").unwrap();
        RejectsWriter::create(&path).unwrap().write(&rejects()[0]).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "old");
        assert_eq!(fs::read_dir(tmp.path()).unwrap().count(), 1);
    }
}
