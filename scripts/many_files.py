#!/usr/bin/env python3
"""Jobs over many small files: user and system CPU of the first run, the second run, `backfill --plan` and `explain`.

    cargo build --release
    python3 scripts/many_files.py                               # 1,000, 10,000 and 50,000 files, with an archive and without
    python3 scripts/many_files.py --files 1000,2000 --rounds 1  # a smoke test

Each file is a CSV of ten records, in folders of a thousand files; the values are drawn from `--seed`. The counts and sums of
each run are compared with what was written. `backfill --plan` is asked for one file more. Each figure is the least of
`--rounds` rounds, so that what else the machine does shows less; and files that were made less than two seconds before the first
run, as many are in the first round, are read by the second run too.
Exit code 1: a number is wrong, a second run of a job with an archive costs more than its first, or a file costs more than
twice as much among many as among few; 2: no binary.
"""
import argparse
import json
import os
import random
import resource
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

REPO = Path(__file__).resolve().parent.parent
RECORDS, PER_FOLDER = 10, 1000
JOB = """
[source]
path = "log"
time = "at"
time_unit = "s"
types = {{ n = "int64" }}
[[output]]
path = "out/sums.csv"
window = {{ tumbling = "1 day" }}
select = {{ c = "count(*)", s = "sum(n)" }}
{archive}
"""
ARCHIVE = '[[output]]\npath = "out/archive"\narchive = true\npartition_by = ["date"]\n'


def make(folder, files, seed):
    """Writes the log; gives the number of its records and the sum of `n`."""
    drawn, total = random.Random(seed), 0
    for number in range(files):
        if number % PER_FOLDER == 0:
            inner = folder / "log" / f"{number // PER_FOLDER:04}"
            inner.mkdir(parents=True)
        values = [drawn.randrange(1000) for _ in range(RECORDS)]
        total += sum(values)
        lines = [f"{1_700_000_000 + number * 60 % 864_000 + i},{n}\n" for i, n in enumerate(values)]
        (inner / f"{number:06}.csv").write_text("at,n\n" + "".join(lines))
    return files * RECORDS, total


def cpu(binary, folder, args):
    """Runs the command; gives user and system seconds together, and what it printed."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run([str(binary), *args], cwd=folder, capture_output=True, text=True, check=False)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        sys.exit(f"highwater {' '.join(args)} failed with {done.returncode}: {done.stderr}")
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, done.stdout


def is_right(folder, wanted):
    rows = [line.split(",") for line in (folder / "out/sums.csv").read_text().splitlines()[1:]]
    return (sum(int(row[2]) for row in rows), sum(int(row[3]) for row in rows)) == wanted


def measure(binary, folder, rounds, wanted):
    """The least CPU of each command, in the order of a day; whether all numbers were right."""
    least, good = {}, True
    for _ in range(rounds):
        shutil.rmtree(folder / "out", ignore_errors=True)
        for name, args in [("first run", ["run", "job.toml", "-q"]), ("second run", ["run", "job.toml", "-q"]),
                           ("backfill --plan", ["backfill", "job.toml", "late.csv", "--plan", "--json"]),
                           ("explain", ["explain", "job.toml"])]:
            seconds, out = cpu(binary, folder, args)
            least[name] = min(seconds, least.get(name, seconds))
            good &= is_right(folder, wanted)
            if name.startswith("backfill"):
                good &= json.loads(out)["files"][0]["kind"] == "new"
    return least, good


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", type=Path, default=REPO / "target/release/highwater")
    parser.add_argument("--files", default="1000,10000,50000", help="how many files, in ascending order")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--folder", type=Path, help="where the logs are made; a temporary one, if not said")
    args = parser.parse_args()
    if not os.access(args.binary, os.X_OK):
        print(f"many_files.py: no {args.binary}; cargo build --release", file=sys.stderr)
        sys.exit(2)
    wrong, first_of = 0, {}
    print(f"{'files':>7} {'archive':<8}" + "".join(f"{name:>17}" for name in ("first run", "second run", "backfill --plan", "explain")))
    for files in map(int, args.files.split(",")):
        with tempfile.TemporaryDirectory(dir=args.folder) as folder:
            folder = Path(folder)
            wanted = make(folder, files, args.seed)
            (folder / "late.csv").write_text("at,n\n1700000000,1\n")
            for archive in (False, True):
                (folder / "job.toml").write_text(JOB.format(archive=ARCHIVE if archive else ""))
                least, good = measure(args.binary.resolve(), folder, args.rounds, wanted)
                print(f"{files:>7,} {'yes' if archive else 'no':<8}" + "".join(f"{s:>15.2f} s" for s in least.values()))
                faults = [] if good else ["a number is wrong"]
                if archive and files >= 10_000 and least["second run"] > least["first run"]:
                    faults.append("the second run costs more than the first")
                few = first_of.setdefault(archive, (files, least))
                for name, seconds in least.items():
                    # What a command costs without a file is in both; small figures are noise.
                    if seconds > 0.5 and seconds / files > 2 * max(few[1][name], 0.05) / few[0]:
                        faults.append(f"{name}: {seconds / files * 1e6:.0f} µs a file, and {few[1][name] / few[0] * 1e6:.0f} among {few[0]:,}")
                for fault in faults:
                    print(f"  WRONG: {fault}")
                wrong += len(faults)
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
