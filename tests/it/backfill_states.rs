//! Outputs that keep what their groups are made of, worked by hand: late files are counted without history, and
//! what was left out of the output comes into it.

use crate::backfill_cases::{Left, left, same, take};
use crate::support::{Answer, Lab};

const ONE: &str = "at,k,n,f\n\
    2024-05-01T00:01:00Z,a,1,0.1\n2024-05-01T00:02:00Z,a,2,0.2\n2024-05-01T00:03:00Z,b,4,0.3\n\
    2024-05-01T00:11:00Z,a,8,1e300\n2024-05-01T00:12:00Z,b,16,-1e300\n\
    2024-05-02T00:01:00Z,c,32,0.7\n";
const TWO: &str = "at,k,n,f\n2024-05-01T00:04:00Z,b,3,0.1\n2024-05-01T00:13:00Z,a,20,2.5\n";

fn job(output: &str) -> String {
    format!("[source]\npath = \"log/*\"\ntime = \"at\"\n[[output]]\nstate = true\n{output}\n")
}

fn backfill(lab: &Lab, args: &[&str]) -> Answer {
    let answer = lab.highwater(&[&["backfill", "job.toml"], args].concat());
    assert_eq!(answer.code, 0, "{}", answer.err);
    answer
}

/// A run over [`ONE`]; then its file goes, and that of [`TWO`] is counted. Gives what lay there before it, and the outcome as JSON. What is left is
/// that of a run over both.
fn late(job: &str) -> (Lab, Left, serde_json::Value) {
    let lab = Lab::new();
    lab.write("log/1.csv", ONE);
    lab.done(job, &[]);
    let before = left(&lab);
    std::fs::remove_file(lab.path("log/1.csv")).unwrap();
    lab.write("log/2.csv", TWO);
    let stamps = lab.written("out");
    let plan = backfill(&lab, &["log/2.csv", "--plan", "--json"]);
    assert!(lab.written("out") == stamps, "a plan changed something");
    let plan: serde_json::Value = serde_json::from_str(&plan.out).unwrap();
    assert_eq!(plan["outputs"][0]["method"], "merged", "{plan}");
    let answer = backfill(&lab, &["log/2.csv", "--json"]);
    lab.write("log/1.csv", ONE);
    let found = take(&lab);
    assert_eq!(lab.highwater(&["run", "job.toml"]).code, 0);
    same(&found, &left(&lab)).unwrap_or_else(|why| panic!("{why}"));
    (lab, before, serde_json::from_str(&answer.out).unwrap())
}

fn short(text: &[u8]) -> String {
    String::from_utf8_lossy(text).replace("2024-05-0", "").replace(":00Z", "")
}

fn text(lab: &Lab, name: &str) -> String {
    short(lab.text(name).as_bytes())
}

#[test]
fn averages_and_spreads_take_late_events_without_history() {
    let output = "path = \"out/out.csv\"\nwindow = { tumbling = \"10m\" }\n\
        select = { n = \"count(*)\", mean = \"avg(n)\", s = \"stddev_samp(n)\", f = \"sum(f)\", v = \"var_pop(f)\" }";
    let (lab, _, told) = late(&job(output));
    insta::assert_snapshot!(text(&lab, "out/out.csv"), @r"
    window_start,window_end,n,mean,s,f,v
    1T00:00,1T00:10,4,2.5,1.2909944487358056,0.7,0.006874999999999999
    1T00:10,1T00:20,3,14.666666666666666,6.110100926607787,2.5,inf
    2T00:00,2T00:10,1,32.0,,0.7,0.0
    ");
    assert_eq!(told["history"]["files"], 0, "{told}");
}

#[test]
fn having_flips_both_ways_without_history() {
    let output = "path = \"out\"\nformat = \"csv\"\nwindow = { tumbling = \"10m\" }\nby = [\"k\"]\n\
        partition_by = [\"date\"]\nhaving = \"avg(n) < 4 OR n = 8\"\nselect = { n = \"sum(n)\", mean = \"avg(n)\" }";
    let (lab, before, _) = late(&job(output));
    // b of the first window comes in, a of the second goes, and what is left out is in the state.
    insta::assert_snapshot!(short(&before["date=2024-05-01/data.csv"]), @r"
    window_start,window_end,k,n,mean
    1T00:00,1T00:10,a,3,1.5
    1T00:10,1T00:20,a,8,8.0
    ");
    insta::assert_snapshot!(text(&lab, "out/date=2024-05-01/data.csv"), @r"
    window_start,window_end,k,n,mean
    1T00:00,1T00:10,a,3,1.5
    1T00:00,1T00:10,b,7,3.5
    ");
    let state = lab.files("out/_highwater/state");
    assert_eq!(
        state.keys().collect::<Vec<_>>(),
        ["date=2024-05-01/groups.state", "date=2024-05-02/groups.state"]
    );
    let rows = crate::results::read("parquet", &state["date=2024-05-01/groups.state"], "UTC");
    let keys: Vec<&str> = rows.iter().map(|row| row[2].1.as_str()).collect();
    assert_eq!(keys, [r#""a""#, r#""b""#, r#""a""#, r#""b""#]);
}

#[test]
fn a_partition_may_have_a_state_and_no_rows() {
    let output = "path = \"out\"\nformat = \"csv\"\nwindow = { tumbling = \"10m\" }\nby = [\"k\"]\n\
        partition_by = [\"date\"]\nhaving = \"count(*) > 1\"\nselect = { mean = \"avg(n)\" }";
    let (lab, ..) = late(&job(output));
    assert!(lab.path("out/_highwater/state/date=2024-05-02/groups.state").exists());
    assert!(!lab.path("out/date=2024-05-02").exists());
    // Which a later event makes one.
    lab.write("log/3.csv", "at,k,n,f\n2024-05-02T00:02:00Z,c,1,\n");
    std::fs::remove_file(lab.path("log/1.csv")).unwrap();
    let _ = backfill(&lab, &["log/3.csv"]);
    insta::assert_snapshot!(text(&lab, "out/date=2024-05-02/data.csv"), @r"
    window_start,window_end,k,mean
    2T00:00,2T00:10,c,16.5
    ");
}

#[test]
fn the_top_of_a_window_changes_in_partitions_that_the_late_event_is_not_in() {
    let output = "path = \"out\"\nformat = \"csv\"\nwindow = { tumbling = \"10m\" }\nby = [\"k\"]\n\
        partition_by = [\"k\"]\ntop = { n = 1, by = \"m desc\" }\nselect = { m = \"avg(n) + sum(n)\" }";
    let (lab, before, told) = late(&job(output));
    // b was at the top of both windows; a comes to that of the second.
    assert_eq!(
        before.keys().filter(|path| path.ends_with("data.csv")).collect::<Vec<_>>(),
        ["k=b/data.csv", "k=c/data.csv"]
    );
    insta::assert_snapshot!(text(&lab, "out/k=a/data.csv"), @r"
    window_start,window_end,m
    1T00:10,1T00:20,42.0
    ");
    insta::assert_snapshot!(text(&lab, "out/k=b/data.csv"), @r"
    window_start,window_end,m
    1T00:00,1T00:10,10.5
    ");
    assert_eq!(told["history"]["files"], 0, "{told}");
}

/// The new top lies in a partition whose rows are of other windows: its state tells that it may.
#[test]
fn a_plan_names_the_partition_that_the_next_at_the_top_lies_in() {
    let output = "path = \"out\"\nformat = \"csv\"\nwindow = { tumbling = \"10m\" }\nby = [\"k\"]\n\
        partition_by = [\"k\"]\ntop = { n = 1, by = \"m desc\" }\nselect = { m = \"sum(n)\" }";
    let lab = Lab::new();
    lab.write(
        "log/1.csv",
        "at,k,n\n2024-05-01T00:01:00Z,c,10\n2024-05-01T00:11:00Z,c,5\n2024-05-01T00:21:00Z,d,1\n",
    );
    lab.write("log/2.csv", "at,k,n\n2024-05-01T00:02:00Z,b,100\n");
    lab.done(&job(output), &[]);
    assert_eq!(text(&lab, "out/k=c/data.csv").lines().count(), 2);
    let [plan, done] =
        [&["log/2.csv", "--retract", "--json", "--plan"][..], &["log/2.csv", "--retract", "--json"]]
            .map(|args| serde_json::from_str::<serde_json::Value>(&backfill(&lab, args).out).unwrap());
    assert_eq!(plan["outputs"][0]["parts"], serde_json::json!(["k=b/data.csv", "k=c/data.csv"]), "{plan}");
    // Of the first nothing is left.
    assert_eq!(done["outputs"][0]["parts"], serde_json::json!(["k=c/data.csv"]), "{done}");
    assert_eq!(text(&lab, "out/k=c/data.csv").lines().count(), 3);
}

/// What is stored merges too; the state is kept up all the same, and a retraction leaves it as it was.
#[test]
fn a_retraction_leaves_the_state_as_it_was() {
    for select in ["n = \"count(*)\"", "mean = \"avg(f)\", n = \"count(*)\""] {
        let output = format!(
            "path = \"out/out.parquet\"\nwindow = {{ hopping = \"10m\", slide = \"5m\" }}\nby = [\"k\"]\nselect = {{ {select} }}"
        );
        let lab = Lab::new();
        lab.write("log/1.csv", ONE);
        lab.done(&job(&output), &[]);
        let want = left(&lab);
        assert!(want.contains_key("_highwater/out.parquet/state/groups.state"), "{:?}", want.keys());
        // A window of its own, which goes again.
        lab.write("log/2.csv", format!("{TWO}2024-05-07T00:00:00Z,z,1,0.5\n"));
        backfill(&lab, &["log/2.csv"]);
        assert_ne!(left(&lab), want);
        backfill(&lab, &["log/2.csv", "--retract"]);
        same(&left(&lab), &want).unwrap_or_else(|why| panic!("{why}"));
    }
}

#[test]
fn a_state_that_is_spoiled_or_gone_is_told() {
    let output = "path = \"out/out.csv\"\nwindow = { tumbling = \"10m\" }\nselect = { mean = \"avg(n)\" }";
    for gone in [true, false] {
        let lab = Lab::new();
        lab.write("log/1.csv", ONE);
        lab.done(&job(output), &[]);
        lab.write("log/2.csv", TWO);
        let state = lab.path("out/_highwater/out.csv/state/groups.state");
        match gone {
            true => std::fs::remove_file(&state).unwrap(),
            false => {
                let bytes: Vec<u8> = std::fs::read(&state).unwrap().iter().map(|byte| !byte).collect();
                std::fs::write(&state, bytes).unwrap();
            }
        }
        let before = lab.written("out");
        let answer = lab.highwater(&["backfill", "job.toml", "log/2.csv"]);
        assert!(answer.code != 0 && answer.err.contains("state/groups.state"), "{}", answer.err);
        assert!(answer.err.contains("run the job again"), "{}", answer.err);
        assert!(lab.written("out") == before);
        // A run makes it anew.
        lab.done(&job(output), &[]);
        let found = left(&lab);
        std::fs::remove_dir_all(lab.path("out")).unwrap();
        lab.done(&job(output), &[]);
        if gone {
            same(&found, &left(&lab)).unwrap_or_else(|why| panic!("{why}"));
        }
    }
}
