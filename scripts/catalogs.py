"""Iceberg tables in a REST catalog, with Iceberg's own Java library as the catalog and PyIceberg as the reader; and tables whose
catalog is the folder, on which Java and Sail delete rows. Then the same commands with
files and metadata on the store of SeaweedFS, where scripts/stores.py has put that.

    python3 -m venv V && V/bin/pip install 'pyiceberg[pyarrow,pyiceberg-core]' && V/bin/pip install --no-deps bodo-iceberg-connector
    V/bin/pip install pysail pyspark-client      # optional: without them Sail is left out
    V/bin/python scripts/catalogs.py             # exits 1 at the first difference; needs Java 17 with javac

The package bodo-iceberg-connector has the jars of Iceberg. A job runs with tables in the catalog and with plain folders: after
the run, a repeat, a backfill, a retraction, an edit that adds a column, and an expiry, PyIceberg must read the rows of the plain
folders through the catalog, and each command that changes rows must be one snapshot. Then other programs commit: the next run
must name that and change nothing, and after a roll back by the same program it must go on.
"""
import glob
import importlib.util
import json
import os
import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path

import pyarrow as pa
import pyarrow.fs
import pyarrow.parquet as pq
from pyiceberg.catalog import load_catalog

from commands import fail, highwater
from stores import port

ROOT = Path(__file__).resolve().parent.parent

JOB = """
name = "views"
[source]
path = "logs/*.csv"
time = "at"
types = {{ price = "decimal(9,2)" }}

[[output]]
path = "{out}/events"
{events}
partition_by = ["date", "hour"]

[[output]]
path = "{archive}"
archive = true

[[output]]
path = "{out}/views"
{views}
window = {{ tumbling = "1h" }}
by = ["code"]
select = {{ n = "count(*)", total = "sum(price)" {more} }}
partition_by = ["date"]
"""
TABLES = ["events", "views"]


def both(*args):
    for job in ["table.toml", "plain.toml"]:
        highwater(*(job if arg == "JOB" else arg for arg in args))


def jobs(uri, more="", out="lake"):
    def table(name):
        where = f'catalog = {{ uri = "{uri}", table = "lake.deep.{name}" }}' if uri else ""
        return f'table = "iceberg"\n{where}'

    tables = {name: table(name) for name in TABLES}
    Path("table.toml").write_text(JOB.format(out=out, archive="lake/archive", more=more, **tables))
    Path("plain.toml").write_text(JOB.format(out="plain", archive="plain/archive", more=more, **{name: "" for name in TABLES}))


def write_logs():
    os.makedirs("logs"), os.makedirs("late")

    def rows(seed, count, step):
        state, at = seed, 1_717_200_000
        for _ in range(count):
            state = (state * 6364136223846793005 + 1442695040888963407) % 2**64
            at += (state >> 40) % step
            code = ["AB7", "CM3", "Zürich", "", "WC25", "a=b/c"][(state >> 20) % 6]
            yield f"{code},{time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime(at))},{(state >> 13) % 10000 / 100:.2f}"

    for name, seed, count, step in [("logs/1.csv", 1, 3000, 90), ("late/late.csv", 3, 12, 9000)]:
        Path(name).write_text("\n".join(["code,at,price", *rows(seed, count, step)]) + "\n")


def plain(name):
    files = [f for f in glob.glob(f"plain/{name}/**/*.parquet", recursive=True) if "_highwater" not in f]
    return pa.concat_tables([pq.read_table(file, partitioning=None) for file in files])


def ordered(table, columns):
    """The rows of the columns, as text, sorted."""
    texts = []
    for column in table.select(columns).columns:
        column = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
        if pa.types.is_dictionary(column.type):
            column = column.cast(column.type.value_type)
        if pa.types.is_timestamp(column.type):
            column = column.cast(pa.timestamp("us", "UTC")).cast(pa.int64())
        texts.append([None if v is None else str(v) for v in column.to_pylist()])
    return sorted(zip(*texts), key=lambda row: [(v is not None, v or "") for v in row])


class Java:
    """Programs that use Iceberg's library."""

    def __init__(self):
        found = importlib.util.find_spec("bodo_iceberg_connector")
        if not found:
            fail("the package bodo-iceberg-connector is not installed")
        jars = Path(found.submodule_search_locations[0], "jars")
        self.path = f"{jars}/*:{jars}/libs/*:{os.getcwd()}/classes"
        subprocess.run(["javac", "-cp", self.path, "-d", "classes", str(ROOT / "scripts/iceberg_java.java")], check=True)

    def run(self, *args):
        done = subprocess.run(["java", "-cp", self.path, "IcebergJava", *args], capture_output=True, text=True)
        if done.returncode:
            fail(f"Java: {' '.join(args)}: {done.stdout}{done.stderr}")
        return done.stdout.split()

    def serve(self, *store):
        at = port()
        server = subprocess.Popen(["java", "-cp", self.path, "IcebergJava", "serve", str(at), os.getcwd() + "/warehouse", *store], stdout=subprocess.PIPE, text=True)
        if server.stdout.readline().strip() != "serving":
            fail("the catalog does not start")
        return server, f"http://127.0.0.1:{at}"


class Checks:
    def __init__(self, catalog, namespace, who):
        self.catalog, self.namespace, self.who = catalog, namespace, who
        self.snapshots = 0

    def table(self, name):
        return self.catalog.load_table((*self.namespace, name))

    def now(self, what, more=1):
        """Each table has the rows of the plain folder, by so many more snapshots."""
        self.snapshots += more
        for name in TABLES:
            table = self.table(name)
            want = plain(name)
            columns = [field.name for field in table.schema().fields]
            have, rows = ordered(table.scan().to_arrow(), columns), ordered(want, columns)
            if have != rows:
                fail(f"{what}: {name}: {len(have)} rows, and not {len(rows)}; {[pair for pair in zip(have, rows) if pair[0] != pair[1]][:3]}")
            if len(table.metadata.snapshots) != self.snapshots:
                fail(f"{what}: {name} has {len(table.metadata.snapshots)} snapshots, and not {self.snapshots}")
        print(f"{what}: PyIceberg reads {len(TABLES)} tables alike, through the catalog of {self.who}")

    def commands(self, job):
        """Each command, and what it has to leave; `job` writes the jobs."""
        job("")
        both("run", "JOB")
        self.now("run")
        both("run", "JOB")
        self.now("run again", 0)
        both("backfill", "JOB", "late/late.csv")
        self.now("backfill")
        both("backfill", "JOB", "late/late.csv", "--retract")
        self.now("retraction")
        # The edit is of one output: the other gets a snapshot without new files.
        job(', most = "max(price)"')
        both("run", "JOB")
        highwater("expire", "table.toml", "--older-than", "0d")
        self.snapshots = 1
        self.now("edit and expiry", 0)
        both("run", "JOB")
        self.now("after an expiry", 0)


def in_a_catalog(java):
    server, uri = java.serve()
    try:
        os.environ["HIGHWATER_CATALOG_CREDENTIAL"] = "me:secret"
        catalog = load_catalog("c", type="rest", uri=uri, token="let-me-in")
        checks = Checks(catalog, ("lake", "deep"), "Iceberg's Java library")
        checks.commands(lambda more: jobs(uri, more))
        read_back(uri)
        meddled(checks)
        for path in Path(".").rglob("*"):
            if path.is_file() and path.suffix != ".class" and (b"let-me-in" in path.read_bytes() or b"me:secret" in path.read_bytes()):
                fail(f"{path} has a credential")
    finally:
        server.kill()


def on_a_store(java):
    """The catalog writes its metadata to a store, where the files of the tables are too."""
    weed = Path(os.environ.get("HIGHWATER_STORES", Path.home() / ".cache/highwater-stores"), "seaweedfs/bin/weed")
    if not weed.exists():
        print(f"SeaweedFS is left out: scripts/stores.py puts it at {weed}")
        return
    shutil.rmtree("lake", ignore_errors=True), shutil.rmtree("plain", ignore_errors=True)
    os.makedirs("weed")
    Path("s3.json").write_text(json.dumps({"identities": [{"name": "test", "credentials": [{"accessKey": "test", "secretKey": "testtest"}], "actions": ["Admin", "Read", "Write", "List", "Tagging"]}]}))
    master, volume, filer, s3 = (port() for _ in range(4))
    running = [subprocess.Popen([weed, "server", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-dir=weed", "-master.telemetry=false", f"-master.port={master}", f"-volume.port={volume}", "-volume.max=20",
                                 "-filer", f"-filer.port={filer}", "-s3", f"-s3.port={s3}", "-s3.config=s3.json"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)]
    variables = {"AWS_ENDPOINT_URL": f"http://127.0.0.1:{s3}", "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "testtest", "AWS_REGION": "us-east-1", "HIGHWATER_CATALOG_TOKEN": "let-me-in"}
    try:
        for _ in range(60):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", s3)) == 0:
                    break
            time.sleep(0.5)
        store = pyarrow.fs.S3FileSystem(access_key="test", secret_key="testtest", region="us-east-1", endpoint_override=variables["AWS_ENDPOINT_URL"], allow_bucket_creation=True)
        store.create_dir("bucket")
        os.environ.update(variables)
        server, uri = java.serve(variables["AWS_ENDPOINT_URL"])
        running.append(server)
        catalog = load_catalog("w", **{"type": "rest", "uri": uri, "token": "let-me-in", "s3.endpoint": variables["AWS_ENDPOINT_URL"], "s3.access-key-id": "test",
                                       "s3.secret-access-key": "testtest", "s3.region": "us-east-1"})
        checks = Checks(catalog, ("lake", "deep"), "Iceberg's Java library, on the store of SeaweedFS")
        checks.commands(lambda more: jobs(uri, more, "s3://bucket/lake"))
    finally:
        for process in running:
            process.kill()
        for name in variables:
            os.environ.pop(name, None)


def read_back(uri):
    """A table of the catalog as the source of a job."""
    Path("reader.toml").write_text(f'[source]\ncatalog = {{ uri = "{uri}", table = "lake.deep.events" }}\ntime = "at"\n[[output]]\npath = "codes.csv"\nselect = {{ n = "count(*)" }}\n')
    highwater("run", "reader.toml")
    if Path("codes.csv").read_text() != f"n\n{plain('events').num_rows}\n":
        fail(f"a job over the table of the catalog counts {Path('codes.csv').read_text()}")
    print("a table of the catalog is the source of a job")


def meddled(checks):
    """PyIceberg deletes rows through the catalog; the next run refuses, and after its roll back goes on."""
    table = checks.table("views")
    ours = table.metadata.current_snapshot_id
    table.delete("code == 'AB7'")
    text = highwater("run", "table.toml", code=4)
    if "another program has changed the table" not in text or str(ours) not in text:
        fail(f"a run over the commit of PyIceberg says: {text}")
    text = highwater("backfill", "table.toml", "late/late.csv", code=4)
    if "another program has changed the table" not in text:
        fail(f"a backfill over the commit of PyIceberg says: {text}")
    table.refresh()
    with table.manage_snapshots() as manage:
        manage.rollback_to_snapshot(ours)
    both("backfill", "JOB", "late/late.csv")
    for name in TABLES:
        columns = [field.name for field in checks.table(name).schema().fields]
        have = ordered(checks.table(name).scan().to_arrow(), columns)
        if have != ordered(plain(name), columns):
            fail(f"after a roll back: {name} has other rows than the plain folder")
    print("PyIceberg: its delete is named and not written over; after its roll back a backfill goes on")


def in_a_folder(java):
    """Java and Sail delete rows of tables whose catalog is the folder."""
    os.environ.pop("HIGHWATER_CATALOG_CREDENTIAL", None)
    shutil.rmtree("lake"), shutil.rmtree("plain")
    jobs("")
    both("run", "JOB")
    folder = os.path.abspath("lake/events")
    current = java.run("current", folder)[0]
    # A file of the table is an hour, so Java takes whole files.
    operation, theirs = java.run("delete", folder, "1717200000000000", "1717203600000000")
    refused("Java", operation, theirs)
    java.run("rollback", folder, current)
    both("backfill", "JOB", "late/late.csv")
    files = int(java.run("files", folder)[0])
    want = len([f for f in glob.glob("plain/events/**/*.parquet", recursive=True) if "_highwater" not in f])
    if files != want:
        fail(f"after the roll back Java plans {files} files, and not {want}")
    print("Java: its delete is named and not written over; after its roll back a backfill goes on")


def by_sail():
    """Sail reads a table whose catalog is the folder, and deletes rows of it."""
    try:
        from pysail.spark import SparkConnectServer
        from pyspark.sql import SparkSession
    except ImportError as missing:
        print(f"Sail is left out: {missing}")
        return
    server = SparkConnectServer(port=0)
    server.start(background=True)
    spark = SparkSession.builder.remote(f"sc://127.0.0.1:{server.listening_address[1]}").getOrCreate()
    folder = os.path.abspath("lake/views")
    have = spark.read.format("iceberg").load(folder).select("code", "n").collect()
    want = plain("views").select(["code", "n"]).to_pylist()
    key = lambda row: (row[0] is not None, row[0] or "", row[1])
    if sorted(map(tuple, have), key=key) != sorted((tuple(row.values()) for row in want), key=key):
        fail(f"Sail reads {len(have)} rows, and not {len(want)}, or others")
    spark.sql(f"DELETE FROM iceberg.`{folder}` WHERE code = 'AB7'").collect()
    metadata = Path(folder, "metadata")
    newest = json.loads((metadata / f"v{(metadata / 'version-hint.text').read_text().strip()}.metadata.json").read_text())
    snapshot = next(one for one in newest["snapshots"] if one["snapshot-id"] == newest["current-snapshot-id"])
    refused("Sail", snapshot["summary"]["operation"], snapshot["snapshot-id"])
    spark.stop()
    server.stop()
    print("Sail: it reads the rows of the plain folder; its delete is named and not written over")


def refused(who, operation, theirs):
    before = {path: path.read_bytes() for path in Path("lake").rglob("*") if path.is_file() and path.name != "lock"}
    for args in [("run", "table.toml"), ("backfill", "table.toml", "late/late.csv")]:
        text = highwater(*args, code=4)
        if f"its snapshot {theirs} is a" not in text or f"`{operation}`" not in text:
            fail(f"{args[0]} over the {operation} of {who} says: {text}")
    after = {path: path.read_bytes() for path in Path("lake").rglob("*") if path.is_file() and path.name != "lock"}
    if before != after:
        fail(f"a run that was refused over the commit of {who} changed files")


def main():
    home = Path(tempfile.mkdtemp(prefix="highwater-catalogs-"))
    os.chdir(home)
    try:
        write_logs()
        java = Java()
        in_a_catalog(java)
        in_a_folder(java)
        by_sail()
        on_a_store(java)
    finally:
        os.chdir("/")
        shutil.rmtree(home)


if __name__ == "__main__":
    main()
