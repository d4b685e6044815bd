"""Tables of Iceberg, for `tables.py`: how engines that are not ours read them, and what another program does to them."""
import glob
import os
import shutil
from pathlib import Path

from pyiceberg.table import StaticTable

name = "iceberg"
needed = "pyiceberg"


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
    return [("pyiceberg", lambda: pyiceberg), ("polars", polars), ("duckdb", duckdb)]


def files(table, snapshot=None):
    """The files of a snapshot."""
    scan = StaticTable.from_metadata(metadata(table)).scan(snapshot_id=snapshot)
    return [task.file.file_path for task in scan.plan_files()]


def parts(table):
    """The files of rows that lie in the folder."""
    found = Path("lake", table, "data").resolve().rglob("*.parquet")
    return [str(p) for p in found if "_highwater" not in p.parts]


def pruned(fail):
    """A filter on the time of the window reads few files, by the hidden partition."""
    table = StaticTable.from_metadata(metadata("views"))
    few = list(table.scan(row_filter="window_start >= '2024-06-01T02:00:00+00:00' and window_start < '2024-06-01T03:00:00+00:00'").plan_files())
    if len(few) != 1:
        fail(f"an hour of views is planned to be read from {len(few)} files")
    few = list(StaticTable.from_metadata(metadata("by_code")).scan(row_filter="postcode == 'AB7'").plan_files())
    if len(few) != 1:
        fail(f"a postcode is planned to be read from {len(few)} files")
    print("filters: one file of each is planned")


def meddled(highwater, described, fail):
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
