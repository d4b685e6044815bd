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
    insta::assert_snapshot!(words(job), @"");
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
    insta::assert_snapshot!(words(job), @"");
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
    insta::assert_snapshot!(words(job), @"");
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
    insta::assert_snapshot!(words(job), @"");
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
    insta::assert_snapshot!(words(job), @"");
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
    insta::assert_snapshot!(words(job), @"");
}
