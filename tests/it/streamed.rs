//! Streamed runs worked by hand: small logs, every line of which has a reason.

use crate::support::{Lab, account};

/// A log of events in order of position: time of day, and a key.
pub fn log(events: &[(&str, &str)]) -> String {
    let lines = events.iter().map(|(at, k)| format!("2024-05-01T{at}:00Z,{k}\n"));
    format!("at,k\n{}", lines.collect::<String>())
}

/// Runs a job over `log` and gives its output and its late file, without what stays the same. SQL has to give both too.
pub fn run(log: &str, source: &str, output: &str) -> (String, String) {
    let lab = Lab::new();
    lab.write("log.csv", log);
    let job = format!(
        "mode = \"streamed\"\n[source]\npath = \"log.csv\"\ntime = \"at\"\n{source}\n[[output]]\npath = \"out.csv\"\n\
         {output}\n[late]\npath = \"late.jsonl\"\n"
    );
    lab.done(&job, &[]);
    in_sql(&lab, output);
    (short(&lab.text("out.csv")), late(&lab.text("late.jsonl")))
}

/// `verify` has the rows of the job by SQL, but for what SQL does not have, which is refused.
fn in_sql(lab: &Lab, output: &str) {
    let answer = lab.highwater(&["verify", "job.toml"]);
    let said = format!("{}\n{}", answer.out, answer.err);
    let sessions = output.contains("session");
    assert_eq!(answer.code, if sessions { 2 } else { 0 }, "{output}\n{said}");
    assert_eq!(
        answer.out.contains("out.csv: same"),
        !sessions && !output.contains("firings"),
        "{output}\n{said}"
    );
    assert_eq!(answer.out.contains("late.jsonl: same"), !sessions, "{output}\n{said}");
}

pub fn short(text: &str) -> String {
    text.replace("2024-05-01T", "").replace(":00Z", "")
}

/// Line, event time, watermark, windows missed and by how much.
pub fn late(text: &str) -> String {
    let line = |line: &str| {
        let row: serde_json::Value = serde_json::from_str(line).unwrap();
        let text = |name: &str| row[name].as_str().unwrap_or_else(|| panic!("{name} in {line}")).to_string();
        let [at, mark, missed] = ["_event_time", "_watermark", "_missed"].map(text);
        short(&format!("{} {at} after {mark} missed {missed} by {}\n", row["_line"], row["_late_by"]))
    };
    text.lines().map(line).collect()
}

const COUNT: &str = "select = { n = \"count(*)\" }";
const TEN: &str = "window = { tumbling = \"10m\" }\nselect = { n = \"count(*)\" }";

#[test]
fn an_event_is_late_when_the_watermark_has_reached_the_end() {
    // 00:09 comes when the watermark is 00:09:00 and then 00:10: the first time in time, the second late.
    let log = log(&[
        ("00:01", "a"),
        ("00:11", "a"),
        ("00:09", "a"),
        ("00:12", "a"),
        ("00:09", "a"),
        ("00:13", "a"),
    ]);
    let (out, late) = run(&log, "out_of_orderness = \"2m\"", TEN);
    insta::assert_snapshot!(out, @r"
    window_start,window_end,n
    00:00,00:10,2
    00:10,00:20,3
    ");
    insta::assert_snapshot!(late, @"6 00:09 after 00:10 missed 00:00/00:10 by 0.000000");
}

#[test]
fn allowed_lateness_keeps_a_window_open() {
    let log = log(&[
        ("00:01", "a"),
        ("00:19", "a"),
        ("00:02", "a"),
        ("00:20", "a"),
        ("00:03", "a"),
        ("00:35", "a"),
        ("00:04", "a"),
    ]);
    let window = "window = { tumbling = \"10m\", allowed_lateness = \"10m\" }\nselect = { n = \"count(*)\" }";
    let (out, late) = run(&log, "", window);
    insta::assert_snapshot!(out, @r"
    window_start,window_end,n
    00:00,00:10,2
    00:10,00:20,1
    00:20,00:30,1
    00:30,00:40,1
    ");
    insta::assert_snapshot!(late, @r"
    6 00:03 after 00:20 missed 00:00/00:10 by 0.000000
    8 00:04 after 00:35 missed 00:00/00:10 by 900.000000
    ");
}

/// An event that some of its windows still take is not late, and those that were closed do not count it.
#[test]
fn an_event_may_come_in_time_for_some_of_its_windows() {
    let log = log(&[("00:01", "a"), ("00:12", "a"), ("00:07", "a"), ("00:17", "a"), ("00:08", "a")]);
    let (out, late) = run(&log, "", &format!("window = {{ hopping = \"10m\", slide = \"5m\" }}\n{COUNT}"));
    insta::assert_snapshot!(out, @r"
    window_start,window_end,n
    2024-04-30T23:55,00:05,1
    00:00,00:10,1
    00:05,00:15,2
    00:10,00:20,2
    00:15,00:25,1
    ");
    insta::assert_snapshot!(late, @"6 00:08 after 00:17 missed 00:00/00:10 00:05/00:15 by 120.000000");

    let (out, late) = run(&log, "", &format!("window = {{ cumulative = \"10m\", step = \"4m\" }}\n{COUNT}"));
    // The last step is cut short: [00:00, 00:10) after [00:00, 00:08).
    insta::assert_snapshot!(out, @r"
    window_start,window_end,n
    00:00,00:04,1
    00:00,00:08,1
    00:00,00:10,1
    00:10,00:14,1
    00:10,00:18,2
    00:10,00:20,2
    ");
    insta::assert_snapshot!(late, @r"
    4 00:07 after 00:12 missed 00:00/00:08 00:00/00:10 by 120.000000
    6 00:08 after 00:17 missed 00:00/00:10 by 420.000000
    ");
}

/// Between windows that slide further than they are long, events are in no window: counted, and never late.
#[test]
fn an_event_between_windows_is_late_for_its_own_millisecond() {
    let log = log(&[("00:01", "a"), ("00:59", "a"), ("00:15", "a"), ("00:21", "a")]);
    let (out, late) = run(&log, "", &format!("window = {{ hopping = \"10m\", slide = \"20m\" }}\n{COUNT}"));
    insta::assert_snapshot!(out, @r"
    window_start,window_end,n
    00:00,00:10,1
    ");
    insta::assert_snapshot!(late, @r"
    4 00:15 after 00:59 missed  by 2639.999000
    5 00:21 after 00:59 missed 00:20/00:30 by 1740.000000
    ");
}

#[test]
fn the_watermark_is_the_least_of_the_partitions() {
    // The watermark is 00:05 when b comes, and does not go back; it stays there until b goes on to 00:12, and
    // there when c comes.
    let log = log(&[
        ("00:05", "a"),
        ("00:02", "b"),
        ("00:30", "a"),
        ("00:03", "a"),
        ("00:12", "b"),
        ("00:04", "c"),
        ("00:11", "c"),
    ]);
    let (out, late) = run(&log, "partition = \"k\"", TEN);
    insta::assert_snapshot!(out, @r"
    window_start,window_end,n
    00:00,00:10,3
    00:10,00:20,2
    00:30,00:40,1
    ");
    insta::assert_snapshot!(late, @"7 00:04 after 00:12 missed 00:00/00:10 by 120.000000");
}

/// Arrival, event time and partition of each event.
fn arriving(events: &[(&str, &str, &str)]) -> String {
    let lines = events.iter().map(|(arr, at, k)| format!("2024-05-01T{at}:00Z,{k},2024-05-01T{arr}:00Z\n"));
    format!("at,k,arr\n{}", lines.collect::<String>())
}

#[test]
fn a_partition_that_is_idle_no_longer_holds_the_watermark() {
    let source = "partition = \"k\"\narrival = \"arr\"\nidle = \"5m\"";
    let log = arriving(&[
        ("01:00", "00:05", "a"),
        ("01:00", "00:02", "b"),
        ("01:05", "00:30", "a"),
        // Exactly `idle` is not idle: b holds the watermark at 00:05, where it was before b came.
        ("01:05", "00:03", "a"),
        // Now it is.
        ("01:06", "00:04", "a"),
        // It wakes up, and the watermark does not go back.
        ("01:06", "00:06", "b"),
        ("01:06", "00:40", "b"),
    ]);
    let (out, late) = run(&log, source, TEN);
    insta::assert_snapshot!(out, @r"
    window_start,window_end,n
    00:00,00:10,3
    00:30,00:40,1
    00:40,00:50,1
    ");
    insta::assert_snapshot!(late, @r"
    6 00:04 after 00:30 missed 00:00/00:10 by 1200.000000
    7 00:06 after 00:30 missed 00:00/00:10 by 1200.000000
    ");
}

/// A watermark comes after every record, so one partition that pauses keeps the watermark that it had.
#[test]
fn when_all_partitions_are_idle_the_watermark_stays() {
    let source = "partition = \"k\"\narrival = \"arr\"\nidle = \"5m\"";
    let log = arriving(&[("01:00", "00:05", "a"), ("01:00", "00:30", "a"), ("02:00", "00:06", "a")]);
    let (out, late) = run(&log, source, TEN);
    insta::assert_snapshot!(out, @r"
    window_start,window_end,n
    00:00,00:10,1
    00:30,00:40,1
    ");
    insta::assert_snapshot!(late, @"4 00:06 after 00:30 missed 00:00/00:10 by 1200.000000");
}

#[test]
fn arrival_orders_events_and_ties_stay_in_order_of_position() {
    let log = arriving(&[
        ("01:02", "00:01", "a"),
        ("01:00", "00:02", "a"),
        ("01:01", "00:15", "a"),
        ("01:01", "00:03", "a"),
    ]);
    let (out, late) = run(&log, "arrival = \"arr\"", TEN);
    insta::assert_snapshot!(out, @r"
    window_start,window_end,n
    00:00,00:10,1
    00:10,00:20,1
    ");
    insta::assert_snapshot!(late, @r"
    5 00:03 after 00:15 missed 00:00/00:10 by 300.000000
    2 00:01 after 00:15 missed 00:00/00:10 by 300.000000
    ");
}

#[test]
fn each_file_may_be_a_partition() {
    // With one watermark for all, 00:41 makes 00:06 late; with one for each file, that of the first holds it.
    for (partition, n, lines) in [("partition = \"file\"", "3", 0), ("", "2", 1)] {
        let lab = Lab::new();
        lab.write("logs/1.csv", log(&[("00:01", "a"), ("00:05", "a")]));
        lab.write("logs/2.csv", log(&[("00:41", "a"), ("00:06", "a")]));
        let job = format!(
            "mode = \"streamed\"\n[source]\npath = \"logs\"\ntime = \"at\"\n{partition}\n\
             [[output]]\npath = \"out.csv\"\n{TEN}\n[late]\npath = \"late.jsonl\"\n"
        );
        lab.done(&job, &[]);
        let rows = short(&lab.text("out.csv"));
        assert_eq!(rows, format!("window_start,window_end,n\n00:00,00:10,{n}\n00:40,00:50,1\n"));
        let late = lab.text("late.jsonl");
        assert_eq!(late.lines().count(), lines, "{late}");
        assert!(late.is_empty() || late.contains("\"_file\":\"logs/2.csv\",\"_line\":3"), "{late}");
    }
}

#[test]
fn events_that_are_filtered_or_out_of_range_move_the_watermark_too() {
    let lab = Lab::new();
    lab.write(
        "log.csv",
        log(&[("00:01", "a"), ("00:30", "x"), ("00:02", "a"), ("00:31", "a"), ("00:03", "x")]),
    );
    let job = format!(
        "[source]\npath = \"log.csv\"\ntime = \"at\"\n[[step]]\nfilter = \"k <> 'x'\"\n[[output]]\n\
         path = \"out.csv\"\n{TEN}\n[late]\npath = \"late.jsonl\"\n"
    );
    let json =
        |args: &[&str]| -> serde_json::Value { serde_json::from_str(&lab.done(&job, args).out).unwrap() };
    assert_eq!(account(&json(&["--mode", "streamed", "--json"])), [5, 0, 2, 0, 1, 2]);
    insta::assert_snapshot!(short(&lab.text("out.csv")), @r"
    window_start,window_end,n
    00:00,00:10,1
    00:30,00:40,1
    ");
    insta::assert_snapshot!(late(&lab.text("late.jsonl")), @"4 00:02 after 00:30 missed 00:00/00:10 by 1200.000000");

    let to = ["--mode", "streamed", "--to", "2024-05-01T00:20:00Z", "--json"];
    assert_eq!(account(&json(&to)), [5, 0, 3, 0, 1, 1]);
    insta::assert_snapshot!(late(&lab.text("late.jsonl")), @"4 00:02 after 00:30 missed 00:00/00:10 by 1200.000000");

    // The job says nothing of a mode, so it is complete.
    assert_eq!(account(&json(&["--json"])), [5, 0, 2, 0, 0, 3]);
    insta::assert_snapshot!(short(&lab.text("out.csv")), @r"
    window_start,window_end,n
    00:00,00:10,2
    00:30,00:40,1
    ");
}

#[test]
fn a_clock_gone_wild_is_rejected_and_does_not_move_the_watermark() {
    let lab = Lab::new();
    let log = arriving(&[
        ("01:00", "00:59", "a"),
        ("01:01", "02:01", "a"),
        ("01:02", "03:00", "a"),
        ("01:03", "00:58", "a"),
    ]);
    lab.write("log.csv", log);
    let job = format!(
        "mode = \"streamed\"\n[source]\npath = \"log.csv\"\ntime = \"at\"\narrival = \"arr\"\nmax_ahead = \"1h\"\n\
         out_of_orderness = \"70m\"\non_bad_record = \"reject\"\nrejects = \"rejects.jsonl\"\n[[output]]\n\
         path = \"out.csv\"\n{TEN}\n"
    );
    let answer = lab.done(&job, &["--json"]);
    // Exactly an hour ahead is not further than an hour.
    assert_eq!(account(&serde_json::from_str(&answer.out).unwrap()), [4, 1, 0, 0, 0, 3]);
    let rejects = lab.text("rejects.jsonl");
    assert_eq!(rejects.lines().count(), 1);
    assert!(rejects.contains("\"line\":4"), "{rejects}");

    // The guard puts it aside also where a record that cannot be read fails the run.
    let strict = job.replace("on_bad_record = \"reject\"\nrejects = \"rejects.jsonl\"\n", "");
    let answer = lab.done(&strict, &["--json"]);
    assert_eq!(account(&serde_json::from_str(&answer.out).unwrap()), [4, 1, 0, 0, 0, 3]);
    assert_eq!(lab.text("out.csv.rejects.jsonl"), rejects);
    let log = lab.text("log.csv") + "soon,01:04,a\n";
    lab.write("log.csv", log);
    assert_eq!(lab.run(&strict, &[]).code, 3);
}
