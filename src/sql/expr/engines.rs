//! Expressions in the words of the engines that users have.

use crate::error::{Error, Result};
use crate::expr::tree::{Kind, Node};
use crate::sql::Dialect;
use crate::time::Zone;

/// The SQL of `node`.
pub fn sql(dialect: Dialect, node: &Node, _zone: &Zone, column: &dyn Fn(usize) -> String) -> Result<String> {
    match &node.kind {
        Kind::Column(place) => Ok(column(*place)),
        _ => Err(Error::job(format!("it cannot be said in the SQL of {}", dialect.name()))),
    }
}
