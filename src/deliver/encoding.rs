//! Rows of an output as pieces, which are encoded on all threads and appended in order.
//!
//! # Contract
//! Pieces are cut after every [`ROWS_PER_GROUP`] rows, however the rows come, so that neither threads nor blocks show in the
//! bytes.

use crate::error::{Error, Result};
use crate::ordered::{UnderWay, most_under_way};
use crate::sink::Encoder;
use crate::sink::encode::{Encoded, ROWS_PER_GROUP};
use arrow_array::{Array, RecordBatch};
use std::collections::VecDeque;
use std::sync::Arc;

/// Pieces that are being encoded, each with where it goes.
pub struct EncodingQueue<K> {
    encoder: Arc<dyn Encoder>,
    pieces: VecDeque<(K, usize, UnderWay<Encoded>)>,
    /// The bytes of all pieces before they are encoded, and how many of them there may be.
    bytes: usize,
    room: usize,
}

impl<K> EncodingQueue<K> {
    /// An empty queue, which holds pieces of `room` bytes, or one.
    pub fn new(encoder: Arc<dyn Encoder>, room: usize) -> EncodingQueue<K> {
        EncodingQueue { encoder, pieces: VecDeque::new(), bytes: 0, room }
    }

    /// Keeps what waits within `room` bytes.
    pub fn within(self, room: usize) -> EncodingQueue<K> {
        EncodingQueue { room, ..self }
    }

    /// Takes a piece, and gives what is there and has to go to `append`.
    ///
    /// # Errors
    /// Those of encoding and of `append`.
    pub fn push(
        &mut self,
        to: K,
        piece: RecordBatch,
        append: impl FnMut(K, Encoded) -> Result<()>,
    ) -> Result<()> {
        let (encoder, bytes) = (self.encoder.clone(), piece.get_array_memory_size());
        // A piece goes when it is encoded.
        self.pieces.push_back((to, bytes, UnderWay::begin(move || encoder.encode(&piece))));
        self.bytes += bytes;
        self.settle(most_under_way(), self.room, append)
    }

    /// Gives all that is there to `append`.
    ///
    /// # Errors
    /// As [`EncodingQueue::push`].
    pub fn drain(&mut self, append: impl FnMut(K, Encoded) -> Result<()>) -> Result<()> {
        self.settle(1, 1, append)
    }

    /// Waits until there are less than `most` pieces, of less than `room` bytes.
    fn settle(
        &mut self,
        most: usize,
        room: usize,
        mut append: impl FnMut(K, Encoded) -> Result<()>,
    ) -> Result<()> {
        while self.pieces.len() >= most || self.bytes >= room.max(1) {
            let Some((to, bytes, piece)) = self.pieces.pop_front() else { break };
            self.bytes -= bytes;
            append(to, piece.wait()?)?;
        }
        Ok(())
    }
}

/// Rows that are cut into pieces.
#[derive(Default)]
pub struct PieceCutter {
    pending: Vec<RecordBatch>,
    rows: usize,
}

impl PieceCutter {
    /// Takes the next rows, and gives the pieces that are full.
    ///
    /// # Errors
    /// None in practice: batches that do not fit together.
    pub fn push(&mut self, mut rest: RecordBatch) -> Result<Vec<RecordBatch>> {
        let mut full = vec![];
        while self.rows + rest.num_rows() >= ROWS_PER_GROUP {
            let take = ROWS_PER_GROUP - self.rows;
            self.pending.push(rest.slice(0, take));
            rest = rest.slice(take, rest.num_rows() - take);
            full.extend(self.rest()?);
        }
        if rest.num_rows() > 0 {
            self.rows += rest.num_rows();
            self.pending.push(rest);
        }
        Ok(full)
    }

    /// The last piece, if there are rows left.
    ///
    /// # Errors
    /// As [`PieceCutter::push`].
    pub fn rest(&mut self) -> Result<Option<RecordBatch>> {
        self.rows = 0;
        let pending = std::mem::take(&mut self.pending);
        (!pending.is_empty()).then(|| join(&pending)).transpose()
    }
}

/// One batch of several with the same columns; dictionaries that differ become plain strings.
fn join(pieces: &[RecordBatch]) -> Result<RecordBatch> {
    // One piece is shared and not copied.
    if let [one] = pieces {
        return Ok(one.clone());
    }
    let columns = (0..pieces[0].num_columns()).map(|c| {
        let parts: Vec<&dyn Array> = pieces.iter().map(|p| p.column(c).as_ref()).collect();
        arrow_select::concat::concat(&parts)
    });
    columns
        .collect::<std::result::Result<Vec<_>, _>>()
        .and_then(|columns| RecordBatch::try_new(pieces[0].schema(), columns))
        .map_err(|e| Error::machine("pieces of a result do not fit together").caused_by(e))
}
