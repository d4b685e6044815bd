//! The page of the job file: for each of its tables a table of keys, from the JSON Schema.

use serde_json::{Map, Value};
use std::fmt::Write;

/// A table of the job file, and where its keys stand in the schema.
pub struct Section {
    pub title: &'static str,
    pub pointer: &'static str,
    /// A job file, or a part of one, that has it.
    sample: &'static str,
}

/// All of them, in the order of the page.
pub const SECTIONS: [Section; 10] = [
    Section { title: "The job", pointer: "", sample: "name = \"pageviews\"\ntimezone = \"Europe/London\"" },
    Section {
        title: "`[source]`",
        pointer: "/$defs/source",
        sample: "[source]\npath = \"logs/*.csv.gz\"\ntime = \"timestamp\"\ntime_unit = \"ms\"\n\
            types = { price = \"decimal(12,2)\" }",
    },
    Section {
        title: "`[table.NAME]`",
        pointer: "/$defs/table",
        sample: "[table.prices]\npath = \"prices.jsonl\"\ntime = \"valid_from\"",
    },
    Section {
        title: "`written`",
        pointer: "/$defs/written/additionalProperties",
        sample: "[source.written]\n\"*\" = { trim = true }\namount = { thousands = \",\", units = [\"Rp\"], null = [\"-\"] }",
    },
    Section {
        title: "`[[step]]`",
        pointer: "/$defs/step",
        sample: "[[step]]\nfilter = \"amount > 0\"\n\n[[step]]\nenrich = \"prices\"\non = [\"sku\"]\n\
            take = { price = \"amount\" }\notherwise = [{ constant = { price = 0 } }]",
    },
    Section {
        title: "`otherwise`",
        pointer: "/$defs/otherwise",
        sample: "otherwise = [{ match = \"forward\" }, { constant = { country = \"??\" } }]",
    },
    Section {
        title: "`[[output]]`",
        pointer: "/$defs/output",
        sample: "[[output]]\npath = \"out/views\"\nwindow = { tumbling = \"1m\" }\nby = [\"page\"]\n\
            select = { views = \"count(*)\" }\npartition_by = [\"date\"]",
    },
    Section {
        title: "`window`",
        pointer: "/$defs/output/properties/window/oneOf/1",
        sample: "window = { hopping = \"1h\", slide = \"5m\", allowed_lateness = \"1h\" }",
    },
    Section {
        title: "`top`",
        pointer: "/$defs/output/properties/top",
        sample: "top = { n = 3, by = \"total desc\" }",
    },
    Section { title: "`[late]`", pointer: "/$defs/late", sample: "[late]\npath = \"out/late.jsonl\"" },
];

/// What the schema says of a key.
pub struct Key {
    pub ty: String,
    /// The default, or that it is required.
    default: String,
    pub meaning: String,
    pub examples: Vec<String>,
}

/// The page.
pub fn markdown(schema: &Value) -> String {
    let mut out = String::from(
        "# The job file\n\n\
        <!-- Made by `highwater schema --markdown` from data/job.schema.json; HIGHWATER_BLESS=1 writes it anew. -->\n\n\
        A job is a file in [TOML](https://toml.io): what is read (`[source]`), what happens to events \
        (`[[step]]`), and what is written (`[[output]]`). A key that is not on this page is an error, and \
        so is a value of another type; `highwater check JOB` says all that is wrong with a file in one go. \
        `highwater schema` prints the same as a JSON Schema, by which editors complete and check.\n\n\
        Lengths of time are `us`, `ms`, `s`, `m`, `h` and `d`, as in `90s`; sizes of windows are lengths, or \
        units of the calendar: `1 day`, `1 week`, `1 month`, `1 quarter`, `1 year`.\n",
    );
    for section in &SECTIONS {
        let _ = writeln!(out, "\n## {}\n", section.title);
        if !section.pointer.is_empty() {
            let about = schema.pointer(section.pointer).and_then(|s| s["description"].as_str());
            let _ = writeln!(out, "{}\n", about.unwrap_or_default());
        }
        let _ = writeln!(out, "```toml\n{}\n```\n", section.sample);
        out.push_str("| Key | Type | Default | Meaning | Example |\n| --- | --- | --- | --- | --- |\n");
        for (name, key) in keys(schema, section.pointer) {
            let examples: Vec<String> = key.examples.iter().map(|e| format!("`{e}`")).collect();
            let cells = [format!("`{name}`"), key.ty, key.default, key.meaning, examples.join(", ")];
            let cells = cells.map(|cell| cell.replace('|', "\\|"));
            let _ = writeln!(out, "| {} |", cells.join(" | "));
        }
    }
    out
}

/// The keys of a table, in the order of the schema.
pub fn keys(schema: &Value, pointer: &str) -> Vec<(String, Key)> {
    let Some(table) = schema.pointer(pointer) else { return vec![] };
    let required = |name: &str| {
        let names = table["required"].as_array().into_iter().flatten();
        names.into_iter().any(|required| required == name)
    };
    let properties = table["properties"].as_object().into_iter().flatten();
    let key = |(name, value): (&String, &Value)| {
        let value = resolved(schema, value);
        let text = |key: &str| value.get(key).and_then(Value::as_str).map(str::to_string);
        let default = match value.get("default") {
            _ if required(name) => "required".to_string(),
            Some(default) => format!("`{}`", toml(default)),
            None => String::new(),
        };
        let examples: Vec<String> =
            value.get("examples").and_then(Value::as_array).into_iter().flatten().map(toml).collect();
        let meaning = text("description").unwrap_or_default();
        (name.clone(), Key { ty: ty(schema, name, &value), default, meaning, examples })
    };
    properties.map(key).collect()
}

/// What a key stands for: of a `$ref` what it refers to, with what the key itself says before it.
fn resolved(schema: &Value, value: &Value) -> Map<String, Value> {
    let mut own = value.as_object().cloned().unwrap_or_default();
    if let Some(Value::String(to)) = own.remove("$ref") {
        let target = schema.pointer(to.trim_start_matches('#')).cloned().unwrap_or_default();
        for (key, value) in resolved(schema, &target) {
            own.entry(key).or_insert(value);
        }
    }
    own
}

/// The title and the anchor of the section that a key has of its own.
pub(super) fn section_of(name: &str) -> Option<(&'static str, &'static str)> {
    Some(match name {
        "source" => ("table", "source"),
        "table" => ("tables with names", "tablename"),
        "written" => ("table of tables", "written"),
        "step" => ("list of tables", "step"),
        "otherwise" => ("list of tables", "otherwise"),
        "output" => ("list of tables", "output"),
        "window" => ("`\"global\"` or table", "window"),
        "top" => ("table", "top"),
        "late" => ("table", "late"),
        _ => return None,
    })
}

fn ty(schema: &Value, name: &str, value: &Map<String, Value>) -> String {
    if let Some((title, anchor)) = section_of(name) {
        return format!("[{title}](#{anchor})");
    }
    let words =
        |values: &[Value]| values.iter().map(|v| format!("`{}`", toml(v))).collect::<Vec<_>>().join(", ");
    if let Some(Value::Array(values)) = value.get("enum") {
        return words(values);
    }
    if let Some(only) = value.get("const") {
        return words(std::slice::from_ref(only));
    }
    if let Some(Value::String(title)) = value.get("title") {
        return title.clone();
    }
    let bound = |key: &str| value.get(key).and_then(Value::as_u64);
    match value.get("type").and_then(Value::as_str) {
        Some("string") if bound("maxLength") == Some(1) => "one character".to_string(),
        Some("string") => "string".to_string(),
        Some("boolean") => "true or false".to_string(),
        Some("integer") => match (bound("minimum"), bound("maximum")) {
            (Some(least), Some(most)) => format!("whole number from {least} to {most}"),
            (Some(least), None) => format!("whole number from {least}"),
            _ => "whole number".to_string(),
        },
        Some("object") => match value.get("additionalProperties") {
            Some(of) if of["type"].is_array() => "table of values".to_string(),
            _ => "table".to_string(),
        },
        Some("array") => {
            let of = resolved(schema, &value["items"]);
            format!("list of {}", ty(schema, "", &of))
        }
        _ => String::new(),
    }
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
