//! Files of a header alone: inputs of no events, whose columns have no types of their own.

use crate::log::{Kind, Log};
use crate::shapes::{bzip2, utf16, workbook, zipped};
use crate::support::{Lab, account, compress};
use zip::CompressionMethod;

const OUTPUTS: &str = "[[output]]\npath = \"days.csv\"\nwindow = { tumbling = \"1 day\" }\nby = [\"shop\"]\n\
    select = { n = \"count(*)\", s = \"sum(amount)\", m = \"max(price * amount)\" }\n\
    [[output]]\npath = \"all.csv\"\nwindow = \"global\"\nselect = { s = \"sum(amount) FILTER (WHERE price > 1)\" }\n\
    [[output]]\npath = \"events.csv\"\nselect = { at = \"at\", shop = \"upper(shop)\", amount = \"amount\" }\n";

fn job(path: &str, more: &str) -> String {
    format!("[source]\npath = {path}\ntime = \"at\"\n{more}{OUTPUTS}")
}

/// Runs a job over inputs of no events: outputs are there and empty, and the referee finds the same.
fn is_empty(lab: &Lab, job: &str) {
    let answer = lab.done(job, &["--json"]);
    let report: serde_json::Value = serde_json::from_str(&answer.out).unwrap();
    assert_eq!(account(&report), [0; 6], "{}", answer.out);
    assert_eq!(lab.text("days.csv"), "window_start,window_end,shop,n,s,m\n");
    assert_eq!(lab.text("events.csv"), "at,shop,amount\n");
    for command in ["verify", "explain"] {
        let answer = lab.highwater(&[command, "job.toml"]);
        assert_eq!(answer.code, 0, "{command}: {}{}\n{job}", answer.out, answer.err);
    }
}

#[test]
fn a_header_alone_is_an_input_of_no_events() {
    let header = "at,shop,amount,price\n";
    let cells = || vec![header.trim().split(',').map(str::to_string).collect()];
    let shapes: Vec<(&str, Vec<u8>, &str)> = vec![
        ("log.csv", header.into(), ""),
        ("log.csv", header.trim().into(), ""),
        ("log.csv", header.replace('\n', "\r\n").into(), ""),
        ("log.csv", format!("\u{feff}{header}").into(), ""),
        ("log.csv", utf16(header, u16::to_le_bytes), ""),
        ("log.csv", header.replace(',', ";").into(), "delimiter = \";\"\n"),
        ("log.csv", format!("sep=;\n{}", header.replace(',', ";")).into(), ""),
        ("log.csv", format!("a title\n\n{header}").into(), "skip = 2\n"),
        ("log.csv", format!("# a remark\n{header}# another\n").into(), "comment = \"#\"\n"),
        ("log.csv", format!("{header}Total,,,\n").into(), "until = \"Total\"\n"),
        ("log.csv", format!("{header}Total,,,\n").into(), "footer = 1\n"),
        ("log.tsv", header.replace(',', "\t").into(), ""),
        ("log.csv.gz", compress("x.gz", header.as_bytes()), ""),
        ("log.csv.bz2", bzip2(header), ""),
        ("log.zip", zipped(&[("a.csv", header), ("b.csv", header)], CompressionMethod::Deflated), ""),
        ("log.xlsx", workbook(&[("Sheet1", cells())]), ""),
    ];
    for (name, content, more) in shapes {
        let lab = Lab::new();
        std::fs::write(lab.path(name), content).unwrap();
        is_empty(&lab, &job(&format!("\"{name}\""), more));
    }
}

#[test]
fn a_parquet_file_without_rows_keeps_its_types() {
    let columns = [("at", Kind::Text), ("shop", Kind::Text), ("amount", Kind::Int), ("price", Kind::Float)];
    let lab = Lab::new();
    lab.write("log.parquet", Log::new(&columns, vec![]).parquet(10));
    is_empty(&lab, &job("\"log.parquet\"", ""));
    // What the file says is text stays text.
    let job = job("\"log.parquet\"", "").replace("sum(amount)", "sum(shop)");
    let answer = lab.run(&job, &[]);
    assert!(answer.code == 2 && answer.err.contains("is of type string"), "{}", answer.err);
}

#[test]
fn files_of_a_header_alone_stand_among_others() {
    let lab = Lab::new();
    lab.write("1.csv", "at,shop,amount,price\n");
    lab.write("2.csv", "at,shop,amount,price\n2024-02-01,a,2,1.5\n");
    lab.write("3.csv", "at,shop,amount,price\n");
    lab.done(&job("[\"1.csv\", \"2.csv\", \"3.csv\"]", ""), &[]);
    let days = lab.text("days.csv");
    assert!(
        days.ends_with("2024-02-01T00:00:00Z,2024-02-02T00:00:00Z,a,1,2,3\n") || days.contains(",a,1,2,3.0"),
        "{days}"
    );
    assert_eq!(lab.highwater(&["verify", "job.toml"]).code, 0);
}

#[test]
fn a_column_without_values_is_what_the_job_takes_it_for() {
    let lab = Lab::new();
    lab.write("log.csv", "at,shop,amount,price\n2024-02-01,a,,\n2024-02-01,b,,\n");
    lab.done(&job("\"log.csv\"", ""), &[]);
    assert!(lab.text("days.csv").contains(",a,1,,\n"), "{}", lab.text("days.csv"));
    assert_eq!(lab.highwater(&["verify", "job.toml"]).code, 0);
    // What the job says of it is heeded.
    let declared = job("\"log.csv\"", "types = { amount = \"string\" }\n");
    let answer = lab.run(&declared, &[]);
    assert!(answer.code == 2 && answer.err.contains("argument is of type string"), "{}", answer.err);
    // Text and number at once is neither, and a value that comes later is no number.
    let both = job("\"log.csv\"", "").replace("upper(shop)", "upper(amount)");
    let answer = lab.run(&both, &[]);
    assert!(answer.code == 2 && answer.err.contains("no value in the sample"), "{}", answer.err);
    lab.write(
        "log.csv",
        format!("at,shop,amount,price\n{}2024-02-02,b,x,1\n", "2024-02-01,a,,\n".repeat(300)),
    );
    let answer = lab.run(&job("\"log.csv\"", ""), &[]);
    assert!(answer.code == 3 && answer.err.contains("log.csv, line 302"), "{}", answer.err);
}

/// Times, flags, keys and columns of tables.
#[test]
fn types_follow_from_steps_and_tables_too() {
    let lab = Lab::new();
    lab.write("log.csv", "at,user,seen,flag,amount\n");
    lab.write("users.csv", "at,id,factor\n");
    lab.write("people.csv", "at,id,factor\n2024-01-01,7,1.5\n");
    for table in ["users.csv", "people.csv"] {
        let job = format!(
            "[source]\npath = \"log.csv\"\ntime = \"at\"\n[table.users]\npath = \"{table}\"\ntime = \"at\"\n\
             [[step]]\nfilter = \"flag\"\n\
             [[step]]\nderive = {{ year = \"extract(year from seen)\", copy = \"amount\" }}\n\
             [[step]]\nenrich = \"users\"\non = {{ user = \"id\" }}\ntake = {{ factor = \"factor\" }}\n\
             [[output]]\npath = \"out.csv\"\nwindow = \"global\"\nby = [\"year\"]\n\
             select = {{ s = \"sum(copy * factor)\" }}\n"
        );
        lab.done(&job, &[]);
        assert_eq!(lab.text("out.csv"), "year,s\n", "{table}");
        let verified = lab.highwater(&["verify", "job.toml"]);
        assert_eq!(verified.code, 0, "{table}: {}{}", verified.out, verified.err);
    }
}

/// What came of no events is computed again by the types that values have.
#[test]
fn events_that_come_later_decide_the_types() {
    let later = "at,shop,amount,price\n2024-02-01,7,3,1.5\n";
    let places: Vec<Lab> = (0..3).map(|_| Lab::new()).collect();
    let job = "[source]\npath = \"in/*.csv\"\ntime = \"at\"\n[[output]]\npath = \"out\"\nwindow = { tumbling = \"1 day\" }\n\
        by = [\"shop\"]\nselect = { n = \"count(*)\", s = \"sum(amount)\" }\n";
    for (i, lab) in places.iter().enumerate() {
        lab.write("in/1.csv", "at,shop,amount,price\n");
        if i < 2 {
            lab.done(job, &[]);
        }
        lab.write("in/2.csv", later);
        match i {
            0 => assert_eq!(lab.highwater(&["backfill", "job.toml", "in/2.csv"]).code, 0),
            _ => drop(lab.done(job, &[])),
        }
    }
    let data: Vec<_> = places.iter().map(|lab| lab.data("out")).collect();
    assert!(!data[2].is_empty() && data[0] == data[2] && data[1] == data[2]);
}
