//! The keys that steps hold at an instant, as `inspect` shows them.

use crate::batch::plain_strings;
use crate::error::Result;
use crate::group::key_rows;
use crate::keyed::RowBits;
use crate::plan::{Plan, StepId};
use crate::rows::{RowStore, RowStream};
use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_array::{Array, ArrayRef, BooleanArray, UInt32Array, new_empty_array};
use arrow_select::concat::concat;
use arrow_select::filter::filter;
use arrow_select::take::take;
use rayon::prelude::*;

/// The keys that a step holds.
pub struct HeldKeys {
    pub step: StepId,
    pub keys: Vec<ArrayRef>,
    pub times: Vec<i64>,
}

/// The keys of `step` that workers kept in `stores`, of the rows in `bits`; where `since` gives
/// an instant and a length, those of rows that are at most so long before it. Sorted by key.
///
/// # Errors
/// A machine error of the spill files.
pub fn held_keys(
    plan: &Plan,
    step: StepId,
    stores: Vec<RowStore>,
    bits: &RowBits,
    since: Option<(i64, i64)>,
) -> Result<HeldKeys> {
    let columns = plan.pipeline.steps[step].keys().expect("a step of keys");
    let types: Vec<_> = columns.iter().map(|&c| plan.pipeline.rows.fields[c].ty.arrow()).collect();
    let of_worker = |(worker, store): (usize, RowStore)| -> Result<(Vec<Vec<ArrayRef>>, Vec<i64>)> {
        let (mut blocks, mut all) = (vec![], vec![]);
        let mut stream = RowStream::new(store);
        while let Some(block) = stream.next()? {
            let rows = block.len();
            let mut columns: Vec<ArrayRef> = block.columns(0, rows).iter().map(plain_strings).collect();
            let numbers = columns.pop().expect("a column of numbers");
            let times = block.times(0, rows);
            let numbers = numbers.as_primitive::<Int64Type>().values().iter().zip(&times);
            let is_held = |(&number, time): (&i64, &i64)| {
                let young = since.is_none_or(|(at, within)| at.saturating_sub(*time) <= within);
                young && bits.contains(worker, number as u64)
            };
            let held: BooleanArray = numbers.map(|row| Some(is_held(row))).collect();
            all.extend(held.values().set_indices().map(|row| times[row]));
            blocks.push(columns.iter().map(|c| filter(c, &held).expect("a mask as long")).collect());
        }
        Ok((blocks, all))
    };
    let stores: Vec<(usize, RowStore)> = stores.into_iter().enumerate().collect();
    let found = stores.into_par_iter().map(of_worker).collect::<Result<Vec<_>>>()?;
    let times: Vec<i64> = found.iter().flat_map(|(_, times)| times).copied().collect();
    let blocks: Vec<&Vec<ArrayRef>> = found.iter().flat_map(|(blocks, _)| blocks).collect();
    let keys: Vec<ArrayRef> =
        types.iter().enumerate().map(|(c, ty)| joined(ty, blocks.iter().map(|block| &block[c]))).collect();
    let converter = key_rows(types.into_iter());
    let rows = converter.convert_columns(&keys).expect("keys of the plan's types");
    let mut order: Vec<u32> = (0..times.len() as u32).collect();
    // Each key is held once, so an unstable sort gives one order alone.
    order.par_sort_unstable_by(|&a, &b| rows.row(a as usize).cmp(&rows.row(b as usize)));
    let times = order.iter().map(|&row| times[row as usize]).collect();
    let order = UInt32Array::from(order);
    let keys = keys.iter().map(|c| take(c, &order, None).expect("rows of the column")).collect();
    Ok(HeldKeys { step, keys, times })
}

/// Several arrays of a type as one.
pub fn joined<'a>(ty: &arrow_schema::DataType, arrays: impl Iterator<Item = &'a ArrayRef>) -> ArrayRef {
    let arrays: Vec<&dyn Array> = arrays.map(AsRef::as_ref).collect();
    if arrays.is_empty() { new_empty_array(ty) } else { concat(&arrays).expect("columns of one type") }
}
