//! `explain --at`: the row, the events that made it, and those that were left out, and why.

use crate::golden::with_data;
use crate::laws::cases;
use crate::support::Lab;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::Value;
use std::collections::BTreeSet;
use std::fmt::Write;

/// Two users; of `u1` in the minute from 10:00: an event that counts, one that comes again, one that a filter leaves out,
/// one that is late, one outside of `--to`, one that cannot be read.
const LOG: &str = "\
at,user,id,amount
2024-06-01T10:00:05Z,u1,a,10.00
2024-06-01T10:00:10Z,u1,b,-1.00
2024-06-01T10:00:20Z,u1,a,10.00
2024-06-01T10:00:30Z,u2,c,7.00
2024-06-01T10:00:50Z,u1,d,5.50
2024-06-01T10:00:40Z,u1,e,much
2024-06-01T10:02:00Z,u2,f,1.00
2024-06-01T10:00:59Z,u1,g,3.00
2024-06-01T10:00:55Z,u1,h,0.00
";

const JOB: &str = r#"
name = "why"
mode = "streamed"
[source]
path = "log.csv"
time = "at"
types = { amount = "decimal(18,2)" }
out_of_orderness = "10s"
on_bad_record = "reject"
[[step]]
filter = "amount <> 0"
[[step]]
dedup = ["id"]
[[step]]
derive = { double = "amount * 2" }
[[step]]
filter = "amount > 0"
[[output]]
path = "totals.csv"
window = { tumbling = "1m" }
by = ["user"]
select = { total = "sum(double)", n = "count(*)" }
having = "total > 20"
[[output]]
path = "-"
window = { tumbling = "1m" }
by = ["user"]
select = { n = "count(*)" }
top = { n = 1, by = "n desc" }
[[output]]
path = "events.jsonl"
"#;

fn lab() -> Lab {
    let lab = Lab::new();
    lab.write("log.csv", LOG);
    lab.write("job.toml", JOB);
    lab
}

fn explain(lab: &Lab, at: &str, args: &[&str]) -> String {
    let answer = lab.highwater(&[&["explain", "job.toml", "--at", at], args].concat());
    assert_eq!(answer.code, 0, "{}", answer.err);
    answer.out
}

#[test]
fn every_cause_is_told() {
    let lab = lab();
    let whole = explain(&lab, "window_start=2024-06-01T10:00, user=u1", &["--threads", "1"]);
    insta::assert_snapshot!(whole, @r"
    totals.csv: from 2024-06-01T10:00:00Z to 2024-06-01T10:01:00Z, user = u1
    window_start          window_end            user  total  n
    ────────────────────  ────────────────────  ────  ─────  ─
    2024-06-01T10:00:00Z  2024-06-01T10:01:00Z  u1    31.00  2

    2 events counted, in replay order:
    file:line  event time            user  id  amount  double
    ─────────  ────────────────────  ────  ──  ──────  ──────
    log.csv:2  2024-06-01T10:00:05Z  u1    a   10.00   20.00
    log.csv:6  2024-06-01T10:00:50Z  u1    d   5.50    11.00

    4 events left out:
    file:line   event time            user  id  amount  double  why
    ──────────  ────────────────────  ────  ──  ──────  ──────  ───
    log.csv:3   2024-06-01T10:00:10Z  u1    b   -1.00   -2.00   step 4: filter amount > 0
    log.csv:4   2024-06-01T10:00:20Z  u1    a   10.00   20.00   step 2: a duplicate by id of log.csv:2
    log.csv:10  2024-06-01T10:00:55Z  u1    h   0.00    0.00    step 1: filter amount <> 0
    log.csv:9   2024-06-01T10:00:59Z  u1    g   3.00    6.00    late by 50s: the watermark was 2024-06-01T10:01:50Z

    1 record that cannot be read names the keys:
      log.csv:7: `much` is not a decimal(18,2)
    ");
    for threads in ["2", "4"] {
        let args = ["--threads", threads, "--chunk-size", "40"];
        assert_eq!(explain(&lab, "window_start=2024-06-01T10:00:31Z,user=u1", &args), whole);
    }
    let before = explain(
        &lab,
        "window_start=2024-06-01T10:00, user=u1",
        &["--output", "totals.csv", "--to", "2024-06-01T10:00:52"],
    );
    insta::assert_snapshot!(before, @r"
    totals.csv: from 2024-06-01T10:00:00Z to 2024-06-01T10:01:00Z, user = u1
    window_start          window_end            user  total  n
    ────────────────────  ────────────────────  ────  ─────  ─
    2024-06-01T10:00:00Z  2024-06-01T10:01:00Z  u1    31.00  2

    2 events counted, in replay order:
    file:line  event time            user  id  amount  double
    ─────────  ────────────────────  ────  ──  ──────  ──────
    log.csv:2  2024-06-01T10:00:05Z  u1    a   10.00   20.00
    log.csv:6  2024-06-01T10:00:50Z  u1    d   5.50    11.00

    4 events left out:
    file:line   event time            user  id  amount  double  why
    ──────────  ────────────────────  ────  ──  ──────  ──────  ───
    log.csv:3   2024-06-01T10:00:10Z  u1    b   -1.00   -2.00   step 4: filter amount > 0
    log.csv:4   2024-06-01T10:00:20Z  u1    a   10.00   20.00   step 2: a duplicate by id of log.csv:2
    log.csv:10  2024-06-01T10:00:55Z  u1    h   0.00    0.00    outside of --from and --to
    log.csv:9   2024-06-01T10:00:59Z  u1    g   3.00    6.00    outside of --from and --to

    1 record that cannot be read names the keys:
      log.csv:7: `much` is not a decimal(18,2)
    ");
}

#[test]
fn rows_that_are_not_in_the_output_say_why() {
    let lab = lab();
    let having = explain(&lab, "user=u2, window_start=2024-06-01T10:00", &[]);
    assert!(having.contains("not in the output: having total > 20"), "{having}");
    let top = explain(&lab, "user=u2, window_start=2024-06-01T10:00", &["--output", "-"]);
    assert!(top.contains("not in the output: number 2 of its window, and the first 1 are kept"), "{top}");
    let none = explain(&lab, "user=u3, window_start=2024-06-01T10:00", &[]);
    insta::assert_snapshot!(none, @r"
    totals.csv: from 2024-06-01T10:00:00Z to 2024-06-01T10:01:00Z, user = u3
    not in the output: no event of it was counted

    0 events counted
    ");
}

#[test]
fn events_are_rows_too() {
    let lab = lab();
    insta::assert_snapshot!(explain(&lab, "at=2024-06-01T10:00:50Z, id=d", &[]), @r"
    events.jsonl: at = 2024-06-01T10:00:50Z, id = d
    at                    user  id  amount  double
    ────────────────────  ────  ──  ──────  ──────
    2024-06-01T10:00:50Z  u1    d   5.50    11.00

    1 event counted, in replay order:
    file:line  event time            at                    user  id  amount  double
    ─────────  ────────────────────  ────────────────────  ────  ──  ──────  ──────
    log.csv:6  2024-06-01T10:00:50Z  2024-06-01T10:00:50Z  u1    d   5.50    11.00
    ");
    let gone = explain(&lab, "id=b", &["--output", "events.jsonl"]);
    assert!(gone.contains("step 4: filter amount > 0") && gone.contains("log.csv:3"), "{gone}");
}

#[test]
fn wrong_names_and_values_are_errors() {
    let lab = lab();
    for (at, said) in [
        ("window_start=2024-06-01T10:00, usr=u1", "did you mean `user`?"),
        ("window_start=2024-06-01T10:00", "--at has no value for `user`"),
        ("user=u1", "identified by window_start, user"),
        ("window_start=soon, user=u1", "`soon` is not a time"),
        ("user", "is not a column with a value"),
        ("total=1", "its keys are"),
    ] {
        let answer = lab.highwater(&["explain", "job.toml", "--output", "totals.csv", "--at", at]);
        assert_eq!(answer.code, 2, "{at}: {}", answer.out);
        assert!(answer.err.contains(said), "{at}: {said} in\n{}", answer.err);
    }
    let answer = lab.highwater(&["explain", "job.toml", "--output", "total.csv", "--at", "user=u1"]);
    assert!(answer.code == 2 && answer.err.contains("did you mean `totals.csv`?"), "{}", answer.err);
    assert_eq!(lab.highwater(&["explain", "job.toml", "--rows", "3"]).code, 2);
}

#[test]
fn the_sample_job_explains_its_best_row() {
    let lab = with_data();
    let at = "window_start=2021-02-01, account_no=099765000015";
    let answer = lab.highwater(&["explain", "data/jobs/big-spenders.toml", "--at", at]);
    assert_eq!(answer.code, 0, "{}", answer.err);
    assert!(
        answer.out.contains("5 events counted") && answer.out.contains("1210961097.63"),
        "{}",
        answer.out
    );
    let at = "window_start=2024-06-02T00:30:00, postcode=KY5";
    for (job, at) in [
        ("pageviews-per-postcode", at),
        ("pageviews-so-far", "window_start=2024-06-01"),
        ("user-sessions", "window_start=2024-06-01T10:00, userId=581b32a1-fe1e-4031-be89-9e474e0c86cf"),
        ("money-enrichment", "userId=581b32a1-fe1e-4031-be89-9e474e0c86cf"),
    ] {
        let answer = lab.highwater(&["explain", &format!("data/jobs/{job}.toml"), "--at", at]);
        assert_eq!(answer.code, 0, "{job}: {}", answer.err);
    }
}

/// The late event would have been of the session that was closed; it opened one that joined the next.
#[test]
fn sessions_of_a_live_job_may_lie_over_one_another() {
    let lab = Lab::new();
    lab.write(
        "log.csv",
        "at,user\n2024-06-01T10:02:41Z,u1\n2024-06-01T10:03:02Z,u1\n2024-06-01T10:03:16Z,u0\n2024-06-01T10:02:42Z,u1\n",
    );
    let job = "mode = \"streamed\"\n[source]\npath = \"log.csv\"\ntime = \"at\"\nout_of_orderness = \"15s\"\n\
        [[output]]\npath = \"out.csv\"\nwindow = { session = \"20s\" }\nby = [\"user\"]\nselect = { n = \"count(*)\" }\n";
    lab.done(job, &[]);
    let mut told = lab.text("out.csv");
    for start in ["10:02:41", "10:02:42"] {
        let at = format!("user=u1, window_start=2024-06-01T{start}Z");
        told += &lab.highwater(&["explain", "job.toml", "--at", &at]).out;
    }
    insta::assert_snapshot!(told, @r##"
window_start,window_end,user,n
2024-06-01T10:02:41Z,2024-06-01T10:03:01Z,u1,1
2024-06-01T10:02:42Z,2024-06-01T10:03:22Z,u1,2
2024-06-01T10:03:16Z,2024-06-01T10:03:36Z,u0,1
out.csv: from 2024-06-01T10:02:41Z to 2024-06-01T10:03:01Z, user = u1
window_start          window_end            user  n
────────────────────  ────────────────────  ────  ─
2024-06-01T10:02:41Z  2024-06-01T10:03:01Z  u1    1

1 event counted, in replay order:
file:line  event time            user
─────────  ────────────────────  ────
log.csv:2  2024-06-01T10:02:41Z  u1

1 event left out:
file:line  event time            user  why
─────────  ────────────────────  ────  ───
log.csv:5  2024-06-01T10:02:42Z  u1    counted in another session, from 2024-06-01T10:02:42Z to 2024-06-01T10:03:22Z
out.csv: from 2024-06-01T10:02:42Z to 2024-06-01T10:03:22Z, user = u1
window_start          window_end            user  n
────────────────────  ────────────────────  ────  ─
2024-06-01T10:02:42Z  2024-06-01T10:03:22Z  u1    2
and 1 more row with these columns

2 events counted, in replay order:
file:line  event time            user
─────────  ────────────────────  ────
log.csv:5  2024-06-01T10:02:42Z  u1
log.csv:3  2024-06-01T10:03:02Z  u1
"##);
}

#[derive(Debug, Clone)]
struct Event {
    at: i64,
    user: u8,
    id: u8,
    amount: i64,
}

fn event() -> impl Strategy<Value = Event> {
    (0..240i64, 0..3u8, 0..12u8, -3..9i64).prop_map(|(at, user, id, amount)| Event { at, user, id, amount })
}

proptest! {
    #![proptest_config(cases(40))]

    /// What was counted adds up to the row, and with what was left out it is all of the key and window.
    #[test]
    fn counted_and_left_out_are_all_and_make_the_row(
        log in proptest::collection::vec(event(), 1..60),
        steps in proptest::sample::subsequence(
            vec!["filter = \"amount > 0\"", "dedup = [\"id\"]", "filter = \"id <> 'i3'\"", "dedup = [\"user\", \"amount\"]\nwithin = \"30s\""],
            0..4,
        ).prop_shuffle(),
        window in select(vec!["{ tumbling = \"1m\" }", "{ hopping = \"2m\", slide = \"1m\" }", "{ session = \"20s\" }", "\"global\""]),
        mode in select(vec!["complete", "streamed"]),
        allowed in select(vec!["", "", ", allowed_lateness = \"25s\""]),
        threads in select(vec!["1", "2", "4"]),
        which in any::<prop::sample::Index>(),
    ) {
        let mode = if window == "\"global\"" { "complete" } else { mode };
        let window = if mode == "streamed" { window.replace(" }", &format!("{allowed} }}")) } else { window.to_string() };
        let lab = Lab::new();
        let mut text = "at,user,id,amount\n".to_string();
        for Event { at, user, id, amount } in &log {
            writeln!(text, "2024-06-01T10:{:02}:{:02}Z,u{user},i{id},{amount}", at / 60, at % 60).unwrap();
        }
        lab.write("log.csv", &text);
        let steps: String = steps.iter().map(|step| format!("[[step]]\n{step}\n")).collect();
        let job = format!(
            "mode = \"{mode}\"\n[source]\npath = \"log.csv\"\ntime = \"at\"\nout_of_orderness = \"15s\"\n{steps}\
             [[output]]\npath = \"out.csv\"\nwindow = {window}\nby = [\"user\"]\n\
             select = {{ n = \"count(*)\", total = \"sum(amount)\", first = \"first(id)\" }}\n"
        );
        lab.done(&job, &["--threads", threads]);
        let out = lab.text("out.csv");
        let mut lines = out.lines();
        let head: Vec<&str> = lines.next().unwrap().split(',').collect();
        let rows: Vec<Vec<&str>> = lines.map(|line| line.split(',').collect()).collect();
        if rows.is_empty() {
            return Ok(());
        }
        let row = which.get(&rows);
        let cell = |name: &str| head.iter().position(|h| *h == name).map(|i| row[i]);
        let mut at = format!("user={}", cell("user").unwrap());
        for bound in ["window_start", "window_end"] {
            if let Some(time) = cell(bound) {
                at += &format!(", {bound}={time}");
            }
        }
        let answer = lab.highwater(&["explain", "job.toml", "--at", &at, "--json", "--rows", "1000", "--threads", threads]);
        prop_assert_eq!(answer.code, 0, "{}\n{}", answer.err, job);
        let told: Value = serde_json::from_str(&answer.out).unwrap();
        let shown = || format!("{job}\n{text}\n{}", answer.out);
        prop_assert!(told["in_output"].as_bool().unwrap());
        for (name, value) in head.iter().zip(row) {
            prop_assert_eq!(told["row"][name].as_str().unwrap(), *value, "{}", shown());
        }
        let list = |name: &str| told[name].as_array().unwrap().clone();
        let (counted, left) = (list("counted_events"), list("left_out_events"));
        let number = |event: &Value, name: &str| event["columns"][name].as_str().unwrap().parse::<i64>().unwrap();
        prop_assert_eq!(counted.len().to_string(), cell("n").unwrap(), "{}", shown());
        let total: i64 = counted.iter().map(|event| number(event, "amount")).sum();
        prop_assert_eq!(total.to_string(), cell("total").unwrap(), "{}", shown());
        prop_assert_eq!(counted[0]["columns"]["id"].as_str().unwrap(), cell("first").unwrap(), "{}", shown());
        let lines: BTreeSet<u64> = counted.iter().chain(&left).map(|event| event["line"].as_u64().unwrap()).collect();
        prop_assert_eq!(lines.len(), counted.len() + left.len());
        let inside = |event: &Event| {
            let time = format!("2024-06-01T10:{:02}:{:02}Z", event.at / 60, event.at % 60);
            format!("u{}", event.user) == cell("user").unwrap()
                && cell("window_start").is_none_or(|start| *start <= *time)
                && cell("window_end").is_none_or(|end| *time < *end)
        };
        let all: BTreeSet<u64> = (2..).zip(&log).filter(|(_, event)| inside(event)).map(|(line, _)| line).collect();
        prop_assert_eq!(lines, all, "{}", shown());
    }
}
