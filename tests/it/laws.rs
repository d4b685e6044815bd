//! The laws, over random logs and random jobs: order, partition, account and repeat; and that what comes
//! out is what the oracle says.

use crate::jobs::{self, Job};
use crate::log::Log;
use crate::oracle::expected;
use crate::results::differences;
use crate::support::{Lab, Machine, PLAIN, account};
use highwater::deliver::Outcome;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::RngSeed;

/// Cases of each law, the same ones at every run. `PROPTEST_CASES` says how many others, drawn anew each time (or
/// by `PROPTEST_RNG_SEED`), to look for what these do not show.
pub fn cases(few: u32) -> ProptestConfig {
    let config =
        ProptestConfig { failure_persistence: None, max_shrink_iters: 400, ..ProptestConfig::default() };
    match std::env::var("PROPTEST_CASES") {
        Ok(_) => config,
        Err(_) => ProptestConfig { cases: few, rng_seed: RngSeed::Fixed(SEED), ..config },
    }
}

/// Any number would do.
const SEED: u64 = 1;

/// Ways to use the machine, none of which may show.
pub fn machine() -> impl Strategy<Value = Machine> {
    (
        select(vec![1usize, 2, 4]),
        select(vec![1usize, 64, 1000, 1 << 20]),
        select(vec![1u64, 100_000, 1 << 30]),
    )
        .prop_map(|(threads, chunk_bytes, memory)| Machine { threads, chunk_bytes, memory })
}

/// Writes `log` to one file in a lab of its own.
pub fn one_file(log: &Log, format: &str) -> Lab {
    let lab = Lab::new();
    write(&lab, &format!("log.{format}"), log);
    lab
}

pub fn write(lab: &Lab, name: &str, log: &Log) {
    match name.split_once('.').unwrap().1 {
        "parquet" => lab.write(name, log.parquet(23)),
        "csv" | "csv.gz" => lab.write(name, log.csv()),
        _ => lab.write(name, log.jsonl()),
    }
}

pub fn run(lab: &Lab, job: &Job, machine: Machine) -> Result<Outcome, TestCaseError> {
    let toml = job.toml("\"@/log*\"", "");
    lab.library(&toml, machine).map_err(|e| TestCaseError::fail(format!("{e}\n{toml}")))
}

proptest! {
    #![proptest_config(cases(250))]

    #[test]
    fn results_are_those_of_the_oracle(
        job in jobs::job(),
        log in jobs::log(120, false),
        machine in machine(),
        format in select(vec!["csv", "jsonl", "parquet"]),
    ) {
        let lab = one_file(&log, format);
        let outcome = run(&lab, &job, machine)?;
        let expected = expected(&job, &log, "log");
        if let Err(why) = differences(&lab, &job, &expected) {
            return Err(TestCaseError::fail(format!("{why}\n{}", job.toml("\"@/log*\"", ""))));
        }
        let rows: Vec<usize> = expected.outputs.iter().map(|o| o.values().map(Vec::len).sum()).collect();
        prop_assert_eq!(outcome.outputs.iter().map(|o| o.rows as usize).collect::<Vec<_>>(), rows);
        let want = [expected.read, 0, expected.filtered, 0, 0, expected.read - expected.filtered];
        for manifest in lab.manifests("out") {
            prop_assert_eq!(account(&manifest), want);
        }
    }

    #[test]
    fn the_order_of_arrival_does_not_show(
        job in jobs::job(),
        (log, shuffled) in jobs::log(120, true).prop_flat_map(|log| {
            let shuffled = Just(log.rows.clone()).prop_shuffle();
            (Just(log), shuffled)
        }),
        machine in machine(),
    ) {
        let lab = one_file(&log, "csv");
        run(&lab, &job, PLAIN)?;
        let other = one_file(&Log { rows: shuffled, ..log }, "csv");
        run(&other, &job, machine)?;
        prop_assert!(lab.data("out") == other.data("out"));
    }

    #[test]
    fn the_order_of_arrival_does_not_show_in_ties_that_no_aggregate_sees(
        job in jobs::job().prop_filter("ties show", |job| !job.sees_ties()),
        (log, shuffled) in jobs::log(60, false).prop_flat_map(|log| {
            let shuffled = Just(log.rows.clone()).prop_shuffle();
            (Just(log), shuffled)
        }),
    ) {
        let lab = one_file(&log, "csv");
        run(&lab, &job, PLAIN)?;
        let other = one_file(&Log { rows: shuffled, ..log }, "csv");
        run(&other, &job, PLAIN)?;
        prop_assert!(lab.data("out") == other.data("out"));
    }

    #[test]
    fn threads_chunks_memory_and_files_do_not_show(
        job in jobs::job(),
        log in jobs::log(200, false),
        machine in machine(),
        cuts in proptest::collection::vec(0..200usize, 0..12),
    ) {
        let lab = one_file(&log, "csv");
        run(&lab, &job, PLAIN)?;
        let whole = lab.files("out");

        // The same file, read another way: the same bytes, the manifests among them.
        let toml = job.toml("\"@/log*\"", "").replace("@/out", "@/other");
        lab.library(&toml, machine).map_err(|e| TestCaseError::fail(e.to_string()))?;
        let manifest = |name: &str| name.contains("_highwater");
        for (name, bytes) in lab.files("other") {
            if manifest(&name) {
                // The job's hash covers the paths of its outputs.
                let parse = |bytes: &[u8]| -> serde_json::Value { serde_json::from_slice(bytes).unwrap() };
                let (mut one, mut other) = (parse(&whole[&name]), parse(&bytes));
                one["job"] = serde_json::Value::Null;
                other["job"] = serde_json::Value::Null;
                prop_assert_eq!(one, other);
            } else {
                prop_assert!(whole.get(&name) == Some(&bytes), "{} differs", name);
            }
        }
        prop_assert_eq!(lab.files("other").len(), whole.len());

        // The same records in many files, whose natural order is that of the records.
        let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(log.rows.len())).collect();
        cuts.extend([0, log.rows.len()]);
        cuts.sort_unstable();
        let split = Lab::new();
        for (i, cut) in cuts.windows(2).enumerate() {
            let ending = if i % 2 == 0 { "csv" } else { "csv.gz" };
            write(&split, &format!("log{i}.{ending}"), &log.slice(cut[0]..cut[1]));
        }
        run(&split, &job, machine)?;
        prop_assert!(split.data("out") == lab.data("out"), "files of records {:?}", cuts);
        let accounts = |lab: &Lab| lab.manifests("out").iter().map(account).collect::<Vec<_>>();
        prop_assert_eq!(accounts(&split), accounts(&lab));
    }

    #[test]
    fn a_run_done_twice_changes_nothing(job in jobs::job(), log in jobs::log(60, false), machine in machine()) {
        let lab = one_file(&log, "csv");
        run(&lab, &job, PLAIN)?;
        let (files, written) = (lab.files("out"), lab.written("out"));
        let outcome = run(&lab, &job, machine)?;
        prop_assert_eq!(lab.written("out"), written);
        prop_assert!(lab.files("out") == files);
        prop_assert!(outcome.outputs.iter().all(|o| o.written == 0 && o.removed == 0));
    }

    #[test]
    fn another_log_leaves_nothing_of_the_last(job in jobs::job(), a in jobs::log(60, false), b in jobs::log(60, false)) {
        let lab = one_file(&a, "csv");
        run(&lab, &job, PLAIN)?;
        write(&lab, "log.csv", &b);
        run(&lab, &job, PLAIN)?;
        let fresh = one_file(&b, "csv");
        run(&fresh, &job, PLAIN)?;
        prop_assert!(lab.data("out") == fresh.data("out"));
    }

    #[test]
    fn every_record_is_in_the_account(
        job in jobs::job(),
        log in jobs::log(120, false),
        bad in proptest::collection::btree_set(1..120usize, 0..20),
        machine in machine(),
    ) {
        // Not a bad value of a column: whether that is read, the job decides.
        let spoiled = ["x,,,,,,,,,", "1,2", "0,,,,,,,,,,", ",,,,,,,,,", "1,\"a\"b,,,,,,,,"];
        let text = String::from_utf8(log.csv_with(",", "\u{1e}\n", false)).unwrap();
        let mut lines: Vec<String> = vec![log.columns.iter().map(|c| c.0.as_str()).collect::<Vec<_>>().join(",")];
        for (i, record) in text.split_terminator("\u{1e}\n").enumerate() {
            if bad.contains(&i) {
                lines.push(spoiled[i % spoiled.len()].into());
            }
            lines.push(record.into());
        }
        let rejected = bad.iter().filter(|&&i| i < log.rows.len()).count() as u64;
        let lab = Lab::new();
        lab.write("log.csv", lines.join("\n"));
        let toml = job.toml("\"@/log.csv\"", "on_bad_record = \"reject\"\nrejects = \"@/rejects.jsonl\"");
        let outcome = lab.library(&toml, machine).map_err(|e| TestCaseError::fail(format!("{e}\n{toml}")))?;
        let expected = expected(&job, &log, "log.csv");
        if let Err(why) = differences(&lab, &job, &expected) {
            return Err(TestCaseError::fail(format!("{why}\n{toml}")));
        }
        let counted = expected.read - expected.filtered;
        let want = [expected.read + rejected, rejected, expected.filtered, 0, 0, counted];
        prop_assert_eq!(account(&serde_json::json!({ "account": outcome.account })), want);
        for manifest in lab.manifests("out") {
            prop_assert_eq!(account(&manifest), want);
            prop_assert_eq!(manifest["inputs"][0]["records"].as_u64(), Some(want[0]));
        }
        // Without a rejected record there is no file of them.
        prop_assert_eq!(lab.path("rejects.jsonl").exists(), rejected > 0);
        let lines = if rejected > 0 { lab.text("rejects.jsonl").lines().count() } else { 0 };
        prop_assert_eq!(lines as u64, rejected);
    }
}

/// In St. John's, one minute past midnight became 23:01 of the day before: time comes back to a partition.
#[test]
fn clocks_that_go_back_over_midnight_come_back_to_a_partition() {
    let lab = Lab::new();
    let rows: String = (0..180).map(|minute| format!("{}\n", 1_162_085_400 + minute * 60)).collect();
    lab.write("log.csv", format!("at\n{rows}"));
    let job = "timezone = \"America/St_Johns\"\n[source]\npath = \"@/log.csv\"\ntime = \"at\"\ntime_unit = \"s\"\n\
        [[output]]\npath = \"@/out/groups\"\nformat = \"csv\"\nwindow = { tumbling = \"1m\" }\n\
        select = { n = \"count(*)\" }\npartition_by = [\"date\", \"hour\"]\n\
        [[output]]\npath = \"@/out/rows\"\nformat = \"csv\"\npartition_by = [\"date\"]\n";
    lab.library(job, PLAIN).unwrap_or_else(|e| panic!("{e}"));
    let lines: Vec<usize> =
        lab.data("out").values().map(|bytes| bytes.iter().filter(|&&b| b == b'\n').count() - 1).collect();
    assert_eq!(lines.iter().sum::<usize>(), 2 * 180, "{lines:?}");
}
