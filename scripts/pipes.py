#!/usr/bin/env python3
"""The streams of `highwater run --output -` in pyarrow, Polars and DuckDB: the same rows as in the files, the types that the
guide names, and an error in each reader where the stream was cut. Then the programs of src/guide/pipes.md as they are there.

    scripts/pipes.py                                   # with target/release/highwater; about ten seconds
    scripts/pipes.py --binary target/debug/highwater
"""
import argparse
import io
import os
import pathlib
import re
import subprocess
import sys
import tempfile

try:
    import duckdb
    import polars
    import pyarrow
    import pyarrow.csv
    import pyarrow.ipc
    import pyarrow.parquet
except ImportError as missing:
    sys.exit(f"pipes: {missing}; pip install pyarrow polars duckdb")

ROOT = pathlib.Path(__file__).resolve().parent.parent
PAGE = ROOT / "src" / "guide" / "pipes.md"

# Every type, NULLs, and texts that need quotes; groups and events.
JOB = """
timezone = "Asia/Kathmandu"
[source]
path = "log.csv"
time = "at"
types = { amount = "decimal(30,4)", day = "date", yes = "bool", n = "int64", x = "float64", note = "string" }
[[output]]
path = "out/events"
[[output]]
path = "out/days"
window = { tumbling = "1 day" }
by = ["note"]
select = { total = "sum(amount)", mean = "avg(x)", first_day = "min(day)", any_yes = "bool_or(yes)", n = "max(n)" }
"""
TYPES = {
    "at": "timestamp[us, tz=UTC]", "amount": "decimal128(30, 4)", "day": "date32[day]", "yes": "bool", "n": "int64",
    "x": "double", "note": "string", "window_start": "timestamp[us, tz=UTC]", "window_end": "timestamp[us, tz=UTC]",
    "total": "decimal128(38, 4)", "mean": "double", "first_day": "date32[day]", "any_yes": "bool",
}


def log(rows):
    lines = ["at,amount,day,yes,n,x,note"]
    notes = ["plain", '"with ""quotes"""', '"a,b"', "", "größe", '"two\nlines"']
    for row in range(rows):
        lines.append(",".join([
            f"2024-03-{1 + row % 28:02}T{row % 24:02}:00:{row % 60:02}.{row % 1000:03}Z",
            "" if row % 11 == 0 else f"{(-1) ** row * row * 10**20}.{row % 10000:04}",
            "" if row % 7 == 0 else f"19{row % 90 + 10}-0{row % 9 + 1}-10",
            ["true", "false", ""][row % 3],
            "" if row % 5 == 0 else str((row * 2**50 - 2**62) % 2**62),
            "" if row % 13 == 0 else repr(row / 7),
            notes[row % len(notes)],
        ]))
    return "\n".join(lines) + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", default=ROOT / "target" / "release" / "highwater", type=pathlib.Path)
    binary = parser.parse_args().binary.resolve()
    faults = []

    def same(what, got, wanted):
        if got != wanted:
            faults.append(f"{what}: {str(got)[:300]} is not {str(wanted)[:300]}")

    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        (folder / "log.csv").write_text(log(30_000), encoding="utf-8")
        (folder / "job.toml").write_text(JOB)
        subprocess.run([binary, "run", "job.toml", "-q"], cwd=folder, check=True)

        def stream(only, form):
            args = [binary, "run", "job.toml", "-q", "--output", "-", "--only", only, "--format", form]
            return subprocess.run(args, cwd=folder, check=True, stdout=subprocess.PIPE).stdout

        for only in ["out/events", "out/days"]:
            file = pyarrow.parquet.read_table(folder / only / "data.parquet")
            data = stream(only, "arrow")
            table = pyarrow.ipc.open_stream(data).read_all()
            table.validate(full=True)
            for field in table.schema:
                same(f"{only}: type of {field.name}", str(field.type), TYPES[field.name])
            same(f"{only}: columns of Parquet", table.schema.names, file.schema.names)
            same(f"{only}: rows of pyarrow", table.equals(file), True)
            # Polars by its own reader, DuckDB by the interface of streams.
            frame, in_file = polars.read_ipc_stream(data), polars.read_parquet(folder / only / "data.parquet")
            same(f"{only}: types of Polars", frame.schema, in_file.schema)
            same(f"{only}: rows of Polars", frame.equals(in_file, null_equal=True), True)
            duck = duckdb.connect()
            duck.sql("SET TimeZone = 'UTC'")
            rows = pyarrow.ipc.open_stream(data)
            by_duck = duck.sql("SELECT * FROM rows").to_arrow_table()
            in_duck = duck.sql(f"SELECT * FROM '{folder}/{only}/data.parquet'").to_arrow_table()
            same(f"{only}: rows of DuckDB", by_duck.equals(in_duck), True)
            # Texts, by a reader of its own.
            options = pyarrow.csv.ConvertOptions(
                column_types={field.name: field.type for field in table.schema}, strings_can_be_null=True,
                quoted_strings_can_be_null=False)
            parse = pyarrow.csv.ParseOptions(newlines_in_values=True)
            csv = pyarrow.csv.read_csv(io.BytesIO(stream(only, "csv")), convert_options=options, parse_options=parse)
            same(f"{only}: rows of CSV", csv.equals(table), True)
            same(f"{only}: rows of JSON Lines", stream(only, "jsonl").count(b"\n"), table.num_rows)

            # What a writer leaves that ends between two writes, and some places in a message: a cut stream must not read
            # as a short one.
            cuts = ends(data) + [len(data) // 2, len(data) // 3]
            for cut in sorted(set(cuts)):
                for name, read in READERS:
                    try:
                        got = read(data[:cut])
                        faults.append(f"{only}: {name} reads {got} rows of a stream cut at {cut} of {len(data)}")
                    except Exception:
                        pass
        faults += guide(binary, folder / "guide")
    for fault in faults:
        print(fault)
    print(f"pipes: pyarrow {pyarrow.__version__}, Polars {polars.__version__}, DuckDB {duckdb.__version__}: {len(faults)} faults")
    sys.exit(1 if faults else 0)


READERS = [
    ("pyarrow", lambda data: pyarrow.ipc.open_stream(data).read_all().num_rows),
    ("pyarrow, from a pipe", lambda data: pyarrow.ipc.open_stream(io.BytesIO(data)).read_all().num_rows),
    ("Polars", lambda data: polars.read_ipc_stream(data).height),
]


def ends(data):
    """Where a writer that is killed between two writes leaves the stream: each message with the first bytes of the next."""
    found = []
    at = 0
    while data[at:at + 4] == b"\xff\xff\xff\xff" and data[at + 4:at + 8] != b"\0\0\0\0":
        size = int.from_bytes(data[at + 4:at + 8], "little")
        body = pyarrow.ipc.read_message(data[at:]).body
        at += 8 + size + (len(body) if body else 0)
        found.append(at + 4)
    return found


def guide(binary, folder):
    """The programs of the page, in a folder with the sample."""
    page = PAGE.read_text(encoding="utf-8")
    subprocess.run([binary, "sample", folder], check=True, stdout=subprocess.DEVNULL)
    for name, text in re.findall(r"```python (\S+)\n(.*?)```", page, re.S):
        (folder / name).write_text(text)
    [script] = re.findall(r"```sh\n(.*?)```", page, re.S)
    (folder / "bin").mkdir()
    (folder / "bin" / "highwater").symlink_to(binary)
    path = f"{folder / 'bin'}:{os.path.dirname(sys.executable)}:{os.environ['PATH']}"
    faults = []
    lines = script.strip().splitlines()
    for line in lines[1:]:
        done = subprocess.run(["bash", "-c", f"{lines[0]}\n{line}"], cwd=folder, env={**os.environ, "PATH": path},
                              capture_output=True, text=True)
        print(f"$ {line}\n{done.stdout.rstrip()}")
        if done.returncode != 0 or done.stderr or "17" not in done.stdout:
            faults.append(f"{line}: exit code {done.returncode}\n{done.stderr}")
    return faults


if __name__ == "__main__":
    main()
