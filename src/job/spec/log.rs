//! `[source]` and `[table.NAME]`: the files of a log, and how its records are read.

use super::written::{WrittenSpec, written};
use crate::error::Error;
use crate::job::document::{At, Document, Table};
use std::ops::Range;

/// The keys that all logs share.
#[derive(Default)]
pub struct LogSpec {
    pub span: Range<usize>,
    pub path: Vec<At<String>>,
    pub format: Option<At<String>>,
    /// `log`: what carries the records.
    pub carrier: Option<At<String>>,
    pub envelope: Option<At<String>>,
    /// Where the list of the records is in a document of JSON.
    pub records: Option<At<String>>,
    /// The list of each record whose items are its events.
    pub unnest: Option<At<String>>,
    pub time: Option<At<String>>,
    /// One, or several that are tried in order.
    pub time_unit: Option<Vec<At<String>>>,
    /// One, or several that are tried in order.
    pub time_format: Option<Vec<At<String>>>,
    /// Columns that are computed from others.
    pub derive: Vec<(At<String>, At<String>)>,
    /// Whether they are computed as records are read, whatever the event time is; of a table only where that is one
    /// of them.
    pub derive_first: bool,
    pub types: Vec<(At<String>, At<String>)>,
    pub columns: Option<Vec<At<String>>>,
    pub delimiter: Option<At<String>>,
    pub shape: ShapeSpec,
    pub written: Vec<WrittenSpec>,
    pub on_bad_record: Option<At<String>>,
    pub rejects: Option<At<String>>,
}

/// How the text of the records is got from the files.
#[derive(Default)]
pub struct ShapeSpec {
    pub encoding: Option<At<String>>,
    pub skip: Option<At<usize>>,
    pub comment: Option<At<String>>,
    pub footer: Option<At<usize>>,
    pub until: Option<At<String>>,
    pub escape: Option<At<String>>,
    pub widths: Option<At<Vec<usize>>>,
    pub sheet: Option<At<String>>,
    pub range: Option<At<String>>,
}

/// `[source]`.
#[derive(Default)]
pub struct SourceSpec {
    pub log: LogSpec,
    pub arrival: Option<At<String>>,
    pub partition: Option<At<String>>,
    pub idle: Option<At<String>>,
    pub max_ahead: Option<At<String>>,
    pub out_of_orderness: Option<At<String>>,
}

/// `[table.NAME]`.
pub struct TableSpec {
    pub name: At<String>,
    pub log: LogSpec,
    pub filter: Option<At<String>>,
}

fn log(table: &Table) -> LogSpec {
    LogSpec {
        span: table.span.clone(),
        path: table.strings("path").unwrap_or_default(),
        format: table.string("format"),
        carrier: table.string("log"),
        envelope: table.string("envelope"),
        records: table.string("records"),
        unnest: table.string("unnest"),
        time: table.string("time"),
        time_unit: table.strings("time_unit"),
        time_format: table.strings("time_format"),
        derive: table.pairs("derive").unwrap_or_default(),
        derive_first: false,
        types: table.pairs("types").unwrap_or_default(),
        columns: table.strings("columns"),
        delimiter: table.string("delimiter"),
        shape: ShapeSpec {
            encoding: table.string("encoding"),
            skip: table.whole("skip", 0),
            comment: table.string("comment"),
            footer: table.whole("footer", 0),
            until: table.string("until"),
            escape: table.string("escape"),
            widths: table.counts("widths"),
            sheet: table.string("sheet"),
            range: table.string("range"),
        },
        written: written(table),
        on_bad_record: table.string("on_bad_record"),
        rejects: table.string("rejects"),
    }
}

/// Reads `[source]`.
pub(super) fn source(document: &Document, table: &Table) -> SourceSpec {
    let spec = SourceSpec {
        log: LogSpec { derive_first: true, ..log(table) },
        arrival: table.string("arrival"),
        partition: table.string("partition"),
        idle: table.string("idle"),
        max_ahead: table.string("max_ahead"),
        out_of_orderness: table.string("out_of_orderness"),
    };
    table.finish();
    if spec.log.path.is_empty() {
        document.fault(Error::job("[source] has no `path`"), &table.span);
    }
    if spec.log.time.is_none() {
        document.fault(
            Error::job("[source] has no `time`").hint("name the column that contains each event's time"),
            &table.span,
        );
    }
    spec
}

/// Reads one `[table.NAME]`.
pub(super) fn table(document: &Document, name: At<String>, table: &Table) -> TableSpec {
    let filter = table.string("filter");
    let spec = TableSpec { log: log(table), filter, name };
    for key in ["arrival", "partition", "idle", "max_ahead", "out_of_orderness"] {
        table.misplaced(key, "a table is read whole; only the source has a watermark");
    }
    table.finish();
    // The name stands in that of the file of rejected records.
    if spec.name.value.is_empty() || spec.name.value.contains(['/', '\\']) {
        let error = Error::job(format!("`{}` is not a valid name for a table", spec.name.value));
        document.fault(error.hint("use letters, digits, `_` and `-`"), &spec.name.span);
    }
    if spec.log.path.is_empty() {
        document.fault(Error::job(format!("[table.{}] has no `path`", spec.name.value)), &table.span);
    }
    for time in
        [&spec.log.time_unit, &spec.log.time_format].into_iter().flatten().filter_map(|all| all.first())
    {
        if table.place_of("time").is_none() {
            let error = Error::job(format!("[table.{}] has no `time`", spec.name.value));
            document.fault(error.hint("without it, its rows are valid at any time"), &time.span);
        }
    }
    spec
}
