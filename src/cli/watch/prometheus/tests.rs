//! The text is what the exposition format allows, whatever jobs and paths are called.

use super::*;
use crate::clock::Lap;
use crate::engine::{SpentWork, StageTimes, TimedStage};
use crate::sink::{Account, Watermarks};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

/// A line of values: name, labels, value.
type MetricSample = (String, BTreeMap<String, String>, f64);

/// Reads the exposition format strictly: HELP and TYPE before the samples of each metric and once, no series
/// twice, no metric in two places, names and escapes as they have to be.
fn parsed(text: &str) -> Vec<MetricSample> {
    assert!(text.ends_with('\n') && !text.contains("\n\n"), "{text}");
    let (mut samples, mut series, mut seen) = (vec![], BTreeSet::new(), BTreeSet::new());
    let mut current = String::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if let Some(help) = line.strip_prefix("# HELP ") {
            let (name, words) = help.split_once(' ').expect(line);
            assert!(!words.is_empty() && seen.insert(name.to_string()), "{line}");
            assert_eq!(lines.next(), Some(format!("# TYPE {name} gauge").as_str()));
            current = name.to_string();
            continue;
        }
        let (name, rest) = line.split_once('{').expect(line);
        assert_eq!(name, current, "{line}");
        assert!(name.chars().all(|c| c.is_ascii_lowercase() || c == '_' || c.is_ascii_digit()), "{name}");
        let mut labels = BTreeMap::new();
        let mut rest = rest;
        loop {
            let (label, value) = rest.split_once("=\"").expect(line);
            assert!(label.chars().all(|c| c.is_ascii_lowercase() || c == '_'), "{line}");
            let mut text = String::new();
            let mut chars = value.char_indices();
            let end = loop {
                match chars.next().expect(line) {
                    (at, '"') => break at + 1,
                    (_, '\\') => text.push(match chars.next().expect(line).1 {
                        'n' => '\n',
                        c @ ('\\' | '"') => c,
                        other => panic!("\\{other} in {line}"),
                    }),
                    (_, c) => text.push(c),
                }
            };
            assert!(labels.insert(label.to_string(), text).is_none(), "{line}");
            rest = &value[end..];
            match rest.strip_prefix(',') {
                Some(more) => rest = more,
                None => break,
            }
        }
        let value = rest.strip_prefix("} ").expect(line);
        assert!(series.insert((name.to_string(), labels.clone())), "twice: {line}");
        samples.push((name.to_string(), labels, value.parse().expect(line)));
    }
    samples
}

fn facts() -> Facts {
    Facts {
        job: Some(("pageviews".into(), "xxh3:00ff".into())),
        account: Some(Account { read: 10, rejected: 1, filtered: 2, duplicate: 0, late: 3, counted: 4 }),
        watermarks: Some(Watermarks {
            min_event_time: 1_717_200_000_000_000,
            max_event_time: 1_717_286_399_500_000,
            watermark: Some(1_717_286_379_500_000),
        }),
        inputs: Some((2, 340_500)),
        outputs: vec![("out/views".into(), 4, 1), ("-".into(), 4, 0)],
        compared: vec![],
    }
}

fn text(job: &str, facts: &Facts, success: bool, old: &str) -> String {
    let times = StageTimes::default();
    let began = Instant::now();
    let lap = Lap { began, ended: began + Duration::from_millis(1500), cpu: Duration::from_millis(2500) };
    times.add(TimedStage::Read, SpentWork { rows: 0, bytes: 340_500, lap });
    times.add(TimedStage::Fold, SpentWork { rows: 7, bytes: 0, lap });
    let stages = times.report();
    let took = Duration::from_millis(2250);
    let run =
        CommandMetrics { command: "run", job, facts, stages: &stages, success, took, memory: Some(1 << 20) };
    run.text(Duration::from_secs(1_717_290_000), old).unwrap()
}

#[test]
fn a_run_says_all_of_itself() {
    let text = text("pageviews", &facts(), true, "");
    let samples = parsed(&text);
    let read: f64 = samples.iter().filter(|(name, ..)| name == "highwater_records").map(|s| s.2).sum();
    assert_eq!(read, 10.0);
    assert!(
        samples.iter().all(|(_, labels, _)| labels["command"] == "run" && labels["job_name"] == "pageviews")
    );
    insta::assert_snapshot!(text.replace(env!("CARGO_PKG_VERSION"), "[version]"), @r#"
    # HELP highwater_event_time_max_timestamp_seconds The last event time counted.
    # TYPE highwater_event_time_max_timestamp_seconds gauge
    highwater_event_time_max_timestamp_seconds{command="run",job_name="pageviews"} 1717286399.5
    # HELP highwater_event_time_min_timestamp_seconds The first event time counted.
    # TYPE highwater_event_time_min_timestamp_seconds gauge
    highwater_event_time_min_timestamp_seconds{command="run",job_name="pageviews"} 1717200000
    # HELP highwater_info What ran: the version of highwater, and the hash of the job.
    # TYPE highwater_info gauge
    highwater_info{command="run",hash="xxh3:00ff",job_name="pageviews",version="[version]"} 1
    # HELP highwater_input_bytes Bytes of the files that were read, as they lie on disk.
    # TYPE highwater_input_bytes gauge
    highwater_input_bytes{command="run",job_name="pageviews"} 340500
    # HELP highwater_input_files Files that were read.
    # TYPE highwater_input_files gauge
    highwater_input_files{command="run",job_name="pageviews"} 2
    # HELP highwater_lag_seconds The end of the run less the last event time.
    # TYPE highwater_lag_seconds gauge
    highwater_lag_seconds{command="run",job_name="pageviews"} 3600.5
    # HELP highwater_last_run_duration_seconds How long the last run took.
    # TYPE highwater_last_run_duration_seconds gauge
    highwater_last_run_duration_seconds{command="run",job_name="pageviews"} 2.25
    # HELP highwater_last_run_success Whether the last run succeeded.
    # TYPE highwater_last_run_success gauge
    highwater_last_run_success{command="run",job_name="pageviews"} 1
    # HELP highwater_last_run_timestamp_seconds When the last run ended.
    # TYPE highwater_last_run_timestamp_seconds gauge
    highwater_last_run_timestamp_seconds{command="run",job_name="pageviews"} 1717290000
    # HELP highwater_last_success_timestamp_seconds When a run last succeeded.
    # TYPE highwater_last_success_timestamp_seconds gauge
    highwater_last_success_timestamp_seconds{command="run",job_name="pageviews"} 1717290000
    # HELP highwater_memory_peak_bytes The most memory that the run used.
    # TYPE highwater_memory_peak_bytes gauge
    highwater_memory_peak_bytes{command="run",job_name="pageviews"} 1048576
    # HELP highwater_output_files_written Files of an output that were new or changed.
    # TYPE highwater_output_files_written gauge
    highwater_output_files_written{command="run",job_name="pageviews",output="-"} 0
    highwater_output_files_written{command="run",job_name="pageviews",output="out/views"} 1
    # HELP highwater_output_rows Rows of an output.
    # TYPE highwater_output_rows gauge
    highwater_output_rows{command="run",job_name="pageviews",output="-"} 4
    highwater_output_rows{command="run",job_name="pageviews",output="out/views"} 4
    # HELP highwater_records Records by what became of them; their sum is what was read.
    # TYPE highwater_records gauge
    highwater_records{command="run",job_name="pageviews",outcome="counted"} 4
    highwater_records{command="run",job_name="pageviews",outcome="duplicate"} 0
    highwater_records{command="run",job_name="pageviews",outcome="filtered"} 2
    highwater_records{command="run",job_name="pageviews",outcome="late"} 3
    highwater_records{command="run",job_name="pageviews",outcome="rejected"} 1
    # HELP highwater_stage_bytes Bytes that a stage read or wrote; 0 where they are not counted.
    # TYPE highwater_stage_bytes gauge
    highwater_stage_bytes{command="run",job_name="pageviews",stage="fold"} 0
    highwater_stage_bytes{command="run",job_name="pageviews",stage="read"} 340500
    # HELP highwater_stage_cpu_seconds CPU time of a stage, of all threads.
    # TYPE highwater_stage_cpu_seconds gauge
    highwater_stage_cpu_seconds{command="run",job_name="pageviews",stage="fold"} 2.5
    highwater_stage_cpu_seconds{command="run",job_name="pageviews",stage="read"} 2.5
    # HELP highwater_stage_rows Rows that came to a stage, or that it gave; 0 where they are not counted.
    # TYPE highwater_stage_rows gauge
    highwater_stage_rows{command="run",job_name="pageviews",stage="fold"} 7
    highwater_stage_rows{command="run",job_name="pageviews",stage="read"} 0
    # HELP highwater_stage_seconds Time from the start of a stage to its end; stages overlap.
    # TYPE highwater_stage_seconds gauge
    highwater_stage_seconds{command="run",job_name="pageviews",stage="fold"} 1.5
    highwater_stage_seconds{command="run",job_name="pageviews",stage="read"} 1.5
    # HELP highwater_watermark_timestamp_seconds The watermark when the log ended.
    # TYPE highwater_watermark_timestamp_seconds gauge
    highwater_watermark_timestamp_seconds{command="run",job_name="pageviews"} 1717286379.5
    "#);
}

#[test]
fn a_run_that_fails_says_what_is_known_and_keeps_the_last_success() {
    let before = text("pageviews", &facts(), true, "");
    let facts = Facts { job: facts().job, ..Facts::default() };
    let failed = text("pageviews", &facts, false, &before.replace("1717290000", "1717000000"));
    let value = |text: &str, name: &str| {
        parsed(text).into_iter().find(|(found, ..)| found == name).map(|(_, _, value)| value)
    };
    assert_eq!(value(&failed, "highwater_last_run_success"), Some(0.0));
    assert_eq!(value(&failed, "highwater_last_run_timestamp_seconds"), Some(1_717_290_000.0));
    assert_eq!(value(&failed, LAST_SUCCESS), Some(1_717_000_000.0));
    assert_eq!(value(&failed, "highwater_records"), None);
    assert_eq!(value(&failed, "highwater_stage_bytes"), Some(0.0));
    // Once more, and it is still there; without one before there is none.
    assert_eq!(value(&text("pageviews", &facts, false, &failed), LAST_SUCCESS), Some(1_717_000_000.0));
    assert_eq!(value(&text("pageviews", &facts, false, "no metrics"), LAST_SUCCESS), None);
}

#[test]
fn hostile_names_stay_names() {
    for name in ["a\"b", "a\\b", "a\nb", "}\" 1\n# TYPE x gauge", "\\n", "é{}=,", ""] {
        let mut facts = facts();
        facts.outputs = vec![(name.to_string(), 1, 1)];
        facts.compared = vec![(name.to_string(), [1, 2, 3, 4])];
        let samples = parsed(&text(name, &facts, true, ""));
        assert!(samples.iter().all(|(_, labels, _)| labels["job_name"] == name), "{name:?}");
        let outputs = samples.iter().filter(|(_, labels, _)| labels.get("output").is_some_and(|o| o == name));
        assert_eq!(outputs.count(), 6, "{name:?}");
    }
    // Two outputs of one path cannot be, but two tables on the terminal can.
    let mut facts = facts();
    facts.outputs = vec![("-".into(), 1, 0), ("-".into(), 2, 0)];
    parsed(&text("x", &facts, true, ""));
}

#[test]
fn only_files_that_a_collector_reads_are_written() {
    let hint = |path: &str| check(Path::new(path)).err().map(|error| error.hints()[0].clone());
    assert_eq!(hint("x.prom"), None);
    assert!(hint("x.txt").unwrap().contains(".prom"));
    assert!(hint("no-such-folder/x.prom").unwrap().contains("no folder no-such-folder"));
}
