//! `[[output]]`, `window` and `top`: the keys of outputs.

use super::catalog::CATALOG;
use super::key::{
    Columns, Described, Expressions, Flag, GlobalOrTable, Key, KeySection, KeyType, Length, NeededKey,
    SignedLength, Sql, Strings, Table, Text, Variant, Variants, Whole, Word, about, json, keys,
};

/// What windows count.
pub const MODES: [&str; 2] = ["complete", "streamed"];

keys! {
    /// A folder, a .parquet, .csv, .jsonl, .avro or .kcat file, the table of a server
    /// (`postgres://user@host:port/database/table`), an .html page that shows other outputs, or "-" for a
    /// table on the terminal.
    PATH: Text = "path" {
        examples: json!([
            "out/views", "out/views.csv", "-", "postgres://me@localhost:5432/db/views", "out/report.html"
        ]),
    };

    /// Of a page: the paths of the outputs that it shows; by default all that are files or folders.
    OF: Strings = "of" { examples: json!(["out/views"]) };

    /// Of a page: its title; by default the job's name.
    TITLE: Text = "title" { examples: json!(["Views of June"]) };

    /// By default what the extension says; of a folder, Parquet.
    FORMAT: Word = "format" {
        words: &["parquet", "csv", "jsonl", "avro", "kcat", "html"],
        examples: json!(["jsonl"]),
    };

    /// Makes the folder a table that other engines read: each run or backfill is one snapshot of it. Its files are Parquet.
    TABLE_FORMAT: Word = "table" { words: &["iceberg", "delta"], examples: json!(["iceberg", "delta"]) };

    /// Of the table of a server: the folder that keeps what was published, by default out/ and the table's
    /// name.
    MIRROR: Text = "mirror" { examples: json!(["out/mirror"]) };

    /// Of the table of a server that exists: the zone of its columns of times without one.
    TABLE_TIMEZONE: Text = "table_timezone" { examples: json!(["UTC", "Europe/London"]) };

    /// Of lines for kcat: the columns before the tab, by default those of `by`; at most four.
    KEY: Strings = "key" { examples: json!([["userId"]]) };

    /// The windows that events are grouped by; without one, and with `by`, the one of all time.
    WINDOWS: GlobalOrTable = "window" {
        of: Some(&WINDOW), examples: json!([{ "tumbling": "1m" }, { "session": "30m" }, "global"]) };

    /// Key columns.
    BY: Strings = "by" { examples: json!([["country", "device"]]) };

    /// Aggregates, and expressions over them; of an output without window and keys, expressions over each
    /// event.
    SELECT: Expressions = "select" { examples: json!([{ "n": "count(*)", "total": "sum(amount)" }]) };

    /// The columns as they are written, in this order: names of the output's columns, and new names with expressions over
    /// those. A column that is not named is left out; a name with a point is an object in JSON Lines and Avro.
    COLUMNS: Columns = "columns" {
        examples: json!([["country", { "timestamp": "window_start" }, { "money.amount": "total" }]]),
    };

    /// SQL over the output's columns and aggregates.
    HAVING: Sql = "having" { examples: json!(["total > 100"]) };

    /// Keeps the first groups of each window.
    FIRST_GROUPS: Table = "top" { of: Some(&TOP), examples: json!([{ "n": 3, "by": "total desc" }]) };

    /// year, month, date, hour of the window start or event time, or columns of the output.
    PARTITION_BY: Strings = "partition_by" { examples: json!([["date", "hour"]]) };

    /// Whether its windows count every event, or those that a live job would have counted; by default the
    /// job's. For windows that have an end.
    MODE: Word = "mode" { words: &MODES, examples: json!(["streamed"]) };

    /// Whether every firing of a window is a row; for mode = "streamed", not for sessions, nor with
    /// `having` or `top`.
    FIRINGS: Flag = "firings" { default: json!(false), examples: json!([true]) };

    /// Which windows are rows: all, or those whose end and allowed lateness the watermark has reached at the end of the
    /// log; for mode = "streamed".
    EMIT: Word = "emit" { words: &["all", "closed"], default: json!("all"), examples: json!(["closed"]) };

    /// Whether the output holds all records of the source as they are read, before any step, each with its
    /// file and place; partitioned by year, month, date or hour alone.
    ARCHIVE: Flag = "archive" { default: json!(false), examples: json!([true]) };

    /// Whether what avg, variances, sums of floats, `having` and `top` are made of is kept beside the
    /// output, so that a backfill merges late events into it without reading history; not for sessions, nor
    /// with `firings`, aggregates of distinct values, approx_count_distinct, median, quantile, mode,
    /// string_agg, first, last, arg_min or arg_max.
    STATE: Flag = "state" { default: json!(false), examples: json!([true]) };
}

/// The keys of a page, which is an `[[output]]` that shows others.
pub const OF_PAGES: [&str; 4] = ["path", "format", "title", "of"];

/// The keys of them that no other output has.
pub const OF_PAGES_ONLY: [&str; 2] = ["of", "title"];

/// Keys that an archive cannot have.
pub const NOT_OF_ARCHIVES: [&str; 8] = ["window", "by", "select", "columns", "having", "top", "mode", "emit"];

/// Keys that an archive can have only as `false`.
pub const FALSE_IN_ARCHIVES: [Key<Flag>; 2] = [FIRINGS, STATE];

/// One output.
pub const OUTPUT: KeySection = KeySection {
    about: "One output: the windows and keys that events are grouped by, what is computed of each group, and where it \
        goes.",
    sample: "[[output]]\npath = \"out/views\"\nwindow = { tumbling = \"1m\" }\nby = [\"page\"]\n\
        select = { views = \"count(*)\" }\npartition_by = [\"date\"]",
    definition: "output",
    required: &[("path", "a folder, a file, postgres://…/table, a page (.html), or \"-\" for the terminal")],
    elsewhere: &[(
        &["allowed_lateness"],
        "it belongs to the window: window = { tumbling = \"1m\", allowed_lateness = \"1h\" }",
    )],
    ..KeySection::new(
        "`[[output]]`",
        about! {
            PATH, OF, TITLE, FORMAT, TABLE_FORMAT, CATALOG, MIRROR, TABLE_TIMEZONE, KEY, WINDOWS, BY, SELECT, COLUMNS, HAVING, FIRST_GROUPS, PARTITION_BY, MODE,
            FIRINGS, EMIT, ARCHIVE, STATE,
        },
    )
};

keys! {
    /// A length (90s, 1m, 2h) or calendar units (1 day, 1 week, 1 month, 1 quarter, 1 year).
    TUMBLING: Text = "tumbling" { examples: json!(["1m", "1 day"]) };

    /// The size of windows that overlap or leave gaps, as for `tumbling`.
    HOPPING: Text = "hopping" { examples: json!(["1h"]) };

    /// How far apart the windows of `hopping` start.
    SLIDE: Text = "slide" { examples: json!(["5m"]) };

    /// The size of the longest of windows that start together, as for `tumbling`.
    CUMULATIVE: Text = "cumulative" { examples: json!(["1 day"]) };

    /// How much longer each window of `cumulative` is than the last.
    STEP: Text = "step" { examples: json!(["1h"]) };

    /// The longest pause between two events of one key and window.
    SESSION: Length = "session" { examples: json!(["30m"]) };

    /// By how much windows start later, or with a minus earlier: a length, after months where windows are
    /// of months, quarters or years; not for sessions.
    OFFSET: SignedLength = "offset" {
        default: json!("0s"),
        examples: json!(["15m", "-1h", "3 months 5 days"]),
    };

    /// How long after its end a window still takes events, by the watermark.
    ALLOWED_LATENESS: Length = "allowed_lateness" { default: json!("0s"), examples: json!(["1h"]) };
}

const fn need(key: &'static str, meaning: &'static str) -> NeededKey {
    NeededKey { key, meaning, hint: "" }
}

/// A window that has an end.
pub const WINDOW: KeySection = KeySection {
    about: "A window that has an end: `tumbling`, `hopping`, `cumulative` or `session`.",
    sample: "window = { hopping = \"1h\", slide = \"5m\", allowed_lateness = \"1h\" }",
    together: &[("slide", "hopping"), ("step", "cumulative")],
    variants: Some(&Variants {
        what: "`window`",
        several: "a window has one kind, but this one has",
        hint: "",
        this: "this window",
        all: &[
            Variant::new("tumbling"),
            Variant { needs: &[need("slide", "how far apart its windows start")], ..Variant::new("hopping") },
            Variant {
                needs: &[need("step", "how much longer each window is than the last")],
                ..Variant::new("cumulative")
            },
            Variant { never: &[("offset", "it starts with its first event")], ..Variant::new("session") },
        ],
    }),
    ..KeySection::new(
        "`window`",
        about! {
            TUMBLING, HOPPING, SLIDE, CUMULATIVE, STEP, SESSION, OFFSET, ALLOWED_LATENESS,
        },
    )
};

keys! {
    /// How many.
    N: Whole<1> = "n" { examples: json!([3]) };

    /// Columns of the output, such as "total desc"; ties by key.
    TOP_BY: Text = "by" { examples: json!(["total desc"]) };
}

/// Which groups of each window are kept.
pub const TOP: KeySection = KeySection {
    about: "Keeps the first groups of each window.",
    sample: "top = { n = 3, by = \"total desc\" }",
    required: &[("n", ""), ("by", "")],
    missing: "`top` needs `n` and `by`: { n = 3, by = \"total desc\" }",
    ..KeySection::new("`top`", &[N.about, TOP_BY.about])
};
