//! Walks over trees of SQL.
//!
//! `sqlparser` writes a walk over its whole grammar anew for each type that visits: a thousand functions. All of ours are
//! of one type, and a tree that is only read is copied first: trees are small, and the second thousand would be
//! a twentieth of our build.

use sqlparser::ast::{Expr, ObjectName, Query, VisitMut, VisitorMut};
use std::ops::ControlFlow;

/// A place on the way through a tree.
#[derive(Debug, Clone, Copy)]
// The referee alone looks at queries and tables.
#[cfg_attr(not(feature = "referee"), allow(dead_code))]
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
pub(crate) fn walk(tree: &(impl VisitMut + Clone), mut each: impl FnMut(TreeStep)) {
    // Our visitor never breaks off, so the result is always the same.
    let _ = tree.clone().visit(&mut TreeWalk { change: &mut |_| {}, see: &mut each });
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
    let _ = tree.visit(&mut TreeWalk { change: &mut each, see: &mut |_| {} });
}

struct TreeWalk<'a> {
    change: &'a mut dyn FnMut(&mut Expr),
    see: &'a mut dyn FnMut(TreeStep),
}

impl TreeWalk<'_> {
    fn at(&mut self, step: TreeStep) -> ControlFlow<()> {
        (self.see)(step);
        ControlFlow::Continue(())
    }
}

impl VisitorMut for TreeWalk<'_> {
    type Break = ();

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        (self.change)(expr);
        self.at(TreeStep::Enter(expr))
    }

    fn post_visit_expr(&mut self, _: &mut Expr) -> ControlFlow<()> {
        self.at(TreeStep::Leave)
    }

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<()> {
        self.at(TreeStep::Query(query))
    }

    fn pre_visit_relation(&mut self, name: &mut ObjectName) -> ControlFlow<()> {
        self.at(TreeStep::Relation(name))
    }
}
