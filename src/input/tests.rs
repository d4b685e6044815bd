//! What all formats have in common: arrival, columns of the same name, the order of work.

use super::avro::writer;
use super::testing::{ScanResult, TestFolder, scan};
use super::{OnBadRecord, ReadPlan, ReadTime};
use crate::time::{HOUR, SECOND, TimeRule, TimeUnit, Zone};
use arrow_array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use parquet::arrow::ArrowWriter;
use parquet::file::properties::WriterProperties;
use serde_json::Value;
use std::sync::Arc;

/// The names of one log in all its forms.
const FORMS: [&str; 8] = [
    "log.csv",
    "log.csv.gz",
    "log.csv.zst",
    "log.jsonl",
    "log.jsonl.gz",
    "log.jsonl.zst",
    "log.parquet",
    "log.avro",
];

/// A table of values as they are written; nothing is NULL.
struct TestLog<'a>(&'a [(&'a str, &'a [&'a str])]);

impl TestLog<'_> {
    fn rows(&self) -> usize {
        self.0[0].1.len()
    }

    fn written_as(&self, name: &str) -> Vec<u8> {
        let row = |r: usize| self.0.iter().map(move |(name, values)| (*name, values[r]));
        if name.contains(".csv") {
            let header = self.0.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(",");
            let line = |r| row(r).map(|(_, value)| value).collect::<Vec<_>>().join(",") + "\n";
            return (header + "\n" + &(0..self.rows()).map(line).collect::<String>()).into();
        }
        if name.contains(".jsonl") {
            let value = |value: &str| match value.parse::<i64>() {
                Ok(number) => number.to_string(),
                Err(_) if value.is_empty() => "null".into(),
                Err(_) => format!("\"{value}\""),
            };
            let field = |(name, text)| format!("\"{name}\":{}", value(text));
            let line = |r| format!("{{{}}}\n", row(r).map(field).collect::<Vec<_>>().join(","));
            return (0..self.rows()).map(line).collect::<String>().into();
        }
        if name.contains(".avro") {
            let long = |values: &[&str]| values.iter().all(|v| v.is_empty() || v.parse::<i64>().is_ok());
            let ty =
                |values: &[&str]| if long(values) { r#"["null","long"]"# } else { r#"["null","string"]"# };
            let fields: Vec<(&str, &str)> = self.0.iter().map(|(name, values)| (*name, ty(values))).collect();
            let value = |name: &str, text: &str| {
                let (_, values) = self.0.iter().find(|(n, _)| *n == name).unwrap();
                match (text, long(values)) {
                    ("", _) => Value::Null,
                    (text, true) => text.parse::<i64>().unwrap().into(),
                    (text, false) => text.into(),
                }
            };
            let record = |r| Value::Object(row(r).map(|(n, v)| (n.to_string(), value(n, v))).collect());
            let records: Vec<Value> = (0..self.rows()).map(record).collect();
            return writer::of_json(&writer::record(&fields), &records);
        }
        let column = |values: &&[&str]| -> ArrayRef {
            if values.iter().all(|v| v.is_empty() || v.parse::<i64>().is_ok()) {
                Arc::new(values.iter().map(|v| v.parse::<i64>().ok()).collect::<Int64Array>())
            } else {
                Arc::new(values.iter().map(|v| (!v.is_empty()).then_some(*v)).collect::<StringArray>())
            }
        };
        let columns = self.0.iter().map(|(name, values)| (*name, column(values), true));
        let batch = RecordBatch::try_from_iter_with_nullable(columns).unwrap();
        let properties = WriterProperties::builder().set_max_row_group_row_count(Some(2)).build();
        let mut bytes = vec![];
        let mut writer = ArrowWriter::try_new(&mut bytes, batch.schema(), Some(properties)).unwrap();
        writer.write(&batch).unwrap();
        writer.close().unwrap();
        bytes
    }

    /// Scans the log in all forms, with threads and chunks of many sizes. All must give the same.
    fn scan_all(&self, columns: &[&str], change: impl Fn(&mut ReadPlan)) -> ScanResult {
        let mut first: Option<ScanResult> = None;
        for name in FORMS {
            for (threads, chunk_bytes) in [(1, 1 << 20), (3, 1), (2, 60)] {
                let folder = TestFolder::with(name, self.written_as(name));
                let mut plan = ReadPlan { chunk_bytes, ..folder.plan("t", columns) };
                change(&mut plan);
                let outcome = scan(plan, threads).unwrap_or_else(|e| panic!("{name}: {e}"));
                let shown = |outcome: &ScanResult| {
                    let rows: Vec<_> = outcome.rows.iter().map(|(_, t, c)| (*t, c.clone())).collect();
                    (rows, outcome.arrivals.clone())
                };
                if let Some(first) = &first {
                    assert_eq!(shown(&outcome), shown(first), "{name}");
                    let bad =
                        |o: &ScanResult| -> Vec<_> { o.rejects.iter().map(|r| r.column.clone()).collect() };
                    assert_eq!(bad(&outcome), bad(first), "{name}");
                }
                first.get_or_insert(outcome);
            }
        }
        first.unwrap()
    }
}

fn arrival(column: &str, rule: TimeRule) -> Option<ReadTime> {
    Some(ReadTime { column: column.into(), rule })
}

fn seconds() -> TimeRule {
    TimeRule::Epoch(TimeUnit::Second)
}

#[test]
fn arrivals_are_read_as_event_times_are() {
    let log = TestLog(&[
        ("t", &["1", "2", "3", "4", "5"]),
        ("at", &["1717200001000", "", "1717200003000", "9717200000000000", "1717200005001"]),
        ("v", &["a", "b", "c", "d", "e"]),
    ]);
    let outcome =
        log.scan_all(&["v:string"], |plan| plan.arrival = arrival("at", TimeRule::Epoch(TimeUnit::Milli)));
    let start = 1_717_200_000 * SECOND;
    assert_eq!(outcome.arrivals, [start + SECOND, start + 3 * SECOND, start + 5 * SECOND + 1000]);
    let bad: Vec<_> =
        outcome.rejects.iter().map(|r| (r.line, r.column.as_deref(), r.reason.as_str())).collect();
    assert_eq!(
        bad,
        [
            (3, Some("at"), "the arrival is missing"),
            (
                5,
                Some("at"),
                "`9717200000000000` is a time outside the years 1900 to 2200: is the unit right?"
            ),
        ]
    );
}

#[test]
fn arrivals_follow_the_rule_and_the_zone() {
    let log =
        TestLog(&[("t", &["1", "2", "3"]), ("at", &["2024-06-01 07:00:00", "soon", "2024-06-01T00:00:01Z"])]);
    let outcome = log.scan_all(&["at:timestamp", "at:string"], |plan| {
        plan.arrival = arrival("at", TimeRule::Iso);
        plan.zone = Zone::named("Asia/Jakarta").unwrap();
    });
    let midnight = 1_717_200_000 * SECOND;
    assert_eq!(outcome.arrivals, [midnight, midnight + SECOND]);
    let shown: Vec<_> = outcome.rows.iter().map(|(_, _, c)| c[0].as_deref().unwrap()).collect();
    assert_eq!(shown, ["2024-06-01T00:00:00Z", "2024-06-01T00:00:01Z"]);
    assert_eq!(outcome.rejects[0].reason, "`soon` is not a time that can be read");
}

#[test]
fn a_name_may_come_twice() {
    let log = TestLog(&[("t", &["1", "2", "3"]), ("at", &["10", "20", "30"]), ("v", &["7", "", "9"])]);
    let columns = ["t:timestamp", "t:string", "at:string", "v:int64", "at:timestamp", "v:string", "at:int64"];
    let outcome = log.scan_all(&columns, |plan| plan.arrival = arrival("at", seconds()));
    let shown: Vec<String> = outcome
        .rows
        .iter()
        .map(|(_, _, c)| c.iter().map(|v| v.as_deref().unwrap_or("NULL")).collect::<Vec<_>>().join("|"))
        .collect();
    assert_eq!(
        shown,
        [
            "1970-01-01T00:00:01Z|1|10|7|1970-01-01T00:00:10Z|7|10",
            "1970-01-01T00:00:02Z|2|20|NULL|1970-01-01T00:00:20Z|NULL|20",
            "1970-01-01T00:00:03Z|3|30|9|1970-01-01T00:00:30Z|9|30",
        ]
    );
}

#[test]
fn the_arrival_may_be_the_event_time() {
    let log = TestLog(&[("t", &["1", "", "3"]), ("v", &["1", "2", "3"])]);
    let outcome = log.scan_all(&["t:timestamp"], |plan| {
        plan.arrival = arrival("t", seconds());
        plan.max_ahead = Some(0);
    });
    assert_eq!(outcome.arrivals, [SECOND, 3 * SECOND]);
    assert_eq!(outcome.rejects[0].reason, "the time is missing");
    // Under another rule it is another time.
    let outcome =
        log.scan_all(&["t:timestamp"], |plan| plan.arrival = arrival("t", TimeRule::Epoch(TimeUnit::Milli)));
    assert_eq!(outcome.arrivals, [1000, 3000]);
    assert_eq!(outcome.rows[1].2[0].as_deref(), Some("1970-01-01T00:00:03Z"));
}

#[test]
fn events_too_far_ahead_are_kept_aside_whatever_is_said_of_bad_records() {
    let log = TestLog(&[
        ("t", &["3600", "3601", "10800", "0"]),
        ("at", &["0", "0", "0", "9000"]),
        // What else is wrong with a record of a wrong clock does not count.
        ("v", &["1", "2", "x", "4"]),
    ]);
    let outcome = log.scan_all(&["v:int64"], |plan| {
        plan.arrival = arrival("at", seconds());
        plan.max_ahead = Some(HOUR);
        plan.on_bad_record = OnBadRecord::Fail;
    });
    assert_eq!(outcome.rows.iter().map(|row| row.1).collect::<Vec<_>>(), [3600, 0]);
    assert_eq!(outcome.arrivals, [0, 9000 * SECOND]);
    let reasons: Vec<_> = outcome.rejects.iter().map(|r| r.reason.as_str()).collect();
    assert_eq!(
        reasons,
        [
            "`t` is 3601s ahead of the arrival, but max_ahead is 1h",
            "`t` is 3h ahead of the arrival, but max_ahead is 1h",
        ]
    );
    assert!(outcome.rejects.iter().all(|r| r.column.as_deref() == Some("t")));
}

#[test]
fn a_missing_arrival_ends_the_run_where_bad_records_do() {
    let log = TestLog(&[("t", &["9999", "2", "3"]), ("at", &["1", "", "x"]), ("v", &["1", "2", "3"])]);
    for name in FORMS {
        let folder = TestFolder::with(name, log.written_as(name));
        let mut plan = folder.plan("t", &["v:int64"]);
        plan.arrival = arrival("at", seconds());
        if name.ends_with("parquet") {
            // Texts are no numbers, but they may be under a rule for texts.
            plan.arrival = arrival("at", TimeRule::Iso);
        }
        plan.max_ahead = Some(HOUR);
        plan.on_bad_record = OnBadRecord::Fail;
        let error = scan(plan, 2).unwrap_err().to_string();
        assert!(error.contains("column `at`: "), "{name}: {error}");
        assert!(!error.contains("ahead"), "{name}: {error}");
    }
}

#[test]
fn files_must_have_the_arrival() {
    let log = TestLog(&[("t", &["1"]), ("att", &["1"])]);
    for name in ["a.csv", "a.parquet"] {
        let folder = TestFolder::with(name, log.written_as(name));
        let plan = ReadPlan { arrival: arrival("at", seconds()), ..folder.plan("t", &[]) };
        let error = super::Scan::new(Arc::new(plan)).map(|_| ()).unwrap_err().to_string();
        assert!(error.contains("no column `at`") && error.contains("did you mean `att`?"), "{error}");
    }
    // A file without a header has no records that could lack it.
    let with = TestLog(&[("t", &["1"]), ("at", &["2"])]);
    let folder = TestFolder::with("a.csv", "").and("b.csv", with.written_as("b.csv")).and("c.jsonl", "");
    let plan = ReadPlan { arrival: arrival("at", seconds()), ..folder.plan("t", &["at:int64"]) };
    assert_eq!(scan(plan, 1).unwrap().arrivals, [2 * SECOND]);
}

#[test]
fn work_is_numbered_in_position_order() {
    let lines = |from: usize| -> String { (from..from + 100).map(|i| format!("{i},{i:0>90}\n")).collect() };
    let texts = ["1", "2", "3", "4", "5", "6", "7", "8", "9"];
    let log = TestLog(&[("t", &texts), ("a", &texts)]);
    let folder = TestFolder::with("1.csv", format!("t,a\n{}", lines(0)))
        .and("2.csv", "")
        .and("3.csv.gz", format!("t,a\n{}", lines(100)))
        .and("4.jsonl", log.written_as("4.jsonl"))
        .and("5.jsonl.zst", "\n\n")
        .and("6.parquet", log.written_as("6.parquet"))
        .and("7.csv", "t,a\nbad,x\n,x\n")
        .and("8.csv", "t,a\n");
    let columns = ["a:string"];
    for (threads, chunk_bytes) in [(1, 1), (4, 1), (4, 40), (2, 1000), (3, 1 << 20)] {
        let outcome = scan(ReadPlan { chunk_bytes, ..folder.plan("t", &columns) }, threads).unwrap();
        assert_eq!((outcome.rows.len(), outcome.rejects.len()), (218, 2));
        if chunk_bytes == 1 {
            // A line each, but for those that were read with the header. Neither blank lines, bad records nor blocks
            // without the end of a line make rows.
            let pieces: Vec<usize> = outcome.pieces.into_iter().filter(|&rows| rows > 0).collect();
            let with_header = pieces[0];
            assert_eq!(pieces[1..pieces.len() - 5], vec![1; 209 - with_header]);
            assert_eq!(pieces[pieces.len() - 5..], [2, 2, 2, 2, 1]);
        }
    }
    // Row groups that are left out have no number.
    let lines = ReadPlan { chunk_bytes: 1, ..folder.plan("t", &columns) };
    let all = scan(lines.clone(), 2).unwrap().pieces.len();
    let outcome = scan(ReadPlan { from: 3 * SECOND, to: 7 * SECOND, ..lines.clone() }, 2).unwrap();
    assert_eq!(outcome.pieces.len(), all - 3);
    assert_eq!(outcome.report.inputs[5].skipped, 5);
    assert_eq!(scan(ReadPlan { from: HOUR, to: 2 * HOUR, ..lines }, 2).unwrap().pieces.len(), all - 5);
    // Small files are one piece of work, also where none of them has a record.
    assert_eq!(scan(folder.plan("t", &columns), 2).unwrap().pieces, [218]);
    let empty = TestFolder::with("1.csv", "t,a\n").and("2.csv", "").and("3.csv", "t,a\n\n");
    assert_eq!(scan(empty.plan("t", &columns), 2).unwrap().pieces, [0]);
}

#[test]
fn what_is_rejected_for_its_times_does_not_depend_on_the_range() {
    let log = TestLog(&[
        ("t", &["1", "2", "3", "4", "5", "6", "7", "8"]),
        ("at", &["1", "2", "3", "", "1", "6", "7", "8"]),
    ]);
    let folder = TestFolder::with("log.parquet", log.written_as("log.parquet"));
    let scanned = |from, to| {
        let mut plan = folder.plan("t", &[]);
        plan.arrival = arrival("at", seconds());
        (plan.max_ahead, plan.from, plan.to) = (Some(3 * SECOND), from, to);
        scan(plan, 2).unwrap()
    };
    let (all, some) = (scanned(i64::MIN, i64::MAX), scanned(7 * SECOND, 9 * SECOND));
    assert_eq!((all.pieces.len(), some.pieces.len()), (4, 3));
    assert_eq!(all.rejects.len(), 2);
    assert_eq!(all.rejects, some.rejects);
}

#[test]
fn rows_without_a_time_are_of_the_instant_0() {
    // The time of no row is read, nor asked for, nor a reason to leave a row out.
    let log = TestLog(&[
        ("code", &["a", "b", "c", "d", "e"]),
        ("n", &["1", "2", "x", "4", ""]),
        ("t", &["7", "no time", "", "9", "1e9"]),
    ]);
    let untimed = |plan: &mut ReadPlan| {
        plan.time = ReadTime { column: String::new(), rule: TimeRule::Untimed };
        (plan.from, plan.to) = (SECOND, 2 * SECOND);
    };
    let outcome = log.scan_all(&["code:string", "n:int64"], untimed);
    let rows: Vec<_> = outcome.rows.iter().map(|(_, time, c)| (*time, c[0].as_deref().unwrap())).collect();
    assert_eq!(rows, [(0, "a"), (0, "b"), (0, "d"), (0, "e")]);
    assert_eq!(outcome.rejects[0].column.as_deref(), Some("n"));
    // A column of the plan, or none at all, is no matter of times.
    let outcome = log.scan_all(&[], untimed);
    assert_eq!(outcome.rows.len(), 5);
    let arrived = TestLog(&[("a", &["5", "6"]), ("v", &["1", "2"])]);
    let outcome = arrived.scan_all(&["v:int64"], |plan| {
        untimed(plan);
        plan.arrival = Some(ReadTime { column: "a".into(), rule: TimeRule::Epoch(TimeUnit::Second) });
    });
    assert_eq!(outcome.arrivals, [5 * SECOND, 6 * SECOND]);
}

#[test]
fn an_empty_file_has_no_rows_without_a_time_either() {
    for (name, text) in
        [("l.csv", ""), ("l.csv", "\n\n"), ("l.csv", "v\n"), ("l.jsonl", "\n"), ("l.csv.gz", "")]
    {
        let folder = TestFolder::with(name, text);
        let mut plan = folder.plan("t", &[]);
        plan.time = ReadTime { column: String::new(), rule: TimeRule::Untimed };
        assert_eq!(scan(plan, 2).unwrap().rows.len(), 0, "{name} {text:?}");
    }
}
