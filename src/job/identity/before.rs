//! The hash by which manifests without an identity know their job: those that version 0.1.0 wrote before there was one.
//!
//! # Contract
//! It is a hash over how the types of the plan print themselves, so it holds only as long as they print as they did:
//! `tests` pins it for jobs of every kind. Where a type changes, its `Debug` is written by hand, or the outputs
//! of those manifests count as of another job: they are computed again, and nothing else is lost.

use crate::lookup::ServicePlan;
use crate::plan::{Plan, Step, TablePlan};
use crate::secret::Template;
use std::fmt::Write;

/// The hash of `plan` as those manifests have it.
pub fn hash(plan: &Plan) -> String {
    let (read, name) = (&plan.pipeline.read, &plan.name);
    // Order and spaces are those of version 0.1.0. A change here would make all its manifests unknown.
    let mut essence = format!(
        "{name} {:?} {:?} {} {:?} {:?} {:?} {:?} {:?} {:?} {:?}",
        read.columns,
        read.time,
        plan.zone.name(),
        (plan.pipeline.range.start, plan.pipeline.range.end),
        plan.pipeline.groupings,
        plan.deliveries.outputs,
        read.arrival,
        read.max_ahead,
        plan.pipeline.watermark,
        plan.deliveries.late,
    );
    for step in &plan.pipeline.steps {
        // Not the path or URL that it is called by: the services have theirs below.
        let _ = match step {
            Step::Enrich(enrich) => write!(essence, " {:?} {:?}", enrich.take, enrich.tries),
            Step::First { keys, within: None, name } => {
                write!(essence, " First {{ keys: {keys:?}, name: {name:?} }}")
            }
            step => write!(essence, " {step:?}"),
        };
    }
    // Those versions knew no streamed steps, so nothing that they wrote is of such a job.
    if plan.pipeline.steps_are_streamed() {
        essence.push_str(" streamed steps");
    }
    for table in &plan.pipeline.tables {
        let TablePlan { read, steps, index, .. } = table;
        let _ = write!(essence, " {:?} {:?} {steps:?} {index:?}", read.columns, read.time);
    }
    for service in &plan.pipeline.services {
        let ServicePlan { secrets, columns, pointers, types, on_failure, .. } = service;
        // As it is written, with what is secret.
        let url: Vec<String> = secrets.url.iter().map(Template::text).collect();
        let _ = write!(essence, " {url:?} {columns:?} {pointers:?} {types:?} {on_failure:?}");
    }
    format!("xxh3:{:032x}", xxhash_rust::xxh3::xxh3_128(essence.as_bytes()))
}
