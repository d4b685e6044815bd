#!/usr/bin/env python3
"""A newcomer's first minute: in an empty folder, with a log like `online-retail` of 50 MB, `init`, `run`, `report` and
`verify` as they come, no edit in between. Each has to end well; on an idle machine each takes less than five seconds.

    scripts/first_minute.py                 # with target/release/highwater
    scripts/first_minute.py --most 5        # and what takes longer than five seconds is a failure
    scripts/first_minute.py --keep FOLDER   # in this folder, which stays
"""
import argparse
import pathlib
import random
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
SIZE = 50_000_000

COUNTRIES = ["United Kingdom"] * 60 + ["Germany", "France", "EIRE", "Spain", "Netherlands", "Belgium", "Australia"] * 5 + ["Iceland"]
WORDS = ["WHITE", "RED", "HANGING", "HEART", "T-LIGHT", "HOLDER", "METAL", "LANTERN", "CREAM", "CUPID", "JUMBO", "BAG",
         "VINTAGE", "SET OF 3", "CAKE", "CASES", "RETRO SPOT", 'SIGN "HOME"', "PACK, LARGE"]


def log(path):
    """Invoices of a year, minute by minute: cancellations (C…), gaps in CustomerID, quotes and commas, and 17850.0 for 17850."""
    draw = random.Random(7)
    products = []
    for n in range(4000):
        code = f"{10000 + n * 19}{draw.choice(['', '', 'A', 'B', 'C'])}"
        name = " ".join(draw.sample(WORDS, draw.randint(2, 4)))
        if '"' in name or "," in name:
            name = '"' + name.replace('"', '""') + '"'
        products.append((code, name, f"{draw.randint(19, 1999) / 100:.2f}"))
    customers = [(str(12346 + n), draw.choice(COUNTRIES)) for n in range(4300)]
    minute = 0
    size = 0
    invoice = 536365
    with path.open("w", encoding="utf-8", newline="") as out:
        size += out.write("InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country\n")
        while size < SIZE:
            minute += draw.randint(1, 40)
            invoice += 1
            day, clock = divmod(minute, 1440)
            stamp = time.strftime("%Y-%m-%d", time.gmtime(1291161600 + day * 86400)) + f" {clock // 60:02}:{clock % 60:02}:00"
            customer, country = draw.choice(customers)
            customer = "" if draw.random() < 0.25 else customer + ".0"
            cancelled = draw.random() < 0.02
            number = f"C{invoice}" if cancelled else str(invoice)
            lines = []
            for _ in range(draw.randint(1, 45)):
                code, name, price = draw.choice(products)
                quantity = draw.choice([1, 1, 2, 3, 4, 6, 8, 12, 24, 48]) * (-1 if cancelled else 1)
                lines.append(f"{number},{code},{name},{quantity},{stamp},{price},{customer},{country}\n")
            size += out.write("".join(lines))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", default=ROOT / "target" / "release" / "highwater", type=pathlib.Path)
    parser.add_argument("--most", type=float, default=float("inf"), metavar="SECONDS", help="the most that a command may take")
    parser.add_argument("--keep", type=pathlib.Path, help="work in this folder, and leave it")
    options = parser.parse_args()
    binary = options.binary.resolve()
    if not binary.exists():
        sys.exit(f"{binary} is not there: cargo build --release")
    if options.keep:
        options.keep.mkdir(parents=True, exist_ok=True)
        sys.exit(minute(binary, options.keep, options.most))
    with tempfile.TemporaryDirectory(prefix="highwater-first-minute-") as folder:
        sys.exit(minute(binary, pathlib.Path(folder), options.most))


def minute(binary, folder, most):
    data = folder / "online-retail.csv"
    log(data)
    print(f"{data.name}: {data.stat().st_size / 1e6:.1f} MB")
    # The binary itself is read from the disk once before: it is not what is measured.
    subprocess.run([binary, "--version"], check=True, capture_output=True)
    job = "online-retail.toml"
    commands = [["init", data.name], ["run", job], ["report", job, "-o", "online-retail.html"], ["verify", job]]
    failed = False
    for arguments in commands:
        begin = time.monotonic()
        done = subprocess.run([binary, *arguments], cwd=folder, capture_output=True, text=True)
        took = time.monotonic() - begin
        bad = done.returncode != 0 or took > most
        print(f"{'FAILED' if bad else 'ok':6}  {took:5.2f} s  highwater {' '.join(arguments)}")
        if bad:
            failed = True
            print(f"exit {done.returncode}\n{done.stdout}{done.stderr}")
            if done.returncode != 0:
                break
    return 1 if failed else 0


if __name__ == "__main__":
    main()
