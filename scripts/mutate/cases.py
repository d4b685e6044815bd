"""The kinds of cases about what is read: data, job files, expressions, times."""
import datetime
import json
import os

from . import avro, damage, grammar, jobs, seeds
from .lab import clear_outputs, put, tree


class Stock:
    """Seeds by kind, made once for a worker."""

    def __init__(self, lab):
        self.lab = lab
        self.seeds = {**seeds.text_seeds(), **seeds.packed_seeds(), "avro": seeds.avro_seeds(), "capture": seeds.capture_seeds()}
        self.seeds["parquet"] = seeds.parquet_seeds(self.made)

    def made(self, job, files):
        return self.lab.tree_of(job, files)


def data(case, stock):
    """Damaged files of a source: one or two threads and any chunk size give the same."""
    seed = case.rng.choice(stock.seeds[case.kind])
    job, files = job_over(case, seed), dict(seed.files)
    prior = stock.made(job, {**files, **jobs.BESIDE}) if case.maybe(0.3) else {}
    name = case.rng.choice(list(files))
    if case.kind == "avro" and name == "in/a.avro" and case.maybe(0.5):
        files[name] = lying_avro(case.rng)
    else:
        files[name] = damage.mutate(files[name], seed.style, case.rng)
    if case.maybe(0.08):
        files[renamed(case, name)] = files.pop(name)
    files.update(jobs.BESIDE)
    if "names.csv" in job and case.maybe(0.3):
        files["names.csv"] = damage.mutate(files["names.csv"], "csv", case.rng)
    if "codes.jsonl" in job and case.maybe(0.3):
        files["codes.jsonl"] = damage.mutate(files["codes.jsonl"], "jsonl", case.rng)
    twice(case, job, files, prior, others=True, words=seed.style not in ("binary", "parquet"))


def job_over(case, seed, tail=None):
    """A job over a seed, with some keys of the source at random."""
    source = seed.source
    if seed.types and case.maybe(0.6):
        source += seed.types
    if case.maybe(0.5):
        source += 'on_bad_record = "reject"\n'
        if case.maybe(0.5):
            source += f'rejects = "out/rejects.{case.rng.choice(["jsonl", "csv"])}"\n'
    if case.maybe(0.3):
        source += 'out_of_orderness = "5m"\n'
    if case.maybe(0.1):
        source += 'partition = "file"\n'
    tail = tail or case.rng.choice(list(jobs.TAILS))
    # Not every layout tells when its records arrived.
    if seed.columns is jobs.LOGS and (tail == "streamed" or case.maybe(0.3)):
        source += 'arrival = "received_at"\n'
    return jobs.job(source, tail, seed.columns)


def renamed(case, name):
    """Another name in the same folder: the extension, or numbers of Kafka Connect, say something else."""
    folder = os.path.dirname(name)
    return folder + "/" + case.rng.choice(["a.csv", "a.jsonl", "a.parquet", "a.avro", "a.csv.gz", "a.jsonl.zst", "a.txt", "a", "views+0+0000000000.json",
                                           "views+0+99999999999999999999.json", "views+0+0000000005+0000000001.json", "a.tsv.gz", "ü.csv"])


def lying_avro(rng):
    """A container whose schema, counts or values are not what the rest says."""
    blocks = avro.blocks(rng, rng.randint(1, 3), rng.randint(1, 8))
    schema = json.dumps(avro.SCHEMA).encode()
    how = rng.randrange(4)
    if how == 0:
        schema = damage.mutate(schema, "state", rng, 2)
    elif how == 1:
        at = rng.randrange(len(blocks))
        blocks[at] = (rng.choice([0, -1, 1, 2**31, 2**62, -2**63, blocks[at][0] + 1]), blocks[at][1])
    elif how == 2:
        blocks = [(count, damage.mutate(body, "binary", rng, 2)) for count, body in blocks]
    else:
        codec = rng.choice(["null", "deflate", "snappy", "zstandard", "bzip2", "xz", "", "\x00", "nul"])
        return avro.container(schema, blocks, codec)
    return avro.container(schema, blocks, rng.choice(["null", "deflate"]))


def twice(case, job, files, prior, others=False, words=True):
    """Runs the job over the files with one thread and with more: the same exit code, outputs and words; the account
    balances; what fails leaves everything as it was. Where a binary file is damaged in several places, which of them is
    met first may depend on the chunks, and so do the words."""
    put(files)
    put({"job.toml": job if isinstance(job, bytes) else job.encode()})
    put(prior)
    before = tree()
    first = case.run("run", "job.toml", "--json", "--threads", "1")
    after = tree()
    settled(case, first, before, after)
    clear_outputs()
    put(prior)
    machine = case.machine()
    second = case.run("run", "job.toml", "--json", *machine)
    label = "run " + " ".join(machine)
    if first.code != second.code:
        case.find(f"{label}: exit {second.code}, with one thread {first.code}")
    elif not (first.faults or second.faults):
        case.same(after, tree(), f"{label}: not as with one thread")
        if first.out != second.out:
            case.find(f"{label}: stdout is not as with one thread")
        if words and first.words() != second.words():
            case.find(f"{label}: the message is not as with one thread")
    if others and case.maybe(0.2):
        another(case, first)
    return first


def settled(case, result, before, after):
    """What has to hold after any run."""
    if result.code == 0:
        case.balance(result)
        case.untouched(before, after, "run")
    elif result.code > 0:
        case.same(before, after, "a run that failed left")


def another(case, run):
    """One more command over what lies there: it ends well, and changes no more than it says."""
    args = case.rng.choice([
        ["explain", "job.toml"], ["audit", "job.toml"], ["audit", "job.toml", "--json"], ["verify", "job.toml"], ["verify", "job.toml"],
        ["inspect", "job.toml", "--at", "2024-06-01T12:00:00Z"], ["report", "job.toml", "-o", "out/report.html"], ["sql", "job.toml"],
        ["sql", "job.toml", "--dialect", "postgres"], ["check", "job.toml"], ["init", "in", "-o", "out/init.toml"], ["explain", "job.toml", "--json"],
        ["run", "job.toml", "--json"], ["backfill", "job.toml", "--plan"], ["run", "job.toml", "--mode", "streamed", "--quiet"]])
    before = tree()
    result = case.run(*args)
    after = tree()
    case.untouched(before, after, args[0])
    if args[0] not in ("run", "report", "init"):
        case.same(before, after, f"{args[0]} changed")
    elif result.code > 0:
        case.same(before, after, f"a {args[0]} that failed left")
    if args[0] == "verify" and run.code == 0:
        compared(case, result)
    if args[:1] == ["run"] and "--mode" not in args and (run.code, result.code) == (0, 0):
        data = [{name: data for name, data in now.items() if "_highwater" not in name} for now in (before, after)]
        case.same(*data, "a second run changed")


def compared(case, result):
    """What `verify` says has to be the same. Sums of floats may differ in the last digit: the referee rounds each."""
    noise = result.out.count(b"floating-point noise")
    if result.code == 1 and result.out.count(b": different, ") != noise:
        case.find("verify: the referee has other rows")


def job_file(case, stock):
    """Damaged job files."""
    seed = case.rng.choice(stock.seeds["csv"] + stock.seeds["jsonl"] + stock.seeds["avro"])
    good = job_over(case, seed)
    job = good.encode()
    for _ in range(20):
        job = damage.mutate(good.encode(), "toml", case.rng, case.rng.choice([1, 1, 2, 4]))
        if stays_inside(job):
            break
    else:
        job = good.encode()
    files = {**seed.files, **jobs.BESIDE}
    put(files)
    put({"job.toml": job})
    before = tree()
    checked = case.run("check", "job.toml")
    case.same(before, tree(), "check changed")
    if case.maybe(0.2):
        case.run(*case.rng.choice([["explain", "job.toml"], ["sql", "job.toml"], ["audit", "job.toml"]]))
    clear_outputs()
    first = case.run("run", "job.toml", "--json", "--threads", "1", "--chunk-size", "200")
    after = tree()
    if first.code == 0:
        if checked.code == 2:
            case.find("check refuses a job that runs")
        if b'path = "-"' not in job:
            case.balance(first)
    elif first.code > 0:
        case.same(before, after, "a run that failed left")


def stays_inside(job):
    """Whether a job names no place outside of the case's folder, and no server."""
    if b"://" in job or b"/dev/" in job or b"/proc" in job:
        return False
    quotes = job.replace(b"'", b'"')
    return b'"/' not in quotes and b"../.." not in job and b'"\\u002f' not in quotes


def expressions(case, stock):
    """Random expressions, and damaged ones, wherever a job has them."""
    seed = case.rng.choice(stock.seeds["csv"][:1] + stock.seeds["jsonl"][:1])
    rng = case.rng
    write = grammar.quoted
    lines = ['name = "case"\n[source]\n' + seed.source + jobs.TYPES]

    def made(kind=None):
        if rng.random() < 0.03:
            return rng.choice([grammar.chain, grammar.nested])(rng)
        text = grammar.expression(rng, kind, rng.choice([1, 1, 2, 2, 3, 4]))
        if rng.random() < 0.3:
            text = damage.mutate(text.encode(), "sql", rng, 2).decode(errors="replace")
        return text

    for n in range(rng.choice([0, 1, 1, 2])):
        lines.append(f"[[step]]\nderive = {{ z{n} = {write(made())} }}\n" if rng.random() < 0.6 else f"[[step]]\nfilter = {write(made('bool'))}\n")
    if rng.random() < 0.5:
        lines.append(f'[[output]]\npath = "out/e.jsonl"\nselect = {{ v = {write(made())}, k = "k" }}\n')
    else:
        select = [f"a{n} = {write(grammar.aggregate(rng))}" for n in range(rng.randint(1, 3))]
        lines.append('[[output]]\npath = "out/w.csv"\nwindow = { tumbling = "6h" }\nby = ["k"]\n' + f"select = {{ {', '.join(select)} }}\n")
        if rng.random() < 0.3:
            lines.append(f"having = {write(rng.choice(['a0 IS NOT NULL', 'a0 > 1', made('bool')]))}\n")
    # The cause of an expression that fails counts the rows of a batch.
    first = twice(case, "".join(lines), dict(seed.files), {}, words=False)
    if case.maybe(0.1):
        another(case, first)


def times(case, stock):
    """Random formats of times, over times that follow them and that do not."""
    rng = case.rng
    pattern = grammar.time_format(rng)
    lines = ["at,k,n,x,d,b,t"]
    for event in seeds.rows(25, rng.randrange(10**6)):
        lines.append(f"{seeds.iso(event['at'])},{event['k'] or ''},1,0.5,1.00,true,x")
    content = "\n".join(lines).encode() + b"\n"
    if "%" in pattern:
        content = retimed(content, pattern, rng)
    if case.maybe(0.7):
        content = damage.mutate(content, "time", rng)
    rule = rng.choice([f"time_format = {grammar.quoted(pattern)}\n"] * 6 + ['time_unit = "s"\n', 'time_unit = "ns"\n', ""])
    zone = rng.choice(["UTC", "Europe/London", "Australia/Lord_Howe", "America/St_Johns", "Pacific/Apia", "Antarctica/Casey", "Africa/Monrovia", "+01:00"])
    source = f'path = "in/*"\ntime = "at"\n{rule}' + jobs.TYPES + rng.choice(['on_bad_record = "reject"\n', ""])
    job = f'timezone = "{zone}"\n' + jobs.job(source, rng.choice(["windows", "streamed", "archive"]))
    twice(case, job, {"in/a.csv": content}, {}, others=True)


def retimed(content, pattern, rng):
    """The times of a CSV written by a format, as far as Python's strftime knows its letters."""
    out = []
    for number, line in enumerate(content.decode().splitlines()):
        at, rest = line.split(",", 1)
        if number:
            when = datetime.datetime.fromisoformat(at.replace("Z", "+00:00"))
            try:
                at = when.strftime(pattern.encode("ascii", "replace").decode()) if rng.random() < 0.95 else at
            except ValueError:
                pass
        out.append('"' + at.replace('"', '""') + '",' + rest if "," in at else at + "," + rest)
    return "\n".join(out).encode(errors="replace") + b"\n"


def lengths(case, stock):
    """Random lengths of time wherever a job has one."""
    rng = case.rng
    seed = stock.seeds["csv"][0]
    length = lambda: grammar.quoted(grammar.length(rng))
    good = lambda: rng.choice(['"1h"', '"1 day"', '"10m"', '"1 month"', length(), length()])
    window = rng.choice([
        lambda: f"{{ tumbling = {good()}, offset = {length()} }}", lambda: f"{{ tumbling = {length()} }}", lambda: f"{{ hopping = {good()}, slide = {good()} }}",
        lambda: f"{{ cumulative = {good()}, step = {good()} }}", lambda: f"{{ session = {length()} }}",
        lambda: f"{{ tumbling = {good()}, allowed_lateness = {length()} }}"])()
    source = seed.source + jobs.TYPES + rng.choice(["", f"out_of_orderness = {length()}\n"])
    step = rng.choice(["", "", f'[[step]]\ndedup = ["k"]\nwithin = {length()}\n'])
    mode = rng.choice(["", 'mode = "streamed"\n'])
    job = f'name = "case"\n[source]\n{source}{step}[[output]]\npath = "out/w.csv"\n{mode}window = {window}\nby = ["k"]\nselect = {{ c = "count(*)", s = "sum(n)" }}\n'
    twice(case, job, dict(seed.files), {}, others=True)


def folders(case, stock):
    """Folders that tell columns, and outputs in folders by hostile values."""
    rng = case.rng
    events = seeds.rows(24, rng.randrange(10**6))
    if case.maybe(0.5):
        files = {}
        for n in range(rng.randint(1, 4)):
            name = folder_name(rng)
            files[f"in/{rng.choice(['region', 'region', 'k', 'at', ''])}={name}/{n}.csv"] = seeds.csv(events[n * 6:n * 6 + 6])
        types = jobs.TYPES.replace(" }", f', region = "{rng.choice(["string", "int64", "date", "decimal(5,2)", "bool"])}" }}')
        job = jobs.job('path = "in"\ntime = "at"\n' + types, "windows").replace('by = ["k"]', 'by = ["k", "region"]')
        if len(files) > 1 and case.maybe(0.2):
            files["in/plain.csv"] = seeds.csv(events[:3])
    else:
        for event in events:
            event["t"] = rng.choice(grammar.FOLDER_NAMES + [None])
        form = rng.choice(["csv", "jsonl", "parquet"])
        job = ('name = "case"\n[source]\n' + seeds.ISO + jobs.TYPES + f'[[output]]\npath = "out/by"\nformat = "{form}"\nwindow = {{ tumbling = "1 day" }}\n'
               'by = ["t"]\nselect = { c = "count(*)", s = "sum(n)" }\npartition_by = ["t"]\n'
               f'[[output]]\npath = "out/events"\nformat = "{form}"\npartition_by = ["t", "date"]\n')
        files = {"in/a.csv": seeds.csv(events)}
    first = twice(case, job, files, {})
    if first.code == 0:
        compared(case, case.run("verify", "job.toml"))


def folder_name(rng):
    name = rng.choice(grammar.FOLDER_NAMES).replace("/", "%2F").replace("\\0", "%00")
    if rng.random() < 0.3:
        raw = damage.mutate(name.encode(), "csv", rng, 2).replace(b"/", b"").replace(b"\x00", b"")[:200]
        name = os.fsdecode(raw)
    return name


def split(case, stock):
    """`run(A)` and `backfill(B)` leave the same data as a run over both, of damaged lines too."""
    rng = case.rng
    ext, events = rng.choice([("csv", seeds.rows(60, 7)), ("jsonl", seeds.rows(60, 7))])
    style = ext
    content = seeds.csv(events) if ext == "csv" else seeds.jsonl(events)
    lines = content.split(b"\n")
    # The first line is whole: without it, the first run may see other columns, whose order then stays.
    head, body = lines[0] + b"\n", lines[1:-1]
    cut = rng.randint(1, len(body) - 1)
    parts = []
    for part in (body[:cut], body[cut:]):
        text = b"\n".join(part) + b"\n"
        parts.append((head if ext == "csv" or not parts else b"") + (damage.mutate(text, style, rng, 2) if rng.random() < 0.6 else text))
    source = f'path = "in/*.{ext}"\ntime = "at"\n' + jobs.TYPES + 'on_bad_record = "reject"\n'
    tail = jobs.ARCHIVE if case.maybe(0.5) else jobs.ARCHIVE[:jobs.ARCHIVE.index("[[output]]", 5)].join(["", jobs.STEPS])
    for letter, name in jobs.PLAIN.items():
        tail = tail.replace("{" + letter + "}", name)
    job = f'name = "case"\n\n[source]\n{source}{tail}'
    first, late = f"in/a.{ext}", f"in/b.{ext}"
    put({"job.toml": job.encode(), first: parts[0]})
    if case.run("run", "job.toml", "--json", "--threads", "1").code != 0:
        return
    put({late: parts[1]})
    before = tree("out")
    corrected = case.run("backfill", "job.toml", late, "--json", *case.machine())
    after = tree("out")
    if corrected.code != 0:
        return case.same(before, after, "a backfill that failed left")
    clear_outputs()
    whole = case.run("run", "job.toml", "--json", "--threads", "1")
    if whole.code != 0:
        return case.find(f"backfill: done, but a run over both exits with {whole.code}")
    bare = [{name: data for name, data in now.items() if "_highwater" not in name} for now in (after, tree("out"))]
    case.same(*bare, "run and backfill: not as a run over both")
