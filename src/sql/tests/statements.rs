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
WITH numbered_4 AS (
  SELECT
    *,
    ("amount" * CAST(2 AS BIGINT)) AS "double",
    ROW_NUMBER() OVER (PARTITION BY "user" ORDER BY _time, _position) = 1 AS "new",
    ROW_NUMBER() OVER (PARTITION BY "user", "item" ORDER BY _time, _position) AS _nth_4
  FROM "source"
  WHERE ("amount" > CAST('0.00' AS DECIMAL(38, 2)))
),
placed AS (
  SELECT *, ((CAST(_time AS BIGINT) - 600000000) // 3600000000) * 3600000000 + 600000000 AS _start
  FROM numbered_4
  WHERE _nth_4 = 1
),
prepared AS (
  SELECT
    *,
    CAST(_start AS TIMESTAMP) AS window_start,
    CAST(_start + 3600000000 AS TIMESTAMP) AS window_end,
    CASE WHEN "item" IS NULL THEN 0 ELSE 1 END AS _has_5
  FROM placed
),
numbered AS (
  SELECT *, ROW_NUMBER() OVER (PARTITION BY window_start, window_end, "user" ORDER BY _has_5 DESC, _time DESC, _position DESC) AS _place_5
  FROM prepared
),
grouped AS (
  SELECT
    window_start, window_end, "user",
    SUM("double") AS "total",
    CAST(SUM("amount") * 100 AS DOUBLE) / (100 * CAST(COUNT("amount") AS BIGINT)) AS "mean",
    SUM("amount") AS "_value_3",
    CAST(COUNT(*) AS BIGINT) AS "_value_4",
    MAX(CASE WHEN _place_5 = 1 AND _has_5 = 1 THEN "item" END) AS "last"
  FROM numbered
  GROUP BY window_start, window_end, "user"
),
ordered AS (
  SELECT *, ("_value_3" * "_value_4") AS "share"
  FROM grouped
  WHERE ("_value_4" > CAST(1 AS BIGINT))
  ORDER BY window_start, window_end, "total" DESC NULLS LAST, "user" NULLS LAST
),
ranked AS (
  SELECT *, ROW_NUMBER() OVER (PARTITION BY window_start, window_end) AS _rank
  FROM ordered
)
SELECT window_start, window_end, "user", "total", "mean", "share", "last"
FROM ranked
WHERE _rank <= 3
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
WITH timed AS (
  SELECT *, EPOCH_US(_time) AS _us
  FROM "source"
),
paused AS (
  SELECT *, CASE WHEN _us - LAG(_us) OVER (PARTITION BY "user" ORDER BY _time, _position) <= 1800000000 THEN 0 ELSE 1 END AS _begins
  FROM timed
),
prepared AS (
  SELECT
    *,
    SUM(_begins) OVER (PARTITION BY "user" ORDER BY _time, _position ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS _session,
    CASE WHEN "amount" IS NULL THEN 1 ELSE 0 END AS _none_3,
    CAST("amount" AS DOUBLE) AS _by_3
  FROM paused
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
WITH placed AS (
  SELECT
    *,
    UNIX_MICROS(_time) AS _us,
    UNIX_MICROS(_time) - PMOD(UNIX_MICROS(_time), 240000000) AS _next
  FROM `source`
),
hops AS (
  SELECT CAST(_k AS BIGINT) AS _k
  FROM (VALUES (0), (1), (2)) AS listed(_k)
),
held AS (
  SELECT e.*, e._next - h._k * 240000000 AS _start
  FROM placed AS e
  CROSS JOIN hops AS h
  WHERE e._next - h._k * 240000000 + 600000000 > e._us
),
grouped AS (
  SELECT
    TIMESTAMP_MICROS(_start) AS window_start,
    TIMESTAMP_MICROS(_start + 600000000) AS window_end,
    COUNT(*) AS `n`
  FROM held
  GROUP BY _start
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
WITH steps AS (
  SELECT CAST(_k AS INT64) AS _k
  FROM UNNEST([1, 2, 3, 4]) AS _k
),
placed AS (
  SELECT
    *,
    UNIX_MICROS(_time) AS _us,
    UNIX_MICROS(_time) - MOD(MOD(UNIX_MICROS(_time), 86400000000) + 86400000000, 86400000000) AS _start
  FROM `source`
),
held AS (
  SELECT e.*, e._start + CASE WHEN k._k * 25200000000 > 86400000000 THEN 86400000000 ELSE k._k * 25200000000 END AS _end
  FROM placed AS e
  CROSS JOIN steps AS k
  WHERE e._start + CASE WHEN k._k * 25200000000 > 86400000000 THEN 86400000000 ELSE k._k * 25200000000 END > e._us
),
grouped AS (
  SELECT
    TIMESTAMP_MICROS(_start) AS window_start,
    TIMESTAMP_MICROS(_end) AS window_end,
    `user`,
    SQRT(CAST(COUNT(`amount`) * SUM(CAST(`amount` * 100 AS BIGNUMERIC) * CAST(`amount` * 100 AS BIGNUMERIC)) - SUM(CAST(`amount` * 100 AS BIGNUMERIC)) * SUM(CAST(`amount` * 100 AS BIGNUMERIC)) AS FLOAT64) / (NULLIF(CAST(COUNT(`amount`) * (COUNT(`amount`) - 1) AS FLOAT64), 0) * 10000.0)) AS `spread`
  FROM held
  GROUP BY _start, _end, `user`
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
WITH placed AS (
  SELECT *, DATE_TRUNC('day', (_time AT TIME ZONE 'Europe/London')) AS _start
  FROM "source"
),
grouped AS (
  SELECT
    (_start AT TIME ZONE 'Europe/London') AS window_start,
    ((_start + INTERVAL '1 day') AT TIME ZONE 'Europe/London') AS window_end,
    "user",
    COUNT(*) AS "n"
  FROM placed
  GROUP BY _start, "user"
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
WITH timed AS (
  SELECT *, CAST(_time AS BIGINT) AS _us
  FROM "source"
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
WITH beside_users_1 AS (
  SELECT
    "user", "item", _time, _position,
    "user" AS _on_1_1,
    CAST(NULL AS TEXT) AS _taken_1_1,
    CAST(NULL AS BIGINT) AS _taken_1_2,
    1 AS _side
  FROM "source"
  UNION ALL
  SELECT NULL, NULL, _time, _position, "user", "city", "born", 0
  FROM "users"
  WHERE "user" IS NOT NULL
),
counted_users_1 AS (
  SELECT
    *,
    COUNT(CASE WHEN _taken_1_1 IS NOT NULL THEN 1 END) OVER (PARTITION BY _on_1_1 ORDER BY _time, _side, _position ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS _led_1,
    COUNT(CASE WHEN _taken_1_2 IS NOT NULL THEN 1 END) OVER (PARTITION BY _on_1_1 ORDER BY _time, _side, _position ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS _led_2,
    COUNT(CASE WHEN _side = 0 THEN 1 END) OVER (PARTITION BY _on_1_1 ORDER BY _time, _side, _position ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS _led_3,
    COUNT(CASE WHEN _taken_1_1 IS NOT NULL THEN 1 END) OVER (PARTITION BY _on_1_1 ORDER BY _time DESC, _side, _position ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS _led_4,
    COUNT(CASE WHEN _taken_1_2 IS NOT NULL THEN 1 END) OVER (PARTITION BY _on_1_1 ORDER BY _time DESC, _side, _position ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS _led_5,
    COUNT(CASE WHEN _side = 0 THEN 1 END) OVER (PARTITION BY _on_1_1 ORDER BY _time DESC, _side, _position ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS _led_6
  FROM beside_users_1
),
carried_users_1 AS (
  SELECT
    *,
    FIRST_VALUE(CASE WHEN _taken_1_1 IS NOT NULL THEN _time END) OVER (PARTITION BY _on_1_1, _led_1 ORDER BY _time, _side, _position) AS _near_1_1,
    FIRST_VALUE(CASE WHEN _taken_1_1 IS NOT NULL THEN _taken_1_1 END) OVER (PARTITION BY _on_1_1, _led_1 ORDER BY _time, _side, _position) AS _near_1_2,
    FIRST_VALUE(CASE WHEN _taken_1_2 IS NOT NULL THEN _time END) OVER (PARTITION BY _on_1_1, _led_2 ORDER BY _time, _side, _position) AS _near_2_1,
    FIRST_VALUE(CASE WHEN _taken_1_2 IS NOT NULL THEN _taken_1_2 END) OVER (PARTITION BY _on_1_1, _led_2 ORDER BY _time, _side, _position) AS _near_2_2,
    FIRST_VALUE(CASE WHEN _side = 0 THEN _time END) OVER (PARTITION BY _on_1_1, _led_3 ORDER BY _time, _side, _position) AS _near_3_1,
    FIRST_VALUE(CASE WHEN _taken_1_1 IS NOT NULL THEN _time END) OVER (PARTITION BY _on_1_1, _led_4 ORDER BY _time DESC, _side, _position) AS _near_4_1,
    FIRST_VALUE(CASE WHEN _taken_1_1 IS NOT NULL THEN _taken_1_1 END) OVER (PARTITION BY _on_1_1, _led_4 ORDER BY _time DESC, _side, _position) AS _near_4_2,
    FIRST_VALUE(CASE WHEN _taken_1_2 IS NOT NULL THEN _time END) OVER (PARTITION BY _on_1_1, _led_5 ORDER BY _time DESC, _side, _position) AS _near_5_1,
    FIRST_VALUE(CASE WHEN _taken_1_2 IS NOT NULL THEN _taken_1_2 END) OVER (PARTITION BY _on_1_1, _led_5 ORDER BY _time DESC, _side, _position) AS _near_5_2,
    FIRST_VALUE(CASE WHEN _side = 0 THEN _time END) OVER (PARTITION BY _on_1_1, _led_6 ORDER BY _time DESC, _side, _position) AS _near_6_1
  FROM counted_users_1
),
enrich_users_1 AS (
  SELECT
    "user", "item", _time, _position,
    CASE WHEN CAST(EXTRACT(EPOCH FROM _time) * 1000000 AS BIGINT) - CAST(EXTRACT(EPOCH FROM _near_3_1) * 1000000 AS BIGINT) <= 86400000000 THEN CASE WHEN CAST(EXTRACT(EPOCH FROM _time) * 1000000 AS BIGINT) - CAST(EXTRACT(EPOCH FROM _near_1_1) * 1000000 AS BIGINT) <= 86400000000 THEN _near_1_2 END WHEN (CAST(EXTRACT(EPOCH FROM _time) * 1000000 AS BIGINT) - CAST(EXTRACT(EPOCH FROM _near_3_1) * 1000000 AS BIGINT) <= 86400000000 OR CAST(EXTRACT(EPOCH FROM _near_6_1) * 1000000 AS BIGINT) - CAST(EXTRACT(EPOCH FROM _time) * 1000000 AS BIGINT) <= 86400000000) THEN CASE WHEN (CAST(EXTRACT(EPOCH FROM _time) * 1000000 AS BIGINT) - CAST(EXTRACT(EPOCH FROM _near_1_1) * 1000000 AS BIGINT) <= 86400000000 OR CAST(EXTRACT(EPOCH FROM _near_4_1) * 1000000 AS BIGINT) - CAST(EXTRACT(EPOCH FROM _time) * 1000000 AS BIGINT) <= 86400000000) THEN CASE WHEN _near_4_1 IS NULL OR CAST(EXTRACT(EPOCH FROM _time) * 1000000 AS BIGINT) - CAST(EXTRACT(EPOCH FROM _near_1_1) * 1000000 AS BIGINT) <= CAST(EXTRACT(EPOCH FROM _near_4_1) * 1000000 AS BIGINT) - CAST(EXTRACT(EPOCH FROM _time) * 1000000 AS BIGINT) THEN _near_1_2 ELSE _near_4_2 END END ELSE 'it''s' END AS "city",
    CASE WHEN CAST(EXTRACT(EPOCH FROM _time) * 1000000 AS BIGINT) - CAST(EXTRACT(EPOCH FROM _near_3_1) * 1000000 AS BIGINT) <= 86400000000 THEN CASE WHEN CAST(EXTRACT(EPOCH FROM _time) * 1000000 AS BIGINT) - CAST(EXTRACT(EPOCH FROM _near_2_1) * 1000000 AS BIGINT) <= 86400000000 THEN _near_2_2 END WHEN (CAST(EXTRACT(EPOCH FROM _time) * 1000000 AS BIGINT) - CAST(EXTRACT(EPOCH FROM _near_3_1) * 1000000 AS BIGINT) <= 86400000000 OR CAST(EXTRACT(EPOCH FROM _near_6_1) * 1000000 AS BIGINT) - CAST(EXTRACT(EPOCH FROM _time) * 1000000 AS BIGINT) <= 86400000000) THEN CASE WHEN (CAST(EXTRACT(EPOCH FROM _time) * 1000000 AS BIGINT) - CAST(EXTRACT(EPOCH FROM _near_2_1) * 1000000 AS BIGINT) <= 86400000000 OR CAST(EXTRACT(EPOCH FROM _near_5_1) * 1000000 AS BIGINT) - CAST(EXTRACT(EPOCH FROM _time) * 1000000 AS BIGINT) <= 86400000000) THEN CASE WHEN _near_5_1 IS NULL OR CAST(EXTRACT(EPOCH FROM _time) * 1000000 AS BIGINT) - CAST(EXTRACT(EPOCH FROM _near_2_1) * 1000000 AS BIGINT) <= CAST(EXTRACT(EPOCH FROM _near_5_1) * 1000000 AS BIGINT) - CAST(EXTRACT(EPOCH FROM _time) * 1000000 AS BIGINT) THEN _near_2_2 ELSE _near_5_2 END END ELSE CAST(NULL AS BIGINT) END AS "born"
  FROM carried_users_1
  WHERE _side = 1
)
SELECT "item", "city", "born" + 1 AS "next"
FROM enrich_users_1
ORDER BY _time, _position
"#);
}

#[test]
fn enrichment_by_one_window_in_spark() {
    let job = r#"
[[step]]
enrich = "users"
on = { user = "user" }
match = "nearest"
inclusive = false
take = { city = "city" }
[[output]]
path = "@/out"
select = { item = "item", city = "city" }
"#;
    insta::assert_snapshot!(query(Dialect::Spark, "UTC", job), @r"
WITH beside_users_1 AS (
  SELECT
    `user`, `item`, _time, _position,
    `user` AS _on_1_1,
    CAST(NULL AS STRING) AS _taken_1_1,
    1 AS _side
  FROM `source`
  UNION ALL
  SELECT NULL, NULL, _time, _position, `user`, `city`, 0
  FROM `users`
  WHERE `user` IS NOT NULL
),
carried_users_1 AS (
  SELECT
    *,
    LAST_VALUE(CASE WHEN _side = 0 THEN STRUCT(_time, _taken_1_1) END) IGNORE NULLS OVER (PARTITION BY _on_1_1 ORDER BY _time, _side DESC, _position ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS _near_1,
    LAST_VALUE(CASE WHEN _side = 0 THEN STRUCT(_time, _taken_1_1) END) IGNORE NULLS OVER (PARTITION BY _on_1_1 ORDER BY _time DESC, _side DESC, _position ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS _near_2
  FROM beside_users_1
),
enrich_users_1 AS (
  SELECT
    `user`, `item`, _time, _position,
    CASE WHEN _near_2._time IS NULL OR UNIX_MICROS(_time) - UNIX_MICROS(_near_1._time) <= UNIX_MICROS(_near_2._time) - UNIX_MICROS(_time) THEN _near_1._taken_1_1 ELSE _near_2._taken_1_1 END AS `city`
  FROM carried_users_1
  WHERE _side = 1
)
SELECT `item`, `city`
FROM enrich_users_1
ORDER BY _time, _position
");
}

#[test]
fn dedup_within_goes_along_lists_in_spark() {
    let job = r#"
[[step]]
dedup = ["user"]
within = "1m"
[[output]]
path = "@/out"
select = { item = "item" }
"#;
    insta::assert_snapshot!(query(Dialect::Spark, "UTC", job), @r"
WITH timed_1 AS (
  SELECT
    *,
    UNIX_MICROS(_time) AS _us_1,
    CASE WHEN UNIX_MICROS(_time) - LAG(UNIX_MICROS(_time)) OVER (PARTITION BY `user` ORDER BY _time, _position) <= 60000000 THEN 0 ELSE 1 END AS _begins_1
  FROM `source`
),
segments_1 AS (
  SELECT *, SUM(_begins_1) OVER (PARTITION BY `user` ORDER BY _time, _position ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS _segment_1
  FROM timed_1
),
listed_1 AS (
  SELECT ARRAY_SORT(COLLECT_LIST(STRUCT(_time, _position, `user`, `item`))) AS _row_1
  FROM segments_1
  GROUP BY `user`, _segment_1
),
dedup_1 AS (
  SELECT INLINE(AGGREGATE(_row_1, SLICE(_row_1, 1, 1), (kept, r) -> CASE WHEN UNIX_MICROS(r._time) - UNIX_MICROS(ELEMENT_AT(kept, -1)._time) > 60000000 THEN CONCAT(kept, ARRAY(r)) ELSE kept END))
  FROM listed_1
)
SELECT `item`
FROM dedup_1
ORDER BY _time, _position
");
}

#[test]
fn two_months_of_jakarta_in_bigquery() {
    let job = r#"
[[output]]
path = "@/out"
window = { tumbling = "2 months", offset = "6h" }
select = { n = "count(*)" }
"#;
    insta::assert_snapshot!(query(Dialect::BigQuery, "Asia/Jakarta", job), @r"
WITH placed AS (
  SELECT *, DATETIME_SUB(DATETIME_TRUNC(DATETIME_SUB(DATETIME(_time, 'Asia/Jakarta'), INTERVAL 6 HOUR), MONTH), INTERVAL MOD(EXTRACT(YEAR FROM DATETIME_SUB(DATETIME(_time, 'Asia/Jakarta'), INTERVAL 6 HOUR)) * 12 + EXTRACT(MONTH FROM DATETIME_SUB(DATETIME(_time, 'Asia/Jakarta'), INTERVAL 6 HOUR)) + 1, 2) MONTH) AS _start
  FROM `source`
),
grouped AS (
  SELECT
    TIMESTAMP(DATETIME_ADD(_start, INTERVAL 6 HOUR), 'Asia/Jakarta') AS window_start,
    TIMESTAMP(DATETIME_ADD(DATETIME_ADD(_start, INTERVAL 2 MONTH), INTERVAL 6 HOUR), 'Asia/Jakarta') AS window_end,
    COUNT(*) AS `n`
  FROM placed
  GROUP BY _start
)
SELECT window_start, window_end, `n`
FROM grouped
ORDER BY window_start, window_end
");
}
