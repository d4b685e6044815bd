//! From SQL to a tree that everything after it can walk: bounded in size and in depth.
//!
//! # Contract
//! * A chain of `AND`, of `OR` or of `||` may be as long as the bound on parts lets it be: they are associative, also
//!   with NULL, so a long one becomes a balanced tree. No other operator is: `a + b + c` of floats is not `a + (b + c)`.
//! * Every tree is at most [`DEEPEST`] deep. What walks it may call itself, and so may Polars.

use super::dialect::Syntax;
use super::walk::{TreeStep, change_expressions, walk};
use super::words::{shown, wrong};
use crate::error::{Error, Result};
use sqlparser::ast::{BinaryOperator, Expr as Ast, Ident};
use sqlparser::keywords::Keyword;
use sqlparser::parser::{Parser, ParserError};
use sqlparser::tokenizer::{Token, Tokenizer};

/// The most operators of an expression.
const MOST_PARTS: usize = 10_000;

/// The most branches of its CASEs: Polars nests them, and its time grows with their square.
const MOST_BRANCHES: usize = 1_000;

/// How deep a tree may be.
const DEEPEST: usize = 200;

/// How deep calls of [`tried_twice`] may be nested.
const DEEPEST_TRIED_TWICE: usize = 12;

/// A chain of more operands than these is balanced.
const LONG: usize = 32;

/// The stack of what calls itself for the parts of a tree, in bytes. The parser makes a chain of operators as deep a tree
/// as the chain is long. What is not used of it is no memory.
const STACK: usize = 128 << 20;

/// Does `work`, which calls itself for the parts of a tree, on a stack that is large enough for every tree.
pub(crate) fn with_stack<T>(work: impl FnOnce() -> T) -> T {
    stacker::maybe_grow(STACK / 2, STACK, work)
}

/// The name that an identifier stands for: without its quotes, and those in it once.
pub(super) fn unescaped(name: &Ident) -> String {
    match name.quote_style {
        Some(quote) => name.value.replace(&format!("{quote}{quote}"), &quote.to_string()),
        None => name.value.clone(),
    }
}

/// The syntax tree of `sql`. Quotes in literals and names are doubled in it, as they are written.
///
/// # Errors
/// A job error without a place: wrong syntax, or too many parts.
pub(crate) fn parse(sql: &str) -> Result<Ast> {
    with_stack(|| read(sql))
}

fn read(sql: &str) -> Result<Ast> {
    // Without unescaping, a part is printed as it was written; the binder takes the quotes off.
    let tokens = Tokenizer::new(&Syntax, sql).with_unescape(false).tokenize_with_location();
    let tokens = tokens.map_err(|cause| wrong(sql, cause))?;
    // The bounds are checked on the tokens, before the parser spends time and stack on a tree that is too
    // large.
    let operators = || tokens.iter().map(|token| &token.token).filter(|token| is_operator(token));
    if operators().count() > MOST_PARTS {
        return Err(too_many(sql, &format!("more than {MOST_PARTS} parts")).hint(LIST));
    }
    if operators().filter(|token| is_branch(token)).count() > MOST_BRANCHES {
        return Err(too_many(sql, &format!("more than {MOST_BRANCHES} WHENs")).hint(LIST));
    }
    if nested_tries(tokens.iter().map(|token| &token.token)) > DEEPEST_TRIED_TWICE {
        let calls =
            format!("more than {DEEPEST_TRIED_TWICE} calls such as CAST and SUBSTR within one another");
        return Err(too_many(sql, &calls).hint("compute some of it in a `derive` step before"));
    }
    let mut parser = Parser::new(&Syntax).with_tokens_with_locations(tokens);
    let mut ast = parser.parse_expr().map_err(|cause| match cause {
        ParserError::TokenizerError(cause) | ParserError::ParserError(cause) => wrong(sql, cause),
        ParserError::RecursionLimitExceeded => wrong(sql, "it is nested too deep"),
    })?;
    // `parse_expr` stops at the first token that does not belong to the expression, without an error.
    let rest = parser.peek_token();
    if rest.token != Token::EOF {
        return Err(wrong(sql, format!("`{}` was not expected at the end", rest.token)));
    }
    // Balanced before the depth is checked: a long chain is deep only as the parser gives it.
    change_expressions(&mut ast, balance);
    if depth(&ast) > DEEPEST {
        let parts = format!("more than {DEEPEST} parts that each depend on the one before");
        return Err(too_many(sql, &parts).hint("compute some of it in a `derive` step before"));
    }
    Ok(ast)
}

/// What to do about an expression of many alternatives.
const LIST: &str = "use a list (n IN (1, 2, 3)), or a `lookup` in a file: it is one part";

fn too_many(sql: &str, what: &str) -> Error {
    Error::job(format!("the expression `{}` has {what}", shown(sql)))
}

/// How deep calls are nested that the parser reads again where it finds a fault in them: as a call with words between
/// its arguments, then as any other, so that a fault in the innermost of 20 takes a million attempts.
fn nested_tries<'a>(tokens: impl Iterator<Item = &'a Token>) -> usize {
    let tokens: Vec<&Token> = tokens.filter(|token| !matches!(token, Token::Whitespace(_))).collect();
    let (mut open, mut depth, mut most) = (vec![], 0, 0);
    for (at, token) in tokens.iter().enumerate() {
        match token {
            Token::LParen | Token::LBracket => {
                let tried = at > 0 && tried_twice(tokens[at - 1]);
                open.push(tried);
                depth += usize::from(tried);
                most = most.max(depth);
            }
            // A bracket that closes too much is a fault of syntax, which the parser tells.
            Token::RParen | Token::RBracket => depth -= usize::from(open.pop().unwrap_or(false)),
            _ => {}
        }
    }
    most
}

fn tried_twice(token: &Token) -> bool {
    use Keyword::{
        ARRAY, CAST, CEIL, CONVERT, EXTRACT, FLOOR, OVERLAY, POSITION, SAFE_CAST, SUBSTR, SUBSTRING, TRIM,
        TRY_CAST, TRY_CONVERT,
    };
    let Token::Word(word) = token else { return false };
    matches!(
        word.keyword,
        ARRAY
            | CAST
            | CEIL
            | CONVERT
            | EXTRACT
            | FLOOR
            | OVERLAY
            | POSITION
            | SAFE_CAST
            | SUBSTR
            | SUBSTRING
            | TRIM
            | TRY_CAST
            | TRY_CONVERT
    )
}

fn is_branch(token: &Token) -> bool {
    matches!(token, Token::Word(word) if word.keyword == Keyword::WHEN)
}

/// Whether a token makes a node of the tree that holds others: all but names, values and what groups them.
fn is_operator(token: &Token) -> bool {
    use Keyword::{AND, AT, BETWEEN, COLLATE, ILIKE, IN, IS, LIKE, NOT, OR, WHEN};
    match token {
        Token::Word(word) => {
            matches!(word.keyword, AND | AT | BETWEEN | COLLATE | ILIKE | IN | IS | LIKE | NOT | OR | WHEN)
        }
        Token::Number(..) | Token::SingleQuotedString(_) => false,
        Token::Comma | Token::LParen | Token::RParen | Token::Period | Token::Whitespace(_) => false,
        _ => true,
    }
}

/// Makes a long chain a balanced tree.
fn balance(ast: &mut Ast) {
    if let Some(op) = operator(ast).cloned().filter(|op| length(ast, op) > LONG) {
        // The chain is taken apart by value, since a copy of its operands would cost as much as all of it.
        let whole = std::mem::replace(ast, Ast::value(sqlparser::ast::Value::Null));
        *ast = balanced(operands(whole, &op), &op);
    }
}

/// The operator of a chain that may be grouped otherwise.
fn operator(ast: &Ast) -> Option<&BinaryOperator> {
    use BinaryOperator::{And, Or, StringConcat};
    match ast {
        Ast::BinaryOp { op: op @ (And | Or | StringConcat), .. } => Some(op),
        _ => None,
    }
}

/// How many operands a chain of `op` has.
fn length(ast: &Ast, op: &BinaryOperator) -> usize {
    // The parser nests a chain to the left, so that the left side alone is followed.
    let (mut ast, mut length) = (ast, 1);
    while let Ast::BinaryOp { left, op: here, .. } = ast
        && here == op
    {
        (ast, length) = (left, length + 1);
    }
    length
}

/// The operands of a chain of `op`, from the left.
fn operands(ast: Ast, op: &BinaryOperator) -> Vec<Ast> {
    // A loop and not a call of itself: a chain is as deep as it is long.
    let (mut ast, mut operands) = (ast, vec![]);
    loop {
        match ast {
            Ast::BinaryOp { left, op: here, right } if here == *op => {
                operands.push(*right);
                ast = *left;
            }
            first => {
                operands.push(first);
                operands.reverse();
                return operands;
            }
        }
    }
}

/// A tree of the operands, in their order. The parentheses are part of it: it is printed, and read again by others.
fn balanced(mut operands: Vec<Ast>, op: &BinaryOperator) -> Ast {
    let pair = |left, right| Ast::BinaryOp { left: Box::new(left), op: op.clone(), right: Box::new(right) };
    if operands.len() > LONG / 2 {
        let right = operands.split_off(operands.len() / 2);
        let half = |operands| Ast::Nested(Box::new(balanced(operands, op)));
        return pair(half(operands), half(right));
    }
    let mut operands = operands.into_iter();
    let first = operands.next().expect("a chain has operands");
    operands.fold(first, pair)
}

/// How deep a tree is.
fn depth(ast: &Ast) -> usize {
    let (mut now, mut most) = (0, 0);
    walk(ast, |step| match step {
        TreeStep::Enter(_) => {
            now += 1;
            most = most.max(now);
        }
        TreeStep::Leave => now -= 1,
        TreeStep::Query(_) | TreeStep::Relation(_) => {}
    });
    most
}

/// The value of a literal of text, whose quotes are doubled in syntax.
pub fn unquoted(text: &str) -> String {
    text.replace("''", "'")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chain(op: &str, terms: usize) -> String {
        (0..terms).map(|i| format!("n = {i}")).collect::<Vec<_>>().join(op)
    }

    #[test]
    fn a_short_chain_is_as_it_is_written() {
        let sql = chain(" OR ", LONG);
        assert_eq!(parse(&sql).unwrap().to_string(), sql);
    }

    #[test]
    fn a_long_chain_keeps_its_operands_in_their_order() {
        for op in [" OR ", " AND "] {
            let sql = chain(op, 3_000);
            let balanced = parse(&sql).unwrap().to_string();
            assert_ne!(balanced, sql);
            assert_eq!(balanced.replace(['(', ')'], ""), sql);
        }
    }

    #[test]
    fn a_long_chain_inside_of_another_is_balanced_too() {
        let sql = format!("a AND ({}) AND NOT ({})", chain(" OR ", 500), chain(" AND ", 500));
        assert_eq!(parse(&sql).unwrap().to_string().replace(['(', ')'], ""), sql.replace(['(', ')'], ""));
    }

    #[test]
    fn chains_that_cannot_be_grouped_otherwise_have_a_limit() {
        for link in [" + 1", " - 1", " / 2", "::bigint", " IS NULL", " = 1"] {
            let shallow = format!("n{}", link.repeat(DEEPEST - 2));
            assert!(parse(&shallow).is_ok(), "{link}");
            let deep = format!("n{}", link.repeat(MOST_PARTS - 1));
            let error = parse(&deep).unwrap_err().to_string();
            assert!(
                error.contains("more than 200 parts that each depend on the one before"),
                "{link}: {error}"
            );
            assert!(error.contains("derive") && error.len() < 500, "{link}: {error}");
        }
    }

    #[test]
    fn an_expression_has_a_largest_size() {
        let error = parse(&chain(" OR ", MOST_PARTS)).unwrap_err().to_string();
        assert!(error.contains("has more than 10000 parts"), "{error}");
        let list: Vec<String> = (0..50_000).map(|i| i.to_string()).collect();
        assert!(parse(&format!("n IN ({})", list.join(", "))).is_ok(), "a list is one part");
        let case = |branches: usize| format!("CASE{} END", " WHEN n = 1 THEN 2".repeat(branches));
        assert!(parse(&case(MOST_BRANCHES)).is_ok());
        let error = parse(&case(MOST_BRANCHES + 1)).unwrap_err().to_string();
        assert!(error.contains("more than 1000 WHENs"), "{error}");
    }
}
