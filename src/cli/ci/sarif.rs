//! Faults of jobs as SARIF 2.1.0, which GitHub's code scanning, Azure DevOps and editors read.

use crate::cli::rule::{FaultRule, words};
use crate::error::{Error, Kind, Result};
use crate::secret::without_secrets;
use crate::sink::owner::{self, Made};
use clap::{Args, ValueHint};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

const SCHEMA: &str = "https://json.schemastore.org/sarif-2.1.0.json";

/// Where faults go.
#[derive(Debug, Args)]
pub struct SarifArgs {
    /// Also write the errors as SARIF 2.1.0, for code scanning and editors
    #[arg(long, value_name = "FILE.sarif", value_hint = ValueHint::FilePath)]
    sarif: Option<PathBuf>,
}

impl SarifArgs {
    /// Says before the work that the file cannot be written.
    ///
    /// # Errors
    /// As of [`owner::check`].
    pub fn check(&self) -> Result<()> {
        self.sarif.iter().try_for_each(|path| owner::check(path, Made::Sarif))
    }

    /// The file, if one is wanted.
    pub fn path(&self) -> Option<&PathBuf> {
        self.sarif.as_ref()
    }

    /// Writes the faults, if that is wanted. Each error comes with the job file that it is of.
    ///
    /// # Errors
    /// As of [`owner::put`].
    pub fn write<'a>(&self, errors: impl Iterator<Item = (&'a Path, &'a Error)>) -> Result<()> {
        let Some(path) = &self.sarif else { return Ok(()) };
        let log = serde_json::to_string_pretty(&log(errors));
        let log = log.map_err(|e| Error::machine("cannot print SARIF").caused_by(e))?;
        owner::put(path, Made::Sarif, format!("{log}\n").as_bytes()).map(drop)
    }
}

/// The log: one run, with all rules, and a result for each fault.
fn log<'a>(errors: impl Iterator<Item = (&'a Path, &'a Error)>) -> Value {
    let (mut results, mut code) = (vec![], 0);
    for (job, error) in errors {
        code = code.max(error.kind().exit_code());
        results.extend(error.faults().into_iter().map(|fault| result(job, fault)));
    }
    let rules: Vec<Value> = FaultRule::ALL.iter().map(|rule| described(rule)).collect();
    json!({
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": {
                "name": "highwater",
                "semanticVersion": env!("CARGO_PKG_VERSION"),
                "rules": rules,
            } },
            // A fault of a job is a result; only where a file could not be checked at all the run failed.
            "invocations": [{ "executionSuccessful": code <= 2, "exitCode": code }],
            "columnKind": "unicodeCodePoints",
            "results": results,
        }],
    })
}

fn described(rule: &FaultRule) -> Value {
    json!({
        "id": rule.id,
        "shortDescription": { "text": rule.short },
        "help": { "text": rule.help, "markdown": rule.help },
        "defaultConfiguration": { "level": "error" },
    })
}

fn result(job: &Path, fault: &Error) -> Value {
    let rule = FaultRule::of(fault);
    let mut place = json!({});
    if let Some(snippet) = fault.place() {
        place = json!({
            "artifactLocation": { "uri": uri(Path::new(&snippet.file)) },
            "region": {
                "startLine": snippet.line,
                "startColumn": snippet.column,
                "endColumn": snippet.column + snippet.width,
                "snippet": { "text": without_secrets(&snippet.text) },
            },
        });
    } else if fault.kind() != Kind::Fault {
        place = json!({ "artifactLocation": { "uri": uri(job) } });
    }
    let mut result = json!({
        "ruleId": rule.id,
        "ruleIndex": rule.index(),
        "level": "error",
        "message": { "text": words(fault) },
    });
    if place != json!({}) {
        result["locations"] = json!([{ "physicalLocation": place }]);
    }
    result
}

/// A path as a URI: one that is relative stays so, as a viewer knows the root of the repository.
fn uri(path: &Path) -> String {
    let text = path.to_string_lossy();
    let mut out = if path.is_absolute() { "file://".to_string() } else { String::new() };
    let text = text.strip_prefix("./").unwrap_or(&text);
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => {
                out.push(byte as char)
            }
            // A colon too: before the first slash it would end a scheme.
            byte => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_uris() {
        assert_eq!(uri(Path::new("./jobs/a b:c%.toml")), "jobs/a%20b%3Ac%25.toml");
        assert_eq!(uri(Path::new("/tmp/ü.toml")), "file:///tmp/%C3%BC.toml");
    }

    #[test]
    fn rules_have_their_numbers() {
        for (number, rule) in FaultRule::ALL.iter().enumerate() {
            assert_eq!(rule.index(), number, "{}", rule.id);
        }
    }
}
