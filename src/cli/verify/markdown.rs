//! A comparison as Markdown, for a pull request.
//!
//! # Contract
//! Names and values are code, so nothing in them can be markup, a mention or a link; what code cannot hold is
//! written as entities.

use super::{Names, words};
use crate::cli::ui::{count, grouped, plain};
use crate::verify::compare::{Comparison, Duplicate, RowDifference, Side};

/// The verdict as the heading; then what differs, and why.
pub fn report(comparison: &Comparison, names: &Names, explanations: &[String]) -> String {
    let mark = if comparison.same() { "✅" } else { "❌" };
    let verdict = words::verdict(comparison, "");
    let mut out = format!("### {mark} {}{verdict}\n\n", code(names.output));
    let rows = |n: u64| count(n, "row", "rows");
    let (here, there) = (rows(comparison.here), rows(comparison.there));
    out.push_str(&format!("Here {}: {here}. There {}: {there}.\n", code(names.here), code(names.there)));
    if comparison.same() {
        return out;
    }
    let schema = words::schema(comparison, code);
    if !schema.is_empty() {
        out.push_str(&format!(
            "\n{}\n",
            schema.iter().map(|line| format!("- {line}")).collect::<Vec<_>>().join("\n")
        ));
    }
    if !explanations.is_empty() {
        let lines = explanations.iter().map(|line| format!("- {}", inline(line)));
        out.push_str(&format!("\n**Why**\n\n{}\n", lines.collect::<Vec<_>>().join("\n")));
    }
    let counts = words::counts(comparison);
    let counts = counts.into_iter().map(|(name, n, share)| vec![name.to_string(), grouped(n), share]);
    out.push_str(&table(&["rows", ">", ">"], counts));
    columns(&mut out, comparison);
    differing(&mut out, comparison);
    duplicates(&mut out, comparison);
    out
}

fn columns(out: &mut String, comparison: &Comparison) {
    let both = comparison.matched + comparison.differing;
    let odd = comparison.columns.iter().filter(|column| column.matched < both);
    let lines: Vec<Vec<String>> = odd
        .map(|c| {
            let numbers = [c.matched, c.null_here, c.null_there, c.different].map(grouped);
            [vec![code(&c.name)], numbers.to_vec()].concat()
        })
        .collect();
    if lines.is_empty() {
        return;
    }
    out.push_str(&table(&["column", ">same", ">NULL here", ">NULL there", ">different"], lines));
    let same = comparison.columns.iter().filter(|column| column.matched == both);
    let same: Vec<String> = same.map(|column| code(&column.name)).collect();
    if !same.is_empty() {
        out.push_str(&format!("\nThe same in all: {}.\n", words::listed(&same)));
    }
}

fn differing(out: &mut String, comparison: &Comparison) {
    let Some(first) = comparison.rows.first() else { return };
    let mut heads: Vec<String> = first.key.iter().map(|(name, _)| code(name)).collect();
    // Rows that are paired by all of their columns have no others.
    let cells_of: fn(&RowDifference) -> Vec<Vec<String>> =
        if comparison.rows.iter().all(|row| row.cells.is_empty()) {
            heads.push("side".to_string());
            |row| vec![[key(row), vec![side(row.only).to_string()]].concat()]
        } else {
            heads.extend(["column", "here", "there"].map(str::to_string));
            cells
        };
    let heads: Vec<&str> = heads.iter().map(String::as_str).collect();
    out.push_str(&table(&heads, comparison.rows.iter().flat_map(cells_of).collect::<Vec<_>>()));
    let all = comparison.differing + comparison.only_here + comparison.only_there;
    let more = all.saturating_sub(comparison.rows.len() as u64);
    if more > 0 {
        out.push_str(&format!("\n… and {} more.\n", count(more, "row", "rows")));
    }
}

fn key(row: &RowDifference) -> Vec<String> {
    row.key.iter().map(|(_, value)| code(&words::value(value.as_deref()))).collect()
}

fn side(only: Option<Side>) -> &'static str {
    match only {
        None => "both",
        Some(Side::Here) => "only here",
        Some(Side::There) => "only there",
    }
}

/// The lines of a row: one for each cell that differs.
fn cells(row: &RowDifference) -> Vec<Vec<String>> {
    const NO_ROW: &str = "*no row*";
    let line = |name: &str, here: String, there: String| [key(row), vec![code(name), here, there]].concat();
    let value = |value: &Option<String>| code(&words::value(value.as_deref()));
    let cell = |(name, here, there): &(String, Option<String>, Option<String>)| match row.only {
        None => {
            let (here, there) = words::pair(here.as_deref(), there.as_deref());
            line(name, code(&here), code(&there))
        }
        Some(Side::Here) => line(name, value(here), NO_ROW.to_string()),
        Some(Side::There) => line(name, NO_ROW.to_string(), value(there)),
    };
    row.cells.iter().map(cell).collect()
}

fn duplicates(out: &mut String, comparison: &Comparison) {
    let Comparison { duplicates, duplicate_keys, .. } = comparison;
    if *duplicate_keys == 0 {
        return;
    }
    let verb = if *duplicate_keys == 1 { "comes" } else { "come" };
    out.push_str(&format!("\n{} {verb} more than once.\n", count(*duplicate_keys, "key", "keys")));
    let Some(first) = duplicates.first() else { return };
    let mut heads: Vec<String> = first.key.iter().map(|(name, _)| code(name)).collect();
    heads.extend(["side", ">rows"].map(str::to_string));
    let heads: Vec<&str> = heads.iter().map(String::as_str).collect();
    let line = |again: &Duplicate| {
        let mut line: Vec<String> =
            again.key.iter().map(|(_, value)| code(&words::value(value.as_deref()))).collect();
        line.push(if again.side == Side::Here { "here" } else { "there" }.to_string());
        line.push(grouped(again.rows));
        line
    };
    out.push_str(&table(&heads, duplicates.iter().map(line)));
    let more = words::keys_not_named(comparison);
    if more > 0 {
        out.push_str(&format!("\n… and {} more.\n", count(more, "key", "keys")));
    }
}

/// A table below an empty line; heads that begin with `>` are of numbers, which stand on the right.
pub(super) fn table(heads: &[&str], lines: impl IntoIterator<Item = Vec<String>>) -> String {
    let line = |cells: Vec<String>| format!("| {} |\n", cells.join(" | "));
    let names = heads.iter().map(|head| head.strip_prefix('>').unwrap_or(head).to_string()).collect();
    let rule =
        heads.iter().map(|head| if head.starts_with('>') { "---:" } else { "---" }.to_string()).collect();
    let lines: String = lines.into_iter().map(line).collect();
    format!("\n{}{}{lines}", line(names), line(rule))
}

/// A text as code, also inside of a table.
pub(super) fn code(text: &str) -> String {
    let text = plain(text);
    if text.is_empty() {
        return text;
    }
    if !text.contains(['`', '|', '\\']) && text.trim() == text {
        return format!("`{text}`");
    }
    let entity = |c: char| match c {
        c if c.is_alphanumeric() || matches!(c, ' ' | ',' | '.' | ':' | '-' | '…') => c.to_string(),
        c => format!("&#{};", u32::from(c)),
    };
    format!("<code>{}</code>", text.chars().map(entity).collect::<String>())
}

/// Words of ours with values in them: what is between backticks stays code, and the rest cannot be markup.
pub(super) fn inline(text: &str) -> String {
    let parts: Vec<&str> = text.split('`').collect();
    // Without a partner a backtick is one.
    if parts.len().is_multiple_of(2) {
        return code(text);
    }
    let part = |(i, part): (usize, &&str)| match i % 2 {
        1 => code(part),
        _ => plain(part)
            .chars()
            .map(|c| match c {
                '\\' | '*' | '_' | '[' | ']' | '<' | '>' | '&' | '#' | '@' | '|' | '~' | '!' => {
                    format!("&#{};", u32::from(c))
                }
                c => c.to_string(),
            })
            .collect(),
    };
    parts.iter().enumerate().map(part).collect()
}
