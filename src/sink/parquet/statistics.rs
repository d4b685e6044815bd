//! What the columns of a part have, from the statistics of its row groups: the metadata of a table says it of each file.

use crate::batch::{DataType, Field};
use crate::table::{PartStatistics, TableValue};
use ::parquet::file::metadata::RowGroupMetaData;
use ::parquet::file::statistics::Statistics;
use std::cmp::Ordering;

/// The statistics of the columns `fields`, which have ids, over all row groups.
pub fn of(fields: &[Field], groups: &[RowGroupMetaData]) -> Vec<PartStatistics> {
    let columns = fields.iter().enumerate().filter_map(|(at, field)| Some((at, field, field.table_id?)));
    columns
        .map(|(at, field, id)| {
            let chunks = || groups.iter().map(|group| group.column(at));
            let nulls = chunks()
                .map(|chunk| chunk.statistics()?.null_count_opt().and_then(|n| i64::try_from(n).ok()));
            let nulls: Option<i64> = nulls.sum();
            let bound = |end: End| {
                let mut bound: Option<TableValue> = None;
                for chunk in chunks() {
                    let statistics = chunk.statistics()?;
                    let Some(value) = value(statistics, field.ty, end) else {
                        // Where all values are NULL there is nothing to bound.
                        let count = statistics.null_count_opt()?;
                        if u64::try_from(chunk.num_values()).is_ok_and(|values| values == count) {
                            continue;
                        }
                        return None;
                    };
                    let further = if end == End::Lower { Ordering::Less } else { Ordering::Greater };
                    if bound.as_ref().is_none_or(|known| value.order(known) == further) {
                        bound = Some(value);
                    }
                }
                bound
            };
            PartStatistics {
                id,
                bytes: chunks().map(|chunk| chunk.compressed_size()).sum(),
                values: chunks().map(|chunk| chunk.num_values()).sum(),
                nulls,
                lower: bound(End::Lower),
                upper: bound(End::Upper),
            }
        })
        .collect()
}

/// Which bound is wanted.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    Lower,
    Upper,
}

fn value(statistics: &Statistics, ty: DataType, end: End) -> Option<TableValue> {
    /// The least or the greatest value.
    macro_rules! pick {
        ($of:expr) => {
            if end == End::Lower { $of.min_opt() } else { $of.max_opt() }
        };
    }
    match (statistics, ty) {
        (Statistics::Boolean(of), _) => pick!(of).map(|value| TableValue::Bool(*value)),
        (Statistics::Int32(of), DataType::Date) => pick!(of).map(|value| TableValue::Date(*value)),
        (Statistics::Int32(of), DataType::Decimal { precision, .. }) => {
            pick!(of).map(|value| TableValue::Decimal((*value).into(), precision))
        }
        (Statistics::Int64(of), DataType::Decimal { precision, .. }) => {
            pick!(of).map(|value| TableValue::Decimal((*value).into(), precision))
        }
        (Statistics::Int64(of), DataType::Timestamp) => pick!(of).map(|value| TableValue::Time(*value)),
        (Statistics::Int64(of), _) => pick!(of).map(|value| TableValue::Long(*value)),
        (Statistics::Double(of), _) => pick!(of).map(|value| TableValue::Double(*value)),
        (Statistics::FixedLenByteArray(of), DataType::Decimal { precision, .. }) => {
            let bytes = pick!(of)?.data();
            let sign = if bytes.first()? & 0x80 != 0 { 0xff } else { 0 };
            let mut wide = [sign; 16];
            let start = wide.len().checked_sub(bytes.len())?;
            wide[start..].copy_from_slice(bytes);
            Some(TableValue::Decimal(i128::from_be_bytes(wide), precision))
        }
        (Statistics::ByteArray(of), _) => {
            let bytes = pick!(of)?.data();
            let text = match (std::str::from_utf8(bytes), end) {
                (Ok(text), _) => text,
                // A bound may be cut inside a character; what is left of a lower one is below it still.
                (Err(e), End::Lower) => std::str::from_utf8(&bytes[..e.valid_up_to()]).ok()?,
                (Err(_), End::Upper) => return None,
            };
            Some(TableValue::Text(text.to_string()))
        }
        _ => None,
    }
}
