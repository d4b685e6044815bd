//! Makes once what the constants of a call give: patterns, formats, places in JSON, zones, lists.

use super::json::Path;
use super::pattern::{self, Likeness};
use super::ready::Ready;
use super::tree::{Literal, Node, Op};
use super::types::Type;
use crate::error::Error;
use crate::time::{TimeFormat, Zone};
use std::collections::HashSet;
use std::sync::Arc;

impl Ready {
    /// What can be made of the arguments of `op`. The error says what is wrong with one.
    pub fn of(op: Op, args: &[Node]) -> Result<Ready, String> {
        let word = |at: usize| args.get(at).and_then(Node::as_text);
        Ok(match op {
            Op::Like | Op::ILike => {
                let escape = match args.get(2) {
                    None => Some('\\'),
                    Some(escape) => pattern::escape(escape.as_text())?,
                };
                match word(1) {
                    Some(text) => Ready::Like(Arc::new(Likeness::new(text, escape, op == Op::ILike)?)),
                    None => Ready::Nothing,
                }
            }
            Op::RegexLike => regex(word(1), pattern::any_case(word(2))?)?,
            Op::RegexReplace => regex(word(1), pattern::flags(word(3))?.any_case)?,
            Op::RegexExtract | Op::RegexFind => {
                let ready = regex(word(1), false)?;
                if let (Ready::Regex(regex), Some(group)) = (&ready, args.get(2).and_then(Node::as_int))
                    && !(0..regex.captures_len() as i64).contains(&group)
                {
                    return Err(format!("the regular expression has no group {group}"));
                }
                ready
            }
            Op::Strftime | Op::Strptime | Op::TryStrptime | Op::StrpDate => match word(1) {
                Some(text) => Ready::Format(Arc::new(format(op, text, args[0].ty)?)),
                None => return Err("the format must be a text in quotes".into()),
            },
            Op::JsonText | Op::JsonPart => match word(1) {
                Some(path) => Ready::Path(Arc::new(Path::parse(path)?)),
                None => return Err("the path must be a text in quotes".into()),
            },
            Op::AtZone | Op::OfZone => {
                word(1).and_then(Zone::named).map(Ready::Zone).ok_or("the zone is not known")?
            }
            Op::In => list(&args[1..]),
            _ => Ready::Nothing,
        })
    }
}

/// The format with which `op` reads, or writes times of the type `ty`.
fn format(op: Op, text: &str, ty: Type) -> Result<TimeFormat, String> {
    let words = |error: Error| {
        let hints = error.hints().iter().map(|hint| format!("; {hint}")).collect::<String>();
        format!("{}{hints}", error.message())
    };
    let writes = op == Op::Strftime;
    let format =
        if writes { TimeFormat::for_writing(text) } else { TimeFormat::parse(text) }.map_err(words)?;
    let has_no_zone = writes && matches!(ty, Type::DATE | Type::Clock) || op == Op::StrpDate;
    match has_no_zone && format.is_zoned() {
        true => Err(format!("the format '{text}' has a zone, but a day has none")),
        false => Ok(format),
    }
}

fn regex(pattern: Option<&str>, any_case: bool) -> Result<Ready, String> {
    pattern.map_or(Ok(Ready::Nothing), |text| pattern::regex(text, any_case).map(Ready::Regex))
}

/// A list of constants of one type, in which a value is looked for in one step.
fn list(items: &[Node]) -> Ready {
    let ints = items.iter().map(Node::as_int).collect::<Option<HashSet<i64>>>();
    if let Some(ints) = ints {
        return Ready::Ints(Arc::new(ints));
    }
    let text = |item: &Node| match item.as_literal() {
        Some(Literal::Text(text)) => Some(text.clone()),
        _ => None,
    };
    match items.iter().map(text).collect::<Option<HashSet<String>>>() {
        Some(texts) => Ready::Texts(Arc::new(texts)),
        None => Ready::Nothing,
    }
}
