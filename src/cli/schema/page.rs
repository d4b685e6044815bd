//! The guide's page of the job file: for each of its tables a table of keys.

use crate::job::keys::SECTIONS;
use crate::job::keys::key::{Described, KeySection, ValueType};
use serde_json::Value;
use std::fmt::Write;

/// The page.
pub fn markdown() -> String {
    let mut out = String::from(
        "# The job file\n\n\
        <!-- Made by `highwater schema --markdown` from src/job/keys; HIGHWATER_BLESS=1 writes it again. -->\n\n\
        A job is a file in [TOML](https://toml.io): what is read (`[source]`), what happens to events \
        (`[[step]]`), and what is written (`[[output]]`). A key that is not on this page is an error, and \
        so is a value of another type; `highwater check JOB` reports all faults of a file at once. \
        `highwater schema` prints the same as a JSON Schema, by which editors complete and check.\n\n\
        Units of durations are `us`, `ms`, `s`, `m`, `h` and `d`, as in `90s`; sizes of windows are durations, or \
        units of the calendar: `1 day`, `1 week`, `1 month`, `1 quarter`, `1 year`.\n",
    );
    for (i, section) in SECTIONS.iter().enumerate() {
        let _ = writeln!(out, "\n## {}\n", section.title);
        // The page itself says what the whole file is.
        if i > 0 {
            let _ = writeln!(out, "{}\n", section.about);
        }
        let _ = writeln!(out, "```toml\n{}\n```\n", section.sample);
        out.push_str("| Key | Type | Default | Meaning | Example |\n| --- | --- | --- | --- | --- |\n");
        for key in section.keys {
            let cells = row(key, section).map(|cell| cell.replace('|', "\\|"));
            let _ = writeln!(out, "| {} |", cells.join(" | "));
        }
    }
    out
}

/// The cells of a key.
fn row(key: &Described, section: &KeySection) -> [String; 5] {
    let default = match key.default_value() {
        _ if section.requires(key.name) => match section.stands_for(key.name) {
            Some(other) => format!("required, or `{other}`"),
            None => "required".to_string(),
        },
        Some(default) => format!("`{}`", toml(&default)),
        None => String::new(),
    };
    let examples: Vec<String> =
        key.example_values().iter().map(|value| format!("`{}`", toml(value))).collect();
    [format!("`{}`", key.name), ty(key), default, key.meaning().to_string(), examples.join(", ")]
}

/// The type of a key; of a table the way to its section.
pub fn ty(key: &Described) -> String {
    let words = match key.ty {
        ValueType::Text | ValueType::Filled | ValueType::Delimiter | ValueType::Sql => "string",
        ValueType::Character => "one character",
        ValueType::Length | ValueType::SignedLength => "duration",
        ValueType::Word => {
            let words: Vec<String> = key.words.iter().map(|word| format!("`\"{word}\"`")).collect();
            return words.join(", ");
        }
        ValueType::Words => return key.words_or_list(),
        ValueType::Flag => "true or false",
        ValueType::Whole(least, usize::MAX) => return format!("whole number from {least}"),
        ValueType::Whole(least, most) => return format!("whole number from {least} to {most}"),
        ValueType::Counts => "list of integers",
        ValueType::Strings => "string or list of strings",
        ValueType::Expressions => "table of SQL expressions, or list of names",
        ValueType::Columns => "list of names and of tables of SQL expressions",
        ValueType::Names => "table of names, or list of names",
        ValueType::Types => "table of types",
        ValueType::Texts | ValueType::Table => "table",
        ValueType::Literals => "table of values",
        ValueType::Tables => "list of tables",
        ValueType::NamedTables => "tables with names",
        ValueType::GlobalOrTable => "`\"global\"` or table",
    };
    match key.of {
        Some(of) => format!("[{words}](#{})", anchor(of.title)),
        None => words.to_string(),
    }
}

/// What links call a heading.
fn anchor(title: &str) -> String {
    title.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect()
}

/// A value as a job file has it.
fn toml(value: &Value) -> String {
    match value {
        Value::Object(table) if table.is_empty() => "{}".to_string(),
        Value::Object(table) => {
            let pairs: Vec<String> =
                table.iter().map(|(k, v)| format!("{} = {}", name(k), toml(v))).collect();
            format!("{{ {} }}", pairs.join(", "))
        }
        Value::Array(list) => format!("[{}]", list.iter().map(toml).collect::<Vec<_>>().join(", ")),
        // A string of JSON is one of TOML.
        value => value.to_string(),
    }
}

fn name(key: &str) -> String {
    let bare = !key.is_empty() && key.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-');
    if bare { key.to_string() } else { Value::from(key).to_string() }
}
