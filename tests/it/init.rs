//! `init`: a first job for a log, which runs as it is and which SQL bears out.

use crate::golden::with_data;
use crate::laws::cases;
use crate::support::Lab;
use proptest::prelude::*;
use proptest::sample::select;
use std::fmt::Write;

/// The job that `init` prints.
fn job(lab: &Lab, files: &[&str]) -> String {
    let answer = lab.highwater(&[&["init"], files, &["-o", "-"]].concat());
    assert_eq!(answer.code, 0, "{files:?}: {}", answer.err);
    answer.out
}

/// Writes a job, runs it, and verifies it; gives its text.
fn first_minute(lab: &Lab, files: &[&str]) -> String {
    let job = job(lab, files);
    let made = lab.highwater(&[&["init"], files, &["-o", "first.toml", "--force"]].concat());
    assert_eq!(made.code, 0, "{}", made.err);
    assert_eq!(lab.text("first.toml"), job);
    for command in ["run", "verify", "explain"] {
        let answer = lab.highwater(&[command, "first.toml"]);
        assert_eq!(answer.code, 0, "{command}\n{job}\n{}{}", answer.out, answer.err);
    }
    job
}

fn refused(lab: &Lab, files: &[&str]) -> String {
    let answer = lab.highwater(&[&["init"], files].concat());
    assert!(
        answer.code == 2 || answer.code == 3,
        "{files:?}: exit {}\n{}{}",
        answer.code,
        answer.out,
        answer.err
    );
    answer.err
}

#[test]
fn jobs_of_the_sample_logs_run_and_verify() {
    let lab = with_data();
    insta::assert_snapshot!(first_minute(&lab, &["data/transactions"]), @r#"
    # Written by `highwater init`, which guesses: the comments say why. Correct what is wrong;
    # only `init --force` writes over this file. It looked at all 6,000 records, 2021-01-01 to 2023-12-31.
    name = "transactions"
    # timezone = "Europe/London"             # for times without an offset and for days; without it UTC

    [source]
    path = "data/transactions"
    time = "date"                            # the event time: ISO-8601, 2021-01-01 to 2023-12-31
    # other columns with times: value_date

    [source.types]
    amount = "decimal(18,2)"                 # exact, to the last digit
    balance = "decimal(18,2)"                # exact, to the last digit

    [[output]]                               # Parquet; a path that ends in .csv or .jsonl is one file
    path = "out/transactions"
    window = { tumbling = "1 month" }        # the log spans 1,094 days
    by = ["account_no"]                      # 30 values
    partition_by = ["year"]
    [output.select]
    events = "count(*)"
    amount_sum = "sum(amount)"
    balance_min = "min(balance)"
    balance_max = "max(balance)"

    [[output]]                               # the first ten of all, on the terminal
    path = "-"
    window = "global"
    by = ["account_no"]
    top = { n = 10, by = "amount_sum desc" }
    [output.select]
    events = "count(*)"
    amount_sum = "sum(amount)"
    balance_min = "min(balance)"
    balance_max = "max(balance)"
    "#);
    insta::assert_snapshot!(first_minute(&lab, &["data/sales/sales-1.jsonl", "data/sales/sales-2.jsonl"]), @r#"
    # Written by `highwater init`, which guesses: the comments say why. Correct what is wrong;
    # only `init --force` writes over this file. It looked at all 2,000 records, 2024-06-01 to 2024-06-01.
    name = "sales"
    # timezone = "Europe/London"             # for times without an offset and for days; without it UTC

    [source]
    path = [
        "data/sales/sales-1.jsonl",
        "data/sales/sales-2.jsonl",
    ]
    time = "sale_ts"                         # the event time: ISO-8601, 2024-06-01 to 2024-06-01

    [source.types]
    amount_usd = "decimal(18,2)"             # exact, to the last digit

    [[output]]                               # Parquet; a path that ends in .csv or .jsonl is one file
    path = "out/sales"
    window = { tumbling = "1m" }             # the log spans 59 minutes
    by = ["seller_id"]                       # 20 values
    partition_by = ["date"]
    select = { events = "count(*)", amount_usd_sum = "sum(amount_usd)" }

    [[output]]                               # the first ten of all, on the terminal
    path = "-"
    window = "global"
    by = ["seller_id"]
    top = { n = 10, by = "amount_usd_sum desc" }
    select = { events = "count(*)", amount_usd_sum = "sum(amount_usd)" }
    "#);
    insta::assert_snapshot!(first_minute(&lab, &["data/pageviews/*.csv"]), @r#"
    # Written by `highwater init`, which guesses: the comments say why. Correct what is wrong;
    # only `init --force` writes over this file. It looked at all 6,000 records, 2024-06-01 to 2024-06-03.
    name = "pageviews"
    # timezone = "Europe/London"             # for times without an offset and for days; without it UTC

    [source]
    path = "data/pageviews/*.csv"
    time = "timestamp"                       # the event time: numbers in seconds since 1970, 2024-06-01 to 2024-06-03
    time_unit = "s"

    [[output]]                               # Parquet; a path that ends in .csv or .jsonl is one file
    path = "out/pageviews"
    window = { tumbling = "1h" }             # the log spans 2 days
    by = ["webpage"]                         # 50 values
    # or by: postcode (2,226 values)
    partition_by = ["date"]
    select = { events = "count(*)" }

    [[output]]                               # the first ten of all, on the terminal
    path = "-"
    window = "global"
    by = ["webpage"]
    top = { n = 10, by = "events desc" }
    select = { events = "count(*)" }
    "#);
    insta::assert_snapshot!(first_minute(&lab, &["data/money/wallet-events"]), @r#"
    # Written by `highwater init`, which guesses: the comments say why. Correct what is wrong;
    # only `init --force` writes over this file. It looked at all 800 records, 2024-06-01 to 2024-06-07.
    name = "wallet-events"
    # timezone = "Europe/London"             # for times without an offset and for days; without it UTC

    [source]
    path = "data/money/wallet-events"
    time = "processedAt"                     # the event time: ISO-8601, 2024-06-01 to 2024-06-07

    [source.types]
    amount = "decimal(18,2)"                 # exact, to the last digit

    [[output]]                               # Parquet; a path that ends in .csv or .jsonl is one file
    path = "out/wallet-events"
    window = { tumbling = "1h" }             # the log spans 6 days
    by = ["userId"]                          # 31 values
    # or by: type (4 values), currency (6 values), moneyType (8 values), userSessionId (104 values)
    partition_by = ["date"]
    select = { events = "count(*)", amount_sum = "sum(amount)" }

    [[output]]                               # the first ten of all, on the terminal
    path = "-"
    window = "global"
    by = ["userId"]
    top = { n = 10, by = "amount_sum desc" }
    select = { events = "count(*)", amount_sum = "sum(amount)" }
    "#);
    for files in ["data/money/user-session-events", "data/money/user-events", "data/pageviews-late/late.csv"]
    {
        first_minute(&lab, &[files]);
    }
}

#[test]
fn what_was_guessed_is_said_with_the_next_commands() {
    let lab = with_data();
    let answer = lab.highwater(&["init", "data/sales"]);
    assert_eq!((answer.code, answer.err.as_str()), (0, ""));
    insta::assert_snapshot!(answer.out, @r"
    log         JSON Lines  2 files, all of 2,000 records
    event time  sale_ts     ISO-8601, 2024-06-01 to 2024-06-01
    window      1m          the log spans 59 minutes
    by          seller_id   20 values
    added up    amount_usd  decimal(18,2), such as 38.58

    wrote sales.toml; its comments say why. Now:
      highwater run sales.toml
      highwater report sales.toml -o out/sales.html
      highwater verify sales.toml
    ");
    let job = lab.text("sales.toml");
    let again = lab.highwater(&["init", "data/sales"]);
    assert_eq!(again.code, 2);
    insta::assert_snapshot!(again.err, @r"
    error: sales.toml already exists
      hint: -o names another file, `-o -` prints the job, and --force writes over it
    ");
    lab.write("sales.toml", "mine");
    assert_eq!(lab.highwater(&["init", "data/sales", "--output", "sales.toml"]).code, 2);
    assert_eq!(lab.text("sales.toml"), "mine");
    assert_eq!(lab.highwater(&["init", "data/sales", "--force"]).code, 0);
    assert_eq!(lab.text("sales.toml"), job);
    assert_eq!(lab.highwater(&["init", "data/sales", "-o", "new/folder/x.toml"]).code, 0);
    assert_eq!(lab.text("new/folder/x.toml"), job);
}

/// Rows of a shop: a time, a code, a name, a number and a price.
fn shop(head: &str, by: char, time: impl Fn(usize) -> String) -> String {
    let mut out = format!("{head}\n");
    for i in 0..60 {
        let fields = [
            time(i),
            format!("{:05}", i % 7),
            format!("\"name, {}\"", i % 3),
            (i % 5).to_string(),
            format!("{}.{}", i % 11, i % 10),
        ];
        writeln!(out, "{}", fields.join(&by.to_string())).unwrap();
    }
    out
}

const HEAD: &str = "when,store_code,name,quantity,unit price";

/// The time of a record, by its number.
type Time = Box<dyn Fn(usize) -> String>;

#[test]
fn times_are_read_as_they_are_written() {
    let lab = Lab::new();
    let day = |i: usize| i % 28 + 1;
    let cases: [(&str, Time, &str); 8] = [
        ("iso", Box::new(|i| format!("2024-06-01T00:{i:02}:00Z")), "time = \"when\""),
        ("s", Box::new(|i| (1_717_200_000 + 60 * i).to_string()), "time_unit = \"s\""),
        ("us", Box::new(|i| (1_717_200_000_000_000 + 60_000_000 * i).to_string()), "time_unit = \"us\""),
        ("us-date", Box::new(move |i| format!("6/{}/2024 13:{i:02}", day(i))), "\"%m/%d/%Y %H:%M\""),
        ("day-first", Box::new(move |i| format!("{}.06.2024 13:{i:02}:00", day(i))), "\"%d.%m.%Y %H:%M:%S\""),
        (
            "apache",
            Box::new(move |i| format!("{:02}/Jun/2024:13:{i:02}:00 +0200", day(i))),
            "\"%d/%b/%Y:%H:%M:%S %z\"",
        ),
        ("compact", Box::new(move |i| format!("202406{:02}", day(i))), "time_format = \"%Y%m%d\""),
        ("text", Box::new(|i| format!("1717200{i:03}.25")), "time_unit = \"s\""),
    ];
    for (name, time, said) in cases {
        lab.write("log.csv", shop(HEAD, ',', time));
        let job = first_minute(&lab, &["log.csv"]);
        assert!(job.contains(said), "{name}: {said} in\n{job}");
        assert!(job.contains("by = [\"store_code\"]"), "{name}\n{job}");
        assert!(job.contains("quantity * \"unit price\""), "{name}\n{job}");
    }
    lab.write("log.csv", shop(HEAD, ',', |i| format!("0{}/0{}/2024", i * 4 % 9 + 1, i * 5 % 9 + 1)));
    let answer = lab.highwater(&["init", "log.csv", "-o", "-"]);
    assert!(answer.err.contains("the values do not show which is the day"), "{}", answer.err);
    assert!(answer.out.contains("/%Y\": the values do not show"), "{}", answer.out);
}

#[test]
fn files_are_read_as_they_are_laid_out() {
    let lab = Lab::new();
    let iso = |i: usize| format!("2024-06-{:02} 12:00:00", i % 28 + 1);
    let head = |by: char| HEAD.replace(',', &by.to_string());
    lab.write("semi.csv", shop(&head(';'), ';', iso));
    assert!(first_minute(&lab, &["semi.csv"]).contains("delimiter = \";\""));
    lab.write("tabs.tsv", shop(&head('\t'), '\t', iso));
    assert!(!first_minute(&lab, &["tabs.tsv"]).contains("delimiter"));
    lab.write("tabs.csv", shop(&head('\t'), '\t', iso));
    assert!(first_minute(&lab, &["tabs.csv"]).contains("delimiter = \"\\u0009\""));
    lab.write("bom.csv.gz", format!("\u{feff}{}", shop(HEAD, ',', iso)));
    assert!(first_minute(&lab, &["bom.csv.gz"]).contains("name = \"bom\""));
    lab.write("zst.csv.zst", shop(HEAD, ',', iso));
    first_minute(&lab, &["zst.csv.zst"]);
    let whole = shop(HEAD, ',', iso);
    lab.write("bare.csv", whole.split_once('\n').unwrap().1);
    let bare = first_minute(&lab, &["bare.csv"]);
    assert!(bare.contains("columns = [\"column_1\", \"column_2\""), "{bare}");
    lab.write("log.txt", &whole);
    assert!(first_minute(&lab, &["log.txt"]).contains("format = \"csv\""));
    lab.write(
        "nested.jsonl",
        (0..40)
            .map(|i| {
                format!(
                    "{{\"at\":{},\"user\":{{\"id\":\"u{}\",\"tags\":[1]}},\"total\":{}.5,\"n\":null}}\n",
                    1_717_200_000_000u64 + i,
                    i % 4,
                    i
                )
            })
            .collect::<String>(),
    );
    let nested = first_minute(&lab, &["nested.jsonl"]);
    assert!(nested.contains("by = [\"user.id\"]") && nested.contains("time_unit = \"ms\""), "{nested}");
    assert!(nested.contains("total = \"decimal(18,1)\""), "{nested}");
    // Several files of unlike columns are one log; what a shell made of a glob becomes one again.
    for i in 0..5 {
        lab.write(
            &format!("many/{i}.csv"),
            if i < 4 { whole.clone() } else { whole.replace("name", "title") },
        );
    }
    let many: Vec<String> = (0..5).map(|i| format!("many/{i}.csv")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    let job = first_minute(&lab, &many);
    assert!(job.contains("path = \"many/*.csv\"") && job.contains("name = \"many\""), "{job}");
    let job = first_minute(&lab, &many[..2]);
    assert!(job.contains("    \"many/0.csv\",\n    \"many/1.csv\",\n"), "{job}");
}

#[test]
fn files_with_types_keep_them_and_their_floats_are_added_as_decimals() {
    let lab = Lab::new();
    let rows: String =
        (0..50).map(|i| format!("2024-06-01T{:02}:00:00Z,d{},{}.25\n", i % 24, i % 5, i)).collect();
    lab.write("in.csv", format!("at,device,kwh\n{rows}"));
    let copy = "[source]\npath = \"in.csv\"\ntime = \"at\"\n[[output]]\npath = \"log.parquet\"\n";
    lab.done(copy, &[]);
    let job = first_minute(&lab, &["log.parquet"]);
    assert!(job.contains("kwh_exact = \"CAST(kwh AS DECIMAL(18,2))\""), "{job}");
    assert!(job.contains("kwh_sum = \"sum(kwh_exact)\""), "{job}");
    assert!(lab.highwater(&["run", "first.toml"]).out.contains(" 257.50"), "{job}");
}

#[test]
fn odd_values_are_met_where_they_are() {
    let lab = Lab::new();
    // Far behind what a sample of the head sees: a code with a letter, a number with more places, records that are bad.
    let mut text = "t,code,price,note\n".to_string();
    for i in 0..3_000 {
        let code = if i == 2_900 { "C17".to_string() } else { (i % 9).to_string() };
        let price = if i == 2_950 { "1.125" } else { "2.5" };
        writeln!(text, "{},{code},{price},x", 1_717_200_000 + i).unwrap();
    }
    lab.write("late.csv", &text);
    let job = first_minute(&lab, &["late.csv"]);
    assert!(job.contains("code = \"string\"") && job.contains("price = \"decimal(18,3)\""), "{job}");
    assert!(!job.contains("on_bad_record"), "{job}");
    lab.write("bad.csv", format!("{text}1717203001,1\n,1,2.5,x\nsoon,1,2.5,x\n"));
    let job = first_minute(&lab, &["bad.csv"]);
    assert!(job.contains("# 3 records cannot be read, such as bad.csv:3002: "), "{job}");
    assert!(job.contains("on_bad_record = \"reject\""), "{job}");
    lab.write("names.csv", "\"a \"\"b\"\"\",order,x.y,\u{fc}ber,timestamp,\n1.5,o1,k,2,2024-01-01T00:00:00Z,\n2.5,o1,k,2,2024-01-01T00:00:09Z,\n");
    first_minute(&lab, &["names.csv"]);
    lab.write(
        "taken.csv",
        "window_start,events,amount,quantity,price\n2024-01-01,e1,a,2,1.5\n2024-01-02,e1,b,2,1.5\n",
    );
    first_minute(&lab, &["taken.csv"]);
    lab.write("strings.csv", "at,a,b\n2024-01-01,x,y\n2024-01-02,x,z\n");
    first_minute(&lab, &["strings.csv"]);
    lab.write("one.csv", "at\n2024-01-01\n");
    first_minute(&lab, &["one.csv"]);
}

#[test]
fn logs_that_no_job_can_be_written_for_are_refused() {
    let lab = Lab::new();
    lab.write("empty.csv", "");
    lab.write("head.csv", "a,b\n");
    lab.write("untimed.csv", "a,b\nx,1\ny,2\n");
    lab.write("mixed/a.csv", "t\n2024-01-01\n");
    lab.write("mixed/b.jsonl", "{\"t\":\"2024-01-01\"}\n");
    lab.write("words.txt", "one\ntwo\n");
    for (files, said) in [
        ("empty.csv", "empty.csv is empty"),
        ("head.csv", "its columns are a, b"),
        ("untimed.csv", "`b` is int64, such as 1"),
        ("untimed.csv", "a job needs the time of each event"),
        ("mixed", "mixed/a.csv is CSV, and mixed/b.jsonl is JSON Lines"),
        ("words.txt", "does not show the format"),
        ("hed.csv", "did you mean `head.csv`?"),
    ] {
        let err = refused(&lab, &[files]);
        assert!(err.contains(said), "{files}: {said} in\n{err}");
    }
    assert!(lab.files("").keys().all(|path| !path.ends_with(".toml")));
}

#[test]
fn a_large_log_is_sampled_at_its_middle_and_its_end_too() {
    let lab = Lab::new();
    let mut text = String::with_capacity(140 << 20);
    text.push_str("t,code,price,note\n");
    let pad = "x".repeat(4_000);
    let rows = 36_000;
    for i in 0..rows {
        let code = if i + 3 == rows { "C17".to_string() } else { (i % 9).to_string() };
        let price = if i == rows / 2 + 3 { "1.125" } else { "2.5" };
        writeln!(text, "{},{code},{price},{pad}", 1_717_200_000 + i).unwrap();
    }
    assert!(text.len() > 128 << 20);
    lab.write("large.csv", &text);
    let job = job(&lab, &["large.csv"]);
    assert!(job.contains("a sample of") && job.contains("code = \"string\""), "{job}");
    // Two places more than were seen, and what does not fit is no end of a run.
    assert!(job.contains("price = \"decimal(18,5)\"") && job.contains("on_bad_record = \"reject\""), "{job}");
}

/// The values of a column, by the number of the record.
fn column(kind: usize, i: u64, seed: u64) -> String {
    let draw = i.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(seed).rotate_left(23) % 1_000;
    match kind {
        0 => format!("2024-06-{:02}T{:02}:30:00.5Z", draw % 28 + 1, draw % 24),
        1 => (1_717_200_000 + draw * 977).to_string(),
        2 => format!("{}/{}/2024", draw % 28 + 1, draw % 12 + 1),
        3 => (draw % 13).to_string(),
        4 => format!("{}.{:02}", draw % 50, draw % 100),
        5 => format!("-{}.123456789012345", draw),
        6 => format!("{:06}", draw % 40),
        7 => ["red", "green, blue", "", "it's \"so\""][draw as usize % 4].to_string(),
        8 => ["true", "false"][draw as usize % 2].to_string(),
        9 => format!("{}e{}", draw, draw % 300),
        10 => (9_223_372_036_854_775_000 + draw).to_string(),
        11 => {
            if draw.is_multiple_of(7) {
                "n/a".to_string()
            } else {
                draw.to_string()
            }
        }
        12 => format!("id-{i}"),
        13 => {
            if draw.is_multiple_of(3) {
                String::new()
            } else {
                format!("{}.0", 17_000 + draw % 9)
            }
        }
        _ => format!("2024-02-{:02}", draw % 29 + 1),
    }
}

const NAMES: [&str; 18] = [
    "timestamp",
    "created_at",
    "user id",
    "UserID",
    "amount",
    "unit_price",
    "Quantity",
    "order",
    "select",
    "x.y",
    "\"q\"",
    "window_start",
    "events",
    "events_2",
    "amount_sum",
    "\u{fc}ber",
    "_time",
    "group",
];

proptest! {
    #![proptest_config(cases(40))]

    #[test]
    fn what_init_writes_runs_and_verifies(
        names in proptest::sample::subsequence(NAMES.to_vec(), 2..8).prop_shuffle(),
        kinds in proptest::collection::vec(0..15usize, 8),
        records in 1..80u64,
        seed in any::<u64>(),
        form in select(vec!["csv", "csv;", "jsonl", "csv.gz"]),
    ) {
        let lab = Lab::new();
        let by = if form == "csv;" { ';' } else { ',' };
        let mut text = String::new();
        let quoted = |value: &str| match value.contains(['"', ',', ';']) {
            true => format!("\"{}\"", value.replace('"', "\"\"")),
            false => value.to_string(),
        };
        let join = |fields: Vec<String>| fields.join(&by.to_string()) + "\n";
        if form != "jsonl" {
            text += &join(names.iter().map(|name| quoted(name)).collect());
        }
        for i in 0..records {
            let values: Vec<String> = kinds.iter().take(names.len()).map(|&kind| column(kind, i, seed)).collect();
            if form == "jsonl" {
                let fields: serde_json::Map<String, serde_json::Value> = names.iter().zip(&values).map(|(name, value)| {
                    let number = value.parse::<f64>().is_ok_and(f64::is_finite) && !value.starts_with('0');
                    let json = if value.is_empty() { "null".to_string() } else if number { value.clone() } else { format!("{value:?}") };
                    (name.to_string(), serde_json::from_str(&json).unwrap())
                }).collect();
                text += &format!("{}\n", serde_json::Value::Object(fields));
            } else {
                text += &join(values.iter().map(|value| quoted(value)).collect());
            }
        }
        let file = format!("log.{}", form.trim_end_matches(';'));
        lab.write(&file, &text);
        let made = lab.highwater(&["init", &file, "-o", "first.toml"]);
        if made.code != 0 {
            let known = ["contains times", "no record", "two columns are named"];
            prop_assert!(known.iter().any(|said| made.err.contains(said)), "{}\n{text}", made.err);
            return Ok(());
        }
        let job = lab.text("first.toml");
        for command in ["run", "verify"] {
            let answer = lab.highwater(&[command, "first.toml"]);
            prop_assert_eq!(answer.code, 0, "{}\n{}\n{}{}\n{}", command, job, answer.out, answer.err, text);
        }
    }
}

#[test]
fn columns_that_folders_tell_are_there_to_be_read() {
    let lab = with_data();
    let job = first_minute(&lab, &["data/logs/spark"]);
    let types = job.split("[source.types]").nth(1).unwrap().split("\n\n").next().unwrap();
    insta::assert_snapshot!(types, @r##"
# shard = "string"                       # from folder names, such as shard=0; remove the first # to read it
"##);
    // Without the `#` they are read.
    let answer =
        lab.run(&job.replace("# shard", "shard").replace("by = [", "by = [\"shard\", "), &["--quiet"]);
    assert_eq!(answer.code, 0, "{}", answer.err);
}

#[test]
fn logs_of_months_and_years_have_windows_of_months_and_years() {
    for (texts, format, window) in [
        (["2024-01", "2024-02", "2024-04"], "%Y-%m", "1 month"),
        (["202401", "202402", "202404"], "%Y%m", "1 month"),
        (["01.2024", "02.2024", "04.2024"], "%m.%Y", "1 month"),
        (["Jan 2024", "Feb 2024", "Apr 2024"], "%b %Y", "1 month"),
        (["January-24", "May-24", "June-24"], "%B-%y", "1 month"),
        (["2021", "2022", "2023"], "%Y", "1 year"),
    ] {
        let lab = Lab::new();
        let rows = texts.map(|text| format!("{text},north,12.50\n"));
        lab.write("log.csv", format!("month,region,amount\n{}", rows.concat()));
        let job = first_minute(&lab, &["log.csv"]);
        assert!(job.contains(&format!("time_format = \"{format}\"")), "{format}: {job}");
        assert!(job.contains(&format!("window = {{ tumbling = \"{window}\" }}")), "{format}: {job}");
    }
    // A column of days goes before one of their months, and years that are counts are no times.
    let lab = Lab::new();
    lab.write("log.csv", "month,day,amount\n2024-01,2024-01-05,1.5\n2024-01,2024-01-07,2.5\n");
    let job = first_minute(&lab, &["log.csv"]);
    assert!(job.contains("time = \"day\""), "{job}");
    lab.write("log.csv", "day,visits\n2024-01-05,2010\n2024-01-07,1999\n");
    let job = first_minute(&lab, &["log.csv"]);
    assert!(job.contains("time = \"day\"") && job.contains("sum(visits)"), "{job}");
}
