//! A second run reads nothing that it need not, and says what one says that reads everything.

use crate::support::{Lab, preloaded, without_time};
use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File, FileTimes};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::Duration;

/// More than the coarsest clock of a file system has between two ticks: files that were written before it are at rest.
fn rest() {
    std::thread::sleep(Duration::from_millis(2_100));
}

fn opens() -> &'static Path {
    static BUILT: OnceLock<(tempfile::TempDir, PathBuf)> = OnceLock::new();
    &BUILT.get_or_init(|| preloaded("opens.c")).1
}

/// The files of `in` that a command opened, which has to succeed.
fn opened(lab: &Lab, args: &[&str]) -> BTreeSet<String> {
    let log = lab.path("opens.log");
    let _ = fs::remove_file(&log);
    let mut command = Command::new(env!("CARGO_BIN_EXE_highwater"));
    let answer = lab.hear(command.args(args).env("LD_PRELOAD", opens()).env("OPENS_LOG", &log));
    assert_eq!(answer.code, 0, "{}", answer.err);
    let log = fs::read_to_string(log).unwrap();
    log.lines().filter(|path| path.starts_with("in/")).map(str::to_string).collect()
}

/// Whether the stamps of files of this folder are kept at all.
fn keeps_stamps(lab: &Lab) -> bool {
    let kept = lab.all_files("out").keys().any(|path| path.ends_with("/stamps"));
    if !kept {
        println!("skipped: stamps of files in {} are not trusted", lab.root().display());
    }
    kept
}

fn job(outputs: &str) -> String {
    format!("[source]\npath = \"in\"\ntime = \"at\"\ntypes = {{ n = \"int64\", k = \"string\" }}\n{outputs}")
}

const DAYS: &str = "[[output]]\npath = \"out/days\"\nwindow = { tumbling = \"1 day\" }\nby = [\"k\"]\n\
    select = { s = \"sum(n)\" }\npartition_by = [\"date\"]\nformat = \"csv\"\n";
const ARCHIVE: &str = "[[output]]\npath = \"out/archive\"\narchive = true\npartition_by = [\"date\"]\n";

/// The most files that a plan looks into: 1,000 for the types of columns, and 200 for what lines are wrapped in.
const SAMPLES: usize = 1_200;

#[test]
fn files_that_are_as_they_were_are_not_opened() {
    let lab = Lab::on_disk();
    let files = SAMPLES + 500;
    for number in 0..files {
        let day = 1 + number % 28;
        match number % 2 {
            0 => lab.write(
                &format!("in/{number:05}.csv"),
                format!("at,k,n\n2024-05-{day:02}T10:00:00Z,a,{number}\n"),
            ),
            _ => lab.write(
                &format!("in/{number:05}.jsonl"),
                format!("{{\"at\":\"2024-05-{day:02}T11:00:00Z\",\"k\":\"b\",\"n\":{number}}}\n"),
            ),
        }
    }
    lab.write("late.csv", "at,k,n\n2024-05-02T11:00:00Z,b,4\n");
    rest();
    for outputs in [DAYS.to_string(), format!("{DAYS}{ARCHIVE}")] {
        fs::remove_dir_all(lab.path("out")).unwrap_or_default();
        lab.write("job.toml", job(&outputs));
        assert_eq!(opened(&lab, &["run", "job.toml"]).len(), files);
        if !keeps_stamps(&lab) {
            return;
        }
        let fresh = lab.written("out");
        for args in [&["run", "job.toml"][..], &["explain", "job.toml"], &["run", "job.toml", "--json"]] {
            assert!(opened(&lab, args).len() <= SAMPLES, "{args:?}");
        }
        assert!(opened(&lab, &["backfill", "job.toml", "late.csv", "--plan"]).len() <= SAMPLES + 1);
        assert_eq!(lab.written("out"), fresh);
        assert_eq!(opened(&lab, &["run", "job.toml", "--changed", "reload"]).len(), files);
        // One of them is written, and its time is set back.
        let one = lab.path("in/00007.jsonl");
        let (text, modified) =
            (fs::read_to_string(&one).unwrap(), one.metadata().unwrap().modified().unwrap());
        fs::write(&one, text.replace("\"n\":7", "\"n\":8")).unwrap();
        File::options().write(true).open(&one).unwrap().set_modified(modified).unwrap();
        let answer = lab.highwater(&["run", "job.toml"]);
        match outputs.contains("archive") {
            true => assert!(answer.err.contains("in/00007.jsonl has changed since it was counted")),
            false => assert_eq!(lab.data("out"), fresh_run(&lab)),
        }
        fs::write(&one, text).unwrap();
    }
}

/// What a run without anything in place writes.
fn fresh_run(lab: &Lab) -> BTreeMap<String, Vec<u8>> {
    fs::rename(lab.path("out"), lab.path("aside")).unwrap();
    assert_eq!(lab.highwater(&["run", "job.toml"]).code, 0);
    let fresh = lab.data("out");
    fs::remove_dir_all(lab.path("out")).unwrap();
    fs::rename(lab.path("aside"), lab.path("out")).unwrap();
    fresh
}

/// Jobs of every kind, which read the same files; `@` is the name of the job.
const JOBS: [(&str, &str); 7] = [
    (
        "plain",
        "[[output]]\npath = \"out/@/sums.csv\"\nwindow = { tumbling = \"1 day\" }\nselect = { s = \"sum(n)\", c = \"count(*)\" }\n[[output]]\npath = \"out/@/rows\"\npartition_by = [\"date\"]\nformat = \"jsonl\"\n",
    ),
    (
        "archived",
        "[[output]]\npath = \"out/@/sums.csv\"\nwindow = { tumbling = \"1 day\" }\nselect = { s = \"sum(n)\" }\n[[output]]\npath = \"out/@/archive\"\narchive = true\npartition_by = [\"date\"]\n",
    ),
    (
        "stateful",
        "[[output]]\npath = \"out/@/means.parquet\"\nwindow = { tumbling = \"1h\" }\nby = [\"k\"]\nstate = true\nselect = { m = \"avg(n)\" }\n",
    ),
    (
        "live",
        "[late]\npath = \"out/@/late.jsonl\"\n[[output]]\npath = \"out/@/sums.csv\"\nmode = \"streamed\"\nwindow = { tumbling = \"1h\" }\nselect = { s = \"sum(n)\" }\n",
    ),
    (
        "joined",
        "[table.names]\npath = \"names/*.csv\"\ntime = \"at\"\n[[step]]\nenrich = \"names\"\non = { k = \"k\" }\ntake = { name = \"name\" }\n[[output]]\npath = \"out/@/rows.csv\"\n",
    ),
    (
        "shown",
        "[[output]]\npath = \"-\"\nselect = { s = \"sum(n)\" }\n[[output]]\npath = \"out/@/sums.jsonl\"\nwindow = { tumbling = \"1 day\" }\nselect = { s = \"sum(n)\" }\n",
    ),
    (
        "table",
        "[[output]]\npath = \"out/@\"\ntable = \"delta\"\nwindow = { tumbling = \"1 day\" }\nselect = { s = \"sum(n)\" }\n",
    ),
];

/// What a command says, and what lies in place after it.
#[derive(Debug, PartialEq)]
struct Said {
    code: i32,
    words: String,
    out: String,
    files: BTreeMap<String, Vec<u8>>,
}

fn said(lab: &Lab, name: &str, args: &[&str]) -> Said {
    let answer = lab.highwater(args);
    let files = lab.files(&format!("out/{name}"));
    Said { code: answer.code, words: without_time(&answer.err), out: answer.out, files }
}

/// What each command says with the stamps that there are, and without them: the same. The outputs are then as with them.
fn the_same_without_stamps(lab: &Lab, when: &str) {
    for (name, _) in JOBS {
        let job = format!("{name}.toml");
        for args in [
            &["explain", &job][..],
            &["backfill", &job, "late.csv", "--plan", "--json"],
            &["run", &job],
            &["run", &job, "--json"],
        ] {
            let before = lab.all_files("out");
            let with = said(lab, name, args);
            let after = lab.all_files("out");
            lab.put("out", before.iter().filter(|(path, _)| !path.ends_with("/stamps")));
            let without = said(lab, name, args);
            lab.put("out", after.iter());
            if name == "table" {
                // A commit to a table has a time of day.
                assert_eq!((with.code, with.out), (without.code, without.out), "{when}: {args:?}");
                continue;
            }
            assert_eq!(with, without, "{when}: {args:?}");
        }
    }
}

#[test]
fn a_run_says_the_same_with_stamps_and_without() {
    let lab = Lab::on_disk();
    let line = |day: usize, hour: usize, n: usize| format!("2024-05-{day:02}T{hour:02}:00:00Z,a,{n}\n");
    for number in 0..9 {
        let lines: String = (0..5).map(|n| line(1 + number % 3, 4 * n, 10 * number + n)).collect();
        lab.write(&format!("in/{number}.csv"), format!("at,k,n\n{lines}"));
    }
    lab.write("late.csv", "at,k,n\n2024-05-02T11:00:00Z,b,4\n");
    lab.write("names/1.csv", "at,k,name\n2024-01-01T00:00:00Z,a,anna\n2024-05-02T00:00:00Z,a,anne\n");
    for (name, outputs) in JOBS {
        lab.write(&format!("{name}.toml"), job(&outputs.replace('@', name)));
    }
    let set_back = |path: &str, content: &str| {
        let path = lab.path(path);
        let there = path.metadata().unwrap();
        fs::write(&path, content).unwrap();
        let times = FileTimes::new().set_modified(there.modified().unwrap());
        File::options().write(true).open(&path).unwrap().set_times(times).unwrap();
    };
    let text = |path: &str| lab.text(path);
    rest();
    the_same_without_stamps(&lab, "first");
    if !keeps_stamps(&lab) {
        return;
    }
    the_same_without_stamps(&lab, "nothing happened");
    let third = text("in/3.csv");
    set_back("in/3.csv", &third.replace(",30\n", ",99\n"));
    the_same_without_stamps(&lab, "a file was changed, and its time set back");
    set_back("in/3.csv", &third);
    the_same_without_stamps(&lab, "it was changed back");
    rest();
    the_same_without_stamps(&lab, "after a rest");
    lab.write("in/new.csv", "at,k,n\n2024-05-03T22:00:00Z,b,1000\n");
    set_back("names/1.csv", &text("names/1.csv").replace("anne", "anno"));
    the_same_without_stamps(&lab, "a file came, and one of a table was changed");
    rest();
    the_same_without_stamps(&lab, "after another rest");
    fs::rename(lab.path("in/8.csv"), lab.path("in/08.csv")).unwrap();
    fs::remove_file(lab.path("in/0.csv")).unwrap();
    set_back("out/plain/sums.csv", "edited by hand\n");
    the_same_without_stamps(&lab, "one was renamed, one removed, and an output changed");
    // Stamps that somebody damaged, or that lead elsewhere, are no matter.
    rest();
    let stamps: Vec<String> =
        lab.all_files("out").into_keys().filter(|path| path.ends_with("/stamps")).collect();
    for (number, path) in stamps.iter().enumerate() {
        let path = lab.path("out").join(path);
        match number % 3 {
            0 => {
                let mut bytes = fs::read(&path).unwrap();
                let middle = bytes.len() / 2;
                bytes[middle] ^= 1;
                fs::write(&path, bytes).unwrap();
            }
            1 => {
                fs::remove_file(&path).unwrap();
                std::os::unix::fs::symlink(lab.path("late.csv"), &path).unwrap();
            }
            _ => {
                fs::remove_file(&path).unwrap();
                fs::create_dir(&path).unwrap();
            }
        }
    }
    let late = text("late.csv");
    for (name, _) in JOBS {
        let answer = lab.highwater(&["run", &format!("{name}.toml")]);
        assert!(matches!(answer.code, 0 | 3), "{name}: {}", answer.err);
    }
    assert_eq!(text("late.csv"), late);
}
