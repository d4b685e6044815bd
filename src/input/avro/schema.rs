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
pub(super) struct AvroSchema {
    nodes: Vec<AvroType>,
    root: Id,
}

/// A type.
#[derive(Debug)]
pub(super) enum AvroType {
    Null,
    Boolean,
    Int(AvroLogical),
    Long(AvroLogical),
    Float,
    Double,
    Bytes(AvroLogical),
    String,
    /// So many bytes.
    Fixed(usize, AvroLogical),
    /// Its symbols.
    Enum(Vec<String>),
    Array(Id),
    Map(Id),
    Union(Vec<Id>),
    Record(Vec<AvroField>),
}

/// What the values of a primitive type stand for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum AvroLogical {
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
pub(super) struct AvroField {
    pub name: String,
    pub ty: Id,
    pub default: Option<Value>,
}

/// What a dotted path stands for.
pub(super) enum ResolvedPath {
    /// A column of plain values.
    Leaf(FileType),
    /// Something else, by the name of its type.
    Group(&'static str, Id),
    /// Nothing: of the fields on the way there, the one at the end of this many names is missing.
    Missing(usize),
    /// Nothing: what these many names of the path lead to has no fields.
    Plain(usize, String),
}

impl AvroSchema {
    /// The schema that `json` is, of the file at `path`.
    ///
    /// # Errors
    /// Data: it is no Avro schema, or not that of records.
    pub fn parse(json: &[u8], path: &Path) -> Result<AvroSchema> {
        let wrong = |why: String| {
            Error::data(format!("the schema of {} cannot be read", path.display())).caused_by(why)
        };
        let value: Value = serde_json::from_slice(json).map_err(|e| wrong(e.to_string()))?;
        let mut parser = Parser { nodes: vec![], names: HashMap::new() };
        let root = parser.parse(&value, "").map_err(wrong)?;
        let schema = AvroSchema { nodes: parser.nodes, root };
        match schema.node(root) {
            AvroType::Record(_) => Ok(schema),
            _ => Err(Error::data(format!(
                "the values of {} are of type {}, but only records can be read",
                path.display(),
                schema.type_name(root)
            ))),
        }
    }

    pub fn node(&self, id: Id) -> &AvroType {
        &self.nodes[id]
    }

    pub fn root(&self) -> Id {
        self.root
    }

    /// The type of `id` less NULL, and the branch of its union that is NULL.
    pub fn less_null(&self, id: Id) -> (Id, Option<usize>) {
        let AvroType::Union(branches) = self.node(id) else { return (id, None) };
        let null = |&branch: &Id| matches!(self.node(branch), AvroType::Null);
        match branches[..] {
            [a, b] if null(&a) && !null(&b) => (b, Some(0)),
            [a, b] if null(&b) && !null(&a) => (a, Some(1)),
            _ => (id, None),
        }
    }

    /// The fields of `id`, if it is a record or NULL.
    pub fn fields(&self, id: Id) -> Option<&[AvroField]> {
        match self.node(self.less_null(id).0) {
            AvroType::Record(fields) => Some(fields),
            _ => None,
        }
    }

    /// The field at a path.
    pub fn field(&self, path: &[&str]) -> Option<&AvroField> {
        let (last, around) = path.split_last()?;
        let mut id = self.root;
        for name in around {
            id = self.fields(id)?.iter().find(|f| f.name == *name)?.ty;
        }
        self.fields(id)?.iter().find(|f| f.name == *last)
    }

    /// What the column `name`, a dotted path into records, is.
    pub fn find(&self, name: &str) -> ResolvedPath {
        let mut id = self.root;
        for (depth, key) in name.split('.').enumerate() {
            match self.fields(id) {
                Some(fields) => match fields.iter().find(|f| f.name == key) {
                    Some(field) => id = field.ty,
                    None => return ResolvedPath::Missing(depth + 1),
                },
                // Of a record that is always NULL in this file all fields are missing.
                None if matches!(self.node(id), AvroType::Null) => return ResolvedPath::Missing(depth + 1),
                None => return ResolvedPath::Plain(depth, self.type_name(id)),
            }
        }
        match self.file_type(id) {
            Some(of) => ResolvedPath::Leaf(of),
            None => ResolvedPath::Group(self.group_name(id), id),
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
            AvroType::Null => ArrowType::Null,
            AvroType::Boolean => ArrowType::Boolean,
            AvroType::Int(AvroLogical::Date) => ArrowType::Date32,
            AvroType::Int(AvroLogical::TimeMillis) => ArrowType::Time32(TimeUnit::Millisecond),
            AvroType::Long(AvroLogical::TimeMicros) => ArrowType::Time64(TimeUnit::Microsecond),
            AvroType::Long(AvroLogical::Timestamp(unit, true)) => ArrowType::Timestamp(unit, utc()),
            AvroType::Long(AvroLogical::Timestamp(unit, false)) => ArrowType::Timestamp(unit, None),
            AvroType::Int(_) | AvroType::Long(_) => ArrowType::Int64,
            AvroType::Float | AvroType::Double => ArrowType::Float64,
            AvroType::Bytes(AvroLogical::Decimal(p, s)) | AvroType::Fixed(_, AvroLogical::Decimal(p, s))
                if p <= 38 =>
            {
                ArrowType::Decimal128(p, s as i8)
            }
            // Checked per value: one of more digits is a bad record.
            AvroType::Bytes(AvroLogical::Decimal(_, s)) | AvroType::Fixed(_, AvroLogical::Decimal(_, s))
                if s <= 38 =>
            {
                ArrowType::Decimal128(38, s as i8)
            }
            AvroType::Bytes(AvroLogical::Decimal(p, s)) | AvroType::Fixed(_, AvroLogical::Decimal(p, s)) => {
                ArrowType::Decimal256(p, s as i8)
            }
            // Not read, as others of Arrow's types.
            AvroType::Bytes(AvroLogical::BigDecimal) => ArrowType::Binary,
            AvroType::Bytes(_) => ArrowType::BinaryView,
            AvroType::String | AvroType::Enum(_) => ArrowType::Utf8View,
            AvroType::Fixed(_, AvroLogical::Duration) => ArrowType::Interval(IntervalUnit::MonthDayNano),
            AvroType::Fixed(size, _) => ArrowType::FixedSizeBinary(i32::try_from(size).ok()?),
            AvroType::Array(_) | AvroType::Map(_) | AvroType::Union(_) | AvroType::Record(_) => return None,
        };
        let uuid = matches!(self.node(id), AvroType::Fixed(16, AvroLogical::Uuid));
        Some(FileType { ty, uuid, name: self.type_name(id) })
    }

    /// The type as messages name it.
    fn type_name(&self, id: Id) -> String {
        let (id, _) = self.less_null(id);
        match self.node(id) {
            AvroType::Null => "null".into(),
            AvroType::Boolean => "boolean".into(),
            AvroType::Int(AvroLogical::Date) => "date".into(),
            AvroType::Int(AvroLogical::TimeMillis) => "time-millis".into(),
            AvroType::Int(_) => "int".into(),
            AvroType::Long(AvroLogical::TimeMicros) => "time-micros".into(),
            AvroType::Long(AvroLogical::Timestamp(unit, utc)) => {
                let unit = match unit {
                    TimeUnit::Nanosecond => "nanos",
                    TimeUnit::Microsecond => "micros",
                    _ => "millis",
                };
                format!("{}timestamp-{unit}", if *utc { "" } else { "local-" })
            }
            AvroType::Long(_) => "long".into(),
            AvroType::Float => "float".into(),
            AvroType::Double => "double".into(),
            AvroType::Bytes(AvroLogical::Decimal(p, s)) | AvroType::Fixed(_, AvroLogical::Decimal(p, s)) => {
                format!("decimal({p},{s})")
            }
            AvroType::Bytes(AvroLogical::BigDecimal) => "big-decimal".into(),
            AvroType::Bytes(_) => "bytes".into(),
            AvroType::String => "string".into(),
            AvroType::Fixed(_, AvroLogical::Uuid) => "uuid".into(),
            AvroType::Fixed(_, AvroLogical::Duration) => "duration".into(),
            AvroType::Fixed(size, _) => format!("fixed({size})"),
            AvroType::Enum(_) => "enum".into(),
            AvroType::Array(_) | AvroType::Map(_) | AvroType::Union(_) | AvroType::Record(_) => {
                self.group_name(id).into()
            }
        }
    }

    fn group_name(&self, id: Id) -> &'static str {
        match self.node(self.less_null(id).0) {
            AvroType::Array(_) => "array",
            AvroType::Map(_) => "map",
            AvroType::Union(_) => "union",
            _ => "record",
        }
    }
}

struct Parser {
    nodes: Vec<AvroType>,
    /// Of named types, by full name.
    names: HashMap<String, Id>,
}

impl Parser {
    fn add(&mut self, node: AvroType) -> Id {
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
                    _ => self.add(AvroType::Union(branches)),
                })
            }
            Value::Object(object) => self.object(object, space),
            other => Err(format!("`{other}` is not a type")),
        }
    }

    fn named(&mut self, name: &str, space: &str) -> std::result::Result<Id, String> {
        let none = AvroLogical::None;
        let node = match name {
            "null" => AvroType::Null,
            "boolean" => AvroType::Boolean,
            "int" => AvroType::Int(none),
            "long" => AvroType::Long(none),
            "float" => AvroType::Float,
            "double" => AvroType::Double,
            "bytes" => AvroType::Bytes(none),
            "string" => AvroType::String,
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
                Ok(self.add(AvroType::Array(items)))
            }
            "map" => {
                let values = self.parse(part("values")?, space)?;
                Ok(self.add(AvroType::Map(values)))
            }
            "record" | "error" | "enum" | "fixed" => {
                let name = part("name")?.as_str().ok_or("a name that is not a text")?;
                let own = object.get("namespace").and_then(Value::as_str).unwrap_or(space);
                let full = full_name(name, own);
                let space = full.rsplit_once('.').map_or("", |(space, _)| space).to_string();
                // The record is known by its name inside of itself.
                let id = self.add(AvroType::Null);
                if self.names.insert(full, id).is_some() {
                    return Err(format!("two types are named `{name}`"));
                }
                self.nodes[id] = match ty.as_str() {
                    "enum" => {
                        let symbols = part("symbols")?.as_array().ok_or("symbols that are not a list")?;
                        let symbols = symbols.iter().map(|s| s.as_str().map(str::to_string));
                        AvroType::Enum(symbols.collect::<Option<_>>().ok_or("a symbol that is not a text")?)
                    }
                    "fixed" => {
                        let size = part("size")?.as_u64().and_then(|n| usize::try_from(n).ok());
                        let size = size.ok_or("a size that is not a number of bytes")?;
                        AvroType::Fixed(size, logical(object, "fixed", size))
                    }
                    _ => self.record(part("fields")?, &space)?,
                };
                Ok(id)
            }
            primitive => {
                let id = self.named(primitive, space)?;
                let logical = logical(object, primitive, 0);
                match &mut self.nodes[id] {
                    AvroType::Int(l) | AvroType::Long(l) | AvroType::Bytes(l) if primitive != "fixed" => {
                        *l = logical
                    }
                    _ => {}
                }
                Ok(id)
            }
        }
    }

    fn record(&mut self, fields: &Value, space: &str) -> std::result::Result<AvroType, String> {
        let fields = fields.as_array().ok_or("fields that are not a list")?;
        let mut out: Vec<AvroField> = Vec::with_capacity(fields.len());
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
            out.push(AvroField { name: name.to_string(), ty, default: field.get("default").cloned() });
        }
        Ok(AvroType::Record(out))
    }
}

fn full_name(name: &str, space: &str) -> String {
    if name.contains('.') || space.is_empty() { name.to_string() } else { format!("{space}.{name}") }
}

/// The logical type of a type; one that is unknown or does not go with the type is none.
fn logical(object: &Map<String, Value>, ty: &str, size: usize) -> AvroLogical {
    let digits = |key: &str| object.get(key).and_then(Value::as_u64).and_then(|n| u8::try_from(n).ok());
    let name = object.get("logicalType").and_then(Value::as_str).unwrap_or_default();
    match (ty, name) {
        ("int", "date") => AvroLogical::Date,
        ("int", "time-millis") => AvroLogical::TimeMillis,
        ("long", "time-micros") => AvroLogical::TimeMicros,
        ("long", "timestamp-millis") => AvroLogical::Timestamp(TimeUnit::Millisecond, true),
        ("long", "timestamp-micros") => AvroLogical::Timestamp(TimeUnit::Microsecond, true),
        ("long", "timestamp-nanos") => AvroLogical::Timestamp(TimeUnit::Nanosecond, true),
        ("long", "local-timestamp-millis") => AvroLogical::Timestamp(TimeUnit::Millisecond, false),
        ("long", "local-timestamp-micros") => AvroLogical::Timestamp(TimeUnit::Microsecond, false),
        ("long", "local-timestamp-nanos") => AvroLogical::Timestamp(TimeUnit::Nanosecond, false),
        ("bytes" | "fixed", "decimal") => {
            let scale = if object.contains_key("scale") { digits("scale") } else { Some(0) };
            match (digits("precision"), scale) {
                (Some(precision @ 1..), Some(scale)) if scale <= precision => {
                    AvroLogical::Decimal(precision, scale)
                }
                // The specification asks readers to ignore a logical type that is not valid.
                _ => AvroLogical::None,
            }
        }
        ("bytes", "big-decimal") => AvroLogical::BigDecimal,
        ("fixed", "uuid") if size == 16 => AvroLogical::Uuid,
        ("fixed", "duration") if size == 12 => AvroLogical::Duration,
        _ => AvroLogical::None,
    }
}
