#!/usr/bin/env python3
"""How every command scales: seconds, CPU seconds and peak memory over 1, 4 and 16 times the input, as one Markdown table.

    cargo build --release
    python3 scripts/scale.py                                    # 125,000 to 2 M page views, some minutes, 0.6 GB in --folder
    python3 scripts/scale.py --rows 1250000 --memory 1GB        # up to 20 M
    python3 scripts/scale.py --only "verify W1,audit"           # some of them
    python3 scripts/scale.py --binary target/debug/highwater --rows 2000 --rounds 1     # a smoke test

The logs are those of `highwater generate`, over the same span of time at each size. `rows` is how many rows the result has: groups,
or events where the job groups nothing. Each figure is that of the fastest of `--rounds` runs, each a process of its own.
A line is marked
  time     where CPU seconds grow by more than a quarter over what the input grows by, from 4 to 16 times
  memory   where the peak grows by more than a quarter over what the rows of the result grow by, and is past 512 MB, which the parts
           of a large input may take at any size
  FAILED   where the command ends with another code than 0
Exit code 1: a command failed, or one is marked that is not in KNOWN, which says why; 2: no binary.
"""
import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

REPO = Path(__file__).resolve().parent.parent
FACTORS = [1, 4, 16]
# What is marked and known: the command, and why it is so.
KNOWN = {
    "run W6": "memory: rows wait for their partition until --memory is reached",
    "run W5": "memory: rows and tables are kept until --memory is reached",
    "verify W5": "memory: `dedup` and `first` by other columns keep the statement whole",
}
VIEWS = '[source]\npath = "views/*.csv"\ntime = "timestamp"\ntime_unit = "s"\nout_of_orderness = "20s"\n'
PER_POSTCODE = 'window = { tumbling = "1m" }\nby = ["postcode"]\nselect = { n = "count(*)" }\n'
JOBS = {
    "w1": VIEWS + '[[output]]\npath = "out/w1.parquet"\n' + PER_POSTCODE,
    "few": VIEWS + '[[output]]\npath = "out/few.csv"\nwindow = { tumbling = "1h" }\nby = ["webpage"]\nselect = { n = "count(*)", users = "count(distinct user_id)" }\n',
    "w4": '[source]\npath = "transactions/*.csv"\ntime = "date"\ntypes = { account_no = "string", amount = "decimal(18,2)" }\n'
          '[[output]]\npath = "out/w4.parquet"\nwindow = { tumbling = "1 month" }\nby = ["account_no"]\nselect = { total = "sum(amount)" }\n',
    "w5": '[source]\npath = "money/wallet-events/*.jsonl"\ntime = "processedAt"\ntypes = { amount = "decimal(18,2)" }\n'
          '[table.sessions]\npath = "money/user-session-events/*.jsonl"\ntime = "processedAt"\n'
          '[table.users]\npath = "money/user-events/*.jsonl"\ntime = "processedAt"\n[[step]]\ndedup = ["id"]\n'
          '[[step]]\nenrich = "sessions"\non = { userSessionId = "id" }\nwithin = "1d"\ntake = { country = "clientCountryCode" }\n'
          '[[step]]\nenrich = "users"\non = { userId = "userId" }\ntake = { home = "residentCountryCode" }\n'
          '[[step]]\nfirst = ["userId", "moneyType"]\nas = "is_first"\n[[output]]\npath = "out/w5"\npartition_by = ["date", "hour"]\n',
    "w6": VIEWS + '[[output]]\npath = "out/w6"\npartition_by = ["date", "hour"]\n',
    "hours": VIEWS + '[[output]]\npath = "out/archive"\narchive = true\npartition_by = ["date", "hour"]\n[[output]]\npath = "out/hours"\n'
             'partition_by = ["date", "hour"]\n' + PER_POSTCODE,
    "live": 'mode = "streamed"\n' + VIEWS + '[[output]]\npath = "out/live.parquet"\n' + PER_POSTCODE,
}
DELAYS = ",".join(f"{i}m" for i in range(20))
# Name: the job that is run before, or none; what runs.
COMMANDS = {
    "check": (None, ["check", "w1.toml"]),
    "check --data": (None, ["check", "w1.toml", "--data"]),
    "explain": (None, ["explain", "w1.toml"]),
    "run few groups": (None, ["run", "few.toml", "-q"]),
    "run W1": (None, ["run", "w1.toml", "-q"]),
    "run W4": (None, ["run", "w4.toml", "-q"]),
    "run W5": (None, ["run", "w5.toml", "-q"]),
    "run W6": (None, ["run", "w6.toml", "-q"]),
    "run streamed": (None, ["run", "live.toml", "-q"]),
    "backfill 1 hour": ("hours", ["backfill", "hours.toml", "late.csv"]),
    "report": (None, ["report", "few.toml", "-o", "out/few.html"]),
    "explain --at": (None, ["explain", "few.toml", "--at", "window_start=2024-06-01T12:00:00Z,webpage=http://example.com/search/archive.html"]),
    "audit 20 delays": (None, ["audit", "live.toml", "--delays", DELAYS]),
    "inspect --at": (None, ["inspect", "live.toml", "--at", "2024-06-02T12:00"]),
    "verify few groups": (None, ["verify", "few.toml"]),
    "verify W1": (None, ["verify", "w1.toml"]),
    "verify W4": (None, ["verify", "w4.toml"]),
    "verify W5": (None, ["verify", "w5.toml"]),
    "verify W6": (None, ["verify", "w6.toml"]),
    "verify streamed": (None, ["verify", "live.toml"]),
    "verify --against FILE": ("w1", ["verify", "w1.toml", "--against", "out/w1.parquet"]),
    "verify FILE FILE": ("w1", ["verify", "out/w1.parquet", "--against", "out/w1.parquet", "--key", "window_start,postcode"]),
}


def make(binary, folder, rows):
    """Writes the logs and jobs of one size."""
    for name, job in JOBS.items():
        (folder / f"{name}.toml").write_text(job)
    if (folder / "made").exists():
        return
    for kind, count, out in (("pageviews", rows, "views"), ("transactions", rows, "transactions"), ("money", rows // 4, "money")):
        files = [] if kind == "money" else ["--files", "4"]
        subprocess.run([binary, "generate", kind, "--rows", str(count), "--out", folder / out, *files], check=True, capture_output=True)
    late = "".join(f"{i},AB7,http://example.com/late.html,{1717200000 + 3600 + i}\n" for i in range(100))
    (folder / "late.csv").write_text("user_id,postcode,webpage,timestamp\n" + late)
    (folder / "made").touch()


def measured(binary, folder, args):
    """Runs a command: seconds, CPU seconds, peak bytes, exit code, and the end of what it wrote on stderr."""
    with tempfile.TemporaryFile() as words:
        started = time.monotonic()
        child = subprocess.Popen([binary, *args], cwd=folder, stdout=subprocess.DEVNULL, stderr=words)
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        words.seek(0)
        said = words.read().decode(errors="replace").strip()
    return time.monotonic() - started, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024, child.returncode, said


def result_rows(binary, folder, job):
    """How many rows the outputs of a job have."""
    subprocess.run(["rm", "-rf", folder / "out"], check=True)
    done = subprocess.run([binary, "run", f"{job}.toml", "--json"], cwd=folder, capture_output=True, check=True)
    return sum(output["rows"] for output in json.loads(done.stdout)["outputs"])


def line(name, factor, rows, figures):
    seconds, cpu, peak, *_ = figures
    return f"| {name} | {factor} | {rows:,} | {seconds:.2f} | {cpu:.2f} | {peak / 1e6:.0f} |"


def marks(figures, rows):
    """What of the last step, by 4, is not linear in the input or not bounded by the rows of the result."""
    (_, cpu4, peak4, *_), (_, cpu16, peak16, *_) = figures[-2:]
    grown = FACTORS[-1] / FACTORS[-2]
    more_rows = max(1, rows[-1] / max(1, rows[-2]))
    found = []
    if cpu16 > 1.25 * grown * cpu4 + 0.1:
        found.append("time")
    if peak16 > 1.25 * more_rows * peak4 and peak16 > 512e6:
        found.append("memory")
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--binary", type=Path, default=REPO / "target/release/highwater")
    parser.add_argument("--folder", type=Path, help="where logs are made and kept")
    parser.add_argument("--rows", type=int, default=125_000, help="page views of the smallest log")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--memory", help="the budget of each command that has one")
    parser.add_argument("--only", help="some of the commands: " + ", ".join(COMMANDS))
    args = parser.parse_args()
    if not args.binary.exists():
        print(f"scale.py: {args.binary} is not there; cargo build --release", file=sys.stderr)
        return 2
    chosen = args.only.split(",") if args.only else list(COMMANDS)
    if unknown := [name for name in chosen if name not in COMMANDS]:
        parser.error(f"there is no command {unknown[0]!r}")
    binary = args.binary.resolve()
    root = (args.folder or Path(tempfile.mkdtemp(prefix="highwater-scale-"))).resolve()
    folders = [root / f"{args.rows * factor}" for factor in FACTORS]
    for folder, factor in zip(folders, FACTORS):
        folder.mkdir(parents=True, exist_ok=True)
        make(binary, folder, args.rows * factor)
    counted, wrong = {}, 0
    print("| command | input | rows | seconds | CPU s | peak MB |\n| --- | --- | --- | --- | --- | --- |", flush=True)
    for name in chosen:
        before, command = COMMANDS[name]
        job = before or next(word for word in command if word.endswith(".toml")).removesuffix(".toml")
        if args.memory and command[0] in ("run", "verify", "audit", "backfill"):
            command = [*command, "--memory", args.memory]
        all_figures, all_rows, failed = [], [], None
        for folder, factor in zip(folders, FACTORS):
            if (job, factor) not in counted:
                counted[job, factor] = result_rows(binary, folder, job)
            best = None
            for _ in range(args.rounds):
                subprocess.run(["rm", "-rf", folder / "out"], check=True)
                (folder / "out").mkdir()
                if before:
                    subprocess.run([binary, "run", f"{before}.toml", "-q"], cwd=folder, check=True)
                figures = measured(binary, folder, command)
                if figures[3] != 0:
                    failed = f"exit code {figures[3]}: {figures[4][-300:]}"
                best = figures if best is None or figures[1] < best[1] else best
            all_figures.append(best)
            all_rows.append(counted[job, factor])
            print(line(name, factor, all_rows[-1], best), flush=True)
        found = marks(all_figures, all_rows)
        if failed:
            print(f"  {name}: FAILED, {failed}", flush=True)
        elif found:
            known = KNOWN.get(name)
            why = f", known: {known}" if known else ""
            print(f"  {name}: not linear or not bounded in {' and '.join(found)}{why}", flush=True)
        wrong += bool(failed) or bool(found and name not in KNOWN)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
