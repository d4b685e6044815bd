//! Faults of the process: a panic in a thread of every kind, threads and files that the machine refuses, settings and
//! names that nobody expects. Every one of them ends in bounded time with an exit code and in words, and with outputs as
//! they were. `faults.c`, preloaded, raises what no file and no job can raise; the binary has no part in it.

use crate::crash::{Scene, Snapshot};
use crate::http_server::{Reply, Server};
use crate::support::{Answer, Lab, preloaded};
use highwater::engine::{self, RunOptions, SpentWork, TimedStage};
use highwater::error::Kind;
use highwater::process;
use highwater::run;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

/// Streamed, so that batches pass in turn; with steps that settle at the end, events, groups and late events.
const JOB: &str = r#"
mode = "streamed"

[source]
path = "log/*.csv"
time = "at"
time_unit = "s"
out_of_orderness = "5m"

[late]
path = "out/late.jsonl"

[[step]]
derive = { double = "n * 2" }

[[step]]
dedup = ["key", "n"]

[[output]]
path = "out/groups"
window = { tumbling = "1h" }
by = ["key"]
select = { n = "count(*)", s = "sum(double)" }
mode = "streamed"
partition_by = ["date"]

[[output]]
path = "out/rows.csv"
"#;

fn log(from: u64, rows: u64) -> String {
    let mut text = String::from("at,key,n\n");
    for i in from..from + rows {
        writeln!(text, "{},k{},{}", i * 61 % 100_000, i % 7, i % 1000).unwrap();
    }
    text
}

/// A run over one file more than the outputs have counted.
fn scene() -> Scene {
    let lab = Lab::new();
    lab.write("log/a.csv", log(0, 500));
    lab.done(JOB, &["-q"]);
    lab.write("log/b.csv", log(500, 500));
    Scene::new(lab, &["run", "job.toml", "-q", "--threads", "2", "--chunk-size", "2KB"])
}

fn library() -> &'static Path {
    static BUILT: OnceLock<(tempfile::TempDir, PathBuf)> = OnceLock::new();
    &BUILT.get_or_init(|| preloaded("faults.c")).1
}

/// Longer than any run here takes.
const PATIENCE: Duration = Duration::from_secs(60);

/// What the command says, which must end.
fn bounded(command: &mut Command) -> Answer {
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let began = Instant::now();
    while child.try_wait().unwrap().is_none() {
        if began.elapsed() > PATIENCE {
            child.kill().unwrap();
            panic!("it hangs: {command:?}");
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    let output = child.wait_with_output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Answer { code: output.status.code().unwrap_or(-1), out: text(&output.stdout), err: text(&output.stderr) }
}

/// The command whose thread of a name panics at its reading number `at` of the clock.
fn panics(scene: &Scene, thread: &str, at: u32) -> Answer {
    let mut command = scene.command();
    command.env("LD_PRELOAD", library()).env("FAULT_CLOCK", thread).env("FAULT_AT", at.to_string());
    bounded(&mut command)
}

/// Lets threads of a name panic at one reading of the clock after the other, until there are no more; gives the states
/// that the outputs were in.
fn panics_everywhere(scene: &Scene, thread: &str) -> Vec<Snapshot> {
    let mut found = vec![];
    let mut at = 1;
    loop {
        scene.restore(&scene.old);
        let answer = panics(scene, thread, at);
        let now = scene.now();
        if answer.code == 0 {
            assert!(now == scene.new);
            return found;
        }
        // What the pool says of a thread that cannot be started is an error of the machine.
        if !answer.err.contains("cannot start the worker threads") {
            assert_eq!(answer.code, 4, "{thread} {at}: {}", answer.err);
            assert!(answer.err.contains("an internal error"), "{thread} {at}: {}", answer.err);
            assert!(answer.err.contains("Please report"), "{thread} {at}: {}", answer.err);
        }
        assert!(matches!(answer.code, 2 | 4), "{thread} {at}: {} {}", answer.code, answer.err);
        assert!(!answer.err.contains("panicked at"), "{thread} {at}: {}", answer.err);
        let strays: Vec<&String> = now.keys().filter(|path| !scene.new.contains_key(*path)).collect();
        assert!(now == scene.old || now == scene.new, "{thread} {at}: {strays:?}");
        if !found.contains(&now) {
            found.push(now);
        }
        at += 1 + at / 4;
    }
}

#[test]
fn a_panic_of_a_worker_ends_the_run() {
    let scene = scene();
    let found = panics_everywhere(&scene, "worker-");
    assert!(found.contains(&scene.old), "no panic was raised before the commit");
}

#[test]
fn a_panic_of_one_worker_ends_the_others() {
    let scene = scene();
    assert!(panics_everywhere(&scene, "worker-1").contains(&scene.old), "no panic was raised");
}

#[test]
fn a_panic_of_the_main_thread_ends_the_run() {
    let scene = scene();
    assert!(panics_everywhere(&scene, "highwater").contains(&scene.old), "no panic was raised");
}

/// Panics where it hears of a stage, or of what was read.
struct Panicking(Option<TimedStage>);

impl engine::Progress for Panicking {
    fn reading(&self, _: u64, _: u64) {
        assert!(self.0.is_some(), "as the test says");
    }
    fn writing(&self) {}
    fn worked(&self, stage: TimedStage, _: SpentWork) {
        assert!(self.0 != Some(stage), "as the test says");
    }
}

/// In the thread of the progress line, and in whatever thread does a piece of work.
#[test]
fn a_panic_of_any_stage_leaves_the_outputs_as_they_were() {
    let scene = scene();
    let plan = scene.lab.plan(&JOB.replace("\"out", "\"@/out").replace("\"log/", "\"@/log/")).unwrap();
    let options = RunOptions {
        threads: 2,
        memory: 1 << 30,
        spill_folder: std::env::temp_dir(),
        table_rows: 0,
        refresh_lookups: false,
    };
    let stages = TimedStage::ALL.into_iter().filter(|stage| *stage != TimedStage::Commit).map(Some);
    let mut failed = vec![];
    for stage in stages.chain([None]) {
        scene.restore(&scene.old);
        match process::contained(|| run::run(&plan, &options, &Panicking(stage))) {
            Err(error) => {
                assert_eq!(error.kind(), Kind::Fault, "{stage:?}: {error}");
                assert!(scene.now() == scene.old, "{stage:?}");
                failed.push(stage);
            }
            Ok(_) => assert!(stage.is_some(), "the progress line was not heard"),
        }
    }
    for stage in [TimedStage::Read, TimedStage::Order, TimedStage::Steps, TimedStage::Fold, TimedStage::Write]
    {
        assert!(failed.contains(&Some(stage)), "{stage:?} was not heard");
    }
}

#[test]
fn a_panic_of_a_thread_that_asks_a_service_ends_the_run() {
    let server = Server::new(|path, _| Reply::ok(format!("{{\"name\":\"{path}\"}}")));
    let job = format!(
        "[source]\npath = \"log/*.csv\"\ntime = \"at\"\ntime_unit = \"s\"\n\n[[step]]\nlookup = \"{}/{{key}}\"\n\
         take = {{ name = \"/name\" }}\nin_flight = 3\n\n[[output]]\npath = \"out/rows.csv\"\n",
        server.url()
    );
    let lab = Lab::new();
    lab.write("log/a.csv", log(0, 100));
    lab.write("job.toml", &job);
    let mut command = Command::new(env!("CARGO_BIN_EXE_highwater"));
    command.args(["run", "job.toml", "-q", "--threads", "2"]).current_dir(lab.root());
    command.env("LD_PRELOAD", library()).env("FAULT_CLOCK", "lookup").env("FAULT_AT", "1");
    let answer = bounded(&mut command);
    assert_eq!(answer.code, 4, "{}", answer.err);
    assert!(
        answer.err.contains("an internal error") && answer.err.contains("thread lookup"),
        "{}",
        answer.err
    );
    // What was answered before is kept beside for the next run.
    let mut left = lab.files("out");
    left.retain(|path, _| !path.ends_with(".partial"));
    assert!(left.is_empty(), "{:?}", left.keys());
    lab.done(&job, &["-q"]);
}

/// For programs a fault is an error and an end like any other.
#[test]
fn a_panic_is_an_event_of_the_log() {
    let scene = scene();
    let mut command = scene.command();
    command.args(["--log", "json"]);
    command.env("LD_PRELOAD", library()).env("FAULT_CLOCK", "worker-").env("FAULT_AT", "5");
    let answer = bounded(&mut command);
    let events: Vec<serde_json::Value> =
        answer.err.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let named = |name: &str| events.iter().find(|event| event["event"] == name).unwrap();
    assert_eq!(named("error")["kind"], "fault");
    assert_eq!((answer.code, &named("end")["exit_code"]), (4, &serde_json::json!(4)));
}

/// The commands that work on data, over outputs that are in place.
const COMMANDS: [&[&str]; 8] = [
    &["run", "job.toml", "-q"],
    &["verify", "job.toml"],
    &["check", "job.toml", "--data"],
    &["explain", "job.toml"],
    &["audit", "job.toml"],
    &["inspect", "job.toml", "--at", "1970-01-01T10:00"],
    &["report", "job.toml", "-o", "page.html"],
    &["sql", "job.toml"],
];

#[test]
fn threads_that_cannot_be_started_are_said() {
    let scene = scene();
    for arguments in COMMANDS {
        let mut refused = 0;
        for threads in 0.. {
            let mut command = Command::new(env!("CARGO_BIN_EXE_highwater"));
            command.args(arguments).current_dir(scene.lab.root());
            command.env("LD_PRELOAD", library()).env("FAULT_THREADS", threads.to_string());
            let answer = bounded(&mut command);
            if answer.code < 2 {
                break;
            }
            assert!(threads < 100, "{arguments:?} never has enough threads: {}", answer.err);
            assert_eq!(answer.code, 4, "{arguments:?} {threads}: {}", answer.err);
            assert!(
                answer.err.contains("cannot start the worker threads"),
                "{arguments:?} {threads}: {}",
                answer.err
            );
            assert!(answer.err.contains("--threads 1"), "{arguments:?} {threads}: {}", answer.err);
            assert!(scene.now() == scene.old, "{arguments:?} {threads}");
            refused += 1;
        }
        let needs_none = ["check", "explain", "sql"].contains(&arguments[0]);
        assert_eq!(refused == 0, needs_none, "{arguments:?} was refused {refused} times");
        scene.restore(&scene.old);
    }
}

/// Expressions are computed by the engine: Polars is the referee's, and has threads of its own.
#[test]
fn a_run_starts_no_thread_of_polars() {
    let lab = Lab::new();
    lab.write("log/a.csv", log(0, 500));
    lab.write("job.toml", JOB);
    let code = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_highwater"));
        command.args(arguments).args(["--threads", "2"]).current_dir(lab.root());
        command.env("LD_PRELOAD", library()).env("FAULT_THREADS", "3");
        bounded(&mut command).code
    };
    assert_eq!(code(&["run", "job.toml", "-q"]), 0);
    assert_eq!(code(&["verify", "job.toml"]), 4);
}

#[test]
fn files_that_cannot_be_opened_are_said() {
    let scene = scene();
    for arguments in &COMMANDS[..3] {
        for files in (3..).take_while(|files| *files < 200) {
            let script = format!("ulimit -n {files}; exec \"$0\" \"$@\"");
            let mut command = Command::new("sh");
            command.args(["-c", &script, env!("CARGO_BIN_EXE_highwater")]).args(*arguments);
            let answer = bounded(command.current_dir(scene.lab.root()));
            if answer.code < 2 {
                break;
            }
            // Where not even the loader of the system may open its libraries, it says so by itself.
            if answer.err.contains("error while loading shared libraries") {
                continue;
            }
            assert_eq!(answer.code, 4, "{arguments:?} {files}: {}", answer.err);
            assert!(!answer.err.contains("internal error"), "{arguments:?} {files}: {}", answer.err);
            assert!(scene.now() == scene.old, "{arguments:?} {files}");
        }
        scene.restore(&scene.old);
    }
}

#[test]
fn a_file_that_may_not_grow_leaves_the_outputs_as_they_were() {
    let scene = scene();
    scene.lab.write("log/b.csv", log(500, 50_000));
    let mut command = Command::new("sh");
    command.args(["-c", "ulimit -f 8; exec \"$0\" run job.toml -q", env!("CARGO_BIN_EXE_highwater")]);
    let answer = bounded(command.current_dir(scene.lab.root()));
    assert_eq!(answer.code, 4, "{}", answer.err);
    assert!(answer.err.contains("File too large"), "{}", answer.err);
    assert!(scene.now() == scene.old);
}

#[test]
fn settings_of_polars_do_not_show() {
    let scene = scene();
    for (name, value) in [
        ("POLARS_MAX_THREADS", "0"),
        ("POLARS_MAX_THREADS", "many"),
        ("POLARS_ASYNC_THREAD_COUNT", "x"),
        ("POLARS_MAX_BLOCKING_THREAD_COUNT", "x"),
        ("POLARS_VERBOSE", "1"),
        ("POLARS_ENGINE_AFFINITY", "streaming"),
    ] {
        scene.restore(&scene.old);
        let answer = bounded(scene.command().env(name, value));
        assert_eq!((answer.code, answer.err.as_str()), (0, ""), "{name}={value}");
        assert!(scene.now() == scene.new, "{name}={value}");
    }
}

#[cfg(unix)]
#[test]
fn a_word_that_is_not_utf_8_is_shown_as_far_as_it_is() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    let lab = Lab::new();
    for log in ["--log=text", "--log=json"] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_highwater"));
        command.arg(log).arg("run").arg(OsStr::from_bytes(b"j\xff.toml")).current_dir(lab.root());
        let answer = bounded(&mut command);
        assert_eq!(answer.code, 2, "{log}: {}", answer.err);
        assert!(answer.err.contains("j\u{fffd}.toml"), "{log}: {}", answer.err);
    }
}
