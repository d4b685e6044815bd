//! The keys of the rows that one worker passed to a step, in buckets by hash.

use super::KeyHashes;
use crate::batch::{Moment, Position, StreamPlace};
use crate::error::{Error, Result};
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

/// Buckets of keys: enough that one of ten million keys fits a second-level cache.
pub(super) const BUCKETS: usize = 256;
/// Bytes to a page: what is packed together, and written to disk together.
const PAGE: usize = 16 << 10;
/// The most bytes of one entry: a hash, and seven numbers.
const MOST: usize = 16 + 7 * 10;

/// A row as a step sees it.
#[derive(Debug, Clone, Copy)]
pub(super) struct KeyLogEntry {
    pub hash: u128,
    /// The event time; in arrival order the clock.
    pub time: i64,
    pub position: u64,
    pub row: u64,
    pub worker: u32,
    /// The number of its place among those of rows that have waited, from 1; 0 where it has not.
    pub waited: u32,
}

/// The keys, times and positions of one worker's rows, a few more bytes each than their hashes.
///
/// Within a page, numbers, positions and times are the distances from the row before in as few bytes as
/// they need; the first row's are those from 0.
pub struct KeyLog {
    buckets: Vec<Bucket>,
    folder: PathBuf,
    file: Option<(File, u64)>,
    /// Whether rows have places in arrival order, which are noted beside them.
    placed: bool,
    /// Bytes of the pages in memory.
    bytes: usize,
}

#[derive(Default)]
struct Bucket {
    open: Vec<u8>,
    last: (u64, u64, i64),
    pages: Vec<Page>,
    entries: u64,
}

enum Page {
    Memory(Vec<u8>),
    /// Offset and length.
    Disk(u64, usize),
}

impl KeyLog {
    /// An empty log of rows in replay order, which spills to an unnamed file in `folder`.
    pub fn new(folder: &Path) -> KeyLog {
        KeyLog {
            buckets: (0..BUCKETS).map(|_| Bucket::default()).collect(),
            folder: folder.to_path_buf(),
            file: None,
            placed: false,
            bytes: 0,
        }
    }

    /// The same of rows in arrival order.
    pub fn of_arrivals(folder: &Path) -> KeyLog {
        KeyLog { placed: true, ..KeyLog::new(folder) }
    }

    /// Notes the keys of some rows, whose numbers and positions grow from one to the next.
    pub fn push(&mut self, keys: &KeyHashes, times: &[i64], positions: &[Position], numbers: &[u64]) {
        let rows = keys.hashes.iter().zip(times).zip(positions.iter().zip(numbers));
        for ((&hash, &time), (position, &number)) in rows {
            self.note(hash, time, (position.as_u64(), number), None);
        }
    }

    /// Notes the keys of some rows of the source at their places in arrival order; their numbers grow.
    pub fn push_placed(
        &mut self,
        keys: &KeyHashes,
        places: &[StreamPlace],
        positions: &[Position],
        numbers: &[u64],
    ) {
        let rows = keys.hashes.iter().zip(places).zip(positions.iter().zip(numbers));
        for ((&hash, place), (position, &number)) in rows {
            self.note(hash, place.moment.clock, (position.as_u64(), number), Some(place));
        }
    }

    fn note(&mut self, hash: u128, time: i64, (position, number): (u64, u64), place: Option<&StreamPlace>) {
        let bucket = &mut self.buckets[bucket_of(hash)];
        // An entry never crosses the end of a page, so that each page is read alone.
        if bucket.open.len() + MOST > PAGE {
            let page = std::mem::take(&mut bucket.open);
            bucket.pages.push(Page::Memory(page));
            bucket.last = (0, 0, 0);
            // Only a bucket that has filled a page gets the room of one at once: for all 256 it would be
            // 4 MiB.
            bucket.open = Vec::with_capacity(PAGE);
            self.bytes += PAGE;
        }
        let before = bucket.open.capacity();
        let mut entry = [0; MOST];
        entry[..16].copy_from_slice(&hash.to_le_bytes());
        // A difference wraps here and the sum wraps in `unpack`, so any value comes back.
        let mut end = put(&mut entry, 16, number.wrapping_sub(bucket.last.0));
        end = put(&mut entry, end, position.wrapping_sub(bucket.last.1));
        let step = time.wrapping_sub(bucket.last.2);
        // The sign is the lowest bit, so that a small step back takes few bytes too.
        end = put(&mut entry, end, zigzag(step));
        if let Some(place) = place {
            // Most rows have not waited, and take one byte more.
            end = put(&mut entry, end, place.step.into());
            if !place.is_direct() {
                let StreamPlace { moment, timer, .. } = *place;
                end = put(&mut entry, end, u64::from(moment.log) << 1 | u64::from(moment.arrived));
                end = put(&mut entry, end, moment.position);
                end = put(&mut entry, end, zigzag(timer));
            }
        }
        bucket.open.extend_from_slice(&entry[..end]);
        bucket.last = (number, position, time);
        bucket.entries += 1;
        self.bytes += bucket.open.capacity() - before;
    }

    /// Bytes of memory held.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Writes all keys to disk.
    ///
    /// # Errors
    /// A machine error when the disk fails.
    pub fn spill(&mut self) -> Result<()> {
        let failed = |cause| Error::io("write spilled keys to", &self.folder, cause);
        if self.file.is_none() {
            self.file = Some((tempfile::tempfile_in(&self.folder).map_err(failed)?, 0));
        }
        let Some((file, end)) = &mut self.file else { return Ok(()) };
        for bucket in &mut self.buckets {
            if !bucket.open.is_empty() {
                bucket.pages.push(Page::Memory(std::mem::take(&mut bucket.open)));
                bucket.last = (0, 0, 0);
            }
            for page in &mut bucket.pages {
                if let Page::Memory(bytes) = page {
                    file.write_all_at(bytes, *end).map_err(failed)?;
                    let len = bytes.len();
                    *page = Page::Disk(*end, len);
                    *end += len as u64;
                }
            }
        }
        self.bytes = 0;
        Ok(())
    }

    /// How many rows are in `bucket`.
    pub(super) fn entries(&self, bucket: usize) -> u64 {
        self.buckets[bucket].entries
    }

    /// Gives the rows of `bucket`, in their order, as those of `worker`, with the places of those that have waited.
    pub(super) fn read(
        &self,
        bucket: usize,
        worker: u32,
        mut give: impl FnMut(KeyLogEntry, Option<StreamPlace>),
    ) -> Result<()> {
        let bucket = &self.buckets[bucket];
        let form = (worker, self.placed);
        let mut buffer = vec![];
        for page in &bucket.pages {
            match page {
                Page::Memory(bytes) => unpack(bytes, form, &mut give),
                Page::Disk(offset, len) => {
                    let (file, _) = self.file.as_ref().expect("a page on disk has a file");
                    buffer.resize(*len, 0);
                    file.read_exact_at(&mut buffer, *offset)
                        .map_err(|e| Error::io("read spilled keys from", &self.folder, e))?;
                    unpack(&buffer, form, &mut give);
                }
            }
        }
        unpack(&bucket.open, form, &mut give);
        Ok(())
    }
}

fn bucket_of(hash: u128) -> usize {
    // The top byte chooses the bucket: `resolve` takes parts and slots from other bits.
    (hash >> 120) as usize
}

/// Writes a number at `at`, seven bits to a byte, the lowest first; gives the place behind it.
#[inline]
fn put(entry: &mut [u8; MOST], mut at: usize, mut number: u64) -> usize {
    while number >= 0x80 {
        entry[at] = number as u8 | 0x80;
        number >>= 7;
        at += 1;
    }
    entry[at] = number as u8;
    at + 1
}

#[inline]
fn take(bytes: &[u8], at: &mut usize) -> u64 {
    let (mut number, mut shift) = (0, 0);
    loop {
        let byte = bytes[*at];
        *at += 1;
        number |= u64::from(byte & 0x7F) << shift;
        if byte < 0x80 {
            return number;
        }
        shift += 7;
    }
}

/// A number whose lowest bit is the sign of `value`.
fn zigzag(value: i64) -> u64 {
    (value << 1 ^ value >> 63) as u64
}

fn unzigzag(number: u64) -> i64 {
    (number >> 1) as i64 ^ -((number & 1) as i64)
}

fn unpack(
    bytes: &[u8],
    (worker, placed): (u32, bool),
    give: &mut impl FnMut(KeyLogEntry, Option<StreamPlace>),
) {
    let (mut row, mut position, mut time, mut at) = (0u64, 0u64, 0i64, 0);
    while at < bytes.len() {
        let hash = u128::from_le_bytes(bytes[at..at + 16].try_into().expect("16 bytes"));
        at += 16;
        row = row.wrapping_add(take(bytes, &mut at));
        position = position.wrapping_add(take(bytes, &mut at));
        time = time.wrapping_add(unzigzag(take(bytes, &mut at)));
        let step = if placed { take(bytes, &mut at) as u16 } else { 0 };
        let place = (step != 0).then(|| {
            let log = take(bytes, &mut at);
            let position = take(bytes, &mut at);
            let moment = Moment { clock: time, log: (log >> 1) as u16, position, arrived: log & 1 != 0 };
            StreamPlace { moment, step, timer: unzigzag(take(bytes, &mut at)) }
        });
        give(KeyLogEntry { hash, time, position, row, worker, waited: 0 }, place);
    }
}
