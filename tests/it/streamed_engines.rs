//! What a real Flink and a real Spark published, recorded by `scripts/streamed_engines.py --write`: runs by their rules
//! give the same windows, by the numbers of their events, the same firings, and the same late events in the same order.

use crate::support::{Lab, PLAIN};
use chrono::DateTime;
use serde_json::Value;

/// When the recorded logs begin, milliseconds since 1970.
const BASE: i64 = 1_717_200_000_000;

fn recorded(name: &str) -> String {
    let path = format!("{}/tests/streamed/{name}", env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{path}: {e}"))
}

/// The rows of an output: start, end, key, the numbers of the events, and the firing where there are several; sorted.
fn rows(lab: &Lab, name: &str) -> Vec<Value> {
    let text = lab.text(name);
    let instant = |text: &str| DateTime::parse_from_rfc3339(text).unwrap().timestamp_millis() - BASE;
    let row = |line: &str| {
        let fields: Vec<&str> = line.split(',').collect();
        let mut row: Vec<Value> =
            vec![instant(fields[0]).into(), instant(fields[1]).into(), fields[2].into()];
        match fields[3..] {
            [numbers] => row.push(numbers.into()),
            [firing, numbers] => row.extend([numbers.into(), firing.parse::<i64>().unwrap().into()]),
            _ => panic!("{line}"),
        }
        Value::Array(row)
    };
    let mut rows: Vec<Value> = text.lines().skip(1).map(row).collect();
    rows.sort_by_key(order);
    rows
}

fn order(row: &Value) -> (i64, i64, String, i64) {
    let number = |i: usize| row.get(i).and_then(Value::as_i64).unwrap_or(0);
    (number(0), number(1), row[2].as_str().unwrap().to_string(), number(4))
}

fn sorted(rows: &Value) -> Vec<Value> {
    let mut rows = rows.as_array().unwrap().clone();
    rows.sort_by_key(order);
    rows
}

#[test]
fn runs_publish_what_real_engines_published() {
    let text = recorded("answers.jsonl");
    let (mut jobs, mut late_events, mut wrong) = ([0; 3], 0, vec![]);
    for line in text.lines() {
        let case: Value = serde_json::from_str(line).unwrap();
        let name = case["name"].as_str().unwrap();
        let lab = Lab::new();
        lab.write("in.csv", recorded(&format!("{}.csv", case["log"].as_str().unwrap())));
        let job = case["job"].as_str().unwrap();
        if let Err(error) = lab.library(job, PLAIN) {
            wrong.push(format!("{name}: {error}"));
            continue;
        }
        if rows(&lab, "windows.csv") != sorted(&case["windows"]) {
            wrong.push(format!("{name}: windows"));
        }
        if !case["firings"].is_null() && rows(&lab, "firings.csv") != sorted(&case["firings"]) {
            wrong.push(format!("{name}: firings"));
        }
        if let Some(late) = case["late"].as_array() {
            let number = |line: &str| serde_json::from_str::<Value>(line).unwrap()["n"].clone();
            let ours: Vec<Value> = lab.text("late.jsonl").lines().map(number).collect();
            late_events += late.len();
            if ours != *late {
                wrong.push(format!("{name}: late events"));
            }
        }
        let engine = ["flink-sql", "spark", "flink"].iter().position(|engine| name.starts_with(engine));
        jobs[engine.unwrap()] += 1;
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(jobs.iter().all(|jobs| *jobs >= 16) && jobs.iter().sum::<i32>() >= 100, "{jobs:?}");
    assert!(late_events > 200, "{late_events}");
}
