//! The work of a scan in position order: what to decode next. Workers take turns at it.
//!
//! # Contract
//! * Each piece of work that gives rows has a number: 0, 1, 2 and so on in position order.
//! * Small files that lie beside one another are one piece of work, which has a feed of its own: who takes it opens, reads and
//!   closes them, so that many small files do not wait for one another.

use super::avro::{AvroChunk, AvroFile, AvroFiles, AvroReader};
use super::blocks::{BlockTicket, TextBlocks};
use super::chunk::TextChunk;
use super::columnar::FromName;
use super::csv::{CsvLayout, missing};
use super::meter::Meter;
use super::opened::SMALL;
use super::parquet::ParquetFile;
use super::source_file::{InputFormat, SourceFile};
use super::text::TextFile;
use super::{InputReport, ReadPlan};
use crate::batch::Position;
use crate::error::{Error, Result};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

/// Files of a store whose first bytes are asked for before they are read.
const FILES_AHEAD: usize = 8;

/// The most small files that are one piece of work, and their bytes.
const FILES_TOGETHER: usize = 64;
const TOGETHER: u64 = 512 << 10;

/// One thing to do.
pub(super) enum FeedItem {
    /// Decode a chunk of CSV, which has a quote in it if `quoted`.
    Csv { sequence: u64, chunk: TextChunk, quoted: bool, layout: Arc<CsvLayout> },
    /// Decode a chunk of JSON Lines.
    Json { sequence: u64, chunk: TextChunk },
    /// Read a block of text into `buffer`, and decode what comes of it: CSV where it has a layout.
    Block { sequence: u64, ticket: BlockTicket, buffer: Vec<u8>, layout: Option<Arc<CsvLayout>> },
    /// Decode some blocks of an Avro file.
    Avro { sequence: u64, chunk: AvroChunk, file: Arc<AvroFile> },
    /// Decode a row group, which has rows.
    Unit { sequence: u64, file: Arc<ParquetFile>, ordinal: u32, unit: usize },
    /// Hash a Parquet file.
    Hash { file: Arc<ParquetFile>, ordinal: u32 },
    /// Do what there is to do of several small files.
    Files { sequence: u64, feed: Box<Feed> },
}

impl FeedItem {
    /// Bytes of its chunk; none where they are read with the decoding.
    pub(super) fn bytes(&self) -> u64 {
        match self {
            FeedItem::Csv { chunk, .. } | FeedItem::Json { chunk, .. } => chunk.bytes.len() as u64,
            FeedItem::Avro { chunk, .. } => chunk.size(),
            FeedItem::Block { .. }
            | FeedItem::Unit { .. }
            | FeedItem::Hash { .. }
            | FeedItem::Files { .. } => 0,
        }
    }
}

/// The file that is being read.
enum OpenFile {
    Text {
        text: Box<TextFile>,
        layout: Option<Arc<CsvLayout>>,
    },
    /// The same, of which threads read blocks of their own.
    Blocks {
        blocks: Arc<TextBlocks>,
        next: u64,
        layout: Option<Arc<CsvLayout>>,
    },
    Avro(Box<AvroReader>),
    Parquet {
        file: Arc<ParquetFile>,
        next: usize,
    },
}

/// The files of a plan, from the first to the last.
pub(super) struct Feed {
    plan: Arc<ReadPlan>,
    progress: Arc<AtomicU64>,
    next_file: usize,
    /// The file before which it ends.
    end: usize,
    /// Whether small files are handed out together.
    together: bool,
    /// The number of the next piece of work.
    sequence: u64,
    open: Option<OpenFile>,
    /// Shared by the files that have the same header.
    layout: Option<Arc<CsvLayout>>,
    avro: AvroFiles,
    /// The text and Avro files that were read to their end.
    pub(super) done: Vec<InputReport>,
}

impl Feed {
    pub(super) fn new(plan: &Arc<ReadPlan>, progress: &Arc<AtomicU64>) -> Feed {
        Feed {
            plan: plan.clone(),
            progress: progress.clone(),
            next_file: 0,
            end: plan.files.len(),
            together: true,
            sequence: 0,
            open: None,
            layout: None,
            avro: AvroFiles::default(),
            done: vec![],
        }
    }

    /// The next thing to do; text is read into `buffer`, which is empty. An error comes with the
    /// position behind which nothing was handed out.
    pub(super) fn next(
        &mut self,
        mut buffer: Vec<u8>,
    ) -> std::result::Result<Option<FeedItem>, Box<(Position, Error)>> {
        loop {
            let ordinal = self.next_file.saturating_sub(1) as u32;
            match &mut self.open {
                None if self.next_file == self.end => return Ok(None),
                None => {
                    if let Some(files) = self.small_files() {
                        let (sequence, next_file, end) = (self.sequence, self.next_file, files);
                        (self.sequence, self.next_file) = (sequence + 1, end);
                        let own = Feed::new(&self.plan, &self.progress);
                        let feed = Box::new(Feed { next_file, end, together: false, ..own });
                        return Ok(Some(FeedItem::Files { sequence, feed }));
                    }
                    let plan = self.plan.clone();
                    let file = &plan.files[self.next_file];
                    self.next_file += 1;
                    // Of many small files on a store the next ones are on their way while this one is read.
                    let next = plan.files.iter().skip(self.next_file).take(FILES_AHEAD);
                    next.for_each(|file| file.opened.expect_start());
                    let opened =
                        self.open(file).map_err(|e| Box::new((Position::new(file.ordinal, 0), e)))?;
                    let to_hash = match &opened {
                        OpenFile::Parquet { file, .. } => Some(file.clone()),
                        OpenFile::Text { .. } | OpenFile::Blocks { .. } | OpenFile::Avro(_) => None,
                    };
                    self.open = Some(opened);
                    // A Parquet file is read at places of its own, so hashing is a pass apart that another
                    // thread can do meanwhile.
                    if let Some(parquet) = to_hash {
                        return Ok(Some(FeedItem::Hash { file: parquet, ordinal: file.ordinal }));
                    }
                }
                Some(OpenFile::Parquet { file, next }) => {
                    if *next < file.units() {
                        let (sequence, unit) = (self.sequence, *next);
                        self.sequence += 1;
                        *next += 1;
                        return Ok(Some(FeedItem::Unit { sequence, file: file.clone(), ordinal, unit }));
                    }
                    // `FeedItem::Hash` makes the report of a Parquet file, so it does not go through `close`.
                    self.open = None;
                }
                Some(OpenFile::Blocks { blocks, next, layout }) => {
                    if *next < blocks.count() {
                        let (sequence, ticket) = (self.sequence, BlockTicket::new(blocks, *next));
                        self.sequence += 1;
                        *next += 1;
                        return Ok(Some(FeedItem::Block {
                            sequence,
                            ticket,
                            buffer,
                            layout: layout.clone(),
                        }));
                    }
                    // Who settles the last block makes the report.
                    self.open = None;
                }
                Some(OpenFile::Avro(reader)) => {
                    let place = |reader: &AvroReader| Position::new(ordinal, reader.next_record());
                    let chunk = reader.next_chunk(self.plan.chunk_bytes);
                    match chunk.map_err(|e| Box::new((place(reader), e)))? {
                        Some(chunk) => {
                            let (sequence, file) = (self.sequence, reader.file.clone());
                            self.sequence += 1;
                            return Ok(Some(FeedItem::Avro { sequence, chunk, file }));
                        }
                        None => {
                            let place = place(reader);
                            self.close(ordinal).map_err(|e| Box::new((place, e)))?;
                        }
                    }
                }
                Some(OpenFile::Text { text, layout }) => {
                    let place = Position::new(ordinal, text.offset());
                    match text.next_chunk(self.plan.chunk_bytes, buffer).map_err(|e| Box::new((place, e)))? {
                        Some((chunk, quoted)) => {
                            let sequence = self.sequence;
                            self.sequence += 1;
                            return Ok(Some(match layout {
                                Some(layout) => {
                                    FeedItem::Csv { sequence, chunk, quoted, layout: layout.clone() }
                                }
                                None => FeedItem::Json { sequence, chunk },
                            }));
                        }
                        None => {
                            self.close(ordinal).map_err(|e| Box::new((place, e)))?;
                            buffer = Vec::new();
                        }
                    }
                }
            }
        }
    }

    /// Behind which file the small ones end that come next, if there are several.
    fn small_files(&self) -> Option<usize> {
        // As much as a chunk has at most, so that their size means the same for small files.
        let most = (self.plan.chunk_bytes as u64).min(TOGETHER);
        let mut bytes = 0;
        let next = self.plan.files[self.next_file..self.end].iter().take(FILES_TOGETHER);
        let small = next.take_while(|file| {
            bytes += file.bytes.max(1);
            file.bytes <= SMALL && bytes <= most
        });
        let end = self.next_file + small.count();
        (self.together && end > self.next_file + 1).then_some(end)
    }

    /// The position of what is next.
    pub(super) fn position(&self) -> Position {
        Position::new(self.next_file.saturating_sub(usize::from(self.open.is_some())) as u32, 0)
    }

    fn open(&mut self, file: &SourceFile) -> Result<OpenFile> {
        if file.format == InputFormat::Parquet {
            return Ok(OpenFile::Parquet { file: Arc::new(ParquetFile::open(&self.plan, file)?), next: 0 });
        }
        let meter = Meter::hashing(Some(self.progress.clone()));
        if file.format == InputFormat::Avro {
            return Ok(OpenFile::Avro(Box::new(self.avro.open(&self.plan, file, meter)?)));
        }
        let mut text = Box::new(TextFile::open(file, self.plan.delimiter, meter)?);
        if file.format == InputFormat::JsonLines {
            return Ok(self.text(text, None));
        }
        let names = match &self.plan.names {
            Some(names) => names.clone(),
            // No header, no records: any layout will do.
            None => text.read_header()?.unwrap_or_else(|| {
                self.plan
                    .times()
                    .map(|time| time.column.clone())
                    .collect::<BTreeSet<_>>()
                    .into_iter()
                    .collect()
            }),
        };
        let known = self.layout.take().filter(|layout| layout.names == names);
        let layout = match known {
            Some(layout) => layout,
            None => Arc::new(CsvLayout::of(names, &file.path, &self.plan)?),
        };
        self.layout = Some(layout.clone());
        Ok(self.text(text, Some(layout)))
    }

    /// A text file of which the header is read.
    fn text(&self, text: Box<TextFile>, layout: Option<Arc<CsvLayout>>) -> OpenFile {
        match text.into_blocks(self.plan.chunk_bytes) {
            Ok(blocks) => OpenFile::Blocks { blocks: Arc::new(blocks), next: 0, layout },
            Err(text) => OpenFile::Text { text, layout },
        }
    }

    fn close(&mut self, ordinal: u32) -> Result<()> {
        let read = match self.open.take() {
            Some(OpenFile::Text { text, .. }) => Some(text.finish()?),
            Some(OpenFile::Avro(reader)) => Some(reader.finish()?),
            Some(OpenFile::Blocks { .. } | OpenFile::Parquet { .. }) | None => None,
        };
        if let Some(read) = read {
            let file = &self.plan.files[ordinal as usize];
            // Looked at after the last byte: of a file that was written meanwhile a part may be old and a
            // part new.
            file.opened.unchanged(Some(&read.1))?;
            file.opened.take_hash(&read.1);
            self.done.push(InputReport::new(file, read, 0));
        }
        Ok(())
    }
}

/// Sees to it that each wanted column is in at least one file, as far as headers tell: where there
/// are JSON Lines, whose columns only all records together tell, it is taken for granted.
///
/// # Errors
/// `Job` for a column that no file has; what keeps a header from being read.
pub(super) fn check_columns(plan: &Arc<ReadPlan>) -> Result<()> {
    if plan.files.iter().any(|file| file.format == InputFormat::JsonLines) {
        return Ok(());
    }
    let mut wanted: Vec<&str> = plan.columns.iter().map(|c| c.name.as_str()).collect();
    wanted.retain(|name| {
        !plan.files.iter().any(|file| file.partition_columns.iter().any(|known| known == name))
    });
    wanted.retain(|name| !plan.derives(name));
    wanted.extend(plan.times().map(|time| time.column.as_str()));
    let mut known: Vec<String> = Vec::new();
    let mut avro = AvroFiles::default();
    for file in &plan.files {
        let names = match (&plan.names, file.format) {
            (_, InputFormat::Parquet) => {
                let opened = ParquetFile::open(plan, file)?;
                wanted.retain(|name| !opened.has_column(name));
                // The footers of many small files are not read for what the first of them shows.
                if wanted.is_empty() {
                    return Ok(());
                }
                continue;
            }
            (_, InputFormat::Avro) => {
                let mut columns = avro.open(plan, file, Meter::idle())?.file.columns();
                columns.extend(FromName::columns(file).into_iter().map(|column| column.name));
                columns
            }
            (Some(names), _) => names.clone(),
            (None, _) => match TextFile::open(file, plan.delimiter, Meter::idle())?.read_header()? {
                Some(names) => names,
                // Without a header it has no records that could lack anything.
                None => continue,
            },
        };
        wanted.retain(|wanted| !names.iter().any(|name| name == wanted));
        known.extend(names);
        known.dedup();
        if wanted.is_empty() {
            return Ok(());
        }
    }
    // CSV files without a single header do not have any record that could lack a column.
    let text_only = plan.files.iter().all(|file| file.format == InputFormat::Csv);
    match wanted.first() {
        Some(name) if !(text_only && known.is_empty()) => {
            let mut seen = std::collections::HashSet::new();
            known.retain(|name| seen.insert(name.clone()));
            let who = match plan.files.as_slice() {
                [file] => format!("{} has", file.path.display()),
                files => format!("none of {} files has", files.len()),
            };
            Err(missing(name, &who, &known))
        }
        _ => Ok(()),
    }
}
