#!/usr/bin/env python3
"""Runs Highwater beside DuckDB, Polars, ClickHouse (chdb) and DataFusion on the same files, and prints a Markdown table.

    cargo build --release
    pip install duckdb polars chdb datafusion pyarrow numpy
    python3 scripts/bench.py                        # all works, 20 M rows: about 5 GB of data, made once
    python3 scripts/bench.py --works W1,W4 --runs 5
    python3 scripts/bench.py --works L --scaling    # 1, 4 and 16 times the input
    python3 scripts/bench.py --works Z,F,FJ,FP      # half of the rows of one key; 50,000 small files of three formats
    python3 scripts/bench.py --rows 200000          # a smoke test

The data is made by gen.py of the peers' folder where there is one, else by `highwater generate`, and that of Z and F by
bench_logs.py; the peers run by its peers.py, and in works L, W7, W8, Z and F by window_peers.py beside this file.
Every run is a fresh process and the whole of it is measured. Runs are interleaved (each engine once, then each again, the first
one changing), and the inputs are read through once before each run, outside the clock, so that all read from the page cache.
The peak is the larger of the kernel's ru_maxrss and the sampled sum over the process tree; input that an engine maps into
memory counts. Results are compared by rows, total and an order-free hash, which DuckDB computes from the files written.
Exit code 1: some results differ, or an engine failed.
"""
import argparse
import bench_logs
import importlib.util
import json
import os
import shutil
import statistics
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

REPO = Path(__file__).resolve().parent.parent
PEERS = ["duckdb", "polars", "chdb", "datafusion"]
PAGE = os.sysconf("SC_PAGE_SIZE")


# ------------------------------------------------------------------------------------------------ the works
@dataclass
class Work:
    """One piece of work: what is read, the job for Highwater, and what the results must agree on."""
    name: str
    text: str
    log: str                      # whose rows are read: pageviews, transactions, money, zipf or small
    files: list
    job: str = ""                 # TOML; {inputs} {out} {threshold}
    out: str = "result.parquet"
    peers: tuple = tuple(PEERS)
    facts: str = ""               # which question of FACTS
    copies: int = 1
    own_peers: bool = False       # the peers' side is in window_peers.py
    like: str = ""                # the work whose results these must be
    beside: str = ""              # the work whose time of ours is told beside
    times: float = 0              # asked: so many times faster than the best peer
    megabytes: int = 0            # asked: at most this peak
    gigabytes_a_second: float = 0  # asked: at least this rate


PAGEVIEWS = """
[source]
path = {inputs}
time = "timestamp"
time_unit = "s"
"""
PER_POSTCODE = PAGEVIEWS + """
[[output]]
path = "{out}"
window = {{ tumbling = "1m" }}
by = ["postcode"]
select = {{ n = "count(*)" }}
"""
SESSIONS = PAGEVIEWS + """
[[output]]
path = "{out}"
window = {{ session = "30m" }}
by = ["user_id"]
select = {{ n = "count(*)" }}
"""
HOPPING = PER_POSTCODE.replace('tumbling = "1m"', 'hopping = "10m", slide = "1m"')
STREAMED = 'mode = "streamed"\n' + PER_POSTCODE.replace('time_unit = "s"', 'time_unit = "s"\nout_of_orderness = "20s"').replace(
    'tumbling = "1m"', 'tumbling = "1m", allowed_lateness = "1 day"') + """
[late]
path = "{late}"
"""
PER_PAGE = PAGEVIEWS + """
[[output]]
path = "{out}"
window = {{ tumbling = "1h" }}
by = ["webpage"]
select = {{ n = "count(*)" }}
"""
ARCHIVE = PAGEVIEWS + """
[[output]]
path = "{out}"
partition_by = ["date", "hour"]
"""
MONEY = """
[source]
path = {inputs}
time = "processedAt"
types = {{ amount = "decimal(18,2)" }}

[table.sessions]
path = "{data}/sessions.jsonl"
time = "processedAt"

[table.users]
path = "{data}/users.jsonl"
time = "processedAt"

[[step]]
dedup = ["id"]

[[step]]
enrich = "sessions"
on = {{ userSessionId = "id" }}
within = "1d"
take = {{ clientCountryCode = "clientCountryCode" }}

[[step]]
enrich = "users"
on = {{ userId = "userId" }}
take = {{ residentCountryCode = "residentCountryCode" }}

[[step]]
first = ["userId", "moneyType"]
as = "is_first"

[[output]]
path = "{out}"
partition_by = ["date", "hour"]
"""
SPENDERS = """
[source]
path = {inputs}
time = "date"
types = {{ account_no = "string", amount = "decimal(18,2)" }}

[[output]]
path = "{out}"
window = {{ tumbling = "1 month" }}
by = ["account_no"]
select = {{ total = "sum(amount)" }}
having = "total > {threshold}"
"""


PER_KEY = """
[source]
path = {inputs}
time = "at"
time_unit = "s"
types = {{ amount = "decimal(18,2)" }}

[[output]]
path = "{out}"
window = {{ tumbling = "1h" }}
by = ["key"]
select = {{ total = "sum(amount)" }}
"""
SMALL_FILES = """
[source]
path = {inputs}
time = "at"
time_unit = "s"

[[output]]
path = "{out}"
window = {{ tumbling = "1 day" }}
by = ["postcode"]
select = {{ n = "count(*)", total = "sum(n)" }}
"""


def small(name, form):
    return Work(name, f"50,000 small files ({form}), count and sum per postcode and day", "small", [f"small_{form}"], SMALL_FILES,
                facts="F", peers=("duckdb", "polars"), own_peers=True, times=2)


def low(copies):
    name = "L" if copies == 1 else f"L{copies}"
    return Work(name, f"count per page and hour, {copies}x the CSV", "pageviews", ["pageviews.csv"], PER_PAGE, facts="L",
                peers=("duckdb",) if copies == 1 else (), copies=copies, own_peers=True,
                like="L" if copies > 1 else "", times=4 if copies == 1 else 0, gigabytes_a_second=3.0)


WORKS = {w.name: w for w in [
    Work("W1", "CSV, count per postcode and minute", "pageviews", ["pageviews.csv"], PER_POSTCODE, facts="W1",
         times=4, megabytes=300),
    Work("W2", "the same from JSON Lines", "pageviews", ["pageviews.jsonl"], PER_POSTCODE, facts="W1", times=4, megabytes=300),
    Work("W3", "the same from Parquet", "pageviews", ["pageviews.parquet"], PER_POSTCODE, facts="W1", times=4, megabytes=300),
    Work("W4", "CSV, decimal sum per account and month, having", "transactions", ["transactions.csv"], SPENDERS, facts="W4",
         times=4, megabytes=300),
    Work("W5", "payments: dedup, two as-of joins, first flags", "money", ["money.jsonl"], MONEY, out="result", facts="W5",
         times=3.5, megabytes=800, peers=("duckdb", "polars")),
    Work("W6", "CSV to Parquet by date and hour", "pageviews", ["pageviews.csv"], ARCHIVE, out="result", facts="W6",
         times=2.5, megabytes=500),
    Work("W7", "CSV, sessions per user, gap 30 min", "pageviews", ["pageviews.csv"], SESSIONS, facts="W7", times=2,
         peers=("duckdb", "polars"), own_peers=True),
    Work("W8", "CSV, count per postcode, windows of 10 min by 1 min", "pageviews", ["pageviews.csv"], HOPPING, facts="W1", times=3,
         peers=("duckdb", "polars"), own_peers=True),
    Work("W9", "W1 streamed, with a file of late events", "pageviews", ["pageviews.csv"], STREAMED, facts="W1", peers=(),
         beside="W1"),
    low(1), low(4), low(16),
    Work("Z", "CSV, decimal sum per key and hour, one key has half of the rows", "zipf", ["zipf.csv"], PER_KEY, facts="Z", times=3,
         peers=("duckdb", "polars"), own_peers=True),
    small("F", "csv"), small("FJ", "jsonl"), small("FP", "parquet"),
    Work("floor", "newline scan of the CSV (`wc -l`)", "pageviews", ["pageviews.csv"], peers=()),
]}

# Rows, total and order-free hash of a result, over {src}. {ws}, {we}: window_start and window_end in seconds, {ts}: timestamp
# in seconds.
FACTS = {
    "W1": "count(*) AS rows, sum(n)::BIGINT::VARCHAR AS total, "
          "bit_xor(hash({ws}, postcode::VARCHAR, n::BIGINT))::VARCHAR AS h FROM {src}",
    "W4": "count(*) AS rows, sum(total::DECIMAL(38,2))::VARCHAR AS total, "
          "bit_xor(hash(window_start::DATE, account_no::VARCHAR, total::DECIMAL(38,2)))::VARCHAR AS h FROM {src}",
    "W5": "count(*) AS rows, sum(amount::DECIMAL(18,2))::VARCHAR AS total, bit_xor(hash(id::VARCHAR, userId::VARCHAR, "
          "epoch_ms(processedAt), amount::DECIMAL(18,2), clientCountryCode::VARCHAR, residentCountryCode::VARCHAR, is_first))"
          "::VARCHAR AS h FROM {src}",
    "W6": "count(*) AS rows, sum(user_id)::BIGINT::VARCHAR AS total, "
          "bit_xor(hash(user_id::BIGINT, postcode::VARCHAR, webpage::VARCHAR, {ts}))::VARCHAR || ' ' || "
          "sum(hash(user_id::BIGINT, postcode::VARCHAR, webpage::VARCHAR, {ts}) % 1000003)::VARCHAR AS h FROM {src}",
    "W7": "count(*) AS rows, sum(n)::BIGINT::VARCHAR AS total, "
          "bit_xor(hash({ws}, {we}, user_id::BIGINT, n::BIGINT))::VARCHAR AS h FROM {src}",
    "Z": "count(*) AS rows, sum(total::DECIMAL(38,2))::VARCHAR AS total, "
         "bit_xor(hash({ws}, key::VARCHAR, total::DECIMAL(38,2)))::VARCHAR AS h FROM {src}",
    "F": "count(*) AS rows, sum(total)::BIGINT::VARCHAR AS total, "
         "bit_xor(hash({ws}, postcode::VARCHAR, n::BIGINT, total::BIGINT))::VARCHAR AS h FROM {src}",
    # Of k copies every count is k times that of one.
    "L": "count(*) AS rows, (sum(n) / {copies})::BIGINT::VARCHAR AS total, "
         "bit_xor(hash({ws}, webpage::VARCHAR, (n / {copies})::DOUBLE))::VARCHAR AS h FROM {src}",
}
# True where the rows lie in the order that is promised: (window_start, key), or event time within each file.
SORTED = {
    "W1": "SELECT count(*) = 0 FROM (SELECT {ws} AS w, postcode AS k, lag({ws}) OVER () AS lw, lag(postcode) OVER () AS lk "
          "FROM {src}) WHERE lw > w OR (lw = w AND lk >= k)",
    "W4": "SELECT count(*) = 0 FROM (SELECT window_start AS w, account_no AS k, lag(window_start) OVER () AS lw, "
          "lag(account_no) OVER () AS lk FROM {src}) WHERE lw > w OR (lw = w AND lk >= k)",
    "Z": "SELECT count(*) = 0 FROM (SELECT ({ws}, key) AS k, lag(({ws}, key)) OVER () AS lk FROM {src}) WHERE lk >= k",
    "F": "SELECT count(*) = 0 FROM (SELECT ({ws}, postcode) AS k, lag(({ws}, postcode)) OVER () AS lk FROM {src}) WHERE lk >= k",
    "W7": "SELECT count(*) = 0 FROM (SELECT ({ws}, {we}, user_id) AS k, lag(({ws}, {we}, user_id)) OVER () AS lk FROM {src}) "
          "WHERE lk >= k",
    "L": "SELECT count(*) = 0 FROM (SELECT {ws} AS w, webpage AS k, lag({ws}) OVER () AS lw, lag(webpage) OVER () AS lk "
         "FROM {src}) WHERE lw > w OR (lw = w AND lk >= k)",
}


# ------------------------------------------------------------------------------------------------ facts of a result
def parquet_files(path):
    path = Path(path)
    if not path.is_dir():
        return [str(path)]
    inside = (f for f in path.rglob("*.parquet") if not f.relative_to(path).parts[0].startswith(("_", ".")))
    return sorted(str(f) for f in inside)


def facts(question, path, copies):
    """What the result at `path` says. Runs in a process of its own: a child's ru_maxrss starts from its parent's."""
    import duckdb
    db = duckdb.connect()
    db.execute("SET TimeZone = 'UTC'; SET threads = 2")
    files = parquet_files(path)
    src = f"read_parquet({files!r}, hive_partitioning = false)"
    types = {name: kind for name, kind, *_ in db.execute(f"DESCRIBE SELECT * FROM {src}").fetchall()}

    def seconds(column):
        time_type = types.get(column, "").startswith("TIMESTAMP")
        return f'(epoch_us("{column}") // 1000000)' if time_type else f'"{column}"::BIGINT'
    fill = {"src": src, "copies": copies, "ws": seconds("window_start"), "we": seconds("window_end"), "ts": seconds("timestamp")}
    answer = db.execute("SELECT " + FACTS[question].format(**fill))
    found = dict(zip([column[0] for column in answer.description], answer.fetchone()))
    if question == "W6":
        found |= in_replay_order(db, files, seconds("timestamp"))
    elif len(files) == 1:
        found["sorted"] = db.execute(SORTED[question].format(**fill)).fetchone()[0]
    late = Path(path).with_name("late.parquet")
    if late.exists():
        found["late"] = db.execute(f"SELECT count(*) FROM read_parquet('{late}')").fetchone()[0]
    found["files"], found["bytes"] = len(files), sum(os.path.getsize(f) for f in files)
    return found


def in_replay_order(db, files, ts):
    """Of an archive by date and hour: every row lies in its folder, and every file is in the order of event time."""
    ordered = placed = True
    for f in files:
        parts = dict(p.split("=", 1) for p in Path(f).parts if "=" in p)
        src = f"read_parquet('{f}', hive_partitioning = false)"
        ordered = ordered and db.execute(
            f"SELECT count(*) = 0 FROM (SELECT {ts} AS t, lag({ts}) OVER () AS l FROM {src}) WHERE l > t").fetchone()[0]
        if "date" in parts and "hour" in parts:
            lo, hi = db.execute(f"SELECT min({ts}), max({ts}) FROM {src}").fetchone()
            hours = {time.strftime("%Y-%m-%d %H", time.gmtime(t)) for t in (lo, hi)}
            placed = placed and hours == {f"{parts['date']} {int(parts['hour']):02d}"}
    return {"sorted": ordered, "placed": placed}


# ------------------------------------------------------------------------------------------------ one run
@dataclass
class Run:
    code: int
    wall: float
    cpu: float
    peak: int
    text: str


def tree(root):
    """Resident bytes of a process and its descendants, now."""
    children, resident = {}, {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                stat = Path("/proc", entry, "stat").read_text().rsplit(")", 1)[1].split()
            except (OSError, IndexError):
                continue
            children.setdefault(int(stat[1]), []).append(int(entry))
            resident[int(entry)] = int(stat[21]) * PAGE
    todo, total = [root], 0
    while todo:
        pid = todo.pop()
        total += resident.get(pid, 0)
        todo += children.get(pid, [])
    return total


def measure(command, env, cwd, limit):
    os.sync()
    peak, over = [0], threading.Event()
    begin = time.perf_counter()
    process = subprocess.Popen(command, env=env, cwd=cwd, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                               stderr=subprocess.STDOUT)

    def watch():
        while not over.wait(0.25):
            if time.perf_counter() - begin > limit:
                process.kill()
            peak[0] = max(peak[0], tree(process.pid))
    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    text = process.stdout.read().decode(errors="replace")
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.perf_counter() - begin
    process.returncode = os.waitstatus_to_exitcode(status)
    over.set()
    watcher.join()
    return Run(process.returncode, wall, usage.ru_utime + usage.ru_stime, max(peak[0], usage.ru_maxrss * 1024), text)


# ------------------------------------------------------------------------------------------------ the bench
@dataclass
class Bench:
    data: Path
    out: Path
    binary: Path
    peers: Path | None
    engines: list
    runs: int
    threads: int
    limit: float
    meta: dict
    log: object
    results: dict = field(default_factory=dict)

    def inputs(self, work):
        """The input files; of more copies than one, hard links, which the page cache holds once."""
        files = [self.data / name for name in work.files]
        if work.copies == 1:
            return files
        folder = self.out / f"{work.name}_inputs"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        linked = []
        for copy in range(work.copies):
            for file in files:
                link = folder / f"{copy:02d}-{file.name}"
                try:
                    os.link(file, link)
                except OSError:           # another file system
                    link.symlink_to(file.resolve())
                linked.append(link)
        return linked

    def command(self, work, engine):
        """(command, working folder, result) of a run; clears what an earlier run left."""
        if work.name == "floor":
            return ["wc", "-l", *self.inputs(work)], self.out, None
        if engine == "highwater":
            folder = self.out / f"highwater_{work.name}"
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
            paths = json.dumps([str(p) for p in self.inputs(work)])
            threshold = self.meta["transactions"]["threshold"]
            job = work.job.format(inputs=paths, out=folder / work.out, late=folder / "late.parquet", threshold=threshold,
                                  data=self.data)
            (folder / "job.toml").write_text(f'name = "bench-{work.name.lower()}"\n{job}')
            command = [self.binary, "run", folder / "job.toml", "--threads", str(self.threads)]
            return command, folder, folder / work.out
        result = self.out / (f"{engine}_{work.name}" + ("" if work.name in ("W5", "W6") else ".parquet"))
        shutil.rmtree(result, ignore_errors=True) if result.is_dir() else result.unlink(missing_ok=True)
        script = Path(__file__).with_name("window_peers.py") if work.own_peers else self.peers / "peers.py"
        return [sys.executable, script, engine, work.name], self.out, result

    def engines_of(self, work):
        if work.name == "floor":
            return ["wc -l"]
        return [e for e in self.engines if e == "highwater" or e in work.peers and (self.peers or work.own_peers)]

    def run(self, work):
        engines, failed = self.engines_of(work), set()
        env = dict(os.environ, PEERS_DATA=str(self.data), PEERS_OUT=str(self.out), PEERS_THREADS=str(self.threads))
        for turn in range(self.runs):
            shift = turn % len(engines)
            for engine in engines[shift:] + engines[:shift]:
                if engine in failed:
                    continue
                command, cwd, result = self.command(work, engine)
                for name in work.files:
                    warm = ["find", self.data / name, "-type", "f", "-exec", "cat", "{}", "+"]
                    subprocess.run(warm, stdout=subprocess.DEVNULL, check=True)
                done = measure([str(c) for c in command], env, cwd, self.limit)
                seen = self.results.setdefault((work.name, engine), {"runs": [], "facts": None, "error": None})
                if done.code:
                    failed.add(engine)
                    seen["error"] = f"exit code {done.code}: " + " ".join(done.text.split())[-300:]
                else:
                    seen["runs"].append(done)
                    if seen["facts"] is None and result is not None:
                        seen["facts"] = self.facts(work, result)
                self.note(work, engine, turn, done, seen)

    def facts(self, work, result):
        if not importlib.util.find_spec("duckdb"):
            return {}
        command = [sys.executable, __file__, "--facts", work.facts, str(result), str(work.copies)]
        asked = subprocess.run(command, capture_output=True, text=True)
        if asked.returncode:
            return {"error": (asked.stderr.strip().splitlines() or ["?"])[-1]}
        return json.loads(asked.stdout)

    def note(self, work, engine, turn, done, seen):
        line = {"at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), "work": work.name, "engine": engine, "run": turn,
                "rows": self.meta[work.log]["rows"] * work.copies, "threads": self.threads, "exit_code": done.code,
                "seconds": round(done.wall, 3), "cpu_seconds": round(done.cpu, 2), "peak_bytes": done.peak}
        if turn == 0:
            line["facts"] = seen["facts"]
        if done.code:
            line["error"] = seen["error"]
        self.log.write(json.dumps(line) + "\n")
        self.log.flush()
        print(f"{work.name:5} {engine:10} run {turn + 1}: {done.wall:7.2f} s  cpu {done.cpu:6.1f} s  peak {done.peak / 1e6:6.0f} MB"
              + (f"  {seen['error']}" if done.code else ""), file=sys.stderr, flush=True)


# ------------------------------------------------------------------------------------------------ the table
def fastest(seen):
    return min(run.wall for run in seen["runs"])


def reference(bench, work):
    """The facts that the results are held against: the first peer's; of a work like another, those of the other."""
    for (name, engine), seen in bench.results.items():
        if name == (work.like or work.name) and (engine != "highwater" or work.like) and "h" in (seen["facts"] or {}):
            return engine, seen["facts"]
    return None, None


def agreement(bench, work, engine, seen):
    """("yes" or why not, whether it is a failure)"""
    found = seen["facts"]
    if work.name == "floor":
        return "", False
    if not found:
        return "not checked (no duckdb)", False
    if "error" in found:
        return found["error"], True
    if engine == "highwater" and not (found.get("sorted", True) and found.get("placed", True)):
        return "NO: not in order", True
    of, right = reference(bench, work)
    if "late" in found:         # every event is in one window, or late
        right = bench.meta[work.log]["rows"]
        all_there = int(found["total"]) + found["late"] == right
        told = f"{int(found['total']):,} counted, {found['late']:,} late"
        return (told, False) if all_there else (f"NO: {told}, of {right:,}", True)
    if of is None:
        return "alone", False
    wrong = [f"{key} {found[key]}, {of} has {right[key]}" for key in ("rows", "total", "h") if found[key] != right[key]]
    return ("NO: " + "; ".join(wrong), True) if wrong else ("yes", False)


def verdict(bench, work, seen, best):
    """What the work asks of Highwater, and whether it holds."""
    def says(text, holds):
        return f"{text}: {'yes' if holds else 'no'}"
    peak = max(run.peak for run in seen["runs"]) / 1e6
    told = []
    if work.times and best:
        told.append(says(f"{work.times:g}x", best / fastest(seen) >= work.times))
    if work.megabytes:
        told.append(says(f"{work.megabytes} MB", peak <= work.megabytes))
    other = bench.results.get((work.beside, "highwater"))
    if other and other["runs"]:
        told.append(f"{fastest(seen) / fastest(other):.2f} times our {work.beside}")
    if work.gigabytes_a_second:
        rate = size(bench, work) / fastest(seen) / 1e9
        told.append(says(f"{work.gigabytes_a_second:g} GB/s", rate >= work.gigabytes_a_second))
    return ", ".join(told)


def size(bench, work):
    def of(path):
        return sum(file.stat().st_size for file in path.rglob("*.*") if file.is_file()) if path.is_dir() else path.stat().st_size
    return sum(of(bench.data / name) for name in work.files) * work.copies


def table(bench, works):
    """Prints the table; returns whether all went well."""
    well = True
    print("| work | engine | s (min) | s (median) | CPU s | best peer / ours | M rows/s | GB/s | peak MB | agree? | asked |")
    print("| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | --- | --- |")
    for work in works:
        rows = [(engine, seen) for (name, engine), seen in bench.results.items() if name == work.name]
        peers = [fastest(seen) for engine, seen in rows if engine != "highwater" and seen["runs"]]
        best = min(peers, default=None)
        for engine, seen in sorted(rows, key=lambda row: fastest(row[1]) if row[1]["runs"] else float("inf")):
            if not seen["runs"]:
                well = False
                print(f"| {work.name} | {engine} | failed: {seen['error']} | | | | | | | | |")
                continue
            agrees, bad = agreement(bench, work, engine, seen)
            well = well and not bad and not seen["error"]
            ours = engine == "highwater"
            s, runs = fastest(seen), seen["runs"]
            ratio = f"{best / s:.2f}" if ours and best else ""
            print(f"| {work.name} | {'**highwater**' if ours else engine} | {s:.2f} | "
                  f"{statistics.median(r.wall for r in runs):.2f} | {min(r.cpu for r in runs):.1f} | {ratio} | "
                  f"{bench.meta[work.log]['rows'] * work.copies / s / 1e6:.1f} | {size(bench, work) / s / 1e9:.2f} | "
                  f"{max(r.peak for r in runs) / 1e6:.0f} | {agrees} | {verdict(bench, work, seen, best) if ours else ''} |")
    print()
    for work in works:
        print(f"- {work.name}: {work.text}, {bench.meta[work.log]['rows'] * work.copies:,} rows, {size(bench, work) / 1e9:.2f} GB")
    return well


# ------------------------------------------------------------------------------------------------ data and setting
def make_data(data, peers, binary, rows, logs):
    """The logs in `data`, made where they are missing; returns their meta.json."""
    meta_path = data / "meta.json"
    meta = json.loads(meta_path.read_text()) if meta_path.exists() else {}
    for log in logs:
        if log in meta and rows is not None and meta[log]["rows"] not in (rows, bench_logs.rows_of(log, rows)):
            sys.exit(f"{data} holds {meta[log]['rows']} rows of {log} and not {rows}: choose another folder with --data, or remove it")
    missing = [log for log in logs if log not in meta]
    if not missing:
        return meta
    data.mkdir(parents=True, exist_ok=True)
    rows = rows or 20_000_000
    print(f"making {rows:,} rows of {' and '.join(missing)} in {data}", file=sys.stderr)
    for log in set(missing) & set(bench_logs.MAKERS):
        bench_logs.MAKERS[log](data, rows)
        meta[log] = {"rows": bench_logs.rows_of(log, rows)}
        meta_path.write_text(json.dumps(meta, indent=1))
    missing = [log for log in missing if log not in meta]
    if not missing:
        return meta
    if peers:
        subprocess.run([sys.executable, peers / "gen.py", data, *missing, "--scale", repr(rows / 20e6)], check=True)
        return json.loads(meta_path.read_text())
    for log in missing:
        for form in ["csv", "jsonl", "parquet"] if log == "pageviews" else ["csv"]:
            folder = data / "making"
            subprocess.run([binary, "generate", log, "--rows", str(rows), "--format", form, "--out", folder], check=True,
                           stdout=subprocess.DEVNULL)
            (folder / f"{log}.{form}").rename(data / f"{log}.{form}")
            folder.rmdir()
        meta[log] = {"rows": rows}
    meta.setdefault("transactions", {"rows": rows})["threshold"] = "1000000000.00"
    meta_path.write_text(json.dumps(meta, indent=1))
    return meta


def setting(bench):
    """What the figures depend on, in a line or two."""
    model = next((line.split(":", 1)[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines()
                  if line.startswith("model name")), "?")
    from importlib.metadata import PackageNotFoundError, version
    versions = []
    for engine in bench.engines:
        try:
            versions.append(f"{engine} {version(engine)}" if engine != "highwater" else "")
        except PackageNotFoundError:
            pass
    print(f"{os.cpu_count()} CPUs ({model}), {bench.threads} threads, {bench.runs} runs; {', '.join(filter(None, versions))}")
    if (load := os.getloadavg()[0]) > 0.7:
        print(f"The machine was busy (load {load:.1f}) when this began: do not trust the figures.")
    print(flush=True)


def arguments():
    peers = REPO.parent / "shared" / "peers"
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=REPO / "target" / "bench" / "data", help="the logs; made if missing")
    parser.add_argument("--out", type=Path, default=REPO / "target" / "bench" / "out", help="job files and results go here")
    parser.add_argument("--peers", type=Path, default=peers if peers.is_dir() else None, help="the folder of peers.py and gen.py")
    parser.add_argument("--bin", type=Path, default=REPO / "target" / "release" / "highwater")
    parser.add_argument("--works", default="W1,W2,W3,W4,W6,L,floor", help="of " + ",".join(WORKS))
    parser.add_argument("--scaling", action="store_true", help="L at 1, 4 and 16 times the input")
    parser.add_argument("--engines", default="highwater," + ",".join(PEERS))
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--rows", type=int, default=None, help="rows of each log (20,000,000)")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--limit", type=float, default=300, help="seconds after which a run is killed")
    parser.add_argument("--results", type=Path, default=REPO / "target" / "bench" / "results.jsonl", help="JSON Lines, appended")
    given = parser.parse_args()
    names = given.works.split(",") + (["L", "L4", "L16"] if given.scaling else [])
    given.works = [WORKS[n] for n in dict.fromkeys(names) if n in WORKS or parser.error(f"no work {n}; known: {', '.join(WORKS)}")]
    given.engines = given.engines.split(",")
    for engine in given.engines:
        if engine not in ["highwater", *PEERS]:
            parser.error(f"no engine {engine}; known: highwater, {', '.join(PEERS)}")
    for folder in ("data", "out", "peers", "bin"):
        setattr(given, folder, getattr(given, folder) and getattr(given, folder).resolve())
    if given.runs < 1:
        parser.error("--runs must be at least 1")
    if "highwater" in given.engines and not given.bin.exists():
        sys.exit(f"{given.bin} is missing: run `cargo build --release`")
    return given


def main():
    given = arguments()
    absent = [e for e in given.engines if e != "highwater" and not importlib.util.find_spec(e)]
    if absent:
        print(f"not installed, left out: {', '.join(absent)}", file=sys.stderr)
    logs = list(dict.fromkeys(work.log for work in given.works))
    meta = make_data(given.data, given.peers, given.bin, given.rows, logs)
    meta.setdefault("transactions", {}).setdefault("threshold", "0")
    given.out.mkdir(parents=True, exist_ok=True)
    given.results.parent.mkdir(parents=True, exist_ok=True)
    with given.results.open("a") as log:
        bench = Bench(given.data, given.out, given.bin, given.peers, [e for e in given.engines if e not in absent],
                      given.runs, given.threads, given.limit, meta, log)
        setting(bench)
        for work in given.works:
            bench.run(work)
    sys.exit(0 if table(bench, given.works) else 1)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--facts"]:
        print(json.dumps(facts(sys.argv[2], sys.argv[3], int(sys.argv[4])), default=str))
    else:
        main()
