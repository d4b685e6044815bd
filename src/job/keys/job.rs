//! The keys of the job itself, and `[late]`.

use super::catalog::CATALOG;
use super::key::{
    Described, Key, KeySection, KeyType, NamedTables, Strings, Table, Tables, Text, Whole, Word, about, json,
    keys,
};
use super::{log, output, step};

keys! {
    /// The job's name; by default that of its file.
    NAME: Text = "name" { examples: json!(["pageviews"]) };

    /// IANA name: where times without an offset are read, and where calendar windows and partitions are
    /// cut.
    TIMEZONE: Text = "timezone" { default: json!("UTC"), examples: json!(["Europe/London", "Asia/Jakarta"]) };

    /// Memory for partial results, such as "512MB"; past it they go to disk. By default half of what the
    /// machine or its control group has.
    MEMORY: Text = "memory" { examples: json!(["512MB", "4GB"]) };

    /// Worker threads; by default one per core.
    THREADS: Whole<1> = "threads" { examples: json!([8]) };

    /// Whether windows count every event, or those that a live job would have counted; and whether steps see every event
    /// and row, or what had arrived.
    MODE: Word = "mode" {
        words: &output::MODES,
        default: json!("complete"),
        examples: json!(["streamed"]),
    };

    /// The log that is read.
    SOURCE: Table = "source" { of: Some(&log::SOURCE) };

    /// Logs that steps look into, by name.
    TABLES: NamedTables = "table" { of: Some(&log::TABLE) };

    /// What happens to events before they are grouped, in this order.
    STEPS: Tables = "step" { of: Some(&step::STEP) };

    /// What is written; all outputs are committed together.
    OUTPUTS: Tables = "output" { of: Some(&output::OUTPUT) };

    /// Where events go that came too late.
    LATE_EVENTS: Table = "late" { of: Some(&LATE) };
}

/// The whole file.
pub const JOB: KeySection = KeySection {
    about: "The job file of Highwater, in TOML: what is read, what happens to events, and what is written.",
    sample: "name = \"pageviews\"\ntimezone = \"Europe/London\"",
    required: &[
        ("source", "it says what to read: `path`, and the column of the event time in `time`"),
        ("output", "it says what to write: a `path`, and what is counted or added up there"),
    ],
    ..KeySection::new(
        "The job",
        about! {
            NAME, TIMEZONE, MEMORY, THREADS, MODE, SOURCE, TABLES, STEPS, OUTPUTS, LATE_EVENTS,
        },
    )
};

keys! {
    /// A .jsonl, .parquet or .kcat file for them, or with `table` a folder, with the columns of the source and what they missed.
    LATE_PATH: Text = "path" { examples: json!(["out/late.jsonl"]) };

    /// Makes the path a folder with a table that other engines read, as of an output.
    LATE_TABLE: Word = "table" { words: &["iceberg", "delta"], examples: json!(["iceberg", "delta"]) };

    /// Of lines for kcat: the columns before the tab, by default the first `by` of a streamed output; at most four.
    LATE_KEY: Strings = "key" { examples: json!([["userId"]]) };
}

/// Where late events go.
pub const LATE: KeySection = KeySection {
    about: "Where events go that came too late for every window of a streamed output.",
    sample: "[late]\npath = \"out/late.jsonl\"",
    definition: "late",
    required: &[("path", "a .jsonl, .parquet or .kcat file for late events")],
    ..KeySection::new("`[late]`", &[LATE_PATH.about, LATE_TABLE.about, CATALOG.about, LATE_KEY.about])
};
