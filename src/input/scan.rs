//! The scan of a source: hands out chunks, collects what cannot be read, and reports.
//!
//! # Contract
//! * Work is handed out in position order, and what was handed out is done to its end. So when a
//!   scan fails, everything before the first fault was looked at, and [`Scan::finish`] reports the
//!   fault with the smallest position, whoever met it and whatever was met first.
//! * Between two chunks of a worker the later has the later positions.
//! * Each piece of work has a number, [`DecodedBatch::sequence`], in position order and without gaps. Unless
//!   the scan fails, of each number the last batch is delivered, if need be an empty one.

use super::avro::AvroBlocks;
use super::bad::{Bad, BadRecords};
use super::blocks::BlockChunks;
use super::chunk::TextChunk;
use super::csv::{CsvDecoder, CsvLayout};
use super::decoded::DecodedChunk;
use super::derived_columns::DerivedColumns;
use super::fault::bad_record_error;
use super::feed::{Feed, FeedItem, check_columns};
use super::infer::SampleLayout;
use super::jsonl::JsonDecoder;
use super::parquet::{ParquetFile, ParquetUnit};
use super::partition_columns::PartitionColumns;
use super::rejects::{RejectStore, Rejects};
use super::report::InputReport;
use super::wire_format::LogPlace;
use super::{BadRecord, InputFormat, OnBadRecord, ReadPlan, SourceFile};
use crate::batch::{Batch, Position};
use crate::clock::Stopwatch;
use crate::error::{Error, Kind, Result};
use arrow_array::new_empty_array;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Bad records to keep in memory, in bytes.
const REJECTS_IN_MEMORY: usize = 32 << 20;

/// Some rows, and how many records they were taken from.
#[derive(Debug)]
pub struct DecodedBatch {
    /// The number of the piece of work that they are of: a chunk of text, some blocks or a row group.
    pub sequence: u64,
    /// Whether no more batches come of that piece.
    pub last: bool,
    /// The rows.
    pub batch: Batch,
    /// Records that were read: `batch.rows + rejected`.
    pub read: u64,
    /// Records that could not be read and are kept aside.
    pub rejected: u64,
    /// Where tombstones stand, which are no records.
    pub passed: Vec<LogPlace>,
}

/// What came of a scan.
#[derive(Debug)]
pub struct ScanReport {
    /// The files that were read to their end, in order; not those that lie outside the time range.
    pub inputs: Vec<InputReport>,
    /// The rejected records, in position order.
    pub rejects: Rejects,
    /// Records whose event time is a local one that exists twice.
    pub twice: u64,
    /// Records without an item in the list that is unnested: they are no events.
    pub without_items: u64,
}

/// A source on its way into batches. Shared by the workers that [`Scan::worker`] gives.
pub struct Scan {
    plan: Arc<ReadPlan>,
    feed: Mutex<Feed>,
    pool: Mutex<Vec<Vec<u8>>>,
    progress: Arc<AtomicU64>,
    /// Records read, by file.
    records: Vec<AtomicU64>,
    /// Event times that exist twice.
    twice: AtomicU64,
    without_items: AtomicU64,
    partition_columns: PartitionColumns,
    /// Reports of Parquet files.
    hashed: Mutex<Vec<InputReport>>,
    rejects: Mutex<RejectStore>,
    failure: Mutex<Option<(Position, Error)>>,
    /// The position of `failure`; the largest number where there is none.
    failed_at: AtomicU64,
}

impl Scan {
    /// Gets ready to read what `plan` says.
    ///
    /// # Errors
    /// A column that no file has, as far as headers tell; a header that cannot be read; a folder that does not
    /// tell the column that it should.
    pub fn new(plan: Arc<ReadPlan>) -> Result<Scan> {
        check_columns(&plan)?;
        let progress = Arc::new(AtomicU64::new(0));
        Ok(Scan {
            feed: Mutex::new(Feed::new(&plan, &progress)),
            pool: Mutex::default(),
            progress,
            records: plan.files.iter().map(|_| AtomicU64::new(0)).collect(),
            twice: AtomicU64::new(0),
            without_items: AtomicU64::new(0),
            partition_columns: PartitionColumns::of(&plan)?,
            hashed: Mutex::default(),
            rejects: Mutex::new(RejectStore::new(REJECTS_IN_MEMORY)),
            failure: Mutex::default(),
            failed_at: AtomicU64::new(u64::MAX),
            plan,
        })
    }

    /// Reads the records of `files` up to the first that can be read: whether there is any record, one that is rejected
    /// or one that is not. For files that show no column.
    ///
    /// # Errors
    /// Why a file cannot be read; the first bad record, where `on_bad_record` says to stop.
    pub fn has_records(files: &[SourceFile], csv: SampleLayout, on_bad_record: OnBadRecord) -> Result<bool> {
        let scan = Scan::new(Arc::new(ReadPlan::of_no_column(files.to_vec(), csv, on_bad_record)))?;
        let mut worker = scan.worker()?;
        while let Some(decoded) = worker.next()? {
            if decoded.read > 0 {
                return Ok(true);
            }
        }
        // `next` also gives `None` after a failure, so its end does not prove that the files are empty.
        scan.check().map(|()| false)
    }

    /// A worker, for one thread. Any number of them share the work.
    ///
    /// # Errors
    /// A plan that a decoder cannot follow.
    pub fn worker(&self) -> Result<ScanWorker<'_>> {
        let has = |format| self.plan.files.iter().any(|file| file.format == format);
        Ok(ScanWorker {
            scan: self,
            csv: CsvDecoder::new(&self.plan),
            json: if has(InputFormat::JsonLines) { Some(JsonDecoder::new(&self.plan)?) } else { None },
            derived: DerivedColumns::of(&self.plan),
            unit: None,
            block: None,
            files: None,
            spent: Spent::default(),
        })
    }

    /// Bytes of the files, as they lie on disk, that have been read so far.
    pub fn bytes_done(&self) -> u64 {
        self.progress.load(Ordering::Relaxed)
    }

    /// Bytes of all files, as they lie on disk.
    pub fn bytes_total(&self) -> u64 {
        self.plan.files.iter().map(|file| file.bytes).sum()
    }

    /// Why the scan failed, if it has: see [`Scan::finish`], which says the same.
    ///
    /// # Errors
    /// The fault with the smallest position.
    pub fn check(&self) -> Result<()> {
        lock(&self.failure).as_ref().map_or(Ok(()), |(_, error)| Err(error.clone()))
    }

    /// Keeps aside records that were read as rows and are refused since.
    ///
    /// # Errors
    /// Where a temporary file cannot be written.
    pub fn set_aside(&self, bad: Vec<BadRecord>) -> Result<()> {
        lock(&self.rejects).add(bad)
    }

    /// Refuses a record that was read as a row: keeps it aside, or fails, as the plan says.
    ///
    /// # Errors
    /// The error that ends the run; where a temporary file cannot be written.
    pub fn refuse(&self, bad: BadRecord) -> Result<()> {
        match self.plan.on_bad_record {
            OnBadRecord::Fail => Err(self.fail_at_record(&bad)),
            OnBadRecord::Reject => self.set_aside(vec![bad]),
        }
    }

    /// What came of the scan, after every worker has given `None` or an error.
    ///
    /// # Errors
    /// Why the scan failed: of all reasons the one with the smallest position.
    pub fn finish(self) -> Result<ScanReport> {
        if let Some((_, error)) = lock(&self.failure).take() {
            return Err(error);
        }
        let mut inputs = std::mem::take(&mut lock(&self.feed).done);
        let hashed = std::mem::take(&mut *lock(&self.hashed));
        for input in &hashed {
            // Its row groups are read by now, in whatever order.
            let opened = &self.plan.files[input.ordinal as usize].opened;
            opened.unchanged(Some(&input.hash))?;
            opened.take_hash(&input.hash);
        }
        inputs.extend(hashed);
        // Workers end in any order, but manifests list inputs in the order of files.
        inputs.sort_by_key(|input| input.ordinal);
        for input in &mut inputs {
            input.records = self.records[input.ordinal as usize].load(Ordering::Relaxed);
        }
        let rejects = self.rejects.into_inner().unwrap_or_else(PoisonError::into_inner);
        let (twice, without_items) = (self.twice.into_inner(), self.without_items.into_inner());
        Ok(ScanReport { inputs, rejects: rejects.finish(&self.plan)?, twice, without_items })
    }

    /// Keeps the failure with the smallest position. Whatever is wrong with a file that has changed, that it has is why.
    fn fail(&self, position: Position, error: Error) -> Error {
        let file = self.plan.files.get(position.file() as usize);
        let changed = file.and_then(|file| file.opened.unchanged(None).err());
        let error = changed.filter(|changed| changed.kind() == Kind::Data).unwrap_or(error);
        let mut failure = lock(&self.failure);
        // The fault with the smallest position stays, so that the number of threads does not choose the
        // error.
        if failure.as_ref().is_none_or(|(first, _)| position < *first) {
            *failure = Some((position, error.clone()));
            // Stored under the lock, or an earlier and a later failure could leave the later position.
            self.failed_at.store(position.as_u64(), Ordering::Release);
        }
        error
    }

    fn has_failed(&self) -> bool {
        self.failed_at.load(Ordering::Acquire) != u64::MAX
    }

    /// Takes the bad records of a chunk of the piece of work `sequence`, and counts.
    fn account(&self, file: u32, sequence: u64, last: bool, chunk: DecodedChunk) -> Result<DecodedBatch> {
        let DecodedChunk { batch, bad, passed, twice, without_items } = chunk;
        self.without_items.fetch_add(without_items, Ordering::Relaxed);
        self.twice.fetch_add(twice, Ordering::Relaxed);
        let Bad { records: bad, handed } = bad;
        let failed = |e| self.fail(Position::new(file, 0), e);
        let rejected = handed.map_err(failed)? + bad.len() as u64;
        // A record that a rule such as `max_ahead` sets aside does not stop the run.
        let fails = |bad: &&BadRecord| self.plan.on_bad_record == OnBadRecord::Fail && !bad.aside;
        if let Some(first) = bad.iter().find(fails) {
            return Err(self.fail_at_record(first));
        }
        if !bad.is_empty() {
            lock(&self.rejects).add(bad).map_err(failed)?;
        }
        let read = batch.rows as u64 + rejected;
        self.records[file as usize].fetch_add(read, Ordering::Relaxed);
        Ok(DecodedBatch { sequence, last, batch, read, rejected, passed })
    }

    /// Takes the bad records of a piece of work.
    fn bad_records(&self) -> BadRecords<'_> {
        BadRecords::new(self.plan.on_bad_record, Some(&self.rejects))
    }

    fn fail_at_record(&self, bad: &BadRecord) -> Error {
        // Counting lines reads the file again, so not for a fault that will not be reported.
        if bad.position.as_u64() > self.failed_at.load(Ordering::Acquire) {
            return Error::data("the scan has failed at an earlier record");
        }
        let error = bad_record_error(&self.plan, bad).unwrap_or_else(|error| error);
        self.fail(bad.position, error)
    }

    fn hash(&self, file: &ParquetFile, ordinal: u32) -> Result<()> {
        let skipped = file.rows_skipped();
        if file.units() == 0 {
            // A file without units would otherwise never add its bytes to the progress.
            self.progress.fetch_add(self.plan.files[ordinal as usize].bytes, Ordering::Relaxed);
            if skipped > 0 {
                // All of it lies outside the time range: nothing but its footer is read.
                return Ok(());
            }
        }
        let source = &self.plan.files[ordinal as usize];
        let hashed = file.hashed().map_err(|e| self.fail(Position::new(ordinal, 0), e));
        lock(&self.hashed).push(InputReport::new(source, hashed?, skipped));
        Ok(())
    }
}

/// Locks, also where another thread has panicked: what is behind the locks is whole at any time.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Decodes for one thread.
pub struct ScanWorker<'a> {
    scan: &'a Scan,
    csv: CsvDecoder,
    json: Option<JsonDecoder>,
    derived: DerivedColumns,
    unit: Option<OpenUnit>,
    /// The chunks of a block of text.
    block: Option<OpenBlock>,
    /// Small files that are one piece of work.
    files: Option<OpenFiles>,
    spent: Spent,
}

/// What a worker has spent on reading and on decoding.
#[derive(Debug, Clone, Copy, Default)]
pub struct Spent {
    /// CPU time for bytes from disk: hashed, decompressed, cut into chunks.
    pub reading: Duration,
    /// CPU time from chunks to columns.
    pub decoding: Duration,
    /// Bytes of the chunks that were decoded: of text and of Avro as they are decompressed; of Parquet none.
    pub bytes: u64,
}

/// Small files on their way: one piece of work, of which only the last batch is the last.
struct OpenFiles {
    sequence: u64,
    feed: Box<Feed>,
    /// A batch that waits until it is known whether another follows.
    held: Option<DecodedBatch>,
}

/// A block of text on its way.
struct OpenBlock {
    sequence: u64,
    file: u32,
    layout: Option<Arc<CsvLayout>>,
    chunks: VecDeque<(TextChunk, bool)>,
    failure: Option<Box<(Position, Error)>>,
}

/// A piece of work that gives several batches.
struct OpenUnit {
    sequence: u64,
    ordinal: u32,
    unit: ColumnarUnit,
    /// The row of the file that the next batch starts with.
    next_row: u64,
    /// What it counts for in bytes of progress.
    bytes: u64,
}

enum ColumnarUnit {
    RowGroup(Box<ParquetUnit>),
    Blocks(AvroBlocks),
}

impl ScanWorker<'_> {
    /// What was spent since this was asked before.
    pub fn spent(&mut self) -> Spent {
        std::mem::take(&mut self.spent)
    }

    /// The next rows; `None` at the end, and also when another worker has failed.
    ///
    /// # Errors
    /// What this worker failed at. It need not be the first fault: that is what [`Scan::finish`]
    /// gives, after all workers have come to their end.
    #[allow(clippy::should_implement_trait)]
    pub fn next(&mut self) -> Result<Option<DecodedBatch>> {
        loop {
            let mut watch = Stopwatch::of_thread();
            let decoded = if self.files.is_some() { self.next_of_files() } else { self.next_of_open() };
            self.spent.decoding += watch.lap().cpu;
            if let Some(decoded) = decoded? {
                return Ok(Some(decoded));
            }
            if self.scan.has_failed() {
                return Ok(None);
            }
            // Buffers go round, so that a chunk does not have to allocate its memory anew.
            let buffer = lock(&self.scan.pool).pop().unwrap_or_default();
            // Chunks are cut under this lock, one after the other, so they are numbered in position order.
            let work = lock(&self.scan.feed).next(buffer);
            self.spent.reading += watch.lap().cpu;
            match work.map_err(|failure| self.scan.fail(failure.0, failure.1))? {
                None => return Ok(None),
                Some(work) => {
                    // Hashing a file of Parquet is work of the disk, so its time counts as reading.
                    let reading = matches!(work, FeedItem::Hash { .. } | FeedItem::Block { .. });
                    self.spent.bytes += work.bytes();
                    let decoded = self.start(work);
                    let cpu = watch.lap().cpu;
                    *if reading { &mut self.spent.reading } else { &mut self.spent.decoding } += cpu;
                    if let Some(decoded) = decoded? {
                        return Ok(Some(decoded));
                    }
                }
            }
        }
    }

    fn start(&mut self, work: FeedItem) -> Result<Option<DecodedBatch>> {
        match work {
            FeedItem::Csv { sequence, chunk, quoted, layout } => {
                self.decode(sequence, true, (chunk, quoted), Some(&layout))
            }
            FeedItem::Json { sequence, chunk } => self.decode(sequence, true, (chunk, false), None),
            FeedItem::Block { sequence, ticket, buffer, layout } => {
                let file = ticket.file();
                // Nothing comes of it where an earlier one has failed.
                let Some(BlockChunks { chunks, failure, report }) = ticket.chunks(buffer) else {
                    return Ok(None);
                };
                lock(&self.scan.hashed).extend(report);
                self.spent.bytes += chunks.iter().map(|(chunk, _)| chunk.bytes.len() as u64).sum::<u64>();
                let chunks = chunks.into();
                self.block = Some(OpenBlock { sequence, file, layout, chunks, failure });
                Ok(None)
            }
            FeedItem::Avro { sequence, chunk, file } => {
                let (ordinal, next_row) = (file.ordinal(), chunk.first_record);
                let unit = ColumnarUnit::Blocks(AvroBlocks::new(file, chunk));
                // Its bytes were counted when they were read.
                self.unit = Some(OpenUnit { sequence, ordinal, unit, next_row, bytes: 0 });
                self.next_of_unit()
            }
            FeedItem::Hash { file, ordinal } => self.scan.hash(&file, ordinal).map(|()| None),
            FeedItem::Files { sequence, feed } => {
                self.files = Some(OpenFiles { sequence, feed, held: None });
                Ok(None)
            }
            FeedItem::Unit { sequence, file, ordinal, unit } => {
                let next_row = file.first_row(unit);
                let position = Position::new(ordinal, next_row);
                let opened = file.read(unit).map_err(|e| self.scan.fail(position, e))?;
                // The units share the file's bytes; the first takes what is left of the division.
                let (all, units) = (self.scan.plan.files[ordinal as usize].bytes, file.units() as u64);
                let bytes = all / units + if unit == 0 { all % units } else { 0 };
                let unit = ColumnarUnit::RowGroup(Box::new(opened));
                self.unit = Some(OpenUnit { sequence, ordinal, unit, next_row, bytes });
                Ok(None)
            }
        }
    }

    /// The rows of a chunk: of CSV where it has a layout, else of JSON Lines.
    fn decode(
        &mut self,
        sequence: u64,
        last: bool,
        (chunk, quoted): (TextChunk, bool),
        layout: Option<&CsvLayout>,
    ) -> Result<Option<DecodedBatch>> {
        let (file, bad) = (chunk.file, self.scan.bad_records());
        let (decoded, buffer) = match (layout, &mut self.json) {
            (Some(layout), _) => self.csv.decode(chunk, quoted, layout, bad),
            (None, Some(json)) => (json.decode(chunk, bad), None),
            // `worker` makes the decoder wherever a file has this format, so this does not happen.
            (None, None) => return Ok(None),
        };
        if let Some(buffer) = buffer {
            self.recycle(buffer);
        }
        self.account(file, sequence, last, decoded).map(Some)
    }

    /// The next batch of what is open.
    fn next_of_open(&mut self) -> Result<Option<DecodedBatch>> {
        if self.block.is_some() { self.next_of_block() } else { self.next_of_unit() }
    }

    /// The next batch of a block of text, of which at least one comes.
    fn next_of_block(&mut self) -> Result<Option<DecodedBatch>> {
        let Some(mut block) = self.block.take() else { return Ok(None) };
        let Some(chunk) = block.chunks.pop_front() else {
            return match block.failure {
                Some(failure) => Err(self.scan.fail(failure.0, failure.1)),
                None => Ok(Some(self.no_rows(block.sequence))),
            };
        };
        // Only the first fault is reported, so what lies behind it need not be decoded.
        let position = Position::new(block.file, chunk.0.offset);
        if position.as_u64() > self.scan.failed_at.load(Ordering::Acquire) {
            return Ok(None);
        }
        let (sequence, layout) = (block.sequence, block.layout.clone());
        let last = block.chunks.is_empty() && block.failure.is_none();
        if !last {
            self.block = Some(block);
        }
        self.decode(sequence, last, chunk, layout.as_deref())
    }

    /// The last batch of a piece of work that has no rows.
    fn no_rows(&self, sequence: u64) -> DecodedBatch {
        let columns = self.scan.plan.columns.iter().map(|column| new_empty_array(&column.ty.arrow()));
        let batch = Batch { columns: columns.collect(), ..Batch::default() };
        DecodedBatch { sequence, last: true, batch, read: 0, rejected: 0, passed: vec![] }
    }

    /// The next batch of small files; `None` where an earlier fault is known.
    fn next_of_files(&mut self) -> Result<Option<DecodedBatch>> {
        // Taken out, so that after an error the worker does not go on with them.
        let Some(mut files) = self.files.take() else { return Ok(None) };
        loop {
            let decoded = match self.next_of_open()? {
                Some(decoded) => Some(decoded),
                None if files.feed.position().as_u64() > self.scan.failed_at.load(Ordering::Acquire) => {
                    return Ok(None);
                }
                None => {
                    let buffer = lock(&self.scan.pool).pop().unwrap_or_default();
                    match files.feed.next(buffer).map_err(|failure| self.scan.fail(failure.0, failure.1))? {
                        Some(work) => {
                            self.spent.bytes += work.bytes();
                            self.start(work)?
                        }
                        None => return self.last_of_files(files).map(Some),
                    }
                }
            };
            if let Some(decoded) = decoded {
                let decoded = DecodedBatch { sequence: files.sequence, last: false, ..decoded };
                if let Some(held) = files.held.replace(decoded) {
                    self.files = Some(files);
                    return Ok(Some(held));
                }
            }
        }
    }

    /// The last batch of small files, which are read: an empty one if none of them has a record.
    fn last_of_files(&self, mut files: OpenFiles) -> Result<DecodedBatch> {
        lock(&self.scan.feed).done.append(&mut files.feed.done);
        let empty = || self.no_rows(files.sequence);
        Ok(files.held.map_or_else(empty, |held| DecodedBatch { last: true, ..held }))
    }

    fn next_of_unit(&mut self) -> Result<Option<DecodedBatch>> {
        // Taken out, so that after an error the worker does not go on with a unit that is half read.
        let Some(mut open) = self.unit.take() else { return Ok(None) };
        let position = Position::new(open.ordinal, open.next_row);
        // Only the first fault is reported, so what lies behind it need not be decoded.
        if position.as_u64() > self.scan.failed_at.load(Ordering::Acquire) {
            return Ok(None);
        }
        let bad = self.scan.bad_records();
        let next = match &mut open.unit {
            ColumnarUnit::RowGroup(rows) => {
                rows.next(bad).map(|chunk| (chunk.map(|chunk| (chunk, None)), rows.is_done()))
            }
            ColumnarUnit::Blocks(blocks) if blocks.is_done() => None,
            ColumnarUnit::Blocks(blocks) => Some((blocks.next(bad), blocks.is_done())),
        };
        let Some((chunk, last)) = next else {
            self.scan.progress.fetch_add(open.bytes, Ordering::Relaxed);
            return Ok(None);
        };
        let (chunk, failure) = chunk.map_err(|error| self.scan.fail(position, error))?;
        // What is bad before a record that cannot be read comes first.
        let decoded = self.account(open.ordinal, open.sequence, last, chunk)?;
        if let Some((position, error)) = failure {
            return Err(self.scan.fail(position, error));
        }
        open.next_row += decoded.read;
        self.unit = Some(open);
        Ok(Some(decoded))
    }

    /// Puts in what no file has, and takes the bad records of the chunk.
    fn account(
        &mut self,
        file: u32,
        sequence: u64,
        last: bool,
        mut chunk: DecodedChunk,
    ) -> Result<DecodedBatch> {
        // Derived columns may use the columns that folders tell, so these are filled first.
        self.scan.partition_columns.fill(file, &mut chunk.batch);
        let filled = self.derived.fill(file, chunk, self.scan.bad_records());
        let chunk = filled.map_err(|error| self.scan.fail(Position::new(file, 0), error))?;
        self.scan.account(file, sequence, last, chunk)
    }

    fn recycle(&self, mut buffer: Vec<u8>) {
        // One that had to grow for a long record goes back to the system.
        if buffer.capacity() <= 2 * self.scan.plan.chunk_bytes.max(1 << 20) {
            buffer.clear();
            lock(&self.scan.pool).push(buffer);
        }
    }
}

#[cfg(test)]
mod tests;
