//! LIKE and regular expressions.
//!
//! Patterns of LIKE have no escapes in Polars: a backslash is a backslash. Regular expressions are those of
//! Rust's `regex`; the others know them as far as [`regex_for`] says.

use super::{Translator, is_text, text_of};
use crate::error::Result;
use crate::sql::{Dialect, words};
use sqlparser::ast::{BinaryOperator, Expr as Ast};

impl Translator<'_> {
    /// LIKE, ILIKE, RLIKE and the operators `~` and `~~`.
    pub(super) fn matches(&self, ast: &Ast) -> Result<String> {
        use BinaryOperator as Op;
        match ast {
            Ast::Like { negated, expr, pattern, .. } => self.like(ast, expr, pattern, *negated, false),
            Ast::ILike { negated, expr, pattern, .. } => self.like(ast, expr, pattern, *negated, true),
            Ast::RLike { negated, expr, pattern, .. } => self.regex(ast, expr, pattern, *negated, false),
            Ast::BinaryOp { left, op, right } => match op {
                Op::PGLikeMatch => self.like(ast, left, right, false, false),
                Op::PGNotLikeMatch => self.like(ast, left, right, true, false),
                Op::PGILikeMatch => self.like(ast, left, right, false, true),
                Op::PGNotILikeMatch => self.like(ast, left, right, true, true),
                Op::PGRegexMatch => self.regex(ast, left, right, false, false),
                Op::PGRegexNotMatch => self.regex(ast, left, right, true, false),
                Op::PGRegexIMatch => self.regex(ast, left, right, false, true),
                Op::PGRegexNotIMatch => self.regex(ast, left, right, true, true),
                _ => Err(self.no_words(ast)),
            },
            _ => Err(self.no_words(ast)),
        }
    }

    fn like(&self, whole: &Ast, ast: &Ast, pattern: &Ast, negated: bool, any_case: bool) -> Result<String> {
        if !is_text(pattern) {
            return Err(self.no_words(whole));
        }
        let not = if negated { "NOT " } else { "" };
        let sql = self.tight(ast)?;
        let pattern = match self.dialect {
            // Here a backslash escapes.
            Dialect::Postgres | Dialect::Spark | Dialect::BigQuery => text_of(pattern).replace('\\', "\\\\"),
            _ => text_of(pattern),
        };
        let text = words::text(self.dialect, &pattern);
        Ok(match (self.dialect, any_case) {
            (_, false) => format!("{sql} {not}LIKE {text}"),
            (Dialect::Postgres, true) => {
                format!("({sql} COLLATE \"und-x-icu\") {not}ILIKE ({text} COLLATE \"und-x-icu\")")
            }
            (Dialect::DuckDb | Dialect::Spark, true) => format!("{sql} {not}ILIKE {text}"),
            (_, true) => format!("LOWER({sql}) {not}LIKE LOWER({text})"),
        })
    }

    /// Whether `pattern` is found anywhere in `ast`.
    pub(super) fn regex(
        &self,
        whole: &Ast,
        ast: &Ast,
        pattern: &Ast,
        negated: bool,
        any_case: bool,
    ) -> Result<String> {
        if !is_text(pattern) {
            return Err(self.no_words(whole));
        }
        let regex =
            regex_for(self.dialect, &text_of(pattern), any_case).ok_or_else(|| self.no_words(whole))?;
        let (sql, text) = (self.tight(ast)?, words::text(self.dialect, &regex));
        let found = match self.dialect {
            Dialect::DuckDb => format!("REGEXP_MATCHES({sql}, {text})"),
            Dialect::BigQuery => format!("REGEXP_CONTAINS({sql}, {text})"),
            Dialect::Postgres => format!("({sql} ~ {text})"),
            Dialect::Spark => format!("({sql} RLIKE {text})"),
            Dialect::Polars | Dialect::Flink => return Err(self.no_words(whole)),
        };
        Ok(if negated { format!("NOT {found}") } else { found })
    }
}

/// A regular expression of Rust's in another engine's words, if it is of a kind that means the same there: no
/// classes by name, no flags, and of escapes those of punctuation alone.
fn regex_for(dialect: Dialect, regex: &str, any_case: bool) -> Option<String> {
    let mut out = String::new();
    let mut in_class = false;
    let mut rest = regex.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            '\\' => {
                let next = rest.next().filter(char::is_ascii_punctuation)?;
                out.push('\\');
                out.push(next);
            }
            '(' if rest.peek() == Some(&'?') => return None,
            '[' if in_class => return None,
            '[' => {
                in_class = true;
                out.push(c);
                if rest.peek() == Some(&'^') {
                    out.push('^');
                    rest.next();
                }
                if matches!(rest.peek(), Some(']')) {
                    return None;
                }
            }
            ']' => {
                in_class = false;
                out.push(c);
            }
            // Any character but the end of a line, and the end of the text alone.
            '.' if !in_class && matches!(dialect, Dialect::Postgres | Dialect::Spark) => {
                out.push_str("[^\n]")
            }
            '$' if !in_class && dialect == Dialect::Spark => out.push_str("\\z"),
            c if !c.is_ascii() && any_case => return None,
            '&' | '~' | '-' if in_class && rest.peek() == Some(&c) => return None,
            c => out.push(c),
        }
    }
    Some(if any_case { format!("(?i){out}") } else { out })
}
