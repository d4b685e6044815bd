"""Tables that Highwater writes, read by engines that are not ours: PyIceberg, deltalake, DuckDB and Polars.

    python3 -m venv V && V/bin/pip install 'pyiceberg[pyarrow,sql-sqlite]' polars duckdb==1.5.5 duckdb-extension-iceberg==1.5.5 duckdb-extension-avro==1.5.5
    V/bin/pip install deltalake duckdb-extension-delta==1.5.5
    V/bin/python scripts/tables.py [iceberg|delta]        # exits 1 at the first difference

Runs a job twice, with tables and with plain folders. After the run, a backfill, a retraction, an edit that adds a column,
and an expiry, each engine must read the rows of the plain folders; each older snapshot must give the rows that it had; the
files must be as many as planned. Then another program commits to a table, and the next run must refuse to write over it.
Engines that are not installed are named and left out. PyIceberg must be there for Iceberg, and deltalake for Delta Lake.
"""
import glob
import importlib
import json
import os
import shutil
import sys
import tempfile
import time
from pathlib import Path

import pyarrow as pa

from commands import fail, highwater


JOB = """
name = "views"
{zone}
[source]
path = "logs/*.csv"
time = "at"
types = {{ user_id = "string", price = "decimal(9,2)" }}

[[output]]
path = "{out}/events"
{table}
partition_by = ["date", "hour"]

[[output]]
path = "{out}/archive"
archive = true
partition_by = ["date"]

[[output]]
path = "{out}/views"
{table}
window = {{ tumbling = "1m" }}
by = ["postcode"]
select = {{ views = "count(*)", users = "count(distinct user_id)", total = "sum(price)", mean = "avg(price)" {more} }}
partition_by = ["date", "hour"]

[[output]]
path = "{out}/by_code"
{table}
window = {{ tumbling = "1 day" }}
by = ["postcode"]
select = {{ views = "count(*)" }}
partition_by = ["month", "postcode"]

[[output]]
path = "{out}/whole"
{table}
window = {{ tumbling = "1h" }}
select = {{ views = "count(*)" }}
"""
TABLES = ["events", "views", "by_code", "whole"]


def write_logs():
    """Two files of events, with NULLs and letters beyond ASCII, and a late one."""
    os.makedirs("logs"), os.makedirs("late")

    def rows(seed, count, step):
        state, at = seed, 1_717_200_000
        for _ in range(count):
            state = (state * 6364136223846793005 + 1442695040888963407) % 2**64
            at += (state >> 40) % step
            code = ["AB7", "CM3", "Zürich", "", "WC25", "a=b/c"][(state >> 20) % 6]
            when = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(at))
            yield f"u{(state >> 30) % 97},{code},{when},{(state >> 13) % 10000 / 100:.2f}"

    for name, seed, count, step in [("logs/1.csv", 1, 4000, 60), ("logs/2.csv", 2, 3000, 60), ("late/late.csv", 3, 12, 9000)]:
        text = "\n".join(["user_id,postcode,at,price", *rows(seed, count, step)])
        Path(name).write_text(text + "\n")


def jobs(format, more="", zone=""):
    for name, out, table in [("table.toml", "lake", f'table = "{format.name}"'), ("plain.toml", "plain", "")]:
        Path(name).write_text(JOB.format(out=out, table=table, more=more, zone=zone))


def ordered(table, columns):
    """The rows of the columns, as text, sorted."""
    table = table.select(columns)
    texts = []
    for column in table.columns:
        column = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
        if pa.types.is_dictionary(column.type):
            column = column.cast(column.type.value_type)
        if pa.types.is_timestamp(column.type):
            column = column.cast(pa.timestamp("us", "UTC")).cast(pa.int64())
        texts.append([None if v is None else str(v) for v in column.to_pylist()])
    return sorted(zip(*texts), key=lambda row: [(v is not None, v or "") for v in row])


def plain(name):
    """The rows of the plain output, with the columns that stand in its folders."""
    files = [f for f in glob.glob(f"plain/{name}/**/*.parquet", recursive=True) if "_highwater" not in f]
    parts = []
    for file in files:
        part = pa.parquet.read_table(file, partitioning=None)
        for folder in Path(file).parent.parts[2:]:
            key, value = folder.split("=", 1)
            value = None if value == "__HIVE_DEFAULT_PARTITION__" else value.replace("%00", "").replace("%3D", "=").replace("%2F", "/")
            if key not in part.column_names:
                part = part.append_column(key, pa.array([value] * part.num_rows, pa.string()))
        parts.append(part)
    return pa.concat_tables(parts, promote_options="default"), len(files)


def described():
    text = highwater("tables", "table.toml", "--json")
    return {Path(t["path"]).name: t for t in json.loads(text[: text.rindex("]") + 1])}


class Checks:
    def __init__(self, format):
        self.format = format
        self.engines = {}
        for name, make in format.engines():
            try:
                self.engines[name] = make()
            except Exception as error:  # Not installed, or of another version.
                if name == format.needed:
                    raise
                print(f"{name} is left out: {str(error).splitlines()[0]}")
        self.snapshots = {name: {} for name in TABLES}

    def now(self, what):
        """Compares each table with the plain output, and remembers its rows by snapshot."""
        tables = described()
        for name in TABLES:
            want, files = plain(name)
            table = tables[name]
            if table["files"] != files or table["rows"] != want.num_rows:
                fail(f"{what}: {name} has {table['files']} files and {table['rows']} rows, and not {files} and {want.num_rows}")
            planned = self.format.files(name)
            if len(planned) != files or any(not os.path.exists(file) for file in planned):
                fail(f"{what}: {name}: {self.format.needed} plans {len(planned)} files, and not {files}")
            columns = [column["name"] for column in table["columns"]]
            rows = ordered(with_types(want, table), columns)
            for engine, read in self.engines.items():
                self.same(f"{what}: {name} by {engine}", ordered(read(name), columns), rows)
            self.snapshots[name][table["snapshot"]] = (columns, rows)
            if len(table["history"]) != len(self.snapshots[name]) and what != "expiry":
                fail(f"{what}: {name} has {len(table['history'])} snapshots, and not {len(self.snapshots[name])}")
        print(f"{what}: {', '.join(self.engines)} read {len(TABLES)} tables alike")

    def travel(self, what):
        """Reads each snapshot that the tables keep."""
        count = 0
        for name, table in described().items():
            for entry in table.get("history", []):
                columns, rows = self.snapshots[name][entry["snapshot"]]
                for engine, read in self.engines.items():
                    count += 1
                    self.same(f"{what}: {name} at {entry['snapshot']} by {engine}", ordered(read(name, entry["snapshot"]), columns), rows)
        print(f"{what}: {count} reads of older snapshots are right")

    def same(self, what, have, want):
        if have != want:
            both = [(a, b) for a, b in zip(have, want) if a != b][:3]
            fail(f"{what}: {len(have)} rows, and not {len(want)}; {both}")


def with_types(table, described):
    """Columns of folders, with the types that the table says."""
    types = {"date": pa.date32(), "long": pa.int64(), "string": pa.string()}
    for column in described["columns"]:
        at = table.schema.get_field_index(column["name"])
        if at >= 0 and column["type"] in types and table.schema.field(at).type == pa.string():
            table = table.set_column(at, column["name"], table.column(at).cast(types[column["type"]]))
    return table


def check(format):
    home = Path(tempfile.mkdtemp(prefix=f"highwater-tables-{format.name}-"))
    os.chdir(home)
    try:
        write_logs()
        checks = Checks(format)
        both = lambda *args: [highwater(*(a if a != "JOB" else job for a in args)) for job in ("table.toml", "plain.toml")]
        for zone in ["", 'timezone = "America/New_York"']:
            shutil.rmtree("lake", ignore_errors=True), shutil.rmtree("plain", ignore_errors=True)
            checks.snapshots = {name: {} for name in TABLES}
            jobs(format, zone=zone)
            both("run", "JOB")
            checks.now("run")
            both("run", "JOB")
            checks.now("run again")
            if not zone:
                format.pruned(fail)
            both("backfill", "JOB", "late/late.csv")
            checks.now("backfill")
            both("backfill", "JOB", "late/late.csv", "--retract")
            checks.now("retraction")
            jobs(format, more=', most = "max(price)"', zone=zone)
            both("run", "JOB")
            checks.now("edit")
            checks.travel("time travel")
            highwater("expire", "table.toml", "--older-than", "0d", "--keep", "2")
            checks.now("expiry")
            checks.travel("after expiry")
            for name in TABLES:
                kept, history = format.parts(name), described()[name]["history"]
                reached = {file for entry in history for file in format.files(name, entry["snapshot"])}
                if set(kept) != reached:
                    fail(f"after an expiry {name} keeps {len(kept)} files, and its snapshots reach {len(reached)}")
        format.meddled(highwater, described, fail)
        for read in checks.engines.values():
            # A server that one started would outlive the script.
            getattr(read, "stop", lambda: None)()
    finally:
        os.chdir("/")
        shutil.rmtree(home)


def main():
    wanted = sys.argv[1:] or ["iceberg", "delta"]
    for name in wanted:
        check(importlib.import_module(f"tables_{name}"))


if __name__ == "__main__":
    import pyarrow.parquet  # noqa: F401

    main()
