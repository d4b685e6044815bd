//! What a live job would hold at a time: worked by hand, and against what runs over the events up to it give.

use crate::enrich_jobs::{Case, Step, time};
use crate::enrich_random;
use crate::jobs::Output;
use crate::laws::{cases, machine};
use crate::log::Log;
use crate::support::{Lab, Machine, PLAIN};
use proptest::prelude::*;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

const LOG: &str = "\
at,user,id,kind,amount
2024-05-01T10:00:00Z,a,1,pay,1.00
2024-05-01T10:00:30Z,a,1,pay,1.00
2024-05-01T10:00:40Z,b,1,win,2.50
2024-05-01T10:01:00.000001Z,b,2,pay,9.00
2024-05-01T10:01:00Z,a,2,pay,3.00
";
/// At 10:01 the first row is exactly an hour old, that of b a microsecond more.
const PROFILES: &str = "\
at,user,country,birth
2024-05-01T09:01:00Z,a,ES,1978
2024-05-01T09:30:00Z,a,PO,
2024-05-01T09:00:59.999999Z,b,FR,1990
2024-05-01T10:01:00Z,c,UK,
2024-05-01T10:01:00.000001Z,c,XX,1
";
const JOB: &str = r#"
[source]
path = "log.csv"
time = "at"
types = { amount = "decimal(18,2)" }

[table.profiles]
path = "profiles.csv"
time = "at"

[[step]]
dedup = ["user", "id"]
within = "1m"

[[step]]
first = ["user", "kind"]
as = "one"

[[step]]
enrich = "profiles"
on = { user = "user" }
take = { country = "country", birth = "birth" }
fill = "last_value"
within = "1h"

[[output]]
path = "minutes.csv"
window = { tumbling = "1m" }
by = ["user"]
select = { n = "count(*)", total = "sum(amount)", twice = "sum(amount) * 2" }
having = "n > 100"
partition_by = []

[[output]]
path = "sessions.jsonl"
window = { session = "30s" }
by = ["user"]
select = { n = "count(*)" }

[[output]]
path = "-"
window = "global"
select = { n = "count(*)" }

[[output]]
path = "events.csv"
"#;

fn lab(job: &str) -> Lab {
    let lab = Lab::new();
    lab.write("log.csv", LOG);
    lab.write("profiles.csv", PROFILES);
    lab.write("job.toml", job);
    lab
}

/// The entries that `inspect` prints as JSON. Of times on the day of the log only the time of day.
fn entries(lab: &Lab, args: &[&str]) -> Vec<String> {
    let answer = lab.highwater(&[&["inspect", "job.toml", "--json"], args].concat());
    assert_eq!((answer.code, answer.err.as_str()), (0, ""));
    serde_json::from_str::<Value>(&answer.out).unwrap();
    let (_, entries) = answer.out.split_once("\"entries\":[\n").unwrap();
    let entries = entries.strip_suffix("]}\n").unwrap().replace("2024-05-01T", "");
    entries.lines().map(|line| line.trim_end_matches(',').to_string()).filter(|l| !l.is_empty()).collect()
}

/// An entry of a key with a time, in short.
fn held(state: &str, name: &str, key: &str, time: &str, value: &str) -> String {
    format!(
        "{{\"state\":\"{state}\",\"name\":\"{name}\",\"key\":{key},\"time\":\"{time}Z\",\
         \"window_start\":null,\"window_end\":null,\"value\":{value}}}"
    )
}

fn open(name: &str, key: &str, window: Option<(&str, &str)>, value: &str) -> String {
    let (start, end) = match window {
        Some((start, end)) => (format!("\"{start}Z\""), format!("\"{end}Z\"")),
        None => ("null".into(), "null".into()),
    };
    format!(
        "{{\"state\":\"window\",\"name\":\"{name}\",\"key\":{key},\"time\":null,\
         \"window_start\":{start},\"window_end\":{end},\"value\":{value}}}"
    )
}

fn at_ten_and_a_minute() -> Vec<String> {
    let key = |id: u32, user: &str| format!("{{\"user\":\"{user}\",\"id\":{id}}}");
    let dedup = |key: &str, time: &str| held("dedup", "dedup(user, id)", key, time, "null");
    let first = |key: &str, time: &str| held("first", "first(user, kind)", key, time, "null");
    let table = |key: &str, time: &str, value: &str| held("table", "profiles", key, time, value);
    vec![
        // Exactly `within` old.
        dedup(&key(1, "a"), "10:00:00"),
        dedup(&key(2, "a"), "10:01:00"),
        dedup(&key(1, "b"), "10:00:40"),
        first(r#"{"user":"a","kind":"pay"}"#, "10:00:00"),
        first(r#"{"user":"b","kind":"win"}"#, "10:00:40"),
        table(r#"{"user":"a"}"#, "09:30:00", r#"{"country":"PO","birth":1978}"#),
        table(r#"{"user":"c"}"#, "10:01:00", r#"{"country":"UK","birth":null}"#),
        open("-", "{}", None, r#"{"n":3}"#),
        // The window that ends now is closed, the one that starts now is open.
        open(
            "minutes.csv",
            r#"{"user":"a"}"#,
            Some(("10:01:00", "10:02:00")),
            r#"{"n":1,"total":3.00,"twice":6.00}"#,
        ),
        open("sessions.jsonl", r#"{"user":"b"}"#, Some(("10:00:40", "10:01:10")), r#"{"n":1}"#),
        open("sessions.jsonl", r#"{"user":"a"}"#, Some(("10:01:00", "10:01:30")), r#"{"n":1}"#),
    ]
}

#[test]
fn every_kind_of_state_worked_by_hand() {
    let lab = lab(JOB);
    assert_eq!(entries(&lab, &["--at", "2024-05-01T10:01"]), at_ten_and_a_minute());
    // Nothing but the answer: no output, no rejects.
    assert_eq!(lab.files("").keys().collect::<Vec<_>>(), ["job.toml", "log.csv", "profiles.csv"]);
}

/// A microsecond before 10:01 the event at 10:01 has not come; after it, what was exactly `within` old is gone.
#[test]
fn a_microsecond_before_and_after() {
    let lab = lab(JOB);
    let before = entries(&lab, &["--at", "2024-05-01T10:00:59.999999Z"]);
    let keys = |entries: &[String], state: &str| -> Vec<String> {
        let of = |entry: &&String| entry.contains(&format!("\"state\":\"{state}\""));
        let key = |entry: &String| {
            let entry: Value = serde_json::from_str(entry).unwrap();
            format!("{} {} {}", entry["name"].as_str().unwrap(), entry["key"], entry["value"])
        };
        entries.iter().filter(of).map(key).collect()
    };
    let minutes =
        |user: &str, total: &str| format!(r#"minutes.csv {{"user":"{user}"}} {{"n":1,"total":{total}"#);
    let windows = keys(&before, "window");
    assert!(windows[1].starts_with(&minutes("a", "1.0")) && windows[2].starts_with(&minutes("b", "2.5")));
    assert_eq!(windows[3..], [r#"sessions.jsonl {"user":"b"} {"n":1}"#]);
    assert_eq!(keys(&before, "dedup").len(), 2);
    // Now the oldest row of a user is in reach, and that of another too.
    assert_eq!(keys(&before, "table").len(), 2);

    let after = entries(&lab, &["--at", "2024-05-01T10:01:00.000001Z"]);
    let dedup: Vec<&String> = after.iter().filter(|e| e.contains("\"state\":\"dedup\"")).collect();
    assert_eq!(dedup.len(), 3);
    assert!(
        !dedup.iter().any(|e| e.contains(r#""user":"a","id":1}"#)) && dedup[2].contains("10:01:00.000001Z")
    );
    // The year of birth has gone out of reach; the row itself has not.
    let table = held("table", "profiles", r#"{"user":"a"}"#, "09:30:00", r#"{"country":"PO","birth":null}"#);
    assert!(after.contains(&table), "{after:#?}");
    // That of b goes on, with the event just then; that of a ends at 10:01:30, and is closed then.
    let sessions = |at: &str| entries(&lab, &["--at", at]).iter().filter(|e| e.contains("sessions")).count();
    assert_eq!((sessions("2024-05-01T10:01:09.999999Z"), sessions("2024-05-01T10:01:30Z")), (2, 1));
}

#[test]
fn before_all_events_nothing_is_held() {
    let lab = lab(JOB);
    assert_eq!(entries(&lab, &["--at", "2024-05-01T09:00Z"]), Vec::<String>::new());
}

/// Without `within` keys stay for ever; forward looks hold nothing, and untimed tables are no state.
#[test]
fn what_stays_for_ever_and_what_is_no_state() {
    let job = JOB.replace("within = \"1m\"\n", "").replace("fill = \"last_value\"\nwithin = \"1h\"", "");
    let lab = lab(&job);
    let late = entries(&lab, &["--at", "2034-01-01"]);
    let count = |entries: &[String], state: &str| {
        entries.iter().filter(|e| e.contains(&format!("\"state\":\"{state}\""))).count()
    };
    assert_eq!(["dedup", "first", "table", "window"].map(|s| count(&late, s)), [4, 3, 3, 1]);
    lab.write("job.toml", job.replace("take = {", "match = \"forward\"\ntake = {"));
    assert_eq!(count(&entries(&lab, &["--at", "2034-01-01"]), "table"), 0);
    lab.write("job.toml", job.replace("profiles.csv\"\ntime = \"at\"", "profiles.csv\""));
    assert_eq!(count(&entries(&lab, &["--at", "2034-01-01"]), "table"), 0);
}

/// Two dedups of one stage, the second of what the first left; and a filter between steps.
#[test]
fn steps_hold_what_reaches_them() {
    let lab = lab("[source]\npath = \"log.csv\"\ntime = \"at\"\n\
        [[step]]\ndedup = [\"user\", \"id\"]\n[[step]]\nfilter = \"id = 1\"\n\
        [[step]]\ndedup = [\"user\"]\nwithin = \"25s\"\n[[step]]\ndedup = [\"user\"]\n[[output]]\npath = \"-\"\n");
    let found = entries(&lab, &["--at", "2024-05-01T10:00:40Z"]);
    let dedup = |name: &str, user: &str, time: &str| {
        held("dedup", name, &format!("{{\"user\":\"{user}\"}}"), time, "null")
    };
    // The event at 10:00:30 never reached the second: with it, a would be held there.
    let want = [
        dedup("dedup(user)", "b", "10:00:40"),
        dedup("dedup(user) #2", "a", "10:00:00"),
        dedup("dedup(user) #2", "b", "10:00:40"),
    ];
    assert_eq!(found[..3], want);
    assert_eq!(found.len(), 5, "and those of dedup(user, id)");
}

#[test]
fn a_key_chooses_entries() {
    let lab = lab(JOB);
    let at = ["--at", "2024-05-01T10:01"];
    let all = at_ten_and_a_minute();
    let b: Vec<String> = all.iter().filter(|e| e.contains(r#""user":"b""#)).cloned().collect();
    assert_eq!(entries(&lab, &[&at[..], &["--key", "user=b"]].concat()), b);
    let both = entries(&lab, &[&at[..], &["--key", "user=a", "--key", "id=2"]].concat());
    assert_eq!(
        both,
        all.iter().filter(|e| e.contains(r#"{"user":"a","id":2}"#)).cloned().collect::<Vec<_>>()
    );
    assert_eq!(entries(&lab, &[&at[..], &["--key", "user=nobody"]].concat()), Vec::<String>::new());
}

#[test]
fn wrong_use_is_told_before_the_work() {
    let lab = lab(JOB);
    let words = |args: &[&str]| {
        let answer = lab.highwater(&[&["inspect", "job.toml"], args].concat());
        assert_eq!((answer.code, answer.out.as_str()), (2, ""), "{}", answer.err);
        answer.err
    };
    let at = ["--at", "2024-05-01T10:01"];
    let with = |args: &[&'static str]| [&at[..], args].concat();
    assert!(words(&["--at", "noon"]).contains("--at `noon` is not a time"));
    assert!(words(&[]).contains("--at <TIME>"));
    assert!(words(&with(&["--key", "usr=a"])).contains("did you mean `user`?"));
    // A column of the job, but of no key.
    assert!(words(&with(&["--key", "amount=1"])).contains("the state has no key column"));
    assert!(words(&with(&["--key", "user"])).contains("such as --key"));
    assert!(
        words(&with(&["--output", "state.txt"]))
            .contains("give a .parquet, .avro, .jsonl or .csv file, or a folder")
    );
    assert!(words(&with(&["--output", "./minutes.csv"])).contains("it is an output of the job"));
    lab.write("state.csv", "mine");
    let answer = lab.highwater(&[&["inspect", "job.toml"], &with(&["--output", "state.csv"])[..]].concat());
    assert_eq!((answer.code, lab.text("state.csv").as_str()), (2, "mine"), "{}", answer.err);
}

#[test]
fn the_terminal_shows_a_table_for_each() {
    let lab = lab(&format!("timezone = \"Asia/Jakarta\"\n{JOB}"));
    let answer = lab.highwater(&["inspect", "job.toml", "--at", "2024-05-01T17:01", "--rows", "2"]);
    assert_eq!(answer.code, 0, "{}", answer.err);
    insta::assert_snapshot!(answer.out, @r"
    dedup(user, id): 3 keys held
    time                       user  id
    ─────────────────────────  ────  ──
    2024-05-01T17:00:00+07:00  a      1
    2024-05-01T17:01:00+07:00  a      2
    … 1 more row

    first(user, kind): 2 keys seen
    time                       user  kind
    ─────────────────────────  ────  ────
    2024-05-01T17:00:00+07:00  a     pay
    2024-05-01T17:00:40+07:00  b     win

    table profiles: 2 rows held
    time                       user  country  birth
    ─────────────────────────  ────  ───────  ─────
    2024-05-01T16:30:00+07:00  a     PO        1978
    2024-05-01T17:01:00+07:00  c     UK

    windows of the terminal: 1 group open
    n
    ─
    3

    windows of minutes.csv: 1 group open
    window_start               window_end                 user  n  total  twice
    ─────────────────────────  ─────────────────────────  ────  ─  ─────  ─────
    2024-05-01T17:01:00+07:00  2024-05-01T17:02:00+07:00  a     1   3.00   6.00

    windows of sessions.jsonl: 2 groups open
    window_start               window_end                 user  n
    ─────────────────────────  ─────────────────────────  ────  ─
    2024-05-01T17:00:40+07:00  2024-05-01T17:01:10+07:00  b     1
    2024-05-01T17:01:00+07:00  2024-05-01T17:01:30+07:00  a     1
    ");
    assert_eq!(answer.err, "read 5 = 0 rejected + 1 filtered + 1 duplicate + 0 late + 3 counted\n");
}

/// The file has all entries in their order, and the same bytes with any number of threads.
#[test]
fn a_file_holds_all_of_it() {
    let lab = lab(JOB);
    let write = |name: &str, threads: &str| {
        let args =
            ["inspect", "job.toml", "--at", "2024-05-01T10:01", "--threads", threads, "--output", name];
        let answer = lab.highwater(&args);
        assert_eq!(answer.code, 0, "{}", answer.err);
        assert!(answer.err.ends_with(&format!("{name}: 11 rows\n")), "{}", answer.err);
        std::fs::read(lab.path(name)).unwrap()
    };
    let lines = String::from_utf8(write("state.jsonl", "1")).unwrap();
    // Keys and values are texts there.
    let nested = |line: &str| {
        let mut entry: Value = serde_json::from_str(line).unwrap();
        for part in ["key", "value"] {
            if let Some(text) = entry[part].as_str() {
                entry[part] = serde_json::from_str(text).unwrap();
            }
        }
        entry
    };
    let found: Vec<Value> = lines.replace("2024-05-01T", "").lines().map(nested).collect();
    let want: Vec<Value> = at_ten_and_a_minute().iter().map(|e| serde_json::from_str(e).unwrap()).collect();
    assert_eq!(found, want);
    assert!(
        write("state.csv", "2").starts_with(b"state,name,key,time,window_start,window_end,value\ndedup,")
    );
    for name in ["state.parquet", "state.jsonl"] {
        let one = write(name, "1");
        assert!(["2", "4"].iter().all(|threads| write(name, threads) == one));
        assert!(one == lines.as_bytes() || one.starts_with(b"PAR1"));
    }
    let batch = parquet::arrow::arrow_reader::ParquetRecordBatchReader::try_new(
        std::fs::File::open(lab.path("state.parquet")).unwrap(),
        100,
    );
    let batch = batch.unwrap().next().unwrap().unwrap();
    assert_eq!((batch.num_rows(), batch.num_columns()), (11, 7));
    assert_eq!(batch.column(3).null_count(), 4);
    assert!(batch.schema().field(4).data_type().to_string().starts_with("Timestamp"));
}

/// Nobody listens at the address: a service is asked only where something depends on what it says.
#[test]
fn services_are_not_asked_unless_something_depends_on_them() {
    let job = "[source]\npath = \"log.csv\"\ntime = \"at\"\n\
        [[step]]\nlookup = \"http://127.0.0.1:9/{user}\"\ntake = { country = \"/country\" }\n\
        retries = 0\ntimeout = \"1s\"\n[[step]]\ndedup = [\"user\", \"id\"]\n[[output]]\npath = \"events.csv\"\n";
    let lab = lab(job);
    assert_eq!(entries(&lab, &["--at", "2024-05-01T10:01"]).len(), 3);
    for wrong in [
        job.replace("\"user\", \"id\"]", "\"country\"]"),
        job.replace("retries", "on_failure = \"reject\"\nretries"),
    ] {
        lab.write("job.toml", &wrong);
        let answer = lab.highwater(&["inspect", "job.toml", "--at", "2024-05-01T10:01"]);
        let asked =
            answer.code == 4 || answer.err.contains(" 5 rejected") || answer.err.contains(" 4 rejected");
        assert!(asked, "{} {}", answer.code, answer.err);
    }
}

type Result<T> = std::result::Result<T, TestCaseError>;

fn failed(error: highwater::error::Error) -> TestCaseError {
    TestCaseError::fail(error.to_string())
}

/// A lab with the tables of a case and this log.
fn lab_of(case: &Case, log: &Log) -> Lab {
    let lab = Lab::new();
    crate::laws::write(&lab, "log.csv", log);
    case.write_tables(&lab);
    lab
}

/// The case as inspect takes it: windows without `having` and `top`, as JSON Lines.
fn plain(mut case: Case) -> Case {
    for output in &mut case.job.outputs {
        (output.format, output.partition_by) = ("jsonl", vec![]);
        if let Some(groups) = &mut output.groups {
            (groups.having, groups.top) = (None, None);
        }
    }
    case
}

fn rows(lab: &Lab, name: &str) -> Vec<Value> {
    lab.text(&format!("out/{name}")).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn instant(value: &Value) -> i64 {
    // The event time stands in the log, and so in rows, as a number.
    let text = |text| chrono::DateTime::parse_from_rfc3339(text).unwrap().timestamp_micros();
    value.as_i64().unwrap_or_else(|| text(value.as_str().unwrap()))
}

/// The entries of one kind and name.
fn of<'a>(entries: &'a [Value], state: &str, name: &str) -> Vec<&'a Value> {
    entries.iter().filter(|e| e["state"] == state && e["name"] == name).collect()
}

/// Keys, each with the time of its row, that step number `step` of the case holds at `at`, by the rows that a run
/// of the steps up to it leaves of `log`.
fn keys_after(case: &Case, step: usize, log: &Log, at: i64) -> Result<BTreeSet<(String, i64)>> {
    let mut until = case.clone();
    until.steps.truncate(step + 1);
    until.job.outputs = vec![Output { format: "jsonl", partition_by: vec![], groups: None, state: false }];
    let lab = lab_of(&until, log);
    lab.library(&until.toml(""), PLAIN).map_err(failed)?;
    let mut held: BTreeMap<String, i64> = BTreeMap::new();
    for row in rows(&lab, "0.jsonl") {
        let key = |by: &[&str]| by.iter().map(|name| row[*name].to_string()).collect::<Vec<_>>().join(" ");
        match &case.steps[step] {
            Step::First { by, name } if row[*name] == true => {
                prop_assert!(held.insert(key(by), instant(&row["at"])).is_none());
            }
            // Rows come in replay order: the last of a key is the one that stayed last.
            Step::Dedup { by, within } => {
                held.insert(key(by), instant(&row["at"]));
                held.retain(|_, time| within.is_none_or(|within| at - *time <= within));
            }
            _ => {}
        }
    }
    Ok(held.into_iter().collect())
}

fn holds_what_runs_hold(case: Case, at: i64, machine: Machine) -> Result<()> {
    let case = plain(case);
    let mut log = case.log.clone();
    log.rows.retain(|row| time(row) <= at);
    let whole = lab_of(&case, &case.log);
    let lines = whole.inspect(&case.toml(""), machine, at).map_err(failed)?;
    let entries: Vec<Value> = lines.iter().map(|line| serde_json::from_str(line).unwrap()).collect();

    let part = lab_of(&case, &log);
    part.library(&case.toml(""), PLAIN).map_err(failed)?;
    for (i, output) in case.job.outputs.iter().enumerate() {
        if output.groups.is_none() {
            continue;
        }
        let name = output.path(i);
        let mut want = rows(&part, &name);
        want.retain(|row| row.get("window_end").is_none_or(|end| instant(end) > at));
        let row = |entry: &&Value| {
            let mut row = entry["value"].as_object().unwrap().clone();
            row.extend(entry["key"].as_object().unwrap().clone());
            for bound in ["window_start", "window_end"] {
                if !entry[bound].is_null() {
                    row.insert(bound.into(), entry[bound].clone());
                }
            }
            Value::from(row)
        };
        let path = whole.path(&format!("out/{name}")).display().to_string();
        let found: Vec<Value> = of(&entries, "window", &path).iter().map(row).collect();
        prop_assert_eq!(found, want, "{}", name);
    }

    let mut names: BTreeMap<String, usize> = BTreeMap::new();
    for (number, step) in case.steps.iter().enumerate() {
        let (kind, by) = match step {
            Step::Dedup { by, .. } => ("dedup", by),
            Step::First { by, .. } => ("first", by),
            _ => continue,
        };
        let mut name = format!("{kind}({})", by.join(", "));
        let again = names.entry(name.clone()).or_default();
        *again += 1;
        if *again > 1 {
            name.push_str(&format!(" #{again}"));
        }
        let key = |entry: &Value| {
            let values = by.iter().map(|name| entry["key"][*name].to_string());
            (values.collect::<Vec<_>>().join(" "), instant(&entry["time"]))
        };
        let found = of(&entries, kind, &name);
        let keys: BTreeSet<_> = found.iter().map(|entry| key(entry)).collect();
        prop_assert_eq!(keys.len(), found.len());
        prop_assert_eq!(keys, keys_after(&case, number, &log, at)?, "{}", name);
    }
    Ok(())
}

proptest! {
    #![proptest_config(cases(150))]

    #[test]
    fn the_state_is_that_of_a_run_over_the_events_up_to_then(
        case in enrich_random::complete(60),
        pick in any::<prop::sample::Index>(),
        beside in -1i64..2,
        machine in machine(),
    ) {
        let first = case.log.rows.iter().map(|row| time(row)).min().unwrap();
        let at = time(&case.log.rows[pick.index(case.log.rows.len())]) + beside;
        holds_what_runs_hold(case, at.max(first), machine)?;
    }

    #[test]
    fn threads_chunks_and_memory_do_not_show_in_the_state(
        case in enrich_random::complete(200),
        pick in any::<prop::sample::Index>(),
        machine in machine(),
    ) {
        let at = time(&case.log.rows[pick.index(case.log.rows.len())]);
        let lab = lab_of(&case, &case.log);
        let want = lab.inspect(&case.toml(""), PLAIN, at).map_err(failed)?;
        let small = Machine { memory: 64 << 10, ..machine };
        for machine in [machine, small] {
            let found = lab.inspect(&case.toml(""), machine, at).map_err(failed)?;
            prop_assert_eq!(&found, &want, "{:?}", machine);
        }
    }
}
