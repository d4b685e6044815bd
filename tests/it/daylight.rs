//! Windows where clocks change: bounds written by hand, over logs of one event every 15 minutes.
//!
//! London and New York change by an hour, Lord Howe by 30 minutes, Kathmandu not at all since 1986, when it went
//! from 5:30 to 5:45 ahead of UTC. Days and weeks are of the calendar; an hour is a length, counted from 1970 UTC.

use crate::support::Lab;
use chrono::{DateTime, TimeDelta};

/// The rows of `window` as `start end n`, over events from `first` (included) to `last` (not).
fn windows(zone: &str, first: &str, last: &str, window: &str) -> Vec<String> {
    let instant = |text: &str| DateTime::parse_from_rfc3339(text).unwrap().to_utc();
    let mut log = String::from("at\n");
    let mut at = instant(first);
    while at < instant(last) {
        log.push_str(&format!("{}\n", at.format("%Y-%m-%dT%H:%M:%SZ")));
        at += TimeDelta::minutes(15);
    }
    let mut found: Option<Vec<String>> = None;
    for mode in ["complete", "streamed"] {
        let lab = Lab::new();
        lab.write("log.csv", &log);
        let job = format!(
            "timezone = \"{zone}\"\nmode = \"{mode}\"\n[source]\npath = \"log.csv\"\ntime = \"at\"\n[[output]]\n\
             path = \"out.csv\"\nwindow = {{ {window} }}\nselect = {{ n = \"count(*)\" }}\n"
        );
        lab.done(&job, &[]);
        let text = lab.text("out.csv");
        let rows: Vec<String> = text.lines().skip(1).map(|line| line.replace(',', " ")).collect();
        assert_eq!(*found.get_or_insert_with(|| rows.clone()), rows, "{mode}");
    }
    found.unwrap()
}

/// The days of a zone around a change, each from its midnight to the next.
fn days(zone: &str, bounds: &[&str], counts: &[u32]) {
    let found = windows(zone, bounds[0], bounds[bounds.len() - 1], "tumbling = \"1 day\"");
    let rows = bounds.windows(2).zip(counts);
    let want: Vec<String> = rows.map(|(day, n)| format!("{} {} {n}", day[0], day[1])).collect();
    assert_eq!(found, want, "{zone}");
}

#[test]
fn a_day_is_as_long_as_its_clocks_make_it() {
    days(
        "Europe/London",
        &[
            "2024-03-30T00:00:00+00:00",
            "2024-03-31T00:00:00+00:00",
            "2024-04-01T00:00:00+01:00",
            "2024-04-02T00:00:00+01:00",
        ],
        &[96, 92, 96],
    );
    days(
        "Europe/London",
        &[
            "2024-10-26T00:00:00+01:00",
            "2024-10-27T00:00:00+01:00",
            "2024-10-28T00:00:00+00:00",
            "2024-10-29T00:00:00+00:00",
        ],
        &[96, 100, 96],
    );
    days(
        "America/New_York",
        &[
            "2024-03-09T00:00:00-05:00",
            "2024-03-10T00:00:00-05:00",
            "2024-03-11T00:00:00-04:00",
            "2024-03-12T00:00:00-04:00",
        ],
        &[96, 92, 96],
    );
    days(
        "America/New_York",
        &[
            "2024-11-02T00:00:00-04:00",
            "2024-11-03T00:00:00-04:00",
            "2024-11-04T00:00:00-05:00",
            "2024-11-05T00:00:00-05:00",
        ],
        &[96, 100, 96],
    );
    days(
        "Australia/Lord_Howe",
        &[
            "2024-04-06T00:00:00+11:00",
            "2024-04-07T00:00:00+11:00",
            "2024-04-08T00:00:00+10:30",
            "2024-04-09T00:00:00+10:30",
        ],
        &[96, 98, 96],
    );
    days(
        "Australia/Lord_Howe",
        &[
            "2024-10-05T00:00:00+10:30",
            "2024-10-06T00:00:00+10:30",
            "2024-10-07T00:00:00+11:00",
            "2024-10-08T00:00:00+11:00",
        ],
        &[96, 94, 96],
    );
    days(
        "Asia/Kathmandu",
        &["2024-03-30T00:00:00+05:45", "2024-03-31T00:00:00+05:45", "2024-04-01T00:00:00+05:45"],
        &[96, 96],
    );
    // The first of January 1986 had no midnight: it began at 00:15.
    days(
        "Asia/Kathmandu",
        &[
            "1985-12-31T00:00:00+05:30",
            "1986-01-01T00:15:00+05:45",
            "1986-01-02T00:00:00+05:45",
            "1986-01-03T00:00:00+05:45",
        ],
        &[96, 95, 96],
    );
}

#[test]
fn a_week_is_as_long_as_its_days() {
    for (zone, first, middle, last, counts) in [
        (
            "Europe/London",
            "2024-03-25T00:00:00+00:00",
            "2024-04-01T00:00:00+01:00",
            "2024-04-08T00:00:00+01:00",
            [668, 672],
        ),
        (
            "Europe/London",
            "2024-10-21T00:00:00+01:00",
            "2024-10-28T00:00:00+00:00",
            "2024-11-04T00:00:00+00:00",
            [676, 672],
        ),
        (
            "America/New_York",
            "2024-03-04T00:00:00-05:00",
            "2024-03-11T00:00:00-04:00",
            "2024-03-18T00:00:00-04:00",
            [668, 672],
        ),
        (
            "America/New_York",
            "2024-10-28T00:00:00-04:00",
            "2024-11-04T00:00:00-05:00",
            "2024-11-11T00:00:00-05:00",
            [676, 672],
        ),
        (
            "Australia/Lord_Howe",
            "2024-04-01T00:00:00+11:00",
            "2024-04-08T00:00:00+10:30",
            "2024-04-15T00:00:00+10:30",
            [674, 672],
        ),
        (
            "Australia/Lord_Howe",
            "2024-09-30T00:00:00+10:30",
            "2024-10-07T00:00:00+11:00",
            "2024-10-14T00:00:00+11:00",
            [670, 672],
        ),
        (
            "Asia/Kathmandu",
            "2024-03-25T00:00:00+05:45",
            "2024-04-01T00:00:00+05:45",
            "2024-04-08T00:00:00+05:45",
            [672, 672],
        ),
        (
            "Asia/Kathmandu",
            "1985-12-30T00:00:00+05:30",
            "1986-01-06T00:00:00+05:45",
            "1986-01-13T00:00:00+05:45",
            [671, 672],
        ),
    ] {
        let found = windows(zone, first, last, "tumbling = \"1 week\"");
        let [one, other] = counts;
        assert_eq!(found, [format!("{first} {middle} {one}"), format!("{middle} {last} {other}")], "{zone}");
    }
}

#[test]
fn an_hour_is_an_hour() {
    let london =
        windows("Europe/London", "2024-03-31T00:00:00Z", "2024-03-31T03:00:00Z", "tumbling = \"1h\"");
    assert_eq!(
        london,
        [
            "2024-03-31T00:00:00+00:00 2024-03-31T02:00:00+01:00 4",
            "2024-03-31T02:00:00+01:00 2024-03-31T03:00:00+01:00 4",
            "2024-03-31T03:00:00+01:00 2024-03-31T04:00:00+01:00 4",
        ]
    );
    // The hour from one to two comes twice, and is two windows.
    let london =
        windows("Europe/London", "2024-10-26T23:00:00Z", "2024-10-27T03:00:00Z", "tumbling = \"1h\"");
    assert_eq!(
        london,
        [
            "2024-10-27T00:00:00+01:00 2024-10-27T01:00:00+01:00 4",
            "2024-10-27T01:00:00+01:00 2024-10-27T01:00:00+00:00 4",
            "2024-10-27T01:00:00+00:00 2024-10-27T02:00:00+00:00 4",
            "2024-10-27T02:00:00+00:00 2024-10-27T03:00:00+00:00 4",
        ]
    );
    let new_york =
        windows("America/New_York", "2024-03-10T06:00:00Z", "2024-03-10T08:00:00Z", "tumbling = \"1h\"");
    assert_eq!(
        new_york,
        [
            "2024-03-10T01:00:00-05:00 2024-03-10T03:00:00-04:00 4",
            "2024-03-10T03:00:00-04:00 2024-03-10T04:00:00-04:00 4",
        ]
    );
    let new_york =
        windows("America/New_York", "2024-11-03T05:00:00Z", "2024-11-03T07:00:00Z", "tumbling = \"1h\"");
    assert_eq!(
        new_york,
        [
            "2024-11-03T01:00:00-04:00 2024-11-03T01:00:00-05:00 4",
            "2024-11-03T01:00:00-05:00 2024-11-03T02:00:00-05:00 4",
        ]
    );
    // Half an hour beside UTC's hours: they begin at half past here in winter.
    let lord_howe =
        windows("Australia/Lord_Howe", "2024-04-06T14:00:00Z", "2024-04-06T16:00:00Z", "tumbling = \"1h\"");
    assert_eq!(
        lord_howe,
        [
            "2024-04-07T01:00:00+11:00 2024-04-07T01:30:00+10:30 4",
            "2024-04-07T01:30:00+10:30 2024-04-07T02:30:00+10:30 4",
        ]
    );
    let lord_howe =
        windows("Australia/Lord_Howe", "2024-10-05T14:00:00Z", "2024-10-05T17:00:00Z", "tumbling = \"1h\"");
    assert_eq!(
        lord_howe,
        [
            "2024-10-06T00:30:00+10:30 2024-10-06T01:30:00+10:30 4",
            "2024-10-06T01:30:00+10:30 2024-10-06T03:00:00+11:00 4",
            "2024-10-06T03:00:00+11:00 2024-10-06T04:00:00+11:00 4",
        ]
    );
}

#[test]
fn hours_of_kathmandu_begin_at_a_quarter_to_unless_an_offset_moves_them() {
    let (first, last) = ("2024-03-31T06:00:00+05:45", "2024-03-31T08:00:00+05:45");
    assert_eq!(
        windows("Asia/Kathmandu", first, last, "tumbling = \"1h\""),
        [
            "2024-03-31T05:45:00+05:45 2024-03-31T06:45:00+05:45 3",
            "2024-03-31T06:45:00+05:45 2024-03-31T07:45:00+05:45 4",
            "2024-03-31T07:45:00+05:45 2024-03-31T08:45:00+05:45 1",
        ]
    );
    assert_eq!(
        windows("Asia/Kathmandu", first, last, "tumbling = \"1h\", offset = \"15m\""),
        [
            "2024-03-31T06:00:00+05:45 2024-03-31T07:00:00+05:45 4",
            "2024-03-31T07:00:00+05:45 2024-03-31T08:00:00+05:45 4",
        ]
    );
    // At 5:30 they began at half past.
    assert_eq!(
        windows("Asia/Kathmandu", "1985-12-31T18:00:00Z", "1985-12-31T19:00:00Z", "tumbling = \"1h\""),
        ["1985-12-31T23:30:00+05:30 1986-01-01T00:45:00+05:45 4"]
    );
}

#[test]
fn seven_days_that_slide_by_a_day_hold_the_days_they_name() {
    let (first, last) = ("2024-03-25T00:00:00+00:00", "2024-04-08T00:00:00+01:00");
    let found = windows("Europe/London", first, last, "hopping = \"7 days\", slide = \"1 day\"");
    assert_eq!(
        found,
        [
            "2024-03-19T00:00:00+00:00 2024-03-26T00:00:00+00:00 96",
            "2024-03-20T00:00:00+00:00 2024-03-27T00:00:00+00:00 192",
            "2024-03-21T00:00:00+00:00 2024-03-28T00:00:00+00:00 288",
            "2024-03-22T00:00:00+00:00 2024-03-29T00:00:00+00:00 384",
            "2024-03-23T00:00:00+00:00 2024-03-30T00:00:00+00:00 480",
            "2024-03-24T00:00:00+00:00 2024-03-31T00:00:00+00:00 576",
            "2024-03-25T00:00:00+00:00 2024-04-01T00:00:00+01:00 668",
            "2024-03-26T00:00:00+00:00 2024-04-02T00:00:00+01:00 668",
            "2024-03-27T00:00:00+00:00 2024-04-03T00:00:00+01:00 668",
            "2024-03-28T00:00:00+00:00 2024-04-04T00:00:00+01:00 668",
            "2024-03-29T00:00:00+00:00 2024-04-05T00:00:00+01:00 668",
            "2024-03-30T00:00:00+00:00 2024-04-06T00:00:00+01:00 668",
            "2024-03-31T00:00:00+00:00 2024-04-07T00:00:00+01:00 668",
            "2024-04-01T00:00:00+01:00 2024-04-08T00:00:00+01:00 672",
            "2024-04-02T00:00:00+01:00 2024-04-09T00:00:00+01:00 576",
            "2024-04-03T00:00:00+01:00 2024-04-10T00:00:00+01:00 480",
            "2024-04-04T00:00:00+01:00 2024-04-11T00:00:00+01:00 384",
            "2024-04-05T00:00:00+01:00 2024-04-12T00:00:00+01:00 288",
            "2024-04-06T00:00:00+01:00 2024-04-13T00:00:00+01:00 192",
            "2024-04-07T00:00:00+01:00 2024-04-14T00:00:00+01:00 96",
        ]
    );
    // A length is as long on every day: 168 hours from a midnight before the change end an hour past one.
    let found = windows("Europe/London", first, last, "hopping = \"168h\", slide = \"1 day\"");
    assert_eq!(found[6], "2024-03-25T00:00:00+00:00 2024-04-01T01:00:00+01:00 672");
    assert_eq!(found[13], "2024-04-01T00:00:00+01:00 2024-04-08T00:00:00+01:00 672");
    for (zone, first, last, want) in [
        ("Europe/London", "2024-10-27T00:00:00+01:00", "2024-11-03T00:00:00+00:00", 676),
        ("America/New_York", "2024-03-10T00:00:00-05:00", "2024-03-17T00:00:00-04:00", 668),
        ("America/New_York", "2024-11-03T00:00:00-04:00", "2024-11-10T00:00:00-05:00", 676),
        ("Australia/Lord_Howe", "2024-04-07T00:00:00+11:00", "2024-04-14T00:00:00+10:30", 674),
        ("Australia/Lord_Howe", "2024-10-06T00:00:00+10:30", "2024-10-13T00:00:00+11:00", 670),
        ("Asia/Kathmandu", "2024-10-06T00:00:00+05:45", "2024-10-13T00:00:00+05:45", 672),
    ] {
        let found = windows(zone, first, last, "hopping = \"7 days\", slide = \"1 day\"");
        assert_eq!(found.len(), 13, "{zone}");
        assert_eq!(found[6], format!("{first} {last} {want}"));
    }
}

#[test]
fn a_day_that_grows_by_the_hour_has_as_many_windows_as_hours() {
    let by_hour = "cumulative = \"1 day\", step = \"1h\"";
    let day = |zone: &str, first: &str, last: &str| {
        let found = windows(zone, first, last, by_hour);
        assert!(found.iter().all(|row| row.starts_with(first)), "{found:?}");
        found.iter().map(|row| row[first.len() + 1..].to_string()).collect::<Vec<_>>()
    };
    let spring = day("Europe/London", "2024-03-31T00:00:00+00:00", "2024-04-01T00:00:00+01:00");
    assert_eq!(spring.len(), 23);
    assert_eq!(spring[..2], ["2024-03-31T02:00:00+01:00 4", "2024-03-31T03:00:00+01:00 8"]);
    assert_eq!(spring[21..], ["2024-03-31T23:00:00+01:00 88", "2024-04-01T00:00:00+01:00 92"]);

    let autumn = day("Europe/London", "2024-10-27T00:00:00+01:00", "2024-10-28T00:00:00+00:00");
    assert_eq!(autumn.len(), 25);
    assert_eq!(
        autumn[..3],
        ["2024-10-27T01:00:00+01:00 4", "2024-10-27T01:00:00+00:00 8", "2024-10-27T02:00:00+00:00 12"]
    );
    assert_eq!(autumn[23..], ["2024-10-27T23:00:00+00:00 96", "2024-10-28T00:00:00+00:00 100"]);

    let spring = day("America/New_York", "2024-03-10T00:00:00-05:00", "2024-03-11T00:00:00-04:00");
    assert_eq!(spring.len(), 23);
    assert_eq!(spring[1..3], ["2024-03-10T03:00:00-04:00 8", "2024-03-10T04:00:00-04:00 12"]);
    let autumn = day("America/New_York", "2024-11-03T00:00:00-04:00", "2024-11-04T00:00:00-05:00");
    assert_eq!(autumn.len(), 25);
    assert_eq!(autumn[1..3], ["2024-11-03T01:00:00-05:00 8", "2024-11-03T02:00:00-05:00 12"]);

    // 24 hours and a half: the last step is cut short by the end of the day. And 23 and a half.
    let autumn = day("Australia/Lord_Howe", "2024-04-07T00:00:00+11:00", "2024-04-08T00:00:00+10:30");
    assert_eq!(autumn.len(), 25);
    assert_eq!(autumn[1..3], ["2024-04-07T01:30:00+10:30 8", "2024-04-07T02:30:00+10:30 12"]);
    assert_eq!(autumn[23..], ["2024-04-07T23:30:00+10:30 96", "2024-04-08T00:00:00+10:30 98"]);
    let spring = day("Australia/Lord_Howe", "2024-10-06T00:00:00+10:30", "2024-10-07T00:00:00+11:00");
    assert_eq!(spring.len(), 24);
    assert_eq!(spring[1..3], ["2024-10-06T02:30:00+11:00 8", "2024-10-06T03:30:00+11:00 12"]);
    assert_eq!(spring[22..], ["2024-10-06T23:30:00+11:00 92", "2024-10-07T00:00:00+11:00 94"]);

    let any = day("Asia/Kathmandu", "2024-03-31T00:00:00+05:45", "2024-04-01T00:00:00+05:45");
    assert_eq!(any.len(), 24);
    assert_eq!(any[0], "2024-03-31T01:00:00+05:45 4");
}
