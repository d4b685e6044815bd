//! A file read in chunks of several sizes, of which none may show. Shared with the targets in `fuzz/`.

use highwater::error::Error;
use highwater::input::Scan;
use highwater::job::{JobSpec, Overrides, plan_job};
use std::path::Path;
use std::sync::Arc;

/// All that a source gives, as text: its rows in the order of their positions, and its rejects; or the exit code and
/// the words of what it fails with.
type Read = Result<(Vec<String>, Vec<String>), (u8, String)>;

/// Whether words of errors are compared, or their exit codes alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Words {
    Same,
    Any,
}

/// Reads `content`, as a file `name` below `folder`, as a source with the keys `source`: once whole, and in chunks of
/// some sizes. What is read has to be the same.
pub fn reads_alike(
    folder: &Path,
    name: &str,
    content: &[u8],
    source: &str,
    words: Words,
) -> Result<(), String> {
    let path = folder.join(name);
    let made = path.parent().map_or(Ok(()), std::fs::create_dir_all);
    made.and_then(|()| std::fs::write(&path, content)).map_err(|e| e.to_string())?;
    let root = folder.display();
    let top = name.split('/').next().unwrap_or(name);
    let job =
        format!("[source]\npath = \"{root}/{top}\"\n{source}\n[[output]]\npath = \"{root}/out.jsonl\"\n");
    let whole = read(&job, 1 << 20)?;
    for chunk_bytes in [1, 50, 700] {
        let other = read(&job, chunk_bytes)?;
        let alike = match (&whole, &other) {
            (Err((code, _)), Err((other, _))) if words == Words::Any => code == other,
            (whole, other) => whole == other,
        };
        if !alike {
            return Err(format!("whole: {whole:?}\nin chunks of {chunk_bytes}: {other:?}"));
        }
    }
    Ok(())
}

/// Reads the source of `job` in chunks of this size. The outer error is a broken law of the reader.
fn read(job: &str, chunk_bytes: usize) -> Result<Read, String> {
    let said = |error: Error| (error.kind().exit_code(), error.to_string());
    let plan = || {
        let spec = JobSpec::parse("job.toml", job)?;
        let mut read = plan_job(&spec, &Overrides { chunk_bytes, ..Overrides::default() })?.pipeline.read;
        read.positions = true;
        Scan::new(Arc::new(read))
    };
    let scan = match plan() {
        Ok(scan) => scan,
        Err(error) => return Ok(Err(said(error))),
    };
    let (rows, counted) = match rows(&scan) {
        Ok(rows) => rows,
        Err(error) => return Ok(Err(said(error))),
    };
    if !rows.is_sorted_by(|a, b| a.0 < b.0) {
        return Err("rows do not come in the order of their positions".into());
    }
    let rejects = scan.finish().and_then(|report| report.rejects.collect::<Result<Vec<_>, Error>>());
    let rejects = match rejects {
        Ok(rejects) => rejects,
        Err(error) => return Ok(Err(said(error))),
    };
    if counted != (rows.len() + rejects.len()) as u64 {
        return Err(format!("read {counted}, but {} rows and {} rejects", rows.len(), rejects.len()));
    }
    let rows = rows.into_iter().map(|(_, row)| row).collect();
    Ok(Ok((rows, rejects.iter().map(|reject| format!("{reject:?}")).collect())))
}

/// The rows that one worker gives, each with its position, and how many records were read. Why it stops early is told by
/// [`Scan::finish`].
fn rows(scan: &Scan) -> Result<(Vec<(u64, String)>, u64), Error> {
    let mut worker = scan.worker()?;
    let (mut rows, mut counted) = (vec![], 0);
    while let Ok(Some(decoded)) = worker.next() {
        counted += decoded.read;
        let batch = decoded.batch;
        for row in 0..batch.rows {
            let value = |column| {
                arrow_cast::display::array_value_to_string(column, row).unwrap_or_else(|e| e.to_string())
            };
            let values: Vec<String> = batch.columns.iter().map(|column| value(column)).collect();
            rows.push((batch.positions[row].as_u64(), format!("{} {values:?}", batch.time[row])));
        }
    }
    Ok((rows, counted))
}
