//! Crashes of the real binary: killed at every call that changes its outputs, and a disk that is full from any
//! call on. `shim.c`, preloaded, stops the calls; the binary has no part in it.
//!
//! A [`Scene`] is an old state of outputs and a command that leads to a new one, whatever the command is.

use crate::support::{Lab, is_memory, preloaded};
use highwater::sink::{self, NamedPaths, Target};
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

/// What lies below a folder: the content of files, nothing for folders.
pub type Snapshot = BTreeMap<String, Option<Vec<u8>>>;

/// A command that takes the outputs in `out` from one state to another.
pub struct Scene {
    pub lab: Lab,
    command: Vec<String>,
    /// What is in `out` before the command, and after it.
    pub old: Snapshot,
    pub new: Snapshot,
}

/// What the shim does at the call of a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    /// Nothing: calls are listed.
    Never,
    /// Kills the process after the call.
    Kill(usize),
    /// The call fails for want of space, and so do later ones that take some.
    Full(usize),
}

/// A call that changes a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    pub name: String,
    pub path: String,
    /// Where a file is renamed to.
    pub to: String,
}

impl Scene {
    /// Runs `command` once in `lab` to see where it leads, and puts back what was there.
    pub fn new(lab: Lab, command: &[&str]) -> Scene {
        let old = snapshot(&lab.path("out"));
        let command: Vec<String> = command.iter().map(|word| word.to_string()).collect();
        let mut scene = Scene { lab, command, old, new: Snapshot::new() };
        scene.again();
        scene.new = snapshot(&scene.lab.path("out"));
        scene.restore(&scene.old);
        scene
    }

    /// The command, undisturbed: it has to succeed.
    fn again(&self) {
        let words: Vec<&str> = self.command.iter().map(String::as_str).collect();
        let answer = self.lab.highwater(&words);
        assert_eq!(answer.code, 0, "{}", answer.err);
    }

    /// The command, to be run in the folder.
    pub fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_highwater"));
        command.args(&self.command).current_dir(self.lab.root());
        command.env("HIGHWATER_ENGINES", self.lab.path("engines.toml"));
        command
    }

    /// The command with the shim.
    pub fn stopped(&self, stop: Stop) -> Output {
        let (mode, at) = match stop {
            Stop::Never => ("never", 0),
            Stop::Kill(at) => ("after", at),
            Stop::Full(at) => ("full", at),
        };
        let log = self.lab.path("calls.txt");
        let _ = fs::remove_file(&log);
        self.command()
            .env("LD_PRELOAD", shim())
            .env("SHIM_ROOT", self.lab.path("out"))
            .env("SHIM_AT", at.to_string())
            .env("SHIM_MODE", mode)
            .env("SHIM_LOG", log)
            .output()
            .unwrap()
    }

    /// The calls of the command, undisturbed.
    pub fn calls(&self) -> Vec<Call> {
        self.restore(&self.old);
        let output = self.stopped(Stop::Never);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        assert!(self.now() == self.new, "the shim shows in the result");
        let log = fs::read_to_string(self.lab.path("calls.txt")).expect("the shim was loaded");
        let root = self.lab.path("out").display().to_string();
        let call = |line: &str| {
            let mut words = line.split(' ').skip(1).map(|word| plain(&word.replace(&root, "out")));
            let mut word = || words.next().unwrap_or_default();
            Call { name: word(), path: word(), to: word() }
        };
        log.lines().map(call).collect()
    }

    pub fn now(&self) -> Snapshot {
        snapshot(&self.lab.path("out"))
    }

    /// Makes `out` what it was.
    pub fn restore(&self, to: &Snapshot) {
        restore(&self.lab.path("out"), to);
    }

    /// The outputs, by their manifests in the new state.
    pub fn targets(&self) -> Vec<Target> {
        let out = self.lab.path("out");
        let state_of = |path: &String| Some(out.join(path.strip_suffix("/manifest.json")?));
        let target = |state: PathBuf| match state.ends_with("_highwater") {
            true => Target::folder(state.parent().unwrap()),
            false => Target::file(state.parent().unwrap().parent().unwrap().join(state.file_name().unwrap())),
        };
        self.new.keys().filter_map(state_of).map(target).collect()
    }

    /// All that the job names.
    pub fn named(&self) -> NamedPaths {
        NamedPaths { outputs: self.targets(), beside: vec![self.lab.path("out/rejects.jsonl")] }
    }

    /// Kills the command after each of its calls. After that a command that reads finds all outputs in the old state
    /// or all in the new one, and the same command leads to the new one, with nothing left behind.
    pub fn killed_at_every_call(&self) {
        let calls = self.calls();
        let mut committed = vec![];
        for (n, call) in (1..).zip(&calls) {
            self.restore(&self.old);
            let output = self.stopped(Stop::Kill(n));
            assert_eq!(output.status.signal(), Some(libc::SIGKILL), "{n} {call:?}");
            let dead = self.now();
            sink::recover(&self.targets(), &self.named()).unwrap_or_else(|e| panic!("{n} {call:?}: {e}"));
            let is_new = self.is_whole(&format!("killed at {n} {call:?}"));
            committed.push(is_new);
            self.restore(&dead);
            self.again();
            self.is_new(&format!("again, after killed at {n} {call:?}"));
        }
        assert!(committed.is_sorted(), "not all after the commit point: {committed:?}");
        println!("{} calls, {} of them committed", calls.len(), committed.iter().filter(|c| **c).count());
    }

    /// Lets the disk be full from each call on. The command says so, and leaves the old state as it was or a journal
    /// of the new one.
    pub fn full_at_every_call(&self) {
        let calls = self.calls();
        let (mut kept, mut completed) = (0, 0);
        for (n, call) in (1..).zip(&calls) {
            let at = format!("full at {n} {call:?}");
            self.restore(&self.old);
            let output = self.stopped(Stop::Full(n));
            let words = String::from_utf8_lossy(&output.stderr);
            let now = self.now();
            let journal = now.keys().any(|path| path.ends_with("journal.json"));
            match output.status.code() {
                // Nothing that takes space came after it.
                Some(0) => self.is_new(&at),
                Some(4) => {
                    assert!(words.contains("No space left on device"), "{at}: {words}");
                    let root = self.lab.root().display().to_string();
                    assert!(words.contains(&root) || words.contains(" out"), "no path, {at}: {words}");
                    // After the commit point, or with all of it done but the last clean-up.
                    let is_recorded = words.contains("the commit is recorded");
                    assert!(is_recorded || !journal, "{at}: {words}");
                    if !is_recorded {
                        assert!(words.contains("existing files are unchanged"), "{at}: {words}");
                        differ_not(&now, &self.old, &at);
                        kept += 1;
                    }
                }
                code => panic!("{at}: exit {code:?}: {words}"),
            }
            sink::recover(&self.targets(), &self.named()).unwrap();
            let is_new = self.is_whole(&at);
            let is_recorded = words.contains("the commit is recorded");
            assert!(is_new || !is_recorded, "{at}: a recorded commit was taken back");
            completed += usize::from(is_new);
            self.again();
            self.is_new(&format!("again, after {at}"));
        }
        assert!(kept > 10 && completed > 10, "{kept} {completed} of {}", calls.len());
    }

    /// Whether the outputs are new, or as they were before: anything between is wrong.
    fn is_whole(&self, when: &str) -> bool {
        let bare = |snapshot: &Snapshot| -> Snapshot {
            // Lock files of the dead, hidden files and empty folders are nobody's.
            let kept = snapshot.iter().filter(|(path, content)| {
                content.is_some() && !path.ends_with("/lock") && !path.starts_with('.')
            });
            kept.map(|(path, content)| (path.clone(), content.clone())).collect()
        };
        let (now, new) = (bare(&self.now()), bare(&self.new));
        if now != new {
            differ_not(&now, &bare(&self.old), when);
        }
        now == new
    }

    fn is_new(&self, when: &str) {
        differ_not(&self.now(), &self.new, when);
    }
}

fn differ_not(is: &Snapshot, wanted: &Snapshot, when: &str) {
    let names = |a: &Snapshot, b: &Snapshot| -> Vec<String> {
        a.iter().filter(|(path, content)| b.get(*path) != Some(content)).map(|(p, _)| p.clone()).collect()
    };
    assert!(is == wanted, "{when}: is {:?}, not {:?}", names(is, wanted), names(wanted, is));
}

/// A path without `NAME/..`.
fn plain(path: &str) -> String {
    let mut names: Vec<&str> = vec![];
    for name in path.split('/') {
        match name {
            ".." => drop(names.pop()),
            name => names.push(name),
        }
    }
    names.join("/")
}

/// Makes `folder` what it was.
pub fn restore(folder: &Path, to: &Snapshot) {
    if folder.exists() {
        fs::remove_dir_all(folder).unwrap();
    }
    if !to.is_empty() {
        fs::create_dir(folder).unwrap();
    }
    for (path, content) in to {
        let path = folder.join(path);
        match content {
            None => fs::create_dir_all(path).unwrap(),
            Some(content) => fs::write(path, content).unwrap(),
        }
    }
}

/// All that lies below `folder`.
pub fn snapshot(folder: &Path) -> Snapshot {
    fn walk(root: &Path, at: &Path, out: &mut Snapshot) {
        for entry in fs::read_dir(at).into_iter().flatten() {
            let path = entry.unwrap().path();
            if is_memory(&path) {
                continue;
            }
            let content = if path.is_dir() { None } else { Some(fs::read(&path).unwrap()) };
            let is_folder = content.is_none();
            out.insert(path.strip_prefix(root).unwrap().display().to_string(), content);
            if is_folder {
                walk(root, &path, out);
            }
        }
    }
    let mut out = Snapshot::new();
    walk(folder, folder, &mut out);
    out
}

/// The library that is preloaded, compiled once.
fn shim() -> &'static Path {
    static BUILT: OnceLock<(tempfile::TempDir, PathBuf)> = OnceLock::new();
    &BUILT.get_or_init(|| preloaded("shim.c")).1
}

/// Four outputs of one job: events, windows as folders, windows as a file, late events; and rejects beside them.
const JOB: &str = r#"
mode = "streamed"
[source]
path = "in/*.jsonl"
time = "at"
out_of_orderness = "1h"
on_bad_record = "reject"
rejects = "out/rejects.jsonl"
[late]
path = "out/late.jsonl"
[[output]]
path = "out/events"
partition_by = ["date"]
[[output]]
path = "out/hours"
format = "csv"
window = { tumbling = "1h" }
by = ["k"]
select = { n = "count(*)", sum = "sum(v)" }
partition_by = ["date"]
[[output]]
path = "out/days.jsonl"
window = { tumbling = "1d" }
select = { n = "count(*)" }
"#;

const RUN: [&str; 5] = ["run", "job.toml", "-q", "--threads", "1"];

/// Events of some days, one of which is late, and a record that is none.
fn events(days: std::ops::Range<u32>, v: u32) -> String {
    let day = |day| {
        let event = move |i| {
            format!("{{\"at\":\"2024-05-{day:02}T{:02}:10:00Z\",\"k\":\"k{}\",\"v\":{v}}}\n", i * 7, i % 2)
        };
        (0..3).map(event).collect::<String>()
    };
    let late = format!("{{\"at\":\"2024-05-01T00:00:00Z\",\"k\":\"late\",\"v\":{v}}}\n{{\"at\":\n");
    days.map(day).collect::<String>() + &late
}

/// A lab with the job and the files of a first run, which is done or not.
fn lab(done: bool) -> Lab {
    let lab = Lab::new();
    lab.write("job.toml", JOB);
    lab.write("in/a.jsonl", events(2..4, 1));
    lab.write("in/c.jsonl", events(6..7, 1));
    if done {
        let answer = lab.highwater(&RUN);
        assert_eq!(answer.code, 0, "{}", answer.err);
    }
    lab
}

/// The files change under a run that was done: parts stay, are replaced, come and go.
fn corrected() -> Scene {
    let lab = lab(true);
    fs::remove_file(lab.path("in/c.jsonl")).unwrap();
    lab.write("in/b.jsonl", events(3..5, 2));
    let scene = Scene::new(lab, &RUN);
    let differs = |path: &str| scene.old.get(path) != scene.new.get(path);
    assert!(!differs("events/date=2024-05-02/data.parquet") && differs("hours/date=2024-05-03/data.csv"));
    assert!(
        scene.old.contains_key("hours/date=2024-05-06") && !scene.new.contains_key("hours/date=2024-05-06")
    );
    assert!(differs("late.jsonl") && differs("days.jsonl") && differs("rejects.jsonl"));
    scene
}

#[test]
fn a_run_may_be_killed_at_any_call() {
    corrected().killed_at_every_call();
}

#[test]
fn a_first_run_may_be_killed_at_any_call() {
    Scene::new(lab(false), &RUN).killed_at_every_call();
}

/// The run that brings a commit to its end is killed itself.
#[test]
fn recovery_may_be_killed_at_any_call() {
    let mut scene = corrected();
    let calls = scene.calls();
    let puts = |call: &Call| call.name == "rename" && call.path.contains("/staging/");
    let put = calls.iter().rposition(|call| puts(call) && !call.to.ends_with("manifest.json")).unwrap();
    scene.restore(&scene.old);
    scene.stopped(Stop::Kill(put + 1));
    scene.old = scene.now();
    let calls = scene.calls();
    for (n, call) in (1..).zip(&calls) {
        scene.restore(&scene.old);
        assert_eq!(scene.stopped(Stop::Kill(n)).status.signal(), Some(libc::SIGKILL), "{n} {call:?}");
        sink::recover(&scene.targets(), &scene.named()).unwrap();
        assert!(scene.is_whole(&format!("killed at {n} {call:?}")), "killed at {n} {call:?}");
        scene.again();
        scene.is_new(&format!("again, after killed at {n} {call:?}"));
    }
}

#[test]
fn the_disk_may_be_full_at_any_call() {
    corrected().full_at_every_call();
}

#[test]
fn the_disk_may_be_full_at_any_call_of_a_first_run() {
    Scene::new(lab(false), &RUN).full_at_every_call();
}

/// What a power cut would ask of the order of calls: a file is flushed before it is renamed, its new name before
/// the journal goes; and all that the journal speaks of before the journal comes.
#[test]
fn files_and_folders_are_flushed_before_they_are_relied_on() {
    for scene in [corrected(), Scene::new(lab(false), &RUN)] {
        let calls = scene.calls();
        let flushed = |path: &str, from: usize, to: usize| {
            calls[from..to].iter().any(|call| call.name == "fsync" && call.path == path)
        };
        let folder = |path: &str| path.rsplit_once('/').map_or("", |(folder, _)| folder).to_string();
        let comes = calls.iter().rposition(|c| c.to.ends_with("/journal.json")).unwrap();
        let goes =
            calls.iter().rposition(|c| c.name == "unlink" && c.path.ends_with("/journal.json")).unwrap();
        assert!(comes < goes);
        for (at, call) in calls.iter().enumerate() {
            match call.name.as_str() {
                "rename" => {
                    // Written and flushed, or put there by a rename for which the same holds.
                    let changed = calls[..at].iter().rposition(|c| c.path == call.path && c.name != "fsync");
                    let renamed = calls[..at].iter().any(|c| c.to == call.path);
                    let is_durable = changed.is_some_and(|changed| flushed(&call.path, changed, at));
                    assert!(is_durable || renamed, "{call:?}");
                    let until = if at <= comes { comes + 2 } else { goes };
                    assert!(flushed(&folder(&call.to), at, until), "{call:?}: its folder");
                }
                "open" | "mkdir"
                    if at < comes
                        && !call.path.ends_with("/lock")
                        && !call.path.ends_with("/journal.tmp") =>
                {
                    // Partition folders are made again by a replay, and flushed with their parts.
                    let until = if call.path.contains("date=") { goes } else { comes };
                    let above = folder(&call.path);
                    assert!(above.is_empty() || flushed(&above, at, until), "{call:?}: its folder");
                }
                "unlink" | "rmdir" if (comes..goes).contains(&at) => {
                    let above = folder(&call.path);
                    let is_gone = calls[at..goes].iter().any(|c| c.name == "rmdir" && c.path == above);
                    assert!(is_gone || flushed(&above, at, goes), "{call:?}: its folder");
                }
                _ => {}
            }
        }
    }
}
