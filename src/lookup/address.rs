//! From the rows of a batch to URLs.

use super::ServicePlan;
use crate::error::Result;
use crate::sink::csv::push_value;
use crate::sink::value::{Column, TimeText};
use arrow_array::ArrayRef;

/// Makes the URLs of a service.
#[derive(Debug)]
pub(super) struct Address {
    /// The text before each column, and the one after the last.
    pieces: Vec<String>,
    columns: Vec<usize>,
}

/// URLs of some rows.
#[derive(Debug, Default)]
pub(super) struct Urls {
    text: String,
    /// Where each ends; `None` for a row that has none.
    ends: Vec<Option<usize>>,
}

impl Address {
    pub fn new(plan: &ServicePlan) -> Address {
        debug_assert_eq!(plan.url.len(), plan.columns.len() + 1);
        Address { pieces: plan.url.clone(), columns: plan.columns.clone() }
    }

    /// The URLs of `rows`; a row with NULL in one of the columns has none.
    pub fn urls(&self, columns: &[ArrayRef], rows: &[u32]) -> Result<Urls> {
        let columns =
            self.columns.iter().map(|&i| Column::of(&columns[i])).collect::<Result<Vec<Column<'_>>>>()?;
        let (mut urls, mut times, mut value) = (Urls::default(), TimeText::utc(), vec![]);
        for row in rows.iter().map(|&row| row as usize) {
            if columns.iter().any(|column| column.is_null(row)) {
                urls.ends.push(None);
                continue;
            }
            for (piece, column) in self.pieces.iter().zip(&columns) {
                urls.text.push_str(piece);
                value.clear();
                push_value(&mut value, column, row, &mut times, false);
                push_encoded(&mut urls.text, &value);
            }
            urls.text.push_str(&self.pieces[columns.len()]);
            urls.ends.push(Some(urls.text.len()));
        }
        Ok(urls)
    }
}

impl Urls {
    /// The URL of each row.
    pub fn iter(&self) -> impl Iterator<Item = Option<&str>> {
        let mut start = 0;
        self.ends.iter().map(move |end| {
            let end = (*end)?;
            Some(&self.text[std::mem::replace(&mut start, end)..end])
        })
    }
}

/// Appends `value` with all but the unreserved characters of RFC 3986 percent-encoded, so that it is one
/// segment of a path, or one value of a query, whatever it holds.
fn push_encoded(out: &mut String, value: &[u8]) {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    for &byte in value {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            out.push(char::from(byte));
        } else {
            out.push('%');
            out.push(char::from(HEX[usize::from(byte >> 4)]));
            out.push(char::from(HEX[usize::from(byte & 15)]));
        }
    }
}
