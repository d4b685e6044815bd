//! What lies in an output may have been changed by anybody, and come from anywhere.

use super::*;

#[test]
fn what_was_changed_to_the_same_size_is_written_again_and_said() {
    let tmp = tempfile::tempdir().unwrap();
    let targets = targets(tmp.path());
    run(&targets, FIRST).unwrap();
    let (part, report) = (tmp.path().join("a/date=1/part.parquet"), tmp.path().join("b/report.csv"));
    let before = fs::metadata(&part).unwrap().modified().unwrap();
    fs::write(&part, "ONE").unwrap();
    fs::File::open(&part).unwrap().set_modified(before).unwrap();
    fs::remove_file(&report).unwrap();
    let done = run(&targets, FIRST).unwrap();
    let restored: Vec<usize> = done.outputs.iter().map(|output| output.restored).collect();
    assert_eq!(restored, [1, 1, 0]);
    assert_eq!(done.outputs[0].written, ["date=1/part.parquet"]);
    assert_eq!(fs::read_to_string(&part).unwrap(), "one");
    assert_eq!(fs::read_to_string(&report).unwrap(), "report 1");
    assert_eq!(run(&targets, FIRST).unwrap().outputs.iter().map(|output| output.restored).sum::<usize>(), 0);
    // One that is only kept is refused.
    fs::write(&part, "ONE").unwrap();
    fs::File::open(&part).unwrap().set_modified(before).unwrap();
    let tx = Transaction::begin(&targets).unwrap();
    let error = tx.keep(0, "date=1/part.parquet").unwrap_err().to_string();
    assert!(error.contains("date=1/part.parquet was changed from outside"), "{error}");
    tx.keep(0, "date=2/part.parquet").unwrap();
}

/// [`tree`], without the locks of dead runs.
fn without_locks(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut tree = tree(folder);
    tree.retain(|path, _| !path.ends_with("/lock"));
    tree
}

/// Stops a commit after its commit point, and gives the journal of the first output to `change`.
fn with_journal(change: impl Fn(&mut serde_json::Value)) -> (tempfile::TempDir, Vec<Target>) {
    let tmp = tempfile::tempdir().unwrap();
    let targets = targets(&tmp.path().join("job"));
    fs::create_dir_all(tmp.path().join("victim/_highwater")).unwrap();
    fs::write(tmp.path().join("victim/precious"), "precious").unwrap();
    run(&targets, FIRST).unwrap();
    failpoint::testing::fail_at(Some(14));
    run(&targets, SECOND).unwrap_err();
    failpoint::testing::fail_at(None);
    let journal = targets[0].state().join(JOURNAL);
    let mut value = serde_json::from_str(&fs::read_to_string(&journal).unwrap()).unwrap();
    change(&mut value);
    fs::write(&journal, value.to_string()).unwrap();
    (tmp, targets)
}

#[test]
fn a_journal_leads_nowhere_but_to_the_outputs_of_the_job() {
    use serde_json::json;
    type Change = Box<dyn Fn(&mut serde_json::Value)>;
    let at = |pointer: &'static str, new: serde_json::Value| -> Change {
        Box::new(move |journal| *journal.pointer_mut(pointer).unwrap() = new.clone())
    };
    let add = |list: &'static str, new: serde_json::Value| -> Change {
        Box::new(move |journal| journal["role"]["primary"][0][list].as_array_mut().unwrap().push(new.clone()))
    };
    let part = |path: &str| json!({ "staged": "0.staged", "part": path, "bytes": 1 });
    let beside = |staged: &str, to: &str| json!([{ "staged": staged, "to": to }]);
    let put_beside = |new: serde_json::Value| -> Change {
        Box::new(move |journal| journal["role"]["primary"][0]["beside"] = new.clone())
    };
    let hostile: Vec<Change> = vec![
        at("/role/primary/1/root", json!("../../victim")),
        at("/role/primary/1/state", json!("../../victim/_highwater")),
        at("/role/primary/0/root", json!("../../victim")),
        at("/role/primary", json!([])),
        add("deletions", json!("../../victim/precious")),
        add("deletions", json!("/etc/hostname")),
        add("deletions", json!("_highwater/journal.json")),
        add("renames", part("../../victim/precious")),
        add("renames", part("_highwater/lock")),
        add("renames", json!({ "staged": "../../../../victim/precious", "part": "x", "bytes": 8 })),
        at("/role/primary/0/manifest", json!("../../../../victim/precious")),
        put_beside(beside("../../victim/precious", "../bad.jsonl")),
        put_beside(beside("../../victim/.precious.staged", "../../victim/precious")),
    ];
    for (number, change) in hostile.iter().enumerate() {
        let (tmp, targets) = with_journal(change);
        let before = without_locks(tmp.path());
        for open in 0..targets.len() {
            let own = std::slice::from_ref(&targets[open]);
            let errors = [
                recover(own, &named(&targets)).unwrap_err(),
                Transaction::begin_of(own, &named(&targets)).unwrap_err(),
            ];
            for error in errors {
                assert_eq!(error.kind(), Kind::Machine, "{number}: {error}");
                assert!(error.message().contains("a/_highwater/journal.json"), "{number}: {error}");
                assert!(error.hints().len() >= 2, "{number}: {error}");
            }
        }
        assert!(without_locks(tmp.path()) == before, "{number}: something was touched");
    }
    // The same journal as it was written is brought to its end.
    let (tmp, targets) = with_journal(|_| {});
    recover(&targets[2..], &named(&targets)).unwrap();
    assert_eq!(fs::read_to_string(tmp.path().join("job/c/y")).unwrap(), "y2");
    // By a job that does not name all of its outputs it is not.
    let (tmp, targets) = with_journal(|_| {});
    let before = without_locks(tmp.path());
    let error = Transaction::begin(&targets[..1]).unwrap_err();
    assert!(error.message().contains("is not an output of this job"), "{error}");
    assert!(
        Transaction::begin(&targets[2..]).unwrap_err().message().contains("is not an output of this job")
    );
    assert!(without_locks(tmp.path()) == before);
}

#[test]
fn links_in_an_output_are_not_followed() {
    use std::os::unix::fs::symlink;
    // Of these, in an output that is in place, one at a time becomes a link to where it was moved.
    for linked in [
        "_highwater",
        "_highwater/staging",
        "_highwater/changes",
        "date=1",
        "_highwater/lock",
        "_highwater/manifest.json",
    ] {
        let tmp = tempfile::tempdir().unwrap();
        let targets = [Target::folder(tmp.path().join("a"))];
        run(&targets, FIRST.split_at(3).0).unwrap();
        let (at, there) = (tmp.path().join("a").join(linked), tmp.path().join("there"));
        let is_file = linked.ends_with("lock");
        if !at.exists() && !is_file {
            fs::create_dir(&at).unwrap();
        }
        if is_file {
            fs::write(&there, "precious").unwrap()
        } else {
            fs::rename(&at, &there).unwrap()
        }
        symlink(&there, &at).unwrap();
        let before = tree(tmp.path());
        let outcome = Transaction::begin(&targets).and_then(|tx| {
            put(&tx, 0, "date=1/part.parquet", "new")?;
            let mut log = tx.stage_state(0, "changes/000001.log")?;
            log.write_all(b"{}").map_err(|e| log.failed(e))?;
            log.finish()?;
            tx.commit(vec![draft(1)])
        });
        if linked.ends_with("staging") {
            // It is nobody's, and is made anew.
            outcome.unwrap();
            assert!(fs::read_dir(&there).unwrap().next().is_none());
            continue;
        }
        let error = outcome.unwrap_err().to_string();
        assert!(error.contains("is a link") && error.contains(linked), "{linked}: {error}");
        assert_eq!(tree(tmp.path()), before, "{linked}");
        assert!(at.is_symlink(), "{linked}");
    }
    // The output's own path may be one, and a part that is one is written again.
    let tmp = tempfile::tempdir().unwrap();
    fs::create_dir(tmp.path().join("disk")).unwrap();
    symlink(tmp.path().join("disk"), tmp.path().join("a")).unwrap();
    let targets = [Target::folder(tmp.path().join("a"))];
    run(&targets, &[(0, "p", "1")]).unwrap();
    fs::rename(tmp.path().join("disk/p"), tmp.path().join("elsewhere")).unwrap();
    symlink(tmp.path().join("elsewhere"), tmp.path().join("disk/p")).unwrap();
    assert_eq!(run(&targets, &[(0, "p", "1")]).unwrap().outputs[0].restored, 1);
    assert!(!tmp.path().join("disk/p").is_symlink());
    assert_eq!(fs::read_to_string(tmp.path().join("elsewhere")).unwrap(), "1");
}

#[test]
fn a_manifest_names_files_of_the_output_alone() {
    let folder = |root: &Path| Target::folder(root.join("job/a"));
    let file = |root: &Path| Target::file(root.join("job/r.csv"));
    type Case = (fn(&Path) -> Target, &'static str, &'static str);
    let cases: [Case; 7] = [
        (folder, "parts", "../../victim"),
        (folder, "parts", "/etc/hostname"),
        (folder, "parts", "k/../../../victim"),
        (folder, "parts", "_highwater/manifest.json"),
        (folder, "state", "manifest.json"),
        (folder, "state", "state/../../../../victim"),
        (file, "parts", "neighbour.csv"),
    ];
    for (target, list, path) in cases {
        let tmp = tempfile::tempdir().unwrap();
        let target = [target(tmp.path())];
        run(&target, &[(0, "p", "1")]).unwrap();
        fs::write(tmp.path().join("victim"), "precious").unwrap();
        fs::write(tmp.path().join("job/neighbour.csv"), "precious").unwrap();
        let manifest = target[0].state().join("manifest.json");
        let mut value: serde_json::Value =
            serde_json::from_str(&fs::read_to_string(&manifest).unwrap()).unwrap();
        value[list] = serde_json::json!([{ "path": path, "rows": 1, "bytes": 1, "hash": "x" }]);
        fs::write(&manifest, value.to_string()).unwrap();
        let before = tree(tmp.path());
        for error in [run(&target, &[(0, "p", "1")]).unwrap_err(), target[0].manifest().unwrap_err()] {
            assert_eq!(error.kind(), Kind::Machine);
            assert!(error.message().contains(path) && error.message().contains("manifest.json"), "{error}");
        }
        assert_eq!(tree(tmp.path()), before, "{path}");
    }
}

#[test]
fn what_others_put_into_an_output_is_told() {
    let tmp = tempfile::tempdir().unwrap();
    let target = [Target::folder(tmp.path().join("a"))];
    run(&target, &[(0, "k=1/p", "1")]).unwrap();
    for name in ["k=1/extra.parquet", "k=1/_SUCCESS", ".hidden", "_k=2/more"] {
        fs::create_dir_all(tmp.path().join("a").join(name).parent().unwrap()).unwrap();
        fs::write(tmp.path().join("a").join(name), "x").unwrap();
    }
    let tx = Transaction::begin(&target).unwrap();
    let root = tmp.path().join("a");
    assert_eq!(tx.strangers(0).unwrap(), [root.join("_k=2/more"), root.join("k=1/extra.parquet")]);
}
