//! Outputs that are tables of Delta Lake: what their versions have, beside plain folders of the same job; what is refused.

use crate::delta_reader::DeltaLogReader;
use crate::support::{Answer, Lab};
use crate::table_reader::parquet_rows;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;

const LOG: &str = "at,user,code,price\n\
    2024-02-28T22:10:00Z,u1,A,1.50\n2024-02-28T22:59:59.999999Z,u2,B,2.25\n2024-02-28T23:00:00Z,u1,A,0.25\n\
    2024-02-29T00:05:00Z,u3,,10.00\n2024-02-29T00:06:00Z,u3,Zürich an der Limmat mit langem Namen,7.00\n2024-03-01T05:00:00Z,u4,a=b/c d,0.01\n";
const LATE: &str = "at,user,code,price\n2024-02-28T22:20:00Z,u9,A,100.00\n2024-02-28T22:20:30Z,u9,C,1.00\n";

/// The job with tables in `out`, or with plain folders.
fn job(out: &str, table: &str, more: &str) -> String {
    format!(
        "name = \"views\"\n[source]\npath = \"log/*.csv\"\ntime = \"at\"\ntypes = {{ price = \"decimal(9,2)\" }}\n\
         [[output]]\npath = \"{out}/events\"\n{table}partition_by = [\"date\", \"hour\"]\n\
         [[output]]\npath = \"{out}/archive\"\narchive = true\npartition_by = [\"date\"]\n\
         [[output]]\npath = \"{out}/views\"\n{table}window = {{ tumbling = \"1m\" }}\nby = [\"code\"]\n\
         select = {{ n = \"count(*)\", total = \"sum(price)\", mean = \"avg(price)\" {more} }}\npartition_by = [\"date\", \"hour\"]\n\
         [[output]]\npath = \"{out}/codes\"\n{table}window = {{ tumbling = \"1 day\" }}\nby = [\"code\"]\n\
         select = {{ n = \"count(*)\" }}\npartition_by = [\"month\", \"code\"]\n\
         [[output]]\npath = \"{out}/whole\"\n{table}by = [\"code\"]\nselect = {{ n = \"count(*)\" }}\n"
    )
}

const TABLES: [&str; 4] = ["events", "views", "codes", "whole"];

fn lab() -> Lab {
    let lab = Lab::new();
    lab.write("log/1.csv", LOG);
    lab.write("late.csv", LATE);
    describe(&lab, "");
    lab
}

fn describe(lab: &Lab, more: &str) {
    lab.write("table.toml", job("out", "table = \"delta\"\n", more));
    lab.write("plain.toml", job("plain", "", more));
}

fn ok(answer: Answer) -> Answer {
    assert_eq!(answer.code, 0, "{}{}", answer.out, answer.err);
    answer
}

/// The same command on both jobs.
fn both(lab: &Lab, args: &[&str]) {
    for job in ["table.toml", "plain.toml"] {
        let args: Vec<&str> = args.iter().map(|arg| if *arg == "JOB" { job } else { arg }).collect();
        ok(lab.highwater(&args));
    }
}

fn table(lab: &Lab, name: &str) -> DeltaLogReader {
    DeltaLogReader::open(&lab.path(&format!("out/{name}")))
}

/// The tables have what the plain folders have, file by file.
fn alike(lab: &Lab, what: &str) {
    for name in TABLES {
        let table = table(lab, name);
        let files = lab.data(&format!("plain/{name}"));
        let plain = |path: &String| parquet_rows(&lab.path(&format!("plain/{name}/{path}")));
        let mut rows: Vec<String> = files.keys().flat_map(plain).collect();
        rows.sort();
        assert_eq!(table.rows(table.current()), rows, "{what}: {name}");
        let folder =
            |path: &str| path.rsplit_once('/').map_or(String::new(), |(folder, _)| folder.to_string());
        let folders: BTreeSet<String> = files.keys().map(|path| folder(path)).collect();
        let place = |path: &String| {
            let place = table.place(path);
            folder(place.strip_prefix(&table.folder).unwrap().to_str().unwrap())
        };
        let own = table.files(table.current());
        assert_eq!(own.keys().map(place).collect::<BTreeSet<_>>(), folders, "{what}: {name}");
        assert_eq!(own.len(), folders.len(), "{what}: {name}");
    }
}

#[test]
fn each_command_is_one_version_that_replaces_what_changes() {
    let lab = lab();
    both(&lab, &["run", "JOB"]);
    alike(&lab, "run");
    let first = lab.files("out");
    both(&lab, &["run", "JOB"]);
    assert!(lab.files("out") == first, "a second run changed something");
    both(&lab, &["backfill", "JOB", "late.csv"]);
    alike(&lab, "backfill");
    both(&lab, &["backfill", "JOB", "late.csv"]);
    both(&lab, &["backfill", "JOB", "late.csv", "--retract"]);
    alike(&lab, "retraction");
    describe(&lab, ", most = \"max(price)\"");
    both(&lab, &["run", "JOB"]);
    alike(&lab, "edit");
    insta::assert_snapshot!(
        TABLES.map(|name| format!("{name}: {}", table(&lab, name).operations().join(", "))).join("\n"), @r"
    events: WRITE +4 -0, WRITE +1 -1, WRITE +1 -1, WRITE +0 -0
    views: WRITE +4 -0, WRITE +1 -1, WRITE +1 -1, WRITE +4 -4
    codes: WRITE +5 -0, WRITE +2 -1, WRITE +1 -2, WRITE +0 -0
    whole: WRITE +1 -0, WRITE +1 -1, WRITE +1 -1, WRITE +0 -0
    ");
    // Each older version has the rows that it had, and what a retraction brings back are the files that were there.
    let views = table(&lab, "views");
    assert_eq!((0..4).map(|version| views.rows(version).len()).collect::<Vec<_>>(), [6, 8, 6, 6]);
    assert_eq!(
        views.files(0).into_keys().collect::<Vec<_>>(),
        views.files(2).into_keys().collect::<Vec<_>>()
    );
    // Partition columns are columns of the table, and an edit adds its column.
    insta::assert_snapshot!([0, 3].map(|version| views.columns(version).0.join(", ")).join("\n"), @r"
    window_start timestamp, window_end timestamp, code string, n long, total decimal(38,2), mean double, date date, hour long
    window_start timestamp, window_end timestamp, code string, n long, total decimal(38,2), mean double, most decimal(9,2), date date, hour long
    ");
    assert_eq!(views.columns(3).1, json!(["date", "hour"]));
    assert_eq!(views.last(3, "protocol"), &json!({ "minReaderVersion": 1, "minWriterVersion": 2 }));
    assert_eq!(views.last(3, "txn")["version"], json!(3));
    // A column that is dropped leaves the schema.
    describe(&lab, "");
    both(&lab, &["run", "JOB"]);
    alike(&lab, "edit back");
    assert_eq!(table(&lab, "views").columns(4).0, views.columns(0).0);
}

#[test]
fn the_log_tells_partitions_and_bounds() {
    let lab = lab();
    ok(lab.highwater(&["run", "table.toml"]));
    let views = table(&lab, "views");
    let mut partitions = vec![];
    for (path, add) in views.files(0) {
        partitions.push(add["partitionValues"].to_string());
        let stats: Value = serde_json::from_str(add["stats"].as_str().unwrap()).unwrap();
        if path.contains("date=2024-02-29") {
            insta::assert_snapshot!(serde_json::to_string_pretty(&stats).unwrap(), @r#"
            {
              "numRecords": 2,
              "minValues": {
                "window_start": "2024-02-29T00:05:00.000Z",
                "window_end": "2024-02-29T00:06:00.000Z",
                "code": "Zürich an der Limmat mit langem ",
                "n": 1,
                "total": 7.00,
                "mean": 7.0
              },
              "maxValues": {
                "window_start": "2024-02-29T00:06:00.000Z",
                "window_end": "2024-02-29T00:07:00.000Z",
                "code": "Zürich an der Limmat mit langem!",
                "n": 1,
                "total": 10.00
              },
              "nullCount": {
                "window_start": 0,
                "window_end": 0,
                "code": 1,
                "n": 0,
                "total": 0,
                "mean": 0
              }
            }
            "#);
        }
    }
    assert_eq!(
        partitions,
        [
            "{\"date\":\"2024-02-28\",\"hour\":\"22\"}",
            "{\"date\":\"2024-02-28\",\"hour\":\"23\"}",
            "{\"date\":\"2024-02-29\",\"hour\":\"0\"}",
            "{\"date\":\"2024-03-01\",\"hour\":\"5\"}",
        ]
    );
    // The instant that a millisecond cannot tell is inside of its bounds.
    let events = table(&lab, "events");
    let at = |(_, add): (String, Value)| {
        let stats: Value = serde_json::from_str(add["stats"].as_str().unwrap()).unwrap();
        stats["maxValues"]["at"].as_str().unwrap().to_string()
    };
    let most: Vec<String> = events.files(0).into_iter().map(at).collect();
    assert_eq!(most[0], "2024-02-28T23:00:00.000Z");
    // NULL, and letters that a path escapes.
    let codes: Vec<(String, String)> = table(&lab, "codes")
        .files(0)
        .into_iter()
        .map(|(path, add)| (path.rsplit_once('/').unwrap().0.to_string(), add["partitionValues"].to_string()))
        .collect();
    assert!(
        codes.contains(&(
            "month=02/code=__HIVE_DEFAULT_PARTITION__".into(),
            "{\"code\":null,\"month\":\"2\"}".into()
        )),
        "{codes:?}"
    );
    let escaped = "month=03/code=a%253Db%252Fc%20d".to_string();
    assert!(codes.contains(&(escaped, "{\"code\":\"a=b/c d\",\"month\":\"3\"}".into())), "{codes:?}");
}

#[test]
fn equal_histories_have_equal_parts_and_ids_on_any_machine() {
    let lab = lab();
    let mut seen = vec![];
    for threads in ["1", "2", "4"] {
        let _ = fs::remove_dir_all(lab.path("out"));
        for args in [&["run", "table.toml"][..], &["backfill", "table.toml", "late.csv"]] {
            ok(lab.highwater(&[args, &["--threads", threads, "--memory", "100KB"]].concat()));
        }
        let ids = TABLES.map(|name| table(&lab, name).last(1, "metaData")["id"].clone());
        let mut parts = lab.data("out");
        // Commits have the time.
        parts.retain(|path, _| !(path.contains("/_delta_log/0") && path.ends_with(".json")));
        seen.push((ids, parts));
    }
    assert!(seen[0] == seen[1] && seen[1] == seen[2]);
}

#[test]
fn other_partitions_replace_all_files() {
    let lab = lab();
    ok(lab.highwater(&["run", "table.toml"]));
    let text = lab.text("table.toml").replace("[\"month\", \"code\"]", "[\"date\"]");
    lab.write("table.toml", text);
    ok(lab.highwater(&["run", "table.toml"]));
    let codes = table(&lab, "codes");
    assert_eq!((codes.columns(0).1, codes.columns(1).1), (json!(["month", "code"]), json!(["date"])));
    assert_eq!((codes.files(0).len(), codes.files(1).len()), (5, 3));
    assert!(
        codes.files(1).values().all(|add| add["partitionValues"].as_object().unwrap().contains_key("date"))
    );
    assert_eq!(codes.rows(1).len(), 5);
}

#[test]
fn what_does_not_fit_is_refused_by_name() {
    let lab = lab();
    ok(lab.highwater(&["run", "table.toml"]));
    let before = lab.files("out");
    let refused = |job: &str, code: i32| {
        lab.write("wrong.toml", job);
        let answer = lab.highwater(&["run", "wrong.toml"]);
        assert_eq!(answer.code, code, "{}", answer.err);
        answer.err
    };
    let base = lab.text("table.toml");
    let error = refused(&base.replace("avg(price)", "min(code)"), 2);
    assert!(
        error.contains("the column `mean` of the table")
            && error.contains("is double, and the job now gives string"),
        "{error}"
    );
    // Another kind of output in its place, and it in the place of another.
    let error = refused(&base.replace("table = \"delta\"\n", ""), 2);
    assert!(error.contains("files that Highwater did not write"), "{error}");
    let error = refused(&base.replace("\"delta\"", "\"iceberg\""), 2);
    assert!(error.contains("which is a table of another format (delta)"), "{error}");
    ok(lab.highwater(&["run", "plain.toml"]));
    let error = refused(&job("plain", "table = \"delta\"\n", ""), 2);
    assert!(error.contains("is an output of Highwater, but not a table"), "{error}");
    // A source that would read files of older versions.
    for path in ["out/views/**/*.parquet", "out"] {
        let error = refused(
            &format!(
                "[source]\npath = \"{path}\"\ntime = \"window_start\"\n[[output]]\npath = \"x\"\nby = [\"code\"]\nselect = {{ n = \"count(*)\" }}\n"
            ),
            2,
        );
        assert!(error.contains("is a table of Delta Lake"), "{path}: {error}");
    }
    // Names and values that the format does not have.
    let one = |select: &str, more: &str| {
        format!(
            "[source]\npath = \"log/*.csv\"\ntime = \"at\"\n{more}[[output]]\npath = \"x\"\ntable = \"delta\"\nby = [\"code\"]\nselect = {{ {select} }}\n"
        )
    };
    let error = refused(&one("\"n of all\" = \"count(*)\"", ""), 2);
    assert!(error.contains("`n of all` has ' ' in its name"), "{error}");
    let error = refused(&one("Code = \"count(*)\"", ""), 2);
    assert!(error.contains("differ in case alone"), "{error}");
    let empty = "[[step]]\nderive = { plain = \"COALESCE(code, '')\" }\n";
    let error = refused(
        &(one("n = \"count(*)\"", empty).replace("[\"code\"]", "[\"plain\"]")
            + "partition_by = [\"plain\"]\n"),
        3,
    );
    assert!(error.contains("the empty text in `plain`") && error.contains("NULLIF(plain, '')"), "{error}");
    assert!(!lab.path("x/_delta_log").exists());
    assert!(lab.files("out") == before);
}

#[test]
fn commits_of_other_programs_are_borne_or_refused() {
    let lab = lab();
    ok(lab.highwater(&["run", "table.toml"]));
    let commit = |version: u64, actions: &[Value]| {
        let lines: Vec<String> = actions.iter().map(Value::to_string).collect();
        lab.write(&format!("out/views/_delta_log/{version:020}.json"), lines.join("\n") + "\n");
    };
    let info = |operation: &str| json!({ "commitInfo": { "timestamp": 5, "operation": operation, "engineInfo": "Spark 4" } });
    // A property, and a comment of a column.
    let views = table(&lab, "views");
    let mut metadata = views.last(0, "metaData").clone();
    metadata["configuration"]["owner"] = json!("somebody");
    let schema = metadata["schemaString"].as_str().unwrap();
    metadata["schemaString"] =
        json!(schema.replacen("\"metadata\":{}", "\"metadata\":{\"comment\":\"x\"}", 1));
    commit(1, &[info("SET TBLPROPERTIES"), json!({ "metaData": metadata })]);
    ok(lab.highwater(&["run", "table.toml"]));
    ok(lab.highwater(&["backfill", "table.toml", "late.csv"]));
    assert_eq!(table(&lab, "views").operations(), ["WRITE +4 -0", "SET TBLPROPERTIES +0 -0", "WRITE +1 -1"]);
    assert_eq!(table(&lab, "views").last(2, "metaData")["configuration"]["owner"], json!("somebody"));
    // A delete is named and kept, by each command that would write.
    let mut gone = table(&lab, "views").files(2).into_values().next().unwrap();
    gone["deletionTimestamp"] = json!(6);
    commit(3, &[info("DELETE"), json!({ "remove": gone })]);
    let before = lab.files("out");
    let refused = |what: &str| {
        for args in [
            &["run", "table.toml"][..],
            &["backfill", "table.toml", "late.csv", "--retract"],
            &["expire", "table.toml", "--older-than", "0d"],
        ] {
            let answer = lab.highwater(args);
            assert_eq!(answer.code, 4, "{args:?}: {}", answer.err);
            assert!(answer.err.contains(what) && answer.err.contains("restore version 2"), "{}", answer.err);
        }
    };
    refused("its version 3 is `DELETE` by Spark 4; 0 files came and 1 file went");
    let now = lab.files("out");
    // The expiry of other tables of the job is its own.
    let of_views = |files: &BTreeMap<String, _>| {
        files.keys().filter(|path| path.starts_with("views")).cloned().collect::<Vec<_>>()
    };
    assert!(of_views(&now) == of_views(&before) && !of_views(&now).is_empty());
    let listed = ok(lab.highwater(&["tables", "table.toml"])).out;
    assert!(listed.contains("its version 3 is `DELETE` by Spark 4"), "{listed}");
    // A table that is as it was at our version is ours.
    let back = table(&lab, "views").files(2)[gone["path"].as_str().unwrap()].clone();
    commit(4, &[info("RESTORE"), json!({ "add": back })]);
    ok(lab.highwater(&["backfill", "table.toml", "late.csv", "--retract"]));
    assert_eq!(table(&lab, "views").operations()[5], "WRITE +1 -1");
    // What binds writers, and columns.
    for (change, what) in [
        (
            json!({ "metaData": { "configuration": { "delta.appendOnly": "true" } } }),
            "its property `delta.appendOnly` was set",
        ),
        (json!({ "protocol": { "minReaderVersion": 3, "minWriterVersion": 7 } }), "its protocol was changed"),
        (json!({ "metaData": { "partitionColumns": ["date"] } }), "its partition columns were changed"),
    ] {
        let mut change = change;
        if let Some(changed) = change.get("metaData").cloned() {
            let mut metadata = table(&lab, "views").last(5, "metaData").clone();
            metadata.as_object_mut().unwrap().extend(changed.as_object().unwrap().clone());
            change["metaData"] = metadata;
        }
        commit(6, &[info("ALTER TABLE"), change]);
        let answer = lab.highwater(&["run", "table.toml"]);
        assert!(answer.code == 4 && answer.err.contains(what), "{what}: {}", answer.err);
    }
    fs::remove_file(lab.path("out/views/_delta_log/00000000000000000006.json")).unwrap();
    // Paths are relative, so a table that is moved stays ours.
    fs::rename(lab.path("out"), lab.path("elsewhere")).unwrap();
    lab.write("moved.toml", job("elsewhere", "table = \"delta\"\n", ""));
    let before = lab.files("elsewhere");
    ok(lab.highwater(&["run", "moved.toml"]));
    assert!(lab.files("elsewhere") == before);
}

#[test]
fn checkpoints_and_an_expiry_keep_what_a_kept_version_has() {
    let lab = lab();
    both(&lab, &["run", "JOB"]);
    for _ in 0..6 {
        ok(lab.highwater(&["backfill", "table.toml", "late.csv"]));
        ok(lab.highwater(&["backfill", "table.toml", "late.csv", "--retract"]));
    }
    for name in TABLES {
        let table = table(&lab, name);
        assert_eq!(table.current(), 12);
        assert_eq!(table.checkpoint(10), table.files(10).into_keys().collect(), "{name}");
        let last: Value =
            serde_json::from_str(&lab.text(&format!("out/{name}/_delta_log/_last_checkpoint"))).unwrap();
        assert_eq!((&last["version"], &last["numOfAddFiles"]), (&json!(10), &json!(table.files(10).len())));
    }
    let rows: Vec<Vec<String>> = (9..=12).map(|version| table(&lab, "views").rows(version)).collect();
    // Nothing is so old, and a plan changes nothing.
    let before = lab.files("out");
    ok(lab.highwater(&["expire", "table.toml"]));
    let plan =
        ok(lab.highwater(&["expire", "table.toml", "--older-than", "0d", "--keep", "4", "--plan"])).out;
    assert!(lab.files("out") == before, "{plan}");
    assert!(plan.contains("out/views: 9 snapshots to drop, 4 kept; 0 data files and"), "{plan}");
    // Of another program: a file that is about to be committed.
    lab.write("out/views/part-00000-theirs.parquet", "theirs");
    ok(lab.highwater(&["expire", "table.toml", "--older-than", "0d", "--keep", "4"]));
    let views = table(&lab, "views");
    assert_eq!(views.commits.keys().copied().collect::<Vec<_>>(), [9, 10, 11, 12]);
    let checkpoint = views.checkpoint(9);
    let mut of_nine: Vec<String> =
        checkpoint.iter().flat_map(|path| parquet_rows(&views.place(path))).collect();
    of_nine.sort();
    assert_eq!(of_nine, rows[0]);
    // A reader finds the versions that were kept, and says of an older one that it is gone.
    let input = |snapshot: &str| {
        lab.write(
            "input.toml",
            format!(
                "[source]\npath = \"out/views\"\nsnapshot = \"{snapshot}\"\ntime = \"window_start\"\n\
                 [[output]]\npath = \"copy.csv\"\nby = []\nwindow = \"global\"\nselect = {{ n = \"sum(n)\" }}\n"
            ),
        );
        lab.highwater(&["run", "input.toml", "--changed", "reload"])
    };
    for (snapshot, sum) in [("9", "8"), ("10", "6"), ("11", "8"), ("12", "6")] {
        ok(input(snapshot));
        assert_eq!(lab.text("copy.csv").lines().last(), Some(sum), "version {snapshot}");
    }
    let error = input("8");
    assert!(error.code == 2 && error.err.contains("does not have the commit"), "{}", error.err);
    // At the end one version is left, with its files alone.
    ok(lab.highwater(&["expire", "table.toml", "--older-than", "0d"]));
    for name in TABLES {
        let table = table(&lab, name);
        assert_eq!(table.commits.keys().copied().collect::<Vec<_>>(), [12]);
        let files = lab.data(&format!("out/{name}"));
        let parts = files.keys().filter(|path| path.ends_with(".parquet") && !path.starts_with("_delta_log"));
        let parts: BTreeSet<_> =
            parts.filter(|path| !path.contains("theirs")).map(|path| table.folder.join(path)).collect();
        assert_eq!(parts, table.checkpoint(12).iter().map(|path| table.place(path)).collect(), "{name}");
        assert_eq!(files.keys().filter(|path| path.contains("ledger-")).count(), 1);
    }
    assert!(lab.path("out/views/part-00000-theirs.parquet").exists());
    // The table goes on.
    both(&lab, &["backfill", "JOB", "late.csv"]);
    let listed: Vec<Value> =
        serde_json::from_str(&ok(lab.highwater(&["tables", "table.toml", "--json"])).out).unwrap();
    let views = listed.iter().find(|table| table["path"] == "out/views").unwrap();
    assert_eq!((&views["version"], &views["rows"], &views["files"]), (&json!(13), &json!(8), &json!(4)));
    assert_eq!(views["history"].as_array().unwrap().len(), 2);
}

#[test]
fn tables_lists_what_lies_where() {
    let lab = lab();
    ok(lab.highwater(&["run", "table.toml"]));
    let text = ok(lab.highwater(&["tables", "table.toml", "--json"])).out;
    let listed: Vec<Value> = serde_json::from_str(&text).unwrap();
    let views = listed.iter().find(|table| table["path"] == "out/views").unwrap();
    assert_eq!((&views["rows"], &views["files"], &views["format"]), (&json!(6), &json!(4), &json!("delta")));
    assert_eq!(views["partition"], json!(["date", "hour"]));
    assert_eq!(views["columns"][4], json!({ "name": "total", "type": "decimal(38,2)" }));
    assert_eq!((&views["snapshot"], &views["version"]), (&json!(0), &json!(0)));
    assert_eq!((&views["history"][0]["rows"], &views["history"][0]["ours"]), (&json!(6), &json!(true)));
    let shown = ok(lab.highwater(&["tables", "table.toml", "--markdown"])).out;
    assert!(shown.contains("`out/views`: delta, 6 rows in 4 files"), "{shown}");
}

#[test]
fn a_table_is_an_input_and_the_other_side_of_a_check() {
    let lab = lab();
    ok(lab.highwater(&["run", "table.toml"]));
    let text = |by: &str| {
        format!(
            "[source]\npath = \"out/views\"\ntime = \"window_start\"\ntypes = {{ date = \"date\", hour = \"int64\" }}\n\
             [[output]]\npath = \"{by}.csv\"\nwindow = \"global\"\nby = [\"{by}\"]\nselect = {{ n = \"sum(n)\" }}\n"
        )
    };
    lab.write("again.toml", text("hour"));
    ok(lab.highwater(&["run", "again.toml"]));
    assert_eq!(
        lab.text("hour.csv").lines().collect::<BTreeSet<_>>(),
        ["hour,n", "0,2", "5,1", "22,2", "23,1"].into()
    );
    // What a new version adds is new input.
    ok(lab.highwater(&["verify", "table.toml", "--output", "out/whole", "--against", "out/whole"]));
}

#[test]
fn a_result_is_compared_with_a_version_of_a_table() {
    let lab = lab();
    ok(lab.highwater(&["run", "table.toml"]));
    ok(lab.highwater(&["backfill", "table.toml", "late.csv"]));
    let against = |more: &[&str]| {
        let args = ["verify", "table.toml", "--output", "out/views", "--against", "out/views"];
        lab.highwater(&[&args, more].concat())
    };
    assert_eq!(against(&[]).code, 1, "the log lacks the late file");
    ok(against(&["--snapshot", "0"]));
    let answer = against(&["--snapshot", "7"]);
    assert!(answer.code == 2 && answer.err.contains("does not have a version 7"), "{}", answer.err);
    let answer = lab.highwater(&["verify", "table.toml", "--against", "-", "--snapshot", "0"]);
    assert!(answer.code == 2 && answer.err.contains("--snapshot is of a table"), "{}", answer.err);
}

#[test]
fn a_commit_that_was_emptied_is_not_passed_over() {
    let lab = lab();
    ok(lab.highwater(&["run", "table.toml"]));
    ok(lab.highwater(&["backfill", "table.toml", "late.csv"]));
    // As a file system may leave it that lost power.
    lab.write("out/views/_delta_log/00000000000000000001.json", "");
    lab.write("more.csv", lab.text("late.csv").replace(":20:", ":25:"));
    for args in
        [&["backfill", "table.toml", "more.csv"][..], &["run", "table.toml"], &["tables", "table.toml"]]
    {
        let answer = lab.highwater(args);
        assert_eq!(answer.code, 3, "{args:?}: {}", answer.err);
        for words in ["00000000000000000001.json is empty, so that commit is lost", "restore it from a copy"]
        {
            assert!(answer.err.contains(words), "{args:?}: {}", answer.err);
        }
    }
}

#[test]
fn late_events_are_a_table_too() {
    let lab = Lab::new();
    let lines: String =
        (0..20).map(|n| format!("2024-06-01T10:{:02}:00Z,{n}\n", if n % 5 == 4 { 0 } else { n })).collect();
    lab.write("log/1.csv", format!("at,n\n{lines}"));
    lab.write(
        "job.toml",
        "mode = \"streamed\"\n[source]\npath = \"log/*.csv\"\ntime = \"at\"\nout_of_orderness = \"1s\"\n\
         [late]\npath = \"out/late\"\ntable = \"delta\"\n\
         [[output]]\npath = \"out/counts\"\ntable = \"delta\"\nwindow = { tumbling = \"1m\" }\nselect = { n = \"count(*)\" }\n",
    );
    ok(lab.highwater(&["run", "job.toml"]));
    let late = table(&lab, "late");
    assert_eq!(late.rows(0).len(), 4);
    assert!(late.columns(0).0.iter().any(|column| column.starts_with("_file")), "{:?}", late.columns(0));
    let before = lab.files("out");
    ok(lab.highwater(&["run", "job.toml"]));
    assert!(lab.files("out") == before);
}
