#!/usr/bin/env python3
"""`dedup` and `first` over ten million keys: counts and sums against what they are by construction, time, and peak memory.

    cargo build --release
    pip install polars
    python3 scripts/many_keys.py                                # 10 M keys, 13.75 M events, about 0.5 GB of CSV in --folder
    python3 scripts/many_keys.py --memory 300MB,1GB,4GB         # the same bytes under each
    python3 scripts/many_keys.py --keys 200000                  # a smoke test

Every key has an event; of eight keys one has another 30 s after it, one exactly a minute after it, and one a second more than
that. They arrive in a mixed order over a week of event time. `dedup` drops what comes within a minute; then `first` flags the
first event of each key. The output counts and adds by flag.
Exit code 1: a number is wrong, or the bytes differ between runs; 2: no binary, or a package is missing.
"""
import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

try:
    import polars as pl
except ImportError as missing:
    print(f"many_keys.py: {missing}; pip install polars", file=sys.stderr)
    sys.exit(2)

REPO = Path(__file__).resolve().parent.parent
START, WEEK = 1_700_000_000, 7 * 86_400
AGAIN = {1: 30, 2: 60, 3: 61}          # by key modulo eight, seconds after the first event
MIX = 7_368_787                        # a prime: no number of keys that is asked for is a multiple of it
JOB = """
[source]
path = "events.csv"
time = "at"
time_unit = "s"
types = {{ id = "string", n = "int64" }}

[[step]]
dedup = ["id"]
{within}
[[step]]
first = ["id"]
as = "fresh"

[[output]]
path = "{out}"
by = ["fresh"]
select = {{ events = "count(*)", n = "sum(n)", first = "min(at)", last = "max(at)" }}
"""


def make(keys, path):
    """Writes the log, a million events at a time; gives what each job must count: by flag, events and the sum of `n`."""
    number = pl.col("row") * MIX % keys
    with open(path, "wb") as file:
        for begin in range(0, keys, 1 << 20):
            part = pl.LazyFrame({"row": pl.int_range(begin, min(keys, begin + (1 << 20)), eager=True)}).with_columns(key=number)
            first = part.with_columns(at=START + pl.col("key") * 7_919 % WEEK, n=pl.lit(1))
            again = [first.filter(pl.col("key") % 8 == rest)
                     .with_columns(pl.col("at") + after, n=pl.lit(10 ** rest)) for rest, after in AGAIN.items()]
            # A second event before its first.
            rows = pl.concat([*again, first]).select("at", pl.format("key-{}", pl.col("key")).alias("id"), "n").collect()
            rows.write_csv(file, include_header=begin == 0)
    of = {rest: len(range(rest, keys, 8)) for rest in AGAIN}
    events = keys + sum(of.values())
    return {
        'within = "1m"': (events, {"true": (keys, keys), "false": (of[3], of[3] * 1000)}),
        "": (events, {"true": (keys, keys)}),
    }


def run(binary, folder, job, memory):
    """Runs the job; gives seconds, peak in MB, and the account."""
    (folder / "job.toml").write_text(job)
    began = time.monotonic()
    with open(folder / "account.json", "wb") as out:
        child = subprocess.Popen([str(binary), "run", "job.toml", "--json", "--memory", memory], cwd=folder, stdout=out)
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        sys.exit(f"highwater failed with {child.returncode}")
    account = json.loads((folder / "account.json").read_text())["account"]
    return time.monotonic() - began, usage.ru_maxrss / 1024, account


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", type=Path, default=REPO / "target/release/highwater")
    parser.add_argument("--keys", type=int, default=10_000_000)
    parser.add_argument("--memory", default="300MB,2GB", help="budgets, one run each")
    parser.add_argument("--folder", type=Path, help="where the log is made; a temporary one, if not said")
    args = parser.parse_args()
    if not os.access(args.binary, os.X_OK):
        print(f"many_keys.py: no {args.binary}; cargo build --release", file=sys.stderr)
        sys.exit(2)
    wrong = 0
    with tempfile.TemporaryDirectory(dir=args.folder) as folder:
        folder = Path(folder)
        wanted = make(args.keys, folder / "events.csv")
        print(f"{args.keys:,} keys, {(folder / 'events.csv').stat().st_size / 1e6:,.0f} MB")
        for number, (within, (events, counts)) in enumerate(wanted.items()):
            texts = set()
            for memory in args.memory.split(","):
                job = JOB.format(within=within, out=f"{number}.csv")
                seconds, peak, account = run(args.binary.resolve(), folder, job, memory)
                text = (folder / f"{number}.csv").read_text()
                texts.add(text)
                rows = [line.split(",") for line in text.splitlines()]
                found = {row[0]: (int(row[1]), int(row[2])) for row in rows[1:]}
                counted = sum(n for n, _ in counts.values())
                good = found == counts and account["read"] == events and account["duplicate"] == events - counted \
                    and account["counted"] == counted
                wrong += not good
                print(f"{within or 'no within':<15} --memory {memory:<6} {seconds:6.1f} s {peak:7,.0f} MB  "
                      f"{account['duplicate']:,} duplicates  {'ok' if good else f'WRONG: {found}, not {counts}; {account}'}")
            if len(texts) > 1:
                wrong += 1
                print("  the results differ by memory")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
