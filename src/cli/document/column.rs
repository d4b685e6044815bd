//! Columns of a table.

use super::marked::unmarked;
use crate::cli::ui::plain;
use crate::sink::table::cell;

/// The widest that a column without a name is made for the sake of its neighbours.
const UNNAMED: usize = 30;

/// A column of a table.
#[derive(Debug, Clone)]
pub struct TableColumn {
    /// Its name, of one line or more; the lines stand above one another.
    pub(super) head: String,
    pub(super) cells: Vec<String>,
    /// Numbers stand on the right.
    pub(super) right: bool,
    /// Whether the cells are the user's data, and not our words.
    pub(super) data: bool,
    /// How text shortens the cells.
    cut: CellCut,
}

/// How text shortens the cells of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum CellCut {
    /// To one line of limited width.
    Short,
    /// Not at all.
    Whole,
    /// Not at all; the column is the last, and its cells may be longer than the rule below its name.
    Last,
}

impl TableColumn {
    /// A column of our words.
    pub fn words(head: &str, cells: impl IntoIterator<Item = String>) -> TableColumn {
        let cells = cells.into_iter().collect();
        TableColumn { head: head.to_string(), cells, right: false, data: false, cut: CellCut::Short }
    }

    /// A column of the user's names and values.
    pub fn values(head: &str, cells: impl IntoIterator<Item = String>) -> TableColumn {
        TableColumn { data: true, ..TableColumn::words(head, cells) }
    }

    /// A column of values of several columns: on the right where all are numbers.
    pub fn mixed(head: &str, cells: impl IntoIterator<Item = String>) -> TableColumn {
        let column = TableColumn::values(head, cells);
        let number = |text: &String| text.is_empty() || text == "NULL" || text.parse::<f64>().is_ok();
        TableColumn { right: column.cells.iter().all(number), ..column }
    }

    /// A column of values that are not cut short, such as places in files.
    pub fn whole(head: &str, cells: impl IntoIterator<Item = String>) -> TableColumn {
        TableColumn { cut: CellCut::Whole, ..TableColumn::values(head, cells) }
    }

    /// A last column of sentences of ours, which are not cut short.
    pub fn sentences(head: &str, cells: impl IntoIterator<Item = String>) -> TableColumn {
        TableColumn { cut: CellCut::Last, ..TableColumn::words(head, cells) }
    }

    /// A column of numbers.
    pub fn numbers(head: &str, cells: impl IntoIterator<Item = String>) -> TableColumn {
        TableColumn { right: true, ..TableColumn::words(head, cells) }
    }

    /// The lines of its name in text.
    fn heads(&self) -> Vec<String> {
        self.head.split('\n').map(|line| cell(&unmarked(line))).collect()
    }

    /// A cell in text.
    fn cell(&self, text: &str) -> String {
        if self.cut == CellCut::Short { cell(text) } else { plain(text) }
    }

    /// The columns of a line of text that it fills.
    pub fn width(&self) -> usize {
        // A last column may be longer than its rule, so its cells do not widen it.
        let cells = self.cells.iter().filter(|_| self.cut != CellCut::Last).map(|text| self.cell(text));
        self.heads().into_iter().chain(cells).map(|text| text.chars().count()).max().unwrap_or(0)
    }
}

/// The characters of a line of `columns`.
pub fn width(columns: &[TableColumn]) -> usize {
    // Two spaces stand between columns, and not behind the last one.
    columns.iter().map(|column| column.width() + 2).sum::<usize>().saturating_sub(2)
}

/// The columns side by side, below their names and a rule. Where no column has a name, there is neither.
pub fn render(columns: &[TableColumn]) -> String {
    let named = columns.iter().any(|column| !column.head.is_empty());
    let heads: Vec<Vec<String>> = columns.iter().map(TableColumn::heads).collect();
    let most = if named { usize::MAX } else { UNNAMED };
    let widths: Vec<usize> = columns.iter().map(|column| column.width().min(most)).collect();
    let mut out = String::new();
    let mut line = |cells: &mut dyn Iterator<Item = String>| {
        // Spaces at the end of a line would only wrap on a narrow terminal.
        out.push_str(cells.collect::<Vec<_>>().join("  ").trim_end());
        out.push('\n');
    };
    let pad = |text: &str, i: usize| match (columns[i].right, widths[i]) {
        (true, width) => format!("{text:>width$}"),
        (false, width) => format!("{text:<width$}"),
    };
    if named {
        let height = heads.iter().map(Vec::len).max().unwrap_or(0);
        for row in 0..height {
            line(&mut heads.iter().enumerate().map(|(i, head)| {
                // Heads of fewer lines stand at the bottom, next to their cells.
                let text = (row + head.len()).checked_sub(height).map_or("", |at| head[at].as_str());
                pad(text, i)
            }));
        }
        line(&mut widths.iter().map(|width| "─".repeat(*width)));
    }
    for row in 0..columns.iter().map(|column| column.cells.len()).max().unwrap_or(0) {
        let cells = columns.iter().enumerate();
        line(&mut cells.map(|(i, column)| match column.cells.get(row) {
            Some(text) => pad(&column.cell(text), i),
            None => pad("", i),
        }));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned_below_their_names() {
        let texts = |texts: &[&str]| texts.iter().map(|t| t.to_string()).collect::<Vec<_>>();
        let columns = [
            TableColumn::words("name", texts(&["a", "b\n\u{1b}[2J", "long enough"])),
            TableColumn::numbers("late\nevents", texts(&["1", "1,000", ""])),
        ];
        assert_eq!(width(&columns), 19);
        insta::assert_snapshot!(render(&columns), @r"
                       late
        name         events
        ───────────  ──────
        a                 1
        b⏎�[2J        1,000
        long enough
        ");
    }
}
