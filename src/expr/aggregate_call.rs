//! Aggregates in the SQL of `select` and `having`: told apart from the arithmetic around them.

use super::syntax::{parse, unescaped, unquoted, with_stack};
use super::walk::{change_expressions, expressions};
use crate::aggregate::catalog::{self, AggregateMaking, DistinctRule, Signature};
use crate::error::{Error, Result};
use sqlparser::ast::{
    DuplicateTreatment, Expr as Ast, Function, FunctionArg, FunctionArgExpr, FunctionArgumentClause,
    FunctionArgumentList, FunctionArguments, NullTreatment, OrderByExpr, Value,
};
use sqlparser::dialect::GenericDialect;
use sqlparser::keywords::Keyword;
use sqlparser::tokenizer::{Token, Tokenizer};
use std::fmt;

/// One aggregate of a `select`, as written: `sum(amount)`, `count(distinct user)`, `quantile(x, 0.9)`.
///
/// Equal calls have equal trees; where they stand in a text does not count.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct AggregateCall {
    /// Its name in lower case, one of the known aggregates.
    pub name: String,
    /// `count(distinct x)`.
    pub distinct: bool,
    /// Its arguments, expressions over events; none for `count(*)`.
    pub args: Vec<Ast>,
    /// The literal beside them: the rank of a quantile, what stands between texts.
    pub literal: Option<Ast>,
    /// `ORDER BY` among the arguments.
    pub order: Vec<OrderBy>,
    /// The condition of `FILTER (WHERE …)`: the aggregate takes the rows where it is true.
    pub filter: Option<Ast>,
}

/// One expression of an `ORDER BY`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct OrderBy {
    /// What rows are ordered by.
    pub by: Ast,
    /// Greater values first.
    pub descending: bool,
    /// NULL before all values. Without a word for it NULL counts as the greatest value, as in PostgreSQL.
    pub nulls_first: bool,
}

/// `sum(amount)`, as an expression has it.
impl fmt::Display for AggregateCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let literal = self.literal.iter().map(ToString::to_string);
        let args: Vec<String> = self.args.iter().map(ToString::to_string).chain(literal).collect();
        match &args[..] {
            [] => write!(f, "{}(*", self.name)?,
            // `args` has the value first, as quantile(x, q) does; in SQL the rank stands in the parentheses.
            [x, q] if self.name == WITHIN_GROUP => {
                write!(f, "{}({q}) WITHIN GROUP (ORDER BY {x}", self.name)?
            }
            args => {
                let distinct = if self.distinct { "distinct " } else { "" };
                write!(f, "{}({distinct}{}", self.name, args.join(", "))?;
            }
        }
        if !self.order.is_empty() {
            write!(f, " ORDER BY {}", listed(&self.order))?;
        }
        write!(f, ")")?;
        self.filter.iter().try_for_each(|filter| write!(f, " FILTER (WHERE {filter})"))
    }
}

/// The aggregate whose argument is an order: `percentile_cont(q) WITHIN GROUP (ORDER BY x)`.
const WITHIN_GROUP: &str = "percentile_cont";

fn listed(items: &[impl fmt::Display]) -> String {
    items.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

impl fmt::Display for OrderBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.by, if self.descending { " DESC" } else { "" })?;
        // NULL as the greatest value is PostgreSQL's default, so it is not written.
        match self.nulls_first == self.descending {
            true => Ok(()),
            false => write!(f, " NULLS {}", if self.nulls_first { "FIRST" } else { "LAST" }),
        }
    }
}

/// A `select` entry or a `having`: aggregates, and an expression over them.
#[derive(Debug, Clone)]
pub struct Selection {
    /// The aggregates in it, each once.
    pub calls: Vec<AggregateCall>,
    /// As written.
    pub(super) sql: String,
    /// All of it; the aggregates are where they are written.
    pub(super) ast: Ast,
}

impl Selection {
    /// The aggregate that the whole entry is, if it is one.
    pub fn single(&self) -> Option<&AggregateCall> {
        as_call(&self.ast).and(self.calls.first())
    }

    /// The name of the column that the whole entry is, if it is one.
    pub fn name(&self) -> Option<String> {
        column_name(&self.ast)
    }

    /// The entry with what `named` columns are in the place of their names. Arguments of aggregates are columns of
    /// events, and stay.
    #[must_use]
    pub fn over(&self, named: &[(&str, &Selection)]) -> Selection {
        with_stack(|| {
            // What is put in must not be looked at again: a column may have the name of one that it is made of.
            let mut kept: Vec<Option<Ast>> = vec![];
            let mut ast = self.ast.clone();
            change_expressions(&mut ast, |node| {
                let inner = match as_call(node) {
                    Some(_) => Some(node.clone()),
                    None => column_name(node).and_then(|name| {
                        let (_, selection) = named.iter().find(|(known, _)| *known == name)?;
                        Some(Ast::Nested(Box::new(selection.ast.clone())))
                    }),
                };
                if let Some(inner) = inner {
                    // No text of a user is this name: a placeholder has no blank.
                    let name = format!("$ {}", kept.len());
                    kept.push(Some(inner));
                    *node = Ast::Value(Value::Placeholder(name).into());
                }
            });
            change_expressions(&mut ast, |node| {
                let Ast::Value(value) = &*node else { return };
                let Value::Placeholder(name) = &value.value else { return };
                let number = name.strip_prefix("$ ").and_then(|number| number.parse::<usize>().ok());
                if let Some(inner) = number.and_then(|number| kept.get_mut(number)?.take()) {
                    *node = inner;
                }
            });
            let mut calls = self.calls.clone();
            let more = named.iter().flat_map(|(_, selection)| &selection.calls);
            more.for_each(|call| {
                if !calls.contains(call) {
                    calls.push(call.clone())
                }
            });
            Selection { calls, sql: self.sql.clone(), ast }
        })
    }
}

/// Finds the aggregates in `sql`.
///
/// # Errors
/// A job error without a place: syntax, a nested aggregate, wrong arguments.
pub fn parse_selection(sql: &str) -> Result<Selection> {
    with_stack(|| selection(sql))
}

fn selection(sql: &str) -> Result<Selection> {
    check_filters(sql)?;
    let ast = composed(parse(sql)?, sql, &made_of)?;
    let mut calls: Vec<AggregateCall> = vec![];
    let mut first_fault = None;
    expressions(&ast, |node| match as_call(node).map(|call| check(call, sql)) {
        // An aggregate that is written twice is computed once.
        Some(Ok(call)) if !calls.contains(&call) => calls.push(call),
        Some(Err(fault)) => drop(first_fault.get_or_insert(fault)),
        Some(Ok(_)) | None => {}
    });
    match first_fault {
        Some(fault) => Err(fault),
        None => Ok(Selection { calls, sql: sql.to_string(), ast }),
    }
}

/// The expression that an aggregate is made of, if it has no state of its own.
fn made_of(name: &str) -> Option<&'static str> {
    catalog::forms(name).find_map(|form| match form.make {
        AggregateMaking::Sql(body) => Some(body),
        AggregateMaking::State(_) => None,
    })
}

/// The tree with what the aggregates of `made_of` are made of in their places.
///
/// # Errors
/// A job error without a place: a call of such an aggregate is wrong.
fn composed(mut ast: Ast, sql: &str, made_of: &dyn Fn(&str) -> Option<&'static str>) -> Result<Ast> {
    let mut fault = None;
    // A node is changed before its parts are looked at, so a body may hold a further aggregate of this kind.
    change_expressions(&mut ast, |node| {
        let body =
            as_call(node).and_then(|call| Some((call, made_of(&call.name.to_string().to_lowercase())?)));
        let filled = body.map(|(call, body)| check(call, sql).and_then(|call| filled(body, &call, sql)));
        match filled {
            Some(Ok(filled)) => *node = Ast::Nested(Box::new(filled)),
            Some(Err(error)) => drop(fault.get_or_insert(error)),
            None => {}
        }
    });
    fault.map_or(Ok(ast), Err)
}

/// `body` with the arguments of `call` for `$1` and `$2`, and its FILTER at each aggregate.
fn filled(body: &str, call: &AggregateCall, sql: &str) -> Result<Ast> {
    let placeholder = |ast: &Ast| match ast {
        Ast::Value(value) => match &value.value {
            Value::Placeholder(name) => Some(name.clone()),
            _ => None,
        },
        _ => None,
    };
    let mut strays = vec![];
    call.args
        .iter()
        .chain(&call.filter)
        .for_each(|arg| expressions(arg, |part| strays.extend(placeholder(part))));
    // In an argument they would be taken for those of the body, and be filled in without an end.
    if let Some(stray) = strays.first() {
        return Err(Error::job(format!("`{stray}` in `{sql}` is not an expression")));
    }
    let mut ast = parse(body)?;
    change_expressions(&mut ast, |node| {
        if let (Ast::Function(function), Some(_)) = (&mut *node, &call.filter) {
            let name = function.name.to_string().to_lowercase();
            if catalog::forms(&name).next().is_some() {
                function.filter = call.filter.clone().map(Box::new);
            }
        }
        let number = placeholder(node).and_then(|name| name[1..].parse::<usize>().ok());
        let Some(arg) = number.and_then(|number| call.args.get(number.checked_sub(1)?)) else { return };
        *node = match arg {
            Ast::Identifier(_) | Ast::CompoundIdentifier(_) | Ast::Value(_) => arg.clone(),
            arg => Ast::Nested(Box::new(arg.clone())),
        };
    });
    Ok(ast)
}

/// The error of an aggregate where rows are not grouped.
pub fn misplaced(call: &Function, sql: &str) -> Error {
    let name = call.name.to_string().to_lowercase();
    Error::job(format!("`{name}` is an aggregate, which is not allowed in `{sql}`"))
        .hint("aggregates belong to `select` and `having` of an output")
}

/// The name of the first aggregate in `ast`, if there is one.
fn first_aggregate(ast: &Ast) -> Option<String> {
    let mut found = None;
    expressions(ast, |node| {
        if let (None, Some(call)) = (&found, as_call(node)) {
            found = Some(call.name.to_string().to_lowercase());
        }
    });
    found
}

/// The name of the column that `ast` is, if it is one.
fn column_name(ast: &Ast) -> Option<String> {
    match ast {
        Ast::Nested(inner) => column_name(inner),
        Ast::Identifier(name) => Some(unescaped(name)),
        Ast::CompoundIdentifier(parts) => Some(parts.iter().map(unescaped).collect::<Vec<_>>().join(".")),
        _ => None,
    }
}

/// The call of an aggregate that `ast` is, if it is one.
pub fn as_call(ast: &Ast) -> Option<&Function> {
    match ast {
        Ast::Function(f) => {
            let name = f.name.to_string().to_lowercase();
            catalog::forms(&name).next().map(|_| f)
        }
        _ => None,
    }
}

/// The aggregate that `function` calls.
///
/// # Errors
/// A job error without a place: wrong arguments, or what the aggregate does not take beside them.
pub fn check(function: &Function, sql: &str) -> Result<AggregateCall> {
    let name = function.name.to_string().to_lowercase();
    let FunctionArguments::List(list) = &function.args else {
        return Err(Error::job(format!("`{name}` in `{sql}` needs its arguments in parentheses")));
    };
    check_clauses(function, &list.clauses, &name, sql)?;
    let (args, order) = arguments(function, list, &name, sql)?;
    let distinct = list.duplicate_treatment == Some(DuplicateTreatment::Distinct);
    let call = AggregateCall {
        args,
        distinct,
        literal: None,
        order,
        filter: function.filter.as_deref().cloned(),
        name,
    };
    let call = formed(call, sql)?;
    let order = call.order.iter().map(|order| &order.by);
    match call.args.iter().chain(order).chain(&call.filter).find_map(first_aggregate) {
        Some(nested) => {
            let error = format!("`{nested}` inside `{}` in `{sql}`: aggregates do not nest", call.name);
            Err(Error::job(error))
        }
        None => Ok(call),
    }
}

/// Faults what may stand in a call and is not for aggregates here.
fn check_clauses(
    function: &Function,
    clauses: &[FunctionArgumentClause],
    name: &str,
    sql: &str,
) -> Result<()> {
    let refused = |what: &dyn fmt::Display| Error::job(format!("`{name}` in `{sql}` takes no {what}"));
    if function.over.is_some() {
        return Err(refused(&"OVER").hint("use the `window` of the output"));
    }
    if !matches!(function.parameters, FunctionArguments::None) {
        return Err(Error::job(format!("`{name}` in `{sql}` has arguments twice")));
    }
    // The parser keeps IGNORE NULLS inside the parentheses apart from that behind them.
    let treatments = clauses.iter().filter_map(|clause| match clause {
        FunctionArgumentClause::IgnoreOrRespectNulls(treatment) => Some(treatment),
        _ => None,
    });
    if treatments.chain(&function.null_treatment).any(|treatment| *treatment == NullTreatment::RespectNulls) {
        return Err(refused(&"RESPECT NULLS").hint("all aggregates except count(*) ignore NULL"));
    }
    let known = |clause: &&FunctionArgumentClause| {
        use FunctionArgumentClause::{IgnoreOrRespectNulls, OrderBy};
        matches!(clause, OrderBy(_) | IgnoreOrRespectNulls(_))
    };
    match clauses.iter().find(|clause| !known(clause)) {
        Some(FunctionArgumentClause::Separator(text)) => {
            Err(refused(&"SEPARATOR")
                .hint(format!("the separator is its second argument: {name}(x, {text})")))
        }
        Some(clause) => Err(refused(&format!("`{clause}`"))),
        None => Ok(()),
    }
}

/// The arguments as they are written, and the order. Of `WITHIN GROUP` the order is an argument, or the order.
fn arguments(
    function: &Function,
    list: &FunctionArgumentList,
    name: &str,
    sql: &str,
) -> Result<(Vec<Ast>, Vec<OrderBy>)> {
    let mut args = vec![];
    for arg in &list.args {
        match arg {
            // count(*) counts rows: its list of arguments is empty.
            FunctionArg::Unnamed(FunctionArgExpr::Wildcard) if name == "count" && list.args.len() == 1 => {}
            FunctionArg::Unnamed(FunctionArgExpr::Expr(inner)) => args.push(inner.clone()),
            other => return Err(Error::job(format!("`{name}` in `{sql}` cannot take `{other}`"))),
        }
    }
    let order = list.clauses.iter().flat_map(|clause| match clause {
        FunctionArgumentClause::OrderBy(order) => &order[..],
        _ => &[],
    });
    let order: Vec<OrderBy> = order.map(OrderBy::of).collect();
    let within: Vec<OrderBy> = function.within_group.iter().map(OrderBy::of).collect();
    match &within[..] {
        [] if name == WITHIN_GROUP => {
            let error = Error::job(format!("`{name}` in `{sql}` needs WITHIN GROUP (ORDER BY …)"));
            Err(error.hint("percentile_cont(0.5) WITHIN GROUP (ORDER BY x), or quantile(x, 0.5)"))
        }
        [] => Ok((args, order)),
        _ if order.is_empty() && catalog::forms(name).any(|form| form.ordered) => Ok((args, within)),
        [by] if by.descending && matches!(name, WITHIN_GROUP | "mode") => {
            let error = Error::job(format!("`{name}` in `{sql}` cannot be ordered descending"));
            Err(match name {
                "mode" => error.hint("if several values are equally frequent, it is the least of them"),
                _ => error.hint("percentile_cont(1 - q) of the ascending order is the same"),
            })
        }
        [by] if name == WITHIN_GROUP || name == "mode" && args.is_empty() => {
            // The forms of the catalog have the value before the rank.
            args.insert(0, by.by.clone());
            Ok((args, order))
        }
        _ => Err(Error::job(format!("WITHIN GROUP is not for `{name}` in `{sql}`"))),
    }
}

impl OrderBy {
    fn of(order: &OrderByExpr) -> OrderBy {
        let descending = order.options.asc == Some(false);
        let nulls_first = order.options.nulls_first.unwrap_or(descending);
        OrderBy { by: order.expr.clone(), descending, nulls_first }
    }
}

/// A call whose arguments are all in `args`, by the forms that the aggregate has.
fn formed(mut call: AggregateCall, sql: &str) -> Result<AggregateCall> {
    let name = &call.name;
    let written = |form: &Signature| form.takes.len() + usize::from(form.literal.is_some());
    let Some(form) = catalog::forms(name).find(|form| written(form) == call.args.len()) else {
        let most = catalog::forms(name).map(written).max().unwrap_or(0);
        let count = if most == 1 { "one argument" } else { "two arguments" };
        let forms: Vec<&str> = catalog::forms(name).map(|form| form.call).collect();
        return Err(Error::job(format!("`{name}` in `{sql}` takes {count}, not {}", call.args.len()))
            .hint(format!("it is written {}", forms.join(" or "))));
    };
    if call.distinct && form.takes.is_empty() {
        return Err(Error::job(format!("`{name}(distinct …)` in `{sql}` needs a column")));
    }
    if call.distinct && form.distinct == DistinctRule::Never {
        return Err(Error::job(format!("DISTINCT is not for `{name}` in `{sql}`")));
    }
    if !call.order.is_empty() && !form.ordered {
        return Err(Error::job(format!("ORDER BY is not for `{name}` in `{sql}`"))
            .hint("arg_min(x, y) is x of the event with the least y; string_agg joins texts in an order"));
    }
    if call.distinct && !call.order.is_empty() {
        // Events of one text differ in everything else.
        if call.order[0].by != call.args[0] {
            let error =
                format!("the distinct values of `{name}` in `{sql}` can only be ordered by themselves");
            return Err(Error::job(error).hint(format!("ORDER BY {}", call.args[0])));
        }
        // Distinct values do not have ties that a further key could order.
        call.order.truncate(1);
    }
    call.literal = form.literal.and_then(|_| call.args.pop());
    Ok(call)
}

/// The value of a literal of text; `None` of another expression.
pub fn text_literal(ast: &Ast) -> Option<String> {
    match ast {
        Ast::Value(value) => match &value.value {
            Value::SingleQuotedString(text) => Some(unquoted(text)),
            Value::EscapedStringLiteral(text) => Some(text.clone()),
            _ => None,
        },
        Ast::Nested(inner) => text_literal(inner),
        _ => None,
    }
}

/// Faults a FILTER without its condition, which the parser reads as nothing.
fn check_filters(sql: &str) -> Result<()> {
    // A text that cannot be cut into tokens is a fault that `parse` tells, which comes next.
    let tokens = Tokenizer::new(&GenericDialect {}, sql).tokenize().unwrap_or_default();
    let tokens: Vec<&Token> = tokens.iter().filter(|token| !matches!(token, Token::Whitespace(_))).collect();
    let is = |token: Option<&&Token>, keyword: Keyword| matches!(token, Some(Token::Word(word)) if word.keyword == keyword && word.quote_style.is_none());
    let bare = (1..tokens.len()).any(|i| {
        *tokens[i - 1] == Token::RParen
            && is(tokens.get(i), Keyword::FILTER)
            && !(tokens.get(i + 1) == Some(&&Token::LParen) && is(tokens.get(i + 2), Keyword::WHERE))
    });
    match bare {
        true => {
            let error = Error::job(format!("FILTER in `{sql}` needs a condition"));
            Err(error.hint("write FILTER (WHERE …)"))
        }
        false => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_what_they_are_made_of() {
        let total = parse_selection("sum(total) + 1").unwrap();
        let n = parse_selection("count(*)").unwrap();
        let over = |sql: &str| {
            let over = parse_selection(sql).unwrap().over(&[("total", &total), ("n", &n)]);
            (over.ast.to_string(), over.calls.len())
        };
        // The argument of an aggregate is a column of the events, also where it has the name of one of the output.
        assert_eq!(over("total / \"n\" + max(total)").0, "(sum(total) + 1) / (count(*)) + max(total)");
        assert_eq!(over("(total)"), ("(sum(total) + 1)".to_string(), 2));
        assert_eq!(over("other").0, "other");
    }

    #[test]
    fn what_an_aggregate_is_made_of_stands_in_its_place() {
        let made_of = |name: &str| (name == "covar_pop").then_some("avg($1 * $2) - avg($1) * avg($2)");
        let made = |sql: &str| composed(parse(sql).unwrap(), sql, &made_of).map(|ast| ast.to_string());
        assert_eq!(
            made("1 + COVAR_POP(a, b + 1) FILTER (WHERE c)").unwrap(),
            "1 + (avg(a * (b + 1)) FILTER (WHERE c) - avg(a) FILTER (WHERE c) * avg((b + 1)) FILTER (WHERE c))"
        );
        assert_eq!(made("sum(a) - count(*)").unwrap(), "sum(a) - count(*)");
        for wrong in ["covar_pop(a)", "covar_pop(DISTINCT a, b)", "covar_pop(sum(a), b)", "covar_pop($1, b)"]
        {
            assert!(made(wrong).is_err(), "{wrong}");
        }
    }
}
