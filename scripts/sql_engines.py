#!/usr/bin/env python3
"""The printed SQL of the 69 jobs in tests/sql and of data/jobs, in engines that share no code with Highwater.

For each output, `highwater sql` prints the statements. DuckDB and Spark (their Python packages) run them over the raw files,
and `highwater verify --against -` compares the rows, exactly. PostgreSQL runs them by `highwater verify --postgres`, where
HIGHWATER_POSTGRES names a server, and Polars by `highwater verify`. The statements for bigquery and flink have to parse in
sqlglot's dialects; sqlglot has none for Flink, and the nearest is `spark`: see `for_sqlglot`.

Spark is a session on local[2] whose zone is not UTC, in a virtual machine whose zone is another, without ANSI mode: what
the statements need they have to set. It splits files at every 16 kB, so that most of them are read by several tasks. Some
jobs (PLANS) it compiles and adapts as by default, the others it interprets: of small data its compilers take most of the
time. The plans of these jobs are looked at: no exchange may bring all records into one partition.

    cargo build --release && eval "$(scripts/postgres.sh start)" && python3 scripts/sql_engines.py      # some minutes
    python3 scripts/sql_engines.py --only 07,35,money-enrichment --engines spark --keep /tmp   # and keep the statements that fail
    python3 scripts/sql_engines.py --write                                                # src/guide/engines.md

Ends with a table, and with 1 where an engine disagrees, a statement does not parse, a refusal is not one that is known below,
or the table is another than that of the guide. Needs Java 17 for Spark; packages are installed by pip where they are missing.
"""
import argparse, concurrent.futures, datetime, decimal, io, json, logging, os, pathlib, re, subprocess, sys, tempfile, time, tomllib

# Python shows instants by its own zone, whatever the engine's is.
os.environ["TZ"] = "UTC"
time.tzset()
ROOT = pathlib.Path(__file__).resolve().parent.parent
PAGE = ROOT / "src/guide/engines.md"
ENGINES = {"polars": "Polars", "duckdb": "DuckDB", "postgres": "PostgreSQL", "spark": "Spark"}
PARSED = ["flink", "bigquery"]

# What a dialect has no words for, by the numbers or names of the jobs, or a job and an output: each is refused by name, with
# these words.
ZSTD = "files of Zstandard"
BAD = "records of which bad ones are left out"
QUOTIENT = "`/` cannot be expressed"
ORDER = "which needs the order of records at one instant, cannot be expressed"
ORDERED = ("23", "24", "41", "42", "43", "44", "45", "46", "47", "48", "49", "50", "51", "56", "61", "62")
EMPTY = "the empty text between quotes in"
EMPTIED = ("01", "05", "08", "15", "19", "20", "21", "22", "25", "26", "29", "30", "31", "32", "52", "53", "55", "60", "63")
REFUSED = {
    **{("flink", job): ZSTD for job in ("04", "06", "16", "27", "28", "39")},
    **{("bigquery", job): "cannot read JSON Lines" for job in ("04", "06", "16", "27", "28", "39", "40")},
    **{(dialect, job): ORDER for dialect in ("flink", "bigquery") for job in ORDERED},
    **{(dialect, job): EMPTY for dialect in ("flink", "bigquery") for job in EMPTIED},
    **{("bigquery", job): EMPTY for job in ("33", "64")},
    **{(dialect, "37"): "local times of America/St_Johns, whose clock skips hours" for dialect in ("flink", "bigquery")},
    ("bigquery", "38"): "`a time of the clock made an instant` cannot be expressed",
    ("flink", "57"): "cannot read Parquet files",
    **{(dialect, "58"): BAD for dialect in ("spark", "flink", "bigquery")},
    **{(dialect, "35"): QUOTIENT for dialect in ("spark", "flink")},
    ("flink", "33"): "`octet_length` cannot be expressed",
    ("flink", "36"): "`CAST(float64 AS int64)` cannot be expressed",
    ("flink", "38"): "`EXTRACT(week FROM …)` cannot be expressed",
    ("flink", "40"): "`~` cannot be expressed",
    **{("flink", job): "times of the format" for job in ("10", "59")},
    ("flink", "64"): "`bit_and` cannot be expressed",
    **{(dialect, job): "which needs the order of the records" for dialect in ("flink", "bigquery") for job in ("70", "71", "72")},
    **{(dialect, job): ORDER for dialect in ("flink", "bigquery") for job in ("money-enrichment", "user-sessions", "views-of-a-log")},
    **{(dialect, "pageviews-per-postcode out/pageviews-per-postcode"): "which needs the order of the records" for dialect in ("flink", "bigquery")},
    ("flink", "pageviews-iceberg"): "`to_timestamp` cannot be expressed",
    ("bigquery", "pageviews-iceberg out/lake/views_per_postcode"): "which needs the order of the records",
    **{("bigquery", job): "cannot read JSON Lines" for job in ("sales-per-seller", "sales-per-seller-postgres")},
    **{(dialect, "65"): "columns that are derived" for dialect in ("flink", "bigquery")},
    **{(dialect, "66"): "`changelog`, which needs the order of records" for dialect in ("flink", "bigquery")},
    **{(dialect, "money-live"): "whose state expires by arrival" for dialect in (*ENGINES, *PARSED)},
    **{(dialect, "views-of-a-log"): "its records are in an envelope" for dialect in ("duckdb", "postgres", "spark")},
    **{(dialect, "pageviews-archive out/pageviews-archive"): "an archive, whose rows name the file and the place of each record," for dialect in (*ENGINES, *PARSED)},
    **{(dialect, "pageviews-so-far out/pageviews-firings.jsonl"): "an output of every firing, whose rows depend on the events between firings," for dialect in (*ENGINES, *PARSED)},
}


# Jobs of the plans that are looked at: counts by key and window, sums of months, payments with their joins, sessions.
PLANS = ["01-tumbling-hours", "pageviews-per-postcode", "big-spenders", "money-enrichment", "user-sessions", "10-months", "06-sessions"]


def package(name, module=None):
    try:
        return __import__(module or name)
    except ImportError:
        subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", "--break-system-packages", name], check=True)
        return __import__(module or name)


def call(*args, **kw):
    return subprocess.run([str(a) for a in args], cwd=ROOT, capture_output=True, text=True, **kw)


def csv_of(names, kinds, rows):
    """Rows as CSV: NULL is empty, text is always between quotes, so that an empty one is `""`."""
    out = io.StringIO()

    def field(value, text):
        if value is None:
            return ""
        if isinstance(value, bool):
            return "true" if value else "false"
        if isinstance(value, datetime.datetime):
            return value.strftime("%Y-%m-%dT%H:%M:%S") + (f".{value.microsecond:06}" if value.microsecond else "") + "Z"
        if isinstance(value, float):
            return repr(value)
        if isinstance(value, decimal.Decimal):
            return format(value, "f")
        value = str(value)
        quoted = text or any(c in value for c in ',"\n\r')
        return '"' + value.replace('"', '""') + '"' if quoted else value

    out.write(",".join(field(name, False) for name in names) + "\n")
    for row in rows:
        out.write(",".join(field(value, kind.upper() in ("VARCHAR", "STRING")) for value, kind in zip(row, kinds)) + "\n")
    return out.getvalue()


class DuckDb:
    def __init__(self):
        self.duckdb = package("duckdb")
        self.version = self.duckdb.__version__

    def rows(self, setup, query, compiled=True):
        connection = self.duckdb.connect()
        for statement in [*setup, query]:
            cursor = connection.execute(statement)
        kinds = [str(column[1]) for column in cursor.description]
        return csv_of([column[0] for column in cursor.description], kinds, cursor.fetchall()), ""


class Spark:
    def __init__(self, more):
        package("pyspark")
        from pyspark.sql import SparkSession

        logging.getLogger("SQLQueryContextLogger").setLevel(logging.CRITICAL)  # it tells of each error
        builder = SparkSession.builder.master("local[2]").appName("highwater")
        for name, value in {
            "spark.ui.enabled": "false",
            "spark.driver.memory": "2g",
            "spark.driver.extraJavaOptions": "-Duser.timezone=Asia/Tokyo -XX:TieredStopAtLevel=1 -XX:+UseSerialGC",
            "spark.sql.shuffle.partitions": "2",
            "spark.sql.warehouse.dir": tempfile.mkdtemp(),
            "spark.sql.files.maxPartitionBytes": "16k",
            "spark.sql.files.openCostInBytes": "1k",
            **dict(setting.split("=", 1) for setting in more),
        }.items():
            builder = builder.config(name, value)
        self.session, self.views = builder.getOrCreate(), []
        self.session.sparkContext.setLogLevel("OFF")
        self.version = self.session.version

    def frame(self, setup, query, compiled):
        # The session as somebody may have it: what the statements need they set themselves.
        settings = {"session.timeZone": "America/New_York", "ansi.enabled": "false", "analyzer.maxIterations": "100"}
        settings |= {"adaptive.enabled": compiled, "codegen.wholeStage": compiled}
        settings |= {"codegen.factoryMode": "FALLBACK" if compiled else "NO_CODEGEN"}
        for name, value in settings.items():
            self.session.conf.set(f"spark.sql.{name}", value)
        for view in self.views:
            self.session.catalog.dropTempView(view)
        self.views = [name for statement in setup for name in re.findall(r"TEMPORARY VIEW `([^`]+)`", statement)]
        for statement in setup:
            self.session.sql(statement)
        return self.session.sql(query)

    def rows(self, setup, query, compiled=True):
        frame = self.frame(setup, query, compiled)
        kinds = [field.dataType.simpleString() for field in frame.schema.fields]
        return csv_of(frame.columns, kinds, frame.collect()), frame._jdf.queryExecution().executedPlan().toString()


def gathered(plan):
    """The exchanges of a plan of Spark's that bring all rows of a file into one partition: those with no aggregate below."""
    lines = [(len(re.match(r"[\s:|+-]*", line).group()), line) for line in plan.splitlines()]
    found = []
    for at, (depth, line) in enumerate(lines):
        if "Exchange SinglePartition" not in line:
            continue
        skipped = None
        for below, text in lines[at + 1 :]:
            if below <= depth:
                break
            if skipped is not None and below > skipped:
                continue
            skipped = below if re.search(r"Aggregate\(", text) else None
            if "FileScan" in text:
                found.append(line.strip())
                break
    return found


def for_sqlglot(dialect, statement):
    """What sqlglot has no grammar for in any dialect, taken out: Flink's WATERMARK, computed columns and SET with quotes."""
    if dialect != "flink":
        return statement
    if re.match(r"SET '", statement):
        return None
    return re.sub(r",\n  `_time` AS .*\n  WATERMARK FOR .*", "", statement)


def parsed(dialect, statements):
    """Fails where sqlglot does not know a statement."""
    sqlglot = package("sqlglot")
    logging.getLogger("sqlglot").setLevel(logging.ERROR)  # it tells of each SET
    for statement in statements:
        text = for_sqlglot(dialect, re.sub(r"^\s*--.*$", "", statement, flags=re.M).strip())
        if text:
            tree = sqlglot.parse_one(text, read={"flink": "spark"}.get(dialect, dialect), error_level=sqlglot.ErrorLevel.RAISE)
            # What it does not know it takes as it is: that is no parse.
            if isinstance(tree, sqlglot.exp.Command) and not text.lstrip().upper().startswith("SET "):
                raise ValueError("not understood: " + text[:200])


class Run:
    """All jobs on all engines: a cell for each output of a job, by engine."""

    def __init__(self, options):
        self.options, self.failed, self.cells, self.complete = options, [], {}, {}
        self.server = os.environ.get("HIGHWATER_POSTGRES")
        # A job that writes to a server can be planned without one.
        os.environ.setdefault("PGDATABASE", "highwater")
        os.environ.setdefault("PGUSER", "highwater")
        os.environ.setdefault("PGHOST", "localhost")

    def hw(self, *args, **kw):
        return call(self.options.highwater, *args, **kw)

    def fail(self, job, what, detail):
        self.failed.append(f"{job.stem} {what}: {detail.strip()}")
        return "FAILED"

    def refusal(self, job, dialect, output, error):
        """The cell of a refusal: its own words, where it is one that is known."""
        known = self.known(job, dialect, output)
        if not known or known not in error:
            return self.fail(job, f"{dialect} {output}", error)
        return "refused: " + known.rstrip(",")

    def known(self, job, dialect, output):
        """The words of a refusal that is on the list."""
        keys = job.name[:2], job.stem, f"{job.stem} {output}"
        return next((words for key in keys if (words := REFUSED.get((dialect, key)))), None)

    def printed(self, job, dialect):
        """Setup and outputs as `highwater sql` prints them; where it refuses all of them, its error for each."""
        out = self.hw("sql", job.relative_to(ROOT), "--dialect", dialect, "--json")
        with open(job, "rb") as file:
            paths = [output["path"] for output in tomllib.load(file)["output"]]
        if out.returncode == 0:
            printed = json.loads(out.stdout)
            # The late output has a statement too; `verify` has no words to compare it with rows from elsewhere, so the
            # tests of the crate do.
            printed["outputs"] = [output for output in printed["outputs"] if output["path"] in paths]
            return printed
        return {"setup": [], "outputs": [{"path": path, "left_out": out.stderr} for path in paths]}

    def job_of(self, job, notes):
        """The job whose rows the statement gives: a note says so where that is the job in complete mode."""
        if not any("complete mode" in note for note in notes):
            return job.relative_to(ROOT)
        if job not in self.complete:
            # Beside the job, as paths in it are relative to where the program is called.
            file = tempfile.NamedTemporaryFile("w", suffix=".toml", prefix=job.stem + "-", delete=False)
            file.write(job.read_text().replace('mode = "streamed"', 'mode = "complete"'))
            file.close()
            self.complete[job] = file.name
        return self.complete[job]

    def verified(self, job, engine, output, notes, *args, **kw):
        same = self.hw("verify", self.job_of(job, notes), "--output", output, *args, **kw)
        if same.returncode == 0 and "is not compared" not in same.stdout:
            return "same"
        return self.fail(job, f"{engine} {output}", same.stdout + same.stderr)

    def on(self, job, engine, runner, printed):
        """The cells of a job on an engine, or futures of them."""
        cells, answers = [], {}
        for output in printed["outputs"]:
            path, notes = output["path"], output.get("notes", [])
            if "left_out" in output:
                cells.append((path, self.refusal(job, engine, path, output["left_out"])))
                continue
            if self.known(job, engine, path):
                cells.append((path, self.fail(job, f"{engine} {path}", "is no longer refused: take it off the list")))
                continue
            try:
                if engine == "polars":
                    cell = self.pool.submit(self.verified, job, engine, path, notes)
                elif engine == "postgres":
                    cell = self.pool.submit(self.verified, job, engine, path, notes, "--postgres", self.server) if self.server else "not run"
                elif engine in PARSED:
                    parsed(engine, [*printed["setup"], output["query"]])
                    cell = "parses"
                else:
                    # Several outputs may have the same rows, each in another format.
                    if output["query"] not in answers:
                        answers[output["query"]] = runner.rows(printed["setup"], output["query"], job.stem in PLANS)
                    rows, plan = answers[output["query"]]
                    cell = self.pool.submit(self.verified, job, engine, path, notes, "--against", "-", input=rows)
                    for exchange in gathered(plan) if job.stem in PLANS else []:
                        cell = self.fail(job, f"{engine} {path}", f"all rows in one partition: {exchange}")
            except Exception as error:  # whatever an engine or sqlglot says
                cell = self.fail(job, f"{engine} {path}", f"{type(error).__name__}: {str(error)[:3000]}")
                if self.options.keep:
                    (pathlib.Path(self.options.keep) / f"{job.stem}.{engine}.sql").write_text(";\n".join([*printed["setup"], output["query"]]))
            cells.append((path, cell))
        return cells

    def all(self, jobs, engines):
        with concurrent.futures.ThreadPoolExecutor(2) as self.pool:
            texts = {(job, engine): self.pool.submit(self.printed, job, engine) for engine in engines for job in jobs}
            versions = {"polars": cargo_version("polars-sql"), "postgres": server_version(self.server)}
            for engine in engines:
                began, told = time.time(), len(self.failed)
                runner = {"duckdb": DuckDb, "spark": lambda: Spark(self.options.conf)}.get(engine, lambda: None)()
                versions.setdefault(engine, getattr(runner, "version", None))
                for job in jobs:
                    start = time.time()
                    self.cells[job, engine] = self.on(job, engine, runner, texts[job, engine].result())
                    if self.options.keep:
                        self.cells[job, engine] = finished(self.cells[job, engine])
                        print(f"{engine} {job.stem} {time.time() - start:.1f} s", *(cell for _, cell in self.cells[job, engine]), flush=True)
                        print(*self.failed[told:], sep="\n", flush=True)
                        told = len(self.failed)
                wrong = check_folder(self, engine, runner) if runner else None
                if wrong:
                    self.failed.append(f"{engine}: {wrong}")
                print(f"{engine}: {time.time() - began:.0f} s", flush=True)
        for key, cells in self.cells.items():
            self.cells[key] = finished(cells)
        for file in self.complete.values():
            os.unlink(file)
        return versions


def finished(cells):
    return [(path, cell if isinstance(cell, str) else cell.result()) for path, cell in cells]


def check_folder(run, engine, runner):
    """A folder of files that an engine splits: its records come in the order of positions, and files that come later and are
    not like those that `highwater sql` saw end the statement. Gives what is wrong, in words."""
    with tempfile.TemporaryDirectory() as folder:
        at = pathlib.Path(folder)
        log, job = at / "log", at / "job.toml"
        (log / "day=2").mkdir(parents=True)
        # One instant, so that positions alone order; names in natural order, which is not that of their bytes.
        names = ["f-1.csv", "f-2.csv", "f 3.csv", "f-007.csv", "f-10.csv", *(f"f-{n}.csv" for n in range(11, 30)), "day=2/f-1.csv"]
        names.sort(key=lambda name: [[int(run) if run.isdigit() else run for run in re.findall(r"[0-9]+|[^0-9]", part)] for part in name.split("/")])
        ids = iter(range(10**6))
        wanted = []
        for name in names:
            mine = [next(ids) for _ in range(1500 if name in ("f-2.csv", "f-10.csv") else 20)]
            wanted += mine
            (log / name).write_text("at,id,note\n" + "".join(f"1717232400,{id},x{id % 7}\n" for id in mine))
        job.write_text(f'name = "folder"\n[source]\npath = "{log}"\ntime = "at"\ntime_unit = "s"\n[[output]]\npath = "{at}/out.csv"\n')

        def ask():
            printed = json.loads(run.hw("sql", job, "--dialect", engine, "--json").stdout)
            return printed["setup"], printed["outputs"][0]["query"]

        setup, query = ask()
        if any("f-20.csv" in statement for statement in setup):
            return "the statement lists the files of a folder"
        rows = runner.rows(setup, query)[0].splitlines()[1:]
        if [int(row.split(",")[1]) for row in rows] != wanted:
            return "records of a folder come in another order"
        for name, text in {
            "broken": 'at,id,note\n1717232400,1,"a\nb"\n',
            "silent": 'at,id,note\n1717232400,1,"a\n1717232400,2,b"\n',
            "returns": "at,id,note\r\n1717232400,1,x\r\n",
            "header": "at,note,id\n1717232400,1,2\n",
            "ragged": "at,id,note\n1717232400,1,x,y\n",
        }.items():
            (log / "z.csv").write_bytes(text.encode())
            try:
                runner.rows(setup, query)
                return f"a later file with another form ({name}) is read in silence"
            except Exception:  # as it should be
                pass
    return None


def cargo_version(name):
    found = re.search(rf'name = "{name}"\nversion = "([^"]+)"', (ROOT / "Cargo.lock").read_text())
    return found and found.group(1)


def server_version(server):
    if not server:
        return None
    out = call("psql", server, "-Atc", "SHOW server_version")
    return out.stdout.split()[0] if out.returncode == 0 and out.stdout.strip() else None


def summary(cells, marks):
    """One cell for a job: its outputs that are the same, and the reasons of those that are refused, as marks of a list."""
    counts = {}
    for _, cell in cells:
        if cell.startswith("refused: "):
            cell = f"refused (reason {marks.setdefault(cell.removeprefix('refused: '), len(marks) + 1)})"
        counts[cell] = counts.get(cell, 0) + 1
    return ", ".join(what if len(cells) == 1 else f"{n} {what}" for what, n in counts.items())


def page(run, jobs, versions):
    """The page of the guide."""
    marks, rows = {}, []
    for job in jobs:
        folder = job.parent.relative_to(ROOT)
        cells = [summary(run.cells[job, engine], marks) for engine in ENGINES]
        rows.append(f"| [{job.stem}](../../{folder}/{job.name}) | " + " | ".join(cells) + " |")
    outputs = sum(len(run.cells[job, "polars"]) for job in jobs)
    named = ", ".join(f"{title} {versions[engine]}" for engine, title in ENGINES.items())
    reasons = "\n".join(f"{number}. {reason}" for reason, number in marks.items())
    return f"""# Engines

The SQL that `highwater sql` prints was run on these engines, and its rows were compared with those of Highwater, exactly. A
statement gives the rows of the job, or the dialect refuses the output by name: there is nothing between. A number
counts outputs, where a job has several.

<!-- Written by `scripts/sql_engines.py --write`. -->
Versions: {named}.

- Spark ran on two threads. Its session was not in UTC and not in ANSI mode; the statements set both. Files were split at every 16 kB. {len(PLANS)} jobs were
  compiled, as by default; the others were interpreted.
- Statements of streamed outputs give the rows of `mode = "complete"` where they say so, and were compared with these.
- Flink and BigQuery are not in the table: [their statements](verify.md) are only parsed here.
- Sail (`pysail` 0.7.2), which speaks the protocol of Spark Connect, is not in the table: it takes no `SET`, has no `INPUT_FILE_NAME()`, by which records are
  ordered, and `9223372036854775807 + 1` is `-9223372036854775808` there, without an error. `--on` refuses it by name.

## How files are read on Spark

- Files of one layout are one view, of the folder or glob that the job names. Where these stand for other files too, such as of another
  format, the view lists its files. `highwater sql` tries this on the disk. On DuckDB more than 16 files are a variable in the same way.
- Files are split into tasks. CSV of which a quoted field has a line break cannot be: its view has `multiLine 'true'`. `highwater sql` looks for
  such breaks in the first 256 MB of the files, and in 64 kB of each file at least. Where it did not look at all bytes, or other files may come
  into the folder, the relation has a condition that reads the lines once more. It ends the statement with an error where a line is not whole.
- A malformed record, a header line with other names, and a line that ends in another way end the statement too. Without that Spark would
  give NULL in silence. Refused by name are files that Spark hides (`_x.csv`, `.x.csv`), files whose name does not tell their compression, and
  files of which some lines end in `\\n` and some in `\\r\\n`.
- Spark does not number records. `_position` is a struct: the file by its path in natural order, where the split begins, and a number that
  grows in it. It orders records as positions do, and no task has to see all of them.

## The table

{outputs} outputs of {len(jobs)} jobs:

| job | {" | ".join(ENGINES.values())} |
| --- | {" | ".join("---" for _ in ENGINES)} |
""" + "\n".join(rows) + f"""

Reasons:

{reasons}
"""


def without_versions(text):
    return re.sub(r"^Versions: .*$", "", text, flags=re.M)


def shown(run, jobs, engines):
    width = max((len(job.stem) for job in jobs), default=3)
    print("job".ljust(width), *(engine.ljust(9) for engine in engines))
    counts = {}
    for job in jobs:
        row = []
        for engine in engines:
            kinds = [cell.split(":")[0] for _, cell in run.cells[job, engine]]
            for kind in kinds:
                counts[engine, kind] = counts.get((engine, kind), 0) + 1
            row.append("FAILED" if "FAILED" in kinds else "+".join(sorted(set(kinds))))
        print(job.stem.ljust(width), *(cell.ljust(9) for cell in row))
    for engine in engines:
        print(f"{engine}: " + ", ".join(f"{n} {kind}" for (of, kind), n in sorted(counts.items()) if of == engine))


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--highwater", default=ROOT / "target/release/highwater", help="the program [target/release/highwater]")
    parser.add_argument("--only", default="", help="numbers or names of jobs, with commas between")
    parser.add_argument("--engines", default=",".join([*ENGINES, *PARSED]), help="dialects, with commas between")
    parser.add_argument("--conf", action="append", default=[], help="a setting of Spark, NAME=VALUE; may be repeated")
    parser.add_argument("--keep", metavar="FOLDER", help="show each job as it goes, and keep the statements that fail here")
    parser.add_argument("--write", action="store_true", help="write the page of the guide")
    options = parser.parse_args()
    engines = options.engines.split(",")
    only = set(filter(None, options.only.split(",")))
    jobs = sorted((ROOT / "tests/sql").glob("*.toml"))
    if len(jobs) != 69:
        sys.exit(f"{len(jobs)} jobs in tests/sql, and 69 are wanted")
    jobs += sorted((ROOT / "data/jobs").glob("*.toml"))
    jobs = [job for job in jobs if not only or job.name[:2] in only or job.stem in only]
    run = Run(options)
    if not run.server:
        if os.environ.get("CI"):
            sys.exit("HIGHWATER_POSTGRES is not set: eval \"$(scripts/postgres.sh start)\"")
        print("no PostgreSQL: eval \"$(scripts/postgres.sh start)\" starts one, and sets HIGHWATER_POSTGRES")
    versions = run.all(jobs, engines)
    shown(run, jobs, engines)
    whole = not only and run.server and all(engine in engines for engine in ENGINES)
    if whole and not run.failed:
        text = page(run, jobs, versions)
        if options.write:
            PAGE.write_text(text)
        elif not PAGE.exists() or without_versions(PAGE.read_text()) != without_versions(text):
            run.failed.append(f"{PAGE.relative_to(ROOT)} is another table: python3 scripts/sql_engines.py --write")
    if run.failed:
        print(f"\n{len(run.failed)} failed:")
        for line in run.failed:
            print("  " + line.replace("\n", "\n    "))
        sys.exit(1)


if __name__ == "__main__":
    main()
