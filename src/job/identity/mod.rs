//! The identity of an output: what decides its rows and how they are written, beside the data.
//!
//! # Contract
//! * It is written out by hand, as JSON with a version, from the job file and its plan. No name of a type or a field
//!   of this program is in it, so a change of the program's inside leaves every output known.
//! * Two jobs with equal identities give an output equal bytes over the same files, and reject the same records. A new
//!   meaning of a key or an expression needs a new [`VERSION`].
//! * Not in it: the job's name, the paths of files and outputs (files are known by content), the tables of servers that
//!   an output is published to, threads, memory, the size of chunks, pages, and how a service is asked (its address
//!   without a login is; secrets are not).
//! * What it says of an absent key is nothing: a key that comes to the job file later leaves old identities as they are.

mod before;
mod differences;
mod reading;
#[cfg(test)]
mod tests;

pub use before::hash as hash_before;
pub use differences::{differences, same};

use super::spec::{JobSpec, OutputSpec};
use crate::batch::{Field, Schema};
use crate::plan::{Identities, LatePlan, Mode, OutputKind, OutputPlan, Plan};
use crate::rows::PartitionPart;
use crate::sink::{Identity, OutputFormat};
use crate::time::TimeRange;
use crate::window::Window;
use reading::{Reads, optional, pairs};
use serde_json::{Map, Value, json};

/// The version of the form that this program writes.
pub const VERSION: u32 = 1;

fn identity(form: Map<String, Value>) -> Identity {
    let form = Value::Object(form);
    // By its text, as the order of keys is that of columns.
    Identity { version: VERSION, hash: hash(form.to_string().as_bytes()), form }
}

/// The identities of the outputs of `plan`, which `spec` was resolved into.
pub fn of(spec: &JobSpec, plan: &Plan) -> Identities {
    // A plan has all outputs of its job, in the same order.
    let outputs = spec.outputs.iter().zip(&plan.deliveries.outputs);
    let complete = plan.for_complete_outputs();
    let plan_of = |output: &OutputPlan| match output.mode {
        Some(Mode::Complete) => complete.as_ref().unwrap_or(plan),
        _ => plan,
    };
    Identities {
        outputs: outputs.map(|(spec_of, output)| of_output(spec, plan_of(output), spec_of, output)).collect(),
        late: plan.deliveries.late.as_ref().map(|late| of_late(spec, plan, late)),
    }
}

/// One hash of all of them: equal jobs have equal hashes.
pub fn hash_of(all: &Identities) -> String {
    format!("xxh3:{}", hash(all.hashes().collect::<Vec<_>>().join(" ").as_bytes()))
}

fn hash(bytes: &[u8]) -> String {
    format!("{:032x}", xxhash_rust::xxh3::xxh3_128(bytes))
}

fn of_output(job: &JobSpec, plan: &Plan, spec: &OutputSpec, output: &OutputPlan) -> Identity {
    let (shape, lateness) = match &output.kind {
        OutputKind::Rows(_) => (events(spec), None),
        OutputKind::Archive(_) => (Map::from_iter([("archive".into(), json!(true))]), None),
        OutputKind::Groups { grouping, .. } => {
            let groups = &plan.pipeline.groupings[*grouping].plan;
            (grouped(spec, groups.window), groups.lateness.as_ref())
        }
    };
    let is_archive = matches!(output.kind, OutputKind::Archive(_));
    let streamed = lateness.is_some() || plan.pipeline.steps_are_streamed() && !is_archive;
    let mut form = common(job, plan, &Reads::of_output(job, plan, output), streamed);
    // An archive holds the records as they are read, before any step.
    if is_archive {
        form.remove("steps");
    } else if plan.pipeline.steps_are_streamed() {
        form.insert("steps_see".into(), json!("arrivals"));
    }
    let mut of = shape;
    if let Some(lateness) = lateness {
        of.insert("streamed".into(), json!({ "allowed_lateness": lateness.allowed }));
    }
    // A key that is absent says nothing, so the flag is written only where it is set.
    if let OutputKind::Groups { grouping, .. } = &output.kind
        && plan.pipeline.groupings[*grouping].plan.firings
    {
        of.insert("firings".into(), json!(true));
    }
    if output.closed {
        of.insert("emit".into(), json!("closed"));
    }
    of.insert("columns".into(), columns(&output.columns, output.format));
    of.insert("format".into(), json!(output.format.name()));
    if !spec.columns.is_empty() {
        // A list, as the same name may stand in another order, and a map would not tell.
        let written = spec.columns.iter().map(|(name, sql)| json!([name.value, sql.value.trim()]));
        of.insert("written_as".into(), Value::Array(written.collect()));
    }
    if !spec.key.is_empty() {
        of.insert("key".into(), names(spec.key.iter().map(|key| key.value.as_str())));
    }
    if !output.partition_by.is_empty() {
        let part = |part: &PartitionPart| match part {
            PartitionPart::Year => "year",
            PartitionPart::Month => "month",
            PartitionPart::Date => "date",
            PartitionPart::Hour => "hour",
            PartitionPart::Column(column) => &output.columns.fields[*column].name,
            // A job cannot name these: only a variant of a plan has them.
            PartitionPart::Stretch(_) => "stretch",
        };
        of.insert("partition_by".into(), names(output.partition_by.iter().map(part)));
    }
    if output.state {
        of.insert("state".into(), json!(true));
    }
    form.insert("output".into(), Value::Object(of));
    identity(form)
}

/// The late output: what is late is so for the windows of all streamed outputs.
fn of_late(job: &JobSpec, plan: &Plan, late: &LatePlan) -> Identity {
    let mut form = common(job, plan, &Reads::all(plan), true);
    if plan.pipeline.steps_are_streamed() {
        form.insert("steps_see".into(), json!("arrivals"));
    }
    let streamed = plan.pipeline.groupings.iter().filter_map(|grouping| {
        let lateness = grouping.plan.lateness.as_ref()?;
        Some(json!({ "window": grouping.plan.window.to_string(), "by": grouping.keys,
            "allowed_lateness": lateness.allowed }))
    });
    let windows: Vec<Value> = streamed.collect();
    let fields = late.columns.iter().map(|(_, field)| field.clone()).collect();
    let columns = columns(&Schema::new(fields), late.format);
    let mut of = json!({ "late": windows, "columns": columns, "format": late.format.name() });
    // Late events in gaps were not in it at first.
    let mut streamed = plan.pipeline.groupings.iter().filter(|grouping| grouping.plan.lateness.is_some());
    if streamed.any(|grouping| grouping.plan.window.has_gaps()) {
        of["in_gaps"] = json!(true);
    }
    if let OutputFormat::Keyed(key) = late.format {
        let key = key.columns().filter_map(|column| Some(late.columns.get(column)?.1.name.as_str()));
        of["key"] = names(key);
    }
    form.insert("output".into(), of);
    identity(form)
}

/// What outputs of a job share: the zone, what is read, the steps, and, of those that are streamed, the watermark.
fn common(job: &JobSpec, plan: &Plan, reads: &Reads, streamed: bool) -> Map<String, Value> {
    let mut form = Map::new();
    form.insert("timezone".into(), json!(plan.zone.name()));
    let TimeRange { start: from, end: to } = plan.pipeline.range;
    // The ends of the range stand for a bound that is not given.
    let bounds = optional([
        ("from", (from != i64::MIN).then(|| json!(from))),
        ("to", (to != i64::MAX).then(|| json!(to))),
    ]);
    if !bounds.is_empty() {
        form.insert("range".into(), Value::Object(bounds));
    }
    form.insert("read".into(), reading::source(job, plan, reads));
    let steps = reading::steps(job, plan);
    if !steps.is_empty() {
        form.insert("steps".into(), Value::Array(steps));
    }
    // The watermark decides nothing in `complete`, so a new delay leaves those outputs known.
    if streamed {
        let watermark = reading::watermark(&plan.pipeline.watermark, &plan.pipeline.rows);
        form.insert("watermark".into(), watermark);
    }
    form
}

fn events(spec: &OutputSpec) -> Map<String, Value> {
    let select = (!spec.select.is_empty()).then(|| pairs(&spec.select));
    optional([("events", Some(json!(true))), ("select", select)])
}

fn grouped(spec: &OutputSpec, window: Window) -> Map<String, Value> {
    let by = (!spec.by.is_empty()).then(|| names(spec.by.iter().map(|key| key.value.as_str())));
    // Blanks around an expression do not change what it means.
    optional([
        ("window", Some(json!(window.to_string()))),
        ("by", by),
        ("select", Some(pairs(&spec.select))),
        ("having", spec.having.as_ref().map(|having| json!(having.value.trim()))),
        ("top", spec.top.as_ref().map(|top| json!({ "n": top.n.value, "by": top.by.value.trim() }))),
    ])
}

/// Columns with their types, in order; in JSON also which of them lie in records.
fn columns(schema: &Schema, format: OutputFormat) -> Value {
    // Nested names make objects in JSON alone: other formats are the same with and without.
    let has_records = format.has_records();
    let column = |field: &Field| {
        let mut column = json!({ "name": field.name, "type": field.ty.to_string() });
        if has_records && field.nested {
            column["nested"] = json!(true);
        }
        column
    };
    Value::Array(schema.fields.iter().map(column).collect())
}

fn names<'a>(names: impl Iterator<Item = &'a str>) -> Value {
    Value::Array(names.map(Value::from).collect())
}
