//! The laws of streamed runs whose watermark follows the rule of another engine; `watermark_oracle` says what each
//! event meets.

use crate::event_time_jobs::{self, Window};
use crate::jobs::Job;
use crate::laws::{cases, machine, write};
use crate::log::{Cell, Log};
use crate::oracle::{expected, expected_of};
use crate::oracle_windows::length;
use crate::stream_laws::{check, cut, published, write_files};
use crate::support::{Lab, Machine, PLAIN};
use crate::watermark_oracle::EngineRule;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::strategy::ValueTree;

type Result<T> = std::result::Result<T, TestCaseError>;

/// The rules, with how many intervals or batches cover the log.
fn rule(pieces: i64, records: i64, span: i64, which: usize) -> EngineRule {
    let every = format!("{}us", span / pieces + 1);
    let rule = |like, every: &str, batch: String| EngineRule { like, every: every.into(), batch };
    match which {
        0 => rule("flink-sql", "", String::new()),
        1 => rule("", &every, String::new()),
        2 => rule("flink-sql", &every, String::new()),
        3 => rule("spark", "", format!("{} records", records / pieces + 1)),
        4 => rule("spark", "", format!("{every} of arrival")),
        _ => rule("kafka-streams", "", String::new()),
    }
}

/// `job` with the watermark of an engine, less what the engine does not have.
fn like(mut job: Job, log: &Log, pieces: i64, which: usize) -> Job {
    let arrivals = log.rows.iter().map(|row| match row[8] {
        Cell::Int(at) => at,
        _ => 0,
    });
    let span = arrivals.clone().max().unwrap_or(0) - arrivals.min().unwrap_or(0);
    let timing = &mut job.timing;
    timing.rule = rule(pieces, log.rows.len() as i64, span, which);
    timing.arrival |= matches!(which, 1 | 2 | 4);
    if which > 2 {
        (timing.idle, timing.known) = (String::new(), false);
    }
    match timing.rule.like {
        "spark" => timing.partition = "",
        "kafka-streams" => timing.out_of_orderness = String::new(),
        _ => {}
    }
    let (name, streamed) = (timing.rule.like, job.clone());
    for groups in job.outputs.iter_mut().filter_map(|output| output.groups.as_mut()) {
        if name.is_empty() || !streamed.streams(groups) {
            continue;
        }
        if name != "flink-sql" {
            groups.firings = false;
        }
        if name == "spark" {
            groups.allowed_lateness = String::new();
        }
        let has_months = |text: &str| ["month", "quarter", "year"].iter().any(|unit| text.contains(unit));
        if let Window::Hopping { size, slide, offset } = &groups.window
            && (has_months(slide) || length(slide) > length(size))
        {
            groups.window = Window::Tumbling { size: slide.clone(), offset: offset.clone() };
        }
    }
    job.settle();
    job
}

fn liked(most: usize) -> impl Strategy<Value = (Job, Log)> {
    (event_time_jobs::streamed(most), 2..40i64, 0..6usize)
        .prop_map(|((job, log), pieces, which)| (like(job, &log, pieces, which), log))
}

fn failed(why: impl std::fmt::Display, job: &Job) -> TestCaseError {
    TestCaseError::fail(format!("{why}\n{}", job.toml("\"@/log*\"", "")))
}

fn agrees(job: &Job, log: &Log, cuts: &[usize], machine: Machine, format: &str) -> Result<()> {
    let files = cut(log, cuts, format);
    let lab = Lab::new();
    write_files(&lab, log, &files);
    let outcome = lab.library(&job.toml("\"@/log*\"", ""), machine).map_err(|e| failed(e, job))?;
    check(&lab, job, &expected_of(job, log, &files), &outcome)
}

/// Each rule changes what is late; without this, the laws below could say nothing.
#[test]
fn rules_change_what_is_late() {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let strategy = (event_time_jobs::streamed(60), 2..40i64);
    let mut changed = [0; 6];
    for _ in 0..150 {
        let ((job, log), pieces) = strategy.new_tree(&mut runner).unwrap().current();
        for (which, changed) in changed.iter_mut().enumerate() {
            let with = like(job.clone(), &log, pieces, which);
            let mut without = with.clone();
            without.timing.rule = EngineRule::default();
            let late = |job: &Job| expected(job, &log, "log.csv").late.len();
            *changed += usize::from(late(&with) != late(&without));
        }
    }
    assert!(changed.iter().all(|changed| *changed > 1), "{changed:?}");
}

proptest! {
    #![proptest_config(cases(900))]

    #[test]
    fn results_by_the_rules_of_engines_are_those_of_the_oracle(
        (job, log) in liked(40),
        cuts in proptest::collection::vec(0..40usize, 0..3),
        machine in machine(),
        format in select(vec!["csv", "jsonl", "parquet"]),
    ) {
        agrees(&job, &log, &cuts, machine, format)?;
    }
}

proptest! {
    #![proptest_config(cases(100))]

    #[test]
    fn threads_chunks_and_memory_do_not_show_by_the_rules_of_engines(
        (job, log) in liked(200),
        cuts in proptest::collection::vec(0..200usize, 0..3),
        other in machine(),
    ) {
        let files = cut(&log, &cuts, "csv");
        let lab = Lab::new();
        write_files(&lab, &log, &files);
        lab.library(&job.toml("\"@/log*\"", ""), PLAIN).map_err(|e| failed(e, &job))?;
        let (want, manifests) = (published(&lab), lab.manifests("out"));
        std::fs::remove_dir_all(lab.path("out")).unwrap();
        lab.library(&job.toml("\"@/log*\"", ""), other).map_err(|e| failed(e, &job))?;
        prop_assert!(published(&lab) == want, "{:?}", other);
        prop_assert_eq!(lab.manifests("out"), manifests);
    }

    /// Of one output an audit tells as many late events at the delay of the job as a run.
    #[test]
    fn audits_by_the_rules_of_engines_tell_what_runs_do(
        (mut job, log) in liked(80),
        machine in machine(),
    ) {
        job.outputs.truncate(1);
        let lab = Lab::new();
        write(&lab, "log.csv", &log);
        let toml = job.toml("\"@/log*\"", "");
        let late = lab.library(&toml, machine).map_err(|e| failed(e, &job))?.account.late;
        let report = lab.audit(&toml, machine, None).map_err(|e| failed(e, &job))?;
        let own = report.outputs[0].delays.iter().find(|delay| delay.of_job);
        prop_assert_eq!(own.map(|delay| delay.late), Some(late), "{}", toml);
    }
}
