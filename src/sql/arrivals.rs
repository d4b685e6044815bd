//! Steps that see events in the order of their arrival, as far as SQL can say them.
//!
//! # Contract
//! The first event of a key by arrival is the first row of a window in that order. A state that expires depends on which
//! event was kept before, and a table row that counts from its arrival on, or an event that waits for one, on the moves of
//! watermarks: these are refused.

use super::statement::{Statement, partition_by};
use super::{Dialect, watermark};
use crate::batch::ColumnId;
use crate::error::Result;
use crate::plan::Step;

/// Refuses streamed steps that SQL cannot say.
///
/// # Errors
/// A job error that names the first of them.
pub(super) fn check(s: &Statement) -> Result<()> {
    let pipeline = &s.plan.pipeline;
    if !pipeline.steps_are_streamed() {
        return Ok(());
    }
    let refused = pipeline.steps.iter().find_map(|step| match step {
        Step::Dedup { within: Some(_), .. } => {
            Some("`dedup` with `within` in `streamed` mode, whose state expires by arrival,")
        }
        Step::First { within: Some(_), .. } => {
            Some("`first` with `within` in `streamed` mode, whose state expires by arrival,")
        }
        Step::Enrich(enrich) if pipeline.arriving(enrich).is_some() => {
            Some("`enrich` in `streamed` mode, which sees the rows that had arrived,")
        }
        _ => None,
    });
    let what = match (refused, s.dialect) {
        (Some(what), _) => what,
        (None, Dialect::Flink | Dialect::BigQuery) => {
            "`dedup` or `first` in `streamed` mode, which need the order of the records,"
        }
        (None, _) => return Ok(()),
    };
    Err(s.refuse(what).hint("`--mode complete` sees every event, which SQL can say"))
}

/// The columns of an event that order its arrival, where no watermark is among the columns.
pub(super) fn carried(s: &Statement) -> Vec<String> {
    watermark::carried(s).into_iter().filter(|column| column != "_reached").collect()
}

/// The rows of a key in the order of their arrival.
///
/// # Errors
/// The dialect cannot say a key.
pub(super) fn order(s: &Statement, keys: &[ColumnId]) -> Result<String> {
    Ok(format!("{}ORDER BY {}", partition_by(&s.partition(keys)?), watermark::order(s).join(", ")))
}
