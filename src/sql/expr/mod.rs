//! Job expressions in each dialect, printed from their trees.
//!
//! # Contract
//! * The translation gives the value that [`crate::expr::Expr`] gives. What is not known to be the same in a dialect is an
//!   error that names it; nothing is printed on a guess.
//! * An expression that the job computes without an error gives no error there; of one that fails, nothing is said.

mod engines;
pub mod polars;

use super::Dialect;
use crate::error::Result;
use crate::expr::{self, Expr};

/// An expression of a job in the words of `dialect`. `column` gives the SQL that stands for a column there, by its
/// number.
///
/// # Errors
/// A job error: a function or an operator that has no words in the dialect.
pub fn translate(dialect: Dialect, expr: &Expr, column: &dyn Fn(usize) -> String) -> Result<String> {
    let tree = expr.tree();
    let column = |place: usize| column(tree.columns[place]);
    expr::with_stack(|| match dialect {
        Dialect::Polars => polars::sql(&tree.root, expr.zone(), &column),
        _ => engines::sql(dialect, &tree.root, expr.zone(), &column),
    })
    .map_err(|error| error.caused_by(format!("it is in `{}`", expr.sql())))
}
