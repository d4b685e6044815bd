//! A statement in stages: what it reads more than once is computed once, and what calls our own functions by itself.
//!
//! Polars computes a CTE again for each of its readers, so a chain of steps that each read the one before twice would cost
//! twice as much with every step. And it forgets the functions that are registered where it computes a CTE.

use crate::expr::walk::{TreeStep, walk};
use crate::sql::expr::polars;
use sqlparser::ast::{Cte, Query, Statement, With};
use sqlparser::dialect::GenericDialect;
use sqlparser::parser::Parser;
use sqlparser::tokenizer::{Token, Tokenizer};
use std::collections::HashSet;

/// What is to be computed before a statement.
#[derive(Debug, PartialEq, Eq)]
pub struct SplitQuery {
    /// Names of relations, and the statements that give their rows; each may read those before it.
    pub first: Vec<(String, String)>,
    /// The statement that is left.
    pub last: String,
}

/// The stages of `query`. One that is not understood here is left as it is, for Polars to judge.
pub fn of(query: &str) -> SplitQuery {
    crate::expr::with_stack(|| cut(query))
        .unwrap_or_else(|| SplitQuery { first: vec![], last: query.to_string() })
}

/// `query` without the order of its rows, where that decides no row: results are compared in no order.
pub fn in_no_order(query: &str) -> String {
    let parsed = || {
        let mut statements = Parser::parse_sql(&GenericDialect {}, query).ok()?;
        let Some(Statement::Query(mut parsed)) = statements.pop().filter(|_| statements.is_empty()) else {
            return None;
        };
        let whole = parsed.limit_clause.is_none() && parsed.fetch.is_none();
        parsed.order_by.take().filter(|_| whole)?;
        Some(parsed.to_string())
    };
    crate::expr::with_stack(parsed).unwrap_or_else(|| query.to_string())
}

/// All words of `query` that may be names of columns, as they are written; none where it cannot be told.
pub fn words(query: &str) -> Option<HashSet<String>> {
    let tokens = Tokenizer::new(&GenericDialect {}, query).tokenize().ok()?;
    let word = |token| if let Token::Word(word) = token { Some(word.value) } else { None };
    Some(tokens.into_iter().filter_map(word).collect())
}

fn cut(query: &str) -> Option<SplitQuery> {
    let mut statements = Parser::parse_sql(&GenericDialect {}, query).ok()?;
    let Some(Statement::Query(mut query)) = statements.pop().filter(|_| statements.is_empty()) else {
        return None;
    };
    // Names of inner queries could hide those of outer ones.
    let mut nested = 0;
    walk(&*query, |step| {
        if let TreeStep::Query(query) = step {
            nested += usize::from(query.with.is_some());
        }
    });
    let with = query.with.take().filter(|with| nested == 1 && !with.recursive)?;
    // A name list, as in `WITH t(a)`, renames columns, which a registered relation does not do.
    if with.cte_tables.iter().any(|cte| !cte.alias.columns.is_empty()) {
        return None;
    }
    let readers = |name: &str| {
        let of = |query: &Query| {
            let mut count = 0;
            walk(query, |step| {
                let TreeStep::Relation(relation) = step else { return };
                let parts = &relation.0;
                let ident = parts.last().and_then(|part| part.as_ident());
                count += usize::from(parts.len() == 1 && ident.is_some_and(|ident| ident.value == name));
            });
            count
        };
        of(&query) + with.cte_tables.iter().map(|cte| of(&cte.query)).sum::<usize>()
    };
    let calls = |cte: &Cte| cte.query.to_string().contains(polars::PREFIX);
    let of_its_own = |cte: &Cte| readers(&cte.alias.name.value) > 1 || calls(cte);
    let shared: Vec<bool> = with.cte_tables.iter().map(of_its_own).collect();
    let (mut first, mut waiting): (Vec<(String, String)>, Vec<Cte>) = (vec![], vec![]);
    let after = |waiting: &[Cte], query: &Query| {
        // A statement takes along the CTEs that are not relations of their own, as it may read them.
        let cte_tables = waiting.to_vec();
        let with = (!cte_tables.is_empty()).then(|| With { cte_tables, ..with.clone() });
        Query { with, ..query.clone() }.to_string()
    };
    for (cte, shared) in with.cte_tables.iter().zip(shared) {
        match shared {
            true => first.push((cte.alias.name.value.clone(), after(&waiting, &cte.query))),
            false => waiting.push(cte.clone()),
        }
    }
    let last = after(&waiting, &query);
    Some(SplitQuery { first, last })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_read_twice_is_a_stage() {
        let query = "WITH a AS (SELECT * FROM source), b AS (SELECT x FROM a), c AS (SELECT * FROM b JOIN b AS d USING (x)) \
            SELECT \"x\" FROM c WHERE x IN (SELECT x FROM b) ORDER BY x";
        let stages = of(query);
        assert_eq!(
            stages.first,
            [("b".to_string(), "WITH a AS (SELECT * FROM source) SELECT x FROM a".to_string())]
        );
        assert_eq!(
            stages.last,
            "WITH a AS (SELECT * FROM source), c AS (SELECT * FROM b JOIN b AS d USING(x)) \
            SELECT \"x\" FROM c WHERE x IN (SELECT x FROM b) ORDER BY x"
        );
    }

    #[test]
    fn what_calls_a_function_of_ours_is_a_stage() {
        let query =
            "WITH a AS (SELECT highwater_local(x) AS x FROM source), b AS (SELECT x FROM a) SELECT x FROM b";
        let stages = of(query);
        assert_eq!(
            stages.first,
            [("a".to_string(), "SELECT highwater_local(x) AS x FROM source".to_string())]
        );
        assert_eq!(stages.last, "WITH b AS (SELECT x FROM a) SELECT x FROM b");
    }

    #[test]
    fn the_order_of_the_last_rows_is_left_out() {
        let query = "WITH a AS (SELECT x FROM source ORDER BY x LIMIT 3) SELECT x FROM a";
        assert_eq!(in_no_order(&format!("{query} ORDER BY x NULLS LAST")), query);
        for query in [query, "SELECT x FROM source ORDER BY x LIMIT 3", "SELEC 1"] {
            assert_eq!(in_no_order(query), query);
        }
    }

    #[test]
    fn words_are_names_without_their_quotes() {
        let found = words("SELECT \"a \"\"b\", c.d FROM source WHERE x = 'text'").unwrap();
        let mut found: Vec<&str> = found.iter().map(String::as_str).collect();
        found.sort_unstable();
        assert_eq!(found, ["FROM", "SELECT", "WHERE", "a \"b", "c", "d", "source", "x"]);
    }

    #[test]
    fn other_statements_are_left_as_they_are() {
        for query in [
            "SELECT  1",
            "SELEC 1",
            "WITH a AS (SELECT 1 AS x) SELECT * FROM (WITH a AS (SELECT 2 AS x) SELECT * FROM a) JOIN a ON true JOIN a AS b ON true",
            "WITH a (x) AS (SELECT 1) SELECT * FROM a JOIN a AS b USING (x)",
        ] {
            assert_eq!(of(query), SplitQuery { first: vec![], last: query.to_string() });
        }
    }
}
