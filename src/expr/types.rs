//! What the parts of an expression give, as Polars says it.
//!
//! # Contract
//! * The time is that of the parts: each is asked for once, and an operation of parts that are known already is asked for
//!   with columns of their types in their place. Asked for as a whole, every part of a chain would be looked at again for
//!   each that is around it.

use super::{Kind, bridge, guarded};
use crate::batch::Schema;
use polars::prelude as pl;
use sqlparser::ast::{Expr as Ast, Ident, visit_expressions};
use std::cell::RefCell;
use std::collections::HashMap;
use std::ops::ControlFlow;

/// The types of the parts of an expression over columns of a schema.
pub(crate) struct Types<'a> {
    schema: &'a Schema,
    zone: &'a str,
    /// By the text of a part.
    known: RefCell<HashMap<String, Option<pl::DataType>>>,
}

/// Columns in the place of parts, by name.
type StandIns = Vec<(String, pl::DataType)>;

impl<'a> Types<'a> {
    /// Instants are shown in `zone`.
    pub fn new(schema: &'a Schema, zone: &'a str) -> Types<'a> {
        Types { schema, zone, known: RefCell::default() }
    }

    /// What `ast`, a tree that [`super::exact`] made or works on, gives; none where that is not known.
    pub fn kind(&self, ast: &Ast) -> Option<Kind> {
        Some(match self.of(ast)? {
            pl::DataType::Null => Kind::Null,
            pl::DataType::Datetime(_, None) => Kind::Zoneless,
            dtype => bridge::data_type(&dtype).map_or(Kind::Other, Kind::Of),
        })
    }

    /// The Polars type of what `ast` gives.
    pub fn of(&self, ast: &Ast) -> Option<pl::DataType> {
        if let Ast::Nested(inner) = ast {
            return self.of(inner);
        }
        let text = ast.to_string();
        if let Some(known) = self.known.borrow().get(&text) {
            return known.clone();
        }
        let dtype = self.ask(ast, &text);
        self.known.borrow_mut().insert(text, dtype.clone());
        dtype
    }

    fn ask(&self, ast: &Ast, text: &str) -> Option<pl::DataType> {
        let mut stand_ins = vec![];
        let shorter = match ast {
            Ast::BinaryOp { left, op, right } => {
                let (left, right) = (self.side(left, &mut stand_ins), self.side(right, &mut stand_ins));
                Some(format!("{left} {op} {right}"))
            }
            _ => None,
        };
        let text = if stand_ins.is_empty() { text } else { shorter.as_deref().unwrap_or(text) };
        let compiled = guarded::parsed(text, text).ok()?;
        let mut names: Vec<_> = compiled.clone().meta().root_names();
        names.sort_unstable();
        names.dedup();
        let columns = names.iter().map(|name| self.column(name, &stand_ins));
        guarded::dtype(&compiled, columns.collect::<Option<_>>()?).ok()
    }

    /// The column `name`, without rows.
    fn column(&self, name: &str, stand_ins: &StandIns) -> Option<pl::Column> {
        if let Some((_, dtype)) = stand_ins.iter().find(|(stand_in, _)| stand_in == name) {
            return Some(pl::Series::new_empty(name.into(), dtype).into());
        }
        let field = &self.schema.fields[self.schema.index_of(name)?];
        Some(bridge::empty(&field.name, field.ty, self.zone))
    }

    /// One side of an operator, or a column of its type. What has no column keeps its text: a literal takes the type of what
    /// it stands beside.
    fn side(&self, ast: &Ast, stand_ins: &mut StandIns) -> String {
        let is_operation = matches!(ast, Ast::BinaryOp { .. })
            || matches!(ast, Ast::Nested(inner) if matches!(**inner, Ast::BinaryOp { .. }));
        if is_operation
            && !is_constant(ast)
            && let Some(dtype) = self.of(ast)
        {
            let mut name = format!("part {}", stand_ins.len());
            while self.schema.index_of(&name).is_some() {
                name.push('\'');
            }
            let column = Ast::Identifier(Ident::with_quote('"', &name)).to_string();
            stand_ins.push((name, dtype));
            return column;
        }
        ast.to_string()
    }
}

/// Whether no column is read.
pub(super) fn is_constant(ast: &Ast) -> bool {
    let found = visit_expressions(ast, |node: &Ast| match node {
        Ast::Identifier(_) | Ast::CompoundIdentifier(_) => ControlFlow::Break(()),
        _ => ControlFlow::Continue(()),
    });
    found.is_continue()
}
