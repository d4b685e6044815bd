//! The machine: full disks, folders that are someone else's, memory that is short.

use crate::support::{Answer, Lab};
use std::fmt::Write;
use std::process::Command;

/// Counts per key to Parquet in `disk/out`, and the events to `disk/rows.csv`.
const JOB: &str = r#"
[source]
path = "log.csv"
time = "at"
time_unit = "s"

[[output]]
path = "disk/out"
window = { tumbling = "1h" }
by = ["key"]
select = { n = "count(*)", t = "max(text)" }
partition_by = ["date"]

[[output]]
path = "disk/rows.csv"
"#;

fn log(rows: u64) -> String {
    let mut text = String::from("at,key,text\n");
    for i in 0..rows {
        let noise = i.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        writeln!(text, "{},{},{noise:016x}", i * 60, noise >> 40).unwrap();
    }
    text
}

/// Runs `script` where `disk` is a file system of its own of 300 kB, which nobody else sees. `None` where that is
/// not allowed.
fn on_a_small_disk(lab: &Lab, script: &str) -> Option<Answer> {
    std::fs::create_dir_all(lab.path("disk")).unwrap();
    let script = format!("mount -t tmpfs -o size=300k none disk || exit 99; {script}");
    let mut shell = Command::new("unshare");
    shell.args(["-m", "sh", "-c", &script, env!("CARGO_BIN_EXE_highwater")]);
    // 1 is what unshare itself fails with.
    let answer = Command::new("unshare")
        .arg("--version")
        .output()
        .is_ok()
        .then(|| lab.hear(&mut shell))
        .filter(|a| a.code != 99 && a.code != 1);
    if answer.is_none() {
        println!("skipped: no file system may be mounted here");
    }
    answer
}

#[test]
fn a_disk_that_is_full_leaves_the_outputs_as_they_were() {
    let lab = Lab::new();
    lab.write("job.toml", JOB);
    lab.write("small.csv", log(500));
    lab.write("large.csv", log(50_000));
    let script = "rm -rf before after; cp small.csv log.csv; \"$0\" run job.toml -q || exit 98; \
        cp -r disk before; cp large.csv log.csv; \"$0\" run job.toml -q; code=$?; cp -r disk after; exit $code";
    let Some(answer) = on_a_small_disk(&lab, script) else { return };
    insta::assert_snapshot!(answer.words(), @r"
    exit 4
    error: cannot write @/disk/_highwater/rows.csv/staging/0.staged
      cause: No space left on device (os error 28)
      hint: the disk is full; existing files are unchanged. Free some space and run again.
    ");
    assert!(lab.data("before").len() > 1);
    assert!(lab.files("before") == lab.files("after"), "{:?}", lab.files("after").keys());
}

#[test]
fn a_full_disk_below_the_spilled_partial_results() {
    let lab = Lab::new();
    lab.write("job.toml", JOB.replace("disk/", "out/"));
    lab.write("log.csv", log(50_000));
    let script = "rm -rf out; TMPDIR=$PWD/disk \"$0\" run job.toml -q --memory 100KB --threads 1";
    let Some(answer) = on_a_small_disk(&lab, script) else { return };
    insta::assert_snapshot!(answer.words(), @r"
    exit 4
    error: cannot write spilled groups to @/disk
      cause: No space left on device (os error 28)
      hint: the disk is full; existing files are unchanged. Free some space and run again.
    ");
    assert!(lab.data("out").is_empty());
}

#[test]
fn an_output_folder_that_is_someone_elses() {
    let lab = Lab::new();
    lab.write("log.csv", log(10));
    lab.write("disk/out/thesis.txt", "years of work");
    let answer = lab.run(JOB, &[]);
    insta::assert_snapshot!(answer.words(), @r"
    exit 2
    error: refusing to write into disk/out, which contains files that Highwater did not write (thesis.txt)
      hint: choose another path for the output, or empty that folder
      hint: results that another program published are taken over by `highwater adopt JOB`
    ");
    assert_eq!(lab.data("disk").len(), 1);
    assert_eq!(lab.text("disk/out/thesis.txt"), "years of work");
}

#[test]
fn an_output_file_that_is_someone_elses() {
    let lab = Lab::new();
    lab.write("log.csv", log(10));
    lab.write("disk/rows.csv", "years of work");
    let answer = lab.run(JOB, &[]);
    insta::assert_snapshot!(answer.words(), @r"
    exit 2
    error: refusing to replace disk/rows.csv, which Highwater did not write
      hint: choose another path for the output, or remove that file
      hint: results that another program published are taken over by `highwater adopt JOB`
    ");
    assert_eq!(lab.text("disk/rows.csv"), "years of work");
}

#[test]
fn an_output_in_the_place_of_a_file_or_a_folder() {
    let lab = Lab::new();
    lab.write("log.csv", log(10));
    lab.write("disk", "a file");
    insta::assert_snapshot!(lab.run(JOB, &[]).words(), @r"
    exit 4
    error: cannot create the folder disk/out/_highwater
      cause: Not a directory (os error 20)
    ");
    let lab = Lab::new();
    lab.write("log.csv", log(10));
    lab.write("disk/rows.csv/x", "a folder");
    insta::assert_snapshot!(lab.run(JOB, &[]).words(), @r"
    exit 2
    error: the output disk/rows.csv is a folder, not a file
    ");
}

#[test]
fn an_output_that_another_run_is_writing() {
    let lab = Lab::new();
    lab.write("log.csv", log(10));
    lab.done(JOB, &[]);
    let lock = std::fs::File::create(lab.path("disk/out/_highwater/lock")).unwrap();
    lock.lock().unwrap();
    insta::assert_snapshot!(lab.run(JOB, &[]).words(), @r"
    exit 4
    error: @/disk/out/_highwater is being written by another process
      hint: wait until it is done, or end that process, which releases its lock.
    ");
    drop(lock);
    lab.done(JOB, &[]);
}

/// Memory that holds a fraction of groups and rows gives the same bytes as memory for all.
#[test]
fn partial_results_on_disk_do_not_show() {
    let lab = Lab::new();
    lab.write("log.csv", log(60_000));
    let job = JOB.replace(
        "n = \"count(*)\"",
        "n = \"count(*)\", u = \"count(distinct text)\", l = \"last(text)\", q = \"median(at)\", s = \"stddev_samp(key)\"",
    );
    lab.done(&job, &["--threads", "2", "--memory", "2GB"]);
    let whole = lab.files("disk");
    for args in [["1", "100KB"], ["2", "100KB"], ["4", "1MB"], ["2", "1"]] {
        std::fs::remove_dir_all(lab.path("disk")).unwrap();
        let answer = lab.done(&job, &["--threads", args[0], "--memory", args[1], "--chunk-size", "50KB"]);
        assert!(answer.err.contains("partial results went to disk"), "{args:?} {}", answer.err);
        assert!(lab.files("disk") == whole, "{args:?}");
    }
}

/// One group with more values than memory holds is counted by a merge on disk.
#[test]
fn a_group_larger_than_memory() {
    let lab = Lab::new();
    lab.write("log.csv", log(60_000));
    let job = "[source]\npath = \"log.csv\"\ntime = \"at\"\ntime_unit = \"s\"\n\n[[output]]\npath = \"out.csv\"\nwindow = \"global\"\n\
               select = { keys = \"count(distinct key)\", texts = \"count(distinct text)\", middle = \"median(at)\", \
               about = \"approx_count_distinct(text)\" }\n";
    lab.done(job, &["--threads", "2", "--memory", "2GB"]);
    let whole = std::fs::read_to_string(lab.path("out.csv")).unwrap();
    let keys: std::collections::HashSet<u64> =
        (0..60_000u64).map(|i| i.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40).collect();
    assert!(whole.contains(&format!("\n{},60000,1799970", keys.len())), "{whole}");
    for memory in ["2MB", "500KB", "1"] {
        let answer = lab.done(job, &["--threads", "2", "--memory", memory, "--chunk-size", "100KB"]);
        assert!(answer.err.contains("partial results went to disk"), "{memory} {}", answer.err);
        assert_eq!(std::fs::read_to_string(lab.path("out.csv")).unwrap(), whole, "{memory}");
    }
}
