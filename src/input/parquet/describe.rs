//! What the footer of a Parquet file says of its columns, for type inference.

use super::schema::{self, Lookup};
use super::{guarded, of_store};
use crate::batch::DataType;
use crate::error::Result;
use crate::input::SourceFile;
use crate::input::columnar::{FileColumn, FileColumns, possible};
use arrow_array::Array;
use arrow_array::cast::AsArray;
use arrow_array::types::UInt64Type;
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
    let described = guarded(&file.path, || {
        let metadata = schema::load(&file.path, &handle)?;
        schema::check_names(&metadata, &file.path)?;
        let columns = schema::names(&metadata).into_iter().map(|name| column(&metadata, name)).collect();
        Ok(FileColumns { columns, records: schema::records(&metadata) })
    });
    of_store(&handle, described)
}

/// A column. Its nulls are those that statistics count, its example the least value of the first row group.
fn column(metadata: &ArrowReaderMetadata, name: String) -> FileColumn {
    match schema::find(metadata, &name) {
        Lookup::Leaf(leaf) => {
            let groups = metadata.metadata().row_groups();
            let nulls = |g: &parquet::file::metadata::RowGroupMetaData| {
                g.column(leaf.index).statistics().and_then(|s| s.null_count_opt()).is_some_and(|n| n > 0)
            };
            // Without this the first large value would be a bad record of the run.
            let past_int64 = leaf.of.ty == ArrowType::UInt64 && is_past_int64(metadata, leaf.index);
            FileColumn {
                ty: if past_int64 { Some(UINT64) } else { leaf.of.inferred() },
                nulls: groups.iter().any(nulls) || leaf.of.ty == ArrowType::Null,
                example: if leaf.of.uuid { None } else { least(metadata, leaf.index, &leaf.of.ty) },
                type_name: if past_int64 { "uint64, past int64,".into() } else { leaf.of.name },
                default: false,
                nested: false,
                name,
            }
        }
        other => {
            let type_name = if let Lookup::Group(ty) = other { ty } else { "unknown" };
            let type_name = type_name.to_string();
            let nested =
                schema::group(metadata, &name).is_some_and(|leaf| possible(&leaf.of, DataType::Json));
            FileColumn { name, ty: None, type_name, nulls: false, example: None, default: false, nested }
        }
    }
}

/// The type that holds every uint64, and whose sums do not overflow soon.
const UINT64: DataType = DataType::Decimal { precision: 20, scale: 0 };

/// Whether statistics say that some value of a column of uint64 is greater than an int64 can be.
fn is_past_int64(metadata: &ArrowReaderMetadata, leaf: usize) -> bool {
    let field = Field::new("", ArrowType::UInt64, true);
    let most = StatisticsConverter::from_column_index(leaf, &field, metadata.parquet_schema())
        .and_then(|statistics| statistics.row_group_maxes(metadata.metadata().row_groups()));
    let Ok(most) = most else { return false };
    let most = most.as_primitive_opt::<UInt64Type>();
    most.is_some_and(|most| most.iter().flatten().any(|value| i64::try_from(value).is_err()))
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
