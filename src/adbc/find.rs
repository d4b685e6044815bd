//! Which engine is meant: a name of `engines.toml`, or a URI.

use super::address::EngineAddress;
use super::file;
use crate::error::{Error, Result};
use crate::secret::{Template, without_secrets};

/// The URIs whose engine is known.
const SCHEMES: [&str; 4] = ["duckdb:", "postgresql://", "postgres://", "sc://"];

/// The engine that `text` names: an entry of `engines.toml`, `duckdb`, or a URI.
///
/// # Errors
/// A job error: there is no such engine, or its entry is wrong.
pub fn engine(text: &str) -> Result<EngineAddress> {
    let is_uri = text.starts_with("duckdb:") || text.contains("://");
    if is_uri {
        return of_uri(text);
    }
    let file = file::EngineFile::read()?;
    match file.engine(text)? {
        Some(engine) => Ok(engine),
        // DuckDB needs no address: it is in this process.
        None if text == "duckdb" => Ok(EngineAddress { name: text.to_string(), ..duckdb(":memory:") }),
        None => Err(unknown(text, &file)),
    }
}

/// The error for a name that is not that of an engine.
fn unknown(text: &str, file: &file::EngineFile) -> Error {
    let known: Vec<&str> = file.names().chain(["duckdb"]).collect();
    Error::job(format!("there is no engine `{}`", without_secrets(text)))
        .nearest_or("the engines are", text, known)
        .hint(format!("an engine is an entry of {}, or a URI: {}…", file.path.display(), SCHEMES.join("…, ")))
}

/// DuckDB over the database at `path`.
fn duckdb(path: &str) -> EngineAddress {
    EngineAddress {
        name: format!("duckdb:{path}"),
        dialect: "duckdb".into(),
        setup: vec![],
        driver: "duckdb".into(),
        entrypoint: Some("duckdb_adbc_init".into()),
        options: vec![("path".into(), literal(path))],
    }
}

/// A text without variables.
fn literal(text: &str) -> Template {
    Template::parse(&text.replace("${", "$${")).unwrap_or_default()
}

fn of_uri(uri: &str) -> Result<EngineAddress> {
    if let Some(rest) = uri.strip_prefix("duckdb:") {
        // `duckdb:///data/a.db` is the file `/data/a.db`; nothing is a database in memory.
        let path = rest.strip_prefix("//").unwrap_or(rest);
        return Ok(duckdb(if path.is_empty() { ":memory:" } else { path }));
    }
    if ["postgres://", "postgresql://"].iter().any(|scheme| uri.starts_with(scheme)) {
        let (scheme, rest) = uri.split_once("://").unwrap_or(("postgresql", uri));
        let (authority, path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
        let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
        let path = path.split('?').next().unwrap_or_default();
        return Ok(EngineAddress {
            name: format!("{scheme}://{host}{path}"),
            dialect: "postgres".into(),
            setup: vec![],
            driver: "adbc_driver_postgresql".into(),
            entrypoint: None,
            options: vec![("uri".into(), literal(uri))],
        });
    }
    if let Some(rest) = uri.strip_prefix("sc://") {
        // What follows the place are parameters, among them the token: `sc://host:443/;token=…`.
        let place = rest.split(['/', ';']).next().unwrap_or_default();
        let host = place.rsplit_once('@').map_or(place, |(_, host)| host);
        return Ok(EngineAddress {
            name: format!("sc://{host}"),
            dialect: "spark".into(),
            setup: vec![],
            driver: "adbc_driver_spark".into(),
            entrypoint: None,
            options: vec![("uri".into(), literal(uri))],
        });
    }
    let scheme = uri.split("://").next().unwrap_or_default();
    Err(Error::job(format!("the URI `{scheme}://…` does not say which engine answers"))
        .hint(format!("URIs with a known engine are {}…", SCHEMES.join("…, ")))
        .hint(format!(
            "for another one write its driver, uri and dialect into {}, and give the name of that entry",
            file::place().display()
        )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uris_name_engines() {
        let of = |uri: &str| {
            let found = of_uri(uri).unwrap();
            let options: Vec<String> =
                found.options.iter().map(|(key, value)| format!("{key}={}", value.text())).collect();
            (found.name, found.dialect, options.join(" "))
        };
        let duckdb = |path: &str| (format!("duckdb:{path}"), "duckdb".to_string(), format!("path={path}"));
        assert_eq!(of("duckdb:"), duckdb(":memory:"));
        assert_eq!(of("duckdb://"), duckdb(":memory:"));
        assert_eq!(of("duckdb:///data/a.db"), duckdb("/data/a.db"));
        assert_eq!(of("duckdb:a.db"), duckdb("a.db"));
        let (name, dialect, options) = of("postgresql://me:pw@host:5433/sales?sslmode=require");
        assert_eq!((name.as_str(), dialect.as_str()), ("postgresql://host:5433/sales", "postgres"));
        assert_eq!(options, "uri=postgresql://me:pw@host:5433/sales?sslmode=require");
        let (name, dialect, options) = of("sc://host:443/;token=pw;user_id=me");
        assert_eq!((name.as_str(), dialect.as_str()), ("sc://host:443", "spark"));
        assert_eq!(options, "uri=sc://host:443/;token=pw;user_id=me");
        assert_eq!(of("sc://me:pw@host").0, "sc://host");
    }

    #[test]
    fn a_uri_of_an_unknown_engine_is_refused_without_its_login() {
        let error = of_uri("grpc+tls://me:pw@host:1").unwrap_err().to_string();
        assert!(error.contains("`grpc+tls://…` does not say which engine answers"), "{error}");
        assert!(!error.contains("pw"), "{error}");
    }
}
