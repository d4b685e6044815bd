//! Statements of streamed outputs. That they are right the law `SQL` of the tests `it` shows.

use super::*;

/// A streamed output of a log whose delay is 20 s; `source` has more keys of it.
fn job(source: &str, window: &str) -> String {
    format!(
        "out_of_orderness = \"20s\"\n{source}\n[late]\npath = \"@/late.jsonl\"\n[[output]]\npath = \"@/out\"\n\
         mode = \"streamed\"\nwindow = {{ {window} }}\nby = [\"user\"]\nselect = {{ n = \"count(*)\" }}\n"
    )
}

const MINUTE: &str = "tumbling = \"1m\", allowed_lateness = \"10s\"";

/// The statement of the late output.
fn late(dialect: Dialect, job: &str) -> String {
    let query = late_script(&plan("UTC", job), dialect).unwrap().unwrap().query;
    let own = own_columns(&query);
    assert!(own.iter().all(|name| is_ours(name)), "{own:?}\n{query}");
    query
}

#[test]
fn an_event_counts_where_the_watermark_before_it_has_not_closed_the_window() {
    insta::assert_snapshot!(query(Dialect::DuckDb, "UTC", &job("", MINUTE)), @r#"
WITH placed AS (
  SELECT
    *,
    MAX(EPOCH_US(_time)) OVER (ORDER BY _position ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS _reached,
    EPOCH_US(_time) - MOD(MOD(EPOCH_US(_time), 60000000) + 60000000, 60000000) AS _start
  FROM "source"
),
grouped AS (
  SELECT
    MAKE_TIMESTAMP(_start) AS window_start,
    MAKE_TIMESTAMP(_start + 60000000) AS window_end,
    "user",
    COUNT(*) AS "n"
  FROM placed
  WHERE (_reached IS NULL OR _reached - (_start + 60000000) < 30000000)
  GROUP BY _start, "user"
)
SELECT window_start, window_end, "user", "n"
FROM grouped
ORDER BY window_start, window_end, "user" NULLS LAST
"#);
}

#[test]
fn late_events_are_those_that_no_window_takes() {
    insta::assert_snapshot!(late(Dialect::Postgres, &job("", MINUTE)), @r#"
WITH timed AS (
  SELECT
    *,
    MAX(CAST(EXTRACT(EPOCH FROM _time) * 1000000 AS BIGINT)) OVER (ORDER BY _position ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS _reached,
    CAST(EXTRACT(EPOCH FROM _time) * 1000000 AS BIGINT) AS _us
  FROM "source"
),
placed AS (
  SELECT *, _us - MOD(MOD(_us, 60000000) + 60000000, 60000000) AS _start
  FROM timed
  WHERE _reached > _us
),
windows_of_late AS (
  SELECT
    "at", "user", "item", "amount", "share", _time, _reached, _position,
    _start + 60000000 + 30000000 AS _closes
  FROM placed
),
ranked AS (
  SELECT *, ROW_NUMBER() OVER (PARTITION BY _position ORDER BY _closes DESC) AS _rank
  FROM windows_of_late
),
late AS (
  SELECT *, _reached - _closes AS _late_us
  FROM ranked
  WHERE _rank = 1
    AND _reached >= _closes
)
SELECT
  "at", "user", "item", "amount", "share",
  _time AS "_event_time",
  (TIMESTAMPTZ 'epoch' + (_reached - 20000000) * INTERVAL '1 microsecond') AS "_watermark",
  _late_us * 0.000001 AS "_late_by"
FROM late
ORDER BY _position
"#);
}

/// All records of all tasks would come to one otherwise.
#[test]
fn spark_looks_at_stretches_of_the_log() {
    let by_position = query(Dialect::Spark, "UTC", &job("", MINUTE));
    assert!(
        by_position.contains("NAMED_STRUCT('task', _position.task, 'stretch', ((_position.row - PMOD(_position.row, 65536)) DIV 65536)) AS _stride"),
        "{by_position}"
    );
    let by_arrival = query(Dialect::Spark, "UTC", &job("arrival = \"at\"", MINUTE));
    assert!(by_arrival.contains("UNIX_MICROS(_arrival)"), "{by_arrival}");
    for statement in [by_position, by_arrival] {
        let windows = statement.matches("MAX(").count();
        let over_strides = statement.matches("OVER (ORDER BY _stride ROWS").count();
        let within = statement.matches("OVER (PARTITION BY _stride ORDER BY").count();
        assert_eq!((windows, over_strides, within), (3, 1, 1), "{statement}");
    }
}

#[test]
fn partitions_and_their_silence_are_in_every_exact_dialect() {
    for dialect in [Dialect::Polars, Dialect::DuckDb, Dialect::Postgres, Dialect::Spark] {
        for source in [
            "partition = \"user\"",
            "arrival = \"at\"\npartition = \"user\"",
            "arrival = \"at\"\npartition = \"share\"\nidle = \"5s\"",
        ] {
            let statement = query(dialect, "UTC", &job(source, MINUTE));
            let idle = source.contains("idle");
            assert_eq!(statement.contains("_heard_before <= 5000000"), idle, "{statement}");
            // Where no partition turns idle, those that do not go on are not looked at.
            assert_eq!(statement.contains("advances AS ("), !idle, "{statement}");
            late(dialect, &job(source, MINUTE));
        }
    }
}

#[test]
fn an_output_in_complete_mode_has_no_watermark() {
    let both = job("", MINUTE)
        + "[[output]]\npath = \"@/all\"\nwindow = { tumbling = \"1m\" }\nselect = { n = \"count(*)\" }\n\
           [[output]]\npath = \"@/events\"\n";
    let plan = plan("UTC", &both);
    let has = |n| script(&plan, OutputId::new(n), Dialect::Spark).unwrap().query.contains("_reached");
    assert_eq!([0, 1, 2].map(has), [true, false, false]);
}

#[test]
fn what_depends_on_more_than_the_watermark_is_refused_by_name() {
    let session = job("", "session = \"1m\"");
    insta::assert_snapshot!(refused(Dialect::DuckDb, "UTC", &session), @r#"
error: a streamed session, which takes an event by the sessions that are open when it comes, cannot be expressed in the SQL of duckdb
  hint: `--mode complete` counts every event, which SQL can say
"#);
    let hidden = late_script(&plan("UTC", &session), Dialect::DuckDb).unwrap_err().to_string();
    assert_eq!(hidden, refused(Dialect::DuckDb, "UTC", &session));
    insta::assert_snapshot!(refused(Dialect::Flink, "UTC", &job("", MINUTE)), @r#"
error: `mode = "streamed"`, which needs the order of the records, cannot be expressed in the SQL of flink
  hint: `--mode complete` counts every event, which SQL can say
  hint: `--live` prints the streaming statement
"#);
    let file = job("partition = \"file\"", MINUTE);
    insta::assert_snapshot!(refused(Dialect::Spark, "UTC", &file), @r#"
error: `partition = "file"`, which needs the file of each record, cannot be expressed in the SQL of spark
  hint: the dialects polars, duckdb and postgres have it
"#);
    assert!(query(Dialect::DuckDb, "UTC", &file).contains("PARTITION BY \"_of_file\""));
}
