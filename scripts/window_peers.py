#!/usr/bin/env python3
"""DuckDB and Polars on the works of bench.py that peers.py does not have: one engine, one work, one process.

usage: window_peers.py ENGINE WORK      (env: PEERS_DATA, PEERS_OUT, PEERS_THREADS=2)

ENGINE  duckdb polars
WORK    L   count per page and hour (duckdb alone)
        W7  sessions per user: events at most 30 min apart
        W8  windows of 10 min by 1 min per postcode: counted per minute first, and each minute added to its ten windows,
            which is faster than ten rows of each event
        Z   decimal sum per key and hour
        F, FJ, FP  count and sum per postcode and day, of many small files
The result goes to $PEERS_OUT/ENGINE_WORK.parquet.
"""
import os
import sys

THREADS = int(os.environ.get("PEERS_THREADS", "2"))
os.environ["POLARS_MAX_THREADS"] = str(THREADS)     # before polars is imported
GAP = 1800
FORMS = {"F": "csv", "FJ": "jsonl", "FP": "parquet"}      # the works over many small files

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
    "Z": """
SELECT "at" - "at" % 3600 AS window_start, key, sum(amount) AS total FROM {src} GROUP BY 1, 2 ORDER BY 1, 2""",
}
SMALL = """
SELECT "at" - "at" % 86400 AS window_start, postcode, count(*) AS n, sum(n)::BIGINT AS total FROM {src} GROUP BY 1, 2 ORDER BY 1, 2"""
COLUMNS = {"at": "BIGINT", "postcode": "VARCHAR", "user": "BIGINT", "n": "BIGINT"}


def duckdb_(work, data, out):
    import duckdb
    db = duckdb.connect()
    db.execute(f"SET threads = {THREADS}; SET TimeZone = 'UTC'")
    src = f"read_csv('{data}')"
    if work == "Z":
        src = f"read_csv('{data}', columns = {{'at': 'BIGINT', 'key': 'VARCHAR', 'amount': 'DECIMAL(18,2)'}}, header = true)"
    elif work in FORMS:
        files, form = f"'{data}/*/*.{FORMS[work]}'", FORMS[work]
        src = {"csv": f"read_csv({files}, columns = {COLUMNS}, header = true)",
               "jsonl": f"read_json({files}, columns = {COLUMNS}, format = 'newline_delimited')", "parquet": f"read_parquet({files})"}[form]
    query = DUCKDB.get(work, SMALL).format(src=src, gap=GAP)
    db.execute(f"COPY ({query}) TO '{out}' (FORMAT parquet, COMPRESSION zstd)")


def polars_(work, data, out):
    import polars as pl
    if work in FORMS:
        files, schema = f"{data}/*/*.{FORMS[work]}", {name: pl.String if kind == "VARCHAR" else pl.Int64 for name, kind in COLUMNS.items()}
        scan = {"csv": lambda: pl.scan_csv(files, schema=schema), "jsonl": lambda: pl.scan_ndjson(files, schema=schema),
                "parquet": lambda: pl.scan_parquet(files)}[FORMS[work]]
        log, at = scan(), pl.col("at")
    elif work == "Z":
        log, at = pl.scan_csv(data, schema={"at": pl.Int64, "key": pl.String, "amount": pl.Decimal(18, 2)}), pl.col("at")
    else:
        log, at = pl.scan_csv(data), pl.col("timestamp")
    if work == "Z":
        result = (log.group_by((at - at % 3600).alias("window_start"), "key").agg(pl.col("amount").sum().alias("total"))
                  .sort("window_start", "key"))
    elif work in FORMS:
        result = (log.group_by((at - at % 86400).alias("window_start"), "postcode")
                  .agg(pl.len().cast(pl.Int64).alias("count"), pl.col("n").sum().alias("total")).rename({"count": "n"})
                  .sort("window_start", "postcode"))
    elif work == "W7":
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
    log = {"Z": "zipf.csv", **{name: f"small_{form}" for name, form in FORMS.items()}}.get(work, "pageviews.csv")
    data = os.path.join(os.environ.get("PEERS_DATA", "data"), log)
    out = os.path.join(os.environ.get("PEERS_OUT", "out"), f"{engine}_{work}.parquet")
    {"duckdb": duckdb_, "polars": polars_}[engine](work, data, out)


if __name__ == "__main__":
    main()
