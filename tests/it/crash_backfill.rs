//! Backfills that are killed, find the disk full, or are watched by readers.

use crate::crash::{Scene, snapshot};
use crate::crash_load::Raised;
use crate::support::Lab;
use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs::File;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// An archive, counts that are merged, averages that are computed again, and a single file.
const JOB: &str = r#"
[source]
path = "in/*.csv"
time = "at"
time_unit = "s"
on_bad_record = "reject"
rejects = "out/rejects.jsonl"
[[output]]
path = "out/raw"
archive = true
partition_by = ["date"]
[[output]]
path = "out/hours"
window = { tumbling = "1h" }
by = ["k"]
select = { n = "count(*)", sum = "sum(v)" }
partition_by = ["date"]
[[output]]
path = "out/days"
window = { tumbling = "1d" }
by = ["k"]
select = { mean = "avg(v)" }
having = "count(*) > 1"
partition_by = ["date"]
[[output]]
path = "out/all.csv"
by = ["k"]
select = { n = "count(*)", most = "max(v)" }
"#;

/// `per_day` events on each of these days of 2024, of value `v`, and a record that is none.
fn events(days: std::ops::Range<i64>, per_day: i64, v: i64) -> String {
    let mut text = String::from("at,k,v\n");
    for (day, i) in days.flat_map(|day| (0..per_day).map(move |i| (day, i))) {
        let at = 1_704_067_200 + day * 86_400 + i * 86_400 / per_day;
        writeln!(text, "{at},k{},{v}", i % 3).unwrap();
    }
    text + "never,k0,1\n"
}

/// A lab whose job was run over `in/a.csv` and `in/c.csv`, and a late file that lies elsewhere.
fn lab(days: i64, per_day: i64) -> Lab {
    let lab = Lab::new();
    lab.write("job.toml", JOB);
    lab.write("in/a.csv", events(0..days, per_day, 1));
    lab.write("in/c.csv", events(1..2, per_day, 2));
    // Some days that are there, and one that is new.
    lab.write("late/b.csv", events(days - 2..days + 1, 2, 5));
    let answer = lab.highwater(&["run", "job.toml", "-q"]);
    assert_eq!(answer.code, 0, "{}", answer.err);
    lab
}

const ADD: [&str; 6] = ["backfill", "job.toml", "late/b.csv", "-q", "--threads", "1"];
const TAKE: [&str; 7] = ["backfill", "job.toml", "late/b.csv", "--retract", "-q", "--threads", "1"];

#[test]
fn a_backfill_may_be_killed_at_any_call() {
    let scene = Scene::new(lab(4, 6), &ADD);
    let differs = |path: &str| scene.old.get(path) != scene.new.get(path);
    assert!(!differs("raw/date=2024-01-01/data.parquet") && differs("raw/date=2024-01-05/data.parquet"));
    assert!(differs("hours/date=2024-01-03/data.parquet") && differs("days/date=2024-01-03/data.parquet"));
    assert!(differs("all.csv") && differs("rejects.jsonl"));
    scene.killed_at_every_call();
}

#[test]
fn the_disk_may_be_full_at_any_call_of_a_backfill() {
    Scene::new(lab(4, 6), &ADD).full_at_every_call();
}

fn start(lab: &Lab, words: &[&str]) -> Child {
    let mut command = Command::new(env!("CARGO_BIN_EXE_highwater"));
    command.args(words).current_dir(lab.root()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap()
}

fn done(lab: &Lab, words: &[&str]) {
    let answer = lab.highwater(words);
    assert_eq!(answer.code, 0, "{words:?}: {}", answer.err);
}

/// Everything below `out` but the change logs, of which each backfill leaves one.
fn state(lab: &Lab) -> BTreeMap<String, Vec<u8>> {
    let mut files = lab.files("out");
    files.retain(|path, _| !path.contains("/changes/"));
    files
}

/// Adds and takes out in turn, kills it at a random moment, and starts it again.
#[test]
fn kills_at_random_moments_leave_nothing_but_the_wanted_bytes() {
    let kills = std::env::var("HIGHWATER_KILLS").ok().and_then(|n| n.parse().ok()).unwrap_or(30);
    let lab = lab(40, 60);
    let without = state(&lab);
    let started = Instant::now();
    done(&lab, &ADD);
    let longest = started.elapsed();
    let with = state(&lab);
    done(&lab, &TAKE);
    // The rejects of the late file are gone from the file, as its rows are from the outputs.
    assert!(state(&lab) == without && with != without);
    let (mut died, mut seed) = (0, 7_u64);
    for n in 0..kills {
        let (words, wanted): (&[&str], _) = if n % 2 == 0 { (&ADD, &with) } else { (&TAKE, &without) };
        let mut child = start(&lab, words);
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        std::thread::sleep(longest.mul_f64((seed >> 40) as f64 / (1_u64 << 24) as f64));
        child.kill().unwrap();
        died += usize::from(child.wait().unwrap().code().is_none());
        // What was taken out before the kill is no longer known: then there is nothing to take out.
        let answer = lab.highwater(words);
        let is_done = answer.code == 0 || n % 2 == 1 && answer.err.contains("was never counted");
        assert!(is_done, "kill {n}: {}", answer.err);
        assert!(state(&lab) == *wanted, "kill {n}: {:?}", state(&lab).keys());
        let left = snapshot(&lab.path("out"));
        let dead = |path: &String| {
            let name = path.rsplit('/').next().unwrap();
            name == "staging" || name == "lock" || name.starts_with("journal") || name.ends_with(".tmp")
        };
        assert!(!left.keys().any(dead), "kill {n}: {:?}", left.keys());
    }
    println!("{died} of {kills} died");
    assert!(died * 4 > kills, "{died} of {kills}");
}

/// The counts of every day, as a reader with a glob finds them.
fn read_days(lab: &Lab) -> BTreeMap<String, i64> {
    let pattern = lab.path("out/hours").join("*/*.parquet").display().to_string();
    let mut days = BTreeMap::new();
    for path in glob::glob(&pattern).unwrap().flatten() {
        let day = path.parent().unwrap().file_name().unwrap().to_string_lossy().to_string();
        let file = match File::open(&path) {
            // The day of late events alone comes and goes.
            Err(e) if e.kind() == std::io::ErrorKind::NotFound && day == "date=2024-02-10" => continue,
            file => file.unwrap(),
        };
        let rows = ParquetRecordBatchReaderBuilder::try_new(file).unwrap().build().unwrap();
        let counts = rows.map(|batch| {
            let batch = batch.unwrap();
            batch.column_by_name("n").unwrap().as_primitive::<Int64Type>().values().iter().sum::<i64>()
        });
        assert!(days.insert(day, counts.sum()).is_none(), "two files of a day");
    }
    days
}

#[test]
fn a_reader_sees_each_partition_as_it_was_or_as_it_is() {
    let lab = lab(40, 60);
    let is_done = AtomicBool::new(false);
    let reads = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let mut seen = std::collections::BTreeSet::new();
            while !is_done.load(Ordering::Relaxed) {
                let days = read_days(&lab);
                for (day, count) in &days {
                    let wanted: &[i64] = match day.as_str() {
                        "date=2024-01-02" => &[120],
                        "date=2024-02-08" | "date=2024-02-09" => &[60, 62],
                        "date=2024-02-10" => &[2],
                        _ => &[60],
                    };
                    assert!(wanted.contains(count), "{day}: {count}");
                    seen.insert((day.clone(), *count));
                }
                assert!(days.len() == 40 || days.len() == 41, "{:?}", days.keys());
                reads.fetch_add(1, Ordering::Relaxed);
            }
            seen
        });
        let ended = Raised(&is_done);
        for _ in 0..12 {
            done(&lab, &ADD);
            std::thread::sleep(Duration::from_millis(5));
            done(&lab, &TAKE);
        }
        drop(ended);
        let seen = reader.join().unwrap();
        let both = [60, 62].map(|count| seen.contains(&("date=2024-02-09".to_string(), count)));
        assert_eq!(both, [true, true], "after {reads:?} reads");
    });
}
