//! `[[step]]` and `otherwise`: the keys of steps.

use super::key::{
    Character, Described, Expressions, Flag, Key, KeySection, KeyType, Length, Literals, Names, NeededKey,
    Sql, Strings, Table, Tables, Text, Texts, Variant, Variants, Whole, Word, about, json, keys,
};
use super::log;

keys! {
    /// SQL: events for which it is not true are left out.
    FILTER: Sql = "filter" { examples: json!(["amount > 0"]) };

    /// New columns: name = SQL expression over those that are there.
    DERIVE: Expressions = "derive" { examples: json!([{ "total": "price * qty" }]) };

    /// Key columns: the first event of each key stays, and each that comes more than `within` after the one
    /// that stayed.
    DEDUP: Strings = "dedup" { examples: json!([["orderId"], ["userId", "page"]]) };

    /// Key columns: `as` says whether an event is the first of its key, or comes more than `within` after the last one of
    /// which that was said.
    FIRST: Strings = "first" { examples: json!([["userId"]]) };

    /// The name of the new column of `first`.
    AS: Text = "as" { examples: json!(["isFirst"]) };

    /// The table whose columns events take, as of their time.
    ENRICH: Text = "enrich" { examples: json!(["prices"]) };

    /// Which row is taken: at or before the event, at or after it, or at the least distance.
    MATCH: Word = "match" {
        shared: true,
        words: &["backward", "forward", "nearest"],
        default: json!("backward"),
        examples: json!(["nearest"]),
    };

    /// Whether a row at the event's own time matches.
    INCLUSIVE: Flag = "inclusive" { shared: true, default: json!(true), examples: json!([false]) };

    /// The greatest distance in time that still counts: of `dedup` from the event that stayed, of `first` from the last
    /// one that was first, of `enrich` from the row. In `streamed` mode it is how long `dedup` and `first` keep a key, by
    /// arrival.
    WITHIN: Length = "within" { examples: json!(["1h"]) };

    /// Each column is taken of the nearest row where it is not NULL. With `enrich`.
    FILL: Word = "fill" { words: &["last_value"], examples: json!(["last_value"]) };

    /// `http://host/path/{column}`, or https, answered in JSON; or files: a path, glob or list.
    LOOKUP: Strings = "lookup" {
        shared: true,
        examples: json!(["countries.csv", "http://localhost:8080/users/{userId}"]),
    };

    /// Column of the events = column of the table or file; a list where both are named alike.
    ON: Names = "on" { shared: true, examples: json!([{ "userId": "id" }, ["userId"]]) };

    /// New column = column of the table or file, or JSON pointer into the answer of a service.
    TAKE: Names = "take" { shared: true, examples: json!([{ "country": "countryCode" }, ["city"]]) };

    /// The names of the columns of CSV files without a header, of a lookup in files.
    COLUMNS: Strings = "columns" { examples: json!([["code", "country"]]) };

    /// What stands between the fields of CSV, of a lookup in files.
    DELIMITER: Character = "delimiter" { default: json!(","), examples: json!([";"]) };

    /// Headers that a service is asked with: name = text, in which `${NAME}` comes from the environment.
    HEADERS: Texts = "headers" { shared: true, examples: json!([{ "Authorization": "Bearer ${TOKEN}" }]) };

    /// The most requests at once.
    IN_FLIGHT: Whole<1, 10000> = "in_flight" { shared: true, default: json!(100), examples: json!([20]) };

    /// How long one request may take.
    TIMEOUT: Length = "timeout" { shared: true, default: json!("10s"), examples: json!(["2s"]) };

    /// How often a request that failed is made again.
    RETRIES: Whole<0, 100> = "retries" { shared: true, default: json!(3), examples: json!([5]) };

    /// The wait before the first retry; it doubles with each.
    BACKOFF: Length = "backoff" { shared: true, default: json!("100ms"), examples: json!(["1s"]) };

    /// When a request fails for good: the run ends, the columns are NULL, or the event is rejected.
    ON_FAILURE: Word = "on_failure" {
        shared: true,
        words: &["fail", "null", "reject"],
        default: json!("fail"),
        examples: json!(["null"]),
    };

    /// What is tried in turn for events without a match.
    INSTEAD: Tables = "otherwise" {
        of: Some(&OTHERWISE),
        examples: json!([[{ "match": "forward" }], [{ "constant": { "country": "??" } }]]),
    };
}

/// The keys of every lookup.
const OF_LOOKUPS: [&str; 2] = ["take", "types"];

/// The keys of a lookup in files only.
pub const OF_FILES: [&str; 4] = ["on", "format", "columns", "delimiter"];

/// The keys of a lookup by a service only.
pub const OF_SERVICES: [&str; 6] = ["headers", "in_flight", "timeout", "retries", "backoff", "on_failure"];

/// The hint for a step without `on`.
pub const ON_HINT: &str =
    "columns of the events and the columns they are matched with: on = { userId = \"id\" }";

const TAKE_HINT: &str = "new columns and where they come from: take = { country = \"countryCode\" }";

const fn need(key: &'static str, hint: &'static str) -> NeededKey {
    NeededKey { key, meaning: "", hint }
}

/// One step.
pub const STEP: KeySection = KeySection {
    about: "One step: `filter`, `derive`, `dedup`, `first`, `enrich` or `lookup`, with the keys that go with it.",
    sample: "[[step]]\nfilter = \"amount > 0\"\n\n[[step]]\nenrich = \"prices\"\non = [\"sku\"]\n\
        take = { price = \"amount\" }\notherwise = [{ constant = { price = 0 } }]",
    definition: "step",
    variants: Some(&Variants {
        what: "a [[step]]",
        several: "a [[step]] does one thing, but this one has",
        hint: "write two steps, in the order in which they apply",
        this: "this",
        all: &[
            Variant::new("filter"),
            Variant::new("derive"),
            Variant { takes: &[&["within"]], ..Variant::new("dedup") },
            Variant {
                needs: &[need("as", "as = \"isFirst\"")],
                takes: &[&["within"]],
                ..Variant::new("first")
            },
            Variant {
                needs: &[need("on", ON_HINT), need("take", TAKE_HINT)],
                takes: &[&["match", "inclusive", "within", "fill", "otherwise"]],
                ..Variant::new("enrich")
            },
            Variant {
                needs: &[need("take", "take = { country = \"/country\" }")],
                takes: &[&OF_LOOKUPS, &OF_FILES, &OF_SERVICES, &["otherwise"]],
                ..Variant::new("lookup")
            },
        ],
    }),
    ..KeySection::new(
        "`[[step]]`",
        about! {
            FILTER, DERIVE, DEDUP, FIRST, AS, ENRICH, MATCH, INCLUSIVE, WITHIN, FILL, LOOKUP, ON, TAKE,
            log::TYPES, log::FORMAT, COLUMNS, DELIMITER, HEADERS, IN_FLIGHT, TIMEOUT, RETRIES, BACKOFF,
            ON_FAILURE, INSTEAD,
        },
    )
};

keys! {
    /// The greatest distance in time that still matches.
    MATCH_WITHIN: Length = "within" { shared: true, examples: json!(["1h"]) };

    /// Values for the columns of the step; must be the last item.
    CONSTANT: Literals = "constant" { examples: json!([{ "country": "??" }]) };

    /// In `streamed` mode, what is tried alone for events behind the watermark of the step: any other item. In `complete`
    /// mode no event is behind it.
    LATE: Table = "late" { of: Some(&LATE_ITEM), examples: json!([{ "constant": { "country": "??" } }]) };
}

const BY_MATCH: Variant = Variant { takes: &[&["inclusive", "within"]], ..Variant::new("match") };

const BY_LOOKUP: Variant =
    Variant { takes: &[&OF_LOOKUPS, &OF_FILES, &OF_SERVICES], ..Variant::new("lookup") };

/// What is tried for events behind the watermark of a step.
const LATE_ITEM: KeySection = KeySection {
    about: "One item of `otherwise`, for late events.",
    variants: Some(&Variants {
        what: "`late`",
        several: "`late` does one thing, but this one has",
        hint: "late events have one try",
        this: "this",
        all: &[BY_MATCH, BY_LOOKUP, Variant::new("constant")],
    }),
    // The guide's page has no section of its own for it.
    ..KeySection::new(
        "`otherwise`",
        about! {
            MATCH, INCLUSIVE, MATCH_WITHIN, LOOKUP, ON, TAKE, log::TYPES, log::FORMAT, COLUMNS, DELIMITER,
            HEADERS, IN_FLIGHT, TIMEOUT, RETRIES, BACKOFF, ON_FAILURE, CONSTANT,
        },
    )
};

/// What is tried where a step finds no match.
pub const OTHERWISE: KeySection = KeySection {
    about: "One item of `otherwise`: the table in another `match`, a `lookup`, a `constant`, or one of them for `late` \
        events alone. What it leaves out it takes from its step.",
    sample: "otherwise = [{ match = \"forward\" }, { constant = { country = \"??\" } }]",
    definition: "otherwise",
    elsewhere: &[(&["otherwise"], "the items of `otherwise` are tried in turn: put it after this one")],
    variants: Some(&Variants {
        what: "an item of `otherwise`",
        several: "an item of `otherwise` does one thing, but this one has",
        hint: "write two items, in the order in which they are tried",
        this: "this",
        all: &[BY_MATCH, BY_LOOKUP, Variant::new("constant"), Variant::new("late")],
    }),
    ..KeySection::new(
        "`otherwise`",
        about! {
            MATCH, INCLUSIVE, MATCH_WITHIN, LOOKUP, ON, TAKE, log::TYPES, log::FORMAT, COLUMNS, DELIMITER,
            HEADERS, IN_FLIGHT, TIMEOUT, RETRIES, BACKOFF, ON_FAILURE, CONSTANT, LATE,
        },
    )
};
