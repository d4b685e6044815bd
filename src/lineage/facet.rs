//! Facets: what every part of an event has beside its content.

use serde_json::{Value, json};

/// Which program makes the events.
pub const PRODUCER: &str = concat!("urn:highwater:", env!("CARGO_PKG_VERSION"));

/// A facet, with what every facet has.
pub fn facet(file: &str, name: &str, mut content: Value) -> Value {
    content["_producer"] = json!(PRODUCER);
    content["_schemaURL"] = json!(format!("https://openlineage.io/spec/facets/{file}.json#/$defs/{name}"));
    content
}
