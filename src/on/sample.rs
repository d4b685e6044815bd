//! Which rows of an output are computed here too: those of a few keys, chosen by hash, or all.
//!
//! # Contract
//! A key is in the sample where the hash of its text is at most a bound, which some keys of the engine's result set. So
//! a key that the engine has lost is in the sample too, if its hash is small: it is looked for in the events, not in the
//! result.

use super::request::CheckExtent;
use crate::batch::{DataType, Field, Schema, record_batch};
use crate::engine::RunOptions;
use crate::error::{Error, Result};
use crate::expr::Expr;
use crate::plan::{OutputId, OutputKind, Plan, PlannedColumn};
use crate::verify::compare::ResultTable;
use arrow_array::cast::AsArray;
use arrow_array::{ArrayRef, RecordBatch, UInt32Array};
use arrow_select::take::take_record_batch;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::{
    ArrowReaderOptions, ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder,
};
use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// Keys in a sample.
const KEYS: usize = 8;
/// Rows in a sample, after which it takes fewer keys.
const ROWS: usize = 1 << 16;
/// Columns of an event that are hashed; there may be hundreds.
const HASHED: usize = 8;

/// The rows of one output that are computed here too.
pub(super) struct Sampler {
    schema: Schema,
    how: Sampling,
}

enum Sampling {
    Keys(Box<KeySample>),
    /// All rows, in a file.
    All(Box<AllRows>),
}

/// The rows of the keys with the smallest hashes.
struct KeySample {
    /// The hash of a row's key, over the columns of the output.
    of_rows: Expr,
    /// The same over the events, as SQL.
    of_events: String,
    /// By hash the rows: all that were seen below the limit.
    kept: BTreeMap<String, Vec<RecordBatch>>,
    rows: usize,
    /// The smallest hash that was left out, if one was.
    limit: Option<String>,
}

struct AllRows {
    // The file goes with its folder.
    _folder: TempDir,
    path: PathBuf,
    writer: Option<ArrowWriter<File>>,
}

/// The engine's rows that are in a sample.
pub(super) struct SampledRows {
    pub table: ResultTable,
    /// Whether they are all of its rows.
    pub all: bool,
    // The file that they are in goes with it.
    _file: Option<Box<AllRows>>,
}

/// Which events make the rows of a sample.
pub(super) enum SampleRange {
    /// Those for which the condition is true.
    Where(String),
    All,
}

impl Sampler {
    pub fn of(plan: &Plan, id: OutputId, check: CheckExtent, options: &RunOptions) -> Result<Sampler> {
        let schema = plan.deliveries.outputs[id].columns.clone();
        let by_key = if check == CheckExtent::Sample { KeySample::of(plan, id) } else { None };
        let how = match by_key {
            Some(keys) => Sampling::Keys(Box::new(keys)),
            None => Sampling::All(Box::new(AllRows::new(&schema, &options.spill_folder)?)),
        };
        Ok(Sampler { schema, how })
    }

    /// Looks at rows of the output.
    pub fn see(&mut self, columns: &[ArrayRef], rows: usize) -> Result<()> {
        let batch = record_batch(&self.schema.arrow(), columns.to_vec())?;
        match &mut self.how {
            Sampling::Keys(keys) => keys.see(&batch, rows),
            Sampling::All(all) => all.write(&batch),
        }
    }

    /// Which events make these rows.
    pub fn range(&self) -> SampleRange {
        match &self.how {
            Sampling::Keys(keys) => match keys.kept.last_key_value() {
                Some((bound, _)) => SampleRange::Where(format!("{} <= '{bound}'", keys.of_events)),
                // Without a row there is no key: no event may give one.
                None => SampleRange::All,
            },
            Sampling::All(_) => SampleRange::All,
        }
    }

    /// Of a result that was computed here, in `files`, the rows that belong to the sample.
    pub fn own(&self, files: ResultTable) -> Result<ResultTable> {
        let Sampling::Keys(keys) = &self.how else { return Ok(files) };
        let KeySample { of_rows, kept, .. } = &**keys;
        let Some((bound, _)) = kept.last_key_value() else { return Ok(files) };
        let ResultTable::Opened(files) = &files else { return Ok(files) };
        let mut batches = vec![];
        for file in files {
            let unread = |e: &dyn std::fmt::Display| {
                Error::machine(format!("cannot read back {}", file.path.display())).caused_by(e)
            };
            for batch in reader(&file.path, &self.schema)? {
                let batch = batch.map_err(|e| unread(&e))?;
                let hashes = hashes(of_rows, &batch)?;
                let is_small = |row: &u32| hash(&hashes, *row as usize) <= bound.as_str();
                batches.push(taken(&batch, (0..batch.num_rows() as u32).filter(is_small).collect())?);
            }
        }
        Ok(ResultTable::Rows { schema: self.schema.clone(), batches })
    }

    /// The engine's rows.
    pub fn finish(self) -> Result<SampledRows> {
        match self.how {
            Sampling::Keys(keys) => {
                let batches = keys.kept.into_values().flatten().collect();
                let table = ResultTable::Rows { schema: self.schema, batches };
                Ok(SampledRows { table, all: false, _file: None })
            }
            Sampling::All(mut all) => {
                all.close()?;
                let table = ResultTable::Files(vec![all.path.clone()]);
                Ok(SampledRows { table, all: true, _file: Some(all) })
            }
        }
    }
}

impl KeySample {
    /// A sample by keys of the output `id`, where its rows can be told apart by columns that the events have too.
    fn of(plan: &Plan, id: OutputId) -> Option<KeySample> {
        let output = &plan.deliveries.outputs[id];
        let rows = &plan.pipeline.rows;
        let columns: Vec<(&Field, &Field)> = match &output.kind {
            OutputKind::Archive(_) => vec![],
            OutputKind::Rows(columns) => {
                let pairs = columns.iter().zip(&output.columns.fields);
                pairs.map(|(&column, own)| (&rows.fields[column], own)).take(HASHED).collect()
            }
            // The rank of a group depends on all groups of its window.
            OutputKind::Groups { post, .. } if post.top.is_some() => vec![],
            OutputKind::Groups { grouping, post } => {
                let own = |key: usize| {
                    let shown = |column: &PlannedColumn| matches!(column, PlannedColumn::Key(k) if *k == key);
                    Some(&output.columns.fields[post.columns.iter().position(shown)?])
                };
                let keys = plan.pipeline.groupings[*grouping].plan.keys.iter().enumerate();
                keys.map(|(key, &(column, _))| Some((&rows.fields[column], own(key)?)))
                    .collect::<Option<_>>()?
            }
        };
        // A name that two columns have means one of them in SQL.
        let once = |name: &str| rows.fields.iter().filter(|field| field.name == name).count() == 1;
        if columns.is_empty() || !columns.iter().all(|(event, _)| once(&event.name)) {
            return None;
        }
        let of_events = key_hash(columns.iter().map(|(event, _)| *event));
        Expr::compile(&of_events, rows, &plan.zone).ok()?;
        let of_rows = key_hash(columns.iter().map(|(_, own)| *own));
        let of_rows = Expr::compile(&of_rows, &output.columns, &plan.zone).ok()?;
        Some(KeySample { of_rows, of_events, kept: BTreeMap::new(), rows: 0, limit: None })
    }

    fn see(&mut self, batch: &RecordBatch, rows: usize) -> Result<()> {
        let hashes = hashes(&self.of_rows, batch)?;
        let mut chosen: BTreeMap<&str, Vec<u32>> = BTreeMap::new();
        let mut limit = self.limit.clone();
        for row in 0..rows {
            let hash = hash(&hashes, row);
            if limit.as_deref().is_none_or(|limit| hash < limit) {
                chosen.entry(hash).or_default().push(row as u32);
                if chosen.len() > KEYS {
                    limit = chosen.pop_last().map(|(hash, _)| hash.to_string());
                }
            }
        }
        for (hash, rows) in chosen {
            self.kept.entry(hash.to_string()).or_default().push(taken(batch, rows)?);
        }
        // What was kept before may be above what this batch has left out.
        if let Some(limit) = &limit {
            self.kept.split_off(limit);
        }
        let rows = |kept: &[RecordBatch]| kept.iter().map(RecordBatch::num_rows).sum::<usize>();
        self.rows = self.kept.values().map(|kept| rows(kept)).sum();
        while self.kept.len() > KEYS || self.rows > ROWS && self.kept.len() > 1 {
            if let Some((hash, gone)) = self.kept.pop_last() {
                self.rows -= rows(&gone);
                limit = Some(hash);
            }
        }
        self.limit = limit;
        Ok(())
    }
}

/// An expression: the hash of the text of some columns.
fn key_hash<'a>(columns: impl Iterator<Item = &'a Field>) -> String {
    let text = |field: &Field| {
        let name = format!("\"{}\"", field.name.replace('"', "\"\""));
        match field.ty {
            DataType::String => format!("COALESCE({name}, '')"),
            _ => format!("COALESCE(CAST({name} AS VARCHAR), '')"),
        }
    };
    format!("md5({})", columns.map(text).collect::<Vec<_>>().join(" || '|' || "))
}

fn hashes(of: &Expr, batch: &RecordBatch) -> Result<ArrayRef> {
    Ok(crate::batch::plain_strings(&of.evaluate(batch.num_rows(), |column| &batch.columns()[column])?))
}

fn hash(hashes: &ArrayRef, row: usize) -> &str {
    hashes.as_string_view().value(row)
}

fn taken(batch: &RecordBatch, rows: Vec<u32>) -> Result<RecordBatch> {
    take_record_batch(batch, &UInt32Array::from(rows))
        .map_err(|e| Error::fault("rows of a batch are not in it").caused_by(e))
}

/// A Parquet file that was written here, of the columns of `schema`.
fn reader(path: &Path, schema: &Schema) -> Result<ParquetRecordBatchReader> {
    let file = File::open(path).map_err(|e| Error::io("read", path, e))?;
    let options = ArrowReaderOptions::new().with_schema(schema.arrow());
    ParquetRecordBatchReaderBuilder::try_new_with_options(file, options)
        .and_then(|builder| builder.with_batch_size(1 << 16).build())
        .map_err(|e| Error::machine(format!("cannot read back {}", path.display())).caused_by(e))
}

impl AllRows {
    fn new(schema: &Schema, folder: &Path) -> Result<AllRows> {
        let made = tempfile::Builder::new().prefix("highwater-on-").tempdir_in(folder);
        let made = made.map_err(|e| Error::io("make a folder in", folder, e))?;
        let path = made.path().join("rows.parquet");
        let file = File::create(&path).map_err(|e| Error::io("write", &path, e))?;
        let writer = ArrowWriter::try_new(file, schema.arrow(), None).map_err(|e| unwritten(&path, e))?;
        Ok(AllRows { _folder: made, path, writer: Some(writer) })
    }

    fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        let written = self.writer.as_mut().map_or(Ok(()), |writer| writer.write(batch));
        written.map_err(|e| unwritten(&self.path, e))
    }

    fn close(&mut self) -> Result<()> {
        let closed = self.writer.take().map(ArrowWriter::close).transpose();
        closed.map(drop).map_err(|e| unwritten(&self.path, e))
    }
}

fn unwritten(path: &Path, cause: parquet::errors::ParquetError) -> Error {
    Error::machine(format!("cannot write {}", path.display())).caused_by(cause)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Zone;
    use arrow_array::{Int64Array, StringViewArray};
    use std::collections::BTreeSet;
    use std::sync::Arc;

    fn schema() -> Schema {
        Schema::new(vec![Field::new("k", DataType::String), Field::new("n", DataType::Int64)])
    }

    fn sample() -> KeySample {
        let schema = schema();
        let hash = key_hash(schema.fields[..1].iter());
        let of_rows = Expr::compile(&hash, &schema, &Zone::named("UTC").unwrap()).unwrap();
        KeySample { of_rows, of_events: hash, kept: BTreeMap::new(), rows: 0, limit: None }
    }

    /// Rows of the keys `k0`, `k1` …, several of each, in batches of some size.
    fn seen(keys: usize, of_each: usize, batch: usize) -> KeySample {
        let mut sample = sample();
        let rows: Vec<(String, i64)> =
            (0..keys * of_each).map(|i| (format!("k{}", i * 31 % keys), i as i64)).collect();
        for rows in rows.chunks(batch) {
            let names: ArrayRef = Arc::new(StringViewArray::from_iter_values(rows.iter().map(|row| &row.0)));
            let numbers: ArrayRef = Arc::new(Int64Array::from_iter_values(rows.iter().map(|row| row.1)));
            let batch = record_batch(&schema().arrow(), vec![names, numbers]).unwrap();
            sample.see(&batch, rows.len()).unwrap();
        }
        sample
    }

    fn keys(sample: &KeySample) -> BTreeSet<String> {
        let rows = sample.kept.values().flatten();
        rows.flat_map(|batch| {
            let names = batch.column(0).as_string_view();
            names.iter().map(|name| name.unwrap().to_string()).collect::<Vec<_>>()
        })
        .collect()
    }

    fn rows(sample: &KeySample) -> usize {
        sample.kept.values().flatten().map(RecordBatch::num_rows).sum()
    }

    #[test]
    fn a_sample_has_all_rows_of_the_keys_with_the_smallest_hashes() {
        // By another implementation of MD5's order: all hashes, sorted.
        let all = |keys: usize| {
            let mut hashes: Vec<(String, String)> = (0..keys)
                .map(|i| {
                    use md5::Digest;
                    let key = format!("k{i}");
                    let hash: String = md5::Md5::digest(&key).iter().map(|b| format!("{b:02x}")).collect();
                    (hash, key)
                })
                .collect();
            hashes.sort();
            hashes.into_iter().take(KEYS).map(|(_, key)| key).collect::<BTreeSet<_>>()
        };
        for (count, of_each, batch) in [(3, 5, 4), (100, 7, 1), (100, 7, 64), (1000, 3, 10_000)] {
            let sample = seen(count, of_each, batch);
            assert_eq!(keys(&sample), all(count), "{count} {of_each} {batch}");
            assert_eq!(rows(&sample), count.min(KEYS) * of_each, "{count} {of_each} {batch}");
        }
    }

    #[test]
    fn a_sample_of_keys_with_many_rows_takes_fewer_keys_and_all_of_their_rows() {
        let of_each = ROWS / 2;
        let sample = seen(4, of_each, 5_000);
        assert!((1..4).contains(&sample.kept.len()), "{}", sample.kept.len());
        assert_eq!(rows(&sample), sample.kept.len() * of_each);
    }
}
