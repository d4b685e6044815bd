//! Windows of months, quarters and years whose offset is months and days.

use crate::support::Lab;

fn job(zone: &str, window: &str) -> String {
    format!(
        "timezone = \"{zone}\"\n[source]\npath = \"log.csv\"\ntime = \"t\"\n\
         [[output]]\npath = \"out.csv\"\nwindow = {{ {window} }}\nselect = {{ n = \"count(*)\" }}\n"
    )
}

fn rows(zone: &str, window: &str, times: &[&str]) -> (Vec<String>, String) {
    let lab = Lab::new();
    lab.write("log.csv", format!("t\n{}\n", times.join("\n")));
    let answer = lab.done(&job(zone, window), &[]);
    for command in [&["verify", "job.toml"][..], &["explain", "job.toml"]] {
        let answer = lab.highwater(command);
        assert_eq!(answer.code, 0, "{window}: {}{}", answer.out, answer.err);
    }
    (lab.text("out.csv").lines().skip(1).map(str::to_string).collect(), answer.err)
}

#[test]
fn fiscal_years_begin_on_the_same_day() {
    let times = ["2023-04-05", "2023-04-06", "2024-04-05 23:59:59", "2024-04-06"];
    let (found, said) = rows("Europe/London", "tumbling = \"1 year\", offset = \"3 months 5 days\"", &times);
    assert_eq!(
        found,
        [
            "2022-04-06T00:00:00+01:00,2023-04-06T00:00:00+01:00,1",
            "2023-04-06T00:00:00+01:00,2024-04-06T00:00:00+01:00,2",
            "2024-04-06T00:00:00+01:00,2025-04-06T00:00:00+01:00,1",
        ]
    );
    assert!(!said.contains("offset"), "{said}");
    // As earlier by nine months, less the rest of them.
    let (same, _) = rows("Europe/London", "tumbling = \"1 year\", offset = \"1 quarter 5 days\"", &times);
    assert_eq!(same, found);
}

#[test]
fn quarters_months_and_hops_have_such_offsets_too() {
    let times = ["2024-02-05", "2024-02-06", "2024-03-31 01:00", "2024-05-06"];
    let (found, _) = rows("Europe/Berlin", "tumbling = \"1 quarter\", offset = \"1 month 5 days\"", &times);
    assert_eq!(
        found,
        [
            "2023-11-06T00:00:00+01:00,2024-02-06T00:00:00+01:00,1",
            "2024-02-06T00:00:00+01:00,2024-05-06T00:00:00+02:00,2",
            "2024-05-06T00:00:00+02:00,2024-08-06T00:00:00+02:00,1",
        ]
    );
    let months = "tumbling = \"2 months\", offset = \"1 month 5 days 6h\"";
    let (found, _) = rows("UTC", months, &["2024-02-06 05:59:59", "2024-02-06 06:00"]);
    assert_eq!(
        found,
        ["2023-12-06T06:00:00Z,2024-02-06T06:00:00Z,1", "2024-02-06T06:00:00Z,2024-04-06T06:00:00Z,1"]
    );
    let years = "hopping = \"1 year\", slide = \"1 quarter\", offset = \"-1 month 3 days\"";
    let (found, _) = rows("UTC", years, &["2024-02-28"]);
    assert_eq!(found.len(), 4, "{found:?}");
    assert_eq!(found[3], "2024-02-27T00:00:00Z,2025-02-26T00:00:00Z,1");
    let grown = "cumulative = \"1 year\", step = \"1 quarter\", offset = \"3 months 5 days\"";
    let (found, _) = rows("UTC", grown, &["2024-11-01"]);
    assert_eq!(
        found,
        ["2024-04-06T00:00:00Z,2025-01-06T00:00:00Z,1", "2024-04-06T00:00:00Z,2025-04-06T00:00:00Z,1"]
    );
}

#[test]
fn days_that_slip_in_leap_years_are_told() {
    let (found, said) =
        rows("Europe/London", "tumbling = \"1 year\", offset = \"96 days\"", &["2023-04-07", "2024-04-06"]);
    assert_eq!(found[0], "2023-04-07T00:00:00+01:00,2024-04-06T00:00:00+01:00,1");
    let note = "note: an offset of 96 days starts windows on 7 April 2023 and on 6 April 2024: a day of the month that \
                stays the same is offset = \"3 months 6 days\", or \"3 months 5 days\"";
    assert!(said.contains(note), "{said}");
    for window in [
        "tumbling = \"1 year\", offset = \"31 days\"",
        "tumbling = \"1 year\", offset = \"-20 days\"",
        "tumbling = \"1 month\", offset = \"5 days\"",
        "tumbling = \"1 week\", offset = \"96 days\"",
    ] {
        let (_, said) = rows("UTC", window, &["2024-04-06"]);
        assert!(!said.contains("note: an offset"), "{window}: {said}");
    }
}

/// Around the changes of clocks a start that is no time of the clock is the first after it.
#[test]
fn offsets_meet_the_changes_of_clocks() {
    let window = "tumbling = \"1 quarter\", offset = \"2 months 30 days 2h 30m\"";
    // 31 March, 02:30 does not exist in Berlin in 2024.
    let (found, _) = rows("Europe/Berlin", window, &["2024-03-31T00:59:59Z", "2024-03-31T01:00:00Z"]);
    assert_eq!(
        found,
        [
            "2023-12-31T02:30:00+01:00,2024-03-31T03:00:00+02:00,1",
            "2024-03-31T03:00:00+02:00,2024-07-01T02:30:00+02:00,1",
        ]
    );
}

/// A statement of SQL looks at the days that such a window may start on, however far off they are.
#[test]
fn sql_looks_as_far_back_as_the_offset_goes() {
    let lab = Lab::new();
    lab.write("log.csv", "t\n2024-02-05\n");
    for window in [
        "tumbling = \"1 month\", offset = \"96 days\"",
        "tumbling = \"1 year\", offset = \"3 months 5 days\"",
    ] {
        lab.write("job.toml", job("Europe/London", window));
        for dialect in ["duckdb", "postgres", "spark", "bigquery"] {
            let answer = lab.highwater(&["sql", "job.toml", "--dialect", dialect]);
            assert_eq!(answer.code, 0, "{dialect}: {}", answer.err);
        }
        // The referee's days begin two months and the offset before the event.
        let answer = lab.highwater(&["verify", "job.toml"]);
        assert_eq!(answer.code, 0, "{window}: {}{}", answer.out, answer.err);
        assert!(answer.out.contains("same, 1 row"), "{window}: {}", answer.out);
    }
}

#[test]
fn months_are_for_windows_that_are_counted_in_months() {
    let lab = Lab::new();
    lab.write("log.csv", "t\n2024-02-05\n");
    for (window, words) in [
        (
            "tumbling = \"1 day\", offset = \"1 month\"",
            "`1 month` has months, but windows that start every 1 day have none",
        ),
        ("tumbling = \"1h\", offset = \"1 year 2h\"", "`1 year 2h` has months"),
        ("hopping = \"2 weeks\", slide = \"1 week\", offset = \"1 quarter\"", "every 1 week"),
        (
            "tumbling = \"1 year\", offset = \"3 months and 5 days\"",
            "`3 months and 5 days` is not a duration",
        ),
        ("tumbling = \"1 year\", offset = \"1001 years\"", "`1001 years` is too long"),
    ] {
        let answer = lab.run(&job("UTC", window), &[]);
        assert!(answer.code == 2 && answer.err.contains(words), "{window}: {}", answer.err);
        assert!(answer.err.contains("hint: "), "{window}: {}", answer.err);
    }
}
