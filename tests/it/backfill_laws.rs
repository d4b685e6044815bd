//! The law split: `backfill(run(A), B)` leaves the bytes of `run(A ∪ B)`, over random jobs and logs; and that it
//! does so from an archive alone, in several goes, by `run` again, and backwards.
//!
//! Both are done in one lab, one after the other, as outputs name the files that they were made of.

use crate::backfill_cases::{Left, Split, Steps, left, merges, request, same, split, steps, take};
use crate::enrich_oracle;
use crate::event_time_jobs::Window;
use crate::laws::{cases, machine};
use crate::oracle::{Rows, Value};
use crate::support::{Lab, Machine, account};
use highwater::backfill::{BackfillOutcome, BackfillRequest, GivenKind};
use proptest::prelude::*;
use proptest::sample::select;
use proptest::strategy::ValueTree;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

type Result<T> = std::result::Result<T, TestCaseError>;

/// `why`, and the case.
pub fn failed(why: impl std::fmt::Display, split: &Split) -> TestCaseError {
    TestCaseError::fail(format!("{why}\n{split:?}"))
}

pub fn run(lab: &Lab, split: &Split, job: &str, machine: Machine) -> Result<()> {
    lab.library(job, machine).map(|_| ()).map_err(|e| failed(format!("run: {e}"), split))
}

pub fn backfill(
    lab: &Lab,
    split: &Split,
    request: BackfillRequest,
    machine: Machine,
) -> Result<BackfillOutcome> {
    lab.backfill(&split.job(), request, machine).map_err(|e| failed(format!("backfill: {e}"), split))
}

/// A lab in which the job was run without the files that come later.
pub fn before(split: &Split, machine: Machine) -> Result<Lab> {
    let lab = Lab::new();
    split.case.write_tables(&lab);
    split.write(&lab, false);
    run(&lab, split, &split.job(), machine)?;
    Ok(lab)
}

/// Moves `out` away, runs the job over all of the files, and compares.
pub fn as_a_run_over_all(lab: &Lab, split: &Split, machine: Machine) -> Result<()> {
    let found = take(lab);
    split.write(lab, false);
    split.write(lab, true);
    run(lab, split, &split.job_over_all(), machine)?;
    same(&found, &left(lab)).map_err(|why| failed(why, split))
}

/// The same request again changes nothing.
fn again_changes_nothing(lab: &Lab, split: &Split, request: BackfillRequest, machine: Machine) -> Result<()> {
    let written = lab.written("out");
    let outcome = backfill(lab, split, request, machine)?;
    prop_assert!(!outcome.applied);
    prop_assert!(lab.written("out") == written, "the second time something is written\n{:?}", split);
    Ok(())
}

/// The account told is that of the manifests.
fn accounts(lab: &Lab, outcome: &BackfillOutcome) -> Result<()> {
    let told = account(&serde_json::json!({ "account": outcome.account }));
    prop_assert!(lab.manifests("out").iter().all(|manifest| account(manifest) == told), "{:?}", told);
    Ok(())
}

/// How files are given.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Goes {
    Once,
    /// One after the other, from the last.
    Each,
    /// As [`Goes::Each`], but all lie there from the first on.
    EachOfAll,
    /// All at once, each of them twice.
    Doubled,
    /// Those of the source's folder unnamed.
    Unnamed,
}

fn goes() -> impl Strategy<Value = Goes> {
    select(vec![Goes::Once, Goes::Once, Goes::Each, Goes::EachOfAll, Goes::Doubled, Goes::Unnamed])
}

fn give(lab: &Lab, split: &Split, goes: Goes, machine: Machine) -> Result<BackfillOutcome> {
    let given = split.given();
    match goes {
        Goes::Each | Goes::EachOfAll => {
            let mut last = None;
            for (file, path) in split.side(true).zip(given).collect::<Vec<_>>().into_iter().rev() {
                match goes {
                    Goes::EachOfAll => split.write(lab, true),
                    _ => crate::laws::write(lab, &file.name, &file.log),
                }
                let outcome = backfill(lab, split, request(vec![path]), machine)?;
                prop_assert!(outcome.applied);
                accounts(lab, &outcome)?;
                last = Some(outcome);
            }
            Ok(last.unwrap())
        }
        _ => {
            split.write(lab, true);
            let inside = |path: &PathBuf| path.parent() == Some("@".as_ref());
            let files = match goes {
                Goes::Doubled => given.iter().chain(&given).cloned().collect(),
                Goes::Unnamed if given.iter().all(inside) => vec![],
                _ => given,
            };
            backfill(lab, split, request(files), machine)
        }
    }
}

proptest! {
    #![proptest_config(cases(300))]

    #[test]
    fn a_backfill_leaves_what_a_run_over_everything_leaves(
        split in split(90, steps(), false, 0..=2),
        goes in goes(),
        machines in [machine(), machine(), machine()],
    ) {
        let lab = before(&split, machines[0])?;
        let old = left(&lab);
        let stamps = lab.written("out");
        let outcome = give(&lab, &split, goes, machines[1])?;
        prop_assert!(outcome.applied);
        accounts(&lab, &outcome)?;

        // Files are not replaced by their like, and nothing is left of the work.
        let (new, now) = (left(&lab), lab.written("out"));
        // What is done in several goes may be undone by a later one.
        let once = !matches!(goes, Goes::Each | Goes::EachOfAll);
        for (path, bytes) in new.iter().filter(|_| once) {
            let replaced = old.get(path) == Some(bytes) && now[path] != stamps[path];
            prop_assert!(!replaced, "{} is written again as it was\n{:?}", path, split);
        }
        if goes == Goes::Once {
            let kinds = outcome.files.iter().map(|file| (file.kind.clone(), file.records));
            let records = |file: &crate::backfill_cases::LogFile| file.log.rows.len() as u64;
            let want = split.side(true).map(|file| (GivenKind::New, records(file)));
            prop_assert_eq!(kinds.collect::<Vec<_>>(), want.collect::<Vec<_>>());
            told(&split, &outcome, &old, &new)?;
        }
        again_changes_nothing(&lab, &split, request(split.given()), machines[2])?;
        as_a_run_over_all(&lab, &split, machines[2])?;
    }
}

/// A row without its values: where it is, window and keys, as they stand in the file; and its values by name.
type Named = BTreeMap<Vec<(String, String)>, Vec<(String, String)>>;

fn named(split: &Split, i: usize, files: &Left) -> Named {
    let output = &split.case.job.outputs[i];
    let groups = output.groups.as_ref().unwrap();
    let is_key = |name: &str| name.starts_with("window_") || groups.by.contains(&name);
    let mut rows = Named::new();
    for (path, bytes) in files {
        if !path.starts_with(&output.path(i)) || path.contains("_highwater") {
            continue;
        }
        for row in crate::results::read(output.format, bytes, split.case.job.zone) {
            let (mut keys, values): (Vec<_>, Vec<_>) = row.into_iter().partition(|(name, _)| is_key(name));
            keys.push(("in".into(), path.rsplit_once('/').map_or("", |(folder, _)| folder).into()));
            rows.insert(keys, values);
        }
    }
    rows
}

/// What is told of groups is what changed: rows that are new, rows that are gone, values of others.
fn told(split: &Split, outcome: &BackfillOutcome, old: &Left, new: &Left) -> Result<()> {
    use highwater::backfill::RowChange::{Added, Changed, Removed};
    for (i, told) in outcome.outputs.iter().enumerate().take(split.case.job.outputs.len()) {
        let output = &split.case.job.outputs[i];
        // In CSV, NULL and the empty text read alike.
        let Some(groups) = output.groups.as_ref().filter(|_| output.format != "csv") else { continue };
        let (before, after) = (named(split, i, old), named(split, i, new));
        prop_assert_eq!(told.rows, after.len() as u64);
        prop_assert_eq!(told.changed, told.changes.len() as u64);
        let rows = |kind| {
            let changes = told.changes.iter().filter(|change| change.row == kind);
            changes.map(|change| (change.window, change.keys.clone())).collect::<BTreeSet<_>>().len()
        };
        let added = after.keys().filter(|keys| !before.contains_key(*keys)).count();
        let removed = before.keys().filter(|keys| !after.contains_key(*keys)).count();
        let mut columns = BTreeMap::new();
        let mut changed = 0;
        for (keys, values) in &after {
            let Some(old) = before.get(keys).filter(|old| *old != values) else { continue };
            changed += 1;
            for ((name, value), (_, was)) in values.iter().zip(old) {
                if value != was {
                    *columns.entry(name.clone()).or_insert(0) += 1;
                }
            }
        }
        let found = (rows(Added), rows(Removed), rows(Changed));
        prop_assert!(found == (added, removed, changed), "{:?} of output {}\n{:?}", found, i, split);
        let mut found = BTreeMap::new();
        for change in told.changes.iter().filter(|change| change.row == Changed) {
            prop_assert!(change.before != change.after);
            *found.entry(change.column.clone()).or_insert(0) += 1;
        }
        prop_assert!(found == columns, "{:?} and not {:?} of output {}\n{:?}", found, columns, i, split);
        let global = groups.window == Window::Global;
        prop_assert!(told.changes.iter().all(|change| change.window.is_none() == global));
    }
    Ok(())
}

proptest! {
    #![proptest_config(cases(100))]

    /// Where the source's files are gone, an archive of the job is the history.
    #[test]
    fn an_archive_stands_for_the_files_that_it_was_made_of(
        split in split(90, orderless(), false, 1..=2),
        goes in goes(),
        machines in [machine(), machine(), machine()],
    ) {
        let lab = before(&split, machines[0])?;
        split.remove(&lab, false);
        give(&lab, &split, goes, machines[1])?;
        again_changes_nothing(&lab, &split, request(split.given()), machines[2])?;
        as_a_run_over_all(&lab, &split, machines[2])?;
    }

    /// So does one that another job made.
    #[test]
    fn an_archive_of_another_job_stands_for_the_files_that_it_was_made_of(
        split in split(90, orderless(), false, 0..=0),
        archive in crate::backfill_cases::archive(),
        machines in [machine(), machine(), machine()],
    ) {
        let lab = before(&split, machines[0])?;
        let job = split.job();
        let source = &job[..job.find("[[").unwrap()];
        let toml = format!("{source}{}", archive.toml("archive")).replace("@/out/", "@/");
        run(&lab, &split, &toml, machines[1])?;
        split.remove(&lab, false);
        split.write(&lab, true);
        let name = if archive.partition_by.is_empty() { format!("archive.{}", archive.format) } else { "archive".into() };
        let from_archive = Some(PathBuf::from(format!("@/{name}")));
        let archived = lab.written(&name);
        backfill(&lab, &split, BackfillRequest { from_archive, ..request(split.given()) }, machines[1])?;
        prop_assert!(lab.written(&name) == archived, "an archive that is read is not written");
        as_a_run_over_all(&lab, &split, machines[2])?;
    }

    /// `run` again of a job with an archive reads only what it has not seen, and leaves the same.
    #[test]
    fn a_run_again_of_a_job_with_an_archive_leaves_what_a_run_over_everything_leaves(
        split in split(90, steps(), false, 1..=2),
        machines in [machine(), machine(), machine()],
    ) {
        let lab = before(&split, machines[0])?;
        split.write(&lab, true);
        run(&lab, &split, &split.job_over_all(), machines[1])?;
        let written = lab.written("out");
        run(&lab, &split, &split.job_over_all(), machines[1])?;
        prop_assert!(lab.written("out") == written);
        as_a_run_over_all(&lab, &split, machines[2])?;
    }

    /// Backwards: what files gave is taken out again, whether they are still there or not.
    #[test]
    fn a_retraction_leaves_what_a_run_without_the_files_leaves(
        split in split(90, steps(), false, 0..=2),
        gone in any::<bool>(),
        each in any::<bool>(),
        machines in [machine(), machine(), machine()],
    ) {
        let lab = before(&split, machines[0])?;
        let want = take(&lab);
        split.write(&lab, true);
        run(&lab, &split, &split.job_over_all(), machines[0])?;
        // Where there is no archive, they are needed to know what they gave.
        if gone && !split.archives.is_empty() {
            split.remove(&lab, true);
        }
        let given = split.given();
        let requests = if each { given.chunks(1).map(<[_]>::to_vec).collect() } else { vec![given] };
        for files in requests {
            let request = BackfillRequest { retract: true, ..request(files) };
            let outcome = backfill(&lab, &split, request, machines[1])?;
            prop_assert!(outcome.applied && outcome.files.iter().all(|file| file.kind == GivenKind::Retracted));
            accounts(&lab, &outcome)?;
        }
        same(&left(&lab), &want).map_err(|why| failed(why, &split))?;
    }

    /// A file of a table that comes later changes matches anywhere.
    #[test]
    fn a_file_of_a_table_may_come_later(
        split in split(60, Just(Steps::Any), false, 0..=1)
            .prop_filter("no table of several files", |split| table_file(split).is_some()),
        with_log in any::<bool>(),
        machines in [machine(), machine(), machine()],
    ) {
        let (name, number) = table_file(&split).unwrap();
        let lab = Lab::new();
        split.case.write_tables(&lab);
        let file = std::fs::read(lab.path(&name)).unwrap();
        std::fs::remove_file(lab.path(&name)).unwrap();
        split.write(&lab, false);
        run(&lab, &split, &split.job(), machines[0])?;
        std::fs::write(lab.path(&name), file).unwrap();
        let mut files = vec![PathBuf::from(format!("@/{name}"))];
        if with_log {
            split.write(&lab, true);
            files.extend(split.given());
        }
        let outcome = backfill(&lab, &split, request(files), machines[1])?;
        prop_assert!(outcome.all_again.is_some());
        let table = GivenKind::Table(split.case.tables[number].name.clone());
        prop_assert_eq!(outcome.files.iter().filter(|file| file.kind == table).count(), 1);
        let found = take(&lab);
        run(&lab, &split, &if with_log { split.job_over_all() } else { split.job() }, machines[2])?;
        same(&found, &left(&lab)).map_err(|why| failed(why, &split))?;
    }
}

fn orderless() -> impl Strategy<Value = Steps> {
    select(vec![Steps::Plain, Steps::Plain, Steps::Orderless])
}

/// The last file of a table that is asked and has several, and the table's number.
fn table_file(split: &Split) -> Option<(String, usize)> {
    split.case.used().find_map(|(i, table)| {
        let mut cuts: Vec<usize> = table.cuts.iter().map(|cut| *cut.min(&table.log.rows.len())).collect();
        cuts.extend([0, table.log.rows.len()]);
        cuts.sort_unstable();
        cuts.dedup();
        let several = cuts.len() > 2 && table.name.starts_with('t');
        several.then(|| (format!("{}-{}.{}", table.name, cuts.len() - 2, table.format), i))
    })
}

/// How often random cases met what they are made for.
#[derive(Debug, Default, serde::Serialize)]
struct Met {
    ties_of_both_sides: usize,
    new_groups: usize,
    changed_groups: usize,
    same_groups: usize,
    new_partitions: usize,
    changed_partitions: usize,
    same_partitions: usize,
    sessions_joined: usize,
    having_gone: usize,
    having_come: usize,
    top_gone: usize,
    global: usize,
    hopping: usize,
    cumulative: usize,
    dedup_flips: usize,
    first_flips: usize,
    merging_outputs: usize,
    states: usize,
    states_with_having: usize,
    states_with_top_and_keys_in_paths: usize,
    other_outputs: usize,
    outputs_of_events: usize,
    archives_in_partitions: usize,
    archives_in_one_file: usize,
    jobs_without_archive: usize,
    matches: usize,
    files_before_all: usize,
    files_between: usize,
    files_after_all: usize,
    files_outside: usize,
}

type Texts = Vec<String>;

/// Rows by partition, window and keys.
fn by_key(rows: &Rows, keys: &[&str]) -> BTreeMap<Texts, Texts> {
    let of = |row: &[Value], is_key: bool| {
        let key = |v: &&Value| (v.name.starts_with("window_") || keys.contains(&v.name.as_str())) == is_key;
        row.iter().filter(key).map(|v| format!("{}={:?}", v.name, v.cell)).collect::<Texts>()
    };
    let rows = rows.iter().flat_map(|(partition, rows)| rows.iter().map(move |row| (partition, row)));
    rows.map(|(partition, row)| ([vec![partition.clone()], of(row, true)].concat(), of(row, false))).collect()
}

/// Random cases meet what they are made for; without this, the laws above could say nothing.
#[test]
fn random_cases_of_backfills_have_ties_flips_and_parts_that_stay() {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let strategy = split(90, steps(), false, 0..=2);
    let mut met = Met::default();
    for _ in 0..900 {
        let split = strategy.new_tree(&mut runner).unwrap().current();
        meet(&split, &mut met);
    }
    let counts: BTreeMap<String, usize> =
        serde_json::from_value(serde_json::to_value(&met).unwrap()).unwrap();
    assert!(counts.values().all(|count| *count > 10), "{counts:#?}");
}

fn meet(split: &Split, met: &mut Met) {
    let of = |with_added| {
        let (log, files) = split.log(with_added);
        let case = crate::enrich_jobs::Case { log, ..split.case.clone() };
        enrich_oracle::expected(&case, &files)
    };
    let ((old, _), (new, matched)) = (of(false), of(true));
    let times = |added| {
        let rows = split.side(added).flat_map(|file| &file.log.rows);
        rows.map(|row| crate::enrich_jobs::time(row)).collect::<BTreeSet<i64>>()
    };
    met.ties_of_both_sides += usize::from(!times(true).is_disjoint(&times(false)));
    met.matches += matched.matched;
    let sides: Vec<bool> = split.files.iter().map(|file| file.added).collect();
    let (first, last) = (sides.iter().position(|a| !a).unwrap(), sides.iter().rposition(|a| !a).unwrap());
    for (i, file) in split.files.iter().enumerate().filter(|(_, file)| file.added) {
        met.files_before_all += usize::from(i < first);
        met.files_after_all += usize::from(i > last);
        met.files_between += usize::from(first < i && i < last);
        met.files_outside += usize::from(file.name.contains('/'));
    }
    for archive in &split.archives {
        let count = if archive.partition_by.is_empty() {
            &mut met.archives_in_one_file
        } else {
            &mut met.archives_in_partitions
        };
        *count += 1;
    }
    met.jobs_without_archive += usize::from(split.archives.is_empty());

    for (output, (old, new)) in split.case.job.outputs.iter().zip(old.outputs.iter().zip(&new.outputs)) {
        let texts = |rows: &Rows| -> BTreeMap<String, String> {
            rows.iter().map(|(partition, rows)| (partition.clone(), format!("{rows:?}"))).collect()
        };
        let (before, after) = (texts(old), texts(new));
        for (partition, rows) in &after {
            match before.get(partition) {
                None => met.new_partitions += 1,
                Some(was) if was == rows => met.same_partitions += 1,
                Some(_) => met.changed_partitions += 1,
            }
        }
        let Some(groups) = &output.groups else {
            met.outputs_of_events += 1;
            let rows = |rows: &Rows| -> BTreeSet<String> {
                rows.values().flatten().map(|row| format!("{row:?}")).collect()
            };
            let gone = rows(old).difference(&rows(new)).count();
            let dedup = split.case.steps.iter().any(|s| matches!(s, crate::enrich_jobs::Step::Dedup { .. }));
            match dedup {
                true => met.dedup_flips += gone,
                false => met.first_flips += gone,
            }
            continue;
        };
        let merging = merges(output, split.x()) && !split.depends_on_order();
        met.merging_outputs += usize::from(merging);
        if output.state && !split.depends_on_order() {
            met.states += 1;
            met.states_with_having += usize::from(groups.having.is_some());
            let by_key = output.partition_by.iter().any(|part| groups.by.contains(part));
            met.states_with_top_and_keys_in_paths += usize::from(groups.top.is_some() && by_key);
        }
        met.other_outputs += usize::from(!merging);
        let (before, after) = (by_key(old, &groups.by), by_key(new, &groups.by));
        let gone = before.keys().filter(|key| !after.contains_key(*key)).count();
        let come = after.keys().filter(|key| !before.contains_key(*key)).count();
        met.new_groups += come;
        met.changed_groups +=
            after.iter().filter(|(key, row)| before.get(*key).is_some_and(|was| was != *row)).count();
        met.same_groups += after.iter().filter(|(key, row)| before.get(*key) == Some(row)).count();
        match &groups.window {
            Window::Session { .. } => {
                met.sessions_joined += gone;
                continue;
            }
            Window::Global => met.global += 1,
            Window::Hopping { .. } => met.hopping += 1,
            Window::Cumulative { .. } => met.cumulative += 1,
            Window::Tumbling { .. } => {}
        }
        // What may go where nothing joins: what `having` no longer takes, and what is no longer at the top.
        if split.depends_on_order() {
            continue;
        }
        match (groups.having, groups.top) {
            (Some(_), None) => {
                met.having_gone += gone;
                met.having_come += come;
            }
            (None, Some(_)) => met.top_gone += gone,
            (Some(_), Some(_)) => {}
            (None, None) => assert_eq!(gone, 0, "a group went\n{split:?}"),
        }
    }
}
