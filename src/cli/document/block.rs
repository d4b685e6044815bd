//! The blocks of a document.

use super::column::TableColumn;

/// One block.
#[derive(Debug, Clone)]
pub enum Block {
    /// The first line; with a verdict if something was compared: the same or not.
    Title(String, Option<bool>),
    /// A heading, below an empty line.
    Section(String),
    /// A sentence.
    Line(String),
    /// A sentence below another.
    Item {
        /// Steps of two blanks before it in text.
        indent: usize,
        /// Its level in the list of Markdown, from 1.
        level: usize,
        /// The sentence.
        text: String,
    },
    /// An empty line.
    Gap,
    /// A table.
    Table(Vec<TableColumn>),
    /// A language and lines in it, which stay as they are.
    Code(&'static str, String),
}
