//! Logic, comparisons and choices.

use super::DialectPrinter;
use crate::batch::DataType;
use crate::error::Result;
use crate::expr::Type;
use crate::expr::tree::{Call, Node, NodeKind, Op};
use crate::sql::Dialect;

impl DialectPrinter<'_> {
    /// `NOT node`.
    pub(super) fn not(&self, node: &Node) -> Result<String> {
        if let NodeKind::Call(call) = &node.kind {
            match call.op {
                Op::IsNull | Op::IsTrue | Op::IsFalse => return self.test(call, "IS NOT"),
                Op::In | Op::Between => return self.among(call, "NOT "),
                Op::Distinct => return self.distinct(call, false),
                Op::Like | Op::ILike => return self.like(call, "NOT "),
                _ => {}
            }
        }
        Ok(format!("NOT {}", self.tight(node)?))
    }

    /// `x IS NULL` and its kin.
    pub(super) fn test(&self, call: &Call, is: &str) -> Result<String> {
        let what = match call.op {
            Op::IsNull => "NULL",
            Op::IsTrue => "TRUE",
            _ => "FALSE",
        };
        Ok(format!("{} {is} {what}", self.tight(&call.args[0])?))
    }

    /// AND or OR of all arguments.
    pub(super) fn chain(&self, call: &Call) -> Result<String> {
        let word = if call.op == Op::And { " AND " } else { " OR " };
        let side = |node: &Node| match &node.kind {
            NodeKind::Call(call) if binds_tighter(call) => self.sql(node),
            _ => self.tight(node),
        };
        Ok(call.args.iter().map(side).collect::<Result<Vec<_>>>()?.join(word))
    }

    pub(super) fn compare(&self, call: &Call) -> Result<String> {
        let op = match call.op {
            Op::Eq => "=",
            Op::NotEq => "<>",
            Op::Lt => "<",
            Op::LtEq => "<=",
            Op::Gt => ">",
            _ => ">=",
        };
        Ok(format!("{} {op} {}", self.ordered(&call.args)?, self.tight(&call.args[1])?))
    }

    /// The first of `args`, so that the order of texts is that of their bytes: PostgreSQL's columns are of the collation
    /// "C", what is made of other values is not.
    fn ordered(&self, args: &[Node]) -> Result<String> {
        let sql = self.tight(&args[0])?;
        // A literal has the length of its text for a type there, to which it would cut what it is compared with.
        if self.dialect == Dialect::Flink && args[0].as_text().is_some() {
            return Ok(self.cast_to(&sql, DataType::String));
        }
        let known = args.iter().any(|arg| matches!(arg.kind, NodeKind::Column(_)));
        Ok(match self.dialect == Dialect::Postgres && args[0].ty == Type::TEXT && !known {
            true => format!("({sql} COLLATE \"C\")"),
            false => sql,
        })
    }

    pub(super) fn distinct(&self, call: &Call, distinct: bool) -> Result<String> {
        let (a, b) = (self.tight(&call.args[0])?, self.tight(&call.args[1])?);
        Ok(match (self.dialect, distinct) {
            (Dialect::Spark, true) => format!("NOT ({a} <=> {b})"),
            (Dialect::Spark, false) => format!("{a} <=> {b}"),
            (_, true) => format!("{a} IS DISTINCT FROM {b}"),
            (_, false) => format!("{a} IS NOT DISTINCT FROM {b}"),
        })
    }

    /// IN and BETWEEN.
    pub(super) fn among(&self, call: &Call, not: &str) -> Result<String> {
        let value = self.ordered(&call.args)?;
        let of_several_types = call.args.iter().any(|arg| arg.ty != call.args[0].ty);
        Ok(match call.op {
            // It would cut 2.5 to 2 to compare it with an integer.
            Op::In
                if self.dialect == Dialect::Flink
                    && (of_several_types || call.args[0].as_literal().is_some()) =>
            {
                let is = call.args[1..].iter().map(|arg| Ok(format!("{value} = {}", self.tight(arg)?)));
                format!("{not}({})", is.collect::<Result<Vec<_>>>()?.join(" OR "))
            }
            Op::In => format!("{value} {not}IN ({})", self.list(&call.args[1..])?),
            _ => {
                let (low, high) = (self.tight(&call.args[1])?, self.tight(&call.args[2])?);
                format!("{value} {not}BETWEEN {low} AND {high}")
            }
        })
    }

    /// GREATEST and LEAST, which pass over NULL.
    pub(super) fn extreme(&self, node: &Node, call: &Call) -> Result<String> {
        let name = if call.op == Op::Greatest { "GREATEST" } else { "LEAST" };
        let mut list = call.args.iter().map(|arg| self.sql(arg)).collect::<Result<Vec<_>>>()?;
        // Spark takes GREATEST only of two values or more.
        if let [one] = &list[..] {
            return Ok(one.clone());
        }
        if self.dialect == Dialect::Postgres {
            list[0] = self.ordered(&call.args)?;
        }
        if matches!(self.dialect, Dialect::DuckDb | Dialect::Postgres | Dialect::Spark) {
            return Ok(format!("{name}({})", list.join(", ")));
        }
        // PostgreSQL has NaN above all floats; Flink and BigQuery do not.
        if node.ty == Type::FLOAT {
            return Err(self.no_words(format!("{name} of floats")));
        }
        // NULL wins here: each argument is the next one where it is NULL.
        let turns: Vec<String> = (0..list.len())
            .map(|_| {
                let turn = format!("COALESCE({})", list.join(", "));
                list.rotate_left(1);
                turn
            })
            .collect();
        Ok(format!("{name}({})", turns.join(", ")))
    }
}

/// Whether a call needs no parentheses in AND and OR.
fn binds_tighter(call: &Call) -> bool {
    let compares =
        matches!(call.op, Op::Eq | Op::NotEq | Op::Lt | Op::LtEq | Op::Gt | Op::GtEq | Op::IsNull | Op::In);
    let negated = match call.args.first().map(|arg| &arg.kind) {
        Some(NodeKind::Call(inner)) => call.op == Op::Not && matches!(inner.op, Op::IsNull | Op::In),
        _ => false,
    };
    compares || negated
}
