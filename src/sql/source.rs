//! Relations out of raw files, in each dialect.

use super::{Dialect, Relation};
use crate::error::Result;
use crate::time::Zone;

/// A stub.
pub fn setup(_dialect: Dialect, _relation: &Relation, _zone: &Zone) -> Result<Vec<String>> {
    Ok(vec![])
}
