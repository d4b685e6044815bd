//! Columns of the other side as expressions over those of an output: `year = "EXTRACT(year FROM window_start)"`.

use super::compare::ResultTable;
use crate::batch::{Field, Schema};
use crate::error::{Error, Result};
use crate::expr::Expr;
use crate::time::Zone;
use arrow_array::{ArrayRef, RecordBatch};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions};
use std::fs::File;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// Makes other columns of a batch.
type BatchMapping<'a> = dyn FnMut(&RecordBatch) -> Result<(Schema, Vec<ArrayRef>)> + 'a;

/// A result with more columns, in files that go with it.
pub struct Mapped {
    _folder: TempDir,
    pub table: ResultTable,
}

/// The names of mapped columns that say which group a row is of: their expressions read nothing else than
/// `naming`, columns that do. A column that is mapped to itself alone stays.
pub fn keys(
    schema: &Schema,
    zone: &Zone,
    map: &[(String, String)],
    naming: &[String],
) -> Result<Vec<String>> {
    if map.is_empty() {
        return Ok(vec![]);
    }
    let mut keys: Vec<String> = vec![];
    for (name, expr) in compiled(schema, zone, map)? {
        let inputs = expr.inputs();
        let names = |input: &usize| naming.contains(&schema.fields[*input].name);
        // A constant does not tell rows apart, so it is not a key.
        if !inputs.is_empty() && inputs.iter().all(names) {
            keys.push(name);
        }
    }
    keys.extend(naming.iter().filter(|name| !map.iter().any(|(to, _)| to == *name)).cloned());
    Ok(keys)
}

/// `table`, a result of columns `schema` in Parquet files, with the columns of `map` beside its own; one of the
/// same name takes its place.
pub fn mapped(table: &ResultTable, schema: &Schema, zone: &Zone, map: &[(String, String)]) -> Result<Mapped> {
    let compiled = compiled(schema, zone, map)?;
    rewritten(table, schema, &mut |batch| {
        let mut fields = schema.fields.clone();
        let mut columns = batch.columns().to_vec();
        for (name, expr) in &compiled {
            let value = expr.evaluate(batch.num_rows(), |input| &batch.columns()[input])?;
            let field = Field::new(name, expr.ty());
            match fields.iter().position(|f| f.name == *name) {
                Some(i) => (fields[i], columns[i]) = (field, value),
                None => {
                    fields.push(field);
                    columns.push(value);
                }
            }
        }
        Ok((Schema::new(fields), columns))
    })
}

/// `table`, a result of columns `schema` in Parquet files, with each batch made into another.
pub fn rewritten(table: &ResultTable, schema: &Schema, change: &mut BatchMapping) -> Result<Mapped> {
    // Those of the job, which were written for this comparison: none of them is a pipe.
    let files: Vec<&Path> = match table {
        ResultTable::Files(files) => files.iter().map(PathBuf::as_path).collect(),
        ResultTable::Opened(files) => files.iter().map(|file| file.path.as_path()).collect(),
        ResultTable::Rows { .. } => return Err(Error::machine("only results in files are rewritten")),
    };
    let folder = tempfile::Builder::new().prefix("highwater-verify-").tempdir();
    let folder = folder.map_err(|e| Error::io("make a folder in", &std::env::temp_dir(), e))?;
    let mut out = vec![];
    for (n, file) in files.iter().enumerate() {
        // Files of several partitions may have the same name. Numbers keep them apart.
        let to = folder.path().join(format!("{n}.parquet"));
        rewrite(file, &to, schema, change)?;
        out.push(to);
    }
    Ok(Mapped { _folder: folder, table: ResultTable::Files(out) })
}

fn rewrite(from: &Path, to: &Path, schema: &Schema, change: &mut BatchMapping) -> Result<()> {
    let unread = |e: parquet::errors::ParquetError| {
        Error::machine(format!("cannot read back {}", from.display())).caused_by(e)
    };
    let unwritten = |e: parquet::errors::ParquetError| {
        Error::machine(format!("cannot write {}", to.display())).caused_by(e)
    };
    let open = File::open(from).map_err(|e| Error::io("read", from, e))?;
    // A job that was changed may select the same columns in another order.
    let metadata = ArrowReaderMetadata::load(&open, ArrowReaderOptions::new()).map_err(unread)?;
    let fields = metadata.schema().fields().iter().filter_map(|f| schema.index_of(f.name()));
    let stored = Schema::new(fields.map(|i| schema.fields[i].clone()).collect());
    let places: Option<Vec<usize>> = schema.names().map(|name| stored.index_of(name)).collect();
    let Some(places) = places else {
        return Err(Error::data(format!("{} does not have the columns of the output", from.display())));
    };
    // The expressions are compiled for Highwater's Arrow types, so the reader has to give these.
    let reader = crate::sink::parquet::reader(open, &stored)
        .and_then(|builder| builder.with_batch_size(1 << 16).build())
        .map_err(unread)?;
    let mut writer: Option<ArrowWriter<File>> = None;
    let mut write = |batch: &RecordBatch| -> Result<()> {
        let (schema, columns) = change(batch)?;
        let batch = RecordBatch::try_new(schema.arrow(), columns)
            .map_err(|e| Error::machine("a batch has the wrong shape").caused_by(e))?;
        // The schema of the new file is known with the first changed batch.
        if writer.is_none() {
            let create = File::create(to).map_err(|e| Error::io("write", to, e))?;
            writer = Some(ArrowWriter::try_new(create, batch.schema(), None).map_err(unwritten)?);
        }
        writer.as_mut().expect("a writer").write(&batch).map_err(unwritten)
    };
    let mut any = false;
    for batch in reader {
        let batch = batch.and_then(|batch| batch.project(&places)).map_err(|e| unread(e.into()))?;
        any = true;
        write(&batch)?;
    }
    // A result without rows still has columns, and these are compared.
    if !any {
        write(&RecordBatch::new_empty(schema.arrow()))?;
    }
    if let Some(writer) = writer {
        writer.close().map_err(unwritten)?;
    }
    Ok(())
}

fn compiled(schema: &Schema, zone: &Zone, map: &[(String, String)]) -> Result<Vec<(String, Expr)>> {
    map.iter().map(|(name, sql)| Ok((name.clone(), Expr::compile(sql, schema, zone)?))).collect()
}
