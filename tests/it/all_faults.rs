//! Every fault of a job is told in one go, once, and in the order of the file; none that follows from another is.

use crate::support::Lab;
use highwater::error::Error;
use highwater::job::{Overrides, check};
use proptest::prelude::*;

/// A job that is right, with something in every table.
const RIGHT: &str = r#"
timezone = "Europe/London"
memory = "1GB"
mode = "streamed"
[source]
path = "@/in.jsonl"
time = "t"
time_unit = "s"
types = { qty = "int64" }
on_bad_record = "reject"
rejects = "@/rejects.jsonl"
arrival = "seen"
partition = "store"
idle = "10m"
max_ahead = "1 day"
out_of_orderness = "20s"
[table.users]
path = "@/users.jsonl"
time = "at"
time_unit = "s"
types = { score = "int64" }
derive = { half = "score / 2" }
filter = "score > 0"
[[step]]
filter = "qty > 0"
[[step]]
derive = { twice = "qty * 2" }
[[step]]
dedup = ["user", "seen"]
within = "1h"
[[step]]
first = ["user"]
as = "new"
[[step]]
enrich = "users"
on = { user = "id" }
within = "1 day"
match = "backward"
take = { points = "score", halves = "half" }
[[step]]
derive = { sum3 = "points + twice" }
[[output]]
path = "@/groups/"
format = "parquet"
window = { tumbling = "1m", offset = "10s", allowed_lateness = "5s" }
by = ["user"]
select = { n = "count(*)", total = "sum(qty * 3)", mean = "avg(qty) + 1" }
having = "total > 1"
top = { n = 3, by = "total desc, n asc" }
partition_by = ["date", "user"]
[[output]]
path = "@/lines.kcat"
window = { session = "30m" }
by = ["user", "new"]
select = { most = "max(sum3)", q = "quantile(qty, 0.5)" }
key = ["user"]
[[output]]
path = "@/events.csv"
select = { who = "store", all = "sum3 + twice" }
[[output]]
path = "@/page.html"
of = "@/events.csv"
[late]
path = "@/late.jsonl"
"#;

/// The right text of a place, a wrong one, and what is said of it.
const FAULTS: [(&str, &str, &str); 36] = [
    ("\"Europe/London\"", "\"Europe/Londn\"", "unknown time zone `Europe/Londn`"),
    ("\"1GB\"", "\"1 elephant\"", "`memory` cannot be read: `1 elephant`"),
    ("time_unit = \"s\"\ntypes = { qty", "time_unit = \"sec\"\ntypes = { qty", "unknown time unit `sec`"),
    ("{ qty = \"int64\" }", "{ qty = \"int65\" }", "unknown type `int65`"),
    ("\"reject\"", "\"rejct\"", "`on_bad_record` is \"fail\" or \"reject\", not \"rejct\""),
    ("arrival = \"seen\"", "arrival = \"sen\"", "no file has a column `sen`"),
    ("partition = \"store\"", "partition = \"stor\"", "no file has a column `stor`"),
    ("idle = \"10m\"", "idle = \"10mm\"", "`10mm` is not a duration"),
    ("max_ahead = \"1 day\"", "max_ahead = \"1 month\"", "`1 month` has no fixed length"),
    ("out_of_orderness = \"20s\"", "out_of_orderness = \"20z\"", "`20z` is not a duration"),
    ("{ score = \"int64\" }", "{ scor = \"int64\" }", "no file has a column `scor`"),
    ("\"score / 2\"", "\"scre / 2\"", "unknown column `scre` in `scre / 2`"),
    ("filter = \"score > 0\"", "filter = \"score + 0\"", "`filter` must be a bool, but its type is int64"),
    ("filter = \"qty > 0\"", "filter = \"qyt > 0\"", "unknown column `qyt` in `qyt > 0`"),
    ("\"qty * 2\"", "\"qty *\"", "wrong expression `qty *`"),
    ("[\"user\", \"seen\"]", "[\"user\", \"sen2\"]", "no file has a column `sen2`"),
    ("within = \"1h\"", "within = \"1hh\"", "`1hh` is not a duration"),
    ("first = [\"user\"]", "first = [\"usr\"]", "no file has a column `usr`"),
    ("{ user = \"id\" }", "{ user = \"idd\" }", "[table.users] has no column `idd`"),
    ("within = \"1 day\"", "within = \"1 dya\"", "`1 dya` is not a duration"),
    ("match = \"backward\"", "match = \"backwards\"", "unknown match `backwards`"),
    ("points = \"score\"", "points = \"scores\"", "[table.users] has no column `scores`"),
    ("format = \"parquet\"", "format = \"parket\"", "unknown output format `parket`"),
    ("tumbling = \"1m\"", "tumbling = \"1mm\"", "`1mm` is not a valid window size"),
    ("offset = \"10s\"", "offset = \"10x\"", "`10x` is not a duration"),
    ("allowed_lateness = \"5s\"", "allowed_lateness = \"5x\"", "`5x` is not a duration"),
    ("by = [\"user\"]", "by = [\"user\", \"usr2\"]", "no file has a column `usr2`"),
    ("\"sum(qty * 3)\"", "\"sum(qtyy * 3)\"", "unknown column `qtyy` in `qtyy * 3`"),
    (
        "having = \"total > 1\"",
        "having = \"totl > 1 AND UPR('x') = 'X'\"",
        "unknown function `upr` in `totl > 1 AND UPR('x') = 'X'`",
    ),
    ("n asc\"", "n ascending\"", "`ascending` in `top` is neither asc nor desc"),
    ("[\"date\", \"user\"]", "[\"date\", \"usr3\"]", "cannot partition by `usr3`"),
    ("{ session = \"30m\" }", "{ session = \"30m\", offset = \"1m\" }", "a session has no `offset`"),
    (
        "quantile(qty, 0.5)",
        "quantile(qty, 1.5)",
        "the second argument of `quantile` is a number from 0 to 1, not `1.5`",
    ),
    ("key = [\"user\"]", "key = [\"usr4\"]", "the output has no column `usr4`"),
    ("of = \"@/events.csv\"", "of = \"@/evnts.csv\"", "the job has no output `@/evnts.csv`"),
    ("path = \"@/late.jsonl\"", "path = \"@/late.csv\"", "late events cannot be written to `@/late.csv`"),
];

fn right() -> String {
    RIGHT.to_string()
}

fn lab() -> Lab {
    let lab = Lab::new();
    let event = |i: i64| {
        format!(
            "{{\"t\":{},\"seen\":{},\"user\":\"u{}\",\"store\":\"s\",\"qty\":{i}}}\n",
            1_700_000_000 + i,
            1_700_000_001 + i,
            i % 3
        )
    };
    lab.write("in.jsonl", (1..9).map(event).collect::<String>());
    let user = |i: i64| format!("{{\"at\":{},\"id\":\"u{i}\",\"score\":{i}}}\n", 1_600_000_000 + i);
    lab.write("users.jsonl", (0..3).map(user).collect::<String>());
    lab
}

/// What is wrong with `job`, and the line of each; the folder stands as `@`.
fn faults(lab: &Lab, job: &str) -> Vec<(usize, String)> {
    let root = lab.root().display().to_string();
    lab.write("job.toml", job.replace('@', &root));
    let Err(error) = check(&lab.path("job.toml"), &Overrides::default(), true) else { return vec![] };
    let told = |error: &Error| (error.place().map_or(0, |at| at.line), error.message().replace(&root, "@"));
    error.faults().into_iter().map(told).collect()
}

/// The job with these faults, and what is to be said of it.
fn planted(numbers: &[usize]) -> (String, Vec<(usize, String)>) {
    let mut job = right();
    for (from, to, _) in numbers.iter().map(|&i| FAULTS[i]) {
        assert_eq!(job.matches(from).count(), 1, "{from} in {job}");
        job = job.replace(from, to);
    }
    // Of a place over lines the first is wrong.
    let line = |to: &str| job[..job.find(to).unwrap()].matches('\n').count() + 1;
    let mut expected: Vec<(usize, usize, String)> = numbers
        .iter()
        .map(|&i| FAULTS[i])
        .map(|(_, to, said)| (job.find(to).unwrap(), line(to), said.to_string()))
        .collect();
    expected.sort();
    let expected = expected.into_iter().map(|(_, line, said)| (line, said)).collect();
    (job, expected)
}

#[test]
fn a_right_job_has_no_fault() {
    assert_eq!(faults(&lab(), &right()), []);
}

#[test]
fn a_fault_in_every_place_is_told_in_one_go() {
    let (job, expected) = planted(&(0..FAULTS.len()).collect::<Vec<_>>());
    assert_eq!(faults(&lab(), &job), expected);
}

#[test]
fn each_fault_is_told_alone() {
    let lab = lab();
    for i in 0..FAULTS.len() {
        let (job, expected) = planted(&[i]);
        assert_eq!(faults(&lab, &job), expected);
    }
}

#[test]
fn faults_of_form_and_of_columns_are_told_together() {
    let lab = lab();
    let job = right()
        .replace("within = \"1h\"", "withn = \"1h\"")
        .replace("having = \"total > 1\"", "having = \"totl > 1\"")
        .replace("first = [\"user\"]\nas = \"new\"", "first = [\"user\"]")
        .replace("filter = \"qty > 0\"", "filter = \"qyt > 0\"")
        .replace("window = { tumbling = \"1m\",", "window = { tumblin = \"1m\",");
    let said: Vec<String> = faults(&lab, &job).into_iter().map(|(_, said)| said).collect();
    // What the step without `as` appends is not known: no name after it is wrong.
    assert_eq!(
        said,
        [
            "unknown column `qyt` in `qyt > 0`",
            "unknown key `withn` in [[step]]",
            "`first` needs `as`",
            "`window` needs `tumbling`, `hopping`, `cumulative` or `session`",
            "unknown key `tumblin` in window",
        ]
    );
}

#[test]
fn without_the_files_of_the_source_or_of_a_table_the_rest_is_told() {
    let lab = lab();
    let job = right()
        .replace("@/in.jsonl", "@/inn.jsonl")
        .replace("@/users.jsonl", "@/usrs.jsonl")
        .replace("having = \"total > 1\"", "having = \"UPR('x') = 'X'\"")
        .replace("session = \"30m\"", "session = \"30mm\"");
    let said: Vec<String> = faults(&lab, &job).into_iter().map(|(_, said)| said).collect();
    assert_eq!(
        said,
        [
            "there is no file or folder @/inn.jsonl",
            "there is no file or folder @/usrs.jsonl",
            "unknown function `upr` in `UPR('x') = 'X'`",
            "`30mm` is not a duration",
        ]
    );
    let job = right()
        .replace("@/users.jsonl", "@/usrs.jsonl")
        .replace("filter = \"qty > 0\"", "filter = \"qyt > 0\"")
        .replace("\"max(sum3)\"", "\"max(sum4)\"");
    let said: Vec<String> = faults(&lab, &job).into_iter().map(|(_, said)| said).collect();
    assert_eq!(
        said,
        [
            "there is no file or folder @/usrs.jsonl",
            "unknown column `qyt` in `qyt > 0`",
            "unknown column `sum4`",
        ]
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn as_many_faults_as_are_planted_are_told(numbers in prop::collection::btree_set(0..FAULTS.len(), 1..8)) {
        let (job, expected) = planted(&numbers.into_iter().collect::<Vec<_>>());
        prop_assert_eq!(faults(&lab(), &job), expected);
    }
}
