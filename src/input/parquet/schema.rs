//! What a Parquet file says of its columns: types, places, names.

use crate::error::{Error, Result};
use crate::input::columnar::FileType;
use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, RecordBatch};
use arrow_schema::{DataType as ArrowType, Field, FieldRef, Fields, Schema, TimeUnit};
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions};
use parquet::basic::{Compression, LogicalType, Type as PhysicalType};
use parquet::column::page::PageReader;
use parquet::errors::ParquetError;
use parquet::file::metadata::{
    ColumnChunkMetaData, FileMetaData, KeyValue, ParquetMetaDataReader, RowGroupMetaData,
};
use parquet::file::reader::ChunkReader;
use parquet::file::serialized_reader::SerializedPageReader;
use parquet::schema::types::SchemaDescriptor;
use std::cell::RefCell;
use std::collections::HashSet;
use std::fmt::Display;
use std::path::Path;
use std::sync::Arc;

/// A column of plain values, or one that is read as its JSON text, possibly inside of structs.
#[derive(Debug, Clone)]
pub(super) struct Leaf {
    /// Its number among the leaves of the file.
    pub index: usize,
    /// How many leaves it is, from that one on: of a list, record or map all that are inside.
    pub leaves: usize,
    /// Its type.
    pub of: FileType,
    /// The names on the way to it, from the root.
    path: Vec<String>,
}

impl Leaf {
    /// The numbers of its leaves.
    pub fn indices(&self) -> std::ops::Range<usize> {
        self.index..self.index + self.leaves
    }

    /// The column's array in a batch of the file; NULL where a struct around it is.
    pub fn array(&self, batch: &RecordBatch, file: &Path) -> Result<ArrayRef> {
        let lost = || damaged(file, &format!("the column {} is not where it was", self.path.join(".")));
        let mut array = batch.column_by_name(&self.path[0]).ok_or_else(lost)?.clone();
        for name in &self.path[1..] {
            let outer = array.as_struct_opt().ok_or_else(lost)?.clone();
            array = outer.column_by_name(name).ok_or_else(lost)?.clone();
            // Arrow may keep values below a record that is NULL: they must not come out.
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

/// What a footer says of columns, and the schema that files of that are read with.
#[derive(Debug)]
struct KnownSchema {
    columns: Arc<SchemaDescriptor>,
    words: Option<Vec<KeyValue>>,
    viewed: Arc<Schema>,
}

thread_local! {
    /// That of the file that this thread has loaded last: of many small files most have the same.
    static LAST: RefCell<Option<KnownSchema>> = const { RefCell::new(None) };
}

impl KnownSchema {
    fn is_of(&self, footer: &FileMetaData) -> bool {
        self.columns.root_schema() == footer.schema_descr().root_schema()
            && self.words.as_ref() == footer.key_value_metadata()
    }
}

/// Reads the footer of `file`; text and binary columns will be read as views, INT96 as UTC.
pub(crate) fn load(path: &Path, file: &impl ChunkReader) -> Result<ArrowReaderMetadata> {
    let footer = ParquetMetaDataReader::new().parse_and_finish(file);
    let footer = Arc::new(footer.map_err(|e| unreadable(path, file, &e))?);
    let with = |viewed| {
        ArrowReaderMetadata::try_new(footer.clone(), ArrowReaderOptions::new().with_schema(viewed)).ok()
    };
    // To find the schema takes longer than to read the footer.
    let known = LAST.with_borrow(|last| {
        last.as_ref().filter(|last| last.is_of(footer.file_metadata())).map(|last| last.viewed.clone())
    });
    if let Some(metadata) = known.and_then(with) {
        return Ok(metadata);
    }
    let options = ArrowReaderOptions::new;
    let read = |options| ArrowReaderMetadata::try_new(footer.clone(), options);
    // What writers embed of Arrow's schema may not fit the file's own; then that one is used.
    let metadata = read(options())
        .or_else(|e| read(options().with_skip_arrow_metadata(true)).map_err(|_| e))
        .map_err(|e| unreadable(path, file, &e))?;
    let file_schema = metadata.parquet_schema();
    let fields: Fields = metadata.schema().fields().iter().map(with_views).collect();
    let int96 = (0..file_schema.num_columns())
        .any(|leaf| file_schema.column(leaf).physical_type() == PhysicalType::INT96);
    let fields = match int96 {
        true => int96_as_utc(&fields, &metadata),
        false => Some(fields),
    };
    let viewed = fields.and_then(|fields| {
        let viewed = Arc::new(Schema::new_with_metadata(fields, metadata.schema().metadata().clone()));
        Some((with(viewed.clone())?, viewed))
    });
    match viewed {
        Some((metadata, viewed)) => {
            let of_file = footer.file_metadata();
            let (columns, words) = (of_file.schema_descr_ptr(), of_file.key_value_metadata().cloned());
            LAST.set(Some(KnownSchema { columns, words, viewed }));
            Ok(metadata)
        }
        // They would be taken for local times.
        None if int96 => Err(damaged(path, &"its INT96 columns are not where its schema says")),
        None => Ok(metadata),
    }
}

/// The error for a file whose footer cannot be read: it may be encrypted, and is not damaged then.
fn unreadable(path: &Path, file: &impl ChunkReader, cause: &ParquetError) -> Error {
    let tail = file.len().checked_sub(4).and_then(|at| file.get_bytes(at, 4).ok());
    if tail.as_deref() == Some(b"PARE") {
        return encrypted(path);
    }
    match cause {
        ParquetError::EOF(_) | ParquetError::General(_) => {
            damaged(path, cause).hint("is it a Parquet file, and was it written completely?")
        }
        _ => damaged(path, cause),
    }
}

/// The error for a file that nobody reads without its keys.
pub(super) fn encrypted(path: &Path) -> Error {
    Error::data(format!("{} is encrypted, which is not supported", path.display()))
        .hint("write it again without encryption, with a program that has the keys")
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

/// `fields` with every INT96 as UTC microseconds, which reach further than nanoseconds do; `None` where fields and
/// columns are not as many.
fn int96_as_utc(fields: &Fields, metadata: &ArrowReaderMetadata) -> Option<Fields> {
    let file_schema = metadata.parquet_schema();
    let int96: Vec<bool> =
        file_schema.columns().iter().map(|column| column.physical_type() == PhysicalType::INT96).collect();
    let mut leaf = 0;
    let out = fields.iter().map(|field| as_utc(field, &int96, &mut leaf)).collect::<Option<Fields>>()?;
    (leaf == int96.len()).then_some(out)
}

/// A field with its INT96 as UTC; `leaf` counts the columns that were met, in the order of the file's.
fn as_utc(field: &FieldRef, int96: &[bool], leaf: &mut usize) -> Option<FieldRef> {
    let mut inner = |field: &FieldRef| as_utc(field, int96, leaf);
    let ty = match field.data_type() {
        ArrowType::Struct(fields) => ArrowType::Struct(fields.iter().map(inner).collect::<Option<Fields>>()?),
        ArrowType::List(item) => ArrowType::List(inner(item)?),
        ArrowType::LargeList(item) => ArrowType::LargeList(inner(item)?),
        ArrowType::FixedSizeList(item, size) => ArrowType::FixedSizeList(inner(item)?, *size),
        ArrowType::ListView(item) => ArrowType::ListView(inner(item)?),
        ArrowType::LargeListView(item) => ArrowType::LargeListView(inner(item)?),
        ArrowType::Map(entries, sorted) => ArrowType::Map(inner(entries)?, *sorted),
        ty => {
            *leaf += 1;
            match int96.get(*leaf - 1)? {
                true => ArrowType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
                false => ty.clone(),
            }
        }
    };
    Some(Arc::new(field.as_ref().clone().with_data_type(ty)))
}

/// Fails where two columns of the file have one name: which of them is meant is for nobody to guess.
pub(super) fn check_names(metadata: &ArrowReaderMetadata, path: &Path) -> Result<()> {
    let twice = |fields: &Fields| {
        let mut seen = HashSet::new();
        fields.iter().map(|field| field.name().clone()).find(|name| !seen.insert(name.clone()))
    };
    let mut records = vec![(String::new(), metadata.schema().fields().clone())];
    while let Some((prefix, fields)) = records.pop() {
        if let Some(name) = twice(&fields) {
            let error = format!("{}: two columns are named `{prefix}{name}`", path.display());
            return Err(Error::data(error).hint("write the file again with a different name for each column"));
        }
        records.extend(fields.iter().filter_map(|field| match field.data_type() {
            ArrowType::Struct(inner) => Some((format!("{prefix}{}.", field.name()), inner.clone())),
            _ => None,
        }));
    }
    Ok(())
}

/// Fails where the pages of `leaf` are compressed by what has no reader, or by a writer that denies it.
pub(super) fn check_pages<R: ChunkReader + 'static>(
    metadata: &ArrowReaderMetadata,
    leaf: &Leaf,
    file: &Arc<R>,
    path: &Path,
) -> Result<()> {
    let groups = metadata.metadata().row_groups();
    let unread =
        |what: &str| Error::data(format!("column `{}` of {} is {what}", leaf.path.join("."), path.display()));
    let columns =
        |group: &'_ RowGroupMetaData| leaf.indices().map(|i| group.column(i).clone()).collect::<Vec<_>>();
    if groups.iter().any(|group| columns(group).iter().any(|c| c.compression() == Compression::LZO)) {
        return Err(unread("compressed by LZO, which is not supported")
            .hint("write the file again with zstd, snappy, gzip, brotli, lz4 or no compression"));
    }
    if !is_of_old_arrow(metadata.metadata().file_metadata().created_by()) {
        return Ok(());
    }
    for (group, column) in groups.iter().flat_map(|group| columns(group).into_iter().map(move |c| (group, c)))
    {
        let rows = usize::try_from(group.num_rows()).unwrap_or(0);
        if column.compression() != Compression::UNCOMPRESSED
            && has_second_pages(file.clone(), &column, rows).map_err(|e| damaged(path, &e))?
        {
            return Err(unread(
                "compressed, but its pages say that they are not: PyArrow before 3.0 wrote such files",
            )
            .hint(
                "write the file again: pyarrow.parquet.write_table(pyarrow.parquet.read_table(\"x\"), \"y\")",
            ));
        }
    }
    Ok(())
}

/// Whether the writer was Arrow's before 3.0, whose pages of the second version say of themselves that they are not
/// compressed, and are.
pub(super) fn is_of_old_arrow(writer: Option<&str>) -> bool {
    let Some(version) = writer.and_then(|writer| writer.strip_prefix("parquet-cpp")) else { return false };
    match version.strip_prefix("-arrow version ").and_then(|version| version.split('.').next()) {
        Some(major) => major.parse::<u32>().is_ok_and(|major| major < 3),
        None => true,
    }
}

/// Whether the first page of values is of the second version: one of the first does not say how many rows it has.
fn has_second_pages<R: ChunkReader + 'static>(
    file: Arc<R>,
    column: &ColumnChunkMetaData,
    rows: usize,
) -> std::result::Result<bool, ParquetError> {
    let mut pages = SerializedPageReader::new(file, column, rows, None)?;
    while let Some(page) = pages.peek_next_page()? {
        if !page.is_dict {
            return Ok(page.num_rows.is_some());
        }
        pages.skip_next_page()?;
    }
    Ok(false)
}

/// What the column `name` (a dotted path into structs) is in the file.
pub(super) fn find(metadata: &ArrowReaderMetadata, name: &str) -> Lookup {
    let file_schema = metadata.parquet_schema();
    let mut group = None;
    let mut best: Option<Leaf> = None;
    for (index, column) in file_schema.columns().iter().enumerate() {
        let path = column.path().parts();
        // A column inside of a list has several values in a row, so it is not a leaf by itself.
        if path.join(".") != name || column.max_rep_level() > 0 {
            let inside = (1..=path.len()).any(|n| path[..n].join(".") == name);
            if inside && group.is_none() {
                group = Some(group_name(metadata.schema().fields(), name));
            }
            continue;
        }
        let Some(ty) = type_at(metadata.schema().fields(), path) else { continue };
        let uuid = column.logical_type_ref() == Some(&LogicalType::Uuid);
        let of = FileType { name: type_name(&ty, uuid), ty, uuid };
        let leaf = Leaf { index, leaves: 1, of, path: path.to_vec() };
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

/// The list, record or map `name`, all of it.
pub(super) fn group(metadata: &ArrowReaderMetadata, name: &str) -> Option<Leaf> {
    let (path, ty) = group_at(metadata.schema().fields(), name)?;
    let columns = metadata.parquet_schema().columns();
    let mut inside = (0..columns.len()).filter(|i| columns[*i].path().parts().starts_with(&path));
    let index = inside.next()?;
    let of = FileType { ty, uuid: false, name: group_name(metadata.schema().fields(), name).to_string() };
    Some(Leaf { index, leaves: 1 + inside.count(), of, path })
}

/// The names on the way to the group `name`, and its type.
fn group_at(fields: &Fields, name: &str) -> Option<(Vec<String>, ArrowType)> {
    if let Some(field) = fields.iter().find(|field| field.name() == name) {
        let ty = field.data_type();
        return ty.is_nested().then(|| (vec![name.to_string()], ty.clone()));
    }
    fields.iter().find_map(|field| {
        let ArrowType::Struct(inner) = field.data_type() else { return None };
        let (path, ty) = group_at(inner, name.strip_prefix(field.name().as_str())?.strip_prefix('.')?)?;
        Some(([vec![field.name().clone()], path].concat(), ty))
    })
}

/// What the group `name` is.
fn group_name(fields: &Fields, name: &str) -> &'static str {
    for field in fields {
        let rest = name.strip_prefix(field.name().as_str());
        match (field.data_type(), rest) {
            (ArrowType::Struct(_), Some("")) => return "struct",
            (ArrowType::Map(..), Some("")) => return "map",
            (_, Some("")) => return "list",
            (ArrowType::Struct(inner), Some(rest)) if rest.starts_with('.') => {
                return group_name(inner, &rest[1..]);
            }
            _ => {}
        }
    }
    "list or map"
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
        (ArrowType::FixedSizeBinary(size), _) => format!("fixed bytes ({size})"),
        (ArrowType::Duration(_), _) => "duration".into(),
        (ArrowType::Interval(_), _) => "interval".into(),
        (ArrowType::Time32(_) | ArrowType::Time64(_), _) => "time of day".into(),
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
    Error::data(format!("cannot read {}: it is damaged, cut short or not a Parquet file", path.display()))
        .caused_by(cause)
}
