//! A session of Spark: which engine answers, and what it is set to.
//!
//! # Contract
//! Other engines speak the protocol of Spark Connect. One that is not Spark 4 is refused by name before a statement runs.

use crate::adbc::{EngineSession, natural};
use crate::error::{Error, Result};
use arrow_array::cast::AsArray;

/// Settings by which a statement means something else or leaves records out, as they are by default. A server may have others.
const SETTINGS: [&str; 8] = [
    "spark.sql.variable.substitute = false",
    "spark.sql.timestampType = TIMESTAMP_LTZ",
    "spark.sql.parser.escapedStringLiterals = false",
    "spark.sql.ansi.doubleQuotedIdentifiers = false",
    "spark.sql.files.ignoreCorruptFiles = false",
    "spark.sql.files.ignoreMissingFiles = false",
    "spark.sql.legacy.timeParserPolicy = CORRECTED",
    "spark.sql.parquet.inferTimestampNTZ.enabled = true",
];

/// Makes a session ready for the statements of a job.
///
/// # Errors
/// A job error: the engine is not one whose results are known. The engine does not answer.
pub(super) fn begin(session: &mut EngineSession) -> Result<()> {
    let version = one_text(session, "SELECT version()")?;
    if let Some(error) = refused(session.name(), &version) {
        return Err(error);
    }
    SETTINGS.iter().try_for_each(|setting| session.execute(&format!("SET {setting}")))
}

/// The error for an engine of this version, such as `4.3.0 98bc0212`, if it is not Spark 4.
fn refused(name: &str, version: &str) -> Option<Error> {
    let number = version.split(' ').next().unwrap_or_default();
    let major: Option<u32> = number.split('.').next().and_then(|major| major.parse().ok());
    let what = match major {
        Some(4..) => return None,
        // Sail has its own numbers.
        Some(0) => format!("is Sail {number} or an engine like it, and not Spark"),
        Some(_) => format!("is Spark {number}, and statements are known to be right from Spark 4 on"),
        None => format!("is of the version `{number}`, which is not one of Spark"),
    };
    let error = Error::job(format!("the engine `{name}` {what}"));
    Some(match major {
        Some(0) => error
            .hint("Sail does not say of which file a record is, takes no settings, and its integers wrap without an error")
            .hint("run the job on a Spark Connect server, or without --on"),
        _ => error.hint("run the job on a server of Spark 4, or without --on"),
    })
}

/// The text that a statement gives.
fn one_text(session: &mut EngineSession, statement: &str) -> Result<String> {
    let mut all = String::new();
    for batch in session.query(statement)? {
        let batch = natural(&batch?)?;
        let texts = batch.columns().first().and_then(|column| column.as_string_view_opt());
        texts.iter().flat_map(|texts| texts.iter().flatten()).for_each(|text| all.push_str(text));
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn engines_that_are_not_spark_4_are_refused_by_name() {
        let of = |version: &str| refused("x", version).map(|error| error.message().to_string());
        assert_eq!(of("4.3.0 98bc0212c94705434471627068f41e374ccab143"), None);
        assert_eq!(of("5.0.0"), None);
        assert_eq!(of("0.7.2").unwrap(), "the engine `x` is Sail 0.7.2 or an engine like it, and not Spark");
        assert!(
            of("3.5.6 1234")
                .unwrap()
                .contains("is Spark 3.5.6, and statements are known to be right from Spark 4 on")
        );
        assert!(of("").unwrap().contains("is of the version ``"));
    }
}
