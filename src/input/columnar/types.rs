//! The types and columns of files that have types.

use crate::batch::DataType;
use crate::input::SourceFile;
use crate::input::times::TimeRole;
use crate::input::wire_format::LogColumn;
use arrow_array::{ArrayRef, Int64Array, StringViewArray};
use arrow_schema::DataType as ArrowType;
use std::sync::Arc;

/// The type of a column in a file.
#[derive(Debug, Clone)]
pub(in crate::input) struct FileType {
    /// The type that it is read as.
    pub ty: ArrowType,
    /// Whether its 16 bytes are a UUID.
    pub uuid: bool,
    /// Its name in messages.
    pub name: String,
}

impl FileType {
    /// The type that such a column is inferred as; `None` where it is not read.
    pub fn inferred(&self) -> Option<DataType> {
        if self.uuid { Some(DataType::String) } else { column_type(&self.ty) }
    }
}

/// The type that a column of this Arrow type is inferred as; `None` where it is not read.
pub(in crate::input) fn column_type(ty: &ArrowType) -> Option<DataType> {
    Some(match ty {
        ArrowType::Boolean => DataType::Bool,
        ty if ty.is_integer() => DataType::Int64,
        ty if ty.is_floating() => DataType::Float64,
        ArrowType::Decimal32(p, s)
        | ArrowType::Decimal64(p, s)
        | ArrowType::Decimal128(p, s)
        | ArrowType::Decimal256(p, s) => decimal(*p, *s)?,
        // A time of day is text: `10:30:00`.
        ArrowType::Time32(_) | ArrowType::Time64(_) => DataType::String,
        ArrowType::Utf8 | ArrowType::LargeUtf8 | ArrowType::Utf8View | ArrowType::Null => DataType::String,
        ArrowType::Binary | ArrowType::LargeBinary | ArrowType::BinaryView => DataType::String,
        ArrowType::Date32 | ArrowType::Date64 => DataType::Date,
        ArrowType::Timestamp(_, _) => DataType::Timestamp,
        ArrowType::Dictionary(_, value) => column_type(value)?,
        _ => return None,
    })
}

/// A decimal type of the file as one of ours; zeros before the point are digits too. Of more than 38 digits the first
/// are left out: a value that has them is a bad record.
pub(in crate::input) fn decimal(precision: u8, scale: i8) -> Option<DataType> {
    let (precision, scale) = match u8::try_from(scale) {
        Ok(scale) => (precision.max(scale), scale),
        Err(_) => (precision.saturating_add(scale.unsigned_abs()), 0),
    };
    (scale <= 38).then_some(DataType::Decimal { precision: precision.min(38), scale })
}

/// What a file with types says of its columns, for type inference.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(in crate::input) struct FileColumns {
    /// The columns of plain values, and those that cannot be read.
    pub columns: Vec<FileColumn>,
    /// The paths of the records that columns lie in.
    pub records: Vec<String>,
}

/// A column of a file with types.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::input) struct FileColumn {
    /// Its name; of nested fields a dotted path.
    pub name: String,
    /// The type that it is read as; `None` where it cannot be read.
    pub ty: Option<DataType>,
    /// The type as the file has it; `null` where it has no values.
    pub type_name: String,
    /// Whether it is known to be NULL somewhere.
    pub nulls: bool,
    /// A value, where one is at hand.
    pub example: Option<String>,
    /// Whether a value that is not NULL stands for it in files that lack it.
    pub default: bool,
    /// Whether it is a list, record or map that has a JSON text.
    pub nested: bool,
}

/// Where a column of the plan comes from.
#[derive(Debug, Clone)]
pub(in crate::input) enum ColumnOrigin {
    /// The file does not have it: all NULL.
    Missing,
    /// It is the event time, or the arrival.
    Time(TimeRole),
    /// A column of the file, of this type.
    Column(FileType),
    /// The file does not have it, and this one value of the plan's type stands for it.
    Default(ArrayRef),
    /// The name of the file tells it.
    Named(FromName),
}

/// What the name of a file of Kafka Connect says of its records.
#[derive(Debug, Clone)]
pub(in crate::input) enum FromName {
    Topic(String),
    Partition(i64),
    /// The offset of the first record; each has the next one.
    Offset(i64),
}

impl FromName {
    /// What the name of `file` says of the column `name`.
    pub fn of(file: &SourceFile, name: &str) -> Option<FromName> {
        let connect = file.framing.connect()?;
        Some(match LogColumn::named(name)? {
            LogColumn::Topic => FromName::Topic(connect.topic.clone()),
            LogColumn::Partition => FromName::Partition(connect.partition),
            LogColumn::Offset => FromName::Offset(connect.start),
            _ => return None,
        })
    }

    /// The columns that the name of `file` makes.
    pub fn columns(file: &SourceFile) -> Vec<FileColumn> {
        let column = |name: &str| {
            let (ty, example) = match FromName::of(file, name)? {
                FromName::Topic(topic) => (DataType::String, topic),
                FromName::Partition(number) | FromName::Offset(number) => {
                    (DataType::Int64, number.to_string())
                }
            };
            let (name, type_name) = (name.to_string(), ty.to_string());
            let example = Some(example);
            Some(FileColumn {
                name,
                ty: Some(ty),
                type_name,
                nulls: false,
                example,
                default: false,
                nested: false,
            })
        };
        LogColumn::ALL.into_iter().filter_map(|c| column(c.name())).collect()
    }

    /// Its values for `rows` rows from number `first_row` on.
    pub(in crate::input) fn array(&self, first_row: u64, rows: usize) -> ArrayRef {
        match self {
            FromName::Topic(topic) => Arc::new(StringViewArray::from(vec![topic.as_str(); rows])),
            FromName::Partition(partition) => Arc::new(Int64Array::from(vec![*partition; rows])),
            FromName::Offset(start) => {
                let first = start.saturating_add_unsigned(first_row);
                let offset = |row: usize| first.saturating_add_unsigned(row as u64);
                Arc::new((0..rows).map(|row| Some(offset(row))).collect::<Int64Array>())
            }
        }
    }
}
