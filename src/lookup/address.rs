//! From the rows of a batch to URLs.

use super::ServicePlan;
use crate::batch::{ColumnId, ColumnView};
use crate::error::Result;
use crate::secret::Template;
use crate::sink::csv::push_value;
use crate::sink::value::TimeText;
use arrow_array::ArrayRef;
use std::borrow::Cow;

/// Makes the URLs of a service.
#[derive(Debug)]
pub(super) struct Address {
    /// The shown text before each column, and the one after the last.
    pieces: Vec<String>,
    columns: Vec<ColumnId>,
    /// Segments of the path that are empty, `.` or `..` whatever the columns hold.
    odd_segments: usize,
    /// What is asked, where it is more than is shown.
    request_url: Vec<Template>,
}

/// URLs of some rows.
#[derive(Debug, Default)]
pub(super) struct Urls {
    text: String,
    /// The values of the columns, percent-encoded, a line each.
    values: String,
    /// Whether there are values: more is asked than the text.
    with_values: bool,
    /// Where each ends, in both; `None` for a row that has none.
    ends: Vec<Option<(usize, usize)>>,
}

/// A URL.
#[derive(Debug, Clone, Copy)]
pub(super) struct Url<'a> {
    /// As it is shown and recorded.
    pub text: &'a str,
    /// The values of its columns, a line each, where more is asked than is shown.
    pub values: Option<&'a str>,
}

impl Address {
    pub fn new(plan: &ServicePlan) -> Address {
        debug_assert_eq!(plan.url.len(), plan.columns.len() + 1);
        // Where the shown URL is all that is asked, values need not be kept apart from it.
        let same = plan.secrets.url.iter().map(Template::text).eq(plan.url.iter().cloned())
            && plan.secrets.url.iter().flat_map(Template::variables).next().is_none();
        Address {
            pieces: plan.url.clone(),
            columns: plan.columns.clone(),
            odd_segments: odd_segments(&plan.url.join("x")),
            request_url: if same { vec![] } else { plan.secrets.url.clone() },
        }
    }

    /// The URLs of `rows`. A row with NULL in one of the columns has none, nor one whose values would be a segment of
    /// the path that is empty, `.` or `..`: it would ask for something else.
    pub fn urls(&self, columns: &[ArrayRef], rows: &[u32]) -> Result<Urls> {
        let columns = self
            .columns
            .iter()
            .map(|&i| ColumnView::of(&columns[i.place()]))
            .collect::<Result<Vec<ColumnView<'_>>>>()?;
        let (mut urls, mut times, mut value) = (Urls::default(), TimeText::utc(), vec![]);
        urls.with_values = !self.request_url.is_empty();
        for row in rows.iter().map(|&row| row as usize) {
            // A key with a NULL matches nothing, as in an as-of join.
            if columns.iter().any(|column| column.is_null(row)) {
                urls.ends.push(None);
                continue;
            }
            let (start, values) = (urls.text.len(), urls.values.len());
            for (number, (piece, column)) in self.pieces.iter().zip(&columns).enumerate() {
                urls.text.push_str(piece);
                value.clear();
                push_value(&mut value, column, row, &mut times, false);
                let from = urls.text.len();
                push_encoded(&mut urls.text, &value);
                if urls.with_values {
                    // A value is percent-encoded, so a line end can separate the values.
                    urls.values.push_str(if number == 0 { "" } else { "\n" });
                    urls.values.push_str(&urls.text[from..]);
                }
            }
            urls.text.push_str(&self.pieces[columns.len()]);
            // A value such as `..` would climb out of its folder, and the service would answer another
            // question.
            if odd_segments(&urls.text[start..]) == self.odd_segments {
                urls.ends.push(Some((urls.text.len(), urls.values.len())));
            } else {
                // All URLs share one buffer, so what was written for this row must go.
                urls.text.truncate(start);
                urls.values.truncate(values);
                urls.ends.push(None);
            }
        }
        Ok(urls)
    }

    /// The key of a URL of a record that was written before keys left out what is secret.
    fn key_of(&self, url: &str) -> Option<String> {
        let values = Template::values(&self.request_url, url)?;
        let values = values.into_iter().chain([""]);
        Some(self.pieces.iter().zip(values).flat_map(|(piece, value)| [piece.as_str(), value]).collect())
    }
}

/// The key under which the answer for `url` is known now.
pub(super) fn key_of<'a>(addresses: impl IntoIterator<Item = &'a Address>, url: &'a str) -> Cow<'a, str> {
    // Older records have another key only where more is asked than is shown.
    let request_url = addresses.into_iter().filter(|address| !address.request_url.is_empty());
    request_url.filter_map(|address| address.key_of(url)).next().map_or(Cow::Borrowed(url), Cow::Owned)
}

/// How many segments of the path of a URL are empty, `.` or `..`.
fn odd_segments(url: &str) -> usize {
    let after = url.find("://").map_or(0, |at| at + 3);
    let path = &url[after..];
    // Slashes after `?` or `#` do not cut the path.
    let path = &path[..path.find(['?', '#']).unwrap_or(path.len())];
    path.split('/').skip(1).filter(|segment| matches!(*segment, "" | "." | "..")).count()
}

impl Urls {
    /// The URL of each row.
    pub fn iter(&self) -> impl Iterator<Item = Option<Url<'_>>> {
        let mut start = (0, 0);
        self.ends.iter().map(move |end| {
            let (text, values) = (*end)?;
            let from = std::mem::replace(&mut start, (text, values));
            let values = self.with_values.then(|| &self.values[from.1..values]);
            Some(Url { text: &self.text[from.0..text], values })
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
