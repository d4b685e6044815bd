//! Walks over trees of SQL.
//!
//! `sqlparser` writes a walk over its whole grammar anew for each type that visits: thousands of functions. All of ours are
//! of two types, one that reads and one that changes, or a quarter of the time of our build goes there.

use sqlparser::ast::{Expr, ObjectName, Query, Visit, VisitMut, Visitor, VisitorMut};
use std::ops::ControlFlow;

/// A place on the way through a tree.
#[derive(Debug, Clone, Copy)]
pub(crate) enum TreeStep<'a> {
    /// An expression, before its parts.
    Enter(&'a Expr),
    /// An expression, after its parts.
    Leave,
    /// A query, before its parts.
    Query(&'a Query),
    /// The name of a table that is read.
    Relation(&'a ObjectName),
}

/// Goes through `tree`, each part before those to the right of it.
pub(crate) fn walk(tree: &impl Visit, mut each: impl FnMut(TreeStep)) {
    // Our visitors never break off, so the result is always the same.
    let _ = tree.visit(&mut TreeWalk(&mut each));
}

/// Shows each expression in `tree`, that itself too, before its parts.
pub(crate) fn expressions(tree: &Expr, mut each: impl FnMut(&Expr)) {
    walk(tree, |step| {
        if let TreeStep::Enter(expr) = step {
            each(expr);
        }
    });
}

/// Lets each expression in `tree` be changed, that itself too, before its parts.
pub(crate) fn change_expressions(tree: &mut Expr, mut each: impl FnMut(&mut Expr)) {
    // As in `walk`, the result is always the same.
    let _ = VisitMut::visit(tree, &mut ExprRewriter(&mut each));
}

struct TreeWalk<'a>(&'a mut dyn FnMut(TreeStep));

impl TreeWalk<'_> {
    fn at(&mut self, step: TreeStep) -> ControlFlow<()> {
        (self.0)(step);
        ControlFlow::Continue(())
    }
}

impl Visitor for TreeWalk<'_> {
    type Break = ();

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
        self.at(TreeStep::Enter(expr))
    }

    fn post_visit_expr(&mut self, _: &Expr) -> ControlFlow<()> {
        self.at(TreeStep::Leave)
    }

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<()> {
        self.at(TreeStep::Query(query))
    }

    fn pre_visit_relation(&mut self, name: &ObjectName) -> ControlFlow<()> {
        self.at(TreeStep::Relation(name))
    }
}

struct ExprRewriter<'a>(&'a mut dyn FnMut(&mut Expr));

impl VisitorMut for ExprRewriter<'_> {
    type Break = ();

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        (self.0)(expr);
        ControlFlow::Continue(())
    }
}
