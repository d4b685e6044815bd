//! An engine, and how it is reached.

use crate::secret::Template;

/// An engine, and how it is reached. Its secrets are not read yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EngineAddress {
    /// As the user named it, without a login.
    pub name: String,
    /// The SQL dialect that it reads, by the name that `sql --dialect` has for it.
    pub dialect: String,
    /// Statements that run first in each session.
    pub setup: Vec<String>,
    /// The driver: a path of a library or manifest, or a name that is searched for.
    pub(super) driver: String,
    /// The function that the library begins with, where it is not the usual one.
    pub(super) entrypoint: Option<String>,
    /// The options of the database.
    pub(super) options: Vec<(String, Template)>,
}

impl EngineAddress {
    /// Whether the engine lives in this process, so that it reads the files of this machine by the same paths.
    pub fn is_in_process(&self) -> bool {
        names_duckdb(&self.driver)
    }
}

/// Whether a driver is the library of DuckDB.
pub(super) fn names_duckdb(driver: &str) -> bool {
    driver.rsplit('/').next().is_some_and(|name| name.to_lowercase().contains("duckdb"))
}
