//! `highwater schema`: the JSON Schema of the job file, and the page that is made of it.

mod page;

use super::ui;
use crate::error::{Error, Result, exit};
use clap::Args;

/// The JSON Schema of the job file, written by hand; a test of `job::spec` holds its keys to those that are read.
const SCHEMA: &str = include_str!("../../data/job.schema.json");

/// Print the JSON Schema of the job file: every key with its type, default, meaning and examples.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  highwater schema
  highwater schema --markdown

Elsewhere, in the first line of a job file, for editors that know TOML (Even Better TOML, taplo):
  #:schema job.schema.json")]
pub struct SchemaArgs {
    /// Print the page of the job file in its place: a table of keys for each section, as Markdown
    #[arg(long)]
    markdown: bool,
}

impl SchemaArgs {
    pub fn run(&self) -> Result<u8> {
        if !self.markdown {
            ui::print(SCHEMA)?;
            return Ok(exit::DONE);
        }
        let schema = serde_json::from_str(SCHEMA)
            .map_err(|cause| Error::machine("the schema of the job file is not JSON").caused_by(cause))?;
        ui::print(&page::markdown(&schema))?;
        Ok(exit::DONE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    #[test]
    fn the_page_of_the_job_file_is_what_the_schema_says() {
        let page = page::markdown(&serde_json::from_str(SCHEMA).unwrap());
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/src/guide/job-file.md");
        if std::env::var_os("HIGHWATER_BLESS").is_some() {
            std::fs::write(path, &page).unwrap();
        }
        let kept = std::fs::read_to_string(path).unwrap_or_default();
        assert!(
            kept == page,
            "{path} is not what `highwater schema --markdown` says; HIGHWATER_BLESS=1 writes it"
        );
    }

    /// Editors show what the language of expressions has where one is written.
    #[test]
    fn the_help_of_expressions_names_every_function() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/data/job.schema.json");
        let begin = "\"x-taplo\": { \"docs\": { \"main\": ";
        let line = format!("{begin}{} }} }},", Value::from(crate::expr::functions::help()));
        let kept = std::fs::read_to_string(path).unwrap();
        let lines = kept.lines().filter(|kept| kept.trim_start().starts_with(begin));
        assert_eq!(lines.clone().count(), 4, "filters, HAVING, and tables of expressions");
        if std::env::var_os("HIGHWATER_BLESS").is_some() {
            let blessed = kept.lines().map(|kept| match kept.trim_start().starts_with(begin) {
                true => format!("{}{line}\n", &kept[..kept.len() - kept.trim_start().len()]),
                false => format!("{kept}\n"),
            });
            std::fs::write(path, blessed.collect::<String>()).unwrap();
            return;
        }
        lines.for_each(|kept| assert_eq!(kept.trim(), line, "HIGHWATER_BLESS=1 writes it"));
    }

    /// Every key that is read says what it means, of what type it is, and how it may look.
    #[test]
    fn every_key_has_a_description_a_type_and_examples() {
        let schema: Value = serde_json::from_str(SCHEMA).unwrap();
        let mut keys = 0;
        for section in page::SECTIONS {
            for (name, key) in page::keys(&schema, section.pointer) {
                assert!(!key.meaning.is_empty() && key.meaning.ends_with('.'), "{name} of {}", section.title);
                assert!(!key.ty.is_empty(), "{name} of {} has no type", section.title);
                assert!(
                    page::section_of(&name).is_some() || !key.examples.is_empty(),
                    "{name} of {}",
                    section.title
                );
                keys += 1;
            }
        }
        assert!(keys > 80, "{keys}");
    }
}
