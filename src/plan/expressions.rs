//! The expressions over records of a plan, wherever they stand.

use super::{Plan, Step};
use crate::expr::Expr;
use crate::input::ReadPlan;
use crate::input::derived::DerivedFrom;

impl Plan {
    /// All expressions over one record: of the source and the tables as they are read, and of steps.
    pub fn row_expressions(&self) -> Vec<&Expr> {
        let mut found: Vec<&Expr> = of_read(&self.pipeline.read).collect();
        found.extend(of_steps(&self.pipeline.steps));
        for table in &self.pipeline.tables {
            found.extend(of_read(&table.read));
            found.extend(of_steps(&table.steps));
        }
        found
    }
}

fn of_read(read: &ReadPlan) -> impl Iterator<Item = &Expr> {
    read.derived.iter().filter_map(|derived| match &derived.from {
        DerivedFrom::Sql(expr) => Some(&**expr),
        DerivedFrom::File => None,
    })
}

fn of_steps(steps: &[Step]) -> impl Iterator<Item = &Expr> {
    steps.iter().filter_map(|step| match step {
        Step::Filter(expr) | Step::Derive(_, expr) => Some(expr),
        _ => None,
    })
}
