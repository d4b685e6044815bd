//! Functions: the table of those that are known to mean the same, by dialect.

use super::{Translator, integer, is_text, strip, text_of};
use crate::batch::DataType;
use crate::error::Result;
use crate::expr::Kind;
use crate::sql::Dialect::{BigQuery, DuckDb, Flink, Postgres, Spark};
use crate::sql::words;
use sqlparser::ast::{
    CeilFloorKind, Expr as Ast, FunctionArg, FunctionArgExpr, FunctionArguments, TrimWhereField,
};

impl Translator<'_> {
    /// A call of a function, in the syntax of its own or not.
    pub(super) fn call(&self, ast: &Ast) -> Result<String> {
        match ast {
            Ast::Function(function) => {
                let args = arguments(&function.args).ok_or_else(|| self.no_words(ast))?;
                self.function(ast, &function.name.to_string().to_ascii_lowercase(), &args)
            }
            Ast::Ceil { expr, field } if plain(field) => self.function(ast, "ceil", &[expr]),
            Ast::Floor { expr, field } if plain(field) => self.function(ast, "floor", &[expr]),
            Ast::Substring { expr, substring_from: Some(from), substring_for, .. } => {
                self.substring(ast, expr, from, substring_for.as_deref())
            }
            Ast::Trim { expr, trim_where, trim_what, trim_characters: None } => {
                let side = match trim_where {
                    None | Some(TrimWhereField::Both) => "BOTH",
                    Some(TrimWhereField::Leading) => "LEADING",
                    Some(TrimWhereField::Trailing) => "TRAILING",
                };
                self.trim(ast, side, expr, trim_what.as_deref())
            }
            Ast::Position { expr, r#in } => self.position(ast, r#in, expr),
            _ => Err(self.no_words(ast)),
        }
    }

    fn function(&self, ast: &Ast, name: &str, args: &[&Ast]) -> Result<String> {
        let list = || -> Result<Vec<String>> { args.iter().map(|arg| self.sql(arg)).collect() };
        let called = |name: &str| Ok(format!("{name}({})", list()?.join(", ")));
        match (name, args) {
            ("coalesce" | "ifnull", [_, ..]) => called("COALESCE"),
            ("nullif", [_, _]) => called("NULLIF"),
            ("if", [condition, yes, no]) => Ok(format!(
                "CASE WHEN {} THEN {} ELSE {} END",
                self.sql(condition)?,
                self.sql(yes)?,
                self.sql(no)?
            )),
            ("greatest" | "least", [_, _, ..]) => {
                let name = name.to_ascii_uppercase();
                if matches!(self.dialect, DuckDb | Postgres | Spark) {
                    return called(&name);
                }
                // NULL wins here, and is passed over in Polars: each argument is the next one where it is NULL.
                let mut list = list()?;
                let turns: Vec<String> = (0..list.len())
                    .map(|_| {
                        let turn = format!("COALESCE({})", list.join(", "));
                        list.rotate_left(1);
                        turn
                    })
                    .collect();
                Ok(format!("{name}({})", turns.join(", ")))
            }
            ("abs", [x]) if self.is_number(x) => called("ABS"),
            ("sign", [x]) => match self.kind(x) {
                Some(Kind::Of(ty @ (DataType::Int64 | DataType::Float64 | DataType::Decimal { .. }))) => {
                    Ok(format!("CAST(SIGN({}) AS {})", self.sql(x)?, words::type_name(self.dialect, ty)))
                }
                _ => Err(self.no_words(ast)),
            },
            ("floor" | "ceil" | "ceiling", [x]) => match self.kind(x) {
                Some(Kind::Of(DataType::Int64)) => self.sql(x),
                Some(Kind::Of(DataType::Float64 | DataType::Decimal { .. })) => {
                    called(if name == "floor" { "FLOOR" } else { "CEIL" })
                }
                _ => Err(self.no_words(ast)),
            },
            ("round", [x]) => self.round(ast, x, 0),
            ("round", [x, digits]) => match integer(digits) {
                Some(digits @ 0..=38) => self.round(ast, x, digits as u8),
                _ => Err(self.no_words(ast)),
            },
            ("trunc" | "truncate", [x]) if self.kind(x) == Some(Kind::Of(DataType::Float64)) => {
                match self.dialect {
                    DuckDb | Postgres | BigQuery => called("TRUNC"),
                    _ => Err(self.no_words(ast)),
                }
            }
            ("sqrt", [x]) if self.is_number(x) => {
                Ok(format!("SQRT({})", words::to_double(self.dialect, &self.sql(x)?)))
            }
            ("mod", [a, b]) => self.modulo(ast, a, b),
            ("div", [a, b]) => self.floor_div(ast, a, b),
            ("upper" | "lower", [x]) => {
                let name = name.to_ascii_uppercase();
                Ok(match self.dialect {
                    // The columns are of the collation "C", whose letters are those of ASCII.
                    Postgres => {
                        format!("({name}({} COLLATE \"und-x-icu\") COLLATE \"C\")", self.tight(x)?)
                    }
                    _ => called(&name)?,
                })
            }
            ("length" | "char_length" | "character_length", [_]) => {
                let call = called("CHAR_LENGTH")?;
                Ok(match self.dialect {
                    DuckDb => called("LENGTH")?,
                    Postgres => format!("CAST({call} AS BIGINT)"),
                    _ => call,
                })
            }
            ("octet_length", [x]) => self.bytes(ast, &self.sql(x)?),
            ("substr" | "substring", [text, from]) => self.substring(ast, text, from, None),
            ("substr" | "substring", [text, from, count]) => self.substring(ast, text, from, Some(count)),
            // Also of NULL.
            ("left" | "right", [_, count]) if integer(count) == Some(0) => Ok("''".into()),
            ("left" | "right", [_, count]) => match (integer(count), self.dialect) {
                (Some(0..), _) | (Some(_), DuckDb | Postgres) => called(&name.to_ascii_uppercase()),
                _ => Err(self.no_words(ast)),
            },
            ("ltrim", [text]) => self.trim(ast, "LEADING", text, None),
            ("rtrim", [text]) => self.trim(ast, "TRAILING", text, None),
            ("ltrim", [text, what]) => self.trim(ast, "LEADING", text, Some(what)),
            ("rtrim", [text, what]) => self.trim(ast, "TRAILING", text, Some(what)),
            ("replace", [_, old, _]) if is_text(old) && !text_of(old).is_empty() => called("REPLACE"),
            ("reverse", [_]) => called("REVERSE"),
            ("lpad" | "rpad", [text, count]) if integer(count).is_some_and(|n| n >= 0) => {
                Ok(format!("{}({}, {}, ' ')", name.to_ascii_uppercase(), self.sql(text)?, self.sql(count)?))
            }
            ("lpad" | "rpad", [_, count, _]) if integer(count).is_some_and(|n| n >= 0) => {
                called(&name.to_ascii_uppercase())
            }
            ("starts_with", [text, start]) => self.starts(text, start),
            ("ends_with", [text, end]) => match self.dialect {
                DuckDb | BigQuery => called("ENDS_WITH"),
                Spark => called("ENDSWITH"),
                _ => {
                    let (text, end) = (self.sql(text)?, self.sql(end)?);
                    Ok(format!("(RIGHT({text}, CHAR_LENGTH({end})) = {end})"))
                }
            },
            ("strpos", [text, what]) => self.position(ast, text, what),
            ("split_part", [_, by, number]) if is_text(by) && !text_of(by).is_empty() => {
                match (integer(number), self.dialect) {
                    (Some(1..), DuckDb | Postgres | Spark) => called("SPLIT_PART"),
                    _ => Err(self.no_words(ast)),
                }
            }
            ("concat", [_, ..]) => {
                let texts = args.iter().map(|arg| self.as_text(arg)).collect::<Result<Vec<_>>>()?;
                Ok(match self.dialect {
                    DuckDb | Postgres => format!("CONCAT({})", texts.join(", ")),
                    // NULL makes the whole NULL here; in Polars it counts for nothing.
                    BigQuery => {
                        let texts: Vec<String> = texts.iter().map(|t| format!("COALESCE({t}, '')")).collect();
                        format!("CONCAT({})", texts.join(", "))
                    }
                    _ => format!("CONCAT_WS('', {})", texts.join(", ")),
                })
            }
            ("concat_ws", [between, rest @ ..]) if is_text(between) && !rest.is_empty() => {
                let texts = rest.iter().map(|arg| self.as_text(arg)).collect::<Result<Vec<_>>>()?;
                let (between, texts) = (self.sql(between)?, texts.join(", "));
                Ok(match self.dialect {
                    BigQuery => format!("ARRAY_TO_STRING([{texts}], {between})"),
                    _ => format!("CONCAT_WS({between}, {texts})"),
                })
            }
            ("regexp_like", [text, pattern]) => self.regex(ast, text, pattern, false, false),
            ("regexp_like", [text, pattern, flags]) if is_text(flags) && text_of(flags) == "i" => {
                self.regex(ast, text, pattern, false, true)
            }
            ("date_part", [field, time]) if is_text(field) => self.extract(ast, &text_of(field), time),
            ("strftime", [time, format]) => self.strftime(ast, time, format),
            ("date", [day]) if is_text(day) => self.date_literal(ast, &text_of(day)),
            ("timestamp" | "datetime", [time]) if is_text(time) => self.time_literal(ast, &text_of(time)),
            _ => Err(self.no_words(ast)),
        }
    }

    /// A half goes to the even digit.
    fn round(&self, ast: &Ast, x: &Ast, digits: u8) -> Result<String> {
        match self.kind(x) {
            Some(Kind::Of(DataType::Int64)) => self.sql(x),
            Some(Kind::Of(DataType::Decimal { scale, .. })) if digits >= scale => self.sql(x),
            Some(Kind::Of(DataType::Decimal { .. })) => self.rounded(ast, x, digits),
            Some(Kind::Of(DataType::Float64)) => match (self.dialect, digits) {
                (DuckDb, 0) => Ok(format!("ROUND_EVEN({}, 0)", self.sql(x)?)),
                (Postgres, 0) => Ok(format!("ROUND({})", self.sql(x)?)),
                (Spark, 0) => Ok(format!("BROUND({}, 0)", self.sql(x)?)),
                // How the digits of a float are rounded is each engine's own.
                _ => Err(self.no_words(ast)),
            },
            _ => Err(self.no_words(ast)),
        }
    }

    fn substring(&self, ast: &Ast, text: &Ast, from: &Ast, count: Option<&Ast>) -> Result<String> {
        let sql = self.sql(text)?;
        match (integer(from), count) {
            (Some(..=0), None) => Ok(sql),
            (Some(from @ 1..), None) => Ok(format!("SUBSTR({sql}, {from})")),
            (Some(from), Some(count)) => match integer(count) {
                Some(count @ 0..) if from > 0 => Ok(format!("SUBSTR({sql}, {from}, {count})")),
                // What lies before the first character counts too.
                Some(count @ 0..) => Ok(format!("SUBSTR({sql}, 1, {})", (count + from - 1).max(0))),
                _ => Err(self.no_words(ast)),
            },
            _ => Err(self.no_words(ast)),
        }
        .map(|sql| match self.dialect {
            Flink => sql.replacen("SUBSTR(", "SUBSTRING(", 1),
            _ => sql,
        })
    }

    fn trim(&self, ast: &Ast, side: &str, text: &Ast, what: Option<&Ast>) -> Result<String> {
        let sql = self.sql(text)?;
        let characters = match what {
            Some(what) if is_text(what) => text_of(what),
            Some(_) => return Err(self.no_words(ast)),
            None => WHITE_SPACE.to_string(),
        };
        let name = match side {
            "LEADING" => "LTRIM",
            "TRAILING" => "RTRIM",
            _ => "TRIM",
        };
        let set = words::text(self.dialect, &characters);
        Ok(match self.dialect {
            DuckDb => format!("{name}({sql}, {set})"),
            BigQuery if what.is_none() => format!("{name}({sql})"),
            BigQuery => format!("{name}({sql}, {set})"),
            Postgres | Spark => format!("TRIM({side} {set} FROM {sql})"),
            _ if characters.chars().count() == 1 => format!("TRIM({side} {set} FROM {sql})"),
            _ => return Err(self.no_words(ast)),
        })
    }

    pub(super) fn starts(&self, text: &Ast, start: &Ast) -> Result<String> {
        let (text, start) = (self.sql(text)?, self.sql(start)?);
        Ok(match self.dialect {
            DuckDb | Postgres | BigQuery => format!("STARTS_WITH({text}, {start})"),
            Spark => format!("STARTSWITH({text}, {start})"),
            _ => format!("(LEFT({text}, CHAR_LENGTH({start})) = {start})"),
        })
    }

    /// The byte, from 1, at which `what` begins in `text`; 0 where it is not there, and for NULL.
    fn position(&self, ast: &Ast, text: &Ast, what: &Ast) -> Result<String> {
        let (text, what) = (self.sql(text)?, self.sql(what)?);
        let place = match self.dialect {
            DuckDb | Postgres | BigQuery => format!("STRPOS({text}, {what})"),
            Spark => format!("LOCATE({what}, {text})"),
            _ => return Err(self.no_words(ast)),
        };
        let before = self.bytes(ast, &format!("LEFT({text}, {place} - 1)"))?;
        Ok(format!("CASE WHEN {place} > 0 THEN {before} + 1 ELSE 0 END"))
    }

    fn bytes(&self, ast: &Ast, text: &str) -> Result<String> {
        Ok(match self.dialect {
            DuckDb => format!("STRLEN({text})"),
            Postgres => format!("CAST(OCTET_LENGTH({text}) AS BIGINT)"),
            Spark => format!("OCTET_LENGTH({text})"),
            BigQuery => format!("BYTE_LENGTH({text})"),
            _ => return Err(self.no_words(ast)),
        })
    }
}

/// What Unicode calls white space.
const WHITE_SPACE: &str = " \t\n\u{b}\u{c}\r\u{85}\u{a0}\u{1680}\u{2000}\u{2001}\u{2002}\u{2003}\u{2004}\u{2005}\u{2006}\
\u{2007}\u{2008}\u{2009}\u{200a}\u{2028}\u{2029}\u{202f}\u{205f}\u{3000}";

fn plain(field: &CeilFloorKind) -> bool {
    matches!(field, CeilFloorKind::DateTimeField(sqlparser::ast::DateTimeField::NoDateTime))
}

/// The arguments of a call, if they are plain expressions.
fn arguments(args: &FunctionArguments) -> Option<Vec<&Ast>> {
    match args {
        FunctionArguments::None => Some(vec![]),
        FunctionArguments::List(list) => list
            .args
            .iter()
            .map(|arg| match arg {
                FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) => Some(strip(expr)),
                _ => None,
            })
            .collect(),
        FunctionArguments::Subquery(_) => None,
    }
}
