//! Job files that are wrong: every fault in one go, each with its place and the nearest right name.

use crate::support::Lab;

pub fn lab() -> Lab {
    let lab = Lab::new();
    lab.write("log.csv", "at,amount,customer\n2024-01-01T00:00:00Z,1.50,7\n");
    lab
}

/// What the user is told of `job`.
pub fn words(job: &str) -> String {
    let lab = lab();
    let answer = lab.run(job, &[]);
    assert_eq!((answer.code, answer.out.as_str()), (2, ""), "{}", answer.err);
    answer.err
}

pub const SOURCE: &str = "[source]\npath = \"log.csv\"\ntime = \"at\"\n";

#[test]
fn faults_of_form_are_told_together() {
    let job = r#"
nmae = "x"
threads = 0
memory = 512

[source]
pth = "log.csv"
time = "at"
types = { amount = 1 }

[[step]]
filtre = "amount > 0"

[[step]]
filter = "amount > 0"
derive = { x = "1" }

[[output]]
path = "out.csv"
window = { tumblin = "1m" }
by = [1]
selekt = { n = "count(*)" }
top = { n = 3 }
"#;
    insta::assert_snapshot!(words(job), @r#"
    error: unknown key `nmae` in the job
     --> job.toml:2:1
      |
    2 | nmae = "x"
      | ^^^^
      hint: did you mean `name`?

    error: `threads` must be a whole number of at least 1, not integer
     --> job.toml:3:11
      |
    3 | threads = 0
      |           ^

    error: `memory` must be a string, not integer
     --> job.toml:4:10
      |
    4 | memory = 512
      |          ^^^

    error: [source] has no `path`
     --> job.toml:6:1
      |
    6 | [source]
      | ^^^^^^^^

    error: unknown key `pth` in [source]
     --> job.toml:7:1
      |
    7 | pth = "log.csv"
      | ^^^
      hint: did you mean `path`?

    error: `amount` must be a string, not integer
     --> job.toml:9:20
      |
    9 | types = { amount = 1 }
      |                    ^

    error: a [[step]] needs `filter`, `derive`, `dedup`, `first`, `enrich` or `lookup`
      --> job.toml:11:1
       |
    11 | [[step]]
       | ^^^^^^^^

    error: unknown key `filtre` in [[step]]
      --> job.toml:12:1
       |
    12 | filtre = "amount > 0"
       | ^^^^^^
      hint: did you mean `filter`?

    error: a [[step]] does one thing, but this one has `filter` and `derive`
      --> job.toml:14:1
       |
    14 | [[step]]
       | ^^^^^^^^
      hint: write two steps, in the order in which they apply

    error: `window` needs `tumbling`, `hopping`, `cumulative` or `session`
      --> job.toml:20:10
       |
    20 | window = { tumblin = "1m" }
       |          ^^^^^^^^^^^^^^^^^^

    error: unknown key `tumblin` in window
      --> job.toml:20:12
       |
    20 | window = { tumblin = "1m" }
       |            ^^^^^^^
      hint: did you mean `tumbling`?

    error: `by` must be a list of strings, not integer
      --> job.toml:21:7
       |
    21 | by = [1]
       |       ^

    error: unknown key `selekt` in [[output]]
      --> job.toml:22:1
       |
    22 | selekt = { n = "count(*)" }
       | ^^^^^^
      hint: did you mean `select`?

    error: `top` needs `n` and `by`: { n = 3, by = "total desc" }
      --> job.toml:23:7
       |
    23 | top = { n = 3 }
       |       ^^^^^^^^^
    "#);
}

#[test]
fn faults_of_meaning_are_told_together() {
    let job = r#"
timezone = "Europe/Lodon"

[source]
path = "log.csv"
format = "cvs"
time = "at"
delimiter = ",,"
types = { amount = "decmal(18,2)" }
"#;
    let outputs = "[[output]]\npath = \"out.csv\"\nselect = { n = \"count(*)\" }\n";
    insta::assert_snapshot!(words(&(job.to_string() + outputs)), @r#"
    error: unknown time zone `Europe/Lodon`
     --> job.toml:2:12
      |
    2 | timezone = "Europe/Lodon"
      |            ^^^^^^^^^^^^^^
      hint: did you mean `Europe/London`?

    error: unknown format `cvs`
     --> job.toml:6:10
      |
    6 | format = "cvs"
      |          ^^^^^
      hint: did you mean `csv`?
      hint: the formats are csv, jsonl, parquet, avro, xlsx, common, combined, w3c, cloudfront, alb

    error: `delimiter` must be one ASCII character, but not a quote or a line end
     --> job.toml:8:13
      |
    8 | delimiter = ",,"
      |             ^^^^
      hint: or "spaces", for any number of spaces and tabs

    error: unknown type `decmal(18,2)`
     --> job.toml:9:20
      |
    9 | types = { amount = "decmal(18,2)" }
      |                    ^^^^^^^^^^^^^^
      hint: did you mean `decimal(18,2)`?
      hint: the types are string, json, bool, int64, float64, decimal(p,s), date and timestamp
    "#);

    let job = SOURCE.to_string()
        + r#"types = { amout = "float64" }
on_bad_record = "skip"

[[step]]
filter = "amuont > 0"

[[step]]
derive = { amount = "1", y = "upprr(customer)", z = "amount +" }

[[step]]
filter = "customer + 1"

[[output]]
path = "a.csv"
window = { tumbling = "1 fortnight" }
select = { n = "count(*)" }

[[output]]
path = "b.csv"
by = ["custmer"]
select = { n = "count(*)" }

[[output]]
path = "c.csv"
select = { s = "summ(amount)", t = "sum(amuont)" }

[[output]]
path = "d.csv"
by = ["customer"]
select = { s = "sum(amount)" }
having = "s"
top = { n = 1, by = "ss desc" }

[[output]]
path = "e"
by = ["customer"]
select = { s = "sum(amount)" }
partition_by = ["dat"]

[[output]]
path = "f.txt"
"#;
    insta::assert_snapshot!(words(&job), @r##"
    error: no file has a column `amout`
     --> job.toml:4:11
      |
    4 | types = { amout = "float64" }
      |           ^^^^^
      hint: did you mean `amount`?

    error: `on_bad_record` is "fail" or "reject", not "skip"
     --> job.toml:5:17
      |
    5 | on_bad_record = "skip"
      |                 ^^^^^^

    error: unknown column `amuont` in `amuont > 0`
     --> job.toml:8:10
      |
    8 | filter = "amuont > 0"
      |          ^^^^^^^^^^^^
      hint: did you mean `amount`?

    error: there is a column `amount` already
      --> job.toml:11:12
       |
    11 | derive = { amount = "1", y = "upprr(customer)", z = "amount +" }
       |            ^^^^^^
      hint: a derived column needs a new name

    error: unknown function `upprr` in `upprr(customer)`
      --> job.toml:11:30
       |
    11 | derive = { amount = "1", y = "upprr(customer)", z = "amount +" }
       |                              ^^^^^^^^^^^^^^^^^
      hint: did you mean `upper`?

    error: wrong expression `amount +`
      --> job.toml:11:53
       |
    11 | derive = { amount = "1", y = "upprr(customer)", z = "amount +" }
       |                                                     ^^^^^^^^^^
      cause: Expected: an expression, found: EOF

    error: `filter` must be a bool, but its type is int64
      --> job.toml:14:10
       |
    14 | filter = "customer + 1"
       |          ^^^^^^^^^^^^^^

    error: `1 fortnight` is not a valid window size
      --> job.toml:18:23
       |
    18 | window = { tumbling = "1 fortnight" }
       |                       ^^^^^^^^^^^^^
      hint: use a duration such as 90s, 1m, 2h, or calendar units such as 1 day, 1 month

    error: no file has a column `custmer`
      --> job.toml:23:7
       |
    23 | by = ["custmer"]
       |       ^^^^^^^^^
      hint: did you mean `customer`?

    error: unknown function `summ` in `summ(amount)`
      --> job.toml:28:16
       |
    28 | select = { s = "summ(amount)", t = "sum(amuont)" }
       |                ^^^^^^^^^^^^^^
      hint: did you mean `sum`?

    error: unknown column `amuont`
      --> job.toml:28:36
       |
    28 | select = { s = "summ(amount)", t = "sum(amuont)" }
       |                                    ^^^^^^^^^^^^^
      hint: did you mean `amount`?

    error: `having` must be a bool, but its type is float64
      --> job.toml:34:10
       |
    34 | having = "s"
       |          ^^^

    error: the output has no column `ss`
      --> job.toml:35:21
       |
    35 | top = { n = 1, by = "ss desc" }
       |                     ^^^^^^^^^
      hint: did you mean `s`?

    error: cannot partition by `dat`
      --> job.toml:41:17
       |
    41 | partition_by = ["dat"]
       |                 ^^^^^
      hint: did you mean `date`?

    error: the extension of `f.txt` is not a known format
      --> job.toml:44:8
       |
    44 | path = "f.txt"
       |        ^^^^^^^
      hint: use .parquet, .csv, .jsonl, .avro, .kcat or .html; or a folder: end the path in /
    "##);
}

#[test]
fn broken_toml() {
    insta::assert_snapshot!(words("[source\npath = \"x\"\n[[output]]\npath = \n"), @r"
    error: TOML: unclosed table, expected `]`
     --> job.toml:1:8
      |
    1 | [source
      |        ^

    error: TOML: string values must be quoted, expected literal string
     --> job.toml:4:8
      |
    4 | path = 
      |        ^
    ");
    insta::assert_snapshot!(words(""), @r"
    error: the job has no [source]
     --> job.toml:1:1
      |
    1 | 
      | ^
      hint: it says what to read: `path`, and the column of the event time in `time`

    error: the job has no [[output]]
     --> job.toml:1:1
      |
    1 | 
      | ^
      hint: it says what to write: a `path`, and what is counted or added up there
    ");
}

#[test]
fn keys_of_pages_alone() {
    let job = SOURCE.to_string() + "[[output]]\npath = \"x.csv\"\nof = \"x\"\n";
    insta::assert_snapshot!(words(&job), @r#"
    error: `of` is for a page, and this output is not a page
     --> job.toml:6:1
      |
    6 | of = "x"
      | ^^
      hint: a page is an [[output]] whose path ends in .html
    "#);
}
