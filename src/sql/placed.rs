//! Aggregates whose rows are numbered first: `mode`, `string_agg`, and those of distinct values.

use super::aggregate_parts::{Aggregated, above_least, counted, greatest, nan, of_numbers};
use super::statement::{Statement, partition_by};
use super::{Dialect, POSITION, TIME, words};
use crate::aggregate::{Aggregate, Function, Listing};
use crate::batch::{ColumnId, DataType};
use crate::error::Result;

/// The rows of a group that have one value of column `x` too.
fn alike(s: &Statement, what: &str, ty: DataType, group: &[String], x: &str) -> Result<String> {
    if s.dialect == Dialect::BigQuery && ty == DataType::Float64 {
        return Err(s.refuse(format!("{what} of a float64")));
    }
    let columns: Vec<String> = group.iter().cloned().chain([x.to_string()]).collect();
    Ok(partition_by(&columns))
}

/// The value that comes most often, the least of several. What engines have for it is open where several do.
pub(super) fn mode(
    s: &mut Statement,
    i: usize,
    (ty, x): (DataType, ColumnId),
    group: &[String],
) -> Result<Aggregated> {
    nan(s, ty);
    let x = s.column(x)?;
    let by = format!("_by_{i}");
    let alike = alike(s, "`mode`", ty, group, &by)?;
    let times = match s.dialect {
        Dialect::Polars => format!("CAST(COUNT({by}) OVER ({}) AS BIGINT)", alike.trim_end()),
        _ => format!("COUNT({by}) OVER ({})", alike.trim_end()),
    };
    // Of NULL it is 0, so the least frequent of all.
    let order = format!("_times_{i} * -1, {by}{}", words::collation(s.dialect, ty));
    let place = format!("ROW_NUMBER() OVER ({}ORDER BY {order}) AS _place_{i}", partition_by(group));
    Ok(Aggregated {
        prepared: vec![format!("{x} AS {by}")],
        counted: vec![format!("{times} AS _times_{i}")],
        ranked: vec![place],
        value: greatest(s.dialect, ty, &format!("CASE WHEN _place_{i} = 1 THEN {by} END")),
    })
}

/// An aggregate of each value once.
pub(super) fn distinct(
    s: &mut Statement,
    i: usize,
    (of, ty, x): (&Function, DataType, ColumnId),
    group: &[String],
) -> Result<Aggregated> {
    let x = s.column(x)?;
    let by = format!("_by_{i}");
    let mut ranked = vec![number_in_value(s, i, ty, group, &by)?];
    let mut value = by.clone();
    if let (Function::Spread { .. }, DataType::Float64) = (of, ty) {
        ranked.push(format!("{} AS _above_{i}", above_least(&by, group)));
        value = format!("_above_{i}");
    }
    let once = format!("(CASE WHEN _once_{i} = 1 THEN {value} END)");
    Ok(Aggregated {
        prepared: vec![format!("{x} AS {by}")],
        ranked,
        value: of_numbers(s, of, ty, &once)?,
        ..Aggregated::default()
    })
}

/// The number of a row among those of its value, in replay order.
fn number_in_value(s: &Statement, i: usize, ty: DataType, group: &[String], x: &str) -> Result<String> {
    // Replay order makes the row that stays for a value the same on every engine.
    let alike = alike(s, "distinct values", ty, group, x)?;
    let order = s.in_replay_order().join(", ");
    Ok(format!("ROW_NUMBER() OVER ({alike}ORDER BY {order}) AS _once_{i}"))
}

/// Texts joined in an order.
pub(super) fn listing(
    s: &mut Statement,
    i: usize,
    (listing, aggregate, args): (&Listing, &Aggregate, &[ColumnId]),
    group: &[String],
) -> Result<Aggregated> {
    s.needs_order("`string_agg`")?;
    let mut made = Aggregated::default();
    let mut text = s.column(args[0])?;
    if listing.distinct {
        made.prepared.push(format!("{text} AS _of_{i}"));
        made.ranked.push(number_in_value(s, i, DataType::String, group, &format!("_of_{i}"))?);
        text = format!("CASE WHEN _once_{i} = 1 THEN _of_{i} END");
    }
    let mut order = vec![];
    for (k, (direction, &column)) in listing.order.iter().zip(&args[1..]).enumerate() {
        let (ty, key) = (aggregate.args[k + 1], format!("_by_{i}_{}", k + 1));
        nan(s, ty);
        made.prepared.push(format!("{} AS {key}", s.column(column)?));
        let descending = if direction.descending { " DESC" } else { "" };
        let nulls = if direction.nulls_first { "FIRST" } else { "LAST" };
        match s.dialect {
            // It has no words for NULLs there.
            Dialect::BigQuery => {
                let (null, value) = if direction.nulls_first { (0, 1) } else { (1, 0) };
                order.push(format!("CASE WHEN {key} IS NULL THEN {null} ELSE {value} END"));
                order.push(format!("{key}{descending}"));
            }
            dialect => {
                order.push(format!("{key}{}{descending} NULLS {nulls}", words::collation(dialect, ty)));
            }
        }
    }
    // Ties go by replay order, as in a run.
    order.extend([TIME.to_string(), POSITION.to_string()]);
    let (order, separator) = (order.join(", "), words::text(s.dialect, &listing.separator));
    made.value = match s.dialect {
        // Its lists have no order but that of their elements.
        Dialect::Spark => {
            let place = format!("ROW_NUMBER() OVER ({}ORDER BY {order}) AS _place_{i}", partition_by(group));
            made.counted.push(place);
            let element = format!("STRUCT(_place_{i} AS place, {text} AS text)");
            let list = format!("COLLECT_LIST(CASE WHEN {text} IS NOT NULL THEN {element} END)");
            let texts = format!("TRANSFORM(ARRAY_SORT({list}), element -> element.text)");
            let joined = format!("ARRAY_JOIN({texts}, {separator})");
            format!("CASE WHEN {} > 0 THEN {joined} END", counted(s.dialect, &text))
        }
        _ => format!("STRING_AGG({text}, {separator} ORDER BY {order})"),
    };
    Ok(made)
}
