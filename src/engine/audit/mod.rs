//! Stub, until the lead's is merged.
pub mod report;
pub use report::*;

use super::{Progress, RunOptions};
use crate::error::{Error, Result};
use crate::job::Plan;

/// Stub.
///
/// # Errors
/// Always.
pub fn audit(
    _plan: Plan,
    _options: &RunOptions,
    _delays: Option<Vec<i64>>,
    _progress: &dyn Progress,
) -> Result<AuditReport> {
    Err(Error::machine("audit is a stub"))
}
