#!/usr/bin/env python3
"""As-of matches of Highwater beside Polars' join_asof and DuckDB's ASOF JOIN, on random data: all rows, exactly.

    cargo build --release
    pip install polars duckdb
    python3 scripts/asof_peers.py                       # 8 seeds, 5,000 events each
    python3 scripts/asof_peers.py --seeds 1 --rows 500000 --first-seed 7

Events and table have NULLs in keys and in the columns that are taken, and no two rows of a table share key and time: what
comes first then, the engines do not agree on. Nor do they on a nearest row where two are equally far; such events are left out.
Every match that a job can ask for is asked of Polars: backward, forward and nearest, with and without the event's own instant,
with and without a tolerance, by one and by two keys. DuckDB has no nearest match and no tolerance: it is asked for backward and
forward, and what lies too far away becomes NULL. `fill = "last_value"` is a match per column, among the rows where it is not NULL.
Highwater runs each seed in another format and with other threads, chunks and memory.
Exit code 1: rows differ, or an engine failed; 2: there is no binary, or a package is missing.
"""
import argparse
import bisect
import os
import random
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

try:
    import duckdb
    import polars as pl
except ImportError as missing:
    print(f"asof_peers.py: {missing}; pip install polars duckdb", file=sys.stderr)
    sys.exit(2)

REPO = Path(__file__).resolve().parent.parent
START = 1_700_000_000_000      # milliseconds


@dataclass(frozen=True)
class Match:
    """One as-of match: its columns end in `name`."""
    name: str
    keys: tuple
    direction: str
    inclusive: bool
    within: int | None         # milliseconds
    fill: bool = False

    def __str__(self):
        words = [self.direction, "by " + ", ".join(self.keys)]
        words += [] if self.inclusive else ["exclusive"]
        words += [] if self.within is None else [f"within {self.within} ms"]
        words += ["last values"] if self.fill else []
        return " ".join(words)


def matches(tolerance):
    """All of them."""
    found = []
    for keys in [("k",), ("k", "j")]:
        for direction in ["backward", "forward", "nearest"]:
            for within in [None, tolerance]:
                for inclusive in [True, False]:
                    found.append(Match(f"m{len(found)}", keys, direction, inclusive, within))
                found.append(Match(f"m{len(found)}", keys, direction, True, within, fill=True))
    return found


# ------------------------------------------------------------------------------------------------ data
def make(rng, rows):
    """Events and a table, as frames: few keys, times that meet, NULLs in keys and values."""
    table_rows, keys = max(rows // 3, 4), max(rows // 60, 2)
    span = max(rows // 8, 10)              # so that instants meet

    def key():
        return None if rng.random() < 0.08 else f"k{rng.randrange(keys)}"

    def small():
        return None if rng.random() < 0.08 else rng.randrange(3)

    # By (k), hence by (k, j) too, no two rows share a time.
    seen, table = set(), []
    for i in range(table_rows):
        k, at = key(), START + rng.randrange(span) * 100
        if (k, at) in seen:
            continue
        seen.add((k, at))
        v = None if rng.random() < 0.3 else f"v{i}"
        w = None if rng.random() < 0.3 else i
        table.append((at, k, small(), v, w))
    by_key = {}
    for at, k, *_ in sorted(table, key=lambda row: row[0]):
        by_key.setdefault(k, []).append(at)
    events = []
    while len(events) < rows:
        at, k = START + rng.randrange(span) * 100, key()
        if not equally_near(by_key.get(k, []), at):
            events.append((len(events), at, k, small()))
    rng.shuffle(table)
    events = pl.DataFrame(events, schema={"id": pl.Int64, "at": pl.Int64, "k": pl.String, "j": pl.Int64}, orient="row")
    table = pl.DataFrame(table, schema={"at": pl.Int64, "k": pl.String, "j": pl.Int64, "v": pl.String, "w": pl.Int64},
                         orient="row")
    return events, table


def equally_near(times, at):
    """Whether two rows of the key could tie for the nearest, whatever other keys or NULLs leave of them."""
    before, after = set(times[:bisect.bisect_left(times, at)]), times[bisect.bisect_right(times, at):]
    return any(2 * at - time in before for time in after)


def write(frame, path):
    {".csv": frame.write_csv, ".jsonl": frame.write_ndjson, ".parquet": frame.write_parquet}[path.suffix](path)


# ------------------------------------------------------------------------------------------------ the engines
def highwater(binary, folder, events, table, asked, options):
    ending = options["format"]
    write(events, folder / f"events.{ending}")
    half = len(table) // 2
    write(table[:half], folder / f"table-1.{ending}")
    write(table[half:], folder / f"table-2.{ending}")
    types = 'types = { at = "int64", k = "string", j = "int64"'
    job = f"""
[source]
path = "events.{ending}"
time = "at"
time_unit = "ms"
{types}, id = "int64" }}
[table.t]
path = "table-*.{ending}"
time = "at"
time_unit = "ms"
{types}, v = "string", w = "int64" }}
"""
    for m in asked:
        on = ", ".join(f'{key} = "{key}"' for key in m.keys)
        job += f'[[step]]\nenrich = "t"\non = {{ {on} }}\nmatch = "{m.direction}"\n'
        job += f'take = {{ {m.name}_v = "v", {m.name}_w = "w" }}\ninclusive = {str(m.inclusive).lower()}\n'
        job += f'within = "{m.within}ms"\n' if m.within is not None else ""
        job += 'fill = "last_value"\n' if m.fill else ""
    job += '[[output]]\npath = "out.parquet"\n'
    (folder / "job.toml").write_text(job)
    args = [str(binary), "run", "job.toml", "--quiet", "--threads", str(options["threads"]),
            "--chunk-size", options["chunk"], "--memory", options["memory"]]
    done = subprocess.run(args, cwd=folder, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"highwater failed ({done.returncode}):\n{done.stderr}")
    return pl.read_parquet(folder / "out.parquet")


def polars_(events, table, m):
    """The columns of one match, by id. A NULL in a key is no key, for which Polars takes it in some versions."""
    whole = pl.all_horizontal(pl.col(key).is_not_null() for key in m.keys)
    left = events.filter(whole).sort("at", "id").select("id", "at", *m.keys)
    columns = [["v"], ["w"]] if m.fill else [["v", "w"]]
    result = events.select("id")
    for taken in columns:
        right = table.filter(whole)
        if m.fill:
            right = right.filter(pl.col(taken[0]).is_not_null())
        right = right.sort("at").select("at", *m.keys, *[pl.col(c).alias(f"{m.name}_{c}") for c in taken])
        joined = left.join_asof(right, on="at", by=list(m.keys), strategy=m.direction, tolerance=m.within,
                                allow_exact_matches=m.inclusive, check_sortedness=False)
        result = result.join(joined.select("id", *[f"{m.name}_{c}" for c in taken]), on="id", how="left")
    return result.sort("id")


def duckdb_(events, table, m):
    """As `polars_`, backward or forward."""
    folder = tempfile.TemporaryDirectory()
    for name, frame in [("e", events), ("t", table)]:
        frame.write_parquet(f"{folder.name}/{name}.parquet")
    against = {"backward": ">", "forward": "<"}[m.direction] + ("=" if m.inclusive else "")
    db = duckdb.connect()
    db.execute("SET threads = 2")
    for name in "et":
        db.execute(f"CREATE TABLE {name} AS FROM '{folder.name}/{name}.parquet'")
    on = " AND ".join([f"e.{key} = r.{key}" for key in m.keys] + [f"e.at {against} r.at"])
    near = "true" if m.within is None else f"abs(e.at - r.at) <= {m.within}"
    result = events.select("id").sort("id")
    for taken in [["v"], ["w"]] if m.fill else [["v", "w"]]:
        columns = ", ".join(f"CASE WHEN {near} THEN r.{c} END AS {m.name}_{c}" for c in taken)
        where = f"WHERE {taken[0]} IS NOT NULL" if m.fill else ""
        query = f"SELECT e.id, {columns} FROM e ASOF LEFT JOIN (SELECT * FROM t {where}) r ON {on} ORDER BY e.id"
        schema = {"id": pl.Int64} | {f"{m.name}_{c}": table.schema[c] for c in taken}
        joined = pl.DataFrame(db.execute(query).fetchall(), schema=schema, orient="row")
        result = result.join(joined, on="id", how="left")
    return result.sort("id")


# ------------------------------------------------------------------------------------------------ comparing
def differences(ours, theirs, m, events):
    """The events of which two engines took other values; a line for each of the first few."""
    names = [f"{m.name}_v", f"{m.name}_w"]
    both = ours.select("id", *names).join(theirs.select("id", *[pl.col(n).alias(f"their_{n}") for n in names]), on="id",
                                          how="full", coalesce=True)
    differ = pl.any_horizontal(pl.col(n).ne_missing(pl.col(f"their_{n}")) for n in names)
    wrong = both.filter(differ).join(events, on="id").sort("id")
    assert len(both) == len(events), f"{len(both)} rows of {len(events)} events"
    return [f"    event {row}" for row in wrong.head(3).iter_rows(named=True)], len(wrong)


def seed_of(seed, rows, binary):
    """Compares all of one seed; gives how many rows were compared, and how many differ."""
    rng = random.Random(seed)
    events, table = make(rng, rows)
    tolerance = rng.choice([100, 300, 500, 1000, 5000])
    options = {"format": ["csv", "jsonl", "parquet"][seed % 3], "threads": rng.choice([1, 2, 4]),
               "chunk": rng.choice(["1KB", "64KB", "1MB"]), "memory": rng.choice(["64KB", "1MB", "1GB"])}
    asked = matches(tolerance)
    with tempfile.TemporaryDirectory() as folder:
        ours = highwater(binary, Path(folder), events, table, asked, options)
    replayed = events.sort("at", "id")
    if ours["id"].to_list() != replayed["id"].to_list():
        sys.exit(f"seed {seed}: the events are not in replay order, or are not all there")
    compared = wrong = found = 0
    for m in asked:
        peers = {"polars": polars_}
        if m.direction != "nearest":
            peers["duckdb"] = duckdb_
        for name, engine in peers.items():
            lines, count = differences(ours, engine(events, table, m), m, events)
            compared += len(events)
            found += ours[f"{m.name}_w"].is_not_null().sum()
            wrong += count
            if count:
                print(f"  {m}: {count} of {len(events)} events differ from {name}")
                print("\n".join(lines))
    print(f"seed {seed}: {len(events):,} events, {len(table):,} rows of the table, {len(asked)} matches, "
          f"{compared:,} rows compared ({found / compared:.0%} with a value), {wrong} differ; {options}")
    return compared, wrong


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", type=Path, default=REPO / "target/release/highwater")
    parser.add_argument("--seeds", type=int, default=8, help="how many")
    parser.add_argument("--first-seed", type=int, default=1)
    parser.add_argument("--rows", type=int, default=5_000, help="events of each seed")
    args = parser.parse_args()
    if not os.access(args.binary, os.X_OK):
        print(f"asof_peers.py: no {args.binary}; cargo build --release", file=sys.stderr)
        sys.exit(2)
    print(f"polars {pl.__version__}, duckdb {duckdb.__version__}")
    all_compared = all_wrong = 0
    for seed in range(args.first_seed, args.first_seed + args.seeds):
        compared, wrong = seed_of(seed, args.rows, args.binary.resolve())
        all_compared += compared
        all_wrong += wrong
    print(f"{all_compared:,} rows compared, {all_wrong} differ")
    sys.exit(1 if all_wrong else 0)


if __name__ == "__main__":
    main()
