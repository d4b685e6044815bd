use super::*;
use crate::error::Kind;
use crate::sink::{Account, RejectedRecord};
use std::collections::BTreeMap;
use std::io::Write;
use std::time::SystemTime;

mod tables;
mod trust;

/// Every file below `folder` with its content; empty folders end in `/`.
fn tree(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    fn walk(root: &Path, at: &Path, out: &mut BTreeMap<String, Vec<u8>>) {
        let entries: Vec<_> = fs::read_dir(at).unwrap().map(|e| e.unwrap().path()).collect();
        let name = |p: &Path| p.strip_prefix(root).unwrap().display().to_string();
        if entries.is_empty() && at != root {
            out.insert(name(at) + "/", vec![]);
        }
        for path in entries {
            if path.is_dir() {
                walk(root, &path, out)
            } else {
                drop(out.insert(name(&path), fs::read(&path).unwrap()))
            }
        }
    }
    let mut out = BTreeMap::new();
    if folder.exists() {
        walk(folder, folder, &mut out);
    }
    out
}

fn put(tx: &Transaction, output: usize, path: &str, text: &str) -> Result<Part> {
    let mut file = tx.stage(output, Path::new(path))?;
    file.write_all(text.as_bytes()).map_err(|e| file.failed(e))?;
    file.finish(1, None)
}

fn draft(read: u64) -> ManifestDraft {
    ManifestDraft { account: Account { read, ..Account::default() }, ..ManifestDraft::default() }
}

/// A run that leaves `parts` (output, path, text) in the outputs.
fn run(targets: &[Target], parts: &[(usize, &str, &str)]) -> Result<CommitReport> {
    let tx = Transaction::begin(targets)?;
    for (output, path, text) in parts {
        put(&tx, *output, path, text)?;
    }
    tx.commit(targets.iter().map(|_| draft(parts.len() as u64)).collect())
}

fn targets(root: &Path) -> Vec<Target> {
    vec![
        Target::folder(root.join("a")),
        Target::file(root.join("b/report.csv")),
        Target::folder(root.join("c")),
    ]
}

/// What a job with these outputs names.
fn named(targets: &[Target]) -> NamedPaths {
    NamedPaths { outputs: targets.to_vec(), beside: vec![targets[0].path.with_file_name(REJECTS)] }
}

const FIRST: &[(usize, &str, &str)] = &[
    (0, "date=1/part.parquet", "one"),
    (0, "date=2/part.parquet", "two"),
    (0, "date=3/part.parquet", "three"),
    (1, "", "report 1"),
    (2, "x", "x1"),
];
const SECOND: &[(usize, &str, &str)] = &[
    (0, "date=1/part.parquet", "one"),
    (0, "date=2/part.parquet", "TWO"),
    (0, "date=4/hour=5/part.parquet", "four"),
    (1, "", "report 2"),
    (2, "y", "y2"),
];

#[test]
fn a_commit_writes_what_changed_and_nothing_else() {
    let tmp = tempfile::tempdir().unwrap();
    let targets = targets(tmp.path());
    let report = run(&targets, FIRST).unwrap();
    assert_eq!(report.outputs[0].written.len(), 3);
    let time = |p: &str| fs::metadata(tmp.path().join(p)).unwrap().modified().unwrap();
    let before = time("a/date=1/part.parquet");
    let report = run(&targets, SECOND).unwrap();
    let expected = OutputReport {
        written: vec!["date=2/part.parquet".into(), "date=4/hour=5/part.parquet".into()],
        unchanged: 1,
        removed: vec!["date=3/part.parquet".into()],
        restored: 0,
    };
    assert_eq!(report.outputs[0], expected);
    assert_eq!(time("a/date=1/part.parquet"), before);
    let names: Vec<String> = tree(tmp.path()).into_keys().collect();
    assert_eq!(
        names,
        [
            "a/_highwater/manifest.json",
            "a/date=1/part.parquet",
            "a/date=2/part.parquet",
            "a/date=4/hour=5/part.parquet",
            "b/_highwater/report.csv/manifest.json",
            "b/report.csv",
            "c/_highwater/manifest.json",
            "c/y",
        ]
    );
    let manifest = Manifest::load(&targets[0].state()).unwrap().unwrap();
    assert_eq!(manifest.parts.iter().map(|p| p.bytes).collect::<Vec<_>>(), [3, 3, 4]);
}

#[test]
fn a_run_done_twice_touches_nothing() {
    let tmp = tempfile::tempdir().unwrap();
    let targets = targets(tmp.path());
    run(&targets, FIRST).unwrap();
    let times = |at: SystemTime| {
        let newer = |p: &String| tmp.path().join(p).metadata().unwrap().modified().unwrap() > at;
        tree(tmp.path()).keys().filter(|p| newer(p)).count()
    };
    std::thread::sleep(std::time::Duration::from_millis(30));
    let at = SystemTime::now();
    std::thread::sleep(std::time::Duration::from_millis(30));
    let report = run(&targets, FIRST).unwrap();
    assert!(report.outputs.iter().all(|o| o.written.is_empty() && o.removed.is_empty()));
    assert_eq!(times(at), 0);
}

#[test]
fn a_kept_part_needs_no_staging() {
    let tmp = tempfile::tempdir().unwrap();
    let target = [Target::folder(tmp.path().join("a"))];
    run(&target, &[(0, "p", "1"), (0, "q", "2")]).unwrap();
    let tx = Transaction::begin(&target).unwrap();
    assert_eq!(tx.manifest(0).unwrap().parts.len(), 2);
    tx.keep(0, "q").unwrap();
    assert!(tx.keep(0, "unknown").is_err());
    put(&tx, 0, "p", "new").unwrap();
    let report = tx.commit(vec![draft(1)]).unwrap();
    let expected = OutputReport { written: vec!["p".into()], unchanged: 1, ..OutputReport::default() };
    assert_eq!(report.outputs[0], expected);
    assert_eq!(fs::read_to_string(tmp.path().join("a/q")).unwrap(), "2");
}

/// A run that leaves, beside `parts`, a file in the state of the first and of the second output.
fn correct(targets: &[Target], parts: &[(usize, &str, &str)]) -> Result<CommitReport> {
    let mut tx = Transaction::begin(targets)?;
    for (output, path, text) in parts {
        put(&tx, *output, path, text)?;
    }
    for output in [0, 1] {
        let mut changes = tx.stage_state(output, "changes/000001.log")?;
        changes.write_all(b"{}\n").map_err(|e| changes.failed(e))?;
        changes.finish()?;
    }
    let mut rejects = RejectsWriter::create(&targets[0].path.with_file_name(REJECTS))?;
    let reject = RejectedRecord { file: "a.csv", line: 1, byte: None, column: None, reason: "", raw: b"x" };
    rejects.write(&reject)?;
    tx.put_beside(rejects)?;
    tx.commit(targets.iter().map(|_| draft(parts.len() as u64)).collect())
}

const REJECTS: &str = "bad.jsonl";
const LOGS: [&str; 2] = ["a/_highwater/changes/000001.log", "b/_highwater/report.csv/changes/000001.log"];

#[test]
fn files_of_the_state_come_with_the_commit_and_are_no_parts() {
    let tmp = tempfile::tempdir().unwrap();
    let targets = targets(tmp.path());
    run(&targets, FIRST).unwrap();
    let report = correct(&targets, SECOND).unwrap();
    assert_eq!(report.outputs[0].written, ["date=2/part.parquet", "date=4/hour=5/part.parquet"]);
    assert!(report.outputs.iter().all(|o| o.unchanged <= 1));
    let now = tree(tmp.path());
    assert!(LOGS.iter().all(|log| now[*log] == b"{}\n"), "{:?}", now.keys());
    // Beside them all is as if there were none; and they stay, unlike parts that are not given again.
    let other = tempfile::tempdir().unwrap();
    let plain = self::targets(other.path());
    run(&plain, FIRST).unwrap();
    run(&plain, SECOND).unwrap();
    let mut without = now.clone();
    without.retain(|path, _| !LOGS.contains(&path.as_str()) && path != REJECTS);
    assert_eq!(without, tree(other.path()));
    run(&targets, SECOND).unwrap();
    assert_eq!(tree(tmp.path()), now);
    let tx = Transaction::begin(&targets).unwrap();
    assert!(tx.state_folder(1).ends_with("b/_highwater/report.csv"));
    for wrong in ["", "../x", "/x"] {
        assert!(tx.stage_state(0, wrong).is_err(), "{wrong}");
    }
    let unfinished = tx.stage_state(0, "changes/2.jsonl").unwrap();
    assert!(tx.stage_state(0, "changes/2.jsonl").is_err());
    drop(unfinished);
    assert!(tx.commit(vec![draft(1); 3]).unwrap_err().message().contains("2.jsonl was not finished"));
    assert_eq!(tree(tmp.path()), now);
}

#[test]
fn an_interruption_takes_files_of_the_state_to_the_same_side() {
    let mut committed = 0;
    for n in 0.. {
        let tmp = tempfile::tempdir().unwrap();
        let targets = targets(tmp.path());
        run(&targets, FIRST).unwrap();
        let old = tree(tmp.path());
        failpoint::testing::fail_at(Some(n));
        let outcome = correct(&targets, SECOND);
        failpoint::testing::fail_at(None);
        // A command that only reads is enough.
        recover(&targets[n % 3..=n % 3], &named(&targets)).unwrap();
        recover(&targets, &named(&targets)).unwrap();
        let mut now = tree(tmp.path());
        // A dead run's lock file is nobody's, and its rejects, unless committed, are written over by the next.
        now.retain(|path, _| !path.ends_with("lock") && path != ".bad.jsonl.staged");
        if now != old {
            assert_eq!(now[LOGS[0]], now[LOGS[1]]);
            let (report, y) = (&now["b/report.csv"], &now["c/y"]);
            assert_eq!((report.as_slice(), y.as_slice(), now.len()), (&b"report 2"[..], &b"y2"[..], 11));
            assert!(now.contains_key(REJECTS));
            committed += 1;
        }
        if outcome.is_ok() {
            break;
        }
    }
    assert!(committed > 5);
}

#[test]
fn what_was_staged_can_be_read() {
    let tmp = tempfile::tempdir().unwrap();
    let target = [Target::folder(tmp.path().join("a"))];
    run(&target, &[(0, "p", "1"), (0, "q", "2")]).unwrap();
    let tx = Transaction::begin(&target).unwrap();
    put(&tx, 0, "q", "2").unwrap();
    put(&tx, 0, "p", "new").unwrap();
    let unfinished = tx.stage(0, Path::new("r")).unwrap();
    let staged = tx.staged(0);
    assert_eq!(staged.len(), 1);
    assert_eq!((staged[0].0.path.as_str(), fs::read_to_string(&staged[0].1).unwrap().as_str()), ("p", "new"));
    drop(unfinished);
    drop(tx);
    assert_eq!(fs::read_to_string(tmp.path().join("a/p")).unwrap(), "1");
}

#[test]
fn recovery_for_readers_makes_nothing_and_leaves_the_living_alone() {
    let tmp = tempfile::tempdir().unwrap();
    let targets = targets(tmp.path());
    recover(&targets, &named(&targets)).unwrap();
    assert!(tree(tmp.path()).is_empty());
    run(&targets, FIRST).unwrap();
    // Dead after the commit point, and the second output is being written by a living process.
    failpoint::testing::fail_at(Some(14));
    run(&targets, SECOND).unwrap_err();
    failpoint::testing::fail_at(None);
    let lock = Lock::take(&targets[1].state()).unwrap();
    let without_locks = || {
        let mut tree = tree(tmp.path());
        tree.retain(|path, _| !path.ends_with("/lock"));
        tree
    };
    let before = without_locks();
    recover(&targets, &named(&targets)).unwrap();
    assert!(without_locks() == before);
    drop(lock);
    recover(&targets[2..], &named(&targets)).unwrap();
    assert_eq!(fs::read_to_string(tmp.path().join("b/report.csv")).unwrap(), "report 2");
    // A living process's staging is not touched.
    let tx = Transaction::begin(&targets).unwrap();
    put(&tx, 0, "z", "z").unwrap();
    let before = tree(tmp.path());
    recover(&targets, &named(&targets)).unwrap();
    assert_eq!(tree(tmp.path()), before);
}

#[test]
fn a_part_that_was_lost_is_written_again() {
    let tmp = tempfile::tempdir().unwrap();
    let target = [Target::folder(tmp.path().join("a"))];
    run(&target, &[(0, "p", "1")]).unwrap();
    fs::remove_file(tmp.path().join("a/p")).unwrap();
    assert_eq!(run(&target, &[(0, "p", "1")]).unwrap().outputs[0].written, ["p"]);
    assert_eq!(fs::read_to_string(tmp.path().join("a/p")).unwrap(), "1");
}

/// Stops the second run at its nth step, as a kill would, for every n; then runs again.
#[test]
fn an_interruption_at_any_step_is_rolled_forward_or_back() {
    let mut committed = vec![];
    for n in 0.. {
        let tmp = tempfile::tempdir().unwrap();
        let targets = targets(tmp.path());
        run(&targets, FIRST).unwrap();
        let old = tree(tmp.path());
        failpoint::testing::fail_at(Some(n));
        let outcome = run(&targets, SECOND);
        let steps = failpoint::testing::steps();
        failpoint::testing::fail_at(None);
        if outcome.is_ok() {
            assert_eq!(steps.len(), n);
            break;
        }
        // Whatever output is opened next, all of them come to the same side of the commit.
        let open = n % targets.len();
        drop(Transaction::begin_of(&targets[open..=open], &named(&targets)).unwrap());
        drop(Transaction::begin(&targets).unwrap());
        let now = tree(tmp.path());
        let new = {
            let other = tempfile::tempdir().unwrap();
            let targets = self::targets(other.path());
            run(&targets, FIRST).unwrap();
            run(&targets, SECOND).unwrap();
            tree(other.path())
        };
        assert!(now == old || now == new, "step {n} {:?}: {:?}", steps.last(), now.keys());
        committed.push(now == new);
        run(&targets, SECOND).unwrap();
        assert_eq!(tree(tmp.path()), new, "step {n}");
    }
    // Old until the commit point, new from there on.
    assert!(committed.is_sorted(), "{committed:?}");
    assert!(committed.iter().filter(|c| **c).count() > 5 && committed.iter().filter(|c| !**c).count() > 5);
}

/// The same for the first run of all, which leaves no manifest behind.
#[test]
fn a_first_run_may_be_interrupted_at_any_step() {
    let done = tempfile::tempdir().unwrap();
    run(&targets(done.path()), FIRST).unwrap();
    for n in 0.. {
        let tmp = tempfile::tempdir().unwrap();
        let targets = targets(tmp.path());
        failpoint::testing::fail_at(Some(n));
        let outcome = run(&targets, FIRST);
        failpoint::testing::fail_at(None);
        run(&targets, FIRST).unwrap();
        assert_eq!(tree(tmp.path()), tree(done.path()), "step {n}");
        if outcome.is_ok() {
            break;
        }
    }
}

/// Recovery itself is killed at its nth step.
#[test]
fn recovery_may_be_interrupted_too() {
    for n in 0.. {
        let tmp = tempfile::tempdir().unwrap();
        let targets = targets(tmp.path());
        run(&targets, FIRST).unwrap();
        let steps = {
            failpoint::testing::fail_at(Some(usize::MAX));
            let other = tempfile::tempdir().unwrap();
            run(&self::targets(other.path()), FIRST).unwrap();
            failpoint::testing::fail_at(Some(usize::MAX));
            run(&self::targets(other.path()), SECOND).unwrap();
            failpoint::testing::steps()
        };
        let first_rename = steps.iter().position(|s| s == "rename part").unwrap();
        failpoint::testing::fail_at(Some(first_rename + 1));
        run(&targets, SECOND).unwrap_err();
        failpoint::testing::fail_at(Some(n));
        let recovered = Transaction::begin(&targets);
        let died = recovered.is_err();
        failpoint::testing::fail_at(None);
        drop(recovered);
        drop(Transaction::begin(&targets).unwrap());
        assert_eq!(fs::read_to_string(tmp.path().join("b/report.csv")).unwrap(), "report 2");
        assert_eq!(fs::read_to_string(tmp.path().join("c/y")).unwrap(), "y2");
        assert!(!tmp.path().join("c/x").exists() && !tmp.path().join("a/_highwater/staging").exists());
        if !died {
            break;
        }
    }
}

#[test]
fn a_moved_tree_of_outputs_is_still_recovered() {
    let tmp = tempfile::tempdir().unwrap();
    let here = tmp.path().join("here");
    run(&targets(&here), FIRST).unwrap();
    failpoint::testing::fail_at(Some(14));
    run(&targets(&here), SECOND).unwrap_err();
    assert_eq!(failpoint::testing::steps().last().unwrap(), "rename part");
    failpoint::testing::fail_at(None);
    fs::rename(&here, tmp.path().join("there")).unwrap();
    let there = targets(&tmp.path().join("there"));
    drop(Transaction::begin_of(&there[2..], &named(&there)).unwrap());
    assert_eq!(fs::read_to_string(tmp.path().join("there/b/report.csv")).unwrap(), "report 2");
}

#[test]
fn a_failed_run_leaves_no_trace() {
    let tmp = tempfile::tempdir().unwrap();
    let targets = [Target::folder(tmp.path().join("deep/er/a")), Target::file(tmp.path().join("b/r.csv"))];
    let tx = Transaction::begin(&targets).unwrap();
    put(&tx, 0, "p", "1").unwrap();
    let unfinished = tx.stage(1, Path::new("")).unwrap();
    drop(unfinished);
    let error = tx.commit(vec![draft(1), draft(1)]).unwrap_err();
    assert!(error.message().contains("r.csv was not finished"), "{error}");
    assert!(tree(tmp.path()).is_empty(), "{:?}", tree(tmp.path()));
}

#[test]
fn what_is_someone_elses_is_refused() {
    let tmp = tempfile::tempdir().unwrap();
    fs::create_dir(tmp.path().join("a")).unwrap();
    fs::write(tmp.path().join("a/thesis.doc"), "mine").unwrap();
    fs::write(tmp.path().join("r.csv"), "mine").unwrap();
    let before = tree(tmp.path());
    let path = tmp.path().display();
    let refused = |target: Target| {
        let error = Transaction::begin(&[target]).unwrap_err();
        assert_eq!(error.kind(), Kind::Job);
        error.to_string().replace(&path.to_string(), "DIR")
    };
    insta::assert_snapshot!(refused(Target::folder(tmp.path().join("a"))), @"
    error: refusing to write into DIR/a, which contains files that Highwater did not write (thesis.doc)
      hint: choose another path for the output, or empty that folder
      hint: results that another program published are taken over by `highwater adopt JOB`
    ");
    insta::assert_snapshot!(refused(Target::file(tmp.path().join("r.csv"))), @"
    error: refusing to replace DIR/r.csv, which Highwater did not write
      hint: choose another path for the output, or remove that file
      hint: results that another program published are taken over by `highwater adopt JOB`
    ");
    insta::assert_snapshot!(refused(Target::file(tmp.path().join("a"))), @"error: the output DIR/a is a folder, not a file");
    insta::assert_snapshot!(refused(Target::folder(tmp.path().join("r.csv"))), @"error: the output DIR/r.csv is a file, not a folder");
    assert_eq!(tree(tmp.path()), before);
    // A file that came later into a folder of ours is not replaced either, and not removed.
    let ours = [Target::folder(tmp.path().join("b"))];
    run(&ours, &[(0, "p", "1")]).unwrap();
    fs::write(tmp.path().join("b/q"), "mine").unwrap();
    let error = run(&ours, &[(0, "p", "2"), (0, "q", "2")]).unwrap_err();
    assert!(error.message().contains("refusing to replace"), "{error}");
    run(&ours, &[]).unwrap();
    assert_eq!(tree(tmp.path()).keys().filter(|p| p.starts_with("b/")).count(), 2);
}

#[test]
fn one_writer_at_a_time() {
    let tmp = tempfile::tempdir().unwrap();
    let targets = targets(tmp.path());
    run(&targets, FIRST).unwrap();
    let before = tree(tmp.path());
    let first = Transaction::begin(&targets[1..]).unwrap();
    put(&first, 0, "", "staged").unwrap();
    let error = Transaction::begin(&targets).unwrap_err();
    assert_eq!(error.kind(), Kind::Machine);
    assert!(error.message().contains("is being written by process"), "{error}");
    assert!(tmp.path().join("b/_highwater/report.csv/staging/0.staged").exists());
    drop(first);
    assert_eq!(tree(tmp.path()), before);
    let twice = Transaction::begin(&[targets[0].clone(), targets[0].clone()]).unwrap_err();
    assert!(twice.message().contains("two outputs"), "{twice}");
    assert_eq!(tree(tmp.path()), before);
}

#[test]
fn a_lock_of_another_process_is_named_and_dies_with_it() {
    let tmp = tempfile::tempdir().unwrap();
    let target = [Target::folder(tmp.path().join("a"))];
    let lock = target[0].state().join("lock");
    fs::create_dir_all(target[0].state()).unwrap();
    fs::write(&lock, r#"{"version":1,"pid":4711,"host":"elsewhere"}"#).unwrap();
    // Without a fork the process that holds the lock is the one that is ended here.
    let flock = std::process::Command::new("flock").arg("--no-fork").arg(&lock).args(["sleep", "60"]).spawn();
    let Ok(mut other) = flock else {
        return; // util-linux is not here.
    };
    while fs::File::open(&lock).unwrap().try_lock().is_ok() {
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    let error = Transaction::begin(&target).unwrap_err();
    assert!(error.message().contains("process 4711 on elsewhere"), "{error}");
    other.kill().unwrap();
    other.wait().unwrap();
    run(&target, &[(0, "p", "1")]).unwrap();
}

/// Runs on a file system of 256 KiB, where the test may mount one.
#[test]
fn a_full_disk_leaves_the_old_state() {
    let tmp = tempfile::tempdir().unwrap();
    let disk = tmp.path().join("disk");
    fs::create_dir(&disk).unwrap();
    let mount = |args: &[&str]| std::process::Command::new(args[0]).args(&args[1..]).arg(&disk).output();
    let mounted = mount(&["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs"]);
    if !mounted.is_ok_and(|m| m.status.success()) {
        return;
    }
    let outcome = std::panic::catch_unwind(|| {
        let targets = targets(&disk);
        run(&targets, FIRST).unwrap();
        let before = tree(&disk);
        // The disk is full while a part is written; then, smaller and smaller, at later steps.
        let mut kept_old = 0;
        for kib in (4..300).step_by(4).rev() {
            let text = "x".repeat(kib << 10);
            match run(&targets, &[(0, "date=9/part.parquet", &text), (1, "", &text), (2, "z", "z")]) {
                Err(error) => {
                    assert!(error.to_string().contains("the disk is full"), "{error}");
                    assert_eq!(tree(&disk), before, "{kib} KiB");
                    kept_old += 1;
                }
                Ok(_) => break,
            }
        }
        assert!(kept_old > 10);
        assert_eq!(tree(&disk)["c/z"], b"z");
    });
    mount(&["umount"]).unwrap();
    outcome.unwrap();
}
