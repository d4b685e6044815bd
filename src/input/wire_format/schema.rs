//! The schema in a record of Kafka Connect: where in its payload values of logical types stand, and the payload with these
//! written out.
//!
//! The schema is the same text in nearly every record: it is parsed once, and compared from then on. Where it names no logical
//! type, payloads are not looked at.

use super::LogColumn;
use super::logical::ConnectLogical;
use super::parts::EnvelopeFault;
use crate::input::jsonl::{JsonCursor, JsonKind, unescape};
use serde_json::Value;
use std::sync::Arc;

/// Schemas that are remembered: topics may take turns.
const REMEMBERED: usize = 16;

/// What is known of a value.
#[derive(Debug, Clone, PartialEq, Eq)]
enum SchemaNode {
    /// It stands as it is.
    Plain,
    Logical(ConnectLogical),
    /// The fields of a record, in the order of the schema.
    Record(Vec<(Box<[u8]>, SchemaNode)>),
    /// The items of a list.
    List(Box<SchemaNode>),
    /// The values of a map, which is an object.
    Map(Box<SchemaNode>),
}

/// A payload of which some values are of logical types.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::input) struct TypedPayload {
    node: SchemaNode,
    /// Those that are columns, by their dotted paths.
    columns: Vec<(String, ConnectLogical)>,
}

/// What a schema says of the payload, and of a change event's rows; nothing where no logical type is named.
#[derive(Debug, Clone, Default)]
pub(super) struct ConnectSchema {
    pub whole: Option<Arc<TypedPayload>>,
    pub before: Option<Arc<TypedPayload>>,
    pub after: Option<Arc<TypedPayload>>,
}

/// The schemas that were met; every worker has its own.
#[derive(Default)]
pub(super) struct Schemas {
    /// The latest first.
    known: Vec<(Box<[u8]>, ConnectSchema)>,
}

impl Schemas {
    /// What the JSON text `schema` says.
    pub fn of(&mut self, schema: &[u8]) -> Result<ConnectSchema, EnvelopeFault> {
        // Most records have the schema of the one before them, so that one is compared first.
        match self.known.iter().position(|(text, _)| **text == *schema) {
            Some(0) => {}
            Some(at) => self.known[..=at].rotate_right(1),
            None => {
                let new = ConnectSchema::read(schema).map_err(EnvelopeFault::new)?;
                self.known.truncate(REMEMBERED - 1);
                self.known.insert(0, (schema.into(), new));
            }
        }
        Ok(self.known[0].1.clone())
    }
}

impl ConnectSchema {
    fn read(text: &[u8]) -> Result<ConnectSchema, String> {
        let schema: Value =
            serde_json::from_slice(text).map_err(|e| format!("its schema is not JSON: {e}"))?;
        let row = |name: &str| -> Result<Option<Arc<TypedPayload>>, String> {
            let field = fields(&schema).find(|(field, _)| *field == name);
            field.map_or(Ok(None), |(_, schema)| TypedPayload::of(schema))
        };
        Ok(ConnectSchema { whole: TypedPayload::of(&schema)?, before: row("before")?, after: row("after")? })
    }
}

/// The fields of a record's schema.
fn fields(schema: &Value) -> impl Iterator<Item = (&str, &Value)> {
    let all = schema.get("fields").and_then(Value::as_array).into_iter().flatten();
    all.filter_map(|field| Some((field.get("field")?.as_str()?, field)))
}

impl SchemaNode {
    fn of(schema: &Value) -> Result<SchemaNode, String> {
        if let Some(logical) = ConnectLogical::of(schema)? {
            return Ok(SchemaNode::Logical(logical));
        }
        let inside = |key: &str| SchemaNode::of(schema.get(key).unwrap_or(&Value::Null));
        let node = match schema.get("type").and_then(Value::as_str) {
            Some("struct") => {
                let node =
                    |(name, schema): (&str, &Value)| Ok((name.as_bytes().into(), SchemaNode::of(schema)?));
                SchemaNode::Record(fields(schema).map(node).collect::<Result<_, String>>()?)
            }
            Some("array") => SchemaNode::List(Box::new(inside("items")?)),
            Some("map") => SchemaNode::Map(Box::new(inside("values")?)),
            _ => SchemaNode::Plain,
        };
        // A payload without logical types is copied as it is, and not walked through.
        Ok(if node.is_plain() { SchemaNode::Plain } else { node })
    }

    /// Whether nothing in it is of a logical type.
    fn is_plain(&self) -> bool {
        match self {
            SchemaNode::Plain => true,
            SchemaNode::Logical(_) => false,
            SchemaNode::Record(fields) => fields.iter().all(|(_, node)| node.is_plain()),
            SchemaNode::List(inside) | SchemaNode::Map(inside) => inside.is_plain(),
        }
    }

    fn columns(&self, name: &str, out: &mut Vec<(String, ConnectLogical)>) {
        match self {
            // The log's own columns hide fields of their names.
            SchemaNode::Logical(logical) if !name.is_empty() && LogColumn::named(name).is_none() => {
                out.push((name.to_string(), *logical));
            }
            SchemaNode::Record(fields) => {
                for (key, node) in fields {
                    let dot = if name.is_empty() { "" } else { "." };
                    node.columns(&format!("{name}{dot}{}", String::from_utf8_lossy(key)), out);
                }
            }
            _ => {}
        }
    }
}

impl TypedPayload {
    fn of(schema: &Value) -> Result<Option<Arc<TypedPayload>>, String> {
        let node = SchemaNode::of(schema)?;
        if node == SchemaNode::Plain {
            return Ok(None);
        }
        let mut columns = vec![];
        node.columns("", &mut columns);
        Ok(Some(Arc::new(TypedPayload { node, columns })))
    }

    /// What the column `name` is by the schema.
    pub fn column(&self, name: &str) -> Option<ConnectLogical> {
        self.columns.iter().find(|(known, _)| known == name).map(|(_, logical)| *logical)
    }

    /// Appends the text of a payload that is one value of a logical type, and no record; says whether it is. Of a string `text`
    /// is what is between the quotes.
    ///
    /// # Errors
    /// It is of another kind than the schema says.
    pub(super) fn alone(
        &self,
        kind: JsonKind,
        text: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<bool, EnvelopeFault> {
        let SchemaNode::Logical(logical) = &self.node else { return Ok(false) };
        logical.write(kind, text, out).map_err(EnvelopeFault::new)?;
        // `write` makes JSON, but a value by itself is a text without quotes.
        out.retain(|&c| c != b'"');
        Ok(true)
    }

    /// Appends the JSON text `payload` with its values written out.
    ///
    /// # Errors
    /// A value is of another kind than the schema says.
    pub(super) fn write(&self, payload: &[u8], out: &mut Vec<u8>) -> Result<(), EnvelopeFault> {
        let mut writer =
            PayloadWriter { cursor: JsonCursor { bytes: payload, at: 0 }, out, done: 0, path: vec![] };
        writer.value(&self.node, 1)?;
        let done = writer.done;
        out.extend_from_slice(&payload[done..]);
        Ok(())
    }
}

/// Writes a payload.
struct PayloadWriter<'a> {
    cursor: JsonCursor<'a>,
    out: &'a mut Vec<u8>,
    /// How far the payload is written.
    done: usize,
    /// The keys to the value at hand.
    path: Vec<String>,
}

impl PayloadWriter<'_> {
    /// Passes the value that starts here.
    fn value(&mut self, node: &SchemaNode, depth: usize) -> Result<(), EnvelopeFault> {
        match (node, self.cursor.peek()) {
            (SchemaNode::Logical(logical), _) => self.logical(*logical, depth),
            (SchemaNode::Record(fields), Some(b'{')) => self.object(|writer, key, nth| {
                // Fields come in the order of the schema.
                let next = fields.get(nth).filter(|(name, _)| **name == *key);
                let field = next.or_else(|| fields.iter().find(|(name, _)| **name == *key));
                writer.inside(key, field.map_or(&SchemaNode::Plain, |(_, node)| node), depth)
            }),
            (SchemaNode::Map(node), Some(b'{')) => {
                self.object(|writer, key, _| writer.inside(key, node, depth))
            }
            (SchemaNode::List(node), Some(b'[')) => self.list(node, depth),
            _ => self.cursor.value(depth).map(drop).map_err(|_| self.broken()),
        }
    }

    fn inside(&mut self, key: &[u8], node: &SchemaNode, depth: usize) -> Result<(), EnvelopeFault> {
        // The path is for messages about logical types, which a plain value does not have.
        if *node == SchemaNode::Plain {
            return self.value(node, depth);
        }
        self.path.push(String::from_utf8_lossy(key).into_owned());
        self.value(node, depth + 1)?;
        self.path.pop();
        Ok(())
    }

    fn logical(&mut self, logical: ConnectLogical, depth: usize) -> Result<(), EnvelopeFault> {
        let start = self.cursor.at;
        let span = self.cursor.value(depth).map_err(|_| self.broken())?;
        if span.kind == JsonKind::Null {
            return Ok(());
        }
        // What stands between two such values is copied in one piece.
        self.out.extend_from_slice(&self.cursor.bytes[self.done..start]);
        self.done = self.cursor.at;
        let text = &self.cursor.bytes[span.start..span.end];
        logical.write(span.kind, text, self.out).map_err(|what| match self.path.as_slice() {
            [] => EnvelopeFault::new(what),
            path => EnvelopeFault::new(format!("`{}`: {what}", path.join("."))),
        })
    }

    /// Passes an object: `field` passes the value of a key, whose number it is given.
    fn object(
        &mut self,
        mut field: impl FnMut(&mut Self, &[u8], usize) -> Result<(), EnvelopeFault>,
    ) -> Result<(), EnvelopeFault> {
        self.expect(b'{')?;
        self.cursor.blanks();
        for nth in 0.. {
            if self.cursor.peek() == Some(b'}') {
                break;
            }
            let key = self.cursor.string().map_err(|_| self.broken())?;
            self.cursor.blanks();
            self.expect(b':')?;
            self.cursor.blanks();
            let bytes = self.cursor.bytes;
            let raw = &bytes[key.start..key.end];
            if key.kind == JsonKind::Escaped {
                let mut name = vec![];
                unescape(raw, &mut name);
                field(self, &name, nth)?;
            } else {
                field(self, raw, nth)?;
            }
            self.next()?;
        }
        self.expect(b'}')
    }

    fn list(&mut self, node: &SchemaNode, depth: usize) -> Result<(), EnvelopeFault> {
        self.expect(b'[')?;
        self.cursor.blanks();
        while self.cursor.peek() != Some(b']') {
            self.value(node, depth + 1)?;
            self.next()?;
        }
        self.expect(b']')
    }

    /// Passes the comma behind a value, if one is there.
    fn next(&mut self) -> Result<(), EnvelopeFault> {
        self.cursor.blanks();
        if self.cursor.peek() == Some(b',') {
            self.cursor.at += 1;
            self.cursor.blanks();
        }
        Ok(())
    }

    fn expect(&mut self, byte: u8) -> Result<(), EnvelopeFault> {
        self.cursor.expect(byte).map_err(|_| self.broken())
    }

    /// Not reached as far as is known: the payload was read before.
    #[cold]
    fn broken(&self) -> EnvelopeFault {
        EnvelopeFault::new("the payload is not valid JSON".to_string())
    }
}
