//! Statements as they are read.

use super::*;
use crate::plan::OutputId;

#[test]
fn steps_windows_having_and_top_in_polars() {
    let job = r#"
[[step]]
filter = "amount > 0"
[[step]]
derive = { double = "amount * 2" }
[[step]]
first = ["user"]
as = "new"
[[step]]
dedup = ["user", "item"]
[[output]]
path = "@/out"
window = { tumbling = "1h", offset = "10m" }
by = ["user"]
select = { total = "sum(double)", mean = "avg(amount)", share = "sum(amount) * count(*)", last = "last(item)" }
having = "count(*) > 1"
top = { n = 3, by = "total desc" }
"#;
    insta::assert_snapshot!(query(Dialect::Polars, "UTC", job), @r#"
WITH events AS (
  SELECT *
  FROM "source"
),
filter_1 AS (
  SELECT *
  FROM events
  WHERE ("amount" > CAST('0.00' AS DECIMAL(38, 2)))
),
derive_2 AS (
  SELECT *, ("amount" * CAST(2 AS BIGINT)) AS "double"
  FROM filter_1
),
first_3 AS (
  SELECT *, ROW_NUMBER() OVER (PARTITION BY "user" ORDER BY _time, _position) = 1 AS "new"
  FROM derive_2
),
numbered_4 AS (
  SELECT *, ROW_NUMBER() OVER (PARTITION BY "user", "item" ORDER BY _time, _position) AS _nth_4
  FROM first_3
),
dedup_4 AS (
  SELECT *
  FROM numbered_4
  WHERE _nth_4 = 1
),
timed AS (
  SELECT *, CAST(_time AS BIGINT) AS _us
  FROM dedup_4
),
placed AS (
  SELECT *, ((_us - 600000000) // 3600000000) * 3600000000 + 600000000 AS _start
  FROM timed
),
windowed AS (
  SELECT
    *,
    CAST(_start AS TIMESTAMP) AS window_start,
    CAST(_start + 3600000000 AS TIMESTAMP) AS window_end
  FROM placed
),
prepared AS (
  SELECT *, CASE WHEN "item" IS NULL THEN 0 ELSE 1 END AS _has_5
  FROM windowed
),
numbered AS (
  SELECT
    *,
    ROW_NUMBER() OVER (PARTITION BY window_start, window_end, "user" ORDER BY _has_5 DESC, _time DESC, _position DESC) AS _place_5
  FROM prepared
),
grouped AS (
  SELECT
    window_start,
    window_end,
    "user",
    SUM("double") AS "total",
    CAST(SUM("amount") * 100 AS DOUBLE) / (100 * CAST(COUNT("amount") AS BIGINT)) AS "mean",
    SUM("amount") AS "_value_3",
    CAST(COUNT(*) AS BIGINT) AS "_value_4",
    MAX(CASE WHEN _place_5 = 1 AND _has_5 = 1 THEN "item" END) AS "last"
  FROM numbered
  GROUP BY window_start, window_end, "user"
),
computed AS (
  SELECT *, ("_value_3" * "_value_4") AS "share"
  FROM grouped
),
kept AS (
  SELECT *
  FROM computed
  WHERE ("_value_4" > CAST(1 AS BIGINT))
),
ordered AS (
  SELECT *
  FROM kept
  ORDER BY window_start, window_end, "total" DESC NULLS LAST, "user" NULLS LAST
),
ranked AS (
  SELECT *, ROW_NUMBER() OVER (PARTITION BY window_start, window_end) AS _rank
  FROM ordered
),
top_rows AS (
  SELECT *
  FROM ranked
  WHERE _rank <= 3
)
SELECT window_start, window_end, "user", "total", "mean", "share", "last"
FROM top_rows
ORDER BY window_start, window_end, _rank
"#);
}

#[test]
fn sessions_in_duckdb() {
    let job = r#"
[[output]]
path = "@/out"
window = { session = "30m" }
by = ["user"]
select = { n = "count(*)", total = "sum(amount)", median = "median(amount)" }
"#;
    insta::assert_snapshot!(query(Dialect::DuckDb, "UTC", job), @r#"
WITH events AS (
  SELECT *
  FROM "source"
),
timed AS (
  SELECT *, EPOCH_US(_time) AS _us
  FROM events
),
paused AS (
  SELECT
    *,
    CASE WHEN _us - LAG(_us) OVER (PARTITION BY "user" ORDER BY _time, _position) <= 1800000000 THEN 0 ELSE 1 END AS _begins
  FROM timed
),
windowed AS (
  SELECT
    *,
    SUM(_begins) OVER (PARTITION BY "user" ORDER BY _time, _position ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS _session
  FROM paused
),
prepared AS (
  SELECT
    *,
    CASE WHEN "amount" IS NULL THEN 1 ELSE 0 END AS _none_3,
    CAST("amount" AS DOUBLE) AS _by_3
  FROM windowed
),
numbered AS (
  SELECT
    *,
    ROW_NUMBER() OVER (PARTITION BY "user", _session ORDER BY _none_3, _by_3) AS _place_3,
    CAST(0.5 AS DOUBLE) * (COUNT(_by_3) OVER (PARTITION BY "user", _session) - 1) AS _rank_3
  FROM prepared
),
grouped AS (
  SELECT
    MIN(_time) AS window_start,
    MAKE_TIMESTAMP(MAX(_us) + 1800000000) AS window_end,
    "user",
    COUNT(*) AS "n",
    SUM("amount") AS "total",
    MAX(CASE WHEN _place_3 = FLOOR(_rank_3) + 1 THEN _by_3 END) + COALESCE((MAX(CASE WHEN _place_3 = FLOOR(_rank_3) + 2 THEN _by_3 END) - MAX(CASE WHEN _place_3 = FLOOR(_rank_3) + 1 THEN _by_3 END)) * (MAX(_rank_3) - FLOOR(MAX(_rank_3))), 0) AS "median"
  FROM numbered
  GROUP BY "user", _session
)
SELECT window_start, window_end, "user", "n", "total", "median"
FROM grouped
ORDER BY window_start, window_end, "user" NULLS LAST
"#);
}

#[test]
fn hopping_windows_in_spark() {
    let job = r#"
[[output]]
path = "@/out"
window = { hopping = "10m", slide = "4m" }
select = { n = "count(*)" }
"#;
    insta::assert_snapshot!(query(Dialect::Spark, "UTC", job), @r"
WITH events AS (
  SELECT *
  FROM `source`
),
timed AS (
  SELECT *, UNIX_MICROS(_time) AS _us
  FROM events
),
hops AS (
  SELECT CAST(_k AS BIGINT) AS _k
  FROM (VALUES (0), (1), (2)) AS listed(_k)
),
placed AS (
  SELECT
    e.*,
    ((e._us - PMOD(e._us, 240000000)) DIV 240000000) * 240000000 - h._k * 240000000 AS _start
  FROM timed AS e
  CROSS JOIN hops AS h
),
held AS (
  SELECT *
  FROM placed
  WHERE _start + 600000000 > _us
),
windowed AS (
  SELECT
    *,
    TIMESTAMP_MICROS(_start) AS window_start,
    TIMESTAMP_MICROS(_start + 600000000) AS window_end
  FROM held
),
grouped AS (
  SELECT window_start, window_end, COUNT(*) AS `n`
  FROM windowed
  GROUP BY window_start, window_end
)
SELECT window_start, window_end, `n`
FROM grouped
ORDER BY window_start, window_end
");
}

#[test]
fn cumulative_windows_in_bigquery() {
    let job = r#"
[[output]]
path = "@/out"
window = { cumulative = "1 day", step = "7h" }
by = ["user"]
select = { spread = "stddev_samp(amount)" }
"#;
    insta::assert_snapshot!(query(Dialect::BigQuery, "UTC", job), @r"
WITH events AS (
  SELECT *
  FROM `source`
),
timed AS (
  SELECT *, UNIX_MICROS(_time) AS _us
  FROM events
),
steps AS (
  SELECT CAST(_k AS INT64) AS _k
  FROM UNNEST([1, 2, 3, 4]) AS _k
),
placed AS (
  SELECT
    *,
    DIV(_us - MOD(MOD(_us, 86400000000) + 86400000000, 86400000000), 86400000000) * 86400000000 AS _start
  FROM timed
),
stepped AS (
  SELECT
    e.*,
    e._start + CASE WHEN k._k * 25200000000 > 86400000000 THEN 86400000000 ELSE k._k * 25200000000 END AS _end
  FROM placed AS e
  CROSS JOIN steps AS k
),
held AS (
  SELECT *
  FROM stepped
  WHERE _end > _us
),
windowed AS (
  SELECT *, TIMESTAMP_MICROS(_start) AS window_start, TIMESTAMP_MICROS(_end) AS window_end
  FROM held
),
grouped AS (
  SELECT
    window_start,
    window_end,
    `user`,
    SQRT(CAST(COUNT(`amount`) * SUM(CAST(`amount` * 100 AS BIGNUMERIC) * CAST(`amount` * 100 AS BIGNUMERIC)) - SUM(CAST(`amount` * 100 AS BIGNUMERIC)) * SUM(CAST(`amount` * 100 AS BIGNUMERIC)) AS FLOAT64) / (NULLIF(CAST(COUNT(`amount`) * (COUNT(`amount`) - 1) AS FLOAT64), 0) * 10000.0)) AS `spread`
  FROM windowed
  GROUP BY window_start, window_end, `user`
)
SELECT window_start, window_end, `user`, `spread`
FROM grouped
ORDER BY window_start, window_end, `user` NULLS LAST
");
}

#[test]
fn days_of_london_in_postgres() {
    let job = r#"
[[output]]
path = "@/out"
window = { tumbling = "1 day" }
by = ["user"]
select = { n = "count(*)" }
"#;
    insta::assert_snapshot!(query(Dialect::Postgres, "Europe/London", job), @r#"
WITH events AS (
  SELECT *
  FROM "source"
),
timed AS (
  SELECT *, CAST(EXTRACT(EPOCH FROM _time) * 1000000 AS BIGINT) AS _us
  FROM events
),
reach AS (
  SELECT MIN(_us) AS _low, MAX(_us) AS _high
  FROM timed
),
reach_in_days AS (
  SELECT
    ((_low - MOD(MOD(_low, 86400000000) + 86400000000, 86400000000)) / 86400000000) - 7 AS _low,
    ((_high - MOD(MOD(_high, 86400000000) + 86400000000, 86400000000)) / 86400000000) + 7 AS _high
  FROM reach
),
all_days AS (
  SELECT GENERATE_SERIES(_low, _high) AS _day
  FROM reach_in_days
),
probed_days AS (
  SELECT
    _day,
    (CAST(EXTRACT(YEAR FROM (DATE '1970-01-01' + CAST(_day AS INTEGER))) AS BIGINT) - 1970) * 12 + CAST(EXTRACT(MONTH FROM (DATE '1970-01-01' + CAST(_day AS INTEGER))) AS BIGINT) - 1 AS _month,
    _day * 86400000000 AS _shown,
    _day * 86400000000 - (CAST(EXTRACT(EPOCH FROM ((TIMESTAMPTZ 'epoch' + (_day * 86400000000 - 86400000000) * INTERVAL '1 microsecond') AT TIME ZONE 'Europe/London')) * 1000000 AS BIGINT) - (_day * 86400000000 - 86400000000)) AS _early,
    _day * 86400000000 - (CAST(EXTRACT(EPOCH FROM ((TIMESTAMPTZ 'epoch' + (_day * 86400000000 + 86400000000) * INTERVAL '1 microsecond') AT TIME ZONE 'Europe/London')) * 1000000 AS BIGINT) - (_day * 86400000000 + 86400000000)) AS _late
  FROM all_days
),
local_days AS (
  SELECT
    _day,
    _month,
    CASE WHEN CAST(EXTRACT(EPOCH FROM ((TIMESTAMPTZ 'epoch' + (_early) * INTERVAL '1 microsecond') AT TIME ZONE 'Europe/London')) * 1000000 AS BIGINT) <> _shown AND CAST(EXTRACT(EPOCH FROM ((TIMESTAMPTZ 'epoch' + (_late) * INTERVAL '1 microsecond') AT TIME ZONE 'Europe/London')) * 1000000 AS BIGINT) = _shown THEN _late ELSE _early END AS _begins
  FROM probed_days
),
numbered_days AS (
  SELECT *, _day AS _i, LEAD(_begins) OVER (ORDER BY _day) AS _next
  FROM local_days
),
starts AS (
  SELECT _i, MIN(_day) AS _first_day, MIN(_month) AS _first_month, MIN(_begins) AS _start
  FROM numbered_days
  GROUP BY _i
),
spans AS (
  SELECT a._i AS _w, a._start, b._start AS _end
  FROM starts AS a
  JOIN starts AS b ON b._i = a._i + 1
),
by_utc_day AS (
  SELECT
    *,
    ((_us - MOD(MOD(_us, 86400000000) + 86400000000, 86400000000)) / 86400000000) AS _utc_day
  FROM timed
),
touched AS (
  SELECT CAST(_k AS BIGINT) AS _k
  FROM (VALUES (0), (1), (2)) AS listed(_k)
),
days_by_utc AS (
  SELECT
    d._i,
    d._begins,
    d._next,
    ((d._begins - MOD(MOD(d._begins, 86400000000) + 86400000000, 86400000000)) / 86400000000) + t._k AS _utc_day
  FROM numbered_days AS d
  CROSS JOIN touched AS t
),
dated AS (
  SELECT e.*, d._i
  FROM by_utc_day AS e
  JOIN days_by_utc AS d ON d._utc_day = e._utc_day
  WHERE d._begins <= e._us
    AND d._next > e._us
),
placed AS (
  SELECT e.*, w._start, w._end
  FROM dated AS e
  JOIN spans AS w ON w._w = e._i
),
windowed AS (
  SELECT
    *,
    (TIMESTAMPTZ 'epoch' + (_start) * INTERVAL '1 microsecond') AS window_start,
    (TIMESTAMPTZ 'epoch' + (_end) * INTERVAL '1 microsecond') AS window_end
  FROM placed
),
grouped AS (
  SELECT window_start, window_end, "user", COUNT(*) AS "n"
  FROM windowed
  GROUP BY window_start, window_end, "user"
)
SELECT window_start, window_end, "user", "n"
FROM grouped
ORDER BY window_start, window_end, "user" COLLATE "C" NULLS LAST
"#);
}

#[test]
fn months_of_london_in_polars() {
    let job = r#"
[[output]]
path = "@/out"
window = { hopping = "2 months", slide = "1 month", offset = "6h" }
select = { n = "count(*)" }
"#;
    let plan = plan("Europe/London", job);
    assert_eq!(day_relations(&plan), [("_days_6h".to_string(), 6 * crate::time::HOUR)]);
    insta::assert_snapshot!(script(&plan, OutputId::new(0), Dialect::Polars).unwrap().query, @r#"
WITH events AS (
  SELECT *
  FROM "source"
),
timed AS (
  SELECT *, CAST(_time AS BIGINT) AS _us
  FROM events
),
local_days AS (
  SELECT
    CAST(CAST(day AS INTEGER) AS BIGINT) AS _day,
    (CAST(EXTRACT(YEAR FROM day) AS BIGINT) - 1970) * 12 + CAST(EXTRACT(MONTH FROM day) AS BIGINT) - 1 AS _month,
    begins AS _begins
  FROM "_days_6h"
),
numbered_days AS (
  SELECT *, _month AS _i, LEAD(_begins) OVER (ORDER BY _day) AS _next
  FROM local_days
),
starts AS (
  SELECT _i, MIN(_day) AS _first_day, MIN(_month) AS _first_month, MIN(_begins) AS _start
  FROM numbered_days
  GROUP BY _i
),
local_months AS (
  SELECT _month, MIN(_begins) AS _begins
  FROM numbered_days
  GROUP BY _month
),
spans AS (
  SELECT a._i AS _w, a._start, b._begins AS _end
  FROM starts AS a
  JOIN local_months AS b ON b._month = a._first_month + 2
),
windows AS (
  SELECT MAX(_w) AS _w, _start, _end
  FROM spans
  GROUP BY _start, _end
),
by_utc_day AS (
  SELECT *, (_us // 86400000000) AS _utc_day
  FROM timed
),
touched AS (
  SELECT CAST(_k AS BIGINT) AS _k
  FROM (VALUES (0), (1), (2)) AS listed(_k)
),
days_by_utc AS (
  SELECT d._i, d._begins, d._next, (d._begins // 86400000000) + t._k AS _utc_day
  FROM numbered_days AS d
  CROSS JOIN touched AS t
),
dated AS (
  SELECT e.*, d._i
  FROM by_utc_day AS e
  JOIN days_by_utc AS d ON d._utc_day = e._utc_day
  WHERE d._begins <= e._us
    AND d._next > e._us
),
hops AS (
  SELECT CAST(_k AS BIGINT) AS _k
  FROM (VALUES (0), (1)) AS listed(_k)
),
hopped AS (
  SELECT e.*, e._i - h._k AS _w
  FROM dated AS e
  CROSS JOIN hops AS h
),
placed AS (
  SELECT e.*, w._start, w._end
  FROM hopped AS e
  JOIN windows AS w ON w._w = e._w
  WHERE w._start <= e._us
    AND w._end > e._us
),
windowed AS (
  SELECT *, CAST(_start AS TIMESTAMP) AS window_start, CAST(_end AS TIMESTAMP) AS window_end
  FROM placed
),
grouped AS (
  SELECT window_start, window_end, CAST(COUNT(*) AS BIGINT) AS "n"
  FROM windowed
  GROUP BY window_start, window_end
)
SELECT window_start, window_end, "n"
FROM grouped
ORDER BY window_start, window_end
"#);
}

#[test]
fn enrichment_with_two_tries_and_a_constant_in_postgres() {
    let job = r#"
[[step]]
enrich = "users"
on = { user = "user" }
within = "1 day"
fill = "last_value"
take = { city = "city", born = "born" }
otherwise = [{ match = "nearest" }, { constant = { city = "it's" } }]
[[output]]
path = "@/out"
select = { item = "item", city = "city", next = "born + 1" }
"#;
    insta::assert_snapshot!(query(Dialect::Postgres, "UTC", job), @r#"
WITH events AS (
  SELECT *
  FROM "source"
),
candidates_users_1 AS (
  SELECT
    e._position AS _of_1,
    r."city" AS _taken_1_1,
    r."born" AS _taken_1_2,
    r._position AS _row_1,
    r._time AS _at_1
  FROM events AS e
  JOIN "users" AS r ON r."user" = e."user"
  WHERE r._time <= e._time
    AND CAST(EXTRACT(EPOCH FROM e._time) * 1000000 AS BIGINT) - CAST(EXTRACT(EPOCH FROM r._time) * 1000000 AS BIGINT) <= 86400000000
),
numbered_users_1 AS (
  SELECT
    *,
    ROW_NUMBER() OVER (PARTITION BY _of_1 ORDER BY CASE WHEN _taken_1_1 IS NULL THEN 0 ELSE 1 END DESC, _at_1 DESC, _row_1 DESC) AS _nth_1_1,
    ROW_NUMBER() OVER (PARTITION BY _of_1 ORDER BY CASE WHEN _taken_1_2 IS NULL THEN 0 ELSE 1 END DESC, _at_1 DESC, _row_1 DESC) AS _nth_1_2
  FROM candidates_users_1
),
matches_users_1 AS (
  SELECT
    _of_1,
    MAX(CASE WHEN _nth_1_1 = 1 THEN _taken_1_1 END COLLATE "C") AS _taken_1_1,
    MAX(CASE WHEN _nth_1_2 = 1 THEN _taken_1_2 END) AS _taken_1_2
  FROM numbered_users_1
  GROUP BY _of_1
),
candidates_users_1_2 AS (
  SELECT
    e._position AS _of_2,
    r."city" AS _taken_2_1,
    r."born" AS _taken_2_2,
    r._position AS _row_2,
    r._time AS _at_2,
    ABS(CAST(EXTRACT(EPOCH FROM e._time) * 1000000 AS BIGINT) - CAST(EXTRACT(EPOCH FROM r._time) * 1000000 AS BIGINT)) AS _apart_2
  FROM events AS e
  JOIN "users" AS r ON r."user" = e."user"
  WHERE ABS(CAST(EXTRACT(EPOCH FROM r._time) * 1000000 AS BIGINT) - CAST(EXTRACT(EPOCH FROM e._time) * 1000000 AS BIGINT)) <= 86400000000
),
numbered_users_1_2 AS (
  SELECT
    *,
    ROW_NUMBER() OVER (PARTITION BY _of_2 ORDER BY CASE WHEN _taken_2_1 IS NULL THEN 1 ELSE 0 END, _apart_2, _at_2, _row_2 * -1) AS _nth_2_1,
    ROW_NUMBER() OVER (PARTITION BY _of_2 ORDER BY CASE WHEN _taken_2_2 IS NULL THEN 1 ELSE 0 END, _apart_2, _at_2, _row_2 * -1) AS _nth_2_2
  FROM candidates_users_1_2
),
matches_users_1_2 AS (
  SELECT
    _of_2,
    MAX(CASE WHEN _nth_2_1 = 1 THEN _taken_2_1 END COLLATE "C") AS _taken_2_1,
    MAX(CASE WHEN _nth_2_2 = 1 THEN _taken_2_2 END) AS _taken_2_2
  FROM numbered_users_1_2
  GROUP BY _of_2
),
enrich_users_1 AS (
  SELECT
    e.*,
    CASE WHEN m1._of_1 IS NOT NULL THEN m1._taken_1_1 WHEN m2._of_2 IS NOT NULL THEN m2._taken_2_1 ELSE 'it''s' END AS "city",
    CASE WHEN m1._of_1 IS NOT NULL THEN m1._taken_1_2 WHEN m2._of_2 IS NOT NULL THEN m2._taken_2_2 ELSE CAST(NULL AS BIGINT) END AS "born"
  FROM events AS e
  LEFT JOIN matches_users_1 AS m1 ON m1._of_1 = e._position
  LEFT JOIN matches_users_1_2 AS m2 ON m2._of_2 = e._position
)
SELECT "item", "city", "born" + 1 AS "next"
FROM enrich_users_1
ORDER BY _time, _position
"#);
}
