//! What `backfill` says of the jobs in `data/jobs`: the examples of its help and of the README.

use crate::golden::with_data;
use crate::support::{Lab, account};

const ARCHIVE: &str = "data/jobs/pageviews-archive.toml";
const STREAMED: &str = "data/jobs/pageviews-per-postcode.toml";
const LATE: &str = "data/pageviews-late/late.csv";

/// Standard output, then the rest.
fn said(lab: &Lab, args: &[&str]) -> String {
    let answer = lab.highwater(args);
    assert_eq!(answer.code, 0, "{}", answer.err);
    assert!(!answer.err.contains(['\r', '\u{1b}']) && !answer.out.contains(['\r', '\u{1b}']));
    format!("{}--\n{}", answer.out, answer.err)
}

#[test]
fn a_late_file_is_planned_and_merged_and_then_known() {
    let lab = with_data();
    said(&lab, &["run", ARCHIVE]);
    let before = lab.files("out");
    insta::assert_snapshot!(said(&lab, &["backfill", ARCHIVE, LATE, "--plan"]), @r"
    data/pageviews-late/late.csv: 40 records
    out/pageviews-archive: would be merged into what is stored: 40 rows to add
      1 file to replace, 71 unchanged
      to read 85 rows (2.3 kB), to write about 85 rows (2.3 kB)
      date=2024-06-01/hour=13
    out/pageviews-counts: would be merged into what is stored: 35 windows, 40 groups
      1 file to replace, 71 unchanged
      to read 85 rows (1.6 kB), to write about 85 rows (1.6 kB)
      date=2024-06-01/hour=13
    no history would be read
    --
    read 6,000 = 0 rejected + 0 filtered + 0 duplicate + 0 late + 6,000 counted
    this is a plan: nothing was changed
    ");
    assert!(lab.files("out") == before, "a plan changes nothing");
    insta::assert_snapshot!(said(&lab, &["backfill", ARCHIVE, LATE, "--show", "4"]), @r"
    data/pageviews-late/late.csv: 40 records
    out/pageviews-archive: merged into what is stored: 40 rows added
      1 file replaced, 71 unchanged, 6,040 rows now
      read 85 rows (2.3 kB), wrote 125 rows (2.7 kB)
      date=2024-06-01/hour=13
    out/pageviews-counts: merged into what is stored: 35 windows, 40 groups
      1 file replaced, 71 unchanged, 6,017 rows now
      read 85 rows (1.6 kB), wrote 105 rows (1.7 kB)
      date=2024-06-01/hour=13
    no history was read

    out/pageviews-counts: 70 values changed
    window_start          window_end            postcode  column         before       after
    ────────────────────  ────────────────────  ────────  ─────────  ──────────  ──────────
    2024-06-01T13:00:00Z  2024-06-01T13:01:00Z  NW1       views               1           2
    2024-06-01T13:03:00Z  2024-06-01T13:04:00Z  SP18      views               1           2
    2024-06-01T13:03:00Z  2024-06-01T13:04:00Z  SP18      last_view  1717246990  1717246993
    2024-06-01T13:05:00Z  2024-06-01T13:06:00Z  CT24      views               1           2
    … and 66 more; all in out/pageviews-counts/_highwater/changes/000001.log
    --
    read 6,040 = 0 rejected + 0 filtered + 0 duplicate + 0 late + 6,040 counted
    ");
    let log = lab.text("out/pageviews-counts/_highwater/changes/000001.log");
    assert_eq!(log.lines().count(), 71);
    insta::assert_snapshot!(said(&lab, &["backfill", ARCHIVE, LATE]), @r"
    data/pageviews-late/late.csv: counted before, left out
    --
    nothing to do: the files were counted before
    read 6,040 = 0 rejected + 0 filtered + 0 duplicate + 0 late + 6,040 counted
    ");

    // As a run over both.
    let corrected = lab.data("out");
    let both = std::fs::read_to_string(ARCHIVE).unwrap();
    let glob = "\"data/pageviews/*.csv\"";
    assert!(both.contains(glob));
    let lab = with_data();
    lab.done(&both.replace(glob, &format!("[{glob}, \"{LATE}\"]")), &[]);
    assert!(lab.data("out") == corrected);
}

#[test]
fn the_late_output_makes_up_for_what_the_live_job_left_out() {
    let lab = with_data();
    said(&lab, &["run", STREAMED, "-q"]);
    let late = "out/pageviews-late.jsonl";
    insta::assert_snapshot!(said(&lab, &["backfill", STREAMED, late, "--show", "3"]), @r"
    out/pageviews-late.jsonl: 179 records, late events of the job: they count where they were late
    out/pageviews-per-postcode: computed again from the source: 174 windows, 179 groups
      44 files replaced, 28 unchanged, 5,997 rows now
      read 3,764 rows (66.1 kB), wrote 3,941 rows (67.3 kB)
      date=2024-06-01/hour=00, date=2024-06-01/hour=01, date=2024-06-01/hour=02 and 41 more
    out/pageviews-per-postcode-complete: not touched
    2 files of history read, 340.5 kB

    out/pageviews-per-postcode: 358 values changed
    window_start          window_end            postcode  column  before  after
    ────────────────────  ────────────────────  ────────  ──────  ──────  ─────  ───────
    2024-06-01T00:03:00Z  2024-06-01T00:04:00Z  BB16      views               1  new row
    2024-06-01T00:03:00Z  2024-06-01T00:04:00Z  BB16      users               1  new row
    2024-06-01T00:08:00Z  2024-06-01T00:09:00Z  WC24      views               1  new row
    … and 355 more; all in out/pageviews-per-postcode/_highwater/changes/000001.log
    --
    read 6,000 = 0 rejected + 0 filtered + 0 duplicate + 0 late + 6,000 counted
    a backfill does not show the tables for the terminal; `highwater run` does
    ");
    let counts = lab.data("out/pageviews-per-postcode");
    assert!(counts == lab.data("out/pageviews-per-postcode-complete") && counts.len() == 72);
}

#[test]
fn programs_are_told_the_same() {
    let lab = with_data();
    said(&lab, &["run", ARCHIVE, "-q"]);
    let answer = lab.highwater(&["backfill", ARCHIVE, LATE, "--json", "--show", "2"]);
    assert_eq!((answer.code, answer.err.as_str()), (0, ""));
    let value: serde_json::Value = serde_json::from_str(&answer.out).unwrap();
    assert_eq!(account(&value), [6_040, 0, 0, 0, 0, 6_040]);
    assert_eq!(value["files"][0]["records"], 40);
    let counts = &value["outputs"][1];
    assert_eq!(counts["changes"].as_array().unwrap().len(), 2);
    assert_eq!(
        (&counts["method"], &counts["changed"], &counts["windows"]),
        (&"merged".into(), &70.into(), &35.into())
    );
    let quiet = lab.highwater(&["backfill", ARCHIVE, LATE, "--quiet"]);
    assert_eq!((quiet.code, quiet.out.as_str(), quiet.err.as_str()), (0, "", ""));
}

/// A run over the source alone has no place for a file that only a backfill knew, and says so.
#[test]
fn a_run_tells_which_files_it_leaves_out() {
    let lab = with_data();
    let gone = format!("{LATE} was counted before, but is not a file of the source");
    for words in [&["run", ARCHIVE][..], &["backfill", ARCHIVE, LATE], &["run", ARCHIVE]] {
        assert!(!said(&lab, words).contains(&gone), "{words:?}");
    }
    let anew = said(&lab, &["run", ARCHIVE, "--changed", "reload"]);
    assert!(anew.contains(&gone) && anew.contains("read 6,000 ="), "{anew}");
    assert!(!said(&lab, &["run", ARCHIVE, "--changed", "reload"]).contains(&gone));
}

/// Late events are counted once and all: a late output that is not the run's own is no guess.
#[test]
fn a_late_output_that_was_changed_is_refused() {
    let lab = with_data();
    said(&lab, &["run", STREAMED, "-q"]);
    let whole = lab.text("out/pageviews-late.jsonl");
    let before = lab.files("out/pageviews-per-postcode");
    let twice = format!("{whole}{}\n", whole.lines().next().unwrap());
    let less = whole.lines().skip(1).map(|line| format!("{line}\n")).collect::<String>();
    for (text, given) in [(twice, 180), (less, 178)] {
        lab.write("out/pageviews-late.jsonl", text);
        let answer = lab.highwater(&["backfill", STREAMED, "out/pageviews-late.jsonl"]);
        assert_eq!(answer.code, 3, "{}", answer.err);
        assert!(answer.err.contains(&format!("{given} late events are given, but 179 were left out")));
        assert!(lab.files("out/pageviews-per-postcode") == before);
    }
}
