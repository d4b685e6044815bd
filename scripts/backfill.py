#!/usr/bin/env python3
"""What late events cost: `highwater backfill` beside the full run, and beside what users do today.

    cargo build --release
    pip install duckdb polars
    python3 scripts/backfill.py                          # makes 20 M page views over 10 days in out/bench-backfill
    python3 scripts/backfill.py --rows 2000000 --runs 1

The job keeps the page views as an archive by date and hour, and counts them per postcode and minute, by date and hour too. Then
20,000 late events come: all in one hour, in 10 hours, in 100 hours, and spread over all. Each time the outputs of the full run are
put back and corrected. The others do the same to Parquet files of their own:
  again     the full job over all files (archive and counts), all partitions written
  by hand   the touched partitions of the archive read, with the late events among them, sorted, and written over the old
            files; their counts computed anew from that (no journal: a reader may see a torn or missing file)
Whole processes, interleaved, best of the runs, inputs in the page cache. Rows and totals of all results must agree.
Exit code 1: results differ, or an engine failed; 2: there is no binary, or a package is missing.
"""
import argparse
import json
import os
import random
import shutil
import subprocess
import sys
import time
from pathlib import Path

try:
    import duckdb
    import polars as pl
except ImportError as missing:
    print(f"backfill.py: {missing}; pip install duckdb polars", file=sys.stderr)
    sys.exit(2)

REPO = Path(__file__).resolve().parent.parent
BINARY = REPO / "target" / "release" / "highwater"
HOUR = 3600

JOB = """name = "views"

[source]
path = ["{source}/*.csv"]
time = "timestamp"
time_unit = "s"

[[output]]
path = "{out}/archive"
archive = true
partition_by = ["date", "hour"]

[[output]]
path = "{out}/counts"
window = {{ tumbling = "1m" }}
by = ["postcode"]
select = {{ views = "count(*)" }}
partition_by = ["date", "hour"]
"""

# What each engine's program is told: its name, what to do, the files, the folder, the hours touched (JSON).
DUCKDB = """
import duckdb, json, sys, glob, os
what, source, late, out, hours = sys.argv[1], sys.argv[2], sys.argv[3], sys.argv[4], json.loads(sys.argv[5])
c = duckdb.connect()
c.execute("SET threads TO 2; SET TimeZone = 'UTC'")
read = "SELECT user_id, postcode, webpage, timestamp FROM read_csv({}, columns = {{'user_id': 'BIGINT', 'postcode': 'VARCHAR', 'webpage': 'VARCHAR', 'timestamp': 'BIGINT'}})"
parts = "strftime(to_timestamp({0}), '%Y-%m-%d') AS date, strftime(to_timestamp({0}), '%H') AS hour"
def write(views, minutes):
    options = "(FORMAT parquet, COMPRESSION zstd, PARTITION_BY (date, hour), OVERWRITE_OR_IGNORE, FILENAME_PATTERN 'data')"
    c.execute(f"COPY (SELECT *, {parts.format('timestamp')} FROM {views} ORDER BY timestamp) TO '{out}/archive' {options}")
    c.execute(f"COPY (SELECT minute AS timestamp, postcode, views, {parts.format('minute')} FROM {minutes} ORDER BY minute, postcode) TO '{out}/counts' {options}")
count = "SELECT timestamp // 60 * 60 AS minute, postcode, count(*) AS views FROM views GROUP BY ALL"
if what == "again":
    files = sorted(glob.glob(source + "/*.csv")) + ([late] if late else [])
    c.execute("CREATE VIEW views AS " + read.format(files))
else:
    old = [p for d, h in hours for p in glob.glob(f"{out}/archive/date={d}/hour={h}/*.parquet")]
    c.execute(f"CREATE TABLE views AS SELECT user_id, postcode, webpage, timestamp FROM read_parquet({old}) UNION ALL " + read.format([late]))
c.execute("CREATE VIEW minutes AS " + count)
write("views", "minutes")
"""

POLARS = """
import polars as pl, json, sys, glob, os
from pathlib import Path
what, source, late, out, hours = sys.argv[1], sys.argv[2], sys.argv[3], sys.argv[4], json.loads(sys.argv[5])
schema = {"user_id": pl.Int64, "postcode": pl.String, "webpage": pl.String, "timestamp": pl.Int64}
if what == "again":
    views = pl.scan_csv(sorted(glob.glob(source + "/*.csv")) + ([late] if late else []), schema=schema)
else:
    old = [p for d, h in hours for p in glob.glob(f"{out}/archive/date={d}/hour={h}/*.parquet")]
    views = pl.concat([pl.scan_parquet(old, hive_partitioning=False), pl.scan_csv(late, schema=schema)])
views = views.sort("timestamp", maintain_order=True).collect(engine="streaming")
minutes = views.group_by((pl.col("timestamp") // 60 * 60).alias("timestamp"), "postcode").agg(pl.len().alias("views")).sort("timestamp", "postcode")
for frame, name in [(views, "archive"), (minutes, "counts")]:
    at = pl.from_epoch("timestamp", time_unit="s")
    frame = frame.with_columns(at.dt.strftime("%Y-%m-%d").alias("date"), at.dt.strftime("%H").alias("hour"))
    for (date, hour), part in frame.partition_by("date", "hour", as_dict=True, include_key=False).items():
        folder = Path(out) / name / f"date={date}" / f"hour={hour}"
        folder.mkdir(parents=True, exist_ok=True)
        part.write_parquet(folder / "data.parquet", compression="zstd")
"""


def hours_of(times):
    """The partitions that these instants lie in."""
    hours = sorted({t // HOUR * HOUR for t in times})
    return [(time.strftime("%Y-%m-%d", time.gmtime(h)), time.strftime("%H", time.gmtime(h))) for h in hours]


def late_file(path, rows, hours, first, seed):
    """Page views in some of the log's hours: all of them if `hours` is None."""
    draw = random.Random(seed)
    times = []
    with open(path, "w") as out:
        out.write("user_id,postcode,webpage,timestamp\n")
        for _ in range(rows):
            t = first + draw.choice(hours) * HOUR + draw.randrange(HOUR)
            times.append(t)
            out.write(f"{draw.randrange(10_000)},{draw.choice('ABCDEHNSW')}{draw.randrange(1, 20)},http://example.com/late.html,{t}\n")
    return hours_of(times)


def clock(command):
    started = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True)
    took = time.perf_counter() - started
    if done.returncode != 0:
        print(f"{' '.join(map(str, command[:3]))} failed:\n{done.stderr}", file=sys.stderr)
        sys.exit(1)
    return took


def put_back(kept, out):
    """The state after the full run; hard links would be written through by those that write in place."""
    shutil.rmtree(out, ignore_errors=True)
    subprocess.run(["cp", "-r", kept, out], check=True)
    os.sync()


def totals(out):
    """Rows and counts of a result: archive rows, groups, views."""
    c = duckdb.connect()
    rows = c.execute(f"SELECT count(*) FROM read_parquet('{out}/archive/*/*/*.parquet', hive_partitioning = false)").fetchone()[0]
    groups, views = c.execute(f"SELECT count(*), sum(views)::BIGINT FROM read_parquet('{out}/counts/*/*/*.parquet', hive_partitioning = false)").fetchone()
    return rows, groups, views


def main():
    args = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    args.add_argument("--rows", type=int, default=20_000_000)
    args.add_argument("--late", type=int, default=20_000)
    args.add_argument("--days", type=int, default=10)
    args.add_argument("--runs", type=int, default=3)
    args.add_argument("--out", type=Path, default=REPO / "out" / "bench-backfill")
    args.add_argument("--alone", action="store_true", help="without DuckDB and Polars")
    args = args.parse_args()
    if not BINARY.exists():
        print("backfill.py: cargo build --release first", file=sys.stderr)
        sys.exit(2)
    base = args.out.resolve()
    source = base / f"source-{args.rows}-{args.days}"
    if not source.exists():
        subprocess.run([BINARY, "generate", "pageviews", "--rows", str(args.rows), "--files", "4",
                        "--span", f"{args.days}d", "--out", source], check=True, stdout=subprocess.DEVNULL)
    for file in source.iterdir():
        file.read_bytes()
    first = int(duckdb.connect().execute(f"SELECT min(timestamp) FROM read_csv('{source}/*.csv')").fetchone()[0]) // HOUR * HOUR
    inside = list(range(2, args.days * 24 - 2))
    draw = random.Random(7)
    cases = [("1 hour", [draw.choice(inside)])]
    cases += [(f"{n} hours", sorted(draw.sample(inside, n))) for n in [10, 100] if n < len(inside)]
    cases.append(("all hours", inside))
    programs = {"highwater": None} if args.alone else {"highwater": None, "duckdb": DUCKDB, "polars": POLARS}

    def command(engine, what, late, out, hours):
        if engine == "highwater":
            job = base / "job.toml"
            job.write_text(JOB.format(source=source, out=out))
            return [BINARY, "run", job, "--quiet"] if what == "again" and not late else [BINARY, "backfill", job, late, "--quiet", "--show", "0"]
        return [sys.executable, "-c", programs[engine], what, str(source), str(late or ""), str(out), json.dumps(hours)]

    print(f"{args.rows:,} page views over {args.days} days, {args.late:,} late; seconds, best of {args.runs}\n")
    full = {}
    for engine in programs:
        best = []
        for _ in range(args.runs):
            out = base / engine
            shutil.rmtree(out, ignore_errors=True)
            out.mkdir(parents=True)
            best.append(clock(command(engine, "again", None, out, [])))
        full[engine] = min(best)
        shutil.rmtree(base / f"{engine}-kept", ignore_errors=True)
        os.rename(base / engine, base / f"{engine}-kept")
    print("full run: " + ", ".join(f"{engine} {took:.2f}" for engine, took in full.items()))
    out = base / "highwater"
    put_back(base / "highwater-kept", out)
    late = base / "late-plan.csv"
    late_file(late, args.late, cases[0][1], first, 1)
    plan = [clock(command("highwater", "late", late, out, []) + ["--plan"]) for _ in range(args.runs)]
    print(f"backfill --plan of one hour: {min(plan):.3f}\n")
    others = [engine for engine in programs if engine != "highwater"]
    print("| late events in | partitions | highwater | of its full run |" + "".join(f" {e} by hand |" for e in others))
    print("| --- | ---: | ---: | ---: |" + " ---: |" * len(others))
    wrong = False
    for name, hours in cases:
        late = base / f"late-{len(hours)}.csv"
        touched = late_file(late, args.late, hours, first, len(hours))
        took = {}
        found = {}
        for turn in range(args.runs):
            for engine in programs:
                # The full job over all files takes as long wherever the late events lie.
                once = turn == 0 and name == cases[-1][0]
                ways = ["late"] if engine == "highwater" else ["by hand"] + ["again"] * once
                for way in ways:
                    out = base / engine
                    put_back(base / f"{engine}-kept", out)
                    took.setdefault((engine, way), []).append(clock(command(engine, way, late, out, touched)))
                    found[(engine, way)] = totals(out)
        if len(set(found.values())) != 1:
            wrong = True
            print(f"results differ: {found}", file=sys.stderr)
        own = min(took[("highwater", "late")])
        cells = [name, str(len(touched)), f"{own:.2f}", f"{100 * own / full['highwater']:.1f} %"]
        cells += [f"{min(took[(engine, 'by hand')]):.2f}" for engine in others]
        print("| " + " | ".join(cells) + " |", flush=True)
        if name == cases[-1][0] and others:
            again = ", ".join(f"{engine} {took[(engine, 'again')][0]:.2f}" for engine in others)
            print(f"\nthe full job with the late file: {again}")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
