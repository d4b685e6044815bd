//! Times as text: what a format says, what it may not leave open, and that the referee and other engines read the same.

use crate::support::{Answer, Lab};

/// A job of the events of `log`, in a zone, whose time is `t` by `rule`.
fn events(log: &str, zone: &str, rule: &str) -> String {
    format!(
        "timezone = \"{zone}\"\n[source]\npath = \"{log}\"\ntime = \"t\"\n{rule}\ntypes = {{ k = \"string\" }}\n\
         [[output]]\npath = \"out.csv\"\nwindow = {{ tumbling = \"1us\" }}\nby = [\"k\"]\nselect = {{ n = \"count(*)\" }}\n"
    )
}

/// The starts of the windows of one event each, in the order of `k`, after `verify` found the same.
fn starts(lab: &Lab, job: &str) -> Vec<String> {
    lab.done(job, &[]);
    let verified = lab.highwater(&["verify", "job.toml"]);
    assert_eq!(verified.code, 0, "{}{}", verified.out, verified.err);
    let text = lab.text("out.csv");
    let mut rows: Vec<(String, String)> = text
        .lines()
        .skip(1)
        .map(|line| line.split(',').map(str::to_string).collect::<Vec<String>>())
        .map(|fields| (fields[2].clone(), fields[0].clone()))
        .collect();
    rows.sort();
    rows.into_iter().map(|(_, start)| start).collect()
}

fn csv(lab: &Lab, times: &[&str]) {
    let lines = times.iter().enumerate().map(|(i, time)| format!("\"{time}\",{i}\n"));
    lab.write("log.csv", format!("t,k\n{}", lines.collect::<String>()));
}

#[test]
fn what_a_format_says_is_the_instant_in_csv_and_json() {
    let cases = [
        ("%Y-%m-%d %H:%M:%S.%f", "2024-03-10 02:30:00.5", "2024-03-10T02:30:00.5+07:00"),
        ("%Y-%m-%d %H:%M:%S.%f", "2024-03-10 02:30:00.123456789", "2024-03-10T02:30:00.123456+07:00"),
        ("%Y-%m-%d %H:%M:%S%.f", "2024-03-10 02:30:00", "2024-03-10T02:30:00+07:00"),
        ("%Y-%m-%d %H:%M:%S UTC", "2024-03-10 00:00:00 UTC", "2024-03-10T07:00:00+07:00"),
        ("%Y%m%dT%H%M%SZ", "20240310T000000Z", "2024-03-10T07:00:00+07:00"),
        ("%a, %d %b %Y %H:%M:%S GMT", "Sun, 10 Mar 2024 00:00:00 GMT", "2024-03-10T07:00:00+07:00"),
        ("%Y-%m-%d %H:%M:%S %Z", "2024-03-10 01:30:00 EST", "2024-03-10T13:30:00+07:00"),
        ("%Y-%m-%d %H:%M:%S %Z", "2024-07-10 01:30:00 Europe/Berlin", "2024-07-10T06:30:00+07:00"),
        ("%Y-%m-%d %H:%M:%S %Z", "2024-07-10 01:30:00 WIB", "2024-07-10T01:30:00+07:00"),
        ("%d.%m.%y", "01.02.69", "1969-02-01T00:00:00+07:00"),
        ("%G-W%V-%u", "2020-W53-5", "2021-01-01T00:00:00+07:00"),
    ];
    for (format, text, want) in cases {
        let lab = Lab::new();
        csv(&lab, &[text]);
        lab.write("log.jsonl", format!("{{\"t\":\"{text}\",\"k\":\"0\"}}\n"));
        for log in ["log.csv", "log.jsonl"] {
            let job = events(log, "Asia/Jakarta", &format!("time_format = \"{format}\""));
            assert_eq!(starts(&lab, &job), [want], "{log} {format} {text}");
        }
    }
}

#[test]
fn what_clocks_show_tells_the_hours_of_autumn_apart() {
    let lab = Lab::new();
    csv(&lab, &["2024-11-03 01:30:00 EDT", "2024-11-03 01:30:00 EST"]);
    let job = events("log.csv", "America/New_York", "time_format = \"%Y-%m-%d %H:%M:%S %Z\"");
    assert_eq!(starts(&lab, &job), ["2024-11-03T01:30:00-04:00", "2024-11-03T01:30:00-05:00"]);
}

#[test]
fn formats_of_a_list_are_tried_in_order() {
    let lab = Lab::new();
    csv(&lab, &["01/07/2024", "07/13/2024", "1/7/24", "2024-07-01T10:00:00Z", "2024-07-01"]);
    let job = events(
        "log.csv",
        "Europe/London",
        "time_format = [\"%d/%m/%Y\", \"%m/%d/%Y\", \"%d/%m/%y\", \"iso\"]",
    );
    let day = "2024-07-01T00:00:00+01:00";
    assert_eq!(starts(&lab, &job), [day, "2024-07-13T00:00:00+01:00", day, "2024-07-01T11:00:00+01:00", day]);
    let explained = lab.highwater(&["explain", "job.toml"]);
    let words = "event time: t, the first that fits of %d/%m/%Y, %m/%d/%Y, %d/%m/%y, iso\n";
    assert!(explained.out.contains(words), "{}", explained.out);
    let sql = lab.highwater(&["sql", "job.toml", "--dialect", "duckdb"]);
    assert!(sql.out.contains("COALESCE(CASE WHEN REGEXP_MATCHES("), "{}", sql.out);
    assert!(
        sql.out.contains("TRY(instant_of_local(STRPTIME(NULLIF(\"t\", ''), '%m/%d/%Y')))"),
        "{}",
        sql.out
    );
    let flink = lab.highwater(&["sql", "job.toml", "--dialect", "flink"]);
    assert_eq!(flink.code, 2);
    assert!(flink.err.contains("times of several formats"), "{}", flink.err);
}

#[test]
fn a_list_of_one_is_that_format_and_the_output_in_place_is_its_own() {
    let lab = Lab::new();
    csv(&lab, &["01/07/2024"]);
    let job = |rule: &str| events("log.csv", "UTC", rule).replace("out.csv", "out");
    lab.done(&job("time_format = \"%d/%m/%Y\""), &[]);
    let before = lab.manifests("out");
    lab.done(&job("time_format = [\"%d/%m/%Y\"]"), &[]);
    assert_eq!(lab.manifests("out")[0]["job"], before[0]["job"]);
    lab.done(&job("time_format = [\"%d/%m/%Y\", \"iso\"]"), &[]);
    assert_ne!(lab.manifests("out")[0]["job"], before[0]["job"]);
}

#[test]
fn numbers_have_decimals_and_days_are_those_of_the_calendar() {
    for (unit, text, want) in [
        ("s", "1622548800.1234569", "2021-06-01T19:00:00.123456+07:00"),
        ("s", "1622548800", "2021-06-01T19:00:00+07:00"),
        ("s", "1.6225488e9", "2021-06-01T19:00:00+07:00"),
        ("s", "-1.5", "1970-01-01T06:59:58.5+07:00"),
        ("ms", "1622548800123.5", "2021-06-01T19:00:00.1235+07:00"),
        ("ns", "1622548800123456789", "2021-06-01T19:00:00.123456+07:00"),
        ("d", "19876", "2024-06-02T00:00:00+07:00"),
        ("d", "19876.25", "2024-06-02T06:00:00+07:00"),
    ] {
        let lab = Lab::new();
        csv(&lab, &[text]);
        lab.write("log.jsonl", format!("{{\"t\":{text},\"k\":\"0\"}}\n"));
        for log in ["log.csv", "log.jsonl"] {
            let job = events(log, "Asia/Jakarta", &format!("time_unit = \"{unit}\""));
            assert_eq!(starts(&lab, &job), [want], "{log} {unit} {text}");
        }
    }
}

#[test]
fn a_time_with_decimals_is_an_instant_in_expressions_and_in_an_archive() {
    let lab = Lab::new();
    lab.write("log.jsonl", "{\"t\":1622548800.123456999,\"k\":\"a\"}\n{\"t\":1622548860,\"k\":\"b\"}\n");
    let job = events("log.jsonl", "UTC", "time_unit = \"s\"").replace(
        "[[output]]",
        "[[output]]\npath = \"archive\"\narchive = true\n[[output]]\npath = \"minutes.csv\"\n\
         select = { k = \"k\", minute = \"EXTRACT(minute FROM t)\" }\n[[output]]",
    );
    assert_eq!(starts(&lab, &job), ["2021-06-01T12:00:00.123456Z", "2021-06-01T12:01:00Z"]);
    assert_eq!(lab.text("minutes.csv"), "k,minute\na,0\nb,1\n");
    // The instant is read from the archive as it was from the digits, which a float does not hold.
    lab.write("late.jsonl", "{\"t\":1622548800.5,\"k\":\"a\"}\n");
    let answer = lab.highwater(&["backfill", "job.toml", "late.jsonl"]);
    assert_eq!(answer.code, 0, "{}", answer.err);
    let again = lab.text("out.csv");
    assert!(
        again.contains("2021-06-01T12:00:00.123456Z") && again.contains("2021-06-01T12:00:00.5Z"),
        "{again}"
    );
}

/// What `check` says of a time format.
fn checked(rule: &str) -> Answer {
    let lab = Lab::new();
    lab.write("log.csv", "t,k\n");
    lab.write("job.toml", events("log.csv", "UTC", rule));
    lab.highwater(&["check", "job.toml"])
}

#[test]
fn a_format_that_leaves_the_instant_open_is_refused_at_its_place() {
    let answer = checked("time_format = \"%Y-%m-%d %H\"");
    assert_eq!(answer.code, 2);
    insta::assert_snapshot!(answer.err, @r#"
    error: the time format `%Y-%m-%d %H` has the hour without the minute
     --> job.toml:5:15
      |
    5 | time_format = "%Y-%m-%d %H"
      |               ^^^^^^^^^^^^^
      hint: add %M; if the texts end with the hour, add minutes to them in [source]: time = "COLUMN || ':00'"
    "#);
    let answer = checked("time_format = [\"iso\", \"%d/%m/%Y %I:%M\", \"%Q\", \"iso\"]");
    assert_eq!(answer.code, 2);
    for words in ["not AM or PM", "`%Q` in the time format", "`iso` occurs twice in `time_format`"] {
        assert!(answer.err.contains(words), "{words}: {}", answer.err);
    }
    for (rule, words) in [
        ("time_format = []", "empty list"),
        ("time_format = \"%F\"\ntime_unit = \"s\"", "exclude each other"),
        ("time_unit = \"m\"", "d for days"),
        ("time_format = \"%F %T EST\"", "the zone `EST` as fixed text"),
        ("time_format = \"%F %T+01:00\"", "the offset `+01:00` as fixed text"),
    ] {
        let answer = checked(rule);
        assert!(answer.code == 2 && answer.err.contains(words), "{rule}: {}", answer.err);
    }
}

#[test]
fn a_zone_that_is_not_known_is_a_bad_record_that_says_so() {
    let lab = Lab::new();
    csv(&lab, &["2024-03-10 01:30:00 EST", "2024-03-10 03:30:00 EDT"]);
    let job = events("log.csv", "UTC", "time_format = \"%Y-%m-%d %H:%M:%S %Z\"");
    let answer = lab.run(&job, &[]);
    assert_eq!(answer.code, 3);
    let words = "`2024-03-10 03:30:00 EDT` is a time in an unknown zone";
    assert!(answer.err.contains(words), "{}", answer.err);
}

#[test]
fn offsets_that_no_clock_has_are_no_times() {
    for text in ["2024-01-01T10:00:00+99:99", "2024-01-01T10:00:00+14:01", "2024-01-01T10:00:00-01:60"] {
        for rule in ["", "time_format = \"%Y-%m-%dT%H:%M:%S%z\""] {
            let lab = Lab::new();
            csv(&lab, &["2024-01-01T10:00:00-00:00", text]);
            let answer = lab.run(&events("log.csv", "UTC", rule), &[]);
            assert!(answer.code == 3 && answer.err.contains("not a time that can be read"), "{}", answer.err);
        }
    }
}

#[test]
fn each_dialect_has_its_own_pattern_or_names_what_it_has_no_words_for() {
    let pattern = |format: &str, dialect: &str| {
        let lab = Lab::new();
        lab.write("log.csv", "t,k\n");
        lab.write("job.toml", events("log.csv", "UTC", &format!("time_format = \"{format}\"")));
        let answer = lab.highwater(&["sql", "job.toml", "--dialect", dialect]);
        if answer.code != 0 {
            return answer
                .err
                .lines()
                .rev()
                .find(|line| line.contains("hint"))
                .unwrap_or(&answer.err)
                .trim()
                .to_string();
        }
        // The pattern of Flink is in a layer under the time.
        let is_told = |line: &&str| line.contains(if dialect == "flink" { "TO_TIMESTAMP" } else { "_time" });
        let line = answer.out.lines().find(is_told).unwrap_or_default();
        line.trim().trim_end_matches(',').to_string()
    };
    let mut told = vec![];
    for format in [
        "%Y-%m-%d %H:%M:%S.%f",
        "%Y%m%d%H%M%S%3f",
        "%d/%b/%Y:%H:%M:%S%.f %z",
        "%m/%d/%y %I:%M %p",
        "%a %b %e %H:%M:%S UTC %Y",
        "%G-W%V-%u",
        "%F %T %Z",
        "%s%.f",
        "%Y-%m",
        "%Y%m",
        "%b %Y",
        "%Y",
    ] {
        for dialect in ["duckdb", "postgres", "spark", "flink", "bigquery"] {
            told.push(format!("{format} {dialect}: {}", pattern(format, dialect)));
        }
    }
    insta::assert_snapshot!(told.join("\n"), @r#"
    %Y-%m-%d %H:%M:%S.%f duckdb: STRPTIME(REGEXP_REPLACE(NULLIF("t", ''), '([.,][0-9]{6})[0-9]+', '\1'), '%Y-%m-%d %H:%M:%S.%f') AS "_time"
    %Y-%m-%d %H:%M:%S.%f postgres: ((TO_TIMESTAMP(REGEXP_REPLACE(NULLIF("t", ''), '([.,][0-9]{6})[0-9]+', '\1') || ' +0000', 'YYYY-MM-DD HH24:MI:SS.US TZHTZM') AT TIME ZONE 'UTC') AT TIME ZONE 'UTC') AS "_time"
    %Y-%m-%d %H:%M:%S.%f spark: TO_TIMESTAMP(NULLIF(`t`, ''), 'yyyy-M-d H:m:s.SSSSSSSSS') AS `_time`
    %Y-%m-%d %H:%M:%S.%f flink: hint: it has no pattern that means %f
    %Y-%m-%d %H:%M:%S.%f bigquery: TIMESTAMP(PARSE_DATETIME('%Y-%m-%d %H:%M:%E*S', NULLIF(`t`, '')), 'UTC') AS `_time`
    %Y%m%d%H%M%S%3f duckdb: STRPTIME(NULLIF("t", ''), '%Y%m%d%H%M%S%g') AS "_time"
    %Y%m%d%H%M%S%3f postgres: ((TO_TIMESTAMP(NULLIF("t", '') || ' +0000', 'YYYYMMDDHH24MISSMS TZHTZM') AT TIME ZONE 'UTC') AT TIME ZONE 'UTC') AS "_time"
    %Y%m%d%H%M%S%3f spark: TO_TIMESTAMP(NULLIF(`t`, ''), 'yyyyMMddHHmmssSSS') AS `_time`
    %Y%m%d%H%M%S%3f flink: TO_TIMESTAMP(NULLIF(`t`, ''), 'yyyyMMddHHmmssSSS') AS _text_1
    %Y%m%d%H%M%S%3f bigquery: hint: it has no pattern that means %3f
    %d/%b/%Y:%H:%M:%S%.f %z duckdb: (STRPTIME(REGEXP_REPLACE(NULLIF("t", ''), '([.,][0-9]{6})[0-9]+', '\1'), ['%d/%b/%Y:%H:%M:%S.%f %z', '%d/%b/%Y:%H:%M:%S %z']) AT TIME ZONE 'UTC') AS "_time"
    %d/%b/%Y:%H:%M:%S%.f %z postgres: CASE WHEN NULLIF("t", '') ~ '^\s*[0-9]{1,2}\/([Jj][Aa][Nn]|[Ff][Ee][Bb]|[Mm][Aa][Rr]|[Aa][Pp][Rr]|[Mm][Aa][Yy]|[Jj][Uu][Nn]|[Jj][Uu][Ll]|[Aa][Uu][Gg]|[Ss][Ee][Pp]|[Oo][Cc][Tt]|[Nn][Oo][Vv]|[Dd][Ee][Cc])\/[0-9]{4}\:[0-9]{1,2}\:[0-9]{1,2}\:[0-9]{1,2}\.[0-9]+\s+([Zz]|[+-](0[0-9]|1[0-3])(:?[0-5][0-9])?|[+-]14(:?00)?)\s*$' THEN TO_TIMESTAMP(REGEXP_REPLACE(NULLIF("t", ''), '([.,][0-9]{6})[0-9]+', '\1'), 'DD/Mon/YYYY:HH24:MI:SS.US TZHTZM') ELSE TO_TIMESTAMP(REGEXP_REPLACE(NULLIF("t", ''), '([.,][0-9]{6})[0-9]+', '\1'), 'DD/Mon/YYYY:HH24:MI:SS TZHTZM') END AS "_time"
    %d/%b/%Y:%H:%M:%S%.f %z spark: TO_TIMESTAMP(NULLIF(`t`, ''), 'd/MMM/yyyy:H:m:s[.SSSSSSSSS] [XXX][XX][X]') AS `_time`
    %d/%b/%Y:%H:%M:%S%.f %z flink: hint: it has no pattern that means %.f
    %d/%b/%Y:%H:%M:%S%.f %z bigquery: PARSE_TIMESTAMP('%d/%b/%Y:%H:%M:%E*S %z', NULLIF(`t`, '')) AS `_time`
    %m/%d/%y %I:%M %p duckdb: STRPTIME(NULLIF("t", ''), '%m/%d/%y %I:%M %p') AS "_time"
    %m/%d/%y %I:%M %p postgres: hint: it has no pattern that means %y
    %m/%d/%y %I:%M %p spark: hint: it has no pattern that means %y
    %m/%d/%y %I:%M %p flink: hint: it has no pattern that means %y
    %m/%d/%y %I:%M %p bigquery: TIMESTAMP(PARSE_DATETIME('%m/%d/%y %I:%M %p', NULLIF(`t`, '')), 'UTC') AS `_time`
    %a %b %e %H:%M:%S UTC %Y duckdb: STRPTIME(NULLIF("t", ''), '%a %b %d %H:%M:%S UTC %Y') AS "_time"
    %a %b %e %H:%M:%S UTC %Y postgres: TO_TIMESTAMP(NULLIF("t", '') || ' +0000', 'Dy Mon DD HH24:MI:SS "UTC" YYYY TZHTZM') AS "_time"
    %a %b %e %H:%M:%S UTC %Y spark: hint: it has no pattern that means %a
    %a %b %e %H:%M:%S UTC %Y flink: TO_TIMESTAMP(NULLIF(`t`, ''), 'EEE MMM d H:m:s ''UTC'' yyyy') AS _text_1
    %a %b %e %H:%M:%S UTC %Y bigquery: PARSE_TIMESTAMP('%a %b %e %H:%M:%S UTC %Y', NULLIF(`t`, '')) AS `_time`
    %G-W%V-%u duckdb: STRPTIME(NULLIF("t", ''), '%G-W%V-%u') AS "_time"
    %G-W%V-%u postgres: ((TO_TIMESTAMP(NULLIF("t", '') || ' +0000', 'IYYY"-W"IW-ID TZHTZM') AT TIME ZONE 'UTC') AT TIME ZONE 'UTC') AS "_time"
    %G-W%V-%u spark: hint: it has no pattern that means %G
    %G-W%V-%u flink: hint: it has no pattern that means %G
    %G-W%V-%u bigquery: hint: it has no pattern that means %G
    %F %T %Z duckdb: hint: it has no pattern that means %Z
    %F %T %Z postgres: hint: it has no pattern that means %Z
    %F %T %Z spark: hint: it has no pattern that means %Z
    %F %T %Z flink: hint: it has no pattern that means %Z
    %F %T %Z bigquery: hint: it has no pattern that means %Z
    %s%.f duckdb: MAKE_TIMESTAMP(CAST(FLOOR(CAST(NULLIF("t", '') AS DECIMAL(38, 12)) * 1000000) AS BIGINT)) AS "_time"
    %s%.f postgres: (TIMESTAMPTZ 'epoch' + (CAST(FLOOR(CAST(NULLIF("t", '') AS NUMERIC) * 1000000) AS BIGINT)) * INTERVAL '1 microsecond') AS "_time"
    %s%.f spark: TIMESTAMP_MICROS(CAST(FLOOR(CAST(NULLIF(`t`, '') AS DECIMAL(38, 12)) * 1000000) AS BIGINT)) AS `_time`
    %s%.f flink: CAST(TO_TIMESTAMP_LTZ(CAST(FLOOR(CAST(REGEXP_REPLACE(NULLIF(`t`, ''), '([.][0-9]{9})[0-9]+', '$1') AS DECIMAL(29, 9)) * 1000000) AS BIGINT), 6) AS TIMESTAMP(6)) AS `_time`
    %s%.f bigquery: TIMESTAMP_MICROS(CAST(FLOOR(CAST(NULLIF(`t`, '') AS BIGNUMERIC) * 1000000) AS INT64)) AS `_time`
    %Y-%m duckdb: STRPTIME(NULLIF("t", ''), '%Y-%m') AS "_time"
    %Y-%m postgres: ((TO_TIMESTAMP(NULLIF("t", '') || ' +0000', 'YYYY-MM TZHTZM') AT TIME ZONE 'UTC') AT TIME ZONE 'UTC') AS "_time"
    %Y-%m spark: TO_TIMESTAMP(NULLIF(`t`, ''), 'yyyy-M') AS `_time`
    %Y-%m flink: TO_TIMESTAMP(NULLIF(`t`, ''), 'yyyy-M') AS _text_1
    %Y-%m bigquery: TIMESTAMP(PARSE_DATETIME('%Y-%m', NULLIF(`t`, '')), 'UTC') AS `_time`
    %Y%m duckdb: STRPTIME(NULLIF("t", ''), '%Y%m') AS "_time"
    %Y%m postgres: ((TO_TIMESTAMP(NULLIF("t", '') || ' +0000', 'YYYYMM TZHTZM') AT TIME ZONE 'UTC') AT TIME ZONE 'UTC') AS "_time"
    %Y%m spark: TO_TIMESTAMP(NULLIF(`t`, ''), 'yyyyMM') AS `_time`
    %Y%m flink: TO_TIMESTAMP(NULLIF(`t`, ''), 'yyyyMM') AS _text_1
    %Y%m bigquery: TIMESTAMP(PARSE_DATETIME('%Y%m', NULLIF(`t`, '')), 'UTC') AS `_time`
    %b %Y duckdb: STRPTIME(NULLIF("t", ''), '%b %Y') AS "_time"
    %b %Y postgres: ((TO_TIMESTAMP(NULLIF("t", '') || ' +0000', 'Mon YYYY TZHTZM') AT TIME ZONE 'UTC') AT TIME ZONE 'UTC') AS "_time"
    %b %Y spark: TO_TIMESTAMP(NULLIF(`t`, ''), 'MMM yyyy') AS `_time`
    %b %Y flink: TO_TIMESTAMP(NULLIF(`t`, ''), 'MMM yyyy') AS _text_1
    %b %Y bigquery: TIMESTAMP(PARSE_DATETIME('%b %Y', NULLIF(`t`, '')), 'UTC') AS `_time`
    %Y duckdb: STRPTIME(NULLIF("t", ''), '%Y') AS "_time"
    %Y postgres: ((TO_TIMESTAMP(NULLIF("t", '') || ' +0000', 'YYYY TZHTZM') AT TIME ZONE 'UTC') AT TIME ZONE 'UTC') AS "_time"
    %Y spark: TO_TIMESTAMP(NULLIF(`t`, ''), 'yyyy') AS `_time`
    %Y flink: TO_TIMESTAMP(NULLIF(`t`, ''), 'yyyy') AS _text_1
    %Y bigquery: TIMESTAMP(PARSE_DATETIME('%Y', NULLIF(`t`, '')), 'UTC') AS `_time`
    "#);
}

#[test]
fn times_that_exist_twice_are_counted_and_told() {
    let lines =
        ["2024-10-27 01:30:00", "2024-10-27 02:10:00", "2024-10-27 02:50:00", "2024-10-27T02:10:00+01:00"];
    let told = "\n2 times exist twice in Europe/Berlin, where clocks are put back; the earlier is taken";
    for (log, rule) in [
        ("log.csv", ""),
        ("log.csv", "time_format = [\"iso\", \"%Y-%m-%d %H:%M:%S\"]"),
        ("log.csv", "time_format = [\"%Y-%m-%d %H:%M:%S\", \"iso\"]"),
        ("log.jsonl", ""),
    ] {
        let lab = Lab::new();
        csv(&lab, &lines);
        let json = lines.iter().map(|line| format!("{{\"t\":\"{line}\",\"k\":\"a\"}}\n"));
        lab.write("log.jsonl", json.collect::<String>());
        let answer = lab.done(&events(log, "Europe/Berlin", rule), &[]);
        assert!(answer.err.contains(told), "{log} {rule}: {}", answer.err);
        let answer = lab.done(&events(log, "Europe/Berlin", rule), &["--json"]);
        assert!(answer.out.contains("\"times_twice\": 2"), "{}", answer.out);
        let answer = lab.done(&events(log, "Asia/Jakarta", rule), &[]);
        assert!(!answer.err.contains("exist twice"), "{}", answer.err);
    }
}

/// Texts of months and years are their first days, for the referee and on engines as well.
#[test]
fn a_month_is_its_first_day_and_a_year_its_first() {
    for (format, texts, want) in [
        ("%Y-%m", ["2024-03", "2023-12"], ["2024-03-01", "2023-12-01"]),
        ("%Y%m", ["202403", "202312"], ["2024-03-01", "2023-12-01"]),
        ("%Y", ["2024", "1999"], ["2024-01-01", "1999-01-01"]),
        ("%b %Y", ["Mar 2024", "dec 2023"], ["2024-03-01", "2023-12-01"]),
        ("%B-%y", ["March-24", "december-23"], ["2024-03-01", "2023-12-01"]),
        ("%m/%Y", ["03/2024", "12/2023"], ["2024-03-01", "2023-12-01"]),
    ] {
        for zone in ["UTC", "Europe/London"] {
            let lab = Lab::new();
            csv(&lab, &texts);
            let job = events("log.csv", zone, &format!("time_format = \"{format}\""));
            let job = job
                + "[[output]]\npath = \"days.csv\"\nwindow = { tumbling = \"1 day\" }\nselect = { n = \"count(*)\" }\n";
            lab.done(&job, &[]);
            let days = lab.text("days.csv");
            for day in want {
                assert!(days.contains(&format!("{day}T00:00:00")), "{format} in {zone}: {days}");
            }
            let verified = lab.highwater(&["verify", "job.toml"]);
            assert_eq!(verified.code, 0, "{format} in {zone}: {}{}", verified.out, verified.err);
        }
    }
    // What is no month is a bad record, with its line.
    let lab = Lab::new();
    csv(&lab, &["2024-03", "2024-13"]);
    let answer = lab.run(&events("log.csv", "UTC", "time_format = \"%Y-%m\""), &[]);
    assert!(answer.code == 3 && answer.err.contains("log.csv, line 3"), "{}", answer.err);
}
