//! The job file as written: its form is checked here, its meaning in `validate`.

use super::document::{At, Document, parse};
use super::keys::job as keys;
use super::reader::TableReader;
use crate::error::{Error, Result};
use crate::input::Inputs;
use std::path::PathBuf;

mod catalog;
mod log;
mod output;
mod step;
mod variant;
mod written;

pub use catalog::{CatalogSpec, check_table, table_kind};
pub use log::{LogSpec, ShapeSpec, SourceSpec, TableArrivalSpec, TableSpec};
pub use output::{OutputSpec, PageSpec, WindowKind, WindowSpec, is_true};
pub use step::{
    EnrichSpec, LookupFrom, LookupSpec, NamedTexts, OtherwiseSpec, ReachSpec, ServiceSpec, StepSpec,
};
pub use written::WrittenSpec;

/// A job file's content, with the place of every value.
pub struct JobSpec {
    pub(super) document: Document,
    pub(super) name: Option<At<String>>,
    pub(super) timezone: Option<At<String>>,
    pub(super) memory: Option<At<String>>,
    pub(super) threads: Option<At<usize>>,
    pub(super) mode: Option<At<String>>,
    pub(super) source: SourceSpec,
    pub(super) tables: Vec<TableSpec>,
    pub(super) steps: Vec<StepSpec>,
    /// Those that have rows.
    pub(super) outputs: Vec<OutputSpec>,
    /// Those that show others.
    pub(super) pages: Vec<PageSpec>,
    /// `path` of `[late]`.
    pub(super) late: Option<At<String>>,
    /// `table` of `[late]`.
    pub(super) late_table: Option<At<String>>,
    /// `catalog` of `[late]`.
    pub(super) late_catalog: Option<CatalogSpec>,
    /// `key` of `[late]`.
    pub(super) late_key: Vec<At<String>>,
    /// The files that it reads, as they were first seen.
    pub(super) inputs: Inputs,
}

impl JobSpec {
    /// The text of the job file.
    pub fn text(&self) -> &str {
        &self.document.text
    }

    /// Its name in errors.
    pub fn file(&self) -> &str {
        &self.document.file
    }

    /// Reads the text of a job file; `file` is its name in errors. Faults other than of syntax are noted in the
    /// document.
    ///
    /// # Errors
    /// A job error that reports every fault of syntax.
    pub(super) fn read(file: &str, text: &str) -> Result<JobSpec> {
        let document = Document::new(file, text);
        let table = parse(&document);
        // After an error of syntax the table is not whole, and keys that it lacks would be false faults.
        if let Some(error) = document.faults() {
            return Err(error);
        }
        // A fault of the whole job points at its first line.
        let end = 0..text.find('\n').unwrap_or(text.len());
        let top = TableReader::new(&document, "the job", &keys::JOB, table.get_ref(), end);
        let (name, timezone) = (top.get(keys::NAME), top.get(keys::TIMEZONE));
        let (memory, threads) = (top.get(keys::MEMORY), top.get(keys::THREADS));
        let mode = top.get(keys::MODE);
        let source = top.get(keys::SOURCE).map(|table| log::source(&table)).unwrap_or_default();
        let tables = top.get(keys::TABLES).unwrap_or_default();
        let tables = tables.into_iter().map(|(name, t)| log::table(&document, name, &t)).collect();
        let steps = top.get(keys::STEPS).unwrap_or_default();
        let steps = steps.iter().map(|t| step::step(&document, t)).collect();
        let (mut outputs, mut pages) = (vec![], vec![]);
        for table in &top.get(keys::OUTPUTS).unwrap_or_default() {
            // Pages are told apart here, as they have other keys than outputs with rows.
            match output::page(table) {
                Some(page) => pages.push(page),
                None => outputs.push(output::output(&document, table)),
            }
        }
        if let Some(page) = pages.first().filter(|_| outputs.is_empty()) {
            let error = Error::job("a page shows other outputs, but the job has none");
            document.fault(error.hint("add an [[output]] for the page to show"), &page.span);
        }
        let late = top.get(keys::LATE_EVENTS).map(|table| {
            let late = (
                table.get(keys::LATE_PATH),
                table.get(keys::LATE_TABLE),
                catalog::catalog(&table),
                table.get(keys::LATE_KEY).unwrap_or_default(),
            );
            table.finish();
            late
        });
        let (late, late_table, late_catalog, late_key) = late.unwrap_or_default();
        top.finish();
        // Both borrow the document, which moves into the spec.
        drop(top);
        drop(table);
        Ok(JobSpec {
            document,
            name,
            timezone,
            memory,
            threads,
            mode,
            source,
            tables,
            steps,
            outputs,
            pages,
            late,
            late_table,
            late_catalog,
            late_key,
            inputs: Inputs::default(),
        })
    }

    /// The job's name: as the file says, or that of the file.
    pub fn job_name(&self) -> String {
        let of_file = || {
            let stem =
                PathBuf::from(&self.document.file).file_stem().map(|s| s.to_string_lossy().into_owned());
            stem.unwrap_or_else(|| "job".into())
        };
        self.name.as_ref().map_or_else(of_file, |name| name.value.clone())
    }

    /// The job with input files that were looked at already.
    pub fn reading(self, inputs: &Inputs) -> JobSpec {
        JobSpec { inputs: inputs.clone(), ..self }
    }

    /// The files that it reads, as they were first seen.
    pub fn inputs(&self) -> &Inputs {
        &self.inputs
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The keys that a table takes, by asking for one that it does not.
    fn keys(job: &str, table: &str) -> Vec<String> {
        let error = JobSpec::parse("job.toml", job).err().expect("an unknown key").to_string();
        let after =
            error.split(&format!("in {table}\n")).nth(1).unwrap_or_else(|| panic!("{table}: {error}"));
        let hint = after.lines().find_map(|line| line.trim().strip_prefix("hint: the keys are "));
        let mut keys: Vec<String> = hint.expect("the known keys").split(", ").map(String::from).collect();
        keys.sort();
        keys
    }

    #[test]
    fn the_json_schema_has_the_keys_that_are_read() {
        let schema: serde_json::Value =
            serde_json::from_str(include_str!("../../data/job.schema.json")).unwrap();
        let unknown = "qqqqqqqqqq = 1";
        let job = format!(
            "{unknown}\n[source]\n{unknown}\nwritten.a.{unknown}\n[table.x]\n{unknown}\n[[step]]\n{unknown}\n\
            otherwise = [{{ {unknown} }}]\n[[output]]\n{unknown}\nwindow = {{ {unknown} }}\n\
            top = {{ {unknown} }}\ncatalog = {{ {unknown} }}\n[late]\n{unknown}\n"
        );
        for (table, path) in [
            ("the job", "/properties"),
            ("[source]", "/$defs/source/properties"),
            ("[table.x]", "/$defs/table/properties"),
            ("[written.a]", "/$defs/written/additionalProperties/properties"),
            ("[[step]]", "/$defs/step/properties"),
            ("otherwise", "/$defs/otherwise/properties"),
            ("[[output]]", "/$defs/output/properties"),
            ("window", "/$defs/output/properties/window/oneOf/1/properties"),
            ("top", "/$defs/output/properties/top/properties"),
            ("catalog", "/$defs/catalog/properties"),
            ("[late]", "/$defs/late/properties"),
        ] {
            let mut known: Vec<String> =
                schema.pointer(path).unwrap().as_object().unwrap().keys().cloned().collect();
            known.sort();
            assert_eq!(keys(&job, table), known, "{table}");
        }
    }

    #[test]
    fn all_faults_of_form_come_in_one_go() {
        let job = "nmae = \"x\"\n[source]\npath = 1\ntime = \"t\"\n[[step]]\nfilter = true\n[[output]]\npth = \"o\"\n";
        let error = JobSpec::parse("job.toml", job).err().unwrap().to_string();
        for part in [
            "unknown key `nmae`",
            "did you mean `name`?",
            "`path` must be a string",
            "`filter` must be",
            "unknown key `pth`",
            "job.toml:8:1",
        ] {
            assert!(error.contains(part), "{part} in {error}");
        }
    }
}
