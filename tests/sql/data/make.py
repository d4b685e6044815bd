#!/usr/bin/env python3
"""Writes the data of the jobs in tests/sql, the same at every run: small, and of what is easy to get wrong.

NULLs, quoted empty texts, Unicode, ties in time, times out of order, days of 23 and 25 hours, local times that
exist twice or not at all, negative numbers, times before 1970, files in natural order, files that lack a column.
Floats are multiples of 1/8, so that sums have no rounding. Needs pyarrow and zstandard's `zstd`, for the Parquet files
and one `.zst`: python3 tests/sql/data/make.py
"""
import csv, datetime, decimal, gzip, io, json, os, random, subprocess

os.chdir(os.path.dirname(os.path.abspath(__file__)))
rng = random.Random(20240331)
SHOPS = ["Ely", "Łódź", "Zürich", "", "São Paulo", "Øster \"B\"", "a,b"]
NOTES = ["plain", "two\nlines", "say \"hi\"", "50% off_", "tab\there", " spaces ", "Ångström", "back\\slash", "", None]


def maybe(value, none=0.1):
    return None if rng.random() < none else value


def field(value):
    """A CSV field: NULL is empty, the empty text is between quotes."""
    if value is None:
        return ""
    text = str(value)
    if text == "" or any(c in text for c in '",\n\t|;'):
        return '"' + text.replace('"', '""') + '"'
    return text


def write_csv(path, names, rows, delimiter=",", header=True, opener=open):
    lines = [delimiter.join(names)] if header else []
    lines += [delimiter.join(field(row[name]) for name in names) for row in rows]
    with opener(path, "wb") as out:
        out.write(("\n".join(lines) + "\n").encode())


def cents(low, high):
    return decimal.Decimal(rng.randrange(low, high)).scaleb(-2)


# Orders: local times of Europe/London without an offset, around both changes of its clock.
def order(number):
    day = rng.choice(["2024-03-29", "2024-03-30", "2024-03-31", "2024-03-31", "2024-04-01", "2024-10-26", "2024-10-27",
                      "2024-10-27", "2024-10-28", "2024-12-31", "2025-01-01"])
    hour, minute = rng.choice([0, 0, 1, 1, 2, 3, 11, 12, 23]), rng.choice([0, 0, 15, 29, 30, 59])
    second = rng.choice(["", ":00", ":07", ":30.5", ":59.999999"])
    return {
        "id": number,
        "ts": f"{day}{rng.choice('T ')}{hour:02}:{minute:02}{second}",
        "shop": maybe(rng.choice(SHOPS)),
        "customer": maybe(rng.randrange(-2, 9)),
        "amount": maybe(cents(-5000, 20000)),
        "rate": maybe(decimal.Decimal(rng.randrange(0, 3000)).scaleb(-3)),
        "qty": maybe(rng.randrange(-3, 12)),
        "weight": maybe(rng.randrange(-40, 400) / 8),
        "paid": maybe(rng.choice(["true", "false", "TRUE", "False"])),
        "due": maybe((datetime.date(2024, 2, 28) + datetime.timedelta(days=rng.randrange(0, 400))).isoformat()),
        "note": rng.choice(NOTES),
    }


orders = [order(n) for n in range(360)]
names = list(orders[0])
write_csv("orders-1.csv", names, orders[:120])
write_csv("orders-2.csv", names, orders[120:240])
# Read last, as a number comes; the columns in another order, and one is not there.
write_csv("orders-10.csv", ["ts", "id"] + names[2:-1], orders[240:])

# Clicks: JSON Lines, milliseconds, nested, compressed in two ways.
def click(number):
    begin = 1_711_800_000_000 + rng.randrange(0, 40) * 1_700_000
    out = {"t": begin + rng.choice([0, 0, 1, 999, 60_000, 600_000, 1_800_000]), "user": {}}
    if rng.random() < 0.9:
        out["user"]["name"] = rng.choice(["ann", "bob", "Çem", "ann ", "", "dora"])
    out["user"]["city"] = maybe(rng.choice(["Ely", "Łódź", "Rome"]))
    out["page"] = maybe(rng.choice(["/", "/a", "/b?x=1", "/ü", "/A"]))
    out["ms"] = maybe(rng.randrange(0, 5000))
    out["score"] = maybe(rng.randrange(-80, 80) / 8)
    out["price"] = maybe(str(cents(-300, 900)))
    out["ok"] = maybe(rng.random() < 0.6)
    if rng.random() < 0.1:
        del out["page"]
    out["n"] = number
    return out


clicks = [json.dumps(click(n), ensure_ascii=n % 3 == 0) for n in range(300)]
def lines(rows):
    return ("\n".join(rows) + "\n").encode()
open("clicks-1.jsonl", "wb").write(lines(clicks[:100]))
open("clicks-2.jsonl.gz", "wb").write(gzip.compress(lines(clicks[100:200]), mtime=0))
zstd = subprocess.run(["zstd", "-q", "-3", "-c"], input=lines(clicks[200:]), stdout=subprocess.PIPE, check=True)
open("clicks-3.jsonl.zst", "wb").write(zstd.stdout)

# Readings: no header, `|` between fields, seconds, also before 1970.
readings = [
    {"sensor": rng.choice(["a1", "a2", "b1", "b10"]), "at": rng.choice([-1, 0, 1, 86_399, -86_400, rng.randrange(-90_000, 90_000)]),
     "celsius": maybe(decimal.Decimal(rng.randrange(-400, 400)).scaleb(-1)), "flag": maybe(rng.randrange(0, 4))}
    for _ in range(150)
]
write_csv("readings.csv", ["sensor", "at", "celsius", "flag"], readings, delimiter="|", header=False)

# Access: a strftime format with an offset, tabs, and an arrival.
access = []
when = datetime.datetime(2024, 2, 28, 22, 0, tzinfo=datetime.timezone.utc)
for n in range(160):
    when += datetime.timedelta(seconds=rng.choice([0, 1, 5, 40, 300, 900]))
    zone = datetime.timezone(datetime.timedelta(minutes=rng.choice([0, 330, -480, 60])))
    happened = when - datetime.timedelta(seconds=rng.choice([0, 0, 3, 30, 1200, -7200]))
    access.append({"host": rng.choice(["h1", "h2", "h3"]), "time": happened.astimezone(zone).strftime("%d/%b/%Y:%H:%M:%S %z"),
                   "seen": when.strftime("%Y-%m-%dT%H:%M:%SZ"), "bytes": maybe(rng.randrange(0, 90_000)), "status": rng.choice([200, 200, 304, 404, 500])})
write_csv("access.tsv", list(access[0]), access, delimiter="\t")

# Rates of shops over time, with ties and gaps; and shops without a time.
rates = []
for n in range(70):
    at = datetime.datetime(2024, 3, 28, tzinfo=datetime.timezone.utc) + datetime.timedelta(hours=rng.randrange(0, 24 * 290))
    if n % 3:
        at = datetime.datetime(2024, 3, 29, 12, tzinfo=datetime.timezone.utc) + datetime.timedelta(minutes=15 * rng.randrange(0, 300))
    rates.append({"shop": maybe(rng.choice(SHOPS)), "since": at.strftime("%Y-%m-%dT%H:%M:%SZ"),
                  "discount": maybe(decimal.Decimal(rng.randrange(0, 50)).scaleb(-2), 0.3), "grade": maybe(rng.choice(["gold", "iron", ""]), 0.3), "level": maybe(rng.randrange(1, 9), 0.2)})
rates.append(dict(rates[3], level=99))
rates.append(dict(rates[5], discount=None, level=77))
write_csv("rates.csv", list(rates[0]), rates)
write_csv("shops.csv", ["shop", "country", "opened"],
          [{"shop": "Ely", "country": "GB", "opened": "1999-05-01"}, {"shop": "Łódź", "country": "PL", "opened": None},
           {"shop": "Zürich", "country": None, "opened": "2003-12-31"}, {"shop": "a,b", "country": "XX", "opened": "2020-02-29"},
           {"shop": "Ely", "country": "UK", "opened": "1999-05-02"}])

# Records of which some are bad: each in a way of its own.
bad = ["at,kind,count,price,day,ok"]
for n in range(60):
    bad.append(f"2024-05-{1 + n % 28:02}T{n % 24:02}:30:00Z,{'abc'[n % 3]},{n - 20},{(n * 7) % 50}.{n % 10}0,2024-02-{1 + n % 29:02},{'true' if n % 4 else 'false'}")
for at, line in [(5, "2024-05-40T00:00:00Z,a,1,1.00,2024-01-01,true"), (9, ",a,1,1.00,2024-01-01,true"), (14, "2024-05-01T00:00:00Z,a,one,1.00,2024-01-01,true"),
                 (20, "2024-05-01T00:00:00Z,a,1,1.005,2024-01-01,true"), (22, "2024-05-01T00:00:00Z,a,1,1.00,2023-02-29,true"), (30, "2024-05-01T00:00:00Z,a,1,1.00,2024-01-01,yes"),
                 (31, "1824-05-01T00:00:00Z,a,1,1.00,2024-01-01,true"), (33, "2024-05-01T00:00:00Z,a,99999999999999999999,1.00,2024-01-01,true"),
                 (40, "2024-02-30T00:00:00Z,b,1,1.00,2024-01-01,true"), (44, "2024-05-01T00:00:00Z,b,1,12345678.00,2024-01-01,true"), (50, "2024-05-01T00:00:00Z,b,1,1.5000,2024-01-01,TRUE")]:
    bad.insert(at, line)
open("bad.csv", "w").write("\n".join(bad) + "\n")

# Parquet of two files: typed columns, an instant and a wall clock.
import pyarrow as pa
import pyarrow.parquet as pq

def meter(number):
    at = datetime.datetime(2024, 6, 1, tzinfo=datetime.timezone.utc) + datetime.timedelta(seconds=rng.randrange(0, 4 * 86_400), microseconds=rng.choice([0, 0, 500_000, 999_999]))
    return {"at": at, "meter": rng.choice(["m1", "m2", "m10", None]), "kwh": maybe(decimal.Decimal(rng.randrange(-1000, 90_000)).scaleb(-3)), "watts": maybe(rng.randrange(0, 3000)),
            "volts": maybe(rng.randrange(1600, 2000) / 8), "ok": maybe(rng.random() < 0.7), "read_on": maybe(at.date())}

schema = pa.schema([("at", pa.timestamp("us", "UTC")), ("meter", pa.string()), ("kwh", pa.decimal128(12, 3)), ("watts", pa.int32()), ("volts", pa.float64()), ("ok", pa.bool_()), ("read_on", pa.date32())])
meters = [meter(n) for n in range(200)]
for number, part in enumerate([meters[:100], meters[100:]]):
    pq.write_table(pa.Table.from_pylist(part, schema), f"meters-{number}.parquet", compression="snappy")
