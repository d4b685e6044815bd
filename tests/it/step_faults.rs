//! Steps and tables that are wrong: every fault in one go, each with its place and what to do.

use crate::support::Lab;

/// What the user is told of a job with these tables and steps.
fn words(job: &str) -> String {
    let lab = Lab::new();
    lab.write("log.csv", "at,user,id,amount,session\n2024-01-01T00:00:00Z,u1,7,1.50,s1\n");
    lab.write("users.csv", "at,id,country,score\n2024-01-01T00:00:00Z,u1,ES,1.5\n");
    lab.write("countries.csv", "code,name\nES,Spain\n");
    let job = format!(
        "[[output]]\npath = \"out.csv\"\n[source]\npath = \"log.csv\"\ntime = \"at\"\n\
         types = {{ amount = \"decimal(18,2)\" }}\n{job}"
    );
    let answer = lab.run(&job, &[]);
    assert_eq!((answer.code, answer.out.as_str()), (2, ""), "{}", answer.err);
    assert!(!lab.path("out.csv").exists());
    answer.err
}

#[test]
fn faults_of_form_are_told_together() {
    let job = r#"
[table.users]
time_unit = "ms"
idle = "1m"
pth = "users.csv"
[table."a/b"]
path = "users.csv"
[table]
x = 1
[[step]]
as = "x"
[[step]]
filter = "id > 1"
dedup = "id"
[[step]]
dedup = []
as = "x"
[[step]]
first = "id"
within = "1m"
[[step]]
first = "id"
[[step]]
enrich = "users"
match = true
retries = 1
[[step]]
enrich = "users"
on = {}
take = { country = 1 }
otherwise = { match = "forward" }
[[step]]
lookup = "countries.csv"
retries = 1
[[step]]
lookup = "http://host/{id}"
on = { id = "id" }
retries = -1
take = { a = "/a" }
otherwise = [
  "forward", {}, { within = "1m" }, { match = "forward", constant = { a = 1 } },
  { match = "forward", on = { id = "id" } }, { constant = { a = [] } },
  { lookup = ["http://host/{id}", "countries.csv"] }, { lookup = [] }, { lookup = "x.csv", otherwise = [] },
]
"#;
    insta::assert_snapshot!(words(job), @r#"
    error: [table.users] has no `path`
     --> job.toml:8:1
      |
    8 | [table.users]
      | ^^^^^^^^^^^^^

    error: [table.users] has no `time`
     --> job.toml:9:13
      |
    9 | time_unit = "ms"
      |             ^^^^
      hint: without it, its rows are valid at any time

    error: `idle` needs times, but [table.users] has no `time`
      --> job.toml:10:1
       |
    10 | idle = "1m"
       | ^^^^
      hint: without one, its rows are valid at any time

    error: unknown key `pth` in [table.users]
      --> job.toml:11:1
       |
    11 | pth = "users.csv"
       | ^^^
      hint: did you mean `path`?

    error: `a/b` is not a valid name for a table
      --> job.toml:12:8
       |
    12 | [table."a/b"]
       |        ^^^^^
      hint: use letters, digits, `_` and `-`

    error: `x` must be a table, [table.x], not integer
      --> job.toml:15:5
       |
    15 | x = 1
       |     ^

    error: a [[step]] needs `filter`, `derive`, `dedup`, `first`, `enrich` or `lookup`
      --> job.toml:16:1
       |
    16 | [[step]]
       | ^^^^^^^^

    error: a [[step]] does one thing, but this one has `filter` and `dedup`
      --> job.toml:18:1
       |
    18 | [[step]]
       | ^^^^^^^^
      hint: write two steps, in the order in which they apply

    error: `dedup` does not name a column
      --> job.toml:22:1
       |
    22 | dedup = []
       | ^^^^^
      hint: dedup = ["userId"]: the columns of the key

    error: `as` goes with `first`, but this is `dedup`
      --> job.toml:23:1
       |
    23 | as = "x"
       | ^^

    error: `first` needs `as`
      --> job.toml:24:1
       |
    24 | [[step]]
       | ^^^^^^^^
      hint: as = "isFirst"

    error: `first` needs `as`
      --> job.toml:27:1
       |
    27 | [[step]]
       | ^^^^^^^^
      hint: as = "isFirst"

    error: `enrich` needs `on`
      --> job.toml:29:1
       |
    29 | [[step]]
       | ^^^^^^^^
      hint: columns of the events and the columns they are matched with: on = { userId = "id" }

    error: `enrich` needs `take`
      --> job.toml:29:1
       |
    29 | [[step]]
       | ^^^^^^^^
      hint: new columns and where they come from: take = { country = "countryCode" }

    error: `match` must be a string, not boolean
      --> job.toml:31:9
       |
    31 | match = true
       |         ^^^^

    error: `retries` goes with `lookup`, but this is `enrich`
      --> job.toml:32:1
       |
    32 | retries = 1
       | ^^^^^^^

    error: `on` does not name a column
      --> job.toml:35:1
       |
    35 | on = {}
       | ^^

    error: `country` must be a string, not integer
      --> job.toml:36:20
       |
    36 | take = { country = 1 }
       |                    ^

    error: `otherwise` must be a list of tables, [{ … }, …], not table
      --> job.toml:37:13
       |
    37 | otherwise = { match = "forward" }
       |             ^^^^^^^^^^^^^^^^^^^^^

    error: `lookup` needs `take`
      --> job.toml:38:1
       |
    38 | [[step]]
       | ^^^^^^^^
      hint: take = { country = "/country" }

    error: `retries` goes with a lookup by a service, but this one reads files
      --> job.toml:40:1
       |
    40 | retries = 1
       | ^^^^^^^

    error: `on` goes with a lookup in files, but this one queries a service
      --> job.toml:43:1
       |
    43 | on = { id = "id" }
       | ^^

    error: `retries` must be a whole number of at least 0, not integer
      --> job.toml:44:11
       |
    44 | retries = -1
       |           ^^

    error: `otherwise` must be a list of tables, [{ … }, …], not string
      --> job.toml:47:3
       |
    47 |   "forward", {}, { within = "1m" }, { match = "forward", constant = { a = 1 } },
       |   ^^^^^^^^^

    error: an item of `otherwise` needs `match`, `lookup`, `constant` or `late`
      --> job.toml:47:14
       |
    47 |   "forward", {}, { within = "1m" }, { match = "forward", constant = { a = 1 } },
       |              ^^

    error: an item of `otherwise` needs `match`, `lookup`, `constant` or `late`
      --> job.toml:47:18
       |
    47 |   "forward", {}, { within = "1m" }, { match = "forward", constant = { a = 1 } },
       |                  ^^^^^^^^^^^^^^^^^

    error: an item of `otherwise` does one thing, but this one has `match` and `constant`
      --> job.toml:47:37
       |
    47 |   "forward", {}, { within = "1m" }, { match = "forward", constant = { a = 1 } },
       |                                     ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
      hint: write two items, in the order in which they are tried

    error: `on` goes with `lookup`, but this is `match`
      --> job.toml:48:24
       |
    48 |   { match = "forward", on = { id = "id" } }, { constant = { a = [] } },
       |                        ^^

    error: `a` must be a string, a number, a time, true or false, not array
      --> job.toml:48:65
       |
    48 |   { match = "forward", on = { id = "id" } }, { constant = { a = [] } },
       |                                                                 ^^

    error: a lookup queries one service or reads files
      --> job.toml:49:15
       |
    49 |   { lookup = ["http://host/{id}", "countries.csv"] }, { lookup = [] }, { lookup = "x.csv", otherwise = [] },
       |               ^^^^^^^^^^^^^^^^^^
      hint: move the others to `otherwise`

    error: `lookup` does not name a file or a service
      --> job.toml:49:57
       |
    49 |   { lookup = ["http://host/{id}", "countries.csv"] }, { lookup = [] }, { lookup = "x.csv", otherwise = [] },
       |                                                         ^^^^^^

    error: otherwise has no key `otherwise`
      --> job.toml:49:92
       |
    49 |   { lookup = ["http://host/{id}", "countries.csv"] }, { lookup = [] }, { lookup = "x.csv", otherwise = [] },
       |                                                                                            ^^^^^^^^^
      hint: the items of `otherwise` are tried in turn: put it after this one
    "#);
}

#[test]
fn faults_of_tables_are_told_together() {
    let job = r#"
[table.users]
path = "user.csv"
types = { id = "text" }
on_bad_record = "skip"
[[step]]
lookup = "county.csv"
on = { id = "code" }
take = ["name"]
delimiter = "ab"
otherwise = [{ lookup = "*.parquet", format = "xls" }]
"#;
    insta::assert_snapshot!(words(job), @r#"
    error: no step uses [table.users]
     --> job.toml:8:8
      |
    8 | [table.users]
      |        ^^^^^
      hint: a [[step]] with enrich = "users"

    error: there is no file or folder user.csv
     --> job.toml:9:8
      |
    9 | path = "user.csv"
      |        ^^^^^^^^^^
      hint: did you mean `users.csv`?

    error: unknown type `text`
      --> job.toml:10:16
       |
    10 | types = { id = "text" }
       |                ^^^^^^
      hint: the types are string, json, bool, int64, float64, decimal(p,s), date and timestamp

    error: `on_bad_record` is "fail" or "reject", not "skip"
      --> job.toml:11:17
       |
    11 | on_bad_record = "skip"
       |                 ^^^^^^

    error: there is no file or folder county.csv
      --> job.toml:13:10
       |
    13 | lookup = "county.csv"
       |          ^^^^^^^^^^^^
      hint: did you mean `countries.csv`?

    error: `delimiter` must be one ASCII character, but not a quote or a line end
      --> job.toml:16:13
       |
    16 | delimiter = "ab"
       |             ^^^^
      hint: or "spaces", for any number of spaces and tabs

    error: unknown format `xls`
      --> job.toml:17:47
       |
    17 | otherwise = [{ lookup = "*.parquet", format = "xls" }]
       |                                               ^^^^^
      hint: did you mean `xlsx`?
      hint: the formats are csv, jsonl, parquet, avro, xlsx, common, combined, w3c, cloudfront, alb
    "#);
    let job = r#"
[table.users]
path = "users.csv"
time = "att"
types = { idd = "string" }
derive = { id = "1", x = "cuntry" }
filter = "x"
rejects = "bad.jsonl"
[table.others]
path = "users.csv"
rejects = "bad.jsonl"
[[step]]
enrich = "user"
on = { user = "id" }
take = ["score"]
"#;
    insta::assert_snapshot!(words(job), @r#"
    error: no file has a column `att`
      --> job.toml:10:8
       |
    10 | time = "att"
       |        ^^^^^
      hint: did you mean `at`?

    error: no file has a column `idd`
      --> job.toml:11:11
       |
    11 | types = { idd = "string" }
       |           ^^^
      hint: did you mean `id`?

    error: there is a column `id` already
      --> job.toml:12:12
       |
    12 | derive = { id = "1", x = "cuntry" }
       |            ^^
      hint: a derived column needs a new name

    error: unknown column `cuntry`
      --> job.toml:12:26
       |
    12 | derive = { id = "1", x = "cuntry" }
       |                          ^^^^^^^^
      hint: did you mean `country`?

    error: no step uses [table.others]
      --> job.toml:15:8
       |
    15 | [table.others]
       |        ^^^^^^
      hint: a [[step]] with enrich = "others"

    error: rejected records cannot be written to `bad.jsonl`: rejected records are written to the same file
      --> job.toml:17:11
       |
    17 | rejects = "bad.jsonl"
       |           ^^^^^^^^^^^
      hint: give them their own place

    error: the job has no table `user`
      --> job.toml:19:10
       |
    19 | enrich = "user"
       |          ^^^^^^
      hint: did you mean `users`?
    "#);
}

#[test]
fn faults_of_steps_are_told_together() {
    let job = r#"
[table.users]
path = "users.csv"
time = "at"
[[step]]
dedup = ["usr", "id"]
within = "1 month"
[[step]]
first = ["iid"]
as = "id"
[[step]]
enrich = "usrs"
on = { usr = "id" }
take = ["country"]
[[step]]
enrich = "users"
on = { id = "id", amount = "score", usr = "idd" }
take = { amount = "country", c = "cuntry" }
match = "backwards"
within = "soon"
fill = "last"
otherwise = [{ match = "forwards", within = "1 quarter" }]
[[step]]
enrich = "users"
on = { user = "id" }
take = { country = "country", points = "score" }
otherwise = [
  { lookup = "countries.csv", on = { country = "code" } },
  { lookup = "countries.csv", on = { user = "code" }, take = { country = "name", points = "name" } },
  { lookup = "countries.csv", on = { user = "code" }, take = { cuntry = "name" } },
  { lookup = "http://host/{user}", types = { points = "int64" } },
  { constant = { cuntry = "ES", points = "many" } },
  { match = "forward" },
]
[[step]]
filter = "country = 'ES' AND points > 1"
"#;
    insta::assert_snapshot!(words(job), @r#"
    error: no file has a column `usr`
      --> job.toml:12:10
       |
    12 | dedup = ["usr", "id"]
       |          ^^^^^
      hint: did you mean `user`?

    error: `1 month` has no fixed length
      --> job.toml:13:10
       |
    13 | within = "1 month"
       |          ^^^^^^^^^
      hint: the length of a month, quarter or year varies: give days, such as 30 days

    error: no file has a column `iid`
      --> job.toml:15:10
       |
    15 | first = ["iid"]
       |          ^^^^^
      hint: did you mean `id`?

    error: there is a column `id` already
      --> job.toml:16:6
       |
    16 | as = "id"
       |      ^^^^
      hint: `as` is the name of a new column

    error: the job has no table `usrs`
      --> job.toml:18:10
       |
    18 | enrich = "usrs"
       |          ^^^^^^
      hint: did you mean `users`?

    error: no file has a column `usr`
      --> job.toml:19:8
       |
    19 | on = { usr = "id" }
       |        ^^^
      hint: did you mean `user`?

    error: `id` is int64 and `id` of [table.users] is string, so they are never equal
      --> job.toml:23:8
       |
    23 | on = { id = "id", amount = "score", usr = "idd" }
       |        ^^
      hint: give both the same type; in [source]: types = { id = "string" }

    error: `amount` is decimal(18,2) and `score` of [table.users] is float64, so they are never equal
      --> job.toml:23:19
       |
    23 | on = { id = "id", amount = "score", usr = "idd" }
       |                   ^^^^^^
      hint: give both the same type; in [table.users]: types = { score = "decimal(18,2)" }

    error: no file has a column `usr`
      --> job.toml:23:37
       |
    23 | on = { id = "id", amount = "score", usr = "idd" }
       |                                     ^^^
      hint: did you mean `user`?

    error: [table.users] has no column `idd`
      --> job.toml:23:43
       |
    23 | on = { id = "id", amount = "score", usr = "idd" }
       |                                           ^^^^^
      hint: did you mean `id`?

    error: there is a column `amount` already
      --> job.toml:24:10
       |
    24 | take = { amount = "country", c = "cuntry" }
       |          ^^^^^^
      hint: a column that is taken needs a new name

    error: [table.users] has no column `cuntry`
      --> job.toml:24:34
       |
    24 | take = { amount = "country", c = "cuntry" }
       |                                  ^^^^^^^^
      hint: did you mean `country`?

    error: unknown match `backwards`
      --> job.toml:25:9
       |
    25 | match = "backwards"
       |         ^^^^^^^^^^^
      hint: did you mean `backward`?
      hint: a match is backward, forward or nearest

    error: `soon` is not a duration
      --> job.toml:26:10
       |
    26 | within = "soon"
       |          ^^^^^^
      hint: such as 20s, 15m, 6h or 1 day

    error: unknown fill `last`
      --> job.toml:27:8
       |
    27 | fill = "last"
       |        ^^^^^^
      hint: "last_value" takes each column from the nearest row in which it is not NULL

    error: unknown match `forwards`
      --> job.toml:28:24
       |
    28 | otherwise = [{ match = "forwards", within = "1 quarter" }]
       |                        ^^^^^^^^^^
      hint: did you mean `forward`?
      hint: a match is backward, forward or nearest

    error: `1 quarter` has no fixed length
      --> job.toml:28:45
       |
    28 | otherwise = [{ match = "forwards", within = "1 quarter" }]
       |                                             ^^^^^^^^^^^
      hint: the length of a month, quarter or year varies: give days, such as 30 days

    error: there is a column `country` already
      --> job.toml:32:10
       |
    32 | take = { country = "country", points = "score" }
       |          ^^^^^^^
      hint: a column that is taken needs a new name

    error: `countries.csv` has no column `country`
      --> job.toml:34:5
       |
    34 |   { lookup = "countries.csv", on = { country = "code" } },
       |     ^^^^^^
      hint: the columns are code, name

    error: `countries.csv` has no column `score`
      --> job.toml:34:5
       |
    34 |   { lookup = "countries.csv", on = { country = "code" } },
       |     ^^^^^^
      hint: did you mean `code`?

    error: `name` is string, but `points` is float64
      --> job.toml:35:91
       |
    35 |   { lookup = "countries.csv", on = { user = "code" }, take = { country = "name", points = "name" } },
       |                                                                                           ^^^^^^
      hint: declare it: types = { name = "float64" }

    error: `take` leaves out `country`
      --> job.toml:36:5
       |
    36 |   { lookup = "countries.csv", on = { user = "code" }, take = { cuntry = "name" } },
       |     ^^^^^^
      hint: it names all columns that the step takes

    error: `take` leaves out `points`
      --> job.toml:36:5
       |
    36 |   { lookup = "countries.csv", on = { user = "code" }, take = { cuntry = "name" } },
       |     ^^^^^^
      hint: it names all columns that the step takes

    error: the step takes no column `cuntry`
      --> job.toml:36:64
       |
    36 |   { lookup = "countries.csv", on = { user = "code" }, take = { cuntry = "name" } },
       |                                                                ^^^^^^
      hint: did you mean `country`?

    error: the columns have the types that the step gives them
      --> job.toml:37:46
       |
    37 |   { lookup = "http://host/{user}", types = { points = "int64" } },
       |                                              ^^^^^^
      hint: leave `types` out

    error: the step takes no column `cuntry`
      --> job.toml:38:18
       |
    38 |   { constant = { cuntry = "ES", points = "many" } },
       |                  ^^^^^^
      hint: did you mean `country`?

    error: `many` is not a valid value for `points`, a float64
      --> job.toml:38:42
       |
    38 |   { constant = { cuntry = "ES", points = "many" } },
       |                                          ^^^^^^
      hint: such as 1.5

    error: a constant matches every event, so nothing is tried after it
      --> job.toml:39:13
       |
    39 |   { match = "forward" },
       |             ^^^^^^^^^
      hint: put the constant last
    "#);
}

#[test]
fn faults_of_lookups_are_told_together() {
    let job = r#"
[[step]]
lookup = "http://host/users"
take = { a = "a.b", b = "/~x", user = "/u" }
types = { a = "text", aa = "int64" }
in_flight = 10001
retries = 101
timeout = "0s"
backoff = "1 month"
on_failure = "nul"
otherwise = [{ match = "forward" }, { lookup = "countries.csv" }, { lookup = "countries.csv", on = { user = "code" } }]
[[step]]
lookup = "http://host/{usr}/{id"
take = { c = "/c" }
[[step]]
lookup = "http://host/{usr}/{id}"
take = { d = "/d" }
[[step]]
lookup = "ftp://host/{id}"
take = { e = "/e" }
[[step]]
lookup = "http:///{id}"
take = { f = "/f" }
[[step]]
lookup = "https://{id}/a"
take = { g = "/g" }
[[step]]
lookup = "https://host/a b/{id}"
take = { h = "/h" }
[[step]]
lookup = "countries.csv"
on = { user = "cod", id = "code" }
take = { user = "name" }
"#;
    insta::assert_snapshot!(words(job), @r#"
    error: every event would send the same request to this service
     --> job.toml:9:10
      |
    9 | lookup = "http://host/users"
      |          ^^^^^^^^^^^^^^^^^^^
      hint: put columns in braces, such as http://host/users/{userId}

    error: `a.b` is not a JSON pointer
      --> job.toml:10:14
       |
    10 | take = { a = "a.b", b = "/~x", user = "/u" }
       |              ^^^^^
      hint: it must start with a slash: "/a/b"

    error: `/~x` is not a JSON pointer
      --> job.toml:10:25
       |
    10 | take = { a = "a.b", b = "/~x", user = "/u" }
       |                         ^^^^^
      hint: write `~0` for ~, and `~1` for /

    error: there is a column `user` already
      --> job.toml:10:32
       |
    10 | take = { a = "a.b", b = "/~x", user = "/u" }
       |                                ^^^^
      hint: a column that is taken needs a new name

    error: unknown type `text`
      --> job.toml:11:15
       |
    11 | types = { a = "text", aa = "int64" }
       |               ^^^^^^
      hint: the types are string, json, bool, int64, float64, decimal(p,s), date and timestamp

    error: the lookup takes no column `aa`
      --> job.toml:11:23
       |
    11 | types = { a = "text", aa = "int64" }
       |                       ^^
      hint: did you mean `a`?

    error: `in_flight` is at most 10,000
      --> job.toml:12:13
       |
    12 | in_flight = 10001
       |             ^^^^^

    error: `retries` is at most 100
      --> job.toml:13:11
       |
    13 | retries = 101
       |           ^^^

    error: `timeout` must be longer than 0
      --> job.toml:14:11
       |
    14 | timeout = "0s"
       |           ^^^^
      hint: such as timeout = "10s"

    error: `1 month` has no fixed length
      --> job.toml:15:11
       |
    15 | backoff = "1 month"
       |           ^^^^^^^^^
      hint: the length of a month, quarter or year varies: give days, such as 30 days

    error: unknown on_failure `nul`
      --> job.toml:16:14
       |
    16 | on_failure = "nul"
       |              ^^^^^
      hint: did you mean `null`?
      hint: it is "fail", "null" or "reject"

    error: `match` is for tables, but this step is a lookup
      --> job.toml:17:24
       |
    17 | otherwise = [{ match = "forward" }, { lookup = "countries.csv" }, { lookup = "countries.csv", on = { user = "code" } }]
       |                        ^^^^^^^^^
      hint: write [table.NAME] and enrich = "NAME"

    error: `lookup` needs its own `take`: the step's are pointers into JSON
      --> job.toml:17:39
       |
    17 | otherwise = [{ match = "forward" }, { lookup = "countries.csv" }, { lookup = "countries.csv", on = { user = "code" } }]
       |                                       ^^^^^^
      hint: such as take = { country = "countryCode" }

    error: `lookup` in files needs `on`
      --> job.toml:17:39
       |
    17 | otherwise = [{ match = "forward" }, { lookup = "countries.csv" }, { lookup = "countries.csv", on = { user = "code" } }]
       |                                       ^^^^^^
      hint: such as on = { userId = "id" }

    error: `lookup` needs its own `take`: the step's are pointers into JSON
      --> job.toml:17:69
       |
    17 | otherwise = [{ match = "forward" }, { lookup = "countries.csv" }, { lookup = "countries.csv", on = { user = "code" } }]
       |                                                                     ^^^^^^
      hint: such as take = { country = "countryCode" }

    error: the braces of `http://host/{usr}/{id` do not match
      --> job.toml:19:10
       |
    19 | lookup = "http://host/{usr}/{id"
       |          ^^^^^^^^^^^^^^^^^^^^^^^
      hint: put each column in its own braces; write %7B and %7D for the characters

    error: no file has a column `usr`
      --> job.toml:22:10
       |
    22 | lookup = "http://host/{usr}/{id}"
       |          ^^^^^^^^^^^^^^^^^^^^^^^^
      hint: did you mean `user`?

    error: `ftp://host/{id}` is not the URL of a service: it must begin with http:// or https://
      --> job.toml:25:10
       |
    25 | lookup = "ftp://host/{id}"
       |          ^^^^^^^^^^^^^^^^^

    error: `http:///{id}` does not name a host
      --> job.toml:28:10
       |
    28 | lookup = "http:///{id}"
       |          ^^^^^^^^^^^^^^
      hint: such as http://host/users/{userId}

    error: the host of a service must be the same for all events
      --> job.toml:31:10
       |
    31 | lookup = "https://{id}/a"
       |          ^^^^^^^^^^^^^^^^
      hint: such as http://host/users/{userId}

    error: `https://host/a b/{id}` has a space in it
      --> job.toml:34:10
       |
    34 | lookup = "https://host/a b/{id}"
       |          ^^^^^^^^^^^^^^^^^^^^^^^
      hint: write %20 for a space

    error: `countries.csv` has no column `cod`
      --> job.toml:38:15
       |
    38 | on = { user = "cod", id = "code" }
       |               ^^^^^
      hint: did you mean `code`?

    error: `id` is int64 and `code` of `countries.csv` is string, so they are never equal
      --> job.toml:38:22
       |
    38 | on = { user = "cod", id = "code" }
       |                      ^^
      hint: give both the same type; in [source]: types = { id = "string" }

    error: there is a column `user` already
      --> job.toml:39:10
       |
    39 | take = { user = "name" }
       |          ^^^^
      hint: a column that is taken needs a new name
    "#);
}

/// A table without a time holds at any time, so nothing can be asked of its times.
#[test]
fn a_table_without_a_time() {
    let job = r#"
[table.users]
path = "users.csv"
[[step]]
enrich = "users"
on = { user = "id" }
take = ["country"]
match = "nearest"
within = "1m"
inclusive = false
otherwise = [{ match = "backward", within = "2m" }]
"#;
    insta::assert_snapshot!(words(job), @r#"
    error: `match` needs times, but [table.users] has no `time`
      --> job.toml:14:9
       |
    14 | match = "nearest"
       |         ^^^^^^^^^
      hint: without one, its rows are valid at any time

    error: `within` needs times, but [table.users] has no `time`
      --> job.toml:15:10
       |
    15 | within = "1m"
       |          ^^^^
      hint: without one, its rows are valid at any time

    error: `inclusive = false` needs times, but [table.users] has no `time`
      --> job.toml:16:13
       |
    16 | inclusive = false
       |             ^^^^^
      hint: without one, its rows are valid at any time

    error: `within` needs times, but [table.users] has no `time`
      --> job.toml:17:45
       |
    17 | otherwise = [{ match = "backward", within = "2m" }]
       |                                             ^^^^
      hint: without one, its rows are valid at any time
    "#);
}
