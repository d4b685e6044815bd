//! What single lines give, and what logs are taken for.

use super::super::testing::{TestFolder, scan};
use super::*;
use crate::input::{InputFormat, ReadPlan};
use crate::time::{TimeRule, TimeUnit};

/// The line that `text` gives, with all columns of the log; or what is wrong.
fn line(framing: &Framing, text: &str) -> Result<String, String> {
    let mut out = vec![];
    match Unwrapper::new(LogColumnSet::all()).line(framing, text.as_bytes(), 7, &mut out) {
        Ok(UnwrappedLine::Record) => Ok(String::from_utf8(out).unwrap().trim_end().to_string()),
        Ok(UnwrappedLine::Tombstone(place)) => Ok(format!("tombstone {place:?}")),
        Err(fault) => Err(fault.reason),
    }
}

fn framing(wire_format: WireFormat, envelope: Envelope) -> Framing {
    Framing { wire_format, envelope }
}

#[test]
fn the_logs_own_columns_go_before_fields_of_their_names() {
    let kcat = framing(WireFormat::Kcat, Envelope::None);
    let text = r#"{"topic":"a","partition":1,"offset":5,"tstype":"create","ts":9,"key":"k\"","payload":"{\"_offset\":7,\n\"x\":\"\\n\"}"}"#;
    let want = "{\"_offset\":7,\r\"x\":\"\\n\",\"_topic\":\"a\",\"_partition\":1,\"_offset\":5,\"_key\":\"k\\\"\",\"_timestamp\":9}";
    assert_eq!(line(&kcat, text).unwrap(), want);
    let folder = TestFolder::with("a.jsonl", text);
    let mut plan = folder.plan("_timestamp", &["_offset:int64", "x:string"]);
    plan.files[0].framing = kcat;
    plan.time.rule = TimeRule::Epoch(TimeUnit::Second);
    let rows = scan(plan, 1).unwrap().rows;
    assert_eq!(rows[0].2, [Some("5".to_string()), Some("\n".to_string())]);
}

#[test]
fn payloads_that_are_no_objects_are_values() {
    let kcat = |payload: &str| {
        line(
            &framing(WireFormat::Kcat, Envelope::None),
            &format!("{{\"topic\":\"a\",\"partition\":0,\"offset\":5,\"key\":null,\"payload\":{payload}}}"),
        )
        .map(|line| line.split(",\"_topic\"").next().unwrap().trim_start_matches('{').to_string())
    };
    assert_eq!(kcat(r#""a\tb""#).unwrap(), r#""_value":"a\u0009b""#);
    assert_eq!(kcat(r#""line\nline""#).unwrap(), r#""_value":"line\u000aline""#);
    assert_eq!(kcat("[1,2]").unwrap(), r#""_value":"[1,2]""#);
    assert_eq!(kcat("17").unwrap(), r#""_value":"17""#);
    assert!(kcat("null").unwrap().starts_with("\"_topic\""));
    assert!(kcat(r#""{\"a\":1""#).unwrap_err().contains("the value is not valid JSON at column"));
}

#[test]
fn the_console_consumer_prints_what_it_is_asked_for() {
    let of = |lines: &[&str]| {
        let lines: Vec<&[u8]> = lines.iter().map(|line| line.as_bytes()).collect();
        ConsoleFields::of(&lines).map(|fields| (fields.words(), fields))
    };
    let read = |lines: &[&str]| {
        let (words, fields) = of(lines).unwrap();
        let framing = framing(WireFormat::Console(fields), Envelope::None);
        (words, line(&framing, lines[lines.len() - 1]).unwrap())
    };
    let (words, row) = read(&["CreateTime:5\tPartition:0\tOffset:3\tDelivery:1\tNO_HEADERS\tk\t{\"a\":1}"]);
    assert_eq!(
        words,
        "print.timestamp, print.partition, print.offset, print.delivery, print.headers, print.key"
    );
    assert_eq!(row, r#"{"a":1,"_partition":0,"_offset":3,"_key":"k","_timestamp":5}"#);
    let (words, row) = read(&["CreateTime:5\ta\t{}", "NO_TIMESTAMP\tnull\t{}"]);
    assert_eq!(
        (words.as_str(), row.as_str()),
        ("print.timestamp, print.key", r#"{"_key":null,"_timestamp":null}"#)
    );
    let (words, row) = read(&["LogAppendTime:5\ttrace:a,b:\tnull", "LogAppendTime:6\tNO_HEADERS\tnull"]);
    assert_eq!((words.as_str(), row.as_str()), ("print.timestamp, print.headers", r#"{"_timestamp":6}"#));
    let (words, row) = read(&["Offset:4\tplain text\twith a tab", "Offset:5\tplain text"]);
    assert_eq!((words.as_str(), row.as_str()), ("print.offset", r#"{"_value":"plain text","_offset":5}"#));
    assert_eq!(of(&["{\"CreateTime\":5}"]), None);
    assert_eq!(of(&["CreateTime:x\t{}"]), None);
    let fields = of(&["CreateTime:5\tPartition:0\t{}"]).unwrap().1;
    let wrong = line(&framing(WireFormat::Console(fields), Envelope::None), "CreateTime:5\t{}").unwrap_err();
    assert!(wrong.ends_with("expected `Partition:…`"), "{wrong}");
}

#[test]
fn change_events_give_their_rows() {
    let debezium = framing(WireFormat::Plain, Envelope::Debezium);
    let own = |op: &str, deleted: bool| {
        format!(r#","_timestamp":9,"_op":"{op}","_deleted":{deleted},"_source_ts":8}}"#)
    };
    let event = |op: &str| {
        format!(
            r#"{{"before":{{"a":1}},"after":{{"a":2}},"source":{{"ts_ms":8,"op":"x"}},"op":"{op}","ts_ms":9}}"#
        )
    };
    assert_eq!(line(&debezium, &event("u")).unwrap(), format!("{{\"a\":2{}", own("u", false)));
    assert_eq!(line(&debezium, &event("d")).unwrap(), format!("{{\"a\":1{}", own("d", true)));
    let with_schema = format!("{{\"schema\":{{\"type\":\"struct\"}},\"payload\":{}}}", event("c"));
    assert_eq!(line(&debezium, &with_schema).unwrap(), format!("{{\"a\":2{}", own("c", false)));
    assert_eq!(line(&debezium, "null").unwrap(), "tombstone None");
    assert_eq!(line(&debezium, "{\"schema\":null,\"payload\":null}").unwrap(), "tombstone None");
    assert!(line(&debezium, "{\"a\":1}").unwrap_err().contains("`op` is missing"));
}

/// What files are taken for.
fn seen(folder: &TestFolder, said: DeclaredFormat) -> Result<Option<Framing>, String> {
    let mut plan: ReadPlan = folder.plan("t", &[]);
    recognise(&mut plan.files, said).map(|found| found.map(|found| found.framing)).map_err(|e| e.to_string())
}

#[test]
fn nothing_is_taken_for_what_it_is_not() {
    for text in [
        // A key that kcat does not write, a partition that is no number, no payload.
        r#"{"topic":"a","partition":0,"offset":1,"payload":"x","more":1}"#,
        r#"{"topic":"a","partition":"0","offset":1,"payload":"x"}"#,
        r#"{"topic":"a","partition":0,"offset":1,"key":"x"}"#,
        // No change events, no schemas.
        r#"{"op":"c","after":{"a":1}}"#,
        r#"{"op":"sum","after":{"a":1},"ts_ms":1}"#,
        r#"{"schema":"public","payload":{"a":1}}"#,
        r#"{"schema":{"type":"x"},"payload":{"a":1},"id":1}"#,
        "",
        "CreateTime: never",
    ] {
        assert_eq!(seen(&TestFolder::with("a.jsonl", text), DeclaredFormat::default()), Ok(None), "{text}");
    }
    let csv = TestFolder::with("views+0+0000000000.csv", "t\n1\n");
    assert_eq!(seen(&csv, DeclaredFormat::default()), Ok(None));
}

#[test]
fn the_job_goes_before_what_is_seen() {
    let kcat = r#"{"topic":"a","partition":0,"offset":1,"payload":"x"}"#;
    let folder = TestFolder::with("views+0+0000000000.json", kcat);
    let of = |wire_format| {
        seen(&folder, DeclaredFormat { wire_format, envelope: None }).unwrap().map(|f| f.wire_format)
    };
    assert_eq!(of(Some("plain")), None);
    assert_eq!(of(Some("kcat")), Some(WireFormat::Kcat));
    assert!(matches!(of(None), Some(WireFormat::Connect(name)) if name.topic == "views"));
    let other = TestFolder::with("a.jsonl", kcat);
    let refused =
        seen(&other, DeclaredFormat { wire_format: Some("kafka-connect"), envelope: None }).unwrap_err();
    assert!(refused.contains("is not named as a file of Kafka Connect"), "{refused}");
}

#[test]
fn files_without_a_known_ending_may_be_unmistakable() {
    let kcat = "{\"topic\":\"a\",\"partition\":0,\"offset\":1,\"payload\":\"x\"}\n";
    let folder = TestFolder::with("a.log", kcat).and("b.txt.gz", "Offset:1\tx\n").and("c.log", "{\"a\":1}\n");
    let format = |name: &str| {
        let pattern = folder.path(name).display().to_string();
        let found = crate::input::files::expand(&[pattern], None, &Default::default());
        found.map(|found| found.files[0].format).ok()
    };
    assert_eq!(
        ["a.log", "b.txt.gz", "c.log"].map(format),
        [Some(InputFormat::JsonLines), Some(InputFormat::JsonLines), None]
    );
}

#[test]
fn what_names_tell_is_compared() {
    let folder = TestFolder::with("v+0+0000000000+0000000009.json", "{}\n")
        .and("v+0+0000000010+0000000019.json", "{}\n")
        .and("v+0+0000000018+0000000029.json", "{}\n")
        .and("v+0+0000000040+0000000049.json", "{}\n");
    let mut plan = folder.plan("t", &[]);
    let words = recognise(&mut plan.files, DeclaredFormat::default()).unwrap().unwrap().words;
    assert_eq!(
        words[words.len() - 2..],
        ["v-0: two files have the offsets 18..19", "v-0: no file has the offsets 30..39 (10)"]
    );
}
