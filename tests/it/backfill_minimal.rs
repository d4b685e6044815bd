//! A backfill does no more than it must: a plan changes nothing and names what would be touched; what is not
//! touched is neither read nor written.

use crate::backfill_cases::{Left, Split, Steps, left, request, same, split, steps, take};
use crate::backfill_laws::{as_a_run_over_all, backfill, before, failed, run};
use crate::enrich_jobs::time;
use crate::jobs::Output;
use crate::laws::{cases, machine};
use crate::results::{Row, read};
use crate::support::Lab;
use highwater::backfill::{BackfillOutcome, BackfillRequest, Corrected, HistoryRead, Method};
use highwater::plan::OutputTo;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

type Result<T> = std::result::Result<T, TestCaseError>;

/// The paths below `out` of the parts that an output names.
fn paths(lab: &Lab, output: &Corrected, parts: &[String]) -> BTreeSet<String> {
    let root = match &output.to {
        OutputTo::Folder(folder) => folder.as_path(),
        OutputTo::File(file) => file.parent().unwrap(),
        OutputTo::Table(..) | OutputTo::Terminal => panic!("the terminal has no parts"),
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
        OutputTo::Table(..) | OutputTo::Terminal => false,
    }
}

/// Files that were there before and are others now, no manifests among them.
fn replaced(lab: &Lab, old: &Left) -> BTreeSet<String> {
    let new = lab.data("out");
    old.iter()
        .filter(|(path, _)| !path.contains("_highwater"))
        .filter(|(path, bytes)| new.get(*path).is_some_and(|now| now != *bytes))
        .map(|(p, _)| p.clone())
        .collect()
}

/// The times that a part holds by its manifest, microseconds: windows from the first start to the last end, or
/// events from the first to the last. None where there is none.
type Spans = BTreeMap<String, Option<(i64, i64)>>;

/// Those of all parts below `out`, of states too.
fn spans(lab: &Lab) -> Spans {
    let mut spans = Spans::new();
    let files = lab.files("out");
    for (path, bytes) in files.iter().filter(|(path, _)| path.ends_with("manifest.json")) {
        let root = &path[..path.find("_highwater").unwrap()];
        let manifest: serde_json::Value = serde_json::from_slice(bytes).unwrap();
        for part in manifest["parts"].as_array().unwrap() {
            let time = |name: &str| part[name].as_str().map(micros);
            spans
                .insert(format!("{root}{}", part["path"].as_str().unwrap()), time("first").zip(time("last")));
        }
        let folder = path.strip_suffix("manifest.json").unwrap();
        for part in manifest["state"].as_array().into_iter().flatten() {
            let time = |name: &str| part[name].as_str().map(micros);
            let path = format!("{folder}{}", part["path"].as_str().unwrap());
            spans.insert(path, time("first").zip(time("last")));
        }
    }
    spans
}

fn micros(text: &str) -> i64 {
    chrono::DateTime::parse_from_rfc3339(text.trim_matches('"')).unwrap().timestamp_micros()
}

/// The windows of an output in which rows differ, or, where it keeps its state, groups; or, of an archive, the
/// instants of the events that come later; none where its windows are global.
fn touched(split: &Split, output: usize, old: &Left, new: &Left) -> Option<BTreeSet<(i64, i64)>> {
    let Some(of) = split.case.job.outputs.get(output) else {
        let rows = split.side(true).flat_map(|file| &file.log.rows);
        return Some(rows.map(|row| (time(row), time(row) + 1)).collect());
    };
    let rows = |files: &Left| -> BTreeSet<(String, Row)> {
        let own = files
            .iter()
            .filter(|(path, _)| number(split, path) == Some(output) && is_state(path) == of.state);
        let format = if of.state { "parquet" } else { of.format };
        own.flat_map(|(path, bytes)| {
            read(format, bytes, split.case.job.zone).into_iter().map(|row| (path.clone(), row))
        })
        .collect()
    };
    let window = |(_, row): &(String, Row)| -> Option<(i64, i64)> {
        let cell = |name: &str| row.iter().find(|(n, _)| n == name).map(|(_, text)| micros(text));
        cell("window_start").zip(cell("window_end"))
    };
    rows(old).symmetric_difference(&rows(new)).map(window).collect()
}

/// Whether a file has groups of an output's state.
fn is_state(path: &str) -> bool {
    path.ends_with("/groups.state")
}

/// The number of the output that a part or a file of its state is of; none of manifests.
fn number(split: &Split, path: &str) -> Option<usize> {
    if path.contains("_highwater") && !is_state(path) {
        return None;
    }
    let (path, first) = match path.trim_start_matches("_highwater/").strip_prefix("archive") {
        Some(path) => (path, split.case.job.outputs.len()),
        None => (path.trim_start_matches("_highwater/"), 0),
    };
    let digits: String = path.chars().take_while(char::is_ascii_digit).collect();
    Some(first + digits.parse::<usize>().unwrap())
}

/// Whether a part with these times may hold something of the windows.
fn concerned(span: Option<(i64, i64)>, touched: &Option<BTreeSet<(i64, i64)>>) -> bool {
    let (Some((first, last)), Some(windows)) = (span, touched) else { return true };
    // The last event of an archive is in it.
    windows.iter().any(|(start, end)| *start <= last && first < *end)
}

/// What is named is what was replaced: all of it, and where values are merged nothing else but parts of the
/// same times.
fn names_what_is_replaced(
    lab: &Lab,
    split: &Split,
    outcome: &BackfillOutcome,
    (old, spans): (&Left, &Spans),
) -> Result<()> {
    let (replaced, new) = (replaced(lab, old), left(lab));
    for (i, output) in outcome.outputs.iter().enumerate() {
        let named = paths(lab, output, &output.parts);
        let replaced: BTreeSet<String> =
            replaced.iter().filter(|path| is_of(lab, output, path)).cloned().collect();
        let enough = match output.method {
            Method::Untouched => replaced.is_empty() && named.is_empty(),
            Method::Merged => {
                let touched = touched(split, i, old, &new);
                // A new group may be in the state alone, in a part of it that has other times than that of the rows.
                let of_state = split.case.job.outputs.get(i).is_some_and(|output| output.state);
                replaced.is_subset(&named)
                    && named
                        .difference(&replaced)
                        .filter(|_| !of_state)
                        .all(|path| spans.get(path).is_none_or(|span| concerned(*span, &touched)))
            }
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
        let (old, times, written) = (left(&lab), spans(&lab), lab.written("out"));
        let request = BackfillRequest { retract, ..request(split.given()) };
        let plan = backfill(&lab, &split, BackfillRequest { plan_only: true, ..request.clone() }, machines[1])?;
        prop_assert!(!plan.applied);
        prop_assert!(lab.written("out") == written, "a plan changed something\n{:?}", split);

        let done = backfill(&lab, &split, request, machines[2])?;
        prop_assert_eq!(&plan.all_again, &done.all_again);
        prop_assert_eq!(&plan.files, &done.files);
        for (i, (plan, done)) in plan.outputs.iter().zip(&done.outputs).enumerate() {
            prop_assert_eq!(plan.method, done.method);
            if done.method == Method::AllAgain {
                continue;
            }
            // Parts of which nothing is left are not written. What `having` and `top` leave of groups shows only when
            // they are computed, and so do partitions that were not there.
            let of_state = split.case.job.outputs.get(i).is_some_and(|output| output.state);
            let known = done.method == Method::Merged && !of_state;
            let was_there = |part: &&String| times.contains_key(&paths(&lab, done, &[part.to_string()]).pop_first().unwrap());
            let planned = |part: &String| plan.parts.contains(part);
            prop_assert!(
                match known {
                    true => plan.parts == done.parts || retract && done.parts.iter().all(planned),
                    false => done.parts.iter().filter(was_there).all(planned),
                },
                "output {}: {:?} and {:?}\n{:?}", i, plan.parts, done.parts, split
            );
            prop_assert_eq!(plan.windows, done.windows);
            // Which events of the given ones a filter takes shows only when they are read.
            if split.case.job.outputs.get(i).is_none_or(|output| output.groups.is_some()) {
                prop_assert!(
                    plan.rows_touched == done.rows_touched,
                    "output {}, {:?}: {} and {} rows touched\n{:?}",
                    i, done.method, plan.rows_touched, done.rows_touched, split
                );
            }
        }
        names_what_is_replaced(&lab, &split, &plan, (&old, &times))?;
        if !retract {
            as_a_run_over_all(&lab, &split, machines[0])?;
        }
    }

    /// Merging reads no part whose times are not touched: these are spoiled here, and the source is gone.
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

        let spoiled = spoilable(&lab, &split, &want);
        for path in &spoiled {
            spoil(&lab.path("out").join(path));
        }
        touch_manifests(&lab);
        let (old, stamps) = (left(&lab), lab.written("out"));
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
        // A part without a row may have no byte to read.
        let held = |output| paths(&lab, output, &output.parts).iter().any(|p| old.get(p).is_some_and(|b| !b.is_empty()));
        prop_assert!(read > 0 || !outcome.outputs.iter().any(held), "nothing is read\n{:?}", split);
    }
}

/// Jobs in which nothing needs history: archives, and groups whose stored values take new events.
fn merging(most: usize) -> impl Strategy<Value = Split> {
    use proptest::sample::select;
    let simple = any::<bool>();
    let split = simple.prop_flat_map(move |simple| {
        split(most, select(vec![Steps::Plain, Steps::Orderless]), simple, 0..=2)
    });
    split
        .prop_map(|mut split| {
            let x = split.x();
            let merges = |output: &Output| output.state || crate::backfill_cases::merges(output, x);
            split.case.job.outputs.retain(merges);
            split
        })
        .prop_filter("nothing to merge", |split| {
            !split.case.job.outputs.is_empty() || !split.archives.is_empty()
        })
}

/// Data files that are the same in `want`, and by their times have nothing of the windows touched.
fn spoilable(lab: &Lab, split: &Split, want: &Left) -> Vec<String> {
    let (old, spans) = (left(lab), spans(lab));
    let archives = split.archives.len();
    let outputs = 0..split.case.job.outputs.len() + archives;
    let touched: Vec<_> = outputs.map(|i| touched(split, i, &old, want)).collect();
    let same = old.iter().filter(|(path, bytes)| want.get(*path) == Some(bytes));
    let far = same.filter(|(path, _)| {
        number(split, path).is_some_and(|number| !concerned(spans[*path], &touched[number]))
    });
    far.map(|(path, _)| path.clone()).collect()
}

/// Other bytes, as many, and the time at which they were written as before.
fn spoil(path: &Path) {
    let modified = path.metadata().unwrap().modified().unwrap();
    let bytes = std::fs::read(path).unwrap();
    std::fs::write(path, bytes.iter().map(|byte| !byte).collect::<Vec<_>>()).unwrap();
    std::fs::File::options().write(true).open(path).unwrap().set_modified(modified).unwrap();
}

/// Writes every manifest again as it is: parts that nothing has touched since then are kept without reading them, so
/// whoever reads a spoiled one all the same is found out.
fn touch_manifests(lab: &Lab) {
    // The clock of a file system may tick no oftener than every 10 ms.
    std::thread::sleep(std::time::Duration::from_millis(20));
    for (path, bytes) in lab.files("out").iter().filter(|(path, _)| path.ends_with("manifest.json")) {
        std::fs::write(lab.path("out").join(path), bytes).unwrap();
    }
}

/// Of the cases above many have parts to spoil, and parts that are touched.
#[test]
fn random_merges_have_parts_that_are_touched_and_parts_that_are_not() {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let strategy = merging(90);
    let [mut both, mut spoiled, mut touched, mut kept] = [0; 4];
    for _ in 0..100 {
        let split = strategy.new_tree(&mut runner).unwrap().current();
        let lab = Lab::new();
        split.case.write_tables(&lab);
        split.write(&lab, false);
        split.write(&lab, true);
        run(&lab, &split, &split.job_over_all(), crate::support::PLAIN).unwrap();
        let want = take(&lab);
        split.remove(&lab, true);
        run(&lab, &split, &split.job(), crate::support::PLAIN).unwrap();
        let parts = |path: &&String| number(&split, path).is_some();
        let (all, same) = (left(&lab).keys().filter(parts).count(), spoilable(&lab, &split, &want).len());
        kept += usize::from(split.case.job.outputs.iter().any(|output| output.state));
        both += usize::from(all > same && same > 0);
        spoiled += same;
        touched += all - same;
    }
    assert!(both > 15 && spoiled > 150 && touched > 60, "{both} cases, {spoiled} parts, {touched} touched");
    assert!(kept > 30, "{kept} cases with state");
}
