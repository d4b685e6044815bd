"""Job files for the seeds: a source, and what is done with it. `{k}`, `{n}`, `{d}`, `{t}` stand for columns."""

TYPES = 'types = { k = "string", n = "int64", x = "float64", d = "decimal(12,2)", b = "bool", t = "string" }\n'

WINDOWS = """
[[output]]
path = "out/w.csv"
window = { tumbling = "1h" }
by = ["{k}"]
select = { c = "count(*)", s = "sum({n})", dd = "sum({d})", lo = "min({n})", hi = "max({d})", a = "avg({n})" }

[[output]]
path = "out/p"
window = { hopping = "24h", slide = "6h" }
by = ["{k}"]
select = { c = "count({n})", m = "median({n})", u = "count(distinct {t})", v = "var_pop({n})" }
partition_by = ["date"]

[[output]]
path = "out/e.jsonl"
"""

STEPS = """
[[step]]
filter = "{n} IS NULL OR {n} <> 3"
[[step]]
derive = { twice = "{n} * 2", word = "UPPER(COALESCE({k}, 'none'))" }
[[step]]
dedup = ["{k}", "{n}"]
within = "10m"
[[step]]
first = ["{k}"]
as = "is_first"

[[output]]
path = "out/s.jsonl"
window = { session = "30m" }
by = ["word"]
select = { c = "count(*)", f = "first({t})", l = "last({n})", q = "quantile({n}, 0.9)", firsts = "count(nullif(is_first, false))" }

[[output]]
path = "out/e"
format = "csv"
partition_by = ["date", "word"]

[[output]]
path = "out/top.csv"
window = { tumbling = "1 month" }
by = ["word"]
select = { s = "sum(twice)", sd = "stddev_samp({n})" }
top = { n = 2, by = "s desc" }
"""

STREAMED = """
[late]
path = "out/late.jsonl"

[[output]]
path = "out/live.csv"
mode = "streamed"
window = { tumbling = "1h", allowed_lateness = "10m" }
by = ["{k}"]
select = { c = "count(*)", s = "sum({n})" }

[[output]]
path = "out/firings.jsonl"
mode = "streamed"
window = { hopping = "2h", slide = "1h", allowed_lateness = "1h" }
select = { c = "count(*)" }
firings = true

[[output]]
path = "out/sessions"
mode = "streamed"
window = { session = "20m" }
by = ["{k}"]
select = { c = "count(*)", hi = "max({n})" }
"""

ARCHIVE = """
[[output]]
path = "out/archive"
archive = true
partition_by = ["date"]

[[output]]
path = "out/counts"
window = { tumbling = "1h" }
by = ["{k}"]
select = { c = "count(*)", s = "sum({n})", dd = "sum({d})" }
partition_by = ["date"]

[[output]]
path = "out/kept.csv"
window = { cumulative = "1 day", step = "6h" }
by = ["{k}"]
select = { a = "avg({n})", c = "count({t})" }
having = "c > 0"
state = true

[[output]]
path = "out/again.jsonl"
window = { tumbling = "1 day" }
by = ["{k}"]
select = { m = "median({n})", f = "first({t})" }
"""

ENRICHED = """
[table.names]
path = "names.csv"
time = "since"
types = { k = "string", name = "string", rate = "int64" }

[[step]]
enrich = "names"
on = { "{k}" = "k" }
take = { name = "name", rate = "rate" }
otherwise = [{ match = "forward", within = "1d" }, { constant = { name = "nobody", rate = 0 } }]
[[step]]
lookup = "codes.jsonl"
on = { "{k}" = "code" }
take = { colour = "colour" }
types = { code = "string", colour = "string" }

[[output]]
path = "out/named.csv"

[[output]]
path = "out/by.parquet"
window = { tumbling = "1 week" }
by = ["name", "colour"]
select = { c = "count(*)", r = "sum(rate)" }
"""

TAILS = {"windows": WINDOWS, "steps": STEPS, "streamed": STREAMED, "archive": ARCHIVE, "enriched": ENRICHED}
# What tables and lookups of ENRICHED read.
BESIDE = {"names.csv": b"since,k,name,rate\n2024-05-31T22:00:00Z,a,Anna,3\n2024-06-01T12:00:00Z,a,Ann,4\n2024-06-01T00:30:00Z,b,Bob,\n",
          "codes.jsonl": b'{"code":"a","colour":"red"}\n{"code":"b","colour":null}\n{"code":"\\u00fc","colour":"blue"}\n'}

PLAIN = {"k": "k", "n": "n", "d": "d", "t": "t"}
LOGS = {"k": "postcode", "n": "bytes", "d": "id", "t": '\\"user\\"'}


def job(source, tail, columns=None):
    """The job file: the keys of `[source]` as text, and one of TAILS."""
    text = TAILS[tail]
    for letter, name in (columns or PLAIN).items():
        text = text.replace("{" + letter + "}", name)
    return f'name = "case"\n\n[source]\n{source}{text}'
