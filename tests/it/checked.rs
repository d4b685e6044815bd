//! `highwater check`: what can be told of a job without its data.

use crate::golden::with_data;
use crate::support::Lab;

/// Every job that runs is right, and nothing of its data is looked at.
#[test]
fn jobs_that_run_are_right_without_their_data() {
    let lab = Lab::new();
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut jobs = 0;
    for folder in ["data/jobs", "tests/sql"] {
        for entry in std::fs::read_dir(root.join(folder)).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|e| e == "toml") {
                let path = path.display().to_string();
                let answer = lab.highwater(&["check", &path]);
                assert_eq!((answer.code, answer.err.as_str()), (0, ""), "{path}");
                assert!(answer.out.contains(": valid (data not checked)"), "{}", answer.out);
                jobs += 1;
            }
        }
    }
    assert!(jobs > 60, "{jobs}");
}

#[test]
fn data_is_looked_at_when_it_is_asked_for() {
    let lab = with_data();
    let answer = lab.highwater(&["check", "data/jobs/pageviews-per-postcode.toml", "--data"]);
    insta::assert_snapshot!(format!("{}{}", answer.out, answer.err), @r#"data/jobs/pageviews-per-postcode.toml: valid (checked with samples of 2 files with 4 columns): time zone UTC, 0 tables, 0 steps, 3 outputs, 5 expressions"#);
    lab.write("job.toml", lab.text("data/jobs/pageviews-per-postcode.toml").replace("postcode", "postkode"));
    assert_eq!(lab.highwater(&["check", "job.toml"]).code, 0);
    let answer = lab.highwater(&["check", "job.toml", "--data"]);
    assert!(answer.code == 2 && answer.err.contains("did you mean `postcode`?"), "{}", answer.err);
}

/// One of each kind of fault, all told in one go, of two files.
#[test]
fn all_that_is_wrong_is_told_in_one_go() {
    let lab = Lab::new();
    lab.write(
        "job.toml",
        r#"
timezone = "Europe/Lodnon"
memory = "much"
mode = "stremed"

[source]
path = "none/*.csv"
format = "cvs"
time = "at"
time_unit = "sec"
types = { v = "integer" }
delimiter = ";;"
on_bad_record = "ignore"
idle = "1 month"
max_ahead = "soon"
out_of_orderness = "20 sce"

[table.unused]
path = "t.csv"
filter = "a >"

[[step]]
filter = "uper(x) = 'A'"

[[step]]
derive = { y = "sum(x)" }

[[step]]
dedup = ["id"]
within = "1 fortnight"

[[step]]
enrich = "prces"
on = ["id"]
take = ["price"]
match = "back"

[[step]]
lookup = "ftp://host/{id}"
take = { country = "country" }
on_failure = "ignore"

[[output]]
path = "out.xyz"
window = { tumbling = "1 fortnite" }
select = { n = "sum(max(x))" }

[[output]]
path = "out/a.csv"
window = { session = "0s", allowed_lateness = "never" }
by = ["k"]

[[output]]
path = "out/b.csv"
select = { x = "lowre(x)" }
top = { n = 1, by = "x" }

[late]
path = "late.csv"
"#,
    );
    lab.write("form.toml", "[source]\npath = \"x.csv\"\ntime = \"t\"\n[[output]]\npth = \"o\"\n");
    let answer = lab.highwater(&["check", "job.toml", "form.toml"]);
    assert_eq!((answer.code, answer.out.as_str()), (2, ""));
    insta::assert_snapshot!(answer.err, @r#"
    error: unknown time zone `Europe/Lodnon`
     --> job.toml:2:12
      |
    2 | timezone = "Europe/Lodnon"
      |            ^^^^^^^^^^^^^^^
      hint: did you mean `Europe/London`?

    error: `memory` cannot be read: `much`
     --> job.toml:3:10
      |
    3 | memory = "much"
      |          ^^^^^^
      hint: such as "512MB" or "4GB"

    error: `mode` is "complete" or "streamed", not "stremed"
     --> job.toml:4:8
      |
    4 | mode = "stremed"
      |        ^^^^^^^^^

    error: unknown format `cvs`
     --> job.toml:8:10
      |
    8 | format = "cvs"
      |          ^^^^^
      hint: did you mean `csv`?
      hint: the formats are csv, jsonl, parquet, avro, xlsx, common, combined, w3c, cloudfront, alb

    error: unknown time unit `sec`
      --> job.toml:10:13
       |
    10 | time_unit = "sec"
       |             ^^^^^
      hint: the units are s, ms, us and ns, d for days, and excel for days of a spreadsheet

    error: unknown type `integer`
      --> job.toml:11:15
       |
    11 | types = { v = "integer" }
       |               ^^^^^^^^^
      hint: the types are string, json, bool, int64, float64, decimal(p,s), date and timestamp

    error: `delimiter` must be one ASCII character, but not a quote or a line end
      --> job.toml:12:13
       |
    12 | delimiter = ";;"
       |             ^^^^
      hint: or "spaces", for any number of spaces and tabs

    error: `on_bad_record` is "fail" or "reject", not "ignore"
      --> job.toml:13:17
       |
    13 | on_bad_record = "ignore"
       |                 ^^^^^^^^

    error: `idle` needs `partition`
      --> job.toml:14:8
       |
    14 | idle = "1 month"
       |        ^^^^^^^^^
      hint: add `partition`, a column, or "file"

    error: `idle` needs `arrival`
      --> job.toml:14:8
       |
    14 | idle = "1 month"
       |        ^^^^^^^^^
      hint: add `arrival`, the column that says when each event arrived

    error: `1 month` has no fixed length
      --> job.toml:14:8
       |
    14 | idle = "1 month"
       |        ^^^^^^^^^
      hint: the length of a month, quarter or year varies: give days, such as 30 days

    error: `soon` is not a duration
      --> job.toml:15:13
       |
    15 | max_ahead = "soon"
       |             ^^^^^^
      hint: such as 20s, 15m, 6h or 1 day

    error: `20 sce` is not a duration
      --> job.toml:16:20
       |
    16 | out_of_orderness = "20 sce"
       |                    ^^^^^^^^
      hint: such as 20s, 15m, 6h or 1 day

    error: no step uses [table.unused]
      --> job.toml:18:8
       |
    18 | [table.unused]
       |        ^^^^^^
      hint: a [[step]] with enrich = "unused"

    error: wrong expression `a >`
      --> job.toml:20:10
       |
    20 | filter = "a >"
       |          ^^^^^
      cause: Expected: an expression, found: EOF

    error: unknown function `uper` in `uper(x) = 'A'`
      --> job.toml:23:10
       |
    23 | filter = "uper(x) = 'A'"
       |          ^^^^^^^^^^^^^^^
      hint: did you mean `upper`?

    error: `sum` is an aggregate, which is not allowed in `sum(x)`
      --> job.toml:26:16
       |
    26 | derive = { y = "sum(x)" }
       |                ^^^^^^^^
      hint: aggregates belong to `select` and `having` of an output

    error: `1 fortnight` is not a duration
      --> job.toml:30:10
       |
    30 | within = "1 fortnight"
       |          ^^^^^^^^^^^^^
      hint: such as 20s, 15m, 6h or 1 day

    error: the job has no table `prces`
      --> job.toml:33:10
       |
    33 | enrich = "prces"
       |          ^^^^^^^
      hint: the tables are unused

    error: unknown match `back`
      --> job.toml:36:9
       |
    36 | match = "back"
       |         ^^^^^^
      hint: a match is backward, forward or nearest

    error: `ftp://host/{id}` is not the URL of a service: it must begin with http:// or https://
      --> job.toml:39:10
       |
    39 | lookup = "ftp://host/{id}"
       |          ^^^^^^^^^^^^^^^^^

    error: `country` is not a JSON pointer
      --> job.toml:40:20
       |
    40 | take = { country = "country" }
       |                    ^^^^^^^^^
      hint: it must start with a slash: "/country"

    error: unknown on_failure `ignore`
      --> job.toml:41:14
       |
    41 | on_failure = "ignore"
       |              ^^^^^^^^
      hint: it is "fail", "null" or "reject"

    error: the extension of `out.xyz` is not a known format
      --> job.toml:44:8
       |
    44 | path = "out.xyz"
       |        ^^^^^^^^^
      hint: use .parquet, .csv, .jsonl, .avro, .kcat or .html; or a folder: end the path in /

    error: `1 fortnite` is not a valid window size
      --> job.toml:45:23
       |
    45 | window = { tumbling = "1 fortnite" }
       |                       ^^^^^^^^^^^^
      hint: use a duration such as 90s, 1m, 2h, or calendar units such as 1 day, 1 month

    error: `max` inside `sum` in `sum(max(x))`: aggregates do not nest
      --> job.toml:46:16
       |
    46 | select = { n = "sum(max(x))" }
       |                ^^^^^^^^^^^^^

    error: this output groups events, but selects nothing
      --> job.toml:48:1
       |
    48 | [[output]]
       | ^^^^^^^^^^
      hint: add select = { n = "count(*)" }

    error: the gap of a session must be longer than 0
      --> job.toml:50:22
       |
    50 | window = { session = "0s", allowed_lateness = "never" }
       |                      ^^^^
      hint: such as session = "30m"

    error: `never` is not a duration
      --> job.toml:50:47
       |
    50 | window = { session = "0s", allowed_lateness = "never" }
       |                                               ^^^^^^^
      hint: such as 20s, 15m, 6h or 1 day

    error: unknown function `lowre` in `lowre(x)`
      --> job.toml:55:16
       |
    55 | select = { x = "lowre(x)" }
       |                ^^^^^^^^^^
      hint: did you mean `lower`?

    error: `top` is for groups, but this output has neither a window nor keys
      --> job.toml:56:21
       |
    56 | top = { n = 1, by = "x" }
       |                     ^^^
      hint: add `window` or `by`, or filter events with a [[step]]

    error: late events cannot be written to `late.csv`
      --> job.toml:59:8
       |
    59 | path = "late.csv"
       |        ^^^^^^^^^^
      hint: give a .jsonl, .parquet or .kcat file

    error: an [[output]] has no `path`
     --> form.toml:4:1
      |
    4 | [[output]]
      | ^^^^^^^^^^
      hint: a folder, a file, postgres://…/table, a page (.html), or "-" for the terminal

    error: unknown key `pth` in [[output]]
     --> form.toml:5:1
      |
    5 | pth = "o"
      | ^^^
      hint: did you mean `path`?
    "#);
}

/// What is found without data, planning finds too.
#[test]
fn no_fault_is_told_that_a_run_would_not_tell() {
    let lab = Lab::new();
    lab.write("log.csv", "at,k,v\n1,a,2\n");
    let source = "[source]\npath = \"log.csv\"\ntime = \"at\"\ntime_unit = \"s\"\n";
    for rest in [
        "[[output]]\npath = \"x.csv\"\nselect = { y = \"lowre(k)\" }\n",
        "[[output]]\npath = \"x.csv\"\nwindow = { tumbling = \"1x\" }\nselect = { n = \"count(*)\" }\n",
        "[[output]]\npath = \"x.csv\"\nby = [\"k\"]\n",
        "[[output]]\npath = \"x.csv\"\nhaving = \"v > 1\"\n",
        "[[output]]\npath = \"x.abc\"\n",
        "[[step]]\nfilter = \"v >\"\n[[output]]\npath = \"x.csv\"\n",
        "[[step]]\nderive = { m = \"max(v)\" }\n[[output]]\npath = \"x.csv\"\n",
        "[[output]]\npath = \"x.csv\"\n[late]\npath = \"late.csv\"\n",
    ] {
        lab.write("job.toml", format!("{source}{rest}"));
        let (check, run) = (lab.highwater(&["check", "job.toml"]), lab.highwater(&["run", "job.toml"]));
        assert_eq!((check.code, run.code), (2, 2), "{rest}{}{}", check.err, run.err);
        assert_eq!(check.err, run.err, "{rest}");
    }
}
