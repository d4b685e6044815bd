//! Bad input: what the user is told, with which exit code, and what stays as it was.

use crate::support::{Answer, Lab, account};
use std::fmt::Write;

/// Counts and adds `n` of `log.csv`.
const JOB: &str = r#"
[source]
path = "log.csv"
time = "at"
time_unit = "s"
types = { n = "int64" }

[[output]]
path = "out.csv"
select = { c = "count(*)", s = "sum(n)" }
"#;

const REJECTING: &str = r#"
[source]
path = "log.csv"
time = "at"
time_unit = "s"
types = { n = "int64" }
on_bad_record = "reject"
rejects = "rejects.jsonl"

[[output]]
path = "out.csv"
select = { c = "count(*)", s = "sum(n)" }
"#;

/// Runs [`JOB`] over `content`; it has to fail and to leave no output.
fn refused(content: impl AsRef<[u8]>) -> String {
    let lab = Lab::new();
    lab.write("log.csv", content);
    let answer = lab.run(JOB, &[]);
    assert_ne!(answer.code, 0);
    assert!(!lab.path("out.csv").exists());
    words(&answer)
}

fn words(answer: &Answer) -> String {
    assert_eq!(answer.out, "", "nothing goes to stdout");
    answer.words()
}

/// Runs [`REJECTING`] over `content`: the account, the result, and the rejected records.
fn rejected(content: impl AsRef<[u8]>) -> String {
    let lab = Lab::new();
    lab.write("log.csv", content);
    let answer = lab.run(REJECTING, &[]);
    assert_eq!(answer.code, 0, "{}", answer.err);
    for manifest in lab.manifests("") {
        let [read, parts @ ..] = account(&manifest);
        assert_eq!(read, parts.iter().sum::<u64>());
        assert_eq!(parts[0], lab.text("rejects.jsonl").lines().count() as u64);
    }
    let first = answer.err.lines().next().unwrap_or_default();
    format!("{first}\n{}{}", lab.text("out.csv"), lab.text("rejects.jsonl"))
}

#[test]
fn a_missing_file() {
    let lab = Lab::new();
    lab.write("logs.csv", "at,n\n1,2\n");
    insta::assert_snapshot!(words(&lab.run(JOB, &[])), @r#"
    exit 2
    error: there is no file or folder log.csv
     --> job.toml:3:8
      |
    3 | path = "log.csv"
      |        ^^^^^^^^^
      hint: did you mean `logs.csv`?
    "#);
    let glob = JOB.replace("log.csv", "none/*.csv");
    insta::assert_snapshot!(words(&lab.run(&glob, &[])), @r#"
    exit 2
    error: no file matches none/*.csv
     --> job.toml:3:8
      |
    3 | path = "none/*.csv"
      |        ^^^^^^^^^^^^
    "#);
}

#[test]
fn an_empty_file() {
    let lab = Lab::new();
    lab.write("log.csv", "");
    insta::assert_snapshot!(words(&lab.run(JOB, &[])), @"");
    lab.write("log.jsonl", "");
    lab.write("2.jsonl.gz", "\n\n");
    insta::assert_snapshot!(words(&lab.run(&JOB.replace("log.csv", "*.jsonl*"), &[])), @"");
}

#[test]
fn an_empty_file_among_others() {
    let lab = Lab::new();
    lab.write("1.csv", "");
    lab.write("2.csv", "at,n\n1,2\n");
    lab.write("3.csv", "");
    let answer = lab.run(&JOB.replace("\"log.csv\"", "[\"1.csv\", \"2.csv\", \"3.csv\"]"), &[]);
    insta::assert_snapshot!(words(&answer) + &lab.text("out.csv"), @r"
    exit 0
    read 1 = 0 rejected + 0 filtered + 0 duplicate + 0 late + 1 counted
    out.csv: 1 row
    9 B in 3 files, [time]
    c,s
    1,2
    ");
}

#[test]
fn only_a_header() {
    let lab = Lab::new();
    lab.write("log.csv", "at,n\n");
    let answer = lab.run(JOB, &[]);
    insta::assert_snapshot!(words(&answer) + &lab.text("out.csv"), @r"
    exit 0
    read 0 = 0 rejected + 0 filtered + 0 duplicate + 0 late + 0 counted
    out.csv: 0 rows
    5 B in 1 file, [time]
    c,s
    ");
    lab.write("log.csv", "at,n");
    assert_eq!(lab.run(JOB, &[]).code, 0, "without a line end");
}

#[test]
fn a_line_with_too_few_fields() {
    insta::assert_snapshot!(refused("at,n,note\n1,2,a\n2,3\n3,4,b\n"), @r#"
    exit 3
    error: log.csv, line 3, byte 16: 2 fields, where 3 are expected
     --> log.csv:3:1
      |
    3 | 2,3
      | ^
      hint: on_bad_record = "reject" keeps such records aside and goes on
    "#);
    insta::assert_snapshot!(rejected("at,n,note\n1,2,a\n2,3\n3,4,b\n"), @r#"
    read 3 = 1 rejected + 0 filtered + 0 duplicate + 0 late + 2 counted
    c,s
    2,6
    {"file":"log.csv","line":3,"byte":16,"column":null,"reason":"2 fields, where 3 are expected","raw":"2,3"}
    "#);
}

#[test]
fn a_line_with_too_many_fields() {
    insta::assert_snapshot!(refused("at,n\n1,2\n2,3,4\n"), @r#"
    exit 3
    error: log.csv, line 3, byte 9: 3 fields, where 2 are expected
     --> log.csv:3:1
      |
    3 | 2,3,4
      | ^
      hint: fields that hold the delimiter or a line end must be quoted
      hint: on_bad_record = "reject" keeps such records aside and goes on
    "#);
    insta::assert_snapshot!(rejected("at,n\n1,2\n2,3,4\n"), @r#"
    read 2 = 1 rejected + 0 filtered + 0 duplicate + 0 late + 1 counted
    c,s
    1,2
    {"file":"log.csv","line":3,"byte":9,"column":null,"reason":"3 fields, where 2 are expected","raw":"2,3,4"}
    "#);
}

#[test]
fn an_unclosed_quote() {
    insta::assert_snapshot!(refused("at,n,note\n1,2,a\n2,3,\"never closed\n3,4,b\n4,5,c\n"), @r#"
    exit 3
    error: log.csv, line 3, byte 16: column `note`: the quote that opens field 3 (at byte 20) has no closing quote before a delimiter or line end
     --> log.csv:3:5
      |
    3 | 2,3,"never closed
      |     ^
      hint: a quote inside a quoted field is doubled (""); a field that only starts with a quote is quoted whole
      hint: on_bad_record = "reject" keeps such records aside and goes on
    "#);
}

#[test]
fn a_quote_inside_a_field() {
    insta::assert_snapshot!(refused("at,n,note\n1,2,\"a\" b\n2,3,c\n"), @r#"
    exit 3
    error: log.csv, line 2, byte 10: column `note`: the quote that opens field 3 (at byte 14) has no closing quote before a delimiter or line end
     --> log.csv:2:5
      |
    2 | 1,2,"a" b
      |     ^
      hint: a quote inside a quoted field is doubled (""); a field that only starts with a quote is quoted whole
      hint: on_bad_record = "reject" keeps such records aside and goes on
    "#);
    insta::assert_snapshot!(rejected("at,n,note\n1,2,\"a\" b\n2,3,c\n"), @r#"
    read 2 = 1 rejected + 0 filtered + 0 duplicate + 0 late + 1 counted
    c,s
    1,3
    {"file":"log.csv","line":2,"byte":10,"column":"note","reason":"the quote that opens field 3 (at byte 14) has no closing quote before a delimiter or line end","raw":"1,2,\"a\" b"}
    "#);
}

/// The error names the line where the quote opened, and memory does not hold the rest of the file.
#[test]
fn an_unclosed_quote_early_in_a_large_file() {
    let lab = Lab::new();
    let mut text = String::from("at,n,note\n1,2,a\n2,3,\"never closed\n");
    while text.len() < 48 << 20 {
        writeln!(text, "{},{},some text to make the file large", text.len(), 1).unwrap();
    }
    lab.write("log.csv", &text);
    let size = text.len() / 1024;
    drop(text);
    lab.write("job.toml", JOB);
    // `ulimit -v` counts address space, maps of files among it: the file, and room for the program.
    let limit = size + (400 << 10);
    let script = format!("ulimit -v {limit}; exec \"$0\" run job.toml --threads 1");
    let mut shell = std::process::Command::new("sh");
    shell.args(["-c", &script, env!("CARGO_BIN_EXE_highwater")]).current_dir(lab.root());
    let answer = crate::support::Said::answer(&mut shell);
    insta::assert_snapshot!(words(&answer), @r#"
    exit 3
    error: log.csv, line 3, byte 16: column `note`: the quote that opens field 3 (at byte 20) has no closing quote before a delimiter or line end
     --> log.csv:3:5
      |
    3 | 2,3,"never closed
      |     ^
      hint: a quote inside a quoted field is doubled (""); a field that only starts with a quote is quoted whole
      hint: on_bad_record = "reject" keeps such records aside and goes on
    "#);
}

#[test]
fn text_that_is_not_utf8() {
    insta::assert_snapshot!(refused(b"at,note,n\n1,ok,2\n2,caf\xe9,3\n"), @r#"
    exit 3
    error: log.csv, line 3, byte 17: column `note`: not UTF-8: the byte 0xE9, 5 bytes into the record
     --> log.csv:3:3
      |
    3 | 2,caf�,3
      |   ^^^^
      hint: if the file is in an older encoding, convert it: iconv -f WINDOWS-1252 -t UTF-8
      hint: on_bad_record = "reject" keeps such records aside and goes on
    "#);
    let used = JOB.replace("\"sum(n)\"", "\"max(note)\"");
    let lab = Lab::new();
    lab.write("log.csv", b"at,note,n\n1,ok,2\n2,caf\xe9,3\n");
    insta::assert_snapshot!(words(&lab.run(&used, &[])), @r#"
    exit 3
    error: log.csv, line 3, byte 17: column `note`: not UTF-8: the byte 0xE9, 5 bytes into the record
     --> log.csv:3:3
      |
    3 | 2,caf�,3
      |   ^^^^
      hint: if the file is in an older encoding, convert it: iconv -f WINDOWS-1252 -t UTF-8
      hint: on_bad_record = "reject" keeps such records aside and goes on
    "#);
}

#[test]
fn a_number_that_does_not_fit() {
    insta::assert_snapshot!(refused("at,n\n1,2\n2,9223372036854775808\n"), @r#"
    exit 3
    error: log.csv, line 3, byte 9: column `n`: `9223372036854775808` does not fit int64
     --> log.csv:3:3
      |
    3 | 2,9223372036854775808
      |   ^^^^^^^^^^^^^^^^^^^
      hint: on_bad_record = "reject" keeps such records aside and goes on
    "#);
    insta::assert_snapshot!(rejected("at,n\n1,2\n2,9223372036854775808\n3,1.5\n4,x\n5,7\n"), @r#"
    read 5 = 3 rejected + 0 filtered + 0 duplicate + 0 late + 2 counted
    c,s
    2,9
    {"file":"log.csv","line":3,"byte":9,"column":"n","reason":"`9223372036854775808` does not fit int64","raw":"2,9223372036854775808"}
    {"file":"log.csv","line":4,"byte":31,"column":"n","reason":"`1.5` is not an int64","raw":"3,1.5"}
    {"file":"log.csv","line":5,"byte":37,"column":"n","reason":"`x` is not an int64","raw":"4,x"}
    "#);
}

#[test]
fn a_sum_that_does_not_fit() {
    insta::assert_snapshot!(refused("at,n\n1,9223372036854775807\n2,1\n"), @r"
    exit 3
    error: a sum of 9223372036854775808 does not fit int64
      hint: declare the column as decimal(38,0): its sums have 38 digits
    ");
}

#[test]
fn a_time_that_cannot_be_read() {
    insta::assert_snapshot!(refused("at,n\n1,2\nsoon,3\n"), @r#"
    exit 3
    error: log.csv, line 3, byte 9: column `at`: `soon` is not a time that can be read
     --> log.csv:3:1
      |
    3 | soon,3
      | ^^^^
      hint: on_bad_record = "reject" keeps such records aside and goes on
    "#);
    insta::assert_snapshot!(rejected("at,n\n1,2\nsoon,3\n,4\n99999999999999,5\n6,6\n"), @r#"
    read 5 = 3 rejected + 0 filtered + 0 duplicate + 0 late + 2 counted
    c,s
    2,8
    {"file":"log.csv","line":3,"byte":9,"column":"at","reason":"`soon` is not a time that can be read","raw":"soon,3"}
    {"file":"log.csv","line":4,"byte":16,"column":"at","reason":"the time is missing","raw":",4"}
    {"file":"log.csv","line":5,"byte":19,"column":"at","reason":"`99999999999999` is a time outside the years 1900 to 2200: is the unit right?","raw":"99999999999999,5"}
    "#);
}

#[test]
fn a_time_in_another_unit() {
    insta::assert_snapshot!(refused("at,n\n1711846800000,2\n1711846800001,2\n"), @r#"
    exit 2
    error: `at` holds `1711846800000`, which is a time outside the years 1900 to 2200: is the unit right?
     --> job.toml:4:8
      |
    4 | time = "at"
      |        ^^^^
      hint: it looks like time_unit = "ms"
    "#);
}

#[test]
fn a_time_without_its_form() {
    let lab = Lab::new();
    lab.write("log.csv", "at,n\n31-03-2024 10:00,2\n");
    insta::assert_snapshot!(words(&lab.run(&JOB.replace("time_unit = \"s\"\n", ""), &[])), @r#"
    exit 2
    error: `at` holds `31-03-2024 10:00`, which is not a time that can be read
     --> job.toml:4:8
      |
    4 | time = "at"
      |        ^^^^
      hint: give the format, such as time_format = "%d-%m-%Y %H:%M"
    "#);
    lab.write("log.csv", "at,n\n1711846800000,2\n");
    insta::assert_snapshot!(words(&lab.run(&JOB.replace("time_unit = \"s\"\n", ""), &[])), @r#"
    exit 2
    error: `at` holds integers, such as 1711846800000, and no unit is given
     --> job.toml:4:8
      |
    4 | time = "at"
      |        ^^^^
      hint: add time_unit = "ms"
    "#);
}

#[test]
fn a_nul_byte() {
    insta::assert_snapshot!(refused(b"at,n\n1,2\n2,\x003\n"), @r#"
    exit 3
    error: log.csv, line 3, byte 9: column `n`: a NUL byte, 2 bytes into the record
     --> log.csv:3:3
      |
    3 | 2,�3
      |   ^^
      hint: on_bad_record = "reject" keeps such records aside and goes on
    "#);
    insta::assert_snapshot!(rejected(b"at,n\n1,2\n2,\x003\n"), @r#"
    read 2 = 1 rejected + 0 filtered + 0 duplicate + 0 late + 1 counted
    c,s
    1,2
    {"file":"log.csv","line":3,"byte":9,"column":"n","reason":"a NUL byte, 2 bytes into the record","raw":"2,\u00003"}
    "#);
}

#[test]
fn mixed_line_ends() {
    insta::assert_snapshot!(rejected("at,n\r\n1,2\n2,3\r\n3,4\n\r\n\n4,5\r\n"), @r"
    read 4 = 0 rejected + 0 filtered + 0 duplicate + 0 late + 4 counted
    c,s
    4,14
    ");
}

#[test]
fn a_lone_carriage_return() {
    insta::assert_snapshot!(rejected("at,n\n1,2\r2,3\n3,4\n"), @r#"
    read 2 = 1 rejected + 0 filtered + 0 duplicate + 0 late + 1 counted
    c,s
    1,4
    {"file":"log.csv","line":2,"byte":5,"column":null,"reason":"3 fields, where 2 are expected","raw":"1,2\r2,3"}
    "#);
}

#[test]
fn broken_json_lines() {
    let lab = Lab::new();
    let lines = [
        r#"{"at": 1, "n": 2}"#,
        r#"{"at": 2, "n": "#,
        r#"{"at": 3, "n": 9223372036854775808}"#,
        r#"{"at": 4, "n": {"x": 1}}"#,
        r#"{"at": 5, "n": 1} trailing"#,
        r#"[6, 7]"#,
        r#"{"n": 8}"#,
        r#"{"at": 9, "n": null}"#,
        r#"{"at": 10, "at": 11, "n": 1}"#,
        "",
        r#"{"at": 12, "n": 3}"#,
    ];
    lab.write("log.jsonl", lines.join("\n"));
    insta::assert_snapshot!(words(&lab.run(&JOB.replace("log.csv", "log.jsonl"), &[])), @r#"
    exit 3
    error: log.jsonl, line 2, byte 18: not valid JSON at column 15: EOF while parsing a value
     --> log.jsonl:2:1
      |
    2 | {"at": 2, "n": 
      | ^
      hint: on_bad_record = "reject" keeps such records aside and goes on
    "#);
    lab.done(&REJECTING.replace("log.csv", "log.jsonl").replace("rejects.jsonl", "rejects.csv"), &[]);
    insta::assert_snapshot!(lab.text("out.csv") + &lab.text("rejects.csv"), @r#"
    c,s
    4,6
    file,line,byte,column,reason,raw
    log.jsonl,2,18,,not valid JSON at column 15: EOF while parsing a value,"{""at"": 2, ""n"": "
    log.jsonl,3,34,n,`9223372036854775808` does not fit int64,"{""at"": 3, ""n"": 9223372036854775808}"
    log.jsonl,4,70,n,"`{""x"": 1}` is not an int64","{""at"": 4, ""n"": {""x"": 1}}"
    log.jsonl,5,95,,not valid JSON at column 19: trailing characters,"{""at"": 5, ""n"": 1} trailing"
    log.jsonl,6,122,,"`[6, 7]` is not a JSON object","[6, 7]"
    log.jsonl,7,129,at,"it has no `at`, which is the event time","{""n"": 8}"
    "#);
}

#[test]
fn a_truncated_gzip_file() {
    let lab = Lab::new();
    let text: String = (0..5000).map(|i| format!("{i},{}\n", i * 7919 % 1000)).collect();
    let whole = crate::support::compress("x.gz", format!("at,n\n{text}").as_bytes());
    std::fs::write(lab.path("log.csv.gz"), &whole[..whole.len() / 2]).unwrap();
    insta::assert_snapshot!(words(&lab.run(&JOB.replace("log.csv", "log.csv.gz"), &[])), @r"
    exit 3
    error: log.csv.gz is cut short: its gzip data ends in the middle
      hint: the file was not copied or written to its end; get it again
    ");
    let whole = crate::support::compress("x.zst", format!("at,n\n{text}").as_bytes());
    std::fs::write(lab.path("log.csv.zst"), &whole[..whole.len() / 2]).unwrap();
    insta::assert_snapshot!(words(&lab.run(&JOB.replace("log.csv", "log.csv.zst"), &[])), @r"
    exit 3
    error: cannot decompress log.csv.zst: damaged or cut short
      cause: incomplete frame
    ");
    std::fs::write(lab.path("log.csv.gz"), "this is not gzip at all").unwrap();
    insta::assert_snapshot!(words(&lab.run(&JOB.replace("log.csv", "log.csv.gz"), &[])), @r"
    exit 3
    error: cannot decompress log.csv.gz: damaged or cut short
      cause: invalid gzip header
    ");
}

#[test]
fn a_truncated_parquet_file() {
    let lab = Lab::new();
    let rows = (0..100).map(|i| vec![crate::log::Cell::Int(i), crate::log::Cell::Int(i)]).collect();
    let log = crate::log::Log::new(&[("at", crate::log::Kind::Int), ("n", crate::log::Kind::Int)], rows);
    let whole = log.parquet(1000);
    lab.write("log.parquet", &whole[..whole.len() / 2]);
    insta::assert_snapshot!(words(&lab.run(&JOB.replace("log.csv", "log.parquet"), &[])), @r"
    exit 3
    error: cannot read log.parquet: it is damaged, cut short or no Parquet file
      cause: Parquet error: Invalid Parquet file. Corrupt footer
      hint: is it a Parquet file, and was it written to its end?
    ");
    lab.write("log.parquet", "at,n\n1,2\n");
    insta::assert_snapshot!(words(&lab.run(&JOB.replace("log.csv", "log.parquet"), &[])), @r"
    exit 3
    error: cannot read log.parquet: it is damaged, cut short or no Parquet file
      cause: Parquet error: Invalid Parquet file. Corrupt footer
      hint: is it a Parquet file, and was it written to its end?
    ");
}

#[test]
fn a_column_that_no_file_has() {
    let lab = Lab::new();
    lab.write("log.csv", "at,amount,customer\n1,2,3\n");
    let job = "[source]\npath = \"log.csv\"\ntime = \"at\"\ntime_unit = \"s\"\n[[output]]\npath = \"out.csv\"\n\
        by = [\"custmer\"]\nselect = { s = \"sum(amuont)\" }\n";
    insta::assert_snapshot!(words(&lab.run(job, &[])), @r#"
    exit 2
    error: no file has a column `custmer`
     --> job.toml:7:7
      |
    7 | by = ["custmer"]
      |       ^^^^^^^^^
      hint: did you mean `customer`?
    "#);
    let job = job.replace("\"at\"", "\"att\"");
    insta::assert_snapshot!(words(&lab.run(&job, &[])), @r#"
    exit 2
    error: no file has a column `att`
     --> job.toml:3:8
      |
    3 | time = "att"
      |        ^^^^^
      hint: did you mean `at`?

    error: no file has a column `custmer`
     --> job.toml:7:7
      |
    7 | by = ["custmer"]
      |       ^^^^^^^^^
      hint: did you mean `customer`?
    "#);
}

/// Records without a column that other files have are NULL there; without the time they are bad.
#[test]
fn a_file_without_the_time_column() {
    let lab = Lab::new();
    lab.write("logs/1.csv", "at,n\n1,2\n");
    lab.write("logs/2.csv", "n,x\n3,4\n5,6\n");
    insta::assert_snapshot!(words(&lab.run(&JOB.replace("log.csv", "logs"), &[])), @r"
    exit 3
    error: logs/2.csv has no column `at`
      hint: its columns: n, x
    ");
}

#[test]
fn many_bad_records_keep_their_places_whatever_the_chunks() {
    let lab = Lab::new();
    let mut text = String::from("at,n,note\n");
    for i in 0..500 {
        match i % 50 {
            7 => writeln!(text, "{i},x{i},\"a\nb\"").unwrap(),
            31 => writeln!(text, "{i},1").unwrap(),
            _ => writeln!(text, "{i},{i},\"line\n{i}\"").unwrap(),
        }
    }
    lab.write("log.csv", &text);
    lab.done(REJECTING, &["--threads", "1"]);
    let (rejects, out) = (lab.text("rejects.jsonl"), lab.text("out.csv"));
    assert_eq!(rejects.lines().count(), 20);
    for line in rejects.lines() {
        let reject: serde_json::Value = serde_json::from_str(line).unwrap();
        let (byte, raw) = (reject["byte"].as_u64().unwrap() as usize, reject["raw"].as_str().unwrap());
        assert!(text[byte..].starts_with(raw), "{reject}");
        let line = 1 + text[..byte].matches('\n').count() as u64;
        assert_eq!(reject["line"].as_u64(), Some(line), "{reject}");
        assert_eq!(reject["file"], "log.csv");
    }
    for args in [["--threads", "1", "--chunk-size", "1"], ["--threads", "4", "--chunk-size", "64"]] {
        lab.done(REJECTING, &args);
        assert_eq!(lab.text("rejects.jsonl"), rejects, "{args:?}");
        assert_eq!(lab.text("out.csv"), out, "{args:?}");
    }
}
