//! The laws of streamed runs, over random jobs and logs that come out of order; `stream_oracle` says what a
//! live job would have published.

use crate::event_time_jobs::{self, Timing};
use crate::jobs::Job;
use crate::laws::{cases, machine, write};
use crate::log::{Cell, Log};
use crate::oracle::{Expected, Value, expected, expected_of};
use crate::results::{Row, differences, late_differences, read};
use crate::support::{Lab, Machine, PLAIN, account};
use highwater::deliver::Outcome;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::strategy::ValueTree;
use std::collections::{BTreeMap, BTreeSet};

type Result<T> = std::result::Result<T, TestCaseError>;

fn failed(why: impl std::fmt::Display, job: &Job) -> TestCaseError {
    TestCaseError::fail(format!("{why}\n{}", job.toml("\"@/log*\"", "")))
}

fn run(lab: &Lab, job: &Job, machine: Machine) -> Result<Outcome> {
    lab.library(&job.toml("\"@/log*\"", ""), machine).map_err(|e| failed(e, job))
}

/// Outputs, late file, rejects and accounts are as expected.
pub fn check(lab: &Lab, job: &Job, expected: &Expected, outcome: &Outcome) -> Result<()> {
    differences(lab, job, expected).map_err(|why| failed(why, job))?;
    let late = format!("late.{}", job.timing.late);
    if !job.timing.late.is_empty() {
        late_differences(lab, job, expected).map_err(|why| failed(why, job))?;
    }
    prop_assert_eq!(lab.path(&late).exists(), !job.timing.late.is_empty());
    prop_assert_eq!(account(&serde_json::json!({ "account": outcome.account })), expected.account());
    for manifest in lab.manifests("out") {
        prop_assert_eq!(account(&manifest), expected.account());
    }
    let rejects = lab.path("rejects.jsonl");
    let lines = if rejects.exists() { lab.text("rejects.jsonl").lines().count() } else { 0 };
    prop_assert_eq!(lines as u64, expected.rejected);
    Ok(())
}

/// Cuts `log` into files `log0`, `log1` and so on, and gives their names and how many rows are in each.
pub fn cut(log: &Log, cuts: &[usize], format: &str) -> Vec<(String, usize)> {
    let mut cuts: Vec<usize> = cuts.iter().map(|cut| *cut.min(&log.rows.len())).collect();
    cuts.extend([0, log.rows.len()]);
    cuts.sort_unstable();
    cuts.dedup();
    let parts = cuts.windows(2).enumerate();
    parts.map(|(i, cut)| (format!("log{i}.{format}"), cut[1] - cut[0])).collect()
}

pub fn write_files(lab: &Lab, log: &Log, files: &[(String, usize)]) {
    let mut first = 0;
    for (name, count) in files {
        write(lab, name, &log.slice(first..first + count));
        first += count;
    }
}

/// The bytes of outputs and late file.
pub fn published(lab: &Lab) -> BTreeMap<String, Vec<u8>> {
    let mut files = lab.data("out");
    for name in ["late.jsonl", "late.parquet"] {
        if lab.path(name).exists() {
            files.insert(name.into(), std::fs::read(lab.path(name)).unwrap());
        }
    }
    files
}

/// The rows of output `i`, of all of its partitions.
fn rows_of(lab: &Lab, job: &Job, i: usize) -> Vec<Row> {
    let (path, format) = (job.outputs[i].path(i), job.outputs[i].format);
    let files = lab.data("out").into_iter().filter(|(name, _)| name.starts_with(&path));
    let rows = files.flat_map(|(name, bytes)| {
        let mut rows = read(format, &bytes, job.zone);
        let folder = name.rsplit_once('/').map_or(String::new(), |(folder, _)| folder.to_string());
        rows.iter_mut().for_each(|row| row.push(("in".into(), folder.clone())));
        rows
    });
    rows.collect()
}

/// Random logs meet what they are made for; without this, the laws below could say nothing.
#[test]
fn random_jobs_have_late_events_and_firings() {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let strategy = event_time_jobs::streamed(40);
    let [mut late, mut some_late, mut updates, mut rejected, mut on_the_end] = [0; 5];
    for _ in 0..300 {
        let (job, log) = strategy.new_tree(&mut runner).unwrap().current();
        let expected = expected(&job, &log, "log.csv");
        late += expected.late.len();
        some_late += usize::from(!expected.late.is_empty());
        rejected += usize::from(expected.rejected > 0);
        let rows: Vec<_> = expected.outputs.iter().flat_map(|rows| rows.values().flatten()).collect();
        let cell = |row: &[Value], name: &str| row.iter().find(|v| v.name == name).map(|v| v.cell.clone());
        updates += rows.iter().filter(|row| cell(row, "firing").is_some_and(|n| n != Cell::Int(1))).count();
        let just = |row: &&Vec<Value>| cell(row, "_late_by") == Some(Cell::Decimal(0, 6));
        on_the_end += expected.late.iter().filter(just).count();
    }
    let found = format!(
        "{late} late in {some_late} logs, {on_the_end} by nothing; {updates} updates; {rejected} rejects"
    );
    assert!(some_late > 80 && late > 200 && on_the_end > 30 && updates > 50 && rejected > 30, "{found}");
}

/// A run over `log`, in files cut at `cuts`, gives what the oracle says.
fn agrees(job: &Job, log: &Log, cuts: &[usize], machine: Machine, format: &str) -> Result<()> {
    let files = cut(log, cuts, format);
    let expected = expected_of(job, log, &files);
    let lab = Lab::new();
    write_files(&lab, log, &files);
    let outcome = run(&lab, job, machine)?;
    check(&lab, job, &expected, &outcome)
}

proptest! {
    #![proptest_config(cases(1500))]

    #[test]
    fn streamed_results_are_those_of_the_oracle(
        (job, log) in event_time_jobs::streamed(40),
        cuts in proptest::collection::vec(0..40usize, 0..3),
        machine in machine(),
        format in select(vec!["csv", "jsonl", "parquet"]),
    ) {
        agrees(&job, &log, &cuts, machine, format)?;
    }
}

proptest! {
    #![proptest_config(cases(150))]

    #[test]
    fn streamed_results_of_longer_logs_are_those_of_the_oracle(
        (job, log) in event_time_jobs::streamed(400),
        cuts in proptest::collection::vec(0..400usize, 0..5),
        machine in machine(),
        format in select(vec!["csv", "jsonl", "parquet"]),
    ) {
        agrees(&job, &log, &cuts, machine, format)?;
    }

    #[test]
    fn threads_chunks_and_memory_do_not_show_in_streamed_runs(
        (job, log) in event_time_jobs::streamed(200),
        cuts in proptest::collection::vec(0..200usize, 0..3),
        format in select(vec!["csv", "jsonl", "parquet"]),
        machines in proptest::collection::vec(machine(), 1..3),
    ) {
        let files = cut(&log, &cuts, format);
        let lab = Lab::new();
        write_files(&lab, &log, &files);
        run(&lab, &job, PLAIN)?;
        let (want, manifests) = (published(&lab), lab.manifests("out"));
        for machine in machines {
            std::fs::remove_dir_all(lab.path("out")).unwrap();
            run(&lab, &job, machine)?;
            prop_assert!(published(&lab) == want, "{:?}", machine);
            prop_assert_eq!(lab.manifests("out"), manifests.clone());
        }
    }

    #[test]
    fn formats_and_row_groups_do_not_show_in_streamed_runs(
        (mut job, log) in event_time_jobs::streamed(120),
        group in select(vec![1usize, 3, 50]),
        machine in machine(),
    ) {
        // Lines and files are named in the late file, so that differs.
        job.timing.late = "";
        if job.timing.partition == "file" {
            job.timing.partition = "p";
        }
        let labs = [Lab::new(), Lab::new(), Lab::new()];
        labs[0].write("log.csv", log.csv());
        labs[1].write("log.jsonl", log.jsonl());
        labs[2].write("log.parquet", log.parquet(group));
        run(&labs[0], &job, PLAIN)?;
        run(&labs[1], &job, machine)?;
        run(&labs[2], &job, machine)?;
        let accounts = |lab: &Lab| lab.manifests("out").iter().map(account).collect::<Vec<_>>();
        for lab in &labs[1..] {
            prop_assert!(published(lab) == published(&labs[0]));
            prop_assert_eq!(accounts(lab), accounts(&labs[0]));
        }
    }

    #[test]
    fn files_do_not_show_in_streamed_runs(
        (mut job, log) in event_time_jobs::streamed(200),
        cuts in proptest::collection::vec(0..200usize, 1..12),
        machine in machine(),
    ) {
        job.timing.late = "";
        if job.timing.partition == "file" {
            job.timing.partition = "p";
        }
        let (lab, split) = (Lab::new(), Lab::new());
        write(&lab, "log.csv", &log);
        run(&lab, &job, PLAIN)?;
        write_files(&split, &log, &cut(&log, &cuts, "csv"));
        run(&split, &job, machine)?;
        prop_assert!(published(&split) == published(&lab));
    }

    #[test]
    fn a_streamed_run_done_twice_changes_nothing(
        (job, log) in event_time_jobs::streamed(60),
        machine in machine(),
    ) {
        let lab = Lab::new();
        write(&lab, "log.csv", &log);
        run(&lab, &job, PLAIN)?;
        let (files, written) = (published(&lab), lab.written("out"));
        let outcome = run(&lab, &job, machine)?;
        prop_assert_eq!(lab.written("out"), written);
        prop_assert!(published(&lab) == files);
        prop_assert!(outcome.outputs.iter().all(|o| o.written == 0 && o.removed == 0));
    }

    #[test]
    fn a_delay_longer_than_the_log_gives_what_complete_gives(
        (mut job, log) in event_time_jobs::streamed(120),
        machine in machine(),
    ) {
        for groups in job.outputs.iter_mut().filter_map(|output| output.groups.as_mut()) {
            (groups.mode, groups.firings) = ("", false);
        }
        let late = if job.timing.late.is_empty() { "jsonl" } else { job.timing.late };
        let times = log.rows.iter().map(|row| match row[0] {
            Cell::Int(at) => at,
            _ => 0,
        });
        let span = times.clone().max().unwrap() - times.min().unwrap();
        job.timing = Timing { mode: "streamed", out_of_orderness: format!("{}us", span + 1), late, ..job.timing };
        let streamed = Lab::new();
        write(&streamed, "log.csv", &log);
        let outcome = run(&streamed, &job, machine)?;
        prop_assert_eq!(outcome.account.late, 0);

        job.timing = Timing { mode: "complete", out_of_orderness: String::new(), late: "", ..job.timing };
        let complete = Lab::new();
        write(&complete, "log.csv", &log);
        run(&complete, &job, machine)?;
        prop_assert!(streamed.data("out") == complete.data("out"));
        prop_assert!(late == "parquet" || streamed.text("late.jsonl").is_empty());
    }

    /// Over tumbling windows an event is late or it is not: without the late ones, `complete` gives the same.
    #[test]
    fn what_is_not_late_is_what_complete_counts(
        (mut job, log) in event_time_jobs::streamed_tumbling(120),
        machine in machine(),
        format in select(vec!["jsonl", "parquet"]),
    ) {
        job.timing.late = format;
        job.outputs[0].groups.as_mut().unwrap().firings = false;
        let lab = Lab::new();
        write(&lab, "log.jsonl", &log);
        let outcome = run(&lab, &job, machine)?;
        let name = format!("late.{format}");
        let late = read(format, &std::fs::read(lab.path(&name)).unwrap(), job.zone);
        prop_assert_eq!(late.len() as u64, outcome.account.late);
        let line = |row: &Row| row.iter().find(|(name, _)| name == "_line").unwrap().1.parse::<usize>().unwrap();
        let lines: BTreeSet<usize> = late.iter().map(line).collect();
        prop_assert_eq!(lines.len(), late.len());

        let mut rest = log.clone();
        let mut number = 0;
        rest.rows.retain(|_| {
            number += 1;
            !lines.contains(&number)
        });
        let mut complete = job.clone();
        complete.timing.mode = "complete";
        complete.timing.late = "";
        complete.outputs[0].groups.as_mut().unwrap().mode = "";
        let other = Lab::new();
        write(&other, "log.jsonl", &rest);
        if !rest.rows.is_empty() {
            run(&other, &complete, machine)?;
            prop_assert!(other.data("out") == lab.data("out"));
        }

        // The late file is a source of the same job, and holds the rows that were taken out.
        let taken = Log {
            rows: log.rows.iter().zip(1..).filter(|(_, n)| lines.contains(n)).map(|(row, _)| row.clone()).collect(),
            ..log
        };
        // It is in arrival order, which is not that of positions where there is an `arrival`: ties may turn.
        if taken.rows.is_empty() || job.timing.arrival && complete.sees_ties() {
            return Ok(());
        }
        let toml = complete.toml(&format!("\"@/{name}\""), "").replace("@/out", "@/again");
        lab.library(&toml, machine).map_err(|e| failed(e, &complete))?;
        let reference = Lab::new();
        write(&reference, "log.jsonl", &taken);
        run(&reference, &complete, PLAIN)?;
        prop_assert!(lab.data("again") == reference.data("out"));
    }

    #[test]
    fn the_last_firing_is_the_result(
        (mut job, log) in event_time_jobs::streamed(120),
        machine in machine(),
    ) {
        job.outputs[0].groups.as_mut().unwrap().firings = true;
        job.outputs.truncate(1);
        job.settle();
        prop_assume!(job.outputs[0].groups.as_ref().unwrap().firings);
        let lab = Lab::new();
        write(&lab, "log.csv", &log);
        run(&lab, &job, machine)?;
        let firings = rows_of(&lab, &job, 0);
        job.outputs[0].groups.as_mut().unwrap().firings = false;
        let plain = Lab::new();
        write(&plain, "log.csv", &log);
        run(&plain, &job, machine)?;

        let by = job.outputs[0].groups.as_ref().unwrap().by.clone();
        let named = |name: &str| by.contains(&name) || ["window_start", "window_end", "in"].contains(&name);
        let mut last: Vec<(Row, i64, Row)> = vec![];
        for mut row in firings {
            let at = row.iter().position(|(name, _)| name == "firing").unwrap();
            let number: i64 = row.remove(at).1.parse().unwrap();
            let key: Row = row.iter().filter(|(name, _)| named(name)).cloned().collect();
            match last.last_mut().filter(|(k, _, _)| *k == key) {
                // They are numbered from 1, without gaps, one after the other.
                Some(before) => {
                    prop_assert_eq!(number, before.1 + 1);
                    *before = (key, number, row);
                }
                None => {
                    prop_assert_eq!(number, 1);
                    last.push((key, number, row));
                }
            }
        }
        let last: Vec<Row> = last.into_iter().map(|(_, _, row)| row).collect();
        prop_assert_eq!(last, rows_of(&plain, &job, 0));
    }

    #[test]
    fn every_record_of_a_streamed_run_is_in_the_account(
        (mut job, log) in event_time_jobs::streamed(120),
        bad in proptest::collection::btree_set(0..120usize, 1..20),
        machine in machine(),
    ) {
        // Records without an arrival are bad where the job has one; others have no time.
        job.timing.max_ahead = String::new();
        job.timing.late = "jsonl";
        let mut spoiled = Log::new(&crate::jobs::COLUMNS, vec![]);
        for (i, row) in log.rows.iter().enumerate() {
            if bad.contains(&i) {
                let mut row = row.clone();
                row[if job.timing.arrival && i % 2 == 0 { 8 } else { 0 }] = Cell::Null;
                spoiled.rows.push(row);
            }
            spoiled.rows.push(row.clone());
        }
        let rejected = (spoiled.rows.len() - log.rows.len()) as u64;
        let lab = Lab::new();
        lab.write("log.jsonl", spoiled.jsonl());
        let source = "on_bad_record = \"reject\"\nrejects = \"@/rejects.jsonl\"";
        let outcome = lab.library(&job.toml("\"@/log*\"", source), machine).map_err(|e| failed(e, &job))?;
        let expected = expected(&job, &log, "log.jsonl");
        differences(&lab, &job, &expected).map_err(|why| failed(why, &job))?;
        let mut want = expected.account();
        want[0] += rejected;
        want[1] += rejected;
        let found = account(&serde_json::json!({ "account": outcome.account }));
        prop_assert_eq!(found, want);
        prop_assert_eq!(found[0], found[1..].iter().sum::<u64>());
        prop_assert_eq!(lab.text("late.jsonl").lines().count() as u64, found[4]);
        prop_assert!(lab.manifests("out").iter().all(|manifest| account(manifest) == want));
    }
}
