#!/usr/bin/env python3
"""DuckDB and Polars on the works of bench.py that peers.py does not have: one engine, one work, one process.

usage: window_peers.py ENGINE WORK      (env: PEERS_DATA, PEERS_OUT, PEERS_THREADS=2)

ENGINE  duckdb polars
WORK    L   count per page and hour (duckdb alone)
        W7  sessions per user: events at most 30 min apart
        W8  windows of 10 min by 1 min per postcode: counted per minute first, and each minute added to its ten windows,
            which is faster than ten rows of each event
The result goes to $PEERS_OUT/ENGINE_WORK.parquet.
"""
import os
import sys

THREADS = int(os.environ.get("PEERS_THREADS", "2"))
os.environ["POLARS_MAX_THREADS"] = str(THREADS)     # before polars is imported
GAP = 1800

DUCKDB = {
    "L": """
SELECT "timestamp" - "timestamp" % 3600 AS window_start, webpage, count(*) AS n FROM {src} GROUP BY 1, 2 ORDER BY 1, 2""",
    "W7": """
SELECT min("timestamp") AS window_start, max("timestamp") + {gap} AS window_end, user_id, count(*) AS n
FROM (SELECT user_id, "timestamp", sum(fresh) OVER (PARTITION BY user_id ORDER BY "timestamp" ROWS UNBOUNDED PRECEDING) AS session
      FROM (SELECT user_id, "timestamp",
                   CASE WHEN "timestamp" - lag("timestamp") OVER (PARTITION BY user_id ORDER BY "timestamp") <= {gap}
                        THEN 0 ELSE 1 END AS fresh
            FROM {src}))
GROUP BY user_id, session ORDER BY window_start, window_end, user_id""",
    "W8": """
WITH minutes AS (SELECT "timestamp" // 60 AS minute, postcode, count(*) AS n FROM {src} GROUP BY 1, 2)
SELECT (minute - k) * 60 AS window_start, (minute - k) * 60 + 600 AS window_end, postcode, sum(n)::BIGINT AS n
FROM minutes, range(10) AS r(k) GROUP BY minute - k, postcode ORDER BY window_start, postcode""",
}


def duckdb_(work, data, out):
    import duckdb
    db = duckdb.connect()
    db.execute(f"SET threads = {THREADS}; SET TimeZone = 'UTC'")
    query = DUCKDB[work].format(src=f"read_csv('{data}')", gap=GAP)
    db.execute(f"COPY ({query}) TO '{out}' (FORMAT parquet, COMPRESSION zstd)")


def polars_(work, data, out):
    import polars as pl
    log, at = pl.scan_csv(data), pl.col("timestamp")
    if work == "W7":
        user = pl.col("user_id")
        fresh = ((user != user.shift()) | (at - at.shift() > GAP)).fill_null(True)
        result = (log.select("user_id", "timestamp").sort("user_id", "timestamp")
                  .with_columns(fresh.cum_sum().alias("session")).group_by("session")
                  .agg(at.min().alias("window_start"), (at.max() + GAP).alias("window_end"), user.first(),
                       pl.len().cast(pl.Int64).alias("n"))
                  .select("window_start", "window_end", "user_id", "n").sort("window_start", "window_end", "user_id"))
    elif work == "W8":
        minutes = log.group_by((at // 60).alias("minute"), "postcode").agg(pl.len().cast(pl.Int64).alias("n"))
        window = (pl.col("minute") - pl.col("k")).alias("minute")
        result = (minutes.join(pl.LazyFrame({"k": range(10)}), how="cross").group_by(window, "postcode").agg(pl.col("n").sum())
                  .select((pl.col("minute") * 60).alias("window_start"), (pl.col("minute") * 60 + 600).alias("window_end"),
                          "postcode", "n")
                  .sort("window_start", "postcode"))
    else:
        sys.exit(f"not provided: polars {work}")
    result.sink_parquet(out, compression="zstd", engine="streaming")


def main():
    engine, work = sys.argv[1:3]
    data = os.path.join(os.environ.get("PEERS_DATA", "data"), "pageviews.csv")
    out = os.path.join(os.environ.get("PEERS_OUT", "out"), f"{engine}_{work}.parquet")
    {"duckdb": duckdb_, "polars": polars_}[engine](work, data, out)


if __name__ == "__main__":
    main()
