//! Events of OpenLineage: which datasets a command reads and writes, for the catalogs of an orchestrator.
//!
//! # Contract
//! * A command gives one START, then one COMPLETE or FAIL, of one run. Nothing is sent unless the command line asks.
//! * A receiver that fails gives a warning and never fails the command. Events are posted by a thread of their own, and
//!   a command that has ended waits for them at most [`WAIT`].
//! * What is not known for sure is left out: an event never names a dataset, a count or a column by a guess.
//! * No credential is in an event. Of an error there is the message alone: causes and snippets may quote records.

mod columns;
mod dataset;
mod facet;
mod run_id;
mod send;

pub use columns::column_lineage;
pub use dataset::{Dataset, Datasets};
pub use send::WAIT;

use crate::error::{Error, Result};
use crate::secret::without_secrets;
use chrono::{SecondsFormat, Utc};
use facet::{PRODUCER, facet};
use run_id::{RunId, is_uuid};
use send::EventSink;
use serde_json::{Map, Value, json};
use std::path::Path;

const EVENT_SCHEMA: &str = "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent";

/// The events of one command.
pub struct Lineage {
    send: EventSink,
    run: RunId,
    command: &'static str,
    namespace: String,
    /// The name of the job, once START is sent.
    job: Option<String>,
    parent: Option<Value>,
    /// What the command reads and writes, as far as it is known.
    pub datasets: Datasets,
    warnings: Vec<String>,
}

impl Lineage {
    /// Opens the receiver: a file, or a URL.
    ///
    /// # Errors
    /// A job error: it cannot be a receiver, which is said before the work.
    pub fn open(target: &str, command: &'static str) -> Result<Lineage> {
        let env = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        let send = EventSink::open(target, env("OPENLINEAGE_API_KEY").as_deref())?;
        let mut warnings = vec![];
        let mut parent = |name: &str| {
            let value = env(name)?;
            let read = parent(&value);
            if read.is_none() {
                warnings
                    .push(format!("{name} is not NAMESPACE/JOB/RUN with the UUID of a run: it is ignored"));
            }
            read
        };
        let parent = parent("OPENLINEAGE_PARENT_ID").map(|mut facet| {
            if let Some(root) = parent("OPENLINEAGE_ROOT_PARENT_ID") {
                facet["root"] = root;
            }
            facet
        });
        Ok(Lineage {
            send,
            run: RunId::new(),
            command,
            namespace: env("OPENLINEAGE_NAMESPACE").unwrap_or_else(|| "default".into()),
            job: None,
            parent,
            datasets: Datasets::default(),
            warnings,
        })
    }

    /// The file that events are added to, if it is one.
    pub fn file(&self) -> Option<&Path> {
        self.send.file()
    }

    /// The job is known: sends START, once.
    pub fn start(&mut self, job: &str) {
        if self.job.is_none() {
            self.job = Some(job.to_string());
            self.emit("START", None);
        }
    }

    /// The command has ended: sends COMPLETE or FAIL, and gives what could not be sent, a sentence each. `job` is the
    /// name of a job whose file could not be read.
    pub fn end(mut self, job: &str, error: Option<&Error>) -> Vec<String> {
        self.start(job);
        match error {
            None => self.emit("COMPLETE", None),
            Some(error) => self.emit("FAIL", Some(error)),
        }
        self.warnings.extend(self.send.finish());
        self.warnings
    }

    fn emit(&mut self, kind: &str, error: Option<&Error>) {
        let mut facets = Map::new();
        let engine = json!({ "name": "highwater", "version": env!("CARGO_PKG_VERSION") });
        facets.insert(
            "processing_engine".into(),
            facet("1-1-1/ProcessingEngineRunFacet", "ProcessingEngineRunFacet", engine),
        );
        if let Some(parent) = &self.parent {
            facets.insert("parent".into(), facet("1-1-0/ParentRunFacet", "ParentRunFacet", parent.clone()));
        }
        if let Some(error) = error {
            let message = without_secrets(error.message()).into_owned();
            let message = json!({ "message": message, "programmingLanguage": "Rust" });
            facets.insert(
                "errorMessage".into(),
                facet("1-0-1/ErrorMessageRunFacet", "ErrorMessageRunFacet", message),
            );
        }
        let name = self.job.as_deref().unwrap_or_default();
        // A backfill and a verification read and write other datasets than a run, so they are jobs of their own.
        let name = if self.command == "run" { name.to_string() } else { format!("{name}.{}", self.command) };
        let job_type = json!({
            "processingType": "BATCH", "integration": "HIGHWATER", "jobType": self.command.to_uppercase(),
        });
        let event = json!({
            "eventTime": Utc::now().to_rfc3339_opts(SecondsFormat::Millis, true),
            "producer": PRODUCER,
            "schemaURL": EVENT_SCHEMA,
            "eventType": kind,
            "run": { "runId": self.run.to_string(), "facets": facets },
            "job": {
                "namespace": self.namespace,
                "name": name,
                "facets": { "jobType": facet("2-0-3/JobTypeJobFacet", "JobTypeJobFacet", job_type) },
            },
            "inputs": self.datasets.inputs.iter().map(|dataset| dataset.json("inputFacets")).collect::<Vec<_>>(),
            "outputs": self.datasets.outputs.iter().map(|dataset| dataset.json("outputFacets")).collect::<Vec<_>>(),
        });
        self.send.send(&event.to_string());
    }
}

/// The run and job of `NAMESPACE/JOB/RUN`, as orchestrators pass them.
fn parent(text: &str) -> Option<Value> {
    // A namespace such as `s3://bucket` has slashes of its own.
    let (rest, run) = text.trim().rsplit_once('/')?;
    let (namespace, name) = rest.rsplit_once('/')?;
    let whole = !namespace.is_empty() && !name.is_empty() && is_uuid(run);
    whole.then(|| json!({ "run": { "runId": run }, "job": { "namespace": namespace, "name": name } }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parents_are_read_from_their_end() {
        let run = "0192d4f2-7a3b-7c4d-8e5f-60718293a4b5";
        let read = parent(&format!("https://air/flow/dag.task/{run}")).unwrap();
        assert_eq!(read["job"], json!({ "namespace": "https://air/flow", "name": "dag.task" }));
        for wrong in ["", "a/b", "a/b/c", &format!("b/{run}"), &format!("/b/{run}"), &format!("a//{run}")] {
            assert_eq!(parent(wrong), None, "{wrong}");
        }
    }
}
