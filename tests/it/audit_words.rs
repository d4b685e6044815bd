//! What `audit` says of small logs, worked by hand.

use crate::golden::with_data;
use crate::streamed::log;
use crate::support::{Answer, Lab};
use serde_json::{Value, json};

/// Six events, of which two come behind the front: 00:09 after 00:11, and 00:09 after 00:12.
fn six() -> String {
    log(&[("00:01", "a"), ("00:11", "a"), ("00:09", "a"), ("00:12", "a"), ("00:09", "a"), ("00:13", "a")])
}

const TEN: &str = "window = { tumbling = \"10m\" }\nselect = { n = \"count(*)\" }";

/// Audits a job in the given folder: what its source says beside path and time, and its output.
fn audit(lab: &Lab, log: &str, source: &str, output: &str, args: &[&str]) -> Answer {
    lab.write("log.csv", log);
    let job = format!(
        "[source]\npath = \"log.csv\"\ntime = \"at\"\n{source}\n[[output]]\npath = \"out.csv\"\n{output}\n\
         [late]\npath = \"late.jsonl\"\n"
    );
    lab.write("job.toml", job);
    lab.highwater(&[&["audit", "job.toml"], args].concat())
}

fn audited(log: &str, source: &str, output: &str, args: &[&str]) -> Value {
    let answer = audit(&Lab::new(), log, source, output, &[args, &["--json"]].concat());
    assert_eq!((answer.code, answer.err.as_str()), (0, ""));
    serde_json::from_str(&answer.out).unwrap()
}

/// At 0s both are late: the watermark is 00:11 and 00:12, and the window ended at 00:10. At 2m it is 00:09
/// and 00:10 (an end that is just reached is late), at 5m 00:06 and 00:07. At the end of the log it is
/// 00:13, 00:11 and 00:08: of the two windows one, one and both are open.
#[test]
fn an_audit_lays_delays_side_by_side() {
    let lab = Lab::new();
    let answer = audit(&lab, &six(), "out_of_orderness = \"2m\"", TEN, &["--delays", "5m,0s"]);
    assert_eq!((answer.code, answer.err.as_str()), (0, ""));
    insta::assert_snapshot!(answer.out, @r#"
    audit of job job
    1 file, 143 B
    read 6 = 0 rejected + 0 filtered + 0 duplicate + 0 late + 6 counted
    event times 2024-05-01T00:01:00Z to 2024-05-01T00:13:00Z (UTC)

    lateness: how far events came behind the greatest event time before them
                events  behind %  p50  p90  p95  p99  p99.9  p99.99  max
    ──────────  ──────  ────────  ───  ───  ───  ───  ─────  ──────  ───
    all events       6     33.33   0s   3m   3m   3m     3m      3m   3m

    out.csv
    window tumbling 10m, allowed lateness 0s: 6 events, 2 windows, 2 rows
                late           wrong  wrong         missing     open       n     in
    delay     events      %  windows   rows      %     rows  windows  off by  total
    ────────  ──────  ─────  ───────  ─────  ─────  ───────  ───────  ──────  ─────
    0s             2  33.33        1      1  50.00        0        1       2      2
    2m (job)       1  16.67        1      1  50.00        0        1       1      1
    5m             0      0        0      0      0        0        2       0      0
    all events are counted with out_of_orderness = "121s" (2m 1s)
    the job's out_of_orderness = "2m" counts 83.33 %: 1 event is late, 1 of 2 rows is wrong

    wrong: other than with every event counted, or too many; missing: of those, rows that are not there;
    open: windows that had not fired when the log ended
    "#);
    // It writes nothing else.
    assert!(!lab.path("out.csv").exists() && !lab.path("late.jsonl").exists());
}

#[test]
fn an_audit_is_exact_in_json() {
    let value = audited(&six(), "out_of_orderness = \"2m\"", TEN, &["--delays", "0s,5m"]);
    let minutes = |n: f64| (n * 60_000_000.0) as i64;
    let want = json!({
        "events": 6, "behind": 2, "p50_us": 0, "p90_us": minutes(3.0), "p95_us": minutes(3.0),
        "p99_us": minutes(3.0), "p99_9_us": minutes(3.0), "p99_99_us": minutes(3.0), "max_us": minutes(3.0),
    });
    assert_eq!(value["lateness"], want);
    assert_eq!(value["out_of_orderness_us"], minutes(2.0));
    let output = &value["outputs"][0];
    let delays: Vec<[i64; 3]> = output["delays"]
        .as_array()
        .unwrap()
        .iter()
        .map(|d| ["out_of_orderness_us", "late", "open_windows"].map(|name| d[name].as_i64().unwrap()))
        .collect();
    assert_eq!(delays, [[0, 2, 1], [minutes(2.0), 1, 1], [minutes(5.0), 0, 2]]);
    assert_eq!(
        output["delays"][0]["columns"],
        json!([{ "column": "n", "wrong": 1, "largest": "2", "total": "2" }])
    );
    // Six events have no hundredth: each wanted share is all of them. 2m is one microsecond too short.
    for (wanted, share) in output["completeness"].as_array().unwrap().iter().zip([0.99, 0.999, 0.9999, 1.0]) {
        assert_eq!(wanted["share"].as_f64(), Some(share));
        assert_eq!(wanted["out_of_orderness_us"], minutes(2.0) + 1);
    }
}

/// The front of two partitions is the least of theirs: 00:03 of `b` is 2m behind 00:05, not behind 00:12, and
/// 00:04 is 7m behind 00:11.
#[test]
fn partitions_are_audited_each_against_itself() {
    let log = log(&[
        ("00:01", "a"),
        ("00:05", "b"),
        ("00:12", "a"),
        ("00:03", "b"),
        ("00:11", "b"),
        ("00:04", "b"),
    ]);
    let value = audited(&log, "partition = \"k\"", TEN, &["--delays", "0s"]);
    let summary = |v: &Value| ["events", "behind", "max_us"].map(|name| v[name].as_i64().unwrap());
    assert_eq!(summary(&value["lateness"]), [6, 2, 420_000_000]);
    let partitions: Vec<_> = value["partitions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|p| {
            let text = |name: &str| p[name].as_str().unwrap().to_string();
            (text("name"), summary(&p["lateness"]), text("last_event_time"), p["behind_us"].as_i64().unwrap())
        })
        .collect();
    let want = [
        ("a".to_string(), [2, 0, 0], "2024-05-01T00:12:00Z".to_string(), 0),
        ("b".to_string(), [4, 2, 420_000_000], "2024-05-01T00:11:00Z".to_string(), 60_000_000),
    ];
    assert_eq!(partitions, want);
    let output = &value["outputs"][0];
    assert_eq!((&output["delays"][0]["late"], &output["delays"][0]["wrong_rows"]), (&json!(1), &json!(1)));
    assert_eq!(output["completeness"][3]["out_of_orderness_us"], 60_000_001);
}

#[test]
fn without_windows_that_end_nothing_can_be_late() {
    let answer = audit(&Lab::new(), &six(), "", "", &[]);
    assert_eq!(answer.code, 0, "{}", answer.err);
    assert!(
        answer.out.contains("\nno output has windows that end, so no event can be late\n"),
        "{}",
        answer.out
    );
}

/// Audited at its own delay alone, a job says what a streamed run of it drops.
#[test]
fn an_audit_and_a_run_agree() {
    let lab = Lab::new();
    let value = audited(&six(), "out_of_orderness = \"2m\"", TEN, &["--delays", "2m"]);
    audit(&lab, &six(), "out_of_orderness = \"2m\"", TEN, &["--delays", "2m"]);
    let run = lab.highwater(&["run", "job.toml", "--mode", "streamed", "--json"]);
    let run: Value = serde_json::from_str(&run.out).unwrap();
    assert_eq!(value["outputs"][0]["delays"][0]["late"], run["account"]["late"]);
}

#[test]
fn wrong_use_of_audit_is_said_before_any_work() {
    let lab = with_data();
    let audit = |args: &[&str]| {
        let job = "data/jobs/sales-per-seller.toml";
        let answer = lab.highwater(&[&["audit", job], args].concat());
        assert_eq!(answer.out, "");
        answer.words()
    };
    insta::assert_snapshot!(audit(&["--delays", "20s,1 month"]), @r"
    exit 2
    error: `1 month` has no fixed length
      hint: the length of a month, quarter or year varies: give days, such as 30 days
      hint: did you mean `--delays 31d`?
    ");
    insta::assert_snapshot!(audit(&["--delays", "0s,20 secnds,5m"]), @r"
    exit 2
    error: `20 secnds` is not a duration
      hint: such as 20s, 15m, 6h or 1 day
      hint: did you mean `--delays 20s`?
    ");
}
