//! A document as Markdown, for a pull request.
//!
//! # Contract
//! Names and values are code, so nothing in them can be markup, a mention or a link. Code cannot hold every character:
//! a text with a backtick or a bar is written with entities.

use super::block::Block;
use super::column::TableColumn;
use super::marked::{CLOSE, OPEN};
use crate::cli::ui::plain;

/// The block, with the empty line before it where Markdown needs one.
pub fn push(out: &mut String, block: &Block, before: Option<&Block>) {
    // An empty line between two items would make a list of paragraphs.
    let in_list = matches!((block, before), (Block::Item { .. }, Some(Block::Item { .. })));
    if !out.is_empty() && !in_list && !matches!(block, Block::Gap) {
        out.push('\n');
    }
    out.push_str(&match block {
        Block::Title(text, None) => format!("### {}\n", words(text)),
        Block::Title(text, Some(true)) => format!("### ✅ {}\n", words(text)),
        Block::Title(text, Some(false)) => format!("### ❌ {}\n", words(text)),
        Block::Section(text) => format!("#### {}\n", words(text)),
        Block::Line(text) => format!("{}\n", words(text)),
        Block::Item { level, text, .. } => format!("{}- {}\n", "  ".repeat(level - 1), words(text)),
        Block::Gap => String::new(),
        Block::Table(columns) => table(columns),
        Block::Code(language, text) => fenced(language, text),
    });
}

fn table(columns: &[TableColumn]) -> String {
    let line = |cells: Vec<String>| format!("| {} |\n", cells.join(" | "));
    let rule = |column: &TableColumn| if column.right { "---:" } else { "---" }.to_string();
    // A row of a Markdown table is one line.
    let heads = columns.iter().map(|column| words(&column.head.replace('\n', " "))).collect();
    let mut out = line(heads) + &line(columns.iter().map(rule).collect());
    for row in 0..columns.iter().map(|column| column.cells.len()).max().unwrap_or(0) {
        let cell = |column: &TableColumn| match column.cells.get(row) {
            None => String::new(),
            Some(text) if column.data => code(text),
            // Numbers of ours have nothing to escape.
            Some(text) if column.right => plain(text),
            Some(text) => words(text),
        };
        out.push_str(&line(columns.iter().map(cell).collect()));
    }
    out
}

/// A block of code. The fence is longer than every run of backticks in the text.
fn fenced(language: &str, text: &str) -> String {
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    // A fence has three backticks at least.
    let fence = "`".repeat(longest.max(2) + 1);
    format!("{fence}{language}\n{}\n{fence}\n", text.trim_end())
}

/// A text as code, also inside a table.
fn code(text: &str) -> String {
    let text = plain(text);
    if text.is_empty() {
        return text;
    }
    // A bar ends the cell of a table also inside of code, and Markdown takes blanks off the ends of code.
    if !text.contains(['`', '|', '\\']) && text.trim() == text {
        return format!("`{text}`");
    }
    let entity = |c: char| match c {
        c if c.is_alphanumeric() || matches!(c, ' ' | ',' | '.' | ':' | '-' | '…') => c.to_string(),
        c => format!("&#{};", u32::from(c)),
    };
    format!("<code>{}</code>", text.chars().map(entity).collect::<String>())
}

/// A sentence: names and values in it are code, and so is what stands between backticks. The rest cannot be markup.
fn words(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once(OPEN) {
        let (value, after) = after.split_once(CLOSE).unwrap_or((after, ""));
        // Backticks around a value are for text: here it is code anyway.
        let quoted = before.strip_suffix('`').zip(after.strip_prefix('`'));
        let (before, after) = quoted.unwrap_or((before, after));
        out.push_str(&sentence(before));
        out.push_str(&code(value));
        rest = after;
    }
    out + &sentence(rest)
}

fn sentence(text: &str) -> String {
    let parts: Vec<&str> = text.split('`').collect();
    // A backtick without a partner is a backtick.
    if parts.len().is_multiple_of(2) {
        return code(text);
    }
    let part = |(i, part): (usize, &&str)| match i % 2 {
        1 => code(part),
        _ => escaped(&plain(part)),
    };
    parts.iter().enumerate().map(part).collect()
}

/// Blanks that align lines of text are one blank here.
fn escaped(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            // Inside a word it is not markup.
            '_' if out.ends_with(char::is_alphanumeric)
                && rest.peek().is_some_and(|c| c.is_alphanumeric()) =>
            {
                out.push('_');
            }
            '\\' | '*' | '_' | '[' | ']' | '<' | '>' | '&' | '#' | '@' | '|' | '~' | '!' => {
                out.push_str(&format!("&#{};", u32::from(c)));
            }
            // Bare addresses are links on some pages.
            '/' if out.ends_with(":/") => out.push_str("&#47;"),
            '.' if out.to_lowercase().ends_with("www") => out.push_str("&#46;"),
            ' ' if out.ends_with(' ') => {}
            c => out.push(c),
        }
    }
    out
}
