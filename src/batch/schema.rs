//! The eight types that a column can have, and the schema of a batch.

use arrow_schema::TimeUnit;
use std::fmt;

/// The type of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DataType {
    /// UTF-8 text.
    String,
    /// The JSON text of lists, records or values of any kind, each as it stands where it is from; a NULL is none of them.
    /// To all that computes it is a text, and JSON Lines have it as what it is.
    Json,
    /// true or false.
    Bool,
    /// A signed 64-bit integer.
    Int64,
    /// A 64-bit IEEE 754 number.
    Float64,
    /// An exact number of `precision` digits (1 to 38), `scale` of them after the point.
    Decimal {
        /// Digits in all.
        precision: u8,
        /// Digits after the point, at most `precision`.
        scale: u8,
    },
    /// A day, without a time zone.
    Date,
    /// An instant, microseconds UTC.
    Timestamp,
}

impl DataType {
    /// Reads a type as a job file writes it: `string`, `json`, `bool`, `int64`, `float64`, `decimal(p,s)`,
    /// `date`, `timestamp`.
    pub fn parse(text: &str) -> Option<DataType> {
        let text = text.trim().to_ascii_lowercase();
        Some(match text.as_str() {
            "string" => DataType::String,
            "json" => DataType::Json,
            "bool" => DataType::Bool,
            "int64" => DataType::Int64,
            "float64" => DataType::Float64,
            "date" => DataType::Date,
            "timestamp" => DataType::Timestamp,
            _ => {
                let inner = text.strip_prefix("decimal(")?.strip_suffix(')')?;
                // In SQL `decimal(p)` has the scale 0.
                let (p, s) = inner.split_once(',').unwrap_or((inner, "0"));
                let (precision, scale) = (p.trim().parse().ok()?, s.trim().parse().ok()?);
                // A Decimal128 of Arrow has at most 38 digits.
                if !(1..=38).contains(&precision) || scale > precision {
                    return None;
                }
                DataType::Decimal { precision, scale }
            }
        })
    }

    /// Whether its values are texts to all that computes.
    pub fn is_text(self) -> bool {
        matches!(self, DataType::String | DataType::Json)
    }

    /// Whether its values are numbers.
    pub fn is_number(self) -> bool {
        matches!(self, DataType::Int64 | DataType::Float64 | DataType::Decimal { .. })
    }

    /// The digits after the point of a decimal.
    pub fn scale(self) -> Option<u8> {
        if let DataType::Decimal { scale, .. } = self { Some(scale) } else { None }
    }

    /// The type of a sum of its values: of decimals one of all digits.
    pub fn summed(self) -> DataType {
        self.scale().map_or(self, |scale| DataType::Decimal { precision: 38, scale })
    }

    /// Whether a value takes 128 bits where other types take at most 64.
    pub fn is_wide(self) -> bool {
        self.scale().is_some()
    }

    /// What it is to what computes: JSON is a text.
    pub fn computed(self) -> DataType {
        if self.is_text() { DataType::String } else { self }
    }

    /// The Arrow type of a column of this type.
    pub fn arrow(self) -> arrow_schema::DataType {
        match self {
            // A view holds a string of at most 12 bytes whole, which `group` uses to find most keys without a
            // pointer.
            DataType::String | DataType::Json => arrow_schema::DataType::Utf8View,
            DataType::Bool => arrow_schema::DataType::Boolean,
            DataType::Int64 => arrow_schema::DataType::Int64,
            DataType::Float64 => arrow_schema::DataType::Float64,
            DataType::Decimal { precision, scale } => {
                // A scale is at most 38, so it fits an i8.
                arrow_schema::DataType::Decimal128(precision, scale as i8)
            }
            DataType::Date => arrow_schema::DataType::Date32,
            DataType::Timestamp => {
                // With a zone, Parquet and its readers take the values for instants and not for local times.
                arrow_schema::DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()))
            }
        }
    }
}

impl fmt::Display for DataType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DataType::String => f.write_str("string"),
            DataType::Json => f.write_str("json"),
            DataType::Bool => f.write_str("bool"),
            DataType::Int64 => f.write_str("int64"),
            DataType::Float64 => f.write_str("float64"),
            DataType::Decimal { precision, scale } => write!(f, "decimal({precision},{scale})"),
            DataType::Date => f.write_str("date"),
            DataType::Timestamp => f.write_str("timestamp"),
        }
    }
}

/// A column's name and type. Every column may hold NULLs.
#[derive(Clone, PartialEq, Eq)]
pub struct Field {
    /// The name, unique among those of its schema that can be found by it.
    pub name: String,
    /// The type.
    pub ty: DataType,
    /// Whose it is.
    pub origin: Origin,
    /// Whether a fault of the job leaves its type open. There is none in a plan.
    pub faulty: bool,
    /// Whether it is of a record in the files: its name is a path to it, and JSON Lines have the record.
    pub nested: bool,
    /// Its number in a table; none in other outputs.
    pub table_id: Option<i32>,
}

/// Whose a column is, which decides whether it is found by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Origin {
    /// The job's: it is found by its name.
    #[default]
    Job,
    /// Ours, such as the argument of an aggregate: no name finds it, whatever it is called.
    Own,
}

impl Field {
    /// A field of the job.
    pub fn new(name: impl Into<String>, ty: DataType) -> Field {
        Field { name: name.into(), ty, origin: Origin::Job, faulty: false, nested: false, table_id: None }
    }

    /// A field that no name finds; `name` is for people.
    pub fn own(name: impl Into<String>, ty: DataType) -> Field {
        Field { origin: Origin::Own, ..Field::new(name, ty) }
    }

    /// A field of the job whose type is not known after a fault.
    pub fn faulty(name: impl Into<String>) -> Field {
        Field { faulty: true, ..Field::new(name, DataType::String) }
    }
}

impl fmt::Debug for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Manifests of older versions have a hash of this text (`job::identity`), so further fields stay out
        // of it.
        f.debug_struct("Field").field("name", &self.name).field("ty", &self.ty).finish()
    }
}

/// The columns of a batch, in order.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Schema {
    /// The columns.
    pub fields: Vec<Field>,
}

impl Schema {
    /// A schema of these columns.
    pub fn new(fields: Vec<Field>) -> Schema {
        Schema { fields }
    }

    /// The index of the job's column `name`.
    pub fn index_of(&self, name: &str) -> Option<usize> {
        self.fields.iter().position(|f| f.origin == Origin::Job && f.name == name)
    }

    /// The type of the column `name`.
    pub fn type_of(&self, name: &str) -> Option<DataType> {
        self.index_of(name).map(|i| self.fields[i].ty)
    }

    /// The names of the job's columns, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.fields.iter().filter(|f| f.origin == Origin::Job).map(|f| f.name.as_str())
    }

    /// The same schema as Arrow has it.
    pub fn arrow(&self) -> arrow_schema::SchemaRef {
        let field = |f: &Field| {
            let field = arrow_schema::Field::new(&f.name, f.ty.arrow(), true);
            match f.table_id {
                // The key by which `parquet` takes the id of a column.
                Some(id) => field.with_metadata([("PARQUET:field_id".to_string(), id.to_string())]),
                None => field,
            }
        };
        let fields = self.fields.iter().map(field);
        std::sync::Arc::new(arrow_schema::Schema::new(fields.collect::<Vec<_>>()))
    }
}
