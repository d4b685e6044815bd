//! Folders of Flink and Spark, and of tables, as their documentation shows them.

use super::super::files::expand;
use crate::input::{InputFormat, Inputs};
use std::fs;

struct FolderTree(tempfile::TempDir);

impl FolderTree {
    /// Files with a line of CSV in each, or the content behind `=>`.
    fn of(files: &[&str]) -> FolderTree {
        let tree = FolderTree(tempfile::tempdir().unwrap());
        for file in files {
            let (name, content) = file.split_once(" => ").unwrap_or((file, "a,b\n1,2\n"));
            let path = tree.0.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content).unwrap();
        }
        tree
    }

    fn at(&self, pattern: &str) -> Vec<String> {
        vec![self.0.path().join(pattern).display().to_string()]
    }

    fn shown(&self, text: String) -> String {
        let real = fs::canonicalize(self.0.path()).unwrap();
        text.replace(&self.0.path().display().to_string(), "@").replace(&real.display().to_string(), "@")
    }

    fn files(&self, pattern: &str) -> Vec<String> {
        let files =
            expand(&self.at(pattern), None, &Inputs::default()).unwrap_or_else(|e| panic!("{e}")).files;
        files.iter().map(|f| f.path.strip_prefix(self.0.path()).unwrap().display().to_string()).collect()
    }

    fn notes(&self, pattern: &str) -> String {
        self.shown(expand(&self.at(pattern), None, &Inputs::default()).unwrap().notes.join("\n"))
    }

    fn refused(&self, pattern: &str) -> String {
        self.shown(expand(&self.at(pattern), None, &Inputs::default()).unwrap_err().to_string())
    }
}

#[test]
fn what_flink_has_not_finished_is_left_out() {
    let tree = FolderTree::of(&[
        "2024-06-01--00/part-4b1c-0",
        "2024-06-01--00/part-4b1c-1.csv",
        "2024-06-01--00/.part-4b1c-2.inprogress.2f3a",
        "2024-06-01--00/part-4b1c-3.inprogress.2f3a",
        "2024-06-01--01/_part-0-0.in-progress",
        "2024-06-01--01/_part-0-1.pending",
        "2024-06-01--01/part-0-2.pending.csv",
        "2024-06-01--01/part-0-10.csv",
        "notes => one, two\nthree, four\n",
    ]);
    let finished =
        ["2024-06-01--00/part-4b1c-0", "2024-06-01--00/part-4b1c-1.csv", "2024-06-01--01/part-0-10.csv"];
    assert_eq!(tree.files(""), finished);
    assert_eq!(tree.files("2024*"), finished[..].iter().map(|s| s.to_string()).collect::<Vec<_>>());
    assert_eq!(tree.files("*/part*"), finished);
    assert_eq!(
        tree.notes(""),
        "5 files that Flink has not finished are left out: they are in progress or pending"
    );
    assert_eq!(tree.notes("2024-06-01--00/part-4b1c-0"), "");
    let refused = tree.refused("2024-06-01--01/_part*");
    assert!(refused.contains("no file matches") && refused.contains("2 files that Flink"), "{refused}");
}

#[test]
fn parts_without_an_ending_are_told_by_what_they_hold() {
    let tree = FolderTree::of(&[
        "json/part-0-0 => {\"a\":1}\n{\"a\":2}\n",
        "json/data => {\"a\":3}\n",
        "csv/part-0-0",
        "csv/README => some words\nand more, words\n",
        "parquet/part-0-0 => PAR1x",
        "avro/part-0-0 => Obj\u{1}x",
        "none/part-0-0 => what\n",
    ]);
    let formats = |pattern: &str| {
        let files = expand(&tree.at(pattern), None, &Inputs::default()).unwrap().files;
        files.iter().map(|file| file.format).collect::<Vec<_>>()
    };
    assert_eq!(formats("json"), [InputFormat::JsonLines; 2]);
    assert_eq!(formats("csv"), [InputFormat::Csv]);
    assert_eq!(formats("parquet/part-0-0"), [InputFormat::Parquet]);
    assert_eq!(formats("avro/*"), [InputFormat::Avro]);
    assert!(tree.refused("none").contains("no data files"));
    assert!(tree.refused("none/part-0-0").contains("does not show the format"));
}

#[test]
fn marks_of_spark_are_no_data_and_their_absence_is_said() {
    let part = "part-00000-9c1d-c000.csv";
    let tree = FolderTree::of(&[
        &format!("ended/{part}"),
        &format!("ended/.{part}.crc"),
        &format!("ended/{part}.crc"),
        "ended/_SUCCESS => ",
        "ended/_committed_123 => {}",
        "ended/_started_123 => ",
        &format!("parted/date=2024-06-01/{part}"),
        "parted/_SUCCESS => ",
        &format!("torn/{part}"),
        &format!("torn/_temporary/0/task/{part}"),
        &format!("open/{part}"),
        "flink/part-0-0.csv",
    ]);
    for pattern in ["ended", "ended/*"] {
        assert_eq!(tree.files(pattern), [format!("ended/{part}")]);
        assert_eq!(tree.notes(pattern), "");
    }
    assert_eq!(tree.notes("parted"), "");
    assert_eq!(tree.notes("parted/date=2024-06-01"), "");
    assert_eq!(tree.files("torn"), [format!("torn/{part}")]);
    assert_eq!(tree.notes("torn"), "@/torn/_temporary exists: a Spark job is writing, or did not finish");
    assert_eq!(tree.notes("open"), "@/open has no _SUCCESS: the job that wrote it may not have finished");
    assert_eq!(tree.notes("flink"), "");
}

fn entry(path: &str, action: &str) -> String {
    format!(
        "{{\"path\":\"file:///was/here/{path}\",\"size\":8,\"isDir\":false,\"modificationTime\":1717200000000,\
         \"blockReplication\":1,\"blockSize\":33554432,\"action\":\"{action}\"}}"
    )
}

/// A streaming query that was moved: batches 0 to 2, of which 0 and 1 are compact; its file of batch 3 is not committed.
fn query() -> FolderTree {
    let log = |lines: &[String]| format!("v1\n{}", lines.join("\n"));
    let (zero, one) =
        (entry("date=2024-06-01/part-0.csv", "add"), entry("date=2024-06-01/part-1.csv", "add"));
    let (two, gone) = (entry("name=a%20b/part-2.csv", "add"), entry("date=2024-06-01/part-1.csv", "delete"));
    FolderTree::of(&[
        "q/date=2024-06-01/part-0.csv",
        "q/date=2024-06-01/part-1.csv",
        "q/date=2024-06-01/part-3.csv",
        "q/name=a b/part-2.csv",
        &format!("q/_spark_metadata/0 => {}", log(&[entry("date=2024-06-01/part-3.csv", "add")])),
        &format!("q/_spark_metadata/1.compact => {}", log(&[zero, one])),
        &format!("q/_spark_metadata/2 => {}", log(&[two, gone])),
        "q/_spark_metadata/.2.crc => x",
    ])
}

#[test]
fn of_a_streaming_query_of_spark_what_is_committed_is_read() {
    let tree = query();
    assert_eq!(tree.files("q"), ["q/date=2024-06-01/part-0.csv", "q/name=a b/part-2.csv"]);
    assert_eq!(tree.files("q/date=*"), ["q/date=2024-06-01/part-0.csv"]);
    assert_eq!(tree.files("q/*/*.csv"), ["q/date=2024-06-01/part-0.csv", "q/name=a b/part-2.csv"]);
    assert_eq!(tree.notes("q"), "2 files are left out: not committed in @/q/_spark_metadata");
    assert_eq!(tree.notes("q/*/*.csv"), "2 files are left out: not committed in @/q/_spark_metadata");
    // Named one by one, a file is meant.
    assert_eq!(tree.files("q/date=2024-06-01/part-3.csv"), ["q/date=2024-06-01/part-3.csv"]);
    fs::remove_file(tree.0.path().join("q/name=a b/part-2.csv")).unwrap();
    let refused = tree.refused("q");
    assert!(refused.contains("@/q/name=a b/part-2.csv is committed in @/q/_spark_metadata, but is missing"));
    assert_eq!(tree.files("q/date=*"), ["q/date=2024-06-01/part-0.csv"]);
}

#[test]
fn a_log_of_spark_that_is_not_known_is_refused() {
    for (content, said) in [
        ("v2\n", "its first line is `v2`"),
        ("v1\n{", "0:2 is not an entry"),
        ("v1\n{\"path\":\"/a\"}", "neither add nor delete"),
    ] {
        let tree = FolderTree::of(&["q/a.csv", &format!("q/_spark_metadata/0 => {content}")]);
        assert!(tree.refused("q").contains(said), "{}", tree.refused("q"));
    }
}

#[test]
fn tables_are_refused_wherever_one_enters_them() {
    let tree = FolderTree::of(&[
        "delta/_delta_log/00000000000000000000.json => {}",
        "delta/date=2024-06-01/part-00000.parquet => PAR1",
        "lake/t/metadata/v1.metadata.json => {}",
        "lake/t/data/a.parquet => PAR1",
        "hudi/.hoodie/hoodie.properties => x",
        "hudi/2024/a.parquet => PAR1",
        "plain/metadata/notes.json => {}",
        "plain/a.csv",
    ]);
    for pattern in ["delta/*/*.parquet", "delta/date=2024-06-01/part-00000.parquet", "delta/date=2024-06-01"]
    {
        let refused = tree.refused(pattern);
        assert!(refused.contains("@/delta is a table of Delta Lake"), "{refused}");
        assert!(refused.contains("name the folder of the table itself"), "{refused}");
    }
    for pattern in ["lake", "lake/t/data", "lake/*/data/*.parquet"] {
        let refused = tree.refused(pattern);
        assert!(refused.contains("lake/t is a table of Apache Iceberg"), "{refused}");
        assert!(refused.contains("name the folder of the table itself"), "{refused}");
    }
    // Their folders are read by their logs, and these are none.
    assert!(tree.refused("delta").contains("does not have a protocol"), "{}", tree.refused("delta"));
    assert!(
        tree.refused("lake/t").contains("is not metadata of an Iceberg table"),
        "{}",
        tree.refused("lake/t")
    );
    for pattern in ["hudi", "hudi/2024/*"] {
        assert!(tree.refused(pattern).contains("@/hudi is a table of Apache Hudi"));
    }
    assert_eq!(tree.files("plain/a.csv"), ["plain/a.csv"]);
}
