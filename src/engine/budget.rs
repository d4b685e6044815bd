//! Memory: what a plan will need.

use crate::input::{InputFormat, Opened, about_records};
use crate::plan::{OutputKind, Plan};
use parquet::file::reader::{FileReader, SerializedFileReader};
use std::io::Read;

/// What a run of `plan` needs, about, without having read its data: what is fixed, and what grows
/// with groups and with rows kept.
pub struct Estimate {
    /// Records in all files, from the sizes of the files and the heads of some.
    pub records: u64,
    /// Chunks in flight, in bytes.
    pub fixed: u64,
    /// Bytes per group of each grouping.
    pub per_group: Vec<u64>,
    /// Bytes per row of each output of events.
    pub per_row: Vec<u64>,
}

/// Estimates the memory of a run with `threads` workers.
pub fn estimate(plan: &Plan, threads: usize) -> Estimate {
    // A chunk, its index of fields, and its decoded columns.
    let fixed = threads as u64 * plan.pipeline.read.chunk_bytes as u64 * 4;
    let per_group = plan
        .pipeline
        .groupings
        .iter()
        .map(|g| {
            let states: u64 = g.plan.aggregates.iter().map(|(a, _)| a.function.state_bytes()).sum();
            8 + states + 4 * g.plan.keys.len() as u64
        })
        .collect();
    let rows = |columns: usize| 8 + 4 * columns as u64;
    let per_row = plan
        .deliveries
        .outputs
        .iter()
        .filter_map(|o| match &o.kind {
            OutputKind::Rows(columns) | OutputKind::Archive(columns) => Some(rows(columns.len())),
            OutputKind::Groups { .. } => None,
        })
        .collect();
    Estimate { records: records(plan), fixed, per_group, per_row }
}

/// How many records the files hold, about. Parquet says, and so do the first blocks of Avro; of text, the first lines of at most 16 files
/// tell how long lines are, and compressed text is taken to be four times as long as its file.
fn records(plan: &Plan) -> u64 {
    let (mut typed, mut text_bytes) = (0, 0);
    let (mut head_bytes, mut head_lines) = (0, 0);
    for (i, file) in plan.pipeline.read.files.iter().enumerate() {
        // An estimate does not fail: a file that cannot be read is reported by the run itself.
        match file.format {
            InputFormat::Parquet => typed += parquet_rows(&file.opened).unwrap_or(0),
            InputFormat::Avro => typed += about_records(file).unwrap_or(0),
            InputFormat::Csv | InputFormat::JsonLines => {}
        }
        if !file.format.is_text() {
            continue;
        }
        if !file.shape.is_plain() {
            text_bytes += 4 * file.bytes;
            continue;
        }
        text_bytes += file.bytes;
        if i < 16 {
            let (bytes, lines) = head(&file.opened).unwrap_or((0, 0));
            (head_bytes, head_lines) = (head_bytes + bytes, head_lines + lines);
        }
    }
    // 100 bytes stand for a line where a sample is missing, and `max` keeps the divisor from zero.
    let line = head_bytes.checked_div(head_lines).unwrap_or(100).max(1);
    typed + text_bytes / line
}

fn parquet_rows(file: &Opened) -> Option<u64> {
    let reader = SerializedFileReader::new(file.read().ok()?).ok()?;
    u64::try_from(reader.metadata().file_metadata().num_rows()).ok()
}

/// Bytes and lines of a file's first 64 KiB.
fn head(file: &Opened) -> Option<(u64, u64)> {
    let mut bytes = vec![];
    file.read().ok()?.take(64 << 10).read_to_end(&mut bytes).ok()?;
    Some((bytes.len() as u64, memchr::memchr_iter(b'\n', &bytes).count() as u64))
}
