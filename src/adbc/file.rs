//! `engines.toml`: the engines that a user has, by name.
//!
//! ```toml
//! [warehouse]
//! driver = "adbc_driver_postgresql"
//! uri = "postgresql://report:${PASSWORD}@db.internal/sales"
//! ```

use super::address::{EngineAddress, names_duckdb};
use crate::error::{Error, Result, Snippet};
use crate::secret::{Template, TextFault, value_of};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// The file, as it is written.
#[derive(Debug, Default)]
pub(super) struct EngineFile {
    /// Where it is, or would be.
    pub path: PathBuf,
    engines: BTreeMap<String, EngineEntry>,
}

/// An engine, as it is written.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct EngineEntry {
    driver: String,
    entrypoint: Option<String>,
    dialect: Option<String>,
    uri: Option<String>,
    #[serde(default)]
    options: BTreeMap<String, String>,
    #[serde(default)]
    setup: Vec<String>,
}

/// Where the file is looked for: HIGHWATER_ENGINES, else the folder of configurations of the user.
pub(super) fn place() -> PathBuf {
    if let Some(path) = value_of("HIGHWATER_ENGINES") {
        return PathBuf::from(path);
    }
    let configurations = value_of("XDG_CONFIG_HOME").map(PathBuf::from);
    let home = || value_of("HOME").map_or_else(PathBuf::new, PathBuf::from).join(".config");
    configurations.unwrap_or_else(home).join("highwater/engines.toml")
}

impl EngineFile {
    /// Reads the file; one that is not there has no engine.
    ///
    /// # Errors
    /// It cannot be read, or is wrong.
    pub fn read() -> Result<EngineFile> {
        let path = place();
        match std::fs::read_to_string(&path) {
            Ok(text) => EngineFile::parse(&path, &text),
            Err(e) if e.kind() == ErrorKind::NotFound => Ok(EngineFile { path, engines: BTreeMap::new() }),
            Err(e) => Err(Error::io("read", &path, e)),
        }
    }

    fn parse(path: &Path, text: &str) -> Result<EngineFile> {
        let engines = toml::from_str(text).map_err(|e: toml::de::Error| {
            let error = Error::job(e.message().to_string());
            match e.span() {
                Some(span) => error.at(Snippet::of(&path.display().to_string(), text, span)),
                None => error.caused_by(path.display()),
            }
        })?;
        Ok(EngineFile { path: path.to_path_buf(), engines })
    }

    /// The names of its engines.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.engines.keys().map(String::as_str)
    }

    /// The engine of this name, if there is one.
    ///
    /// # Errors
    /// A job error: its dialect is not known, or a variable is written in a wrong way.
    pub fn engine(&self, name: &str) -> Result<Option<EngineAddress>> {
        let Some(entry) = self.engines.get(name) else { return Ok(None) };
        let wrong =
            |what: String| Error::job(format!("the engine `{name}` of {}: {what}", self.path.display()));
        let dialect = entry.dialect.clone().or_else(|| dialect_of(&entry.driver).map(str::to_string));
        let dialect = dialect.ok_or_else(|| {
            wrong(format!("the driver `{}` does not say which SQL the engine reads", entry.driver))
                .hint("add its dialect: dialect = \"duckdb\", \"postgres\" or \"spark\"")
        })?;
        let uri = entry.uri.iter().map(|uri| ("uri", uri));
        let given = uri.chain(entry.options.iter().map(|(key, value)| (key.as_str(), value)));
        let options = given.map(|(key, value)| {
            let value = Template::parse(value).map_err(|fault| {
                wrong(match fault {
                    TextFault::Braces => format!("`{key}` has a `${{` without its `}}`"),
                    TextFault::Name(name) => {
                        format!("`{key}` names a variable `{name}`, which is not a name")
                    }
                })
            })?;
            Ok((key.to_string(), value))
        });
        let entrypoint = entry.entrypoint.clone();
        let usual = || names_duckdb(&entry.driver).then(|| "duckdb_adbc_init".to_string());
        Ok(Some(EngineAddress {
            name: name.to_string(),
            dialect,
            setup: entry.setup.clone(),
            driver: self.beside(&entry.driver),
            entrypoint: entrypoint.or_else(usual),
            options: options.collect::<Result<_>>()?,
        }))
    }

    /// A path of a driver as seen from here: a relative one counts from the folder of the file. A name stays a name.
    fn beside(&self, driver: &str) -> String {
        let folder = self.path.parent().filter(|_| driver.contains('/') && !driver.starts_with('/'));
        folder.map_or_else(|| driver.to_string(), |folder| folder.join(driver).display().to_string())
    }
}

/// The dialect of the engines that a driver of this name reaches, where it is one.
fn dialect_of(driver: &str) -> Option<&'static str> {
    let name = driver.rsplit('/').next().unwrap_or(driver).to_lowercase();
    let known =
        [("duckdb", "duckdb"), ("postgres", "postgres"), ("bigquery", "bigquery"), ("spark", "spark")];
    known.iter().find(|(word, _)| name.contains(word)).map(|(_, dialect)| *dialect)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(text: &str) -> Result<EngineFile> {
        EngineFile::parse(Path::new("/etc/hw/engines.toml"), text)
    }

    #[test]
    fn an_entry_is_an_engine() {
        let text = "[lake]\ndriver = \"lib/libduckdb.so\"\nsetup = [\"SET threads = 2\"]\n\
            [store]\ndriver = \"adbc_driver_postgresql\"\nuri = \"postgresql://me:${PW}@db/x\"\n\
            [sail]\ndriver = \"adbc_driver_flightsql\"\ndialect = \"spark\"\noptions = { \"a.b\" = \"c\" }\n";
        let file = file(text).unwrap();
        assert_eq!(file.names().collect::<Vec<_>>(), ["lake", "sail", "store"]);
        let lake = file.engine("lake").unwrap().unwrap();
        assert_eq!(lake.driver, "/etc/hw/lib/libduckdb.so");
        assert_eq!(lake.entrypoint.as_deref(), Some("duckdb_adbc_init"));
        assert_eq!((lake.dialect.as_str(), lake.setup.len()), ("duckdb", 1));
        let store = file.engine("store").unwrap().unwrap();
        assert_eq!((store.driver.as_str(), store.dialect.as_str()), ("adbc_driver_postgresql", "postgres"));
        assert_eq!(store.options[0].1.text(), "postgresql://me:${PW}@db/x");
        let sail = file.engine("sail").unwrap().unwrap();
        assert_eq!((sail.dialect.as_str(), sail.options[0].0.as_str()), ("spark", "a.b"));
        assert!(file.engine("sale").unwrap().is_none());
    }

    #[test]
    fn a_wrong_entry_is_shown_with_its_place() {
        let error = file("[lake]\ndrivr = \"duckdb\"\n").unwrap_err().to_string();
        assert!(error.contains("drivr") && error.contains("engines.toml:2:"), "{error}");
        let file = file("[lake]\ndriver = \"x\"\n[b]\ndriver = \"duckdb\"\nuri = \"${\"\n").unwrap();
        let error = file.engine("lake").unwrap_err().to_string();
        assert!(error.contains("does not say which SQL the engine reads"), "{error}");
        let error = file.engine("b").unwrap_err().to_string();
        assert!(error.contains("without its `}`"), "{error}");
    }
}
