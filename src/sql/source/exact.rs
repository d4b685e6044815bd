//! DuckDB and PostgreSQL: relations that are exact.

use super::covering::{self, NamedFiles};
use super::files::{FileSet, RecordLayout};
use super::time::days_of_month;
use super::{View, columns_read, file_order};
use crate::batch::DataType;
use crate::error::Result;
use crate::input::{Compression, OnBadRecord, ReadColumn};
use crate::sql::{Dialect, OF_FILE, POSITION, words};
use crate::time::TimeRule;
use arrow_schema::{DataType as ArrowType, TimeUnit};

/// So many files are listed one by one.
const FEW: usize = 16;

impl View<'_> {
    /// A view over `read_csv`, `read_ndjson_objects` or `read_parquet`.
    pub(super) fn duckdb(&self) -> Result<Vec<String>> {
        self.no_avro()?;
        let many = self.duckdb_variable();
        let position = self.ident(POSITION);
        // DuckDB keeps the order of the records that it reads: a row number without an order is the position.
        let records = match self.parts {
            [part] => format!(
                "SELECT {}, ROW_NUMBER() OVER () - 1 AS {position}\n  FROM {}",
                self.raw_columns(part).join(", "),
                self.duckdb_files(part, many.as_ref().map(|(name, _)| name.as_str()))
            ),
            parts => {
                let parts: Vec<String> = parts
                    .iter()
                    .enumerate()
                    .map(|(number, part)| {
                        format!(
                            "    SELECT {}, {number} AS _part, ROW_NUMBER() OVER () AS _row\n    FROM {}",
                            self.raw_columns(part).join(", "),
                            self.duckdb_files(part, None)
                        )
                    })
                    .collect();
                format!(
                    "SELECT *, ROW_NUMBER() OVER (ORDER BY _part, _row) - 1 AS {position}\n  FROM (\n{}\n  )",
                    parts.join("\n    UNION ALL\n")
                )
            }
        };
        let mut out = self.clock_functions();
        out.extend(many.map(|(_, statement)| statement));
        out.push(format!(
            "CREATE OR REPLACE TEMP VIEW {} AS\nWITH records AS (\n  {records}\n)\n{}",
            self.ident(&self.relation.name),
            self.select("records")?
        ));
        Ok(out)
    }

    /// The columns that are wanted, by their names; NULL where the files have them not.
    fn raw_columns(&self, part: &FileSet) -> Vec<String> {
        let all = columns_read(self.read());
        all.iter()
            .map(|name| {
                let quoted = self.ident(name);
                let key = |key: &str| key.replace('"', "\\\"").replace('\'', "''");
                match &part.layout {
                    RecordLayout::Csv(names) if names.contains(name) => quoted,
                    RecordLayout::Parquet(fields) if fields.iter().any(|(field, _)| field == name) => quoted,
                    RecordLayout::Json => {
                        // A key may have a point in its own name: that key goes before the path.
                        let whole = format!("json ->> '$.\"{}\"'", key(name));
                        let path: Vec<String> = name.split('.').map(|k| format!("\"{}\"", key(k))).collect();
                        match path.len() {
                            1 => format!("{whole} AS {quoted}"),
                            _ => format!("COALESCE({whole}, json ->> '$.{}') AS {quoted}", path.join(".")),
                        }
                    }
                    _ => format!("NULL AS {quoted}"),
                }
            })
            .chain(self.has_files().then(|| self.ident(OF_FILE)))
            .collect()
    }

    /// A variable of the paths of many files that a folder or glob stands for, in their order: its name, and the statement
    /// that sets it. It fails where other files are there than those whose header lines were looked at.
    fn duckdb_variable(&self) -> Option<(String, String)> {
        let [part] = self.parts else { return None };
        // A path with such characters would be read as a pattern.
        let plain = part.paths.iter().all(|path| *path == glob_as_it_is(path));
        if part.paths.len() <= FEW || !plain || !file_order::is_kept(&self.read().files) {
            return None;
        }
        let NamedFiles::Matched { paths, names } = covering::named(&self.read().patterns, &part.paths) else {
            return None;
        };
        let text = |value: &str| words::text(Dialect::DuckDb, value);
        let folder = |path: &String| std::path::Path::new(path).is_dir();
        let glob = |path: &String| match folder(path) {
            true => format!("{}/**/{}", path.trim_end_matches('/'), names.as_deref().unwrap_or("*")),
            false => path.clone(),
        };
        let globs: Vec<String> = paths.iter().map(|path| text(&glob(path))).collect();
        // What is hidden is no data: of a folder also what lies in hidden ones below it.
        let hidden = match paths.as_slice() {
            [path] if folder(path) => {
                format!("REGEXP_MATCHES(SUBSTR(file, {}), '(^|/)[_.]')", path.chars().count() + 1)
            }
            _ => "REGEXP_MATCHES(file, '(^|/)[_.][^/]*$')".to_string(),
        };
        let letters = |path: &String| path.rsplit('/').next().map_or(0, |name| name.chars().count());
        let (count, length) = (part.paths.len(), part.paths.iter().map(letters).sum::<usize>());
        let name = format!("{}_files", self.relation.name);
        let error = text(&format!(
            "`{}` has other files than the {count} of which this statement knows: print it again",
            self.relation.name
        ));
        let order = file_order::duckdb_text("file");
        let statement = format!(
            "SET VARIABLE {name} = (\n  SELECT CASE WHEN COUNT(*) = {count} AND SUM(LENGTH(PARSE_FILENAME(file))) = {length} \
             THEN LIST(file ORDER BY {order}) ELSE ERROR({error}) END\n  FROM GLOB([{}])\n  \
             WHERE NOT {hidden}\n)",
            globs.join(", "),
            name = self.ident(&name),
        );
        Some((name, statement))
    }

    /// Files as a table: those of a variable, or one by one.
    fn duckdb_files(&self, part: &FileSet, variable: Option<&str>) -> String {
        let text = |value: &str| words::text(Dialect::DuckDb, value);
        let paths: Vec<String> = part.paths.iter().map(|path| text(&glob_as_it_is(path))).collect();
        let paths = match variable {
            Some(name) => format!("GETVARIABLE({})", text(name)),
            None => format!("[{}]", paths.join(", ")),
        };
        let reject = self.read().on_bad_record == OnBadRecord::Reject;
        // A line that cannot be parsed is a bad record too, at which DuckDB would stop.
        let mut options = if reject { ", ignore_errors = true" } else { "" }.to_string();
        if self.has_files() {
            options += &format!(", filename = {}", text(OF_FILE));
        }
        match &part.layout {
            RecordLayout::Csv(names) => {
                let columns: Vec<String> = names.iter().map(|n| format!("{}: 'VARCHAR'", text(n))).collect();
                let header = self.read().names.is_none();
                let delimiter = (self.read().delimiter as char).to_string();
                // DuckDB must not guess what the job knows. An empty field between quotes is a text and not
                // NULL.
                format!(
                    "read_csv({paths}, auto_detect = false, header = {header}, delim = {}, quote = '\"', \
                     escape = '\"', allow_quoted_nulls = false, columns = {{{}}}{options})",
                    text(&delimiter),
                    columns.join(", ")
                )
            }
            RecordLayout::Json => format!("read_ndjson_objects({paths}{options})"),
            RecordLayout::Parquet(_) | RecordLayout::Avro => {
                let files = if self.has_files() { options.as_str() } else { "" };
                format!("read_parquet({paths}, union_by_name = true{files})")
            }
        }
    }

    /// A table of text, that COPY fills, and a view over it.
    pub(super) fn postgres(&self) -> Result<Vec<String>> {
        self.no_avro()?;
        let table = self.ident(&self.text_name());
        let mut names = columns_read(self.read());
        let mut load = String::new();
        if let [part] = self.parts
            && let RecordLayout::Csv(fields) = &part.layout
        {
            // All fields of the files, so that people can load them as they are.
            names = fields.iter().chain(names.iter().filter(|n| !fields.contains(n))).cloned().collect();
            let list: Vec<String> = fields.iter().map(|name| self.ident(name)).collect();
            let header = self.read().names.is_none();
            let delimiter = words::text(Dialect::Postgres, &(self.read().delimiter as char).to_string());
            let shown = if part.paths.len() > FEW { 1 } else { part.paths.len() };
            for path in &part.paths[..shown] {
                let from = match part.compression {
                    Compression::None => words::text(Dialect::Postgres, path),
                    Compression::Gzip => format!("PROGRAM 'gzip -dc {path}'"),
                    _ => format!("PROGRAM 'zstd -dc {path}'"),
                };
                load += &format!(
                    "-- \\copy {table} ({}) FROM {from} WITH (FORMAT csv, HEADER {header}, DELIMITER {delimiter})\n",
                    list.join(", ")
                );
                if self.has_files() {
                    let (of_file, path) = (self.ident(OF_FILE), words::text(Dialect::Postgres, path));
                    load += &format!("-- UPDATE {table} SET {of_file} = {path} WHERE {of_file} IS NULL\n");
                }
            }
            if let Some(more) = part.paths.len().checked_sub(shown).filter(|more| *more > 0) {
                load +=
                    &format!("-- and the same for {more} files more, in the natural order of their paths\n");
            }
        }
        names.extend(self.has_files().then(|| OF_FILE.to_string()));
        // Compared byte by byte, as jobs do.
        let columns: Vec<String> =
            names.iter().map(|name| format!("{} TEXT COLLATE \"C\"", self.ident(name))).collect();
        // COPY inserts the rows in the order of the file, so that the identity is the position.
        let mut out = vec![format!(
            "CREATE TEMP TABLE {table} (\n  {},\n  {} BIGINT GENERATED BY DEFAULT AS IDENTITY (MINVALUE 0 START 0)\n)",
            columns.join(",\n  "),
            self.ident(POSITION)
        )];
        out.extend(self.clock_functions());
        out.push(format!(
            "{load}CREATE TEMP VIEW {} AS\n{}",
            self.ident(&self.relation.name),
            self.select(&table)?
        ));
        Ok(out)
    }

    /// Whether a text that is not NULL is a value of the column, as jobs read them.
    pub(super) fn good(&self, text: &str, column: &ReadColumn) -> Result<String> {
        let duckdb = self.dialect == Dialect::DuckDb;
        let matches = |regex: &str| match duckdb {
            true => format!("REGEXP_MATCHES({text}, '{regex}')"),
            false => format!("{text} ~ '{regex}'"),
        };
        // A part that fails on what does not match the other has to come after it.
        let and =
            |regex: &str, more: &str| format!("CASE WHEN {} THEN {more} ELSE FALSE END", matches(regex));
        let range = "BETWEEN -9223372036854775808 AND 9223372036854775807";
        // Zeros in front would have made an inferred column text; in a declared int64 they are allowed.
        let integer = match column.inferred {
            true => "^[+-]?(0|[1-9][0-9]*)$",
            false => "^[+-]?[0-9]+$",
        };
        Ok(match column.ty {
            DataType::String | DataType::Json => "TRUE".into(),
            DataType::Bool => format!("LOWER({text}) IN ('true', 'false')"),
            DataType::Int64 if duckdb => and(integer, &format!("TRY_CAST({text} AS BIGINT) IS NOT NULL")),
            // PostgreSQL lacks TRY_CAST. NUMERIC holds an integer of any length, so its range can be
            // compared.
            DataType::Int64 => and(integer, &format!("CAST({text} AS NUMERIC) {range}")),
            DataType::Float64 => {
                matches("^[+-]?([0-9]+[.]?[0-9]*|[.][0-9]+)([eE][+-]?[0-9]+)?$|^[+-]?(inf|infinity)$|^nan$")
            }
            // Zeros at either end count for nothing. What has an exponent is left out too.
            DataType::Decimal { precision, scale } => {
                let digits = precision - scale;
                let form = format!("^[+-]?0*[0-9]{{0,{digits}}}([.][0-9]{{0,{scale}}}0*)?$");
                format!("({} AND {})", matches("[0-9]"), matches(&form))
            }
            DataType::Date if duckdb => {
                and("^[0-9]{4}-[0-9]{2}-[0-9]{2}$", &format!("TRY_CAST({text} AS DATE) IS NOT NULL"))
            }
            DataType::Date => {
                and("^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])$", &days_of_month(text))
            }
            DataType::Timestamp => {
                format!("{} IS NOT NULL", self.instant_of_text(text, &TimeRule::Iso, true)?)
            }
        })
    }

    /// The value of a Parquet column as the type of the job.
    pub(super) fn typed_value(&self, sql: &str, ty: &ArrowType, column: &ReadColumn) -> Result<String> {
        let name = words::type_name(self.dialect, column.ty);
        let text = matches!(ty, ArrowType::Utf8 | ArrowType::LargeUtf8 | ArrowType::Utf8View);
        if column.ty == DataType::Timestamp {
            return self.instant_of_typed(sql, ty, &TimeRule::Iso);
        }
        if self.dialect == Dialect::Postgres {
            return Ok(if column.ty == DataType::String {
                sql.into()
            } else {
                format!("CAST({sql} AS {name})")
            });
        }
        match (ty, column.ty) {
            // DuckDB makes floats of them.
            (ArrowType::Decimal256(38.., _), _) => Err(self.cannot(&format!("`{}`, {ty}", column.name))),
            (ArrowType::Time64(TimeUnit::Nanosecond), _) => {
                Err(self.cannot(&format!("`{}`, times of day in nanoseconds", column.name)))
            }
            (_, DataType::String) if text => Ok(sql.to_string()),
            (ty, DataType::String) if ty.is_floating() => {
                Err(self.cannot(&format!("`{}`, floats, as text", column.name)))
            }
            (ArrowType::Binary | ArrowType::LargeBinary | ArrowType::BinaryView, DataType::String) => {
                match self.dialect {
                    Dialect::DuckDb => Ok(format!("DECODE({sql})")),
                    _ => Err(self.cannot(&format!("`{}`, bytes, as text", column.name))),
                }
            }
            _ => Ok(format!("CAST({sql} AS {name})")),
        }
    }
}

/// A path that DuckDB would take for a pattern, so that it is that path.
fn glob_as_it_is(path: &str) -> String {
    let mut out = String::new();
    for c in path.chars() {
        match c {
            '*' | '?' | '[' => out += &format!("[{c}]"),
            c => out.push(c),
        }
    }
    out
}
