//! Places of rows as columns, for rows that are stored until the next stage.

use crate::batch::{DataType, Moment, StreamPlace};
use crate::plan::Plan;
use arrow_array::{ArrayRef, Int64Array};
use std::sync::Arc;

/// Columns of a place.
const COLUMNS: usize = 4;

/// The types of the columns; none where steps are not streamed.
pub fn types(plan: &Plan) -> Vec<DataType> {
    vec![DataType::Int64; if plan.pipeline.steps_are_streamed() { COLUMNS } else { 0 }]
}

/// The columns of some places.
pub fn columns(places: &[StreamPlace]) -> Vec<ArrayRef> {
    if places.is_empty() {
        return vec![];
    }
    let column = |value: &dyn Fn(&StreamPlace) -> i64| -> ArrayRef {
        Arc::new(Int64Array::from_iter_values(places.iter().map(value)))
    };
    vec![
        column(&|place| place.moment.clock),
        column(&|place| place.moment.position as i64),
        // All three are short, so that they share a word.
        column(&|place| {
            i64::from(place.moment.log) << 17 | i64::from(place.moment.arrived) << 16 | i64::from(place.step)
        }),
        column(&|place| place.timer),
    ]
}

/// The places that columns say, which `words` gives from the last to the first.
pub fn read(plan: &Plan, words: &mut dyn FnMut() -> Vec<i64>) -> Vec<StreamPlace> {
    if types(plan).is_empty() {
        return vec![];
    }
    let (timers, shorts, positions, clocks) = (words(), words(), words(), words());
    let moments = clocks.into_iter().zip(positions);
    let place = |((clock, position), (short, timer)): ((i64, i64), (i64, i64))| {
        let moment = Moment {
            clock,
            log: (short >> 17) as u16,
            position: position as u64,
            arrived: short >> 16 & 1 != 0,
        };
        StreamPlace { moment, step: short as u16, timer }
    };
    moments.zip(shorts.into_iter().zip(timers)).map(place).collect()
}
