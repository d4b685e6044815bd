#!/usr/bin/env python3
"""Tables and single files on a real SeaweedFS (S3) and a real Azurite (Azure Blob Storage), beside the same outputs on the disk.

    python3 -m venv V && V/bin/pip install 'pyiceberg[pyarrow]' adlfs polars duckdb==1.5.5 duckdb-extension-httpfs==1.5.5 duckdb-extension-iceberg==1.5.5 duckdb-extension-avro==1.5.5
    V/bin/python scripts/store_outputs.py --binary target/release/highwater

The servers are those of stores.py, on loopback. Runs a job, repeats it, corrects it with a late file, takes that out again and expires
old snapshots; each command from a folder without any state. After each, PyIceberg must read the rows of the local tables from
the store, at every snapshot, DuckDB those of the current one by the folder of the table (on S3, where its extensions are installed), and the
single file must have the same bytes; deltalake reads tables of Delta Lake, where it is installed. Then a proxy before SeaweedFS ends the connection
at each request that writes, in turn: before the server has it, and after, so that the answer is lost. The command must still
give the same rows. With --speed, jobs from and to SeaweedFS are timed beside the disk, and beside DuckDB and Polars where they are installed.
"""
import argparse
import glob
import importlib
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import pyarrow as pa
from pyiceberg.table import StaticTable

import stores

LOG = "at,postcode,user\n" + "".join(f"2024-06-{1 + i % 3:02}T{i % 24:02}:{i * 7 % 60:02}:05Z,P{i % 5},{i}\n" for i in range(400))
LATE = "at,postcode,user\n2024-06-01T13:00:50Z,P1,9001\n2024-06-03T02:00:50Z,P9,9002\n"
JOB = """
name = "views"
[source]
path = "log/*.csv"
time = "at"

[[output]]
path = "{out}/raw"
table = "iceberg"
partition_by = ["date"]

[[output]]
path = "{out}/views"
table = "iceberg"
window = {{ tumbling = "1m" }}
by = ["postcode"]
select = {{ views = "count(*)", users = "count(distinct user)" }}
partition_by = ["date"]

[[output]]
path = "{out}/days.csv"
window = {{ tumbling = "1 day" }}
by = ["postcode"]
select = {{ views = "count(*)" }}
"""
TABLES = ("raw", "views")
DELTA = JOB.replace('"iceberg"', '"delta"')


class Store:
    """A store: how our command finds it, and how PyIceberg does."""

    duck = None

    def __init__(self, name, root, env, properties, fetch):
        self.name, self.root, self.env, self.properties, self.fetch = name, root, env, properties, fetch

    def metadata(self, table, version):
        return f"{self.root}/{table}/metadata/v{version}.metadata.json"


def highwater(binary, out, args, env, job=JOB):
    """Runs a command in a new folder, which has the log and the job alone."""
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        (folder / "log").mkdir()
        (folder / "log" / "a.csv").write_text(LOG)
        (folder / "late.csv").write_text(LATE)
        (folder / "job.toml").write_text(job.format(out=out))
        done = subprocess.run([binary, *args], cwd=folder, env={**os.environ, **env}, capture_output=True, text=True)
        if done.returncode:
            sys.exit(f"{' '.join(args)} to {out}: exit {done.returncode}\n{done.stderr}")
        return done.stdout, done.stderr


def described(binary, out, env):
    """The tables, by name: version and ids of snapshots."""
    told, _ = highwater(binary, out, ["tables", "job.toml", "--json"], env)
    tables = json.loads(told[: told.rindex("]") + 1])
    return {t["path"].rsplit("/", 1)[1]: (t["version"], [s["snapshot"] for s in t["history"]]) for t in tables if "history" in t}


def duckdb(port, *names):
    """A session of DuckDB that knows the store at this port."""
    import duckdb

    db = duckdb.connect(config={"allow_unsigned_extensions": "true"})
    for name in names:
        module = importlib.import_module(f"duckdb_extension_{name}")
        found = glob.glob(os.path.dirname(module.__file__) + "/**/*.duckdb_extension", recursive=True)
        db.execute(f"LOAD '{found[0]}'")
    db.execute("SET TimeZone = 'UTC'")
    db.execute(f"CREATE SECRET (TYPE s3, KEY_ID 'test', SECRET 'testtest', ENDPOINT '127.0.0.1:{port}', USE_SSL false, URL_STYLE 'path', REGION 'us-east-1')")
    return db


def as_text(table):
    # PyIceberg calls the same zone by another name.
    fields = [pa.field(f.name, pa.timestamp("us", "UTC")) if pa.types.is_timestamp(f.type) else pa.field(f.name, pa.string() if pa.types.is_large_string(f.type) else f.type) for f in table.schema]
    return sorted(map(str, table.cast(pa.schema(fields)).to_pylist()))


def rows(metadata, properties, snapshot):
    table = StaticTable.from_metadata(metadata, properties=properties).scan(snapshot_id=snapshot).to_arrow()
    return as_text(table)


def same(binary, store, local, what):
    """The rows of each snapshot, and the bytes of the file, are those of the disk."""
    there, here = described(binary, store.root, store.env), described(binary, str(local), {})
    for table in TABLES:
        (version, snapshots), (own_version, own) = there[table], here[table]
        if len(snapshots) != len(own):
            sys.exit(f"{store.name}, {what}: {table} has {len(snapshots)} snapshots, and not {len(own)}")
        for one, other in zip(snapshots, own):
            remote = rows(store.metadata(table, version), store.properties, one)
            if remote != rows(str(local / table / "metadata" / f"v{own_version}.metadata.json"), {}, other):
                sys.exit(f"{store.name}, {what}: other rows in {table} at its snapshot {one}")
        if store.duck and store.duck(table) != rows(str(local / table / "metadata" / f"v{own_version}.metadata.json"), {}, own[-1]):
            sys.exit(f"{store.name}, {what}: DuckDB reads other rows in {table}")
    if store.fetch("days.csv") != (local / "days.csv").read_bytes():
        sys.exit(f"{store.name}, {what}: another days.csv")


def life(binary, store, folder):
    """A run, its repetition, a late file, its retraction, an expiry."""
    local = folder / f"local-{store.name}"
    for args in (["run"], ["run"], ["backfill", "late.csv"], ["backfill", "late.csv"], ["backfill", "--retract", "late.csv"], ["expire", "--older-than", "0d"]):
        args = [args[0], "job.toml", *args[1:]]
        highwater(binary, str(local), args, {})
        begin = time.monotonic()
        highwater(binary, store.root, args, store.env)
        took = time.monotonic() - begin
        same(binary, store, local, " ".join(args))
        print(f"{store.name}: {' '.join(args)}: the same rows and bytes ({took:.1f} s)", flush=True)


def delta(binary, store, folder):
    """The same tables as tables of Delta Lake, read by deltalake at each version, where it is installed."""
    try:
        from deltalake import DeltaTable
    except ImportError:
        print("deltalake is left out: it is not installed")
        return
    local, remote, told = folder / "local-delta", f"{store.root}-delta", {**store.env, "AWS_ALLOW_HTTP": "true"}
    for args in (["run"], ["backfill", "late.csv"], ["backfill", "--retract", "late.csv"], ["expire", "--older-than", "0d"]):
        args = [args[0], "job.toml", *args[1:]]
        highwater(binary, str(local), args, {}, DELTA)
        highwater(binary, remote, args, store.env, DELTA)
        for name in TABLES:
            newest = DeltaTable(str(local / name)).version()
            for version in [newest] if args[0] == "expire" else range(newest + 1):
                here = DeltaTable(str(local / name), version=version).to_pyarrow_table()
                there = DeltaTable(f"{remote}/{name}", version=version, storage_options=told).to_pyarrow_table()
                if not here.num_rows or as_text(here) != as_text(there):
                    sys.exit(f"{store.name}: {' '.join(args)}: other rows in the version {version} of {name}")
    print(f"{store.name}: tables of Delta Lake: deltalake reads the same rows at each version")


class Ending:
    """A proxy that ends the connection at the request number `at` of those that write, before or after the server has it."""

    def __init__(self, to):
        self.to, self.at, self.after, self.seen, self.ended = to, None, False, 0, False
        self.lock = threading.Lock()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def plan(self, at, after):
        self.at, self.after, self.seen, self.ended = at, after, 0, False

    def accept(self):
        while True:
            client, _ = self.listener.accept()
            server = socket.create_connection(("127.0.0.1", self.to))
            for s in (client, server):
                s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            mute = threading.Event()
            threading.Thread(target=self.requests, args=(client, server, mute), daemon=True).start()
            threading.Thread(target=self.answers, args=(server, client, mute), daemon=True).start()

    def requests(self, client, server, mute):
        try:
            while data := client.recv(1 << 16):
                if data.split(b" ", 1)[0] in (b"PUT", b"POST", b"DELETE"):
                    with self.lock:
                        hit = self.seen == self.at
                        self.seen += 1
                    if hit:
                        self.ended = True
                        if not self.after:
                            break
                        mute.set()
                server.sendall(data)
        except OSError:
            pass
        self.close(client, server)

    def answers(self, server, client, mute):
        try:
            while data := server.recv(1 << 16):
                if mute.is_set():
                    break
                client.sendall(data)
        except OSError:
            pass
        self.close(client, server)

    @staticmethod
    def close(*sockets):
        for s in sockets:
            try:
                s.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass


def ended(binary, store, servers, folder):
    """The connection ends at each request that writes."""
    proxy = Ending(servers.s3)
    env = {**store.env, "AWS_ENDPOINT_URL": f"http://127.0.0.1:{proxy.port}"}
    local = folder / "local-ended"
    highwater(binary, str(local), ["run", "job.toml"], {})
    proxy.plan(None, False)
    highwater(binary, f"{store.root}-whole", ["run", "job.toml"], env)
    count = proxy.seen
    for tried in range(count):
        for after in (False, True):
            there = Store(store.name, f"{store.root}-{tried}-{int(after)}", env, store.properties, lambda name: None)
            proxy.plan(tried, after)
            highwater(binary, there.root, ["run", "job.toml"], env)
            if not proxy.ended:
                sys.exit(f"the request {tried} was not made again")
            there.env = store.env
            key = f"{there.root.split('/', 3)[3]}/days.csv"
            there.fetch = lambda name: stores.ask(stores.signed_s3("GET", f"http://127.0.0.1:{servers.s3}/bucket/{key}", b""))
            same(binary, there, local, f"connection ended at {tried}, after: {after}")
    print(f"a proxy that ended the connection at each of {count} requests, before and after the server had it: the same rows and bytes")


def speed(binary, folder, servers, store, megabytes):
    """Counts per postcode and minute, and raw page views to Parquet, from and to SeaweedFS beside the disk."""
    lines = megabytes * 1_000_000 // 36
    logs = folder / "views"
    logs.mkdir()
    for part in range(4):
        with open(logs / f"{part}.csv", "w") as out:
            out.write("at,postcode,user\n")
            out.writelines(f"2024-06-{1 + i % 3:02}T{i % 24:02}:{i * 7 % 60:02}:{i % 60:02}Z,P{i % 900},{i}\n" for i in range(part * lines // 4, (part + 1) * lines // 4))
        stores.ask(stores.signed_s3("PUT", f"http://127.0.0.1:{servers.s3}/bucket/views/{part}.csv", (logs / f"{part}.csv").read_bytes()))
    counted = 'window = { tumbling = "1m" }\nby = ["postcode"]\nselect = { views = "count(*)" }\n'
    works = {"count per postcode and minute": ("n.parquet", counted), "page views by date and hour": ("raw", 'table = "iceberg"\npartition_by = ["date", "hour"]\n')}
    others = peers(servers, folder)
    for work, (name, output) in works.items():
        times = {}
        for turn in range(2):
            for where, root, env in (("disk", str(folder), {}), ("SeaweedFS", "s3://bucket", store.env)):
                at = folder / "speed.toml"
                at.write_text(f'[source]\npath = "{root}/views/*.csv"\ntime = "at"\n[[output]]\npath = "{root}/speed-{turn}/{name}"\n{output}')
                begin = time.monotonic()
                subprocess.run([binary, "run", at], cwd=folder, env={**os.environ, **env}, check=True, stderr=subprocess.DEVNULL)
                times.setdefault(where, []).append(time.monotonic() - begin)
            for peer, queries in others.items():
                for where, query in queries[work].items():
                    shutil.rmtree(folder / "peer", ignore_errors=True)
                    (folder / "peer").mkdir()
                    begin = time.monotonic()
                    query()
                    times.setdefault(f"{peer}, {where}", []).append(time.monotonic() - begin)
        print(f"{work}, {megabytes} MB: " + ", ".join(f"{who} {min(t):.2f} s" for who, t in times.items()))
        print(f"  SeaweedFS takes {min(times['SeaweedFS']) / min(times['disk']):.2f} of the time of the disk")
    begin = time.monotonic()
    getting = [threading.Thread(target=lambda part=part: stores.ask(stores.signed_s3("GET", f"http://127.0.0.1:{servers.s3}/bucket/views/{part}.csv", b""))) for part in range(4)]
    [thread.start() for thread in getting]
    [thread.join() for thread in getting]
    print(f"reading the log from SeaweedFS and nothing else: {time.monotonic() - begin:.2f} s")


def peers(servers, folder):
    """DuckDB and Polars doing the same, where they are installed."""
    found = {}
    wanted = ("count per postcode and minute", "page views by date and hour")
    try:
        db = duckdb(servers.s3, "httpfs")

        def count(root):
            return lambda: db.execute(f"COPY (SELECT date_trunc('minute', \"at\") AS w, postcode, count(*) AS views FROM read_csv('{root}/views/*.csv') GROUP BY ALL ORDER BY ALL) TO '{root}/peer/n.parquet'")

        def raw(root):
            return lambda: db.execute(f"COPY (SELECT *, \"at\"::date AS date, hour(\"at\") AS hour FROM read_csv('{root}/views/*.csv') ORDER BY \"at\") TO '{root}/peer/raw' (FORMAT parquet, COMPRESSION zstd, PARTITION_BY (date, hour), OVERWRITE_OR_IGNORE)")

        found["DuckDB"] = {name: {"disk": make(str(folder)), "SeaweedFS": make("s3://bucket")} for name, make in zip(wanted, (count, raw))}
    except Exception as error:  # Not installed, or of another version.
        print(f"DuckDB is left out: {str(error).splitlines()[0]}")
    try:
        import polars as pl

        options = {"aws_endpoint_url": f"http://127.0.0.1:{servers.s3}", "aws_access_key_id": "test", "aws_secret_access_key": "testtest", "aws_region": "us-east-1", "aws_allow_http": "true"}

        def views(root):
            return pl.scan_csv(f"{root}/views/*.csv", try_parse_dates=True, storage_options=options if "://" in root else None)

        def counted(root):
            told = options if "://" in root else None
            return lambda: views(root).group_by(pl.col("at").dt.truncate("1m"), "postcode").len().sort("at", "postcode").sink_parquet(f"{root}/peer/n.parquet", storage_options=told)

        # Polars has no sink of folders that could be compared in both versions, so it writes one file.
        def whole(root):
            told = options if "://" in root else None
            return lambda: views(root).sort("at").sink_parquet(f"{root}/peer/raw.parquet", compression="zstd", storage_options=told)

        found["Polars"] = {name: {"disk": make(str(folder)), "SeaweedFS": make("s3://bucket")} for name, make in zip(wanted, (counted, whole))}
    except Exception as error:
        print(f"Polars is left out: {str(error).splitlines()[0]}")
    return found


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--binary", default="target/release/highwater")
    arguments.add_argument("--cache", type=Path, default=Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "highwater-stores")
    arguments.add_argument("--speed", type=int, metavar="MB", default=0, help="time logs of so many megabytes, and nothing else")
    given = arguments.parse_args()
    binary = str(Path(given.binary).resolve())
    given.cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        servers = stores.Servers(folder, given.cache)
        try:
            stores.ask(stores.signed_s3("PUT", f"http://127.0.0.1:{servers.s3}/bucket", b""))
            stores.ask(stores.signed_azure("PUT", servers.blob, "bucket", {"restype": "container"}, b"", {}))
            endpoint = f"http://127.0.0.1:{servers.s3}"
            s3 = Store(
                "SeaweedFS", "s3://bucket/lake",
                {"AWS_ENDPOINT_URL": endpoint, "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "testtest", "AWS_REGION": "us-east-1"},
                {"s3.endpoint": endpoint, "s3.access-key-id": "test", "s3.secret-access-key": "testtest", "s3.region": "us-east-1"},
                lambda name: stores.ask(stores.signed_s3("GET", f"{endpoint}/bucket/lake/{name}", b"")),
            )
            blob = f"http://127.0.0.1:{servers.blob}/{stores.ACCOUNT}"
            azure = Store(
                # Other engines know this form of an address, so it is the one that the metadata should have.
                "Azurite", f"abfss://bucket@{stores.ACCOUNT}.dfs.core.windows.net/lake",
                {"AZURE_STORAGE_ACCOUNT_NAME": stores.ACCOUNT, "AZURE_STORAGE_ACCOUNT_KEY": stores.KEY, "AZURE_STORAGE_ENDPOINT": blob},
                {"adls.connection-string": f"DefaultEndpointsProtocol=http;AccountName={stores.ACCOUNT};AccountKey={stores.KEY};BlobEndpoint={blob};",
                 "py-io-impl": "pyiceberg.io.fsspec.FsspecFileIO"},
                lambda name: stores.ask(stores.signed_azure("GET", servers.blob, f"bucket/lake/{name}", {}, b"", {})),
            )
            if given.speed:
                speed(binary, folder, servers, s3, given.speed)
                return
            try:
                db = duckdb(servers.s3, "httpfs", "avro", "iceberg")
                s3.duck = lambda table: as_text(db.sql(f"SELECT * FROM iceberg_scan('{s3.root}/{table}')").to_arrow_table())
            except Exception as error:  # Not installed, or of another version.
                print(f"DuckDB is left out: {str(error).splitlines()[0]}")
            life(binary, s3, folder)
            life(binary, azure, folder)
            delta(binary, s3, folder)
            ended(binary, s3, servers, folder)
        finally:
            servers.end()


if __name__ == "__main__":
    main()
