//! The side there: SQL by a referee, a file, stdin.

use super::answered::{RefereeAnswer, RefereeLimits, RefereeRows};
use super::compare::ResultTable;
use super::on_engine::EngineTables;
use super::{Against, GivenResult, VerifyRequest, on_engine, referee, server, wide};
use crate::batch::{DataType, Field, Schema};
use crate::deliver::late_schema;
use crate::error::{Error, Result};
use crate::input::Inputs;
use crate::input::files::expand_at;
use crate::plan::{OutputId, Plan};
use crate::process;
use crate::sql::{self, Dialect, SqlScript};
use arrow_array::RecordBatch;
use std::io;
use std::path::Path;
use tempfile::{Builder, NamedTempFile, TempDir};

/// What is there.
pub struct Theirs {
    pub table: ResultTable,
    /// In words.
    pub name: String,
    pub notes: Vec<String>,
    /// Where the files of the table are, if it is in such that go with it.
    folder: Option<TempDir>,
}

impl Theirs {
    fn of(table: ResultTable, name: String) -> Theirs {
        Theirs { table, name, notes: vec![], folder: None }
    }

    /// Whether the rows came from parts of the records, in no order.
    pub fn is_in_parts(&self) -> bool {
        self.folder.is_some()
    }
}

/// Stdin as a file, if that is what is there: it may be read more than once.
pub fn stdin(request: &VerifyRequest) -> Result<Option<NamedTempFile>> {
    if request.against != Against::Stdin {
        return Ok(None);
    }
    let folder = &request.options.spill_folder;
    let failed = |e| Error::io("write to", folder, e);
    let mut file = Builder::new().suffix(".csv").tempfile_in(folder).map_err(failed)?;
    let bytes = io::copy(&mut io::stdin().lock(), &mut file)
        .map_err(|e| Error::machine("cannot read stdin").caused_by(e))?;
    // An empty pipe comes from a command that failed. Compared as a result, it would show every row as
    // missing.
    if bytes == 0 {
        return Err(Error::data("stdin is empty")
            .hint("the other side must print CSV with a header line: duckdb -csv < q.sql | highwater verify job.toml --against -"));
    }
    Ok(Some(file))
}

/// What output number `index` is compared with; `again` makes the plan once more, to be changed.
pub fn table(
    plan: &Plan,
    index: OutputId,
    request: &VerifyRequest,
    stdin: Option<&NamedTempFile>,
    again: &dyn Fn() -> Result<Plan>,
) -> Result<Theirs> {
    match &request.against {
        Against::Stdin => {
            let file = stdin.expect("stdin was read");
            Ok(Theirs::of(ResultTable::Files(vec![file.path().to_path_buf()]), "stdin".to_string()))
        }
        Against::Result(there) => Ok(Theirs::of(given(there)?, there.path.display().to_string())),
        Against::Query(path) => {
            let query = std::fs::read_to_string(path).map_err(|e| Error::io("read", path, e))?;
            let query = query.trim().trim_end_matches(';').trim_end().to_string();
            let mut notes = vec![];
            let rows = match &request.server {
                Some(server) => {
                    // A query of the user may name columns that the job does not read, so this plan is
                    // widened.
                    let mut plan = again()?;
                    wide::widen(&mut plan, &query);
                    let setup = sql::source::setup(Dialect::Postgres, &plan)?;
                    let script = SqlScript { setup, query, notes: vec![] };
                    on_threads(request, || server::run_own(&plan, &script, server))?
                }
                None => {
                    let memory = request.options.memory;
                    notes.extend(referee::past_memory(plan, memory, "a statement of yours is not divided"));
                    on_threads(request, || referee::run_own(plan, &query))?
                }
            };
            let name = format!("{} by {}", path.display(), engine(request));
            Ok(Theirs { notes, ..Theirs::of(rows_of(rows)?, name) })
        }
        Against::Printed => {
            let script = sql::script(plan, index, dialect(request)?)?;
            printed(plan, Some(index), script, false, request)
        }
    }
}

/// As [`table`] of a statement of ours, with its rows in the same order each time.
pub fn in_order(plan: &Plan, index: OutputId, request: &VerifyRequest) -> Result<Theirs> {
    let script = sql::script(plan, index, dialect(request)?)?;
    printed(plan, Some(index), script, true, request)
}

/// What the late output is compared with: the rows of its statement, or a result. None where the job has no such output.
pub fn late(plan: &Plan, request: &VerifyRequest, stdin: Option<&NamedTempFile>) -> Result<Option<Theirs>> {
    let of = |table, name| Ok(Some(Theirs::of(table, name)));
    match (&request.against, stdin) {
        (Against::Printed, _) => {}
        (Against::Result(there), _) => return of(given(there)?, there.path.display().to_string()),
        (Against::Stdin, Some(file)) => {
            return of(ResultTable::Files(vec![file.path().to_path_buf()]), "stdin".into());
        }
        (Against::Query(_) | Against::Stdin, _) => {
            return Err(Error::job("the late output is compared with a result, and not with a query")
                .hint("name a file of rows: --against late.parquet"));
        }
    }
    match sql::late_script(plan, dialect(request)?)? {
        Some(script) => printed(plan, None, script, false, request).map(Some),
        None => Ok(None),
    }
}

/// The dialect of the engine that runs statements of ours.
fn dialect(request: &VerifyRequest) -> Result<Dialect> {
    match &request.engine {
        Some(engine) => on_engine::dialect(engine),
        None if request.server.is_some() => Ok(Dialect::Postgres),
        None => Ok(Dialect::Polars),
    }
}

/// The name of that engine.
fn engine<'a>(request: &'a VerifyRequest) -> &'a str {
    match &request.engine {
        Some(engine) => &engine.name,
        None if request.server.is_some() => "PostgreSQL",
        None => "Polars",
    }
}

/// The rows of a statement of ours: of an output, or of the late output.
fn printed(
    plan: &Plan,
    output: Option<OutputId>,
    script: SqlScript,
    ordered: bool,
    request: &VerifyRequest,
) -> Result<Theirs> {
    let limits = RefereeLimits::of(request.options.memory, &request.options.spill_folder);
    let limits = RefereeLimits { ordered, ..limits };
    let of_late = plan.deliveries.late.as_ref().map(late_schema);
    let columns = output.map(|output| &plan.deliveries.outputs[output].columns).or(of_late.as_ref());
    let columns = columns.ok_or_else(|| Error::machine("a statement is of an output"))?;
    let answer = on_threads(request, || {
        let in_memory = |rows| RefereeAnswer { rows: RefereeRows::Batch(rows), note: None };
        Ok(match (&request.engine, &request.server) {
            (Some(engine), _) => {
                in_memory(EngineTables::open(plan, engine, request.options)?.table(&script, columns)?)
            }
            (None, Some(server)) => in_memory(server::run(plan, &script, server)?),
            (None, None) => referee::run_output(plan, output, &script.query, limits)?,
        })
    })?;
    let (table, folder) = match answer.rows {
        RefereeRows::Batch(rows) => (rows_of(rows)?, None),
        RefereeRows::Files(folder, files) => (ResultTable::Files(files), Some(folder)),
    };
    let notes = script.notes.into_iter().chain(answer.note).collect();
    Ok(Theirs { table, name: format!("the job's SQL by {}", engine(request)), notes, folder })
}

/// Does `work` on the threads that were asked for.
fn on_threads<T: Send>(request: &VerifyRequest, work: impl FnOnce() -> Result<T> + Send) -> Result<T> {
    // The raw readers use the current rayon pool. Without this call `--threads` would not bind them.
    process::pool(request.options.threads)?.install(work)
}

fn rows_of(batch: RecordBatch) -> Result<ResultTable> {
    let field = |f: &arrow_schema::FieldRef| {
        let ty = match f.data_type() {
            arrow_schema::DataType::Boolean => DataType::Bool,
            arrow_schema::DataType::Int64 => DataType::Int64,
            arrow_schema::DataType::Float64 => DataType::Float64,
            arrow_schema::DataType::Decimal128(precision, scale) => {
                DataType::Decimal { precision: *precision, scale: (*scale).max(0) as u8 }
            }
            arrow_schema::DataType::Date32 => DataType::Date,
            arrow_schema::DataType::Timestamp(..) => DataType::Timestamp,
            _ => DataType::String,
        };
        Field::new(f.name(), ty)
    };
    let schema = Schema::new(batch.schema().fields().iter().map(field).collect());
    Ok(ResultTable::Rows { schema, batches: vec![batch] })
}

/// A result in a file, or in a folder of parts.
pub fn files(path: &Path) -> Result<ResultTable> {
    given(&path.to_path_buf().into())
}

/// A result that is there, of a table those files that its snapshot has.
pub fn given(there: &GivenResult) -> Result<ResultTable> {
    let inputs = Inputs::default();
    let pattern = match &there.catalog {
        None => there.path.display().to_string(),
        Some(table) => {
            let file = inputs.metadata_file(table)?;
            file.ok_or_else(|| Error::job(format!("there is no table {table}")))?
        }
    };
    let found = expand_at(&[pattern], None, there.snapshot, &inputs)?;
    Ok(ResultTable::Opened(found.files))
}
