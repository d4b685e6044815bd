//! Streamed runs worked by hand: small logs, every line of which has a reason.

use crate::support::{Lab, account};

/// A log of events in order of position: time of day, and a key.
fn log(events: &[(&str, &str)]) -> String {
    let lines = events.iter().map(|(at, k)| format!("2024-05-01T{at}:00Z,{k}\n"));
    format!("at,k\n{}", lines.collect::<String>())
}

/// Runs a job over `log` and gives its output and its late file, without what stays the same.
fn run(log: &str, source: &str, output: &str) -> (String, String) {
    let lab = Lab::new();
    lab.write("log.csv", log);
    let job = format!(
        "mode = \"streamed\"\n[source]\npath = \"log.csv\"\ntime = \"at\"\n{source}\n[[output]]\npath = \"out.csv\"\n\
         {output}\n[late]\npath = \"late.jsonl\"\n"
    );
    lab.done(&job, &[]);
    (short(&lab.text("out.csv")), late(&lab.text("late.jsonl")))
}

fn short(text: &str) -> String {
    text.replace("2024-05-01T", "").replace(":00Z", "")
}

/// Line, event time, watermark, windows missed and by how much.
fn late(text: &str) -> String {
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
fn an_event_between_windows_is_not_late() {
    let log = log(&[("00:01", "a"), ("00:59", "a"), ("00:15", "a"), ("00:21", "a")]);
    let (out, late) = run(&log, "", &format!("window = {{ hopping = \"10m\", slide = \"20m\" }}\n{COUNT}"));
    insta::assert_snapshot!(out, @r"
    window_start,window_end,n
    00:00,00:10,1
    ");
    insta::assert_snapshot!(late, @"5 00:21 after 00:59 missed 00:20/00:30 by 1740.000000");
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
}

const SESSION: &str = "window = { session = \"5m\" }\nselect = { n = \"count(*)\" }";

#[test]
fn events_exactly_one_gap_apart_are_one_session() {
    let lab = Lab::new();
    lab.write(
        "log.csv",
        log(&[("00:10", "a"), ("00:00", "a"), ("00:05", "a"), ("00:16", "a"), ("00:05", "b")]),
    );
    let job = format!(
        "[source]\npath = \"log.csv\"\ntime = \"at\"\n[[output]]\npath = \"out.csv\"\nby = [\"k\"]\n{SESSION}\n"
    );
    lab.done(&job, &[]);
    insta::assert_snapshot!(short(&lab.text("out.csv")), @r"
    window_start,window_end,k,n
    00:00,00:15,a,3
    00:05,00:10,b,1
    00:16,00:21,a,1
    ");
}

#[test]
fn a_session_is_joined_until_the_watermark_reaches_its_end() {
    // 00:03 joins [00:00, 00:05), alive at a watermark of 00:04, and makes it end at 00:08.
    // At 00:08 it is over. 00:06 touches it, comes when its own end, 00:11, is ahead, and begins one that overlaps.
    // 00:02, at 00:09, joins that one: they touch at 00:07 and 00:06.
    let events = log(&[
        ("00:00", "a"),
        ("00:06", "b"),
        ("00:03", "a"),
        ("00:10", "b"),
        ("00:06", "a"),
        ("00:11", "b"),
        ("00:02", "a"),
    ]);
    let (out, late) = run(&events, "out_of_orderness = \"2m\"", &format!("by = [\"k\"]\n{SESSION}"));
    insta::assert_snapshot!(out, @r"
    window_start,window_end,k,n
    00:00,00:08,a,2
    00:02,00:11,a,2
    00:06,00:16,b,3
    ");
    assert_eq!(late, "");

    // What joins nothing and has an end that is reached is late.
    let events = log(&[("00:00", "a"), ("00:10", "b"), ("00:05", "a"), ("00:11", "b"), ("00:05", "a")]);
    let (out, late) = run(&events, "", &format!("by = [\"k\"]\n{SESSION}"));
    insta::assert_snapshot!(out, @r"
    window_start,window_end,k,n
    00:00,00:05,a,1
    00:10,00:16,b,2
    ");
    insta::assert_snapshot!(late, @r"
    4 00:05 after 00:10 missed 00:05/00:10 by 0.000000
    6 00:05 after 00:11 missed 00:05/00:10 by 60.000000
    ");
}

/// One event joins two sessions, and the three are one.
#[test]
fn a_late_event_joins_sessions() {
    let events = log(&[("00:00", "a"), ("00:08", "a"), ("00:04", "a")]);
    let window = "window = { session = \"5m\", allowed_lateness = \"10m\" }\nselect = { n = \"count(*)\" }";
    let (out, late) = run(&events, "", window);
    insta::assert_snapshot!(out, @r"
    window_start,window_end,n
    00:00,00:13,3
    ");
    assert_eq!(late, "");
}

#[test]
fn every_firing_is_a_row() {
    // Two in time; 00:02 and 00:03 update; b comes after the end only; 00:12 and 00:15 fire together.
    let events = log(&[
        ("00:01", "a"),
        ("00:05", "a"),
        ("00:12", "a"),
        ("00:02", "a"),
        ("00:06", "b"),
        ("00:03", "a"),
        ("00:15", "a"),
        ("00:30", "a"),
        ("00:04", "a"),
    ]);
    let output = "window = { tumbling = \"10m\", allowed_lateness = \"10m\" }\nby = [\"k\"]\nfirings = true\n\
        select = { n = \"count(*)\", last = \"max(at)\" }";
    let (out, late) = run(&events, "", output);
    insta::assert_snapshot!(out, @r"
    window_start,window_end,k,firing,n,last
    00:00,00:10,a,1,2,00:05
    00:00,00:10,a,2,3,00:05
    00:00,00:10,a,3,4,00:05
    00:00,00:10,b,1,1,00:06
    00:10,00:20,a,1,2,00:15
    00:30,00:40,a,1,1,00:30
    ");
    insta::assert_snapshot!(late, @"10 00:04 after 00:30 missed 00:00/00:10 by 600.000000");
}

/// An output may say otherwise than the job; what is late for all streamed outputs is a late event, and
/// the complete output counts it.
#[test]
fn outputs_have_modes_of_their_own() {
    let lab = Lab::new();
    lab.write(
        "log.csv",
        log(&[("00:01", "a"), ("00:30", "a"), ("00:02", "a"), ("00:25", "a"), ("00:03", "a")]),
    );
    let output = |path: &str, rest: &str| {
        format!("[[output]]\npath = \"{path}.csv\"\n{rest}\nselect = {{ n = \"count(*)\" }}\n")
    };
    let job = [
        "mode = \"streamed\"\n[source]\npath = \"log.csv\"\ntime = \"at\"\n[late]\npath = \"late.jsonl\"\n"
            .to_string(),
        output("complete", "window = { tumbling = \"10m\" }\nmode = \"complete\""),
        output("ten", "window = { tumbling = \"10m\" }"),
        output("hour", "window = { tumbling = \"20m\", allowed_lateness = \"5m\" }"),
        output("all", "window = \"global\""),
    ];
    let answer = lab.done(&job.concat(), &["--json"]);
    let manifest = serde_json::from_str(&answer.out).unwrap();
    assert_eq!(account(&manifest), [5, 0, 0, 0, 2, 3]);
    let counts = |name: &str| -> Vec<String> {
        let text = short(&lab.text(name));
        text.lines().skip(1).map(|line| line.to_string()).collect()
    };
    assert_eq!(counts("complete.csv"), ["00:00,00:10,3", "00:20,00:30,1", "00:30,00:40,1"]);
    assert_eq!(counts("ten.csv"), ["00:00,00:10,1", "00:30,00:40,1"]);
    assert_eq!(counts("hour.csv"), ["00:00,00:20,1", "00:20,00:40,2"]);
    assert_eq!(counts("all.csv"), ["5"]);
    // Of two windows the one that stayed open longest says by how much.
    insta::assert_snapshot!(late(&lab.text("late.jsonl")), @r"
    4 00:02 after 00:30 missed 00:00/00:10 00:00/00:20 by 300.000000
    6 00:03 after 00:30 missed 00:00/00:10 00:00/00:20 by 300.000000
    ");

    // `--mode` goes before what the job says, for every output.
    let answer = lab.done(&job.concat(), &["--mode", "complete", "--json"]);
    assert_eq!(account(&serde_json::from_str(&answer.out).unwrap()), [5, 0, 0, 0, 0, 5]);
    assert_eq!(counts("ten.csv"), counts("complete.csv"));
}

/// What a late row looks like in full, in the job's zone; columns that have its names are left out.
#[test]
fn the_late_file_keeps_the_columns_of_the_source() {
    let lab = Lab::new();
    lab.write(
        "log.csv",
        "v,at,_file,note\n1.50,2024-05-01T00:30:00Z,x,\"a\nb\"\n2.25,2024-05-01T00:01:00Z,y,\n",
    );
    let job = "timezone = \"Asia/Kathmandu\"\nmode = \"streamed\"\n[source]\npath = \"log.csv\"\ntime = \"at\"\n\
        types = { v = \"decimal(18,2)\", at = \"string\", _file = \"string\", note = \"string\" }\n[[output]]\npath = \"out.csv\"\nwindow = { tumbling = \"5m\" }\n\
        select = { n = \"count(*)\" }\n[late]\npath = \"late.jsonl\"\n";
    lab.done(job, &[]);
    insta::assert_snapshot!(lab.text("late.jsonl"), @r#"{"v":2.25,"at":"2024-05-01T00:01:00Z","note":null,"_file":"log.csv","_line":4,"_event_time":"2024-05-01T05:46:00+05:45","_watermark":"2024-05-01T06:15:00+05:45","_missed":"2024-05-01T05:45:00+05:45/2024-05-01T05:50:00+05:45","_late_by":1500.000000}"#);
}
