//! The law split of tables of Delta Lake, at every version: after random backfills and retractions each version has the rows of a
//! run over the files that were counted then. A reader that shares no code with the writer reads the log.

use crate::delta_reader::DeltaLogReader;
use crate::laws::cases;
use crate::support::Lab;
use crate::table_reader::parquet_rows;
use proptest::prelude::*;
use std::collections::BTreeSet;
use std::fs;

/// A file of events: the minute, the key, the amount in cents.
type EventFile = Vec<(u32, usize, i32)>;

const KEYS: [&str; 5] = ["a", "b", "c/d e", "Zürich", ""];

fn file() -> impl Strategy<Value = EventFile> {
    prop::collection::vec((0u32..400, 0..KEYS.len(), -999i32..999), 1..8)
}

/// The partitions of the two tables.
fn partitions() -> impl Strategy<Value = (&'static str, &'static str)> {
    let one = || {
        prop::sample::select(vec![
            "",
            "\"date\", \"hour\"",
            "\"hour\"",
            "\"k\"",
            "\"hour\", \"k\"",
            "\"month\"",
        ])
    };
    (one(), one())
}

fn csv(events: &EventFile) -> String {
    let line = |(minute, key, cents): &(u32, usize, i32)| {
        let (hour, minute) = (minute / 60 % 24, minute % 60);
        format!(
            "2024-06-01T{hour:02}:{minute:02}:30Z,{},{}.{:02}\n",
            KEYS[*key],
            cents / 100,
            (cents % 100).abs()
        )
    };
    "at,k,v\n".to_string() + &events.iter().map(line).collect::<String>()
}

/// The job over these files, with tables or with plain folders in `out`.
fn job(files: &[String], out: &str, table: &str, (events, groups): (&str, &str)) -> String {
    format!(
        "name = \"j\"\n[source]\npath = {files:?}\ntime = \"at\"\ntypes = {{ v = \"decimal(9,2)\", k = \"string\" }}\n\
         [[output]]\npath = \"{out}/events\"\n{table}partition_by = [{events}]\n\
         [[output]]\npath = \"{out}/archive\"\narchive = true\n\
         [[output]]\npath = \"{out}/groups\"\n{table}window = {{ tumbling = \"30m\" }}\nby = [\"k\"]\n\
         select = {{ n = \"count(*)\", total = \"sum(v)\", mean = \"avg(v)\" }}\npartition_by = [{groups}]\n"
    )
}

/// The rows of a plain output as text, sorted.
fn plain(lab: &Lab, output: &str) -> Vec<String> {
    let files = lab.data(output);
    let mut rows: Vec<String> =
        files.keys().flat_map(|path| parquet_rows(&lab.path(&format!("{output}/{path}")))).collect();
    rows.sort();
    rows
}

proptest! {
    #![proptest_config(cases(12))]

    #[test]
    fn each_version_has_the_rows_of_a_run_over_what_was_counted(
        first in file(),
        later in prop::collection::vec(file(), 3),
        goes in prop::collection::vec(0usize..3, 1..7),
        by in partitions(),
        interval in 1u32..5,
    ) {
        let lab = Lab::new();
        lab.write("log/0.csv", csv(&first));
        later.iter().enumerate().for_each(|(at, events)| lab.write(&format!("late/{at}.csv"), csv(events)));
        lab.write("table.toml", job(&["log/0.csv".into()], "out", "table = \"delta\"\n", by));
        let highwater = |args: &[&str]| {
            let answer = lab.highwater(args);
            assert_eq!(answer.code, 0, "{args:?}: {}", answer.err);
        };
        highwater(&["run", "table.toml", "--quiet"]);
        // Another program asks for checkpoints as often.
        for name in ["events", "groups"] {
            let table = DeltaLogReader::open(&lab.path(&format!("out/{name}")));
            let mut metadata = table.last(0, "metaData").clone();
            metadata["configuration"]["delta.checkpointInterval"] = interval.to_string().into();
            let action = serde_json::json!({ "metaData": metadata });
            lab.write(&format!("out/{name}/_delta_log/00000000000000000001.json"), format!("{action}\n"));
        }
        let mut counted = BTreeSet::new();
        let mut seen: Vec<(&str, u64, Vec<String>)> = vec![];
        for at in goes {
            let file = format!("late/{at}.csv");
            // What is counted is retracted, and what is not is given.
            if counted.insert(at) {
                highwater(&["backfill", "table.toml", &file, "--quiet"]);
            } else {
                counted.remove(&at);
                highwater(&["backfill", "table.toml", &file, "--retract", "--quiet"]);
            }
            let files: Vec<String> = ["log/0.csv".into()]
                .into_iter()
                .chain(counted.iter().map(|at| format!("late/{at}.csv")))
                .collect();
            let _ = fs::remove_dir_all(lab.path("plain"));
            lab.write("plain.toml", job(&files, "plain", "", by));
            highwater(&["run", "plain.toml", "--quiet"]);
            for name in ["events", "groups"] {
                let table = DeltaLogReader::open(&lab.path(&format!("out/{name}")));
                let rows = plain(&lab, &format!("plain/{name}"));
                prop_assert_eq!(&table.rows(table.current()), &rows, "{}", name);
                seen.push((name, table.current(), rows));
            }
        }
        for (name, version, rows) in &seen {
            let table = DeltaLogReader::open(&lab.path(&format!("out/{name}")));
            prop_assert_eq!(&table.rows(*version), rows, "{} at {}", name, version);
            let path = lab.path(&format!("out/{name}/_delta_log/{version:020}.checkpoint.parquet"));
            if path.exists() {
                prop_assert_eq!(table.checkpoint(*version), table.files(*version).into_keys().collect());
            }
        }
        for name in ["events", "groups"] {
            let table = DeltaLogReader::open(&lab.path(&format!("out/{name}")));
            let newest = table.checkpoints();
            let due = table.current() >= u64::from(interval);
            prop_assert_eq!(!newest.is_empty(), due, "{:?}", newest);
        }
    }
}
