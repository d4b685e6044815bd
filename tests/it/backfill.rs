//! Backfills worked by hand, through the binary: what one late event does to each kind of result, and files that
//! are known, unknown, spoiled or of a table.

use crate::backfill_cases::{left, same, take};
use crate::support::{Answer, Lab, account};

/// A line of a log: time of day, a key and a number.
type Event<'a> = (&'a str, &'a str, i64);

fn csv(events: &[Event]) -> String {
    let lines = events.iter().map(|(at, k, n)| format!("2024-05-01T{at}:00Z,{k},{n}\n"));
    format!("at,k,n\n{}", lines.collect::<String>())
}

/// Runs and backfills leave one file, `out/out.csv`.
fn job(steps: &str, output: &str) -> String {
    format!(
        "[source]\npath = \"log/*\"\ntime = \"at\"\n{steps}\n[[output]]\npath = \"out/out.csv\"\n{output}\n\
         select = {{ n = \"count(*)\", total = \"sum(n)\" }}\n"
    )
}

fn result(lab: &Lab) -> String {
    lab.text("out/out.csv").replace("2024-05-01T", "").replace(":00Z", "")
}

fn backfill(lab: &Lab, args: &[&str]) -> Answer {
    lab.highwater(&[&["backfill", "job.toml"], args].concat())
}

fn done(lab: &Lab, args: &[&str]) -> Answer {
    let answer = backfill(lab, args);
    assert_eq!(answer.code, 0, "{}", answer.err);
    answer
}

/// It is refused, in words that name `what`, and leaves everything as it was.
fn refused(lab: &Lab, args: &[&str], what: &[&str]) {
    let old = lab.written("out");
    let answer = backfill(lab, args);
    assert_ne!(answer.code, 0, "{args:?} is done\n{}", answer.err);
    assert!(what.iter().all(|word| answer.err.contains(word)), "{what:?} in\n{}", answer.err);
    assert!(lab.written("out") == old, "{args:?} wrote something");
}

/// The job over what the source has now leaves what lies there.
fn as_a_run_over_all(lab: &Lab) {
    let found = take(lab);
    let answer = lab.highwater(&["run", "job.toml"]);
    assert_eq!(answer.code, 0, "{}", answer.err);
    same(&found, &left(lab)).unwrap_or_else(|why| panic!("{why}"));
}

/// The result of a run over `first`, and after a backfill of `second`.
fn corrected(job: &str, first: &str, second: &str) -> (Lab, String, String) {
    let lab = Lab::new();
    lab.write("log/1.csv", first);
    lab.done(job, &[]);
    let before = result(&lab);
    lab.write("log/2.csv", second);
    done(&lab, &["log/2.csv"]);
    let after = result(&lab);
    as_a_run_over_all(&lab);
    (lab, before, after)
}

#[test]
fn a_late_event_joins_sessions() {
    let first = csv(&[("00:00", "a", 1), ("00:15", "a", 2), ("00:40", "a", 4), ("00:08", "b", 8)]);
    let job = job("", "window = { session = \"10m\" }\nby = [\"k\"]");
    let (_, before, after) = corrected(&job, &first, &csv(&[("00:07", "a", 16)]));
    insta::assert_snapshot!(before, @r"
    window_start,window_end,k,n,total
    00:00,00:10,a,1,1
    00:08,00:18,b,1,8
    00:15,00:25,a,1,2
    00:40,00:50,a,1,4
    ");
    insta::assert_snapshot!(after, @r"
    window_start,window_end,k,n,total
    00:00,00:25,a,3,19
    00:08,00:18,b,1,8
    00:40,00:50,a,1,4
    ");
    // Exactly a gap after the last, and exactly a gap before the next: they still join.
    let (_, _, after) =
        corrected(&job, &csv(&[("00:00", "a", 1), ("00:20", "a", 2)]), &csv(&[("00:10", "a", 4)]));
    insta::assert_snapshot!(after, @r"
    window_start,window_end,k,n,total
    00:00,00:30,a,3,7
    ");
}

#[test]
fn a_late_event_falls_in_every_window_that_overlaps_it() {
    let first = csv(&[("00:01", "a", 1), ("00:12", "a", 2)]);
    let hopping = job("", "window = { hopping = \"10m\", slide = \"5m\" }");
    let (_, before, after) = corrected(&hopping, &first, &csv(&[("00:07", "a", 4)]));
    insta::assert_snapshot!(before, @r"
    window_start,window_end,n,total
    2024-04-30T23:55,00:05,1,1
    00:00,00:10,1,1
    00:05,00:15,1,2
    00:10,00:20,1,2
    ");
    insta::assert_snapshot!(after, @r"
    window_start,window_end,n,total
    2024-04-30T23:55,00:05,1,1
    00:00,00:10,2,5
    00:05,00:15,2,6
    00:10,00:20,1,2
    ");
    let cumulative = job("", "window = { cumulative = \"10m\", step = \"5m\" }");
    let (_, before, after) = corrected(&cumulative, &first, &csv(&[("00:03", "a", 4)]));
    insta::assert_snapshot!(before, @r"
    window_start,window_end,n,total
    00:00,00:05,1,1
    00:00,00:10,1,1
    00:10,00:15,1,2
    00:10,00:20,1,2
    ");
    insta::assert_snapshot!(after, @r"
    window_start,window_end,n,total
    00:00,00:05,2,5
    00:00,00:10,2,5
    00:10,00:15,1,2
    00:10,00:20,1,2
    ");
}

#[test]
fn having_flips_both_ways() {
    // Odd counts are kept: the first window goes, the second comes, the third stays as it is.
    let first = csv(&[("00:01", "a", 1), ("00:11", "a", 2), ("00:12", "a", 4), ("00:21", "a", 8)]);
    let job = job("", "window = { tumbling = \"10m\" }\nhaving = \"n % 2 = 1\"");
    let (_, before, after) = corrected(&job, &first, &csv(&[("00:02", "a", 16), ("00:13", "a", 32)]));
    insta::assert_snapshot!(before, @r"
    window_start,window_end,n,total
    00:00,00:10,1,1
    00:20,00:30,1,8
    ");
    insta::assert_snapshot!(after, @r"
    window_start,window_end,n,total
    00:10,00:20,3,38
    00:20,00:30,1,8
    ");
}

#[test]
fn another_group_comes_to_the_top() {
    let first =
        csv(&[("00:01", "a", 5), ("00:02", "b", 3), ("00:03", "c", 1), ("00:11", "a", 1), ("00:12", "b", 2)]);
    let job = job("", "window = { tumbling = \"10m\" }\nby = [\"k\"]\ntop = { n = 2, by = \"total desc\" }");
    let (_, before, after) = corrected(&job, &first, &csv(&[("00:04", "c", 9)]));
    insta::assert_snapshot!(before, @r"
    window_start,window_end,k,n,total
    00:00,00:10,a,1,5
    00:00,00:10,b,1,3
    00:10,00:20,b,1,2
    00:10,00:20,a,1,1
    ");
    insta::assert_snapshot!(after, @r"
    window_start,window_end,k,n,total
    00:00,00:10,c,2,10
    00:00,00:10,a,1,5
    00:10,00:20,b,1,2
    00:10,00:20,a,1,1
    ");
}

#[test]
fn an_earlier_event_makes_a_later_one_a_duplicate() {
    let first = csv(&[("00:10", "a", 1), ("00:14", "a", 2), ("00:30", "a", 4)]);
    let steps = "[[step]]\ndedup = [\"k\"]\nwithin = \"5m\"\n";
    // 00:10 was kept and 00:14 its duplicate; of 00:08, 00:10 is one, and 00:14 is no longer.
    let (lab, before, after) =
        corrected(&job(steps, "window = { tumbling = \"10m\" }"), &first, &csv(&[("00:08", "a", 8)]));
    insta::assert_snapshot!(before, @r"
    window_start,window_end,n,total
    00:10,00:20,1,1
    00:30,00:40,1,4
    ");
    insta::assert_snapshot!(after, @r"
    window_start,window_end,n,total
    00:00,00:10,1,8
    00:10,00:20,1,2
    00:30,00:40,1,4
    ");
    assert_eq!(account(&lab.manifests("out")[0]), [4, 0, 0, 1, 0, 3]);
}

#[test]
fn an_earlier_event_is_the_first() {
    let first = csv(&[("00:10", "a", 1), ("00:11", "b", 2)]);
    let steps = "[[step]]\nfirst = [\"k\"]\nas = \"fresh\"\n[[step]]\nfilter = \"fresh\"\n";
    let (_, before, after) =
        corrected(&job(steps, "window = { tumbling = \"10m\" }"), &first, &csv(&[("00:08", "a", 8)]));
    insta::assert_snapshot!(before, @r"
    window_start,window_end,n,total
    00:10,00:20,2,3
    ");
    insta::assert_snapshot!(after, @r"
    window_start,window_end,n,total
    00:00,00:10,1,8
    00:10,00:20,1,2
    ");
}

#[test]
fn a_row_that_comes_late_in_a_table() {
    let lab = Lab::new();
    lab.write("log/1.csv", csv(&[("00:01", "a", 1), ("00:06", "a", 2), ("00:12", "a", 4)]));
    lab.write("plans/1.csv", "at,k,plan\n2024-05-01T00:00:00Z,a,free\n");
    let steps = "[table.plans]\npath = \"plans/*\"\ntime = \"at\"\n\
        [[step]]\nenrich = \"plans\"\non = { k = \"k\" }\ntake = { plan = \"plan\" }\n";
    lab.done(&job(steps, "window = { tumbling = \"10m\" }\nby = [\"plan\"]"), &[]);
    insta::assert_snapshot!(result(&lab), @r"
    window_start,window_end,plan,n,total
    00:00,00:10,free,2,3
    00:10,00:20,free,1,4
    ");
    lab.write("plans/2.csv", "at,k,plan\n2024-05-01T00:05:00Z,a,paid\n");
    done(&lab, &["plans/2.csv"]);
    insta::assert_snapshot!(result(&lab), @r"
    window_start,window_end,plan,n,total
    00:00,00:10,free,1,1
    00:00,00:10,paid,1,2
    00:10,00:20,paid,1,4
    ");
    as_a_run_over_all(&lab);
}

/// The days on which London's clocks change have 23 and 25 hours; a late event of their last hour is theirs.
#[test]
fn a_late_event_of_a_day_of_another_length() {
    let job = format!("timezone = \"Europe/London\"\n{}", job("", "window = { tumbling = \"1 day\" }"));
    let log = |events: &[&str]| {
        format!("at,k,n\n{}", events.iter().map(|at| format!("{at},a,1\n")).collect::<String>())
    };
    let first = log(&["2024-03-31T12:00:00Z", "2024-04-01T12:00:00Z", "2024-10-27T12:00:00Z"]);
    let late = log(&[
        "2024-03-31T22:59:59Z",
        "2024-03-31T23:00:00Z",
        "2024-10-26T23:00:00Z",
        "2024-10-27T23:59:59Z",
    ]);
    let (_, before, after) = corrected(&job, &first, &late);
    insta::assert_snapshot!(before, @r"
    window_start,window_end,n,total
    2024-03-31T00:00:00+00:00,2024-04-01T00:00:00+01:00,1,1
    2024-04-01T00:00:00+01:00,2024-04-02T00:00:00+01:00,1,1
    2024-10-27T00:00:00+01:00,2024-10-28T00:00:00+00:00,1,1
    ");
    insta::assert_snapshot!(after, @r"
    window_start,window_end,n,total
    2024-03-31T00:00:00+00:00,2024-04-01T00:00:00+01:00,2,2
    2024-04-01T00:00:00+01:00,2024-04-02T00:00:00+01:00,2,2
    2024-10-27T00:00:00+01:00,2024-10-28T00:00:00+00:00,3,3
    ");
}

const TEN: &str = "window = { tumbling = \"10m\" }\nby = [\"k\"]";

/// A file without a record changes no window; it is an input all the same.
#[test]
fn a_file_of_nothing() {
    let (lab, before, after) = corrected(&job("", TEN), &csv(&[("00:01", "a", 1)]), "at,k,n\n");
    assert_eq!(before, after);
    assert_eq!(lab.manifests("out")[0]["inputs"].as_array().unwrap().len(), 2);
}

/// Bad records of the files given are rejected as a run rejects them, beside those of before.
#[test]
fn bad_records_of_both_sides_are_in_one_file_of_rejects() {
    let lab = Lab::new();
    let bad = |events: &[Event]| format!("{}never,b,7\n", csv(events));
    lab.write("log/1.csv", bad(&[("00:01", "a", 1)]));
    lab.write("log/3.csv", bad(&[("00:21", "a", 4)]));
    let job = job("", TEN)
        .replace("time = \"at\"", "time = \"at\"\non_bad_record = \"reject\"\nrejects = \"rejects.jsonl\"");
    lab.done(&job, &[]);
    lab.write("log/2.csv", bad(&[("00:02", "a", 2), ("00:11", "a", 8)]));
    done(&lab, &["log/2.csv"]);
    let rejects = lab.text("rejects.jsonl");
    assert_eq!(account(&lab.manifests("out")[0]), [7, 3, 0, 0, 0, 4]);
    as_a_run_over_all(&lab);
    assert_eq!(rejects, lab.text("rejects.jsonl"));
    assert_eq!(rejects.lines().count(), 3);
}

/// A bad record where none is allowed: an error that names it, and nothing is changed.
#[test]
fn a_bad_record_is_an_error() {
    let lab = Lab::new();
    lab.write("log/1.csv", csv(&[("00:01", "a", 1)]));
    lab.done(&job("", TEN), &[]);
    lab.write("log/2.csv", format!("{}never,b,7\n", csv(&[("00:02", "a", 2)])));
    refused(&lab, &["log/2.csv"], &["log/2.csv", "never"]);
}

#[test]
fn files_that_cannot_be_given() {
    let lab = Lab::new();
    lab.write("log/1.csv", csv(&[("00:01", "a", 1)]));
    lab.write("job.toml", job("", TEN));
    lab.write("log/2.csv", csv(&[("00:02", "a", 2)]));
    // Before any run there is nothing to correct.
    refused(&lab, &["log/2.csv"], &["run"]);
    std::fs::remove_file(lab.path("log/2.csv")).unwrap();
    assert_eq!(lab.highwater(&["run", "job.toml"]).code, 0);

    refused(&lab, &["log/2.csv"], &["log/2.csv"]);
    refused(&lab, &["--retract", "log/2.csv"], &["log/2.csv"]);
    lab.write("other/never-counted.csv", csv(&[("00:09", "a", 2)]));
    refused(&lab, &["--retract", "other/never-counted.csv"], &["other/never-counted.csv"]);
    refused(&lab, &["--from-archive", "no/such/archive", "other/never-counted.csv"], &["no/such/archive"]);

    // A file that was counted has changed since: what it gave is not known from it.
    lab.write("log/1.csv", csv(&[("00:01", "a", 1), ("00:02", "a", 2)]));
    refused(&lab, &["log/1.csv"], &["log/1.csv", "hint"]);
}

#[test]
fn a_file_that_was_counted_before_under_another_name() {
    let lab = Lab::new();
    let log = csv(&[("00:01", "a", 1)]);
    lab.write("log/1.csv", &log);
    lab.done(&job("", TEN), &[]);
    let written = lab.written("out");
    lab.write("sent/again.csv", &log);
    let answer = done(&lab, &["sent/again.csv"]);
    let said = format!("{}{}", answer.out, answer.err);
    assert!(said.contains("sent/again.csv") && said.contains("log/1.csv"), "{said}");
    assert!(lab.written("out") == written);
    // Beside one that is new, it is left out.
    lab.write("sent/new.csv", csv(&[("00:02", "a", 2)]));
    done(&lab, &["sent/again.csv", "sent/new.csv"]);
    insta::assert_snapshot!(result(&lab), @r"
    window_start,window_end,k,n,total
    00:00,00:10,a,2,3
    ");
}

/// Another job than the one that was run: everything is computed again, as a run of it would.
#[test]
fn a_job_that_was_changed_since_its_run() {
    let lab = Lab::new();
    lab.write("log/1.csv", csv(&[("00:01", "a", 1), ("00:11", "b", 2)]));
    lab.done(&job("", TEN), &[]);
    lab.write("log/2.csv", csv(&[("00:02", "a", 4)]));
    lab.write("job.toml", job("", TEN).replace("sum(n)", "max(n)"));
    done(&lab, &["log/2.csv"]);
    insta::assert_snapshot!(result(&lab), @r"
    window_start,window_end,k,n,total
    00:00,00:10,a,2,4
    00:10,00:20,b,1,2
    ");
    as_a_run_over_all(&lab);
}

/// The lines of a change log.
fn changes(lab: &Lab, number: usize) -> Vec<serde_json::Value> {
    let text = lab.text(&format!("out/_highwater/out.csv/changes/{number:06}.log"));
    text.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"))).collect()
}

/// One file of history for each backfill that changed something, and none for the others.
#[test]
fn changes_are_logged() {
    let lab = Lab::new();
    lab.write("log/1.csv", csv(&[("00:01", "a", 1), ("00:11", "b", 2)]));
    lab.done(&job("", TEN), &[]);
    lab.write("log/2.csv", csv(&[("00:02", "a", 4), ("00:21", "c", 8)]));
    let old = lab.written("out");
    done(&lab, &["--plan", "log/2.csv"]);
    assert!(lab.written("out") == old, "a plan wrote something");
    done(&lab, &["log/2.csv"]);
    done(&lab, &["log/2.csv"]);
    lab.write("log/3.csv", csv(&[("00:12", "b", 16)]));
    done(&lab, &["log/3.csv"]);
    let logs: Vec<String> = lab.files("out").into_keys().filter(|path| path.contains("/changes/")).collect();
    assert_eq!(logs, [1, 2].map(|n| format!("_highwater/out.csv/changes/{n:06}.log")));
    let text = |n| changes(&lab, n).iter().map(|line| format!("{line}\n")).collect::<String>();
    assert!(text(1).contains("log/2.csv") && !text(1).contains("log/3.csv"), "{}", text(1));
    assert!(text(2).contains("log/3.csv") && !text(2).contains("log/2.csv"), "{}", text(2));
    assert!(text(1).contains("\"c\"") && !text(2).contains("\"c\""));
    as_a_run_over_all(&lab);
}

#[test]
fn files_are_retracted() {
    let lab = Lab::new();
    lab.write("log/1.csv", csv(&[("00:01", "a", 1), ("00:11", "b", 2)]));
    lab.write("log/2.csv", csv(&[("00:02", "a", 4), ("00:21", "c", 8)]));
    lab.done(&job("", TEN), &[]);
    insta::assert_snapshot!(result(&lab), @r"
    window_start,window_end,k,n,total
    00:00,00:10,a,2,5
    00:10,00:20,b,1,2
    00:20,00:30,c,1,8
    ");
    done(&lab, &["--retract", "log/2.csv"]);
    insta::assert_snapshot!(result(&lab), @r"
    window_start,window_end,k,n,total
    00:00,00:10,a,1,1
    00:10,00:20,b,1,2
    ");
    // It was taken out, so it cannot be taken out again; it can come back.
    refused(&lab, &["--retract", "log/2.csv"], &["log/2.csv"]);
    done(&lab, &["log/2.csv"]);
    as_a_run_over_all(&lab);
    done(&lab, &["--retract", "log/2.csv"]);
    std::fs::remove_file(lab.path("log/2.csv")).unwrap();
    as_a_run_over_all(&lab);
}

#[test]
fn the_answer_as_json() {
    let lab = Lab::new();
    lab.write("log/1.csv", csv(&[("00:01", "a", 1), ("00:11", "b", 2)]));
    lab.done(&job("", TEN), &[]);
    lab.write("log/2.csv", csv(&[("00:02", "a", 4)]));
    let old = lab.written("out");
    let planned: serde_json::Value =
        serde_json::from_str(&done(&lab, &["--plan", "--json", "log/2.csv"]).out).unwrap();
    assert!(lab.written("out") == old);
    assert_eq!(account(&planned), [2, 0, 0, 0, 0, 2]);
    let answer: serde_json::Value = serde_json::from_str(&done(&lab, &["--json", "log/2.csv"]).out).unwrap();
    assert_eq!(account(&answer), [3, 0, 0, 0, 0, 3]);
}

/// An archive takes new files by `run`; what it has seen is not read again, and may not change.
#[test]
fn an_archive_takes_new_files_by_run() {
    let lab = Lab::new();
    let archive =
        "[[output]]\npath = \"out/archive\"\narchive = true\npartition_by = [\"date\"]\nformat = \"csv\"\n";
    let job = format!("{}{archive}", job("", TEN));
    let day = |day: &str| csv(&[("00:01", "a", 1), ("00:11", "b", 2)]).replace("05-01", day);
    lab.write("log/1.csv", day("05-01"));
    lab.write("log/3.csv", day("05-03"));
    lab.done(&job, &[]);
    let first = lab.written("out/archive");
    lab.done(&job, &[]);
    assert!(lab.written("out/archive") == first);

    lab.write("log/2.csv", day("05-02"));
    lab.done(&job, &[]);
    let second = lab.written("out/archive");
    let parts: Vec<&String> = second.keys().filter(|path| path.starts_with("date=")).collect();
    assert_eq!(parts.len(), 3);
    assert!(first.iter().all(|(path, stamp)| !path.starts_with("date=") || second[path] == *stamp));
    as_a_run_over_all(&lab);

    // A file that was archived has grown.
    let old = lab.written("out");
    lab.write("log/3.csv", format!("{}2024-05-03T00:12:00Z,b,4\n", day("05-03")));
    let answer = lab.highwater(&["run", "job.toml"]);
    assert_ne!(answer.code, 0);
    assert!(answer.err.contains("log/3.csv") && answer.err.contains("--changed reload"), "{}", answer.err);
    assert!(lab.written("out") == old);
    let answer = lab.highwater(&["run", "job.toml", "--changed", "reload"]);
    assert_eq!(answer.code, 0, "{}", answer.err);
    as_a_run_over_all(&lab);
}

/// An archive holds the records as they were read, in replay order, and where each stands.
#[test]
fn an_archive_by_hand() {
    let lab = Lab::new();
    lab.write("log/1.csv", csv(&[("00:11", "b", 2), ("00:01", "a", 1)]));
    let archive = "[[output]]\npath = \"out/archive.jsonl\"\narchive = true\n";
    lab.done(&format!("{}{archive}", job("[[step]]\nfilter = \"n > 1\"\n", TEN)), &[]);
    let before = lab.text("out/archive.jsonl");
    lab.write("log/2.csv", csv(&[("00:01", "c", -4)]));
    done(&lab, &["log/2.csv"]);
    let rows = |text: &str| -> Vec<(String, i64, String, i64)> {
        let row = |line: &str| {
            let row: serde_json::Value = serde_json::from_str(line).unwrap();
            let text = |name: &str| row[name].as_str().unwrap().to_string();
            (text("k"), row["n"].as_i64().unwrap(), text("_file"), row["_place"].as_i64().unwrap())
        };
        text.lines().map(row).collect()
    };
    let row = |k: &str, n, file: &str, place| (k.to_string(), n, file.to_string(), place);
    // The header is 7 bytes long, and a record 25.
    let [a, b, c] = [row("a", 1, "log/1.csv", 32), row("b", 2, "log/1.csv", 7), row("c", -4, "log/2.csv", 7)];
    assert_eq!(rows(&before), [a.clone(), b.clone()]);
    assert_eq!(rows(&lab.text("out/archive.jsonl")), [a, c, b]);
    as_a_run_over_all(&lab);
}

/// Events of one instant stand in the order of positions: of their files, whichever came later, then of their places.
#[test]
fn ties_stand_where_a_run_over_all_has_them() {
    let lab = Lab::new();
    let log = |name: &str, instants: [i64; 6]| {
        let lines =
            instants.iter().enumerate().map(|(i, at)| format!("2024-05-01T00:0{at}:00Z,{name}{i},0\n"));
        lab.write(&format!("log/{name}.csv"), format!("at,k,n\n{}", lines.collect::<String>()));
    };
    log("2", [1, 0, 1, 0, 2, 1]);
    log("4", [2, 1, 0, 1, 0, 1]);
    let events = "[[output]]\npath = \"out/events.csv\"\n";
    let archive = "[[output]]\npath = \"out/archive.jsonl\"\narchive = true\n";
    lab.done(&format!("{}{events}{archive}", job("", TEN)), &[]);
    log("1", [1, 0, 1, 1, 0, 2]);
    log("3", [1, 1, 0, 2, 1, 0]);
    done(&lab, &["log/3.csv"]);
    done(&lab, &["log/1.csv"]);
    let ones = |line: &&str| line.starts_with("2024-05-01T00:01");
    let text = lab.text("out/events.csv");
    let keys: Vec<&str> = text.lines().filter(ones).map(|line| line.split(',').nth(1).unwrap()).collect();
    assert_eq!(keys, ["10", "12", "13", "20", "22", "25", "30", "31", "34", "41", "43", "45"]);
    as_a_run_over_all(&lab);
}
