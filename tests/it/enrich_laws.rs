//! The laws of steps that depend on order, over random jobs, logs and tables; `enrich_oracle` says what they
//! must give in `complete` mode, and `connected_laws` in `streamed` mode.

use crate::enrich_jobs::Case;
use crate::enrich_oracle::{Met, expected};
use crate::enrich_random;
use crate::laws::{cases, machine};
use crate::log::{Cell, Log};
use crate::stream_laws::{check, cut, published, write_files};
use crate::support::{Lab, Machine, PLAIN, account};
use highwater::deliver::Outcome;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::strategy::ValueTree;

type Result<T> = std::result::Result<T, TestCaseError>;

/// A lab with the log, cut into files, and the tables of a case.
fn lab(case: &Case, cuts: &[usize], format: &str) -> Lab {
    let lab = Lab::new();
    write_files(&lab, &case.log, &cut(&case.log, cuts, format));
    case.write_tables(&lab);
    lab
}

fn run(lab: &Lab, case: &Case, machine: Machine) -> Result<Outcome> {
    lab.library(&case.toml(""), machine).map_err(|e| TestCaseError::fail(e.to_string()))
}

/// A run of the case gives what the oracle says.
fn agrees(case: &Case, cuts: &[usize], machine: Machine, format: &str) -> Result<()> {
    let files = cut(&case.log, cuts, format);
    let (expected, _) = expected(case, &files);
    let lab = lab(case, cuts, format);
    let outcome = run(&lab, case, machine)?;
    check(&lab, &case.job, &expected, &outcome)
}

/// Random cases meet what they are made for; without this, the laws below could say nothing.
#[test]
fn random_cases_have_ties_duplicates_and_matches_of_every_kind() {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let strategy = enrich_random::complete(60);
    let mut all = Met::default().counts();
    for _ in 0..400 {
        let case = strategy.new_tree(&mut runner).unwrap().current();
        let (_, met) = expected(&case, &[("log.csv".into(), case.log.rows.len())]);
        met.counts().into_iter().for_each(|(what, count)| *all.get_mut(&what).unwrap() += count);
    }
    assert!(all.values().all(|count| *count > 20), "{all:#?}");
}

proptest! {
    #![proptest_config(cases(500))]

    #[test]
    fn steps_give_what_the_oracle_says(
        case in enrich_random::complete(60),
        cuts in proptest::collection::vec(0..60usize, 0..3),
        machine in machine(),
        format in select(vec!["csv", "jsonl", "parquet"]),
    ) {
        agrees(&case, &cuts, machine, format)?;
    }
}

proptest! {
    #![proptest_config(cases(60))]

    #[test]
    fn steps_over_longer_logs_give_what_the_oracle_says(
        case in enrich_random::complete(500),
        cuts in proptest::collection::vec(0..400usize, 0..5),
        machine in machine(),
        format in select(vec!["csv", "jsonl", "parquet"]),
    ) {
        agrees(&case, &cuts, machine, format)?;
    }
}

proptest! {
    #![proptest_config(cases(120))]

    /// Steps see replay order, not arrival order. What is late depends on arrival, so nothing is streamed here.
    #[test]
    fn the_order_of_arrival_of_log_and_tables_does_not_show(
        case in enrich_random::complete(120),
        seed in any::<u64>(),
        machine in machine(),
    ) {
        let first = lab(&case, &[], "csv");
        run(&first, &case, PLAIN)?;
        let other = case.shuffled(seed);
        let second = lab(&other, &[], "csv");
        run(&second, &other, machine)?;
        prop_assert!(second.data("out") == first.data("out"), "shuffled\n{:?}", other);
        let accounts = |lab: &Lab| lab.manifests("out").iter().map(account).collect::<Vec<_>>();
        prop_assert_eq!(accounts(&second), accounts(&first));
    }

    /// Threads, chunks and a memory in which nothing fits; and the second run of a folder changes nothing in it.
    #[test]
    fn threads_chunks_and_memory_do_not_show_in_steps(
        case in prop_oneof![enrich_random::complete(250), enrich_random::streamed(200)],
        cuts in proptest::collection::vec(0..200usize, 0..3),
        format in select(vec!["csv", "jsonl", "parquet"]),
        machine in machine(),
        threads in select(vec![1usize, 2, 4]),
        chunk_bytes in select(vec![1usize << 10, 1 << 16, 1 << 20]),
    ) {
        let lab = lab(&case, &cuts, format);
        run(&lab, &case, PLAIN)?;
        let (want, manifests, written) = (published(&lab), lab.manifests("out"), lab.written("out"));
        let outcome = run(&lab, &case, machine)?;
        prop_assert!(outcome.outputs.iter().all(|o| o.written == 0 && o.removed == 0), "{:?}", machine);
        prop_assert_eq!(lab.written("out"), written);
        let small = Machine { threads, chunk_bytes, memory: 64 << 10 };
        for machine in [machine, small] {
            std::fs::remove_dir_all(lab.path("out")).unwrap();
            run(&lab, &case, machine)?;
            prop_assert!(published(&lab) == want, "{:?}", machine);
            prop_assert_eq!(lab.manifests("out"), manifests.clone());
        }
    }

    /// Nor do files, neither those of the log nor those of tables.
    #[test]
    fn files_and_formats_do_not_show_in_steps(
        mut case in prop_oneof![enrich_random::complete(150), enrich_random::streamed(120)],
        cuts in proptest::collection::vec(0..120usize, 1..8),
        format in select(vec!["csv", "csv.gz", "jsonl", "parquet"]),
        machine in machine(),
    ) {
        // Files and lines are named in the late file.
        case.job.timing.late = "";
        if case.job.timing.partition == "file" {
            case.job.timing.partition = "p";
        }
        let whole = lab(&case, &[], "csv");
        run(&whole, &case, PLAIN)?;
        let other = case.split_otherwise();
        let split = lab(&other, &cuts, format);
        run(&split, &other, machine)?;
        prop_assert!(published(&split) == published(&whole), "cut at {:?}", cuts);
        let accounts = |lab: &Lab| lab.manifests("out").iter().map(account).collect::<Vec<_>>();
        prop_assert_eq!(accounts(&split), accounts(&whole));
    }

    /// A bad record is rejected before any step, and so has no duplicates and takes no flag.
    #[test]
    fn every_record_is_in_the_account_beside_duplicates(
        mut case in enrich_random::complete(120),
        bad in proptest::collection::btree_set(0..120usize, 1..20),
        machine in machine(),
    ) {
        let (expected, _) = expected(&case, &[("log.jsonl".into(), case.log.rows.len())]);
        let mut spoiled = Log { columns: case.log.columns.clone(), rows: vec![] };
        for (i, row) in case.log.rows.iter().enumerate() {
            if bad.contains(&i) {
                spoiled.rows.push(row.clone());
                spoiled.rows.last_mut().unwrap()[0] = Cell::Null;
            }
            spoiled.rows.push(row.clone());
        }
        let rejected = (spoiled.rows.len() - case.log.rows.len()) as u64;
        case.log = spoiled;
        let lab = lab(&case, &[], "jsonl");
        let toml = case.toml("on_bad_record = \"reject\"\nrejects = \"@/rejects.jsonl\"");
        let outcome = lab.library(&toml, machine).map_err(|e| TestCaseError::fail(e.to_string()))?;
        let mut want = expected.account();
        want[0] += rejected;
        want[1] += rejected;
        let found = account(&serde_json::json!({ "account": outcome.account }));
        prop_assert_eq!(found, want);
        prop_assert_eq!(found[0], found[1..].iter().sum::<u64>());
        prop_assert!(lab.manifests("out").iter().all(|manifest| account(manifest) == want));
        crate::results::differences(&lab, &case.job, &expected).map_err(TestCaseError::fail)?;
    }
}
