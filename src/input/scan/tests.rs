//! What users may feed a scan: good files in all shapes, and bad ones with the words they get.

use super::super::testing::{ScanResult, TestFolder, gzip, scan};
use super::super::{OnBadRecord, ReadPlan};
use crate::error::Kind;
use crate::time::TimeRule;
use std::io::Write;

fn failing(plan: ReadPlan) -> ReadPlan {
    ReadPlan { on_bad_record: OnBadRecord::Fail, ..plan }
}

/// The words of the error; it must be bad data.
fn refused(plan: ReadPlan) -> String {
    let error = scan(failing(plan), 2).map(|outcome| outcome.rows.len()).unwrap_err();
    assert_eq!(error.kind(), Kind::Data, "{error}");
    error.to_string()
}

/// The only column of each row.
fn values(outcome: &ScanResult) -> Vec<Option<&str>> {
    outcome.rows.iter().map(|(_, _, columns)| columns[0].as_deref()).collect()
}

/// Line, column and reason of each reject.
fn reasons(outcome: &ScanResult) -> Vec<(u64, Option<&str>, &str)> {
    outcome.rejects.iter().map(|r| (r.line, r.column.as_deref(), r.reason.as_str())).collect()
}

#[test]
fn files_may_differ_in_order_and_miss_columns() {
    let folder = TestFolder::with("1.csv", "t,a,b\n1,x,2\n")
        .and("2.csv.gz", "b,t\n\n3,4\n")
        .and("10.csv.zst", "\u{feff}a,\"t\"\r\n\"y, z\",5\r\n")
        .and("3.csv", "")
        .and("4.csv.gz", "")
        .and("5.csv", "t,a,b")
        .and_raw("6.csv.gz", b"");
    let outcome = scan(folder.plan("t", &["a:string", "b:int64"]), 2).unwrap();
    let rows: Vec<_> = outcome.rows.iter().map(|(p, t, c)| (p.file(), p.place(), *t, c.clone())).collect();
    let text = |t: &str| Some(t.to_string());
    assert_eq!(
        rows,
        [
            (0, 6, 1, vec![text("x"), text("2")]),
            (1, 5, 4, vec![None, text("3")]),
            (6, 10, 5, vec![text("y, z"), None]),
        ]
    );
    let records: Vec<u64> = outcome.report.inputs.iter().map(|input| input.records).collect();
    assert_eq!(records, [1, 1, 0, 0, 0, 0, 1]);
    // XXH3-128 of nothing, as xxhsum prints it.
    assert_eq!(outcome.report.inputs[2].hash, "xxh3:99aa06d3014798d86001c324468d497f");
}

#[test]
fn nothing_to_read_is_no_error() {
    let folder = TestFolder::with("a.csv", "").and("b.csv", "\n\r\n");
    assert_eq!(scan(folder.plan("t", &["a:string"]), 1).unwrap().rows, []);
    let folder = TestFolder::with("a.csv", "t,a\n");
    assert_eq!(scan(folder.plan("t", &["a:string"]), 1).unwrap().rows, []);
}

#[test]
fn names_and_delimiters_can_be_given() {
    let folder = TestFolder::with("a.csv", "1;x,y\n2;\"x;y\"\n");
    let names = Some(vec!["t".to_string(), "a".to_string()]);
    let plan = ReadPlan { names, delimiter: b';', ..folder.plan("t", &["a:string"]) };
    assert_eq!(values(&scan(plan, 1).unwrap()), [Some("x,y"), Some("x;y")]);
}

#[test]
fn every_type_is_read() {
    let folder = TestFolder::with(
        "a.csv",
        "t,b,i,f,d,day,at,s\n1,TRUE,-5,1.5,2.50,2024-02-29,2024-02-29T01:02:03Z,\n2,,,,,,,\"\"\n3,\"\",\"\",\"\",\"\",\"\",\"\",\"7\"\n",
    );
    let columns = [
        "b:bool",
        "i:int64",
        "f:float64",
        "d:decimal(10,2)",
        "day:date",
        "at:timestamp",
        "s:string",
        "t:timestamp",
    ];
    let rows = scan(folder.plan("t", &columns), 1).unwrap().rows;
    let shown: Vec<String> = rows
        .iter()
        .map(|(_, _, c)| c.iter().map(|v| v.as_deref().unwrap_or("NULL")).collect::<Vec<_>>().join("|"))
        .collect();
    assert_eq!(
        shown,
        [
            "true|-5|1.5|2.50|2024-02-29|2024-02-29T01:02:03Z|NULL|1970-01-01T00:00:01Z",
            "NULL|NULL|NULL|NULL|NULL|NULL||1970-01-01T00:00:02Z",
            "NULL|NULL|NULL|NULL|NULL|NULL|7|1970-01-01T00:00:03Z",
        ]
    );
}

#[test]
fn rejects_say_where_and_why() {
    let text = b"t,a,i\n1,x,1\n2,y\n3,\"z\nz\",3\n4,y,1,2\n5,\xff,1\n6,\0,1\n7,x,9999999999999999999\n,x,1\nnoon,x,1\n1717200000000,x,1\n8,\"x,1\n9,x,1";
    let folder = TestFolder::with("a.csv", text);
    let outcome = scan(ReadPlan { chunk_bytes: 20, ..folder.plan("t", &["i:int64"]) }, 2).unwrap();
    assert_eq!(values(&outcome), [Some("1"), Some("3"), Some("1")]);
    assert_eq!(
        reasons(&outcome),
        [
            (3, None, "2 fields, but 3 are expected"),
            (6, None, "4 fields, but 3 are expected"),
            (7, Some("a"), "not UTF-8: the byte 0xFF, 2 bytes into the record"),
            (8, Some("a"), "a NUL byte, 2 bytes into the record"),
            (9, Some("i"), "`9999999999999999999` does not fit int64"),
            (10, Some("t"), "the time is missing"),
            (11, Some("t"), "`noon` is not a time that can be read"),
            (12, Some("t"), "`1717200000000` is a time outside the years 1900 to 2200: is the unit right?"),
            (
                13,
                Some("a"),
                "the quote that opens field 2 (at byte 104) has no closing quote before a delimiter or line end"
            ),
        ]
    );
    let first = &outcome.rejects[0];
    assert_eq!((first.byte, &first.raw[..], &first.path), (Some(12), &b"2,y"[..], &folder.path("a.csv")));
}

#[test]
fn a_fault_ends_the_run_with_its_place() {
    let folder = TestFolder::with("a.csv", "t,a,i\n1,x,1\n2,\"y\ny\",12a\n3,x,bad\n");
    let path = folder.path("a.csv").display().to_string();
    assert_eq!(
        refused(folder.plan("t", &["i:int64"])),
        format!(
            "error: {path}, line 3, byte 12: column `i`: `12a` is not an int64\n --> {path}:4:4\n  |\n4 | y\",12a\n  |    ^^^\n  hint: on_bad_record = \"reject\" sets such records aside and continues"
        )
    );
}

#[test]
fn inferred_types_come_with_a_hint() {
    let folder = TestFolder::with("a.csv", "t,code\n1,100\n2,007\n");
    let mut plan = folder.plan("t", &["code:int64"]);
    plan.columns[0].inferred = true;
    let error = refused(plan);
    assert!(error.contains("`007` has leading zeros, which an int64 would lose"), "{error}");
    assert!(error.contains("declare it: types = { code = \"string\" }"), "{error}");
    assert_eq!(values(&scan(folder.plan("t", &["code:int64"]), 1).unwrap()), [Some("100"), Some("7")]);
}

#[test]
fn an_unclosed_quote_early_in_a_large_file_costs_one_line() {
    let mut text = "t,a\n1,x\n2,\"unclosed\n".to_string();
    let lines = 3_000_000;
    text.extend(std::iter::repeat_n("3,yyyyy\n", lines));
    let folder = TestFolder::with("a.csv", &text);
    let outcome = scan(folder.plan("t", &["a:string"]), 2).unwrap();
    assert_eq!(outcome.rows.len(), lines + 1);
    assert_eq!(reasons(&outcome)[0].0, 3);
    assert_eq!(outcome.rejects[0].raw, b"2,\"unclosed");
    let error = refused(folder.plan("t", &["a:string"]));
    assert!(
        error.contains("line 3, byte 8: column `a`: the quote that opens field 2 (at byte 10)"),
        "{error}"
    );
    assert!(error.contains("3 | 2,\"unclosed\n  |   ^\n"), "{error}");
}

#[test]
fn line_ends_may_be_mixed() {
    let folder = TestFolder::with("a.csv", "t,a\r\n1,x\n2,y\r\n\r\n\n3,\"z\"\r\n4,a\rb\n");
    let outcome = scan(folder.plan("t", &["a:string"]), 1).unwrap();
    assert_eq!(values(&outcome), [Some("x"), Some("y"), Some("z"), Some("a\rb")]);
}

#[test]
fn compressed_files_cut_short_are_refused() {
    let text = format!("t,a\n{}", "1,some text that repeats\n".repeat(5000));
    // With a checksum, as the zstd program writes it.
    let mut encoder = zstd::stream::Encoder::new(vec![], 1).unwrap();
    encoder.include_checksum(true).unwrap();
    encoder.write_all(text.as_bytes()).unwrap();
    let zst = encoder.finish().unwrap();
    let gz = gzip(text.as_bytes());
    for (name, bytes) in [("a.csv.gz", gz), ("a.csv.zst", zst)] {
        let cut = TestFolder(tempfile::tempdir().unwrap()).and_raw(name, &bytes[..bytes.len() - 9]);
        let error = refused(ReadPlan { chunk_bytes: 1000, ..cut.plan("t", &["a:string"]) });
        assert!(error.contains("is cut short"), "{error}");
        let mut broken = bytes.clone();
        broken[bytes.len() / 2..][..8].fill(0x55);
        let broken = TestFolder(tempfile::tempdir().unwrap()).and_raw(name, &broken);
        let error = refused(broken.plan("t", &["a:string"]));
        assert!(error.contains("is not a valid") || error.contains("is cut short"), "{error}");
        let none = TestFolder(tempfile::tempdir().unwrap()).and_raw(name, b"t,a\n1,plain text\n");
        assert!(refused(none.plan("t", &["a:string"])).contains("is not a valid"));
    }
}

#[test]
fn a_record_before_a_cut_is_reported_first() {
    let text = format!("t,a\n1,x\nbad,x\n{}", "1,some text that repeats\n".repeat(5000));
    let gz = gzip(text.as_bytes());
    let folder = TestFolder(tempfile::tempdir().unwrap()).and_raw("a.csv.gz", &gz[..gz.len() - 9]);
    for chunk_bytes in [10, 1 << 20] {
        let error = refused(ReadPlan { chunk_bytes, ..folder.plan("t", &["a:string"]) });
        assert!(error.contains("line 3, byte 8: column `t`: `bad` is not a time"), "{error}");
    }
}

#[test]
fn headers_are_checked() {
    let refuse = |text: &[u8]| refused(TestFolder::with("a.csv", text).plan("t", &["amount:int64"]));
    let contains = |text: &[u8], words: &[&str]| {
        let error = refuse(text);
        assert!(words.iter().all(|word| error.contains(word)), "{error}");
    };
    contains(b"t,amuont\n1,2\n", &["no column `amount`", "did you mean `amuont`?", "its columns: t, amuont"]);
    contains(b"time,amount\n1,2\n", &["no column `t`"]);
    contains(b"t,amount\r1,2\r3,4", &["old Mac line ends"]);
    contains(b"t,\"amount\n1,2\n", &["the header line cannot be read: the quote at byte 2"]);
    contains(b"t,amount,\xff\n1,2,3\n", &["the header line cannot be read: it is not UTF-8"]);
}

#[test]
fn a_file_without_the_time_column_is_refused() {
    let folder = TestFolder::with("a.csv", "t,a\n1,x\n").and("b.csv", "time,a\n1,x\n");
    let error = refused(folder.plan("t", &["a:string"]));
    assert!(error.contains("b.csv has no column `t`"), "{error}");
}

#[test]
fn other_time_rules_apply() {
    let folder = TestFolder::with("a.csv", "t,a\n2024-02-29 00:00:01,x\n2024-02-30,y\n");
    let mut plan = folder.plan("t", &["a:string"]);
    plan.time.rule = TimeRule::Iso;
    let outcome = scan(plan, 1).unwrap();
    assert_eq!(outcome.rows[0].1, 1_709_164_801);
    assert_eq!(reasons(&outcome), [(3, Some("t"), "`2024-02-30` is not a time that can be read")]);
}

#[test]
fn files_that_go_meanwhile_are_told() {
    let folder = TestFolder::with("a.csv", "t,a\n1,x\n").and("b.csv", "t,a\n1,x\n");
    let plan = folder.plan("t", &["a:string"]);
    std::fs::remove_file(folder.path("b.csv")).unwrap();
    let error = scan(plan, 2).unwrap_err();
    assert_eq!(error.kind(), Kind::Data);
    assert!(error.to_string().contains("b.csv is gone"), "{error}");
}

#[test]
fn formats_mix() {
    let folder = TestFolder::with("a.csv", "t,a\n1,x\n")
        .and("b.jsonl.gz", "{\"t\":2,\"a\":\"y\"}\n{\"t\":\n{\"t\":3}");
    let outcome = scan(folder.plan("t", &["a:string"]), 2).unwrap();
    assert_eq!(values(&outcome), [Some("x"), Some("y"), None]);
    assert_eq!((outcome.rejects[0].line, outcome.rejects[0].byte), (2, Some(16)));
}

#[test]
fn scans_are_shared_and_workers_move() {
    fn shared<T: Sync>() {}
    fn moves<T: Send>() {}
    shared::<super::Scan>();
    moves::<super::ScanWorker>();
}
