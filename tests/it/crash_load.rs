//! Outputs under load: kills at random moments, readers during commits, two writers, and many partitions.

use crate::crash::{Snapshot, snapshot};
use crate::support::Lab;
use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use highwater::sink::{self, NamedPaths, Target, Transaction};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs::{self, File};
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// Events, and counts per hour and key, by day; and a file of all days.
const OUTPUTS: &str = r#"
[[output]]
path = "out/events"
partition_by = ["date"]
[[output]]
path = "out/hours"
window = { tumbling = "1h" }
by = ["k"]
select = { n = "count(*)", sum = "sum(v)" }
partition_by = ["date"]
[[output]]
path = "out/days.csv"
window = { tumbling = "1d" }
select = { n = "count(*)", sum = "sum(v)" }
"#;

/// Sets a flag when it goes, as it does when a test fails: threads that wait for it have to end.
pub struct Raised<'a>(pub &'a AtomicBool);

impl Drop for Raised<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Days of events, `per_day` a day, all of value `v`, from 2024-01-01 on.
fn log(days: i64, per_day: i64, v: i64) -> String {
    let mut text = String::from("at,k,v\n");
    for i in 0..days * per_day {
        let at = 1_704_067_200 + i / per_day * 86_400 + i % per_day * 86_400 / per_day;
        writeln!(text, "{at},k{},{v}", i % 7).unwrap();
    }
    text
}

fn job(source: &str) -> String {
    format!("[source]\npath = \"{source}\"\ntime = \"at\"\ntime_unit = \"s\"\n{OUTPUTS}")
}

/// A lab with two jobs that write the same outputs: `x.toml` with more rows and days than `y.toml`.
fn two_jobs(days: i64, per_day: i64) -> Lab {
    let lab = Lab::new();
    for (name, days, per_day, v) in [("x", days, per_day, 1), ("y", days - 1, per_day - 1, 2)] {
        lab.write(&format!("{name}.csv"), log(days, per_day, v));
        lab.write(&format!("{name}.toml"), job(&format!("{name}.csv")));
    }
    lab
}

fn start(lab: &Lab, job: &str) -> Child {
    let mut command = Command::new(env!("CARGO_BIN_EXE_highwater"));
    command.args(["run", job, "-q", "--threads", "2"]).current_dir(lab.root());
    command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap()
}

fn run(lab: &Lab, job: &str) {
    let output = start(lab, job).wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

fn targets(lab: &Lab) -> Vec<Target> {
    let out = |name: &str| lab.path("out").join(name);
    vec![Target::folder(out("events")), Target::folder(out("hours")), Target::file(out("days.csv"))]
}

/// The files of the outputs, without lock files of the dead.
fn files(lab: &Lab) -> Snapshot {
    let mut files = snapshot(&lab.path("out"));
    files.retain(|path, content| content.is_some() && !path.ends_with("/lock"));
    files
}

fn killed(kills: usize) {
    let lab = two_jobs(60, 200);
    let mut results = vec![];
    let mut longest = Duration::ZERO;
    for job in ["y.toml", "x.toml", "y.toml"] {
        let started = Instant::now();
        run(&lab, job);
        longest = longest.max(started.elapsed());
        results.push(files(&lab));
    }
    let [_, x, y] = &results[..] else { unreachable!() };
    assert!(results[0] == *y && x != y);
    let stop = AtomicBool::new(false);
    let journal = lab.path("out/events/_highwater/journal.json");
    let (mut taken_back, mut completed, mut came_late, mut seed) = (0, 0, 0, 1_u64);
    std::thread::scope(|scope| {
        let _stop = Raised(&stop);
        // Something else has the machine as well, so that moments spread.
        scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                std::hint::spin_loop()
            }
        });
        let mut is_x = false;
        for n in 0..kills {
            let (job, from, to) = if is_x { ("y.toml", x, y) } else { ("x.toml", y, x) };
            let mut child = start(&lab, job);
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let share = (seed >> 40) as f64 / (1_u64 << 24) as f64;
            if n % 2 == 0 {
                std::thread::sleep(longest.mul_f64(share * 1.2));
            } else {
                // Every other one soon after the commit point.
                while !journal.exists() && child.try_wait().unwrap().is_none() {
                    std::hint::spin_loop();
                }
                std::thread::sleep(Duration::from_millis(2).mul_f64(share));
            }
            child.kill().unwrap();
            let died = child.wait().unwrap().signal().is_some();
            // Whichever output is met first, the one with the journal or one with a pointer to it.
            let mut targets = targets(&lab);
            targets.rotate_left(n / 4 % 3);
            if n / 2 % 2 == 0 {
                sink::recover(&targets, &NamedPaths::default()).unwrap();
            } else {
                drop(Transaction::begin(&targets).unwrap());
            }
            let now = files(&lab);
            assert!(now == *from || now == *to, "kill {n}: a mix of two runs");
            let counter = match (died, now == *to) {
                (false, _) => &mut came_late,
                (true, true) => &mut completed,
                (true, false) => &mut taken_back,
            };
            *counter += 1;
            is_x = now == *x;
        }
    });
    println!("{kills} kills: {taken_back} taken back, {completed} completed, {came_late} came too late");
    assert!(taken_back > 0 && completed > 0 && taken_back + completed > kills / 3);
    run(&lab, "x.toml");
    assert!(snapshot(&lab.path("out")).keys().filter(|p| p.contains("_highwater")).all(|path| {
        path.ends_with("manifest.json") || path.ends_with("_highwater") || path.ends_with("days.csv")
    }));
    assert!(files(&lab) == *x);
}

/// `HIGHWATER_KILLS=200` for more of them.
#[test]
fn kills_at_random_moments_leave_one_run_or_the_other() {
    let kills = std::env::var("HIGHWATER_KILLS").ok().and_then(|n| n.parse().ok());
    killed(kills.unwrap_or(40));
}

/// Rows of a day as a reader of Parquet files finds them: how many, and their values.
fn read_days(lab: &Lab) -> BTreeMap<String, (usize, Vec<i64>)> {
    let pattern = lab.path("out/events").join("**/*.parquet").display().to_string();
    let mut days = BTreeMap::new();
    for path in glob::glob(&pattern).unwrap() {
        // A folder that went after it was listed; as below.
        let path: PathBuf = match path {
            Err(e) if e.error().kind() == std::io::ErrorKind::NotFound => continue,
            path => path.unwrap(),
        };
        let day = path.parent().unwrap().file_name().unwrap().to_string_lossy().to_string();
        let file = match File::open(&path) {
            // It went after it was listed, as the day that one job has and the other has not.
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => continue,
            file => file.unwrap(),
        };
        let reader = ParquetRecordBatchReaderBuilder::try_new(file).unwrap().build().unwrap();
        let (mut rows, mut values) = (0, vec![]);
        for batch in reader {
            let batch = batch.unwrap();
            rows += batch.num_rows();
            values.extend_from_slice(batch.column_by_name("v").unwrap().as_primitive::<Int64Type>().values());
        }
        values.dedup();
        let again = days.insert(day, (rows, values));
        assert!(again.is_none(), "two files of a day: {}", path.display());
    }
    days
}

#[test]
fn a_reader_sees_each_partition_whole_old_or_new() {
    let lab = two_jobs(40, 30);
    run(&lab, "x.toml");
    let done = AtomicBool::new(false);
    let (reads, mixed) = (AtomicUsize::new(0), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        let reader = || {
            while !done.load(Ordering::Relaxed) {
                let days = read_days(&lab);
                // Day 40 is in one of the two; the others are there always, with the rows of one run.
                let always = days.keys().filter(|day| *day != "date=2024-02-09").count();
                assert_eq!(always, 39, "{:?}", days.keys());
                assert!(days.values().all(|day| *day == (30, vec![1]) || *day == (29, vec![2])), "{days:?}");
                reads.fetch_add(1, Ordering::Relaxed);
                mixed.fetch_add(
                    usize::from(days.values().any(|day| day.0 != days.values().next().unwrap().0)),
                    Ordering::Relaxed,
                );
            }
        };
        let readers = [scope.spawn(reader), scope.spawn(reader)];
        let ended = Raised(&done);
        for _ in 0..15 {
            run(&lab, "y.toml");
            run(&lab, "x.toml");
        }
        drop(ended);
        readers.into_iter().for_each(|reader| reader.join().unwrap());
    });
    println!("{reads:?} reads in 30 runs, {mixed:?} of them with partitions of both");
    assert!(reads.load(Ordering::Relaxed) > 30);
}

/// Two runs over the same outputs, which are there or not: one is done, and the other is done after it or is told.
#[test]
fn of_two_writers_one_is_told_who_the_other_is() {
    let lab = two_jobs(30, 100);
    run(&lab, "x.toml");
    let x = files(&lab);
    let mut told = 0;
    for n in 0..24 {
        if n % 2 == 0 {
            fs::remove_dir_all(lab.path("out")).unwrap();
        }
        let children = [start(&lab, "x.toml"), start(&lab, "x.toml")];
        let ids = [children[0].id(), children[1].id()];
        let outputs = children.map(|child| child.wait_with_output().unwrap());
        let done = outputs.iter().filter(|output| output.status.success()).count();
        assert!(done > 0, "{outputs:?}");
        for (output, other) in outputs.iter().zip([ids[1], ids[0]]) {
            if !output.status.success() {
                let words = String::from_utf8_lossy(&output.stderr);
                assert_eq!(output.status.code(), Some(4), "{words}");
                let host = fs::read_to_string("/proc/sys/kernel/hostname").unwrap();
                let owner = format!("is being written by process {other} on {}", host.trim());
                // Before the other has signed its lock it has no name.
                assert!(words.contains(&owner) || words.contains("by another process"), "{words}");
                told += 1;
            }
        }
        assert!(files(&lab) == x && snapshot(&lab.path("out")).keys().all(|path| !path.ends_with("lock")));
    }
    println!("told {told} times of 24");
    assert!(told > 3);
}

#[test]
fn an_output_of_thousands_of_partitions_opens_at_once() {
    let lab = Lab::new();
    lab.write("x.csv", log(2_000, 3, 1));
    lab.write("x.toml", job("x.csv"));
    let timed = |what: &str, of: &dyn Fn()| {
        let started = Instant::now();
        of();
        println!("{what}: {:.0} ms", started.elapsed().as_secs_f64() * 1e3);
        assert!(started.elapsed() < Duration::from_secs(20), "{what}");
    };
    timed("first run", &|| run(&lab, "x.toml"));
    let written = lab.written("out");
    timed("run again", &|| run(&lab, "x.toml"));
    assert_eq!(lab.written("out"), written);
    timed("begin", &|| drop(Transaction::begin(&targets(&lab)).unwrap()));
    timed("recover", &|| sink::recover(&targets(&lab), &NamedPaths::default()).unwrap());
    timed("list", &|| {
        let manifests = targets(&lab).into_iter().map(|t| t.manifest().unwrap().unwrap());
        let parts: Vec<usize> = manifests.map(|manifest| manifest.parts.len()).collect();
        assert_eq!(parts, [2_000, 2_000, 1]);
    });
}
