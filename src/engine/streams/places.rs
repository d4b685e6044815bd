//! Places of rows as columns, for rows that are stored until the next stage.

use crate::batch::{DataType, StreamPlace};
use crate::plan::Plan;
use arrow_array::{ArrayRef, Int64Array};
use std::sync::Arc;

/// The types of the columns; none where steps are not streamed.
pub fn types(plan: &Plan) -> Vec<DataType> {
    vec![DataType::Int64; if plan.pipeline.steps_are_streamed() { StreamPlace::WORDS } else { 0 }]
}

/// The columns of some places.
pub fn columns(places: &[StreamPlace]) -> Vec<ArrayRef> {
    if places.is_empty() {
        return vec![];
    }
    let column = |word: usize| -> ArrayRef {
        Arc::new(Int64Array::from_iter_values(places.iter().map(|place| place.words()[word])))
    };
    (0..StreamPlace::WORDS).map(column).collect()
}

/// The places that columns say, which `words` gives from the last to the first.
pub fn read(plan: &Plan, words: &mut dyn FnMut() -> Vec<i64>) -> Vec<StreamPlace> {
    if types(plan).is_empty() { vec![] } else { read_all(words) }
}

/// As [`read`], where there are such columns.
pub fn read_all(words: &mut dyn FnMut() -> Vec<i64>) -> Vec<StreamPlace> {
    let mut columns = [const { vec![] }; StreamPlace::WORDS];
    columns.iter_mut().rev().for_each(|column| *column = words());
    (0..columns[0].len())
        .map(|row| StreamPlace::from_words(columns.each_ref().map(|words| words[row])))
        .collect()
}
