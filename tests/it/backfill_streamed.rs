//! Late events of streamed runs, given back as the late output: windows come out as `complete` gives them, and
//! what had these events before is left alone.

use crate::backfill_cases::{Archive, archive, request};
use crate::event_time_jobs::{self, Window};
use crate::jobs::{self, Job};
use crate::laws::{cases, machine};
use crate::log::{Cell, Log};
use crate::stream_laws::{cut, write_files};
use crate::support::{Lab, Machine, account};
use highwater::backfill::{BackfillRequest, GivenKind, Method};
use highwater::plan::Mode;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::strategy::ValueTree;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// A job with one streamed output, and others that count every event.
#[derive(Debug, Clone)]
struct Streamed {
    job: Job,
    archives: Vec<Archive>,
    log: Log,
    files: Vec<(String, usize)>,
}

fn streamed(most: usize) -> impl Strategy<Value = Streamed> {
    let log = event_time_jobs::streamed_tumbling(most);
    log.prop_flat_map(move |(job, log)| {
        let x = job.derive.map(|d| jobs::DERIVES[d].1);
        (
            Just((job, log)),
            vec(jobs::output(x), 0..=1),
            vec(archive(), 0..=1),
            vec(0..most, 0..3),
            select(vec!["csv", "jsonl", "parquet"]),
            select(vec!["jsonl", "parquet"]),
            any::<[bool; 2]>(),
        )
    })
    .prop_map(|((mut job, log), more, archives, cuts, format, late, [simple, kept])| {
        job.outputs.extend(more);
        job.timing.late = late;
        let x = job.derive.map(|d| jobs::DERIVES[d].1);
        for (i, groups) in job.outputs.iter_mut().map(|output| output.groups.as_mut()).enumerate() {
            let Some(groups) = groups else { continue };
            groups.firings = false;
            if i > 0 {
                groups.mode = if groups.window == Window::Global { "" } else { "complete" };
            } else if simple {
                crate::backfill_cases::simplify(groups, x);
            }
        }
        if kept {
            crate::backfill_cases::keep_state(&mut job.outputs[0]);
        }
        let files = cut(&log, &cuts, format);
        Streamed { job, archives, log, files }
    })
}

impl Streamed {
    fn toml(&self) -> String {
        let mut toml = self.job.toml("\"@/log*\"", "");
        for (i, archive) in self.archives.iter().enumerate() {
            toml.push_str(&archive.toml(&format!("archive{i}")));
        }
        toml
    }

    fn late(&self) -> String {
        format!("late.{}", self.job.timing.late)
    }
}

proptest! {
    #![proptest_config(cases(200))]

    #[test]
    fn late_events_given_back_leave_what_complete_gives(
        case in streamed(80),
        moved in any::<bool>(),
        machines in [machine(), machine(), machine()],
    ) {
        let failed = |why: String| TestCaseError::fail(format!("{why}\n{}\n{case:?}", case.toml()));
        let lab = Lab::new();
        write_files(&lab, &case.log, &case.files);
        let toml = case.toml();
        let outcome = lab.library(&toml, machines[0]).map_err(|e| failed(e.to_string()))?;
        let late = outcome.account.late;
        let streamed = case.job.outputs[0].path(0);
        let others = |lab: &Lab| {
            let mut written = lab.written("out");
            written.retain(|path, _| !path.starts_with(&streamed) && !path.contains("_highwater"));
            written
        };
        let (untouched, all) = (others(&lab), lab.written("out"));

        // By its own name, or as a copy.
        let file = case.late();
        let bytes = std::fs::read(lab.path(&file)).unwrap();
        let given = if moved { format!("moved.{}", case.job.timing.late) } else { file.clone() };
        std::fs::write(lab.path(&given), &bytes).unwrap();
        let request = request(vec![PathBuf::from(format!("@/{given}"))]);
        let plan = BackfillRequest { plan_only: true, ..request.clone() };
        let plan = lab.backfill(&toml, plan, machines[1]).map_err(|e| failed(e.to_string()))?;
        prop_assert!(lab.written("out") == all && !plan.applied);
        let outcome = lab.backfill(&toml, request.clone(), machines[1]).map_err(|e| failed(e.to_string()))?;
        prop_assert_eq!(outcome.applied, late > 0);
        if late > 0 {
            prop_assert_eq!(&outcome.files[0].kind, &GivenKind::Late);
            prop_assert_eq!(outcome.files[0].records, late);
        }
        prop_assert!(outcome.outputs[1..].iter().all(|output| output.method == Method::Untouched));
        prop_assert!(others(&lab) == untouched, "an output that is not streamed is touched\n{}", toml);
        prop_assert!(std::fs::read(lab.path(&file)).unwrap() == bytes, "the late output is changed");
        let of = |account: &_| crate::support::account(&serde_json::json!({ "account": account }));
        let told = of(&outcome.account);
        let state = match case.job.outputs[0].partition_by.is_empty() {
            true => format!("out/_highwater/{streamed}/manifest.json"),
            false => format!("out/{streamed}/_highwater/manifest.json"),
        };
        let manifest: serde_json::Value = serde_json::from_str(&lab.text(&state)).unwrap();
        prop_assert_eq!(account(&manifest), told);

        // Once more, as it is or as a copy: these events are known.
        let written = lab.written("out");
        let again = lab.backfill(&toml, request, machines[2]).map_err(|e| failed(e.to_string()))?;
        prop_assert!(!again.applied && lab.written("out") == written);

        let found = lab.data("out");
        std::fs::remove_dir_all(lab.path("out")).unwrap();
        let complete = lab.library_as(&toml, machines[2], Mode::Complete).map_err(|e| failed(e.to_string()))?;
        prop_assert_eq!(told, of(&complete.account));
        crate::backfill_cases::same(&found, &lab.data("out")).map_err(failed)?;
    }
}

/// Random cases have late events that change windows; without this, the law above could say nothing.
#[test]
fn random_streamed_jobs_have_windows_that_late_events_change() {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let strategy = streamed(80);
    let mut met = BTreeMap::new();
    for _ in 0..120 {
        let case = strategy.new_tree(&mut runner).unwrap().current();
        let mut met = |what: &'static str, yes: bool| *met.entry(what).or_insert(0) += i32::from(yes);
        met("archive", !case.archives.is_empty());
        let toml = case.toml();
        let lab = Lab::new();
        write_files(&lab, &case.log, &case.files);
        let outcome = lab.library(&toml, PLAIN).unwrap();
        let streamed = lab.data("out");
        std::fs::remove_dir_all(lab.path("out")).unwrap();
        let complete = lab.library_as(&toml, PLAIN, Mode::Complete).unwrap();
        prop_assert_eq_counts(&outcome.account, &complete.account);
        let complete = lab.data("out");
        let x = case.job.derive.map(|d| jobs::DERIVES[d].1);
        let merges = crate::backfill_cases::merges(&case.job.outputs[0], x);
        let changed = streamed.iter().filter(|(path, bytes)| complete.get(*path) != Some(bytes)).count();
        met("late events", outcome.account.late > 0);
        met("none", outcome.account.late == 0);
        met("merged", merges && changed > 0);
        met("not merged", !merges && changed > 0);
        met("new parts", complete.len() > streamed.len());
        met("parts that stay", changed > 0 && streamed.len() > changed);
        met("others", case.job.outputs.len() > 1);
        met("rejected", outcome.account.rejected > 0);
    }
    assert!(met.values().all(|count| *count > 8), "{met:#?}");
}

const PLAIN: Machine = crate::support::PLAIN;

/// Streamed or complete, the same records are read and rejected.
fn prop_assert_eq_counts(streamed: &highwater::sink::Account, complete: &highwater::sink::Account) {
    assert_eq!((streamed.read, streamed.rejected), (complete.read, complete.rejected));
    assert_eq!(complete.late, 0);
}

/// A late event of a log of `Cell`s: worked by hand, so that the numbers stand here.
#[test]
fn two_late_events_one_of_them_in_a_window_that_had_none() {
    let lab = Lab::new();
    let event = |minute: i64, key: &str| vec![Cell::Int(minute), Cell::Text(key.into())];
    let columns = [("at", crate::log::Kind::Int), ("k", crate::log::Kind::Text)];
    let log = [event(0, "a"), event(31, "a"), event(1, "b"), event(11, "a"), event(32, "b")];
    lab.write("log.csv", Log::new(&columns, log.to_vec()).csv());
    let job = "mode = \"streamed\"\n[source]\npath = \"@/log.csv\"\ntime = \"at\"\ntime_unit = \"s\"\n\
        [late]\npath = \"@/late.jsonl\"\n\
        [[output]]\npath = \"@/out/ten.csv\"\nwindow = { tumbling = \"10s\" }\nselect = { n = \"count(*)\", keys = \"count(distinct k)\" }\n\
        [[output]]\npath = \"@/out/events.csv\"\n";
    lab.library(job, PLAIN).unwrap_or_else(|e| panic!("{e}"));
    insta::assert_snapshot!(lab.text("out/ten.csv"), @r"
    window_start,window_end,n,keys
    1970-01-01T00:00:00Z,1970-01-01T00:00:10Z,1,1
    1970-01-01T00:00:30Z,1970-01-01T00:00:40Z,2,2
    ");
    let events = lab.text("out/events.csv");
    let outcome =
        lab.backfill(job, request(vec!["@/late.jsonl".into()]), PLAIN).unwrap_or_else(|e| panic!("{e}"));
    insta::assert_snapshot!(lab.text("out/ten.csv"), @r"
    window_start,window_end,n,keys
    1970-01-01T00:00:00Z,1970-01-01T00:00:10Z,2,2
    1970-01-01T00:00:10Z,1970-01-01T00:00:20Z,1,1
    1970-01-01T00:00:30Z,1970-01-01T00:00:40Z,2,2
    ");
    assert_eq!(lab.text("out/events.csv"), events);
    assert_eq!((outcome.account.read, outcome.account.late, outcome.account.counted), (5, 0, 5));
    assert_eq!((outcome.outputs[0].windows, outcome.outputs[0].rows_touched), (2, 2));
}

/// New files beside the late output are refused, and so is an output of every firing.
#[test]
fn what_cannot_be_backfilled_is_refused() {
    let lab = Lab::new();
    lab.write("log1.csv", "at,k\n0,a\n31,a\n1,b\n");
    let job = "mode = \"streamed\"\n[source]\npath = \"@/log*.csv\"\ntime = \"at\"\ntime_unit = \"s\"\n\
        [late]\npath = \"@/late.jsonl\"\n\
        [[output]]\npath = \"@/out/ten.csv\"\nwindow = { tumbling = \"10s\" }\nselect = { n = \"count(*)\" }\n";
    lab.library(job, PLAIN).unwrap_or_else(|e| panic!("{e}"));
    lab.write("log2.csv", "at,k\n2,c\n");
    let old = lab.written("out");
    let both = request(vec!["@/late.jsonl".into(), "@/log2.csv".into()]);
    let error = lab.backfill(job, both, PLAIN).unwrap_err();
    assert!(error.message().contains("late"), "{error}");

    let firings = job.replace("window =", "firings = true\nwindow =").replace("ten.csv", "firings.csv");
    lab.library(&firings, PLAIN).unwrap_or_else(|e| panic!("{e}"));
    lab.write("log3.csv", "at,k\n3,c\n");
    let error = lab.backfill(&firings, request(vec!["@/log3.csv".into()]), PLAIN).unwrap_err();
    assert!(error.message().contains("firing"), "{error}");
    let now = lab.written("out");
    assert!(
        old.iter().all(|(path, stamp)| now.get(path) == Some(stamp)),
        "a refused backfill wrote something"
    );
}

/// A file that is new to a streamed job counts however late it is.
#[test]
fn a_new_file_counts_in_streamed_outputs_however_late_it_is() {
    let lab = Lab::new();
    lab.write("log1.csv", "at,k\n0,a\n31,a\n11,b\n32,b\n");
    let job = "mode = \"streamed\"\n[source]\npath = \"@/log*.csv\"\ntime = \"at\"\ntime_unit = \"s\"\n\
        [[output]]\npath = \"@/out/ten.csv\"\nwindow = { tumbling = \"10s\" }\nselect = { n = \"count(*)\" }\n";
    lab.library(job, PLAIN).unwrap_or_else(|e| panic!("{e}"));
    lab.write("log2.csv", "at,k\n1,c\n2,c\n");
    lab.backfill(job, request(vec!["@/log2.csv".into()]), PLAIN).unwrap_or_else(|e| panic!("{e}"));
    // The window from 10 still lacks b, which came late and is in no late output.
    insta::assert_snapshot!(lab.text("out/ten.csv"), @r"
    window_start,window_end,n
    1970-01-01T00:00:00Z,1970-01-01T00:00:10Z,3
    1970-01-01T00:00:30Z,1970-01-01T00:00:40Z,2
    ");
}
