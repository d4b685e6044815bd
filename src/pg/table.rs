//! The address of a table: `postgres://user@host:port/database/schema.table`.

use super::quoted;
use super::server::ServerAddress;
use super::url::{UrlParts, encoded};
use crate::error::{Error, Result};

/// A table of a server.
#[derive(Debug, Clone)]
pub struct TableAddress {
    /// The server.
    pub server: ServerAddress,
    /// Its schema, where the URL names one; else the first of the user's search path has it, or gets it.
    pub schema: Option<String>,
    /// Its name.
    pub name: String,
}

/// What a URL of a table looks like.
const FORM: &str =
    "postgres://user@host:5432/database/table, or …/schema.table; with PGDATABASE set postgres://host/table";

impl TableAddress {
    /// Reads a URL: the last part of its path is the table, the one before it the database. With a table alone the
    /// database is that of `PGDATABASE`.
    ///
    /// # Errors
    /// A job error: it is no such URL, or leaves out the table or the database.
    pub fn parse(url: &str) -> Result<TableAddress> {
        let has_database = std::env::var("PGDATABASE").is_ok_and(|name| !name.is_empty());
        let TableUrlParts { url, database, schema, name } = parts(url, has_database)?;
        Ok(TableAddress { server: ServerAddress::of_url(url, database)?, schema, name })
    }

    /// Whether `url` can be one, whatever the environment says where it is used.
    ///
    /// # Errors
    /// As of [`TableAddress::parse`], but for a database or a user that the URL leaves out.
    pub fn check(url: &str) -> Result<()> {
        parts(url, true).map(|_| ())
    }

    /// The table as SQL names it.
    pub fn quoted(&self) -> String {
        let schema = self.schema.as_ref().map(|schema| format!("{}.", quoted(schema)));
        format!("{}{}", schema.unwrap_or_default(), quoted(&self.name))
    }

    /// Which table it is: without user, password and parameters.
    pub fn url(&self) -> String {
        let schema = self.schema.as_ref().map(|schema| format!("{}.", encoded(schema))).unwrap_or_default();
        let database = encoded(self.server.database());
        format!("postgres://{}/{database}/{schema}{}", self.server.place(), encoded(&self.name))
    }
}

/// The parts of a URL of a table.
struct TableUrlParts {
    /// What is left: the server and its parameters.
    url: UrlParts,
    database: Option<String>,
    schema: Option<String>,
    name: String,
}

/// Takes the URL of a table apart; `has_database` is whether the environment names a database.
fn parts(url: &str, has_database: bool) -> Result<TableUrlParts> {
    let mut url = UrlParts::parse(url)?;
    let path = std::mem::take(&mut url.path);
    let (database, table) = match &path[..] {
        [table] => (None, table),
        [database, table] => (Some(database.clone()), table),
        [] => return Err(Error::job("the URL of the output does not name a table").hint(FORM)),
        _ => return Err(Error::job("the path of the URL is longer than database and table").hint(FORM)),
    };
    let given = url.parameters.iter().any(|(key, _)| key == "dbname");
    if database.is_none() && !given && !has_database {
        return Err(Error::job(format!("the URL of the table `{table}` does not name a database")).hint(FORM));
    }
    let Some((schema, name)) = split(table) else {
        return Err(Error::job(format!("`{table}` is not the name of a table")).hint(FORM));
    };
    // A longer one would be cut, and found again under another name.
    if let Some(long) = [schema.as_ref(), Some(&name)].into_iter().flatten().find(|name| name.len() > 63) {
        return Err(Error::job(format!("the name `{long}` is longer than PostgreSQL's 63 bytes")));
    }
    Ok(TableUrlParts { url, database, schema, name })
}

/// The table that a URL names, with its schema if it names one: whatever else is wrong with it.
pub fn table_name(url: &str) -> Option<String> {
    let table = UrlParts::parse(url).ok()?.path.pop()?;
    split(&table).map(|_| table)
}

/// `schema.table` or `table`.
fn split(table: &str) -> Option<(Option<String>, String)> {
    let (schema, name) = table.split_once('.').map_or((None, table), |(schema, name)| (Some(schema), name));
    let wrong = name.is_empty() || name.contains('.') || schema.is_some_and(str::is_empty);
    (!wrong).then(|| (schema.map(str::to_string), name.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_part_is_the_table() {
        let table = TableAddress::parse("postgres://me:pw@db:6000/sales/totals").unwrap();
        assert_eq!(
            (table.quoted(), table.url()),
            ("\"totals\"".into(), "postgres://db:6000/sales/totals".into())
        );
        let table =
            TableAddress::parse("postgres://me@db:6000/sales/Re%20port.a%22b?sslmode=disable").unwrap();
        assert_eq!(table.quoted(), "\"Re port\".\"a\"\"b\"");
        assert_eq!(table.url(), "postgres://db:6000/sales/Re%20port.a%22b");
        let table = TableAddress::parse("postgres://me@db:6000/totals?dbname=sales").unwrap();
        assert_eq!(table.url(), "postgres://db:6000/sales/totals");
    }

    #[test]
    fn a_url_without_a_table_is_told() {
        let long = format!("postgres://me@h/d/{}", "t".repeat(64));
        for wrong in [
            "postgres://me@h",
            "postgres://me@h/a/b/c",
            "postgres://me@h/d/.t",
            "postgres://me@h/d/a.b.c",
            &long,
        ] {
            assert!(TableAddress::parse(wrong).is_err(), "{wrong}");
        }
    }
}
