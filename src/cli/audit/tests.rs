use super::*;
use crate::audit::{
    AuditReport, ColumnError, Completeness, DelayAudit, Future, Jump, OutputAudit, PartitionAudit, Profile,
};
use crate::sink::Account;
use crate::time::{DAY, FirstAndLast, HOUR, MINUTE, SECOND, Zone};

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
        offsets: vec![],
        steps: None,
        account: Account { read: 6_010, rejected: 10, filtered: 0, duplicate: 0, late: 0, counted: 6_000 },
        event_times: Some(FirstAndLast::new(JUNE, JUNE + DAY)),
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
    let text = document::document(subject, report).text();
    for line in text.lines() {
        assert!(line.chars().count() <= 110, "{} characters: {line}", line.chars().count());
        assert!(!line.chars().any(char::is_control), "{line:?}");
    }
    text
}

#[test]
fn a_report_says_how_late_events_come_and_what_each_delay_costs() {
    insta::assert_snapshot!(shown(&subject(), &report()), @r#"
    audit of job views
    2 files, 340.5 kB
    read 6,010 = 10 rejected + 0 filtered + 0 duplicate + 0 late + 6,000 counted
    event times 2024-06-01T07:00:00+07:00 to 2024-06-02T07:00:00+07:00 (Asia/Jakarta)

    lateness: how far events came behind the greatest event time before them
                events  behind %  p50    p90    p95  p99    p99.9  p99.99    max
    ──────────  ──────  ────────  ───  ─────  ─────  ───  ───────  ──────  ─────
    all events   6,000     10.00   0s  250ms  1.25s  15s  41.001s     10m  1d 2h

    out/views.csv, the terminal
    window tumbling 1m, allowed lateness 0s: 6,000 events, 2,000 windows, 5,997 rows
                 late           wrong  wrong         missing     open   views            in
    delay      events      %  windows   rows      %     rows  windows  off by         total
    ─────────  ──────  ─────  ───────  ─────  ─────  ───────  ───────  ──────  ────────────
    0s            600  10.00      550  1,100  18.34      275        0   1,100  1,100,000.25
    1s            300   5.00      275    550   9.17      137        0     550    550,000.25
    20s (job)      42   0.70       40     80   1.33       20        0      80     80,000.25
    1m … 1h         5   0.08        4      9   0.15        2        0       9      9,000.25
    2d              0      0        0      0      0        0        3       0          0.25
    there is no room for `a_column_with_a_long_name`; --json has all columns
    99 % of the events are counted with out_of_orderness = "16s"
    99.9 % of the events are counted with out_of_orderness = "42s"
    all events are counted with out_of_orderness = "26h" (1d 2h)
    the job's out_of_orderness = "20s" counts 99.30 %: 42 events are late, 80 of 5,997 rows are wrong

    wrong: other than with every event counted, or too many; missing: of those, rows that are not there;
    open: windows that had not fired when the log ended
    "#);
}

#[test]
fn partitions_that_hold_the_watermark_back_are_named() {
    let names = (1..=14).map(|i| partition(&format!("shard-{i}"), i));
    let mut report = AuditReport { partitions: names.collect(), outputs: vec![], ..report() };
    report.partitions[13].name = "a\u{1b}[2J name that is long enough to be cut".into();
    report.future = Some(Future { events: 12, max: 365 * DAY, advised_max_ahead: Some(HOUR), rejected: 3 });
    report.jumps.push(Jump {
        file: format!("data/{}/views-17.csv", "deep/".repeat(12).trim_end_matches('/')),
        line: 12_345,
        event_time: JUNE + 365 * DAY,
        step: 365 * DAY,
    });
    insta::assert_snapshot!(shown(&subject(), &report), @r#"
    audit of job views
    2 files, 340.5 kB
    read 6,010 = 10 rejected + 0 filtered + 0 duplicate + 0 late + 6,000 counted
    event times 2024-06-01T07:00:00+07:00 to 2024-06-02T07:00:00+07:00 (Asia/Jakarta)

    lateness: how far events came behind the greatest event time before them
      all events: of partitions the least of theirs; a partition: its own
                              events  behind %  p50    p90     p95     p99    p99.9  p99.99      max
    ────────────────────────  ──────  ────────  ───  ─────  ──────  ──────  ───────  ──────  ───────
    all events                 6,000     10.00   0s  250ms   1.25s     15s  41.001s     10m    1d 2h
    a�[2J name that is long…   3,000     10.00   0s   3.5s   17.5s  3m 30s   9m 35s  2h 20m   15d 4h
    shard-13                   3,000     10.00   0s  3.25s  16.25s  3m 15s   8m 54s  2h 10m   14d 2h
    shard-12                   3,000     10.00   0s     3s     15s      3m   8m 13s      2h      13d
    shard-11                   3,000     10.00   0s  2.75s  13.75s  2m 45s   7m 32s  1h 50m  11d 22h
    shard-10                   3,000     10.00   0s   2.5s   12.5s  2m 30s   6m 51s  1h 40m  10d 20h
    shard-9                    3,000     10.00   0s  2.25s  11.25s  2m 15s   6m 10s  1h 30m   9d 18h
    shard-8                    3,000     10.00   0s     2s     10s      2m   5m 29s  1h 20m   8d 16h
    shard-7                    3,000     10.00   0s  1.75s   8.75s  1m 45s   4m 48s  1h 10m   7d 14h
    shard-6                    3,000     10.00   0s   1.5s    7.5s  1m 30s    4m 7s      1h   6d 12h
    shard-5                    3,000     10.00   0s  1.25s   6.25s  1m 15s   3m 26s     50m   5d 10h
    … 4 more partitions

    partitions that are idle at the end of the log, or more than 1m behind the furthest:
                              behind  last event time            last arrival               longest pause
    ────────────────────────  ──────  ─────────────────────────  ─────────────────────────  ─────────────  ────
    a�[2J name that is long…  4m 40s  2024-06-02T06:55:20+07:00  2024-06-02T07:00:00+07:00            14m  idle
    shard-13                  4m 20s  2024-06-02T06:55:40+07:00  2024-06-02T07:00:00+07:00            13m  idle
    shard-12                      4m  2024-06-02T06:56:00+07:00  2024-06-02T07:00:00+07:00            12m  idle
    shard-11                  3m 40s  2024-06-02T06:56:20+07:00  2024-06-02T07:00:00+07:00            11m  idle
    shard-10                  3m 20s  2024-06-02T06:56:40+07:00  2024-06-02T07:00:00+07:00            10m  idle
    shard-9                       3m  2024-06-02T06:57:00+07:00  2024-06-02T07:00:00+07:00             9m  idle
    shard-8                   2m 40s  2024-06-02T06:57:20+07:00  2024-06-02T07:00:00+07:00             8m  idle
    shard-7                   2m 20s  2024-06-02T06:57:40+07:00  2024-06-02T07:00:00+07:00             7m  idle
    shard-6                       2m  2024-06-02T06:58:00+07:00  2024-06-02T07:00:00+07:00             6m  idle
    shard-5                   1m 40s  2024-06-02T06:58:20+07:00  2024-06-02T07:00:00+07:00             5m
    … 1 more partition
    the watermark waits for idle ones; this line in [source] lets it pass:
      idle = "1m"

    events in the future: 12 have a time ahead of their arrival, the furthest by 365d
    this line in [source] rejects the far ones (3):
      max_ahead = "1h"

    events that moved the front unusually far (more than 1h): the log paused, or a clock went wild
    step  to event time              file                                        line
    ────  ─────────────────────────  ────────────────────────────────────────  ──────
    365d  2025-06-01T07:00:00+07:00  …p/deep/deep/deep/deep/deep/views-17.csv  12,345

    no output has windows that end, so no event can be late
    "#);

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
    insta::assert_snapshot!(shown(&subject(), &report), @r#"
    audit of job views
    2 files, 340.5 kB
    read 6,010 = 10 rejected + 0 filtered + 0 duplicate + 0 late + 6,000 counted
    event times 2024-06-01T07:00:00+07:00 to 2024-06-02T07:00:00+07:00 (Asia/Jakarta)

    lateness: how far events came behind the greatest event time before them
                events  behind %  p50  p90  p95  p99  p99.9  p99.99  max
    ──────────  ──────  ────────  ───  ───  ───  ───  ─────  ──────  ───
    all events   6,000         0   0s   0s   0s   0s     0s      0s   0s

    events in the future: none has a time ahead of its arrival

    s.csv
    window session 30m, allowed lateness 1d 2h: 6,000 events, 2,000 windows, 5,997 rows
               late       wrong  wrong     missing     open   views     in  a_column_with_a…     in
    delay    events  %  windows   rows  %     rows  windows  off by  total            off by  total
    ───────  ──────  ─  ───────  ─────  ─  ───────  ───────  ──────  ─────  ────────────────  ─────
    0s … 1h       0  0        0      0  0        0        1       0   0.25                 0   0.25
    all events are counted with out_of_orderness = "0s"
    of sessions these are upper bounds: a late event may still join one, so a shorter delay may do
    the job's out_of_orderness = "20s" counts 100 %: no event is late, no row is wrong

    wrong: other than with every event counted, or too many; missing: of those, rows that are not there;
    open: windows that had not fired when the log ended
    "#);
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
    insta::assert_snapshot!(shown(&subject(), &report), @r"
    audit of job views
    2 files, 340.5 kB
    read 0 = 0 rejected + 0 filtered + 0 duplicate + 0 late + 0 counted
    there is no event to audit
    ");
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
    insta::assert_snapshot!(serde_json::to_string_pretty(&subject().with(&report)).unwrap(), @r#"
    {
      "job": {
        "name": "views",
        "hash": "xxh3:0"
      },
      "files": 2,
      "bytes": 340500,
      "account": {
        "read": 6010,
        "rejected": 10,
        "filtered": 0,
        "duplicate": 0,
        "late": 0,
        "counted": 6000
      },
      "event_times": {
        "min": "2024-06-01T00:00:00Z",
        "max": "2024-06-02T00:00:00Z"
      },
      "lateness": {
        "events": 6000,
        "behind": 600,
        "p50_us": 0,
        "p90_us": 250000,
        "p95_us": 1250000,
        "p99_us": 15000000,
        "p99_9_us": 41000001,
        "p99_99_us": 600000000,
        "max_us": 93600000000
      },
      "partitions": [
        {
          "name": "a",
          "lateness": {
            "events": 3000,
            "behind": 300,
            "p50_us": 0,
            "p90_us": 250000,
            "p95_us": 1250000,
            "p99_us": 15000000,
            "p99_9_us": 41000001,
            "p99_99_us": 600000000,
            "max_us": 93600000000
          },
          "last_event_time": "2024-06-01T23:59:40Z",
          "behind_us": 20000000,
          "last_arrival": "2024-06-02T00:00:00Z",
          "longest_pause_us": 60000000,
          "idle": false
        }
      ],
      "future": {
        "events": 12,
        "max_us": 31536000000000,
        "advised_max_ahead_us": 3600000000,
        "rejected": 3
      },
      "jumps": [
        {
          "file": "a.csv",
          "line": 7,
          "event_time": "2024-06-01T00:00:00Z",
          "step_us": 3600000000
        }
      ],
      "out_of_orderness_us": 20000000,
      "outputs": [
        {
          "output": "out/views.csv",
          "window": "tumbling 1m",
          "allowed_lateness_us": 0,
          "events": 6000,
          "windows": 2000,
          "rows": 5997,
          "delays": [
            {
              "out_of_orderness_us": 0,
              "of_job": false,
              "late": 600,
              "wrong_windows": 550,
              "wrong_rows": 1100,
              "missing_rows": 275,
              "open_windows": 0,
              "columns": [
                {
                  "column": "first_page",
                  "wrong": 1100,
                  "largest": null,
                  "total": null
                },
                {
                  "column": "views",
                  "wrong": 1100,
                  "largest": "1100",
                  "total": "1100000.25"
                }
              ]
            }
          ],
          "completeness": [
            {
              "share": 0.99,
              "out_of_orderness_us": 15000001
            }
          ]
        }
      ],
      "offsets": []
    }
    "#);
    let empty = AuditReport { event_times: None, future: None, ..report };
    let value = serde_json::to_value(subject().with(&empty)).unwrap();
    assert!(value["event_times"].is_null() && value["future"].is_null());
}

#[test]
fn delays_are_sorted_and_each_is_there_once() {
    let read = |text: &str| parse_delays(text).map_err(|e| e.to_string());
    assert_eq!(read("5m, 0s,20s,300s,1 day").unwrap(), [0, 20 * SECOND, 5 * MINUTE, DAY]);
    let wrong = [
        ("20s,1 month", "error: `1 month` has no fixed length", "did you mean `--delays 31d`?"),
        ("20", "error: `20` is not a duration", "did you mean `--delays 20s`?"),
        ("20s,5 minuts", "error: `5 minuts` is not a duration", "did you mean `--delays 5m`?"),
        ("1.5h", "error: `1.5h` is not a duration", "did you mean `--delays 90m`?"),
        ("-5s", "error: `-5s` is not a duration", "did you mean `--delays 5s`?"),
        ("soon", "error: `soon` is not a duration", "such as 20s, 15m, 6h or 1 day"),
        ("1 fortnight", "error: `1 fortnight` is not a duration", "such as 20s, 15m, 6h or 1 day"),
        ("4000000000 weeks", "error: `4000000000 weeks` is too long", "at most 1000 years are allowed"),
        ("0s,,5m", "error: --delays: element 2 is empty", "durations with commas between them"),
        ("", "error: --delays: element 1 is empty", "durations with commas between them"),
    ];
    for (text, message, hint) in wrong {
        let error = read(text).unwrap_err();
        assert_eq!(error.lines().next(), Some(message), "{text}");
        assert!(error.contains(hint), "{text}: {error}");
    }
}

/// A log that pauses every night has steps of hours, and none stands out; a clock gone wild does.
#[test]
fn usual_pauses_are_not_suspicious() {
    let jumps = |steps: &[i64]| AuditReport {
        event_times: Some(FirstAndLast::new(JUNE, JUNE + 1000 * DAY)),
        jumps: steps
            .iter()
            .map(|&step| Jump { file: "a.csv".into(), line: 7, event_time: JUNE, step })
            .collect(),
        outputs: vec![],
        ..report()
    };
    let shown = |steps: &[i64]| document::document(&subject(), &jumps(steps)).text().matches("a.csv").count();
    assert_eq!(shown(&[9 * HOUR, 8 * HOUR, 8 * HOUR]), 0);
    assert_eq!(shown(&[33 * HOUR, 8 * HOUR, 8 * HOUR]), 1);
    assert_eq!(shown(&[30 * DAY, 20 * DAY, 10 * DAY]), 2);
    assert_eq!(shown(&[40 * MINUTE, SECOND]), 0);
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
