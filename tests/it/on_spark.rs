//! Spark as the engine of `--on`, by its Connect server: `HIGHWATER_SPARK_DRIVER` names the driver, which
//! `scripts/engines.py` installs, and `HIGHWATER_SPARK_CONNECT` the server, which `scripts/spark_connect.py` starts.

use crate::crash::Scene;
use crate::on::{
    BY_RECORD, CRASH, SOURCE, STREAMED, backfilled, events, library, like_a_run_here, log, on, out, same,
    streamed_jobs,
};
use crate::support::Lab;
use std::fs;
use std::path::Path;
use std::process::Command;

/// A lab with Spark as the engine `lake`.
fn lake() -> Option<Lab> {
    let (driver, server) = (library("HIGHWATER_SPARK_DRIVER")?, library("HIGHWATER_SPARK_CONNECT")?);
    let lab = Lab::new();
    lab.write("engines.toml", format!("[lake]\ndriver = \"{driver}\"\nuri = \"{server}\"\n"));
    Some(lab)
}

#[test]
fn a_run_on_spark_leaves_the_files_of_a_run() {
    let Some(lab) = lake() else { return };
    like_a_run_here(&lab, &["all"]);
}

#[test]
fn verify_runs_the_sql_of_the_job_on_spark() {
    let Some(lab) = lake() else { return };
    log(&lab);
    // Two outputs that order rows: by what they show, and by instants alone.
    lab.write(
        "job.toml",
        format!(
            "{SOURCE}[[output]]\npath = \"out/hours\"\nwindow = {{ tumbling = \"1h\" }}\nby = [\"shop\"]\n\
             select = {{ n = \"count(*)\", last = \"last(item)\" }}\n[[output]]\npath = \"out/events.jsonl\"\n"
        ),
    );
    let answer = lab.highwater(&["verify", "job.toml", "--on", "lake", "--json"]);
    assert_eq!(answer.code, 0, "{}{}", answer.out, answer.err);
    let verdict: serde_json::Value = serde_json::from_str(&answer.out).unwrap();
    assert_eq!(verdict["same"], true);
    assert_eq!(verdict["outputs"].as_array().unwrap().len(), 2);
    assert_eq!(verdict["outputs"][0]["there"]["name"], "the job's SQL by lake");
}

/// Spark puts variables of the environment and settings in the place of `${…}`, also within texts.
#[test]
fn texts_that_look_like_variables_are_texts_on_spark() {
    let Some(lab) = lake() else { return };
    lab.write("in/a ${env} [1].csv", "at,k\n2024-01-01T00:00:00Z,${env:HOME}\n2024-01-01T00:00:01Z,x\n");
    lab.done(
        "[source]\npath = \"in/*.csv\"\ntime = \"at\"\n[[step]]\nderive = { is_home = \"k = '${env:HOME}'\", \
         text = \"k || '${spark.sql.ansi.enabled}\\u00ff'\" }\n[[output]]\npath = \"out\"\n",
        &["-q"],
    );
    let here = out(&lab);
    fs::remove_dir_all(lab.path("out")).unwrap();
    let answer = on(&lab, &[]);
    assert_eq!(answer.code, 0, "{}", answer.err);
    same(&out(&lab), &here);
}

#[test]
fn what_spark_cannot_do_ends_the_run_before_anything_is_written() {
    let Some(lab) = lake() else { return };
    let job = |select: &str| {
        let job = format!("{SOURCE}[[output]]\npath = \"out\"\nselect = {{ n = \"{select}\" }}\n");
        lab.write("job.toml", job);
    };
    let ends = |code: i32, words: &str, of: &str| {
        let answer = lab.highwater(&["run", "job.toml", "--on", of]);
        assert_eq!(answer.code, code, "{}", answer.err);
        assert!(answer.err.contains(words), "{}", answer.err);
        assert!(!lab.path("out").exists(), "{}", answer.err);
    };
    job("sum(amount)");
    // A number that cannot be read; a record with more fields than the header.
    lab.write("in/a.csv", "at,amount\n2024-01-01T00:00:00Z,1.50\n2024-01-01T00:00:00Z,1.x\n");
    ends(3, "the engine `lake` cannot compute the statement", "lake");
    lab.write("in/a.csv", "at,amount\n2024-01-01T00:00:00Z,1.50\n2024-01-01T00:00:00Z,1.50,2\n");
    ends(3, "error: ", "lake");
    // A server that is not there.
    let driver = std::env::var("HIGHWATER_SPARK_DRIVER").unwrap();
    lab.write("engines.toml", format!("[gone]\ndriver = \"{driver}\"\nuri = \"sc://127.0.0.1:1\"\n"));
    job("sum(amount)");
    ends(4, "the engine `gone` does not answer", "gone");
}

/// Sessions of one server have views of the same names.
#[test]
fn runs_at_once_on_one_server_do_not_meet() {
    let Some(lab) = lake() else { return };
    let job = |name: &str| {
        lab.write(
            &format!("{name}/a.csv"),
            (0..50).fold("at,k\n".to_string(), |log, i| log + &format!("2024-01-01T00:00:{i:02}Z,{name}\n")),
        );
        let text = format!(
            "[source]\npath = \"{name}\"\ntime = \"at\"\n[[output]]\npath = \"out/{name}.csv\"\nby = [\"k\"]\n\
             select = {{ n = \"count(*)\" }}\n"
        );
        lab.write(&format!("{name}.toml"), text);
    };
    let names = ["one", "two", "three"];
    names.into_iter().for_each(job);
    let begin = |name: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_highwater"));
        command.args(["run", &format!("{name}.toml"), "--on", "lake"]).current_dir(lab.root());
        command.env("HIGHWATER_ENGINES", lab.path("engines.toml"));
        command.stderr(std::process::Stdio::piped()).spawn().unwrap()
    };
    // Three jobs, and the first of them once more: of the two one may wait for nobody.
    let [first, two, three, again] = ["one", "two", "three", "one"].map(begin);
    let ends = [first, two, three, again].map(|child| {
        let output = child.wait_with_output().unwrap();
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    });
    for (code, words) in &ends[1..3] {
        assert_eq!(*code, Some(0), "{words}");
    }
    let done = |end: &&(Option<i32>, String)| end.0 == Some(0);
    let told = |end: &&(Option<i32>, String)| end.0 == Some(4) && end.1.contains("is being written by");
    let pair = [&ends[0], &ends[3]];
    let (done, told) =
        (pair.iter().filter(|end| done(end)).count(), pair.iter().filter(|end| told(end)).count());
    assert!(done >= 1 && done + told == 2, "{pair:?}");
    for name in names {
        assert_eq!(lab.text(&format!("out/{name}.csv")), format!("k,n\n{name},50\n"));
    }
}

#[test]
fn a_backfill_on_spark_computes_what_new_files_touch() {
    let Some(lab) = lake() else { return };
    log(&lab);
    lab.done(&format!("{SOURCE}{BY_RECORD}"), &["-q"]);
    let told = backfilled(&lab, "2024-03-29T01:30:00,north,i1,5.00,1\n2024-03-29T10:00:00,new,i1,1.00,1\n");
    assert!(
        told.contains("computed again by lake: from 2024-03-29T00:00:00Z to 2024-03-30T00:00:00Z"),
        "{told}"
    );
}

#[test]
fn streamed_outputs_are_those_of_a_run_on_spark() {
    let Some(lab) = lake() else { return };
    streamed_jobs(&lab, &STREAMED[..1]);
}

#[test]
#[ignore = "takes minutes: nightly runs it"]
fn all_streamed_outputs_are_those_of_a_run_on_spark() {
    let Some(lab) = lake() else { return };
    streamed_jobs(&lab, &STREAMED[1..]);
}

#[test]
#[ignore = "takes minutes: nightly runs it"]
fn a_run_on_spark_that_is_killed_leaves_the_old_outputs_or_the_new() {
    let Some(lab) = lake() else { return };
    lab.write("job.toml", CRASH);
    lab.write("in/a.jsonl", events(2..4, 1));
    lab.write("in/c.jsonl", events(6..7, 1));
    let answer = on(&lab, &["-q", "--threads", "1"]);
    assert_eq!(answer.code, 0, "{}", answer.err);
    fs::remove_file(lab.path("in/c.jsonl")).unwrap();
    lab.write("in/b.jsonl", events(3..5, 2));
    Scene::new(lab, &["run", "job.toml", "--on", "lake", "-q", "--threads", "1"]).killed_at_every_call();
}

#[test]
#[ignore = "takes minutes: nightly runs it"]
fn the_jobs_of_the_repository_are_the_same_on_spark() {
    let Some(lab) = lake() else { return };
    let (done, refused) = crate::on::jobs_of_the_repository(&lab);
    println!("{done} jobs the same, {} refused: {refused:?}", refused.len());
    assert!(done >= 50, "{done}");
    assert!(!Path::new("spark-warehouse").exists());
}
