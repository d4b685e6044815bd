//! A result as a table on a terminal.

use super::csv;
use super::value::TimeText;
use crate::batch::ColumnView;
use crate::error::Result;
use crate::time::Zone;
use arrow_array::{ArrayRef, RecordBatch};

/// The most characters of a cell that are shown.
const WIDEST: usize = 40;

/// The first `limit` rows of `batch` as an aligned table, and how many more there are.
///
/// Values are as in CSV, without quotes: numbers on the right, long texts cut with `…`. `total` is the number
/// of rows of the whole result, of which the batch may hold only the first.
pub fn render(batch: &RecordBatch, zone: &Zone, limit: usize, total: usize) -> Result<String> {
    let shown = batch.num_rows().min(limit);
    let mut times = TimeText::new(zone);
    let mut columns = vec![];
    for (field, array) in batch.schema().fields().iter().zip(batch.columns()) {
        let column = ColumnView::of(array)?;
        let mut cells = vec![cell(field.name())];
        cells.extend((0..shown).map(|row| {
            let mut text = vec![];
            csv::push_value(&mut text, &column, row, &mut times, false);
            cell(&String::from_utf8_lossy(&text))
        }));
        let width = cells.iter().map(|c| c.chars().count()).max().unwrap_or(0);
        columns.push((cells, width, column.is_number()));
    }
    let mut out = String::new();
    for row in 0..=shown {
        push_line(&mut out, columns.iter().map(|(cells, width, number)| pad(&cells[row], *width, *number)));
        if row == 0 {
            push_line(&mut out, columns.iter().map(|(_, width, _)| "─".repeat(*width)));
        }
    }
    // `total` is 0 where a caller has not counted more rows than it gives.
    match total.max(batch.num_rows()) - shown {
        0 => {}
        1 => out.push_str("… 1 more row\n"),
        more => out.push_str(&format!("… {more} more rows\n")),
    }
    Ok(out)
}

fn push_line(out: &mut String, cells: impl Iterator<Item = String>) {
    let line = cells.collect::<Vec<_>>().join("  ");
    out.push_str(line.trim_end());
    out.push('\n');
}

fn pad(text: &str, width: usize, number: bool) -> String {
    if number { format!("{text:>width$}") } else { format!("{text:<width$}") }
}

/// The value of each of the first `rows` rows of a column, as a person reads it; NULL is nothing.
///
/// # Errors
/// A column that is not of a type of results.
pub fn texts(column: &ArrayRef, rows: usize, zone: &Zone) -> Result<Vec<String>> {
    let column = ColumnView::of(column)?;
    let mut times = TimeText::new(zone);
    let text = |row| {
        let mut text = vec![];
        csv::push_value(&mut text, &column, row, &mut times, false);
        String::from_utf8_lossy(&text).into_owned()
    };
    Ok((0..rows).map(text).collect())
}

/// A value on one line, of at most 40 characters, that cannot move the cursor.
pub fn cell(text: &str) -> String {
    let mut out = String::new();
    for (i, c) in text.chars().enumerate() {
        // The sign of a cut takes the last place, so a text that just fits is not cut.
        if i + 1 == WIDEST && text.chars().nth(WIDEST).is_some() {
            out.push('…');
            break;
        }
        match c {
            '\n' => out.push('⏎'),
            // A control character could move the cursor or change the colours of the terminal.
            c if c.is_control() => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::batch::{DataType, Field, Schema};
    use arrow_array::{ArrayRef, Int64Array, StringViewArray, TimestampMicrosecondArray};
    use std::sync::Arc;

    #[test]
    fn a_table_is_aligned_and_cut() {
        let schema = Schema::new(vec![
            Field::new("window_start", DataType::Timestamp),
            Field::new("postcode", DataType::String),
            Field::new("views", DataType::Int64),
        ]);
        let long = "a text that is far longer than what a terminal has room for";
        let columns: Vec<ArrayRef> = vec![
            Arc::new(TimestampMicrosecondArray::from(vec![0, 60_000_000, 0]).with_timezone("UTC")),
            Arc::new(StringViewArray::from(vec![Some("AB1\n"), None, Some(long)])),
            Arc::new(Int64Array::from(vec![Some(7), Some(-1234), None])),
        ];
        let batch = RecordBatch::try_new(schema.arrow(), columns).unwrap();
        insta::assert_snapshot!(render(&batch, &Zone::named("Asia/Jakarta").unwrap(), 3, 3).unwrap(), @r"
        window_start               postcode                                  views
        ─────────────────────────  ────────────────────────────────────────  ─────
        1970-01-01T07:00:00+07:00  AB1⏎                                          7
        1970-01-01T07:01:00+07:00                                            -1234
        1970-01-01T07:00:00+07:00  a text that is far longer than what a t…
        ");
        insta::assert_snapshot!(render(&batch, &Zone::utc(), 1, 13).unwrap(), @r"
        window_start          postcode  views
        ────────────────────  ────────  ─────
        1970-01-01T00:00:00Z  AB1⏎          7
        … 12 more rows
        ");
    }
}
