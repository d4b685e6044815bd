//! Bad files: missing, empty, broken, cut short, without a column that the job names.

use crate::bad_input::{JOB, REJECTING, words};
use crate::support::Lab;

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
      hint: a relative path starts in the folder where highwater runs, not in that of the job
    "#);
}

#[test]
fn an_empty_file() {
    let lab = Lab::new();
    lab.write("log.csv", "");
    insta::assert_snapshot!(words(&lab.run(JOB, &[])), @r"
    exit 3
    error: log.csv is empty
      hint: its columns are not known; a CSV file without records still has its header line
    ");
    lab.write("log.jsonl", "");
    lab.write("2.jsonl.gz", "\n\n");
    insta::assert_snapshot!(words(&lab.run(&JOB.replace("log.csv", "*.jsonl*"), &[])), @r"
    exit 3
    error: all 2 files of the source are empty
      hint: its columns are not known: an object of JSON has them
    ");
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
      hint: on_bad_record = "reject" sets such records aside and continues
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
    log.jsonl,6,122,,"not a JSON object: `[6, 7]`","[6, 7]"
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
      hint: the file was not copied or written completely; get it again
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
    error: log.csv.gz is not a gzip file: it begins with the text this is not gzip at all
      hint: rename it: without that ending it is read as plain text
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
    error: cannot read log.parquet: it is damaged, cut short or not a Parquet file
      cause: Parquet error: Invalid Parquet file. Corrupt footer
      hint: is it a Parquet file, and was it written completely?
    ");
    lab.write("log.parquet", "at,n\n1,2\n");
    insta::assert_snapshot!(words(&lab.run(&JOB.replace("log.csv", "log.parquet"), &[])), @r"
    exit 3
    error: cannot read log.parquet: it is damaged, cut short or not a Parquet file
      cause: Parquet error: Invalid Parquet file. Corrupt footer
      hint: is it a Parquet file, and was it written completely?
    ");
}

#[test]
fn a_column_that_no_file_has() {
    let lab = Lab::new();
    lab.write("log.csv", "at,amount,customer\n1,2,3\n");
    let job = "[source]\npath = \"log.csv\"\ntime = \"at\"\ntime_unit = \"s\"\n[[output]]\npath = \"out.csv\"\n\
        by = [\"custmer\"]\nselect = { s = \"sum(amuont)\" }\n";
    insta::assert_snapshot!(words(&lab.run(job, &[])), @r##"
    exit 2
    error: no file has a column `custmer`
     --> job.toml:7:7
      |
    7 | by = ["custmer"]
      |       ^^^^^^^^^
      hint: did you mean `customer`?

    error: unknown column `amuont`
     --> job.toml:8:16
      |
    8 | select = { s = "sum(amuont)" }
      |                ^^^^^^^^^^^^^
      hint: did you mean `amount`?
    "##);
    let job = job.replace("\"at\"", "\"att\"");
    insta::assert_snapshot!(words(&lab.run(&job, &[])), @r##"
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

    error: unknown column `amuont`
     --> job.toml:8:16
      |
    8 | select = { s = "sum(amuont)" }
      |                ^^^^^^^^^^^^^
      hint: did you mean `amount`?
    "##);
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
fn json_of_which_no_line_is_an_object() {
    let job = JOB.replace("log.csv", "b.jsonl");
    let lab = Lab::new();
    lab.write("b.jsonl", "7\n8\n");
    insta::assert_snapshot!(words(&lab.run(&job, &[])), @r#"
    exit 3
    error: b.jsonl, line 1, byte 0: not a JSON object: `7`
     --> b.jsonl:1:1
      |
    1 | 7
      | ^
      hint: on_bad_record = "reject" sets such records aside and continues
    "#);
    // Rejected as any other, where the job says what the columns are.
    let rejecting = REJECTING.replace("log.csv", "b.jsonl");
    let answer = lab.done(&rejecting, &[]);
    assert!(answer.err.starts_with("read 2 = 2 rejected"), "{}", answer.err);
    assert_eq!(lab.text("rejects.jsonl").lines().count(), 2);
    let unsaid: String =
        rejecting.lines().filter(|line| !line.starts_with("types")).map(|l| format!("{l}\n")).collect();
    let answer = lab.run(&unsaid, &[]);
    assert!(answer.code == 2 && answer.err.contains("`n`"), "{}", answer.err);
    // One record that is cut off, and a file of nothing but white space.
    lab.write("b.jsonl", "{\"at\":1,\"n\":");
    let answer = lab.run(&job, &[]);
    assert!(
        answer.err.starts_with("error: b.jsonl, line 1, byte 0: not valid JSON at column 12"),
        "{}",
        answer.err
    );
    lab.write("b.jsonl", " \n\n");
    assert!(lab.run(&job, &[]).err.starts_with("error: b.jsonl is empty\n"));
    lab.write("b.jsonl", "garbage\n");
    assert!(
        lab.run(&job, &[]).err.starts_with("error: b.jsonl, line 1, byte 0: not a JSON object: `garbage`\n")
    );
    let answer = lab.highwater(&["init", "b.jsonl"]);
    assert!(answer.code == 3 && answer.err.contains("not a JSON object: `garbage`"), "{}", answer.err);
}

#[test]
fn a_long_text_without_a_line_end_is_told_as_such() {
    let lab = Lab::new();
    lab.write("long.csv.gz", vec![b'x'; 65 << 20]);
    let answer = lab.run(&JOB.replace("log.csv", "long.csv.gz"), &[]);
    assert_eq!(answer.code, 3, "{}", answer.err);
    let told = "error: long.csv.gz: the record at byte 0 is longer than 64 MiB\n";
    assert!(answer.err.starts_with(told), "{}", answer.err);
}
