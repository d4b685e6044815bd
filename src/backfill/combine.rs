//! Aggregates of old events and of new ones → aggregates of all, without the events.
//!
//! # Contract
//! What [`combine`] gives of the results over two sets of events is the result over both, to the last bit, for
//! every aggregate that [`merging`] knows. Beware of results that were stored as JSON Lines, where a float that is
//! no number is NULL.

use crate::aggregate::{Aggregate, Rows};
use crate::error::{Error, Result};
use arrow_array::{ArrayRef, RecordBatch, RecordBatchOptions, UInt32Array};

/// The aggregate that makes one result of two of `aggregate`; `None` where results do not say enough for that.
pub fn merging(aggregate: &Aggregate) -> Option<Aggregate> {
    let result = aggregate.ty();
    let function = aggregate.function.merging(result)?;
    Some(Aggregate { function, args: vec![result] })
}

/// Of each row one result made of two by `merging`; NULL stands for the result over no events.
///
/// # Errors
/// A data error where the result does not fit its type.
pub fn combine(merging: &Aggregate, old: &ArrayRef, new: &ArrayRef) -> Result<ArrayRef> {
    let slots: Vec<u32> = (0..new.len() as u32).collect();
    // None of the merging aggregates asks for times or positions, so these may be empty.
    let times = vec![0; new.len()];
    let mut merged = merging.accumulator();
    merged.resize(new.len());
    for side in [old, new] {
        let rows = Rows { args: std::slice::from_ref(side), time: &times, positions: &[] };
        merged.update(&slots, &rows)?;
    }
    merged.finish(new.len())
}

/// The new rows, with the values of the old rows that they match merged in. `matches` has for each new row its old
/// row, as [`crate::backfill::splice::matches`] gives them, and `merging` for each column how two values of it become one;
/// columns without are taken from the new rows.
///
/// # Errors
/// As [`combine`].
pub fn merge_rows(
    old: &RecordBatch,
    new: &RecordBatch,
    matches: &[Option<u32>],
    merging: &[Option<Aggregate>],
) -> Result<RecordBatch> {
    let failed = |e| Error::machine("cannot merge new rows with old ones").caused_by(e);
    let rows: UInt32Array = matches.iter().copied().collect();
    let column = |(i, merging): (usize, &Option<Aggregate>)| match merging {
        None => Ok(new.column(i).clone()),
        Some(merging) => {
            let before = arrow_select::take::take(old.column(i), &rows, None).map_err(failed)?;
            combine(merging, &before, new.column(i))
        }
    };
    let columns = merging.iter().enumerate().map(column).collect::<Result<_>>()?;
    // A batch without columns cannot tell its number of rows, so the number is given.
    let options = RecordBatchOptions::new().with_row_count(Some(new.num_rows()));
    RecordBatch::try_new_with_options(new.schema(), columns, &options).map_err(failed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aggregate::Function;
    use crate::batch::DataType;
    use arrow_array::cast::AsArray;
    use arrow_array::types::Int64Type;
    use arrow_array::*;
    use proptest::prelude::*;
    use std::sync::Arc;

    const GROUPS: usize = 4;
    const DEC: DataType = DataType::Decimal { precision: 20, scale: 3 };

    /// Group, whether in the second set, and a value of every type.
    type CombinedRow = (u32, bool, Option<i64>, Option<f64>, Option<String>);

    fn rows() -> impl Strategy<Value = Vec<CombinedRow>> {
        let float = prop_oneof![-9f64..9.0, Just(f64::NAN), Just(-0.0), Just(0.0), Just(f64::NEG_INFINITY)];
        let row = (
            0..GROUPS as u32,
            any::<bool>(),
            proptest::option::of(-5..5i64),
            proptest::option::of(float),
            proptest::option::of("[aÿ]{0,3}|[a-c]{11,14}"),
        );
        proptest::collection::vec(row, 0..30)
    }

    fn column(rows: &[&CombinedRow], ty: DataType) -> ArrayRef {
        let ints = || rows.iter().map(|r| r.2);
        match ty {
            DataType::String | DataType::Json => {
                Arc::new(rows.iter().map(|r| r.4.clone()).collect::<StringViewArray>())
            }
            DataType::Bool => Arc::new(ints().map(|v| v.map(|v| v > 0)).collect::<BooleanArray>()),
            DataType::Int64 => Arc::new(ints().collect::<Int64Array>()),
            DataType::Float64 => Arc::new(rows.iter().map(|r| r.3).collect::<Float64Array>()),
            DataType::Decimal { .. } => {
                let units = ints().map(|v| v.map(|v| i128::from(v) * 10i128.pow(18)));
                Arc::new(units.collect::<Decimal128Array>().with_data_type(ty.arrow()))
            }
            DataType::Date => Arc::new(ints().map(|v| v.map(|v| v as i32)).collect::<Date32Array>()),
            DataType::Timestamp => {
                Arc::new(ints().collect::<TimestampMicrosecondArray>().with_timezone("UTC"))
            }
        }
    }

    /// The results of the groups over these rows.
    fn results(aggregate: &Aggregate, rows: &[&CombinedRow]) -> ArrayRef {
        let mut all = aggregate.accumulator();
        all.resize(GROUPS);
        let slots: Vec<u32> = rows.iter().map(|r| r.0).collect();
        let args: Vec<ArrayRef> = aggregate.args.iter().map(|&ty| column(rows, ty)).collect();
        let time = vec![0; rows.len()];
        all.update(&slots, &Rows { args: &args, time: &time, positions: &[] }).unwrap();
        all.finish(GROUPS).unwrap()
    }

    fn all_types() -> [DataType; 7] {
        use DataType::*;
        [String, Bool, Int64, Float64, DEC, Date, Timestamp]
    }

    /// All aggregates that are merged, with how.
    fn merged() -> Vec<(Aggregate, Aggregate)> {
        let names =
            ["count", "count_if", "sum", "min", "max", "bool_and", "bool_or", "bit_and", "bit_or", "bit_xor"];
        let typed = all_types().into_iter().flat_map(|ty| names.map(|name| (name, vec![ty])));
        let calls = typed.chain([("count", vec![]), ("regr_count", vec![DEC, DataType::Int64])]);
        let aggregates = calls.filter_map(|(name, args)| Aggregate::resolve(name, false, args, None).ok());
        aggregates.filter_map(|a| merging(&a).map(|m| (a, m))).collect()
    }

    #[test]
    fn what_can_be_merged_is() {
        // count(*), 7 counts, 1 of pairs, 2 sums, 14 extremes, 3 of bools, 3 of bits.
        assert_eq!(merged().len(), 31);
        let merging = |function, args: &[DataType]| merging(&Aggregate { function, args: args.to_vec() });
        let float = [DataType::Float64];
        let not = [
            Function::Sum,
            Function::Avg,
            Function::CountDistinct,
            Function::ApproxCountDistinct,
            Function::First,
            Function::Last,
            Function::Spread { sample: true, root: false },
            Function::Quantile(0.5),
            Function::Mode,
            Function::Distinct(Box::new(Function::Sum)),
        ];
        assert!(not.into_iter().all(|f| merging(f, &float).is_none()));
        assert!(merging(Function::ArgMin, &[DEC, DEC]).is_none());
    }

    proptest! {
        #[test]
        fn two_results_make_the_result_over_all(rows in rows()) {
            let all: Vec<&CombinedRow> = rows.iter().collect();
            let (second, first): (Vec<&CombinedRow>, Vec<&CombinedRow>) = rows.iter().partition(|r| r.1);
            for (aggregate, merging) in merged() {
                let whole = results(&aggregate, &all);
                prop_assert_eq!(merging.ty(), aggregate.ty());
                let (old, new) = (results(&aggregate, &first), results(&aggregate, &second));
                let combined = combine(&merging, &old, &new).unwrap();
                prop_assert_eq!(&combined, &whole, "{:?}", aggregate);
                // The second set's groups as rows: those of even numbers have an old row, at their own place.
                let batch = |a: &ArrayRef| RecordBatch::try_from_iter([("k", a), ("v", a)].map(|(n, a)| (n, a.clone())));
                let (old, new) = (batch(&old).unwrap(), batch(&new).unwrap());
                let matches: Vec<Option<u32>> = (0..GROUPS as u32).map(|g| (g % 2 == 0).then_some(g)).collect();
                let merged = merge_rows(&old, &new, &matches, &[None, Some(merging)]).unwrap();
                prop_assert_eq!(merged.column(0), new.column(0));
                for g in 0..GROUPS {
                    let want = if g % 2 == 0 { &whole } else { new.column(1) };
                    prop_assert_eq!(&merged.column(1).slice(g, 1), &want.slice(g, 1), "{:?}", aggregate);
                }
            }
        }
    }

    #[test]
    fn an_overflow_is_an_error() {
        let count = Aggregate { function: Function::Count, args: vec![DataType::Bool] };
        let merging = merging(&count).unwrap();
        let of = |values: Vec<i64>| Arc::new(Int64Array::from(values)) as ArrayRef;
        let error = combine(&merging, &of(vec![i64::MAX]), &of(vec![1])).unwrap_err();
        assert!(error.to_string().contains("does not fit int64"), "{error}");
        let most = combine(&merging, &of(vec![i64::MAX - 1]), &of(vec![1])).unwrap();
        assert_eq!(most.as_primitive::<Int64Type>().value(0), i64::MAX);
    }
}
