#!/usr/bin/env python3
"""The printed SQL of the 68 jobs in tests/sql, in engines that share no code with Highwater.

For each job and output: `highwater run` writes the output; DuckDB (its Python package) runs the statements that
`highwater sql --dialect duckdb` prints, over the raw files; `highwater verify --against -` compares, exactly. The same
by PostgreSQL, where HIGHWATER_POSTGRES names one: `highwater verify --postgres`, which runs the printed statements there.
The statements for spark, bigquery and flink have to parse in sqlglot's dialects; sqlglot has none for Flink, and the
nearest is `spark` (identifiers between backticks), after what only Flink writes is taken out: see `for_sqlglot`.

    cargo build --release && python3 scripts/sql_engines.py          # half a minute
    python3 scripts/sql_engines.py --only 07,35 --keep               # and show the statements that fail

Ends with a table, and with 1 where an engine disagrees, a statement does not parse, or a refusal is not one that is
known below. DuckDB and sqlglot are installed by pip where they are missing.
"""
import argparse, io, logging, os, pathlib, re, subprocess, sys, tomllib

ROOT = pathlib.Path(__file__).resolve().parent.parent
DIALECTS = ["duckdb", "postgres", "spark", "flink", "bigquery"]

# What a dialect has no words for, by the numbers of the jobs: each is refused by name, with these words.
ZSTD = "files of Zstandard"
BAD = "records of which bad ones are left out"
QUOTIENT = "`/` cannot be expressed"
REFUSED = {
    **{(dialect, job): ZSTD for dialect in ("flink", "bigquery") for job in ("04", "06", "16", "27", "28", "39", "40", "43", "56")},
    **{(dialect, "58"): BAD for dialect in ("spark", "flink", "bigquery")},
    **{(dialect, "35"): QUOTIENT for dialect in ("spark", "flink")},
    ("flink", "33"): "`octet_length` cannot be expressed",
    ("flink", "36"): "`CAST(float64 AS int64)` cannot be expressed",
    ("flink", "38"): "`EXTRACT(week FROM …)` cannot be expressed",
    ("flink", "40"): "`~` cannot be expressed",
    **{("flink", job): "times of the format" for job in ("10", "59")},
    ("flink", "62"): "`string_agg`, whose texts have an order, cannot be expressed",
    ("flink", "64"): "`bit_and` cannot be expressed",
    **{(dialect, job): "which needs the order of the records" for dialect in ("flink", "bigquery") for job in ("70", "71", "72")},
    **{(dialect, "65"): "columns that are derived" for dialect in ("spark", "flink", "bigquery")},
}


def package(name):
    try:
        return __import__(name)
    except ImportError:
        subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", "--break-system-packages", name], check=True)
        return __import__(name)


def call(*args, **kw):
    return subprocess.run([str(a) for a in args], cwd=ROOT, capture_output=True, text=True, **kw)


def statements(text):
    """The statements of a script, each of which ends in `;` at the end of a line."""
    parts = re.split(r";[ \t]*$", text, flags=re.M)
    bare = [re.sub(r"^\s*--.*$", "", part, flags=re.M).strip() for part in parts]
    return [part for part in bare if part]


def duckdb_rows(duckdb, script):
    """The result of the last statement, as CSV: NULL is empty, the empty text is between quotes."""
    import decimal, datetime

    connection = duckdb.connect()
    for statement in statements(script):
        cursor = connection.execute(statement)
    names = [column[0] for column in cursor.description]
    kinds = [str(column[1]) for column in cursor.description]
    out = io.StringIO()

    def field(value, kind):
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
        text = str(value)
        quoted = kind.upper() in ("VARCHAR", "STRING") or any(c in text for c in ',"\n\r')
        return '"' + text.replace('"', '""') + '"' if quoted else text

    out.write(",".join(field(name, "") for name in names) + "\n")
    for row in cursor.fetchall():
        out.write(",".join(field(value, kind) for value, kind in zip(row, kinds)) + "\n")
    return out.getvalue()


def for_sqlglot(dialect, statement):
    """What sqlglot has no grammar for in any dialect, taken out: Flink's WATERMARK, computed columns and SET with quotes."""
    if dialect != "flink":
        return statement
    if re.match(r"SET '", statement):
        return None
    return re.sub(r",\n  `_time` AS .*\n  WATERMARK FOR .*", "", statement)


def outputs(job):
    with open(job, "rb") as file:
        return [output["path"] for output in tomllib.load(file)["output"]]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--highwater", default=ROOT / "target/release/highwater", help="the program [target/release/highwater]")
    parser.add_argument("--only", default="", help="numbers of jobs, with commas between")
    parser.add_argument("--keep", action="store_true", help="show the statements that fail")
    options = parser.parse_args()
    logging.getLogger("sqlglot").setLevel(logging.ERROR)  # it tells of each SET
    duckdb, sqlglot = package("duckdb"), package("sqlglot")
    server = os.environ.get("HIGHWATER_POSTGRES")
    if not server:
        if os.environ.get("CI"):
            sys.exit("HIGHWATER_POSTGRES is not set: eval \"$(scripts/postgres.sh start)\"")
        print("no PostgreSQL: eval \"$(scripts/postgres.sh start)\" starts one, and sets HIGHWATER_POSTGRES")
    only = set(filter(None, options.only.split(",")))
    jobs = [job for job in sorted((ROOT / "tests/sql").glob("*.toml")) if not only or job.name[:2] in only]
    if not only and len(jobs) != 68:
        sys.exit(f"{len(jobs)} jobs in tests/sql, and 68 are wanted")
    failed, table = [], []

    def fail(job, what, detail):
        failed.append(f"{job.stem} {what}: {detail.strip()}")
        return "FAILED"

    for job in jobs:
        run = call(options.highwater, "run", job.relative_to(ROOT))
        if run.returncode:
            fail(job, "run", run.stderr)
            continue
        cells = {dialect: [] for dialect in DIALECTS}
        for output in outputs(job):
            for dialect in DIALECTS:
                printed = call(options.highwater, "sql", job.relative_to(ROOT), "--dialect", dialect, "--output", output)
                if printed.returncode:
                    known = REFUSED.get((dialect, job.name[:2]))
                    ok = known and known in printed.stderr
                    cells[dialect].append("refused" if ok else fail(job, f"{dialect} {output}", printed.stderr))
                    continue
                if (dialect, job.name[:2]) in REFUSED:
                    cells[dialect].append(fail(job, dialect, "is no longer refused: take it off the list"))
                    continue
                try:
                    if dialect == "duckdb":
                        rows = duckdb_rows(duckdb, printed.stdout)
                        same = call(options.highwater, "verify", job.relative_to(ROOT), "--output", output, "--against", "-", input=rows)
                        ok = same.returncode == 0
                        cells[dialect].append("same" if ok else fail(job, f"{dialect} {output}", same.stdout + same.stderr))
                    elif dialect == "postgres":
                        if not server:
                            cells[dialect].append("not run")
                            continue
                        same = call(options.highwater, "verify", job.relative_to(ROOT), "--output", output, "--postgres", server)
                        ok = same.returncode == 0
                        cells[dialect].append("same" if ok else fail(job, f"{dialect} {output}", same.stdout + same.stderr))
                    else:
                        read = {"flink": "spark"}.get(dialect, dialect)
                        count = 0
                        for statement in statements(printed.stdout):
                            text = for_sqlglot(dialect, statement)
                            if text is not None:
                                tree = sqlglot.parse_one(text, read=read, error_level=sqlglot.ErrorLevel.RAISE)
                                # What it does not know it takes as it is: that is no parse.
                                if isinstance(tree, sqlglot.exp.Command) and not text.lstrip().upper().startswith("SET "):
                                    raise ValueError("not understood: " + text[:200])
                                count += 1
                        cells[dialect].append("parses")
                except Exception as error:  # whatever an engine or sqlglot says
                    cells[dialect].append(fail(job, f"{dialect} {output}", f"{type(error).__name__}: {error}"))
                    if options.keep:
                        print(printed.stdout)
        table.append((job.stem, [min(cells[d], key=lambda c: c != "FAILED") if cells[d] else "" for d in DIALECTS]))

    width = max((len(name) for name, _ in table), default=3)
    print("job".ljust(width), *(d.ljust(9) for d in DIALECTS))
    for name, row in table:
        print(name.ljust(width), *(cell.ljust(9) for cell in row))
    for dialect, place in zip(DIALECTS, range(len(DIALECTS))):
        counts = {}
        for _, row in table:
            counts[row[place]] = counts.get(row[place], 0) + 1
        print(f"{dialect}: " + ", ".join(f"{n} {what}" for what, n in sorted(counts.items())))
    if failed:
        print(f"\n{len(failed)} failed:")
        for line in failed:
            print("  " + line.replace("\n", "\n    "))
        sys.exit(1)


if __name__ == "__main__":
    main()
