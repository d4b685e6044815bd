//! The SQL of streamed outputs on the command line.

use crate::streamed::log;
use crate::support::{Answer, Lab};
use proptest::prelude::*;
use proptest::sample::select;

/// A job with a streamed output, a complete one and late events, over a log of which one event is late.
fn lab(window: &str) -> Lab {
    let lab = Lab::new();
    lab.write("log.csv", log(&[("00:01", "a"), ("00:21", "b"), ("00:05", "a"), ("00:22", "a")]));
    lab.write(
        "job.toml",
        format!(
            "[source]\npath = \"log.csv\"\ntime = \"at\"\nout_of_orderness = \"2m\"\n[late]\npath = \"late.jsonl\"\n\
             [[output]]\npath = \"live.csv\"\nmode = \"streamed\"\nwindow = {{ {window} }}\nselect = {{ n = \"count(*)\" }}\n\
             [[output]]\npath = \"all.csv\"\nwindow = {{ {window} }}\nselect = {{ n = \"count(*)\" }}\n"
        ),
    );
    lab
}

fn sql(lab: &Lab, args: &[&str]) -> Answer {
    lab.highwater(&[&["sql", "job.toml", "--dialect", "duckdb"], args].concat())
}

const TEN: &str = "tumbling = \"10m\"";

#[test]
fn each_output_is_verified_in_its_mode_and_late_events_too() {
    let lab = lab(TEN);
    let answer = lab.highwater(&["verify", "job.toml"]);
    assert_eq!(answer.code, 0, "{}", answer.err);
    insta::assert_snapshot!(answer.out, @r"
    live.csv: same, 2 rows
      here   highwater, by job.toml, 2 rows
      there  the job's SQL by Polars, 2 rows

    all.csv: same, 2 rows
      here   highwater, by job.toml, 2 rows
      there  the job's SQL by Polars, 2 rows

    late.jsonl: same, 1 row
      here   highwater, by job.toml, 1 row
      there  the job's SQL by Polars, 1 row
      note: the statement lacks the columns `_file`, `_line`, `_missed` of the late output
    ");
    let late = lab.highwater(&["verify", "job.toml", "--output", "late.jsonl", "--json"]);
    let said: serde_json::Value = serde_json::from_str(&late.out).unwrap();
    assert_eq!((late.code, said["outputs"].as_array().map(Vec::len)), (0, Some(1)), "{}", late.out);
    // In complete mode nothing is late.
    let complete = lab.highwater(&["verify", "job.toml", "--mode", "complete"]);
    assert!(complete.code == 0 && !complete.out.contains("late.jsonl"), "{}", complete.out);
    // A result may be laid beside the late output, and a query may not.
    assert_eq!(lab.highwater(&["run", "job.toml", "-q"]).code, 0);
    lab.write("own.jsonl", lab.text("late.jsonl"));
    let against = |theirs: &str, more: &[&str]| {
        lab.highwater(
            &[&["verify", "job.toml", "--output", "late.jsonl", "--against", theirs], more].concat(),
        )
    };
    let own = against("own.jsonl", &[]);
    assert!(own.code == 0 && own.out.starts_with("late.jsonl: same, 1 row"), "{}{}", own.out, own.err);
    lab.write("own.jsonl", lab.text("late.jsonl").replace("\"k\":\"a\"", "\"k\":\"b\""));
    assert_eq!(against("own.jsonl", &[]).code, 1);
    assert_eq!(against("own.jsonl", &["--ignore", "k"]).code, 0);
    lab.write("own.sql", "SELECT 1");
    let query = against("own.sql", &[]);
    assert!(query.code == 2 && query.err.contains("and not with a query"), "{}", query.err);
}

#[test]
fn the_mode_and_the_late_output_are_chosen_by_name() {
    let lab = lab(TEN);
    let all = sql(&lab, &[]);
    assert_eq!((all.code, all.out.matches("\n-- ").count()), (0, 4), "{}", all.out);
    let late = sql(&lab, &["--output", "late.jsonl"]);
    assert!(
        late.code == 0 && late.out.contains("AS \"_late_by\"") && !late.out.contains("all.csv"),
        "{}",
        late.out
    );
    let complete = sql(&lab, &["--mode", "complete", "--output", "live.csv"]);
    assert!(complete.code == 0 && !complete.out.contains("_reached"), "{}", complete.out);
}

#[test]
fn a_streamed_session_is_left_out_by_name() {
    let lab = lab("session = \"10m\"");
    let answer = sql(&lab, &[]);
    assert_eq!(answer.code, 0, "{}", answer.err);
    let left_out: Vec<&str> =
        answer.out.lines().filter(|line| line.contains("a streamed session, which")).collect();
    assert_eq!(left_out.len(), 2, "{}", answer.out);
    let verified = lab.highwater(&["verify", "job.toml"]);
    assert!(verified.code == 0 && verified.out.contains("all.csv: same"), "{}", verified.out);
    assert!(
        !verified.out.contains("live.csv: same") && !verified.out.contains("late.jsonl: same"),
        "{}",
        verified.out
    );
}

/// What a log of Kafka tells of arrivals: a record without a time of its own arrives at its event time, and what was read
/// again is late for nothing.
#[test]
fn a_log_tells_arrivals_and_partitions_by_itself() {
    let lab = Lab::new();
    let record = |partition: u8, offset: u8, at: u8, arrived: &str| {
        format!(
            "{{\"topic\":\"t\",\"partition\":{partition},\"offset\":{offset},\"tstype\":\"create\",\"ts\":{arrived},\"broker\":1,\
             \"key\":null,\"payload\":\"{{\\\"at\\\":\\\"2024-05-01T00:{at:02}:00Z\\\",\\\"n\\\":1}}\"}}\n"
        )
    };
    // Milliseconds since 1970 of a minute of that day.
    let minute = |minute: i64| (1_714_521_600_000 + minute * 60_000).to_string();
    let records = [
        record(0, 0, 20, &minute(20)),
        record(1, 0, 15, &minute(13)),
        // It arrives at 00:12, before all others: it is the first.
        record(0, 1, 12, "null"),
        record(0, 1, 12, "null"),
        record(1, 1, 19, &minute(22)),
        record(1, 2, 1, &minute(23)),
    ];
    lab.write("log.jsonl", records.concat());
    let job = "mode = \"streamed\"\n[source]\npath = \"log.jsonl\"\ntime = \"at\"\n[late]\npath = \"late.jsonl\"\n\
        [[output]]\npath = \"out.csv\"\nwindow = { tumbling = \"10m\" }\nselect = { n = \"count(*)\" }\n";
    lab.done(job, &[]);
    assert_eq!(lab.text("late.jsonl").lines().count(), 1, "{}", lab.text("late.jsonl"));
    let answer = lab.highwater(&["verify", "job.toml"]);
    assert_eq!(answer.code, 0, "{}{}", answer.out, answer.err);
    assert!(answer.out.contains("out.csv: same, 2 rows") && answer.out.contains("late.jsonl: same, 1 row"));
}

proptest! {
    #![proptest_config(crate::laws::cases(40))]

    /// `dedup` and `first` of streamed jobs go by arrival: so does their SQL, of windows, events and late events.
    #[test]
    fn steps_by_arrival_are_the_same_in_sql(
        log in prop::collection::vec((0i64..600, select(vec![0i64, 1, 5, 60, 300]), 0u8..3, 0u8..2, 0u8..4), 5..60),
        steps in select(vec![
            "dedup = [\"k\", \"v\"]",
            "first = [\"k\"]\nas = \"f\"",
            "dedup = [\"k\"]\n[[step]]\nfirst = [\"p\"]\nas = \"f\"",
            "first = [\"k\"]\nas = \"f\"\n[[step]]\nfilter = \"f\"\n[[step]]\ndedup = [\"p\"]",
        ]),
        order in select(vec![
            "", "arrival = \"came\"", "partition = \"p\"", "partition = \"p\"\npartitions = \"known\"",
            "arrival = \"came\"\npartition = \"p\"\nidle = \"30s\"",
        ]),
        delay in select(vec![0, 10, 60]),
        output in select(vec![
            "window = { tumbling = \"1m\", allowed_lateness = \"30s\" }\nby = [\"k\"]\nselect = { n = \"count(*)\", s = \"sum(v)\" }",
            "window = { hopping = \"1m\", slide = \"2m\" }\nby = [\"k\"]\nselect = { n = \"count(*)\" }",
            "select = [\"t\", \"k\", \"p\", \"v\"]",
        ]),
    ) {
        let lab = Lab::new();
        let mut text = "t,came,k,p,v\n".to_string();
        for (at, later, k, p, v) in log {
            let at = 1_717_236_000 + at;
            text += &format!("{at},{},k{k},p{p},{v}\n", at + later);
        }
        lab.write("log.csv", text);
        let late = if output.starts_with("window") { "[late]\npath = \"late.jsonl\"\n" } else { "" };
        lab.write("job.toml", format!(
            "mode = \"streamed\"\n[source]\npath = \"log.csv\"\ntime = \"t\"\ntime_unit = \"s\"\nout_of_orderness = \"{delay}s\"\n{order}\n\
             {late}[[step]]\n{steps}\n[[output]]\npath = \"out.csv\"\n{output}\n"
        ));
        let answer = lab.highwater(&["verify", "job.toml"]);
        prop_assert_eq!(answer.code, 0, "{}{}\n{}", answer.out, answer.err, lab.text("job.toml"));
    }
}
