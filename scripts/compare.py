#!/usr/bin/env python3
"""Two Parquet results compared: `highwater verify` beside DuckDB's full outer join, whole processes, interleaved.

    cargo build --release
    pip install duckdb
    python3 scripts/compare.py                       # 10 M rows a side, about 0.3 GB in --folder
    python3 scripts/compare.py --rows 50000000       # DuckDB then needs about 6 GB, or spills
    python3 scripts/compare.py --rows 100000 --runs 1

A result has window_start, window_end, seller_id (text), total (decimal) and n (integer), written by DuckDB. It is compared with
itself in another order, with a copy of which one row is not the same, and with one of which 1 % are not. Both count the rows that are the
same, that differ, and that only one side has; the counts must be equal, and those that are known by construction.
Exit code 1: a count is wrong, highwater is slower than DuckDB, or needs more than --most-memory; 2: no binary, or a package is missing.
"""
import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

try:
    import duckdb
except ImportError as missing:
    print(f"compare.py: {missing}; pip install duckdb", file=sys.stderr)
    sys.exit(2)

REPO = Path(__file__).resolve().parent.parent
KEYS = ["window_start", "seller_id"]
VALUES = ["window_end", "total", "n"]
ROWS = """
SELECT epoch_ms(1704067200000 + (i // 2000) * 60000)::TIMESTAMPTZ AS window_start,
       epoch_ms(1704067260000 + (i // 2000) * 60000)::TIMESTAMPTZ AS window_end,
       'seller-' || lpad((i % 2000)::VARCHAR, 6, '0') AS seller_id,
       ((hash(i) % 10000000)::BIGINT::DECIMAL(18, 0) * 0.01 + CASE WHEN {changed} THEN 0.01 ELSE 0 END)::DECIMAL(18, 2) AS total,
       (hash(i + 7) % 1000)::BIGINT AS n
FROM range({rows}) t(i)
"""


def make(folder, rows):
    """The files: name → (path, how many rows of it are not those of `a`)."""
    db = duckdb.connect()
    db.execute("SET threads = 2; SET TimeZone = 'UTC'; SET memory_limit = '4GB'")
    changed = {"a": "false", "one": f"i = {rows // 3}", "percent": "i % 100 = 17"}
    files = {}
    for name, which in changed.items():
        path = folder / f"{name}.parquet"
        query = ROWS.format(changed=which, rows=rows)
        if not path.exists():
            db.execute(f"COPY ({query}) TO '{path}' (FORMAT parquet, COMPRESSION zstd)")
        differing = db.execute(f"SELECT count(*) FILTER ({which}) FROM range({rows}) t(i)").fetchone()[0]
        files[name] = (path, differing)
    path = folder / "mixed.parquet"
    if not path.exists():
        db.execute(f"COPY (SELECT * FROM '{files['a'][0]}' ORDER BY hash(n, total), seller_id) TO '{path}' (FORMAT parquet, COMPRESSION zstd)")
    files["mixed"] = (path, 0)
    return files


def duck(here, there):
    """Counts by a full outer join; printed by the child process of `measured`."""
    db = duckdb.connect()
    db.execute("SET threads = 2")
    same = " AND ".join(f"a.{c} IS NOT DISTINCT FROM b.{c}" for c in VALUES)
    counts = db.execute(f"""
        SELECT count(*) FILTER (a.side AND b.side AND {same}), count(*) FILTER (a.side AND b.side AND NOT ({same})),
               count(*) FILTER (b.side IS NULL), count(*) FILTER (a.side IS NULL)
        FROM (SELECT *, true AS side FROM '{here}') a FULL OUTER JOIN (SELECT *, true AS side FROM '{there}') b
        USING ({", ".join(KEYS)})""").fetchone()
    print(json.dumps(counts))


def measured(command):
    """Runs a process; gives what it prints, its seconds, and its peak memory in bytes."""
    begin = time.monotonic()
    child = subprocess.Popen(command, stdout=subprocess.PIPE)
    out = child.stdout.read()
    _, status, usage = os.wait4(child.pid, 0)
    seconds = time.monotonic() - begin
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode not in (0, 1):
        sys.exit(f"compare.py: {' '.join(map(str, command))} failed")
    return out, seconds, usage.ru_maxrss * 1024


def ours(binary, here, there, memory):
    command = [binary, "verify", here, "--against", there, "--key", ",".join(KEYS), "--json", "--threads", "2", "--memory", memory]
    out, seconds, peak = measured(command)
    rows = json.loads(out)["outputs"][0]["rows"]
    return [rows["matched"], rows["differing"], rows["only_here"], rows["only_there"]], seconds, peak


def theirs(here, there):
    out, seconds, peak = measured([sys.executable, __file__, "--duck", here, there])
    return json.loads(out), seconds, peak


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--runs", type=int, default=3, help="of each; the median counts")
    parser.add_argument("--folder", type=Path, help="where the files are made, and kept [default: a temporary one]")
    parser.add_argument("--binary", default=str(REPO / "target/release/highwater"))
    parser.add_argument("--memory", default="1GB", help="that highwater is given")
    parser.add_argument("--most-memory", type=float, default=1.5, help="that it may need, in GB")
    parser.add_argument("--duck", nargs=2, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.duck:
        return duck(*args.duck)
    if not Path(args.binary).exists():
        print(f"compare.py: {args.binary} is missing; cargo build --release", file=sys.stderr)
        sys.exit(2)
    with tempfile.TemporaryDirectory() as temporary:
        folder = args.folder or Path(temporary)
        folder = folder / str(args.rows)
        folder.mkdir(parents=True, exist_ok=True)
        files = make(folder, args.rows)
        here = str(files["a"][0])
        wrong = False
        print(f"{args.rows:,} rows a side, median of {args.runs}\n")
        print("there     highwater      peak   DuckDB       peak   ratio")
        for name in ["mixed", "one", "percent"]:
            path, differing = files[name]
            times = {"ours": [], "theirs": []}
            peaks = {"ours": 0, "theirs": 0}
            for _ in range(args.runs):
                for who, run in [("ours", lambda: ours(args.binary, here, str(path), args.memory)), ("theirs", lambda: theirs(here, str(path)))]:
                    counts, seconds, peak = run()
                    times[who].append(seconds)
                    peaks[who] = max(peaks[who], peak)
                    if counts != [args.rows - differing, differing, 0, 0]:
                        print(f"{name}: {who} counts {counts}, and {differing} rows are changed")
                        wrong = True
            own, other = (statistics.median(times[who]) for who in ("ours", "theirs"))
            print(f"{name:<8} {own:8.2f} s  {peaks['ours'] / 1e9:5.2f} GB {other:7.2f} s  {peaks['theirs'] / 1e9:5.2f} GB  {own / other:6.2f}")
            wrong |= own > other or peaks["ours"] > args.most_memory * 1e9
        sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
