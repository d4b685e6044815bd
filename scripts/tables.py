"""Iceberg tables that Highwater writes, read by engines that are not ours: PyIceberg, DuckDB and Polars.

    python3 -m venv V && V/bin/pip install 'pyiceberg[pyarrow,sql-sqlite]' polars duckdb==1.5.5 duckdb-extension-iceberg==1.5.5 duckdb-extension-avro==1.5.5
    V/bin/python scripts/tables.py               # exits 1 at the first difference

Runs a job twice, with tables and with plain folders. After the run, a backfill, a retraction, an edit that adds a column,
and an expiry, each engine must read the rows of the plain folders; each older snapshot must give the rows that it had; the
files must be as many as planned. Then another program commits to a table, and the next run must refuse to write over it.
Engines that are not installed are named and left out; PyIceberg must be there.
"""
import glob
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
from pyiceberg.table import StaticTable

ROOT = Path(__file__).resolve().parent.parent
BINARY = Path(os.environ.get("HIGHWATER", ROOT / "target/release/highwater"))

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


def fail(text):
    sys.exit(f"tables: {text}")


def highwater(*args, code=0):
    done = subprocess.run([str(BINARY), *args], capture_output=True, text=True)
    if done.returncode != code:
        fail(f"{' '.join(args)} ended with {done.returncode}, and not with {code}:\n{done.stdout}{done.stderr}")
    return done.stdout + done.stderr


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


def jobs(more="", zone=""):
    for name, out, table in [("table.toml", "lake", 'table = "iceberg"'), ("plain.toml", "plain", "")]:
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


def metadata(name):
    folder = Path("lake", name, "metadata").resolve()
    return str(folder / f"v{(folder / 'version-hint.text').read_text()}.metadata.json")


def pyiceberg(name, snapshot=None):
    return StaticTable.from_metadata(metadata(name)).scan(snapshot_id=snapshot).to_arrow()


def polars():
    import polars

    def read(name, snapshot=None):
        return polars.scan_iceberg(metadata(name), snapshot_id=snapshot).collect().to_arrow()

    return read


def duckdb():
    import duckdb
    import duckdb_extension_avro
    import duckdb_extension_iceberg

    session = duckdb.connect(config={"allow_unsigned_extensions": "true"})
    session.execute("SET TimeZone = 'UTC'")
    for module in (duckdb_extension_avro, duckdb_extension_iceberg):
        found = glob.glob(os.path.dirname(module.__file__) + "/**/*.duckdb_extension", recursive=True)
        session.execute(f"LOAD '{found[0]}'")

    def read(name, snapshot=None):
        at = f", snapshot_from_id = {snapshot}" if snapshot else ""
        # The folder itself is the catalog, by its hint; the metadata file is read where a snapshot is asked for.
        where = metadata(name) if snapshot else str(Path("lake", name).resolve())
        return session.sql(f"SELECT * FROM iceberg_scan('{where}'{at})").to_arrow_table()

    return read


def engines():
    found = {"pyiceberg": pyiceberg}
    for name, make in [("polars", polars), ("duckdb", duckdb)]:
        try:
            found[name] = make()
        except Exception as error:  # Not installed, or of another version.
            print(f"{name} is left out: {str(error).splitlines()[0]}")
    return found


def described():
    text = highwater("tables", "table.toml", "--json")
    return {Path(t["path"]).name: t for t in json.loads(text[: text.rindex("]") + 1])}


class Checks:
    def __init__(self):
        self.engines = engines()
        self.snapshots = {name: {} for name in TABLES}

    def now(self, what):
        """Compares each table with the plain output, and remembers its rows by snapshot."""
        tables = described()
        for name in TABLES:
            want, files = plain(name)
            table = tables[name]
            if table["files"] != files or table["rows"] != want.num_rows:
                fail(f"{what}: {name} has {table['files']} files and {table['rows']} rows, and not {files} and {want.num_rows}")
            planned = list(StaticTable.from_metadata(metadata(name)).scan().plan_files())
            if len(planned) != files or any(not os.path.exists(task.file.file_path) for task in planned):
                fail(f"{what}: {name}: PyIceberg plans {len(planned)} files, and not {files}")
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


def pruned():
    """A filter on the time of the window reads few files, by the hidden partition."""
    table = StaticTable.from_metadata(metadata("views"))
    few = list(table.scan(row_filter="window_start >= '2024-06-01T02:00:00+00:00' and window_start < '2024-06-01T03:00:00+00:00'").plan_files())
    if len(few) != 1:
        fail(f"an hour of views is planned to be read from {len(few)} files")
    few = list(StaticTable.from_metadata(metadata("by_code")).scan(row_filter="postcode == 'AB7'").plan_files())
    if len(few) != 1:
        fail(f"a postcode is planned to be read from {len(few)} files")
    print("filters: one file of each is planned")


def meddled():
    """Another program deletes rows; the next run refuses, and after a roll back it runs."""
    from pyiceberg.catalog.sql import SqlCatalog

    shutil.rmtree("catalog", ignore_errors=True)
    os.makedirs("catalog")
    catalog = SqlCatalog("c", uri="sqlite:///catalog/c.db", warehouse="file://" + os.path.abspath("catalog"))
    catalog.create_namespace("n")
    table = catalog.register_table("n.views", metadata("views"))
    ours = table.metadata.current_snapshot_id
    table.delete("postcode == 'AB7'")
    folder = Path("lake/views/metadata")
    version = int((folder / "version-hint.text").read_text())
    # A catalog of files gives the commit the next number.
    shutil.copy(table.metadata_location.removeprefix("file://"), folder / f"v{version + 1}.metadata.json")
    (folder / "version-hint.text").write_text(str(version + 1))
    before = sorted(map(str, Path("lake").rglob("*")))
    text = highwater("run", "table.toml", code=4)
    if "another program has changed the table" not in text or str(ours) not in text:
        fail(f"a run over the commit of another program says: {text}")
    text = highwater("backfill", "table.toml", "late/late.csv", code=4)
    if "another program has changed the table" not in text:
        fail(f"a backfill over the commit of another program says: {text}")
    if [p for p in sorted(map(str, Path("lake").rglob("*"))) if "lock" not in p] != [p for p in before if "lock" not in p]:
        fail("a refused run changed files")
    problem = described()["views"].get("problem", "")
    if "another program" not in problem:
        fail("`tables` does not name the change")
    # The other program takes its change back.
    for task in [version + 1]:
        os.remove(folder / f"v{task}.metadata.json")
    (folder / "version-hint.text").write_text(str(version))
    highwater("run", "table.toml")
    print("another program: its commit is named, and not written over")


def main():
    home = Path(tempfile.mkdtemp(prefix="highwater-tables-"))
    os.chdir(home)
    try:
        write_logs()
        checks = Checks()
        both = lambda *args: [highwater(*(a if a != "JOB" else job for a in args)) for job in ("table.toml", "plain.toml")]
        for zone in ["", 'timezone = "America/New_York"']:
            shutil.rmtree("lake", ignore_errors=True), shutil.rmtree("plain", ignore_errors=True)
            checks.snapshots = {name: {} for name in TABLES}
            jobs(zone=zone)
            both("run", "JOB")
            checks.now("run")
            both("run", "JOB")
            checks.now("run again")
            if not zone:
                pruned()
            both("backfill", "JOB", "late/late.csv")
            checks.now("backfill")
            both("backfill", "JOB", "late/late.csv", "--retract")
            checks.now("retraction")
            jobs(more=', most = "max(price)"', zone=zone)
            both("run", "JOB")
            checks.now("edit")
            checks.travel("time travel")
            highwater("expire", "table.toml", "--older-than", "0d", "--keep", "2")
            checks.now("expiry")
            checks.travel("after expiry")
            for name in TABLES:
                kept = sum(1 for _ in Path("lake", name, "data").rglob("*.parquet") if "_highwater" not in str(_))
                reached = {task.file.file_path for entry in described()[name]["history"] for task in StaticTable.from_metadata(metadata(name)).scan(snapshot_id=entry["snapshot"]).plan_files()}
                if kept != len(reached):
                    fail(f"after an expiry {name} keeps {kept} files, and its snapshots reach {len(reached)}")
        meddled()
    finally:
        os.chdir("/")
        shutil.rmtree(home)


if __name__ == "__main__":
    import pyarrow.parquet  # noqa: F401

    main()
