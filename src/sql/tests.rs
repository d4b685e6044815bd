//! What a dialect refuses by name, and what it tells.

use super::*;
use crate::job::{JobSpec, Overrides, plan_job};
use crate::plan::OutputId;

mod live;
mod statements;
mod streamed;

const EVENTS: &str = "at,user,item,amount,share\n\
    2024-03-31T00:10:00Z,u1,a,1.50,0.5\n\
    2024-03-31T02:00:00Z,u2,b,2.25,0.25\n";
const USERS: &str = "at,user,city,born\n2024-03-01T00:00:00Z,u1,Oslo,1990\n";

/// A plan, and the folder of its files: the statements that make relations of them look at their first lines.
struct Planned(Plan, #[expect(dead_code)] tempfile::TempDir);

impl std::ops::Deref for Planned {
    type Target = Plan;

    fn deref(&self) -> &Plan {
        &self.0
    }
}

/// The plan of a job over two logs, in the zone `zone`.
fn plan(zone: &str, job: &str) -> Planned {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("events.csv"), EVENTS).unwrap();
    std::fs::write(folder.path().join("users.csv"), USERS).unwrap();
    let table = match job.contains("enrich") {
        true => "[table.users]\npath = \"@/users.csv\"\ntime = \"at\"\n",
        false => "",
    };
    let source = "[source]\npath = \"@/events.csv\"\ntime = \"at\"\ntypes = { amount = \"decimal(18,2)\" }\n";
    let job = format!("timezone = \"{zone}\"\n{source}{table}{job}\n")
        .replace('@', &folder.path().display().to_string());
    let spec = JobSpec::parse("job.toml", &job).unwrap_or_else(|error| panic!("{error}"));
    let plan = plan_job(&spec, &Overrides::default()).unwrap_or_else(|error| panic!("{error}"));
    Planned(plan, folder)
}

fn query(dialect: Dialect, zone: &str, job: &str) -> String {
    let query =
        script(&plan(zone, job), OutputId::new(0), dialect).unwrap_or_else(|error| panic!("{error}")).query;
    let forgotten: Vec<&str> = own_columns(&query).into_iter().filter(|name| !is_ours(name)).collect();
    assert!(forgotten.is_empty(), "a column of the events may be called {forgotten:?}\n{query}");
    query
}

fn refused(dialect: Dialect, zone: &str, job: &str) -> String {
    script(&plan(zone, job), OutputId::new(0), dialect).unwrap_err().to_string()
}

#[test]
fn a_chain_is_walked_where_queries_recur() {
    let job = r#"
[[step]]
dedup = ["user"]
within = "1m"
[[output]]
path = "@/out"
"#;
    insta::assert_snapshot!(query(Dialect::DuckDb, "UTC", job), @r#"
WITH RECURSIVE timed_1 AS (
  SELECT
    *,
    EPOCH_US(_time) AS _us_1,
    CASE WHEN EPOCH_US(_time) - LAG(EPOCH_US(_time)) OVER (PARTITION BY "user" ORDER BY _time, _position) <= 60000000 THEN 0 ELSE 1 END AS _begins_1
  FROM "source"
),
segments_1 AS (
  SELECT *, SUM(_begins_1) OVER (PARTITION BY "user" ORDER BY _time, _position ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS _segment_1
  FROM timed_1
),
numbered_1 AS MATERIALIZED (
  SELECT
    *,
    MIN(_position) OVER (PARTITION BY "user", _segment_1) AS _key_1,
    ROW_NUMBER() OVER (PARTITION BY "user", _segment_1, _us_1 ORDER BY _position) AS _twin_1,
    MIN(_us_1) OVER (PARTITION BY "user", _segment_1 ORDER BY _us_1 RANGE BETWEEN 60000001 FOLLOWING AND UNBOUNDED FOLLOWING) AS _next_1,
    ROW_NUMBER() OVER (PARTITION BY "user", _segment_1 ORDER BY _time, _position) AS _nth_1
  FROM segments_1
),
dedup_1 AS (
  SELECT *
  FROM numbered_1
  WHERE _nth_1 = 1
  UNION ALL
  SELECT r.*
  FROM dedup_1 AS kept
  JOIN numbered_1 AS r ON r._key_1 = kept._key_1 AND r._us_1 = kept._next_1 AND r._twin_1 = 1
)
SELECT "at", "user", "item", "amount", "share"
FROM dedup_1
ORDER BY _time, _position
"#);
    // Doubled elsewhere: 2^6 rows are more than a file of so many bytes has.
    assert!((64..120).contains(&EVENTS.len()));
    let polars = script(&plan("UTC", job), OutputId::new(0), Dialect::Polars).unwrap();
    assert!(polars.query.contains("chain_1_6 AS (") && !polars.query.contains("chain_1_7 AS ("));
    assert!(polars.notes[0].contains("as many as these files can have"), "{:?}", polars.notes);
    // And of rows 200 years apart two are more than all of time has.
    let polars =
        script(&plan("UTC", &job.replace("1m", "73000 days")), OutputId::new(0), Dialect::Polars).unwrap();
    assert!(polars.query.contains("chain_1_2 AS (") && !polars.query.contains("chain_1_3 AS ("));
    assert!(polars.notes.is_empty(), "{:?}", polars.notes);
}

#[test]
fn what_has_no_words_is_told_by_name() {
    let archive = "[[output]]\npath = \"@/out\"\narchive = true";
    insta::assert_snapshot!(refused(Dialect::DuckDb, "UTC", archive), @"error: an archive, whose rows name the file and the place of each record, cannot be expressed in the SQL of duckdb");
    let service = r#"
[[step]]
lookup = "http://host/{user}"
take = { city = "/city" }
types = { city = "string" }
[[output]]
path = "@/out"
"#;
    insta::assert_snapshot!(refused(Dialect::Polars, "UTC", service), @r"
error: the answers of a service (`http://host/{user}`), which are not in a file, cannot be expressed in the SQL of polars
  hint: verify the steps before it, or use a lookup in a file
");
    let firings = r#"
[[output]]
path = "@/out"
mode = "streamed"
firings = true
window = { tumbling = "1m" }
select = { n = "count(*)" }
"#;
    insta::assert_snapshot!(refused(Dialect::Postgres, "UTC", firings), @"error: an output of every firing, whose rows depend on the events between firings, cannot be expressed in the SQL of postgres");
    let float = "[[output]]\npath = \"@/out\"\nby = [\"share\"]\nselect = { n = \"count(*)\" }";
    insta::assert_snapshot!(refused(Dialect::BigQuery, "UTC", float), @"error: `share`, a float64, as a key cannot be expressed in the SQL of bigquery");
    let centuries =
        "[[output]]\npath = \"@/out\"\nwindow = { tumbling = \"200 years\" }\nselect = { n = \"count(*)\" }";
    insta::assert_snapshot!(refused(Dialect::Polars, "UTC", centuries), @"error: windows of more than a hundred years cannot be expressed in the SQL of polars");
    let skipped = "[[output]]\npath = \"@/out\"\nwindow = { tumbling = \"1 day\", offset = \"90m\" }\n\
        select = { n = \"count(*)\" }";
    insta::assert_snapshot!(refused(Dialect::Spark, "Europe/London", skipped), @r"
error: days of Europe/London from midnight + 90m, where clocks skip the time that some start at, cannot be expressed in the SQL of spark
  hint: the dialect polars has them
");
    query(Dialect::Polars, "Europe/London", skipped);
    // Such a start is shown twice in autumn, and the time before it comes again: the wall clock does not tell the day.
    insta::assert_snapshot!(refused(Dialect::Postgres, "Europe/London", skipped), @r"
error: days of Europe/London from midnight + 90m, where clocks skip the time that some start at, cannot be expressed in the SQL of postgres
  hint: the dialect polars has them
");
}

/// The columns of a statement that it made itself: words without quotes that begin with `_`.
fn own_columns(query: &str) -> Vec<&str> {
    let outside = query.split(['\'', '"', '`']).step_by(2);
    let words = outside.flat_map(|text| text.split(|c: char| !c.is_alphanumeric() && c != '_'));
    words.filter(|word| word.starts_with('_')).collect()
}

#[test]
fn names_that_statements_need_are_refused() {
    let named = |name: &str| {
        let job = format!(
            "[[step]]\nderive = {{ {name} = \"amount * 2\" }}\n[[output]]\npath = \"@/out\"\n\
             window = {{ tumbling = \"1m\" }}\nselect = {{ n = \"count(*)\" }}"
        );
        plan("UTC", &job)
    };
    let error = |name: &str, dialect| {
        script(&named(name), OutputId::new(0), dialect).map(|_| ()).map_err(|e| e.to_string())
    };
    for name in ["_time", "_start", "_nth_4", "_taken_1_2", "window_end"] {
        assert!(error(name, Dialect::Polars).unwrap_err().contains(name), "{name}");
    }
    for (name, dialect) in
        [("*", Dialect::Polars), ("^a.*$", Dialect::Polars), (&*"n".repeat(64), Dialect::Postgres)]
    {
        assert!(error(&format!("\"{name}\""), dialect).unwrap_err().contains(name), "{name}");
    }
    for name in ["_id", "_nth", "nth_4", "_of_user", "_source_id"] {
        assert_eq!(error(name, Dialect::Polars), Ok(()), "{name}");
    }
    // One column where names have no case.
    assert_eq!(error("Amount", Dialect::Postgres), Ok(()));
    insta::assert_snapshot!(error("Amount", Dialect::DuckDb).unwrap_err(), @"error: `amount` and `Amount` are one column in the SQL of duckdb");
}

#[test]
fn an_output_shows_its_own_arguments_alone() {
    let job = r#"
[[output]]
path = "@/a"
select = { double = "amount * 2" }
[[output]]
path = "@/b"
by = ["user"]
select = { n = "sum(amount * 3)" }
"#;
    let plan = plan("UTC", job);
    let own = script(&plan, OutputId::new(0), Dialect::Postgres).unwrap().query;
    assert!(own.contains("* 2") && !own.contains("* 3"), "{own}");
}

#[test]
fn notes_tell_where_digits_depend_on_the_engine() {
    let job = "[[output]]\npath = \"@/out\"\nselect = { n = \"sum(share)\" }";
    let notes = script(&plan("UTC", job), OutputId::new(0), Dialect::Spark).unwrap().notes;
    insta::assert_snapshot!(notes.join("\n"), @"sums of float64 may differ in the last digits: engines add floats in some order and round each time");
    let job = "[[output]]\npath = \"@/out\"\nselect = { n = \"sum(amount)\" }";
    assert!(script(&plan("UTC", job), OutputId::new(0), Dialect::Polars).unwrap().notes.is_empty());
}

/// Every CTE hands on all columns, so two of one name would be one too many for the engines that notice.
#[test]
fn columns_of_steps_and_of_aggregates_have_names_of_their_own() {
    let job = r#"
[[step]]
dedup = ["user", "item"]
[[step]]
dedup = ["user"]
within = "1m"
[[step]]
first = ["user"]
as = "new"
[[step]]
dedup = ["item"]
within = "2m"
[[output]]
path = "@/out"
window = { session = "30m" }
by = ["user"]
select = { a = "first(item)", b = "last(item)", c = "median(amount)", d = "stddev_samp(share)", e = "arg_max(item, amount)", f = "sum(distinct amount)", g = "mode(item)", h = "string_agg(distinct item, '' order by item)", i = "corr(amount, share)" }
top = { n = 1, by = "a" }
"#;
    let query = query(Dialect::DuckDb, "UTC", job);
    let names = query.split(" AS _").skip(1).map(|rest| rest.split([',', '\n', ' ']).next().unwrap_or(rest));
    let mut names: Vec<&str> = names.collect();
    let all = names.len();
    names.sort_unstable();
    names.dedup();
    assert!(all > 15 && names.len() == all, "{all} {names:?}\n{query}");
}
