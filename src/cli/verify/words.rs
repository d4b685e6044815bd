//! The sentences of a comparison: percentages, values side by side, differences of the schema.

use crate::cli::document::data;
use crate::cli::ui::{self, grouped};
use crate::error::nearest;
use crate::verify::MaxDifferent;
use crate::verify::compare::{Comparison, SchemaDifference, WhichSide};

/// The longest value that is shown whole, in characters.
const WIDEST: usize = 36;
/// Of what two long values share before they part, so much is shown.
const SHARED: usize = 10;

/// `n` of `total` in percent, as [`ui::percent`] has it, with the sign.
pub fn percent(n: u64, total: u64) -> String {
    format!("{} %", ui::percent(n, total))
}

/// How many rows there are, those of one side among them.
pub fn rows_in_all(comparison: &Comparison) -> u64 {
    comparison.compared()
}

/// The first line: `out/totals: same, 10,000 rows`.
pub fn verdict(comparison: &Comparison, output: &str) -> String {
    let output = data(output);
    let rows = |n: u64| format!("{} {}", grouped(n), if n == 1 { "row" } else { "rows" });
    if comparison.same() {
        return format!("{output}: same, {}", rows(comparison.matched));
    }
    let odd = rows_in_all(comparison) - comparison.matched;
    match odd {
        // The rows are paired, and yet something is wrong.
        0 if comparison.duplicate_keys > 0 => format!("{output}: different, keys come more than once"),
        0 => format!("{output}: different, the columns are not the same"),
        _ => format!("{output}: different, {} of {}", grouped(odd), rows(rows_in_all(comparison))),
    }
}

/// Whether the difference is accepted, and by which limit.
pub fn accepted(allowed: MaxDifferent, comparison: &Comparison) -> String {
    let rows = allowed.rows(comparison.compared());
    let limit = format!(
        "at most {} of {} may differ (--max-different {allowed})",
        grouped(rows),
        grouped(comparison.compared())
    );
    match allowed.refuses(comparison) {
        None => format!("accepted: {limit}"),
        Some(why) => format!("not accepted: {why}; {limit}"),
    }
}

/// The counts of the rows, with their share of all.
pub fn counts(comparison: &Comparison) -> [(&'static str, u64, String); 4] {
    let all = rows_in_all(comparison);
    let Comparison { matched, only_here, only_there, differing, .. } = *comparison;
    [("matched", matched), ("only here", only_here), ("only there", only_there), ("differing", differing)]
        .map(|(name, n)| (name, n, percent(n, all)))
}

/// The differences of the schema, a sentence for each.
pub fn schema(comparison: &Comparison) -> Vec<String> {
    let quote = |name: &str| format!("`{}`", data(name));
    let only = |wanted: WhichSide| {
        comparison.schema.iter().filter_map(move |difference| match difference {
            SchemaDifference::Only(side, name) if *side == wanted => Some(name.as_str()),
            _ => None,
        })
    };
    let other_case = |name: &str, side| only(side).find(|other| other.to_lowercase() == name.to_lowercase());
    let sentence = |difference: &SchemaDifference| match difference {
        SchemaDifference::Types(name, here, there) => Some(format!(
            "{} is {} here and {} there: its values are not compared",
            quote(name),
            quote(here),
            quote(there)
        )),
        SchemaDifference::Only(WhichSide::Here, name) => Some(match other_case(name, WhichSide::There) {
            Some(other) => {
                format!(
                    "{} here is {} there: upper and lower case are two in names",
                    quote(name),
                    quote(other)
                )
            }
            None => format!("{} is only here", quote(name)),
        }),
        // The pair is told already, from the side here.
        SchemaDifference::Only(WhichSide::There, name) if other_case(name, WhichSide::Here).is_some() => None,
        SchemaDifference::Only(WhichSide::There, name) => Some(match nearest(name, only(WhichSide::Here)) {
            Some(near) => {
                format!("{} is only there; is {} meant, which is only here?", quote(name), quote(near))
            }
            None => format!("{} is only there", quote(name)),
        }),
    };
    comparison.schema.iter().filter_map(sentence).collect()
}

/// How many keys come more than once and are not in the list.
pub fn keys_not_named(comparison: &Comparison) -> u64 {
    // A key that repeats on both sides is one key with two entries.
    let mut named: Vec<_> = comparison.duplicates.iter().map(|again| &again.key).collect();
    named.sort();
    named.dedup();
    comparison.duplicate_keys.saturating_sub(named.len() as u64)
}

/// A value alone: NULL is `NULL`, and what could be taken for it, or not be seen, is in quotes.
pub fn value(value: Option<&str>) -> String {
    let Some(text) = value else { return "NULL".to_string() };
    cut(&marked(text), 0)
}

/// Two values that differ, so that the difference can be seen.
pub fn pair(here: Option<&str>, there: Option<&str>) -> (String, String) {
    let (Some(a), Some(b)) = (here, there) else { return (value(here), value(there)) };
    let (a, b) = (marked(a), marked(b));
    let shared = a.chars().zip(b.chars()).take_while(|(a, b)| a == b).count();
    let long = a.chars().count().max(b.chars().count()) > WIDEST;
    // Long values start shortly before the place where they part, or they would look equal.
    let from = if long && shared > WIDEST - SHARED { shared - SHARED } else { 0 };
    (cut(&a, from), cut(&b, from))
}

/// The text with what cannot be seen in it escaped.
fn marked(text: &str) -> String {
    // In quotes an empty text can be seen, and the text NULL is told from NULL.
    let odd = text.is_empty() || text == "NULL" || text.trim() != text || text.starts_with('"');
    let seen: String = text
        .chars()
        .map(|c| if unseen(c) { c.escape_default().to_string() } else { c.to_string() })
        .collect();
    if odd { format!("\"{seen}\"") } else { seen }
}

/// Controls, blanks that look like others, and marks that turn or hide what is around them.
fn unseen(c: char) -> bool {
    // Marks of direction can make one text look like another.
    let mark = matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}');
    c.is_control() || mark || (c.is_whitespace() && c != ' ')
}

/// At most [`WIDEST`] characters of a text from number `from` on.
fn cut(text: &str, from: usize) -> String {
    let rest: Vec<char> = text.chars().skip(from).collect();
    let start = if from > 0 { "…" } else { "" };
    match rest.len() > WIDEST {
        true => format!("{start}{}…", rest[..WIDEST].iter().collect::<String>()),
        false => format!("{start}{}", rest.iter().collect::<String>()),
    }
}

/// Names in one line: `a, b and c`.
pub fn listed(names: &[String]) -> String {
    match names {
        [] => String::new(),
        [one] => one.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}
