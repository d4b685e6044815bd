//! An output whose records do not fit in memory at once: its statement over one part of them after the other.
//!
//! # Contract
//! The rows are those of the statement over all records. Each file is read once; what the statement reads of it goes to a
//! temporary file in parts, as [`super::cut`] says, and one part at a time is a relation. Where records cannot be divided the
//! statement has all of them at once, and if that takes more memory than the command has, the answer says so.

use super::clock::Clock;
use super::cut::{self, Cut};
use super::parts::SpilledParts;
use super::typed::Typed;
use super::{answer, frame, rows, run, stages, start};
use crate::error::{Error, Result};
use crate::input::{Compression, InputFormat, ReadPlan, SourceFile};
use crate::plan::{OutputId, Plan};
use crate::sql::{self, Relation};
use crate::time::FirstAndLast;
use crate::verify::answered::{RefereeAnswer, RefereeLimits, RefereeRows};
use crate::verify::raw::{self, pieces};
use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use parquet::arrow::ArrowWriter;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use polars::prelude as pl;
use std::collections::HashSet;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use tempfile::TempDir;

/// The most parts that there are.
const MOST: u64 = 1024;

/// Parts that are worked on at once: while one is read back or written, Polars computes another.
const AT_ONCE: usize = 2;

/// What all records at once take, by the bytes of their text.
const OF_TEXT: u64 = 3;

/// The rows of the statement of `output`, or of the late output where that is none. From parts they come in no order, unless
/// the limits ask for one.
///
/// # Errors
/// As of [`run`]. A machine error: temporary files cannot be written.
pub fn run_output(
    plan: &Plan,
    output: Option<OutputId>,
    query: &str,
    limits: RefereeLimits,
) -> Result<RefereeAnswer> {
    start()?;
    let size = bytes(&plan.pipeline.read);
    let cut = match output {
        Some(output) => cut::of(plan, output),
        None => Err("which events are late depends on all of them"),
    };
    if size <= limits.part || !pieces::can_be_cut(&plan.pipeline.read)? {
        let why = cut.err().unwrap_or("its files are not read in parts");
        let note = note(size, limits.memory, why);
        return Ok(RefereeAnswer { rows: RefereeRows::Batch(run(plan, query)?), note });
    }
    // The order of rows decides which of those that differ are shown, and nothing else.
    let in_no_order = (cut.is_ok() && !limits.ordered).then(|| stages::in_no_order(query));
    let query = in_no_order.as_deref().unwrap_or(query);
    let mut reading = InParts { plan, query, words: stages::words(query), limits, tables: vec![] };
    let relations = sql::relations(plan)?;
    let (source, tables) = relations.split_first().ok_or_else(|| Error::machine("a plan has a source"))?;
    for table in tables {
        let rows = reading.whole(table)?;
        reading.tables.push((table.name.clone(), frame(plan, &rows)?));
    }
    let results = ResultWriter::new(limits.folder)?;
    let parts = size.div_ceil(limits.part).min(MOST) as usize;
    let (parts, note) = match &cut {
        Ok(Cut::Anywhere) if tables.is_empty() && !limits.ordered => {
            reading.piecewise(source, &results)?;
            (0, None)
        }
        Ok(_) => (parts, None),
        Err(why) => (1, note(size, limits.memory, why)),
    };
    if parts > 0 {
        reading.by_parts(source, cut.as_ref().ok(), parts, &results)?;
    }
    let rows = match results.finish()? {
        Some((folder, files)) => RefereeRows::Files(folder, files),
        // Without a record the columns are those of the statement over no rows.
        None => RefereeRows::Batch(run(plan, query)?),
    };
    Ok(RefereeAnswer { rows, note })
}

/// That a statement over the relations of `plan` takes all records at once, where these take more than the memory.
pub fn past_memory(plan: &Plan, memory: u64, why: &str) -> Option<String> {
    note(bytes(&plan.pipeline.read), memory, why)
}

/// That a statement takes all records of so much text at once, where these take more than the memory.
fn note(size: u64, memory: u64, why: &str) -> Option<String> {
    (size.saturating_mul(OF_TEXT) > memory).then(|| {
        format!(
            "the statement was run over all records at once, in about {:.1} GB of memory: {why}",
            size.saturating_mul(OF_TEXT) as f64 / 1e9
        )
    })
}

/// The bytes of text of a log, about.
fn bytes(read: &ReadPlan) -> u64 {
    let of_file = |file: &SourceFile| match (file.format, file.shape.compression) {
        (InputFormat::Parquet, _) => file.bytes.saturating_mul(4),
        (_, Compression::None) => file.bytes,
        _ => file.bytes.saturating_mul(6),
    };
    read.files.iter().map(of_file).fold(0, u64::saturating_add)
}

/// A statement that is run over parts of its source.
struct InParts<'a> {
    plan: &'a Plan,
    query: &'a str,
    /// The names that the statement has; none where they cannot be told.
    words: Option<HashSet<String>>,
    limits: RefereeLimits<'a>,
    /// The relations beside the source, whole.
    tables: Vec<(String, pl::DataFrame)>,
}

impl InParts<'_> {
    /// The columns that the statement names. A column that it does not name decides nothing.
    fn named(&self, rows: Typed) -> Typed {
        match &self.words {
            Some(words) => rows.with_columns(|name| words.contains(name)),
            None => rows,
        }
    }

    /// All rows of a relation.
    fn whole(&self, relation: &Relation) -> Result<Typed> {
        if bytes(relation.read) <= self.limits.part || !pieces::can_be_cut(relation.read)? {
            return rows(self.plan, relation, &raw::read(relation)?, 0).map(|rows| self.named(rows));
        }
        match self.spilled(relation, None, 1)?.rows(0)? {
            Some(rows) => Ok(rows),
            None => rows(self.plan, relation, &raw::read(relation)?, 0),
        }
    }

    /// The rows of a relation in parts.
    fn spilled(&self, relation: &Relation, cut: Option<&Cut>, parts: usize) -> Result<SpilledParts> {
        let spilled = SpilledParts::new(self.limits.folder, parts)?;
        let clock = Clock::of(self.plan.zone.name());
        pieces::read_in_pieces(relation, self.limits.part, &|piece, raw| {
            if raw.rows == 0 {
                return Ok(());
            }
            let rows = rows(self.plan, relation, &raw, 0)?;
            drop(raw);
            let numbers = match cut {
                Some(Cut::Anywhere) => vec![(piece % parts) as u32; rows.rows],
                Some(cut) => cut.parts(&rows, parts, &clock)?,
                None => vec![0; rows.rows],
            };
            spilled.add(piece, self.named(rows), numbers)
        })?;
        spilled.finish()?;
        Ok(spilled)
    }

    /// Runs the statement over each part of the source.
    fn by_parts(
        &self,
        source: &Relation,
        cut: Option<&Cut>,
        parts: usize,
        results: &ResultWriter,
    ) -> Result<()> {
        let spilled = self.spilled(source, cut, parts)?;
        let (next, first) = (AtomicUsize::new(0), Mutex::new(None::<(usize, Error)>));
        let work = || {
            loop {
                let part = next.fetch_add(1, Ordering::Relaxed);
                if part >= parts {
                    return;
                }
                let rows = spilled.rows(part);
                let done = rows.and_then(|rows| match rows {
                    Some(rows) => self.answer(source, &rows, spilled.times(), results),
                    None => Ok(()),
                });
                if let Err(error) = done {
                    next.store(parts, Ordering::Relaxed);
                    let mut first = first.lock().unwrap_or_else(PoisonError::into_inner);
                    if first.as_ref().is_none_or(|(known, _)| part < *known) {
                        *first = Some((part, error));
                    }
                }
            }
        };
        let at_once = if self.limits.ordered { 1 } else { AT_ONCE };
        let threads = rayon::current_num_threads().min(at_once).min(parts);
        // Threads of no pool: a worker that waits for Polars would begin with further parts meanwhile.
        std::thread::scope(|scope| {
            (1..threads).for_each(|_| drop(scope.spawn(work)));
            work();
        });
        match first.into_inner().unwrap_or_else(PoisonError::into_inner) {
            Some((_, error)) => Err(error),
            None => Ok(()),
        }
    }

    /// Runs the statement over each piece of the source as it is read.
    fn piecewise(&self, source: &Relation, results: &ResultWriter) -> Result<()> {
        pieces::read_in_pieces(source, self.limits.part, &|_, raw| {
            if raw.rows == 0 {
                return Ok(());
            }
            let rows = rows(self.plan, source, &raw, 0)?;
            drop(raw);
            let rows = self.named(rows);
            self.answer(source, &rows, rows.times, results)
        })
    }

    fn answer(
        &self,
        source: &Relation,
        rows: &Typed,
        times: Option<FirstAndLast>,
        results: &ResultWriter,
    ) -> Result<()> {
        let mut frames = self.tables.clone();
        frames.push((source.name.clone(), frame(self.plan, rows)?));
        results.add(&answer(self.plan, self.query, &frames, times)?)
    }
}

/// Writes rows of a result as they come; rows of other types go to a file of their own.
struct ResultWriter {
    folder: TempDir,
    files: Mutex<Vec<ResultFile>>,
}

struct ResultFile {
    path: PathBuf,
    schema: SchemaRef,
    writer: ArrowWriter<File>,
}

impl ResultWriter {
    fn new(folder: &Path) -> Result<ResultWriter> {
        let made = tempfile::Builder::new().prefix("highwater-verify-").tempdir_in(folder);
        let folder = made.map_err(|e| Error::io("make a folder in", folder, e))?;
        Ok(ResultWriter { folder, files: Mutex::default() })
    }

    fn add(&self, rows: &RecordBatch) -> Result<()> {
        let mut files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        let known = files.iter().position(|file| file.schema == rows.schema());
        // A wide integer is a decimal where some value of the part asks for it.
        let number = match known {
            Some(number) => number,
            None => {
                let number = files.len();
                files.push(self.file(number, rows.schema())?);
                number
            }
        };
        let ResultFile { path, writer, .. } = &mut files[number];
        let written = writer.write(rows);
        written.map_err(|e| Error::machine(format!("cannot write {}", path.display())).caused_by(e))
    }

    fn file(&self, number: usize, schema: SchemaRef) -> Result<ResultFile> {
        let path = self.folder.path().join(format!("{number}.parquet"));
        let file = File::create(&path).map_err(|e| Error::io("write", &path, e))?;
        // It is read once, so it is made to be written fast.
        let properties = WriterProperties::builder()
            .set_dictionary_enabled(false)
            .set_statistics_enabled(EnabledStatistics::None)
            .set_max_row_group_row_count(Some(1 << 18))
            .build();
        let writer = ArrowWriter::try_new(file, schema.clone(), Some(properties))
            .map_err(|e| Error::machine(format!("cannot write {}", path.display())).caused_by(e))?;
        Ok(ResultFile { path, schema, writer })
    }

    /// The files; none where no rows came, not even an empty result.
    fn finish(self) -> Result<Option<(TempDir, Vec<PathBuf>)>> {
        let files = self.files.into_inner().unwrap_or_else(PoisonError::into_inner);
        let mut paths = vec![];
        for ResultFile { path, writer, .. } in files {
            let closed = writer.close();
            closed.map_err(|e| Error::machine(format!("cannot write {}", path.display())).caused_by(e))?;
            paths.push(path);
        }
        Ok((!paths.is_empty()).then_some((self.folder, paths)))
    }
}
