//! Results that Spark and Flink wrote, adopted and then corrected. The samples of `tests/adopt` are theirs, as
//! `scripts/adopt.py --samples` had them written.

use crate::crash::Scene;
use crate::postgres_lab::PgLab;
use crate::support::{Answer, Lab};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// A late file: one event in a window of a day that has others, one in a new window.
const LATE: &str = "at,seller,amount\n2024-02-29T09:00:30Z,s1,3.00\n2024-02-29T09:30:30Z,s9,4.00\n";

fn job(path: &str, format: &str, zone: &str) -> String {
    format!(
        "name = \"adopted\"\ntimezone = \"{zone}\"\n[source]\npath = \"in/*.csv\"\ntime = \"at\"\n\
        types = {{ amount = \"decimal(10,2)\" }}\n[[output]]\npath = \"{path}\"\nformat = \"{format}\"\n\
        partition_by = [\"date\"]\nwindow = {{ tumbling = \"1m\" }}\nby = [\"seller\"]\n\
        select = {{ total = \"sum(amount)\", n = \"count(*)\" }}\n\
        columns = [\"seller\", \"window_start\", \"window_end\", \"n\", \"total\"]\n"
    )
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &to);
        } else {
            fs::copy(entry.path(), to).unwrap();
        }
    }
}

/// The log, and the results of an engine as `out`.
fn lab(sample: &str) -> Lab {
    let lab = Lab::new();
    let samples = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/adopt");
    lab.write("in/sales.csv", fs::read(samples.join("sales.csv")).unwrap());
    copy(&samples.join(sample), &lab.path("out"));
    lab
}

fn ok(answer: Answer) -> Answer {
    assert_eq!(answer.code, 0, "{}{}", answer.out, answer.err);
    answer
}

/// Files of the output, hidden ones too, without the state of ours.
fn files(lab: &Lab) -> BTreeMap<String, Vec<u8>> {
    lab.files("out").into_iter().filter(|(path, _)| !path.starts_with("_highwater")).collect()
}

/// The rows of a result, as JSON Lines of a job that reads it.
fn rows(lab: &Lab, path: &str, read: &str) -> Vec<String> {
    let columns = "[\"seller\", \"window_start\", \"window_end\", \"n\", \"total\"]";
    lab.write(
        "rows.toml",
        format!(
            "[source]\npath = \"{path}\"\n{read}\ntime = \"window_start\"\n\
            types = {{ total = \"decimal(38,2)\", n = \"int64\", window_end = \"timestamp\" }}\n[[output]]\npath = \"rows.jsonl\"\n\
            columns = {columns}\n"
        ),
    );
    ok(lab.highwater(&["run", "rows.toml"]));
    let mut rows: Vec<String> = lab.text("rows.jsonl").lines().map(str::to_string).collect();
    rows.sort();
    fs::remove_file(lab.path("rows.jsonl")).unwrap();
    fs::remove_dir_all(lab.path("_highwater")).unwrap();
    rows
}

#[test]
fn results_of_spark_and_flink_are_adopted_and_corrected() {
    let no_header =
        "format = \"csv\"\ncolumns = [\"seller\", \"window_start\", \"window_end\", \"n\", \"total\"]";
    for (sample, format, zone, read) in [
        ("spark-parquet", "parquet", "Europe/Amsterdam", ""),
        ("spark-csv", "csv", "Europe/Amsterdam", no_header),
        ("spark-json", "jsonl", "Europe/Amsterdam", ""),
        ("flink-csv", "csv", "UTC", no_header),
        ("flink-json", "jsonl", "UTC", "format = \"jsonl\""),
    ] {
        let lab = lab(sample);
        lab.write("job.toml", job("out", format, zone));
        let before = files(&lab);
        let planned = ok(lab.highwater(&["adopt", "job.toml", "--plan"]));
        assert!(planned.out.contains("out: to adopt"), "{sample}: {}", planned.out);
        assert!(!lab.path("out/_highwater").exists(), "{sample}: a plan wrote something");
        ok(lab.highwater(&["adopt", "job.toml"]));
        assert!(files(&lab) == before, "{sample}: adopt changed a file");
        let (again, state) = (ok(lab.highwater(&["adopt", "job.toml"])), lab.files("out"));
        assert!(again.out.contains("out: an output of this job already"), "{}", again.out);
        assert!(lab.files("out") == state && files(&lab) == before, "{sample}: adopt again changed a file");
        lab.write("in/late.csv", LATE);
        let told = ok(lab.highwater(&["backfill", "job.toml", "in/late.csv", "--json"]));
        let told: serde_json::Value = serde_json::from_str(&told.out).unwrap();
        assert_eq!(told["outputs"][0]["method"], "merged", "{sample}: {told}");
        // Files of days that no late event is of stay as the engine wrote them.
        let after = files(&lab);
        for (path, bytes) in before.iter().filter(|(path, _)| !path.contains("date=2024-02-29")) {
            assert!(after.get(path) == Some(bytes), "{sample}: {path} was changed");
        }
        let data = |path: &&String| !path.rsplit('/').next().unwrap().starts_with(['.', '_']);
        let of_day = after.keys().filter(data).filter(|path| path.contains("date=2024-02-29"));
        let name = format!("date=2024-02-29/data.{format}");
        assert_eq!(of_day.collect::<Vec<_>>(), [&name], "{sample}");
        lab.write("full.toml", job("full", "jsonl", zone));
        ok(lab.highwater(&["run", "full.toml"]));
        let (ours, theirs) = (rows(&lab, "full", ""), rows(&lab, "out", read));
        assert_eq!(ours, theirs, "{sample}");
        assert!(ours.iter().any(|row| row.contains("\"s9\"")), "{sample}: the late event is not there");
        // A further backfill finds rows of ours and of theirs.
        lab.write("in/later.csv", LATE.replace("02-29", "03-01"));
        ok(lab.highwater(&["backfill", "job.toml", "in/later.csv"]));
        fs::remove_dir_all(lab.path("full")).unwrap();
        ok(lab.highwater(&["run", "full.toml"]));
        assert_eq!(rows(&lab, "full", ""), rows(&lab, "out", read), "{sample}");
    }
}

#[test]
fn rows_that_are_not_those_of_the_replay_are_told_and_repaired() {
    let lab = lab("spark-json");
    lab.write("job.toml", job("out", "jsonl", "Europe/Amsterdam"));
    // The live job published before these came.
    lab.write("in/late.csv", LATE);
    let before = files(&lab);
    let answer = lab.highwater(&["adopt", "job.toml"]);
    assert_eq!(answer.code, 1, "{}", answer.err);
    for words in ["out: different from the replay", "only here", "`--repair` replaces the files that differ"]
    {
        assert!(answer.out.contains(words), "{words} in {}", answer.out);
    }
    assert!(files(&lab) == before && !lab.path("out/_highwater").exists());
    let told = ok(lab.highwater(&["adopt", "job.toml", "--repair", "--json"]));
    let told: serde_json::Value = serde_json::from_str(&told.out).unwrap();
    assert_eq!(
        (&told["applied"], &told["outputs"][0]["result"]),
        (&true.into(), &"repaired".into()),
        "{told}"
    );
    let data = |path: &&String| !path.rsplit('/').next().unwrap().starts_with(['.', '_']);
    assert!(files(&lab).keys().filter(data).all(|path| path.ends_with("/data.jsonl")));
    lab.write("full.toml", job("full", "jsonl", "Europe/Amsterdam"));
    ok(lab.highwater(&["run", "full.toml"]));
    assert_eq!(rows(&lab, "full", ""), rows(&lab, "out", ""));
    // What another job wrote is not adopted.
    lab.write("other.toml", job("full", "jsonl", "UTC"));
    let refused = lab.highwater(&["adopt", "other.toml"]);
    assert!(
        refused.code == 2 && refused.err.contains("another job of Highwater wrote full"),
        "{}",
        refused.err
    );
}

#[test]
fn an_adoption_that_is_killed_is_made_or_not() {
    // One that is a manifest alone, and one that replaces files.
    for (late, words) in
        [(None, &["adopt", "job.toml", "-q"][..]), (Some(LATE), &["adopt", "job.toml", "-q", "--repair"])]
    {
        let lab = lab("spark-json");
        lab.write("job.toml", job("out", "jsonl", "Europe/Amsterdam"));
        if let Some(late) = late {
            lab.write("in/late.csv", late);
        }
        Scene::new(lab, &[words, &["--threads", "1"]].concat()).killed_at_every_call();
    }
}

#[test]
fn files_that_do_not_fit_are_told() {
    for (change, words) in [
        (("\"n\":", "\"m\":"), "columns that the output does not have: `m`"),
        (("\"total\":", "\"total\":0.001,\"x\":"), "columns that the output does not have: `x`"),
        ((":00.000", ":01.000"), "are not those of the replay"),
    ] {
        let lab = lab("spark-json");
        lab.write("job.toml", job("out", "jsonl", "Europe/Amsterdam"));
        for (path, bytes) in files(&lab) {
            if path.ends_with(".json") && path.contains("date=2024-02-29") {
                let text = String::from_utf8(bytes).unwrap().replace(change.0, change.1);
                lab.write(&format!("out/{path}"), text);
            }
        }
        let answer = lab.highwater(&["adopt", "job.toml"]);
        assert!(answer.code == 1 && answer.out.contains(words), "{words}: {}{}", answer.out, answer.err);
    }
    // Partitions by other names would have two folders for one day after a backfill.
    let lab = lab("spark-json");
    fs::rename(lab.path("out/date=2024-02-29"), lab.path("out/date=2024-2-29")).unwrap();
    lab.write("job.toml", job("out", "jsonl", "Europe/Amsterdam"));
    let answer = lab.highwater(&["adopt", "job.toml"]);
    assert!(
        answer.code == 1 && answer.out.contains("has no rows, and the replay writes some there"),
        "{}",
        answer.out
    );
}

#[test]
fn a_table_of_others_is_adopted() {
    let Some(mut pg) = PgLab::new("adopt") else { return };
    let log = "at,seller,amount\n2024-02-29T09:00:30Z,s1,3.00\n2024-02-29T09:01:30Z,s2,4.00\n";
    pg.lab.write("in/1.csv", log);
    // Types that hold the values: a length, an integer, a time without a zone whose zone is declared.
    pg.client
        .batch_execute(
            "CREATE TABLE t (window_start timestamp, window_end timestamp(3), seller varchar(2), total numeric(10,2), \
             n integer, PRIMARY KEY (window_start, seller)); \
             INSERT INTO t VALUES ('2024-02-29 10:00', '2024-02-29 10:01', 's1', 3, 1), \
             ('2024-02-29 10:01', '2024-02-29 10:02', 's2', 4.00, 1)",
        )
        .unwrap();
    let job = |zone: &str| {
        format!(
            "[source]\npath = \"in/*.csv\"\ntime = \"at\"\ntypes = {{ amount = \"decimal(10,2)\" }}\n[[output]]\npath = \"{}\"\n\
            mirror = \"out/t\"\n{zone}\nwindow = {{ tumbling = \"1m\" }}\nby = [\"seller\"]\n\
            select = {{ total = \"sum(amount)\", n = \"count(*)\" }}\n",
            pg.table("t")
        )
    };
    let (undeclared, declared, other) =
        (job(""), job("table_timezone = \"Europe/Amsterdam\""), job("table_timezone = \"UTC\""));
    pg.lab.write("job.toml", undeclared);
    let refused = pg.command(&["adopt", "job.toml"]).output().unwrap();
    let words = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(words.contains("table_timezone = \"UTC\""), "{words}");
    pg.lab.write("job.toml", other);
    let different = pg.command(&["adopt", "job.toml"]).output().unwrap();
    let words = String::from_utf8_lossy(&different.stdout).into_owned();
    assert!(different.status.code() == Some(1) && words.contains("it lacks 2 rows"), "{words}");
    pg.lab.write("job.toml", declared);
    let xmin = pg.rows("SELECT xmin, n FROM t ORDER BY seller");
    let answer = pg.done(&["adopt", "job.toml"]);
    assert!(answer.out.contains("adopted, 2 rows in the table"), "{}", answer.out);
    assert_eq!(pg.rows("SELECT xmin, n FROM t ORDER BY seller"), xmin, "the table was changed");
    pg.lab.write("in/2.csv", "at,seller,amount\n2024-02-29T09:00:31Z,s1,1.50\n");
    pg.done(&["backfill", "job.toml", "in/2.csv"]);
    let rows = pg.rows("SELECT window_start, seller, total, n FROM t ORDER BY seller");
    assert_eq!(rows, ["2024-02-29 10:00:00|s1|4.50|2", "2024-02-29 10:01:00|s2|4.00|1"]);
    // A value that its column does not hold is told before anything is written.
    pg.lab.write("in/3.csv", "at,seller,amount\n2024-02-29T09:00:31Z,s10,1.50\n");
    let refused = pg.command(&["backfill", "job.toml", "in/3.csv"]).output().unwrap();
    let words = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(words.contains("`s10` of `seller` does not fit"), "{words}");
    assert_eq!(pg.rows("SELECT count(*) FROM t"), ["2"]);
}
