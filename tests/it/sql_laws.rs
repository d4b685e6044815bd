//! The law SQL: the statement that `highwater sql` prints gives the rows of a run, on an engine that shares no code
//! with ours. Polars over random jobs and logs, streamed ones among them, and PostgreSQL over fewer; and a table of features,
//! each on both.
//!
//! Floats are eighths: their sums are exact, whoever adds them in what order.

use crate::enrich_jobs::Case;
use crate::enrich_random;
use crate::event_time_jobs;
use crate::jobs::{self, Job};
use crate::laws;
use crate::log::{Cell, Kind, Log};
use crate::referee_postgres::postgres;
use crate::sql_rows::Table;
use crate::stream_laws;
use crate::support::{Lab, PLAIN};
use highwater::error::{Error, Kind as Fault};
use highwater::pg::ServerAddress;
use highwater::plan::Plan;
use highwater::sql::{self, Dialect, SqlScript};
use highwater::verify::{referee, server};
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::{TestError, TestRunner};
use std::cell::RefCell;
use std::collections::BTreeMap;

type Answer<'a> = &'a dyn Fn(&Plan, &SqlScript) -> Result<Table, Error>;

/// An engine that runs statements.
struct Engine<'a> {
    dialect: Dialect,
    answer: Answer<'a>,
    /// Whether the types of its results are ours, or only the values.
    typed: bool,
}

const POLARS: Engine<'static> = Engine {
    dialect: Dialect::Polars,
    answer: &|plan, script| referee::run(plan, &script.query).map(|batch| Table::of(&[batch])),
    typed: true,
};

/// How many outputs were compared, how many rows they have, and what was refused how often.
#[derive(Debug, Default)]
struct Seen {
    compared: usize,
    rows: usize,
    /// Rows of late outputs.
    late: usize,
    refused: BTreeMap<String, usize>,
}

impl Seen {
    fn refusals(&self) -> usize {
        self.refused.values().sum()
    }
}

/// Runs a job whose outputs are Parquet files, and lays each beside the engine's answer. Per output, `near` are the
/// columns whose last digits may differ: variances of floats.
fn agree(
    lab: &Lab,
    toml: &str,
    near: &[Vec<String>],
    engine: &Engine,
    seen: &mut Seen,
) -> Result<(), String> {
    lab.library(toml, PLAIN).map_err(|e| format!("the run: {e}\n{toml}"))?;
    let plan = lab.plan(toml).map_err(|e| e.to_string())?;
    for (i, near) in near.iter().enumerate() {
        let script = match sql::script(&plan, highwater::plan::OutputId::new(i), engine.dialect) {
            Ok(script) => script,
            Err(error) if error.kind() == Fault::Job => {
                *seen.refused.entry(error.message().to_string()).or_default() += 1;
                continue;
            }
            Err(error) => return Err(error.to_string()),
        };
        let shown = || format!("output {i}, {}\n{toml}\n{}", engine.dialect.name(), script.query);
        let theirs = (engine.answer)(&plan, &script).map_err(|e| format!("{e}\n{}", shown()))?;
        let ours = Table::parquet(lab, &format!("out/{i}.parquet"));
        let (ours, theirs) = if engine.typed { (ours, theirs) } else { (ours.untyped(), theirs.untyped()) };
        if let Some(why) = ours.difference_but(&theirs, near) {
            return Err(format!("ours and theirs: {why}\n{}", shown()));
        }
        seen.compared += 1;
        seen.rows += ours.rows.len();
    }
    Ok(())
}

/// Lays the late output of a run that was made beside the engine's answer: the columns that a statement gives.
fn late_agrees(lab: &Lab, toml: &str, engine: &Engine, seen: &mut Seen) -> Result<(), String> {
    let plan = lab.plan(toml).map_err(|e| e.to_string())?;
    let script = match sql::late_script(&plan, engine.dialect) {
        Ok(None) => return Ok(()),
        Ok(Some(script)) => script,
        Err(error) if error.kind() == Fault::Job => {
            *seen.refused.entry(error.message().to_string()).or_default() += 1;
            return Ok(());
        }
        Err(error) => return Err(error.to_string()),
    };
    let shown = || format!("late events, {}\n{toml}\n{}", engine.dialect.name(), script.query);
    let theirs = (engine.answer)(&plan, &script).map_err(|e| format!("{e}\n{}", shown()))?.untyped();
    let names: Vec<&str> = theirs.columns.iter().map(|(name, _)| name.as_str()).collect();
    let ours = Table::parquet(lab, "late.parquet").untyped().only(&names);
    if let Some(why) = ours.difference(&theirs) {
        return Err(format!("ours and theirs: {why}\n{}", shown()));
    }
    // What is left out is told.
    let left_out = ["_file", "_line", "_missed"];
    assert!(script.notes[0].contains("`_missed`") && !names.iter().any(|name| left_out.contains(name)));
    seen.compared += 1;
    seen.rows += ours.rows.len();
    seen.late += ours.rows.len();
    Ok(())
}

/// The job with each output in a Parquet file of its own.
fn in_files(mut job: Job) -> Job {
    for output in &mut job.outputs {
        output.format = "parquet";
        output.partition_by.clear();
        output.state = false;
    }
    job
}

/// By output, the variances of floats, and what is made of pairs.
pub fn near(job: &Job) -> Vec<Vec<String>> {
    let of = |output: &jobs::Output| {
        let calls = output.groups.iter().flat_map(|groups| groups.aggregates.iter().enumerate());
        let spread = |(name, of): &(&str, Vec<&str>)| {
            // What is rounded more than once there.
            let pairwise = ["corr", "covar", "regr"].iter().any(|start| name.starts_with(start));
            pairwise || (name.starts_with("var") || name.starts_with("stddev")) && of[0] == "f"
        };
        calls.filter(|(_, call)| spread(call)).map(|(i, _)| format!("a{i}")).collect()
    };
    job.outputs.iter().map(of).collect()
}

/// The log with floats that have exact sums.
fn in_eighths(mut log: Log) -> Log {
    for cell in log.rows.iter_mut().flatten() {
        if let Cell::Float(f) = cell {
            *f = (*f * 8.0).round() / 8.0;
        }
    }
    log
}

/// Random cases of `strategy`; at most one in `rare` outputs may be refused.
fn law<S: Strategy>(
    strategy: S,
    few: u32,
    rare: usize,
    engine: &Engine,
    check: impl Fn(&S::Value, &Engine, &mut Seen) -> Result<(), String>,
) -> Seen {
    let seen = RefCell::new(Seen::default());
    let config = ProptestConfig { max_shrink_iters: 60, ..laws::cases(few) };
    let outcome = TestRunner::new(config)
        .run(&strategy, |case| check(&case, engine, &mut seen.borrow_mut()).map_err(TestCaseError::fail));
    let seen = seen.into_inner();
    match outcome {
        Ok(()) => {}
        Err(TestError::Fail(why, _)) => panic!("{why}\nafter {seen:#?}"),
        Err(TestError::Abort(why)) => panic!("{why}"),
    }
    println!("{}: {seen:#?}", engine.dialect.name());
    assert!(seen.rows > 2 * few as usize, "{seen:#?}");
    assert!(seen.refusals() * rare <= seen.compared, "{seen:#?}");
    seen
}

fn of_logs(
    (job, log, format): &(Job, Log, &'static str),
    engine: &Engine,
    seen: &mut Seen,
) -> Result<(), String> {
    let lab = Lab::new();
    laws::write(&lab, &format!("log.{format}"), log);
    agree(&lab, &job.toml("\"@/log*\"", ""), &near(job), engine, seen)
        .map_err(|e| format!("{e}\n{}", String::from_utf8_lossy(&log.csv())))
}

fn of_steps(case: &Case, engine: &Engine, seen: &mut Seen) -> Result<(), String> {
    let lab = Lab::new();
    laws::write(&lab, "log.csv", &case.log);
    case.write_tables(&lab);
    agree(&lab, &case.toml(""), &near(&case.job), engine, seen).map_err(|e| format!("{e}\n{case:?}"))
}

/// A streamed job, its log, where the log is cut into files, and their format.
pub type Streamed = (Job, Log, Vec<usize>, &'static str);

fn of_streams((job, log, cuts, format): &Streamed, engine: &Engine, seen: &mut Seen) -> Result<(), String> {
    let lab = Lab::new();
    stream_laws::write_files(&lab, log, &stream_laws::cut(log, cuts, format));
    let toml = job.toml("\"@/log*\"", "");
    agree(&lab, &toml, &near(job), engine, seen)
        .and_then(|()| late_agrees(&lab, &toml, engine, seen))
        .map_err(|e| format!("{e}\n{}", String::from_utf8_lossy(&log.csv())))
}

pub fn streams(formats: &[&'static str]) -> impl Strategy<Value = Streamed> + use<> {
    let cuts = proptest::collection::vec(0..60usize, 0..3);
    (event_time_jobs::streamed(60), cuts, select(formats.to_vec())).prop_map(|((job, log), cuts, format)| {
        let mut job = in_files(job);
        if !job.timing.late.is_empty() {
            job.timing.late = "parquet";
        }
        // No statement has firings.
        job.outputs
            .iter_mut()
            .flat_map(|output| &mut output.groups)
            .for_each(|groups| groups.firings = false);
        (job, in_eighths(log), cuts, format)
    })
}

pub fn logs() -> impl Strategy<Value = (Job, Log, &'static str)> {
    let formats = select(vec!["csv", "jsonl", "parquet"]);
    (jobs::job(), jobs::log(60, false), formats)
        .prop_map(|(job, log, format)| (in_files(job), in_eighths(log), format))
}

pub fn steps() -> impl Strategy<Value = Case> {
    enrich_random::complete(40).prop_map(|mut case| {
        case.job = in_files(case.job);
        case.log = in_eighths(case.log);
        case
    })
}

#[test]
fn polars_gives_the_rows_of_a_run() {
    law(logs(), 300, 20, &POLARS, of_logs);
}

#[test]
fn polars_gives_the_rows_of_a_run_with_steps_and_tables() {
    law(steps(), 300, 5, &POLARS, of_steps);
}

#[test]
fn polars_gives_the_rows_of_a_streamed_run() {
    let seen = law(streams(&["csv", "jsonl", "parquet"]), 300, 1, &POLARS, of_streams);
    assert!(seen.late > 100, "{seen:#?}");
}

/// The engine of a server. Of its results `numeric` has no type of ours.
fn with_server(test: impl Fn(&Engine)) {
    let Some(server) = postgres() else { return };
    let answer = |plan: &Plan, script: &SqlScript| ask(plan, script, &server);
    test(&Engine { dialect: Dialect::Postgres, answer: &answer, typed: false });
}

fn ask(plan: &Plan, script: &SqlScript, server: &ServerAddress) -> Result<Table, Error> {
    server::run(plan, script, server).map(|batch| Table::of(&[batch]))
}

#[test]
fn postgres_gives_the_rows_of_a_run() {
    with_server(|engine| drop(law(logs(), 60, 20, engine, of_logs)));
}

#[test]
fn postgres_gives_the_rows_of_a_run_with_steps_and_tables() {
    with_server(|engine| drop(law(steps(), 60, 20, engine, of_steps)));
}

#[test]
fn postgres_gives_the_rows_of_a_streamed_run() {
    with_server(|engine| {
        let seen = law(streams(&["csv", "jsonl"]), 60, 1, engine, of_streams);
        assert!(seen.late > 10, "{seen:#?}");
    });
}

/// Steps and one output each: its window, and what it selects by what.
const FEATURES: [(&str, &str, &str); 41] = [
    ("tumbling", "", "window = { tumbling = \"90s\" }\nby = [\"k\"]"),
    ("tumbling, offset", "", "window = { tumbling = \"7m\", offset = \"-2m\" }\nby = [\"k\", \"n\"]"),
    ("tumbling day", "", "window = { tumbling = \"1 day\" }\nby = [\"b\"]"),
    ("tumbling days, offset", "", "window = { tumbling = \"2 days\", offset = \"6h\" }\nby = [\"k\"]"),
    ("tumbling week", "", "window = { tumbling = \"1 week\" }\nby = [\"d\"]"),
    ("tumbling months", "", "window = { tumbling = \"2 months\" }\nby = [\"k\"]"),
    ("tumbling quarter, offset", "", "window = { tumbling = \"1 quarter\", offset = \"-36h\" }"),
    ("tumbling year", "", "window = { tumbling = \"1 year\" }\nby = [\"k\"]"),
    ("hopping", "", "window = { hopping = \"10m\", slide = \"4m\" }\nby = [\"k\"]"),
    ("hopping, gaps", "", "window = { hopping = \"10m\", slide = \"15m\" }\nby = [\"k\"]"),
    ("hopping days", "", "window = { hopping = \"3 days\", slide = \"1 day\" }\nby = [\"k\"]"),
    ("hopping hours by day", "", "window = { hopping = \"30h\", slide = \"1 day\", offset = \"15m\" }"),
    ("hopping months", "", "window = { hopping = \"3 months\", slide = \"1 month\" }\nby = [\"b\"]"),
    ("cumulative", "", "window = { cumulative = \"10m\", step = \"4m\" }\nby = [\"k\"]"),
    ("cumulative day", "", "window = { cumulative = \"1 day\", step = \"5h\" }\nby = [\"k\"]"),
    ("cumulative month", "", "window = { cumulative = \"1 month\", step = \"1 week\" }\nby = [\"b\"]"),
    ("session", "", "window = { session = \"30m\" }\nby = [\"k\"]"),
    ("session of all", "", "window = { session = \"1h\" }"),
    ("global", "", "window = \"global\"\nby = [\"k\"]"),
    ("global of all", "", "window = \"global\""),
    ("no window", "", "by = [\"k\", \"b\"]"),
    ("filter", "[[step]]\nfilter = \"n > 0 AND k IN ('a', 'ü')\"\n", "by = [\"k\"]"),
    ("nothing passes", "[[step]]\nfilter = \"n > 100\"\n", "window = { tumbling = \"1 day\" }"),
    ("nothing passes, global", "[[step]]\nfilter = \"n > 100\"\n", "window = \"global\""),
    (
        "derive",
        "[[step]]\nderive = { x = \"m * 0.19\", y = \"coalesce(k, 'none')\" }\n",
        "by = [\"x\", \"y\"]",
    ),
    (
        "months of the wall clock",
        "[[step]]\nderive = { x = \"EXTRACT(month FROM ts)\", y = \"EXTRACT(hour FROM ts)\" }\n",
        "by = [\"x\", \"y\"]",
    ),
    ("dedup", "[[step]]\ndedup = [\"k\", \"n\"]\n", "window = { tumbling = \"1h\" }\nby = [\"k\"]"),
    (
        "dedup within",
        "[[step]]\ndedup = [\"k\"]\nwithin = \"20m\"\n",
        "window = { tumbling = \"1h\" }\nby = [\"k\"]",
    ),
    (
        "first",
        "[[step]]\nfirst = [\"k\", \"b\"]\nas = \"x\"\n",
        "window = { tumbling = \"1h\" }\nby = [\"x\"]",
    ),
    // What stands before the first step goes to the table.
    (
        "decimals of unlike types",
        "types = { w = \"decimal(10,2)\" }\n[[step]]\nderive = { x = \"m - m + n\" }\n[[step]]\nenrich = \"t\"\n\
        on = { x = \"w\", k = \"k\" }\ntake = { y = \"v\" }\n",
        "by = [\"y\"]",
    ),
    ("backward", "[[step]]\nenrich = \"t\"\non = { k = \"k\" }\ntake = { x = \"v\" }\n", "by = [\"x\"]"),
    (
        "forward",
        "[[step]]\nenrich = \"t\"\non = { k = \"k\" }\nmatch = \"forward\"\ntake = { x = \"v\" }\n",
        "by = [\"x\"]",
    ),
    (
        "nearest within",
        "[[step]]\nenrich = \"t\"\non = { k = \"k\" }\nmatch = \"nearest\"\nwithin = \"20m\"\ntake = { x = \"v\", y = \"w\" }\n",
        "by = [\"x\", \"y\"]",
    ),
    (
        "not inclusive",
        "[[step]]\nenrich = \"t\"\non = { k = \"k\" }\ninclusive = false\ntake = { x = \"v\" }\n",
        "by = [\"x\"]",
    ),
    (
        "last values",
        "[[step]]\nenrich = \"t\"\non = { k = \"k\" }\nfill = \"last_value\"\ntake = { x = \"v\", y = \"w\" }\n",
        "by = [\"x\", \"y\"]",
    ),
    (
        "otherwise",
        "[[step]]\nenrich = \"t\"\non = { k = \"k\" }\nwithin = \"5m\"\ntake = { x = \"v\", y = \"w\" }\n\
        otherwise = [{ match = \"forward\" }, { constant = { x = \"none\" } }]\n",
        "by = [\"x\", \"y\"]",
    ),
    (
        "lookup of a file",
        "[[step]]\nlookup = \"@/l.csv\"\non = { k = \"k\" }\ntake = { x = \"v\" }\n",
        "by = [\"x\"]",
    ),
    ("having", "", "window = { tumbling = \"1h\" }\nby = [\"k\"]\nhaving = \"c > 2 AND sum(n) IS NOT NULL\""),
    ("top", "", "window = { tumbling = \"1 day\" }\nby = [\"k\", \"n\"]\ntop = { n = 2, by = \"c desc\" }"),
    ("top of all", "", "by = [\"k\"]\ntop = { n = 3, by = \"c, s desc\" }"),
    (
        "having and top",
        "",
        "window = { hopping = \"2h\", slide = \"1h\" }\nby = [\"n\"]\nhaving = \"c > 1\"\ntop = { n = 1, by = \"s desc\" }",
    ),
];

/// Every aggregate, over every type that it takes, by name of the column.
const AGGREGATES: &str = "c = \"count(*)\", c1 = \"count(k)\", c2 = \"count(distinct n)\", c3 = \"approx_count_distinct(k)\", \
    s = \"sum(n)\", s1 = \"sum(m)\", s2 = \"sum(f)\", \
    a = \"avg(n)\", a1 = \"avg(m)\", a2 = \"avg(f)\", mi = \"min(m)\", mi1 = \"min(k)\", mi2 = \"min(ts)\", \
    ma = \"max(f)\", ma1 = \"max(d)\", ma2 = \"max(b)\", fi = \"first(k)\", fi1 = \"first(m)\", la = \"last(n)\", la1 = \"last(ts)\", \
    am = \"arg_min(k, m)\", am1 = \"arg_max(n, f)\", sp = \"stddev_pop(n)\", ss = \"stddev_samp(m)\", vp = \"var_pop(m)\", \
    vs = \"var_samp(n)\", me = \"median(n)\", me1 = \"median(m)\", me2 = \"median(f)\", q = \"quantile(n, 0.25)\", \
    q1 = \"quantile(f, 0.9)\", ba = \"bool_and(b)\", bo = \"bool_or(b)\", r = \"sum(n) * 10 + count(*)\", \
    ci = \"count_if(b)\", b1 = \"bit_and(n)\", b2 = \"bit_or(n)\", b3 = \"bit_xor(n)\", m1 = \"mode(k)\", m2 = \"mode(n)\", \
    m3 = \"mode(m)\", m4 = \"mode(f)\", m5 = \"mode(b)\", m6 = \"mode(d)\", m7 = \"mode(ts)\", d1 = \"sum(distinct n)\", \
    d2 = \"sum(distinct m)\", d3 = \"sum(distinct f)\", d4 = \"avg(distinct m)\", d5 = \"var_pop(distinct n)\", \
    cp = \"covar_pop(n, m)\", cs = \"covar_samp(m, n)\", rc = \"regr_count(n, f)\", rx = \"regr_avgx(n, f)\", \
    ry = \"regr_avgy(m, n)\", sx = \"regr_sxx(m, n)\", sy = \"regr_syy(m, n)\", sxy = \"regr_sxy(m, n)\", \
    sl = \"regr_slope(m, n)\", ic = \"regr_intercept(m, n)\", st = \"string_agg(k, '-')\", \
    st1 = \"string_agg(k, ', ' ORDER BY m DESC, n)\", st2 = \"string_agg(DISTINCT k, '' ORDER BY k DESC)\", \
    st3 = \"string_agg(DISTINCT k, '''')\", fi2 = \"first(k) FILTER (WHERE b)\", s3 = \"sum(m) FILTER (WHERE n > 0)\", \
    c4 = \"count(*) FILTER (WHERE b)\", am2 = \"arg_max(k, f) FILTER (WHERE m < 5)\", k1 = \"sum(1)\", k2 = \"avg(1.5)\", \
    k3 = \"min('a')\", k4 = \"max(DATE '2024-01-01')\", k5 = \"count(1)\", k6 = \"count(distinct 1)\", k7 = \"first(2)\", \
    k8 = \"arg_min(3, n)\", k9 = \"median(4)\", k10 = \"stddev_pop(5)\", k11 = \"bool_and(true)\", k12 = \"bit_xor(6)\", \
    k13 = \"mode('m')\", k14 = \"string_agg('x', '')\", k15 = \"covar_pop(1, 2)\", k16 = \"sum(distinct 7)\", \
    k17 = \"sum(coalesce(8, n))\", k18 = \"sum(9) FILTER (WHERE b)\", k19 = \"max(2)\"";

/// Events around a change of clocks in London, with NULLs, ties and negatives, and tables beside them.
fn features_lab() -> Lab {
    let lab = Lab::new();
    let pick = |i: i64, of: i64| (i * 7919 + i * i * 31) % of;
    let base = 1_711_846_800_000_000i64;
    let row = |i: i64| {
        let at = base + pick(i, 97) * 613_000_000 - pick(i, 3) * 86_400_000_000 * 20;
        let none = |n: i64, cell: Cell| if pick(i + n, 7) == 0 { Cell::Null } else { cell };
        vec![
            Cell::Int(at),
            none(1, Cell::Text(["a", "b", "ü", "", "a/b"][pick(i, 5) as usize].into())),
            none(2, Cell::Int(pick(i, 9) - 4)),
            none(3, Cell::Decimal(i128::from(pick(i, 4001) - 2000), 2)),
            none(4, Cell::Float((pick(i, 801) - 400) as f64 / 8.0)),
            none(5, Cell::Bool(pick(i, 2) == 0)),
            none(6, Cell::Date(19_800 + pick(i, 4) as i32)),
            none(7, Cell::Text(crate::oracle_windows::time_text(at + pick(i, 2) * 3_600_000_000, "UTC"))),
        ]
    };
    let columns = [
        ("at", Kind::Int),
        ("k", Kind::Text),
        ("n", Kind::Int),
        ("m", Kind::Decimal(2)),
        ("f", Kind::Float),
        ("b", Kind::Bool),
        ("d", Kind::Date),
        ("ts", Kind::Text),
    ];
    let log = Log::new(&columns, (0..140).map(row).collect());
    lab.write("log1.csv", log.slice(0..70).csv());
    lab.write("log2.csv", log.slice(70..140).csv());
    let names = ["a", "b", "ü", ""];
    let table = (0..24).map(|i| {
        vec![
            Cell::Int(base + pick(i, 90) * 613_000_000),
            if i % 9 == 8 { Cell::Null } else { Cell::Text(names[pick(i, 4) as usize].into()) },
            if i % 5 == 4 { Cell::Null } else { Cell::Text(format!("r{i}")) },
            if i % 3 == 2 { Cell::Null } else { Cell::Int(i) },
        ]
    });
    let columns = [("at", Kind::Int), ("k", Kind::Text), ("v", Kind::Text), ("w", Kind::Int)];
    lab.write("t.jsonl", Log::new(&columns, table.collect()).jsonl());
    lab.write("l.csv", "k,v\na,one\n\"\",two\nb,\na,three\n");
    lab
}

fn feature(steps: &str, output: &str, select: &str, zone: &str) -> String {
    let table = match steps.contains("enrich") {
        true => "[table.t]\npath = \"@/t.jsonl\"\ntime = \"at\"\ntime_unit = \"us\"\n",
        false => "",
    };
    format!(
        "timezone = \"{zone}\"\n[source]\npath = \"@/log*.csv\"\ntime = \"at\"\ntime_unit = \"us\"\n\
        types = {{ k = \"string\", n = \"int64\", m = \"decimal(18,2)\", f = \"float64\", b = \"bool\", d = \"date\", ts = \"timestamp\" }}\n\
        {table}{steps}[[output]]\npath = \"@/out/0.parquet\"\n{output}\nselect = {{ {select} }}\n"
    )
}

/// Every feature by itself; what is refused is named here.
fn features(engine: &Engine, refused: &[&str]) {
    let few = "c = \"count(*)\", s = \"sum(m)\", l = \"last(n)\"";
    let mut jobs: Vec<(String, String)> = vec![];
    for (name, steps, output) in FEATURES {
        jobs.push((name.into(), feature(steps, output, few, "Europe/London")));
    }
    for zone in ["Africa/Cairo", "America/St_Johns", "Asia/Kathmandu"] {
        let output = "window = { tumbling = \"1 day\" }\nby = [\"k\"]";
        jobs.push((format!("days in {zone}"), feature("", output, few, zone)));
    }
    for (name, window) in [("tumbling", "window = { tumbling = \"1 day\" }\n"), ("global", "")] {
        let job = feature("", &format!("{window}by = [\"k\"]"), AGGREGATES, "Europe/London");
        jobs.push((format!("all aggregates, {name}"), job));
        let alone = feature("", window, AGGREGATES, "Europe/London");
        jobs.push((format!("all aggregates without keys, {name}"), alone));
    }
    let events = "k = \"k\", n = \"n\", m = \"m\", f = \"f\", b = \"b\", d = \"d\", ts = \"ts\"";
    jobs.push(("events".into(), feature("[[step]]\nfilter = \"n > 0\"\n", "", events, "Europe/London")));
    let mut wrong = vec![];
    for (name, toml) in jobs {
        let mut seen = Seen::default();
        let outcome = agree(&features_lab(), &toml, &[vec![]], engine, &mut seen);
        let expected = refused.contains(&name.as_str());
        match outcome {
            Err(why) => wrong.push(format!("{name}: {why}")),
            Ok(()) if expected != (seen.refusals() > 0) => wrong.push(format!("{name}: {seen:?}")),
            Ok(()) => {}
        }
    }
    assert!(wrong.is_empty(), "{} of {}\n{}", wrong.len(), engine.dialect.name(), wrong.join("\n\n"));
}

#[test]
fn polars_gives_every_feature() {
    features(&POLARS, &[]);
}

#[test]
fn postgres_gives_every_feature() {
    with_server(|engine| features(engine, &[]));
}
