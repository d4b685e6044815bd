//! A run of one output to a stream.

use crate::deliver::{self, Outcome};
use crate::engine::{Pass, Progress, RunOptions};
use crate::error::Result;
use crate::plan::Plan;
use crate::process::pool;
use crate::sink::StreamFormat;
use std::io::Write;

/// Computes the only output of `plan`, a variant by [`Plan::as_stream`], and writes its rows to `out`. It neither reads
/// nor writes outputs in place, late events, rejects, or tables of servers. The answers of services are read and recorded
/// as by every command.
///
/// # Errors
/// Bad data, a machine that fails; `out` cannot be written. What was written by then is a part of the result.
pub fn pipe(
    plan: &Plan,
    format: StreamFormat,
    out: &mut (dyn Write + Send),
    options: &RunOptions,
    progress: &dyn Progress,
) -> Result<Outcome> {
    pool(options.threads)?.install(|| deliver::pipe(&Pass { plan, options, progress }, format, out))
}
