#!/usr/bin/env python3
"""`highwater adopt` on results that a real Spark and a real Flink write.

Each engine computes totals of sales per minute and seller from a log of CSV, and writes them as folders with partitions. They
are adopted; then a late file comes, and `backfill` corrects them. In the end the rows are those of a run over all files, and the
files of partitions that no late event touches are those that the engine wrote.

Spark is the package pyspark; Flink is the wheel apache-flink-libraries, as in scripts/flink.py. Both need Java 17. CI does not
run this.

    cargo build --release && python3 scripts/adopt.py --keep /tmp/adopt
    python3 scripts/adopt.py --engine spark --samples tests/adopt    # write the samples of the tests again

Ends with a table, and with 1 where rows differ.
"""
import argparse, csv, datetime, decimal, json, pathlib, random, shutil, subprocess, sys, tempfile

from flink import ROOT, Flink, call

ZONE = "Europe/Amsterdam"
COLUMNS = ["seller", "window_start", "window_end", "n", "total"]
JOB = """name = "adopted"
timezone = "{zone}"
[source]
path = "in/*.csv"
time = "at"
types = {{ amount = "decimal(10,2)" }}
[[output]]
path = "{path}"
format = "{format}"
partition_by = ["date"]
window = {{ tumbling = "1m" }}
by = ["seller"]
select = {{ total = "sum(amount)", n = "count(*)" }}
columns = ["seller", "window_start", "window_end", "n", "total"]
"""
# What a script of Spark computes, and how.
SPARK = """
import sys
from pyspark.sql import SparkSession, functions as F
source, out, zone, *formats = sys.argv[1:]
spark = (SparkSession.builder.master("local[2]").config("spark.sql.session.timeZone", zone)
         .config("spark.ui.enabled", "false").getOrCreate())
events = spark.read.option("header", True).schema("at string, seller string, amount decimal(10,2)").csv(source)
events = events.withColumn("at", F.to_timestamp("at"))
groups = events.groupBy(F.window("at", "1 minute").alias("w"), "seller").agg(
    F.sum("amount").cast("decimal(38,2)").alias("total"), F.count("*").alias("n"))
rows = groups.select("seller", F.col("w.start").alias("window_start"), F.col("w.end").alias("window_end"), "n", "total",
                     F.date_format("w.start", "yyyy-MM-dd").alias("date"))
for format in formats:
    getattr(rows.repartition(2).write.mode("overwrite").partitionBy("date"), format)(f"{out}/spark-{format}")
"""
FLINK = """SET 'execution.runtime-mode' = 'batch';
CREATE TEMPORARY TABLE events (`at` STRING, seller STRING, amount DECIMAL(10, 2),
  ts AS CAST(REPLACE(REPLACE(`at`, 'T', ' '), 'Z', '') AS TIMESTAMP(3)), WATERMARK FOR ts AS ts
) WITH ('connector' = 'filesystem', 'path' = '{source}', 'format' = 'csv');
CREATE TEMPORARY TABLE totals (seller STRING, window_start TIMESTAMP(3), window_end TIMESTAMP(3), n BIGINT,
  total DECIMAL(38, 2), `date` STRING
) PARTITIONED BY (`date`) WITH ('connector' = 'filesystem', 'path' = '{out}', 'format' = '{format}');
INSERT INTO totals
SELECT seller, window_start, window_end, COUNT(*), CAST(SUM(amount) AS DECIMAL(38, 2)), DATE_FORMAT(window_start, 'yyyy-MM-dd')
FROM TABLE(TUMBLE(TABLE events, DESCRIPTOR(ts), INTERVAL '1' MINUTE))
GROUP BY seller, window_start, window_end;
"""


def sales(rng, days, rows):
    start = datetime.datetime(2024, 2, 28, tzinfo=datetime.timezone.utc)
    for _ in range(rows):
        at = start + datetime.timedelta(days=rng.choice(days), seconds=rng.randrange(9 * 3600, 9 * 3600 + 1200))
        yield at.strftime("%Y-%m-%dT%H:%M:%SZ"), f"s{rng.randrange(4)}", f"{rng.randrange(1, 9999) / 100:.2f}"


def write_log(path, rows):
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "w", newline="") as file:
        out = csv.writer(file, lineterminator="\n")
        out.writerow(["at", "seller", "amount"])
        out.writerows(sorted(rows))


def instant(text):
    at = datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))
    # What an engine writes without a zone is UTC here.
    return (at if at.tzinfo else at.replace(tzinfo=datetime.timezone.utc)).timestamp()


def rows_of(folder, format):
    rows = []
    for file in sorted(folder.rglob("*")):
        below = file.relative_to(folder).parts
        if not file.is_file() or any(name[0] in "._" for name in below):
            continue
        if format == "parquet":
            import pyarrow.parquet

            found = pyarrow.parquet.ParquetFile(file).read().to_pylist()
        elif format == "jsonl":
            found = [json.loads(line, parse_float=decimal.Decimal) for line in file.read_text().splitlines()]
        else:
            lines = [line for line in csv.reader(open(file, newline=""))]
            found = [dict(zip(COLUMNS, line)) for line in lines if line != COLUMNS]
        for row in found:
            bounds = [at.timestamp() if hasattr(at, "timestamp") else instant(at) for at in (row["window_start"], row["window_end"])]
            rows.append((row["seller"], *bounds, int(row["n"]), decimal.Decimal(str(row["total"]))))
    return sorted(rows)


def files(folder):
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*")
            if file.is_file() and not any(name[0] in "._" for name in file.relative_to(folder).parts)}


def check(highwater, work, name, format):
    """Adopts, corrects, and compares; what came of it in words."""
    out = work / name
    (work / f"{name}.toml").write_text(JOB.format(zone=ZONE if name.startswith("spark") else "UTC", path=name, format=format))
    written = files(out)
    adopted = call(highwater, "adopt", f"{name}.toml", "--json", cwd=work)
    if adopted.returncode:
        return f"failed: {adopted.stdout}{adopted.stderr}"
    if files(out) != written:
        return "other: adopt has changed a file"
    shutil.copy(work / "late.csv", work / "in/late.csv")
    corrected = call(highwater, "backfill", f"{name}.toml", "in/late.csv", "--json", cwd=work)
    full = work / "full"
    shutil.rmtree(full, ignore_errors=True)
    (work / "full.toml").write_text(JOB.format(zone="UTC", path="full", format="jsonl"))
    ran = call(highwater, "run", "full.toml", cwd=work)
    (work / "in/late.csv").unlink()
    if corrected.returncode or ran.returncode:
        return f"failed: {corrected.stderr}{ran.stderr}"
    ours, theirs = rows_of(full, "jsonl"), rows_of(out, format)
    kept = [path for path, content in files(out).items() if written.get(path) == content]
    if ours != theirs:
        return f"other: {len(set(ours) ^ set(theirs))} rows differ, as {sorted(set(ours) ^ set(theirs))[:2]}"
    return f"same ({len(ours)} rows; {len(kept)} of {len(written)} files of the engine are left)"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--highwater", default=ROOT / "target/release/highwater", type=pathlib.Path)
    parser.add_argument("--engine", choices=["spark", "flink"], action="append")
    parser.add_argument("--flink", default=ROOT / "target/flink", type=pathlib.Path, help="where its jars are, or go")
    parser.add_argument("--seed", default=1, type=int)
    parser.add_argument("--rows", default=400, type=int)
    parser.add_argument("--keep", type=pathlib.Path)
    parser.add_argument("--samples", type=pathlib.Path, help="copy what the engines wrote there")
    options = parser.parse_args()
    work = (options.keep or pathlib.Path(tempfile.mkdtemp())).resolve()
    work.mkdir(parents=True, exist_ok=True)
    rng = random.Random(options.seed)
    write_log(work / "in/sales.csv", sales(rng, range(4), options.rows))
    write_log(work / "late.csv", sales(rng, [1], 20))
    engines, told = options.engine or ["spark", "flink"], {}
    if "spark" in engines:
        (work / "spark.py").write_text(SPARK)
        ran = call(sys.executable, work / "spark.py", work / "in/sales.csv", work, ZONE, "parquet", "csv", "json")
        if ran.returncode:
            sys.exit(f"Spark ended with {ran.returncode}:\n{ran.stderr[-3000:]}")
    if "flink" in engines:
        flink, scripts = Flink(options.flink), []
        # Flink's CSV has no header.
        events = work / "events.csv"
        events.write_text((work / "in/sales.csv").read_text().split("\n", 1)[1])
        for format in ("csv", "json"):
            scripts.append(work / f"flink-{format}.sql")
            scripts[-1].write_text(FLINK.format(source=events, out=work / f"flink-{format}", format=format))
        flink.run(scripts, work)
        for script in scripts:
            if (said := script.with_suffix(".csv")).exists() and said.read_text().startswith("ERROR"):
                sys.exit(f"{script.name}: {said.read_text()[:2000]}")
    for engine in engines:
        for format in ("parquet", "csv", "json") if engine == "spark" else ("csv", "json"):
            name = f"{engine}-{format}"
            if options.samples:
                shutil.copytree(work / name, options.samples / name, dirs_exist_ok=True)
                shutil.copy(work / "in/sales.csv", options.samples / "sales.csv")
            told[name] = check(options.highwater.resolve(), work, name, "jsonl" if format == "json" else format)
    for name, what in told.items():
        print(f"{name:14} {what}")
    return any(not what.startswith("same") for what in told.values())


if __name__ == "__main__":
    sys.exit(main())
