//! One log in every form that a source can have: the same bytes come out.

use crate::log::{self, Cell, Log};
use crate::support::{Lab, PLAIN};
use Cell::{Int, Null, Text};

/// Sales with everything that a format could trip over.
fn sales() -> Log {
    let texts = [
        "plain",
        "",
        "a,b",
        "say \"hi\"",
        "two\nlines",
        "semi;colon",
        "pipe|tab\t",
        "größe 日本",
        " spaced ",
    ];
    log::sales(240, |i| match i % 11 {
        10 => Null,
        n => Text(texts[n as usize % texts.len()].into()),
    })
}

/// A job over `path` that shows every column, as groups and as events.
fn job(path: &str, source: &str) -> String {
    let types = sales().types();
    format!(
        r#"
timezone = "Europe/London"
[source]
path = "@/{path}"
time = "at"
time_unit = "us"
{types}
{source}
[[output]]
path = "@/out/groups.csv"
window = {{ tumbling = "1h" }}
by = ["note", "day"]
select = {{ c = "count(*)", s = "sum(amount)", n = "sum(n)", r = "avg(ratio)", o = "bool_or(ok)", l = "last(note)" }}
[[output]]
path = "@/out/rows"
select = {{ note = "note", n = "n", amount = "amount", ratio = "ratio", ok = "ok", day = "day" }}
partition_by = ["date"]
[[output]]
path = "@/out/rows.jsonl"
select = {{ at = "at", note = "note", n = "n", amount = "amount", ratio = "ratio", ok = "ok", day = "day" }}
"#
    )
}

type Files = std::collections::BTreeMap<String, Vec<u8>>;

/// The outputs of [`job`] over one file with this content.
fn outputs_of(name: &str, content: &[u8], source: &str) -> Files {
    let lab = Lab::new();
    lab.write(name, content);
    outputs_in(&lab, name, source)
}

fn outputs_in(lab: &Lab, path: &str, source: &str) -> Files {
    let machine = crate::support::Machine { threads: 2, chunk_bytes: 700, ..PLAIN };
    let outcome = lab.library(&job(path, source), machine).unwrap_or_else(|e| panic!("{path}: {e}"));
    assert_eq!(outcome.account.counted, 240, "{path}");
    lab.data("out")
}

fn expected() -> Files {
    outputs_of("log.csv", &sales().csv(), "")
}

#[test]
fn csv_json_lines_and_parquet_packed_or_not_give_the_same_bytes() {
    let (log, want) = (sales(), expected());
    assert_eq!(want.len(), 4, "{:?}", want.keys());
    for name in ["log.csv.gz", "log.csv.zst"] {
        assert_eq!(outputs_of(name, &log.csv(), ""), want, "{name}");
    }
    for name in ["log.jsonl", "log.jsonl.gz", "log.jsonl.zst", "log.ndjson"] {
        assert_eq!(outputs_of(name, &log.jsonl(), ""), want, "{name}");
    }
    for group in [1000, 50, 7] {
        assert_eq!(outputs_of("log.parquet", &log.parquet(group), ""), want, "row groups of {group}");
    }
}

#[test]
fn a_named_format_goes_before_the_extension() {
    assert_eq!(outputs_of("log.txt", &sales().csv(), "format = \"csv\""), expected());
    assert_eq!(outputs_of("log.txt", &sales().jsonl(), "format = \"jsonl\""), expected());
}

#[test]
fn delimiters_line_ends_and_byte_order_marks_do_not_show() {
    let (log, want) = (sales(), expected());
    for (delimiter, named) in [(";", ";"), ("|", "|"), ("\t", "\\t")] {
        let csv = log.csv_with(delimiter, "\n", true);
        assert_eq!(outputs_of("log.csv", &csv, &format!("delimiter = \"{named}\"")), want, "{named}");
    }
    assert_eq!(outputs_of("log.csv", &log.csv_with(",", "\r\n", true), ""), want, "CRLF");
    let marked = [b"\xef\xbb\xbf".as_slice(), &log.csv()].concat();
    assert_eq!(outputs_of("log.csv", &marked, ""), want, "BOM");
    let marked = [b"\xef\xbb\xbf".as_slice(), &log.jsonl()].concat();
    assert_eq!(outputs_of("log.jsonl", &marked, ""), want, "BOM before JSON");
    let mut open = log.csv();
    open.pop();
    assert_eq!(outputs_of("log.csv", &open, ""), want, "no line end at the end");
    let mut open = log.jsonl();
    open.pop();
    assert_eq!(outputs_of("log.jsonl", &open, ""), want, "no line end at the end");
}

#[test]
fn names_may_be_given_where_there_is_no_header() {
    let csv = sales().csv_with(",", "\n", false);
    let names = "columns = [\"at\", \"note\", \"n\", \"amount\", \"ratio\", \"ok\", \"day\"]";
    assert_eq!(outputs_of("log.csv", &csv, names), expected());
}

#[test]
fn files_may_order_columns_as_they_like_and_miss_nullable_ones() {
    // In the last third `ok` is always NULL, and two of its files do not have the column at all.
    let mut log = sales();
    let ok = log.index("ok");
    log.rows[160..].iter_mut().for_each(|row| row[ok] = Null);
    let want = outputs_of("log.csv", &log.csv(), "");

    let lab = Lab::new();
    lab.write("logs/part-1.csv", log.slice(0..100).csv());
    let turned = ["day", "ok", "ratio", "amount", "n", "note", "at"];
    lab.write("logs/part-2.csv.gz", log.slice(100..160).pick(&turned).csv());
    let fewer = ["ratio", "day", "at", "note", "amount", "n"];
    lab.write("logs/part-9.csv", log.slice(160..200).pick(&fewer).csv());
    lab.write("logs/part-10.csv", log.slice(200..240).pick(&fewer).csv());
    assert_eq!(outputs_in(&lab, "logs", ""), want, "CSV");

    let lab = Lab::new();
    lab.write("logs/part-1.jsonl", log.slice(0..100).jsonl());
    lab.write("logs/part-2.parquet", log.slice(100..160).pick(&turned).parquet(20));
    lab.write("logs/part-9.csv", log.slice(160..200).pick(&fewer).csv());
    lab.write("logs/part-10.parquet", log.slice(200..240).pick(&fewer).parquet(20));
    assert_eq!(outputs_in(&lab, "logs/part-*", ""), want, "all formats in one folder");
}

#[test]
fn a_source_may_be_a_list_of_paths_in_any_order() {
    let log = sales();
    let lab = Lab::new();
    lab.write("b/2.csv", log.slice(0..100).csv());
    lab.write("b/10.csv", log.slice(100..240).csv());
    let listed = job("X", "").replace("\"@/X\"", "[\"@/b/10.csv\", \"@/b/2.csv\"]");
    lab.library(&listed, PLAIN).unwrap();
    assert_eq!(lab.data("out"), expected());
}

#[test]
fn nested_fields_are_named_by_their_path() {
    let lab = Lab::new();
    let events = [
        r#"{"at": 1, "user": {"id": 7, "home": {"city": "Łódź"}}, "tags": [1, {"x": 2}]}"#,
        r#"{"user": {"home": null, "id": 8}, "extra": {"a": {"b": {}}}, "at": 2}"#,
        r#"{"at": 3, "user": null}"#,
        r#"{"at": 4, "user": {"home": {"city": "\u00d3buda \"x\"", "zip": "0100"}, "id": 7}}"#,
    ];
    lab.write("log.jsonl", events.join("\n"));
    let job = r#"
[source]
path = "log.jsonl"
time = "at"
time_unit = "s"
[[step]]
derive = { loud = 'upper("user.home.city")' }
[[output]]
path = "out.jsonl"
select = { id = '"user.id"', loud = "loud", zip = '"user.home.zip"' }
[[output]]
path = "by.csv"
by = ["user.id"]
select = { n = "count(*)", city = 'max("user.home.city")' }
"#;
    lab.done(job, &[]);
    insta::assert_snapshot!(lab.text("out.jsonl"), @r#"
    {"id":7,"loud":"ŁÓDŹ","zip":null}
    {"id":8,"loud":null,"zip":null}
    {"id":null,"loud":null,"zip":null}
    {"id":7,"loud":"ÓBUDA \"X\"","zip":"0100"}
    "#);
    insta::assert_snapshot!(lab.text("by.csv"), @r"
    user.id,n,city
    7,2,Łódź
    8,1,
    ,1,
    ");
}

/// Event times of one instant in all forms, and what the job says of them.
#[test]
fn every_form_of_time_names_the_same_instant() {
    let forms = [
        ("time_unit = \"s\"", "1711846800", "1711846801"),
        ("time_unit = \"ms\"", "1711846800000", "1711846801000"),
        ("time_unit = \"us\"", "1711846800000000", "1711846801000000"),
        ("time_unit = \"ns\"", "1711846800000000999", "1711846801000000000"),
        ("", "2024-03-31T01:00:00Z", "2024-03-31T01:00:01Z"),
        ("", "2024-03-31T02:00:00+01:00", "2024-03-31 02:00:01+0100"),
        ("", "2024-03-30T19:00:00.000000-06:00", "2024-03-30T19:00:01,0-06"),
        // Clocks in London went from 01:00 to 02:00: what lies between is the first instant after it.
        ("", "2024-03-31T02:00:00", "2024-03-31T02:00:01"),
        ("", "2024-03-31 01:30", "2024-03-31 02:00:01"),
        ("time_format = \"%d/%m/%Y %H.%M.%S\"", "31/03/2024 02.00.00", "31/03/2024 02.00.01"),
        ("time_format = \"%Y%m%dT%H%M%S%z\"", "20240331T010000+0000", "20240331T030001+0200"),
        ("time_format = \"%s\"", "1711846800", "1711846801"),
    ];
    for (rule, first, second) in forms {
        for (name, quote) in [("log.csv", ""), ("log.jsonl", "\"")] {
            let lab = Lab::new();
            let numbers = rule.contains("time_unit");
            let quote = if numbers { "" } else { quote };
            if name == "log.csv" {
                lab.write(name, format!("at,v\n\"{second}\",b\n\"{first}\",a\n"));
            } else {
                let line = |at: &str, v: &str| format!("{{\"at\":{quote}{at}{quote},\"v\":\"{v}\"}}\n");
                lab.write(name, line(second, "b") + &line(first, "a"));
            }
            let job = format!(
                "timezone = \"Europe/London\"\n[source]\npath = \"{name}\"\ntime = \"at\"\n{rule}\n\
                 [[output]]\npath = \"out.csv\"\nwindow = {{ tumbling = \"1s\" }}\nselect = {{ v = \"max(v)\" }}\n"
            );
            lab.done(&job, &[]);
            let want = "window_start,window_end,v\n\
                2024-03-31T02:00:00+01:00,2024-03-31T02:00:01+01:00,a\n\
                2024-03-31T02:00:01+01:00,2024-03-31T02:00:02+01:00,b\n";
            assert_eq!(lab.text("out.csv"), want, "{name} {rule} {first}");
        }
    }
}

#[test]
fn a_range_of_event_time_gives_the_same_rows_with_and_without_pruning() {
    let log = sales();
    let lab = Lab::new();
    lab.write("log.csv", log.csv());
    lab.write("sorted.parquet", {
        let mut sorted = log.clone();
        sorted.rows.sort_by_key(|row| match row[0] {
            Int(at) => at,
            _ => 0,
        });
        sorted.parquet(16)
    });
    let job = |path: &str, out: &str| {
        job(path, "").replace("@/out", out).replace("@/", "").replace(", l = \"last(note)\"", "")
    };
    // 2024-03-31 in London has 23 hours, from 00:00Z.
    let range = ["--from", "2024-03-31T04:00", "--to", "2024-03-31T12:00:00Z", "--json"];
    let csv = lab.done(&job("log.csv", "csv"), &range);
    let parquet = lab.done(&job("sorted.parquet", "parquet"), &range);
    assert_eq!(lab.data("csv")["groups.csv"], lab.data("parquet")["groups.csv"]);
    let account = |text: &str| crate::support::account(&serde_json::from_str(text).unwrap());
    let (csv, parquet) = (account(&csv.out), account(&parquet.out));
    let wanted = |row: &&Vec<Cell>| matches!(row[0], Int(at) if (1_711_854_000_000_000..1_711_886_400_000_000).contains(&at));
    let counted = log.rows.iter().filter(wanted).count() as u64;
    assert!(counted > 20);
    assert_eq!(csv, [240, 0, 240 - counted, 0, 0, counted]);
    // Row groups outside of the range were not read, and are in no account.
    assert!(parquet[0] < 240, "{parquet:?}");
    assert_eq!(parquet, [parquet[0], 0, parquet[0] - counted, 0, 0, counted]);
}

#[test]
fn columns_that_only_pass_through_keep_every_value() {
    let lab = Lab::new();
    let code = "id,code,big,when,at\n7,0012,99999999999999999999,2024-02-29T12:00:00+02:00,10\n-1,0,1,2024-02-29,9\n";
    lab.write("log.csv", code);
    let job =
        "[source]\npath = \"log.csv\"\ntime = \"at\"\ntime_unit = \"s\"\n[[output]]\npath = \"out.csv\"\n";
    lab.done(job, &[]);
    insta::assert_snapshot!(lab.text("out.csv"), @r"
    id,code,big,when,at
    -1,0,1,2024-02-29T00:00:00Z,9
    7,0012,99999999999999999999,2024-02-29T10:00:00Z,10
    ");
}
