//! What the footer of a Parquet file says of its columns, for type inference.

use super::guarded;
use super::schema::{self, Lookup};
use crate::error::Result;
use crate::input::SourceFile;
use crate::input::columnar::{FileColumn, FileColumns};
use arrow_array::Array;
use arrow_cast::display::{ArrayFormatter, FormatOptions};
use arrow_schema::{DataType as ArrowType, Field};
use parquet::arrow::arrow_reader::ArrowReaderMetadata;
use parquet::arrow::arrow_reader::statistics::StatisticsConverter;

/// The columns of a Parquet file, by its footer.
///
/// # Errors
/// Data: no Parquet file, or a damaged one. Machine: it cannot be opened.
pub fn describe(file: &SourceFile) -> Result<FileColumns> {
    let handle = file.opened.read()?;
    guarded(&file.path, || {
        let metadata = schema::load(&file.path, &handle)?;
        let columns = schema::names(&metadata).into_iter().map(|name| column(&metadata, name)).collect();
        Ok(FileColumns { columns, records: schema::records(&metadata) })
    })
}

/// A column. Its nulls are those that statistics count, its example the least value of the first row group.
fn column(metadata: &ArrowReaderMetadata, name: String) -> FileColumn {
    match schema::find(metadata, &name) {
        Lookup::Leaf(leaf) => {
            let groups = metadata.metadata().row_groups();
            let nulls = |g: &parquet::file::metadata::RowGroupMetaData| {
                g.column(leaf.index).statistics().and_then(|s| s.null_count_opt()).is_some_and(|n| n > 0)
            };
            FileColumn {
                ty: leaf.of.inferred(),
                nulls: groups.iter().any(nulls) || leaf.of.ty == ArrowType::Null,
                example: if leaf.of.uuid { None } else { least(metadata, leaf.index, &leaf.of.ty) },
                type_name: leaf.of.name,
                default: false,
                name,
            }
        }
        other => {
            let type_name = if let Lookup::Group(ty) = other { ty } else { "unknown" };
            let type_name = type_name.to_string();
            FileColumn { name, ty: None, type_name, nulls: false, example: None, default: false }
        }
    }
}

fn least(metadata: &ArrowReaderMetadata, leaf: usize, ty: &ArrowType) -> Option<String> {
    let field = Field::new("", ty.clone(), true);
    let statistics = StatisticsConverter::from_column_index(leaf, &field, metadata.parquet_schema()).ok()?;
    let least = statistics.row_group_mins(metadata.metadata().row_groups().first()).ok()?;
    if least.is_empty() || least.is_null(0) {
        return None;
    }
    let options = FormatOptions::default();
    ArrayFormatter::try_new(&least, &options).ok()?.value(0).try_to_string().ok()
}
