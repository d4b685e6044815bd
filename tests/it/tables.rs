//! Outputs that are tables: what their snapshots have, beside plain folders of the same job; and what is refused.

use crate::support::{Answer, Lab};
use crate::table_reader::{Table, parquet_rows};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

const LOG: &str = "at,user,code,price\n\
    2024-02-28T22:10:00Z,u1,A,1.50\n2024-02-28T22:59:59.999999Z,u2,B,2.25\n2024-02-28T23:00:00Z,u1,A,0.25\n\
    2024-02-29T00:05:00Z,u3,,10.00\n2024-02-29T00:06:00Z,u3,Zürich an der Limmat,7.00\n2024-03-01T05:00:00Z,u4,A,0.01\n";
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
    lab.write("table.toml", job("out", "table = \"iceberg\"\n", more));
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

fn table(lab: &Lab, name: &str) -> Table {
    Table::open(&lab.path(&format!("out/{name}")))
}

/// The rows of a plain output, sorted, and the folders of its files.
fn plain(lab: &Lab, name: &str) -> (Vec<String>, BTreeSet<String>) {
    let files = lab.data(&format!("plain/{name}"));
    let mut rows: Vec<String> =
        files.keys().flat_map(|path| parquet_rows(&lab.path(&format!("plain/{name}/{path}")))).collect();
    rows.sort();
    (
        rows,
        files.keys().map(|path| path.rsplit_once('/').map_or("", |(folder, _)| folder).to_string()).collect(),
    )
}

/// The tables have what the plain folders have, file by file.
fn alike(lab: &Lab, what: &str) {
    for name in TABLES {
        let (table, (rows, folders)) = (table(lab, name), plain(lab, name));
        let id = table.current();
        assert_eq!(table.rows(id), rows, "{what}: {name}");
        let data = fs::canonicalize(lab.path(&format!("out/{name}/data"))).unwrap();
        let folder = |path: &str| {
            let below = Path::new(path).parent().unwrap().strip_prefix(&data).unwrap();
            below.to_str().unwrap().to_string()
        };
        let files = table.files(id);
        assert_eq!(files.len(), folders.len(), "{what}: {name}");
        assert_eq!(files.iter().map(|file| folder(&file.path)).collect::<BTreeSet<_>>(), folders);
        let total = table.snapshot(id)["summary"]["total-records"].as_str().unwrap();
        assert_eq!(total, rows.len().to_string(), "{what}: {name}");
    }
}

fn operations(table: &Table) -> Vec<String> {
    let operation = |id: &i64| {
        let summary = &table.snapshot(*id)["summary"];
        let count = |key: &str| summary[key].as_str().unwrap().to_string();
        format!("{} +{} -{}", count("operation"), count("added-data-files"), count("deleted-data-files"))
    };
    table.snapshots().iter().map(operation).collect()
}

#[test]
fn each_command_is_one_snapshot_that_replaces_what_changes() {
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
        TABLES.map(|name| format!("{name}: {}", operations(&table(&lab, name)).join(", "))).join("\n"), @r"
    events: append +4 -0, overwrite +1 -1, overwrite +1 -1
    views: append +4 -0, overwrite +1 -1, overwrite +1 -1, overwrite +4 -4
    codes: append +5 -0, overwrite +2 -1, overwrite +1 -2
    whole: append +1 -0, overwrite +1 -1, overwrite +1 -1
    ");
    // Each older snapshot has the rows that it had.
    let views = table(&lab, "views");
    let rows: Vec<usize> = views.snapshots().iter().map(|id| views.rows(*id).len()).collect();
    assert_eq!(rows, [6, 8, 6, 6]);
    // What a retraction brings back are the files that were there.
    let [first, _, third, _] = views.snapshots()[..] else { panic!("four snapshots") };
    let paths = |id| views.files(id).into_iter().map(|file| file.path).collect::<Vec<_>>();
    assert_eq!(paths(first), paths(third));
    // The column that the edit added has an id of its own.
    let fields = |schema: &Value| -> Vec<String> {
        let fields = schema["fields"].as_array().unwrap().iter();
        fields.map(|field| format!("{} {} {}", field["id"], field["name"], field["type"])).collect()
    };
    let schemas: Vec<Vec<String>> =
        views.metadata["schemas"].as_array().unwrap().iter().map(fields).collect();
    insta::assert_snapshot!(schemas.iter().map(|schema| schema.join(", ")).collect::<Vec<_>>().join("\n"), @r#"
    1 "window_start" "timestamptz", 2 "window_end" "timestamptz", 3 "code" "string", 4 "n" "long", 5 "total" "decimal(38, 2)", 6 "mean" "double"
    1 "window_start" "timestamptz", 2 "window_end" "timestamptz", 3 "code" "string", 4 "n" "long", 5 "total" "decimal(38, 2)", 6 "mean" "double", 7 "most" "decimal(9, 2)"
    "#);
}

#[test]
fn manifests_tell_partitions_and_bounds() {
    let lab = lab();
    ok(lab.highwater(&["run", "table.toml"]));
    let views = table(&lab, "views");
    let spec = &views.metadata["partition-specs"][0]["fields"];
    assert_eq!(spec[0]["transform"], json!("hour"));
    assert_eq!(spec.as_array().unwrap().len(), 1);
    let hour =
        |file: &crate::table_reader::DataFile| file.entry["partition"]["window_start_hour"].as_i64().unwrap();
    let files = views.files(views.current());
    // 2024-02-28T22 is so many hours after 1970.
    let first = 19781 * 24 + 22;
    assert_eq!(files.iter().map(hour).collect::<Vec<_>>(), [first, first + 1, first + 2, first + 31]);
    // Column 1 is the start of the window, 3 the code, 4 the count, 5 the total.
    let bound = |file: usize, which: &str, column: i64| -> Vec<u8> {
        let pairs = files[file].entry[which].as_array().unwrap();
        let pair = pairs.iter().find(|pair| pair["key"] == json!(column)).unwrap();
        serde_json::from_value(pair["value"].clone()).unwrap()
    };
    let start = i64::from_le_bytes(bound(0, "lower_bounds", 1).try_into().unwrap());
    assert_eq!(start, 1_709_158_200_000_000);
    assert_eq!(bound(2, "upper_bounds", 3), "Zürich an der Lj".as_bytes());
    assert_eq!(bound(0, "upper_bounds", 5), 225u16.to_be_bytes());
    let nulls = files[2].entry["null_value_counts"].as_array().unwrap();
    assert!(nulls.contains(&json!({ "key": 3, "value": 1 })), "{nulls:?}");
    // A part of the time that no transform gives, and a column, are columns of the table.
    let codes = table(&lab, "codes");
    let of = |field: &Value| format!("{} {}", field["name"], field["transform"]);
    let spec = codes.metadata["partition-specs"][0]["fields"].as_array().unwrap();
    assert_eq!(spec.iter().map(of).collect::<Vec<_>>(), ["\"month\" \"identity\"", "\"code\" \"identity\""]);
    let partitions: Vec<String> =
        codes.files(codes.current()).iter().map(|file| file.entry["partition"].to_string()).collect();
    assert!(partitions.contains(&"{\"month\":2,\"code\":null}".to_string()), "{partitions:?}");
    // The bounds of manifests hold what their files have.
    let summary = &codes.manifests(codes.current())[0]["partitions"];
    assert_eq!((&summary[0]["contains_null"], &summary[1]["contains_null"]), (&json!(false), &json!(true)));
}

#[test]
fn equal_histories_have_equal_ids_and_parts_on_any_machine() {
    let lab = lab();
    let mut seen = vec![];
    for threads in ["1", "2", "4"] {
        let _ = fs::remove_dir_all(lab.path("out"));
        for args in [&["run", "table.toml"][..], &["backfill", "table.toml", "late.csv"]] {
            ok(lab.highwater(&[args, &["--threads", threads, "--memory", "100KB"]].concat()));
        }
        let ids = TABLES.map(|name| {
            let table = table(&lab, name);
            (table.metadata["table-uuid"].clone(), table.snapshots())
        });
        let mut parts = lab.data("out");
        parts.retain(|path, _| !path.contains("/metadata/v"));
        seen.push((ids, parts));
    }
    assert!(seen[0] == seen[1] && seen[1] == seen[2]);
}

#[test]
fn a_spec_that_changes_lists_all_files_anew() {
    let lab = lab();
    ok(lab.highwater(&["run", "table.toml"]));
    let text = lab.text("table.toml").replace("[\"month\", \"code\"]", "[\"date\"]");
    lab.write("table.toml", text);
    ok(lab.highwater(&["run", "table.toml"]));
    let codes = table(&lab, "codes");
    assert_eq!(codes.metadata["partition-specs"].as_array().unwrap().len(), 2);
    assert!(
        codes.manifests(codes.current()).iter().all(|manifest| manifest["partition_spec_id"] == json!(1))
    );
    assert_eq!(codes.files(codes.current()).len(), 3);
    assert_eq!(codes.rows(codes.current()).len(), 5);
    assert_eq!(codes.rows(codes.snapshots()[0]).len(), 5);
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
    // A column of another type.
    let error = refused(&base.replace("avg(price)", "min(code)"), 2);
    assert!(
        error.contains("the column `mean` of the table") && error.contains("Iceberg does not allow"),
        "{error}"
    );
    // A plain output in the place of a table, and a table in the place of a plain output.
    let error = refused(&base.replace("table = \"iceberg\"\n", ""), 2);
    assert!(error.contains("files that Highwater did not write"), "{error}");
    ok(lab.highwater(&["run", "plain.toml"]));
    let error = refused(&job("plain", "table = \"iceberg\"\n", ""), 2);
    assert!(error.contains("is an output of Highwater, but not a table"), "{error}");
    // A source that would read files of older snapshots.
    for path in ["out/views/**/*.parquet", "out/views/data", "out"] {
        let error = refused(
            &format!(
                "[source]\npath = \"{path}\"\ntime = \"window_start\"\n[[output]]\npath = \"x\"\nby = [\"code\"]\nselect = {{ n = \"count(*)\" }}\n"
            ),
            2,
        );
        assert!(error.contains("is a table of Apache Iceberg"), "{path}: {error}");
    }
    // Keys that do not belong together.
    for (output, words) in [
        ("path = \"x.csv\"\ntable = \"iceberg\"", "is not a folder, and a table is one"),
        ("path = \"x\"\nformat = \"csv\"\ntable = \"iceberg\"", "the files of a table are Parquet, not csv"),
        ("path = \"x\"\ntable = \"icebreg\"", "iceberg"),
    ] {
        let error =
            refused(&format!("[source]\npath = \"log/*.csv\"\ntime = \"at\"\n[[output]]\n{output}\n"), 2);
        assert!(error.contains(words), "{error}");
    }
    assert!(lab.files("out") == before);
}

#[test]
fn a_table_that_was_moved_or_changed_by_others_is_not_written_over() {
    let lab = lab();
    ok(lab.highwater(&["run", "table.toml"]));
    fs::rename(lab.path("out"), lab.path("elsewhere")).unwrap();
    lab.write("moved.toml", job("elsewhere", "table = \"iceberg\"\n", ""));
    let answer = lab.highwater(&["run", "moved.toml"]);
    assert!(answer.code == 4 && answer.err.contains("was moved or copied"), "{}", answer.err);
    fs::rename(lab.path("elsewhere"), lab.path("out")).unwrap();
    // Another program commits a snapshot without our ledger.
    let views = table(&lab, "views");
    let mut theirs = views.metadata.clone();
    let mut snapshot = views.snapshot(views.current()).clone();
    snapshot["snapshot-id"] = json!(77);
    snapshot["summary"] = json!({ "operation": "delete", "engine-name": "spark" });
    theirs["snapshots"].as_array_mut().unwrap().push(snapshot);
    theirs["current-snapshot-id"] = json!(77);
    lab.write("out/views/metadata/v2.metadata.json", theirs.to_string());
    let before = lab.files("out");
    for args in
        [&["run", "table.toml"][..], &["backfill", "table.toml", "late.csv"], &["report", "table.toml"]]
    {
        let answer = lab.highwater(args);
        if args[0] != "report" {
            assert_eq!(answer.code, 4, "{args:?}: {}", answer.err);
            let words = "its snapshot 77 is a `delete` by spark";
            assert!(
                answer.err.contains(words) && answer.err.contains("roll the table back"),
                "{}",
                answer.err
            );
        }
        let mut now = lab.files("out");
        now.retain(|path, _| before.contains_key(path));
        assert!(now == before, "{args:?}");
    }
    let listed = ok(lab.highwater(&["tables", "table.toml"])).out;
    assert!(listed.contains("another program has changed the table"), "{listed}");
}

#[test]
fn an_expiry_keeps_what_a_kept_snapshot_reaches() {
    let lab = lab();
    ok(lab.highwater(&["run", "table.toml"]));
    ok(lab.highwater(&["backfill", "table.toml", "late.csv"]));
    let before = lab.files("out");
    // Nothing is so old, and a plan changes nothing.
    ok(lab.highwater(&["expire", "table.toml"]));
    let plan = ok(lab.highwater(&["expire", "table.toml", "--older-than", "0d", "--plan"])).out;
    assert!(lab.files("out") == before, "{plan}");
    // Of other programs: a file that is about to be committed.
    lab.write("out/views/data/part-00000-theirs.parquet", "theirs");
    ok(lab.highwater(&["expire", "table.toml", "--older-than", "0d", "--keep", "1"]));
    for name in TABLES {
        let table = table(&lab, name);
        assert_eq!(table.snapshots().len(), 1, "{name}");
        let kept: BTreeSet<String> = table.files(table.current()).into_iter().map(|file| file.path).collect();
        let data = fs::canonicalize(&table.folder).unwrap();
        let files = lab.data(&format!("out/{name}"));
        let parts = files.keys().filter(|path| path.starts_with("data/") && !path.contains("theirs"));
        assert_eq!(parts.map(|path| format!("{}/{path}", data.display())).collect::<BTreeSet<_>>(), kept);
        assert_eq!(
            files.keys().filter(|path| path.ends_with(".avro")).count(),
            1 + table.manifests(table.current()).len()
        );
        assert_eq!(files.keys().filter(|path| path.contains("ledger-")).count(), 1);
    }
    assert!(lab.path("out/views/data/part-00000-theirs.parquet").exists());
    // The table goes on.
    ok(lab.highwater(&["backfill", "table.toml", "late.csv", "--retract"]));
    ok(lab.highwater(&["run", "plain.toml"]));
    alike(&lab, "after an expiry");
    // A catalog that took the table over needs files that no snapshot here has.
    lab.write("out/views/metadata/00001-9c12d441.metadata.json", "{}");
    let before = lab.data("out/views");
    let answer = lab.highwater(&["expire", "table.toml", "--older-than", "0d"]);
    assert_eq!(answer.code, 4, "{}", answer.err);
    assert!(answer.err.contains("00001-9c12d441.metadata.json is of another catalog"), "{}", answer.err);
    assert!(lab.data("out/views") == before);
}

#[test]
fn tables_lists_what_lies_where() {
    let lab = lab();
    let none = ok(lab.highwater(&["tables", "table.toml"])).out;
    assert!(none.contains("out/views: was not written yet"), "{none}");
    ok(lab.highwater(&["run", "table.toml"]));
    let text = ok(lab.highwater(&["tables", "table.toml", "--json"])).out;
    let listed: Vec<Value> = serde_json::from_str(&text).unwrap();
    let views = listed.iter().find(|table| table["path"] == "out/views").unwrap();
    assert_eq!(
        (&views["rows"], &views["files"], &views["format"]),
        (&json!(6), &json!(4), &json!("iceberg"))
    );
    assert_eq!(views["partition"], json!(["hour(window_start)"]));
    assert_eq!(views["sort"], json!(["window_start", "code"]));
    assert_eq!(views["snapshot"], views["history"][0]["snapshot"]);
    let archive = listed.iter().find(|table| table["path"] == "out/archive").unwrap();
    assert_eq!((&archive["format"], &archive["rows"]), (&json!("parquet"), &json!(6)));
}
