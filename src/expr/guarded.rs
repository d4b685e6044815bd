//! The boundary to Polars: what it panics at is an error that names the expression.
//!
//! Polars panics at what it was built without, at arguments that nobody thought of, and where its threads cannot start.

use super::{first_line, shown, wrong};
use crate::error::{Error, Result};
use crate::process;
use polars::prelude as pl;
use polars::prelude::{IntoLazy, NamedFrom};
use std::sync::OnceLock;

/// The words of Polars' error, or those of its panic.
#[derive(Debug)]
pub(super) enum Failure {
    /// The expression is wrong, or a value that it meets is.
    Error(String),
    /// It cannot be computed at all.
    Panic(String),
}

impl Failure {
    /// The error of the expression `sql`; `wrong` makes that of a cause that Polars tells.
    pub fn error(self, sql: &str, wrong: impl FnOnce(String) -> Error) -> Error {
        match self {
            Failure::Error(cause) => wrong(cause),
            Failure::Panic(cause) => {
                Error::job(format!("the expression `{}` cannot be computed", shown(sql)))
                    .caused_by(format!("Polars, which computes expressions, fails at it: {cause}"))
            }
        }
    }
}

/// Calls Polars.
fn guarded<T>(call: impl FnOnce() -> pl::PolarsResult<T>) -> std::result::Result<T, Failure> {
    match process::caught(call) {
        Ok(result) => result.map_err(|cause| Failure::Error(first_line(&cause.to_string()))),
        Err(panic) => Err(Failure::Panic(first_line(&panic.message))),
    }
}

/// Starts the threads of Polars, once. Every call of it may need them, and panics where they cannot be started.
///
/// # Errors
/// They cannot be started.
pub(crate) fn start() -> Result<()> {
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

/// The expression that Polars reads from `text`, which stands for `sql`.
///
/// # Errors
/// A job error: syntax, an unknown function.
pub(super) fn parsed(text: &str, sql: &str) -> Result<pl::Expr> {
    start()?;
    guarded(|| polars::sql::sql_expr(text)).map_err(|failure| failure.error(sql, |cause| wrong(sql, cause)))
}

/// The type of what `compiled` gives over `columns`, which have no rows.
pub(super) fn dtype(
    compiled: &pl::Expr,
    columns: Vec<pl::Column>,
) -> std::result::Result<pl::DataType, Failure> {
    guarded(|| {
        let frame = pl::DataFrame::new(0, columns)?;
        let schema = frame.lazy().select([compiled.clone().alias("value")]).collect_schema()?;
        let dtype = schema.iter().next().map(|(_, dtype)| dtype.clone());
        dtype.ok_or_else(|| pl::PolarsError::ComputeError("it gives no value".into()))
    })
}

/// The values of `compiled` over `columns` of `rows` rows, made of them by `taken`.
pub(super) fn computed<T>(
    compiled: &pl::Expr,
    rows: usize,
    columns: impl FnOnce() -> pl::PolarsResult<Vec<pl::Column>>,
    taken: impl FnOnce(pl::Column) -> pl::PolarsResult<T>,
) -> std::result::Result<T, Failure> {
    guarded(|| {
        let frame = pl::DataFrame::new(rows, columns()?)?;
        let result = frame.lazy().select([compiled.clone().alias("value")]).collect()?;
        let value = result.column("value")?;
        // A constant gives one row whatever the number of rows.
        let all = if value.len() == 1 && rows != 1 { value.new_from_index(0, rows) } else { value.clone() };
        taken(all)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Kind;

    #[test]
    fn a_panic_over_values_names_the_expression() {
        let wrong = |cause: String| Error::data(cause);
        let panics = || -> pl::PolarsResult<Vec<pl::Column>> { panic!("as the test says") };
        let failure = computed(&pl::lit(1), 1, panics, Ok).unwrap_err();
        let error = failure.error("a // b", wrong);
        assert_eq!(
            (error.kind(), error.message()),
            (Kind::Job, "the expression `a // b` cannot be computed")
        );
        assert!(error.causes()[0].ends_with("as the test says"), "{error}");
        let fails = || Err(pl::PolarsError::ComputeError("too large".into()));
        let failure = computed(&pl::lit(1), 1, fails, Ok).unwrap_err();
        assert_eq!(failure.error("a // b", wrong).kind(), Kind::Data);
    }
}
