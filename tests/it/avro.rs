//! Jobs over Avro: the same bytes as from other formats, files of several schemas, and words.

use crate::log::{self, Cell, Log};
use crate::support::{Lab, Machine, PLAIN};
use Cell::{Null, Text};
use arrow_array::RecordBatch;
use arrow_avro::writer::AvroWriter;
use std::collections::BTreeMap;

fn sales(n: i64) -> Log {
    log::sales(n, |i| if i % 11 == 10 { Null } else { Text(format!("shop {}, größe", i % 13)) })
}

/// An Avro file of blocks of this many rows, as arrow-avro writes it.
fn avro(batch: &RecordBatch, block: usize) -> Vec<u8> {
    let mut writer = AvroWriter::new(vec![], batch.schema().as_ref().clone()).unwrap();
    for start in (0..batch.num_rows()).step_by(block) {
        writer.write(&batch.slice(start, block.min(batch.num_rows() - start))).unwrap();
    }
    writer.finish().unwrap();
    writer.into_inner()
}

fn outputs(name: &str, content: &[u8], source: &str, machine: Machine) -> BTreeMap<String, Vec<u8>> {
    let lab = Lab::new();
    lab.write(name, content);
    let job = format!(
        r#"
timezone = "Europe/London"
[source]
path = "@/{name}"
time = "at"
time_unit = "us"
{source}
[[step]]
filter = "n IS NULL OR n > -4900"
[[output]]
path = "@/out/groups.csv"
window = {{ tumbling = "1h" }}
by = ["note", "day"]
select = {{ c = "count(*)", s = "sum(amount)", r = "avg(ratio)", o = "bool_or(ok)", l = "last(n)" }}
[[output]]
path = "@/out/rows.jsonl"
select = {{ at = "at", note = "note", n = "n", amount = "amount", ratio = "ratio", ok = "ok", day = "day" }}
"#
    );
    let outcome = lab.library(&job, machine).unwrap_or_else(|e| panic!("{name}: {e}"));
    assert_eq!(outcome.account.read, 600, "{name}");
    lab.data("out")
}

#[test]
fn avro_gives_the_bytes_of_other_formats() {
    let log = sales(600);
    let types = log.types();
    let want = outputs("log.csv", &log.csv(), &types, PLAIN);
    assert_eq!(want.len(), 2);
    assert_eq!(outputs("log.jsonl", &log.jsonl(), &types, PLAIN), want);
    assert_eq!(outputs("log.parquet", &log.parquet(50), "", PLAIN), want);
    // Types are the file's own; blocks, threads and chunks decide nothing.
    for (block, threads, chunk_bytes) in [(600, 1, 1 << 20), (7, 3, 1), (50, 2, 2000)] {
        let bytes = avro(&log.batch(), block);
        assert_eq!(outputs("log.avro", &bytes, "", Machine { threads, chunk_bytes, ..PLAIN }), want);
        assert_eq!(outputs("log.bin", &bytes, "format = \"avro\"", PLAIN), want);
    }
}

#[test]
fn explain_and_errors_speak_of_avro() {
    let lab = Lab::new();
    let first = sales(40).batch();
    // The next file has one column less.
    let less = first.project(&[0, 1, 3, 4, 5, 6]).unwrap();
    lab.write("logs/1.avro", avro(&first, 10));
    lab.write("logs/2.avro", avro(&less, 10));
    let job = r#"
[source]
path = "logs"
time = "at"
time_unit = "us"
[[output]]
path = "out.csv"
select = { n = "count(n)", c = "count(*)", s = "sum(amount)" }
"#;
    lab.done(job, &[]);
    let cents: i64 = 2 * (0..40).filter(|i| i % 5 != 4).map(|i| i * 1001 - 60_000).sum::<i64>();
    let want = format!("n,c,s\n34,80,-{}.{:02}\n", -cents / 100, -cents % 100);
    assert_eq!(lab.text("out.csv"), want);
    let answer = lab.highwater(&["explain", "job.toml"]);
    assert!(
        answer.out.contains("n") && answer.out.contains("missing in 1 files, NULL there"),
        "{}",
        answer.out
    );
    assert!(answer.out.contains("decimal(18,2) in the schema of 2 files"), "{}", answer.out);
    let mut cut = avro(&first, 10);
    cut.truncate(cut.len() - 30);
    lab.write("logs/2.avro", cut);
    let answer = lab.run(job, &[]);
    assert_eq!(answer.code, 3);
    assert!(answer.err.contains("2.avro is cut short"), "{}", answer.err);
}
