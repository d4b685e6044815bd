#!/usr/bin/env python3
"""The most memory that runs take, beside their budget: `--memory` is to be kept within a third, plus what the program takes itself.

    cargo build --release
    python3 scripts/memory.py                                   # every job with 100MB and 300MB, 3 M events, about 300 MB in --folder
    python3 scripts/memory.py --memory 100MB,1GB --rows 20000000
    python3 scripts/memory.py --only groups,bad-records         # some of them
    python3 scripts/memory.py --binary target/debug/highwater --rows 200000     # a smoke test

Inputs are made by `highwater generate` and by seeded draws. A line has the job, the budget, the peak resident memory, and what is left of it
as a part of the budget when what the program takes itself (BASE, and for each thread a row group that it encodes, and where records are as long as they may
be two of them) is taken off.
Exit code 1: a run took more than 4/3 of its budget on top of those, or ended as it should not; 2: no binary.
"""
import argparse
import gzip
import os
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

REPO = Path(__file__).resolve().parent.parent
BASE = 64 << 20          # the program (45 MiB of it are pages of the binary), chunks, and rejects before they are spilled
PIECE = 24 << 20         # a row group of 262,144 rows that a thread encodes
LONGEST = 64 << 20       # the longest record, or page of a column
UNITS = {"KB": 10**3, "MB": 10**6, "GB": 10**9}

VIEWS = 'path = "views"\ntime = "timestamp"\ntime_unit = "s"\ntypes = { user_id = "string", webpage = "string", timestamp = "int64" }\n'


def views(rest, more=""):
    return f"[source]\n{VIEWS}{more}\n{rest}"


def texts(path, more=""):
    return f'[source]\npath = "{path}"\ntime = "at"\ntime_unit = "s"\ntypes = {{ n = "string" }}\n{more}\n[[output]]\npath = "OUT.jsonl"\nselect = ["at"]\n'


# Name: the job, the exit code, and whether it has records as long as they may be.
JOBS = {
    "count": (views('[[output]]\npath = "OUT.csv"\nselect = { n = "count(*)" }\n'), 0, False),
    "groups": (views('[[output]]\npath = "OUT.parquet"\nwindow = { tumbling = "1m" }\nby = ["user_id", "webpage"]\n'
                     'select = { n = "count(*)", first = "min(postcode)" }\n'), 0, False),
    "values": (views('[[output]]\npath = "OUT.csv"\nby = ["webpage"]\nselect = { users = "count(distinct user_id)", '
                     'median = "median(timestamp)" }\n'), 0, False),
    "sessions": (views('[[output]]\npath = "OUT.parquet"\nwindow = { session = "10m" }\nby = ["user_id"]\nselect = { n = "count(*)" }\n'), 0, False),
    "streamed-sessions": (views('[[output]]\npath = "OUT.parquet"\nwindow = { session = "10m" }\nby = ["user_id"]\nmode = "streamed"\n'
                                'select = { n = "count(*)" }\n', 'out_of_orderness = "1m"'), 0, False),
    "dedup": (views('[[step]]\ndedup = ["user_id", "webpage"]\nwithin = "1h"\n[[step]]\nfirst = ["user_id"]\nas = "fresh"\n'
                    '[[output]]\npath = "OUT.csv"\nby = ["fresh"]\nselect = { n = "count(*)" }\n'), 0, False),
    "as-of": (views('[table.seen]\n' + VIEWS + '[[step]]\nenrich = "seen"\non = { user_id = "user_id" }\n'
                    'take = { page = "webpage", code = "postcode" }\n'
                    '[[output]]\npath = "OUT.csv"\nby = ["page"]\nselect = { n = "count(code)" }\n'), 0, False),
    "events": (views('[[output]]\npath = "OUT.parquet"\n'), 0, False),
    "archive": (views('[[output]]\npath = "OUT"\narchive = true\npartition_by = ["date", "hour"]\n'), 0, False),
    "unclosed-quote": (texts("quote.csv", 'on_bad_record = "reject"'), 0, True),
    "bad-records": (texts("quote.csv.gz", 'on_bad_record = "reject"'), 0, True),
    "first-bad-record": (texts("quote.csv.gz"), 3, True),
    "wide-values": (texts("wide.parquet"), 0, False),
    "long-value": (texts("long.parquet"), 0, True),
}


def size(text):
    return int(float(text[:-2]) * UNITS[text[-2:].upper()])


def make(binary, folder, rows):
    """Writes the inputs that are not there."""
    made = folder / f"made-{rows}"
    if made.exists():
        return
    generate = [binary, "generate", "pageviews", "--rows", str(rows), "--files", "4", "--out", folder / "views"]
    subprocess.run(generate, check=True, capture_output=True)
    lines = b'at,n\n1,1\n2,"' + b"a\n" * (1 << 19)
    (folder / "quote.csv").write_bytes(lines + b"3,45678\n" * (5 << 19))
    with gzip.open(folder / "quote.csv.gz", "wb", 1) as file:
        file.write(lines * 2)
    draw = random.Random(1)
    parquet(binary, folder, "wide", (draw.choice("abc") * 1_000_000 for _ in range(600)))
    parquet(binary, folder, "long", ("b" * length for length in (1, 60 << 20)))
    made.touch()


def parquet(binary, folder, name, values):
    """A Parquet file of texts, made of a CSV file by the program itself."""
    with gzip.open(folder / f"{name}.csv.gz", "wt", 1) as file:
        file.write("at,n\n")
        file.writelines(f"{i},{i}{value}\n" for i, value in enumerate(values))
    job = folder / f"make-{name}.toml"
    job.write_text(f'[source]\npath = "{name}.csv.gz"\ntime = "at"\ntime_unit = "s"\ntypes = {{ n = "string" }}\n[[output]]\npath = "{name}.parquet"\n')
    subprocess.run([binary, "run", job, "-q"], check=True, cwd=folder)


def run(binary, folder, name, budget, threads):
    """Runs a job afresh; gives its exit code, its peak in bytes and its seconds."""
    out = folder / f"out-{name}"
    subprocess.run(["rm", "-rf", out])
    job = folder / f"{name}.toml"
    job.write_text(JOBS[name][0].replace("OUT", f"out-{name}/out"))
    started = time.monotonic()
    # Python itself has to be small here: until a child is the program it is a copy of it.
    child = subprocess.Popen([binary, "run", job, "-q", "--memory", budget, "--threads", str(threads)], stderr=subprocess.DEVNULL, cwd=folder)
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    subprocess.run(["rm", "-rf", out])
    return child.returncode, usage.ru_maxrss * 1024, time.monotonic() - started


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--binary", type=Path, default=REPO / "target/release/highwater")
    parser.add_argument("--folder", type=Path, help="where inputs are made and kept")
    parser.add_argument("--rows", type=int, default=3_000_000)
    parser.add_argument("--memory", default="100MB,300MB")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--only", default=",".join(JOBS))
    args = parser.parse_args()
    if not args.binary.exists():
        print(f"memory.py: {args.binary} is not there; cargo build --release", file=sys.stderr)
        return 2
    folder = (args.folder or Path(tempfile.mkdtemp(prefix="highwater-memory-"))).resolve()
    folder.mkdir(parents=True, exist_ok=True)
    binary = args.binary.resolve()
    make(binary, folder, args.rows)
    wrong = 0
    print(f"{'job':20}{'budget':>8}{'peak MB':>9}{'of budget':>11}{'seconds':>9}")
    for name in args.only.split(","):
        _, wanted, long = JOBS[name]
        for budget in args.memory.split(","):
            code, peak, seconds = run(binary, folder, name, budget, args.threads)
            room = BASE + args.threads * (PIECE + (2 * LONGEST if long else 0))
            part = max(0, peak - room) / size(budget)
            note = "" if code == wanted else f"  exit code {code}, not {wanted}"
            note += "  more than 4/3" if part > 4 / 3 else ""
            wrong += bool(note)
            print(f"{name:20}{budget:>8}{peak / 1e6:>9.0f}{part:>11.2f}{seconds:>9.1f}{note}", flush=True)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
