//! Event times that are computed from other columns as records are read: `derive` of a source and `time` as an expression.

use crate::laws::cases;
use crate::support::{Lab, Machine, PLAIN, account};
use highwater::plan::Mode;
use proptest::prelude::*;
use proptest::sample::select;
use std::fmt::Write;

/// A way to write the time of an event, and how a job reads it.
struct Shape {
    /// The head of the file's other columns.
    head: &'static str,
    /// `time` and what belongs to it.
    keys: &'static str,
    /// The fields of an instant, given as local date and time: year, month, day, hour, minute, second.
    fields: fn([i64; 6]) -> String,
}

const SHAPES: [Shape; 10] = [
    Shape {
        head: "Date,Time",
        keys: "time = \"ts\"\nderive = { ts = \"Date || ' ' || Time\" }\ntime_format = \"%d/%m/%Y %H:%M:%S\"\n",
        fields: |[y, m, d, h, n, s]| format!("{d:02}/{m:02}/{y},{h:02}:{n:02}:{s:02}"),
    },
    Shape {
        head: "Date,Time",
        keys: "time = \"Date || ' ' || Time\"\n",
        fields: |[y, m, d, h, n, s]| format!("{y}-{m:02}-{d:02},{h:02}:{n:02}:{s:02}"),
    },
    Shape {
        head: "Trans. Date,Trans. Time",
        keys: "time = '\"Trans. Date\" || \"Trans. Time\"'\ntime_format = \"%b %e, %Y%I:%M:%S %p\"\n",
        fields: |[y, m, d, h, n, s]| {
            let month = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
            let (hour, half) = (if h % 12 == 0 { 12 } else { h % 12 }, if h < 12 { "AM" } else { "PM" });
            format!("\"{} {d}, {y}\",{hour:02}:{n:02}:{s:02} {half}", month[m as usize - 1])
        },
    },
    Shape {
        head: "year,month,day,hour,minute,second",
        keys: "time = \"at\"\n[source.derive]\nday_of = \"MAKE_DATE(year, month, day)\"\n\
               clock = \"LPAD(CAST(hour AS VARCHAR), 2, '0') || ':' || LPAD(CAST(minute AS VARCHAR), 2, '0')\"\n\
               at = \"day_of || ' ' || clock || ':' || LPAD(CAST(second AS VARCHAR), 2, '0')\"\n",
        fields: |[y, m, d, h, n, s]| format!("{y},{m},{d},{h},{n},{s}"),
    },
    Shape {
        head: "day,second",
        keys: "time = \"CAST(day || ' 00:00:00' AS TIMESTAMP) + INTERVAL '1 second' * second\"\n",
        fields: |[y, m, d, h, n, s]| format!("{y}-{m:02}-{d:02},{}", h * 3600 + n * 60 + s),
    },
    // Days and their parts, as spreadsheets count them.
    Shape {
        head: "serial",
        keys: "time = \"serial\"\ntime_unit = \"excel\"\n",
        fields: |[y, m, d, h, n, s]| {
            let seconds = (h * 3600 + n * 60 + s) as f64;
            format!("{}", (days(y, m, d) + 25_569) as f64 + seconds / 86_400.0)
        },
    },
    Shape {
        head: "day,part",
        keys: "time = \"day + part\"\ntime_unit = \"d\"\ntypes = { part = \"decimal(20,18)\" }\n",
        fields: |[y, m, d, h, n, s]| {
            // A microsecond more is cut away, and so is never one too few.
            let micros = (h * 3600 + n * 60 + s) as i128 * 1_000_000;
            let part = (micros * 1_000_000_000_000_000_000 + 86_399_999_999) / 86_400_000_000;
            format!(
                "{},{}.{:018}",
                days(y, m, d),
                part / 1_000_000_000_000_000_000,
                part % 1_000_000_000_000_000_000
            )
        },
    },
    Shape {
        head: "epoch",
        keys: "time = \"epoch\"\ntime_unit = [\"s\", \"ms\"]\n",
        fields: |[y, m, d, h, n, s]| {
            let second = days(y, m, d) * 86_400 + h * 3600 + n * 60 + s;
            if s % 2 == 0 { format!("{second}") } else { format!("{second}000") }
        },
    },
    Shape {
        head: "sent,zone",
        keys: "time = \"sent || zone\"\ntypes = { sent = \"string\" }\n",
        fields: |[y, m, d, h, n, s]| format!("{y}-{m:02}-{d:02}T{h:02}:{n:02}:{s:02},Z"),
    },
    Shape {
        head: "at",
        keys: "time = \"instant\"\nderive = { instant = \"CAST(TRIM(REPLACE(at, '[', ' ')) AS TIMESTAMP)\" }\n",
        fields: |[y, m, d, h, n, s]| format!("[{y}-{m:02}-{d:02} {h:02}:{n:02}:{s:02}"),
    },
];

/// Days since 1970. (Howard Hinnant, days_from_civil)
fn days(y: i64, m: i64, d: i64) -> i64 {
    let y = if m <= 2 { y - 1 } else { y };
    let era = y.div_euclid(400);
    let (of_era, of_year) = (y - era * 400, (153 * (m + if m > 2 { -3 } else { 9 }) + 2) / 5 + d - 1);
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

const OUTPUTS: &str = "[[output]]\npath = \"@/counts.csv\"\nwindow = { tumbling = \"1m\" }\nby = [\"k\"]\n\
    select = { n = \"count(*)\", total = \"sum(v)\", last = \"last(v)\" }\n\
    [[output]]\npath = \"@/rows\"\nformat = \"jsonl\"\nselect = { k = \"k\", v = \"v\" }\npartition_by = [\"date\", \"hour\"]\n";

fn job(keys: &str, mode: &str) -> String {
    let (source, derive) = match keys.split_once("[source.derive]") {
        Some((source, derive)) => (source, format!("[source.derive]{derive}")),
        None => (keys, String::new()),
    };
    format!(
        "mode = \"{mode}\"\n[source]\npath = \"@/log*\"\nout_of_orderness = \"20s\"\n{source}{derive}{OUTPUTS}\
         [late]\npath = \"@/late.jsonl\"\n"
    )
}

fn outputs(lab: &Lab) -> Vec<(String, Vec<u8>)> {
    let mut all: Vec<(String, Vec<u8>)> = lab.data("rows").into_iter().collect();
    all.push(("counts.csv".into(), lab.text("counts.csv").into_bytes()));
    all
}

type Event = ([i64; 6], u8, i64);

fn event() -> impl Strategy<Value = Event> {
    let day = (2020..2026i64, 1..=12i64, 1..=28i64);
    // Most lie near to one another, so that windows have several.
    let near = (Just((2024i64, 2i64, 29i64)), 10..12i64, 0..60i64, 0..60i64);
    let far = (day, 0..24i64, 0..60i64, 0..60i64);
    let time = prop_oneof![4 => near.boxed(), 1 => far.boxed()];
    (time, 0..3u8, -50..50i64).prop_map(|(((y, m, d), h, n, s), k, v)| ([y, m, d, h, n, s], k, v))
}

fn file(head: &str, events: &[Event], fields: impl Fn([i64; 6]) -> String) -> String {
    let mut out = format!("k,{head},v\n");
    for (time, k, v) in events {
        let _ = writeln!(out, "key{k},{},{v}", fields(*time));
    }
    out
}

proptest! {
    #![proptest_config(cases(60))]

    /// The same events give the same bytes, however their times are written and on whatever machine.
    #[test]
    fn times_of_several_columns_are_those_of_one(
        events in prop::collection::vec(event(), 1..60),
        shape in 0..SHAPES.len(),
        mode in select(vec!["complete", "streamed"]),
        threads in select(vec![1usize, 2, 4]),
        chunk_bytes in select(vec![1usize, 100, 1 << 20]),
    ) {
        let shape = &SHAPES[shape];
        let plain = Lab::new();
        let iso = |[y, m, d, h, n, s]: [i64; 6]| format!("{y}-{m:02}-{d:02}T{h:02}:{n:02}:{s:02}Z");
        plain.write("log.csv", file("t", &events, iso));
        let fail = |e: highwater::error::Error| TestCaseError::fail(e.to_string());
        let of_plain = plain.library(&job("time = \"t\"\n", mode), PLAIN).map_err(fail)?;
        let lab = Lab::new();
        lab.write("log.csv", file(shape.head, &events, shape.fields));
        let machine = Machine { threads, chunk_bytes, memory: 1 << 30 };
        let outcome = lab.library(&job(shape.keys, mode), machine).map_err(fail)?;
        prop_assert_eq!(outputs(&lab), outputs(&plain), "{}", shape.keys);
        prop_assert_eq!(format!("{:?}", outcome.account), format!("{:?}", of_plain.account));
        // What was late is read again by the job that wrote it.
        if mode == "streamed" && lab.path("late.jsonl").exists() {
            let late = lab.text("late.jsonl");
            if !late.is_empty() {
                let again = Lab::new();
                again.write("log.jsonl", &late);
                let complete = job(shape.keys, "complete");
                let outcome = again.library(&complete, machine).map_err(fail)?;
                prop_assert_eq!(outcome.account.counted, late.lines().count() as u64, "{}", late);
            }
        }
    }

    /// The referee reads and computes them a second time.
    #[test]
    fn verify_says_the_same_of_derived_times(
        events in prop::collection::vec(event(), 1..40),
        shape in 0..SHAPES.len(),
    ) {
        let shape = &SHAPES[shape];
        let lab = Lab::new();
        lab.write("log.csv", file(shape.head, &events, shape.fields));
        lab.write("job.toml", job(shape.keys, "complete").replace("@/", ""));
        let answer = lab.highwater(&["verify", "job.toml"]);
        prop_assert_eq!(answer.code, 0, "{}{}\n{}", answer.out, answer.err, shape.keys);
    }
}

/// A backfill of an archive has the columns of the files alone, and computes the times again.
#[test]
fn an_archive_is_read_again_by_the_job_that_derives() {
    for shape in &SHAPES {
        let lab = Lab::new();
        let events: Vec<Event> =
            (0..50).map(|i| ([2024, 2, 29, 10 + i / 30, i % 30, i], (i % 3) as u8, i)).collect();
        lab.write("log1.csv", file(shape.head, &events[..30], shape.fields));
        let archive = "[[output]]\npath = \"@/archive\"\narchive = true\nformat = \"parquet\"\n";
        let toml = job(shape.keys, "complete") + archive;
        lab.caught_up(&toml, PLAIN).unwrap_or_else(|e| panic!("{e}\n{toml}"));
        lab.write("log2.csv", file(shape.head, &events[30..], shape.fields));
        std::fs::remove_file(lab.path("log1.csv")).unwrap();
        lab.caught_up(&toml, PLAIN).unwrap_or_else(|e| panic!("{e}\n{toml}"));
        let all = Lab::new();
        all.write("log.csv", file(shape.head, &events, shape.fields));
        all.library(&job(shape.keys, "complete"), PLAIN).unwrap();
        assert_eq!(lab.text("counts.csv"), all.text("counts.csv"), "{}", shape.keys);
    }
}

#[test]
fn the_name_of_a_file_tells_an_hour() {
    let lab = Lab::new();
    lab.write("logs/pv-2024022910.csv", "minute,user\n05,a\n59,b\n");
    lab.write("logs/pv-2024022911.csv.gz", "minute,user\n00,a\n");
    let toml = "[source]\npath = \"logs/*\"\ntime = \"hour || minute\"\ntime_format = \"%Y%m%d%H%M\"\n\
        types = { minute = \"string\" }\nderive = { hour = \"LEFT(SPLIT_PART(_file, 'pv-', 2), 10)\" }\n\
        [[output]]\npath = \"out.csv\"\nwindow = { tumbling = \"1h\" }\nselect = { n = \"count(*)\", a = \"min(user)\" }\n\
        [[output]]\npath = \"rows.csv\"\n";
    lab.done(toml, &[]);
    let want = "window_start,window_end,n,a\n2024-02-29T10:00:00Z,2024-02-29T11:00:00Z,2,a\n\
        2024-02-29T11:00:00Z,2024-02-29T12:00:00Z,1,a\n";
    assert_eq!(lab.text("out.csv"), want);
    // What only an expression speaks of is no column of the events.
    assert_eq!(lab.text("rows.csv"), "minute,user,hour\n05,a,2024022910\n59,b,2024022910\n00,a,2024022911\n");
    lab.write("job.toml", toml);
    let answer = lab.highwater(&["verify", "job.toml"]);
    assert_eq!(answer.code, 0, "{}{}", answer.out, answer.err);
}

/// Trips begin on a service day and go on past midnight: hours are counted from noon less twelve. (GTFS, stop_times.txt)
#[test]
fn hours_past_24_are_of_the_next_day() {
    let lab = Lab::new();
    lab.write(
        "stops.csv",
        "day,departure,stop\n20240310,25:10:00,x\n20240309,08:00:00,y\n20241102,24:30:00,z\n",
    );
    let toml = "timezone = \"America/New_York\"\n[source]\npath = \"stops.csv\"\ntime = \"departs\"\n\
        types = { day = \"string\", departure = \"string\" }\n[source.derive]\n\
        noon = \"STRPTIME(day || ' 12', '%Y%m%d %H')\"\n\
        departs = \"\"\"noon + INTERVAL '1 hour' * (CAST(SPLIT_PART(departure, ':', 1) AS BIGINT) - 12)\n\
          + INTERVAL '1 minute' * CAST(SPLIT_PART(departure, ':', 2) AS BIGINT)\"\"\"\n\
        [[output]]\npath = \"out.csv\"\nselect = { stop = \"stop\", departs = \"departs\" }\n";
    let toml = toml.replace("' 12', '%Y%m%d %H'", "' 12:00', '%Y%m%d %H:%M'");
    lab.done(&toml, &[]);
    assert_eq!(
        lab.text("out.csv"),
        "stop,departs\ny,2024-03-09T08:00:00-05:00\nx,2024-03-11T01:10:00-04:00\nz,2024-11-03T00:30:00-04:00\n"
    );
}

#[test]
fn a_table_may_derive_its_time() {
    let lab = Lab::new();
    lab.write("log.csv", "t,user\n2024-02-29T10:00:30Z,a\n2024-02-29T10:05:00Z,a\n");
    lab.write("users.csv", "day,clock,user,city\n29.02.2024,10:00,a,Bonn\n29.02.2024,10:04,a,Kiel\n");
    let toml = "[source]\npath = \"log.csv\"\ntime = \"t\"\n[table.users]\npath = \"users.csv\"\n\
        time = \"day || ' ' || clock\"\ntime_format = \"%d.%m.%Y %H:%M\"\nderive = { town = \"UPPER(city)\" }\n\
        [[step]]\nenrich = \"users\"\non = { user = \"user\" }\ntake = [\"town\"]\n[[output]]\npath = \"out.csv\"\n";
    lab.done(toml, &[]);
    assert_eq!(
        lab.text("out.csv"),
        "t,user,town\n2024-02-29T10:00:30Z,a,BONN\n2024-02-29T10:05:00Z,a,KIEL\n"
    );
    lab.write("job.toml", toml);
    let answer = lab.highwater(&["verify", "job.toml"]);
    assert_eq!(answer.code, 0, "{}{}", answer.out, answer.err);
}

#[test]
fn a_record_without_a_derived_time_is_a_bad_one() {
    let lab = Lab::new();
    lab.write(
        "log.csv",
        "d,c,v\n2024-02-29,10:00:00,1\n2024-02-29,,2\n2024-02-29,25:00:00,3\n2024-02-29,10:01:00,4\n",
    );
    let toml = |more: &str| {
        format!(
            "[source]\npath = \"log.csv\"\ntime = \"d || ' ' || c\"\ntypes = {{ c = \"string\" }}\n{more}\
             [[output]]\npath = \"out.csv\"\nwindow = {{ tumbling = \"1m\" }}\nselect = {{ n = \"sum(v)\" }}\n"
        )
    };
    let answer = lab.run(&toml(""), &[]);
    assert_eq!(answer.code, 3);
    insta::assert_snapshot!(answer.err, @r#"
    error: log.csv, line 3, byte 28: column `d || ' ' || c`: `d || ' ' || c`, the event time, is NULL
      cause: `d || ' ' || c` is computed from {"d":"2024-02-29","c":null,"v":2}
      hint: on_bad_record = "reject" sets such records aside and continues
    "#);
    let answer = lab.run(&toml("on_bad_record = \"reject\"\n"), &["--json"]);
    assert_eq!(answer.code, 0, "{}", answer.err);
    let report: serde_json::Value = serde_json::from_str(&answer.out).unwrap();
    let [read, rejected, ..] = account(&report);
    assert_eq!((read, rejected), (4, 2));
    assert_eq!(lab.text("out.csv").lines().count(), 3);
    let rejects = lab.text("out.csv.rejects.jsonl");
    assert_eq!(rejects.lines().count(), 2, "{rejects}");
}

/// A text of ISO-8601 is a timestamp, whose own text is another.
#[test]
fn a_column_that_is_taken_for_a_time_is_told() {
    let lab = Lab::new();
    lab.write("log.csv", "sent,zone\n2024-02-29T10:00:00,Z\n");
    let toml = "[source]\npath = \"log.csv\"\ntime = \"sent || zone\"\n[[output]]\npath = \"out.csv\"\n";
    let answer = lab.run(toml, &[]);
    assert_eq!(answer.code, 3);
    insta::assert_snapshot!(answer.err, @r#"
    error: log.csv, line 2, byte 10: column `sent || zone`: `2024-02-29 10:00:00+00Z` is not a time that can be read
      cause: `sent || zone` is computed from {"sent":"2024-02-29T10:00:00Z","zone":"Z"}
      hint: if its text is meant as it is, declare it: types = { sent = "string" }
      hint: on_bad_record = "reject" sets such records aside and continues
    "#);
}

#[test]
fn what_cannot_be_derived_is_told() {
    let lab = Lab::new();
    lab.write("log.csv", "d,c,n,sent-at\n2024-02-29,10:00:00,7,x\n");
    let told = |keys: &str| {
        let toml = format!("[source]\npath = \"log.csv\"\n{keys}[[output]]\npath = \"out.csv\"\n");
        let answer = lab.run(&toml, &[]);
        assert_eq!(answer.code, 2, "{}", answer.err);
        answer.err
    };
    for (keys, words) in [
        ("time = \"n + 1\"\n", "`n + 1` is int64, but its unit is not given"),
        ("time = \"ts\"\nderive = { ts = \"n > 1\" }\n", "`ts` is a bool, which is not a time"),
        ("time = \"d || ' ' || clock\"\n", "unknown column `clock` in `d || ' ' || clock`"),
        ("time = \"snt-at\"\n", "no file has a column `snt-at`"),
        ("time = \"CAST(d AS DATE)\"\ntime_unit = \"s\"\n", "which needs neither a unit nor a format"),
        ("time = \"c\"\nderive = { d = \"c\" }\n", "there is a column `d` already"),
        ("time = \"d || ' ' || c\"\ntime_unit = [\"s\", \"min\"]\n", "unknown time unit `min`"),
    ] {
        let told = told(keys);
        assert!(told.contains(words), "{keys}\n{told}");
    }
}

#[test]
fn a_streamed_job_has_its_watermark_of_derived_times() {
    let lab = Lab::new();
    lab.write(
        "log.csv",
        "k,day,clock,v\na,2024-02-29,10:00:00,1\na,2024-02-29,10:05:00,1\na,2024-02-29,10:00:01,1\n",
    );
    let toml = "[source]\npath = \"@/log.csv\"\ntime = \"day || ' ' || clock\"\ntypes = { clock = \"string\" }\n\
        [[output]]\npath = \"@/out.csv\"\nwindow = { tumbling = \"1m\" }\nselect = { n = \"count(*)\" }\n";
    let outcome = lab.library_as(toml, PLAIN, Mode::Streamed).unwrap();
    assert_eq!((outcome.account.counted, outcome.account.late), (2, 1));
}

/// What decides a derived column is the job's: an edit of it is one of the job.
#[test]
fn an_edit_of_what_is_derived_is_an_edit() {
    let lab = Lab::new();
    lab.write("log.csv", "d,c,v\n29.02.2024,10:00:00,1\n29.02.2024,10:05:00,2\n");
    let toml = |clock: &str| {
        format!(
            "[source]\npath = \"log.csv\"\ntime = \"at\"\ntime_format = \"%d.%m.%Y %H:%M:%S\"\n\
             derive = {{ at = \"d || ' ' || {clock}\" }}\n\
             [[output]]\npath = \"out\"\nformat = \"csv\"\nwindow = {{ tumbling = \"1m\" }}\nselect = {{ n = \"sum(v)\" }}\n\
             [[output]]\npath = \"archive\"\narchive = true\n"
        )
    };
    lab.done(&toml("c"), &[]);
    let answer = lab.done(&toml("LEFT(c, 3) || '07:00'"), &[]);
    let said = "the source's derive at is `d || ' ' || LEFT(c, 3) || '07:00'`, but was `d || ' ' || c`";
    assert!(answer.err.contains(said), "{}", answer.err);
    let out = String::from_utf8(lab.data("out").into_values().next().unwrap()).unwrap();
    assert_eq!(out, "window_start,window_end,n\n2024-02-29T10:07:00Z,2024-02-29T10:08:00Z,3\n");
}

/// Files that could be skipped by the statistics of a column are not by those of one that a time is computed from.
#[test]
fn a_range_of_times_is_one_of_derived_times() {
    let lab = Lab::new();
    let rows: String =
        (0..60).map(|i| format!("{{\"k\":{i},\"minute\":{},\"hour\":{}}}\n", i, 10 + i % 2)).collect();
    lab.write("log.jsonl", rows);
    let into_parquet = "[source]\npath = \"log.jsonl\"\ntime = \"minute\"\ntime_unit = \"s\"\n[[output]]\npath = \"log.parquet\"\n";
    lab.done(into_parquet, &[]);
    for path in ["log.jsonl", "log.parquet"] {
        let toml = format!(
            "[source]\npath = \"{path}\"\n\
             time = \"'2024-02-29 ' || hour || ':' || LPAD(CAST(minute AS VARCHAR), 2, '0')\"\n\
             types = {{ minute = \"int64\" }}\n\
             [[output]]\npath = \"out.csv\"\nselect = {{ k = \"k\" }}\n"
        );
        lab.done(&toml, &["--from", "2024-02-29T10:30", "--to", "2024-02-29T11:05"]);
        let kept: Vec<i64> = lab.text("out.csv").lines().skip(1).map(|line| line.parse().unwrap()).collect();
        let mut want: Vec<i64> = (0..60).filter(|i| if i % 2 == 0 { *i >= 30 } else { *i < 5 }).collect();
        want.sort_by_key(|i| (i % 2, *i));
        assert_eq!(kept, want, "{path}");
    }
}

/// Arrivals too: a record that came too early for its time is rejected by both.
#[test]
fn arrivals_may_be_derived() {
    let lab = Lab::new();
    lab.write(
        "log.csv",
        "day,clock,came,v\n2024-02-29,10:00:00,10:00:01,1\n2024-02-29,10:05:00,10:00:02,2\n2024-02-29,10:01:00,10:01:01,3\n",
    );
    let toml = "[source]\npath = \"log.csv\"\ntime = \"day || ' ' || clock\"\narrival = \"arrived\"\nmax_ahead = \"1m\"\n\
        types = { clock = \"string\", came = \"string\" }\nderive = { arrived = \"CAST(day || ' ' || came AS TIMESTAMP)\" }\n\
        [[output]]\npath = \"out.csv\"\nselect = { v = \"v\", arrived = \"arrived\" }\n";
    lab.done(toml, &[]);
    assert_eq!(lab.text("out.csv"), "v,arrived\n1,2024-02-29T10:00:01Z\n3,2024-02-29T10:01:01Z\n");
    assert!(lab.text("out.csv.rejects.jsonl").contains("ahead of the arrival"));
}
