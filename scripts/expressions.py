#!/usr/bin/env python3
"""The expressions of tests/expressions, of its table and random ones, in DuckDB, over the same rows as in Highwater.

`highwater run` computes the whole table in one job; DuckDB (its Python package) computes each expression, in the job's
time zone. The values are compared as text, numbers as numbers. Where DuckDB has an error for a row, that row is left out:
tests/it/expressions_postgres.rs compares errors, with PostgreSQL.

    cargo build --release && python3 scripts/expressions.py           # some seconds
    python3 scripts/expressions.py --only DATE_TRUNC                  # expressions that hold this text

Ends with 1 where a value is another and the table does not say so, or says so and it is the same. DuckDB is installed by
pip where it is missing.
"""
import argparse, decimal, json, math, pathlib, re, subprocess, sys, tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
TABLE = ROOT / "tests/expressions"
ZONES = ["Asia/Jakarta", "America/New_York", "Europe/Berlin"]
TYPES = {
    "id": "bigint", "at": "timestamptz", "i": "bigint", "j": "bigint", "k": "bigint", "f": "double", "g": "double",
    "d": "decimal(18,4)", "e": "decimal(30,10)", "s": "varchar", "u": "varchar", "b": "boolean", "c": "boolean",
    "t": "timestamptz", "v": "timestamptz", "a": "date", "z": "date", "n": "varchar", "w": "varchar", "x": "varchar",
}
OURS = {"bigint": "int64", "double": "float64", "varchar": "string", "boolean": "bool", "timestamptz": "timestamp"}


def duckdb_package():
    try:
        import duckdb
    except ImportError:
        subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", "--break-system-packages", "duckdb"], check=True)
        import duckdb
    return duckdb


def table():
    """Each expression, what DuckDB is asked in its place, and why its result is another."""
    entries = []
    for line in (TABLE / "table.txt").read_text().splitlines():
        if not line or line.startswith("#"):
            continue
        if not line.startswith("    "):
            entries.append([line, line, None])
            continue
        engine, asked = line.strip().split(": ", 1)
        if engine == "duckdb" and asked.startswith("≠ "):
            entries[-1][2] = asked[2:]
        elif engine == "duckdb":
            entries[-1][1] = asked
    return entries


# What random expressions have another meaning by, beside what the table lists: words, and why.
ELSEWHERE = {
    "ROUND(": "a half of a float goes away from zero there",
    "EXTRACT(SECOND": "it has no fraction there",
    "REVERSE(": "a letter and its accents stay together there",
    " / ": "a division by zero is no error there",
    "SQRT(": "a root of a negative number is no error there",
    "\\&": "the whole of a match has no name there",
}
# The faults of random expressions that are none there: a float that is too large is infinity, and what is compared with
# NULL is not computed.
FAULTS = ("too large for a float64", "too large for an int64")


def random_expressions():
    """Those of random.txt whose meaning is the same."""
    lines = (TABLE / "random.txt").read_text().splitlines()
    return [[line, line, None] for line in lines if not any(word in line for word in ELSEWHERE)]


def of_times(sql):
    words = set(re.findall(r"[A-Za-z]+", sql))
    return bool(words & {"t", "v", "a", "w", "TIMESTAMPTZ", "DATE", "TO_TIMESTAMP"})


def connect(duckdb, zone):
    connection = duckdb.connect()
    connection.execute(f"SET TimeZone = '{zone}'")
    columns = ", ".join(f"CAST(\"{name}\" AS {ty}) AS \"{name}\"" for name, ty in TYPES.items())
    rows = f"read_csv('{TABLE / 'rows.csv'}', all_varchar = true, allow_quoted_nulls = false, header = true, delim = ',', quote = '\"', escape = '\"')"
    connection.execute(f"CREATE TABLE of_rows AS SELECT {columns} FROM {rows}")
    return connection


def theirs(connection, sql, count):
    """The text of each row; an exception where there is none."""
    query = f"SELECT CAST(({sql}) AS VARCHAR) FROM of_rows"
    try:
        return [row[0] for row in connection.execute(query + " ORDER BY id").fetchall()]
    except Exception as whole:
        if "Binder" in type(whole).__name__ or "Parser" in type(whole).__name__ or "Catalog" in type(whole).__name__:
            return [whole] * count
    values = []
    for row in range(count):
        try:
            values.append(connection.execute(f"{query} WHERE id = {row}").fetchone()[0])
        except Exception as error:
            values.append(error)
    return values


def job(zone, asked):
    """The job, and the names of its columns by the expression."""
    types = "".join(f"{name} = \"{OURS.get(ty, ty)}\"\n" for name, ty in TYPES.items() if name != "at")
    guards, steps = "", ""
    for number, (sql, without) in enumerate(asked):
        text = f"CAST(({sql}) AS VARCHAR)"
        if without:
            # In a step of its own, so that an error shows the expression.
            guards += f"g{number} = \"id IN ({', '.join(map(str, without))})\"\n"
            text = f"CASE WHEN g{number} THEN NULL ELSE {text} END"
        steps += f"x{number} = {json.dumps(text, ensure_ascii=False)}\n"
    return (
        f'timezone = "{zone}"\n[source]\npath = "{TABLE / "rows.csv"}"\ntime = "at"\n[source.types]\n{types}'
        f'[[step]]\n[step.derive]\nguard = "TRUE"\n{guards}[[step]]\n[step.derive]\n{steps}[[output]]\npath = "out.jsonl"\n'
    )


def ours(highwater, zone, asked):
    """The texts of each expression, by its place; what the run says where it fails."""
    with tempfile.TemporaryDirectory() as folder:
        (pathlib.Path(folder) / "job.toml").write_text(job(zone, asked))
        run = subprocess.run([highwater, "run", "job.toml"], cwd=folder, capture_output=True, text=True)
        if run.returncode:
            return None, run.stderr
        lines = [json.loads(line) for line in (pathlib.Path(folder) / "out.jsonl").read_text().splitlines()]
    return [[line[f"x{number}"] for line in lines] for number in range(len(asked))], ""


def number(text):
    try:
        return decimal.Decimal({"inf": "Infinity", "-inf": "-Infinity", "nan": "NaN"}.get(text, text))
    except decimal.InvalidOperation:
        return None


def same(a, b):
    if a == b or a is None or b is None:
        return a == b
    x, y = number(a), number(b)
    if x is None or y is None:
        return False
    if x.is_nan() or y.is_nan():
        return x.is_nan() and y.is_nan()
    # Floats, whose last digit is written in more than one way.
    return x == y or ("e" in a + b or len(a) > 15) and math.isclose(x, y, rel_tol=1e-15)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--highwater", default=ROOT / "target/release/highwater", help="the program [target/release/highwater]")
    parser.add_argument("--only", default="", help="expressions that hold this text")
    options = parser.parse_args()
    duckdb = duckdb_package()
    failed, compared, listed, passed_over, unlike = [], 0, 0, 0, {}
    chance = {entry[0] for entry in random_expressions()}
    for zone in ZONES:
        connection = connect(duckdb, zone)
        count = connection.execute("SELECT count(*) FROM of_rows").fetchone()[0]
        known = table() + (random_expressions() if zone == ZONES[0] else [])
        entries = [entry for entry in known if options.only in entry[0] and (zone == ZONES[0] or of_times(entry[0]))]
        rows = connection.execute(f"SELECT CAST(COLUMNS(*) AS VARCHAR) FROM of_rows ORDER BY of_rows.at").fetchall()
        batch = []
        for entry in entries:
            values = theirs(connection, entry[1], count)
            without = [row for row, value in enumerate(values) if isinstance(value, Exception)]
            batch.append((entry, values, without))
        whole = [(e, v, w) for e, v, w in batch if len(w) < count]
        for entry, values, _ in ((e, v, w) for e, v, w in batch if len(w) == count):
            if not entry[2] and zone == ZONES[0]:
                _, why = ours(options.highwater, zone, [(entry[0], [])])
                if not why:
                    failed.append(f"{entry[0]}\n    duckdb: {str(values[0]).splitlines()[0]}")
            listed += 1
        pending = whole
        while pending:
            results, why = ours(options.highwater, zone, [(e[0], w) for e, _, w in pending])
            if results is not None:
                break
            # One has a fault where DuckDB has a value: the run names it.
            named = [item for item in pending if f"({item[0][0]})" in why]
            named = sorted(named, key=lambda item: -len(item[0][0]))[:1]
            if not named:
                sys.exit(f"the run fails: {why}")
            if named[0][0][0] in chance and why.strip().endswith(FAULTS):
                passed_over += 1
            elif not named[0][0][2]:
                failed.append(f"{zone}: {named[0][0][0]}\n    {why.strip().splitlines()[-1].strip()}")
            else:
                unlike[named[0][0][0]] = True
            listed += 1
            pending = [item for item in pending if item is not named[0]]
        for (entry, values, without), found in zip(pending, results):
            words = set(re.findall(r"[A-Za-z]+", entry[0]))
            wrong = {}
            for row, (a, b) in enumerate(zip(found, values)):
                # The rules by which clocks are changed end in ours with the year 2099.
                far = zone != ZONES[0] and any(str(value).startswith("21") for value in rows[row])
                if row in without or far or same(a, b):
                    continue
                read = " ".join(f"{name}={value!r}" for name, value in zip(TYPES, rows[row]) if name in words)
                wrong[f"{read}: ours {a!r}, theirs {b!r}"] = True
            compared += 1
            if entry[2]:
                listed += 1
                unlike[entry[0]] = unlike.get(entry[0], False) or bool(wrong)
            elif wrong:
                failed.append(f"{zone}: {entry[0]}: {len(wrong)} kinds of rows\n    " + "\n    ".join(list(wrong)[:4]))
    for sql, differs in unlike.items():
        if not differs:
            failed.append(f"{sql}\n    is no exception any more")
    if passed_over > len(chance) / 20:
        failed.append(f"{passed_over} of {len(chance)} random expressions have a fault in Highwater alone")
    print(f"{compared} comparisons of expressions in {len(ZONES)} time zones, {listed} of what is listed or an error in both")
    if failed:
        print(f"{len(failed)} failed:\n" + "\n".join(failed))
        sys.exit(1)


if __name__ == "__main__":
    main()
