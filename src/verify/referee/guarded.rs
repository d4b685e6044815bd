//! The threads of Polars, which every call of it may need: it panics where they cannot be started.

use crate::error::Result;
use crate::process;
use polars::prelude as pl;
use polars::prelude::{IntoLazy, NamedFrom};
use std::sync::OnceLock;

/// Starts the threads of Polars, once.
///
/// # Errors
/// They cannot be started.
pub fn start() -> Result<()> {
    static STARTED: OnceLock<std::result::Result<(), String>> = OnceLock::new();
    let started = STARTED.get_or_init(|| {
        // Polars warns, on stderr, of what will change in its own API: nothing that who writes a job could act on.
        polars::error::set_warning_function(|_, _| {});
        let column = pl::Series::new("x".into(), &[1i64, 2]).into();
        // Two parts that are no literals are computed on its threads.
        let sum = (pl::col("x") + pl::lit(1)) * (pl::col("x") + pl::lit(2));
        let sum = || pl::DataFrame::new(2, vec![column])?.lazy().select([sum]).collect();
        process::caught(sum).map(drop).map_err(|panic| panic.message)
    });
    started.clone().map_err(process::no_threads)
}
