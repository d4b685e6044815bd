//! Texts. Lengths and positions count characters.

use super::Context;
use super::values::{Fault, Values, bools, ints, texts as build};
use crate::expr::pattern::{self, Likeness};
use crate::expr::ready::Ready;
use crate::expr::tree::{Call, Op};
use arrow_array::types::Int64Type;
use regex::Regex;

/// The most bytes of a text that is made longer.
const MOST_BYTES: usize = 16 << 20;

/// Texts of a row, and the numbers among its arguments.
struct TextArguments<'a> {
    args: &'a [Values],
    row: usize,
}

impl<'a> TextArguments<'a> {
    fn text(&self, at: usize) -> Option<&'a str> {
        self.args[at].texts().get(self.row)
    }

    fn int(&self, at: usize) -> Option<i64> {
        self.args[at].primitives::<Int64Type>().get(self.row)
    }

    /// The argument where there is one, else `otherwise`; `None` where it is NULL.
    fn text_or(&self, at: usize, otherwise: &'static str) -> Option<&'a str> {
        if at < self.args.len() { self.text(at) } else { Some(otherwise) }
    }
}

/// Operations that give a text.
pub fn texts(op: Op, args: &[Values], cx: &Context) -> Values {
    let inputs: Vec<&Values> = args.iter().collect();
    build(cx, &inputs, |row, out| {
        let row = TextArguments { args, row };
        match op {
            Op::ConcatAll | Op::ConcatWith => Ok(joined(op, &row, out)),
            _ => text(op, &row, out).map(|found| found.is_some()),
        }
    })
}

/// NULLs are left out; a NULL between them makes the whole NULL.
fn joined(op: Op, row: &TextArguments, out: &mut String) -> bool {
    let first = usize::from(op == Op::ConcatWith);
    let between = if first == 1 { row.text(0) } else { Some("") };
    let Some(between) = between else { return false };
    let mut any = false;
    for text in (first..row.args.len()).filter_map(|at| row.text(at)) {
        if any {
            out.push_str(between);
        }
        out.push_str(text);
        any = true;
    }
    true
}

/// Writes the text; `None` where it is NULL.
fn text(op: Op, row: &TextArguments, out: &mut String) -> Result<Option<()>, Fault> {
    let done = |found: Option<()>| Ok(found);
    match op {
        Op::Chr => chr(row, out),
        Op::Repeat | Op::PadStart | Op::PadEnd => longer(op, row, out),
        Op::SplitPart => split_part(row, out),
        Op::Substring => substring(row, out),
        Op::Overlay => overlay(row, out),
        _ => done(simple(op, row, out)),
    }
}

fn simple(op: Op, row: &TextArguments, out: &mut String) -> Option<()> {
    if op == Op::Concat {
        for at in 0..row.args.len() {
            out.push_str(row.text(at)?);
        }
        return Some(());
    }
    let text = row.text(0)?;
    match op {
        Op::Upper => out.push_str(&text.to_uppercase()),
        Op::Lower => out.push_str(&text.to_lowercase()),
        Op::Initcap => {
            let mut inside = false;
            for c in text.chars() {
                match inside {
                    true => out.extend(c.to_lowercase()),
                    false => out.extend(c.to_uppercase()),
                }
                // As in PostgreSQL, a word is a run of letters and digits.
                inside = c.is_alphanumeric();
            }
        }
        Op::Left | Op::Right => {
            let count = row.int(1)?;
            let all = text.chars().count() as i64;
            let kept = if count < 0 { (all.saturating_add(count)).max(0) } else { count.min(all) };
            let cut = if op == Op::Left { kept } else { all - kept };
            // The place comes from `char_indices`, so that the slices cannot split a character.
            let at = text.char_indices().nth(cut as usize).map_or(text.len(), |(at, _)| at);
            out.push_str(if op == Op::Left { &text[..at] } else { &text[at..] });
        }
        Op::Trim | Op::TrimStart | Op::TrimEnd => {
            let set = row.text_or(1, " ")?;
            let text = if op == Op::TrimEnd { text } else { text.trim_start_matches(|c| set.contains(c)) };
            out.push_str(if op == Op::TrimStart { text } else { text.trim_end_matches(|c| set.contains(c)) });
        }
        Op::Replace => {
            let (wanted, by) = (row.text(1)?, row.text(2)?);
            // An empty text stands nowhere.
            out.push_str(&if wanted.is_empty() { text.to_string() } else { text.replace(wanted, by) });
        }
        Op::Reverse => out.extend(text.chars().rev()),
        Op::Translate => {
            let (from, to) = (row.text(1)?, row.text(2)?);
            for c in text.chars() {
                // Of a letter that stands twice in `from`, PostgreSQL takes the first place, as `position`
                // does.
                match from.chars().position(|known| known == c) {
                    None => out.push(c),
                    Some(at) => out.extend(to.chars().nth(at)),
                }
            }
        }
        _ => unreachable!("it is not a text"),
    }
    Some(())
}

fn chr(row: &TextArguments, out: &mut String) -> Result<Option<()>, Fault> {
    let Some(code) = row.int(0) else { return Ok(None) };
    // PostgreSQL refuses the character 0, which its texts cannot hold.
    let c = u32::try_from(code).ok().filter(|code| *code > 0).and_then(char::from_u32);
    out.push(c.ok_or_else(|| Fault::new(format!("there is no character with the number {code}")))?);
    Ok(Some(()))
}

fn longer(op: Op, row: &TextArguments, out: &mut String) -> Result<Option<()>, Fault> {
    let Some((text, count)) = row.text(0).zip(row.int(1)) else { return Ok(None) };
    let count = count.max(0) as usize;
    let too_long = || Fault::new(format!("the text would have more than {MOST_BYTES} bytes"));
    if op == Op::Repeat {
        // A count out of the data could otherwise ask for all of the memory.
        if text.len().saturating_mul(count) > MOST_BYTES {
            return Err(too_long());
        }
        (0..count).for_each(|_| out.push_str(text));
        return Ok(Some(()));
    }
    let Some(by) = row.text_or(2, " ") else { return Ok(None) };
    // A character has at most four bytes.
    if count > MOST_BYTES / 4 {
        return Err(too_long());
    }
    let kept: String = text.chars().take(count).collect();
    let missing = count - kept.chars().count();
    let fill = || by.chars().cycle().take(if by.is_empty() { 0 } else { missing });
    if op == Op::PadStart {
        out.extend(fill());
    }
    out.push_str(&kept);
    if op == Op::PadEnd {
        out.extend(fill());
    }
    Ok(Some(()))
}

fn split_part(row: &TextArguments, out: &mut String) -> Result<Option<()>, Fault> {
    let (Some(text), Some(by), Some(number)) = (row.text(0), row.text(1), row.int(2)) else {
        return Ok(None);
    };
    // PostgreSQL takes the text as one part here; Rust would split between all characters.
    let parts: Vec<&str> = if by.is_empty() { vec![text] } else { text.split(by).collect() };
    let at = match number {
        0 => {
            return Err(Fault::new("split_part counts from 1, or from the end by negative numbers"));
        }
        1.. => usize::try_from(number - 1).ok(),
        _ => usize::try_from(number.unsigned_abs()).ok().and_then(|back| parts.len().checked_sub(back)),
    };
    out.push_str(at.and_then(|at| parts.get(at)).copied().unwrap_or(""));
    Ok(Some(()))
}

fn substring(row: &TextArguments, out: &mut String) -> Result<Option<()>, Fault> {
    let Some((text, from)) = row.text(0).zip(row.int(1)) else { return Ok(None) };
    let end = match row.args.len() {
        2 => i64::MAX,
        _ => {
            let Some(count) = row.int(2) else { return Ok(None) };
            if count < 0 {
                return Err(Fault::new("the length of a substring is negative"));
            }
            from.saturating_add(count)
        }
    };
    // What lies before the first character counts too.
    let (from, end) = (from.max(1) - 1, end.max(1) - 1);
    let count = usize::try_from(end - from).unwrap_or(0);
    out.extend(text.chars().skip(from as usize).take(count));
    Ok(Some(()))
}

fn overlay(row: &TextArguments, out: &mut String) -> Result<Option<()>, Fault> {
    let (Some(text), Some(by), Some(from)) = (row.text(0), row.text(1), row.int(2)) else { return Ok(None) };
    let count = match row.args.len() {
        3 => by.chars().count() as i64,
        _ => match row.int(3) {
            Some(count) => count,
            None => return Ok(None),
        },
    };
    if from < 1 {
        return Err(Fault::new("the characters of a text are counted from 1"));
    }
    out.extend(text.chars().take(from as usize - 1));
    out.push_str(by);
    let rest = (from - 1).saturating_add(count).max(0);
    out.extend(text.chars().skip(rest as usize));
    Ok(Some(()))
}

/// Operations that give a number.
pub fn counts(op: Op, args: &[Values], cx: &Context) -> Values {
    let inputs: Vec<&Values> = args.iter().collect();
    ints(cx, &inputs, |row| {
        let row = TextArguments { args, row };
        let Some(text) = row.text(0) else { return Ok(None) };
        Ok(Some(match op {
            Op::Length => text.chars().count() as i64,
            Op::OctetLength => text.len() as i64,
            Op::Ascii => text.chars().next().map_or(0, |c| i64::from(u32::from(c))),
            _ => {
                let Some(wanted) = row.text(1) else { return Ok(None) };
                text.find(wanted).map_or(0, |at| text[..at].chars().count() as i64 + 1)
            }
        }))
    })
}

/// Operations that give a condition.
pub fn tests(op: Op, args: &[Values], cx: &Context) -> Values {
    let (text, wanted) = (args[0].texts(), args[1].texts());
    bools(cx, &[&args[0], &args[1]], |row| {
        Ok(text.get(row).zip(wanted.get(row)).map(|(text, wanted)| match op {
            Op::StartsWith => text.starts_with(wanted),
            Op::EndsWith => text.ends_with(wanted),
            _ => text.contains(wanted),
        }))
    })
}

/// A pattern that was made of a text, kept for the next row.
struct Last<T> {
    text: String,
    made: Option<T>,
}

impl<T> Last<T> {
    fn new() -> Last<T> {
        Last { text: String::new(), made: None }
    }

    fn of(&mut self, text: &str, make: impl FnOnce() -> Result<T, String>) -> Result<&T, Fault> {
        // To compile a pattern costs far more than to match it, and neighbouring rows often have the same
        // one.
        if self.made.is_none() || self.text != text {
            self.text = text.to_string();
            self.made = Some(make().map_err(Fault::new)?);
        }
        self.made.as_ref().ok_or_else(|| Fault::new("the pattern cannot be read"))
    }
}

/// LIKE and regular expressions.
pub fn patterns(call: &Call, args: &[Values], cx: &Context) -> Values {
    match call.op {
        Op::Like | Op::ILike => like(call, args, cx),
        Op::RegexLike => {
            let (text, mut last) = (args[0].texts(), Last::new());
            let any_case =
                args.get(2).is_some_and(|flags| flags.texts().get(0).is_some_and(|f| f.contains('i')));
            let inputs = [&args[0], &args[1]];
            bools(cx, &inputs, |row| {
                let Some(text) = text.get(row) else { return Ok(None) };
                let Some(regex) = compiled(&call.ready, &args[1], row, any_case, &mut last)? else {
                    return Ok(None);
                };
                Ok(Some(regex.is_match(text)))
            })
        }
        _ => replaced(call, args, cx),
    }
}

fn like(call: &Call, args: &[Values], cx: &Context) -> Values {
    let text = args[0].texts();
    if let Ready::Like(pattern) = &call.ready {
        return bools(cx, &[&args[0]], |row| Ok(text.get(row).map(|text| pattern.matches(text))));
    }
    let pattern = args[1].texts();
    let escape = match args.get(2) {
        None => Some('\\'),
        Some(escape) => escape.texts().get(0).and_then(|text| text.chars().next()),
    };
    let mut last = Last::new();
    bools(cx, &[&args[0], &args[1]], |row| {
        let Some((text, pattern)) = text.get(row).zip(pattern.get(row)) else { return Ok(None) };
        let made = last.of(pattern, || Likeness::new(pattern, escape, call.op == Op::ILike))?;
        Ok(Some(made.matches(text)))
    })
}

/// The regular expression of a row; `None` where it is NULL.
fn compiled<'a>(
    ready: &'a Ready,
    pattern: &Values,
    row: usize,
    any_case: bool,
    last: &'a mut Last<Regex>,
) -> Result<Option<&'a Regex>, Fault> {
    if let Ready::Regex(regex) = ready {
        return Ok(Some(regex));
    }
    match pattern.texts().get(row) {
        None => Ok(None),
        Some(text) => last.of(text, || pattern::regex(text, any_case)).map(Some),
    }
}

fn replaced(call: &Call, args: &[Values], cx: &Context) -> Values {
    let inputs: Vec<&Values> = args.iter().collect();
    let (text, mut last) = (args[0].texts(), Last::new());
    let words = args.get(3).and_then(|flags| flags.texts().get(0));
    // Wrong flags are a fault of the job, found when the call was bound (`Ready::of`).
    let flags = pattern::flags(words).unwrap_or(pattern::Flags { any_case: false, all: false });
    build(cx, &inputs, |row, out| {
        let Some(text) = text.get(row) else { return Ok(false) };
        let Some(regex) = compiled(&call.ready, &args[1], row, flags.any_case, &mut last)? else {
            return Ok(false);
        };
        match call.op {
            Op::RegexReplace => {
                let Some(by) = args[2].texts().get(row) else { return Ok(false) };
                let by = pattern::replacement(by);
                out.push_str(&regex.replacen(text, usize::from(!flags.all), by.as_str()));
                Ok(true)
            }
            Op::RegexFind => {
                let found = regex.find(text);
                found.iter().for_each(|found| out.push_str(found.as_str()));
                Ok(found.is_some())
            }
            _ => {
                let group = match args.get(2) {
                    None => 0,
                    Some(group) => match group.primitives::<Int64Type>().get(row) {
                        None => return Ok(false),
                        Some(group) => usize::try_from(group).unwrap_or(usize::MAX),
                    },
                };
                let found = regex.captures(text).and_then(|captures| captures.get(group).map(|m| m.as_str()));
                out.push_str(found.unwrap_or(""));
                Ok(true)
            }
        }
    })
}
