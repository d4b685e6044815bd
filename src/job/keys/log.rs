//! `[source]`, `[table.NAME]` and `written`: the keys of logs.

use super::catalog::CATALOG;
use super::key::{
    Character, Counts, Delimiter, Described, Expressions, Filled, Flag, Key, KeySection, KeyType, Length,
    NamedTables, Sql, Strings, Table, Text, Types, Whole, Word, Words, about, json, keys,
};
use crate::input::wire_format::DeclaredFormat;

keys! {
    /// File, folder, glob, or a list of them; .gz and .zst are read as they are.
    PATH: Strings = "path" { examples: json!(["logs/*.csv.gz", ["a.jsonl", "b.jsonl"]]) };

    /// Of a table of Iceberg or Delta Lake: the snapshot that is read, by its number (in Delta Lake: version), or the last one
    /// at an instant. By default the current one.
    SNAPSHOT: Text = "snapshot" { shared: true, examples: json!(["4931876532", "2024-06-01T00:00:00Z"]) };

    /// The format of the files; by default what the extension says. jsonl, ndjson and json are JSON Lines;
    /// common, combined, w3c, cloudfront and alb are logs of web servers.
    FORMAT: Word = "format" {
        shared: true,
        words: &[
            "csv", "jsonl", "ndjson", "json", "parquet", "avro", "xlsx", "common", "combined", "w3c",
            "cloudfront", "alb",
        ],
        examples: json!(["jsonl"]),
    };

    /// The column that holds each event's time, or a SQL expression over the columns of the record.
    TIME: Text = "time" { examples: json!(["timestamp", "\"Date\" || ' ' || \"Time\""]) };

    /// The unit of times that are numbers since 1970, with decimals or without; `d` counts days, `excel`
    /// days as spreadsheets do; of a list the first that gives a time in the years 1900 to 2200. Without it
    /// and `time_format`, times are ISO-8601.
    TIME_UNIT: Words = "time_unit" { shared: true, words: &["s", "ms", "us", "ns", "d", "excel"], examples: json!(["ms", ["s", "ms"]]) };

    /// How times are written, in strftime's letters; of a list the first that reads a time, and `iso` in it
    /// is ISO-8601. Not with `time_unit`.
    TIME_FORMAT: Strings = "time_format" {
        examples: json!(["%d-%m-%Y %H:%M", ["iso", "%d/%m/%Y %H:%M:%S%.f"]]),
    };

    /// What carries the records: files of Kafka Connect by their names, lines of kcat -J, lines of
    /// kafka-console-consumer with its properties, or nothing. By default what is recognised.
    LOG: Word = "log" {
        shared: true,
        words: &DeclaredFormat::CARRIERS,
        examples: json!(["kcat"]),
    };

    /// What is around the values of JSON: Kafka Connect's schema and payload, a change event of Debezium
    /// (with or without its schema), or nothing. By default what is recognised.
    ENVELOPE: Word = "envelope" {
        shared: true,
        words: &["none", "schema", "debezium"],
        examples: json!(["debezium"]),
    };

    /// Where the list of the records is in a document of JSON: a JSON Pointer. By default a document is a
    /// record, or a list of them.
    RECORDS: Text = "records" { shared: true, examples: json!(["/Records", "/data/items"]) };

    /// A list in each record of JSON, by its dotted path: each of its items is an event, with the other
    /// columns of the record, and `_item` is its number, from 1. A record without an item is not an event.
    UNNEST: Text = "unnest" { shared: true, examples: json!(["items", "order.lines"]) };

    /// New columns, computed as records are read: name = SQL expression. `time` may name one of them;
    /// `_file` in it is the path of the file.
    DERIVE: Expressions = "derive" { examples: json!([{ "at": "day || ' ' || hour || ':00'" }]) };

    /// Column = string, json, bool, int64, float64, decimal(p,s), date or timestamp; the rest is inferred.
    /// Also of columns that no file has and folders tell: region of region=eu/.
    TYPES: Types = "types" { shared: true, examples: json!([{ "price": "decimal(12,2)", "id": "string" }]) };

    /// The names of the columns of CSV files without a header.
    COLUMNS: Strings = "columns" { examples: json!([["id", "at", "amount"]]) };

    /// What stands between the fields of CSV: one ASCII character, and no quote or line end; of .tsv files
    /// a tab, and what a first line `sep=;` says. `spaces`: any number of spaces and tabs.
    DELIMITER: Delimiter = "delimiter" { default: json!(","), examples: json!([";", "\t", "spaces"]) };

    /// The encoding of a text, by its name on the web; what begins with a byte order mark is read as that
    /// says. A byte that it does not have makes a bad record.
    ENCODING: Text = "encoding" {
        shared: true,
        default: json!("utf-8"),
        examples: json!(["windows-1252", "utf-16le"]),
    };

    /// How many lines of each CSV file come before the header line.
    SKIP: Whole<0> = "skip" { shared: true, default: json!(0), examples: json!([3]) };

    /// What lines of CSV begin with that are not records.
    COMMENT: Filled = "comment" { shared: true, examples: json!(["#"]) };

    /// How many lines at the end of each CSV file are not records; empty ones do not count. `until` is
    /// safer: it leaves out nothing where the end is missing.
    FOOTER: Whole<0> = "footer" { shared: true, default: json!(0), examples: json!([1]) };

    /// What the first line after the records of a CSV file begins with.
    UNTIL: Filled = "until" { shared: true, examples: json!(["Total"]) };

    /// What stands before a quote in a quoted field of CSV; doubled quotes are read with it and without.
    ESCAPE: Character = "escape" { shared: true, examples: json!(["\\"]) };

    /// How many characters each field has, where no delimiter stands between them.
    WIDTHS: Counts = "widths" { shared: true, examples: json!([[10, 8, 12]]) };

    /// The sheet of a workbook (.xlsx); by default the only one that has cells.
    SHEET: Text = "sheet" { shared: true, examples: json!(["Bookings"]) };

    /// The cells of a sheet that are read, the header among them.
    RANGE: Text = "range" { shared: true, examples: json!(["A3:F200", "B:F"]) };

    /// How values are written in text, by column; `*` stands for every column, and what is said of one goes
    /// before.
    WRITTEN_BY_COLUMN: NamedTables = "written" {
        shared: true,
        of: Some(&WRITTEN),
        examples: json!([{ "amount": { "thousands": ",", "null": ["NA"] }, "*": { "trim": true } }]),
    };

    /// What a record that cannot be read does: end the run, or go to `rejects`.
    ON_BAD_RECORD: Word = "on_bad_record" {
        words: &["fail", "reject"],
        default: json!("fail"),
        examples: json!(["reject"]),
    };

    /// The file for rejected records, .jsonl or .csv; by default beside the first output.
    REJECTS: Text = "rejects" { examples: json!(["out/rejects.jsonl"]) };

    /// The column that says when each event arrived; by default the _timestamp of a log of Kafka, or else
    /// they arrived in the order of the files.
    ARRIVAL: Text = "arrival" { examples: json!(["received_at"]) };

    /// The column whose values split the log, each with a watermark of its own; or "file": each file is
    /// one. By default the topics and partitions of a log of Kafka.
    PARTITION: Text = "partition" { examples: json!(["file", "shard"]) };

    /// Whether a partition holds the watermark from the start of the log or from its first event. By default `known`
    /// for the topics and partitions of a log of Kafka, and else `seen`.
    PARTITIONS: Word = "partitions" { words: &["known", "seen"], examples: json!(["known"]) };

    /// How long a partition counts without an event, by arrival; needs `partition` and `arrival`, or a log
    /// that has them.
    IDLE: Length = "idle" { examples: json!(["1m"]) };

    /// Events further ahead of their arrival are rejected; needs `arrival`, or a log that has it.
    MAX_AHEAD: Length = "max_ahead" { examples: json!(["1h"]) };

    /// Whether records replace each other: of each key the last record in the log counts. debezium: change events, of
    /// which a delete takes its key away. upsert: records of any log, such as an upsert topic, or the firings of a job.
    CHANGELOG: Word = "changelog" { words: &["upsert", "debezium"], examples: json!(["debezium"]) };

    /// The columns that say which row a record of a change log is of.
    CHANGE_KEY: Strings = "key" { examples: json!([["id"]]) };

    /// SQL: which records of an upsert log delete their key.
    DELETED: Sql = "deleted" { examples: json!(["op = 'delete'"]) };

    /// How far the watermark stays behind the greatest event time.
    OUT_OF_ORDERNESS: Length = "out_of_orderness" { default: json!("0s"), examples: json!(["20s"]) };

    /// Whose rule the watermark follows; by default that of Flink's DataStream API, after every record.
    WATERMARK: Table = "watermark" {
        of: Some(&WATERMARK_RULE),
        examples: json!([{ "like": "flink-sql" }, { "like": "spark", "batch": "1000 records" }]),
    };
}

/// The log of the job.
pub const SOURCE: KeySection = KeySection {
    about: "The log that is read: its files, and how its records and their times are read.",
    sample: "[source]\npath = \"logs/*.csv.gz\"\ntime = \"timestamp\"\ntime_unit = \"ms\"\n\
        types = { price = \"decimal(12,2)\" }",
    definition: "source",
    required: &[("path", ""), ("time", "name the column that contains each event's time")],
    instead: &[("path", "catalog")],
    ..KeySection::new(
        "`[source]`",
        about! {
            PATH, CATALOG, SNAPSHOT, FORMAT, TIME, TIME_UNIT, TIME_FORMAT, LOG, ENVELOPE, RECORDS, UNNEST, DERIVE, TYPES, COLUMNS,
            DELIMITER, ENCODING, SKIP, COMMENT, FOOTER, UNTIL, ESCAPE, WIDTHS, SHEET, RANGE, WRITTEN_BY_COLUMN,
            ON_BAD_RECORD, REJECTS, ARRIVAL, PARTITION, PARTITIONS, IDLE, MAX_AHEAD, OUT_OF_ORDERNESS, WATERMARK,
            CHANGELOG, CHANGE_KEY, DELETED,
        },
    )
};

keys! {
    /// The engine whose rule it is. The watermark of Flink SQL is one millisecond ahead of that of the DataStream
    /// API. Spark's moves between micro-batches, and an event is late by that of the batch before. Kafka Streams
    /// has a stream time for each partition, and keeps a session open one millisecond longer.
    LIKE: Word = "like" {
        words: &["flink", "flink-sql", "spark", "kafka-streams"],
        default: json!("flink"),
        examples: json!(["spark"]),
    };

    /// How often Flink's watermark moves, by arrival; without it, after every record. Flink's own default is 200ms.
    EVERY: Length = "every" { examples: json!(["200ms"]) };

    /// What a micro-batch of Spark holds: a number of records, or what arrives in a duration.
    BATCH: Text = "batch" { examples: json!(["1000 records", "10s of arrival"]) };
}

/// Whose rule the watermark follows.
pub const WATERMARK_RULE: KeySection = KeySection {
    about: "Whose rule the watermark follows, and when it moves.",
    sample: "watermark = { like = \"spark\", batch = \"1000 records\" }",
    ..KeySection::new("`watermark`", about! { LIKE, EVERY, BATCH })
};

keys! {
    /// File, folder, glob, or a list of them, as in `source`.
    TABLE_PATH: Strings = "path" { examples: json!(["logs/*.csv.gz", ["a.jsonl", "b.jsonl"]]) };

    /// The column that holds each row's time, one that `derive` adds, or a SQL expression; without it, its
    /// rows hold at any time.
    TABLE_TIME: Text = "time" { examples: json!(["timestamp"]) };

    /// New columns, before the filter: name = SQL expression.
    TABLE_DERIVE: Expressions = "derive" { examples: json!([{ "city": "LOWER(town)" }]) };

    /// SQL: rows for which it is not true are left out.
    TABLE_FILTER: Sql = "filter" { examples: json!(["active"]) };

    /// The column that says when each row arrived, for `streamed` mode; by default the _timestamp of a log of Kafka, or
    /// else the greatest event time so far.
    TABLE_ARRIVAL: Text = "arrival" { examples: json!(["received_at"]) };

    /// The column whose values split the table, each with a watermark of its own, for `streamed` mode; or "file": each
    /// file is one. By default the topics and partitions of a log of Kafka.
    TABLE_PARTITION: Text = "partition" { examples: json!(["file", "shard"]) };

    /// How long the table, or a partition of it, holds the watermark without a row, by arrival.
    TABLE_IDLE: Length = "idle" { examples: json!(["1m"]) };

    /// How far the watermark of the table stays behind its greatest event time.
    TABLE_OUT_OF_ORDERNESS: Length = "out_of_orderness" { default: json!("0s"), examples: json!(["20s"]) };
}

/// A log that steps look into.
pub const TABLE: KeySection = KeySection {
    about: "A log that steps look into: rows by key, as of the time of an event.",
    sample: "[table.prices]\npath = \"prices.jsonl\"\ntime = \"valid_from\"",
    definition: "table",
    required: &[("path", "")],
    instead: &[("path", "catalog")],
    together: &[("time_unit", "time"), ("time_format", "time")],
    elsewhere: &[(
        &["partitions", "max_ahead", "watermark"],
        "of a table every row counts, and its watermark follows the rule of Flink: this key is of the source",
    )],
    ..KeySection::new(
        "`[table.NAME]`",
        about! {
            TABLE_PATH, CATALOG, SNAPSHOT, FORMAT, TABLE_TIME, TIME_UNIT, TIME_FORMAT, LOG, ENVELOPE, RECORDS, UNNEST, TYPES,
            COLUMNS, DELIMITER, ENCODING, SKIP, COMMENT, FOOTER, UNTIL, ESCAPE, WIDTHS, SHEET, RANGE,
            WRITTEN_BY_COLUMN, ON_BAD_RECORD, REJECTS, TABLE_DERIVE, TABLE_FILTER, TABLE_ARRIVAL, TABLE_PARTITION,
            TABLE_IDLE, TABLE_OUT_OF_ORDERNESS,
        },
    )
};

keys! {
    /// Texts that stand for NULL, letter by letter.
    NULL: Strings = "null" { examples: json!([["NA", "\\N", "-"]]) };

    /// Whether spaces around a value are ignored.
    TRIM: Flag = "trim" { default: json!(false), examples: json!([true]) };

    /// What stands before the fraction of a number.
    DECIMAL: Word = "decimal" { words: &[".", ","], default: json!("."), examples: json!([","]) };

    /// What stands between the thousands of a number, in groups of three (1,000,000) or as in India
    /// (10,00,000). A space is also one without a break.
    THOUSANDS: Word = "thousands" { words: &[",", ".", " ", "'", "_"], examples: json!([","]) };

    /// What may stand before or after a number, and changes nothing of it: 5 % is 5.
    UNITS: Strings = "units" { examples: json!([["$", "EUR", "%"]]) };

    /// Whether (1.50), 1.50- and 1.50 DR are below zero, and 1.50 CR is above.
    ACCOUNTING: Flag = "accounting" { default: json!(false), examples: json!([true]) };

    /// What is true, besides true.
    TRUE: Strings = "true" { examples: json!([["Y", "1"]]) };

    /// What is false, besides false.
    FALSE: Strings = "false" { examples: json!([["N", "0"]]) };

    /// What stands before or after a text to mark it as one, and is ignored.
    TEXT_MARK: Filled = "text_mark" { examples: json!(["'"]) };
}

/// How the values of one column are written, or of all.
pub const WRITTEN: KeySection = KeySection {
    about: "How the values of a column are written in CSV, or in strings of JSON. A value that is not written so is a \
        bad record: `1,5` is not a number where `,` stands between thousands.",
    sample: "[source.written]\n\"*\" = { trim = true }\n\
        amount = { thousands = \",\", units = [\"Rp\"], null = [\"-\"] }",
    ..KeySection::new(
        "`written`",
        about! {
            NULL, TRIM, DECIMAL, THOUSANDS, UNITS, ACCOUNTING, TRUE, FALSE, TEXT_MARK,
        },
    )
};
