//! LIKE and regular expressions.
//!
//! A pattern of LIKE has `\` as its escape unless it names another; printed, it is `\` always. Regular expressions are
//! those of Rust's `regex`; the engines know them as far as [`regex_for`] says.

use super::DialectPrinter;
use crate::error::Result;
use crate::expr::tree::{Call, Node, Op};
use crate::sql::Dialect::{self, BigQuery, DuckDb, Flink, Postgres, Spark};

impl DialectPrinter<'_> {
    pub(super) fn like(&self, call: &Call, not: &str) -> Result<String> {
        let sql = self.tight(&call.args[0])?;
        let escape = call.args.get(2).map(|escape| escape.as_text().unwrap_or_default());
        let (pattern, escaped) = match call.args[1].as_text() {
            Some(text) => {
                let pattern = with_backslash(text, escape.map_or(Some('\\'), |escape| escape.chars().next()));
                (self.text(&pattern), pattern.contains('\\'))
            }
            None if matches!(escape, None | Some("\\")) => (self.tight(&call.args[1])?, true),
            None => {
                return Err(self
                    .no_op(call.op)
                    .hint("write the pattern as a literal, or with the escape `\\`"));
            }
        };
        // The others have it unless they are told.
        let end = match self.dialect {
            DuckDb | Flink if escaped => " ESCAPE '\\'",
            _ => "",
        };
        Ok(match (self.dialect, call.op) {
            (_, Op::Like) => format!("{sql} {not}LIKE {pattern}{end}"),
            (Postgres, _) => {
                format!("({sql} COLLATE \"und-x-icu\") {not}ILIKE ({pattern} COLLATE \"und-x-icu\")")
            }
            (DuckDb | Spark, _) => format!("{sql} {not}ILIKE {pattern}{end}"),
            _ => format!("LOWER({sql}) {not}LIKE LOWER({pattern}){end}"),
        })
    }

    /// What regular expressions find.
    pub(super) fn regex(&self, call: &Call) -> Result<String> {
        let any_case = match call.op {
            Op::RegexLike => flags(call, 2).contains('i'),
            Op::RegexReplace => flags(call, 3).contains('i'),
            _ => false,
        };
        let literal = call.args[1]
            .as_text()
            .ok_or_else(|| self.no_op(call.op).hint("write the pattern as a literal"))?;
        let regex = regex_for(self.dialect, literal, any_case).ok_or_else(|| {
            self.no_op(call.op).hint(format!("'{literal}' is not known to mean the same there"))
        })?;
        let (sql, pattern) = (self.tight(&call.args[0])?, self.text(&regex));
        let found = match self.dialect {
            DuckDb => format!("REGEXP_MATCHES({sql}, {pattern})"),
            BigQuery => format!("REGEXP_CONTAINS({sql}, {pattern})"),
            Postgres => format!("({sql} ~ {pattern})"),
            Spark => format!("({sql} RLIKE {pattern})"),
            _ => return Err(self.no_op(call.op)),
        };
        match call.op {
            Op::RegexLike => return Ok(found),
            // PostgreSQL takes the longest match, the others the first.
            _ if self.dialect == Postgres && !is_plain(literal) => return Err(self.no_op(call.op)),
            // What is behind an empty match is counted in ways of their own.
            _ if regex::Regex::new(literal).is_ok_and(|regex| regex.is_match("")) => {
                return Err(self.no_op(call.op));
            }
            _ => {}
        }
        match call.op {
            Op::RegexReplace => self.regex_replaced(call, &sql, &pattern),
            op => {
                let group = match call.args.get(2) {
                    None => 0,
                    Some(group) => group.as_int().ok_or_else(|| self.no_op(op))?,
                };
                let extract = match self.dialect {
                    Postgres => format!("REGEXP_SUBSTR({sql}, {pattern}, 1, 1, '', {group})"),
                    BigQuery if group == 0 && !literal.contains('(') => {
                        format!("REGEXP_EXTRACT({sql}, {pattern})")
                    }
                    BigQuery => return Err(self.no_op(op)),
                    _ => format!("REGEXP_EXTRACT({sql}, {pattern}, {group})"),
                };
                Ok(match (op, self.dialect) {
                    (Op::RegexFind, DuckDb | Spark) => format!("CASE WHEN {found} THEN {extract} END"),
                    (Op::RegexFind, _) | (_, DuckDb | Spark) => extract,
                    _ => format!("CASE WHEN {sql} IS NOT NULL THEN COALESCE({extract}, '') END"),
                })
            }
        }
    }

    fn regex_replaced(&self, call: &Call, sql: &str, pattern: &str) -> Result<String> {
        let all = flags(call, 3).contains('g');
        let by = call.args[2]
            .as_text()
            .ok_or_else(|| self.no_op(call.op).hint("write the replacement as a literal"))?;
        // Groups are written in ways of their own.
        if by.contains(['\\', '$']) && self.dialect != Postgres {
            return Err(self.no_op(call.op));
        }
        let by = self.text(by);
        Ok(match (self.dialect, all) {
            (DuckDb | Postgres, true) => format!("REGEXP_REPLACE({sql}, {pattern}, {by}, 'g')"),
            (DuckDb | Postgres, false) | (Spark | BigQuery, true) => {
                format!("REGEXP_REPLACE({sql}, {pattern}, {by})")
            }
            _ => return Err(self.no_op(call.op)),
        })
    }
}

/// The flags of a call, which are a literal.
fn flags(call: &Call, at: usize) -> &str {
    call.args.get(at).and_then(Node::as_text).unwrap_or_default()
}

/// A pattern of LIKE whose escape is `\`.
fn with_backslash(pattern: &str, escape: Option<char>) -> String {
    let mut out = String::new();
    let mut rest = pattern.chars();
    while let Some(c) = rest.next() {
        let (c, is_itself) = match Some(c) == escape {
            true => (rest.next().unwrap_or(c), true),
            false => (c, false),
        };
        if c == '\\' || is_itself && matches!(c, '%' | '_') {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

/// Whether the longest match of a regular expression is its first: one repetition, no alternatives.
fn is_plain(regex: &str) -> bool {
    let repeats = regex.chars().filter(|c| matches!(c, '*' | '+' | '?' | '{')).count();
    repeats <= 1 && !regex.contains(['|', '('])
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
            '.' if !in_class && matches!(dialect, Postgres | Spark) => out.push_str("[^\n]"),
            '$' if !in_class && dialect == Spark => out.push_str("\\z"),
            c if !c.is_ascii() && any_case => return None,
            '&' | '~' | '-' if in_class && rest.peek() == Some(&c) => return None,
            c => out.push(c),
        }
    }
    Some(if any_case { format!("(?i){out}") } else { out })
}
