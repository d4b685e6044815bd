//! Spark: a view for each layout of files, and the relation over them.
//!
//! # Contract
//! * Files of one layout are one view: of the folder or globs that the job names, where these stand for exactly its
//!   files, else of a list of them.
//! * `_position` is a STRUCT that is ordered as the records are: the `task`, which is the file by its path in natural order
//!   and where the part of it begins that a task reads, and the `row`, a number that grows within the task. Spark does not number records, and to number
//!   them one task would have to see all of them.
//! * Files are split, and lines of CSV read on their own, unless a line break within quotes was seen
//!   ([`super::lines`]). Where not all bytes were looked at, or other files may come, the relation looks at all lines,
//!   and the statement fails where one is not whole.
//! * What Spark would take for NULL or leave out in silence is an error: a malformed record, a header line of other
//!   names, a file that Spark hides.

use super::covering::{self, NamedFiles};
use super::files::{FileSet, RecordLayout};
use super::lines::LineEnd;
use super::{View, file_order};
use crate::error::{Error, Result};
use crate::input::Compression;
use crate::sql::{Dialect, POSITION, words};

/// What an empty field without quotes is, to tell it from an empty text: no field of a file is that.
const NOTHING: &str = "\\u0001\\u0002";

impl View<'_> {
    fn spark_text(&self, value: &str) -> String {
        words::text(self.dialect, value)
    }

    /// A temporary view for each layout, then one over all of them.
    pub(super) fn spark(&self) -> Result<Vec<String>> {
        self.no_rejects()?;
        self.no_avro()?;
        self.spark_can_see()?;
        let mut out = vec![];
        if self.relation.name == "source" {
            // The source is the first relation, so the session is set once, before all others.
            out.extend(session());
        }
        let (mut selects, mut checks) = (vec![], vec![]);
        for part in self.parts {
            let number = (self.parts.len() > 1).then_some(selects.len());
            let name = |what: &str| match number {
                Some(number) => self.ident(&format!("{}_{what}_{number}", self.relation.name)),
                None => self.ident(&format!("{}_{what}", self.relation.name)),
            };
            let named = covering::named(&self.read().patterns, &part.paths);
            let named = if self.absolute { from_here(named)? } else { named };
            let paths = spark_paths(&named);
            let columns = match part.layout {
                RecordLayout::Parquet(_) => String::new(),
                _ => format!(" ({})", self.outline_columns(part)?.join(", ")),
            };
            let view = name("text");
            out.push(format!(
                "CREATE OR REPLACE TEMPORARY VIEW {view}{columns}\nUSING {}\nOPTIONS ({paths}{})",
                format_name(&part.layout),
                self.spark_options(part)?
            ));
            if let Some(lines) = part.lines.filter(|lines| !lines.broken)
                && (!lines.whole || matches!(named, NamedFiles::Matched { .. }))
            {
                let all = name("lines");
                let end = line_end(lines.end);
                out.push(format!(
                    "CREATE OR REPLACE TEMPORARY VIEW {all} (line STRING)\nUSING text\nOPTIONS ({paths}, lineSep '{end}')"
                ));
                checks.push(self.whole_lines(&all, lines.end));
            }
            selects.push(format!(
                "SELECT {}, {} AS {}\n  FROM {view}",
                self.outline_raw(part).join(", "),
                self.spark_position(&named, number),
                self.ident(POSITION)
            ));
        }
        let records = selects.join("\n  UNION ALL\n  ");
        let select = self.select_where("records", checks)?;
        let name = self.ident(&self.relation.name);
        out.push(format!(
            "CREATE OR REPLACE TEMPORARY VIEW {name} AS\nWITH records AS (\n  {records}\n)\n{select}"
        ));
        Ok(out)
    }

    /// Fails where there are files that Spark hides, or decompresses in another way: it goes by names alone.
    fn spark_can_see(&self) -> Result<()> {
        for file in &self.read().files {
            let path = file.opened.shell_path();
            if covering::is_hidden(path) {
                let what = format!("{}, as its name begins with `_` or `.`,", path.display());
                return Err(self.cannot(&what).hint("give the file another name"));
            }
            let name = path.file_name().map(|name| name.to_string_lossy()).unwrap_or_default();
            let ending = |ending: &str| name.ends_with(ending);
            let known = match file.shape.compression {
                _ if !file.format.is_text() => true,
                Compression::Gzip => ending(".gz"),
                Compression::Zstd => ending(".zst"),
                _ => ![".gz", ".zst", ".bz2", ".deflate", ".snappy", ".lz4"].into_iter().any(ending),
            };
            if !known {
                let how = file.shape.compression.name();
                let what =
                    format!("{}, whose name does not tell how it is compressed ({how})", path.display());
                return Err(self
                    .cannot(&what)
                    .hint("give the file the ending .gz or .zst, if it is of these"));
            }
        }
        Ok(())
    }

    /// The options of a view, each after a comma.
    fn spark_options(&self, part: &FileSet) -> Result<String> {
        Ok(match (&part.layout, part.lines) {
            (RecordLayout::Csv(_), Some(lines)) => {
                if lines.end == LineEnd::Both {
                    return Err(self
                        .both_ends()
                        .hint("write the files with one of them, such as by `sed 's/\\r$//'`"));
                }
                // RFC 4180 doubles a quote within quotes; Spark's own default is a backslash before it.
                format!(
                    ",\n  header '{}', enforceSchema '{}', sep {}, quote '\"', escape '\"', lineSep '{}', multiLine '{}',\n  \
                     nullValue '{NOTHING}', emptyValue '', mode 'FAILFAST'",
                    self.read().names.is_none(),
                    !lines.plain_header || self.read().names.is_some(),
                    self.spark_text(&(self.read().delimiter as char).to_string()),
                    line_end(lines.end),
                    lines.broken
                )
            }
            (RecordLayout::Json, _) => ", lineSep '\\n', mode 'FAILFAST'".to_string(),
            _ => String::new(),
        })
    }

    fn both_ends(&self) -> Error {
        self.cannot("files of which some lines end in \\n and some in \\r\\n")
    }

    /// A condition that holds, or the statement fails: no line of a view of lines is broken within quotes.
    fn whole_lines(&self, all: &str, end: LineEnd) -> String {
        let delimiter = (self.read().delimiter as char).to_string();
        let mark =
            if delimiter.chars().all(char::is_alphanumeric) { delimiter } else { format!("\\{delimiter}") };
        // Fields between quotes are taken away: a field that still begins with a quote does not end on its line.
        let quoted = format!("(^|{mark})\"[^\"]*+(?:\"\"[^\"]*+)*+\"(?={mark}|\\z)");
        let open = format!("(^|{mark})\"");
        let other_end = match end {
            LineEnd::ReturnNewline => "INSTR(line, '\\n') > 0",
            _ => "ENDSWITH(line, '\\r')",
        };
        let message = format!(
            "a line of `{}` is broken within quotes or ends in another way than those that were seen: print the \
             statement again, or set multiLine to true in its view and leave this condition out",
            self.relation.name
        );
        format!(
            "(SELECT CASE WHEN COUNT(*) = 0 THEN TRUE ELSE RAISE_ERROR({message}) END FROM {all}\n    \
             WHERE {other_end} OR TRIM(BOTH ' \\t' FROM line) = '' AND line <> ''\n      \
             OR CONTAINS(line, '\"') AND REGEXP_REPLACE(line, {quoted}, '$1') RLIKE {open})",
            message = self.spark_text(&message),
            quoted = self.spark_text(&quoted),
            open = self.spark_text(&open),
        )
    }

    /// The position of a record of a part.
    fn spark_position(&self, named: &NamedFiles, number: Option<usize>) -> String {
        // Relations have fields of the same names and types, as UNION wants: what does not tell files apart is constant.
        let part = number.filter(|_| !file_order::is_kept(&self.read().files)).unwrap_or(0);
        let alone = matches!(named, NamedFiles::Listed(paths) if paths.len() == 1 && self.parts.len() == 1);
        // Names that differ in leading zeros have one text.
        let (file, path) = match alone {
            true => ("''".to_string(), "''"),
            false => (file_order::spark_text(), "INPUT_FILE_NAME()"),
        };
        let task =
            format!("'part', {part}, 'file', {file}, 'path', {path}, 'block', INPUT_FILE_BLOCK_START()");
        // The streams of `watermark` look at stretches of the rows of a task.
        format!("NAMED_STRUCT('task', NAMED_STRUCT({task}), 'row', MONOTONICALLY_INCREASING_ID())")
    }
}

/// What the session of all statements is set to.
fn session() -> [String; 5] {
    [
        "SET TIME ZONE 'UTC'".to_string(),
        // Without ANSI mode, a cast that fails is NULL and a sum wraps, where a run stops.
        "SET spark.sql.ansi.enabled = true".to_string(),
        // By default Spark gives up digits after the point, so that a result stays within 38.
        "SET spark.sql.decimalOperations.allowPrecisionLoss = false".to_string(),
        // A long chain of CTEs needs more rounds than the 100 of the default.
        "SET spark.sql.analyzer.maxIterations = 1000".to_string(),
        // The reader of CSV fails where it is given a condition and no column is wanted, as to count the records.
        "SET spark.sql.csv.filterPushdown.enabled = false".to_string(),
    ]
}

fn format_name(layout: &RecordLayout) -> &'static str {
    match layout {
        RecordLayout::Csv(_) => "csv",
        RecordLayout::Json => "json",
        RecordLayout::Parquet(_) => "parquet",
        RecordLayout::Avro => "avro",
    }
}

/// As a literal has it.
fn line_end(end: LineEnd) -> &'static str {
    match end {
        LineEnd::ReturnNewline => "\\r\\n",
        _ => "\\n",
    }
}

/// The options that say which files are read.
fn spark_paths(named: &NamedFiles) -> String {
    let joined = |all: Vec<String>| match all.as_slice() {
        [one] => one.clone(),
        // A path that begins with a brace is relative to Spark, whatever is in the braces.
        all => match all.iter().map(|path| path.strip_prefix('/')).collect::<Option<Vec<_>>>() {
            Some(below) => format!("/{{{}}}", below.join(",")),
            None => format!("{{{}}}", all.join(",")),
        },
    };
    match named {
        // Folders such as `k=v` are columns to Spark, unless it looks for files alone.
        NamedFiles::Matched { paths, names } => {
            let path = words::text(Dialect::Spark, &joined(paths.clone()));
            let names = names
                .as_ref()
                .map(|names| format!(", pathGlobFilter {}", words::text(Dialect::Spark, names)));
            format!("path {path}{}, recursiveFileLookup 'true'", names.unwrap_or_default())
        }
        NamedFiles::Listed(paths) => {
            let folder = |path: &String| path.rsplit_once('/').map_or("", |(folder, _)| folder).to_string();
            if let [one] = paths.as_slice() {
                return format!("path {}", words::text(Dialect::Spark, &literal_glob(one)));
            }
            let path = match paths.as_slice() {
                [first, more @ ..]
                    if !folder(first).is_empty() && more.iter().all(|path| folder(path) == folder(first)) =>
                {
                    let names = paths.iter().map(|path| literal_glob(&path[folder(first).len() + 1..]));
                    format!("{}/{}", literal_glob(&folder(first)), joined(names.collect()))
                }
                _ => joined(paths.iter().map(|path| literal_glob(path)).collect()),
            };
            format!("path {}, recursiveFileLookup 'true'", words::text(Dialect::Spark, &path))
        }
    }
}

/// The same files by absolute paths.
fn from_here(named: NamedFiles) -> Result<NamedFiles> {
    let folder =
        std::env::current_dir().map_err(|e| Error::machine("cannot tell the current folder").caused_by(e))?;
    let folder = folder.display().to_string();
    let all = |paths: Vec<String>, folder: &str| {
        let absolute = |path: String| match path.strip_prefix("./").unwrap_or(&path) {
            _ if path.starts_with('/') => path,
            "." | "" => folder.to_string(),
            below => format!("{folder}/{below}"),
        };
        paths.into_iter().map(absolute).collect()
    };
    Ok(match named {
        // What matches is a glob, and the folder is itself.
        NamedFiles::Matched { paths, names } => {
            NamedFiles::Matched { paths: all(paths, &literal_glob(&folder)), names }
        }
        NamedFiles::Listed(paths) => NamedFiles::Listed(all(paths, &folder)),
    })
}

/// A path as a glob that stands for it alone.
fn literal_glob(path: &str) -> String {
    let mut out = String::new();
    for c in path.chars() {
        if "\\*?[]{},".contains(c) {
            out.push('\\');
        }
        out.push(c);
    }
    out
}
