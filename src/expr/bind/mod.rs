//! From syntax to a tree: names are looked up, types found, functions resolved, and everything else refused.
//!
//! # Contract
//! * Every fault of an expression is told, each once: where a part is wrong, its type is not known, and what is around it
//!   is looked at all the same.
//! * The rules by which types meet are PostgreSQL's, but for the exact numbers: an int64 beside a decimal is one of no digits after
//!   the point, and a literal with a point is a decimal of its own digits.

mod calls;
mod casts;
mod literals;
mod operators;

use super::aggregate_call::{AggregateCall, as_call, check, misplaced};
use super::ready::Ready;
use super::syntax::unescaped;
use super::tree::{Node, NodeKind, Op, Tree};
use super::types::Type;
use super::words::shown;
use crate::batch::{DataType, Field, Schema};
use crate::error::{Error, Reason, Result};
use crate::time::Zone;
use sqlparser::ast::{AccessExpr, Expr as Ast, Function, FunctionArguments, UnaryOperator, Value};

/// What names are looked up in.
#[derive(Clone, Copy)]
pub enum NameScope<'a> {
    /// These columns.
    Of(&'a Schema),
    /// Nothing is known of the columns: every name is one.
    Any,
}

/// The tree of `ast`, which is `sql`. Aggregate `i` of `calls`, where there may be any, is column `i` of those that the
/// schema ends with.
///
/// # Errors
/// A job error without a place, of each fault.
pub fn tree(
    ast: &Ast,
    sql: &str,
    names: NameScope,
    calls: Option<&[AggregateCall]>,
    zone: &Zone,
) -> Result<Tree> {
    let (schema, columns) = (Schema::default(), vec![]);
    let mut binder =
        Binder { sql, names, calls, zone, schema, columns, args: vec![], any: vec![], faults: vec![] };
    let root = binder.node(ast);
    let Binder { schema, columns, mut faults, .. } = binder;
    if calls.is_some() && faults.iter().any(|fault| fault.reason() == Some(&Reason::UnknownFunction)) {
        // It may be meant for an aggregate, which takes columns of the events.
        faults.retain(|fault| fault.reason() == Some(&Reason::UnknownFunction));
    }
    Error::all(faults).map_or(Ok(Tree { root, schema, columns }), Err)
}

struct Binder<'a> {
    sql: &'a str,
    names: NameScope<'a>,
    calls: Option<&'a [AggregateCall]>,
    zone: &'a Zone,
    schema: Schema,
    columns: Vec<usize>,
    /// What `$1`, `$2` and so on stand for, in the body of a function that is an expression.
    args: Vec<Node>,
    /// The names of [`NameScope::Any`].
    any: Vec<String>,
    faults: Vec<Error>,
}

impl Binder<'_> {
    fn node(&mut self, ast: &Ast) -> Node {
        match ast {
            Ast::Nested(inner) => self.node(inner),
            Ast::Identifier(name) => self.named(&unescaped(name)),
            // A path into nested JSON is one column.
            Ast::CompoundIdentifier(parts) => {
                self.named(&parts.iter().map(unescaped).collect::<Vec<_>>().join("."))
            }
            Ast::CompoundFieldAccess { access_chain, .. }
                if access_chain.iter().all(|access| matches!(access, AccessExpr::Dot(_))) =>
            {
                self.named(&ast.to_string().replace('"', ""))
            }
            Ast::Value(value) => self.value(ast, &value.value),
            Ast::TypedString(typed) => self.typed_text(ast, typed),
            Ast::Interval(interval) => self.interval(ast, interval),
            Ast::BinaryOp { left, op, right } => self.binary(ast, left, op, right),
            Ast::UnaryOp { op, expr } => self.unary(ast, *op, expr),
            Ast::IsNull(inner) => self.test(inner, Op::IsNull, false),
            Ast::IsNotNull(inner) => self.test(inner, Op::IsNull, true),
            Ast::IsUnknown(inner) => self.truth(ast, inner, Op::IsNull, false),
            Ast::IsNotUnknown(inner) => self.truth(ast, inner, Op::IsNull, true),
            Ast::IsTrue(inner) => self.truth(ast, inner, Op::IsTrue, false),
            Ast::IsNotTrue(inner) => self.truth(ast, inner, Op::IsTrue, true),
            Ast::IsFalse(inner) => self.truth(ast, inner, Op::IsFalse, false),
            Ast::IsNotFalse(inner) => self.truth(ast, inner, Op::IsFalse, true),
            Ast::IsDistinctFrom(left, right) => self.comparison(ast, left, Op::Distinct, right),
            Ast::IsNotDistinctFrom(left, right) => {
                let distinct = self.comparison(ast, left, Op::Distinct, right);
                not(distinct)
            }
            Ast::Between { expr, negated, low, high } => self.between(ast, expr, low, high, *negated),
            Ast::InList { expr, list, negated } => self.in_list(ast, expr, list, *negated),
            Ast::Like { negated, any: false, expr, pattern, escape_char } => {
                self.like(ast, Op::Like, expr, pattern, escape_char.as_ref(), *negated)
            }
            Ast::ILike { negated, any: false, expr, pattern, escape_char } => {
                self.like(ast, Op::ILike, expr, pattern, escape_char.as_ref(), *negated)
            }
            Ast::RLike { negated, expr, pattern, .. } => self.regex(ast, expr, pattern, false, *negated),
            Ast::Case { operand, conditions, else_result, .. } => {
                self.case(ast, operand.as_deref(), conditions, else_result.as_deref())
            }
            Ast::Cast { kind, expr, data_type, array: false, format: None } => {
                self.written_cast(ast, kind, expr, data_type)
            }
            Ast::Function(call) if as_call(ast).is_some() => self.aggregate(call),
            Ast::Function(call) => self.function(ast, call),
            Ast::Extract { .. }
            | Ast::Ceil { .. }
            | Ast::Floor { .. }
            | Ast::Position { .. }
            | Ast::Substring { .. }
            | Ast::Trim { .. }
            | Ast::Overlay { .. }
            | Ast::AtTimeZone { .. } => self.special(ast),
            _ => self.wrong(ast, "this is not supported in expressions"),
        }
    }

    /// Notes a fault; what stands for the part is of a type that is not known.
    fn fault(&mut self, error: Error) -> Node {
        // One wrong name may stand in several places: it is told once.
        if !self.faults.iter().any(|known| known.to_string() == error.to_string()) {
            self.faults.push(error);
        }
        Node::null(Type::Unknown)
    }

    /// Notes that a part is wrong, and why.
    fn wrong(&mut self, part: &Ast, why: impl std::fmt::Display) -> Node {
        self.fault(self.because(part, why))
    }

    /// The error of a part that is wrong.
    fn because(&self, part: &Ast, why: impl std::fmt::Display) -> Error {
        let part = part.to_string();
        let error = Error::job(format!("wrong expression `{}`", shown(self.sql)));
        let error = error.because(Reason::Expression);
        // The whole need not be said twice.
        if part == self.sql {
            error.caused_by(why)
        } else {
            error.caused_by(format!("`{}`: {why}", shown(&part)))
        }
    }

    fn aggregate(&mut self, call: &Function) -> Node {
        let Some(calls) = self.calls else { return self.fault(misplaced(call, self.sql)) };
        let call = match check(call, self.sql) {
            Ok(call) => call,
            Err(error) => return self.fault(error),
        };
        let Some(number) = calls.iter().position(|known| *known == call) else {
            return self
                .fault(Error::fault(format!("`{call}` is not an aggregate of `{}`", shown(self.sql))));
        };
        let first = match self.names {
            NameScope::Of(schema) => schema.fields.len() - calls.len(),
            // Behind all names.
            NameScope::Any => usize::MAX - calls.len(),
        };
        self.column(first + number, &call.to_string())
    }

    /// The column `name`. Where there is none that is a fault.
    fn named(&mut self, name: &str) -> Node {
        let schema = match self.names {
            NameScope::Of(schema) => schema,
            NameScope::Any => {
                let number = self.any.iter().position(|known| known == name).unwrap_or_else(|| {
                    self.any.push(name.to_string());
                    self.any.len() - 1
                });
                return self.column(number, name);
            }
        };
        if let Some(number) = schema.index_of(name) {
            return self.column(number, name);
        }
        let place = if self.sql == name { String::new() } else { format!(" in `{}`", shown(self.sql)) };
        self.fault(
            Error::job(format!("unknown column `{name}`{place}"))
                .because(Reason::UnknownColumn(name.to_string()))
                .nearest_or("the columns are", name, schema.names()),
        )
    }

    /// Whether there is a column of this name.
    fn has(&self, name: &str) -> bool {
        matches!(self.names, NameScope::Of(schema) if schema.index_of(name).is_some())
    }

    fn column(&mut self, number: usize, name: &str) -> Node {
        let place = self.columns.iter().position(|known| *known == number).unwrap_or_else(|| {
            self.schema.fields.push(match self.names {
                NameScope::Of(schema) => schema.fields[number].clone(),
                NameScope::Any => Field::new(name, DataType::String),
            });
            self.columns.push(number);
            self.columns.len() - 1
        });
        // A faulty column gets an unknown type, so that its fault is not followed by others.
        let known = matches!(self.names, NameScope::Of(_)) && !self.schema.fields[place].faulty;
        let ty = if known { Type::Of(self.schema.fields[place].ty.computed()) } else { Type::Unknown };
        Node { kind: NodeKind::Column(place), ty }
    }

    /// A call, with what is made once of its constants.
    fn ready(&mut self, ast: &Ast, op: Op, args: Vec<Node>, ty: Type) -> Node {
        // A wrong pattern, format or zone is a fault of the job: it is told before any row is read.
        match Ready::of(op, &args) {
            Ok(ready) => {
                let mut node = Node::call(op, args, ty);
                if let NodeKind::Call(call) = &mut node.kind {
                    call.ready = ready;
                }
                node
            }
            Err(why) => self.wrong(ast, why),
        }
    }
}

/// The opposite of a condition.
fn not(condition: Node) -> Node {
    Node::call(Op::Not, vec![condition], Type::BOOL)
}
