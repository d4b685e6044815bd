//! `written` of `[source]` and `[table.NAME]`: how values are written in files of text.

use crate::job::document::{At, Table};

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
pub(super) fn written(table: &Table) -> Vec<WrittenSpec> {
    let read = |(column, table): (At<String>, Table)| {
        let spec = WrittenSpec {
            column,
            null: table.strings("null"),
            trim: table.flag("trim"),
            decimal: table.string("decimal"),
            thousands: table.string("thousands"),
            units: table.strings("units"),
            accounting: table.flag("accounting"),
            yes: table.strings("true"),
            no: table.strings("false"),
            text_mark: table.string("text_mark"),
        };
        table.finish();
        spec
    };
    table.named_tables("written").into_iter().map(read).collect()
}
