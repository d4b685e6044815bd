//! Flink and BigQuery: relations that no engine of ours has run; and the columns of files as these and Spark define them.

use super::files::{FileSet, RecordLayout};
use super::{View, columns_read, own_time};
use crate::batch::DataType;
use crate::error::Result;
use crate::input::Compression;
use crate::sql::{Dialect, POSITION, TIME, words};
use crate::time::SECOND;
use arrow_schema::DataType as ArrowType;

impl View<'_> {
    fn text(&self, value: &str) -> String {
        words::text(self.dialect, value)
    }

    /// A table of the filesystem connector for each layout, with its watermark, and a view over them.
    pub(super) fn flink(&self, out_of_orderness: i64) -> Result<Vec<String>> {
        self.no_rejects()?;
        let mut out = vec![];
        if self.relation.name == "source" {
            out.push("SET 'table.local-time-zone' = 'UTC'".to_string());
            out.push("SET 'execution.runtime-mode' = 'batch'".to_string());
        }
        let mut selects = vec![];
        for part in self.parts {
            if part.compression == Compression::Zstd {
                return Err(self.cannot("files of Zstandard"));
            }
            let mut columns = self.outline_columns(part)?;
            if let Some(time) = own_time(self.read()) {
                columns.push(format!("{} AS {}", self.ident(TIME), self.time(time)?));
                let (time, seconds) = (self.ident(TIME), out_of_orderness / SECOND);
                let millis = out_of_orderness % SECOND / 1000;
                // An interval literal has two digits of seconds, unless a precision is told.
                let delay = format!("INTERVAL '{seconds}.{millis:03}' SECOND(10, 3)");
                columns.push(format!("WATERMARK FOR {time} AS {time} - {delay}"));
            }
            let table = self.part_name(selects.len());
            out.push(format!(
                "CREATE TEMPORARY TABLE {table} (\n  {}\n) WITH (\n  'connector' = 'filesystem',\n{},\n{}\n)",
                columns.join(",\n  "),
                self.flink_path(part)?,
                self.flink_format(part)?
            ));
            // The header line is a record to Flink.
            let without_header = match (&part.layout, &self.read().names) {
                (RecordLayout::Csv(names), None) => {
                    let (name, text) = (self.ident(&names[0]), self.text(&names[0]));
                    format!(" WHERE {name} IS NULL OR {name} <> {text}")
                }
                _ => String::new(),
            };
            selects.push(format!("  SELECT {} FROM {table}{without_header}", self.unordered(part)));
        }
        out.push(format!("CREATE TEMPORARY VIEW {}", self.over(&selects)?));
        Ok(out)
    }

    fn flink_format(&self, part: &FileSet) -> Result<String> {
        let delimiter = self.text(&(self.read().delimiter as char).to_string());
        Ok(match &part.layout {
            // An empty field is NULL, as a run reads it.
            RecordLayout::Csv(_) => format!(
                "  'format' = 'csv',\n  'csv.field-delimiter' = {delimiter},\n  'csv.null-literal' = ''"
            ),
            RecordLayout::Json => "  'format' = 'json'".to_string(),
            RecordLayout::Parquet(_) => "  'format' = 'parquet'".to_string(),
            RecordLayout::Avro => return Err(self.cannot("Avro files")),
        })
    }

    fn flink_path(&self, part: &FileSet) -> Result<String> {
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

    /// An external table for each layout, of a bucket that the reader puts in, and a view over them.
    pub(super) fn bigquery(&self) -> Result<Vec<String>> {
        self.no_rejects()?;
        let mut out = vec![];
        let mut selects = vec![];
        for part in self.parts {
            if part.compression == Compression::Zstd {
                return Err(self.cannot("files of Zstandard"));
            }
            let columns = self.outline_columns(part)?;
            let uris: Vec<String> =
                part.paths.iter().map(|path| self.text(&format!("gs://YOUR_BUCKET/{path}"))).collect();
            let uris = uris.join(", ");
            let options = match &part.layout {
                RecordLayout::Csv(_) => format!(
                    "format = 'CSV', uris = [{uris}], field_delimiter = {}, skip_leading_rows = {}, \
                     allow_quoted_newlines = true",
                    self.text(&(self.read().delimiter as char).to_string()),
                    u8::from(self.read().names.is_none())
                ),
                RecordLayout::Json => format!("format = 'NEWLINE_DELIMITED_JSON', uris = [{uris}]"),
                RecordLayout::Parquet(_) => format!("format = 'PARQUET', uris = [{uris}]"),
                RecordLayout::Avro => return Err(self.cannot("Avro files")),
            };
            let schema = match &part.layout {
                RecordLayout::Parquet(_) => String::new(),
                _ => format!(" (\n  {}\n)", columns.join(",\n  ")),
            };
            let table = self.part_name(selects.len());
            out.push(format!("CREATE OR REPLACE EXTERNAL TABLE {table}{schema}\nOPTIONS ({options})"));
            selects.push(format!("  SELECT {} FROM {table}", self.unordered(part)));
        }
        out.push(format!("CREATE OR REPLACE VIEW {}", self.over(&selects)?));
        Ok(out)
    }

    /// The name of the table of one layout.
    fn part_name(&self, number: usize) -> String {
        match self.parts.len() {
            1 => self.ident(&self.text_name()),
            _ => self.ident(&format!("{}_{number}", self.text_name())),
        }
    }

    /// The columns of a part, without an order of records.
    fn unordered(&self, part: &FileSet) -> String {
        let bigint = words::type_name(self.dialect, DataType::Int64);
        format!("{}, CAST(0 AS {bigint}) AS {}", self.outline_raw(part).join(", "), self.ident(POSITION))
    }

    /// What a view of the relation's name is, over these SELECTs of raw records.
    fn over(&self, selects: &[String]) -> Result<String> {
        let records = selects.join("\n  UNION ALL\n");
        let name = self.ident(&self.relation.name);
        Ok(format!("{name} AS\nWITH records AS (\n{records}\n)\n{}", self.select("records")?))
    }

    /// The definitions of the columns of the files.
    pub(super) fn outline_columns(&self, part: &FileSet) -> Result<Vec<String>> {
        let text = words::type_name(self.dialect, DataType::String);
        match &part.layout {
            RecordLayout::Csv(names) => {
                Ok(names.iter().map(|name| format!("{} {text}", self.ident(name))).collect())
            }
            RecordLayout::Json => {
                let mut roots: Vec<(String, Vec<String>)> = vec![];
                for name in columns_read(self.read()) {
                    let (root, field) = match name.split_once('.') {
                        Some((_, path)) if path.contains('.') => {
                            return Err(self.cannot(&format!("`{name}`, more than one object deep")));
                        }
                        Some((root, field)) => (root.to_string(), vec![field.to_string()]),
                        None => (name, vec![]),
                    };
                    // An object is one column, in whose type all of its wanted fields stand.
                    match roots.iter_mut().find(|(known, _)| *known == root) {
                        Some((_, fields)) => fields.extend(field),
                        None => roots.push((root, field)),
                    }
                }
                let whole = columns_read(self.read()).into_iter().filter(|name| name.contains('.'));
                let whole = whole.filter(|_| self.dialect == Dialect::Spark);
                Ok(roots
                    .iter()
                    .map(|(root, fields)| {
                        let pair = |field: &String| match self.dialect {
                            Dialect::Spark => format!("{}: {text}", self.ident(field)),
                            _ => format!("{} {text}", self.ident(field)),
                        };
                        let fields: Vec<String> = fields.iter().map(pair).collect();
                        match (fields.is_empty(), self.dialect) {
                            (true, _) => format!("{} {text}", self.ident(root)),
                            (_, Dialect::Flink) => format!("{} ROW<{}>", self.ident(root), fields.join(", ")),
                            _ => format!("{} STRUCT<{}>", self.ident(root), fields.join(", ")),
                        }
                    })
                    .chain(whole.map(|name| format!("{} {text}", self.ident(&name))))
                    .collect())
            }
            RecordLayout::Parquet(fields) => fields
                .iter()
                .map(|(name, ty)| Ok(format!("{} {}", self.ident(name), self.file_type(name, ty)?)))
                .collect(),
            RecordLayout::Avro => Err(self.cannot("Avro files")),
        }
    }

    /// The type that a column of a Parquet file has here.
    fn file_type(&self, name: &str, ty: &ArrowType) -> Result<String> {
        let of = |ty: DataType| Ok(words::type_name(self.dialect, ty));
        match ty {
            ArrowType::Utf8 | ArrowType::LargeUtf8 | ArrowType::Utf8View => of(DataType::String),
            ArrowType::Boolean => of(DataType::Bool),
            ArrowType::Int32 => Ok("INT".into()),
            ArrowType::Int64 => of(DataType::Int64),
            ArrowType::Float32 => Ok("FLOAT".into()),
            ArrowType::Float64 => of(DataType::Float64),
            ArrowType::Date32 => of(DataType::Date),
            ArrowType::Decimal128(precision, scale @ 0..) => {
                of(DataType::Decimal { precision: *precision, scale: *scale as u8 })
            }
            ArrowType::Timestamp(_, _) => of(DataType::Timestamp),
            _ => Err(self.cannot(&format!("`{name}`, which is {ty}"))),
        }
    }

    /// The columns that are wanted, by their names; NULL where the files have them not.
    pub(super) fn outline_raw(&self, part: &FileSet) -> Vec<String> {
        let text = words::type_name(self.dialect, DataType::String);
        let raw = |name: &String| {
            let quoted = self.ident(name);
            match &part.layout {
                RecordLayout::Csv(names) if names.contains(name) => quoted,
                RecordLayout::Parquet(fields) if fields.iter().any(|(field, _)| field == name) => quoted,
                RecordLayout::Json => match name.split_once('.') {
                    // The whole name may be a key of its own, which goes before the path.
                    Some((root, field)) if self.dialect == Dialect::Spark => {
                        format!("COALESCE({quoted}, {}.{}) AS {quoted}", self.ident(root), self.ident(field))
                    }
                    Some((root, field)) => {
                        format!("{}.{} AS {quoted}", self.ident(root), self.ident(field))
                    }
                    None => quoted,
                },
                _ => format!("CAST(NULL AS {text}) AS {quoted}"),
            }
        };
        columns_read(self.read()).iter().map(raw).collect()
    }
}

fn regex_as_it_is(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_alphanumeric() || "_-".contains(c) { c.to_string() } else { format!("\\{c}") })
        .collect()
}
