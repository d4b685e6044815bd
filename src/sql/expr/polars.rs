//! Expressions in the words of Polars, the embedded referee.

use crate::error::{Error, Result};
use crate::expr::tree::{Kind, Node};
use crate::time::Zone;

/// The SQL of `node`.
pub fn sql(node: &Node, _zone: &Zone, column: &dyn Fn(usize) -> String) -> Result<String> {
    match &node.kind {
        Kind::Column(place) => Ok(column(*place)),
        _ => Err(Error::job("it cannot be said in the SQL of Polars")),
    }
}
