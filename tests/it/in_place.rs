//! What lies in place is compared by its content before it is kept: what somebody changed is written again and said,
//! or refused by name with a repair that works.

use crate::support::{Answer, Lab};
use std::fs::{self, File};

const LOG: &str = "at,k,n\n2024-05-01T10:00:00Z,a,1\n2024-05-01T11:00:00Z,b,2\n2024-05-02T10:00:00Z,a,3\n";
const LATE: &str = "at,k,n\n2024-05-02T11:00:00Z,b,4\n";

/// Changes the last byte of a file that is not a line end, and nothing that its size or its times say.
fn edit(lab: &Lab, name: &str) {
    let path = lab.path(name);
    let modified = fs::metadata(&path).unwrap().modified().unwrap();
    let mut bytes = fs::read(&path).unwrap();
    let at = bytes.iter().rposition(|byte| *byte != b'\n').unwrap();
    bytes[at] ^= 1;
    fs::write(&path, bytes).unwrap();
    File::open(&path).unwrap().set_modified(modified).unwrap();
}

fn job(outputs: &str) -> String {
    format!(
        "[source]\npath = \"in/*.csv\"\ntime = \"at\"\ntypes = {{ n = \"int64\", k = \"string\" }}\n{outputs}"
    )
}

const DAYS: &str = "[[output]]\npath = \"out/days\"\nwindow = { tumbling = \"1 day\" }\nby = [\"k\"]\n\
    select = { s = \"sum(n)\" }\npartition_by = [\"date\"]\nformat = \"csv\"\n";
const STATE: &str = "[[output]]\npath = \"out/means.csv\"\nwindow = { tumbling = \"1 day\" }\nstate = true\n\
    select = { m = \"avg(n)\" }\n";
const ARCHIVE: &str =
    "[[output]]\npath = \"out/archive\"\narchive = true\npartition_by = [\"date\"]\nformat = \"csv\"\n";
const SAID: &str = "1 part written again: it had been changed or removed from outside";

fn lab() -> Lab {
    let lab = Lab::new();
    lab.write("in/1.csv", LOG);
    lab
}

fn is_done(answer: &Answer) {
    assert_eq!(answer.code, 0, "{}", answer.err);
}

#[test]
fn a_run_writes_again_what_was_changed_to_the_same_size_and_says_so() {
    for args in [&["run", "job.toml"][..], &["run", "job.toml", "--changed", "reload"]] {
        let lab = lab();
        lab.done(&job(&format!("{DAYS}{STATE}")), &[]);
        let fresh = lab.files("out");
        let parts = [
            "out/days/date=2024-05-01/data.csv",
            "out/means.csv",
            "out/_highwater/means.csv/state/groups.state",
        ];
        for part in parts {
            edit(&lab, part);
            let answer = lab.highwater(args);
            is_done(&answer);
            assert_eq!(answer.err.matches(SAID).count(), 1, "{part}: {}", answer.err);
            assert!(lab.files("out") == fresh, "{part}");
        }
        fs::remove_file(lab.path(parts[0])).unwrap();
        assert!(lab.highwater(args).err.contains(SAID));
        assert!(lab.files("out") == fresh);
        let again = lab.highwater(args);
        assert!(
            again.err.contains("2 files, 2 unchanged\n") && !again.err.contains("again"),
            "{}",
            again.err
        );
        edit(&lab, parts[1]);
        let json: serde_json::Value =
            serde_json::from_str(&lab.highwater(&[args, &["--json"]].concat()).out).unwrap();
        assert_eq!((&json["outputs"][1]["restored"], &json["outputs"][1]["written"]), (&1.into(), &1.into()));
    }
}

#[test]
fn a_late_output_that_was_changed_is_written_again() {
    let lab = lab();
    lab.write("in/2.csv", LOG);
    let job =
        job("[late]\npath = \"out/late.jsonl\"\n[[output]]\npath = \"out/h.csv\"\nmode = \"streamed\"\n\
        window = { tumbling = \"1h\" }\nselect = { s = \"sum(n)\" }\n");
    lab.done(&job, &[]);
    let fresh = lab.files("out");
    assert!(!fresh["late.jsonl"].is_empty());
    edit(&lab, "out/late.jsonl");
    assert!(lab.done(&job, &[]).err.contains(SAID));
    assert!(lab.files("out") == fresh);
}

/// A backfill refuses a part that it cannot trust, and its hint is true: a run repairs it, and the backfill goes on.
#[test]
fn the_repair_that_a_backfill_hints_at_works() {
    for outputs in [DAYS.to_string(), STATE.to_string(), format!("{ARCHIVE}{DAYS}{STATE}")] {
        let want = lab();
        want.write("in/2.csv", LATE);
        want.done(&job(&outputs), &[]);
        // The part of the second day is touched by the late event, that of the first is kept.
        let parts = [
            "out/days/date=2024-05-02/data.csv",
            "out/days/date=2024-05-01/data.csv",
            "out/_highwater/means.csv/state/groups.state",
            "out/archive/date=2024-05-01/data.csv",
            "out/archive/date=2024-05-02/data.csv",
        ];
        let mut tried = 0;
        for part in parts {
            let lab = lab();
            lab.done(&job(&outputs), &[]);
            if !lab.path(part).exists() {
                continue;
            }
            tried += 1;
            edit(&lab, part);
            lab.write("late/2.csv", LATE);
            let before = lab.files("out");
            let refused = lab.highwater(&["backfill", "job.toml", "late/2.csv"]);
            assert_eq!(refused.code, 4, "{part}: {}", refused.err);
            assert!(
                refused.err.contains(part) && refused.err.contains("run the job again"),
                "{}",
                refused.err
            );
            assert!(lab.files("out") == before, "{part}");
            let repaired = lab.highwater(&["run", "job.toml"]);
            is_done(&repaired);
            assert!(repaired.err.contains(SAID), "{part}: {}", repaired.err);
            is_done(&lab.highwater(&["backfill", "job.toml", "late/2.csv"]));
            assert!(lab.data("out") == want.data("out") || outputs.contains("archive"), "{part}");
            assert!(lab.data("out/days") == want.data("out/days"), "{part}");
        }
        assert!(tried > 0);
    }
}

#[test]
fn a_run_that_reads_new_files_alone_compares_what_it_keeps() {
    let outputs = format!("{ARCHIVE}{DAYS}{STATE}");
    let want = lab();
    want.write("in/2.csv", LATE);
    want.done(&job(&outputs), &[]);
    for part in [
        "out/archive/date=2024-05-01/data.csv",
        "out/days/date=2024-05-01/data.csv",
        "out/_highwater/means.csv/state/groups.state",
    ] {
        let lab = lab();
        lab.done(&job(&outputs), &[]);
        edit(&lab, part);
        lab.write("in/2.csv", LATE);
        let answer = lab.highwater(&["run", "job.toml"]);
        is_done(&answer);
        assert!(lab.data("out") == want.data("out"), "{part}: {}", answer.err);
    }
}

#[test]
fn an_archive_whose_source_is_gone_is_the_source_of_everything_else() {
    for new in [false, true] {
        let outputs = format!("{ARCHIVE}{DAYS}{STATE}");
        let (lab, want) = (lab(), self::lab());
        lab.write("in/0.csv", LATE.replace("T11", "T12"));
        want.write("in/0.csv", LATE.replace("T11", "T12"));
        lab.done(&job(&outputs), &[]);
        if new {
            want.write("in/2.csv", LATE);
        }
        want.done(&job(&outputs), &[]);
        fs::remove_file(lab.path("in/1.csv")).unwrap();
        if new {
            lab.write("in/2.csv", LATE);
        }
        edit(&lab, "out/days/date=2024-05-01/data.csv");
        edit(&lab, "out/means.csv");
        let answer = lab.highwater(&["run", "job.toml"]);
        is_done(&answer);
        assert!(lab.data("out") == want.data("out"), "{}", answer.err);
    }
}

#[test]
fn an_archive_that_cannot_be_written_again_is_refused_by_name_and_the_repairs_work() {
    let outputs = format!("{ARCHIVE}{DAYS}");
    let part = "out/archive/date=2024-05-01/data.csv";
    let damaged = || {
        let lab = lab();
        lab.write("in/2.csv", LATE);
        lab.done(&job(&outputs), &[]);
        let fresh = lab.files("out");
        edit(&lab, part);
        fs::rename(lab.path("in/1.csv"), lab.path("1.csv")).unwrap();
        let before = lab.files("out");
        let refused = lab.highwater(&["run", "job.toml"]);
        assert_eq!(refused.code, 4, "{}", refused.err);
        for words in [part, "was changed from outside", "in/1.csv", "--changed reload"] {
            assert!(refused.err.contains(words), "{words}: {}", refused.err);
        }
        assert!(lab.files("out") == before);
        (lab, fresh)
    };
    // The file of the source comes back.
    let (lab, fresh) = damaged();
    fs::rename(lab.path("1.csv"), lab.path("in/1.csv")).unwrap();
    assert!(lab.highwater(&["run", "job.toml"]).err.contains(SAID));
    assert!(lab.files("out") == fresh);
    // The part comes back from a copy.
    let (lab, fresh) = damaged();
    lab.write(part, &fresh[part.strip_prefix("out/").unwrap()]);
    is_done(&lab.highwater(&["run", "job.toml"]));
    assert!(lab.files("out") == fresh);
    // What is gone is given up.
    let (lab, _) = damaged();
    is_done(&lab.highwater(&["run", "job.toml", "--changed", "reload"]));
    let want = Lab::new();
    want.write("in/2.csv", LATE);
    want.done(&job(&outputs), &[]);
    assert!(lab.files("out") == want.files("out"));
}

#[test]
fn a_file_of_others_in_an_output_is_told_and_left() {
    let lab = lab();
    lab.done(&job(DAYS), &[]);
    lab.write("out/days/date=2024-05-01/copy.csv", "x");
    lab.write("out/days/_SUCCESS", "");
    let answer = lab.done(&job(DAYS), &[]);
    assert!(
        answer.err.contains("out/days/date=2024-05-01/copy.csv is in the folder of an output"),
        "{}",
        answer.err
    );
    assert!(!answer.err.contains("_SUCCESS"));
    assert_eq!(lab.text("out/days/date=2024-05-01/copy.csv"), "x");
    // Without its manifest nobody knows whose the output is.
    fs::remove_file(lab.path("out/days/_highwater/manifest.json")).unwrap();
    let refused = lab.run(&job(DAYS), &[]);
    assert!(refused.code == 2 && refused.err.contains("refusing to write into out/days"), "{}", refused.err);
    fs::remove_dir_all(lab.path("out/days")).unwrap();
    lab.done(&job(DAYS), &[]);
}
