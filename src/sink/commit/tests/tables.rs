//! Tables in a transaction: killed at each step, raced by another writer, expired.

use super::{draft, put, tree};
use crate::batch::DataType;
use crate::error::{Kind, Result};
use crate::sink::commit::{CommitReport, NamedPaths, Transaction, recover};
use crate::sink::{Target, TargetKind, expire, failpoint};
use crate::table::{FolderValue, KeepRule, TableField, TableFormat, TablePartition, TableShape, Transform};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// The parts of each output: (output, folder, text).
type Parts<'a> = &'a [(usize, &'a str, &'a str)];

const FIRST: Parts = &[
    (0, "k=1/data.parquet", "one"),
    (0, "k=2/data.parquet", "two"),
    (0, "k=3/data.parquet", "three"),
    (1, "", "report 1"),
    (2, "k=9/data.parquet", "nine"),
];
const SECOND: Parts = &[
    (0, "k=1/data.parquet", "one"),
    (0, "k=2/data.parquet", "TWO"),
    (0, "k=4/data.parquet", "four"),
    (1, "", "report 2"),
    (2, "k=9/data.parquet", "NINE"),
];

const FORMATS: [TableFormat; 2] = [TableFormat::Iceberg, TableFormat::Delta];

fn targets(root: &Path, format: TableFormat) -> Vec<Target> {
    vec![
        Target::table(root.join("a"), format),
        Target::file(root.join("b/report.csv")),
        Target::table(root.join("c"), format),
    ]
}

fn named(targets: &[Target]) -> NamedPaths {
    NamedPaths { outputs: targets.to_vec(), beside: vec![] }
}

fn shape(format: TableFormat) -> TableShape {
    let field = |name: &str, ty| TableField::new(format, name, ty, &[]);
    TableShape {
        format,
        job: "job".into(),
        columns: vec![field("v", DataType::String), field("k", DataType::Int64)],
        partition: vec![TablePartition {
            name: "k".into(),
            column: "k".into(),
            transform: Transform::Identity,
            from: FolderValue::Text(0),
        }],
        sort: vec![],
    }
}

fn staged(targets: &[Target], parts: Parts) -> Result<Transaction> {
    let tx = Transaction::begin_of(targets, &named(targets))?;
    for (number, target) in targets.iter().enumerate() {
        if let TargetKind::Table(kind) = &target.kind {
            tx.describe(number, shape(kind.format))?;
        }
    }
    for (output, path, text) in parts {
        put(&tx, *output, path, text)?;
    }
    Ok(tx)
}

fn run(targets: &[Target], parts: Parts) -> Result<CommitReport> {
    let tx = staged(targets, parts)?;
    tx.commit(targets.iter().map(|_| draft(parts.len() as u64)).collect())
}

/// What readers of the outputs see: of a table the texts of the files of its snapshot, which must all be there.
fn seen(targets: &[Target]) -> Vec<BTreeSet<String>> {
    let texts = |target: &Target| -> BTreeSet<String> {
        let Some(manifest) = target.manifest().unwrap() else { return BTreeSet::new() };
        manifest
            .parts
            .iter()
            .map(|part| fs::read_to_string(target.root().join(&part.path)).unwrap())
            .collect()
    };
    targets.iter().map(texts).collect()
}

/// How many versions the metadata of a table has had.
fn versions(target: &Target) -> Option<u64> {
    let TargetKind::Table(kind) = &target.kind else { return None };
    let version = target.loaded_table().unwrap()?.version();
    // Delta Lake counts from 0.
    Some(version + u64::from(kind.format == TableFormat::Delta))
}

/// The file that makes the second version of the table in `folder`.
fn second_version(folder: &Path, format: TableFormat) -> PathBuf {
    let number = if format == TableFormat::Delta { 1 } else { 2 };
    folder.join(format.metadata()).join(format.version_file(number))
}

/// The parts among the files of a tree.
fn parts(tree: &std::collections::BTreeMap<String, Vec<u8>>) -> impl Iterator<Item = (&String, &Vec<u8>)> {
    tree.iter().filter(|(path, _)| path.contains("/k=") && path.ends_with(".parquet"))
}

#[test]
fn a_commit_of_tables_is_a_snapshot_of_each() {
    FORMATS.into_iter().for_each(a_commit_of_tables_is_a_snapshot_of_each_of);
}

fn a_commit_of_tables_is_a_snapshot_of_each_of(format: TableFormat) {
    let tmp = tempfile::tempdir().unwrap();
    let targets = targets(tmp.path(), format);
    run(&targets, FIRST).unwrap();
    assert_eq!([versions(&targets[0]), versions(&targets[2])], [Some(1); 2]);
    let before = tree(tmp.path());
    let report = run(&targets, SECOND).unwrap();
    assert_eq!((report.outputs[0].written.len(), report.outputs[0].unchanged), (2, 1));
    assert_eq!(report.outputs[0].removed.len(), 2);
    let now = tree(tmp.path());
    // Nothing that a reader of the first snapshot may hold is gone or has changed.
    assert_eq!(parts(&before).count(), 4);
    for (path, bytes) in parts(&before) {
        assert_eq!(now.get(path), Some(bytes), "{path}");
    }
    run(&targets, SECOND).unwrap();
    assert_eq!(tree(tmp.path()), now);
    // What it was before has names that are there still.
    run(&targets, FIRST).unwrap();
    assert_eq!(seen(&targets)[0], ["one", "two", "three"].map(String::from).into());
    assert_eq!(parts(&tree(tmp.path())).count(), parts(&now).count());
}

#[test]
fn an_interruption_at_any_step_leaves_one_state() {
    FORMATS.into_iter().for_each(an_interruption_at_any_step_leaves_one_state_of);
}

fn an_interruption_at_any_step_leaves_one_state_of(format: TableFormat) {
    let mut committed = vec![];
    for n in 0.. {
        let tmp = tempfile::tempdir().unwrap();
        let targets = targets(tmp.path(), format);
        run(&targets, FIRST).unwrap();
        let old = seen(&targets);
        failpoint::testing::fail_at(Some(n));
        let outcome = run(&targets, SECOND);
        let steps = failpoint::testing::steps();
        failpoint::testing::fail_at(None);
        let new = [&["one", "TWO", "four"][..], &["report 2"], &["NINE"]]
            .map(|texts| texts.iter().map(|text| text.to_string()).collect::<BTreeSet<_>>());
        if outcome.is_ok() {
            assert_eq!(steps.len(), n);
            break;
        }
        let open = n % targets.len();
        recover(&targets[open..=open], &named(&targets)).unwrap();
        drop(Transaction::begin_of(&targets, &named(&targets)).unwrap());
        let now = seen(&targets);
        assert!(now == old || now == new, "step {n} {:?}: {now:?}", steps.last());
        committed.push(now == new);
        run(&targets, SECOND).unwrap();
        assert_eq!(seen(&targets), new, "step {n}");
        // No attempt makes a snapshot of its own.
        assert_eq!([versions(&targets[0]), versions(&targets[2])], [Some(2); 2], "step {n}");
        // What the dead attempt left goes at the latest with an expiry, and nothing that is reached.
        let rule = KeepRule { since: i64::MAX, newest: 1 };
        for target in [&targets[0], &targets[2]] {
            expire(target, &named(&targets), rule, false).unwrap().unwrap();
        }
        assert_eq!(seen(&targets), new, "step {n}");
        assert_eq!(parts(&tree(tmp.path())).count(), 4, "step {n}");
    }
    assert!(committed.is_sorted(), "{committed:?}");
    assert!(committed.iter().filter(|c| **c).count() > 5 && committed.iter().filter(|c| !**c).count() > 5);
}

#[test]
fn a_first_run_that_dies_leaves_a_folder_that_the_next_one_takes() {
    FORMATS.into_iter().for_each(a_first_run_that_dies_leaves_a_folder_that_the_next_one_takes_of);
}

fn a_first_run_that_dies_leaves_a_folder_that_the_next_one_takes_of(format: TableFormat) {
    for n in 0.. {
        let tmp = tempfile::tempdir().unwrap();
        let targets = targets(tmp.path(), format);
        failpoint::testing::fail_at(Some(n));
        let outcome = run(&targets, FIRST);
        failpoint::testing::fail_at(None);
        if outcome.is_ok() {
            break;
        }
        run(&targets, FIRST).unwrap();
        assert_eq!(seen(&targets)[0].len(), 3, "step {n}");
        assert_eq!(versions(&targets[0]), Some(1), "step {n}");
    }
}

#[test]
fn of_two_writers_one_wins() {
    FORMATS.into_iter().for_each(of_two_writers_one_wins_of);
}

fn of_two_writers_one_wins_of(format: TableFormat) {
    let tmp = tempfile::tempdir().unwrap();
    let targets = targets(tmp.path(), format);
    run(&targets, FIRST).unwrap();
    let other = second_version(&tmp.path().join("a"), format);
    // Another program has committed since this run began.
    let tx = staged(&targets, SECOND).unwrap();
    fs::write(&other, "theirs").unwrap();
    let error = tx.commit(vec![draft(1); 3]).unwrap_err();
    assert!(error.message().contains("another program has committed"), "{error}");
    assert_eq!(error.kind(), Kind::Machine);
    fs::remove_file(&other).unwrap();
    assert_eq!(seen(&targets)[1], ["report 1".to_string()].into());
    // Between the last look and the commit itself: all outputs stay as they were.
    let tx = staged(&targets, SECOND).unwrap();
    let race = || {
        for table in ["a", "c"] {
            fs::write(second_version(&tmp.path().join(table), format), "theirs").unwrap();
        }
        Ok(())
    };
    let error = tx.commit_after(vec![draft(1); 3], race).unwrap_err();
    assert!(error.message().contains("another program has committed"), "{error}");
    assert_eq!(fs::read_to_string(&other).unwrap(), "theirs");
    assert!(!targets[0].state().join("journal.json").exists());
    for table in ["a", "c"] {
        fs::remove_file(second_version(&tmp.path().join(table), format)).unwrap();
    }
    assert_eq!(seen(&targets)[1], ["report 1".to_string()].into());
    let raced = |file: &Path| {
        let tx = staged(&targets, SECOND).unwrap();
        let error = tx.commit_after(vec![draft(1); 3], || {
            fs::write(file, "theirs").unwrap();
            Ok(())
        });
        fs::remove_file(file).unwrap();
        error.unwrap_err()
    };
    // The first table: all outputs stay as they were.
    assert!(!raced(&other).hints().iter().any(|hint| hint.contains("the next run")));
    assert_eq!(seen(&targets)[1..], [["report 1".to_string()].into(), ["nine".to_string()].into()]);
    // A later one alone: the other outputs are committed, and the next run brings all together.
    let later = raced(&second_version(&tmp.path().join("c"), format));
    assert!(later.hints().iter().any(|hint| hint.contains("the next run")));
    assert_eq!(seen(&targets)[1..], [["report 2".to_string()].into(), ["nine".to_string()].into()]);
    run(&targets, SECOND).unwrap();
    assert_eq!(seen(&targets)[0].len(), 3);
}

#[test]
fn a_dead_run_gives_way_to_a_writer_that_came_after_it() {
    FORMATS.into_iter().for_each(a_dead_run_gives_way_to_a_writer_that_came_after_it_of);
}

fn a_dead_run_gives_way_to_a_writer_that_came_after_it_of(format: TableFormat) {
    let tmp = tempfile::tempdir().unwrap();
    let targets = vec![Target::table(tmp.path().join("a"), format)];
    let parts = |texts: &[&'static str]| -> Vec<(usize, &'static str, &'static str)> {
        texts.iter().map(|text| (0, "k=1/data.parquet", *text)).collect()
    };
    run(&targets, &parts(&["one"])).unwrap();
    failpoint::testing::fail_at(None);
    let at = {
        let tmp = tempfile::tempdir().unwrap();
        let targets = vec![Target::table(tmp.path().join("a"), format)];
        run(&targets, &parts(&["one"])).unwrap();
        failpoint::testing::fail_at(None);
        run(&targets, &parts(&["two"])).unwrap();
        failpoint::testing::steps().iter().position(|step| step == "put version").unwrap()
    };
    failpoint::testing::fail_at(Some(at));
    run(&targets, &parts(&["two"])).unwrap_err();
    failpoint::testing::fail_at(None);
    // The other program makes the version that the dead run was about to make.
    let theirs = match format {
        TableFormat::Iceberg => {
            let first = fs::read_to_string(tmp.path().join("a/metadata/v1.metadata.json")).unwrap();
            first.replace("\"snapshot-log\"", "\"x\"")
        }
        TableFormat::Delta => "{\"commitInfo\":{\"operation\":\"OPTIMIZE\"}}\n".to_string(),
    };
    let other = second_version(&tmp.path().join("a"), format);
    fs::write(&other, &theirs).unwrap();
    recover(&targets, &named(&targets)).unwrap();
    assert_eq!(fs::read_to_string(&other).unwrap(), theirs);
    assert_eq!(seen(&targets)[0], ["one".to_string()].into());
    run(&targets, &parts(&["three"])).unwrap();
    assert_eq!(versions(&targets[0]), Some(3));
}

#[test]
fn a_ledger_that_is_new_alone_changes_no_file() {
    FORMATS.into_iter().for_each(a_ledger_that_is_new_alone_changes_no_file_of);
}

fn a_ledger_that_is_new_alone_changes_no_file_of(format: TableFormat) {
    for n in 0.. {
        let tmp = tempfile::tempdir().unwrap();
        let targets = targets(tmp.path(), format);
        run(&targets, FIRST).unwrap();
        let old = targets[0].manifest().unwrap().unwrap();
        // The same parts of more input.
        let again = || staged(&targets, FIRST)?.commit(targets.iter().map(|_| draft(99)).collect());
        failpoint::testing::fail_at(Some(n));
        let outcome = again();
        failpoint::testing::fail_at(None);
        drop(Transaction::begin_of(&targets, &named(&targets)).unwrap());
        let now = targets[0].manifest().unwrap().unwrap();
        assert!(now == old || now.account != old.account, "step {n}");
        again().unwrap();
        let new = targets[0].manifest().unwrap().unwrap();
        assert!(new != old && (now == old || now == new), "step {n}");
        assert_eq!(seen(&targets)[0].len(), 3);
        // Iceberg has the ledger in a version of the metadata, without a snapshot.
        assert_eq!(versions(&targets[0]), Some(2), "step {n}");
        let dropped = usize::from(format == TableFormat::Delta);
        let rule = KeepRule { since: i64::MAX, newest: 1 };
        let expired = expire(&targets[0], &named(&targets), rule, false).unwrap().unwrap();
        assert_eq!((expired.snapshots, expired.kept, expired.parts), (dropped, 1, 0), "step {n}");
        assert_eq!(targets[0].manifest().unwrap().unwrap(), new, "step {n}");
        if outcome.is_ok() {
            assert!(n > 5);
            break;
        }
    }
}
