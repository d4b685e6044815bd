//! Job files that are wrong about event time: windows, watermark, modes, firings, late output.

use crate::job_faults::{SOURCE, lab, words};

#[test]
fn a_window_is_of_one_kind_with_its_own_keys() {
    let job = SOURCE.to_string()
        + r#"
[[output]]
path = "a.csv"
allowed_lateness = "1h"
window = {}

[[output]]
path = "b.csv"
window = { tumbling = "1m", session = "1m" }

[[output]]
path = "c.csv"
window = { hopping = "10m" }

[[output]]
path = "d.csv"
window = { cumulative = "1h", slide = "1m" }

[[output]]
path = "e.csv"
window = { session = "30m", offset = "1m", step = "1m" }

[[output]]
path = "f.csv"
window = { tumbling = "1m", allowed_latenes = "1h" }
firings = "yes"

[late]
pth = "late.jsonl"
"#;
    insta::assert_snapshot!(words(&job), @r#"
    error: this output groups events, but selects nothing
     --> job.toml:5:1
      |
    5 | [[output]]
      | ^^^^^^^^^^
      hint: add select = { n = "count(*)" }

    error: [[output]] has no key `allowed_lateness`
     --> job.toml:7:1
      |
    7 | allowed_lateness = "1h"
      | ^^^^^^^^^^^^^^^^
      hint: it belongs to the window: window = { tumbling = "1m", allowed_lateness = "1h" }

    error: `window` needs `tumbling`, `hopping`, `cumulative` or `session`
     --> job.toml:8:10
      |
    8 | window = {}
      |          ^^

    error: this output groups events, but selects nothing
      --> job.toml:10:1
       |
    10 | [[output]]
       | ^^^^^^^^^^
      hint: add select = { n = "count(*)" }

    error: a window has one kind, but this one has `tumbling` and `session`
      --> job.toml:12:10
       |
    12 | window = { tumbling = "1m", session = "1m" }
       |          ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^

    error: this output groups events, but selects nothing
      --> job.toml:14:1
       |
    14 | [[output]]
       | ^^^^^^^^^^
      hint: add select = { n = "count(*)" }

    error: `hopping` needs `slide`: how far apart its windows start
      --> job.toml:16:10
       |
    16 | window = { hopping = "10m" }
       |          ^^^^^^^^^^^^^^^^^^^

    error: this output groups events, but selects nothing
      --> job.toml:18:1
       |
    18 | [[output]]
       | ^^^^^^^^^^
      hint: add select = { n = "count(*)" }

    error: `cumulative` needs `step`: how much longer each window is than the last
      --> job.toml:20:10
       |
    20 | window = { cumulative = "1h", slide = "1m" }
       |          ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^

    error: `slide` goes with `hopping`, but this window is `cumulative`
      --> job.toml:20:31
       |
    20 | window = { cumulative = "1h", slide = "1m" }
       |                               ^^^^^

    error: this output groups events, but selects nothing
      --> job.toml:22:1
       |
    22 | [[output]]
       | ^^^^^^^^^^
      hint: add select = { n = "count(*)" }

    error: a session has no `offset`
      --> job.toml:24:29
       |
    24 | window = { session = "30m", offset = "1m", step = "1m" }
       |                             ^^^^^^
      hint: it starts with its first event

    error: `step` goes with `cumulative`, but this window is `session`
      --> job.toml:24:44
       |
    24 | window = { session = "30m", offset = "1m", step = "1m" }
       |                                            ^^^^

    error: this output groups events, but selects nothing
      --> job.toml:26:1
       |
    26 | [[output]]
       | ^^^^^^^^^^
      hint: add select = { n = "count(*)" }

    error: unknown key `allowed_latenes` in window
      --> job.toml:28:29
       |
    28 | window = { tumbling = "1m", allowed_latenes = "1h" }
       |                             ^^^^^^^^^^^^^^^
      hint: did you mean `allowed_lateness`?

    error: `firings` must be true or false, not string
      --> job.toml:29:11
       |
    29 | firings = "yes"
       |           ^^^^^

    error: [late] has no `path`
      --> job.toml:31:1
       |
    31 | [late]
       | ^^^^^^
      hint: a .jsonl, .parquet or .kcat file for late events

    error: unknown key `pth` in [late]
      --> job.toml:32:1
       |
    32 | pth = "late.jsonl"
       | ^^^
      hint: did you mean `path`?
    "#);
}

/// The faults of an output with this window and these keys.
fn of_window(window: &str, keys: &str) -> String {
    words(&format!(
        "{SOURCE}[[output]]\npath = \"o.csv\"\nselect = {{ n = \"count(*)\" }}\nwindow = {window}\n{keys}"
    ))
}

#[test]
fn lengths_and_calendar_units_that_do_not_go_together() {
    let windows = [
        r#"{ hopping = "1 day", slide = "1h" }"#,
        r#"{ hopping = "1 month", slide = "1h" }"#,
        r#"{ hopping = "1 month", slide = "1 week" }"#,
        r#"{ cumulative = "24h", step = "1 day" }"#,
        r#"{ cumulative = "2 weeks", step = "1 month" }"#,
        r#"{ hopping = "8760h", slide = "10s" }"#,
        r#"{ tumbling = "2000 years" }"#,
        r#"{ tumbling = "0s", offset = "1 month" }"#,
        r#"{ session = "1 month" }"#,
        r#"{ session = "0s" }"#,
        r#"{ tumbling = "1m", allowed_lateness = "1 quarter" }"#,
        r#"{ tumbling = "1m", allowed_lateness = "soon" }"#,
    ];
    let told: Vec<String> = windows.iter().map(|window| of_window(window, "")).collect();
    insta::assert_snapshot!(told.join("\n"), @r#"
    error: a window of 1 day on the calendar cannot start every `1h`, which is a duration
     --> job.toml:7:22
      |
    7 | window = { hopping = "1 day", slide = "1h" }
      |                      ^^^^^^^
      hint: write `24h` for windows of that length

    error: a window of 1 month on the calendar cannot start every `1h`, which is a duration
     --> job.toml:7:22
      |
    7 | window = { hopping = "1 month", slide = "1h" }
      |                      ^^^^^^^^^
      hint: give `slide` in months, quarters or years too

    error: a window of 1 month cannot start every 1 week
     --> job.toml:7:22
      |
    7 | window = { hopping = "1 month", slide = "1 week" }
      |                      ^^^^^^^^^
      hint: give `slide` in months, quarters or years, or the size in days

    error: a window of 24h cannot grow by 1 day on the calendar
     --> job.toml:7:39
      |
    7 | window = { cumulative = "24h", step = "1 day" }
      |                                       ^^^^^^^
      hint: write `24h` for steps of that length

    error: a window of 2 weeks cannot grow by 1 month on the calendar
     --> job.toml:7:43
      |
    7 | window = { cumulative = "2 weeks", step = "1 month" }
      |                                           ^^^^^^^^^
      hint: a `step` in months goes with a size in months, quarters or years

    error: one event would lie in 3153600 windows, of 8760h by 10s
     --> job.toml:7:39
      |
    7 | window = { hopping = "8760h", slide = "10s" }
      |                                       ^^^^^
      hint: at most a million are allowed

    error: `2000 years` is too long
     --> job.toml:7:23
      |
    7 | window = { tumbling = "2000 years" }
      |                       ^^^^^^^^^^^^
      hint: at most 1000 years are allowed

    error: `0s` is not a valid window size
     --> job.toml:7:23
      |
    7 | window = { tumbling = "0s", offset = "1 month" }
      |                       ^^^^
      hint: use a duration such as 90s, 1m, 2h, or calendar units such as 1 day, 1 month

    error: `1 month` has no fixed length
     --> job.toml:7:22
      |
    7 | window = { session = "1 month" }
      |                      ^^^^^^^^^
      hint: the length of a month, quarter or year varies: give days, such as 30 days

    error: the gap of a session must be longer than 0
     --> job.toml:7:22
      |
    7 | window = { session = "0s" }
      |                      ^^^^
      hint: such as session = "30m"

    error: `1 quarter` has no fixed length
     --> job.toml:7:48
      |
    7 | window = { tumbling = "1m", allowed_lateness = "1 quarter" }
      |                                                ^^^^^^^^^^^
      hint: the length of a month, quarter or year varies: give days, such as 30 days

    error: `soon` is not a duration
     --> job.toml:7:48
      |
    7 | window = { tumbling = "1m", allowed_lateness = "soon" }
      |                                                ^^^^^^
      hint: such as 20s, 15m, 6h or 1 day
    "#);
}

#[test]
fn modes_and_firings_of_windows_that_cannot_have_them() {
    let session = r#"{ session = "1m" }"#;
    let minute = r#"{ tumbling = "1m" }"#;
    let told = [
        of_window("\"global\"", "mode = \"streamed\"\nfirings = true\n"),
        of_window(minute, "mode = \"stream\"\n"),
        of_window(minute, "firings = true\n"),
        of_window(session, "mode = \"streamed\"\nfirings = true\n"),
        of_window(minute, "mode = \"streamed\"\nfirings = true\nhaving = \"n > 1\"\n"),
        of_window(minute, "mode = \"streamed\"\nfirings = true\ntop = { n = 1, by = \"n\" }\n"),
    ];
    insta::assert_snapshot!(told.join("\n"), @r#"
    error: `mode = "streamed"` is for windows that have an end
     --> job.toml:8:8
      |
    8 | mode = "streamed"
      |        ^^^^^^^^^^
      hint: without an end, an event cannot be late

    error: `firings` is for windows that have an end
     --> job.toml:9:11
      |
    9 | firings = true
      |           ^^^^
      hint: without an end, an event cannot be late

    error: `mode` is "complete" or "streamed", not "stream"
     --> job.toml:8:8
      |
    8 | mode = "stream"
      |        ^^^^^^^^

    error: `firings` needs mode = "streamed"
     --> job.toml:8:11
      |
    8 | firings = true
      |           ^^^^
      hint: in mode = "complete" every window fires once

    error: `firings` is not for sessions
     --> job.toml:9:11
      |
    9 | firings = true
      |           ^^^^
      hint: a later event can join two sessions into one, and rows that were already written cannot say so

    error: `firings` does not go with `having`
     --> job.toml:9:11
      |
    9 | firings = true
      |           ^^^^
      hint: they look at one row per window and key: write a second output without `firings`

    error: `firings` does not go with `top`
     --> job.toml:9:11
      |
    9 | firings = true
      |           ^^^^
      hint: they look at one row per window and key: write a second output without `firings`
    "#);

    // The number of the firing is a column.
    let lab = lab();
    lab.write("log.csv", "at,firing\n2024-01-01T00:00:00Z,1\n");
    let job = format!(
        "{SOURCE}[[output]]\npath = \"o.csv\"\nwindow = {minute}\nmode = \"streamed\"\nfirings = true\n\
            by = \"firing\"\nselect = {{ firing = \"count(*)\" }}\n"
    );
    let mode = lab.run(&job, &["--mode", "complete"]);
    let clash = lab.run(&job, &[]);
    insta::assert_snapshot!(format!("{}\n{}", clash.err, mode.err), @r#"
    error: the output has two columns `firing`
     --> job.toml:9:6
      |
    9 | by = "firing"
      |      ^^^^^^^^

    error: the output has two columns `firing`
      --> job.toml:10:12
       |
    10 | select = { firing = "count(*)" }
       |            ^^^^^^

    error: `firings` needs mode = "streamed"
     --> job.toml:8:11
      |
    8 | firings = true
      |           ^^^^
      hint: leave out `--mode complete`, or `firings`

    error: the output has two columns `firing`
      --> job.toml:10:12
       |
    10 | select = { firing = "count(*)" }
       |            ^^^^^^
    "#);
}

#[test]
fn a_watermark_that_cannot_be_followed() {
    let job = format!("mode = \"stremed\"\n{SOURCE}")
        + r#"arrival = "att"
partition = "custmer"
idle = "1 month"
max_ahead = "1 hr"
out_of_orderness = "-20s"

[[output]]
path = "out"
select = { n = "count(*)" }
window = { tumbling = "1m" }

[late]
path = "late.csv"
"#;
    insta::assert_snapshot!(words(&job), @r#"
    error: `mode` is "complete" or "streamed", not "stremed"
     --> job.toml:1:8
      |
    1 | mode = "stremed"
      |        ^^^^^^^^^

    error: no file has a column `att`
     --> job.toml:5:11
      |
    5 | arrival = "att"
      |           ^^^^^
      hint: did you mean `at`?

    error: no file has a column `custmer`
     --> job.toml:6:13
      |
    6 | partition = "custmer"
      |             ^^^^^^^^^
      hint: did you mean `customer`?
      hint: or "file", if each file is a partition of the log

    error: `1 month` has no fixed length
     --> job.toml:7:8
      |
    7 | idle = "1 month"
      |        ^^^^^^^^^
      hint: the length of a month, quarter or year varies: give days, such as 30 days

    error: `1 hr` is not a duration
     --> job.toml:8:13
      |
    8 | max_ahead = "1 hr"
      |             ^^^^^^
      hint: such as 20s, 15m, 6h or 1 day

    error: `-20s` is not a duration
     --> job.toml:9:20
      |
    9 | out_of_orderness = "-20s"
      |                    ^^^^^^
      hint: such as 20s, 15m, 6h or 1 day

    error: late events cannot be written to `late.csv`
      --> job.toml:17:8
       |
    17 | path = "late.csv"
       |        ^^^^^^^^^^
      hint: give a .jsonl, .parquet or .kcat file
    "#);

    let job = SOURCE.to_string()
        + "idle = \"1m\"\nmax_ahead = \"1h\"\n[[output]]\npath = \"out\"\n[late]\npath = \"./out/late.jsonl\"\n";
    insta::assert_snapshot!(words(&job), @r#"
    error: `idle` needs `partition`
     --> job.toml:4:8
      |
    4 | idle = "1m"
      |        ^^^^
      hint: add `partition`, a column, or "file"

    error: `idle` needs `arrival`
     --> job.toml:4:8
      |
    4 | idle = "1m"
      |        ^^^^
      hint: add `arrival`, the column that says when each event arrived

    error: `max_ahead` needs `arrival`
     --> job.toml:5:13
      |
    5 | max_ahead = "1h"
      |             ^^^^
      hint: add `arrival`, the column that says when each event arrived

    error: late events cannot be written to `./out/late.jsonl`: an output is written to this folder, which must contain nothing else
     --> job.toml:9:8
      |
    9 | path = "./out/late.jsonl"
      |        ^^^^^^^^^^^^^^^^^^
      hint: give them their own place
    "#);

    let told = [
        words(&format!(
            "{SOURCE}arrival = \"customer\"\n[[output]]\npath = \"o.jsonl\"\n[late]\npath = \"o.jsonl\"\n"
        )),
        words(&format!(
            "{SOURCE}rejects = \"r.jsonl\"\n[[output]]\npath = \"o.csv\"\n[late]\npath = \"./r.jsonl\"\n"
        )),
    ];
    insta::assert_snapshot!(told.join("\n"), @r#"
    error: `customer` contains `7`, which is not a time that can be read
     --> job.toml:4:11
      |
    4 | arrival = "customer"
      |           ^^^^^^^^^^
      hint: arrival times are ISO-8601, integers since 1970, or written like the event time

    error: late events cannot be written to `o.jsonl`: an output is written to the same file
     --> job.toml:8:8
      |
    8 | path = "o.jsonl"
      |        ^^^^^^^^^
      hint: give them their own place

    error: late events cannot be written to `./r.jsonl`: rejected records are written to the same file
     --> job.toml:8:8
      |
    8 | path = "./r.jsonl"
      |        ^^^^^^^^^^^
      hint: give them their own place
    "#);
}
