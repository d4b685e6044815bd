//! Job expressions in each dialect.

use super::Dialect;
use crate::batch::Schema;
use crate::error::{Error, Result};
use crate::time::Zone;
use sqlparser::ast::{Expr as Ast, visit_expressions_mut};
use std::ops::ControlFlow;

/// A stub: the expression as it is, with other names.
pub fn translate(
    _dialect: Dialect,
    sql: &str,
    schema: &Schema,
    _zone: &Zone,
    column: &dyn Fn(&str) -> String,
) -> Result<String> {
    let mut ast = crate::expr::parse(sql)?;
    let mut failed = None;
    let _ = visit_expressions_mut(&mut ast, |node: &mut Ast| {
        if let Ast::Identifier(_) | Ast::CompoundIdentifier(_) = node {
            let name = node.to_string().replace('"', "");
            if schema.index_of(&name).is_some() || name.starts_with("__agg_") {
                match crate::expr::parse(&column(&name)) {
                    Ok(other) => *node = other,
                    Err(error) => failed = Some(error),
                }
            }
        }
        ControlFlow::<Error>::Continue(())
    });
    failed.map_or_else(|| Ok(ast.to_string()), Err)
}
