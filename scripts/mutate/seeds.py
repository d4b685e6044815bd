"""What cases begin with: good files of every format, of fixed content."""
import base64
import datetime
import gzip
import json
import pathlib
import random

from . import avro, jobs

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
# `SMALL` of below by `zstd -19`, with its checksum: Python has no zstd before 3.14.
ZSTD = base64.b64decode(
    "KLUv/QRovQwAso0qIJBNB///K19C+f0Xzha8BcBnL9zqExT+25ale/3q3LkEwHOzE3VoOjkcg+0RTuyckzRn8DGaISDWnvhv7zQ3135u1k1wZlr3ZlGd2rWm"
    "Cri6bd4ZiP4xJIhFuphzQBB+M1yuam5bBMOSmfIJyu938NznYbDgV6sY6GfK9Vw/krWqOOuXy7a/Ur4h3LEG/0zQrieaWuF85kvCrFQWChaG5ga2N3/u3Tr1"
    "jQluqAG+m5mipEZrYEQic2UeUQjKGYkEBDEiFeAUpjLMAfD5uLGk/iMKCfNDhinkvHvYFjkxAog4KZuADItMFe/+BjvT3ZEBZX6Z/l2Mad3dMxSG5wMQBnb+"
    "7IfDiRwM6HQTJs6OBUK5QpsWDrUpxaT3vfJD4JKkwhBthkI/ajWbIGhwPDVdWbdiprUfYdc+SQjKRhg5OBv+obB4vS30UwA+AaQJCdezZ3rwEAGKJVTsSJZN"
    "hyLQU1H0CRxlFdPwf2fl/xMaZ27Whz/uvRDKOeMUn/AgQnL7m4Ucbg7/nfNDOybpLpgsRM1WVQFObcRq"
)
HEADER = ["at", "k", "n", "x", "d", "b", "t"]
TEXTS = ["red", "green", "blue", "a, b", 'say "hi"', "two\nlines", "", "ü💩", " padded ", "null", "07"]


def rows(count=60, seed=1):
    """Events over two days, some out of order, some equal, some with gaps."""
    draw = random.Random(seed)
    at = 1717200000
    made = []
    for _ in range(count):
        at += draw.choice([0, 1, 60, 600, 1800, 7200, -900, -40])
        made.append({
            "at": at, "k": draw.choice(["a", "b", "c", "ü", None]), "n": draw.choice([0, 1, 2, 3, -7, 10**10, None]),
            "x": draw.choice([0.5, 0.1, -3.25, 1e15, None]), "d": draw.choice(["0.00", "12.50", "-3.99", "9999999.99", None]),
            "b": draw.choice([True, False, None]), "t": draw.choice(TEXTS)})
    return made


def iso(at):
    when = datetime.datetime.fromtimestamp(at, datetime.timezone.utc)
    return when.strftime("%Y-%m-%dT%H:%M:%SZ")


def csv(events, delimiter=",", end="\n", header=True, iso_times=True):
    def field(value):
        if value is None:
            return ""
        if isinstance(value, bool):
            return "true" if value else "false"
        text = str(value)
        quoted = text == "" or any(c in text for c in '"\r\n' + delimiter)
        return '"' + text.replace('"', '""') + '"' if quoted else text

    lines = [delimiter.join(HEADER)] if header else []
    for event in events:
        lines.append(delimiter.join(field(iso(v) if name == "at" and iso_times else v) for name, v in event.items()))
    return (end.join(lines) + end).encode()


def jsonl(events, nested=False):
    lines = []
    for number, event in enumerate(events):
        event = {**event, "at": iso(event["at"])}
        if event["d"] is not None:
            event["d"] = float(event["d"])
        if nested:
            event = {"at": event.pop("at"), "in": {"deep": event, "list": [1, {"a": None}]}, "z": None}
        lines.append(json.dumps(event, ensure_ascii=number % 3 == 0))
    return ("\n".join(lines) + "\n").encode()


SMALL = csv(rows(30, 2))
UNIX = 'path = "in/*"\ntime = "at"\ntime_unit = "s"\n'
ISO = 'path = "in/*"\ntime = "at"\n'


class Seed:
    """A source: its files below the case's folder, the keys of `[source]`, and the columns that jobs name."""

    def __init__(self, files, source, style, columns=jobs.PLAIN, types=jobs.TYPES):
        self.files, self.source, self.style, self.columns, self.types = files, source, style, columns, types


def text_seeds():
    events = rows()
    dotted = {"k": "in.deep.k", "n": "in.deep.n", "d": "in.deep.d", "t": "in.deep.t"}
    nested = "types = { " + ", ".join(f'"in.deep.{c}" = "{t}"' for c, t in (("k", "string"), ("n", "int64"), ("t", "string"))) + " }\n"
    no_header = 'columns = ["at", "k", "n", "x", "d", "b", "t"]\n'
    return {
        "csv": [Seed({"in/a.csv": csv(events)}, ISO, "csv"),
                Seed({"in/a.csv": csv(events, end="\r\n", iso_times=False)}, UNIX, "csv"),
                Seed({"in/a.csv": csv(events, ";")}, ISO + 'delimiter = ";"\n', "csv"),
                Seed({"in/a.csv": csv(events, header=False)}, ISO + no_header, "csv"),
                Seed({"in/a.csv": csv(events[:30]), "in/b.csv": csv(events[30:])}, ISO, "csv")],
        "tsv": [Seed({"in/a.tsv": csv(events, "\t")}, ISO, "csv"),
                Seed({"in/a.tsv": csv(events, "\t", iso_times=False)}, UNIX, "csv")],
        "jsonl": [Seed({"in/a.jsonl": jsonl(events)}, ISO, "jsonl"),
                  Seed({"in/a.jsonl": jsonl(events, nested=True)}, ISO, "jsonl", dotted, nested),
                  Seed({"in/a.jsonl": jsonl(events[:30]), "in/b.jsonl": jsonl(events[30:])}, ISO, "jsonl")],
    }


def packed_seeds():
    events = rows()
    members = gzip.compress(csv(events[:20]), 6, mtime=0) + gzip.compress(csv(events[20:], header=False), 9, mtime=0)
    return {
        "gzip": [Seed({"in/a.csv.gz": gzip.compress(csv(events), mtime=0)}, ISO, "binary"),
                 Seed({"in/a.csv.gz": members}, ISO, "binary"),
                 Seed({"in/a.jsonl.gz": gzip.compress(jsonl(events), mtime=0)}, ISO, "binary")],
        "zstd": [Seed({"in/a.csv.zst": ZSTD}, ISO, "binary"), Seed({"in/a.csv.zst": ZSTD + raw_zstd(csv(events, header=False))}, ISO, "binary")],
    }


def raw_zstd(content):
    """A Zstandard frame of raw blocks of 1,000 bytes, without a size and a checksum."""
    pieces = [content[at:at + 1000] for at in range(0, len(content), 1000)]
    blocks = [((len(piece) << 3) | (n == len(pieces) - 1)).to_bytes(3, "little") + piece for n, piece in enumerate(pieces)]
    return b"\x28\xb5\x2f\xfd\x00\x58" + b"".join(blocks)


def avro_seeds():
    draw = random.Random(3)
    types = ""
    return [Seed({"in/a.avro": avro.seed(draw, "null")}, ISO, "binary", types=types),
            Seed({"in/a.avro": avro.seed(draw, "deflate")}, ISO, "binary", types=types),
            log_seed("connect-avro", "binary")]


def log_seed(name, style):
    """A folder of data/logs; its files are mutated as `style` says."""
    folder = ROOT / "data" / "logs" / name
    files = {f"in/{path.relative_to(folder)}": path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}
    source = 'path = "in"\ntime = "viewed_at"\ntime_unit = "ms"\n'
    if name == "console":
        source = source.replace('"in"', '"in/*"') + 'format = "jsonl"\n'
    if name.startswith("spark"):
        source += 'types = { shard = "int64" }\n'
    return Seed(files, source, style, jobs.LOGS, "")


def capture_seeds():
    names = ["plain", "schema", "connect-json", "connect-json-schema", "connect-hdfs", "kcat", "kcat-json", "console", "debezium",
             "debezium-schema", "kcat-debezium", "spark-json"]
    return [log_seed(name, "capture") for name in names]


def parquet_seeds(make):
    """Files of our own, which `make` writes from a job, and those of data/logs."""
    events = rows(200, 4)
    job = 'name = "seed"\n[source]\npath = "in/*"\ntime = "at"\n' + jobs.TYPES + '[[output]]\npath = "out/e.parquet"\n'
    own = make(job, {"in/a.csv": csv(events)})["out/e.parquet"]
    seeds = [Seed({"in/a.parquet": own}, ISO, "parquet", types="")]
    return seeds + [log_seed("spark", "parquet"), log_seed("connect-parquet", "parquet")]
