use super::json::json;
use super::text::text;
use super::*;
use crate::engine::{
    AuditReport, ColumnError, Completeness, DelayAudit, Future, Jump, OutputAudit, PartitionAudit, Profile,
};
use crate::sink::Account;
use crate::time::{DAY, HOUR, MINUTE, SECOND};

/// 2024-06-01T00:00:00Z.
const JUNE: i64 = 1_717_200_000 * SECOND;

fn subject() -> Subject {
    Subject {
        name: "views".into(),
        hash: "xxh3:0".into(),
        zone: Zone::named("Asia/Jakarta").unwrap(),
        files: 2,
        bytes: 340_500,
        idle: None,
    }
}

fn profile(events: u64, scale: i64) -> Profile {
    Profile {
        events,
        behind: events / 10,
        p50: 0,
        p90: 250_000 * scale,
        p95: 1_250_000 * scale,
        p99: 15 * SECOND * scale,
        p99_9: 41 * SECOND * scale + 1,
        p99_99: 10 * MINUTE * scale,
        max: 26 * HOUR * scale,
    }
}

fn partition(name: &str, scale: i64) -> PartitionAudit {
    PartitionAudit {
        name: name.into(),
        lateness: profile(3_000, scale),
        last_event_time: JUNE + DAY - scale * 20 * SECOND,
        behind: scale * 20 * SECOND,
        last_arrival: Some(JUNE + DAY),
        longest_pause: Some(scale * MINUTE),
        idle: Some(scale > 5),
    }
}

/// At one delay: events late, rows wrong.
fn at(delay: i64, late: u64, wrong: u64) -> DelayAudit {
    let column = |name: &str, error: Option<u64>| ColumnError {
        column: name.into(),
        wrong,
        largest: error.map(|n| n.to_string()),
        total: error.map(|n| format!("{}.25", n * 1000)),
    };
    DelayAudit {
        delay,
        of_job: delay == 20 * SECOND,
        late,
        wrong_windows: wrong / 2,
        wrong_rows: wrong,
        missing_rows: wrong / 4,
        open_windows: if delay > HOUR { 3 } else { 0 },
        columns: vec![
            column("first_page", None),
            column("views", Some(wrong)),
            column("a_column_with_a_long_name", Some(2 * wrong)),
        ],
    }
}

fn output(name: &str) -> OutputAudit {
    let shares = [(0.99, 15 * SECOND + 1), (0.999, 41 * SECOND + 1), (0.9999, 26 * HOUR), (1.0, 26 * HOUR)];
    OutputAudit {
        output: name.into(),
        window: "tumbling 1m".into(),
        allowed_lateness: 0,
        events: 6_000,
        windows: 2_000,
        rows: 5_997,
        delays: vec![
            at(0, 600, 1_100),
            at(SECOND, 300, 550),
            at(20 * SECOND, 42, 80),
            at(MINUTE, 5, 9),
            at(5 * MINUTE, 5, 9),
            at(HOUR, 5, 9),
            at(2 * DAY, 0, 0),
        ],
        completeness: shares.map(|(share, delay)| Completeness { share, delay }).to_vec(),
    }
}

fn report() -> AuditReport {
    AuditReport {
        account: Account { read: 6_010, rejected: 10, filtered: 0, duplicate: 0, late: 0, counted: 6_000 },
        event_times: Some((JUNE, JUNE + DAY)),
        lateness: profile(6_000, 1),
        partitions: vec![],
        future: None,
        jumps: vec![Jump { file: "a.csv".into(), line: 7, event_time: JUNE, step: HOUR }],
        delay: 20 * SECOND,
        outputs: vec![output("out/views.csv"), output("-")],
    }
}

/// Every line fits a terminal, and nothing moves its cursor.
fn shown(subject: &Subject, report: &AuditReport) -> String {
    let text = text(subject, report);
    for line in text.lines() {
        assert!(line.chars().count() <= 110, "{} characters: {line}", line.chars().count());
        assert!(!line.chars().any(char::is_control), "{line:?}");
    }
    text
}

#[test]
fn a_report_says_how_late_events_come_and_what_each_delay_costs() {
    insta::assert_snapshot!(shown(&subject(), &report()), @"");
}

#[test]
fn partitions_that_hold_the_watermark_back_are_named() {
    let names = (1..=14).map(|i| partition(&format!("shard-{i}"), i));
    let mut report = AuditReport { partitions: names.collect(), outputs: vec![], ..report() };
    report.partitions[13].name = "a\u{1b}[2J name that is long enough to be cut".into();
    report.future = Some(Future { events: 12, max: 365 * DAY, advised_max_ahead: Some(HOUR), rejected: 3 });
    report.jumps.push(Jump {
        file: format!("data/{}/views-17.csv", "deep/".repeat(12)),
        line: 12_345,
        event_time: JUNE + 365 * DAY,
        step: 365 * DAY + 1,
    });
    insta::assert_snapshot!(shown(&subject(), &report), @"");

    // With an `idle` of its own, the job needs no advice.
    let text = shown(&Subject { idle: Some(90 * SECOND), ..subject() }, &report);
    assert!(text.contains("by the job's idle = \"90s\" the watermark passes idle ones\n"), "{text}");
    assert!(!text.contains("idle = \"1m\""), "{text}");
}

#[test]
fn a_log_in_order_is_soon_told() {
    let calm = |delay| DelayAudit { open_windows: 1, ..at(delay, 0, 0) };
    let completeness = [0.99, 0.999, 0.9999, 1.0].map(|share| Completeness { share, delay: 0 }).to_vec();
    let delays = [0, SECOND, 20 * SECOND, MINUTE, HOUR].map(calm).to_vec();
    let output = OutputAudit {
        window: "session 30m".into(),
        allowed_lateness: 26 * HOUR,
        delays,
        completeness,
        ..output("s.csv")
    };
    let report = AuditReport {
        outputs: vec![output],
        future: Some(Future { events: 0, max: 0, advised_max_ahead: None, rejected: 0 }),
        lateness: Profile { events: 6_000, ..Profile::default() },
        ..report()
    };
    insta::assert_snapshot!(shown(&subject(), &report), @"");
}

#[test]
fn a_log_without_events_is_said_to_be_one() {
    let report = AuditReport {
        account: Account::default(),
        event_times: None,
        lateness: Profile::default(),
        jumps: vec![],
        outputs: vec![],
        ..report()
    };
    insta::assert_snapshot!(shown(&subject(), &report), @"");
}

#[test]
fn json_has_lengths_in_microseconds_and_times_in_utc() {
    let mut report = report();
    report.partitions = vec![partition("a", 1)];
    report.future = Some(Future { events: 12, max: 365 * DAY, advised_max_ahead: Some(HOUR), rejected: 3 });
    report.outputs.truncate(1);
    report.outputs[0].delays.truncate(1);
    report.outputs[0].delays[0].columns.truncate(2);
    report.outputs[0].completeness.truncate(1);
    insta::assert_snapshot!(serde_json::to_string_pretty(&json(&subject(), &report)).unwrap(), @"");
    let empty = AuditReport { event_times: None, future: None, ..report };
    let value = json(&subject(), &empty);
    assert!(value["event_times"].is_null() && value["future"].is_null());
}

#[test]
fn delays_are_sorted_and_each_is_there_once() {
    let read = |text: &str| parse_delays(text).map_err(|e| e.to_string());
    assert_eq!(read("5m, 0s,20s,300s,1 day").unwrap(), [0, 20 * SECOND, 5 * MINUTE, DAY]);
    let wrong = [
        ("20s,1 month", "error: `1 month` has no fixed length", "did you mean `--delays 31d`?"),
        ("20", "error: `20` is no length of time", "did you mean `--delays 20s`?"),
        ("20s,5 minuts", "error: `5 minuts` is no length of time", "did you mean `--delays 5m`?"),
        ("1.5h", "error: `1.5h` is no length of time", "did you mean `--delays 90m`?"),
        ("-5s", "error: `-5s` is no length of time", "did you mean `--delays 5s`?"),
        ("soon", "error: `soon` is no length of time", "such as 20s, 15m, 6h or 1 day"),
        ("1 fortnight", "error: `1 fortnight` is no length of time", "such as 20s, 15m, 6h or 1 day"),
        ("4000000000 weeks", "error: `4000000000 weeks` is too long", "the longest is 1000 years"),
        ("0s,,5m", "error: --delays: element 2 is empty", "lengths with commas between them"),
        ("", "error: --delays: element 1 is empty", "lengths with commas between them"),
    ];
    for (text, message, hint) in wrong {
        let error = read(text).unwrap_err();
        assert_eq!(error.lines().next(), Some(message), "{text}");
        assert!(error.contains(hint), "{text}: {error}");
    }
}

/// The advice can be followed: what is proposed is read.
#[test]
fn what_is_meant_can_be_read() {
    for text in
        ["20", "5 minuts", "1.5h", "-5s", "0.25 s", "7 yeras", "3 quarters", "1e9s", "9999999999999999999h"]
    {
        if let Some(meant) = meant(text) {
            assert!(parse_delays(&meant).is_ok(), "{text}: {meant}");
        }
    }
}

#[test]
fn a_chart_is_an_svg_file_in_a_folder_that_is_there() {
    for (path, hint) in [("chart.png", "give a .svg file"), ("no-such-folder/chart.svg", "no folder")] {
        let error = check_chart(Path::new(path)).unwrap_err().to_string();
        assert!(error.contains(hint), "{error}");
    }
    assert!(check_chart(Path::new("chart.svg")).is_ok());
}
