//! A comparison as Markdown, for a pull request.

use super::{events, text};
use crate::cli::ui::grouped;
use crate::verify::{Verdict, Verified};
use std::fmt::Write;

/// All outputs.
pub fn report(verdict: &Verdict) -> String {
    let mut out: Vec<String> = verdict.verified.iter().map(one).collect();
    for skipped in &verdict.skipped {
        out.push(format!(
            "**{}** is not compared: {}\n",
            escape(&skipped.output),
            escape(skipped.why.message())
        ));
    }
    out.join("\n")
}

fn one(verified: &Verified) -> String {
    let Verified { output, against, comparison, explanation, notes, .. } = verified;
    let verdict = if comparison.same() { "✅" } else { "❌" };
    let words = if comparison.same() { "the same as" } else { "different from" };
    let mut out = format!("### {verdict} {} is {words} {}\n\n", escape(output), escape(against));
    if let Some(why) = explanation {
        let _ = writeln!(out, "**Explained by** {}\n", escape(why));
    }
    let (heads, rows): (Vec<String>, Vec<String>) = text::classes(comparison)
        .into_iter()
        .map(|(name, n, percent)| (name.to_string(), format!("{} ({percent} %)", grouped(n))))
        .unzip();
    out.push_str(&table(&heads, &[rows]));
    for difference in &comparison.schema {
        let _ = writeln!(out, "\n* {}", escape(&text::schema_line(difference)));
    }
    let differing: Vec<Vec<String>> = comparison
        .columns
        .iter()
        .filter(|c| c.null_here + c.null_there + c.different > 0)
        .map(|c| {
            let numbers = [c.matched, c.null_here, c.null_there, c.different].map(grouped);
            std::iter::once(c.name.clone()).chain(numbers).collect()
        })
        .collect();
    if !differing.is_empty() {
        out.push('\n');
        out.push_str(&table(
            &["column", "matched", "null here", "null there", "different"].map(String::from),
            &differing,
        ));
    }
    if let Some(first) = comparison.rows.first() {
        let mut heads: Vec<String> = first.key.iter().map(|(name, _)| name.clone()).collect();
        heads.extend(["column", "here", "there"].map(String::from));
        let mut rows = vec![];
        for row in &comparison.rows {
            for (column, here, there) in text::lines(row) {
                let key = row.key.iter().map(|(_, value)| value.clone().unwrap_or_else(|| "NULL".into()));
                rows.push(key.chain([column, here, there]).collect());
            }
        }
        out.push('\n');
        out.push_str(&table(&heads, &rows));
        let all = comparison.only_here + comparison.only_there + comparison.differing;
        if all > comparison.rows.len() as u64 {
            let _ = writeln!(out, "\n… and {} more rows", grouped(all - comparison.rows.len() as u64));
        }
    }
    if comparison.duplicate_keys > 0 {
        let _ = writeln!(out, "\n{} keys come more than once:\n", grouped(comparison.duplicate_keys));
        for duplicate in &comparison.duplicates {
            let _ = writeln!(out, "* {}", escape(&text::duplicate_line(duplicate)));
        }
    }
    for note in notes {
        let _ = writeln!(out, "\n> {}", escape(note));
    }
    for (group, traced) in &verified.traces {
        let _ = writeln!(
            out,
            "\n{} of {}:\n",
            crate::cli::ui::count(traced.events, "event", "events"),
            escape(&events::name(group))
        );
        let heads: Vec<String> =
            std::iter::once("file:line".to_string()).chain(traced.columns.clone()).collect();
        let rows: Vec<Vec<String>> = traced
            .rows
            .iter()
            .map(|row| {
                let values = row.values.iter().map(|value| value.clone().unwrap_or_default());
                std::iter::once(format!("{}:{}", row.file.display(), row.line)).chain(values).collect()
            })
            .collect();
        out.push_str(&table(&heads, &rows));
    }
    out
}

fn table(heads: &[String], rows: &[Vec<String>]) -> String {
    let line = |cells: &[String]| {
        let cells: Vec<String> = cells.iter().map(|cell| escape(cell)).collect();
        format!("| {} |\n", cells.join(" | "))
    };
    let rule = format!("|{}\n", " --- |".repeat(heads.len()));
    let rows: String = rows.iter().map(|row| line(row)).collect();
    line(heads) + &rule + &rows
}

/// A text that is none of Markdown's signs, nor HTML.
fn escape(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        match c {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '@' => out.push_str("&#64;"),
            '\\' | '`' | '*' | '_' | '|' | '[' | ']' | '#' | '!' | '~' => {
                out.push('\\');
                out.push(c);
            }
            c if c.is_control() => out.push(' '),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_a_value_is_markup() {
        assert_eq!(
            escape("a|b `c` <img src=x> [l](u)\n@me"),
            "a\\|b \\`c\\` &lt;img src=x&gt; \\[l\\](u) &#64;me"
        );
    }
}
