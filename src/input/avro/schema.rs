//! Avro schemas: what the header of a file says of its records.
//!
//! Schemas are kept as a list of nodes, so that a type that holds itself is one too.

use crate::error::{Error, Result};
use crate::input::columnar::FileType;
use arrow_schema::{DataType as ArrowType, IntervalUnit, TimeUnit};
use serde_json::{Map, Value};
use std::collections::HashMap;
use std::path::Path;

/// The number of a node.
pub(super) type Id = usize;

/// The schema of a file, a record.
#[derive(Debug)]
pub(super) struct Schema {
    nodes: Vec<Node>,
    root: Id,
}

/// A type.
#[derive(Debug)]
pub(super) enum Node {
    Null,
    Boolean,
    Int(Logical),
    Long(Logical),
    Float,
    Double,
    Bytes(Logical),
    String,
    /// So many bytes.
    Fixed(usize, Logical),
    /// Its symbols.
    Enum(Vec<String>),
    Array(Id),
    Map(Id),
    Union(Vec<Id>),
    Record(Vec<Field>),
}

/// What the values of a primitive type stand for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Logical {
    None,
    Date,
    TimeMillis,
    TimeMicros,
    /// The unit, and whether it is an instant and not a local time.
    Timestamp(TimeUnit, bool),
    /// Digits, and how many of them stand behind the point.
    Decimal(u8, u8),
    /// A decimal that carries its scale.
    BigDecimal,
    Uuid,
    Duration,
}

/// A field of a record.
#[derive(Debug)]
pub(super) struct Field {
    pub name: String,
    pub ty: Id,
    pub default: Option<Value>,
}

/// What a dotted path stands for.
pub(super) enum Found {
    /// A column of plain values.
    Leaf(FileType),
    /// Something else, by the name of its type.
    Group(&'static str, Id),
    /// Nothing: of the fields on the way there, the one at the end of this many names is missing.
    Missing(usize),
    /// Nothing: what these many names of the path lead to has no fields.
    Plain(usize, String),
}

impl Schema {
    /// The schema that `json` is, of the file at `path`.
    ///
    /// # Errors
    /// Data: it is no Avro schema, or not that of records.
    pub fn parse(json: &[u8], path: &Path) -> Result<Schema> {
        let wrong = |why: String| {
            Error::data(format!("the schema of {} cannot be read", path.display())).caused_by(why)
        };
        let value: Value = serde_json::from_slice(json).map_err(|e| wrong(e.to_string()))?;
        let mut parser = Parser { nodes: vec![], names: HashMap::new() };
        let root = parser.parse(&value, "").map_err(wrong)?;
        let schema = Schema { nodes: parser.nodes, root };
        match schema.node(root) {
            Node::Record(_) => Ok(schema),
            _ => Err(Error::data(format!(
                "the values of {} are of type {}, but only records can be read",
                path.display(),
                schema.type_name(root)
            ))),
        }
    }

    pub fn node(&self, id: Id) -> &Node {
        &self.nodes[id]
    }

    pub fn root(&self) -> Id {
        self.root
    }

    /// The type of `id` less NULL, and the branch of its union that is NULL.
    pub fn less_null(&self, id: Id) -> (Id, Option<usize>) {
        let Node::Union(branches) = self.node(id) else { return (id, None) };
        let null = |&branch: &Id| matches!(self.node(branch), Node::Null);
        match branches[..] {
            [a, b] if null(&a) && !null(&b) => (b, Some(0)),
            [a, b] if null(&b) && !null(&a) => (a, Some(1)),
            _ => (id, None),
        }
    }

    /// The fields of `id`, if it is a record or NULL.
    pub fn fields(&self, id: Id) -> Option<&[Field]> {
        match self.node(self.less_null(id).0) {
            Node::Record(fields) => Some(fields),
            _ => None,
        }
    }

    /// The field at a path.
    pub fn field(&self, path: &[&str]) -> Option<&Field> {
        let (last, around) = path.split_last()?;
        let mut id = self.root;
        for name in around {
            id = self.fields(id)?.iter().find(|f| f.name == *name)?.ty;
        }
        self.fields(id)?.iter().find(|f| f.name == *last)
    }

    /// What the column `name`, a dotted path into records, is.
    pub fn find(&self, name: &str) -> Found {
        let mut id = self.root;
        for (depth, key) in name.split('.').enumerate() {
            match self.fields(id) {
                Some(fields) => match fields.iter().find(|f| f.name == key) {
                    Some(field) => id = field.ty,
                    None => return Found::Missing(depth + 1),
                },
                None if matches!(self.node(id), Node::Null) => return Found::Missing(depth + 1),
                None => return Found::Plain(depth, self.type_name(id)),
            }
        }
        match self.file_type(id) {
            Some(of) => Found::Leaf(of),
            None => Found::Group(self.group_name(id), id),
        }
    }

    /// The names of all columns, nested ones as dotted paths; of what is no record the name alone.
    pub fn names(&self) -> Vec<String> {
        let (mut names, mut records) = (vec![], vec![]);
        self.walk(self.root, "", &mut vec![], &mut names, &mut records);
        names
    }

    /// The paths of all records that columns lie in.
    pub fn records(&self) -> Vec<String> {
        let (mut names, mut records) = (vec![], vec![]);
        self.walk(self.root, "", &mut vec![], &mut names, &mut records);
        records
    }

    fn walk(
        &self,
        id: Id,
        prefix: &str,
        around: &mut Vec<Id>,
        names: &mut Vec<String>,
        records: &mut Vec<String>,
    ) {
        around.push(self.less_null(id).0);
        for field in self.fields(id).unwrap_or_default() {
            let name = format!("{prefix}{}", field.name);
            // A record inside of itself has no end of columns.
            let deeper = self.fields(field.ty).is_some() && !around.contains(&self.less_null(field.ty).0);
            if deeper {
                self.walk(field.ty, &format!("{name}."), around, names, records);
                records.push(name);
            } else {
                names.push(name);
            }
        }
        around.pop();
    }

    /// The type of a plain value, if `id` is one.
    pub fn file_type(&self, id: Id) -> Option<FileType> {
        let (id, _) = self.less_null(id);
        let utc = || Some("UTC".into());
        let ty = match *self.node(id) {
            Node::Null => ArrowType::Null,
            Node::Boolean => ArrowType::Boolean,
            Node::Int(Logical::Date) => ArrowType::Date32,
            Node::Int(Logical::TimeMillis) => ArrowType::Time32(TimeUnit::Millisecond),
            Node::Long(Logical::TimeMicros) => ArrowType::Time64(TimeUnit::Microsecond),
            Node::Long(Logical::Timestamp(unit, true)) => ArrowType::Timestamp(unit, utc()),
            Node::Long(Logical::Timestamp(unit, false)) => ArrowType::Timestamp(unit, None),
            Node::Int(_) | Node::Long(_) => ArrowType::Int64,
            Node::Float | Node::Double => ArrowType::Float64,
            Node::Bytes(Logical::Decimal(p, s)) | Node::Fixed(_, Logical::Decimal(p, s)) if p <= 38 => {
                ArrowType::Decimal128(p, s as i8)
            }
            // Checked per value: one of more digits is a bad record.
            Node::Bytes(Logical::Decimal(_, s)) | Node::Fixed(_, Logical::Decimal(_, s)) if s <= 38 => {
                ArrowType::Decimal128(38, s as i8)
            }
            Node::Bytes(Logical::Decimal(p, s)) | Node::Fixed(_, Logical::Decimal(p, s)) => {
                ArrowType::Decimal256(p, s as i8)
            }
            // Not read, as others of Arrow's types.
            Node::Bytes(Logical::BigDecimal) => ArrowType::Binary,
            Node::Bytes(_) => ArrowType::BinaryView,
            Node::String | Node::Enum(_) => ArrowType::Utf8View,
            Node::Fixed(_, Logical::Duration) => ArrowType::Interval(IntervalUnit::MonthDayNano),
            Node::Fixed(size, _) => ArrowType::FixedSizeBinary(i32::try_from(size).ok()?),
            Node::Array(_) | Node::Map(_) | Node::Union(_) | Node::Record(_) => return None,
        };
        let uuid = matches!(self.node(id), Node::Fixed(16, Logical::Uuid));
        Some(FileType { ty, uuid, name: self.type_name(id) })
    }

    /// The type as messages name it.
    fn type_name(&self, id: Id) -> String {
        let (id, _) = self.less_null(id);
        match self.node(id) {
            Node::Null => "null".into(),
            Node::Boolean => "boolean".into(),
            Node::Int(Logical::Date) => "date".into(),
            Node::Int(Logical::TimeMillis) => "time-millis".into(),
            Node::Int(_) => "int".into(),
            Node::Long(Logical::TimeMicros) => "time-micros".into(),
            Node::Long(Logical::Timestamp(unit, utc)) => {
                let unit = match unit {
                    TimeUnit::Nanosecond => "nanos",
                    TimeUnit::Microsecond => "micros",
                    _ => "millis",
                };
                format!("{}timestamp-{unit}", if *utc { "" } else { "local-" })
            }
            Node::Long(_) => "long".into(),
            Node::Float => "float".into(),
            Node::Double => "double".into(),
            Node::Bytes(Logical::Decimal(p, s)) | Node::Fixed(_, Logical::Decimal(p, s)) => {
                format!("decimal({p},{s})")
            }
            Node::Bytes(Logical::BigDecimal) => "big-decimal".into(),
            Node::Bytes(_) => "bytes".into(),
            Node::String => "string".into(),
            Node::Fixed(_, Logical::Uuid) => "uuid".into(),
            Node::Fixed(_, Logical::Duration) => "duration".into(),
            Node::Fixed(size, _) => format!("fixed({size})"),
            Node::Enum(_) => "enum".into(),
            Node::Array(_) | Node::Map(_) | Node::Union(_) | Node::Record(_) => self.group_name(id).into(),
        }
    }

    fn group_name(&self, id: Id) -> &'static str {
        match self.node(self.less_null(id).0) {
            Node::Array(_) => "array",
            Node::Map(_) => "map",
            Node::Union(_) => "union",
            _ => "record",
        }
    }
}

struct Parser {
    nodes: Vec<Node>,
    /// Of named types, by full name.
    names: HashMap<String, Id>,
}

impl Parser {
    fn add(&mut self, node: Node) -> Id {
        self.nodes.push(node);
        self.nodes.len() - 1
    }

    fn parse(&mut self, value: &Value, space: &str) -> std::result::Result<Id, String> {
        match value {
            Value::String(name) => self.named(name, space),
            Value::Array(branches) => {
                let branches: Vec<Id> =
                    branches.iter().map(|b| self.parse(b, space)).collect::<std::result::Result<_, _>>()?;
                Ok(match branches[..] {
                    [] => return Err("a union without types".into()),
                    _ => self.add(Node::Union(branches)),
                })
            }
            Value::Object(object) => self.object(object, space),
            other => Err(format!("`{other}` is not a type")),
        }
    }

    fn named(&mut self, name: &str, space: &str) -> std::result::Result<Id, String> {
        let none = Logical::None;
        let node = match name {
            "null" => Node::Null,
            "boolean" => Node::Boolean,
            "int" => Node::Int(none),
            "long" => Node::Long(none),
            "float" => Node::Float,
            "double" => Node::Double,
            "bytes" => Node::Bytes(none),
            "string" => Node::String,
            _ => {
                let id = self.names.get(&full_name(name, space)).or_else(|| self.names.get(name));
                return id.copied().ok_or_else(|| format!("there is no type `{name}`"));
            }
        };
        Ok(self.add(node))
    }

    fn object(&mut self, object: &Map<String, Value>, space: &str) -> std::result::Result<Id, String> {
        let ty = object.get("type").ok_or("a type without `type`")?;
        let Value::String(ty) = ty else { return self.parse(ty, space) };
        let part = |key: &str| object.get(key).ok_or_else(|| format!("{ty} without `{key}`"));
        match ty.as_str() {
            "array" => {
                let items = self.parse(part("items")?, space)?;
                Ok(self.add(Node::Array(items)))
            }
            "map" => {
                let values = self.parse(part("values")?, space)?;
                Ok(self.add(Node::Map(values)))
            }
            "record" | "error" | "enum" | "fixed" => {
                let name = part("name")?.as_str().ok_or("a name that is not a text")?;
                let own = object.get("namespace").and_then(Value::as_str).unwrap_or(space);
                let full = full_name(name, own);
                let space = full.rsplit_once('.').map_or("", |(space, _)| space).to_string();
                // The record is known by its name inside of itself.
                let id = self.add(Node::Null);
                if self.names.insert(full, id).is_some() {
                    return Err(format!("two types are named `{name}`"));
                }
                self.nodes[id] = match ty.as_str() {
                    "enum" => {
                        let symbols = part("symbols")?.as_array().ok_or("symbols that are not a list")?;
                        let symbols = symbols.iter().map(|s| s.as_str().map(str::to_string));
                        Node::Enum(symbols.collect::<Option<_>>().ok_or("a symbol that is not a text")?)
                    }
                    "fixed" => {
                        let size = part("size")?.as_u64().and_then(|n| usize::try_from(n).ok());
                        let size = size.ok_or("a size that is not a number of bytes")?;
                        Node::Fixed(size, logical(object, "fixed", size))
                    }
                    _ => self.record(part("fields")?, &space)?,
                };
                Ok(id)
            }
            primitive => {
                let id = self.named(primitive, space)?;
                let logical = logical(object, primitive, 0);
                match &mut self.nodes[id] {
                    Node::Int(l) | Node::Long(l) | Node::Bytes(l) if primitive != "fixed" => *l = logical,
                    _ => {}
                }
                Ok(id)
            }
        }
    }

    fn record(&mut self, fields: &Value, space: &str) -> std::result::Result<Node, String> {
        let fields = fields.as_array().ok_or("fields that are not a list")?;
        let mut out: Vec<Field> = Vec::with_capacity(fields.len());
        for field in fields {
            let name = field.get("name").and_then(Value::as_str).ok_or("a field without a name")?;
            if out.iter().any(|f| f.name == name) {
                return Err(format!("two fields are named `{name}`"));
            }
            let ty = field.get("type").ok_or_else(|| format!("the field `{name}` has no type"))?;
            let ty = match (ty, field.get("logicalType")) {
                // Some writers put the logical type beside the type and not into it.
                (Value::String(_), Some(_)) => self.parse(field, space)?,
                _ => self.parse(ty, space)?,
            };
            out.push(Field { name: name.to_string(), ty, default: field.get("default").cloned() });
        }
        Ok(Node::Record(out))
    }
}

fn full_name(name: &str, space: &str) -> String {
    if name.contains('.') || space.is_empty() { name.to_string() } else { format!("{space}.{name}") }
}

/// The logical type of a type; one that is unknown or does not go with the type is none.
fn logical(object: &Map<String, Value>, ty: &str, size: usize) -> Logical {
    let digits = |key: &str| object.get(key).and_then(Value::as_u64).and_then(|n| u8::try_from(n).ok());
    let name = object.get("logicalType").and_then(Value::as_str).unwrap_or_default();
    match (ty, name) {
        ("int", "date") => Logical::Date,
        ("int", "time-millis") => Logical::TimeMillis,
        ("long", "time-micros") => Logical::TimeMicros,
        ("long", "timestamp-millis") => Logical::Timestamp(TimeUnit::Millisecond, true),
        ("long", "timestamp-micros") => Logical::Timestamp(TimeUnit::Microsecond, true),
        ("long", "timestamp-nanos") => Logical::Timestamp(TimeUnit::Nanosecond, true),
        ("long", "local-timestamp-millis") => Logical::Timestamp(TimeUnit::Millisecond, false),
        ("long", "local-timestamp-micros") => Logical::Timestamp(TimeUnit::Microsecond, false),
        ("long", "local-timestamp-nanos") => Logical::Timestamp(TimeUnit::Nanosecond, false),
        ("bytes" | "fixed", "decimal") => {
            let scale = if object.contains_key("scale") { digits("scale") } else { Some(0) };
            match (digits("precision"), scale) {
                (Some(precision @ 1..), Some(scale)) if scale <= precision => {
                    Logical::Decimal(precision, scale)
                }
                _ => Logical::None,
            }
        }
        ("bytes", "big-decimal") => Logical::BigDecimal,
        ("fixed", "uuid") if size == 16 => Logical::Uuid,
        ("fixed", "duration") if size == 12 => Logical::Duration,
        _ => Logical::None,
    }
}
