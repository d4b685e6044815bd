//! Bytes of objects on their way: ranges are fetched before they are asked for, several at a time.
//!
//! # Contract
//! * What is held is bounded for the whole process ([`set_capacity`]), and is only a copy: what was dropped is fetched again.
//! * A range that several readers want is fetched once.
//! * A range that waits for a thread is fetched by the reader who needs it first. So nothing waits for threads, and no
//!   thread has to start.

use crate::error::{Error, Result};
use bytes::Bytes;
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};

/// What a request asks for where much will be read.
const LARGE: u64 = 4 << 20;
/// What a request asks for where only a little may be read: heads, footers.
const SMALL: u64 = 256 << 10;
/// Requests in flight that no reader waits for yet.
const REQUESTS: usize = 8;

/// The most that is held.
const MOST: u64 = 64 << 20;

static CAPACITY: AtomicU64 = AtomicU64::new(MOST);

/// Bounds what is held at a time, in bytes; gives the bound, which is more than `bytes` where that is too little to read.
pub fn set_capacity(bytes: u64) -> u64 {
    let capacity = bytes.clamp(LARGE, MOST);
    CAPACITY.store(capacity, Ordering::Relaxed);
    capacity
}

/// How far a reader that goes forward lets bytes be fetched before it.
pub fn window() -> u64 {
    (CAPACITY.load(Ordering::Relaxed) / 4).clamp(LARGE, REQUESTS as u64 * LARGE)
}

/// What ranges are fetched of.
pub(super) trait RangeSource: Send + Sync {
    /// Which one of this process it is.
    fn number(&self) -> u64;

    /// Its size.
    fn bytes(&self) -> u64;

    /// Asks for these bytes.
    ///
    /// # Errors
    /// They cannot be had.
    fn fetch(&self, range: Range<u64>) -> Result<Bytes>;
}

/// A range of an object.
struct Piece {
    end: u64,
    content: PieceState,
    /// When it was read last, by the count of reads.
    used: u64,
}

enum PieceState {
    /// It waits for a thread.
    Queued,
    /// A request is in flight.
    Asked,
    Here(Bytes),
}

#[derive(Default)]
struct Shelf {
    /// Pieces by object and start; those of an object do not overlap.
    pieces: HashMap<u64, BTreeMap<u64, Piece>>,
    /// Bytes of all pieces, those that are not here too.
    bytes: u64,
    reads: u64,
    queue: VecDeque<(Weak<dyn RangeSource>, u64)>,
    /// Threads that were started, and those of them that wait.
    threads: usize,
    idle: usize,
}

struct Shared {
    shelf: Mutex<Shelf>,
    /// A piece has come, or could not be fetched.
    come: Condvar,
    /// There is something in the queue.
    work: Condvar,
}

static SHARED: std::sync::LazyLock<Shared> = std::sync::LazyLock::new(|| Shared {
    shelf: Mutex::default(),
    come: Condvar::new(),
    work: Condvar::new(),
});

fn shelf() -> MutexGuard<'static, Shelf> {
    // Each change of the shelf is made in one piece, so a panic elsewhere leaves it whole.
    SHARED.shelf.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Reads some bytes of `object` from `at` on, which is before its end.
pub(super) fn read(object: &dyn RangeSource, out: &mut [u8], at: u64) -> Result<usize> {
    let mut shelf = shelf();
    loop {
        shelf.reads += 1;
        let now = shelf.reads;
        let start = match shelf.at(object.number(), at) {
            Some((start, piece)) => match &piece.content {
                PieceState::Here(bytes) => {
                    let from = (at - start) as usize;
                    let most = out.len().min(bytes.len() - from);
                    out[..most].copy_from_slice(&bytes[from..from + most]);
                    piece.used = now;
                    return Ok(most);
                }
                PieceState::Asked => {
                    shelf = SHARED.come.wait(shelf).unwrap_or_else(PoisonError::into_inner);
                    continue;
                }
                PieceState::Queued => {
                    piece.content = PieceState::Asked;
                    start
                }
            },
            None => {
                let range = shelf.hole(object, at, (out.len() as u64).clamp(SMALL, LARGE));
                shelf.enter(object, range.clone(), PieceState::Asked);
                range.start
            }
        };
        drop(shelf);
        // Not from the shelf: others who need room may have dropped it by then.
        let bytes = fetch(object, start)?;
        let from = (at - start) as usize;
        let most = out.len().min(bytes.len() - from);
        out[..most].copy_from_slice(&bytes[from..from + most]);
        return Ok(most);
    }
}

/// Fetches the piece at `start`, which is asked for.
fn fetch(object: &dyn RangeSource, start: u64) -> Result<Bytes> {
    // What is asked for is not dropped before it has come.
    let end = shelf().end(object.number(), start);
    let end = end.ok_or_else(|| Error::fault("a range that was asked for is not known"))?;
    let fetched = object.fetch(start..end);
    let mut shelf = shelf();
    match &fetched {
        Ok(bytes) => shelf.put(object.number(), start, bytes.clone()),
        // Who waits for it asks again, and gets an error of its own.
        Err(_) => shelf.remove(object.number(), start),
    }
    drop(shelf);
    SHARED.come.notify_all();
    fetched
}

/// Has a range of `object` fetched by other threads, as far as there is room for it.
pub(super) fn expect<S: RangeSource + 'static>(object: &Arc<S>, range: Range<u64>) {
    let mut shelf = shelf();
    let (mut at, mut more) = (range.start, 0);
    while at < range.end {
        if let Some((_, piece)) = shelf.at(object.number(), at) {
            at = piece.end;
            continue;
        }
        let next = shelf.next_start(object.number(), at);
        let end = range.end.min(next).min(at + LARGE);
        if !shelf.make_room(end - at) {
            break;
        }
        shelf.enter(object.as_ref(), at..end, PieceState::Queued);
        let waiting: Arc<dyn RangeSource> = object.clone();
        shelf.queue.push_back((Arc::downgrade(&waiting), at));
        more += 1;
        at = end;
    }
    while more > shelf.idle && shelf.threads < REQUESTS {
        let thread = std::thread::Builder::new().name("store".into()).spawn(work);
        if thread.is_err() {
            break;
        }
        shelf.threads += 1;
        more -= 1;
    }
    drop(shelf);
    SHARED.work.notify_all();
}

fn work() {
    let mut shelf = shelf();
    loop {
        let Some((object, start)) = shelf.queue.pop_front() else {
            shelf.idle += 1;
            shelf = SHARED.work.wait(shelf).unwrap_or_else(PoisonError::into_inner);
            shelf.idle -= 1;
            continue;
        };
        let Some(object) = object.upgrade() else { continue };
        let piece = shelf.pieces.get_mut(&object.number()).and_then(|pieces| pieces.get_mut(&start));
        if let Some(piece) = piece.filter(|piece| matches!(piece.content, PieceState::Queued)) {
            piece.content = PieceState::Asked;
            drop(shelf);
            // The reader who comes for it asks again, and then it is an error.
            let _ = fetch(object.as_ref(), start);
            // Its last owner may be this one, and what it leaves is taken away under the lock.
            drop(object);
            shelf = self::shelf();
        } else {
            drop(shelf);
            drop(object);
            shelf = self::shelf();
        }
    }
}

/// Puts bytes on the shelf that came with something else.
pub(super) fn give(object: &dyn RangeSource, start: u64, bytes: Bytes) {
    let mut shelf = shelf();
    let range = start..start + bytes.len() as u64;
    if !range.is_empty() && shelf.at(object.number(), start).is_none() {
        shelf.enter(object, range, PieceState::Here(bytes));
    }
}

/// Whether there is anything of an object.
#[cfg(test)]
pub(super) fn holds(number: u64) -> bool {
    shelf().pieces.contains_key(&number)
}

/// Drops what there is of an object.
pub(super) fn forget(number: u64) {
    let mut shelf = shelf();
    let pieces = shelf.pieces.remove(&number).unwrap_or_default();
    shelf.bytes -= pieces.iter().map(|(start, piece)| piece.end - start).sum::<u64>();
}

impl Shelf {
    /// The piece that has byte `at`, and its start.
    fn at(&mut self, number: u64, at: u64) -> Option<(u64, &mut Piece)> {
        let (start, piece) = self.pieces.get_mut(&number)?.range_mut(..=at).next_back()?;
        (piece.end > at).then_some((*start, piece))
    }

    fn end(&self, number: u64, start: u64) -> Option<u64> {
        self.pieces.get(&number)?.get(&start).map(|piece| piece.end)
    }

    /// Where the next piece behind `at` starts.
    fn next_start(&self, number: u64, at: u64) -> u64 {
        let next = self.pieces.get(&number).and_then(|pieces| pieces.range(at..).next());
        next.map_or(u64::MAX, |(start, _)| *start)
    }

    /// A range around `at` that no piece has: `most` bytes, or to the end where that is near.
    fn hole(&self, object: &dyn RangeSource, at: u64, most: u64) -> Range<u64> {
        let size = object.bytes();
        let before = self.pieces.get(&object.number()).and_then(|pieces| pieces.range(..at).next_back());
        let free = before.map_or(0, |(_, piece)| piece.end);
        // A footer is read from its last bytes on, and what lies before them comes next.
        let start = match size - at < SMALL / 2 {
            true => size.saturating_sub(SMALL).max(free),
            false => at,
        };
        let end = at.saturating_add(most).min(size).min(self.next_start(object.number(), at));
        start..end
    }

    fn enter(&mut self, object: &dyn RangeSource, range: Range<u64>, content: PieceState) {
        // Who reads has to go on, so a piece that is wanted now is taken in any case.
        self.make_room(range.end - range.start);
        self.bytes += range.end - range.start;
        let piece = Piece { end: range.end, content, used: self.reads };
        self.pieces.entry(object.number()).or_default().insert(range.start, piece);
    }

    fn put(&mut self, number: u64, start: u64, bytes: Bytes) {
        let used = self.reads;
        if let Some(piece) = self.pieces.get_mut(&number).and_then(|pieces| pieces.get_mut(&start)) {
            (piece.content, piece.used) = (PieceState::Here(bytes), used);
        }
    }

    fn remove(&mut self, number: u64, start: u64) {
        let piece = self.pieces.get_mut(&number).and_then(|pieces| pieces.remove(&start));
        self.bytes -= piece.map_or(0, |piece| piece.end - start);
    }

    /// Drops what was not read for the longest time until `more` bytes fit; gives whether they do.
    fn make_room(&mut self, more: u64) -> bool {
        let capacity = CAPACITY.load(Ordering::Relaxed);
        while self.bytes + more > capacity {
            let here = self.pieces.iter().flat_map(|(number, pieces)| {
                let here = pieces.iter().filter(|(_, piece)| matches!(piece.content, PieceState::Here(_)));
                // What came and was not read yet is not dropped for what may be read later.
                here.map(move |(start, piece)| (piece.used, *number, *start))
            });
            let Some((_, number, start)) = here.min() else { return false };
            self.remove(number, start);
        }
        true
    }
}
