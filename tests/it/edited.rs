//! Jobs that are edited over outputs in place, by hand: what is said, what is read, and what is refused.

use crate::support::Lab;

const JOB: &str = r#"
[source]
path = "in/*.jsonl"
time = "at"
[[step]]
filter = "n > 0"
[[output]]
path = "out/archive"
archive = true
format = "jsonl"
partition_by = ["date"]
[[output]]
path = "out/sums.csv"
window = { tumbling = "1 day" }
by = ["k"]
select = { total = "sum(n)", rows = "count(*)" }
"#;

/// A lab with two files of events, in which the job was run.
fn lab() -> Lab {
    let lab = Lab::new();
    lab.write("in/a.jsonl", "{\"at\":\"2024-03-01T10:00:00Z\",\"k\":\"x\",\"n\":1}\n{\"at\":\"2024-03-01T11:00:00Z\",\"k\":\"y\",\"n\":5}\n");
    lab.write("in/b.jsonl", "{\"at\":\"2024-03-02T10:00:00Z\",\"k\":\"x\",\"n\":3}\n");
    lab.done(JOB, &[]);
    lab
}

fn edited(from: &str, to: &str) -> String {
    assert!(JOB.contains(from), "{from}");
    JOB.replace(from, to)
}

#[test]
fn a_run_of_an_edited_job_computes_everything_again_and_says_why() {
    let lab = lab();
    let words = lab.done(&edited("n > 0", "n > 2"), &[]).words();
    assert!(words.contains("everything was computed again: for out/sums.csv, the job was edited: step 1 filter is `n > 2`, but was `n > 0`"), "{words}");
    assert!(words.contains("out/archive: 3 rows in 2 files, 2 unchanged"), "{words}");
    assert_eq!(lab.text("out/sums.csv").lines().count(), 3);
    let again = lab.done(&edited("n > 0", "n > 2"), &[]).words();
    assert!(!again.contains("computed again"), "{again}");
}

#[test]
fn another_name_of_the_job_rewrites_manifests_and_nothing_else() {
    let lab = lab();
    let before = (lab.data("out"), lab.written("out"));
    let words = lab.done(&format!("name = \"other\"\n{JOB}"), &[]).words();
    assert!(!words.contains("computed again"), "{words}");
    assert!(lab.manifests("out").iter().all(|manifest| manifest["job"]["name"] == "other"));
    let after = lab.written("out");
    assert_eq!(lab.data("out"), before.0);
    assert!(
        before
            .1
            .iter()
            .filter(|(path, _)| !path.contains("manifest"))
            .all(|(path, stamp)| after[path] == *stamp)
    );
}

#[test]
fn a_renamed_source_file_of_an_archive_is_known_by_its_content() {
    let lab = lab();
    let before = lab.written("out");
    for name in ["a", "b"] {
        std::fs::rename(lab.path(&format!("in/{name}.jsonl")), lab.path(&format!("in/z{name}.jsonl")))
            .unwrap();
    }
    lab.done(JOB, &[]);
    assert!(lab.written("out") == before, "something was written");
    // And read under its new name, where the job was edited.
    lab.done(&edited("sum(n)", "max(n)"), &[]);
    let found = lab.files("out");
    std::fs::remove_dir_all(lab.path("out")).unwrap();
    lab.done(&edited("sum(n)", "max(n)"), &[]);
    assert!(lab.files("out") == found, "not as a fresh run");
}

#[test]
fn columns_keep_the_order_in_place_when_a_late_file_has_another() {
    let lab = lab();
    let before = lab.written("out");
    // It comes before the others, and its keys stand in another order.
    lab.write("in/0.jsonl", "{\"n\":2,\"k\":\"x\",\"at\":\"2024-03-02T12:00:00Z\"}\n");
    let words = lab.highwater(&["backfill", "job.toml"]).out;
    assert!(words.contains("out/archive: merged into what is stored: 1 row added"), "{words}");
    let after = lab.written("out");
    let untouched = "archive/date=2024-03-01/data.jsonl";
    assert_eq!(before[untouched], after[untouched]);
    let lines = lab.text("out/archive/date=2024-03-02/data.jsonl");
    assert!(lines.lines().all(|line| line.starts_with("{\"at\":")), "{lines}");
    // A new column comes after them, and it is the reason.
    lab.write("in/00.jsonl", "{\"extra\":true,\"n\":2,\"k\":\"x\",\"at\":\"2024-03-02T13:00:00Z\"}\n");
    let words = lab.highwater(&["backfill", "job.toml"]).out;
    assert!(words.contains("extra is new: `bool, inferred`"), "{words}");
    assert!(
        lab.text("out/archive/date=2024-03-01/data.jsonl")
            .starts_with("{\"at\":\"2024-03-01T10:00:00Z\",\"k\":\"x\",\"n\":1,\"extra\":null,")
    );
}

#[test]
fn a_backfill_of_an_edited_job_compares_the_columns_that_both_have() {
    let lab = lab();
    lab.write("job.toml", edited("total = \"sum(n)\", rows", "most = \"max(n)\", rows"));
    lab.write("in/c.jsonl", "{\"at\":\"2024-03-01T12:00:00Z\",\"k\":\"x\",\"n\":9}\n");
    let answer = lab.highwater(&["backfill", "job.toml"]);
    assert!(
        answer.out.contains(
            "because for out/sums.csv, the job was edited: the output's select most is new: `max(n)`"
        ),
        "{}",
        answer.out
    );
    assert!(answer.out.contains("1 window, 1 group changed"), "{}", answer.out);
    assert!(answer.out.contains("rows"), "{}", answer.out);
    assert!(
        lab.text("out/sums.csv").starts_with("window_start,window_end,k,most,rows\n"),
        "{}",
        lab.text("out/sums.csv")
    );
}

#[test]
fn a_backfill_of_other_keys_says_that_nothing_is_compared() {
    let lab = lab();
    lab.write("job.toml", edited("by = [\"k\"]\n", ""));
    lab.write("in/c.jsonl", "{\"at\":\"2024-03-01T12:00:00Z\",\"k\":\"x\",\"n\":9}\n");
    let answer = lab.highwater(&["backfill", "job.toml"]);
    assert!(answer.out.contains("not compared: its keys have changed"), "{}", answer.out);
    assert!(!answer.out.contains("0 groups"), "{}", answer.out);
}

#[test]
fn an_archive_stands_for_a_file_that_is_gone_unless_it_is_to_be_read_otherwise() {
    let lab = lab();
    let whole = lab.data("out");
    std::fs::remove_file(lab.path("in/a.jsonl")).unwrap();
    // An output that is gone comes back from the archive.
    std::fs::remove_file(lab.path("out/sums.csv")).unwrap();
    lab.done(JOB, &[]);
    assert_eq!(lab.data("out"), whole);
    lab.done(&edited("n > 0", "n > 4"), &[]);
    assert_eq!(
        lab.text("out/sums.csv").lines().nth(1),
        Some("2024-03-01T00:00:00Z,2024-03-02T00:00:00Z,y,5,1")
    );
    let before = lab.files("out");
    for (from, to) in [
        ("time = \"at\"", "time = \"at\"\ntypes = { n = \"string\" }"),
        ("\n[source]", "timezone = \"Asia/Jakarta\"\n[source]"),
    ] {
        let answer = lab.run(&edited(from, to).replace("n > 0", "k = 'x'").replace("sum(n)", "max(n)"), &[]);
        assert_eq!(answer.code, 2, "{}", answer.err);
        assert!(
            answer.err.contains(
                "the job now reads its source differently, but in/a.jsonl, which it has counted, is gone"
            ),
            "{}",
            answer.err
        );
    }
    let partial = lab.run(JOB, &["--from", "2024-03-02"]);
    assert_eq!(partial.code, 2, "{}", partial.err);
    assert!(partial.err.contains("would drop it"), "{}", partial.err);
    assert_eq!(lab.files("out"), before);
}
