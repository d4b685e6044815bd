"""The kinds of cases about what lies in place: manifests, journals, locks, staged files, states, records of answers."""
import json

from . import damage, jobs, seeds
from .lab import Link, clear_outputs, put, tree

# Places that nobody may touch: seen from the folder of an output, from its state, and from the case.
VICTIMS = ["../victim/a", "../../victim/a", "../../victim/sub/b.csv", "../../../victim/a", "../in/a.csv", "../../in/a.csv", "../../job.toml", "victim/a",
           "/proc/self/environ", "../victim", "../..", ".", "", "/", "x/../../../victim/a"]
COMMANDS = [["explain", "job.toml"], ["audit", "job.toml"], ["verify", "job.toml"], ["report", "job.toml", "-o", "out/report.html"],
            ["inspect", "job.toml", "--at", "2024-06-01T12:00:00Z"], ["check", "job.toml"], ["sql", "job.toml"], ["run", "job.toml", "--json"],
            ["run", "job.toml", "--json"], ["run", "job.toml", "--json", "--changed", "reload"], ["backfill", "job.toml", "in/b.csv", "--json"],
            ["backfill", "job.toml", "--plan"], ["backfill", "job.toml", "--json"]]
READ_ONLY = ["explain", "audit", "verify", "inspect", "check", "sql"]


def base(case, stock):
    """A finished run of a job with outputs of all kinds, in place."""
    tail = case.rng.choice(["windows", "streamed", "archive"])
    job = jobs.job(seeds.ISO + jobs.TYPES + 'on_bad_record = "reject"\nrejects = "out/rejects.jsonl"\n', tail)
    files = {"in/a.csv": seeds.csv(seeds.rows(40, 5)) + b"broken,line\n"}
    out = dict(stock.made(job, {**files, **jobs.BESIDE}))
    put(files)
    put({"job.toml": job.encode()})
    return job, out


def place(case, out):
    """Puts outputs in place, and sometimes a file that came since."""
    put(out)
    if case.maybe(0.3):
        put({"in/b.csv": seeds.csv(seeds.rows(8, 6))})


def after_damage(case, good):
    """Runs a command over what lies there: nothing but the outputs is touched, and a run that ends well is right."""
    args = case.rng.choice(COMMANDS)
    before = tree()
    result = case.run(*args)
    after = tree()
    case.untouched(before, after, args[0])
    if args[0] == "run" and result.code == 0:
        case.balance(result)
    if result.code == 0 and args[0] == "run" and "in/b.csv" not in before and good is not None:
        # Of an archive the manifest says what was read: a damaged one that can be read is believed.
        data = [{name: data for name, data in now.items() if "_highwater" not in name and name in good} for now in (good, after)]
        case.same(*data, "a run that ends well left")
    if case.maybe(0.3):
        again = case.run("run", "job.toml", "--json", "--threads", "2")
        case.untouched(before, tree(), "run after that")
        if again.code == 0:
            case.balance(again)


def manifest(case, stock):
    """Damaged manifests, parts, states and change logs."""
    job, out = base(case, stock)
    kept = [name for name in out if "_highwater" in name]
    manifests = [name for name in kept if name.endswith("manifest.json")]
    damaged = dict(out)
    trusted = "archive" in job
    name = case.rng.choice(manifests * 3 + kept + list(out))
    how = case.rng.random()
    if how < 0.5 and name.endswith(".json"):
        damaged[name] = bent(case, json.loads(out[name]))
    elif how < 0.8:
        damaged[name] = damage.mutate(out[name], "state" if name.endswith((".json", ".jsonl", ".log")) else "binary", case.rng)
    elif how < 0.9:
        del damaged[name]
    else:
        damaged[name] = Link(case.rng.choice(["../../victim/a", "../victim/a", "../../../victim/a", "nowhere", "../../in/a.csv"]))
    place(case, damaged)
    after_damage(case, None if trusted else out)


def bent(case, value):
    """JSON of which one value, or a key, is another."""
    paths = []

    def walk(node, path):
        paths.append(path)
        entries = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else []
        for key, below in entries:
            walk(below, path + [key])

    walk(value, [])
    for _ in range(case.rng.choice([1, 1, 2])):
        texts = [path for path in paths if path and isinstance(path[-1], str)]
        path = case.rng.choice(paths[1:] + texts)
        node = value
        try:
            for key in path[:-1]:
                node = node[key]
            node[path[-1]]
        except (KeyError, IndexError, TypeError):
            continue
        how = case.rng.random()
        if how < 0.45:
            node[path[-1]] = case.rng.choice(VICTIMS)
        elif how < 0.8:
            node[path[-1]] = case.rng.choice([None, True, 0, -1, 2**63, 2**64, 1.5, 1e300, "", "x", [], {}, [[]], {"a": 1}, "9999-12-31T00:00:00Z", "\x00", "..",
                                              "xxh3:0"])
        elif how < 0.9:
            del node[path[-1]]
        elif isinstance(node, list):
            node.append(node[path[-1]])
        else:
            node["extra"] = node[path[-1]]
    return json.dumps(value).encode()


def journal(case, stock):
    """Journals of commits that were cut off: good ones, damaged ones, and such as lead elsewhere."""
    rng = case.rng
    job, out = base(case, stock)
    manifests = sorted(name for name in out if name.endswith("manifest.json"))
    states = [name.rsplit("/", 1)[0] for name in manifests]
    roots = [root_of(state) for state in states]
    damaged = dict(out)
    operations = []
    for state, root, name in zip(states, roots, manifests):
        parts = json.loads(out[name])["parts"]
        renames = []
        for n, part in enumerate(parts):
            if rng.random() < 0.5:
                staged = f"part-{n}"
                damaged[f"{state}/staging/{staged}"] = out[f"{root}/{part['path']}"]
                renames.append({"staged": staged, "part": part["path"], "bytes": part["bytes"]})
        if rng.random() < 0.5:
            damaged[f"{state}/staging/manifest.json"] = out[name]
        below = relative(roots[0], root)
        operations.append({"root": below, "state": relative(roots[0], state), "renames": renames,
                           "deletions": [part["path"] for part in parts if rng.random() < 0.2],
                           "manifest": rng.choice(["manifest.json", None, "manifest.json"])})
    damaged["out/.rejects.staged"] = b"{}\n"
    if rng.random() < 0.4:
        operations[0]["beside"] = [{"staged": relative(roots[0], "out/.rejects.staged"), "to": relative(roots[0], "out/rejects.jsonl")}]
    primary = {"version": 1, "id": "1-1", "role": {"primary": operations}}
    pointer = {"version": 1, "id": rng.choice(["1-1", "1-1", "2-2"]), "role": {"pointer": relative(roots[-1], states[0])}}
    texts = {f"{states[0]}/journal.json": primary}
    if len(states) > 1 and rng.random() < 0.7:
        texts[f"{states[-1]}/journal.json"] = pointer
    if rng.random() < 0.2:
        texts.pop(f"{states[0]}/journal.json")
    for name, value in texts.items():
        how = rng.random()
        if how < 0.6:
            damaged[name] = bent(case, value)
        elif how < 0.8:
            damaged[name] = damage.mutate(json.dumps(value).encode(), "state", rng)
        else:
            damaged[name] = json.dumps(value).encode()
    if rng.random() < 0.4:
        linked(case, damaged, states)
    put({name: data for name, data in damaged.items()})
    after_damage(case, None)


def linked(case, files, states):
    """One of the files or folders is a link that leads out."""
    rng = case.rng
    state = rng.choice(states)
    up = "../" * (state.count("/") + 1)
    victim = rng.choice(["victim/a", "victim", "in", "in/a.csv", "job.toml", "nowhere", "../victim/a", "../victim"])
    name = rng.choice([f"{state}/lock", f"{state}/staging", f"{state}/journal.json", f"{state}/journal.tmp", f"{state}/manifest.json", f"{state}/changes",
                       f"{state}/manifest.tmp", state, "out/rejects.jsonl", "out/late.jsonl", f"{state}/changes/000001.log"])
    for other in [other for other in files if other == name or other.startswith(name + "/")]:
        del files[other]
    depth = name.count("/")
    files[name] = Link("../" * depth + victim if rng.random() < 0.8 else up + victim)


def root_of(state):
    """The folder of an output, from its state: `out/p/_highwater`, or `out/_highwater/w.csv`."""
    return state.rsplit("/_highwater", 1)[0]


def relative(base_folder, path):
    base_parts, parts = base_folder.split("/"), path.split("/")
    while base_parts and parts and base_parts[0] == parts[0]:
        base_parts, parts = base_parts[1:], parts[1:]
    return "/".join([".."] * len(base_parts) + parts) or ""


def answers(case, stock):
    """Damaged records of answers, and the questions that they answer: the service itself is not there."""
    rng = case.rng
    records = [{"url": f"http://127.0.0.1:9/{k}/x", "status": 200, "body": {"name": k.upper(), "rate": n, "deep": {"er": [n]}}}
               for n, k in enumerate(["a", "b", "c"])]
    records.append({"url": "http://127.0.0.1:9/%C3%BC/x", "status": 404})
    text = "".join(json.dumps(record, separators=(",", ":")) + "\n" for record in records).encode()
    partial = b""
    if rng.random() < 0.4:
        cut = text.index(b"\n", rng.randrange(len(text) - 1)) + 1
        text, partial = text[:cut], text[cut:]
    take, types = rng.choice([('{ name = "/name", rate = "/rate" }', 'types = { rate = "int64" }\n'), ('{ name = "/name" }', ""), ('{ deep = "/deep" }', ""),
                              ('{ er = "/deep/er/0" }', 'types = { er = "int64" }\n')])
    failure = rng.choice(["fail", "null", "reject"])
    job = (f'name = "case"\n[source]\n{seeds.ISO}{jobs.TYPES}[[step]]\nlookup = "http://127.0.0.1:9/{{k}}/x"\ntake = {take}\n{types}retries = 0\n'
           f'timeout = "1s"\non_failure = "{failure}"\n[[output]]\npath = "out/e.jsonl"\n')
    files = {"in/a.csv": seeds.csv(seeds.rows(20, 8)), "out/e.jsonl.lookups.jsonl": damage.mutate(text, "state", rng) if rng.random() < 0.9 else text}
    if partial:
        files["out/e.jsonl.lookups.jsonl.partial"] = damage.mutate(partial, "state", rng) if rng.random() < 0.7 else partial
    put(files)
    put({"job.toml": job.encode()})
    before = tree()
    result = case.run("run", "job.toml", "--json", "--threads", "1")
    after = tree()
    case.untouched(before, after, "run")
    if result.code == 0:
        case.balance(result)
        clear_outputs()
        put({name: data for name, data in before.items() if name.startswith("out/")})
        second = case.run("run", "job.toml", "--json", *case.machine())
        if second.code == 0 and not second.faults:
            case.same(after, tree(), "run with more threads: not as with one")
    elif rng.random() < 0.3:
        case.run("run", "job.toml", "--json", "--refresh-lookups")
        case.untouched(before, tree(), "run --refresh-lookups")
