//! Column chunks written page by page: headers, levels, bit-packed codes, zstd.
//!
//! Version 1 data pages, as every reader knows them: definition levels (optional columns, one level), then
//! values, compressed together.

use super::chunk::{ColumnChunk, ZSTD_LEVEL, failed_to_encode};
use super::dictionary::{Coded, text_statistics};
use crate::batch::TextView;
use crate::error::{Error, Result};
use ::parquet::basic::{Compression, Encoding, PageType, ZstdLevel};
use ::parquet::column::writer::ColumnCloseResult;
use ::parquet::file::metadata::{ColumnChunkMetaData, PageEncodingStats};
use ::parquet::file::statistics::Statistics;
use ::parquet::schema::types::ColumnDescPtr;
use arrow_buffer::NullBuffer;
use std::cell::RefCell;
use std::ops::Range;
use zstd::bulk::Compressor;

/// Rows in a page.
const PAGE_ROWS: usize = 1 << 16;
/// A page of plain text ends when it holds so many bytes.
const PAGE_BYTES: usize = 1 << 20;

/// The chunk of a coded column of `rows` rows.
pub(super) fn dictionary_chunk(
    descr: ColumnDescPtr,
    rows: usize,
    nulls: Option<&NullBuffer>,
    coded: Coded,
) -> Result<ColumnChunk> {
    let mut chunk = ChunkWriter::new(nulls);
    chunk.dictionary_page(&coded.values, coded.distinct)?;
    // The greatest code is `distinct - 1`, and `distinct` is at least one.
    let width = (usize::BITS - (coded.distinct - 1).leading_zeros()).max(1);
    let mut codes = coded.codes.as_slice();
    for start in (0..rows).step_by(PAGE_ROWS) {
        let page = start..rows.min(start + PAGE_ROWS);
        let (here, rest) = codes.split_at(chunk.valid_in(&page));
        codes = rest;
        chunk.data_page(page, Encoding::RLE_DICTIONARY, |out| {
            // Parquet wants the width of the codes in one byte before them.
            out.push(width as u8);
            push_codes(out, here, width);
        })?;
    }
    chunk.close(descr, rows, coded.statistics)
}

/// The chunk of a text column whose values are written as they are.
pub(super) fn plain_text_chunk(
    descr: ColumnDescPtr,
    rows: usize,
    nulls: Option<&NullBuffer>,
    text: TextView<'_>,
) -> Result<ColumnChunk> {
    let mut chunk = ChunkWriter::new(nulls);
    let mut bounds: Option<(&str, &str)> = None;
    let mut values = vec![];
    let mut start = 0;
    for row in 0..rows {
        if let Some(text) = text.get(row) {
            values.extend_from_slice(&(text.len() as u32).to_le_bytes());
            values.extend_from_slice(text.as_bytes());
            bounds = Some(bounds.map_or((text, text), |(min, max)| (min.min(text), max.max(text))));
        }
        let end = row + 1;
        if end == rows || end - start == PAGE_ROWS || values.len() >= PAGE_BYTES {
            chunk.data_page(start..end, Encoding::PLAIN, |out| out.append(&mut values))?;
            start = end;
        }
    }
    let bounds = bounds.map(|(min, max)| (min.as_bytes(), max.as_bytes()));
    chunk.close(descr, rows, text_statistics(bounds, nulls.map_or(0, NullBuffer::null_count)))
}

/// A column chunk on its way to bytes.
struct ChunkWriter<'a> {
    nulls: Option<&'a NullBuffer>,
    out: Vec<u8>,
    body: Vec<u8>,
    /// What the pages would take without compression, headers included.
    uncompressed: usize,
    has_dictionary: bool,
    data_offset: usize,
    data_pages: i32,
    encoding: Encoding,
}

impl<'a> ChunkWriter<'a> {
    fn new(nulls: Option<&'a NullBuffer>) -> ChunkWriter<'a> {
        let (out, body) = (vec![], vec![]);
        let encoding = Encoding::PLAIN;
        ChunkWriter {
            nulls,
            out,
            body,
            uncompressed: 0,
            has_dictionary: false,
            data_offset: 0,
            data_pages: 0,
            encoding,
        }
    }

    /// How many rows of a page are not NULL.
    fn valid_in(&self, page: &Range<usize>) -> usize {
        self.nulls.map_or(page.len(), |n| page.len() - n.slice(page.start, page.len()).null_count())
    }

    fn dictionary_page(&mut self, values: &[u8], distinct: usize) -> Result<()> {
        self.body.clear();
        self.body.extend_from_slice(values);
        self.page(PageHeader::Dictionary { values: distinct })?;
        self.has_dictionary = true;
        self.data_offset = self.out.len();
        Ok(())
    }

    fn data_page(
        &mut self,
        rows: Range<usize>,
        encoding: Encoding,
        values: impl FnOnce(&mut Vec<u8>),
    ) -> Result<()> {
        self.body.clear();
        // The length of the levels stands before them and is known only afterwards.
        self.body.extend_from_slice(&[0; 4]);
        match self.nulls.map(|n| n.slice(rows.start, rows.len())).filter(|n| n.null_count() > 0) {
            None => {
                // All levels are 1, which one run of the RLE encoding says.
                push_varint(&mut self.body, (rows.len() as u64) << 1);
                self.body.push(1);
            }
            Some(nulls) => push_levels(&mut self.body, &nulls),
        }
        let levels = self.body.len() as u32 - 4;
        self.body[..4].copy_from_slice(&levels.to_le_bytes());
        values(&mut self.body);
        self.data_pages += 1;
        self.encoding = encoding;
        self.page(PageHeader::Data { rows: rows.len(), encoding })
    }

    /// Compresses `body` and appends it behind its header.
    fn page(&mut self, header: PageHeader) -> Result<()> {
        let compressed = compress(&self.body)?;
        let start = self.out.len();
        header.push(&mut self.out, self.body.len(), compressed.len());
        // Parquet counts the headers among the uncompressed bytes.
        self.uncompressed += self.out.len() - start + self.body.len();
        self.out.extend_from_slice(&compressed);
        Ok(())
    }

    fn close(self, descr: ColumnDescPtr, rows: usize, statistics: Statistics) -> Result<ColumnChunk> {
        let level = ZstdLevel::try_new(ZSTD_LEVEL).map_err(failed_to_encode)?;
        let stats = |page_type, encoding, count| PageEncodingStats { page_type, encoding, count };
        let mut encodings = vec![Encoding::PLAIN, Encoding::RLE];
        let mut pages = vec![stats(PageType::DATA_PAGE, self.encoding, self.data_pages)];
        if self.has_dictionary {
            encodings.push(Encoding::RLE_DICTIONARY);
            pages.insert(0, stats(PageType::DICTIONARY_PAGE, Encoding::PLAIN, 1));
        }
        // Offsets are within the chunk here; they are moved when the chunk goes into a file.
        let metadata = ColumnChunkMetaData::builder(descr)
            .set_compression(Compression::ZSTD(level))
            .set_encodings(encodings)
            .set_page_encoding_stats(pages)
            .set_num_values(rows as i64)
            .set_total_compressed_size(self.out.len() as i64)
            .set_total_uncompressed_size(self.uncompressed as i64)
            .set_data_page_offset(self.data_offset as i64)
            .set_dictionary_page_offset(self.has_dictionary.then_some(0))
            .set_statistics(statistics)
            .build()
            .map_err(failed_to_encode)?;
        let close = ColumnCloseResult {
            bytes_written: self.out.len() as u64,
            rows_written: rows as u64,
            metadata,
            bloom_filter: None,
            column_index: None,
            offset_index: None,
        };
        Ok(ColumnChunk::Pages(self.out.into(), Box::new(close)))
    }
}

fn compress(bytes: &[u8]) -> Result<Vec<u8>> {
    thread_local! {
        // A context is larger than most pages: one a thread.
        static COMPRESSOR: RefCell<Option<Compressor<'static>>> = const { RefCell::new(None) };
    }
    let failed = |e: std::io::Error| Error::machine("cannot compress a page with zstd").caused_by(e);
    COMPRESSOR.with_borrow_mut(|slot| {
        if slot.is_none() {
            *slot = Some(Compressor::new(ZSTD_LEVEL).map_err(failed)?);
        }
        slot.as_mut().map_or(Ok(vec![]), |compressor| compressor.compress(bytes).map_err(failed))
    })
}

/// A page's header, in Thrift's compact protocol (parquet.thrift, `PageHeader`).
enum PageHeader {
    Dictionary { values: usize },
    Data { rows: usize, encoding: Encoding },
}

impl PageHeader {
    fn push(&self, out: &mut Vec<u8>, uncompressed: usize, compressed: usize) {
        const DATA_PAGE: usize = 0;
        const DICTIONARY_PAGE: usize = 2;
        const PLAIN: usize = 0;
        const RLE: usize = 3;
        const RLE_DICTIONARY: usize = 8;
        // A field is (distance to the last field's number) << 4 | type; 5 is i32, 12 is a struct, 0 its end.
        let i32_field = |out: &mut Vec<u8>, value: usize| {
            out.push(0x15);
            // Thrift writes integers in zigzag form, which doubles a number that is not negative.
            push_varint(out, (value as u64) << 1);
        };
        let kind = if matches!(self, PageHeader::Data { .. }) { DATA_PAGE } else { DICTIONARY_PAGE };
        i32_field(out, kind);
        i32_field(out, uncompressed);
        i32_field(out, compressed);
        match self {
            PageHeader::Data { rows, encoding } => {
                out.push(0x2c); // field 5: data_page_header
                i32_field(out, *rows);
                i32_field(out, if *encoding == Encoding::PLAIN { PLAIN } else { RLE_DICTIONARY });
                i32_field(out, RLE);
                i32_field(out, RLE);
            }
            PageHeader::Dictionary { values } => {
                out.push(0x4c); // field 7: dictionary_page_header
                i32_field(out, *values);
                i32_field(out, PLAIN);
            }
        }
        // One byte ends the inner struct and one the header.
        out.extend_from_slice(&[0, 0]);
    }
}

fn push_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Definition levels of a page with NULLs: the validity bits are the bit-packed levels.
fn push_levels(out: &mut Vec<u8>, nulls: &NullBuffer) {
    let bytes = nulls.len().div_ceil(8);
    // The lowest bit tells packed bits from a run of one value.
    push_varint(out, (bytes as u64) << 1 | 1);
    let bits = nulls.inner().sliced();
    out.extend_from_slice(&bits.as_slice()[..bytes]);
    // What lies behind the last row must not decide the file's bytes.
    if let (Some(last), rest @ 1..) = (out.last_mut(), nulls.len() % 8) {
        *last &= (1 << rest) - 1;
    }
}

/// The shortest run that is written as one.
const SHORTEST_RUN: usize = 16;

/// Codes in the RLE / bit-packing hybrid, `width` bits each (1 to 17).
fn push_codes(out: &mut Vec<u8>, codes: &[u32], width: u32) {
    let (mut at, mut packed_from) = (0, 0);
    while at < codes.len() {
        // Runs begin where a group of 8 would: `at - packed_from` is a multiple of 8.
        let run = codes[at..].iter().take_while(|&&code| code == codes[at]).count();
        if run >= SHORTEST_RUN {
            push_packed(out, &codes[packed_from..at], width);
            push_varint(out, (run as u64) << 1);
            out.extend_from_slice(&codes[at].to_le_bytes()[..width.div_ceil(8) as usize]);
            at += run;
            packed_from = at;
        } else {
            at = codes.len().min(at + 8);
        }
    }
    push_packed(out, &codes[packed_from..], width);
}

fn push_packed(out: &mut Vec<u8>, codes: &[u32], width: u32) {
    if codes.is_empty() {
        return;
    }
    let groups = codes.len().div_ceil(8);
    push_varint(out, (groups as u64) << 1 | 1);
    let end = out.len() + groups * width as usize;
    let (mut bits, mut held) = (0u64, 0u32);
    for &code in codes {
        // Fewer than 32 bits are held and a code has at most 17, so 64 bits are enough.
        bits |= u64::from(code) << held;
        held += width;
        if held >= 32 {
            out.extend_from_slice(&(bits as u32).to_le_bytes());
            bits >>= 32;
            held -= 32;
        }
    }
    out.extend_from_slice(&bits.to_le_bytes()[..held.div_ceil(8) as usize]);
    // The last group is filled up with zeros.
    out.resize(end, 0);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The hybrid as the format's text describes it, bit by bit.
    fn unpack(mut bytes: &[u8], width: u32, count: usize) -> Vec<u32> {
        let mut out = vec![];
        while out.len() < count {
            let (mut header, mut shift) = (0u64, 0);
            loop {
                let byte = bytes[0];
                bytes = &bytes[1..];
                header |= u64::from(byte & 0x7f) << shift;
                shift += 7;
                if byte < 0x80 {
                    break;
                }
            }
            if header & 1 == 0 {
                let size = width.div_ceil(8) as usize;
                let mut value = [0; 4];
                value[..size].copy_from_slice(&bytes[..size]);
                bytes = &bytes[size..];
                out.extend(std::iter::repeat_n(u32::from_le_bytes(value), header as usize >> 1));
            } else {
                let size = (header >> 1) as usize * width as usize;
                let bit = |i: usize| u32::from(bytes[i / 8] >> (i % 8) & 1);
                out.extend(
                    (0..size * 8 / width as usize)
                        .map(|v| (0..width as usize).map(|b| bit(v * width as usize + b) << b).sum::<u32>()),
                );
                bytes = &bytes[size..];
            }
        }
        assert!(bytes.is_empty());
        out.truncate(count);
        out
    }

    proptest::proptest! {
        #[test]
        fn codes_unpack_to_themselves(runs in proptest::collection::vec((0u32..1 << 17, 1usize..40), 0..60), width in 1u32..=17) {
            let codes: Vec<u32> = runs.iter().flat_map(|(c, n)| std::iter::repeat_n(c & ((1 << width) - 1), *n)).collect();
            let mut out = vec![];
            push_codes(&mut out, &codes, width);
            proptest::prop_assert_eq!(unpack(&out, width, codes.len()), codes);
        }
    }
}
