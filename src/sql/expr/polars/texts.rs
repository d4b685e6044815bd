//! Texts and patterns.

use super::PolarsPrinter;
use crate::error::Result;
use crate::expr::tree::{Call, Node, Op};
use crate::sql::{Dialect, words};

impl PolarsPrinter<'_> {
    pub(super) fn text(&self, call: &Call) -> Result<String> {
        let args = &call.args;
        let sql = self.sql(&args[0])?;
        let text = |at: usize| args.get(at).and_then(Node::as_text);
        let quoted = |text: &str| words::text(Dialect::Polars, text);
        let no_words = || self.no_words(&format!("{:?} of such arguments", call.op).to_lowercase());
        Ok(match call.op {
            Op::ConcatAll => {
                let parts = self.all(args)?.into_iter().map(|part| format!("COALESCE({part}, '')"));
                format!("({})", parts.collect::<Vec<_>>().join(" || "))
            }
            Op::ConcatWith if text(0).is_some() => {
                format!("CONCAT_WS({sql}, {})", self.all(&args[1..])?.join(", "))
            }
            Op::Upper => format!("UPPER({sql})"),
            Op::Lower => format!("LOWER({sql})"),
            Op::Length => format!("CAST(LENGTH({sql}) AS BIGINT)"),
            Op::OctetLength => format!("CAST(OCTET_LENGTH({sql}) AS BIGINT)"),
            Op::Left | Op::Right => {
                let count = args[1].as_int().filter(|count| *count >= 0).ok_or_else(no_words)?;
                let name = if call.op == Op::Left { "LEFT" } else { "RIGHT" };
                match count {
                    0 => format!("(CASE WHEN {sql} IS NULL THEN NULL ELSE '' END)"),
                    _ => format!(
                        "(CASE WHEN LENGTH({sql}) <= {count} THEN {sql} ELSE {name}({sql}, {count}) END)"
                    ),
                }
            }
            Op::Substring => {
                let from = args[1].as_int().ok_or_else(no_words)?;
                match args.get(2) {
                    None if from <= 1 => sql,
                    None => format!("SUBSTR({sql}, {from})"),
                    Some(count) => {
                        let count = count.as_int().filter(|count| *count >= 0).ok_or_else(no_words)?;
                        // What lies before the first character counts too.
                        let end = from.saturating_add(count).max(1);
                        let from = from.max(1);
                        match (end - from).max(0) {
                            0 => format!("(CASE WHEN {sql} IS NULL THEN NULL ELSE '' END)"),
                            count => format!("SUBSTR({sql}, {from}, {count})"),
                        }
                    }
                }
            }
            Op::Trim | Op::TrimStart | Op::TrimEnd => {
                let side = match call.op {
                    Op::Trim => "BOTH",
                    Op::TrimStart => "LEADING",
                    _ => "TRAILING",
                };
                let set = if args.len() == 1 { Some(" ") } else { text(1) };
                match set.ok_or_else(no_words)? {
                    "" => sql,
                    set => format!("TRIM({side} {} FROM {sql})", quoted(set)),
                }
            }
            Op::Replace => {
                let old = text(1).ok_or_else(no_words)?;
                if old.is_empty() {
                    return Err(no_words());
                }
                let old = quoted(old);
                match text(2) {
                    Some(new) => format!("REPLACE({sql}, {old}, {})", quoted(new)),
                    None => {
                        // A NULL that replaces is taken for "leave it" in a batch of several rows.
                        let by = self.sql(&args[2])?;
                        let sql = match args[0].is_constant() {
                            // A constant text is one row, of which no more are made.
                            true => format!("CASE WHEN {by} IS NULL THEN NULL ELSE {sql} END"),
                            false => sql,
                        };
                        format!(
                            "(CASE WHEN {by} IS NULL THEN NULL ELSE REPLACE({sql}, {old}, COALESCE({by}, '')) END)"
                        )
                    }
                }
            }
            Op::SplitPart => {
                let by = text(1).filter(|by| !by.is_empty()).ok_or_else(no_words)?;
                let number = args[2].as_int().filter(|number| *number > 0).ok_or_else(no_words)?;
                format!("SPLIT_PART({sql}, {}, {number})", quoted(by))
            }
            Op::StartsWith => format!("STARTS_WITH({sql}, {})", self.sql(&args[1])?),
            Op::EndsWith => format!("ENDS_WITH({sql}, {})", self.sql(&args[1])?),
            Op::Position | Op::Contains => {
                if let (Op::Contains, Some(wanted)) = (call.op, text(1)) {
                    return Ok(format!("REGEXP_LIKE({sql}, {})", quoted(&regex::escape(wanted))));
                }
                // What is looked for by a function of Polars is a pattern; but a text is split at a text.
                let wanted = match text(1) {
                    None => self.sql(&args[1])?,
                    Some(wanted) => quoted(wanted),
                };
                let sql = match (args[0].is_constant(), text(1)) {
                    // A constant text is one row, of which no more are made.
                    (true, None) => format!("(CASE WHEN {wanted} IS NULL THEN NULL ELSE {sql} END)"),
                    _ => sql,
                };
                let before = format!("CAST(LENGTH(SPLIT_PART({sql}, {wanted}, 1)) AS BIGINT)");
                let (first, none, found) = match call.op {
                    Op::Contains => ("TRUE", "FALSE", "TRUE".to_string()),
                    _ => ("CAST(1 AS BIGINT)", "CAST(0 AS BIGINT)", format!("{before} + 1")),
                };
                format!(
                    "(CASE WHEN {sql} IS NULL OR {wanted} IS NULL THEN NULL WHEN {wanted} = '' THEN {first} \
                     WHEN {before} = LENGTH({sql}) THEN {none} ELSE {found} END)"
                )
            }
            Op::Repeat => {
                let count = args[1].as_int().filter(|count| *count <= 32).ok_or_else(no_words)?;
                match usize::try_from(count).unwrap_or(0) {
                    0 => format!("(CASE WHEN {sql} IS NULL THEN NULL ELSE '' END)"),
                    count => format!("({})", vec![sql; count].join(" || ")),
                }
            }
            Op::PadStart | Op::PadEnd => {
                let count =
                    args[1].as_int().filter(|count| (0..10_000).contains(count)).ok_or_else(no_words)?;
                let fill = if args.len() == 2 { " " } else { text(2).ok_or_else(no_words)? };
                if fill.chars().count() != 1 {
                    return Err(no_words());
                }
                let name = if call.op == Op::PadStart { "LPAD" } else { "RPAD" };
                format!("{name}({sql}, {count}, {})", quoted(fill))
            }
            Op::Translate => {
                let (from, to) = text(1).zip(text(2)).ok_or_else(no_words)?;
                let mut to = to.chars();
                let mut pairs: Vec<(char, Option<char>)> = vec![];
                for c in from.chars() {
                    let by = to.next();
                    if pairs.iter().all(|(known, _)| *known != c) {
                        pairs.push((c, by));
                    }
                }
                // One after the other is all at once where nothing that replaces is replaced.
                if pairs.iter().any(|(_, by)| by.is_some_and(|by| from.contains(by))) {
                    return Err(no_words());
                }
                pairs.into_iter().fold(sql, |sql, (c, by)| {
                    let by = by.map(String::from).unwrap_or_default();
                    format!("REPLACE({sql}, {}, {})", quoted(&c.to_string()), quoted(&by))
                })
            }
            Op::Like | Op::ILike => {
                let escape = match args.get(2) {
                    None => Some('\\'),
                    Some(escape) => escape.as_text().and_then(|text| text.chars().next()),
                };
                let pattern = like(text(1).ok_or_else(no_words)?, escape, call.op == Op::ILike);
                format!("REGEXP_LIKE({sql}, {})", quoted(&pattern))
            }
            Op::RegexLike => {
                let pattern = text(1).ok_or_else(no_words)?;
                let any_case = text(2).is_some_and(|flags| flags.contains('i'));
                let pattern = if any_case { format!("(?i){pattern}") } else { pattern.to_string() };
                format!("REGEXP_LIKE({sql}, {})", quoted(&pattern))
            }
            _ => return Err(no_words()),
        })
    }
}

/// A pattern of LIKE as a regular expression.
fn like(pattern: &str, escape: Option<char>, any_case: bool) -> String {
    let mut out = String::from(if any_case { "(?is)^" } else { "(?s)^" });
    let mut escaped = false;
    for c in pattern.chars() {
        match c {
            c if !escaped && Some(c) == escape => {
                escaped = true;
                continue;
            }
            '%' if !escaped => out += ".*",
            '_' if !escaped => out.push('.'),
            c => out += &regex::escape(&c.to_string()),
        }
        escaped = false;
    }
    out + "$"
}
