//! What a source stands for: pipes, which are read once, whole; what is not a file; what the job writes itself; globs.

use crate::support::{Answer, Lab};
use std::ffi::OsStr;
use std::fs;
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Command, Stdio};

const LOG: &str = "at,n\n1,2\n3,4\n";

/// A job that adds up `n`, with what else it writes.
fn job(path: &str, more: &str) -> String {
    format!(
        r#"
[source]
path = {path}
time = "at"
time_unit = "s"
[[output]]
path = "out/sums.csv"
window = {{ tumbling = "1h" }}
select = {{ c = "count(*)", s = "sum(n)" }}
{more}
"#
    )
}

const SUMS: &str = "window_start,window_end,c,s\n1970-01-01T00:00:00Z,1970-01-01T01:00:00Z,";

fn sums(lab: &Lab) -> String {
    lab.text("out/sums.csv").replace(SUMS, "").trim_end().to_string()
}

/// Runs the binary with `input` on its standard input, through a pipe.
fn piped(lab: &Lab, args: &[&str], input: &[u8]) -> Answer {
    fed(lab, Command::new(env!("CARGO_BIN_EXE_highwater")).args(args), input)
}

fn fed(lab: &Lab, command: &mut Command, input: &[u8]) -> Answer {
    command.current_dir(lab.root()).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    // A command that refuses its input closes the pipe before it is filled.
    let _ = child.stdin.take().unwrap().write_all(input);
    let output = child.wait_with_output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Answer { code: output.status.code().unwrap_or(-1), out: text(output.stdout), err: text(output.stderr) }
}

fn mkfifo(lab: &Lab, name: &str) {
    let status = Command::new("mkfifo").arg(lab.path(name)).status().unwrap();
    assert!(status.success());
}

#[test]
fn a_pipe_is_read_once_and_gives_what_a_file_gives() {
    let long: String = std::iter::once("at,n\n".to_string())
        .chain((0..50_000).map(|i| format!("{},{i}\n", i % 3600)))
        .collect();
    let long = long.into_bytes();
    let packed = crate::support::compress("log.csv.gz", &long);
    let lab = Lab::new();
    lab.write("log.csv", &long);
    lab.done(&job(r#""log.csv""#, ""), &[]);
    let (file, hash) = (lab.text("out/sums.csv"), lab.manifests("out")[0]["inputs"][0]["hash"].clone());
    for path in ["-", "/dev/stdin", "/dev/fd/0", "/proc/self/fd/0"] {
        for (content, format) in [(&long, ""), (&packed, ""), (&long, "format = \"csv\"")] {
            let job = job(&format!("{path:?}\n{format}"), "");
            lab.write("job.toml", job);
            fs::remove_dir_all(lab.path("out")).unwrap();
            let answer = piped(&lab, &["run", "job.toml"], content);
            assert_eq!(answer.code, 0, "{path}: {}", answer.err);
            assert_eq!(lab.text("out/sums.csv"), file, "{path}");
            let input = &lab.manifests("out")[0]["inputs"][0];
            // The name tells the content.
            let name = if path == "-" { "stdin" } else { path };
            let digits = &input["hash"].as_str().unwrap()["xxh3:".len()..][..16];
            assert_eq!(input["path"], format!("{name}#{digits}"));
            assert_eq!(input["hash"] == hash, content == &long);
        }
    }
}

#[test]
fn a_pipe_that_gives_nothing_replaces_nothing() {
    let lab = Lab::new();
    lab.write("job.toml", job("\"-\"\nformat = \"csv\"\ntypes = { n = \"int64\" }", ""));
    assert_eq!(piped(&lab, &["run", "job.toml"], LOG.as_bytes()).code, 0);
    let before = lab.files("out");
    for command in ["run", "verify", "audit", "explain", "report"] {
        let answer = piped(&lab, &[command, "job.toml"], b"");
        assert_eq!(answer.code, 3, "{command}: {}", answer.err);
        assert!(answer.err.contains("no data came through -"), "{command}: {}", answer.err);
        assert_eq!(lab.files("out"), before, "{command}");
    }
    // A header without records is what a file of no records is.
    assert_eq!(piped(&lab, &["run", "job.toml"], b"at,n\n").code, 0);
    assert_eq!(lab.manifests("out")[0]["account"]["read"], 0);
}

#[test]
fn every_command_reads_a_pipe() {
    let lab = Lab::new();
    lab.write("job.toml", job("\"-\"\nformat = \"csv\"", ""));
    for command in [
        &["run", "job.toml"][..],
        &["explain", "job.toml"],
        &["explain", "job.toml", "--at", "window_start=1970-01-01"],
        &["audit", "job.toml"],
        &["verify", "job.toml"],
        &["sql", "job.toml"],
        &["inspect", "job.toml", "--at", "1970-01-02"],
        &["report", "job.toml", "--verify", "--audit", "-o", "page.html"],
    ] {
        let answer = piped(&lab, command, LOG.as_bytes());
        assert_eq!(answer.code, 0, "{command:?}: {}", answer.err);
    }
    let times = "time,n\n2024-06-01T00:00:00Z,2\n2024-06-01T00:00:03Z,4\n";
    let answer = piped(&lab, &["init", "-", "-o", "-"], times.as_bytes());
    assert_eq!(answer.code, 0, "{}", answer.err);
    lab.write("first.toml", &answer.out);
    let answer = piped(&lab, &["run", "first.toml"], times.as_bytes());
    assert_eq!(answer.code, 0, "{}", answer.err);
    // It needs no data at all.
    assert_eq!(lab.highwater(&["check", "job.toml"]).code, 0);
}

#[test]
fn a_job_with_an_archive_adds_what_comes_through_its_pipe_each_day() {
    let lab = Lab::new();
    let archive = "[[output]]\npath = \"out/archive\"\narchive = true";
    lab.write("job.toml", job("\"-\"\nformat = \"csv\"", archive));
    let run = |input: &str| {
        let answer = piped(&lab, &["run", "job.toml"], input.as_bytes());
        assert_eq!(answer.code, 0, "{}", answer.err);
        sums(&lab)
    };
    assert_eq!(run(LOG), "2,6");
    assert_eq!(run("at,n\n5,10\n"), "3,16");
    // What came before changes nothing.
    assert_eq!(run(LOG), "3,16");
    let answer = fed(
        &lab,
        Command::new("bash")
            .args(["-c", &format!("{} backfill job.toml <(cat)", env!("CARGO_BIN_EXE_highwater"))]),
        b"at,n\n7,100\n",
    );
    assert_eq!(answer.code, 0, "{}", answer.err);
    assert_eq!(sums(&lab), "4,116");
}

#[test]
fn a_backfill_of_files_leaves_the_pipe_of_the_source_alone() {
    let lab = Lab::new();
    lab.write("job.toml", job("\"-\"\nformat = \"csv\"", ""));
    assert_eq!(piped(&lab, &["run", "job.toml"], LOG.as_bytes()).code, 0);
    lab.write("late.csv", "at,n\n9,1\n");
    // Nobody writes to it: who read it would be told that nothing came.
    let answer = piped(&lab, &["backfill", "job.toml", "late.csv"], b"");
    assert_eq!(answer.code, 0, "{}", answer.err);
    assert_eq!(sums(&lab), "3,7");
}

#[test]
fn a_fifo_is_read_where_it_is_named_and_left_out_where_it_is_found() {
    let lab = Lab::new();
    lab.write("src/log.csv", LOG);
    mkfifo(&lab, "src/waits.csv");
    for path in ["\"src\"", "\"src/*.csv\"", "\"src/**\"", "\"**/*.csv\""] {
        let answer = lab.done(&job(path, ""), &[]);
        assert_eq!(sums(&lab), "2,6");
        let note = "note: src/waits.csv is left out: it is a pipe; a pipe is read only if the job names it\n";
        assert!(answer.err.contains(note), "{path}: {}", answer.err);
    }
    let fifo = lab.path("src/waits.csv");
    let writer = std::thread::spawn(move || fs::write(fifo, "at,n\n1,5\n").unwrap());
    lab.done(&job("\"src/waits.csv\"", ""), &[]);
    writer.join().unwrap();
    assert_eq!(sums(&lab), "1,5");
}

#[test]
fn what_is_neither_a_file_nor_a_pipe_is_refused_by_name() {
    let lab = Lab::new();
    lab.write("log.csv", LOG);
    let _socket = std::os::unix::net::UnixListener::bind(lab.path("s.csv")).unwrap();
    symlink("gone.csv", lab.path("dangling.csv")).unwrap();
    symlink("loop.csv", lab.path("loop.csv")).unwrap();
    for (path, words) in [
        ("/dev/zero", "/dev/zero is a device, not a file"),
        ("/dev/null", "/dev/null is a device, not a file"),
        ("s.csv", "s.csv is a socket, not a file"),
        ("dangling.csv", "dangling.csv is a link to gone.csv, which does not exist"),
        ("loop.csv", "loop.csv is a link to itself"),
    ] {
        for command in ["run", "explain"] {
            lab.write("job.toml", job(&format!("[\"log.csv\", {path:?}]\nformat = \"csv\""), ""));
            let answer = lab.highwater(&[command, "job.toml"]);
            assert_eq!(answer.code, 2, "{}", answer.err);
            assert!(answer.err.starts_with(&format!("error: {words}\n")), "{}", answer.err);
        }
        let answer = lab.highwater(&["init", path]);
        assert!(answer.code == 2 && answer.err.contains(words), "{}", answer.err);
    }
    lab.done(&job("\"log.csv\"", ""), &[]);
    let answer = lab.highwater(&["backfill", "job.toml", "/dev/zero"]);
    assert!(answer.code == 2 && answer.err.contains("/dev/zero is a device"), "{}", answer.err);
}

/// Each run reads the two records of the log, whatever the job has written beside it.
#[test]
fn what_a_job_writes_is_not_read_by_it() {
    let more = r#"
[[output]]
path = "src/out"
select = ["at", "n"]
format = "csv"
[[output]]
path = "src/deep/rows.csv"
select = ["at", "n"]
[[output]]
path = "src/archive"
archive = true
[[output]]
path = "src/page.html"
of = "src/out"
"#;
    for path in [
        "\"src\"",
        "\"src/**\"",
        "\"src/**/*.csv\"",
        "[\"src/*.csv\", \"src/**/*.csv\"]",
        "\"./src/\"",
        "\"link\"",
    ] {
        let lab = Lab::new();
        lab.write("src/log.csv", LOG);
        symlink("src", lab.path("link")).unwrap();
        let job = job(
            &format!(
                "{path}\non_bad_record = \"reject\"\nrejects = \"src/rejects.csv\"\ntypes = {{ n = \"int64\" }}"
            ),
            more,
        );
        for run in 0..3 {
            let answer = lab.done(&job, &["--changed", "reload"]);
            assert!(answer.err.contains("read 2 ="), "{path}, run {run}: {}", answer.err);
            let told = answer.err.contains("note: src/out is left out: the job writes it\n");
            assert_eq!(told, run > 0, "{path}: {}", answer.err);
        }
        // Nor is it backfilled by the name of a folder around it.
        let answer = lab.highwater(&["backfill", "job.toml", "src"]);
        assert_eq!(answer.code, 0, "{}", answer.err);
        assert_eq!(lab.text("src/out/data.csv"), LOG);
    }
}

#[test]
fn an_output_that_is_named_as_its_own_source_is_refused() {
    let lab = Lab::new();
    lab.write("src/log.csv", LOG);
    let more = "[[output]]\npath = \"src/out\"\nselect = [\"at\", \"n\"]\nformat = \"csv\"";
    lab.done(&job("\"src\"", more), &[]);
    for (path, words) in [
        ("src/out", "no data files in the folder src/out"),
        ("src/out/*.csv", "no file matches src/out/*.csv"),
        ("src/out/data.csv", "src/out/data.csv cannot be read: the job writes src/out"),
        ("out/sums.csv", "out/sums.csv cannot be read: the job writes out/sums.csv"),
    ] {
        let answer = lab.run(&job(&format!("{path:?}"), more), &[]);
        assert!(answer.code == 2 && answer.err.contains(words), "{path}: {}", answer.err);
    }
    // As a table too.
    let table = "[table.t]\npath = \"src/out\"\n[[step]]\nenrich = \"t\"\non = { n = \"n\" }\ntake = { m = \"at\" }\n";
    let with_table = job("\"src/log.csv\"", more).replacen("[[output]]", &format!("{table}[[output]]"), 1);
    let answer = lab.run(&with_table, &[]);
    assert!(
        answer.code == 2 && answer.err.contains("src/out is left out: the job writes it"),
        "{}",
        answer.err
    );
    // Another job may read it, by its name; where it is come upon, that is told.
    let other = job("\"src/out\"", "").replace("out/sums.csv", "other/sums.csv");
    assert_eq!(
        lab.done(&other, &[]).err.lines().next(),
        Some("read 2 = 0 rejected + 0 filtered + 0 duplicate + 0 late + 2 counted")
    );
    let answer = lab.done(&other.replace("src/out", "src"), &[]);
    assert!(
        answer.err.starts_with("note: src/out is read, although the job `job` wrote it\nread 4 ="),
        "{}",
        answer.err
    );
}

#[test]
fn globs_are_those_of_a_shell() {
    let lab = Lab::new();
    for path in
        ["src/log.csv", "src/old/log.csv", "src/old/older/log.csv", "src/.hidden/log.csv", "src/_old/log.csv"]
    {
        lab.write(path, LOG);
    }
    lab.write("src/notes.md", "none");
    lab.write("src/old/_highwater/log.csv/manifest.json", "{}");
    lab.write("src/old/_highwater/x.csv", LOG);
    let read = |path: &str| {
        let answer = lab.done(&job(&format!("{path:?}"), ""), &["--json"]);
        let outcome: serde_json::Value = serde_json::from_str(&answer.out).unwrap();
        let inputs = outcome["inputs"].as_array().unwrap().iter();
        inputs.map(|input| input["path"].as_str().unwrap().to_string()).collect::<Vec<_>>()
    };
    let all = ["src/log.csv", "src/old/log.csv", "src/old/older/log.csv"];
    assert_eq!(read("src"), all);
    assert_eq!(read("src/**"), all);
    assert_eq!(read("s*/**"), all);
    assert_eq!(read("src/**/**"), all);
    assert_eq!(read("./src/**"), all);
    // Names that begin with `_` are matched, as in a shell.
    let mut with_underscore = vec!["src/_old/log.csv"];
    with_underscore.extend(all);
    assert_eq!(read("src/**/*.csv"), with_underscore);
    assert_eq!(read("src/**/log.csv"), with_underscore);
    assert_eq!(read("src/*/"), all[1..]);
    assert_eq!(read("src/*/**"), all[1..]);
    assert_eq!(read("src/*/*.csv"), ["src/_old/log.csv", "src/old/log.csv"]);
    assert_eq!(read("src/o[l]d/*.csv"), ["src/old/log.csv"]);
    assert_eq!(read("src/*/older/../*.csv"), ["src/old/older/../log.csv"]);
    assert_eq!(read("src/.*/*.csv"), ["src/.hidden/log.csv"]);
    let none = lab.run(&job("\"src/old/_highwater/*.csv\"", ""), &[]);
    assert!(none.code == 2 && none.err.contains("no file matches src/old/_highwater/*.csv"), "{}", none.err);
}

#[test]
fn links_that_lead_in_a_circle_are_followed_once() {
    let lab = Lab::new();
    lab.write("src/a/log.csv", LOG);
    symlink("..", lab.path("src/a/up")).unwrap();
    symlink(".", lab.path("src/a/here")).unwrap();
    for path in ["\"src\"", "\"src/**\"", "\"src/**/*.csv\""] {
        assert!(lab.done(&job(path, ""), &[]).err.starts_with("read 2 ="));
    }
}

#[test]
fn names_that_are_not_utf8_are_left_out_and_told() {
    let lab = Lab::new();
    lab.write("src/log.csv", LOG);
    let odd = |name: &[u8]| lab.root().join("src").join(Path::new(OsStr::from_bytes(name)));
    fs::write(odd(b"x\xff.txt"), "no data").unwrap();
    assert!(lab.done(&job("\"src/l*.csv\"", ""), &[]).err.starts_with("read 2 ="));
    fs::write(odd(b"l\xff.csv"), LOG).unwrap();
    fs::create_dir(odd(b"d\xff")).unwrap();
    fs::write(odd(b"d\xff/log.csv"), LOG).unwrap();
    let told = "note: src/l\u{fffd}.csv is left out: its name is not UTF-8\n";
    for path in ["\"src/l*.csv\"", "\"src\"", "\"src/**/*.csv\""] {
        let answer = lab.done(&job(path, ""), &[]);
        assert!(answer.err.contains(told) && answer.err.contains("read 2 ="), "{path}: {}", answer.err);
    }
}

#[test]
fn arguments_that_are_not_utf8_are_shown_as_far_as_they_can_be() {
    let lab = Lab::new();
    for log in ["text", "json"] {
        for command in ["run", "explain", "check", "verify", "inspect", "init", "backfill"] {
            let mut asked = Command::new(env!("CARGO_BIN_EXE_highwater"));
            asked.args(["--log", log, command]).arg(OsStr::from_bytes(b"j\xff.toml"));
            if command == "inspect" {
                asked.args(["--at", "2024-01-01"]);
            }
            let answer = lab.hear(&mut asked);
            assert_eq!(answer.code, 2, "{command}: {}", answer.err);
            assert!(answer.err.contains("j\u{fffd}.toml") || command == "init", "{command}: {}", answer.err);
        }
    }
}

#[test]
fn a_result_may_come_through_a_pipe() {
    let lab = Lab::new();
    lab.write("log.csv", LOG);
    lab.done(&job("\"log.csv\"", ""), &[]);
    let verify = format!("{} verify job.toml --against <(cat out/sums.csv)", env!("CARGO_BIN_EXE_highwater"));
    let answer = fed(&lab, Command::new("bash").args(["-c", &verify]), b"");
    assert_eq!(answer.code, 0, "{}{}", answer.out, answer.err);
}
