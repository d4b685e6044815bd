//! Decoded cells: views of text, numbers, and what a time that cannot be read is called.

use crate::input::value::parse_int;
use crate::time::TimeError;
use arrow_array::{ArrayRef, StringViewArray};
use arrow_buffer::{Buffer, NullBuffer, ScalarBuffer};
use std::sync::Arc;

/// The array of a column that is not of texts: `$values`, with `$parse` as what reads a value of its type. A macro, so
/// that each type of each caller gets a loop of its own, with what reads a value inlined.
macro_rules! decode_native {
    ($column:expr, $times:expr, |$parse:ident| $values:expr) => {{
        let (column, times) = ($column, $times);
        macro_rules! array {
            ($read:expr) => {{
                let $parse = $read;
                let (values, nulls) = $values;
                Native::array(column.ty, values, nulls)
            }};
        }
        match column.ty {
            DataType::Bool => array!(parse_bool),
            DataType::Int64 if column.inferred => array!(parse_plain_int),
            DataType::Int64 => array!(parse_int),
            DataType::Float64 => array!(parse_float),
            DataType::Decimal { precision, scale } => {
                array!(|text: &[u8]| parse_decimal(text, precision, scale))
            }
            DataType::Date => array!(parse_date),
            DataType::Timestamp => array!(|text: &[u8]| times.text(text).map_err(|e| unread_time(text, &e))),
            DataType::String | DataType::Json => unreachable!("texts are read apart"),
        }
    }};
}
pub(super) use decode_native;

/// A column that is decoded.
pub(super) enum DecodedColumn {
    /// Done.
    Array(ArrayRef),
    /// Strings that lie in the text of the chunk.
    Strings(CsvStrings),
}

/// Views of strings, for a [`StringViewArray`].
pub(super) struct CsvStrings {
    views: Vec<u128>,
    nulls: Option<NullBuffer>,
    /// Strings that had doubled quotes; buffer 1 of the array.
    unescaped: Vec<u8>,
    /// Whether views refer to the text of the chunk, which is buffer 0.
    refers: bool,
}

impl CsvStrings {
    /// Views of the text of the chunk, buffer 0, and of `unescaped`, buffer 1; `refers` where any is of the first.
    pub(super) fn new(
        views: Vec<u128>,
        nulls: Option<NullBuffer>,
        unescaped: Vec<u8>,
        refers: bool,
    ) -> CsvStrings {
        CsvStrings { views, nulls, unescaped, refers }
    }

    /// Whether the array keeps the text of the chunk.
    pub(super) fn needs_text(&self) -> bool {
        self.refers || !self.unescaped.is_empty()
    }

    /// The array; `text` is the text of the chunk, and may be missing if it is not needed.
    pub(super) fn into_array(self, text: Option<&Buffer>) -> ArrayRef {
        let mut buffers = Vec::new();
        if self.needs_text() {
            buffers.extend(text.cloned());
        }
        if !self.unescaped.is_empty() {
            buffers.push(Buffer::from_vec(self.unescaped));
        }
        // SAFETY: each view was made by `view` or `long_view` from a field of the text, which is
        // valid UTF-8 and is cut at ASCII bytes only, or from bytes of `unescaped` of that kind; the
        // buffers are the ones that the views name.
        Arc::new(unsafe {
            StringViewArray::new_unchecked(ScalarBuffer::from(self.views), buffers.into(), self.nulls)
        })
    }
}

#[cold]
pub(super) fn unread_time(text: &[u8], error: &TimeError) -> String {
    format!("`{}` is {error}", super::super::value::shown(text))
}

/// An integer without leading zeros, which say that it is no number but a code.
#[inline(always)]
pub(super) fn parse_plain_int(text: &[u8]) -> Result<i64, String> {
    let digits = match text {
        [b'-' | b'+', digits @ ..] => digits,
        _ => text,
    };
    if matches!(digits, [b'0', b'0'..=b'9', ..]) {
        return Err(leading_zeros(text));
    }
    parse_int(text).map_err(|e| e.to_string())
}

#[cold]
pub(super) fn leading_zeros(text: &[u8]) -> String {
    format!("`{}` has leading zeros, which an int64 would lose", super::super::value::shown(text))
}

/// The longest text that a view holds in itself.
pub(in crate::input) const MAX_INLINE: usize = arrow_data::MAX_INLINE_VIEW_LEN as usize;

/// The view of `text[start..end]`, in buffer 0.
#[inline(always)]
pub(in crate::input) fn view(text: &[u8], start: usize, end: usize) -> u128 {
    let length = end - start;
    if length > MAX_INLINE {
        return long_view(&text[start..end], 0, start);
    }
    // Most often 16 bytes can be loaded, and cut to those that count.
    match text[start..].first_chunk::<16>() {
        Some(bytes) => (u128::from_le_bytes(*bytes) & INLINE[length]) << 32 | length as u128,
        None => short_view(&text[start..end]),
    }
}

/// The low `i` bytes.
const INLINE: [u128; MAX_INLINE + 1] = {
    let mut masks = [0; MAX_INLINE + 1];
    let mut i = 1;
    while i <= MAX_INLINE {
        masks[i] = u128::MAX >> (128 - 8 * i);
        i += 1;
    }
    masks
};

#[inline(never)]
pub(super) fn short_view(content: &[u8]) -> u128 {
    let mut bytes = [0; 16];
    bytes[..4].copy_from_slice(&(content.len() as u32).to_le_bytes());
    bytes[4..4 + content.len()].copy_from_slice(content);
    u128::from_le_bytes(bytes)
}

/// Length, the first four bytes, buffer and offset, from the lowest byte up.
#[inline(always)]
pub(super) fn long_view(content: &[u8], buffer: u32, offset: usize) -> u128 {
    // A long view has more than 12 bytes, so the first four are there.
    let prefix = u32::from_le_bytes([content[0], content[1], content[2], content[3]]);
    content.len() as u128 | u128::from(prefix) << 32 | u128::from(buffer) << 64 | (offset as u128) << 96
}
