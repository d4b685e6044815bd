#!/usr/bin/env python3
"""The program that `highwater sql --dialect spark --script` prints, run by a real Spark on this machine.

For each job: `highwater run` writes the outputs, the printed program writes them elsewhere, and `highwater verify --against`
compares, exactly. Then the files of the job change and the program is run again: it is stopped at each rename, and what is
in place then is old or new and becomes new by the next run. What is not its own it refuses.

    python3 -m venv spark && spark/bin/pip install pyspark
    spark/bin/python scripts/spark_script.py --highwater target/release/highwater        # two minutes
"""
import argparse, importlib.util, json, os, pathlib, shutil, subprocess, sys, tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent

JOB = """
timezone = "Europe/London"
[source]
path = "in/*.csv"
time = "at"
types = {{ amount = "decimal(18,2)" }}
[[step]]
filter = "qty < 3"
[[step]]
dedup = ["shop", "at"]
[[output]]
path = "{out}/days"
window = {{ tumbling = "1 day" }}
by = ["shop"]
select = {{ n = "count(*)", total = "sum(amount)", most = "max(amount)" }}
partition_by = ["year", "month", "date"]
[[output]]
path = "{out}/events"
partition_by = ["date", "hour", "shop"]
[[output]]
path = "{out}/all"
select = {{ n = "count(*)" }}
"""


class Stopped(BaseException):
    pass


def call(*args, ok=True):
    done = subprocess.run([str(a) for a in args], capture_output=True, text=True)
    if ok and done.returncode:
        sys.exit(f"{' '.join(map(str, args))}\n{done.stdout}{done.stderr}")
    return done


def log(days, v):
    lines = ["at,shop,amount,qty"]
    for day in days:
        for i in range(9):
            # At 01:30 on 31 March clocks in London are put forward; the time is in UTC.
            lines.append(f"2024-03-{day:02}T{(i * 5 + 1) % 24:02}:30:00Z,{['north', 'sou/th', 'Öst'][i % 3]},{v}.{i}5,{i % 4}")
    return "\n".join(lines + [lines[1]]) + "\n"


def loaded(path):
    spec = importlib.util.spec_from_file_location("program", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def data(folder):
    """The files that readers see, with their bytes."""
    seen = lambda path: not any(part.startswith((".", "_")) for part in path.relative_to(folder).parts)
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file() and seen(p)}


def hidden(folder):
    return [str(p) for p in folder.rglob("*") if p.name.startswith((".staging-", ".old-", ".highwater"))]


def printed(highwater, job, out):
    pathlib.Path("job.toml").write_text(job.format(out=out))
    program = call(highwater, "sql", "job.toml", "--dialect", "spark", "--script").stdout
    pathlib.Path("program.py").write_text(program)
    return loaded(pathlib.Path("program.py").resolve())


def same(highwater, out, paths):
    for path in paths:
        call(highwater, "verify", "job.toml", "--output", f"{out}/{path}", "--against", f"{out}/{path}")


def renames(spark, module, highwater):
    """The program is stopped at each rename."""
    out = pathlib.Path("spark")
    old = data(out)
    captured = []
    module.swap = lambda _, journal: captured.append(journal)
    module.main(spark)
    assert data(out) == old, "something changed before the renames"
    module = loaded(pathlib.Path("program.py").resolve())
    files = module.Files(spark)
    # As it is when the journal is written: the commit point.
    shutil.copytree(out, "ready")
    module.swap(files, captured[0])
    new = data(out)
    assert new != old and not hidden(out), hidden(out)
    same(highwater, "spark", ["days", "events", "all"])
    rename, stopped = module.Files.rename, 0
    while True:
        shutil.rmtree(out)
        shutil.copytree("ready", out)
        left = [stopped]

        def stopping(self, a, b):
            if not left[0]:
                raise Stopped
            left[0] -= 1
            rename(self, a, b)

        module.Files.rename = stopping
        try:
            module.swap(files, captured[0])
        except Stopped:
            pass
        else:
            break
        finally:
            module.Files.rename = rename
        between = data(out)
        assert all(between[path] in (old.get(path), new.get(path)) for path in between), stopped
        module.recover(files)
        assert data(out) == new and not hidden(out), (stopped, hidden(out))
        stopped += 1
    assert stopped > 10, stopped
    # Before the commit point nothing is kept.
    shutil.rmtree(out)
    shutil.copytree("ready", out)
    (out / "days" / module.JOURNAL).unlink()
    module.recover(files)
    assert data(out) == old and not hidden(out), hidden(out)
    return stopped


def refused(spark, module, words):
    try:
        module.main(spark)
    except SystemExit as error:
        assert words in str(error), error
    else:
        sys.exit(f"not refused: {words}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--highwater", default=ROOT / "target/release/highwater")
    options = parser.parse_args()
    highwater = pathlib.Path(options.highwater).resolve()
    from pyspark.sql import SparkSession

    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        spark = SparkSession.builder.master("local[2]").config("spark.ui.enabled", "false").config("spark.sql.shuffle.partitions", "2")
        spark = spark.config("spark.log.level", "ERROR").getOrCreate()
        pathlib.Path("in").mkdir()
        pathlib.Path("in/a.csv").write_text(log(range(28, 32), 1))
        pathlib.Path("in/b.csv").write_text(log(range(26, 28), 2))
        module = printed(highwater, JOB, "spark")
        module.main(spark)
        same(highwater, "spark", ["days", "events", "all"])
        mark = json.loads(pathlib.Path("spark/days/_highwater_spark.json").read_text())
        account = json.loads(call(highwater, "run", "job.toml", "--json", ok=False).stdout or "null")
        assert account is None, "a run has replaced what is not its own"
        print(f"Spark {spark.version}: the same rows; account {mark['account']}")
        # Partitions come, go and change.
        pathlib.Path("in/b.csv").unlink()
        pathlib.Path("in/c.csv").write_text(log(range(30, 32), 3).replace("2024-03", "2024-04").replace("-31T", "-29T"))
        module = printed(highwater, JOB, "spark")
        stops = renames(spark, module, highwater)
        print(f"stopped at {stops} renames: old or new, and new by the next run")
        pathlib.Path("other/all").mkdir(parents=True)
        pathlib.Path("other/all/x.parquet").write_text("")
        refused(spark, printed(highwater, JOB, "other"), "has files that this program did not write")
        pathlib.Path("job.toml").write_text(JOB.format(out="run"))
        call(highwater, "run", "job.toml", "-q")
        refused(spark, printed(highwater, JOB, "run"), "is an output of `highwater run`")
        spark.stop()
    print("all well")


if __name__ == "__main__":
    main()
