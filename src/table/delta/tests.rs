//! Logs as their specification has them, written by hand.

use super::log::LOG;
use super::snapshot;
use crate::error::Result;
use crate::table::SnapshotChoice;
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};

struct DeltaLab(tempfile::TempDir);

impl DeltaLab {
    /// A table whose commits have these actions.
    fn of(commits: &[Vec<Value>]) -> DeltaLab {
        let lab = DeltaLab(tempfile::tempdir().unwrap());
        fs::create_dir(lab.path().join(LOG)).unwrap();
        commits.iter().enumerate().for_each(|(version, actions)| lab.commit(version, actions));
        lab
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn commit(&self, version: usize, actions: &[Value]) {
        let lines: Vec<String> = actions.iter().map(Value::to_string).collect();
        let path = self.path().join(LOG).join(format!("{version:020}.json"));
        fs::write(path, lines.join("\n") + "\n").unwrap();
    }

    fn files(&self, names: &[&str]) {
        for name in names {
            let path = self.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "PAR1").unwrap();
        }
    }

    fn read(&self, choice: SnapshotChoice) -> Result<(i64, Vec<String>)> {
        let snapshot = snapshot(self.path(), choice)?;
        let name = |path: &PathBuf| path.strip_prefix(self.path()).unwrap().display().to_string();
        Ok((snapshot.number, snapshot.files.iter().map(name).collect()))
    }

    fn refused(&self) -> String {
        self.read(SnapshotChoice::Current).unwrap_err().to_string()
    }
}

fn protocol() -> Value {
    json!({ "protocol": { "minReaderVersion": 1, "minWriterVersion": 2 } })
}

fn metadata(partition: &[&str]) -> Value {
    json!({ "metaData": { "id": "x", "format": { "provider": "parquet", "options": {} }, "schemaString": "{}",
        "partitionColumns": partition, "configuration": {} } })
}

fn add(path: &str) -> Value {
    json!({ "add": { "path": path, "partitionValues": {}, "size": 4, "modificationTime": 0, "dataChange": true } })
}

fn remove(path: &str) -> Value {
    json!({ "remove": { "path": path, "deletionTimestamp": 0, "dataChange": true } })
}

fn at(ms: i64) -> Value {
    json!({ "commitInfo": { "timestamp": ms, "operation": "WRITE" } })
}

#[test]
fn files_come_and_go_by_version_and_instant() {
    let lab = DeltaLab::of(&[
        vec![protocol(), metadata(&[]), add("a.parquet"), at(1_000)],
        vec![at(2_000), remove("a.parquet"), add("b%20c.parquet")],
        // The clock of this writer is behind.
        vec![at(1_500), add("d.parquet")],
    ]);
    lab.files(&["a.parquet", "b c.parquet", "d.parquet"]);
    let of = |choice| lab.read(choice).unwrap();
    let second = (1, vec!["b c.parquet".to_string()]);
    assert_eq!(of(SnapshotChoice::Current), (2, vec!["b c.parquet".to_string(), "d.parquet".to_string()]));
    assert_eq!(of(SnapshotChoice::Number(0)), (0, vec!["a.parquet".to_string()]));
    assert_eq!(of(SnapshotChoice::Number(1)), second);
    assert_eq!(of(SnapshotChoice::AsOf(1_999_999)).0, 0);
    assert_eq!(of(SnapshotChoice::AsOf(2_000_000)).0, 2);
    for (choice, said) in [
        (SnapshotChoice::Number(3), "does not have a version 3"),
        (SnapshotChoice::Number(-1), "does not have a version -1"),
        (SnapshotChoice::AsOf(999_999), "does not have a version from before 1970-01-01T00:00:00.999999Z"),
    ] {
        let error = lab.read(choice).unwrap_err().to_string();
        assert!(error.contains(said), "{error}");
    }
    fs::remove_file(lab.path().join("d.parquet")).unwrap();
    assert!(lab.refused().contains("is part of the table"), "{}", lab.refused());
}

#[test]
fn a_commit_that_is_missing_is_not_passed_over() {
    let lab = DeltaLab::of(&[
        vec![protocol(), metadata(&[]), add("a.parquet")],
        vec![remove("a.parquet")],
        vec![add("b.parquet")],
    ]);
    lab.files(&["a.parquet", "b.parquet"]);
    fs::remove_file(lab.path().join(LOG).join(format!("{:020}.json", 1))).unwrap();
    assert!(lab.refused().contains("does not have the commit 1 any more"), "{}", lab.refused());
    lab.commit(1, &[json!("x")]);
    assert_eq!(
        lab.read(SnapshotChoice::Current).unwrap().1.len(),
        2,
        "a line that is not an object does nothing"
    );
    fs::write(lab.path().join(LOG).join(format!("{:020}.json", 1)), "{\"add\":{}}\n").unwrap();
    assert!(lab.refused().contains(".json:1 is not an action of a log"), "{}", lab.refused());
}

#[test]
fn what_files_do_not_hold_is_refused_by_name() {
    let protocol_of = |features: &[&str]| json!({ "protocol": { "minReaderVersion": 3, "minWriterVersion": 7, "readerFeatures": features } });
    let with = |first: Vec<Value>| {
        let lab = DeltaLab::of(&[first]);
        lab.files(&["a.parquet"]);
        lab.refused()
    };
    let mut deleted = add("a.parquet");
    deleted["add"]["deletionVector"] = json!({ "storageType": "u", "cardinality": 1 });
    let said = with(vec![protocol_of(&["deletionVectors"]), metadata(&[]), deleted]);
    assert!(said.contains("a.parquet are deleted by a deletion vector"), "{said}");
    let said = with(vec![protocol_of(&["timestampNtz", "variantType"]), metadata(&[]), add("a.parquet")]);
    assert!(said.contains("needs the feature `variantType`"), "{said}");
    let mut mapped = metadata(&[]);
    mapped["metaData"]["configuration"] = json!({ "delta.columnMapping.mode": "name" });
    let said = with(vec![protocol(), mapped, add("a.parquet")]);
    assert!(said.contains("column mapping"), "{said}");
    let mut coordinated = metadata(&[]);
    coordinated["metaData"]["configuration"] =
        json!({ "delta.coordinatedCommits.commitCoordinator-preview": "x" });
    let said = with(vec![protocol(), coordinated, add("a.parquet")]);
    assert!(said.contains("known to its coordinator alone"), "{said}");
    let said = with(vec![protocol(), metadata(&[]), add("hdfs://host/a.parquet")]);
    assert!(said.contains("is on a store"), "{said}");
}

#[test]
fn values_of_partitions_stand_in_folders_or_the_table_is_refused() {
    let of = |path: &str, value: Value| {
        let mut file = add(path);
        file["add"]["partitionValues"] = json!({ "k": value });
        DeltaLab::of(&[vec![protocol(), metadata(&["k"]), file]])
    };
    // The path of the log has the escapes of a URL around those of folders.
    let lab = of("k=a%252Fb/f.parquet", json!("a/b"));
    lab.files(&["k=a%2Fb/f.parquet"]);
    assert_eq!(lab.read(SnapshotChoice::Current).unwrap().1, ["k=a%2Fb/f.parquet"]);
    let lab = of("k=__HIVE_DEFAULT_PARTITION__/f.parquet", Value::Null);
    lab.files(&["k=__HIVE_DEFAULT_PARTITION__/f.parquet"]);
    assert!(lab.read(SnapshotChoice::Current).is_ok());
    for (path, value) in
        [("f.parquet", json!("a")), ("k=b/f.parquet", json!("a")), ("k=a/f.parquet", Value::Null)]
    {
        let lab = of(path, value);
        lab.files(&[path]);
        assert!(
            lab.refused().contains("in the partition column `k`, which its folders do not tell"),
            "{}",
            lab.refused()
        );
    }
}
