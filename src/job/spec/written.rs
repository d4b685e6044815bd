//! `written` of `[source]` and `[table.NAME]`: how values are written in files of text.

use crate::job::document::At;
use crate::job::keys::log as keys;
use crate::job::reader::TableReader;

/// What is said of one column, or of all.
pub struct WrittenSpec {
    /// The name of the column; `*` stands for every one.
    pub column: At<String>,
    pub null: Option<Vec<At<String>>>,
    pub trim: Option<At<bool>>,
    pub decimal: Option<At<String>>,
    pub thousands: Option<At<String>>,
    pub units: Option<Vec<At<String>>>,
    pub accounting: Option<At<bool>>,
    pub yes: Option<Vec<At<String>>>,
    pub no: Option<Vec<At<String>>>,
    pub text_mark: Option<At<String>>,
}

/// Reads the tables of `written`.
pub(super) fn written(table: &TableReader) -> Vec<WrittenSpec> {
    let read = |(column, table): (At<String>, TableReader)| {
        let spec = WrittenSpec {
            column,
            null: table.get(keys::NULL),
            trim: table.get(keys::TRIM),
            decimal: table.get(keys::DECIMAL),
            thousands: table.get(keys::THOUSANDS),
            units: table.get(keys::UNITS),
            accounting: table.get(keys::ACCOUNTING),
            yes: table.get(keys::TRUE),
            no: table.get(keys::FALSE),
            text_mark: table.get(keys::TEXT_MARK),
        };
        table.finish();
        spec
    };
    table.get(keys::WRITTEN_BY_COLUMN).into_iter().flatten().map(read).collect()
}
