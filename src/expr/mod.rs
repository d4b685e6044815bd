//! SQL expressions over the columns of a batch: a language of our own.
//!
//! # Contract
//! * The meaning is PostgreSQL's wherever PostgreSQL has one. Where it is another on purpose, the guide's page of expressions says
//!   so.
//! * A timestamp is an instant, and every part of the language sees it in the job's time zone.
//! * The language is closed, and of one row: a function that is not in the table of [`functions`] is an error, and none
//!   looks at other rows, since a batch is a cut that must not show in a result.
//! * The way is text, syntax, `tree`, values. No text goes back into a parser.

mod aggregate_call;
mod bind;
mod changes;
mod dialect;
mod eval;
pub mod functions;
mod json;
mod moment;
mod pattern;
mod prepare;
mod ready;
mod syntax;
pub(crate) mod tree;
mod types;
pub(crate) mod walk;
mod words;

pub use aggregate_call::{AggregateCall, OrderBy, Selection, parse_selection, text_literal};
pub use changes::{MeaningChange, changes};
pub use moment::{Interval, TimeField};
pub(crate) use syntax::{parse, with_stack};
pub use types::Type;

use crate::batch::{DataType, Schema};
use crate::error::{Error, Reason, Result};
use crate::time::Zone;
use arrow_array::ArrayRef;
use bind::NameScope;
use eval::Context;
use sqlparser::ast::Expr as Ast;
use tree::{Call, Node, NodeKind, Tree};
use words::{shown, wrong};

/// A compiled expression: its SQL, what it reads and what it gives.
#[derive(Clone)]
pub struct Expr {
    sql: String,
    tree: Tree,
    ty: DataType,
    zone: Zone,
    /// What a test has planted.
    #[cfg(test)]
    fault: Option<crate::planted::InjectedFault>,
}

impl std::fmt::Debug for Expr {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Expr({} -> {})", self.sql, self.ty)
    }
}

impl Expr {
    /// Compiles `sql` against `schema`.
    ///
    /// # Errors
    /// A job error without a place, of each fault: syntax, unknown columns and functions (with the nearest name), types
    /// that do not go together, a type that no column can have, an aggregate.
    pub fn compile(sql: &str, schema: &Schema, zone: &Zone) -> Result<Expr> {
        with_stack(|| Expr::of(&parse(sql)?, sql, schema, None, zone))
    }

    /// Compiles the syntax tree `ast`, which is or stands in `sql`, against `schema`.
    ///
    /// # Errors
    /// As of [`Expr::compile`].
    pub fn of_ast(ast: &Ast, sql: &str, schema: &Schema, zone: &Zone) -> Result<Expr> {
        with_stack(|| Expr::of(ast, sql, schema, None, zone))
    }

    /// Compiles an expression over groups against `schema`, which ends with the values of `calls`.
    ///
    /// # Errors
    /// As of [`Expr::compile`].
    pub fn of_groups(
        selection: &Selection,
        schema: &Schema,
        calls: &[AggregateCall],
        zone: &Zone,
    ) -> Result<Expr> {
        with_stack(|| Expr::of(&selection.ast, &selection.sql, schema, Some(calls), zone))
    }

    fn of(
        ast: &Ast,
        sql: &str,
        schema: &Schema,
        calls: Option<&[AggregateCall]>,
        zone: &Zone,
    ) -> Result<Expr> {
        let tree = bind::tree(ast, sql, NameScope::Of(schema), calls, zone)?;
        // The fault of the column is told where the column is made; this one only follows from it.
        if tree.schema.fields.iter().any(|field| field.faulty) {
            return Err(Error::job(format!("`{}` reads a column that has an error", shown(sql)))
                .because(Reason::Follows));
        }
        let ty = match tree.root.ty {
            Type::Of(ty) => ty,
            // NULL alone.
            Type::Null | Type::Unknown => DataType::String,
            Type::Interval => {
                return Err(wrong(sql, "it gives an interval, which a column cannot hold").hint(
                    "EXTRACT(epoch FROM …) gives its seconds, and date_diff('minute', a, b) counts units",
                ));
            }
            Type::Clock => {
                return Err(wrong(sql, "it gives a time without a zone, which a column cannot hold")
                    .hint("make it an instant again with AT TIME ZONE, or text with strftime"));
            }
        };
        Ok(Expr {
            sql: sql.to_string(),
            tree,
            ty,
            zone: zone.clone(),
            #[cfg(test)]
            fault: crate::planted::now(),
        })
    }

    /// The SQL as written.
    pub fn sql(&self) -> &str {
        &self.sql
    }

    /// Whether a division in it may be one by zero, which is an error. Those of its columns are never zero of whose numbers
    /// `above_zero` is true.
    pub fn may_divide_by_zero(&self, above_zero: &dyn Fn(usize) -> bool) -> bool {
        self.tree.may_divide_by_zero(above_zero)
    }

    /// The columns that it reads: their numbers in the schema that it is compiled against.
    pub fn inputs(&self) -> &[usize] {
        &self.tree.columns
    }

    /// The number of the column that it is, if it computes nothing.
    pub fn column(&self) -> Option<usize> {
        self.tree.column()
    }

    /// Gives the columns that it reads other numbers.
    pub fn renumber(&mut self, number: impl Fn(usize) -> usize) {
        self.tree.columns.iter_mut().for_each(|column| *column = number(*column));
    }

    /// The type of its value.
    pub fn ty(&self) -> DataType {
        self.ty
    }

    /// Its tree.
    pub(crate) fn tree(&self) -> &Tree {
        &self.tree
    }

    /// The job's time zone.
    pub(crate) fn zone(&self) -> &Zone {
        &self.zone
    }

    /// The value for each of `rows` rows; `column` gives an input by its number.
    ///
    /// # Errors
    /// A data error: a value that cannot be computed, such as an overflow or a division by zero.
    pub fn evaluate<'a>(&self, rows: usize, column: impl Fn(usize) -> &'a ArrayRef) -> Result<ArrayRef> {
        let columns = self.tree.columns.iter().map(|number| column(*number).clone()).collect();
        #[allow(unused_mut, reason = "tests plant faults")]
        let mut cx = Context::new(rows, columns, &self.zone);
        #[cfg(test)]
        {
            cx.fault = self.fault;
        }
        // The evaluation calls itself for each level of the tree, on threads whose stacks may be small.
        let values = with_stack(|| eval::evaluate(&self.tree.root, &cx));
        // A constant is computed for one row also in an empty batch, where its fault does not concern a row.
        if rows > 0
            && let Some((_, fault)) = values.faults.first_key_value()
        {
            return Err(Error::data(format!("cannot compute `{}`", shown(&self.sql))).caused_by(fault));
        }
        #[cfg(test)]
        if self.fault == Some(crate::planted::InjectedFault::ConstantOnce) && values.one && rows > 1 {
            let nowhere = arrow_array::new_null_array(values.array.data_type(), rows - 1);
            return Ok(arrow_select::concat::concat(&[&values.array, &nowhere]).expect("arrays of one type"));
        }
        Ok(values.array(rows))
    }
}

/// `node` with instants in the place of constants that it casts to times, as the engine reads them.
pub(crate) fn with_instants(node: &Node, zone: &Zone) -> Node {
    let each = |node: &Node| with_instants(node, zone);
    let kind = match &node.kind {
        NodeKind::Cast(inner, _) if node.ty == Type::TIME && inner.as_literal().is_some() => {
            // An engine would read the text by the zone of its session; an instant is the same everywhere.
            match eval::constant(node, zone) {
                Ok(literal) => NodeKind::Literal(literal),
                Err(_) => node.kind.clone(),
            }
        }
        NodeKind::Cast(inner, casting) => NodeKind::Cast(Box::new(each(inner)), *casting),
        NodeKind::Call(call) => {
            NodeKind::Call(Call { args: call.args.iter().map(each).collect(), ..call.clone() })
        }
        NodeKind::Case(branches, otherwise) => {
            let branches = branches.iter().map(|(when, then)| (each(when), each(then)));
            NodeKind::Case(branches.collect(), Box::new(each(otherwise)))
        }
        NodeKind::Column(_) | NodeKind::Literal(_) => node.kind.clone(),
    };
    Node { kind, ty: node.ty }
}

/// Whether `sql` can be read: its syntax, its functions, and that no aggregate is in it. Columns and types are not
/// looked at.
///
/// # Errors
/// A job error without a place.
pub fn check_syntax(sql: &str) -> Result<()> {
    with_stack(|| readable(&parse(sql)?, sql, None))
}

impl AggregateCall {
    /// Whether its expressions over events can be read, as [`check_syntax`] does.
    ///
    /// # Errors
    /// A job error without a place, of each fault.
    pub fn check_syntax(&self) -> Result<()> {
        let order = self.order.iter().map(|order| &order.by);
        let all = self.args.iter().chain(order).chain(&self.filter);
        let checked = all.map(|ast| with_stack(|| readable(ast, &ast.to_string(), None)));
        // A job tells all of its faults at once, not only the first.
        Error::all(checked.filter_map(Result::err).collect()).map_or(Ok(()), Err)
    }
}

impl Selection {
    /// Whether what is around its aggregates can be read, as [`check_syntax`] does.
    ///
    /// # Errors
    /// A job error without a place.
    pub fn check_syntax(&self) -> Result<()> {
        with_stack(|| readable(&self.ast, &self.sql, Some(&self.calls)))
    }
}

fn readable(ast: &Ast, sql: &str, calls: Option<&[AggregateCall]>) -> Result<()> {
    // The zone changes values, but not what can be read.
    bind::tree(ast, sql, NameScope::Any, calls, &Zone::utc()).map(drop)
}

#[cfg(test)]
mod tests;
