//! What is read and what happens to it before any output: the source, tables, steps, services.

use crate::asof::{Direction, Reach};
use crate::batch::{ColumnId, Origin, Schema};
use crate::expr::Expr;
use crate::input::derived::DerivedFrom;
use crate::input::written::{ValueFormat, WrittenColumns};
use crate::input::{OnBadRecord, ReadPlan, ReadTime};
use crate::job::document::At;
use crate::job::lengths::parse_length;
use crate::job::spec::{JobSpec, LogSpec, NamedTexts, ShapeSpec, StepSpec};
use crate::lookup::{OnFailure, ServicePlan};
use crate::plan::{
    LogPartition, MicroBatch, OutputKind, OutputPlan, Plan, Step, TablePlan, Try, WatermarkPlan,
    WatermarkRule,
};
use crate::time::TimeRule;
use arrow_array::{Array, ArrayRef};
use arrow_cast::display::{ArrayFormatter, FormatOptions};
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;

/// The columns of the files whose types show in an output.
pub struct Reads(Option<BTreeSet<String>>);

impl Reads {
    /// All that the job reads.
    pub fn all(_: &Plan) -> Reads {
        Reads(None)
    }

    /// Those that steps and this output use: a column that only another output reads changes nothing of this one, but
    /// where a value that cannot be read rejects its record.
    pub fn of_output(job: &JobSpec, plan: &Plan, output: &OutputPlan) -> Reads {
        // Where bad records are rejected, a value of any column that is read can reject its record.
        if plan.pipeline.read.on_bad_record == OnBadRecord::Reject {
            return Reads(None);
        }
        let visible: BTreeSet<&str> = job.steps.iter().flat_map(derived).collect();
        let mut used: BTreeSet<ColumnId> = BTreeSet::new();
        let inputs = |expr: &Expr| expr.inputs().iter().copied().map(ColumnId::new).collect::<Vec<_>>();
        let own = match &output.kind {
            OutputKind::Archive(columns) | OutputKind::Rows(columns) => columns.clone(),
            OutputKind::Groups { grouping, .. } => {
                let groups = &plan.pipeline.groupings[*grouping].plan;
                let args = groups.aggregates.iter().flat_map(|(_, args)| args.iter().copied());
                groups.keys.iter().map(|(key, _)| *key).chain(args).collect()
            }
        };
        let own: BTreeSet<ColumnId> = own.into_iter().collect();
        // Of all columns those of the files come first.
        let mut column = plan.pipeline.read.columns.len();
        for step in &plan.pipeline.steps {
            match step {
                Step::Filter(expr) => used.extend(inputs(expr)),
                Step::Derive(name, expr) => {
                    // What an aggregate of another output is computed of is none of this one's.
                    let shown = visible.contains(name.as_str())
                        && plan.pipeline.rows.fields[column].origin == Origin::Job;
                    if shown || own.contains(&ColumnId::new(column)) {
                        used.extend(inputs(expr));
                    }
                    column += 1;
                }
                Step::Dedup { keys, .. } | Step::Latest { keys, .. } => used.extend(keys),
                Step::First { keys, .. } => {
                    used.extend(keys);
                    column += 1;
                }
                Step::Enrich(enrich) => {
                    used.extend(enrich.tries.iter().flat_map(|attempt| key_columns(plan, attempt)));
                    column += enrich.take.len();
                }
            }
        }
        used.extend(own);
        // Backwards, as a derived column reads only columns that come before it.
        for derived in plan.pipeline.read.derived.iter().rev() {
            let name = plan.pipeline.read.columns[derived.column].name.as_str();
            let decides =
                plan.pipeline.read.time.column == name || used.contains(&ColumnId::new(derived.column));
            if let (true, DerivedFrom::Sql(expr)) = (decides, &derived.from) {
                used.insert(ColumnId::new(derived.column));
                used.extend(inputs(expr));
            }
        }
        let ids = ColumnId::first(plan.pipeline.read.columns.len());
        let of_files = ids.zip(&plan.pipeline.read.columns).filter(|(column, _)| used.contains(column));
        let used = of_files.map(|(_, column)| column.name.clone()).collect();
        Reads(Some(used))
    }

    fn shows(&self, column: &str) -> bool {
        self.0.as_ref().is_none_or(|used| used.contains(column))
    }
}

/// The names that a step of the job file derives.
fn derived(step: &StepSpec) -> Vec<&str> {
    match step {
        StepSpec::Derive(columns) => columns.iter().map(|(name, _)| name.value.as_str()).collect(),
        _ => vec![],
    }
}

/// The columns that a try of an enrichment is asked by.
fn key_columns<'p>(plan: &'p Plan, attempt: &'p Try) -> &'p [ColumnId] {
    match attempt {
        Try::AsOf { on, .. } => on,
        Try::Service(service) => &plan.pipeline.services[*service].columns,
        Try::Constant(_) => &[],
    }
}

/// How the source is read.
pub fn source(job: &JobSpec, plan: &Plan, reads: &Reads) -> Value {
    let (spec, read) = (&job.source.log, &plan.pipeline.read);
    let mut form = log(spec, read, reads);
    let streamed = plan.pipeline.groupings.iter().any(|grouping| grouping.plan.lateness.is_some())
        || plan.pipeline.steps_are_streamed();
    // Arrival decides only where events can be late, or too far ahead.
    let arrival = read.arrival.as_ref().filter(|_| streamed || read.max_ahead.is_some());
    form.extend(optional([
        ("arrival", arrival.map(time)),
        ("arrival_optional", (arrival.is_some() && read.arrival_optional).then(|| json!(true))),
        ("max_ahead", read.max_ahead.map(|most| json!(most))),
        ("changelog", changes(job, plan)),
    ]));
    Value::Object(form)
}

/// Of a change log, what tells its keys and its deletes.
fn changes(job: &JobSpec, plan: &Plan) -> Option<Value> {
    let (keys, by_arrival) = plan.pipeline.latest()?;
    let keys: Vec<&str> = keys.iter().map(|&key| plan.pipeline.rows.fields[key].name.as_str()).collect();
    let deleted = job.source.changes.deleted.as_ref().map(|sql| json!(sql.value.trim()));
    Some(Value::Object(optional([
        ("as", job.source.changes.kind.as_ref().map(|kind| json!(kind.value))),
        ("key", Some(json!(keys))),
        ("deleted", deleted),
        ("by", by_arrival.then(|| plan.pipeline.read.arrival.as_ref().map(time)).flatten()),
    ])))
}

/// How the files of a log are read.
fn log(spec: &LogSpec, read: &ReadPlan, reads: &Reads) -> Map<String, Value> {
    let word = |word: &Option<At<String>>| word.as_ref().map(|word| json!(word.value));
    let mut columns: Vec<(&str, String)> = read
        .columns
        .iter()
        .filter(|column| reads.shows(&column.name))
        .map(|column| {
            // An inferred integer does not take leading zeros, where a declared one does.
            let inferred = if column.inferred { ", inferred" } else { "" };
            (column.name.as_str(), format!("{}{inferred}", column.ty))
        })
        .collect();
    // By name, as the order in which the job reads them decides nothing.
    columns.sort();
    let columns: Map<String, Value> =
        columns.into_iter().map(|(name, ty)| (name.to_string(), Value::from(ty))).collect();
    optional([
        ("format", word(&spec.format)),
        ("log", word(&spec.wire_format)),
        ("envelope", word(&spec.envelope)),
        ("records", word(&spec.records)),
        ("unnest", word(&spec.unnest)),
        ("delimiter", (read.delimiter != b',').then(|| json!(char::from(read.delimiter).to_string()))),
        ("shape", shape(&spec.shape)),
        ("header", read.names.as_ref().map(|names| json!(names))),
        ("written", (!read.written.is_empty()).then(|| written(&read.written))),
        ("time", Some(time(&read.time))),
        ("derive", derive(read, reads)),
        ("columns", Some(Value::Object(columns))),
        ("on_bad_record", (read.on_bad_record == OnBadRecord::Reject).then(|| json!("reject"))),
    ])
}

/// What a log says of the text of its files; none where it says nothing.
fn shape(spec: &ShapeSpec) -> Option<Value> {
    let word = |word: &Option<At<String>>| word.as_ref().map(|word| json!(word.value));
    // `skip = 0` is the default, and a key with its default says nothing.
    let number = |number: &Option<At<usize>>| number.as_ref().filter(|n| n.value > 0).map(|n| json!(n.value));
    let form = optional([
        ("encoding", word(&spec.encoding)),
        ("skip", number(&spec.skip)),
        ("comment", word(&spec.comment)),
        ("footer", number(&spec.footer)),
        ("until", word(&spec.until)),
        ("escape", word(&spec.escape)),
        ("widths", spec.widths.as_ref().map(|widths| json!(widths.value))),
        ("sheet", word(&spec.sheet)),
        ("range", word(&spec.range)),
    ]);
    (!form.is_empty()).then_some(Value::Object(form))
}

/// The columns that are computed as records are read; none where there is none.
fn derive(read: &ReadPlan, reads: &Reads) -> Option<Value> {
    let shown = read.derived.iter().map(|derived| (&read.columns[derived.column].name, &derived.from));
    let of_sql = shown.filter(|(name, _)| reads.shows(name)).filter_map(|(name, from)| match from {
        DerivedFrom::Sql(expr) => Some((name.clone(), json!(expr.sql().trim()))),
        DerivedFrom::File => None,
    });
    let derived: Map<String, Value> = of_sql.collect();
    (!derived.is_empty()).then_some(Value::Object(derived))
}

fn written(columns: &WrittenColumns) -> Value {
    let words = |words: &[String]| (!words.is_empty()).then(|| json!(words));
    let one = |written: &ValueFormat| {
        Value::Object(optional([
            ("null", words(&written.null)),
            ("trim", written.trim.then(|| json!(true))),
            ("decimal", written.decimal.map(|mark| json!(mark.to_string()))),
            ("thousands", written.thousands.map(|mark| json!(mark.to_string()))),
            ("units", words(&written.units)),
            ("accounting", written.accounting.then(|| json!(true))),
            ("true", words(&written.yes)),
            ("false", words(&written.no)),
            ("text_mark", written.text_mark.as_ref().map(|mark| json!(mark))),
        ]))
    };
    let all = columns.all().map(|all| ("*".to_string(), one(all)));
    let named = columns.names().filter_map(|name| Some((name.to_string(), one(columns.of(name)?))));
    Value::Object(all.into_iter().chain(named).collect())
}

fn time(time: &ReadTime) -> Value {
    match &time.rule {
        TimeRule::Untimed => json!("none"),
        TimeRule::Iso => json!({ "column": time.column, "as": "iso" }),
        TimeRule::Epoch(unit) => json!({ "column": time.column, "unit": unit.name() }),
        TimeRule::Format(format) => json!({ "column": time.column, "format": format.text() }),
        rule @ TimeRule::AnyOf(_) => json!({ "column": time.column, "formats": rule.words() }),
    }
}

/// The watermark of a log with these columns.
pub fn watermark(watermark: &WatermarkPlan, rows: &Schema) -> Value {
    // By name: the number of a column changes when another output reads more of them.
    let column = |column: ColumnId| rows.fields[column].name.clone();
    let partition = watermark.partition.map(|partition| match partition {
        LogPartition::File => json!("file"),
        LogPartition::Column(of) => json!({ "column": column(of) }),
        LogPartition::Topics { topic, partition } => {
            json!({ "topics": [column(topic), column(partition)] })
        }
    });
    // A rule that every job had before there was another is not written.
    let like = (watermark.rule != WatermarkRule::Flink).then(|| json!(watermark.rule.name()));
    let batch = match watermark.rule {
        WatermarkRule::Spark(MicroBatch::Records(records)) => Some(json!({ "records": records })),
        WatermarkRule::Spark(MicroBatch::Arrival(length)) => Some(json!({ "arrival": length })),
        _ => None,
    };
    Value::Object(optional([
        ("like", like),
        ("batch", batch),
        ("every", watermark.every.map(|every| json!(every))),
        ("partitions", watermark.known.then(|| json!("known"))),
        ("out_of_orderness", Some(json!(watermark.out_of_orderness))),
        ("partition", partition),
        ("idle", watermark.idle.map(|idle| json!(idle))),
    ]))
}

/// The steps, in order.
pub fn steps(job: &JobSpec, plan: &Plan) -> Vec<Value> {
    // Each step of the job file that looks elsewhere is one of the plan.
    let mut enriched = plan.pipeline.steps.iter().filter_map(|step| match step {
        Step::Enrich(enrich) => Some(enrich),
        _ => None,
    });
    let keys =
        |keys: &[At<String>]| -> Value { Value::Array(keys.iter().map(|key| json!(key.value)).collect()) };
    let step = |step: &StepSpec| match step {
        StepSpec::Filter(sql) => json!({ "filter": sql.value.trim() }),
        StepSpec::Derive(columns) => json!({ "derive": pairs(columns) }),
        StepSpec::Dedup { keys: by, within } => {
            // There is a plan, so the length has been read before.
            let within = within.as_ref().and_then(|text| parse_length(&text.value).ok());
            Value::Object(optional([
                ("dedup", Some(keys(by))),
                ("within", within.map(|within| json!(within))),
            ]))
        }
        StepSpec::First { keys: by, within, name } => {
            let within = within.as_ref().and_then(|text| parse_length(&text.value).ok());
            Value::Object(optional([
                ("first", Some(keys(by))),
                ("as", Some(json!(name.value))),
                ("within", within.map(|within| json!(within))),
            ]))
        }
        // No job with one has a plan.
        StepSpec::Unreadable => Value::Null,
        StepSpec::Enrich(_) | StepSpec::Lookup { .. } => match enriched.next() {
            None => Value::Null,
            Some(enrich) => {
                let take = enrich.take.iter();
                let take = take.map(|field| json!({ "name": field.name, "type": field.ty.to_string() }));
                let tries = enrich.tries.iter().map(|attempt| self::attempt(job, plan, attempt));
                let mut form = json!({ "take": take.collect::<Vec<_>>(), "from": tries.collect::<Vec<_>>() });
                if let Some(late) = enrich.late {
                    form["late"] = json!(late);
                }
                form
            }
        },
    };
    job.steps.iter().map(step).collect()
}

fn attempt(job: &JobSpec, plan: &Plan, attempt: &Try) -> Value {
    let on: Vec<&str> = key_columns(plan, attempt)
        .iter()
        .map(|column| plan.pipeline.rows.fields[*column].name.as_str())
        .collect();
    match attempt {
        Try::AsOf { table, reach, take, .. } => {
            let of = &plan.pipeline.tables[*table];
            let name = |column: &(ColumnId, _)| of.rows.fields[column.0].name.as_str();
            let taken: Vec<&str> = take.iter().map(|column| name(&of.index.columns[*column])).collect();
            let keys: Vec<&str> = of.index.keys.iter().map(name).collect();
            let mut form = Map::from_iter([("table".to_string(), self::table(job, plan, of))]);
            form.extend(self::reach(*reach));
            form.extend(optional([
                ("on", Some(json!(on))),
                ("keys", Some(json!(keys))),
                ("columns", Some(json!(taken))),
                ("fill", of.index.fill.then(|| json!("last_value"))),
            ]));
            Value::Object(form)
        }
        Try::Service(service) => self::service(&plan.pipeline.services[*service], &on),
        Try::Constant(values) => json!({ "constant": values.iter().map(constant).collect::<Vec<_>>() }),
    }
}

/// The text of an array's one value.
fn constant(value: &ArrayRef) -> Value {
    let options = FormatOptions::new();
    match ArrayFormatter::try_new(value, &options) {
        Ok(formatter) if value.is_valid(0) => json!(formatter.value(0).to_string()),
        _ => Value::Null,
    }
}

fn reach(reach: Reach) -> Map<String, Value> {
    let direction = match reach.direction {
        Direction::Backward => "backward",
        Direction::Forward => "forward",
        Direction::Nearest => "nearest",
    };
    optional([
        ("match", Some(json!(direction))),
        ("within", reach.within.map(|within| json!(within))),
        ("inclusive", (!reach.inclusive).then(|| json!(false))),
    ])
}

fn table(job: &JobSpec, plan: &Plan, table: &TablePlan) -> Value {
    let step = |step: &Step| match step {
        Step::Filter(expr) => Some(json!({ "filter": expr.sql().trim() })),
        Step::Derive(name, expr) => Some(json!({ "derive": { name.clone(): expr.sql().trim() } })),
        _ => None,
    };
    let steps: Vec<Value> = table.steps.iter().filter_map(step).collect();
    // The files of a lookup are a table of the plan, and not one of the job file.
    let spec = job.tables.iter().find(|spec| spec.name.value == table.name);
    let nothing = LogSpec::default();
    let mut form = log(spec.map_or(&nothing, |spec| &spec.log), &table.read, &Reads(None));
    if plan.pipeline.steps_are_streamed() && table.is_timed() {
        form.insert("watermark".into(), watermark(&table.watermark, &table.rows));
        form.extend(optional([("arrival", table.read.arrival.as_ref().map(time))]));
    }
    let deletes = table.index.op.map(|_| json!("end rows"));
    form.extend(optional([
        ("deletes", deletes),
        ("steps", (!steps.is_empty()).then(|| Value::Array(steps))),
    ]));
    Value::Object(form)
}

fn service(service: &ServicePlan, columns: &[&str]) -> Value {
    let on_failure = match service.on_failure {
        OnFailure::Fail => None,
        OnFailure::Null => Some(json!("null")),
        OnFailure::Reject => Some(json!("reject")),
    };
    let types: Vec<String> = service.types.iter().map(ToString::to_string).collect();
    Value::Object(optional([
        ("service", Some(json!(service.url))),
        ("on", Some(json!(columns))),
        ("pointers", Some(json!(service.pointers))),
        ("types", Some(json!(types))),
        ("on_failure", on_failure),
    ]))
}

/// The keys that there are.
pub fn optional<const N: usize>(keys: [(&str, Option<Value>); N]) -> Map<String, Value> {
    keys.into_iter().filter_map(|(key, value)| Some((key.to_string(), value?))).collect()
}

/// Names with the SQL that stands for them, in the order of the job file, which is that of columns.
pub fn pairs(all: &NamedTexts) -> Value {
    Value::Object(all.iter().map(|(name, sql)| (name.value.clone(), json!(sql.value.trim()))).collect())
}
