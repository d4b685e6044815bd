//! Enrichments: what is taken of the row of a table that is nearest in time, or of the last row of its key.

mod near;
mod pairs;
mod tables;

use super::Dialect;
use super::statement::Statement;
use crate::error::Result;
use crate::plan::{EnrichPlan, Try};

/// Appends an enrichment, step `number` of the job.
///
/// # Errors
/// A job error that names what the dialect cannot express.
pub(super) fn enrich<'a>(s: &mut Statement<'a>, number: usize, enrich: &'a EnrichPlan) -> Result<()> {
    if enrich.tries.iter().any(|attempt| matches!(attempt, Try::AsOf { .. })) {
        // Events are known again by their positions, and of rows at one instant the last is taken.
        s.needs_order(&format!("a row of `{}` for each event", enrich.from))?;
    }
    match s.dialect {
        // Polars has no structs in windows that leave NULL out.
        Dialect::Polars => pairs::enrich(s, number, enrich),
        _ => near::enrich(s, number, enrich),
    }
}
