#!/usr/bin/env python3
"""What `highwater init` makes of CSV files as people have them, beside what DuckDB's sniffer makes of the same files.

The script writes one small log in every shape: 60 events of a time, a shop and an amount, whose sum is known. Ours is the
job that `init` writes, run with an output of its own; DuckDB's is `read_csv` with nothing said. Each is `right` (all rows,
the columns and the sum), `refused` with its words, or what it gives instead.

    cargo build --release && python3 scripts/sniffer.py --binary target/release/highwater

DuckDB is its Python package, installed by pip where it is missing. Ends with 1 where ours gives other numbers than the
file has and says nothing.
"""
import argparse, bz2, gzip, io, pathlib, re, subprocess, sys, tempfile, zipfile
from decimal import Decimal

ROOT = pathlib.Path(__file__).resolve().parent.parent
ROWS = 60


def duckdb_package():
    try:
        import duckdb
    except ImportError:
        subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", "--break-system-packages", "duckdb"], check=True)
        import duckdb
    return duckdb


def lines(amount=lambda cents: f"{cents // 100}.{cents % 100:02}", time=lambda i: f"2024-02-01T{i // 20:02}:{i % 20 * 3:02}:00Z", by=","):
    shops = ["Café", "Büro", "Ilha"]
    rows = [by.join([time(i), shops[i * 7 % 3], amount(cents(i))]) for i in range(ROWS)]
    return [by.join(["time", "shop", "amount"])] + rows


def cents(i):
    return i * 137_531 % 500_000 + 1


def total():
    return Decimal(sum(cents(i) for i in range(ROWS))) / 100


def text(rows, end="\n"):
    return "".join(row + end for row in rows)


def german(amount):
    return f"{amount // 100:,}".replace(",", ".") + f",{amount % 100:02}"


def zipped(members):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return out.getvalue()


def shapes():
    """The name of each shape, of its file, and its bytes."""
    rows = lines()
    plain = text(rows)
    swapped = plain.replace(",", ";")
    halves = [text([rows[0], *rows[1:31]]), text([rows[0], *rows[31:]])]
    missing = [row if i % 10 else re.sub(",[^,]*$", ",NA", row) for i, row in enumerate(rows[1:], 1)]
    known = text(rows)
    day = lambda form: lambda i: __import__("datetime").date(2024, 1 + i % 12, 1 + i % 28).strftime(form)
    yield "plain", "log.csv", plain
    yield "lines end in CR LF", "log.csv", text(rows, "\r\n")
    yield "UTF-8 with its mark", "log.csv", "\ufeff" + plain
    yield "UTF-16 with its mark", "log.csv", plain.encode("utf-16")
    yield "UTF-16 without", "log.csv", plain.encode("utf-16-le")
    yield "Windows-1252", "log.csv", plain.encode("cp1252")
    yield "gzip", "log.csv.gz", gzip.compress(known.encode())
    yield "gzip, by no name", "log.csv", gzip.compress(known.encode())
    yield "bzip2", "log.csv.bz2", bz2.compress(known.encode())
    yield "zip of one file", "log.zip", zipped([("log.csv", plain)])
    yield "zip of two files", "log.zip", zipped(zip(["a.csv", "b.csv"], halves))
    yield "semicolons", "log.csv", swapped
    yield "sep=; first", "log.csv", "sep=;\r\n" + text(rows, "\r\n").replace(",", ";")
    yield "tabs", "log.csv", plain.replace(",", "\t")
    yield "pipes", "log.csv", plain.replace(",", "|")
    yield "spaces, any number", "log.csv", plain.replace(",", "   ")
    yield "lines before the header", "log.csv", "Account:,123\nPeriod:,01.2024\n\n" + plain
    yield "a total at the end", "log.csv", plain + f"Total,,{total()}\n"
    yield "both", "log.csv", "Account:,123\n\n" + plain + f"\nTotal,,{total()}\n"
    yield "a comment first", "log.csv", "# made by hand\n" + plain
    yield "comments between", "log.csv", text([*rows[:20], "# a remark", *rows[20:]])
    yield "rows end in a comma", "log.csv", text([rows[0], *(row + "," for row in rows[1:])])
    yield "spaces in the header", "log.csv", plain.replace("time,shop,amount", ' time, "shop", amount', 1)
    yield "no header", "log.csv", text(rows[1:])
    yield "thousands in quotes", "log.csv", text(lines(lambda c: f'"{c // 100:,}.{c % 100:02}"'))
    yield "decimal comma", "log.csv", text(lines(german, by=";"))
    yield "currencies", "log.csv", text(lines(lambda c: f'"${c // 100:,}.{c % 100:02}"'))
    yield "NA for no value", "log.csv", text([rows[0], *missing])
    yield "times 29.02.2024 13:00", "log.csv", text(lines(time=lambda i: f"{1 + i % 28:02}.02.2024 13:{i:02}"))
    yield "times 02/29/24 1:00 PM", "log.csv", text(lines(time=lambda i: f"02/{1 + i % 28:02}/24 1:{i:02} PM"))
    yield "times in ms", "log.csv", text(lines(time=lambda i: str(1_706_745_600_000 + 60_000 * i)))
    yield "months 2024-03", "log.csv", text(lines(time=day("%Y-%m")))
    yield "months Mar 2024", "log.csv", text(lines(time=day("%b %Y")))


def wanted(shape):
    """The sum of the amounts of a shape."""
    if shape == "NA for no value":
        return total() - Decimal(sum(cents(i - 1) for i in range(10, ROWS + 1, 10))) / 100
    return total()


def first_line(words):
    found = [line.strip() for line in words.splitlines() if line.strip() and not line.startswith("note")]
    line = next((line for line in found if line.startswith("error")), found[0] if found else "")
    return "refused: " + line.removeprefix("error: ")[:70]


def told(n, amount, time, shape):
    """A result in words: `right` where it is that of the file."""
    if (n, amount, time) == (ROWS, wanted(shape), True):
        return "right"
    parts = [] if n == ROWS else [f"{n} rows"]
    parts += [] if amount == wanted(shape) else [f"amounts are {'text' if amount is None else f'other: {amount}'}"]
    parts += [] if time else ["times are text"]
    return ", ".join(parts)


def ours(binary, folder, name, shape):
    run = lambda *args: subprocess.run([binary, *args], cwd=folder, capture_output=True, text=True)
    made = run("init", name, "-o", "job.toml", "--force")
    if made.returncode:
        return first_line(made.stderr)
    job = (folder / "job.toml").read_text()
    amount = next((a for a in ["amount", "column_3", "c3"] if re.search(rf"\bsum\({a}\)", job)), None)
    amount = amount or next(iter(re.findall(r"sum\(([^)]*)\)", job)), None)
    head = job.split("[[output]]")[0]
    total = f", s = \"sum({amount})\"" if amount else ""
    (folder / "job.toml").write_text(
        head + f'[[output]]\npath = "out.csv"\nwindow = "global"\nselect = {{ n = "count(*)"{total} }}\n')
    done = run("run", "job.toml")
    if done.returncode:
        return first_line(done.stderr)
    n, *rest = (folder / "out.csv").read_text().splitlines()[1].split(",")
    return told(int(n), Decimal(rest[0]) if rest else None, True, shape)


def duckdbs(duckdb, path, shape):
    db = duckdb.connect()
    try:
        db.execute(f"CREATE TABLE log AS SELECT * FROM read_csv('{path}')")
        columns = db.execute("SELECT column_name, data_type FROM information_schema.columns ORDER BY ordinal_position").fetchall()
        types = [kind for _, kind in columns]
        n = db.execute("SELECT count(*) FROM log").fetchall()[0][0]
    except Exception as error:
        return first_line(str(error))
    if len(types) != 3:
        return f"{len(types)} columns, {n} rows"
    amount = None
    if types[2] in ("DOUBLE", "BIGINT") or types[2].startswith("DECIMAL"):
        sums = db.execute(f'SELECT CAST(SUM(CAST("{columns[2][0]}" AS DECIMAL(18,2))) AS VARCHAR) FROM log').fetchall()
        amount = Decimal(sums[0][0])
    time = types[0].startswith(("TIMESTAMP", "DATE")) or (shape == "times in ms" and types[0] == "BIGINT")
    return told(n, amount, time, shape)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--binary", default=ROOT / "target/release/highwater", type=pathlib.Path)
    parser.add_argument("--only", default="", help="shapes whose name holds this text")
    args = parser.parse_args()
    duckdb = duckdb_package()
    table, wrong = [("shape", "highwater init + run", f"DuckDB {duckdb.__version__}")], []
    for shape, name, content in shapes():
        if args.only not in shape:
            continue
        with tempfile.TemporaryDirectory() as folder:
            folder = pathlib.Path(folder)
            path = folder / name
            path.write_bytes(content.encode() if isinstance(content, str) else content)
            row = (shape, ours(args.binary.resolve(), folder, name, shape), duckdbs(duckdb, path, shape))
        table.append(row)
        wrong += [shape] if not row[1].startswith(("right", "refused")) else []
    widths = [max(len(row[i]) for row in table) for i in range(2)]
    for i, row in enumerate(table):
        print(f"{row[0]:{widths[0]}} | {row[1]:{widths[1]}} | {row[2]}")
        if i == 0:
            print("-" * (widths[0] + 1) + "|" + "-" * (widths[1] + 2) + "|" + "-" * 30)
    for side, name in ((1, "highwater"), (2, "DuckDB")):
        print(f"{name}: {sum(row[side] == 'right' for row in table[1:])} of {len(table) - 1} right")
    if wrong:
        sys.exit(f"other numbers, and not a word: {', '.join(wrong)}")


if __name__ == "__main__":
    main()
