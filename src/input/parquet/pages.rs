//! What a row group may ask to be in memory: pages, decompressed.
//!
//! # Contract
//! * A page is read whole, and its header says how large it is. A page that is larger than [`LONGEST_RECORD`], or
//!   than [`LARGEST_PAGE`] where its values are numbers, is refused before it is decompressed.
//! * A batch of texts keeps the pages that they lie in. One that would keep too many is given up, and smaller ones
//!   are read: see [`PageWatch::is_wide`].
//!
//! The library reads pages itself and does not tell what their headers say. So this stands between it and the file,
//! and sees the bytes of each header on their way.

use super::super::LONGEST_RECORD;
use bytes::Bytes;
use parquet::basic::Type;
use parquet::errors::{ParquetError, Result};
use parquet::file::metadata::RowGroupMetaData;
use parquet::file::reader::{ChunkReader, Length};
use std::io::Read;
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The largest page of numbers, decompressed. There are writers that make one page of millions of them.
const LARGEST_PAGE: u64 = 4 * LONGEST_RECORD as u64;

/// What a page holds beside its longest value: other values, and which of them are NULL.
const BESIDE: u64 = 2 << 20;

/// What a batch may keep of texts beside the page that each column is at.
const MOST_OF_A_BATCH: u64 = 32 << 20;

/// What the texts of a batch should take, by what the footer says of their sizes.
const TEXTS_OF_A_BATCH: u64 = 8 << 20;

/// A file of which one row group is read.
pub(super) struct Pages<R> {
    inner: R,
    watch: Arc<PageWatch>,
}

/// The pages of a row group as they are read.
#[derive(Debug)]
pub(super) struct PageWatch(Mutex<PageState>);

#[derive(Debug)]
struct PageState {
    columns: Vec<ColumnPages>,
    /// Bytes of texts that the batch keeps beside the first page of each column.
    kept: u64,
    may_shrink: bool,
    wide: bool,
    refused: Option<String>,
}

/// A column of the row group.
#[derive(Debug)]
struct ColumnPages {
    name: String,
    /// Where its pages lie.
    place: Range<u64>,
    text: bool,
    /// The page header that was read last: where it ends, and how it begins.
    header: (u64, Vec<u8>),
    /// The size of the page that it is at.
    page: u64,
    /// Pages that were read for the batch.
    pages: usize,
}

impl PageWatch {
    /// Watches the columns `leaves` of a row group.
    pub fn new(group: &RowGroupMetaData, leaves: impl Iterator<Item = usize>) -> PageWatch {
        let column = |leaf: usize| {
            let column = group.column(leaf);
            let (start, length) = column.byte_range();
            ColumnPages {
                name: column.column_path().string(),
                place: start..start.saturating_add(length),
                text: is_text(column.column_type()),
                header: (0, vec![]),
                page: 0,
                pages: 0,
            }
        };
        let columns = leaves.map(column).collect();
        PageWatch(Mutex::new(PageState { columns, kept: 0, may_shrink: false, wide: false, refused: None }))
    }

    /// A batch begins: what those before kept is theirs. It is given up where it is too large, if it `may_shrink`.
    pub fn begin(&self, may_shrink: bool) {
        let mut state = self.state();
        (state.kept, state.wide, state.may_shrink) = (0, false, may_shrink);
        state.columns.iter_mut().for_each(|column| column.pages = 0);
    }

    /// Whether the batch was given up because its texts are too many bytes.
    pub fn is_wide(&self) -> bool {
        self.state().wide
    }

    /// Why a page was refused, if one was.
    pub fn refused(&self) -> Option<String> {
        self.state().refused.clone()
    }

    fn state(&self) -> MutexGuard<'_, PageState> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl PageState {
    fn column(&mut self, at: u64) -> Option<&mut ColumnPages> {
        self.columns.iter_mut().find(|column| column.place.contains(&at))
    }

    /// A page is about to be read; its `length` bytes start at `at`.
    fn page(&mut self, at: u64, length: usize) -> Result<()> {
        let refuse = |why: &str| Err(ParquetError::General(why.into()));
        let Some(column) = self.column(at) else { return refuse("a page is outside all columns") };
        // The header must be that of this very page, or the size in it is another one's.
        let size = match &column.header {
            (end, start) if *end == at => decompressed(start),
            _ => None,
        };
        let Some(size) = size else { return refuse("a page header is not valid") };
        // A header may understate the size: the page takes its bytes on disk at least.
        let size = size.max(length as u64);
        let most = if column.text { LONGEST_RECORD as u64 + BESIDE } else { LARGEST_PAGE };
        (column.page, column.pages) = (size, column.pages + 1);
        let (name, megabytes) = (column.name.clone(), size >> 20);
        // One page of each column is in memory anyway; a batch of texts also keeps those before it.
        let kept = if column.text && column.pages > 1 { size } else { 0 };
        let large: u64 = self.columns.iter().map(|column| column.page.saturating_sub(BESIDE)).sum();
        if size > most || large > LARGEST_PAGE {
            self.refused = Some(match size > most {
                true => format!(
                    "column `{name}` has a page of {megabytes} MiB, decompressed, and at most {} MiB are read of {}",
                    most >> 20,
                    if most == LARGEST_PAGE { "numbers" } else { "texts: a value may have 64 MiB" }
                ),
                false => format!("its columns have pages of more than {} MiB together", LARGEST_PAGE >> 20),
            });
            return refuse("a page is too large");
        }
        self.kept += kept;
        self.wide = self.may_shrink && self.kept > MOST_OF_A_BATCH;
        if self.wide { refuse("the batch is too large") } else { Ok(()) }
    }
}

fn is_text(ty: Type) -> bool {
    matches!(ty, Type::BYTE_ARRAY | Type::FIXED_LEN_BYTE_ARRAY)
}

/// How many rows of the columns `leaves` of a row group a batch should have, by the sizes of their texts.
pub(super) fn rows_of_texts(group: &RowGroupMetaData, leaves: impl Iterator<Item = usize>) -> usize {
    let columns = leaves.map(|leaf| group.column(leaf)).filter(|column| is_text(column.column_type()));
    let bytes: u64 = columns.map(|column| u64::try_from(column.uncompressed_size()).unwrap_or(0)).sum();
    let rows = u64::try_from(group.num_rows()).unwrap_or(0);
    // A damaged footer may claim numbers whose product does not fit 64 bits.
    let in_batch = u128::from(rows) * u128::from(TEXTS_OF_A_BATCH) / u128::from(bytes.max(1));
    usize::try_from(in_batch).unwrap_or(usize::MAX).max(1)
}

/// The size of a page, decompressed, of how its header begins: by Thrift's compact protocol the type of the page
/// and then its size, both fields of 32 bits.
fn decompressed(header: &[u8]) -> Option<u64> {
    let mut bytes = header.iter().copied();
    let mut field = || {
        if bytes.next()? != 0x15 {
            return None;
        }
        let mut value = 0u64;
        // A number of 32 bits has at most five bytes in this form.
        for shift in (0..35).step_by(7) {
            let byte = bytes.next()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                // Zigzag: of a number that is not negative the last bit is 0.
                return (value & 1 == 0).then_some(value >> 1);
            }
        }
        None
    };
    field()?;
    field()
}

impl<R> Pages<R> {
    pub fn new(inner: R, watch: Arc<PageWatch>) -> Pages<R> {
        Pages { inner, watch }
    }
}

impl<R: Length> Length for Pages<R> {
    fn len(&self) -> u64 {
        self.inner.len()
    }
}

impl<R: ChunkReader> ChunkReader for Pages<R> {
    type T = Header<R::T>;

    fn get_read(&self, start: u64) -> Result<Header<R::T>> {
        Ok(Header { inner: self.inner.get_read(start)?, start, read: 0, watch: self.watch.clone() })
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes> {
        self.watch.state().page(start, length)?;
        self.inner.get_bytes(start, length)
    }
}

/// Reads a page header.
pub(super) struct Header<T> {
    inner: T,
    start: u64,
    read: u64,
    watch: Arc<PageWatch>,
}

impl<T: Read> Read for Header<T> {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        // The two fields that tell the size have six bytes at most each: more is not kept.
        const ENOUGH: usize = 16;
        let read = self.inner.read(out)?;
        let first = self.read == 0;
        self.read += read as u64;
        if let Some(column) = self.watch.state().column(self.start) {
            let (end, begins) = &mut column.header;
            *end = self.start + self.read;
            if first {
                begins.clear();
            }
            let room = ENOUGH.saturating_sub(begins.len());
            begins.extend_from_slice(&out[..read.min(room)]);
        }
        Ok(read)
    }
}
