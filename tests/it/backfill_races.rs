//! Two backfills at once: one waits or is refused, neither loses what the other did.

use crate::backfill_cases::{Left, left, same, take};
use crate::support::{Answer, Lab};
use std::fmt::Write;

const JOB: &str = r#"
[source]
path = "log/*"
time = "at"
time_unit = "s"

[[output]]
path = "out/hours"
window = { tumbling = "1h" }
by = ["key"]
select = { n = "count(*)", t = "sum(amount)" }
partition_by = ["date"]

[[output]]
path = "out/middle.csv"
window = { tumbling = "6h" }
select = { m = "median(amount)" }
"#;

fn log(rows: u64, seed: u64) -> String {
    let mut text = String::from("at,key,amount\n");
    for i in 0..rows {
        let noise = (i + seed).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        writeln!(text, "{},{},{}", i * 60, noise >> 62, noise >> 50).unwrap();
    }
    text
}

fn write(lab: &Lab, numbers: &[usize]) {
    for number in 1..=3 {
        let _ = std::fs::remove_file(lab.path(&format!("log/{number}.csv")));
    }
    for &number in numbers {
        let rows = if number == 1 { 20_000 } else { 3_000 };
        lab.write(&format!("log/{number}.csv"), log(rows, number as u64 * 1_000_000));
    }
}

fn ok(answer: Answer) {
    assert_eq!(answer.code, 0, "{}", answer.err);
}

#[test]
fn two_backfills_at_once_lose_nothing() {
    let lab = Lab::new();
    lab.write("job.toml", JOB);
    let result = |numbers: &[usize]| -> Left {
        write(&lab, numbers);
        ok(lab.highwater(&["run", "job.toml"]));
        take(&lab)
    };
    let (second, third, both) = (result(&[1, 2]), result(&[1, 3]), result(&[1, 2, 3]));
    let mut refused = 0;
    for _ in 0..6 {
        write(&lab, &[1]);
        ok(lab.highwater(&["run", "job.toml"]));
        write(&lab, &[1, 2, 3]);
        let answers: Vec<Answer> = std::thread::scope(|scope| {
            let start = |file: &'static str| {
                let lab = &lab;
                scope.spawn(move || lab.highwater(&["backfill", "job.toml", file]))
            };
            let threads = [start("log/2.csv"), start("log/3.csv")];
            threads.map(|thread| thread.join().unwrap()).into()
        });
        let want = match [answers[0].code, answers[1].code] {
            [0, 0] => &both,
            [0, _] => &second,
            [_, 0] => &third,
            codes => panic!("{codes:?}\n{}\n{}", answers[0].err, answers[1].err),
        };
        same(&left(&lab), want).unwrap_or_else(|why| panic!("{why}"));
        for answer in answers.iter().filter(|answer| answer.code != 0) {
            assert_eq!(answer.code, 4);
            assert!(answer.err.contains("is being written by"), "{}", answer.err);
            refused += 1;
        }
        // What was refused can be given again.
        ok(lab.highwater(&["backfill", "job.toml", "log/2.csv", "log/3.csv"]));
        same(&left(&lab), &both).unwrap_or_else(|why| panic!("{why}"));
        std::fs::remove_dir_all(lab.path("out")).unwrap();
    }
    println!("{refused} of 6 were refused");
}
