//! What a command reports: blocks, printed as text, as Markdown or as HTML; and the flags that choose between text, Markdown
//! and JSON.
//!
//! # Contract
//! A command builds one document, whatever its format. Names and values in a sentence go through [`data`], so that
//! Markdown has them as code; text shows them as they are. Text cannot move the cursor.

mod block;
mod column;
mod format;
mod html;
mod markdown;
mod marked;

pub use column::{TableColumn, width};
pub use format::FormatArgs;
pub use marked::data;

use block::Block;
use marked::unmarked;

/// A report.
#[derive(Debug, Clone, Default)]
pub struct ReportDocument {
    blocks: Vec<Block>,
}

impl ReportDocument {
    /// A document that begins with this line.
    pub fn titled(title: impl Into<String>) -> ReportDocument {
        ReportDocument { blocks: vec![Block::Title(title.into(), None)] }
    }

    /// A document that begins with a verdict: the same or not.
    pub fn verdict(same: bool, title: impl Into<String>) -> ReportDocument {
        ReportDocument { blocks: vec![Block::Title(title.into(), Some(same))] }
    }

    /// A document of code alone.
    pub fn of_code(language: &'static str, text: impl Into<String>) -> ReportDocument {
        ReportDocument { blocks: vec![Block::Code(language, text.into())] }
    }

    /// Adds a heading.
    pub fn section(&mut self, text: impl Into<String>) {
        self.blocks.push(Block::Section(text.into()));
    }

    /// Adds a sentence.
    pub fn line(&mut self, text: impl Into<String>) {
        self.blocks.push(Block::Line(text.into()));
    }

    /// Adds a sentence that belongs to the one before.
    pub fn item(&mut self, text: impl Into<String>) {
        self.blocks.push(Block::Item { indent: 1, level: 1, text: text.into() });
    }

    /// Adds lines, each of which says by its blanks how deep it is. After an empty line there is a heading.
    pub fn outline(&mut self, lines: &str) {
        // Markdown knows levels and not blanks, so each line's level follows from the line above.
        let (mut heading, mut above) = (false, (0, 0));
        for line in lines.lines() {
            let text = line.trim_start();
            let indent = (line.len() - text.len()) / 2;
            let level = match indent {
                0 => 0,
                // One step more is a level more; wider blanks only align the line.
                indent if indent == above.0 + 1 => above.1 + 1,
                indent => indent.min(above.1).max(1),
            };
            match level {
                _ if text.is_empty() => {}
                0 if heading => self.section(text),
                0 => self.line(text),
                level => self.blocks.push(Block::Item { indent, level, text: text.to_string() }),
            }
            (heading, above) = (text.is_empty(), (indent, level));
        }
    }

    /// Adds an empty line.
    pub fn gap(&mut self) {
        self.blocks.push(Block::Gap);
    }

    /// Adds a table.
    pub fn table(&mut self, columns: Vec<TableColumn>) {
        self.blocks.push(Block::Table(columns));
    }

    /// Adds lines of code.
    pub fn code(&mut self, language: &'static str, text: impl Into<String>) {
        self.blocks.push(Block::Code(language, text.into()));
    }

    /// Adds all of another document.
    pub fn append(&mut self, other: ReportDocument) {
        self.blocks.extend(other.blocks);
    }

    /// As text.
    pub fn text(&self) -> String {
        let one = |block: &Block| match block {
            Block::Title(text, _) | Block::Line(text) => format!("{}\n", unmarked(text)),
            Block::Section(text) => format!("\n{}\n", unmarked(text)),
            Block::Item { indent, text, .. } => format!("{}{}\n", "  ".repeat(*indent), unmarked(text)),
            Block::Gap => "\n".to_string(),
            Block::Table(columns) => column::render(columns),
            Block::Code(_, text) => format!("{}\n", text.trim_end()),
        };
        self.blocks.iter().map(one).collect()
    }

    /// As Markdown.
    pub fn markdown(&self) -> String {
        let mut out = String::new();
        let mut before = None;
        for block in &self.blocks {
            markdown::push(&mut out, block, before);
            before = Some(block);
        }
        out
    }

    /// As HTML, for a place in a page where a heading of the level `level` is right.
    pub fn html(&self, level: usize) -> String {
        html::render(&self.blocks, level)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The same blocks as text, as Markdown and as HTML.
    #[test]
    fn one_document_is_text_markdown_and_html() {
        let mut document = ReportDocument::verdict(false, format!("{}: 2 of _3_000_", data("out/a_b")));
        document.item(format!("here   `{}`", data("x\u{1}`y")));
        document.outline("  at  https://x.org/a, `a|b` and *b*\n    deeper");
        document.section("delays");
        let columns = vec![
            TableColumn::values(&data("k_1"), ["a|b".to_string(), "c\nd".to_string()]),
            TableColumn::words("note", ["<b>".to_string(), String::new()]),
            TableColumn::numbers("late\nevents", ["1".to_string(), ">99.99".to_string()]),
        ];
        document.table(columns);
        document.code("toml", "a = \"```\"\n");
        document.line("the end");
        insta::assert_snapshot!(document.text(), @r#"
        out/a_b: 2 of _3_000_
          here   `x�`y`
          at  https://x.org/a, `a|b` and *b*
            deeper

        delays
                     late
        k_1  note  events
        ───  ────  ──────
        a|b  <b>        1
        c⏎d        >99.99
        a = "```"
        the end
        "#);
        insta::assert_snapshot!(document.markdown(), @r#"
        ### ❌ `out/a_b`: 2 of &#95;3_000&#95;

        - here <code>x&#65533;&#96;y</code>
        - at https:/&#47;x.org/a, <code>a&#124;b</code> and &#42;b&#42;
          - deeper

        #### delays

        | `k_1` | note | late events |
        | --- | --- | ---: |
        | <code>a&#124;b</code> | &#60;b&#62; | 1 |
        | `c�d` |  | >99.99 |

        ````toml
        a = "```"
        ````

        the end
        "#);
        insta::assert_snapshot!(document.html(2), @r#"
        <h2><span class="badge bad">✗ different</span> <code dir="auto">out/a_b</code>: 2 of _3_000_</h2>
        <ul><li>here   <code dir="auto">x�`y</code></li>
        <li>at  https://x.org/a, <code dir="auto">a|b</code> and *b*<ul><li>deeper</li>
        </ul>
        </li>
        </ul>
        <h3>delays</h3>
        <div class="scroll" role="region" tabindex="0" aria-label="delays"><table><caption class="hidden">delays</caption><thead><tr><th scope="col"><code dir="auto">k_1</code></th><th scope="col">note</th><th scope="col" class="number">late events</th></tr></thead><tbody>
        <tr><td><bdi>a|b</bdi></td><td>&lt;b&gt;</td><td class="number">1</td></tr>
        <tr><td><bdi>c�d</bdi></td><td></td><td class="number">&gt;99.99</td></tr>
        </tbody></table></div>
        <pre tabindex="0"><code>a = &quot;```&quot;</code></pre>
        <p>the end</p>
        "#);
    }

    #[test]
    fn nothing_in_a_document_is_markup_of_html() {
        let hostile =
            "</td></table><script>alert(1)</script><img src=x onerror='a'> & \"q\" \u{202e}\u{1}\u{0}";
        let mut document = ReportDocument::verdict(true, hostile);
        document.section(data(hostile));
        document.line(format!("`{hostile}` {}", data(hostile)));
        document.item(hostile);
        document.outline(hostile);
        document.table(vec![
            TableColumn::values(hostile, [hostile.to_string()]),
            TableColumn::words(&data(hostile), [hostile.to_string()]),
        ]);
        document.code("toml", hostile);
        let html = document.html(2);
        assert!(!html.contains("<script") && !html.contains("<img") && !html.contains('\u{1}'), "{html}");
        // Each `<` begins an element of ours.
        let ours = [
            "h2", "h3", "p", "ul", "li", "div", "table", "caption", "thead", "tbody", "tr", "th", "td",
            "pre", "code", "bdi", "span",
        ];
        for piece in html.split('<').skip(1) {
            let name: String =
                piece.trim_start_matches('/').chars().take_while(char::is_ascii_alphanumeric).collect();
            assert!(ours.contains(&name.as_str()), "{piece}");
        }
    }
}
