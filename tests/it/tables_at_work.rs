//! Tables in the hands of others: two writers at once, late events that are a table, rows of another engine.

use crate::support::{Answer, Lab};
use crate::table_reader::{Table, parquet_rows};
use serde_json::json;
use std::collections::BTreeSet;

fn ok(answer: Answer) -> Answer {
    assert_eq!(answer.code, 0, "{}{}", answer.out, answer.err);
    answer
}

fn table(lab: &Lab, name: &str) -> Table {
    Table::open(&lab.path(&format!("out/{name}")))
}

/// The rows of a plain output, sorted.
fn plain(lab: &Lab, name: &str) -> Vec<String> {
    let files = lab.data(&format!("plain/{name}"));
    let mut rows: Vec<String> =
        files.keys().flat_map(|path| parquet_rows(&lab.path(&format!("plain/{name}/{path}")))).collect();
    rows.sort();
    rows
}

/// How often two writers meet; a longer test says so by `HIGHWATER_ROUNDS`.
fn rounds() -> usize {
    std::env::var("HIGHWATER_ROUNDS").ok().and_then(|rounds| rounds.parse().ok()).unwrap_or(12)
}

#[test]
fn two_writers_at_once_lose_nothing_and_count_nothing_twice() {
    let lab = Lab::new();
    let job = |out: &str, table: &str| {
        format!(
            "[source]\npath = \"log.csv\"\ntime = \"at\"\n[[output]]\npath = \"{out}/hours\"\n{table}\
             window = {{ tumbling = \"1h\" }}\nby = [\"k\"]\nselect = {{ n = \"count(*)\" }}\npartition_by = [\"date\"]\n\
             [[output]]\npath = \"{out}/events\"\n{table}"
        )
    };
    lab.write("table.toml", job("out", "table = \"iceberg\"\n"));
    lab.write("plain.toml", job("plain", ""));
    lab.write("log.csv", "at,k\n2024-06-01T10:00:00Z,a\n2024-06-02T11:00:00Z,b\n");
    ok(lab.highwater(&["run", "table.toml"]));
    ok(lab.highwater(&["run", "plain.toml"]));
    let (mut refused, mut commits) = (0, 1);
    for round in 0..rounds() {
        let files = ["a", "b"].map(|writer| format!("late/{round}{writer}.csv"));
        for (number, file) in files.iter().enumerate() {
            // Each file is another one: a file with the same content would be known already.
            let (day, minute, second) = (1 + round % 3, round / 60, round % 60);
            let rows = format!("at,k\n2024-06-0{day}T12:{minute:02}:{second:02}Z,w{number}\n");
            lab.write(file, rows);
        }
        let answers: Vec<Answer> = std::thread::scope(|scope| {
            let start = |file| {
                let lab = &lab;
                scope.spawn(move || lab.highwater(&["backfill", "table.toml", file]))
            };
            let threads: Vec<_> = files.iter().map(|file| start(file.as_str())).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert!(answers.iter().any(|answer| answer.code == 0), "one of two writers wins");
        for (answer, file) in answers.iter().zip(&files).filter(|(answer, _)| answer.code != 0) {
            assert_eq!(answer.code, 4, "{}", answer.err);
            assert!(
                answer.err.contains("is being written by") || answer.err.contains("has committed"),
                "{}",
                answer.err
            );
            refused += 1;
            ok(lab.highwater(&["backfill", "table.toml", file]));
        }
        commits += 2;
        ok(lab.highwater(&["backfill", "plain.toml", &files[0], &files[1]]));
        for name in ["hours", "events"] {
            let table = table(&lab, name);
            assert_eq!(table.rows(table.current()), plain(&lab, name), "round {round}: {name}");
            assert_eq!(table.snapshots().len(), commits, "round {round}: {name}");
        }
    }
    println!("{refused} of {} writers were refused and came again", 2 * rounds());
}

#[test]
fn late_events_that_are_a_table_are_backfilled_by_its_folder() {
    let lab = Lab::new();
    // Of each hour the last event comes an hour later.
    let mut log = String::from("at,k\n");
    for hour in 0..8 {
        log += &format!("2024-06-01T{:02}:00:00Z,on time\n2024-06-01T{hour:02}:30:00Z,late\n", hour + 2);
    }
    lab.write("log.csv", log);
    let job = |out: &str, late: &str, table: &str| {
        format!(
            "[source]\npath = \"log.csv\"\ntime = \"at\"\n[late]\npath = \"{late}\"\n{table}\
             [[output]]\npath = \"{out}/hours\"\nmode = \"streamed\"\nwindow = {{ tumbling = \"1h\" }}\nby = [\"k\"]\n\
             select = {{ n = \"count(*)\" }}\npartition_by = [\"date\"]\n"
        )
    };
    lab.write("table.toml", job("out", "out/late", "table = \"iceberg\"\n"));
    lab.write("plain.toml", job("plain", "plain/late.jsonl", ""));
    ok(lab.highwater(&["run", "table.toml"]));
    ok(lab.highwater(&["run", "plain.toml"]));
    let late = table(&lab, "late");
    assert_eq!(late.rows(late.current()).len(), lab.text("plain/late.jsonl").lines().count());
    assert!(late.rows(late.current()).len() > 5);
    ok(lab.highwater(&["backfill", "table.toml", "out/late"]));
    ok(lab.highwater(&["backfill", "plain.toml", "plain/late.jsonl"]));
    let rows = |out: &str| {
        let files = lab.data(&format!("{out}/hours"));
        files
            .keys()
            .flat_map(|path| parquet_rows(&lab.path(&format!("{out}/hours/{path}"))))
            .collect::<Vec<_>>()
    };
    assert_eq!(rows("out"), rows("plain"));
    // The same events do not count twice.
    let before = lab.files("out");
    ok(lab.highwater(&["backfill", "table.toml", "out/late"]));
    assert!(lab.files("out") == before);
}

#[test]
fn rows_of_another_engine_become_a_snapshot() {
    let Some(library) = crate::on::library("HIGHWATER_DUCKDB_LIBRARY") else { return };
    let lab = Lab::new();
    lab.write("engines.toml", format!("[lake]\ndriver = \"{library}\"\n"));
    crate::on::log(&lab);
    let job = |out: &str, table: &str| {
        format!(
            "{}[[output]]\npath = \"{out}/days\"\n{table}window = {{ tumbling = \"1 day\" }}\nby = [\"shop\", \"item\"]\n\
             select = {{ n = \"count(*)\", total = \"sum(amount)\" }}\npartition_by = [\"date\"]\n\
             [[output]]\npath = \"{out}/events\"\n{table}partition_by = [\"date\", \"hour\"]\n",
            crate::on::SOURCE
        )
    };
    lab.write("table.toml", job("out", "table = \"iceberg\"\n"));
    lab.write("plain.toml", job("plain", ""));
    let compare = |snapshots: usize, what: &str| {
        ok(lab.highwater(&["run", "plain.toml"]));
        for name in ["days", "events"] {
            let table = table(&lab, name);
            assert_eq!(table.rows(table.current()), plain(&lab, name), "{what}: {name}");
            assert_eq!(table.snapshots().len(), snapshots, "{what}: {name}");
        }
    };
    ok(lab.highwater(&["run", "table.toml", "--on", "lake"]));
    compare(1, "run");
    ok(lab.highwater(&["run", "table.toml", "--on", "lake"]));
    compare(1, "again");
    // A run here takes what the engine has left.
    ok(lab.highwater(&["run", "table.toml"]));
    compare(1, "here");
    lab.write("in/c.csv", "at,shop,item,amount,qty\n2024-03-29T00:30:00Z,north,i1,5.00,1\n");
    ok(lab.highwater(&["backfill", "table.toml", "in/c.csv", "--on", "lake"]));
    compare(2, "backfill");
}

#[test]
fn a_table_is_not_adopted() {
    let lab = Lab::new();
    lab.write("log.csv", "at,k\n2024-06-01T10:00:00Z,a\n");
    let job = "[source]\npath = \"log.csv\"\ntime = \"at\"\n[[output]]\npath = \"out/hours\"\ntable = \"iceberg\"\n\
        window = { tumbling = \"1h\" }\nby = [\"k\"]\nselect = { n = \"count(*)\" }\n";
    lab.write("job.toml", job);
    let answer = lab.highwater(&["adopt", "job.toml"]);
    assert_eq!(answer.code, 2, "{}", answer.err);
    assert!(
        answer.err.contains("out/hours is a table, and `adopt` does not take over tables"),
        "{}",
        answer.err
    );
    assert!(answer.err.contains("adopt the results as a folder, without `table`"), "{}", answer.err);
}

#[test]
fn what_others_append_is_named_and_kept() {
    let lab = Lab::new();
    lab.write("log.csv", "at,k\n2024-06-01T10:00:00Z,a\n");
    lab.write("late.csv", "at,k\n2024-06-01T10:10:00Z,a\n");
    let job = "[source]\npath = \"log.csv\"\ntime = \"at\"\n[[output]]\npath = \"out/hours\"\ntable = \"iceberg\"\n\
        window = { tumbling = \"1h\" }\nby = [\"k\"]\nselect = { n = \"count(*)\" }\n";
    lab.done(job, &[]);
    let mut theirs = table(&lab, "hours").metadata;
    for operation in ["append", "replace", "overwrite", "delete"] {
        let mut snapshot = theirs["snapshots"][0].clone();
        snapshot["snapshot-id"] = json!(77);
        snapshot["summary"] = json!({ "operation": operation, "engine-name": "spark" });
        theirs["snapshots"] = json!([theirs["snapshots"][0], snapshot]);
        theirs["current-snapshot-id"] = json!(77);
        lab.write("out/hours/metadata/v2.metadata.json", theirs.to_string());
        let before: BTreeSet<_> = lab.files("out").into_iter().collect();
        for args in [&["run", "job.toml"][..], &["backfill", "job.toml", "late.csv"]] {
            let answer = lab.highwater(args);
            assert_eq!(answer.code, 4, "{operation}: {}", answer.err);
            assert!(answer.err.contains(&format!("`{operation}` by spark")), "{}", answer.err);
            assert_eq!(lab.files("out").into_iter().collect::<BTreeSet<_>>(), before, "{operation}");
        }
    }
}
