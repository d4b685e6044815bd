//! What a job of event time becomes in the plan.

use super::*;
use crate::batch::{ColumnId, DataType, Field};
use crate::group::{Lateness, SessionRule};
use crate::plan::{LogPartition, Mode, OutputKind, PlannedColumn, WatermarkPlan};
use crate::time::{DAY, Duration, HOUR, MINUTE, SECOND, TimeRule, TimeUnit};
use crate::window::{Offset, Window};

mod archive;
mod looks;

/// The plan of a job over one CSV file; `@` in the job stands for its folder. What comes before a line
/// of dashes goes above `[source]`.
fn plan(csv: &str, job: &str, overrides: Overrides) -> Result<Plan> {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("log.csv"), csv).unwrap();
    let (top, job) = job.split_once("---\n").unwrap_or(("", job));
    let job = format!("{top}[source]\npath = \"@/log.csv\"\n{job}");
    let job = job.replace('@', &folder.path().display().to_string());
    plan_job(&JobSpec::parse("job.toml", &job)?, &overrides)
}

fn planned(csv: &str, job: &str) -> Plan {
    plan(csv, job, Overrides::default()).unwrap_or_else(|error| panic!("{error}"))
}

fn names(plan: &Plan) -> Vec<(&str, DataType)> {
    plan.pipeline.read.columns.iter().map(|c| (c.name.as_str(), c.ty)).collect()
}

const CSV: &str = "_file,note,at,seen,shard,user,amount\n\
    x,hello,29-02-2024 10:00,1709200801000,a,u1,1.5\n";
const SOURCE: &str = "time = \"at\"\ntime_format = \"%d-%m-%Y %H:%M\"\narrival = \"seen\"\n\
    partition = \"shard\"\nidle = \"1m\"\nout_of_orderness = \"20s\"\n";

#[test]
fn a_streamed_output_with_all_there_is() {
    let job = SOURCE.to_string()
        + r#"
[[step]]
derive = { double = "amount * 2" }
[[output]]
path = "@/out.csv"
mode = "streamed"
firings = true
by = ["user"]
select = { total = "sum(double)" }
window = { tumbling = "1m", allowed_lateness = "1 day" }
[late]
path = "@/late.jsonl"
"#;
    let plan = planned(CSV, &job);
    assert_eq!(
        plan.pipeline.groupings[0].plan.lateness,
        Some(Lateness { allowed: DAY, delays: vec![20 * SECOND], sessions: SessionRule::default() })
    );
    assert!(plan.pipeline.groupings[0].plan.firings && plan.pipeline.read.positions);
    let names_of = |fields: &[Field]| fields.iter().map(|f| f.name.clone()).collect::<Vec<_>>();
    let output = &plan.deliveries.outputs[0];
    assert_eq!(names_of(&output.columns.fields), ["window_start", "window_end", "user", "firing", "total"]);
    let OutputKind::Groups { post, .. } = &output.kind else { panic!() };
    assert!(
        matches!(post.columns[3], PlannedColumn::Firing) && output.columns.fields[3].ty == DataType::Int64
    );

    // `_file` gives way to the late output's own, and the time comes a second time, as written.
    use DataType::{Float64, Int64, String, Timestamp};
    assert_eq!(
        names(&plan),
        [
            ("note", String),
            ("at", Timestamp),
            ("seen", Int64),
            ("shard", String),
            ("user", String),
            ("amount", Float64),
            ("at", String)
        ]
    );
    assert_eq!(plan.pipeline.rows.index_of("at"), Some(1));
    assert_eq!(plan.pipeline.rows.index_of("double"), Some(7));
    assert_eq!(plan.pipeline.groupings[0].plan.keys, [(ColumnId::new(4), String)]);
    assert_eq!(plan.pipeline.groupings[0].plan.aggregates[0].1, [ColumnId::new(7)]);
    assert_eq!(plan.pipeline.watermark.partition, Some(LogPartition::Column(ColumnId::new(3))));
    assert_eq!(plan.pipeline.watermark.idle, Some(MINUTE));
    let late = plan.deliveries.late.expect("a late output");
    let columns: Vec<(usize, &str)> =
        late.columns.iter().map(|(i, f)| (i.place(), f.name.as_str())).collect();
    assert_eq!(columns, [(0, "note"), (6, "at"), (2, "seen"), (3, "shard"), (4, "user"), (5, "amount")]);
    assert_eq!(late.columns[1].1.ty, String);
}

#[test]
fn a_complete_job_reads_nothing_for_the_watermark() {
    let job = SOURCE.to_string()
        + r#"
[[output]]
path = "@/out.csv"
by = ["user"]
select = { n = "count(*)" }
window = { session = "30m", allowed_lateness = "1 day" }
[late]
path = "@/late.jsonl"
"#;
    let complete = planned(CSV, &job);
    assert_eq!(names(&complete), [("user", DataType::String)]);
    assert_eq!((&complete.pipeline.watermark, &complete.deliveries.late), (&WatermarkPlan::default(), &None));
    assert!(!complete.pipeline.read.positions && complete.pipeline.groupings[0].plan.lateness.is_none());
    assert_eq!(complete.pipeline.groupings[0].plan.window, Window::Session { gap: 30 * MINUTE });
    assert!(complete.pipeline.read.arrival.is_some(), "a record without arrival is bad in any mode");

    let overrides = Overrides { mode: Some(Mode::Streamed), ..Overrides::default() };
    let streamed = plan(CSV, &job, overrides).unwrap();
    assert!(streamed.deliveries.late.is_some() && streamed.pipeline.groupings[0].plan.lateness.is_some());
    assert_ne!(streamed.hash, complete.hash);
}

/// Two outputs of one shape, of the job's mode and of their own; and two that are never streamed.
#[test]
fn an_output_has_the_mode_of_the_command_line_or_its_own_or_the_jobs() {
    let job = "time = \"at\"\n[[output]]\npath = \"@/a.csv\"\nselect = { n = \"count(*)\" }\n\
        window = { tumbling = \"1m\" }\n[[output]]\npath = \"@/b.csv\"\nselect = { n = \"count(*)\" }\n\
        window = { tumbling = \"1m\" }\nmode = \"complete\"\n[[output]]\npath = \"@/c.csv\"\n\
        [[output]]\npath = \"@/d.csv\"\nwindow = \"global\"\nselect = { n = \"count(*)\" }\n";
    let csv = "at,x\n2024-01-01T00:00:00Z,1\n";
    let modes = |job: &str, mode| -> Vec<bool> {
        let plan = plan(csv, job, Overrides { mode, ..Overrides::default() }).unwrap();
        let late = |output: &crate::plan::OutputPlan| match output.kind {
            OutputKind::Groups { grouping, .. } => plan.pipeline.groupings[grouping].plan.lateness.is_some(),
            OutputKind::Rows(_) | OutputKind::Archive(_) => false,
        };
        plan.deliveries.outputs.iter().map(late).collect()
    };
    assert_eq!(modes(job, None), [false; 4]);
    assert_eq!(modes(job, Some(Mode::Streamed)), [true, true, false, false]);
    let streamed = job.replacen("window", "mode = \"streamed\"\nwindow", 1);
    assert_eq!(modes(&streamed, None), [true, false, false, false]);
    assert_eq!(modes(&streamed, Some(Mode::Complete)), [false; 4]);
    let top = format!("mode = \"streamed\"\n---\n{job}");
    assert_eq!(modes(&top, None), [true, false, false, false]);
}

#[test]
fn events_outside_the_range_are_read_where_they_move_the_watermark() {
    let job = "time = \"at\"\n[[output]]\npath = \"@/a.csv\"\nselect = { n = \"count(*)\" }\n\
        window = { tumbling = \"1m\" }\n";
    let range = |mode| {
        let overrides = Overrides {
            from: Some("1970-01-01T00:00:01Z".into()),
            to: Some("1970-01-01T00:00:02Z".into()),
            mode,
            ..Overrides::default()
        };
        let plan = plan("at,x\n2024-01-01T00:00:00Z,1\n", job, overrides).unwrap();
        (
            (plan.pipeline.range.start, plan.pipeline.range.end),
            (plan.pipeline.read.from, plan.pipeline.read.to),
        )
    };
    let wanted = (SECOND, 2 * SECOND);
    assert_eq!(range(None), (wanted, wanted));
    assert_eq!(range(Some(Mode::Streamed)), (wanted, (i64::MIN, i64::MAX)));
}

#[test]
fn windows_of_every_kind() {
    let window = |window: &str| {
        let job = format!(
            "time = \"at\"\n[[output]]\npath = \"@/a.csv\"\nselect = {{ n = \"count(*)\" }}\nwindow = {window}\n"
        );
        planned("at,x\n2024-01-01T00:00:00Z,1\n", &job).pipeline.groupings[0].plan.window
    };
    let day = Duration::Calendar { count: 1, unit: crate::time::CalendarUnit::Day };
    let minutes = |n| Duration::Length(n * MINUTE);
    assert_eq!(
        window("{ hopping = \"10m\", slide = \"1m\", offset = \"-30s\" }"),
        Window::Hopping { size: minutes(10), slide: minutes(1), offset: Offset::micros(-30 * SECOND) }
    );
    assert_eq!(
        window("{ hopping = \"36h\", slide = \"1 day\" }"),
        Window::Hopping { size: Duration::Length(36 * HOUR), slide: day, offset: Offset::default() }
    );
    assert_eq!(
        window("{ cumulative = \"1 day\", step = \"1h\", offset = \"6h\" }"),
        Window::Cumulative { size: day, step: minutes(60), offset: Offset::micros(6 * HOUR) }
    );
    assert_eq!(window("{ session = \"1 day\" }"), Window::Session { gap: DAY });
}

#[test]
fn the_arrival_is_read_as_its_values_are_written() {
    let rule = |source: &str, at: &str, seen: &str| {
        let job = format!("time = \"at\"\narrival = \"seen\"\n{source}\n[[output]]\npath = \"@/a.csv\"\n");
        planned(&format!("at,seen\n{at},{seen}\n"), &job).pipeline.read.arrival.unwrap().rule
    };
    let (ms, s) = (TimeRule::Epoch(TimeUnit::Milli), TimeRule::Epoch(TimeUnit::Second));
    let format = "%d-%m-%Y %H:%M";
    let own = format!("time_format = \"{format}\"");
    // The event time's unit, even where the times are of no age; another where it would be decades off.
    assert_eq!(rule("time_unit = \"ms\"", "1709200801000", "1709200802000"), ms);
    assert_eq!(rule("time_unit = \"ms\"", "5000", "7000"), ms);
    assert_eq!(rule("time_unit = \"ms\"", "1709200801000", "1709200802"), s);
    assert_eq!(rule("time_unit = \"s\"", "1709200801", "1709200802000"), ms);
    assert_eq!(rule("time_unit = \"s\"", "1709200801", "2024-02-29T10:00:02Z"), TimeRule::Iso);
    assert_eq!(rule("", "2024-02-29T10:00:01Z", "1709200802"), s);
    assert_eq!(rule("", "2024-02-29T10:00:01Z", "2024-02-29T10:00:02Z"), TimeRule::Iso);
    assert_eq!(rule(&own, "29-02-2024 10:00", "29-02-2024 10:01"), TimeRule::format(format).unwrap());
    assert_eq!(rule(&own, "29-02-2024 10:00", "2024-02-29 10:01"), TimeRule::Iso);
}

/// The late output has to be readable by the same job: a time by a unit stays an integer.
#[test]
fn a_time_that_is_declared_an_instant_is_written_as_it_was() {
    let job = "time = \"at\"\ntime_unit = \"s\"\ntypes = { at = \"timestamp\" }\n[[output]]\n\
        path = \"@/a.csv\"\nselect = { n = \"count(*)\" }\nwindow = { tumbling = \"1m\" }\n\
        mode = \"streamed\"\n[late]\npath = \"@/late.parquet\"\n";
    let plan = planned("at,x\n1709200801,1\n", job);
    let late = plan.deliveries.late.as_ref().expect("a late output");
    assert_eq!(late.columns[0], (ColumnId::new(2), Field::new("at", DataType::Int64)));
    assert_eq!(names(&plan)[2], ("at", DataType::Int64));
}
