//! Files that were counted, and were merged, split or converted then: their events are not counted twice without a word.

use crate::support::Lab;

const JOB: &str = r#"
    [source]
    path = "log/*"
    time = "at"
    types = { user = "string", n = "int64" }

    [[output]]
    path = "out/raw"
    archive = true
    partition_by = ["date"]

    [[output]]
    path = "out/days.csv"
    window = { tumbling = "1 day" }
    by = ["user"]
    select = { total = "sum(n)" }
"#;

const A: &str =
    "at,user,n\n2024-05-01T10:00:00Z,u1,1\n2024-05-01T10:00:00Z,u1,1\n2024-05-02T10:00:00Z,u2,2\n";
const B: &str = "at,user,n\n2024-05-01T11:00:00Z,u2,3\n2024-05-02T11:00:00Z,u1,4\n";

fn body(csv: &str) -> &str {
    csv.split_once('\n').unwrap().1
}

/// The job has counted both files, and they are gone.
fn rotated(job: &str) -> Lab {
    let lab = Lab::new();
    lab.write("log/a.csv", A);
    lab.write("log/b.csv", B);
    assert_eq!(lab.run(job, &[]).code, 0);
    for name in ["log/a.csv", "log/b.csv"] {
        std::fs::remove_file(lab.path(name)).unwrap();
    }
    lab
}

#[test]
fn events_of_merged_split_and_converted_files_are_not_counted_again() {
    let merged = format!("{A}{}", body(B));
    let json = |csv: &str| -> String {
        let lines = body(csv).lines().map(|line| line.split(',').collect::<Vec<_>>());
        lines
            .map(|f| format!("{{\"at\": \"{}\", \"user\": \"{}\", \"n\": {}}}\n", f[0], f[1], f[2]))
            .collect()
    };
    let (one, two) = A.split_at(A.rfind("2024-05-02").unwrap());
    let cases: [&[(&str, Vec<u8>)]; 4] = [
        &[("log/c.csv", merged.clone().into())],
        &[("log/c.csv.gz", merged.clone().into())],
        &[("log/c.jsonl", json(&merged).into())],
        // One of the two files, in two pieces.
        &[("log/c.csv", one.into()), ("log/d.csv", format!("at,user,n\n{two}").into())],
    ];
    // With `dedup` everything is computed again, from the archive.
    let dedup = format!("{JOB}\n[[step]]\ndedup = [\"user\", \"n\", \"at\"]\n");
    for job in [JOB, &dedup] {
        for files in cases {
            let lab = rotated(job);
            let before = lab.files("out");
            files.iter().for_each(|(name, content)| lab.write(name, content));
            for words in [&["run", "job.toml"][..], &["backfill", "job.toml"]] {
                let answer = lab.highwater(words);
                assert_eq!(answer.code, 3, "{:?} {words:?}: {}", files[0].0, answer.err);
                let expected =
                    "has the events of log/a.csv, which was counted and is not a file of the source now";
                assert!(answer.err.contains(expected), "{}", answer.err);
                assert!(lab.files("out") == before, "nothing has changed");
            }
        }
    }
}

#[test]
fn the_ways_out_of_a_merge_that_the_error_names_give_the_right_numbers() {
    let merged = format!("{A}{}", body(B));
    let other = "at,user,n\n2024-05-01T12:00:00Z,u1,7\n";
    let whole = Lab::new();
    whole.write("log/c.csv", &merged);
    whole.write("log/other.csv", other);
    whole.done(JOB, &[]);
    // Taken out, and counted again.
    let lab = Lab::new();
    for (name, text) in [("a", A), ("b", B), ("other", other)] {
        lab.write(&format!("log/{name}.csv"), text);
    }
    lab.done(JOB, &[]);
    for name in ["log/a.csv", "log/b.csv"] {
        std::fs::remove_file(lab.path(name)).unwrap();
    }
    lab.write("log/c.csv", &merged);
    let said = lab.highwater(&["run", "job.toml"]).err;
    insta::assert_snapshot!(said.lines().filter(|line| !line.contains(" MB/s")).collect::<Vec<_>>().join("\n"), @r"
    error: log/c.csv has the events of log/a.csv, which was counted and is not a file of the source now: all 3 rows that were compared are the same; so it is with 1 more
      hint: to count only the files that the source has now: `highwater run JOB --changed reload`
      hint: or take the older ones out: `highwater backfill JOB log/a.csv log/b.csv --retract`, then run again
      hint: if they are other events that look the same: `highwater backfill JOB log/c.csv`
    ");
    assert_eq!(lab.highwater(&["backfill", "job.toml", "log/a.csv", "log/b.csv", "--retract"]).code, 0);
    assert_eq!(lab.highwater(&["run", "job.toml"]).code, 0);
    assert_eq!(lab.text("out/days.csv"), whole.text("out/days.csv"));
    let whole = Lab::new();
    whole.write("log/c.csv", &merged);
    whole.done(JOB, &[]);
    // All again.
    let lab = rotated(JOB);
    lab.write("log/c.csv", &merged);
    assert_eq!(lab.highwater(&["run", "job.toml", "--changed", "reload"]).code, 0);
    assert_eq!(lab.text("out/days.csv"), whole.text("out/days.csv"));
    // Counted all the same, and told.
    let lab = rotated(JOB);
    lab.write("log/c.csv", &merged);
    let answer = lab.highwater(&["backfill", "job.toml", "log/c.csv"]);
    assert_eq!(answer.code, 0, "{}", answer.err);
    assert!(answer.err.contains("note: log/c.csv has the events of log/a.csv"), "{}", answer.err);
}

#[test]
fn logs_that_rotate_stay_counted() {
    let lab = rotated(JOB);
    // One row is that of another file by chance, and the others are new.
    lab.write("log/c.csv", "at,user,n\n2024-05-02T10:00:00Z,u2,2\n2024-05-03T10:00:00Z,u2,2\n");
    let answer = lab.highwater(&["run", "job.toml"]);
    assert_eq!(answer.code, 0, "{}", answer.err);
    let gone = "log/a.csv and 1 more file were counted and are gone: the outputs keep their events";
    assert!(answer.err.contains(gone), "{}", answer.err);
    assert_eq!(
        lab.text("out/days.csv")
            .lines()
            .skip(1)
            .map(|line| line.rsplit(',').next().unwrap())
            .collect::<Vec<_>>(),
        ["2", "3", "4", "4", "2"]
    );
    let json: serde_json::Value =
        serde_json::from_str(&lab.highwater(&["run", "job.toml", "--json", "-q"]).out).unwrap();
    assert_eq!(json["gone"], serde_json::json!(["log/a.csv", "log/b.csv"]));
}

#[test]
fn without_an_archive_new_files_are_not_taken_where_old_ones_are_gone() {
    let job = JOB.replace(
        "[[output]]\n    path = \"out/raw\"\n    archive = true\n    partition_by = [\"date\"]\n",
        "",
    );
    assert!(!job.contains("archive"));
    let lab = rotated(&job);
    let before = lab.files("out");
    lab.write("log/c.csv", "at,user,n\n2024-05-03T10:00:00Z,u2,2\n");
    let answer = lab.highwater(&["backfill", "job.toml"]);
    assert_eq!(answer.code, 3, "{}", answer.err);
    assert!(answer.err.contains("the job has no archive that shows whether log/c.csv has the same events"));
    assert!(lab.files("out") == before);
    let answer = lab.highwater(&["backfill", "job.toml", "log/c.csv"]);
    assert_eq!(answer.code, 0, "{}", answer.err);
}
