//! Logs as they are found: one job gives the same bytes from every layout, and says what it read.

use crate::golden::with_data;
use crate::logs_layouts::*;
use crate::support::{Lab, Machine, PLAIN, account, without_time};
use arrow_avro::writer::AvroWriter;
use parquet::arrow::ArrowWriter;
use proptest::prelude::*;
use serde_json::json;
use std::collections::BTreeMap;
use std::path::Path;

/// The layouts of `data/logs`, and how many records each has twice: only offsets tell.
const LAYOUTS: [(&str, u64); 15] = [
    ("plain", 0),
    ("connect-json", 2),
    ("connect-json-schema", 2),
    ("connect-hdfs", 2),
    ("connect-avro", 2),
    ("connect-parquet", 2),
    ("kcat", 2),
    ("kcat-json", 2),
    ("console/views.txt", 2),
    ("debezium", 0),
    ("debezium-schema", 0),
    ("kcat-debezium", 2),
    ("schema", 0),
    ("spark", 0),
    ("spark-json", 0),
];

/// 60 page views of two partitions, ten seconds apart; those of the second are a minute and a half behind, and
/// some come late. Partition 1 lacks the offsets 12 to 16.
fn views() -> Vec<Record> {
    let base = 1_717_200_000_000i64;
    let view = |id: i64| {
        let (shard, nth) = (id % 2, id / 2);
        let received = base + id * 10_000 + 5_000;
        let late = if id % 13 == 7 { 400_000 } else { shard * 90_000 + id * 7 % 25_000 };
        let user = if id % 11 == 5 { json!(null) } else { json!(format!("u{}", id * 7 % 17)) };
        let postcode = ["AB7", "CM3", "N1 \"West\"", "Łódź\\2"][(id * 5 % 4) as usize];
        let value = json!({"id": id, "user": user, "postcode": postcode, "bytes": id * 37 % 1000,
            "viewed_at": received - late - id, "received_at": received, "shard": shard});
        let offset = if shard == 1 && nth >= 12 { nth + 5 } else { nth };
        Record { partition: shard, offset, ts: received, value, deletes: id == 44 }
    };
    (0..60).map(view).collect()
}

/// The same, and what a consumer that began again has read twice.
fn read_twice() -> Vec<Record> {
    let views = views();
    let twice: Vec<Record> =
        views.iter().filter(|r| r.partition == 0 && (18..20).contains(&r.offset)).cloned().collect();
    let behind = views.iter().position(|r| r.partition == 0 && r.offset == 20).unwrap();
    [&views[..behind], &twice, &views[behind..]].concat()
}

fn avro(run: &[Record]) -> Vec<u8> {
    let batch = batch(run);
    let mut writer = AvroWriter::new(vec![], batch.schema().as_ref().clone()).unwrap();
    writer.write(&batch).unwrap();
    writer.finish().unwrap();
    writer.into_inner()
}

fn parquet(run: &[Record]) -> Vec<u8> {
    let (batch, mut out) = (batch(run), vec![]);
    let mut writer = ArrowWriter::try_new(&mut out, batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    out
}

/// All files of `data/logs` that are text, and those that are not.
fn fixtures() -> (Files, Files) {
    let (once, twice) = (views(), read_twice());
    let mut text: Files = BTreeMap::new();
    let mut add = |name: &str, content: String| drop(text.insert(name.to_string(), content.into_bytes()));
    let half = twice.len() / 2;
    add("plain/views.jsonl", plain(&once));
    add("kcat/views-1.jsonl", kcat(&twice[..half]));
    add("kcat/views-2.jsonl", kcat(&twice[half..]));
    add("kcat-json/views.jsonl", kcat_json(&twice));
    add("console/views.txt", console(&twice));
    add("debezium/views.jsonl", debezium(&once));
    add("debezium-schema/views.jsonl", debezium_schema(&once));
    add("kcat-debezium/views.jsonl", kcat_debezium(&twice));
    add("schema/views.jsonl", String::from_utf8(json_with_schema(&once)).unwrap());
    text.extend(connect("connect-json", &twice, "json", |run| plain(run).into_bytes()));
    text.extend(connect("connect-json-schema", &twice, "json", json_with_schema));
    text.extend(connect_by_day("connect-hdfs", &twice));
    text.extend(spark("spark-json", &once, "json", |rows| plain(rows).into_bytes()));
    let mut binary = connect("connect-avro", &twice, "avro", avro);
    binary.extend(connect("connect-parquet", &twice, "snappy.parquet", parquet));
    binary.extend(spark("spark", &once, "snappy.parquet", parquet));
    (text, binary)
}

#[test]
fn the_fixtures_are_what_the_formats_say() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("data/logs");
    let bless = std::env::var_os("HIGHWATER_BLESS").is_some();
    let (text, binary) = fixtures();
    for (name, content) in text.iter().chain(&binary) {
        let path = root.join(name);
        if bless && (!path.exists() || text.contains_key(name)) {
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(&path, content).unwrap();
        }
        let there = std::fs::read(&path).unwrap_or_else(|e| panic!("{name}: {e}"));
        // Avro files have a marker that is drawn by lot.
        assert!(binary.contains_key(name) || there == *content, "{name}");
    }
}

/// The job on the logs, reading another of them.
fn job(path: &str) -> String {
    let job = std::fs::read_to_string("data/jobs/views-of-a-log.toml").unwrap();
    let swapped = job.replace("\"data/logs/kcat\"", &format!("\"data/logs/{path}\""));
    assert!(swapped != job || path == "kcat");
    // What folders tell is declared.
    match path.starts_with("spark") {
        true => swapped.replace("time_unit = \"ms\"", "time_unit = \"ms\"\ntypes = { shard = \"int64\" }"),
        false => swapped,
    }
}

#[test]
fn every_layout_gives_the_same_bytes() {
    let mut want = None;
    for (layout, twice) in LAYOUTS {
        for args in [["1", "1MB"], ["2", "1"], ["4", "700"]] {
            let lab = with_data();
            let options = ["--json", "--threads", args[0], "--chunk-size", args[1]];
            let answer = lab.done(&job(layout), &options);
            let [read, rejected, filtered, duplicate, late, counted] =
                account(&serde_json::from_str(&answer.out).unwrap());
            assert_eq!((read, duplicate, rejected + filtered), (60 + twice, twice, 0), "{layout}");
            assert_eq!(late + counted, 60, "{layout}");
            let files = lab.data("out");
            assert_eq!(files.len(), 3);
            let want = want.get_or_insert_with(|| files.clone());
            assert!(&files == want, "{layout} {args:?}");
        }
    }
    // The events that came late are missing where the job is streamed, and nowhere else.
    let files = want.unwrap();
    let views = |name: &str| -> i64 {
        let text = std::str::from_utf8(&files[name]).unwrap();
        csv::Reader::from_reader(text.as_bytes())
            .records()
            .map(|r| r.unwrap()[3].parse::<i64>().unwrap())
            .sum()
    };
    let live = views("views-of-a-log-live.csv");
    assert_eq!(views("views-of-a-log/data.csv"), 60);
    assert!((50..60).contains(&live), "{live}");
}

#[test]
fn init_writes_a_job_for_every_layout() {
    let lab = with_data();
    for (layout, _) in LAYOUTS {
        let job = format!("{}.toml", layout.replace('/', "-"));
        let answer = lab.highwater(&["init", &format!("data/logs/{layout}"), "-o", &job]);
        assert_eq!(answer.code, 0, "{layout}: {}", answer.err);
        // The log's own columns are not what a log is about.
        let text = lab.text(&job);
        assert!(["by = [\"_", "sum(_"].iter().all(|own| !text.contains(own)), "{text}");
        let answer = lab.highwater(&["run", &job, "-q"]);
        assert_eq!(answer.code, 0, "{layout}: {}\n{text}", answer.err);
    }
}

#[test]
fn a_log_tells_its_partitions_and_arrivals() {
    let without = |job: String| {
        let lines = job.lines().filter(|l| !l.starts_with("arrival") && !l.starts_with("partition"));
        lines.map(|l| format!("{l}\n")).collect::<String>()
    };
    let run = |job: &str| {
        let lab = with_data();
        lab.done(job, &[]);
        lab.data("out")
    };
    let want = run(&job("plain"));
    for layout in ["kcat", "console/views.txt", "kcat-debezium"] {
        assert!(run(&without(job(layout))) == want, "{layout}");
    }
    let lab = with_data();
    let refused = lab.run(&without(job("connect-json")), &[]);
    assert_eq!(refused.code, 2);
    assert!(refused.err.contains("do not contain arrival times"), "{}", refused.err);
    // Without its words a plain log has one partition, and the order of its lines.
    assert!(run(&without(job("plain"))) != want);
}

#[test]
fn explain_tells_what_carries_a_log() {
    let lab = with_data();
    let explain = |path: &str| {
        lab.write("job.toml", job(path));
        let answer = lab.highwater(&["explain", "job.toml"]);
        assert_eq!(answer.code, 0, "{}", answer.err);
        let lines = answer
            .out
            .lines()
            .filter(|l| l.starts_with("log: ") || l.trim_start().starts_with("dedup") || l.contains("  _"));
        lines.map(|l| format!("{}\n", l.trim_end())).collect::<String>()
    };
    let all: String = LAYOUTS.iter().map(|(path, _)| format!("== {path}\n{}", explain(path))).collect();
    insta::assert_snapshot!(all, @r##"
== plain
== connect-json
log: files of Kafka Connect, by the names of the files: views+0+0000000000.json starts at offset 0
log: its own columns: _topic, _partition, _offset, _value
  read  _topic       string          string: 62 values in 4 files, e.g. views
  read  _partition   int64           int64: 62 values in 4 files, e.g. 0
  read  _offset      int64           int64: 62 values in 4 files, e.g. 0
  dedup by _topic, _partition, _offset: what the log holds twice is read once
== connect-json-schema
log: files of Kafka Connect, by the names of the files: views+0+0000000000.json starts at offset 0
log: values with their schemas, views+0+0000000000.json has `schema` and `payload`
log: its own columns: _topic, _partition, _offset, _value
  read  _topic       string          string: 62 values in 4 files, e.g. views
  read  _partition   int64           int64: 62 values in 4 files, e.g. 0
  read  _offset      int64           int64: 62 values in 4 files, e.g. 0
  dedup by _topic, _partition, _offset: what the log holds twice is read once
== connect-hdfs
log: files of Kafka Connect, by the names of the files: views+0+0000000000+0000000019.json starts at offset 0
log: its own columns: _topic, _partition, _offset, _value
log: views-0: two files have the offsets 18..19
log: views-1: no file has the offsets 12..16 (5)
  read  _topic       string          string: 62 values in 4 files, e.g. views
  read  _partition   int64           int64: 62 values in 4 files, e.g. 0
  read  _offset      int64           int64: 62 values in 4 files, e.g. 0
  dedup by _topic, _partition, _offset: what the log holds twice is read once
== connect-avro
log: files of Kafka Connect, by the names of the files: views+0+0000000000.avro starts at offset 0
log: its own columns: _topic, _partition, _offset, _value
  read  _topic       string          string: string in the schema of 4 files
  read  _partition   int64           int64: int64 in the schema of 4 files
  read  _offset      int64           int64: int64 in the schema of 4 files
  dedup by _topic, _partition, _offset: what the log holds twice is read once
== connect-parquet
log: files of Kafka Connect, by the names of the files: views+0+0000000000.snappy.parquet starts at offset 0
log: its own columns: _topic, _partition, _offset, _value
  read  _topic       string          string: string in the schema of 4 files
  read  _partition   int64           int64: int64 in the schema of 4 files
  read  _offset      int64           int64: int64 in the schema of 4 files
  dedup by _topic, _partition, _offset: what the log holds twice is read once
== kcat
log: lines of kcat -J, views-1.jsonl has `topic`, `partition`, `offset` and `payload`
log: its own columns: _topic, _partition, _offset, _timestamp, _key, _value
  read  _topic       string          string: 62 values in 2 files, e.g. views
  read  _partition   int64           int64: 62 values in 2 files, e.g. 0
  read  _offset      int64           int64: 62 values in 2 files, e.g. 0
        _key         string          string: 56 values in 2 files, e.g. u0
        _timestamp   int64           int64: 62 values in 2 files, e.g. 1717200005000
  dedup by _topic, _partition, _offset: what the log holds twice is read once
== kcat-json
log: lines of kcat -J, views.jsonl has `topic`, `partition`, `offset` and `payload`
log: its own columns: _topic, _partition, _offset, _timestamp, _key, _value
  read  _topic       string          string: 62 values in 1 file, e.g. views
  read  _partition   int64           int64: 62 values in 1 file, e.g. 0
  read  _offset      int64           int64: 62 values in 1 file, e.g. 0
        _key         string          string: 56 values in 1 file, e.g. u0
        _timestamp   int64           int64: 62 values in 1 file, e.g. 1717200005000
  dedup by _topic, _partition, _offset: what the log holds twice is read once
== console/views.txt
log: lines of kafka-console-consumer with print.timestamp, print.partition, print.offset, print.headers, print.key, views.txt begins so
log: its own columns: _partition, _offset, _timestamp, _key, _value
  read  _partition   int64           int64: 62 values in 1 file, e.g. 0
  read  _offset      int64           int64: 62 values in 1 file, e.g. 0
        _key         string          string: 56 values in 1 file, e.g. u0
        _timestamp   int64           int64: 62 values in 1 file, e.g. 1717200005000
  dedup by _partition, _offset: what the log holds twice is read once
== debezium
log: change events of Debezium, views.jsonl has `op`, `before` or `after`, and `source` or `ts_ms`
log: its own columns: _timestamp, _value, _op, _deleted, _source_ts
        _timestamp   int64           int64: 60 values in 1 file, e.g. 1717200005000
        _op          string          string: 60 values in 1 file, e.g. c
        _deleted     bool            bool: 60 values in 1 file, e.g. false
        _source_ts   int64           int64: 60 values in 1 file, e.g. 1717200004960
== debezium-schema
log: change events of Debezium, views.jsonl has `op`, `before` or `after`, and `source` or `ts_ms`
log: its own columns: _timestamp, _value, _op, _deleted, _source_ts
        _timestamp   int64           int64: 46 values in 1 file, e.g. 1717200005000
        _op          string          string: 46 values in 1 file, e.g. c
        _deleted     bool            bool: 46 values in 1 file, e.g. false
        _source_ts   int64           int64: 46 values in 1 file, e.g. 1717200004960
== kcat-debezium
log: lines of kcat -J, views.jsonl has `topic`, `partition`, `offset` and `payload`
log: change events of Debezium, views.jsonl has `op`, `before` or `after`, and `source` or `ts_ms`
log: its own columns: _topic, _partition, _offset, _timestamp, _key, _value, _op, _deleted, _source_ts
  read  _topic       string          string: 62 values in 1 file, e.g. views
  read  _partition   int64           int64: 62 values in 1 file, e.g. 0
  read  _offset      int64           int64: 62 values in 1 file, e.g. 0
        _key         string          string: 56 values in 1 file, e.g. u0
        _timestamp   int64           int64: 62 values in 1 file, e.g. 1717200005000
        _op          string          string: 62 values in 1 file, e.g. c
        _deleted     bool            bool: 62 values in 1 file, e.g. false
        _source_ts   int64           int64: 62 values in 1 file, e.g. 1717200004960
  dedup by _topic, _partition, _offset: what the log holds twice is read once
== schema
log: values with their schemas, views.jsonl has `schema` and `payload`
log: its own columns: _value
== spark
== spark-json
"##);
}

/// A record of two fields.
fn record(partition: i64, offset: i64, value: serde_json::Value) -> Record {
    Record { partition, offset, ts: 1_717_200_000_000 + offset, value, deletes: false }
}

fn counts(lab: &Lab, source: &str) -> crate::support::Answer {
    let job = format!(
        "name = \"j\"\n[source]\n{source}\n[[output]]\npath = \"out/n.csv\"\nselect = {{ n = \"count(*)\" }}\n"
    );
    lab.run(&job, &[])
}

#[test]
fn a_broken_line_is_a_bad_record_of_its_file() {
    let good: Vec<Record> = (0..3).map(|i| record(0, i, json!({"t": i, "v": 1}))).collect();
    let mut words = String::new();
    let envelope = |r: &[Record]| debezium(r);
    for (name, text, bad) in [
        ("kcat.jsonl", kcat(&good), "{\"topic\":\"views\",\"partition\":0,\"payload\":\"{}\"}"),
        (
            "kcat.jsonl",
            kcat(&good),
            "{\"topic\":\"views\",\"partition\":0,\"offset\":9,\"payload\":\"{\\\"t\\\":1,}\"}",
        ),
        ("kcat.jsonl", kcat(&good), "% Reached end of topic views [0] at offset 3"),
        (
            "kcat.jsonl",
            kcat(&good),
            "{\"topic\":\"views\",\"partition\":0,\"offset\":9,\"payload\":null,\"payload_error\":\"no schema\"}",
        ),
        ("console.jsonl", console(&good), "CreateTime:1\tPartition:x\tOffset:3\tNO_HEADERS\tk\t{}"),
        ("console.jsonl", console(&good), "Processed a total of 3 messages"),
        ("debezium.jsonl", envelope(&good), "{\"t\":1}"),
        ("schema.jsonl", String::from_utf8(json_with_schema(&good)).unwrap(), "{\"t\":1,\"v\":2}"),
        ("views+0+0000000000.json", plain(&good), "{\"t\":1,"),
    ] {
        let lab = Lab::new();
        lab.write(name, format!("{text}\n{bad}\n{text}"));
        let source = format!("path = \"{name}\"\ntime = \"t\"\ntime_unit = \"s\"");
        let failed = counts(&lab, &source);
        assert_eq!(failed.code, 3, "{name}: {}", failed.err);
        words.push_str(&format!("{}\n", failed.err.lines().take(6).collect::<Vec<_>>().join("\n")));
        let kept = counts(&lab, &format!("{source}\non_bad_record = \"reject\""));
        assert_eq!(kept.code, 0, "{}", kept.err);
        let reject: serde_json::Value =
            serde_json::from_str(lab.text("out/n.csv.rejects.jsonl").trim()).unwrap();
        let line = text.lines().count() as u64 + 2;
        assert_eq!((reject["line"].as_u64(), reject["raw"].as_str()), (Some(line), Some(bad)), "{reject}");
        assert_eq!(reject["byte"].as_u64(), Some(text.len() as u64 + 1));
    }
    insta::assert_snapshot!(words, @r##"
error: kcat.jsonl, line 5, byte 472: it is not a line of kcat -J: `offset` is missing or has the wrong type
 --> kcat.jsonl:5:1
  |
5 | {"topic":"views","partition":0,"payload":"{}"}
  | ^
  hint: on_bad_record = "reject" sets such records aside and continues
error: kcat.jsonl, line 5, byte 472: the value is not valid JSON at column 8: trailing comma
 --> kcat.jsonl:5:1
  |
5 | {"topic":"views","partition":0,"offset":9,"payload":"{\"t\":1,}"}
  | ^
  hint: on_bad_record = "reject" sets such records aside and continues
error: kcat.jsonl, line 5, byte 472: a line of kcat -J is not valid JSON at column 1: expected value
 --> kcat.jsonl:5:1
  |
5 | % Reached end of topic views [0] at offset 3
  | ^
  hint: on_bad_record = "reject" sets such records aside and continues
error: kcat.jsonl, line 5, byte 472: kcat could not decode its payload: no schema
 --> kcat.jsonl:5:1
  |
5 | {"topic":"views","partition":0,"offset":9,"payload":null,"payload_error":"no schema"}
  | ^
  hint: on_bad_record = "reject" sets such records aside and continues
error: console.jsonl, line 5, byte 231: it is not a line of kafka-console-consumer with print.timestamp, print.partition, print.offset, print.headers, print.key: expected `Partition:…`
 --> console.jsonl:5:1
  |
5 | CreateTime:1	Partition:x	Offset:3	NO_HEADERS	k	{}
  | ^
  hint: on_bad_record = "reject" sets such records aside and continues
error: console.jsonl, line 5, byte 231: it is not a line of kafka-console-consumer with print.timestamp, print.partition, print.offset, print.headers, print.key: expected `CreateTime:…`, `LogAppendTime:…` or `NO_TIMESTAMP`
 --> console.jsonl:5:1
  |
5 | Processed a total of 3 messages
  | ^
  hint: on_bad_record = "reject" sets such records aside and continues
note: each change event counts as an event, and a delete has the old row: changelog = "debezium" counts the last of each key
error: debezium.jsonl, line 5, byte 826: `{"t":1}` is not a change event of Debezium: `op` is missing
 --> debezium.jsonl:5:1
  |
5 | {"t":1}
  | ^
error: schema.jsonl, line 5, byte 1369: `{"t":1,"v":2}` is not a value with its schema: expected {"schema": …, "payload": …}
 --> schema.jsonl:5:1
  |
5 | {"t":1,"v":2}
  | ^
  hint: on_bad_record = "reject" sets such records aside and continues
error: views+0+0000000000.json, line 5, byte 43: the value is not valid JSON at column 7: EOF while parsing a value
 --> views+0+0000000000.json:5:1
  |
5 | {"t":1,
  | ^
  hint: on_bad_record = "reject" sets such records aside and continues
"##);
}

#[test]
fn files_of_one_source_are_wrapped_alike() {
    let records: Vec<Record> = (0..3).map(|i| record(0, i, json!({"t": i, "v": 1}))).collect();
    let lab = Lab::new();
    lab.write("logs/a.jsonl", kcat(&records));
    lab.write("logs/b.jsonl", plain(&records));
    lab.write("envelopes/a.jsonl", kcat(&records));
    lab.write("envelopes/b.jsonl", kcat_debezium(&records));
    let mut words = String::new();
    for path in ["logs", "envelopes"] {
        let answer = counts(&lab, &format!("path = \"{path}\"\ntime = \"t\"\ntime_unit = \"s\""));
        assert_eq!(answer.code, 3);
        words.push_str(&answer.err);
    }
    // Said outright, all of it is plain; the fields of kcat are then columns.
    let said = "path = \"logs/a.jsonl\"\nlog = \"plain\"\ntime = \"ts\"\ntime_unit = \"ms\"";
    assert_eq!(counts(&lab, said).code, 0);
    for wrong in ["log = \"kcta\"", "envelope = \"debezum\""] {
        words.push_str(&counts(&lab, &format!("path = \"logs\"\ntime = \"t\"\n{wrong}")).err);
    }
    insta::assert_snapshot!(words, @r##"
error: logs/a.jsonl contains lines of kcat -J, but logs/b.jsonl contains plain records
  hint: all files of a source need the same envelope: read these as two sources, in two jobs
  hint: or declare what all of them are with `log` and `envelope`, such as log = "plain"
error: envelopes/a.jsonl contains values as they are, but envelopes/b.jsonl contains change events of Debezium
  hint: all files of a source need the same envelope: read these as two sources, in two jobs
  hint: or declare what all of them are with `log` and `envelope`, such as log = "plain"
error: unknown log `kcta`
 --> job.toml:5:7
  |
5 | log = "kcta"
  |       ^^^^^^
  hint: did you mean `kcat`?
  hint: the logs are plain, kafka-connect, kcat, console
error: unknown envelope `debezum`
 --> job.toml:5:12
  |
5 | envelope = "debezum"
  |            ^^^^^^^^^
  hint: did you mean `debezium`?
  hint: the envelopes are schema, debezium and none
"##);
}

#[test]
fn times_that_are_not_told_are_none() {
    let lab = Lab::new();
    let line = |more: &str, offset: i64| {
        format!(
            "{{\"topic\":\"a\",\"partition\":0,\"offset\":{offset}{more},\"key\":null,\"payload\":\"x{offset}\"}}\n"
        )
    };
    let text = [
        line("", 0),
        line(",\"ts\":-1", 1),
        line(",\"tstype\":\"unknown\",\"ts\":0", 2),
        line(",\"ts\":1717200000000", 3),
    ];
    lab.write("a.jsonl", text.concat());
    let job = "name = \"j\"\n[source]\npath = \"a.jsonl\"\ntime = \"_timestamp\"\non_bad_record = \"reject\"\n\
        [[output]]\npath = \"out.jsonl\"\nselect = [\"_offset\", \"_value\", \"_key\"]\n";
    lab.done(job, &[]);
    assert_eq!(lab.text("out.jsonl"), "{\"_offset\":3,\"_value\":\"x3\",\"_key\":null}\n");
    assert_eq!(lab.text("out.jsonl.rejects.jsonl").lines().count(), 3);
    // A record without a time of its own arrives at its event time.
    let text: String = (0..6)
        .map(|i| {
            line(if i % 2 == 0 { "" } else { ",\"ts\":1717200000000" }, i)
                .replace(&format!("\"x{i}\""), &format!("\"{{\\\"t\\\":{}}}\"", 1_717_200_000 + i))
        })
        .collect();
    lab.write("a.jsonl", text);
    let job = "name = \"j\"\nmode = \"streamed\"\n[source]\npath = \"a.jsonl\"\ntime = \"t\"\ntime_unit = \"s\"\n\
        [[output]]\npath = \"n.csv\"\nwindow = { tumbling = \"1s\" }\nselect = { n = \"count(*)\" }\n";
    lab.done(job, &[]);
    // The records 1, 3 and 5 arrived with the first, before 2 and 4, which are late behind them.
    assert_eq!(lab.text("n.csv").lines().count(), 1 + 4);
}

#[test]
fn repeated_offsets_are_read_once_and_gaps_are_told() {
    let lab = with_data();
    let answer = lab.done(&job("kcat"), &[]);
    insta::assert_snapshot!(without_time(&answer.err), @r##"
read 62 = 0 rejected + 0 filtered + 2 duplicate + 5 late + 55 counted
views-0: 2 records were read again by offset, and left out
views-1: offsets 12..16 are missing (5)
topics with compaction or transactions always have such gaps
out/views-of-a-log: 23 rows in 1 file
out/views-of-a-log-live.csv: 21 rows
out/views-of-a-log.jsonl: 60 rows
the late events are not kept; add [late] path = "late.jsonl" to the job to keep them
17.3 kB in 2 files, [time]
"##);
    let json = lab.done(&job("kcat-debezium"), &["--json"]);
    let json: serde_json::Value = serde_json::from_str(&json.out).unwrap();
    // The tombstone behind the delete has an offset of its own, and is no gap.
    let offsets = json!([
        {"topic": "views", "partition": 0, "first": 0, "last": 30, "repeated": 2, "missing": 0, "gaps": []},
        {"topic": "views", "partition": 1, "first": 0, "last": 34, "repeated": 0, "missing": 5, "gaps": [[12, 16]]},
    ]);
    assert_eq!(json["offsets"], offsets);
    assert_eq!(json["account"]["read"], 62);
    let audit = lab.highwater(&["audit", "job.toml"]);
    assert!(audit.out.contains("views-1: offsets 12..16 are missing (5)"), "{}{}", audit.out, audit.err);
}

#[test]
fn the_second_reader_reads_every_layout() {
    for (layout, _) in LAYOUTS.into_iter().filter(|(layout, _)| *layout != "connect-avro") {
        let lab = with_data();
        // Only what counts every event can be said in SQL.
        let live = job(layout).replace("mode = \"streamed\"", "mode = \"complete\"");
        lab.done(&live, &[]);
        let answer = lab.highwater(&["verify", "job.toml"]);
        assert_eq!(answer.code, 0, "{layout}: {}{}", answer.out, answer.err);
    }
    let lab = with_data();
    lab.write("job.toml", job("kcat"));
    let refused = lab.highwater(&["sql", "job.toml", "--dialect", "duckdb"]);
    assert_eq!(refused.code, 2);
    assert!(refused.err.contains("its records are in an envelope"), "{}", refused.err);
}

/// A log in folders of a region and a store, the second with leading zeros.
fn stores(lab: &Lab) {
    lab.write("stores/region=eu/store=007/a.csv", "t,v\n60,1\n61,2\n");
    lab.write("stores/region=us%2Fw/store=12/a.csv", "t,v\n62,4\n");
    lab.write("stores/region=__HIVE_DEFAULT_PARTITION__/store=1/a.csv", "t,v\n63,8\n");
}

fn of_stores(types: &str) -> String {
    format!(
        "name = \"j\"\n[source]\npath = \"stores\"\ntime = \"t\"\ntime_unit = \"s\"\ntypes = {{ {types} }}\n\
         [[output]]\npath = \"out/archive\"\narchive = true\n\
         [[output]]\npath = \"out/n.csv\"\nwindow = {{ tumbling = \"1m\" }}\nby = [\"region\", \"store\"]\n\
         select = {{ v = \"sum(v)\" }}\n"
    )
}

#[test]
fn folders_tell_columns_of_any_type() {
    let mut results = String::new();
    for store in ["int64", "string", "decimal(4,1)"] {
        let lab = Lab::new();
        stores(&lab);
        lab.done(&of_stores(&format!("region = \"string\", store = \"{store}\"")), &[]);
        results.push_str(&lab.text("out/n.csv"));
    }
    insta::assert_snapshot!(results, @r##"
window_start,window_end,region,store,v
1970-01-01T00:01:00Z,1970-01-01T00:02:00Z,eu,7,3
1970-01-01T00:01:00Z,1970-01-01T00:02:00Z,us/w,12,4
1970-01-01T00:01:00Z,1970-01-01T00:02:00Z,,1,8
window_start,window_end,region,store,v
1970-01-01T00:01:00Z,1970-01-01T00:02:00Z,eu,007,3
1970-01-01T00:01:00Z,1970-01-01T00:02:00Z,us/w,12,4
1970-01-01T00:01:00Z,1970-01-01T00:02:00Z,,1,8
window_start,window_end,region,store,v
1970-01-01T00:01:00Z,1970-01-01T00:02:00Z,eu,7.0,3
1970-01-01T00:01:00Z,1970-01-01T00:02:00Z,us/w,12.0,4
1970-01-01T00:01:00Z,1970-01-01T00:02:00Z,,1.0,8
"##);
}

#[test]
fn late_files_tell_columns_as_the_others_do() {
    let lab = Lab::new();
    stores(&lab);
    let job = of_stores("region = \"string\", store = \"int64\"");
    lab.done(&job, &[]);
    lab.write("late/region=eu/store=7/b.csv", "t,v\n64,16\n");
    let answer = lab.highwater(&["backfill", "job.toml", "late/region=eu/store=7/b.csv"]);
    assert_eq!(answer.code, 0, "{}", answer.err);
    assert!(lab.text("out/n.csv").contains(",eu,7,19\n"), "{}", lab.text("out/n.csv"));
    lab.write("late/b.csv", "t,v\n64,32\n");
    let untold = lab.highwater(&["backfill", "job.toml", "late/b.csv"]);
    insta::assert_snapshot!(untold.words(), @r##"
exit 3
error: no file has a column `region`, and no folder of late/b.csv is named region=VALUE
 --> job.toml:6:11
  |
6 | types = { region = "string", store = "int64" }
  |           ^^^^^^
  hint: put the file into such a folder, or leave the column out of `types`

error: no file has a column `store`, and no folder of late/b.csv is named store=VALUE
 --> job.toml:6:30
  |
6 | types = { region = "string", store = "int64" }
  |                              ^^^^^
  hint: put the file into such a folder, or leave the column out of `types`
"##);
}

/// The same events below another folder are others, or moved: nobody can tell.
#[test]
fn a_content_is_counted_in_one_folder() {
    let lab = Lab::new();
    stores(&lab);
    let job = of_stores("region = \"string\", store = \"int64\"");
    let eu = "stores/region=eu/store=007/a.csv";
    lab.done(&job, &[]);
    let before = lab.text("out/n.csv");
    // Another name of the folder is the same value.
    lab.write("copy/region=eu/store=007/b.csv", lab.text(eu));
    let known = lab.highwater(&["backfill", "job.toml", "copy/region=eu/store=007/b.csv"]);
    assert_eq!(known.code, 0, "{}", known.err);
    assert_eq!(lab.text("out/n.csv"), before);
    // Two at once are both counted; a third later, or one that has moved, is refused.
    lab.write("stores/region=de/store=3/a.csv", lab.text(eu));
    insta::assert_snapshot!(lab.run(&job, &[]).words(), @r##"
exit 3
error: stores/region=de/store=3/a.csv has the content of stores/region=eu/store=007/a.csv, which was counted, but its folder names have other values
  hint: the same events are not counted twice, and counted events keep the values of their old folders
  hint: to count everything again: `highwater run JOB --changed reload`
"##);
    assert_eq!(lab.text("out/n.csv"), before);
    lab.done(&job, &["--changed", "reload"]);
    let both = lab.text("out/n.csv");
    assert!(both.contains(",eu,7,3\n") && both.contains(",de,3,3\n"), "{both}");
    let taken = lab.highwater(&["backfill", "job.toml", "--retract", "stores/region=eu/store=007/a.csv"]);
    assert_eq!(taken.code, 0, "{}", taken.err);
    let left = lab.text("out/n.csv");
    assert!(!left.contains(",eu,7,3\n") && left.contains(",de,3,3\n"), "{left}");
}

#[test]
fn what_folders_do_not_tell() {
    let lab = Lab::new();
    stores(&lab);
    let mut words = String::new();
    let wrong =
        ["v = \"int64\"", "regoin = \"string\", store = \"int64\"", "region = \"string\", store = \"date\""];
    for types in wrong {
        words.push_str(&lab.run(&of_stores(types), &[]).words());
    }
    lab.write("stores/x/a.csv", "t,v\n60,1\n");
    let right = of_stores("region = \"string\", store = \"int64\"");
    words.push_str(&lab.run(&right, &[]).words());
    std::fs::remove_dir_all(lab.path("stores/x")).unwrap();
    lab.write("job.toml", right);
    words.push_str(
        &lab.highwater(&["sql", "job.toml", "--output", "out/n.csv", "--dialect", "spark"]).words(),
    );
    insta::assert_snapshot!(words, @r##"
exit 2
error: no file has a column `region`
  --> job.toml:13:7
   |
13 | by = ["region", "store"]
   |       ^^^^^^^^
  hint: the columns are t, v
  hint: folder names contain `region`; declare its type to read it: types = { region = "string" }

error: no file has a column `store`
  --> job.toml:13:17
   |
13 | by = ["region", "store"]
   |                 ^^^^^^^
  hint: the columns are t, v
  hint: folder names contain `store`; declare its type to read it: types = { store = "string" }
exit 2
error: no file has a column `regoin`
 --> job.toml:6:11
  |
6 | types = { regoin = "string", store = "int64" }
  |           ^^^^^^
  hint: did you mean `region`?

error: no file has a column `region`
  --> job.toml:13:7
   |
13 | by = ["region", "store"]
   |       ^^^^^^^^
  hint: the columns are t, v, store
  hint: folder names contain `region`; declare its type to read it: types = { region = "string" }
exit 3
error: `store`, from the folder names of stores/region=__HIVE_DEFAULT_PARTITION__/store=1/a.csv, cannot be read: `1` is not a date
exit 3
error: no file has a column `region`, and no folder of stores/x/a.csv is named region=VALUE
 --> job.toml:6:11
  |
6 | types = { region = "string", store = "int64" }
  |           ^^^^^^
  hint: put the file into such a folder, or leave the column out of `types`

error: no file has a column `store`, and no folder of stores/x/a.csv is named store=VALUE
 --> job.toml:6:30
  |
6 | types = { region = "string", store = "int64" }
  |                              ^^^^^
  hint: put the file into such a folder, or leave the column out of `types`
exit 2
error: `region` is in the folder names of the files, which SQL cannot read
  hint: `verify` without a server checks such a job with its own second reader
  hint: or write the records out: an [[output]] without a window, a .parquet file
"##);
    // A table is a log as well.
    let table = "name = \"j\"\n[source]\npath = \"late.csv\"\ntime = \"t\"\ntime_unit = \"s\"\n\
        [table.stores]\npath = \"stores\"\ntime = \"t\"\ntime_unit = \"s\"\n[[step]]\nenrich = \"stores\"\non = { v = \"v\" }\ntake = [\"region\"]\n\
        [[output]]\npath = \"out/e.csv\"\n";
    lab.write("late.csv", "t,v\n70,1\n70,4\n70,9\n");
    insta::assert_snapshot!(lab.run(table, &[]).words(), @r##"
exit 2
error: [table.stores] has no column `region`
  --> job.toml:13:9
   |
13 | take = ["region"]
   |         ^^^^^^^^
  hint: the columns are t, v
  hint: folder names contain `region`; declare its type to read it: types = { region = "string" }
"##);
    lab.done(&table.replace("[[step]]", "types = { region = \"string\" }\n[[step]]"), &[]);
    assert_eq!(lab.text("out/e.csv"), "t,v,region\n70,1,eu\n70,4,us/w\n70,9,\n");
    // What a file has itself stays.
    lab.write("stores/region=eu/store=007/a.csv", "t,v,region\n60,1,own\n61,2,\n");
    lab.done(&of_stores("region = \"string\", store = \"int64\""), &[]);
    assert!(lab.text("out/n.csv").contains(",own,7,1\n"), "{}", lab.text("out/n.csv"));
}

#[test]
fn late_files_are_wrapped_as_the_log_is() {
    let all = read_twice();
    let lab = Lab::new();
    let job = "name = \"j\"\n[source]\npath = \"logs\"\ntime = \"viewed_at\"\ntime_unit = \"ms\"\n\
        [[output]]\npath = \"out/archive\"\narchive = true\n\
        [[output]]\npath = \"out/n.csv\"\nwindow = { tumbling = \"2m\" }\nby = [\"postcode\"]\n\
        select = { views = \"count(*)\", bytes = \"sum(bytes)\" }\n";
    lab.write("logs/views-1.jsonl", kcat(&all[..40]));
    lab.done(job, &[]);
    // The late file has records that were read already, and others.
    lab.write("late/views-2.jsonl", kcat(&all[30..]));
    let answer = lab.highwater(&["backfill", "job.toml", "late/views-2.jsonl"]);
    assert_eq!(answer.code, 0, "{}", answer.err);
    let corrected = lab.text("out/n.csv");
    let whole = Lab::new();
    whole.write("logs/views.jsonl", kcat(&all));
    whole.done(job, &[]);
    assert_eq!(corrected, whole.text("out/n.csv"));
}

fn values() -> impl Strategy<Value = serde_json::Value> {
    let text = prop_oneof!["[a-z]{0,4}", "[\\x00-\\x7f]{0,6}", "\\PC{0,4}", Just("null".to_string())];
    (text, proptest::option::of(-1000i64..1000), any::<bool>()).prop_map(|(s, n, nested)| {
        let mut value = json!({"s": s, "n": n});
        if nested {
            value["in"] = json!({"a": [1, {"b": s}], "op": "c"});
        }
        value
    })
}

proptest! {
    #![proptest_config(crate::laws::cases(24))]

    #[test]
    fn any_events_are_the_same_however_they_are_carried(
        events in prop::collection::vec((values(), 0i64..3, any::<bool>()), 1..30),
        chunk_bytes in prop_oneof![Just(1usize), 1usize..400, Just(1 << 20)],
    ) {
        let mut next = [0i64; 3];
        let records: Vec<Record> = events.into_iter().enumerate().map(|(i, (mut value, partition, deletes))| {
            value["t"] = json!(1_717_200_000 + i as i64);
            value["user"] = if value["n"].is_null() { json!(null) } else { json!(format!("k{}", value["n"])) };
            let offset = next[partition as usize];
            next[partition as usize] += 1;
            Record { partition, offset, ts: 1_717_200_000_123 + i as i64, value, deletes }
        }).collect();
        let run = |files: &Files, path: &str, machine: Machine| {
            let lab = Lab::new();
            files.iter().for_each(|(name, content)| lab.write(name, content));
            let job = format!("name = \"j\"\n[source]\npath = \"@/{path}\"\nlog = \"{}\"\ntime = \"t\"\ntime_unit = \"s\"\n\
                types = {{ s = \"string\", n = \"int64\", user = \"string\" }}\n[[output]]\npath = \"@/out/rows.jsonl\"\n\
                select = [\"t\", \"s\", \"n\", \"user\"]\n", match path {
                    "c" => "kafka-connect", "k" => "kcat", "o" => "console", _ => "plain" });
            let outcome = lab.library(&job, machine).unwrap_or_else(|e| panic!("{path}: {e}\n{files:?}"));
            (lab.data("out"), outcome.account)
        };
        let one = |path: &str, text: String| Files::from([(format!("{path}/a.jsonl"), text.into_bytes())]);
        let want = run(&one("p", plain(&records)), "p", PLAIN);
        prop_assert_eq!(want.1.counted, records.len() as u64);
        for (path, files) in [
            ("k", one("k", kcat(&records))),
            ("k", one("k", kcat_json(&records))),
            ("k", one("k", kcat_debezium(&records))),
            ("o", one("o", console(&records))),
            ("e", one("e", debezium(&records))),
            ("e", one("e", debezium_schema(&records))),
            ("c", connect("c", &records, "json", |run| plain(run).into_bytes())),
            ("c", connect("c", &records, "json.gz", json_with_schema)),
        ] {
            for threads in [1, 2, 4] {
                let got = run(&files, path, Machine { threads, chunk_bytes, ..PLAIN });
                prop_assert_eq!(&got, &want, "{} {:?}", path, String::from_utf8_lossy(files.values().next().unwrap()));
            }
        }
    }
}
