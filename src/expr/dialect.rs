//! The syntax of expressions, for the parser: that of all dialects together, and PostgreSQL's rules of what binds tighter.
//!
//! PostgreSQL, 4.1.6 "Operator Precedence". The parser's own rules for what it calls the generic dialect are others:
//! `1 | 2 & 4` and `x ->> 'a' = 'b'` would be grouped the other way.

use sqlparser::ast::{Expr, UnaryOperator};
use sqlparser::dialect::{Dialect, GenericDialect, PostgreSqlDialect, Precedence};
use sqlparser::parser::{Parser, ParserError};
use sqlparser::tokenizer::Token;
use std::any::TypeId;

/// The dialect that expressions are read in.
#[derive(Debug)]
pub struct Syntax;

/// What binds less than `::` and `[]` and tighter than everything else: a sign.
const SIGN: u8 = 125;

macro_rules! as_generic {
    ($($method:ident)*) => { $(fn $method(&self) -> bool { GenericDialect.$method() })* };
}

impl Dialect for Syntax {
    fn dialect(&self) -> TypeId {
        // In places the parser asks for a dialect by its id: there it has to take this one for the generic
        // one.
        GenericDialect.dialect()
    }

    fn is_delimited_identifier_start(&self, ch: char) -> bool {
        GenericDialect.is_delimited_identifier_start(ch)
    }

    fn is_identifier_start(&self, ch: char) -> bool {
        GenericDialect.is_identifier_start(ch)
    }

    fn is_identifier_part(&self, ch: char) -> bool {
        GenericDialect.is_identifier_part(ch)
    }

    as_generic! {
        supports_unicode_string_literal supports_group_by_expr supports_window_function_null_treatment_arg
        supports_dictionary_syntax supports_window_clause_named_window_reference support_map_literal_syntax
        allow_extract_custom allow_extract_single_quotes supports_extract_comma_syntax supports_try_convert
        supports_bitwise_shift_operators supports_named_fn_args_with_assignment_operator supports_struct_literal
        supports_nested_comments supports_multiline_comment_hints supports_string_escape_constant
        supports_array_typedef_with_brackets supports_match_against supports_filter_during_aggregation
        supports_data_type_signed_suffix supports_interval_options supports_quote_delimited_string
        supports_comment_optimizer_hint supports_comma_separated_trim supports_xml_expressions
    }

    fn prec_value(&self, precedence: Precedence) -> u8 {
        PostgreSqlDialect {}.prec_value(precedence)
    }

    fn get_next_precedence(&self, parser: &Parser) -> Option<Result<u8, ParserError>> {
        // PostgreSQL has the operators of patterns among its other operators, which bind tighter than
        // comparisons.
        let is_other = matches!(
            parser.peek_token_ref().token,
            Token::Tilde
                | Token::TildeAsterisk
                | Token::ExclamationMarkTilde
                | Token::ExclamationMarkTildeAsterisk
                | Token::DoubleTilde
                | Token::DoubleTildeAsterisk
                | Token::ExclamationMarkDoubleTilde
                | Token::ExclamationMarkDoubleTildeAsterisk
        );
        if is_other {
            return Some(Ok(self.prec_value(Precedence::PgOther)));
        }
        PostgreSqlDialect {}.get_next_precedence(parser)
    }

    fn parse_prefix(&self, parser: &mut Parser) -> Option<Result<Expr, ParserError>> {
        // In PostgreSQL a sign binds tighter than `^`: `-2 ^ 2` is 4.
        let (op, binding) = match parser.peek_token_ref().token {
            Token::Minus => (UnaryOperator::Minus, SIGN),
            Token::Plus => (UnaryOperator::Plus, SIGN),
            Token::Tilde => (UnaryOperator::BitwiseNot, self.prec_value(Precedence::PgOther)),
            _ => return None,
        };
        parser.advance_token();
        Some(parser.parse_subexpr(binding).map(|expr| Expr::UnaryOp { op, expr: Box::new(expr) }))
    }
}
