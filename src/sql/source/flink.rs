//! Flink, from version 2.3: tables of the filesystem connector, and a view over them.
//!
//! # Contract
//! What is printed here was run by a Flink on the jobs of `tests/sql`. It knows no order of records within files, so there is
//! no `_position`.

use super::View;
use super::files::{FileSet, RecordLayout};
use crate::error::Result;
use crate::input::Compression;

impl View<'_> {
    /// A table for each layout, and a view over them.
    pub(super) fn flink(&self) -> Result<Vec<String>> {
        self.no_rejects()?;
        self.no_empty_texts()?;
        let mut out = vec![];
        if self.relation.name == "source" {
            // Functions of time read and write texts in the zone of the session.
            out.push("SET 'table.local-time-zone' = 'UTC'".to_string());
            out.push("SET 'execution.runtime-mode' = 'batch'".to_string());
        }
        let mut selects = vec![];
        for part in self.parts {
            let columns = self.outline_columns(part)?;
            let table = self.part_name(selects.len());
            out.push(format!(
                "CREATE TEMPORARY TABLE {table} (\n  {}\n) WITH (\n  'connector' = 'filesystem',\n{},\n{}\n)",
                columns.join(",\n  "),
                self.flink_path(part)?,
                self.flink_file_format(part)?
            ));
            selects.push(format!(
                "  SELECT {} FROM {table}{}",
                self.outline_raw(part).join(", "),
                self.without_header(part)
            ));
        }
        out.push(format!("CREATE TEMPORARY VIEW {}", self.over(&selects)?));
        Ok(out)
    }

    /// The condition that a record is not the header line, which is a record to Flink.
    pub(super) fn without_header(&self, part: &FileSet) -> String {
        let (RecordLayout::Csv(names), None) = (&part.layout, &self.read().names) else {
            return String::new();
        };
        let is = |name: &String| format!("{} = {}", self.ident(name), self.text(name));
        match names.as_slice() {
            // An empty line is no record to a run, and one of NULL there.
            [name] => format!(" WHERE {} <> {}", self.ident(name), self.text(name)),
            [first, second, ..] => format!(" WHERE ({} AND {}) IS NOT TRUE", is(first), is(second)),
            [] => String::new(),
        }
    }

    pub(super) fn flink_file_format(&self, part: &FileSet) -> Result<String> {
        let delimiter = self.text(&(self.read().delimiter as char).to_string());
        Ok(match &part.layout {
            // An empty field is NULL, as a run reads it.
            RecordLayout::Csv(_) => format!(
                "  'format' = 'csv',\n  'csv.field-delimiter' = {delimiter},\n  'csv.null-literal' = ''"
            ),
            RecordLayout::Json => "  'format' = 'json'".to_string(),
            // The reader of Parquet is a library that Flink comes without: nobody has run it here.
            RecordLayout::Parquet(_) => return Err(self.cannot("Parquet files")),
            RecordLayout::Avro => return Err(self.cannot("Avro files")),
        })
    }

    pub(super) fn flink_path(&self, part: &FileSet) -> Result<String> {
        match part.compression {
            Compression::Zstd => return Err(self.cannot("files of Zstandard")),
            // It knows compressed files by their names alone.
            Compression::Gzip if part.paths.iter().any(|path| !path.ends_with(".gz")) => {
                return Err(self.cannot("files of gzip whose names do not end in `.gz`"));
            }
            _ => {}
        }
        let [first, more @ ..] = part.paths.as_slice() else { return Err(self.cannot("no files")) };
        if more.is_empty() {
            return Ok(format!("  'path' = {}", self.text(first)));
        }
        let folder = |path: &str| path.rsplit_once('/').map_or(".", |(folder, _)| folder).to_string();
        if more.iter().any(|path| folder(path) != folder(first)) {
            return Err(self.cannot("files of different folders as one"));
        }
        let names: Vec<String> =
            part.paths.iter().map(|path| regex_as_it_is(path.rsplit('/').next().unwrap_or(path))).collect();
        let names = self.text(&format!(".*/({})", names.join("|")));
        let path = self.text(&folder(first));
        Ok(format!("  'path' = {path},\n  'source.path.regex-pattern' = {names}"))
    }
}

fn regex_as_it_is(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_alphanumeric() || "_-".contains(c) { c.to_string() } else { format!("\\{c}") })
        .collect()
}
