#!/usr/bin/env python3
"""Reads tables that other programs wrote: Delta Lake by `deltalake`, Iceberg by PyIceberg.

    scripts/table_inputs.py --highwater target/release/highwater

Each table gets commits (appends, deletes, overwrites, a compaction, a checkpoint, a new column); after each one a job sums the
table by key and hour, at its current snapshot and at all earlier ones. The rows have to be those that the program which wrote
the table reads. `verify` has to find the same, and what is not read has to be refused by name.
"""
import argparse
import csv
import datetime
import decimal
import pathlib
import random
import subprocess
import sys
import tempfile
import venv

PACKAGES = ["deltalake==1.*", "pyiceberg[sql-sqlite,pyarrow,pyiceberg-core]==0.*", "pyarrow"]
ROOT = pathlib.Path(__file__).resolve().parent.parent


def install(folder):
    """A Python with the programs that write tables."""
    python = folder / "bin/python"
    if not python.exists():
        venv.create(folder, with_pip=True)
    marker = folder / "packages.txt"
    if not marker.exists() or marker.read_text() != "\n".join(PACKAGES):
        subprocess.run([python, "-m", "pip", "install", "--quiet", *PACKAGES], check=True)
        marker.write_text("\n".join(PACKAGES))
    return python


class Lab:
    """A folder with a job for each table."""

    def __init__(self, highwater, folder):
        self.highwater, self.folder, self.checks = highwater, pathlib.Path(folder), 0

    def run(self, *command, code=0):
        done = subprocess.run([self.highwater, *map(str, command)], cwd=self.folder, capture_output=True, text=True)
        if done.returncode != code:
            sys.exit(f"{command} ended with {done.returncode}, not {code}\n{done.stdout}{done.stderr}")
        return done.stdout + done.stderr

    def job(self, path, snapshot=None):
        at = f'snapshot = "{snapshot}"\n' if snapshot is not None else ""
        job = self.folder / "job.toml"
        job.write_text(
            f'name = "sums"\n[source]\npath = "{path}"\n{at}time = "at"\n'
            'types = { k = "string", amount = "decimal(12,2)", day = "date" }\n'
            '[[output]]\npath = "out/sums.csv"\nwindow = { tumbling = "1h" }\nby = ["k", "day"]\n'
            'select = { total = "sum(amount)", n = "count(*)" }\n'
        )
        return job

    def same(self, path, rows, snapshot=None):
        """The sums of the table at `path` are those of `rows`."""
        wanted = {}
        for row in rows:
            start = row["at"].replace(minute=0, second=0, microsecond=0)
            key = (start.strftime("%Y-%m-%dT%H:%M:%SZ"), row["k"] or "", row["day"].isoformat())
            total, n = wanted.get(key, (decimal.Decimal(0), 0))
            wanted[key] = (total + row["amount"], n + 1)
        job = self.job(path, snapshot)
        self.run("run", job, "--quiet")
        with open(self.folder / "out/sums.csv", newline="") as file:
            found = {
                (row["window_start"], row["k"], row["day"]): (decimal.Decimal(row["total"]), int(row["n"]))
                for row in csv.DictReader(file)
            }
        if found != wanted:
            odd = [(key, found.get(key), wanted.get(key)) for key in sorted(found.keys() | wanted.keys()) if found.get(key) != wanted.get(key)]
            sys.exit(f"{path} at {snapshot}: {len(odd)} of {len(wanted)} rows differ, such as {odd[:3]}")
        if snapshot is None:
            self.run("verify", job)
        self.checks += 1

    def refused(self, path, words, snapshot=None):
        said = self.run("run", self.job(path, snapshot), code=2)
        if words not in said:
            sys.exit(f"{path}: expected `{words}`, got {said}")
        self.checks += 1


def rows(seed, count):
    """Some rows as an Arrow table; keys may be NULL."""
    import pyarrow

    chance = random.Random(seed)
    begin = datetime.datetime(2024, 6, 1, tzinfo=datetime.timezone.utc)
    at = [begin + datetime.timedelta(seconds=chance.randrange(3 * 86400)) for _ in range(count)]
    return pyarrow.table(
        {
            "at": pyarrow.array(at, pyarrow.timestamp("us", "UTC")),
            "k": pyarrow.array([chance.choice(["a", "b/c", "d=e", "ä %", None]) for _ in at], pyarrow.string()),
            "amount": pyarrow.array([decimal.Decimal(chance.randrange(10**6)).scaleb(-2) for _ in at], pyarrow.decimal128(12, 2)),
            "day": pyarrow.array([time.date() for time in at], pyarrow.date32()),
        }
    )


def delta(lab):
    """Delta Lake: partitioned by two columns, through a checkpoint and a compaction."""
    import deltalake

    for partition in ([], ["day"], ["day", "k"]):
        path = lab.folder / f"delta{len(partition)}"
        deltalake.write_deltalake(str(path), rows(1, 300), partition_by=partition or None)
        table = deltalake.DeltaTable(str(path))
        steps = [
            lambda: deltalake.write_deltalake(str(path), rows(2, 200), mode="append"),
            lambda: table.delete("k = 'a' AND amount > 5000"),
            lambda: table.update(predicate="k = 'b/c'", updates={"amount": "amount + 1"}),
            lambda: table.optimize.compact(),
            lambda: table.create_checkpoint(),
            lambda: deltalake.write_deltalake(str(path), rows(3, 100), mode="append"),
            lambda: deltalake.write_deltalake(str(path), rows(4, 50), mode="overwrite"),
            lambda: table.restore(2),
        ]
        lab.same(path.name, table.to_pyarrow_table().to_pylist())
        for step in steps:
            step()
            table.update_incremental()
            lab.same(path.name, table.to_pyarrow_table().to_pylist())
        for version in range(table.version() + 1):
            old = deltalake.DeltaTable(str(path), version=version)
            lab.same(path.name, old.to_pyarrow_table().to_pylist(), version)
        lab.refused(path.name, "does not have a version 99", 99)
        log = path / "_delta_log"
        for version in range(3):
            (log / f"{version:020}.json").unlink()
        lab.same(path.name, table.to_pyarrow_table().to_pylist())
        lab.refused(path.name, "does not have the commit 0 any more", 1)


def iceberg(lab):
    """Iceberg: with and without hidden partitions, through deletes, overwrites and a new column."""
    from pyiceberg.catalog.sql import SqlCatalog
    from pyiceberg.transforms import BucketTransform, DayTransform, IdentityTransform

    warehouse = lab.folder / "warehouse"
    warehouse.mkdir()
    catalog = SqlCatalog("lab", uri=f"sqlite:///{lab.folder}/catalog.db", warehouse=f"file://{warehouse}")
    catalog.create_namespace("lab")
    for number, partition in enumerate(([], [("at", DayTransform())], [("k", IdentityTransform()), ("day", BucketTransform(4))])):
        table = catalog.create_table(f"lab.t{number}", schema=rows(1, 1).schema)
        with table.update_spec() as spec:
            for place, (column, transform) in enumerate(partition):
                spec.add_field(column, transform, f"p{place}")
        snapshots = []

        def here():
            return table.metadata_location.removeprefix("file://")

        def checked():
            snapshots.append((table.current_snapshot().snapshot_id, table.scan().to_arrow().to_pylist()))
            lab.same(here(), snapshots[-1][1])

        steps = [
            lambda: table.append(rows(1, 300)),
            lambda: table.append(rows(2, 200)),
            lambda: table.delete("k == 'a' and amount > 5000"),
            lambda: table.overwrite(rows(3, 100), overwrite_filter="k == 'b/c'"),
            lambda: table.append(rows(4, 50)),
        ]
        for step in steps:
            step()
            checked()
        folder = pathlib.Path(here()).parent.parent
        lab.refused(folder, "a catalog says which of its metadata files counts")
        with table.update_schema() as schema:
            from pyiceberg.types import StringType

            schema.add_column("note", StringType())
        table.append(rows(5, 40).append_column("note", [["x"] * 40]))
        checked()
        for snapshot, old in snapshots:
            lab.same(here(), old, snapshot)
        # A copy in another place, as a folder that is its own catalog.
        moved = lab.folder / f"moved{number}"
        folder.rename(moved)
        lab.same(moved / "metadata" / pathlib.Path(here()).name, snapshots[-1][1])
        moved.rename(folder)
        with table.update_schema() as schema:
            schema.rename_column("note", "remark")
        lab.refused(here(), "its column `remark` was called `note` before")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--highwater", default=ROOT / "target/release/highwater", type=pathlib.Path)
    parser.add_argument("--tools", default=ROOT / "target/table-inputs", type=pathlib.Path, help="where packages are installed")
    options = parser.parse_args()
    python = install(options.tools.resolve())
    if sys.prefix != str(options.tools.resolve()):
        sys.exit(subprocess.run([python, __file__, *sys.argv[1:]]).returncode)
    for kind in (delta, iceberg):
        with tempfile.TemporaryDirectory() as folder:
            lab = Lab(options.highwater.resolve(), folder)
            kind(lab)
            print(f"{kind.__doc__.split('.')[0]}: {lab.checks} checks, all well", flush=True)


if __name__ == "__main__":
    main()
