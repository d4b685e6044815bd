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
    insta::assert_snapshot!(said(&lab, &["backfill", ARCHIVE, LATE, "--plan"]), @"");
    assert!(lab.files("out") == before, "a plan changes nothing");
    insta::assert_snapshot!(said(&lab, &["backfill", ARCHIVE, LATE, "--show", "4"]), @"");
    let log = lab.text("out/pageviews-counts/_highwater/changes/000001.jsonl");
    assert_eq!(log.lines().count(), 71);
    insta::assert_snapshot!(said(&lab, &["backfill", ARCHIVE, LATE]), @"");

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
    insta::assert_snapshot!(said(&lab, &["backfill", STREAMED, late, "--show", "3"]), @"");
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
