//! The referee's own eyes: what it reads of files is what a job reads of them, though no code is shared; and users'
//! statements over it.

use crate::laws::cases;
use crate::log;
use crate::referee_parts::in_parts;
use crate::sql_rows::Table;
use crate::support::{Lab, PLAIN};
use highwater::verify::referee;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

const TYPES: &str = "types = { k = \"string\", n = \"int64\", m = \"decimal(9,2)\", f = \"float64\", b = \"bool\", \
    d = \"date\", t = \"timestamp\" }";
const NAMES: [&str; 7] = ["k", "n", "m", "f", "b", "d", "t"];

/// A job that shows all columns of its events.
fn job(file: &str, time: &str, more: &str) -> String {
    format!(
        "timezone = \"Europe/London\"\n[source]\npath = \"@/{file}\"\ntime = \"at\"\n{time}\n{TYPES}\n{more}\n\
        [[output]]\npath = \"@/out/rows.parquet\"\nselect = {{ {} }}\n",
        NAMES.map(|name| format!("{name} = \"{name}\"")).join(", ")
    )
}

/// The rows that the referee reads are those that a run reads.
fn reads_alike(lab: &Lab, job: &str) -> Result<usize, TestCaseError> {
    let fail = |e: highwater::error::Error| TestCaseError::fail(format!("{e}\n{job}"));
    lab.library(job, PLAIN).map_err(fail)?;
    let query = format!("SELECT {} FROM source ORDER BY _time, _position", NAMES.join(", "));
    let plan = lab.plan(job).map_err(fail)?;
    let theirs = Table::of(&[referee::run(&plan, &query).map_err(fail)?]);
    let ours = Table::parquet(lab, "out/rows.parquet");
    // The event time is a column of its own in outputs of events.
    let names: Vec<&str> = ours.columns.iter().map(|(name, _)| name.as_str()).collect();
    let picked: Vec<usize> = NAMES.iter().filter_map(|name| names.iter().position(|n| n == name)).collect();
    prop_assert_eq!(picked.len(), NAMES.len(), "{:?}", names);
    let ours = Table {
        columns: picked.iter().map(|&i| ours.columns[i].clone()).collect(),
        rows: ours.rows.iter().map(|row| picked.iter().map(|&i| row[i].clone()).collect()).collect(),
    };
    // The same records, of which some lines are one piece.
    for part in [1, 400] {
        let (parts, _) =
            in_parts(&plan, 0, &query, part).map_err(|e| TestCaseError::fail(format!("{e}\n{job}")))?;
        if let Some(why) = theirs.clone().sorted().difference(&parts.sorted()) {
            return Err(TestCaseError::fail(format!("in pieces of {part} bytes: {why}\n{job}")));
        }
    }
    match ours.difference(&theirs) {
        None => Ok(ours.rows.len()),
        Some(why) => Err(TestCaseError::fail(format!("{why}\n{job}"))),
    }
}

const TIMES: [&str; 3] = ["", "time_unit = \"us\"", "time_format = \"%d/%m/%Y %H:%M\""];
const RIGHT: [&str; 3] = ["2024-02-29", "1709164800000000", "29/02/2024 00:00"];
const ZEROS: [&str; 8] = ["", "0", "00", "-0", "0.0", "007", "+7", "-5"];

/// The text of a value of a column, mostly one that can be read.
fn value(column: usize, rule: usize) -> BoxedStrategy<String> {
    let hostile = "[a1\",\n\r\t é0.+-]{0,5}";
    let good: BoxedStrategy<String> = match column {
        0 => match rule {
            0 => "2024-0[1-6]-[0-2][1-9](T0[0-9]:[0-5][0-9](:[0-5][0-9](\\.[0-9]{1,8})?)?(Z|\\+01:00|-0330|)| 01:30)?"
                .boxed(),
            1 => (-1000i64..2_000_000_000_000_000).prop_map(|v| v.to_string()).boxed(),
            _ => "[0-2][1-9]/0[1-9]/2024 [0-2][0-3]:[0-5][0-9]".boxed(),
        },
        1 => "[a-c\"'; é日]{0,4}".boxed(),
        2 => prop_oneof![3 => (-50i64..50).prop_map(|v| v.to_string()), 1 => select(ZEROS.to_vec()).prop_map(String::from),
            1 => Just("9223372036854775808".to_string())]
            .boxed(),
        3 => "-?[0-9]{1,4}(\\.[0-9]{0,3})?(e[0-2])?".boxed(),
        4 => "-?[0-9]{1,3}(\\.[0-9]{1,4})?(e-?[0-9]{1,3})?|NaN|inf|-Infinity".boxed(),
        5 => select(vec!["true", "false", "TRUE", "False", "t", ""]).prop_map(String::from).boxed(),
        6 => "2024-0[0-3]-[0-3][0-9]".boxed(),
        _ => "2024-0[1-3]-[0-3][0-9]( [0-2][0-9]:[0-5][0-9](:00,5)?Z?)?".boxed(),
    };
    // The time has to be there mostly, or there are no rows.
    let rare = if column == 0 { 60 } else { 20 };
    prop_oneof![rare => good, 2 => Just(String::new()), 1 => hostile].boxed()
}

fn record(rule: usize) -> impl Strategy<Value = Vec<String>> {
    (0..8).map(|column| value(column, rule)).collect::<Vec<_>>()
}

/// A field as CSV has it, as a rule.
fn field(text: &str, quote: usize) -> String {
    let needed = text.contains(['"', ',', '\n', '\r']);
    match quote {
        // Nothing is escaped: what comes of it is what the rules say.
        0 => text.to_string(),
        1 => format!("\"{text}\""),
        n if needed || n % 5 == 2 => format!("\"{}\"", text.replace('"', "\"\"")),
        _ => text.to_string(),
    }
}

proptest! {
    #![proptest_config(cases(400))]

    #[test]
    fn csv_is_read_as_a_job_reads_it(
        (rule, records) in (0..TIMES.len()).prop_flat_map(|rule| {
            (Just(rule), vec((record(rule), vec(0..60usize, 8), select(vec!["\n", "\n", "\r\n", "\n\n", "\r\n\r\n", "\n,\n"])), 0..30))
        }),
        end in select(vec!["", "\n", "\r", "\"", "1,\"2"]),
        cut in proptest::option::of(0..30usize),
        bom in any::<bool>(),
        gz in any::<bool>(),
    ) {
        // Of a log without any time that can be read, a job is refused.
        let head = format!("at,k,n,m,f,b,d,t\n{},,,,,,,\n", RIGHT[rule]);
        let mut files = vec![String::from(if bom { "\u{feff}" } else { "" }) + &head];
        for (i, (record, quotes, line_end)) in records.iter().enumerate() {
            if Some(i) == cut {
                files.push(head.clone());
            }
            let fields: Vec<String> = record.iter().zip(quotes).map(|(text, quote)| field(text, *quote)).collect();
            let last = files.last_mut().unwrap();
            last.push_str(&fields.join(","));
            last.push_str(line_end);
        }
        files.last_mut().unwrap().push_str(end);
        let lab = Lab::new();
        for (i, text) in files.iter().enumerate() {
            lab.write(&format!("log{i}.{}", if gz && i == 1 { "csv.gz" } else { "csv" }), text);
        }
        let job = job("log*", TIMES[rule], "on_bad_record = \"reject\"\nrejects = \"@/rejects.jsonl\"");
        reads_alike(&lab, &job).map_err(|e| TestCaseError::fail(format!("{e}\n{files:?}")))?;
    }

    #[test]
    fn json_is_read_as_a_job_reads_it(
        (rule, records) in (0..TIMES.len()).prop_flat_map(|rule| {
            (Just(rule), vec((record(rule), vec(0..40usize, 8)), 0..30))
        }),
        garbage in select(vec!["", "{", "[]", "{\"at\":1}}", "  ", "\r", "{}", "nul", "{\"at\":\"\\ud83d\\ude00\"}"]),
    ) {
        let names = ["at", "k", "n", "m", "f", "b", "d", "t"];
        let mut lines: Vec<String> = vec![];
        for (record, how) in &records {
            let mut fields = vec![];
            for ((name, text), how) in names.iter().zip(record).zip(how) {
                let string = log::json(text);
                let number = text.parse::<f64>().is_ok_and(f64::is_finite) && serde_json::from_str::<serde_json::Value>(text).is_ok();
                let text = match how {
                    0 => continue,
                    1 => "null".into(),
                    2 => format!("{{ \"x\": [1, {string}] }}"),
                    3 if number && !text.contains(['.', 'e']) => format!("{text}.0"),
                    4 if number && !text.contains(['.', 'e']) => format!("{text}0e-1"),
                    5..20 if number || text == "true" || text == "false" => text.clone(),
                    _ => string,
                };
                fields.push(format!("\"{name}\":{text}"));
                if *how == 6 {
                    fields.push(format!("\"{name}\" : {text}"));
                }
            }
            lines.push(format!("{{{}}}", fields.join(", ")));
            if how[0] == 7 {
                lines.push(garbage.into());
            }
        }
        let lab = Lab::new();
        // The types are declared, but the columns have to be there.
        let first = names[1..].iter().map(|name| format!("\"{name}\": null")).collect::<Vec<_>>().join(",");
        lab.write("log.jsonl", format!("{{\"at\": {:?}, {first}}}\n{}", RIGHT[rule], lines.join("\n")));
        let job = job("log.jsonl", TIMES[rule], "on_bad_record = \"reject\"\nrejects = \"@/rejects.jsonl\"");
        reads_alike(&lab, &job).map_err(|e| TestCaseError::fail(format!("{e}\n{lines:#?}")))?;
    }
}

/// A log of every type, in each format, and files of several formats beside one another.
#[test]
fn every_format_is_read_as_a_job_reads_it() {
    let log = log::sales(120, |i| {
        log::Cell::Text(["plain", "", "a,b", "two\nlines", "größe"][i as usize % 5].into())
    });
    let types = log.types();
    let names: Vec<&str> = log.columns.iter().map(|(name, _)| name.as_str()).collect();
    let query = format!("SELECT {} FROM source ORDER BY _time, _position", names.join(", "));
    let mut seen: Option<Table> = None;
    let half = |part: usize| log.slice(part * 60..part * 60 + 60);
    let files: [&[(&str, Vec<u8>)]; 5] = [
        &[("log.csv", log.csv())],
        &[("log.jsonl", log.jsonl())],
        &[("log.parquet", log.parquet(7))],
        &[("log1.csv.gz", half(0).csv()), ("log2.jsonl.zst", half(1).jsonl())],
        &[("log1.parquet", half(0).parquet(9)), ("log10.csv", half(1).csv())],
    ];
    for files in files {
        let lab = Lab::new();
        files.iter().for_each(|(name, bytes)| lab.write(name, bytes));
        let select: Vec<String> = names.iter().map(|name| format!("{name} = \"{name}\"")).collect();
        let job = format!(
            "[source]\npath = \"@/log*\"\ntime = \"at\"\ntime_unit = \"us\"\n{types}\n[[output]]\npath = \"@/out/rows.parquet\"\nselect = {{ {} }}\n",
            select.join(", ")
        );
        lab.library(&job, PLAIN).unwrap_or_else(|e| panic!("{e}"));
        let found =
            Table::of(&[referee::run(&lab.plan(&job).unwrap(), &query).unwrap_or_else(|e| panic!("{e}"))]);
        assert_eq!(Table::parquet(&lab, "out/rows.parquet").difference(&found), None, "{:?}", files[0].0);
        assert_eq!(found.rows.len(), 120);
        assert!(seen.as_ref().is_none_or(|seen| *seen == found), "{:?}", files[0].0);
        seen = Some(found);
    }
}

/// Types that only files with types have: times without a zone, narrow and unsigned integers, floats of whole numbers.
#[test]
fn types_of_parquet_are_read_as_a_job_reads_them() {
    use arrow_array::*;
    use std::sync::Arc;
    let hour = 3_600_000_000_000i64;
    let columns: Vec<(&str, ArrayRef)> = vec![
        // Around the change of clocks in London.
        (
            "at",
            Arc::new(TimestampNanosecondArray::from(vec![
                475_056 * hour,
                475_057 * hour,
                475_058 * hour + 999,
            ])),
        ),
        (
            "t",
            Arc::new(TimestampMillisecondArray::from(vec![Some(5), None, Some(-7)]).with_timezone("+02:00")),
        ),
        ("k", Arc::new(UInt64Array::from(vec![Some(u64::MAX), None, Some(7)]))),
        ("n", Arc::new(Float32Array::from(vec![Some(3.0), Some(-4.0), None]))),
        ("m", Arc::new(Int16Array::from(vec![Some(3), None, Some(-12)]))),
        (
            "f",
            Arc::new(
                Decimal128Array::from(vec![Some(125), None, Some(-1)])
                    .with_precision_and_scale(9, 2)
                    .unwrap(),
            ),
        ),
        ("b", Arc::new(BooleanArray::from(vec![Some(true), None, Some(false)]))),
        ("d", Arc::new(Date64Array::from(vec![Some(86_400_000), None, Some(0)]))),
    ];
    let batch =
        RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(n, a)| (n, a, true))).unwrap();
    let mut writer = parquet::arrow::ArrowWriter::try_new(vec![], batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    let lab = Lab::new();
    lab.write("log.parquet", writer.into_inner().unwrap());
    assert_eq!(reads_alike(&lab, &job("log.parquet", "", "")).unwrap_or_else(|e| panic!("{e}")), 3);
}

const SALES: &str = "at,account,amount,note\n\
    2023-12-31 20:00,a,0.10,x\n2023-12-31 23:00,a,0.20,\n2024-01-31 15:00,b,100.05,\"\"\n2024-01-31 18:00,b,3.00,y\n";
const SALES_JOB: &str = "timezone = \"Asia/Jakarta\"\n[source]\npath = \"@/log.csv\"\ntime = \"at\"\n\
    types = { amount = \"decimal(18,2)\" }\n[[output]]\npath = \"@/out/a.csv\"\nwindow = { tumbling = \"1 month\" }\n\
    by = [\"account\"]\nselect = { total = \"sum(amount)\" }\n";

fn sales(query: &str) -> Result<Table, highwater::error::Error> {
    let lab = Lab::new();
    // As a log of UTC has it.
    lab.write("log.csv", SALES.replace(":00,", ":00Z,"));
    referee::run_own(&lab.plan(SALES_JOB)?, query).map(|batch| Table::of(&[batch]))
}

#[test]
fn statements_of_users_see_the_wall_clock_and_all_columns() {
    let query = "SELECT account, EXTRACT(year FROM at) AS y, EXTRACT(month FROM at) AS m, SUM(amount) AS total, \
        COUNT(note) AS notes FROM source GROUP BY account, y, m ORDER BY account, y, m";
    let found = sales(query).unwrap_or_else(|e| panic!("{e}"));
    let rows: Vec<String> = found.rows.iter().map(|row| row.join(" ")).collect();
    // In Jakarta all of December 31 after 17:00 UTC is January, and of January 31 it is February.
    assert_eq!(rows, ["\"a\" 2024 1 0.3 1", "\"b\" 2024 1 100.05 1", "\"b\" 2024 2 3 1"]);
    let all = sales("SELECT * FROM source").unwrap_or_else(|e| panic!("{e}"));
    let mut names: Vec<&str> = all.columns.iter().map(|(name, _)| name.as_str()).collect();
    names.sort_unstable();
    assert_eq!(names, ["_position", "_time", "account", "amount", "at", "note"]);
}

#[test]
fn what_polars_refuses_is_said_in_its_words() {
    let wrong = |query: &str| sales(query).expect_err(query).to_string();
    insta::assert_snapshot!(wrong("SELEC account FROM source"), @r"
    error: Polars refuses the statement
      cause: sql parser error: Expected: an SQL statement, found: SELEC at Line: 1, Column: 1
    ");
    insta::assert_snapshot!(wrong("SELECT acount FROM source"), @r#"
    error: Polars refuses the statement
      cause: not found: unable to find column "acount"; valid columns: ["account", "amount", "_time", "_position"]
      hint: did you mean `account`?
    "#);
    insta::assert_snapshot!(wrong("SELECT account FROM sources"), @r"
    error: Polars refuses the statement
      cause: relation 'sources' was not found
      hint: did you mean `source`?
    ");
    insta::assert_snapshot!(wrong("SELECT account - at FROM source"), @r"
    error: Polars refuses the statement
      cause: - not allowed on str and datetime[μs, Asia/Jakarta]
    ");
}

#[test]
fn bad_records_are_left_out_or_named() {
    let lab = Lab::new();
    lab.write("log1.csv", "at,k,n,m,f,b,d,t\n1,a,1,,,,,\n");
    lab.write("log2.csv", "at,k,n,m,f,b,d,t\n2,b,2,,,,,\n3,c,three,,,,,\n,d,4,,,,,\n5,e\n");
    let wrong = lab.plan(&job("log*.csv", "time_unit = \"s\"", "")).unwrap();
    let error = referee::run(&wrong, "SELECT n FROM source").unwrap_err().to_string();
    assert!(error.contains("log2.csv: record 4: it is of 2 fields, but 8 are expected"), "{error}");
    lab.write("log2.csv", "at,k,n,m,f,b,d,t\n2,b,2,,,,,\n3,c,three,,,,,\n,d,4,,,,,\n");
    let wrong = lab.plan(&job("log*.csv", "time_unit = \"s\"", "")).unwrap();
    let error = referee::run(&wrong, "SELECT n FROM source").unwrap_err().to_string();
    assert!(error.contains("log2.csv: record 2: column `n`: `three` is not a valid int64"), "{error}");
    let job = job("log*.csv", "time_unit = \"s\"", "on_bad_record = \"reject\"");
    let right =
        Table::of(&[
            referee::run(&lab.plan(&job).unwrap(), "SELECT n, _position FROM source ORDER BY n").unwrap()
        ]);
    assert_eq!(right.rows, [["1", "0"], ["2", "1"]]);
}
