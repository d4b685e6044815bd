//! Strings of blocks as one array, without copying those that lie in a block end to end.

use super::uuid;
use arrow_array::builder::make_view;
use arrow_array::{ArrayRef, StringViewArray};
use arrow_buffer::{Buffer, NullBufferBuilder, ScalarBuffer};
use std::sync::Arc;

/// The most bytes of a view's own buffer: offsets are 32 bits.
const MOST: usize = 1 << 30;

/// An array under way.
pub struct StringRun {
    views: Vec<u128>,
    nulls: NullBufferBuilder,
    buffers: Vec<Buffer>,
    /// Per buffer that was lent, under the lender's number, its place in `buffers`.
    lent: Vec<Option<u32>>,
    /// What is written out here, and becomes a buffer when it is full.
    own: Vec<u8>,
    own_place: u32,
}

impl StringRun {
    /// Room for `rows` values; there are so many `lenders`.
    pub fn new(rows: usize, lenders: usize) -> StringRun {
        StringRun {
            views: Vec::with_capacity(rows),
            nulls: NullBufferBuilder::new(rows),
            buffers: vec![Buffer::default()],
            lent: vec![None; lenders],
            own: vec![],
            own_place: 0,
        }
    }

    /// Appends NULL.
    pub fn null(&mut self) {
        self.views.push(0);
        self.nulls.append_null();
    }

    /// Appends bytes `from..to` of the buffer of lender number `lender`, which are UTF-8.
    pub fn lend(&mut self, lender: usize, buffer: &Buffer, from: usize, to: usize) {
        // The offsets of a view have 32 bits, so a larger buffer cannot be lent.
        if buffer.len() > MOST {
            return self.text(&buffer[from..to]);
        }
        let place = *self.lent[lender].get_or_insert_with(|| {
            self.buffers.push(buffer.clone());
            self.buffers.len() as u32 - 1
        });
        self.view(&buffer[from..to], place, from as u32);
    }

    /// Appends a text.
    pub fn text(&mut self, text: &[u8]) {
        if self.own.len() + text.len() > MOST {
            let full = std::mem::take(&mut self.own);
            self.buffers[self.own_place as usize] = Buffer::from(full);
            self.buffers.push(Buffer::default());
            self.own_place = self.buffers.len() as u32 - 1;
        }
        let offset = self.own.len();
        // A text of at most 12 bytes lies in the view itself.
        if text.len() > arrow_data::MAX_INLINE_VIEW_LEN as usize {
            self.own.extend_from_slice(text);
        }
        self.view(text, self.own_place, offset as u32);
    }

    /// Appends a UUID.
    pub fn uuid(&mut self, bytes: &[u8; 16]) {
        self.text(&uuid::text(bytes));
    }

    fn view(&mut self, text: &[u8], place: u32, offset: u32) {
        self.views.push(make_view(text, place, offset));
        self.nulls.append_non_null();
    }

    /// The array.
    pub fn finish(mut self) -> ArrayRef {
        self.buffers[self.own_place as usize] = Buffer::from(self.own);
        // SAFETY: each view names bytes of a buffer that are there, and each was made of text: of a string
        // array, of digits and dashes, or of a caller who says so.
        let array = unsafe {
            StringViewArray::new_unchecked(
                ScalarBuffer::from(self.views),
                self.buffers.into(),
                self.nulls.finish(),
            )
        };
        Arc::new(array)
    }
}
