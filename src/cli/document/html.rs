//! A document as HTML, for a page of ours.
//!
//! # Contract
//! Every text is escaped, so nothing in it can be markup; only the elements below are made. Names and values are code that
//! is read in its own direction, so a text from right to left does not turn the words around it.

use super::block::Block;
use super::column::TableColumn;
use super::marked::{CLOSE, OPEN, unmarked};
use crate::cli::ui::plain;

/// The blocks. A title is a heading of the level `level`, and a section one of the next.
pub fn render(blocks: &[Block], level: usize) -> String {
    let mut out = String::new();
    // The levels of the lists that are open.
    let mut open = 0;
    for (i, block) in blocks.iter().enumerate() {
        let depth = if let Block::Item { level, .. } = block { *level } else { 0 };
        close(&mut out, &mut open, depth);
        match block {
            Block::Title(text, verdict) => {
                let badge = match verdict {
                    None => "",
                    Some(true) => "<span class=\"badge good\">✓ the same</span> ",
                    Some(false) => "<span class=\"badge bad\">✗ different</span> ",
                };
                out.push_str(&format!("<h{level}>{badge}{}</h{level}>\n", words(text)));
            }
            Block::Section(text) => {
                let level = level + 1;
                out.push_str(&format!("<h{level}>{}</h{level}>\n", words(text)));
            }
            Block::Line(text) => out.push_str(&format!("<p>{}</p>\n", words(text))),
            Block::Item { level, text, .. } => {
                while open < *level {
                    out.push_str("<ul>");
                    open += 1;
                    // A list in a list stands in an item.
                    if open < *level {
                        out.push_str("<li>");
                    }
                }
                out.push_str(&format!("<li>{}", words(text)));
                // The item stays open where a deeper one follows.
                if !matches!(blocks.get(i + 1), Some(Block::Item { level: next, .. }) if next > level) {
                    out.push_str("</li>\n");
                }
            }
            Block::Gap => {}
            Block::Table(columns) => out.push_str(&table(columns, &label(&blocks[..i]))),
            Block::Code(_, text) => {
                out.push_str(&format!("<pre tabindex=\"0\"><code>{}</code></pre>\n", lines(text.trim_end())));
            }
        }
    }
    close(&mut out, &mut open, 0);
    out
}

/// Ends lists that are deeper than `depth`.
fn close(out: &mut String, open: &mut usize, depth: usize) {
    while *open > depth {
        out.push_str("</ul>\n");
        *open -= 1;
        if *open > 0 {
            out.push_str("</li>\n");
        }
    }
}

/// What a table is called: the last heading before it.
fn label(before: &[Block]) -> String {
    let heading = before.iter().rev().find_map(|block| match block {
        Block::Title(text, _) | Block::Section(text) => Some(unmarked(text)),
        _ => None,
    });
    escaped(&heading.unwrap_or_else(|| "Table".to_string()))
}

fn table(columns: &[TableColumn], label: &str) -> String {
    // A wide table scrolls in its own box, which the keyboard has to reach.
    let mut out = format!(
        "<div class=\"scroll\" role=\"region\" tabindex=\"0\" aria-label=\"{label}\"><table>\
         <caption class=\"hidden\">{label}</caption><thead><tr>"
    );
    let class = |column: &TableColumn| if column.right { " class=\"number\"" } else { "" };
    for column in columns {
        let head = words(&column.head.replace('\n', " "));
        // A column of marks has no name, and a head without a text is not a head.
        let head = if head.is_empty() { "<span class=\"hidden\">note</span>".to_string() } else { head };
        out.push_str(&format!("<th scope=\"col\"{}>{head}</th>", class(column)));
    }
    out.push_str("</tr></thead><tbody>\n");
    for row in 0..columns.iter().map(|column| column.cells.len()).max().unwrap_or(0) {
        out.push_str("<tr>");
        for column in columns {
            let cell = match column.cells.get(row) {
                None => String::new(),
                Some(text) if column.data => value(text),
                Some(text) => words(text),
            };
            out.push_str(&format!("<td{}>{cell}</td>", class(column)));
        }
        out.push_str("</tr>\n");
    }
    out.push_str("</tbody></table></div>\n");
    out
}

/// A value of the user's data, in a cell.
fn value(text: &str) -> String {
    if text.is_empty() { String::new() } else { format!("<bdi>{}</bdi>", escaped(text)) }
}

/// A sentence: names and values in it are code, and so is what stands between backticks.
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
        return escaped(text);
    }
    let part = |(i, part): (usize, &&str)| if i % 2 == 1 { code(part) } else { escaped(part) };
    parts.iter().enumerate().map(part).collect()
}

fn code(text: &str) -> String {
    format!("<code dir=\"auto\">{}</code>", escaped(text))
}

/// Lines of code: they keep their ends and tabs, and no other character of control.
fn lines(text: &str) -> String {
    let one = |line: &str| line.split('\t').map(escaped).collect::<Vec<_>>().join("\t");
    text.lines().map(one).collect::<Vec<_>>().join("\n")
}

fn escaped(text: &str) -> String {
    let mut out = String::new();
    for c in plain(text).chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}
