//! `highwater schema`: the JSON Schema of the job file, and the guide's page of it.

mod json;
mod page;

use super::ui;
use crate::error::{Result, exit};
use clap::Args;

/// Print the JSON Schema of the job file: every key with its type, default, meaning and examples.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  highwater schema
  highwater schema --markdown

Elsewhere, in the first line of a job file, for editors that know TOML (Even Better TOML, taplo):
  #:schema job.schema.json")]
pub struct SchemaArgs {
    /// Print the documentation of the job file instead: a table of keys for each section, as Markdown
    #[arg(long)]
    markdown: bool,
}

impl SchemaArgs {
    pub fn run(&self) -> Result<u8> {
        ui::print(&if self.markdown { page::markdown() } else { json::text() })?;
        Ok(exit::DONE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::job::keys::SECTIONS;
    use serde_json::Value;

    /// Compares a file of the repository with what it is made of; HIGHWATER_BLESS=1 writes it.
    fn assert_kept(path: &str, made: &str) {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
        if std::env::var_os("HIGHWATER_BLESS").is_some() {
            std::fs::write(&path, made).unwrap();
        }
        let kept = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(kept == made, "{} is not what is made; HIGHWATER_BLESS=1 writes it", path.display());
    }

    #[test]
    fn the_page_of_the_job_file_is_what_the_keys_say() {
        assert_kept("src/guide/job-file.md", &page::markdown());
    }

    #[test]
    fn the_schema_in_data_is_what_the_keys_say() {
        assert_kept("data/job.schema.json", &json::text());
    }

    /// Editors show what the language of expressions has where one is written.
    #[test]
    fn the_help_of_expressions_names_every_function() {
        let line = format!("{{ \"docs\": {{ \"main\": {} }} }}", Value::from(crate::expr::functions::help()));
        let text = json::text();
        assert_eq!(text.matches(&line).count(), 5, "filters, HAVING, deletes, and tables of expressions");
    }

    /// Every key that is read says what it means, of what type it is, and how it may look.
    #[test]
    fn every_key_has_a_description_a_type_and_examples() {
        let mut keys = 0;
        for section in SECTIONS {
            for key in section.keys {
                let (title, name) = (section.title, key.name);
                assert!(key.meaning().ends_with('.'), "{name} of {title}");
                assert!(!page::ty(key).is_empty(), "{name} of {title} has no type");
                let examples: Vec<Value> = serde_json::from_str(key.examples).expect(name);
                assert!(key.of.is_some() || !examples.is_empty(), "{name} of {title}");
                assert!(key.default.is_empty() || key.default_value().is_some(), "{name} of {title}");
                keys += 1;
            }
        }
        assert!(keys > 80, "{keys}");
    }
}
