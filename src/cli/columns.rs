//! Text in columns.

use super::ui::plain;
use crate::sink::table::cell;

/// A column of a text table.
#[derive(Debug, Clone)]
pub struct Column {
    /// Its name, of one line or more; the lines stand above one another.
    head: String,
    cells: Vec<String>,
    /// Numbers stand on the right.
    right: bool,
}

impl Column {
    /// A column of words.
    pub fn words(head: &str, cells: impl IntoIterator<Item = String>) -> Column {
        Column { head: head.to_string(), cells: cells.into_iter().map(|c| cell(&c)).collect(), right: false }
    }

    /// A column of texts that are not cut short, such as places in files.
    pub fn whole(head: &str, cells: impl IntoIterator<Item = String>) -> Column {
        Column { head: head.to_string(), cells: cells.into_iter().map(|c| plain(&c)).collect(), right: false }
    }

    /// A column of numbers.
    pub fn numbers(head: &str, cells: impl IntoIterator<Item = String>) -> Column {
        Column { right: true, ..Column::words(head, cells) }
    }

    fn head(&self) -> Vec<String> {
        self.head.split('\n').map(cell).collect()
    }

    /// Its characters from left to right.
    pub fn width(&self) -> usize {
        self.head().iter().chain(&self.cells).map(|text| text.chars().count()).max().unwrap_or(0)
    }
}

/// The characters of a line of `columns`.
pub fn width(columns: &[Column]) -> usize {
    columns.iter().map(|column| column.width() + 2).sum::<usize>().saturating_sub(2)
}

/// The columns side by side, below their names and a rule.
pub fn render(columns: &[Column]) -> String {
    let heads: Vec<Vec<String>> = columns.iter().map(Column::head).collect();
    let widths: Vec<usize> = columns.iter().map(Column::width).collect();
    let mut out = String::new();
    let mut line = |cells: &mut dyn Iterator<Item = String>| {
        out.push_str(cells.collect::<Vec<_>>().join("  ").trim_end());
        out.push('\n');
    };
    let pad = |text: &str, i: usize| match (columns[i].right, widths[i]) {
        (true, width) => format!("{text:>width$}"),
        (false, width) => format!("{text:<width$}"),
    };
    let height = heads.iter().map(Vec::len).max().unwrap_or(0);
    for row in 0..height {
        line(&mut heads.iter().enumerate().map(|(i, head)| {
            let text = (row + head.len()).checked_sub(height).map_or("", |at| head[at].as_str());
            pad(text, i)
        }));
    }
    line(&mut widths.iter().map(|width| "─".repeat(*width)));
    for row in 0..columns.iter().map(|column| column.cells.len()).max().unwrap_or(0) {
        line(
            &mut columns
                .iter()
                .enumerate()
                .map(|(i, column)| pad(column.cells.get(row).map_or("", String::as_str), i)),
        );
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
            Column::words("name", texts(&["a", "b\n\u{1b}[2J", "long enough"])),
            Column::numbers("late\nevents", texts(&["1", "1,000", ""])),
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
