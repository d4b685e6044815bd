"""The logs that only bench.py makes: keys of which one has half of the rows, and many small files.

numpy draws them from fixed seeds, so that the same number of rows is the same bytes.
"""
FILES = 50_000
FORMATS = ["csv", "jsonl", "parquet"]
START = 1_700_000_000


def zipf(data, rows):
    """A CSV of payments over 40 hours: key 0 has half of the rows, the others follow Zipf's law with exponent 1.1."""
    import numpy as np
    draw, step = np.random.default_rng(7), 1_000_000
    with open(data / "zipf.csv", "w") as file:
        file.write("at,key,amount\n")
        for first in range(0, rows, step):
            count = min(step, rows - first)
            keys = np.where(draw.random(count) < 0.5, 0, draw.zipf(1.1, count) % 2_000_000)
            times = START + (np.arange(first, first + count) * 144_000 // rows) + draw.integers(0, 30, count)
            cents = draw.integers(1, 1_000_000, count)
            file.writelines(f"{t},k{k},{c // 100}.{c % 100:02d}\n" for t, k, c in zip(times.tolist(), keys.tolist(), cents.tolist()))


def small(data, rows):
    """50,000 files of each format (fewer rows: fewer files), 100 rows each, a thousand files in a folder."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq
    draw = np.random.default_rng(8)
    for number in range(min(FILES, max(1, rows // 100))):
        at = (START + number * 60 % 864_000 + np.arange(100) // 2).tolist()
        postcode = [f"P{p}" for p in draw.integers(0, 3000, 100).tolist()]
        user, n = draw.integers(0, 100_000, 100).tolist(), draw.integers(0, 1000, 100).tolist()
        lines = list(zip(at, postcode, user, n))
        folders = {form: data / f"small_{form}" / f"{number // 1000:04}" for form in FORMATS}
        for folder in folders.values():
            folder.mkdir(parents=True, exist_ok=True)
        name = f"{number:06}"
        (folders["csv"] / f"{name}.csv").write_text("at,postcode,user,n\n" + "".join(f"{a},{p},{u},{m}\n" for a, p, u, m in lines))
        (folders["jsonl"] / f"{name}.jsonl").write_text(
            "".join(f'{{"at":{a},"postcode":"{p}","user":{u},"n":{m}}}\n' for a, p, u, m in lines))
        pq.write_table(pa.table({"at": at, "postcode": postcode, "user": user, "n": n}), folders["parquet"] / f"{name}.parquet")


MAKERS = {"zipf": zipf, "small": small}


def rows_of(log, rows):
    """How many rows a log has of so many that were asked for."""
    return rows if log == "zipf" else min(FILES, max(1, rows // 100)) * 100
