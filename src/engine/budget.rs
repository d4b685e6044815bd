//! Memory: what the machine has, and what a plan will need.

use crate::job::{OutputKind, Plan};

/// The budget where neither the job nor the command line gives one: half of the physical memory.
pub fn default_memory() -> u64 {
    physical_memory().unwrap_or(4 << 30) / 2
}

fn physical_memory() -> Option<u64> {
    // SAFETY: sysconf only reads a number.
    let (pages, size) = unsafe { (libc::sysconf(libc::_SC_PHYS_PAGES), libc::sysconf(libc::_SC_PAGESIZE)) };
    Some(u64::try_from(pages).ok()? * u64::try_from(size).ok()?)
}

/// What a run of `plan` needs, about, without having read its data: what is fixed, and what grows
/// with groups and with rows kept.
pub struct Estimate {
    /// Chunks in flight, in bytes.
    pub fixed: u64,
    /// Bytes per group of each grouping.
    pub per_group: Vec<u64>,
    /// Bytes per row of each output of events.
    pub per_row: Vec<u64>,
}

/// Estimates the memory of a run with `threads` workers.
pub fn estimate(plan: &Plan, threads: usize) -> Estimate {
    // A chunk, its index of fields, and its decoded columns.
    let fixed = threads as u64 * plan.read.chunk_bytes as u64 * 4;
    let per_group = plan
        .groupings
        .iter()
        .map(|g| {
            let states: u64 = g.plan.aggregates.iter().map(|(a, _)| state_bytes(&a.function)).sum();
            8 + states + 4 * g.plan.keys.len() as u64
        })
        .collect();
    let rows = |columns: usize| 8 + 4 * columns as u64;
    let per_row = plan
        .outputs
        .iter()
        .filter_map(|o| match &o.kind {
            OutputKind::Rows(columns) => Some(rows(columns.len())),
            OutputKind::Groups { .. } => None,
        })
        .collect();
    Estimate { fixed, per_group, per_row }
}

fn state_bytes(function: &crate::aggregate::Function) -> u64 {
    use crate::aggregate::Function as F;
    match function {
        F::CountRows | F::Count => 8,
        F::Sum => 16,
        F::Avg | F::Min | F::Max => 32,
        F::First | F::Last | F::ArgMin | F::ArgMax => 64,
        F::Spread { .. } => 80,
        F::CountDistinct | F::Quantile(_) => 64,
        F::BoolAnd | F::BoolOr => 1,
    }
}
