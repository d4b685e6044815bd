//! A backfill does no more than it must: a plan changes nothing and names what would be touched; what is not
//! touched is neither read nor written.

use crate::backfill_cases::{Left, Split, Steps, left, request, same, split, steps, take};
use crate::backfill_laws::{as_a_run_over_all, backfill, before, failed, run};
use crate::laws::{cases, machine};
use crate::support::Lab;
use highwater::engine::{BackfillOutcome, Corrected, HistoryRead, Method, Request};
use highwater::job::OutputTo;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use std::collections::BTreeSet;
use std::path::Path;

type Result<T> = std::result::Result<T, TestCaseError>;

/// The paths below `out` of the parts that an output names.
fn paths(lab: &Lab, output: &Corrected, parts: &[String]) -> BTreeSet<String> {
    let root = match &output.to {
        OutputTo::Folder(folder) => folder.as_path(),
        OutputTo::File(file) => file.parent().unwrap(),
        OutputTo::Terminal => panic!("the terminal has no parts"),
    };
    let below = root.strip_prefix(lab.path("out")).unwrap();
    parts.iter().map(|part| below.join(part).display().to_string()).collect()
}

/// Whether the file is of the output.
fn is_of(lab: &Lab, output: &Corrected, path: &str) -> bool {
    let path = lab.path("out").join(path);
    match &output.to {
        OutputTo::Folder(folder) => path.starts_with(folder),
        OutputTo::File(file) => path == Path::new(file),
        OutputTo::Terminal => false,
    }
}

/// Files that were there before and are others now, no manifests among them.
fn replaced(lab: &Lab, old: &Left) -> BTreeSet<String> {
    let new = lab.data("out");
    old.iter()
        .filter(|(path, bytes)| new.get(*path).is_some_and(|now| now != *bytes))
        .map(|(p, _)| p.clone())
        .collect()
}

/// What is named is what was replaced: all of it, and where values are merged nothing else.
fn names_what_is_replaced(lab: &Lab, split: &Split, outcome: &BackfillOutcome, old: &Left) -> Result<()> {
    let replaced = replaced(lab, old);
    for output in &outcome.outputs {
        let named = paths(lab, output, &output.parts);
        let replaced: BTreeSet<String> =
            replaced.iter().filter(|path| is_of(lab, output, path)).cloned().collect();
        let enough = match output.method {
            Method::Untouched => replaced.is_empty() && named.is_empty(),
            Method::Merged => replaced == named,
            Method::Recomputed => replaced.is_subset(&named),
            Method::AllAgain => outcome.all_again.is_some(),
        };
        prop_assert!(enough, "{:?}: {:?} named, {:?} replaced\n{:?}", output.method, named, replaced, split);
    }
    Ok(())
}

proptest! {
    #![proptest_config(cases(120))]

    #[test]
    fn a_plan_changes_nothing_and_names_what_will_be(
        split in split(90, steps(), false, 0..=2),
        retract in proptest::bool::weighted(0.2),
        machines in [machine(), machine(), machine()],
    ) {
        let lab = before(&split, machines[0])?;
        split.write(&lab, true);
        if retract {
            run(&lab, &split, &split.job_over_all(), machines[0])?;
        }
        let (old, written) = (lab.data("out"), lab.written("out"));
        let request = Request { retract, ..request(split.given()) };
        let plan = backfill(&lab, &split, Request { plan_only: true, ..request.clone() }, machines[1])?;
        prop_assert!(!plan.applied);
        prop_assert!(lab.written("out") == written, "a plan changed something\n{:?}", split);

        let done = backfill(&lab, &split, request, machines[2])?;
        prop_assert_eq!(&plan.all_again, &done.all_again);
        prop_assert_eq!(&plan.files, &done.files);
        for (plan, done) in plan.outputs.iter().zip(&done.outputs) {
            prop_assert_eq!(plan.method, done.method);
            if done.method != Method::AllAgain {
                prop_assert_eq!(&plan.parts, &done.parts);
                prop_assert_eq!(plan.read, done.read);
                prop_assert_eq!((plan.windows, plan.rows_touched), (done.windows, done.rows_touched));
            }
        }
        names_what_is_replaced(&lab, &split, &plan, &old)?;
        if !retract {
            as_a_run_over_all(&lab, &split, machines[0])?;
        }
    }

    /// Merging reads parts that it writes and no others: these are spoiled here, and the source is gone.
    #[test]
    fn what_a_merge_does_not_touch_it_does_not_read(
        split in merging(90),
        machines in [machine(), machine(), machine()],
    ) {
        let lab = Lab::new();
        split.case.write_tables(&lab);
        split.write(&lab, false);
        split.write(&lab, true);
        run(&lab, &split, &split.job_over_all(), machines[0])?;
        let want = take(&lab);
        split.remove(&lab, true);
        run(&lab, &split, &split.job(), machines[0])?;
        split.remove(&lab, false);
        split.write(&lab, true);

        let spoiled = untouched(&lab, &want);
        for path in &spoiled {
            spoil(&lab.path("out").join(path));
        }
        let stamps = lab.written("out");
        let outcome = backfill(&lab, &split, request(split.given()), machines[1])?;
        prop_assert_eq!(outcome.history, HistoryRead::default());
        let methods = outcome.outputs.iter().map(|output| output.method).collect::<Vec<_>>();
        prop_assert!(methods.iter().all(|m| [Method::Merged, Method::Untouched].contains(m)), "{:?}", methods);
        let (mut found, now) = (left(&lab), lab.written("out"));
        for path in &spoiled {
            prop_assert!(now[path] == stamps[path], "{} is touched\n{:?}", path, split);
            found.insert(path.clone(), want[path].clone());
        }
        same(&found, &want).map_err(|why| failed(why, &split))?;
        let read: u64 = outcome.outputs.iter().map(|output| output.read.bytes).sum();
        let touched: u64 = outcome.outputs.iter().map(|output| output.parts.len() as u64).sum();
        prop_assert!((read == 0) == (touched == 0));
    }
}

/// Jobs in which nothing needs history: archives, and groups whose stored values take new events.
fn merging(most: usize) -> impl Strategy<Value = Split> {
    use proptest::sample::select;
    split(most, select(vec![Steps::Plain, Steps::Orderless]), true, 0..=2)
        .prop_map(|mut split| {
            let x = split.x();
            split.case.job.outputs.retain(|output| {
                output.groups.as_ref().is_some_and(|groups| crate::backfill_cases::merges(groups, x))
            });
            split
        })
        .prop_filter("nothing to merge", |split| {
            !split.case.job.outputs.is_empty() || !split.archives.is_empty()
        })
}

/// Data files of now that are the same in `want`.
fn untouched(lab: &Lab, want: &Left) -> Vec<String> {
    let same = lab.data("out").into_iter().filter(|(path, bytes)| want.get(path) == Some(bytes));
    same.map(|(path, _)| path).collect()
}

/// Other bytes, as many, and the time at which they were written as before.
fn spoil(path: &Path) {
    let modified = path.metadata().unwrap().modified().unwrap();
    let bytes = std::fs::read(path).unwrap();
    std::fs::write(path, bytes.iter().map(|byte| !byte).collect::<Vec<_>>()).unwrap();
    std::fs::File::options().write(true).open(path).unwrap().set_modified(modified).unwrap();
}

/// Of the cases above many have parts to spoil, and parts that are touched.
#[test]
fn random_merges_have_parts_that_are_touched_and_parts_that_are_not() {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let strategy = merging(90);
    let [mut both, mut spoiled, mut touched] = [0; 3];
    for _ in 0..100 {
        let split = strategy.new_tree(&mut runner).unwrap().current();
        // Archives are left out, so that this holds before there are any.
        if split.case.job.outputs.is_empty() {
            continue;
        }
        let split = Split { archives: vec![], ..split };
        let lab = Lab::new();
        split.case.write_tables(&lab);
        split.write(&lab, false);
        split.write(&lab, true);
        run(&lab, &split, &split.job_over_all(), crate::support::PLAIN).unwrap();
        let want = take(&lab);
        split.remove(&lab, true);
        run(&lab, &split, &split.job(), crate::support::PLAIN).unwrap();
        let (all, same) = (lab.data("out").len(), untouched(&lab, &want).len());
        both += usize::from(all > same && same > 0);
        spoiled += same;
        touched += all - same;
    }
    assert!(both > 15 && spoiled > 150 && touched > 60, "{both} cases, {spoiled} parts, {touched} touched");
}
