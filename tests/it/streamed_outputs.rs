//! Sessions, firings, modes and the late file of streamed runs, worked by hand.

use crate::streamed::{late, log, run, short};
use crate::support::{Lab, account};

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

/// Touching is not enough: at 00:07 the session of `b` is over, and what comes then begins another. An
/// `arrival` that is in order changes nothing of it.
#[test]
fn a_session_that_is_over_is_not_joined_by_one_that_touches_it() {
    let events = "at,arr,k\n\
        2024-05-01T00:01:00Z,2024-05-01T00:04:00Z,a\n\
        2024-05-01T00:05:00Z,2024-05-01T00:05:00Z,b\n\
        2024-05-01T00:07:00Z,2024-05-01T00:07:00Z,a\n\
        2024-05-01T00:07:00Z,2024-05-01T00:07:00Z,a\n\
        2024-05-01T00:07:00Z,2024-05-01T00:10:00Z,b\n";
    for source in ["", "arrival = \"arr\""] {
        let output = "by = [\"k\"]\nwindow = { session = \"2m\" }\nselect = { n = \"count(*)\" }";
        let (out, late) = run(events, source, output);
        let want = "window_start,window_end,k,n\n00:01,00:03,a,1\n00:05,00:07,b,1\n00:07,00:09,a,2\n00:07,00:09,b,1\n";
        assert_eq!((out.as_str(), late.as_str()), (want, ""), "{source}");
    }
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

/// An event that is late for its one window is late, though it lies between the windows of another output,
/// whatever lateness that one allows.
#[test]
fn a_gap_between_windows_keeps_nothing_open() {
    let lab = Lab::new();
    lab.write("log.csv", log(&[("00:15", "a"), ("00:59", "a"), ("00:15", "a"), ("00:05", "a")]));
    let job = "mode = \"streamed\"\n[source]\npath = \"log.csv\"\ntime = \"at\"\n[late]\npath = \"late.jsonl\"\n\
        [[output]]\npath = \"ten.csv\"\nwindow = { tumbling = \"10m\" }\nselect = { n = \"count(*)\" }\n\
        [[output]]\npath = \"gaps.csv\"\nwindow = { hopping = \"10m\", slide = \"20m\", allowed_lateness = \"2h\" }\n\
        select = { n = \"count(*)\" }\n";
    let answer = lab.done(job, &["--json"]);
    assert_eq!(account(&serde_json::from_str(&answer.out).unwrap()), [4, 0, 0, 0, 1, 3]);
    insta::assert_snapshot!(late(&lab.text("late.jsonl")), @"4 00:15 after 00:59 missed 00:10/00:20 by 2340.000000");
    insta::assert_snapshot!(short(&lab.text("gaps.csv")), @r"
    window_start,window_end,n
    00:00,00:10,1
    ");
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
