//! A job with outputs of both modes behind steps that depend on order, through all commands, worked by hand.

use crate::support::Lab;

/// The order `b` of minute 1 arrives before that of minute 0, and the order `a` of minute 2 before that of minute 1.
const LOG: &str = "at,came,id,v\n\
    2024-03-01T07:01:00Z,2024-03-01T07:01:01Z,b,1\n\
    2024-03-01T07:00:30Z,2024-03-01T07:01:02Z,b,2\n\
    2024-03-01T07:02:00Z,2024-03-01T07:02:01Z,a,4\n\
    2024-03-01T07:01:10Z,2024-03-01T07:02:02Z,a,8\n\
    2024-03-01T07:04:00Z,2024-03-01T07:04:01Z,c,16\n\
    2024-03-01T07:00:10Z,2024-03-01T07:04:02Z,d,32\n";

const JOB: &str = r#"
mode = "streamed"

[source]
path = "log.csv"
time = "at"
arrival = "came"

[[step]]
dedup = ["id"]

[[output]]
path = "live.csv"
window = { tumbling = "1m" }
select = { n = "count(*)", v = "sum(v)" }

[[output]]
path = "all.csv"
mode = "complete"
window = { tumbling = "1m" }
select = { n = "count(*)", v = "sum(v)" }

[late]
path = "late.jsonl"
"#;

fn lab() -> Lab {
    let lab = Lab::new();
    lab.write("log.csv", LOG);
    lab
}

#[test]
fn a_run_writes_both_and_tells_both_accounts() {
    let lab = lab();
    insta::assert_snapshot!(lab.done(JOB, &[]).words(), @r"
    exit 0
    streamed outputs: read 6 = 0 rejected + 0 filtered + 2 duplicate + 1 late + 3 counted
    complete outputs: read 6 = 0 rejected + 0 filtered + 2 duplicate + 0 late + 4 counted
    live.csv: 3 rows
    all.csv: 3 rows
    late.jsonl: 1 row
    291 B in 1 file, [time]
    ");
    insta::assert_snapshot!(lab.text("live.csv"), @r"
    window_start,window_end,n,v
    2024-03-01T07:01:00Z,2024-03-01T07:02:00Z,1,1
    2024-03-01T07:02:00Z,2024-03-01T07:03:00Z,1,4
    2024-03-01T07:04:00Z,2024-03-01T07:05:00Z,1,16
    ");
    insta::assert_snapshot!(lab.text("all.csv"), @r"
    window_start,window_end,n,v
    2024-03-01T07:00:00Z,2024-03-01T07:01:00Z,2,34
    2024-03-01T07:01:00Z,2024-03-01T07:02:00Z,1,8
    2024-03-01T07:04:00Z,2024-03-01T07:05:00Z,1,16
    ");
    let answer = lab.highwater(&["run", "job.toml", "--json"]);
    let json: serde_json::Value = serde_json::from_str(&answer.out).unwrap();
    assert_eq!((&json["account"]["late"], &json["account"]["counted"]), (&1.into(), &3.into()));
    let complete = &json["account_of_complete_outputs"];
    assert_eq!((&complete["late"], &complete["counted"]), (&0.into(), &4.into()));
    // A second run changes nothing, and the command line makes one mode of both.
    let before = lab.written(".");
    lab.done(JOB, &[]);
    let kept = ["live.csv", "all.csv", "late.jsonl"];
    assert!(kept.iter().all(|name| before[*name] == lab.written(".")[*name]));
    let one = lab.done(JOB, &["--mode", "complete"]);
    assert!(
        one.err.starts_with("read 6 = 0 rejected + 0 filtered + 2 duplicate + 0 late + 4 counted"),
        "{}",
        one.err
    );
    assert_eq!(lab.text("live.csv"), lab.text("all.csv"));
}

#[test]
fn each_output_is_compared_and_printed_by_its_mode() {
    let lab = lab();
    lab.done(JOB, &[]);
    let verified = lab.highwater(&["verify", "job.toml"]);
    assert_eq!(verified.code, 0, "{}{}", verified.out, verified.err);
    for name in ["live.csv", "all.csv", "late.jsonl"] {
        assert!(verified.out.contains(&format!("{name}: same")), "{}", verified.out);
    }
    // Against the other result each differs.
    let crossed = lab.highwater(&["verify", "job.toml", "--output", "all.csv", "--against", "live.csv"]);
    assert_eq!(crossed.code, 1, "{}{}", crossed.out, crossed.err);
    let query = |output: &str| {
        let answer = lab.highwater(&["sql", "job.toml", "--dialect", "duckdb", "--json", "--output", output]);
        let json: serde_json::Value = serde_json::from_str(&answer.out).unwrap();
        (json["setup"].clone(), json["outputs"][0]["query"].as_str().unwrap().to_string())
    };
    let (live, all) = (query("live.csv"), query("all.csv"));
    assert_eq!(live.0, all.0);
    assert!(live.1 != all.1 && !all.1.contains("_reached"), "{}", all.1);
    let on = lab.highwater(&["run", "job.toml", "--on", "duckdb"]);
    assert_eq!(on.code, 2);
    assert!(on.err.contains("outputs of both modes stand behind steps that depend on order"), "{}", on.err);
}

#[test]
fn streams_explanations_and_states_know_the_mode_of_an_output() {
    let lab = lab();
    lab.done(JOB, &[]);
    for name in ["live.csv", "all.csv"] {
        let args = ["run", "job.toml", "--output", "-", "--only", name, "--format", "csv"];
        assert_eq!(lab.highwater(&args).out, lab.text(name));
    }
    let why = |output: &str, at: &str| {
        let args = ["explain", "job.toml", "--output", output, "--at", at];
        lab.highwater(&args).out
    };
    let live = why("live.csv", "window_start=2024-03-01T07:01:00Z");
    assert!(live.contains("log.csv:2") && live.contains("log.csv:5"), "{live}");
    assert!(live.contains("a duplicate by id"), "{live}");
    let all = why("all.csv", "window_start=2024-03-01T07:01:00Z");
    assert!(all.contains("log.csv:5"), "{all}");
    let plan = lab.highwater(&["explain", "job.toml"]).out;
    assert!(plan.contains("the source is read for each mode"), "{plan}");
    // A live job holds the windows of its own steps.
    let state = lab.highwater(&["inspect", "job.toml", "--at", "2024-03-01T07:02:30Z"]).out;
    assert!(state.contains("windows of live.csv") && !state.contains("all.csv"), "{state}");
}

/// Of a duplicate the event is named that had arrived before it, though its time is after.
#[test]
fn a_streamed_duplicate_is_of_the_event_that_had_arrived() {
    let lab = Lab::new();
    // In one window: the first to arrive has the latest time, and a key is free again after two minutes.
    lab.write(
        "log.csv",
        "at,came,id\n2024-03-01T07:00:50Z,2024-03-01T07:01:00Z,x\n2024-03-01T07:00:10Z,2024-03-01T07:01:01Z,x\n\
         2024-03-01T07:00:20Z,2024-03-01T07:05:00Z,x\n2024-03-01T07:00:55Z,2024-03-01T07:05:01Z,x\n",
    );
    lab.write(
        "job.toml",
        "mode = \"streamed\"\n[source]\npath = \"log.csv\"\ntime = \"at\"\narrival = \"came\"\n[[step]]\ndedup = [\"id\"]\nwithin = \"2m\"\n\
         [[output]]\npath = \"out.csv\"\nwindow = { tumbling = \"1m\" }\nselect = { n = \"count(*)\" }\n",
    );
    let args = ["explain", "job.toml", "--at", "window_start=2024-03-01T07:00:00Z", "--json"];
    let answer = lab.highwater(&args);
    assert_eq!(answer.code, 0, "{}", answer.err);
    let text = lab.highwater(&args[..4]).out;
    let line = |of: &str| {
        text.lines().find(|line| line.contains(&format!("log.csv:{of} "))).unwrap_or("").to_string()
    };
    assert!(line("3").ends_with("a duplicate by id of log.csv:2"), "{text}");
    assert!(line("5").ends_with("a duplicate by id of log.csv:4"), "{text}");
}

#[test]
fn a_backfill_tells_both_accounts_too() {
    let lab = lab();
    let job = JOB.replace("log.csv", "log*.csv");
    lab.done(&job, &[]);
    lab.write("log2.csv", "at,came,id,v\n2024-03-01T07:05:00Z,2024-03-01T07:03:00Z,e,64\n");
    let planned = lab.highwater(&["backfill", "job.toml", "log2.csv", "--plan"]);
    assert!(planned.out.contains("everything would be computed again"), "{}{}", planned.out, planned.err);
    let answer = lab.highwater(&["backfill", "job.toml", "log2.csv"]);
    // The new event moves the watermark past minute 4, so that an event that arrived after it is late now.
    insta::assert_snapshot!(format!("{}{}", answer.out, answer.words()), @r"
    log2.csv: 1 record
    live.csv: everything computed again, because an event that arrives in between can change what later ones see (streamed `dedup`, `first`, `enrich`): 2 windows, 2 groups changed
      1 file replaced, 3 rows now
      read 3 rows (167 B), wrote 3 rows (167 B)
    all.csv: everything computed again, because an event that arrives in between can change what later ones see (streamed `dedup`, `first`, `enrich`): 1 window, 1 group changed
      1 file replaced, 4 rows now
      read 3 rows (168 B), wrote 4 rows (215 B)
    1 file of history read, 291 B

    live.csv: 4 values changed
    window_start          window_end            column  before  after
    ────────────────────  ────────────────────  ──────  ──────  ─────  ────────
    2024-03-01T07:04:00Z  2024-03-01T07:05:00Z  n            1         row gone
    2024-03-01T07:04:00Z  2024-03-01T07:05:00Z  v           16         row gone
    2024-03-01T07:05:00Z  2024-03-01T07:06:00Z  n                   1  new row
    2024-03-01T07:05:00Z  2024-03-01T07:06:00Z  v                  64  new row
    also in ./_highwater/live.csv/changes/000001.log

    all.csv: 2 values changed
    window_start          window_end            column  before  after
    ────────────────────  ────────────────────  ──────  ──────  ─────  ───────
    2024-03-01T07:05:00Z  2024-03-01T07:06:00Z  n                   1  new row
    2024-03-01T07:05:00Z  2024-03-01T07:06:00Z  v                  64  new row
    also in ./_highwater/all.csv/changes/000001.log
    exit 0
    streamed outputs: read 7 = 0 rejected + 0 filtered + 2 duplicate + 2 late + 3 counted
    complete outputs: read 7 = 0 rejected + 0 filtered + 2 duplicate + 0 late + 5 counted
    late.jsonl: 2 rows
    ");
    let backfilled = ["live.csv", "all.csv", "late.jsonl"].map(|name| lab.text(name));
    let fresh = crate::support::Lab::new();
    for name in ["log.csv", "log2.csv"] {
        fresh.write(name, lab.text(name));
    }
    fresh.done(&job, &[]);
    assert_eq!(backfilled, ["live.csv", "all.csv", "late.jsonl"].map(|name| fresh.text(name)));
    let again = lab.highwater(&["backfill", "job.toml", "log2.csv", "--json"]);
    let json: serde_json::Value = serde_json::from_str(&again.out).unwrap();
    assert_eq!(json["applied"], false);
    assert!(json["account_of_complete_outputs"]["read"] == 7, "{json}");
}
