//! Bad records: what the user is told, with which exit code, and what stays as it was.

use crate::support::{Answer, Lab, account};
use std::fmt::Write;

/// Counts and adds `n` of `log.csv`.
pub const JOB: &str = r#"
[source]
path = "log.csv"
time = "at"
time_unit = "s"
types = { n = "int64" }

[[output]]
path = "out.csv"
select = { c = "count(*)", s = "sum(n)" }
"#;

pub const REJECTING: &str = r#"
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

pub fn words(answer: &Answer) -> String {
    assert_eq!(answer.out, "", "nothing goes to stdout");
    answer.words()
}

/// Runs [`REJECTING`] over `content`: the account, the result, and the rejected records.
fn rejected(content: impl AsRef<[u8]>) -> String {
    let lab = Lab::new();
    lab.write("log.csv", content);
    let answer = lab.run(REJECTING, &[]);
    assert_eq!(answer.code, 0, "{}", answer.err);
    let path = lab.path("rejects.jsonl");
    let rejects = if path.exists() { lab.text("rejects.jsonl") } else { String::new() };
    for manifest in lab.manifests("") {
        let [read, parts @ ..] = account(&manifest);
        assert_eq!(read, parts.iter().sum::<u64>());
        assert_eq!(parts[0], rejects.lines().count() as u64);
    }
    let first = answer.err.lines().next().unwrap_or_default();
    format!("{first}\n{}{rejects}", lab.text("out.csv"))
}

#[test]
fn a_line_with_too_few_fields() {
    insta::assert_snapshot!(refused("at,n,note\n1,2,a\n2,3\n3,4,b\n"), @r#"
    exit 3
    error: log.csv, line 3, byte 16: 2 fields, but 3 are expected
     --> log.csv:3:1
      |
    3 | 2,3
      | ^
      hint: on_bad_record = "reject" sets such records aside and continues
    "#);
    insta::assert_snapshot!(rejected("at,n,note\n1,2,a\n2,3\n3,4,b\n"), @r#"
    read 3 = 1 rejected + 0 filtered + 0 duplicate + 0 late + 2 counted
    c,s
    2,6
    {"file":"log.csv","line":3,"byte":16,"column":null,"reason":"2 fields, but 3 are expected","raw":"2,3"}
    "#);
}

#[test]
fn a_line_with_too_many_fields() {
    insta::assert_snapshot!(refused("at,n\n1,2\n2,3,4\n"), @r#"
    exit 3
    error: log.csv, line 3, byte 9: 3 fields, but 2 are expected
     --> log.csv:3:1
      |
    3 | 2,3,4
      | ^
      hint: fields that contain the delimiter or a line end must be quoted
      hint: on_bad_record = "reject" sets such records aside and continues
    "#);
    insta::assert_snapshot!(rejected("at,n\n1,2\n2,3,4\n"), @r#"
    read 2 = 1 rejected + 0 filtered + 0 duplicate + 0 late + 1 counted
    c,s
    1,2
    {"file":"log.csv","line":3,"byte":9,"column":null,"reason":"3 fields, but 2 are expected","raw":"2,3,4"}
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
      hint: on_bad_record = "reject" sets such records aside and continues
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
      hint: on_bad_record = "reject" sets such records aside and continues
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
    let answer = lab.hear(shell.args(["-c", &script, env!("CARGO_BIN_EXE_highwater")]));
    insta::assert_snapshot!(words(&answer), @r#"
    exit 3
    error: log.csv, line 3, byte 16: column `note`: the quote that opens field 3 (at byte 20) has no closing quote before a delimiter or line end
     --> log.csv:3:5
      |
    3 | 2,3,"never closed
      |     ^
      hint: a quote inside a quoted field is doubled (""); a field that only starts with a quote is quoted whole
      hint: on_bad_record = "reject" sets such records aside and continues
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
      hint: name the encoding of the file in [source]: encoding = "windows-1252" is the old one of Western Europe
      hint: on_bad_record = "reject" sets such records aside and continues
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
      hint: name the encoding of the file in [source]: encoding = "windows-1252" is the old one of Western Europe
      hint: on_bad_record = "reject" sets such records aside and continues
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
      hint: on_bad_record = "reject" sets such records aside and continues
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
      hint: on_bad_record = "reject" sets such records aside and continues
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
    error: `at` contains `1711846800000`, which is a time outside the years 1900 to 2200: is the unit right?
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
    error: `at` contains `31-03-2024 10:00`, which is not a time that can be read
     --> job.toml:4:8
      |
    4 | time = "at"
      |        ^^^^
      hint: it looks like time_format = "%d-%m-%Y %H:%M"
    "#);
    lab.write("log.csv", "at,n\n1711846800000,2\n");
    insta::assert_snapshot!(words(&lab.run(&JOB.replace("time_unit = \"s\"\n", ""), &[])), @r#"
    exit 2
    error: `at` contains integers, such as 1711846800000, but their unit is not given
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
      hint: on_bad_record = "reject" sets such records aside and continues
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
    {"file":"log.csv","line":2,"byte":5,"column":null,"reason":"3 fields, but 2 are expected","raw":"1,2\r2,3"}
    "#);
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

#[test]
fn to_verify_leaves_the_rejected_records_of_the_run_in_place() {
    let lab = Lab::new();
    lab.write("log.csv", "at,n\n1,2\n2,x\n");
    lab.done(REJECTING, &[]);
    let before = lab.files("");
    assert!(before.contains_key("rejects.jsonl"));
    let answer = lab.highwater(&["verify", "job.toml"]);
    assert_eq!(answer.code, 0, "{}{}", answer.out, answer.err);
    assert!(before == lab.files(""), "to compare changes nothing");
}
