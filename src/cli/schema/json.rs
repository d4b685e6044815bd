//! The JSON Schema of the job file, from the descriptions of its keys.

use crate::expr::functions;
use crate::job::keys::key::{Described, KeySection, ValueType, Variant};
use crate::job::keys::{SECTIONS, job, output};
use serde_json::{Map, Value, json};
use std::fmt::Write;

/// The whole schema, as text.
pub fn text() -> String {
    let mut out = String::new();
    print(&schema(), 0, 0, &mut out);
    out.push('\n');
    out
}

/// The whole schema.
fn schema() -> Value {
    let mut schema = object(json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A Highwater job",
    }));
    schema.extend(object(table(&job::JOB)));
    schema.insert("$defs".into(), definitions());
    Value::Object(schema)
}

/// The members of an object of JSON.
fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(members) => members,
        _ => Map::new(),
    }
}

/// Types, tables and keys that stand in several places.
fn definitions() -> Value {
    let text = json!({ "type": "string" });
    let types = json!({
        "strings": {
            "title": "string or list of strings",
            "oneOf": [text, { "type": "array", "items": text }],
        },
        "length": {
            "type": "string",
            "title": "duration",
            "description": "A duration, such as 20s, 15m or 6h; a day is 24 hours.",
            "examples": ["20s", "15m", "6h"],
        },
        "expressions": {
            "title": "table of SQL expressions, or list of names",
            "description": "Name = SQL expression; a list of names stands for each as itself.",
            "x-taplo": { "docs": { "main": functions::help() } },
            "oneOf": [{ "type": "object", "additionalProperties": text }, { "type": "array", "items": text }],
            "examples": [{ "total": "price * qty" }, ["userId"]],
        },
        "renamed": {
            "type": "object",
            "title": "table of SQL expressions",
            "description": "New name = SQL expression over the columns of the output.",
            "minProperties": 1,
            "additionalProperties": { "oneOf": [text, { "$ref": "#/$defs/renamed" }] },
        },
        "names": {
            "title": "table of names, or list of names",
            "oneOf": [
                { "type": "object", "minProperties": 1, "additionalProperties": text },
                { "type": "array", "minItems": 1, "items": text },
            ],
        },
    });
    let mut all = object(types);
    for section in SECTIONS {
        if !section.definition.is_empty() {
            all.insert(section.definition.to_string(), table(section));
        }
        for key in section.keys.iter().filter(|key| key.shared) {
            // A shared key is the same in all its sections, so the first defines it.
            all.entry(key.name).or_insert_with(|| value(key, section));
        }
    }
    Value::Object(all)
}

/// A table with its keys and the rules between them.
fn table(section: &KeySection) -> Value {
    let mut table = object(json!({ "type": "object" }));
    if !section.required.is_empty() {
        let (either, needed): (Vec<&str>, Vec<&str>) = section
            .required
            .iter()
            .map(|(name, _)| *name)
            .partition(|name| section.stands_for(name).is_some());
        if !needed.is_empty() {
            table.insert("required".into(), json!(needed));
        }
        for name in either {
            let one_of = [Some(name), section.stands_for(name)].map(|name| json!({ "required": [name] }));
            table.insert("oneOf".into(), json!(one_of));
        }
    }
    // A key that the schema does not name is an error of the job too.
    table.insert("additionalProperties".into(), json!(false));
    if let Some(variants) = section.variants {
        table.insert("oneOf".into(), variants.all.iter().map(variant).collect());
    }
    if !section.together.is_empty() {
        let rules = section.together.iter().map(|(key, needed)| (key.to_string(), json!([needed])));
        table.insert("dependentRequired".into(), Value::Object(rules.collect()));
    }
    let keys = section.keys.iter().map(|key| {
        let shared = key.shared.then(|| json!({ "$ref": format!("#/$defs/{}", key.name) }));
        (key.name.to_string(), shared.unwrap_or_else(|| value(key, section)))
    });
    table.insert("properties".into(), Value::Object(keys.collect()));
    if section.definition == output::OUTPUT.definition {
        table.extend(archives());
    }
    table.insert("description".into(), json!(section.about));
    Value::Object(table)
}

/// The keys that a table of this variant has.
fn variant(variant: &Variant) -> Value {
    let needed = variant.needs.iter().map(|need| need.key);
    let required: Vec<&str> = std::iter::once(variant.name).chain(needed).collect();
    let never: Vec<&str> = variant.never.iter().map(|(key, _)| *key).collect();
    match never[..] {
        [] => json!({ "required": required }),
        _ => json!({ "required": required, "not": { "required": never } }),
    }
}

/// The rule that an archive has no groups and no expressions.
fn archives() -> Map<String, Value> {
    let never = output::NOT_OF_ARCHIVES.into_iter().map(|key| (key.to_string(), json!(false)));
    let unset = output::FALSE_IN_ARCHIVES.into_iter();
    let unset = unset.map(|key| (key.about.name.to_string(), json!({ "const": false })));
    let keys: Map<String, Value> = never.chain(unset).collect();
    object(json!({
        "if": { "required": ["archive"], "properties": { "archive": { "const": true } } },
        "then": { "properties": keys },
    }))
}

/// What the value of a key may be, and what is said of it.
fn value(key: &Described, section: &KeySection) -> Value {
    let mut value = object(ty(key, section));
    if let Some(default) = key.default_value() {
        value.insert("default".into(), default);
    }
    value.insert("description".into(), json!(key.meaning()));
    if key.ty == ValueType::Sql {
        value.insert("x-taplo".into(), json!({ "docs": { "main": functions::help() } }));
    }
    let examples = key.example_values();
    if !examples.is_empty() {
        value.insert("examples".into(), examples.into());
    }
    Value::Object(value)
}

fn ty(key: &Described, section: &KeySection) -> Value {
    let text = json!({ "type": "string" });
    let of = key.of.map(|of| match of.definition {
        "" => table(of),
        name => json!({ "$ref": format!("#/$defs/{name}") }),
    });
    match key.ty {
        ValueType::Text | ValueType::Sql => text,
        ValueType::Filled => json!({ "type": "string", "minLength": 1 }),
        ValueType::Character => json!({ "type": "string", "minLength": 1, "maxLength": 1 }),
        ValueType::Delimiter => json!({ "type": "string", "minLength": 1, "pattern": "^(.|spaces)$" }),
        ValueType::Length => json!({ "$ref": "#/$defs/length" }),
        ValueType::SignedLength => json!({ "type": "string", "title": "duration" }),
        ValueType::Word => match key.words {
            [only] => json!({ "type": "string", "const": only }),
            words => json!({ "type": "string", "enum": words }),
        },
        ValueType::Words => json!({
            "title": key.words_or_list(),
            "oneOf": [
                { "type": "string", "enum": key.words },
                { "type": "array", "items": { "enum": key.words }, "minItems": 1 },
            ],
        }),
        ValueType::Flag => json!({ "type": "boolean" }),
        ValueType::Whole(least, usize::MAX) => json!({ "type": "integer", "minimum": least }),
        ValueType::Whole(least, most) => json!({ "type": "integer", "minimum": least, "maximum": most }),
        ValueType::Counts => json!({
            "type": "array",
            "title": "list of integers",
            "items": { "type": "integer", "minimum": 1 },
        }),
        ValueType::Strings => json!({ "$ref": "#/$defs/strings" }),
        ValueType::Expressions => json!({ "$ref": "#/$defs/expressions" }),
        ValueType::Columns => {
            let table = json!({ "$ref": "#/$defs/renamed" });
            json!({
                "title": "list of columns",
                "oneOf": [{ "type": "array", "minItems": 1, "items": { "oneOf": [text, table] } }, table],
            })
        }
        ValueType::Names => json!({ "$ref": "#/$defs/names" }),
        ValueType::Types => {
            json!({ "type": "object", "title": "table of types", "additionalProperties": text })
        }
        ValueType::Texts => json!({ "type": "object", "additionalProperties": text }),
        ValueType::Literals => {
            json!({ "type": "object", "additionalProperties": { "type": ["string", "number", "boolean"] } })
        }
        ValueType::Table => of.unwrap_or_default(),
        ValueType::Tables if section.requires(key.name) => {
            json!({ "type": "array", "minItems": 1, "items": of })
        }
        ValueType::Tables => json!({ "type": "array", "items": of }),
        ValueType::NamedTables => json!({ "type": "object", "additionalProperties": of }),
        ValueType::GlobalOrTable => json!({
            "title": "\"global\", or a table",
            "oneOf": [{ "type": "string", "const": "global" }, of],
        }),
    }
}

/// Prints JSON for people: what fits stays on one line, after `used` characters of it.
fn print(value: &Value, indent: usize, used: usize, out: &mut String) {
    const WIDTH: usize = 120;
    let one = one_line(value);
    let is_flat = match value {
        // Help of editors is one long text, and a list of words reads as one.
        Value::Object(table) => table.contains_key("docs"),
        Value::Array(list) => list.iter().all(Value::is_string),
        _ => true,
    };
    if is_flat || used + one.chars().count() < WIDTH {
        out.push_str(&one);
        return;
    }
    let inner = indent + 2;
    let (items, [opening, closing]): (Vec<(String, &Value)>, _) = match value {
        Value::Object(table) => {
            (table.iter().map(|(key, value)| (format!("{}: ", json!(key)), value)).collect(), ["{", "}"])
        }
        _ => (value.as_array().into_iter().flatten().map(|v| (String::new(), v)).collect(), ["[", "]"]),
    };
    out.push_str(opening);
    for (i, (key, value)) in items.into_iter().enumerate() {
        let comma = if i == 0 { "" } else { "," };
        let _ = write!(out, "{comma}\n{:inner$}{key}", "");
        print(value, inner, inner + key.chars().count(), out);
    }
    let _ = write!(out, "\n{:indent$}{closing}", "");
}

fn one_line(value: &Value) -> String {
    match value {
        Value::Object(table) => {
            let all: Vec<String> =
                table.iter().map(|(key, value)| format!("{}: {}", json!(key), one_line(value))).collect();
            format!("{{ {} }}", all.join(", "))
        }
        Value::Array(list) => format!("[{}]", list.iter().map(one_line).collect::<Vec<_>>().join(", ")),
        value => value.to_string(),
    }
}
