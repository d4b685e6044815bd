#!/usr/bin/env python3
"""How the printed SQL scales: lines of each statement, and what Spark makes of it.

For each job and output: the lines of the query and of what comes before it, in each dialect; and of Spark's physical plan
the exchanges, those that send all rows through one task, the scans, and the lines. Nothing is computed but the plans.

    cargo build --release && python3 scripts/spark_plans.py                           # lines, of all jobs in tests/sql and data/jobs
    python3 scripts/spark_plans.py --spark --only money-enrichment --most 20          # plans; fails above 20 exchanges

Needs pyspark for --spark, installed for the Python that runs this, and Java.
"""
import argparse, os, pathlib, re, subprocess, sys, tomllib

ROOT = pathlib.Path(__file__).resolve().parent.parent
DIALECTS = ["duckdb", "postgres", "spark", "flink", "bigquery"]


def statements(text):
    """The statements of a script, each of which ends in `;` at the end of a line, with their comments."""
    return [part.strip() for part in re.split(r";[ \t]*$", text, flags=re.M) if part.strip()]


def bare(statement):
    return re.sub(r"^\s*--.*$", "", statement, flags=re.M).strip()


def printed(highwater, job, output, dialect):
    command = [str(highwater), "sql", str(job.relative_to(ROOT)), "--dialect", dialect, "--output", output]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    return [bare(s) for s in statements(done.stdout)] if done.returncode == 0 else None


def outputs(job):
    with open(job, "rb") as file:
        return [output["path"] for output in tomllib.load(file)["output"]]


def session():
    os.environ["TZ"] = "UTC"
    from pyspark.sql import SparkSession

    builder = SparkSession.builder.master("local[2]").config("spark.ui.enabled", "false")
    spark = builder.config("spark.sql.analyzer.maxIterations", "1000").getOrCreate()
    spark.sparkContext.setLogLevel("ERROR")
    return spark


def plan(spark, script):
    """The physical plan of the last statement; those before it make its relations."""
    for statement in script:
        frame = spark.sql(statement)
    text = frame._jdf.queryExecution().executedPlan().toString()
    return {
        "exchanges": len(re.findall(r"\bExchange ", text)) + len(re.findall(r"\bBroadcastExchange ", text)),
        "one task": text.count("Exchange SinglePartition"),
        "scans": text.count("FileScan") + text.count("BatchScan"),
        "lines": text.count("\n"),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--highwater", default=ROOT / "target/release/highwater", type=pathlib.Path)
    parser.add_argument("--only", default="", help="names of jobs or their numbers, with commas between")
    parser.add_argument("--spark", action="store_true", help="look at the plans of Spark")
    parser.add_argument("--most", type=int, help="fail where a plan has more exchanges")
    options = parser.parse_args()
    only = set(filter(None, options.only.split(",")))
    jobs = sorted((ROOT / "tests/sql").glob("*.toml")) + sorted((ROOT / "data/jobs").glob("*.toml"))
    jobs = [job for job in jobs if not only or job.stem in only or job.name[:2] in only]
    spark = session() if options.spark else None
    total, too_many = dict.fromkeys(DIALECTS, 0), []
    for job in jobs:
        for output in outputs(job):
            cells = []
            for dialect in DIALECTS:
                script = printed(options.highwater.resolve(), job, output, dialect)
                if script is None:
                    cells.append(f"{dialect} -")
                    continue
                lines = [statement.count("\n") + 1 for statement in script]
                total[dialect] += lines[-1]
                cells.append(f"{dialect} {lines[-1]}+{sum(lines[:-1])}")
                if spark and dialect == "spark":
                    try:
                        found = plan(spark, script)
                    except Exception as error:  # whatever the analyzer says
                        cells.append(f"[{type(error).__name__}: {str(error).splitlines()[0][:120]}]")
                        continue
                    cells.append("[" + ", ".join(f"{n} {what}" for what, n in found.items()) + "]")
                    if options.most is not None and found["exchanges"] > options.most:
                        too_many.append(f"{job.stem} {output}: {found['exchanges']}")
            print(job.stem, output, "; ".join(cells), flush=True)
    print("lines of queries: " + ", ".join(f"{dialect} {n}" for dialect, n in total.items()))
    if too_many:
        sys.exit(f"more than {options.most} exchanges: " + "; ".join(too_many))


if __name__ == "__main__":
    main()
