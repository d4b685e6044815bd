"""Tables of Delta Lake, for `tables.py`: how engines that are not ours read them, and what other programs do to them.

    V/bin/pip install deltalake polars pyarrow duckdb==1.5.5 duckdb-extension-delta==1.5.5
    V/bin/pip install pysail pyspark-client               # Sail, if wanted
"""
import glob
import os
from pathlib import Path
from urllib.parse import unquote

from deltalake import DeltaTable

name = "delta"
needed = "deltalake"


def path(table):
    return str(Path("lake", table).resolve())


def delta_rs(table, snapshot=None):
    return DeltaTable(path(table), version=snapshot).to_pyarrow_table()


def polars():
    import polars

    def read(table, snapshot=None):
        return polars.scan_delta(path(table), version=snapshot).collect().to_arrow()

    return read


def duckdb():
    import duckdb
    import duckdb_extension_delta

    session = duckdb.connect(config={"allow_unsigned_extensions": "true"})
    session.execute("SET TimeZone = 'UTC'")
    found = glob.glob(os.path.dirname(duckdb_extension_delta.__file__) + "/**/*.duckdb_extension", recursive=True)
    session.execute(f"LOAD '{found[0]}'")

    def read(table, snapshot=None):
        at = f", version = {snapshot}" if snapshot is not None else ""
        return session.sql(f"SELECT * FROM delta_scan('{path(table)}'{at})").to_arrow_table()

    return read


def sail():
    import warnings

    warnings.simplefilter("ignore")
    from pysail.spark import SparkConnectServer
    from pyspark.sql import SparkSession

    server = SparkConnectServer(ip="127.0.0.1", port=0)
    server.start(background=True)
    spark = SparkSession.builder.remote(f"sc://localhost:{server.listening_address[1]}").getOrCreate()
    spark.conf.set("spark.sql.session.timeZone", "UTC")

    def read(table, snapshot=None):
        reader = spark.read.format("delta")
        return (reader if snapshot is None else reader.option("versionAsOf", snapshot)).load(path(table)).toArrow()

    def stop():
        spark.stop()
        server.stop()

    read.stop = stop
    return read


def engines():
    return [("deltalake", lambda: delta_rs), ("polars", polars), ("duckdb", duckdb), ("sail", sail)]


def files(table, snapshot=None):
    """The files of a snapshot."""
    return [uri.removeprefix("file://") for uri in DeltaTable(path(table), version=snapshot).file_uris()]


def parts(table):
    """The files of rows that lie in the folder."""
    found = Path("lake", table).resolve().rglob("*.parquet")
    return [str(p) for p in found if "_delta_log" not in p.parts and "_highwater" not in p.parts]


def pruned(fail):
    """Statistics and partitions of the log lead a filter to few files, and to all that have rows of it."""
    import polars

    for table, column, value in [("views", "date", None), ("by_code", "postcode", "AB7")]:
        rows = delta_rs(table)
        value = value or sorted(set(rows[column].to_pylist()))[1]
        want = sum(v == value for v in rows[column].to_pylist())
        have = polars.scan_delta(path(table)).filter(polars.col(column) == value).collect().height
        if have != want:
            fail(f"a filter of {table} gives {have} rows, and not {want}")
    actions = DeltaTable(path("views")).get_add_actions(flatten=True)
    least, most = (actions.column(f"{end}.window_start").to_pylist() for end in ("min", "max"))
    if None in least or None in most or any(a > b for a, b in zip(least, most)):
        fail(f"the bounds of views are {least} and {most}")
    # Bounds beyond the file's own would still be right; each value has to lie in them.
    for at, file in enumerate(files("views")):
        import pyarrow.parquet as pq

        values = pq.read_table(file, partitioning=None)
        for name in values.column_names:
            known = values[name].drop_null()
            low, high = (actions.column(f"{end}.{name}").to_pylist() if f"{end}.{name}" in actions.schema.names else None for end in ("min", "max"))
            by_path = [unquote(p) for p in actions.column("path").to_pylist()]
            row = next(i for i, p in enumerate(by_path) if file.endswith(p))
            for v in known.to_pylist():
                if (low and low[row] is not None and v < low[row]) or (high and high[row] is not None and v > high[row]):
                    fail(f"{file}: {name} is {v}, outside of {low[row]} to {high[row]}")
    print("filters: partitions and statistics lead to all rows")


def meddled(highwater, described, fail):
    """Other programs commit; the next run refuses what changes rows, and goes on after a restore."""
    ours = DeltaTable(path("views")).version()
    checks = [
        ("a delete", lambda table: table.delete("postcode = 'AB7'")),
        ("a compaction", lambda table: table.optimize.z_order(["postcode"])),
        ("an append", lambda table: __import__("deltalake").write_deltalake(table, table.to_pyarrow_table().slice(0, 1), mode="append")),
    ]
    for what, change in checks:
        table = DeltaTable(path("views"))
        version = table.version()
        change(table)
        if DeltaTable(path("views")).version() == version:
            print(f"another program: {what} did nothing")
            continue
        lies = lambda: [p for p in sorted(map(str, Path("lake").rglob("*"))) if "lock" not in p]
        before = lies()
        for args in [("run", "table.toml"), ("backfill", "table.toml", "late/late.csv")]:
            text = highwater(*args, code=4)
            if "another program has changed the table" not in text or f"restore version {ours}" not in text:
                fail(f"{args[0]} over {what} of another program says: {text}")
        if lies() != before:
            fail(f"a run that refuses {what} changed files")
        if "another program" not in described()["views"].get("problem", ""):
            fail("`tables` does not name the change")
        DeltaTable(path("views")).restore(ours)
        highwater("run", "table.toml")
    table = DeltaTable(path("views"))
    table.alter.set_table_properties({"owner": "somebody", "delta.logRetentionDuration": "interval 60 days"}, raise_if_not_exists=False)
    table = DeltaTable(path("views"))
    table.create_checkpoint()
    table.vacuum(retention_hours=0, dry_run=False, enforce_retention_duration=False)
    highwater("run", "table.toml")
    highwater("backfill", "table.toml", "late/late.csv")
    if DeltaTable(path("views")).metadata().configuration.get("owner") != "somebody":
        fail("a property of another program is gone")
    raced(highwater, fail)
    print("another program: deletes, compactions and appends are named, and not written over; a property, a checkpoint and a vacuum are borne")


def raced(highwater, fail):
    """Another program and a backfill commit at once: each commit is there at the end, once, or was refused and is made again."""
    import subprocess
    import threading

    first = DeltaTable(path("views")).version()
    again = {"theirs": 0, "ours": 0}
    rounds = 20

    def theirs(number):
        while True:
            try:
                DeltaTable(path("views")).alter.set_table_properties({f"round{number}": "done"}, raise_if_not_exists=False)
                return
            except Exception:  # Their commit met ours.
                again["theirs"] += 1

    for number in range(rounds):
        writer = threading.Thread(target=theirs, args=(number,))
        writer.start()
        args = ["backfill", "table.toml", "late/late.csv", *(["--retract"] if number % 2 == 0 else [])]
        while True:
            done = subprocess.run([highwater.binary, *args], capture_output=True, text=True)
            if done.returncode == 0:
                break
            if done.returncode != 4 or "another program has committed" not in done.stderr:
                fail(f"a backfill beside another writer ended with {done.returncode}: {done.stderr}")
            again["ours"] += 1
        writer.join()
    table = DeltaTable(path("views"))
    missing = [n for n in range(rounds) if table.metadata().configuration.get(f"round{n}") != "done"]
    if missing or table.version() != first + 2 * rounds:
        fail(f"after {rounds} rounds the version is {table.version()}, and not {first + 2 * rounds}; properties {missing} are missing")
    highwater("run", "table.toml")
    print(f"two writers: {rounds} rounds, {again['ours']} of our commits and {again['theirs']} of theirs were made again, none is lost")
