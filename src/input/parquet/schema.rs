//! What a Parquet file says of its columns: types, places, names.

use crate::error::{Error, Result};
use crate::input::columnar::FileType;
use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, RecordBatch};
use arrow_schema::{DataType as ArrowType, Field, FieldRef, Fields, Schema, TimeUnit};
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions};
use parquet::basic::{LogicalType, Type as PhysicalType};
use parquet::errors::ParquetError;
use parquet::file::reader::ChunkReader;
use std::fmt::Display;
use std::path::Path;
use std::sync::Arc;

/// A column of plain values, possibly inside of structs.
#[derive(Debug, Clone)]
pub(super) struct Leaf {
    /// Its number among the leaves of the file.
    pub index: usize,
    /// Its type.
    pub of: FileType,
    /// The names on the way to it, from the root.
    path: Vec<String>,
}

impl Leaf {
    /// The column's array in a batch of the file; NULL where a struct around it is.
    pub fn array(&self, batch: &RecordBatch, file: &Path) -> Result<ArrayRef> {
        let lost = || damaged(file, &format!("the column {} is not where it was", self.path.join(".")));
        let mut array = batch.column_by_name(&self.path[0]).ok_or_else(lost)?.clone();
        for name in &self.path[1..] {
            let outer = array.as_struct_opt().ok_or_else(lost)?.clone();
            array = outer.column_by_name(name).ok_or_else(lost)?.clone();
            if let Some(nulls) = outer.nulls() {
                let absent = arrow_array::BooleanArray::new(!nulls.inner(), None);
                array = arrow_select::nullif::nullif(&array, &absent).map_err(|e| damaged(file, &e))?;
            }
        }
        Ok(array)
    }
}

/// What a name stands for in a file.
pub(super) enum Lookup {
    Missing,
    Leaf(Leaf),
    /// A struct, list or map, by its name.
    Group(&'static str),
}

/// Reads the footer of `file`; text and binary columns will be read as views.
pub(crate) fn load(path: &Path, file: &impl ChunkReader) -> Result<ArrowReaderMetadata> {
    let options = ArrowReaderOptions::new;
    // What writers embed of Arrow's schema may not fit the file's own; then that one is used.
    let metadata = ArrowReaderMetadata::load(file, options())
        .or_else(|e| ArrowReaderMetadata::load(file, options().with_skip_arrow_metadata(true)).map_err(|_| e))
        .map_err(|e| match &e {
            ParquetError::EOF(_) | ParquetError::General(_) => {
                damaged(path, &e).hint("is it a Parquet file, and was it written to its end?")
            }
            _ => damaged(path, &e),
        })?;
    let file_schema = metadata.parquet_schema();
    let as_views = Schema::new_with_metadata(
        metadata.schema().fields().iter().map(with_views).collect::<Fields>(),
        metadata.schema().metadata().clone(),
    );
    // INT96 of UTC microseconds reaches further than nanoseconds do.
    let int96 = |i: usize| file_schema.column(i).physical_type() == PhysicalType::INT96;
    let as_views = if (0..file_schema.num_columns()).any(int96) {
        Schema::new(
            as_views
                .fields()
                .iter()
                .enumerate()
                .map(|(root, f)| int96_as_utc(f, root, &metadata))
                .collect::<Fields>(),
        )
    } else {
        as_views
    };
    let viewed = ArrowReaderMetadata::try_new(
        metadata.metadata().clone(),
        ArrowReaderOptions::new().with_schema(Arc::new(as_views)),
    );
    Ok(viewed.unwrap_or(metadata))
}

fn with_views(field: &FieldRef) -> FieldRef {
    let ty = match field.data_type() {
        ArrowType::Utf8 | ArrowType::LargeUtf8 => ArrowType::Utf8View,
        ArrowType::Binary | ArrowType::LargeBinary => ArrowType::BinaryView,
        ArrowType::Dictionary(_, value) => {
            let value: FieldRef = Arc::new(Field::new("", (**value).clone(), true));
            with_views(&value).data_type().clone()
        }
        ArrowType::Struct(fields) => ArrowType::Struct(fields.iter().map(with_views).collect()),
        ty => ty.clone(),
    };
    Arc::new(field.as_ref().clone().with_data_type(ty))
}

/// A root that is INT96 as UTC microseconds; those inside of structs stay as they are.
fn int96_as_utc(field: &FieldRef, root: usize, metadata: &ArrowReaderMetadata) -> FieldRef {
    let file_schema = metadata.parquet_schema();
    let is = (0..file_schema.num_columns()).any(|leaf| {
        file_schema.get_column_root_idx(leaf) == root
            && file_schema.column(leaf).physical_type() == PhysicalType::INT96
            && field.data_type() == &ArrowType::Timestamp(TimeUnit::Nanosecond, None)
    });
    if !is {
        return field.clone();
    }
    let utc = ArrowType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
    Arc::new(field.as_ref().clone().with_data_type(utc))
}

/// What the column `name` (a dotted path into structs) is in the file.
pub(super) fn find(metadata: &ArrowReaderMetadata, name: &str) -> Lookup {
    let file_schema = metadata.parquet_schema();
    let mut group = None;
    let mut best: Option<Leaf> = None;
    for (index, column) in file_schema.columns().iter().enumerate() {
        let path = column.path().parts();
        if path.join(".") != name || column.max_rep_level() > 0 {
            let inside = (1..=path.len()).any(|n| path[..n].join(".") == name);
            if inside && group.is_none() {
                group = Some(if column.max_rep_level() > 0 { "list or map" } else { "struct" });
            }
            continue;
        }
        let Some(ty) = type_at(metadata.schema().fields(), path) else { continue };
        let uuid = column.logical_type_ref() == Some(&LogicalType::Uuid);
        let of = FileType { name: type_name(&ty, uuid), ty, uuid };
        let leaf = Leaf { index, of, path: path.to_vec() };
        // A name with a dot in it goes before a path.
        if best.as_ref().is_none_or(|b| b.path.len() > path.len()) {
            best = Some(leaf);
        }
    }
    match (best, group) {
        (Some(leaf), _) => Lookup::Leaf(leaf),
        (None, Some(group)) => Lookup::Group(group),
        (None, None) => Lookup::Missing,
    }
}

fn type_at(fields: &Fields, path: &[String]) -> Option<ArrowType> {
    let field = fields.iter().find(|f| *f.name() == path[0])?;
    match field.data_type() {
        ArrowType::Struct(inner) if path.len() > 1 => type_at(inner, &path[1..]),
        ty if path.len() == 1 => Some(ty.clone()),
        _ => None,
    }
}

/// A type as messages name it.
fn type_name(ty: &ArrowType, uuid: bool) -> String {
    match (ty, uuid) {
        (_, true) => "uuid".into(),
        (ArrowType::Utf8View, _) => "string".into(),
        (ArrowType::BinaryView, _) => "binary".into(),
        (ty, _) => ty.to_string().to_lowercase(),
    }
}

/// The names of all columns, nested ones as dotted paths; of lists and maps the name alone.
pub(super) fn names(metadata: &ArrowReaderMetadata) -> Vec<String> {
    let (mut names, mut records) = (vec![], vec![]);
    walk(metadata.schema().fields(), "", &mut names, &mut records);
    names
}

/// The paths of all structs.
pub(super) fn records(metadata: &ArrowReaderMetadata) -> Vec<String> {
    let (mut names, mut records) = (vec![], vec![]);
    walk(metadata.schema().fields(), "", &mut names, &mut records);
    records
}

fn walk(fields: &Fields, prefix: &str, names: &mut Vec<String>, records: &mut Vec<String>) {
    for field in fields {
        let name = format!("{prefix}{}", field.name());
        match field.data_type() {
            ArrowType::Struct(inner) => {
                walk(inner, &format!("{name}."), names, records);
                records.push(name);
            }
            _ => names.push(name),
        }
    }
}

/// A file whose bytes cannot be read as Parquet.
pub(crate) fn damaged(path: &Path, cause: &dyn Display) -> Error {
    Error::data(format!("cannot read {}: it is damaged, cut short or no Parquet file", path.display()))
        .caused_by(cause)
}
