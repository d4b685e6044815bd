//! `[source]` and `[table.NAME]`: the files of a log, and how its records are read.

use super::catalog::{CatalogSpec, catalog};
use super::written::{WrittenSpec, written};
use crate::error::Error;
use crate::job::document::{At, Document};
use crate::job::keys::log as keys;
use crate::job::reader::TableReader;
use std::ops::Range;

/// The keys that all logs share.
#[derive(Default)]
pub struct LogSpec {
    pub span: Range<usize>,
    pub path: Vec<At<String>>,
    /// The table that is read in the place of a path.
    pub catalog: Option<CatalogSpec>,
    pub format: Option<At<String>>,
    /// `log`: what carries the records.
    pub wire_format: Option<At<String>>,
    pub envelope: Option<At<String>>,
    /// Where the list of the records is in a document of JSON.
    pub records: Option<At<String>>,
    /// The list of each record whose items are its events.
    pub snapshot: Option<At<String>>,
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
    pub partitions: Option<At<String>>,
    pub watermark: Option<WatermarkSpec>,
    pub changes: ChangeLogSpec,
}

/// What a change log says of its records.
#[derive(Default)]
pub struct ChangeLogSpec {
    pub kind: Option<At<String>>,
    pub key: Option<Vec<At<String>>>,
    pub deleted: Option<At<String>>,
}

/// `watermark = { … }`.
pub struct WatermarkSpec {
    pub span: Range<usize>,
    pub like: Option<At<String>>,
    pub every: Option<At<String>>,
    pub batch: Option<At<String>>,
}

/// How the rows of a table arrive.
#[derive(Default)]
pub struct TableArrivalSpec {
    pub arrival: Option<At<String>>,
    pub partition: Option<At<String>>,
    pub idle: Option<At<String>>,
    pub out_of_orderness: Option<At<String>>,
}

/// `[table.NAME]`.
pub struct TableSpec {
    pub name: At<String>,
    pub log: LogSpec,
    pub filter: Option<At<String>>,
    pub arrivals: TableArrivalSpec,
}

/// Reads the keys that all logs share; of a table too, which describes some of them in other words.
fn log(table: &TableReader) -> LogSpec {
    let (path, catalog) = (table.get(keys::PATH).unwrap_or_default(), catalog(table));
    if catalog.is_some() && !path.is_empty() {
        let error = Error::job("a log has `path` or `catalog`, but this one has both");
        table.refuse("path", error.hint("the catalog says where the files of the table are"));
    }
    LogSpec {
        span: table.span.clone(),
        path,
        catalog,
        format: table.get(keys::FORMAT),
        wire_format: table.get(keys::LOG),
        envelope: table.get(keys::ENVELOPE),
        records: table.get(keys::RECORDS),
        snapshot: table.get(keys::SNAPSHOT),
        unnest: table.get(keys::UNNEST),
        time: table.get(keys::TIME),
        time_unit: table.get(keys::TIME_UNIT),
        time_format: table.get(keys::TIME_FORMAT),
        derive: table.get(keys::DERIVE).unwrap_or_default(),
        derive_first: false,
        types: table.get(keys::TYPES).unwrap_or_default(),
        columns: table.get(keys::COLUMNS),
        delimiter: table.get(keys::DELIMITER),
        shape: ShapeSpec {
            encoding: table.get(keys::ENCODING),
            skip: table.get(keys::SKIP),
            comment: table.get(keys::COMMENT),
            footer: table.get(keys::FOOTER),
            until: table.get(keys::UNTIL),
            escape: table.get(keys::ESCAPE),
            widths: table.get(keys::WIDTHS),
            sheet: table.get(keys::SHEET),
            range: table.get(keys::RANGE),
        },
        written: written(table),
        on_bad_record: table.get(keys::ON_BAD_RECORD),
        rejects: table.get(keys::REJECTS),
    }
}

/// Reads `[source]`.
pub(super) fn source(table: &TableReader) -> SourceSpec {
    let spec = SourceSpec {
        // The event time may be a column that is derived, so they are computed as records are read.
        log: LogSpec { derive_first: true, ..log(table) },
        arrival: table.get(keys::ARRIVAL),
        partition: table.get(keys::PARTITION),
        idle: table.get(keys::IDLE),
        max_ahead: table.get(keys::MAX_AHEAD),
        out_of_orderness: table.get(keys::OUT_OF_ORDERNESS),
        partitions: table.get(keys::PARTITIONS),
        watermark: table.get(keys::WATERMARK).map(|table| watermark(&table)),
        changes: ChangeLogSpec {
            kind: table.get(keys::CHANGELOG),
            key: table.get(keys::CHANGE_KEY),
            deleted: table.get(keys::DELETED),
        },
    };
    // All keys have been asked for by now, and `finish` faults every other.
    table.finish();
    spec
}

fn watermark(table: &TableReader) -> WatermarkSpec {
    let spec = WatermarkSpec {
        span: table.span.clone(),
        like: table.get(keys::LIKE),
        every: table.get(keys::EVERY),
        batch: table.get(keys::BATCH),
    };
    table.finish();
    spec
}

/// Reads one `[table.NAME]`.
pub(super) fn table(document: &Document, name: At<String>, table: &TableReader) -> TableSpec {
    let arrivals = TableArrivalSpec {
        arrival: table.get(keys::TABLE_ARRIVAL),
        partition: table.get(keys::TABLE_PARTITION),
        idle: table.get(keys::TABLE_IDLE),
        out_of_orderness: table.get(keys::TABLE_OUT_OF_ORDERNESS),
    };
    let spec = TableSpec { log: log(table), filter: table.get(keys::TABLE_FILTER), arrivals, name };
    table.finish();
    // The name stands in that of the file of rejected records.
    if spec.name.value.is_empty() || spec.name.value.contains(['/', '\\']) {
        let error = Error::job(format!("`{}` is not a valid name for a table", spec.name.value));
        document.fault(error.hint("use letters, digits, `_` and `-`"), &spec.name.span);
    }
    for (key, place) in ["arrival", "partition", "idle", "out_of_orderness"]
        .into_iter()
        .filter_map(|key| Some((key, table.place_of(key)?)))
    {
        if table.place_of("time").is_none() {
            let error =
                Error::job(format!("`{key}` needs times, but [table.{}] has no `time`", spec.name.value));
            document.fault(error.hint("without one, its rows are valid at any time"), &place);
        }
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
