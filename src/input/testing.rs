//! For tests: files in a folder of their own, plans, and scans read to their end.

use super::files::expand;
use super::{Inputs, OnBadRecord, Opened, ReadColumn, ReadPlan, ReadTime, Scan, ScanReport, StoredReject};
use crate::batch::{DataType, Position};
use crate::error::Result;
use crate::time::{TimeRule, TimeUnit, Zone};
use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef};
use std::io::Write;
use std::path::Path;
use std::sync::Arc;

/// A file in a folder that vanishes with this.
pub(super) struct TestFolder(pub(super) tempfile::TempDir);

impl TestFolder {
    /// A folder with one file.
    pub(super) fn with(name: &str, content: impl AsRef<[u8]>) -> TestFolder {
        TestFolder(tempfile::tempdir().unwrap()).and(name, content)
    }

    /// One more file, compressed as its name says.
    pub(super) fn and(self, name: &str, content: impl AsRef<[u8]>) -> TestFolder {
        let content = content.as_ref();
        let bytes = match name.rsplit('.').next() {
            Some("gz") => gzip(content),
            Some("zst") => zstd::encode_all(content, 1).unwrap(),
            _ => content.to_vec(),
        };
        self.and_raw(name, &bytes)
    }

    /// One more file of just these bytes.
    pub(super) fn and_raw(self, name: &str, bytes: &[u8]) -> TestFolder {
        std::fs::write(self.0.path().join(name), bytes).unwrap();
        self
    }

    pub(super) fn path(&self, name: &str) -> std::path::PathBuf {
        self.0.path().join(name)
    }

    /// A plan for all files: columns as `name:type`, the time as `name`, seconds since 1970.
    pub(super) fn plan(&self, time: &str, columns: &[&str]) -> ReadPlan {
        let column = |spec: &&str| {
            let (name, ty) = spec.split_once(':').unwrap();
            ReadColumn { name: name.into(), ty: DataType::parse(ty).unwrap(), inferred: false }
        };
        let time = ReadTime { column: time.into(), rule: TimeRule::Epoch(TimeUnit::Second) };
        ReadPlan {
            files: expand(&[self.0.path().display().to_string()], None, &Inputs::default()).unwrap().files,
            columns: columns.iter().map(column).collect(),
            ..plan(&[], time)
        }
    }
}

/// The file at `path`, as it is now.
pub(super) fn opened(path: &Path) -> Opened {
    Inputs::default().file(path).unwrap()
}

/// A file that nobody reads.
pub(super) fn unread() -> Opened {
    opened(&Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml"))
}

/// A plan for no file: these columns, all events, times in UTC.
pub(super) fn plan(columns: &[(&str, DataType)], time: ReadTime) -> ReadPlan {
    let column =
        |(name, ty): &(&str, DataType)| ReadColumn { name: (*name).into(), ty: *ty, inferred: false };
    ReadPlan {
        files: vec![],
        patterns: vec![],
        columns: columns.iter().map(column).collect(),
        time,
        arrival: None,
        max_ahead: None,
        arrival_optional: false,
        deletes: false,
        zone: Zone::utc(),
        delimiter: b',',
        names: None,
        written: Default::default(),
        on_bad_record: OnBadRecord::Reject,
        positions: true,
        from: i64::MIN,
        to: i64::MAX,
        derived: vec![],
        chunk_bytes: 1 << 20,
    }
}

/// gzip in two members, as `cat a.gz b.gz` makes them.
pub(super) fn gzip(content: &[u8]) -> Vec<u8> {
    let (first, second) = content.split_at(content.len() / 2);
    let member = |bytes: &[u8]| {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    };
    [member(first), member(second)].concat()
}

/// A row: its position, its time in seconds, its columns as text.
pub(super) type ScannedRow = (Position, i64, Vec<Option<String>>);

/// All that a scan gives, in position order.
#[derive(Debug)]
pub(super) struct ScanResult {
    pub(super) rows: Vec<ScannedRow>,
    /// The arrivals of `rows` in microseconds, where the plan asks for them.
    pub(super) arrivals: Vec<i64>,
    /// The rows of each piece of work.
    pub(super) pieces: Vec<usize>,
    pub(super) rejects: Vec<StoredReject>,
    pub(super) report: ScanReport,
}

/// Scans with as many threads.
pub(super) fn scan(plan: ReadPlan, threads: usize) -> Result<ScanResult> {
    let plan = Arc::new(plan);
    let scan = Scan::new(plan)?;
    let mut pieces: Vec<BatchesOfChunk> = std::thread::scope(|scope| {
        let handles: Vec<_> = (0..threads).map(|_| scope.spawn(|| work(&scan))).collect();
        handles.into_iter().flat_map(|handle| handle.join().unwrap()).collect()
    });
    pieces.sort_by_key(|piece| piece.sequence);
    assert!(scan.bytes_done() <= scan.bytes_total());
    let mut report = scan.finish()?;
    assert!(pieces.iter().map(|piece| piece.sequence).eq(0..pieces.len() as u64), "numbers without gaps");
    assert!(pieces.iter().all(|piece| piece.done), "of each number the last comes");
    let arrivals = pieces.iter().flat_map(|piece| piece.arrivals.clone()).collect();
    let of_pieces = pieces.iter().map(|piece| piece.rows.len()).collect();
    let rows: Vec<ScannedRow> = pieces.into_iter().flat_map(|piece| piece.rows).collect();
    assert!(rows.is_sorted_by(|a, b| a.0 < b.0), "numbers are in position order");
    let rejects = report.rejects.by_ref().collect::<Result<Vec<_>>>()?;
    let records: u64 = report.inputs.iter().map(|input| input.records).sum();
    assert_eq!(records, (rows.len() + rejects.len()) as u64, "read = rows + rejected");
    Ok(ScanResult { rows, arrivals, pieces: of_pieces, rejects, report })
}

/// All batches of one piece of work.
#[derive(Default)]
struct BatchesOfChunk {
    sequence: u64,
    done: bool,
    rows: Vec<ScannedRow>,
    arrivals: Vec<i64>,
}

fn work(scan: &Scan) -> Vec<BatchesOfChunk> {
    let mut pieces: Vec<BatchesOfChunk> = Vec::new();
    let mut worker = scan.worker().unwrap();
    while let Ok(Some(decoded)) = worker.next() {
        let batch = decoded.batch;
        assert_eq!(decoded.read, batch.rows as u64 + decoded.rejected);
        assert!(batch.columns.iter().all(|column| column.len() == batch.rows));
        let texts: Vec<Vec<Option<String>>> = batch.columns.iter().map(texts).collect();
        match pieces.last() {
            Some(piece) if !piece.done => assert_eq!(piece.sequence, decoded.sequence),
            Some(piece) if piece.sequence >= decoded.sequence => panic!("numbers of a worker grow"),
            _ => pieces.push(BatchesOfChunk { sequence: decoded.sequence, ..BatchesOfChunk::default() }),
        }
        let piece = pieces.last_mut().unwrap();
        piece.done = decoded.last;
        assert!(batch.arrival.is_empty() || batch.arrival.len() == batch.rows);
        piece.arrivals.extend(&batch.arrival);
        for row in 0..batch.rows {
            let columns = texts.iter().map(|column| column[row].clone()).collect();
            piece.rows.push((batch.positions[row], batch.time[row] / crate::time::SECOND, columns));
        }
    }
    pieces
}

/// The values of a column as text.
fn texts(column: &ArrayRef) -> Vec<Option<String>> {
    column.to_data().validate_full().unwrap();
    if let Some(strings) = column.as_string_view_opt() {
        return strings.iter().map(|v| v.map(str::to_string)).collect();
    }
    let strings = arrow_cast::cast(column, &arrow_schema::DataType::Utf8).unwrap();
    strings.as_string::<i32>().iter().map(|v| v.map(str::to_string)).collect()
}
