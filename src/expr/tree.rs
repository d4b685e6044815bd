//! The tree of an expression, once its names are found.
//!
//! # Contract
//! * Every identifier in a [`Tree`] is a name that the tree gave to one of its columns. The names of the job are looked up
//!   once, where the tree is made, and none is in it as such: so nothing that a job can write, in a name, a literal or a
//!   function, is taken for a column of ours, or a column for another.
//! * Literals and names keep their quotes doubled, as they are written: sqlparser prints a single quote of a
//!   value as two, but two as two, so a value without its escapes would change where it is printed and read again.

use super::aggregate_call::{AggregateCall, as_call, check, misplaced};
use crate::batch::{DataType, Field, Schema};
use crate::error::{Error, Reason, Result};
use sqlparser::ast::{
    AccessExpr, Expr as Ast, Function, FunctionArg, FunctionArgExpr, FunctionArguments, Ident, Value,
    VisitMut, VisitorMut,
};
use sqlparser::tokenizer::Span;
use std::ops::ControlFlow;

/// What names are looked up in.
#[derive(Clone, Copy)]
pub enum Names<'a> {
    /// These columns.
    Of(&'a Schema),
    /// Nothing is known of the columns: every name is one, of text.
    Any,
}

/// An expression over columns of its own.
#[derive(Clone)]
pub struct Tree {
    /// Its identifiers are the names of `schema`.
    pub ast: Ast,
    /// The columns that it reads, each once.
    pub schema: Schema,
    /// Of each column of `schema` its number where its name was found.
    pub columns: Vec<usize>,
}

impl Tree {
    /// Finds the names in `ast`, which is `sql`. Aggregate `i` of `calls`, where there may be any, is column `i` of
    /// those that the schema ends with.
    ///
    /// # Errors
    /// A job error without a place: an aggregate that has no place there; every unknown column.
    pub fn new(
        mut ast: Ast,
        sql: &str,
        names: Names,
        calls: Option<&[AggregateCall]>,
    ) -> Result<(Tree, Vec<Error>)> {
        let mut binder = Binder {
            sql,
            names,
            calls,
            schema: Schema::default(),
            columns: vec![],
            forms: vec![],
            any: vec![],
            unknown: vec![],
        };
        if let ControlFlow::Break(error) = ast.visit(&mut binder) {
            return Err(error);
        }
        let Binder { schema, columns, unknown, .. } = binder;
        Ok((Tree { ast, schema, columns }, unknown))
    }

    /// The number of the column that the whole expression is, if it is one.
    pub fn column(&self) -> Option<usize> {
        matches!(self.ast, Ast::Identifier(_)).then(|| self.columns[0])
    }

    /// Whether it reads a column that a fault left without a type.
    pub fn is_faulty(&self) -> bool {
        self.schema.fields.iter().any(|field| field.faulty)
    }
}

struct Binder<'a> {
    sql: &'a str,
    names: Names<'a>,
    calls: Option<&'a [AggregateCall]>,
    schema: Schema,
    columns: Vec<usize>,
    /// Where words stand that look like columns and are the form that NORMALIZE takes.
    forms: Vec<Span>,
    /// The names of [`Names::Any`].
    any: Vec<String>,
    unknown: Vec<Error>,
}

impl VisitorMut for Binder<'_> {
    type Break = Error;

    // Before the parts of an expression: those of an aggregate are not of this tree.
    fn pre_visit_expr(&mut self, node: &mut Ast) -> ControlFlow<Error> {
        if let Some(call) = as_call(node) {
            return match self.aggregate(call) {
                Ok(found) => {
                    *node = found;
                    ControlFlow::Continue(())
                }
                Err(error) => ControlFlow::Break(error),
            };
        }
        let name = match node {
            Ast::Function(function) => {
                self.forms.extend(form_of_normalize(function));
                return ControlFlow::Continue(());
            }
            Ast::Identifier(name) if self.forms.contains(&name.span) => return ControlFlow::Continue(()),
            Ast::Identifier(name) => unescaped(name),
            // A path into nested JSON is one column.
            Ast::CompoundIdentifier(parts) => parts.iter().map(unescaped).collect::<Vec<_>>().join("."),
            Ast::CompoundFieldAccess { access_chain, .. }
                if access_chain.iter().all(|access| matches!(access, AccessExpr::Dot(_))) =>
            {
                node.to_string().replace('"', "")
            }
            _ => return ControlFlow::Continue(()),
        };
        *node = self.named(&name);
        ControlFlow::Continue(())
    }
}

impl Binder<'_> {
    fn aggregate(&mut self, call: &Function) -> Result<Ast> {
        let Some(calls) = self.calls else { return Err(misplaced(call, self.sql)) };
        let call = check(call, self.sql)?;
        let number = calls.iter().position(|known| *known == call).expect("a call of the selection");
        let first = match self.names {
            Names::Of(schema) => schema.fields.len() - calls.len(),
            // Behind all names.
            Names::Any => usize::MAX - calls.len(),
        };
        Ok(self.column(first + number, &call.to_string(), DataType::String))
    }

    /// The column `name`. Where there is none it is noted, and NULL stands for it.
    fn named(&mut self, name: &str) -> Ast {
        let schema = match self.names {
            Names::Of(schema) => schema,
            Names::Any => {
                let number = self.any.iter().position(|known| known == name).unwrap_or_else(|| {
                    self.any.push(name.to_string());
                    self.any.len() - 1
                });
                return self.column(number, name, DataType::String);
            }
        };
        if let Some(number) = schema.index_of(name) {
            return self.column(number, name, schema.fields[number].ty);
        }
        let place = if self.sql == name { String::new() } else { format!(" in `{}`", self.sql) };
        let error = Error::job(format!("unknown column `{name}`{place}"))
            .because(Reason::UnknownColumn(name.to_string()))
            .nearest_or("the columns are", name, schema.names());
        if !self.unknown.iter().any(|known| known.reason() == error.reason()) {
            self.unknown.push(error);
        }
        Ast::Value(Value::Null.into())
    }

    /// The identifier of column `number`, under a name of its own: the one for people where that is possible.
    fn column(&mut self, number: usize, name: &str, ty: DataType) -> Ast {
        let known = self.columns.iter().position(|known| *known == number).unwrap_or_else(|| {
            let mut own = if is_plain(name) { name.to_string() } else { format!("column {}", number + 1) };
            while self.schema.index_of(&own).is_some() {
                own.push('_');
            }
            let mut field = Field::new(own, ty);
            if let Names::Of(schema) = self.names {
                (field.ty, field.faulty) = (schema.fields[number].ty, schema.fields[number].faulty);
            }
            self.schema.fields.push(field);
            self.columns.push(number);
            self.columns.len() - 1
        });
        Ast::Identifier(Ident::with_quote('"', self.schema.fields[known].name.clone()))
    }
}

/// Whether a name means itself to Polars, which reads `*` and `^…$` as patterns, and is printed as it is.
fn is_plain(name: &str) -> bool {
    let pattern = name == "*" || name.starts_with('^') && name.ends_with('$');
    !name.is_empty() && !pattern && !name.contains(['"', '\\'])
}

/// The name that an identifier stands for: without its quotes, and those in it once.
fn unescaped(name: &Ident) -> String {
    match name.quote_style {
        Some(quote) => name.value.replace(&format!("{quote}{quote}"), &quote.to_string()),
        None => name.value.clone(),
    }
}

/// The second argument of NORMALIZE, a word such as NFC.
fn form_of_normalize(function: &Function) -> Option<Span> {
    let FunctionArguments::List(list) = &function.args else { return None };
    match &list.args[..] {
        [_, FunctionArg::Unnamed(FunctionArgExpr::Expr(Ast::Identifier(form)))]
            if function.name.to_string().eq_ignore_ascii_case("normalize") && form.quote_style.is_none() =>
        {
            Some(form.span)
        }
        _ => None,
    }
}
